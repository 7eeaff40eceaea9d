//! Floor 2: what is on the disk. It must never know requests, statuses, hosts or URLs.
//!
//! [`Root`] says where files may come from; [`OpenFiles`] finds them there and keeps them, each as a
//! [`CachedFile`] with everything rendered that can be rendered once.

mod cache;
mod cache_limits;
mod cached;
mod destination;
mod directories;
mod directory_table;
mod disk_lookup;
mod found;
mod key;
mod known_directory;
mod lock_wait;
mod locked;
mod lookup_cache;
mod lookup_result;
mod mime;
mod name;
mod name_pattern;
mod precheck;
mod prefetch;
mod quota;
mod resolve;
mod root;
mod spool;
mod temporary;
mod upload;
mod version;
mod watches;
mod writable;
mod write_error;
mod write_rules;

pub use cache::OpenFiles;
pub use cache_limits::CacheLimits;
pub use cached::{CachedFile, Contents};
pub use found::{Found, Now, OpenError};
pub use lock_wait::{Attempt, LockWait};
pub use mime::{Types, is_known_charset};
pub use name::{NameError, check_name, is_reserved, name_from_client, numbered};
pub use name_pattern::{NamePattern, NamePatternError};
pub use prefetch::{Disk, Prefetch};
pub use root::{Root, Symlinks};
pub use spool::{Spool, SpoolPlace, prepare as prepare_spool_directory};
pub use upload::{Stored, Upload};
pub use version::FileVersion;
pub use writable::WritableRoot;
pub use write_error::{Obstacle, WriteError};
pub use write_rules::{Durability, MissingDirectories, WriteRules};
