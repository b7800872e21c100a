//! Chance with a seed: the same seed gives the same draws on every machine and with every release.
//!
//! `SplitMix64` (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", public-domain
//! reference by Sebastiano Vigna). Library generators promise quality, not that their next release draws the same
//! numbers, and a model file that names its seed needs the latter. Not for secrets.

use sha2::{Digest, Sha256};

/// A stream of draws.
#[derive(Debug, Clone)]
pub struct Draws {
    state: u64,
}

impl Draws {
    /// The draws of a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number below `bound`, which must not be 0; by Lemire's multiplication.
    #[expect(clippy::cast_possible_truncation, reason = "the high half of the product is below the bound")]
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// A number from 0 up to, without, 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A draw of the normal distribution (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.share()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }

    /// Puts the items into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// A share from 0 up to, without, 1 that belongs to this key under this seed, wherever it is asked.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
pub fn share_of_key(key: &[u8], seed: u64) -> f64 {
    (first_bits(Sha256::new().chain_update(seed.to_be_bytes()).chain_update(key)) >> 11) as f64 / (1u64 << 53) as f64
}

/// A number that stands for a key: two keys have one only by a chance of 2^-64.
pub fn number_of_key(key: &[u8]) -> u64 {
    first_bits(Sha256::new().chain_update(key))
}

fn first_bits(hasher: Sha256) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize()[..8]);
    u64::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::{Draws, share_of_key};

    #[test]
    fn draws_are_those_of_the_reference() {
        // The first outputs of Vigna's splitmix64.c for the seed 1234567.
        let mut draws = Draws::new(1_234_567);
        assert_eq!(
            [draws.bits(), draws.bits(), draws.bits()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn shuffles_keep_every_item() {
        let mut items: Vec<usize> = (0..100).collect();
        Draws::new(3).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn keys_fall_evenly_and_the_same_each_time() {
        let low = (0..10_000u32).filter(|key| share_of_key(&key.to_be_bytes(), 5) < 0.2).count();
        assert!((1_850..2_150).contains(&low), "{low}");
        assert!((share_of_key(b"somebody", 1) - share_of_key(b"somebody", 1)).abs() < f64::EPSILON);
        assert!((share_of_key(b"somebody", 1) - share_of_key(b"somebody", 2)).abs() > 1e-9);
    }
}
