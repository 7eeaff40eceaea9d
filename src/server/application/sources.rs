//! What an application has loaded, and whether that has changed since: then a reload restarts it.
//!
//! It looks at the Python files beneath the directory that the application runs in, not at the modules that it has
//! imported: those are known to its processes alone, and an installation is not what is deployed from day to day.

use crate::site::Application;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The sources of an application at one time.
pub(super) struct Sources {
    directory: PathBuf,
    seen: Option<Seen>,
}

/// The Python files of a directory, of which any change can be seen.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// Device and number of the directory, which may be reached by a link that is replaced.
    directory: (u64, u64),
    files: Vec<SeenFile>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SeenFile {
    path: PathBuf,
    number: u64,
    length: u64,
    /// Changes with the contents and with the name, and cannot be set.
    changed: (i64, i64),
}

impl Sources {
    /// As they are now. To be called before the application loads them.
    pub(super) fn of(application: &Application) -> Sources {
        let directory = application.directory.clone();
        Sources { seen: Seen::in_directory(&directory), directory }
    }

    /// Whether they are still the same. Where that cannot be seen, they are not.
    pub(super) fn are_unchanged(&self) -> bool {
        self.seen.is_some() && self.seen == Seen::in_directory(&self.directory)
    }
}

impl Seen {
    /// `None`: the directory cannot be read, or too much is in it.
    fn in_directory(directory: &Path) -> Option<Seen> {
        let found = fs::metadata(directory).ok()?;
        let mut seen = Seen { directory: (found.dev(), found.ino()), files: Vec::new() };
        let mut waiting = vec![(directory.to_owned(), 0)];
        let mut entries_left = ENTRIES_MAX;
        while let Some((directory, depth)) = waiting.pop() {
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(_) if depth == 0 => return None,
                Err(_) => continue,
            };
            for entry in entries.flatten() {
                entries_left = entries_left.checked_sub(1)?;
                let (path, name) = (entry.path(), entry.file_name());
                let is_hidden = name.as_encoded_bytes().starts_with(b".");
                let is_python = path.extension().is_some_and(|it| it == "py" || it == "so");
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() && !is_hidden && depth < DEPTH_MAX && name != "__pycache__" {
                    waiting.push((path, depth + 1));
                } else if is_python && let Ok(found) = fs::metadata(&path) {
                    let changed = (found.ctime(), found.ctime_nsec());
                    let (number, length) = (found.ino(), found.len());
                    seen.files.push(SeenFile { path, number, length, changed });
                }
            }
        }
        seen.files.sort_unstable();
        Some(seen)
    }
}

/// A directory with more than that is no source tree, and to go through it would take long.
const ENTRIES_MAX: usize = 20_000;

/// Deeper directories are not looked at.
const DEPTH_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::temporary::Directory;

    fn sources(directory: &Directory) -> Sources {
        let application = Application::new("app:app", PathBuf::from("python3"));
        Sources::of(&application.changed(|it| it.directory = directory.path().to_owned()))
    }

    #[test]
    fn a_changed_source_is_noticed_and_other_files_are_not() {
        let directory = Directory::new();
        directory.write("app.py", "1").make("package").write("package/a.py", "1");
        let before = sources(&directory);
        directory.write("data.db", "x").make("__pycache__").write("__pycache__/a.py", "x");
        assert!(before.are_unchanged());
        directory.replace("package/a.py", "2");
        assert!(!before.are_unchanged());
        let before = sources(&directory);
        directory.write("package/b.py", "new");
        assert!(!before.are_unchanged());
        let before = sources(&directory);
        directory.remove("package/b.py");
        assert!(!before.are_unchanged());
    }

    #[test]
    fn what_cannot_be_read_counts_as_changed() {
        let directory = Directory::new();
        directory.make("gone");
        let application = Application::new("app:app", PathBuf::from("python3"));
        let gone = directory.at("gone");
        let sources = Sources::of(&application.changed(|it| it.directory = gone.clone()));
        assert!(sources.are_unchanged());
        directory.rename("gone", "elsewhere");
        assert!(!sources.are_unchanged());
    }
}
