-- name: events_by_source_and_hour
-- summary: How many events came in each hour, by source and topic.
-- kind: query
-- param: from date 2026-01-01 First day of arrival (UTC).
-- param: to date 2026-12-31 Last day of arrival (UTC).
-- param: late_days integer 3 How many days before its arrival an event may have happened.
-- column: hour timestamp The hour of arrival, UTC.
-- column: source string Source of the deliveries.
-- column: topic string What the provider calls this kind of event; unknown where nothing says it.
-- column: events bigint Different events.
-- column: rows_stored bigint Rows that they became, in all tables.

SELECT
    date_trunc('hour', received_at) AS hour,
    source,
    coalesce(topic, 'unknown') AS topic,
    count(DISTINCT event_id) AS events,
    count(*) AS rows_stored
FROM all_events
WHERE dt >= date_add('day', -:late_days, :from)
    AND dt <= date_add('day', 1, :to)
    AND received_at >= :from
    AND received_at < date_add('day', 1, :to)
GROUP BY date_trunc('hour', received_at), source, coalesce(topic, 'unknown')
ORDER BY hour, source, topic
