-- name: smurf_levels
-- summary: How each account does in its first matches before a day, beside everybody in the same role: rates, never KDA, no rating.
-- kind: query
-- param: since date 2026-01-01 The first day of matches (UTC).
-- param: cut_off date 2026-06-15 The first day that nothing is seen of (UTC).
-- param: as_of date 2026-06-15 Only what had been received by the end of this day is used (UTC).
-- param: late_days integer 3 What was received so many days after it happened is history that was imported, and known when it happened.
-- param: most integer 10 So many matches of an account are looked at: its first ones.
-- param: least integer 30 A role is compared with when so many appearances in it are known.
-- column: account string Game or platform.
-- column: player_id string The player's id.
-- column: matches bigint Matches that were looked at.
-- column: won bigint How many of them were won.
-- column: first_level int Level of the account in the first of them.
-- column: days bigint Days from the first of them to the cut-off.
-- column: champions bigint Different champions in them.
-- column: gold double Gold a minute: mean deviations above the same role, to four digits; NULL where too few are known, as all of these.
-- column: creeps double Lane minions and monsters a minute.
-- column: damage double Share of the team's damage to champions.
-- column: vision double Vision score a minute.
-- column: gold_lead double Gold a minute more than the lane opponent's.
-- column: survival double Deaths a minute, fewer is more.
-- column: match_ids string The matches in order, separated by spaces.
--
-- Ranked matches and those of an organiser count, as in ranked_match_players. Each appearance is compared with all
-- appearances in its role in the span, and is kept within six deviations, so that one match says no more than that.
-- Kills and assists are left out: they rise with the lobby's weakness. This rates nobody, so it may be asked of a
-- publisher's matches too.

WITH matches AS (
    SELECT
        dt,
        event_id,
        account,
        match_id,
        CASE WHEN ended_at IS NULL THEN duration / 1000 ELSE duration END AS seconds
    FROM game_matches
    WHERE dt >= :since AND dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
        AND (queue_id IN (420, 440) OR coalesce(tournament_code, '') <> '')
        AND coalesce(map_id, 11) = 11
        AND participant_count = 10
        AND CASE WHEN ended_at IS NULL THEN duration / 1000 ELSE duration END >= 900
),
appearances AS (
    SELECT
        m.account,
        m.match_id,
        p.puuid,
        coalesce(p.started_at, p.occurred_at) AS played_at,
        coalesce(p.role, 'unknown') AS role,
        p.team_id,
        p.win AS is_win,
        p.summoner_level,
        p.champion_id,
        p.gold_earned,
        m.seconds / 60e0 AS minutes,
        CAST(p.minions_killed AS double) + coalesce(p.neutral_minions_killed, 0) AS creeps,
        CAST(p.damage_to_champions AS double) AS damage,
        p.vision_score,
        CAST(p.deaths AS double) AS deaths
    FROM game_match_players p
    JOIN matches m ON m.dt = p.dt AND m.event_id = p.event_id
    WHERE p.dt >= :since AND p.dt < :cut_off
        AND NOT coalesce(p.early_surrender, false)
        AND coalesce(p.eligible_for_progression, true)
),
rates AS (
    SELECT
        account,
        match_id,
        puuid,
        played_at,
        role,
        is_win,
        summoner_level,
        champion_id,
        gold_earned / minutes AS gold,
        creeps / minutes AS creeps,
        damage / nullif(sum(damage) OVER (PARTITION BY account, match_id, team_id), 0e0) AS damage,
        vision_score / minutes AS vision,
        CASE
            WHEN role <> 'unknown'
                AND count(*) OVER (PARTITION BY account, match_id, role) = 2
                AND min(team_id) OVER (PARTITION BY account, match_id, role)
                    <> max(team_id) OVER (PARTITION BY account, match_id, role)
                THEN (2 * gold_earned - sum(gold_earned) OVER (PARTITION BY account, match_id, role)) / minutes
        END AS gold_lead,
        -deaths / minutes AS survival
    FROM appearances
),
roles AS (
    SELECT
        role,
        count(*) AS appearances,
        avg(gold) AS gold_mean,
        stddev_pop(gold) AS gold_spread,
        avg(creeps) AS creeps_mean,
        stddev_pop(creeps) AS creeps_spread,
        avg(damage) AS damage_mean,
        stddev_pop(damage) AS damage_spread,
        avg(vision) AS vision_mean,
        stddev_pop(vision) AS vision_spread,
        avg(gold_lead) AS gold_lead_mean,
        stddev_pop(gold_lead) AS gold_lead_spread,
        avg(survival) AS survival_mean,
        stddev_pop(survival) AS survival_spread
    FROM rates
    WHERE puuid <> 'BOT'
    GROUP BY role
),
numbered AS (
    SELECT
        r.*,
        row_number() OVER (PARTITION BY r.account, r.puuid ORDER BY r.played_at, r.match_id) AS place
    FROM rates r
    WHERE r.puuid <> 'BOT'
),
compared AS (
    SELECT
        n.account,
        n.puuid,
        n.match_id,
        n.played_at,
        n.place,
        n.is_win,
        n.summoner_level,
        n.champion_id,
        CASE WHEN s.gold_spread > 1e-9 THEN (n.gold - s.gold_mean) / s.gold_spread END AS gold,
        CASE WHEN s.creeps_spread > 1e-9 THEN (n.creeps - s.creeps_mean) / s.creeps_spread END AS creeps,
        CASE WHEN s.damage_spread > 1e-9 THEN (n.damage - s.damage_mean) / s.damage_spread END AS damage,
        CASE WHEN s.vision_spread > 1e-9 THEN (n.vision - s.vision_mean) / s.vision_spread END AS vision,
        CASE WHEN s.gold_lead_spread > 1e-9 THEN (n.gold_lead - s.gold_lead_mean) / s.gold_lead_spread END AS gold_lead,
        CASE WHEN s.survival_spread > 1e-9 THEN (n.survival - s.survival_mean) / s.survival_spread END AS survival
    FROM numbered n
    LEFT JOIN roles s ON s.role = n.role AND s.appearances >= :least
    WHERE n.place <= :most
)
SELECT
    account,
    puuid AS player_id,
    count(*) AS matches,
    count_if(is_win) AS won,
    min_by(summoner_level, place) AS first_level,
    date_diff('day', CAST(min(played_at) AS date), :cut_off) AS days,
    count(DISTINCT champion_id) AS champions,
    round(avg(CASE WHEN gold < -6 THEN -6e0 WHEN gold > 6 THEN 6e0 ELSE gold END), 4) AS gold,
    round(avg(CASE WHEN creeps < -6 THEN -6e0 WHEN creeps > 6 THEN 6e0 ELSE creeps END), 4) AS creeps,
    round(avg(CASE WHEN damage < -6 THEN -6e0 WHEN damage > 6 THEN 6e0 ELSE damage END), 4) AS damage,
    round(avg(CASE WHEN vision < -6 THEN -6e0 WHEN vision > 6 THEN 6e0 ELSE vision END), 4) AS vision,
    round(avg(CASE WHEN gold_lead < -6 THEN -6e0 WHEN gold_lead > 6 THEN 6e0 ELSE gold_lead END), 4) AS gold_lead,
    round(avg(CASE WHEN survival < -6 THEN -6e0 WHEN survival > 6 THEN 6e0 ELSE survival END), 4) AS survival,
    array_join(array_agg(match_id ORDER BY place), ' ') AS match_ids
FROM compared
GROUP BY account, puuid
ORDER BY account, player_id
