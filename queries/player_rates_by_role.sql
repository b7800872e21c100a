-- name: player_rates_by_role
-- summary: What players do in each role in ranked matches, and how that compares with the match and with the lane opponent.
-- kind: query
-- param: from date 2026-01-01 First day of the matches (UTC).
-- param: to date 2026-12-31 Last day of the matches (UTC).
-- param: min_games integer 1 Roles that a player had in fewer matches are left out.
-- column: account string Game or platform.
-- column: puuid string The player's id.
-- column: role string Position: top, jungle, middle, bottom, utility, unknown.
-- column: games bigint Ranked matches that count.
-- column: wins bigint How many of them were won.
-- column: win_rate double Share that was won, to four digits.
-- column: gold_per_minute double Gold a minute over all of them, to four digits.
-- column: creeps_per_minute double Creeps a minute, to four digits.
-- column: damage_per_minute double Damage to champions a minute, to four digits.
-- column: gold_score double Mean of gold a minute in standard deviations above the match's mean, to four digits.
-- column: damage_score double Mean of damage a minute in standard deviations above the match's mean, to four digits.
-- column: gold_lead_per_game double Gold more than the lane opponent's, a match, to four digits.
-- column: creeps_lead_per_game double Creeps more than the lane opponent's, a match, to four digits.

SELECT
    account,
    puuid,
    role,
    count(*) AS games,
    count_if(is_win) AS wins,
    round(CAST(count_if(is_win) AS double) / count(*), 4) AS win_rate,
    round(sum(gold_earned) * 60e0 / nullif(sum(seconds), 0), 4) AS gold_per_minute,
    round(sum(creeps) * 60e0 / nullif(sum(seconds), 0), 4) AS creeps_per_minute,
    round(sum(damage_to_champions) * 60e0 / nullif(sum(seconds), 0), 4) AS damage_per_minute,
    round(avg(gold_score), 4) AS gold_score,
    round(avg(damage_score), 4) AS damage_score,
    round(CAST(sum(gold_lead) AS double) / nullif(count(gold_lead), 0), 4) AS gold_lead_per_game,
    round(CAST(sum(creeps_lead) AS double) / nullif(count(creeps_lead), 0), 4) AS creeps_lead_per_game
FROM ranked_match_players
WHERE dt BETWEEN :from AND :to
GROUP BY account, puuid, role
HAVING count(*) >= :min_games
ORDER BY account, puuid, role
