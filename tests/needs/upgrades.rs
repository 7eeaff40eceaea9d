//! The program replaces itself while clients that other people wrote speak HTTP/2 to it.

use crate::support::process::Process;
use crate::support::{Folder, Program, Signal, lacks, lossy, noise, output, until};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

fn clients_of_http_2_notice_nothing_of_upgrades() {
    let folder = Folder::with_www();
    folder.write("www/large.bin", noise(500_000));
    let arguments = ["-v", "-b", "h2c://127.0.0.1:0", "-P", "2", "-w", "1", "www"];
    let mut program = Program::start(&mut folder.httpd(&arguments));
    let (_, rest) = program.line.split_once("http://").expect("it says where it listens");
    let address = rest.split_whitespace().next().expect("an address").to_owned();
    let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for target in ["/", "/large.bin"] {
            let (address, is_over, answered) = (&address, &is_over, &answered);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    answered.fetch_add(ask(address, target), Ordering::Relaxed);
                }
            });
        }
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _over = Over(&is_over);
        for _ in 0..5 {
            let before = program.process().serving();
            let enough = answered.load(Ordering::Relaxed) + 2 * REQUESTS;
            until("requests are answered", || answered.load(Ordering::Relaxed) >= enough);
            program.signal(Signal::USR2);
            program.says("upgraded to httpd ");
            let serve = |all: std::collections::BTreeSet<Process>| {
                all.len() == 2 && all.is_disjoint(&before)
            };
            until("the old processes have ended", || serve(program.process().serving()));
        }
    });
    println!("{} requests", answered.load(Ordering::Relaxed));
}

/// Many requests on one connection, most at a time. How many: all are answered.
fn ask(address: &str, target: &str) -> usize {
    let mut command = Command::new("nghttp");
    command.args(["--null-out", "--stat", "--multiply", &REQUESTS.to_string()]);
    command.arg(format!("http://{address}{target}")).stdin(Stdio::null());
    let output = output(&mut command);
    let said = lossy(&output.stdout);
    assert!(output.status.success(), "{}", lossy(&output.stderr));
    assert_eq!(said.matches(" 200 ").count(), REQUESTS, "{said}");
    REQUESTS
}

const REQUESTS: usize = 50;

tests! {
    lacks::nghttp: clients_of_http_2_notice_nothing_of_upgrades,
}
