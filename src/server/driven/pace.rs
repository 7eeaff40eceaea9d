//! Responses that keep to a pace, by a clock that the test moves.

use super::*;
use crate::site::rules::Rules;
use crate::site::{Location, PaceRule};
use std::num::NonZeroU64;
use std::rc::Rc;

/// The sample site where every response has this pace.
fn paced(bytes_per_second: u64, after_bytes: u64) -> Driven {
    let mut it = Driven::new();
    let bytes_per_second = NonZeroU64::new(bytes_per_second).expect("it is not 0");
    let mut rules = Rules::default();
    rules.rates.pace = Some(PaceRule { bytes_per_second, after_bytes });
    let rules = Arc::new(rules);
    let locations = ["/", "/hello", "/long", "/stream", "/shout"];
    let site = locations.into_iter().fold(sample::site(&it.folder), |site, path| {
        site.with_rules(Some(Location::prefix(path)), Arc::clone(&rules))
    });
    it.cx.setup = Rc::new(Setup::new(Arc::new(site), Limits::default()));
    it
}

/// How much of the body of the response at hand has been sent.
fn body_bytes(it: &Driven) -> usize {
    let sent = &it.client.sent()[it.looked_at..];
    let head = text(sent).find("\r\n\r\n").expect("the head does not wait");
    sent.len() - head - 4
}

/// What is in chunks.
fn of_chunks(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = chunks.iter().position(|&byte| byte == b'\r').expect("a size ends");
        let size = text(&chunks[..end]);
        let size = usize::from_str_radix(&size, 16).expect("a size is a number");
        if size == 0 {
            return body;
        }
        let data = &chunks[end + 2..];
        body.extend_from_slice(&data[..size]);
        assert_eq!(&data[size..size + 2], b"\r\n");
        chunks = &data[size + 2..];
    }
}

const PIECE: Duration = Duration::from_millis(100);

#[test]
fn a_tenth_of_a_second_is_sent_ten_times_a_second() {
    // From a descriptor, from the cache, from a handler.
    for (target, length) in
        [("/large.bin", LARGE_BYTES), ("/middle.txt", MIDDLE_BYTES), ("/long", LONG_BYTES)]
    {
        let mut it = paced(10_000, 0);
        it.receives(get(target));
        for sent in (1_000..length).step_by(1_000) {
            assert_eq!(body_bytes(&it), sent, "{target}");
            it.sleeps(ExchangeState::Waiting(Awaited::Pace));
            it.advances(PIECE - Duration::from_millis(1));
            assert_eq!(body_bytes(&it), sent, "{target}");
            it.advances(Duration::from_millis(1));
        }
        if length % 1_000 == 0 {
            it.advances(PIECE);
        }
        it.sends(200).is(&digits(length));
        it.is_kept();
    }
}

#[test]
fn late_timers_slow_nothing_down() {
    let mut it = paced(10_000, 0);
    it.receives(get("/large.bin"));
    it.advances(PIECE * 5);
    assert_eq!(body_bytes(&it), 6_000);
    it.advances(Duration::from_millis(164));
    assert_eq!(body_bytes(&it), 7_640);
}

#[test]
fn the_first_bytes_leave_as_fast_as_they_can() {
    let mut it = paced(10_000, 4_000);
    it.receives(get("/large.bin"));
    assert_eq!(body_bytes(&it), 5_000);
    it.advances(PIECE);
    assert_eq!(body_bytes(&it), 6_000);
    let mut it = paced(10_000, 1_000_000);
    it.receives(get("/large.bin"));
    it.sends(200).is(&digits(LARGE_BYTES));
}

#[test]
fn every_response_has_its_own_pace_and_short_ones_leave_at_once() {
    let mut it = paced(40_000, 0);
    it.receives(get("/hello") + &get("/long") + &get("/long") + &get("/hello"));
    it.sends(200).is("hello\n");
    for _ in 0..2 {
        assert_eq!(body_bytes(&it), 4_000);
        it.advances(PIECE);
        it.sends(200).is(&digits(LONG_BYTES));
    }
    it.sends(200).is("hello\n");
    it.is_kept();
}

#[test]
fn a_slow_client_and_a_slow_pace_lose_no_byte_of_a_chunk() {
    for room in [1, 2, 7, 100, 999, 1_000, 1_001, 1_007] {
        let mut it = paced(10_000, 0);
        it.receives(get("/stream"));
        let sender = it.folder.senders.lock().expect("nobody panics").pop().expect("it is open");
        let sent = digits(5_000);
        sender.try_send(sent.clone()).expect("there is room");
        drop(sender);
        it.client.stutter();
        it.will_take(room);
        it.works();
        for _ in 0..20_000 {
            if it.verdict == Verdict::Sleep && it.connection.phase() == Phase::Idle {
                break;
            }
            it.advances(Duration::from_millis(10));
            it.takes(room);
        }
        let reply = it.sends(200);
        assert!(of_chunks(&reply.body) == sent.as_bytes(), "another body with room for {room}");
        it.is_kept();
    }
}

#[test]
fn several_ranges_keep_to_the_pace_and_are_whole() {
    let ranges = request("GET", "/large.bin", "Range: bytes=0-4999,6000-6009,7000-11999\r\n");
    let mut it = paced(10_000, 0);
    it.receives(ranges);
    for _ in 0..5 {
        assert!(body_bytes(&it) <= 1_000);
        it.advances(Duration::from_millis(1));
    }
    it.advances(Duration::from_millis(95));
    assert!((1_001..=2_000).contains(&body_bytes(&it)), "{}", body_bytes(&it));
    for _ in 0..10 {
        it.advances(PIECE);
    }
    let body = text(&it.sends(206).body);
    for part in [&digits(5_000), "0123456789", &digits(5_000)] {
        assert!(body.contains(&format!("\r\n\r\n{part}\r\n--")), "a part is missing");
    }
    it.is_kept();
}

#[test]
fn a_client_that_takes_nothing_of_a_slow_response_is_given_up() {
    let mut it = paced(10_000, 0);
    it.will_take(300);
    it.receives(get("/large.bin"));
    it.sleeps(ExchangeState::Sending);
    it.advances(Limits::default().send_timeout);
    it.is_broken_off();
}

#[test]
fn a_client_that_goes_away_between_two_pieces_is_gone() {
    let mut it = paced(10_000, 0);
    it.receives(get("/large.bin"));
    it.sleeps(ExchangeState::Waiting(Awaited::Pace));
    it.receives_reset();
    assert_eq!(it.verdict, Verdict::Close);
}
