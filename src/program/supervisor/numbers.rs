//! How the numbers of all processes come together. The process that is asked for the metrics of the server asks the
//! supervisor, which asks all others, and answers with the sum of theirs and its own. Whatever process does not answer in
//! time is left out, but for what it had counted when it last did.
//!
//! ```text
//! asked process        supervisor        every other process
//!   numbers? 7 ───────────▶                   (a sealed file)
//!                          numbers! ─────────▶
//!                          ◀───────── numbers=   (a sealed file)
//!   ◀── numbers 7 (a sealed file)
//! ```

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::child::{Child, ChildState};
use super::{Supervisor, SupervisorState};
use crate::site::Metrics;
use crate::site::status::families::{
    PROCESS_RESTARTS, PROCESSES_SILENT, READY, RELOAD_LAST, RELOADS, UPGRADES,
};
use crate::sys::channel::{Channel, ChannelMessage};
use crate::sys::process::{read_sealed, sealed};

/// A message about numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumbersMessage {
    /// A process asks for those of the rest of the server, and sends its own.
    Asks(u64),
    /// The supervisor asks for those of a process.
    Wanted,
    /// They are those of a process.
    Are,
    /// They answer the question with this number.
    Answer(u64),
}

impl NumbersMessage {
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            NumbersMessage::Asks(number) => format!("{ASKS}{number}").into_bytes(),
            NumbersMessage::Wanted => WANTED.into(),
            NumbersMessage::Are => ARE.into(),
            NumbersMessage::Answer(number) => format!("{ANSWER}{number}").into_bytes(),
        }
    }

    /// `None`: it is another message.
    pub(crate) fn read(bytes: &[u8]) -> Option<NumbersMessage> {
        let text = std::str::from_utf8(bytes).ok()?;
        let number = |prefix| text.strip_prefix(prefix)?.parse().ok();
        match text {
            WANTED => Some(NumbersMessage::Wanted),
            ARE => Some(NumbersMessage::Are),
            _ => number(ASKS)
                .map(NumbersMessage::Asks)
                .or_else(|| number(ANSWER).map(NumbersMessage::Answer)),
        }
        .filter(|message| message.bytes() == bytes)
    }

    /// Sends it with numbers.
    ///
    /// # Errors
    /// When out of descriptors or memory, or the other end does not read.
    pub(crate) fn send(self, channel: &Channel, numbers: &Metrics) -> io::Result<()> {
        let memory = sealed(numbers.to_lines().as_bytes())?;
        channel.send(&self.bytes(), &[memory.as_fd()])
    }
}

/// The numbers in a sealed file.
fn unpacked(memory: Option<OwnedFd>) -> Option<Metrics> {
    let lines = read_sealed(&memory?, NUMBERS_BYTES_MAX).ok()?;
    Some(Metrics::from_lines(std::str::from_utf8(&lines).ok()?))
}

const ASKS: &str = "numbers? ";
const WANTED: &str = "numbers!";
const ARE: &str = "numbers=";
const ANSWER: &str = "numbers ";

/// More than those of as many hosts as are counted apart.
const NUMBERS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The rest of the server, as one of its processes sees it.
pub(crate) struct Others {
    channel: Arc<Channel>,
    /// One question at a time.
    turn: Mutex<()>,
    answer: Mutex<OthersAnswer>,
    changed: Condvar,
}

#[derive(Default)]
struct OthersAnswer {
    question: u64,
    numbers: Option<Metrics>,
}

impl Others {
    pub(crate) fn new(channel: Arc<Channel>) -> Others {
        Others {
            channel,
            turn: Mutex::default(),
            answer: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Their numbers. `None`: the supervisor has died, or does not answer in time.
    pub(crate) fn ask(&self, own: &Metrics) -> Option<Metrics> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answer = self.lock();
        let question = answer.question + 1;
        *answer = OthersAnswer { question, numbers: None };
        NumbersMessage::Asks(question).send(&self.channel, own).ok()?;
        let waits = |answer: &mut OthersAnswer| answer.numbers.is_none();
        let waited = self.changed.wait_timeout_while(answer, ASK_TIME, waits);
        let (mut answer, _) = waited.unwrap_or_else(PoisonError::into_inner);
        answer.numbers.take()
    }

    /// Takes an answer.
    pub(crate) fn take(&self, question: u64, memory: Option<OwnedFd>) {
        let mut answer = self.lock();
        if answer.question == question {
            answer.numbers = unpacked(memory);
        }
        drop(answer);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, OthersAnswer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the supervisor knows of the numbers of its processes.
#[derive(Default)]
pub(super) struct Numbers {
    /// The last of each process, by its id.
    last: HashMap<u32, Metrics>,
    /// What processes had counted that have ended, so that no count becomes smaller; and what the supervisor counts.
    past: Metrics,
    questions: Vec<Question>,
}

/// What a process has asked.
struct Question {
    asker: u32,
    number: u64,
    /// The processes that have not answered.
    awaited: Vec<u32>,
    by: Instant,
}

impl Numbers {
    /// Goes on from those of a supervisor that this process was.
    pub(super) fn inherit(lines: &str) -> Numbers {
        Numbers { past: Metrics::from_lines(lines), ..Numbers::default() }
    }

    /// What is left to a supervisor that this process becomes: the processes go on and tell theirs.
    pub(super) fn legacy(&self) -> Metrics {
        self.past.clone()
    }

    /// A process has died and is replaced.
    pub(super) fn note_restart(&mut self) {
        self.past.count(PROCESS_RESTARTS, &[], 1);
    }

    /// A reload has ended.
    pub(super) fn note_reload(&mut self, has_succeeded: bool) {
        let labels = [("outcome", outcome(has_succeeded))];
        self.past.count(RELOADS, &labels, 1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.past.add(RELOAD_LAST, &labels, now.as_secs_f64());
    }

    /// An upgrade has ended.
    pub(super) fn note_upgrade(&mut self, has_succeeded: bool) {
        self.past.count(UPGRADES, &[("outcome", outcome(has_succeeded))], 1);
    }

    /// A process has ended.
    pub(super) fn end(&mut self, process: u32) {
        if let Some(last) = self.last.remove(&process) {
            self.past.add_all(&last.counted().without(BY_SUPERVISOR));
        }
        self.questions.retain(|question| question.asker != process);
        self.note_answer(process);
    }

    fn note_answer(&mut self, process: u32) {
        for question in &mut self.questions {
            question.awaited.retain(|it| *it != process);
        }
    }

    /// When a question is answered at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        self.questions.iter().map(|question| question.by).min()
    }
}

fn outcome(has_succeeded: bool) -> &'static str {
    if has_succeeded { "success" } else { "failure" }
}

impl Supervisor {
    /// Takes what processes have sent about numbers, and answers questions that can be.
    pub(super) fn advance_numbers(&mut self, now: Instant) {
        for index in 0..self.children.len() {
            let id = self.children[index].id();
            for message in std::mem::take(&mut self.children[index].numbers) {
                self.take_numbers(id, message, now);
            }
        }
        let questions = std::mem::take(&mut self.numbers.questions);
        let (over, open): (Vec<_>, Vec<_>) =
            questions.into_iter().partition(|it| it.awaited.is_empty() || it.by <= now);
        self.numbers.questions = open;
        for question in over {
            self.answer(&question);
        }
    }

    /// Takes what a process has sent before its end.
    pub(super) fn take_last_numbers(&mut self, child: &mut Child, now: Instant) {
        let id = child.id();
        for message in std::mem::take(&mut child.numbers) {
            self.take_numbers(id, message, now);
        }
        self.numbers.end(id);
    }

    fn take_numbers(&mut self, from: u32, message: ChannelMessage, now: Instant) {
        match NumbersMessage::read(&message.bytes) {
            Some(NumbersMessage::Asks(number)) => {
                if let Some(numbers) = unpacked(message.descriptors.into_iter().next()) {
                    self.numbers.last.insert(from, numbers);
                }
                let others =
                    |child: &&Child| child.id() != from && child.state != ChildState::Starting;
                let mut awaited = Vec::new();
                for child in self.children.iter().filter(others) {
                    child.send_bytes(&NumbersMessage::Wanted.bytes());
                    awaited.push(child.id());
                }
                // It has given up an earlier one.
                self.numbers.questions.retain(|question| question.asker != from);
                let by = now + ANSWER_TIME;
                self.numbers.questions.push(Question { asker: from, number, awaited, by });
            }
            Some(NumbersMessage::Are) => {
                if let Some(numbers) = unpacked(message.descriptors.into_iter().next()) {
                    self.numbers.last.insert(from, numbers);
                    self.numbers.note_answer(from);
                }
            }
            Some(NumbersMessage::Wanted | NumbersMessage::Answer(_)) | None => {}
        }
    }

    /// Sends the numbers of all but the process that asks.
    fn answer(&self, question: &Question) {
        let mut all = self.numbers.past.clone();
        for child in self.children.iter().filter(|child| child.id() != question.asker) {
            let Some(last) = self.numbers.last.get(&child.id()) else { continue };
            let last = last.without(BY_SUPERVISOR);
            match question.awaited.contains(&child.id()) {
                // What it counts does not become smaller; what it does now is not known.
                true => all.add_all(&last.counted()),
                false => all.add_all(&last),
            }
        }
        all.count(PROCESSES_SILENT, &[], question.awaited.len() as u64);
        let serve = (0..self.slots.len()).all(|slot| self.serves(slot));
        let is_ready = self.state == SupervisorState::Serving && serve;
        all.count(READY, &[], u64::from(is_ready));
        for child in self.children.iter().filter(|child| child.id() == question.asker) {
            child.send_numbers(NumbersMessage::Answer(question.number), &all);
        }
    }
}

/// What the supervisor tells of the whole server, whatever its processes say.
pub(crate) const BY_SUPERVISOR: &[usize] = &[RELOADS, RELOAD_LAST, READY];

/// How long processes have to answer: longer than they wait for their workers.
const ANSWER_TIME: Duration = Duration::from_millis(1300);

/// Longer than that.
const ASK_TIME: Duration = Duration::from_millis(1800);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_understood_and_no_other() {
        for message in [
            NumbersMessage::Asks(7),
            NumbersMessage::Wanted,
            NumbersMessage::Are,
            NumbersMessage::Answer(u64::MAX),
        ] {
            assert_eq!(NumbersMessage::read(&message.bytes()), Some(message));
        }
        for other in
            [&b"serving"[..], b"numbers?", b"numbers? x", b"numbers 01", b"numbers +1", b"\xff"]
        {
            assert_eq!(NumbersMessage::read(other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn counts_outlive_the_process_that_made_them() {
        let of_process = "httpd_requests\t\t5\nhttpd_workers\t\t2\nhttpd_ready\t\t1\n";
        let mut numbers = Numbers::default();
        for process in [1, 2] {
            numbers.last.insert(process, Metrics::from_lines(of_process));
            numbers.end(process);
        }
        numbers.note_restart();
        numbers.note_reload(false);
        let numbers = Numbers::inherit(&numbers.legacy().to_lines());
        assert_eq!(numbers.past.value("httpd_requests", &[]), Some(10.0));
        assert_eq!(numbers.past.value("httpd_process_restarts", &[]), Some(1.0));
        assert_eq!(numbers.past.value("httpd_reloads", &[("outcome", "failure")]), Some(1.0));
        assert_eq!(numbers.past.value("httpd_workers", &[]), None);
        assert_eq!(numbers.past.value("httpd_ready", &[]), None);
    }

    #[test]
    fn numbers_of_any_size_arrive_and_answers_to_other_questions_do_not_count() {
        let (here, there) = Channel::pair().expect("some are left");
        let there = Arc::new(Channel::from_end(there));
        let others = Others::new(Arc::clone(&there));
        let mut numbers = Metrics::default();
        for host in 0..5_000 {
            let host = format!("{host}.example.org");
            numbers.count(UPGRADES, &[("host", &host)], 1);
        }
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| others.ask(&Metrics::default()));
            let question = loop {
                if let Ok(crate::sys::channel::Received::Message(message)) = here.receive() {
                    break NumbersMessage::read(&message.bytes);
                }
            };
            assert_eq!(question, Some(NumbersMessage::Asks(1)));
            others.take(2, None);
            let memory = sealed(numbers.to_lines().as_bytes()).expect("memory is left");
            others.take(1, Some(memory));
            assert_eq!(asked.join().expect("it does not panic"), Some(numbers.clone()));
        });
        drop(here);
        assert_eq!(others.ask(&numbers), None, "nobody is there");
    }
}
