-- name: lead_features
-- summary: What was known of each customer and each identified lead at a cut-off: one row a person, features for the lead models.
-- kind: query
-- param: cut_off date 2026-06-10 The first day that no feature sees (UTC).
-- param: as_of date 2026-06-10 Only what had been received by the end of this day is used (UTC).
-- param: late_days integer 3 What was received so many days after it happened is history that was imported, and known when it happened.
-- column: subject string Who: the customer_key where the person has one, else the shop and its id of the customer.
-- column: customer_key string Keyed hash of the e-mail address, where it is known.
-- column: hash_key_id string Id of the secret key that the hash was made with.
-- column: account string The shop, for a customer without an e-mail address.
-- column: customer_id string The shop's id of a customer without an e-mail address.
-- column: known_in string The shops and desks that know the person, in order.
-- column: recency bigint Days from the last day with a purchase; NULL for those who have not bought, as all of purchases.
-- column: tenure bigint Days from the first day with a purchase.
-- column: freq bigint Days with a purchase, after the first.
-- column: m_sum double Sum of all purchases, each in its shop's currency.
-- column: m_max double Largest sum of a day.
-- column: m_mean double Mean sum of a day with a purchase.
-- column: m_last double Sum of the last day with a purchase.
-- column: q_sum double Pieces of all purchases.
-- column: gap_mean double Mean days between purchases; the tenure where there was one.
-- column: gap_std double Standard deviation of the days between purchases, to six digits.
-- column: overdue double Recency over the mean days between purchases, of at least one day.
-- column: n_30 bigint Days with a purchase in the last 30 days.
-- column: m_30 double Sum of purchases in the last 30 days.
-- column: n_90 bigint Days with a purchase in the last 90 days.
-- column: m_90 double Sum of purchases in the last 90 days.
-- column: n_180 bigint Days with a purchase in the last 180 days.
-- column: m_180 double Sum of purchases in the last 180 days.
-- column: refund_sum double Money that went back; 0 where none did.
-- column: refunds_90 bigint Refunds in the last 90 days.
-- column: checkouts_30 bigint Checkouts of the last 30 days that did not become an order.
-- column: checkout_age bigint Days since the last checkout that did not become an order; NULL where there is none.
-- column: checkout_value double Its total.
-- column: checkout_items bigint Its pieces.
-- column: cart_age bigint Days since the last change of a cart that led to a checkout or an order of theirs.
-- column: carts_30 bigint Changes of such carts in the last 30 days.
-- column: source string Channel of the first order or checkout.
-- column: lead_age bigint Days since the first sign of the person.
-- column: tickets_30 bigint Tickets opened in the last 30 days.
-- column: tickets_90 bigint Tickets opened in the last 90 days.
-- column: open_tickets bigint Tickets that are open.
-- column: last_ticket_age bigint Days since the last ticket was opened.
-- column: first_reply_hours double Hours to the first public reply of staff to the last ticket that has one, to four digits.
-- column: last_satisfaction bigint The last rating: 1 good, 0 bad.
-- column: bad_since_order int 1 where a bad rating came after the last order, or without any order.
-- column: providers bigint In how many sources the person is known: shops, the desk.
--
-- No feature looks past the cut-off: what happened on that day or later is out, by the partition; so is what was
-- received later than the day of the cut-off, unless it is history that was imported (:late_days; providers retry for
-- two days at most). States are those of the versions that were seen, by the rule of the views: occurred_at, then
-- received_at, then event_id. A person is one across shops and desk by customer_key; an id of a shop or of the desk
-- that was seen with a key, at any time before the cut-off, is that key's. Purchases are orders that are neither tests
-- nor deleted nor cancelled; a day's orders are one purchase. Requesters without a key and staff are no leads.

WITH seen_orders AS (
    SELECT
        source,
        account,
        order_id,
        processed_at,
        created_at,
        cancelled_at,
        is_deleted,
        test,
        total_price,
        total_quantity,
        customer_id,
        customer_key,
        hash_key_id,
        checkout_token,
        cart_token,
        source_name,
        occurred_at,
        received_at,
        event_id,
        row_number() OVER (
            PARTITION BY account, order_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM shopify_orders
    WHERE dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
),
seen_checkouts AS (
    SELECT
        source,
        account,
        token,
        cart_token,
        created_at,
        completed_at,
        is_deleted,
        total_price,
        total_quantity,
        customer_id,
        customer_key,
        hash_key_id,
        source_name,
        occurred_at,
        received_at,
        event_id,
        row_number() OVER (
            PARTITION BY account, token
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM shopify_checkouts
    WHERE dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
),
seen_customers AS (
    SELECT
        source,
        account,
        customer_id,
        customer_key,
        hash_key_id,
        occurred_at,
        received_at,
        event_id
    FROM shopify_customers
    WHERE dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
),
seen_carts AS (
    SELECT
        source,
        account,
        cart_token,
        occurred_at,
        event_id
    FROM shopify_carts
    WHERE dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
),
seen_refunds AS (
    SELECT
        account,
        refund_id,
        order_id,
        created_at,
        processed_at,
        transaction_amount,
        refund_subtotal,
        refund_tax,
        occurred_at,
        row_number() OVER (
            PARTITION BY account, refund_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM shopify_refunds
    WHERE dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
),
seen_tickets AS (
    SELECT
        source,
        account,
        ticket_id,
        topic,
        status,
        requester_id,
        customer_key,
        hash_key_id,
        satisfaction,
        is_permanently_deleted,
        created_at,
        dt,
        occurred_at,
        received_at,
        event_id
    FROM zendesk_tickets
    WHERE dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
),
seen_ticket_events AS (
    SELECT
        account,
        ticket_id,
        event_type,
        status_after,
        sequence_position,
        comment_is_public,
        author_is_staff,
        dt,
        occurred_at,
        event_id
    FROM zendesk_ticket_events
    WHERE dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
),
seen_users AS (
    SELECT
        source,
        account,
        user_id,
        role,
        customer_key,
        hash_key_id,
        occurred_at,
        received_at,
        event_id
    FROM zendesk_user_events
    WHERE dt < :cut_off AND received_at < date_add('day', 1, :as_of)
        AND (received_at < date_add('day', 1, :cut_off) OR received_at >= date_add('day', :late_days, occurred_at))
),
keyed AS (
    SELECT source, account, customer_id AS person_id, customer_key, hash_key_id, occurred_at, received_at, event_id
    FROM seen_orders
    UNION ALL
    SELECT source, account, customer_id, customer_key, hash_key_id, occurred_at, received_at, event_id
    FROM seen_checkouts
    UNION ALL
    SELECT source, account, customer_id, customer_key, hash_key_id, occurred_at, received_at, event_id
    FROM seen_customers
    UNION ALL
    SELECT source, account, requester_id, customer_key, hash_key_id, occurred_at, received_at, event_id
    FROM seen_tickets
    UNION ALL
    SELECT source, account, user_id, customer_key, hash_key_id, occurred_at, received_at, event_id
    FROM seen_users
),
latest_keys AS (
    SELECT
        source,
        account,
        person_id,
        customer_key,
        hash_key_id,
        row_number() OVER (
            PARTITION BY source, account, person_id
            ORDER BY occurred_at DESC, received_at DESC, event_id DESC
        ) AS age
    FROM keyed
    WHERE person_id IS NOT NULL AND customer_key IS NOT NULL
),
order_states AS (
    SELECT
        source,
        account,
        order_id,
        min_by(customer_id, age) FILTER (WHERE customer_id IS NOT NULL) AS customer_id,
        min_by(customer_key, age) FILTER (WHERE customer_key IS NOT NULL) AS customer_key,
        max(hash_key_id) AS hash_key_id,
        coalesce(
            min_by(coalesce(processed_at, created_at), age)
                FILTER (WHERE coalesce(processed_at, created_at) IS NOT NULL),
            min(occurred_at)
        ) AS placed_at,
        min_by(total_price, age) FILTER (WHERE total_price IS NOT NULL) AS total_price,
        min_by(total_quantity, age) FILTER (WHERE total_quantity IS NOT NULL) AS total_quantity,
        min_by(source_name, age) FILTER (WHERE source_name IS NOT NULL) AS source_name,
        max(CASE WHEN test OR is_deleted OR cancelled_at IS NOT NULL THEN 1 ELSE 0 END) = 0 AS is_sale
    FROM seen_orders
    GROUP BY source, account, order_id
),
completed AS (
    SELECT DISTINCT account, checkout_token FROM seen_orders WHERE checkout_token IS NOT NULL
),
cart_owners AS (
    SELECT account, cart_token, max(customer_id) AS customer_id, max(customer_key) AS customer_key
    FROM (
        SELECT account, cart_token, customer_id, customer_key FROM seen_checkouts
        UNION ALL
        SELECT account, cart_token, customer_id, customer_key FROM seen_orders
    ) AS owned
    WHERE cart_token IS NOT NULL
    GROUP BY account, cart_token
),
ticket_versions AS (
    SELECT
        t.*,
        coalesce(t.status, CASE WHEN e.event_type = 'status_changed' THEN e.status_after END) AS known_status,
        row_number() OVER (
            PARTITION BY t.account, t.ticket_id
            ORDER BY
                t.occurred_at DESC,
                coalesce(e.sequence_position, 0) DESC,
                t.received_at DESC,
                t.event_id DESC
        ) AS age
    FROM seen_tickets t
    LEFT JOIN seen_ticket_events e ON e.dt = t.dt AND e.event_id = t.event_id
),
ticket_states AS (
    SELECT
        source,
        account,
        ticket_id,
        min_by(requester_id, age) FILTER (WHERE requester_id IS NOT NULL) AS requester_id,
        min_by(customer_key, age) FILTER (WHERE customer_key IS NOT NULL) AS trigger_key,
        max(hash_key_id) AS hash_key_id,
        min_by(known_status, age) FILTER (WHERE known_status IS NOT NULL) AS status,
        coalesce(min(created_at), min(occurred_at)) AS opened_at,
        min_by(satisfaction, age) FILTER (WHERE satisfaction IN ('good', 'bad')) AS rating,
        min(CASE WHEN satisfaction = 'good' THEN occurred_at END) AS good_at,
        min(CASE WHEN satisfaction = 'bad' THEN occurred_at END) AS bad_at,
        coalesce(max(CASE WHEN is_permanently_deleted THEN 1 END), 0) = 1
            OR coalesce(
                min_by(topic, age) FILTER (WHERE topic IN ('ticket.soft_deleted', 'ticket.undeleted')),
                ''
            ) = 'ticket.soft_deleted' AS is_deleted
    FROM ticket_versions
    GROUP BY source, account, ticket_id
),
replies AS (
    SELECT account, ticket_id, min(occurred_at) AS replied_at
    FROM seen_ticket_events
    WHERE event_type = 'comment_added' AND comment_is_public AND author_is_staff
    GROUP BY account, ticket_id
),
staff AS (
    SELECT DISTINCT account, user_id FROM seen_users WHERE role IN ('agent', 'admin')
),
facts AS (
    SELECT
        CASE WHEN is_sale AND placed_at < :cut_off THEN 'purchase' ELSE 'no_sale' END AS kind,
        source,
        account,
        order_id AS id,
        customer_id AS person_id,
        customer_key AS own_key,
        hash_key_id,
        placed_at AS happened_at,
        placed_at AS began_at,
        CAST(coalesce(total_price, 0) AS decimal(38, 4)) AS amount,
        coalesce(total_quantity, 0) AS pieces,
        source_name,
        false AS is_open,
        CAST(NULL AS bigint) AS reply_seconds,
        CAST(NULL AS bigint) AS score,
        CAST(NULL AS timestamp) AS rated_at,
        CAST(NULL AS timestamp) AS bad_at
    FROM order_states
    UNION ALL
    SELECT
        'refund',
        o.source,
        o.account,
        r.refund_id,
        o.customer_id,
        o.customer_key,
        o.hash_key_id,
        coalesce(r.processed_at, r.created_at, r.occurred_at),
        NULL,
        CAST(coalesce(r.transaction_amount, r.refund_subtotal + coalesce(r.refund_tax, 0), 0) AS decimal(38, 4)),
        0,
        NULL,
        false,
        NULL,
        NULL,
        NULL,
        NULL
    FROM seen_refunds r
    JOIN order_states o ON o.account = r.account AND o.order_id = r.order_id
    WHERE r.age = 1
    UNION ALL
    SELECT
        CASE
            WHEN c.completed_at IS NULL AND NOT coalesce(c.is_deleted, false) AND d.checkout_token IS NULL
                THEN 'checkout'
            ELSE 'checkout_done'
        END,
        c.source,
        c.account,
        c.token,
        c.customer_id,
        c.customer_key,
        c.hash_key_id,
        c.occurred_at,
        coalesce(c.created_at, c.occurred_at),
        CAST(c.total_price AS decimal(38, 4)),
        c.total_quantity,
        c.source_name,
        false,
        NULL,
        NULL,
        NULL,
        NULL
    FROM seen_checkouts c
    LEFT JOIN completed d ON d.account = c.account AND d.checkout_token = c.token
    WHERE c.age = 1
    UNION ALL
    SELECT
        'cart',
        c.source,
        c.account,
        c.event_id,
        o.customer_id,
        o.customer_key,
        NULL,
        c.occurred_at,
        NULL,
        NULL,
        NULL,
        NULL,
        false,
        NULL,
        NULL,
        NULL,
        NULL
    FROM seen_carts c
    JOIN cart_owners o ON o.account = c.account AND o.cart_token = c.cart_token
    UNION ALL
    SELECT
        'ticket',
        t.source,
        t.account,
        t.ticket_id,
        t.requester_id,
        CASE WHEN t.requester_id IS NULL THEN t.trigger_key END,
        t.hash_key_id,
        t.opened_at,
        t.opened_at,
        NULL,
        NULL,
        NULL,
        t.status IN ('new', 'open', 'pending', 'hold'),
        date_diff('second', t.opened_at, r.replied_at),
        CASE t.rating WHEN 'good' THEN 1 WHEN 'bad' THEN 0 END,
        CASE t.rating WHEN 'good' THEN t.good_at WHEN 'bad' THEN t.bad_at END,
        t.bad_at
    FROM ticket_states t
    LEFT JOIN replies r ON r.account = t.account AND r.ticket_id = t.ticket_id
    LEFT JOIN staff s ON s.account = t.account AND s.user_id = t.requester_id
    WHERE s.user_id IS NULL AND NOT t.is_deleted AND t.opened_at < :cut_off
),
resolved AS (
    SELECT
        f.*,
        CAST(f.happened_at AS date) AS day,
        coalesce(k.customer_key, f.own_key) AS customer_key,
        coalesce(k.hash_key_id, f.hash_key_id) AS key_id,
        coalesce(
            k.customer_key,
            f.own_key,
            CASE WHEN f.kind <> 'ticket' THEN f.source || '/' || f.account || '/' || f.person_id END
        ) AS subject
    FROM facts f
    LEFT JOIN latest_keys k
        ON k.source = f.source AND k.account = f.account AND k.person_id = f.person_id AND k.age = 1
),
placed AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY subject, kind, day ORDER BY happened_at, account, id) AS place_in_day,
        sum(amount) OVER (PARTITION BY subject, kind, day) AS day_amount,
        lag(day) OVER (PARTITION BY subject, kind ORDER BY day, happened_at, account, id) AS day_before,
        row_number() OVER (PARTITION BY subject, kind ORDER BY happened_at DESC, account, id) AS place,
        row_number() OVER (PARTITION BY subject, kind ORDER BY rated_at DESC NULLS LAST, account, id) AS rating_place,
        row_number() OVER (
            PARTITION BY subject
            ORDER BY
                CASE WHEN source_name IS NULL OR kind = 'no_sale' THEN 1 ELSE 0 END,
                began_at NULLS LAST,
                account,
                id,
                kind
        ) AS source_place,
        row_number() OVER (
            PARTITION BY subject, kind
            ORDER BY CASE WHEN reply_seconds IS NULL THEN 1 ELSE 0 END, happened_at DESC, account, id
        ) AS reply_place
    FROM resolved
    WHERE subject IS NOT NULL
),
days AS (
    SELECT
        *,
        kind = 'purchase' AND place_in_day = 1 AS is_purchase_day,
        day >= date_add('day', -30, :cut_off) AS is_in_30,
        day >= date_add('day', -90, :cut_off) AS is_in_90,
        day >= date_add('day', -180, :cut_off) AS is_in_180
    FROM placed
),
people AS (
    SELECT
        subject,
        max(customer_key) AS customer_key,
        max(key_id) AS hash_key_id,
        max(account) AS account,
        max(person_id) AS customer_id,
        array_join(array_sort(array_agg(DISTINCT account) FILTER (WHERE kind <> 'no_sale')), ', ') AS known_in,
        min(CASE WHEN is_purchase_day THEN day END) AS first_day,
        max(CASE WHEN is_purchase_day THEN day END) AS last_day,
        max(CASE WHEN kind = 'purchase' THEN happened_at END) AS last_order_at,
        count_if(is_purchase_day) AS purchase_days,
        CAST(sum(CASE WHEN is_purchase_day THEN day_amount END) AS double) AS m_sum,
        CAST(max(CASE WHEN is_purchase_day THEN day_amount END) AS double) AS m_max,
        CAST(max(CASE WHEN kind = 'purchase' AND place = 1 THEN day_amount END) AS double) AS m_last,
        CAST(sum(CASE WHEN kind = 'purchase' THEN pieces END) AS double) AS q_sum,
        stddev_pop(CASE WHEN is_purchase_day THEN CAST(date_diff('day', day_before, day) AS double) END) AS gap_std,
        count_if(is_purchase_day AND is_in_30) AS n_30,
        CAST(sum(CASE WHEN is_purchase_day AND is_in_30 THEN day_amount ELSE 0 END) AS double) AS m_30,
        count_if(is_purchase_day AND is_in_90) AS n_90,
        CAST(sum(CASE WHEN is_purchase_day AND is_in_90 THEN day_amount ELSE 0 END) AS double) AS m_90,
        count_if(is_purchase_day AND is_in_180) AS n_180,
        CAST(sum(CASE WHEN is_purchase_day AND is_in_180 THEN day_amount ELSE 0 END) AS double) AS m_180,
        CAST(sum(CASE WHEN kind = 'refund' THEN amount ELSE 0 END) AS double) AS refund_sum,
        count_if(kind = 'refund' AND is_in_90) AS refunds_90,
        count_if(kind = 'checkout' AND is_in_30) AS checkouts_30,
        max(CASE WHEN kind = 'checkout' THEN day END) AS checkout_day,
        CAST(max(CASE WHEN kind = 'checkout' AND place = 1 THEN amount END) AS double) AS checkout_value,
        max(CASE WHEN kind = 'checkout' AND place = 1 THEN pieces END) AS checkout_items,
        max(CASE WHEN kind = 'cart' THEN day END) AS cart_day,
        count_if(kind = 'cart' AND is_in_30) AS carts_30,
        max(CASE WHEN source_place = 1 AND kind <> 'no_sale' THEN source_name END) AS source,
        min(CASE WHEN kind <> 'no_sale' THEN CAST(began_at AS date) END) AS first_sign,
        count_if(kind = 'ticket' AND is_in_30) AS tickets_30,
        count_if(kind = 'ticket' AND is_in_90) AS tickets_90,
        count_if(is_open) AS open_tickets,
        max(CASE WHEN kind = 'ticket' THEN day END) AS ticket_day,
        max(CASE WHEN reply_place = 1 THEN reply_seconds END) AS reply_seconds,
        max(CASE WHEN rating_place = 1 THEN score END) AS last_satisfaction,
        max(bad_at) AS bad_at,
        count(DISTINCT CASE WHEN kind NOT IN ('no_sale', 'refund') THEN source END) AS providers
    FROM days
    GROUP BY subject
    HAVING count_if(kind IN ('purchase', 'checkout', 'checkout_done', 'ticket')) > 0
),
measured AS (
    SELECT
        *,
        date_diff('day', last_day, :cut_off) AS recency,
        date_diff('day', first_day, :cut_off) AS tenure,
        CASE
            WHEN purchase_days > 1
                THEN CAST(date_diff('day', first_day, last_day) AS double) / CAST(purchase_days - 1 AS double)
            WHEN purchase_days = 1 THEN CAST(date_diff('day', first_day, :cut_off) AS double)
        END AS gap_mean
    FROM people
)
SELECT
    subject,
    customer_key,
    CASE WHEN customer_key IS NOT NULL THEN hash_key_id END AS hash_key_id,
    CASE WHEN customer_key IS NULL THEN account END AS account,
    CASE WHEN customer_key IS NULL THEN customer_id END AS customer_id,
    known_in,
    recency,
    tenure,
    CASE WHEN purchase_days > 0 THEN purchase_days - 1 END AS freq,
    m_sum,
    m_max,
    round(m_sum / CAST(nullif(purchase_days, 0) AS double), 4) AS m_mean,
    m_last,
    q_sum,
    gap_mean,
    CASE WHEN purchase_days > 0 THEN round(coalesce(gap_std, 0e0), 6) END AS gap_std,
    CAST(recency AS double) / greatest(gap_mean, 1e0) AS overdue,
    CASE WHEN purchase_days > 0 THEN n_30 END AS n_30,
    CASE WHEN purchase_days > 0 THEN m_30 END AS m_30,
    CASE WHEN purchase_days > 0 THEN n_90 END AS n_90,
    CASE WHEN purchase_days > 0 THEN m_90 END AS m_90,
    CASE WHEN purchase_days > 0 THEN n_180 END AS n_180,
    CASE WHEN purchase_days > 0 THEN m_180 END AS m_180,
    CASE WHEN purchase_days > 0 THEN refund_sum END AS refund_sum,
    CASE WHEN purchase_days > 0 THEN refunds_90 END AS refunds_90,
    checkouts_30,
    date_diff('day', checkout_day, :cut_off) AS checkout_age,
    checkout_value,
    checkout_items,
    date_diff('day', cart_day, :cut_off) AS cart_age,
    carts_30,
    source,
    date_diff('day', first_sign, :cut_off) AS lead_age,
    tickets_30,
    tickets_90,
    open_tickets,
    date_diff('day', ticket_day, :cut_off) AS last_ticket_age,
    round(CAST(greatest(reply_seconds, 0) AS double) / 3600e0, 4) AS first_reply_hours,
    last_satisfaction,
    CASE WHEN bad_at > coalesce(last_order_at, TIMESTAMP '1970-01-01 00:00:00') THEN 1 ELSE 0 END AS bad_since_order,
    providers
FROM measured
ORDER BY subject
