//! One visit to a shop: a cart, perhaps a checkout, perhaps an order and what follows it.

use freshet_ingest::time::Millis;
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::Event;
use super::catalogue::Shop;
use super::order::{Line, Order, refund_body};
use super::people::Person;
use super::truth::{CheckoutTruth, LastOrder, PersonTruth};
use super::writing::{DAY, HOUR, MINUTE, SECOND, exponential, hex, pick, span};

/// A buyer: what the shop sees, and what only the world knows.
#[derive(Debug, Clone)]
pub(super) struct Buyer {
    pub(super) person: Person,
    pub(super) visits: u32,
    pub(super) orders: u64,
    /// When they bought, whether a delivery tells of it or not.
    pub(super) bought_at: Vec<Millis>,
    /// Whether an order of theirs went wrong.
    pub(super) had_trouble: bool,
    pub(super) truth: PersonTruth,
}

/// A visit under way.
pub(super) struct Journey<'a> {
    pub(super) shop: &'a Shop,
    pub(super) buyer: &'a mut Buyer,
    pub(super) rng: &'a mut StdRng,
    pub(super) until: Millis,
    pub(super) events: &'a mut Vec<Event>,
    pub(super) checkouts: &'a mut Vec<CheckoutTruth>,
    now: Millis,
}

/// How familiar a shop gets with each visit, up to 1.
const FAMILIAR: f64 = 0.15;

/// Of so many orders one goes wrong.
const TROUBLE: u32 = 7;

const CAMPAIGNS: [(&str, &str); 5] = [
    ("/", ""),
    ("/?utm_source=newsletter&utm_medium=email&utm_campaign=autumn", ""),
    ("/products/new?utm_source=google&utm_medium=cpc&utm_campaign=brand", "https://www.google.example/"),
    ("/collections/all?utm_source=instagram&utm_medium=social", "https://l.instagram.example/"),
    ("/pages/about", "https://blog.example/"),
];

impl<'a> Journey<'a> {
    pub(super) fn new(
        shop: &'a Shop,
        buyer: &'a mut Buyer,
        rng: &'a mut StdRng,
        (begin, until): (Millis, Millis),
        events: &'a mut Vec<Event>,
        checkouts: &'a mut Vec<CheckoutTruth>,
    ) -> Self {
        Self { shop, buyer, rng, until, events, checkouts, now: begin }
    }

    /// Goes through the visit; `number` is unique in the shop.
    pub(super) fn go(mut self, number: u64) {
        self.buyer.visits += 1;
        let mut order = self.cart(number);
        let goes_on = self.rng.random::<f64>() < 0.35 + 0.4 * self.buyer.truth.intent;
        // Some go to the checkout from a product's page, without a cart.
        if !goes_on || self.rng.random_ratio(2, 5) {
            self.tell("carts/create", |journey| order.cart_body(journey.shop));
            for _ in 0..*pick(self.rng, &[0, 0, 1, 1]) {
                self.pass(20 * SECOND, 6 * MINUTE);
                self.change_cart(&mut order);
                self.tell("carts/update", |journey| order.cart_body(journey.shop));
            }
        }
        if !goes_on {
            return;
        }
        self.pass(30 * SECOND, 5 * MINUTE);
        self.become_customer(&mut order);
        order.created_at = self.now;
        order.updated_at = self.now;
        self.tell("checkouts/create", |journey| order.checkout_body(journey.shop, &journey.buyer.person, None));
        if self.rng.random_ratio(1, 5) {
            self.pass(SECOND, 3 * MINUTE);
            order.updated_at = self.now;
            self.tell("checkouts/update", |journey| order.checkout_body(journey.shop, &journey.buyer.person, None));
        }
        let familiar = (FAMILIAR * f64::from(self.buyer.visits)).min(1.0);
        let was_bought = self.rng.random::<f64>() < familiar * self.buyer.truth.intent;
        let truth =
            CheckoutTruth { token: order.checkout_token.clone(), shop: self.shop.domain, intent: self.buyer.truth.intent, was_bought };
        if self.is_told() {
            self.checkouts.push(truth);
        }
        if was_bought {
            // Some leave, and come back when they have slept on it, or are written to.
            if self.rng.random_ratio(1, 10) {
                let days = exponential(self.rng, 2.0).min(10.0);
                self.now = Millis(self.now.0 + 2 * HOUR + span(days) / SECOND * SECOND);
            } else {
                self.pass(30 * SECOND, 9 * MINUTE);
            }
            self.buy(&mut order);
        }
    }

    fn pass(&mut self, least: i64, most: i64) {
        self.now = Millis(self.now.0 + self.rng.random_range(least..most) / SECOND * SECOND);
    }

    /// Whether the world has not ended yet.
    fn is_told(&self) -> bool {
        self.now < self.until
    }

    /// Tells what happened, unless the world has ended by then.
    fn tell(&mut self, topic: &'static str, body: impl FnOnce(&Self) -> Value) {
        if self.is_told() {
            let body = body(self);
            self.events.push(Event {
                at: self.now,
                source: "shopify",
                account: Some(self.shop.domain.to_owned()),
                topic: Some(topic),
                body,
            });
        }
    }

    fn cart(&mut self, number: u64) -> Order {
        let base = self.shop.first_id + 1_000_000 * (number + 1);
        let more = (0..3).filter(|_| self.rng.random::<f64>() < self.buyer.truth.intent).count() as u64;
        let lines = (0..=more).map(|place| self.line(base + 10 * (place + 1))).collect();
        let (landing_site, referrer) = *pick(self.rng, &CAMPAIGNS);
        Order {
            id: base,
            number: 1_001 + number,
            token: hex(self.rng, 32),
            cart_token: hex(self.rng, 32),
            checkout_id: base + 500,
            checkout_token: hex(self.rng, 32),
            presentment: *pick(self.rng, &self.shop.presentments),
            lines,
            code: None,
            shipping: 0,
            tip: 0,
            channel: if self.rng.random_ratio(1, 9) { "pos" } else { "web" },
            landing_site: landing_site.to_owned(),
            referrer,
            customer_id: None,
            orders_count: self.buyer.orders,
            created_at: self.now,
            updated_at: self.now,
            cancelled_at: None,
            closed_at: None,
            financial: "pending",
            fulfillment: None,
            is_test: self.rng.random_ratio(1, 60),
            refunds: Vec::new(),
            fulfillments: Vec::new(),
        }
    }

    fn line(&mut self, id: u64) -> Line {
        let product = self.rng.random_range(0..self.shop.products.len());
        let variant = self.rng.random_range(0..self.shop.products[product].variants.len());
        Line { id, product, variant, quantity: *pick(self.rng, &[1, 1, 1, 2, 3]), discount: 0, returned: 0 }
    }

    fn change_cart(&mut self, order: &mut Order) {
        if order.lines.len() > 1 && self.rng.random_ratio(1, 4) {
            order.lines.pop();
        } else if self.rng.random_ratio(1, 2) {
            order.lines[0].quantity += 1;
        } else {
            let id = order.id + 10 * (order.lines.len() as u64 + 1);
            let line = self.line(id);
            order.lines.push(line);
        }
        order.updated_at = self.now;
    }

    fn become_customer(&mut self, order: &mut Order) {
        if self.rng.random_ratio(1, 4) {
            let code = *pick(self.rng, &["WELCOME10", "AUTUMN", "Grüße"]);
            order.discount(self.shop, code);
        }
        order.shipping = self.shop.currency.price(*pick(self.rng, &[0.9, 4.0, 6.0]));
        if order.channel == "pos" {
            order.shipping = 0;
        }
        if self.shop.currency.code == "USD" && self.rng.random_ratio(1, 8) {
            order.tip = 200;
        }
        if self.is_told() && self.buyer.truth.customer_id.is_none() && self.rng.random_ratio(4, 5) {
            let id = order.id + 900;
            self.buyer.truth.customer_id = Some(id);
            self.tell("customers/create", |journey| journey.customer_body(id, order));
        }
        order.customer_id = self.buyer.truth.customer_id;
    }

    fn customer_body(&self, id: u64, order: &Order) -> Value {
        let Buyer { person, orders, .. } = &*self.buyer;
        json!({
            "id": id, "admin_graphql_api_id": format!("gid://shopify/Customer/{id}"), "email": person.email, "first_name": person.first, "last_name": person.last, "phone": person.phone, "state": "disabled",
            "created_at": self.shop.text(order.created_at), "updated_at": self.shop.text(self.now), "orders_count": orders, "total_spent": self.shop.currency.text(0), "last_order_id": (*orders > 0).then_some(order.id),
            "note": null, "verified_email": true, "tax_exempt": false, "currency": self.shop.currency.code, "tags": "", "addresses": [person.address()], "default_address": person.address(),
            "email_marketing_consent": { "state": if id.is_multiple_of(3) { "subscribed" } else { "not_subscribed" }, "opt_in_level": "single_opt_in", "consent_updated_at": null },
        })
    }

    fn tell_order(&mut self, topic: &'static str, order: &mut Order) {
        order.updated_at = self.now;
        let body = order.body(self.shop, &self.buyer.person, self.rng);
        self.tell(topic, |_| body);
    }

    fn buy(&mut self, order: &mut Order) {
        self.buyer.orders += 1;
        if !order.is_test {
            self.buyer.bought_at.push(self.now);
        }
        if !self.is_told() {
            // All that the world still has to know.
            self.buyer.had_trouble |= self.rng.random_ratio(1, TROUBLE);
            return;
        }
        let begun = order.created_at;
        order.orders_count = self.buyer.orders;
        order.created_at = self.now;
        order.financial = if self.rng.random_ratio(7, 8) { "paid" } else { "pending" };
        order.updated_at = self.now;
        let body = order.body(self.shop, &self.buyer.person, self.rng);
        self.tell("orders/create", |_| body.clone());
        if order.financial == "paid" {
            // The same bytes under a second topic.
            self.tell("orders/paid", |_| body);
        }
        let checkout = Order { created_at: begun, ..order.clone() };
        self.tell("checkouts/update", |journey| checkout.checkout_body(journey.shop, &journey.buyer.person, Some(journey.now)));
        if let Some(id) = order.customer_id.filter(|_| self.rng.random_ratio(1, 2)) {
            self.pass(SECOND, 4 * SECOND);
            self.tell("customers/update", |journey| journey.customer_body(id, order));
        }
        let went_wrong = self.rng.random_ratio(1, TROUBLE);
        self.buyer.had_trouble |= went_wrong;
        if self.is_told() {
            let last = LastOrder { id: order.id, name: format!("#{}", order.number), at: self.now.0, was_refunded: false, went_wrong };
            self.buyer.truth.last_order = Some(last);
        }
        if self.rng.random_ratio(1, 30) {
            self.pass(10 * MINUTE, 5 * HOUR);
            order.cancelled_at = Some(self.now);
            order.closed_at = Some(self.now);
            order.financial = "voided";
            return self.tell_order("orders/cancelled", order);
        }
        if order.financial == "pending" {
            self.pass(HOUR, 30 * HOUR);
            order.financial = "paid";
            self.tell_order("orders/paid", order);
        }
        self.ship(order);
        self.give_back(order);
    }

    fn ship(&mut self, order: &mut Order) {
        self.pass(2 * HOUR, 2 * DAY);
        let id = order.id + 600;
        let created_at = self.shop.text(self.now);
        let lines: Vec<Value> = order.lines.iter().map(|line| line.body(self.shop, order.presentment, Some("fulfilled"))).collect();
        let number = format!("TR{}", id % 1_000_000_007);
        let (shop, email) = (self.shop, self.buyer.person.email.clone());
        let destination = self.buyer.person.address();
        let (order_id, name) = (order.id, format!("#{}.1", order.number));
        let body = |at: Millis, shipment: Option<&str>| {
            json!({
                "id": id, "admin_graphql_api_id": format!("gid://shopify/Fulfillment/{id}"), "order_id": order_id, "name": name, "status": "success", "shipment_status": shipment, "service": "manual",
                "created_at": created_at, "updated_at": shop.text(at), "tracking_company": "Parcel Post", "tracking_number": number, "tracking_numbers": [number], "tracking_urls": [],
                "location_id": 71_001, "email": email, "destination": destination, "line_items": lines, "receipt": {},
            })
        };
        self.tell("fulfillments/create", |journey| body(journey.now, None));
        order.fulfillment = Some("fulfilled");
        order.closed_at = Some(self.now);
        order.fulfillments = vec![body(self.now, None)];
        self.tell_order("orders/fulfilled", order);
        self.tell_order("orders/updated", order);
        // Not every carrier tells.
        if self.rng.random_ratio(1, 2) {
            return;
        }
        for shipment in ["in_transit", "delivered"] {
            self.pass(5 * HOUR, 2 * DAY);
            let body = body(self.now, Some(shipment));
            self.tell("fulfillments/update", |_| body);
        }
    }

    fn give_back(&mut self, order: &mut Order) {
        for line in &mut order.lines {
            if self.rng.random_ratio(self.shop.products[line.product].regret, 100) {
                line.returned = self.rng.random_range(1..=line.quantity);
            }
        }
        if order.lines.iter().all(|line| line.returned == 0) {
            return;
        }
        self.pass(DAY, 4 * DAY);
        let refund = refund_body(self.shop, order, order.id + 700, self.now);
        self.tell("refunds/create", |_| refund.clone());
        order.refunds = vec![refund];
        order.financial = if order.lines.iter().all(|line| line.returned == line.quantity) { "refunded" } else { "partially_refunded" };
        self.tell_order("orders/updated", order);
        if let Some(last) = self.buyer.truth.last_order.as_mut().filter(|last| last.id == order.id) {
            last.was_refunded = true;
        }
    }
}
