//! Floor 2: what is on the disk. It must never know requests, statuses, hosts, or which URL led here.
//!
//! [`Root`] says where files may come from; [`OpenFiles`] finds them there and keeps them, each as a
//! [`CachedFile`] with everything rendered that can be rendered once.

mod cache;
mod cached;
mod destination;
mod directories;
mod found;
mod ground;
mod key;
mod lock_wait;
mod locked;
mod mime;
mod name;
mod name_pattern;
mod precheck;
mod prefetch;
mod quota;
mod root;
mod spool;
mod store;
mod temporary;
mod upload;
mod version;
mod walk;
mod watches;
mod writable;
mod write_error;
mod write_rules;

pub use cache::OpenFiles;
pub use cached::{CachedFile, Contents};
pub use found::{Found, Now, OpenError};
pub use lock_wait::{Attempt, LockWait};
pub use mime::{Types, is_known_charset};
pub use name::{NameError, check_name, is_reserved, name_from_client, numbered};
pub use name_pattern::{NamePattern, NamePatternError};
pub use prefetch::{Disk, Prefetch};
pub use root::{Root, Symlinks};
pub use spool::{Spool, SpoolPlace, prepare as prepare_spool_directory};
pub use store::CacheLimits;
pub use upload::{Stored, Upload};
pub use version::Version;
pub use writable::WritableRoot;
pub use write_error::{Obstacle, WriteError};
pub use write_rules::{Durability, MissingDirectories, WriteRules};
