//! Names and texts in a page, in a link and in JSON, whatever bytes they have.

use crate::http::target::encode_path;
use std::io::{self, Write};

/// What becomes of control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Controls {
    /// They are shown: a new line as `␊`.
    Shown,
    /// As in a text: tabs and new lines remain.
    Text,
}

/// Writes text for HTML, and for values of its attributes. What is not UTF-8 becomes U+FFFD, and so does what would turn
/// the direction of the text after it, in which a name could pass for another.
pub(crate) fn write_html(bytes: &[u8], controls: Controls, out: &mut dyn Write) -> io::Result<()> {
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        let mut start = 0;
        for (at, character) in valid.char_indices() {
            let mut buffer = [0; 4];
            let replacement = match character {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                '\n' | '\t' if controls == Controls::Text => continue,
                '\r' if controls == Controls::Text => "",
                '\0'..='\x1f' | '\x7f' => picture(character).encode_utf8(&mut buffer),
                '\u{80}'..='\u{9f}' => "\u{fffd}",
                '\u{61c}' | '\u{200e}' | '\u{200f}' => "\u{fffd}",
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "\u{fffd}",
                _ => continue,
            };
            out.write_all(&valid.as_bytes()[start..at])?;
            out.write_all(replacement.as_bytes())?;
            start = at + character.len_utf8();
        }
        out.write_all(&valid.as_bytes()[start..])?;
        if !chunk.invalid().is_empty() {
            out.write_all("\u{fffd}".as_bytes())?;
        }
    }
    Ok(())
}

/// The picture that Unicode has for a control character.
fn picture(control: char) -> char {
    let number = match control {
        '\x7f' => 0x21,
        control => u32::from(control),
    };
    char::from_u32(0x2400 + number).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Writes a name as a relative reference to it, for the value of an attribute.
pub(crate) fn write_link(name: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let link = link(name);
    let mut pieces = link.split(|&byte| byte == b'&');
    out.write_all(pieces.next().unwrap_or_default())?;
    for piece in pieces {
        out.write_all(b"&amp;")?;
        out.write_all(piece)?;
    }
    Ok(())
}

/// A name as a relative reference. What stands before a colon would be taken for a scheme (RFC 3986 §4.2).
fn link(name: &[u8]) -> Vec<u8> {
    let mut link = Vec::with_capacity(name.len() + 2);
    if name.contains(&b':') {
        link.extend_from_slice(b"./");
    }
    encode_path(name, &mut link);
    link
}

/// Writes a name as a string of JSON (RFC 8259 §7). What is not UTF-8 becomes U+FFFD.
pub(crate) fn write_json(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"\"")?;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.write_all(b"\\\"")?,
                '\\' => out.write_all(b"\\\\")?,
                '\n' => out.write_all(b"\\n")?,
                '\0'..='\x1f' | '\x7f' => write!(out, "\\u{:04x}", u32::from(character))?,
                _ => out.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?,
            }
        }
        if !chunk.invalid().is_empty() {
            out.write_all("\u{fffd}".as_bytes())?;
        }
    }
    out.write_all(b"\"")
}

/// Writes the reference to a name as a string of JSON.
pub(crate) fn write_json_link(name: &[u8], out: &mut dyn Write) -> io::Result<()> {
    write_json(&link(name), out)
}
