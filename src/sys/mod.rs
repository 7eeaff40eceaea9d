//! Floor 0: what the kernel offers, each call wrapped once. Knows nothing of HTTP, of the reactor
//! or of any type of the floors above.

pub mod port_holder;
pub mod signal;

pub use port_holder::{Holder, port_holder};
