//! Names, and the block of headers.

use super::*;

#[test]
fn names_are_recognised_in_any_case() {
    assert_eq!(HeaderName::recognise(b"HOST"), Some(HeaderName::Host));
    assert_eq!(HeaderName::recognise(b"If-None-MATCH"), Some(HeaderName::IfNoneMatch));
    assert_eq!(HeaderName::recognise(b"x-host"), None);
}

fn lines(headers: &Headers) -> String {
    let lines = FieldLines::render(headers.iter());
    String::from_utf8(lines.as_bytes().to_vec()).expect("the test's are ASCII")
}

#[test]
fn a_value_cannot_start_a_header_of_its_own() {
    let mut headers = Headers::new();
    headers.add("X-Name", "a\r\nSet-Cookie: b\0").expect("it is a token");
    assert_eq!(lines(&headers), "X-Name: a  Set-Cookie: b \r\n");
}

#[test]
fn names_that_are_none_or_not_the_handlers_are_refused() {
    let mut headers = Headers::new();
    for bad in ["", "A: b\r\nC", "a b", "ä"] {
        assert_eq!(headers.add(bad, "x"), Err(HeaderError::BadName(bad.to_owned())));
    }
    for ours in ["content-length", "Transfer-Encoding", "Date", "SERVER", "connection"] {
        assert_eq!(headers.add(ours, "5"), Err(HeaderError::WrittenWhenSent(ours.to_owned())));
    }
    headers.add("X", "y").expect("it is a token");
    assert_eq!(lines(&headers), "X: y\r\n");
}

#[test]
fn what_is_removed_is_gone_and_the_rest_stays_in_order() {
    let shared = Arc::new(FieldLines::render([("A", "0"), ("C", "1")]).into());
    let mut headers = Headers::shared(&shared);
    for (name, value) in [("A", "1"), ("b", "2"), ("a", "3"), ("Ab", "4")] {
        headers.add(name, value).expect("it is a token");
    }
    headers.remove("a");
    assert_eq!(lines(&headers), "C: 1\r\nb: 2\r\nAb: 4\r\n");
}

#[test]
fn many_headers_spill_over_without_losing_a_byte() {
    let shared = Arc::new(FieldLines::render([("ETag", "\"1\"")]).into());
    let mut headers = Headers::shared(&shared);
    let mut expected = "ETag: \"1\"\r\n".to_owned();
    for number in 0..40 {
        let value = "v".repeat(number * 20);
        headers.add("X-Number", &value).expect("it is a token");
        expected += &format!("X-Number: {value}\r\n");
    }
    assert_eq!(lines(&headers), expected);
    assert_eq!(headers.value("x-number"), Some(&b""[..]));
    assert_eq!(headers.value("x-other"), None);
    let mut copy = Headers::new();
    copy.append(&headers);
    assert_eq!(lines(&copy), expected);
}
