-- name: order_line_sales
-- summary: What each line item of each order event sold, as the shop's own sales reports count it (taxes excluded).
-- kind: view
-- column: dt date Partition of the order event. Filter on it.
-- column: account string Shop domain.
-- column: order_id string Shopify's id of the order.
-- column: event_id string The order event.
-- column: occurred_at timestamp The event's version of the order, UTC.
-- column: received_at timestamp When the event was received, UTC.
-- column: placed_at timestamp When the order was placed, UTC.
-- column: cancelled_at timestamp When the order was cancelled, UTC.
-- column: channel string The order's source_name, or unknown.
-- column: currency string The shop's currency.
-- column: is_test boolean Whether it is a test order.
-- column: is_deleted boolean Whether the event deletes the order.
-- column: taxes_included boolean Whether the order's prices include taxes.
-- column: line_item_id string Shopify's id of the line item; NULL where the body has no line items.
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
--
-- An order's current lines are those of its latest event: rank the events of (account, order_id) by occurred_at,
-- received_at and event_id, as order_lines_current does. A query that needs a span of days filters dt first.
-- Where prices include taxes, a line's tax is split between what was paid and what was given as a discount.

WITH lines AS (
    SELECT
        o.dt,
        o.account,
        o.order_id,
        o.event_id,
        o.occurred_at,
        o.received_at,
        coalesce(o.processed_at, o.created_at, o.occurred_at) AS placed_at,
        o.cancelled_at,
        coalesce(o.source_name, 'unknown') AS channel,
        o.currency,
        coalesce(o.test, false) AS is_test,
        coalesce(o.is_deleted, false) AS is_deleted,
        coalesce(o.taxes_included, false) AS taxes_included,
        l.line_item_id,
        l.product_id,
        l.variant_id,
        l.sku,
        l.title,
        coalesce(l.gift_card, false) AS is_gift_card,
        l.quantity,
        l.current_quantity,
        TRY_CAST(l.price * l.quantity AS decimal(18, 4)) AS list_price,
        greatest(
            coalesce(l.allocated_discount, DECIMAL '0.0000'),
            coalesce(l.total_discount, DECIMAL '0.0000')
        ) AS discount,
        CASE
            WHEN o.taxes_included THEN coalesce(l.tax, DECIMAL '0.0000')
            ELSE DECIMAL '0.0000'
        END AS included_tax
    FROM shopify_orders o
    LEFT JOIN shopify_order_lines l ON l.dt = o.dt AND l.event_id = o.event_id
),
shares AS (
    SELECT
        *,
        CASE
            WHEN list_price > discount
                THEN CAST(round(included_tax * list_price / (list_price - discount), 4) AS decimal(18, 4))
            ELSE included_tax
        END AS list_tax
    FROM lines
)
SELECT
    dt,
    account,
    order_id,
    event_id,
    occurred_at,
    received_at,
    placed_at,
    cancelled_at,
    channel,
    currency,
    is_test,
    is_deleted,
    taxes_included,
    line_item_id,
    product_id,
    variant_id,
    sku,
    title,
    is_gift_card,
    quantity,
    current_quantity,
    CAST(list_price - list_tax AS decimal(18, 4)) AS gross_sales,
    CASE
        WHEN list_price IS NOT NULL THEN CAST(discount + included_tax - list_tax AS decimal(18, 4))
    END AS discounts,
    CAST(list_price - discount - included_tax AS decimal(18, 4)) AS sales
FROM shares
