//! Long runs with cuts, short writes, refusals and jumps of the clock that a seed decides.
//!
//! A failing run prints its seed; `HTTPD_DRIVEN_SEED=<seed> cargo test random` plays it again,
//! and `HTTPD_DRIVEN_RUNS=<count>` plays more of them.

use super::*;
use std::time::SystemTime;

/// Splitmix64: small, and good enough to think of cases for us.
pub(in crate::server) struct Dice(pub(in crate::server) u64);

impl Dice {
    /// Dice that this seed decides.
    pub(in crate::server) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub(in crate::server) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(in crate::server) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Often small, now and then large.
    pub(in crate::server) fn amount(&mut self) -> usize {
        let bound = [2, 10, 100, 5_000, 20_000][self.below(5)];
        self.below(bound)
    }
}

/// One request and the response that it gets.
#[derive(Clone, Copy)]
struct SampleRequest {
    request: &'static str,
    status: u16,
    body_bytes: usize,
}

const SAMPLE_REQUESTS: &[SampleRequest] = &[
    SampleRequest { request: "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", status: 200, body_bytes: 6 },
    SampleRequest {
        request: "\r\nGET /large.bin HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n",
        status: 200,
        body_bytes: LARGE_BYTES,
    },
    SampleRequest {
        request: "GET /middle.txt?a=b HTTP/1.1\r\nHost: a\r\n\r\n",
        status: 200,
        body_bytes: MIDDLE_BYTES,
    },
    SampleRequest {
        request: "GET /long HTTP/1.1\r\nHost: a\r\n\r\n",
        status: 200,
        body_bytes: LONG_BYTES,
    },
    SampleRequest {
        request: "GET /large.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=-3000\r\n\r\n",
        status: 206,
        body_bytes: 3_000,
    },
    SampleRequest { request: "GET /cold HTTP/1.1\r\nHost: a\r\n\r\n", status: 200, body_bytes: 5 },
    SampleRequest { request: "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n", status: 204, body_bytes: 0 },
    SampleRequest {
        request: "GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nGET / H",
        status: 200,
        body_bytes: 6,
    },
    SampleRequest {
        request: "GET /hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                  2\r\nab\r\n3;x\r\ncde\r\n0\r\nT: u\r\n\r\n",
        status: 200,
        body_bytes: 6,
    },
    SampleRequest {
        request: "POST /mirror HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd",
        status: 200,
        body_bytes: 4,
    },
    SampleRequest {
        request: "POST /offload HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n\
                  abcdefghijklmnopqrst",
        status: 200,
        body_bytes: 20,
    },
    SampleRequest {
        request: "POST /offload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                  9\r\nabcdefghi\r\n3\r\njkl\r\n0\r\n\r\n",
        status: 200,
        body_bytes: 12,
    },
];

/// How far the clock may jump.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Jumps {
    /// Never so far that anything expires.
    Small,
    /// As far as any deadline.
    Any,
}

/// One client with its requests, in pieces, until all is said or the connection is gone.
struct Run {
    it: Driven,
    dice: Dice,
    script: Vec<SampleRequest>,
    /// What is left to send.
    rest: Vec<u8>,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut dice = Dice(seed);
        let limits = Limits::default().body_memory_bytes_max(1 + dice.below(12));
        let mut it = Driven::threaded(limits);
        it.send_budget = 1 + dice.amount();
        let script: Vec<SampleRequest> = (0..1 + dice.below(12))
            .map(|_| SAMPLE_REQUESTS[dice.below(SAMPLE_REQUESTS.len())])
            .collect();
        let rest = script.iter().flat_map(|one| one.request.bytes()).collect();
        let room = dice.amount();
        it.will_take(room);
        if dice.below(4) == 0 {
            it.client.stutter();
        }
        Run { it, dice, script, rest }
    }

    fn plays(&mut self, jumps: Jumps) {
        while self.it.verdict != Verdict::Close {
            match self.dice.below(6) {
                0 | 1 => {
                    let count = self.dice.amount().min(self.rest.len());
                    let piece: Vec<u8> = self.rest.drain(..count).collect();
                    let edge = self.it.client.send(&piece);
                    self.hands_in(edge);
                }
                2 | 3 => {
                    let room = self.dice.amount();
                    let edge = self.it.client.make_room(room);
                    self.hands_in(edge);
                }
                4 if jumps == Jumps::Any => {
                    let seconds = self.dice.below(12) as u64;
                    self.it.advances(Duration::from_secs(seconds));
                }
                4 => self.it.advances(Duration::from_millis(self.dice.below(2) as u64)),
                _ if matches!(self.it.connection.phase(), Phase::In(ExchangeState::Waiting(_))) => {
                    self.it.works()
                }
                _ if self.it.verdict == Verdict::Again => self.it.has_its_turn(),
                _ if self.is_done() => return,
                _ => {}
            }
        }
    }

    /// An edge may find the connection in the middle of its turns.
    fn hands_in(&mut self, edge: Edge) {
        if self.dice.below(2) == 0 {
            self.it.begins_with(edge);
        } else {
            self.it.notes(edge);
        }
    }

    fn is_done(&self) -> bool {
        self.rest.is_empty()
            && self.it.verdict == Verdict::Sleep
            && self.it.connection.phase() == Phase::Idle
    }

    /// Checks that every response is whole and in its order; returns how many there are.
    fn responses(&mut self) -> usize {
        let sent = self.it.client.sent();
        let mut at = 0;
        for (number, expected) in self.script.iter().enumerate() {
            let Some((reply, length)) = Reply::read(&sent[at..], true) else {
                return number;
            };
            if reply.status == 408 || reply.status == 503 {
                return number;
            }
            assert_eq!(reply.status, expected.status);
            assert_eq!(reply.body.len(), expected.body_bytes);
            at += length;
        }
        assert_eq!(at, sent.len(), "bytes after the last response");
        self.script.len()
    }
}

/// The seed that the environment names, or so many others; as many as the environment says.
pub(super) fn seeds(count: u64) -> std::ops::Range<u64> {
    match std::env::var("HTTPD_DRIVEN_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("HTTPD_DRIVEN_SEED is a number");
            seed..seed + 1
        }
        Err(_) => {
            let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let first = time.map_or(0, |time| time.as_micros() as u64);
            let runs = std::env::var("HTTPD_DRIVEN_RUNS");
            let count =
                runs.map_or(count, |runs| runs.parse().expect("HTTPD_DRIVEN_RUNS is a number"));
            first..first + count
        }
    }
}

#[test]
fn a_patient_client_gets_every_response_whole() {
    for seed in seeds(RUNS) {
        println!("HTTPD_DRIVEN_SEED={seed}");
        let mut run = Run::new(seed);
        run.plays(Jumps::Small);
        assert_eq!(run.responses(), run.script.len());
        run.it.sleeps(Phase::Idle);
    }
}

#[test]
fn an_impatient_server_sends_whole_responses_or_breaks_off() {
    for seed in seeds(RUNS) {
        println!("HTTPD_DRIVEN_SEED={seed}");
        let mut run = Run::new(seed);
        run.plays(Jumps::Any);
        if run.responses() < run.script.len() {
            assert_eq!(run.it.verdict, Verdict::Close, "a response is missing");
        }
    }
}

const RUNS: u64 = 300;
