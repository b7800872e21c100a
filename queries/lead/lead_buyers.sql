-- name: lead_buyers
-- summary: Who bought within the horizon: the labels of the lead models, one row a name that a person may have at the cut-off.
-- kind: query
-- param: cut_off date 2026-06-01 The first day of the horizon (UTC).
-- param: horizon_days integer 10 How many days the label asks about.
-- param: as_of date 2026-06-15 Only what had been received by the end of this day is used (UTC).
-- param: late_days integer 3 What was received so many days after it happened is history that was imported, and known when it happened.
-- column: subject string Who, as lead_features names them: a customer_key, or a shop and its id of the customer.
--
-- Ask only when the horizon has passed. An order counts by the time that it was placed, whichever version of it was
-- seen, unless it is a test, or was deleted or cancelled before the horizon's end. A buyer's name is the one at the cut-off: the
-- key that their id had then, the key of the order itself, and the id, since whichever of these lead_features used is theirs.

WITH versions AS (
    SELECT
        source,
        account,
        order_id,
        customer_id,
        customer_key,
        coalesce(processed_at, created_at, occurred_at) AS placed_at,
        test OR (is_deleted AND occurred_at < date_add('day', :horizon_days, :cut_off)) AS is_no_sale,
        cancelled_at < date_add('day', :horizon_days, :cut_off) AS is_cancelled
    FROM shopify_orders
    WHERE dt >= :cut_off AND received_at < date_add('day', 1, :as_of)
),
placed AS (
    SELECT source, account, order_id, max(customer_id) AS customer_id, max(customer_key) AS customer_key
    FROM versions
    GROUP BY source, account, order_id
    HAVING max(CASE WHEN is_no_sale OR is_cancelled THEN 1 ELSE 0 END) = 0
        AND min(placed_at) >= :cut_off
        AND min(placed_at) < date_add('day', :horizon_days, :cut_off)
),
keyed AS (
    SELECT source, account, customer_id AS person_id, customer_key, occurred_at, received_at, event_id
    FROM shopify_orders
    WHERE dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
    UNION ALL
    SELECT source, account, customer_id, customer_key, occurred_at, received_at, event_id
    FROM shopify_checkouts
    WHERE dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
    UNION ALL
    SELECT source, account, customer_id, customer_key, occurred_at, received_at, event_id
    FROM shopify_customers
    WHERE dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
),
latest_keys AS (
    SELECT
        source,
        account,
        person_id,
        customer_key,
        row_number() OVER (
            PARTITION BY source, account, person_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM keyed
    WHERE person_id IS NOT NULL AND customer_key IS NOT NULL
),
names AS (
    SELECT customer_key AS subject FROM placed
    UNION
    SELECT source || '/' || account || '/' || customer_id FROM placed
    UNION
    SELECT k.customer_key
    FROM placed p
    JOIN latest_keys k ON k.source = p.source AND k.account = p.account AND k.person_id = p.customer_id
    WHERE k.age = 1
)
SELECT subject FROM names WHERE subject IS NOT NULL ORDER BY subject
