//! The rule against requests that other sites make in a visitor's name.
//!
//! A browser sends "simple" requests to other sites without asking. A POST here is never
//! simple: only `application/json` is read, which forces a preflight, and the preflight is
//! answered by the CORS list. A GET is simple, so it needs a rule of its own:
//!
//! 1. one of [`FORCING_HEADERS`] with a value: accepted, since it too forces a preflight;
//! 2. `Sec-Fetch-Site: same-origin` or `none` (typed into the address bar): accepted;
//! 3. an `Origin` from the CORS list, or of this very host: accepted;
//! 4. `Sec-Fetch-Site: same-site` or `cross-site`, or an `Origin` that is neither: refused;
//! 5. neither header: accepted. That is a program, or a browser too old to say, and such a
//!    request can only run queries and its page cannot read the answer.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::http::origins::AllowedOrigins;

/// Headers that a page cannot send to another site without a preflight.
pub const FORCING_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-marquee-csrf"),
    HeaderName::from_static("apollo-require-preflight"),
    HeaderName::from_static("x-requested-with"),
];

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a GET with these headers may be answered.
#[must_use]
pub fn may_get(headers: &HeaderMap, origins: &AllowedOrigins) -> bool {
    let forces_preflight = FORCING_HEADERS
        .iter()
        .any(|name| headers.get(name).is_some_and(|value| !value.is_empty()));
    if forces_preflight {
        return true;
    }
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    match (site, headers.get(header::ORIGIN)) {
        (Some(b"same-origin" | b"none"), _) | (None, None) => true,
        (_, Some(origin)) => origins.allow(origin) || (site.is_none() && is_host(origin, headers)),
        (Some(_), None) => false,
    }
}

/// Whether a page may open a socket with these headers. A socket is not asked about beforehand, and
/// its page can read what comes over it, so that the page must be of this host or on the list.
#[must_use]
pub fn may_open_socket(headers: &HeaderMap, origins: &AllowedOrigins) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        // A program; browsers always say.
        return true;
    };
    origins.allow(origin) || is_same_origin(origin, headers)
}

/// Whether a page of this very host sends the request, as the browser says or as its headers show.
#[must_use]
pub fn is_same_origin(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let said = headers.get(SEC_FETCH_SITE);
    said.is_some_and(|site| site == "same-origin") || is_host(origin, headers)
}

/// Whether `origin` is the host that the request was sent to. It is asked only of browsers
/// that do not send `Sec-Fetch-Site`; behind a proxy that rewrites `Host` they need the list.
fn is_host(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| {
        origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"))
    });
    host.is_some() && host == origin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_for_pages_of_this_host_and_those_on_the_list() {
        let origins = AllowedOrigins::parse(&["https://app.example.com"]).expect("an origin");
        for (given, expected) in [
            (&[][..], true),
            (&[("origin", "https://app.example.com")], true),
            (&[("origin", "http://here"), ("host", "here")], true),
            (&[("origin", "http://there"), ("host", "here")], false),
            (&[("origin", "null"), ("host", "here")], false),
            (
                &[
                    ("origin", "https://here"),
                    ("sec-fetch-site", "same-origin"),
                ],
                true,
            ),
            (
                &[("origin", "https://there"), ("sec-fetch-site", "same-site")],
                false,
            ),
        ] {
            let headers = given
                .iter()
                .map(|(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect();
            assert_eq!(may_open_socket(&headers, &origins), expected, "{given:?}");
        }
    }

    #[test]
    fn a_get_from_another_site_needs_a_preflight_or_a_place_on_the_list() {
        let origins = AllowedOrigins::parse(&["https://app.example.com"]).expect("an origin");
        for (given, expected) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "anything")], false),
            (
                &[("sec-fetch-site", "cross-site"), ("x-marquee-csrf", "1")],
                true,
            ),
            (
                &[("sec-fetch-site", "cross-site"), ("x-marquee-csrf", "")],
                false,
            ),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://app.example.com"),
                ],
                true,
            ),
            (
                &[
                    ("sec-fetch-site", "same-site"),
                    ("origin", "https://other.example.com"),
                ],
                false,
            ),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://here"),
                    ("host", "here"),
                ],
                false,
            ),
            (&[("origin", "http://here"), ("host", "here")], true),
            (&[("origin", "http://there"), ("host", "here")], false),
            (&[("origin", "null")], false),
        ] {
            let headers = given
                .iter()
                .map(|(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect();
            assert_eq!(may_get(&headers, &origins), expected, "{given:?}");
        }
    }
}
