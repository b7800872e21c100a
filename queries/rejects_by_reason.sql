-- name: rejects_by_reason
-- summary: What was rejected, why, and where to look first.
-- kind: query
-- param: from date 2026-01-01 First day of arrival (UTC).
-- param: to date 2026-12-31 Last day of arrival (UTC).
-- param: late_days integer 30 How many days before its arrival an event may have happened.
-- column: source string Source of the deliveries.
-- column: reason string Reason code.
-- column: topic string What the provider calls this kind of event; unknown where nothing says it.
-- column: table_name string The table whose contract it did not fit; none where it came to none.
-- column: pointer string JSON pointer to what was at fault; none where it is the whole.
-- column: rejects bigint How many.
-- column: accounts bigint Shops, desks or games that sent them.
-- column: first_at timestamp When the first arrived, UTC.
-- column: last_at timestamp When the last arrived, UTC.
-- column: last_message string What was found in the last.
-- column: last_event_id string The last, to look up in rejected_payloads.

SELECT
    source,
    reason,
    coalesce(topic, 'unknown') AS topic,
    coalesce(table_name, 'none') AS table_name,
    coalesce(pointer, 'none') AS pointer,
    count(*) AS rejects,
    count(DISTINCT account) AS accounts,
    min(received_at) AS first_at,
    max(received_at) AS last_at,
    max_by(message, received_at) AS last_message,
    max_by(event_id, received_at) AS last_event_id
FROM rejected_events
WHERE dt >= date_add('day', -:late_days, :from)
    AND dt <= date_add('day', 1, :to)
    AND received_at >= :from
    AND received_at < date_add('day', 1, :to)
GROUP BY
    source,
    reason,
    coalesce(topic, 'unknown'),
    coalesce(table_name, 'none'),
    coalesce(pointer, 'none')
ORDER BY rejects DESC, source, reason, topic, table_name, pointer
