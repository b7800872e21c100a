-- name: repeat_customers
-- summary: How many buyers of a span of days came back, how often, and how much of the sales is theirs.
-- kind: query
-- param: from date 2026-01-01 First day on which orders were placed (UTC).
-- param: to date 2026-12-31 Last day on which orders were placed (UTC).
-- param: shop string '%' The shop's domain; % for all shops.
-- column: orders_placed bigint Orders a buyer placed in the span; 5 stands for five and more.
-- column: buyers bigint Buyers with so many orders.
-- column: share double Their share of all buyers, to four digits.
-- column: currency string The shop's currency.
-- column: sales decimal(38,4) Gross sales less discounts of those buyers, before returns.
--
-- A buyer is a customer_key, or a customer's id in a shop where no address is known. Orders without both are left out, as
-- are cancelled ones. A buyer of two currencies is one in each.

WITH versions AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY account, order_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM shopify_orders
    WHERE dt >= date_add('day', -1, :from) AND account LIKE :shop
),
orders AS (
    SELECT
        event_id,
        currency,
        coalesce(customer_key, account || '/' || customer_id) AS buyer
    FROM versions
    WHERE age = 1
        AND NOT coalesce(is_deleted, false)
        AND NOT coalesce(test, false)
        AND cancelled_at IS NULL
        AND (customer_key IS NOT NULL OR customer_id IS NOT NULL)
        AND coalesce(processed_at, created_at, occurred_at) >= :from
        AND coalesce(processed_at, created_at, occurred_at) < date_add('day', 1, :to)
),
order_sales AS (
    SELECT event_id, sum(sales) AS sales
    FROM order_line_sales
    WHERE dt >= date_add('day', -1, :from) AND account LIKE :shop AND NOT is_gift_card
    GROUP BY event_id
),
buyers AS (
    SELECT
        o.buyer,
        o.currency,
        least(count(*), 5) AS orders_placed,
        coalesce(sum(s.sales), DECIMAL '0.0000') AS sales
    FROM orders o
    LEFT JOIN order_sales s ON s.event_id = o.event_id
    GROUP BY o.buyer, o.currency
)
SELECT
    orders_placed,
    count(*) AS buyers,
    round(CAST(count(*) AS double) / sum(count(*)) OVER (PARTITION BY currency), 4) AS share,
    currency,
    CAST(sum(sales) AS decimal(38, 4)) AS sales
FROM buyers
GROUP BY orders_placed, currency
ORDER BY currency, orders_placed
