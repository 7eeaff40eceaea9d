//! Long runs of many streams with random windows, resets, priorities, sizes and cuts, all of which a seed decides.
//!
//! The client keeps its own books: what each stream must get, how much the server may send, how much it may send
//! itself. A failing run prints its seed; `HTTPD_DRIVEN_SEED=<seed> cargo test http2::random` plays it again, and
//! `HTTPD_DRIVEN_RUNS=<count>` plays more of them.

mod ask;
mod reading;
mod sending;

use super::super::random::{Dice, seeds};
use super::*;
use crate::http::h2::settings::identifier;
use ask::Ask;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;

/// A stream as its client sees it.
struct Side {
    ask: Ask,
    /// How much of the content has been sent.
    sent: usize,
    has_sent_all: bool,
    /// How much the server has allowed to be sent.
    room: i64,
    reply: StreamReply,
    /// By how much the client has made the window larger.
    granted: i64,
    /// What was read, and no room made for.
    unacknowledged: u32,
    /// Whether the client has taken its request back.
    is_taken_back: bool,
}

impl Side {
    fn is_over(&self) -> bool {
        self.is_taken_back || self.reply.has_ended || self.reply.reset.is_some()
    }
}

/// A client with its books.
struct Run {
    it: Driven,
    dice: Dice,
    encoder: Encoder,
    decoder: Decoder,
    reader: FrameReader,
    read_bytes: usize,
    asks: VecDeque<Ask>,
    sides: BTreeMap<u32, Side>,
    last_stream: u32,
    /// What is on its way to the server.
    out: Vec<u8>,
    /// The window of streams that the client asks for: acknowledged by the server, and asked for since.
    window: (i64, Option<i64>),
    /// What the server may still send in all, and what the client may.
    room: (i64, i64),
    unacknowledged: u32,
    pings: u32,
    goaway: Option<u32>,
}

impl Run {
    fn new(seed: u64, mut it: Driven) -> Run {
        let mut dice = Dice(seed);
        it.reconnects();
        it.send_budget = 1 + dice.amount();
        let room = dice.amount();
        it.will_take(room);
        if dice.below(4) == 0 {
            it.client.stutter();
        }
        let asks = (0..1 + dice.below(12)).map(|_| Ask::any(&mut dice)).collect();
        let window = [0, 1, 100, 5000, 65_535, 1 << 20][dice.below(6)];
        let table = [0, 100, 4096, 65_536][dice.below(4)];
        let mut out = PREFACE.to_vec();
        let settings =
            [(identifier::INITIAL_WINDOW_SIZE, window), (identifier::HEADER_TABLE_SIZE, table)];
        write::settings(&mut out, &settings);
        Run {
            it,
            dice,
            encoder: Encoder::new(TABLE_BYTES_USUAL),
            decoder: Decoder::new(TABLE_BYTES_USUAL),
            reader: FrameReader::new(),
            read_bytes: 0,
            asks,
            sides: BTreeMap::new(),
            last_stream: 0,
            out,
            window: (65_535, Some(i64::from(window))),
            room: (65_535, 65_535),
            unacknowledged: 0,
            pings: 0,
            goaway: None,
        }
    }

    /// Does random things until all is asked and answered, or the connection has ended.
    fn plays(&mut self, jumps: Jumps) {
        for _ in 0..STEPS_MAX {
            self.reads();
            if self.it.verdict == Verdict::Close || self.it.client.end() != StreamEnd::Open {
                return;
            }
            if self.asks.is_empty() && self.out.is_empty() && self.sides.values().all(Side::is_over)
            {
                return;
            }
            match self.dice.below(16) {
                0 | 1 => self.asks_next(),
                2 | 3 => self.sends_content(),
                4 | 5 => self.makes_room(),
                6 if self.dice.below(6) == 0 => self.takes_back(),
                7 if self.dice.below(3) == 0 => self.says_something_else(),
                8 if jumps == Jumps::Any => {
                    let seconds = self.dice.below(20) as u64;
                    self.it.advances(Duration::from_secs(seconds));
                }
                8 => {
                    let time = self.dice.below(2) as u64;
                    self.it.advances(Duration::from_millis(time));
                }
                9 | 10 => {
                    let room = self.dice.amount();
                    let edge = self.it.client.make_room(room);
                    self.hands_in(edge);
                }
                11 => {
                    self.it.works_once();
                }
                12 if self.it.verdict == Verdict::Again => self.it.has_its_turn(),
                _ => {
                    let count = self.dice.amount().min(self.out.len());
                    let piece: Vec<u8> = self.out.drain(..count).collect();
                    let edge = self.it.client.send(&piece);
                    self.hands_in(edge);
                }
            }
        }
        self.is_generous();
    }

    /// From now on there is room for everything, and time for everybody.
    fn is_generous(&mut self) {
        self.it.send_budget = SEND_BUDGET;
        for _ in 0..STEPS_MAX {
            if self.it.verdict == Verdict::Close || self.it.client.end() != StreamEnd::Open {
                return;
            }
            while !self.asks.is_empty() {
                self.asks_next();
            }
            for stream in self.sides.keys().copied().collect::<Vec<_>>() {
                self.grants(stream, 1 << 16);
                while self.sends_some(stream, 16_384) {}
            }
            self.out.extend(window_update(0, 1 << 16));
            self.room.0 += 1 << 16;
            let piece = std::mem::take(&mut self.out);
            let edge = self.it.client.send(&piece);
            self.it.notes(edge);
            let edge = self.it.client.make_room(1 << 20);
            self.it.notes(edge);
            self.it.works();
            self.reads();
            if self.sides.values().all(|side| side.is_over() && side.has_sent_all) {
                return;
            }
        }
        panic!("it never ends: {}", self.it.connection.phase());
    }

    /// An edge may find the connection in the middle of its turns.
    fn hands_in(&mut self, edge: Edge) {
        if self.dice.below(2) == 0 {
            self.it.begins_with(edge);
        } else {
            self.it.notes(edge);
        }
    }
}

/// How far the clock may jump.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Jumps {
    Small,
    Any,
}

thread_local! {
    /// The sample site costs some files; one does for many runs.
    static DRIVEN: RefCell<Option<Driven>> = const { RefCell::new(None) };
}

fn driven() -> Driven {
    DRIVEN.take().unwrap_or_else(|| {
        let limits = Limits::default().body_memory_bytes_max(700);
        let mut it = Driven::threaded(limits);
        it.cx.places = vec![crate::server::context::ListenPlace {
            address: None,
            speaks_http2: true,
            for_status: false,
        }];
        it.cx.threads.handlers = Arc::new(Pool::new("handler", 0, usize::MAX));
        it
    })
}

#[test]
fn a_patient_client_of_many_streams_gets_every_response_whole() {
    for seed in seeds(RUNS) {
        println!("HTTPD_DRIVEN_SEED={seed}");
        let mut run = Run::new(seed, driven());
        run.plays(Jumps::Small);
        run.is_generous();
        assert_eq!((run.goaway, run.it.client.end()), (None, StreamEnd::Open));
        run.is_answered();
        DRIVEN.set(Some(run.leaves_nothing()));
    }
}

#[test]
fn an_impatient_server_sends_whole_responses_or_says_that_they_are_not() {
    for seed in seeds(RUNS) {
        println!("HTTPD_DRIVEN_SEED={seed}");
        let mut run = Run::new(seed, driven());
        run.plays(Jumps::Any);
        let is_over = run.it.verdict == Verdict::Close || run.it.client.end() != StreamEnd::Open;
        if !is_over && run.goaway.is_none() {
            run.is_generous();
        }
        // What has ended is whole, unless its status says otherwise.
        for (stream, Side { ask, reply, .. }) in &run.sides {
            if reply.has_ended && reply.status() == ask.status {
                assert!(reply.body == ask.body, "{stream}: {} of {ask:?}", reply.body.len());
            }
        }
        DRIVEN.set(Some(run.leaves_nothing()));
    }
}

const RUNS: u64 = 600;

/// More than any run needs, or the client becomes generous.
const STEPS_MAX: usize = 400;
