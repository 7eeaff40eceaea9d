//! The section `[status]`: addresses at which the server shows its status. Binds nothing.

use std::path::Path;

use super::errors::Errors;
use super::listen::Listen;
use super::origin::Written;
use super::overrides::Overrides;
use super::section::SectionKey;
use super::value::Value;
use crate::server::Address;
use crate::server::address::ListenScheme;
use crate::site::HostName;

/// What is said of the status pages.
#[derive(Debug, Default)]
pub(super) struct StatusSection {
    listen: Vec<Written<String>>,
    /// By which further names it is asked for.
    names: Vec<Written<HostName>>,
}

pub(super) const STATUS: &[SectionKey<StatusSection>] = &[
    SectionKey::new("listen", |it, value, errors| {
        it.listen =
            value.items().into_iter().filter_map(|item| errors.take(item.address())).collect();
    }),
    SectionKey::new("server_name", |it, value, errors| {
        it.names = errors.take_each(value, Value::host_name);
    }),
];

impl StatusSection {
    /// The addresses as they are written.
    pub(super) fn written(&self) -> impl Iterator<Item = &str> {
        self.listen.iter().map(|it| it.value.as_str())
    }

    /// The names that are written, those of its addresses included.
    pub(super) fn names(&self) -> Vec<HostName> {
        let named = |it: &Written<String>| it.value.rsplit_once(':')?.0.parse().ok();
        let of_addresses = self.listen.iter().filter_map(named);
        of_addresses.chain(self.names.iter().map(|it| it.value.clone())).collect()
    }

    /// The addresses, as the server reads them. Where flags give other addresses, to try the configuration while a server
    /// runs with it, there are none: that server has these.
    pub(super) fn addresses(
        &self,
        others: &[Listen],
        overrides: &Overrides,
        base: &Path,
        errors: &mut Errors,
    ) -> Vec<String> {
        let mut addresses = Vec::new();
        for Written { value, origin } in &self.listen {
            let text = match value.strip_prefix("unix:") {
                Some(path) if !path.is_empty() => format!("unix:{}", base.join(path).display()),
                _ => value.clone(),
            };
            if let Some((scheme, rest)) = text.split_once("://") {
                let message = format!(
                    "listen: {scheme}:// is not spoken at an address of [status]; write {rest:?}, for plain HTTP"
                );
                errors.note(*origin, message);
                continue;
            }
            match Address::parse(&text) {
                Ok(group) => {
                    if let Some(taken) = taken(&group, others) {
                        let message = format!(
                            "listen: {taken} is an address of the site already (listen at the top); the status needs one of its own"
                        );
                        errors.note(*origin, message);
                    }
                    addresses.push(text);
                }
                Err(error) => errors.note(*origin, format!("listen: {error}")),
            }
        }
        let others_are_given =
            !overrides.listen.is_empty() || overrides.host.is_some() || overrides.port.is_some();
        if others_are_given { Vec::new() } else { addresses }
    }
}

/// An address that the site has.
fn taken(group: &[Address], others: &[Listen]) -> Option<Address> {
    let has_no_port = |address: &Address| matches!(address, Address::Tcp(it) if it.port() == 0);
    let others = others.iter().filter_map(|it| ListenScheme::parse(&it.address.value).ok());
    let others: Vec<Address> = others.flat_map(|(_, group)| group).collect();
    group.iter().find(|it| !has_no_port(it) && others.contains(it)).cloned()
}
