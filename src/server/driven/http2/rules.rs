//! What RFC 9113 demands of a server, frame by frame, where no other test is about it.

use super::*;
use crate::http::h2::settings::identifier;

/// The frames that the server has sent so far: type, flags, stream, payload.
fn frames(it: &Speaker) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let sent = it.it.client.sent();
    let mut rest = &sent[..];
    let mut frames = Vec::new();
    while let Some(([l0, l1, l2, kind, flags, s0, s1, s2, s3], behind)) =
        rest.split_first_chunk::<HEAD_BYTES>()
    {
        let length = u32::from_be_bytes([0, *l0, *l1, *l2]) as usize;
        let (payload, behind) = behind.split_at(length);
        let stream = u32::from_be_bytes([*s0, *s1, *s2, *s3]);
        frames.push((*kind, *flags, stream, payload.to_vec()));
        rest = behind;
    }
    frames
}

/// §3.4, §6.5.2: SETTINGS come first, each within its bounds, and nothing is said of pushing.
#[test]
fn the_settings_of_the_server_come_first_and_are_what_a_server_may_say() {
    let mut it = Speaker::silent(Driven::new());
    it.sends(&greeting());
    let (kind, flags, stream, payload) = frames(&it).swap_remove(0);
    assert_eq!((kind, flags, stream), (kind::SETTINGS, 0, 0));
    let mut settings = crate::http::h2::settings::PeerSettings::default();
    settings.apply(&payload).expect("they are within their bounds");
    let identifiers: Vec<u16> =
        payload.chunks(6).map(|setting| u16::from_be_bytes([setting[0], setting[1]])).collect();
    assert!(!identifiers.contains(&identifier::ENABLE_PUSH), "{identifiers:?}");
    assert!(identifiers.contains(&identifier::MAX_CONCURRENT_STREAMS), "{identifiers:?}");
}

/// §4.2: frames are no longer than the client takes, however long it takes them.
#[test]
fn no_frame_is_longer_than_its_client_takes() {
    for payload_bytes_max in [16_384, 100_000, (1 << 24) - 1] {
        let mut it = Speaker::new();
        it.it.folder.write("huge.bin", &digits(300_000));
        let mut settings = Vec::new();
        let values = [(identifier::MAX_FRAME_SIZE, payload_bytes_max), (4, 1 << 20)];
        write::settings(&mut settings, &values);
        it.sends(&[settings, window_update(0, 1 << 20)].concat());
        it.gets(1, "/huge.bin");
        let mut frames = frames(&it);
        let longest = frames.iter().map(|(.., payload)| payload.len()).max();
        assert!(longest.is_some_and(|it| it <= payload_bytes_max as usize), "{longest:?}");
        frames.retain(|(kind, ..)| *kind == kind::DATA);
        let body = frames.iter().flat_map(|(.., payload)| payload.iter().copied());
        assert!(body.eq(digits(300_000).bytes()), "of {payload_bytes_max}");
    }
}

/// §5.1: half-closed (remote).
#[test]
fn fields_behind_the_end_of_a_request_end_its_stream() {
    let mut it = Speaker::threaded();
    let request = it.request(1, "POST", "/offload", &[], false);
    it.sends(&[request, data(1, b"x", true)].concat());
    let trailers = it.block(1, &[("x-sum", "1")], true);
    it.sends(&trailers);
    it.is_reset(1, ErrorCode::StreamClosed);
    it.goes_on(3);
}

/// §5.4.2.
#[test]
fn a_reset_is_not_answered_with_a_reset() {
    let mut it = Speaker::threaded();
    let request = it.request(1, "POST", "/offload", &[], false);
    let reset = frame(kind::RST_STREAM, 0, 1, b"\0\0\0\x08");
    it.sends(&[request, reset.clone(), reset].concat());
    it.goes_on(3);
    assert!(!frames(&it).iter().any(|(kind, ..)| *kind == kind::RST_STREAM));
}

/// §7: codes are for people, and unknown ones mean nothing special.
#[test]
fn codes_that_nobody_knows_mean_nothing_special() {
    let mut it = Speaker::threaded();
    let request = it.request(1, "POST", "/offload", &[], false);
    it.sends(&[request, frame(kind::RST_STREAM, 0, 1, b"\xff\xff\xff\xff")].concat());
    it.goes_on(3);
    // A client that will push nothing more can still ask.
    it.sends(&frame(kind::GOAWAY, 0, 0, b"\0\0\0\0\xde\xad\xbe\xefsomething"));
    it.goes_on(5);
}

/// §6.5.3, §6.7.
#[test]
fn what_answers_is_not_answered() {
    let mut it = Speaker::new();
    it.goes_on(1);
    let before = frames(&it).len();
    it.sends(&frame(kind::PING, flag::ACK, 0, b"12345678"));
    it.sends(&acknowledgement());
    assert_eq!(frames(&it).len(), before);
    it.goes_on(3);
}

/// §6.8: a server that has said how far it goes never says more.
#[test]
fn the_last_stream_of_a_goaway_never_grows() {
    let mut it = Speaker::new();
    it.goes_on(1);
    it.it.is_stopped();
    it.gets(3, "/hello");
    it.sends(&frame(kind::PING, flag::ACK, 0, b"stopping"));
    it.reads();
    it.sends(&data(2, b"x", false));
    it.reads();
    let last: Vec<u32> = it.goaways.iter().map(|(last, _)| *last).collect();
    assert!(last.len() >= 2 && last.is_sorted_by(|a, b| a >= b), "{last:?}");
}

/// §6.9.2.
#[test]
fn a_setting_leaves_the_window_of_the_connection_as_it_is() {
    let mut it = Speaker::new();
    it.makes_room = false;
    it.it.folder.write("huge.bin", &digits(200_000));
    let mut settings = Vec::new();
    write::settings(&mut settings, &[(4, 1 << 20)]);
    it.sends(&settings);
    it.gets(1, "/huge.bin");
    it.reads();
    assert_eq!(it.replies[&1].body.len(), 65_535);
}

/// §6.9: only data is held back by windows.
#[test]
fn heads_need_no_room() {
    let mut it = Speaker::new();
    it.makes_room = false;
    let mut settings = Vec::new();
    write::settings(&mut settings, &[(4, 0)]);
    it.sends(&settings);
    for stream in [1, 3, 5] {
        it.gets(stream, "/small.txt");
        it.reads();
        assert_eq!(it.replies[&stream].status(), 200);
        assert!(!it.replies[&stream].has_ended);
    }
    it.sends(&frame(kind::PING, 0, 0, b"12345678"));
    it.reads();
    assert!(it.others.contains(&kind::PING));
}

/// §6.9.1: data of streams that are gone counts for the connection all the same.
#[test]
fn data_that_nobody_wants_is_given_back_to_the_connection() {
    let mut it = Speaker::new();
    it.goes_on(1);
    let request = it.request(3, "POST", "/mirror", &[], false);
    it.sends(&[request, frame(kind::RST_STREAM, 0, 3, b"\0\0\0\x08")].concat());
    let before = it.it.connection.audit().expect("it speaks HTTP/2").window_left;
    let mut sent = 0;
    while sent < 20_000_000 {
        it.sends(&data(3, &[b'x'; 16_000], false));
        sent += 16_000;
        // There is credit for a client that goes on for so long.
        if sent % 1_600_000 == 0 {
            it.it.advances(Duration::from_secs(2));
        }
    }
    it.reads();
    assert_eq!(it.goaways, []);
    let after = it.it.connection.audit().expect("it speaks HTTP/2").window_left;
    assert!(after > before / 2, "{before} bytes before, {after} after");
}
