-- name: all_events
-- summary: The envelope of every row of every table that deliveries become rows of.
-- kind: view
-- column: table_name string The table.
-- column: dt date Partition. Filter on it.
-- column: event_id string Identity of the event: the same in each table that it has rows in.
-- column: row_index int Place in the array that was opened into rows.
-- column: source string Source of the delivery.
-- column: account string Shop domain, Zendesk account or game.
-- column: topic string What the provider calls this kind of event.
-- column: occurred_at timestamp When it happened, UTC.
-- column: received_at timestamp When it was received first, UTC.
-- column: time_suspect boolean Whether the event's own time was not credible.
-- column: api_version string The provider's version of the payload.
--
-- A table that is added to the contract is added here: a test holds the list.

SELECT
    'shopify_orders' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM shopify_orders
UNION ALL
SELECT
    'shopify_order_lines' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM shopify_order_lines
UNION ALL
SELECT
    'shopify_checkouts' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM shopify_checkouts
UNION ALL
SELECT
    'shopify_carts' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM shopify_carts
UNION ALL
SELECT
    'shopify_customers' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM shopify_customers
UNION ALL
SELECT
    'shopify_products' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM shopify_products
UNION ALL
SELECT
    'shopify_refunds' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM shopify_refunds
UNION ALL
SELECT
    'shopify_fulfillments' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM shopify_fulfillments
UNION ALL
SELECT
    'shopify_app_events' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM shopify_app_events
UNION ALL
SELECT
    'privacy_requests' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM privacy_requests
UNION ALL
SELECT
    'zendesk_ticket_events' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM zendesk_ticket_events
UNION ALL
SELECT
    'zendesk_tickets' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM zendesk_tickets
UNION ALL
SELECT
    'zendesk_user_events' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM zendesk_user_events
UNION ALL
SELECT
    'game_matches' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM game_matches
UNION ALL
SELECT
    'game_match_players' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM game_match_players
UNION ALL
SELECT
    'game_events' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM game_events
UNION ALL
SELECT
    'unmapped_events' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM unmapped_events
UNION ALL
SELECT
    'rejected_events' AS table_name,
    dt,
    event_id,
    row_index,
    source,
    account,
    topic,
    occurred_at,
    received_at,
    time_suspect,
    api_version
FROM rejected_events
