//! What is in memory, as a simulation says it in the kernel's place: the kernel's own answers depend on all that the
//! machine does, and no seed could play them again.

use super::read::Residency;
use std::cell::Cell;

thread_local! {
    static SAYS: Cell<Option<fn() -> bool>> = const { Cell::new(None) };
}

/// From now on, this function says on this thread whether something is cold; `None`: the kernel does.
pub(crate) fn let_say(is_cold: Option<fn() -> bool>) {
    SAYS.set(is_cold);
}

pub(super) fn said() -> Option<Residency> {
    let is_cold = SAYS.get()?;
    Some(if is_cold() { Residency::Cold } else { Residency::Resident })
}
