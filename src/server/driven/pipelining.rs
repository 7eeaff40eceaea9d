//! Requests sent without waiting for responses (RFC 9112 §9.3.2), and fairness between connections.

use super::*;
use crate::server::share::REQUEST_COST;

#[test]
fn the_responses_of_one_read_leave_in_one_write() {
    let mut it = Driven::new();
    it.receives(get("/hello").repeat(16));
    assert_eq!(it.calls(), KernelCalls { reads: 1, writes: 1 });
    for _ in 0..16 {
        it.sends(200);
    }
    it.is_kept();
}

#[test]
fn responses_come_in_the_order_of_the_requests() {
    let mut it = Driven::new();
    let targets =
        ["/small.txt", "/no-such", "/large.bin", "/hello", "/middle.txt", "/long", "/hello"];
    it.receives(targets.map(get).concat());
    for target in targets {
        let status = if target == "/no-such" { 404 } else { 200 };
        let body = it.sends(status).body;
        match target {
            "/small.txt" => assert_eq!(text(&body), "small\n"),
            "/large.bin" => assert_eq!(text(&body), digits(LARGE_BYTES)),
            "/hello" => assert_eq!(text(&body), "hello\n"),
            "/middle.txt" => assert_eq!(text(&body), digits(MIDDLE_BYTES)),
            "/long" => assert_eq!(text(&body), digits(LONG_BYTES)),
            _ => {}
        }
    }
    it.is_kept();
}

#[test]
fn a_request_behind_a_slow_response_waits_for_it() {
    let mut it = Driven::new();
    it.will_take(5_000);
    it.receives(get("/large.bin"));
    it.sleeps(ExchangeState::Sending);
    it.receives(get("/hello"));
    it.sleeps(ExchangeState::Sending);
    it.takes(usize::MAX);
    it.sends(200).is(&digits(LARGE_BYTES));
    assert_eq!(text(&it.sends(200).body), "hello\n");
    it.is_kept();
}

#[test]
fn good_responses_come_before_a_refusal() {
    let mut it = Driven::new();
    it.receives(get("/hello") + &get("/small.txt") + "nonsense\r\n" + &get("/hello"));
    it.sends(200);
    it.sends(200);
    it.sends(400);
    it.is_closed();
    assert_eq!(it.calls(), KernelCalls { reads: 1, writes: 1 });
}

#[test]
fn earlier_responses_do_not_wait_for_the_rest_of_a_head() {
    let mut it = Driven::new();
    it.receives(get("/hello") + "GET /sm");
    it.sends(200);
    it.sleeps(ExchangeState::Head);
    it.receives("all.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(text(&it.sends(200).body), "small\n");
    it.is_kept();
}

#[test]
fn earlier_responses_do_not_wait_for_a_body() {
    let mut it = Driven::new();
    it.receives(get("/hello") + &request("POST", "/hello", "Content-Length: 3\r\n"));
    it.sends(200);
    it.sleeps(ExchangeState::Body);
    it.receives("abc");
    it.sends(405);
    it.is_kept();
}

#[test]
fn responses_are_gathered_up_to_a_bound() {
    let mut it = Driven::new();
    it.will_take(0);
    it.receives(get("/hello").repeat(2_000));
    it.sleeps(ExchangeState::Sending);
    assert!(it.client.unread_bytes() > 0, "it reads on although its client takes no responses");
    it.takes(usize::MAX);
    for _ in 0..2_000 {
        it.sends(200);
    }
    it.is_kept();
    let calls = it.calls();
    assert!(calls.reads < 20 && calls.writes < 40, "{calls:?}");
}

#[test]
fn a_client_that_never_stops_talking_is_interrupted_for_the_others() {
    let mut it = Driven::new();
    let edge = it.client.send(get("/hello").repeat(4_000).as_bytes());
    it.begins_with(edge);
    assert_eq!(it.verdict, Verdict::Again);
    assert!(it.client.unread_bytes() > 0);
    it.has_its_turn();
    assert_eq!(it.verdict, Verdict::Again);
    it.goes_on();
    for _ in 0..4_000 {
        it.sends(200);
    }
    it.is_kept();
}

#[test]
fn a_turn_of_a_connection_is_counted_in_requests_however_few_reads_brought_them() {
    let mut it = Driven::new();
    let edge = it.client.send(get("/hello").repeat(100).as_bytes());
    it.begins_with(edge);
    assert_eq!((it.verdict, it.calls()), (Verdict::Again, KernelCalls { reads: 1, writes: 0 }));
    assert!(it.work_done < 18 * REQUEST_COST, "{}", it.work_done);
    it.goes_on();
    assert_eq!(
        it.calls(),
        KernelCalls { reads: 1, writes: 1 },
        "its responses are gathered all the same"
    );
    for _ in 0..100 {
        it.sends(200);
    }
    it.is_kept();
}

#[test]
fn large_responses_from_memory_count_for_more_than_small_ones() {
    let mut it = Driven::new();
    let edge = it.client.send(get("/long").repeat(100).as_bytes());
    it.begins_with(edge);
    assert_eq!(it.verdict, Verdict::Again);
    let bytes = it.client.sent().len();
    assert!(bytes < 3 * 128 * 1024, "{bytes} bytes in one turn");
    it.goes_on();
    for _ in 0..100 {
        it.sends(200);
    }
    it.is_kept();
}

#[test]
fn a_large_buffer_is_given_back_after_the_body_that_needed_it() {
    let mut it = Driven::new();
    it.receives(request("POST", "/hello", "Transfer-Encoding: chunked\r\n") + "20000\r\n");
    it.receives(digits(0x20000) + "\r\n0\r\n\r\n");
    it.sends(405);
    let edge = it.client.send(get("/hello").repeat(1000).as_bytes());
    let reads = it.calls().reads;
    it.begins_with(edge);
    let read_bytes = 1000 * get("/hello").len() - it.client.unread_bytes();
    assert_eq!((it.calls().reads - reads, read_bytes), (1, 8 * 1024));
    it.goes_on();
}

#[test]
fn tiny_chunks_are_interrupted_for_the_others_although_one_read_brought_thousands() {
    let mut it = Driven::new();
    it.receives(request("POST", "/hello", "Transfer-Encoding: chunked\r\n"));
    let edge = it.client.send("1\r\na\r\n".repeat(20_000).as_bytes());
    let mut turns = 1;
    it.begins_with(edge);
    while it.verdict == Verdict::Again {
        assert!(it.work_done < 20 * REQUEST_COST, "{}", it.work_done);
        it.has_its_turn();
        turns += 1;
    }
    assert!(turns >= 20, "{turns}");
    it.receives("0\r\n\r\n");
    it.sends(405);
    it.is_kept();
}

#[test]
fn a_body_that_never_ends_is_interrupted_for_the_others() {
    let mut it = Driven::new();
    let head = request("POST", "/hello", "Content-Length: 1000000\r\n");
    let edge = it.client.send((head + &digits(1_000_000)).as_bytes());
    it.begins_with(edge);
    assert_eq!((it.verdict, it.connection.phase()), (Verdict::Again, ExchangeState::Body.into()));
    it.goes_on();
    it.sends(405);
    it.is_kept();
}

#[test]
fn what_lingers_is_interrupted_for_the_others() {
    let mut it = Driven::new();
    let edge = it.client.send(("nonsense\r\n".to_owned() + &digits(1_000_000)).as_bytes());
    it.begins_with(edge);
    assert_eq!((it.verdict, it.connection.phase()), (Verdict::Again, Phase::Lingering));
    it.goes_on();
    it.sends(400);
    it.sleeps(Phase::Lingering);
}

#[test]
fn a_long_download_is_interrupted_for_the_others() {
    let mut it = Driven::new();
    it.send_budget = 1_000;
    let edge = it.client.send(get("/large.bin").as_bytes());
    it.begins_with(edge);
    let mut turns = 1;
    while it.verdict == Verdict::Again {
        it.has_its_turn();
        turns += 1;
    }
    assert_eq!(turns, LARGE_BYTES.div_ceil(1_000), "turns of 1,000 bytes each");
    it.sends(200).is(&digits(LARGE_BYTES));
    it.is_kept();
}
