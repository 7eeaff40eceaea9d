//! Requests that do not wait for the answer to the one before (RFC 9112 §9.3.2).

use crate::support::{Client, Fixture, Reply, TestServer, digits, noise};
use std::io::Write;
use std::thread;

/// A conversation of every kind of request that leaves the connection open, and the answers to it:
/// method, status, content.
const SAMPLE: &[(&str, &str, u16, &str)] = &[
    ("GET", "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n", 200, "it"),
    ("HEAD", "HEAD /a.txt HTTP/1.1\r\nHost: test\r\n\r\n", 200, ""),
    ("POST", "POST /a.txt HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nGET /", 405, ""),
    ("GET", "\r\nGET /a.txt HTTP/1.1\r\nHost: test\r\nRange: bytes=1-1\r\n\r\n", 206, "t"),
    (
        "PUT",
        "PUT /a.txt HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
        405,
        "",
    ),
    ("OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n", 204, ""),
    ("GET", "GET /x/../%61.txt?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "it"),
    ("GET", "GET /none HTTP/1.1\r\nHost: test\r\n\r\n", 404, ""),
    ("GET", "GET /a.txt HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", 200, "it"),
];

fn serve() -> TestServer {
    Fixture::new()
        .error_bodies(httpd::ErrorBodies::Off)
        .file("a.txt", "it")
        .file("large.bin", noise(700_000))
        .serve()
}

fn sample() -> String {
    SAMPLE.iter().map(|(_, request, ..)| *request).collect()
}

#[track_caller]
fn answers_the_sample(client: &mut Client) {
    for (method, request, status, body) in SAMPLE {
        let reply: Reply = client.reply_to(method);
        assert_eq!(reply.status, *status, "{request:?}: {reply:?}");
        reply.body(body);
    }
    client.ends();
}

#[test]
fn a_whole_conversation_may_come_at_once() {
    answers_the_sample(&mut serve().raw(sample()));
}

#[test]
fn a_conversation_cut_in_two_anywhere_is_answered_alike() {
    let server = serve();
    let sample = sample();
    for cut in 1..sample.len() {
        let mut client = server.raw(&sample[..cut]);
        // Let the first piece arrive by itself: what it completes has been answered before the
        // second is sent, and where it completes nothing the pieces may well be read as one.
        let complete = (0..SAMPLE.len())
            .scan(0, |end, number| {
                *end += SAMPLE[number].1.len();
                Some(*end)
            })
            .take_while(|end| *end <= cut)
            .count();
        let mut early = Vec::new();
        for (method, ..) in &SAMPLE[..complete] {
            early.push(client.reply_to(method));
        }
        client.send(&sample[cut..]);
        for (number, (method, request, status, body)) in SAMPLE.iter().enumerate() {
            let reply = match early.get(number) {
                Some(reply) => reply.clone(),
                None => client.reply_to(method),
            };
            assert_eq!(reply.status, *status, "cut at {cut}, {request:?}: {reply:?}");
            reply.body(body);
        }
        client.ends();
    }
}

#[test]
fn a_conversation_that_comes_byte_by_byte_is_answered_alike() {
    let server = serve();
    let mut client = server.connect();
    for byte in sample().bytes() {
        client.send([byte]);
    }
    answers_the_sample(&mut client);
}

#[test]
fn a_conversation_in_small_pieces_is_answered_alike() {
    let server = serve();
    for size in [2, 3, 7, 16, 61, 100] {
        let mut client = server.connect();
        for piece in sample().as_bytes().chunks(size) {
            client.send(piece);
        }
        answers_the_sample(&mut client);
    }
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let fixture = (0..100).fold(Fixture::new(), |fixture, number| {
        fixture.file(format!("{number}.txt"), number.to_string())
    });
    let server = fixture.serve();
    let requests: String = (0..100)
        .map(|number| format!("GET /{number}.txt HTTP/1.1\r\nHost: test\r\n\r\n"))
        .collect();
    let mut client = server.raw(requests);
    for number in 0..100 {
        client.reply().expect(200).body(number.to_string());
    }
}

#[test]
fn large_and_small_answers_keep_their_order() {
    let server = serve();
    let requests: String = (0..30)
        .map(|number| {
            let target = if number % 3 == 1 { "large.bin" } else { "a.txt" };
            format!("GET /{target} HTTP/1.1\r\nHost: test\r\n\r\n")
        })
        .collect();
    let mut client = server.raw(requests);
    let large = noise(700_000);
    for number in 0..30 {
        let expected: &[u8] = if number % 3 == 1 { &large } else { b"it" };
        client.reply().expect(200).body(expected);
    }
}

#[test]
fn thousands_of_requests_from_a_client_that_does_not_read_meanwhile() {
    let content = digits(3000);
    let server = Fixture::new().file("page", &content).serve();
    let mut client = server.connect();
    let mut sender = client.sender();
    const COUNT: usize = 5000;
    let writing = thread::spawn(move || {
        let batch = "GET /page HTTP/1.1\r\nHost: test\r\n\r\n".repeat(100);
        for _ in 0..COUNT / 100 {
            sender.write_all(batch.as_bytes()).expect("they are taken");
        }
    });
    for _ in 0..COUNT {
        client.reply().expect(200).body(&content);
    }
    writing.join().expect("everything was sent");
}

#[test]
fn a_malformed_request_behind_good_ones_is_answered_after_them() {
    let server = serve();
    let good = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut client = server.raw(format!("{good}{good}nonsense\r\n\r\n{good}"));
    client.reply().expect(200);
    client.reply().expect(200);
    client.last_reply().expect(400);
}

#[test]
fn an_answer_does_not_wait_for_the_rest_of_the_next_request() {
    let server = serve();
    let mut client =
        server.raw("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\nGET /a.txt HTTP/1.1\r\nHo");
    client.reply().expect(200).body("it");
    client.send("st: test\r\n\r\n");
    client.reply().expect(200).body("it");
}

#[test]
fn a_response_does_not_wait_for_the_body_of_the_next_request() {
    let server = serve();
    let mut client = server.raw(
        "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n\
         POST /a.txt HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nab",
    );
    client.reply().expect(200).body("it");
    client.send("c");
    client.reply().expect(405);
}

#[test]
fn a_conversation_on_one_connection_does_not_disturb_another() {
    let server = serve();
    let sample = sample();
    let mut clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for piece in sample.as_bytes().chunks(11) {
        for client in &mut clients {
            client.send(piece);
        }
    }
    for client in &mut clients {
        answers_the_sample(client);
    }
}
