-- name: ranked_match_players
-- summary: The players of ranked matches that count, with rates a minute and how they did against the match and their lane.
-- kind: view
-- column: dt date Partition. Filter on it.
-- column: account string Game or platform.
-- column: match_id string Id of the match.
-- column: puuid string The player's id.
-- column: riot_id_name string The player's name in the game at that time.
-- column: summoner_level int Level of the account at that time.
-- column: champion_id int Champion that was played.
-- column: role string Position: top, jungle, middle, bottom, utility; unknown where the body has none.
-- column: started_at timestamp When the match began, UTC.
-- column: seconds bigint How long the player took part.
-- column: is_win boolean Whether the player won.
-- column: kills int Kills.
-- column: deaths int Deaths.
-- column: assists int Assists.
-- column: gold_earned bigint Gold.
-- column: creeps bigint Lane minions and jungle monsters.
-- column: damage_to_champions bigint Damage to champions.
-- column: gold_per_minute double Gold a minute.
-- column: creeps_per_minute double Creeps a minute.
-- column: damage_per_minute double Damage to champions a minute.
-- column: gold_score double Gold a minute in standard deviations above the mean of the match; NULL where all are alike.
-- column: creeps_score double Creeps a minute in standard deviations above the mean of the match; NULL where all are alike.
-- column: damage_score double Damage a minute in standard deviations above the mean of the match; NULL where all are alike.
-- column: gold_lead bigint Gold more than the lane opponent's; NULL where the role has not exactly two players of two teams.
-- column: creeps_lead bigint Creeps more than the lane opponent's; NULL as gold_lead.
-- column: level_lead int Levels more than the lane opponent's at the end; NULL as gold_lead.
--
-- Ranked means queue 420 or 440 on map 11 with ten participants and at least 900 seconds, no early surrender, counted for
-- the account. endOfGameResult is no part of it, since whole matches say Abort_Unexpected and older bodies say nothing.
-- Bodies without gameEndTimestamp count milliseconds. Rates are taken of the totals, which every body has.

WITH players AS (
    SELECT
        p.dt,
        p.account,
        p.match_id,
        p.puuid,
        p.riot_id_name,
        p.summoner_level,
        p.champion_id,
        coalesce(p.role, 'unknown') AS role,
        p.team_id,
        p.started_at,
        coalesce(p.time_played, CASE WHEN m.ended_at IS NULL THEN m.duration / 1000 ELSE m.duration END) AS seconds,
        p.win AS is_win,
        p.kills,
        p.deaths,
        p.assists,
        p.champion_level,
        p.gold_earned,
        CAST(p.minions_killed AS bigint) + coalesce(p.neutral_minions_killed, 0) AS creeps,
        p.damage_to_champions
    FROM game_match_players p
    JOIN game_matches m ON m.dt = p.dt AND m.event_id = p.event_id
    WHERE m.queue_id IN (420, 440)
        AND coalesce(m.map_id, 11) = 11
        AND m.participant_count = 10
        AND CASE WHEN m.ended_at IS NULL THEN m.duration / 1000 ELSE m.duration END >= 900
        AND NOT coalesce(p.early_surrender, false)
        AND coalesce(p.eligible_for_progression, true)
        AND p.puuid <> 'BOT'
),
rates AS (
    SELECT
        *,
        gold_earned * 60e0 / nullif(seconds, 0) AS gold_rate,
        creeps * 60e0 / nullif(seconds, 0) AS creeps_rate,
        damage_to_champions * 60e0 / nullif(seconds, 0) AS damage_rate,
        role <> 'unknown'
            AND count(*) OVER (PARTITION BY dt, account, match_id, role) = 2
            AND min(team_id) OVER (PARTITION BY dt, account, match_id, role)
                <> max(team_id) OVER (PARTITION BY dt, account, match_id, role) AS has_opponent
    FROM players
)
SELECT
    dt,
    account,
    match_id,
    puuid,
    riot_id_name,
    summoner_level,
    champion_id,
    role,
    started_at,
    seconds,
    is_win,
    kills,
    deaths,
    assists,
    gold_earned,
    creeps,
    damage_to_champions,
    gold_rate AS gold_per_minute,
    creeps_rate AS creeps_per_minute,
    damage_rate AS damage_per_minute,
    CASE
        WHEN max(gold_rate) OVER (PARTITION BY dt, account, match_id)
            > min(gold_rate) OVER (PARTITION BY dt, account, match_id)
            THEN (gold_rate - avg(gold_rate) OVER (PARTITION BY dt, account, match_id))
                / stddev_pop(gold_rate) OVER (PARTITION BY dt, account, match_id)
    END AS gold_score,
    CASE
        WHEN max(creeps_rate) OVER (PARTITION BY dt, account, match_id)
            > min(creeps_rate) OVER (PARTITION BY dt, account, match_id)
            THEN (creeps_rate - avg(creeps_rate) OVER (PARTITION BY dt, account, match_id))
                / stddev_pop(creeps_rate) OVER (PARTITION BY dt, account, match_id)
    END AS creeps_score,
    CASE
        WHEN max(damage_rate) OVER (PARTITION BY dt, account, match_id)
            > min(damage_rate) OVER (PARTITION BY dt, account, match_id)
            THEN (damage_rate - avg(damage_rate) OVER (PARTITION BY dt, account, match_id))
                / stddev_pop(damage_rate) OVER (PARTITION BY dt, account, match_id)
    END AS damage_score,
    CASE
        WHEN has_opponent THEN 2 * gold_earned - sum(gold_earned) OVER (PARTITION BY dt, account, match_id, role)
    END AS gold_lead,
    CASE
        WHEN has_opponent THEN 2 * creeps - sum(creeps) OVER (PARTITION BY dt, account, match_id, role)
    END AS creeps_lead,
    CASE
        WHEN has_opponent
            THEN CAST(
                2 * champion_level - sum(champion_level) OVER (PARTITION BY dt, account, match_id, role) AS integer
            )
    END AS level_lead
FROM rates
