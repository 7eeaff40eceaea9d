//! Whom a server that root has started becomes, and what it still reads, writes and serves then.

use crate::support::client::Request;
use crate::support::process::Process;
use crate::support::program::unprivileged;
use crate::support::{Folder, Program, lacks, lossy, output, until};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

/// Somebody who is no one on this system.
const SOMEBODY: &str = "user = 65534\ngroup = 65534\n";

/// `ann` has the password `secret`; made by `htpasswd -nbBC 5`.
const ANN: &str = "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS\n";

/// `ann:secret` and `bob:secret`, as a client sends them.
const ANNS: &str = "Basic YW5uOnNlY3JldA==";
const BOB: &str = "Basic Ym9iOnNlY3JldA==";

/// Who may do what with a file or a directory.
fn permit(folder: &Folder, name: &str, mode: u32) {
    fs::set_permissions(folder.path(name), Permissions::from_mode(mode)).expect("it is ours");
}

fn served(folder: &Folder, config: &str) -> Program {
    folder.write("httpd.toml", config);
    let mut command = folder.httpd(&["-h", "127.0.0.1", "-p", "0", "-c", "httpd.toml"]);
    named(Program::start(&mut command), config)
}

/// Waits until its threads have their names, which is a moment after they have begun.
fn named(program: Program, config: &str) -> Program {
    let processes = if config.contains("processes = 2") { 2 } else { 1 };
    until("all processes serve", || serving(&program).len() == processes);
    program
}

/// It and all that it has started, but for those that are root's for a reason.
fn serving(program: &Program) -> Vec<Process> {
    let top = Process(program.child.id());
    let mut all = vec![top];
    let mut next = 0;
    while let Some(process) = all.get(next).copied() {
        all.extend(process.children());
        next += 1;
    }
    let serves = |it: &Process| {
        fs::read_dir(it.path("task")).into_iter().flatten().flatten().any(|thread| {
            let name = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
            name.starts_with("worker-")
        })
    };
    all.into_iter().filter(serves).collect()
}

/// What each thread of a process has in this line of its status.
fn of_threads(process: Process, field: &str) -> Vec<String> {
    let threads = fs::read_dir(process.path("task")).expect("proc(5)").flatten();
    let statuses = threads.filter_map(|it| fs::read_to_string(it.path().join("status")).ok());
    let line = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).map(str::trim);
        line.unwrap_or_default().to_owned()
    };
    statuses.map(line).collect()
}

fn root_does_not_serve_unless_it_is_told_to() {
    let folder = Folder::with_www();
    for (arguments, status) in [
        (&["-h", "0.0.0.0", "-p", "0", "www"][..], 2),
        (&["-h", "::", "-p", "0", "www"], 2),
        (&["-b", "127.0.0.1:0", "-b", ":0", "www"], 2),
        // Somebody else may start it.
        (&["-t", "-h", "0.0.0.0", "www"], 0),
    ] {
        let output = output(folder.httpd(arguments).env("HTTPD_SERVE_AS_ROOT", ""));
        let text = lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {text}");
        assert!(text.contains("refusing to serve as root"), "{text}");
        assert!(text.contains("    user = \"") && text.contains("serve_as_root = true"), "{text}");
    }
    // Nobody from elsewhere can connect.
    for arguments in
        [&["-h", "127.0.0.1", "-p", "0", "www"][..], &["-b", "127.0.0.1:0", "-b", "[::1]:0", "www"]]
    {
        let mut local = folder.httpd(arguments);
        Program::start(local.env("HTTPD_SERVE_AS_ROOT", "")).get("/").expect(200);
    }
    let mut told = folder.httpd(&["-h", "0.0.0.0", "-p", "0", "--serve-as-root", "www"]);
    Program::start(told.env("HTTPD_SERVE_AS_ROOT", "")).get("/").expect(200);
}

/// Anybody may try: he learns why not, and cannot fill the log.
fn commands_of_another_user_are_refused_and_logged_once() {
    let folder = Folder::with_www();
    let program = served(&folder, "root = \"www\"\nworkers = 1\n");
    for _ in 0..5 {
        let output = output(&mut unprivileged(&folder, &["reload", "-c", "httpd.toml"]));
        assert_eq!(lossy(&output.stderr), "httpd: the server runs as another user\n");
        assert_eq!(output.status.code(), Some(2));
    }
    program.signal(crate::support::Signal::TERM);
    let (status, log) = program.end();
    assert_eq!(
        (status, log.matches("of another user sent a command").count()),
        (Some(0), 1),
        "{log}"
    );
}

fn a_server_of_root_serves_as_another_user_in_every_thread_and_for_good() {
    let folder = Folder::with_www();
    folder.write("www/closed.txt", "root alone may read this");
    permit(&folder, "www/closed.txt", 0o600);
    let program = served(&folder, &format!("root = \"www\"\nworkers = 2\n{SOMEBODY}"));
    assert!(program.line.contains("user=\"65534\""), "{}", program.line);
    assert_eq!(program.get("/").expect(200).text(), "from www\n");
    program.get("/closed.txt").expect(403);
    let serving = serving(&program);
    assert_eq!(serving.len(), 1);
    for process in serving {
        let all = "65534\t65534\t65534\t65534";
        for (field, expected) in [
            ("Uid:", all),
            ("Gid:", all),
            ("Groups:", "65534"),
            ("CapPrm:", "0000000000000000"),
            ("CapEff:", "0000000000000000"),
            ("CapAmb:", "0000000000000000"),
            ("NoNewPrivs:", "1"),
        ] {
            let threads = of_threads(process, field);
            assert!(threads.len() >= 3, "{threads:?}");
            assert!(threads.iter().all(|it| it == expected), "{field} {threads:?}");
        }
    }
}

fn what_root_alone_may_open_is_opened_for_the_user_that_serves() {
    let folder = Folder::with_www();
    // `ann` has the password `secret`; made by `htpasswd -nbBC 5`.
    folder.write("secrets/passwords", ANN);
    folder.write("logs/.keep", "");
    permit(&folder, "secrets", 0o700);
    permit(&folder, "logs", 0o700);
    let config = format!(
        "root = \"www\"\nworkers = 1\n{SOMEBODY}log = {{ file = \"logs/log\", level = \"info\" }}\n\
         access_log = {{ file = \"logs/access\" }}\n\
         [[location]]\npath = \"/staff\"\nroot = \"www\"\n\
         auth_basic = {{ realm = \"staff\", file = \"secrets/passwords\" }}\n"
    );
    folder.write("www/staff/index.html", "for the staff");
    let program = served(&folder, &config);
    program.get("/staff/").expect(401);
    let wrong = Request::new(program.address(), "GET", "/staff/");
    wrong.header("Authorization", "Basic YW5uOndyb25n").send().expect(401);
    until("the access log has both requests", || {
        let text = fs::read_to_string(folder.path("logs/access")).unwrap_or_default();
        (text.lines().count() == 2).then_some(())
    });
    let log = fs::read_to_string(folder.path("logs/log")).expect("it is made");
    assert!(log.contains("serving as the user \"65534\""), "{log}");
    assert!(!log.contains("secrets/") && !log.contains("logs/"), "{log}");
    assert_eq!(fs::metadata(folder.path("logs/access")).expect("it is there").uid(), 0);
}

fn files_are_stored_by_the_user_that_serves() {
    let folder = Folder::with_www();
    folder.write("drop/.keep", "");
    permit(&folder, "drop", 0o777);
    let config = format!(
        "root = \"www\"\nworkers = 1\n{SOMEBODY}[[location]]\npath = \"/drop\"\nalias = \"drop\"\n\
         methods = [\"GET\", \"PUT\", \"DELETE\", \"POST\"]\ncreate_full_put_path = true\n"
    );
    let program = served(&folder, &config);
    let large = vec![b'x'; 3_000_000];
    for path in ["/drop/a", "/drop/a", "/drop/deep/er/b"] {
        let reply = Request::new(program.address(), "PUT", path).content(large.clone()).send();
        assert!(matches!(reply.status, 201 | 204), "{}", reply.status);
    }
    let stored = fs::metadata(folder.path("drop/deep/er/b")).expect("it is there");
    assert_eq!((stored.uid(), stored.len()), (65534, 3_000_000));
    Request::new(program.address(), "DELETE", "/drop/a").send().expect(204);
}

fn every_thread_that_serves_is_confined_and_the_start_line_says_how() {
    let folder = Folder::with_www();
    let program = served(&folder, "root = \"www\"\nworkers = 2\n");
    assert!(program.line.contains("confinement=\"Landlock ABI "), "{}", program.line);
    assert!(program.line.contains("; seccomp: "), "{}", program.line);
    for process in serving(&program) {
        let threads = of_threads(process, "Seccomp:");
        assert!(threads.len() >= 3 && threads.iter().all(|it| it == "2"), "{threads:?}");
        assert!(of_threads(process, "NoNewPrivs:").iter().all(|it| it == "1"));
    }
    let program = served(&folder, "root = \"www\"\nworkers = 2\nconfinement = false\n");
    assert!(program.line.contains("confinement=\"off\""), "{}", program.line);
    for process in serving(&program) {
        assert!(of_threads(process, "Seccomp:").iter().all(|it| it == "0"));
        assert!(of_threads(process, "NoNewPrivs:").iter().all(|it| it == "1"));
    }
}

fn a_link_to_the_next_release_is_followed_although_files_are_confined() {
    let folder = Folder::new();
    folder.write("releases/1/index.html", "one");
    folder.write("releases/2/index.html", "two");
    symlink("releases/1", folder.path("current")).expect("it is ours");
    let program = served(&folder, "root = \"current\"\nworkers = 1\n");
    assert_eq!(program.get("/").expect(200).text(), "one");
    symlink("releases/2", folder.path("next")).expect("it is ours");
    fs::rename(folder.path("next"), folder.path("current")).expect("it is ours");
    until("the next release is served", || (program.get("/").text() == "two").then_some(()));
}

fn a_root_that_another_directory_took_the_place_of_is_served_by_a_new_process() {
    let folder = Folder::new();
    folder.write("www/index.html", "one");
    folder.write("next/index.html", "two");
    folder.write("temporary/.keep", "");
    folder.write("httpd.toml", "root = \"www\"\nworkers = 1\n");
    let mut command = folder.httpd(&["-h", "127.0.0.1", "-p", "0", "-c", "httpd.toml"]);
    // The folder is below the usual one, which a server may read.
    let program = Program::start(command.env("TMPDIR", folder.path("temporary")));
    let first = serving(&program);
    assert_eq!(program.get("/").expect(200).text(), "one");
    fs::rename(folder.path("www"), folder.path("old")).expect("it is ours");
    fs::rename(folder.path("next"), folder.path("www")).expect("it is ours");
    until("the next directory is served", || (program.get("/").text() == "two").then_some(()));
    until("the first process has ended", || {
        let now = serving(&program);
        (now.len() == 1 && now != first).then_some(())
    });
}

/// The kinds of programs: one process alone, one under a supervisor, and two.
const KINDS: [&str; 3] = ["supervisor = false\n", "", "processes = 2\n"];

/// A folder in which root alone may read the secrets and write the logs.
fn guarded() -> Folder {
    let folder = Folder::with_www();
    folder.write("secrets/passwords", ANN);
    for name in ["logs/.keep", "temporary/.keep"] {
        folder.write(name, "");
    }
    permit(&folder, "secrets", 0o700);
    permit(&folder, "logs", 0o700);
    permit(&folder, "temporary", 0o1777);
    folder
}

fn started(folder: &Folder, config: &str) -> Program {
    folder.write("httpd.toml", config);
    permit(folder, "httpd.toml", 0o600);
    let mut command = folder.httpd(&["-v", "-c", "httpd.toml"]);
    named(Program::start(command.env("TMPDIR", folder.path("temporary"))), config)
}

#[track_caller]
fn reloaded(folder: &Folder, config: &str) {
    folder.write("httpd.toml", config);
    let output = folder.output(&["reload", "-c", "httpd.toml"]);
    assert_eq!((output.status.code(), &*lossy(&output.stderr)), (Some(0), ""), "{config}");
}

fn as_user(program: &Program, credentials: &str) -> u16 {
    let request = Request::new(program.address(), "GET", "/staff/");
    request.header("Authorization", credentials).send().status
}

fn lines(folder: &Folder, name: &str) -> usize {
    fs::read_to_string(folder.path(name)).unwrap_or_default().lines().count()
}

fn what_root_alone_may_open_is_opened_for_a_reload_a_rotation_and_a_change() {
    for kind in KINDS {
        let folder = guarded();
        folder.write("www/staff/index.html", "for the staff");
        let plain = format!(
            "{kind}listen = \"127.0.0.1:0\"\nroot = \"www\"\nworkers = 1\n{SOMEBODY}\
             access_log = {{ file = \"logs/one\" }}\n"
        );
        let program = started(&folder, &plain);
        let before = serving(&program);
        // What was there when it started is reloaded in place, although it names more.
        let staff = "[[location]]\npath = \"/staff\"\nroot = \"www\"\n\
             auth_basic = { realm = \"staff\", file = \"secrets/passwords\" }\n";
        let more = format!("{}{staff}", plain.replace("logs/one", "logs/two"));
        reloaded(&folder, &more);
        assert_eq!(serving(&program), before, "{kind}");
        assert_eq!(as_user(&program, ANNS), 200, "{kind}");
        until("the new log has the request", || (lines(&folder, "logs/two") == 1).then_some(()));
        // The log is renamed and opened again.
        fs::rename(folder.path("logs/two"), folder.path("logs/two.1")).expect("it is ours");
        program.signal(crate::support::Signal::USR1);
        until("the log is made again", || folder.path("logs/two").exists().then_some(()));
        until("a request is in it", || {
            assert_eq!(as_user(&program, ANNS), 200);
            (lines(&folder, "logs/two") > 0).then_some(())
        });
        // Another file takes the place of that with the passwords.
        assert_eq!(as_user(&program, BOB), 401);
        folder.write("secrets/next", format!("{ANN}{}", ANN.replace("ann", "bob")));
        permit(&folder, "secrets/next", 0o600);
        fs::rename(folder.path("secrets/next"), folder.path("secrets/passwords"))
            .expect("it is ours");
        until("bob has a password", || (as_user(&program, BOB) == 200).then_some(()));
        assert_eq!(serving(&program), before, "{kind}");
    }
}

fn a_reload_to_another_user_is_served_by_new_processes() {
    let folder = guarded();
    let plain = "listen = \"127.0.0.1:0\"\nroot = \"www\"\nworkers = 1\n";
    let program = started(&folder, &format!("{plain}{SOMEBODY}"));
    let users = || {
        let of = |process: &Process| of_threads(*process, "Uid:").first().cloned();
        serving(&program).iter().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(users(), ["65534\t65534\t65534\t65534"]);
    reloaded(&folder, &format!("{plain}user = 12345\ngroup = 12345\n"));
    program.get("/").expect(200);
    until("another user serves", || (users() == ["12345\t12345\t12345\t12345"]).then_some(()));
    // Without a user, root would serve.
    folder.write("httpd.toml", plain);
    let mut command = folder.httpd(&["reload", "-c", "httpd.toml"]);
    assert!(output(&mut command).status.success(), "the tests allow that by the environment");
    program.get("/").expect(200);
}

fn an_upgrade_starts_as_root_and_serves_as_the_user() {
    let folder = guarded();
    let config = format!(
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\nworkers = 1\n{SOMEBODY}\
         access_log = {{ file = \"logs/access\" }}\n"
    );
    let mut program = started(&folder, &config);
    for round in 1..=3 {
        let before = serving(&program);
        program.signal(crate::support::Signal::USR2);
        program.says("upgraded to httpd ");
        until("the old process has ended", || {
            let now = serving(&program);
            (now.len() == 1 && now != before).then_some(())
        });
        program.get("/").expect(200);
        until("the log has the request", || (lines(&folder, "logs/access") == round).then_some(()));
        let users = of_threads(serving(&program)[0], "Uid:");
        assert!(users.iter().all(|it| it == "65534\t65534\t65534\t65534"), "{users:?}");
        reloaded(&folder, &config);
    }
}

#[cfg(feature = "tls")]
fn a_key_that_root_alone_may_read_is_renewed_and_reloaded() {
    use crate::support::secured::{Authority, try_secured};
    for kind in KINDS {
        let folder = guarded();
        let authority = Authority::new();
        let put = |name: &str, names: &[&str]| {
            let issued = authority.issue(names);
            issued.write(&folder, &format!("secrets/{name}.pem"), &format!("secrets/{name}.key"));
            permit(&folder, &format!("secrets/{name}.key"), 0o600);
            issued.certificate_der()
        };
        let first = put("one", &["test"]);
        let config = |name: &str| {
            format!(
                "{kind}listen = \"https://127.0.0.1:0\"\nroot = \"www\"\nworkers = 1\n{SOMEBODY}\
                 certificate = \"secrets/{name}.pem\"\ncertificate_key = \"secrets/{name}.key\"\n"
            )
        };
        let program = started(&folder, &config("one"));
        let before = serving(&program);
        let mut client = authority.client();
        client.resumption = rustls::client::Resumption::disabled();
        let client = std::sync::Arc::new(client);
        let shown = || {
            let stream = try_secured(program.address(), &client, "test").expect("it shakes hands");
            stream.conn.peer_certificates().expect("it shows one")[0].clone().into_owned()
        };
        assert_eq!(shown(), first, "{kind}");
        for _ in 0..2 {
            let renewed = put("one", &["test"]);
            until("the renewed one is shown", || (0..8).all(|_| shown() == renewed).then_some(()));
            assert_eq!(serving(&program), before, "{kind}");
        }
        let second = put("two", &["test"]);
        reloaded(&folder, &config("two"));
        until("the second one is shown", || (0..8).all(|_| shown() == second).then_some(()));
        assert_eq!(serving(&program), before, "{kind}");
        let renewed = put("two", &["test"]);
        until("the renewed one is shown", || (0..8).all(|_| shown() == renewed).then_some(()));
    }
}

#[cfg(not(feature = "tls"))]
fn a_key_that_root_alone_may_read_is_renewed_and_reloaded() {}

tests! {
    lacks::root:
        what_root_alone_may_open_is_opened_for_a_reload_a_rotation_and_a_change,
        a_reload_to_another_user_is_served_by_new_processes,
        an_upgrade_starts_as_root_and_serves_as_the_user,
        a_key_that_root_alone_may_read_is_renewed_and_reloaded,
        root_does_not_serve_unless_it_is_told_to,
        a_server_of_root_serves_as_another_user_in_every_thread_and_for_good,
        what_root_alone_may_open_is_opened_for_the_user_that_serves,
        files_are_stored_by_the_user_that_serves;
    lacks::two_users:
        commands_of_another_user_are_refused_and_logged_once;
    lacks::landlock:
        every_thread_that_serves_is_confined_and_the_start_line_says_how,
        a_link_to_the_next_release_is_followed_although_files_are_confined,
        a_root_that_another_directory_took_the_place_of_is_served_by_a_new_process;
}
