-- name: lead_list
-- summary: Whom to call first on a day: the likeliest of a class, with reasons, and a few whatever their score is.
-- kind: query
-- param: day date 2026-06-10 The day of the scores (UTC).
-- param: class string customers customers, who have ordered before, or prospects, who have not.
-- param: top integer 50 How many to call.
-- column: place bigint The place in the list by probability.
-- column: subject string Who: a customer_key, or a shop and its id of the customer.
-- column: customer_key string Keyed hash of the e-mail address.
-- column: account string The shop, for a customer without an e-mail address.
-- column: customer_id string The shop's id of a customer without an e-mail address.
-- column: percent double The probability to buy within the horizon, in hundredths, to one digit.
-- column: times_base double How often the base rate that is, to two digits.
-- column: horizon_days int The days that it is about.
-- column: decile int 1 is the tenth that is likeliest to buy.
-- column: reason_1 string The strongest reason.
-- column: reason_2 string The second.
-- column: reason_3 string The third.
-- column: explore boolean Whether they are called whatever their score is.
-- column: model string The model's name and version.
--
-- Those marked for exploration come behind the list, by their places: calling them is what later training learns from.
-- Reasons say what the model looked at; they are no causes.

WITH ranked AS (
    SELECT
        *,
        row_number() OVER (ORDER BY probability DESC, horizon_days, subject) AS place
    FROM lead_scores
    WHERE dt = :day AND class = :class
)
SELECT
    place,
    subject,
    customer_key,
    account,
    customer_id,
    round(100e0 * probability, 1) AS percent,
    round(probability / nullif(base_rate, 0e0), 2) AS times_base,
    horizon_days,
    decile,
    reason_1,
    reason_2,
    reason_3,
    explore,
    model
FROM ranked
WHERE place <= :top OR explore
ORDER BY place
