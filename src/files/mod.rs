//! Floor 2: what is on the disk. It must never know requests, statuses, hosts, or which URL led here.
//!
//! [`Root`] says where files may come from; [`OpenFiles`] finds them there and keeps them, each as a
//! [`CachedFile`] with everything rendered that can be rendered once.

mod cache;
mod cached;
mod mime;
mod root;
mod warmup;

pub use cache::{CacheLimits, Found, Now, OpenError, OpenFiles};
pub use cached::{CachedFile, Contents};
pub use mime::Types;
pub use root::{Root, Symlinks};
pub use warmup::{Disk, Warmup};
