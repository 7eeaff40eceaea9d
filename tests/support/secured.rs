//! Certificates that the tests issue, and a client that speaks TLS.

use super::wait::PATIENCE;
use super::{Client, Folder};
use httpd::{Address, Certificate};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_ED25519, date_time_ymd,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};
use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// Who issues certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
pub struct Issued {
    pub chain: String,
    pub key: String,
}

/// The kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ecdsa,
    /// The one of [`EC_SEC1`].
    KnownEcdsa,
    Ed25519,
    Rsa,
}

impl Kind {
    fn pair(self) -> KeyPair {
        match self {
            Kind::Ecdsa => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Kind::Ed25519 => KeyPair::generate_for(&PKCS_ED25519),
            Kind::KnownEcdsa => KeyPair::from_pem(include_str!("../tls/ec.pkcs8.pem")),
            Kind::Rsa => KeyPair::from_pem(RSA_PKCS8),
        }
        .expect("a key")
    }
}

impl Authority {
    pub fn new() -> Authority {
        let params = Authority::params("the authority of the tests");
        Authority { issuer: CertifiedIssuer::self_signed(params, pair()).expect("it is sound") }
    }

    /// One whose certificate this one has issued.
    pub fn intermediate(&self) -> Authority {
        let params = Authority::params("an intermediate authority");
        let issuer = CertifiedIssuer::signed_by(params, pair(), &self.issuer);
        Authority { issuer: issuer.expect("it is sound") }
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).expect("it is sound");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    /// A certificate for these names, with an ECDSA key.
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, Kind::Ecdsa, |_| {})
    }

    pub fn issue_with(
        &self,
        names: &[&str],
        kind: Kind,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("they are names");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2049, 1, 1);
        params.distinguished_name.push(DnType::CommonName, "a server of the tests");
        change(&mut params);
        let pair = kind.pair();
        let certificate = params.signed_by(&pair, &self.issuer).expect("it is sound");
        Issued { chain: certificate.pem(), key: pair.serialize_pem() }
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// How a client that trusts it speaks TLS.
    pub fn client(&self) -> ClientConfig {
        self.client_with(rustls::DEFAULT_VERSIONS)
    }

    pub fn client_with(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .expect("they are known")
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }

    /// A client with other cryptography.
    pub fn client_of(&self, change: impl FnOnce(&mut CryptoProvider)) -> ClientConfig {
        let mut provider = aws_lc_rs::default_provider();
        change(&mut provider);
        ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .expect("they are known")
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }

    /// A client that can verify nothing but this.
    pub fn client_that_verifies(&self, scheme: SignatureScheme) -> ClientConfig {
        let mut provider = aws_lc_rs::default_provider();
        let all = provider.signature_verification_algorithms;
        // The authority's own signature is ECDSA.
        let kept = all.mapping.iter().copied().filter(|(it, _)| *it == scheme).collect::<Vec<_>>();
        provider.signature_verification_algorithms.mapping = kept.leak();
        ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .expect("they are known")
            .with_root_certificates(self.roots())
            .with_no_client_auth()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("it is a certificate");
        roots
    }
}

fn pair() -> KeyPair {
    Kind::Ecdsa.pair()
}

impl Issued {
    /// As the server takes it.
    pub fn certificate(&self) -> Certificate {
        Certificate::from_pem(self.chain.as_bytes(), self.key.as_bytes()).expect("it is sound")
    }

    /// The certificate itself.
    pub fn certificate_der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.chain.as_bytes()).expect("it is sound")
    }

    /// Writes both into a folder.
    pub fn write(&self, folder: &Folder, chain: &str, key: &str) {
        folder.write(chain, &self.chain);
        folder.write(key, &self.key);
    }
}

/// A stream on a connection with TLS.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// Connects, without the handshake.
pub fn begin(address: &Address, config: &Arc<ClientConfig>, name: &str) -> TlsStream {
    let Address::Tcp(address) = address else { panic!("TLS is for TCP") };
    let stream = TcpStream::connect_timeout(address, PATIENCE).expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("it is not zero");
    let name = ServerName::try_from(name.to_owned()).expect("it is a name");
    let connection = ClientConnection::new(Arc::clone(config), name).expect("it is sound");
    StreamOwned::new(connection, stream)
}

/// Connects and shakes hands.
pub fn try_secured(
    address: &Address,
    config: &Arc<ClientConfig>,
    name: &str,
) -> io::Result<TlsStream> {
    let mut stream = begin(address, config, name);
    stream.flush()?;
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

impl Client {
    /// Connects with TLS.
    #[track_caller]
    pub fn secured(address: &Address, config: &Arc<ClientConfig>, name: &str) -> Client {
        let stream = try_secured(address, config, name);
        Client::over_tls(stream.unwrap_or_else(|error| panic!("the handshake: {error}")))
    }
}

/// An RSA key takes seconds to make.
pub const RSA_PKCS8: &str = include_str!("../tls/rsa.pkcs8.pem");
/// The same in another form.
pub const RSA_PKCS1: &str = include_str!("../tls/rsa.pkcs1.pem");
/// A key on P-256 as `openssl ecparam -genkey` writes it.
pub const EC_SEC1: &str = include_str!("../tls/ec.sec1.pem");
