-- name: privacy_requests_open
-- summary: Privacy requests that are to be answered or carried out, with the days left and what the lake still holds.
-- kind: query
-- param: days integer 60 How many days back to look.
-- param: due_days integer 30 How many days there are to do it.
-- column: shop string Shop domain.
-- column: request string data_request, redact (a customer) or shop_redact.
-- column: customer_id string Shopify's id of the customer; NULL for a shop.
-- column: customer_key string Keyed hash of the customer's e-mail address.
-- column: asked_at timestamp When it was first asked, UTC.
-- column: due_at timestamp Until when it is to be done, UTC.
-- column: days_left bigint Whole days until then; below 0 it is overdue.
-- column: orders_held bigint Order events that the lake holds of the customer or shop.
-- column: customers_held bigint Customer events that the lake holds of the customer or shop.
--
-- A data request is listed until its time is over. A redaction is open while the lake holds anything of whom it is about,
-- so what was erased disappears from this list. What is held is looked for in all days.

WITH requests AS (
    SELECT
        coalesce(shop_domain, account) AS shop,
        CASE WHEN is_shop THEN 'shop_redact' ELSE request END AS request,
        CASE WHEN NOT is_shop THEN customer_id END AS customer_id,
        max(CASE WHEN NOT is_shop THEN customer_key END) AS customer_key,
        min(received_at) AS asked_at
    FROM privacy_requests
    WHERE dt >= date_add('day', -1 - :days, current_date)
    GROUP BY
        coalesce(shop_domain, account),
        CASE WHEN is_shop THEN 'shop_redact' ELSE request END,
        CASE WHEN NOT is_shop THEN customer_id END
),
held AS (
    SELECT account, customer_id, customer_key, count(*) AS orders, 0 AS customers
    FROM shopify_orders
    GROUP BY account, customer_id, customer_key
    UNION ALL
    SELECT account, customer_id, customer_key, 0, count(*)
    FROM shopify_customers
    GROUP BY account, customer_id, customer_key
),
matches AS (
    SELECT shop, request, customer_id, customer_key, asked_at, 0 AS orders, 0 AS customers
    FROM requests
    UNION ALL
    SELECT r.shop, r.request, r.customer_id, r.customer_key, r.asked_at, h.orders, h.customers
    FROM requests r
    JOIN (
        SELECT account, sum(orders) AS orders, sum(customers) AS customers FROM held GROUP BY account
    ) h ON h.account = r.shop
    WHERE r.request = 'shop_redact'
    UNION ALL
    SELECT r.shop, r.request, r.customer_id, r.customer_key, r.asked_at, h.orders, h.customers
    FROM requests r
    JOIN held h ON h.account = r.shop AND h.customer_id = r.customer_id
    WHERE r.request IS DISTINCT FROM 'shop_redact'
    UNION ALL
    SELECT r.shop, r.request, r.customer_id, r.customer_key, r.asked_at, h.orders, h.customers
    FROM requests r
    JOIN held h ON h.account = r.shop AND h.customer_key = r.customer_key
    WHERE r.request IS DISTINCT FROM 'shop_redact'
        AND (h.customer_id = r.customer_id) IS DISTINCT FROM true
),
found AS (
    SELECT
        shop,
        request,
        customer_id,
        customer_key,
        asked_at,
        date_add('day', :due_days, asked_at) AS due_at,
        sum(orders) AS orders_held,
        sum(customers) AS customers_held
    FROM matches
    GROUP BY shop, request, customer_id, customer_key, asked_at
)
SELECT
    shop,
    request,
    customer_id,
    customer_key,
    asked_at,
    due_at,
    date_diff('day', localtimestamp, due_at) AS days_left,
    orders_held,
    customers_held
FROM found
WHERE CASE
        WHEN request = 'data_request' THEN due_at >= localtimestamp
        ELSE orders_held + customers_held > 0
    END
ORDER BY due_at, shop, request, customer_id
