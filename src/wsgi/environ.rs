//! The environ of a request (PEP 3333, and RFC 3875, which its names are from).

use super::marshal;
use crate::http::h1::write::write_number;
use crate::http::target::{decode_keeping_slashes, split_keeping_slashes};
use crate::http::{RequestHead, Scheme, Version};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// Appends the marshalled environ. The adapter adds what only Python can make, and what is the same for all
/// requests.
///
/// `body_bytes` is the length of the body, which has been read whole, so that it is known for a chunked
/// request as well. Headers with an underscore in their names are left out, because they would pass for
/// others. So is `Proxy`, which would become the `HTTP_PROXY` that many libraries follow. `user` is the name of a user
/// whose password was right.
pub(crate) fn write(
    out: &mut Vec<u8>,
    request: &RequestHead<'_>,
    prefix_bytes: usize,
    body_bytes: u64,
    user: Option<&[u8]>,
) {
    marshal::dict(out);
    let mut put = |name: &str, value: &[u8]| {
        marshal::text_latin_1(out, name.as_bytes());
        marshal::text_latin_1(out, value);
    };
    let path = decode_keeping_slashes(request.raw_path);
    let (prefix, rest) = request.path().split_at_checked(prefix_bytes).unwrap_or_default();
    put("REQUEST_METHOD", request.method().as_str().as_bytes());
    put("SCRIPT_NAME", prefix);
    put("PATH_INFO", split_keeping_slashes(&path, prefix).unwrap_or(rest));
    put("QUERY_STRING", request.query().unwrap_or_default());
    put("REQUEST_URI", request.target);
    let mut text = Vec::with_capacity(TEXT_BYTES_USUAL);
    if request.host().is_empty() {
        write_listener(&mut text, request.peer.listener);
    }
    let usual_port: &[u8] = match request.scheme() {
        Scheme::Http => b"80",
        Scheme::Https => b"443",
    };
    let (name, port) = authority(if text.is_empty() { request.host() } else { &text }, usual_port);
    put("SERVER_NAME", name);
    put("SERVER_PORT", port);
    put(
        "SERVER_PROTOCOL",
        match request.version() {
            Version::Http10 => b"HTTP/1.0",
            Version::Http11 => b"HTTP/1.1",
            Version::Http2 => b"HTTP/2.0",
        },
    );
    put("wsgi.url_scheme", request.scheme().as_str().as_bytes());
    text.clear();
    match request.peer() {
        Some(peer) => {
            write_address(&mut text, peer);
            put("REMOTE_ADDR", &text);
            // A proxy may have named its client without the port.
            if peer.port() != 0 {
                text.clear();
                write_number(&mut text, peer.port().into());
                put("REMOTE_PORT", &text);
            }
        }
        None => put("REMOTE_ADDR", b""),
    }
    if let Some(user) = user {
        put("AUTH_TYPE", b"Basic");
        put("REMOTE_USER", user);
    }
    if body_bytes > 0 || request.header("Content-Length").is_some() {
        text.clear();
        write_number(&mut text, body_bytes);
        put("CONTENT_LENGTH", &text);
    }
    // RFC 9112 §3.2.2: an absolute target counts, not the header.
    if !request.host().is_empty() || request.header("Host").is_some() {
        put("HTTP_HOST", request.host());
    }
    headers(out, request);
    if let Some(id) = request.id() {
        variable(out, id.header.as_bytes());
        marshal::text_latin_1(out, id.value.as_bytes());
    }
    marshal::dict_end(out);
}

/// Writes an address, an IPv4 one without the formatting machinery.
fn write_address(out: &mut Vec<u8>, peer: SocketAddr) {
    match peer.ip() {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                write_number(out, octet.into());
            }
        }
        IpAddr::V6(address) => write!(out, "{address}").expect("a Vec takes what it is given"),
    }
}

fn headers(out: &mut Vec<u8>, request: &RequestHead<'_>) {
    for (number, (name, value)) in request.headers().enumerate() {
        // What a stranger calls its request is not its id.
        let is_id = request.id().is_some_and(|id| is(name, id.header.as_bytes()));
        if is_id || name.contains(&b'_') || LEFT_OUT.iter().any(|left_out| is(name, left_out)) {
            continue;
        }
        let mut others = request.headers().skip(number + 1).filter(|(other, _)| is(other, name));
        if request.headers().take(number).any(|(other, _)| is(other, name)) {
            // It was joined to the first of its name.
            continue;
        }
        variable(out, name);
        match others.next() {
            None => marshal::text_latin_1(out, value),
            Some((_, second)) => {
                // RFC 9110 §5.3; RFC 6265 §5.4 for cookies.
                let separator: &[u8] = if is(name, b"Cookie") { b"; " } else { b", " };
                let mut joined = [value, second].join(separator);
                for (_, value) in others {
                    joined.extend_from_slice(separator);
                    joined.extend_from_slice(value);
                }
                marshal::text_latin_1(out, &joined);
            }
        }
    }
}

/// `Content-Type` becomes `CONTENT_TYPE`, any other `HTTP_…`.
fn variable(out: &mut Vec<u8>, name: &[u8]) {
    let mut variable = Vec::with_capacity(5 + name.len());
    if !is(name, b"Content-Type") {
        variable.extend_from_slice(b"HTTP_");
    }
    variable.extend(name.iter().map(|byte| match byte {
        b'-' => b'_',
        other => other.to_ascii_uppercase(),
    }));
    marshal::text_latin_1(out, &variable);
}

/// Writes the name and port of the server for a client that names none.
fn write_listener(out: &mut Vec<u8>, listener: Option<SocketAddr>) {
    let written = match listener {
        Some(address) if address.ip().is_unspecified() => {
            write!(out, "localhost:{}", address.port())
        }
        Some(address) => write!(out, "{address}"),
        None => write!(out, "localhost"),
    };
    written.expect("a Vec takes what it is given");
}

/// Host and port, which is that of the scheme where there is none.
fn authority<'h>(host: &'h [u8], usual_port: &'h [u8]) -> (&'h [u8], &'h [u8]) {
    let colon = memchr::memrchr(b':', host);
    match colon.map(|colon| (&host[..colon], &host[colon + 1..])) {
        Some((name, b"")) => (name, usual_port),
        Some((name, port)) if port.iter().all(u8::is_ascii_digit) => (name, port),
        // There is no colon, or only those of an IPv6 address.
        _ => (host, usual_port),
    }
}

fn is(name: &[u8], other: &[u8]) -> bool {
    name.eq_ignore_ascii_case(other)
}

/// The length of the longest address.
const TEXT_BYTES_USUAL: usize = 45;

/// Headers that the environ has under other names, or must not have.
const LEFT_OUT: [&[u8]; 4] = [b"Content-Length", b"Host", b"Transfer-Encoding", b"Proxy"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeadLimits;
    use crate::http::h1::request_reader::RequestReader;
    use crate::http::{Peer, RequestId};
    use std::sync::Arc;

    /// The pairs of the marshalled dict whose values are strings.
    fn environ(head: &str, prefix_bytes: usize, body_bytes: u64) -> Vec<(String, String)> {
        environ_of(head, prefix_bytes, body_bytes, None)
    }

    /// The same of a request with an id.
    fn environ_of(
        head: &str,
        prefix_bytes: usize,
        body_bytes: u64,
        id: Option<RequestId>,
    ) -> Vec<(String, String)> {
        let limits =
            HeadLimits { target_bytes_max: 9000, head_bytes_max: 9000, header_count_max: 99 };
        let mut reader = RequestReader::new();
        reader.read_head(head.as_bytes(), &limits).expect("sound").expect("complete");
        let peer = "192.0.2.1:7".parse().expect("an address");
        let mut request = reader
            .request(head.as_bytes(), Peer { address: Some(peer), ..Peer::default() })
            .expect("sound");
        request.peer.listener = Some("127.0.0.1:8080".parse().expect("an address"));
        request.peer.request_id = id.map(Arc::new);
        let mut out = Vec::new();
        write(&mut out, &request, prefix_bytes, body_bytes, None);
        let mut rest = &out[1..];
        let mut pairs = Vec::new();
        while let Some(name) = string(&mut rest) {
            pairs.push((name, string(&mut rest).expect("a name has a value")));
        }
        assert_eq!(rest, b"0");
        pairs
    }

    fn string(rest: &mut &[u8]) -> Option<String> {
        let (start, length) = match rest[0] {
            b'z' => (2, usize::from(rest[1])),
            b'a' | b'u' => (5, u32::from_le_bytes(rest[1..5].try_into().expect("four")) as usize),
            _ => return None,
        };
        let text = String::from_utf8(rest[start..start + length].to_vec()).expect("it is UTF-8");
        *rest = &rest[start + length..];
        Some(text)
    }

    fn value<'a>(environ: &'a [(String, String)], name: &str) -> Option<&'a str> {
        environ.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn the_id_of_a_request_stands_in_place_of_what_its_client_has_sent() {
        let head = "GET / HTTP/1.1\r\nHost: x\r\nx-request-id: theirs\r\n\r\n";
        let id = RequestId { header: "X-Request-Id".into(), value: "ours".into() };
        let it = environ_of(head, 0, 0, Some(id));
        let ids = it.iter().filter(|(name, _)| name == "HTTP_X_REQUEST_ID");
        assert_eq!(ids.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["ours"]);
        assert_eq!(value(&environ(head, 0, 0), "HTTP_X_REQUEST_ID"), Some("theirs"));
    }

    #[test]
    fn the_environ_is_as_pep_3333_wants_it() {
        let it = environ(
            "POST /app/a%20b/%C3%A9?x=%20y HTTP/1.1\r\nHost: example.org:8080\r\n\
             Content-Type: text/plain\r\nX-One: 1\r\ncookie: a=1\r\nX-one: 2\r\nCookie: b=2\r\n\r\n",
            4,
            5,
        );
        for (name, expected) in [
            ("REQUEST_METHOD", "POST"),
            ("REQUEST_URI", "/app/a%20b/%C3%A9?x=%20y"),
            ("SCRIPT_NAME", "/app"),
            ("PATH_INFO", "/a b/\u{c3}\u{a9}"),
            ("QUERY_STRING", "x=%20y"),
            ("SERVER_NAME", "example.org"),
            ("SERVER_PORT", "8080"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("REMOTE_ADDR", "192.0.2.1"),
            ("CONTENT_TYPE", "text/plain"),
            ("CONTENT_LENGTH", "5"),
            ("HTTP_HOST", "example.org:8080"),
            ("HTTP_X_ONE", "1, 2"),
            ("HTTP_COOKIE", "a=1; b=2"),
            ("wsgi.url_scheme", "http"),
        ] {
            assert_eq!(value(&it, name), Some(expected), "{name}");
        }
        assert_eq!(it.iter().filter(|(name, _)| name == "HTTP_X_ONE").count(), 1);
    }

    /// RFC 9112 §3.2.2, RFC 3875 §4.1.14.
    #[test]
    fn the_server_is_called_as_the_client_calls_it_or_as_it_listens() {
        for (head, host, name, port) in [
            ("GET http://a/ HTTP/1.1\r\nHost: b:1\r\n", Some("a"), "a", "80"),
            ("GET http://a:81/ HTTP/1.1\r\nHost: b\r\n", Some("a:81"), "a", "81"),
            ("GET http://a/ HTTP/1.0\r\n", Some("a"), "a", "80"),
            ("GET / HTTP/1.1\r\nHost: localhost:\r\n", Some("localhost:"), "localhost", "80"),
            ("GET / HTTP/1.1\r\nHost: [::1]:\r\n", Some("[::1]:"), "[::1]", "80"),
            ("GET / HTTP/1.1\r\nHost: [::1]:8\r\n", Some("[::1]:8"), "[::1]", "8"),
            ("GET / HTTP/1.1\r\nHost:\r\n", Some(""), "127.0.0.1", "8080"),
            ("GET / HTTP/1.0\r\n", None, "127.0.0.1", "8080"),
        ] {
            let it = environ(&format!("{head}\r\n"), 0, 0);
            assert_eq!(value(&it, "HTTP_HOST"), host, "{head}");
            assert_eq!(value(&it, "SERVER_NAME"), Some(name), "{head}");
            assert_eq!(value(&it, "SERVER_PORT"), Some(port), "{head}");
        }
        let named = |listener: &str| {
            let mut out = Vec::new();
            write_listener(&mut out, listener.parse().ok());
            String::from_utf8(out).expect("it is text")
        };
        assert_eq!(named("[::1]:8080"), "[::1]:8080");
        assert_eq!(named("0.0.0.0:8080"), "localhost:8080");
        assert_eq!(named("of a Unix socket"), "localhost");
    }

    #[test]
    fn the_path_keeps_its_slashes_and_the_target_is_as_it_came() {
        for (target, prefix_bytes, script, path) in [
            ("/x/https://e/a", 0, "", "/x/https://e/a"),
            ("/%2F%2F?a=//", 0, "", "///"),
            ("//app//x", 4, "/app", "//x"),
            ("/app/a//../b/%2e/c", 4, "/app", "/b/c"),
            ("/x/../app//", 4, "/app", "//"),
            ("http://h//a", 0, "", "//a"),
            ("http://h", 0, "", "/"),
        ] {
            let it = environ(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"), prefix_bytes, 0);
            assert_eq!(value(&it, "SCRIPT_NAME"), Some(script), "{target}");
            assert_eq!(value(&it, "PATH_INFO"), Some(path), "{target}");
            assert_eq!(value(&it, "REQUEST_URI"), Some(target));
        }
    }

    #[test]
    fn addresses_are_written_as_usual() {
        for address in ["192.0.2.1:7", "0.0.0.0:1", "255.255.255.255:65535", "[2001:db8::1]:80"] {
            let mut out = Vec::new();
            let peer: SocketAddr = address.parse().expect("an address");
            write_address(&mut out, peer);
            assert_eq!(out, peer.ip().to_string().into_bytes());
        }
    }

    #[test]
    fn nothing_passes_for_a_header_that_was_not_sent() {
        let it = environ(
            "GET / HTTP/1.1\r\nHost: [::1]\r\nX_One: 1\r\nProxy: evil\r\nContent-Length: 0\r\n\r\n",
            0,
            0,
        );
        assert_eq!(value(&it, "HTTP_X_ONE"), None);
        assert_eq!(value(&it, "HTTP_PROXY"), None);
        assert_eq!(value(&it, "HTTP_CONTENT_LENGTH"), None);
        assert_eq!(value(&it, "CONTENT_LENGTH"), Some("0"));
        assert_eq!(value(&it, "SERVER_NAME"), Some("[::1]"));
        assert_eq!(value(&it, "SERVER_PORT"), Some("80"));
        assert_eq!(value(&it, "SCRIPT_NAME"), Some(""));
        assert_eq!(value(&it, "PATH_INFO"), Some("/"));
    }
}
