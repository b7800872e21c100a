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
-- repeat: each_table stands for every table of events that analysts may read; the statement is repeated for each
--     with UNION ALL between. A table that the contract gains is read without a line here.

SELECT
    'each_table' AS table_name,
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
FROM each_table
