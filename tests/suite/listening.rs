//! Addresses, and what stands in the way of having them.

use crate::support::{Client, Fixture, own_loopback};
use httpd::Listeners;
use httpd::{Address, Request, Response, Running, Server, Site, StartError, Workers};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;

/// Starts with these addresses.
fn start(addresses: &[&str]) -> Result<Running, StartError> {
    addresses
        .iter()
        .fold(Server::new(Site::new()), |server, address| server.listen(address))
        .start()
}

fn stop(running: Running) {
    running.handle().stop_now();
    running.wait();
}

#[track_caller]
fn refused(addresses: &[&str]) -> String {
    match start(addresses) {
        Ok(running) => {
            stop(running);
            panic!("{addresses:?} could be listened on");
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn port_0_is_any_free_port() {
    let server = Fixture::new().serve();
    assert_ne!(server.port(), 0);
    server.get("/a..b.txt").send().expect(200);
}

#[test]
fn a_port_alone_is_every_interface() {
    let server = Fixture::new().listen(":0").serve();
    let port = server.port();
    let local = Address::Tcp((std::net::Ipv4Addr::LOCALHOST, port).into());
    let mut client = Client::connect(&local);
    client.send("GET /a..b.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply().expect(200);
}

#[test]
fn several_addresses_are_all_listened_on() {
    let server =
        Fixture::new().listen("127.0.0.1:0").listen("127.0.0.2:0").listen("127.0.0.1:0").serve();
    assert_eq!(server.addresses().len(), 3);
    for address in server.addresses() {
        let mut client = Client::connect(address);
        client.send("GET /a..b.txt HTTP/1.1\r\nHost: test\r\n\r\n");
        client.reply().expect(200);
    }
}

#[test]
fn a_taken_port_is_refused_and_its_holder_named() {
    let theirs = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = theirs.local_addr().expect("it has one").to_string();
    let message = refused(&[&address]);
    assert!(message.contains(&address), "{message}");
    let pid = format!("process {}", std::process::id());
    assert!(message.contains(&pid), "{message}");
}

/// Every worker has a listener of its own with `SO_REUSEPORT`; another server must not slip in.
#[test]
fn a_second_server_on_the_same_port_is_refused() {
    let first = Fixture::new().workers(2).serve();
    let address = first.address().to_string();
    let message = refused(&[&address]);
    assert!(message.contains("listens there already"), "{message}");
    for _ in 0..20 {
        first.get("/a..b.txt").send().expect(200);
    }
}

#[test]
fn a_second_server_on_every_interface_is_refused_too() {
    let first = Fixture::new().serve();
    refused(&[&format!("0.0.0.0:{}", first.port())]);
}

#[test]
fn when_one_address_cannot_be_had_none_is_listened_on() {
    let theirs = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = theirs.local_addr().expect("it has one").to_string();
    let free = TcpListener::bind((own_loopback(), 0)).expect("a free port");
    let address = free.local_addr().expect("it has one");
    drop(free);
    refused(&[&address.to_string(), &taken]);
    assert!(TcpStream::connect(address).is_err(), "it is half started");
    TcpListener::bind(address).expect("the first address is free again");
}

#[test]
fn an_address_of_another_machine_is_refused_with_advice() {
    // TEST-NET-1, RFC 5737: nobody has it.
    let message = refused(&["192.0.2.1:0"]);
    assert!(message.contains("does not have that address"), "{message}");
}

#[test]
fn an_address_that_is_none_is_refused_by_name() {
    for address in ["", "localhost:http", "127.0.0.1:99999", "[::1", "unix:"] {
        let message = refused(&[address]);
        assert!(message.contains(&format!("{address:?}")), "{message}");
    }
}

#[test]
fn a_server_without_an_address_is_refused() {
    let message = refused(&[]);
    assert!(message.contains("no address"), "{message}");
}

#[test]
fn a_port_is_free_at_once_when_its_server_has_ended() {
    let mut server = Fixture::new().listen(&format!("{}:0", own_loopback())).serve();
    let address = server.address().to_string();
    let mut client =
        server.raw("GET /a..b.txt HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    client.last_reply();
    server.handle().stop();
    server.wait();
    stop(start(&[&address]).expect("TIME_WAIT is no obstacle"));
}

#[test]
fn every_worker_serves() {
    let server = Fixture::new()
        .workers(4)
        .handler("/worker", |_: &httpd::Request<'_>| {
            httpd::Response::text(std::thread::current().name().unwrap_or("none"))
        })
        .serve();
    assert_eq!(server.running().workers(), 4);
    let mut seen = std::collections::BTreeSet::new();
    crate::support::until("all four workers have answered", || {
        seen.insert(server.get("/worker").send().text().to_owned());
        (seen.len() == 4).then_some(())
    });
}

/// One per CPU that this process may use.
#[test]
fn workers_are_counted_by_default() {
    let running = start(&["127.0.0.1:0"]).expect("a free port");
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(running.workers(), cpus);
    stop(running);
}

/// As another process has them that was given the same descriptors.
fn share(listeners: &Listeners, process: usize) -> Listeners {
    let sockets =
        listeners.share(process).map(|it| it.try_clone_to_owned().expect("some are left"));
    Listeners::take_over(sockets.collect(), listeners.workers()).expect("they are listeners")
}

/// Answers with its name.
fn named(name: &'static str) -> Server {
    let site = Site::new().at("/", move |_: &Request<'_>| Response::text(name));
    Server::new(site).workers(Workers::Count(NonZeroUsize::MIN)).listen("127.0.0.1:0")
}

#[test]
fn listeners_that_are_taken_over_are_served() {
    let processes = NonZeroUsize::new(2).expect("it is not 0");
    let bound = named("nobody").listen("127.0.0.2:0").bind(processes).expect("free ports");
    let servers = ["first", "second"].map(named);
    let running: Vec<Running> = servers
        .into_iter()
        .enumerate()
        .map(|(number, server)| server.start_on(share(&bound, number)).expect("it starts"))
        .collect();
    for address in bound.addresses() {
        assert!(running.iter().all(|it| it.addresses().contains(address)), "{address}");
        let mut seen = std::collections::BTreeSet::new();
        crate::support::until("both have answered", || {
            let mut client = Client::connect(address);
            client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
            seen.insert(client.reply().text().to_owned());
            (seen.len() == 2).then_some(())
        });
    }
    running.into_iter().for_each(stop);
}

#[test]
fn a_server_that_retires_leaves_its_listeners_to_another() {
    let bound = named("nobody").bind(NonZeroUsize::MIN).expect("a free port");
    let [first, second] =
        ["first", "second"].map(|it| named(it).start_on(share(&bound, 0)).expect("it starts"));
    first.handle().retire();
    first.wait();
    for _ in 0..20 {
        let mut client = Client::connect(&bound.addresses()[0]);
        client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        client.reply().expect(200).body("second");
    }
    stop(second);
}

#[test]
fn an_open_connection_gets_one_more_answer_from_a_server_that_retires() {
    let bound = named("nobody").bind(NonZeroUsize::MIN).expect("a free port");
    let server = named("first").start_on(share(&bound, 0)).expect("it starts");
    let mut kept = Client::connect(&bound.addresses()[0]);
    kept.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").reply().expect(200).body("first");
    server.handle().retire();
    let second = named("second").start_on(share(&bound, 0)).expect("it starts");
    crate::support::until("others are served by the second", || {
        let mut client = Client::connect(&bound.addresses()[0]);
        client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        client.reply().text() == "second"
    });
    let reply = kept.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").reply();
    reply.expect(200).body("first").header("Connection", "close");
    server.wait();
    stop(second);
}

#[test]
fn sockets_that_cannot_be_divided_among_the_workers_are_not_taken_over() {
    let one = || std::os::fd::OwnedFd::from(TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let error = Listeners::take_over(vec![one(), one(), one()], 2).err().expect("3 / 2");
    assert_eq!(error.to_string(), "3 sockets cannot be divided among 2 workers");
    let file = std::fs::File::open("/dev/null").expect("it is there").into();
    let error = Listeners::take_over(vec![one(), file], 1).err().expect("a file does not listen");
    assert!(error.to_string().starts_with("socket 1 is no listener: "), "{error}");
    assert!(Listeners::take_over(vec![one()], 0).is_err());
    assert!(Listeners::take_over(Vec::new(), 1).is_err());
}
