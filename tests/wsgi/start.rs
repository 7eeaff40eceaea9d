//! Which application is run, by which Python and where, and why one is not.

use super::server::{Folder, Server, is_python, location, refusal};
use crate::support::process::Process;
use crate::support::{Child, Lines, Signal, lacks, until};
use std::fs;
use std::process::{Command, Stdio};

fn an_application_is_served_from_the_folder_that_one_stands_in() {
    for (target, path, words) in [
        ("behaviours:hello", "/", "hello, world\n"),
        ("behaviours", "/hello", "hello, world\n"),
        ("behaviours:create_app()", "/", "made\n"),
        ("behaviours:create_app('with words')", "/", "with words\n"),
        ("package.inside:app", "/", "inside\n"),
        ("package.inside", "/", "inside\n"),
    ] {
        let folder = Folder::new();
        folder.write("apps/package/__init__.py", "");
        folder.write(
            "apps/package/inside.py",
            "def app(environ, start_response):\n    \
             start_response('200 OK', [('Content-Type', 'text/plain')])\n    \
             return [b'inside\\n']\n",
        );
        let mut command = folder.httpd(&["--wsgi", target]);
        let server = Server::start(folder, &mut command);
        assert_eq!(server.text(path), words, "{target}");
        let (code, log) = server.stop();
        assert_eq!(code, Some(0), "{target}: {log}");
    }
}

fn flags_say_where_it_listens_and_how_it_is_run() {
    let folder = Folder::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_httpd"));
    let given = ["--wsgi", "behaviours:checked_dump", "-b", "127.0.0.1:0", "-w", "2"];
    command.current_dir(folder.path("apps")).args(given).args(["--threads", "1", "--timeout", "1"]);
    let server = Server::start(folder, &mut command);
    assert!(server.text("/").contains("\"wsgi.multithread\": false"));
    server.logs("-w 2 sets the reactors, which read and write on the network");
    server.logs("processes = N in the [[location]] of a configuration");

    for (arguments, words) in [
        (&["-b", "127.0.0.1:0", "-p", "0"][..], "cannot be used with"),
        (&["-b", "http://localhost"], "-b: \"http://localhost\" is a URL"),
        (&["--wsgi", "a", "--threads", "0"], "must be a number from 1 to 256"),
        (&["--wsgi", "a", "--timeout", "0"], "must be a duration such as 30s"),
        (&["--threads", "2"], "--threads: there is no application"),
    ] {
        let (code, log) = refusal(Command::new(env!("CARGO_BIN_EXE_httpd")).args(arguments));
        assert_eq!(code, Some(2), "{log}");
        assert!(log.contains(words), "{log}");
    }
}

fn the_banner_of_several_processes_names_their_applications() {
    let folder = Folder::new();
    let mut command = folder.httpd(&["--wsgi", "behaviours:hello", "-P", "2"]);
    let server = Server::start(folder, &mut command);
    let line = server.logs("listening on http://");
    assert!(line.contains("app=\"Python 3") && line.contains(", behaviours:hello from "), "{line}");
}

fn what_cannot_be_served_is_not_started_and_the_error_says_why() {
    for (target, words) in [
        (
            "broken_import:application",
            &["Traceback", "broken_import.py", "KeyError: 'DATABASE_URL'"][..],
        ),
        ("broken_syntax:application", &["SyntaxError", "broken_syntax.py"]),
        ("no_such_module:app", &["no_such_module"]),
        ("few_names:aplication", &["aplication", "application", "create_app"]),
        ("behaviours:not_callable", &["not_callable"]),
        ("no_names", &["app"]),
    ] {
        let folder = Folder::new();
        folder.write("apps/no_names.py", "something_else = 1\n");
        folder.write(
            "apps/few_names.py",
            "from behaviours import application as hidden\n\n\n\
             def application(environ, start_response):\n    \
             return hidden(environ, start_response)\n\n\n\
             def create_app():\n    return application\n",
        );
        let mut command = folder.httpd(&["--wsgi", target]);
        let (code, log) = refusal(&mut command);
        assert!(code.is_some_and(|code| code != 0), "{target} ended with {code:?}: {log}");
        for word in words {
            assert!(log.contains(word), "{target}: no {word:?} in {log}");
        }
        assert!(!log.contains("listening on"), "{target}: {log}");
        // The same from a configuration.
        let (code, _) = refusal(&mut folder.configured(&location("/app", target, "")));
        assert!(code.is_some_and(|code| code != 0), "{target} ended with {code:?}");
    }
}

fn a_python_or_folder_that_is_not_there_is_reported() {
    for (keys, words) in [
        ("python = \"/nowhere/bin/python\"", "/nowhere/bin/python"),
        ("python = \"no-such-python\"", "no-such-python"),
    ] {
        let folder = Folder::new();
        let (code, log) = refusal(&mut folder.configured(&location("/", "behaviours", keys)));
        assert!(code.is_some_and(|code| code != 0), "{code:?}: {log}");
        assert!(log.contains(words), "{log}");
    }
    let folder = Folder::new();
    let config = "[[location]]\npath = \"/\"\nwsgi = \"behaviours\"\nchdir = \"nowhere\"\n";
    let (code, log) = refusal(&mut folder.configured(config));
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("nowhere"), "{log}");
}

fn an_active_virtual_environment_is_used_by_itself() {
    let folder = Folder::new();
    let environment = folder.path("environment");
    let made = Command::new("python3")
        .args(["-m", "venv", "--without-pip"])
        .arg(&environment)
        .output()
        .expect("python3 is there");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut command = folder.httpd(&["--wsgi", "behaviours:process"]);
    command.env("VIRTUAL_ENV", &environment);
    let server = Server::start(folder, &mut command);
    let told = server.text("/");
    let prefix = told.split(' ').nth(1);
    assert_eq!(prefix, environment.to_str(), "{told}");

    // A location may name another.
    let folder = Folder::new();
    let keys = format!("python = \"{}/bin/python\"", environment.display());
    let mut command = folder.configured(&location("/app", "behaviours", &keys));
    let server = Server::start(folder, &mut command);
    let told = server.text("/app/process");
    assert_eq!(told.split(' ').nth(1), environment.to_str(), "{told}");
}

fn an_application_runs_where_and_with_what_was_configured() {
    let server = Server::at("/app", "behaviours", "env = { FILE = \"given\" }");
    let told = server.text("/app/process");
    let here = server.folder.path("apps");
    assert_eq!(told.trim_end().split(' ').nth(2), here.to_str(), "{told}");

    let folder = Folder::new();
    folder.write("file", "what FILE names");
    let file = folder.path("file");
    let keys = format!("env = {{ FILE = \"{}\" }}\nprocesses = 3", file.display());
    let mut command = folder.configured(&location("/app", "behaviours", &keys));
    let server = Server::start(folder, &mut command);
    server.get("/app/file").expect(200).body("what FILE names");
    assert_eq!(server.pythons().len(), 3);
}

fn applications_and_files_stand_side_by_side() {
    let folder = Folder::new();
    let config = location("/one", "behaviours:hello", "")
        + &location("/one/two", "behaviours:create_app('two')", "")
        + &location("/three", "behaviours:create_app('three')", "processes = 2");
    let mut command = folder.configured(&config);
    let server = Server::start(folder, &mut command);
    assert_eq!(server.text("/one/x"), "hello, world\n");
    assert_eq!(server.text("/one/two"), "two\n");
    assert_eq!(server.text("/three/one/two"), "three\n");
    assert_eq!(server.text("/"), "from www\n");
    assert_eq!(server.pythons().len(), 4);
}

fn a_stop_lets_open_requests_end_and_leaves_no_python() {
    let server = Server::behaviours("processes = 2");
    let go_on = server.folder.path("go-on");
    let mut client = server.connect();
    client.send(format!("GET /app/patient?until={} HTTP/1.1\r\nHost: x\r\n\r\n", go_on.display()));
    client.reply_head("GET").expect(200);
    assert_eq!(client.try_chunk().expect("a piece"), b"first\n");
    let pythons = server.pythons();
    server.signal(Signal::TERM);
    server.logs("stopping");
    std::fs::write(&go_on, "").expect("it can be written");
    assert_eq!(client.try_chunk().expect("a piece"), b"second\n");
    assert_eq!(client.try_chunk().expect("the end"), b"");
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(pythons.iter().all(|id| !super::server::is_python(id)), "{log}");
}

/// It takes as long to load as there is a file "slow".
const SLOW: &str = r#"
import os, time
while os.path.exists("slow"):
    time.sleep(0.01)
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"from slow\n"]
"#;

fn a_process_that_is_stopped_while_the_server_starts_is_replaced() {
    let folder = Folder::new();
    folder.write("apps/slow.py", SLOW);
    folder.write("apps/slow", "");
    let mut command = folder.httpd(&["--wsgi", "slow:app"]);
    let mut program = Child::spawn(command.stdout(Stdio::null()).stderr(Stdio::piped()));
    let mut log = Lines::of(program.stderr.take().expect("it is piped"));
    let process = || {
        let serving = Process(program.id()).serving();
        // By way of their brokers.
        let started = serving.iter().flat_map(|it| it.children());
        started.flat_map(|it| it.children()).find(|it| is_python(&it.0))
    };
    let first = until("a process starts", process);
    first.freeze();
    log.find("is stopped while it starts, by a signal or a debugger; replacing it");
    let is_another = |it: &Process| *it != first;
    until("another starts", || process().filter(is_another));
    fs::remove_file(folder.path("apps/slow")).expect("it was written");
    log.find(" listening on ");
    log.discard();
    program.signal(Signal::TERM);
    assert_eq!(program.ends(String::new).code(), Some(0));
}

fn a_stopped_process_goes_on_when_the_server_stops() {
    let server = Server::behaviours("");
    let [python] = server.pythons()[..] else { panic!("one process: {:?}", server.pythons()) };
    Process(python).freeze();
    let mut client = server.connect();
    client.send("GET /app/hello HTTP/1.1\r\nHost: x\r\n\r\n");
    server.signal(Signal::TERM);
    client.reply().expect(200).body("hello, world\n");
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("killing it"), "{log}");
}

tests! {
    lacks::python:
        an_application_is_served_from_the_folder_that_one_stands_in,
        flags_say_where_it_listens_and_how_it_is_run,
        the_banner_of_several_processes_names_their_applications,
        what_cannot_be_served_is_not_started_and_the_error_says_why,
        a_python_or_folder_that_is_not_there_is_reported,
        an_active_virtual_environment_is_used_by_itself,
        an_application_runs_where_and_with_what_was_configured,
        applications_and_files_stand_side_by_side,
        a_stop_lets_open_requests_end_and_leaves_no_python,
        a_process_that_is_stopped_while_the_server_starts_is_replaced,
        a_stopped_process_goes_on_when_the_server_stops;
}
