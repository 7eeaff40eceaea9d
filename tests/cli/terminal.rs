//! What a person sees who starts the program on a terminal, and what happens when it closes.

use std::fs;

use super::on_terminal::OnTerminal;
use crate::support::{Folder, Program, Signal, until};

#[test]
fn verbose_shows_a_line_for_each_request_with_its_status_in_colour() {
    let folder = Folder::with_www();
    let server = OnTerminal::start(&folder, &["-v", "-p", "0", "www"], &[]);
    server.get("/");
    server.get("/nothing?x=1");
    server.shows("Z  GET /  \x1b[32m200\x1b[0m  9 B  ");
    server.shows("Z  GET /nothing?x=1  \x1b[33m404\x1b[0m  ");
    server.shows("  127.0.0.1\r\n");
}

#[test]
fn a_target_cannot_paint_on_the_terminal() {
    let folder = Folder::with_www();
    let server = OnTerminal::start(&folder, &["-v", "-p", "0", "www"], &[]);
    server.get("/\x1b[2Jx");
    server.shows("\\x1B[2Jx");
}

#[test]
fn no_color_leaves_the_colours_out() {
    let folder = Folder::with_www();
    let server = OnTerminal::start(&folder, &["-v", "-p", "0", "www"], &[("NO_COLOR", "1")]);
    server.get("/");
    server.shows("Z  GET /  200  9 B  ");
    assert!(!server.shown().contains('\x1b'), "{}", server.shown());
}

#[test]
fn without_verbose_requests_are_not_shown_unless_asked_for() {
    let folder = Folder::with_www();
    let quiet = OnTerminal::start(&folder, &["-p", "0", "www"], &[]);
    let asked = OnTerminal::start(&folder, &["--access-log", "-p", "0", "www"], &[]);
    let off = OnTerminal::start(&folder, &["-v", "--access-log=off", "-p", "0", "www"], &[]);
    for server in [&quiet, &asked, &off] {
        server.get("/");
    }
    asked.shows("Z  GET /  ");
    for mut server in [quiet, off] {
        server.signal(Signal::TERM);
        until("it ends", || server.child.try_wait().unwrap().is_some());
        assert!(!server.shown().contains("GET /"), "{}", server.shown());
    }
}

#[test]
fn processes_of_a_pool_show_requests_too() {
    let folder = Folder::with_www();
    let server = OnTerminal::start(&folder, &["-v", "-P", "2", "-p", "0", "www"], &[]);
    server.get("/");
    server.shows("Z  GET /  ");
}

#[test]
fn without_a_terminal_the_access_log_is_asked_for() {
    let folder = Folder::with_www();
    let line = "\"GET / HTTP/1.1\" 200 9 ";
    let serving = Program::start(&mut folder.httpd(&["--access-log=a.log", "-p", "0", "www"]));
    serving.get("/");
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    let text = fs::read_to_string(folder.path("a.log")).unwrap();
    assert!(text.contains(line), "{text}");

    let mut command = folder.httpd(&["-p", "0", "www"]);
    command.env("HTTPD_ACCESS_LOG", "b.log");
    let serving = Program::start(&mut command);
    serving.get("/");
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    let text = fs::read_to_string(folder.path("b.log")).unwrap();
    assert!(text.contains(line), "{text}");
}

#[test]
fn a_folder_without_an_index_is_said_at_the_start_and_at_its_first_404() {
    let folder = Folder::with_www();
    folder.write("bare/sub/a.txt", "a\n");
    let server = OnTerminal::start(&folder, &["-p", "0", "bare"], &[]);
    server.shows("  note     / is a 404: ");
    server.shows("bare has no index.html, and directories are not listed");
    for _ in 0..3 {
        server.get("/sub/").expect(404);
        server.get("/").expect(404);
        server.get("/none/").expect(404);
    }
    server.shows("404 for the directory \"");
    let shown = server.shown();
    assert_eq!(shown.matches("404 for the directory").count(), 1, "{shown}");
    assert!(shown.contains("bare/sub\": it contains no index.html"), "{shown}");
    assert!(!folder_with_index_is_noted(), "a folder with an index needs no note");
}

fn folder_with_index_is_noted() -> bool {
    let folder = Folder::with_www();
    let server = OnTerminal::start(&folder, &["-p", "0", "www"], &[]);
    server.get("/");
    server.shown().contains("note")
}

#[test]
fn what_runs_on_a_terminal_ends_when_it_is_closed() {
    let folder = Folder::with_www();
    for processes in ["1", "2"] {
        let arguments = ["-P", processes, "-p", "0", "www"];
        let mut server = OnTerminal::start(&folder, &arguments, &[]);
        server.get("/");
        server.close();
        until("it ends", || server.child.try_wait().unwrap().is_some());
        assert_eq!(server.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_hangup_by_hand_on_a_terminal_that_is_open_ends_nothing() {
    let folder = Folder::with_www();
    let server = OnTerminal::start(&folder, &["-v", "-p", "0", "www"], &[]);
    server.get("/");
    server.signal(Signal::HUP);
    server.shows("the configuration is reloaded");
    server.get("/").expect(200);
}

#[test]
fn a_terminal_stopped_by_ctrl_s_stops_neither_requests_nor_the_end() {
    let folder = Folder::with_www();
    for processes in ["1", "2"] {
        let arguments = ["-v", "-P", processes, "-p", "0", "www"];
        let mut server = OnTerminal::start(&folder, &arguments, &[]);
        server.get("/");
        server.freeze();
        // More than the terminal and the queue before it can hold.
        let path = format!("/unseen{}", "x".repeat(8000));
        for _ in 0..200 {
            server.get(&path).expect(404);
        }
        server.get("/").expect(200).body("from www\n");
        assert!(!server.shown().contains("/unseen"), "the terminal is not stopped");
        server.signal(Signal::TERM);
        until("it ends", || server.child.try_wait().unwrap().is_some());
        assert_eq!(server.child.wait().unwrap().code(), Some(0));
    }
}
