//! What is true in the simulated world: the site, its files, and what each request must get.

use super::application::SimulatedApplication;
use super::ask::{Ask, Expected, Judged};
use super::content::{
    LARGE_BYTES, LONG_BYTES, MIDDLE_BYTES, all_produced, capitals, pattern, version_of,
    version_text,
};
use super::ground::{self, Ground};
use super::handlers::{echo, offload, produced, shout};
use crate::files::{Durability, Root, WritableRoot, WriteRules};
use crate::http::Method;
use crate::server::driven::sample::{ColdOnce, mirror};
use crate::site::{
    Request, Response, Sender, Site, StaticFiles, Store, TrySendError, blocking, inline,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The world outside the worker.
pub(super) struct Truth {
    folder: PathBuf,
    root: Root,
    /// How often the changing file has changed.
    pub version: u32,
    /// How often the server was given another setup, and which of them it serves by at least.
    pub generation: u32,
    pub serving_generation: u32,
    streams: Streams,
    next_stream: u32,
    /// Where clients put files.
    drop_root: Root,
    next_file: u32,
    /// How long the bodies are that clients have put at one and the same path.
    puts: BTreeSet<usize>,
    /// How long a file was that is written in place, the last time last.
    ebbing: Vec<usize>,
    pub application: SimulatedApplication,
}

/// The responses that wait for their senders, by their numbers.
type Streams = Arc<Mutex<BTreeMap<u32, Stream>>>;

struct Stream {
    /// `None`: it has been finished.
    sender: Option<Sender>,
    sent: Vec<u8>,
}

impl Truth {
    /// The files that no world changes.
    pub(super) fn ground() -> Ground {
        Ground::new(&[
            ("small.txt", b"small\n"),
            ("middle.bin", pattern(MIDDLE_BYTES)),
            ("large.bin", pattern(LARGE_BYTES)),
        ])
    }

    pub(super) fn new(folder: &Path) -> Truth {
        ground::write(&folder.join("changing.txt"), &version_text(0), ground::beginning());
        ground::write(&folder.join("ebbing.bin"), pattern(MIDDLE_BYTES), ground::beginning());
        let drop_folder = folder.join(DROP);
        if drop_folder.exists() {
            fs::remove_dir_all(&drop_folder).expect("the folder is ours");
        }
        fs::create_dir(&drop_folder).expect("the folder is ours");
        Truth {
            drop_root: tagged(Root::open(drop_folder).expect("it was just made")),
            next_file: 0,
            puts: BTreeSet::new(),
            folder: folder.to_owned(),
            root: Root::open(folder).expect("it was just made"),
            version: 0,
            generation: 0,
            serving_generation: 0,
            streams: Streams::default(),
            next_stream: 0,
            ebbing: vec![MIDDLE_BYTES],
            application: SimulatedApplication::new(folder),
        }
    }

    /// Where bodies are kept that memory does not hold.
    pub(super) fn spool(&self) -> &Path {
        &self.folder
    }

    /// The site of the present setup.
    pub(super) fn site(&self) -> Site {
        let generation = self.generation;
        let streams = Arc::clone(&self.streams);
        let rules = WriteRules::default().durability(Durability::Never);
        let drop_root = WritableRoot::new(self.drop_root.clone(), rules);
        Site::new()
            .at("/drop/", StaticFiles::new(self.drop_root.clone()))
            .at("/drop/", Store::new(drop_root))
            .at("/", StaticFiles::new(self.root.clone()))
            .at("/generation", move |_: &Request<'_>| generation.to_string())
            .at("/long", |_: &Request<'_>| {
                Response::bytes("text/plain", pattern(LONG_BYTES).to_vec())
            })
            .at("/cold", ColdOnce::default())
            .at("/mirror", inline(mirror).methods(&[Method::Post]))
            .at("/offload", blocking(offload).methods(&[Method::Post]))
            .at("/shout", blocking(shout).methods(&[Method::Post]).streamed())
            .at("/echo", blocking(echo).methods(&[Method::Post]).streamed())
            .at("/produced", blocking(produced))
            .at("/application", self.application.handler())
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
    pub(super) fn change(&mut self, now: SystemTime) {
        self.version += 1;
        let new = self.path_of("new");
        ground::write(&new, &version_text(self.version), now);
        fs::rename(&new, self.path_of("changing.txt")).expect("the folder is ours");
    }

    /// The file that is written in place gets another length. Its beginning stays what it was.
    pub(super) fn ebbs(&mut self, length: usize, now: SystemTime) {
        let before = *self.ebbing.last().expect("it had a length");
        let path = self.path_of("ebbing.bin");
        let file = File::options().write(true).open(path).expect("the folder is ours");
        match length < before {
            true => file.set_len(length as u64).expect("the folder is ours"),
            false => {
                let more = &pattern(length)[before..];
                file.write_all_at(more, before as u64).expect("there is room");
            }
        }
        file.set_modified(now).expect("the file is ours");
        self.ebbing.push(length);
    }

    /// Where the server listens.
    pub(super) fn socket_path(&self) -> PathBuf {
        self.path_of("socket")
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Names in the folder that nobody has put there.
    pub(super) fn strange_names(&self) -> Vec<String> {
        let ours =
            ["small.txt", "middle.bin", "large.bin", "changing.txt", "ebbing.bin", "socket", DROP];
        let names = |folder: &Path| -> Vec<String> {
            let entries = fs::read_dir(folder).expect("the folder is ours");
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
        };
        let mut strange = names(&self.folder);
        strange.retain(|name| !ours.contains(&&**name));
        // Files that clients have put say in their names how long they are.
        let drop_folder = self.path_of(DROP);
        let is_whole = |name: &String| {
            let length = fs::metadata(drop_folder.join(name)).expect("it is there").len() as usize;
            match name.split_once('-') {
                Some((_, right)) => right.parse() == Ok(length),
                None => name == "same" && self.puts.contains(&length),
            }
        };
        strange.extend(names(&drop_folder).into_iter().filter(|name| !is_whole(name)));
        strange
    }

    /// A request of one of all kinds.
    pub(super) fn ask(&mut self, choice: usize, size: usize) -> Ask {
        let get = |target: &str, expected| Ask {
            method: "GET",
            target: target.to_owned(),
            headers: Vec::new(),
            body: b"",
            is_chunked: false,
            asks_first: false,
            is_patient: !size.is_multiple_of(3),
            expected,
            needs_disk: true,
            failed_before: 0,
        };
        let without_disk = |ask: Ask| Ask { needs_disk: false, ..ask };
        let whole = |body: &'static [u8]| Expected::Exactly(200, body);
        let post = |target: &str, is_chunked| {
            let body = pattern(size);
            Ask { method: "POST", body, is_chunked, ..get(target, whole(body)) }
        };
        match choice % KINDS {
            0 => get("/small.txt", whole(b"small\n")),
            1 => get("/middle.bin", whole(pattern(MIDDLE_BYTES))),
            2 => get("/large.bin", whole(pattern(LARGE_BYTES))),
            3 => {
                let part = &pattern(LARGE_BYTES)[1000..9000];
                let headers = vec![("range", "bytes=1000-8999".to_owned())];
                Ask { headers, ..get("/large.bin", Expected::Exactly(206, part)) }
            }
            4 => Ask { method: "HEAD", ..get("/middle.bin", whole(b"")) },
            5 => without_disk(get("/long", whole(pattern(LONG_BYTES)))),
            6 => without_disk(get("/cold", whole(b"warm\n"))),
            7 | 8 => without_disk(post("/mirror", choice.is_multiple_of(2))),
            9 | 10 => post("/offload", choice.is_multiple_of(2)),
            11..=14 => get("/changing.txt", Expected::Version(0)),
            15 => without_disk(get("/generation", Expected::Generation(0))),
            16 => {
                self.next_stream += 1;
                let number = self.next_stream;
                without_disk(get(&format!("/stream?{number}"), Expected::Stream(number)))
            }
            17 | 18 => {
                let whole = Expected::Exactly(200, capitals(size));
                Ask { expected: whole, ..post("/shout", choice.is_multiple_of(2)) }
            }
            19 | 20 => post("/echo", choice.is_multiple_of(2)),
            21 => without_disk(Ask { asks_first: true, ..post("/mirror", false) }),
            22 => Ask { asks_first: true, ..post("/echo", true) },
            24 | 25 => {
                self.next_file += 1;
                let (name, body) = (format!("{}-{size}", self.next_file), pattern(size));
                let target = format!("/drop/{name}");
                let expected = Expected::Stored(name, body);
                let asks_first = choice == 25;
                Ask { method: "PUT", body, asks_first, ..get(&target, expected) }
            }
            26 => {
                self.puts.insert(size);
                Ask { method: "PUT", body: pattern(size), ..get("/drop/same", Expected::Put) }
            }
            27 => get("/drop/same", Expected::OneOfThePut),
            28..=30 => get("/ebbing.bin", Expected::Ebbing(0)),
            31..=37 => {
                let (number, method, body) = self.application.plan(size);
                let expected = Expected::Application(number);
                let is_chunked = choice.is_multiple_of(2);
                let target = format!("/application?ask={number}.");
                Ask { method, body, is_chunked, ..get(&target, expected) }
            }
            23 if size.is_multiple_of(4) => get("/produced", whole(all_produced())),
            _ => Ask { method: "DELETE", ..get("/small.txt", Expected::Exactly(405, b"")) },
        }
    }

    /// The request begins to leave: from now on it may be answered.
    pub(super) fn begin(&self, ask: &mut Ask) {
        ask.failed_before = ground::failed_calls();
        match &mut ask.expected {
            Expected::Version(version) => *version = self.version,
            Expected::Generation(generation) => *generation = self.serving_generation,
            Expected::Ebbing(changes) => *changes = self.ebbing.len() - 1,
            Expected::Exactly(..)
            | Expected::Stream(_)
            | Expected::Stored(..)
            | Expected::Put
            | Expected::OneOfThePut
            | Expected::Application(_) => {}
        }
    }

    /// Whether the disk has failed since a request that needs it was sent.
    fn may_fail(&self, ask: &Ask) -> bool {
        ask.needs_disk && ground::failed_calls() > ask.failed_before
    }

    /// Whether the response may be broken off.
    pub(super) fn may_break(&self, ask: &Ask) -> bool {
        let for_itself = match ask.expected {
            Expected::Ebbing(changes) => self.ebbing.len() - 1 > changes,
            Expected::Application(number) => self.application.may_break(number),
            _ => false,
        };
        for_itself || self.may_fail(ask)
    }

    /// What a response is. Panics if it cannot be one to its request.
    pub(super) fn judge(&self, ask: &Ask, status: u16, body: &[u8], stops: bool) -> Judged {
        match (status, &ask.expected) {
            (403 | 500 | 503 | 507, expected) if self.may_fail(ask) => {
                if let Expected::Stored(name, _) = expected {
                    let is_there = self.path_of(DROP).join(name).exists();
                    assert!(!is_there, "{status}, and the file is there");
                }
                Judged::Failed
            }
            (408, _) => Judged::Refused,
            (_, Expected::Application(number)) => self.application.judge(*number, status, body),
            (503, _) => Judged::Refused,
            (_, expected) => {
                self.check(expected, status, body, stops);
                Judged::Right
            }
        }
    }

    /// Panics unless a response is what its request must get.
    fn check(&self, expected: &Expected, status: u16, body: &[u8], stops: bool) {
        match expected {
            Expected::Exactly(405, _) => assert_eq!(status, 405),
            Expected::Exactly(right, bytes) => {
                assert_eq!(status, *right);
                assert!(body == *bytes, "another body: {} bytes for {}", body.len(), bytes.len());
            }
            Expected::Version(earliest) => {
                assert_eq!(status, 200);
                let version = version_of(body);
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
            Expected::Stored(name, right) => {
                assert_eq!(status, 201);
                let stored = fs::read(self.path_of(DROP).join(name)).expect("it is there");
                assert!(stored == *right, "stored {} of {} bytes", stored.len(), right.len());
            }
            Expected::Ebbing(changes) => {
                assert_eq!(status, 200);
                let is_right =
                    body == pattern(body.len()) && self.ebbing[*changes..].contains(&body.len());
                assert!(is_right, "{} bytes of {:?}", body.len(), &self.ebbing[*changes..]);
            }
            Expected::Application(_) => unreachable!("the application judges it"),
            Expected::Put => assert!(matches!(status, 201 | 204), "{status}"),
            Expected::OneOfThePut => match status {
                404 => {}
                _ => {
                    assert_eq!(status, 200);
                    assert!(body == pattern(body.len()) && self.puts.contains(&body.len()));
                }
            },
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
        match sender.try_send(piece) {
            Ok(()) => stream.sent.extend_from_slice(piece),
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

/// With tags that have nothing to do with the time, so that a seed decides them.
fn tagged(root: Root) -> Root {
    #[cfg(feature = "content-tags")]
    let root = root.etags(crate::files::ETags::Content);
    root
}

fn lock(streams: &Streams) -> std::sync::MutexGuard<'_, BTreeMap<u32, Stream>> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many kinds of requests there are.
pub(super) const KINDS: usize = 39;

const DROP: &str = "drop";
