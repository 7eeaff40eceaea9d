//! What clients have made the program hold goes back to the system when they have gone.

use std::fs;
use std::io::Write;
use std::net::TcpStream;

use crate::support::{Folder, Program, until};

/// Resident memory, in bytes.
fn resident_bytes(serving: &Program) -> u64 {
    let pages = fs::read_to_string(serving.serving().path("statm")).unwrap();
    let pages: u64 = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

/// Clients that have sent all of this, and wait.
fn crowd(serving: &Program, sent: &[u8]) -> Vec<TcpStream> {
    let client = |_| {
        let mut client = serving.stream();
        client.write_all(sent).unwrap();
        client
    };
    (0..CLIENTS).map(client).collect()
}

fn start(folder: &Folder) -> Program {
    let serving = Program::start(&mut folder.httpd(&["-p", "0", "-w", "1", "www"]));
    serving.get("/").expect(200).body("from www\n");
    serving
}

#[test]
fn memory_of_large_heads_goes_back_to_the_system() {
    let folder = Folder::with_www();
    let serving = start(&folder);
    let at_rest = resident_bytes(&serving);
    let line = format!("X: {}\r\n", "x".repeat(7000));
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}", line.repeat(4));
    let grown = || resident_bytes(&serving).saturating_sub(at_rest);
    let clients = crowd(&serving, head.as_bytes());
    until("all of it is here", || grown() > (head.len() * CLIENTS) as u64);
    let most = grown();
    drop(clients);
    until("the memory is given back", || grown() < most / 4);
}

#[test]
fn a_body_that_is_announced_and_does_not_come_takes_no_room() {
    let folder = Folder::with_www();
    let serving = start(&folder);
    let at_rest = resident_bytes(&serving);
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let clients = crowd(&serving, head);
    // Whoever comes after them is served after them.
    serving.get("/").expect(200).body("from www\n");
    let each = resident_bytes(&serving).saturating_sub(at_rest) / CLIENTS as u64;
    drop(clients);
    assert!(each < 4096, "{each} bytes each");
}

const CLIENTS: usize = 500;
