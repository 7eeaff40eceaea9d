//! What a client of HTTP/1 makes of the bytes that it gets: strict, and without the server's own parser.

/// A response, as far as it has come.
#[derive(Debug)]
pub(super) enum Progress {
    /// Whole, and so long.
    Whole(Reply, usize),
    /// More has to come.
    Partial,
}

/// A whole response.
#[derive(Debug)]
pub(super) struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
    /// Whether it says that the connection ends.
    pub closes: bool,
}

/// Reads the response at the front. Panics if the bytes are none, and no beginning of one.
pub(super) fn read(bytes: &[u8], is_head: bool) -> Progress {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        let begins = bytes.len().min(7);
        assert_eq!(bytes[..begins], b"HTTP/1."[..begins], "no response begins like this");
        assert!(bytes.len() < 16_384, "a head without an end");
        return Progress::Partial;
    };
    let head = std::str::from_utf8(&bytes[..end]).expect("heads are text");
    let mut lines = head.split("\r\n");
    let first = lines.next().expect("there is a first line");
    let status = first.strip_prefix("HTTP/1.1 ").expect("the version is ours");
    let status: u16 = status.get(..3).and_then(|it| it.parse().ok()).expect("a status");
    let (mut length, mut is_chunked, mut closes) = (None, false, false);
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a line of a head");
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let earlier = length.replace(value.parse::<usize>().expect("a length"));
                assert_eq!(earlier, None, "two lengths");
            }
            "transfer-encoding" => {
                assert_eq!(value, "chunked");
                is_chunked = true;
            }
            "connection" => closes = value == "close",
            _ => {}
        }
    }
    assert!(!(is_chunked && length.is_some()), "two kinds of framing");
    let rest = &bytes[end + 4..];
    // A request whose head did not come in time may have been one of any method.
    if is_head && status != 408 || status == 204 || status == 304 || status < 200 {
        return Progress::Whole(Reply { status, body: Vec::new(), closes }, end + 4);
    }
    if is_chunked {
        return match chunks(rest) {
            Some((body, used)) => Progress::Whole(Reply { status, body, closes }, end + 4 + used),
            None => Progress::Partial,
        };
    }
    let length = length.expect("every response here says how long it is");
    match rest.get(..length) {
        Some(body) => {
            Progress::Whole(Reply { status, body: body.to_vec(), closes }, end + 4 + length)
        }
        None => Progress::Partial,
    }
}

/// A body in chunks, if all of it is here.
fn chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = find(&bytes[at..], b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).expect("a size is text");
        let size = usize::from_str_radix(size, 16).expect("a size of a chunk");
        at += line + 2;
        let chunk = bytes.get(at..at + size + 2)?;
        assert_eq!(&chunk[size..], b"\r\n", "the end of a chunk");
        body.extend_from_slice(&chunk[..size]);
        at += size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}
