//! How long each state waits, and what becomes of the client then.

use super::*;

const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn a_client_that_sends_nothing_is_closed_without_a_response() {
    let mut it = Driven::new();
    it.receives("");
    it.advances(Limits::default().head_timeout - MOMENT);
    it.sleeps(Phase::Idle);
    it.advances(MOMENT);
    it.is_gone();
}

#[test]
fn a_client_that_stops_mid_head_is_answered_408_and_closed() {
    let mut it = Driven::new();
    it.receives("GET / HTTP/1.1\r\nHo");
    it.advances(Limits::default().head_timeout - MOMENT);
    it.sleeps(ExchangeState::Head);
    it.advances(MOMENT);
    assert_eq!(it.sends(408).header("Connection"), Some("close"));
    it.is_closed();
}

#[test]
fn bytes_that_trickle_in_do_not_prolong_a_head() {
    let mut it = Driven::new();
    let head_timeout = Limits::default().head_timeout;
    it.receives("GET /");
    let mut waited = Duration::ZERO;
    while waited < head_timeout {
        it.sends_nothing();
        it.receives("x");
        it.advances(Duration::from_secs(1));
        waited += Duration::from_secs(1);
    }
    it.sends(408);
    it.is_closed();
}

#[test]
fn a_kept_connection_is_closed_silently_after_its_time() {
    let mut it = Driven::new();
    for _ in 0..3 {
        it.receives(get("/hello"));
        it.sends(200);
        it.is_kept();
        assert_eq!(it.patience(), Limits::default().keepalive_timeout);
        it.advances(Limits::default().keepalive_timeout - MOMENT);
        it.is_kept();
    }
    it.advances(MOMENT);
    it.is_gone();
}

#[test]
fn the_time_of_a_head_begins_with_its_first_byte() {
    let mut it = Driven::new();
    it.receives(get("/hello"));
    it.sends(200);
    it.advances(Duration::from_secs(60));
    it.receives("GET / HT");
    it.sleeps(ExchangeState::Head);
    assert_eq!(it.patience(), Limits::default().head_timeout);
}

#[test]
fn a_body_that_does_not_come_is_answered_408() {
    let mut it = Driven::new();
    it.receives(request("POST", "/hello", "Content-Length: 5\r\n") + "12");
    it.advances(Limits::default().body_timeout - MOMENT);
    it.sleeps(ExchangeState::Body);
    it.advances(MOMENT);
    it.sends(408);
    it.is_closed();
    it.sleeps(Phase::Lingering);
}

#[test]
fn a_408_waits_for_the_responses_before_it() {
    let mut it = Driven::new();
    it.will_take(10);
    it.receives(get("/hello") + &request("POST", "/hello", "Content-Length: 5\r\n") + "12");
    it.sleeps(ExchangeState::Body);
    it.advances(Limits::default().body_timeout);
    it.sleeps(ExchangeState::Sending);
    it.takes(usize::MAX);
    it.sends(200);
    it.sends(408);
    it.is_closed();
}

#[test]
fn a_client_that_takes_nothing_is_broken_off() {
    for target in ["/hello", "/long", "/middle.txt", "/large.bin"] {
        let mut it = Driven::new();
        it.will_take(100);
        it.receives(get(target));
        it.sleeps(ExchangeState::Sending);
        it.advances(Limits::default().send_timeout - MOMENT);
        it.sleeps(ExchangeState::Sending);
        it.advances(MOMENT);
        it.is_broken_off();
    }
}

#[test]
fn a_client_that_takes_a_little_is_given_more_time() {
    for target in ["/long", "/middle.txt", "/large.bin"] {
        let mut it = Driven::new();
        it.will_take(0);
        it.receives(get(target));
        while it.connection.is_sending() {
            it.advances(Limits::default().send_timeout - MOMENT);
            it.takes(500);
        }
        it.sends(200);
        it.is_kept();
    }
}

#[test]
fn an_edge_without_room_gives_no_time() {
    let mut it = Driven::new();
    it.will_take(100);
    it.receives(get("/large.bin"));
    it.advances(Duration::from_secs(20));
    it.takes(0);
    assert_eq!(it.patience(), Limits::default().send_timeout - Duration::from_secs(20));
}

#[test]
fn the_next_part_is_progress_even_if_as_much_is_left_of_it() {
    let mut it = Driven::new();
    it.will_take(0);
    it.receives(request("GET", "/large.bin", "Range: bytes=1000-4999,5000-8999\r\n"));
    // So far that the first part has 1,000 bytes left, and then so far that the second has.
    let sent = "5000-8999/12500\r\n\r\n";
    it.takes(1);
    while !text(&it.client.sent()).contains("Content-Range: bytes 1000-4999/12500\r\n\r\n") {
        it.takes(1);
    }
    it.takes(3_000);
    it.advances(Duration::from_secs(20));
    let preamble = it.multipart_preamble_bytes();
    it.takes(1_000 + preamble + 3_000);
    assert!(text(&it.client.sent()).contains(sent));
    assert_eq!(it.patience(), Limits::default().send_timeout);
}

#[test]
fn half_a_head_does_not_shorten_the_time_to_read_the_responses_before_it() {
    for taken in [0, 10] {
        let mut it = Driven::new();
        it.will_take(taken);
        it.receives(get("/hello") + "GET /sm");
        it.sleeps(ExchangeState::Sending);
        assert_eq!(it.patience(), Limits::default().send_timeout);
    }
}

#[test]
fn the_responses_before_it_do_not_lengthen_the_time_of_half_a_head() {
    let mut it = Driven::new();
    it.will_take(10);
    it.receives(get("/hello") + "GET /sm");
    it.advances(Duration::from_secs(1));
    it.takes(usize::MAX);
    it.sends(200);
    it.sleeps(ExchangeState::Head);
    assert_eq!(it.patience(), Limits::default().head_timeout);
}

#[test]
fn a_disk_that_does_not_answer_is_503() {
    let mut it = Driven::threaded(Limits::default());
    it.receives(get("/cold"));
    it.sleeps(ExchangeState::Waiting(Awaited::Lookup));
    it.advances(Limits::default().send_timeout);
    assert_eq!(it.sends(503).header("Connection"), Some("close"));
    it.is_closed();
    it.is_prefetched();
    it.is_closed();
}

#[test]
fn a_silent_client_is_lingered_for_a_short_while() {
    let mut it = Driven::new();
    it.receives("nonsense\r\n");
    it.sends(400);
    it.advances(Limits::default().lingering_timeout - MOMENT);
    it.sleeps(Phase::Lingering);
    it.advances(MOMENT);
    it.is_gone();
}

#[test]
fn a_client_that_talks_on_is_lingered_for_so_long_in_all() {
    let mut it = Driven::new();
    it.receives("nonsense\r\n");
    it.sends(400);
    let mut waited = Duration::ZERO;
    while it.verdict != Verdict::Close {
        it.receives("more");
        it.advances(Duration::from_secs(1));
        waited += Duration::from_secs(1);
        assert!(waited <= Limits::default().lingering_time);
    }
    assert_eq!(waited, Limits::default().lingering_time);
    it.is_gone();
}

#[test]
fn a_hurried_connection_gives_up_sooner() {
    let mut it = Driven::new();
    it.receives("");
    let soon = it.cx.clock.monotonic() + Duration::from_millis(500);
    it.connection.hurry(soon);
    it.advances(Duration::from_millis(500));
    it.is_gone();
}
