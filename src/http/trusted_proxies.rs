//! The address of a client behind proxies.
//!
//! A proxy appends the address that it was called from to a header. Whoever is not a proxy of ours may send the same
//! header with whatever in it, so it is read from the right, and only as far as addresses are those of named networks.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, HeaderName, header, request::Parts};

use crate::domain::auth::Client;
use crate::platform::config::{ForwardedHeader, Http};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The most addresses that are read of a request.
const HOPS: usize = 20;

/// A network: an address and how many of its first bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: u128,
    bits: u32,
}

/// The proxies that are believed, and the header that they write.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<Network>,
    header: ForwardedHeader,
}

impl TrustedProxies {
    /// Those of the settings.
    ///
    /// # Errors
    /// For what is no network.
    pub fn of(settings: &Http) -> anyhow::Result<Self> {
        let networks = settings.trusted_proxies.iter().map(|text| {
            Network::parse(text).with_context(|| {
                format!("`http.trusted_proxies`: `{text}` is no network such as 10.0.0.0/8 or ::1")
            })
        });
        Ok(Self {
            networks: networks.collect::<anyhow::Result<_>>()?,
            header: settings.forwarded_header,
        })
    }

    /// The client of a request: the other end of its connection, or who called the proxy there.
    pub fn client(&self, parts: &Parts) -> Client {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Client {
            address: peer.map(|ConnectInfo(peer)| self.resolve(peer.ip(), &parts.headers)),
        }
    }

    fn resolve(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = peer.to_canonical();
        if !self.trusts(address) {
            return address;
        }
        let name = match self.header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => header::FORWARDED,
        };
        // Lines of one name follow each other as if they were one.
        let lines: Vec<&str> = headers
            .get_all(name)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .collect();
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
        for hop in hops.take(HOPS) {
            let found = match self.header {
                ForwardedHeader::XForwardedFor => node(hop),
                ForwardedHeader::Forwarded => forwarded_for(hop).and_then(node),
            };
            // What is no address is all that is known beyond this proxy.
            let Some(found) = found else {
                return address;
            };
            address = found;
            if !self.trusts(address) {
                return address;
            }
        }
        address
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(most);
        (length <= most).then(|| Self {
            address: bits(address),
            bits: 128 - most + length,
        })
    }

    fn contains(&self, address: IpAddr) -> bool {
        let differing = self.address ^ bits(address);
        // A shift by all bits would not be one.
        self.bits == 0 || differing >> (128 - self.bits) == 0
    }
}

/// An address as 128 bits; one of IPv4 as IPv6 has it (RFC 4291, section 2.5.5.2).
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// An address with or without a port and brackets: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|both| both.ip()));
    let address = address.or_else(|| {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse().ok()
    });
    address.map(|address| address.to_canonical())
}

/// The value of `for` in one element of the header `Forwarded` (RFC 7239, section 4).
fn forwarded_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let is_for = name.trim().eq_ignore_ascii_case("for");
        is_for.then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::config::Settings;

    fn proxies(networks: &[&str], header: ForwardedHeader) -> anyhow::Result<TrustedProxies> {
        let mut http = Settings::defaults().http;
        http.trusted_proxies = networks.iter().map(|text| (*text).to_owned()).collect();
        http.forwarded_header = header;
        TrustedProxies::of(&http)
    }

    fn resolve(proxies: &TrustedProxies, peer: &str, name: &'static str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, line.parse().unwrap());
        }
        proxies.resolve(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn only_named_networks_are_believed() {
        let header = ForwardedHeader::XForwardedFor;
        let one = proxies(&["10.0.0.0/8", "2001:db8::/32"], header).unwrap();
        let of = |peer, lines: &[&str]| resolve(&one, peer, "x-forwarded-for", lines);
        assert_eq!(of("192.0.2.9", &["198.51.100.1"]), "192.0.2.9");
        assert_eq!(of("10.1.2.3", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("::ffff:10.1.2.3", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("2001:db8::5", &["[2001:db9::1]:443"]), "2001:db9::1");
        assert_eq!(of("10.1.2.3", &[]), "10.1.2.3");
        let none = proxies(&[], header).unwrap();
        let at = resolve(&none, "10.1.2.3", "x-forwarded-for", &["198.51.100.1"]);
        assert_eq!(at, "10.1.2.3");
    }

    #[test]
    fn what_a_client_wrote_itself_is_not_believed() {
        let one = proxies(&["10.0.0.0/8"], ForwardedHeader::XForwardedFor).unwrap();
        let of = |lines: &[&str]| resolve(&one, "10.0.0.1", "x-forwarded-for", lines);
        assert_eq!(of(&["1.1.1.1, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(of(&["1.1.1.1", "198.51.100.1, 10.0.0.7"]), "198.51.100.1");
        assert_eq!(of(&["1.1.1.1, nonsense, 10.0.0.7"]), "10.0.0.7");
        assert_eq!(of(&["10.0.0.9, 10.0.0.8"]), "10.0.0.9");
        // The other header is not read at all.
        let forged = resolve(&one, "10.0.0.1", "forwarded", &["for=1.1.1.1"]);
        assert_eq!(forged, "10.0.0.1");
    }

    #[test]
    fn the_standard_header_is_read_too() {
        let one = proxies(&["10.0.0.1"], ForwardedHeader::Forwarded).unwrap();
        let of = |line| resolve(&one, "10.0.0.1", "forwarded", &[line]);
        let quoted = "for=1.1.1.1, proto=https;For=\"[2001:db8:cafe::17]:4711\";by=10.0.0.1";
        assert_eq!(of(quoted), "2001:db8:cafe::17");
        assert_eq!(of("for=192.0.2.60:80;proto=http"), "192.0.2.60");
        assert_eq!(of("for=_hidden"), "10.0.0.1");
        assert_eq!(of("proto=http"), "10.0.0.1");
    }

    #[test]
    fn a_network_has_as_many_bits_as_an_address() {
        let header = ForwardedHeader::XForwardedFor;
        for wrong in [
            "10.0.0.0/33",
            "::/129",
            "10.0.0",
            "10.0.0.0/",
            "localhost",
            "",
        ] {
            assert!(proxies(&[wrong], header).is_err(), "{wrong}");
        }
        let all = proxies(&["0.0.0.0/0", "::/0"], header).unwrap();
        assert_eq!(
            resolve(&all, "8.8.8.8", "x-forwarded-for", &["1.1.1.1"]),
            "1.1.1.1"
        );
        let half = Network::parse("192.0.2.128/25").unwrap();
        assert!(half.contains("192.0.2.200".parse().unwrap()));
        assert!(!half.contains("192.0.2.100".parse().unwrap()));
    }
}
