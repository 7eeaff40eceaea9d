//! What both comparisons are made of: processes that end with them, servers that accept, runs of wrk.

pub mod figures;
pub mod load;
pub mod process;
pub mod running;
pub mod runs;
