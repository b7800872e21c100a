-- name: ticket_customer_share
-- summary: The share of tickets whose requester is a customer of a shop, joined by customer_key, and where the key comes from.
-- kind: query
-- param: from date 2026-01-01 First day on which tickets were opened (UTC).
-- param: to date 2026-12-31 Last day on which tickets were opened (UTC).
-- column: month date First day of the month in which the tickets were opened (UTC).
-- column: tickets bigint Tickets opened.
-- column: keyed_by_user_event bigint How many have a customer_key from an event of their requester.
-- column: keyed_by_trigger bigint How many have one from a trigger body alone.
-- column: without_key bigint How many have none.
-- column: joined bigint How many join a customer, an order or a checkout of a shop.
-- column: joined_share double Their share of all tickets, to four digits.
--
-- Ticket events carry no e-mail address. What is without key needs the user events or the trigger body of
-- schemas/zendesk/README.md. What has a key and does not join was asked by somebody whom no shop knows.

WITH customers AS (
    SELECT customer_key FROM customers_current WHERE customer_key IS NOT NULL
    UNION
    SELECT customer_key FROM orders_current WHERE customer_key IS NOT NULL
    UNION
    SELECT customer_key FROM checkouts_current WHERE customer_key IS NOT NULL
)
SELECT
    date_trunc('month', CAST(t.created_at AS date)) AS month,
    count(*) AS tickets,
    count_if(t.customer_key_from = 'user_event') AS keyed_by_user_event,
    count_if(t.customer_key_from = 'trigger') AS keyed_by_trigger,
    count_if(t.customer_key IS NULL) AS without_key,
    count(c.customer_key) AS joined,
    round(CAST(count(c.customer_key) AS double) / count(*), 4) AS joined_share
FROM tickets_current t
LEFT JOIN customers c ON c.customer_key = t.customer_key
WHERE t.created_at >= :from AND t.created_at < date_add('day', 1, :to)
GROUP BY date_trunc('month', CAST(t.created_at AS date))
ORDER BY month
