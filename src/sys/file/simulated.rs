//! What the kernel says of the disk, as a simulation says it in its place: what is in memory, and which calls fail. The
//! kernel's own answers depend on all that the machine does, and no seed could play them again. In tests, reads and calls
//! ask here, with the words that they have for it.

use super::call::Call;
use super::read::Residency;
use std::cell::Cell;
use std::io;

/// The error of a call, if it is to fail.
type ErrorOf = fn(Call) -> Option<io::Error>;

thread_local! {
    static SAYS: Cell<Option<fn() -> bool>> = const { Cell::new(None) };
    static FAILS: Cell<Option<ErrorOf>> = const { Cell::new(None) };
}

/// From now on, this function says on this thread whether something is cold; `None`: the kernel does.
pub(crate) fn let_say(is_cold: Option<fn() -> bool>) {
    SAYS.set(is_cold);
}

/// From now on, this function says on this thread which calls fail; `None`: only the kernel does.
pub(crate) fn let_fail(error_of: Option<ErrorOf>) {
    FAILS.set(error_of);
}

pub(super) fn said() -> Option<Residency> {
    let is_cold = SAYS.get()?;
    Some(if is_cold() { Residency::Cold } else { Residency::Resident })
}

pub(super) fn refused(call: Call) -> io::Result<()> {
    FAILS.get().and_then(|error_of| error_of(call)).map_or(Ok(()), Err)
}
