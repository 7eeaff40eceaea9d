//! What strangers ask for costs no more than what it comes to, now and later.

use super::*;

#[test]
fn all_that_is_beneath_a_missing_name_is_kept_as_one() {
    let mut site = CacheFixture::new();
    site.is_watched();
    site.around.write("root/file", "1").link("root/to_nothing", "no");
    for above in ["no", "d/no", "file", "to_nothing"] {
        site.around.make("root/d");
        site.known(format!("{above}/first/a/a"));
        let kept = (site.keeps(), site.files.directories.watches().dependencies());
        for number in 0..1_000 {
            assert_eq!(site.known(format!("{above}/{number}")), "(nothing)");
            assert_eq!(site.known(format!("{above}/{number}/{}", "a/".repeat(1_000))), "(nothing)");
        }
        assert_eq!(
            (site.keeps(), site.files.directories.watches().dependencies()),
            kept,
            "{above}"
        );
        assert_eq!(site.known(format!("{above}/")), "(nothing)");
    }
    site.around.write("root/d/no/7/a", "2").remove("root/file").write("root/file/7", "3");
    site.around.write("root/no/7", "4");
    assert_eq!(
        ["d/no/7/a", "file/7", "to_nothing/7", "no/7"].map(|path| site.at(path)),
        ["2", "3", "4", "4"]
    );
}

#[test]
fn what_no_file_can_be_called_is_missing_without_asking_the_disk_and_not_kept() {
    in_each_way(|site| {
        let (root, now) = (site.root.clone(), site.now);
        let long_name = [&[b'n'; 256][..], b"/a"].concat();
        let long_path = b"a/".repeat(2_048);
        for path in [long_name, long_path, vec![b'n'; 8_000]] {
            let found = site.files.find(&root, &path, now, Disk::MustNotBlock);
            assert!(matches!(found, Err(OpenError::NotFound)), "{found:?}");
            assert_eq!(site.keeps(), 0);
        }
    });
}

#[test]
fn what_must_be_asked_for_each_time_is_kept_only_with_contents() {
    let mut site = CacheFixture::unwatched();
    site.around.write("root/d/a", "1");
    for path in ["no", "no/b", "d", "d/no", "d/a"] {
        site.known(path);
    }
    assert_eq!(site.keeps(), 1);
}

/// A change costs what it touches, however much else is kept and however long its names are.
#[test]
fn a_change_costs_no_more_when_much_else_is_kept() {
    let mut site = CacheFixture::new();
    site.is_watched();
    site.around.make("root/a").write("root/d/file", "1");
    let deep = format!("deep/{}", "d/".repeat(500));
    site.around.make(&format!("root/{deep}"));
    let cost_of_a_change = |site: &mut CacheFixture| {
        let mut least = Duration::MAX;
        for _ in 0..5 {
            site.around.rename("root/d", "root/e").rename("root/e", "root/d");
            site.around.rename("root/a", "root/b").rename("root/b", "root/a");
            site.known("d/file");
            let before = Instant::now();
            site.files.look();
            least = least.min(before.elapsed());
        }
        least
    };
    let at_first = cost_of_a_change(&mut site);
    for number in 0..3_000 {
        site.known(format!("{deep}{number}"));
        site.known(format!("{}{number}", "n".repeat(250)));
    }
    let with_much_kept = cost_of_a_change(&mut site);
    assert!(
        with_much_kept < at_first * 20 + Duration::from_millis(2),
        "{with_much_kept:?} instead of {at_first:?}"
    );
}

#[test]
fn what_has_to_go_at_once_is_not_given_any_more_and_goes_in_portions() {
    let mut site = CacheFixture::new();
    site.is_watched();
    site.around.write("root/d/file", "old").write("root/other", "1");
    for number in 0..5_000 {
        site.known(format!("d/{number}"));
    }
    assert_eq!(site.known("d/file"), "old");
    site.around.rename("root/d", "root/e").write("root/d/file", "new").write("root/d/4999", "new");
    site.files.look();
    assert!(site.keeps() > 4_000, "most of it is still to be removed");
    assert_eq!(
        ["d/file", "d/4999", "d/3"].map(|path| site.known(path)),
        ["new", "new", "(nothing)"]
    );
    for number in 0..30 {
        site.known(format!("no{number}"));
    }
    assert!(site.keeps() < 50, "{}", site.keeps());
    assert_eq!(
        ["d/file", "d/4999", "d/3"].map(|path| site.known(path)),
        ["new", "new", "(nothing)"]
    );
    let (by_name, by_key) = site.files.directories.watches().dependencies();
    assert_eq!(by_name, by_key);
    assert!(by_name < 60, "{by_name}");
}

#[test]
fn many_answers_may_rest_on_one_name() {
    let mut site = CacheFixture::new();
    site.is_watched();
    site.around.write("root/1/a", "one").write("root/2/a", "two").link("root/now", "1");
    for number in 0..500 {
        site.around.link(&format!("root/l{number}"), "now/a");
    }
    for target in ["one", "two", "one"] {
        for number in 0..500 {
            assert_eq!(site.at(format!("l{number}")), target);
        }
        site.around.link("root/now", if target == "one" { "2" } else { "1" });
    }
}

#[test]
fn dependencies_go_with_what_has_them() {
    let limits = CacheLimits::default().entries_max(10);
    let mut site = CacheFixture::with(limits, Watches::new());
    site.around.write("root/d/a", "1").link("root/l", "d/a");
    for number in 0..2_000 {
        site.known(format!("no{number}"));
        site.known(format!("d/no{number}/a"));
        site.known("l");
    }
    let (by_name, by_key) = site.files.directories.watches().dependencies();
    assert_eq!(by_name, by_key);
    assert!(by_name < 60, "{by_name}");
}

/// Whatever happens to any name on the way, what is known is what somebody finds who knows nothing.
#[test]
fn after_each_of_many_changes_all_is_as_it_would_be_found_for_the_first_time() {
    const NAMES: [&str; 3] = ["a", "b", "l"];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |bound: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % bound as u64) as usize
    };
    let small = CacheLimits::default().entries_max(6);
    for (limits, policy) in [
        (CacheLimits::default(), Symlinks::Inside),
        (CacheLimits::default(), Symlinks::All),
        (small, Symlinks::Inside),
    ] {
        let mut site = CacheFixture::with(limits, Watches::new());
        site.root = site.root.clone().symlinks(policy);
        let path = |next: &mut dyn FnMut(usize) -> usize| {
            let length = 1 + next(4);
            let names: Vec<&str> = (0..length).map(|_| NAMES[next(3)]).collect();
            names.join("/")
        };
        for round in 0..600 {
            let (one, other) = (path(&mut next), path(&mut next));
            let at = |path: &str| site.around.at(format!("root/{path}"));
            // Whatever cannot be done is not done.
            let _ = match next(7) {
                0 | 1 => std::fs::create_dir(at(&one)),
                2 => std::fs::write(at(&one), round.to_string()),
                3 => std::fs::rename(at(&one), at(&other)),
                4 => std::os::unix::fs::symlink(&other, at(&one)),
                5 => std::fs::remove_file(at(&one)),
                _ => std::fs::remove_dir_all(at(&one)),
            };
            site.files.look();
            let mut stranger = OpenFiles::watching(CacheLimits::default(), Watches::none());
            for _ in 0..12 {
                let mut path = path(&mut next);
                if next(4) == 0 {
                    path.push('/');
                }
                let found = stranger.find(&site.root, path.as_bytes(), site.now, Disk::MayBlock);
                let is = describe(&path, found);
                let known = site.files.find(&site.root, path.as_bytes(), site.now, Disk::MayBlock);
                assert_eq!(describe(&path, known), is, "{path} in round {round}, {policy:?}");
            }
            let (by_name, by_key) = site.files.directories.watches().dependencies();
            assert_eq!(by_name, by_key, "round {round}");
        }
    }

    fn describe(path: &str, found: Result<Found, OpenError>) -> String {
        match found {
            Ok(Found::Directory) => "(directory)".into(),
            Ok(Found::File(file)) => contents(&file),
            Err(OpenError::NotFound) => "(nothing)".into(),
            Err(error) => panic!("{path}: {error:?}"),
        }
    }
}
