//! The rules for storing files in a root. It must never know which root.

use std::time::Duration;

settings! {
    /// How files are stored in a root.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct WriteRules {
        /// The permissions of stored files, new or replaced, less the process's umask.
        file_mode: u32 = 0o644,
        /// The permissions of directories that are made, less the process's umask.
        directory_mode: u32 = 0o755,
        /// Whether directories that are not there are made.
        missing_directories: MissingDirectories = MissingDirectories::default(),
        /// When a change counts as done.
        durability: Durability = Durability::default(),
        /// The largest file, in bytes.
        file_bytes_max: u64 = 128 * 1024 * 1024,
        /// The most bytes of all files beneath the root; `None`: as much as the disk holds. It also bounds the
        /// number of files and directories: 1000, and one more for every 4096 bytes. They are counted when
        /// the first file is stored, and again after ten minutes at the soonest. In between, what other
        /// programs do is not noticed, so several processes together may exceed the quota by what each of
        /// them stores meanwhile.
        quota_bytes: Option<u64> = None,
        /// How long to wait for other changes of the same directory.
        lock_wait: Duration = Duration::from_secs(5),
    }
}

/// What to do when the directory of a new file is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingDirectories {
    /// Refuse the file, as nginx does without `create_full_put_path`.
    #[default]
    Refuse,
    /// Make it, and up to 31 directories above it, when the file is complete.
    Make,
}

/// What is on the disk, and not only in caches, when a change is reported as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing. After a crash of the system, a file that was just stored may be empty.
    Never,
    /// The contents, before they get their name. After a crash, a name stands for either the old or the new
    /// version, each complete, but the changes of the last seconds may be undone. This is the default: it
    /// keeps the promise that no reader sees a mixture, and costs one flush of a file that the system
    /// would soon write anyway.
    #[default]
    File,
    /// The name too: what was reported as stored or removed stays so after a crash. It costs a second
    /// flush.
    FileAndDirectory,
}
