//! What is served after each kind of change.

use super::*;

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
    let permit = |site: &CacheFixture, name: &str, mode| {
        let permissions = PermissionsExt::from_mode(mode);
        std::fs::set_permissions(site.around.at(name), permissions).expect("it is ours");
    };
    let test = |site: &mut CacheFixture| {
        site.around.write("root/a", "1").write("root/d/b", "2");
        assert_eq!(["a", "d/b"].map(|path| site.at(path)), ["1", "2"]);
        permit(site, "root/a", 0o000);
        permit(site, "root/d", 0o000);
        assert_eq!(["a", "d/b"].map(|path| site.at(path)), ["(forbidden)", "(forbidden)"]);
        permit(site, "root/a", 0o600);
        permit(site, "root/d", 0o700);
        assert_eq!(["a", "d/b"].map(|path| site.at(path)), ["1", "2"]);
    };
    bound_by_permissions(|| in_each_way(test));
}

#[test]
fn a_change_of_permissions_is_noticed() {
    let mut site = CacheFixture::new();
    site.around.write("root/a", "1").write("root/d/b", "2");
    assert_eq!(["a", "d/b"].map(|path| site.known(path)), ["1", "2"]);
    let kept = site.keeps();
    for name in ["root/a", "root/d"] {
        std::fs::set_permissions(site.around.at(name), PermissionsExt::from_mode(0o711))
            .expect("it is ours");
    }
    site.files.look();
    site.is_watched();
    assert_eq!(kept, 2);
    assert_eq!(site.keeps(), 1, "the probe alone");
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
        assert!(Arc::ptr_eq(&rested, &site.file("a")));
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
        assert!(!young.etag().is_weak());
        assert!(!young.is_settled(), "its date is not strong yet");
        site.wait(Duration::from_millis(2500));
        let rested = site.file("a");
        assert_eq!(rested.etag(), young.etag());
        assert!(rested.is_settled());
        assert!(Arc::ptr_eq(&rested, &site.file("a")));
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
        assert_eq!((file.version().etag(), file.version().modified()), (None, None));
        assert_eq!(site.at("a"), "1");
    });
}

#[test]
fn what_is_not_reported_is_noticed_within_a_second() {
    let mut site = CacheFixture::new();
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
    let queue = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events")
        .expect("the kernel has inotify");
    let queue: usize = queue.trim().parse().expect("it is a number");
    let limit = queue.min(crate::sys::watch::CHANGES_MAX);
    let mut site = CacheFixture::new();
    site.is_watched();
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
