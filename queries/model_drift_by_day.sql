-- name: model_drift_by_day
-- summary: Features, scores and base rates that have moved away from what a model was trained on, the furthest first in each day.
-- kind: query
-- param: from date 2026-06-01 First day of scores (UTC).
-- param: to date 2026-06-30 Last day of scores (UTC).
-- param: least decimal 0.10 The least drift index: 0.1 begins to move, 0.25 is another population.
-- column: day date The day of the scores.
-- column: model string The model's name and version.
-- column: what string input: a feature. score: the probability. base_rate: the share that came true.
-- column: feature string The feature; probability of a score, label of a base rate.
-- column: drift_index double The population stability index, to four digits.
-- column: mean_before double The mean when it was trained, to four digits.
-- column: mean_now double The mean on the day, to four digits.
-- column: missing_before double The share that was missing when it was trained, to four digits.
-- column: missing_now double The share that is missing on the day, to four digits.
-- column: rows_now bigint Rows that were scored, or whose labels are known.

SELECT
    dt AS day,
    model,
    what,
    feature,
    round(drift_index, 4) AS drift_index,
    round(mean_before, 4) AS mean_before,
    round(mean_now, 4) AS mean_now,
    round(missing_before, 4) AS missing_before,
    round(missing_now, 4) AS missing_now,
    rows_now
FROM model_drift
WHERE dt >= :from AND dt <= :to AND drift_index >= CAST(:least AS double)
ORDER BY dt, drift_index DESC, model, what, feature
