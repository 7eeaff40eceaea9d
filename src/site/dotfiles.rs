//! Which names are hidden.

/// Whether names that begin with a dot are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dotfiles {
    /// 404 for any path with such a segment, except below `/.well-known/` (RFC 8615). A name of dots
    /// alone, such as `...`, is served.
    #[default]
    Deny,
    /// They are served like any other.
    Allow,
}

impl Dotfiles {
    /// Whether a path is hidden.
    pub(super) fn hides(self, path: &[u8]) -> bool {
        self == Dotfiles::Deny && has_dotfile(path)
    }

    /// Whether a name is hidden.
    pub(super) fn hides_name(self, name: &[u8]) -> bool {
        self == Dotfiles::Deny && is_dotfile(name)
    }
}

/// Whether a segment begins with a dot. A `.well-known` at the beginning does not count.
fn has_dotfile(path: &[u8]) -> bool {
    let rest = path.strip_prefix(b"/.well-known/").map_or(path, |rest| {
        // The search begins with the slash before the next segment.
        &path[path.len() - rest.len() - 1..]
    });
    let after = rest.get(1..).unwrap_or_default();
    // Without an early return, the compiler compares many bytes at once.
    let may_have = rest
        .iter()
        .zip(after)
        .fold(false, |found, (&byte, &next)| found | (byte == b'/') & (next == b'.'));
    may_have && rest.split(|&byte| byte == b'/').any(is_dotfile)
}

/// Whether a name begins with a dot and is more than dots.
pub(crate) fn is_dotfile(name: &[u8]) -> bool {
    name.starts_with(b".") && name.iter().any(|&byte| byte != b'.')
}

/// Whether a path below a root is that of a file which says how the root is served.
pub(super) fn is_host_file(path: &[u8]) -> bool {
    matches!(path.strip_prefix(b"/").unwrap_or(path), b"_headers" | b"_redirects")
}

#[cfg(test)]
mod tests;
