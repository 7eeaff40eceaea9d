//! Where a file is to be stored. It must never know what is there already.

/// Where a file is to be stored: a directory beneath the root, and a name in it.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    path: Vec<u8>,
    name_start: usize,
}

impl Destination {
    pub(super) fn of(path: &[u8]) -> Destination {
        let name_start = memchr::memrchr(b'/', path).map_or(0, |slash| slash + 1);
        Destination { path: path.to_vec(), name_start }
    }

    /// The path of the directory without a trailing slash; the root's is empty.
    pub(super) fn directory(&self) -> &[u8] {
        self.path[..self.name_start].strip_suffix(b"/").unwrap_or_default()
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.path[self.name_start..]
    }

    pub(super) fn rename(&mut self, name: &[u8]) {
        self.path.truncate(self.name_start);
        self.path.extend_from_slice(name);
    }
}
