//! The program as the first process of a container.

use crate::support::process::Process;
use crate::support::program::HTTPD;
use crate::support::{Folder, Program, lacks, until};
use std::fs;

fn the_first_process_of_a_container_reaps_orphans() {
    let folder = Folder::with_www();
    for processes in ["1", "2"] {
        let script = format!("(sleep 0.3 &); exec {HTTPD} -p 0 -w 1 -P {processes} www");
        let mut command = folder.command("unshare", &lacks::NAMESPACE);
        let program = Program::start(command.args(["sh", "-c", &script]));
        let parent =
            |id: u32| move |it: &Process| it.stat("stat").is_some_and(|(_, parent)| parent == id);
        let init = Process::all().into_iter().find(parent(program.child.id())).expect("it runs");
        let is_orphan = |it: &Process| {
            parent(init.0)(it)
                && fs::read_to_string(it.path("comm")).is_ok_and(|name| name.trim() == "sleep")
        };
        until("the orphan is reaped", || !Process::all().iter().any(is_orphan));
        program.get("/").expect(200).body("from www\n");
    }
}

tests! {
    lacks::process_namespace: the_first_process_of_a_container_reaps_orphans,
}
