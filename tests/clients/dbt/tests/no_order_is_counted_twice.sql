-- The models count each order of a known customer once: rows here are shops whose counts differ from the lake's.
SELECT made.account, made.orders, lake.orders AS expected
FROM (SELECT account, sum(orders) AS orders FROM {{ ref('customer_value') }} GROUP BY account) AS made
JOIN (
    SELECT account, count(*) AS orders
    FROM {{ source('lake', 'orders_current') }}
    WHERE customer_key IS NOT NULL AND test = false
    GROUP BY account
) AS lake ON lake.account = made.account
WHERE made.orders <> lake.orders
