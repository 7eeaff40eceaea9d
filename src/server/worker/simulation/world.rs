//! A world in which a worker lives: clients, threads, files and time, all of which one seed decides.

mod applications;
mod settling;

use super::client::Client;
use super::content::LARGE_BYTES;
use super::ground::{self, Ground};
use super::http1::Http1;
use super::http2::Http2;
use super::kernel::{Shared, SimulatedKernel};
use super::socket::Socket;
use super::threads::SimulatedThreads;
use super::truth::{KINDS, Truth};
use crate::files::{CacheLimits, Now, OpenFiles};
use crate::server::access_log::OpenLogs;
use crate::server::address::{Address, ListenScheme};
use crate::server::context::{Setup, Threads, WorkerContext};
use crate::server::driven::random::Dice;
use crate::server::handler_runs::HandlerJobs;
use crate::server::limits::Limits;
use crate::server::listener::{ListenGroup, Listeners};
use crate::server::mailbox::models::Epoll;
use crate::server::mailbox::{Mailbox, Message};
use crate::server::pool::Pool;
use crate::server::replacement::{Replacement, SharedSetup};
use crate::server::worker::Worker;
use crate::site::TrustedProxies;
use crate::sys::unix_socket::SocketAccess;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, TryRecvError};
use std::time::{Duration, Instant};

/// Everything, from the beginning to the end.
pub(super) struct World {
    dice: Dice,
    plan: Plan,
    truth: Truth,
    shared: Rc<RefCell<Shared>>,
    worker: Worker<SimulatedKernel>,
    mailbox: Arc<Mailbox>,
    disk: Arc<Pool>,
    handlers: SimulatedThreads,
    listeners: Arc<Listeners>,
    limits: Limits,
    clients: Vec<Client>,
    /// How many clients are still to come.
    to_come: usize,
    /// The last setup that was given to the worker, until it serves by it.
    reload: Option<(u32, mpsc::Receiver<()>)>,
    is_stopping: bool,
    has_ended: bool,
    /// What has been done, to find a fault by.
    steps: usize,
}

/// What may happen in a world.
struct Plan {
    /// Whether time jumps beyond deadlines.
    jumps: bool,
    /// Whether clients cut their connections.
    cuts: bool,
    /// Whether the server stops in the middle.
    stops: bool,
    /// Whether the time of day is set, also back.
    sets_clock: bool,
    /// Whether the descriptors run out.
    exhausts: bool,
    /// Whether calls of the disk fail.
    fails: bool,
    /// Whether processes of the application die.
    kills: bool,
    /// Whether clients of HTTP/2 leave streams stalled.
    stalls: bool,
}

impl World {
    pub(super) fn new(seed: u64, ground: &Ground) -> World {
        let mut dice = Dice::new(seed);
        ground::begin(dice.next());
        let plan = Plan {
            jumps: dice.below(4) == 0,
            cuts: dice.below(3) == 0,
            stops: dice.below(4) == 0,
            sets_clock: dice.below(4) == 0,
            exhausts: dice.below(4) == 0,
            fails: dice.below(4) == 0,
            kills: dice.below(3) == 0,
            stalls: dice.below(6) == 0,
        };
        let truth = Truth::new(ground.of(seed));
        let now = Now { monotonic: Instant::now(), wall: ground::beginning() };
        let epoll = Epoll::new();
        let shared = Rc::new(RefCell::new(Shared {
            now,
            queue: VecDeque::new(),
            accepted: Vec::new(),
            has_changes: false,
            events_max: 1 + dice.below(8),
            epoll: Arc::clone(&epoll),
            processes: Vec::new(),
            is_exhausted: false,
        }));
        let limits = Limits::default().body_memory_bytes_max(1 + dice.below(5_000));
        let mailbox = epoll.mailbox();
        let disk = Arc::new(Pool::new("disk", 0, usize::MAX));
        let handlers = Arc::new(Pool::new("handler", 0, usize::MAX));
        let threads = Threads {
            disk: Arc::clone(&disk),
            handlers: Arc::clone(&handlers),
            status: Arc::clone(&handlers),
            encoders: Arc::default(),
            handler_jobs: HandlerJobs::new(&Arc::default(), 0),
            mailbox: Arc::clone(&mailbox),
            spool_directory: Arc::from(truth.spool()),
        };
        let setup = Setup::new(Arc::new(truth.site()), limits.clone());
        let files = OpenFiles::new(cache());
        let cx = WorkerContext::new(setup, files, None, threads, 0, now);
        let listeners = Arc::new(listeners(&truth));
        let kernel = SimulatedKernel(Rc::clone(&shared));
        let board = Arc::default();
        let worker =
            Worker::new(0, kernel, Arc::clone(&mailbox), Arc::clone(&listeners), board, cx)
                .expect("nothing fails here");
        let to_come = 1 + dice.below(6);
        let mut world = World {
            dice,
            plan,
            truth,
            shared,
            worker,
            mailbox,
            disk,
            handlers: SimulatedThreads::of(&handlers),
            listeners,
            limits,
            clients: Vec::new(),
            to_come,
            reload: None,
            is_stopping: false,
            has_ended: false,
            steps: 0,
        };
        world.supervises();
        ground::let_calls_fail(world.plan.fails);
        world
    }

    /// Lives until all clients are served or gone.
    /// Returns what tells this life from others.
    pub(super) fn lives(&mut self) -> u64 {
        for _ in 0..STEPS_MAX {
            self.steps += 1;
            self.happens();
            if self.has_ended
                || self.to_come == 0 && self.clients.iter().all(Client::is_over_or_answered)
            {
                break;
            }
        }
        self.settles();
        self.print()
    }

    /// All that clients have got, and in how many steps.
    fn print(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.steps.hash(&mut hasher);
        for client in &self.clients {
            client.socket.sent_from(0).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Something happens, and the worker has a turn or two.
    fn happens(&mut self) {
        match self.dice.below(20) {
            0 | 1 if self.to_come > 0 => self.connects(),
            0..=4 => self.client_does(|client, amount, truth| client.send(amount, truth)),
            5..=8 => self.client_does(|client, amount, _| client.socket.make_room(amount)),
            9 | 10 => {
                self.works();
                self.handlers.one_goes_on(self.dice.below(100));
            }
            11 => {
                let (choice, bytes) = (self.dice.below(100), self.dice.amount() / 2);
                self.truth.send(choice, bytes);
            }
            12 => self.changes(),
            16..=19 => self.application_acts(),
            13 => self.time_passes(),
            14 if self.dice.below(20) == 0 => self.reloads(),
            15 if self.plan.stops && self.dice.below(60) == 0 => self.stops(),
            15 if self.plan.cuts && self.dice.below(20) == 0 => {
                let resets = self.dice.below(2) == 0;
                self.client_does(|client, _, _| client.cut(resets));
            }
            _ => {}
        }
        for _ in 0..self.dice.below(3) {
            if self.is_due() {
                self.turns();
            }
        }
    }

    /// Whether the worker would have a turn now.
    fn is_due(&self) -> bool {
        let shared = self.shared.borrow();
        if shared.epoll.is_woken() || shared.has_changes || self.has_events() {
            return true;
        }
        let passed = shared.now.monotonic - self.worker.cx.clock.monotonic();
        self.worker.timeout().is_some_and(|timeout| timeout <= passed)
    }

    fn connects(&mut self) {
        self.to_come -= 1;
        let room = self.dice.amount();
        let socket = Socket::new(room);
        if self.dice.below(4) == 0 {
            socket.stutter();
        }
        let asks = (0..1 + self.dice.below(12))
            .map(|_| {
                let size = self.dice.amount();
                self.truth.ask(self.dice.below(KINDS), size)
            })
            .collect();
        self.shared.borrow_mut().queue.push_back(socket.clone());
        let client = match self.dice.below(2) {
            0 => Client::http1(socket, Http1::new(asks)),
            _ => Client::http2(socket, Http2::new(asks, self.dice.next(), self.plan.stalls)),
        };
        let client = match self.dice.below(4) {
            0 if !self.plan.stalls => client.half_closing(),
            _ => client,
        };
        self.clients.push(client);
        if self.is_stopping
            && let Some(client) = self.clients.last_mut()
        {
            client.is_excused = true;
        }
    }

    fn client_does(&mut self, does: impl FnOnce(&mut Client, usize, &Truth)) {
        if self.clients.is_empty() {
            return;
        }
        let choice = self.dice.below(self.clients.len());
        let amount = self.dice.amount();
        let client = &mut self.clients[choice];
        does(client, amount, &self.truth);
        client.read(&self.truth, self.is_stopping);
    }

    /// A thread does a job.
    fn works(&mut self) -> bool {
        let has_worked = match self.dice.below(2) {
            0 => self.disk.do_next() || self.handlers.begin(),
            _ => self.handlers.begin() || self.disk.do_next(),
        };
        // It may have stored a file.
        self.shared.borrow_mut().has_changes |= has_worked;
        has_worked
    }

    /// A file is replaced, or written in place.
    fn changes(&mut self) {
        let wall = self.shared.borrow().now.wall;
        match self.dice.below(3) {
            0 => self.truth.ebbs(self.dice.below(LARGE_BYTES), wall),
            _ => self.truth.change(wall),
        }
        self.shared.borrow_mut().has_changes = true;
    }

    fn time_passes(&mut self) {
        let time = match self.plan.jumps && self.dice.below(8) == 0 {
            true => Duration::from_secs(self.dice.below(90) as u64),
            false => Duration::from_millis(self.dice.below(20) as u64),
        };
        if time > Duration::from_secs(1) {
            self.clients.iter_mut().for_each(|client| client.is_excused = true);
        }
        self.advances(time);
        if self.plan.sets_clock && self.dice.below(8) == 0 {
            let by = Duration::from_secs(self.dice.below(100_000) as u64);
            let wall = &mut self.shared.borrow_mut().now.wall;
            match self.dice.below(2) {
                0 => *wall -= by,
                _ => *wall += by,
            }
        }
        if self.plan.exhausts && self.dice.below(8) == 0 {
            let is_exhausted = self.dice.below(2) == 0;
            self.shared.borrow_mut().is_exhausted = is_exhausted;
        }
    }

    fn advances(&mut self, time: Duration) {
        let now = &mut self.shared.borrow_mut().now;
        now.monotonic += time;
        now.wall += time;
    }

    /// The server gets another setup.
    fn reloads(&mut self) {
        self.truth.generation += 1;
        let setup = SharedSetup {
            site: Arc::new(self.truth.site()),
            status_site: Arc::default(),
            proxies: TrustedProxies::default(),
            #[cfg(feature = "tls")]
            tls: None,
            limits: self.limits.clone(),
            cache: cache(),
            spool_directory: Arc::from(self.truth.spool()),
            applications: Vec::new(),
            request_id: None,
        };
        let (done, all_done) = mpsc::channel();
        self.reload = Some((self.truth.generation, all_done));
        let replacement = Replacement {
            setup: Arc::new(setup),
            listeners: Arc::clone(&self.listeners),
            logs: OpenLogs::default(),
            accepts: true,
            done,
        };
        self.mailbox.post(Message::Reload(Box::new(replacement))).expect("it can be woken");
    }

    fn stops(&mut self) {
        if !self.is_stopping {
            // A reload may come just before, or just too late.
            if self.dice.below(4) == 0 {
                self.reloads();
            }
            self.is_stopping = true;
            self.clients.iter_mut().for_each(|client| client.is_excused = true);
            let deadline = self.shared.borrow().now.monotonic + STOP_TIME;
            self.mailbox.post(Message::Stop { deadline }).expect("it can be woken");
            if self.dice.below(4) == 0 {
                self.reloads();
            }
        }
    }

    /// The worker has a turn.
    fn turns(&mut self) {
        if !self.has_ended {
            self.has_ended = !self.worker.turn();
            if let Some((generation, done)) = &self.reload
                && done.try_recv() == Err(TryRecvError::Disconnected)
            {
                // One that comes when the server stops changes nothing.
                if !self.is_stopping {
                    self.truth.serving_generation = *generation;
                }
                self.reload = None;
            }
            self.is_sound();
        }
    }
}

fn cache() -> CacheLimits {
    CacheLimits::default().contents_bytes_max(6_000)
}

fn listeners(truth: &Truth) -> Listeners {
    let path = truth.socket_path();
    let group = ListenGroup {
        addresses: vec![Address::Unix(path)],
        scheme: ListenScheme::H2c,
        is_proxied: false,
    };
    Listeners::open_groups(&[group], SocketAccess::default(), 1, 1).expect("it can be bound")
}

const STEPS_MAX: usize = 4_000;
const STOP_TIME: Duration = Duration::from_secs(30);
