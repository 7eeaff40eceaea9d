//! What the supervisor knows of TLS for all of its processes: the certificates as it has read them, and the keys of
//! session tickets. One thread finds out what changes; the supervisor sends it on. Processes that start later get
//! everything at once, whatever the files say then, and whether or not they may read them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{self, Receiver};

use zeroize::Zeroizing;

use crate::server::{Certificate, CertificateText, TicketSecrets, Tls, TlsKeeper, TlsNews};
use crate::sys::channel::{Channel, Received};
use crate::sys::process::{read_sealed, sealed};
use crate::sys::signal;

/// The certificates of a pool and the keys of its tickets.
pub(super) struct PoolTls {
    /// What a new process needs.
    known: Vec<TlsNews>,
    news: Receiver<TlsNews>,
    /// It is readable when there may be news.
    bell: Channel,
    /// Its thread ends with it.
    _keeper: TlsKeeper,
}

impl PoolTls {
    /// # Errors
    /// If the system has no random numbers, gives no thread, or is out of descriptors.
    pub(super) fn start(tls: &Tls, texts: Vec<CertificateText>) -> io::Result<PoolTls> {
        let secrets = TicketSecrets::generate().map_err(io::Error::other)?;
        let known = texts.into_iter().map(TlsNews::Certificate);
        let known = known.chain([TlsNews::Tickets(secrets.clone())]).collect();
        PoolTls::keep(tls, secrets, known)
    }

    /// Goes on with what a supervisor knew that this process was.
    ///
    /// # Errors
    /// As `start`, and if something is missing.
    pub(super) fn inherit(known: Vec<TlsNews>) -> io::Result<PoolTls> {
        let (mut certificates, mut secrets) = (Vec::new(), None);
        for news in &known {
            match news {
                TlsNews::Certificate(text) => certificates.extend(text.certificate()),
                TlsNews::Tickets(keys) => secrets = Some(keys.clone()),
            }
        }
        let secrets = secrets.ok_or(io::ErrorKind::InvalidData)?;
        let mut certificates = certificates.into_iter();
        let first = match certificates.next() {
            Some(first) => first,
            None => Certificate::for_trying().map_err(io::Error::other)?,
        };
        // Which host has which is the processes' business.
        let tls = certificates.fold(Tls::new(first), Tls::certificate).after_warnings();
        PoolTls::keep(&tls, secrets, known)
    }

    fn keep(tls: &Tls, secrets: TicketSecrets, known: Vec<TlsNews>) -> io::Result<PoolTls> {
        // The thread leaves signals to the supervisor.
        let _held = signal::hold();
        let (bell, end) = Channel::pair()?;
        let ringer = Channel::from_end(end);
        let (sender, news) = mpsc::channel();
        let keeper = TlsKeeper::start(tls, secrets, move |news| {
            let is_taken = sender.send(news).is_ok();
            // A bell that nobody has heard yet rings once for all.
            let _ = ringer.send(b"news", &[]);
            is_taken
        })?;
        Ok(PoolTls { known, news, bell, _keeper: keeper })
    }

    /// What has changed since the last call.
    pub(super) fn take(&mut self) -> Vec<TlsNews> {
        while let Ok(Received::Message(_)) = self.bell.receive() {}
        let news: Vec<TlsNews> = self.news.try_iter().collect();
        for one in &news {
            self.known.retain(|known| match (known, one) {
                (TlsNews::Certificate(old), TlsNews::Certificate(new)) => old.files != new.files,
                (TlsNews::Tickets(_), TlsNews::Tickets(_)) => false,
                _ => true,
            });
            self.known.push(one.clone());
        }
        news
    }

    /// The same with other certificates, which the operator has changed. Sessions go on.
    ///
    /// # Errors
    /// As `start`.
    pub(super) fn with(&self, tls: &Tls, texts: Vec<CertificateText>) -> io::Result<PoolTls> {
        let secrets = self.known.iter().find_map(|news| match news {
            TlsNews::Tickets(secrets) => Some(secrets.clone()),
            TlsNews::Certificate(_) => None,
        });
        let secrets = secrets.ok_or(io::ErrorKind::InvalidData)?;
        let known = texts.into_iter().map(TlsNews::Certificate);
        let known = known.chain([TlsNews::Tickets(secrets.clone())]).collect();
        PoolTls::keep(tls, secrets, known)
    }

    /// What a new process needs, in memory that only it gets.
    ///
    /// # Errors
    /// When out of descriptors or memory.
    pub(super) fn for_process(&self) -> io::Result<OwnedFd> {
        sealed(&TlsNews::to_bytes(&self.known))
    }
}

impl AsFd for PoolTls {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

/// What has changed, for a process that serves.
///
/// # Errors
/// When out of descriptors or memory.
pub(crate) fn packed(news: &[TlsNews]) -> io::Result<OwnedFd> {
    sealed(&TlsNews::to_bytes(news))
}

/// What the supervisor has sent.
///
/// # Errors
/// When it is something else, or out of memory.
pub(crate) fn unpacked(memory: OwnedFd) -> io::Result<Vec<TlsNews>> {
    let bytes = Zeroizing::new(read_sealed(&memory, BYTES_MAX)?);
    TlsNews::from_bytes(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Thousands of certificates.
const BYTES_MAX: usize = 64 * 1024 * 1024;
