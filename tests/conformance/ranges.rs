//! RFC 9110 §14: parts of a representation.

use super::origin::{Origin, request};
use crate::support::{digits, lossy};

#[test]
fn ranges_are_offered() {
    Origin::new().get("/digits.txt", &[]).header("Accept-Ranges", "bytes");
}

#[test]
fn each_form_of_one_range() {
    let origin = Origin::new();
    for (range, content_range, content) in [
        ("bytes=0-0", "bytes 0-0/1000", "0"),
        ("bytes=999-999", "bytes 999-999/1000", "9"),
        ("bytes=995-", "bytes 995-999/1000", "56789"),
        ("bytes=-3", "bytes 997-999/1000", "789"),
        ("bytes=998-5000", "bytes 998-999/1000", "89"),
        ("BYTES=1-2", "bytes 1-2/1000", "12"),
        ("bytes= 1-2", "bytes 1-2/1000", "12"),
    ] {
        let reply = origin.get("/digits.txt", &[&format!("Range: {range}")]);
        reply.expect(206).header("Content-Range", content_range).body(content);
    }
    for range in ["Range: bytes=0-", "Range: bytes=-5000"] {
        let all = origin.get("/digits.txt", &[range]);
        all.expect(206).header("Content-Range", "bytes 0-999/1000").body(digits(1_000));
    }
}

#[test]
fn a_part_of_a_large_file_is_the_same_as_that_of_a_small_one() {
    let origin = Origin::new();
    let reply = origin.get("/large.bin", &["Range: bytes=299998-"]);
    reply.expect(206).header("Content-Range", "bytes 299998-299999/300000").body("89");
}

#[test]
fn what_is_no_byte_range_is_passed_over() {
    let origin = Origin::new();
    for range in [
        "",
        "1-2",
        "lines=0-1",
        "byte=0-1",
        "bytes =0-1",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=--1",
        "bytes=5",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=1 -2",
        "bytes=0x1-2",
        "bytes=1-2;3-4",
        "bytes=0-1, x",
    ] {
        let reply = origin.get("/digits.txt", &[&format!("Range: {range}")]);
        reply.expect(200).no_header("Content-Range").body(digits(1_000));
    }
}

#[test]
fn positions_may_be_larger_than_any_integer() {
    let origin = Origin::new();
    let far = "9".repeat(40);
    origin.get("/digits.txt", &[&format!("Range: bytes=999-{far}")]).expect(206).body("9");
    origin.get("/digits.txt", &[&format!("Range: bytes={far}-")]).expect(416);
    origin.get("/digits.txt", &[&format!("Range: bytes=-{far}")]).expect(206);
}

#[test]
fn a_range_outside_is_416_with_the_length() {
    let origin = Origin::new();
    for range in ["bytes=1000-", "bytes=5000-6000", "bytes=-0", "bytes=1000-,2000-"] {
        let reply = origin.get("/digits.txt", &[&format!("Range: {range}")]);
        reply.expect(416).header("Content-Range", "bytes */1000");
    }
    let reply = origin.get("/empty.bin", &["Range: bytes=0-"]);
    reply.expect(416).header("Content-Range", "bytes */0");
}

#[test]
fn range_counts_on_get_alone() {
    let origin = Origin::new();
    for range in ["Range: bytes=0-1", "Range: bytes=5000-"] {
        let reply = origin.ask(request("HEAD", "/digits.txt", &[range]));
        reply.expect(200).header("Content-Length", "1000").no_header("Content-Range");
        origin.ask(request("POST", "/digits.txt", &[range])).expect(405);
        origin.ask(request("OPTIONS", "/digits.txt", &[range])).expect(204);
    }
}

#[test]
fn range_means_nothing_to_errors_redirects_and_handlers() {
    let origin = Origin::new();
    origin.get("/no-such", &["Range: bytes=0-1"]).expect(404);
    origin.get("/folder", &["Range: bytes=0-1"]).expect(301);
    origin.get("/hello", &["Range: bytes=0-1"]).expect(200).body("hello\n");
}

#[test]
fn a_part_has_every_header_of_the_whole() {
    let origin = Origin::new();
    let whole = origin.get("/digits.txt", &[]);
    let part = origin.get("/digits.txt", &["Range: bytes=0-1"]);
    for name in ["ETag", "Last-Modified", "Content-Type", "Accept-Ranges"] {
        assert_eq!(whole.value(name), part.value(name), "{name}");
    }
    part.expect(206).header("Content-Length", "2");
}

#[test]
fn several_ranges_come_as_parts_in_the_order_asked_for() {
    let origin = Origin::new();
    for target in ["/digits.txt", "/large.bin"] {
        let whole = origin.get(target, &[]);
        let length = whole.body.len();
        let reply = origin.get(target, &["Range: bytes=500-503, 0-0 ,-2"]);
        reply.expect(206).no_header("Content-Range").header("ETag", &whole.etag());
        let last = format!("{}-{}", length - 2, length - 1);
        let found = reply.parts();
        for (part, (range, bytes)) in
            found.iter().zip([("500-503", "0123"), ("0-0", "0"), (last.as_str(), "89")])
        {
            assert_eq!(part.kind, whole.value("Content-Type"));
            assert_eq!(part.range, format!("bytes {range}/{length}"));
            assert_eq!(lossy(&part.content), bytes);
        }
        assert_eq!(found.len(), 3);
    }
}

#[test]
fn one_range_is_never_sent_in_parts() {
    let origin = Origin::new();
    for range in
        ["Range: bytes=0-1", "Range: bytes=0-1,", "Range: bytes=,0-1,,", "Range: bytes=0-1, 5000-"]
    {
        let reply = origin.get("/digits.txt", &[range]);
        reply.expect(206).header("Content-Range", "bytes 0-1/1000").body("01");
    }
}

#[test]
fn many_or_overlapping_ranges_get_the_whole() {
    let origin = Origin::new();
    let many: Vec<String> = (0..257).map(|at| format!("{at}-{at}")).collect();
    let range = |count| format!("Range: bytes={}", many[..count].join(","));
    origin.get("/digits.txt", &[&range(257)]).expect(200);
    let reply = origin.get("/digits.txt", &[&range(256)]);
    assert_eq!(reply.expect(206).parts().len(), 256);
    for overlapping in ["bytes=0-,0-", "bytes=0-,0-,0-", "bytes=0-999,-1"] {
        let reply = origin.get("/digits.txt", &[&format!("Range: {overlapping}")]);
        reply.expect(200).body(digits(1_000));
    }
}

#[test]
fn a_suffix_of_nothing_is_nothing() {
    let origin = Origin::new();
    origin.get("/empty.bin", &["Range: bytes=-5"]).expect(200).body("");
}
