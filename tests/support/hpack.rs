//! HPACK for the clients of tests (RFC 7541): what they send is plain, what they read may be anything.
//!
//! It shares nothing with the server's own, so that a fault there shows here.

use std::collections::{HashMap, VecDeque};
use std::sync::LazyLock;

pub type Field = (String, String);

/// Appends a field that the other side is not to keep.
pub fn plain(out: &mut Vec<u8>, name: &str, value: &str) {
    literal(out, 0, name, value);
}

/// Appends a field that the other side is to keep.
pub fn kept(out: &mut Vec<u8>, name: &str, value: &str) {
    literal(out, 0x40, name, value);
}

fn literal(out: &mut Vec<u8>, pattern: u8, name: &str, value: &str) {
    out.push(pattern);
    for text in [name, value] {
        integer(out, 0, 7, text.len());
        out.extend_from_slice(text.as_bytes());
    }
}

/// Appends an integer with these bits before it (RFC 7541 §5.1).
pub fn integer(out: &mut Vec<u8>, pattern: u8, prefix: u32, value: usize) {
    let most = (1 << prefix) - 1;
    if value < most {
        out.push(pattern | value as u8);
        return;
    }
    out.push(pattern | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        out.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    out.push(rest as u8);
}

/// Reads what a server sends, which must be right.
#[derive(Default)]
pub struct Decoder {
    /// The newest first.
    table: VecDeque<Field>,
    /// Smaller than the usual one if the server says so.
    size_max: Option<usize>,
}

impl Decoder {
    pub fn decode(&mut self, block: &[u8]) -> Vec<Field> {
        let mut block = Block(block);
        let mut fields = Vec::new();
        while let Some(&first) = block.0.first() {
            match first {
                0x80.. => {
                    let index = block.integer(7);
                    fields.push(self.field(index));
                }
                0x20..0x40 => {
                    assert!(fields.is_empty(), "a change of the table's size behind a field");
                    let size = block.integer(5);
                    assert!(size <= TABLE_BYTES, "a table of {size} bytes");
                    self.size_max = Some(size);
                    self.shrink();
                }
                _ => {
                    let is_kept = first >= 0x40;
                    let index = block.integer(if is_kept { 6 } else { 4 });
                    let name = match index {
                        0 => block.string(),
                        _ => self.field(index).0,
                    };
                    let field = (name, block.string());
                    if is_kept {
                        self.table.push_front(field.clone());
                        self.shrink();
                    }
                    fields.push(field);
                }
            }
        }
        fields
    }

    fn field(&self, index: usize) -> Field {
        match index.checked_sub(STATIC.len() + 1) {
            Some(place) => self.table[place].clone(),
            None => {
                let (name, value) = STATIC[index - 1];
                (name.to_owned(), value.to_owned())
            }
        }
    }

    fn shrink(&mut self) {
        let size = |(name, value): &Field| name.len() + value.len() + 32;
        while self.table.iter().map(size).sum::<usize>() > self.size_max.unwrap_or(TABLE_BYTES) {
            self.table.pop_back();
        }
    }
}

/// What is left of a block.
struct Block<'a>(&'a [u8]);

impl Block<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().expect("a block does not end there");
        self.0 = rest;
        *first
    }

    fn integer(&mut self, prefix: u32) -> usize {
        let most = (1 << prefix) - 1;
        let mut value = usize::from(self.byte()) & most;
        if value < most {
            return value;
        }
        for shift in (0..28).step_by(7) {
            let byte = usize::from(self.byte());
            value += (byte & 127) << shift;
            if byte < 128 {
                return value;
            }
        }
        panic!("an integer is too long");
    }

    fn string(&mut self) -> String {
        let is_encoded = self.0.first().is_some_and(|first| *first >= 128);
        let length = self.integer(7);
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        let bytes = if is_encoded { unhuffed(bytes) } else { bytes.to_vec() };
        bytes.into_iter().map(char::from).collect()
    }
}

/// RFC 7541 §5.2, a bit at a time.
fn unhuffed(bytes: &[u8]) -> Vec<u8> {
    // The code is canonical: its lengths say everything (appendix B).
    static CODES: LazyLock<HashMap<(u8, u32), u8>> = LazyLock::new(|| {
        let mut codes = HashMap::new();
        let mut code = 0;
        for length in 1..=30 {
            for symbol in (0..=255).filter(|symbol| LENGTHS[usize::from(*symbol)] == length) {
                codes.insert((length, code), symbol);
                code += 1;
            }
            code <<= 1;
        }
        codes
    });
    let mut out = Vec::new();
    let (mut length, mut code) = (0, 0);
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)) {
        (length, code) = (length + 1, code << 1 | u32::from(bit));
        assert!(length <= 30, "no code of any symbol");
        if let Some(symbol) = CODES.get(&(length, code)) {
            out.push(*symbol);
            (length, code) = (0, 0);
        }
    }
    assert!(length < 8 && code == (1 << length) - 1, "the padding is not of ones");
    out
}

const TABLE_BYTES: usize = 4096;

const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// How long the code of each byte is.
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];
