-- name: order_lines_current
-- summary: The line items of each order that has not been deleted, as its latest event has them, with what they sold.
-- kind: view
-- column: account string Shop domain.
-- column: order_id string Shopify's id of the order.
-- column: line_item_id string Shopify's id of the line item.
-- column: placed_at timestamp When the order was placed, UTC.
-- column: channel string The order's source_name, or unknown.
-- column: currency string The shop's currency.
-- column: is_test boolean Whether it is a test order.
-- column: taxes_included boolean Whether the order's prices include taxes.
-- column: product_id string Its product; NULL for custom items.
-- column: variant_id string Its variant.
-- column: sku string The shop's own number of the article.
-- column: title string The product's title when it was sold.
-- column: is_gift_card boolean Whether it is a gift card, which is a liability and no sale.
-- column: quantity bigint Pieces ordered.
-- column: current_quantity bigint Pieces after edits and returns.
-- column: gross_sales decimal(18,4) Price times quantity, without taxes.
-- column: discounts decimal(18,4) All discounts that fall on the line, without taxes.
-- column: sales decimal(18,4) Gross sales less discounts: net sales before returns.
-- column: occurred_at timestamp When the order reached this state, UTC: its version.
-- column: received_at timestamp When this state was received, UTC.
-- column: event_id string The event that this state comes from.
--
-- All lines of the latest event rank first together, so a line that was removed from its order is gone.

WITH versions AS (
    SELECT
        *,
        rank() OVER (
            PARTITION BY account, order_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM order_line_sales
)
SELECT
    account,
    order_id,
    line_item_id,
    placed_at,
    channel,
    currency,
    is_test,
    taxes_included,
    product_id,
    variant_id,
    sku,
    title,
    is_gift_card,
    quantity,
    current_quantity,
    gross_sales,
    discounts,
    sales,
    occurred_at,
    received_at,
    event_id
FROM versions
WHERE age = 1 AND NOT is_deleted AND line_item_id IS NOT NULL
