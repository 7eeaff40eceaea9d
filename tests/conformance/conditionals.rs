//! RFC 9110 §13: preconditions, in their order and in every combination that matters.

use super::origin::{Origin, expect_open, request};
use crate::support::fixture::MODIFIED;

const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// The status of a GET of `/small.txt` with these headers, `TAG` standing for its entity tag.
#[track_caller]
fn answered(origin: &Origin, headers: &[&str], status: u16) {
    let etag = origin.get("/small.txt", &[]).etag();
    let headers: Vec<String> = headers.iter().map(|line| line.replace("TAG", &etag)).collect();
    let lines: Vec<&str> = headers.iter().map(String::as_str).collect();
    for method in ["GET", "HEAD"] {
        let reply = origin.ask(request(method, "/small.txt", &lines));
        assert_eq!(reply.status, status, "{method} with {headers:?}");
    }
}

#[test]
fn if_match_is_true_for_the_tag_a_list_with_it_and_the_asterisk() {
    let origin = Origin::new();
    answered(&origin, &["If-Match: TAG"], 200);
    answered(&origin, &["If-Match: \"x\", TAG"], 200);
    answered(&origin, &["If-Match: *"], 200);
    answered(&origin, &["If-Match: \"x\""], 412);
    answered(&origin, &["If-Match: \"x\", \"y\""], 412);
}

#[test]
fn if_match_compares_strongly() {
    let origin = Origin::new();
    answered(&origin, &["If-Match: W/TAG"], 412);
    let weak = format!("If-Match: {}", origin.get("/fresh.txt", &[]).etag());
    origin.get("/fresh.txt", &[&weak]).expect(412);
}

#[test]
fn if_none_match_is_false_for_the_tag_a_list_with_it_and_the_asterisk() {
    let origin = Origin::new();
    answered(&origin, &["If-None-Match: TAG"], 304);
    answered(&origin, &["If-None-Match: \"x\",TAG"], 304);
    answered(&origin, &["If-None-Match: *"], 304);
    answered(&origin, &["If-None-Match: \"x\""], 200);
    let bare = origin.get("/small.txt", &[]).etag();
    answered(&origin, &[&format!("If-None-Match: {}", bare.trim_matches('"'))], 200);
}

#[test]
fn if_none_match_compares_weakly() {
    let origin = Origin::new();
    answered(&origin, &["If-None-Match: W/TAG"], 304);
    let weak = format!("If-None-Match: {}", origin.get("/fresh.txt", &[]).etag());
    origin.get("/fresh.txt", &[&weak]).expect(304);
}

#[test]
fn if_modified_since_is_false_at_and_after_the_time() {
    let origin = Origin::new();
    answered(&origin, &[&format!("If-Modified-Since: {MODIFIED}")], 304);
    answered(&origin, &[&format!("If-Modified-Since: {LATER}")], 304);
    answered(&origin, &[&format!("If-Modified-Since: {EARLIER}")], 200);
}

#[test]
fn if_unmodified_since_is_true_at_and_after_the_time() {
    let origin = Origin::new();
    answered(&origin, &[&format!("If-Unmodified-Since: {MODIFIED}")], 200);
    answered(&origin, &[&format!("If-Unmodified-Since: {LATER}")], 200);
    answered(&origin, &[&format!("If-Unmodified-Since: {EARLIER}")], 412);
}

#[test]
fn all_three_forms_of_a_date_count() {
    let origin = Origin::new();
    for date in [MODIFIED, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
        answered(&origin, &[&format!("If-Modified-Since: {date}")], 304);
    }
    for date in [EARLIER, "Sunday, 06-Nov-94 08:49:36 GMT", "Sun Nov  6 08:49:36 1994"] {
        answered(&origin, &[&format!("If-Modified-Since: {date}")], 200);
    }
}

#[test]
fn what_is_no_date_is_passed_over() {
    let origin = Origin::new();
    for date in [
        "yesterday",
        "0",
        "",
        "1994-11-06",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "784111777",
    ] {
        answered(&origin, &[&format!("If-Modified-Since: {date}")], 200);
        answered(&origin, &[&format!("If-Unmodified-Since: {date}")], 200);
    }
    let list = format!("If-Modified-Since: {MODIFIED}, {MODIFIED}");
    answered(&origin, &[&list], 200);
}

#[test]
fn a_date_is_passed_over_where_its_tag_is_there() {
    let origin = Origin::new();
    let since = |date| format!("If-Modified-Since: {date}");
    answered(&origin, &["If-None-Match: \"x\"", &since(MODIFIED)], 200);
    answered(&origin, &["If-None-Match: TAG", &since(EARLIER)], 304);
    let unmodified = |date| format!("If-Unmodified-Since: {date}");
    answered(&origin, &["If-Match: TAG", &unmodified(EARLIER)], 200);
    answered(&origin, &["If-Match: \"x\"", &unmodified(MODIFIED)], 412);
}

#[test]
fn what_must_hold_comes_before_what_must_not() {
    let origin = Origin::new();
    answered(&origin, &["If-None-Match: TAG", "If-Match: \"x\""], 412);
    answered(&origin, &["If-None-Match: TAG", "If-Match: TAG"], 304);
    let unmodified = format!("If-Unmodified-Since: {EARLIER}");
    answered(&origin, &["If-None-Match: TAG", &unmodified], 412);
    let since = format!("If-Modified-Since: {MODIFIED}");
    answered(&origin, &["If-Match: \"x\"", &since], 412);
}

#[test]
fn preconditions_come_before_ranges() {
    let origin = Origin::new();
    let etag = format!("If-None-Match: {}", origin.get("/digits.txt", &[]).etag());
    origin.get("/digits.txt", &["Range: bytes=0-1", &etag]).expect(304);
    origin.get("/digits.txt", &["Range: bytes=5000-", "If-Match: \"x\""]).expect(412);
    origin.get("/digits.txt", &["Range: bytes=0-1", "If-None-Match: \"x\""]).expect(206);
}

#[test]
fn preconditions_make_nothing_else_of_an_error_or_redirect() {
    let origin = Origin::new();
    let since = format!("If-Modified-Since: {LATER}");
    for header in ["If-None-Match: *", "If-Match: \"x\"", "If-Match: *", &since] {
        origin.get("/no-such", &[header]).expect(404);
        origin.get("/folder", &[header]).expect(301);
        origin.ask(request("DELETE", "/small.txt", &[header])).expect(405);
        origin.ask(request("OPTIONS", "/small.txt", &[header])).expect(204);
    }
}

#[test]
fn not_modified_carries_the_tag_and_no_metadata() {
    let origin = Origin::new();
    let etag = origin.get("/small.txt", &[]).etag();
    let mut client = origin.connect();
    client.send(request("GET", "/small.txt", &["If-None-Match: *"]));
    let reply = client.reply();
    reply.expect(304).header("ETag", &etag);
    for name in ["Content-Type", "Content-Length", "Last-Modified", "Accept-Ranges"] {
        reply.no_header(name);
    }
    expect_open(&mut client);
}

#[test]
fn if_range_holds_for_the_strong_tag_and_the_exact_date() {
    let origin = Origin::new();
    let etag = origin.get("/digits.txt", &[]).etag();
    for (condition, status) in [
        (etag.as_str(), 206),
        (MODIFIED, 206),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 206),
        ("\"x\"", 200),
        (&format!("W/{etag}"), 200),
        (LATER, 200),
        (EARLIER, 200),
        ("*", 200),
        ("yesterday", 200),
        ("", 200),
    ] {
        let header = format!("If-Range: {condition}");
        origin.get("/digits.txt", &["Range: bytes=0-1", &header]).expect(status);
    }
}

#[test]
fn if_range_holds_for_no_weak_validator() {
    let origin = Origin::new();
    let whole = origin.get("/fresh.txt", &[]);
    let modified = whole.value("Last-Modified").to_owned();
    for condition in [whole.etag(), modified] {
        let header = format!("If-Range: {condition}");
        origin.get("/fresh.txt", &["Range: bytes=0-1", &header]).expect(200);
    }
}

#[test]
fn if_range_means_nothing_without_range() {
    let origin = Origin::new();
    origin.get("/digits.txt", &["If-Range: \"x\""]).expect(200);
    let etag = format!("If-Range: {}", origin.get("/digits.txt", &[]).etag());
    origin.get("/digits.txt", &[&etag]).expect(200);
}

#[test]
fn a_range_that_if_range_forbids_cannot_be_unsatisfiable() {
    let origin = Origin::new();
    let headers = ["Range: bytes=5000-", "If-Range: \"x\""];
    origin.get("/digits.txt", &headers).expect(200);
}
