//! `httpd check`: what a site would serve, before it serves.

use crate::support::{Folder, lossy};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, SystemTime};

const ANN: &str = "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS\n";

/// What it prints, without the name of the folder, and its exit status.
#[track_caller]
fn check(folder: &Folder, arguments: &[&str]) -> (i32, String) {
    let output = folder.output(&[&["check"], arguments].concat());
    let text = lossy(&output.stdout) + &lossy(&output.stderr);
    let here = format!("{}/", folder.here().display());
    (output.status.code().expect("it ends by itself"), text.replace(&here, ""))
}

#[test]
fn a_site_without_a_flaw_is_passed_with_status_0() {
    let folder = Folder::with_www();
    folder.write("www/a/b.txt", "b");
    assert_eq!(
        check(&folder, &["www"]),
        (0, "0 errors, 0 warnings; 2 files below 1 root\n".to_owned())
    );
}

#[test]
fn secrets_and_backups_are_named_with_the_url_that_serves_them() {
    let folder = Folder::with_www();
    folder.write("www/.git/HEAD", "ref: refs/heads/main");
    folder.write("www/.git/objects/aa/bb", "x");
    folder.write("www/.env", "SECRET=1");
    folder.write("www/keys/server.pem", "-----BEGIN PRIVATE KEY-----\n");
    folder.write("www/keys/public.pem", "-----BEGIN CERTIFICATE-----\n");
    folder.write("www/dump.sql", "insert");
    folder.write("www/a b.html~", "old");
    folder.write("www/staff.htpasswd", ANN);
    folder.write(
        "www/httpd.toml",
        "root = \".\"\ndotfiles = \"allow\"\nserver_name = \"example.org\"\n\
         auth_basic = \"off\"\n[[location]]\npath = \"/in\"\nalias = \"in\"\n\
         auth_basic = { file = \"staff.htpasswd\" }\n",
    );
    folder.write("www/in/.env", "guarded");
    let (status, text) = check(&folder, &["-c", "www/httpd.toml"]);
    assert_eq!(status, 2, "{text}");
    for line in [
        "error: files that may hold secrets are served to everybody",
        "  www/./.env at http://example.org/.env\n",
        "  www/./.git/ at http://example.org/.git/HEAD\n",
        "  www/./dump.sql at http://example.org/dump.sql\n",
        "  www/./httpd.toml at http://example.org/httpd.toml\n",
        "  www/./keys/server.pem at http://example.org/keys/server.pem\n",
        "  www/./staff.htpasswd at http://example.org/staff.htpasswd\n",
        "warning: backups and leftovers are served to everybody",
        "  www/./a b.html~ at http://example.org/a%20b.html~\n",
        "6 errors, 1 warning; ",
    ] {
        let line = line.replace("/./", "/");
        assert!(text.replace("/./", "/").contains(&line), "{line}\n{text}");
    }
    assert!(!text.contains("public.pem") && !text.contains("in/.env"), "{text}");
}

#[test]
fn what_the_rules_of_the_site_do_not_serve_is_no_finding() {
    let folder = Folder::with_www();
    for name in ["www/.git/HEAD", "www/.env", "www/in/dump.sql", "www/net/a.bak", "www/gone/b.bak"]
    {
        folder.write(name, "x");
    }
    folder.write("people", ANN);
    folder.write(
        "httpd.toml",
        "root = \"www\"\n\
         [[location]]\npath = \"/in\"\nauth_basic = { file = \"people\" }\n\
         [[location]]\npath = \"/net\"\nallow = \"10.0.0.0/8\"\n\
         [[redirect]]\nfrom = \"/gone/*\"\nstatus = 410\n",
    );
    let (status, text) = check(&folder, &["-c", "httpd.toml"]);
    assert_eq!(status, 0, "{text}");
}

#[test]
fn links_siblings_and_names_are_looked_at() {
    let folder = Folder::with_www();
    folder.write("outside.txt", "x");
    for name in ["app.css.gz", "app.css", "empty.js.br", "empty.js", "fine.js", "fine.js.zst"] {
        folder.write(format!("www/{name}"), if name == "empty.js.br" { "" } else { "x" });
    }
    let long_ago = SystemTime::now() - Duration::from_secs(1000);
    let set = |name: &str| {
        File::options().write(true).open(folder.path(name)).expect("there").set_modified(long_ago)
    };
    set("www/app.css.gz").expect("a time can be set");
    set("www/fine.js").expect("a time can be set");
    folder.write("www/Readme.txt", "1");
    folder.write("www/README.txt", "2");
    symlink("../outside.txt", folder.path("www/out")).expect("a link");
    symlink("nowhere", folder.path("www/lost")).expect("a link");
    symlink("app.css", folder.path("www/inside")).expect("a link");
    symlink(folder.path("www/app.css"), folder.path("www/absolute")).expect("a link");
    folder.write("httpd.toml", "root = \"www\"\nprecompressed = true\n");
    let (status, text) = check(&folder, &["-c", "httpd.toml"]);
    assert_eq!(status, 1, "{text}");
    for line in [
        "  www/app.css.gz: it is older than the file that it is made of\n",
        "  www/empty.js.br: it is empty\n",
        "  www/README.txt and Readme.txt\n",
        "  www/absolute leads to www/app.css\n  www/out leads to outside.txt\n",
        "  www/lost\n",
        "0 errors, 6 warnings; ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("fine.js") && !text.contains("www/inside"), "{text}");
    // The same links, where all are followed, and where none is.
    folder.write("httpd.toml", "root = \"www\"\nsymlinks = \"all\"\n");
    let (_, text) = check(&folder, &["-c", "httpd.toml"]);
    assert!(text.contains("symlinks = \"all\" follows them\n  www/out leads to"), "{text}");
    assert!(!text.contains("www/absolute"), "{text}");
    folder.write("httpd.toml", "root = \"www\"\nsymlinks = \"never\"\n");
    let (_, text) = check(&folder, &["-c", "httpd.toml"]);
    assert!(!text.contains("www/out"), "{text}");
}

#[test]
fn rules_that_cannot_do_what_was_meant_are_named_with_their_lines() {
    let folder = Folder::with_www();
    folder.write("www/new/a.html", "a");
    folder.write("other/b.html", "b");
    folder.write("other/new/a.html", "a");
    folder.write(
        "httpd.toml",
        "root = \"www\"\nserver_name = \"example.org\"\n\
         [[redirect]]\nfrom = \"/old/*\"\nto = \"/new/$1\"\n\
         [[redirect]]\nfrom = \"/old/a\"\nto = \"/new/a.html\"\n\
         [[redirect]]\nfrom = \"/fine\"\nto = \"/new/a.html\"\n\
         [[redirect]]\nfrom = \"/lost\"\nto = \"/nowhere\"\n\
         [[redirect]]\nfrom = \"/far\"\nto = \"http://other.org/c.html\"\n\
         [[redirect]]\nfrom = \"/further\"\nto = \"http://elsewhere.org/c.html\"\n\
         [[redirect]]\nfrom = \"/twice\"\nto = \"/lost\"\n\
         [[location]]\npath = \"/new\"\n\
         [[location.header]]\npath = \"/old/*\"\nset = { A = \"b\" }\n\
         [[location.header]]\npath = \"*.html\"\nset = { A = \"b\" }\n\
         [[host]]\nserver_name = \"other.org\"\nroot = \"other\"\n",
    );
    let (status, text) = check(&folder, &["-c", "httpd.toml"]);
    assert_eq!(status, 2, "{text}");
    for line in [
        "error: redirects lead to a 404\n",
        "  httpd.toml:13: http://example.org/nowhere is a 404; the same on another host that inherits it\n",
        "  httpd.toml:16: http://other.org/c.html is a 404; ",
        "  httpd.toml:22: http://example.org/nowhere is a 404; ",
        "warning: rules that no request can match\n",
        "  httpd.toml:7: the redirect of httpd.toml:4 decides before it\n",
        "  httpd.toml:26: its path is not below the path of its location\n",
        "3 errors, 2 warnings; ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn lines_of_host_files_that_do_not_count_are_named() {
    let folder = Folder::with_www();
    folder.write("www/_redirects", "/old /new\n/a\n/b /c 999\n");
    folder.write("www/_headers", "/*\n  X-Frame-Options: DENY\n  no header\n");
    folder
        .write("httpd.toml", "root = \"www\"\nhost_files = true\n[[location]]\npath = \"/deep\"\n");
    let (status, text) = check(&folder, &["-c", "httpd.toml"]);
    assert_eq!(status, 1, "{text}");
    for line in [
        "warning: lines of _redirects and _headers do not count\n",
        "  www/_redirects:2: ",
        "  www/_redirects:3: ",
        "  www/_headers:3: ",
        "0 errors, 3 warnings; ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    fs::remove_file(folder.path("www/_headers")).expect("it was written");
    let made = Command::new("mkfifo").arg(folder.path("www/_headers")).status();
    assert!(made.expect("it runs").success());
    let (_, text) = check(&folder, &["-c", "httpd.toml"]);
    assert!(text.contains("0 errors, 2 warnings; "), "{text}");
    folder.write("httpd.toml", "root = \"www\"\n");
    assert_eq!(check(&folder, &["-c", "httpd.toml"]).0, 0, "without host_files, they are files");
}

#[test]
fn the_source_of_an_application_below_a_root_is_named() {
    let folder = Folder::with_www();
    for name in ["site/shop/wsgi.py", "site/shop/settings.py", "site/static/example.py"] {
        folder.write(name, "application = None\n");
    }
    let application = "[[location]]\npath = \"/app\"\nwsgi = \"shop.wsgi\"\nchdir = \"site\"\n";
    folder.write("httpd.toml", format!("root = \"site\"\n{application}"));
    let (status, text) = check(&folder, &["-c", "httpd.toml"]);
    assert_eq!(status, 2, "{text}");
    for line in [
        "error: the source of an application is served to everybody",
        "  site/shop/settings.py at http://localhost/shop/settings.py\n",
        "  site/shop/wsgi.py at http://localhost/shop/wsgi.py\n",
        "3 errors, 0 warnings; ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    // Public files within its directory may be written in Python; the module itself is no such file.
    folder.write("httpd.toml", format!("root = \"site/static\"\n{application}"));
    assert_eq!(check(&folder, &["-c", "httpd.toml"]).0, 0);
    folder.write("httpd.toml", format!("root = \"site/shop\"\n{application}"));
    let (_, text) = check(&folder, &["-c", "httpd.toml"]);
    assert!(text.contains("site/shop/wsgi.py at ") && !text.contains("settings.py"), "{text}");
    // What the application answers, or what is guarded, is no finding.
    for config in [
        application.replace("/app", "/"),
        format!("root = \"site\"\ndeny = \"all\"\n{application}"),
    ] {
        folder.write("httpd.toml", &config);
        assert_eq!(check(&folder, &["-c", "httpd.toml"]).0, 0, "{config}");
    }
}

#[test]
fn a_site_that_redirects_to_https_is_looked_at_as_clients_see_it_there() {
    let folder = Folder::with_www();
    folder.write("www/dump.sql", "insert");
    folder.write(
        "httpd.toml",
        "root = \"www\"\nserver_name = [\"www.a.org\", \"a.org\"]\ncanonical_host = \"a.org\"\n\
         trusted_proxies = \"10.0.0.0/8\"\nredirect_https = true\n\
         [[redirect]]\nfrom = \"/old\"\nto = \"/none\"\n",
    );
    let (status, text) = check(&folder, &["-c", "httpd.toml"]);
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("  www/dump.sql at https://a.org/dump.sql\n"), "{text}");
    assert!(text.contains("  httpd.toml:7: https://a.org/none is a 404\n"), "{text}");
}

#[test]
fn of_very_many_findings_ten_are_shown() {
    let folder = Folder::with_www();
    for number in 0..25 {
        folder.write(format!("www/{number}.bak"), "x");
    }
    let (status, text) = check(&folder, &["www"]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("\n  and 15 more\n") && text.contains("25 warnings"), "{text}");
}

#[test]
fn errors_of_the_configuration_end_it_with_status_2() {
    let folder = Folder::with_www();
    folder.write("httpd.toml", "root = \"nowhere\"\n");
    let (status, text) = check(&folder, &["-c", "httpd.toml"]);
    assert_eq!(status, 2);
    assert!(text.contains("httpd.toml:1:8: cannot serve \"nowhere\": no such directory"), "{text}");
}

#[test]
fn a_folder_called_check_is_served_by_its_path() {
    let folder = Folder::new();
    folder.write("check/index.html", "x");
    let test = |arguments: &[&str]| folder.output(&[arguments, &["-t"]].concat());
    assert_eq!(test(&["./check"]).status.code(), Some(0));
    assert_eq!(test(&["-r", "check"]).status.code(), Some(0));
    // As the first word it asks for a check, which has no -t.
    assert_eq!(test(&["check"]).status.code(), Some(2));
}

#[test]
fn a_guarded_file_that_is_sent_elsewhere_without_asking_is_warned_of() {
    let folder = Folder::with_www();
    folder.write("www/private/login.html", "x");
    folder.write("people", ANN);
    let guard = "[[location]]\npath = \"/private/\"\nauth_basic = { file = \"people\" }\n";
    let test = |config: &str| {
        folder.write("httpd.toml", config);
        let output = folder.output(&["-t", "-c", "httpd.toml"]);
        assert_eq!(output.status.code(), Some(0), "{config}");
        lossy(&output.stderr)
    };
    let top = "root = \"www\"\n";
    for (config, at, words) in [
        (
            format!("{top}error_pages = {{ 404 = \"private/login.html\" }}\n{guard}"),
            "2:23",
            "sent here without asking",
        ),
        (
            format!("{top}{guard}[[host]]\nserver_name = \"b.example\"\n"),
            "4:14",
            "the host b.example sends the same files to everybody at \"/private\"",
        ),
        (
            format!("{top}{guard}[[host]]\nserver_name = \"b.example\"\nroot = \"www/private\"\n"),
            "4:14",
            "the host b.example sends the same files to everybody at \"/\"",
        ),
        (
            format!("{top}{guard}[[location]]\npath = \"/other/\"\nalias = \"www/private\"\n"),
            "4:14",
            "the default host sends the same files to everybody at \"/other/\"",
        ),
        (
            format!(
                "{top}[[location]]\npath = \"/a\"\nalias = \"www/private\"\nallow = \"10.0.0.0/8\"\n"
            ),
            "5:9",
            "the default host sends the same files to everybody at \"/private\"",
        ),
        (
            format!(
                "{top}[[host]]\nserver_name = \"b.example\"\nauth_basic = {{ file = \"people\" }}\n"
            ),
            "4:14",
            "the default host sends the same files to everybody at \"/\"",
        ),
        (
            format!(
                "{top}[[location]]\npath = \"/a\"\nalias = \"www/private\"\nallow = \"10.0.0.0/8\"\n{guard}"
            ),
            "8:14",
            "the default host sends the same files without auth_basic at \"/a\"",
        ),
    ] {
        let text = test(&config);
        assert!(text.contains(&format!("httpd: warning: httpd.toml:{at}: ")), "{config}\n{text}");
        assert!(text.contains(words), "{words}\n{text}");
        let (status, text) = check(&folder, &["-c", "httpd.toml"]);
        assert!(status == 1 && text.contains(words), "{text}");
    }
    // Where all of it is guarded, or asked for, or only changes are guarded, there is nothing to warn of.
    for config in [
        format!("{top}auth_basic = {{ file = \"people\" }}\nfallback = \"/index.html\"\n{guard}"),
        format!("{top}fallback = \"/private/login.html\"\n{guard}"),
        format!("{top}try_files = [\"/private$uri\", \"/private/login.html\"]\n{guard}"),
        format!(
            "{top}{guard}[[host]]\nserver_name = \"b.example\"\n{}",
            guard.replace("[[", "[[host.")
        ),
        format!("{top}{guard}[[host]]\nserver_name = \"b.example\"\nroot = \"other\"\n"),
        format!(
            "{top}deny = \"all\"\n[[location]]\npath = \"/p/\"\nalias = \"www\"\n\
             auth_basic = {{ file = \"people\" }}\n"
        ),
        format!(
            "{top}auth_basic = {{ file = \"people\" }}\n[[location]]\npath = \"/private\"\n\
             deny = \"all\"\n[[location]]\npath = \"/other\"\nalias = \"www/private\"\n"
        ),
        format!(
            "{top}[[location]]\npath = \"/private\"\nmethods = [\"GET\", \"PUT\"]\n\
             auth_basic = {{ file = \"people\", methods = [\"PUT\"] }}\n[[host]]\nserver_name = \"b.example\"\n"
        ),
    ] {
        folder.write("other/index.html", "x");
        assert_eq!(test(&config).replace("configuration httpd.toml is fine\n", ""), "", "{config}");
    }
    fs::remove_file(folder.path("httpd.toml")).expect("it was written");
}
