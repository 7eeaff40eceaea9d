//! `httpd healthcheck URL`: asks a server whether it is healthy, for images that have neither a shell nor curl. It reads no
//! configuration and serves nothing.

use crate::config::parse_timeout;
use crate::program::logging;
use clap::Parser;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Ask a server whether it is healthy: GET a URL, and exit with 0 if the status is 2xx, otherwise with 1.
///
/// It prints one line. It follows no redirect.
#[derive(Debug, Parser)]
#[command(name = "httpd healthcheck", bin_name = "httpd healthcheck", disable_help_flag = true, after_help = AFTER_HELP)]
struct HealthFlags {
    /// http://HOST:PORT/PATH, or unix:/PATH/TO/SOCKET:/PATH
    #[arg(value_name = "URL")]
    url: String,

    /// How long it may take
    #[arg(short, long, value_name = "TIME", value_parser = parse_timeout, default_value = "3s")]
    timeout: Duration,

    /// Print this help and exit
    #[arg(short, long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// Where to ask for what.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    server: ServerPlace,
    /// The value of `Host`.
    host: String,
    target: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ServerPlace {
    /// With a port.
    Tcp(String),
    Unix(String),
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reply {
    code: u16,
    /// The status line without the version, and the first line of a short text.
    text: String,
}

/// Does it, if the first argument asks for it.
pub(super) fn asked(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1)? != HEALTHCHECK {
        return None;
    }
    let flags = match HealthFlags::try_parse_from(&arguments[1..]) {
        Ok(flags) => flags,
        Err(error) => {
            // Nothing can be done where it cannot be printed.
            let _ = error.print();
            return Some(ExitCode::from(u8::from(error.exit_code() != 0)));
        }
    };
    let (code, line) = match check(&flags.url, flags.timeout) {
        Ok(reply) if (200..300).contains(&reply.code) => (0, reply.text),
        Ok(reply) => (1, reply.text),
        Err(why) => (1, why),
    };
    let line = format!("{}: {line}\n", flags.url);
    match code {
        0 => logging::print(io::stdout(), line),
        _ => logging::print(io::stderr(), line),
    }
    Some(ExitCode::from(code))
}

/// Asks, within this time.
///
/// # Errors
/// Why there is no answer.
fn check(url: &str, timeout: Duration) -> Result<Reply, String> {
    let place = Place::read(url)?;
    let deadline = Instant::now() + timeout;
    let (sender, receiver) = mpsc::channel();
    // A thread, because a name server cannot be given a time.
    let ask = move || {
        let _ = sender.send(ask(&place, deadline));
    };
    thread::Builder::new().spawn(ask).map_err(|error| format!("cannot start a thread: {error}"))?;
    let late = || format!("no answer within {timeout:?}");
    match receiver.recv_timeout(timeout) {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(error)) if is_timeout(&error) => Err(late()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(late()),
    }
}

impl Place {
    fn read(url: &str) -> Result<Place, String> {
        let is_sound = url.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_sound {
            return Err("it holds a space or another character that no URL holds".to_owned());
        }
        if let Some(rest) = url.strip_prefix("unix:") {
            let (path, target) = match rest.split_once(":/") {
                Some((path, target)) => (path, format!("/{target}")),
                None => (rest, "/".to_owned()),
            };
            if !path.starts_with('/') {
                return Err("write unix:/PATH/TO/SOCKET:/livez".to_owned());
            }
            let server = ServerPlace::Unix(path.to_owned());
            return Ok(Place { server, host: "localhost".to_owned(), target });
        }
        if url.starts_with("https:") {
            return Err(
                "https is not spoken here; ask the address of [status], such as http://localhost:9090/livez"
                    .to_owned(),
            );
        }
        let Some(rest) = url.strip_prefix("http://") else {
            return Err("write http://HOST:PORT/livez or unix:/PATH/TO/SOCKET:/livez".to_owned());
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, target) = rest.split_at(end);
        if host.is_empty() || host.contains('@') {
            return Err("it names no host".to_owned());
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let server =
            ServerPlace::Tcp(if has_port { host.to_owned() } else { format!("{host}:80") });
        Ok(Place { server, host: host.to_owned(), target: format!("{slash}{target}") })
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn ask(place: &Place, deadline: Instant) -> io::Result<Reply> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nUser-Agent: httpd-healthcheck\r\nAccept: */*\r\n\r\n",
        place.target, place.host
    );
    match &place.server {
        ServerPlace::Tcp(server) => {
            let mut failure = io::Error::other("the host has no address");
            for address in server.to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, left(deadline)?) {
                    Ok(stream) => {
                        stream.set_write_timeout(Some(left(deadline)?))?;
                        let set = |time| stream.set_read_timeout(Some(time));
                        return converse(&stream, &stream, &request, deadline, set);
                    }
                    Err(error) => failure = error,
                }
            }
            Err(failure)
        }
        ServerPlace::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_write_timeout(Some(left(deadline)?))?;
            let set = |time| stream.set_read_timeout(Some(time));
            converse(&stream, &stream, &request, deadline, set)
        }
    }
}

/// Sends the request and reads the beginning of the response.
fn converse(
    mut writer: impl Write,
    mut reader: impl Read,
    request: &str,
    deadline: Instant,
    set_timeout: impl Fn(Duration) -> io::Result<()>,
) -> io::Result<Reply> {
    writer.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while bytes.len() < REPLY_BYTES_MAX {
        set_timeout(left(deadline)?)?;
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The head is enough.
            Err(_) if Reply::read(&bytes).is_some() => break,
            Err(error) => return Err(error),
        }
    }
    Reply::read(&bytes).ok_or_else(|| match bytes.is_empty() {
        true => io::Error::other("it closed the connection without a response"),
        false => io::Error::other("what it sent is no HTTP response"),
    })
}

/// How much time is left.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

impl Reply {
    /// Reads a status line, and the first line of the body if it is short and plain. `None`: there is no whole head.
    fn read(bytes: &[u8]) -> Option<Reply> {
        let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let line = head.lines().next()?;
        let status = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "))?;
        let code = status.get(..3).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()))?;
        let code = code.parse().ok()?;
        let body = String::from_utf8_lossy(&bytes[end + 4..]);
        let first = body.lines().next().unwrap_or_default().trim();
        let is_plain = !first.is_empty()
            && first.len() <= BODY_SHOWN_MAX
            && !first.starts_with('<')
            && !first.contains(char::is_control);
        let status = status.trim_end().escape_debug().to_string();
        let text = if is_plain { format!("{status}: {first}") } else { status };
        Some(Reply { code, text })
    }
}

const HEALTHCHECK: &str = "healthcheck";

/// Far more than a head and a line.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// What is longer is no message.
const BODY_SHOWN_MAX: usize = 200;

const AFTER_HELP: &str = "\
Examples:
  httpd healthcheck http://localhost:9090/readyz
  httpd healthcheck unix:/run/httpd/status.sock:/livez --timeout 1s

In a Dockerfile:
  HEALTHCHECK CMD [\"httpd\", \"healthcheck\", \"http://localhost:9090/readyz\"]

Exit status: 0 if the status is 2xx, 1 otherwise.";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> (ServerPlace, String, String) {
        let place = Place::read(url).expect(url);
        (place.server, place.host, place.target)
    }

    #[test]
    fn a_url_says_where_to_ask_for_what() {
        let tcp = |server: &str| ServerPlace::Tcp(server.to_owned());
        let text = str::to_owned;
        assert_eq!(read("http://a:81/livez?x#y"), (tcp("a:81"), text("a:81"), text("/livez?x")));
        assert_eq!(read("http://a"), (tcp("a:80"), text("a"), text("/")));
        assert_eq!(read("http://[::1]?q"), (tcp("[::1]:80"), text("[::1]"), text("/?q")));
        assert_eq!(read("http://[::1]:8/"), (tcp("[::1]:8"), text("[::1]:8"), text("/")));
        let unix = ServerPlace::Unix("/run/x.sock".to_owned());
        let host = text("localhost");
        assert_eq!(read("unix:/run/x.sock"), (unix.clone(), host.clone(), text("/")));
        assert_eq!(read("unix:/run/x.sock:/livez"), (unix, host, text("/livez")));
        for (url, expected) in [
            ("localhost:80/", "write http://"),
            ("https://a/", "https is not spoken"),
            ("unix:x.sock", "write unix:/"),
            ("http:///", "names no host"),
            ("http://a/b c", "a space"),
            ("http://a/\r\nX: y", "a space"),
        ] {
            let error = Place::read(url).expect_err(url);
            assert!(error.contains(expected), "{url}: {error}");
        }
    }

    #[test]
    fn a_reply_is_its_status_and_a_short_line_of_text() {
        let whole = b"HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\nthe server is stopping\n";
        for end in 0..whole.len() {
            let reply = Reply::read(&whole[..end]);
            let head_bytes = whole.len() - b"the server is stopping\n".len();
            assert_eq!(reply.is_some(), end >= head_bytes, "{end}");
        }
        let reply = Reply::read(whole).expect("it is one");
        let text = "503 Service Unavailable: the server is stopping".to_owned();
        assert_eq!(reply, Reply { code: 503, text });
        let page = b"HTTP/1.0 200 OK\r\n\r\n<!doctype html>";
        assert_eq!(Reply::read(page).map(|it| it.text), Some("200 OK".to_owned()));
        for wrong in [&b"SSH-2.0-x\r\n\r\n"[..], b"HTTP/1.1 2x0 OK\r\n\r\n", b"HTTP/1.1 \r\n\r\n"] {
            assert_eq!(Reply::read(wrong), None);
        }
    }
}
