//! What runs short on a machine: the server goes on, says it in one line, and counts it.

use crate::support::client::Request;
use crate::support::program::HTTPD;
use crate::support::{Folder, Program, lacks, lossy, until};
use httpd::Address;
use std::fs;

const CONFIG: &str = "listen = \"127.0.0.1:0\"\nroot = \"www\"\nmethods = [\"GET\", \"HEAD\", \"PUT\"]\n[status]\nlisten = \"127.0.0.1:0\"\n";

/// A program that starts after this command of a shell, in a namespace of its own, and the address of its status.
fn start(folder: &Folder, before: &str) -> (Program, Address) {
    folder.write("httpd.toml", CONFIG);
    let script = format!("{before} && exec {HTTPD} -c httpd.toml -w 1");
    let mut command = folder.command("unshare", &lacks::OWN_MOUNTS);
    let program = Program::start(command.args(["sh", "-c", &script]));
    let place = program.line.split_once(" status=http://").expect("it says where").1;
    let place = place.split(' ').next().and_then(|it| it.parse().ok()).expect("an address");
    (program, Address::Tcp(place))
}

/// The number of a series that has no labels.
fn number(status: &Address, series: &str) -> f64 {
    let metrics = lossy(&Request::new(status, "GET", "/metrics").send().body);
    let found = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("{series} in {metrics}"))
}

fn when_no_more_directories_can_be_watched_files_are_still_never_stale() {
    let folder = Folder::with_www();
    for name in ["a", "b", "c"] {
        folder.write(format!("www/{name}/file.txt"), "old");
    }
    let (mut program, status) = start(&folder, "echo 2 > /proc/sys/user/max_inotify_watches");
    for name in ["a", "b", "c"] {
        program.get(&format!("/{name}/file.txt")).expect(200).body("old");
    }
    let line = program.says("no more directories can be watched");
    assert!(line.contains("fs.inotify.max_user_watches"), "{line}");
    assert!(number(&status, "httpd_cache_watches_refused_total") >= 1.0);
    for name in ["a", "b", "c"] {
        fs::write(folder.path(format!("www/{name}/file.txt")), "fresh").expect("it can be written");
        program.get(&format!("/{name}/file.txt")).expect(200).body("fresh");
    }
}

fn when_the_disk_is_full_an_upload_is_refused_and_everything_else_goes_on() {
    let folder = Folder::with_www();
    let (program, status) =
        start(&folder, "mount -t tmpfs -o size=128k none www && echo small > www/a.txt");
    let put = |bytes: usize| {
        Request::new(program.address(), "PUT", "/large").content(vec![b'x'; bytes]).send()
    };
    put(1_000_000).expect(507);
    until("it is counted", || number(&status, "httpd_disk_failures_total") >= 1.0);
    program.get("/a.txt").expect(200).body("small\n");
    put(1000).expect(201);
    program.get("/large").expect(200);
}

tests! {
    lacks::own_mounts:
        when_no_more_directories_can_be_watched_files_are_still_never_stale,
        when_the_disk_is_full_an_upload_is_refused_and_everything_else_goes_on,
}
