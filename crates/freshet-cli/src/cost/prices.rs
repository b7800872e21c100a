//! The prices file: prices with their sources, what is free, and what was measured.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

const EMBEDDED: &str = include_str!("../../../../infra/prices.toml");

/// Everything that a month's cost is reckoned from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prices {
    #[serde(default)]
    pub(crate) currency: String,
    #[serde(default)]
    pub(crate) region: String,
    #[serde(default)]
    price: BTreeMap<String, Price>,
    #[serde(default)]
    free: BTreeMap<String, f64>,
    #[serde(default)]
    measure: BTreeMap<String, Measure>,
}

/// A price.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Price {
    usd: f64,
    per: f64,
    pub(crate) unit: String,
    pub(crate) source: String,
    pub(crate) as_of: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Measure {
    value: f64,
    source: String,
}

impl Prices {
    /// The prices that this program carries, with another file's in their place where there is one.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self> {
        let mut prices: Self = toml::from_str(EMBEDDED).context("read infra/prices.toml")?;
        if let Some(path) = path {
            let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
            let own: Self = toml::from_str(&text).with_context(|| format!("read {}", path.display()))?;
            prices.price.extend(own.price);
            prices.free.extend(own.free);
            prices.measure.extend(own.measure);
            for (kept, own) in [(&mut prices.currency, own.currency), (&mut prices.region, own.region)] {
                if !own.is_empty() {
                    *kept = own;
                }
            }
        }
        prices.check()?;
        Ok(prices)
    }

    fn check(&self) -> Result<()> {
        for (name, price) in &self.price {
            let is_dated = chrono::NaiveDate::parse_from_str(&price.as_of, "%Y-%m-%d").is_ok();
            if !is_dated || price.source.trim().is_empty() || price.unit.is_empty() || !(price.usd >= 0.0 && price.per > 0.0) {
                bail!("read the price {name}: it has usd, per, unit, source and as_of (2026-11-22)");
            }
        }
        for (name, measure) in &self.measure {
            if !(measure.value.is_finite() && measure.value >= 0.0) || measure.source.trim().is_empty() {
                bail!("read the measure {name}: it has a value and a source");
            }
        }
        Ok(())
    }

    /// What a quantity costs.
    pub(crate) fn usd(&self, name: &str, quantity: f64) -> f64 {
        self.price.get(name).map_or(f64::NAN, |price| quantity / price.per * price.usd)
    }

    /// A price's unit.
    pub(crate) fn unit(&self, name: &str) -> &str {
        self.price.get(name).map_or("", |price| price.unit.as_str())
    }

    /// What is free a month.
    pub(crate) fn free(&self, name: &str) -> f64 {
        self.free.get(name).copied().unwrap_or_default()
    }

    /// Something measured or assumed.
    pub(crate) fn measure(&self, name: &str) -> f64 {
        self.measure.get(name).map_or(f64::NAN, |measure| measure.value)
    }

    /// All prices by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Price)> {
        self.price.iter().map(|(name, price)| (name.as_str(), price))
    }
}
