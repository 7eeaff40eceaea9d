//! What this process may do with a path, without doing it. This may have changed by the time that it is done.

use std::io;
use std::path::Path;

use super::broker::broker;
use rustix::fs::{Access, access};

/// Checks that a file can be appended to, or made if it is missing; by this process, or else by its
/// [broker](super::broker), which says so when it is asked.
///
/// # Errors
/// Why not: an error of the file, or of its directory if there is no file.
pub(crate) fn check_appendable(path: &Path) -> io::Result<()> {
    match check_own(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && broker().is_some() => {
            Ok(())
        }
        result => result,
    }
}

fn check_own(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => Ok(access(path, Access::WRITE_OK)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let directory = match path.parent() {
                Some(directory) if !directory.as_os_str().is_empty() => directory,
                _ => Path::new("."),
            };
            Ok(access(directory, Access::WRITE_OK | Access::EXEC_OK)?)
        }
        Err(error) => Err(error),
    }
}

/// Whether a file can be read, or a directory be listed.
pub(crate) fn is_readable(path: &Path) -> bool {
    access(path, Access::READ_OK).is_ok()
}

/// Whether the names in a directory can be reached.
pub(crate) fn is_searchable(path: &Path) -> bool {
    access(path, Access::EXEC_OK).is_ok()
}

/// Checks that this is a file that can be run.
///
/// # Errors
/// Why not.
pub(crate) fn check_executable(path: &Path) -> io::Result<()> {
    if std::fs::metadata(path)?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(access(path, Access::EXEC_OK)?)
}
