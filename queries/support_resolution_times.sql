-- name: support_resolution_times
-- summary: How long tickets took to be solved, at first and for good, and how many were opened again, by week and priority.
-- kind: query
-- param: from date 2026-01-01 First day on which tickets were opened (UTC).
-- param: to date 2026-12-31 Last day on which tickets were opened (UTC).
-- column: week date Monday of the week in which the tickets were opened (UTC).
-- column: priority string Their priority now; none where they have none.
-- column: tickets bigint Tickets opened.
-- column: solved bigint How many of them are solved or closed now.
-- column: reopened bigint How many of them were opened again after they were solved.
-- column: median_first_minutes bigint Half of those ever solved were so at first within so many whole minutes.
-- column: p90_first_minutes bigint Nine in ten of those ever solved were so at first within so many whole minutes.
-- column: median_full_minutes bigint Half of those solved now have been so since within so many whole minutes.
-- column: p90_full_minutes bigint Nine in ten of those solved now have been so since within so many whole minutes.
--
-- Minutes of the calendar, not of opening hours. A status counts from the first event that carries it, whether it is a
-- change of status or another event's detail. Percentiles are exact. Deleted tickets are left out.

WITH statuses AS (
    SELECT t.account, t.ticket_id, t.created_at, t.occurred_at, t.event_id,
        coalesce(t.status, CASE WHEN e.event_type = 'status_changed' THEN e.status_after END) AS status,
        coalesce(e.sequence_position, 0) AS position,
        t.received_at
    FROM zendesk_tickets t
    LEFT JOIN zendesk_ticket_events e ON e.dt = t.dt AND e.event_id = t.event_id AND e.dt >= :from
    WHERE t.dt >= :from
),
steps AS (
    SELECT
        *,
        status IN ('solved', 'closed') AS is_solved,
        lag(status) OVER (
            PARTITION BY account, ticket_id
            ORDER BY occurred_at, position, received_at, event_id
        ) IN ('solved', 'closed') AS was_solved
    FROM statuses
    WHERE status IS NOT NULL
),
tickets AS (
    SELECT
        account,
        ticket_id,
        coalesce(min(created_at), min(occurred_at)) AS opened_at,
        min(CASE WHEN is_solved THEN occurred_at END) AS first_solved_at,
        max(CASE WHEN is_solved AND NOT coalesce(was_solved, false) THEN occurred_at END) AS last_solved_at,
        count_if(NOT is_solved AND coalesce(was_solved, false)) AS reopens
    FROM steps
    GROUP BY account, ticket_id
),
times AS (
    SELECT
        date_trunc('week', CAST(t.opened_at AS date)) AS week,
        coalesce(c.priority, 'none') AS priority,
        date_diff('minute', t.opened_at, t.first_solved_at) AS first_minutes,
        CASE
            WHEN c.status IN ('solved', 'closed') THEN date_diff('minute', t.opened_at, t.last_solved_at)
        END AS full_minutes,
        t.reopens
    FROM tickets t
    JOIN tickets_current c ON c.account = t.account AND c.ticket_id = t.ticket_id
    WHERE t.opened_at >= :from AND t.opened_at < date_add('day', 1, :to) AND NOT c.is_deleted
),
ranked AS (
    SELECT
        *,
        count(first_minutes) OVER (PARTITION BY week, priority) AS firsts,
        row_number() OVER (PARTITION BY week, priority ORDER BY first_minutes NULLS LAST) AS first_place,
        count(full_minutes) OVER (PARTITION BY week, priority) AS fulls,
        row_number() OVER (PARTITION BY week, priority ORDER BY full_minutes NULLS LAST) AS full_place
    FROM times
)
SELECT
    week,
    priority,
    count(*) AS tickets,
    count(full_minutes) AS solved,
    count_if(reopens > 0) AS reopened,
    min(first_minutes) FILTER (WHERE first_place * 10 >= firsts * 5) AS median_first_minutes,
    min(first_minutes) FILTER (WHERE first_place * 10 >= firsts * 9) AS p90_first_minutes,
    min(full_minutes) FILTER (WHERE full_place * 10 >= fulls * 5) AS median_full_minutes,
    min(full_minutes) FILTER (WHERE full_place * 10 >= fulls * 9) AS p90_full_minutes
FROM ranked
GROUP BY week, priority
ORDER BY week, priority
