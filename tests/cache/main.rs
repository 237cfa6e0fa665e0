//! The cache on a real Redis: what is shared, what is dropped, and what happens when it is away.
#![allow(
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a test may panic"
)]

mod health;
#[path = "../support/redis.rs"]
mod redis;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use marquee::foundation::{Clock, Error, Id, Refusal, Result, Rng, id};
use marquee::platform::cache::{Cache, CacheKind, Caches, Key, Statistics, Tag};
use marquee::platform::config::{SchemaName, Settings};
use proptest::prelude::{ProptestConfig, any, proptest};

use crate::redis::{Proxy, connection, keys, prefix, settings};

/// One process: its caches, and how often it had to compute.
struct Server {
    caches: Caches,
    cache: Cache,
    clock: Clock,
    computed: AtomicUsize,
}

impl Server {
    fn alone() -> Self {
        Self::with(&Settings::defaults())
    }

    fn with(settings: &Settings) -> Self {
        let clock = Clock::stopped("2026-03-01T12:00:00Z".parse().unwrap());
        let rng = Rng::system().unwrap();
        let caches = Caches::open(settings, clock.clone(), rng).unwrap();
        Self {
            cache: caches.of(&schema("app")),
            caches,
            clock,
            computed: AtomicUsize::new(0),
        }
    }

    /// A process on the Redis of the tests, connected.
    async fn on(url: &str, prefix: &str) -> Self {
        let server = Self::with(&settings(url, prefix));
        server.caches.wait_for_redis(true).await;
        server
    }

    /// What is found under `key`; where nothing is, `computed` is made and kept.
    async fn ask(&self, key: &Key, computed: &str) -> String {
        let compute = async {
            self.computed.fetch_add(1, Ordering::SeqCst);
            Ok(computed.to_owned())
        };
        let found = self.cache.get_or_compute(key, compute).await;
        found.unwrap().as_str().to_owned()
    }

    async fn statistics(&self, kind: CacheKind) -> Statistics {
        let all = self.cache.statistics().await;
        all.into_iter().find(|one| one.kind == kind).unwrap()
    }
}

fn schema(name: &str) -> SchemaName {
    name.parse().unwrap()
}

fn user(number: u128) -> Id<id::User> {
    uuid::Uuid::from_u128(number).into()
}

/// The list of a user, as a model of this version drew it.
fn list(number: u128, model: &str) -> Key {
    let tags = [Tag::User(user(number)), Tag::Catalogue, Tag::Model("BATCH")];
    Key::new(CacheKind::Lists, &tags, &(number, model))
}

#[tokio::test]
async fn two_servers_on_one_redis_see_each_others_values() {
    let prefix = prefix();
    let (one, two) = (
        Server::on(&redis::url(), &prefix).await,
        Server::on(&redis::url(), &prefix).await,
    );
    let key = list(1, "1.0");
    assert_eq!(one.ask(&key, "made by one").await, "made by one");
    assert_eq!(two.ask(&key, "made by two").await, "made by one");
    assert_eq!(two.ask(&key, "made by two").await, "made by one");
    let seen = two.statistics(CacheKind::Lists).await;
    assert_eq!((seen.redis_hits, seen.process_hits, seen.misses), (1, 1, 0));
}

#[tokio::test]
async fn what_one_server_changes_the_other_no_longer_finds() {
    let prefix = prefix();
    let (one, two) = (
        Server::on(&redis::url(), &prefix).await,
        Server::on(&redis::url(), &prefix).await,
    );
    let (first, second) = (list(1, "1.0"), list(2, "1.0"));
    for server in [&one, &two] {
        server.ask(&first, "old").await;
        server.ask(&second, "old").await;
    }
    one.cache.invalidate(&[Tag::User(user(1))]);
    one.cache.flush().await;
    assert_eq!(one.ask(&first, "new").await, "new");
    // A third one has nothing of its own, so it tells what lies in Redis.
    let three = Server::on(&redis::url(), &prefix).await;
    assert_eq!(three.ask(&first, "newer").await, "new");
    assert_eq!(three.ask(&second, "newer").await, "old");
    // The word is on its way to the other; nobody has to wait long for it.
    while two.ask(&first, "newer").await == "old" {
        tokio::task::yield_now().await;
    }
    assert_eq!(two.ask(&first, "newer").await, "new");
    assert_eq!(two.ask(&second, "newer").await, "old");
}

#[tokio::test]
async fn answers_go_on_without_redis_and_it_is_used_again_when_it_is_back() {
    let (prefix, mut proxy) = (prefix(), Proxy::open().await);
    let (cut_off, other) = (
        Server::on(&proxy.url, &prefix).await,
        Server::on(&redis::url(), &prefix).await,
    );
    let key = list(1, "1.0");
    cut_off.ask(&key, "old").await;
    proxy.cut();
    assert_eq!(cut_off.ask(&list(2, "1.0"), "alone").await, "alone");
    cut_off.caches.wait_for_redis(false).await;
    proxy.was_tried().await;
    cut_off.cache.invalidate(&[Tag::User(user(1))]);
    assert_eq!(cut_off.ask(&key, "new").await, "new");
    assert_eq!(other.ask(&key, "other").await, "old", "it cannot know yet");
    proxy.mend();
    cut_off.caches.wait_for_redis(true).await;
    // What was changed meanwhile was told first, so nobody finds the old value in Redis.
    let fresh = Server::on(&redis::url(), &prefix).await;
    assert_eq!(fresh.ask(&key, "fresh").await, "fresh");
    assert_eq!(cut_off.ask(&key, "computed again").await, "fresh");
}

#[tokio::test]
async fn a_redis_that_was_never_there_is_no_error() {
    let proxy = Proxy::open().await;
    proxy.cut();
    let server = Server::with(&settings(&proxy.url, &prefix()));
    assert_eq!(server.caches.redis_connected(), Some(false));
    assert_eq!(server.ask(&list(1, "1.0"), "alone").await, "alone");
    server.cache.invalidate(&[Tag::Catalogue]);
    server.cache.flush().await;
    assert_eq!(server.ask(&list(1, "1.0"), "again").await, "again");
}

#[tokio::test]
async fn every_key_in_redis_ends_by_itself() {
    let prefix = prefix();
    let server = Server::on(&redis::url(), &prefix).await;
    for kind in CacheKind::ALL {
        server
            .ask(&Key::new(*kind, &[Tag::Catalogue], &1), "value")
            .await;
    }
    server
        .cache
        .invalidate(&[Tag::Catalogue, Tag::User(user(1)), Tag::Weights]);
    server.cache.clear(None).await;
    server.caches.close().await;
    let found = keys(&prefix).await;
    let generations = 3 + CacheKind::ALL.len();
    assert_eq!(found.len(), CacheKind::ALL.len() + generations, "{found:?}");
    let mut connection = connection().await;
    for key in found {
        let mut command = ::redis::cmd("PTTL");
        let left: i64 = command
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap();
        let day = TimeDelta::days(1).num_milliseconds();
        assert!((1..=day).contains(&left), "{key}: {left}");
    }
}

#[tokio::test]
async fn garbage_under_our_key_is_a_miss() {
    let prefix = prefix();
    let one = Server::on(&redis::url(), &prefix).await;
    let key = list(1, "1.0");
    one.ask(&key, "value").await;
    let values = keys(&prefix).await;
    let [value] = &values[..] else {
        panic!("{values:?}")
    };
    let mut connection = connection().await;
    for garbage in [&b""[..], b"garbage", b"MQC1", &[0xff; 100]] {
        let mut set = ::redis::cmd("SET");
        let set = set.arg(value).arg(garbage).arg("EX").arg(60);
        set.query_async::<()>(&mut connection).await.unwrap();
        let other = Server::on(&redis::url(), &prefix).await;
        assert_eq!(other.ask(&key, "computed").await, "computed");
    }
    // A key of another type altogether makes the command itself fail.
    let mut other_type = ::redis::pipe();
    other_type
        .cmd("DEL")
        .arg(value)
        .cmd("LPUSH")
        .arg(value)
        .arg("x");
    other_type.cmd("EXPIRE").arg(value).arg(60);
    other_type.query_async::<()>(&mut connection).await.unwrap();
    let other = Server::on(&redis::url(), &prefix).await;
    assert_eq!(other.ask(&key, "computed").await, "computed");
}

#[tokio::test]
async fn who_asks_at_the_same_time_waits_for_one_computation() {
    let server = Arc::new(Server::alone());
    let (begin, begun) = tokio::sync::watch::channel(false);
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let (server, mut begun) = (Arc::clone(&server), begun.clone());
            tokio::spawn(async move {
                let compute = async {
                    server.computed.fetch_add(1, Ordering::SeqCst);
                    begun.wait_for(|begun| *begun).await.unwrap();
                    Ok(7_u32)
                };
                let key = list(1, "1.0");
                *server.cache.get_or_compute(&key, compute).await.unwrap()
            })
        })
        .collect();
    while server.computed.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    begin.send(true).unwrap();
    for answer in asking {
        assert_eq!(answer.await.unwrap(), 7);
    }
    let seen = server.statistics(CacheKind::Lists).await;
    assert_eq!((seen.misses, seen.process_hits), (1, 49));
    assert!(seen.max_computing >= seen.mean_computing && !seen.mean_computing.is_zero());
    assert!((seen.hit_rate() - 0.98).abs() < 1e-9);
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let server = Server::alone();
    let key = list(1, "1.0");
    let fails = async || -> Result<String> { Err(Refusal::NotFound { thing: "user" }.into()) };
    for _ in 0..2 {
        let failed = server.cache.get_or_compute(&key, fails()).await;
        assert!(
            matches!(
                failed,
                Err(Error::Refused(Refusal::NotFound { thing: "user" }))
            ),
            "{failed:?}"
        );
    }
    assert_eq!(server.ask(&key, "value").await, "value");
}

#[tokio::test]
async fn a_change_while_a_value_is_computed_makes_it_worthless() {
    let server = Server::alone();
    let key = list(1, "1.0");
    let compute = async {
        // Read, and then somebody writes.
        server.cache.invalidate(&[Tag::User(user(1))]);
        Ok("old".to_owned())
    };
    server.cache.get_or_compute(&key, compute).await.unwrap();
    assert_eq!(server.ask(&key, "new").await, "new");
}

#[tokio::test]
async fn a_promotion_makes_what_the_old_model_said_unreachable() {
    let server = Server::alone();
    server.ask(&list(1, "1.0"), "by the first").await;
    // By the version in the key alone:
    assert_eq!(
        server.ask(&list(1, "1.1"), "by the second").await,
        "by the second"
    );
    // and by the word that the model has changed.
    server.cache.invalidate(&[Tag::Model("BATCH")]);
    assert_eq!(server.ask(&list(1, "1.0"), "new").await, "new");
    // A model of another kind touches nothing.
    server.cache.invalidate(&[Tag::Model("OTHER")]);
    assert_eq!(server.ask(&list(1, "1.0"), "newer").await, "new");
}

#[tokio::test]
async fn other_settings_share_nothing() {
    let prefix = prefix();
    let one = Server::on(&redis::url(), &prefix).await;
    one.ask(&list(1, "1.0"), "long lists").await;
    let mut other = settings(&redis::url(), &prefix);
    other.recommendations.list_length = 7;
    let two = Server::with(&other);
    two.caches.wait_for_redis(true).await;
    assert_eq!(two.ask(&list(1, "1.0"), "short lists").await, "short lists");
}

#[tokio::test]
async fn schemas_do_not_cross() {
    let prefix = prefix();
    let app = Server::on(&redis::url(), &prefix).await;
    let demo = Server {
        cache: app.caches.of(&schema("demo")),
        caches: app.caches.clone(),
        clock: app.clock.clone(),
        computed: AtomicUsize::new(0),
    };
    let key = list(1, "1.0");
    app.ask(&key, "of app").await;
    assert_eq!(demo.ask(&key, "of demo").await, "of demo");
    demo.cache.invalidate(&[Tag::Catalogue]);
    demo.cache.clear(None).await;
    assert_eq!(app.ask(&key, "new").await, "of app");
    assert_eq!(demo.ask(&key, "new").await, "new");
}

#[tokio::test]
async fn a_value_lives_as_long_as_its_kind_says() {
    let prefix = prefix();
    let one = Server::on(&redis::url(), &prefix).await;
    let key = list(1, "1.0");
    let life = CacheKind::Lists.time_to_live();
    one.ask(&key, "old").await;
    one.clock.advance(life - TimeDelta::seconds(1));
    assert_eq!(one.ask(&key, "new").await, "old");
    // Who finds it in Redis does not give it a second life.
    let two = Server::on(&redis::url(), &prefix).await;
    two.clock.advance(life - TimeDelta::seconds(1));
    assert_eq!(two.ask(&key, "new").await, "old");
    for server in [one, two] {
        server.clock.advance(TimeDelta::seconds(1));
        assert_eq!(server.ask(&key, "new").await, "new");
    }
}

#[tokio::test]
async fn two_types_under_one_key_are_two_values() {
    let server = Server::alone();
    let key = list(1, "1.0");
    server.ask(&key, "text").await;
    let number = server.cache.get_or_compute(&key, async { Ok(7_u8) }).await;
    assert_eq!(*number.unwrap(), 7);
}

#[tokio::test]
async fn clearing_a_kind_frees_its_memory_and_leaves_the_others() {
    let server = Server::alone();
    let (lists, other) = (list(1, "1.0"), Key::new(CacheKind::Metadata, &[], &"heat"));
    server.ask(&lists, "value").await;
    server.ask(&other, "value").await;
    let kept = server.statistics(CacheKind::Lists).await;
    assert_eq!(kept.entries, 1);
    assert!(kept.bytes > 0);
    server.cache.clear(Some(CacheKind::Lists)).await;
    let kept = server.statistics(CacheKind::Lists).await;
    assert_eq!((kept.entries, kept.bytes), (0, 0));
    assert_eq!(server.ask(&other, "new").await, "value");
    assert_eq!(server.ask(&lists, "new").await, "new");
}

#[tokio::test]
async fn memory_is_bounded() {
    let mut settings = Settings::defaults();
    settings.cache.memory_mib = 1;
    let server = Server::with(&settings);
    let large = "x".repeat(10_000);
    for number in 0..1_000 {
        server.ask(&list(number, "1.0"), &large).await;
    }
    let kept = server.statistics(CacheKind::Lists).await;
    assert!((500_000..=1 << 20).contains(&kept.bytes), "{kept:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was kept and changed before: nobody finds what was made before the last change.
    #[test]
    fn nothing_is_found_that_was_made_before_a_change(steps in proptest::collection::vec((any::<bool>(), 0_u128..4), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let server = Server::alone();
            let mut latest = [0; 4];
            for (step, (write, number)) in steps.into_iter().enumerate() {
                if write {
                    latest[number as usize] = step;
                    server.cache.invalidate(&[Tag::User(user(number))]);
                } else {
                    let found = server.ask(&list(number, "1.0"), &step.to_string()).await;
                    assert!(found.parse::<usize>().unwrap() >= latest[number as usize]);
                }
            }
        });
    }
}

#[tokio::test]
async fn a_mark_is_known_to_all_processes_on_one_redis_until_its_time_is_over() {
    let prefix = prefix();
    let url = redis::url();
    let (one, other) = (
        Server::on(&url, &prefix).await,
        Server::on(&url, &prefix).await,
    );
    let alone = Server::alone();
    one.cache.mark(&"ada", TimeDelta::seconds(30)).await;
    alone.cache.mark(&"ada", TimeDelta::seconds(30)).await;
    for server in [&one, &other, &alone] {
        assert!(server.cache.is_marked(&"ada").await);
        assert!(!server.cache.is_marked(&"bob").await);
        let elsewhere = server.caches.of(&schema("demo"));
        assert!(!elsewhere.is_marked(&"ada").await, "schemas share nothing");
    }
    alone.clock.advance(TimeDelta::seconds(30));
    assert!(!alone.cache.is_marked(&"ada").await);
    for key in keys(&prefix).await {
        let mut connection = connection().await;
        let mut left = ::redis::cmd("TTL");
        let left: i64 = left.arg(&key).query_async(&mut connection).await.unwrap();
        assert!((1..=30).contains(&left), "{key} ends by itself: {left}");
    }
}
