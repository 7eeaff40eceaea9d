//! Idle connections: memory of the server for each, once it has answered a request.
//!
//! The client speaks just enough: HTTP/1 over TLS, and HTTP/2 with TLS and without, with the headers of a browser.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

/// What an idle connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Https,
    H2,
    H2c,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Https, Kind::H2, Kind::H2c];

    /// As tables show it.
    pub fn title(self) -> &'static str {
        match self {
            Kind::Https => "idle HTTPS connection",
            Kind::H2 => "idle HTTP/2 connection",
            Kind::H2c => "the same without TLS",
        }
    }
}

/// A connection that was used once.
pub enum Idle {
    Clear { _stream: TcpStream },
    Tls { _stream: Box<StreamOwned<ClientConnection, TcpStream>> },
}

/// Opens connections.
pub struct Opener {
    config: [Arc<ClientConfig>; 2],
}

impl Opener {
    pub fn new() -> Result<Opener, String> {
        let config = |protocols: &[&[u8]]| -> Result<Arc<ClientConfig>, rustls::Error> {
            let builder =
                ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                    .with_protocol_versions(&[&rustls::version::TLS13])?;
            let mut config = builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Trusting))
                .with_no_client_auth();
            config.resumption = rustls::client::Resumption::disabled();
            config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
            Ok(Arc::new(config))
        };
        let both = config(&[b"http/1.1"]).and_then(|first| Ok([first, config(&[b"h2"])?]));
        Ok(Opener { config: both.map_err(|error| error.to_string())? })
    }

    /// Opens a connection to the port for its kind, and asks for the small file.
    pub fn open(&self, kind: Kind, port: u16) -> io::Result<Idle> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        if kind == Kind::H2c {
            ask_http2(&mut stream, "http")?;
            return Ok(Idle::Clear { _stream: stream });
        }
        let config = &self.config[usize::from(kind == Kind::H2)];
        let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
        let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        let mut stream = Box::new(StreamOwned::new(session, stream));
        match kind {
            Kind::H2 => ask_http2(&mut *stream, "https")?,
            _ => ask_http1(&mut *stream)?,
        }
        Ok(Idle::Tls { _stream: stream })
    }
}

/// Waits until the server has nothing left to do for connections that are there or gone.
pub fn settle() {
    thread::sleep(Duration::from_millis(500));
}

fn ask_http1(stream: &mut impl ReadWrite) -> io::Result<()> {
    let mut request = b"GET /small.html HTTP/1.1\r\nHost: 127.0.0.1\r\n".to_vec();
    for (name, value) in BROWSER {
        request.extend([name.as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    stream.write_all(&request)?;
    let (mut received, mut part) = (Vec::new(), [0; 4096]);
    while !received.ends_with(b".\n") {
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        received.extend_from_slice(&part[..count]);
    }
    Ok(())
}

fn ask_http2(stream: &mut impl ReadWrite, scheme: &str) -> io::Result<()> {
    let mut block = Vec::new();
    let fields = [
        (":method", "GET"),
        (":scheme", scheme),
        (":authority", "127.0.0.1"),
        (":path", "/small.html"),
    ];
    for (name, value) in fields.iter().chain(&BROWSER) {
        // A literal that the server keeps in its table, as browsers send them.
        block.extend([0x40, name.len() as u8]);
        block.extend(name.to_ascii_lowercase().bytes());
        block.push(value.len() as u8);
        block.extend(value.bytes());
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([&frame(0, 4, 0, 0)[..], &frame(0, 4, 1, 0)].concat());
    bytes.extend([&frame(block.len(), 1, 5, 1)[..], &block].concat());
    stream.write_all(&bytes)?;
    let (mut received, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        received.extend_from_slice(&part[..count]);
        while let Some([l0, l1, l2, kind, flags, ..]) = received.first_chunk::<9>() {
            let length = 9 + u32::from_be_bytes([0, *l0, *l1, *l2]) as usize;
            let is_end = matches!(kind, 0 | 1) && flags & 1 == 1;
            if received.len() < length {
                break;
            }
            if is_end {
                return Ok(());
            }
            received.drain(..length);
        }
    }
}

fn frame(length: usize, kind: u8, flags: u8, stream: u32) -> Vec<u8> {
    let [_, l0, l1, l2] = (length as u32).to_be_bytes();
    [&[l0, l1, l2, kind, flags][..], &stream.to_be_bytes()].concat()
}

trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

/// Trusts the certificate that was made for this.
#[derive(Debug)]
struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// What Firefox sends.
const BROWSER: [(&str, &str); 4] = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
];

const TIMEOUT: Duration = Duration::from_secs(10);
