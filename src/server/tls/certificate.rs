//! A certificate with its private key, read from PEM and checked.

use super::crypto;
use super::pem::{self, PemError};
use super::self_made::self_made;
use super::text::{CertificateFiles, CertificateText};
use super::x509::{CertificateFacts, CoveredName};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error as TlsError, InconsistentKeys};
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A certificate that the server shows to its clients, with those of its issuers and its private key.
///
/// ```no_run
/// use httpd::Certificate;
/// let certificate = Certificate::read("fullchain.pem", "privkey.pem")?;
/// println!("for {}", certificate.names().join(", "));
/// # Ok::<(), httpd::CertificateError>(())
/// ```
#[derive(Clone)]
pub struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) covered: Arc<CoveredNames>,
    facts: Arc<CertificateFacts>,
    is_alone: bool,
    /// Where it was read from, if it was read from files.
    files: Option<Arc<CertificateFiles>>,
}

/// The names that a certificate covers.
#[derive(Debug, Default)]
pub(crate) struct CoveredNames {
    names: Vec<CoveredName>,
    /// It names nothing, or was made for trying: no client can rely on it.
    covers_all: bool,
}

/// Why a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateError {
    is_about_key: bool,
    lacks_key: bool,
    message: String,
}

impl CertificateError {
    pub(super) fn of_chain(message: impl Into<String>) -> CertificateError {
        CertificateError { is_about_key: false, lacks_key: false, message: message.into() }
    }

    pub(super) fn of_key(message: impl Into<String>) -> CertificateError {
        CertificateError { is_about_key: true, lacks_key: false, message: message.into() }
    }

    /// Whether the private key is to blame, and not the certificate.
    pub fn is_about_key(&self) -> bool {
        self.is_about_key
    }

    /// The same, beginning with the file.
    pub(super) fn in_file(mut self, path: &Path) -> CertificateError {
        self.message = format!("{path:?} {}", self.message);
        self
    }

    /// Whether the file that should have the key has a certificate alone.
    pub(crate) fn lacks_key(&self) -> bool {
        self.lacks_key
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl Error for CertificateError {}

impl Certificate {
    /// Reads a certificate and its private key from files in PEM. Both may be the same file. A server that has it looks at
    /// the files while it serves, and uses what they have when they have changed; see [`Tls`](crate::Tls).
    ///
    /// # Errors
    /// As [`Certificate::from_pem`], and if a file cannot be read. The error names the file.
    pub fn read(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Certificate, CertificateError> {
        let (chain, key) = (chain.as_ref().to_owned(), key.as_ref().to_owned());
        CertificateText::read(CertificateFiles { chain, key })?.certificate()
    }

    /// Reads a certificate and its private key from PEM. The certificate of the server comes first, then that of its
    /// issuer, and so on; the last one, which clients have, may be missing. The key may be RSA, ECDSA (P-256, P-384,
    /// P-521) or Ed25519, in PKCS #8, PKCS #1 or SEC 1, and not encrypted.
    ///
    /// # Errors
    /// What is wrong and what to do, beginning with a verb: "has no certificate …".
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Certificate, CertificateError> {
        let chain = pem::certificates(chain).map_err(|error| {
            CertificateError::of_chain(match error {
                PemError::OtherKind("a private key") => {
                    "has a private key and no certificate; it belongs in certificate_key".to_owned()
                }
                error => error.in_place_of("a certificate"),
            })
        })?;
        let key = pem::private_key(key).map_err(|error| match error {
            PemError::OtherKind("a certificate") => CertificateError {
                lacks_key: true,
                ..CertificateError::of_key(
                    "has a certificate and no private key; it belongs in certificate",
                )
            },
            error => CertificateError::of_key(error.in_place_of("a private key")),
        })?;
        Certificate::new(chain, key)
    }

    /// Makes a certificate for `localhost` in memory, for trying things. No client trusts it.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn for_trying() -> Result<Certificate, CertificateError> {
        let made = self_made().map_err(CertificateError::of_key)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.key));
        let mut certificate = Certificate::new(vec![made.certificate.into()], key)?;
        let names = certificate.facts.names.clone();
        certificate.covered = Arc::new(CoveredNames { names, covers_all: true });
        Ok(certificate)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Certificate, CertificateError> {
        let provider = provider();
        let signing = provider.key_provider.load_private_key(key).map_err(|_| {
            CertificateError::of_key(
                "has a key that this server cannot use: it takes RSA of 2048 to 8192 bits, ECDSA (P-256, P-384, P-521) \
                 and Ed25519",
            )
        })?;
        let facts: Vec<CertificateFacts> = chain
            .iter()
            .enumerate()
            .map(|(place, der)| {
                CertificateFacts::read(der).ok_or_else(|| {
                    let message =
                        format!("has a certificate (number {}) that cannot be read", place + 1);
                    CertificateError::of_chain(message)
                })
            })
            .collect::<Result<_, _>>()?;
        check_pair(&chain, &signing)?;
        check_order(&facts)?;
        let is_alone = facts.len() == 1 && !facts[0].is_self_signed();
        if is_alone && facts[0].says_where_issuer_is {
            let issuer = issuer(&facts[0]);
            return Err(CertificateError::of_chain(format!(
                "lacks the certificate of its issuer, {issuer}: clients that do not have it refuse the connection; \
                 use the file with the whole chain (certbot: fullchain.pem), or append that certificate"
            )));
        }
        let Some(first) = facts.into_iter().next() else {
            return Err(CertificateError::of_chain("has no certificate"));
        };
        let covered =
            CoveredNames { names: first.names.clone(), covers_all: first.names.is_empty() };
        Ok(Certificate {
            key: Arc::new(CertifiedKey::new(chain, signing)),
            covered: Arc::new(covered),
            facts: Arc::new(first),
            is_alone,
            files: None,
        })
    }

    /// The same, read from these files.
    pub(super) fn of_files(mut self, files: CertificateFiles) -> Certificate {
        self.files = Some(Arc::new(files));
        self
    }

    /// Where it was read from, if it was read from files.
    pub(super) fn files(&self) -> Option<&CertificateFiles> {
        self.files.as_deref()
    }

    /// Whether it was made for trying.
    pub(super) fn is_for_trying(&self) -> bool {
        self.covered.covers_all && !self.facts.names.is_empty()
    }

    /// Its names, or the first of them and how many others there are.
    pub(super) fn names_in_short(&self) -> String {
        let mut names = self.names();
        let others = names.len().saturating_sub(NAMES_SHOWN);
        names.truncate(NAMES_SHOWN);
        let mut names = names.join(", ");
        if others > 0 {
            names += &format!(" and {others} more");
        }
        names
    }

    /// What the log calls it.
    pub(super) fn described(&self) -> String {
        let names = self.names_in_short();
        match &self.files {
            Some(files) => format!("certificate {:?} ({names})", files.chain),
            None => format!("certificate for {names}"),
        }
    }

    /// Whether it is the same certificate, with the same issuers.
    pub(super) fn is_same(&self, other: &Certificate) -> bool {
        self.key.cert == other.key.cert
    }

    /// Whether clients refuse it at this time.
    pub(super) fn is_out_of_date(&self, now: SystemTime) -> bool {
        now > self.facts.not_after || now < self.facts.not_before
    }

    /// The names that it covers: `example.org`, `*.example.org`, `192.0.2.1`.
    pub fn names(&self) -> Vec<String> {
        self.facts.names.iter().map(CoveredName::to_string).collect()
    }

    /// The certificate itself, in DER.
    #[cfg(test)]
    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        &self.key.cert[0]
    }

    /// Whether it covers this host.
    pub(crate) fn covers(&self, host: &str) -> bool {
        self.covered.covers(host.as_bytes())
    }

    /// When it expires.
    pub fn expires(&self) -> SystemTime {
        self.facts.not_after
    }

    /// What is worth a warning at this time: that it expires soon or has expired, or that clients may not accept it.
    pub fn warnings(&self, now: SystemTime) -> Vec<String> {
        let mut warnings = Vec::new();
        let left = self.facts.not_after.duration_since(now);
        match left {
            Err(past) => warnings.push(format!(
                "has expired {} ago: clients refuse it; renew it",
                in_days(past.duration())
            )),
            Ok(left) if left < EXPIRES_SOON => {
                warnings.push(format!("expires in {}: renew it", in_days(left)));
            }
            Ok(_) => {}
        }
        if let Ok(early) = self.facts.not_before.duration_since(now)
            && !early.is_zero()
        {
            warnings.push(format!("is not valid yet, for {}", in_days(early)));
        }
        if self.facts.names.is_empty() {
            warnings.push("names no host (subjectAltName): browsers refuse it".to_owned());
        }
        if self.is_alone {
            let issuer = issuer(&self.facts);
            warnings.push(format!(
                "comes without that of its issuer, {issuer}: unless clients have that one, append it"
            ));
        }
        warnings
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        formatter.debug_struct("Certificate").field("names", &self.names()).finish_non_exhaustive()
    }
}

impl CoveredNames {
    /// Whether one of them is that of a host, which may have a port. No host is a host of any name.
    pub(crate) fn covers(&self, host: &[u8]) -> bool {
        if self.covers_all || host.is_empty() {
            return true;
        }
        let name = match host.iter().rposition(|&byte| byte == b':') {
            // In brackets stands an IPv6 address.
            Some(colon) if !host[colon..].contains(&b']') => &host[..colon],
            _ => host,
        };
        let name = name.strip_suffix(b".").unwrap_or(name);
        self.names.iter().any(|covered| covered.covers(name))
    }
}

/// The provider of cryptography.
pub(super) fn provider() -> CryptoProvider {
    crypto::default_provider()
}

/// What is wrong with a certificate that rustls does not take.
fn unreadable(error: &TlsError) -> String {
    let rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) = error else {
        return format!("cannot be read: {error}");
    };
    // A certificate of version 1 has no extensions, and so no names that clients would look at.
    match other.to_string().contains("UnsupportedCertVersion") {
        true => "is of version 1, which has no names: make one with a subjectAltName (openssl x509 -req … -extfile)".to_owned(),
        false => format!("cannot be read: {error}"),
    }
}

/// Checks that the key is that of the first certificate.
fn check_pair(
    chain: &[CertificateDer<'static>],
    key: &Arc<dyn rustls::sign::SigningKey>,
) -> Result<(), CertificateError> {
    let matches = |place: usize| {
        let chain = chain[place..].to_vec();
        match CertifiedKey::new(chain, Arc::clone(key)).keys_match() {
            Err(TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Ok(false),
            Ok(()) | Err(TlsError::InconsistentKeys(_)) => Ok(true),
            Err(error) => Err(CertificateError::of_chain(unreadable(&error))),
        }
    };
    if chain.is_empty() || matches(0)? {
        return Ok(());
    }
    let place = (1..chain.len()).find(|&place| matches(place) == Ok(true));
    Err(match place {
        Some(place) => CertificateError::of_chain(format!(
            "has its certificates in the wrong order: the key is that of number {}, which must come first",
            place + 1
        )),
        None => CertificateError::of_key(
            "is not the private key of this certificate: one of them is of another pair",
        ),
    })
}

/// Checks that each certificate is followed by that of its issuer.
fn check_order(facts: &[CertificateFacts]) -> Result<(), CertificateError> {
    for (place, pair) in facts.windows(2).enumerate() {
        if pair[0].issuer == pair[1].subject {
            continue;
        }
        let issuer = issuer(&pair[0]);
        let is_elsewhere = facts.iter().any(|other| other.subject == pair[0].issuer);
        let message = match is_elsewhere && !pair[0].is_self_signed() {
            true => format!(
                "has its certificates in the wrong order: behind number {} must come that of its issuer, {issuer}",
                place + 1
            ),
            false => format!(
                "has a gap: number {} was issued by {issuer}, and number {} is not its certificate",
                place + 1,
                place + 2
            ),
        };
        return Err(CertificateError::of_chain(message));
    }
    Ok(())
}

fn issuer(facts: &CertificateFacts) -> String {
    facts.issuer_name.as_ref().map_or("which has no name".to_owned(), |name| format!("{name:?}"))
}

pub(super) fn in_days(time: Duration) -> String {
    match time.as_secs() / 86_400 {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// Certificates of 90 days are renewed when 30 are left.
const EXPIRES_SOON: Duration = Duration::from_secs(30 * 86_400);

/// A certificate may have a hundred names.
const NAMES_SHOWN: usize = 5;
