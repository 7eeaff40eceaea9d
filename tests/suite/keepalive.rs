//! Connections that are used many times, and clients that come and go. What RFC 9112 §9.3 demands has
//! its tests in `conformance`.

use crate::support::{Fixture, TestServer, noise};
use std::thread;

fn serve() -> TestServer {
    Fixture::new().file("a.txt", "it").serve()
}

fn request(headers: &str) -> String {
    format!("GET /a.txt HTTP/1.1\r\nHost: test\r\n{headers}\r\n")
}

#[test]
fn a_connection_stays_open() {
    let server = serve();
    let mut client = server.connect();
    for _ in 0..1000 {
        client.send(request(""));
        let reply = client.reply();
        assert!(reply.expect(200).body("it").keeps_alive());
    }
}

#[test]
fn what_only_looks_like_close_does_not_close() {
    let server = serve();
    for header in [
        "Connection: closed\r\n",
        "Connection: \"close\"\r\n",
        "X-Connection: close\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\n",
        "Proxy-Connection: close\r\n",
    ] {
        let reply = server.raw(request(header)).reply();
        assert!(reply.expect(200).keeps_alive(), "{header:?}");
    }
}

#[test]
fn a_client_may_come_and_go_without_a_word() {
    let server = serve();
    for _ in 0..50 {
        drop(server.connect());
    }
    server.get("/a.txt").send().expect(200);
}

#[test]
fn a_client_that_vanishes_in_the_middle_of_a_head_harms_nobody() {
    let server = serve();
    for cut in 0..30 {
        drop(server.raw(&request("")[..cut]));
    }
    server.get("/a.txt").send().expect(200);
}

#[test]
fn many_connections_are_served_side_by_side() {
    let server = serve();
    let mut clients: Vec<_> = (0..300).map(|_| server.connect()).collect();
    for _ in 0..3 {
        for client in &mut clients {
            client.send(request(""));
        }
        for client in &mut clients {
            client.reply().expect(200).body("it");
        }
    }
}

#[test]
fn many_clients_at_once_are_served_by_several_workers() {
    let server =
        Fixture::new().file("a.txt", "it").file("large.bin", noise(400_000)).workers(4).serve();
    let large = noise(400_000);
    thread::scope(|scope| {
        for number in 0..8 {
            let (server, large) = (&server, &large);
            scope.spawn(move || {
                for round in 0..20 {
                    let mut client = server.connect();
                    for step in 0..10 {
                        let (target, content): (_, &[u8]) = match (number + round + step) % 3 {
                            0 => ("large.bin", large),
                            _ => ("a.txt", b"it"),
                        };
                        client.send(format!("GET /{target} HTTP/1.1\r\nHost: test\r\n\r\n"));
                        client.reply().expect(200).body(content);
                    }
                }
            });
        }
    });
}
