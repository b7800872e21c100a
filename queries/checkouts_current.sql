-- name: checkouts_current
-- summary: The latest state of each checkout that has not been deleted.
-- kind: view
-- column: account string Shop domain or Zendesk account.
-- column: token string Token of the checkout: what it is known by.
-- column: checkout_id string Shopify's id of the checkout; it may change.
-- column: cart_token string Token of its cart.
-- column: created_at timestamp When it was begun, UTC.
-- column: updated_at timestamp When it last changed, UTC.
-- column: completed_at timestamp When it became an order, UTC.
-- column: customer_id string Shopify's id of the customer, if known.
-- column: customer_key string Keyed hash of the buyer's e-mail address: the same in every source.
-- column: accepts_marketing boolean Whether the buyer agreed to be written to.
-- column: currency string The shop's currency.
-- column: presentment_currency string The buyer's currency.
-- column: total_price decimal(18,4) All that the buyer would pay, in `currency`.
-- column: subtotal_price decimal(18,4) Line items after discounts, in `currency`.
-- column: total_discounts decimal(18,4) Discounts, in `currency`.
-- column: total_tax decimal(18,4) Taxes, in `currency`.
-- column: line_item_count int How many line items it has.
-- column: total_quantity bigint How many pieces it has.
-- column: product_titles array<string> What is in it.
-- column: discount_codes array<string> Discount codes that were tried.
-- column: ship_country string Country that it would ship to.
-- column: gateway string How the buyer was about to pay.
-- column: source_name string Channel.
-- column: landing_site string The page that the buyer came in by.
-- column: utm_source string Campaign source of the landing page.
-- column: utm_medium string Campaign medium of the landing page.
-- column: utm_campaign string Campaign of the landing page.
-- column: referring_site string The page that linked to the shop.
-- column: occurred_at timestamp When this state was reached, UTC: its version.
-- column: received_at timestamp When this state was received, UTC.
-- column: event_id string The event that this state comes from.
--
-- A state's version is occurred_at (updated_at, where the body says a credible one), then received_at, then event_id,
-- so that an older event that comes late overwrites nothing. The key is the token, since the id of a checkout may
-- change.

WITH versions AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY account, token
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM shopify_checkouts
)
SELECT
    account,
    token,
    checkout_id,
    cart_token,
    created_at,
    updated_at,
    completed_at,
    customer_id,
    customer_key,
    accepts_marketing,
    currency,
    presentment_currency,
    total_price,
    subtotal_price,
    total_discounts,
    total_tax,
    line_item_count,
    total_quantity,
    product_titles,
    discount_codes,
    ship_country,
    gateway,
    source_name,
    landing_site,
    utm_source,
    utm_medium,
    utm_campaign,
    referring_site,
    occurred_at,
    received_at,
    event_id
FROM versions
WHERE age = 1 AND NOT coalesce(is_deleted, false)
