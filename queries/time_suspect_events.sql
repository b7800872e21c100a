-- name: time_suspect_events
-- summary: Events whose own time was not credible (before 2000, or more than a day ahead), by table and topic.
-- kind: query
-- param: from date 2026-01-01 First day of arrival (UTC).
-- param: to date 2026-12-31 Last day of arrival (UTC).
-- column: source string Source of the deliveries.
-- column: account string Shop, desk or game; unknown where nothing says it.
-- column: table_name string The table.
-- column: topic string What the provider calls this kind of event; unknown where nothing says it.
-- column: events bigint Events with a time that was not credible.
-- column: share double Their share of that topic's events, to four digits.
-- column: last_at timestamp When the last arrived, UTC.
-- column: last_event_id string The last: its extra has the text of the time that it had.
--
-- Such an event takes the time of its arrival, so the partition is the day of arrival. The share is of events by their
-- own day.

WITH events AS (
    SELECT
        source,
        coalesce(account, 'unknown') AS account,
        table_name,
        coalesce(topic, 'unknown') AS topic,
        count(DISTINCT event_id) AS all_of_topic,
        count(DISTINCT CASE WHEN time_suspect THEN event_id END) AS events,
        max(CASE WHEN time_suspect THEN received_at END) AS last_at,
        max_by(event_id, received_at) FILTER (WHERE time_suspect) AS last_event_id
    FROM all_events
    WHERE dt BETWEEN :from AND :to
    GROUP BY source, coalesce(account, 'unknown'), table_name, coalesce(topic, 'unknown')
)
SELECT
    source,
    account,
    table_name,
    topic,
    events,
    round(CAST(events AS double) / all_of_topic, 4) AS share,
    last_at,
    last_event_id
FROM events
WHERE events > 0
ORDER BY events DESC, source, account, table_name, topic
