//! A handler that panics costs its request, and nothing else.

use crate::support::{Fixture, TestServer, logged};
use httpd::{Request, Response, blocking};
use std::io;

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

/// What goes wrong around a handler has no request of its own to name, and is named all the same.
#[test]
fn the_log_names_the_request_whose_functions_fail() {
    logged::listen();
    let server = Fixture::new()
        .site(|site| {
            site.around("/named/layer", |_, _| panic!("this function panics, as it should"))
                .around("/named/change", |_, next| {
                    next.then(|_| panic!("this change panics, as it should"))
                })
                .around("/named/check", |_, next| {
                    next.blocking(|| Err::<(), _>(io::Error::other("no database")))
                })
                .around("/named/check-that-panics", |_, next| {
                    next.blocking(|| -> Result<(), String> { panic!("it panics, as it should") })
                })
                .at("/named/error", blocking(|_| io::Error::other("no disk")))
                .get("/named/{*rest}", |_| "never seen")
        })
        .serve();
    for (path, what) in [
        ("/named/layer", "a function around its handler panicked; answered 500"),
        ("/named/change", "a function around its handler panicked; answered 500"),
        ("/named/check", "its handler failed: no database; answered 500"),
        ("/named/check-that-panics", "its handler panicked; answered 500"),
        ("/named/error", "its handler failed: no disk; answered 500"),
    ] {
        server.get(path).send().expect(500);
        let line = logged::line(&format!("GET {path}: "));
        assert!(line.ends_with(what), "{line}");
    }
}
