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
    use std::io::Write;
    use std::process::{Command, Stdio};

    fn sample() -> Vec<u8> {
        let mut out = Vec::new();
        tuple(&mut out, 7);
        text_latin_1(&mut out, b"KEY");
        text_latin_1(&mut out, b"caf\xe9\x00\xff");
        text_latin_1(&mut out, &[b'x'; 300]);
        text_latin_1(&mut out, &[b'k'; 300]);
        bytes(&mut out, b"\x00\xff");
        number(&mut out, -5);
        dict(&mut out);
        for (name, value) in [("a", 1), ("b", 0)] {
            text_latin_1(&mut out, name.as_bytes());
            number(&mut out, value);
        }
        dict_end(&mut out);
        out
    }

    #[test]
    fn python_reads_what_was_written() {
        let program = "import marshal,sys;print(ascii(marshal.loads(sys.stdin.buffer.read())))";
        let spawned = Command::new("python3")
            .args(["-c", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut python = match spawned {
            Ok(python) => python,
            Err(error) => return eprintln!("not tested here: python3: {error}"),
        };
        let mut stdin = python.stdin.take().expect("it is piped");
        stdin.write_all(&sample()).expect("it reads");
        drop(stdin);
        let output = python.wait_with_output().expect("it ends");
        let expected = format!(
            "('KEY', 'caf\\xe9\\x00\\xff', '{}', '{}', b'\\x00\\xff', -5, {{'a': 1, 'b': 0}})\n",
            "x".repeat(300),
            "k".repeat(300)
        );
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }
}
