//! The bounds in number: each is reached and not one further.

use crate::support::{Client, Fixture, Program, TestServer};
use std::time::Duration;

fn serve() -> TestServer {
    Fixture::new().file("a.txt", "it").serve()
}

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n{headers}\r\n")
}

/// RFC 9110 §15.5.15, RFC 9112 §3: at least 8000 bytes should be taken.
#[test]
fn a_target_may_take_8_kib_and_no_more() {
    let server = serve();
    let longest = format!("/a.txt?{}", "q".repeat(8 * 1024 - 7));
    server.raw(get(&longest, "")).reply().expect(200).body("it");
    server.raw(get(&format!("{longest}q"), "")).last_reply().expect(414);
}

#[test]
fn a_target_without_end_is_refused_before_it_ends() {
    let server = serve();
    let mut client = server.raw(format!("GET /{}", "x".repeat(20_000)));
    client.last_reply_after_finish().expect(414);
}

/// RFC 6585 §5.
#[test]
fn a_head_may_have_a_hundred_headers_and_no_more() {
    let server = serve();
    let headers = |count: usize| "X: y\r\n".repeat(count - 1);
    server.raw(get("/a.txt", &headers(100))).reply().expect(200);
    server.raw(get("/a.txt", &headers(101))).last_reply().expect(431);
}

#[test]
fn a_head_may_take_32_kib_and_no_more() {
    let server = serve();
    let head = |length: usize| {
        let rest = get("/a.txt", "X: \r\n").len();
        get("/a.txt", &format!("X: {}\r\n", "y".repeat(length - rest)))
    };
    server.raw(head(32 * 1024)).reply().expect(200).body("it");
    server.raw(head(32 * 1024 + 1)).last_reply().expect(431);
}

#[test]
fn a_header_without_end_is_refused_before_it_ends() {
    let server = serve();
    let mut client =
        server.raw(format!("GET /a.txt HTTP/1.1\r\nHost: test\r\nX: {}", "y".repeat(40_000)));
    client.last_reply_after_finish().expect(431);
}

#[test]
fn an_endless_word_is_refused() {
    let server = serve();
    let mut client = server.raw("x".repeat(100_000));
    let reply = client.last_reply_after_finish();
    assert!([400, 414, 501].contains(&reply.status), "{reply:?}");
}

#[test]
fn a_long_cookie_is_taken() {
    let server = serve();
    let cookie = format!("Cookie: {}\r\n", "c".repeat(16_000));
    let mut client = server.connect();
    for _ in 0..3 {
        client.send(get("/a.txt", &cookie));
        client.reply().expect(200).body("it");
    }
}

#[test]
fn the_bounds_of_a_head_can_be_set() {
    let server = Fixture::new()
        .file("a.txt", "it")
        .limits(|limits| {
            limits.target_bytes_max = 20;
            limits.head_bytes_max = 200;
            limits.header_count_max = 3;
        })
        .serve();
    server.raw(get("/a.txt", "")).reply().expect(200);
    let long = format!("/{}", "x".repeat(20));
    server.raw(get(&long, "")).last_reply().expect(414);
    let many = "A: b\r\n".repeat(3);
    server.raw(get("/a.txt", &many)).last_reply().expect(431);
    let large = format!("A: {}\r\n", "b".repeat(200));
    server.raw(get("/a.txt", &large)).last_reply().expect(431);
}

#[test]
fn the_number_of_ranges_can_be_set() {
    let server =
        Fixture::new().file("a.txt", "0123456789").limits(|limits| limits.ranges_max = 2).serve();
    let ask = |range| server.get("/a.txt").header("Range", range).send();
    ask("bytes=0-0,2-2").expect(206);
    ask("bytes=0-0,2-2,4-4").expect(200);
}

#[test]
fn more_connections_than_allowed_wait_for_their_turn() {
    let server =
        Fixture::new().file("a.txt", "it").limits(|limits| limits.connections_max = 2).serve();
    let mut served: Vec<Client> = (0..2).map(|_| server.raw(get("/a.txt", ""))).collect();
    for client in &mut served {
        client.reply().expect(200);
    }
    let mut waiting = server.raw(get("/a.txt", ""));
    // Those inside are served meanwhile, and the one outside is not.
    for _ in 0..20 {
        for client in &mut served {
            client.send(get("/a.txt", ""));
            client.reply().expect(200);
        }
        assert!(!waiting.has_news());
    }
    served.pop();
    waiting.reply().expect(200).body("it");
}

#[test]
fn a_full_server_takes_everyone_in_the_end() {
    let server =
        Fixture::new().file("a.txt", "it").limits(|limits| limits.connections_max = 3).serve();
    let mut clients: Vec<Client> =
        (0..50).map(|_| server.raw(get("/a.txt", "Connection: close\r\n"))).collect();
    for client in &mut clients {
        client.last_reply().expect(200).body("it");
    }
}

/// A server that has no room must not spend its time finding that out.
#[test]
fn a_full_server_sleeps() {
    let fixture = Fixture::new().file("a.txt", "it");
    let config = "[limits]\nconnections_max = 2\n";
    let program = Program::serve_with_config(&fixture.root(), config);
    let mut clients: Vec<Client> = (0..20).map(|_| program.connect()).collect();
    clients[0].send(get("/a.txt", ""));
    clients[0].reply().expect(200);
    assert!(program.ticks_within(Duration::from_secs(1)) < 20);
}
