//! What clients ask for at random.

use super::*;

/// What a client asks for, and what it gets.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    /// The content of the request; `None`: it has none, and ends with its head.
    pub(super) content: Option<Vec<u8>>,
    /// Whether fields come behind the content.
    pub(super) has_trailers: bool,
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Whether the request is malformed.
    pub(super) is_reset: bool,
}

impl Ask {
    fn get(path: &'static str, body: impl Into<Vec<u8>>) -> Ask {
        Ask {
            method: "GET",
            path,
            headers: Vec::new(),
            content: None,
            has_trailers: false,
            status: 200,
            body: body.into(),
            is_reset: false,
        }
    }

    pub(super) fn any(dice: &mut Dice) -> Ask {
        match dice.below(14) {
            0 => Ask::get("/small.txt", "small\n"),
            1 => Ask::get("/middle.txt", digits(MIDDLE_BYTES)),
            2 | 3 => Ask::get("/large.bin", digits(LARGE_BYTES)),
            4 => Ask::get("/hello", "hello\n"),
            5 => Ask::get("/long", digits(LONG_BYTES)),
            6 => Ask { status: 204, ..Ask::get("/empty", "") },
            7 => Ask { method: "HEAD", ..Ask::get("/large.bin", "") },
            8 => Ask {
                headers: vec![("range", "bytes=-3000".to_owned())],
                status: 206,
                ..Ask::get("/large.bin", &digits(LARGE_BYTES)[LARGE_BYTES - 3000..])
            },
            9 => Ask {
                headers: vec![("connection", "close".to_owned())],
                is_reset: true,
                ..Ask::get("/hello", "")
            },
            // Nobody wants its content.
            10 => {
                let content = vec![b'x'; dice.amount()];
                Ask { content: Some(content), ..Ask::get("/hello", "hello\n") }
            }
            _ => {
                let content = digits(dice.amount()).into_bytes();
                let length = ("content-length", content.len().to_string());
                let headers = if dice.below(2) == 0 { vec![length] } else { Vec::new() };
                let path = if dice.below(2) == 0 { "/mirror" } else { "/offload" };
                let has_trailers = dice.below(4) == 0;
                let body = content.clone();
                let content = Some(content);
                Ask { method: "POST", headers, content, has_trailers, ..Ask::get(path, body) }
            }
        }
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = self.content.as_ref().map(Vec::len);
        write!(formatter, "{} {} {:?} ({content:?} bytes)", self.method, self.path, self.headers)
    }
}
