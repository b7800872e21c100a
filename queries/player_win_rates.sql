-- name: player_win_rates
-- summary: Players' win rate in ranked matches, with the lower end of what it may be after so few of them.
-- kind: query
-- param: from date 2026-01-01 First day of the matches (UTC).
-- param: to date 2026-12-31 Last day of the matches (UTC).
-- param: min_games integer 1 Players with fewer matches are left out.
-- column: account string Game or platform.
-- column: puuid string The player's id.
-- column: riot_id_name string The player's name in the last of the matches.
-- column: games bigint Ranked matches that count.
-- column: wins bigint How many of them were won.
-- column: win_rate double Share that was won, to four digits.
-- column: win_rate_at_least double Lower end of Wilson's interval at 95 %, to four digits: what to rank by.
-- column: kills_per_game double Kills a match, to four digits.
-- column: deaths_per_game double Deaths a match, to four digits.
-- column: assists_per_game double Assists a match, to four digits.

WITH players AS (
    SELECT
        account,
        puuid,
        max_by(riot_id_name, started_at) AS riot_id_name,
        count(*) AS games,
        count_if(is_win) AS wins,
        sum(kills) AS kills,
        sum(deaths) AS deaths,
        sum(assists) AS assists
    FROM ranked_match_players
    WHERE dt BETWEEN :from AND :to
    GROUP BY account, puuid
    HAVING count(*) >= :min_games
),
rates AS (
    SELECT *, CAST(wins AS double) / games AS rate FROM players
)
SELECT
    account,
    puuid,
    riot_id_name,
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
    round(CAST(kills AS double) / games, 4) AS kills_per_game,
    round(CAST(deaths AS double) / games, 4) AS deaths_per_game,
    round(CAST(assists AS double) / games, 4) AS assists_per_game
FROM rates
ORDER BY win_rate_at_least DESC, account, puuid
