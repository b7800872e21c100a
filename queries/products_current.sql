-- name: products_current
-- summary: The variants of each product that has not been deleted, as its latest event has them.
-- kind: view
-- column: account string Shop domain or Zendesk account.
-- column: product_id string Shopify's id of the product.
-- column: variant_id string Shopify's id of the variant.
-- column: title string The product's title.
-- column: handle string The product's name in URLs.
-- column: vendor string Who makes it.
-- column: product_type string The shop's own type.
-- column: status string active, draft, archived.
-- column: created_at timestamp When it was created, UTC.
-- column: updated_at timestamp When it last changed, UTC.
-- column: published_at timestamp When it was published, UTC.
-- column: variant_title string The variant's title.
-- column: sku string The shop's own number of the article.
-- column: barcode string The variant's barcode.
-- column: price decimal(18,4) The variant's price in the shop's currency.
-- column: compare_at_price decimal(18,4) The price that it is compared with.
-- column: inventory_quantity bigint Pieces of the variant in stock.
-- column: inventory_item_id string Its inventory item.
-- column: price_min decimal(18,4) The least price of all variants.
-- column: price_max decimal(18,4) The greatest price of all variants.
-- column: variant_count int How many variants the product has.
-- column: total_inventory bigint Pieces of all variants in stock.
-- column: tags array<string> The shop's tags.
-- column: occurred_at timestamp When this state was reached, UTC: its version.
-- column: received_at timestamp When this state was received, UTC.
-- column: event_id string The event that this state comes from.
--
-- A state's version is occurred_at (updated_at, where the body says a credible one), then received_at, then event_id,
-- so that an older event that comes late overwrites nothing. All rows of the latest event rank first together, so a
-- variant that it no longer has is gone.

WITH versions AS (
    SELECT
        *,
        rank() OVER (
            PARTITION BY account, product_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM shopify_products
)
SELECT
    account,
    product_id,
    variant_id,
    title,
    handle,
    vendor,
    product_type,
    status,
    created_at,
    updated_at,
    published_at,
    variant_title,
    sku,
    barcode,
    price,
    compare_at_price,
    inventory_quantity,
    inventory_item_id,
    price_min,
    price_max,
    variant_count,
    total_inventory,
    tags,
    occurred_at,
    received_at,
    event_id
FROM versions
WHERE age = 1 AND NOT coalesce(is_deleted, false)
