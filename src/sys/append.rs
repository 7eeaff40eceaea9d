//! Opening a file that lines are appended to. It must never know which lines.

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::Path;

/// Opens a file for appending. Makes it if it is missing, readable by the owner and the group only. Does not
/// wait for the reader of a FIFO.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn open_append(path: &Path) -> io::Result<File> {
    // Opening a FIFO for writing would wait for its reader without a bound.
    let flags =
        OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let mode = Mode::from_raw_mode(0o640);
    // With read access, a FIFO opens before it has a reader, and the caller can see an incomplete line.
    let file = match open(path, flags | OFlags::RDWR, mode) {
        Err(Errno::ACCESS) => open(path, flags | OFlags::WRONLY, mode)?,
        result => result?,
    };
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file.into())
}
