//! What works over HTTP/1 works over HTTP/2: all of it passes the same exchange, and this sees that the other
//! framing changes nothing.

use crate::support::coded::decoded_so_far;
use crate::support::http2::{DATA, END_STREAM, RST_STREAM, StreamReply, frame, head};
use crate::support::{
    Client, Fixture, Folder, Http2, PATIENCE, Program, TestServer, digits, noise, until,
};
use httpd::{
    BasicAuth, Compression, Event, Events, Method, Request, Response, Server, Site, blocking,
    inline,
};
use std::io::Write;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

fn serve(site: impl FnOnce(Site) -> Site + 'static) -> TestServer {
    Fixture::new().file("a.txt", "it").listen("h2c://127.0.0.1:0").site(site).serve()
}

fn connect(server: &TestServer) -> Http2 {
    Http2::connect(server.address())
}

/// The program with files and a configuration.
fn start(config: &str) -> (Program, Folder) {
    let folder = Folder::with_www();
    folder.write("www/a.txt", "it");
    folder.write("www/large.bin", noise(600_000));
    folder.write("www/404.html", "<p>not here</p>");
    folder.write("people", ANN);
    folder.write("httpd.toml", format!("listen = \"h2c://127.0.0.1:0\"\nroot = \"www\"\n{config}"));
    (Program::start(&mut folder.httpd(&["-c", "httpd.toml", "-w", "1"])), folder)
}

#[test]
fn responses_of_every_kind_are_compressed() {
    let page = "<p>over and over</p>\n".repeat(2000);
    let text = page.clone();
    let server = serve(move |site| {
        let (made, written) = (text.clone(), text);
        site.at("/made", inline(move |_: &Request<'_>| Response::html(made.clone())))
            .at(
                "/written",
                inline(move |_: &Request<'_>| {
                    let text = written.clone();
                    Response::written("text/html", move |out| out.write_all(text.as_bytes()))
                }),
            )
            .compression("/", Compression::default())
    });
    let mut client = connect(&server);
    for path in ["/made", "/written"] {
        for coding in ["gzip", "br", "zstd"] {
            let reply = client.request("GET", path, &[("accept-encoding", coding)]);
            reply.expect(200).header("content-encoding", coding);
            let (body, is_whole) = decoded_so_far(coding, &reply.body);
            assert!(is_whole && body == page.as_bytes(), "{path} in {coding}");
        }
        assert!(!client.get(path).has("content-encoding"));
    }
}

#[test]
fn a_response_keeps_to_its_pace_and_others_do_not_wait_for_it() {
    let (program, _folder) = start("limit_rate = \"200KB\"\nlimit_rate_after = \"100KB\"\n");
    let mut client = Http2::connect(program.address());
    let begin = Instant::now();
    let slow = client.ask("GET", "/large.bin", &[]);
    client.get("/a.txt").expect(200).body("it");
    assert!(begin.elapsed() < Duration::from_millis(1500), "it waited for the large one");
    client.reply(slow).expect(200).body(noise(600_000));
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(2200), "500 KB at 200 KB/s took {took:?}");
}

#[test]
fn each_request_of_a_trusted_proxy_has_its_own_client() {
    let site = || Site::new().get("/", seen);
    let server = Server::new(site()).listen("h2c://127.0.0.1:0").trusted_proxies(["127.0.0.1"]);
    let running = server.start().expect("it starts");
    let mut proxy = Http2::connect(&running.addresses()[0]);
    let clients: Vec<u32> = (1..9)
        .map(|number| proxy.ask("GET", "/", &[("x-forwarded-for", &format!("192.0.2.{number}"))]))
        .collect();
    for (number, stream) in (1..).zip(clients) {
        proxy.reply(stream).expect(200).body(format!("192.0.2.{number}:0 http h"));
    }
    let secured = [("x-forwarded-for", "192.0.2.9"), ("x-forwarded-proto", "https")];
    proxy.request("GET", "/", &secured).expect(200).body("192.0.2.9:0 https h");
    assert!(proxy.get("/").text().starts_with("127.0.0.1:"));
    proxy.post("/", &[("x-forwarded-for", "192.0.2.3")], b"x").expect(405);
    running.handle().stop_now();
    running.wait();
}

#[test]
fn a_proxy_header_stands_before_the_preface() {
    let site = Site::new().get("/", seen);
    let server = Server::new(site).listen_proxied("h2c://127.0.0.1:0").start().expect("it starts");
    let address = &server.addresses()[0];
    let header = b"PROXY TCP4 192.0.2.1 198.51.100.7 4660 8443\r\n";
    let mut client = Client::connect(address);
    client.send(header);
    let mut it = Http2::over(client);
    for _ in 0..3 {
        it.get("/").expect(200).body("192.0.2.1:4660 http h");
    }
    // Without it nothing is answered.
    let mut other = Client::connect(address);
    other.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    let (said, _) = other.rest();
    assert!(said.is_empty(), "{}", said.escape_ascii());
    server.handle().stop_now();
    server.wait();
}

fn seen(request: &Request<'_>) -> String {
    let peer = request.peer().map_or("unix".to_owned(), |it| it.to_string());
    format!("{peer} {} {}", request.scheme().as_str(), request.host())
}

#[test]
fn requests_are_counted_whatever_stream_they_come_on() {
    let (program, _folder) = start("request_rate = \"3/h\"\n");
    let mut client = Http2::connect(program.address());
    let streams: Vec<u32> = (0..6).map(|_| client.ask("GET", "/a.txt", &[])).collect();
    let replies: Vec<StreamReply> = streams.into_iter().map(|it| client.reply(it)).collect();
    let admitted = replies.iter().filter(|reply| reply.status() == 200).count();
    assert_eq!(admitted, 3, "{replies:?}");
    let refused = replies.iter().find(|reply| reply.status() == 429).expect("three are");
    assert!(refused.value("retry-after").parse::<u32>().expect("seconds") > 1000);
    // With content that nobody wants, and on another connection.
    client.post("/a.txt", &[], b"content").expect(429);
    Http2::connect(program.address()).get("/a.txt").expect(429);
}

#[test]
fn uploads_wait_for_their_passwords() {
    let fixture = Fixture::new().outside("people", ANN).listen("h2c://127.0.0.1:0");
    let auth =
        BasicAuth::new("staff", fixture.place().join("people")).expect("it was just written");
    let read = |request: &Request<'_>| request.read_body();
    let server = fixture
        .site(move |site| {
            site.around("/", move |request, next| auth.check(request, next)).post("/echo", read).at(
                "/stream",
                blocking(read).methods(&[Method::Post]).body_bytes_max(1 << 30).streamed(),
            )
        })
        .serve();
    let mut client = connect(&server);
    let body = noise(50_000);
    for path in ["/echo", "/stream"] {
        client.post(path, &[("authorization", RIGHT)], &body).expect(200).body(&body);
        let reply = client.post(path, &[("authorization", WRONG)], b"body");
        reply.expect(401);
        assert!(reply.value("www-authenticate").contains("staff"));
        // The answer does not wait for much more.
        let length = ("content-length", "99000000");
        let large = client.open("POST", path, &[("authorization", WRONG), length]);
        client.data(large, &noise(30_000), false);
        assert!([401, 413].contains(&client.reply(large).status()));
        client.post(path, &[], b"body").expect(401);
    }
    // On one connection, whatever the others are.
    let streams: Vec<u32> = (0..20)
        .map(|number| {
            let credentials = if number % 2 == 0 { RIGHT } else { WRONG };
            let stream = client.open("POST", "/echo", &[("authorization", credentials)]);
            client.data(stream, number.to_string().as_bytes(), true);
            stream
        })
        .collect();
    for (number, stream) in (0..).zip(streams) {
        let reply = client.reply(stream);
        match number % 2 {
            0 => reply.expect(200).body(number.to_string()),
            _ => reply.expect(401),
        };
    }
}

/// The last frame says where a body ends (RFC 9113 §8.1), so that nobody has to know its length before.
#[test]
fn a_file_is_stored_without_its_length() {
    let (program, _folder) = start("methods = [\"GET\", \"PUT\"]\nquota_bytes = \"10MB\"\n");
    let mut client = Http2::connect(program.address());
    let stream = client.open("PUT", "/new.txt", &[]);
    client.data(stream, b"in two ", false);
    client.data(stream, b"parts", true);
    client.reply(stream).expect(201);
    client.get("/new.txt").expect(200).body("in two parts");
    client.request("PUT", "/empty.txt", &[]).expect(201);
    client.get("/empty.txt").expect(200).body("");
}

/// RFC 9110 §15.6.4.
#[test]
fn a_part_of_a_site_has_a_time_limit_of_its_own() {
    let (report, reports) = mpsc::channel();
    let server = serve(move |site| {
        site.around("/timed", |_, next| next.within(Duration::from_millis(60)).run()).at(
            "/",
            blocking(move |request| {
                let deadline = Instant::now() + PATIENCE;
                let _ = report.send("runs");
                while !request.is_cancelled() && Instant::now() < deadline {
                    std::thread::yield_now();
                }
                let _ = report.send("ends");
            }),
        )
    });
    let mut client = connect(&server);
    let slow = client.ask("GET", "/timed", &[]);
    client.reply(slow).expect(503).header("retry-after", "1");
    let next = || reports.recv_timeout(PATIENCE).expect("it sees that nobody waits");
    assert_eq!([next(), next()], ["runs", "ends"]);
    // A client that takes its request back has the same effect.
    let slow = client.ask("GET", "/patient", &[]);
    assert_eq!(next(), "runs");
    client.send(frame(RST_STREAM, 0, slow, &[0, 0, 0, 8]));
    assert_eq!(next(), "ends");
    client.get("/timed/again").expect(503);
}

#[test]
fn events_come_as_they_are_sent_and_a_client_that_is_gone_is_noticed() {
    let kept: Arc<Mutex<Vec<Events>>> = Arc::default();
    let senders = Arc::clone(&kept);
    let server = serve(move |site| {
        site.get("/events", move |_: &Request<'_>| {
            let (events, response) = Response::events();
            senders.lock().expect("nobody panics").push(events);
            response
        })
    });
    let mut client = connect(&server);
    let streams: Vec<u32> = (0..3).map(|_| client.ask("GET", "/events", &[])).collect();
    for stream in &streams {
        let reply = client.until(*stream, |reply| !reply.heads.is_empty());
        reply.expect(200).header("content-type", "text/event-stream");
        assert!(!reply.has("content-length"));
    }
    let senders = std::mem::take(&mut *kept.lock().expect("nobody panics"));
    for number in 0..20 {
        for (events, stream) in senders.iter().zip(&streams) {
            events.send(&Event::data(format!("{number} of {stream}"))).expect("it reads");
            let line = format!("data: {number} of {stream}\n\n");
            client.until(*stream, |reply| reply.body.ends_with(line.as_bytes()));
        }
    }
    client.get("/a.txt").expect(200);
    client.send(frame(RST_STREAM, 0, streams[1], &[0, 0, 0, 8]));
    until("its sender sees that it is gone", || senders[1].is_gone());
    assert!(!senders[0].is_gone() && !senders[2].is_gone());
    let mut senders = senders.into_iter();
    senders.next().expect("there are three").finish();
    assert!(client.reply(streams[0]).has_ended);
    drop(client);
    let last = senders.next_back().expect("there are three");
    until("its sender sees that the connection is gone", || last.is_gone());
}

#[test]
fn errors_have_the_pages_of_the_operator() {
    let (program, _folder) = start("error_pages = { 404 = \"404.html\" }\n");
    let mut client = Http2::connect(program.address());
    let reply = client.get("/nothing");
    reply.expect(404).header("content-type", "text/html").body("<p>not here</p>");
    let reply = client.request("HEAD", "/nothing", &[]);
    reply.expect(404).header("content-length", "15").body("");
    assert!(client.request("DELETE", "/a.txt", &[]).expect(405).text().contains("405"));
    client.request("BREW", "/a.txt", &[]).expect(501);
}

#[test]
fn several_ranges_come_in_parts() {
    let server = Fixture::new().file("d.bin", digits(1000)).listen("h2c://127.0.0.1:0").serve();
    let mut client = connect(&server);
    let reply = client.request("GET", "/d.bin", &[("range", "bytes=0-4,100-103,-2")]);
    let kind = reply.expect(206).value("content-type").to_owned();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").expect("there are parts");
    assert_eq!(reply.value("content-length"), reply.body.len().to_string());
    let text = reply.text();
    let parts: Vec<&str> = text.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 5, "{text}");
    for (part, (range, content)) in
        parts[1..].iter().zip([("0-4", "01234"), ("100-103", "0123"), ("998-999", "89")])
    {
        let (head, body) = part.split_once("\r\n\r\n").expect("a part has a head");
        let line = format!("content-range: bytes {range}/1000");
        assert!(head.to_ascii_lowercase().contains(&line), "{head}");
        assert_eq!(body.trim_end(), content);
    }
    client.request("GET", "/d.bin", &[("range", "bytes=5-9")]).expect(206).body("56789");
    let reply = client.request("GET", "/d.bin", &[("range", "bytes=5000-")]);
    reply.expect(416).header("content-range", "bytes */1000");
}

/// RFC 9110 §10.1.1.
#[test]
fn a_client_that_asks_first_is_told_before_it_sends() {
    let server = serve(|site| {
        let read = |request: &Request<'_>| request.read_body();
        site.at("/read", blocking(read).methods(&[Method::Post]).body_bytes_max(1000))
    });
    let mut client = connect(&server);
    let asking = |length| [("expect", "100-continue"), ("content-length", length)];
    let stream = client.open("POST", "/read", &asking("5"));
    client.until(stream, |reply| !reply.heads.is_empty()).expect(100);
    client.data(stream, b"hello", true);
    let reply = client.reply(stream);
    assert_eq!(reply.heads.len(), 2);
    reply.expect(200).body("hello");
    // It is refused without having sent anything, and the connection goes on.
    let stream = client.open("POST", "/read", &asking("1001"));
    let reply = client.reply(stream);
    assert_eq!(reply.heads.len(), 1);
    reply.expect(413);
    let reply = client.request("GET", "/a.txt", &[("expect", "something")]);
    reply.expect(417);
    client.get("/a.txt").expect(200);
}

/// RFC 9113 §8.1.
#[test]
fn trailers_end_a_request() {
    let server = serve(|site| site.post("/read", |request| request.read_body()));
    let mut client = connect(&server);
    let stream = client.open("POST", "/read", &[("trailer", "x-sum")]);
    client.data(stream, b"content", false);
    client.send(head(stream, &[("x-sum", "1")], END_STREAM));
    client.reply(stream).expect(200).body("content");
    let stream = client.open("POST", "/read", &[]);
    client.send(head(stream, &[("x-sum", "1")], END_STREAM));
    client.reply(stream).expect(200).body("");
    // Without the end they are malformed.
    let stream = client.open("POST", "/read", &[]);
    client.send(head(stream, &[("x-sum", "1")], 0));
    assert_eq!(client.reply(stream).reset, Some(1));
    client.get("/a.txt").expect(200);
}

#[test]
fn head_options_and_connect_are_what_they_are_in_http_1() {
    let server = serve(|site| site);
    let mut client = connect(&server);
    client.request("HEAD", "/a.txt", &[]).expect(200).header("content-length", "2").body("");
    let reply = client.request("OPTIONS", "*", &[]);
    reply.expect(204).header("allow", "GET, HEAD, OPTIONS");
    client.request("OPTIONS", "/a.txt", &[]).expect(204);
    let tunnel = [(":authority", "other.example:443"), (":scheme", ""), (":path", "")];
    let status = client.request("CONNECT", "", &tunnel).status();
    assert!([405, 501].contains(&status), "{status}");
    // One that goes on as if it had its tunnel.
    let stream = client.next_stream();
    let fields = [(":method", "CONNECT"), (":authority", "other.example:443")];
    client.send(head(stream, &fields, 0));
    client.send(frame(DATA, 0, stream, b"\x16\x03\x01"));
    assert!([405, 501].contains(&client.reply(stream).status()));
    client.get("/a.txt").expect(200);
}

/// `ann` has the password `secret`; made by `htpasswd -nbBC 5`.
const ANN: &str = "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS\n";

/// `ann:secret` and `ann:wrong` in Base64.
const RIGHT: &str = "Basic YW5uOnNlY3JldA==";
const WRONG: &str = "Basic YW5uOndyb25n";
