//! Learned numbers with twelve digits, so that a model file reads back to exactly what was written.
//!
//! JSON text gives a number's shortest digits, and the reader may be off by one in the last of seventeen. Twelve
//! digits are far more than any data supports; cut to them before writing and after reading, a number is the same
//! on both sides, and training twice gives the same bytes.

use serde::{Deserialize, Deserializer};

/// The number with twelve significant digits; what is not finite stays as it is.
///
/// ```
/// assert_eq!(freshet_ml::digits::keep(0.123_456_789_012_345_6), 0.123_456_789_012);
/// ```
pub fn keep(value: f64) -> f64 {
    if value.is_finite() && value != 0.0 {
        format!("{value:.11e}").parse().unwrap_or(value)
    } else if value == 0.0 {
        0.0
    } else {
        value
    }
}

/// Cuts every number of a list.
pub fn keep_all(values: &mut [f64]) {
    for value in values {
        *value = keep(*value);
    }
}

/// Reads a number as [`keep`] wrote it.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    f64::deserialize(deserializer).map(keep)
}

/// Reads a list of numbers as [`keep`] wrote them.
pub fn read_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let mut values = Vec::<f64>::deserialize(deserializer)?;
    keep_all(&mut values);
    Ok(values)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::{keep, read_all};

    #[derive(Serialize, Deserialize)]
    struct Numbers {
        #[serde(deserialize_with = "read_all")]
        values: Vec<f64>,
    }

    #[test]
    fn numbers_read_back_exactly() {
        let mut values: Vec<f64> = (1..4000).map(|i| keep((f64::from(i) * 0.731).sin() * 10f64.powi(i % 61 - 30))).collect();
        values.push(-0.0_f64);
        values = values.into_iter().map(keep).collect();
        let text = serde_json::to_string(&Numbers { values: values.clone() }).expect("write");
        let back: Numbers = serde_json::from_str(&text).expect("read");
        assert!(values.iter().zip(&back.values).all(|(a, b)| a.to_bits() == b.to_bits()));
        assert_eq!(serde_json::to_string(&back).expect("write"), text);
    }
}
