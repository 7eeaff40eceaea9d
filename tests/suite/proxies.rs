//! Clients behind proxies: who they are to handlers and in the log, and how a PROXY header is read.

use crate::support::{Client, Folder, Reply, until};
use httpd::{
    AccessLog, Address, Format, ForwardedHeader, Limits, Request, Running, Server, Site, StartError,
};
use std::fs;
use std::time::Duration;

/// Answers with what a handler sees of its client.
fn site() -> Site {
    Site::new().get("/", |request: &Request<'_>| {
        let peer = request.peer().map_or("unix".to_owned(), |it| it.to_string());
        format!("{peer} {} {}", request.scheme().as_str(), request.host())
    })
}

/// A server that stops when it is dropped.
struct Stopped(Option<Running>);

impl Stopped {
    fn start(server: Server) -> Stopped {
        Stopped(Some(server.start().expect("it starts")))
    }

    fn address(&self) -> Address {
        self.0.as_ref().expect("it runs").addresses()[0].clone()
    }

    fn connect(&self) -> Client {
        Client::connect(&self.address())
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.handle().stop_now();
            running.wait();
        }
    }
}

fn get(headers: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: own\r\n{headers}\r\n")
}

fn body(reply: Reply) -> String {
    reply.expect(200);
    String::from_utf8(reply.body).expect("it is text")
}

/// What a handler sees of a request with these headers.
fn seen(client: &mut Client, headers: &str) -> String {
    client.send(get(headers));
    body(client.reply())
}

fn ends_unanswered(client: &mut Client) {
    let (rest, _) = client.rest();
    assert!(rest.is_empty(), "{}", rest.escape_ascii());
}

#[test]
fn nobody_is_believed_who_is_not_a_trusted_proxy() {
    let server = || Server::new(site()).listen("127.0.0.1:0");
    for server in [server(), server().trusted_proxies(["192.0.2.0/24", "unix"])] {
        let server = Stopped::start(server);
        let seen = seen(
            &mut server.connect(),
            "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nForwarded: for=192.0.2.1\r\n",
        );
        assert!(seen.starts_with("127.0.0.1:") && seen.ends_with(" http own"), "{seen}");
    }
}

#[test]
fn each_request_of_a_trusted_proxy_has_its_own_client() {
    let server = Server::new(site()).listen("127.0.0.1:0").trusted_proxies(["127.0.0.1"]);
    let server = Stopped::start(server);
    let mut proxy = server.connect();
    for (headers, expected) in [
        ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1:0 http own"),
        (
            "X-Forwarded-For: 203.0.113.9, [2001:db8::1]:80, 127.0.0.1\r\nX-Forwarded-Proto: https\r\n",
            "[2001:db8::1]:80 https own",
        ),
        // The other header is the client's.
        (
            "X-Forwarded-For: 192.0.2.2\r\nForwarded: for=192.0.2.9;host=x\r\n",
            "192.0.2.2:0 http own",
        ),
    ] {
        assert_eq!(seen(&mut proxy, headers), expected);
    }
    let own = seen(&mut proxy, "");
    assert!(own.starts_with("127.0.0.1:"), "{own}");
    // A request with a body as well.
    proxy.send(get("X-Forwarded-For: 192.0.2.3\r\nContent-Length: 1\r\n") + "x");
    assert_eq!(body(proxy.reply()), "192.0.2.3:0 http own");
    // Two in one go.
    proxy.send(get("X-Forwarded-For: 192.0.2.4\r\n") + &get("X-Forwarded-For: 192.0.2.5\r\n"));
    assert_eq!(body(proxy.reply()), "192.0.2.4:0 http own");
    assert_eq!(body(proxy.reply()), "192.0.2.5:0 http own");
}

#[test]
fn forwarded_is_believed_where_it_is_chosen_and_nothing_beside_it() {
    let server = Server::new(site())
        .listen("127.0.0.1:0")
        .forwarded_header(ForwardedHeader::Forwarded)
        .trusted_proxies(["127.0.0.0/8"]);
    let server = Stopped::start(server);
    let mut proxy = server.connect();
    let forwarded = "Forwarded: for=203.0.113.9;proto=https;host=a.example, for=127.0.0.9\r\n\
                     X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n";
    assert_eq!(seen(&mut proxy, forwarded), "203.0.113.9:0 https a.example");
    let seen = seen(&mut proxy, "X-Forwarded-For: 192.0.2.1\r\n");
    assert!(seen.starts_with("127.0.0.1:"), "{seen}");
}

#[test]
fn a_proxy_at_a_unix_socket_is_believed_if_unix_is_trusted() {
    let folder = Folder::new();
    let listen = format!("unix:{}", folder.path("s").display());
    for (trusted, expected) in [(None, "unix http own"), (Some("unix"), "192.0.2.1:0 http own")] {
        let server = Server::new(site()).listen(&listen).trusted_proxies(trusted);
        let server = Stopped::start(server);
        assert_eq!(seen(&mut server.connect(), "X-Forwarded-For: 192.0.2.1\r\n"), expected);
    }
}

#[test]
fn the_log_has_the_client_and_not_the_proxy() {
    let folder = Folder::new();
    let log = folder.path("access.log");
    let server = Server::new(site())
        .listen("127.0.0.1:0")
        .trusted_proxies(["127.0.0.1"])
        .access_log(AccessLog::to_file(&log, Format::Combined));
    let server = Stopped::start(server);
    let mut proxy = server.connect();
    seen(&mut proxy, "X-Forwarded-For: 192.0.2.1\r\n");
    seen(&mut proxy, "");
    proxy.send("GET /\r\n\r\n");
    proxy.last_reply().expect(400);
    let lines = until("three lines", || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        (lines.len() == 3).then_some(lines)
    });
    for (line, client) in lines.iter().zip(["192.0.2.1 ", "127.0.0.1 ", "127.0.0.1 "]) {
        assert!(line.starts_with(client), "{line}");
    }
}

#[test]
fn a_trusted_proxy_that_is_no_network_is_an_error_at_the_start() {
    let server = Server::new(site()).listen("127.0.0.1:0").trusted_proxies(["10.0.0.1/8"]);
    let error = server.start().expect_err("it does not start");
    assert!(matches!(error, StartError::BadNetwork { .. }));
    assert_eq!(
        error.to_string(),
        "trusted_proxies: \"10.0.0.1/8\" has bits beyond its length; write \"10.0.0.0/8\" for the network, or \"10.0.0.1\" for the address"
    );
}

const VERSION_1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.7 4660 8443\r\n";

fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = (rest.len() as u16).to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &length, rest].concat()
}

fn version_2_tcp_4() -> Vec<u8> {
    // With a TLV behind the addresses.
    version_2(
        0x21,
        0x11,
        &[192, 0, 2, 1, 198, 51, 100, 7, 0x12, 0x34, 0x20, 0xfb, 3, 0, 4, 1, 2, 3, 4],
    )
}

#[test]
fn a_proxy_header_names_the_client_of_all_requests_of_its_connection() {
    let server = Stopped::start(Server::new(site()).listen_proxied("127.0.0.1:0"));
    for header in [VERSION_1, &version_2_tcp_4()] {
        let mut client = server.connect();
        client.send([header, get("").as_bytes()].concat());
        assert_eq!(body(client.reply()), "192.0.2.1:4660 http own");
        assert_eq!(seen(&mut client, "X-Forwarded-For: 192.0.2.7\r\n"), "192.0.2.1:4660 http own");
    }
    for header in [&b"PROXY UNKNOWN\r\n"[..], &version_2(0x20, 0, b""), &version_2(0x21, 0, b"")] {
        let mut client = server.connect();
        client.send([header, get("").as_bytes()].concat());
        let seen = body(client.reply());
        assert!(seen.starts_with("127.0.0.1:"), "{seen}");
    }
}

#[test]
fn a_proxy_header_may_come_byte_by_byte() {
    let server = Stopped::start(Server::new(site()).listen_proxied("127.0.0.1:0"));
    for header in [VERSION_1, &version_2_tcp_4()] {
        let mut client = server.connect();
        for byte in header {
            client.send([*byte]);
        }
        assert_eq!(seen(&mut client, ""), "192.0.2.1:4660 http own");
    }
}

#[test]
fn a_proxy_header_is_believed_of_trusted_proxies_and_required_of_all() {
    for (trusted, expected) in
        [("127.0.0.1", "192.0.2.1:4660 http own"), ("192.0.2.0/24", "127.0.0.1:")]
    {
        let server = Server::new(site()).listen_proxied("127.0.0.1:0").trusted_proxies([trusted]);
        let server = Stopped::start(server);
        let mut client = server.connect();
        client.send([VERSION_1, get("").as_bytes()].concat());
        let seen = body(client.reply());
        assert!(seen.starts_with(expected), "{seen}");
        let mut client = server.connect();
        client.send(get(""));
        ends_unanswered(&mut client);
    }
}

#[test]
fn a_proxy_that_is_named_by_a_proxy_header_may_name_its_client() {
    let server = Server::new(site())
        .listen_proxied("127.0.0.1:0")
        .trusted_proxies(["127.0.0.1", "192.0.2.0/24"]);
    let server = Stopped::start(server);
    let mut client = server.connect();
    client.send([VERSION_1, get("X-Forwarded-For: 203.0.113.9\r\n").as_bytes()].concat());
    assert_eq!(body(client.reply()), "203.0.113.9:0 http own");
}

#[test]
fn a_connection_without_a_whole_proxy_header_is_closed() {
    let server = Server::new(site())
        .listen_proxied("127.0.0.1:0")
        .limits(Limits::default().head_timeout(Duration::from_millis(300)));
    let server = Stopped::start(server);
    for sent in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"PROXY TCP4 x\r\n", b"\x16\x03\x01"] {
        let mut client = server.connect();
        client.send(sent);
        ends_unanswered(&mut client);
    }
    for sent in [&VERSION_1[..20], &version_2_tcp_4()[..20], b""] {
        // The time of a head is over.
        let mut client = server.connect();
        client.send(sent);
        ends_unanswered(&mut client);
        let mut client = server.connect();
        client.send(sent).finish();
        ends_unanswered(&mut client);
    }
}

#[test]
fn other_listeners_take_no_proxy_header() {
    let server = Stopped::start(Server::new(site()).listen("127.0.0.1:0"));
    let mut client = server.connect();
    client.send([VERSION_1, get("").as_bytes()].concat());
    client.last_reply().expect(400);
}
