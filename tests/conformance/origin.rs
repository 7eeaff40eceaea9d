//! An origin server with something of everything, and a client that believes nothing: each
//! response that it reads is held against what RFC 9110 and RFC 9112 demand of every response.

use httpd::files::{Durability, WritableRoot, WriteRules};
use httpd::http::date;
use httpd::site::{Answer, Methods};
use httpd::{
    Context, Handler, Method, Request, Response, Root, Running, Server, Site, StaticFiles, Store,
};
use httpd::{Limits, Status, Workers};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When every file of the origin was modified, unless it is named for something else.
pub const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const MODIFIED_SECONDS: u64 = 784_111_777;

/// A running server and its files, gone when it is dropped.
pub struct Origin {
    running: Option<Running>,
    address: SocketAddr,
    folder: PathBuf,
}

impl Origin {
    pub fn new() -> Origin {
        Origin::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Origin {
        let folder = folder();
        let root = Root::open(&folder).expect("the folder was just made");
        let site = Site::new()
            .at("/", StaticFiles::new(root.clone()))
            .at("/open", StaticFiles::new(root.clone()))
            .at("/open", store(root))
            .at("/hello", |_: &Request<'_>| Response::text("hello\n"))
            .at("/echo", Echo)
            .at("/forged", |_: &Request<'_>| forged())
            .at("/none", |_: &Request<'_>| Response::text("content\n").status(Status::NO_CONTENT))
            .at("/reset", |_: &Request<'_>| {
                Response::text("content\n").status(Status::RESET_CONTENT)
            });
        let running = Server::new(site)
            .listen("127.0.0.1:0")
            .workers(Workers::Count(NonZeroUsize::MIN))
            .limits(limits)
            .start()
            .expect("a port is free");
        let address = running.addresses()[0].to_string();
        Origin {
            running: Some(running),
            address: address.parse().expect("it was asked to listen at TCP"),
            folder,
        }
    }

    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("the patience is not zero");
        stream.set_nodelay(true).expect("it is TCP");
        Client { stream, received: Vec::new() }
    }

    /// The answer to one request, which may be anything, on a connection of its own.
    pub fn ask(&self, request: impl AsRef<[u8]>) -> Reply {
        let mut client = self.connect();
        client.send(&request);
        match request.as_ref().starts_with(b"HEAD ") {
            true => client.reply_to_head(),
            false => client.reply(),
        }
    }

    /// The answer to a GET with these header lines.
    pub fn get(&self, target: &str, headers: &[&str]) -> Reply {
        self.ask(request("GET", target, headers))
    }

    pub fn path_of(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.handle().stop_now();
            running.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Lets clients change the files.
fn store(root: Root) -> Store {
    let rules = WriteRules { durability: Durability::Never, ..WriteRules::default() };
    let store = Store::new(WritableRoot::new(root, rules));
    store.methods(&[Method::Put, Method::Delete, Method::Post])
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
            lossy(request.path()),
            lossy(request.host()),
            request.query().map_or("-".into(), lossy),
        );
        for (name, value) in request.headers() {
            said += &format!("{}={}\n", lossy(name), lossy(value));
        }
        Response::text(said).into()
    }
}

/// What a careless handler may do.
fn forged() -> Response {
    Response::text("forged\n")
        .header("Content-Length", "3")
        .header("Transfer-Encoding", "chunked")
        .header("Connection", "upgrade")
        .header("Date", "yesterday")
        .header("X-Split", "a\r\nX-Injected: b\r\n\r\ncontent")
        .header("X-Split\r\nX-Injected", "c\0d")
}

/// One connection of a client.
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Sends what the server may be tired of reading.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Closes the client's side.
    pub fn finish(&mut self) {
        self.stream.shutdown(std::net::Shutdown::Write).expect("the connection is open");
    }

    /// The next response.
    pub fn reply(&mut self) -> Reply {
        self.read(Sends::Content)
    }

    /// The server says at once that it wants the content.
    pub fn continue_now(&mut self) {
        const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
        while self.received.len() < CONTINUE.len() {
            assert!(self.receive() > 0, "no response but {:?}", lossy(&self.received));
        }
        assert_eq!(lossy(&self.received), lossy(CONTINUE));
        self.received.clear();
    }

    /// The next response, to a HEAD.
    pub fn reply_to_head(&mut self) -> Reply {
        self.read(Sends::HeadAlone)
    }

    fn read(&mut self, sends: Sends) -> Reply {
        let end = loop {
            if let Some(at) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.receive() > 0, "no response but {:?}", lossy(&self.received));
        };
        let head = String::from_utf8(self.received[..end].to_vec()).expect("a head is ASCII");
        let mut reply = Reply::parse(&head);
        let length = match sends {
            Sends::Content => reply.length(),
            Sends::HeadAlone => 0,
        };
        while self.received.len() < end + length {
            assert!(self.receive() > 0, "the content broke off");
        }
        reply.content = self.received[end..end + length].to_vec();
        self.received.drain(..end + length);
        reply
    }

    fn receive(&mut self) -> usize {
        let mut buffer = [0; 16 * 1024];
        let count = self
            .stream
            .read(&mut buffer)
            .unwrap_or_else(|error| panic!("{error} after {:?}", lossy(&self.received)));
        self.received.extend_from_slice(&buffer[..count]);
        count
    }

    /// The server has closed the connection after the last response, with FIN and not with RST.
    pub fn expect_end(&mut self) {
        while self.receive() > 0 {}
        assert_eq!(lossy(&self.received), "", "bytes after the last response");
    }

    /// The connection is open: another request is answered.
    pub fn expect_open(&mut self) {
        self.send(request("GET", "/hello", &[]));
        self.reply().expect(200).content("hello\n");
    }
}

/// Whether content follows a head that announces it.
enum Sends {
    Content,
    HeadAlone,
}

/// A response that has passed every check of [`Reply::parse`].
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub content: Vec<u8>,
}

impl Reply {
    /// Reads a head, and fails on anything that no response may have.
    fn parse(head: &str) -> Reply {
        let mut lines = head.strip_suffix("\r\n\r\n").expect("it is whole").split("\r\n");
        let line = lines.next().expect("the first is always there");
        let rest = line.strip_prefix("HTTP/1.1 ").unwrap_or_else(|| panic!("{line:?}"));
        let (code, reason) = rest.split_at_checked(3).unwrap_or_else(|| panic!("{line:?}"));
        assert!(reason.starts_with(' '), "no space before the reason: {line:?}");
        let reply = Reply {
            status: code.parse().expect("a status has three digits"),
            headers: lines.map(header).collect(),
            content: Vec::new(),
        };
        for name in ["Date", "Server", "Connection"] {
            assert_eq!(reply.count(name), 1, "{name} in {head}");
        }
        let date = reply.header("Date").expect("it was counted");
        let parsed = date::parse(date.as_bytes()).expect("the date can be read");
        assert_eq!(lossy(&date::format(parsed)), date, "not an IMF-fixdate");
        assert_eq!(reply.count("Transfer-Encoding"), 0, "{head}");
        let has_length = !matches!(reply.status, 100..200 | 204 | 304);
        assert_eq!(reply.count("Content-Length"), usize::from(has_length), "{head}");
        if reply.status == 405 {
            assert_eq!(reply.count("Allow"), 1, "{head}");
        }
        if reply.status != 206 && reply.status != 416 {
            assert_eq!(reply.count("Content-Range"), 0, "{head}");
        }
        reply
    }

    fn length(&self) -> usize {
        self.header("Content-Length")
            .map_or(0, |length| length.parse().expect("a length has digits"))
    }

    fn count(&self, name: &str) -> usize {
        let same = |(found, _): &&(String, String)| found.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).count()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn expect(&self, status: u16) -> &Reply {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    #[track_caller]
    pub fn has(&self, name: &str, value: &str) -> &Reply {
        assert_eq!(self.header(name), Some(value), "{name}");
        self
    }

    #[track_caller]
    pub fn lacks(&self, name: &str) -> &Reply {
        assert_eq!(self.header(name), None, "{name}");
        self
    }

    #[track_caller]
    pub fn content(&self, expected: &str) -> &Reply {
        assert_eq!(lossy(&self.content), expected);
        self
    }

    /// The content as text.
    pub fn text(&self) -> String {
        lossy(&self.content)
    }

    /// The entity tag, which must be there.
    pub fn etag(&self) -> String {
        self.header("ETag").expect("an entity tag").to_owned()
    }

    /// The headers but for the date, to compare two responses.
    pub fn lasting_headers(&self) -> Vec<(String, String)> {
        let lasting = |(name, _): &&(String, String)| name != "Date";
        self.headers.iter().filter(lasting).cloned().collect()
    }
}

/// `field-line` of RFC 9112 §5, and nothing that a recipient would have to repair.
fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no colon: {line:?}"));
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    assert!(!name.is_empty() && name.bytes().all(is_token), "{line:?}");
    assert!(!value.contains(|c: char| c.is_ascii_control() && c != '\t'), "{line:?}");
    (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
}

/// A request with a host and these header lines.
pub fn request(method: &str, target: &str, headers: &[&str]) -> String {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{method} {target} HTTP/1.1\r\nHost: origin.example\r\n{lines}\r\n")
}

/// `0123456789012…`.
pub fn digits(length: usize) -> String {
    ('0'..='9').cycle().take(length).collect()
}

pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("httpd-conformance-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir(&folder).expect("the name is new");
    fs::create_dir(folder.join("folder")).expect("the folder is ours");
    let old = UNIX_EPOCH + Duration::from_secs(MODIFIED_SECONDS);
    for (name, contents, modified) in [
        ("small.txt", "small\n".to_owned(), old),
        ("digits.txt", digits(1_000), old),
        ("large.bin", digits(300_000), old),
        ("empty.bin", String::new(), old),
        ("page.html", "<!DOCTYPE html>\n".to_owned(), old),
        ("LICENSE", "free\n".to_owned(), old),
        ("two words.txt", "spaced\n".to_owned(), old),
        ("folder/index.html", "index\n".to_owned(), old),
        // However busy the machine is, nothing happens to the file after that time.
        ("fresh.txt", "fresh\n".to_owned(), SystemTime::now() + Duration::from_secs(10)),
        ("future.txt", "future\n".to_owned(), SystemTime::now() + Duration::from_secs(9_999_999)),
    ] {
        let mut file = File::create(folder.join(name)).expect("the folder is ours");
        file.write_all(contents.as_bytes()).expect("the disk has room");
        file.set_modified(modified).expect("the file is ours");
    }
    folder
}

/// Longer than any answer takes; a test that waits so long fails.
const PATIENCE: Duration = Duration::from_secs(20);
