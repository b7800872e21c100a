-- name: row_losses_by_day
-- summary: What became of the rows of each table and day, and whether it adds up.
-- kind: query
-- param: from date 2026-01-01 First day of the events (UTC).
-- param: to date 2026-12-31 Last day of the events (UTC).
-- column: dt date UTC day of the events.
-- column: source string Their source.
-- column: table_name string Their table.
-- column: received bigint Rows that the compactor took in.
-- column: stored bigint Rows that are new in their table.
-- column: duplicates bigint Rows whose identity was there.
-- column: rejected bigint Rows whose identity was there with another payload.
-- column: lost bigint Received less all outcomes: 0, or rows are lost.
-- column: duplicate_share double Share of the rows that were duplicates, to four digits.

SELECT
    dt,
    source,
    table_name,
    sum(received) AS received,
    sum(stored) AS stored,
    sum(duplicates) AS duplicates,
    sum(rejected) AS rejected,
    sum(received) - sum(stored) - sum(duplicates) - sum(rejected) - sum(refused) AS lost,
    round(CAST(sum(duplicates) AS double) / nullif(sum(received), 0), 4) AS duplicate_share
FROM pipeline_counts
WHERE dt BETWEEN :from AND :to AND step = 'compact'
GROUP BY dt, source, table_name
ORDER BY dt, source, table_name
