-- name: support_reply_times
-- summary: How long requesters waited for the first public reply of staff, by the week and channel of their tickets.
-- kind: query
-- param: from date 2026-01-01 First day on which tickets were opened (UTC).
-- param: to date 2026-12-31 Last day on which tickets were opened (UTC).
-- column: week date Monday of the week in which the tickets were opened (UTC).
-- column: channel string How they came; unknown where no event says it.
-- column: tickets bigint Tickets opened.
-- column: replied bigint How many of them have had a reply.
-- column: median_minutes bigint Half of the replies came within so many whole minutes.
-- column: p90_minutes bigint Nine in ten of the replies came within so many whole minutes.
--
-- Minutes of the calendar, not of opening hours. Percentiles are exact: the least time that so many replies did not exceed.

WITH tickets AS (
    SELECT
        account,
        ticket_id,
        coalesce(min(created_at), min(occurred_at)) AS opened_at,
        coalesce(max(channel), 'unknown') AS channel
    FROM zendesk_tickets
    WHERE dt >= :from
    GROUP BY account, ticket_id
),
comments AS (
    SELECT account, ticket_id, occurred_at
    FROM zendesk_ticket_events
    WHERE dt >= :from AND event_type = 'comment_added' AND comment_is_public AND author_is_staff
),
replies AS (
    SELECT
        t.account,
        t.ticket_id,
        date_trunc('week', CAST(t.opened_at AS date)) AS week,
        t.channel,
        date_diff('minute', t.opened_at, min(c.occurred_at)) AS minutes
    FROM tickets t
    LEFT JOIN comments c
        ON c.account = t.account AND c.ticket_id = t.ticket_id AND c.occurred_at >= t.opened_at
    WHERE t.opened_at >= :from AND t.opened_at < date_add('day', 1, :to)
    GROUP BY t.account, t.ticket_id, t.opened_at, t.channel
),
ranked AS (
    SELECT
        week,
        channel,
        minutes,
        count(minutes) OVER (PARTITION BY week, channel) AS replied,
        row_number() OVER (PARTITION BY week, channel ORDER BY minutes NULLS LAST) AS place
    FROM replies
)
SELECT
    week,
    channel,
    count(*) AS tickets,
    count(minutes) AS replied,
    min(minutes) FILTER (WHERE place * 10 >= replied * 5) AS median_minutes,
    min(minutes) FILTER (WHERE place * 10 >= replied * 9) AS p90_minutes
FROM ranked
GROUP BY week, channel
ORDER BY week, channel
