//! Where to listen: how an operator writes an address, and what it stands for.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// One address that a server listens on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP port of one of this machine's addresses.
    Tcp(SocketAddr),
    /// A Unix socket, by its path.
    Unix(PathBuf),
    /// Sockets that the service manager passes to the program `httpd`, by their name. Once they are listened on, they are
    /// one of the others.
    Systemd(String),
}

/// Why an address cannot be read, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(String);

impl fmt::Display for AddressError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for AddressError {}

/// What is spoken at an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ListenScheme {
    /// HTTP/1.
    #[default]
    Http,
    /// HTTP/1 and, for clients that know it in advance, HTTP/2; both without TLS.
    H2c,
    /// HTTP over TLS.
    Https,
    /// HTTP/1, and only for the status of the server.
    Status,
}

impl ListenScheme {
    /// Takes the scheme off what is written for a listener.
    pub(crate) fn split(text: &str) -> (ListenScheme, &str) {
        for scheme in [ListenScheme::H2c, ListenScheme::Https, ListenScheme::Status] {
            match text.split_at_checked(scheme.prefix().len()) {
                Some((prefix, rest)) if prefix.eq_ignore_ascii_case(scheme.prefix()) => {
                    return (scheme, rest);
                }
                _ => {}
            }
        }
        (ListenScheme::Http, text)
    }

    /// Reads what is written for a listener: an address, with `https://` before it for TLS, or `h2c://` for HTTP/2 without
    /// TLS.
    ///
    /// # Errors
    /// What is wrong with the text and what to write instead, in words for the operator.
    pub(crate) fn parse(text: &str) -> Result<(ListenScheme, Vec<Address>), AddressError> {
        let (scheme, rest) = ListenScheme::split(text);
        let read = match scheme {
            ListenScheme::Http | ListenScheme::Status => Address::read(rest),
            ListenScheme::H2c if rest.starts_with("unix:") => {
                Err(format!("{text:?} is a Unix socket: h2c:// stands before a host and a port"))
            }
            ListenScheme::H2c => Address::read(rest),
            ListenScheme::Https => secured(text, rest),
        };
        read.map(|addresses| (scheme, addresses)).map_err(AddressError)
    }

    /// What stands before an address of this scheme.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            ListenScheme::Http => "",
            ListenScheme::H2c => H2C,
            ListenScheme::Https => HTTPS,
            ListenScheme::Status => STATUS,
        }
    }
}

fn secured(text: &str, rest: &str) -> Result<Vec<Address>, String> {
    if rest.is_empty() {
        return Err(format!(
            "{text:?} has no address: write \"https://:443\" for everyone, or \"https://localhost:8443\" for this machine only"
        ));
    }
    if rest.starts_with("unix:") {
        return Err(format!("{text:?}: a Unix socket has no TLS; write {rest:?}"));
    }
    if rest.starts_with(SYSTEMD) {
        return Address::read(rest);
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let has_port = match (rest.rsplit_once(']'), rest.parse::<Ipv6Addr>()) {
        (Some((_, after)), _) => !after.is_empty(),
        (None, Ok(_)) => return Address::read(&format!("[{rest}]:{HTTPS_PORT}")),
        (None, Err(_)) => rest.contains(':') || is_number(rest),
    };
    match has_port {
        true => Address::read(rest),
        false => Address::read(&format!("{rest}:{HTTPS_PORT}")),
    }
}

impl Address {
    /// Reads `host:port`, `[v6]:port`, `:port` or `*:port` (every interface, both families), `host` alone (port 8080)
    /// `unix:/path`, or `systemd:name` for sockets that systemd passes to the program. `localhost` stands for 127.0.0.1
    /// and ::1. A port alone is refused, because it does not say who may connect: `:8080` is for everyone,
    /// `localhost:8080` for this machine only.
    ///
    /// ```
    /// use httpd::Address;
    /// let both = Address::parse("localhost:8080")?;
    /// assert_eq!(both[0].to_string(), "127.0.0.1:8080");
    /// assert_eq!(both[1].to_string(), "[::1]:8080");
    /// let refused = Address::parse("8080").unwrap_err();
    /// assert_eq!(
    ///     refused.to_string(),
    ///     "\"8080\" is a port alone: write \":8080\" for everyone, or \"localhost:8080\" for this machine only"
    /// );
    /// # Ok::<(), httpd::AddressError>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the text and what to write instead, in words for the operator.
    pub fn parse(text: &str) -> Result<Vec<Address>, AddressError> {
        Address::read(text).map_err(AddressError)
    }

    fn read(text: &str) -> Result<Vec<Address>, String> {
        if let Some(name) = text.strip_prefix(SYSTEMD) {
            return passed(text, name);
        }
        check_form(text)?;
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        let (host, port) = split(text)?;
        let ips = match host {
            "" | "*" => vec![IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()],
            _ if host.eq_ignore_ascii_case("localhost") => {
                vec![IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]
            }
            _ => resolve(host)?,
        };
        Ok(ips.into_iter().map(|ip| Address::Tcp(SocketAddr::new(ip, port))).collect())
    }

    /// `None` for any other socket.
    pub(super) fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) | Address::Systemd(_) => None,
        }
    }
}

/// Refuses what people write in the place of an address.
fn check_form(text: &str) -> Result<(), String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        let both = both("8080");
        return Err(format!("{text:?} is no address: write {both}"));
    }
    if trimmed != text {
        return Err(format!("{text:?} has spaces around it: write {trimmed:?}"));
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        return Err(url(text, &scheme.to_ascii_lowercase(), rest));
    }
    if is_number(text) {
        return Err(format!("{text:?} is a port alone: write {}", both(text)));
    }
    if !text.starts_with("unix:")
        && let Some((before, _)) = text.split_once('/')
    {
        return Err(match before {
            "" | "." | ".." => format!("{text:?} is a path: write \"unix:{text}\""),
            _ => format!("{text:?} has a path: write {before:?}"),
        });
    }
    Ok(())
}

/// Why a URL is no address.
fn url(text: &str, scheme: &str, rest: &str) -> String {
    let authority = rest.split('/').next().unwrap_or_default();
    match scheme {
        "http" | "tcp" => {
            let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| is_number(port));
            let port = if has_port { "" } else { ":80" };
            let authority = authority.trim_end_matches(':');
            format!("{text:?} is a URL, not an address: write \"{authority}{port}\"")
        }
        "https" => format!("{text:?} is a URL, not an address: write {authority:?}"),
        "unix" => format!("{text:?} is a URL, not an address: write \"unix:{rest}\""),
        _ => format!("{text:?} is a URL, not an address such as \"localhost:8080\""),
    }
}

/// What to write for this port.
fn both(port: &str) -> String {
    format!("\":{port}\" for everyone, or \"localhost:{port}\" for this machine only")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name as systemd.socket(5) allows it: `FileDescriptorName=`.
fn passed(text: &str, name: &str) -> Result<Vec<Address>, String> {
    let is_name = |byte: u8| (b'!'..=b'~').contains(&byte) && byte != b':';
    match name.len() {
        0 => Err(format!(
            "{text:?} needs the name of a socket: write \"systemd:http\" for FileDescriptorName=http"
        )),
        1..=PASSED_NAME_BYTES_MAX if name.bytes().all(is_name) => {
            Ok(vec![Address::Systemd(name.to_owned())])
        }
        _ => Err(format!(
            "{name:?} is no name of a socket: it has 1 to {PASSED_NAME_BYTES_MAX} ASCII characters, and no space or colon"
        )),
    }
}

fn unix(path: &str) -> Result<Vec<Address>, String> {
    match path.len() {
        0 => Err("\"unix:\" needs the path of a socket: write \"unix:/run/httpd.sock\"".to_owned()),
        1..=UNIX_PATH_BYTES_MAX => Ok(vec![Address::Unix(PathBuf::from(path))]),
        length => Err(format!(
            "the path of a Unix socket has {UNIX_PATH_BYTES_MAX} bytes at most, and {path:?} has {length}"
        )),
    }
}

/// Host and port; the brackets of an IPv6 address are taken off.
fn split(text: &str) -> Result<(&str, u16), String> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, after)) = rest.split_once(']') else {
            return Err(format!(
                "the bracket of the IPv6 address {text:?} is not closed: write \"[::1]:8080\""
            ));
        };
        return match after.strip_prefix(':') {
            None if after.is_empty() => Ok((host, DEFAULT_PORT)),
            Some(port) => Ok((host, read_port(text, &format!("[{host}]"), port)?)),
            None => {
                Err(format!("{text:?} has {after:?} after the bracket: write \"[{host}]:8080\""))
            }
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text, DEFAULT_PORT));
    }
    match text.rsplit_once(':') {
        Some((host, "")) if is_number(host) => {
            Err(format!("{text:?} has its colon behind the port: write {}", both(host)))
        }
        // The system would read such a name as the number of an IPv4 address.
        Some((host, port)) if is_number(host) => {
            Err(format!("{text:?} has two numbers and no host: write {}", both(port)))
        }
        Some((host, port)) if host.contains(':') => Err(match host.parse::<Ipv6Addr>() {
            Ok(_) if port.is_empty() => {
                format!(
                    "{text:?} has an IPv6 address without brackets: write \"[{host}]:{DEFAULT_PORT}\""
                )
            }
            Ok(_) => {
                format!("{text:?} has an IPv6 address without brackets: write \"[{host}]:{port}\"")
            }
            Err(_) => {
                format!("{text:?} has too many colons: write \"localhost:8080\" or \"[::1]:8080\"")
            }
        }),
        Some((host, port)) => Ok((host, read_port(text, host, port)?)),
        None => Ok((text, DEFAULT_PORT)),
    }
}

fn read_port(text: &str, host: &str, port: &str) -> Result<u16, String> {
    match port {
        "" => Err(format!("{text:?} has no port after its colon: write \"{host}:{DEFAULT_PORT}\"")),
        // A sign is no digit.
        _ => port.parse().ok().filter(|_| is_number(port)).ok_or_else(|| {
            format!("{text:?} has no port that exists: {port:?} is not a number from 0 to 65535")
        }),
    }
}

fn resolve(host: &str) -> Result<Vec<IpAddr>, String> {
    if let Ok(ip) = host.parse() {
        return Ok(vec![ip]);
    }
    let mut ips: Vec<IpAddr> = (host, 0)
        .to_socket_addrs()
        .map_err(|error| format!("the host {host:?} is not known: {error}"))?
        .map(|found| found.ip())
        .collect();
    ips.dedup();
    Ok(ips)
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(formatter),
            Address::Unix(path) => write!(formatter, "unix:{}", path.display()),
            Address::Systemd(name) => write!(formatter, "{SYSTEMD}{name}"),
        }
    }
}

const DEFAULT_PORT: u16 = 8080;

/// RFC 9110 §4.2.2.
const HTTPS_PORT: u16 = 443;

const STATUS: &str = "status://";
const H2C: &str = "h2c://";
const HTTPS: &str = "https://";

/// Before the name of sockets that a service manager passes.
const SYSTEMD: &str = "systemd:";
const PASSED_NAME_BYTES_MAX: usize = 255;

/// `sun_path` has 108 bytes, the last of them a NUL.
const UNIX_PATH_BYTES_MAX: usize = 107;

#[cfg(test)]
mod tests;
