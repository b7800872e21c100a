-- name: bought_then_asked
-- summary: Customers who bought and then opened a ticket: what they spent, what they asked, and how it stands.
-- kind: query
-- param: from date 2026-01-01 First day on which tickets were opened (UTC).
-- param: to date 2026-12-31 Last day on which tickets were opened (UTC).
-- param: days integer 30 How many days before the ticket the order may lie.
-- param: shop string '%' The shop's domain; % for all shops.
-- column: customer_key string Keyed hash of the customer's e-mail address.
-- column: desk string Zendesk account.
-- column: ticket_id string The ticket.
-- column: opened_at timestamp When it was opened, UTC.
-- column: status string How it stands.
-- column: priority string Its priority.
-- column: shop string Shop domain.
-- column: order_id string The customer's last order before the ticket.
-- column: order_name string What the shop calls it.
-- column: placed_at timestamp When it was placed, UTC.
-- column: hours_after bigint Whole hours from the order to the ticket.
-- column: total_price decimal(18,4) What the customer paid for it.
-- column: currency string The shop's currency.
-- column: financial_status string paid, pending, refunded, ...
-- column: fulfillment_status string fulfilled, partial, or NULL.

WITH versions AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY account, order_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM shopify_orders
    WHERE dt >= date_add('day', -1 - :days, :from) AND account LIKE :shop
),
orders AS (
    SELECT *, coalesce(processed_at, created_at, occurred_at) AS placed_at
    FROM versions
    WHERE age = 1 AND NOT coalesce(is_deleted, false) AND NOT coalesce(test, false)
),
pairs AS (
    SELECT
        t.customer_key,
        t.account AS desk,
        t.ticket_id,
        t.created_at AS opened_at,
        t.status,
        t.priority,
        o.account AS shop,
        o.order_id,
        o.order_name,
        o.placed_at,
        date_diff('hour', o.placed_at, t.created_at) AS hours_after,
        o.total_price,
        o.currency,
        o.financial_status,
        o.fulfillment_status,
        row_number() OVER (
            PARTITION BY t.account, t.ticket_id
            ORDER BY o.placed_at DESC, o.account, o.order_id
        ) AS place
    FROM tickets_current t
    JOIN orders o
        ON o.customer_key = t.customer_key
        AND t.created_at >= o.placed_at
        AND t.created_at < date_add('day', :days, o.placed_at)
    WHERE NOT t.is_deleted AND t.created_at >= :from AND t.created_at < date_add('day', 1, :to)
)
SELECT
    customer_key,
    desk,
    ticket_id,
    opened_at,
    status,
    priority,
    shop,
    order_id,
    order_name,
    placed_at,
    hours_after,
    total_price,
    currency,
    financial_status,
    fulfillment_status
FROM pairs
WHERE place = 1
ORDER BY opened_at, desk, ticket_id
