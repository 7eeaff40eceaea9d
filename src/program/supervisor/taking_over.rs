//! What a process makes of what its supervisor hands over: listeners, a configuration, and another one at a reload.

use std::os::fd::OwnedFd;

use super::protocol::{Handover, Report, Role, Spoken};
use crate::Handle;
use crate::config::{Config, Source};
use crate::program::cli::Options;
use crate::program::failure::Failure;
use crate::program::in_place;
use crate::program::rights;
use crate::server::TlsNews;
use crate::server::listener::Listeners;

/// The listeners that this process serves.
pub(super) fn listeners(
    role: Role,
    listeners: Vec<OwnedFd>,
    addresses: &[(Spoken, u32)],
) -> Result<Listeners, Failure> {
    let placed = Handover::placed(listeners, addresses);
    let listeners = Listeners::take_over_placed(placed, role.workers as usize)
        .map_err(|error| Failure::at_run_time(format!("cannot take listeners over: {error}")))?;
    Ok(listeners.speaking(addresses.iter().map(|(it, _)| (it.scheme, it.is_proxied, it.is_passed))))
}

/// Serves by another configuration, and reports what came of it.
pub(super) fn reload(options: &Options, handover: Handover, handle: &Handle) -> Report {
    let source = Source::of(options.config.as_deref(), handover.text);
    rights::renew();
    // The supervisor could read everything that it names.
    let config = match load(&source, options, handover.tls) {
        Err(failure) if rights::has_given_up() => return Report::LacksRights(failure),
        config => config.map(|config| (rights::cover(&config), config)),
    };
    let config = match config {
        Ok((Ok(()), config)) => config,
        Ok((Err(failure), _)) => return Report::LacksRights(failure),
        Err(failure) => return Report::NotReloaded(failure),
    };
    let changed = listeners(handover.role, handover.listeners, &handover.addresses)
        .and_then(|listeners| in_place::change(handle, config, Some(listeners)));
    changed.map_or_else(Report::NotReloaded, |()| Report::Reloaded)
}

/// The configuration, with the certificates that the supervisor has read, and its keys of tickets.
pub(super) fn load(
    source: &Source,
    options: &Options,
    tls: Vec<TlsNews>,
) -> Result<Config, Failure> {
    let mut overrides = options.overrides.clone();
    let mut secrets = None;
    for news in tls {
        match news {
            TlsNews::Certificate(text) => overrides.certificates.push(text),
            TlsNews::Tickets(keys) => secrets = Some(keys),
        }
    }
    let config = source.load(&overrides).map_err(Failure::of_usage)?;
    Ok(match secrets {
        Some(secrets) => Config { server: config.server.tls_kept_elsewhere(secrets), ..config },
        None => config,
    })
}
