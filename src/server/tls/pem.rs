//! Certificates and keys in PEM (RFC 7468), and what is wrong with a file that has none.

use rustls::pki_types::pem::{Error, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a file has not what it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PemError {
    Empty,
    /// It has something else, which is named.
    OtherKind(&'static str),
    Encrypted,
    /// It looks like DER.
    Binary,
    NoPem,
    Damaged,
}

impl PemError {
    /// What to say of a file that should have `wanted`.
    pub(super) fn in_place_of(self, wanted: &str) -> String {
        match self {
            PemError::Empty => format!("is empty; it should have {wanted}"),
            PemError::OtherKind(kind) => format!("has {kind} and not {wanted}"),
            PemError::Encrypted => {
                "is encrypted, and this server asks for no passphrase; decrypt it: openssl pkey -in KEY -out NEW_KEY"
                    .to_owned()
            }
            PemError::Binary => format!(
                "is in DER; {wanted} must be in PEM: openssl {} -inform der -in FILE -out FILE.pem",
                if wanted.contains("key") { "pkey" } else { "x509" }
            ),
            PemError::NoPem => {
                format!("has no {} in PEM (-----BEGIN …)", wanted.trim_start_matches("a "))
            }
            PemError::Damaged => format!("is damaged: {wanted} in it cannot be read"),
        }
    }
}

/// All certificates of a file; one at least.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let mut found = Vec::new();
    let mut other = None;
    for section in sections(text)? {
        match section {
            (SectionKind::Certificate, der) => found.push(CertificateDer::from(der)),
            (kind, _) => other = other.or(Some(kind)),
        }
    }
    match other {
        _ if !found.is_empty() => Ok(found),
        Some(kind) => Err(PemError::OtherKind(name(kind))),
        None => Err(without_sections(text)),
    }
}

/// The first private key of a file.
pub(super) fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    if contains(text, b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || contains(text, b"Proc-Type: 4,ENCRYPTED")
    {
        return Err(PemError::Encrypted);
    }
    let mut other = None;
    for (kind, der) in sections(text)? {
        if let Some(key) = PrivateKeyDer::from_pem(kind, der) {
            return Ok(key);
        }
        other = other.or(Some(kind));
    }
    Err(other.map_or_else(|| without_sections(text), |kind| PemError::OtherKind(name(kind))))
}

fn sections(text: &[u8]) -> Result<Vec<(SectionKind, Vec<u8>)>, PemError> {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(text)
        .map(|section| section.map_err(|_: Error| PemError::Damaged))
        .collect()
}

fn without_sections(text: &[u8]) -> PemError {
    match text {
        [] => PemError::Empty,
        // A SEQUENCE whose length has two bytes.
        [0x30, 0x82, ..] => PemError::Binary,
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

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
