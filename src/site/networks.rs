//! Networks of addresses, and which clients are in them.
//!
//! It must never know what they may do.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Networks. An IPv4 client of a listener for IPv6 counts as what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Networks {
    list: Vec<Network>,
}

/// One network, one address, everybody, or the clients of Unix sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    All,
    Unix,
    /// The addresses whose first bits are these; all 128 of an IPv6 address, an IPv4 one mapped.
    Within {
        first: u128,
        bits: u32,
    },
}

/// Why a text is no network, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkError {
    why: String,
}

impl std::error::Error for NetworkError {}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Networks {
    pub(crate) fn new(list: Vec<Network>) -> Networks {
        Networks { list }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether a client is in one of them; `None` is one of a Unix socket.
    pub(crate) fn contain(&self, client: Option<SocketAddr>) -> bool {
        let address = client.map(|client| bits_of(client.ip()));
        self.list.iter().any(|network| match (network, address) {
            (Network::All, _) | (Network::Unix, None) => true,
            (Network::Within { first, bits }, Some(address)) => masked(address, *bits) == *first,
            (Network::Unix, Some(_)) | (Network::Within { .. }, None) => false,
        })
    }
}

impl Network {
    /// Whether every client of another network is in this one, too.
    #[cfg(feature = "cli")]
    pub(crate) fn covers(&self, other: &Network) -> bool {
        match (self, other) {
            (Network::All, _) | (Network::Unix, Network::Unix) => true,
            (Network::Within { first, bits }, Network::Within { first: other, bits: others }) => {
                others >= bits && masked(*other, *bits) == *first
            }
            _ => false,
        }
    }

    /// Whether every client is in it that has an IPv4 address, or every one that has an IPv6 address.
    pub(crate) fn is_everybody(&self) -> bool {
        match self {
            Network::All => true,
            Network::Unix => false,
            Network::Within { first, bits } => {
                *bits == 0 || (*bits == 96 && *first == bits_of(Ipv4Addr::UNSPECIFIED.into()))
            }
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let error = |why: String| Err(NetworkError { why });
        match text {
            "all" => return Ok(Network::All),
            "unix" => return Ok(Network::Unix),
            _ => {}
        }
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let Ok(ip) = address.parse::<IpAddr>() else {
            return error(
                "is no address; write \"192.0.2.7\", \"10.0.0.0/8\", \"2001:db8::/32\", \"all\" or \"unix\"".into(),
            );
        };
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => most,
            Some(length) => match length.parse::<u32>() {
                Ok(bits) if bits <= most => bits,
                _ => return error(format!("has a length that is no number from 0 to {most}")),
            },
        };
        let bits = length + (128 - most);
        let first = masked(bits_of(ip), bits);
        if first != bits_of(ip) {
            let network = match ip {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(first as u32)),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(first)),
            };
            return error(format!(
                "has bits beyond its length; write \"{network}/{length}\" for the network, or \"{ip}\" for the address"
            ));
        }
        Ok(Network::Within { first, bits })
    }
}

/// All 128 bits, those of an IPv4 address after the prefix that maps it (RFC 4291 §2.5.5.2).
pub(super) fn bits_of(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn masked(address: u128, bits: u32) -> u128 {
    match bits {
        0 => 0,
        bits => address & (u128::MAX << (128 - bits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        Networks::new(texts.iter().map(|text| text.parse().expect("it is a network")).collect())
    }

    fn client(ip: &str) -> Option<SocketAddr> {
        Some(SocketAddr::new(ip.parse().expect("an address"), 1))
    }

    #[test]
    fn addresses_are_in_their_networks() {
        let some = networks(&["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1"]);
        for ip in ["10.255.255.255", "192.0.2.7", "2001:db8:ffff::1", "::1", "::ffff:10.1.2.3"] {
            assert!(some.contain(client(ip)), "{ip}");
        }
        for ip in ["11.0.0.0", "192.0.2.8", "2001:db9::", "::2", "::10.1.2.3"] {
            assert!(!some.contain(client(ip)), "{ip}");
        }
        assert!(!some.contain(None));
        assert!(networks(&["unix"]).contain(None));
        assert!(!networks(&["unix"]).contain(client("::1")));
        let all = networks(&["all"]);
        assert!(all.contain(None) && all.contain(client("192.0.2.1")));
        assert!(networks(&["0.0.0.0/0"]).contain(client("192.0.2.1")));
        assert!(!networks(&["0.0.0.0/0"]).contain(client("2001:db8::1")));
        assert!(networks(&["::/0"]).contain(client("192.0.2.1")));
        assert!(networks(&["::ffff:10.0.0.0/104"]).contain(client("10.1.1.1")));
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_network_covers_those_within_it() {
        for (outer, inner, expected) in [
            ("all", "10.0.0.0/8", true),
            ("all", "unix", true),
            ("all", "all", true),
            ("unix", "unix", true),
            ("unix", "all", false),
            ("10.0.0.0/8", "10.0.0.0/8", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "0.0.0.0/0", false),
            ("10.0.0.0/8", "11.0.0.0/8", false),
            ("10.0.0.0/8", "unix", false),
            ("0.0.0.0/0", "10.0.0.0/8", true),
            ("0.0.0.0/0", "::1", false),
            ("0.0.0.0/0", "all", false),
            ("::/0", "10.0.0.0/8", true),
        ] {
            let network = |text: &str| text.parse::<Network>().expect("it is a network");
            assert_eq!(network(outer).covers(&network(inner)), expected, "{outer} {inner}");
        }
    }

    #[test]
    fn some_networks_have_everybody_in_them() {
        for (text, expected) in [
            ("all", true),
            ("0.0.0.0/0", true),
            ("::/0", true),
            ("unix", false),
            ("0.0.0.0/1", false),
            ("::/96", false),
            ("10.0.0.0/8", false),
        ] {
            assert_eq!(text.parse::<Network>().expect(text).is_everybody(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_to_write() {
        for (text, why) in [
            ("", "is no address"),
            ("example.org", "is no address"),
            ("10.0.0.1/8", "write \"10.0.0.0/8\""),
            ("2001:db8::1/32", "write \"2001:db8::/32\""),
            ("10.0.0.0/33", "from 0 to 32"),
            ("::/129", "from 0 to 128"),
            ("10.0.0.0/", "from 0 to 32"),
            ("10.0.0.0/255.0.0.0", "from 0 to 32"),
        ] {
            let error = text.parse::<Network>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
