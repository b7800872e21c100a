//! `freshet up` is killed at bad moments while deliveries come in, some of them twice: what was answered 2xx is in its
//! table once. `tests/scripts/kill.py` does the same at length.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use crate::deliveries::{Delivery, SECRETS};
use crate::running::Up;

const DELIVERIES: usize = 600;
const SENDERS: usize = 6;

fn delivery(place: usize) -> Delivery {
    let at = "2026-03-01T12:00:00Z";
    if place.is_multiple_of(3) {
        let events: Vec<_> = (0..4)
            .map(|event| json!({ "event_id": format!("g-{place}-{event}"), "name": "shot", "player_id": "p", "timestamp": at }))
            .collect();
        return Delivery { source: "game", topic: String::new(), body: json!({ "events": events }).to_string().into_bytes() };
    }
    let body = json!({ "id": 9_007_199_254_740_993_u64 + place as u64, "updated_at": at, "currency": "EUR", "total_price": "1.10", "line_items": [] });
    Delivery { source: "shopify", topic: "orders/updated".to_owned(), body: body.to_string().into_bytes() }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_answered_is_lost_or_doubled_by_kills() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = tokio::task::block_in_place(|| Up::start(folder.path(), &SECRETS));
    let (address, follow) = watch::channel(up.variable("FRESHET_WEBHOOK_URL").to_owned());
    let (next, answered) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (next, answered, follow) = (Arc::clone(&next), Arc::clone(&answered), follow.clone());
            tokio::spawn(async move {
                let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= DELIVERIES {
                        return;
                    }
                    // Every fifth is delivered again, under another id.
                    for attempt in 0..if place.is_multiple_of(5) { 2 } else { 1 } {
                        let id = format!("delivery-{place}-{}", if place.is_multiple_of(3) { 0 } else { attempt });
                        loop {
                            let url = follow.borrow().clone();
                            match delivery(place).post(&client, &url, &id).await {
                                Some(200..300) => break,
                                Some(status @ 400..500) => panic!("sender {sender} was refused with {status}"),
                                Some(_) | None => tokio::time::sleep(Duration::from_millis(30)).await,
                            }
                        }
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for kill in 1..=3 {
        // At a moment that the work itself sets: a part of it is answered, the rest is under way.
        while answered.load(Ordering::Relaxed) < kill * DELIVERIES / 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::task::block_in_place(|| up.kill_and_start());
        address.send_replace(up.variable("FRESHET_WEBHOOK_URL").to_owned());
    }
    for sender in senders {
        sender.await.unwrap();
    }
    tokio::task::block_in_place(|| {
        // The last kill comes when everything is answered.
        up.kill_and_start();
        up.settle();
        judge(&up);
    });
}

fn judge(up: &Up) {
    let count = |sql: &str| -> BTreeMap<String, i64> {
        up.rows(sql).into_iter().map(|row| (row["k"].as_str().unwrap().to_owned(), row["n"].as_i64().unwrap())).collect()
    };
    let orders = count("SELECT order_id AS k, count(*) AS n FROM shopify_orders GROUP BY order_id");
    let expected: BTreeMap<String, i64> =
        (0..DELIVERIES).filter(|place| place % 3 != 0).map(|place| ((9_007_199_254_740_993_u64 + place as u64).to_string(), 1)).collect();
    assert_eq!(orders, expected);
    let events = count("SELECT provider_event_id AS k, count(*) AS n FROM game_events GROUP BY provider_event_id");
    let expected: BTreeMap<String, i64> = (0..DELIVERIES)
        .filter(|place| place % 3 == 0)
        .flat_map(|place| (0..4).map(move |event| (format!("g-{place}-{event}"), 1)))
        .collect();
    assert_eq!(events, expected);
    let unequal = up.rows("SELECT count(*) AS n FROM pipeline_counts WHERE received <> stored + duplicates + rejected + refused");
    assert_eq!(unequal[0]["n"], 0);
}
