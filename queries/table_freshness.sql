-- name: table_freshness
-- summary: How fresh each table is, and how long its events took to arrive.
-- kind: query
-- param: days integer 7 How many days back to look.
-- column: table_name string The table; it is not here if it has no event of those days.
-- column: events bigint Different events of those days.
-- column: newest_event timestamp When its newest event happened, UTC.
-- column: newest_arrival timestamp When its newest event arrived, UTC.
-- column: minutes_since_arrival bigint Whole minutes since then.
-- column: median_lag_seconds bigint Half of the rows arrived within so many whole seconds.
-- column: p99_lag_seconds bigint Of a hundred rows 99 arrived within so many whole seconds.
-- column: late_rows bigint Rows that arrived more than an hour after their event.
--
-- The lag is of an event's arrival at the door. An event without a (credible) time of its own counts as arriving when it
-- happened. Percentiles are exact.

WITH lags AS (
    SELECT
        table_name,
        event_id,
        occurred_at,
        received_at,
        greatest(date_diff('second', occurred_at, received_at), 0) AS lag_seconds
    FROM all_events
    WHERE dt >= date_add('day', -:days, current_date)
),
ranked AS (
    SELECT
        *,
        count(*) OVER (PARTITION BY table_name) AS table_rows,
        row_number() OVER (PARTITION BY table_name ORDER BY lag_seconds) AS place
    FROM lags
)
SELECT
    table_name,
    count(DISTINCT event_id) AS events,
    max(occurred_at) AS newest_event,
    max(received_at) AS newest_arrival,
    date_diff('minute', max(received_at), localtimestamp) AS minutes_since_arrival,
    min(lag_seconds) FILTER (WHERE place * 100 >= table_rows * 50) AS median_lag_seconds,
    min(lag_seconds) FILTER (WHERE place * 100 >= table_rows * 99) AS p99_lag_seconds,
    count_if(lag_seconds > 3600) AS late_rows
FROM ranked
GROUP BY table_name
ORDER BY table_name
