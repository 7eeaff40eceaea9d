//! A connection between two processes that carries messages and open descriptors. It must never know what
//! they mean.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// One end. It never waits: the kernel queues what is sent, up to about 200 KB, even before a process has the
/// other end.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: OwnedFd,
}

/// What was sent with one call arrives as one.
#[derive(Debug)]
pub(crate) struct ChannelMessage {
    /// Never empty: an empty message would look like the end.
    pub bytes: Vec<u8>,
    /// They are closed on exec.
    pub descriptors: Vec<OwnedFd>,
}

/// What was received into buffers.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub length: usize,
    pub descriptors: Vec<OwnedFd>,
}

/// What there is to receive.
#[derive(Debug)]
pub(crate) enum Received {
    Message(ChannelMessage),
    Nothing,
    /// The other end is closed, or its process has ended.
    End,
}

impl Channel {
    /// Both ends, closed on exec: to give one to a program that is started, make it its standard
    /// input.
    ///
    /// # Errors
    /// When out of descriptors.
    pub(crate) fn pair() -> io::Result<(Channel, OwnedFd)> {
        // This kind keeps messages apart, and reports that the other end is closed.
        let (here, there) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        Ok((Channel { socket: here }, there))
    }

    /// The same with another end that waits, for a program that does nothing but read messages.
    ///
    /// # Errors
    /// When out of descriptors.
    pub(crate) fn pair_with_waiting_end() -> io::Result<(Channel, OwnedFd)> {
        let (here, there) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        rustix::io::ioctl_fionbio(&here, true)?;
        Ok((Channel { socket: here }, there))
    }

    /// The end that another process gave to this one.
    #[must_use]
    pub(crate) fn from_end(socket: OwnedFd) -> Channel {
        Channel { socket }
    }

    /// Sends a message of 1 to [`MESSAGE_BYTES_MAX`] bytes with at most [`DESCRIPTORS_MAX`]
    /// descriptors, which stay open here.
    ///
    /// # Errors
    /// `WouldBlock` when too much is queued, `BrokenPipe` when the other end is closed,
    /// `InvalidInput` when it is too much for one message.
    pub(crate) fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.send_slices(&[IoSlice::new(bytes)], descriptors)
    }

    /// Sends a message from several slices.
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub(crate) fn send_slices(
        &self,
        slices: &[IoSlice<'_>],
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        let fits = (1..=MESSAGE_BYTES_MAX).contains(&length);
        if !fits || descriptors.len() > DESCRIPTORS_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut room = [MaybeUninit::uninit(); ROOM];
        let mut ancillary = SendAncillaryBuffer::new(&mut room);
        if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors))
        {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        sendmsg(&self.socket, slices, &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Takes the next message, if there is one.
    ///
    /// # Errors
    /// `InvalidData` when the message is empty or was cut: it was too long, or this process is out of
    /// descriptors. Any other error of the socket.
    pub(crate) fn receive(&self) -> io::Result<Received> {
        let mut bytes = vec![0; MESSAGE_BYTES_MAX];
        Ok(match self.receive_into(&mut [IoSliceMut::new(&mut bytes)])? {
            None => Received::Nothing,
            Some(Arrived { length: 0, .. }) => Received::End,
            Some(Arrived { length, descriptors }) => {
                bytes.truncate(length);
                Received::Message(ChannelMessage { bytes, descriptors })
            }
        })
    }

    /// The same into buffers of the caller, one after the other. A length of 0 is the end; `None` means that
    /// there is no message.
    ///
    /// # Errors
    /// As [`Channel::receive`]. The buffers then hold the part that was received.
    pub(crate) fn receive_into(
        &self,
        slices: &mut [IoSliceMut<'_>],
    ) -> io::Result<Option<Arrived>> {
        let mut room = [MaybeUninit::uninit(); ROOM];
        let mut ancillary = RecvAncillaryBuffer::new(&mut room);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let received = loop {
            match recvmsg(&self.socket, slices, &mut ancillary, flags) {
                Ok(received) => break received,
                // The other end closed before it read our messages. The kernel reports that once; the
                // messages of the other end can still be read.
                Err(Errno::INTR | Errno::CONNRESET) => continue,
                Err(Errno::AGAIN) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        };
        let mut descriptors = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(some) = message {
                descriptors.extend(some);
            }
        }
        if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // The end has no bytes either.
        if received.bytes == 0 && !self.has_ended() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Some(Arrived { length: received.bytes, descriptors }))
    }

    /// Whether the other end is closed, or will send nothing more.
    fn has_ended(&self) -> bool {
        let mut polled = [PollFd::new(&self.socket, PollFlags::RDHUP)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut polled, Some(&now)).is_ok_and(|count| count > 0)
    }

    /// Enlarges the queue of what is sent from here, as far as the kernel lets this user.
    pub(crate) fn widen(&self) {
        Channel::widen_end(self.as_fd());
    }

    /// The same for an end that another process gets.
    pub(crate) fn widen_end(end: BorrowedFd<'_>) {
        // Best effort: this only makes it faster.
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(end, WIDE_BYTES);
    }

    /// Sends nothing more: the other end receives what is queued, and then the end.
    pub(crate) fn finish(&self) {
        // It fails only if the other end is closed.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Write);
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The largest message.
pub(crate) const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// Several messages of the largest size.
const WIDE_BYTES: usize = 1024 * 1024;

/// `SCM_MAX_FD` of the kernel.
pub(crate) const DESCRIPTORS_MAX: usize = 253;

const ROOM: usize = rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX));

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Seek, Write};
    use std::os::unix::net::UnixDatagram;

    fn pair() -> (Channel, Channel) {
        let (here, there) = Channel::pair().expect("a descriptor is left");
        (here, Channel::from_end(there))
    }

    fn message(channel: &Channel) -> ChannelMessage {
        match channel.receive() {
            Ok(Received::Message(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_are_kept_apart_and_nothing_is_waited_for() {
        let (here, there) = pair();
        assert!(matches!(there.receive(), Ok(Received::Nothing)));
        here.send(b"one", &[]).expect("there is room");
        here.send(b"two", &[]).expect("there is room");
        assert_eq!(message(&there).bytes, b"one");
        assert_eq!(message(&there).bytes, b"two");
        assert!(matches!(there.receive(), Ok(Received::Nothing)));
    }

    #[test]
    fn a_descriptor_arrives_as_another_one_of_the_same_file() {
        let (here, there) = pair();
        let directory = crate::sys::temporary::Directory::new();
        let mut file = File::create_new(directory.at("a")).expect("it is a new directory");
        here.send(b"x", &[file.as_fd()]).expect("there is room");
        file.write_all(b"contents").expect("there is room");
        let mut arrived = File::from(message(&there).descriptors.pop().expect("one was sent"));
        assert_eq!(arrived.stream_position().expect("it is a file"), 8);
        drop(file);
        arrived.write_all(b"!").expect("it is open on its own");
        let text = std::fs::read(directory.at("a")).expect("it is there");
        assert_eq!(text, b"contents!");
    }

    #[test]
    fn as_many_descriptors_as_the_kernel_takes_fit_and_no_more() {
        let (here, there) = pair();
        let (one, mut other) = std::os::unix::net::UnixStream::pair().expect("some are left");
        here.send(b"x", &[one.as_fd(); DESCRIPTORS_MAX]).expect("they fit");
        let too_many = here.send(b"x", &[one.as_fd(); DESCRIPTORS_MAX + 1]);
        assert_eq!(too_many.expect_err("they do not").kind(), io::ErrorKind::InvalidInput);
        drop(one);
        let descriptors = message(&there).descriptors;
        assert_eq!(descriptors.len(), DESCRIPTORS_MAX);
        drop(descriptors);
        assert_eq!(other.read(&mut [0]).expect("it ended"), 0, "one of them is left open");
    }

    #[test]
    fn what_was_sent_before_an_end_is_still_received() {
        let (here, there) = pair();
        here.send(b"never taken", &[]).expect("there is room");
        there.send(b"last words", &[]).expect("there is room");
        drop(there);
        assert_eq!(message(&here).bytes, b"last words");
        assert!(matches!(here.receive(), Ok(Received::End)));
        assert!(matches!(here.receive(), Ok(Received::End)));
        let late = here.send(b"x", &[]).expect_err("nobody is there");
        assert_eq!(late.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn an_empty_message_is_no_end_and_hides_none_behind_it() {
        let (here, there) = pair();
        let socket = here.as_fd().try_clone_to_owned().expect("a descriptor is left");
        UnixDatagram::from(socket).send(&[]).expect("there is room");
        here.send(b"behind it", &[]).expect("there is room");
        let empty = there.receive().expect_err("it is none");
        assert_eq!(empty.kind(), io::ErrorKind::InvalidData);
        assert_eq!(message(&there).bytes, b"behind it");
        drop(here);
        assert!(matches!(there.receive(), Ok(Received::End)));
    }

    #[test]
    fn nobody_is_waited_for_who_does_not_listen() {
        let (here, _there) = pair();
        let full = (0..1000).find_map(|_| here.send(&[1; MESSAGE_BYTES_MAX], &[]).err());
        assert_eq!(full.expect("it is full").kind(), io::ErrorKind::WouldBlock);
        assert!(here.send(&[], &[]).is_err());
        assert!(here.send(&[1; MESSAGE_BYTES_MAX + 1], &[]).is_err());
    }
}
