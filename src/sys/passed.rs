//! Sockets that a service manager has opened before it started this process: sd_listen_fds(3). It must never know what
//! they are for.
//!
//! They are the descriptors from 3 on. A number belongs to nobody, and to make a descriptor of one would be unsafe code; so
//! they are sent through a pair of sockets of this process, where they arrive as descriptors, and those of the numbers are
//! closed.

use super::channel::{Channel, DESCRIPTORS_MAX, Received};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::process::Command;

/// What was passed under a name.
#[derive(Debug)]
pub(crate) struct PassedSocket {
    pub(crate) name: String,
    /// Or why it cannot be listened on.
    pub(crate) socket: Result<OwnedFd, String>,
}

/// Takes what was passed to this process; closed on exec. It has to come before this process opens anything that stays
/// open, and may come once.
///
/// # Errors
/// What is wrong with what the service manager says, in words for the operator. Nothing is taken then.
pub(crate) fn take() -> Result<Vec<PassedSocket>, String> {
    let variable = |name| std::env::var_os(name).map(OsString::into_vec);
    let said = read(
        std::process::id(),
        variable(PROCESS).as_deref(),
        variable(COUNT).as_deref(),
        variable(NAMES).as_deref(),
    )?;
    if said.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error: io::Error| format!("{COUNT}: {error}");
    let open = open_sockets().map_err(failed)?;
    let (channel, end) = Channel::pair().map_err(failed)?;
    let take = |(number, name): (RawFd, String)| {
        let socket = match open.contains(&number) {
            true => take_number(number, &channel, &end).and_then(|socket| {
                checked(socket).map_err(|why| format!("descriptor {number}: {why}"))
            }),
            false => Err(format!("descriptor {number} is no open socket")),
        };
        PassedSocket { name, socket }
    };
    Ok((FIRST..).zip(said).map(take).collect())
}

/// The names of what was passed, in the order of the descriptors.
fn read(
    own: u32,
    process: Option<&[u8]>,
    count: Option<&[u8]>,
    names: Option<&[u8]>,
) -> Result<Vec<String>, String> {
    let (Some(process), Some(count)) = (process, count) else { return Ok(Vec::new()) };
    let wrong = |name: &str, value: &[u8], expected: &str| {
        Err(format!("{name}={} is no {expected}; no socket is taken over", value.escape_ascii()))
    };
    match number(process) {
        Some(id) if id == u64::from(own) => {}
        // They are those of a process that has started this one.
        Some(_) => return Ok(Vec::new()),
        None => return wrong(PROCESS, process, "process id"),
    }
    let count = match number(count).and_then(|count| usize::try_from(count).ok()) {
        Some(count) if count <= DESCRIPTORS_MAX => count,
        _ => return wrong(COUNT, count, &format!("number from 0 to {DESCRIPTORS_MAX}")),
    };
    let Some(names) = names else { return Ok(vec![UNNAMED.to_owned(); count]) };
    let names: Vec<String> =
        names.split(|byte| *byte == b':').map(|name| name.escape_ascii().to_string()).collect();
    match names.len() == count {
        true => Ok(names),
        // One empty name is what an empty text is.
        false if count == 0 => Ok(Vec::new()),
        false => Err(format!(
            "{NAMES} has {} names for {count} sockets; none is taken over",
            names.len()
        )),
    }
}

/// Digits, and nothing else.
fn number(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_number)?.parse().ok()
}

/// The numbers of the sockets that are open.
fn open_sockets() -> io::Result<BTreeSet<RawFd>> {
    let is_socket = |entry: &std::fs::DirEntry| {
        std::fs::read_link(entry.path())
            .is_ok_and(|it| it.as_os_str().as_encoded_bytes().starts_with(b"socket:"))
    };
    let entries = std::fs::read_dir("/proc/self/fd")?.flatten().filter(is_socket);
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// Takes an open descriptor by its number, which is free then.
fn take_number(number: RawFd, channel: &Channel, end: &OwnedFd) -> Result<OwnedFd, String> {
    let failed = |error: io::Error| format!("descriptor {number} cannot be taken: {error}");
    let numbers = [number];
    let rights = [ControlMessage::ScmRights(&numbers)];
    sendmsg::<()>(end.as_raw_fd(), &[IoSlice::new(b"x")], &rights, MsgFlags::empty(), None)
        .map_err(|error| failed(error.into()))?;
    let received = channel.receive().map_err(failed)?;
    let Received::Message(mut message) = received else {
        return Err(failed(io::ErrorKind::UnexpectedEof.into()));
    };
    let taken = message.descriptors.pop();
    nix::unistd::close(number).map_err(|error| failed(error.into()))?;
    taken.ok_or_else(|| failed(io::ErrorKind::UnexpectedEof.into()))
}

/// Checks that it is a socket that connections can be accepted from.
fn checked(socket: OwnedFd) -> Result<OwnedFd, String> {
    super::socket::adopt_listener(socket.as_fd())?;
    Ok(socket)
}

/// Keeps from another program in this process what was taken already.
pub(crate) fn forget_in(command: &mut Command) {
    for name in [PROCESS, COUNT, NAMES] {
        command.env_remove(name);
    }
}

const PROCESS: &str = "LISTEN_PID";
const COUNT: &str = "LISTEN_FDS";
const NAMES: &str = "LISTEN_FDNAMES";

/// `SD_LISTEN_FDS_START`.
const FIRST: RawFd = 3;

/// What sd_listen_fds_with_names(3) calls those without names.
const UNNAMED: &str = "unknown";

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: &str, names: Option<&str>) -> Result<Vec<String>, String> {
        read(7, Some(b"7"), Some(count.as_bytes()), names.map(str::as_bytes))
    }

    #[test]
    fn what_is_for_this_process_is_read_and_nothing_else() {
        assert_eq!(names("2", Some("http:https")), Ok(vec!["http".into(), "https".into()]));
        assert_eq!(names("2", None), Ok(vec!["unknown".into(), "unknown".into()]));
        assert_eq!(names("1", Some("")), Ok(vec![String::new()]));
        assert_eq!(names("0", Some("")), Ok(Vec::new()));
        for (process, count) in
            [(None, Some(&b"1"[..])), (Some(&b"7"[..]), None), (Some(b"8"), Some(b"1"))]
        {
            assert_eq!(read(7, process, count, None), Ok(Vec::new()));
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        for count in ["", "-1", "+1", " 1", "1 ", "0x1", "254", "99999999999999999999999", "1\n"] {
            let error = names(count, None).expect_err(count);
            assert!(error.starts_with("LISTEN_FDS=") && error.contains("0 to 253"), "{error}");
        }
        for process in [&b""[..], b"x", b"-7", b"7 "] {
            let error = read(7, Some(process), Some(b"1"), None).expect_err("no id");
            assert!(error.starts_with("LISTEN_PID="), "{error}");
        }
        let error = names("3", Some("a:b")).expect_err("one is missing");
        assert_eq!(error, "LISTEN_FDNAMES has 2 names for 3 sockets; none is taken over");
        assert!(names("1", Some("a:b")).is_err() && names("2", Some("")).is_err());
        assert_eq!(names("1", Some("a\u{1}b")), Ok(vec!["a\\x01b".to_owned()]));
    }

    #[test]
    fn a_descriptor_is_taken_by_its_number_which_is_free_then() {
        use std::net::{TcpListener, UdpSocket};
        use std::os::fd::IntoRawFd;
        let (channel, end) = Channel::pair().expect("some are left");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let number = listener.into_raw_fd();
        assert!(open_sockets().expect("proc(5)").contains(&number));
        let taken = take_number(number, &channel, &end).and_then(checked).expect("it listens");
        assert_eq!(TcpListener::from(taken).local_addr().expect("it is bound"), address);
        let number = UdpSocket::bind("127.0.0.1:0").expect("a port is free").into_raw_fd();
        let error = take_number(number, &channel, &end).and_then(checked).expect_err("no stream");
        assert!(error.contains("datagrams"), "{error}");
        assert!(take_number(1_000_000, &channel, &end).is_err());
    }
}
