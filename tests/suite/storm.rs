//! Files that change in every way there is, under readers who never pause: no response is older
//! than its request, and none is made of two versions.
//!
//! Writers note from when to when each version lived: from just before it was put in place until
//! just after it was replaced. Readers note what they got and when; once the storm is over, each
//! response must be a version that lived between its request and its end.

mod subject;

use crate::support::client::End;
use crate::support::{Client, Fixture, Reply, TestServer};
use httpd::{Root, StaticFiles};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use subject::{LINE_BYTES, Life, Subject, content, in_place};

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
                Err(End::Reset | End::Cut) => (What::Broken(subjects[index..].to_vec()), false),
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

const RESPONSES_MIN: usize = 100_000;
const TIME_MAX: Duration = Duration::from_secs(180);
const CHANGES_MIN: usize = 100;

const READERS: usize = 5;
const BATCH: usize = 16;
