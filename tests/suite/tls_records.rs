//! What clients send that no client of today would: old versions, odd hellos, broken records. Each gets the right alert,
//! and nobody else notices.

use crate::support::secured::{Authority, TlsStream, try_secured};
use crate::support::{Client, Fixture, TestServer};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use httpd::{Address, Tls};
use rustls::{CipherSuite, ClientConfig, ConnectionTrafficSecrets};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the server makes of a first flight.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reaction {
    /// A fatal alert with this description (RFC 8446 §6).
    Alert(u8),
    Hello {
        version: u16,
        suite: u16,
        random_end: [u8; 8],
    },
    Closed,
}

const UNEXPECTED_MESSAGE: u8 = 10;
const RECORD_OVERFLOW: u8 = 22;
const HANDSHAKE_FAILURE: u8 = 40;
const ILLEGAL_PARAMETER: u8 = 47;
const DECODE_ERROR: u8 = 50;
const PROTOCOL_VERSION: u8 = 70;
const UNRECOGNIZED_NAME: u8 = 112;
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// A ClientHello, as it is changed by each test.
#[derive(Clone)]
struct Hello {
    version: u16,
    suites: Vec<u16>,
    compression: Vec<u8>,
    extensions: Vec<(u16, Vec<u8>)>,
}

const SERVER_NAME: u16 = 0;
const GROUPS: u16 = 10;
const SIGNATURES: u16 = 13;
const ALPN: u16 = 16;
const VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

impl Hello {
    /// Of TLS 1.2 or of an older version.
    fn before_13(version: u16) -> Hello {
        Hello {
            version,
            suites: vec![0xc02b, 0xc02f, 0xc00a, 0x0035],
            compression: vec![0],
            extensions: vec![
                (SERVER_NAME, server_name(b"test")),
                (GROUPS, list(&[0, 0x1d, 0, 0x17])),
                (SIGNATURES, list(&[4, 3, 8, 4, 4, 1])),
            ],
        }
    }

    fn of_13() -> Hello {
        let mut hello = Hello::before_13(0x0303);
        hello.suites = vec![0x1301];
        hello.extensions.push((VERSIONS, vec![2, 3, 4]));
        // Some point of X25519.
        let share = [&[0, 0x1d, 0, 32][..], &[9; 32]].concat();
        hello.extensions.push((KEY_SHARE, list(&share)));
        hello
    }

    fn with(mut self, kind: u16, content: Vec<u8>) -> Hello {
        self.extensions.retain(|(it, _)| *it != kind);
        self.extensions.push((kind, content));
        self
    }

    fn without(mut self, kind: u16) -> Hello {
        self.extensions.retain(|(it, _)| *it != kind);
        self
    }

    fn message(&self) -> Vec<u8> {
        let mut body = self.version.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.push(0);
        body.extend(list(&self.suites.iter().flat_map(|it| it.to_be_bytes()).collect::<Vec<_>>()));
        body.push(self.compression.len() as u8);
        body.extend(&self.compression);
        let extensions = self
            .extensions
            .iter()
            .flat_map(|(kind, content)| [&kind.to_be_bytes()[..], &list(content)].concat());
        let extensions: Vec<u8> = extensions.collect();
        if !extensions.is_empty() {
            body.extend(list(&extensions));
        }
        [&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat()
    }

    fn record(&self) -> Vec<u8> {
        record(22, &self.message())
    }
}

/// With its length in two bytes before it.
fn list(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

fn server_name(name: &[u8]) -> Vec<u8> {
    list(&[&[0][..], &list(name)].concat())
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1][..], &list(content)].concat()
}

fn serve() -> (TestServer, Arc<ClientConfig>) {
    let authority = Authority::new();
    let tls = Tls::new(authority.issue(&["test"]).certificate());
    let server = Fixture::new().file("a.txt", "it").tls(tls).serve();
    // One suite, so that records can be made by hand.
    let mut client = authority.client_of(|provider| {
        provider.cipher_suites.retain(|it| it.suite() == CipherSuite::TLS13_AES_256_GCM_SHA384);
    });
    client.enable_secret_extraction = true;
    (server, Arc::new(client))
}

fn connect(server: &TestServer) -> TcpStream {
    let Address::Tcp(address) = server.address() else { panic!("it is TCP") };
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("it is not zero");
    stream
}

/// What the server makes of these bytes.
#[track_caller]
fn reaction(server: &TestServer, bytes: &[u8]) -> Reaction {
    let mut stream = connect(server);
    // It may close before it has read everything.
    let _ = stream.write_all(bytes);
    first_record(&mut stream)
}

#[track_caller]
fn first_record(stream: &mut TcpStream) -> Reaction {
    let mut head = [0; 5];
    if stream.read_exact(&mut head).is_err() {
        return Reaction::Closed;
    }
    let mut content = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut content).expect("the record is whole");
    match head[0] {
        21 => {
            assert_eq!((content.len(), content[0]), (2, 2), "it is fatal");
            Reaction::Alert(content[1])
        }
        22 => {
            assert_eq!(content[0], 2, "a ServerHello");
            let body = &content[4..];
            let after_session = 35 + usize::from(body[34]);
            let suite = u16::from_be_bytes([body[after_session], body[after_session + 1]]);
            let is_13 = body[after_session + 3..].windows(6).any(|it| it == [0, 43, 0, 2, 3, 4]);
            Reaction::Hello {
                version: if is_13 { 0x0304 } else { u16::from_be_bytes([body[0], body[1]]) },
                suite,
                random_end: body[26..34].try_into().expect("eight bytes"),
            }
        }
        kind => panic!("a record of type {kind}"),
    }
}

/// A client that was connected before is still served, and a new one is.
#[track_caller]
fn serves(server: &TestServer, client: &Arc<ClientConfig>) {
    let mut fresh = Client::secured(server.address(), client, "test");
    fresh.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n").reply().expect(200).body("it");
}

#[test]
fn versions_before_1_2_are_refused_by_their_alert() {
    let (server, client) = serve();
    for version in [0x0300, 0x0301, 0x0302] {
        let hello = Hello::before_13(version);
        assert_eq!(
            reaction(&server, &hello.record()),
            Reaction::Alert(PROTOCOL_VERSION),
            "{version:x}"
        );
        let bare = Hello { extensions: Vec::new(), ..hello };
        let said = reaction(&server, &bare.record());
        assert_eq!(said, Reaction::Alert(PROTOCOL_VERSION), "{version:x} without extensions");
    }
    // The hello of SSL 2.
    let old = [&[0x80, 0x2e, 1, 0, 2, 0, 21, 0, 0, 0, 16][..], &[7; 37]].concat();
    let said = reaction(&server, &old);
    assert!(!matches!(said, Reaction::Hello { .. }), "{said:?}");
    // Only versions that nobody knows, and TLS 1.1, as TLS 1.3 writes them.
    for versions in [&[2, 3, 2][..], &[2, 0x7f, 0x1c], &[4, 0x0a, 0x0a, 3, 1]] {
        let hello = Hello::of_13().with(VERSIONS, versions.to_vec());
        assert_eq!(reaction(&server, &hello.record()), Reaction::Alert(PROTOCOL_VERSION));
    }
    serves(&server, &client);
}

#[test]
fn a_downgrade_to_1_2_can_be_seen_in_the_answer() {
    let (server, _) = serve();
    for mut hello in [Hello::before_13(0x0303), Hello::before_13(0x0304)] {
        // TLS_FALLBACK_SCSV (RFC 7507) changes nothing: clients of TLS 1.3 look at the end of the random (RFC 8446 §4.1.3).
        for suites in [vec![0xc02b], vec![0xc02b, 0x5600]] {
            hello.suites = suites;
            let Reaction::Hello { version, suite, random_end } = reaction(&server, &hello.record())
            else {
                panic!("TLS 1.2 is spoken");
            };
            assert_eq!((version, suite), (0x0303, 0xc02b));
            assert_eq!(&random_end, b"DOWNGRD\x01");
        }
    }
    let said = reaction(&server, &Hello::of_13().record());
    assert!(matches!(said, Reaction::Hello { version: 0x0304, suite: 0x1301, .. }), "{said:?}");
}

#[test]
fn without_a_safe_suite_curve_or_signature_in_common_the_handshake_fails() {
    let (server, client) = serve();
    let of_12 = || Hello::before_13(0x0303);
    let failing = [
        // RSA key exchange, CBC, RC4, 3DES, NULL, export, anonymous, DHE.
        Hello {
            suites: vec![0x009c, 0x0035, 0x0005, 0x000a, 0x0002, 0x0003, 0x0034, 0x009e],
            ..of_12()
        },
        Hello { suites: vec![0xc00a, 0xc014, 0xc013], ..of_12() },
        // secp192r1 alone; a certificate that it cannot verify.
        of_12().with(GROUPS, list(&[0, 0x13])),
        of_12().with(SIGNATURES, list(&[2, 1, 1, 1])),
        Hello::of_13().with(GROUPS, list(&[0, 0x13])),
        Hello { suites: vec![0x1304], ..Hello::of_13() },
    ];
    for (number, hello) in failing.iter().enumerate() {
        let said = reaction(&server, &hello.record());
        assert_eq!(said, Reaction::Alert(HANDSHAKE_FAILURE), "number {number}");
    }
    serves(&server, &client);
}

#[test]
fn compression_is_never_agreed_on() {
    let (server, _) = serve();
    let both = Hello { compression: vec![1, 0], ..Hello::before_13(0x0303) };
    let said = reaction(&server, &both.record());
    assert!(matches!(said, Reaction::Hello { version: 0x0303, .. }), "{said:?}");
    for hello in [Hello::before_13(0x0303), Hello::of_13()] {
        let alone = Hello { compression: vec![1], ..hello };
        let said = reaction(&server, &alone.record());
        assert!(matches!(said, Reaction::Alert(ILLEGAL_PARAMETER | HANDSHAKE_FAILURE)), "{said:?}");
    }
}

#[test]
fn protocols_without_one_in_common_are_refused_by_their_alert() {
    let (server, _) = serve();
    for names in [&b"\x04imap"[..], b"\x02h3\x06spdy/3", b"\x06http/2"] {
        // TLS 1.3 says it after its hello.
        let said = reaction(&server, &Hello::before_13(0x0303).with(ALPN, list(names)).record());
        assert_eq!(said, Reaction::Alert(NO_APPLICATION_PROTOCOL));
    }
    for names in [&b"\x02h2\x08http/1.1"[..], b"\x08http/1.1"] {
        let said = reaction(&server, &Hello::of_13().with(ALPN, list(names)).record());
        assert!(matches!(said, Reaction::Hello { .. }), "{said:?}");
    }
    for broken in [&b""[..], b"\0\0", b"\0\x01\x00", b"\0\x03\x05h2", b"\0\x09\x02h2"] {
        let said = reaction(&server, &Hello::of_13().with(ALPN, broken.to_vec()).record());
        assert!(matches!(said, Reaction::Alert(_)), "{broken:?}: {said:?}");
    }
}

#[test]
fn a_name_that_no_host_has_is_refused_by_its_alert() {
    let authority = Authority::new();
    let certificate = authority.issue(&["test"]).certificate();
    let tls = Tls::new(certificate.clone()).host("test".parse().expect("a name"), certificate);
    let server = Fixture::new().file("a.txt", "it").tls(tls.refuse_unknown_hosts()).serve();
    for hello in [Hello::before_13(0x0303), Hello::of_13()] {
        let said = reaction(&server, &hello.record());
        assert!(matches!(said, Reaction::Hello { .. }), "{said:?}");
        let other = hello.with(SERVER_NAME, server_name(b"other.test"));
        assert_eq!(reaction(&server, &other.record()), Reaction::Alert(UNRECOGNIZED_NAME));
    }
    serves(&server, &Arc::new(authority.client()));
}

#[test]
fn names_of_odd_forms_are_taken_or_refused_and_harm_nobody() {
    let (server, client) = serve();
    let long = [b'a'; 300];
    for name in [
        &b"test."[..],
        b"TEST",
        b"",
        b".",
        b"..",
        b"192.0.2.1",
        b"[::1]",
        b"::1",
        b"*.test",
        b"te st",
        b"te\0st",
        b"te/../st",
        b"\xff\xfe",
        "töst".as_bytes(),
        b"xn--tst-jma",
        b"-test-",
        b"test:443",
        &long[..],
    ] {
        for hello in [Hello::before_13(0x0303), Hello::of_13()] {
            let said = reaction(&server, &hello.with(SERVER_NAME, server_name(name)).record());
            assert_ne!(said, Reaction::Closed, "{name:?}");
        }
    }
    // Two names, another type of name, an empty list, a length that is a lie, twice the extension.
    let two = list(&[&[0, 0, 1, b'a'][..], &[0, 0, 1, b'b']].concat());
    for content in [two, list(&[7, 0, 1, b'a']), list(&[]), vec![0, 9, 0, 0, 1, b'a'], Vec::new()] {
        let said = reaction(&server, &Hello::of_13().with(SERVER_NAME, content).record());
        assert_ne!(said, Reaction::Closed);
    }
    let mut twice = Hello::of_13();
    twice.extensions.push((SERVER_NAME, server_name(b"test")));
    assert!(matches!(reaction(&server, &twice.record()), Reaction::Alert(_)));
    let none = reaction(&server, &Hello::of_13().without(SERVER_NAME).record());
    assert!(matches!(none, Reaction::Hello { .. }), "{none:?}");
    serves(&server, &client);
}

#[test]
fn records_that_break_the_rules_end_the_handshake() {
    let (server, client) = serve();
    let hello = Hello::before_13(0x0303);
    let ccs = record(20, &[1]);
    for (name, bytes, alerts) in [
        (
            "longer than any record",
            [&[22, 3, 1, 0xff, 0xff][..], &[0; 70_000]].concat(),
            &[RECORD_OVERFLOW, DECODE_ERROR][..],
        ),
        ("an empty one of the handshake", record(22, &[]), &[DECODE_ERROR, UNEXPECTED_MESSAGE]),
        ("application data first", record(23, b"GET / HTTP/1.1"), &[UNEXPECTED_MESSAGE]),
        ("a heartbeat first", record(24, &[1, 0x40, 0]), &[UNEXPECTED_MESSAGE, DECODE_ERROR]),
        ("an unknown type", record(99, b"x"), &[UNEXPECTED_MESSAGE, DECODE_ERROR]),
        ("a change of ciphers first", ccs.clone(), &[UNEXPECTED_MESSAGE]),
        (
            "a server's hello",
            record(22, &[2, 0, 0, 4, 3, 3, 0, 0]),
            &[UNEXPECTED_MESSAGE, DECODE_ERROR],
        ),
        ("a hello of nothing", record(22, &[1, 0, 0, 0]), &[DECODE_ERROR]),
        (
            "two hellos",
            record(22, &[hello.message(), hello.message()].concat()),
            &[UNEXPECTED_MESSAGE, HANDSHAKE_FAILURE],
        ),
    ] {
        let said = reaction(&server, &bytes);
        let is_expected = matches!(&said, Reaction::Alert(alert) if alerts.contains(alert));
        // What is not read when the server closes may destroy the alert.
        assert!(
            is_expected || name.starts_with("longer") && said == Reaction::Closed,
            "{name}: {said:?}"
        );
    }
    serves(&server, &client);
}

#[test]
fn a_change_of_ciphers_before_the_keys_is_refused() {
    // CVE-2014-0224.
    let (server, client) = serve();
    let mut stream = connect(&server);
    stream.write_all(&Hello::before_13(0x0303).record()).expect("it reads");
    assert!(matches!(first_record(&mut stream), Reaction::Hello { version: 0x0303, .. }));
    stream.write_all(&record(20, &[1])).expect("it reads");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    let alert = rest.windows(7).find(|it| it[..5] == [21, 3, 3, 0, 2]);
    assert_eq!(alert.map(|it| (it[5], it[6])), Some((2, UNEXPECTED_MESSAGE)), "{rest:?}");
    serves(&server, &client);
}

#[test]
fn a_hello_in_many_records_is_read_and_one_of_any_size_is_bounded() {
    let (server, client) = serve();
    let message = Hello::of_13().message();
    for size in [1, 2, 3, 50] {
        let bytes: Vec<u8> = message.chunks(size).flat_map(|piece| record(22, piece)).collect();
        let said = reaction(&server, &bytes);
        assert!(matches!(said, Reaction::Hello { .. }), "in pieces of {size}: {said:?}");
    }
    // A message that claims to be of 16 MB, and goes on.
    let mut stream = connect(&server);
    let _ = stream.write_all(&record(22, &[1, 0xff, 0xff, 0xff]));
    let sent =
        (0..5000).take_while(|_| stream.write_all(&record(22, &[0; 16_000])).is_ok()).count();
    assert!(sent < 1000, "{sent} records were taken");
    serves(&server, &client);
}

/// A client that makes its own records, once it has shaken hands.
struct Forger {
    stream: TcpStream,
    key: LessSafeKey,
    iv: [u8; 12],
    number: u64,
}

impl Forger {
    fn new(server: &TestServer, client: &Arc<ClientConfig>) -> Forger {
        let mut stream = try_secured(server.address(), client, "test").expect("it agrees");
        stream.flush().expect("it reads");
        Forger::of(stream)
    }

    fn of(stream: TlsStream) -> Forger {
        let TlsStream { conn, sock } = stream;
        let secrets = conn.dangerous_extract_secrets().expect("it is allowed");
        let (number, ConnectionTrafficSecrets::Aes256Gcm { key, iv }) = secrets.tx else {
            panic!("it is the only suite");
        };
        let unbound = UnboundKey::new(&AES_256_GCM, key.as_ref()).expect("it is long enough");
        let iv = iv.as_ref().try_into().expect("twelve bytes");
        Forger { stream: sock, key: LessSafeKey::new(unbound), iv, number }
    }

    /// A record with this in it, and its type (RFC 8446 §5.2).
    fn record(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut sealed = [content, &[kind]].concat();
        let length = (sealed.len() + 16) as u16;
        let head = [&[23, 3, 3][..], &length.to_be_bytes()].concat();
        let mut nonce = self.iv;
        let number = self.number.to_be_bytes();
        nonce[4..].iter_mut().zip(number).for_each(|(byte, other)| *byte ^= other);
        self.number += 1;
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(nonce, Aad::from(&head), &mut sealed).expect("it fits");
        [head, sealed].concat()
    }

    fn send(&mut self, kind: u8, content: &[u8]) -> std::io::Result<()> {
        let record = self.record(kind, content);
        self.stream.write_all(&record)
    }

    /// Whether the server ends the connection.
    fn is_ended(&mut self) -> bool {
        self.stream.set_read_timeout(Some(Duration::from_secs(10))).expect("it is not zero");
        let mut buffer = [0; 10_000];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }
}

#[test]
fn empty_records_between_others_are_read_and_a_flood_of_them_is_ended() {
    let (server, client) = serve();
    let mut forger = Forger::new(&server, &client);
    for piece in b"GET /a.txt HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".chunks(3) {
        forger.send(23, b"").expect("it reads");
        forger.send(23, piece).expect("it reads");
    }
    let mut said = Vec::new();
    forger.stream.read_to_end(&mut said).expect("it answers and closes");
    assert!(said.len() > 100, "a response came");
    let mut kept = Client::secured(server.address(), &client, "test");
    let mut forger = Forger::new(&server, &client);
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < Duration::from_secs(20) && forger.send(23, b"").is_ok() {
        count += 1;
        if count % 500 == 0 {
            kept.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n").reply().expect(200).body("it");
        }
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{count} empty records were taken");
    serves(&server, &client);
}

#[test]
fn records_of_types_that_have_no_place_end_the_connection() {
    let (server, client) = serve();
    for (name, kind, content) in [
        ("a heartbeat", 24, &[1, 0x40, 0][..]),
        ("an unknown type", 99, b"x"),
        ("a change of ciphers that is encrypted", 20, &[1]),
        ("an empty alert", 21, b""),
        ("a hello, as for a renegotiation", 22, &[1, 0, 0, 2, 3, 3]),
        ("a certificate that nobody asked for", 22, &[11, 0, 0, 4, 0, 0, 0, 0]),
        ("half a message of the handshake between data", 22, &[24, 0]),
    ] {
        let mut forger = Forger::new(&server, &client);
        forger.send(kind, content).expect("it reads");
        let _ = forger.send(23, b"GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
        assert!(forger.is_ended(), "{name}");
    }
    // A record whose tag is wrong.
    let mut forger = Forger::new(&server, &client);
    let mut record = forger.record(23, b"GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    *record.last_mut().expect("it has a tag") ^= 1;
    forger.stream.write_all(&record).expect("it reads");
    assert!(forger.is_ended());
    // In clear, after the handshake.
    let mut forger = Forger::new(&server, &client);
    forger.stream.write_all(b"GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n").expect("it reads");
    assert!(forger.is_ended());
    serves(&server, &client);
}

#[test]
fn a_flood_of_key_updates_is_ended() {
    let (server, client) = serve();
    let mut forger = Forger::new(&server, &client);
    // Under the first keys only the first of them can be read; several in one record are a flood of their own.
    let many = [24, 0, 0, 1, 1].repeat(3000);
    let _ = forger.send(22, &many);
    assert!(forger.is_ended());
    serves(&server, &client);
}

#[test]
fn requests_in_records_of_one_byte_are_served() {
    let (server, client) = serve();
    let mut forger = Forger::new(&server, &client);
    let request = b"GET /a.txt HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    let records: Vec<u8> = request.iter().flat_map(|byte| forger.record(23, &[*byte])).collect();
    forger.stream.write_all(&records).expect("it reads");
    let mut said = Vec::new();
    forger.stream.read_to_end(&mut said).expect("it answers and closes");
    assert!(said.len() > 100, "a response came");
    // The padding of a record is thrown away (RFC 8446 §5.4).
    let mut forger = Forger::new(&server, &client);
    let padded = [&request[..], &[23], &[0; 5000]].concat();
    let record = forger.record(0, &padded[..padded.len() - 1]);
    forger.stream.write_all(&record).expect("it reads");
    let mut said = Vec::new();
    forger.stream.read_to_end(&mut said).expect("it answers and closes");
    assert!(said.len() > 100, "a response came");
}
