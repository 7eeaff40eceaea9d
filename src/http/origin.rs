//! Whether a browser sends a request on behalf of a page of another origin (RFC 6454, Fetch
//! Metadata).

use super::RequestHead;

/// Whether the request comes from a page of another origin. Every browser sends headers that show it where
/// a request might change something. Other programs send none, and act for nobody else.
///
/// `Sec-Fetch-Site` (W3C Fetch Metadata) is the browser's own judgement. It counts where a browser sends it:
/// over TLS, and to this machine. Elsewhere `Origin` is compared with the host of the request. Their schemes
/// are not compared, because behind a proxy the server does not know the client's.
pub(crate) fn is_other(request: &RequestHead<'_>) -> bool {
    if let Some(site) = request.header("Sec-Fetch-Site") {
        return !matches!(site, b"same-origin" | b"none");
    }
    request.header("Origin").is_some_and(|origin| {
        let (authority, port) = match origin {
            [b'h', b't', b't', b'p', b':', b'/', b'/', authority @ ..] => (authority, &b":80"[..]),
            [b'h', b't', b't', b'p', b's', b':', b'/', b'/', authority @ ..] => {
                (authority, &b":443"[..])
            }
            _ => return true,
        };
        let without_default = |authority| -> &[u8] { strip_port(authority, port) };
        !without_default(authority).eq_ignore_ascii_case(without_default(request.host()))
    })
}

/// An authority without this port, which is the default of its scheme, and without an empty port.
fn strip_port<'a>(authority: &'a [u8], default: &[u8]) -> &'a [u8] {
    authority.strip_suffix(default).or_else(|| authority.strip_suffix(b":")).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::HeadLimits;
    use crate::http::Peer;
    use crate::http::h1::request_reader::RequestReader;

    const LIMITS: HeadLimits =
        HeadLimits { target_bytes_max: 100, head_bytes_max: 1000, header_count_max: 20 };

    #[test]
    fn a_page_of_another_origin_is_distinguished_from_the_same_origin_and_from_a_program() {
        for (headers, expected) in [
            ("", false),
            ("Origin: http://a.example:81\r\n", false),
            ("Origin: https://A.example:81\r\n", false),
            ("Origin: http://a.example\r\n", true),
            ("Origin: http://b.example:81\r\n", true),
            ("Origin: null\r\n", true),
            ("Origin: http://b.example/a.example:81\r\n", true),
            ("Sec-Fetch-Site: same-origin\r\n", false),
            ("Sec-Fetch-Site: none\r\n", false),
            ("Sec-Fetch-Site: same-site\r\n", true),
            ("Sec-Fetch-Site: cross-site\r\nOrigin: http://a.example:81\r\n", true),
            ("Sec-Fetch-Site: same-origin\r\nOrigin: https://proxied.example\r\n", false),
        ] {
            let text = format!("POST / HTTP/1.1\r\nHost: a.example:81\r\n{headers}\r\n");
            let mut reader = RequestReader::new();
            reader.read_head(text.as_bytes(), &LIMITS).unwrap().expect("the head is complete");
            let request = reader.request(text.as_bytes(), Peer::default()).unwrap();
            assert_eq!(is_other(&request), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_default_port_makes_no_other_origin() {
        for (host, origin, expected) in [
            ("x:443", "https://x", false),
            ("x", "https://X", false),
            ("x:80", "http://x", false),
            ("x:", "http://x", false),
            ("x", "http://x:80", false),
            ("[::1]:443", "https://[::1]", false),
            ("x:80", "https://x", true),
            ("x:443", "http://x", true),
            ("x:8443", "https://x", true),
            ("x", "https://x:8443", true),
            ("y:443", "https://x", true),
            ("x", "ftp://x", true),
        ] {
            let text = format!("POST / HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\r\n");
            let mut reader = RequestReader::new();
            reader.read_head(text.as_bytes(), &LIMITS).unwrap().expect("the head is complete");
            let request = reader.request(text.as_bytes(), Peer::default()).unwrap();
            assert_eq!(is_other(&request), expected, "{host} {origin}");
        }
    }
}
