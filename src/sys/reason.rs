//! Errors of the system in plain words.

use rustix::io::Errno;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why something failed, to follow "cannot …: ", without the number that Rust adds.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied if IS_CONFINED.load(Ordering::Relaxed) => {
            "permission denied; give this user access, and name it as readable, unless it is in a root".to_owned()
        }
        _ if error.raw_os_error() == Some(Errno::NOSYS.raw_os_error()) => {
            "the kernel does not have this call, or confinement keeps this process from it".to_owned()
        }
        ErrorKind::PermissionDenied => {
            "permission denied; give this user access, or run as one who has it".to_owned()
        }
        ErrorKind::NotFound => "it does not exist".to_owned(),
        ErrorKind::NotADirectory => "it is not a directory".to_owned(),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => {
            let text = error.to_string();
            let words = text.split(" (os error ").next().unwrap_or(&text);
            words.to_owned()
        }
    }
}

/// Has [`reason`] say from now on what a confined process may be kept from.
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "the program confines itself"))]
pub(crate) fn mention_confinement() {
    IS_CONFINED.store(true, Ordering::Relaxed);
}

static IS_CONFINED: AtomicBool = AtomicBool::new(false);

/// Why something failed with a file, as [`reason`]. If a directory on the way to the file is the cause, it is named.
pub(crate) fn reason_at(path: &Path, error: &io::Error) -> String {
    let on_the_way = path.parent().and_then(|parent| obstacle(parent, error));
    on_the_way.unwrap_or_else(|| reason(error))
}

/// Why a directory cannot be entered, as [`reason_at`].
pub(crate) fn reason_at_directory(path: &Path, error: &io::Error) -> String {
    match obstacle(path, error) {
        None => reason(error),
        Some(_) if error.kind() == ErrorKind::NotFound && is_parent_there(path) => {
            "no such directory".to_owned()
        }
        Some(_) if error.kind() == ErrorKind::NotADirectory && path.exists() => reason(error),
        Some(obstacle) => obstacle,
    }
}

/// The first directory of a path that cannot be entered, and why.
fn obstacle(directory: &Path, error: &io::Error) -> Option<String> {
    use ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    if !matches!(error.kind(), NotFound | NotADirectory | PermissionDenied) {
        return None;
    }
    let mut ways: Vec<&Path> = directory.ancestors().collect();
    ways.reverse();
    ways.into_iter().filter(|way| !way.as_os_str().is_empty()).find_map(|way| {
        // Needs what a way through it needs: the permission to search it.
        let kind = std::fs::metadata(way.join(".")).err()?.kind();
        match kind {
            NotFound => Some(format!("there is no directory {way:?}")),
            NotADirectory => Some(format!("{way:?} is not a directory")),
            PermissionDenied => Some(format!("permission denied: {way:?} may not be entered")),
            _ => None,
        }
    })
}

fn is_parent_there(path: &Path) -> bool {
    path.parent().is_none_or(|parent| parent.as_os_str().is_empty() || parent.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_no_number() {
        let full = io::Error::from_raw_os_error(28);
        assert_eq!(reason(&full), "No space left on device");
        assert_eq!(reason(&io::Error::other("broken")), "broken");
        let lacking = io::Error::from_raw_os_error(38);
        assert!(reason(&lacking).starts_with("the kernel does not have this call"));
    }

    #[test]
    fn a_reason_names_the_first_directory_that_is_in_the_way() {
        let opened = |path: &str| {
            let error = std::fs::File::open(path).expect_err("it is not there");
            reason_at(Path::new(path), &error)
        };
        assert_eq!(opened("no-such-file"), "it does not exist");
        assert_eq!(opened("src/no-such-file"), "it does not exist");
        assert_eq!(opened("src/none/deeper/file"), "there is no directory \"src/none\"");
        assert_eq!(opened("Cargo.toml/deeper/file"), "\"Cargo.toml\" is not a directory");
    }

    #[test]
    fn a_reason_of_a_directory_is_short_where_the_directory_itself_is_the_cause() {
        let entered = |path: &str| {
            let error = std::fs::read_dir(path).expect_err("it is no directory");
            reason_at_directory(Path::new(path), &error)
        };
        assert_eq!(entered("none"), "no such directory");
        assert_eq!(entered("src/none"), "no such directory");
        assert_eq!(entered("src/none/deeper"), "there is no directory \"src/none\"");
        assert_eq!(entered("Cargo.toml"), "it is not a directory");
        assert_eq!(entered("Cargo.toml/deeper"), "\"Cargo.toml\" is not a directory");
    }
}
