//! What is not done, and where things are put.

use super::*;

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
    let rules = WriteRules::default().missing_directories(MissingDirectories::Make);
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
    let rules = WriteRules::default().missing_directories(MissingDirectories::Make);
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
            let site = WritableFixture { around: Directory::new(), root };
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
    let rules = WriteRules::default()
        .file_mode(0o640)
        .directory_mode(0o750)
        .missing_directories(MissingDirectories::Make);
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
    let test = |site: &WritableFixture| {
        site.around.write("root/d/a", "1");
        let permit = |mode| {
            std::fs::set_permissions(site.around.at("root/d"), PermissionsExt::from_mode(mode))
                .expect("it is ours");
        };
        permit(0o500);
        assert!(matches!(site.root.upload(b"d/b"), Err(WriteError::Forbidden)));
        assert!(matches!(site.remove("d/a"), Err(WriteError::Forbidden)));
        permit(0o700);
    };
    bound_by_permissions(|| in_each_way(WriteRules::default(), test));
}

#[test]
fn each_durability_stores() {
    for durability in [Durability::Never, Durability::File, Durability::FileAndDirectory] {
        let missing_directories = MissingDirectories::Make;
        in_each_way(
            WriteRules::default().durability(durability).missing_directories(missing_directories),
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
fn what_is_on_its_way_fills_no_disk_beyond_the_quota() {
    in_each_way(WriteRules::default().quota_bytes(Some(10)), |site| {
        let begin = |name: &[u8]| site.root.upload(name).expect("there is a directory");
        let (mut one, mut two, mut three) = (begin(b"1"), begin(b"2"), begin(b"3"));
        one.write(b"0123456789").expect("it would fit alone");
        two.write(b"0123456789").expect("so would this");
        assert!(matches!(three.write(b"0"), Err(WriteError::QuotaBytes { .. })));
        drop(one);
        three.write(b"0").expect("there is room again");
        two.commit(&Preconditions::none()).expect("there is room");
        three.write(b"12345678").expect("what has its place is on its way no more");
    });
}

#[test]
fn the_quota_is_kept() {
    in_each_way(WriteRules::default().quota_bytes(Some(10)), |site| {
        site.around.write("root/old", "1234");
        let full = |path: &str, contents: &str| {
            matches!(
                site.put(path, contents, &Preconditions::none()),
                Err(WriteError::QuotaBytes { .. })
            )
        };
        assert!(full("a", "1234567") && site.names() == ["old"]);
        site.store("a", "123456");
        assert!(full("b", "1") && full("a", "1234567"));
        site.store("a", "654321");
        site.store("empty", "");
        assert!(matches!(
            site.put("a", "1", &Preconditions::if_none_match(b"*")),
            Err(WriteError::PreconditionFailed(_))
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
fn a_change_that_cannot_lock_in_time_may_be_tried_again() {
    let rules = WriteRules::default().lock_wait(Duration::from_millis(20));
    in_each_way(rules, |site| {
        site.store("a", "1");
        let directory = site.root.open(b"").expect("it is there");
        let held = Locked::try_take(directory).expect("it can be").expect("nobody has it");
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

#[test]
fn a_file_that_is_refused_leaves_none_of_the_directories_that_were_made_for_it() {
    let rules = WriteRules::default()
        .missing_directories(MissingDirectories::Make)
        .quota_bytes(Some(4))
        .lock_wait(Duration::ZERO);
    in_each_way(rules, |site| {
        site.around.make("root/there");
        for path in ["a/b/c", "there/b/c"] {
            let mut upload = site.root.upload(path.as_bytes()).expect("it can begin");
            upload.write(b"12345").expect("twice the quota may be on its way");
            assert!(matches!(
                upload.commit(&Preconditions::none()),
                Err(WriteError::QuotaBytes { .. })
            ));
            assert_eq!(site.names(), ["there"]);
        }
        site.store("a/b/c", "1234");
        assert_eq!(site.names(), ["a", "a/b", "a/b/c", "there"]);
    });
}
