//! What is found at a path, and that it is kept.

use super::*;
use crate::sys::file::Call;
use crate::sys::file::simulated::let_fail;
use std::cell::Cell;

#[test]
fn files_and_directories_are_distinguished() {
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
    let mut site = CacheFixture::new();
    site.is_watched();
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
        assert!(Arc::ptr_eq(&file, &site.file("a")));
        site.rest();
        assert!(Arc::ptr_eq(&file, &site.file("a")), "asked again, but not read again");
    });
}

#[test]
fn a_directory_that_the_disk_fails_to_look_at_is_not_taken_for_missing() {
    thread_local! {
        static FAILS: Cell<bool> = const { Cell::new(true) };
    }
    let mut it = CacheFixture::new();
    it.around.write("root/d/a", "1");
    it.rest();
    let_fail(Some(|call| {
        let fails = call == Call::Open && FAILS.replace(false);
        fails.then(|| io::Error::from_raw_os_error(EIO))
    }));
    let missing = it.find("d/missing");
    let_fail(None);
    assert!(!FAILS.get() && matches!(missing, Err(OpenError::Failed(_))), "{missing:?}");
    it.file("d/a");
}

const EIO: i32 = 5;
