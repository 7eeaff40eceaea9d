//! What a serving process gives up before its first thread starts, and whether it may serve at all.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::config::{Config, Rights, Source};
use crate::sys;
use crate::sys::broker::{Request, use_broker};
use crate::sys::confine::{Calls, Confinement, Reach, confine, offered};
use crate::sys::cpus;
use crate::sys::descriptors;
use crate::sys::memory_bound::MemoryBound;
use crate::sys::permission::{is_readable, is_searchable};
use crate::sys::reason::mention_confinement;
use crate::sys::self_use::SelfUse;
use crate::sys::user::{Identity, give_capabilities_up, is_root};

use super::broker;
use super::failure::Failure;

/// Refuses to serve as root, unless that is written. A server to which only this machine connects may be tried by root.
///
/// # Errors
/// What to write.
pub(super) fn refuse_root(rights: &Rights) -> Result<(), Failure> {
    let may = rights.serves_as_root || rights.is_local || rights.identity.is_some();
    if may || !is_root() {
        return Ok(());
    }
    let user = USERS.iter().copied().find(|name| Identity::find(name, None).is_ok());
    let user = user.unwrap_or("www-data");
    Err(Failure::of_usage([
        "refusing to serve as root: a fault of the server would give the whole machine away. Write at the top of the configuration"
            .to_owned(),
        format!("    user = {user:?}        to listen as root and serve as this user (or --user {user}, HTTPD_USER={user})"),
        "or  serve_as_root = true     if it has to be, as in some containers (or --serve-as-root, HTTPD_SERVE_AS_ROOT=true)"
            .to_owned(),
    ]))
}

/// Gives up everything that serving does not take: the user, new privileges, and what the kernel can keep this process
/// from. No thread of this process may run yet. `is_alone`: nobody else reads the configuration for it.
///
/// # Errors
/// When something cannot be given up: it must not serve then.
pub(super) fn give_up(
    config: &Config,
    source: &Source,
    is_alone: bool,
) -> Result<Option<Confinement>, Failure> {
    let rights = &config.rights;
    let held = Held::of(config);
    let is_needed = !config.log_files.is_empty()
        || !config.secret_files.is_empty()
        || !config.server.applications().is_empty();
    if (is_needed || is_alone) && rights.gives_up() {
        let channel = broker::start(source, config)
            .map_err(|error| Failure::at_run_time(format!("cannot start a broker: {error}")))?;
        use_broker(channel);
    }
    if rights.gives_up() {
        // What the kernel says of this process is not open to it later.
        SelfUse::open_early();
        let _ = MemoryBound::of_this_process();
        descriptors::count_early();
        let _ = cpus::count();
    }
    let confinement = give_up_all(rights);
    let _ = HELD.set(held);
    confinement
}

fn give_up_all(rights: &Rights) -> Result<Option<Confinement>, Failure> {
    if let Some(identity) = &rights.identity {
        let failed = |error| {
            let name = &identity.name;
            Failure::at_run_time(format!("cannot become the user {name:?}: {error}"))
        };
        identity.assume().map_err(failed)?;
    } else if !is_root() && rights.reach.is_some() {
        // What it was given to bind low ports.
        let _ = give_capabilities_up();
    }
    // No program that it runs gets more rights than it has.
    let failed = |error| Failure::at_run_time(format!("cannot give up new privileges: {error}"));
    crate::sys::confine::refuse_new_privileges().map_err(failed)?;
    let Some(reach) = &rights.reach else { return Ok(None) };
    let failed = |error| {
        Failure::at_run_time(format!(
            "cannot confine this process: {error}; confinement = false at the top of the configuration serves without"
        ))
    };
    let Reach { daemons, listens, .. } = *reach;
    let held = confine(reach, Calls::Serving { daemons, listens }).map_err(failed)?;
    mention_confinement();
    Ok(Some(held))
}

/// Logs what holds, and which roots the user cannot read.
pub(super) fn log(config: &Config, held: Option<Confinement>) {
    if let Some(identity) = &config.rights.identity {
        log::info!("serving as the user {:?} ({})", identity.name, identity.user);
    }
    match held {
        Some(held) => log::info!("confined: {held}"),
        None => log::info!("not confined: confinement = false"),
    }
    for root in &config.roots {
        if !is_readable(root) || !is_searchable(root) {
            let user = config.rights.identity.as_ref().map_or("", |it| &it.name);
            log::warn!("the user {user:?} cannot read {root:?}: its files are answered with 403");
        }
    }
}

/// What confines the serving processes of this configuration on this system, in the words of the start line.
pub(super) fn in_words(rights: &Rights) -> String {
    match rights.reach {
        Some(Reach { daemons, listens, .. }) => {
            offered(Calls::Serving { daemons, listens }).to_string()
        }
        None => "off".to_owned(),
    }
}

/// Whether the kernel keeps this process from files that it does not serve.
pub(crate) fn is_confined() -> bool {
    HELD.get().is_some_and(|held| held.rights.reach.is_some())
}

/// Whether this process has given up anything.
pub(crate) fn has_given_up() -> bool {
    HELD.get().is_some_and(|held| held.rights.gives_up())
}

/// Whether this process may read the directory that is at this path by now, if there is one.
pub(crate) fn reach(root: &Path) -> bool {
    let Some(held) = HELD.get().filter(|held| held.rights.reach.is_some()) else { return true };
    !root.exists() || held.reads(root)
}

/// Has the broker, if there is one, learn what the operator has added to the configuration.
pub(crate) fn renew() {
    if let Some(broker) = sys::broker::broker()
        && let Err(error) = broker.ask(&Request::Renew, &[])
    {
        log::debug!("the broker cannot read the configuration: {error}");
    }
}

/// Checks that this process can serve another configuration with the rights that it has left.
///
/// # Errors
/// What it lacks.
pub(crate) fn cover(config: &Config) -> Result<(), Failure> {
    let lack = HELD.get().and_then(|held| held.lacks(config));
    lack.map_or(Ok(()), |lack| Err(Failure::at_run_time(lack)))
}

/// What this process has kept.
struct Held {
    rights: Rights,
    /// Directories, as the kernel knows them, whatever they are called by now.
    read: Vec<Node>,
    change: Vec<Node>,
}

/// A file, by its device and its number there.
type Node = (u64, u64);

impl Held {
    fn of(config: &Config) -> Held {
        let nodes = |paths: &[PathBuf]| paths.iter().filter_map(|path| node(path)).collect();
        let reach = config.rights.reach.as_ref();
        Held {
            read: reach.map_or_else(Vec::new, |it| nodes(&it.read)),
            change: reach.map_or_else(Vec::new, |it| nodes(&it.change)),
            rights: config.rights.clone(),
        }
    }

    /// What another configuration takes that this process has given up.
    fn lacks(&self, config: &Config) -> Option<String> {
        let (own, its) = (&self.rights, &config.rights);
        if own.identity != its.identity {
            return Some("another user".to_owned());
        }
        if own.reach.is_some() != its.reach.is_some() {
            return Some("confinement has changed".to_owned());
        }
        if let (Some(own), Some(its)) = (&own.reach, &its.reach) {
            if its.daemons && !own.daemons {
                return Some("sockets for logs".to_owned());
            }
            let lacking = its.change.iter().find(|path| !is_below(path, &self.change));
            if let Some(path) = lacking {
                return Some(format!("writing to {path:?}"));
            }
            if let Some(path) = its.read.iter().find(|path| !self.reads(path)) {
                return Some(format!("reading {path:?}"));
            }
        }
        if !own.gives_up() || sys::broker::broker().is_some() {
            return None;
        }
        // Nobody opens or starts for it what it may not.
        let is_own = |path: &&PathBuf| own.identity.is_none() && is_below(path, &self.change);
        let named = config.secret_files.iter().chain(&config.log_files);
        if let Some(path) = named.into_iter().find(|path| !is_own(path)) {
            return Some(format!("opening {path:?}"));
        }
        let starts = !config.server.applications().is_empty();
        starts.then(|| "starting an application".to_owned())
    }

    fn reads(&self, path: &Path) -> bool {
        is_below(path, &self.read) || is_below(path, &self.change)
    }
}

/// Whether one of these directories is on the way to a path.
fn is_below(path: &Path, nodes: &[Node]) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real.ancestors().filter_map(node).any(|it| nodes.contains(&it))
}

fn node(path: &Path) -> Option<Node> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

static HELD: OnceLock<Held> = OnceLock::new();

/// Users that systems have for a web server.
const USERS: &[&str] = &["www-data", "http", "nginx", "apache", "www", "nobody"];

#[cfg(test)]
mod tests;
