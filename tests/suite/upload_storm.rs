//! Very many clients that put, fetch and delete the same few files, each change under the condition
//! that nobody else has made one: no file is torn, no answer is older than its request, no update is
//! lost, nothing is left behind.
//!
//! Each version names the one that it replaced. Once the storm is over, the versions of a file must
//! form one chain: whatever was stored was replaced or removed exactly once, but for what is there in
//! the end, and every answer must be a version that lived between its request and its end.
//!
//! `HTTPD_STORM_SECONDS` makes it last longer.

use crate::support::{Client, Fixture, Program, Reply};
use httpd::Root;
use httpd::Store;
use httpd::{Durability, WritableRoot, WriteRules};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn no_update_is_lost_and_no_file_torn_by_two_hundred_clients() {
    let fixture = Fixture::new().dir("d").workers(2);
    let rules = WriteRules::default().durability(Durability::Never);
    let root = Root::open(fixture.root()).expect("the root is there");
    let server = fixture.handler("/", Store::new(WritableRoot::new(root, rules))).serve();
    storm(&server.root().join("d"), |_| server.connect());
}

#[test]
fn no_update_is_lost_between_two_processes() {
    let fixture = Fixture::new().dir("d");
    let root = fixture.root();
    let config = "methods = [\"GET\", \"PUT\", \"DELETE\"]\ndurability = \"never\"\n";
    let programs = [0, 1].map(|_| Program::serve_with_config(&root, config));
    storm(&root.join("d"), |client| programs[client % 2].connect());
}

/// Lets loose clients on servers of one directory, and judges what they report.
fn storm(directory: &Path, connect: impl Fn(usize) -> Client + Sync) {
    let seconds = std::env::var("HTTPD_STORM_SECONDS").ok().and_then(|it| it.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(SECONDS));
    let ids = AtomicU64::new(1);
    let reports: Vec<Report> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (connect, ids) = (&connect, &ids);
                let run = move || Roamer::new(number, ids).roam(|| connect(number), end);
                thread::Builder::new()
                    .stack_size(256 * 1024)
                    .spawn_scoped(scope, run)
                    .expect("there is room for a thread")
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("the client is content")).collect()
    });
    let left: Vec<String> = fs::read_dir(directory)
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").file_name().into_string().expect("UTF-8"))
        .collect();
    assert!(left.iter().all(|name| name.parse().is_ok_and(|name: usize| name < NAMES)), "{left:?}");

    let mut counts = [0; Count::ALL.len()];
    for report in &reports {
        counts.iter_mut().zip(report.counts).for_each(|(sum, count)| *sum += count);
    }
    let told: Vec<String> =
        Count::ALL.iter().map(|&it| format!("{} {it:?}", counts[it as usize])).collect();
    eprintln!("upload storm: {}", told.join(", "));
    for name in 0..NAMES {
        let there = fs::read(directory.join(name.to_string())).ok();
        judge(name, &reports, there.map(|content| id_of(&content).0));
    }
    for count in [Count::Created, Count::Replaced, Count::Removed, Count::Failed, Count::Read] {
        assert!(counts[count as usize] > 0, "{count:?} never");
    }
}

/// One file's versions must form a chain, and what was read must fit it.
fn judge(name: usize, reports: &[Report], there: Option<u64>) {
    let changes = || reports.iter().flat_map(|it| &it.changes).filter(|it| it.name == name);
    let mut made: HashMap<u64, &Change> = HashMap::new();
    let mut ended: HashMap<u64, &Change> = HashMap::new();
    let mut tags: HashMap<&str, u64> = HashMap::new();
    for change in changes() {
        if let Some(id) = change.made {
            made.insert(id, change);
            let before = tags.insert(&change.tag, id);
            assert_eq!(before, None, "two versions with the tag {}", change.tag);
        }
        if let Some(id) = change.ended {
            let other = ended.insert(id, change);
            assert!(other.is_none(), "lost update: {other:?} and {change:?} both ended {id}");
        }
    }
    for id in ended.keys() {
        assert!(made.contains_key(id), "{id} was ended and nobody made it");
    }
    let alive: Vec<u64> = made.keys().filter(|id| !ended.contains_key(id)).copied().collect();
    assert_eq!(alive, there.into_iter().collect::<Vec<_>>(), "what is there at the end of {name}");

    for read in reports.iter().flat_map(|it| &it.reads).filter(|it| it.name == name) {
        match &read.seen {
            Some((id, tag)) => {
                let made = made.get(id).unwrap_or_else(|| panic!("nobody made {read:?}"));
                assert_eq!(tags.get(&tag[..]), Some(id), "the tag of another version: {read:?}");
                assert!(made.began <= read.ended, "{read:?} from the future");
                let ended = ended.get(id);
                assert!(ended.is_none_or(|it| read.sent <= it.done), "{read:?} after {ended:?}");
            }
            None => {
                let lived = made.iter().find(|(id, made)| {
                    made.done < read.sent && ended.get(id).is_none_or(|it| it.began > read.ended)
                });
                assert!(lived.is_none(), "{read:?} although there was {lived:?}");
            }
        }
    }
}

#[derive(Debug)]
struct Change {
    name: usize,
    made: Option<u64>,
    tag: String,
    ended: Option<u64>,
    began: Instant,
    done: Instant,
}

#[derive(Debug)]
struct Seen {
    name: usize,
    /// Which version, and its tag; `None` where there was none.
    seen: Option<(u64, String)>,
    sent: Instant,
    ended: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Count {
    Created,
    Replaced,
    Removed,
    /// 412, or 404 to a DELETE.
    Failed,
    Read,
    Nothing,
    BrokenOff,
    /// 503.
    Busy,
}

impl Count {
    const ALL: [Count; 8] = [
        Count::Created,
        Count::Replaced,
        Count::Removed,
        Count::Failed,
        Count::Read,
        Count::Nothing,
        Count::BrokenOff,
        Count::Busy,
    ];
}

#[derive(Default)]
struct Report {
    changes: Vec<Change>,
    reads: Vec<Seen>,
    counts: [usize; Count::ALL.len()],
}

/// One client.
struct Roamer<'a> {
    random: u64,
    ids: &'a AtomicU64,
    /// What it has seen last of each file: the version and its tag.
    known: Vec<Option<(u64, String)>>,
    report: Report,
}

impl<'a> Roamer<'a> {
    fn new(number: usize, ids: &'a AtomicU64) -> Roamer<'a> {
        let random = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Roamer { random, ids, known: vec![None; NAMES], report: Report::default() }
    }

    fn roam(mut self, connect: impl Fn() -> Client, end: Instant) -> Report {
        let mut client = connect();
        while Instant::now() < end {
            let name = self.random(NAMES as u64) as usize;
            let keeps = match (self.random(20), self.known[name].clone()) {
                (0, _) => self.break_off(&mut client, name),
                (1..4, None) => self.put(&mut client, name, None),
                (1..10, Some(known)) => self.put(&mut client, name, Some(known)),
                (10, Some(known)) => self.delete(&mut client, name, known),
                _ => self.get(&mut client, name),
            };
            if !keeps {
                client = connect();
            }
        }
        self.report
    }

    fn get(&mut self, client: &mut Client, name: usize) -> bool {
        let sent = Instant::now();
        client.send(format!("GET /d/{name} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let reply = client.reply();
        let seen = match reply.status {
            200 => Some((id_of(&reply.body).0, tag_of(&reply))),
            _ => {
                reply.expect(404);
                None
            }
        };
        self.count(if seen.is_some() { Count::Read } else { Count::Nothing });
        self.known[name] = seen.clone();
        self.report.reads.push(Seen { name, seen, sent, ended: Instant::now() });
        reply.keeps_alive()
    }

    /// Replaces the version that it knows, or makes the file where it knows none.
    fn put(&mut self, client: &mut Client, name: usize, known: Option<(u64, String)>) -> bool {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let content = content(id, known.as_ref().map_or(0, |(id, _)| *id));
        let condition = match &known {
            Some((_, tag)) => format!("If-Match: {tag}"),
            None => "If-None-Match: *".to_owned(),
        };
        let began = Instant::now();
        client.send(format!(
            "PUT /d/{name} HTTP/1.1\r\nHost: test\r\n{condition}\r\nContent-Length: {}\r\n\r\n",
            content.len()
        ));
        // One that is refused early may not be read.
        let _ = client.try_send(&content);
        let reply = client.reply_to("PUT");
        let expected = if known.is_some() { (204, Count::Replaced) } else { (201, Count::Created) };
        if reply.status == expected.0 {
            self.count(expected.1);
            let tag = tag_of(&reply);
            self.known[name] = Some((id, tag.clone()));
            let ended = known.map(|(id, _)| id);
            let done = Instant::now();
            self.report.changes.push(Change { name, made: Some(id), tag, ended, began, done });
        } else {
            self.refused(&reply, name);
        }
        reply.keeps_alive()
    }

    fn delete(&mut self, client: &mut Client, name: usize, (id, tag): (u64, String)) -> bool {
        let began = Instant::now();
        client.send(format!("DELETE /d/{name} HTTP/1.1\r\nHost: test\r\nIf-Match: {tag}\r\n\r\n"));
        let reply = client.reply_to("DELETE");
        if reply.status == 204 {
            self.count(Count::Removed);
            self.known[name] = None;
            let done = Instant::now();
            self.report.changes.push(Change {
                name,
                made: None,
                tag,
                ended: Some(id),
                began,
                done,
            });
        } else {
            self.refused(&reply, name);
        }
        reply.keeps_alive()
    }

    fn refused(&mut self, reply: &Reply, name: usize) {
        match reply.status {
            503 => self.count(Count::Busy),
            404 | 412 => self.count(Count::Failed),
            _ => panic!("{reply:?}"),
        }
        self.known[name] = None;
    }

    /// Leaves in the middle of an upload.
    fn break_off(&mut self, client: &mut Client, name: usize) -> bool {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let content = content(id, 0);
        client.send(format!(
            "PUT /d/{name} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n",
            content.len() + 1
        ));
        client.send(&content);
        self.count(Count::BrokenOff);
        false
    }

    fn count(&mut self, count: Count) {
        self.report.counts[count as usize] += 1;
    }

    /// xorshift64.
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }
}

fn tag_of(reply: &Reply) -> String {
    reply.value("ETag").to_owned()
}

/// A version: what it is, what it replaced, and then a length and bytes that are its own. Every
/// eighth is too large for memory.
fn content(id: u64, replaced: u64) -> Vec<u8> {
    let head = format!("{id} {replaced}\n");
    let length = if id.is_multiple_of(8) { 70_000 + id % 1000 } else { 10 + id * 7 % 5000 };
    let filler = (0..length).map(|at| (at.wrapping_mul(id | 1) >> 3) as u8 | 1);
    head.bytes().chain(filler).collect()
}

/// What a file says that it is; demands that it is that to the byte.
#[track_caller]
fn id_of(bytes: &[u8]) -> (u64, u64) {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let parsed = line
        .split_once(' ')
        .and_then(|(id, replaced)| Some((id.parse().ok()?, replaced.parse().ok()?)));
    let (id, replaced) = parsed.unwrap_or_else(|| panic!("no version: {line:?}"));
    assert!(bytes == content(id, replaced), "version {id} is torn");
    (id, replaced)
}

const CLIENTS: usize = 200;
const NAMES: usize = 20;
const SECONDS: u64 = 3;
