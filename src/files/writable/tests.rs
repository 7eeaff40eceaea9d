//! Files that are put into a root and removed, one after the other and by many at once; with nameless
//! temporary files, and with named ones.

use super::*;
use crate::files::{Outcome, Stored, Symlinks};
use crate::sys::temporary::{Directory, skipped_for_root};
use std::collections::HashSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

type Make = fn(Root, WriteRules) -> WritableRoot;
const EACH_WAY: [Make; 2] = [WritableRoot::new, WritableRoot::with_named_files];

/// A directory with a root in it that is written to.
struct Site {
    around: Directory,
    root: WritableRoot,
}

impl Site {
    fn new(make: Make, rules: WriteRules) -> Site {
        let around = Directory::new();
        around.make("root");
        let root = Root::open(around.at("root")).expect("it is there");
        Site { root: make(root, rules), around }
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

fn in_each_way(rules: WriteRules, test: impl Fn(&Site)) {
    for make in EACH_WAY {
        test(&Site::new(make, rules));
    }
}

fn tag(stored: &Stored) -> &[u8] {
    stored.version.etag().as_bytes()
}

/// Whether the times of temporary files are such that tags can be strong at once; says so if not.
fn is_strongly_tagged(stored: &Stored) -> bool {
    let strong = !stored.version.etag().is_weak();
    if !strong {
        eprintln!("skipped: tags are not strong at once where temporary files are");
    }
    strong
}

#[test]
fn what_is_stored_is_there_and_nothing_else() {
    in_each_way(WriteRules::default(), |site| {
        site.around.make("root/d");
        let created = site.store("a", "hello");
        assert_eq!((created.outcome, created.length), (Outcome::Created, 5));
        let replaced = site.store("a", "hello again");
        assert_eq!(replaced.outcome, Outcome::Replaced);
        site.store("d/b", "");
        assert_eq!(site.names(), ["a", "d", "d/b"]);
        assert_eq!([site.read("a"), site.read("d/b")], ["hello again", ""]);
        site.remove("d/b").expect("it is there");
        site.remove("d/").expect("it is empty");
        assert_eq!(site.names(), ["a"]);
    });
}

#[test]
fn an_upload_can_go_from_thread_to_thread() {
    fn is_send<T: Send>() {}
    is_send::<Upload>();
    is_send::<WritableRoot>();
    is_send::<WriteError>();
    is_send::<Preconditions>();
}

#[test]
fn what_is_given_up_leaves_nothing() {
    let rules = WriteRules {
        missing_directories: MissingDirectories::Make,
        file_bytes_max: 10,
        ..WriteRules::default()
    };
    in_each_way(rules, |site| {
        site.store("a", "old");
        let mut upload = site.root.upload(b"a").expect("there is room");
        upload.write(b"new").expect("there is room");
        drop(upload);
        let mut upload = site.root.upload(b"new/directory/b").expect("there is room");
        upload.write(b"0123456789").expect("it fits");
        assert!(matches!(upload.write(b"a"), Err(WriteError::TooLarge)));
        drop(upload);
        let only_old = Preconditions::if_match(b"*");
        assert!(matches!(
            site.put("new/directory/b", "1", &only_old),
            Err(WriteError::PreconditionFailed)
        ));
        assert_eq!(site.names(), ["a"]);
        assert_eq!(site.read("a"), "old");
    });
}

#[test]
fn a_reader_keeps_the_file_that_he_has_opened() {
    use std::io::Read;
    in_each_way(WriteRules::default(), |site| {
        site.store("a", "old");
        let mut open = std::fs::File::open(site.around.at("root/a")).expect("it is there");
        site.store("a", "new one");
        let mut read = String::new();
        open.read_to_string(&mut read).expect("it is open");
        assert_eq!((read.as_str(), site.read("a").as_str()), ("old", "new one"));
    });
}

#[test]
fn preconditions_are_judged_by_what_is_there_when_it_is_put_in_place() {
    in_each_way(WriteRules::default(), |site| {
        let only_new = Preconditions::if_none_match(b"*");
        let first = site.put("a", "1", &only_new).expect("nothing is there");
        assert!(matches!(site.put("a", "2", &only_new), Err(WriteError::PreconditionFailed)));
        if !is_strongly_tagged(&first) {
            return;
        }
        let of_first = Preconditions::if_match(tag(&first));
        let mut early = site.root.upload(b"a").expect("there is room");
        early.write(b"early").expect("there is room");
        let second = site.put("a", "2", &of_first).expect("it is the first still");
        assert!(matches!(early.commit(&of_first), Err(WriteError::PreconditionFailed)));
        assert!(matches!(site.put("a", "3", &of_first), Err(WriteError::PreconditionFailed)));
        assert!(matches!(site.root.remove(b"a", &of_first), Err(WriteError::PreconditionFailed)));
        assert_eq!(site.read("a"), "2");
        site.root.remove(b"a", &Preconditions::if_match(tag(&second))).expect("it is the second");
        assert!(matches!(
            site.put("a", "4", &Preconditions::if_match(b"*")),
            Err(WriteError::PreconditionFailed)
        ));
        // RFC 9110 §13.2.1: what would fail without preconditions fails as it would.
        assert!(matches!(
            site.root.remove(b"a", &Preconditions::if_match(b"*")),
            Err(WriteError::NotFound)
        ));
        assert!(site.names().is_empty());
    });
}

#[test]
fn each_version_has_a_strong_tag_of_its_own_however_soon_it_comes() {
    in_each_way(WriteRules { durability: Durability::Never, ..WriteRules::default() }, |site| {
        let mut tags = HashSet::new();
        let mut last = None;
        for round in 0..200 {
            if round % 3 == 2 {
                site.remove("a").expect("it is there");
            }
            let stored = site.store("a", "x");
            if !is_strongly_tagged(&stored) {
                return;
            }
            assert!(tags.insert(tag(&stored).to_vec()), "round {round}: {:?}", stored.version);
            let modified = std::fs::metadata(site.around.at("root/a")).expect("it is there");
            let modified = modified.modified().expect("it has one");
            assert!(last.is_none_or(|last| modified > last), "round {round}");
            last = Some(modified);
        }
    });
}

#[test]
fn what_somebody_else_wrote_just_now_has_another_tag_too() {
    in_each_way(WriteRules { durability: Durability::Never, ..WriteRules::default() }, |site| {
        for round in 0..20 {
            site.around.write("root/a", "x");
            let theirs = std::fs::metadata(site.around.at("root/a")).expect("it is there");
            let ours = site.store("a", "x");
            if !is_strongly_tagged(&ours) {
                return;
            }
            let modified = std::fs::metadata(site.around.at("root/a")).expect("it is there");
            assert!(
                modified.modified().expect("it has one") > theirs.modified().expect("it has one"),
                "round {round}"
            );
        }
        // Their clock is wrong: ours goes on.
        let future = SystemTime::now() + Duration::from_secs(1_000_000);
        site.around.write("root/a", "x").modify("root/a", future);
        assert!(is_strongly_tagged(&site.store("a", "y")));
    });
}

/// The tag that is reported is the one that the file is then served with.
#[test]
fn what_is_stored_is_served_with_its_tag() {
    use crate::files::{CacheLimits, Found, Now, OpenFiles};
    in_each_way(WriteRules::default(), |site| {
        let root = Root::open(site.around.at("root")).expect("it is there");
        let mut files = OpenFiles::new(CacheLimits::default());
        for contents in ["one", "two", "two", "three"] {
            let stored = site.store("a", contents);
            files.look();
            let now = Now { monotonic: std::time::Instant::now(), wall: SystemTime::now() };
            match files.find(&root, b"a", now, Disk::MayBlock) {
                Ok(Found::File(file)) => {
                    assert_eq!(file.etag(), stored.version.etag());
                    assert_eq!(file.modified(), stored.version.modified());
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn names_that_are_none_are_refused() {
    in_each_way(WriteRules::default(), |site| {
        site.around.make("root/d").write("secret", "s");
        for path in [
            "",
            "/",
            "/a",
            "d/",
            "..",
            "../secret",
            "d/../../secret",
            ".",
            "d//a",
            "a\0",
            "a\n",
            ".httpd-upload",
            ".httpd-upload-1/a",
            "d/.httpd-upload",
            &"n".repeat(256),
        ] {
            assert!(
                matches!(site.root.upload(path.as_bytes()), Err(WriteError::Name(_))),
                "{path:?}"
            );
        }
        for path in ["..", "../secret", "d/..", "d/../../secret", "no", "no/a", ".httpd-upload"] {
            assert!(matches!(site.remove(path), Err(WriteError::NotFound)), "{path:?}");
        }
        assert!(matches!(site.remove(""), Err(WriteError::Conflict(Obstacle::Directory))));
        assert!(matches!(site.remove("/"), Err(WriteError::NotFound)));
        assert_eq!(site.names(), ["d"]);
        assert!(site.around.at("secret").exists());
    });
}

#[test]
fn strange_names_are_names_like_others() {
    let strange = [&b"\xff\xfe"[..], b"a b", b"%\"#[]{}", b"...", b"\\", b".hidden"];
    in_each_way(WriteRules::default(), |site| {
        for name in strange {
            let upload = site.root.upload(name).expect("it is a name");
            upload.commit(&Preconditions::none()).expect("it can be stored");
        }
        assert_eq!(site.names().len(), strange.len());
        for name in strange {
            site.root.remove(name, &Preconditions::none()).expect("it is there");
        }
        // Nobody can store a name like this, but who finds it there can remove it.
        site.around.write("root/a\n", "");
        site.remove("a\n").expect("it is there");
        assert!(site.names().is_empty());
    });
}

#[test]
fn what_is_no_file_is_neither_replaced_nor_removed() {
    use Obstacle::{Directory, Link, NotEmpty, Other};
    in_each_way(WriteRules::default(), |site| {
        site.around.write("secret", "s").write("root/a", "1").write("root/d/b", "2");
        site.around.make_others("root/fifo", "root/socket");
        site.around
            .link("root/to_a", "a")
            .link("root/out", "../secret")
            .link("root/dangling", "no");
        let before = site.names();
        for (path, obstacle) in [
            ("d", Directory),
            ("fifo", Other),
            ("socket", Other),
            ("to_a", Link),
            ("out", Link),
            ("dangling", Link),
        ] {
            for result in
                [site.put(path, "new", &Preconditions::none()).map(drop), site.remove(path)]
            {
                match result {
                    Err(WriteError::Conflict(found)) => assert_eq!(found, obstacle, "{path}"),
                    other => panic!("{path}: {other:?}"),
                }
            }
        }
        assert!(matches!(site.remove("d/"), Err(WriteError::Conflict(NotEmpty))));
        assert!(matches!(site.remove("a/"), Err(WriteError::NotFound)));
        assert_eq!(site.names(), before);
        assert_eq!([site.read("a"), site.read("out")], ["1", "s"]);
    });
}

#[test]
fn directories_are_made_only_where_they_may_be() {
    in_each_way(WriteRules::default(), |site| {
        site.around.write("root/a", "1");
        for path in ["no/b", "a/b", "no/no/b"] {
            assert!(
                matches!(
                    site.root.upload(path.as_bytes()),
                    Err(WriteError::Conflict(Obstacle::NoDirectory))
                ),
                "{path}"
            );
        }
        assert_eq!(site.names(), ["a"]);
    });
    let rules =
        WriteRules { missing_directories: MissingDirectories::Make, ..WriteRules::default() };
    in_each_way(rules, |site| {
        site.around.write("root/a", "1").make("root/d");
        site.store("d/e/f/b", "2");
        site.store("x/c", "3");
        assert_eq!(site.names(), ["a", "d", "d/e", "d/e/f", "d/e/f/b", "x", "x/c"]);
        for path in ["a/b", "a/b/c"] {
            let result = site.put(path, "", &Preconditions::none());
            assert!(
                matches!(result, Err(WriteError::Conflict(Obstacle::NoDirectory))),
                "{path}: {result:?}"
            );
        }
        let deep = "d/".repeat(MADE_MAX + 1) + "a";
        site.store(&deep, "");
        let deeper = "z/".repeat(MADE_MAX + 1) + "a";
        assert!(matches!(
            site.put(&deeper, "", &Preconditions::none()),
            Err(WriteError::Conflict(Obstacle::NoDirectory))
        ));
        assert!(!site.around.at("root/z").exists());
    });
}

#[test]
fn links_on_the_way_are_followed_as_far_as_the_policy_says() {
    let rules =
        WriteRules { missing_directories: MissingDirectories::Make, ..WriteRules::default() };
    for make in EACH_WAY {
        let around = Directory::new();
        around.make("outside").make("root/d").link("root/in", "d").link("root/out", "../outside");
        around.link("root/dangling", "../outside/new");
        let base = Root::open(around.at("root")).expect("it is there");
        for (policy, inside, outside) in [
            (Symlinks::Inside, true, false),
            (Symlinks::Never, false, false),
            (Symlinks::All, true, true),
        ] {
            let root = make(base.clone().symlinks(policy), rules);
            let site = Site { around: Directory::new(), root };
            let put = |path: &str| site.put(path, "1", &Preconditions::none());
            assert_eq!(put("in/a").is_ok(), inside, "{policy:?}");
            assert_eq!(put("in/new/a").is_ok(), inside, "{policy:?}");
            assert_eq!(put("out/a").is_ok(), outside, "{policy:?}");
            assert_eq!(put("out/new2/a").is_ok(), outside, "{policy:?}");
            assert!(put("dangling/a").is_err(), "{policy:?}");
            assert_eq!(around.at("outside/a").exists(), outside, "{policy:?}");
            assert_eq!(site.remove("in/a").is_ok(), inside, "{policy:?}");
            assert_eq!(site.remove("out/a").is_ok(), outside, "{policy:?}");
        }
        assert!(!around.at("outside/new").exists());
    }
}

#[test]
fn where_it_is_put_is_looked_up_when_it_is_put_there() {
    in_each_way(WriteRules::default(), |site| {
        site.around.make("root/1").make("root/2").make("root/d").make("outside");
        site.around.link("root/now", "1");
        let flipped = site.root.upload(b"now/a").expect("there is room");
        let moved = site.root.upload(b"d/a").expect("there is room");
        site.around.link("root/now", "2").rename("root/d", "root/e");
        flipped.commit(&Preconditions::none()).expect("there is a directory");
        assert!(matches!(
            moved.commit(&Preconditions::none()),
            Err(WriteError::Conflict(Obstacle::NoDirectory))
        ));
        let out = site.root.upload(b"e/a").expect("there is room");
        site.around.rename("root/e", "root/f").link("root/e", "../outside");
        assert!(out.commit(&Preconditions::none()).is_err());
        assert_eq!(site.names(), ["1", "2", "2/a", "e", "f", "now"]);
        assert!(!site.around.at("outside/a").exists());
    });
}

#[test]
fn permissions_are_as_the_rules_say_less_the_umask() {
    let rules = WriteRules {
        file_mode: 0o640,
        directory_mode: 0o750,
        missing_directories: MissingDirectories::Make,
        ..WriteRules::default()
    };
    in_each_way(rules, |site| {
        // What the process's umask leaves, whatever it is.
        std::fs::File::options()
            .write(true)
            .create_new(true)
            .open(site.around.at("probe"))
            .expect("there is room");
        let mode = |name: &str| {
            std::fs::metadata(site.around.at(name)).expect("it is there").mode() & 0o7777
        };
        let umask = 0o666 & !mode("probe");
        site.around.write("root/d/a", "1");
        std::fs::set_permissions(site.around.at("root/d/a"), PermissionsExt::from_mode(0o777))
            .expect("it is ours");
        site.store("d/a", "2");
        site.store("e/a", "3");
        assert_eq!(mode("root/d/a"), 0o640 & !umask);
        assert_eq!(mode("root/e/a"), 0o640 & !umask);
        assert_eq!(mode("root/e") & 0o666, 0o640 & !umask);
    });
}

#[test]
fn what_is_not_permitted_is_forbidden() {
    if skipped_for_root("what is not permitted is forbidden") {
        return;
    }
    in_each_way(WriteRules::default(), |site| {
        site.around.write("root/d/a", "1");
        let permit = |mode| {
            std::fs::set_permissions(site.around.at("root/d"), PermissionsExt::from_mode(mode))
                .expect("it is ours");
        };
        permit(0o500);
        assert!(matches!(site.root.upload(b"d/b"), Err(WriteError::Forbidden)));
        assert!(matches!(site.remove("d/a"), Err(WriteError::Forbidden)));
        permit(0o700);
    });
}

#[test]
fn each_durability_stores() {
    for durability in [Durability::Never, Durability::File, Durability::FileAndDirectory] {
        let missing_directories = MissingDirectories::Make;
        in_each_way(
            WriteRules { durability, missing_directories, ..WriteRules::default() },
            |site| {
                site.store("d/a", "1");
                site.store("d/a", "2");
                site.remove("d/a").expect("it is there");
                site.remove("d/").expect("it is empty");
                assert!(site.names().is_empty());
            },
        );
    }
}

#[test]
fn the_quota_is_kept() {
    in_each_way(WriteRules { quota_bytes: Some(10), ..WriteRules::default() }, |site| {
        site.around.write("root/old", "1234");
        let full = |path: &str, contents: &str| {
            matches!(site.put(path, contents, &Preconditions::none()), Err(WriteError::Full))
        };
        assert!(full("a", "1234567") && site.names() == ["old"]);
        site.store("a", "123456");
        assert!(full("b", "1") && full("a", "1234567"));
        site.store("a", "654321");
        site.store("empty", "");
        assert!(matches!(
            site.put("a", "1", &Preconditions::if_none_match(b"*")),
            Err(WriteError::PreconditionFailed)
        ));
        site.store("a", "12");
        site.store("b", "1234");
        site.remove("old").expect("it is there");
        site.store("c", "1234");
        assert!(full("d", "1"));
        assert_eq!(site.names(), ["a", "b", "c", "empty"]);
    });
}

#[test]
fn whoever_cannot_lock_in_time_is_told_to_come_back() {
    let rules = WriteRules { lock_wait: Duration::from_millis(20), ..WriteRules::default() };
    in_each_way(rules, |site| {
        site.store("a", "1");
        let directory = site.root.open(b"").expect("it is there");
        let held = Locked::take(directory, Duration::ZERO).expect("nobody has it");
        let early = site.root.upload(b"a").expect("writing needs no lock");
        assert!(matches!(early.commit(&Preconditions::none()), Err(WriteError::Busy)));
        assert!(matches!(site.remove("a"), Err(WriteError::Busy)));
        drop(held);
        site.store("a", "2");
        assert_eq!(site.names(), ["a"]);
    });
}

#[test]
fn what_a_dead_process_left_does_not_keep_a_directory_from_being_removed() {
    in_each_way(WriteRules::default(), |site| {
        site.around.write("root/d/.httpd-upload", "").write("root/d/.httpd-upload-1", "");
        let long_ago = SystemTime::now() - Duration::from_secs(3600);
        site.around.modify("root/d/.httpd-upload-1", long_ago);
        site.remove("d/").expect("nothing is in it that anybody stored");
        assert!(site.names().is_empty());
    });
}

/// Everybody adds one to a number in a file, and only where it is the one that he has seen.
#[test]
fn no_update_is_lost_among_many() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 40;
    for make in EACH_WAY {
        let rules = WriteRules {
            durability: Durability::Never,
            lock_wait: Duration::from_secs(60),
            ..WriteRules::default()
        };
        let site = Site::new(make, rules);
        if !is_strongly_tagged(&site.store("counter", &text(0))) {
            return;
        }
        // Each thread has a value of its own, as another process would.
        let root = Root::open(site.around.at("root")).expect("it is there");
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let own = make(root.clone(), rules);
                    for _ in 0..ROUNDS {
                        add_one(&own, &site);
                    }
                });
            }
        });
        assert_eq!(number(&site.read("counter")), THREADS * ROUNDS);
        assert_eq!(site.names(), ["counter"]);
    }
}

fn add_one(root: &WritableRoot, site: &Site) {
    loop {
        let open = std::fs::File::open(site.around.at("root/counter")).expect("it is always there");
        let identity = file::identity(open.as_fd()).expect("it can be asked");
        let version = Version::of(&identity, open.as_fd(), SystemTime::now());
        let read = std::io::read_to_string(&open).expect("it can be read");
        let mut upload = root.upload(b"counter").expect("there is room");
        upload.write(text(number(&read) + 1).as_bytes()).expect("there is room");
        match upload.commit(&Preconditions::if_match(version.etag().as_bytes())) {
            Ok(_) => return,
            Err(WriteError::PreconditionFailed) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// A number at both ends of more than a page, so that a torn file shows.
fn text(number: usize) -> String {
    format!("{number}{}{number}", "-".repeat(10_000 + number))
}

fn number(text: &str) -> usize {
    let (first, rest) = text.split_once('-').expect("it is one of ours");
    let number = first.parse().expect("it is a number");
    assert_eq!(rest.trim_start_matches('-'), first);
    assert_eq!(text.len(), 10_000 + number + 2 * first.len());
    number
}

/// Whoever creates a file under `If-None-Match: *` is the only one.
#[test]
fn of_many_who_create_a_file_one_does() {
    for make in EACH_WAY {
        let site =
            Site::new(make, WriteRules { durability: Durability::Never, ..WriteRules::default() });
        for round in 0..20 {
            let created: usize = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..6)
                    .map(|_| {
                        let site = &site;
                        scope.spawn(move || {
                            let only_new = Preconditions::if_none_match(b"*");
                            usize::from(site.put(&format!("f{round}"), "x", &only_new).is_ok())
                        })
                    })
                    .collect();
                threads.into_iter().map(|thread| thread.join().expect("none panics")).sum()
            });
            assert_eq!(created, 1, "round {round}");
        }
        assert_eq!(site.names().len(), 20);
    }
}

/// Files and directories come and go under each other's feet: each step works or is refused, and
/// nothing is left that nobody stored.
#[test]
fn directories_that_come_and_go_leave_nothing_behind() {
    for make in EACH_WAY {
        let rules = WriteRules {
            missing_directories: MissingDirectories::Make,
            durability: Durability::Never,
            ..WriteRules::default()
        };
        let site = Site::new(make, rules);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let site = &site;
                scope.spawn(move || {
                    for round in 0..60 {
                        let path = format!("d/e/{}", (thread + round) % 3);
                        match site.put(&path, "x", &Preconditions::none()) {
                            Ok(_) | Err(WriteError::Conflict(Obstacle::NoDirectory)) => {}
                            Err(error) => panic!("{path}: {error}"),
                        }
                        for path in [&path, "d/e/", "d/"] {
                            match site.remove(path) {
                                Ok(()) | Err(WriteError::NotFound) => {}
                                Err(WriteError::Conflict(
                                    Obstacle::NotEmpty | Obstacle::NoDirectory,
                                )) => {}
                                Err(error) => panic!("{path}: {error}"),
                            }
                        }
                    }
                });
            }
        });
        for path in ["d/e/0", "d/e/1", "d/e/2", "d/e/", "d/"] {
            match site.remove(path) {
                Ok(()) | Err(WriteError::NotFound) => {}
                Err(error) => panic!("{path}: {error}"),
            }
        }
        assert_eq!(site.names(), [""; 0]);
    }
}
