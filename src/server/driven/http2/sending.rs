//! How frames leave: copied, or from where their data is; in pieces of any length, and together.

use super::*;

/// A client with large windows whose stream sends data from where it is, or copies it first.
fn speaker(scatters: bool) -> Speaker {
    let mut it = Speaker::new();
    it.it.client.scatter(scatters);
    let mut bytes = window_update(0, 1 << 24);
    write::settings(&mut bytes, &[(4, 1 << 20)]);
    it.sends(&bytes);
    it.it.folder.write("page.html", &digits(PAGE_BYTES));
    it.it.folder.write("huge.bin", &digits(100_000));
    it
}

/// Asks for bodies of all kinds at once, the first of them as shared ones.
fn ask(it: &mut Speaker) {
    let shared = [("priority", "u=2, i")];
    let mut bytes = Vec::new();
    for (stream, path) in [(1, "/page.html"), (3, "/huge.bin"), (5, "/page.html")] {
        bytes.extend(it.request(stream, "GET", path, &shared, true));
    }
    for (stream, path) in [(7, "/page.html"), (9, "/long"), (11, "/hello"), (13, "/huge.bin")] {
        bytes.extend(it.request(stream, "GET", path, &[], true));
    }
    it.sends(&bytes);
}

#[track_caller]
fn check(it: &mut Speaker) {
    for stream in [1, 5, 7] {
        assert!(it.reply(stream, 200).body == digits(PAGE_BYTES).as_bytes(), "{stream}");
    }
    for stream in [3, 13] {
        assert!(it.reply(stream, 200).body == digits(100_000).as_bytes(), "{stream}");
    }
    assert!(it.reply(9, 200).body == digits(LONG_BYTES).as_bytes());
    assert_eq!(it.reply(11, 200).body, b"hello\n");
    it.it.sleeps(Phase::Idle);
}

#[test]
fn a_client_that_takes_a_byte_at_a_time_gets_the_same() {
    for scatters in [false, true] {
        let mut it = speaker(scatters);
        it.it.will_take(0);
        ask(&mut it);
        while it.it.client.sent().len() < 2_000 {
            it.it.takes(1);
        }
        // Then at all places of frames, in steps that share no factor with their lengths.
        while it.it.verdict == Verdict::Sleep && it.it.connection.wire().wants_write() {
            it.it.takes(997);
        }
        check(&mut it);
    }
}

#[test]
fn windows_of_a_byte_and_more_give_the_same() {
    for scatters in [false, true] {
        let mut it = speaker(scatters);
        it.makes_room = false;
        let mut bytes = Vec::new();
        write::settings(&mut bytes, &[(4, 1)]);
        it.sends(&bytes);
        ask(&mut it);
        it.reads();
        assert_eq!(it.replies[&1].body, b"0");
        for _ in 0..50 {
            it.sends(&[1, 3, 5, 7, 9, 11, 13].map(|stream| window_update(stream, 1)).concat());
            it.reads();
        }
        assert_eq!(it.replies[&3].body, digits(51).as_bytes());
        it.makes_room = true;
        let mut more = Vec::new();
        write::settings(&mut more, &[(4, 30_000)]);
        it.sends(&more);
        check(&mut it);
    }
}

#[test]
fn a_reset_in_the_middle_of_data_cuts_no_frame() {
    for taken in (0..PAGE_BYTES * 3).step_by(613) {
        let mut it = speaker(true);
        it.it.will_take(taken);
        let requests = [1, 3, 5].map(|stream| it.request(stream, "GET", "/page.html", &[], true));
        it.sends(&requests.concat());
        it.sends(&frame(kind::RST_STREAM, 0, 3, &8_u32.to_be_bytes()));
        // The file may go, too.
        it.it.folder.write("page.html", "another");
        it.it.takes(usize::MAX);
        assert!(it.reply(1, 200).body == digits(PAGE_BYTES).as_bytes());
        assert!(it.reply(5, 200).body == digits(PAGE_BYTES).as_bytes());
        let cut = it.replies.remove(&3).unwrap_or_default().body;
        assert!(digits(PAGE_BYTES).as_bytes().starts_with(&cut));
        it.goes_on(7);
    }
}

#[test]
fn responses_to_more_requests_than_a_share_leave_together() {
    let mut it = Speaker::new();
    let requests: Vec<u8> = (0..100)
        .flat_map(|number| it.request(number * 2 + 1, "GET", "/small.txt", &[], true))
        .collect();
    let before = it.it.calls().writes;
    it.sends(&requests);
    assert_eq!(it.it.calls().writes, before + 1);
    for number in 0..100 {
        assert_eq!(it.reply(number * 2 + 1, 200).body, b"small\n");
    }
}

#[test]
fn a_large_file_leaves_in_runs_of_seven_frames_whatever_is_left_of_the_turn() {
    let mut it = speaker(true);
    it.makes_room = false;
    it.it.folder.write("runs.bin", &digits(8 * RUN_BYTES));
    for send_budget in [100_000, 256 * 1024, 512 * 1024] {
        let before = it.it.calls().writes;
        it.it.send_budget = send_budget;
        let stream = 2 * it.replies.len() as u32 + 1;
        it.sends(&window_update(0, 1 << 20));
        it.gets(stream, "/runs.bin");
        assert!(it.reply(stream, 200).body == digits(8 * RUN_BYTES).as_bytes());
        assert_eq!(it.it.calls().writes, before + 8, "{send_budget} bytes a turn");
    }
}

#[test]
fn what_is_held_back_has_the_time_of_a_slow_client() {
    let mut it = Speaker::new();
    it.it.advances(Limits::default().send_timeout - Duration::from_millis(1));
    it.it.will_take(0);
    let requests: Vec<u8> = (0..100)
        .flat_map(|number| it.request(number * 2 + 1, "GET", "/small.txt", &[], true))
        .collect();
    it.sends(&requests);
    it.it.advances(Limits::default().send_timeout - Duration::from_millis(1));
    it.it.takes(usize::MAX);
    assert_eq!(it.reply(199, 200).body, b"small\n");
}

#[test]
fn a_file_that_grows_cold_is_brought_in_by_a_thread() {
    let mut it = Speaker::threaded();
    it.it.folder.write("huge.bin", &digits(200_000));
    it.sends(&window_update(0, 1 << 20));
    it.gets(1, "/huge.bin");
    for _ in 0..20 {
        it.reads();
        it.it.works();
    }
    assert!(it.reply(1, 200).body == digits(200_000).as_bytes());
}

#[test]
fn priorities_may_come_before_their_requests_but_not_any_number() {
    let mut it = speaker(true);
    let early = |stream: u32, value: &[u8]| {
        frame(kind::PRIORITY_UPDATE, 0, 0, &[&stream.to_be_bytes()[..], value].concat())
    };
    let mut bytes = early(3, b"u=0");
    bytes.extend(early(1, b"u=6"));
    bytes.extend(early(5, b"bad,"));
    for stream in [1, 3, 5] {
        // What comes as a frame counts, and not the header.
        let header = [("priority", "u=3")];
        bytes.extend(it.request(stream, "GET", "/huge.bin", &header, true));
    }
    it.sends(&bytes);
    it.reads();
    let mut order = it.order.clone();
    order.dedup();
    assert_eq!(order, [3, 5, 1]);
    let many = |count: u32| -> Vec<u8> {
        (0..count).flat_map(|number| early(number * 2 + 7, b"u=1")).collect()
    };
    it.sends(&many(128));
    it.sends(&many(128));
    it.goes_on(7 + 2 * 127);
    it.sends(&early(1, b"u=1"));
    it.goes_on(7 + 2 * 128);
    let mut it = speaker(true);
    it.sends(&many(129));
    it.ends_with(ErrorCode::Protocol);
}

/// As much as is written at once.
const RUN_BYTES: usize = 7 * 16 * 1024;

/// In memory, and too long to be copied.
const PAGE_BYTES: usize = IN_MEMORY_BYTES_MAX as usize;
