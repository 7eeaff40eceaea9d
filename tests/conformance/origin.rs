//! An origin server with something of everything.

use crate::support::fixture::{Fixture, TestServer, set_modified};
use crate::support::{Client, Reply, digits, lossy, writable};
use httpd::{
    Answer, Context, FormUpload, Handler, Limits, Mapping, Method, Methods, Request, Response,
    Status, Store,
};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// A running server and its files, gone when it is dropped.
pub struct Origin(TestServer);

impl Origin {
    pub fn new() -> Origin {
        Origin::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Origin {
        let fixture = Fixture::new()
            .limits(|default| *default = limits)
            .file("small.txt", "small\n")
            .file("digits.txt", digits(1_000))
            .file("large.bin", digits(300_000))
            .file("empty.bin", "")
            .file("page.html", "<!DOCTYPE html>\n")
            .file("LICENSE", "free\n")
            .file("two words.txt", "spaced\n")
            .file("folder/index.html", "index\n")
            .file("fresh.txt", "fresh\n")
            .file("future.txt", "future\n");
        // However busy the machine is, nothing happens to the file after that time.
        for (name, seconds) in [("fresh.txt", 10), ("future.txt", 9_999_999)] {
            let later = SystemTime::now() + Duration::from_secs(seconds);
            set_modified(&fixture.root().join(name), later);
        }
        let root = writable::root(&fixture, |_| {});
        let server = fixture
            .mount("/open", Mapping::Alias)
            .handler("/open", Store::new(root.clone()))
            .handler("/open", FormUpload::new(root))
            .handler("/hello", |_: &Request<'_>| Response::text("hello\n"))
            .handler("/echo", Echo)
            .handler("/forged", |_: &Request<'_>| forged())
            .handler("/none", |_: &Request<'_>| {
                Response::text("content\n").status(Status::NO_CONTENT)
            })
            .handler("/reset", |_: &Request<'_>| {
                Response::text("content\n").status(Status::RESET_CONTENT)
            });
        Origin(server.serve())
    }

    pub fn connect(&self) -> Client {
        self.0.connect()
    }

    /// The answer to one request, which may be anything, on a connection of its own.
    #[track_caller]
    pub fn ask(&self, request: impl AsRef<[u8]>) -> Reply {
        let mut client = self.connect();
        client.send(&request);
        client.reply_to(if request.as_ref().starts_with(b"HEAD ") { "HEAD" } else { "GET" })
    }

    /// The answer to a GET with these header lines.
    #[track_caller]
    pub fn get(&self, target: &str, headers: &[&str]) -> Reply {
        self.ask(request("GET", target, headers))
    }

    pub fn path_of(&self, name: &str) -> PathBuf {
        self.0.root().join(name)
    }
}

/// Says what it was asked, in lines.
struct Echo;

impl Handler for Echo {
    fn methods(&self) -> Methods {
        Methods::of(&[Method::Get, Method::Post, Method::Put, Method::Delete])
    }

    fn answer(&self, request: &Request<'_>, _desk: &mut Context<'_>) -> Answer {
        let mut said = format!(
            "{} {} host={} query={}\n",
            request.method(),
            request.path(),
            request.host(),
            request.query().unwrap_or("-"),
        );
        for (name, value) in request.headers() {
            said += &format!("{name}={}\n", lossy(value));
        }
        Response::text(said).into()
    }
}

/// What a careless handler may do.
fn forged() -> Response {
    let mut response =
        Response::text("forged\n").header("X-Split", "a\r\nX-Injected: b\r\n\r\ncontent");
    for (name, value) in [
        ("Content-Length", "3"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "upgrade"),
        ("Date", "yesterday"),
        ("X-Split\r\nX-Injected", "c\0d"),
    ] {
        response.headers.add(name, value).expect_err("it would frame or split the response");
    }
    response
}

/// The connection is open: another request is answered.
#[track_caller]
pub fn expect_open(client: &mut Client) {
    client.send(request("GET", "/hello", &[]));
    client.reply().expect(200).body("hello\n");
}

/// A request with a host and these header lines.
pub fn request(method: &str, target: &str, headers: &[&str]) -> String {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{method} {target} HTTP/1.1\r\nHost: origin.example\r\n{lines}\r\n")
}
