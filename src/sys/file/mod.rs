//! Files as the kernel offers them: opening, identity, reading, sending.
//!
//! It must never know HTTP, a cache, or why a file is wanted.

mod call;
mod cause;
mod entries;
mod identity;
mod open;
mod read;
#[cfg(test)]
pub(crate) mod simulated;

#[cfg(test)]
pub(crate) use call::Call;
#[cfg(not(test))]
pub(super) use call::Call;
pub(super) use call::refused;
pub(crate) use cause::{Cause, refusal};
pub(crate) use entries::{entries, identity_at, is_readable};
pub(super) use identity::identity_of;
pub(crate) use identity::{FileKind, Identity, Timestamp, identity, kernel_keeps_times};
pub use open::Symlinks;
pub(crate) use open::{
    LastLink, open_beneath, open_directory, open_directory_at_once, read_link, step,
};
pub(crate) use read::{
    Disk, Residency, bring_in, page_bytes, read_at, read_many, read_nothing_ahead, read_resident,
    residency, send_file,
};
