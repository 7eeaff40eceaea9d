//! Bytes of clients as a line shows them, so that no client can forge a line or control a terminal.

use crate::http::percent;

/// How bytes of clients are written in a format of one's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Escape {
    /// Quotes, backslashes, control characters and bytes beyond ASCII become `\xHH`, as in nginx. What is missing is
    /// shown as `-`.
    #[default]
    Default,
    /// As within a JSON string. What is missing is empty.
    Json,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    /// As [`Escape::Default`].
    Plain,
    /// As [`Escape::Json`].
    WithinJson,
    /// As a whole JSON value: a string, or `null`.
    AsJson,
}

impl From<Escape> for Quoting {
    fn from(escape: Escape) -> Quoting {
        match escape {
            Escape::Default => Quoting::Plain,
            Escape::Json => Quoting::WithinJson,
        }
    }
}

impl Quoting {
    /// Writes a value that may be missing.
    pub(super) fn write(self, out: &mut Vec<u8>, value: Option<&[u8]>) {
        match (self, value) {
            (Quoting::Plain, Some(value)) => plain(out, value),
            (Quoting::Plain, None) => out.push(b'-'),
            (Quoting::WithinJson, Some(value)) => json(out, value),
            (Quoting::WithinJson, None) => {}
            (Quoting::AsJson, Some(value)) => {
                out.push(b'"');
                json(out, value);
                out.push(b'"');
            }
            (Quoting::AsJson, None) => out.extend_from_slice(b"null"),
        }
    }
}

fn plain(out: &mut Vec<u8>, mut bytes: &[u8]) {
    // Most values have nothing to escape, and are copied at once.
    while let Some(at) = bytes.iter().position(|&byte| !IS_PLAIN[usize::from(byte)]) {
        out.extend_from_slice(&bytes[..at]);
        let [high, low] = percent::hex(bytes[at]);
        out.extend_from_slice(&[b'\\', b'x', high, low]);
        bytes = &bytes[at + 1..];
    }
    out.extend_from_slice(bytes);
}

/// RFC 8259 §7. Bytes that are not UTF-8 become U+FFFD, for JSON has no way to write them.
fn json(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        let mut text = chunk.valid();
        while let Some(at) = text.find(is_escaped) {
            let (before, behind) = text.split_at(at);
            out.extend_from_slice(before.as_bytes());
            let mut behind = behind.chars();
            match behind.next().unwrap_or_default() {
                it @ ('"' | '\\') => out.extend_from_slice(&[b'\\', it as u8]),
                it => {
                    let [high, low] = (it as u16).to_be_bytes().map(percent::hex);
                    out.extend_from_slice(b"\\u");
                    out.extend_from_slice(&[high, low].concat());
                }
            }
            text = behind.as_str();
        }
        out.extend_from_slice(text.as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// What JSON demands, and what a terminal obeys: control characters beyond ASCII too, ends of lines, and marks that turn
/// the direction of what follows.
fn is_escaped(it: char) -> bool {
    matches!(it, '"' | '\\' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || it.is_control()
}

/// Visible ASCII and space, but for the quote and the backslash.
const IS_PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        table[byte] = !matches!(byte as u8, b'"' | b'\\');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn written(quoting: Quoting, value: Option<&[u8]>) -> String {
        let mut out = Vec::new();
        quoting.write(&mut out, value);
        String::from_utf8(out).expect("it is text")
    }

    #[test]
    fn what_could_forge_a_line_is_shown_in_hexadecimal() {
        let value = &b"a\"b\\c\n\x1b[0m\x7f\xc3\xa9 d"[..];
        let plain = r"a\x22b\x5Cc\x0A\x1B[0m\x7F\xC3\xA9 d";
        assert_eq!(written(Quoting::Plain, Some(value)), plain);
        assert_eq!(written(Quoting::Plain, None), "-");
        assert_eq!(written(Quoting::Plain, Some(b"")), "");
    }

    #[test]
    fn json_holds_any_bytes() {
        let value = &b"a\"b\\c\n\x1b\x7f\xc3\xa9\xff\xc3 d"[..];
        let json = "a\\\"b\\\\c\\u000A\\u001B\\u007Fé\u{fffd}\u{fffd} d";
        assert_eq!(written(Quoting::WithinJson, Some(value)), json);
        // What terminals obey: CSI in one character, and a mark that turns the direction.
        let value = "\u{9b}31m\u{202e}\u{2028}ä€😀".as_bytes();
        let json = "\\u009B31m\\u202E\\u2028ä€😀";
        assert_eq!(written(Quoting::WithinJson, Some(value)), json);
        assert_eq!(written(Quoting::AsJson, Some(b"a\"")), "\"a\\\"\"");
        assert_eq!(written(Quoting::AsJson, None), "null");
        assert_eq!(written(Quoting::WithinJson, None), "");
    }
}
