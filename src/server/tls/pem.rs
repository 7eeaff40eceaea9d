//! Certificates and keys in PEM (RFC 7468), and what is wrong with a file that has none. Pure.

use rustls::pki_types::pem::{self, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a file has not what it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PemError {
    Empty,
    /// It has something else, which is named.
    OtherKind(&'static str),
    /// A key that needs a passphrase, in this line.
    Encrypted(usize),
    /// It looks like DER.
    Binary,
    /// It looks like a file with both, as Windows and Java have them.
    Pkcs12,
    /// It has two bytes for each character.
    Utf16,
    NoPem,
    /// What begins in this line cannot be read.
    Damaged(usize),
    /// What begins in this line does not end.
    Endless(usize),
}

impl PemError {
    /// What to say of a file that should have `wanted`.
    pub(super) fn in_place_of(self, wanted: &str) -> String {
        match self {
            PemError::Empty => format!("is empty; it should have {wanted}"),
            PemError::OtherKind(kind) => format!("has {kind} and not {wanted}"),
            PemError::Encrypted(line) => format!(
                "is encrypted (line {line}), and this server asks for no passphrase; decrypt it: openssl pkey -in KEY -out \
                 NEW_KEY"
            ),
            PemError::Binary => format!(
                "is in DER; {wanted} must be in PEM: openssl {} -inform der -in FILE -out FILE.pem",
                if wanted.contains("key") { "pkey" } else { "x509" }
            ),
            PemError::Pkcs12 => format!(
                "is in PKCS #12; {wanted} must be in PEM: openssl pkcs12 -in FILE -noenc {} -out FILE.pem",
                if wanted.contains("key") { "-nocerts" } else { "-nokeys" }
            ),
            PemError::Utf16 => {
                "is in UTF-16, as some editors write it; save it as plain text (ASCII or UTF-8)"
                    .to_owned()
            }
            PemError::NoPem => {
                format!("has no {} in PEM (-----BEGIN …)", wanted.trim_start_matches("a "))
            }
            PemError::Damaged(line) => {
                format!(
                    "is damaged: {wanted} in it (from line {line} on) cannot be read; copy it again"
                )
            }
            PemError::Endless(line) => {
                format!("is cut short: what begins in line {line} has no -----END …; copy it again")
            }
        }
    }
}

/// All certificates of a file; one at least.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let text = plain(text)?;
    let mut found = Vec::new();
    let mut other = None;
    for section in sections(text) {
        match section {
            Ok((SectionKind::Certificate, der)) => found.push(CertificateDer::from(der)),
            Ok((kind, _)) => other = other.or(Some(name(kind))),
            Err(error) => return Err(error),
        }
    }
    match other.or_else(|| unknown_kind(text)) {
        _ if !found.is_empty() => Ok(found),
        Some(kind) => Err(PemError::OtherKind(kind)),
        None => Err(without_sections(text)),
    }
}

/// The first private key of a file.
pub(super) fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    let text = plain(text)?;
    for encrypted in [&b"-----BEGIN ENCRYPTED PRIVATE KEY-----"[..], b"Proc-Type: 4,ENCRYPTED"] {
        if let Some(at) = find(text, encrypted) {
            return Err(PemError::Encrypted(line_of(text, at)));
        }
    }
    let mut other = None;
    for section in sections(text) {
        let (kind, der) = section?;
        if let Some(key) = PrivateKeyDer::from_pem(kind, der) {
            return Ok(key);
        }
        other = other.or(Some(name(kind)));
    }
    match other.or_else(|| unknown_kind(text)) {
        Some(kind) => Err(PemError::OtherKind(kind)),
        None => Err(without_sections(text)),
    }
}

/// The text without the mark that some editors put at its front.
fn plain(text: &[u8]) -> Result<&[u8], PemError> {
    match text {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(PemError::Utf16),
        _ => Ok(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)),
    }
}

/// The sections of a text, or what is wrong with one.
fn sections(
    text: &[u8],
) -> impl Iterator<Item = Result<(SectionKind, Vec<u8>), PemError>> + use<'_> {
    let mut begins = 0;
    <(SectionKind, Vec<u8>)>::pem_slice_iter(text).map(move |section| {
        // Each section that was read begins with the next of these.
        let place = nth_begin(text, begins);
        begins += 1;
        section.map_err(|error| match error {
            pem::Error::MissingSectionEnd { .. } => PemError::Endless(last_begin(text)),
            _ => PemError::Damaged(place.map_or(1, |at| line_of(text, at))),
        })
    })
}

/// Where the `n`th section begins that the reader knows.
fn nth_begin(text: &[u8], n: usize) -> Option<usize> {
    begins(text).filter(|at| is_known(&text[*at..])).nth(n)
}

fn last_begin(text: &[u8]) -> usize {
    begins(text).last().map_or(1, |at| line_of(text, at))
}

/// Where lines begin that begin a section.
fn begins(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + find(&text[from..], BEGIN)?;
        from = at + BEGIN.len();
        Some(at)
    })
    .filter(|at| *at == 0 || text[at - 1] == b'\n' || text[at - 1] == b'\r')
}

fn is_known(section: &[u8]) -> bool {
    let label = section.strip_prefix(BEGIN).unwrap_or_default();
    let end = find(label, b"-----").unwrap_or(0);
    SectionKind::try_from(&label[..end]).is_ok()
}

/// What the first section is that the reader does not know.
fn unknown_kind(text: &[u8]) -> Option<&'static str> {
    let label = &text[begins(text).next()? + BEGIN.len()..];
    let known = [
        (
            &b"TRUSTED CERTIFICATE"[..],
            "a certificate in a form of OpenSSL's own (openssl x509 -in FILE -out FILE.pem makes a plain one)",
        ),
        (
            b"X509 CERTIFICATE",
            "a certificate in an old form (openssl x509 -in FILE -out FILE.pem makes a plain one)",
        ),
        (
            b"PKCS7",
            "certificates in PKCS #7 (openssl pkcs7 -print_certs -in FILE -out FILE.pem makes plain ones)",
        ),
        (b"OPENSSH PRIVATE KEY", "a key of SSH"),
        (b"ENCRYPTED PRIVATE KEY", "an encrypted private key"),
        (b"EC PARAMETERS", "the name of a curve alone"),
        (b"DH PARAMETERS", "parameters of Diffie-Hellman, which this server does not need"),
        (b"DSA PRIVATE KEY", "a DSA key, which no client accepts"),
    ];
    let known = known.iter().find(|(start, _)| label.starts_with(start));
    known.map(|(_, name)| *name)
}

fn without_sections(text: &[u8]) -> PemError {
    match text {
        [] => PemError::Empty,
        _ if text.iter().all(u8::is_ascii_whitespace) => PemError::Empty,
        // A SEQUENCE that begins with the version of PKCS #12.
        [0x30, 0x82, _, _, 2, 1, 3, ..] => PemError::Pkcs12,
        // A SEQUENCE as long as the file.
        [0x30, length, ..] if *length < 0x80 && text.len() == usize::from(*length) + 2 => {
            PemError::Binary
        }
        [0x30, 0x81..=0x83, ..] => PemError::Binary,
        _ => PemError::NoPem,
    }
}

fn name(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::Certificate => "a certificate",
        SectionKind::PublicKey => "a public key",
        SectionKind::RsaPrivateKey | SectionKind::PrivateKey | SectionKind::EcPrivateKey => {
            "a private key"
        }
        SectionKind::Csr => "a certificate request (which an authority has still to sign)",
        SectionKind::Crl => "a revocation list",
        _ => "something else",
    }
}

/// The line of a byte, counted from 1.
fn line_of(text: &[u8], at: usize) -> usize {
    text[..at].iter().filter(|&&byte| byte == b'\n').count() + 1
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

const BEGIN: &[u8] = b"-----BEGIN ";

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAMBAf8=\n-----END CERTIFICATE-----\n";

    #[test]
    fn a_file_is_read_however_its_lines_end_and_whatever_stands_around_them() {
        for (text, count) in [
            (CERTIFICATE.to_owned(), 1),
            (CERTIFICATE.replace('\n', "\r\n"), 1),
            (format!("\u{feff}{CERTIFICATE}{CERTIFICATE}"), 2),
            (format!("subject: it\n{CERTIFICATE}issuer: other\n{CERTIFICATE}and more\n"), 2),
            (CERTIFICATE.trim_end().to_owned(), 1),
            (
                format!(
                    "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{CERTIFICATE}"
                ),
                1,
            ),
        ] {
            let found = certificates(text.as_bytes()).unwrap_or_else(|it| panic!("{text}: {it:?}"));
            assert_eq!(found.len(), count, "{text}");
            assert_eq!(found[0].as_ref(), b"\x30\x03\x01\x01\xff", "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let damaged = CERTIFICATE.replace("MAMBAf8=", "MAM*Af8=");
        let cut = "-----BEGIN CERTIFICATE-----\nMAMB";
        for (text, error) in [
            (String::new(), PemError::Empty),
            (" \n\n".to_owned(), PemError::Empty),
            ("hello\n".to_owned(), PemError::NoPem),
            (damaged.clone(), PemError::Damaged(1)),
            (format!("{CERTIFICATE}{damaged}"), PemError::Damaged(4)),
            (format!("x\ny\n{CERTIFICATE}{cut}"), PemError::Endless(6)),
            (
                CERTIFICATE.replace("CERTIFICATE", "OPENSSH PRIVATE KEY"),
                PemError::OtherKind("a key of SSH"),
            ),
            (CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY"), PemError::OtherKind("a public key")),
        ] {
            assert_eq!(certificates(text.as_bytes()), Err(error), "{text}");
        }
        let encrypted = CERTIFICATE.replace("CERTIFICATE", "ENCRYPTED PRIVATE KEY");
        let text = format!("{CERTIFICATE}{encrypted}");
        assert_eq!(private_key(text.as_bytes()).unwrap_err(), PemError::Encrypted(4));
        for (bytes, error) in [
            (&b"\xff\xfe-\0-\0"[..], PemError::Utf16),
            (b"\x30\x82\x01\x00\x30", PemError::Binary),
            (b"\x30\x81\x87\x02\x01", PemError::Binary),
            (b"\x30\x02\x05\x00", PemError::Binary),
            (b"\x30\x82\x09\xd1\x02\x01\x03\x30", PemError::Pkcs12),
            (b"0 of them\n", PemError::NoPem),
        ] {
            assert_eq!(private_key(bytes).unwrap_err(), error);
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let text = format!("{CERTIFICATE}{CERTIFICATE}");
        for place in 0..text.len() {
            let _ = certificates(&text.as_bytes()[..place]);
            for byte in [0, b'-', b'\n', 0xff] {
                let mut other = text.clone().into_bytes();
                other[place] = byte;
                let _ = certificates(&other);
                let _ = private_key(&other);
            }
        }
    }
}
