//! JSON in the body of a request (RFC 8259), read into what a program asks for, or refused with the reason and
//! its place.

use super::RequestError;
use super::parameters::Parameters;
use serde_core::de::DeserializeOwned;
use serde_json::error::Category;
use std::fmt::Write;

/// Reads a value.
///
/// # Errors
/// 400 where it is no JSON, 422 where the values are not those that `T` asks for; with line, column and, in the
/// latter case, the path of the value: `notes[2].text: invalid type: …`.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RequestError> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => {
            let path = path_at(&bytes[..offset(bytes, error.line(), error.column())]);
            let separator = if path.is_empty() { "" } else { ": " };
            RequestError::unprocessable(format!("{path}{separator}{error}"))
        }
        Category::Syntax | Category::Eof | Category::Io => {
            RequestError::malformed(format!("the body is not JSON: {error}"))
        }
    })
}

/// Checks that a body is said to be JSON: `application/json`, or a type with the suffix `+json` (RFC 6839 §3.1).
///
/// Other types are refused, because a page of any site may have a browser send those without asking.
///
/// # Errors
/// 415 for another type and for none.
pub(crate) fn check_type(content_type: Option<&[u8]>) -> Result<(), RequestError> {
    let essence = Parameters::of(content_type.unwrap_or_default()).value;
    let suffix = essence.len().checked_sub(SUFFIX.len()).map(|start| &essence[start..]);
    if essence.eq_ignore_ascii_case(TYPE.as_bytes())
        || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(SUFFIX))
    {
        Ok(())
    } else {
        Err(RequestError::wrong_type(&[TYPE], content_type))
    }
}

/// The media type of JSON.
pub(crate) const TYPE: &str = "application/json";

const SUFFIX: &[u8] = b"+json";

/// How many bytes precede this line and column, which count from one.
fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let start = match line.checked_sub(2) {
        None => 0,
        Some(before) => memchr::memchr_iter(b'\n', bytes).nth(before).map_or(0, |end| end + 1),
    };
    start.saturating_add(column).min(bytes.len())
}

/// An object or array that is open.
enum Level<'a> {
    /// With the last name in it, as it is written.
    Object(&'a [u8]),
    /// With the number of the element.
    Array(usize),
}

/// The path of what was read last of a text that is cut off: `notes[2].text`; empty for the whole.
fn path_at(text: &[u8]) -> String {
    let mut levels: Vec<Level<'_>> = Vec::new();
    let mut at = 0;
    let mut name_comes = false;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' => {
                name_comes = true;
                levels.push(Level::Object(b""));
            }
            b'[' => {
                name_comes = false;
                levels.push(Level::Array(0));
            }
            b'}' | b']' => {
                name_comes = false;
                levels.pop();
            }
            b',' => match levels.last_mut() {
                Some(Level::Array(index)) => *index += 1,
                Some(Level::Object(_)) => name_comes = true,
                None => {}
            },
            b'"' => {
                let string = string(&text[at..]);
                at += string.len() + 1;
                if let (true, Some(Level::Object(name))) = (name_comes, levels.last_mut()) {
                    *name = string;
                    name_comes = false;
                }
            }
            _ => {}
        }
    }

    let mut path = String::new();
    for level in &levels {
        match level {
            Level::Object(b"") => {}
            Level::Object(name) if is_plain(name) => {
                let separator = if path.is_empty() { "" } else { "." };
                path.push_str(separator);
                path.push_str(&String::from_utf8_lossy(name));
            }
            Level::Object(name) => {
                let shown = String::from_utf8_lossy(&name[..name.len().min(NAME_BYTES_MAX)]);
                let _ = write!(path, "[\"{shown}\"]");
            }
            Level::Array(index) => {
                let _ = write!(path, "[{index}]");
            }
        }
    }
    path
}

/// What precedes the closing quote.
fn string(text: &[u8]) -> &[u8] {
    let mut at = 0;
    while let Some(next) = memchr::memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        at += next;
        if text[at] == b'"' {
            return &text[..at];
        }
        at += 2;
    }
    text
}

/// Whether a name can stand in a path without quotes.
fn is_plain(name: &[u8]) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// More of a name is not shown.
const NAME_BYTES_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Status;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        text: String,
        #[serde(default)]
        tags: Vec<u8>,
        #[serde(default)]
        kind: Option<Kind>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Long,
        Short(u8),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Notes {
        notes: Vec<Note>,
    }

    fn error<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> (u16, String) {
        let error = parse::<T>(text.as_bytes()).expect_err(text);
        (error.status().code(), error.to_string())
    }

    #[test]
    fn a_value_is_read() {
        let notes: Notes =
            parse(b" {\"notes\": [{\"text\": \"\\u00e4\"}], \"x\": 1}\n").expect("ok");
        assert_eq!(notes.notes[0].text, "ä");
    }

    #[test]
    fn what_is_no_json_is_malformed_at_a_line_and_column() {
        for (text, reason) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("buy milk", "expected value at line 1 column 1"),
            ("{\"notes\": [\n1,\n}", "expected value at line 3 column 1"),
            ("{\"notes\": []} x", "trailing characters at line 1 column 15"),
            ("{\"notes\":", "EOF while parsing a value at line 1 column 9"),
        ] {
            assert_eq!(
                error::<serde_json::Value>(text),
                (400, format!("the body is not JSON: {reason}"))
            );
        }
        let (status, text) = error::<serde_json::Value>(&"[".repeat(100_000));
        assert_eq!((status, &text[..44]), (400, "the body is not JSON: recursion limit exceed"));
        assert_eq!(parse::<String>(b"\"\xff\"").expect_err("not UTF-8").status().code(), 400);
    }

    #[test]
    fn another_shape_is_unprocessable_at_a_path() {
        for (text, reason) in [
            ("[]", "invalid length 0, expected struct Notes with 1 element at line 1 column 2"),
            ("7", "invalid type: integer `7`, expected struct Notes at line 1 column 1"),
            ("{}", "missing field `notes` at line 1 column 2"),
            (
                "{\"notes\": [{\"text\": \"a\"}, {\"tags\": [1, 2]}]}",
                "notes[1]: missing field `text` at line 1 column 42",
            ),
            (
                "{\"notes\": [\n {\"text\": 5}]}",
                "notes[0].text: invalid type: integer `5`, expected a string at line 2 column 11",
            ),
            (
                "{\"notes\": [{\"text\": [1]}]}",
                "notes[0].text: invalid type: sequence, expected a string at line 1 column 20",
            ),
            (
                "{\"notes\": [{\"text\": \"]\\\"\", \"tags\": [1, 2, 300]}]}",
                "notes[0].tags[2]: invalid value: integer `300`, expected u8 at line 1 column 45",
            ),
            (
                "{\"notes\": [{\"txt\": \"a\"}]}",
                "notes[0].txt: unknown field `txt`, expected one of `text`, `tags`, `kind` \
                 at line 1 column 17",
            ),
            (
                "{\"notes\": [{\"kind\": {\"short\": \"x\"}}]}",
                "notes[0].kind.short: invalid type: string \"x\", expected u8 at line 1 column 33",
            ),
            (
                "{\"notes\": [{\"kind\": \"none\"}]}",
                "notes[0].kind: unknown variant `none`, expected `long` or `short` \
                 at line 1 column 26",
            ),
        ] {
            assert_eq!(error::<Notes>(text), (422, reason.to_owned()), "{text}");
        }
        let (_, reason) = error::<BTreeMap<String, u8>>("{\"a\": 1, \"b c\": -1}");
        assert!(reason.starts_with("[\"b c\"]: invalid value: integer `-1`, "), "{reason}");
    }

    #[test]
    fn a_hostile_client_gets_a_short_answer() {
        let long = format!("{{\"notes\": [{{\"{}\\n\": 1}}]}}", "a".repeat(100_000));
        let (status, text) = error::<Notes>(&long);
        assert_eq!(status, 422);
        assert!(text.len() < 600 && !text.contains('\n'), "{text}");
    }

    #[test]
    fn a_path_is_found_in_any_text() {
        for (text, path) in [
            ("", ""),
            ("]]}}", ""),
            ("{", ""),
            ("{\"", ""),
            ("{\"a\\", "[\"a\\\"]"),
            ("{\"a\\\"b\":1", "[\"a\\\"b\"]"),
            ("{\"a\":\"b\",\"c\":{\"d\":[[],[1,\",\",", "c.d[1][2]"),
            ("[{\"a\":{}},", "[1]"),
            ("{\"a\":[{}],\"b\"", "b"),
            ("{\"\u{e4}\":", "[\"\u{e4}\"]"),
        ] {
            assert_eq!(path_at(text.as_bytes()), path, "{text}");
        }
    }

    #[test]
    fn only_json_is_json() {
        for sound in
            ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"]
        {
            assert_eq!(check_type(Some(sound.as_bytes())), Ok(()), "{sound}");
        }
        for other in ["text/plain", "application/jsonp", "json", "+jso", "", "multipart/form-data"]
        {
            let error = check_type(Some(other.as_bytes())).expect_err(other);
            assert_eq!(error.status(), Status::UNSUPPORTED_MEDIA_TYPE);
        }
        assert!(check_type(None).is_err());
    }
}
