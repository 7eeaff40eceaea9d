mod locations;
mod logs;
mod readme;
mod rights;
mod shipped;
mod without_effect;

use super::file::{self, File};
use super::load::load;
use super::*;
use crate::server::Workers;
use log::LevelFilter;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// A folder of a test's own, gone when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("httpd-config-{}-{name}", std::process::id()));
        std::fs::create_dir_all(path.join("www")).expect("the temporary folder can be written");
        Folder(path)
    }

    fn write(&self, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join("httpd.toml");
        std::fs::write(&path, text).expect("the temporary folder can be written");
        path
    }

    /// What is said of a file with this text, without the folder's name.
    fn errors(&self, text: impl AsRef<[u8]>) -> Vec<String> {
        let path = self.write(text);
        let folder = format!("{}/", self.0.display());
        match load(Some(&path), &Overrides::default()) {
            Ok(_) => Vec::new(),
            Err(errors) => {
                errors.iter().map(|error| error.to_string().replace(&folder, "")).collect()
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/httpd.toml")
}

fn shipped_text() -> String {
    std::fs::read_to_string(shipped()).expect("the file is shipped")
}

#[test]
fn all_errors_are_reported_in_one_pass_and_in_their_order() {
    let folder = Folder::new("all");
    let errors = folder.errors(
        "rooot = \"www\"\n\
         listen = [\"localhost:70000\", 8080]\n\
         workers = 0\n\
         index = [\"\", \"a/b\"]\n\
         head_timeout = \"10s\"\n\
         symlinks = \"sometimes\"\n\
         root = \"nowhere\"\n\
         [limits]\n\
         head_timeout = 10\n\
         keepalive_timeout = \"0s\"\n\
         send_timeout = \"soon\"\n\
         target_bytes_max = \"64KiB\"\n\
         ranges_max = -1\n\
         [types]\n\
         \".x\" = \"text/plain\"\n\
         y = \"plain\"\n\
         z = \"text/plain\\r\\nX: y\"\n\
         [[location]]\n\
         path = \"files\"\n\
         [[location]]\n\
         [[location]]\n\
         path = \"/a\"\n\
         root = \"www\"\n\
         alias = \"www\"\n\
         [[location]]\n\
         path = \"/a/\"\n\
         colour = \"red\"\n",
    );
    let expected = [
        "httpd.toml:1:1: unknown key \"rooot\"; did you mean \"root\"?",
        "httpd.toml:2:11: listen: \"localhost:70000\" has no port that exists: \"70000\" is not a number from 0 to 65535",
        "httpd.toml:2:30: listen must be an address in quotes: write \":8080\" for everyone, or \"localhost:8080\" for this machine only",
        "httpd.toml:3:11: workers must be at least 1",
        "httpd.toml:4:10: index must not be empty",
        "httpd.toml:4:14: index must be the name of a file, not \"a/b\"",
        "httpd.toml:5:1: unknown key \"head_timeout\"; it belongs in [limits]",
        "httpd.toml:6:12: symlinks must be \"inside\", \"never\" or \"all\", not \"sometimes\"",
        "httpd.toml:7:8: cannot serve \"nowhere\": no such directory; set this key to the directory to serve",
        "httpd.toml:9:16: head_timeout needs a unit: write \"10s\" for seconds",
        "httpd.toml:10:21: keepalive_timeout must be longer than 0",
        "httpd.toml:11:16: send_timeout must be a duration such as \"30s\", \"500ms\", \"2m\" or \"1h\", not \"soon\"",
        "httpd.toml:12:20: target_bytes_max (65536) cannot be more than head_bytes_max (32768): the target is a part of the head",
        "httpd.toml:13:14: ranges_max must be at least 1",
        "httpd.toml:15:1: extension \".x\" is written without the dot: \"x\"",
        "httpd.toml:16:5: y must be a content type such as \"text/plain\", not \"plain\"",
        "httpd.toml:17:5: z must be a content type such as \"text/plain\", not \"text/plain\\r\\nX: y\"",
        "httpd.toml:19:8: path must begin with a slash: write \"/files\"",
        "httpd.toml:20:1: this location needs a path",
        "httpd.toml:24:9: a location has a root or an alias, not both",
        "httpd.toml:26:8: there is a location \"/a/\" already",
        "httpd.toml:27:1: unknown key \"colour\" in [[location]]",
        "httpd.toml: known [[location]]: path, alias, wsgi, python, chdir, processes, threads, env, network, writable, timeout, stream_timeout, requests_max, lifetime, memory_bytes_max, reload, status_pages, user, group, confinement, readable, root, index, listing, symlinks, dotfiles, charset, types, precompressed, etag, body_bytes_max, methods, create_full_put_path, form_overwrite, quota_bytes, upload_mode, durability, allow, deny, auth_basic, fallback, try_files, clean_urls, host_files, compression, compression_types, compression_bytes_min, redirect, rewrite, redirect_https, hsts, header, cache_policy, cors, error_pages, request_rate, request_burst, connections_per_client, limit_rate, limit_rate_after, access_log",
    ];
    for (error, expected) in errors.iter().zip(expected) {
        assert_eq!(error, expected);
    }
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
}

#[test]
fn a_text_that_is_no_toml_is_reported_line_by_line_with_the_rest() {
    let folder = Folder::new("syntax");
    let errors = folder.errors("root = \nlisten = [\"a\"\nworkers = 0\n");
    assert!(!errors.is_empty());
    for error in &errors {
        assert!(error.starts_with("httpd.toml:"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let twice = folder.errors("root = \"www\"\nroot = \"www\"\nworkers = 0\n");
    assert_eq!(
        twice,
        [
            "httpd.toml:2:1: \"root\" is here for the second time",
            "httpd.toml:3:11: workers must be at least 1"
        ]
    );
}

#[test]
fn a_column_counts_characters_and_a_byte_that_is_no_utf_8_has_its_place() {
    let folder = Folder::new("columns");
    assert_eq!(
        folder.errors("log = { file = \"é\", x = 1 }\nroot = \"www\"\n"),
        [
            "httpd.toml:1:21: unknown key \"x\" in [log]",
            "httpd.toml: known [log]: level, file, facility, tag"
        ]
    );
    assert_eq!(
        folder.errors(b"root = \"www\"\n# \xff\n"),
        ["httpd.toml:2:3: a configuration is UTF-8, which this byte is not"]
    );
}

#[test]
fn a_file_without_root_needs_one() {
    let folder = Folder::new("rootless");
    assert_eq!(
        folder.errors("workers = 1\n"),
        ["httpd.toml: root is missing: write which directory to serve, such as root = \"www\""]
    );
    assert_eq!(
        folder.errors("[[location]]\npath = \"/a/\"\n"),
        ["httpd.toml:1:1: this location needs a root or an alias: there is none to inherit"]
    );
    assert!(folder.errors("[[location]]\npath = \"/a/\"\nalias = \"www\"\n").is_empty());
}

#[test]
fn an_address_that_is_none_is_reported_once() {
    let folder = Folder::new("listen-number");
    let errors = folder.errors("root = \"www\"\nlisten = 8080\n");
    assert!(errors.len() == 1 && errors[0].contains("write \":8080\" for everyone"), "{errors:?}");
}

#[test]
fn the_error_for_an_address_of_another_form_says_what_to_write() {
    let folder = Folder::new("listen-forms");
    let errors = |listen| {
        let errors = folder.errors(format!("root = \"www\"\nlisten = {listen}\n"));
        errors.join("\n").replace("httpd.toml:2:10: ", "")
    };
    assert_eq!(
        errors("\"http://localhost:8080\""),
        "listen: \"http://localhost:8080\" is a URL, not an address: write \"localhost:8080\""
    );
    assert_eq!(
        errors("\"80\""),
        "listen: \"80\" is a port alone: write \":80\" for everyone, or \"localhost:80\" for this machine only"
    );
    assert!(errors("\"https://:443\"").contains("https:// needs a certificate"));
}

#[test]
fn the_error_for_a_configuration_of_another_server_says_that_it_must_be_toml() {
    let folder = Folder::new("languages");
    for (text, language) in [
        ("server {\n    listen 80;\n}\n", "nginx's language"),
        (":80 {\n    file_server\n}\n", "a Caddyfile"),
        ("listen: 80\nroot: www\n", "YAML"),
        ("{ \"listen\": 80 }\n", "JSON"),
        ("import os\nworkers = os.cpu_count()\n", "Python"),
    ] {
        let errors = folder.errors(text);
        let expected = format!("httpd.toml: this looks like {language}; the configuration is TOML");
        assert!(errors.len() == 1 && errors[0].starts_with(&expected), "{errors:?}");
    }
}

#[test]
fn keys_that_nobody_can_guess_are_followed_by_one_list() {
    let folder = Folder::new("lists");
    let errors =
        folder.errors("root = \"www\"\nbanana = 1\ngzip = true\nmango = 2\n[log]\npear = 3\n");
    assert_eq!(
        errors[..4],
        [
            "httpd.toml:2:1: unknown key \"banana\"",
            "httpd.toml:3:1: unknown key \"gzip\": write compression = [\"zstd\", \"br\", \"gzip\"]; precompressed = true sends files that were compressed before, such as a.css.gz for a.css",
            "httpd.toml:4:1: unknown key \"mango\"",
            "httpd.toml:6:1: unknown key \"pear\" in [log]",
        ]
    );
    assert!(errors[4].starts_with("httpd.toml: known at the top: listen, "), "{errors:?}");
    assert_eq!(errors[5..], ["httpd.toml: known [log]: level, file, facility, tag"]);
}

#[test]
fn an_address_is_listened_on_once() {
    let folder = Folder::new("twice");
    assert_eq!(
        folder.errors("root = \"www\"\nlisten = [\"localhost:81\", \"127.0.0.1:81\"]\n"),
        ["httpd.toml:2:27: listen: 127.0.0.1:81 is in this list already"]
    );
    assert!(folder.errors("root = \"www\"\nlisten = [\":0\", \":0\"]\n").is_empty());
}

#[test]
fn a_log_needs_a_folder_and_is_not_made_by_reading() {
    let folder = Folder::new("logs");
    let errors = folder
        .errors("root = \"www\"\n[log]\nfile = \"nowhere/a.log\"\n[access_log]\nfile = \"www\"\n");
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("httpd.toml:3:8: cannot write the log"), "{errors:?}");
    assert!(errors[1].ends_with("it is a directory"), "{errors:?}");
    assert!(folder.errors("root = \"www\"\n[log]\nfile = \"a.log\"\n").is_empty());
    assert!(!folder.0.join("a.log").exists());
}

#[test]
fn a_given_root_wins_over_the_file_and_is_named_when_it_fails() {
    let folder = Folder::new("given");
    let path = folder.write("root = \"nowhere\"\n");
    let given = |value: PathBuf| Overrides {
        root: Some(Written { value, origin: Origin::Given("-r") }),
        ..Overrides::default()
    };
    let config = load(Some(&path), &given(folder.0.join("www"))).expect("the given root is there");
    assert_eq!(config.roots, [folder.0.join("www")]);
    let errors = load(None, &given("/nowhere".into())).err().expect("there is no such root");
    assert_eq!(errors[0].to_string(), "-r: cannot serve \"/nowhere\": no such directory");
}

#[test]
fn processes_are_counted_from_1() {
    let folder = Folder::new("processes");
    let errors = |value| folder.errors(format!("root = \"www\"\nprocesses = {value}\n"));
    assert!(errors("1").is_empty() && errors("256").is_empty());
    assert_eq!(errors("0"), ["httpd.toml:2:13: processes must be at least 1"]);
    assert_eq!(
        errors("257"),
        ["httpd.toml:2:13: processes must be a number from 1 to 256, not \"257\""]
    );
    assert_eq!(errors("\"auto\""), ["httpd.toml:2:13: processes must be a whole number, not text"]);
}

#[test]
fn without_a_supervisor_there_is_one_process() {
    let folder = Folder::new("supervisor");
    let errors = |rest: &str| folder.errors(format!("root = \"www\"\nsupervisor = false\n{rest}"));
    assert!(errors("").is_empty() && errors("processes = 1\n").is_empty());
    assert_eq!(
        errors("processes = 3\n"),
        [
            "httpd.toml:2:14: supervisor = false leaves one process alone, and processes = 3 asks for more: write supervisor = true, or one process"
        ]
    );
    let path = folder.write("root = \"www\"\nsupervisor = false\n");
    let processes = Written { value: 2.try_into().unwrap(), origin: Origin::Given("-P") };
    let overrides = Overrides { processes: Some(processes), ..Overrides::default() };
    let errors = load(Some(&path), &overrides).err().unwrap_or_default();
    assert!(errors[0].to_string().contains(", and -P 2 asks for more: "), "{errors:?}");
    let config = load(Some(&path), &Overrides::default()).unwrap_or_else(|it| panic!("{it:?}"));
    assert!(!config.supervisor);
}

#[test]
fn what_was_read_can_be_loaded_again_when_the_file_says_something_else() {
    let folder = Folder::new("source");
    let path = folder.write("root = \"www\"\nprocesses = 2\n");
    let source = Source::read(Some(&path)).expect("it is there");
    folder.write("rooot = \"gone\"\n");
    let again = Source::of(Some(&path), source.text().to_owned());
    assert_eq!(again, source);
    let config = again.load(&Overrides::default()).unwrap_or_else(|it| panic!("{it:?}"));
    assert_eq!(config.roots, [folder.0.join("www")]);
    assert_eq!(config.processes.get(), 2);
}

#[test]
fn no_text_makes_it_panic() {
    let text = shipped_text();
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)).step_by(7) {
        let _ = File::read(&text[..end]);
        let _ = File::read(&text[end..]);
    }
    let wrong = [
        "1",
        "-1",
        "1.5",
        "true",
        "[]",
        "{}",
        "\"\"",
        "1979-05-27",
        "[[1]]",
        "99999999999999999999",
    ];
    for section in file::sections() {
        for key in section.keys {
            for value in wrong {
                let _ = File::read(&format!("{}\n{key} = {value}\n", section.title));
            }
        }
    }
}

#[test]
fn the_error_for_a_key_of_an_older_version_names_the_new_one() {
    let folder = Folder::new("renamed");
    let errors = folder.errors(
        "root = \"www\"\nupload_bytes_max = 1\n\
         [limits]\ncontent_memory_bytes_max = 1\n\
         [[location]]\npath = \"/a\"\nwsgi = \"a:b\"\ncontent_bytes_max = 1\n",
    );
    let expected = [
        "httpd.toml:2:1: unknown key \"upload_bytes_max\": it is called body_bytes_max now",
        "httpd.toml:4:1: unknown key \"content_memory_bytes_max\" in [limits]: it is called body_memory_bytes_max now",
        "httpd.toml:8:1: unknown key \"content_bytes_max\" in [[location]]: it is called body_bytes_max now",
    ];
    assert_eq!(errors, expected);
}

#[test]
fn the_group_of_sockets_is_one_of_this_system() {
    let folder = Folder::new("group");
    assert!(
        folder
            .errors("root = \"www\"\nsocket_group = \"root\"\nsocket_mode = \"0660\"\n")
            .is_empty()
    );
    let errors =
        folder.errors("root = \"www\"\nsocket_group = \"nobody-knows-it\"\nsocket_mode = \"rw\"\n");
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("must be a group of this system"), "{errors:?}");
}
