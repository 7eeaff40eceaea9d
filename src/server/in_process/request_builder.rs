//! A request that is made up, and its head as HTTP/1.1 has it.
//!
//! It must never know who answers it.

use crate::http::HeadLimits;
use crate::http::h1::request_reader::RequestReader;
use crate::http::{Peer, RequestHead, RequestId, Scheme, Status, TlsFacts};
use crate::site::{Request, TrustedProxies};
use percent_encoding::{NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use std::net::SocketAddr;
use std::sync::Arc;

/// A request that is made up, for [`Site::handle`](crate::Site::handle).
///
/// ```
/// use httpd::Request;
/// let request = Request::post("/notes").header("Content-Type", "text/plain").body("milk");
/// # let _ = request;
/// ```
#[derive(Clone, Debug)]
pub struct RequestBuilder {
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    peer: Option<SocketAddr>,
    listener: Option<SocketAddr>,
    scheme: Scheme,
    tls: Option<Arc<TlsFacts>>,
    id: Option<Box<str>>,
}

impl Request<'_> {
    /// A GET of this path, with a query if there is one, for [`Site::handle`](crate::Site::handle).
    pub fn get(target: &str) -> RequestBuilder {
        RequestBuilder::new("GET", target)
    }

    /// The same as HEAD.
    pub fn head(target: &str) -> RequestBuilder {
        RequestBuilder::new("HEAD", target)
    }

    /// The same as POST.
    pub fn post(target: &str) -> RequestBuilder {
        RequestBuilder::new("POST", target)
    }

    /// The same as PUT.
    pub fn put(target: &str) -> RequestBuilder {
        RequestBuilder::new("PUT", target)
    }

    /// The same as PATCH.
    pub fn patch(target: &str) -> RequestBuilder {
        RequestBuilder::new("PATCH", target)
    }

    /// The same as DELETE.
    pub fn delete(target: &str) -> RequestBuilder {
        RequestBuilder::new("DELETE", target)
    }
}

impl RequestBuilder {
    /// A request with any method.
    pub fn new(method: &str, target: &str) -> RequestBuilder {
        RequestBuilder {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            peer: None,
            listener: None,
            scheme: Scheme::Http,
            tls: None,
            id: None,
        }
    }

    /// The same with one header line more. `Host` is `localhost` unless it is given, and `Content-Length` fits the
    /// body.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> RequestBuilder {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The same with this body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> RequestBuilder {
        self.body = body.into();
        self
    }

    /// The same with a form as its body, as a browser encodes it.
    ///
    /// ```
    /// use httpd::{Request, RequestError, Site};
    /// let site = Site::new().post("/", |request| -> Result<String, RequestError> {
    ///     Ok(request.form()?.required("name")?.to_owned())
    /// });
    /// let response = site.handle(Request::post("/").form(&[("name", "Zoë & Co.")]));
    /// assert_eq!(response.into_text()?, "Zoë & Co.");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn form(self, fields: &[(&str, &str)]) -> RequestBuilder {
        let pairs: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        self.header("Content-Type", "application/x-www-form-urlencoded").body(pairs.join("&"))
    }

    /// The same with a value in JSON as its body. With the feature `json`.
    ///
    /// # Panics
    /// When the value has no JSON.
    #[cfg(feature = "json")]
    #[track_caller]
    pub fn json<T: serde_core::Serialize + ?Sized>(self, value: &T) -> RequestBuilder {
        let json = serde_json::to_vec(value);
        let json = json.unwrap_or_else(|error| panic!("a request body has no JSON: {error}"));
        self.header("Content-Type", "application/json").body(json)
    }

    /// The same from a client with this address. Without it the client is one at a Unix socket.
    pub fn peer(mut self, address: SocketAddr) -> RequestBuilder {
        self.peer = Some(address);
        self
    }

    /// The id of the request, as the server would have taken or made it.
    pub fn id(mut self, id: &str) -> RequestBuilder {
        self.id = Some(id.into());
        self
    }

    /// The same over TLS. Its scheme is `https`.
    pub fn tls(mut self, facts: TlsFacts) -> RequestBuilder {
        self.tls = Some(Arc::new(facts));
        self.scheme(Scheme::Https)
    }

    /// Reads it as a server reads it, or finds the status of its refusal.
    pub(crate) fn with_head<T>(
        &self,
        look_at: impl FnOnce(Result<&RequestHead<'_>, Status>) -> T,
    ) -> T {
        self.with_head_behind(&TrustedProxies::default(), look_at)
    }

    /// The same behind these proxies, if its client is one of them.
    pub(crate) fn with_head_behind<T>(
        &self,
        proxies: &TrustedProxies,
        look_at: impl FnOnce(Result<&RequestHead<'_>, Status>) -> T,
    ) -> T {
        let bytes = self.head();
        let mut reader = RequestReader::new();
        let limits = HeadLimits {
            target_bytes_max: bytes.len(),
            head_bytes_max: bytes.len(),
            header_count_max: self.headers.len() + 2,
        };
        let tls = self.tls.clone();
        let of_id = |value: &str| RequestId { header: ID_HEADER.into(), value: value.into() };
        let request_id = self.id.as_deref().map(of_id).map(Arc::new);
        let (address, scheme, listener) = (self.peer, self.scheme, self.listener);
        let peer = Peer { address, scheme, tls, request_id, listener, is_relayed: false };
        let head = match reader.read_head(&bytes, &limits) {
            Ok(Some(_)) => reader.request(&bytes, peer).map_err(|reject| reject.status()),
            Ok(None) => Err(Status::BAD_REQUEST),
            Err(reject) => Err(reject.status()),
        };
        match head {
            Ok(mut head) => {
                if !proxies.are_none() && proxies.contain(self.peer) {
                    proxies.resolve(&mut head);
                }
                look_at(Ok(&head))
            }
            Err(status) => look_at(Err(status)),
        }
    }

    /// The same to a server that listens here.
    #[cfg(feature = "cli")]
    pub(crate) fn listener(mut self, address: SocketAddr) -> RequestBuilder {
        self.listener = Some(address);
        self
    }

    /// The same over TLS or not.
    pub(crate) fn scheme(mut self, scheme: Scheme) -> RequestBuilder {
        self.scheme = scheme;
        self
    }

    /// The head as HTTP/1.1 has it.
    fn head(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let has = |name| self.headers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
        if !has("Host") {
            head.extend_from_slice(b"Host: localhost\r\n");
        }
        if !self.body.is_empty() && !has("Content-Length") && !has("Transfer-Encoding") {
            head.extend_from_slice(format!("Content-Length: {}\r\n", self.body.len()).as_bytes());
        }
        for (name, value) in &self.headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// A name or a value of a form.
fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}

/// The usual one.
const ID_HEADER: &str = "X-Request-Id";
