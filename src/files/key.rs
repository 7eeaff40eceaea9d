//! The names that answers are kept under: which root, then a slash and the path beneath it.
//!
//! The root alone, without the slash, is the key of its directory; `…/a` that of the file or directory
//! `a`, `…/a/` that of `a` as asked for as a directory, and `…/` that of the root, asked for likewise.
//! So whatever lies beneath `…/a` has a key that goes on with a slash.

use super::name::is_reserved;
use std::rc::Rc;

/// A key that is kept in several tables.
pub(super) type Key = Rc<[u8]>;

/// Writes the key of `path` beneath the root of this id in place of what is in `key`.
pub(super) fn write(key: &mut Vec<u8>, root: u64, path: &[u8]) {
    key.clear();
    key.extend_from_slice(&root.to_ne_bytes());
    key.push(b'/');
    key.extend_from_slice(path);
}

/// The key of the directory of the root of this id.
pub(super) fn of_root(root: u64) -> Key {
    Rc::from(root.to_ne_bytes())
}

/// The key of the directory in which the last component of this one is looked up.
pub(super) fn directory(key: &[u8]) -> &[u8] {
    ancestors(key).next_back().unwrap_or(key)
}

/// The keys of all directories on the way, the root's first.
pub(super) fn ancestors(key: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    // The bytes of the id may look like slashes.
    (ROOT_BYTES..key.len()).filter(|&place| key[place] == b'/').map(|place| &key[..place])
}

/// The path beneath the root.
pub(super) fn path(key: &[u8]) -> &[u8] {
    key.get(ROOT_BYTES + 1..).unwrap_or_default()
}

/// The last component; empty where a directory is asked for.
pub(super) fn name(key: &[u8]) -> &[u8] {
    key.get(directory(key).len() + 1..).unwrap_or_default()
}

/// The key of the first bytes of this one's path.
pub(super) fn up_to(key: &[u8], path_bytes: usize) -> Key {
    Rc::from(&key[..ROOT_BYTES + 1 + path_bytes])
}

/// Whether the path, once it is free of a trailing slash, has components that are names of files, and
/// none of them reserved.
pub(super) fn leads_somewhere(path: &[u8]) -> bool {
    let names = path.strip_suffix(b"/").unwrap_or(path);
    let is_name = |name: &[u8]| !matches!(name, b"" | b"." | b"..") && !is_reserved(name);
    path.is_empty() || !path.contains(&0) && names.split(|&byte| byte == b'/').all(is_name)
}

const ROOT_BYTES: usize = size_of::<u64>();

#[cfg(test)]
mod tests {
    use super::*;

    /// A root whose id is all slashes.
    const ROOT: u64 = u64::from_ne_bytes([b'/'; 8]);

    fn key(path: &str) -> Vec<u8> {
        let mut key = Vec::new();
        write(&mut key, ROOT, path.as_bytes());
        key
    }

    #[test]
    fn a_key_knows_the_directories_on_its_way() {
        let of = |path| ancestors(&key(path)).map(Vec::from).collect::<Vec<_>>();
        let root = || of_root(ROOT).to_vec();
        assert_eq!(of(""), [root()]);
        assert_eq!(of("a"), [root()]);
        assert_eq!(of("a/"), [root(), key("a")]);
        assert_eq!(of("a/b/c"), [root(), key("a"), key("a/b")]);
        assert_eq!(directory(&key("a/b/c")), key("a/b"));
        assert_eq!(directory(&key("a")), root());
    }

    #[test]
    fn a_key_falls_into_directory_and_name() {
        for (whole, directory_path, last) in
            [("", "", ""), ("a", "", "a"), ("a/", "a", ""), ("a/b", "a", "b")]
        {
            let key = key(whole);
            assert_eq!(
                (path(directory(&key)), name(&key)),
                (directory_path.as_bytes(), last.as_bytes()),
                "{whole}"
            );
            assert_eq!(&up_to(&key, whole.len())[..], key);
        }
    }
}
