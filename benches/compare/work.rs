//! The kinds of work: what is requested, over how many connections, and what the right answer is.

use std::fmt;

use crate::servers::Server;
use crate::site;

/// One kind of work, in the order of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Work {
    /// A 38-byte file over connections that are kept alive
    Small,
    /// The same, with a request head as long as a browser's
    BrowserHead,
    /// The same, 16 requests at a time
    Pipelined,
    /// The same, each request over a connection of its own
    Close,
    /// The same, over 2,000 connections
    Connections,
    /// The same, answered with 304
    NotModified,
    /// A file that does not exist
    NotFound,
    /// 9 KB of a 955 KB file
    Range,
    /// 10,000 files of 0.2 to 200 KB, some far more popular than others
    ManyFiles,
    /// A file that fits into a socket buffer or two
    #[value(name = "file-98k")]
    File98k,
    /// A file that does not
    #[value(name = "file-955k")]
    File955k,
    /// The small file, and a line in the access log for each request
    AccessLog,
}

/// What the right answer is.
#[derive(Clone, Copy)]
pub struct Expected {
    pub status: u16,
    /// Of the body, at least.
    pub body_bytes_min: usize,
}

impl Work {
    pub const ALL: [Work; 12] = [
        Work::Small,
        Work::BrowserHead,
        Work::Pipelined,
        Work::Close,
        Work::Connections,
        Work::NotModified,
        Work::NotFound,
        Work::Range,
        Work::ManyFiles,
        Work::File98k,
        Work::File955k,
        Work::AccessLog,
    ];

    /// As `--only` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Work::Small => "small",
            Work::BrowserHead => "browser-head",
            Work::Pipelined => "pipelined",
            Work::Close => "close",
            Work::Connections => "connections",
            Work::NotModified => "not-modified",
            Work::NotFound => "not-found",
            Work::Range => "range",
            Work::ManyFiles => "many-files",
            Work::File98k => "file-98k",
            Work::File955k => "file-955k",
            Work::AccessLog => "access-log",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Work::Small => "38 B file, keep-alive",
            Work::BrowserHead => "38 B file, browser-sized request head",
            Work::Pipelined => "38 B file, 16 requests pipelined",
            Work::Close => "38 B file, Connection: close",
            Work::Connections => "38 B file, 2,000 connections",
            Work::NotModified => "304 Not Modified",
            Work::NotFound => "404 Not Found",
            Work::Range => "9 KB range of a 955 KB file",
            Work::ManyFiles => "10,000 files of 0.2–200 KB, Zipf-like",
            Work::File98k => "98,620 B file",
            Work::File955k => "954,824 B file",
            Work::AccessLog => "38 B file, access log on",
        }
    }

    /// The target of the request; of the first, where there are many.
    pub fn target(self) -> &'static str {
        match self {
            Work::NotFound => "/missing.html",
            Work::Range | Work::File955k => "/955k.bin",
            Work::ManyFiles => "/many/00/00000.html",
            Work::File98k => "/98k.bin",
            _ => "/small.html",
        }
    }

    /// Headers of the request beside Host, one per line; what only the server knows (its ETag) is not here.
    pub fn headers(self) -> Vec<String> {
        let headers = match self {
            Work::BrowserHead => BROWSER,
            Work::Close => &["Connection: close"],
            Work::Range => &["Range: bytes=400000-409215"],
            _ => &[],
        };
        headers.iter().map(ToString::to_string).collect()
    }

    pub fn connections(self) -> u32 {
        match self {
            Work::Connections => 2_000,
            _ => 100,
        }
    }

    /// How many requests are sent before an answer is awaited.
    pub fn pipelined(self) -> usize {
        match self {
            Work::Pipelined => 16,
            _ => 1,
        }
    }

    pub fn expected(self) -> Expected {
        let (status, body_bytes_min) = match self {
            Work::NotModified => (304, 0),
            Work::NotFound => (404, 0),
            Work::Range => (206, RANGE_BYTES),
            Work::ManyFiles => (200, 200),
            Work::File98k => (200, site::MEDIUM_BYTES),
            Work::File955k => (200, site::LARGE_BYTES),
            _ => (200, site::SMALL_BYTES),
        };
        Expected { status, body_bytes_min }
    }

    /// Whether a server can do this work at all.
    pub fn concerns(self, server: Server) -> bool {
        match self {
            Work::AccessLog => server.has_access_log(),
            _ => true,
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.title())
    }
}

pub const RANGE_BYTES: usize = 9_216;

/// What a desktop browser sends for a subresource, cookies of an analytics script included.
const BROWSER: &[&str] = &[
    "Connection: keep-alive",
    "sec-ch-ua: \"Chromium\";v=\"148\", \"Not.A/Brand\";v=\"24\", \"Google Chrome\";v=\"148\"",
    "sec-ch-ua-mobile: ?0",
    "sec-ch-ua-platform: \"Linux\"",
    "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-User: ?1",
    "Sec-Fetch-Dest: document",
    "Referer: http://www.example.org/articles/2026/11/a-page-that-leads-here.html",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
    "Cookie: _ga=GA1.1.1234567890.1761900000; _ga_ABCDEF1234=GS2.1.s1763900000; session=0123456789abcdef0123456789abcdef",
];
