//! What a request knows of the TLS connection that it came by.

use std::fmt;

/// A version of TLS that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl TlsVersion {
    /// `TLSv1.2` or `TLSv1.3`, as OpenSSL and nginx write it.
    pub fn as_str(self) -> &'static str {
        match self {
            TlsVersion::Tls12 => "TLSv1.2",
            TlsVersion::Tls13 => "TLSv1.3",
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The TLS connection that a request came by; see [`Request::tls`](crate::Request::tls).
///
/// ```
/// use httpd::{Request, Site, TlsFacts, TlsVersion};
/// let site = Site::new().get("/", |request| match request.tls() {
///     Some(tls) => format!("{} for {}", tls.version(), tls.server_name().unwrap_or("any name")),
///     None => "no TLS".to_owned(),
/// });
/// let tls = TlsFacts::new(TlsVersion::Tls13, "TLS_AES_256_GCM_SHA384").with_server_name("example.org");
/// let response = site.handle(Request::get("/").tls(tls));
/// assert_eq!(response.into_text()?, "TLSv1.3 for example.org");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    version: TlsVersion,
    cipher_suite: &'static str,
    server_name: Option<Box<str>>,
    is_resumed: bool,
}

impl TlsFacts {
    /// A new session with this version and cipher suite, and without a server name: for tests, because the server makes
    /// those of its connections itself.
    pub fn new(version: TlsVersion, cipher_suite: &'static str) -> TlsFacts {
        TlsFacts { version, cipher_suite, server_name: None, is_resumed: false }
    }

    /// The same with this server name.
    pub fn with_server_name(mut self, name: &str) -> TlsFacts {
        self.server_name = Some(name.into());
        self
    }

    /// The same for a session that was resumed, or not.
    pub fn resumed(mut self, is_resumed: bool) -> TlsFacts {
        self.is_resumed = is_resumed;
        self
    }

    /// The version that both ends speak.
    pub fn version(&self) -> TlsVersion {
        self.version
    }

    /// The cipher suite by its name at IANA, such as `TLS_AES_256_GCM_SHA384`.
    pub fn cipher_suite(&self) -> &'static str {
        self.cipher_suite
    }

    /// The name that the client asked for in the handshake (RFC 6066 §3), in its own case of letters. `None`: it named
    /// none, as clients do that connect to an IP address. A client may use one connection for other hosts that the
    /// certificate covers, so [`Request::host`](crate::Request::host) may differ.
    #[doc(alias = "sni")]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Whether the session goes on from an earlier connection of this client (RFC 8446 §2.2).
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }
}
