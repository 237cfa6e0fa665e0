//! Slowing down those who guess: each account gets a few free failures from one address, and some more from all
//! addresses together; every further one has to wait twice as long as the one before.
//!
//! Behind a proxy or in an office many people have one address. So an address by itself has to wait for nobody's
//! errors: what it may try in all is a matter of [`super::AuthService::charge_sign_ins`]. And where somebody has signed
//! in before, those who guess elsewhere do not lock them out.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache;
use parking_lot::Mutex;

use super::Client;
use crate::foundation::{Clock, Refusal, Result};
use crate::platform::config::Auth;

/// How many accounts, and how many accounts at addresses, are remembered: some 20 MB at most each.
const REMEMBERED: u64 = 100_000;
/// Failures older than this and than twice the longest wait are forgotten.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(1);

/// An account at an address, which may be unknown.
type Place = (String, Option<IpAddr>);

/// Failures by account, in this process.
#[derive(Clone)]
pub(super) struct Backoff {
    places: Counts<Place>,
    accounts: Counts<String>,
    /// Where accounts were signed in to.
    known: Cache<Place, ()>,
    clock: Clock,
}

#[derive(Clone)]
struct Counts<K> {
    counts: Cache<K, Arc<Mutex<Count>>>,
    free: u32,
    longest: TimeDelta,
}

#[derive(Clone, Copy, Default)]
struct Count {
    failures: u32,
    last: DateTime<Utc>,
}

/// An attempt under way. It counts as failed until it is told otherwise: a thousand at once cannot
/// all slip in before the first has failed.
#[must_use]
pub(super) struct Attempt {
    name: Place,
    place: Arc<Mutex<Count>>,
    account: Arc<Mutex<Count>>,
    known: Cache<Place, ()>,
}

impl Backoff {
    pub(super) fn new(settings: &Auth, clock: Clock) -> Self {
        let seconds = i64::try_from(settings.backoff_max_seconds).unwrap_or(i64::MAX);
        let longest = TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::MAX);
        Self {
            places: Counts::new(settings.backoff_after_account, longest),
            accounts: Counts::new(settings.backoff_after_account_in_all, longest),
            known: Cache::new(REMEMBERED),
            clock,
        }
    }

    /// Begins an attempt on `account`, which need not exist.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`] while the account has to wait, at this address or everywhere. Such an attempt
    /// does not count, so that waiting always ends.
    pub(super) async fn attempt(&self, account: &str, client: Client) -> Result<Attempt> {
        let now = self.clock.now();
        let name = (account.to_owned(), client.address.map(network));
        let place = self.places.of(name.clone()).await;
        let account = self.accounts.of(account.to_owned()).await;
        let mut wait = self.places.wait(&place, now);
        if !self.known.contains_key(&name) {
            wait = wait.max(self.accounts.wait(&account, now));
        }
        if let Some(retry_after) = wait {
            return Err(Refusal::TooManyAttempts { retry_after }.into());
        }
        for count in [&place, &account] {
            let mut count = lock(count);
            count.failures = count.failures.saturating_add(1);
            count.last = now;
        }
        Ok(Attempt {
            name,
            place,
            account,
            known: self.known.clone(),
        })
    }
}

impl Attempt {
    /// The password was right: the account begins anew, and whoever guesses elsewhere is no hindrance here.
    pub(super) async fn succeeded(self) {
        *lock(&self.place) = Count::default();
        *lock(&self.account) = Count::default();
        self.known.insert(self.name, ()).await;
    }

    /// The fault was not the caller's.
    pub(super) fn forget(self) {
        for count in [&self.place, &self.account] {
            let mut count = lock(count);
            count.failures = count.failures.saturating_sub(1);
        }
    }
}

impl<K: std::hash::Hash + Eq + Send + Sync + 'static> Counts<K> {
    fn new(free: u32, longest: TimeDelta) -> Self {
        Self {
            counts: Cache::new(REMEMBERED),
            free,
            longest,
        }
    }

    async fn of(&self, key: K) -> Arc<Mutex<Count>> {
        self.counts.get_with(key, async { Arc::default() }).await
    }

    /// How long there is still to wait.
    fn wait(&self, count: &Arc<Mutex<Count>>, now: DateTime<Utc>) -> Option<Duration> {
        let mut count = lock(count);
        let since = now - count.last;
        let twice = self.longest.checked_mul(2).unwrap_or(TimeDelta::MAX);
        if since > FORGET_AFTER.max(twice) {
            *count = Count::default();
        }
        let beyond = count.failures.checked_sub(self.free)?;
        let pause = TimeDelta::seconds(1_i64 << beyond.min(40)).min(self.longest);
        (pause - since).to_std().ok().filter(|wait| !wait.is_zero())
    }
}

fn lock(count: &Arc<Mutex<Count>>) -> parking_lot::MutexGuard<'_, Count> {
    count.lock()
}

/// The network of an address. One customer's addresses count as one: the first 64 bits of IPv6.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
        v4 => v4,
    }
}
