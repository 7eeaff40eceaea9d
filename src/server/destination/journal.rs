//! Messages for the journal of systemd, one in each datagram, as fields with names
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>).

use super::datagrams::DatagramPlace;
use super::syslog::{Facility, TAG};
use std::path::PathBuf;

/// The journal of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Journal {
    path: PathBuf,
    facility: Facility,
    tag: String,
}

impl Default for Journal {
    fn default() -> Journal {
        Journal { path: PathBuf::from(SOCKET), facility: Facility::DAEMON, tag: TAG.to_owned() }
    }
}

impl Journal {
    /// The same at another path of its socket.
    pub(crate) fn at(self, path: impl Into<PathBuf>) -> Journal {
        Journal { path: path.into(), ..self }
    }

    pub(crate) fn facility(self, facility: Facility) -> Journal {
        Journal { facility, ..self }
    }

    pub(crate) fn tag(self, tag: &str) -> Journal {
        let tag = tag.chars().filter(|it| !it.is_control()).collect();
        Journal { tag, ..self }
    }

    /// Where messages are sent.
    pub(crate) fn place(&self) -> DatagramPlace {
        DatagramPlace::Unix(self.path.clone())
    }

    /// The fields that each message has, with its severity.
    pub(crate) fn fields(&self, severity: u8) -> Vec<u8> {
        let mut fields = Vec::new();
        write_field(&mut fields, "PRIORITY", severity.to_string().as_bytes());
        write_field(&mut fields, "SYSLOG_IDENTIFIER", self.tag.as_bytes());
        write_field(&mut fields, "SYSLOG_FACILITY", self.facility.number().to_string().as_bytes());
        fields
    }
}

/// Writes a field. A value with a line end has its length before it.
pub(crate) fn write_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    if memchr::memchr(b'\n', value).is_some() {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Where systemd has its socket.
const SOCKET: &str = "/run/systemd/journal/socket";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_several_lines_has_its_length_before_it() {
        let mut out = Vec::new();
        write_field(&mut out, "ONE", b"a=b");
        write_field(&mut out, "TWO", b"c\nd");
        assert_eq!(out, b"ONE=a=b\nTWO\n\x03\0\0\0\0\0\0\0c\nd\n");
    }

    #[test]
    fn each_message_says_who_writes_it_and_how_severe_it_is() {
        let journal = Journal::default().tag("www\n");
        assert_eq!(journal.fields(6), b"PRIORITY=6\nSYSLOG_IDENTIFIER=www\nSYSLOG_FACILITY=3\n");
    }
}
