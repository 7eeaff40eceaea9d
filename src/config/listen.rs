//! The addresses that a server listens on: from the file, from flags, or from both; and the proxies that it believes.
//! Binds nothing.

use std::collections::HashSet;
use std::fmt::Display;
use std::net::Ipv6Addr;
use std::path::Path;

use super::errors::Errors;
use super::origin::{LocatedError, Origin, Written};
use super::overrides::Overrides;
use super::section::SectionKey;
use super::value::Value;
use crate::http::ForwardedHeader;
use crate::server::Address;
use crate::server::address::ListenScheme;
use crate::site::{Network, TrustedProxies};

/// One address, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listen {
    pub(super) address: Written<String>,
    /// Whether connections to it begin with a PROXY header.
    pub(super) is_proxied: bool,
}

impl From<Written<String>> for Listen {
    fn from(address: Written<String>) -> Listen {
        Listen { address, is_proxied: false }
    }
}

/// Addresses: each is text, or a table with more about it.
pub(super) fn read(value: Value<'_>, errors: &mut Errors) -> Vec<Listen> {
    let mut all = Vec::new();
    for item in value.items() {
        if item.table().is_err() {
            all.extend(errors.take(item.address()).map(Listen::from));
            continue;
        }
        all.extend(read_table(item, errors));
    }
    all
}

fn read_table(item: Value<'_>, errors: &mut Errors) -> Option<Listen> {
    let (mut address, mut is_proxied) = (None, false);
    for (key, written) in errors.take(item.table())? {
        let name: &str = key.get_ref();
        let value = Value::new(name, written);
        match name {
            "address" => address = Some(errors.take(value.address())),
            "proxy_protocol" => errors.set(&mut is_proxied, value.boolean()),
            _ => {
                let message =
                    format!("unknown key {name:?} in listen; known: address, proxy_protocol");
                errors.note(Origin::File(key.span().start), message);
            }
        }
    }
    if address.is_none() {
        let expected = "needs an address, such as { address = \":80\", proxy_protocol = true }";
        errors.list.push(item.error(expected));
    }
    address?.map(|address| Listen { address, is_proxied })
}

/// What is said of proxies; `None` where nothing was.
#[derive(Debug, Default)]
pub(super) struct ProxiesSection {
    networks: Option<Vec<Network>>,
    header: Option<Written<ForwardedHeader>>,
}

pub(super) fn proxy_keys<T: AsMut<ProxiesSection>>() -> [SectionKey<T>; 2] {
    [
        SectionKey::new("trusted_proxies", |it: &mut T, value, errors| {
            it.as_mut().networks = Some(errors.take_each(value, proxy));
        }),
        SectionKey::new("forwarded_header", |it, value, errors| {
            let header = value.choice(FORWARDED_HEADER);
            let header = header.map(|header| Written { value: header, origin: value.origin() });
            errors.set(&mut it.as_mut().header, header.map(Some));
        }),
    ]
}

/// Where proxies are. One that is anywhere is no proxy.
fn proxy(value: Value<'_>) -> Result<Network, LocatedError> {
    let text = value.text()?;
    match text.parse::<Network>() {
        Ok(network) if network.is_everybody() => Err(value.error(format_args!(
            "{text:?} is everybody, so that each client could name any address as its own: write the networks of your proxies"
        ))),
        Ok(network) => Ok(network),
        Err(error) => Err(value.error(format_args!("{text:?} {error}"))),
    }
}

impl ProxiesSection {
    /// Whether no proxy is trusted.
    pub(super) fn are_none(&self) -> bool {
        self.networks.as_ref().is_none_or(Vec::is_empty)
    }

    pub(super) fn proxies(&self, errors: &mut Errors) -> TrustedProxies {
        if let (None, Some(header)) = (&self.networks, &self.header) {
            let message =
                "forwarded_header needs trusted_proxies: no header is believed without them";
            errors.note(header.origin, message);
        }
        let header = self.header.as_ref().map(|header| header.value).unwrap_or_default();
        TrustedProxies::new(self.networks.clone().unwrap_or_default(), header)
    }
}

/// Warns of addresses where anybody can name any client, because a PROXY header is believed from everybody.
pub(super) fn warn_of_strangers(listen: &[Listen], proxies: &TrustedProxies, errors: &mut Errors) {
    if !proxies.are_none() {
        return;
    }
    let is_open = |address: &Address| match address {
        Address::Tcp(address) => !address.ip().is_loopback(),
        Address::Unix(_) => false,
        Address::Systemd(_) => true,
    };
    for Listen { address, .. } in listen.iter().filter(|it| it.is_proxied) {
        if Address::parse(&address.value).is_ok_and(|group| group.iter().any(is_open)) {
            let message = format!(
                "anyone who can connect to {:?} can name any client in a PROXY header: write trusted_proxies with the networks of your proxies",
                address.value
            );
            errors.warn_once(address.origin, message);
        }
    }
}

const FORWARDED_HEADER: &[(&str, ForwardedHeader)] = &[
    ("X-Forwarded-For", ForwardedHeader::XForwardedFor),
    ("Forwarded", ForwardedHeader::Forwarded),
];

/// Addresses to listen on.
#[derive(Debug, Default)]
pub(super) struct ListenAddresses {
    /// As the server reads them.
    pub(super) addresses: Vec<Listen>,
    /// Where the first with TLS is written.
    pub(super) secured: Option<Origin>,
}

impl ListenAddresses {
    /// Whether only programs of this machine can connect.
    pub(super) fn are_local(&self) -> bool {
        let is_local = |address: &Address| match address {
            Address::Tcp(address) => address.ip().is_loopback(),
            Address::Unix(_) => true,
            _ => false,
        };
        self.addresses.iter().all(|it| {
            ListenScheme::parse(&it.address.value)
                .is_ok_and(|(_, group)| group.iter().all(is_local))
        })
    }

    /// The port of the first address with TLS. Who has systemd listen for TLS has it do so at the usual port.
    pub(super) fn https_port(&self) -> Option<u16> {
        let read = |it: &Listen| ListenScheme::parse(&it.address.value).ok();
        let mut secured =
            self.addresses.iter().filter_map(read).filter(|(it, _)| *it == ListenScheme::Https);
        secured.find_map(|(_, group)| match group.first()? {
            Address::Systemd(_) => Some(HTTPS_PORT),
            address => port_of(address),
        })
    }
}

/// The addresses to listen on. A host or a port in a flag replaces that of all TCP addresses of the file,
/// and the file's Unix sockets are left out. So `-p 8081` tries a configuration while a server runs with it.
pub(super) fn addresses(
    listen: Option<Vec<Listen>>,
    overrides: &Overrides,
    base: &Path,
    errors: &mut Errors,
) -> ListenAddresses {
    let default = || {
        let written = Written { value: LISTEN.to_owned(), origin: Origin::Default };
        vec![Listen::from(written)]
    };
    let written: Vec<Listen> = match &overrides.listen[..] {
        [] => listen.unwrap_or_else(default),
        given => given.iter().cloned().map(Listen::from).collect(),
    };
    if written.is_empty() {
        errors.note(Origin::Default, format!("listen is empty; write listen = \"{LISTEN}\""));
    }
    let mut seen: HashSet<Address> = HashSet::new();
    let mut kept: Vec<Listen> = Vec::new();
    let mut secured = None;
    for Listen { address: one, is_proxied } in written {
        let text = match one.value.strip_prefix("unix:") {
            Some(path) if !path.is_empty() => format!("unix:{}", base.join(path).display()),
            None if overrides.tls && ListenScheme::split(&one.value).0 != ListenScheme::Https => {
                format!("{}{}", ListenScheme::Https.prefix(), with_port(&one.value))
            }
            _ => one.value.clone(),
        };
        match ListenScheme::parse(&text) {
            Err(message) => errors.note(one.origin, named(one.origin, &message)),
            Ok((ListenScheme::Status, _)) => {
                let address = text.split_once("://").map_or("", |(_, address)| address);
                let message =
                    format!("listen: {text:?}: write it in [status]: listen = {address:?}");
                errors.note(one.origin, message);
            }
            Ok((scheme, group)) => {
                if scheme == ListenScheme::Https {
                    secured = secured.or(Some(one.origin));
                }
                let taken = group.iter().find(|it| port_of(it) != Some(0) && seen.contains(it));
                if let Some(taken) = taken {
                    let message = format!("{taken} is in this list already");
                    errors.note(one.origin, named(one.origin, &message));
                }
                seen.extend(group);
                let address = Written { value: text, origin: one.origin };
                kept.push(Listen { address, is_proxied });
            }
        }
    }
    let addresses = replaced(kept, overrides, errors);
    let is_secured = |it: &Listen| ListenScheme::split(&it.address.value).0 == ListenScheme::Https;
    let secured = secured.filter(|_| addresses.iter().any(is_secured));
    ListenAddresses { addresses, secured }
}

/// An address for plain HTTP that says its port, which is another one with TLS.
fn with_port(text: &str) -> String {
    split_address(text).map_or(text.to_owned(), |(_, host, port)| format!("{host}:{port}"))
}

/// An error of an address. One of the file names the key; the name of a flag is shown anyway.
fn named(origin: Origin, message: &dyn Display) -> String {
    match origin {
        Origin::Given(_) => message.to_string(),
        Origin::File(_) | Origin::Default => format!("listen: {message}"),
    }
}

fn replaced(kept: Vec<Listen>, overrides: &Overrides, errors: &mut Errors) -> Vec<Listen> {
    let (host, port) = (&overrides.host, &overrides.port);
    let origin = match (host, port) {
        (None, None) => return kept,
        (Some(host), _) => host.origin,
        (None, Some(port)) => port.origin,
    };
    let mut tcp: Vec<((&str, String, u16), bool)> = kept
        .iter()
        .filter_map(|it| Some((split_address(&it.address.value)?, it.is_proxied)))
        .collect();
    if tcp.is_empty() {
        tcp.extend(split_address(LISTEN).map(|address| (address, false)));
    }
    let mut result: Vec<Listen> = Vec::new();
    for ((scheme, written_host, written_port), is_proxied) in tcp {
        let host = host.as_ref().map_or(written_host, |it| bracketed(&it.value));
        let port = port.as_ref().map_or(written_port, |it| it.value);
        let bare = format!("{host}:{port}");
        let address = Written { value: format!("{scheme}{bare}"), origin };
        // One address has one scheme. Where TLS is spoken is what clients shall use.
        let is_same = |known: &&mut Listen| known.address.value.rsplit("://").next() == Some(&bare);
        match result.iter_mut().find(is_same).filter(|_| port != 0) {
            Some(known) if ListenScheme::split(scheme).0 == ListenScheme::Https => {
                *known = Listen { address, is_proxied };
            }
            Some(_) => {}
            None => result.push(Listen { address, is_proxied }),
        }
    }
    if let Some(Err(message)) = result.first().map(|it| ListenScheme::parse(&it.address.value)) {
        errors.note(origin, message.to_string());
    }
    result
}

/// Scheme, if there is one, host and port of an address that parses; `None` for a Unix socket.
fn split_address(text: &str) -> Option<(&str, String, u16)> {
    let (_, group) = ListenScheme::parse(text).ok()?;
    let port = group.first().and_then(port_of)?;
    let (scheme, text) = text.split_at(text.find("://").map_or(0, |at| at + "://".len()));
    let text = text.strip_suffix('/').unwrap_or(text);
    let host = match text.rsplit_once(':') {
        _ if text.parse::<Ipv6Addr>().is_ok() || text.ends_with(']') => text,
        Some((host, _)) => host,
        None => text,
    };
    Some((scheme, bracketed(host), port))
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
        Address::Unix(_) | Address::Systemd(_) => None,
    }
}

/// RFC 9110 §4.2.2.
const HTTPS_PORT: u16 = 443;

/// The default address.
pub(super) const LISTEN: &str = "localhost:8080";

#[cfg(test)]
mod tests;
