//! Comma-separated lists in header values (RFC 9110 §5.6.1), with quoted strings kept whole.

/// The non-empty elements of a list, each without the white space around it.
///
/// A comma inside a quoted string (RFC 9110 §5.6.4) does not end an element.
pub(crate) fn elements(value: &[u8]) -> Elements<'_> {
    Elements { rest: value }
}

/// Iterator of [`elements`].
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = element_end(self.rest);
            let element = self.rest[..end].trim_ascii();
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

/// Whether the list has this token, in any case of letters.
pub(crate) fn contains_token(value: &[u8], token: &[u8]) -> bool {
    elements(value).any(|element| element.eq_ignore_ascii_case(token))
}

fn element_end(bytes: &[u8]) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (position, &byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return position,
            _ => {}
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(value: &str) -> Vec<String> {
        elements(value.as_bytes()).map(|one| String::from_utf8_lossy(one).into_owned()).collect()
    }

    #[test]
    fn empty_elements_and_white_space_are_dropped() {
        assert_eq!(split(" a ,, b,\t,c"), ["a", "b", "c"]);
        assert!(split(", ,").is_empty());
    }

    #[test]
    fn a_quoted_comma_does_not_end_an_element() {
        assert_eq!(split(r#""a,b", c"#), [r#""a,b""#, "c"]);
        assert_eq!(split(r#""a\",b", c"#), [r#""a\",b""#, "c"]);
        assert_eq!(split(r#""open, end"#), [r#""open, end"#]);
    }

    #[test]
    fn tokens_are_found_in_any_case() {
        assert!(contains_token(b"Keep-Alive, CLOSE", b"close"));
        assert!(!contains_token(b"closed", b"close"));
    }
}
