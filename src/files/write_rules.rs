//! The rules by which files are put into a root. It must never know which root.

use std::time::Duration;

/// How files are put into a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteRules {
    /// The permissions of new files, and of those that replace others; less the process's umask.
    pub file_mode: u32,
    /// The permissions of directories that are made, less the process's umask.
    pub directory_mode: u32,
    pub missing_directories: MissingDirectories,
    pub durability: Durability,
    /// The largest file, in bytes.
    pub file_bytes_max: u64,
    /// Bytes of all files beneath the root; none: as much as the disk holds. It also bounds how many
    /// files and directories there are: 1000, and one for every 4096 bytes. They are counted when
    /// something is first stored, and again ten minutes later at the soonest; between that, what others
    /// do is not seen, so that a pool of processes may exceed it by what each lets in meanwhile.
    pub quota_bytes: Option<u64>,
    /// How long to wait for others who change the same directory.
    pub lock_wait: Duration,
}

impl Default for WriteRules {
    fn default() -> WriteRules {
        WriteRules {
            file_mode: 0o644,
            directory_mode: 0o755,
            missing_directories: MissingDirectories::default(),
            durability: Durability::default(),
            file_bytes_max: 128 * 1024 * 1024,
            quota_bytes: None,
            lock_wait: Duration::from_secs(5),
        }
    }
}

/// What to do when the directory in which a file is to stand is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingDirectories {
    /// The file is refused, as by nginx without `create_full_put_path`.
    #[default]
    Refuse,
    /// It is made, up to 32 at a time, when the file is complete.
    Make,
}

/// What is on the disk, beyond the caches, when a change is reported as made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing need be. After a crash of the system a file may be empty that was just stored.
    Never,
    /// The contents, before they get their name: after a crash a name stands for the one version or
    /// the other, whole, but the last seconds' changes may be undone. The default: this much is part
    /// of the promise that nobody sees a mixture, and costs one flush of a file that would have been
    /// written soon anyway.
    #[default]
    File,
    /// The name too: what was reported as stored or removed is so after a crash. It costs a second
    /// flush.
    FileAndDirectory,
}
