//! Accepting a connection only when there is something to read from it (`TCP_DEFER_ACCEPT`).
//!
//! Neither rustix nor socket2 can set this option, and std has it behind `tcp_deferaccept`. nix has a macro for
//! options that it does not know. The call is its code; ours are only a number and a type: the kernel reads
//! an `int` (tcp(7)).

use nix::sys::socket::setsockopt;
use std::io;
use std::os::fd::AsFd;

mod option {
    use nix::{libc, setsockopt_impl, sockopt_impl};

    sockopt_impl!(
        /// Seconds.
        DeferAccept,
        SetOnly,
        libc::IPPROTO_TCP,
        libc::TCP_DEFER_ACCEPT,
        libc::c_int
    );
}

/// Has the kernel hand out connections of this listener with their first bytes. A connection without any bytes
/// is handed out after about a second, or at once if it ends.
///
/// # Errors
/// When it is not a TCP socket.
pub(crate) fn accept_with_bytes(listener: impl AsFd) -> io::Result<()> {
    Ok(setsockopt(&listener, option::DeferAccept, &SILENCE_SECONDS)?)
}

/// The least that the kernel can count. After that time it repeats its SYN-ACK, and the client's reply
/// completes the connection.
const SILENCE_SECONDS: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    fn listener() -> TcpListener {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        accept_with_bytes(&listener).expect("it is TCP");
        listener.set_nonblocking(true).expect("it is open");
        listener
    }

    fn connect(listener: &TcpListener) -> TcpStream {
        TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens")
    }

    /// How long it takes until there is a connection to accept.
    fn accepted_after(listener: &TcpListener) -> Duration {
        let started = Instant::now();
        loop {
            match listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    assert!(started.elapsed() < Duration::from_secs(20), "it is never handed out");
                    std::thread::sleep(Duration::from_millis(1));
                }
                result => {
                    result.expect("it can be accepted");
                    return started.elapsed();
                }
            }
        }
    }

    #[test]
    fn a_connection_comes_with_its_first_bytes() {
        let listener = listener();
        let mut client = connect(&listener);
        let none = listener.accept().expect_err("it has not said anything");
        assert_eq!(none.kind(), ErrorKind::WouldBlock);
        client.write_all(b"a").expect("it is connected");
        accepted_after(&listener);
    }

    #[test]
    fn a_silent_client_is_let_in_all_the_same() {
        let listener = listener();
        let _client = connect(&listener);
        assert!(accepted_after(&listener) > Duration::from_millis(500));
    }

    #[test]
    fn a_client_that_ends_without_a_word_is_let_in_at_once() {
        let listener = listener();
        drop(connect(&listener));
        accepted_after(&listener);
    }

    #[test]
    fn other_sockets_do_not_know_it() {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().expect("there are sockets");
        assert!(accept_with_bytes(&ours).is_err());
    }
}
