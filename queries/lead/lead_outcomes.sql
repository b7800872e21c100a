-- name: lead_outcomes
-- summary: What came true of scores whose labels have matured, by day, model, class and decile: drift of base rate and calibration.
-- kind: query
-- param: from date 2026-05-01 First day of scores (UTC).
-- param: to date 2026-06-30 Last day of scores (UTC).
-- param: as_of date 2026-06-15 Only scores whose labels have matured by this day, and orders received by its end, count (UTC).
-- column: day date The day of the scores.
-- column: model string The model's name and version.
-- column: class string customers or prospects.
-- column: decile int 1 is the tenth that was taken for the likeliest.
-- column: people bigint How many were scored.
-- column: bought bigint How many of them bought within the horizon.
-- column: bought_share double Their share, to four digits.
-- column: foretold_share double The share that was foretold, to four digits.
-- column: base_rate double The share of the class that the model knew, to four digits.
--
-- Where bought_share and foretold_share part for whole days, the base rate has drifted: train again. Where deciles no longer
-- fall, the model has. An order counts as lead_buyers counts it, for a buyer whose name is still the one that was scored.

WITH versions AS (
    SELECT
        source,
        account,
        order_id,
        customer_id,
        customer_key,
        coalesce(processed_at, created_at, occurred_at) AS placed_at,
        cancelled_at,
        coalesce(test, false) OR coalesce(is_deleted, false) AS is_no_sale
    FROM shopify_orders
    WHERE dt >= :from AND received_at < date_add('day', 1, :as_of)
),
placed AS (
    SELECT
        source,
        account,
        order_id,
        max(customer_id) AS customer_id,
        max(customer_key) AS customer_key,
        min(placed_at) AS placed_at,
        min(cancelled_at) AS cancelled_at
    FROM versions
    GROUP BY source, account, order_id
    HAVING max(CASE WHEN is_no_sale THEN 1 ELSE 0 END) = 0
),
named AS (
    SELECT customer_key AS subject, placed_at, cancelled_at FROM placed WHERE customer_key IS NOT NULL
    UNION ALL
    SELECT source || '/' || account || '/' || customer_id, placed_at, cancelled_at
    FROM placed
    WHERE customer_id IS NOT NULL
),
judged AS (
    SELECT
        s.dt,
        s.model,
        s.class,
        s.decile,
        s.subject,
        s.horizon_days,
        s.probability,
        s.base_rate,
        max(
            CASE
                WHEN n.placed_at >= s.as_of
                    AND n.placed_at < s.label_matures_at
                    AND (n.cancelled_at IS NULL OR n.cancelled_at >= s.label_matures_at)
                    THEN 1
                ELSE 0
            END
        ) AS has_bought
    FROM lead_scores s
    LEFT JOIN named n ON n.subject = s.subject
    WHERE s.dt >= :from AND s.dt <= :to AND s.label_matures_at <= :as_of
    GROUP BY s.dt, s.model, s.class, s.decile, s.subject, s.horizon_days, s.probability, s.base_rate
)
SELECT
    dt AS day,
    model,
    class,
    decile,
    count(*) AS people,
    sum(CAST(has_bought AS bigint)) AS bought,
    round(CAST(sum(has_bought) AS double) / CAST(count(*) AS double), 4) AS bought_share,
    round(avg(probability), 4) AS foretold_share,
    round(avg(base_rate), 4) AS base_rate
FROM judged
GROUP BY dt, model, class, decile
ORDER BY dt, model, class, decile
