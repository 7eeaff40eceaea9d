//! The end of a server: nobody who was let in is shown the door.

use crate::support::client::End;
use crate::support::{Client, Fixture, TestServer, digits, own_loopback, until};
use std::thread;
use std::time::{Duration, Instant};

const LARGE: usize = 40_000_000;

fn serve() -> TestServer {
    Fixture::new()
        .file("a.txt", "it")
        .file("large.bin", digits(LARGE))
        // The deadline is the business of the tests that set another one.
        .limits(|limits| limits.stop_timeout = Duration::from_secs(120))
        .listen(&format!("{}:0", own_loopback()))
        .serve()
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// A client in the middle of a download, and how much of it is still to come.
fn download(server: &TestServer) -> (Client, usize) {
    let mut client = server.raw(get("/large.bin"));
    client.reply_head("GET").expect(200);
    let read = client.read(1000).expect("content comes").len();
    (client, LARGE - read)
}

fn read_on(client: &mut Client, mut left: usize) {
    while left > 0 {
        left -= client.read(left).expect("the rest comes").len();
    }
}

#[test]
fn a_server_without_connections_ends_at_once() {
    let mut server = serve();
    let started = Instant::now();
    server.handle().stop();
    server.wait();
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_open_request_is_answered_to_its_end() {
    let mut server = serve();
    let (mut client, left) = download(&server);
    server.handle().stop();
    let reading = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        read_on(&mut client, left);
        client.ends();
    });
    server.wait();
    reading.join().expect("it came to its end");
}

#[test]
fn a_head_that_has_begun_may_be_finished() {
    let server = serve();
    let mut other = server.raw(get("/a.txt"));
    other.reply().expect(200);
    let mut client = server.raw("GET /a.txt HTTP/1.1\r\nHo");
    // That the first half has arrived shows by an answer to what was sent after it.
    other.send(get("/a.txt"));
    other.reply().expect(200);
    server.handle().stop();
    other.ends();
    client.send("st: test\r\n\r\n");
    client.last_reply().expect(200).body("it");
}

#[test]
fn an_idle_connection_is_closed() {
    let mut server = serve();
    let mut client = server.raw(get("/a.txt"));
    client.reply().expect(200);
    server.handle().stop();
    client.ends();
    server.wait();
}

#[test]
fn the_last_answer_says_that_it_is_the_last() {
    let server = serve();
    let (mut client, left) = download(&server);
    let mut idle = server.raw(get("/a.txt"));
    idle.reply().expect(200);
    client.send(get("/a.txt"));
    server.handle().stop();
    idle.ends();
    read_on(&mut client, left);
    client.last_reply().expect(200).body("it");
}

#[test]
fn connections_that_wait_in_the_queue_are_served() {
    // The worker is busy while they come, so that they are in the queue when it is told to stop.
    let mut server = Fixture::new()
        .file("a.txt", "it")
        .handler("/slow", |_: &httpd::Request<'_>| {
            thread::sleep(Duration::from_millis(300));
            httpd::Response::text("slow")
        })
        .serve();
    let mut busy = server.raw(get("/slow"));
    let mut queued: Vec<Client> = (0..100).map(|_| server.raw(get("/a.txt"))).collect();
    server.handle().stop();
    busy.reply().expect(200).body("slow");
    for client in &mut queued {
        client.reply().expect(200).body("it");
    }
    server.wait();
}

#[test]
fn queues_of_all_workers_are_served() {
    let mut server = Fixture::new().file("a.txt", "it").workers(4).serve();
    let mut clients: Vec<Client> = (0..200).map(|_| server.raw(get("/a.txt"))).collect();
    server.handle().stop();
    for client in &mut clients {
        client.reply().expect(200).body("it");
    }
    server.wait();
}

#[test]
fn nobody_new_is_let_in_while_open_requests_finish() {
    let server = serve();
    let mut idle = server.raw(get("/a.txt"));
    idle.reply().expect(200);
    let (mut client, left) = download(&server);
    server.handle().stop();
    idle.ends();
    let address = server.address().clone();
    // Refused, reset, or closed: but neither served nor left to wait until the others are done.
    until("a new connection is turned away", || {
        let Ok(mut new) = Client::try_connect(&address) else {
            return Some(());
        };
        let _ = new.try_send(get("/a.txt").as_bytes());
        let patience = Instant::now() + Duration::from_millis(200);
        while Instant::now() < patience {
            if new.has_news() {
                let (wire, _) = new.rest();
                assert!(wire.is_empty(), "it was served: {}", wire.escape_ascii());
                return Some(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    });
    read_on(&mut client, left);
}

#[test]
fn after_the_end_connections_are_refused() {
    let mut server = serve();
    let address = server.address().clone();
    server.handle().stop();
    server.wait();
    assert!(Client::try_connect(&address).is_err());
}

#[test]
fn the_deadline_cuts_what_does_not_end() {
    let mut server = Fixture::new()
        .file("large.bin", digits(LARGE))
        .limits(|limits| limits.stop_timeout = Duration::from_millis(200))
        .serve();
    let (mut client, left) = download(&server);
    let started = Instant::now();
    server.handle().stop();
    server.wait();
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(190), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let (rest, _) = client.rest();
    assert!(rest.len() < left);
}

#[test]
fn a_response_cut_at_the_deadline_does_not_look_like_an_end() {
    let mut server = Fixture::new()
        .file("large.bin", digits(LARGE))
        .limits(|limits| limits.stop_timeout = Duration::from_millis(50))
        .serve();
    let (mut client, left) = download(&server);
    server.handle().stop();
    server.wait();
    let (rest, end) = client.rest();
    assert!(rest.len() < left);
    assert_eq!(end, End::Reset);
}

#[test]
fn stopping_now_cuts_at_once() {
    let mut server = serve();
    let (_client, _) = download(&server);
    let started = Instant::now();
    server.handle().stop_now();
    server.wait();
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_second_word_may_hasten_the_first() {
    let mut server = serve();
    let (_client, _) = download(&server);
    let started = Instant::now();
    server.handle().stop();
    server.handle().stop();
    server.handle().stop_now();
    server.wait();
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_client_that_connected_and_said_nothing_does_not_hold_up_the_end() {
    let mut server = serve();
    let _silent = server.connect();
    server.get("/a.txt").send().expect(200);
    let started = Instant::now();
    server.handle().stop();
    server.wait();
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_client_that_lingers_does_not_hold_up_the_end_beyond_the_deadline() {
    let mut server =
        Fixture::new().limits(|limits| limits.stop_timeout = Duration::from_millis(200)).serve();
    let mut client = server.raw("nonsense\r\n\r\n");
    client.reply().expect(400);
    let started = Instant::now();
    server.handle().stop();
    server.wait();
    assert!(started.elapsed() < Duration::from_secs(5));
}
