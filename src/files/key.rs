//! The keys of results: which root, then a slash and the path beneath it.
//!
//! The root alone, without the slash, is the key of its directory; `…/a` that of the file or directory
//! `a`, `…/a/` that of `a` as asked for as a directory, and `…/` that of the root, asked for likewise.
//! So whatever lies beneath `…/a` has a key that goes on with a slash.

use super::name::{check_length, is_reserved};
use std::ops::Range;
use std::rc::Rc;

/// A key that is kept in several tables.
pub(super) type CacheKey = Rc<[u8]>;

/// Writes the key of `path` beneath the root of this id in place of what is in `key`.
pub(super) fn write(key: &mut Vec<u8>, root: u64, path: &[u8]) {
    key.clear();
    key.extend_from_slice(&root.to_ne_bytes());
    key.push(b'/');
    key.extend_from_slice(path);
}

/// The key of the directory of the root of this id.
pub(super) fn of_root(root: u64) -> CacheKey {
    Rc::from(root.to_ne_bytes())
}

/// Whether this is the key of a root's directory.
pub(super) fn is_root(key: &[u8]) -> bool {
    key.len() == ROOT_BYTES
}

/// The key of the directory in which the last component of this one is looked up.
pub(super) fn directory(key: &[u8]) -> &[u8] {
    // The bytes of the id may look like slashes.
    let slash = (ROOT_BYTES..key.len()).rev().find(|&place| key[place] == b'/');
    slash.map_or(key, |slash| &key[..slash])
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
pub(super) fn prefix(key: &[u8], path_bytes: usize) -> CacheKey {
    Rc::from(&key[..ROOT_BYTES + 1 + path_bytes])
}

/// The key that says that the component which ends there is missing. It is this key where that is the last
/// component, and otherwise the key of the component as a directory.
pub(super) fn of_missing(key: &CacheKey, path_bytes: usize) -> CacheKey {
    let with_slash = ROOT_BYTES + 1 + path_bytes + 1;
    if with_slash >= key.len() { Rc::clone(key) } else { Rc::from(&key[..with_slash]) }
}

/// Whether `key` is that of this directory or lies beneath it.
pub(super) fn is_within(key: &[u8], directory: &[u8]) -> bool {
    key.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Whether the result that is kept under `other` is also the result of `key`: both are equal, or `other` is
/// a directory of its path that is missing.
pub(super) fn is_answered_by(key: &[u8], other: &[u8]) -> bool {
    key == other || other.ends_with(b"/") && key.starts_with(other)
}

/// The range of keys, in the order of bytes, that holds everything beneath this directory.
pub(super) fn beneath(directory: &[u8]) -> Range<Vec<u8>> {
    [directory, b"/"].concat()..[directory, b"0"].concat()
}

/// Whether a file may have this path: without a trailing slash, each of its components is a name that
/// files have, none of them is reserved, and the path is not too long for the kernel.
pub(super) fn may_exist(path: &[u8]) -> bool {
    let names = path.strip_suffix(b"/").unwrap_or(path);
    let is_name = |name: &[u8]| !matches!(name, b"" | b"." | b"..") && !is_reserved(name);
    path.is_empty()
        || check_length(path).is_ok()
            && !path.contains(&0)
            && names.split(|&byte| byte == b'/').all(is_name)
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
    fn what_is_beneath_a_directory_is_a_range_of_the_keys_in_order() {
        let bounds = beneath(&key("a"));
        for (other, lies_beneath) in [
            ("a/", true),
            ("a/b", true),
            ("a/\u{ff}/c", true),
            ("a", false),
            ("a!", false),
            ("a-b", false),
            ("a0", false),
            ("b", false),
            ("", false),
        ] {
            let other = key(other);
            assert_eq!(bounds.contains(&other), lies_beneath, "{}", path(&other).escape_ascii());
            assert_eq!(is_within(&other, &key("a")), lies_beneath || other == key("a"));
            assert!(is_within(&other, &of_root(ROOT)));
        }
    }

    #[test]
    fn a_missing_component_is_kept_as_the_directory_that_it_is_not() {
        let whole = &Rc::from(key("a/b/c"));
        assert_eq!(&of_missing(whole, 1)[..], key("a/"));
        assert_eq!(&of_missing(whole, 3)[..], key("a/b/"));
        assert_eq!(&of_missing(whole, 5)[..], key("a/b/c"));
        assert_eq!(&of_missing(&Rc::from(key("a/")), 1)[..], key("a/"));
    }

    #[test]
    fn what_the_kernel_would_not_look_up_leads_nowhere() {
        let name = "n".repeat(255);
        assert!(may_exist(name.as_bytes()));
        assert!(may_exist(format!("a/{name}/").as_bytes()));
        assert!(!may_exist(format!("a/{name}n/b").as_bytes()));
        let long = "a/".repeat(2048);
        assert!(may_exist(&long.as_bytes()[..4095]));
        assert!(!may_exist(long.as_bytes()));
    }

    #[test]
    fn a_key_knows_its_directory() {
        assert_eq!(directory(&key("a/b/c")), key("a/b"));
        assert_eq!(directory(&key("a/")), key("a"));
        assert_eq!(directory(&key("a")), &of_root(ROOT)[..]);
        assert_eq!(directory(&key("")), &of_root(ROOT)[..]);
        assert_eq!(directory(&of_root(ROOT)), &of_root(ROOT)[..]);
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
            assert_eq!(&prefix(&key, whole.len())[..], key);
        }
    }
}
