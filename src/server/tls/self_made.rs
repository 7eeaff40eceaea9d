//! A certificate for this machine alone, made in memory, so that TLS can be tried without any file.
//!
//! It is signed with its own key, so that no client believes it unless somebody tells it to.

use super::crypto::primitives::rand::{SecureRandom, SystemRandom};
use super::crypto::primitives::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

/// A certificate and its private key (PKCS #8), both in DER.
pub(super) struct SelfMade {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

/// Makes a certificate for `localhost`, the names below it and the loopback addresses.
///
/// # Errors
/// If the system has no random numbers.
pub(super) fn self_made() -> Result<SelfMade, &'static str> {
    let failed = |_| "the system has no random numbers";
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?;
    let key = pair.to_pkcs8v1().map_err(failed)?;
    let mut serial = [0; 16];
    random.fill(&mut serial).map_err(failed)?;
    // RFC 5280 §4.1.2.2: positive, which the first bit says.
    serial[0] = serial[0] & 0x7f | 0x40;
    let body = body(&serial, pair.public_key().as_ref(), SystemTime::now());
    let signature = pair.sign(&random, &body).map_err(failed)?;
    let certificate = sequence(&[body, ecdsa_with_sha256(), bit_string(signature.as_ref())]);
    Ok(SelfMade { certificate, key: key.as_ref().to_vec() })
}

fn body(serial: &[u8], public_key: &[u8], now: SystemTime) -> Vec<u8> {
    let name = sequence(&[set(sequence(&[
        object_id(&[0x55, 0x04, 0x03]),
        element(UTF8_STRING, b"httpd, for trying"),
    ]))]);
    let day = Duration::from_secs(86_400);
    let validity = sequence(&[time(now - day), time(now + 90 * day)]);
    let key = sequence(&[
        sequence(&[object_id(EC_PUBLIC_KEY), object_id(PRIME256V1)]),
        bit_string(public_key),
    ]);
    let names = sequence(&[
        element(DNS_NAME, b"localhost"),
        element(DNS_NAME, b"*.localhost"),
        element(IP_ADDRESS, &Ipv4Addr::LOCALHOST.octets()),
        element(IP_ADDRESS, &Ipv6Addr::LOCALHOST.octets()),
    ]);
    let server_authentication = sequence(&[object_id(SERVER_AUTHENTICATION)]);
    let extensions = sequence(&[
        extension(&[0x55, 0x1d, 0x11], names),
        extension(&[0x55, 0x1d, 0x25], server_authentication),
    ]);
    sequence(&[
        element(0xa0, &element(INTEGER, &[2])),
        element(INTEGER, serial),
        ecdsa_with_sha256(),
        name.clone(),
        validity,
        name,
        key,
        element(0xa3, &extensions),
    ])
}

/// RFC 5280 §4.1.2.5.1: until 2049, the year has two digits.
fn time(time: SystemTime) -> Vec<u8> {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days as i64);
    let (hour, minute, second) = (rest / 3600, rest % 3600 / 60, rest % 60);
    let text = format!("{:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z", year % 100);
    element(UTC_TIME, text.as_bytes())
}

/// Year, month and day of a day since 1970; years are counted from March.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + next, month, day)
}

fn extension(id: &[u8], value: Vec<u8>) -> Vec<u8> {
    sequence(&[object_id(id), element(OCTET_STRING, &value)])
}

fn ecdsa_with_sha256() -> Vec<u8> {
    sequence(&[object_id(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])])
}

fn object_id(id: &[u8]) -> Vec<u8> {
    element(OBJECT_ID, id)
}

fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

fn set(content: Vec<u8>) -> Vec<u8> {
    element(0x31, &content)
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// An element in DER. Its content is shorter than 64 KiB.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = (content.len() as u16).to_be_bytes();
    let mut out = match content.len() {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    out.extend_from_slice(content);
    out
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const SERVER_AUTHENTICATION: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_its_date() {
        for (day, date) in [
            (0, (1970, 1, 1)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (20_785, (2026, 11, 28)),
        ] {
            assert_eq!(civil(day), date);
        }
    }
}
