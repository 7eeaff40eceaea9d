//! Preconditions (RFC 9110 §13): what a client has already, and what it takes for granted.

use crate::support::fixture::MODIFIED;
use crate::support::{Fixture, Reply, TestServer};

const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn serve() -> TestServer {
    Fixture::new().file("a.txt", "content").serve()
}

fn tag(server: &TestServer) -> String {
    server.get("/a.txt").send().value("ETag").to_owned()
}

/// GET with these headers, `TAG` in them standing for the file's.
fn ask(headers: &[(&str, &str)]) -> Reply {
    let server = serve();
    let tag = tag(&server);
    let request = server.get("/a.txt");
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(name, value.replace("TAG", &tag)))
        .send()
}

/// RFC 9110 §15.4.5.
#[test]
fn a_copy_that_is_current_is_not_sent_again() {
    let server = serve();
    let tag = tag(&server);
    server
        .get("/a.txt")
        .header("If-None-Match", &tag)
        .send()
        .expect(304)
        .header("ETag", &tag)
        .no_header("Content-Type")
        .no_header("Content-Range")
        .no_header("Accept-Ranges")
        .body("");
}

#[test]
fn a_head_request_is_answered_304_just_the_same() {
    let server = serve();
    let tag = tag(&server);
    server.head("/a.txt").header("If-None-Match", &tag).send().expect(304);
}

#[test]
fn another_tag_gets_the_file() {
    ask(&[("If-None-Match", "\"other\"")]).expect(200).body("content");
}

/// RFC 9110 §13.1.2.
#[test]
fn one_tag_of_a_list_is_enough() {
    ask(&[("If-None-Match", "\"x\", TAG, \"y\"")]).expect(304);
    ask(&[("If-None-Match", "\"x\",TAG")]).expect(304);
    ask(&[("If-None-Match", "\"a,b\", TAG")]).expect(304);
}

/// RFC 9110 §5.3.
#[test]
fn a_list_spread_over_several_lines_is_one_list() {
    ask(&[("If-None-Match", "\"x\""), ("If-None-Match", "TAG")]).expect(304);
    ask(&[("If-None-Match", "TAG"), ("if-none-match", "\"x\"")]).expect(304);
    ask(&[("If-Match", "\"x\""), ("If-Match", "TAG")]).expect(200);
}

#[test]
fn a_star_matches_whatever_is_there() {
    ask(&[("If-None-Match", "*")]).expect(304);
    ask(&[("If-Match", "*")]).expect(200);
}

/// RFC 9110 §13.1.2: the comparison is weak.
#[test]
fn if_none_match_takes_a_weak_tag_for_the_strong_one() {
    ask(&[("If-None-Match", "W/TAG")]).expect(304);
}

/// RFC 9110 §13.1.1: the comparison is strong.
#[test]
fn if_match_does_not_take_a_weak_tag() {
    ask(&[("If-Match", "W/TAG")]).expect(412);
}

#[test]
fn a_tag_without_its_quotes_is_no_tag() {
    let server = serve();
    let tag = tag(&server);
    server.get("/a.txt").header("If-None-Match", tag.trim_matches('"')).send().expect(200);
}

#[test]
fn if_match_lets_the_expected_version_pass() {
    ask(&[("If-Match", "TAG")]).expect(200).body("content");
    ask(&[("If-Match", "\"x\", TAG")]).expect(200);
}

/// RFC 9110 §15.5.13.
#[test]
fn if_match_fails_for_another_version() {
    ask(&[("If-Match", "\"other\"")]).expect(412);
}

#[test]
fn if_modified_since_the_same_time_is_not_modified() {
    ask(&[("If-Modified-Since", MODIFIED)]).expect(304);
}

/// RFC 9110 §13.1.3: later than the file, not only equal to it.
#[test]
fn if_modified_since_a_later_time_is_not_modified() {
    ask(&[("If-Modified-Since", LATER)]).expect(304);
}

#[test]
fn if_modified_since_an_earlier_time_is_modified() {
    ask(&[("If-Modified-Since", EARLIER)]).expect(200);
}

/// RFC 9110 §5.6.7.
#[test]
fn all_three_forms_of_a_date_are_understood() {
    ask(&[("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")]).expect(304);
    ask(&[("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT")]).expect(304);
    ask(&[("If-Modified-Since", "Sun Nov  6 08:49:37 1994")]).expect(304);
    ask(&[("If-Modified-Since", "Sunday, 06-Nov-94 08:49:36 GMT")]).expect(200);
    ask(&[("If-Modified-Since", "Sun Nov  6 08:49:36 1994")]).expect(200);
}

/// RFC 9110 §13.1.3 and §13.1.4.
#[test]
fn a_date_that_is_none_is_ignored() {
    for date in ["", "yesterday", "0", "Sun, 32 Nov 1994 08:49:37 GMT", "784111777"] {
        ask(&[("If-Modified-Since", date)]).expect(200);
        ask(&[("If-Unmodified-Since", date)]).expect(200);
    }
}

#[test]
fn if_unmodified_since_compares_with_the_time_of_the_file() {
    ask(&[("If-Unmodified-Since", EARLIER)]).expect(412);
    ask(&[("If-Unmodified-Since", MODIFIED)]).expect(200);
    ask(&[("If-Unmodified-Since", LATER)]).expect(200);
}

/// RFC 9110 §13.2.2: each date is ignored where its tag is.
#[test]
fn a_tag_outweighs_a_date() {
    ask(&[("If-None-Match", "TAG"), ("If-Modified-Since", EARLIER)]).expect(304);
    ask(&[("If-None-Match", "\"x\""), ("If-Modified-Since", LATER)]).expect(200);
    ask(&[("If-Match", "TAG"), ("If-Unmodified-Since", EARLIER)]).expect(200);
    ask(&[("If-Match", "\"x\""), ("If-Unmodified-Since", LATER)]).expect(412);
}

/// RFC 9110 §13.2.2: If-Match is looked at before If-None-Match.
#[test]
fn what_must_hold_is_looked_at_before_what_is_had_already() {
    ask(&[("If-None-Match", "TAG"), ("If-Match", "\"x\"")]).expect(412);
    ask(&[("If-None-Match", "TAG"), ("If-Unmodified-Since", EARLIER)]).expect(412);
    ask(&[("If-None-Match", "TAG"), ("If-Match", "TAG")]).expect(304);
}

/// RFC 9110 §13.2.1: a precondition only counts where the answer would be a success.
#[test]
fn an_error_stays_an_error() {
    let server = Fixture::new().dir("sub").serve();
    for (name, value) in
        [("If-None-Match", "*"), ("If-Match", "\"x\""), ("If-Modified-Since", LATER)]
    {
        server.get("/missing").header(name, value).send().expect(404);
        server.get("/sub").header(name, value).send().expect(301);
        server.request("DELETE", "/a..b.txt").header(name, value).send().expect(405);
    }
}

#[test]
fn a_precondition_comes_before_a_range() {
    ask(&[("If-None-Match", "TAG"), ("Range", "bytes=0-0")]).expect(304);
    ask(&[("If-Match", "\"x\""), ("Range", "bytes=0-0")]).expect(412);
    ask(&[("If-Match", "TAG"), ("Range", "bytes=0-0")]).expect(206);
    ask(&[("If-None-Match", "TAG"), ("Range", "bytes=99-")]).expect(304);
}

/// RFC 9110 §13.1.5.
#[test]
fn if_range_lets_a_download_go_on_while_the_file_is_the_same() {
    ask(&[("Range", "bytes=1-2"), ("If-Range", "TAG")]).expect(206).body("on");
    ask(&[("Range", "bytes=1-2"), ("If-Range", MODIFIED)]).expect(206).body("on");
}

#[test]
fn if_range_starts_a_download_anew_when_the_file_is_another() {
    for condition in ["\"other\"", EARLIER, LATER, "garbage", ""] {
        ask(&[("Range", "bytes=1-2"), ("If-Range", condition)])
            .expect(200)
            .no_header("Content-Range")
            .body("content");
    }
}

/// RFC 9110 §13.1.5: the comparison is strong.
#[test]
fn if_range_does_not_take_a_weak_tag() {
    ask(&[("Range", "bytes=1-2"), ("If-Range", "W/TAG")]).expect(200);
}

/// RFC 9110 §8.8.2.2: neither the tag nor the time of a file that was just written is strong.
#[test]
fn if_range_never_holds_for_a_file_just_written() {
    let server = Fixture::new().serve();
    std::fs::write(server.root().join("new.txt"), "content").expect("it can be written");
    let reply = server.get("/new.txt").send();
    for validator in ["ETag", "Last-Modified"] {
        server
            .get("/new.txt")
            .header("Range", "bytes=1-2")
            .header("If-Range", reply.value(validator))
            .send()
            .expect(200);
    }
}

#[test]
fn if_range_without_a_range_changes_nothing() {
    ask(&[("If-Range", "TAG")]).expect(200).body("content");
    ask(&[("If-Range", "\"x\"")]).expect(200).body("content");
}

#[test]
fn a_range_outside_of_a_changed_file_is_no_error() {
    ask(&[("Range", "bytes=99-"), ("If-Range", "\"x\"")]).expect(200);
}

#[test]
fn the_tag_changes_with_the_file() {
    let server = serve();
    let old = tag(&server);
    server.replace("a.txt", "c0ntent, and more");
    server.get("/a.txt").header("If-None-Match", &old).send().expect(200).body("c0ntent, and more");
}

/// A tag that was given while the file may still have been written must not be vouched for later.
#[test]
fn a_weak_tag_does_not_match_the_rested_file() {
    let server = serve();
    let strong = tag(&server);
    let weak = format!("W/{}~\"", strong.trim_end_matches('"'));
    server.get("/a.txt").header("If-None-Match", weak).send().expect(200);
}

#[test]
fn the_connection_goes_on_after_a_304() {
    let server = serve();
    let tag = tag(&server);
    let mut client = server.connect();
    for _ in 0..3 {
        client.send(format!("GET /a.txt HTTP/1.1\r\nHost: test\r\nIf-None-Match: {tag}\r\n\r\n"));
        client.reply().expect(304);
    }
    client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply().expect(200).body("content");
}

#[test]
fn an_index_has_validators_too() {
    let server = Fixture::new().file("index.html", "top").serve();
    let tag = server.get("/").send().value("ETag").to_owned();
    server.get("/").header("If-None-Match", tag).send().expect(304);
}
