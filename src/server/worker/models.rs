//! The worker, its mailbox and what other threads ask of it in every interleaving (see [`crate::sys::sync`]): the real
//! turns over a kernel in which no time passes and nothing happens but what the threads of the model do.
//!
//! With these faults, one of them fails: a worker that stops, or that is not needed any more, drops the connections that it
//! was handed; a mailbox takes connections after it was closed, or messages after its worker has ended; the mailbox of a
//! worker that has ended keeps its messages.

use super::kernel::{Happened, Kernel, Watched};
use super::reloading::WorkerListener;
use super::{Worker, WorkerContext};
use crate::files::{CacheLimits, Now, OpenFiles};
use crate::server::access_log::OpenLogs;
use crate::server::application::commands::ProcessId;
use crate::server::clock;
use crate::server::context::{Setup, Threads};
use crate::server::driven::script::Script;
use crate::server::handler_runs::HandlerJobs;
use crate::server::id::ConnectionId;
use crate::server::limits::Limits;
use crate::server::listener::Listeners;
use crate::server::mailbox::models::Epoll;
use crate::server::mailbox::{Mailbox, Message};
use crate::server::pool::Pool;
use crate::server::replacement::{Replacement, SharedSetup};
use crate::site::{Site, TrustedProxies};
use crate::sys::sync::interrupted_up_to;
use crate::sys::unix_socket::SocketAccess;
use loom::thread::{self, JoinHandle};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Reports messages, and waits for them as long as it takes.
struct ModelKernel {
    epoll: Arc<Epoll>,
    now: Now,
    /// The connections from elsewhere. Each has a request to make.
    adopted: Rc<RefCell<Vec<Script>>>,
}

impl Kernel for ModelKernel {
    type Wire = Script;

    fn wait(&mut self, timeout: Option<Duration>, happened: &mut Happened) -> io::Result<()> {
        happened.clear();
        happened.messages = self.epoll.wait(timeout != Some(Duration::ZERO));
        Ok(())
    }

    fn now(&mut self) -> Now {
        self.now
    }

    fn watch_changes(&mut self, _changes: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    fn watch_listener(&mut self, _index: usize, _listener: BorrowedFd<'_>) -> io::Result<()> {
        unreachable!("nothing is listened on")
    }

    fn forget_listener(&mut self, _listener: BorrowedFd<'_>) {}

    fn watch_process(&mut self, _process: ProcessId, _responses: BorrowedFd<'_>) -> io::Result<()> {
        unreachable!("there are no applications here")
    }

    fn watch(&mut self, _: &Script, _: ConnectionId, _: Watched, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn accept(
        &mut self,
        _listener: &WorkerListener,
        _cx: &WorkerContext,
    ) -> io::Result<(Option<Script>, Option<SocketAddr>)> {
        unreachable!("nothing is listened on")
    }

    fn adopt(&mut self, _connection: OwnedFd) -> Script {
        let client = Script::new();
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        self.adopted.borrow_mut().push(client.clone());
        client
    }
}

fn nowhere() -> Arc<Listeners> {
    let none = Listeners::open_groups(&[], SocketAccess::default(), 1, 1);
    Arc::new(none.expect("there is nothing that could fail"))
}

fn spool() -> Arc<Path> {
    Arc::from(Path::new("/"))
}

fn site(text: &'static str) -> Arc<Site> {
    Arc::new(Site::new().get("/", move |_| text))
}

/// Runs a worker to its end, in a thread. It returns what its clients have got.
fn works(epoll: &Arc<Epoll>, mailbox: &Arc<Mailbox>) -> JoinHandle<Vec<Vec<u8>>> {
    let (epoll, mailbox) = (Arc::clone(epoll), Arc::clone(mailbox));
    let work = move || {
        let now = clock::read();
        let adopted = Rc::default();
        let kernel = ModelKernel { epoll, now, adopted: Rc::clone(&adopted) };
        let pool = Arc::new(Pool::new("none", 0, usize::MAX));
        let threads = Threads {
            disk: Arc::clone(&pool),
            handlers: Arc::clone(&pool),
            status: pool,
            encoders: Arc::default(),
            handler_jobs: HandlerJobs::new(&Arc::default(), 0),
            mailbox: Arc::clone(&mailbox),
            spool_directory: spool(),
        };
        let setup = Setup::new(site("old"), Limits::default());
        let files = OpenFiles::new(CacheLimits::default());
        let cx = WorkerContext::new(setup, files, None, threads, 0, now);
        let board = Arc::default();
        let mut worker =
            Worker::new(0, kernel, mailbox, nowhere(), board, cx).expect("nothing fails here");
        while worker.turn() {}
        drop(worker);
        let clients = adopted.borrow();
        clients.iter().map(Script::sent).collect()
    };
    let builder = thread::Builder::new().stack_size(STACK_WORDS);
    builder.spawn(work).expect("it is a coroutine")
}

/// Another thread hands a connection over. It returns whether it was taken.
fn hands_over(mailbox: &Arc<Mailbox>) -> JoinHandle<bool> {
    let mailbox = Arc::clone(mailbox);
    thread::spawn(move || {
        let connection = UnixStream::pair().expect("descriptors are left").0;
        mailbox.hand_over(connection.into()).is_ok()
    })
}

/// The message of a reload, and what shows that the worker has changed, or is gone.
fn reload(accepts: bool) -> (Message, Weak<SharedSetup>, mpsc::Receiver<()>) {
    let setup = Arc::new(SharedSetup {
        site: site("new"),
        status_site: Arc::default(),
        proxies: TrustedProxies::default(),
        #[cfg(feature = "tls")]
        tls: None,
        limits: Limits::default(),
        cache: CacheLimits::default(),
        spool_directory: spool(),
        applications: Vec::new(),
        request_id: None,
    });
    let (done, all_done) = mpsc::channel();
    let known = Arc::downgrade(&setup);
    let logs = OpenLogs::default();
    let replacement = Replacement { setup, listeners: nowhere(), logs, accepts, done };
    (Message::Reload(Box::new(replacement)), known, all_done)
}

fn stop() -> Message {
    Message::Stop { deadline: Instant::now() + Duration::from_secs(60) }
}

/// Every connection that was taken is answered, and by one setup or the other.
fn is_served(clients: &[Vec<u8>], was_taken: bool) {
    assert_eq!(clients.len(), usize::from(was_taken));
    for sent in clients {
        let is_whole = sent.ends_with(b"\r\n\r\nold") || sent.ends_with(b"\r\n\r\nnew");
        assert!(is_whole, "{}", sent.escape_ascii());
    }
}

#[test]
fn a_connection_and_a_reload_that_meet_a_stop_are_taken_or_given_back_and_nobody_waits_for_ever() {
    interrupted_up_to(2, || {
        let epoll = Epoll::new();
        let mailbox = epoll.mailbox();
        let worker = works(&epoll, &mailbox);
        let handing = hands_over(&mailbox);
        let (message, setup, all_done) = reload(true);
        mailbox.post(message).expect("it can be woken");
        mailbox.post(stop()).expect("it can be woken");
        let clients = worker.join().expect("it does not panic");
        is_served(&clients, handing.join().expect("it does not panic"));
        assert_eq!(all_done.try_recv(), Err(TryRecvError::Disconnected), "a reload waits");
        assert!(setup.upgrade().is_none(), "a setup is kept that nobody serves by");
    });
}

#[test]
fn a_worker_that_is_not_needed_any_more_serves_what_it_was_handed_and_ends() {
    interrupted_up_to(2, || {
        let epoll = Epoll::new();
        let mailbox = epoll.mailbox();
        let worker = works(&epoll, &mailbox);
        let handing = hands_over(&mailbox);
        let (message, _, all_done) = reload(false);
        mailbox.post(message).expect("it can be woken");
        let clients = worker.join().expect("it does not panic");
        is_served(&clients, handing.join().expect("it does not panic"));
        assert_eq!(all_done.try_recv(), Err(TryRecvError::Disconnected), "a reload waits");
    });
}

#[test]
fn a_reload_that_comes_when_its_worker_has_ended_is_over_at_once() {
    interrupted_up_to(2, || {
        let epoll = Epoll::new();
        let mailbox = epoll.mailbox();
        let worker = works(&epoll, &mailbox);
        let stops = Arc::clone(&mailbox);
        let stopping = thread::spawn(move || stops.post(stop()));
        let (message, setup, all_done) = reload(true);
        mailbox.post(message).expect("it can be woken");
        worker.join().expect("it does not panic");
        stopping.join().expect("it does not panic").expect("it can be woken");
        assert_eq!(all_done.try_recv(), Err(TryRecvError::Disconnected), "a reload waits");
        assert!(setup.upgrade().is_none(), "a setup is kept that nobody serves by");
    });
}

/// A megabyte.
const STACK_WORDS: usize = 1 << 17;
