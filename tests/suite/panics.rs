//! A handler that panics costs its request, and nothing else.

use crate::support::{Fixture, TestServer};
use httpd::{Request, Response, blocking};

fn serve() -> TestServer {
    Fixture::new()
        .file("a.txt", "it")
        .handler("/panic", |_: &Request<'_>| -> Response {
            panic!("this test's handler panics, as it should")
        })
        .handler(
            "/panic/blocking",
            blocking(|_| -> Response {
                panic!("this test's handler panics on its thread, as it should")
            }),
        )
        .serve()
}

const GOOD: &str = "GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";
const BAD: [&str; 2] = [
    "GET /panic HTTP/1.1\r\nHost: test\r\n\r\n",
    "GET /panic/blocking HTTP/1.1\r\nHost: test\r\n\r\n",
];

#[test]
fn a_panic_is_answered_with_500() {
    let server = serve();
    for bad in BAD {
        assert!(server.raw(bad).reply().expect(500).text().contains("500 Internal Server Error"));
    }
}

#[test]
fn a_panic_leaves_other_connections_alone() {
    let server = serve();
    let mut other = server.raw(GOOD);
    other.reply().expect(200);
    for bad in BAD.repeat(50) {
        server.raw(bad).reply().expect(500);
    }
    other.send(GOOD);
    other.reply().expect(200).body("it");
    server.get("/a.txt").send().expect(200);
}

#[test]
fn requests_around_a_panic_are_answered_in_their_order() {
    let server = serve();
    for bad in BAD {
        let mut client = server.raw(format!("{GOOD}{bad}{GOOD}"));
        client.reply().expect(200).body("it");
        client.reply().expect(500);
        client.reply().expect(200).body("it");
    }
}

#[test]
fn a_server_whose_handler_panicked_stops_in_good_order() {
    let mut server = serve();
    for bad in BAD {
        server.raw(bad).reply().expect(500);
    }
    server.handle().stop();
    server.wait();
}
