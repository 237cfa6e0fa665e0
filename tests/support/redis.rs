//! A real Redis, and a way to it that can be cut.
#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses its own part of this"
)]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use marquee::platform::config::Settings;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Notify, watch};

/// The address of the Redis of the tests.
pub fn url() -> String {
    std::env::var("MARQUEE_TEST_REDIS_URL")
        .expect("set MARQUEE_TEST_REDIS_URL to a Redis (redis+unix:///… or redis://…), or run ./script/test")
}

/// Settings with this Redis, and nobody else's keys.
pub fn settings(url: &str, prefix: &str) -> Settings {
    let mut settings = Settings::defaults();
    settings.redis.url = url.into();
    settings.redis.prefix = prefix.to_owned();
    // A machine that is busy with tests is no reason to go on without Redis.
    settings.redis.timeout_ms = 5_000;
    settings
}

/// A prefix that no other test has.
pub fn prefix() -> String {
    let seed = foundation::Rng::system().unwrap().seed();
    format!("test-{seed:016x}")
}

pub async fn connection() -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// All keys that begin with `prefix`.
pub async fn keys(prefix: &str) -> Vec<String> {
    let mut connection = connection().await;
    let mut found = Vec::new();
    let mut cursor = 0_u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{prefix}:*"));
        let (next, some): (u64, Vec<String>) = scan.query_async(&mut connection).await.unwrap();
        found.extend(some);
        cursor = next;
        if cursor == 0 {
            return found;
        }
    }
}

trait Both: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Both for T {}

async fn real() -> Pin<Box<dyn Both>> {
    let url = url();
    if let Some(path) = url.strip_prefix("redis+unix://") {
        return Box::pin(UnixStream::connect(path).await.unwrap());
    }
    let address = url
        .strip_prefix("redis://")
        .expect("redis:// or redis+unix://");
    Box::pin(TcpStream::connect(address).await.unwrap())
}

/// A way to the real Redis that can be cut and mended.
pub struct Proxy {
    pub url: String,
    open: Arc<AtomicBool>,
    cut: Arc<Notify>,
    /// How many connections were refused since the way was cut.
    refused: watch::Receiver<usize>,
}

impl Proxy {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let (open, cut) = (Arc::new(AtomicBool::new(true)), Arc::new(Notify::new()));
        let (refusals, refused) = watch::channel(0);
        let (is_open, is_cut) = (Arc::clone(&open), Arc::clone(&cut));
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                if !is_open.load(Ordering::SeqCst) {
                    refusals.send_modify(|refused| *refused += 1);
                    continue;
                }
                let is_cut = Arc::clone(&is_cut);
                tokio::spawn(async move {
                    let cut = is_cut.notified();
                    let mut far = real().await;
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        () = cut => {}
                    }
                });
            }
        });
        Self {
            url,
            open,
            cut,
            refused,
        }
    }

    pub fn cut(&self) {
        self.open.store(false, Ordering::SeqCst);
        self.cut.notify_waiters();
    }

    pub fn mend(&self) {
        self.open.store(true, Ordering::SeqCst);
    }

    /// Waits until somebody has tried in vain.
    pub async fn was_tried(&mut self) {
        let before = *self.refused.borrow();
        self.refused.wait_for(|now| *now > before).await.unwrap();
    }
}
