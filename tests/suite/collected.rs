//! Content that a handler wants: taken in whole, in memory or on the disk, before it is asked.

use crate::support::client::End;
use crate::support::{Fixture, TestServer, digits, until};
use httpd::{Method, Request, Response, blocking, inline};
use std::io::Read;
use std::time::Duration;

const KIB: usize = 1024;

/// Says how the content came and gives it back.
fn mirror(request: &Request<'_>) -> Response {
    let mut body = request.take_body();
    let how = match (body.length(), body.as_bytes()) {
        (Some(0), _) => "empty",
        (Some(_), Some(_)) => "memory",
        (Some(_), None) => "disk",
        (None, _) => "stream",
    };
    let mut content = Vec::new();
    match body.read_to_end(&mut content) {
        Ok(_) => Response::bytes("application/octet-stream", content).header("X-How", how),
        Err(error) => Response::text(error.to_string()).status(httpd::Status::BAD_REQUEST),
    }
}

fn serve() -> TestServer {
    let both = &[Method::Post, Method::Put];
    Fixture::new()
        .limits(|limits| limits.body_memory_bytes_max = 16 * KIB)
        .handler("/mirror", blocking(mirror).methods(both).body_bytes_max(4 * 1024 * KIB as u64))
        .handler("/small", blocking(mirror).methods(both).body_bytes_max(10))
        .handler(
            "/inline",
            inline(|request| request.read_body().expect("it is in memory"))
                .methods(both)
                .body_bytes_max(20_000),
        )
        .serve()
}

fn chunked(content: &[u8], size: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    for chunk in content.chunks(size) {
        wire.extend_from_slice(format!("{:x};ext=\"1\"\r\n", chunk.len()).as_bytes());
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\nX-Trailer: 1\r\n\r\n");
    wire
}

fn post(target: &str, headers: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: test\r\n{headers}\r\n")
}

#[test]
fn a_body_of_every_size_comes_whole_however_it_is_framed() {
    let server = serve();
    let mut client = server.connect();
    for (length, how) in [
        (0, "empty"),
        (1, "memory"),
        (16 * KIB - 1, "memory"),
        (16 * KIB, "memory"),
        (16 * KIB + 1, "disk"),
        (100 * KIB, "disk"),
        (4 * 1024 * KIB, "disk"),
    ] {
        let content = digits(length);
        client.send(post("/mirror", &format!("Content-Length: {length}\r\n")));
        client.send(&content);
        client.reply().expect(200).header("X-How", how).body(&content);

        client.send(post("/mirror", "Transfer-Encoding: chunked\r\n"));
        client.send(chunked(&content, 7000));
        client.reply().expect(200).body(&content);
    }
}

#[test]
fn an_inline_handler_gets_its_body_in_memory() {
    let server = serve();
    for length in [0, 1, 10_000, 20_000] {
        let content = digits(length);
        server.request("POST", "/inline").content(&content).send().expect(200).body(&content);
    }
    server.request("POST", "/inline").content(digits(20_001)).send().expect(413);
}

#[test]
fn requests_pipelined_behind_a_body_are_found() {
    let server = serve();
    let content = digits(50_000);
    let one = [
        post("/mirror", "Content-Length: 50000\r\n").into_bytes(),
        content.clone(),
        post("/inline", "Transfer-Encoding: chunked\r\n").into_bytes(),
        chunked(b"GET / HTTP/1.1\r\n\r\n", 3),
    ]
    .concat();
    let mut client = server.raw([&one[..], &one[..]].concat());
    for _ in 0..2 {
        client.reply().expect(200).body(&content);
        client.reply().expect(200).body("GET / HTTP/1.1\r\n\r\n");
    }
}

#[test]
fn a_body_cut_at_every_place_comes_whole() {
    let server = Fixture::new()
        .limits(|limits| limits.body_memory_bytes_max = 4)
        .handler("/mirror", blocking(mirror).methods(&[Method::Post]))
        .serve();
    let wire = [
        post("/mirror", "Transfer-Encoding: chunked\r\n").as_bytes(),
        b"3\r\nabc\r\n9\r\ndefghijkl\r\n0\r\n\r\n",
    ]
    .concat();
    let mut client = server.connect();
    for cut in 1..wire.len() {
        client.send(&wire[..cut]);
        client.send(&wire[cut..]);
        client.reply().expect(200).body("abcdefghijkl");
    }
}

/// RFC 9110 §10.1.1.
#[test]
fn a_client_that_asks_first_gets_100_where_its_body_is_wanted() {
    let server = serve();
    let mut client = server.connect();
    for _ in 0..2 {
        client.send(post("/mirror", "Content-Length: 5\r\nExpect: 100-continue\r\n"));
        assert_eq!(client.interim(), "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("hello");
        client.reply().expect(200).body("hello");
    }
    client.send(post("/small", "Content-Length: 11\r\nExpect: 100-continue\r\n"));
    client.last_reply_after_finish().expect(413);
}

/// RFC 9110 §10.1.1: it may be left out when the content has begun to come.
#[test]
fn a_client_that_asks_and_does_not_wait_is_answered_once() {
    let server = serve();
    let mut client =
        server.raw(post("/mirror", "Content-Length: 5\r\nExpect: 100-continue\r\n") + "hello");
    client.reply().expect(200).body("hello");
    client.finish().ends();
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read_where_its_length_is_announced() {
    let server = serve();
    server.raw(post("/small", "Content-Length: 11\r\n")).last_reply_after_finish().expect(413);
    let mut client = server.raw(post("/small", "Transfer-Encoding: chunked\r\n"));
    client.send(chunked(&digits(10), 3));
    client.reply().expect(200).body(digits(10));
    client.send(post("/small", "Transfer-Encoding: chunked\r\n"));
    client.send("6\r\n123456\r\n5\r\n78901\r\n");
    client.last_reply_after_finish().expect(413);
}

#[test]
fn a_body_that_breaks_off_is_never_handed_on() {
    let server = serve();
    for length in [5, 100_000] {
        let mut client = server.raw(post("/mirror", &format!("Content-Length: {length}\r\n")));
        client.send(digits(length - 1));
        client.finish();
        assert_eq!(client.rest(), (Vec::new(), End::Fin), "{length}");
    }
}

/// RFC 9110 §15.5.9.
#[test]
fn a_body_that_trickles_runs_out_of_time_and_one_that_flows_does_not() {
    let server = Fixture::new()
        .limits(|limits| {
            limits.body_timeout = Duration::from_millis(300);
            limits.body_rate_min_bytes = 1000;
        })
        .handler("/mirror", blocking(mirror).methods(&[Method::Post]))
        .serve();
    let mut trickles = server.raw(post("/mirror", "Content-Length: 100000\r\n"));
    let mut flows = server.raw(post("/mirror", "Content-Length: 5000\r\n"));
    flows.send(digits(4000));
    for _ in 0..4 {
        trickles.send("x");
    }
    trickles.last_reply_after_finish().expect(408);
    assert!(!flows.has_news(), "4000 bytes have earned it four seconds");
    flows.send(digits(1000));
    flows.reply().expect(200);
}

#[test]
fn a_slow_client_costs_no_thread_while_its_body_comes() {
    let server = Fixture::new()
        .limits(|limits| {
            limits.handler_threads_max = 1;
            // A thread that has answered is not idle yet when the answer arrives.
            limits.handler_queue_max = 1;
        })
        .handler("/mirror", blocking(mirror).methods(&[Method::Post]))
        .serve();
    let mut slow: Vec<_> = (0..50)
        .map(|_| {
            let mut client = server.raw(post("/mirror", "Content-Length: 4\r\n"));
            client.send("abc");
            client
        })
        .collect();
    for _ in 0..20 {
        server.request("POST", "/mirror").content("fast").send().expect(200).body("fast");
    }
    for client in &mut slow {
        client.send("d");
        client.reply().expect(200).body("abcd");
    }
}

#[test]
fn a_spooled_body_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let spool = fixture.place().join("spool");
    std::fs::create_dir(&spool).expect("the place is ours");
    let (server, _place) = fixture
        .limits(|limits| limits.body_memory_bytes_max = KIB)
        .handler("/mirror", blocking(mirror).methods(&[Method::Post]))
        .server();
    let running = server.spool_directory(&spool).start().expect("a free port");
    let connect = || crate::support::Client::connect(&running.addresses()[0]);
    let mut whole = connect();
    whole.send(post("/mirror", "Content-Length: 50000\r\n")).send(digits(50_000));
    whole.reply().expect(200).header("X-How", "disk");
    let mut broken = connect();
    broken.send(post("/mirror", "Content-Length: 50000\r\n")).send(digits(40_000));
    broken.finish();
    broken.ends();
    drop((whole, broken));
    let open = || {
        let links = std::fs::read_dir("/proc/self/fd").expect("every Linux has it");
        links
            .filter_map(|link| std::fs::read_link(link.ok()?.path()).ok())
            .filter(|path| path.starts_with(&spool) && *path != spool)
            .count()
    };
    until("every file is closed", || (open() == 0).then_some(()));
    assert_eq!(std::fs::read_dir(&spool).expect("it is there").count(), 0);
    running.handle().stop_now();
    running.wait();
}

#[test]
fn a_disk_that_takes_nothing_is_answered_with_500_and_the_server_goes_on() {
    let (server, _place) = Fixture::new()
        .limits(|limits| limits.body_memory_bytes_max = KIB)
        .handler("/mirror", blocking(mirror).methods(&[Method::Post]))
        .server();
    let running = server.spool_directory("/no/such/directory").start().expect("a free port");
    let mut client = crate::support::Client::connect(&running.addresses()[0]);
    client.send(post("/mirror", "Content-Length: 50000\r\n")).send(digits(50_000));
    client.last_reply_after_finish().expect(500);
    let mut client = crate::support::Client::connect(&running.addresses()[0]);
    client.send(post("/mirror", "Content-Length: 3\r\n")).send("abc");
    client.reply().expect(200).body("abc");
    running.handle().stop_now();
    running.wait();
}
