-- name: tickets_current
-- summary: The latest state of each ticket, with its requester's customer_key; deleted ones are flagged.
-- kind: view
-- column: account string Zendesk account.
-- column: ticket_id string Zendesk's id of the ticket.
-- column: status string new, open, pending, hold, solved, closed.
-- column: priority string low, normal, high, urgent.
-- column: type string problem, incident, question, task.
-- column: subject string Its subject, e-mail addresses masked.
-- column: group_id string Group that has it.
-- column: assignee_id string Agent that has it.
-- column: requester_id string Who asked.
-- column: submitter_id string Who opened it.
-- column: organization_id string The requester's organisation.
-- column: brand_id string Brand.
-- column: form_id string Form.
-- column: custom_status string Custom status.
-- column: external_id string The id in another system, such as an order's.
-- column: channel string How it came: email, web_form, chat, ...
-- column: tags array<string> The desk's tags.
-- column: satisfaction string The last rating: good, bad, offered.
-- column: is_public boolean Whether its first comment is public.
-- column: created_at timestamp When it was opened, UTC.
-- column: updated_at timestamp When it last changed, UTC.
-- column: is_deleted boolean Whether it was deleted and not restored.
-- column: customer_key string Keyed hash of the requester's e-mail address: the same in every source.
-- column: customer_key_from string user_event or trigger: where the key comes from; NULL where there is none.
-- column: occurred_at timestamp When this state was reached, UTC: its version.
-- column: received_at timestamp When this state was received, UTC.
-- column: event_id string The latest event of the ticket.
--
-- A ticket's version is the event's time, then its place in its action, then received_at and event_id. A whole detail
-- (an event's, with status and requester) replaces everything, NULL included. A part of a detail and a trigger body, which holds what
-- an administrator chose, replace what they say and nothing else. A change of status, priority or type counts where the
-- detail is silent. Ticket events carry no e-mail address. The requester's key comes from the events of that user, else
-- from the last trigger body that named one for this requester.

WITH states AS (
    SELECT
        t.*,
        coalesce(t.status, CASE WHEN e.event_type = 'status_changed' THEN e.status_after END) AS known_status,
        coalesce(t.priority, CASE WHEN e.event_type = 'priority_changed' THEN e.status_after END) AS known_priority,
        coalesce(t.type, CASE WHEN e.event_type = 'type_changed' THEN e.status_after END) AS known_type,
        t.topic <> 'trigger' AND t.status IS NOT NULL AND t.requester_id IS NOT NULL AS is_whole,
        row_number() OVER (
            PARTITION BY t.account, t.ticket_id
            ORDER BY
                t.occurred_at DESC,
                coalesce(e.sequence_position, 0) DESC,
                t.received_at DESC,
                t.event_id DESC
        ) AS age
    FROM zendesk_tickets t
    LEFT JOIN zendesk_ticket_events e ON e.dt = t.dt AND e.event_id = t.event_id
),
tickets AS (
    SELECT
        account,
        ticket_id,
        min_by(known_status, age) FILTER (WHERE known_status IS NOT NULL) AS status,
        min_by(known_priority, age) FILTER (WHERE is_whole OR known_priority IS NOT NULL) AS priority,
        min_by(known_type, age) FILTER (WHERE is_whole OR known_type IS NOT NULL) AS type,
        min_by(subject, age) FILTER (WHERE is_whole OR subject IS NOT NULL) AS subject,
        min_by(group_id, age) FILTER (WHERE is_whole OR group_id IS NOT NULL) AS group_id,
        min_by(assignee_id, age) FILTER (WHERE is_whole OR assignee_id IS NOT NULL) AS assignee_id,
        min_by(requester_id, age) FILTER (WHERE is_whole OR requester_id IS NOT NULL) AS requester_id,
        min_by(submitter_id, age) FILTER (WHERE is_whole OR submitter_id IS NOT NULL) AS submitter_id,
        min_by(organization_id, age) FILTER (WHERE is_whole OR organization_id IS NOT NULL) AS organization_id,
        min_by(brand_id, age) FILTER (WHERE is_whole OR brand_id IS NOT NULL) AS brand_id,
        min_by(form_id, age) FILTER (WHERE is_whole OR form_id IS NOT NULL) AS form_id,
        min_by(custom_status, age) FILTER (WHERE is_whole OR custom_status IS NOT NULL) AS custom_status,
        min_by(external_id, age) FILTER (WHERE is_whole OR external_id IS NOT NULL) AS external_id,
        min_by(channel, age) FILTER (WHERE is_whole OR channel IS NOT NULL) AS channel,
        min_by(tags, age) FILTER (WHERE is_whole OR tags IS NOT NULL) AS tags,
        min_by(satisfaction, age) FILTER (WHERE satisfaction IS NOT NULL) AS satisfaction,
        min_by(is_public, age) FILTER (WHERE is_public IS NOT NULL) AS is_public,
        min_by(created_at, age) FILTER (WHERE created_at IS NOT NULL) AS created_at,
        min_by(updated_at, age) FILTER (WHERE updated_at IS NOT NULL) AS updated_at,
        coalesce(max(CASE WHEN is_permanently_deleted THEN 1 END), 0) = 1
            OR coalesce(
                min_by(topic, age) FILTER (WHERE topic IN ('ticket.soft_deleted', 'ticket.undeleted')),
                ''
            ) = 'ticket.soft_deleted' AS is_deleted,
        min_by(customer_key, age) FILTER (WHERE customer_key IS NOT NULL) AS trigger_key,
        min_by(requester_id, age) FILTER (WHERE customer_key IS NOT NULL) AS trigger_requester_id,
        max(occurred_at) AS occurred_at,
        min_by(received_at, age) AS received_at,
        min_by(event_id, age) AS event_id
    FROM states
    GROUP BY account, ticket_id
),
keyed AS (
    SELECT
        t.*,
        u.customer_key AS user_key,
        CASE
            WHEN t.trigger_requester_id IS NULL OR t.trigger_requester_id = t.requester_id THEN t.trigger_key
        END AS own_trigger_key
    FROM tickets t
    LEFT JOIN support_users_current u ON u.account = t.account AND u.user_id = t.requester_id
)
SELECT
    account,
    ticket_id,
    status,
    priority,
    type,
    subject,
    group_id,
    assignee_id,
    requester_id,
    submitter_id,
    organization_id,
    brand_id,
    form_id,
    custom_status,
    external_id,
    channel,
    tags,
    satisfaction,
    is_public,
    created_at,
    updated_at,
    is_deleted,
    coalesce(user_key, own_trigger_key) AS customer_key,
    CASE
        WHEN user_key IS NOT NULL THEN 'user_event'
        WHEN own_trigger_key IS NOT NULL THEN 'trigger'
    END AS customer_key_from,
    occurred_at,
    received_at,
    event_id
FROM keyed
