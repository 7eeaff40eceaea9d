//! Files that change while they are sent: a response is whole and of one version, or broken off.

use super::*;
use crate::sys::file;
use std::fs;
use std::io::Write;
use std::os::fd::AsFd;

/// A connection that has sent a part of the large file and waits for the client.
fn halfway() -> Driven {
    let mut it = Driven::new();
    it.will_take(4_000);
    it.receives(get("/large.bin"));
    it.sleeps(ExchangeState::Sending);
    it
}

/// Writes into the file that is there, as `>` does in a shell.
fn rewrite(it: &Driven, contents: &str) {
    let path = it.folder.path_of("large.bin");
    fs::write(path, contents).expect("the file is ours");
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_is_broken_off() {
    let mut it = halfway();
    rewrite(&it, &digits(3_000));
    it.takes(usize::MAX);
    it.is_broken_off();
    assert!(it.client.sent().len() <= 4_000);
}

#[test]
fn a_file_that_is_rewritten_while_it_is_sent_is_broken_off() {
    let mut it = halfway();
    rewrite(&it, &"x".repeat(LARGE_BYTES));
    it.takes(usize::MAX);
    it.is_broken_off();
    assert!(!text(&it.client.sent()).contains("xx"));
}

#[test]
fn a_file_that_is_rewritten_while_its_head_waits_is_broken_off() {
    for taken in [0, 1, 100] {
        let mut it = Driven::new();
        it.will_take(taken);
        it.receives(get("/large.bin"));
        it.sleeps(ExchangeState::Sending);
        rewrite(&it, &"x".repeat(LARGE_BYTES));
        it.takes(usize::MAX);
        it.is_broken_off();
        assert!(!text(&it.client.sent()).contains("xx"));
    }
}

/// A log that is appended to all the time could otherwise never be downloaded. Where the kernel does not say what
/// is in memory, the file cannot be told from one that is rewritten.
#[test]
fn a_file_that_grows_while_it_is_sent_is_sent_to_the_length_that_was_promised() {
    let mut it = halfway();
    let path = it.folder.path_of("large.bin");
    let mut log = fs::File::options().read(true).append(true).open(path).expect("it is ours");
    if file::residency(log.as_fd(), 0) == file::Residency::Unknown {
        log.write_all(&[b'x'; 5_000]).expect("there is room");
        it.takes(usize::MAX);
        it.is_broken_off();
        return;
    }
    for _ in 0..3 {
        log.write_all(&[b'x'; 5_000]).expect("there is room");
        it.takes(1_000);
        it.sleeps(ExchangeState::Sending);
    }
    it.takes(usize::MAX);
    it.sends(200).is(&digits(LARGE_BYTES));
    it.is_kept();
    it.receives(get("/large.bin"));
    it.sends(200).is(&(digits(LARGE_BYTES) + &"x".repeat(15_000)));
}

#[test]
fn a_file_that_is_rewritten_and_grows_while_it_is_sent_is_broken_off() {
    for new in ["x".repeat(2 * LARGE_BYTES), "x".to_owned() + &digits(2 * LARGE_BYTES)] {
        let mut it = halfway();
        rewrite(&it, &new);
        it.takes(usize::MAX);
        it.is_broken_off();
    }
}

/// The first part is sent from the descriptor, the second is read behind it.
const TWO_PARTS: &str = "Range: bytes=0-12399,12400-12499\r\n";

#[test]
fn a_file_that_is_rewritten_before_its_last_part_is_broken_off() {
    let mut it = Driven::new();
    it.will_take(1_000);
    it.receives(request("GET", "/large.bin", TWO_PARTS));
    it.sleeps(ExchangeState::Sending);
    rewrite(&it, &"x".repeat(LARGE_BYTES));
    it.takes(usize::MAX);
    it.is_broken_off();
    assert!(!text(&it.client.sent()).contains("xx"));
}

#[test]
fn a_file_that_is_rewritten_when_its_last_part_was_read_is_of_one_version() {
    let mut it = Driven::new();
    it.will_take(12_400);
    it.receives(request("GET", "/large.bin", TWO_PARTS));
    for _ in 0..1_000 {
        if text(&it.client.sent()).contains("bytes 12400-12499") {
            break;
        }
        it.takes(1);
    }
    rewrite(&it, &"x".repeat(LARGE_BYTES));
    it.takes(usize::MAX);
    let body = text(&it.sends(206).body);
    assert!(body.contains(&digits(LARGE_BYTES)[12_400..]) && !body.contains("xx"));
}

#[test]
fn a_file_that_is_rewritten_between_two_turns_is_broken_off() {
    let mut it = Driven::new();
    it.send_budget = 1_000;
    let edge = it.client.send(get("/large.bin").as_bytes());
    it.begins_with(edge);
    assert_eq!(it.verdict, Verdict::Again);
    rewrite(&it, &"x".repeat(LARGE_BYTES));
    it.goes_on();
    it.is_broken_off();
}

#[test]
fn a_file_that_is_replaced_while_it_is_sent_is_sent_to_its_end() {
    let mut it = halfway();
    it.folder.write("next.bin", &"x".repeat(LARGE_BYTES));
    fs::rename(it.folder.path_of("next.bin"), it.folder.path_of("large.bin"))
        .expect("the folder is ours");
    it.takes(usize::MAX);
    it.sends(200).is(&digits(LARGE_BYTES));
    it.is_kept();
    it.receives(get("/large.bin"));
    it.sends(200).is(&"x".repeat(LARGE_BYTES));
}

#[test]
fn a_file_that_is_deleted_while_it_is_sent_is_sent_to_its_end() {
    let mut it = halfway();
    fs::remove_file(it.folder.path_of("large.bin")).expect("the folder is ours");
    it.takes(usize::MAX);
    it.sends(200).is(&digits(LARGE_BYTES));
    it.is_kept();
    it.receives(get("/large.bin"));
    it.sends(404);
}

#[test]
fn several_ranges_come_in_parts_of_one_file() {
    for target in ["/large.bin", "/middle.txt", "/small.txt"] {
        let mut it = Driven::new();
        it.receives(request("GET", target, "Range: bytes=1-2,4-4\r\n"));
        let reply = it.sends(206);
        let body = text(&reply.body);
        let first = if target == "/small.txt" { "ma" } else { "12" };
        let second = if target == "/small.txt" { "l" } else { "4" };
        let parts: Vec<&str> = body.split("\r\n\r\n").collect();
        assert!(parts[1].starts_with(&format!("{first}\r\n--")), "{body}");
        assert!(parts[2].starts_with(&format!("{second}\r\n--")), "{body}");
        it.is_kept();
    }
}
