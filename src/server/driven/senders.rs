//! Responses that wait for their senders.

use super::sample::SampleFolder;
use super::*;
use crate::site::{Request, Response, Sender, Site, TrySendError};
use std::sync::Mutex;

/// The senders of responses, in the order in which these were asked for.
pub(super) type Senders = Arc<Mutex<Vec<Sender>>>;

/// The site with locations whose responses wait for their senders.
pub(super) fn with_streams(site: Site, folder: &SampleFolder) -> Site {
    let keep = |open: fn() -> (Sender, Response)| {
        let senders = Arc::clone(&folder.senders);
        move |_: &Request<'_>| {
            let (sender, response) = open();
            senders.lock().expect("nobody panics").push(sender);
            response
        }
    };
    let events = || {
        let (events, response) = Response::events();
        (events.into(), response)
    };
    site.at("/stream", keep(|| Response::stream("text/plain"))).at("/events", keep(events))
}

fn opened(target: &str) -> (Driven, Sender) {
    let mut it = Driven::new();
    it.receives(get(target));
    let sender = it.sender();
    assert!(text(&it.client.sent()).ends_with("\r\n\r\n"), "the head does not wait for a body");
    it.looked_at = it.client.sent().len();
    it.sleeps(ExchangeState::Waiting(Awaited::Production));
    (it, sender)
}

impl Driven {
    /// The sender of the response that was asked for last.
    pub(super) fn sender(&self) -> Sender {
        self.folder.senders.lock().expect("nobody panics").pop().expect("it was opened")
    }

    /// The client gets exactly this.
    #[track_caller]
    fn gets(&mut self, bytes: &str) {
        assert_eq!(text(&self.client.sent()[self.looked_at..]), bytes);
        self.looked_at = self.client.sent().len();
    }
}

#[test]
fn each_message_is_a_chunk_in_one_write() {
    let (mut it, sender) = opened("/stream");
    for _ in 0..3 {
        let before = it.calls();
        sender.send("hello").expect("the client reads");
        it.sends_nothing();
        it.works();
        it.gets("5\r\nhello\r\n");
        assert_eq!(it.calls().writes, before.writes + 1);
        assert_eq!(it.calls().reads, before.reads);
        it.sleeps(ExchangeState::Waiting(Awaited::Production));
    }
    sender.send("what ").expect("the client reads");
    sender.send("piles up").expect("the client reads");
    it.works();
    it.gets("d\r\nwhat piles up\r\n");
    sender.finish();
    it.works();
    it.gets("0\r\n\r\n");
    it.is_kept();
}

#[test]
fn a_response_that_waits_is_not_bounded_in_time() {
    let (mut it, sender) = opened("/stream");
    for _ in 0..10 {
        it.advances(Duration::from_secs(3600));
        it.sleeps(ExchangeState::Waiting(Awaited::Production));
    }
    sender.send("still here").expect("the client reads");
    it.works();
    it.gets("a\r\nstill here\r\n");
}

#[test]
fn a_quiet_stream_of_events_gets_a_comment_each_15_seconds() {
    let (mut it, sender) = opened("/events");
    assert_eq!(it.patience(), Duration::from_secs(15));
    for _ in 0..3 {
        it.advances(Duration::from_secs(14));
        it.sends_nothing();
        it.advances(Duration::from_secs(1));
        it.works();
        it.gets("3\r\n:\n\n\r\n");
    }
    it.advances(Duration::from_secs(10));
    sender.send("data: x\n\n").expect("the client reads");
    it.works();
    it.gets("9\r\ndata: x\n\n\r\n");
    assert_eq!(it.patience(), Duration::from_secs(15), "an event is as good as a comment");
}

#[test]
fn a_client_that_reads_nothing_of_a_stream_is_given_up() {
    let (mut it, sender) = opened("/events");
    it.will_take(0);
    sender.send("data: x\n\n").expect("there is room");
    it.works();
    it.sleeps(ExchangeState::Sending);
    it.advances(Limits::default().send_timeout);
    it.is_broken_off();
    it.connection.abandon(&mut it.cx);
    drop(it);
    assert!(sender.is_gone());
}

#[test]
fn a_client_that_closes_its_side_gets_a_comment_once_to_see_whether_it_has_gone() {
    let (mut it, sender) = opened("/events");
    it.receives_fin();
    it.gets("3\r\n:\n\n\r\n");
    it.notes(Edge { read_closed: true, readable: true, ..Edge::default() });
    it.sends_nothing();
    sender.send("data: x\n\n").expect("the client reads");
    it.works();
    it.gets("9\r\ndata: x\n\n\r\n");
    it.receives_reset();
    assert_eq!(it.verdict, Verdict::Close);
}

#[test]
fn a_client_that_closes_its_side_of_another_stream_has_its_time_for_each_piece() {
    let (mut it, sender) = opened("/stream");
    it.receives_fin();
    it.sends_nothing();
    let timeout = Limits::default().answer_timeout;
    assert_eq!(it.patience(), timeout);
    it.advances(timeout - Duration::from_secs(1));
    sender.send("x").expect("the client reads");
    it.works();
    it.gets("1\r\nx\r\n");
    assert_eq!(it.patience(), timeout);
    it.advances(timeout);
    it.is_broken_off();
}

#[test]
fn requests_behind_a_stream_wait_for_its_end() {
    let mut it = Driven::new();
    it.receives(get("/stream") + &get("/hello"));
    let sender = it.sender();
    it.receives(get("/hello"));
    sender.send("x").expect("the client reads");
    it.works();
    sender.finish();
    it.works();
    assert_eq!(text(&it.sends(200).body), "1\r\nx\r\n0\r\n\r\n");
    it.sends(200).is("hello\n");
    it.sends(200).is("hello\n");
    it.is_kept();
}

#[test]
fn an_abort_does_not_wait_for_a_client_that_reads_nothing() {
    let (mut it, sender) = opened("/stream");
    it.will_take(3);
    sender.send("hello").expect("there is room");
    it.works();
    it.sleeps(ExchangeState::Sending);
    sender.abort();
    it.works();
    it.is_broken_off();
}

#[test]
fn a_stop_ends_events_and_lets_other_streams_end() {
    let (mut it, sender) = opened("/events");
    it.is_stopped();
    it.works();
    it.gets("0\r\n\r\n");
    it.is_gone();
    assert!(sender.is_gone());

    let (mut it, sender) = opened("/stream");
    it.is_stopped();
    it.works();
    it.sleeps(ExchangeState::Waiting(Awaited::Production));
    sender.send("the rest").expect("the client reads");
    sender.finish();
    it.works();
    it.gets("8\r\nthe rest\r\n0\r\n\r\n");
    it.is_gone();

    let mut it = Driven::new();
    it.receives("GET /ev");
    it.is_stopped();
    it.receives(&get("/events")["GET /ev".len()..]);
    assert!(text(&it.client.sent()).ends_with("\r\n\r\n0\r\n\r\n"), "{}", text(&it.client.sent()));
    it.looked_at = it.client.sent().len();
    it.is_gone();
}

#[test]
fn a_short_write_of_every_length_gives_the_same_bytes() {
    let outcome = |taken: usize| {
        let (mut it, sender) = opened("/stream");
        it.will_take(taken);
        for word in ["one", "two", "three"] {
            sender.send(word).expect("there is room");
            it.works();
        }
        sender.finish();
        it.works();
        it.takes(usize::MAX);
        it.works();
        it.data_of_chunks_since(it.looked_at)
    };
    let expected = "onetwothree";
    for taken in 0..40 {
        assert_eq!(outcome(taken), expected, "taken {taken}");
    }
}

impl Driven {
    /// The data of the chunks since then, of which the last is empty.
    fn data_of_chunks_since(&self, start: usize) -> String {
        let sent = text(&self.client.sent()[start..]);
        let mut rest = &sent[..];
        let mut data = String::new();
        loop {
            let (length, after) = rest.split_once("\r\n").expect("a chunk has a head");
            let length = usize::from_str_radix(length, 16).expect("it is a length");
            data += &after[..length];
            rest = after[length..].strip_prefix("\r\n").expect("a chunk has an end");
            if length == 0 {
                assert_eq!(rest, "");
                return data;
            }
        }
    }
}

#[test]
fn a_full_stream_says_so_until_its_client_reads() {
    let (mut it, sender) = opened("/stream");
    let sender = sender.buffer_bytes_max(10);
    it.will_take(0);
    sender.try_send("0123456789").expect("there is room");
    it.works();
    // The worker has these now, and the next ones wait.
    sender.try_send("0123456789").expect("there is room");
    assert_eq!(sender.try_send("x"), Err(TrySendError::Full));
    it.takes(usize::MAX);
    it.works();
    sender.try_send("x").expect("there is room again");
    it.works();
    it.gets("a\r\n0123456789\r\na\r\n0123456789\r\n1\r\nx\r\n");
}
