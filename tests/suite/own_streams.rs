//! Connections that come from elsewhere, and are handed to the server.

use crate::support::wait::PATIENCE;
use crate::support::{Client, Fixture, TestServer, until};
use httpd::{Address, Method, Request, Response, ServeErrorKind, Server, Site, blocking};
use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::sync::mpsc;

/// A client whose connection is a socket pair.
fn hand_over(server: &TestServer) -> Client {
    let (client, served) = UnixStream::pair().expect("descriptors are left");
    server.handle().serve(served).expect("it is a connection");
    Client::over(client)
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

#[test]
fn one_end_of_a_socket_pair_is_served_like_any_connection() {
    let server = Fixture::new().file("a.txt", "it").serve();
    let mut client = hand_over(&server);
    for _ in 0..2 {
        client.send(get("/a.txt")).reply().expect(200).body("it");
    }
    client.send([get("/a.txt"), get("/none"), get("/a.txt")].concat());
    for status in [200, 404, 200] {
        client.reply().expect(status);
    }
    client.finish();
    client.ends();
}

#[test]
fn a_connection_that_was_accepted_elsewhere_has_its_addresses() {
    let ends = |request: &Request<'_>| {
        let client = request.peer().map_or("none".to_owned(), |peer| peer.to_string());
        Response::text(client)
    };
    let server = Fixture::new().handler("/client", ends).access_log().serve();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    for _ in 0..2 {
        let mut client = Client::connect(&Address::Tcp(address));
        let (accepted, its_address) = listener.accept().expect("a client waits");
        server.handle().serve(accepted).expect("it is a connection");
        client.send(get("/client")).reply().expect(200).body(its_address.to_string());
    }
    hand_over(&server).send(get("/client")).reply().expect(200).body("none");
    until("all of them are in the access log", || {
        let log = server.log();
        (log.matches("127.0.0.1 - - ").count() == 2 && log.lines().count() == 3).then_some(())
    });
}

#[test]
fn the_workers_take_their_turn() {
    let worker = |_: &Request<'_>| Response::text(std::thread::current().name().unwrap_or("none"));
    let server = Fixture::new().workers(2).handler("/worker", worker).serve();
    let mut served: Vec<Vec<u8>> = (0..6)
        .map(|_| hand_over(&server).send(get("/worker")).reply().expect(200).body.clone())
        .collect();
    served.sort();
    let expected = ["worker-0", "worker-0", "worker-0", "worker-1", "worker-1", "worker-1"];
    assert_eq!(served, expected.map(|name| name.as_bytes().to_vec()));
}

#[test]
fn a_connection_beyond_connections_max_waits_until_another_has_ended() {
    let server =
        Fixture::new().file("a.txt", "it").limits(|limits| limits.connections_max = 2).serve();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = Address::Tcp(listener.local_addr().expect("it is bound"));
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..4 {
        clients.push(Client::connect(&address));
        let (accepted, _) = listener.accept().expect("a client waits");
        server.handle().serve(accepted).expect("it is a connection");
    }
    for client in &mut clients {
        client.send(get("/a.txt"));
    }
    for client in &mut clients[..2] {
        client.reply().expect(200).body("it");
    }
    // The worker has been through whole turns since, in which it could have taken the others.
    clients[0].send(get("/a.txt")).reply().expect(200).body("it");
    assert!(!clients[2].has_news() && !clients[3].has_news());
    for _ in 0..2 {
        drop(clients.remove(0));
    }
    for client in &mut clients {
        client.reply().expect(200).body("it");
    }
}

#[test]
fn a_server_that_listens_nowhere_serves_what_it_is_handed() {
    let site = Site::new().at("/", |_: &Request<'_>| Response::text("hello\n"));
    let server = Server::new(site).listen_nowhere().start().expect("it needs no address");
    assert!(server.addresses().is_empty());
    let (client, served) = UnixStream::pair().expect("descriptors are left");
    server.handle().serve(served).expect("it is a connection");
    Client::over(client).send(get("/")).reply().expect(200).body("hello\n");
    server.handle().stop();
    server.wait();
}

#[test]
fn what_is_no_connection_is_given_back_with_the_reason() {
    let server = Fixture::new().serve();
    let unconnected = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    );
    let (datagrams, _other) = UnixDatagram::pair().expect("descriptors are left");
    let listener = UnixListener::bind(server.root().join("socket")).expect("the name is free");
    let table: [(OwnedFd, &str); 6] = [
        (File::open("/dev/null").expect("it is there").into(), "it is not a socket"),
        (UdpSocket::bind("127.0.0.1:0").expect("a port is free").into(), "datagrams"),
        (datagrams.into(), "datagrams"),
        (TcpListener::bind("127.0.0.1:0").expect("a port is free").into(), "it is a listener"),
        (listener.into(), "it is a listener"),
        (unconnected.expect("descriptors are left"), "it is not connected"),
    ];
    for (descriptor, reason) in table {
        let number = descriptor.as_raw_fd();
        let error = server.handle().serve(descriptor).expect_err(reason);
        assert_eq!(error.kind(), ServeErrorKind::NotAConnection);
        let text = error.to_string();
        assert!(
            text.starts_with("cannot serve the connection: ") && text.contains(reason),
            "{text}"
        );
        assert_eq!(error.into_connection().as_raw_fd(), number);
    }
}

#[test]
fn a_stop_completes_the_requests_of_handed_connections_and_gives_later_ones_back() {
    let (begin, begun) = mpsc::channel();
    let (open, opened) = mpsc::channel::<()>();
    let opened = std::sync::Mutex::new(opened);
    let handler = move |_: &Request<'_>| {
        let _ = begin.send(());
        let _ = opened.lock().expect("no test panics in here").recv_timeout(PATIENCE);
        Response::text("late")
    };
    let slow = blocking(handler).methods(&[Method::Get]);
    let mut server = Fixture::new().file("a.txt", "it").handler("/slow", slow).serve();
    let mut working = hand_over(&server);
    working.send(get("/slow"));
    begun.recv_timeout(PATIENCE).expect("it begins");
    let mut idle = hand_over(&server);
    idle.send(get("/a.txt")).reply().expect(200).body("it");
    // Handed over and asked for before the stop, whenever the worker finds out.
    let mut asked = hand_over(&server);
    asked.send(get("/a.txt"));
    server.handle().stop();
    asked.reply().expect(200).body("it");
    asked.ends();
    idle.ends();
    until("the server takes no more", || {
        let (mut client, served) = UnixStream::pair().expect("descriptors are left");
        let error = server.handle().serve(served).err()?;
        assert_eq!(error.kind(), ServeErrorKind::Stopped);
        assert_eq!(error.to_string(), "cannot serve the connection: the server has stopped");
        // It is unharmed, for somebody else to serve.
        let mut given_back = UnixStream::from(error.into_connection());
        given_back.set_nonblocking(false).expect("it is ours again");
        std::io::Write::write_all(&mut given_back, b"sorry").expect("the client reads");
        let mut bytes = [0; 5];
        std::io::Read::read_exact(&mut client, &mut bytes).expect("they have come");
        assert_eq!(&bytes, b"sorry");
        Some(())
    });
    open.send(()).expect("it waits");
    working.last_reply().expect(200).body("late");
    let handle = server.handle().clone();
    server.wait();
    let (_client, served) = UnixStream::pair().expect("descriptors are left");
    let error = handle.serve(served).expect_err("it has ended");
    assert_eq!(error.kind(), ServeErrorKind::Stopped);
}

#[test]
fn a_client_whose_connection_waits_is_not_left_waiting_by_a_server_that_ends() {
    let server = Fixture::new().limits(|limits| limits.connections_max = 1).serve();
    let mut first = hand_over(&server);
    first.send(get("/")).reply().expect(404);
    let mut second = hand_over(&server);
    server.handle().stop_now();
    second.ends();
    // A TCP connection, as a program with its own loop accepts it.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let _client =
        TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let (accepted, _) = listener.accept().expect("a client waits");
    until("no worker takes it", || {
        let copy = accepted.try_clone().expect("descriptors are left");
        server.handle().serve(copy).err()
    });
}
