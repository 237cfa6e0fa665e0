//! The list of web origins that may talk to this server from a browser.

use std::{collections::HashSet, sync::Arc};

use axum::http::{HeaderValue, Uri};
use parking_lot::Mutex;

/// Origins that pages of other sites may send from. Empty by default: pages of this server need
/// no entry, and programs that are not browsers are not concerned.
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins(Arc<Origins>);

#[derive(Debug, Default)]
struct Origins {
    listed: HashSet<String>,
    /// Whether pages of this machine may, with any port.
    localhost: bool,
    /// Those that were refused and have their line in the log.
    refused: Mutex<HashSet<String>>,
}

/// How many refused origins have a line in the log: strangers may send any number.
const LOGGED: usize = 100;

/// An entry that is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an origin; write it as the browser sends it, such as https://app.example.com or http://localhost:3000"
)]
pub struct NotAnOrigin(String);

impl AllowedOrigins {
    /// Reads a list of origins. There is no wildcard: `*` would open the server to every page
    /// that a signed-in user visits.
    ///
    /// # Errors
    ///
    /// Names the first entry that is not `http(s)://host[:port]` in lower case.
    pub fn parse<T: AsRef<str>>(list: &[T]) -> Result<Self, NotAnOrigin> {
        let origins = list.iter().map(|entry| {
            let entry = entry.as_ref();
            if is_origin(entry) {
                Ok(entry.to_owned())
            } else {
                Err(NotAnOrigin(entry.to_owned()))
            }
        });
        Ok(Self(Arc::new(Origins {
            listed: origins.collect::<Result<_, _>>()?,
            ..Origins::default()
        })))
    }

    /// The same, with pages of this machine where `localhost` says so.
    #[must_use]
    pub fn with_localhost(self, localhost: bool) -> Self {
        Self(Arc::new(Origins {
            listed: self.0.listed.clone(),
            localhost,
            ..Origins::default()
        }))
    }

    /// Whether pages of `origin` may talk to this server.
    #[must_use]
    pub fn allow(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| {
            self.0.listed.contains(origin) || (self.0.localhost && is_localhost(origin))
        })
    }

    /// The same, and a line in the log for the first request of an origin that may not: whoever sets up a
    /// page sees in the browser only that something was refused.
    #[must_use]
    pub fn allow_or_log(&self, origin: &HeaderValue) -> bool {
        let allowed = self.allow(origin);
        if !allowed && let Ok(origin) = origin.to_str() {
            self.log_refused(origin);
        }
        allowed
    }

    /// Whether this is the first time that `origin` is refused. Logs it then.
    fn log_refused(&self, origin: &str) -> bool {
        let mut refused = self.0.refused.lock();
        let first = refused.len() < LOGGED && refused.insert(origin.to_owned());
        if first {
            tracing::warn!(
                origin,
                "Pages of {origin} may not call this server; to let them, add the origin to \
                 `http.cors_origins`: MARQUEE_HTTP__CORS_ORIGINS='[\"{origin}\"]'"
            );
            if refused.len() == LOGGED {
                tracing::warn!("Further origins that are refused are not logged");
            }
        }
        first
    }
}

/// Whether an origin is a page of this machine: by name, or by an address of the loopback interface that
/// browsers and development servers use.
fn is_localhost(origin: &str) -> bool {
    let host = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    host.is_some_and(|host| {
        ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
            host.strip_prefix(name).is_some_and(|rest| {
                rest.is_empty()
                    || rest
                        .strip_prefix(':')
                        .is_some_and(|port| port.parse::<u16>().is_ok())
            })
        })
    })
}

fn is_origin(entry: &str) -> bool {
    let Some(host) = entry
        .strip_prefix("https://")
        .or_else(|| entry.strip_prefix("http://"))
    else {
        return false;
    };
    let in_browser_form = !host.is_empty()
        && !host.contains(['/', '?', '#', '@', '*'])
        && !entry.bytes().any(|byte| byte.is_ascii_uppercase());
    // Browsers leave the usual port out, so an entry with it would never match.
    let usual_port = (entry.starts_with("https://") && host.ends_with(":443"))
        || (entry.starts_with("http://") && host.ends_with(":80"));
    in_browser_form && !usual_port && entry.parse::<Uri>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_an_origin_as_browsers_send_it() {
        let good = [
            "https://app.example.com",
            "http://localhost:3000",
            "http://[::1]:8000",
        ];
        let origins = AllowedOrigins::parse(&good).expect("good origins");
        assert!(origins.allow(&HeaderValue::from_static("http://localhost:3000")));
        assert!(!origins.allow(&HeaderValue::from_static("http://localhost:3001")));
        assert!(!origins.allow(&HeaderValue::from_static("null")));
        for bad in [
            "*",
            "null",
            "",
            "https://",
            "app.example.com",
            "https://app.example.com/",
            "https://*.example.com",
            "https://App.example.com",
            "https://app.example.com:443",
            "http://user@app.example.com",
            "https://app example.com",
            "ftp://app.example.com",
        ] {
            AllowedOrigins::parse(&[bad]).expect_err(bad);
        }
    }

    #[test]
    fn pages_of_this_machine_may_where_it_is_said_with_any_port() {
        let none = AllowedOrigins::default();
        let local = none.clone().with_localhost(true);
        for origin in [
            "http://localhost",
            "http://localhost:5173",
            "https://localhost:3000",
            "http://127.0.0.1:8080",
            "http://[::1]:4000",
        ] {
            let origin = HeaderValue::from_static(origin);
            assert!(local.allow(&origin) && !none.allow(&origin), "{origin:?}");
        }
        for origin in [
            "http://localhost.example.com",
            "http://localhost:x",
            "http://localhost:99999",
            "http://127.0.0.1.example.com",
            "http://example.com:localhost",
            "ftp://localhost",
            "null",
        ] {
            assert!(!local.allow(&HeaderValue::from_static(origin)), "{origin}");
        }
    }

    #[test]
    fn a_refused_origin_is_logged_once_and_a_flood_of_them_is_not() {
        let origins = AllowedOrigins::default();
        assert!(origins.log_refused("https://a.example"));
        assert!(!origins.log_refused("https://a.example"));
        let flood = (0..1_000).map(|number| format!("https://{number}.example"));
        let logged = flood.filter(|origin| origins.log_refused(origin)).count();
        assert_eq!(logged, LOGGED - 1);
    }
}
