//! The users of this system, and becoming one of them for good. Knows nothing of why.

use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use nix::unistd::{self, Gid, Uid};

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

/// Who a process runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// As it was written: a name or a number.
    pub name: String,
    pub user: u32,
    pub group: u32,
    /// All groups, among them the first one.
    pub groups: Vec<u32>,
}

/// Why a user cannot be looked up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    User,
    /// A number without an entry: its group has to be written.
    GroupOfNumber,
    Group,
}

impl Identity {
    /// Looks a user up by name or number, with all supplementary groups; `group` replaces the first of them. A confined
    /// process finds those that it has found before.
    ///
    /// # Errors
    /// Which of the two is not known.
    pub(crate) fn find(user: &str, group: Option<&str>) -> Result<Identity, Unknown> {
        let asked = (user.to_owned(), group.map(str::to_owned));
        let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        match Identity::look_up(user, group) {
            Ok(identity) => {
                found.insert(asked, identity.clone());
                Ok(identity)
            }
            Err(unknown) => found.get(&asked).cloned().ok_or(unknown),
        }
    }

    fn look_up(user: &str, group: Option<&str>) -> Result<Identity, Unknown> {
        let number: Option<u32> = user.parse().ok();
        let entry = match number {
            Some(number) => unistd::User::from_uid(Uid::from_raw(number)),
            None => unistd::User::from_name(user),
        };
        let entry = entry.ok().flatten();
        let group = match group {
            Some(group) => Some(super::group::group(group).ok_or(Unknown::Group)?),
            None => entry.as_ref().map(|entry| entry.gid.as_raw()),
        };
        let id = entry.as_ref().map(|entry| entry.uid.as_raw()).or(number);
        let id = id.ok_or(Unknown::User)?;
        let group = group.ok_or(Unknown::GroupOfNumber)?;
        let listed = entry.and_then(|entry| {
            let name = CString::new(entry.name).ok()?;
            unistd::getgrouplist(&name, Gid::from_raw(group)).ok()
        });
        let mut groups: Vec<u32> =
            listed.into_iter().flatten().map(Gid::as_raw).chain([group]).collect();
        groups.sort_unstable();
        groups.dedup();
        Ok(Identity { name: user.to_owned(), user: id, group, groups })
    }

    /// Whether it is root.
    pub(crate) fn is_root(&self) -> bool {
        self.user == 0
    }

    /// What programs look up of their user in the environment.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let Ok(Some(entry)) = unistd::User::from_uid(Uid::from_raw(self.user)) else {
            return Vec::new();
        };
        let name = OsString::from(entry.name);
        vec![("HOME", entry.dir.into()), ("USER", name.clone()), ("LOGNAME", name)]
    }

    /// Makes this process run as it, in all of its threads, and checks that it cannot change back. A user other
    /// than root has no capabilities afterwards.
    ///
    /// # Errors
    /// When this process may not, or when the change could be undone.
    pub(crate) fn assume(&self) -> io::Result<()> {
        WAS_ROOT.store(is_root(), Ordering::Relaxed);
        let groups: Vec<Gid> = self.groups.iter().copied().map(Gid::from_raw).collect();
        let (user, group) = (Uid::from_raw(self.user), Gid::from_raw(self.group));
        // The C library does this in every thread; the kernel alone would do it in one.
        unistd::setgroups(&groups)?;
        unistd::setresgid(group, group, group)?;
        unistd::setresuid(user, user, user)?;
        if self.is_root() {
            return Ok(());
        }
        give_capabilities_up()?;
        let users = unistd::getresuid()?;
        let its_groups = unistd::getresgid()?;
        let holds = [users.real, users.effective, users.saved].iter().all(|it| *it == user)
            && [its_groups.real, its_groups.effective, its_groups.saved]
                .iter()
                .all(|it| *it == group);
        let root = Uid::from_raw(0);
        if !holds || unistd::setresuid(root, root, root).is_ok() || unistd::setgroups(&[]).is_ok() {
            return Err(io::Error::other("the change of the user can be undone"));
        }
        Ok(())
    }

    /// The same for this thread alone and for what it starts.
    ///
    /// # Errors
    /// When it may not.
    pub(crate) fn assume_in_thread(&self) -> io::Result<()> {
        let raw = rustix::thread::Gid::from_raw;
        let groups: Vec<_> = self.groups.iter().copied().map(raw).collect();
        let group = raw(self.group);
        let user = rustix::thread::Uid::from_raw(self.user);
        set_thread_groups(&groups)?;
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        if self.is_root() { Ok(()) } else { give_capabilities_up() }
    }
}

/// Takes all capabilities from this thread.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn give_capabilities_up() -> io::Result<()> {
    // A container may have forbidden this very call; without permitted capabilities there are no ambient ones.
    let _ = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    let left = capabilities(None)?;
    if left.permitted.is_empty() && left.effective.is_empty() {
        return Ok(());
    }
    Err(io::Error::other("capabilities are left"))
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    unistd::geteuid().is_root()
}

/// Whether this process runs as root, or did until it became somebody else.
pub(crate) fn is_of_root() -> bool {
    is_root() || WAS_ROOT.load(Ordering::Relaxed)
}

/// By what was asked for.
static FOUND: Mutex<BTreeMap<(String, Option<String>), Identity>> = Mutex::new(BTreeMap::new());

static WAS_ROOT: AtomicBool = AtomicBool::new(false);

/// The number of the user that this process runs as.
pub(crate) fn own_user() -> u32 {
    unistd::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_and_by_number_with_its_groups() {
        let root = Identity::find("root", None).expect("every system has it");
        assert_eq!((root.user, root.group), (0, 0));
        assert!(root.groups.contains(&0) && root.is_root(), "{root:?}");
        assert_eq!(Identity::find("0", None).expect("it is root").groups, root.groups);
        let other = Identity::find("0", Some("12345")).expect("any number is a group");
        assert!(other.group == 12345 && other.groups.contains(&12345), "{other:?}");
    }

    #[test]
    fn what_is_not_known_of_a_user_is_said() {
        use Unknown::{Group, GroupOfNumber, User};
        assert_eq!(Identity::find("no such user", None), Err(User));
        assert_eq!(Identity::find("no such user", Some("0")), Err(User));
        assert_eq!(Identity::find("root", Some("no such group")), Err(Group));
        // No system has an entry for it.
        assert_eq!(Identity::find("4000000001", None), Err(GroupOfNumber));
        let numbers = Identity::find("4000000001", Some("4000000002")).expect("both are numbers");
        assert_eq!(numbers.groups, [4000000002]);
    }

    #[test]
    fn a_thread_becomes_a_user_without_capabilities_and_others_do_not() {
        if !is_root() {
            return;
        }
        let before = own_user();
        let thread = std::thread::spawn(|| {
            let nobody = Identity::find("65534", Some("65534")).expect("both are numbers");
            nobody.assume_in_thread().expect("root may");
            let status = std::fs::read_to_string("/proc/thread-self/status").expect("proc(5)");
            assert!(status.contains("Uid:\t65534\t65534\t65534\t65534\n"), "{status}");
            assert!(status.contains("CapPrm:\t0000000000000000\n"), "{status}");
            let root = rustix::thread::Uid::ROOT;
            set_thread_res_uid(root, root, root).expect_err("it is for good");
        });
        thread.join().expect("all holds");
        assert_eq!(own_user(), before);
    }
}
