//! Range requests (RFC 9110 §14).

use crate::support::{Fixture, Reply, TestServer, digits, noise};

fn serve() -> TestServer {
    Fixture::new().file("t.bin", digits(1000)).serve()
}

fn ask(range: &str) -> Reply {
    serve().get("/t.bin").header("Range", range).send()
}

#[track_caller]
fn part(range: &str, first: usize, last: usize) {
    ask(range)
        .expect(206)
        .header("Content-Range", &format!("bytes {first}-{last}/1000"))
        .header("Content-Length", &(last - first + 1).to_string())
        .body(&digits(1000)[first..=last]);
}

#[track_caller]
fn whole(range: &str) {
    ask(range).expect(200).no_header("Content-Range").body(digits(1000));
}

#[test]
fn first_ten_bytes() {
    part("bytes=0-9", 0, 9);
}

#[test]
fn a_single_byte() {
    part("bytes=0-0", 0, 0);
    part("bytes=999-999", 999, 999);
}

#[test]
fn from_a_byte_to_the_end() {
    part("bytes=990-", 990, 999);
    part("bytes=0-", 0, 999);
}

#[test]
fn last_ten_bytes() {
    part("bytes=-10", 990, 999);
}

/// RFC 9110 §14.1.2.
#[test]
fn a_suffix_longer_than_the_file_is_all_of_it() {
    part("bytes=-5000", 0, 999);
}

/// RFC 9110 §14.1.2.
#[test]
fn an_end_beyond_the_file_is_its_end() {
    part("bytes=500-5000", 500, 999);
    part("bytes=999-18446744073709551615", 999, 999);
    part("bytes=999-99999999999999999999999999", 999, 999);
}

/// RFC 9110 §14.1: range units are case-insensitive.
#[test]
fn the_unit_may_be_written_in_any_case() {
    part("Bytes=1-2", 1, 2);
}

#[test]
fn the_validators_of_a_part_are_those_of_the_whole() {
    let server = serve();
    let whole = server.get("/t.bin").send();
    let part = server.get("/t.bin").header("Range", "bytes=1-2").send();
    for name in ["ETag", "Last-Modified", "Content-Type"] {
        part.header(name, whole.value(name));
    }
}

/// RFC 9110 §15.5.17.
#[test]
fn a_range_outside_of_the_file_cannot_be_satisfied() {
    for range in [
        "bytes=1000-",
        "bytes=1000-1001",
        "bytes=5000-6000",
        "bytes=-0",
        "bytes=99999999999999999999999999-",
    ] {
        ask(range).expect(416).header("Content-Range", "bytes */1000");
    }
}

#[test]
fn an_empty_file_has_no_range() {
    let server = Fixture::new().file("empty", "").serve();
    let ask = |range| server.get("/empty").header("Range", range).send();
    ask("bytes=0-").expect(416).header("Content-Range", "bytes */0");
    ask("bytes=0-0").expect(416);
    ask("bytes=-5").expect(200).body("");
}

/// RFC 9110 §14.2.
#[test]
fn an_unknown_unit_is_ignored() {
    whole("lines=1-2");
    whole("byte=1-2");
    whole("bytes =1-2");
}

/// RFC 9110 §14.2: a header that is no range is as good as none.
#[test]
fn what_is_no_range_is_ignored() {
    for range in [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=5",
        "bytes=9-5",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=1 -2",
        "bytes=0x1-2",
        "bytes=--1",
        "bytes=1-2;3-4",
        "bytes=0-0,x",
        "1-2",
    ] {
        whole(range);
    }
}

/// RFC 9110 §14.2: the method has to be GET.
#[test]
fn a_range_counts_with_get_alone() {
    let server = serve();
    server
        .head("/t.bin")
        .header("Range", "bytes=0-0")
        .send()
        .expect(200)
        .header("Content-Length", "1000")
        .no_header("Content-Range");
}

#[test]
fn a_range_of_what_is_not_there_is_not_found() {
    serve()
        .get("/missing")
        .header("Range", "bytes=0-0")
        .send()
        .expect(404)
        .no_header("Content-Range");
}

/// RFC 9110 §14.6.
#[test]
fn several_ranges_come_as_parts() {
    let reply = ask("bytes=0-4, 10-14,-5");
    reply.expect(206).no_header("Content-Range");
    assert_eq!(
        parts(&reply),
        [
            ("bytes 0-4/1000".to_owned(), digits(1000)[0..5].to_vec()),
            ("bytes 10-14/1000".to_owned(), digits(1000)[10..15].to_vec()),
            ("bytes 995-999/1000".to_owned(), digits(1000)[995..].to_vec()),
        ]
    );
}

/// RFC 9110 §14.2: the order of the request is the order of the parts.
#[test]
fn parts_come_in_the_order_they_were_asked_for() {
    let reply = ask("bytes=500-509,0-9");
    let ranges: Vec<String> = parts(&reply).into_iter().map(|part| part.0).collect();
    assert_eq!(ranges, ["bytes 500-509/1000", "bytes 0-9/1000"]);
}

/// RFC 9110 §14.6: one part is never sent as several.
#[test]
fn several_ranges_of_which_one_is_inside_are_one_part() {
    part("bytes=1-2,5000-", 1, 2);
    part("bytes=1-2,", 1, 2);
    part("bytes=,1-2,,", 1, 2);
}

#[test]
fn several_ranges_of_which_none_is_inside_cannot_be_satisfied() {
    ask("bytes=2000-,3000-4000").expect(416);
}

#[test]
fn ranges_spread_over_several_lines_are_one_list() {
    let reply = serve().get("/t.bin").header("Range", "bytes=0-4").header("Range", "10-14").send();
    assert_eq!(parts(&reply).len(), 2);
}

/// RFC 9110 §17.15: asking for a byte many times over is an attack.
#[test]
fn overlapping_ranges_that_add_up_to_more_than_the_file_get_the_file() {
    whole("bytes=0-,0-");
    whole(&format!("bytes={}", ["0-"; 16].join(",")));
    whole("bytes=0-999,-1");
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
            let parts = parts(reply.expect(206));
            assert_eq!(parts.len(), count);
            for ((said, bytes), first) in parts.iter().zip(firsts()) {
                let last = first + part_bytes - 1;
                assert_eq!(*said, format!("bytes {first}-{last}/{file_bytes}"));
                assert!(*bytes == content[first..=last], "{said}");
            }
        }
    }
}

#[test]
fn more_ranges_than_allowed_get_the_file() {
    let many: Vec<String> = (0..257).map(|n| format!("{}-{}", n * 2, n * 2)).collect();
    whole(&format!("bytes={}", many.join(",")));
}

#[test]
fn the_boundary_cannot_be_foreseen() {
    let server = serve();
    let ask = || {
        let reply = server.get("/t.bin").header("Range", "bytes=0-0,5-5").send();
        boundary(&reply).to_owned()
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
    let parts = parts(reply.expect(206));
    assert!(parts[0].1 == content[..300_000]);
    assert!(parts[1].1 == content[400_000..=400_000]);
    assert!(parts[2].1 == content[600_000..]);
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

fn boundary(reply: &Reply) -> &str {
    reply
        .value("Content-Type")
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap_or_else(|| panic!("not multipart: {reply:?}"))
}

/// Takes a multipart content apart, strictly (RFC 2046 §5.1.1); each part has its range.
fn parts(reply: &Reply) -> Vec<(String, Vec<u8>)> {
    let delimiter = format!("\r\n--{}", boundary(reply));
    let mut rest = &reply.body[..];
    let mut parts = Vec::new();
    loop {
        rest = rest
            .strip_prefix(delimiter.as_bytes())
            .unwrap_or_else(|| panic!("no delimiter: {reply:?}"));
        if rest == b"--\r\n" {
            return parts;
        }
        let head_end = position(rest, b"\r\n\r\n").expect("each part has a head");
        let head = std::str::from_utf8(&rest[..head_end]).expect("it is ASCII");
        assert!(head.contains("\r\nContent-Type: "), "{head:?}");
        let range = head
            .split("\r\n")
            .find_map(|line| line.strip_prefix("Content-Range: "))
            .expect("each part says its range");
        rest = &rest[head_end + 4..];
        let end = position(rest, delimiter.as_bytes()).expect("a delimiter follows");
        parts.push((range.to_owned(), rest[..end].to_vec()));
        rest = &rest[end..];
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
