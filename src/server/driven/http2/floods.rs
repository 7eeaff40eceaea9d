//! Clients that make work and want nothing: each ends with ENHANCE_YOUR_CALM, and one that works never does.

use super::*;

/// Sends this again and again until the connection ends; returns how often.
fn floods(it: &mut Speaker, mut next: impl FnMut(&mut Speaker, u32) -> Vec<u8>) -> u32 {
    for number in 0..100_000 {
        let bytes = next(it, number);
        it.sends(&bytes);
        if it.it.verdict == Verdict::Close || it.it.client.end() != StreamEnd::Open {
            it.ends_with(ErrorCode::EnhanceYourCalm);
            return number;
        }
    }
    panic!("the flood goes on for ever");
}

#[test]
fn rapid_resets_end_the_connection() {
    let mut it = Speaker::threaded();
    let resets = floods(&mut it, |it, number| {
        let stream = number * 2 + 1;
        let request = it.request(stream, "POST", "/offload", &[], false);
        [request, frame(kind::RST_STREAM, 0, stream, b"\0\0\0\x08")].concat()
    });
    assert!((100..300).contains(&resets), "{resets}");
}

#[test]
fn resets_that_the_server_is_made_to_send_count_as_much() {
    let mut it = Speaker::threaded();
    let resets = floods(&mut it, |it, number| {
        let stream = number * 2 + 1;
        let request = it.request(stream, "POST", "/offload", &[], false);
        [request, window_update(stream, 0)].concat()
    });
    assert!((100..300).contains(&resets), "{resets}");
    let mut it = Speaker::new();
    let resets = floods(&mut it, |it, number| {
        it.request(number * 2 + 1, "GET", "/hello", &[("connection", "close")], true)
    });
    assert!((100..300).contains(&resets), "{resets}");
}

#[test]
fn frames_that_do_nothing_end_the_connection() {
    let ping = frame(kind::PING, 0, 0, &[0; 8]);
    let settings = frame(kind::SETTINGS, 0, 0, b"\0\x04\0\0\xff\xff");
    let priority = frame(kind::PRIORITY, 0, 1, b"\0\0\0\0\0");
    let unknown = frame(0xbe, 0, 0, b"");
    let update = frame(kind::PRIORITY_UPDATE, 0, 0, b"\0\0\0\x01u=1");
    let window = window_update(0, 1);
    let reset = frame(kind::RST_STREAM, 0, 1, b"\0\0\0\x08");
    for bytes in [ping, settings, priority, unknown, update, window, reset, acknowledgement()] {
        let mut it = Speaker::new();
        it.goes_on(1);
        let count = floods(&mut it, |_, _| bytes.clone());
        assert!(count <= 2100, "{count}");
    }
}

#[test]
fn empty_data_and_endless_blocks_end_the_connection() {
    let mut it = Speaker::new();
    let request = it.request(1, "POST", "/mirror", &[], false);
    it.sends(&request);
    let count = floods(&mut it, |_, _| data(1, b"", false));
    assert!(count <= 600, "{count}");
    for part in [&b""[..], &[0; 1000]] {
        let mut it = Speaker::new();
        it.sends(&frame(kind::HEADERS, 0, 1, b""));
        let count = floods(&mut it, |_, _| frame(kind::CONTINUATION, 0, 1, part));
        assert!(count <= 70, "{count}");
    }
}

#[test]
fn a_window_that_grows_by_one_byte_at_a_time_ends_the_connection() {
    let mut it = Speaker::new();
    it.makes_room = false;
    let mut settings = Vec::new();
    write::settings(&mut settings, &[(4, 0)]);
    it.sends(&settings);
    it.gets(1, "/large.bin");
    let count = floods(&mut it, |_, _| window_update(1, 1));
    assert!((500..3000).contains(&count), "{count}");
}

#[test]
fn pings_that_are_not_read_are_not_piled_up() {
    let mut it = Speaker::new();
    it.it.will_take(0);
    let pings = frame(kind::PING, 0, 0, &[0; 8]).repeat(400);
    it.sends(&pings);
    it.gets(1, "/hello");
    it.it.takes(usize::MAX);
    assert_eq!(it.reply(1, 200).body, b"hello\n");
}

/// A byte of a block can stand for a field of 4 KB.
#[test]
fn long_lists_of_fields_are_not_looked_at() {
    let long = "x".repeat(3900);
    // Nothing else is kept, so that the long field stays the newest entry of the table.
    let block = |it: &mut Speaker, stream: u32, fields: &[(&str, &str)], is_bomb: bool| {
        let mut out = Vec::new();
        let start = write::begin_block(&mut out);
        for (name, value) in fields {
            let (name, value) = (name.as_bytes(), value.as_bytes());
            it.encoder.field(&mut out, name, value, Indexing::NotKept);
        }
        if is_bomb {
            // A literal to be kept, with a length of 127 + 61 + 29 * 128.
            out.extend_from_slice(b"\x40\x06x-long\x7f\xbd\x1d");
            out.extend_from_slice(long.as_bytes());
            out.resize(start + 16_000, 0x80 | 62);
        }
        write::end_block(&mut out, start, stream, is_bomb, 16_384);
        out
    };
    let head =
        |method| [(":method", method), (":scheme", "http"), (":path", "/mirror"), ("host", "a")];
    let mut it = Speaker::new();
    let bomb = block(&mut it, 1, &head("POST"), true);
    it.sends(&bomb);
    it.reply(1, 431);
    let count = floods(&mut it, |it, number| {
        let stream = 3 + number * 2;
        let request = block(it, stream, &head("POST"), false);
        [request, block(it, stream, &[], true)].concat()
    });
    assert!((100..300).contains(&count), "{count}");
    assert_eq!(it.replies[&3].reset, Some(ErrorCode::EnhanceYourCalm as u32));
}

#[test]
fn a_client_that_makes_room_for_each_4_kib_is_no_flood() {
    let mut it = Speaker::new();
    it.it.folder.write("huge.bin", &digits(30_000_000));
    it.makes_room = false;
    it.gets(1, "/huge.bin");
    let mut read = 0;
    while read < 30_000_000 {
        it.reads();
        let body = it.replies[&1].body.len();
        assert!(body > read, "{read}: {:?}", it.goaways);
        while read < body {
            let count = 4096.min(body - read);
            it.sends(&[window_update(0, count as u32), window_update(1, count as u32)].concat());
            read += count;
        }
    }
    it.reply(1, 200);
}

#[test]
fn a_client_that_makes_room_for_each_event_is_no_flood() {
    let mut it = Speaker::new();
    it.makes_room = false;
    it.gets(1, "/events");
    let sender = it.it.sender();
    for number in 0..10_000 {
        sender.send("data: 1\n\n").expect("the client reads");
        it.it.works();
        it.reads();
        assert_eq!(it.replies[&1].body.len(), (number + 1) * 9, "{:?}", it.goaways);
        it.sends(&[window_update(0, 9), window_update(1, 9)].concat());
    }
    it.goes_on(3);
}

#[test]
fn padding_that_comes_behind_its_data_is_no_empty_frame() {
    let mut it = Speaker::new();
    let request = it.request(1, "POST", "/mirror", &[], false);
    it.sends(&request);
    let padded = frame(kind::DATA, flag::PADDED, 1, &[&[99][..], b"x", &[0; 99]].concat());
    for _ in 0..600 {
        let (data, padding) = padded.split_at(HEAD_BYTES + 2);
        it.sends(data);
        it.sends(padding);
    }
    it.sends(&data(1, b"", true));
    assert_eq!(it.reply(1, 200).body, [b'x'; 600]);
}

#[test]
fn a_client_that_works_may_do_all_of_it_now_and_then() {
    let mut it = Speaker::new();
    it.it.folder.write("huge.bin", &digits(100_000));
    for number in 0..3000 {
        let stream = number * 4 + 1;
        it.goes_on(stream);
        match number % 40 {
            0 => it.sends(&frame(kind::PING, 0, 0, &[0; 8])),
            1 => it.sends(&frame(kind::SETTINGS, 0, 0, b"\0\x04\0\0\xff\xff")),
            2 => {
                it.makes_room = false;
                it.gets(stream + 2, "/huge.bin");
                it.sends(&frame(kind::RST_STREAM, 0, stream + 2, b"\0\0\0\x08"));
                it.reads();
                it.makes_room = true;
                let unread = it.replies[&(stream + 2)].body.len() as u32;
                it.sends(&window_update(0, unread));
            }
            _ => {}
        }
    }
    it.reads();
    assert_eq!(it.goaways, []);
}

/// A client can name a header of its table again and again: a few bytes make a long head.
#[test]
fn the_heads_of_a_connection_have_a_bound_together() {
    let mut it = Speaker::threaded();
    let long = "x".repeat(3800);
    let headers = [("x-long", &long[..]); 7];
    let mut refused = 0;
    for number in 0..40 {
        let stream = 1 + 2 * number;
        let request = it.request(stream, "POST", "/mirror", &headers, false);
        it.sends(&request);
        it.reads();
        let reset = it.replies.get(&stream).and_then(|reply| reply.reset);
        assert!(matches!(reset, None | Some(7)), "{reset:?}");
        refused += usize::from(reset == Some(ErrorCode::RefusedStream as u32));
    }
    assert!((20..30).contains(&refused), "{refused} are refused");
    // Those of the usual length are served, and so is one of those that were refused when there is room.
    it.goes_on(101);
    it.sends(&data(1, b"", true));
    it.reply(1, 200);
    let request = it.request(103, "POST", "/mirror", &headers, false);
    it.sends(&request);
    it.sends(&data(103, b"body", true));
    assert_eq!(it.reply(103, 200).body, b"body");
    assert_eq!(it.goaways, []);
}
