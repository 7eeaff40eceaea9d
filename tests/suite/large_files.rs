//! Files larger than 32 bits can count, and downloads that take many turns.

use crate::support::client::End;
use crate::support::{Client, Fixture, TestServer, noise};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

const GIB: u64 = 1 << 30;
const LENGTH: u64 = 5 * GIB + 3;

/// A file of 5 GiB that takes no room, with words where counting may go wrong.
fn serve_sparse() -> TestServer {
    let fixture = Fixture::new().file("sparse.bin", "");
    let path = fixture.root().join("sparse.bin");
    let file = File::options().write(true).open(&path).expect("the file");
    file.set_len(LENGTH).expect("the file system has holes");
    for place in [0, 2 * GIB - 4, 4 * GIB - 4, LENGTH - 8] {
        file.write_all_at(b"abcdefgh", place).expect("written");
    }
    crate::support::fixture::set_modified(&path, crate::support::fixture::modified());
    fixture.serve()
}

fn range(server: &TestServer, range: &str) -> crate::support::Reply {
    server.get("/sparse.bin").header("Range", range).send()
}

#[test]
fn head_says_a_length_beyond_32_bits() {
    serve_sparse()
        .head("/sparse.bin")
        .send()
        .expect(200)
        .header("Content-Length", &LENGTH.to_string());
}

#[test]
fn get_says_a_length_beyond_32_bits_and_begins() {
    let server = serve_sparse();
    let mut client = server.raw("GET /sparse.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    let reply = client.reply_head("GET");
    assert_eq!(reply.expect(200).announced_length(), LENGTH);
    assert_eq!(client.read(8), Ok(b"abcdefgh".to_vec()));
}

#[test]
fn ranges_around_2_gib_and_4_gib_are_right() {
    let server = serve_sparse();
    for place in [2 * GIB - 4, 4 * GIB - 4] {
        let (first, last) = (place, place + 7);
        range(&server, &format!("bytes={first}-{last}"))
            .expect(206)
            .header("Content-Range", &format!("bytes {first}-{last}/{LENGTH}"))
            .body("abcdefgh");
        let middle = place + 4;
        range(&server, &format!("bytes={middle}-{middle}")).body("e");
    }
}

#[test]
fn the_end_of_a_file_beyond_4_gib_is_reached() {
    let server = serve_sparse();
    range(&server, "bytes=-8").expect(206).body("abcdefgh");
    let first = LENGTH - 3;
    range(&server, &format!("bytes={first}-"))
        .expect(206)
        .header("Content-Range", &format!("bytes {first}-{}/{LENGTH}", LENGTH - 1))
        .body("fgh");
}

#[test]
fn a_range_behind_a_file_beyond_4_gib_cannot_be_satisfied() {
    range(&serve_sparse(), &format!("bytes={LENGTH}-"))
        .expect(416)
        .header("Content-Range", &format!("bytes */{LENGTH}"));
}

#[test]
fn parts_on_both_sides_of_4_gib_are_right() {
    let server = serve_sparse();
    let first = 4 * GIB - 4;
    let reply = range(&server, &format!("bytes=0-7,{first}-{}", first + 7));
    let content = String::from_utf8_lossy(&reply.expect(206).body).into_owned();
    assert_eq!(content.matches("\r\n\r\nabcdefgh\r\n").count(), 2, "{content}");
}

const DOWNLOAD: usize = 300_000_000;

fn content() -> &'static [u8] {
    static CONTENT: OnceLock<Vec<u8>> = OnceLock::new();
    CONTENT.get_or_init(|| noise(DOWNLOAD))
}

/// Reads content and compares it on the way.
fn download(client: &mut Client) {
    assert_eq!(client.reply_head("GET").announced_length(), DOWNLOAD as u64);
    let mut at = 0;
    while at < DOWNLOAD {
        let piece = client.read(DOWNLOAD - at).expect("more comes");
        assert!(content()[at..at + piece.len()] == piece, "differs after {at}");
        at += piece.len();
    }
}

#[test]
fn a_download_of_300_mb_arrives_byte_for_byte() {
    let server = Fixture::new().file("large.bin", content()).serve();
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    download(&mut client);
    client.send("GET /large.bin HTTP/1.1\r\nHost: test\r\nRange: bytes=-8\r\n\r\n");
    client.reply().expect(206).body(&content()[DOWNLOAD - 8..]);
    client.finish();
    assert_eq!(client.rest(), (Vec::new(), End::Fin));
}

#[test]
fn a_download_in_many_ranges_arrives_byte_for_byte() {
    let content = &content()[..20_000_000];
    let server = Fixture::new().file("large.bin", content).serve();
    let mut client = server.connect();
    for first in (0..content.len()).step_by(777_777) {
        let last = (first + 777_776).min(content.len() - 1);
        client.send(format!(
            "GET /large.bin HTTP/1.1\r\nHost: test\r\nRange: bytes={first}-{last}\r\n\r\n"
        ));
        client.reply().expect(206).body(&content[first..=last]);
    }
}

#[test]
fn a_large_file_that_is_on_the_disk_alone_arrives_byte_for_byte() {
    let content = noise(20_000_000);
    let server = Fixture::new().file("cold.bin", &content).serve();
    for _ in 0..3 {
        server.chill("cold.bin");
        server.get("/cold.bin").send().expect(200).body(&content);
    }
}

#[test]
fn parts_of_a_file_that_is_on_the_disk_alone_are_right() {
    let content = noise(20_000_000);
    let server = Fixture::new().file("cold.bin", &content).serve();
    for first in [0, 4096, 9_999_999, 19_999_990] {
        server.chill("cold.bin");
        let last = (first + 999_999).min(content.len() - 1);
        server
            .get("/cold.bin")
            .header("Range", format!("bytes={first}-{last}"))
            .send()
            .expect(206)
            .body(&content[first..=last]);
    }
    server.chill("cold.bin");
    let reply = server.get("/cold.bin").header("Range", "bytes=0-99,10000000-10000099").send();
    let found = |part: &[u8]| reply.body.windows(part.len()).any(|window| window == part);
    assert!(found(&content[..100]) && found(&content[10_000_000..10_000_100]));
}

#[test]
fn answers_from_the_disk_and_from_memory_keep_their_order() {
    let fixture = (0..20).fold(Fixture::new(), |fixture, number| {
        fixture.file(format!("{number}.bin"), noise(1000 + number * 50_000))
    });
    let server = fixture.serve();
    for number in (0..20).step_by(2) {
        server.get(format!("/{number}.bin")).send().expect(200);
    }
    for number in 0..20 {
        server.chill(format!("{number}.bin"));
    }
    let requests: String =
        (0..20).map(|number| format!("GET /{number}.bin HTTP/1.1\r\nHost: test\r\n\r\n")).collect();
    let mut client = server.raw(requests);
    for number in 0..20 {
        client.reply().expect(200).body(noise(1000 + number * 50_000));
    }
}
