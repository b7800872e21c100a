{# A row a day and shop: what changed in orders. It is filled day by day: a second run makes the last days new. #}
{{ config(materialized='incremental', incremental_strategy='insert_overwrite', partitioned_by=['dt']) }}
SELECT account,
       count(DISTINCT order_id)  AS orders_changed,
       count(*)                  AS events,
       CAST(dt AS varchar)       AS dt
FROM {{ source('lake', 'shopify_orders') }}
{% if is_incremental() %}
WHERE dt >= CAST((SELECT max(dt) FROM {{ this }}) AS date) - INTERVAL '2' DAY
{% endif %}
GROUP BY account, dt
