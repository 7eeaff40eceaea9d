//! An accept loop of one's own: `cargo run --example accept_loop`, then `curl localhost:8080`.
//!
//! The program decides who is served before the server sees the connection. In the same way it could serve a
//! connection that a service manager has accepted (systemd's `Accept=yes`), or one end of a socket pair.

use httpd::{ServeErrorKind, Server, Site};
use std::net::{IpAddr, TcpListener};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(&address)?;

    let site = Site::new().get("/", |request| match request.peer() {
        Some(peer) => format!("hello, {}\n", peer.ip()),
        None => "hello\n".to_owned(),
    });
    let server = Server::new(site).listen_nowhere().start()?;
    println!("http://{}/", listener.local_addr()?);

    let handle = server.handle();
    loop {
        let (connection, client) = listener.accept()?;
        if !is_near(client.ip()) {
            // Dropping the connection closes it.
            continue;
        }
        match handle.serve(connection) {
            Err(error) if error.kind() == ServeErrorKind::Stopped => return Ok(()),
            Err(error) => eprintln!("{client}: {error}"),
            Ok(()) => {}
        }
    }
}

/// Whether an address is of this machine or its network.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}
