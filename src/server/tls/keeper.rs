//! The thread that keeps TLS fresh: it looks at the files of certificates, warns of those that end, and makes new keys
//! for tickets. A server has one, or its supervisor, for all processes.

use super::Tls;
use super::news::TlsNews;
use super::renewal::Renewal;
use super::tickets::{ROTATED_EVERY, TicketSecrets};
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The thread lives as long as this.
#[derive(Debug)]
pub(crate) struct TlsKeeper(Sender<Tls>);

impl TlsKeeper {
    /// Starts the thread, which hands over what it finds out. It ends when `take` returns `false`.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn start(
        tls: &Tls,
        secrets: TicketSecrets,
        take: impl FnMut(TlsNews) -> bool + Send + 'static,
    ) -> io::Result<TlsKeeper> {
        let (sender, receiver) = mpsc::channel();
        let tls = tls.clone();
        thread::Builder::new()
            .name("tls".to_owned())
            .spawn(move || Keeping::new(&tls, secrets, take).run(&receiver))?;
        Ok(TlsKeeper(sender))
    }

    /// From now on it looks at these certificates, of which the operator knows what is to say.
    pub(crate) fn watch(&self, tls: &Tls) {
        // It fails only if nobody takes its news any more.
        let _ = self.0.send(tls.clone());
    }
}

struct Keeping<F> {
    renewal: Renewal,
    look_every: Duration,
    secrets: TicketSecrets,
    rotates_at: Instant,
    take: F,
}

impl<F: FnMut(TlsNews) -> bool> Keeping<F> {
    fn new(tls: &Tls, secrets: TicketSecrets, take: F) -> Keeping<F> {
        Keeping {
            renewal: Renewal::new(tls, tls.has_warned(), SystemTime::now()),
            look_every: tls.looks_every(),
            // Another may have kept them before.
            rotates_at: Instant::now() + ROTATED_EVERY.saturating_sub(secrets.age()),
            secrets,
            take,
        }
    }

    fn run(mut self, commands: &Receiver<Tls>) {
        loop {
            let mut say = |level, words| log::log!(level, "{words}");
            let renewed = self.renewal.look(Instant::now(), SystemTime::now(), &mut say);
            let mut news: Vec<TlsNews> = renewed.into_iter().map(TlsNews::Certificate).collect();
            news.extend(self.rotate());
            if !news.into_iter().all(&mut self.take) {
                return;
            }
            match commands.recv_timeout(self.pause()) {
                Ok(tls) => {
                    self.renewal = Renewal::new(&tls, true, SystemTime::now());
                    self.look_every = tls.looks_every();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn pause(&self) -> Duration {
        match self.renewal.has_files() {
            true if self.renewal.is_changing() => self.look_every.min(SETTLES_IN),
            true => self.look_every,
            false => WITHOUT_FILES,
        }
    }

    fn rotate(&mut self) -> Option<TlsNews> {
        let now = Instant::now();
        if now < self.rotates_at {
            return None;
        }
        match self.secrets.rotate() {
            Ok(()) => {
                self.rotates_at = now + ROTATED_EVERY;
                log::debug!("TLS: new key for session tickets");
                Some(TlsNews::Tickets(self.secrets.clone()))
            }
            Err(error) => {
                self.rotates_at = now + RETRIES_IN;
                log::error!("no new key for session tickets: {error}");
                None
            }
        }
    }
}

/// A change is read when the files are the same after this time.
const SETTLES_IN: Duration = Duration::from_millis(200);

/// How often dates and keys are looked at when there are no files.
const WITHOUT_FILES: Duration = Duration::from_secs(600);

/// After a failure, which never happens.
const RETRIES_IN: Duration = Duration::from_secs(60);
