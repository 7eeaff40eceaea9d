//! What breaks a stream, and what breaks the connection (RFC 9113 §5.1, §5.4).

use super::*;

#[test]
fn a_malformed_request_ends_its_stream_alone() {
    let mut it = Speaker::new();
    for (number, more) in [
        ("x", "a\r\nb"),
        ("transfer-encoding", "chunked"),
        ("X-Upper", "x"),
        ("te", "gzip"),
        ("content-length", "1"),
    ]
    .into_iter()
    .enumerate()
    {
        let stream = number as u32 * 2 + 1;
        let request = it.request(stream, "GET", "/", &[more], true);
        it.sends(&request);
        it.is_reset(stream, ErrorCode::Protocol);
    }
    let missing = it.block(11, &[(":method", "GET"), (":path", "/")], true);
    it.sends(&missing);
    it.is_reset(11, ErrorCode::Protocol);
    it.goes_on(13);
}

#[test]
fn what_cannot_be_served_gets_a_response() {
    let mut it = Speaker::new();
    let long = "x".repeat(9000);
    let request = it.request(1, "GET", &format!("/{long}"), &[], true);
    it.sends(&request);
    it.reply(1, 414);
    let cookies = [("cookie", long.as_str())];
    let mut block = it.request(3, "GET", "/hello", &cookies, true);
    it.sends(&block);
    it.reply(3, 200);
    block = it.request(5, "GET", "/", &[("expect", "x")], true);
    it.sends(&block);
    it.reply(5, 417);
    block = it.request(7, "GET", "/", &[("x", ""); 101], true);
    it.sends(&block);
    it.reply(7, 431);
    it.goes_on(9);
}

#[test]
fn data_is_as_long_as_was_announced() {
    let mut it = Speaker::new();
    for (stream, pieces) in [
        (1, vec![("abcd", false)]),
        (3, vec![("ab", true)]),
        (5, vec![("abc", false), ("d", true)]),
    ] {
        let request = it.request(stream, "POST", "/mirror", &[("content-length", "3")], false);
        it.sends(&request);
        for (piece, ends) in pieces {
            it.sends(&data(stream, piece.as_bytes(), ends));
        }
        it.is_reset(stream, ErrorCode::Protocol);
    }
    it.goes_on(7);
}

#[test]
fn frames_of_streams_that_never_were_end_the_connection() {
    for bytes in [
        data(3, b"x", false),
        frame(kind::RST_STREAM, 0, 3, b"\0\0\0\x08"),
        window_update(3, 1),
        window_update(3, 0),
        window_update(2, 1),
    ] {
        let mut it = Speaker::new();
        it.goes_on(1);
        it.sends(&bytes);
        it.ends_with(ErrorCode::Protocol);
    }
}

#[test]
fn streams_are_opened_by_the_client_in_order() {
    let mut it = Speaker::new();
    it.goes_on(5);
    it.gets(3, "/hello");
    it.ends_with(ErrorCode::Protocol);
    let mut it = Speaker::new();
    it.gets(2, "/hello");
    it.ends_with(ErrorCode::Protocol);
    let mut it = Speaker::new();
    it.goes_on(1);
    it.gets(1, "/hello");
    it.ends_with(ErrorCode::StreamClosed);
}

#[test]
fn nothing_but_windows_and_resets_comes_after_the_end_of_a_request() {
    let mut it = Speaker::new();
    it.makes_room = false;
    it.it.folder.write("huge.bin", &digits(200_000));
    it.gets(1, "/huge.bin");
    it.sends(&data(1, b"more", false));
    it.is_reset(1, ErrorCode::StreamClosed);
    it.sends(&window_update(1, 5));
    it.sends(&frame(kind::RST_STREAM, 0, 1, b"\0\0\0\x08"));
    it.sends(&data(1, b"late", true));
    it.sends(&window_update(0, 1 << 20));
    it.goes_on(3);
    it.sends(&data(3, b"late", true));
    it.is_reset(3, ErrorCode::StreamClosed);
    it.goes_on(5);
}

#[test]
fn windows_have_an_end() {
    let mut it = Speaker::new();
    it.makes_room = false;
    it.it.folder.write("huge.bin", &digits(200_000));
    it.gets(1, "/huge.bin");
    it.sends(&window_update(1, u32::MAX >> 1));
    it.sends(&window_update(1, 1 << 16));
    it.is_reset(1, ErrorCode::FlowControl);
    it.sends(&window_update(0, 1 << 16));
    it.goes_on(3);
    it.sends(&window_update(0, u32::MAX >> 1));
    it.ends_with(ErrorCode::FlowControl);
}

#[test]
fn more_data_than_a_window_is_refused() {
    let mut it = Speaker::threaded();
    let request = it.request(1, "POST", "/offload", &[], false);
    it.sends(&request);
    // What was taken in, and what the window has grown to since.
    for _ in 0..13 {
        it.sends(&data(1, &[b'x'; 16_384], false));
    }
    it.is_reset(1, ErrorCode::FlowControl);
    it.goes_on(3);
}

#[test]
fn a_block_that_cannot_be_decoded_ends_the_connection() {
    for block in [&b"\xbe"[..], b"\x40\x01a", b"\x82\x20"] {
        let mut it = Speaker::new();
        it.sends(&frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, block));
        it.ends_with(ErrorCode::Compression);
    }
}

#[test]
fn a_refused_stream_leaves_the_decoder_where_it_should_be() {
    let mut it = Speaker::threaded();
    for number in 0..128 {
        let request = it.request(number * 2 + 1, "POST", "/mirror", &[], false);
        it.sends(&request);
    }
    let request = it.request(257, "POST", "/mirror", &[("x-new", "new")], false);
    it.sends(&request);
    it.is_reset(257, ErrorCode::RefusedStream);
    it.sends(&data(1, b"a", true));
    assert_eq!(it.reply(1, 200).body, b"a");
    let request = it.request(259, "POST", "/mirror", &[("x-new", "new")], false);
    it.sends(&request);
    it.sends(&data(259, b"b", true));
    assert_eq!(it.reply(259, 200).body, b"b");
}

#[test]
fn bad_settings_end_the_connection() {
    for (identifier, value, code) in [
        (2, 2, ErrorCode::Protocol),
        (4, 1 << 31, ErrorCode::FlowControl),
        (5, 100, ErrorCode::Protocol),
    ] {
        let mut it = Speaker::new();
        let mut out = Vec::new();
        write::settings(&mut out, &[(identifier, value)]);
        it.sends(&out);
        it.ends_with(code);
    }
}

#[test]
fn a_preface_that_is_none_ends_the_connection() {
    let mut it = Speaker::silent(Driven::new());
    it.sends(b"PRI * HTTP/2.0\r\n\r\nSM\r\nxx");
    it.ends_with(ErrorCode::Protocol);
    let mut it = Speaker::silent(Driven::new());
    it.sends(&[&PREFACE[..], &frame(kind::PING, 0, 0, &[0; 8])].concat());
    it.ends_with(ErrorCode::Protocol);
}

#[test]
fn a_listener_that_speaks_http_1_alone_refuses_it() {
    let mut it = Driven::new();
    it.receives(greeting());
    it.sends(505);
    it.is_closed();
    let mut it = Driven::new();
    it.cx.places = vec![ListenPlace { address: None, speaks_http2: true, for_status: false }];
    it.receives(get("/hello"));
    it.sends(200);
    it.receives(greeting());
    it.sends(505);
    it.is_closed();
}
