//! What an application may do: whatever its location says, and nothing that the server may.

use super::server::{Folder, Server, location};
use crate::support::{lacks, lossy};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

/// What an application tells that tries everything, in a location with further keys.
fn tried(top: &str, keys: &str, body: Vec<u8>) -> (Value, Folder) {
    let folder = Folder::new();
    folder.write("data/.keep", "");
    folder.write("temporary/.keep", "");
    for name in ["apps", "data", "temporary"] {
        let anybody = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(name), anybody).expect("it is ours");
    }
    let listens = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listens.local_addr().expect("it has one").port();
    // The keys of the top come first in a file.
    let config = format!(
        "{top}root = \"www\"\nlog = {{ level = \"info\" }}\n{}",
        location("/app", "tries", keys)
    );
    let file = folder.write("httpd.toml", config);
    let mut command = folder.httpd(&["-c", file.to_str().expect("a path of ours is text")]);
    // The folder is below the usual one, in which an application may write.
    command.env("TMPDIR", folder.path("temporary"));
    let server = Server::start(folder, &mut command);
    let reply = server.request("POST", &format!("/app/?{port}")).content(body).send();
    reply.expect(200);
    let told = serde_json::from_str(reply.text()).expect("it is JSON");
    (told, server.folder)
}

fn an_application_reads_and_writes_its_own_directory_and_nothing_beside_it() {
    let (told, folder) = tried("", "", Vec::new());
    assert_eq!(told["own"], "done", "{told}");
    assert_eq!(told["write_own"], "done", "{told}");
    assert_eq!(told["beside"], "PermissionError", "{told}");
    assert_eq!(told["write_beside"], "PermissionError", "{told}");
    assert!(!folder.path("www/made").exists());
    // It has a network unless its location says otherwise.
    assert_eq!(told["connect"], "done", "{told}");
    assert_eq!(told["run"], "done", "{told}");
}

fn an_application_without_a_network_connects_nowhere_and_reads_no_passwd() {
    let (told, _) = tried("", "network = false\nwritable = \"data\"\n", Vec::new());
    for (what, expected) in [
        ("passwd", "PermissionError"),
        ("beside", "PermissionError"),
        ("own", "done"),
        ("write_own", "PermissionError"),
        ("write_data", "done"),
        ("write_beside", "PermissionError"),
        ("connect", "PermissionError"),
        ("datagram", "PermissionError"),
        ("local", "done"),
        ("run", "done"),
        ("chroot", "OSError"),
    ] {
        assert_eq!(told[what], expected, "{what}: {told}");
    }
    assert_eq!(told["no_new_privileges"], "1", "{told}");
    assert_eq!(told["seccomp"], "2", "{told}");
}

fn an_application_that_is_not_confined_does_what_its_user_may() {
    let (told, folder) = tried("", "confinement = false\n", Vec::new());
    for what in ["passwd", "beside", "write_beside", "connect"] {
        assert_eq!(told[what], "done", "{what}: {told}");
    }
    assert!(folder.path("www/made").exists());
}

fn applications_become_the_user_of_the_server_or_their_own_and_read_large_bodies() {
    let server = "user = 65534\ngroup = 65534\n";
    let body = vec![b'x'; 1_000_000];
    let (told, _) = tried(server, "", body.clone());
    assert_eq!((&told["user"], &told["body"]), (&65534.into(), &1_000_000.into()), "{told}");
    assert_eq!(told["capabilities"], "0000000000000000", "{told}");
    let own = "user = 23456\ngroup = 34567\n";
    let (told, _) = tried(server, own, body);
    assert_eq!((&told["user"], &told["body"]), (&23456.into(), &1_000_000.into()), "{told}");
    assert_eq!(told["groups"], serde_json::json!([34567]), "{told}");
    assert_eq!(told["capabilities"], "0000000000000000", "{told}");
    assert_eq!(told["own"], "done", "{told}");
}

fn a_confined_server_sees_that_the_sources_of_an_application_have_changed() {
    let folder = Folder::new();
    let says = |word: &str| {
        let text = format!(
            "def application(environ, start_response):\n    start_response('200 OK', [('Content-Type', 'text/plain')])\n    return [b'{word}']\n"
        );
        folder.write("apps/changing.py", text);
    };
    says("one");
    folder.write("temporary/.keep", "");
    let config = format!("root = \"www\"\n{}", location("/app", "changing:application", ""));
    let file = folder.write("httpd.toml", config);
    let file = file.to_str().expect("a path of ours is text").to_owned();
    let mut command = folder.httpd(&["-v", "-c", &file]);
    command.env("TMPDIR", folder.path("temporary"));
    let server = Server::start(folder, &mut command);
    assert_eq!(server.get("/app/").expect(200).text(), "one");
    let reloaded = || {
        let output = server.folder.output(&["reload", "-c", &file]);
        assert!(output.status.success(), "{}", lossy(&output.stderr));
    };
    let before = server.get("/app/").expect(200).text().to_owned();
    reloaded();
    assert_eq!(server.get("/app/").expect(200).text(), before);
    let text = fs::read_to_string(server.folder.path("apps/changing.py")).expect("it is there");
    fs::write(server.folder.path("apps/changing.py"), text.replace("one", "another"))
        .expect("it is ours");
    reloaded();
    assert_eq!(server.get("/app/").expect(200).text(), "another");
}

fn applications_of_another_user_stay_as_they_are_through_a_reload() {
    let folder = Folder::new();
    let text = "import os\ndef application(environ, start_response):\n    \
                start_response('200 OK', [('Content-Type', 'text/plain')])\n    \
                return [str(os.getpid()).encode()]\n";
    folder.write("apps/numbered.py", text);
    let config = format!(
        "user = 65534\ngroup = 65534\nroot = \"www\"\n{}",
        location("/app", "numbered:application", "network = false\nreadable = [\"www\"]\n")
    );
    let file = folder.write("httpd.toml", &config);
    let file = file.to_str().expect("a path of ours is text").to_owned();
    let server = {
        let mut command = folder.httpd(&["-v", "-c", &file]);
        // Whoever is not root looks for Python in other places.
        let closed = folder.write("closed/python3", "");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let closed = folder.path("closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("it is ours");
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", closed.display()));
        Server::start(folder, &mut command)
    };
    let first = server.get("/app/").expect(200).text().to_owned();
    for keys in ["", "listing = true\n"] {
        server.folder.write("httpd.toml", format!("{keys}{config}"));
        let output = server.folder.output(&["reload", "-c", &file]);
        assert!(output.status.success(), "{}", lossy(&output.stderr));
        assert_eq!(server.get("/app/").expect(200).text(), first);
    }
}

fn confined_python() -> Option<String> {
    lacks::python().or_else(lacks::landlock)
}

fn python_and_root() -> Option<String> {
    lacks::python().or_else(lacks::root)
}

tests! {
    confined_python:
        a_confined_server_sees_that_the_sources_of_an_application_have_changed,
        an_application_reads_and_writes_its_own_directory_and_nothing_beside_it,
        an_application_without_a_network_connects_nowhere_and_reads_no_passwd;
    lacks::python: an_application_that_is_not_confined_does_what_its_user_may;
    python_and_root:
        applications_of_another_user_stay_as_they_are_through_a_reload,
        applications_become_the_user_of_the_server_or_their_own_and_read_large_bodies;
}
