//! What a process that has given its privileges up asks of a process that keeps them, its *broker*: to open a file,
//! and to start one of the programs that both know by number. Knows nothing of which files and programs there are.
//!
//! A request is a message with a number, which its reply repeats, so that a reply that comes too late answers no other
//! request.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;

use super::channel::{Channel, ChannelMessage, Received};
use super::wait::wait_readable;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A file, open for reading.
    Read(PathBuf),
    /// A file, open for appending, made if it is missing.
    Append(PathBuf),
    /// A program, with the descriptors of the message as its standard streams.
    Start(u32),
    /// That a group may read the file of the message's descriptor.
    Share(u32),
    /// The end of a process that it has started.
    Kill(u32),
    /// That a process goes on that a signal has stopped.
    GoOn(u32),
    /// How a process has ended.
    Status(u32),
    /// That it learns of the files and programs that were added since it started.
    Renew,
}

impl Request {
    pub(crate) fn words(&self) -> Vec<u8> {
        let (kind, rest) = match self {
            Request::Read(path) => (b'r', path.as_os_str().as_bytes().to_vec()),
            Request::Append(path) => (b'a', path.as_os_str().as_bytes().to_vec()),
            Request::Start(number) => (b's', number.to_le_bytes().to_vec()),
            Request::Share(number) => (b'f', number.to_le_bytes().to_vec()),
            Request::Kill(id) => (b'k', id.to_le_bytes().to_vec()),
            Request::GoOn(id) => (b'c', id.to_le_bytes().to_vec()),
            Request::Status(id) => (b'w', id.to_le_bytes().to_vec()),
            Request::Renew => (b'n', Vec::new()),
        };
        [&[kind], &rest[..]].concat()
    }

    pub(crate) fn read(words: &[u8]) -> Option<Request> {
        let (kind, rest) = words.split_first()?;
        let path = || PathBuf::from(OsString::from_vec(rest.to_vec()));
        let number = || Some(u32::from_le_bytes(rest.try_into().ok()?));
        Some(match kind {
            b'r' => Request::Read(path()),
            b'a' => Request::Append(path()),
            b's' => Request::Start(number()?),
            b'f' => Request::Share(number()?),
            b'k' => Request::Kill(number()?),
            b'c' => Request::GoOn(number()?),
            b'w' => Request::Status(number()?),
            b'n' if rest.is_empty() => Request::Renew,
            _ => return None,
        })
    }
}

/// What comes back: a number and descriptors, or an error of the kernel.
pub(crate) type Answer = io::Result<(u32, Vec<OwnedFd>)>;

/// A request with its number, as the broker receives it.
pub(crate) fn asked(message: &ChannelMessage) -> Option<(u32, Request)> {
    let (number, words) = message.bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), Request::read(words)?))
}

/// Sends the answer to a request.
///
/// # Errors
/// When the other end is gone.
pub(crate) fn answer(channel: &Channel, number: u32, answer: &Answer) -> io::Result<()> {
    let (word, value, descriptors) = match answer {
        Ok((value, descriptors)) => (b'y', *value, &descriptors[..]),
        Err(error) => {
            let code = error.raw_os_error().unwrap_or(nix::libc::EIO);
            (b'n', code as u32, &[][..])
        }
    };
    let bytes = [&number.to_le_bytes()[..], &[word], &value.to_le_bytes()].concat();
    let descriptors: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
    channel.send(&bytes, &descriptors)
}

/// The broker of this process.
#[derive(Debug)]
pub(crate) struct Broker {
    /// One request at a time.
    link: Mutex<Link>,
}

#[derive(Debug)]
struct Link {
    channel: Channel,
    asked: u32,
}

impl Broker {
    pub(crate) fn new(channel: Channel) -> Broker {
        Broker { link: Mutex::new(Link { channel, asked: 0 }) }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// Those of the answer; `TimedOut` when none comes, and `BrokenPipe` when the broker has ended.
    pub(crate) fn ask(&self, request: &Request, descriptors: &[BorrowedFd<'_>]) -> Answer {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.asked = link.asked.wrapping_add(1);
        let number = link.asked;
        let bytes = [&number.to_le_bytes()[..], &request.words()].concat();
        link.channel.send(&bytes, descriptors)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let message = match link.channel.receive()? {
                Received::Message(message) => message,
                Received::End => return Err(io::ErrorKind::BrokenPipe.into()),
                Received::Nothing => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    wait_readable(&[link.channel.as_fd()], Some(left))?;
                    continue;
                }
            };
            let Some((of, rest)) = message.bytes.split_first_chunk() else { continue };
            // The answer to a request that was given up.
            if u32::from_le_bytes(*of) != number {
                continue;
            }
            return match rest.split_first_chunk() {
                Some(([b'y'], value)) => Ok((word(value), message.descriptors)),
                Some(([b'n'], value)) => Err(io::Error::from_raw_os_error(word(value) as i32)),
                _ => Err(io::ErrorKind::InvalidData.into()),
            };
        }
    }

    fn file(&self, request: &Request) -> io::Result<File> {
        let (_, mut descriptors) = self.ask(request, &[])?;
        descriptors.pop().map(File::from).ok_or(io::ErrorKind::InvalidData.into())
    }

    /// Starts a program with these standard streams.
    ///
    /// # Errors
    /// Why it cannot be run.
    pub(crate) fn start(
        &'static self,
        number: u32,
        streams: [BorrowedFd<'_>; 3],
    ) -> io::Result<BrokeredChild> {
        let (id, descriptors) = self.ask(&Request::Start(number), &streams)?;
        let Ok([stat, statm, end]) = <[OwnedFd; 3]>::try_from(descriptors) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        Ok(BrokeredChild { broker: self, id, end, stat: stat.into(), statm: statm.into() })
    }
}

/// A process that the broker has started for this one.
#[derive(Debug)]
pub(crate) struct BrokeredChild {
    broker: &'static Broker,
    id: u32,
    /// Readable once it has ended.
    end: OwnedFd,
    /// What proc(5) says of it, each time that these are read.
    pub stat: File,
    pub statm: File,
}

impl BrokeredChild {
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    pub(crate) fn end(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }

    /// Ends it now; this fails only if it has ended.
    pub(crate) fn kill(&self) {
        let _ = self.broker.ask(&Request::Kill(self.id), &[]);
    }

    pub(crate) fn let_go_on(&self) {
        let _ = self.broker.ask(&Request::GoOn(self.id), &[]);
    }

    /// How it ended, which it has or is about to.
    ///
    /// # Errors
    /// When it has not ended after some seconds, or the broker has.
    pub(crate) fn wait(&self) -> io::Result<ExitStatus> {
        wait_readable(&[self.end.as_fd()], Some(PATIENCE))?;
        let (status, _) = self.broker.ask(&Request::Status(self.id), &[])?;
        Ok(ExitStatus::from_raw(status as i32))
    }
}

/// The broker of this process, once it has one.
pub(crate) fn broker() -> Option<&'static Broker> {
    BROKER.get()
}

/// Gives this process its broker. It has one at most.
pub(crate) fn use_broker(channel: Channel) {
    let _ = BROKER.set(Broker::new(channel));
}

/// Opens a file for reading; by the broker, if this process may not.
///
/// # Errors
/// As for [`File::open`].
pub(crate) fn open_read(path: &Path) -> io::Result<File> {
    let request = || Request::Read(std::path::absolute(path).unwrap_or(path.to_owned()));
    or_by_broker(File::open(path), request)
}

/// Lets a group read a file of this process, which is private otherwise.
///
/// # Errors
/// When the broker refuses, or this process has none and is not in the group.
pub(crate) fn share_with(group: u32, file: BorrowedFd<'_>) -> io::Result<()> {
    match broker() {
        Some(broker) => broker.ask(&Request::Share(group), &[file]).map(drop),
        None => give_to_group(group, file),
    }
}

/// The same, by who may.
///
/// # Errors
/// When this process may not.
pub(crate) fn give_to_group(group: u32, file: BorrowedFd<'_>) -> io::Result<()> {
    rustix::fs::fchown(file, None, Some(rustix::fs::Gid::from_raw(group)))?;
    Ok(rustix::fs::fchmod(file, rustix::fs::Mode::from_raw_mode(0o640))?)
}

/// What was opened, or what the broker opens where this process may not.
///
/// # Errors
/// That of the process itself, or that of the broker.
pub(crate) fn or_by_broker(
    opened: io::Result<File>,
    request: impl FnOnce() -> Request,
) -> io::Result<File> {
    match (opened, broker()) {
        (Err(error), Some(broker)) if error.kind() == io::ErrorKind::PermissionDenied => {
            broker.file(&request())
        }
        (opened, _) => opened,
    }
}

/// What is not on the broker's list.
pub(crate) fn refused() -> io::Error {
    rustix::io::Errno::PERM.into()
}

/// A process has not ended.
pub(crate) fn not_yet() -> io::Error {
    rustix::io::Errno::AGAIN.into()
}

/// Opens a file for reading, without waiting if it is no file but a FIFO.
///
/// # Errors
/// As for [`File::open`].
pub(crate) fn open_at_once(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?.into())
}

fn word(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_le_bytes)
}

static BROKER: OnceLock<Broker> = OnceLock::new();

/// A disk that takes longer to open a file is taken for broken.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::thread;

    #[test]
    fn requests_are_what_was_asked_and_nothing_else_is_a_request() {
        for request in [
            Request::Read("/a b/c".into()),
            Request::Append("relative".into()),
            Request::Start(3),
            Request::Share(0),
            Request::Kill(u32::MAX),
            Request::GoOn(1),
            Request::Status(7),
            Request::Renew,
        ] {
            assert_eq!(Request::read(&request.words()), Some(request.clone()));
            let mut words = request.words();
            words.truncate(3);
            if !matches!(request, Request::Read(_) | Request::Append(_) | Request::Renew) {
                assert_eq!(Request::read(&words), None);
            }
        }
        assert_eq!(Request::read(b""), None);
        assert_eq!(Request::read(b"x1234"), None);
        assert_eq!(Request::read(b"n1"), None);
    }

    #[test]
    fn an_answer_that_came_too_late_is_not_taken_for_the_next_one() {
        let (here, there) = Channel::pair().expect("a descriptor is left");
        let broker = Broker::new(here);
        let there = Channel::from_end(there);
        let serving = thread::spawn(move || {
            wait_readable(&[there.as_fd()], None).expect("it can be polled");
            let Received::Message(message) = there.receive().expect("it is open") else {
                panic!("it was asked");
            };
            let (number, request) = asked(&message).expect("it is a request");
            assert_eq!(request, Request::Read("/f".into()));
            answer(&there, number.wrapping_sub(1), &Ok((9, Vec::new()))).expect("it is open");
            let file = File::open("/dev/zero").expect("every Linux has it");
            answer(&there, number, &Ok((0, vec![file.into()]))).expect("it is open");
        });
        let mut file = broker.file(&Request::Read("/f".into())).expect("it is answered");
        let mut byte = [1];
        file.read_exact(&mut byte).expect("it has zeros");
        serving.join().expect("it has ended");
        let ended = broker.ask(&Request::Kill(1), &[]).expect_err("nobody is there");
        assert_eq!(ended.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn an_error_of_the_broker_is_that_of_the_kernel() {
        let (here, there) = Channel::pair().expect("a descriptor is left");
        let there = Channel::from_end(there);
        let error = io::Error::from(rustix::io::Errno::NOENT);
        answer(&there, 1, &Err(error)).expect("it is open");
        let error = Broker::new(here).ask(&Request::Start(0), &[]).expect_err("it is one");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
