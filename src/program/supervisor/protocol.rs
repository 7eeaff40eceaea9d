//! The messages between a supervisor and the processes that it starts, on a [`Channel`]. Knows nothing of
//! when they are sent.
//!
//! Before it starts a process, the supervisor queues the handover: a message with its version, the [`Role`] and the
//! number of listeners as five 32-bit numbers, two numbers for each address (what is spoken there, and how many of the
//! listeners belong to it), and the text of the configuration as a sealed file; then messages `listeners` until all
//! listeners are sent, those of the first address first. After that, each message is one [`Instruction`] or one
//! [`Report`], as text; or the supervisor hands over once more: then the process is to serve by that.

use std::io;
use std::iter;
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::sys::channel::{Channel, ChannelMessage, DESCRIPTORS_MAX, MESSAGE_BYTES_MAX, Received};
use crate::sys::process::read_sealed;

use super::certificates;
use crate::program::failure::Failure;
use crate::server::TlsNews;
use crate::server::address::ListenScheme;

/// Which of the processes this one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    /// From 1 to `processes`.
    pub number: u32,
    pub processes: u32,
    /// How many workers it has.
    pub workers: u32,
    /// The limit of open descriptors that the supervisor was started with; `u32::MAX` means none.
    pub descriptors: u32,
}

/// What a process needs to know to serve.
#[derive(Debug)]
pub(crate) struct Handover {
    pub role: Role,
    /// The configuration, which the supervisor has checked.
    pub text: String,
    /// What is spoken at each address, and how many of the listeners belong to it.
    pub addresses: Vec<(Spoken, u32)>,
    pub listeners: Vec<OwnedFd>,
    /// Its certificates and the keys of tickets, if it speaks TLS.
    pub tls: Vec<TlsNews>,
}

/// What is spoken at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub scheme: ListenScheme,
    /// Whether connections begin with a PROXY header.
    pub is_proxied: bool,
    /// Whether a service manager has passed the socket, and has it too.
    pub is_passed: bool,
}

impl Spoken {
    fn number(self) -> u32 {
        let scheme = SCHEMES.iter().position(|it| *it == self.scheme).unwrap_or_default();
        scheme as u32 * 2 + u32::from(self.is_proxied) + u32::from(self.is_passed) * PASSED
    }

    fn of(number: u32) -> Option<Spoken> {
        let (is_passed, rest) = (number / PASSED == 1, number % PASSED);
        let scheme = *SCHEMES.get(rest as usize / 2)?;
        (number / PASSED <= 1).then_some(Spoken { scheme, is_proxied: rest % 2 == 1, is_passed })
    }
}

/// More than the numbers of all schemes.
const PASSED: u32 = 1 << 16;

/// In the order of their numbers.
const SCHEMES: [ListenScheme; 4] =
    [ListenScheme::Http, ListenScheme::H2c, ListenScheme::Https, ListenScheme::Status];

/// What the supervisor tells a process to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instruction {
    /// Open the logs again, and report what came of it.
    Reopen,
    /// End when open requests have ended, and leave the listeners alone: a replacement has them.
    Retire,
    /// Close the listeners, and end when open requests have ended: the whole pool stops.
    Stop,
    StopNow,
    /// Say whether all workers work.
    Ping,
}

/// What a process reports to its supervisor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// It is a program of this kind, and starts. Its supervisor may become that program with an
    /// [`Inheritance`](super::inheritance::Inheritance) of this version at most.
    Hello { inherits: u32 },
    /// It serves; a line for each of its applications.
    Serving(Vec<String>),
    /// All of its workers have just worked.
    Works,
    /// It asks for a replacement: it got a signal to stop, or may not read a root that has become another directory.
    Leaving,
    /// It cannot serve, and ends.
    Failed(Failure),
    /// It serves by what was handed over last.
    Reloaded,
    /// It serves as before, for this reason.
    NotReloaded(Failure),
    /// It serves as before: what was handed over takes rights that it has given up.
    LacksRights(Failure),
    /// Its logs are open again, or not, for these reasons.
    Reopened(Result<(), Failure>),
}

/// Queues everything that a process needs when it starts.
///
/// # Errors
/// When the channel cannot hold so many listeners.
pub(crate) fn hand_over(
    channel: &Channel,
    role: Role,
    text: BorrowedFd<'_>,
    tls: Option<BorrowedFd<'_>>,
    addresses: &[(Spoken, u32)],
    listeners: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let count = u32::try_from(listeners.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let numbers = [role.number, role.processes, role.workers, role.descriptors, count];
    let addresses = addresses.iter().flat_map(|(spoken, count)| [spoken.number(), *count]);
    let words = numbers.into_iter().chain(addresses).flat_map(u32::to_le_bytes);
    let words: Vec<u8> = TITLE.iter().copied().chain(words).collect();
    let sealed: Vec<BorrowedFd<'_>> = [text].into_iter().chain(tls).collect();
    channel.send(&words, &sealed)?;
    for some in listeners.chunks(DESCRIPTORS_MAX) {
        channel.send(LISTENERS, some)?;
    }
    Ok(())
}

/// Takes what was handed over.
///
/// # Errors
/// When nothing was: no supervisor has started this process.
pub(crate) fn take_over(channel: &Channel) -> io::Result<Handover> {
    let mut coming = Coming::begin(next(channel)?)?;
    while !coming.is_whole() {
        coming.add(next(channel)?)?;
    }
    Ok(coming.handover)
}

/// A handover of which the first message has come.
#[derive(Debug)]
pub(crate) struct Coming {
    pub handover: Handover,
    count: usize,
}

impl Coming {
    /// Whether a message begins a handover.
    pub(crate) fn begins(message: &ChannelMessage) -> bool {
        message.bytes.starts_with(TITLE)
    }

    /// # Errors
    /// When it is no beginning of a handover.
    pub(crate) fn begin(message: ChannelMessage) -> io::Result<Coming> {
        begin(message)
    }

    /// Adds the next message.
    ///
    /// # Errors
    /// When it does not belong to a handover.
    pub(crate) fn add(&mut self, mut message: ChannelMessage) -> io::Result<()> {
        let listeners = &mut self.handover.listeners;
        listeners.append(&mut message.descriptors);
        match message.bytes == LISTENERS && listeners.len() <= self.count {
            true => Ok(()),
            false => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Whether all listeners have come.
    pub(crate) fn is_whole(&self) -> bool {
        self.handover.listeners.len() == self.count
    }
}

impl Handover {
    /// The listeners, each with the number of its address.
    pub(crate) fn placed(
        listeners: Vec<OwnedFd>,
        addresses: &[(Spoken, u32)],
    ) -> Vec<(usize, OwnedFd)> {
        let numbers = addresses.iter().enumerate();
        let numbers =
            numbers.flat_map(|(number, (_, count))| iter::repeat_n(number, *count as usize));
        numbers.zip(listeners).collect()
    }
}

fn begin(first: ChannelMessage) -> io::Result<Coming> {
    let mut sealed = first.descriptors.into_iter();
    let Some((numbers, [])) = first.bytes.strip_prefix(TITLE).map(<[u8]>::as_chunks) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let numbers: Vec<u32> = numbers.iter().map(|number| u32::from_le_bytes(*number)).collect();
    let ([number, processes, workers, descriptors, count, addresses @ ..], Some(text)) =
        (numbers.as_slice(), sealed.next())
    else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let text = String::from_utf8(read_sealed(&text, CONFIGURATION_BYTES_MAX)?)
        .map_err(|_| io::ErrorKind::InvalidData)?;
    let tls = sealed.next().map(certificates::unpacked).transpose()?.unwrap_or_default();
    let (addresses, []) = addresses.as_chunks() else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let addresses = addresses.iter().map(|[spoken, count]| Some((Spoken::of(*spoken)?, *count)));
    let addresses = addresses.collect::<Option<Vec<_>>>().ok_or(io::ErrorKind::InvalidData)?;
    let sum: u64 = addresses.iter().map(|(_, count)| u64::from(*count)).sum();
    if sum != u64::from(*count) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let role = Role {
        number: *number,
        processes: *processes,
        workers: *workers,
        descriptors: *descriptors,
    };
    let handover = Handover { role, text, addresses, listeners: Vec::new(), tls };
    Ok(Coming { handover, count: *count as usize })
}

fn next(channel: &Channel) -> io::Result<ChannelMessage> {
    match channel.receive()? {
        Received::Message(message) => Ok(message),
        Received::Nothing | Received::End => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

impl Instruction {
    pub(crate) fn words(self) -> &'static [u8] {
        match self {
            Instruction::Reopen => b"reopen",
            Instruction::Retire => b"retire",
            Instruction::Stop => b"stop",
            Instruction::StopNow => b"stop now",
            Instruction::Ping => b"ping",
        }
    }

    pub(crate) fn read(words: &[u8]) -> Option<Instruction> {
        let all = [
            Instruction::Reopen,
            Instruction::Retire,
            Instruction::Stop,
            Instruction::StopNow,
            Instruction::Ping,
        ];
        all.into_iter().find(|instruction| instruction.words() == words)
    }
}

impl Report {
    /// Its lines are cut where they do not fit into a message.
    pub(crate) fn words(&self) -> Vec<u8> {
        match self {
            Report::Hello { inherits } => format!("{HELLO}{inherits}").into_bytes(),
            Report::Serving(applications) => {
                let mut words = SERVING.to_vec();
                write_lines(applications, &mut words);
                words
            }
            Report::Works => b"works".to_vec(),
            Report::Leaving => b"leaving".to_vec(),
            Report::Reloaded => b"reloaded".to_vec(),
            Report::Reopened(Ok(())) => b"reopened".to_vec(),
            Report::NotReloaded(failure) => write_failure(NOT_RELOADED, failure),
            Report::Reopened(Err(failure)) => write_failure(NOT_REOPENED, failure),
            Report::LacksRights(failure) => write_failure(LACKS_RIGHTS, failure),
            Report::Failed(failure) => write_failure(FAILED, failure),
        }
    }

    pub(crate) fn read(words: &[u8]) -> Option<Report> {
        match words {
            b"leaving" => return Some(Report::Leaving),
            b"works" => return Some(Report::Works),
            b"reloaded" => return Some(Report::Reloaded),
            b"reopened" => return Some(Report::Reopened(Ok(()))),
            _ => {}
        }
        if let Some(version) = words.strip_prefix(HELLO.as_bytes()) {
            let inherits: u32 = std::str::from_utf8(version).ok()?.parse().ok()?;
            let report = Report::Hello { inherits };
            return (report.words() == words).then_some(report);
        }
        if let Some(failure) = read_failure(NOT_RELOADED, words) {
            return Some(Report::NotReloaded(failure));
        }
        if let Some(failure) = read_failure(NOT_REOPENED, words) {
            return Some(Report::Reopened(Err(failure)));
        }
        if let Some(failure) = read_failure(LACKS_RIGHTS, words) {
            return Some(Report::LacksRights(failure));
        }
        if let Some(text) = words.strip_prefix(SERVING) {
            return Some(Report::Serving(read_lines(text)));
        }
        read_failure(FAILED, words).map(Report::Failed)
    }
}

fn write_failure(title: &[u8], failure: &Failure) -> Vec<u8> {
    let mut words = [title, &[failure.code]].concat();
    write_lines(&failure.lines, &mut words);
    words
}

fn read_failure(title: &[u8], words: &[u8]) -> Option<Failure> {
    let (code, text) = words.strip_prefix(title)?.split_first()?;
    Some(Failure { code: *code, lines: read_lines(text) })
}

fn write_lines(lines: &[String], words: &mut Vec<u8>) {
    words.extend_from_slice(lines.join("\n").as_bytes());
    words.truncate(MESSAGE_BYTES_MAX);
}

fn read_lines(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    // Not by `lines`, which would also take away a carriage return.
    text.split('\n').filter(|_| !text.is_empty()).map(str::to_owned).collect()
}

/// With the version. Its length is no multiple of a number's, so that it is not taken for numbers.
const TITLE: &[u8] = b"httpd handover 1\n";
const LISTENERS: &[u8] = b"listeners";
/// A message of the supervisor with what has changed for TLS, in a sealed file.
pub(super) const TLS: &[u8] = b"tls";

const HELLO: &str = "hello ";
const SERVING: &[u8] = b"serving ";
const FAILED: &[u8] = b"failed ";
const NOT_RELOADED: &[u8] = b"not reloaded ";
const NOT_REOPENED: &[u8] = b"not reopened ";
const LACKS_RIGHTS: &[u8] = b"lacks rights ";

/// No less than the largest configuration that is read from a file.
pub(crate) const CONFIGURATION_BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
