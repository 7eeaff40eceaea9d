//! Opening a file that lines are appended to. It must never know whose.

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::Path;

/// Opens a file for appending, and makes it when it is not there, readable by the owner and the
/// group alone. Does not wait for the reader of a FIFO.
///
/// # Errors
/// When it cannot be opened.
pub fn open_append(path: &Path) -> io::Result<File> {
    // To wait for the reader would be to wait without a bound.
    let flags =
        OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let mode = Mode::from_raw_mode(0o640);
    // With read access, a FIFO can be opened before its reader has come, and a torn line be seen.
    let file = match open(path, flags | OFlags::RDWR, mode) {
        Err(Errno::ACCESS) => open(path, flags | OFlags::WRONLY, mode)?,
        result => result?,
    };
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file.into())
}
