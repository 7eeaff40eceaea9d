//! What is true in the simulated world: the site, its files, and what each request must get.

use crate::files::Root;
use crate::http::Method;
use crate::server::driven::sample::{ColdOnce, mirror, offload};
use crate::site::{Request, Response, Sender, Site, StaticFiles, TrySendError, blocking, inline};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The world outside the worker.
pub(super) struct Truth {
    folder: tempfile::TempDir,
    root: Root,
    /// How often the changing file has changed.
    pub version: u32,
    /// How often the server was given another setup, and which of them it serves by at least.
    pub generation: u32,
    pub serving_generation: u32,
    streams: Streams,
    next_stream: u32,
}

/// The responses that wait for their senders, by their numbers.
type Streams = Arc<Mutex<BTreeMap<u32, Stream>>>;

struct Stream {
    /// `None`: it has been finished.
    sender: Option<Sender>,
    sent: Vec<u8>,
}

/// A request, and what it must get.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub method: &'static str,
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Whether the length of the body is not said.
    pub is_chunked: bool,
    pub expected: Expected,
}

/// What a request must get.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    Exactly(u16, Vec<u8>),
    /// A version of the changing file that was true at some time since the request was sent.
    Version(u32),
    /// A setup that was in force at some time since the request was sent.
    Generation(u32),
    /// What was sent to this stream.
    Stream(u32),
}

impl Truth {
    pub(super) fn new() -> Truth {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let write = |name: &str, bytes: &[u8]| {
            fs::write(folder.path().join(name), bytes).expect("the folder is ours");
        };
        write("small.txt", b"small\n");
        write("middle.bin", &pattern(MIDDLE_BYTES));
        write("large.bin", &pattern(LARGE_BYTES));
        write("changing.txt", &version_text(0));
        let root = Root::open(folder.path()).expect("it was just made");
        Truth {
            folder,
            root,
            version: 0,
            generation: 0,
            serving_generation: 0,
            streams: Streams::default(),
            next_stream: 0,
        }
    }

    /// Where bodies are kept that memory does not hold.
    pub(super) fn spool(&self) -> &Path {
        self.folder.path()
    }

    /// The site of the present setup.
    pub(super) fn site(&self) -> Site {
        let generation = self.generation;
        let streams = Arc::clone(&self.streams);
        Site::new()
            .at("/", StaticFiles::new(self.root.clone()))
            .at("/generation", move |_: &Request<'_>| generation.to_string())
            .at("/long", |_: &Request<'_>| Response::bytes("text/plain", pattern(LONG_BYTES)))
            .at("/cold", ColdOnce::default())
            .at("/mirror", inline(mirror).methods(&[Method::Post]))
            .at("/offload", blocking(offload).methods(&[Method::Post]))
            .at("/stream", move |request: &Request<'_>| {
                let (sender, response) = Response::stream("text/plain");
                let number = request.query().and_then(|it| it.parse().ok()).expect("a number");
                let stream = Stream { sender: Some(sender), sent: Vec::new() };
                let before = lock(&streams).insert(number, stream);
                assert!(before.is_none(), "a request was answered twice");
                response
            })
    }

    /// Another version of the changing file, put into its place in one step.
    pub(super) fn change(&mut self) {
        self.version += 1;
        let new = self.path_of("new");
        fs::write(&new, version_text(self.version)).expect("the folder is ours");
        fs::rename(&new, self.path_of("changing.txt")).expect("the folder is ours");
    }

    /// Where the server listens.
    pub(super) fn socket_path(&self) -> PathBuf {
        self.path_of("socket")
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Names in the folder that nobody has put there.
    pub(super) fn strange_names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("the folder is ours");
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| {
                !["small.txt", "middle.bin", "large.bin", "changing.txt", "socket"]
                    .contains(&&**name)
            })
            .collect()
    }

    /// A request of one of all kinds.
    pub(super) fn ask(&mut self, choice: usize, size: usize) -> Ask {
        let get = |target: &str, expected| Ask {
            method: "GET",
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            is_chunked: false,
            expected,
        };
        let whole = |body: Vec<u8>| Expected::Exactly(200, body);
        let post = |target: &str, is_chunked| {
            let body = pattern(size);
            Ask { method: "POST", body: body.clone(), is_chunked, ..get(target, whole(body)) }
        };
        match choice % 18 {
            0 => get("/small.txt", whole(b"small\n".to_vec())),
            1 => get("/middle.bin", whole(pattern(MIDDLE_BYTES))),
            2 => get("/large.bin", whole(pattern(LARGE_BYTES))),
            3 => {
                let part = pattern(LARGE_BYTES)[1000..9000].to_vec();
                let headers = vec![("range", "bytes=1000-8999".to_owned())];
                Ask { headers, ..get("/large.bin", Expected::Exactly(206, part)) }
            }
            4 => Ask { method: "HEAD", ..get("/middle.bin", whole(Vec::new())) },
            5 => get("/long", whole(pattern(LONG_BYTES))),
            6 => get("/cold", whole(b"warm\n".to_vec())),
            7 | 8 => post("/mirror", choice.is_multiple_of(2)),
            9 | 10 => post("/offload", choice.is_multiple_of(2)),
            11..=14 => get("/changing.txt", Expected::Version(0)),
            15 => get("/generation", Expected::Generation(0)),
            16 => {
                self.next_stream += 1;
                let number = self.next_stream;
                get(&format!("/stream?{number}"), Expected::Stream(number))
            }
            _ => Ask { method: "DELETE", ..get("/small.txt", Expected::Exactly(405, Vec::new())) },
        }
    }

    /// The request begins to leave: from now on it may be answered.
    pub(super) fn begin(&self, expected: &mut Expected) {
        match expected {
            Expected::Version(version) => *version = self.version,
            Expected::Generation(generation) => *generation = self.serving_generation,
            Expected::Exactly(..) | Expected::Stream(_) => {}
        }
    }

    /// Panics unless a response is what its request must get.
    pub(super) fn check(&self, expected: &Expected, status: u16, body: &[u8], stops: bool) {
        match expected {
            Expected::Exactly(405, _) => assert_eq!(status, 405),
            Expected::Exactly(right, bytes) => {
                assert_eq!(status, *right);
                assert!(body == bytes, "another body: {} bytes for {}", body.len(), bytes.len());
            }
            Expected::Version(earliest) => {
                assert_eq!(status, 200);
                let version = String::from_utf8_lossy(&body[..VERSION_DIGITS.min(body.len())]);
                let version: u32 = version.parse().expect("a version");
                assert!(body == version_text(version), "not the whole of a version");
                let right = *earliest..=self.version;
                assert!(
                    right.contains(&version),
                    "version {version}, where {right:?} was asked for"
                );
            }
            Expected::Generation(earliest) => {
                assert_eq!(status, 200);
                let generation: u32 = String::from_utf8_lossy(body).parse().expect("a number");
                let right = *earliest..=self.generation;
                assert!(right.contains(&generation), "{generation} is not of {right:?}");
            }
            Expected::Stream(number) => {
                assert_eq!(status, 200);
                let streams = lock(&self.streams);
                let stream = streams.get(number).expect("a response has a sender");
                let is_all = stream.sender.is_none() && body == stream.sent;
                assert!(is_all || stops && stream.sent.starts_with(body), "not what was sent");
            }
        }
    }

    /// Somebody sends to one of the streams, or finishes it.
    pub(super) fn send(&self, choice: usize, bytes: usize) {
        let mut streams = lock(&self.streams);
        let count = streams.len().max(1);
        let Some(stream) = streams.values_mut().nth(choice % count) else { return };
        let Some(sender) = &stream.sender else { return };
        if bytes == 0 {
            stream.sender.take().expect("it was there").finish();
            return;
        }
        let piece = pattern(bytes);
        match sender.try_send(piece.clone()) {
            Ok(()) => stream.sent.extend(piece),
            Err(TrySendError::Full) => {}
            Err(TrySendError::Gone) => stream.sender = None,
        }
    }

    /// Finishes all streams.
    pub(super) fn finish_streams(&self) {
        for stream in lock(&self.streams).values_mut() {
            if let Some(sender) = stream.sender.take() {
                sender.finish();
            }
        }
    }
}

fn lock(streams: &Streams) -> std::sync::MutexGuard<'_, BTreeMap<u32, Stream>> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of which a missing or repeated one shows.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|place| b'a' + ((place ^ (place / 23)) % 23) as u8).collect()
}

/// A version of the changing file: its number again and again.
fn version_text(version: u32) -> Vec<u8> {
    format!("{version:0VERSION_DIGITS$}").into_bytes().repeat(VERSION_REPEATS)
}

const VERSION_DIGITS: usize = 8;
const VERSION_REPEATS: usize = 1500;
const MIDDLE_BYTES: usize = 5_000;
const LARGE_BYTES: usize = 60_000;
const LONG_BYTES: usize = 20_000;
