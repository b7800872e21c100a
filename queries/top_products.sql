-- name: top_products
-- summary: The products that sold most, with the pieces, orders and money behind them.
-- kind: query
-- param: from date 2026-01-01 First day on which orders were placed, in the shop's time zone.
-- param: to date 2026-12-31 Last day on which orders were placed, in the shop's time zone.
-- param: shop string '%' The shop's domain; % for all shops.
-- param: time_zone string 'UTC' The shop's time zone, such as Europe/Berlin.
-- param: top integer 20 How many products.
-- column: place bigint Place by sales; products that sold the same share one.
-- column: account string Shop domain.
-- column: product_id string The product.
-- column: title string Its title when it was sold; the greatest where it was renamed.
-- column: currency string The shop's currency.
-- column: orders bigint Orders that have it.
-- column: pieces bigint Pieces ordered.
-- column: gross_sales decimal(38,4) Price times quantity, taxes excluded.
-- column: discounts decimal(38,4) Discounts, taxes excluded.
-- column: sales decimal(38,4) Gross sales less discounts, before returns.

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
    SELECT
        *,
        CAST(date_format(at_timezone(with_timezone(placed_at, 'UTC'), :time_zone), '%Y-%m-%d') AS date) AS day
    FROM line_events
    WHERE age = 1 AND NOT is_test AND NOT is_deleted AND NOT is_gift_card AND product_id IS NOT NULL
),
products AS (
    SELECT
        account,
        product_id,
        max(title) AS title,
        currency,
        count(DISTINCT order_id) AS orders,
        sum(quantity) AS pieces,
        CAST(sum(gross_sales) AS decimal(38, 4)) AS gross_sales,
        CAST(sum(discounts) AS decimal(38, 4)) AS discounts,
        CAST(sum(sales) AS decimal(38, 4)) AS sales
    FROM sold
    WHERE day BETWEEN :from AND :to
    GROUP BY account, product_id, currency
),
places AS (
    SELECT rank() OVER (ORDER BY sales DESC) AS place, * FROM products
)
SELECT place, account, product_id, title, currency, orders, pieces, gross_sales, discounts, sales
FROM places
WHERE place <= :top
ORDER BY place, account, product_id, currency
