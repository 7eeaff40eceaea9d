//! What a line can show of an exchange, by the names that nginx gives it.
//!
//! [`Early`] values are known when the response is queued, while the request can still be seen; [`Late`] ones only when
//! the response has ended.

use super::escape::Quoting;
use super::stamp::Pen;
use super::subject::Subject;
use crate::http::h1::write::write_number;
use crate::http::{HeaderName, Status, Version, basic};
use crate::server::record::Record;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// A value that is known when the response is queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Early {
    RemoteAddr,
    RemotePort,
    RemoteUser,
    TimeLocal,
    TimeIso8601,
    /// As [`Early::TimeIso8601`], with milliseconds and `Z`.
    TimeUtc,
    /// Seconds since 1970, with milliseconds.
    Msec,
    /// `13:05:07Z`
    TimeOfDay,
    Request,
    Method,
    /// The request line without the version.
    MethodAndTarget,
    Target,
    Uri,
    Args,
    IsArgs,
    Protocol,
    Scheme,
    Https,
    Host,
    Header(HeaderName),
    OtherHeader(Box<str>),
    SentHeader(Box<str>),
    ServerName,
    ServerAddr,
    ServerPort,
    Status,
    ColouredStatus,
    RequestId,
    TlsVersion,
    TlsCipher,
    TlsServerName,
    TlsResumed,
    Location,
    Cache,
}

/// A value that is known when the response has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    BodyBytesSent,
    BytesSent,
    RequestBytes,
    RequestBodyBytes,
    /// In seconds, with milliseconds.
    Time,
    TimeToFirstByte,
    /// In milliseconds, with one digit behind the point.
    Milliseconds,
    /// `OK`, or nothing if the response was broken off.
    Completion,
    /// `true` or `false`.
    IsComplete,
}

/// Where a name leads.
pub(super) enum Named {
    Early(Early),
    Late(Late),
    /// Always the same in this process.
    Constant(String),
}

/// A name, and how its variable is made.
type NamedVariable = (&'static str, fn() -> Named);

/// The variables that have one name each.
const NAMES: &[NamedVariable] = &[
    ("args", || Named::Early(Early::Args)),
    ("body_bytes_sent", || Named::Late(Late::BodyBytesSent)),
    ("bytes_sent", || Named::Late(Late::BytesSent)),
    ("cache_status", || Named::Early(Early::Cache)),
    ("content_length", || Named::Early(Early::Header(HeaderName::ContentLength))),
    ("content_type", || Named::Early(Early::Header(HeaderName::ContentType))),
    ("document_uri", || Named::Early(Early::Uri)),
    ("first_byte_time", || Named::Late(Late::TimeToFirstByte)),
    ("host", || Named::Early(Early::Host)),
    ("hostname", || Named::Constant(crate::sys::process::host_name())),
    ("https", || Named::Early(Early::Https)),
    ("is_args", || Named::Early(Early::IsArgs)),
    ("location", || Named::Early(Early::Location)),
    ("msec", || Named::Early(Early::Msec)),
    ("pid", || Named::Constant(std::process::id().to_string())),
    ("query_string", || Named::Early(Early::Args)),
    ("remote_addr", || Named::Early(Early::RemoteAddr)),
    ("remote_port", || Named::Early(Early::RemotePort)),
    ("remote_user", || Named::Early(Early::RemoteUser)),
    ("request", || Named::Early(Early::Request)),
    ("request_body_length", || Named::Late(Late::RequestBodyBytes)),
    ("request_completion", || Named::Late(Late::Completion)),
    ("request_id", || Named::Early(Early::RequestId)),
    ("request_length", || Named::Late(Late::RequestBytes)),
    ("request_method", || Named::Early(Early::Method)),
    ("request_time", || Named::Late(Late::Time)),
    ("request_uri", || Named::Early(Early::Target)),
    ("scheme", || Named::Early(Early::Scheme)),
    ("server_addr", || Named::Early(Early::ServerAddr)),
    ("server_name", || Named::Early(Early::ServerName)),
    ("server_port", || Named::Early(Early::ServerPort)),
    ("server_protocol", || Named::Early(Early::Protocol)),
    ("ssl_cipher", || Named::Early(Early::TlsCipher)),
    ("ssl_protocol", || Named::Early(Early::TlsVersion)),
    ("ssl_server_name", || Named::Early(Early::TlsServerName)),
    ("ssl_session_reused", || Named::Early(Early::TlsResumed)),
    ("status", || Named::Early(Early::Status)),
    ("time_iso8601", || Named::Early(Early::TimeIso8601)),
    ("time_local", || Named::Early(Early::TimeLocal)),
    ("uri", || Named::Early(Early::Uri)),
];

/// The names of all variables but those of headers, for error messages.
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the program's errors use it"))]
pub(crate) fn names() -> Vec<&'static str> {
    NAMES.iter().map(|(name, _)| *name).collect()
}

/// The variable of this name.
pub(super) fn named(name: &str) -> Option<Named> {
    if let Some((_, make)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(make());
    }
    let of_header = |name: &str| {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte != b'$');
        is_name.then(|| name.replace('_', "-"))
    };
    if let Some(name) = name.strip_prefix("sent_http_").and_then(of_header) {
        return Some(Named::Early(Early::SentHeader(name.into())));
    }
    let name = name.strip_prefix("http_").and_then(of_header)?;
    Some(Named::Early(match HeaderName::recognise(name.as_bytes()) {
        Some(known) => Early::Header(known),
        None => Early::OtherHeader(name.into()),
    }))
}

impl Early {
    /// Writes the value. It allocates nothing, but for the name in `Authorization`.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        quoting: Quoting,
        pen: &mut Pen,
        subject: &Subject<'_>,
    ) {
        let Pen { stamp, scratch } = pen;
        match self {
            Early::RemoteAddr => match quoting {
                Quoting::AsJson => {
                    out.push(b'"');
                    write_address(out, subject.client);
                    out.push(b'"');
                }
                _ => write_address(out, subject.client),
            },
            Early::RemotePort => write_port(out, quoting, subject.client),
            Early::RemoteUser => {
                let authorization = subject.header(HeaderName::Authorization);
                let credentials = authorization.and_then(basic::credentials);
                quoting.write(out, credentials.as_ref().map(|(name, _)| &name[..]));
            }
            Early::TimeLocal => out.extend_from_slice(stamp.local()),
            Early::TimeIso8601 => {
                out.extend_from_slice(stamp.iso());
                out.extend_from_slice(b"+00:00");
            }
            Early::TimeUtc => {
                out.extend_from_slice(stamp.iso());
                write_millis(out, stamp.millis());
                out.push(b'Z');
            }
            Early::Msec => {
                write_number(out, stamp.second());
                write_millis(out, stamp.millis());
            }
            Early::TimeOfDay => {
                out.extend_from_slice(&stamp.local()[TIME_OF_DAY]);
                out.push(b'Z');
            }
            Early::Request => quoting.write(out, Some(subject.request_line)),
            Early::Method => {
                let method = subject.method.as_ref().map(|method| method.as_str().as_bytes());
                quoting.write(out, method);
            }
            Early::MethodAndTarget => {
                let line = subject.request_line;
                let version =
                    memchr::memrchr(b' ', line).filter(|at| line[*at..].starts_with(b" HTTP/"));
                quoting.write(out, Some(&line[..version.unwrap_or(line.len())]));
            }
            Early::Target => quoting.write(out, subject.target()),
            Early::Uri => match subject.raw_path() {
                Some(path) if memchr::memchr(b'%', path).is_some() => {
                    scratch.clear();
                    scratch.extend(percent_encoding::percent_decode(path));
                    quoting.write(out, Some(scratch));
                }
                path => quoting.write(out, path),
            },
            Early::Args => quoting.write(out, subject.query()),
            Early::IsArgs => {
                if subject.query().is_some_and(|query| !query.is_empty()) {
                    out.push(b'?');
                }
            }
            Early::Protocol => {
                let protocol = subject.method.map(|_| match subject.version {
                    Version::Http10 => &b"HTTP/1.0"[..],
                    Version::Http11 => b"HTTP/1.1",
                    Version::Http2 => b"HTTP/2.0",
                });
                quoting.write(out, protocol);
            }
            Early::Scheme => quoting.write(out, Some(subject.scheme.as_str().as_bytes())),
            Early::Https => {
                if subject.scheme == crate::http::Scheme::Https {
                    out.extend_from_slice(b"on");
                }
            }
            Early::Host => match subject.host() {
                Some(host) if host.iter().any(u8::is_ascii_uppercase) => {
                    scratch.clear();
                    scratch.extend(host.iter().map(u8::to_ascii_lowercase));
                    quoting.write(out, Some(scratch));
                }
                host => quoting.write(out, host),
            },
            Early::Header(name) => quoting.write(out, subject.header(*name)),
            Early::OtherHeader(name) => {
                quoting.write(out, subject.headers.find(subject.bytes, name));
            }
            Early::SentHeader(name) => quoting.write(out, subject.sent.value(name)),
            Early::ServerName => quoting.write(out, subject.server_name().map(str::as_bytes)),
            Early::ServerAddr => match subject.listener {
                Some(_) => write_address(out, subject.listener),
                None => quoting.write(out, None),
            },
            Early::ServerPort => write_port(out, quoting, subject.listener),
            Early::Status => write_number(out, u64::from(subject.status.code())),
            Early::ColouredStatus => write_coloured(out, subject.status),
            Early::RequestId => quoting.write(out, subject.request_id),
            Early::TlsVersion => {
                let tls = subject.tls();
                quoting.write(out, tls.as_ref().map(|tls| tls.version().as_str().as_bytes()));
            }
            Early::TlsCipher => {
                let tls = subject.tls();
                quoting.write(out, tls.as_ref().map(|tls| tls.cipher_suite().as_bytes()));
            }
            Early::TlsServerName => {
                let tls = subject.tls();
                let name = tls.as_ref().and_then(|tls| tls.server_name());
                quoting.write(out, name.map(str::as_bytes));
            }
            Early::TlsResumed => {
                let word = |resumed| if resumed { &b"r"[..] } else { b"." };
                let tls = subject.tls();
                quoting.write(out, tls.as_ref().map(|tls| word(tls.is_resumed())));
            }
            Early::Location => quoting.write(out, subject.location()),
            Early::Cache => quoting.write(out, subject.cache.as_str().map(str::as_bytes)),
        }
    }
}

impl Late {
    /// Writes the value.
    pub(super) fn write(self, out: &mut Vec<u8>, record: &Record, ended: Instant) {
        match self {
            Late::BodyBytesSent => write_number(out, record.body_bytes_out),
            Late::BytesSent => write_number(out, record.bytes_out()),
            Late::RequestBytes => write_number(out, record.bytes_in()),
            Late::RequestBodyBytes => write_number(out, record.body_bytes_in),
            Late::Time => write_seconds(out, record.time(ended)),
            Late::TimeToFirstByte => write_seconds(out, record.time_to_first_byte()),
            Late::Milliseconds => {
                // Writing to a Vec cannot fail.
                let _ = write!(out, "{:.1}", record.time(ended).as_secs_f64() * 1e3);
            }
            Late::Completion if record.is_complete => out.extend_from_slice(b"OK"),
            Late::Completion => {}
            Late::IsComplete if record.is_complete => out.extend_from_slice(b"true"),
            Late::IsComplete => out.extend_from_slice(b"false"),
        }
    }
}

/// An address without its port; `unix:` for a Unix socket, as nginx has it.
fn write_address(out: &mut Vec<u8>, address: Option<SocketAddr>) {
    match address.map(|address| address.ip()) {
        Some(IpAddr::V4(address)) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                write_number(out, u64::from(octet));
            }
        }
        Some(IpAddr::V6(address)) => {
            // Writing to a Vec cannot fail.
            let _ = write!(out, "{address}");
        }
        None => out.extend_from_slice(b"unix:"),
    }
}

fn write_port(out: &mut Vec<u8>, quoting: Quoting, address: Option<SocketAddr>) {
    match address {
        Some(address) => write_number(out, u64::from(address.port())),
        None => quoting.write(out, None),
    }
}

/// Green for success, cyan for redirects and 304, yellow for errors of the client, red for errors of the server.
fn write_coloured(out: &mut Vec<u8>, status: Status) {
    let colour: &[u8] = match status.code() {
        500.. => b"\x1b[31m",
        400.. => b"\x1b[33m",
        300.. => b"\x1b[36m",
        _ => b"\x1b[32m",
    };
    out.extend_from_slice(colour);
    write_number(out, u64::from(status.code()));
    out.extend_from_slice(b"\x1b[0m");
}

/// Seconds with milliseconds.
fn write_seconds(out: &mut Vec<u8>, time: Duration) {
    write_number(out, time.as_secs());
    write_millis(out, time.subsec_millis());
}

/// `.042`
fn write_millis(out: &mut Vec<u8>, millis: u32) {
    out.push(b'.');
    out.extend([millis / 100, millis / 10 % 10, millis % 10].map(|digit| b'0' + digit as u8));
}

/// Where the time of day is in a [`Stamp`].
const TIME_OF_DAY: std::ops::Range<usize> = 12..20;
