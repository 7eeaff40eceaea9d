//! `httpd reopen`, `httpd upgrade` and `httpd stop`: the command waits until the server has done it, and says what came
//! of it.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use super::pool::{children, nobody_is_left, pool};
use super::stopping::open_download;
use super::upgrade::Upgraded;
use crate::support::{Child, Folder, Lines, Program, Signal, lossy, output, until};

/// The kinds of programs: one process alone, one under a supervisor, and three.
const KINDS: [&str; 3] = ["supervisor = false\n", "", "processes = 3\n"];

fn start(folder: &Folder, kind: &str, rest: &str) -> Program {
    let text = format!("{kind}workers = 1\nlisten = \"127.0.0.1:0\"\nroot = \"www\"\n{rest}");
    folder.write("httpd.toml", text);
    Program::start(&mut folder.httpd(&["-v", "-c", "httpd.toml"]))
}

/// The exit status of a command, and what it says.
fn order(folder: &Folder, word: &str) -> (Option<i32>, String) {
    let output = folder.output(&[word, "-c", "httpd.toml"]);
    (output.status.code(), lossy(&output.stdout) + &lossy(&output.stderr))
}

/// A command that is not waited for yet.
fn begin(folder: &Folder, word: &str) -> Child {
    let mut command = folder.httpd(&[word, "-c", "httpd.toml"]);
    Child::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))
}

fn end(mut command: Child) -> (Option<i32>, String) {
    let stdout = Lines::of(command.stdout.take().expect("it is piped")).rest();
    let stderr = Lines::of(command.stderr.take().expect("it is piped")).rest();
    (command.ends(String::new).code(), stdout + &stderr)
}

#[test]
fn when_the_command_to_reopen_returns_every_process_writes_to_new_files() {
    for kind in KINDS {
        let folder = Folder::with_www();
        let logs =
            "[log]\nfile = \"error.log\"\nlevel = \"info\"\n[access_log]\nfile = \"access.log\"\n";
        let text = format!("{kind}workers = 1\nlisten = \"127.0.0.1:0\"\nroot = \"www\"\n{logs}");
        folder.write("httpd.toml", text);
        let mut child = Child::spawn(
            folder.httpd(&["-c", "httpd.toml"]).stdout(Stdio::piped()).stderr(Stdio::piped()),
        );
        let mut said = Lines::of(child.stderr.take().expect("it is piped"));
        said.find(" listening on ");
        for round in 0..20 {
            for log in ["error", "access"] {
                let path = folder.path(format!("{log}.log"));
                fs::rename(path, folder.path(format!("{log}.{round}"))).expect("it is there");
            }
            assert_eq!(
                order(&folder, "reopen"),
                (Some(0), "httpd: the logs are open again\n".into())
            );
            let mut processes = vec![crate::support::process::Process(child.id())];
            processes.extend(processes[0].serving());
            for process in processes {
                let open = fs::read_dir(process.path("fd")).expect("it runs").flatten();
                let open: Vec<_> = open.filter_map(|it| fs::read_link(it.path()).ok()).collect();
                let has = |name: &str| open.iter().any(|it| *it == folder.path(name));
                let old = format!("error.{round}");
                assert!(has("error.log") && !has(&old), "{kind}{process:?}: {open:?}");
                assert!(!has(&format!("access.{round}")), "{kind}{process:?}: {open:?}");
            }
        }
    }
}

#[test]
fn a_log_that_cannot_be_opened_again_is_named_with_the_reason_and_the_process() {
    for kind in KINDS {
        let folder = Folder::with_www();
        fs::create_dir(folder.path("logs")).expect("it can be made");
        let serving = start(&folder, kind, "[access_log]\nfile = \"logs/a.log\"\n");
        fs::rename(folder.path("logs"), folder.path("away")).expect("it is there");
        let (code, said) = order(&folder, "reopen");
        assert_eq!(code, Some(1), "{said}");
        let processes = children(&serving).len().max(1);
        assert_eq!(said.lines().count(), processes, "{kind}{said}");
        for line in said.lines() {
            assert!(
                line.contains("cannot open the log \"") && line.contains("logs/a.log"),
                "{line}"
            );
            assert!(line.contains("there is no directory \""), "{line}");
            assert_eq!(line.contains(": process "), !kind.contains("supervisor"), "{line}");
        }
        serving.get("/").expect(200);
        fs::rename(folder.path("away"), folder.path("logs")).expect("it is there");
        assert_eq!(order(&folder, "reopen").0, Some(0));
    }
}

#[test]
fn a_process_that_stands_still_is_named_and_not_waited_for_without_end() {
    let folder = Folder::with_www();
    let serving = start(&folder, "", "");
    let process = serving.serving();
    process.freeze();
    let (code, said) = order(&folder, "reopen");
    process.go_on();
    assert_eq!(code, Some(1), "{said}");
    let expected = format!("process 1 ({}) has not opened its logs within ", process.0);
    assert!(said.contains(&expected), "{said}");
    assert_eq!(order(&folder, "reopen").0, Some(0));
}

#[test]
fn when_the_command_to_upgrade_returns_all_processes_run_the_new_program() {
    let upgraded = Upgraded::new();
    for processes in ["1", "3"] {
        let serving = Program::start(&mut upgraded.command(processes));
        let count = processes.parse().expect("a number");
        for _ in 0..3 {
            let before = children(&serving);
            upgraded.renew();
            let (code, said) = order(&upgraded.folder, "upgrade");
            let version = env!("CARGO_PKG_VERSION");
            let expected = format!("httpd: the server is upgraded to httpd {version}\n");
            assert_eq!((code, said), (Some(0), expected));
            assert!(upgraded.runs_what_is_there(serving.process()));
            let now = pool(&serving, count, &before);
            assert!(now.iter().all(|it| upgraded.runs_what_is_there(*it)), "{now:?}");
            serving.get("/").expect(200).body("from www\n");
        }
        serving.signal(Signal::TERM);
        assert_eq!(serving.end().0, Some(0));
        nobody_is_left(&upgraded.folder);
    }
}

#[test]
fn a_new_program_that_cannot_serve_is_an_error_of_the_command_with_the_reason() {
    let upgraded = Upgraded::new();
    let serving = Program::start(&mut upgraded.command("2"));
    let before = children(&serving);
    for (script, words) in [
        ("exit 3", "does not behave like httpd: it exited with status 3"),
        ("exec httpd-of-another-kind", "it exited with status 127"),
    ] {
        upgraded.replace(format!("#!/bin/sh\n{script}\n"), 0o755);
        let (code, said) = order(&upgraded.folder, "upgrade");
        assert_eq!(code, Some(1), "{said}");
        let start = "httpd: no upgrade; the running program keeps serving: \"";
        assert!(said.starts_with(start) && said.contains(words), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    upgraded.replace("no program", 0o644);
    let (code, said) = order(&upgraded.folder, "upgrade");
    assert!(code == Some(1) && said.contains("httpd\": permission denied"), "{said}");
    upgraded.renew();
    fs::rename(upgraded.folder.path("www"), upgraded.folder.path("away")).expect("it is there");
    let (code, said) = order(&upgraded.folder, "upgrade");
    assert!(code == Some(1) && said.contains("cannot serve \"www\": no such directory"), "{said}");
    assert_eq!(children(&serving), before);
    fs::rename(upgraded.folder.path("away"), upgraded.folder.path("www")).expect("it is there");
    serving.get("/").expect(200).body("from www\n");
}

/// Whatever command comes while the program becomes another one waits for what comes of it.
#[test]
fn commands_that_come_during_an_upgrade_outlive_it() {
    let upgraded = Upgraded::new();
    // A pipe has no room for all that it says.
    let mut serving = Program::start(&mut upgraded.command("2")).unread();
    for round in 0..6 {
        upgraded.renew();
        let words = ["upgrade", "reload", "reopen", "upgrade", "reopen", "reload"];
        let commands: Vec<Child> = words
            .iter()
            .cycle()
            .skip(round)
            .take(6)
            .map(|it| begin(&upgraded.folder, it))
            .collect();
        for command in commands {
            let (code, said) = end(command);
            assert_eq!(code, Some(0), "{said}");
        }
        assert!(upgraded.runs_what_is_there(serving.process()));
        serving.get("/").expect(200).body("from www\n");
    }
    // Also when it is asked for by a signal.
    for _ in 0..6 {
        serving.signal(Signal::USR2);
        let commands = ["reload", "reopen"].map(|it| begin(&upgraded.folder, it));
        for command in commands {
            let (code, said) = end(command);
            assert_eq!(code, Some(0), "{said}");
        }
    }
    assert_eq!(order(&upgraded.folder, "stop").0, Some(0));
    assert_eq!(serving.child.ends(String::new).code(), Some(0));
    nobody_is_left(&upgraded.folder);
}

#[test]
fn a_single_process_says_that_it_cannot_upgrade() {
    let folder = Folder::with_www();
    let serving = start(&folder, "supervisor = false\n", "");
    let (code, said) = order(&folder, "upgrade");
    let expected =
        "httpd: without a supervisor, this process cannot replace itself; restart it instead\n";
    assert_eq!((code, &*said), (Some(1), expected));
    serving.get("/").expect(200);
}

#[test]
fn the_command_to_stop_waits_for_the_requests_that_are_open() {
    for kind in KINDS {
        let folder = Folder::with_www();
        let large = super::stopping::LARGE_BYTES;
        fs::File::create(folder.path("www/large.bin")).unwrap().set_len(large).unwrap();
        let mut serving = start(&folder, kind, "");
        let mut download = open_download(&serving);
        let (first, second) = (begin(&folder, "stop"), begin(&folder, "stop"));
        serving.says("stopping when open requests have ended");
        assert!(serving.is_running());
        let rest = std::io::copy(&mut download, &mut std::io::sink()).expect("it is not cut");
        assert!(rest > large, "{rest}");
        for command in [first, second] {
            assert_eq!(end(command), (Some(0), "httpd: the server has stopped\n".to_owned()));
        }
        assert!(!serving.is_running(), "its process has ended when the command returns");
        assert_eq!(serving.end().0, Some(0));
        // Its address and its name are free.
        let again = start(&folder, kind, "");
        assert_eq!(order(&folder, "stop").0, Some(0));
        assert_eq!(again.end().0, Some(0));
    }
}

#[test]
fn a_stop_that_cuts_requests_short_says_so() {
    let folder = Folder::with_www();
    let mut serving = start(&folder, "", "");
    let mut open = serving.stream();
    open.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").expect("it is open");
    until("the request has begun", || serving.serving().listeners_and_connections().1 > 0);
    let command = begin(&folder, "stop");
    serving.says("stopping when open requests have ended");
    serving.serving().try_send(Signal::KILL);
    let (code, said) = end(command);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the server has stopped, but not all requests had ended"), "{said}");
    assert_eq!(serving.end().0, Some(1));
}

#[test]
fn a_command_without_a_server_and_one_with_a_wrong_flag_say_so() {
    let folder = Folder::with_www();
    folder.write("httpd.toml", "root = \"www\"\n");
    for word in ["reopen", "upgrade", "stop"] {
        let expected = "httpd: no server runs with httpd.toml\n";
        assert_eq!(order(&folder, word), (Some(1), expected.to_owned()));
        let output = output(&mut folder.httpd(&[word, "--now"]));
        assert_eq!(output.status.code(), Some(2));
        let missing = folder.output(&[word, "-c", "missing.toml"]);
        assert_eq!(missing.status.code(), Some(2));
    }
}

#[test]
fn many_commands_at_once_are_answered_and_no_more_wait_than_there_is_room_for() {
    let folder = Folder::with_www();
    let serving = start(&folder, "", "");
    let process = serving.serving();
    process.freeze();
    // They wait for the process.
    let mut waiting: Vec<Child> = (0..70).map(|_| begin(&folder, "reopen")).collect();
    let mut refused = 0;
    until("those without room are refused", || {
        refused = waiting.iter_mut().filter_map(|it| it.try_wait().expect("ours")).count();
        refused >= 6
    });
    process.go_on();
    let codes: Vec<_> = waiting.into_iter().map(|command| end(command).0).collect();
    let done = codes.iter().filter(|code| **code == Some(0)).count();
    assert!(done >= 60, "{codes:?}");
    serving.get("/").expect(200);
}

#[test]
fn the_help_names_the_commands_and_their_exit_status() {
    let help = lossy(&output(Command::new(crate::support::program::HTTPD).arg("--help")).stdout);
    for word in ["reload", "reopen", "upgrade", "stop"] {
        assert!(help.contains(word), "{help}");
        let output = output(Command::new(crate::support::program::HTTPD).args([word, "--help"]));
        let text = lossy(&output.stdout);
        assert!(output.status.code() == Some(0) && text.contains("Exit status: 0 if "), "{text}");
    }
}
