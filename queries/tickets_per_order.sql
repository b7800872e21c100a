-- name: tickets_per_order
-- summary: How many tickets buyers open within some days after an order, by the month of the order.
-- kind: query
-- param: from date 2026-01-01 First day on which orders were placed (UTC).
-- param: to date 2026-12-31 Last day on which orders were placed (UTC).
-- param: shop string '%' The shop's domain; % for all shops.
-- param: days integer 30 How many days after an order a ticket still counts as about it.
-- column: month date First day of the month of the orders (UTC).
-- column: orders bigint Orders placed.
-- column: orders_with_key bigint How many of them name a buyer by customer_key.
-- column: orders_with_ticket bigint How many of them were followed by a ticket.
-- column: tickets bigint Tickets that followed an order.
-- column: tickets_per_order double Tickets for each order that names a buyer, to four digits.
--
-- A ticket belongs to its requester's last order before it, and so to one order at most. Deleted tickets are left
-- out.

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
    SELECT account, order_id, customer_key, coalesce(processed_at, created_at, occurred_at) AS placed_at
    FROM versions
    WHERE age = 1 AND NOT coalesce(is_deleted, false) AND NOT coalesce(test, false)
),
pairs AS (
    SELECT
        o.account,
        o.order_id,
        row_number() OVER (
            PARTITION BY t.account, t.ticket_id
            ORDER BY o.placed_at DESC, o.account, o.order_id
        ) AS place
    FROM tickets_current t
    JOIN orders o
        ON o.customer_key = t.customer_key
        AND t.created_at >= o.placed_at
        AND t.created_at < date_add('day', :days, o.placed_at)
    WHERE NOT t.is_deleted
),
counts AS (
    SELECT account, order_id, count(*) AS tickets FROM pairs WHERE place = 1 GROUP BY account, order_id
)
SELECT
    date_trunc('month', CAST(o.placed_at AS date)) AS month,
    count(*) AS orders,
    count(o.customer_key) AS orders_with_key,
    count(c.tickets) AS orders_with_ticket,
    coalesce(sum(c.tickets), 0) AS tickets,
    round(CAST(coalesce(sum(c.tickets), 0) AS double) / nullif(count(o.customer_key), 0), 4) AS tickets_per_order
FROM orders o
LEFT JOIN counts c ON c.account = o.account AND c.order_id = o.order_id
WHERE o.placed_at >= :from AND o.placed_at < date_add('day', 1, :to)
GROUP BY date_trunc('month', CAST(o.placed_at AS date))
ORDER BY month
