-- name: smurf_review_queue
-- summary: Which accounts to look at: those that play far above their record, with what speaks for it and what would clear them, and a random slice.
-- kind: query
-- param: day date 2026-06-15 The day of the scores (UTC).
-- column: account string Game or platform.
-- column: player_id string The player's id.
-- column: tier string review, re-seed, watch, or audit.
-- column: proposal string The tier in words. A person decides.
-- column: score double Robust deviations above accounts with matches enough, to two digits.
-- column: probability double The probability that an admin finds so, to four digits; NULL until verdicts have taught a model.
-- column: reasons string What speaks for it, most plainly first.
-- column: clears string What would clear it.
-- column: match_ids string The matches behind it.
-- column: model string The model's name and version.
--
-- Half or more of those who play far above their record are real talents: this is a list to look at, and no finding.

SELECT
    account,
    player_id,
    tier,
    proposal,
    round(score, 2) AS score,
    round(probability, 4) AS probability,
    array_join(evidence, '; ') AS reasons,
    array_join(clears, '; ') AS clears,
    array_join(match_ids, ' ') AS match_ids,
    model
FROM smurf_scores
WHERE dt = :day AND tier <> 'none'
ORDER BY
    CASE tier WHEN 'review' THEN 1 WHEN 're-seed' THEN 2 WHEN 'watch' THEN 3 ELSE 4 END,
    score DESC,
    account,
    player_id
