//! Which header lists are requests.

use super::*;
use crate::http::expectation::Expectation;
use crate::http::{Peer, Version};

const LIMITS: HeadLimits =
    HeadLimits { target_bytes_max: 100, head_bytes_max: 1000, header_count_max: 10 };

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "h:81"), (":path", "/a%20b?c")];

fn read(fields: &[(&str, &str)], ends_stream: bool) -> Result<StreamHead, HeadFault> {
    let mut head = StreamHead::default();
    let mut reader = HeadReader::new(&mut head, &LIMITS);
    for (name, value) in fields {
        reader.field(name.as_bytes(), value.as_bytes());
    }
    reader.finish(ends_stream).map(|()| head)
}

fn get_with(more: &[(&str, &str)]) -> Result<StreamHead, HeadFault> {
    read(&[&GET[..], more].concat(), true)
}

#[track_caller]
fn malformed(fields: &[(&str, &str)]) {
    let head = read(fields, true);
    assert!(matches!(head, Err(HeadFault::Malformed(_))), "{fields:?}: {head:?}");
}

#[track_caller]
fn rejected(fields: &[(&str, &str)], expected: Reject) {
    match read(fields, true) {
        Err(HeadFault::Rejected(Reject::Malformed(_))) => {
            assert!(matches!(expected, Reject::Malformed(_)), "{fields:?}");
        }
        other => assert_eq!(other.err(), Some(HeadFault::Rejected(expected)), "{fields:?}"),
    }
}

#[test]
fn a_head_is_the_same_view_as_in_http_1() {
    let head = get_with(&[("accept", "*/*"), ("x-a", ""), ("priority", "u=1, i")]).unwrap();
    let request = head.request(Peer::default()).unwrap();
    assert_eq!((request.method(), request.version()), (Method::Get, Version::Http2));
    assert_eq!((request.host(), request.path()), (&b"h:81"[..], &b"/a b"[..]));
    assert_eq!((request.raw_path, request.query()), (&b"/a%20b"[..], Some(&b"c"[..])));
    assert_eq!(request.target, b"/a%20b?c");
    assert_eq!(request.header("Accept"), Some(&b"*/*"[..]));
    assert_eq!(request.header("host"), Some(&b"h:81"[..]), "applications look there");
    assert_eq!(request.headers().count(), 4);
    assert_eq!(head.line(), b"GET /a%20b?c HTTP/2.0");
    assert_eq!(head.priority(), Priority { urgency: 1, incremental: true });
    assert_eq!(head.expectation(), Expectation::None);
}

#[test]
fn nothing_of_a_head_is_left_in_the_next() {
    let mut head = get_with(&[("x", "y"), ("cookie", "a=1"), ("expect", "100-continue")]).unwrap();
    let fields = [(":method", "HEAD"), (":scheme", "http"), (":path", "/"), ("host", "x")];
    let mut reader = HeadReader::new(&mut head, &LIMITS);
    for (name, value) in fields {
        reader.field(name.as_bytes(), value.as_bytes());
    }
    reader.finish(true).unwrap();
    let request = head.request(Peer::default()).unwrap();
    assert_eq!((request.method(), request.host()), (Method::Head, &b"x"[..]));
    assert_eq!(request.headers().collect::<Vec<_>>(), [(&b"host"[..], &b"x"[..])]);
    assert_eq!(head.expectation(), Expectation::None);
}

#[test]
fn cookies_are_joined() {
    let head =
        get_with(&[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2; c=3"), ("cookie", "d=4")]);
    let head = head.unwrap();
    let request = head.request(Peer::default()).unwrap();
    assert_eq!(request.header("cookie"), Some(&b"a=1; b=2; c=3; d=4"[..]));
    assert_eq!(request.headers().filter(|(name, _)| name == b"cookie").count(), 1);
    let head = get_with(&[("cookie", "a=1")]).unwrap();
    assert_eq!(head.request(Peer::default()).unwrap().header("cookie"), Some(&b"a=1"[..]));
}

#[test]
fn pseudo_headers_are_complete_first_and_once() {
    for missing in 0..GET.len() {
        let mut fields = GET.to_vec();
        let (name, _) = fields.remove(missing);
        match name {
            ":authority" => rejected(&fields, Reject::Malformed("")),
            _ => malformed(&fields),
        }
    }
    for again in GET {
        malformed(&[&GET[..], &[again]].concat());
    }
    malformed(&[GET[0], GET[1], ("accept", "*/*"), GET[2], GET[3]]);
    malformed(&[&GET[..], &[(":status", "200")]].concat());
    malformed(&[&GET[..], &[(":protocol", "websocket")]].concat());
    malformed(&[&GET[..], &[(":", "x")]].concat());
}

#[test]
fn pseudo_headers_have_the_values_that_a_uri_has() {
    let with = |name: &str, value: &'static str| {
        GET.map(|(it, old)| (it, if it == name { value } else { old }))
    };
    for bad in ["", "a", "*", "http://h/", "/a b", "/\u{e4}", "/\0", "/\r\n", "?x"] {
        malformed(&with(":path", bad));
    }
    for bad in ["", "G T", "GET\n", "G(T"] {
        malformed(&with(":method", bad));
    }
    for bad in ["", "u@h", "a/b", "127.1", "[::1"] {
        rejected(&with(":authority", bad), Reject::Malformed(""));
    }
    rejected(&with(":scheme", "ftp"), Reject::Malformed(""));
    rejected(&with(":method", "METHODOFMORETHANTWENTYFOUR"), Reject::MethodUnknown);
    let https = read(&with(":scheme", "HTTPS"), true).unwrap();
    assert_eq!(https.request(Peer::default()).err(), Some(Reject::Misdirected));
    let secure = Peer { scheme: Scheme::Https, ..Peer::default() };
    assert!(https.request(secure).is_ok());
    let broken = read(&with(":path", "/%zz"), true).unwrap();
    assert!(broken.request(Peer::default()).is_err());
    assert_eq!(broken.line(), b"GET /%zz HTTP/2.0");
    let options = [(":method", "OPTIONS"), (":path", "*"), GET[1], GET[2]];
    assert_eq!(read(&options, true).unwrap().request(Peer::default()).unwrap().path(), b"*");
}

#[test]
fn the_host_is_named_once() {
    assert!(get_with(&[("host", "H:81")]).is_ok());
    malformed(&[&GET[..], &[("host", "other")]].concat());
    malformed(&[&GET[..], &[("host", "h:81"), ("host", "h:81")]].concat());
    let fields = [GET[0], GET[1], GET[3], ("host", "x:1")];
    let head = read(&fields, true).unwrap();
    assert_eq!(head.request(Peer::default()).unwrap().host(), b"x:1");
    rejected(&[GET[0], GET[1], GET[3], ("host", "")], Reject::Malformed(""));
}

#[test]
fn connect_has_an_authority_alone() {
    let connect = [(":method", "CONNECT"), (":authority", "h:443")];
    let head = read(&connect, true).unwrap();
    let request = head.request(Peer::default()).unwrap();
    assert_eq!((request.method(), request.host()), (Method::Connect, &b"h:443"[..]));
    malformed(&connect[..1]);
    malformed(&[&connect[..], &[(":path", "/")]].concat());
    malformed(&[&connect[..], &[(":scheme", "http")]].concat());
}

#[test]
fn headers_that_could_smuggle_a_request_are_malformed() {
    for (name, value) in [
        ("Accept", "x"),
        ("", "x"),
        ("a b", "x"),
        ("a:b", "x"),
        ("\u{e4}", "x"),
        ("a\r\nb", "x"),
        ("x", "a\r\nb: c"),
        ("x", "a\0"),
        ("x", "a\rb"),
        ("x", "a\nb"),
        ("x", "\u{7f}"),
        ("x", " a"),
        ("x", "a\t"),
        ("connection", "close"),
        ("keep-alive", "5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        ("content-length", "1"),
        ("content-length", "+0"),
        ("content-length", ""),
        ("content-length", "0, 0"),
    ] {
        malformed(&[&GET[..], &[(name, value)]].concat());
        let mut trailers = TrailerReader::new(1000);
        trailers.field(name.as_bytes(), value.as_bytes());
        assert_eq!(trailers.finish().is_err(), name != "content-length", "{name}: {value}");
    }
    malformed(&[&GET[..], &[("content-length", "0"), ("content-length", "0")]].concat());
    for good in [("te", "Trailers"), ("x", "a\tb"), ("x", "\u{e4}"), ("content-length", "0")] {
        assert!(get_with(&[good]).is_ok(), "{good:?}");
    }
    let post = read(&[&GET[..], &[("content-length", "7")]].concat(), false).unwrap();
    assert_eq!(post.content_length(), Some(7));
}

#[test]
fn trailers_have_no_pseudo_headers() {
    let mut trailers = TrailerReader::new(1000);
    trailers.field(b"x-checksum", b"1");
    assert_eq!(trailers.finish(), Ok(()));
    let mut trailers = TrailerReader::new(1000);
    trailers.field(b":path", b"/");
    assert!(trailers.finish().is_err());
}

#[test]
fn trailers_are_no_longer_than_a_head() {
    let mut trailers = TrailerReader::new(100);
    trailers.field(b"name", b"0123456789");
    trailers.field(b"name", b"0123456789abcdefgh");
    assert_eq!(trailers.finish(), Ok(()));
    let mut trailers = TrailerReader::new(100);
    trailers.field(b"name", b"0123456789");
    trailers.field(b"name", b"0123456789abcdefghi");
    let fault = trailers.finish().expect_err("they are a byte longer");
    assert_eq!(fault.code, ErrorCode::EnhanceYourCalm);
}

#[test]
fn every_bound_holds_and_leaves_a_line_for_the_log() {
    let long = "v".repeat(1000);
    rejected(&[&GET[..], &[("x", &long)]].concat(), Reject::HeadersTooLarge);
    rejected(&[&GET[..], &[("x", ""); 11]].concat(), Reject::HeadersTooLarge);
    let path = format!("/{}", "p".repeat(100));
    rejected(&[GET[0], GET[1], GET[2], (":path", &path)], Reject::TargetTooLong);
    rejected(&[&GET[..], &[("expect", "x")]].concat(), Reject::ExpectationUnknown);
    // RFC 9113 §6.5.2: a name, a value and 32 bytes.
    let sum: usize = GET.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
    let rest = "v".repeat(1000 - sum - 33);
    assert!(get_with(&[("x", &rest)]).is_ok());
    rejected(&[&GET[..], &[("xy", &rest)]].concat(), Reject::HeadersTooLarge);
    let mut head = StreamHead::default();
    let mut reader = HeadReader::new(&mut head, &LIMITS);
    for (name, value) in [&GET[..], &[("x", &long), ("Bad Name", "")]].concat() {
        reader.field(name.as_bytes(), value.as_bytes());
    }
    assert!(reader.finish(true).is_err());
    assert_eq!(head.line(), b"GET /a%20b?c HTTP/2.0");
}
