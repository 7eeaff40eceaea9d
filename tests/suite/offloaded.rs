//! Handlers that take their time: on a thread of the pool, and never in the way of the others.

use crate::support::wait::PATIENCE;
use crate::support::{Fixture, digits, until};
use httpd::{Method, Request, Response, Status, blocking};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A handler that waits for the test, and says when it has begun.
struct Gate {
    begun: Receiver<()>,
    open: Sender<()>,
}

fn gate() -> (Gate, impl Fn(&Request<'_>) -> Response + Send + Sync + 'static) {
    let (begin, begun) = mpsc::channel();
    let (open, opened) = mpsc::channel::<()>();
    let opened = Mutex::new(opened);
    let handler = move |_: &Request<'_>| {
        let _ = begin.send(());
        let _ = opened.lock().expect("no test panics in here").recv();
        Response::text("through the gate\n")
    };
    (Gate { begun, open }, handler)
}

#[test]
fn a_blocking_handler_sees_the_request_and_says_everything_of_the_answer() {
    let server = Fixture::new()
        .handler(
            "/echo",
            blocking(|request| {
                Response::text(format!(
                    "{} {} {} {} {} {} {}",
                    request.method(),
                    request.path(),
                    request.path_in_location().expect("it is text"),
                    request.query().unwrap_or("none"),
                    request.host(),
                    request.header("x-custom").unwrap_or("none"),
                    request.peer().expect("a TCP client").ip(),
                ))
                .status(Status::ACCEPTED)
                .header("X-Thread", std::thread::current().name().unwrap_or_default())
            }),
        )
        .serve();
    server
        .get("/echo/a%20b/../c?d=%20")
        .header("X-CUSTOM", " value ")
        .send()
        .expect(202)
        .header("X-Thread", "handler")
        .header("Content-Type", "text/plain; charset=utf-8")
        .body("GET /echo/c /c d=%20 test value 127.0.0.1");
    server.head("/echo").send().expect(202).body("");
}

#[test]
fn a_handler_that_waits_holds_up_nobody_else_on_its_worker() {
    let (gate, handler) = gate();
    let server = Fixture::new().file("a.txt", "it").handler("/slow", blocking(handler)).serve();
    let mut slow = server.raw("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    gate.begun.recv_timeout(PATIENCE).expect("it begins");
    for _ in 0..20 {
        server.get("/a.txt").send().expect(200).body("it");
    }
    assert!(!slow.has_news());
    gate.open.send(()).expect("it waits");
    slow.reply().expect(200).body("through the gate\n");
}

#[test]
fn answers_keep_the_order_of_pipelined_requests() {
    let server = Fixture::new()
        .file("a.txt", "it")
        .handler("/slow", blocking(|_| Response::text("slow\n")))
        .serve();
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut client =
        server.raw([get("/a.txt"), get("/slow"), get("/slow"), get("/a.txt")].concat());
    for expected in ["it", "slow\n", "slow\n", "it"] {
        client.reply().expect(200).body(expected);
    }
}

/// RFC 9110 §15.6.4.
#[test]
fn when_all_threads_are_busy_and_the_queue_is_full_the_answer_is_503_at_once() {
    let (gate, handler) = gate();
    let server = Fixture::new()
        .limits(|limits| {
            limits.handler_threads_max = 2;
            limits.handler_queue_max = 3;
        })
        .handler("/slow", blocking(handler))
        .serve();
    let slow = "GET /slow HTTP/1.1\r\nHost: test\r\n\r\n";
    let mut waiting: Vec<_> = (0..2).map(|_| server.raw(slow)).collect();
    for _ in 0..2 {
        gate.begun.recv_timeout(PATIENCE).expect("a thread begins");
    }
    // Whichever come first are queued; the others are told at once.
    let mut others: Vec<_> = (0..6).map(|_| server.raw(slow)).collect();
    let refused = until("three are refused", || {
        let refused: usize = others.iter_mut().map(|client| usize::from(client.has_news())).sum();
        (refused >= 3).then_some(refused)
    });
    assert_eq!(refused, 3);
    for client in &mut others {
        if client.has_news() {
            assert!(client.reply().expect(503).header("Retry-After", "1").keeps_alive());
        }
    }
    for _ in 0..5 {
        gate.open.send(()).expect("somebody waits");
    }
    waiting.extend(others);
    let answered = until("the five that were taken are answered", || {
        let answered: usize = waiting.iter_mut().map(|client| usize::from(client.has_news())).sum();
        (answered >= 5).then_some(answered)
    });
    assert_eq!(answered, 5);
}

#[test]
fn a_handler_that_takes_too_long_is_answered_for_and_its_late_answer_is_dropped() {
    let (gate, handler) = gate();
    let server = Fixture::new()
        .limits(|limits| limits.answer_timeout = Duration::from_millis(50))
        .handler("/slow", blocking(handler))
        .serve();
    let mut client = server.raw("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    client.last_reply_after_finish().expect(503);
    gate.open.send(()).expect("it waits still");
    server.get("/").send().expect(404);
}

#[test]
fn an_answer_for_a_client_that_has_gone_finds_nobody() {
    let (gate, handler) = gate();
    let server = Fixture::new().file("a.txt", "it").handler("/slow", blocking(handler)).serve();
    for _ in 0..10 {
        drop(server.raw("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n"));
        gate.begun.recv_timeout(PATIENCE).expect("it begins");
        let mut newcomer = server.raw("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
        gate.open.send(()).expect("it waits");
        newcomer.reply().expect(200).body("it");
        server.get("/a.txt").send().expect(200).body("it");
    }
}

#[test]
fn a_stop_waits_for_the_answer_of_a_handler() {
    let (gate, handler) = gate();
    let mut server = Fixture::new().handler("/slow", blocking(handler)).serve();
    let mut client = server.raw("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    gate.begun.recv_timeout(PATIENCE).expect("it begins");
    server.handle().stop();
    gate.open.send(()).expect("it waits");
    client.last_reply().expect(200).body("through the gate\n");
    server.wait();
}

#[test]
fn a_stop_does_not_wait_for_a_handler_beyond_its_deadline() {
    let (gate, handler) = gate();
    let mut server = Fixture::new()
        .limits(|limits| limits.stop_timeout = Duration::from_millis(50))
        .handler("/slow", blocking(handler))
        .serve();
    let _client = server.raw("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
    gate.begun.recv_timeout(PATIENCE).expect("it begins");
    let asked = Instant::now();
    server.handle().stop();
    server.wait();
    assert!(asked.elapsed() < Duration::from_secs(5));
    drop(gate);
}

#[test]
fn many_requests_at_once_are_all_answered_once() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let server = Fixture::new()
        .workers(2)
        .handler(
            "/count",
            blocking(move |request| {
                counter.fetch_add(1, Ordering::SeqCst);
                Response::bytes("text/plain", request.query().unwrap_or_default().into())
            }),
        )
        .serve();
    let mut clients: Vec<_> = (0..50).map(|_| server.connect()).collect();
    for round in 0..20 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(format!("GET /count?{round}-{number} HTTP/1.1\r\nHost: test\r\n\r\n"));
        }
        for (number, client) in clients.iter_mut().enumerate() {
            client.reply().expect(200).body(format!("{round}-{number}"));
        }
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1000);
}

#[test]
fn methods_of_one_path_may_have_handlers_of_their_own() {
    let server = Fixture::new()
        .file("notes/a.txt", "it")
        .mount("/notes", httpd::Mapping::Root)
        .handler("/notes", blocking(|_| Response::text("noted\n")).methods(&[Method::Post]))
        .site(|site| {
            site.at(httpd::Location::exact("/notes/exact"), |_: &httpd::Request<'_>| {
                httpd::Response::text("exact\n")
            })
        })
        .serve();
    server.get("/notes/a.txt").send().expect(200).body("it");
    server.request("POST", "/notes/a.txt").content("x").send().expect(200).body("noted\n");
    server.request("PUT", "/notes").send().expect(405).header("Allow", "GET, HEAD, POST, OPTIONS");
    server.get("/notes/exact").send().expect(200).body("exact\n");
    server.get("/notes/exact/x").send().expect(404);
}

#[test]
fn a_body_of_every_size_is_sent_whole_from_a_thread() {
    let server = Fixture::new()
        .handler(
            "/bytes",
            blocking(|request| {
                let length = request.query().unwrap_or("0").parse().unwrap_or(0);
                Response::bytes("application/octet-stream", digits(length))
            }),
        )
        .serve();
    let mut client = server.connect();
    for length in [0, 1, 4095, 4096, 4097, 65_536, 3_000_000] {
        client.send(format!("GET /bytes?{length} HTTP/1.1\r\nHost: test\r\n\r\n"));
        client.reply().expect(200).body(digits(length));
    }
}
