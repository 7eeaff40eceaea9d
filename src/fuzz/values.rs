//! What holds for the values that handlers read out of a request, whatever its bytes are.

use crate::http::{Cookie, Pairs, RequestError, cookie};
use crate::site::{Form, FormLimits};
use std::io::{self, Read};

/// Pairs are no longer than what they were made of, can be encoded again, and are found by their names.
pub fn pairs(bytes: &[u8]) {
    let all: Vec<_> = Pairs::new(bytes).bytes().collect();
    let length: usize = all.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(length <= bytes.len() && all.len() <= bytes.len());
    let encoded: Vec<u8> = all
        .iter()
        .flat_map(|(name, value)| [&encode(name)[..], b"=", &encode(value), b"&"].concat())
        .collect();
    assert!(Pairs::new(&encoded).bytes().eq(all.iter().cloned()));
    assert_eq!(Pairs::new(bytes).count(), all.len());
    for (name, _) in &all {
        let Ok(name) = str::from_utf8(name) else { continue };
        let first = Pairs::new(bytes).find(|(found, _)| found == name).map(|(_, value)| value);
        assert_eq!(Pairs::new(bytes).value(name), first);
    }
}

fn encode(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect()
}

/// A cookie that is read has a name and nothing that ends one; one that can be set is read again.
pub fn cookies(bytes: &[u8]) {
    let lines = || bytes.split(|byte| *byte == b'\n');
    for (name, value) in cookie::cookies(lines()) {
        assert!(!name.is_empty() && !name.contains(&b'=') && !name.contains(&b';'));
        assert!(!value.contains(&b';'));
        let (Ok(name), Ok(value)) = (str::from_utf8(name), str::from_utf8(value)) else { continue };
        assert!(cookie::value(lines(), name).is_none_or(|first| !first.contains(';')));
        let Ok(set) = Cookie::new(name, value) else { continue };
        let set = set.to_string();
        assert!(set.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{set}");
        let (pair, attributes) = set.split_once("; ").expect("it has attributes");
        assert!(attributes.starts_with("Path=/"));
        assert_eq!(cookie::value([pair.as_bytes()].into_iter(), name), Some(value));
    }
}

/// A form is the same however its bytes come, keeps its limits, and calls no file by a path. The first line is its
/// type; its length says how the bytes come.
pub fn fields(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (content_type, body) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let limits = FormLimits::default().parts_max(8).bytes_max(4096);
    let read = |step| Form::read(Some(content_type), Pieces { body, step }, &limits);
    let (at_once, in_pieces) = (read(usize::MAX), read(end % 13 + 1));
    match (&at_once, &in_pieces) {
        (Ok(at_once), Ok(in_pieces)) => {
            assert!(at_once.fields().eq(in_pieces.fields()));
            let files = at_once.files().iter().zip(in_pieces.files());
            assert!(files.into_iter().all(|(one, other)| one.bytes() == other.bytes()));
            assert_eq!(at_once.files().len(), in_pieces.files().len());
            assert!(at_once.files().len() + at_once.fields().count() <= 8);
            for file in at_once.files() {
                let name = file.name();
                assert!(!name.contains(['/', '\\']) && name != "." && name != "..");
            }
        }
        // A bound may be passed by what follows in the same piece.
        (Err(at_once), Err(in_pieces)) => {
            is_plain(at_once);
            is_plain(in_pieces);
        }
        (at_once, in_pieces) => panic!("at once {at_once:?}, in pieces {in_pieces:?}"),
    }
}

/// A body that comes in pieces of this size.
struct Pieces<'a> {
    body: &'a [u8],
    step: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len().min(self.step);
        self.body.read(&mut buffer[..room])
    }
}

/// JSON is read as what it is; why it is not read is said in one short line.
#[cfg(feature = "json")]
pub fn json(bytes: &[u8]) {
    use crate::http::json::parse;
    use serde_json::Value;
    use std::collections::BTreeMap;

    match (parse::<Value>(bytes), serde_json::from_slice::<Value>(bytes)) {
        (Ok(read), Ok(expected)) => assert_eq!(read, expected),
        (Err(error), Err(_)) => {
            assert_eq!(error.status().code(), 400);
            is_plain(&error);
        }
        (read, expected) => panic!("{read:?}, not {expected:?}"),
    }
    // Shapes that few texts have: most are refused in the middle.
    if let Err(error) = parse::<BTreeMap<String, Vec<BTreeMap<String, u8>>>>(bytes) {
        assert!(matches!(error.status().code(), 400 | 422));
        is_plain(&error);
    }
}

/// The text of an error is a line that may be shown to anybody.
fn is_plain(error: &RequestError) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.len() < 600);
    assert!(!text.chars().any(char::is_control));
}
