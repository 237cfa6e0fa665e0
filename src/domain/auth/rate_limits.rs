//! How much a user, an app or an address may ask for: token buckets that the servers share by Redis.

use super::{AuthService, Client, Viewer, network};
use crate::platform::cache::{Rate, Taken};

/// What a bucket was asked for, and what it said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Charge {
    /// The most that the bucket holds.
    pub limit: u64,
    /// What was taken, or why not.
    pub taken: Taken,
}

/// What a request does beside answering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignIns {
    /// How many times it tries a password or a token.
    pub attempts: u64,
    /// How many accounts and anonymous sessions it makes.
    pub accounts: u64,
}

impl AuthService {
    /// Charges a request of this cost to the viewer, or to the address of who is nobody. `None` where nothing is
    /// limited: by setting, at the shell, and for clients without an address.
    pub async fn charge(&self, viewer: &Viewer, client: Client, cost: u64) -> Option<Charge> {
        let limits = &self.settings.limits;
        if !limits.enabled {
            return None;
        }
        let (name, (capacity, per_second)) = match viewer {
            Viewer::Command => return None,
            Viewer::User { id, .. } => {
                (id.to_string(), (limits.user_burst, limits.user_per_second))
            }
            Viewer::App { key, .. } => (key.to_string(), (limits.key_burst, limits.key_per_second)),
            Viewer::Nobody => {
                let address = network(client.address?).to_string();
                (address, (limits.address_burst, limits.address_per_second))
            }
        };
        let per_second = per_second as f64;
        Some(self.taken(("cost", name), capacity, per_second, cost).await)
    }

    /// Charges what has to do with accounts to the address, whoever is signed in there. The first bucket that is
    /// empty answers.
    pub async fn charge_sign_ins(&self, client: Client, asked: SignIns) -> Option<Charge> {
        let limits = &self.settings.limits;
        let address = network(client.address?).to_string();
        if !limits.enabled {
            return None;
        }
        let mut last = None;
        for (kind, wanted, burst, per_minute) in [
            (
                "accounts",
                asked.accounts,
                limits.account_burst,
                limits.account_per_minute,
            ),
            (
                "attempts",
                asked.attempts,
                limits.sign_in_burst,
                limits.sign_in_per_minute,
            ),
        ] {
            if wanted == 0 {
                continue;
            }
            let per_second = per_minute as f64 / 60.0;
            let charge = self
                .taken((kind, address.clone()), burst, per_second, wanted)
                .await;
            last = Some(charge);
            if !charge.taken.granted {
                break;
            }
        }
        last
    }

    async fn taken(
        &self,
        name: (&str, String),
        capacity: u64,
        per_second: f64,
        wanted: u64,
    ) -> Charge {
        let rate = Rate {
            capacity,
            per_second,
        };
        Charge {
            limit: capacity,
            taken: self.cache.take(&name, rate, wanted).await,
        }
    }
}
