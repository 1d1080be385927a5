select item_id, item_name, count(distinct order_id) as orders, sum(quantity) as pieces, sum(item_price) as revenue
from {{ ref('order_items') }}
group by all
