//! What a certificate says of itself (RFC 5280): the facts that choosing, checking and renewing it need.
//!
//! It verifies nothing: clients do that. Pure; it must never know files, keys or connections.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// The facts of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFacts {
    /// Who has signed it, and whose it is: names in DER, to be compared.
    pub issuer: Vec<u8>,
    pub subject: Vec<u8>,
    /// The issuer's common name, for messages.
    pub issuer_name: Option<String>,
    pub not_before: SystemTime,
    pub not_after: SystemTime,
    /// The names that clients may use for the server (`subjectAltName`).
    pub names: Vec<CoveredName>,
    /// Whether it says where the certificate of its issuer can be had, as those of public authorities do.
    pub says_where_issuer_is: bool,
}

/// A name that a certificate covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CoveredName {
    Dns(String),
    /// All names with one label more: `*.example.org` covers `a.example.org`, not `a.b.example.org`.
    Below(String),
    Ip(IpAddr),
}

impl CertificateFacts {
    /// Reads a certificate. `None`: it is none.
    pub(crate) fn read(der: &[u8]) -> Option<CertificateFacts> {
        let mut outer = Der(der).enter(SEQUENCE)?;
        let mut body = outer.enter(SEQUENCE)?;
        if body.0.first() == Some(&EXPLICIT_VERSION) {
            body.next()?;
        }
        let _serial = body.next()?;
        let _algorithm = body.next()?;
        let issuer = body.next_of(SEQUENCE)?;
        let mut validity = body.enter(SEQUENCE)?;
        let not_before = time(validity.next()?)?;
        let not_after = time(validity.next()?)?;
        let subject = body.next_of(SEQUENCE)?;
        let _key = body.next_of(SEQUENCE)?;
        let mut facts = CertificateFacts {
            issuer_name: common_name(issuer.content),
            issuer: issuer.content.to_vec(),
            subject: subject.content.to_vec(),
            not_before,
            not_after,
            names: Vec::new(),
            says_where_issuer_is: false,
        };
        while let Some(field) = body.next() {
            if field.tag == EXTENSIONS {
                facts.read_extensions(field.content)?;
            }
        }
        Some(facts)
    }

    fn read_extensions(&mut self, content: &[u8]) -> Option<()> {
        let mut all = Der(content).enter(SEQUENCE)?;
        while !all.0.is_empty() {
            let mut extension = all.enter(SEQUENCE)?;
            let id = extension.next_of(OBJECT_ID)?;
            let mut value = extension.next()?;
            if value.tag == BOOLEAN {
                value = extension.next()?;
            }
            match id.content {
                SUBJECT_ALT_NAME => self.read_names(value.content)?,
                AUTHORITY_INFORMATION => {
                    self.says_where_issuer_is = contains(value.content, CA_ISSUERS);
                }
                _ => {}
            }
        }
        Some(())
    }

    fn read_names(&mut self, content: &[u8]) -> Option<()> {
        let mut names = Der(content).enter(SEQUENCE)?;
        while let Some(name) = names.next() {
            match name.tag {
                DNS_NAME => {
                    let text = std::str::from_utf8(name.content).ok()?.to_ascii_lowercase();
                    self.names.push(match text.strip_prefix("*.") {
                        Some(parent) => CoveredName::Below(parent.to_owned()),
                        None => CoveredName::Dns(text),
                    });
                }
                IP_ADDRESS => self.names.extend(ip(name.content).map(CoveredName::Ip)),
                _ => {}
            }
        }
        Some(())
    }

    /// Whether it was signed with its own key, as far as its names tell.
    pub(crate) fn is_self_signed(&self) -> bool {
        self.issuer == self.subject
    }
}

impl CoveredName {
    /// Whether it covers a host, which has neither a port nor a final dot.
    pub(crate) fn covers(&self, host: &[u8]) -> bool {
        match self {
            CoveredName::Dns(name) => host.eq_ignore_ascii_case(name.as_bytes()),
            CoveredName::Below(parent) => {
                let dot = host.iter().position(|&byte| byte == b'.');
                dot.is_some_and(|dot| {
                    dot > 0 && host[dot + 1..].eq_ignore_ascii_case(parent.as_bytes())
                })
            }
            CoveredName::Ip(ip) => {
                let bare = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
                let text = std::str::from_utf8(bare.unwrap_or(host));
                text.is_ok_and(|text| text.parse() == Ok(*ip))
            }
        }
    }
}

impl fmt::Display for CoveredName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CoveredName::Dns(name) => formatter.write_str(name),
            CoveredName::Below(parent) => write!(formatter, "*.{parent}"),
            CoveredName::Ip(ip) => ip.fmt(formatter),
        }
    }
}

/// What is left of an encoding in DER.
struct Der<'a>(&'a [u8]);

/// One element.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
}

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first >= 0x80 {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return None;
            }
            let digits = rest.get(..count)?;
            length = digits.iter().fold(0, |sum, &digit| sum << 8 | usize::from(digit));
            rest = &rest[count..];
        }
        let content = rest.get(..length)?;
        self.0 = &rest[length..];
        Some(Element { tag, content })
    }

    fn next_of(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    fn enter(&mut self, tag: u8) -> Option<Der<'a>> {
        self.next_of(tag).map(|element| Der(element.content))
    }
}

/// The common name in a `Name`; the last, if there are several.
fn common_name(name: &[u8]) -> Option<String> {
    let mut found = None;
    let mut sets = Der(name);
    while let Some(set) = sets.next() {
        let mut attributes = Der(set.content);
        while let Some(mut attribute) = attributes.enter(SEQUENCE) {
            if attribute.next_of(OBJECT_ID)?.content == COMMON_NAME {
                found = std::str::from_utf8(attribute.next()?.content).ok().map(str::to_owned);
            }
        }
    }
    found
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// RFC 5280 §4.1.2.5: `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn time(element: Element<'_>) -> Option<SystemTime> {
    let digits = element.content.strip_suffix(b"Z")?;
    let (year, rest) = match element.tag {
        UTC_TIME => {
            let (year, rest) = (number(digits.get(..2)?)?, digits.get(2..)?);
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => (number(digits.get(..4)?)?, digits.get(4..)?),
        _ => return None,
    };
    let mut pairs = rest.chunks(2).map(number);
    let mut pair = || pairs.next().flatten();
    let (month, day, hour, minute, second) = (pair()?, pair()?, pair()?, pair()?, pair()?);
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
    if rest.len() != 10 || !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_since_1970(year, month, day);
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    match u64::try_from(seconds) {
        Ok(after) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(after)),
        Err(_) => Some(SystemTime::UNIX_EPOCH),
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, |sum, &digit| sum * 10 + i64::from(digit - b'0')))
}

/// Counts years from March, so that the leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

const SEQUENCE: u8 = 0x30;
const BOOLEAN: u8 = 0x01;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const EXPLICIT_VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.29.17
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// 1.3.6.1.5.5.7.1.1
const AUTHORITY_INFORMATION: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01];
/// 1.3.6.1.5.5.7.48.2
const CA_ISSUERS: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(tag: u8, text: &str) -> Option<u64> {
        let time = time(Element { tag, content: text.as_bytes() })?;
        Some(time.duration_since(SystemTime::UNIX_EPOCH).expect("it is later").as_secs())
    }

    #[test]
    fn times_are_read_in_both_forms() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (UTC_TIME, "240229120000Z", Some(1_709_208_000)),
            (UTC_TIME, "240301000000Z", Some(1_709_251_200)),
            (UTC_TIME, "241301000000Z", None),
            (UTC_TIME, "2403010000Z", None),
            (UTC_TIME, "240301000000", None),
            (UTC_TIME, "24030100000xZ", None),
            (SEQUENCE, "240301000000Z", None),
        ] {
            assert_eq!(seconds(tag, text), expected, "{text}");
        }
    }

    #[test]
    fn a_wildcard_covers_one_label_and_an_address_any_spelling() {
        let below = CoveredName::Below("example.org".to_owned());
        let dns = CoveredName::Dns("example.org".to_owned());
        let ip = CoveredName::Ip("::1".parse().expect("it is one"));
        for (name, host, expected) in [
            (&below, "a.example.org", true),
            (&below, "A.EXAMPLE.org", true),
            (&below, "a.b.example.org", false),
            (&below, "example.org", false),
            (&below, ".example.org", false),
            (&below, "aexample.org", false),
            (&dns, "Example.Org", true),
            (&dns, "a.example.org", false),
            (&ip, "[::1]", true),
            (&ip, "[0:0:0:0:0:0:0:1]", true),
            (&ip, "127.0.0.1", false),
        ] {
            assert_eq!(name.covers(host.as_bytes()), expected, "{name} {host}");
        }
    }

    #[test]
    fn what_is_cut_short_is_no_certificate() {
        let made = super::super::self_made::self_made().expect("the system has random numbers");
        let der = made.certificate;
        let facts = CertificateFacts::read(&der).expect("it is a certificate");
        assert!(facts.is_self_signed());
        assert!(facts.names.contains(&CoveredName::Dns("localhost".to_owned())), "{facts:?}");
        for end in 0..der.len() {
            assert_eq!(CertificateFacts::read(&der[..end]), None);
        }
        for place in 0..der.len() {
            let mut other = der.clone();
            other[place] ^= 0x41;
            let _ = CertificateFacts::read(&other);
        }
    }
}
