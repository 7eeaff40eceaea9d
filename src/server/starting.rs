//! How a server begins: its addresses are read and bound, and then it serves.

use super::{Handle, Listen, Running, Server, StartError};
use crate::server::address::ListenScheme;
use crate::server::listener::{ListenGroup, Listeners};
use crate::server::reload::Shared;
use std::num::NonZeroUsize;

impl Server {
    /// Starts, and serves until it is stopped. Signals are left to the program: unless it handles `SIGTERM`, for
    /// instance by calling [`Handle::stop`], that signal ends it in the middle of responses.
    ///
    /// # Errors
    /// As [`Server::start`].
    #[doc(alias = "serve")]
    pub fn run(self) -> Result<(), StartError> {
        self.start()?.wait();
        Ok(())
    }

    /// Starts. When it returns, every address is listened on.
    ///
    /// ```
    /// use httpd::{Request, Response, Server, Site};
    /// let site = Site::new().at("/", |_: &Request<'_>| Response::text("hello\n"));
    /// let server = Server::new(site).listen("127.0.0.1:0").start()?;
    /// println!("http://{}/", server.addresses()[0]);
    /// server.handle().stop();
    /// server.wait();
    /// # Ok::<(), httpd::StartError>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that failed. Nothing is left running then.
    pub fn start(self) -> Result<Running, StartError> {
        let listeners = self.bind(NonZeroUsize::MIN)?;
        self.start_on(listeners)
    }

    /// Begins to listen, for `processes` processes that will each [start](Server::start_on) this server
    /// on their share. No connection is accepted yet: clients wait in the kernel's queues.
    ///
    /// # Errors
    /// The first address that cannot be listened on, and why. None is listened on then.
    pub fn bind(&self, processes: NonZeroUsize) -> Result<Listeners, StartError> {
        self.check_addresses()?;
        let groups = self.groups()?;
        let workers = self.workers.count(processes.get());
        let (access, processes) = (self.socket_access, processes.get());
        Listeners::open_with_passed(&groups, access, processes, workers, &self.passed)
    }

    /// The same where `known` is listened on already: what stays is kept. What is new listens when a process serves it.
    #[cfg(feature = "cli")]
    pub(crate) fn bind_changed(
        &self,
        known: &Listeners,
        processes: NonZeroUsize,
    ) -> Result<Listeners, StartError> {
        self.check_addresses()?;
        let workers = self.workers.count(processes.get());
        known.changed_to(&self.groups()?, self.socket_access, processes.get(), workers)
    }

    pub(super) fn check_addresses(&self) -> Result<(), StartError> {
        match self.listen.is_empty() && !self.listens_nowhere {
            true => Err(StartError::NoAddress),
            false => Ok(()),
        }
    }

    /// The addresses to listen on, each with those that belong to it, and what is spoken there.
    pub(super) fn groups(&self) -> Result<Vec<ListenGroup>, StartError> {
        let read = |Listen { text, is_proxied }: &Listen| {
            let (scheme, addresses) = ListenScheme::parse(text)
                .map_err(|reason| StartError::BadAddress { text: text.clone(), reason })?;
            match scheme {
                ListenScheme::Https if !self.has_certificates() => {
                    Err(StartError::NoCertificate { text: text.clone() })
                }
                _ => Ok(ListenGroup { addresses, scheme, is_proxied: *is_proxied }),
            }
        };
        self.listen.iter().map(read).collect()
    }

    fn has_certificates(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// Starts on listeners that are bound already, with as many workers as they were bound for.
    ///
    /// # Errors
    /// As [`Server::start`], except for the addresses.
    pub fn start_on(self, listeners: Listeners) -> Result<Running, StartError> {
        let shared = Shared::new();
        shared.change(self, Some(listeners))?;
        Ok(Running { handle: Handle { shared } })
    }
}
