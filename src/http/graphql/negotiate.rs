//! Media types: which one an answer takes, and whether a body is JSON.

use axum::http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, CONTENT_TYPE},
};

/// The two media types of GraphQL over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/graphql-response+json`: the status code says how the request went.
    GraphqlResponse,
    /// `application/json`: 200 for every well-formed request, as old clients expect.
    Json,
}

impl MediaType {
    /// The value of `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }

    fn subtype(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "graphql-response+json",
            Self::Json => "json",
        }
    }
}

/// Chooses the media type of the answer; `None` means 406.
///
/// The larger `q` wins, then the type that is named rather than covered by a wildcard. Where
/// both are named alike, the newer type wins; where a wildcard covers both, `application/json`
/// does, and it is also what a client without `Accept` gets.
#[must_use]
pub fn negotiate(headers: &HeaderMap) -> Option<MediaType> {
    let ranges: Vec<Range> = list(headers, &ACCEPT).filter_map(Range::parse).collect();
    if ranges.is_empty() && list(headers, &ACCEPT).next().is_none() {
        return Some(MediaType::Json);
    }
    let newer = Range::best(&ranges, MediaType::GraphqlResponse);
    let older = Range::best(&ranges, MediaType::Json);
    match (newer, older) {
        (Some(newer), Some(older)) if newer > older || (newer == older && newer.named()) => {
            Some(MediaType::GraphqlResponse)
        }
        (_, Some(_)) => Some(MediaType::Json),
        (Some(_), None) => Some(MediaType::GraphqlResponse),
        (None, None) => None,
    }
}

/// Whether the body is declared as JSON in UTF-8. This is also the wall against cross-site
/// requests: a browser asks first (preflight) before a page may send this type elsewhere.
#[must_use]
pub fn has_json_body(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else {
        return false;
    };
    let mut parts = value.split(';').map(str::trim);
    parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
        && parts.all(is_harmless_parameter)
}

/// A `charset` must be UTF-8; other parameters mean nothing for JSON.
fn is_harmless_parameter(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let value = value.trim().trim_matches('"');
            value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8")
        }
        _ => true,
    }
}

/// How well a range fits a media type: its `q` in thousandths, then how exact it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    quality: u16,
    exactness: u8,
}

impl Fit {
    fn named(self) -> bool {
        self.exactness == 2
    }
}

struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut quality = 1_000;
        for parameter in parts {
            match parameter.split_once('=') {
                Some((name, value)) if name.trim().eq_ignore_ascii_case("q") => {
                    quality = thousandths(value.trim())?;
                }
                _ if is_harmless_parameter(parameter) => {}
                _ => return None,
            }
        }
        Some(Self {
            kind,
            subtype,
            quality,
        })
    }

    /// The most exact range decides about a type, so that `json;q=0, */*` refuses JSON.
    fn best(ranges: &[Self], media: MediaType) -> Option<Fit> {
        ranges
            .iter()
            .filter_map(|range| {
                let exactness = range.exactness(media)?;
                Some((exactness, range.quality))
            })
            .max()
            .filter(|(_, quality)| *quality > 0)
            .map(|(exactness, quality)| Fit { quality, exactness })
    }

    fn exactness(&self, media: MediaType) -> Option<u8> {
        if self.kind == "*" && self.subtype == "*" {
            Some(0)
        } else if !self.kind.eq_ignore_ascii_case("application") {
            None
        } else if self.subtype == "*" {
            Some(1)
        } else {
            self.subtype
                .eq_ignore_ascii_case(media.subtype())
                .then_some(2)
        }
    }
}

/// `0`, `1`, `0.5`, `0.123`: a `q` value in thousandths. Anything else spoils its range.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

/// The parts of a header that is a list, empty ones left out.
pub(super) fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &'static str) -> Option<MediaType> {
        negotiate(&HeaderMap::from_iter([(
            ACCEPT,
            HeaderValue::from_static(value),
        )]))
    }

    #[test]
    fn the_answer_takes_the_type_that_was_asked_for() {
        use MediaType::{GraphqlResponse, Json};
        assert_eq!(negotiate(&HeaderMap::new()), Some(Json));
        for (value, expected) in [
            ("", Some(Json)),
            ("*/*", Some(Json)),
            ("application/*", Some(Json)),
            ("application/json", Some(Json)),
            ("APPLICATION/JSON; charset=UTF-8", Some(Json)),
            ("application/graphql-response+json", Some(GraphqlResponse)),
            (
                "application/json, application/graphql-response+json",
                Some(GraphqlResponse),
            ),
            (
                "application/graphql-response+json;q=0.5, application/json;q=0.9",
                Some(Json),
            ),
            (
                "application/graphql-response+json, */*;q=0.1",
                Some(GraphqlResponse),
            ),
            ("application/json, */*", Some(Json)),
            ("application/json;q=0, */*", Some(GraphqlResponse)),
            ("text/html, */*;q=0.8", Some(Json)),
            ("text/html", None),
            ("application/json;q=0", None),
            ("application/json; charset=latin1", None),
            ("application/json;q=2", None),
            ("nonsense", None),
        ] {
            assert_eq!(accept(value), expected, "{value}");
        }
    }

    #[test]
    fn a_body_is_json_in_utf_8_or_nothing() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; Charset=\"UTF-8\"", true),
            ("application/json; charset=utf8; version=1", true),
            ("application/json; charset=utf-16", false),
            ("application/jsonp", false),
            ("text/plain", false),
            ("text/plain; application/json", false),
            ("application/x-www-form-urlencoded", false),
            ("multipart/form-data; boundary=x", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            assert_eq!(has_json_body(&headers), expected, "{value}");
            // Two values are one too many: which of them would a proxy believe?
            headers.append(CONTENT_TYPE, HeaderValue::from_static(value));
            assert!(!has_json_body(&headers));
        }
        assert!(!has_json_body(&HeaderMap::new()));
    }
}
