//! What a location says: files, changes, applications.

use super::*;

#[test]
fn a_charset_is_one_that_browsers_know() {
    let folder = Folder::new("charset");
    let told = |line: &str| folder.errors(format!("root = \"www\"\n{line}\n")).join("\n");
    for good in ["utf-8", "UTF-8", "iso-8859-1", "windows-1252", "off"] {
        assert_eq!(told(&format!("charset = {good:?}")), "", "{good}");
    }
    assert_eq!(
        told("charset = \"uft-8\""),
        "httpd.toml:2:11: charset must be the name of a character encoding, such as \"utf-8\" or \
         \"iso-8859-1\", or \"off\", not \"uft-8\""
    );
    assert!(told("charset = \"\"").starts_with("httpd.toml:2:11: charset must"));
}

#[test]
fn a_listing_is_on_or_off_and_an_application_has_none() {
    let folder = Folder::new("listing");
    let told = |text: &str| folder.errors(format!("root = \"www\"\n{text}\n")).join("\n");
    assert_eq!(told("listing = true"), "");
    assert_eq!(told("[[location]]\npath = \"/a/\"\nlisting = false"), "");
    assert_eq!(
        told("listing = \"on\""),
        "httpd.toml:2:11: listing must be true or false, not text"
    );
    assert!(
        told("listings = true").contains("unknown key \"listings\"; did you mean \"listing\"?")
    );
    assert!(told("autoindex = true").contains("write listing = true"));
    assert!(
        told("[[location]]\npath = \"/a/\"\nwsgi = \"a:b\"\nlisting = true")
            .contains("httpd.toml:5:1: listing is for files, and there are none here")
    );
}

#[test]
fn methods_are_those_that_files_take() {
    let folder = Folder::new("methods");
    let told = |methods: &str| {
        let errors = folder.errors(format!("root = \"www\"\nmethods = {methods}\n"));
        errors.join("\n").replace("httpd.toml:2:", "")
    };
    for fine in ["[\"GET\"]", "\"PUT\"", "[\"GET\", \"HEAD\", \"PUT\", \"DELETE\", \"POST\"]"] {
        assert_eq!(told(fine), "", "{fine}");
    }
    let all = "files take GET, HEAD, POST, PUT, DELETE";
    for (methods, expected) in [
        ("[]", "11: methods must name a method; without this key they are GET and HEAD".into()),
        ("[\"GET\", \"put\"]", "19: methods cannot include \"put\", which is not a method; did you mean \"PUT\"?".into()),
        ("[\"DELET\"]", "12: methods cannot include \"DELET\", which is not a method; did you mean \"DELETE\"?".into()),
        ("[\"BREW\"]", format!("12: methods cannot include \"BREW\", which is not a method; {all}")),
        ("[\"OPTIONS\"]", "12: methods need not include OPTIONS, which is always allowed".into()),
        (
            "[\"PATCH\"]",
            "12: methods cannot include PATCH, which does not apply to files; files take GET, HEAD, \
             POST, PUT, DELETE"
                .into(),
        ),
        ("[\"HEAD\", \"PUT\"]", "11: methods must include GET if they include HEAD".into()),
        ("true", "11: methods must be text in quotes, not true or false".into()),
    ] {
        let expected: String = expected;
        assert_eq!(told(methods), expected, "{methods}");
    }
}

#[test]
fn what_is_said_of_changes_is_checked() {
    let folder = Folder::new("writing");
    let errors = folder.errors(
        "root = \"www\"\n\
         upload_mode = \"1777\"\n\
         durability = \"always\"\n\
         create_full_put_path = \"yes\"\n\
         [[location]]\n\
         path = \"/a\"\n\
         upload_mode = 644\n\
         body_bytes_max = 0\n\
         quota_bytes = \"much\"\n",
    );
    let expected = [
        "httpd.toml:2:15: upload_mode must be permissions in octal such as \"0644\", not \"1777\"",
        "httpd.toml:3:14: durability must be \"never\", \"file\" or \"directory\", not \"always\"",
        "httpd.toml:4:24: create_full_put_path must be true or false, not text",
        "httpd.toml:7:15: upload_mode must be permissions in octal such as \"0644\", not a number",
        "httpd.toml:8:18: body_bytes_max must be at least 1",
        "httpd.toml:9:15: quota_bytes must be a size such as \"64KiB\" or \"8MiB\", or a number of bytes, not \"much\"",
    ];
    assert_eq!(errors, expected);
}

#[test]
fn what_is_wrong_with_a_location_is_reported_all_at_once() {
    let folder = Folder::new("all-of-a-location");
    let errors = folder.errors(
        "listen = \"localhost:99999\"\n\
         [log]\nfile = \"none/a.log\"\n\
         [[location]]\n\
         path = \"/a\"\nalias = \"gone\"\nthreads = 2\n\
         [[location]]\n\
         path = \"/b\"\nroot = \"gone\"\nalias = \"www\"\n\
         [[location]]\n\
         path = \"/c\"\nwsgi = \"a:b\"\npython = \"none/python\"\nchdir = \"none\"\nroot = \"gone\"\n\
         [[location]]\n\
         path = \"/d\"\nwsgi = \"a:b\"\npython = \"no-such-python\"\n",
    );
    let lines: Vec<&str> =
        errors.iter().map(|it| it.split(':').nth(1).expect("each has a line")).collect();
    assert_eq!(
        lines,
        ["1", "3", "6", "7", "10", "11", "15", "16", "17", "17", "21"],
        "{errors:#?}"
    );
}

#[test]
fn an_application_is_read_with_all_that_is_said_of_it() {
    let folder = Folder::new("application");
    std::fs::create_dir_all(folder.0.join("venv/bin")).expect("it can be made");
    let python = folder.0.join("venv/bin/python");
    std::os::unix::fs::symlink("/bin/sh", python).expect("it can be written");
    let path = folder.write(
        "[[location]]\npath = \"/app\"\nwsgi = \"m:app\"\npython = \"venv/bin/python\"\n\
         processes = 2\nthreads = 3\nenv = { A = \"b\", EMPTY = \"\" }\ntimeout = \"5s\"\n\
         requests_max = 7\nreload = \"on-change\"\n",
    );
    let config = load(Some(&path), &Overrides::default()).expect("nothing is wrong with it");
    let applications = config.server.applications();
    let [application] = &applications[..] else { panic!("{applications:?}") };
    assert_eq!(application.target, "m:app");
    assert!(application.python.is_absolute() && application.python.ends_with("venv/bin/python"));
    assert!(application.directory.ends_with(&folder.0));
    assert_eq!((application.processes, application.threads), (2, 3));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(application.environment, [pair("A", "b"), pair("EMPTY", "")]);
    assert_eq!(application.timeout, std::time::Duration::from_secs(5));
    assert_eq!(application.requests_max, 7);
}

#[test]
fn files_and_applications_inherit_how_large_a_body_may_be() {
    let folder = Folder::new("body");
    let path = folder.write(
        "root = \"www\"\nbody_bytes_max = 10\n\
         [[location]]\npath = \"/a\"\nwsgi = \"a:b\"\n\
         [[location]]\npath = \"/b\"\nwsgi = \"a:b\"\nbody_bytes_max = 20\n",
    );
    let config = load(Some(&path), &Overrides::default()).expect("nothing is wrong with it");
    let sizes: Vec<u64> =
        config.server.applications().iter().map(|application| application.body_bytes_max).collect();
    assert_eq!(sizes, [10, 20]);
}

#[test]
fn what_makes_no_application_is_reported() {
    let folder = Folder::new("no-application");
    for (text, expected) in [
        ("threads = 2", "threads is for an application: add wsgi = \"module:callable\""),
        ("root = \"/\"\ntimeout = \"3s\"", "timeout is for an application: add wsgi"),
        ("wsgi = \"a:b\"\npython = \"none/python\"", "none/python\": there is no directory"),
        ("wsgi = \"a:b\"\nroot = \"/\"", "a location has files or an application, not both"),
        ("wsgi = 3", "wsgi must be text in quotes"),
        ("wsgi = \"a:b\"\nmethods = [\"GET\"]", "methods is for files, and there are none here"),
        ("quota_bytes = 1\nwsgi = \"a:b\"", "quota_bytes is for files, and there are none here"),
        ("wsgi = \"a:b\"\nchdir = \"none\"", "none\": no such directory"),
        ("wsgi = \"a:b\"\nthreads = 0", "threads must be at least 1"),
        ("wsgi = \"a:b\"\nthreads = 1000", "threads must be at most 256"),
        ("wsgi = \"a:b\"\nreload = \"always\"", "reload must be \"never\" or \"on-change\""),
        ("wsgi = \"a:b\"\nenv = { \"A=B\" = \"c\" }", "\"A=B\" is not the name of a variable"),
    ] {
        let text = format!("[[location]]\npath = \"/app\"\n{text}\n");
        let errors = folder.errors(text);
        assert!(errors.len() == 1 && errors[0].contains(expected), "{errors:?}");
    }
}

#[test]
fn to_reload_needs_an_application() {
    let folder = Folder::new("reload");
    let overrides =
        Overrides { reload: Some(crate::site::Reload::OnChange), ..Overrides::default() };
    let path = folder.write("root = \"www\"\n");
    let errors = load(Some(&path), &overrides).err().expect("there is nothing to reload");
    let error = errors[0].to_string();
    assert!(error.contains("--reload: there is no application to apply it to"), "{error}");
    let path = folder.write("[[location]]\npath = \"/\"\nwsgi = \"a:b\"\n");
    let config = load(Some(&path), &overrides).expect("there is one");
    assert_eq!(config.server.applications()[0].reload, crate::site::Reload::OnChange);
}

#[test]
fn types_are_for_extensions_names_and_patterns() {
    let (file, errors) = File::read(
        "[types]\n\
         log = \"text/plain\"\n\
         apple-app-site-association = \"application/json\"\n\
         \"*.tar.gz\" = \"application/x-gtar\"\n\
         \"/.well-known/*\" = \"application/json\"\n",
    );
    assert_eq!(errors.list, []);
    assert_eq!(file.scope.types.len(), 4);
}

#[test]
fn a_pattern_that_matches_nothing_is_refused_with_its_place() {
    let folder = Folder::new("patterns");
    let errors = folder.errors(
        "[types]\n\
         \"a/*\" = \"text/plain\"\n\
         \"/a/\" = \"text/plain\"\n\
         \"*.{a,b}\" = \"text/plain\"\n\
         \"/a/../b\" = \"text/plain\"\n",
    );
    assert_eq!(
        errors,
        [
            "httpd.toml: root is missing: write which directory to serve, such as root = \"www\"",
            "httpd.toml:2:1: the name \"a/*\" holds a slash: a pattern for a path begins with one",
            "httpd.toml:3:1: the name \"/a/\" ends with a slash: end it with /* for the files in a \
             directory",
            "httpd.toml:4:1: the name \"*.{a,b}\" holds '{': the only wildcards are *, ** and ?",
            "httpd.toml:5:1: the name \"/a/../b\" matches nothing: no path holds \"//\", \"/./\" or \
             \"/../\"",
        ]
    );
}

#[test]
fn the_path_of_a_location_is_a_path_and_no_pattern() {
    let folder = Folder::new("location-paths");
    let told = |path: &str| {
        let errors = folder.errors(format!("root = \"www\"\n[[location]]\npath = {path:?}\n"));
        errors.join("\n")
    };
    assert_eq!(told("/a b/"), "");
    assert_eq!(told("/100%/"), "");
    for (path, instead) in
        [("/admin/*", "/admin/"), ("/adm*", "/"), ("*.css", "/"), ("/a/**/b", "/a/"), ("/*", "/")]
    {
        assert_eq!(
            told(path),
            format!(
                "httpd.toml:3:8: path is everything below a path, without \"*\": write {instead:?}; rules have patterns, as in [[header]] path"
            )
        );
    }
    for (path, decoded) in [("/a%20b/", "/a b/"), ("/%c3%a4", "/ä"), ("/a%2fb", "/a/b")] {
        assert_eq!(
            told(path),
            format!(
                "httpd.toml:3:8: path is compared with the decoded paths of requests: write {decoded:?}"
            )
        );
    }
}

#[test]
fn a_location_behind_a_host_that_is_not_its_own_is_a_warning() {
    let folder = Folder::new("strays");
    let top = "root = \"www\"\n";
    let location = "[[location]]\npath = \"/a/\"\n";
    let host = "[[host]]\nserver_name = \"a.test\"\n";
    let of_host = location.replace("location", "host.location");
    let warnings = |text: String| {
        let path = folder.write(text);
        let config = load(Some(&path), &Overrides::default()).expect("it is valid");
        config.warnings.iter().map(|it| it.to_string()).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(warnings(format!("{top}{location}{host}{of_host}")), "");
    let stray = warnings(format!("{top}{host}{location}"));
    assert!(stray.contains("httpd.toml:4:1: this [[location]] is of the default host"), "{stray}");
}

#[test]
fn a_wrong_name_of_a_host_is_one_error() {
    let folder = Folder::new("host-names");
    let told =
        |names: &str| folder.errors(format!("root = \"www\"\n[[host]]\nserver_name = {names}\n"));
    for names in ["\"*\"", "\"_\"", "\"a b\"", "7"] {
        let errors = told(names);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with("httpd.toml:3:15: server_name"), "{errors:?}");
    }
    assert!(told("\"_\"")[0].contains("the top answers all other names"));
    assert!(told("[]")[0].contains("this host needs a server_name"));
}
