//! Passwords: which are good enough, and how they are kept.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, anyhow};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error as HashError, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::password_form::{forms, normalised};
use crate::foundation::{Error, Refusal, Result, Rng};
use crate::platform::config::Auth;

/// A longer password buys nothing and costs time to hash.
const MAX_LENGTH: usize = 128;
/// How many hashes may wait for a core, for each core; beyond that the server is under attack and
/// an answer now is better than one in a minute.
const QUEUE_PER_CORE: usize = 64;

/// What people try first: the common passwords of at least eight characters, in lower case.
const COMMON: &str = include_str!("common_passwords.txt");

struct Cores {
    free: Semaphore,
    all: usize,
    waiting: AtomicUsize,
}

/// Shared by all schemas: hashing is made to be slow, and more at once than there are cores only
/// makes each slower.
static CORES: LazyLock<Cores> = LazyLock::new(|| {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    Cores {
        free: Semaphore::new(all),
        all,
        waiting: AtomicUsize::new(0),
    }
});

/// Hashes and verifies with the settings' parameters, off the async threads.
#[derive(Clone)]
pub(super) struct Passwords {
    argon2: Argon2<'static>,
    min_length: usize,
    /// Verified where there is no account, so that the answer takes as long.
    dummy: String,
    /// Shared by all clones.
    comparisons: Arc<AtomicU64>,
    rng: Rng,
}

/// How a password compares with a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not the one.
    Wrong,
    /// The one.
    Right,
    /// The one, kept with parameters that are no longer those of the settings, or in the form in which
    /// it was typed.
    RightButDated,
}

impl Passwords {
    /// # Panics
    /// Never for settings that were checked.
    pub(super) fn new(settings: &Auth, rng: Rng) -> Self {
        let (memory, passes, lanes) = (
            settings.argon2_memory_kib,
            settings.argon2_passes,
            settings.argon2_lanes,
        );
        let params = Params::new(memory, passes, lanes, None)
            .expect("the check of the settings refuses parameters that Argon2 refuses");
        // A hash that no password has: its computation takes as long as that of a real one.
        let dummy = format!(
            "$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}",
            "A".repeat(22),
            "A".repeat(43)
        );
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            min_length: settings.min_password_length,
            dummy,
            comparisons: Arc::default(),
            rng,
        }
    }

    /// Refuses a password that is too easy to guess.
    pub(super) fn check(
        &self,
        password: &SecretString,
        email: Option<&str>,
        name: &str,
    ) -> Result<(), Refusal> {
        let weak = |message: String| Err(Refusal::WeakPassword { message });
        let password = normalised(password);
        let password = password.expose_secret();
        if password.contains(char::is_control) {
            let message = "a password has no line breaks, tabs or other control characters";
            return weak(message.to_owned());
        }
        let length = password.chars().count();
        if length < self.min_length || length > MAX_LENGTH {
            return weak(format!(
                "a password has {} to {MAX_LENGTH} characters",
                self.min_length
            ));
        }
        let lower = password.trim().to_lowercase();
        let mailbox = email.and_then(|email| email.split_once('@'));
        let own = [
            email.unwrap_or_default(),
            mailbox.map_or("", |(mailbox, _)| mailbox),
            name,
        ];
        if own.iter().any(|own| own.trim().to_lowercase() == lower) {
            return weak(
                "a password may not be the e-mail address or the name; choose another".to_owned(),
            );
        }
        let first = lower.chars().next();
        let one_letter = lower.chars().all(|letter| Some(letter) == first);
        if one_letter || COMMON.lines().any(|common| common == lower) {
            return weak(
                "this password is among the first that are tried; choose another".to_owned(),
            );
        }
        Ok(())
    }

    /// A hash of `password`, in its normalised form, in PHC form.
    pub(super) async fn hash(&self, password: &SecretString) -> Result<String> {
        let (argon2, password) = (self.argon2.clone(), normalised(password));
        let salt: [u8; 16] = self.rng.bytes();
        on_a_core(move || {
            argon2
                .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
                .map(|hash| hash.to_string())
                .map_err(|error| anyhow!("a password could not be hashed: {error}").into())
        })
        .await
    }

    /// Compares `password` with `hash`: in its normalised form, then as it was typed if that is
    /// something else. Without a hash it takes as long, and the verdict is [`Verdict::Wrong`].
    pub(super) async fn verify(
        &self,
        password: &SecretString,
        hash: Option<&str>,
    ) -> Result<Verdict> {
        for (index, form) in forms(password).iter().enumerate() {
            match self.compare(form, hash).await? {
                Verdict::Wrong => {}
                _ if index > 0 => return Ok(Verdict::RightButDated),
                right => return Ok(right),
            }
        }
        Ok(Verdict::Wrong)
    }

    async fn compare(&self, password: &SecretString, hash: Option<&str>) -> Result<Verdict> {
        let (argon2, password) = (self.argon2.clone(), password.clone());
        self.comparisons.fetch_add(1, Ordering::Relaxed);
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.dummy).to_owned();
        let verdict = on_a_core(move || {
            let hash = PasswordHash::new(&hash)
                .map_err(|error| anyhow!("users holds a hash that cannot be read: {error}"))?;
            match argon2.verify_password(password.expose_secret().as_bytes(), &hash) {
                Ok(()) if dated(&hash, argon2.params()) => Ok(Verdict::RightButDated),
                Ok(()) => Ok(Verdict::Right),
                Err(HashError::PasswordInvalid) => Ok(Verdict::Wrong),
                Err(error) => Err(anyhow!("a password could not be verified: {error}").into()),
            }
        })
        .await?;
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    /// How many passwords were compared, with a hash or with the stand-in for one.
    pub(super) fn comparisons(&self) -> u64 {
        self.comparisons.load(Ordering::Relaxed)
    }

    /// A password for somebody who gave none: 100 bits, in letters that are not mistaken.
    pub(super) fn make(&self) -> SecretString {
        const LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
        let letters = self.rng.bytes::<20>();
        let letter = |byte: &u8| char::from(LETTERS[usize::from(byte & 31)]);
        letters.iter().map(letter).collect::<String>().into()
    }
}

/// Whether `hash` was made with other parameters than `params`.
fn dated(hash: &PasswordHash, params: &Params) -> bool {
    let kept = |name: &str| hash.params.get_decimal(name);
    hash.algorithm.as_str() != "argon2id"
        || kept("m") != Some(params.m_cost())
        || kept("t") != Some(params.t_cost())
        || kept("p") != Some(params.p_cost())
}

/// Runs `work` on a blocking thread as soon as a core is free for it.
async fn on_a_core<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    struct Waiting;
    impl Drop for Waiting {
        fn drop(&mut self) {
            CORES.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let ahead = CORES.waiting.fetch_add(1, Ordering::Relaxed);
    let waiting = Waiting;
    if ahead >= CORES.all * QUEUE_PER_CORE {
        return Err(Error::Unavailable(
            "too many people are signing in at this moment; try again".to_owned(),
        ));
    }
    let core = CORES
        .free
        .acquire()
        .await
        .context("the semaphore of passwords is never closed")?;
    drop(waiting);
    // The permit goes along: a request that is dropped here leaves the work, and its core, busy.
    tokio::task::spawn_blocking(move || {
        let _core = core;
        work()
    })
    .await
    .context("hashing a password failed")?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::config::Settings;

    fn passwords(memory: u32) -> Passwords {
        let mut settings = Settings::defaults().auth;
        settings.argon2_memory_kib = memory;
        settings.argon2_passes = 1;
        Passwords::new(&settings, Rng::seeded(1))
    }

    #[tokio::test]
    async fn a_hash_is_of_its_password_alone_and_tells_its_age() {
        let (then, now) = (passwords(64), passwords(128));
        let password = SecretString::from("correct horse battery");
        let hash = then.hash(&password).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        let verify = async |by: &Passwords, text: &str, hash| {
            by.verify(&SecretString::from(text), hash).await.unwrap()
        };
        let right = "correct horse battery";
        assert_eq!(verify(&then, right, Some(&hash)).await, Verdict::Right);
        assert_eq!(
            verify(&now, right, Some(&hash)).await,
            Verdict::RightButDated
        );
        assert_eq!(verify(&now, "another", Some(&hash)).await, Verdict::Wrong);
        assert_eq!(verify(&now, right, None).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn the_stand_in_costs_what_a_hash_costs() {
        let passwords = passwords(64);
        let hash = passwords.hash(&SecretString::from("a film a day")).await;
        let parameters = |hash: &str| {
            hash.split('$')
                .take(4)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(parameters(&passwords.dummy), parameters(&hash.unwrap()));
    }

    #[test]
    fn what_is_easy_to_guess_is_refused() {
        let passwords = passwords(64);
        let check = |password: &str| {
            let email = Some("ana.lopez@example.org");
            passwords.check(&password.into(), email, "Ana Maria Lopez")
        };
        let long = "long".repeat(33);
        for weak in [
            "short",
            "Password123",
            "qwertyuiop",
            "zzzzzzzzzzzz",
            "ANA.LOPEZ@example.org",
            "ana maria lopez",
            "ana\u{a0}maria lopez",
            "a film a\tday keeps",
            "a film\0 a day keeps",
            &long,
        ] {
            assert!(check(weak).is_err(), "{weak}");
        }
        check("a film a day keeps").unwrap();
        check(passwords.make().expose_secret()).unwrap();
        // Ten letters, however many characters they were typed as.
        let marks = "e\u{301}".repeat(9);
        assert!(check(&marks).is_err());
        check(&format!("{marks}x")).unwrap();
    }

    #[tokio::test]
    async fn a_password_is_itself_on_every_keyboard() {
        let passwords = passwords(64);
        let (mac, phone) = ("cafe\u{301} au lait", "café\u{a0}au lait");
        let verify = async |text: &str, hash: &str| {
            let password = SecretString::from(text);
            passwords.verify(&password, Some(hash)).await.unwrap()
        };
        let hash = passwords.hash(&mac.into()).await.unwrap();
        assert_eq!(verify(mac, &hash).await, Verdict::Right);
        assert_eq!(verify(phone, &hash).await, Verdict::Right);
        assert_eq!(verify("cafe au lait", &hash).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_hash_of_what_was_typed_stays_good_and_is_renewed() {
        let passwords = passwords(64);
        let typed = "cafe\u{301} au lait";
        let salt = [7; 16];
        let old = passwords
            .argon2
            .hash_password_with_salt(typed.as_bytes(), &salt);
        let old = old.unwrap().to_string();
        let before = passwords.comparisons();
        let password = SecretString::from(typed);
        let verdict = passwords.verify(&password, Some(&old)).await.unwrap();
        assert_eq!(verdict, Verdict::RightButDated);
        assert_eq!(passwords.comparisons() - before, 2);
        let nobody = passwords.verify(&password, None).await.unwrap();
        assert_eq!(nobody, Verdict::Wrong);
        assert_eq!(
            passwords.comparisons() - before,
            4,
            "no account costs the same"
        );
    }
}
