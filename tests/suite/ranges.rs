//! Ranges of files of any size, as programs ask for them. What RFC 9110 §14 demands has its tests in
//! `conformance`.

use crate::support::{Fixture, digits, noise};
use std::time::{Duration, Instant};

#[test]
fn ranges_spread_over_several_lines_are_one_list() {
    let server = Fixture::new().file("t.bin", digits(1000)).serve();
    let request = server.get("/t.bin").header("Range", "bytes=0-4").header("Range", "10-14");
    assert_eq!(request.send().parts().len(), 2);
}

/// zsync asks for 20 at once, zchunk for 127.
#[test]
fn as_many_ranges_as_programs_ask_for_come_as_parts() {
    let content = noise(2_000_000);
    let server =
        Fixture::new().file("small.bin", &content[..9000]).file("large.bin", &content).serve();
    for (target, file_bytes, part_bytes) in [
        ("/small.bin", 9_000, 1),
        ("/small.bin", 9_000, 35),
        ("/large.bin", 2_000_000, 1),
        ("/large.bin", 2_000_000, 7_812),
    ] {
        for count in [17, 20, 127, 256] {
            let stride = file_bytes / count;
            // Last ones first: the order does not matter.
            let firsts = || (0..count).rev().map(|number| number * stride);
            let ranges: Vec<String> =
                firsts().map(|first| format!("{first}-{}", first + part_bytes - 1)).collect();
            let range = format!("bytes={}", ranges.join(","));
            let reply = server.get(target).header("Range", &range).send();
            let parts = reply.expect(206).parts();
            assert_eq!(parts.len(), count);
            for (part, first) in parts.iter().zip(firsts()) {
                let last = first + part_bytes - 1;
                assert_eq!(part.range, format!("bytes {first}-{last}/{file_bytes}"));
                assert!(part.content == content[first..=last], "{}", part.range);
            }
        }
    }
}

#[test]
fn the_boundary_cannot_be_foreseen() {
    let server = Fixture::new().file("t.bin", digits(1000)).serve();
    let ask = || {
        let reply = server.get("/t.bin").header("Range", "bytes=0-0,5-5").send();
        reply.boundary().to_owned()
    };
    assert_ne!(ask(), ask());
}

#[test]
fn parts_of_a_large_file_are_what_they_say() {
    let content = noise(1_000_000);
    let server = Fixture::new().file("large.bin", &content).serve();
    let reply = server
        .get("/large.bin")
        .header("Range", "bytes=0-299999,400000-400000,600000-999999")
        .send();
    let parts = reply.expect(206).parts();
    assert!(parts[0].content == content[..300_000]);
    assert!(parts[1].content == content[400_000..=400_000]);
    assert!(parts[2].content == content[600_000..]);
}

#[test]
fn every_range_around_the_bounds_of_a_large_file_is_right() {
    let content = noise(300_000);
    let server = Fixture::new().file("large.bin", &content).serve();
    let mut client = server.connect();
    let places = [0, 1, 4095, 4096, 4097, 131_071, 131_072, 262_144, 299_998, 299_999];
    for (index, first) in places.iter().enumerate() {
        for last in &places[index..] {
            client.send(format!(
                "GET /large.bin HTTP/1.1\r\nHost: test\r\nRange: bytes={first}-{last}\r\n\r\n"
            ));
            let reply = client.reply();
            reply
                .expect(206)
                .header("Content-Range", &format!("bytes {first}-{last}/300000"))
                .body(&content[*first..=*last]);
        }
    }
}

#[test]
fn an_index_has_ranges_too() {
    let server = Fixture::new().file("index.html", "0123").serve();
    server.get("/").header("Range", "bytes=1-2").send().expect(206).body("12");
}

/// The kernel sends what waits for a full segment after 200 ms.
#[test]
fn a_range_that_does_not_begin_at_a_page_is_not_held_back() {
    let content = noise(300_000);
    let server = Fixture::new().file("large.bin", &content).serve();
    let mut client = server.connect();
    let begun = Instant::now();
    for _ in 0..20 {
        client.send("GET /large.bin HTTP/1.1\r\nHost: test\r\nRange: bytes=2000-\r\n\r\n");
        client.reply().expect(206).body(&content[2000..]);
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}
