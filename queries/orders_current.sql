-- name: orders_current
-- summary: The latest state of each order that has not been deleted.
-- kind: view
-- column: account string Shop domain or Zendesk account.
-- column: order_id string Shopify's id of the order.
-- column: order_name string What the shop calls it, such as #1001.
-- column: order_number bigint Its number in the shop.
-- column: created_at timestamp When it was created, UTC.
-- column: processed_at timestamp When it was placed, UTC: the day that the shop's own report counts it on.
-- column: updated_at timestamp When it last changed, UTC.
-- column: cancelled_at timestamp When it was cancelled, UTC.
-- column: closed_at timestamp When it was closed, UTC.
-- column: cancel_reason string Why it was cancelled.
-- column: financial_status string paid, pending, refunded, ...
-- column: fulfillment_status string fulfilled, partial, or NULL.
-- column: test boolean Whether it is a test order.
-- column: confirmed boolean Whether stock was reserved for it.
-- column: currency string The shop's currency, ISO 4217.
-- column: presentment_currency string The buyer's currency, ISO 4217.
-- column: total_price decimal(18,4) All that the buyer pays, in `currency`.
-- column: subtotal_price decimal(18,4) Line items after discounts, in `currency`.
-- column: total_line_items_price decimal(18,4) Line items before discounts: gross sales, in `currency`.
-- column: total_discounts decimal(18,4) Discounts, in `currency`.
-- column: total_tax decimal(18,4) Taxes, in `currency`.
-- column: taxes_included boolean Whether prices include taxes.
-- column: shipping_cost decimal(18,4) Shipping, in `currency`.
-- column: total_tip decimal(18,4) Tips, in `currency`.
-- column: total_outstanding decimal(18,4) What is still to be paid, in `currency`.
-- column: current_total_price decimal(18,4) The total after edits and returns, in `currency`.
-- column: presentment_total_price decimal(18,4) All that the buyer pays, in `presentment_currency`.
-- column: refunded_amount decimal(18,4) Sum of the successful refund transactions in this body, in `currency`.
-- column: line_item_count int How many line items it has.
-- column: total_quantity bigint How many pieces were ordered.
-- column: discount_codes array<string> Discount codes that were used.
-- column: customer_id string Shopify's id of the customer; NULL for guests.
-- column: customer_key string Keyed hash of the buyer's e-mail address: the same in every source.
-- column: ship_country string Country that it ships to, ISO 3166 where the body has it.
-- column: ship_province string Province that it ships to.
-- column: source_name string Channel: web, pos, shopify_draft_order, an app's id.
-- column: landing_site string The page that the buyer came in by.
-- column: utm_source string Campaign source of the landing page.
-- column: utm_medium string Campaign medium of the landing page.
-- column: utm_campaign string Campaign of the landing page.
-- column: referring_site string The page that linked to the shop.
-- column: app_id string App that made the order.
-- column: checkout_id string The checkout that it came from.
-- column: checkout_token string Token of the checkout that it came from.
-- column: cart_token string Token of the cart that it came from.
-- column: tags array<string> The shop's tags.
-- column: occurred_at timestamp When this state was reached, UTC: its version.
-- column: received_at timestamp When this state was received, UTC.
-- column: event_id string The event that this state comes from.
--
-- A state's version is occurred_at (updated_at, where the body says a credible one), then received_at, then event_id,
-- so that an older event that comes late overwrites nothing.

WITH versions AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY account, order_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM shopify_orders
)
SELECT
    account,
    order_id,
    order_name,
    order_number,
    created_at,
    processed_at,
    updated_at,
    cancelled_at,
    closed_at,
    cancel_reason,
    financial_status,
    fulfillment_status,
    test,
    confirmed,
    currency,
    presentment_currency,
    total_price,
    subtotal_price,
    total_line_items_price,
    total_discounts,
    total_tax,
    taxes_included,
    shipping_cost,
    total_tip,
    total_outstanding,
    current_total_price,
    presentment_total_price,
    refunded_amount,
    line_item_count,
    total_quantity,
    discount_codes,
    customer_id,
    customer_key,
    ship_country,
    ship_province,
    source_name,
    landing_site,
    utm_source,
    utm_medium,
    utm_campaign,
    referring_site,
    app_id,
    checkout_id,
    checkout_token,
    cart_token,
    tags,
    occurred_at,
    received_at,
    event_id
FROM versions
WHERE age = 1 AND NOT coalesce(is_deleted, false)
