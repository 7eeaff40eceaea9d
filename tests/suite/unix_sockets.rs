//! Listening on a Unix socket, as behind a proxy on the same machine.

use crate::support::{Client, Fixture, digits, until};
use httpd::{Address, Running, Server, Site, SocketAccess, StartError};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

#[test]
fn requests_are_answered_over_a_unix_socket() {
    let server = Fixture::new().file("a.txt", "it").listen_unix().serve();
    let mut client = server.connect();
    for _ in 0..3 {
        client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
        client.reply().expect(200).body("it");
    }
}

#[test]
fn large_files_are_sent_over_a_unix_socket() {
    let content = crate::support::noise(5_000_000);
    let server = Fixture::new().file("large.bin", &content).listen_unix().serve();
    server.get("/large.bin").send().expect(200).body(content);
}

#[test]
fn all_workers_take_from_one_unix_socket() {
    let server = Fixture::new().file("a.txt", "it").workers(3).listen_unix().serve();
    for _ in 0..50 {
        server.get("/a.txt").send().expect(200);
    }
}

#[test]
fn a_unix_socket_and_a_port_may_be_listened_on_together() {
    let server = Fixture::new().file("a.txt", "it").listen_unix().listen("127.0.0.1:0").serve();
    assert_eq!(server.addresses().len(), 2);
    for address in server.addresses() {
        let mut client = Client::connect(address);
        client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
        client.reply().expect(200).body("it");
    }
}

#[test]
fn the_socket_is_removed_at_the_end() {
    let mut server = Fixture::new().listen_unix().serve();
    let Address::Unix(path) = server.address().clone() else {
        panic!("not a Unix socket");
    };
    assert!(path.exists());
    server.handle().stop();
    server.wait();
    assert!(!path.exists());
}

#[test]
fn a_socket_that_nobody_listens_on_any_more_is_replaced() {
    let fixture = Fixture::new().file("a.txt", "it");
    drop(UnixListener::bind(fixture.place().join("socket")).expect("a socket"));
    let server = fixture.listen_unix().serve();
    server.get("/a.txt").send().expect(200);
}

#[test]
fn a_socket_that_somebody_listens_on_is_left_alone() {
    let fixture = Fixture::new();
    let path = fixture.place().join("socket");
    let theirs = UnixListener::bind(&path).expect("a socket");
    let error = start(&path).expect_err("it is taken");
    assert!(error.to_string().contains("another program"), "{error}");
    assert!(path.exists());
    drop(theirs);
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let fixture = Fixture::new().outside("socket", "precious");
    let path = fixture.place().join("socket");
    let error = start(&path).expect_err("it is no socket");
    assert!(error.to_string().contains("not a socket"), "{error}");
    assert_eq!(std::fs::read(&path).expect("it is there"), b"precious");
}

#[test]
fn a_server_that_ends_leaves_the_socket_of_its_successor_alone() {
    let mut server = Fixture::new().file("large.bin", digits(30_000_000)).listen_unix().serve();
    let Address::Unix(path) = server.address().clone() else {
        panic!("not a Unix socket");
    };
    let mut client = server.raw("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply_head("GET").expect(200);
    server.handle().stop();
    // It has a request to finish, and nobody can connect to it any more.
    let successor = until("its successor listens", || start(&path).ok());
    drop(client);
    server.wait();
    assert!(path.exists(), "the successor's socket is gone");
    assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
    successor.handle().stop();
    successor.wait();
    assert!(!path.exists());
}

#[test]
fn everyone_may_connect_to_a_socket_unless_it_is_said_who() {
    let fixture = Fixture::new();
    let path = fixture.place().join("socket");
    let mode = || std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777;
    let running = start(&path).expect("it is free");
    assert_eq!(mode(), 0o666);
    running.handle().stop();
    running.wait();
    let access = SocketAccess { mode: 0o600, group: None };
    let server = Server::new(Site::new()).listen(&format!("unix:{}", path.display()));
    let running = server.socket_access(access).start().expect("it is free");
    assert_eq!(mode(), 0o600);
    running.handle().stop();
    running.wait();
}

#[test]
fn a_client_of_a_unix_socket_is_logged_as_such() {
    let server = Fixture::new().file("a.txt", "it").listen_unix().access_log().serve();
    server.get("/a.txt").send().expect(200);
    let line = server.log_lines(1).remove(0);
    assert!(line.starts_with("unix: - - ["), "{line}");
}

fn start(path: &std::path::Path) -> Result<Running, StartError> {
    Server::new(Site::new()).listen(&format!("unix:{}", path.display())).start()
}
