-- The hash of every standard term, in each of its usual spellings.
with terms as (
    select source as term from {{ source('seeds', 'sources') }}
    union
    select medium from {{ source('seeds', 'media') }}
),

variants as (
    select term, unnest([term, upper(term), upper(left(term, 1)) || substr(term, 2)]) as variant
    from terms
)

select upper(left(md5(variant), 6)) as hidden, min(term) as term
from variants
group by 1
