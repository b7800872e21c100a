//! An order of a simulated shop: its amounts add up, in every state that it goes through.

use freshet_ingest::time::Millis;
use rand::Rng;
use serde_json::{Value, json};

use super::catalogue::Shop;
use super::money::{Currency, part};
use super::people::Person;
use super::writing::{hex, merge};

/// A line of a cart, a checkout or an order.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) id: u64,
    pub(super) product: usize,
    pub(super) variant: usize,
    pub(super) quantity: i64,
    pub(super) discount: i64,
    pub(super) returned: i64,
}

/// What a visitor puts together, and what becomes of it.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) token: String,
    pub(super) cart_token: String,
    pub(super) checkout_id: u64,
    pub(super) checkout_token: String,
    pub(super) presentment: Currency,
    pub(super) lines: Vec<Line>,
    pub(super) code: Option<&'static str>,
    pub(super) shipping: i64,
    pub(super) tip: i64,
    pub(super) channel: &'static str,
    pub(super) landing_site: String,
    pub(super) referrer: &'static str,
    pub(super) customer_id: Option<u64>,
    pub(super) orders_count: u64,
    pub(super) created_at: Millis,
    pub(super) updated_at: Millis,
    pub(super) cancelled_at: Option<Millis>,
    pub(super) closed_at: Option<Millis>,
    pub(super) financial: &'static str,
    pub(super) fulfillment: Option<&'static str>,
    pub(super) is_test: bool,
    pub(super) refunds: Vec<Value>,
    pub(super) fulfillments: Vec<Value>,
}

impl Line {
    pub(super) fn price(&self, shop: &Shop) -> i64 {
        shop.products[self.product].variants[self.variant].price
    }

    fn gross(&self, shop: &Shop) -> i64 {
        self.price(shop) * self.quantity
    }

    pub(super) fn net(&self, shop: &Shop) -> i64 {
        self.gross(shop) - self.discount
    }

    /// The tax of `pieces` of the line.
    pub(super) fn tax(&self, shop: &Shop, pieces: i64) -> i64 {
        let net = self.net(shop) * pieces / self.quantity;
        if shop.taxes_included { net - net * 10_000 / (10_000 + shop.tax) } else { part(net, shop.tax) }
    }

    /// The line's body.
    pub(super) fn body(&self, shop: &Shop, presentment: Currency, status: Option<&str>) -> Value {
        let product = &shop.products[self.product];
        let variant = &product.variants[self.variant];
        let tax = self.tax(shop, self.quantity);
        let allocations: Vec<Value> = (self.discount > 0)
            .then(|| json!({ "amount": shop.currency.text(self.discount), "discount_application_index": 0, "amount_set": shop.currency.set(self.discount, presentment) }))
            .into_iter()
            .collect();
        json!({
            "id": self.id, "admin_graphql_api_id": format!("gid://shopify/LineItem/{}", self.id), "product_id": product.id, "variant_id": variant.id,
            "title": product.title, "variant_title": variant.title, "name": format!("{} - {}", product.title, variant.title), "sku": variant.sku, "vendor": product.vendor,
            "quantity": self.quantity, "current_quantity": self.quantity - self.returned, "fulfillable_quantity": if status.is_some() { 0 } else { self.quantity },
            "grams": variant.grams, "price": shop.currency.text(variant.price), "price_set": shop.currency.set(variant.price, presentment),
            "total_discount": shop.currency.text(0), "discount_allocations": allocations, "duties": [], "properties": [],
            "fulfillment_service": "manual", "fulfillment_status": status, "gift_card": false, "product_exists": true, "requires_shipping": true, "taxable": true,
            "tax_lines": [{ "title": shop.tax_title, "price": shop.currency.text(tax), "rate": shop.tax as f64 / 10_000.0, "price_set": shop.currency.set(tax, presentment) }],
        })
    }
}

impl Order {
    pub(super) fn gross(&self, shop: &Shop) -> i64 {
        self.lines.iter().map(|line| line.gross(shop)).sum()
    }

    pub(super) fn discounts(&self) -> i64 {
        self.lines.iter().map(|line| line.discount).sum()
    }

    pub(super) fn subtotal(&self, shop: &Shop) -> i64 {
        self.gross(shop) - self.discounts()
    }

    pub(super) fn tax(&self, shop: &Shop) -> i64 {
        self.lines.iter().map(|line| line.tax(shop, line.quantity)).sum()
    }

    pub(super) fn total(&self, shop: &Shop) -> i64 {
        self.subtotal(shop) + self.shipping + self.tip + if shop.taxes_included { 0 } else { self.tax(shop) }
    }

    /// Takes a discount code: a tenth off every line.
    pub(super) fn discount(&mut self, shop: &Shop, code: &'static str) {
        self.code = Some(code);
        for line in &mut self.lines {
            line.discount = part(line.gross(shop), 1_000);
        }
    }

    fn codes(&self, shop: &Shop) -> Vec<Value> {
        self.code.map(|code| json!({ "code": code, "amount": shop.currency.text(self.discounts()), "type": "percentage" })).into_iter().collect()
    }

    fn line_bodies(&self, shop: &Shop) -> Vec<Value> {
        self.lines.iter().map(|line| line.body(shop, self.presentment, self.fulfillment)).collect()
    }

    /// The body of every order topic.
    pub(super) fn body(&self, shop: &Shop, person: &Person, rng: &mut impl Rng) -> Value {
        let money = |minor: i64| shop.currency.text(minor);
        let set = |minor: i64| shop.currency.set(minor, self.presentment);
        let (gross, discounts, subtotal, tax, total) = (self.gross(shop), self.discounts(), self.subtotal(shop), self.tax(shop), self.total(shop));
        let refunded: i64 = self.lines.iter().map(|line| refund_amount(shop, line)).sum();
        let current = if self.cancelled_at.is_some() { 0 } else { total - refunded };
        let paid = self.financial != "pending";
        let customer = self.customer_id.map(|id| {
            json!({
                "id": id, "email": person.email, "created_at": shop.text(self.created_at), "first_name": person.first, "last_name": person.last, "state": "disabled", "note": null,
                "verified_email": true, "tax_exempt": false, "phone": person.phone, "currency": shop.currency.code, "tags": "",
                "admin_graphql_api_id": format!("gid://shopify/Customer/{id}"), "default_address": person.address(),
            })
        });
        let head = json!({
            "id": self.id, "admin_graphql_api_id": format!("gid://shopify/Order/{}", self.id), "app_id": 580_111, "browser_ip": "203.0.113.7", "buyer_accepts_marketing": self.number % 3 == 0,
            "cancel_reason": self.cancelled_at.map(|_| "customer"), "cancelled_at": self.cancelled_at.map(|at| shop.text(at)), "closed_at": self.closed_at.map(|at| shop.text(at)),
            "cart_token": self.cart_token, "checkout_id": self.checkout_id, "checkout_token": self.checkout_token, "confirmed": true, "contact_email": person.email, "email": person.email,
            "phone": null, "created_at": shop.text(self.created_at), "processed_at": shop.text(self.created_at), "updated_at": shop.text(self.updated_at),
            "currency": shop.currency.code, "presentment_currency": self.presentment.code, "customer": customer, "customer_locale": "en",
            "current_total_price": money(current), "current_total_price_set": set(current), "current_subtotal_price": money(subtotal - refunded.min(subtotal)),
        });
        let state = json!({
            "discount_applications": [], "discount_codes": self.codes(shop), "financial_status": self.financial, "fulfillment_status": self.fulfillment,
            "landing_site": self.landing_site, "referring_site": self.referrer, "source_name": self.channel, "name": format!("#{}", self.number), "number": self.number - 1_000, "order_number": self.number,
            "note": if rng.random_ratio(1, 12) { Some(format!("Please ring, or write to {}", person.email)) } else { None }, "note_attributes": [],
            "order_status_url": format!("https://{}/orders/{}/authenticate?key={}", shop.domain, self.token, hex(rng, 32)),
            "payment_gateway_names": ["shopify_payments"], "tags": if self.orders_count > 2 { "returning, vip" } else { "" }, "tax_exempt": false, "taxes_included": shop.taxes_included, "test": self.is_test, "token": self.token,
        });
        let amounts = json!({
            "subtotal_price": money(subtotal), "subtotal_price_set": set(subtotal), "total_line_items_price": money(gross), "total_line_items_price_set": set(gross),
            "total_discounts": money(discounts), "total_discounts_set": set(discounts), "total_tax": money(tax), "total_tax_set": set(tax), "total_price": money(total), "total_price_set": set(total),
            "total_shipping_price_set": set(self.shipping), "total_tip_received": money(self.tip), "total_outstanding": if paid { money(0) } else { money(total) }, "total_weight": 0,
            "tax_lines": [{ "title": shop.tax_title, "price": money(tax), "rate": shop.tax as f64 / 10_000.0, "price_set": set(tax), "channel_liable": false }],
            "billing_address": person.address(), "shipping_address": person.address(), "client_details": { "browser_ip": "203.0.113.7", "user_agent": "Mozilla/5.0", "accept_language": "en" },
            "line_items": self.line_bodies(shop), "shipping_lines": [{ "id": self.id + 7, "title": "Standard", "code": "Standard", "price": money(self.shipping), "price_set": set(self.shipping), "source": "shopify", "tax_lines": [], "discount_allocations": [] }],
            "fulfillments": self.fulfillments, "refunds": self.refunds, "user_id": null, "location_id": null,
        });
        merge([head, state, amounts])
    }

    /// The body of every checkout topic.
    pub(super) fn checkout_body(&self, shop: &Shop, person: &Person, completed_at: Option<Millis>) -> Value {
        let money = |minor: i64| shop.currency.text(minor);
        json!({
            "id": self.checkout_id, "token": self.checkout_token, "cart_token": self.cart_token, "email": person.email, "gateway": null, "buyer_accepts_marketing": self.number % 3 == 0,
            "created_at": shop.text(self.created_at), "updated_at": shop.text(self.updated_at), "completed_at": completed_at.map(|at| shop.text(at)), "closed_at": null,
            "landing_site": self.landing_site, "referring_site": self.referrer, "note": null, "note_attributes": [], "shipping_lines": [], "taxes_included": shop.taxes_included, "total_weight": 0,
            "currency": shop.currency.code, "presentment_currency": self.presentment.code, "source_name": self.channel, "customer_locale": "en", "name": format!("#{}", self.checkout_id), "phone": null,
            "line_items": self.line_bodies(shop), "total_discounts": money(self.discounts()), "total_line_items_price": money(self.gross(shop)), "total_price": money(self.total(shop)),
            "subtotal_price": money(self.subtotal(shop)), "total_tax": money(self.tax(shop)), "discount_codes": self.codes(shop), "shipping_address": person.address(), "billing_address": person.address(),
            "customer": self.customer_id.map(|id| json!({ "id": id, "email": person.email, "accepts_marketing": self.number % 3 == 0, "first_name": person.first, "last_name": person.last })),
            "abandoned_checkout_url": format!("https://{}/checkouts/ac/{}/recover", shop.domain, self.checkout_token),
        })
    }

    /// The body of every cart topic.
    pub(super) fn cart_body(&self, shop: &Shop) -> Value {
        let line = |line: &Line| {
            let product = &shop.products[line.product];
            let variant = &product.variants[line.variant];
            json!({
                "id": variant.id, "variant_id": variant.id, "product_id": product.id, "key": format!("{}:{}", variant.id, self.number), "quantity": line.quantity, "title": product.title, "sku": variant.sku,
                "vendor": product.vendor, "price": shop.currency.text(variant.price), "original_price": shop.currency.text(variant.price), "discounted_price": shop.currency.text(variant.price),
                "line_price": shop.currency.text(line.gross(shop)), "original_line_price": shop.currency.text(line.gross(shop)), "total_discount": shop.currency.text(0), "gift_card": false, "grams": variant.grams,
                "price_set": shop.currency.set(variant.price, self.presentment), "line_price_set": shop.currency.set(line.gross(shop), self.presentment), "properties": {}, "discounts": [],
            })
        };
        json!({
            "id": self.cart_token, "token": self.cart_token, "note": "", "created_at": shop.text(self.created_at), "updated_at": shop.text(self.updated_at),
            "line_items": self.lines.iter().map(line).collect::<Vec<_>>(),
        })
    }
}

/// What goes back for the pieces of a line that were returned.
pub(super) fn refund_amount(shop: &Shop, line: &Line) -> i64 {
    let net = line.net(shop) * line.returned / line.quantity;
    net + if shop.taxes_included { 0 } else { line.tax(shop, line.returned) }
}

/// The body of a refund: pieces back, money back.
pub(super) fn refund_body(shop: &Shop, order: &Order, id: u64, at: Millis) -> Value {
    let money = |minor: i64| shop.currency.text(minor);
    let returned = || order.lines.iter().filter(|line| line.returned > 0);
    let lines: Vec<Value> = returned()
        .map(|line| {
            let subtotal = line.net(shop) * line.returned / line.quantity;
            let tax = line.tax(shop, line.returned);
            json!({
                "id": line.id + 3, "line_item_id": line.id, "quantity": line.returned, "restock_type": "return", "location_id": 71_001,
                // Shopify writes numbers here, and texts elsewhere.
                "subtotal": serde_json::from_str::<Value>(&money(subtotal)).unwrap_or_default(), "total_tax": serde_json::from_str::<Value>(&money(tax)).unwrap_or_default(),
                "subtotal_set": shop.currency.set(subtotal, order.presentment), "total_tax_set": shop.currency.set(tax, order.presentment),
                "line_item": line.body(shop, order.presentment, order.fulfillment),
            })
        })
        .collect();
    let amount: i64 = returned().map(|line| refund_amount(shop, line)).sum();
    json!({
        "id": id, "admin_graphql_api_id": format!("gid://shopify/Refund/{id}"), "order_id": order.id, "created_at": shop.text(at), "processed_at": shop.text(at), "note": "changed my mind", "user_id": null, "restock": true,
        "refund_line_items": lines, "order_adjustments": [], "duties": [],
        "transactions": [{
            "id": id + 1, "order_id": order.id, "parent_id": order.id + 1, "kind": "refund", "status": "success", "gateway": "shopify_payments", "amount": money(amount), "currency": shop.currency.code,
            "created_at": shop.text(at), "processed_at": shop.text(at), "test": order.is_test, "message": "Refunded", "error_code": null, "source_name": "1830279",
        }],
    })
}
