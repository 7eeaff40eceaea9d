//! Groups of the system.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The number of a group, given by its name or its number; `None` when there is no such group. A confined process
/// finds those that it has found before.
pub(crate) fn group(name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let mut known = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
    match nix::unistd::Group::from_name(name) {
        Ok(Some(group)) => {
            known.insert(name.to_owned(), group.gid.as_raw());
            Some(group.gid.as_raw())
        }
        _ => known.get(name).copied(),
    }
}

static GROUPS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
