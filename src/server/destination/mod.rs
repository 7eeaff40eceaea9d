//! Where a log goes: a file, an output of the process, syslog, or the journal of systemd.
//!
//! It must never know what is logged. Each kind is in a file of its own and says by an [`Unwritten`] of this one what it
//! could not write.

mod datagrams;
mod file;
mod journal;
#[cfg(test)]
mod model;
mod syslog;

pub(crate) use datagrams::Datagrams;
pub(crate) use file::LineFile;
pub(crate) use journal::{Journal, write_field};
#[cfg(test)]
pub(crate) use model::ModelSink;
pub use syslog::{Facility, NoFacility, Syslog};
pub(crate) use syslog::{INFORMATIONAL, severity};

use file::count_lines;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

/// Where a log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// To the end of a file, which is made if it is missing.
    File(PathBuf),
    Stdout,
    Stderr,
    Syslog(Syslog),
    Journal(Journal),
}

impl Destination {
    /// Whether a daemon takes it, by a socket.
    pub(crate) fn is_of_a_daemon(&self) -> bool {
        matches!(self, Destination::Syslog(_) | Destination::Journal(_))
    }

    /// Opens it.
    ///
    /// # Errors
    /// When a file cannot be opened for appending. Daemons that do not answer are tried again with each line.
    pub(crate) fn open(&self) -> io::Result<Sink> {
        Ok(match self {
            Destination::File(path) => Sink::Lines(LineFile::open(path)?),
            Destination::Stdout => {
                let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
                Sink::Lines(LineFile::new(file))
            }
            Destination::Stderr => {
                let file = File::from(io::stderr().as_fd().try_clone_to_owned()?);
                Sink::Lines(LineFile::new(file))
            }
            Destination::Syslog(syslog) => Sink::Datagrams(Datagrams::new(syslog.place())),
            Destination::Journal(journal) => Sink::Datagrams(Datagrams::new(journal.place())),
        })
    }

    /// How its messages are kept apart in a buffer.
    pub(crate) fn framing(&self) -> Framing {
        match self {
            Destination::File(_) | Destination::Stdout | Destination::Stderr => Framing::Lines,
            Destination::Syslog(_) | Destination::Journal(_) => Framing::Counted,
        }
    }

    /// The file, if it is one.
    pub(crate) fn path(&self) -> Option<&PathBuf> {
        match self {
            Destination::File(path) => Some(path),
            _ => None,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::File(path) => write!(formatter, "{path:?}"),
            Destination::Stdout => formatter.write_str("on standard output"),
            Destination::Stderr => formatter.write_str("on standard error"),
            Destination::Syslog(syslog) => write!(formatter, "to syslog at {}", syslog.place()),
            Destination::Journal(_) => formatter.write_str("to the journal"),
        }
    }
}

/// How messages are kept apart in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Each ends with a line end, and has no other.
    Lines,
    /// Before each stands its length, so that it may have any bytes.
    Counted,
}

impl Framing {
    /// Begins a message at the end of a buffer. Returns where.
    #[inline]
    pub(crate) fn begin(self, buffer: &mut Vec<u8>) -> usize {
        if self == Framing::Counted {
            buffer.extend_from_slice(&[0; LENGTH_BYTES]);
        }
        buffer.len()
    }

    /// Ends the message that has begun there.
    #[inline]
    pub(crate) fn end(self, buffer: &mut Vec<u8>, begun: usize) {
        match self {
            Framing::Lines => buffer.push(b'\n'),
            Framing::Counted => {
                let length = (buffer.len() - begun) as u32;
                buffer[begun - LENGTH_BYTES..begun].copy_from_slice(&length.to_le_bytes());
            }
        }
    }

    /// How many messages these are.
    pub(crate) fn count(self, bytes: &[u8]) -> u64 {
        match self {
            Framing::Lines => count_lines(bytes),
            Framing::Counted => counted(bytes).count() as u64,
        }
    }
}

/// The messages before which their lengths stand.
pub(crate) fn counted(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk::<LENGTH_BYTES>()?;
        let (message, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = behind;
        Some(message)
    })
}

/// What the thread of a log writes to.
pub(crate) enum Sink {
    Lines(LineFile),
    Datagrams(Datagrams),
    #[cfg(test)]
    Model(ModelSink),
}

/// Messages that could not be written.
#[derive(Debug)]
pub(crate) struct Unwritten {
    pub lines: u64,
    pub error: io::Error,
}

impl Sink {
    pub(crate) fn framing(&self) -> Framing {
        match self {
            Sink::Lines(_) => Framing::Lines,
            Sink::Datagrams(_) => Framing::Counted,
            #[cfg(test)]
            Sink::Model(_) => Framing::Lines,
        }
    }

    /// Finds out whether the destination is still where it was, at once if that is asked for.
    ///
    /// # Errors
    /// Why it stays what it was, in words for the operator. The log says it, too.
    pub(crate) fn follow(&mut self, is_asked: bool) -> Result<(), String> {
        match self {
            Sink::Lines(file) => return file.follow(is_asked),
            Sink::Datagrams(datagrams) if is_asked => datagrams.disconnect(),
            Sink::Datagrams(_) => {}
            #[cfg(test)]
            Sink::Model(model) => model.follow(is_asked),
        }
        Ok(())
    }

    /// Writes all of these messages.
    ///
    /// # Errors
    /// How many could not be written.
    pub(crate) fn write(&mut self, messages: &[u8]) -> Result<(), Unwritten> {
        match self {
            Sink::Lines(file) => file.write_lines(messages),
            Sink::Datagrams(datagrams) => datagrams.write(messages),
            #[cfg(test)]
            Sink::Model(model) => model.write(messages),
        }
    }
}

const LENGTH_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_messages_have_any_bytes_and_come_apart_again() {
        let messages = [&b"one"[..], b"", b"\n\0\n", &[7; 300]];
        let mut buffer = Vec::new();
        for message in messages {
            let begun = Framing::Counted.begin(&mut buffer);
            buffer.extend_from_slice(message);
            Framing::Counted.end(&mut buffer, begun);
        }
        assert_eq!(counted(&buffer).collect::<Vec<_>>(), messages);
        assert_eq!(Framing::Counted.count(&buffer), 4);
        for cut in 0..buffer.len() {
            assert!(counted(&buffer[..cut]).count() < 4, "cut at {cut}");
        }
    }
}
