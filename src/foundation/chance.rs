//! The one place where randomness comes from.

use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::ChaCha20Rng;
use rand::{Rng, SeedableRng};

/// A cryptographically strong source of random bytes, shared by its clones.
///
/// Seeded by the operating system in production and by a number in tests, where every id, token
/// and draw can then be repeated.
#[derive(Clone, Debug)]
pub struct Chance(Arc<Mutex<ChaCha20Rng>>);

impl Chance {
    /// Seeded by the operating system.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn system() -> Result<Self, rand::rngs::SysError> {
        let rng = ChaCha20Rng::try_from_rng(&mut rand::rngs::SysRng)?;
        Ok(Self(Arc::new(Mutex::new(rng))))
    }

    /// The same bytes in the same order for the same `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(&mut bytes);
        bytes
    }

    /// A number in [0, 1), every one as likely.
    pub fn fraction(&self) -> f64 {
        // As many bits as a double holds exactly.
        (self.seed() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A seed for a generator of the caller's own.
    pub fn seed(&self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }
}
