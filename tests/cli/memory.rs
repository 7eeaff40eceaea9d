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

/// Where the allocator of the C library has its heaps, apart from the first: at multiples of 64 MiB.
fn heaps(serving: &Program) -> usize {
    let maps = fs::read_to_string(serving.serving().path("maps")).unwrap();
    let is_heap = |line: &&str| {
        let (start, rest) = line.split_once('-').unwrap();
        let is_aligned = u64::from_str_radix(start, 16).is_ok_and(|it| it % (64 << 20) == 0);
        is_aligned && rest.contains(" rw-p ")
    };
    maps.lines().filter(is_heap).count()
}

fn threads_for_handlers(serving: &Program) -> usize {
    let tasks = fs::read_dir(serving.serving().path("task")).unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("handler")).count()
}

#[test]
fn many_threads_share_few_heaps() {
    let folder = Folder::with_www();
    folder.write("httpd.toml", "listen = \"127.0.0.1:0\"\nroot = \"www\"\nworkers = 1\n[[location]]\npath = \"/l/\"\nlisting = true\n");
    (0..500).for_each(|number| drop(folder.write(format!("www/l/{number}"), "x")));
    let serving = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    until("there are many threads", || {
        let request = b"GET /l/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let mut clients: Vec<TcpStream> = (0..32).map(|_| serving.stream()).collect();
        clients.iter_mut().for_each(|client| client.write_all(request).unwrap());
        for client in &mut clients {
            std::io::copy(client, &mut std::io::sink()).unwrap();
        }
        threads_for_handlers(&serving) >= 8
    });
    let cpus = std::thread::available_parallelism().unwrap().get();
    assert!(heaps(&serving) <= cpus + 2, "{} heaps for {cpus} CPUs", heaps(&serving));
}

const CLIENTS: usize = 500;
