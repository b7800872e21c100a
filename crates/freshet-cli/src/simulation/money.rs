//! Money in a currency's smallest units.

use serde_json::{Value, json};

/// A currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Currency {
    pub(super) code: &'static str,
    digits: u32,
    /// How many of it a euro is.
    per_euro: f64,
}

/// The world's currencies, with rates that move no further.
pub(super) const CURRENCIES: [Currency; 5] = [
    Currency { code: "EUR", digits: 2, per_euro: 1.0 },
    Currency { code: "USD", digits: 2, per_euro: 1.16 },
    Currency { code: "GBP", digits: 2, per_euro: 0.87 },
    Currency { code: "CHF", digits: 2, per_euro: 0.93 },
    Currency { code: "JPY", digits: 0, per_euro: 176.0 },
];

impl Currency {
    pub(super) fn find(code: &str) -> Option<Self> {
        CURRENCIES.into_iter().find(|currency| currency.code == code)
    }

    /// `45.62`, or `4562` where the currency has no smaller unit.
    pub(super) fn text(self, minor: i64) -> String {
        if self.digits == 0 {
            return minor.to_string();
        }
        let unit = 10_i64.pow(self.digits);
        let sign = if minor < 0 { "-" } else { "" };
        format!("{sign}{}.{:0width$}", (minor / unit).abs(), (minor % unit).abs(), width = self.digits as usize)
    }

    /// The same in another currency, rounded.
    pub(super) fn convert(self, minor: i64, to: Self) -> i64 {
        #[expect(clippy::cast_precision_loss, reason = "simulated amounts are far below 2^52")]
        let euros = minor as f64 / 10_f64.powi(self.digits.cast_signed()) / self.per_euro;
        round(euros * to.per_euro * 10_f64.powi(to.digits.cast_signed()))
    }

    /// A price that shops like, near `euros`.
    pub(super) fn price(self, euros: f64) -> i64 {
        if self.digits == 0 { round(euros * self.per_euro / 50.0) * 50 } else { round(euros * self.per_euro).max(1) * 100 - 5 }
    }

    /// Shopify's pair of the shop's and the buyer's money.
    pub(super) fn set(self, minor: i64, presentment: Self) -> Value {
        json!({
            "shop_money": { "amount": self.text(minor), "currency_code": self.code },
            "presentment_money": { "amount": presentment.text(self.convert(minor, presentment)), "currency_code": presentment.code },
        })
    }
}

/// A part of an amount, in hundredths of a per cent, rounded half up.
pub(super) fn part(minor: i64, basis_points: i64) -> i64 {
    (minor * basis_points + 5_000).div_euclid(10_000)
}

/// To the nearest whole number.
pub(super) fn round(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "simulated values are small")]
    let rounded = value.round() as i64;
    rounded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_their_currencys_digits() {
        let [euro, .., yen] = CURRENCIES;
        assert_eq!([euro.text(4_562), euro.text(5), euro.text(-105), yen.text(4_562)], ["45.62", "0.05", "-1.05", "4562"]);
        assert_eq!(euro.convert(100, yen), 176);
        assert_eq!(part(4_562, 1_900), 867);
    }
}
