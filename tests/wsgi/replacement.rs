//! New code without a gap: SIGHUP, and --reload.

use super::load::Load;
use super::server::{Folder, Server};
use crate::support::{Signal, lacks, until};

/// An application that says so.
fn saying(words: &str) -> String {
    format!(
        "def application(environ, start_response):\n    \
         start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'{words}\\n']\n"
    )
}

fn sighup_replaces_all_processes_whose_sources_have_changed_and_no_request_fails() {
    let server = Server::behaviours("processes = 2");
    let load = Load::start(&server, 6, "/app/sleeps?seconds=0.005");
    for number in 0..3 {
        let old = server.pythons();
        let answered = load.answered() + 50;
        until("requests are answered", || (load.answered() >= answered).then_some(()));
        server.folder.write("apps/other.py", format!("number = {number}\n"));
        server.signal(Signal::HUP);
        server.replaces(&old, 2);
    }
    load.finish().only(&[200]);
}

fn reload(server: &Server) -> (Option<i32>, String) {
    let file = server.folder.path("httpd.toml");
    let arguments = ["reload", "-c", file.to_str().expect("a path of ours is text")];
    let output =
        crate::support::output(&mut crate::support::Folder::httpd(&server.folder, &arguments));
    (output.status.code(), crate::support::lossy(&output.stderr))
}

fn configure(server: &Server, more: &str) {
    let location = super::server::location("/app", "changing", more);
    server
        .folder
        .write("httpd.toml", format!("root = \"www\"\n[log]\nlevel = \"info\"\n{location}"));
}

fn changing(words: &str) -> Server {
    let folder = Folder::new();
    folder.write("apps/changing.py", saying(words));
    let mut command = folder.configured(&super::server::location("/app", "changing", ""));
    Server::start(folder, &mut command)
}

fn a_reload_keeps_the_processes_of_an_application_that_stays() {
    let server = changing("one");
    let old = server.pythons();
    assert_eq!(reload(&server), (Some(0), String::new()));
    assert_eq!(server.text("/app/"), "one\n");
    assert_eq!(server.pythons(), old, "they were restarted");
    configure(&server, "threads = 2");
    assert_eq!(reload(&server), (Some(0), String::new()));
    assert_eq!(server.text("/app/"), "one\n");
    server.replaces(&old, 1);
}

fn a_reload_that_breaks_an_application_says_why_and_changes_nothing() {
    let server = changing("one");
    let old = server.pythons();
    server.folder.write("apps/changing.py", "import nothing_of_this_name\n");
    configure(&server, "threads = 2");
    let (code, said) = reload(&server);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("No module named 'nothing_of_this_name'"), "{said}");
    assert_eq!(server.text("/app/"), "one\n");
    assert_eq!(server.pythons(), old);
}

fn a_request_under_way_ends_in_the_application_of_before() {
    let server = Server::behaviours("");
    let old = server.pythons();
    let mut client = server.connect();
    client.send("GET /app/sleeps?seconds=1.5 HTTP/1.1\r\nHost: test\r\n\r\n");
    until("the request is under way", || {
        (server.text("/app/sleeps?seconds=0.01").contains("slept")).then_some(())
    });
    server.folder.write("apps/other.py", "number = 1\n");
    assert_eq!(reload(&server), (Some(0), String::new()));
    client.reply().expect(200);
    server.replaces(&old, 1);
}

fn sighup_brings_new_code_and_keeps_the_old_when_the_new_is_broken() {
    let folder = Folder::new();
    folder.write("apps/site.toml", "");
    folder.write("apps/changing.py", saying("one"));
    let mut command = folder.configured(&super::server::location("/app", "changing", ""));
    let server = Server::start(folder, &mut command);
    assert_eq!(server.text("/app/"), "one\n");

    server.folder.write("apps/changing.py", "import nothing_of_this_name\n");
    server.signal(Signal::HUP);
    server.logs("ModuleNotFoundError: No module named 'nothing_of_this_name'");
    assert_eq!(server.text("/app/"), "one\n");

    server.folder.write("apps/changing.py", saying("three"));
    server.signal(Signal::HUP);
    until("the new code answers", || (server.text("/app/") == "three\n").then_some(()));
}

fn with_reload_a_changed_source_file_is_served_by_itself() {
    let folder = Folder::new();
    folder.write("apps/changing.py", saying("one"));
    let mut command = folder.httpd(&["--reload", "--wsgi", "changing:application"]);
    let server = Server::start(folder, &mut command);
    assert_eq!(server.text("/"), "one\n");
    server.folder.write("apps/changing.py", saying("twenty-two"));
    until("the new code answers", || (server.text("/") == "twenty-two\n").then_some(()));
    server.logs("changing.py");

    // A change that is broken is told, and one that mends it is served.
    server.folder.write("apps/changing.py", "def application(environ, start_response) return []\n");
    server.logs("SyntaxError");
    server.folder.write("apps/changing.py", saying("three"));
    until("the mended code answers", || {
        let reply = server.get("/");
        (reply.status == 200 && reply.text() == "three\n").then_some(())
    });
}

fn with_reload_the_newest_of_two_edits_of_one_size_in_one_second_is_served() {
    let folder = Folder::new();
    folder.write("apps/part.py", "WORD = 'one'\n");
    let program = saying("")
        .replace("b'\\n'", "WORD.encode()")
        .replace("def ", "from part import WORD\ndef ");
    folder.write("apps/changing.py", program);
    let mut command = folder.httpd(&["--reload", "--wsgi", "changing:application"]);
    command.env_remove("PYTHONDONTWRITEBYTECODE");
    let server = Server::start(folder, &mut command);
    assert_eq!(server.text("/"), "one");
    for word in ["two", "six", "ten", "too"] {
        server.folder.write("apps/part.py", format!("WORD = '{word}'\n"));
        until("the new code answers", || (server.text("/") == word).then_some(()));
    }
}

fn with_reload_what_is_broken_is_shown_to_the_developer_from_the_first_start_on() {
    let folder = Folder::new();
    folder.write("apps/changing.py", "raise LookupError('<script> & more')\n");
    let mut command = folder.httpd(&["--reload", "--wsgi", "changing:application"]);
    let server = Server::start(folder, &mut command);
    let reply = server.get("/any/path");
    reply.expect(500).header("Content-Type", "text/html; charset=utf-8");
    let shown = reply.text();
    assert!(shown.contains("LookupError: &lt;script&gt; &amp; more"), "{shown}");
    assert!(shown.contains("changing.py&quot;") || shown.contains("changing.py\""), "{shown}");
    assert!(!shown.contains("<script>"), "{shown}");
    server.logs("  | LookupError: <script> & more");

    server.folder.write("apps/changing.py", saying("mended"));
    until("the mended code answers", || (server.get("/").text() == "mended\n").then_some(()));
    server.folder.write("apps/changing.py", "import nothing_of_this_name\n");
    until("the page says why", || {
        let reply = server.get("/");
        (reply.status == 500 && reply.text().contains("nothing_of_this_name")).then_some(())
    });
    // A module that was missing appears.
    server.folder.write("apps/nothing_of_this_name.py", "");
    until("the page says what is missing now", || {
        server.get("/").text().contains("has no attribute").then_some(())
    });
}

fn a_change_while_the_last_one_is_loaded_is_served_too() {
    let folder = Folder::new();
    let go_on = folder.path("go-on");
    // The source has been read when this waits.
    let waiting = |words: &str| {
        format!(
            "import os, time\nprint('{words} is loaded')\n\
             while {} and not os.path.exists({go_on:?}): time.sleep(0.01)\n{}",
            if words == "two" { "True" } else { "False" },
            saying(words)
        )
    };
    folder.write("apps/changing.py", waiting("one"));
    let mut command = folder.httpd(&["--reload", "--wsgi", "changing:application"]);
    let server = Server::start(folder, &mut command);
    assert_eq!(server.text("/"), "one\n");
    server.folder.write("apps/changing.py", waiting("two"));
    server.logs("two is loaded");
    let told = server.log().matches("has changed").count();
    server.folder.write("apps/changing.py", waiting("three"));
    until("the second change is seen", || {
        (server.log().matches("has changed").count() > told).then_some(())
    });
    std::fs::write(&go_on, "").expect("it can be written");
    until("the newest code answers", || (server.text("/") == "three\n").then_some(()));
}

tests! {
    lacks::python:
        sighup_replaces_all_processes_whose_sources_have_changed_and_no_request_fails,
        a_reload_keeps_the_processes_of_an_application_that_stays,
        a_reload_that_breaks_an_application_says_why_and_changes_nothing,
        a_request_under_way_ends_in_the_application_of_before,
        sighup_brings_new_code_and_keeps_the_old_when_the_new_is_broken,
        with_reload_a_changed_source_file_is_served_by_itself,
        with_reload_the_newest_of_two_edits_of_one_size_in_one_second_is_served,
        with_reload_what_is_broken_is_shown_to_the_developer_from_the_first_start_on,
        a_change_while_the_last_one_is_loaded_is_served_too;
}
