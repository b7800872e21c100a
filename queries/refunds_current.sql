-- name: refunds_current
-- summary: Each refund once.
-- kind: view
-- column: account string Shop domain or Zendesk account.
-- column: refund_id string Shopify's id of the refund.
-- column: order_id string The order.
-- column: created_at timestamp When it was made, UTC.
-- column: processed_at timestamp When the money went back, UTC.
-- column: note string Why, in the shop's words.
-- column: user_id string Who of the shop made it.
-- column: restock boolean Whether the pieces went back into stock.
-- column: currency string Currency of the amounts.
-- column: refund_subtotal decimal(18,4) Returned line items after discounts.
-- column: refund_tax decimal(18,4) Taxes of the returned line items.
-- column: shipping_refund decimal(18,4) Shipping that was given back (negative, as Shopify writes it).
-- column: adjustment_amount decimal(18,4) Difference between what was returned and what was paid back.
-- column: transaction_amount decimal(18,4) Money that went back.
-- column: quantity bigint Pieces that were returned.
-- column: line_item_ids array<string> Line items that were returned.
-- column: product_ids array<string> Products that were returned.
-- column: occurred_at timestamp When this state was reached, UTC: its version.
-- column: received_at timestamp When this state was received, UTC.
-- column: event_id string The event that this state comes from.
--
-- A refund does not change, but bodies of two API versions are two rows of its table: the latest counts.

WITH versions AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY account, refund_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM shopify_refunds
)
SELECT
    account,
    refund_id,
    order_id,
    created_at,
    processed_at,
    note,
    user_id,
    restock,
    currency,
    refund_subtotal,
    refund_tax,
    shipping_refund,
    adjustment_amount,
    transaction_amount,
    quantity,
    line_item_ids,
    product_ids,
    occurred_at,
    received_at,
    event_id
FROM versions
WHERE age = 1
