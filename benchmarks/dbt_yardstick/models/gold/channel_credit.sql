select reading, model, channel, count(*) as touches, sum(credit) as credit
from {{ ref('attribution') }}
group by all
