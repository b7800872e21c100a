-- name: customer_cohorts
-- summary: How many of the buyers who first bought in a month bought again so many months later.
-- kind: query
-- param: from date 2026-01-01 First day of first orders, in the shop's time zone.
-- param: to date 2026-12-31 Last day of first orders, in the shop's time zone.
-- param: shop string '%' The shop's domain; % for all shops.
-- param: time_zone string 'UTC' The shop's time zone, such as Europe/Berlin.
-- column: cohort date First day of the month of the first order.
-- column: months_later bigint Months from the cohort's month to the month of the order.
-- column: buyers bigint Buyers of the cohort who ordered in that month.
-- column: cohort_buyers bigint Buyers of the cohort.
-- column: share double Their share of the cohort, to four digits.
-- column: orders bigint Their orders in that month.
--
-- A buyer is a customer_key, or a customer's id in a shop where no address is known; orders without both are left out.
-- First orders are looked for in all that the lake has.

WITH orders AS (
    SELECT
        coalesce(customer_key, account || '/' || customer_id) AS buyer,
        date_trunc(
            'month',
            CAST(
                date_format(
                    at_timezone(
                        with_timezone(coalesce(processed_at, created_at, occurred_at), 'UTC'),
                        :time_zone
                    ),
                    '%Y-%m-%d'
                ) AS date
            )
        ) AS month,
        CAST(
            date_format(
                at_timezone(with_timezone(coalesce(processed_at, created_at, occurred_at), 'UTC'), :time_zone),
                '%Y-%m-%d'
            ) AS date
        ) AS day
    FROM orders_current
    WHERE account LIKE :shop
        AND NOT coalesce(test, false)
        AND cancelled_at IS NULL
        AND (customer_key IS NOT NULL OR customer_id IS NOT NULL)
),
buyers AS (
    SELECT buyer, min(month) AS cohort
    FROM orders
    GROUP BY buyer
    HAVING min(day) BETWEEN :from AND :to
),
cohorts AS (
    SELECT cohort, count(*) AS cohort_buyers FROM buyers GROUP BY cohort
)
SELECT
    b.cohort,
    date_diff('month', b.cohort, o.month) AS months_later,
    count(DISTINCT b.buyer) AS buyers,
    c.cohort_buyers,
    round(CAST(count(DISTINCT b.buyer) AS double) / c.cohort_buyers, 4) AS share,
    count(*) AS orders
FROM buyers b
JOIN orders o ON o.buyer = b.buyer
JOIN cohorts c ON c.cohort = b.cohort
GROUP BY b.cohort, o.month, c.cohort_buyers
ORDER BY b.cohort, months_later
