//! The list of web origins that may talk to this server from a browser.

use std::{collections::HashSet, sync::Arc};

use axum::http::{HeaderValue, Uri};

/// Origins that pages of other sites may send from. Empty by default: pages of this server need
/// no entry, and programs that are not browsers are not concerned.
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins(Arc<HashSet<String>>);

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
        Ok(Self(Arc::new(origins.collect::<Result<_, _>>()?)))
    }

    /// Whether pages of `origin` may talk to this server.
    #[must_use]
    pub fn allow(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.0.contains(origin))
    }
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
}
