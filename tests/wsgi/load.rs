//! Clients that ask without a pause, each over a connection that it keeps, and what they were answered.

use super::server::Server;
use crate::support::Client;
use httpd::Address;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

/// Clients at work.
pub struct Load {
    enough: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Tally>>,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many answers had each status.
    pub answers: BTreeMap<u16, usize>,
    /// Answers that were cut off, or never began.
    pub broken: usize,
}

impl Load {
    /// So many clients that ask for this, again and again.
    pub fn start(server: &Server, clients: usize, target: &str) -> Load {
        let enough = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicUsize::new(0));
        let clients = (0..clients)
            .map(|_| {
                let (address, target) = (server.address().clone(), target.to_owned());
                let (enough, answered) = (Arc::clone(&enough), Arc::clone(&answered));
                thread::spawn(move || ask(&address, &target, &enough, &answered))
            })
            .collect();
        Load { enough, answered, clients }
    }

    /// How many requests were answered so far.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Lets each client finish its last request.
    pub fn finish(mut self) -> Tally {
        self.enough.store(true, Ordering::Relaxed);
        let mut sum = Tally::default();
        for client in self.clients.drain(..) {
            let tally = client.join().expect("every request is answered or broken off");
            sum.broken += tally.broken;
            for (status, count) in tally.answers {
                *sum.answers.entry(status).or_default() += count;
            }
        }
        sum
    }
}

impl Drop for Load {
    /// Of a test that failed in between: its clients have nobody to ask any more.
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}

impl Tally {
    pub fn of(&self, status: u16) -> usize {
        self.answers.get(&status).copied().unwrap_or(0)
    }

    /// Demands that all were answered, and with nothing but these statuses.
    #[track_caller]
    pub fn only(&self, statuses: &[u16]) {
        let strange = self.answers.keys().find(|status| !statuses.contains(status));
        assert!(self.broken == 0 && strange.is_none(), "{self:?}");
        assert!(self.of(200) > 0, "{self:?}");
    }
}

fn ask(address: &Address, target: &str, enough: &AtomicBool, answered: &AtomicUsize) -> Tally {
    let mut tally = Tally::default();
    let mut kept: Option<Client> = None;
    while !enough.load(Ordering::Relaxed) {
        let mut client = kept.take().unwrap_or_else(|| Client::connect(address));
        let request = format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n");
        match client.try_send(request.as_bytes()).map(|()| client.try_reply_to("GET")) {
            Ok(Ok(reply)) => {
                *tally.answers.entry(reply.status).or_default() += 1;
                kept = reply.keeps_alive().then_some(client);
            }
            Ok(Err(_)) | Err(_) => tally.broken += 1,
        }
        answered.fetch_add(1, Ordering::Relaxed);
    }
    tally
}
