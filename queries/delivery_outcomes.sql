-- name: delivery_outcomes
-- summary: The one outcome of each delivery, by source: at the door, then settled as stored, duplicate or rejected.
-- kind: query
-- param: from date 2026-01-01 First day (UTC) of arrival at the door, and of the event where it is settled.
-- param: to date 2026-12-31 Last day (UTC) of the same.
-- column: source string Source of the deliveries.
-- column: received bigint Deliveries that came to the door.
-- column: refused bigint Not verified, answered 401.
-- column: accepted bigint Verified and passed on.
-- column: settled bigint Deliveries whose outcome the compactor has counted.
-- column: stored bigint New in the lake.
-- column: duplicates bigint There already.
-- column: rejected bigint Rows of rejected_events.
-- column: unsettled bigint Accepted less settled: what is under way, and 0 at rest over all days.
-- column: duplicate_share double Share of the settled that were duplicates, to four digits.
--
-- A delivery is counted at the door on the day that it arrives, and settled on the day of its event: take a span that is
-- long enough for both.

WITH counts AS (
    SELECT
        source,
        sum(CASE WHEN step = 'receive' THEN received ELSE 0 END) AS received,
        sum(CASE WHEN step = 'receive' THEN refused ELSE 0 END) AS refused,
        sum(CASE WHEN step = 'receive' THEN stored ELSE 0 END) AS accepted,
        sum(CASE WHEN step = 'settle' THEN received ELSE 0 END) AS settled,
        sum(CASE WHEN step = 'settle' THEN stored ELSE 0 END) AS stored,
        sum(CASE WHEN step = 'settle' THEN duplicates ELSE 0 END) AS duplicates,
        sum(CASE WHEN step = 'settle' THEN rejected ELSE 0 END) AS rejected
    FROM pipeline_counts
    WHERE dt BETWEEN :from AND :to AND step IN ('receive', 'settle')
    GROUP BY source
)
SELECT
    source,
    received,
    refused,
    accepted,
    settled,
    stored,
    duplicates,
    rejected,
    accepted - settled AS unsettled,
    round(CAST(duplicates AS double) / nullif(settled, 0), 4) AS duplicate_share
FROM counts
ORDER BY source
