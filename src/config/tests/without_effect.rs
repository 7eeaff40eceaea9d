//! Warnings about keys that have no effect where they are written.

use super::*;

/// The warnings about a configuration that is valid, without the name of its file.
#[track_caller]
fn warnings_with(folder: &Folder, text: &str, overrides: &Overrides) -> Vec<String> {
    let path = folder.write(text);
    let config = load(Some(&path), overrides).unwrap_or_else(|errors| panic!("{text}{errors:?}"));
    let prefix = format!("{}:", path.display());
    config.warnings.iter().map(|it| it.to_string().replace(&prefix, "")).collect()
}

#[track_caller]
fn warnings(folder: &Folder, text: &str) -> Vec<String> {
    warnings_with(folder, text, &Overrides::default())
}

/// Something that has an effect only beside something else: its line, the key, the words about it, and what has to be
/// beside it.
const PAIRS: &[(&str, &str, &str)] = &[
    (
        "create_full_put_path = true",
        "it is for PUT, which is not allowed here",
        "methods = [\"PUT\"]",
    ),
    ("form_overwrite = true", "it is for forms, which are not taken here", "methods = [\"POST\"]"),
    ("quota_bytes = 1000", "nobody may store files here", "methods = [\"PUT\"]"),
    ("quota_bytes = 1000", "nobody may store files here", "methods = [\"GET\", \"POST\"]"),
    ("upload_mode = \"0600\"", "nobody may store files here", "methods = [\"PUT\"]"),
    ("durability = \"never\"", "nobody may change files here", "methods = [\"DELETE\"]"),
    ("body_bytes_max = 1000", "nothing takes the bodies of requests here", "methods = [\"PUT\"]"),
    ("compression_types = [\"text/*\"]", "nothing is compressed here", "compression = true"),
    ("compression_bytes_min = 1", "nothing is compressed here", "compression = [\"gzip\"]"),
];

#[test]
fn a_key_alone_that_needs_another_one_is_a_warning_at_its_place() {
    let folder = Folder::new("alone");
    for (key, words, beside) in PAIRS {
        let (name, _) = key.split_once(" = ").expect("a key");
        let column = name.len() + 4;
        for (before, line) in [
            ("root = \"www\"\n", 2),
            ("root = \"www\"\n[[location]]\npath = \"/a/\"\n", 4),
            ("root = \"www\"\n[[host]]\nserver_name = \"a.test\"\n", 4),
            (
                "root = \"www\"\n[[host]]\nserver_name = \"a.test\"\n[[host.location]]\npath = \"/a\"\n",
                6,
            ),
        ] {
            let alone = warnings(&folder, &format!("{before}{key}\n"));
            let expected = format!("{line}:{column}: {name} has no effect: {words}");
            assert!(alone.len() == 1 && alone[0].starts_with(&expected), "{expected}\n{alone:?}");
            let both = warnings(&folder, &format!("{before}{key}\n{beside}\n"));
            assert_eq!(both, [""; 0], "{before}{key}\n{beside}");
        }
    }
}

#[test]
fn a_key_of_the_top_has_an_effect_if_it_has_one_anywhere_below() {
    let folder = Folder::new("below");
    for (key, _, beside) in PAIRS {
        for inner in [
            format!("[[location]]\npath = \"/a/\"\n{beside}\n"),
            format!("[[host]]\nserver_name = \"a.test\"\n{beside}\n"),
            format!(
                "[[host]]\nserver_name = \"a.test\"\n[[host.location]]\npath = \"/a/\"\n{beside}\n"
            ),
        ] {
            let text = format!("root = \"www\"\n{key}\n{inner}");
            assert_eq!(warnings(&folder, &text), [""; 0], "{text}");
        }
        // What another host or location does is of no use here.
        let other = format!(
            "root = \"www\"\n[[host]]\nserver_name = \"a.test\"\n{key}\n[[host]]\nserver_name = \"b.test\"\n{beside}\n"
        );
        assert_eq!(warnings(&folder, &other).len(), 1, "{other}");
    }
}

#[test]
fn a_default_that_is_written_out_is_no_warning() {
    let folder = Folder::new("defaults");
    let text = "root = \"www\"\nform_overwrite = false\ncreate_full_put_path = false\nupload_mode = \"0644\"\n\
        durability = \"file\"\nbody_bytes_max = \"128MiB\"\ncompression_bytes_min = \"1KiB\"\nquota_bytes = \"off\"\n\
        hsts = \"off\"\nredirect_https = false\nlimit_rate_after = 0\nsocket_mode = \"0666\"\n\
        serve_as_root = false\n[log]\nfacility = \"daemon\"\ntag = \"httpd\"\n\
        [access_log]\nformat = \"combined\"\nskip_paths = []\nskip_status = []\n";
    assert_eq!(warnings(&folder, text), [""; 0]);
    let config = load(Some(&shipped()), &Overrides::default()).expect("it is valid");
    assert_eq!(config.warnings, []);
}

#[test]
fn keys_about_files_are_warned_of_where_there_are_none() {
    let folder = Folder::new("no-files");
    let application = "[[location]]\npath = \"/\"\nwsgi = \"a:b\"\n";
    for key in [
        "index = \"start.html\"",
        "listing = true",
        "symlinks = \"never\"",
        "dotfiles = \"allow\"",
        "charset = \"utf-8\"",
        "types = { x = \"text/plain\" }",
        "etag = \"content\"",
        "precompressed = true",
        "fallback = \"/index.html\"",
        "clean_urls = true",
        "host_files = true",
        "cache_policy = \"web\"",
        "compression = true",
    ] {
        let told = warnings(&folder, &format!("{key}\n{application}"));
        let (name, _) = key.split_once(" = ").expect("a key");
        let expected = format!("1:{}: {name} has no effect: ", name.len() + 4);
        assert!(told.len() == 1 && told[0].starts_with(&expected), "{told:?}");
        assert!(told[0].contains("files"), "{told:?}");
    }
    let told = warnings(
        &folder,
        "root = \"www\"\n[[location]]\npath = \"/drop\"\nmethods = \"PUT\"\nlisting = true\n",
    );
    assert!(
        told.len() == 1 && told[0].contains("5:11: listing has no effect: nobody may read"),
        "{told:?}"
    );
    // In the location itself it is an error.
    for (what, key) in
        [("wsgi = \"a:b\"", "cache_policy = \"web\""), ("status_pages = true", "listing = true")]
    {
        let errors = folder.errors(format!("[[location]]\npath = \"/\"\n{what}\n{key}\n"));
        assert!(
            errors.len() == 1 && errors[0].contains("is for files, and there are none here"),
            "{errors:?}"
        );
    }
    let errors = folder.errors("[[location]]\npath = \"/\"\nstatus_pages = true\nthreads = 2\n");
    assert!(errors.len() == 1 && errors[0].contains("threads is for an application"), "{errors:?}");
}

#[test]
fn what_a_location_without_status_pages_serves_is_files() {
    let folder = Folder::new("no-status");
    let text = "root = \"www\"\ncache_policy = \"web\"\n[[location]]\npath = \"/a\"\nstatus_pages = false\nlisting = true\n";
    assert_eq!(warnings(&folder, text), [""; 0]);
}

#[test]
fn what_is_about_tls_is_warned_of_where_no_request_or_every_request_has_it() {
    let folder = Folder::new("tls");
    let told = warnings(&folder, "root = \"www\"\nhsts = \"1h\"\n");
    assert!(
        told.len() == 1 && told[0].starts_with("2:8: hsts has no effect: it is sent over TLS only"),
        "{told:?}"
    );
    for proxied in [
        "trusted_proxies = \"10.0.0.0/8\"\n",
        "redirect_https = false\ntrusted_proxies = \"unix\"\n",
    ] {
        assert_eq!(
            warnings(&folder, &format!("root = \"www\"\nhsts = \"1h\"\n{proxied}")),
            [""; 0]
        );
    }
    // Nobody knows what another address is for.
    let other = Overrides {
        port: Some(Written { value: 8081, origin: Origin::Given("-p") }),
        ..Overrides::default()
    };
    assert_eq!(warnings_with(&folder, "root = \"www\"\nhsts = \"1h\"\n", &other), [""; 0]);
}

#[test]
fn a_password_for_methods_that_are_not_allowed_is_a_warning() {
    let folder = Folder::new("methods");
    std::fs::write(folder.0.join("people"), "").expect("the folder can be written");
    let auth = "auth_basic = { file = \"people\", methods = [\"PUT\", \"DELETE\"] }\n";
    let told = warnings(&folder, &format!("root = \"www\"\n{auth}"));
    assert!(
        told.len() == 1
            && told[0].starts_with("2:14: auth_basic has no effect: none of its methods"),
        "{told:?}"
    );
    for (before, after) in [
        ("root = \"www\"\n", "methods = [\"PUT\"]\n"),
        ("root = \"www\"\n", "[[location]]\npath = \"/drop\"\nmethods = [\"GET\", \"PUT\"]\n"),
        ("[[location]]\npath = \"/\"\nwsgi = \"a:b\"\n", ""),
    ] {
        assert_eq!(
            warnings(&folder, &format!("{before}{auth}{after}")),
            [""; 0],
            "{before}{after}"
        );
    }
}

#[test]
fn what_is_said_of_a_log_that_does_not_exist_is_a_warning() {
    let folder = Folder::new("no-log");
    let told = |text: &str| warnings(&folder, &format!("root = \"www\"\n{text}"));
    for key in ["format = \"json\"", "skip_paths = [\"/a\"]", "skip_status = 304"] {
        let alone = told(&format!("[access_log]\n{key}\n"));
        assert!(
            alone.len() == 1 && alone[0].contains("has no effect: there is no access log"),
            "{alone:?}"
        );
        assert!(
            alone[0].starts_with(&format!("3:{}: ", key.find('=').expect("one") + 3)),
            "{alone:?}"
        );
        for file in ["file = \"stdout\"", "file = \"off\""] {
            assert_eq!(told(&format!("[access_log]\n{key}\n{file}\n")), [""; 0]);
        }
        let below = format!(
            "access_log = {{ {key} }}\n[[location]]\npath = \"/a\"\naccess_log = \"stdout\"\n"
        );
        assert_eq!(told(&below), [""; 0]);
    }
    let given = Overrides {
        access_log: Some(Written { value: "stdout".into(), origin: Origin::Given("--access-log") }),
        ..Overrides::default()
    };
    let json = "root = \"www\"\naccess_log = { format = \"json\" }\n";
    assert_eq!(warnings_with(&folder, json, &given), [""; 0]);
    for section in ["log", "access_log"] {
        for key in ["facility = \"local7\"", "tag = \"web\""] {
            let alone = told(&format!("[{section}]\nfile = \"stderr\"\n{key}\n"));
            assert!(
                alone.len() == 1
                    && alone[0].contains("has no effect: it is for file = \"syslog:\""),
                "{alone:?}"
            );
            assert_eq!(told(&format!("[{section}]\nfile = \"journald\"\n{key}\n")), [""; 0]);
        }
    }
}

#[test]
fn what_is_said_of_unix_sockets_rights_and_hosts_without_any_is_a_warning() {
    let folder = Folder::new("server");
    let socket = "socket_mode = \"0660\"\n";
    let told = warnings(&folder, &format!("root = \"www\"\n{socket}"));
    assert!(
        told.len() == 1 && told[0].starts_with("2:15: socket_mode has no effect: it is for Unix"),
        "{told:?}"
    );
    for listen in ["listen = [\":80\", \"unix:a.sock\"]\n", "[status]\nlisten = \"unix:s.sock\"\n"]
    {
        assert_eq!(warnings(&folder, &format!("root = \"www\"\n{socket}{listen}")), [""; 0]);
    }
    let told = warnings(&folder, "root = \"www\"\nconfinement = false\nreadable = \"www\"\n");
    assert!(told.len() == 1 && told[0].starts_with("3:12: readable has no effect"), "{told:?}");
    let told = warnings(
        &folder,
        "confinement = false\n[[location]]\npath = \"/\"\nwsgi = \"a:b\"\nnetwork = false\nreadable = \"www\"\nwritable = \"www\"\n\
         [[location]]\npath = \"/b\"\nwsgi = \"a:b\"\nnetwork = false\nconfinement = true\n",
    );
    let starts = ["5:11: network has no", "6:12: readable has no", "7:12: writable has no"];
    assert_eq!(told.len(), starts.len(), "{told:?}");
    assert!(told.iter().zip(starts).all(|(told, start)| told.starts_with(start)), "{told:?}");
    let told = warnings(&folder, "root = \"www\"\nunknown_host = \"refuse\"\n");
    assert!(
        told.len() == 1 && told[0].starts_with("2:16: unknown_host = \"refuse\" refuses every"),
        "{told:?}"
    );
    let told = warnings(
        &folder,
        "root = \"www\"\nunknown_host = \"refuse\"\n[[location]]\npath = \"/a\"\n[[host]]\nserver_name = \"a.test\"\n",
    );
    assert!(told.len() == 1 && told[0].starts_with("3:1: no request comes to this"), "{told:?}");
}

#[test]
fn a_list_of_those_who_may_of_whom_nobody_may_is_a_warning() {
    let folder = Folder::new("nobody");
    let told = |text: &str| warnings(&folder, &format!("root = \"www\"\n{text}"));
    let location = "[[location]]\npath = \"/a\"\n";
    for (text, line) in [
        ("allow = [\"10.0.0.0/8\", \"::1\"]\ndeny = \"all\"\n".to_owned(), 2),
        ("allow = \"10.1.0.0/16\"\ndeny = \"10.0.0.0/8\"\n".to_owned(), 2),
        ("allow = \"unix\"\ndeny = [\"unix\", \"::1\"]\n".to_owned(), 2),
        (format!("{location}allow = \"::1\"\ndeny = \"::/0\"\n"), 4),
        ("allow = []\n".to_owned(), 2),
        (format!("{location}allow = []\n"), 4),
    ] {
        let told = told(&text);
        assert!(
            told.len() == 1 && told[0].starts_with(&format!("{line}:9: allow ")),
            "{text}{told:?}"
        );
    }
    let inherited = told(&format!("deny = \"all\"\n{location}allow = \"10.0.0.0/8\"\n"));
    assert!(
        inherited.len() == 1
            && inherited[0].starts_with("5:9: allow lets nobody in: deny, which is inherited,"),
        "{inherited:?}"
    );
    for text in [
        // Somebody may.
        "allow = [\"10.0.0.0/8\", \"::1\"]\ndeny = \"10.0.0.0/8\"\n".to_owned(),
        "allow = \"10.0.0.0/8\"\ndeny = \"10.0.0.7\"\n".to_owned(),
        "allow = \"all\"\ndeny = [\"0.0.0.0/0\", \"::/0\"]\n".to_owned(),
        format!("deny = \"all\"\n{location}allow = \"10.0.0.0/8\"\ndeny = []\n"),
        // What nobody may on purpose.
        "deny = \"all\"\n".to_owned(),
        format!("allow = \"10.0.0.0/8\"\n{location}deny = \"all\"\n"),
    ] {
        assert_eq!(told(&text), [""; 0], "{text}");
    }
}
