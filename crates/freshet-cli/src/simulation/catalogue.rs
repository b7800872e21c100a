//! What the simulated shops sell, and the shops themselves.

use freshet_ingest::time::Millis;
use rand::Rng;
use serde_json::{Value, json};

use super::money::{CURRENCIES, Currency};
use super::writing::{DAY, local, pick};

/// A shop.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) id: u64,
    pub(super) domain: &'static str,
    pub(super) name: &'static str,
    pub(super) currency: Currency,
    /// Currencies that its buyers may pay in.
    pub(super) presentments: Vec<Currency>,
    pub(super) offset_minutes: i32,
    pub(super) zone: &'static str,
    pub(super) country: &'static str,
    /// In hundredths of a per cent.
    pub(super) tax: i64,
    pub(super) tax_title: &'static str,
    pub(super) taxes_included: bool,
    /// Where its ids begin.
    pub(super) first_id: u64,
    pub(super) products: Vec<Product>,
}

/// A product.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) id: u64,
    pub(super) title: String,
    pub(super) vendor: &'static str,
    kind: &'static str,
    pub(super) variants: Vec<Variant>,
    /// Of a hundred buyers, how many give it back.
    pub(super) regret: u32,
}

/// A variant.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) id: u64,
    pub(super) title: &'static str,
    pub(super) sku: String,
    pub(super) price: i64,
    pub(super) stock: i64,
    pub(super) grams: i64,
}

const KINDS: [(&str, &str, &[&str], [f64; 2]); 6] = [
    ("Mug", "Kiln & Clay", &["Blue", "Sand", "Moss"], [14.0, 32.0]),
    ("Teapot", "Kiln & Clay", &["Small", "Large"], [38.0, 90.0]),
    ("Rain Jacket", "Tarn", &["S", "M", "L", "XL"], [79.0, 190.0]),
    ("Trail Pack", "Tarn", &["20 l", "34 l"], [69.0, 149.0]),
    ("House Blend", "Morning Post", &["250 g", "1 kg"], [8.0, 24.0]),
    ("Hand Grinder", "Morning Post", &["Steel"], [49.0, 119.0]),
];
const NAMES: [&str; 8] = ["Fjord", "Meadow", "Dune", "Harbour", "Comet", "Lantern", "Juniper", "Café"];

/// The shops of the world. The ids of one lie beyond what a JavaScript number holds.
pub(super) fn shops(rng: &mut impl Rng) -> Vec<Shop> {
    let [euro, dollar, pound, franc, yen] = CURRENCIES;
    let mut shops = vec![
        Shop {
            id: 61_000_113, domain: "kiln-and-clay.myshopify.com", name: "Kiln & Clay", currency: euro, presentments: vec![euro, euro, euro, franc, pound],
            offset_minutes: 60, zone: "Europe/Berlin", country: "DE", tax: 1_900, tax_title: "MwSt", taxes_included: true, first_id: 5_400_000_000_000, products: Vec::new(),
        },
        Shop {
            id: 61_000_227, domain: "tarn-outdoor.myshopify.com", name: "Tarn Outdoor", currency: dollar, presentments: vec![dollar, dollar, dollar, euro],
            offset_minutes: -480, zone: "America/Los_Angeles", country: "US", tax: 825, tax_title: "State Tax", taxes_included: false, first_id: 9_007_199_254_800_000, products: Vec::new(),
        },
        Shop {
            id: 61_000_331, domain: "morning-post-coffee.myshopify.com", name: "Morning Post Coffee", currency: yen, presentments: vec![yen],
            offset_minutes: 540, zone: "Asia/Tokyo", country: "JP", tax: 800, tax_title: "消費税", taxes_included: true, first_id: 7_100_000_000_000, products: Vec::new(),
        },
    ];
    for (place, shop) in shops.iter_mut().enumerate() {
        for number in 0..8_u64 {
            let (kind, vendor, variants, [low, high]) = KINDS[place * 2 + usize::from(number % 2 == 1)];
            let id = shop.first_id + 1_000 * (number + 1);
            let euros = rng.random_range(low..high);
            let variants = variants.iter().zip(1_u64..).map(|(title, place)| Variant {
                id: id + place,
                title,
                sku: format!("{}-{number:02}-{place}", kind[..3].to_uppercase()),
                price: shop.currency.price(euros * (1.0 + 0.15 * (place - 1) as f64)),
                stock: rng.random_range(5..120),
                grams: rng.random_range(120..1_800),
            });
            let variants = variants.collect();
            shop.products.push(Product { id, title: format!("{} {kind}", NAMES[usize::try_from(number).unwrap_or(0)]), vendor, kind, variants, regret: *pick(rng, &[2, 4, 6, 22]) });
        }
    }
    shops
}

impl Shop {
    pub(super) fn text(&self, at: Millis) -> String {
        local(at, self.offset_minutes)
    }

    /// A product's body.
    pub(super) fn product_body(&self, product: &Product, updated_at: Millis) -> Value {
        let created_at = Millis(updated_at.0.div_euclid(DAY * 400) * DAY * 400);
        let variants: Vec<Value> = product
            .variants
            .iter()
            .zip(1..)
            .map(|(variant, position)| {
                json!({
                    "id": variant.id, "product_id": product.id, "title": variant.title, "price": self.currency.text(variant.price), "sku": variant.sku,
                    "position": position, "inventory_policy": "deny", "compare_at_price": null, "option1": variant.title, "option2": null, "option3": null,
                    "taxable": true, "barcode": "", "inventory_item_id": variant.id + 500, "inventory_quantity": variant.stock, "old_inventory_quantity": variant.stock,
                    "created_at": self.text(created_at), "updated_at": self.text(updated_at), "admin_graphql_api_id": format!("gid://shopify/ProductVariant/{}", variant.id),
                })
            })
            .collect();
        json!({
            "id": product.id, "title": product.title, "handle": product.title.to_lowercase().replace(' ', "-"), "vendor": product.vendor, "product_type": product.kind,
            "body_html": "<p>Made to be used.</p>", "status": "active", "tags": "everyday, gift", "template_suffix": null, "published_scope": "global",
            "created_at": self.text(created_at), "updated_at": self.text(updated_at), "published_at": self.text(created_at),
            "variants": variants, "options": [{ "name": "Option", "position": 1 }], "images": [], "image": null,
            "admin_graphql_api_id": format!("gid://shopify/Product/{}", product.id),
        })
    }
}
