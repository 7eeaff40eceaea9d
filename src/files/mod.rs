//! Floor 2: what is on the disk. It must never know requests, statuses, hosts, or which URL led here.
//!
//! [`Root`] says where files may come from; [`OpenFiles`] finds them there and keeps them, each as a
//! [`CachedFile`] with everything rendered that can be rendered once.

mod cache;
mod cached;
mod found;
mod ground;
mod key;
mod mime;
mod root;
mod store;
mod version;
mod walk;
mod warmup;
mod watches;

pub use cache::OpenFiles;
pub use cached::{CachedFile, Contents};
pub use found::{Found, Now, OpenError};
pub use mime::Types;
pub use root::{Root, Symlinks};
pub use store::CacheLimits;
pub use version::Version;
pub use warmup::{Disk, Warmup};
