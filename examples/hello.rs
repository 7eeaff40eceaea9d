//! The smallest program: `cargo run --example hello`, then `curl localhost:8080`.
//!
//! An argument is the address to listen on: `cargo run --example hello -- 0.0.0.0:80`.

use httpd::{Server, Site};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let site = Site::new().get("/", |_| "hello, world\n");
    let server = Server::new(site).listen(&address).start()?;
    println!("http://{}/", server.addresses()[0]);
    server.wait();
    Ok(())
}
