//! `Authorization: Basic` (RFC 7617): a name and a password.
//!
//! It must never know who may do what.

/// The name and the password of a header value, or `None` if it has none that can be read.
pub(crate) fn credentials(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, rest) = value.split_at_checked("Basic".len())?;
    let encoded = rest.strip_prefix(b" ")?.trim_ascii();
    if !scheme.eq_ignore_ascii_case(b"Basic") {
        return None;
    }
    let mut name = decode_base64(encoded)?;
    let colon = name.iter().position(|&byte| byte == b':')?;
    let password = name.split_off(colon + 1);
    name.pop();
    // RFC 7617 §2: neither has control characters.
    let is_text = |bytes: &[u8]| !bytes.iter().any(u8::is_ascii_control);
    (is_text(&name) && is_text(&password)).then_some((name, password))
}

/// Base64 (RFC 4648 §4). Padding may be missing, as some clients leave it out; bits that are left over must be zero.
fn decode_base64(encoded: &[u8]) -> Option<Vec<u8>> {
    let digits = match encoded {
        [digits @ .., b'=', b'='] | [digits @ .., b'='] if encoded.len().is_multiple_of(4) => {
            digits
        }
        digits => digits,
    };
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for &digit in group {
            bits = bits << 6 | u32::from(value(digit)?);
        }
        let count = match group.len() {
            4 => 3,
            3 => 2,
            2 => 1,
            _ => return None,
        };
        bits <<= 6 * (4 - group.len() as u32);
        let [_, all @ ..] = bits.to_be_bytes();
        let (taken, left) = all.split_at(count);
        if left.iter().any(|&byte| byte != 0) {
            return None;
        }
        bytes.extend_from_slice(taken);
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_password_are_read() {
        for (value, name, password) in [
            ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"),
            ("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ", "Aladdin", "open sesame"),
            ("BASIC   dGVzdDoxMjPCow==", "test", "123\u{a3}"),
            ("Basic Og==", "", ""),
            ("Basic YTpiOmM=", "a", "b:c"),
        ] {
            let (name, password) = (name.as_bytes().to_vec(), password.as_bytes().to_vec());
            assert_eq!(credentials(value.as_bytes()), Some((name, password)), "{value}");
        }
    }

    #[test]
    fn what_is_no_base64_or_has_no_colon_is_nothing() {
        for value in [
            "",
            "Basic",
            "Basic ",
            "Basic =",
            "Basic YQ==",
            "Basic YTpi=",
            "Basic YTpiYTpiY",
            "Basic Y T p i",
            "Basic YTp_",
            "Basic YTpj\u{e9}",
            "Basic YToK",
            "BasicYTpi",
            "Bearer YTpi",
            "Basic YTpiYR==",
        ] {
            assert_eq!(credentials(value.as_bytes()), None, "{value}");
        }
    }
}
