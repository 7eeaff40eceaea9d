//! A file and its encoded siblings.

use super::*;
use crate::files::Chosen;
use crate::http::{AcceptedCodings, Coding};

impl CacheFixture {
    /// What a client gets that accepts this: the contents, and whether they are one of several representations.
    fn chosen(&mut self, path: &str, accept_encoding: &str) -> (String, bool) {
        self.files.look();
        self.known_choice(path, accept_encoding)
    }

    /// The same, as the last look showed it.
    fn known_choice(&mut self, path: &str, accept_encoding: &str) -> (String, bool) {
        let accepted = AcceptedCodings::of(accept_encoding.as_bytes());
        let now = self.now;
        match self.files.find_variant(&self.root, path.as_bytes(), &accepted, now, Disk::MayBlock) {
            Ok(Chosen::Directory) => ("(directory)".into(), false),
            Ok(Chosen::File(file)) => (contents(&file), false),
            Ok(Chosen::Variant(file)) => (contents(&file), true),
            Err(OpenError::NotFound) => ("(nothing)".into(), false),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn sends(&mut self, accept_encoding: &str, expected: &str) {
        assert_eq!(self.chosen("d/a", accept_encoding), (expected.to_owned(), true));
    }
}

#[test]
fn the_sibling_that_the_client_prefers_is_sent() {
    in_each_way(|site| {
        site.around.write("root/d/a", "1").write("root/d/a.gz", "gzip").write("root/d/a.br", "br");
        for _ in 0..2 {
            site.sends("gzip, br", "br");
            site.sends("gzip, br, zstd", "br");
            site.sends("gzip, br;q=0.9", "gzip");
            site.sends("zstd", "1");
            site.sends("", "1");
            assert_eq!(site.chosen("d/a.gz", "gzip, br"), ("gzip".into(), false));
            assert_eq!(site.chosen("d", "gzip"), ("(directory)".into(), false));
            assert_eq!(site.chosen("d/b", "gzip"), ("(nothing)".into(), false));
        }
    });
}

#[test]
fn a_file_without_siblings_is_no_variant() {
    in_each_way(|site| {
        site.around.write("root/a", "1").make("root/a.gz").write("root/b.gz", "2");
        for _ in 0..2 {
            assert_eq!(site.chosen("a", "gzip, br, zstd"), ("1".into(), false));
            assert_eq!(site.chosen("b", "gzip"), ("(nothing)".into(), false));
        }
    });
}

#[test]
fn a_sibling_that_appears_or_changes_or_goes_is_noticed() {
    in_each_way(|site| {
        site.around.write("root/d/a", "1");
        assert_eq!(site.chosen("d/a", "gzip, br"), ("1".into(), false));
        site.around.write("root/d/a.gz", "2");
        site.sends("gzip, br", "2");
        site.around.replace("root/d/a.gz", "3");
        site.sends("gzip, br", "3");
        site.around.write("root/d/a.br", "4");
        site.sends("gzip, br", "4");
        site.around.remove("root/d/a.br");
        site.sends("gzip, br", "3");
        site.around.rename("root/d", "root/e");
        assert_eq!(site.chosen("d/a", "gzip"), ("(nothing)".into(), false));
        assert_eq!(site.chosen("e/a", "gzip"), ("3".into(), true));
        site.around.rename("root/e", "root/d").remove("root/d/a.gz");
        assert_eq!(site.chosen("d/a", "gzip, br"), ("1".into(), false));
        site.around.remove("root/d/a");
        assert_eq!(site.chosen("d/a", "gzip, br"), ("(nothing)".into(), false));
    });
}

#[test]
fn a_sibling_that_is_empty_or_older_than_its_file_is_ignored() {
    in_each_way(|site| {
        site.around.write("root/d/a", "1").write("root/d/a.gz", "").write("root/d/a.br", "br");
        let then = SystemTime::now() - Duration::from_secs(100);
        site.around.modify("root/d/a", then).modify("root/d/a.br", then - Duration::from_nanos(1));
        assert_eq!(site.chosen("d/a", "gzip, br"), ("1".into(), false));
        site.around.modify("root/d/a.br", then);
        site.sends("gzip, br", "br");
        site.around.write("root/d/a.gz", "gzip");
        site.sends("gzip", "gzip");
        site.around.write("root/d/a", "2");
        assert_eq!(site.chosen("d/a", "br").0, "2");
    });
}

#[test]
fn what_is_ignored_is_reported_once() {
    let mut site = CacheFixture::new();
    site.around.write("root/a", "1").write("root/a.gz", "");
    assert_eq!(site.chosen("a", "gzip"), ("1".into(), false));
    assert!(!site.root.is_first_report(b"a.gz"));
    assert!(site.root.is_first_report(b"a.br"));
}

#[test]
fn a_warm_choice_does_not_ask_the_disk() {
    let mut site = CacheFixture::new();
    site.is_watched();
    site.around.write("root/d/a", "1").write("root/d/a.gz", "2");
    site.rest();
    site.sends("gzip, br", "2");
    // Nobody looks at the changes.
    site.around.remove("root/d/a.gz").write("root/d/a.br", "3").write("root/d/a", "4");
    assert_eq!(site.known_choice("d/a", "gzip, br"), ("2".into(), true));
    assert_eq!(site.known_choice("d/a", ""), ("1".into(), true));
}

#[test]
fn a_choice_is_checked_on_the_disk_once_in_a_while() {
    let mut site = CacheFixture::new();
    site.is_watched();
    site.around.write("root/d/a", "1").write("root/d/a.gz", "2").make("elsewhere");
    site.rest();
    site.sends("gzip", "2");
    // What is written through a second name is not reported.
    std::fs::hard_link(site.around.at("root/d/a.gz"), site.around.at("elsewhere/x"))
        .expect("both are on one file system");
    site.files.look();
    site.sends("gzip", "2");
    site.around.write("elsewhere/x", "33");
    site.wait(RECHECK_AFTER);
    site.sends("gzip", "33");
    for _ in 0..3 {
        site.wait(RECHECK_AFTER);
        site.sends("gzip", "33");
        site.sends("", "1");
    }
}

#[test]
fn a_full_cache_chooses_the_same() {
    for entries_max in 0..6 {
        let limits = CacheLimits::default().entries_max(entries_max);
        let mut site = CacheFixture::with(limits, Watches::new());
        for name in ["a", "b", "c"] {
            site.around.write(format!("root/{name}"), name);
            site.around.write(format!("root/{name}.gz"), format!("{name}.gz"));
        }
        for name in ["a", "b", "a", "c", "c", "b", "a"] {
            assert_eq!(site.chosen(name, "gzip"), (format!("{name}.gz"), true));
            assert_eq!(site.chosen(name, ""), (name.to_owned(), true));
            assert!(site.keeps() <= entries_max);
        }
    }
}

#[test]
fn a_cold_file_is_warm_with_its_siblings_after_one_prefetch() {
    let mut site = CacheFixture::new();
    let accepted = AcceptedCodings::of(b"gzip");
    for name in ["a", "a.gz", "a.br"] {
        site.around.write(format!("root/{name}"), vec![b'1'; 10_000]);
    }
    let file = site.around.make_cold("root/a");
    let sibling = site.around.make_cold("root/a.gz");
    let residency = |file: &std::fs::File| file::residency(file.as_fd(), 9_999);
    let residencies = [residency(&file), residency(&sibling)];
    let (root, now) = (site.root.clone(), site.now);
    match site.files.find_variant(&root, b"a", &accepted, now, Disk::MustNotBlock) {
        Err(OpenError::Cold(prefetch)) => prefetch.run(),
        Ok(Chosen::Variant(_)) if !residencies.contains(&file::Residency::Cold) => {}
        other => panic!("{residencies:?}: {other:?}"),
    }
    match site.files.find_variant(&root, b"a", &accepted, now, Disk::MustNotBlock) {
        Ok(Chosen::Variant(file)) => assert_eq!(file.variant().coding(), Some(Coding::Gzip)),
        // Where the kernel does not say what is in memory, it never is.
        Err(OpenError::Cold(_)) if residencies.contains(&file::Residency::Unknown) => {}
        other => panic!("{residencies:?}: {other:?}"),
    }
}
