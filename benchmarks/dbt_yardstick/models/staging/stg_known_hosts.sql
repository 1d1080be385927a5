-- Every host of a known source, plain and as the anonymisation shows it.
-- A payment provider's is no source, ''.
with sources as (
    select source from {{ source('seeds', 'sources') }}
),

prefixes as (
    select '' as prefix
    union all
    select prefix from {{ source('seeds', 'host_prefixes') }}
),

providers as (
    select unnest([
        'shop.app', 'paypal.com', 'klarna.com', 'affirm.com', 'afterpay.com', 'stripe.com', 'pay.amazon.com', 'apple.com',
        'pay.google.com'
    ]) as provider
),

hosts as (
    select prefix || source || ending as host, source, 1 as preference
    from sources
    cross join prefixes
    cross join {{ source('seeds', 'host_endings') }}
    where source not like '%.%'
    union all
    select prefix || source, source, 1
    from sources
    cross join prefixes
    where source like '%.%'
    union all
    select host, source, 0
    from {{ source('seeds', 'host_aliases') }}
    union all
    select prefix || provider, '', -1
    from providers
    cross join prefixes
),

chosen as (
    select host, arg_min(source, (preference, length(source), source)) as source
    from hosts
    group by host
)

select host, source from chosen
union all
select 'source-' || left(md5(host), 8) || '.com', min(source) from chosen group by 1
