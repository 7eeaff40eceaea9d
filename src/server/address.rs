//! Where to listen: how an operator writes an address, and what it stands for.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// One address that a server listens on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A TCP port of one of this machine's addresses.
    Tcp(SocketAddr),
    /// A Unix socket, by its path.
    Unix(PathBuf),
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

impl Address {
    /// Reads `host:port`, `[v6]:port`, `:port` or a port alone (every interface, both families),
    /// `host` alone (port 8080) or `unix:/path`. `localhost` stands for 127.0.0.1 and ::1.
    ///
    /// ```
    /// use httpd::Address;
    /// let both = Address::parse("localhost:8080")?;
    /// assert_eq!(both[0].to_string(), "127.0.0.1:8080");
    /// assert_eq!(both[1].to_string(), "[::1]:8080");
    /// # Ok::<(), httpd::AddressError>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the text, in words for the operator.
    pub fn parse(text: &str) -> Result<Vec<Address>, AddressError> {
        Address::read(text).map_err(AddressError)
    }

    fn read(text: &str) -> Result<Vec<Address>, String> {
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

    /// `None` for a Unix socket.
    pub(super) fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        }
    }
}

fn unix(path: &str) -> Result<Vec<Address>, String> {
    match path.len() {
        0 => Err("unix: needs the path of a socket, such as unix:/run/httpd.sock".into()),
        1..=UNIX_PATH_BYTES_MAX => Ok(vec![Address::Unix(PathBuf::from(path))]),
        _ => Err(format!("the path of a unix socket takes {UNIX_PATH_BYTES_MAX} bytes at most")),
    }
}

/// Host and port; the brackets of an IPv6 address are taken off.
fn split(text: &str) -> Result<(&str, u16), String> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) =
            rest.split_once(']').ok_or("the bracket of the IPv6 address is not closed")?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, read_port(port)?)),
            None if after.is_empty() => Ok((host, DEFAULT_PORT)),
            None => Err(format!("expected a port after ], found {after:?}")),
        };
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text, DEFAULT_PORT));
    }
    match text.rsplit_once(':') {
        Some((host, _)) if host.contains(':') => {
            Err("an IPv6 address with a port is written [address]:port".into())
        }
        Some((host, port)) => Ok((host, read_port(port)?)),
        None if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(("", read_port(text)?))
        }
        None if text.is_empty() => Err("empty address; write host:port".into()),
        None => Ok((text, DEFAULT_PORT)),
    }
}

fn read_port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("{text:?} is not a port; ports are 0 to 65535"))
}

fn resolve(host: &str) -> Result<Vec<IpAddr>, String> {
    if let Ok(ip) = host.parse() {
        return Ok(vec![ip]);
    }
    let mut ips: Vec<IpAddr> = (host, 0)
        .to_socket_addrs()
        .map_err(|error| format!("cannot resolve {host:?}: {error}"))?
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
        }
    }
}

const DEFAULT_PORT: u16 = 8080;

/// `sun_path` has 108 bytes, the last of them a NUL.
const UNIX_PATH_BYTES_MAX: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Address::parse(text).unwrap().iter().map(Address::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_way_to_write_an_address() {
        assert_eq!(shown("127.0.0.1:80"), "127.0.0.1:80");
        assert_eq!(shown("[::1]:80"), "[::1]:80");
        assert_eq!(shown("::1"), "[::1]:8080");
        assert_eq!(shown("localhost:0"), "127.0.0.1:0 [::1]:0");
        assert_eq!(shown(":80"), "0.0.0.0:80 [::]:80");
        assert_eq!(shown("80"), "0.0.0.0:80 [::]:80");
        assert_eq!(shown("10.0.0.1"), "10.0.0.1:8080");
        assert_eq!(shown("unix:/run/x.sock"), "unix:/run/x.sock");
    }

    #[test]
    fn an_error_names_what_is_wrong() {
        for (text, part) in [
            ("", "empty"),
            ("localhost:http", "not a port"),
            ("localhost:70000", "not a port"),
            ("::1:80:", "[address]:port"),
            ("[::1", "not closed"),
            ("[::1]80", "expected a port"),
            ("unix:", "needs the path"),
        ] {
            let message = Address::parse(text).unwrap_err();
            assert!(message.to_string().contains(part), "{text}: {message}");
        }
    }
}
