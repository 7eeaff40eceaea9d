//! Addresses of the other family.

use crate::support::{Client, Fixture, lacks};
use httpd::{Address, Server, Site};
use std::net::TcpListener;

fn localhost_is_both_families_on_one_port() {
    let server = Fixture::new().listen("localhost:0").serve();
    let sockets: Vec<_> = server.addresses().iter().map(Address::to_string).collect();
    let [first, second] = &sockets[..] else { panic!("{sockets:?}") };
    assert!(first.starts_with("127.0.0.1:") && second.starts_with("[::1]:"), "{sockets:?}");
    let port = format!(":{}", server.port());
    assert!(sockets.iter().all(|socket| socket.ends_with(&port)), "{sockets:?}");
    for address in server.addresses() {
        let mut client = Client::connect(address);
        client.send("GET /a..b.txt HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.reply().expect(200);
    }
}

fn an_ipv6_address_is_listened_on() {
    let server = Fixture::new().listen("[::1]:0").serve();
    server.get("/a..b.txt").send().expect(200);
}

fn a_taken_ipv6_port_is_refused_and_its_holder_named() {
    let theirs = TcpListener::bind("[::1]:0").expect("a free port");
    let address = theirs.local_addr().expect("it has one").to_string();
    let started = Server::new(Site::new()).listen(&address).start();
    let message = started.expect_err("the port is taken").to_string();
    let pid = format!("process {}", std::process::id());
    assert!(message.contains(&address) && message.contains(&pid), "{message}");
}

tests! {
    lacks::ipv6:
        localhost_is_both_families_on_one_port,
        an_ipv6_address_is_listened_on,
        a_taken_ipv6_port_is_refused_and_its_holder_named;
}
