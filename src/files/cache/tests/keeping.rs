//! What is kept where, and within which bounds.

use super::*;

#[test]
fn small_files_are_in_memory_and_large_ones_are_not() {
    let limits = CacheLimits::default().contents_bytes_max(10);
    let mut site = CacheFixture::with(limits, Watches::new());
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
            // It was written just now, but the kernel may say that it does not know. Then a look-up that may wait
            // makes it known.
            let found = match site.files.find(&root, path.as_bytes(), now, Disk::MustNotBlock) {
                Err(OpenError::Cold(prefetch)) => {
                    prefetch.run();
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

/// Where the file system is in memory, the file is never cold; where the kernel does not say, it may be.
#[test]
fn a_cold_file_is_reported_as_cold_and_is_warm_after_its_prefetch() {
    let mut site = CacheFixture::new();
    site.around.write("root/a", vec![b'1'; 10_000]);
    let file = site.around.make_cold("root/a");
    let residency = file::residency(file.as_fd(), 9_999);
    let (root, now) = (site.root.clone(), site.now);
    match site.files.find(&root, b"a", now, Disk::MustNotBlock) {
        Err(OpenError::Cold(prefetch)) if residency != file::Residency::Resident => prefetch.run(),
        Ok(Found::File(_)) if residency != file::Residency::Cold => {}
        other => panic!("{residency:?}: {other:?}"),
    }
    assert!(matches!(site.files.find(&root, b"a", now, Disk::MustNotBlock), Ok(Found::File(_))));
}

#[test]
fn a_file_that_is_asked_for_often_moves_into_memory_where_a_small_one_is_at_once() {
    let mut site = CacheFixture::new();
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
    let mut site = CacheFixture::new();
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
        compressed_bytes_max: 0,
    };
    let mut site = CacheFixture::with(limits, Watches::new());
    for number in 0..60 {
        site.around.write(format!("root/small{number}"), vec![b's'; 4_000]);
        site.around.write(format!("root/large{number}"), vec![b'l'; 6_000]);
    }
    for number in 0..60 {
        assert_eq!(site.at(format!("small{number}")).len(), 4_000);
        assert_eq!(site.at(format!("large{number}")).len(), 6_000);
        assert_eq!(site.at(format!("no{number}")), "(nothing)");
        let (entries, bytes, descriptors) = site.files.cache.totals();
        assert!(
            entries <= 20 && bytes <= 60_000 && descriptors <= 3,
            "{entries}, {bytes}, {descriptors}"
        );
    }
    let (_, _, descriptors) = site.files.cache.totals();
    assert_eq!(descriptors, 3);
}

#[test]
fn what_is_used_outlives_what_is_asked_for_once() {
    let limits = CacheLimits::default().entries_max(10);
    let mut site = CacheFixture::with(limits, Watches::new());
    site.is_watched();
    site.around.write("root/a", "1");
    site.rest();
    let file = site.file("a");
    for number in 0..200 {
        site.known(format!("no{number}"));
        assert!(Arc::ptr_eq(&file, &site.file("a")));
    }
}

#[test]
fn a_cache_that_may_keep_nothing_still_finds() {
    for limits in [
        CacheLimits::default().entries_max(0),
        CacheLimits::default().bytes_max(0),
        CacheLimits::default().contents_bytes_max(0).descriptors_max(0),
    ] {
        let mut site = CacheFixture::with(limits, Watches::new());
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
    let limits = CacheLimits::default().entries_max(10);
    let mut site = CacheFixture::with(limits, Watches::new());
    site.is_watched();
    for number in 0..100 {
        site.around.write(format!("root/d{number}/a"), "1");
        assert_eq!(site.at(format!("d{number}/a")), "1");
    }
    assert!(site.files.directories.watches().length() > 100);
    for number in 0..REMOVED_MAX {
        site.known(format!("no{number}"));
    }
    // The root, and what leads to it.
    assert!(site.files.directories.watches().length() < 20);
    assert_eq!(site.at("d1/a"), "1");
    site.around.write("root/d1/a", "2");
    assert_eq!(site.at("d1/a"), "2");
}

#[test]
fn a_directory_of_which_only_itself_is_known_stays_watched() {
    let limits = CacheLimits::default().entries_max(10);
    let mut site = CacheFixture::with(limits, Watches::new());
    site.around.make("root/d");
    for number in 0..REMOVED_MAX + 20 {
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
    let mut site = CacheFixture::with(CacheLimits::default(), watches);
    for round in ["1", "2", "3"] {
        for number in 0..30 {
            site.around.write(format!("root/d{number}/a"), round);
            assert_eq!(site.at(format!("d{number}/a")), round);
        }
    }
    assert!(site.files.directories.watches().length() <= 10);
}
