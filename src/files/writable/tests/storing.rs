//! What is stored, replaced and removed, and under which tags.

use super::*;

#[test]
fn what_is_stored_is_there_and_nothing_else() {
    in_each_way(WriteRules::default(), |site| {
        site.around.make("root/d");
        let created = site.store("a", "hello");
        assert!(created.created);
        let replaced = site.store("a", "hello again");
        assert!(!replaced.created);
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
    let rules =
        WriteRules::default().missing_directories(MissingDirectories::Make).file_bytes_max(10);
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
            Err(WriteError::PreconditionFailed(_))
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
        assert!(matches!(site.put("a", "2", &only_new), Err(WriteError::PreconditionFailed(_))));
        let of_first = Preconditions::if_match(tag(&first));
        let mut early = site.root.upload(b"a").expect("there is room");
        early.write(b"early").expect("there is room");
        let second = site.put("a", "2", &of_first).expect("it is the first still");
        assert!(matches!(early.commit(&of_first), Err(WriteError::PreconditionFailed(_))));
        assert!(matches!(site.put("a", "3", &of_first), Err(WriteError::PreconditionFailed(_))));
        assert!(matches!(
            site.root.remove(b"a", &of_first),
            Err(WriteError::PreconditionFailed(_))
        ));
        assert_eq!(site.read("a"), "2");
        site.root.remove(b"a", &Preconditions::if_match(tag(&second))).expect("it is the second");
        assert!(matches!(
            site.put("a", "4", &Preconditions::if_match(b"*")),
            Err(WriteError::PreconditionFailed(_))
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
    in_each_way(WriteRules::default().durability(Durability::Never), |site| {
        let mut tags = HashSet::new();
        let mut last = None;
        for round in 0..200 {
            if round % 3 == 2 {
                site.remove("a").expect("it is there");
            }
            let stored = site.store("a", "x");
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
    in_each_way(WriteRules::default().durability(Durability::Never), |site| {
        for round in 0..20 {
            site.around.write("root/a", "x");
            let theirs = std::fs::metadata(site.around.at("root/a")).expect("it is there");
            tag(&site.store("a", "x"));
            let modified = std::fs::metadata(site.around.at("root/a")).expect("it is there");
            assert!(
                modified.modified().expect("it has one") > theirs.modified().expect("it has one"),
                "round {round}"
            );
        }
        // Their clock is wrong: ours goes on.
        let future = SystemTime::now() + Duration::from_secs(1_000_000);
        site.around.write("root/a", "x").modify("root/a", future);
        tag(&site.store("a", "y"));
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
                    assert_eq!(Some(file.etag()), stored.version.etag());
                    assert_eq!(file.version().modified(), stored.version.modified());
                }
                other => panic!("{other:?}"),
            }
        }
    });
}
