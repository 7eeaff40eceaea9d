//! Files that change while they are being sent: never padded, never hung, never mixed.

use crate::support::client::End;
use crate::support::{Client, Fixture, TestServer, noise};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

const LENGTH: usize = 60_000_000;

/// A server in the middle of sending a large file to a client that has read a little of it.
fn begun() -> (TestServer, Client, Vec<u8>) {
    let server = Fixture::new().file("large.bin", noise(LENGTH)).serve();
    let mut client = server.raw("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply_head("GET").expect(200);
    let read = client.read(100_000).expect("content comes");
    (server, client, read)
}

fn path(server: &TestServer) -> PathBuf {
    server.root().join("large.bin")
}

/// What came in all, and how it ended.
fn rest(mut client: Client, mut read: Vec<u8>) -> (Vec<u8>, End) {
    client.finish();
    let (rest, end) = client.rest();
    read.extend_from_slice(&rest);
    (read, end)
}

/// RFC 9112 §8: an incomplete response is one that the client can tell from a complete one.
#[track_caller]
fn was_broken_off(read: &[u8], end: End) {
    assert!(read.len() < LENGTH, "{} bytes came", read.len());
    assert_eq!(end, End::Reset, "a cut must not look like an end");
}

#[test]
fn a_file_that_is_truncated_while_it_is_sent_is_neither_padded_nor_waited_for() {
    let (server, client, read) = begun();
    let file = File::options().write(true).open(path(&server)).expect("it");
    file.set_len(200_000).expect("it can be truncated");
    let (read, end) = rest(client, read);
    was_broken_off(&read, end);
}

#[test]
fn a_file_that_is_emptied_while_it_is_sent_is_broken_off() {
    let (server, client, read) = begun();
    File::create(path(&server)).expect("it can be emptied");
    let (read, end) = rest(client, read);
    was_broken_off(&read, end);
}

#[test]
fn a_file_that_is_replaced_while_it_is_sent_is_sent_as_it_was() {
    let (server, client, read) = begun();
    server.replace("large.bin", "new");
    let (read, _) = rest(client, read);
    assert!(read == noise(LENGTH));
    server.get("/large.bin").send().expect(200).body("new");
}

#[test]
fn a_file_that_is_removed_while_it_is_sent_is_sent_as_it_was() {
    let (server, client, read) = begun();
    std::fs::remove_file(path(&server)).expect("it is there");
    let (read, _) = rest(client, read);
    assert!(read == noise(LENGTH));
    server.get("/large.bin").send().expect(404);
}

/// What is on its way belongs to the kernel and may change under it (sendfile(2)); but a response
/// that was touched never comes to an end.
#[test]
fn a_file_that_is_rewritten_while_it_is_sent_is_never_sent_as_a_whole() {
    let (server, client, read) = begun();
    let file = File::options().write(true).open(path(&server)).expect("it");
    file.write_all_at(&vec![b'#'; LENGTH], 0).expect("written");
    drop(file);
    let (read, end) = rest(client, read);
    was_broken_off(&read, end);
    let reply = server.get("/large.bin").send();
    assert!(reply.expect(200).body == vec![b'#'; LENGTH]);
}

#[test]
fn a_file_that_is_truncated_and_rewritten_is_never_mixed() {
    let (server, client, read) = begun();
    std::fs::write(path(&server), vec![b'#'; LENGTH]).expect("written");
    let (read, end) = rest(client, read);
    was_broken_off(&read, end);
}

#[test]
fn the_end_of_one_download_is_not_the_end_of_others() {
    let (server, client, read) = begun();
    let mut other = server.raw("GET /a..b.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    other.reply().expect(200);
    File::create(path(&server)).expect("it can be emptied");
    rest(client, read);
    other.send("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    other.reply().expect(200).body("");
}

#[test]
fn requests_behind_a_download_that_was_broken_off_are_not_answered() {
    let (server, mut client, read) = begun();
    client.send("GET /a..b.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    File::create(path(&server)).expect("it can be emptied");
    let (read, end) = rest(client, read);
    was_broken_off(&read, end);
    assert!(!read.windows(8).any(|window| window == b"HTTP/1.1"));
}

/// Contents, length and tag of one answer always belong to one version, however fast they change.
#[test]
fn a_file_that_keeps_being_replaced_is_always_one_version() {
    let server = Fixture::new().file("a.txt", "0".repeat(10)).serve();
    let root = server.root();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                number += 1;
                let digit = (number % 10).to_string();
                let length = 10 + (number % 7) * 10_000;
                std::fs::write(root.join("next"), digit.repeat(length)).expect("written");
                std::fs::rename(root.join("next"), root.join("a.txt")).expect("renamed");
            }
        });
        let mut client = server.connect();
        for _ in 0..500 {
            client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
            let reply = client.reply();
            let first = reply.expect(200).body[0];
            assert!(reply.body.iter().all(|byte| *byte == first), "mixed");
            let number = usize::from(first - b'0');
            assert!(
                (0..7).any(|step| reply.body.len() == 10 + step * 10_000),
                "{number}: {} bytes",
                reply.body.len()
            );
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
