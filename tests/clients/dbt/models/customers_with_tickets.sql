{{ config(materialized='view') }}
SELECT value.customer_key,
       sum(value.orders)                AS orders,
       coalesce(max(desk.tickets), 0)   AS tickets
FROM {{ ref('customer_value') }} AS value
LEFT JOIN (
    SELECT customer_key, count(*) AS tickets
    FROM {{ source('lake', 'tickets_current') }}
    WHERE customer_key IS NOT NULL
    GROUP BY customer_key
) AS desk ON desk.customer_key = value.customer_key
GROUP BY value.customer_key
