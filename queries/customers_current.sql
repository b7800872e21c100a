-- name: customers_current
-- summary: The latest state of each customer that has not been deleted.
-- kind: view
-- column: account string Shop domain.
-- column: customer_id string Shopify's id of the customer.
-- column: customer_key string Keyed hash of the e-mail address: the same in every source.
-- column: created_at timestamp When the customer was created, UTC.
-- column: updated_at timestamp When the customer last changed, UTC.
-- column: state string enabled, disabled, invited, declined.
-- column: verified_email boolean Whether the address was verified.
-- column: currency string Currency of the customer's last order.
-- column: country string Country of the default address.
-- column: tax_exempt boolean Whether no tax is taken.
-- column: orders_count bigint Orders so far, as the last body that said it has it.
-- column: total_spent decimal(18,4) Spent so far, in the shop's currency, as the last body that said it has it.
-- column: last_order_id string The last order, as the last body that said it has it.
-- column: accepts_marketing boolean Whether the customer agreed to be written to, as the last body that said it has it.
-- column: email_marketing_state string subscribed, unsubscribed, pending, not_subscribed, as last said.
-- column: tags array<string> The shop's tags, as the last body that listed them all has them.
-- column: occurred_at timestamp When this state was reached, UTC: its version.
-- column: received_at timestamp When this state was received, UTC.
-- column: event_id string The latest event of the customer.
--
-- A whole body says when the customer was created. What each whole body has is taken from the latest of them, NULL
-- included. What bodies left out since API version 2025-01 (consent, tags, purchase totals) comes from the last event
-- that said it, since a NULL there means absent and not none. customer.tags_added and customer.tags_removed list what changed
-- and not all tags, so they do not count for tags.

WITH versions AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY account, customer_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM shopify_customers
)
SELECT
    account,
    customer_id,
    min_by(customer_key, age) FILTER (WHERE created_at IS NOT NULL OR customer_key IS NOT NULL) AS customer_key,
    min_by(created_at, age) FILTER (WHERE created_at IS NOT NULL) AS created_at,
    min_by(updated_at, age) FILTER (WHERE updated_at IS NOT NULL) AS updated_at,
    min_by(state, age) FILTER (WHERE created_at IS NOT NULL OR state IS NOT NULL) AS state,
    min_by(verified_email, age)
        FILTER (WHERE created_at IS NOT NULL OR verified_email IS NOT NULL) AS verified_email,
    min_by(currency, age) FILTER (WHERE created_at IS NOT NULL OR currency IS NOT NULL) AS currency,
    min_by(country, age) FILTER (WHERE created_at IS NOT NULL OR country IS NOT NULL) AS country,
    min_by(tax_exempt, age) FILTER (WHERE created_at IS NOT NULL OR tax_exempt IS NOT NULL) AS tax_exempt,
    min_by(orders_count, age) FILTER (WHERE orders_count IS NOT NULL) AS orders_count,
    min_by(total_spent, age) FILTER (WHERE total_spent IS NOT NULL) AS total_spent,
    min_by(last_order_id, age) FILTER (WHERE last_order_id IS NOT NULL) AS last_order_id,
    min_by(accepts_marketing, age) FILTER (WHERE accepts_marketing IS NOT NULL) AS accepts_marketing,
    min_by(email_marketing_state, age) FILTER (WHERE email_marketing_state IS NOT NULL) AS email_marketing_state,
    min_by(tags, age) FILTER (WHERE tags IS NOT NULL AND topic NOT LIKE 'customer.tags%') AS tags,
    max(occurred_at) AS occurred_at,
    min_by(received_at, age) AS received_at,
    min_by(event_id, age) AS event_id
FROM versions
GROUP BY account, customer_id
HAVING NOT coalesce(min_by(is_deleted, age), false)
