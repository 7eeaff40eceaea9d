//! How long a small answer takes beside a large one.
//!
//! Each test compares rounds with a disturbance to rounds without, in turn, so that whatever else
//! the machine does befalls both; and it looks up to three times, for a verdict that holds is worth
//! more than one that was unlucky.

use crate::support::crowd::{self, Crowd, Pace, Seen};
use crate::support::slow_disk::SlowDisk;
use crate::support::{Fixture, lacks, noise};
use httpd::{Root, StaticFiles};
use std::fs::File;
use std::time::Duration;

const ROUND: Duration = Duration::from_millis(200);
const ROUNDS: usize = 5;
const TRIES: usize = 3;

/// A small file, and what the clock of a crowd needs to know.
fn fixture() -> Fixture {
    Fixture::new().file("small.bin", noise(1024)).handler("/thread", crowd::name_thread)
}

/// The median of the 99th percentiles, in milliseconds.
fn typical_p99(rounds: &mut [Seen]) -> f64 {
    rounds.sort_unstable_by_key(Seen::p99);
    rounds[rounds.len() / 2].p99().as_secs_f64() * 1e3
}

/// Demands that the crowd's p99 grows to no more than `factor_max` of itself while `disturb` has
/// begun downloads, of which something has to arrive.
#[track_caller]
fn hardly_disturbed(crowd: &mut Crowd, factor_max: f64, mut disturb: impl FnMut(&mut Crowd)) {
    let mut told = String::new();
    for _ in 0..TRIES {
        let (mut calm, mut disturbed) = (Vec::new(), Vec::new());
        crowd.ask(ROUND / 4);
        for _ in 0..ROUNDS {
            calm.push(crowd.ask(ROUND));
            disturb(crowd);
            disturbed.push(crowd.ask(ROUND));
            crowd.hang_up();
        }
        let arrived: u64 = disturbed.iter().map(|seen| seen.downloaded_bytes).sum();
        assert!(arrived > 5_000_000, "no downloads worth the name: {arrived} bytes");
        let counts =
            [&calm, &disturbed].map(|rounds| rounds.iter().map(Seen::answers).sum::<usize>());
        let (without, with) = (typical_p99(&mut calm), typical_p99(&mut disturbed));
        told += &format!(
            "\np99 {without:.3} ms, disturbed {with:.3} ms: {:.2} times ({counts:?} answers, {} MB downloaded)",
            with / without,
            arrived / 1_000_000
        );
        if with <= without * factor_max {
            eprintln!("{told}");
            return;
        }
    }
    panic!("more than {factor_max} times:{told}");
}

fn a_huge_download_at_full_speed_does_not_double_what_a_hundred_others_wait() {
    let fixture = fixture().file("huge.bin", "");
    let huge = File::options().write(true).open(fixture.root().join("huge.bin"));
    huge.and_then(|file| file.set_len(1 << 40)).expect("the file system has holes");
    let server = fixture.serve();
    let mut crowd = Crowd::connect(&server, 100, "/small.bin");
    hardly_disturbed(&mut crowd, 2.0, |crowd| crowd.download("/huge.bin", Pace::AsItComes));
}

const COLD_AT_ONCE: usize = 4;

fn what_is_read_from_the_disk_does_not_double_what_a_small_file_from_memory_takes() {
    let server = (0..COLD_AT_ONCE)
        .fold(fixture(), |fixture, number| fixture.file(format!("{number}.bin"), noise(24_000_000)))
        .serve();
    let mut crowd = Crowd::connect(&server, 1, "/small.bin");
    hardly_disturbed(&mut crowd, 2.0, |crowd| {
        for number in 0..COLD_AT_ONCE {
            server.chill(format!("{number}.bin"));
            crowd.download(&format!("/{number}.bin"), Pace::BytesPerSecond(25_000_000));
        }
    });
}

/// Some 60 MB per second, and a kernel that does not say what it has in memory.
fn slow_disk(content: Vec<u8>) -> SlowDisk {
    SlowDisk::new(content, Duration::from_millis(2)).expect("FUSE")
}

fn files_of(disk: &SlowDisk) -> StaticFiles {
    StaticFiles::new(Root::open(disk.path()).expect("a directory"))
}

fn a_slow_disk_does_not_double_what_a_small_file_from_memory_takes() {
    let disk = slow_disk(noise(24_000_000));
    let server = fixture().handler("/slow", files_of(&disk)).serve();
    let mut crowd = Crowd::connect(&server, 1, "/small.bin");
    let mut unread = 0..;
    hardly_disturbed(&mut crowd, 2.0, |crowd| {
        for number in unread.by_ref().take(COLD_AT_ONCE) {
            crowd.download(&format!("/slow/{number}"), Pace::AsItComes);
        }
    });
}

fn a_file_from_a_disk_that_does_not_say_what_it_has_in_memory_arrives_byte_for_byte() {
    let content = noise(3_000_001);
    let disk = slow_disk(content.clone());
    let server = Fixture::new().handler("/slow", files_of(&disk)).serve();
    for _ in 0..2 {
        server.get("/slow/1").send().expect(200).body(&content);
        server
            .get("/slow/2")
            .header("Range", "bytes=1000000-2999999")
            .send()
            .expect(206)
            .body(&content[1_000_000..3_000_000]);
        server.get("/slow/3").header("Range", "bytes=7-9").send().expect(206).body(&content[7..10]);
    }
}

tests! {
    lacks::nothing:
        a_huge_download_at_full_speed_does_not_double_what_a_hundred_others_wait,
        what_is_read_from_the_disk_does_not_double_what_a_small_file_from_memory_takes;
    lacks::fuse:
        a_slow_disk_does_not_double_what_a_small_file_from_memory_takes,
        a_file_from_a_disk_that_does_not_say_what_it_has_in_memory_arrives_byte_for_byte;
}
