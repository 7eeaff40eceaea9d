//! Which part of a request's path names the file.

use super::Request;

/// Which part of the path names the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mapping {
    /// The part after the location's prefix, like nginx's `alias`.
    #[default]
    Alias,
    /// The whole path, like nginx's `root`.
    Root,
}

impl Mapping {
    /// The part of a request's path that names the file.
    pub(super) fn path_of<'r>(self, request: &'r Request<'_>) -> &'r [u8] {
        match self {
            Mapping::Alias => request.path_in_location_bytes(),
            Mapping::Root => request.path_bytes(),
        }
    }
}
