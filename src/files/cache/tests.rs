//! A cache that is asked, with everything watched and with nothing watched.

mod changes;
mod finding;
mod hostile;
mod keeping;
mod races;
mod variants;

use super::forgetting::REMOVED_MAX;
use super::*;
use crate::files::{Contents, Symlinks};
use crate::sys::temporary::{Directory, bound_by_permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::time::{Instant, SystemTime};

/// A directory with a root in it, and a cache that is asked.
struct CacheFixture {
    around: Directory,
    root: Root,
    files: OpenFiles,
    now: Now,
}

impl CacheFixture {
    fn new() -> CacheFixture {
        CacheFixture::with(CacheLimits::default(), Watches::new())
    }

    fn unwatched() -> CacheFixture {
        CacheFixture::with(CacheLimits::default(), Watches::none())
    }

    fn with(limits: CacheLimits, watches: Watches) -> CacheFixture {
        let around = Directory::new();
        around.make("root");
        let root = Root::open(around.at("root")).expect("it is there");
        let now = Now { monotonic: Instant::now(), wall: SystemTime::now() };
        CacheFixture { around, root, files: OpenFiles::watching(limits, watches), now }
    }

    /// The time stands still, unless this is called.
    fn wait(&mut self, time: Duration) {
        self.now.monotonic += time;
        self.now.wall += time;
    }

    /// As if all this had been written long ago.
    fn rest(&mut self) {
        self.wait(Duration::from_secs(10));
    }

    fn find(&mut self, path: impl AsRef<[u8]>) -> Result<Found, OpenError> {
        self.files.find(&self.root, path.as_ref(), self.now, Disk::MayBlock)
    }

    fn file(&mut self, path: &str) -> Arc<CachedFile> {
        match self.find(path) {
            Ok(Found::File(file)) => file,
            other => panic!("{path}: {other:?}"),
        }
    }

    /// What is at a path, as the last look showed it, in a word.
    fn known(&mut self, path: impl AsRef<[u8]>) -> String {
        match self.find(path) {
            Ok(Found::Directory) => "(directory)".into(),
            Ok(Found::File(file)) => contents(&file),
            Err(OpenError::NotFound) => "(nothing)".into(),
            Err(OpenError::Forbidden) => "(forbidden)".into(),
            Err(error) => panic!("{error:?}"),
        }
    }

    /// What is at a path now, in a word.
    fn at(&mut self, path: impl AsRef<[u8]>) -> String {
        self.files.look();
        self.known(path)
    }

    fn keeps(&mut self) -> usize {
        self.files.cache.length()
    }

    /// Makes sure that answers are believed until a change is reported.
    fn is_watched(&mut self) {
        self.around.write("root/probe", "");
        self.find("probe").expect("it is there");
        key::write(&mut self.files.key, self.root.id(), b"probe");
        let entry = self.files.cache.peek(&self.files.key).expect("it is kept");
        assert_eq!(entry.trust, Trust::Watched);
    }
}

fn contents(file: &CachedFile) -> String {
    let bytes = match file.contents() {
        Contents::Memory(bytes) => bytes.to_vec(),
        Contents::Descriptor(descriptor) => {
            let mut bytes = vec![0; file.length() as usize];
            file::read_at(descriptor.as_fd(), &mut bytes, 0, Disk::MayBlock)
                .expect("it can be read");
            bytes
        }
    };
    assert_eq!(bytes.len() as u64, file.length());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The same with everything watched, and with nothing watched; fresh, and long after.
fn in_each_way(test: impl Fn(&mut CacheFixture)) {
    for mut site in [CacheFixture::new(), CacheFixture::unwatched()] {
        test(&mut site);
    }
    for mut site in [CacheFixture::new(), CacheFixture::unwatched()] {
        site.rest();
        test(&mut site);
    }
}
