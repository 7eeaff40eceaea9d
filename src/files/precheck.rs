//! Refusing an upload before its body is read. It runs on a worker, so it must never wait for the disk or for
//! a lock.

use super::destination::Destination;
use super::locked::{self, NeedsTag};
use super::writable::WritableRoot;
use super::write_error::{Obstacle, WriteError, is_missing};
use super::{Disk, FileVersion};
use crate::http::conditional::Preconditions;
use crate::sys::file::{self, LastLink};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

impl WritableRoot {
    /// Whether a file of this length, if it is known, could be stored at `path` now, so that no body is sent
    /// in vain.
    ///
    /// `Ok` also where this cannot be said without waiting. [`Upload::commit`](super::Upload::commit)
    /// decides in the end.
    ///
    /// # Errors
    /// The error of the commit: see [`WriteError`].
    pub(crate) fn precheck(
        &self,
        path: &[u8],
        length: Option<u64>,
        preconditions: &Preconditions,
    ) -> Result<(), WriteError> {
        WritableRoot::check_path(path)?;
        let destination = Destination::of(path);
        let occupant = match self.open_at_once(destination.directory()) {
            Ok(directory) => {
                let (name, disk) = (destination.name(), Disk::MustNotBlock);
                locked::look(directory.as_fd(), self.root(), name, disk, NeedsTag::IfKnown)
            }
            Err(error) if is_missing(&error) && self.makes_directories() => Ok(None),
            Err(error) if is_missing(&error) => return Err(error.into()),
            Err(error) => Err(error),
        };
        let Ok(occupant) = occupant else {
            return Ok(());
        };
        if let Some((identity, None)) = occupant {
            return Err(WriteError::Conflict(Obstacle::of(identity.kind)));
        }
        let validators = occupant.as_ref().and_then(|(_, version)| version.as_ref());
        let is_known = !validators.is_some_and(FileVersion::is_tag_awaited);
        if is_known || !preconditions.name_tags() {
            preconditions.check(validators.map(FileVersion::validators))?;
        }
        if let (Some(quota), Some(length)) = (self.quota(), length) {
            quota.precheck(length, occupant.map(|(identity, _)| identity.size_bytes))?;
        }
        Ok(())
    }

    fn open_at_once(&self, path: &[u8]) -> io::Result<OwnedFd> {
        let start = file::open_directory_at_once(self.root().path())?;
        let path = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        file::open_beneath(
            start.as_fd(),
            &path,
            self.root().link_policy(),
            LastLink::Follow,
            Disk::MustNotBlock,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MissingDirectories, Root, WriteRules};
    use super::*;
    use crate::http::conditional::FailedPrecondition;
    use crate::sys::temporary::Directory;

    fn root(here: &Directory, change: impl FnOnce(&mut WriteRules)) -> WritableRoot {
        let mut rules = WriteRules::default();
        change(&mut rules);
        WritableRoot::new(Root::open(here.path()).expect("it was just made"), rules)
    }

    fn store(root: &WritableRoot, path: &[u8], content: &[u8]) -> Vec<u8> {
        let mut upload = root.upload(path).expect("there is a directory");
        upload.write(content).expect("there is room");
        let stored = upload.commit(&Preconditions::none()).expect("nothing is in the way");
        stored.version.etag().expect("it has one").as_bytes().to_vec()
    }

    /// Has the kernel look first, so that it has at hand what is asked for.
    fn precheck(root: &WritableRoot, path: &[u8], preconditions: &Preconditions) -> String {
        let path_there = root.root().path().join(String::from_utf8_lossy(path).as_ref());
        let _ = path_there.symlink_metadata();
        match root.precheck(path, Some(10), preconditions) {
            Ok(()) => "fine".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// That there is nothing is known to the kernel on some file systems only.
    #[track_caller]
    fn is_foreseen_if_known(
        root: &WritableRoot,
        path: &[u8],
        preconditions: &Preconditions,
        it: &str,
    ) {
        let told = precheck(root, path, preconditions);
        assert!(told == it || told == "fine", "{told}");
    }

    #[test]
    fn what_is_in_the_way_is_reported_before_anything_is_written() {
        let here = Directory::new();
        let root = root(&here, |_| {});
        let tag = store(&root, b"a.txt", b"text");
        std::fs::create_dir(here.at("d")).expect("it is ours");
        std::os::unix::fs::symlink("a.txt", here.at("l")).expect("it is ours");
        let none = Preconditions::none();
        assert_eq!(precheck(&root, b"a.txt", &none), "fine");
        assert_eq!(precheck(&root, b"new.txt", &none), "fine");
        assert_eq!(precheck(&root, b"d/new.txt", &none), "fine");
        assert_eq!(precheck(&root, b"d", &none), "a directory has this name");
        assert_eq!(precheck(&root, b"l", &none), "a symbolic link has this name");
        assert_eq!(precheck(&root, b"a.txt/b", &none), "there is no such directory");
        is_foreseen_if_known(&root, b"no/b", &none, "there is no such directory");
        assert_eq!(precheck(&root, b".httpd-upload", &none), "the name is reserved");
        assert_eq!(precheck(&root, b"a.txt", &Preconditions::if_match(&tag)), "fine");
        for (failing, told) in [
            (Preconditions::if_match(b"\"x\""), FailedPrecondition::IfMatch),
            (Preconditions::if_none_match(b"*"), FailedPrecondition::IfNoneMatch),
        ] {
            assert_eq!(precheck(&root, b"a.txt", &failing), told.to_string());
        }
        let told = FailedPrecondition::IfMatch.to_string();
        is_foreseen_if_known(&root, b"b", &Preconditions::if_match(b"*"), &told);
    }

    #[test]
    fn a_directory_that_will_be_made_is_in_nobodys_way() {
        let here = Directory::new();
        let root = root(&here, |rules| rules.missing_directories = MissingDirectories::Make);
        assert_eq!(precheck(&root, b"no/b", &Preconditions::none()), "fine");
        let told = FailedPrecondition::IfMatch.to_string();
        is_foreseen_if_known(&root, b"no/b", &Preconditions::if_match(b"*"), &told);
    }

    const FULL: &str = "quota_bytes = 12 would be exceeded; remove files first";

    #[test]
    fn a_quota_that_is_used_up_is_reported_once_it_has_been_counted() {
        let here = Directory::new();
        let root = root(&here, |rules| rules.quota_bytes = Some(12));
        let none = Preconditions::none();
        assert_eq!(precheck(&root, b"b", &none), "fine", "nobody has counted");
        store(&root, b"a", b"12345");
        is_foreseen_if_known(&root, b"b", &none, FULL);
        store(&root, b"b", b"1234567");
        assert_eq!(precheck(&root, b"b", &none), FULL);
        root.remove(b"b", &none).expect("it is there");
        assert_eq!(precheck(&root, b"a", &none), "fine", "five of the ten are there already");
    }
}
