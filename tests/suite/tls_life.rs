//! TLS over a long life: certificates are renewed, sessions resumed, handshakes bounded, while the server serves.

use crate::support::secured::{Authority, Issued, begin, try_secured};
use crate::support::{Client, Fixture, Folder, TestServer, until};
use httpd::{Certificate, HostName, Tls};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, HandshakeKind, version};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

fn get(host: &str) -> String {
    format!("GET /a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

/// The certificate that a new connection gets.
fn shown(server: &TestServer, client: &Arc<ClientConfig>, host: &str) -> CertificateDer<'static> {
    let stream = try_secured(server.address(), client, host).expect("it shakes hands");
    stream.conn.peer_certificates().expect("it shows one")[0].clone().into_owned()
}

/// A client that resumes nothing, so that it sees the certificate each time.
fn forgetful(authority: &Authority) -> Arc<ClientConfig> {
    let mut client = authority.client();
    client.resumption = rustls::client::Resumption::disabled();
    Arc::new(client)
}

/// How the three hosts get their files: by renaming, in place, and by symlinks as certbot has them.
struct Renewed {
    folder: Folder,
    authority: Authority,
    round: usize,
}

const HOSTS: [&str; 3] = ["renamed.test", "rewritten.test", "linked.test"];

impl Renewed {
    fn new() -> Renewed {
        let folder = Folder::new();
        for name in ["live/renamed.test", "live/rewritten.test", "live/linked.test", "archive"] {
            fs::create_dir_all(folder.path(name)).expect("there is room");
        }
        let mut renewed = Renewed { folder, authority: Authority::new(), round: 0 };
        renewed.renew();
        renewed
    }

    fn tls(&self) -> Tls {
        let read = |host: &str| {
            let live = self.folder.path("live").join(host);
            Certificate::read(live.join("fullchain.pem"), live.join("privkey.pem"))
                .expect("they are sound")
        };
        let tls = Tls::new(read(HOSTS[0])).look_every(Duration::from_millis(20));
        HOSTS.iter().fold(tls, |tls, host| {
            tls.host(host.parse::<HostName>().expect("it is a name"), read(host))
        })
    }

    /// All of them get a new certificate. Returns them.
    fn renew(&mut self) -> [CertificateDer<'static>; 3] {
        self.round += 1;
        let issued = HOSTS.map(|host| self.authority.issue(&[host]));
        let live = |host: &str| self.folder.path("live").join(host);
        for (name, text) in parts(&issued[0]) {
            let path = live(HOSTS[0]).join(name);
            fs::write(path.with_extension("new"), text).expect("there is room");
            fs::rename(path.with_extension("new"), &path).expect("a name");
        }
        for (name, text) in parts(&issued[1]) {
            let mut file = fs::File::create(live(HOSTS[1]).join(name)).expect("there is room");
            for piece in text.as_bytes().chunks(100) {
                file.write_all(piece).expect("there is room");
                thread::yield_now();
            }
        }
        for (name, text) in parts(&issued[2]) {
            let numbered = format!("{}-{name}", self.round);
            fs::write(self.folder.path("archive").join(&numbered), text).expect("room");
            let link = live(HOSTS[2]).join(name);
            let _ = fs::remove_file(&link);
            symlink(format!("../../archive/{numbered}"), link).expect("a name");
        }
        issued.map(|it| it.certificate_der())
    }
}

fn parts(issued: &Issued) -> [(&'static str, &str); 2] {
    [("privkey.pem", &issued.key), ("fullchain.pem", &issued.chain)]
}

#[test]
fn a_hundred_renewals_under_load_cost_no_request_and_every_new_client_sees_them() {
    let mut renewed = Renewed::new();
    let server = Fixture::new().file("a.txt", "it").workers(2).tls(renewed.tls()).serve();
    let client = forgetful(&renewed.authority);
    let is_over = AtomicBool::new(false);
    let served: [AtomicUsize; 3] = Default::default();
    thread::scope(|scope| {
        // One that keeps its connection, one that comes anew each time, and one that speaks HTTP/2.
        scope.spawn(|| {
            let mut kept = Client::secured(server.address(), &client, HOSTS[0]);
            while !is_over.load(Ordering::Relaxed) {
                kept.send(get(HOSTS[0])).reply().expect(200).body("it");
                served[0].fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            for host in HOSTS.iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let mut fresh = Client::secured(server.address(), &client, host);
                fresh.send(get(host)).reply().expect(200).body("it");
                served[1].fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            let mut kept = Http2::connect(&server, &renewed_client(&client), HOSTS[1]);
            while !is_over.load(Ordering::Relaxed) {
                kept.gets("it");
                served[2].fetch_add(1, Ordering::Relaxed);
            }
        });
        let over = OnDrop(&is_over);
        for round in 0..34 {
            let expected = renewed.renew();
            for (host, expected) in HOSTS.iter().zip(&expected) {
                until(&format!("{host} shows its certificate number {round}"), || {
                    shown(&server, &client, host) == *expected
                });
            }
        }
        drop(over);
    });
    assert!(served.iter().all(|count| count.load(Ordering::Relaxed) > 0), "{served:?}");
}

/// Sets a flag, also when the test fails.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn renewed_client(client: &Arc<ClientConfig>) -> Arc<ClientConfig> {
    let mut client = ClientConfig::clone(client);
    client.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(client)
}

/// As much of HTTP/2 as asking for one file again and again takes.
struct Http2 {
    stream: crate::support::secured::TlsStream,
    host: &'static str,
    id: u32,
}

impl Http2 {
    fn connect(server: &TestServer, client: &Arc<ClientConfig>, host: &'static str) -> Http2 {
        let mut stream = try_secured(server.address(), client, host).expect("it shakes hands");
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
            .expect("it reads");
        Http2 { stream, host, id: 1 }
    }

    fn gets(&mut self, body: &str) {
        // GET, https, :path and :authority (RFC 7541 §6.1, §6.2.2).
        let mut block = vec![0x82, 0x87, 0x04, 6];
        block.extend_from_slice(b"/a.txt");
        block.extend_from_slice(&[0x01, self.host.len() as u8]);
        block.extend_from_slice(self.host.as_bytes());
        let mut frame = vec![0, 0, block.len() as u8, 1, 5];
        frame.extend_from_slice(&self.id.to_be_bytes());
        frame.extend_from_slice(&block);
        self.stream.write_all(&frame).expect("it reads");
        let mut content = Vec::new();
        loop {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).expect("a frame comes");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).expect("it is whole");
            let (kind, flags) = (head[3], head[4]);
            assert!(kind != 3 && kind != 7, "it was refused: {head:?} {payload:?}");
            if kind == 0 {
                content.extend_from_slice(&payload);
            }
            if kind == 4 && flags & 1 == 0 {
                self.stream.write_all(b"\0\0\0\x04\x01\0\0\0\0").expect("it reads");
            }
            if kind <= 1 && flags & 1 == 1 {
                break;
            }
        }
        assert_eq!(content, body.as_bytes());
        self.id += 2;
        // The window of the connection is given back now and then.
        if self.id % 2000 == 1 {
            self.stream.write_all(b"\0\0\x04\x08\0\0\0\0\0\0\0\x40\0").expect("it reads");
        }
    }
}

#[test]
fn sessions_are_resumed_by_any_worker_in_both_versions_and_not_with_other_keys() {
    let authority = Authority::new();
    let serve = || {
        let tls = Tls::new(authority.issue(&["test"]).certificate());
        Fixture::new().file("a.txt", "it").workers(4).tls(tls).serve()
    };
    let (server, other) = (serve(), serve());
    for version in [&version::TLS12, &version::TLS13] {
        let client = Arc::new(authority.client_with(&[version]));
        let kind = |server: &TestServer| {
            let mut stream = try_secured(server.address(), &client, "test").expect("it agrees");
            // Tickets of TLS 1.3 come with the response.
            stream.write_all(get("test").as_bytes()).expect("it reads");
            let mut head = [0; 15];
            stream.read_exact(&mut head).expect("it answers");
            assert_eq!(&head, b"HTTP/1.1 200 OK");
            stream.conn.handshake_kind()
        };
        assert_eq!(kind(&server), Some(HandshakeKind::Full));
        for _ in 0..20 {
            assert_eq!(kind(&server), Some(HandshakeKind::Resumed), "{version:?}");
        }
        assert_eq!(kind(&other), Some(HandshakeKind::Full), "another server has other keys");
    }
}

#[test]
fn half_open_handshakes_keep_nobody_out() {
    let authority = Authority::new();
    let server = Fixture::new()
        .file("a.txt", "it")
        .limits(|limits| limits.handshakes_max = 50)
        .tls(Tls::new(authority.issue(&["test"]).certificate()))
        .serve();
    let client = Arc::new(authority.client());
    let mut kept = Client::secured(server.address(), &client, "test");
    let httpd::Address::Tcp(address) = server.address() else { panic!("it is TCP") };
    let mut half_open = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(address).expect("it listens");
        // The beginning of a record, so that the kernel hands the connection over at once.
        stream.write_all(&[22, 3, 1]).expect("it listens");
        half_open.push(stream);
        if number % 30 == 0 {
            kept.send(get("test")).reply().expect(200).body("it");
            let mut fresh = Client::secured(server.address(), &client, "test");
            fresh.send(get("test")).reply().expect(200).body("it");
        }
    }
    // Those that wait longest are ended; the last ones wait on.
    let mut first = &half_open[0];
    first.set_read_timeout(Some(Duration::from_secs(20))).expect("it is not zero");
    assert_eq!(first.read(&mut [0; 8]).ok(), Some(0), "it is closed");
    let last = half_open.last().expect("there are some");
    last.set_nonblocking(true).expect("a socket");
    let waits = last.peek(&mut [0; 8]).unwrap_err();
    assert_eq!(waits.kind(), std::io::ErrorKind::WouldBlock);
    kept.send(get("test")).reply().expect(200).body("it");
    // One of them that goes on in time is served.
    let mut slow = begin(server.address(), &client, "test");
    slow.flush().expect("it listens");
}

#[test]
fn a_client_that_speaks_tls_where_none_is_gets_an_answer_at_once() {
    let server = Fixture::new().file("a.txt", "it").serve();
    let client = Arc::new(Authority::new().client());
    let error = match try_secured(server.address(), &client, "test") {
        Ok(_) => panic!("there is no TLS"),
        Err(error) => error.to_string(),
    };
    assert!(error.contains("corrupt message"), "{error}");
    // Without a line end in it, as most have none.
    let mut raw = Client::connect(server.address());
    raw.send([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]);
    raw.reply().expect(400);
    raw.ends();
}
