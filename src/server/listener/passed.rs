//! The sockets that a service manager has passed, by their names, until somebody listens on them.

use crate::server::address::Address;
#[cfg(feature = "cli")]
use crate::sys::passed::PassedSocket;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is left of them.
#[derive(Debug, Default)]
pub(crate) struct Passed(Mutex<Sockets>);

#[derive(Debug, Default)]
struct Sockets {
    /// Each with its name, or why it cannot be listened on.
    sockets: Vec<(String, Result<OwnedFd, String>)>,
    /// All that there were.
    names: Vec<String>,
    /// Whether it is the start of the program, when sockets are passed.
    is_start: bool,
}

impl Passed {
    /// At the start of the program.
    #[cfg(feature = "cli")]
    pub(crate) fn at_the_start(passed: Vec<PassedSocket>) -> Passed {
        let names = passed.iter().map(|it| it.name.clone()).collect();
        let sockets = passed.into_iter().map(|it| (it.name, it.socket)).collect();
        Passed(Mutex::new(Sockets { sockets, names, is_start: true }))
    }

    /// All sockets of a name: a unit may have several under one.
    pub(super) fn take(&self, name: &str) -> io::Result<Vec<OwnedFd>> {
        let mut state = self.lock();
        let all = std::mem::take(&mut state.sockets);
        let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(it, _)| it == name);
        state.sockets = others;
        if own.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, state.without()));
        }
        let own: Result<Vec<_>, String> = own.into_iter().map(|(_, socket)| socket).collect();
        own.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))
    }

    /// Closes those that nobody has asked for. Returns a line for each.
    #[cfg(feature = "cli")]
    pub(crate) fn close_rest(&self) -> Vec<String> {
        let rest = std::mem::take(&mut self.lock().sockets);
        let line = |(name, socket): (String, Result<OwnedFd, String>)| {
            let why = socket.err().map_or(String::new(), |why| format!(" ({why})"));
            format!(
                "the service manager has passed a socket {name:?}{why}, and no listen = \"systemd:{name}\" asks for it: it is closed"
            )
        };
        rest.into_iter().map(line).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Sockets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sockets {
    /// Why there is no socket of a name.
    fn without(&self) -> String {
        let mut names: Vec<String> = self.names.iter().map(|name| format!("{name:?}")).collect();
        names.dedup();
        match (self.is_start, names.is_empty()) {
            (false, _) => "the service manager passes sockets only when it starts the program, and none of this name is listened on: restart the service".to_owned(),
            (true, true) => "no service manager has passed a socket: start the socket unit (systemctl start NAME.socket), and the program by its service".to_owned(),
            (true, false) => format!(
                "the service manager has passed {}, and none of this name: set FileDescriptorName= in the socket unit",
                names.join(", ")
            ),
        }
    }
}

/// Whether an address stands for sockets that a service manager passes.
pub(crate) fn is_passed(address: Option<&Address>) -> bool {
    matches!(address, Some(Address::Systemd(_)))
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn passed(name: &str, socket: Result<OwnedFd, String>) -> PassedSocket {
        PassedSocket { name: name.to_owned(), socket }
    }

    fn listener() -> Result<OwnedFd, String> {
        Ok(TcpListener::bind("127.0.0.1:0").expect("a port is free").into())
    }

    #[test]
    fn sockets_are_taken_by_name_and_what_is_left_is_said() {
        let all = vec![
            passed("http", listener()),
            passed("tls", Err("descriptor 4 does not listen".to_owned())),
            passed("http", listener()),
            passed("other", listener()),
        ];
        let all = Passed::at_the_start(all);
        assert_eq!(all.take("http").expect("they listen").len(), 2);
        let error = all.take("tls").expect_err("it does not").to_string();
        assert_eq!(error, "descriptor 4 does not listen");
        for name in ["http", "status", ""] {
            let error = all.take(name).expect_err("there is none").to_string();
            assert!(
                error.contains("\"http\", \"tls\", \"http\", \"other\"")
                    || error.contains("\"other\""),
                "{error}"
            );
        }
        let lines = all.close_rest();
        assert!(lines.len() == 1 && lines[0].contains("listen = \"systemd:other\""), "{lines:?}");
        assert!(all.close_rest().is_empty());
        let error = Passed::at_the_start(Vec::new()).take("http").expect_err("there is none");
        assert!(error.to_string().contains("socket unit"), "{error}");
        let error = Passed::default().take("http").expect_err("there is none");
        assert!(error.to_string().contains("restart the service"), "{error}");
    }
}
