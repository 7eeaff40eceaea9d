//! What holds for what decides who may do something, whatever its bytes are.

use crate::http::basic;
use crate::site::{Network, Networks};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

pub use crate::site::fuzz_passwords as passwords;

/// A name and a password that are read are read again when they are written as they should be.
pub fn credentials(bytes: &[u8]) {
    let Some((name, password)) = basic::credentials(bytes) else { return };
    assert!(name.len() + password.len() < bytes.len());
    assert!(!name.contains(&b':'));
    assert!(!name.iter().chain(&password).any(u8::is_ascii_control));
    let written = [&b"Basic "[..], &base64(&[&name[..], b":", &password].concat())].concat();
    assert_eq!(basic::credentials(&written), Some((name, password)));
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = Vec::new();
    for group in bytes.chunks(3) {
        let bits = group
            .iter()
            .enumerate()
            .fold(0, |bits, (place, &byte)| bits | usize::from(byte) << (16 - 8 * place));
        let digit = |place: usize| match place <= group.len() {
            true => DIGITS[bits >> (18 - 6 * place) & 63],
            false => b'=',
        };
        encoded.extend((0..4).map(digit));
    }
    encoded
}

/// A network holds its first and its last address and none beside them; why a text is none is said in one line.
pub fn networks(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let network: Network = match text.parse() {
        Ok(network) => network,
        Err(error) => {
            let error = error.to_string();
            assert!(!error.is_empty() && error.len() < 200 && !error.contains('\n'));
            return;
        }
    };
    let networks = Networks::new(vec![network.clone()]);
    assert_eq!(networks.contain(None), matches!(network, Network::All | Network::Unix));
    let Network::Within { first, bits } = network else { return };
    let holds = |address: u128| {
        let ip = IpAddr::V6(Ipv6Addr::from(address));
        let of = |ip| networks.contain(Some(SocketAddr::new(ip, 1)));
        assert_eq!(of(ip), of(ip.to_canonical()), "{ip}");
        of(ip)
    };
    let rest = u128::MAX.checked_shr(bits).unwrap_or(0);
    assert!(bits <= 128 && first & rest == 0);
    assert!(holds(first) && holds(first | rest));
    assert!(first == 0 || !holds(first - 1));
    assert!((first | rest) == u128::MAX || !holds((first | rest) + 1));
}
