//! What the workers count, and how it is read: each worker counts in plain integers of its own, and copies them to the
//! [`Board`] when somebody asks. A request costs no atomic and no lock.

pub(crate) mod board;
mod collector;
mod connection_state;
pub(crate) mod counters;

pub(crate) use board::Board;
#[cfg(feature = "cli")]
pub(crate) use collector::AskOthers;
pub(crate) use collector::Collector;
pub(crate) use connection_state::ConnectionState;
pub(crate) use counters::{Counters, WorkerNumbers};
