-- name: unmapped_topics
-- summary: Topics that no table takes: what they are, how much of it there is, and what a payload looks like.
-- kind: query
-- param: from date 2026-01-01 First day of arrival (UTC).
-- param: to date 2026-12-31 Last day of arrival (UTC).
-- param: late_days integer 30 How many days before its arrival an event may have happened.
-- column: source string Source of the deliveries.
-- column: topic string What the provider calls this kind of event; unknown where nothing says it.
-- column: events bigint Events that are kept whole in unmapped_events.
-- column: accounts bigint Shops, desks or games that sent them.
-- column: first_at timestamp When the first arrived, UTC.
-- column: last_at timestamp When the last arrived, UTC.
-- column: keys array<string> Top-level keys of the last payload, in their order of the alphabet.

SELECT
    source,
    coalesce(topic, 'unknown') AS topic,
    count(*) AS events,
    count(DISTINCT account) AS accounts,
    min(received_at) AS first_at,
    max(received_at) AS last_at,
    array_sort(
        map_keys(TRY_CAST(json_parse(max_by(payload, received_at)) AS map(varchar, json)))
    ) AS keys
FROM unmapped_events
WHERE dt >= date_add('day', -:late_days, :from)
    AND dt <= date_add('day', 1, :to)
    AND received_at >= :from
    AND received_at < date_add('day', 1, :to)
GROUP BY source, coalesce(topic, 'unknown')
ORDER BY events DESC, source, topic
