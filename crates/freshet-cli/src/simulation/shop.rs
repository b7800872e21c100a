//! The shops' days: products that change, visitors who come and come back, and what the law asks for.

use freshet_ingest::time::Millis;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng as _};
use serde_json::{Value, json};

use super::catalogue::{self, Shop};
use super::journey::{Buyer, Journey};
use super::people::Person;
use super::truth::{PersonTruth, Truth};
use super::writing::{DAY, HOUR, MINUTE, SECOND, bell};
use super::{Event, Settings};

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
    let housekeeping = quota / 40;
    let mut number = 0;
    while events.len() < quota.saturating_sub(housekeeping) {
        let (place, buyer) = visitor(rng, &shops, &mut buyers);
        let at = some_time(rng, begin, settings.days);
        Journey::new(&shops[place], &mut buyers[buyer].1, rng, (at, settings.until), &mut events, &mut truth.checkouts).go(number);
        number += 1;
    }
    look_ahead(settings, &shops, &mut buyers, number);
    while events.len() < quota {
        let shop = &shops[rng.random_range(0..shops.len())];
        let at = Millis(begin.0 + rng.random_range(HOUR..i64::from(settings.days).max(1) * DAY) / SECOND * SECOND);
        let (topic, body) = keep_house(rng, shop, at, &buyers);
        push(&mut events, shop, at, topic, body);
    }
    events.truncate(quota);
    truth.people = buyers.into_iter().map(|(_, buyer)| buyer.truth).collect();
    events
}

/// Who comes, and to which shop: somebody new, or one of those who were there, the eager more often.
fn visitor(rng: &mut StdRng, shops: &[Shop], buyers: &mut Vec<(usize, Buyer)>) -> (usize, usize) {
    let place = match rng.random_range(0..10) {
        0..5 => 0,
        5..8 => 1,
        _ => 2,
    };
    let known: Vec<usize> = buyers.iter().enumerate().filter(|(_, (home, _))| *home == place).map(|(place, _)| place).collect();
    if known.len() > 4 && rng.random_ratio(1, 2) {
        let mut left = rng.random::<f64>() * known.iter().map(|buyer| buyers[*buyer].1.truth.eagerness).sum::<f64>();
        let comes = known.iter().copied().find(|buyer| {
            left -= buyers[*buyer].1.truth.eagerness;
            left < 0.0
        });
        return (place, comes.unwrap_or(known[0]));
    }
    buyers.push((place, newcomer(rng, &shops[place], buyers.len())));
    (place, buyers.len() - 1)
}

/// A time of one of some days. Fewer come at night.
fn some_time(rng: &mut StdRng, begin: Millis, days: u32) -> Millis {
    let day = rng.random_range(0..i64::from(days).max(1));
    let hour = (rng.random_range(0..12) + rng.random_range(0..12)) % 24;
    Millis(begin.0 + day * DAY + hour * HOUR + rng.random_range(0..HOUR) / SECOND * SECOND)
}

/// Goes on behind the world's end, as often as before it, and notes who buys there. Nothing else comes of it: what the world
/// tells is the same however far is looked.
fn look_ahead(settings: Settings, shops: &[Shop], buyers: &mut [(usize, Buyer)], visits: u64) {
    let mut rng = StdRng::seed_from_u64(settings.seed.rotate_left(32));
    let mut later = buyers.to_vec();
    let end = Millis(settings.until.0 + i64::from(settings.ahead) * DAY);
    for number in 0..visits * u64::from(settings.ahead) / u64::from(settings.days).max(1) {
        let (place, buyer) = visitor(&mut rng, shops, &mut later);
        let at = some_time(&mut rng, settings.until, settings.ahead);
        let (mut events, mut checkouts) = (Vec::new(), Vec::new());
        Journey::new(&shops[place], &mut later[buyer].1, &mut rng, (at, end), &mut events, &mut checkouts).go(visits + number);
    }
    for ((_, buyer), (_, later)) in buyers.iter_mut().zip(&later) {
        buyer.truth.buys_ahead = later.bought_at.iter().any(|at| (settings.until.0..end.0).contains(&at.0));
    }
}

fn newcomer(rng: &mut StdRng, shop: &Shop, number: usize) -> Buyer {
    let person = Person::new(rng, number);
    let at_home = f64::from(u8::from(person.country() == shop.country));
    let intent = (rng.random::<f64>() * 0.6 + 0.2 + 0.15 * at_home).min(0.95);
    let truth = PersonTruth {
        email: person.email.clone(),
        shop: shop.domain,
        customer_id: None,
        zendesk_user_id: None,
        intent,
        eagerness: (0.9 * bell(rng)).exp(),
        last_order: None,
        buys_ahead: false,
    };
    Buyer { person, orders: 0, bought_at: Vec::new(), truth }
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
