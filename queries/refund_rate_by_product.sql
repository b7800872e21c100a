-- name: refund_rate_by_product
-- summary: How many of the lines sold of each product were refunded, and how many pieces came back.
-- kind: query
-- param: from date 2026-01-01 First day on which orders were placed (UTC).
-- param: to date 2026-12-31 Last day on which orders were placed (UTC).
-- param: shop string '%' The shop's domain; % for all shops.
-- param: min_lines integer 1 Products with fewer lines sold are left out.
-- column: account string Shop domain.
-- column: product_id string The product.
-- column: title string Its title when it was sold; the greatest where it was renamed.
-- column: lines_sold bigint Lines of orders that have the product.
-- column: lines_refunded bigint How many of them a refund names.
-- column: refund_rate double Share of the lines that was refunded, to four digits.
-- column: pieces_sold bigint Pieces ordered.
-- column: pieces_returned bigint How many of them are no longer part of their order.
-- column: sales decimal(38,4) Gross sales less discounts, before returns.
--
-- Refunds are looked for until now, whenever they were made: a young order has had less time to be sent back.

WITH line_events AS (
    SELECT
        *,
        rank() OVER (
            PARTITION BY account, order_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM order_line_sales
    WHERE dt >= date_add('day', -1, :from) AND account LIKE :shop
),
sold AS (
    SELECT *
    FROM line_events
    WHERE age = 1
        AND NOT is_test
        AND NOT is_deleted
        AND NOT is_gift_card
        AND product_id IS NOT NULL
        AND placed_at >= :from
        AND placed_at < date_add('day', 1, :to)
),
refunded AS (
    SELECT DISTINCT r.account, u.line_item_id
    FROM shopify_refunds r
    CROSS JOIN UNNEST(r.line_item_ids) AS u (line_item_id)
    WHERE r.dt >= date_add('day', -1, :from) AND r.account LIKE :shop
)
SELECT
    s.account,
    s.product_id,
    max(s.title) AS title,
    count(*) AS lines_sold,
    count(r.line_item_id) AS lines_refunded,
    round(CAST(count(r.line_item_id) AS double) / count(*), 4) AS refund_rate,
    sum(s.quantity) AS pieces_sold,
    sum(s.quantity - coalesce(s.current_quantity, s.quantity)) AS pieces_returned,
    CAST(sum(s.sales) AS decimal(38, 4)) AS sales
FROM sold s
LEFT JOIN refunded r ON r.account = s.account AND r.line_item_id = s.line_item_id
GROUP BY s.account, s.product_id
HAVING count(*) >= :min_lines
ORDER BY refund_rate DESC, lines_sold DESC, s.account, s.product_id
