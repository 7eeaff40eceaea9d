//! A server that has given up what its configuration does not name, and that is to serve by another one: in place as
//! far as it may, and otherwise by new processes.

use super::pool::{Load, children, nobody_is_left};
use crate::support::client::Request;
use crate::support::{Folder, Program, Signal, lossy, until};
use std::process::Output;

fn folder() -> Folder {
    let folder = Folder::with_www();
    folder.write("next/index.html", "from www\n");
    folder.write("next/next.html", "next");
    folder.write("temporary/.keep", "");
    folder
}

fn configure(folder: &Folder, text: &str) {
    folder.write("httpd.toml", format!("workers = 1\nlisten = \"127.0.0.1:0\"\n{text}"));
}

fn start(folder: &Folder) -> Program {
    let mut command = folder.httpd(&["-v", "-c", "httpd.toml"]);
    // The folder is below the usual one, which a server may read.
    Program::start(command.env("TMPDIR", folder.path("temporary")))
}

fn reload(folder: &Folder) -> Output {
    folder.output(&["reload", "-c", "httpd.toml"])
}

#[track_caller]
fn reloaded(folder: &Folder) {
    let output = reload(folder);
    assert_eq!((output.status.code(), &*lossy(&output.stderr)), (Some(0), ""));
}

#[test]
fn new_processes_serve_a_root_that_the_old_ones_may_not_read_and_no_request_is_lost() {
    for kind in ["", "processes = 2\n"] {
        let folder = folder();
        configure(&folder, &format!("{kind}root = \"www\"\n"));
        let mut serving = start(&folder);
        let load = Load::on(&serving, [1, 20]);
        let failed = load.run(|| {
            for root in ["next", "www", "next", "www", "next"] {
                let before = children(&serving);
                configure(&folder, &format!("{kind}root = \"{root}\"\n"));
                reloaded(&folder);
                serving.says("new processes take over");
                let expected = if root == "next" { 200 } else { 404 };
                for _ in 0..10 {
                    serving.get("/next.html").expect(expected);
                }
                until("the old processes have ended", || children(&serving).is_disjoint(&before));
                load.goes_on(50);
            }
        });
        assert_eq!(failed, 0, "{kind}");
        assert_eq!(children(&serving).len(), if kind.is_empty() { 1 } else { 2 });
        serving.signal(Signal::TERM);
        assert_eq!(serving.end().0, Some(0));
        nobody_is_left(&folder);
    }
}

#[test]
fn a_reload_that_takes_no_more_rights_keeps_the_processes() {
    for kind in ["supervisor = false\n", "", "processes = 2\n"] {
        let folder = folder();
        folder.write("www/below/index.html", "below");
        configure(&folder, &format!("{kind}root = \"www\"\n"));
        let serving = start(&folder);
        let before = children(&serving);
        let text = format!(
            "{kind}root = \"www\"\nlisting = true\naccess_log = {{ file = \"temporary/access\" }}\n\
             [[location]]\npath = \"/b/\"\nalias = \"www/below\"\n"
        );
        configure(&folder, &text);
        reloaded(&folder);
        assert_eq!(serving.get("/b/").expect(200).text(), "below");
        assert_eq!(children(&serving), before, "{kind}");
        until("the new log has a line", || {
            std::fs::read_to_string(folder.path("temporary/access"))
                .is_ok_and(|text| text.contains("/b/"))
        });
    }
}

#[test]
fn a_process_alone_says_what_it_lacks_and_serves_on() {
    let folder = folder();
    configure(&folder, "supervisor = false\nroot = \"www\"\n");
    let serving = start(&folder);
    configure(&folder, "supervisor = false\nroot = \"next\"\n");
    let output = reload(&folder);
    let said = lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("has given up what the configuration takes (reading \""), "{said}");
    assert!(said.contains("restart it"), "{said}");
    serving.get("/").expect(200);
    configure(&folder, "supervisor = false\nroot = \"www\"\nlisting = true\n");
    reloaded(&folder);
}

#[test]
fn a_new_process_that_does_not_start_leaves_the_old_one_as_it_is() {
    let folder = folder();
    configure(&folder, "root = \"www\"\n");
    let mut serving = start(&folder);
    let before = children(&serving);
    let broken =
        "root = \"next\"\n[[location]]\npath = \"/a\"\nwsgi = \"a:b\"\npython = \"/bin/false\"\n";
    configure(&folder, broken);
    let output = reload(&folder);
    assert_ne!(output.status.code(), Some(0));
    assert!(lossy(&output.stderr).contains("a:b"), "{}", lossy(&output.stderr));
    serving.says("the configuration is not reloaded");
    serving.get("/next.html").expect(404);
    serving.get("/").expect(200);
    assert_eq!(children(&serving), before);
    configure(&folder, "root = \"next\"\n");
    reloaded(&folder);
    serving.get("/next.html").expect(200);
}

#[test]
fn confinement_is_turned_off_and_on_by_a_reload() {
    let folder = folder();
    configure(&folder, "root = \"www\"\n");
    let serving = start(&folder);
    let modes = || {
        let read = |it: &crate::support::process::Process| {
            let status = std::fs::read_to_string(it.path("status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
            line.unwrap_or_default().trim().to_owned()
        };
        children(&serving).iter().map(read).collect::<Vec<_>>()
    };
    let confined = modes();
    for (text, expected) in [("confinement = false\n", vec!["0".to_owned()]), ("", confined)] {
        configure(&folder, &format!("{text}root = \"www\"\n"));
        reloaded(&folder);
        until("the process has other rights", || modes() == expected);
        serving.get("/").expect(200);
    }
}

#[test]
fn a_stop_ends_a_reload_for_which_a_new_process_starts() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = folder();
        configure(&folder, "root = \"www\"\n");
        let mut serving = start(&folder);
        // It starts as long as it is let.
        let python = folder.write("python", "#!/bin/sh\nexec sleep 60\n");
        let anybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&python, anybody).expect("it is ours");
        let slow = format!(
            "root = \"next\"\n[[location]]\npath = \"/a\"\nwsgi = \"a:b\"\nconfinement = false\npython = {python:?}\n"
        );
        configure(&folder, &slow);
        serving.signal(Signal::HUP);
        serving.says("new processes take over");
        serving.says("started");
        Request::new(serving.address(), "GET", "/").send().expect(200);
        serving.signal(signal);
        assert_eq!(serving.end().0, Some(0));
        nobody_is_left(&folder);
    }
}

#[test]
fn what_a_confined_process_takes_of_the_machine_is_counted() {
    let folder = folder();
    configure(&folder, "root = \"www\"\n[[location]]\npath = \"/status\"\nstatus_pages = true\n");
    let serving = start(&folder);
    let text = serving.get("/status/metrics").expect(200).text().to_owned();
    for name in ["process_open_fds", "process_resident_memory_bytes", "process_cpu_seconds_total"] {
        let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        assert!(value.trim().parse::<f64>().is_ok_and(|it| it >= 0.0), "{name}: {text}");
    }
}
