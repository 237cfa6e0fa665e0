//! Slowing down those who guess: each account, and each address, gets a few free failures; every
//! further one has to wait twice as long as the one before.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::future::Cache;
use parking_lot::Mutex;

use super::Client;
use crate::foundation::{Clock, Refusal, Result};
use crate::platform::config::Auth;

/// How many accounts and how many addresses are remembered: some 20 MB at most.
const REMEMBERED: u64 = 100_000;
/// Failures older than this and than twice the longest wait are forgotten.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(1);

/// Failures by account and address, in this process.
#[derive(Clone)]
pub(super) struct Backoff {
    accounts: Counts<String>,
    addresses: Counts<IpAddr>,
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
    account: Arc<Mutex<Count>>,
    address: Option<Arc<Mutex<Count>>>,
}

impl Backoff {
    pub(super) fn new(settings: &Auth, clock: Clock) -> Self {
        let seconds = i64::try_from(settings.backoff_max_seconds).unwrap_or(i64::MAX);
        let longest = TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::MAX);
        Self {
            accounts: Counts::new(settings.backoff_after_account, longest),
            addresses: Counts::new(settings.backoff_after_address, longest),
            clock,
        }
    }

    /// Begins an attempt on `account`, which need not exist.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`] while the account or the address has to wait. Such an attempt
    /// does not count, so that waiting always ends.
    pub(super) async fn attempt(&self, account: &str, client: Client) -> Result<Attempt> {
        let now = self.clock.now();
        let account = self.accounts.of(account.to_owned()).await;
        let address = match client.address {
            Some(address) => Some(self.addresses.of(network(address)).await),
            None => None,
        };
        let wait = self.accounts.wait(&account, now);
        let wait = wait.max(
            address
                .as_ref()
                .and_then(|address| self.addresses.wait(address, now)),
        );
        if let Some(retry_after) = wait {
            return Err(Refusal::TooManyAttempts { retry_after }.into());
        }
        for count in [Some(&account), address.as_ref()].into_iter().flatten() {
            let mut count = lock(count);
            count.failures = count.failures.saturating_add(1);
            count.last = now;
        }
        Ok(Attempt { account, address })
    }
}

impl Attempt {
    /// The password was right: the account begins anew, and the address gets this one back.
    pub(super) fn succeeded(self) {
        *lock(&self.account) = Count::default();
        self.give_back(self.address.as_ref());
    }

    /// The fault was not the caller's.
    pub(super) fn forget(self) {
        self.give_back(Some(&self.account));
        self.give_back(self.address.as_ref());
    }

    fn give_back(&self, count: Option<&Arc<Mutex<Count>>>) {
        if let Some(count) = count {
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
