//! Files that change in every way there is, under readers who never pause: no response is older
//! than its request, and none is made of two versions.
//!
//! Writers note from when to when each version lived: from just before it was put in place until
//! just after it was replaced. Readers note what they got and when; once the storm is over, each
//! response must be a version that lived between its request and its end.

use crate::support::client::End;
use crate::support::{Client, Fixture, Reply, TestServer};
use httpd::{Root, StaticFiles};
use std::fs::{self, File};
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn no_response_is_older_than_its_request_or_made_of_two_versions() {
    let fixture = Fixture::new().workers(2);
    let place = fixture.place().to_owned();
    let mut subjects = Subject::all(&place);
    let begin = Instant::now();
    let mut lives: Vec<Vec<Life>> =
        subjects.iter_mut().map(|subject| vec![subject.change(0, begin)]).collect();
    let live = Root::open(place.join("live/htdocs")).expect("the first release is there");
    let server = fixture.handler("/live", StaticFiles::new(live)).serve();

    let storm = Storm::new(&server);
    let responses = thread::scope(|scope| {
        let writers: Vec<_> = subjects
            .into_iter()
            .zip(lives.drain(..))
            .map(|(subject, lives)| scope.spawn(|| storm.write(subject, lives)))
            .collect();
        let readers: Vec<_> = (0..READERS)
            .map(|number| {
                let storm = &storm;
                scope.spawn(move || match number {
                    0 => storm.read_one_by_one(),
                    1 => storm.read_in_batches(number),
                    _ => storm.read_kept_alive(number),
                })
            })
            .collect();
        let responses: Vec<Seen> = readers
            .into_iter()
            .flat_map(|reader| {
                let seen = reader.join();
                // However a reader ends, the writers end with it.
                storm.over.store(seen.is_err(), Ordering::Relaxed);
                seen.expect("the reader is content")
            })
            .collect();
        storm.over.store(true, Ordering::Relaxed);
        lives.extend(writers.into_iter().map(|writer| writer.join().expect("it can write")));
        responses
    });
    let took = begin.elapsed();

    let mut counts = [0; 3];
    for seen in &responses {
        counts[judge(seen, &lives) as usize] += 1;
    }
    let changes: Vec<usize> = lives.iter().map(Vec::len).collect();
    eprintln!(
        "storm: {} responses in {took:.1?}: {} whole, {} of a file half written, {} broken off; \
         changes {changes:?}",
        responses.len(),
        counts[Verdict::Whole as usize],
        counts[Verdict::HalfWritten as usize],
        counts[Verdict::BrokenOff as usize],
    );
    assert!(responses.len() >= RESPONSES_MIN, "only {} in {took:?}", responses.len());
    assert!(changes.iter().all(|&count| count >= CHANGES_MIN), "{changes:?}");
}

/// How a file changes. Those that are written in place can be seen half written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Appended,
    Created,
    Flipped,
    ParentRenamed,
    Replaced,
    Rewritten,
    RootFlipped,
    Truncated,
}

/// One file, and where the next version of it is prepared.
struct Subject {
    manner: Manner,
    file: PathBuf,
    aside: PathBuf,
}

impl Subject {
    const TARGETS: [(Manner, &str); 8] = [
        (Manner::Appended, "/appended.txt"),
        (Manner::Created, "/created.txt"),
        (Manner::Flipped, "/current/deep/flipped.txt"),
        (Manner::ParentRenamed, "/parent/deep/moved.txt"),
        (Manner::Replaced, "/replaced.txt"),
        (Manner::Rewritten, "/rewritten.txt"),
        (Manner::RootFlipped, "/live/deep/root.txt"),
        (Manner::Truncated, "/truncated.txt"),
    ];

    fn all(place: &Path) -> Vec<Subject> {
        Subject::TARGETS
            .iter()
            .map(|&(manner, target)| {
                let beneath =
                    if manner == Manner::RootFlipped { place } else { &place.join("root") };
                let file = beneath.join(&target[1..]);
                let aside = match manner {
                    Manner::Flipped => place.join("root/releases"),
                    Manner::RootFlipped => place.join("releases"),
                    _ => place.join(format!("{manner:?}")),
                };
                fs::create_dir_all(&aside).expect("a directory can be made");
                Subject { manner, file, aside }
            })
            .collect()
    }

    /// Puts version `number` in place.
    fn change(&mut self, number: u64, begin: Instant) -> Life {
        let new = self.aside.join(number.to_string());
        let content = content(self.manner, number);
        match (self.manner, &content) {
            (Manner::Appended, Some(content)) if number.is_multiple_of(GENERATION) => {
                fs::write(&new, content).expect("it can be written");
                fs::rename(new, &self.file).expect("the same file system");
            }
            (Manner::Appended, _) => {
                let mut file = File::options().append(true).open(&self.file).expect("it is there");
                file.write_all(&line(number)).expect("there is room");
            }
            (Manner::Created, None) => fs::remove_file(&self.file).expect("it is there"),
            (Manner::Created | Manner::Truncated, Some(content)) => {
                fs::write(&self.file, content).expect("it can be written");
            }
            (Manner::Replaced, Some(content)) => {
                fs::write(&new, content).expect("it can be written");
                fs::rename(new, &self.file).expect("the same file system");
            }
            (Manner::Rewritten, Some(content)) => {
                let mut file = File::options();
                let file = file.write(true).create(true).truncate(false).open(&self.file);
                file.expect("it is there").write_all_at(content, 0).expect("there is room");
            }
            (Manner::ParentRenamed, None) => {
                fs::rename(self.ancestor(2), self.aside.join("old")).expect("it is there");
                fs::remove_dir_all(self.aside.join("old")).expect("it is ours");
            }
            (Manner::ParentRenamed, Some(content)) => {
                prepare(&new.join("deep/moved.txt"), content);
                fs::rename(new, self.ancestor(2)).expect("the same file system");
            }
            (Manner::Flipped, Some(content)) => {
                prepare(&new.join("deep/flipped.txt"), content);
                self.flip(number);
            }
            (Manner::RootFlipped, Some(content)) => {
                prepare(&new.join("htdocs/deep/root.txt"), content);
                self.flip(number);
            }
            (manner, None) => unreachable!("{manner:?} is always there"),
        }
        let end = Instant::now();
        let tag = content.as_ref().map(|_| self.tag());
        if number >= KEPT && matches!(self.manner, Manner::Flipped | Manner::RootFlipped) {
            let old = self.aside.join((number - KEPT).to_string());
            fs::remove_dir_all(old).expect("it is ours");
        }
        Life { begin, in_place: end, tag }
    }

    /// So many directories up.
    fn ancestor(&self, count: usize) -> PathBuf {
        self.file.ancestors().nth(count).expect("it lies deeper").to_owned()
    }

    /// Has a link lead to the new release, in one step.
    fn flip(&self, number: u64) {
        let next = self.aside.join("next");
        symlink(format!("releases/{number}"), &next).expect("a link can be made");
        fs::rename(next, self.ancestor(2)).expect("the same file system");
    }

    /// What the server calls this version, once it is certain of it.
    fn tag(&self) -> String {
        // The link of the served root does not lead into `htdocs`, which the test has it end in.
        let file = match self.manner {
            Manner::RootFlipped => self.ancestor(2).join("htdocs/deep/root.txt"),
            _ => self.file.clone(),
        };
        let metadata = fs::metadata(file).expect("it is there");
        let modified = metadata.mtime() as u64 * 1_000_000_000 + metadata.mtime_nsec() as u64;
        format!("{modified:x}-{:x}", metadata.size())
    }
}

fn prepare(file: &Path, content: &[u8]) {
    fs::create_dir_all(file.parent().expect("it is in a directory")).expect("it can be made");
    fs::write(file, content).expect("it can be written");
}

/// What a version is; `None` where there is nothing.
fn content(manner: Manner, number: u64) -> Option<Vec<u8>> {
    let lines = match manner {
        Manner::Created | Manner::ParentRenamed if number % 2 == 1 => return None,
        Manner::Appended => {
            let first = number - number % GENERATION;
            return Some((first..=number).flat_map(line).collect());
        }
        Manner::Rewritten => LINES,
        _ => 1 + number as usize * 7 % LINES,
    };
    Some(line(number).repeat(lines))
}

/// A line that names its version and lies within one page.
fn line(number: u64) -> [u8; LINE_BYTES] {
    let text = format!("version {number:>55}\n");
    text.as_bytes().try_into().expect("the width is that of a line")
}

/// One version's life. It ends when the next one is in place.
struct Life {
    /// From when on it may have been seen.
    begin: Instant,
    /// From when on nothing but it can have been seen.
    in_place: Instant,
    tag: Option<String>,
}

/// What a reader got.
struct Seen {
    subject: usize,
    sent: Instant,
    ended: Instant,
    what: What,
}

enum What {
    Reply(Box<Reply>),
    /// The connection was broken off; these requests had no answers.
    Broken(Vec<usize>),
}

struct Storm<'a> {
    server: &'a TestServer,
    over: AtomicBool,
    responses: AtomicUsize,
    /// How many files have been changed often enough.
    changed: AtomicUsize,
    begin: Instant,
}

impl<'a> Storm<'a> {
    fn new(server: &'a TestServer) -> Storm<'a> {
        Storm {
            server,
            over: AtomicBool::new(false),
            responses: AtomicUsize::new(0),
            changed: AtomicUsize::new(0),
            begin: Instant::now(),
        }
    }

    /// Changes a file over and over: in bursts, and with pauses in which caches fill.
    fn write(&self, mut subject: Subject, mut lives: Vec<Life>) -> Vec<Life> {
        while !self.over.load(Ordering::Relaxed) {
            let number = lives.len() as u64;
            lives.push(subject.change(number, Instant::now()));
            if lives.len() == CHANGES_MIN {
                self.changed.fetch_add(1, Ordering::Relaxed);
            }
            let noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
            thread::sleep(Duration::from_micros(noise * noise / 8));
        }
        lives
    }

    fn goes_on(&self) -> bool {
        let enough = self.responses.load(Ordering::Relaxed) >= RESPONSES_MIN
            && self.changed.load(Ordering::Relaxed) == Subject::TARGETS.len();
        !self.over.load(Ordering::Relaxed) && !enough && self.begin.elapsed() < TIME_MAX
    }

    fn request(&self, subject: usize, connection: &str) -> String {
        let target = Subject::TARGETS[subject].1;
        format!("GET {target} HTTP/1.1\r\nHost: test\r\nConnection: {connection}\r\n\r\n")
    }

    /// Sends requests at once, and takes their answers.
    fn ask(
        &self,
        client: &mut Client,
        subjects: &[usize],
        last: &str,
        seen: &mut Vec<Seen>,
    ) -> bool {
        let requests: String =
            subjects.iter().map(|&subject| self.request(subject, last)).collect();
        let sent = Instant::now();
        client.send(requests);
        for (index, &subject) in subjects.iter().enumerate() {
            let reply = client.try_reply_to("GET");
            let ended = Instant::now();
            let (what, goes_on) = match reply {
                Ok(reply) => (What::Reply(Box::new(reply)), true),
                Err(End::Reset) => (What::Broken(subjects[index..].to_vec()), false),
                Err(End::Fin) => panic!("an end in good order before a response to {subject}"),
            };
            seen.push(Seen { subject, sent, ended, what });
            self.responses.fetch_add(1, Ordering::Relaxed);
            if !goes_on {
                return false;
            }
        }
        true
    }

    /// A new connection per request.
    fn read_one_by_one(&self) -> Vec<Seen> {
        let mut seen = Vec::new();
        while self.goes_on() {
            let mut client = self.server.connect();
            let subject = seen.len() % Subject::TARGETS.len();
            if self.ask(&mut client, &[subject], "close", &mut seen) {
                client.ends();
            }
        }
        seen
    }

    fn read_kept_alive(&self, stride: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        while self.goes_on() {
            let mut client = self.server.connect();
            while self.goes_on()
                && self.ask(
                    &mut client,
                    &[(seen.len() * stride + seen.len() / 7) % Subject::TARGETS.len()],
                    "keep-alive",
                    &mut seen,
                )
            {}
        }
        seen
    }

    fn read_in_batches(&self, stride: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        while self.goes_on() {
            let mut client = self.server.connect();
            loop {
                let first = seen.len();
                let batch: Vec<usize> =
                    (first..first + BATCH).map(|at| at * stride % Subject::TARGETS.len()).collect();
                if !self.goes_on() || !self.ask(&mut client, &batch, "keep-alive", &mut seen) {
                    break;
                }
            }
        }
        seen
    }
}

enum Verdict {
    Whole,
    HalfWritten,
    BrokenOff,
}

/// Demands that what was seen can have been true between request and end.
fn judge(seen: &Seen, lives: &[Vec<Life>]) -> Verdict {
    let (manner, target) = Subject::TARGETS[seen.subject];
    let lives_of = &lives[seen.subject];
    let alive = alive_at(seen, lives_of);
    let reply = match &seen.what {
        What::Reply(reply) => reply,
        What::Broken(unanswered) => {
            let may_break = |&subject: &usize| {
                in_place(Subject::TARGETS[subject].0) && alive_at(seen, &lives[subject]).len() > 1
            };
            assert!(unanswered.iter().any(may_break), "{target} was broken off");
            return Verdict::BrokenOff;
        }
    };
    let tag = reply.value("ETag");
    let is = |number: usize| match content(manner, number as u64) {
        Some(content) => {
            let opaque = tag.trim_start_matches("W/").trim_matches('"').trim_end_matches('~');
            reply.status == 200
                && reply.body == content
                && lives_of[number].tag.as_deref() == Some(opaque)
        }
        None => reply.status == 404,
    };
    if alive.clone().any(is) {
        return Verdict::Whole;
    }
    // While a file is written in place, any server may see it half written, and only then.
    let half_written = alive.len() > 1
        && in_place(manner)
        && reply.status == 200
        && reply.body.chunks(LINE_BYTES).enumerate().all(|(at, line)| {
            alive.clone().any(|number| {
                let whole = content(manner, number as u64).unwrap_or_default();
                whole.chunks(LINE_BYTES).nth(at) == Some(line)
            })
        });
    assert!(
        half_written,
        "{target} must be one of the versions {alive:?}, the first with the tag {:?} and in place \
         for {:?} when the request was sent; it took {:?}; got {reply:?}",
        lives_of[alive.start].tag,
        seen.sent.saturating_duration_since(lives_of[alive.start].in_place),
        seen.ended - seen.sent,
    );
    Verdict::HalfWritten
}

/// The versions that can have been there between request and end.
fn alive_at(seen: &Seen, lives: &[Life]) -> Range<usize> {
    let first = lives.partition_point(|life| life.in_place <= seen.sent).saturating_sub(1);
    let after = lives.partition_point(|life| life.begin <= seen.ended);
    first..after.max(first + 1)
}

fn in_place(manner: Manner) -> bool {
    matches!(manner, Manner::Appended | Manner::Created | Manner::Rewritten | Manner::Truncated)
}

const RESPONSES_MIN: usize = 100_000;
const TIME_MAX: Duration = Duration::from_secs(60);
const CHANGES_MIN: usize = 100;

const READERS: usize = 5;
const BATCH: usize = 16;

const LINE_BYTES: usize = 64;
/// Of a file that is not appended to.
const LINES: usize = 60;
/// Appended to so often, then replaced.
const GENERATION: u64 = 50;
/// Releases that are kept.
const KEPT: u64 = 3;
