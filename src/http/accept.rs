//! How much a client wants a media type: `Accept` (RFC 9110 §12.5.1).

use super::list;
use super::weight::{self, WEIGHT_MAX};

/// How much a client wants something; more is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Preference {
    /// The weight (RFC 9110 §12.4.2) in thousandths. 0: it does not take it.
    pub(crate) weight: u16,
    /// How precisely the client names it: 2 by its name, 1 by `type/*`, 0 by `*/*`.
    precision: u8,
}

/// How much a client that sent this `Accept` wants a media type, given in lower case as `type/subtype`. The most precise
/// range that covers it counts. Without the header, everything is welcome.
pub(crate) fn preference(accept: Option<&[u8]>, media_type: &str) -> Preference {
    let Some(accept) = accept else {
        return Preference { weight: WEIGHT_MAX, precision: 0 };
    };
    let ranges = list::elements(accept).filter_map(|element| {
        let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let precision = covers(parts.next()?, media_type.as_bytes())?;
        // One that breaks the grammar counts as absent.
        let weight = parts.find_map(|it| weight::of_parameter(it).flatten());
        Some(Preference { precision, weight: weight.unwrap_or(WEIGHT_MAX) })
    });
    // Of two equal ranges the first counts.
    ranges
        .reduce(|best, other| if other.precision > best.precision { other } else { best })
        .unwrap_or(Preference { weight: 0, precision: 0 })
}

/// How precisely a media range covers a type, if it does.
fn covers(range: &[u8], media_type: &[u8]) -> Option<u8> {
    if range.eq_ignore_ascii_case(media_type) {
        return Some(2);
    }
    let all_of = range.strip_suffix(b"/*")?;
    let slash = media_type.iter().position(|&byte| byte == b'/')?;
    match all_of {
        b"*" => Some(0),
        all_of => all_of.eq_ignore_ascii_case(&media_type[..slash]).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &str, media_type: &str) -> (u16, u8) {
        let found = preference(Some(accept.as_bytes()), media_type);
        (found.weight, found.precision)
    }

    #[test]
    fn the_most_precise_range_says_the_weight() {
        let accept = "text/*;q=0.3, text/plain;q=0.7, */*;q=0.5";
        assert_eq!(of(accept, "text/plain"), (700, 2));
        assert_eq!(of(accept, "text/html"), (300, 1));
        assert_eq!(of(accept, "application/json"), (500, 0));
        assert_eq!(of("text/plain", "text/html"), (0, 0));
        assert_eq!(of("Text/HTML;level=1", "text/html"), (1000, 2));
        assert_eq!(of("", "text/html"), (0, 0));
        assert_eq!(preference(None, "text/html").weight, 1000);
    }

    #[test]
    fn a_weight_is_read_as_the_rfc_writes_it() {
        for (parameter, expected) in [
            ("q=0", 0),
            ("q=1", 1000),
            ("Q=0.5", 500),
            ("q=0.05", 50),
            ("q=0.001", 1),
            ("q=0.", 0),
            ("q=1.000", 1000),
            ("q=1.5", 1000),
            ("q=0.0001", 1000),
            ("q=2", 1000),
            ("q=x", 1000),
            ("q=", 1000),
            ("q", 1000),
        ] {
            assert_eq!(of(&format!("a/b ; {parameter}"), "a/b").0, expected, "{parameter}");
        }
    }

    #[test]
    fn of_two_with_one_weight_the_one_that_is_named_is_wanted_more() {
        let wants = |accept: &str| {
            let of = |media_type| preference(Some(accept.as_bytes()), media_type);
            of("application/json") > of("text/html")
        };
        assert!(wants("application/json") && wants("application/json, text/plain, */*"));
        assert!(!wants("*/*") && !wants("text/html,application/xhtml+xml,*/*;q=0.8"));
        assert!(wants("application/json, text/html;q=0.9"));
    }
}
