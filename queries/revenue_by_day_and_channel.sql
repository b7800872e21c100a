-- name: revenue_by_day_and_channel
-- summary: Net sales a day and channel in the shop's time zone and currency, as the shop's own sales report counts them.
-- kind: query
-- param: from date 2026-01-01 First day, in the shop's time zone.
-- param: to date 2026-12-31 Last day, in the shop's time zone.
-- param: shop string '%' The shop's domain; % for all shops.
-- param: currency string '%' The shop's currency, ISO 4217; % for all, a row each.
-- param: time_zone string 'UTC' The shop's time zone, such as Europe/Berlin.
-- param: order_days integer 400 How many days before the first one the order of a return may have last changed.
-- column: day date Day in the shop's time zone: of the order for sales, of refund or cancellation for returns.
-- column: channel string The order's source_name; unknown where it or the order is.
-- column: currency string The shop's currency.
-- column: orders bigint Orders placed on that day.
-- column: gross_sales decimal(38,4) Price times quantity, taxes excluded.
-- column: discounts decimal(38,4) Discounts on lines and on orders, taxes excluded.
-- column: returns decimal(38,4) What was given back for goods, taxes excluded.
-- column: net_sales decimal(38,4) Gross sales less discounts less returns.
--
-- Test orders, deleted orders, gift cards, taxes, shipping and tips are out. Unpaid orders are in. A cancelled order is a
-- sale when it was placed, and what no refund gave back of it is a return when it was cancelled. queries/README.md has the
-- definition.

WITH line_events AS (
    SELECT
        *,
        rank() OVER (
            PARTITION BY account, order_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM order_line_sales
    WHERE dt >= date_add('day', -1 - :order_days, :from) AND account LIKE :shop
),
lines AS (
    SELECT * FROM line_events WHERE age = 1
),
orders AS (
    SELECT
        account,
        order_id,
        channel,
        currency,
        taxes_included,
        cancelled_at,
        is_test OR is_deleted AS is_out,
        coalesce(sum(CASE WHEN NOT is_gift_card THEN sales END), DECIMAL '0.0000') AS sales
    FROM lines
    GROUP BY account, order_id, channel, currency, taxes_included, cancelled_at, is_test OR is_deleted
),
refund_events AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY account, refund_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM shopify_refunds
    WHERE dt >= date_add('day', -1 - :order_days, :from) AND account LIKE :shop
),
refunds AS (
    SELECT
        r.account,
        r.order_id,
        coalesce(r.processed_at, r.created_at, r.occurred_at) AS refunded_at,
        coalesce(o.channel, 'unknown') AS channel,
        coalesce(o.currency, r.currency) AS currency,
        CASE
            WHEN r.refund_subtotal IS NULL AND r.adjustment_amount IS NULL AND r.shipping_refund IS NULL
                THEN coalesce(r.transaction_amount, DECIMAL '0.0000')
            ELSE coalesce(r.refund_subtotal, DECIMAL '0.0000')
                - CASE WHEN o.taxes_included THEN coalesce(r.refund_tax, DECIMAL '0.0000') ELSE DECIMAL '0.0000' END
                - coalesce(r.adjustment_amount, DECIMAL '0.0000')
        END AS returned
    FROM refund_events r
    LEFT JOIN orders o ON o.account = r.account AND o.order_id = r.order_id
    WHERE r.age = 1 AND NOT coalesce(o.is_out, false)
),
refunded AS (
    SELECT account, order_id, sum(returned) AS returned FROM refunds GROUP BY account, order_id
),
movements AS (
    SELECT
        placed_at AS moved_at,
        channel,
        currency,
        account || '/' || order_id AS order_key,
        gross_sales,
        discounts,
        DECIMAL '0.0000' AS returned
    FROM lines
    WHERE NOT is_test AND NOT is_deleted AND NOT is_gift_card
    UNION ALL
    SELECT refunded_at, channel, currency, NULL, DECIMAL '0.0000', DECIMAL '0.0000', returned
    FROM refunds
    UNION ALL
    SELECT
        o.cancelled_at,
        o.channel,
        o.currency,
        NULL,
        DECIMAL '0.0000',
        DECIMAL '0.0000',
        o.sales - coalesce(r.returned, DECIMAL '0.0000')
    FROM orders o
    LEFT JOIN refunded r ON r.account = o.account AND r.order_id = o.order_id
    WHERE o.cancelled_at IS NOT NULL AND NOT o.is_out AND o.sales > coalesce(r.returned, DECIMAL '0.0000')
),
days AS (
    SELECT
        *,
        CAST(date_format(at_timezone(with_timezone(moved_at, 'UTC'), :time_zone), '%Y-%m-%d') AS date) AS day
    FROM movements
)
SELECT
    day,
    channel,
    currency,
    count(DISTINCT order_key) AS orders,
    coalesce(sum(gross_sales), DECIMAL '0.0000') AS gross_sales,
    coalesce(sum(discounts), DECIMAL '0.0000') AS discounts,
    sum(returned) AS returns,
    coalesce(sum(gross_sales), DECIMAL '0.0000') - coalesce(sum(discounts), DECIMAL '0.0000') - sum(returned) AS net_sales
FROM days
WHERE day BETWEEN :from AND :to AND currency LIKE :currency
GROUP BY day, channel, currency
ORDER BY day, channel, currency
