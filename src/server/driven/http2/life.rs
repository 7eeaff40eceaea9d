//! Time limits, and how connections end.

use super::*;
use crate::http::h2::settings::identifier;

#[test]
fn an_idle_connection_says_goodbye() {
    let mut it = Speaker::new();
    it.goes_on(1);
    it.it.sleeps(Phase::Idle);
    it.it.advances(Limits::default().keepalive_timeout - Duration::from_secs(1));
    it.goes_on(3);
    it.it.advances(Limits::default().keepalive_timeout - Duration::from_secs(1));
    assert_eq!(it.it.client.end(), StreamEnd::Open);
    it.it.advances(Duration::from_secs(1));
    it.ends_with(ErrorCode::NoError);
    assert_eq!(it.goaways, [(3, 0)]);
}

#[test]
fn a_connection_is_idle_from_when_its_last_response_has_left() {
    let mut it = Speaker::new();
    it.it.will_take(20);
    it.gets(1, "/hello");
    it.it.advances(Limits::default().send_timeout - Duration::from_secs(1));
    it.it.takes(20);
    it.it.advances(Limits::default().send_timeout - Duration::from_secs(1));
    it.it.takes(usize::MAX);
    it.reply(1, 200);
    it.it.advances(Limits::default().keepalive_timeout - Duration::from_secs(1));
    it.goes_on(3);
}

#[test]
fn a_ping_is_answered_with_its_data() {
    let mut it = Speaker::new();
    it.sends(&frame(kind::PING, 0, 0, b"12345678"));
    let answer = frame(kind::PING, flag::ACK, 0, b"12345678");
    assert!(it.it.client.sent().ends_with(&answer));
    it.it.sleeps(Phase::Idle);
}

#[test]
fn a_client_that_never_acknowledges_our_settings_is_told_so() {
    let mut it = Speaker::silent(Driven::new());
    it.sends(&greeting());
    it.goes_on(1);
    it.it.advances(Limits::default().head_timeout);
    it.ends_with(ErrorCode::SettingsTimeout);
}

#[test]
fn a_preface_and_a_block_have_to_come_in_time() {
    let mut it = Speaker::silent(Driven::new());
    it.sends(&PREFACE[..20]);
    it.it.advances(Limits::default().head_timeout);
    it.ends_with(ErrorCode::Protocol);
    let mut it = Speaker::new();
    it.sends(&frame(kind::HEADERS, 0, 1, b""));
    it.it.advances(Limits::default().head_timeout / 2);
    it.sends(&frame(kind::CONTINUATION, 0, 1, b""));
    it.it.advances(Limits::default().head_timeout / 2);
    it.ends_with(ErrorCode::Protocol);
}

#[test]
fn a_body_that_does_not_come_is_answered_with_408() {
    let mut it = Speaker::new();
    let request = it.request(1, "POST", "/mirror", &[("content-length", "10")], false);
    it.sends(&request);
    it.sends(&data(1, b"abc", false));
    it.it.advances(Limits::default().body_timeout + Duration::from_secs(1));
    it.reply(1, 408);
    it.it.advances(A_MOMENT);
    it.is_reset(1, ErrorCode::NoError);
    it.goes_on(3);
}

#[test]
fn a_response_whose_client_makes_no_room_is_broken_off() {
    let mut it = Speaker::new();
    it.makes_room = false;
    it.it.folder.write("huge.bin", &digits(200_000));
    it.gets(1, "/huge.bin");
    it.it.advances(Limits::default().send_timeout);
    it.is_reset(1, ErrorCode::Cancel);
    it.sends(&window_update(0, 1 << 20));
    it.goes_on(3);
    it.it.will_take(0);
    it.gets(5, "/hello");
    it.it.advances(Limits::default().send_timeout);
    it.it.is_broken_off();
}

/// Something else that the client takes does not prolong the time of a response that it makes no room for.
#[test]
fn pings_do_not_hold_responses() {
    let mut it = Speaker::new();
    it.makes_room = false;
    it.it.folder.write("huge.bin", &digits(200_000));
    let mut settings = Vec::new();
    write::settings(&mut settings, &[(identifier::INITIAL_WINDOW_SIZE, 0)]);
    it.sends(&settings);
    it.gets(1, "/huge.bin");
    it.gets(3, "/huge.bin");
    // This one takes a byte.
    it.sends(&window_update(3, 1));
    let timeout = Limits::default().send_timeout;
    for _ in 0..2 {
        it.it.advances(timeout / 2);
        it.sends(&frame(kind::PING, 0, 0, b"12345678"));
        it.sends(&window_update(3, 1));
    }
    it.is_reset(1, ErrorCode::Cancel);
    assert_eq!(it.replies[&3].reset, None);
    it.it.advances(timeout);
    it.is_reset(3, ErrorCode::Cancel);
}

#[test]
fn a_handler_that_takes_too_long_is_answered_with_503() {
    let mut it = Speaker::threaded();
    let request = it.request(1, "POST", "/offload", &[], false);
    it.sends(&request);
    it.sends(&data(1, b"slow", true));
    it.it.advances(Limits::default().answer_timeout);
    it.reply(1, 503);
    it.goes_on(3);
}

#[test]
fn a_stop_is_announced_and_streams_that_are_open_end_as_they_would() {
    let mut it = Speaker::new();
    it.makes_room = false;
    it.it.folder.write("huge.bin", &digits(200_000));
    it.gets(1, "/huge.bin");
    it.it.is_stopped();
    it.reads();
    assert_eq!(it.goaways, [(u32::MAX >> 1, 0)]);
    it.gets(3, "/hello");
    assert_eq!(it.replies.len(), 1);
    it.sends(&frame(kind::PING, flag::ACK, 0, b"stopping"));
    it.reads();
    assert_eq!(it.goaways[1..], [(3, 0)]);
    assert!(it.replies.contains_key(&3), "it was sent before the client knew");
    it.gets(5, "/hello");
    it.makes_room = true;
    it.sends(&[window_update(0, 1 << 20), window_update(1, 1 << 20)].concat());
    assert!(it.reply(1, 200).body == digits(200_000).as_bytes());
    assert!(!it.replies.contains_key(&5), "it was sent after that");
    it.ends_with(ErrorCode::NoError);
}

/// RFC 9113 §6.8: what the client has sent before it knew may be discarded, and disturbs nobody.
#[test]
fn frames_of_requests_behind_the_end_are_passed_over() {
    let mut it = Speaker::new();
    it.makes_room = false;
    it.it.folder.write("huge.bin", &digits(200_000));
    it.gets(1, "/huge.bin");
    it.it.is_stopped();
    it.sends(&frame(kind::PING, flag::ACK, 0, b"stopping"));
    it.reads();
    assert_eq!(it.goaways[1..], [(1, 0)]);
    let request = it.request(3, "POST", "/mirror", &[("x-new", "new")], false);
    it.sends(&request);
    // Of a large body: the window of the connection is for all.
    for _ in 0..100 {
        it.sends(&data(3, &[b'x'; 16_384], false));
    }
    let trailers = it.block(3, &[("x-sum", "1")], true);
    it.sends(&trailers);
    let request = it.request(5, "POST", "/mirror", &[("x-new", "new")], false);
    it.sends(&request);
    it.sends(&[window_update(5, 100), frame(kind::RST_STREAM, 0, 5, b"\0\0\0\x08")].concat());
    it.sends(&frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x05u=1"));
    it.makes_room = true;
    it.sends(&[window_update(0, 1 << 20), window_update(1, 1 << 20)].concat());
    assert!(it.reply(1, 200).body == digits(200_000).as_bytes());
    assert!(!it.replies.contains_key(&3) && !it.replies.contains_key(&5), "{:?}", it.goaways);
    it.ends_with(ErrorCode::NoError);
}

#[test]
fn a_stop_does_not_wait_for_a_silent_client() {
    let mut it = Speaker::new();
    it.goes_on(1);
    it.it.is_stopped();
    assert_eq!(it.it.client.end(), StreamEnd::Open);
    it.it.advances(Duration::from_secs(1));
    it.reads();
    assert_eq!(it.goaways, [(u32::MAX >> 1, 0), (1, 0)]);
    it.ends_with(ErrorCode::NoError);
}

#[test]
fn a_client_that_closes_its_side_gets_what_it_has_asked_for() {
    let mut it = Speaker::new();
    it.gets(1, "/large.bin");
    it.it.receives_fin();
    it.makes_room = false;
    assert!(it.reply(1, 200).body == digits(LARGE_BYTES).as_bytes());
    assert_eq!(it.it.verdict, Verdict::Close);
    let mut it = Speaker::threaded();
    let request = it.request(1, "POST", "/offload", &[], false);
    it.sends(&request);
    it.sends(&data(1, b"slow", true));
    let request = it.request(3, "POST", "/offload", &[], false);
    it.sends(&request);
    it.it.receives_fin();
    it.makes_room = false;
    it.it.works();
    assert_eq!(it.reply(1, 200).body, b"slow");
    it.is_reset(3, ErrorCode::Internal);
    assert_eq!(it.it.verdict, Verdict::Close);
}

#[test]
fn a_client_that_is_gone_leaves_nothing() {
    let mut it = Speaker::threaded();
    for stream in [1, 3] {
        let request = it.request(stream, "POST", "/offload", &[], false);
        it.sends(&request);
        it.sends(&data(stream, &[b'x'; 16_384], false));
    }
    it.it.receives_reset();
    assert_eq!(it.it.verdict, Verdict::Close);
    it.it.connection.abandon(&mut it.it.cx);
    it.it.works();
}
