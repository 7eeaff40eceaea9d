//! Requests and responses, and how their bodies pass through windows.

use super::*;

#[test]
fn a_request_is_answered_as_in_http_1() {
    let mut it = Speaker::new();
    it.gets(1, "/small.txt");
    let reply = it.reply(1, 200);
    assert_eq!((reply.body, reply.heads.len()), (b"small\n".to_vec(), 1));
    it.gets(3, "/nothing");
    assert!(!it.reply(3, 404).body.is_empty());
    let request = it.request(5, "HEAD", "/large.bin", &[], true);
    it.sends(&request);
    let reply = it.reply(5, 200);
    assert_eq!((reply.header("content-length"), reply.body.len()), (Some("12500"), 0));
    let request = it.request(7, "GET", "/large.bin", &[("range", "bytes=-7")], true);
    it.sends(&request);
    assert_eq!(it.reply(7, 206).body, b"3456789");
    it.gets(9, "/empty");
    assert_eq!(it.reply(9, 204).header("content-length"), None);
    it.gets(11, "/long");
    assert!(it.reply(11, 200).body == digits(LONG_BYTES).as_bytes());
    it.it.sleeps(Phase::Idle);
}

#[test]
fn requests_that_come_together_are_answered_together() {
    let mut it = Speaker::new();
    let requests: Vec<u8> = (0..10)
        .flat_map(|number| it.request(number * 2 + 1, "GET", "/small.txt", &[], true))
        .collect();
    let before = it.it.calls().writes;
    it.sends(&requests);
    assert_eq!(it.it.calls().writes, before + 1);
    for number in 0..10 {
        assert_eq!(it.reply(number * 2 + 1, 200).body, b"small\n");
    }
}

/// Several kinds of request, and what came on their streams.
fn conversation(pieces: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> BTreeMap<u32, StreamReply> {
    let mut it = Speaker::silent(Driven::new());
    let mut bytes = greeting();
    bytes.extend(acknowledgement());
    bytes.extend(it.request(1, "GET", "/small.txt", &[], true));
    bytes.extend(it.request(3, "POST", "/mirror", &[("content-length", "5")], false));
    bytes.extend(it.request(5, "GET", "/large.bin", &[], true));
    bytes.extend(data(3, b"ab", false));
    bytes.extend(frame(kind::DATA, flag::PADDED, 3, b"\x02cd\0\0"));
    bytes.extend(frame(0xbe, 0, 3, b"unknown"));
    bytes.extend(data(3, b"e", true));
    bytes.extend(it.request(7, "POST", "/offload", &[], false));
    bytes.extend(data(7, b"off", false));
    bytes.extend(it.block(7, &[("x-trailer", "1")], true));
    bytes.extend(it.request(9, "GET", "/bad%zz", &[], true));
    bytes.extend(it.request(11, "GET", "/", &[("connection", "close")], true));
    bytes.extend(it.request(13, "GET", "/middle.txt", &[], true));
    for piece in pieces(&bytes) {
        it.sends(&piece);
    }
    it.reads();
    assert_eq!(it.goaways, []);
    it.replies.values_mut().flat_map(|reply| &mut reply.heads).for_each(|head| {
        head.retain(|(name, _)| !["date", "etag", "last-modified"].contains(&name.as_str()));
    });
    it.replies
}

#[test]
fn every_split_gives_the_same_responses() {
    let whole = conversation(|bytes| vec![bytes.to_vec()]);
    let body = |stream: u32| text(&whole[&stream].body);
    assert_eq!((body(1), body(3), body(7)), ("small\n".into(), "abcde".into(), "off".into()));
    assert!(body(5) == digits(LARGE_BYTES) && body(13) == digits(MIDDLE_BYTES));
    assert_eq!((whole[&9].status(), whole[&11].reset), (400, Some(ErrorCode::Protocol as u32)));
    let length = 400;
    for cut in 0..length {
        let split = conversation(|bytes| {
            let (before, after) = bytes.split_at(cut.min(bytes.len()));
            vec![before.to_vec(), after.to_vec()]
        });
        assert!(split == whole, "cut at {cut}");
    }
    let bytewise = conversation(|bytes| bytes.iter().map(|byte| vec![*byte]).collect());
    assert!(bytewise == whole);
}

#[test]
fn a_long_file_passes_through_small_windows() {
    let mut it = Speaker::new();
    it.it.folder.write("huge.bin", &digits(300_000));
    it.makes_room = false;
    it.gets(1, "/huge.bin");
    it.reads();
    assert_eq!(it.replies[&1].body.len(), 65_535, "the window of a stream");
    it.it.sleeps(Phase::Blocked);
    it.sends(&window_update(1, 1000));
    it.reads();
    assert_eq!(it.replies[&1].body.len(), 65_535, "the window of the connection");
    it.sends(&window_update(0, 10));
    it.reads();
    assert_eq!(it.replies[&1].body.len(), 65_545);
    it.makes_room = true;
    it.sends(&[window_update(0, 1 << 20), window_update(1, 1000)].concat());
    assert!(it.reply(1, 200).body == digits(300_000).as_bytes());
}

#[test]
fn a_setting_changes_the_windows_of_all_streams_and_makes_them_negative() {
    let mut it = Speaker::new();
    it.makes_room = false;
    it.sends(&window_update(0, 1 << 20));
    let settings = |window: u32| {
        let mut out = Vec::new();
        write::settings(&mut out, &[(4, window)]);
        out
    };
    it.sends(&settings(5000));
    it.gets(1, "/large.bin");
    it.reads();
    assert_eq!(it.replies[&1].body.len(), 5000);
    it.sends(&settings(1000));
    it.sends(&window_update(1, 3999));
    it.reads();
    assert_eq!(it.replies[&1].body.len(), 5000, "it is at -1");
    it.sends(&window_update(1, 2));
    it.reads();
    assert_eq!(it.replies[&1].body.len(), 5001);
    it.sends(&settings(1 << 20));
    assert!(it.reply(1, 200).body == digits(LARGE_BYTES).as_bytes());
    it.sends(&settings(0));
    it.gets(3, "/small.txt");
    it.reads();
    assert_eq!((it.replies[&3].body.len(), it.replies[&3].heads.len()), (0, 1));
    it.gets(5, "/empty");
    it.reply(5, 204);
    it.sends(&window_update(3, 6));
    assert_eq!(it.reply(3, 200).body, b"small\n");
}

#[test]
fn a_body_longer_than_its_window_is_taken_in() {
    for (path, length) in [("/mirror", 50_000), ("/offload", 300_000), ("/shout", 40_000)] {
        let mut it = Speaker::threaded();
        let body = "abcdefghij".repeat(length / 10);
        let request =
            it.request(1, "POST", path, &[("content-length", &length.to_string())], false);
        it.sends(&request);
        for piece in body.as_bytes().chunks(16_000) {
            it.sends(&data(1, piece, false));
            // A handler that reads a body as it comes would wait for the rest of it on this very thread.
            if path != "/shout" {
                it.it.works();
            }
            it.reads();
        }
        it.sends(&data(1, b"", true));
        it.it.works();
        let expected = if path == "/shout" { body.to_ascii_uppercase() } else { body };
        assert!(it.reply(1, 200).body == expected.as_bytes(), "{path}");
        let updates = it.others.iter().filter(|it| **it == kind::WINDOW_UPDATE).count();
        assert!(updates <= 3 + 2 * length / 32_000, "{updates} updates for {length} bytes");
    }
}

#[test]
fn a_stream_that_nobody_reads_stops_no_other() {
    let mut it = Speaker::threaded();
    let request = it.request(1, "POST", "/offload", &[], false);
    it.sends(&request);
    // The first 64 KiB go to the disk, which no thread writes, and the next fill the window.
    for _ in 0..7 {
        it.sends(&data(1, &[b'x'; 16_384], false));
    }
    it.gets(3, "/hello");
    assert_eq!(it.reply(3, 200).body, b"hello\n");
    let request = it.request(5, "POST", "/mirror", &[], false);
    it.sends(&request);
    it.sends(&data(5, b"other", true));
    assert_eq!(it.reply(5, 200).body, b"other");
    it.it.works();
    it.sends(&data(1, b"", true));
    it.it.works();
    assert_eq!(it.reply(1, 200).body.len(), 7 * 16_384);
}

#[test]
fn a_client_that_waits_for_100_gets_it_and_one_whose_body_nobody_wants_a_reset() {
    let mut it = Speaker::new();
    let expect = [("expect", "100-continue"), ("content-length", "3")];
    let request = it.request(1, "POST", "/mirror", &expect, false);
    it.sends(&request);
    it.reads();
    assert_eq!(it.replies[&1].status(), 100);
    it.sends(&data(1, b"abc", true));
    assert_eq!(it.reply(1, 200).body, b"abc");
    let request = it.request(3, "GET", "/hello", &expect, false);
    it.sends(&request);
    assert_eq!(it.reply(3, 200).heads.len(), 1);
    it.it.advances(A_MOMENT);
    it.is_reset(3, ErrorCode::NoError);
    it.sends(&data(3, b"abc", true));
    let request = it.request(5, "POST", "/hello", &[("content-length", "99999999")], false);
    it.sends(&request);
    it.reads();
    assert!(matches!(it.replies[&5].status(), 405 | 413), "{:?}", it.replies[&5]);
    it.it.advances(A_MOMENT);
    it.is_reset(5, ErrorCode::NoError);
    it.goes_on(7);
}

#[test]
fn a_reset_behind_a_response_waits_until_the_client_can_have_seen_that() {
    let mut it = Speaker::new();
    let refused = |it: &mut Speaker, stream: u32| {
        let length = [("content-length", "99999999")];
        let request = it.request(stream, "POST", "/hello", &length, false);
        it.sends(&request);
        it.sends(&data(stream, &[b'x'; 16_384], false));
        it.reads();
        let reply = it.replies[&stream].clone();
        assert!(reply.status() >= 400 && reply.has_ended && reply.reset.is_none(), "{reply:?}");
    };
    // What comes meanwhile is passed over; a client that ends its request by itself needs no reset.
    refused(&mut it, 1);
    it.sends(&data(1, &[b'x'; 16_384], false));
    it.sends(&data(1, b"last", true));
    refused(&mut it, 3);
    it.sends(&frame(kind::RST_STREAM, 0, 3, b"\0\0\0\x08"));
    refused(&mut it, 5);
    let trailers = it.block(5, &[("x-sum", "1")], true);
    it.sends(&trailers);
    refused(&mut it, 7);
    it.it.advances(A_MOMENT);
    it.is_reset(7, ErrorCode::NoError);
    let is_reset = |it: &Speaker, stream: u32| it.replies[&stream].reset.is_some();
    assert!(![1, 3, 5].iter().any(|stream| is_reset(&it, *stream)), "{:?}", it.replies);
    // Not for any number of streams at a time.
    for number in 0..40 {
        refused(&mut it, 9 + 2 * number);
    }
    it.reads();
    assert!(is_reset(&it, 9) && !is_reset(&it, 87), "the first had to give way");
    // Nor when the connection ends.
    it.it.is_stopped();
    it.sends(&frame(kind::PING, flag::ACK, 0, b"stopping"));
    it.is_reset(87, ErrorCode::NoError);
    it.ends_with(ErrorCode::NoError);
}

#[test]
fn urgent_responses_come_first_and_incremental_ones_share() {
    let mut it = Speaker::new();
    it.it.folder.write("huge.bin", &digits(200_000));
    let priorities =
        [(1, "u=5"), (3, "u=3"), (5, "u=3"), (7, "u=1"), (9, "u=6, i"), (11, "u=6, i")];
    let mut bytes = window_update(0, 1 << 24);
    write::settings(&mut bytes, &[(4, 1 << 20)]);
    for (stream, priority) in priorities {
        bytes.extend(it.request(stream, "GET", "/huge.bin", &[("priority", priority)], true));
    }
    // The most urgent of all becomes the least.
    bytes.extend(frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x07u=7"));
    it.sends(&bytes);
    it.reads();
    let mut order = it.order.clone();
    order.dedup();
    assert_eq!(order[..3], [3, 5, 1], "{order:?}");
    let shared = &order[3..];
    assert!(shared.len() > 4 && shared[..4] == [9, 11, 9, 11], "{order:?}");
    assert_eq!(order.last(), Some(&7), "{order:?}");
    for (stream, _) in priorities {
        assert!(it.reply(stream, 200).body == digits(200_000).as_bytes(), "{stream}");
    }
}

/// As a browser asks for a page: what holds up its rendering, and then its images.
#[test]
fn short_responses_wait_for_those_that_are_more_urgent() {
    let mut it = Speaker::new();
    let mut bytes = window_update(0, 1 << 24);
    for stream in [1, 3] {
        bytes.extend(it.request(stream, "GET", "/large.bin", &[("priority", "u=0")], true));
    }
    for number in 2..12 {
        let priority = [("priority", "u=5, i")];
        bytes.extend(it.request(number * 2 + 1, "GET", "/middle.txt", &priority, true));
    }
    // Where all are equally urgent, nothing waits that is short.
    bytes.extend(it.request(25, "GET", "/small.txt", &[("priority", "u=0")], true));
    it.sends(&bytes);
    it.reads();
    let mut order = it.order.clone();
    order.dedup();
    assert_eq!(order[..3], [25, 1, 3], "{order:?}");
    for stream in (1..26).step_by(2) {
        it.reply(stream, 200);
    }
}

/// RFC 9218 §7.1.
#[test]
fn a_priority_may_come_before_its_request_and_stands_above_the_header() {
    let mut it = Speaker::new();
    it.it.folder.write("huge.bin", &digits(100_000));
    let mut bytes = window_update(0, 1 << 24);
    write::settings(&mut bytes, &[(4, 1 << 20)]);
    bytes.extend(frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x05u=1"));
    bytes.extend(frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x07u=1"));
    bytes.extend(frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x07u=6"));
    for (stream, priority) in [(3, "u=3"), (5, "u=7"), (7, "u=0"), (9, "u=2")] {
        bytes.extend(it.request(stream, "GET", "/huge.bin", &[("priority", priority)], true));
    }
    it.sends(&bytes);
    it.reads();
    it.order.dedup();
    assert_eq!(it.order, [5, 9, 3, 7]);
    // A stream that is passed over by a later one has none.
    it.sends(&frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x0bu=1"));
    it.goes_on(13);
    // No more than there can be streams.
    for number in 0..128_u32 {
        let stream = (15 + number * 2).to_be_bytes();
        it.sends(&frame(kind::PRIORITY_UPDATE, 0, 0, &[&stream[..], b"u=1"].concat()));
    }
    assert_eq!(it.goaways, []);
    it.sends(&frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\x10\x01u=1"));
    it.ends_with(ErrorCode::Protocol);
}

#[test]
fn a_slow_handler_holds_up_nobody() {
    let mut it = Speaker::threaded();
    let request = it.request(1, "POST", "/offload", &[], false);
    it.sends(&request);
    it.sends(&data(1, b"slow", true));
    it.gets(3, "/cold");
    it.gets(5, "/hello");
    assert_eq!(it.reply(5, 200).body, b"hello\n");
    assert!(!it.replies.contains_key(&1) && !it.replies.contains_key(&3));
    it.it.works();
    assert_eq!(it.reply(1, 200).body, b"slow");
    assert_eq!(it.reply(3, 200).body, b"warm\n");
}

#[test]
fn a_file_that_shrinks_ends_its_stream_alone() {
    let mut it = Speaker::new();
    it.it.folder.write("huge.bin", &digits(200_000));
    it.makes_room = false;
    it.gets(1, "/huge.bin");
    it.it.folder.write("huge.bin", "short");
    it.makes_room = true;
    it.sends(&[window_update(0, 1 << 20), window_update(1, 1 << 20)].concat());
    it.is_reset(1, ErrorCode::Internal);
    it.goes_on(3);
}

#[test]
fn a_short_write_of_every_length_gives_the_same_bytes() {
    let whole = {
        let mut it = Speaker::new();
        it.gets(1, "/large.bin");
        it.gets(3, "/small.txt");
        it.reads();
        it.it.client.sent().len()
    };
    for room in (0..whole).step_by(97) {
        let mut it = Speaker::new();
        let before = it.it.client.sent().len();
        it.it.will_take(room.saturating_sub(before));
        it.gets(1, "/large.bin");
        it.gets(3, "/small.txt");
        it.it.takes(usize::MAX);
        assert!(it.reply(1, 200).body == digits(LARGE_BYTES).as_bytes());
        assert_eq!(it.reply(3, 200).body, b"small\n");
    }
}
