//! A limit of descriptors that leaves too few for an application, or just enough.

use crate::support::program::HTTPD;
use crate::support::{Client, Folder, Program, Signal, lacks};

fn a_limit_that_is_too_small_for_an_application_is_said_and_the_one_that_is_named_will_do() {
    let folder = with_application();
    let mut program = start(&folder, 64);
    let said = program.log().seen().to_owned();
    assert!(said.contains("RLIMIT_NOFILE = 64 is too small for this configuration"), "{said}");
    let (_, needed) = said.split_once("(ulimit -n ").expect("it says what to do");
    let needed: u32 = needed.split(',').next().and_then(|it| it.parse().ok()).expect("a number");
    for _ in 0..3 {
        program.get("/").expect(200).body("from app\n");
    }
    program.signal(Signal::TERM);
    assert_eq!(program.end().0, Some(0));

    let mut program = start(&folder, needed);
    let said = program.log().seen().to_owned();
    assert!(!said.contains("too small") && said.contains("connections_max is 32 "), "{said}");
    let mut clients: Vec<Client> = (0..32).map(|_| program.connect()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").reply().expect(200).body("from app\n");
    }
    program.signal(Signal::TERM);
    assert_eq!(program.end().0, Some(0));
}

fn with_application() -> Folder {
    let folder = Folder::new();
    folder.write(
        "app.py",
        "def app(environ, start_response):\n    \
             start_response('200 OK', [('Content-Type', 'text/plain')])\n    \
             return [b'from app\\n']\n",
    );
    folder
}

fn start(folder: &Folder, limit: u32) -> Program {
    let program = format!("{HTTPD} -v -h 127.0.0.1 -p 0 -w 1 --wsgi app:app");
    Program::start(
        &mut folder.command("sh", &["-c", &format!("ulimit -n {limit} && exec {program}")]),
    )
}

tests! {
    lacks::python:
        a_limit_that_is_too_small_for_an_application_is_said_and_the_one_that_is_named_will_do,
}
