//! A server that is reloaded: no connection is touched, what is under way ends as it began, and the next request is
//! served by what is new.

use crate::support::wait::PATIENCE;
use crate::support::{Client, Fixture, Folder, digits, until};
use httpd::{
    AccessLog, Address, Format, Limits, Method, Request, Response, Root, Running, Sender, Server,
    Site, StartError, StaticFiles, Workers, blocking,
};
use rustix::fs::inotify;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n")
}

/// A server that says which one it is, and also streams, takes uploads and serves files.
fn named(name: &'static str) -> Server {
    let site = Site::new().get("/", move |_| name).at(
        "/upload",
        blocking(move |request: &Request<'_>| {
            let bytes = request.read_body().map_or(0, |body| body.len());
            format!("{name} got {bytes}")
        })
        .methods(&[Method::Post]),
    );
    Server::new(site).listen("127.0.0.1:0").workers(count(1))
}

fn count(workers: usize) -> Workers {
    Workers::Count(NonZeroUsize::new(workers).expect("it is not 0"))
}

/// A server that is stopped when it is dropped.
struct Serving(Option<Running>);

impl Serving {
    fn start(server: Server) -> Serving {
        Serving(Some(server.start().expect("it starts")))
    }

    fn running(&self) -> &Running {
        self.0.as_ref().expect("it is there until the drop")
    }

    fn reload(&self, server: Server) {
        self.running().handle().reload(server).expect("nothing is wrong with it");
    }

    fn address(&self) -> Address {
        self.running().addresses()[0].clone()
    }

    fn connect(&self) -> Client {
        Client::connect(&self.address())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.handle().stop_now();
            running.wait();
        }
    }
}

#[test]
fn an_idle_connection_stays_and_sees_the_new_site() {
    let server = Serving::start(named("old"));
    let mut idle = server.connect();
    idle.send(get("/")).reply().expect(200).body("old");
    let mut silent = server.connect();
    server.reload(named("new"));
    idle.send(get("/")).reply().expect(200).body("new");
    silent.send(get("/")).reply().expect(200).body("new");
    server.connect().send(get("/")).reply().expect(200).body("new");
}

#[test]
fn a_request_whose_head_has_begun_is_served_by_the_old_site() {
    let server = Serving::start(named("old"));
    let mut client = server.connect();
    // It has an answer to one request, so that the worker has certainly seen the beginning of the next.
    client.send([&get("/"), "GET / HTTP/1.1\r\nHo"].concat()).reply().body("old");
    server.reload(named("new"));
    client.send("st: test\r\n\r\n").reply().expect(200).body("old");
    client.send(get("/")).reply().expect(200).body("new");
}

#[test]
fn downloads_and_uploads_under_way_end_as_they_began() {
    let large = digits(4_000_000);
    let fixture = Fixture::new().file("large.txt", &large);
    let files = StaticFiles::new(Root::open(fixture.root()).expect("it is there"));
    let old = Site::new().at("/", files).at(
        "/upload",
        blocking(|request: &Request<'_>| {
            request.read_body().map_or(0, |body| body.len()).to_string()
        })
        .methods(&[Method::Post]),
    );
    let server = Serving::start(Server::new(old).listen("127.0.0.1:0").workers(count(1)));
    let mut download = server.connect();
    download.send(get("/large.txt"));
    let head = download.reply_head("GET");
    let mut upload = server.connect();
    upload.send("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 300000\r\n\r\n");
    upload.send(vec![b'x'; 100_000]);
    until("the upload has begun", || {
        // A request behind it on the same worker was answered: that has read what was sent before.
        server.connect().send(get("/none")).reply().expect(404);
        Some(())
    });

    server.reload(named("new"));
    let mut body = Vec::new();
    while body.len() < large.len() {
        body.extend(download.read(65_536).expect("it goes on"));
    }
    assert_eq!(head.content_length("GET"), large.len() as u64);
    assert_eq!(body, large);
    upload.send(vec![b'x'; 200_000]).reply().expect(200).body("300000");
    download.send(get("/")).reply().expect(200).body("new");
    upload.send(get("/large.txt")).reply().expect(404);
}

#[test]
fn an_event_stream_under_way_goes_on_from_the_old_site() {
    let senders: Arc<Mutex<Vec<Sender>>> = Arc::default();
    let opened = Arc::clone(&senders);
    let old = Site::new().get("/events", move |_| {
        let (sender, response) = Response::stream("text/plain");
        opened.lock().expect("no test panics with it").push(sender);
        response
    });
    let server = Serving::start(Server::new(old).listen("127.0.0.1:0").workers(count(1)));
    let mut client = server.connect();
    client.send(get("/events")).reply_head("GET").expect(200);
    let sender =
        until("the stream is open", || senders.lock().expect("no test panics with it").pop());
    sender.try_send("before ").expect("there is room");
    assert_eq!(client.try_chunk().expect("it comes"), b"before ");
    server.reload(named("new"));
    sender.try_send("after").expect("there is room");
    assert_eq!(client.try_chunk().expect("it comes"), b"after");
    sender.finish();
    assert_eq!(client.try_chunk().expect("it ends"), b"");
    client.send(get("/events")).reply().expect(404);
}

#[test]
fn what_cannot_be_changed_to_changes_nothing() {
    let server = Serving::start(named("old"));
    let address = server.address();
    let mut client = server.connect();
    client.send(get("/")).reply().body("old");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = taken.local_addr().expect("it is bound");
    let handle = server.running().handle();
    let folder = Folder::new();
    let no_log = AccessLog::to_file(folder.path("none/access.log"), Format::Combined);
    for (server, expected) in [
        (named("new").listen(&taken.to_string()), "listens there already"),
        (named("new").listen("nonsense:x"), "nonsense"),
        (named("new").trusted_proxies(["nobody"]), "trusted_proxies"),
        (named("new").access_log(no_log), "cannot write the log"),
        (named("new").listen("https://127.0.0.1:0"), "certificate"),
        (Server::new(Site::new()), "no address"),
    ] {
        let error = handle.reload(server).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    client.send(get("/")).reply().expect(200).body("old");
    server.connect().send(get("/")).reply().expect(200).body("old");
    assert_eq!(server.running().addresses(), [address]);
}

#[test]
fn a_server_that_stops_cannot_be_reloaded() {
    let running = named("old").start().expect("it starts");
    let handle = running.handle();
    handle.stop();
    assert!(matches!(handle.reload(named("new")), Err(StartError::Stopping)));
    running.wait();
    assert!(matches!(handle.reload(named("new")), Err(StartError::Stopping)));
}

#[test]
fn addresses_come_and_go_and_connections_to_both_live_on() {
    let folder = Folder::new();
    let unix = format!("unix:{}", folder.path("socket").display());
    let server = Serving::start(named("old").listen(&unix).listen("127.0.0.1:0"));
    let [kept, old_unix, gone] = &server.running().addresses()[..] else { panic!("three") };
    let mut clients: Vec<Client> =
        [kept, old_unix, gone].into_iter().map(Client::connect).collect();
    for client in &mut clients {
        client.send(get("/")).reply().expect(200).body("old");
    }
    let other = format!("unix:{}", folder.path("other").display());
    server.reload(named("new").listen(&other).listen("h2c://127.0.0.2:0"));
    for client in &mut clients {
        client.send(get("/")).reply().expect(200).body("new");
    }
    let addresses = server.running().addresses();
    assert_eq!(&addresses[0], kept);
    for address in &addresses {
        Client::connect(address).send(get("/")).reply().expect(200).body("new");
    }
    assert!(Client::try_connect(gone).is_err(), "it is listened on still");
    until("the file of the old socket is gone", || (!folder.path("socket").exists()).then_some(()));

    // Every interface in the place of one of them, on the same port.
    let Address::Tcp(one) = &addresses[2] else { panic!("it is TCP") };
    let every = format!("0.0.0.0:{}", one.port());
    server.reload(Server::new(Site::new().get("/", |_| "every")).listen(&every).workers(count(1)));
    Client::connect(&addresses[2]).send(get("/")).reply().expect(200).body("every");
    clients[2].send(get("/")).reply().expect(200).body("every");
}

#[test]
fn connections_that_wait_at_an_address_that_goes_are_served() {
    let (entered, has_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    let may_leave = Mutex::new(may_leave);
    // A handler that holds its worker, so that connections wait in the queue of the listener.
    let site = Site::new().get("/", |_| "old").get("/hold", move |_| {
        entered.send(()).expect("the test waits");
        let _ = may_leave.lock().map(|it| it.recv());
        "held"
    });
    let old = Server::new(site).workers(count(1)).listen("127.0.0.1:0").listen("127.0.0.2:0");
    let server = Serving::start(old);
    let mut holding = server.connect();
    holding.send(get("/hold"));
    has_entered.recv().expect("the handler runs");
    let going = server.running().addresses()[1].clone();
    let mut waiting: Vec<Client> = (0..20).map(|_| Client::connect(&going)).collect();
    for client in &mut waiting {
        client.send(get("/"));
    }
    thread::scope(|scope| {
        let reload = scope.spawn(|| server.reload(named("new")));
        leave.send(()).expect("the handler waits");
        reload.join().expect("it is reloaded");
    });
    holding.reply().expect(200).body("held");
    for mut client in waiting {
        client.reply().expect(200);
    }
}

#[test]
fn workers_are_added_and_removed_and_lose_nothing() {
    let server = Serving::start(named("1").workers(count(1)));
    let mut clients: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    let mut before = "1";
    for (name, workers) in [("4", 4), ("2", 2), ("3", 3), ("1", 1), ("4", 4), ("1", 1)] {
        for client in &mut clients {
            client.send(get("/")).reply().expect(200).body(before);
        }
        server.reload(named(name).workers(count(workers)));
        assert_eq!(server.running().workers(), workers);
        // They come to the sockets of all workers, also of those that have just gone.
        for mut client in (0..20).map(|_| server.connect()) {
            client.send(get("/")).reply().expect(200).body(name);
            clients.push(client);
        }
        before = name;
    }
    for client in &mut clients {
        client.send(get("/")).reply().expect(200).body("1");
    }
}

#[test]
fn a_worker_that_is_not_needed_ends_with_its_last_connection() {
    let fixture = Fixture::new().workers(3).handler("/thread", |_: &Request<'_>| {
        thread::current().name().unwrap_or_default().to_owned()
    });
    let server = fixture.serve();
    let mut clients: Vec<(Client, String)> = (0..30)
        .map(|_| {
            let mut client = server.connect();
            let name = client.send(get("/thread")).reply().expect(200).text().to_owned();
            (client, name)
        })
        .collect();
    let (root, _place) = Fixture::new()
        .handler("/thread", |_: &Request<'_>| {
            thread::current().name().unwrap_or_default().to_owned()
        })
        .server();
    server.handle().reload(root).expect("nothing is wrong with it");
    for (client, name) in &mut clients {
        // Each stays with its worker.
        client.send(get("/thread")).reply().expect(200).body(&*name);
    }
    for _ in 0..20 {
        server.connect().send(get("/thread")).reply().expect(200).body("worker-0");
    }
    clients.clear();
    server.connect().send(get("/thread")).reply().expect(200).body("worker-0");
}

#[test]
fn limits_logs_and_handler_threads_change() {
    let folder = Folder::new();
    let log = |name: &str| AccessLog::to_file(folder.path(name), Format::Combined);
    let server = Serving::start(named("old").access_log(log("old.log")));
    let mut client = server.connect();
    client.send(get("/")).reply().expect(200);
    let mut limits = Limits::default();
    limits.head_bytes_max = 2_000;
    limits.handler_threads_max = 3;
    server.reload(named("new").access_log(log("new.log")).limits(limits));
    assert_eq!(server.running().limits().handler_threads_max, 3);
    client.send(get("/?new")).reply().expect(200);
    let upload = "POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc";
    client.send(upload).reply().expect(200).body("new got 3");
    let long = format!("GET / HTTP/1.1\r\nHost: test\r\nX: {}\r\n\r\n", "x".repeat(3_000));
    client.send(long).reply().expect(431);
    let read = |name: &str| std::fs::read_to_string(folder.path(name)).unwrap_or_default();
    until("both logs are written", || {
        (read("old.log").lines().count() == 1 && read("new.log").lines().count() == 3).then_some(())
    });
    assert!(read("new.log").starts_with("127.0.0.1 - - "), "{}", read("new.log"));
}

/// How often a file has been opened or read since it was watched.
struct Touches {
    inotify: std::os::fd::OwnedFd,
}

impl Touches {
    fn of(path: &Path) -> Touches {
        let inotify = inotify::init(inotify::CreateFlags::NONBLOCK).expect("one is left");
        let kinds = inotify::WatchFlags::OPEN | inotify::WatchFlags::ACCESS;
        inotify::add_watch(&inotify, path, kinds).expect("it is there");
        Touches { inotify }
    }

    fn count(&self) -> usize {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        let mut count = 0;
        while reader.next().is_ok() {
            count += 1;
        }
        count
    }
}

#[test]
fn what_is_known_of_files_stays_known() {
    let fixture = Fixture::new().file("small.txt", "it").file("other/small.txt", "other");
    let server_of = |root: &Path| {
        let files = StaticFiles::new(Root::open(root).expect("it is there"));
        Server::new(Site::new().at("/", files)).listen("127.0.0.1:0").workers(count(1))
    };
    let server = Serving::start(server_of(&fixture.root()));
    let mut client = server.connect();
    client.send(get("/small.txt")).reply().expect(200).body("it");
    let touches = Touches::of(&fixture.root().join("small.txt"));
    for _ in 0..3 {
        server.reload(server_of(&fixture.root()));
        client.send(get("/small.txt")).reply().expect(200).body("it");
    }
    assert_eq!(touches.count(), 0, "the file was opened or read again");
    // The test would see it.
    server.reload(server_of(&fixture.root().join("other")));
    client.send(get("/small.txt")).reply().expect(200).body("other");
    server.reload(server_of(&fixture.root()));
    std::fs::write(fixture.root().join("small.txt"), "new").expect("it can be written");
    let _ = touches.count();
    client.send(get("/small.txt")).reply().expect(200).body("new");
    assert_ne!(touches.count(), 0);
}

#[cfg(feature = "tls")]
#[test]
fn a_new_certificate_is_for_new_connections() {
    use crate::support::secured::{Authority, Issued};
    use httpd::Tls;
    let authority = Authority::new();
    let (first, second) = (authority.issue(&["test"]), authority.issue(&["test"]));
    let secured = |name, issued: &Issued| {
        let site = Site::new().get("/", move |_| name);
        let server = Server::new(site).listen("https://127.0.0.1:0").workers(count(1));
        server.tls(Tls::new(issued.certificate()))
    };
    let config = Arc::new(authority.client());
    let server = Serving::start(secured("old", &first));
    let shown = |client: &Client| {
        let certificates = client.tls().peer_certificates().expect("it has shown some");
        certificates[0].as_ref().to_vec()
    };
    let mut old = Client::secured(&server.address(), &config, "test");
    old.send(get("/")).reply().expect(200).body("old");
    server.reload(secured("new", &second));
    old.send(get("/")).reply().expect(200).body("new");
    // Without a ticket of the one before.
    let config = Arc::new(authority.client());
    let mut new = Client::secured(&server.address(), &config, "test");
    new.send(get("/")).reply().expect(200).body("new");
    assert_ne!(shown(&old), shown(&new));
}

/// A client of HTTP/2 that knows it in advance, on a connection of its own.
struct H2 {
    stream: TcpStream,
    next: u32,
}

impl H2 {
    fn connect(address: &Address) -> H2 {
        let Address::Tcp(address) = address else { panic!("it is TCP") };
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        stream.set_nodelay(true).expect("it is TCP");
        // The preface and empty settings (RFC 9113 §3.4).
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("it is open");
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).expect("it is open");
        H2 { stream, next: 1 }
    }

    /// Begins `GET /`: `:method: GET`, `:scheme: http` and `:path: /` are in the table (RFC 7541 A), `:authority` is text.
    fn begin(&mut self, ends: bool) -> u32 {
        let id = self.next;
        self.next += 2;
        let block = [&[0x82, 0x86, 0x84, 0x01, 4][..], b"test"].concat();
        let flags = 4 | u8::from(ends);
        self.frame(1, flags, id, &block);
        id
    }

    fn frame(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8]) {
        let length = (payload.len() as u32).to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(id.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame).expect("it is open");
    }

    /// The body of the response on a stream.
    fn body(&mut self, id: u32) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).expect("a frame comes");
            let length = usize::from(head[1]) << 8 | usize::from(head[2]);
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).expect("it is whole");
            let of = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            if head[3] == 0 {
                // Room for as much on the connection (RFC 9113 §6.9), whatever stream it was for.
                if length > 0 {
                    self.frame(8, 0, 0, &(length as u32).to_be_bytes());
                }
                if of == id {
                    body.extend(payload.iter());
                }
            }
            match (head[3], head[4]) {
                (3 | 7, _) => panic!("reset: {payload:?}"),
                (4, 0) => self.frame(4, 1, 0, &[]),
                _ => {}
            }
            // DATA or HEADERS with END_STREAM.
            if of == id && head[3] <= 1 && head[4] & 1 == 1 {
                return body;
            }
        }
    }
}

#[test]
fn the_streams_of_a_connection_have_the_site_of_their_beginnings() {
    let server_of = |name: &'static str| {
        let site = Site::new().get("/", move |_| name);
        Server::new(site).listen("h2c://127.0.0.1:0").workers(count(1))
    };
    let server = Serving::start(server_of("old"));
    let mut client = H2::connect(&server.address());
    let first = client.begin(true);
    assert_eq!(client.body(first), b"old");
    let open = client.begin(false);
    // What is sent behind it is answered: the server has seen its beginning.
    let next = client.begin(true);
    assert_eq!(client.body(next), b"old");
    server.reload(server_of("new"));
    client.frame(0, 1, open, b"");
    assert_eq!(client.body(open), b"old");
    let next = client.begin(true);
    assert_eq!(client.body(next), b"new");
}

/// Reloads under load: how many are set by `HTTPD_RELOADS`.
#[test]
fn no_client_notices_reloads() {
    let reloads: usize = std::env::var("HTTPD_RELOADS")
        .map_or(40, |count| count.parse().expect("HTTPD_RELOADS is a number"));
    let fixture = Fixture::new().file("large.txt", digits(3_000_000));
    let server_of = |number: usize| {
        let files = StaticFiles::new(Root::open(fixture.root()).expect("it is there"));
        let upload =
            |request: &Request<'_>| request.read_body().map_or(0, |body| body.len()).to_string();
        let site = Site::new()
            .at("/files/", files)
            .get("/", move |_| format!("site {number}"))
            .at("/upload", blocking(upload).methods(&[Method::Post]));
        Server::new(site).listen("h2c://127.0.0.1:0").workers(count(1 + number % 3))
    };
    let server = Serving::start(server_of(0));
    let address = server.address();
    let (goes_on, served) = (AtomicBool::new(true), AtomicUsize::new(0));
    let many = |work: &(dyn Fn() + Sync)| {
        while goes_on.load(Ordering::Relaxed) {
            work();
            served.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        // Each of them panics at the first failure, and the scope with it.
        scope.spawn(|| {
            let mut client = Client::connect(&address);
            while goes_on.load(Ordering::Relaxed) {
                client.send([get("/"), get("/files/a..b.txt")].concat());
                client.reply().expect(200);
                client.reply().expect(200).body("a..b.txt");
                served.fetch_add(2, Ordering::Relaxed);
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                many(&|| {
                    let mut client = Client::connect(&address);
                    client.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
                    client.last_reply().expect(200);
                })
            });
        }
        scope.spawn(|| {
            many(&|| {
                let mut client = Client::connect(&address);
                for part in ["GET /files/lar", "ge.txt HTTP/1.1\r\n", "Host: test\r\n\r\n"] {
                    client.send(part);
                    thread::sleep(Duration::from_millis(2));
                }
                assert_eq!(client.reply().expect(200).body.len(), 3_000_000);
            })
        });
        scope.spawn(|| {
            many(&|| {
                let mut client = Client::connect(&address);
                client.send("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 60000\r\n\r\n");
                for _ in 0..3 {
                    client.send(vec![b'x'; 20_000]);
                    thread::sleep(Duration::from_millis(1));
                }
                client.reply().expect(200).body("60000");
            })
        });
        scope.spawn(|| {
            let mut client = H2::connect(&address);
            while goes_on.load(Ordering::Relaxed) {
                let streams: Vec<u32> = (0..5).map(|_| client.begin(true)).collect();
                for id in streams.into_iter().take(1) {
                    assert!(client.body(id).starts_with(b"site "));
                }
                let last = client.begin(true);
                assert!(client.body(last).starts_with(b"site "));
                served.fetch_add(2, Ordering::Relaxed);
            }
        });
        let ends = Ends(&goes_on);
        for number in 1..=reloads {
            server.reload(server_of(number));
            let mut client = Client::connect(&address);
            client.send(get("/")).reply().expect(200).body(format!("site {number}"));
        }
        drop(ends);
    });
    println!("{reloads} reloads, {} requests, none failed", served.load(Ordering::Relaxed));
}

/// Ends the clients, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
