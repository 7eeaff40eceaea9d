//! What is served after each kind of change; with everything watched, and with nothing watched.

use super::*;
use crate::files::{Contents, Symlinks};
use crate::sys::temporary::{Directory, skipped_for_root};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

/// A directory with a root in it, and a cache that is asked.
struct Site {
    around: Directory,
    root: Root,
    files: OpenFiles,
    now: Now,
}

impl Site {
    fn new() -> Site {
        Site::with(CacheLimits::default(), Watches::new())
    }

    fn unwatched() -> Site {
        Site::with(CacheLimits::default(), Watches::none())
    }

    fn with(limits: CacheLimits, watches: Watches) -> Site {
        let around = Directory::new();
        around.make("root");
        let root = Root::open(around.at("root")).expect("it is there");
        let now = Now { monotonic: Instant::now(), wall: SystemTime::now() };
        Site { around, root, files: OpenFiles::watching(limits, watches), now }
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

    fn file(&mut self, path: &str) -> Rc<CachedFile> {
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
        self.files.store.length()
    }

    /// Whether answers are believed here; says so in the output if they are not.
    fn is_watched(&mut self) -> bool {
        self.around.write("root/probe", "");
        self.find("probe").expect("it is there");
        key::write(&mut self.files.key, self.root.id(), b"probe");
        let entry = self.files.store.peek(&self.files.key).expect("it is kept");
        let watched = entry.trust == Trust::Watched;
        if !watched {
            eprintln!(
                "skipped: the directory for temporary files is on a file system that cannot be watched"
            );
        }
        watched
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
fn in_each_way(test: impl Fn(&mut Site)) {
    for mut site in [Site::new(), Site::unwatched()] {
        test(&mut site);
    }
    for mut site in [Site::new(), Site::unwatched()] {
        site.rest();
        test(&mut site);
    }
}

#[test]
fn files_and_directories_are_told_apart() {
    in_each_way(|site| {
        site.around.write("root/a", "1").write("root/d/b", "2").write("root/empty", "");
        for _ in 0..2 {
            assert_eq!(site.at("a"), "1");
            assert_eq!(site.at("d/b"), "2");
            assert_eq!(site.at("empty"), "");
            for directory in ["", "d", "d/"] {
                assert_eq!(site.at(directory), "(directory)", "{directory:?}");
            }
            for nothing in ["no", "a/", "a/b", "no/a", "d/b/", "d/no", "d/no/a", "no/"] {
                assert_eq!(site.at(nothing), "(nothing)", "{nothing:?}");
            }
        }
    });
}

#[test]
fn strange_names_are_names_like_others() {
    in_each_way(|site| {
        let long = "n".repeat(255);
        let strange: &[u8] = b"\xff\xfe \n%\"#[]{}\x01";
        site.around.write(format!("root/{long}"), "1");
        site.around.write(std::ffi::OsStr::from_bytes(&[b"root/", strange].concat()), "2");
        for _ in 0..2 {
            assert_eq!(site.at(&long), "1");
            assert_eq!(site.at(strange), "2");
            assert_eq!(site.at([b'x'; 256]), "(nothing)");
            assert_eq!(site.at([b'x'; 5000]), "(nothing)");
            assert_eq!(site.at(b"a/".repeat(4000)), "(nothing)");
        }
    });
}

#[test]
fn paths_that_are_not_normal_lead_nowhere() {
    in_each_way(|site| {
        site.around.write("root/a", "1").write("secret", "s").make("root/d");
        for path in [
            "/",
            "/a",
            ".",
            "./a",
            "..",
            "../secret",
            "d/..",
            "d/../../secret",
            "d//",
            "//",
            "a\0",
            "\0",
        ] {
            assert_eq!(site.at(path), "(nothing)", "{path:?}");
        }
    });
}

#[test]
fn reserved_names_lead_nowhere() {
    in_each_way(|site| {
        site.around.write("root/.httpd-upload", "1").write("root/.httpd-upload-1/a", "2");
        site.around.write("root/.httpd", "3");
        for path in [".httpd-upload", ".httpd-upload-1/a", ".httpd-upload-1", ".HTTPD-UPLOAD"] {
            assert_eq!(site.at(path), "(nothing)", "{path}");
        }
        assert_eq!(site.at(".httpd"), "3");
    });
}

#[test]
fn what_is_neither_file_nor_directory_is_nothing_at_once() {
    in_each_way(|site| {
        site.around
            .make_others("root/fifo", "root/socket")
            .link("root/to_fifo", "fifo")
            .link("root/null", "/dev/null");
        for path in ["fifo", "socket", "to_fifo", "null", "fifo/a"] {
            assert_eq!(site.at(path), "(nothing)", "{path}");
        }
    });
}

#[test]
fn an_answer_is_given_without_asking_the_disk() {
    let mut site = Site::new();
    if !site.is_watched() {
        return;
    }
    site.around.write("root/a", "1").write("root/d/b", "2");
    for path in ["a", "d/b", "no", "no/b"] {
        site.known(path);
    }
    site.around.write("root/a", "one").remove("root/d").write("root/no/b", "3");
    assert_eq!(
        ["a", "d/b", "no", "no/b"].map(|path| site.known(path)),
        ["1", "2", "(nothing)", "(nothing)"]
    );
    site.files.look();
    assert_eq!(
        ["a", "d/b", "no", "no/b"].map(|path| site.known(path)),
        ["one", "(nothing)", "(directory)", "3"]
    );
}

#[test]
fn a_known_file_is_the_same_value_each_time() {
    in_each_way(|site| {
        site.around.write("root/a", "1");
        site.rest();
        let file = site.file("a");
        assert!(Rc::ptr_eq(&file, &site.file("a")));
        site.rest();
        assert!(Rc::ptr_eq(&file, &site.file("a")), "asked again, but not read again");
    });
}

#[test]
fn a_replaced_file_is_answered_as_it_now_is() {
    in_each_way(|site| {
        let second = SystemTime::now();
        site.around.write("root/a", "old").modify("root/a", second);
        let old = site.file("a");
        site.around.write("root/next", "new").modify("root/next", second + Duration::from_nanos(1));
        site.around.rename("root/next", "root/a");
        assert_eq!(site.at("a"), "new");
        let new = site.file("a");
        assert_ne!(old.etag(), new.etag(), "of one size and one second, but not of one tag");
        assert_ne!(old.identity(), new.identity());
        assert_eq!(contents(&old), "old", "what was handed out stays");
    });
}

#[test]
fn a_file_that_is_written_in_place_is_answered_as_it_now_is() {
    in_each_way(|site| {
        site.around.write("root/a", "a long one");
        assert_eq!(site.at("a"), "a long one");
        site.around.write("root/a", "short");
        assert_eq!(site.at("a"), "short");
        let file = std::fs::File::options()
            .append(true)
            .open(site.around.at("root/a"))
            .expect("it is there");
        std::io::Write::write_all(&mut &file, b", longer").expect("there is room");
        assert_eq!(site.at("a"), "short, longer");
        file.set_len(2).expect("it is ours");
        assert_eq!(site.at("a"), "sh");
        std::io::Write::write_all(&mut &file, b"ut").expect("there is room");
        assert_eq!(site.at("a"), "shut");
    });
}

#[test]
fn a_file_comes_and_goes() {
    in_each_way(|site| {
        for path in ["a", "d/b", "d/e/c"] {
            assert_eq!(site.at(path), "(nothing)", "{path}");
            site.around.write(format!("root/{path}"), "1");
            assert_eq!(site.at(path), "1", "{path}");
            site.around.remove(&format!("root/{path}"));
            assert_eq!(site.at(path), "(nothing)", "{path}");
            site.around.make(&format!("root/{path}"));
            assert_eq!(site.at(path), "(directory)", "{path}");
            site.around.remove(&format!("root/{path}"));
            assert_eq!(site.at(path), "(nothing)", "{path}");
        }
    });
}

#[test]
fn a_directory_that_moves_takes_its_files_with_it() {
    in_each_way(|site| {
        site.around.write("root/d/e/a", "1").write("root/other/e/a", "2");
        assert_eq!(site.at("d/e/a"), "1");
        assert_eq!(site.at("d/e/no"), "(nothing)");
        site.around.rename("root/d", "root/f");
        assert_eq!(
            ["d/e/a", "f/e/a", "d/", "f/"].map(|path| site.at(path)),
            ["(nothing)", "1", "(nothing)", "(directory)"]
        );
        site.around.rename("root/other", "root/d").write("root/d/e/no", "3");
        assert_eq!(["d/e/a", "d/e/no"].map(|path| site.at(path)), ["2", "3"]);
        site.around.replace("root/d/e/a", "4");
        assert_eq!(site.at("d/e/a"), "4");
    });
}

#[test]
fn the_tree_may_be_removed_and_made_again() {
    in_each_way(|site| {
        for round in ["1", "2", "3"] {
            site.around.write("root/d/e/a", round);
            assert_eq!(site.at("d/e/a"), round);
            site.around.remove("root/d");
            assert_eq!(site.at("d/e/a"), "(nothing)");
            site.around.write("root/d/e/a", round);
            assert_eq!(site.at("d/e/a"), round);
            site.around.remove("root");
            assert_eq!(site.at("d/e/a"), "(nothing)");
        }
    });
}

#[test]
fn a_link_that_is_flipped_leads_to_the_new_place() {
    in_each_way(|site| {
        site.around
            .write("root/1/a", "one")
            .write("root/2/a", "two")
            .link("root/now", "1")
            .link("root/a", "now/a");
        assert_eq!(["now/a", "a", "now"].map(|path| site.at(path)), ["one", "one", "(directory)"]);
        site.around.link("root/now", "2");
        assert_eq!(["now/a", "a"].map(|path| site.at(path)), ["two", "two"]);
        site.around.replace("root/2/a", "three");
        assert_eq!(["now/a", "a"].map(|path| site.at(path)), ["three", "three"]);
        site.around.rename("root/2", "root/3");
        assert_eq!(
            ["now/a", "a", "now"].map(|path| site.at(path)),
            ["(nothing)", "(nothing)", "(nothing)"]
        );
        site.around.write("root/2/a", "four");
        assert_eq!(
            ["now/a", "a", "now"].map(|path| site.at(path)),
            ["four", "four", "(directory)"]
        );
        site.around.remove("root/now").write("root/now/a", "five");
        assert_eq!(["now/a", "a"].map(|path| site.at(path)), ["five", "five"]);
    });
}

#[test]
fn a_root_whose_path_leads_elsewhere_is_served_from_there() {
    in_each_way(|site| {
        site.around.write("v1/html/a", "one").write("v2/html/a", "two").link("current", "v1");
        site.root = Root::open(site.around.at("current/html")).expect("it is there");
        assert_eq!(["a", "no"].map(|path| site.at(path)), ["one", "(nothing)"]);
        site.around.link("current", "v2").write("v2/html/no", "yes");
        assert_eq!(["a", "no"].map(|path| site.at(path)), ["two", "yes"]);
        site.around.rename("v2", "v3");
        assert_eq!(
            ["a", "no", ""].map(|path| site.at(path)),
            ["(nothing)", "(nothing)", "(nothing)"]
        );
        site.around.rename("v3", "v2").replace("v2/html/a", "three");
        assert_eq!(["a", "no"].map(|path| site.at(path)), ["three", "yes"]);
        site.around.link("current", site.around.at("v1"));
        assert_eq!(["a", "no"].map(|path| site.at(path)), ["one", "(nothing)"]);
    });
}

#[test]
fn links_do_not_lead_out_unless_they_may() {
    in_each_way(|site| {
        site.around.write("secret/s", "s").write("root/a", "1").write("root/d/b", "2");
        site.around
            .link("root/inside", "d/b")
            .link("root/d/up", "../a")
            .link("root/out", "../secret/s");
        site.around
            .link("root/dir", "../secret")
            .link("root/d/out", "../../secret/s")
            .link("root/back", "../root/a");
        site.around.link("root/absolute", site.around.at("secret/s")).link("root/round", "round");
        let paths = ["inside", "d/up", "out", "dir/s", "d/out", "back", "absolute", "round", "a"];
        let no = "(nothing)";
        for (policy, expected) in [
            (Symlinks::Inside, ["2", "1", no, no, no, no, no, no, "1"]),
            (Symlinks::Never, [no, no, no, no, no, no, no, no, "1"]),
            (Symlinks::All, ["2", "1", "s", "s", "s", "1", "s", no, "1"]),
        ] {
            site.root = site.root.clone().symlinks(policy);
            assert_eq!(paths.map(|path| site.at(path)), expected, "{policy:?}");
            assert_eq!(paths.map(|path| site.at(path)), expected, "{policy:?}, once more");
        }
        site.around.write("secret/s", "changed");
        assert_eq!(["out", "dir/s", "absolute"].map(|path| site.at(path)), ["changed"; 3]);
        site.around.rename("secret", "moved");
        assert_eq!(["out", "dir/s", "absolute"].map(|path| site.at(path)), [no; 3]);
    });
}

#[test]
fn a_directory_that_becomes_a_link_out_is_no_way_out() {
    in_each_way(|site| {
        site.around.write("secret/a", "s").write("root/d/a", "1");
        assert_eq!(site.at("d/a"), "1");
        site.around.rename("root/d", "root/e").link("root/d", "../secret");
        assert_eq!(site.at("d/a"), "(nothing)");
    });
}

#[test]
fn what_is_not_permitted_any_more_is_forbidden() {
    if skipped_for_root("what is not permitted any more is forbidden") {
        return;
    }
    in_each_way(|site| {
        let permit = |site: &Site, name: &str, mode| {
            let permissions = PermissionsExt::from_mode(mode);
            std::fs::set_permissions(site.around.at(name), permissions).expect("it is ours");
        };
        site.around.write("root/a", "1").write("root/d/b", "2");
        assert_eq!(["a", "d/b"].map(|path| site.at(path)), ["1", "2"]);
        permit(site, "root/a", 0o000);
        permit(site, "root/d", 0o000);
        assert_eq!(["a", "d/b"].map(|path| site.at(path)), ["(forbidden)", "(forbidden)"]);
        permit(site, "root/a", 0o600);
        permit(site, "root/d", 0o700);
        assert_eq!(["a", "d/b"].map(|path| site.at(path)), ["1", "2"]);
    });
}

#[test]
fn a_change_of_permissions_is_noticed() {
    let mut site = Site::new();
    site.around.write("root/a", "1").write("root/d/b", "2");
    assert_eq!(["a", "d/b"].map(|path| site.known(path)), ["1", "2"]);
    let kept = site.keeps();
    for name in ["root/a", "root/d"] {
        std::fs::set_permissions(site.around.at(name), PermissionsExt::from_mode(0o711))
            .expect("it is ours");
    }
    site.files.look();
    if site.is_watched() {
        assert_eq!(kept, 2);
        assert_eq!(site.keeps(), 1, "the probe alone");
    }
}

#[test]
fn two_roots_over_one_directory_do_not_mix() {
    in_each_way(|site| {
        site.around.write("root/a.ours", "1").write("root/d/b.ours", "2").link("root/l", "a.ours");
        let one = site.root.clone();
        let types = crate::files::Types::new().set("ours", "text/x");
        let other = site.root.clone().symlinks(Symlinks::Never).types(types);
        let inner = Root::open(site.around.at("root/d")).expect("it is there");
        for contents in ["1", "more"] {
            site.root = one.clone();
            assert_eq!(site.at("a.ours"), contents);
            assert_eq!(site.at("l"), contents);
            assert_eq!(site.file("a.ours").content_type(), b"application/octet-stream");
            site.root = other.clone();
            assert_eq!(site.at("a.ours"), contents);
            assert_eq!(site.at("l"), "(nothing)");
            assert_eq!(site.file("a.ours").content_type(), b"text/x");
            site.root = inner.clone();
            assert_eq!(site.at("b.ours"), "2");
            assert_eq!(site.at("a.ours"), "(nothing)");
            site.around.write("root/a.ours", "more");
        }
    });
}

#[test]
fn a_tag_becomes_strong_when_the_file_has_rested() {
    in_each_way(|site| {
        site.now.wall = SystemTime::now();
        site.around.write("root/a", "1");
        let young = site.file("a");
        assert!(young.etag().is_weak());
        site.wait(Duration::from_millis(2500));
        let rested = site.file("a");
        assert!(!rested.etag().is_weak());
        assert!(!rested.etag().matches_weakly(young.etag().as_bytes()));
        assert!(Rc::ptr_eq(&rested, &site.file("a")));
    });
}

/// Moved into place after it was written, as careful programs do: no later write can have its time.
#[test]
fn a_tag_is_strong_at_once_when_something_has_happened_since_the_write() {
    in_each_way(|site| {
        site.now.wall = SystemTime::now();
        let written = site.now.wall - Duration::from_millis(1100);
        site.around.write("root/a", "1").modify("root/a", written);
        let young = site.file("a");
        if file::clock(std::fs::File::open(site.around.at("root/a")).expect("it is there").as_fd())
            != file::Clock::Kernel
        {
            eprintln!("skipped: the times of temporary files are not the kernel's own");
            return;
        }
        assert!(!young.etag().is_weak());
        assert!(!young.is_settled(), "its date is not strong yet");
        site.wait(Duration::from_millis(2500));
        let rested = site.file("a");
        assert_eq!(rested.etag(), young.etag());
        assert!(rested.is_settled());
        assert!(Rc::ptr_eq(&rested, &site.file("a")));
        site.around.write("root/a", "2");
        site.files.look();
        assert!(!site.file("a").etag().matches_weakly(young.etag().as_bytes()));
    });
}

#[test]
fn the_future_does_not_show_and_does_not_hurt() {
    in_each_way(|site| {
        site.around.write("root/a", "1");
        let future = SystemTime::now() + Duration::from_secs(1_000_000);
        std::fs::File::open(site.around.at("root/a"))
            .and_then(|file| file.set_modified(future))
            .expect("it is ours");
        let file = site.file("a");
        assert!(file.modified() <= site.now.wall && file.etag().is_weak());
        assert_eq!(site.at("a"), "1");
    });
}

#[test]
fn what_no_notification_tells_is_noticed_within_a_second() {
    let mut site = Site::new();
    site.around.write("root/a", "1");
    assert_eq!(site.at("a"), "1");
    // A second name, in a directory that nobody watches.
    site.around.make("elsewhere");
    std::fs::hard_link(site.around.at("root/a"), site.around.at("elsewhere/a"))
        .expect("it is one file system");
    site.around.write("elsewhere/a", "2");
    site.wait(RECHECK_AFTER);
    assert_eq!(site.at("a"), "2");
    site.around.write("elsewhere/a", "3");
    assert_eq!(site.at("a"), "3", "with two names it is asked for each time");
}

#[test]
fn a_file_of_two_names_is_asked_for_each_time() {
    in_each_way(|site| {
        site.around.write("root/a", "1").make("elsewhere");
        std::fs::hard_link(site.around.at("root/a"), site.around.at("elsewhere/a"))
            .expect("it is one file system");
        assert_eq!(site.at("a"), "1");
        site.around.write("elsewhere/a", "more");
        assert_eq!(site.known("a"), "more");
    });
}

#[test]
fn an_overflow_forgets_everything() {
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events")
        .expect("the kernel tells");
    let limit: usize = limit.trim().parse().expect("it is a number");
    let mut site = Site::new();
    if !site.is_watched() {
        return;
    }
    if limit > 100_000 {
        eprintln!("skipped: a queue of {limit} changes takes too long to overflow");
        return;
    }
    site.around.write("root/a", "1").write("root/x", "");
    assert_eq!(site.at("a"), "1");
    for _ in 0..limit / 4 + 1 {
        site.around.rename("root/x", "root/y").rename("root/y", "root/x");
    }
    site.around.write("root/a", "2");
    site.files.look();
    assert_eq!(site.keeps(), 0);
    assert_eq!(site.at("a"), "2");
    site.around.write("root/a", "3");
    assert_eq!(site.at("a"), "3", "and it goes on as before");
}

#[test]
fn what_is_forgotten_is_found_again() {
    in_each_way(|site| {
        site.around.write("root/d/a", "1");
        assert_eq!(site.at("d/a"), "1");
        site.files.forget_everything();
        assert_eq!(site.keeps(), 0);
        assert_eq!(site.at("d/a"), "1");
        site.around.write("root/d/a", "more");
        assert_eq!(site.at("d/a"), "more");
    });
}

#[test]
fn small_files_are_in_memory_and_large_ones_are_not() {
    let limits = CacheLimits { contents_bytes_max: 10, ..CacheLimits::default() };
    let mut site = Site::with(limits, Watches::new());
    site.around.write("root/small", "0123456789").write("root/large", "0123456789a");
    assert!(matches!(site.file("small").contents(), Contents::Memory(_)));
    assert!(matches!(site.file("large").contents(), Contents::Descriptor(_)));
    assert_eq!(site.at("large"), "0123456789a");
    site.around.write("root/large", "small now");
    assert!(matches!(
        site.files.find(&site.root, b"small", site.now, Disk::MayBlock),
        Ok(Found::File(_))
    ));
    assert_eq!(site.at("large"), "small now");
    assert!(matches!(site.file("large").contents(), Contents::Memory(_)));
}

#[test]
fn what_is_in_memory_is_found_by_one_who_may_not_wait() {
    in_each_way(|site| {
        site.around.write("root/d/a", "1").link("root/l", "d/a").link("root/d/up", "../l");
        let (root, now) = (site.root.clone(), site.now);
        for path in ["d/a", "l", "d/up", "d", "no", "no/a"] {
            // It was written just now; but the kernel may say that it does not know, and then
            // whoever may wait finds it, and makes it known.
            let found = match site.files.find(&root, path.as_bytes(), now, Disk::MustNotBlock) {
                Err(OpenError::Cold(warmup)) => {
                    warmup.run();
                    site.files.find(&root, path.as_bytes(), now, Disk::MayBlock)
                }
                found => found,
            };
            match (path, found) {
                ("d", Ok(Found::Directory)) | ("no" | "no/a", Err(OpenError::NotFound)) => {}
                ("d/a" | "l" | "d/up", Ok(Found::File(file))) => assert_eq!(contents(&file), "1"),
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn what_is_cold_is_said_to_be_and_is_warm_after_its_warmup() {
    let mut site = Site::new();
    site.around.write("root/a", vec![b'1'; 10_000]);
    let file = site.around.make_cold("root/a");
    if file::residency(file.as_fd(), 9_999) != file::Residency::Cold {
        eprintln!("skipped: the directory for temporary files cannot be made cold");
        return;
    }
    let (root, now) = (site.root.clone(), site.now);
    match site.files.find(&root, b"a", now, Disk::MustNotBlock) {
        Err(OpenError::Cold(warmup)) => warmup.run(),
        other => panic!("{other:?}"),
    }
    assert!(matches!(site.files.find(&root, b"a", now, Disk::MustNotBlock), Ok(Found::File(_))));
}

#[test]
fn a_file_that_is_asked_for_often_moves_into_memory_where_a_small_one_is_at_once() {
    let mut site = Site::new();
    site.around.write("root/small", vec![b'1'; 1_000]).write("root/middle", vec![b'2'; 100_000]);
    assert!(site.file("small").is_in_memory());
    assert!(!site.file("middle").is_in_memory());
    for _ in 0..OFTEN {
        site.file("middle");
    }
    site.now.monotonic += RECHECK_AFTER;
    site.now.wall += RECHECK_AFTER;
    assert!(site.file("middle").is_in_memory());
}

#[test]
fn a_file_may_be_larger_than_four_gigabytes() {
    let mut site = Site::new();
    let length = (1 << 32) + 1;
    let file = std::fs::File::create(site.around.at("root/huge")).expect("there is room");
    file.set_len(length).expect("holes take no room");
    assert_eq!(site.file("huge").length(), length);
}

#[test]
fn no_bound_is_exceeded() {
    let limits = CacheLimits {
        bytes_max: 60_000,
        contents_bytes_max: 5_000,
        entries_max: 20,
        descriptors_max: 3,
    };
    let mut site = Site::with(limits, Watches::new());
    for number in 0..60 {
        site.around.write(format!("root/small{number}"), vec![b's'; 4_000]);
        site.around.write(format!("root/large{number}"), vec![b'l'; 6_000]);
    }
    for number in 0..60 {
        assert_eq!(site.at(format!("small{number}")).len(), 4_000);
        assert_eq!(site.at(format!("large{number}")).len(), 6_000);
        assert_eq!(site.at(format!("no{number}")), "(nothing)");
        let (entries, bytes, descriptors) = site.files.store.totals();
        assert!(
            entries <= 20 && bytes <= 60_000 && descriptors <= 3,
            "{entries}, {bytes}, {descriptors}"
        );
    }
    let (_, _, descriptors) = site.files.store.totals();
    assert_eq!(descriptors, 3);
}

#[test]
fn what_is_used_outlives_what_is_asked_for_once() {
    let limits = CacheLimits { entries_max: 10, ..CacheLimits::default() };
    let mut site = Site::with(limits, Watches::new());
    if !site.is_watched() {
        return;
    }
    site.around.write("root/a", "1");
    site.rest();
    let file = site.file("a");
    for number in 0..200 {
        site.known(format!("no{number}"));
        assert!(Rc::ptr_eq(&file, &site.file("a")));
    }
}

#[test]
fn a_cache_that_may_keep_nothing_still_finds() {
    for limits in [
        CacheLimits { entries_max: 0, ..CacheLimits::default() },
        CacheLimits { bytes_max: 0, ..CacheLimits::default() },
        CacheLimits { contents_bytes_max: 0, descriptors_max: 0, ..CacheLimits::default() },
    ] {
        let mut site = Site::with(limits, Watches::new());
        site.around.write("root/a", "1");
        assert_eq!(
            ["a", "a", "no", ""].map(|path| site.at(path)),
            ["1", "1", "(nothing)", "(directory)"]
        );
        site.around.write("root/a", "2");
        assert_eq!(site.at("a"), "2");
    }
}

#[test]
fn directories_that_hold_nothing_are_watched_no_more() {
    let limits = CacheLimits { entries_max: 10, ..CacheLimits::default() };
    let mut site = Site::with(limits, Watches::new());
    if !site.is_watched() {
        return;
    }
    for number in 0..100 {
        site.around.write(format!("root/d{number}/a"), "1");
        assert_eq!(site.at(format!("d{number}/a")), "1");
    }
    assert!(site.files.ground.watches().length() > 100);
    for number in 0..GONE_MAX {
        site.known(format!("no{number}"));
    }
    // The root, and what leads to it.
    assert!(site.files.ground.watches().length() < 20);
    assert_eq!(site.at("d1/a"), "1");
    site.around.write("root/d1/a", "2");
    assert_eq!(site.at("d1/a"), "2");
}

#[test]
fn a_directory_of_which_only_itself_is_known_stays_watched() {
    let limits = CacheLimits { entries_max: 10, ..CacheLimits::default() };
    let mut site = Site::with(limits, Watches::new());
    site.around.make("root/d");
    for number in 0..GONE_MAX + 20 {
        site.known(format!("no{number}"));
        assert_eq!(site.known("d/"), "(directory)");
    }
    site.around.write("root/d/a", "1");
    assert_eq!(site.at("d/a"), "1");
    site.around.write("root/d/a", "2");
    assert_eq!(site.at("d/a"), "2");
}

#[test]
fn beyond_the_bound_of_watches_each_use_asks() {
    let mut watches = Watches::new();
    watches.limit(10);
    let mut site = Site::with(CacheLimits::default(), watches);
    for round in ["1", "2", "3"] {
        for number in 0..30 {
            site.around.write(format!("root/d{number}/a"), round);
            assert_eq!(site.at(format!("d{number}/a")), round);
        }
    }
    assert!(site.files.ground.watches().length() <= 10);
}

#[test]
fn while_it_is_replaced_all_the_time_each_answer_is_of_one_piece() {
    for mut site in [Site::new(), Site::unwatched()] {
        site.around.replace("root/a", vec![b'0'; 10_000]);
        let around = &site.around;
        let (files, root, now) = (&mut site.files, &site.root, site.now);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 1..300_usize {
                    around.replace("root/a", vec![b'0' + (round % 10) as u8; 10_000 + round]);
                }
            });
            while !writer.is_finished() {
                files.look();
                let Ok(Found::File(file)) = files.find(root, b"a", now, Disk::MayBlock) else {
                    panic!("it is always there")
                };
                let contents = contents(&file).into_bytes();
                let round = contents.len() - 10_000;
                assert!(contents.iter().all(|&byte| byte == b'0' + (round % 10) as u8), "{round}");
            }
        });
        assert_eq!(site.at("a").len(), 10_299);
    }
}

#[test]
fn after_the_last_write_nothing_older_is_left() {
    for mut site in [Site::new(), Site::unwatched()] {
        site.around.write("root/a", "0");
        let path = site.around.at("root/a");
        for round in 0..50 {
            let path = path.clone();
            let last = format!("{round:0>2000}");
            let text = last.clone();
            let writer = std::thread::spawn(move || std::fs::write(path, text));
            while !writer.is_finished() {
                site.at("a");
            }
            writer.join().expect("it has ended").expect("there is room");
            assert_eq!(site.at("a"), last);
        }
    }
}
