//! The shops' days: products that change, people who come and come back, and what the law asks for.
//!
//! What is true of a buyer. They first come on any of the days. Most never come again; the others do, at a rate of their
//! own, until they are lost. Rates of people are far apart, evenly so on a logarithmic scale, as buying rates were found
//! to be (Lawrence 1980, "The lognormal distribution of buying frequency rates", Journal of Marketing Research 17,
//! 212-220). Apart from the rate each has an intent: who means to buy puts more into the cart and goes on to the checkout
//! more often. Few buy when they first come; with each visit the shop grows familiar, until the intent alone decides
//! (visits add up to a purchase, and who comes often buys more often: Moe and Fader 2004, "Dynamic conversion behavior
//! at e-commerce sites", Management Science 50(3), 326-335). Some leave a checkout and buy it days later. An order that
//! went wrong brings its buyer to the desk, and back to the shop less often. Nobody in this world sees what anybody
//! makes of it: behind its end it goes on by the same rules, into many futures.

use freshet_ingest::time::Millis;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng as _};
use serde_json::{Value, json};

use super::catalogue::{self, Shop};
use super::journey::{Buyer, Journey};
use super::people::Person;
use super::truth::{CheckoutTruth, PersonTruth, Truth};
use super::writing::{DAY, HOUR, MINUTE, SECOND, bell, exponential, span};
use super::{Event, Settings};

/// How often the middle one of those who come again does so, a day.
const RATE: f64 = 0.22;
/// How far people's rates are apart: the deviation of their logarithms.
const SPREAD: f64 = 1.2;
/// The share of people who come once.
const ONCE: f64 = 0.65;
/// Of so many further visits one is the last.
const LOST: u32 = 60;
/// So many futures the world has, all by the same rules: one alone would say as much of luck as of people.
const FUTURES: usize = 50;
/// What is left of the rate when an order went wrong.
const AFTER_TROUBLE: f64 = 0.4;

/// Exactly `quota` events of all shops.
pub(super) fn events(rng: &mut StdRng, settings: Settings, quota: usize, truth: &mut Truth) -> Vec<Event> {
    let shops = catalogue::shops(rng);
    let begin = Millis(settings.until.0 - i64::from(settings.days) * DAY);
    let mut events: Vec<Event> = Vec::new();
    let mut buyers: Vec<(usize, Buyer)> = Vec::new();
    for shop in &shops {
        for product in &shop.products {
            push(
                &mut events,
                shop,
                Millis(begin.0 + 5 * MINUTE),
                "products/create",
                shop.product_body(product, Millis(begin.0 + 5 * MINUTE)),
            );
        }
    }
    events.truncate(quota / 4);
    let room = quota.saturating_sub(quota / 40);
    let mut visits = 0;
    loop {
        let place = match rng.random_range(0..10) {
            0..5 => 0,
            5..8 => 1,
            _ => 2,
        };
        // Everyone has draws of their own: how far anybody is followed changes nothing for the others.
        let mut own = StdRng::seed_from_u64(rng.random());
        let buyer = newcomer(&mut own, &shops[place], buyers.len());
        let (events_before, checkouts_before) = (events.len(), truth.checkouts.len());
        let buyer = live(&mut own, settings, &shops[place], buyer, &mut visits, (&mut events, &mut truth.checkouts));
        if events.len() > room {
            // There is no room for all that the last one does, so the last one is none of this world.
            events.truncate(events_before);
            truth.checkouts.truncate(checkouts_before);
            break;
        }
        buyers.push((place, buyer));
    }
    while events.len() < quota {
        let shop = &shops[rng.random_range(0..shops.len())];
        let at = Millis(begin.0 + rng.random_range(HOUR..i64::from(settings.days).max(1) * DAY) / SECOND * SECOND);
        let (topic, body) = keep_house(rng, shop, at, &buyers);
        push(&mut events, shop, at, topic, body);
    }
    truth.people = buyers.into_iter().map(|(_, buyer)| buyer.truth).collect();
    events
}

/// All visits of a newcomer, and what they do in each of the world's futures; `visits` counts those that deliveries tell of.
fn live(
    rng: &mut StdRng,
    settings: Settings,
    shop: &Shop,
    mut buyer: Buyer,
    visits: &mut u64,
    (events, checkouts): (&mut Vec<Event>, &mut Vec<CheckoutTruth>),
) -> Buyer {
    let begin = settings.until.0 - i64::from(settings.days) * DAY;
    let first = begin + rng.random_range(0..i64::from(settings.days).max(1)) * DAY + hour_of_day(rng);
    let mut next = Some(first);
    while let Some(at) = next.filter(|at| *at < settings.until.0) {
        Journey::new(shop, &mut buyer, rng, (Millis(at), settings.until), events, checkouts).go(*visits);
        *visits += 1;
        next = (!is_last_visit(rng, &buyer)).then(|| next_visit(rng, &buyer, at));
    }
    if settings.ahead > 0 {
        let comes_again = next.is_some();
        buyer.truth.buys_ahead = (0..FUTURES).map(|_| buys(rng, settings, shop, &buyer, comes_again)).collect();
    }
    buyer
}

/// Whether a buyer buys in the days behind the world's end, in one of its futures. No delivery tells of it.
fn buys(rng: &mut StdRng, settings: Settings, shop: &Shop, buyer: &Buyer, comes_again: bool) -> bool {
    let end = settings.until.0 + i64::from(settings.ahead) * DAY;
    let mut buyer = buyer.clone();
    // However long they have been away: the days until they come again do not depend on it.
    let mut next = comes_again.then(|| next_visit(rng, &buyer, settings.until.0));
    while let Some(at) = next.filter(|at| *at < end) {
        let (mut events, mut checkouts) = (Vec::new(), Vec::new());
        // Numbers of visits that no delivery tells of are nobody's.
        let number = u64::from(u32::MAX);
        Journey::new(shop, &mut buyer, rng, (Millis(at), settings.until), &mut events, &mut checkouts).go(number);
        next = (!is_last_visit(rng, &buyer)).then(|| next_visit(rng, &buyer, at));
    }
    buyer.bought_at.iter().any(|at| (settings.until.0..end).contains(&at.0))
}

fn is_last_visit(rng: &mut StdRng, buyer: &Buyer) -> bool {
    if buyer.visits == 1 { rng.random::<f64>() < ONCE } else { rng.random_ratio(1, LOST) }
}

/// When a buyer comes again who was there, or might have come, at a time.
fn next_visit(rng: &mut StdRng, buyer: &Buyer, at: i64) -> i64 {
    let calm = if buyer.had_trouble { AFTER_TROUBLE } else { 1.0 };
    let days = exponential(rng, 1.0 / (RATE * buyer.truth.eagerness * calm)).min(1_000.0);
    let next = at + 2 * HOUR + span(days);
    // Fewer come at night.
    (next.div_euclid(DAY) * DAY + hour_of_day(rng)).max(at + 2 * HOUR)
}

/// A time of day, in milliseconds.
fn hour_of_day(rng: &mut StdRng) -> i64 {
    let hour = (rng.random_range(0..12) + rng.random_range(0..12)) % 24;
    hour * HOUR + rng.random_range(0..HOUR) / SECOND * SECOND
}

fn newcomer(rng: &mut StdRng, shop: &Shop, number: usize) -> Buyer {
    let person = Person::new(rng, number);
    let at_home = f64::from(u8::from(person.country() == shop.country));
    let intent = rng.random::<f64>() * 0.5 + 0.4 + 0.1 * at_home;
    let truth = PersonTruth {
        email: person.email.clone(),
        shop: shop.domain,
        customer_id: None,
        zendesk_user_id: None,
        intent,
        eagerness: (SPREAD * bell(rng)).exp(),
        last_order: None,
        buys_ahead: Vec::new(),
    };
    Buyer { person, visits: 0, orders: 0, bought_at: Vec::new(), had_trouble: false, truth }
}

fn push(events: &mut Vec<Event>, shop: &Shop, at: Millis, topic: &'static str, body: Value) {
    events.push(Event { at, source: "shopify", account: Some(shop.domain.to_owned()), topic: Some(topic), body });
}

/// What a shop does when nobody buys: stock, apps, privacy, and topics that no table takes.
fn keep_house(rng: &mut StdRng, shop: &Shop, at: Millis, buyers: &[(usize, Buyer)]) -> (&'static str, Value) {
    let product = &shop.products[rng.random_range(0..shop.products.len())];
    let shop_body = json!({
        "id": shop.id, "name": shop.name, "email": "owner@example.com", "domain": shop.domain, "myshopify_domain": shop.domain, "shop_owner": "Sam Owner", "phone": "+15550000000", "address1": "1 Shop Street",
        "country_code": shop.country, "currency": shop.currency.code, "iana_timezone": shop.zone, "plan_name": "basic", "created_at": shop.text(Millis(at.0 - 400 * DAY)), "updated_at": shop.text(at),
    });
    let customer = buyers
        .iter()
        .rev()
        .find_map(|(_, buyer)| buyer.truth.customer_id.filter(|_| buyer.truth.shop == shop.domain).map(|id| (id, buyer)));
    let subject = customer.map_or(Value::Null, |(id, buyer)| json!({ "id": id, "email": buyer.person.email, "phone": buyer.person.phone }));
    let request = rng.random_range(1..1_000_000_u64);
    let privacy = |orders: &str| json!({ "shop_id": shop.id, "shop_domain": shop.domain, orders: [request + 1], "customer": subject, "data_request": { "id": request } });
    match rng.random_range(0..20) {
        0..12 => {
            let mut body = shop.product_body(product, at);
            body["variants"][0]["inventory_quantity"] = json!(rng.random_range(0..40));
            ("products/update", body)
        }
        12 => ("products/delete", json!({ "id": product.id })),
        13 => ("shop/update", shop_body),
        14 => ("app/uninstalled", shop_body),
        15 => {
            let id = format!("gid://shopify/AppSubscription/{request}");
            let subscription = json!({ "admin_graphql_api_id": id, "admin_graphql_api_shop_id": format!("gid://shopify/Shop/{}", shop.id), "name": "Pro", "status": "ACTIVE", "currency": "USD", "created_at": shop.text(at), "updated_at": shop.text(at) });
            ("app_subscriptions/update", json!({ "app_subscription": subscription }))
        }
        16 => ("customers/data_request", privacy("orders_requested")),
        17 => ("customers/redact", privacy("orders_to_redact")),
        18 => (
            "inventory_levels/update",
            json!({ "inventory_item_id": product.variants[0].id + 500, "location_id": 71_001, "available": rng.random_range(0..40), "updated_at": shop.text(at) }),
        ),
        _ => (
            "disputes/create",
            json!({ "id": request, "order_id": null, "type": "chargeback", "amount": "11.50", "currency": shop.currency.code, "reason": "fraudulent", "status": "needs_response", "initiated_at": shop.text(at) }),
        ),
    }
}
