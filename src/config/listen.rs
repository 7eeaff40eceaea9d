//! The addresses that a server listens on: from the file, from flags, or from both. Binds nothing.

use std::collections::HashSet;
use std::fmt::Display;
use std::net::Ipv6Addr;
use std::path::Path;

use super::section::Errors;
use super::{Origin, Overrides, Written};
use crate::server::Address;

/// The addresses to listen on. A host or a port in a flag replaces that of all TCP addresses of the file,
/// and the file's Unix sockets are left out. So `-p 8081` tries a configuration while a server runs with it.
pub(super) fn addresses(
    listen: Option<Vec<Written<String>>>,
    overrides: &Overrides,
    base: &Path,
    errors: &mut Errors,
) -> Vec<String> {
    let default = || vec![Written { value: LISTEN.to_owned(), origin: Origin::Default }];
    let written = match &overrides.listen[..] {
        [] => listen.unwrap_or_else(default),
        given => given.to_vec(),
    };
    if written.is_empty() {
        errors.note(Origin::Default, format!("listen is empty; write listen = \"{LISTEN}\""));
    }
    let mut seen: HashSet<Address> = HashSet::new();
    let mut kept: Vec<Written<String>> = Vec::new();
    for one in written {
        let text = match one.value.strip_prefix("unix:") {
            Some(path) if !path.is_empty() => format!("unix:{}", base.join(path).display()),
            _ => one.value.clone(),
        };
        match Address::parse(&text) {
            Err(message) => errors.note(one.origin, named(one.origin, &message)),
            Ok(group) => {
                let taken = group.iter().find(|it| port_of(it) != Some(0) && seen.contains(it));
                if let Some(taken) = taken {
                    let message = format!("{taken} is in this list already");
                    errors.note(one.origin, named(one.origin, &message));
                }
                seen.extend(group);
                kept.push(Written { value: text, origin: one.origin });
            }
        }
    }
    replaced(kept, overrides, errors)
}

/// An error of an address. One of the file names the key; the name of a flag is shown anyway.
fn named(origin: Origin, message: &dyn Display) -> String {
    match origin {
        Origin::Given(_) => message.to_string(),
        Origin::File(_) | Origin::Default => format!("listen: {message}"),
    }
}

fn replaced(kept: Vec<Written<String>>, overrides: &Overrides, errors: &mut Errors) -> Vec<String> {
    let (host, port) = (&overrides.host, &overrides.port);
    let origin = match (host, port) {
        (None, None) => return kept.into_iter().map(|it| it.value).collect(),
        (Some(host), _) => host.origin,
        (None, Some(port)) => port.origin,
    };
    let mut tcp: Vec<(String, u16)> =
        kept.iter().filter_map(|it| split_address(&it.value)).collect();
    if tcp.is_empty() {
        tcp.extend(split_address(LISTEN));
    }
    let mut result: Vec<String> = Vec::new();
    for (written_host, written_port) in tcp {
        let host = host.as_ref().map_or(written_host, |it| bracketed(&it.value));
        let address = format!("{host}:{}", port.as_ref().map_or(written_port, |it| it.value));
        if !result.contains(&address) {
            result.push(address);
        }
    }
    if let Some(Err(message)) = result.first().map(|address| Address::parse(address)) {
        errors.note(origin, message.to_string());
    }
    result
}

/// Host and port of an address that parses; `None` for a Unix socket.
fn split_address(text: &str) -> Option<(String, u16)> {
    let port = Address::parse(text).ok()?.first().and_then(port_of)?;
    let host = match text.rsplit_once(':') {
        _ if text.parse::<Ipv6Addr>().is_ok() || text.ends_with(']') => text,
        Some((host, _)) => host,
        None => text,
    };
    Some((bracketed(host), port))
}

fn bracketed(host: &str) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(_) => format!("[{host}]"),
        Err(_) => host.to_owned(),
    }
}

fn port_of(address: &Address) -> Option<u16> {
    match address {
        Address::Tcp(address) => Some(address.port()),
        Address::Unix(_) => None,
    }
}

/// The default address.
pub(super) const LISTEN: &str = "localhost:8080";

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses_of(listen: &[&str], host: Option<&str>, port: Option<u16>) -> Vec<String> {
        let written = |it: &&str| Written { value: it.to_string(), origin: Origin::File(0) };
        let given = Origin::Given("-h");
        let overrides = Overrides {
            host: host.map(|it| Written { value: it.to_owned(), origin: given }),
            port: port.map(|value| Written { value, origin: given }),
            ..Overrides::default()
        };
        let mut errors = Errors::default();
        let written = Some(listen.iter().map(written).collect());
        let result = addresses(written, &overrides, Path::new("/etc"), &mut errors);
        assert!(errors.list.is_empty(), "{errors:?}");
        result
    }

    #[test]
    fn without_flags_the_file_is_taken_at_its_word() {
        let listen = ["localhost:8080", "unix:run/x.sock", ":80"];
        assert_eq!(
            addresses_of(&listen, None, None),
            ["localhost:8080", "unix:/etc/run/x.sock", ":80"]
        );
    }

    #[test]
    fn a_port_alone_keeps_the_hosts_and_leaves_the_unix_sockets() {
        let listen = ["localhost:8080", "[::2]:80", "127.0.0.3:81", "unix:/run/x.sock"];
        assert_eq!(
            addresses_of(&listen, None, Some(9000)),
            ["localhost:9000", "[::2]:9000", "127.0.0.3:9000"]
        );
        assert_eq!(addresses_of(&[":80"], None, Some(9000)), [":9000"]);
        assert_eq!(addresses_of(&["*:80"], None, Some(9000)), ["*:9000"]);
    }

    #[test]
    fn a_host_alone_keeps_the_ports() {
        let listen = ["localhost:8080", "127.0.0.3:8080", ":81"];
        assert_eq!(addresses_of(&listen, Some("::1"), None), ["[::1]:8080", "[::1]:81"]);
    }

    #[test]
    fn host_and_port_are_the_whole_word() {
        let listen = ["localhost:8080", ":81"];
        assert_eq!(addresses_of(&listen, Some("0.0.0.0"), Some(9000)), ["0.0.0.0:9000"]);
        assert_eq!(addresses_of(&["unix:/x"], Some("[::1]"), None), ["[::1]:8080"]);
    }
}
