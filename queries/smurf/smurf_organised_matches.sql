-- name: smurf_organised_matches
-- summary: Matches that an organiser ran, two teams against each other, in order of time: what may be rated.
-- kind: query
-- param: since date 2026-01-01 The first day of matches (UTC).
-- param: cut_off date 2026-06-15 The first day that nothing is seen of (UTC).
-- param: as_of date 2026-06-15 Only what had been received by the end of this day is used (UTC).
-- param: late_days integer 3 What was received so many days after it happened is history that was imported, and known when it happened.
-- column: account string Game or platform.
-- column: match_id string Id of the match.
-- column: played_at timestamp When it began, UTC.
-- column: first_team string The players of one team, separated by spaces.
-- column: second_team string The players of the other.
-- column: outcome int 1 where the first team won, -1 where the second did, 0 where neither.
--
-- A match is an organiser's where it has a tournament code. A publisher's matchmade games are left out: its rules may
-- forbid ratings of them. Bots are no players, so a match with a team of bots alone is left out too.

WITH matches AS (
    SELECT dt, event_id, account, match_id
    FROM game_matches
    WHERE dt >= :since AND dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
        AND coalesce(tournament_code, '') <> ''
        AND CASE WHEN ended_at IS NULL THEN duration / 1000 ELSE duration END >= 300
),
teams AS (
    SELECT
        m.account,
        m.match_id,
        p.team_id,
        min(coalesce(p.started_at, p.occurred_at)) AS played_at,
        array_join(array_agg(p.puuid ORDER BY p.puuid), ' ') AS players,
        max(CASE WHEN p.win THEN 1 ELSE 0 END) AS won
    FROM game_match_players p
    JOIN matches m ON m.dt = p.dt AND m.event_id = p.event_id
    WHERE p.dt >= :since AND p.dt < :cut_off
        AND p.puuid <> 'BOT'
        AND NOT coalesce(p.early_surrender, false)
    GROUP BY m.account, m.match_id, p.team_id
)
SELECT
    a.account,
    a.match_id,
    a.played_at,
    a.players AS first_team,
    b.players AS second_team,
    a.won - b.won AS outcome
FROM teams a
JOIN teams b ON b.account = a.account AND b.match_id = a.match_id
WHERE a.team_id = 100 AND b.team_id = 200
ORDER BY a.played_at, a.account, a.match_id
