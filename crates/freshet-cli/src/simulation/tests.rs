//! The simulated world: the same for the same seed, with every outcome, and amounts that add up.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn settings(seed: u64) -> Settings {
    Settings { seed, deliveries: 700, days: 15, until: Millis(1_790_035_200_000), ahead: 7 }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (one, again, other) = (simulate(settings(7)), simulate(settings(7)), simulate(settings(8)));
    assert_eq!(one.deliveries, again.deliveries);
    assert_eq!(serde_json::to_string(&one.truth).unwrap(), serde_json::to_string(&again.truth).unwrap());
    assert_ne!(one.deliveries, other.deliveries);
}

#[test]
fn every_delivery_has_one_outcome_and_every_outcome_occurs() {
    for (seed, deliveries) in [(1, 200), (2, 777), (3, 1_500)] {
        let world = simulate(Settings { seed, deliveries, ..settings(seed) });
        assert_eq!(world.deliveries.len(), deliveries);
        assert_eq!(world.truth.outcomes.values().sum::<u64>(), deliveries as u64);
        assert_eq!(world.truth.outcomes.len(), 5, "{:?}", world.truth.outcomes);
    }
}

#[test]
fn what_is_stored_is_there_once() {
    let world = simulate(settings(5));
    let mut seen = BTreeSet::new();
    for delivery in world.deliveries.iter().filter(|delivery| delivery.outcome == Outcome::Stored) {
        let key = (delivery.source, delivery.account.clone(), delivery.topic.clone(), delivery.id.clone(), delivery.body.clone());
        assert!(seen.insert(key));
    }
}

#[test]
fn the_world_covers_every_topic_that_a_table_takes() {
    let world = simulate(Settings { deliveries: 2_500, ..settings(11) });
    let topics: BTreeSet<&str> = world.deliveries.iter().filter_map(|delivery| delivery.topic.as_deref()).collect();
    for topic in [
        "carts/create",
        "checkouts/create",
        "orders/create",
        "orders/paid",
        "orders/cancelled",
        "fulfillments/update",
        "refunds/create",
        "customers/create",
        "products/update",
    ] {
        assert!(topics.contains(topic), "{topic} is missing in {topics:?}");
    }
}

#[test]
fn an_orders_amounts_add_up() {
    let world = simulate(settings(13));
    let amount = |value: &Value| value.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    let mut orders = 0;
    for delivery in world.deliveries.iter().filter(|delivery| delivery.topic.as_deref() == Some("orders/create")) {
        let Ok(body) = serde_json::from_slice::<Value>(&delivery.body) else { continue };
        if body["id"].is_null() {
            continue;
        }
        let sum = amount(&body["subtotal_price"])
            + amount(&body["total_shipping_price_set"]["shop_money"]["amount"])
            + amount(&body["total_tip_received"])
            + if body["taxes_included"] == true { 0 } else { amount(&body["total_tax"]) };
        assert_eq!(amount(&body["total_price"]), sum);
        let lines: i64 =
            body["line_items"].as_array().unwrap().iter().map(|line| amount(&line["price"]) * line["quantity"].as_i64().unwrap()).sum();
        assert_eq!(amount(&body["total_line_items_price"]), lines);
        assert_eq!(amount(&body["subtotal_price"]), lines - amount(&body["total_discounts"]));
        orders += 1;
    }
    assert!(orders > 8, "{orders} orders");
}

#[test]
fn how_far_is_looked_ahead_changes_nothing_that_is_told() {
    let (near, far) = (simulate(Settings { ahead: 0, ..settings(31) }), simulate(Settings { ahead: 30, ..settings(31) }));
    assert_eq!(near.deliveries, far.deliveries);
    assert!(near.truth.people.iter().all(|person| person.buys_ahead.is_empty()));
    // Futures differ, and whoever bought in one of them may not in another.
    let is_both = |person: &truth::PersonTruth| person.buys_ahead.contains(&true) && person.buys_ahead.contains(&false);
    assert!(far.truth.people.iter().any(is_both));
}

#[test]
fn who_comes_often_is_likelier_to_buy_in_the_days_ahead() {
    let world = simulate(Settings { deliveries: 4_000, ..settings(23) });
    let orders = |email: &str| {
        let is_theirs = |delivery: &&Delivery| {
            delivery.topic.as_deref() == Some("orders/create")
                && serde_json::from_slice::<Value>(&delivery.body)
                    .is_ok_and(|body| body["email"].as_str().is_some_and(|told| told.eq_ignore_ascii_case(email)))
        };
        world.deliveries.iter().filter(is_theirs).count()
    };
    let (mut ahead, mut others) = (Vec::new(), Vec::new());
    for person in &world.truth.people {
        let side = if person.buys_ahead[0] { &mut ahead } else { &mut others };
        side.push(orders(&person.email) as f64);
    }
    let mean = |counts: &[f64]| counts.iter().sum::<f64>() / counts.len() as f64;
    assert!(ahead.len() > 10 && mean(&ahead) > 1.5 * mean(&others), "{} {} {}", ahead.len(), mean(&ahead), mean(&others));
}

#[test]
fn better_players_win_more_often() {
    let world = simulate(Settings { deliveries: 3_000, ..settings(17) });
    let skills: BTreeMap<&str, f64> = world.truth.players.iter().map(|player| (player.puuid.as_str(), player.skill)).collect();
    let (mut winners, mut losers) = (Vec::new(), Vec::new());
    for delivery in world.deliveries.iter().filter(|delivery| delivery.source == "game" && delivery.outcome == Outcome::Stored) {
        let Ok(body) = serde_json::from_slice::<Value>(&delivery.body) else { continue };
        for participant in body["info"]["participants"].as_array().into_iter().flatten() {
            let side = if participant["win"] == true { &mut winners } else { &mut losers };
            side.push(skills[participant["puuid"].as_str().unwrap()]);
        }
    }
    let mean = |skills: &[f64]| skills.iter().sum::<f64>() / skills.len() as f64;
    assert!(mean(&winners) > mean(&losers) + 0.1, "{} {}", mean(&winners), mean(&losers));
    assert!(world.truth.players.iter().any(|player| player.is_smurf));
}

#[test]
fn people_write_to_the_desk_with_the_address_that_they_buy_with() {
    let world = simulate(settings(19));
    let known: BTreeSet<String> = world.truth.people.iter().map(|person| person.email.clone()).collect();
    let users = world
        .deliveries
        .iter()
        .filter(|delivery| delivery.source == "zendesk")
        .filter_map(|delivery| serde_json::from_slice::<Value>(&delivery.body).ok());
    let emails: Vec<String> = users.filter_map(|body| body["detail"]["email"].as_str().map(|email| email.trim().to_lowercase())).collect();
    assert!(emails.iter().filter(|email| known.contains(*email)).count() > 5, "{emails:?}");
}
