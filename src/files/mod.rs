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
mod encoded_cache;
mod encoding;
mod found;
mod key;
mod known_directory;
mod listing;
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
mod representation;
#[cfg(feature = "passwords")]
mod reread_file;
mod resolve;
mod root;
pub(crate) mod sibling;
mod small;
mod spool;
mod sum;
mod summation;
mod tagging;
mod temporary;
mod upload;
mod version;
mod watches;
mod writable;
mod write_error;
mod write_rules;

pub(crate) use cache::{CacheNumbers, Choice, OpenFiles};
pub use cache_limits::CacheLimits;
pub(crate) use cached::{CachedFile, Contents};
pub(crate) use encoding::{Encoding, coding_of_tag_name};
pub(crate) use found::{CacheUse, Chosen, Found, Now, OpenError};
pub(crate) use listing::{Entry, Listing, Readme};
pub(crate) use lock_wait::{Attempt, LockWait};
pub use mime::Types;
pub(crate) use mime::is_known_charset;
pub(crate) use name::{NameError, is_reserved, name_from_client, numbered};
pub(crate) use name_pattern::NamePattern;
pub(crate) use prefetch::{Disk, Prefetch};
pub(crate) use representation::{Representation, VARY};
#[cfg(feature = "passwords")]
pub(crate) use reread_file::RereadFile;
pub use root::{Root, Symlinks};
pub(crate) use small::SmallFile;
pub(crate) use spool::{Spool, SpoolPlace, prepare as prepare_spool_directory};
pub use sum::ETags;
pub(crate) use summation::Summation;
pub(crate) use upload::{Stored, Upload};
pub(crate) use version::FileVersion;
pub use writable::WritableRoot;
pub(crate) use write_error::{Obstacle, WriteError};
pub use write_rules::{Durability, MissingDirectories, WriteRules};
