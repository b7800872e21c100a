-- name: support_users_current
-- summary: The latest state of each user of the support desk, with the customer_key that joins Shopify's customers.
-- kind: view
-- column: account string Zendesk account.
-- column: user_id string Zendesk's id of the user.
-- column: customer_key string Keyed hash of the e-mail address: the same in every source.
-- column: role string end-user, agent, admin.
-- column: external_id string The id in another system.
-- column: organization_id string Organisation.
-- column: created_at timestamp When the user was created, UTC.
-- column: occurred_at timestamp When the user last changed, UTC.
-- column: event_id string The latest event of the user.
--
-- Many user events carry a part of the user alone, so each column has the last value that an event said.

WITH versions AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY account, user_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM zendesk_user_events
)
SELECT
    account,
    user_id,
    min_by(customer_key, age) FILTER (WHERE customer_key IS NOT NULL) AS customer_key,
    min_by(role, age) FILTER (WHERE role IS NOT NULL) AS role,
    min_by(external_id, age) FILTER (WHERE external_id IS NOT NULL) AS external_id,
    min_by(organization_id, age) FILTER (WHERE organization_id IS NOT NULL) AS organization_id,
    min_by(created_at, age) FILTER (WHERE created_at IS NOT NULL) AS created_at,
    max(occurred_at) AS occurred_at,
    min_by(event_id, age) AS event_id
FROM versions
GROUP BY account, user_id
