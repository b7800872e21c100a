-- name: abandoned_checkouts
-- summary: Checkouts that were left with something in them, by buyers who can be reached and have not ordered since.
-- kind: query
-- param: hours integer 4 How long a checkout has been left alone before it counts as abandoned.
-- param: days integer 14 How many days back a checkout is still worth chasing.
-- param: min_total decimal 20.00 The least total, in the shop's currency.
-- param: shop string '%' The shop's domain; % for all shops.
-- column: account string Shop domain.
-- column: token string Token of the checkout.
-- column: customer_id string Shopify's id of the customer, if known.
-- column: customer_key string Keyed hash of the buyer's e-mail address.
-- column: accepts_marketing boolean Whether the buyer agreed to be written to.
-- column: total_price decimal(18,4) All that the buyer would pay.
-- column: currency string The shop's currency.
-- column: total_quantity bigint Pieces in it.
-- column: product_titles array<string> What is in it.
-- column: utm_source string Campaign source of the landing page.
-- column: left_at timestamp When it last changed, UTC.
-- column: hours_ago bigint Whole hours since then.
-- column: orders_before bigint Orders that the buyer placed in those days before.

WITH versions AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY account, token
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM shopify_checkouts
    WHERE dt >= date_add('day', -1 - :days, current_date) AND account LIKE :shop
),
checkouts AS (
    SELECT *
    FROM versions
    WHERE age = 1
        AND NOT coalesce(is_deleted, false)
        AND completed_at IS NULL
        AND (customer_id IS NOT NULL OR customer_key IS NOT NULL)
        AND coalesce(total_quantity, line_item_count, 0) > 0
        AND total_price >= :min_total
        AND occurred_at <= date_add('hour', -:hours, localtimestamp)
        AND occurred_at >= date_add('day', -:days, localtimestamp)
),
orders AS (
    SELECT
        account,
        order_id,
        max(checkout_token) AS checkout_token,
        max(customer_key) AS customer_key,
        max(coalesce(processed_at, created_at)) AS placed_at
    FROM shopify_orders
    WHERE dt >= date_add('day', -1 - :days, current_date) AND account LIKE :shop
    GROUP BY account, order_id
    HAVING max(CASE WHEN is_deleted OR test THEN 1 ELSE 0 END) = 0
),
completed AS (
    SELECT DISTINCT account, checkout_token FROM orders WHERE checkout_token IS NOT NULL
),
purchases AS (
    SELECT c.account, c.token, count_if(o.placed_at >= c.created_at) AS since, count(*) AS orders
    FROM checkouts c
    JOIN orders o ON o.account = c.account AND o.customer_key = c.customer_key
    GROUP BY c.account, c.token
)
SELECT
    c.account,
    c.token,
    c.customer_id,
    c.customer_key,
    coalesce(c.accepts_marketing, false) AS accepts_marketing,
    c.total_price,
    c.currency,
    coalesce(c.total_quantity, c.line_item_count) AS total_quantity,
    c.product_titles,
    c.utm_source,
    c.occurred_at AS left_at,
    date_diff('hour', c.occurred_at, localtimestamp) AS hours_ago,
    coalesce(p.orders, 0) AS orders_before
FROM checkouts c
LEFT JOIN completed d ON d.account = c.account AND d.checkout_token = c.token
LEFT JOIN purchases p ON p.account = c.account AND p.token = c.token
WHERE d.checkout_token IS NULL AND coalesce(p.since, 0) = 0
ORDER BY c.total_price DESC, c.account, c.token
