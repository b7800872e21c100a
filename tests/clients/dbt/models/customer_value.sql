{{ config(materialized='table') }}
SELECT account,
       customer_key,
       currency,
       count(*)          AS orders,
       sum(total_price)  AS total,
       min(created_at)   AS first_order_at,
       max(created_at)   AS last_order_at
FROM {{ source('lake', 'orders_current') }}
WHERE customer_key IS NOT NULL AND test = false
GROUP BY account, customer_key, currency
