//! HTTPS: what works without TLS works with it, and what TLS adds.

use crate::support::client::End;
use crate::support::secured::{Authority, EC_SEC1, Kind, RSA_PKCS1, begin, try_secured};
use crate::support::{Client, Fixture, TestServer, noise, until};
use httpd::{Certificate, HostName, Request, Response, Server, Site, Tls};
use rustls::{ClientConfig, HandshakeKind, SignatureScheme, version};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// A server with a certificate for `test`, and a client that trusts it.
fn serve(fixture: Fixture) -> (TestServer, Arc<ClientConfig>) {
    let authority = Authority::new();
    let tls = Tls::new(authority.issue(&["test"]).certificate());
    (fixture.tls(tls).serve(), Arc::new(authority.client()))
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

fn connect(server: &TestServer, client: &Arc<ClientConfig>) -> Client {
    Client::secured(server.address(), client, "test")
}

fn name(text: &str) -> HostName {
    text.parse().expect("it is a name")
}

/// What the server says in the end of a handshake that it refuses.
#[track_caller]
fn refusal(server: &TestServer, client: &Arc<ClientConfig>, name: &str) -> String {
    match try_secured(server.address(), client, name) {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn requests_on_one_connection_are_answered_one_after_another() {
    let fixture = Fixture::new().file("a.txt", "it").handler("/scheme", |request: &Request<'_>| {
        Response::text(request.scheme().as_str().to_owned())
    });
    let (server, client) = serve(fixture);
    let mut client = connect(&server, &client);
    for _ in 0..3 {
        client.send(get("/a.txt")).reply().expect(200).body("it");
        client.send(get("/scheme")).reply().expect(200).body("https");
        client.send("HEAD /a.txt HTTP/1.1\r\nHost: test\r\n\r\n").reply_to("HEAD").expect(200);
    }
    client.send(get("/a.txt").repeat(300));
    for _ in 0..300 {
        client.reply().expect(200).body("it");
    }
    client.finish().ends();
}

/// What a handler sees of the connection.
fn facts(request: &Request<'_>) -> String {
    match request.tls() {
        Some(tls) => {
            let kind = if tls.is_resumed() { "resumed" } else { "new" };
            let name = tls.server_name().unwrap_or("nobody");
            format!("{} {} {name} {kind}", tls.version(), tls.cipher_suite())
        }
        None => "no TLS".to_owned(),
    }
}

#[test]
fn handlers_see_version_suite_and_name_of_the_connection_on_workers_and_on_threads() {
    let authority = Authority::new();
    let server = Fixture::new()
        .handler("/worker", facts)
        .handler("/thread", httpd::blocking(facts))
        .tls(Tls::new(authority.issue(&["test", "127.0.0.1"]).certificate()))
        .serve();
    for (version, suite) in [
        (&version::TLS12, "TLSv1.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        (&version::TLS13, "TLSv1.3 TLS_AES_256_GCM_SHA384"),
    ] {
        let config = Arc::new(authority.client_with(&[version]));
        for kind in ["new", "resumed"] {
            let mut client = connect(&server, &config);
            for target in ["/worker", "/thread"] {
                let expected = format!("{suite} test {kind}");
                client.send(get(target)).reply().expect(200).body(expected);
            }
            client.finish().ends();
        }
        // A client that connects to an address names no server.
        let mut client = Client::secured(server.address(), &config, "127.0.0.1");
        let request = "GET /worker HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        client.send(request).reply().expect(200).body(format!("{suite} nobody new"));
    }
    let metrics = server.handle().metrics();
    for version in ["1.2", "1.3"] {
        for (resumed, expected) in [("false", 2.0), ("true", 1.0)] {
            let labels = [("version", version), ("resumed", resumed)];
            assert_eq!(
                metrics.value("httpd_tls_handshakes", &labels),
                Some(expected),
                "{labels:?}"
            );
        }
    }
}

#[test]
fn files_of_all_sizes_arrive_whole_in_both_versions() {
    let sizes = [
        0, 1, 1349, 1350, 1351, 4095, 13_500, 13_501, 16_384, 16_385, 65_536, 65_537, 200_000,
        3_000_000,
    ];
    let fixture = sizes
        .iter()
        .fold(Fixture::new(), |fixture, size| fixture.file(format!("{size}.bin"), noise(*size)));
    let authority = Authority::new();
    let server = fixture.tls(Tls::new(authority.issue(&["test"]).certificate())).serve();
    for version in [&version::TLS12, &version::TLS13] {
        let config = Arc::new(authority.client_with(&[version]));
        let mut client = connect(&server, &config);
        assert_eq!(client.tls().protocol_version(), Some(version.version));
        for _ in 0..2 {
            for size in sizes {
                client.send(get(&format!("/{size}.bin"))).reply().expect(200).body(noise(size));
            }
        }
        let range =
            "GET /3000000.bin HTTP/1.1\r\nHost: test\r\nRange: bytes=1000000-1999999,5-9\r\n\r\n";
        let reply = client.send(range).reply();
        assert!(reply.parts()[0].content == noise(2_000_000)[1_000_000..], "another piece came");
        client.finish().ends();
    }
}

#[test]
fn a_client_that_reads_slowly_gets_every_byte() {
    let (server, client) = serve(Fixture::new().file("large.bin", noise(20_000_000)));
    let mut slow = connect(&server, &client);
    slow.send(get("/large.bin"));
    let mut read = slow.reply_head("GET").expect(200).body.clone();
    while read.len() < 20_000_000 {
        let more = slow.read(300_000).expect("it goes on");
        read.extend_from_slice(&more);
        if read.len() < 3_000_000 {
            // Others are served meanwhile.
            connect(&server, &client).send(get("/large.bin")).reply_head("GET").expect(200);
        }
    }
    assert!(read == noise(20_000_000));
    slow.send(get("/none")).reply().expect(404);
}

#[test]
fn a_file_that_is_not_in_memory_is_read_by_a_thread() {
    let (server, client) = serve(Fixture::new().file("large.bin", noise(5_000_000)));
    for _ in 0..3 {
        server.chill("large.bin");
        let mut client = connect(&server, &client);
        client.send(get("/large.bin")).reply().expect(200).body(noise(5_000_000));
    }
}

#[test]
fn bodies_of_requests_are_read() {
    let fixture = Fixture::new().site(|site| {
        site.post("/length", |request| {
            Ok::<_, std::io::Error>(request.read_body()?.len().to_string())
        })
    });
    let (server, config) = serve(fixture.file("a.txt", "it"));
    // One that nobody wants is thrown away.
    let mut client = connect(&server, &config);
    let head = "POST /a.txt HTTP/1.1\r\nHost: test\r\nContent-Length: 900000\r\n\r\n";
    client.send([head.as_bytes(), &noise(900_000)].concat()).reply().expect(405);
    client.send(get("/a.txt")).reply().expect(200);
    for length in [0, 1, 8191, 8192, 16_384, 16_385, 60_000] {
        let mut client = connect(&server, &config);
        let head =
            format!("POST /length HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n");
        client.send([head.as_bytes(), &noise(length)].concat());
        client.reply().expect(200).body(length.to_string());
        client.send("POST /length HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
        for piece in noise(length).chunks(1000) {
            client.send(format!("{:x}\r\n", piece.len())).send(piece).send("\r\n");
        }
        client.send("0\r\n\r\n").reply().expect(200).body(length.to_string());
    }
}

#[test]
fn a_handshake_that_comes_byte_by_byte_is_complete_in_the_end() {
    let (server, config) = serve(Fixture::new().file("a.txt", "it"));
    let mut stream = begin(server.address(), &config, "test");
    while stream.conn.is_handshaking() {
        let mut bytes = Vec::new();
        while stream.conn.wants_write() {
            stream.conn.write_tls(&mut bytes).expect("into memory");
        }
        bytes.iter().for_each(|byte| stream.sock.write_all(&[*byte]).expect("it reads"));
        if stream.conn.is_handshaking() {
            stream.conn.read_tls(&mut stream.sock).expect("it answers");
            stream.conn.process_new_packets().expect("it is sound");
        }
    }
    stream.conn.writer().write_all(get("/a.txt").as_bytes()).expect("into memory");
    let mut bytes = Vec::new();
    while stream.conn.wants_write() {
        stream.conn.write_tls(&mut bytes).expect("into memory");
    }
    bytes.iter().for_each(|byte| stream.sock.write_all(&[*byte]).expect("it reads"));
    Client::over_tls(stream).reply().expect(200).body("it");
}

#[test]
fn a_complete_response_ends_with_a_notice_and_a_broken_one_without() {
    let (opened, senders) = mpsc::channel();
    let opened = Mutex::new(opened);
    let fixture = Fixture::new().file("a.txt", "it").handler("/stream", move |_: &Request<'_>| {
        let (sender, response) = Response::stream("text/plain");
        opened.lock().expect("nobody panics").send(sender).expect("the test waits");
        response
    });
    let (server, config) = serve(fixture);
    let mut client = connect(&server, &config);
    client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    client.last_reply().body("it");
    let mut client = connect(&server, &config);
    client.send("GET /stream HTTP/1.0\r\nHost: test\r\n\r\n");
    let sender = senders.recv().expect("it was opened");
    sender.try_send("begun").expect("there is room");
    client.reply_head("GET").expect(200);
    assert_eq!(client.read(5), Ok(b"begun".to_vec()));
    sender.abort();
    let (rest, end) = client.rest();
    assert_eq!(rest, b"");
    assert_ne!(end, End::Fin, "a cut must not look like an end");
}

#[test]
fn a_client_that_says_that_nothing_more_comes_gets_its_responses_and_a_notice() {
    let (server, config) = serve(Fixture::new().file("large.bin", noise(3_000_000)));
    let mut client = connect(&server, &config);
    client.send(get("/large.bin").repeat(2)).finish();
    client.reply().expect(200).body(noise(3_000_000));
    client.reply().expect(200).body(noise(3_000_000));
    client.ends();
    // As Python's `unwrap` does: the notice alone, and then it waits for that of the server.
    let mut stream = try_secured(server.address(), &config, "test").expect("it shakes hands");
    stream.conn.send_close_notify();
    stream.flush().expect("it reads");
    assert_eq!(stream.read(&mut [0]).expect("the server says so too"), 0);
}

#[test]
fn a_server_that_stops_says_so_to_idle_clients() {
    let (server, config) = serve(Fixture::new().file("a.txt", "it"));
    let mut client = connect(&server, &config);
    client.send(get("/a.txt")).reply().expect(200);
    server.handle().stop();
    client.ends();
}

#[test]
fn http_on_a_port_for_tls_is_told_what_to_do() {
    let (server, _) = serve(Fixture::new().file("a.txt", "it"));
    let mut client = server.connect();
    client.send(get("/a.txt"));
    let reply = client.last_reply_after_finish();
    reply.expect(400).header("Content-Type", "text/plain; charset=utf-8");
    assert!(reply.text().contains("Use https://"), "{}", reply.text());
}

#[test]
fn bytes_that_are_neither_are_answered_by_an_alert() {
    let (server, config) = serve(Fixture::new().file("a.txt", "it"));
    for bytes in [&b"\x16\x03\x01\x00\x05hello"[..], &[0x80, 0x2e, 1, 0, 2], &[0; 64], b"\x16\xff"]
    {
        let mut client = server.raw(bytes);
        client.finish();
        let (rest, _) = client.rest();
        assert!(rest.is_empty() || rest[0] == 0x15, "{}", rest.escape_ascii());
    }
    connect(&server, &config).send(get("/a.txt")).reply().expect(200);
}

#[test]
fn a_client_that_does_not_shake_hands_has_its_time_and_no_more() {
    let fixture = Fixture::new().file("a.txt", "it").limits(|limits| {
        // Long enough for an honest client on a busy machine.
        limits.handshake_timeout = Duration::from_millis(1_500);
    });
    let (server, config) = serve(fixture);
    let begun = Instant::now();
    let mut silent = server.raw(b"\x16\x03\x01");
    let mut trickling = server.connect();
    let sender = trickling.sender();
    let trickle = thread::spawn(move || {
        let mut sender = sender;
        // A record that is announced and never complete.
        let _ = sender.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
        while sender.write_all(b"x").is_ok() && begun.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(50));
        }
        begun.elapsed()
    });
    silent.rest();
    trickling.rest();
    assert!(trickle.join().expect("no panic") < Duration::from_secs(10), "bytes prolong nothing");
    // The time for a request begins when hands are shaken.
    let mut client = connect(&server, &config);
    thread::sleep(Duration::from_millis(1_600));
    client.send(get("/a.txt")).reply().expect(200);
}

#[test]
fn a_client_gets_the_certificate_of_the_host_that_it_asks_for() {
    let authority = Authority::new();
    let issue = |names: &[&str]| authority.issue(names).certificate();
    let tls = Tls::new(issue(&["test", "other.org"]))
        .host(name("example.org"), issue(&["example.org"]))
        .host(name("*.example.org"), issue(&["*.example.org"]));
    let server = Fixture::new().file("a.txt", "it").tls(tls).serve();
    let config = Arc::new(authority.client());
    for asked in ["test", "other.org", "example.org", "a.example.org", "EXAMPLE.org"] {
        let mut client = Client::secured(server.address(), &config, asked);
        client.send(format!("GET /a.txt HTTP/1.1\r\nHost: {asked}:443\r\n\r\n"));
        client.reply().expect(200).body("it");
    }
    for other in ["unknown.org", "a.b.example.org"] {
        let refused = try_secured(server.address(), &config, other).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("not valid for name"), "{other}: {refused}");
    }
}

#[test]
fn an_unknown_host_is_refused_in_the_handshake_if_so_wished() {
    let authority = Authority::new();
    let certificate = authority.issue(&["test", "unknown.org"]).certificate();
    let tls = Tls::new(certificate.clone()).host(name("test"), certificate);
    let server = Fixture::new().file("a.txt", "it").tls(tls.refuse_unknown_hosts()).serve();
    let config = Arc::new(authority.client());
    connect(&server, &config).send(get("/a.txt")).reply().expect(200);
    assert!(refusal(&server, &config, "unknown.org").contains("alert"));
}

#[test]
fn a_host_that_the_certificate_does_not_cover_is_misdirected() {
    let authority = Authority::new();
    let issue = |names: &[&str]| authority.issue(names).certificate();
    let tls = Tls::new(issue(&["test", "*.test", "127.0.0.1"]))
        .host(name("example.org"), issue(&["example.org"]));
    let fixture = Fixture::new().file("a.txt", "it").site(|site| {
        site.post("/", |request| Ok::<_, std::io::Error>(request.read_body()?.len().to_string()))
    });
    let server = fixture.tls(tls).serve();
    let config = Arc::new(authority.client());
    let ask = |host: &str| {
        let mut client = connect(&server, &config);
        client.send(format!("GET /a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n")).reply()
    };
    for host in ["test", "TEST:8443", "test.", "a.test", "127.0.0.1:80"] {
        ask(host).expect(200).body("it");
    }
    for host in ["example.org", "a.b.test", "test.example.org", "[::1]", "127.0.0.2"] {
        ask(host).expect(421);
    }
    let mut client = connect(&server, &config);
    client.send("GET https://example.org/a.txt HTTP/1.1\r\nHost: test\r\n\r\n").reply().expect(421);
    let mut client = connect(&server, &config);
    client.send("POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 3\r\n\r\nabc");
    client.reply().expect(421);
    let mut client = connect(&server, &config);
    client.send("GET /a.txt HTTP/1.0\r\n\r\n").reply().expect(200).body("it");
}

#[test]
fn a_host_that_was_covered_makes_no_other_one_covered() {
    let authority = Authority::new();
    let tls = Tls::new(authority.issue(&["test", "*.test"]).certificate());
    let server = Fixture::new().file("a.txt", "it").tls(tls).serve();
    let config = Arc::new(authority.client());
    for other in ["example.org", "tes", "test.org", "test:80.example.org", "a.b.test"] {
        let mut client = connect(&server, &config);
        for host in ["test", "a.test", "a.test", "test"] {
            client.send(format!("GET /a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            client.reply().expect(200).body("it");
        }
        client.send(format!("GET /a.txt HTTP/1.1\r\nHost: {other}\r\n\r\n"));
        let status = client.reply().status;
        assert!([400, 421].contains(&status), "{other}: {status}");
    }
}

#[test]
fn a_client_gets_a_certificate_that_it_can_verify() {
    let authority = Authority::new();
    let issue = |kind| authority.issue_with(&["test"], kind, |_| {}).certificate();
    let tls = Tls::new(issue(Kind::Ecdsa))
        .certificate(issue(Kind::Ed25519))
        .certificate(issue(Kind::Rsa));
    let server = Fixture::new().file("a.txt", "it").tls(tls).serve();
    for scheme in [
        SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::ED25519,
        SignatureScheme::RSA_PSS_SHA256,
    ] {
        let config = Arc::new(authority.client_that_verifies(scheme));
        connect(&server, &config).send(get("/a.txt")).reply().expect(200).body("it");
    }
    let config = Arc::new(authority.client_that_verifies(SignatureScheme::ECDSA_NISTP521_SHA512));
    assert!(refusal(&server, &config, "test").contains("alert"));
}

#[test]
fn http_2_is_preferred_and_what_is_neither_is_refused() {
    let authority = Authority::new();
    let server = Fixture::new().tls(Tls::new(authority.issue(&["test"]).certificate())).serve();
    let offering = |protocols: &[&str]| {
        let mut config = authority.client();
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        Arc::new(config)
    };
    let agreed = |protocols: &[&str]| {
        connect(&server, &offering(protocols)).tls().alpn_protocol().map(<[u8]>::to_vec)
    };
    assert_eq!(agreed(&[]), None);
    assert_eq!(agreed(&["http/1.1"]), Some(b"http/1.1".to_vec()));
    assert_eq!(agreed(&["http/1.0", "http/1.1"]), Some(b"http/1.1".to_vec()));
    assert_eq!(agreed(&["http/1.1", "h2"]), Some(b"h2".to_vec()));
    let refused = refusal(&server, &offering(&["imap"]), "test");
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
}

#[test]
fn a_session_is_resumed_by_any_worker() {
    let fixture = Fixture::new().file("a.txt", "it").workers(2);
    let authority = Authority::new();
    let server = fixture.tls(Tls::new(authority.issue(&["test"]).certificate())).serve();
    for version in [&version::TLS12, &version::TLS13] {
        let config = Arc::new(authority.client_with(&[version]));
        let kind = || {
            let mut client = connect(&server, &config);
            client.send(get("/a.txt")).reply().expect(200);
            client.tls().handshake_kind()
        };
        assert_eq!(kind(), Some(HandshakeKind::Full));
        for _ in 0..8 {
            assert_eq!(kind(), Some(HandshakeKind::Resumed));
        }
    }
}

#[test]
fn keys_in_all_forms_are_read() {
    let authority = Authority::new();
    let rsa = authority.issue_with(&["test"], Kind::Rsa, |_| {});
    Certificate::from_pem(rsa.chain.as_bytes(), RSA_PKCS1.as_bytes()).expect("PKCS #1");
    let known = authority.issue_with(&["test"], Kind::KnownEcdsa, |_| {});
    assert!(EC_SEC1.starts_with("-----BEGIN EC PARAMETERS-----"));
    Certificate::from_pem(known.chain.as_bytes(), EC_SEC1.as_bytes()).expect("SEC 1");
    authority.issue_with(&["test"], Kind::Ed25519, |_| {}).certificate();
    // As Windows and some editors write them, with text around them.
    for change in [
        |text: &str| text.replace('\n', "\r\n"),
        |text: &str| format!("\u{feff}{text}"),
        |text: &str| format!("subject: it\n\n{text}\nissuer: the authority\n"),
        |text: &str| text.trim_end().to_owned(),
    ] {
        let (chain, key) = (change(&known.chain), change(EC_SEC1));
        Certificate::from_pem(chain.as_bytes(), key.as_bytes()).expect("another form");
    }
    let both = format!("{}{}", rsa.key, rsa.chain);
    let one = Certificate::from_pem(both.as_bytes(), both.as_bytes()).expect("one file");
    assert_eq!(one.names(), ["test"]);
}

#[test]
fn many_handshakes_at_once_do_not_keep_others_waiting() {
    let (server, config) = serve(Fixture::new().file("a.txt", "it"));
    let mut client = connect(&server, &config);
    let storm: Vec<_> = (0..200).map(|_| begin(server.address(), &config, "test")).collect();
    let storm = thread::spawn(move || {
        let mut storm = storm;
        storm.iter_mut().for_each(|stream| stream.flush().expect("it listens"));
        for mut stream in storm {
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock).expect("it shakes hands");
            }
        }
    });
    for _ in 0..50 {
        client.send(get("/a.txt")).reply().expect(200).body("it");
    }
    storm.join().expect("all have shaken hands");
}

#[test]
fn plain_and_secured_addresses_are_served_side_by_side() {
    let authority = Authority::new();
    let fixture = Fixture::new().file("a.txt", "it").listen("127.0.0.1:0");
    let server = fixture.tls(Tls::new(authority.issue(&["test"]).certificate())).serve();
    let [plain, secured] = server.addresses() else { panic!("there are two") };
    Client::connect(plain).send(get("/a.txt")).reply().expect(200).body("it");
    let config = Arc::new(authority.client());
    Client::secured(secured, &config, "test").send(get("/a.txt")).reply().expect(200).body("it");
}

#[test]
fn a_client_that_vanishes_in_the_handshake_is_forgotten() {
    let (server, config) = serve(Fixture::new().file("a.txt", "it"));
    for _ in 0..20 {
        let mut stream = begin(server.address(), &config, "test");
        stream.flush().expect("it listens");
        drop(stream);
    }
    let httpd::Address::Tcp(address) = server.address() else { panic!("it is TCP") };
    drop(TcpStream::connect(address).expect("it listens"));
    until("others are served", || {
        let mut client = connect(&server, &config);
        Some(client.send(get("/a.txt")).reply().expect(200).body.len())
    });
}

#[test]
fn a_secured_address_without_a_certificate_is_an_error() {
    let error = Fixture::new().listen("https://127.0.0.1:0").try_serve().map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"https://127.0.0.1:0\" needs a certificate: add tls(Tls::new(certificate))"
    );
}

#[test]
fn a_proxy_says_who_the_client_is_before_the_handshake() {
    let authority = Authority::new();
    let site = Site::new().get("/", |request| match request.peer() {
        Some(peer) => format!("{peer} {}", request.scheme().as_str()),
        None => "nobody".to_owned(),
    });
    let tls = Tls::new(authority.issue(&["test"]).certificate());
    let server = Server::new(site).tls(tls).listen_proxied("https://127.0.0.1:0");
    let running = server.start().expect("it starts");
    let config = Arc::new(authority.client());
    let mut stream = begin(&running.addresses()[0], &config, "test");
    let header = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
    stream.sock.write_all(header).expect("it listens");
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).expect("it shakes hands");
    }
    let mut client = Client::over_tls(stream);
    client.send(get("/")).reply().expect(200).body("192.0.2.7:4711 https");
    running.handle().stop_now();
    running.wait();
}

#[test]
fn the_access_log_says_how_a_connection_is_protected() {
    let format =
        "$scheme $ssl_protocol $ssl_cipher $ssl_server_name $ssl_session_reused $server_protocol";
    let fixture = Fixture::new().file("a.txt", "it").access_log_of(format);
    let (server, client) = serve(fixture);
    connect(&server, &client).send(get("/a.txt")).reply().expect(200);
    let line = server.log_lines(1).remove(0);
    let (before, after) = line.split_once(" TLSv1.3 TLS_").expect("version and suite");
    assert_eq!((before, after.split_once(' ').map(|it| it.1)), ("https", Some("test . HTTP/1.1")));
}
