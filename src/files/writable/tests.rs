//! A root that is written to; with nameless temporary files, and with named ones.

mod contention;
mod refusing;
mod storing;

use super::*;
use crate::files::{Stored, Symlinks, Upload};
use crate::sys::temporary::{Directory, bound_by_permissions};
use std::collections::HashSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

type Make = fn(Root, WriteRules) -> WritableRoot;
const EACH_WAY: [Make; 2] = [WritableRoot::new, WritableRoot::with_named_files];

/// A directory with a root in it that is written to.
struct WritableFixture {
    around: Directory,
    root: WritableRoot,
}

impl WritableFixture {
    fn new(make: Make, rules: WriteRules) -> WritableFixture {
        let around = Directory::new();
        around.make("root");
        let root = Root::open(around.at("root")).expect("it is there");
        WritableFixture { root: make(root, rules), around }
    }

    fn put(
        &self,
        path: &str,
        contents: &str,
        condition: &Preconditions,
    ) -> Result<Stored, WriteError> {
        let mut upload = self.root.upload(path.as_bytes())?;
        // In pieces.
        for piece in contents.as_bytes().chunks(3) {
            upload.write(piece)?;
        }
        assert_eq!(upload.length(), contents.len() as u64);
        upload.commit(condition)
    }

    fn store(&self, path: &str, contents: &str) -> Stored {
        self.put(path, contents, &Preconditions::none()).expect(path)
    }

    fn remove(&self, path: &str) -> Result<(), WriteError> {
        self.root.remove(path.as_bytes(), &Preconditions::none())
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.around.at("root").join(path)).expect(path)
    }

    /// Everything beneath the root.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect(&self.around.at("root"), "", &mut names);
        names.sort();
        names
    }
}

fn collect(directory: &Path, before: &str, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).expect("it can be read") {
        let entry = entry.expect("it is there");
        let name = format!("{before}{}", entry.file_name().to_string_lossy());
        if entry.file_type().expect("it is there").is_dir() {
            collect(&entry.path(), &format!("{name}/"), names);
        }
        names.push(name);
    }
}

fn in_each_way(rules: WriteRules, test: impl Fn(&WritableFixture)) {
    for make in EACH_WAY {
        test(&WritableFixture::new(make, rules));
    }
}

/// The tag, which is strong at once.
fn tag(stored: &Stored) -> &[u8] {
    let tag = stored.version.etag().expect("it has one");
    assert!(!tag.is_weak(), "{:?}", stored.version);
    tag.as_bytes()
}
