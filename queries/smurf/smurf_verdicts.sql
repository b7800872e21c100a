-- name: smurf_verdicts
-- summary: The latest verdict on each account that was found to be above its record or to fit it: what a model may learn from.
-- kind: query
-- param: since date 2026-01-01 The first day of verdicts (UTC).
-- param: as_of date 2026-06-15 Only what had been received by the end of this day is used (UTC).
-- column: account string Game or platform.
-- column: player_id string The player's id.
-- column: is_above boolean Whether it was found to play far above its record.
-- column: is_drawn boolean Whether it was looked at because it was drawn at random.
-- column: decided_on date The day of the verdict (UTC).
--
-- A later verdict replaces an earlier one; one that is unsure replaces nothing and teaches nothing.

WITH verdicts AS (
    SELECT
        account,
        player_id,
        verdict,
        coalesce(drawn_by, '') = 'audit' AS is_drawn,
        dt,
        row_number() OVER (
            PARTITION BY account, player_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM game_verdicts
    WHERE dt >= :since AND dt <= :as_of AND received_at < date_add('day', 1, :as_of)
        AND verdict IN ('above', 'fits')
)
SELECT account, player_id, verdict = 'above' AS is_above, is_drawn, dt AS decided_on
FROM verdicts
WHERE age = 1
ORDER BY account, player_id
