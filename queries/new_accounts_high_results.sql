-- name: new_accounts_high_results
-- summary: Young accounts that win more, and earn more against their lane and their match, than young accounts do.
-- kind: query
-- param: from date 2026-01-01 First day of the matches (UTC).
-- param: to date 2026-12-31 Last day of the matches (UTC).
-- param: max_level integer 50 An account is young when its level at first sight is at most this.
-- param: min_games integer 3 Players with fewer matches are left out.
-- param: min_win_rate decimal 0.60 The least share of matches won.
-- column: account string Game or platform.
-- column: puuid string The player's id.
-- column: riot_id_name string The player's name in the last of the matches.
-- column: first_level int Level of the account in the first of the matches.
-- column: last_level int Level of the account in the last of the matches.
-- column: games bigint Ranked matches that count.
-- column: wins bigint How many of them were won.
-- column: win_rate double Share that was won, to four digits.
-- column: win_rate_at_least double Lower end of Wilson's interval at 95 %, to four digits.
-- column: champions bigint Different champions that were played.
-- column: gold_score double Mean of gold a minute in standard deviations above the match's mean, to four digits.
-- column: damage_score double Mean of damage a minute in standard deviations above the match's mean, to four digits.
-- column: gold_lead_per_game double Gold more than the lane opponent's, a match, to four digits.
-- column: level_lead_per_game double Levels more than the lane opponent's at the end, a match, to four digits.
--
-- A list for people to look at, no verdict: a low level is a prior only, and KDA is left out on purpose.

WITH players AS (
    SELECT
        account,
        puuid,
        max_by(riot_id_name, started_at) AS riot_id_name,
        min_by(summoner_level, started_at) AS first_level,
        max_by(summoner_level, started_at) AS last_level,
        count(*) AS games,
        count_if(is_win) AS wins,
        CAST(count_if(is_win) AS double) / count(*) AS rate,
        count(DISTINCT champion_id) AS champions,
        round(avg(gold_score), 4) AS gold_score,
        round(avg(damage_score), 4) AS damage_score,
        round(CAST(sum(gold_lead) AS double) / nullif(count(gold_lead), 0), 4) AS gold_lead_per_game,
        round(CAST(sum(level_lead) AS double) / nullif(count(level_lead), 0), 4) AS level_lead_per_game
    FROM ranked_match_players
    WHERE dt BETWEEN :from AND :to
    GROUP BY account, puuid
)
SELECT
    account,
    puuid,
    riot_id_name,
    first_level,
    last_level,
    games,
    wins,
    round(rate, 4) AS win_rate,
    round(
        (
            rate + 3.8416e0 / (2 * games)
                - 1.96e0 * sqrt((rate * (1 - rate) + 3.8416e0 / (4 * games)) / games)
        ) / (1 + 3.8416e0 / games),
        4
    ) AS win_rate_at_least,
    champions,
    gold_score,
    damage_score,
    gold_lead_per_game,
    level_lead_per_game
FROM players
WHERE first_level <= :max_level AND games >= :min_games AND rate >= CAST(:min_win_rate AS double)
ORDER BY win_rate_at_least DESC, gold_score DESC, account, puuid
