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

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::site::Metrics;
use crate::sys::channel::Channel;
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
pub(super) fn unpacked(memory: Option<OwnedFd>) -> Option<Metrics> {
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

/// Longer than processes have to answer the supervisor.
const ASK_TIME: Duration = Duration::from_millis(1800);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::status::families::UPGRADES;

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
