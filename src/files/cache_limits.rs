//! How much a worker may keep of files. It must never know what it keeps.

/// How much a worker keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes in memory: contents, headers, names and tables.
    pub bytes_max: u64,
    /// The largest file whose contents are kept in memory, in bytes. Within this, contents are kept of
    /// small files and of those that are often asked for; of others, the descriptor is kept.
    pub contents_bytes_max: u64,
    /// Results of lookups: files, directories, and that nothing is there.
    pub entries_max: usize,
    /// Open descriptors of larger files.
    pub descriptors_max: usize,
}

impl Default for CacheLimits {
    fn default() -> CacheLimits {
        CacheLimits {
            bytes_max: 128 * 1024 * 1024,
            contents_bytes_max: 128 * 1024,
            entries_max: 50_000,
            descriptors_max: 8192,
        }
    }
}
