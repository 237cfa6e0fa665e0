//! How a client calls this server: what the settings say, or else what the request was sent to.

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderName, header};

use crate::graphql::public_url::PublicUrl;
use crate::platform::config::Settings;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Tells the public address of a request.
#[derive(Clone, Debug, Default)]
pub struct PublicUrlSource {
    configured: Option<PublicUrl>,
    trust_forwarded: bool,
}

impl PublicUrlSource {
    /// As the settings say.
    pub fn new(settings: &Settings) -> Self {
        let configured = settings.objects.public_url.as_str();
        Self {
            configured: (!configured.is_empty()).then(|| PublicUrl::new(configured)),
            trust_forwarded: settings.http.trust_forwarded,
        }
    }

    /// The address that a request was sent to. The headers of a proxy count only where the settings say that
    /// there is one: anybody can send them.
    pub fn of(&self, parts: &Parts) -> PublicUrl {
        if let Some(configured) = &self.configured {
            return configured.clone();
        }
        let forwarded = |name: HeaderName| {
            let first = self.trust_forwarded.then(|| first(parts, &name)).flatten();
            first.map(str::to_owned)
        };
        let host = forwarded(X_FORWARDED_HOST);
        let host = host.as_deref().or_else(|| first(parts, &header::HOST));
        let host = host.or_else(|| parts.uri.authority().map(Authority::as_str));
        let Some(host) = host.filter(|host| is_host(host)) else {
            return PublicUrl::default();
        };
        let scheme = forwarded(X_FORWARDED_PROTO);
        let scheme = match scheme.as_deref() {
            Some("https") => "https",
            _ => "http",
        };
        PublicUrl::new(&format!("{scheme}://{host}"))
    }
}

/// The first value of a header; each proxy adds its own behind a comma.
fn first<'a>(parts: &'a Parts, name: &HeaderName) -> Option<&'a str> {
    let value = parts.headers.get(name)?.to_str().ok()?;
    value.split(',').next().map(str::trim)
}

fn is_host(text: &str) -> bool {
    let host = text.parse::<Authority>();
    host.is_ok_and(|host| !host.as_str().contains('@') && !host.host().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(settings: &Settings, headers: &[(&str, &str)]) -> String {
        let mut request = axum::http::Request::builder().uri("/graphql");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let url = PublicUrlSource::new(settings).of(&parts);
        url.as_str().to_owned()
    }

    #[test]
    fn the_setting_counts_first_then_a_trusted_proxy_then_the_host() {
        let mut settings = Settings::defaults();
        let host = ("host", "films.example:8000");
        let proxy = [
            host,
            ("x-forwarded-host", "shop.example, inner.example"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(of(&settings, &[host]), "http://films.example:8000");
        assert_eq!(of(&settings, &proxy), "http://films.example:8000");
        settings.http.trust_forwarded = true;
        assert_eq!(of(&settings, &proxy), "https://shop.example");
        assert_eq!(of(&settings, &[host]), "http://films.example:8000");
        settings.objects.public_url = "https://cdn.example/".to_owned();
        assert_eq!(of(&settings, &proxy), "https://cdn.example");
    }

    #[test]
    fn what_is_no_host_is_not_repeated() {
        let settings = Settings::defaults();
        for bad in ["", "me@films.example", "films example", "<b>", "a/b"] {
            assert_eq!(of(&settings, &[("host", bad)]), "", "{bad}");
        }
        assert_eq!(of(&settings, &[]), "");
    }
}
