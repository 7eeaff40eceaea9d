//! Which outcome each combination of preconditions has.

use super::*;
use crate::http::HeadLimits;
use crate::http::Peer;
use crate::http::h1::request_reader::RequestReader;
use std::time::{Duration, UNIX_EPOCH};

const LIMITS: HeadLimits =
    HeadLimits { target_bytes_max: 100, head_bytes_max: 1000, header_count_max: 20 };

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

fn with_request<T>(method: &str, headers: &str, ask: impl Fn(&RequestHead<'_>) -> T) -> T {
    let text = format!("{method} /a HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    let mut reader = RequestReader::new();
    reader.read_head(text.as_bytes(), &LIMITS).unwrap().expect("the head is complete");
    ask(&reader.request(text.as_bytes(), Peer::default()).unwrap())
}

/// Judges headers by a file of the tag `"1-2"` (or its weak form), modified at `DATE`.
fn judge(headers: &str, etag: Option<Strength>) -> Judgement {
    let preconditions = with_request("PUT", headers, Preconditions::of);
    let etag = etag.map(|strength| ETag::of(1, 2, strength));
    preconditions.judge(etag.as_ref().map(|etag| Validators {
        etag: Some(etag),
        is_tag_awaited: false,
        modified: Some(UNIX_EPOCH + Duration::from_secs(784_111_777)),
        date: Strength::Weak,
    }))
}

#[test]
fn a_change_is_made_only_where_the_preconditions_hold() {
    use Judgement::{Failed, Holds};
    let since = format!("If-Unmodified-Since: {DATE}\r\n");
    let too_old = format!("If-Unmodified-Since: {EARLIER}\r\n");
    for (headers, nothing, file) in [
        ("", Holds, Holds),
        ("If-Match: *\r\n", Failed, Holds),
        ("If-Match: \"1-2\"\r\n", Failed, Holds),
        ("If-Match: \"0-0\", \"1-2\"\r\n", Failed, Holds),
        ("If-Match: \"0-0\"\r\nIf-Match: \"1-2\"\r\n", Failed, Holds),
        ("If-Match: \"0-0\"\r\n", Failed, Failed),
        ("If-Match: W/\"1-2\"\r\n", Failed, Failed),
        ("If-Match: 1-2\r\n", Failed, Failed),
        ("If-Match:\r\n", Failed, Failed),
        ("If-None-Match: *\r\n", Holds, Failed),
        ("If-None-Match: \"1-2\"\r\n", Holds, Failed),
        ("If-None-Match: W/\"1-2\"\r\n", Holds, Failed),
        ("If-None-Match: \"0-0\", \"3-4\"\r\n", Holds, Holds),
        ("If-Match: \"1-2\"\r\nIf-None-Match: \"1-2\"\r\n", Failed, Failed),
        (&since, Holds, Holds),
        (&too_old, Holds, Failed),
        (&format!("If-Match: \"1-2\"\r\n{too_old}"), Failed, Holds),
        (&format!("If-None-Match: *\r\n{since}"), Holds, Failed),
        ("If-Unmodified-Since: yesterday\r\n", Holds, Holds),
        (&format!("If-Modified-Since: {DATE}\r\n"), Holds, Holds),
    ] {
        assert_eq!(judge(headers, None), nothing, "{headers:?}, nothing there");
        assert_eq!(judge(headers, Some(Strength::Strong)), file, "{headers:?}, a file there");
    }
}

#[test]
fn a_weak_tag_permits_no_overwriting_of_what_the_client_may_not_have_seen() {
    assert_eq!(judge("If-Match: W/\"1-2~\"\r\n", Some(Strength::Weak)), Judgement::Failed);
    assert_eq!(judge("If-Match: \"1-2~\"\r\n", Some(Strength::Weak)), Judgement::Failed);
    assert_eq!(judge("If-Match: *\r\n", Some(Strength::Weak)), Judgement::Holds);
    assert_eq!(judge("If-None-Match: W/\"1-2~\"\r\n", Some(Strength::Weak)), Judgement::Failed);
}

#[test]
fn without_a_date_the_headers_with_a_date_do_not_count() {
    let tag = ETag::of(1, 2, Strength::Weak);
    let range = "Range: bytes=0-1\r\n";
    for (headers, expected) in [
        ("", Outcome::Proceed(RangeHeader::Ignore)),
        (range, Outcome::Proceed(RangeHeader::Ignore)),
        ("If-None-Match: W/\"1-2~\"\r\n", Outcome::NotModified),
        ("If-None-Match: \"1-2~\"\r\n", Outcome::NotModified),
        ("If-None-Match: *\r\n", Outcome::NotModified),
        ("If-None-Match: \"1-3~\"\r\n", Outcome::Proceed(RangeHeader::Ignore)),
        ("If-Match: W/\"1-2~\"\r\n", Outcome::Failed),
        ("If-Match: *\r\n", Outcome::Proceed(RangeHeader::Ignore)),
        (&format!("If-Modified-Since: {DATE}\r\n"), Outcome::Proceed(RangeHeader::Ignore)),
        (&format!("If-Unmodified-Since: {DATE}\r\n"), Outcome::Proceed(RangeHeader::Ignore)),
    ] {
        let outcome = with_request("GET", headers, |request| evaluate_tag(request, &tag));
        assert_eq!(outcome, expected, "{headers}");
    }
}

/// RFC 9110 §8.8.2.2: of two versions within one second the tags differ and the date does not.
#[test]
fn if_range_with_a_date_waits_for_the_second_to_be_over() {
    let headers = format!("Range: bytes=0-1\r\nIf-Range: {DATE}\r\n");
    let range = |date| {
        with_request("GET", &headers, |request| {
            let etag = &ETag::of(1, 2, Strength::Strong);
            let modified = Some(UNIX_EPOCH + Duration::from_secs(784_111_777));
            let (etag, is_tag_awaited) = (Some(etag), false);
            evaluate(request, Validators { etag, is_tag_awaited, modified, date })
        })
    };
    assert_eq!(range(Strength::Weak), Outcome::Proceed(RangeHeader::Ignore));
    assert_eq!(range(Strength::Strong), Outcome::Proceed(RangeHeader::Honour));
}

/// A file whose time says nothing has no validators; one whose tag is being made has none yet.
#[test]
fn without_validators_nothing_is_known_to_be_unchanged() {
    let since = format!("If-Modified-Since: {DATE}\r\n");
    let unless = format!("If-Unmodified-Since: {EARLIER}\r\n");
    let range = "Range: bytes=0-1\r\n";
    let by_date = format!("{range}If-Range: {DATE}\r\n");
    let by_tag = format!("{range}If-Range: \"1-2\"\r\n");
    let whole = Outcome::Proceed(RangeHeader::Ignore);
    for (headers, never, awaited) in [
        ("", whole, whole),
        (&since, whole, whole),
        (&unless, whole, whole),
        ("If-None-Match: \"1-2\"\r\n", whole, whole),
        ("If-None-Match: *\r\n", Outcome::NotModified, Outcome::NotModified),
        ("If-Match: *\r\n", whole, whole),
        ("If-Match: \"1-2\"\r\n", Outcome::Failed, Outcome::TagAwaited),
        (range, Outcome::Proceed(RangeHeader::Honour), Outcome::Proceed(RangeHeader::Honour)),
        (&by_date, whole, whole),
        (&by_tag, whole, whole),
    ] {
        for (is_tag_awaited, expected) in [(false, never), (true, awaited)] {
            let date = Strength::Strong;
            let validators = Validators { etag: None, is_tag_awaited, modified: None, date };
            let outcome = with_request("GET", headers, |it| evaluate(it, validators));
            assert_eq!(outcome, expected, "{headers:?}, awaited: {is_tag_awaited}");
        }
    }
}
