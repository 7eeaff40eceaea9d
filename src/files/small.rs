//! A small file that is read at once, past the cache.
//!
//! It must never know what the file is for.

use super::Root;
use crate::sys::file::{self, Disk, FileKind, LastLink, Symlinks};
use std::io;
use std::os::fd::AsFd;

/// A small file: its bytes and its content type.
pub(crate) struct SmallFile {
    pub(crate) bytes: Vec<u8>,
    pub(crate) content_type: String,
}

impl SmallFile {
    /// Reads the regular file at a path beneath a root.
    ///
    /// # Errors
    /// When there is none, it may not be read, it is larger than `bytes_max`, or with [`Disk::MustNotBlock`], when the
    /// disk would have to be waited for.
    pub(crate) fn read(
        root: &Root,
        path: &[u8],
        bytes_max: usize,
        disk: Disk,
    ) -> io::Result<SmallFile> {
        let directory = match disk {
            Disk::MayBlock => file::open_directory(root.path())?,
            Disk::MustNotBlock => file::open_directory_at_once(root.path())?,
        };
        let last = match root.link_policy() {
            Symlinks::Never => LastLink::Refuse,
            _ => LastLink::Follow,
        };
        let open = file::open_beneath(directory.as_fd(), path, root.link_policy(), last, disk)?;
        let identity = file::identity(open.as_fd())?;
        if identity.kind != FileKind::File {
            return Err(io::ErrorKind::NotFound.into());
        }
        let length = usize::try_from(identity.size_bytes).unwrap_or(usize::MAX);
        if length > bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = vec![0; length];
        let count = file::read_at(open.as_fd(), &mut bytes, 0, disk)?;
        bytes.truncate(count);
        let content_type = root.content_types().content_type(path).into_owned();
        Ok(SmallFile { bytes, content_type })
    }
}
