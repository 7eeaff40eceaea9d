//! How much a worker may keep of files. It must never know what it keeps.

settings! {
    /// How much a worker keeps.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CacheLimits {
        /// Bytes in memory: contents, headers, names and tables.
        bytes_max: u64 = 128 * 1024 * 1024,
        /// The largest file whose contents are kept in memory, in bytes. Within this, contents are kept of
        /// small files and of those that are often asked for; of others, the descriptor is kept.
        contents_bytes_max: u64 = 128 * 1024,
        /// Bytes of compressed contents in memory, in addition: see `Compression`. A file that is
        /// larger than a quarter of this is not compressed.
        compressed_bytes_max: u64 = 32 * 1024 * 1024,
        /// Results of lookups: files, directories, and that nothing is there.
        entries_max: usize = 50_000,
        /// Open descriptors of larger files.
        descriptors_max: usize = 8192,
    }
}
