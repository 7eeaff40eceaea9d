//! A log whose messages are datagrams, one each: to a socket of this machine or over UDP. If that socket is one of
//! streams, each message ends with a zero byte there, as those of syslog(3) do.

use super::{Unwritten, counted};
use crate::sys::socket::{is_message_too_long, is_other_type};
use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

/// Where datagrams go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DatagramPlace {
    Unix(PathBuf),
    /// A name or an address, with a port.
    Udp(String),
}

impl fmt::Display for DatagramPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatagramPlace::Unix(path) => write!(formatter, "{}", path.display()),
            DatagramPlace::Udp(address) => write!(formatter, "udp://{address}"),
        }
    }
}

/// Sends datagrams. It connects when there is something to send, and again when the other end has gone meanwhile.
pub(crate) struct Datagrams {
    place: DatagramPlace,
    connected: Option<Connected>,
}

enum Connected {
    Unix(UnixDatagram),
    UnixStream(UnixStream),
    Udp(UdpSocket),
}

impl Datagrams {
    pub(crate) fn new(place: DatagramPlace) -> Datagrams {
        Datagrams { place, connected: None }
    }

    /// Connects again before the next message.
    pub(crate) fn disconnect(&mut self) {
        self.connected = None;
    }

    /// Sends all messages of a buffer.
    ///
    /// # Errors
    /// How many could not be sent, and why the last of them could not.
    pub(crate) fn write(&mut self, messages: &[u8]) -> Result<(), Unwritten> {
        let mut unwritten: Option<Unwritten> = None;
        let mut is_there = true;
        for message in counted(messages) {
            // A place where nobody listens is tried once for all messages of a buffer.
            let sent = match is_there {
                true => self.send(message),
                false => Err(io::Error::from(io::ErrorKind::NotConnected)),
            };
            if let Err(error) = sent {
                is_there = self.connected.is_some();
                match &mut unwritten {
                    Some(unwritten) => unwritten.lines += 1,
                    None => unwritten = Some(Unwritten { lines: 1, error }),
                }
            }
        }
        unwritten.map_or(Ok(()), Err)
    }

    /// Sends one, with a second attempt for when the other end was restarted.
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        if self.connected.is_some() {
            match self.send_once(message) {
                Err(error) if !is_about_the_message(&error) => self.connected = None,
                result => return result,
            }
        }
        self.connected = Some(connect(&self.place)?);
        let result = self.send_once(message);
        if result.as_ref().is_err_and(|error| !is_about_the_message(error)) {
            self.connected = None;
        }
        result
    }

    fn send_once(&mut self, message: &[u8]) -> io::Result<()> {
        match &mut self.connected {
            Some(Connected::Unix(socket)) => socket.send(message).map(drop),
            Some(Connected::UnixStream(socket)) => socket.write_all(&[message, b"\0"].concat()),
            Some(Connected::Udp(socket)) => {
                socket.send(cut(message, UDP_MESSAGE_BYTES_MAX)).map(drop)
            }
            None => Err(io::Error::from(io::ErrorKind::NotConnected)),
        }
    }
}

/// Whether only this message cannot be sent.
fn is_about_the_message(error: &io::Error) -> bool {
    is_message_too_long(error)
}

fn connect(place: &DatagramPlace) -> io::Result<Connected> {
    match place {
        DatagramPlace::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            match socket.connect(path) {
                Err(error) if is_other_type(&error) => {
                    let socket = UnixStream::connect(path)?;
                    // A daemon that reads nothing must not hold the thread of the log for ever.
                    socket.set_write_timeout(Some(STREAM_TIMEOUT))?;
                    Ok(Connected::UnixStream(socket))
                }
                result => result.map(|()| Connected::Unix(socket)),
            }
        }
        DatagramPlace::Udp(address) => {
            let mut last = io::Error::from(io::ErrorKind::NotFound);
            for address in address.to_socket_addrs()? {
                let any = match address {
                    SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                    SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
                };
                match UdpSocket::bind(any).and_then(|it| it.connect(address).map(|()| it)) {
                    Ok(socket) => return Ok(Connected::Udp(socket)),
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
    }
}

/// The beginning of a message that is too long, up to a whole character of UTF-8.
fn cut(message: &[u8], bytes_max: usize) -> &[u8] {
    if message.len() <= bytes_max {
        return message;
    }
    let is_within = |at: &usize| message[*at] & 0b1100_0000 == 0b1000_0000;
    let mut end = bytes_max;
    while end > bytes_max.saturating_sub(3) && is_within(&end) {
        end -= 1;
    }
    &message[..end]
}

/// What daemons take at least (rsyslog's `maxMessageSize`). RFC 5426 §3.2 has a sender keep to what its receivers take.
const UDP_MESSAGE_BYTES_MAX: usize = 8 * 1024;

/// How long a stream may take nothing.
const STREAM_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::destination::Framing;
    use crate::sys::temporary::Directory;
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixListener;

    fn messages(texts: &[&[u8]]) -> Vec<u8> {
        let mut buffer = Vec::new();
        for text in texts {
            let begun = Framing::Counted.begin(&mut buffer);
            buffer.extend_from_slice(text);
            Framing::Counted.end(&mut buffer, begun);
        }
        buffer
    }

    fn receive(socket: &UnixDatagram) -> Vec<u8> {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut bytes = vec![0; 4096];
        let length = socket.recv(&mut bytes).unwrap();
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn each_message_is_a_datagram_and_a_restarted_daemon_is_found_again() {
        let folder = Directory::new();
        let path = folder.at("log");
        let mut log = Datagrams::new(DatagramPlace::Unix(path.clone()));
        let lost = log.write(&messages(&[b"nobody", b"is there"])).unwrap_err();
        assert_eq!((lost.lines, lost.error.kind()), (2, io::ErrorKind::NotFound));
        let daemon = UnixDatagram::bind(&path).unwrap();
        log.write(&messages(&[b"one", b"two\nlines"])).unwrap();
        assert_eq!((receive(&daemon), receive(&daemon)), (b"one".to_vec(), b"two\nlines".to_vec()));
        drop(daemon);
        std::fs::remove_file(&path).unwrap();
        let daemon = UnixDatagram::bind(&path).unwrap();
        log.write(&messages(&[b"three"])).unwrap();
        assert_eq!(receive(&daemon), b"three");
    }

    #[test]
    fn where_the_socket_is_one_of_streams_messages_end_with_a_zero_byte() {
        let folder = Directory::new();
        let path = folder.at("log");
        let mut log = Datagrams::new(DatagramPlace::Unix(path.clone()));
        for _ in 0..2 {
            let daemon = UnixListener::bind(&path).unwrap();
            log.write(&messages(&[b"one", b"two\nlines"])).unwrap();
            let (stream, _) = daemon.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut messages = BufReader::new(stream).split(0);
            assert_eq!(messages.next().unwrap().unwrap(), b"one");
            assert_eq!(messages.next().unwrap().unwrap(), b"two\nlines");
            // Another daemon comes after this one.
            drop(messages);
            drop(daemon);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_message_that_is_too_long_for_udp_is_cut_between_characters() {
        let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
        daemon.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let place = DatagramPlace::Udp(daemon.local_addr().unwrap().to_string());
        let text = ["x".repeat(UDP_MESSAGE_BYTES_MAX - 1), "é".to_owned()].concat();
        Datagrams::new(place).write(&messages(&[text.as_bytes()])).unwrap();
        let mut bytes = vec![0; 65_536];
        let length = daemon.recv(&mut bytes).unwrap();
        assert_eq!(length, UDP_MESSAGE_BYTES_MAX - 1);
    }
}
