//! The format of Python's `marshal` module, as far as an environ needs it. `marshal.loads` of any Python 3
//! reads it. (`Python/marshal.c` is its only description.)

/// Appends a string whose characters are these bytes, as PEP 3333 has it ("bytes-as-unicode").
///
/// The string is never one that Python interns, although that would suit keys: clients choose the names of
/// headers, and some versions of Python never free an interned string.
pub(crate) fn text_latin_1(out: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(length) if text.is_ascii() => {
            out.extend_from_slice(&[b'z', length]);
            out.extend_from_slice(text);
        }
        _ if text.is_ascii() => sized(out, b'a', text),
        _ => {
            // Each byte is a character, which UTF-8 writes with one byte or two.
            let utf_8: String = text.iter().map(|&byte| char::from(byte)).collect();
            sized(out, b'u', utf_8.as_bytes());
        }
    }
}

/// Appends a string.
pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    sized(out, b'u', text.as_bytes());
}

/// Appends bytes.
pub(crate) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    sized(out, b's', bytes);
}

/// Appends a number.
pub(crate) fn number(out: &mut Vec<u8>, number: i32) {
    out.push(b'i');
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends the beginning of a tuple of so many values, which follow.
pub(crate) fn tuple(out: &mut Vec<u8>, count: u8) {
    out.extend_from_slice(&[b')', count]);
}

/// Appends the beginning of a dict: keys and values follow in turn, then [`dict_end`].
pub(crate) fn dict(out: &mut Vec<u8>) {
    out.push(b'{');
}

/// Ends a dict.
pub(crate) fn dict_end(out: &mut Vec<u8>) {
    out.push(b'0');
}

fn sized(out: &mut Vec<u8>, kind: u8, content: &[u8]) {
    out.push(kind);
    out.extend_from_slice(&length_of(content.len()));
    out.extend_from_slice(content);
}

/// Lengths are signed 32-bit numbers; every value here is far shorter.
fn length_of(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap_or(i32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That Python reads them as these values is shown where an application is asked for its environ (`tests/wsgi`).
    #[test]
    fn each_value_has_the_bytes_that_python_reads() {
        let written = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut out);
            out
        };
        let long = [b'x'; 300];
        let not_ascii = [0xe9; 300];
        for (write, expected) in [
            (&(|out: &mut Vec<u8>| text_latin_1(out, b"")) as &dyn Fn(&mut Vec<u8>), &b"z\0"[..]),
            (&|out| text_latin_1(out, b"KEY"), b"z\x03KEY"),
            (&|out| text_latin_1(out, &long[..255]), &[b"z\xff", &long[..255]].concat()),
            (&|out| text_latin_1(out, &long), &[b"a\x2c\x01\0\0", &long[..]].concat()),
            (&|out| text_latin_1(out, b"caf\xe9\0\xff"), b"u\x08\0\0\0caf\xc3\xa9\0\xc3\xbf"),
            (
                &|out| text_latin_1(out, &not_ascii),
                &[&b"u\x58\x02\0\0"[..], &b"\xc3\xa9".repeat(300)].concat(),
            ),
            (&|out| text(out, "\u{20ac}"), b"u\x03\0\0\0\xe2\x82\xac"),
            (&|out| bytes(out, b"\0\xff"), b"s\x02\0\0\0\0\xff"),
            (&|out| number(out, -5), b"i\xfb\xff\xff\xff"),
            (
                &|out| {
                    tuple(out, 2);
                    dict(out);
                    text_latin_1(out, b"a");
                    number(out, 1);
                    dict_end(out);
                    number(out, 258);
                },
                b")\x02{z\x01ai\x01\0\0\x000i\x02\x01\0\0",
            ),
        ] {
            assert_eq!(written(write), expected);
        }
    }
}
