//! Which values are read, and what is said of the others.

use super::*;

#[test]
fn durations_have_a_unit() {
    let table = [
        ("30s", Some(Duration::from_secs(30))),
        ("500ms", Some(Duration::from_millis(500))),
        ("2m", Some(Duration::from_secs(120))),
        ("1h", Some(Duration::from_secs(3600))),
        ("30", None),
        ("s", None),
        ("", None),
        ("1.5s", None),
        ("30 s", None),
        ("-1s", None),
        ("30S", None),
        ("18446744073709551615h", None),
        ("99999999999999999999s", None),
        ("1é", None),
    ];
    for (text, expected) in table {
        assert_eq!(parse_duration(text), expected, "{text:?}");
    }
}

#[test]
fn sizes_may_have_a_unit_in_tens_or_in_twos() {
    let table = [
        ("512", Some(512)),
        ("512B", Some(512)),
        ("64KiB", Some(65_536)),
        ("64KB", Some(64_000)),
        ("64kB", Some(64_000)),
        ("8MiB", Some(8_388_608)),
        ("1GB", Some(1_000_000_000)),
        ("2GiB", Some(2_147_483_648)),
        ("1TiB", Some(1_099_511_627_776)),
        ("0", Some(0)),
        ("8mib", None),
        ("8 MiB", None),
        ("MiB", None),
        ("-8MiB", None),
        ("18446744073709551615KiB", None),
        ("8é", None),
    ];
    for (text, expected) in table {
        assert_eq!(parse_bytes(text), expected, "{text:?}");
    }
}

#[test]
fn choices_are_listed_as_a_person_would_list_them() {
    let words = |words: &[&str]| words.iter().map(|it| it.to_string()).collect::<Vec<_>>();
    assert_eq!(one_of(&words(&["a"])), "a");
    assert_eq!(one_of(&words(&["a", "b"])), "a or b");
    assert_eq!(one_of(&words(&["a", "b", "c"])), "a, b or c");
}
