//! Floor 0: what the kernel offers. It must never know HTTP, mio or a type of the floors above.

pub mod file;
pub mod watch;

#[cfg(test)]
pub(crate) mod temporary;
