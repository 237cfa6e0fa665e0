//! The random source of the whole program.

use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::ChaCha20Rng;
use rand::{Rng as _, SeedableRng};

/// A cryptographically strong random number generator (ChaCha20). Clones share one state.
///
/// Production code seeds it from the operating system. Tests seed it with a number, which makes
/// every id, token and sample reproducible.
#[derive(Clone, Debug)]
pub struct Rng(Arc<Mutex<ChaCha20Rng>>);

impl Rng {
    /// A generator that is seeded by the operating system.
    ///
    /// # Errors
    /// When the operating system cannot provide random bytes.
    pub fn system() -> Result<Self, rand::rngs::SysError> {
        let rng = ChaCha20Rng::try_from_rng(&mut rand::rngs::SysRng)?;
        Ok(Self(Arc::new(Mutex::new(rng))))
    }

    /// A generator that produces the same bytes in the same order for the same `seed`.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().fill_bytes(&mut bytes);
        bytes
    }

    /// A uniformly distributed number in [0, 1).
    pub fn fraction(&self) -> f64 {
        // As many bits as a double holds exactly.
        (self.seed() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A seed for another generator.
    pub fn seed(&self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }
}
