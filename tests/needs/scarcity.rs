//! What runs short on a machine: the server goes on, says it in one line, and counts it.

use crate::support::client::Request;
use crate::support::process::Process;
use crate::support::program::{HTTPD, unprivileged};
use crate::support::{Client, Folder, Program, Signal, lacks, lossy, noise, output, until};
use httpd::Address;
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{fs, io, thread};

const CONFIG: &str = "listen = \"127.0.0.1:0\"\nroot = \"www\"\nmethods = [\"GET\", \"HEAD\", \"PUT\"]\n[status]\nlisten = \"127.0.0.1:0\"\n";

/// A program that starts after this command of a shell, in a namespace of its own, and the address of its status.
fn start(folder: &Folder, before: &str) -> (Program, Address) {
    start_with(folder, "", before)
}

/// The same with more in its configuration.
fn start_with(folder: &Folder, config: &str, before: &str) -> (Program, Address) {
    folder.write("httpd.toml", format!("{CONFIG}{config}"));
    let script = format!("{before} && exec {HTTPD} -c httpd.toml -w 1");
    let mut command = folder.command("unshare", &lacks::OWN_MOUNTS);
    started(command.args(["sh", "-c", &script]))
}

fn started(command: &mut Command) -> (Program, Address) {
    let program = Program::start(command);
    let place = program.line.split_once(" status=http://").expect("it says where").1;
    let place = place.split(' ').next().and_then(|it| it.parse().ok()).expect("an address");
    (program, Address::Tcp(place))
}

/// Lets a process have no more of something than this.
fn bound(process: Process, resource: Resource, most: u64) {
    let id = i32::try_from(process.0).ok().and_then(Pid::from_raw).expect("proc(5)");
    let limit = Rlimit { current: Some(most), maximum: getrlimit(resource).maximum };
    prlimit(Some(id), resource, limit).expect("it is a process of this test");
}

/// Ends it; demands that it said this in one line, however often it happened.
#[track_caller]
fn said_once(mut program: Program, words: &str) {
    let before = program.log().seen().to_owned();
    program.signal(Signal::TERM);
    let (code, rest) = program.end();
    let said = before + &rest;
    assert_eq!((code, said.matches(words).count()), (Some(0), 1), "{said}");
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

fn when_descriptors_run_out_connections_wait_until_there_are_some() {
    let folder = Folder::with_www();
    folder.write("httpd.toml", CONFIG);
    let (mut program, status) = started(&mut folder.httpd(&["-c", "httpd.toml", "-w", "1"]));
    program.get("/").expect(200);
    let serving = program.serving();
    until("its connections are gone", || serving.listeners_and_connections().1 == 0);
    bound(serving, Resource::Nofile, program.descriptors() as u64 + 5);
    let mut clients: Vec<Client> = (0..30).map(|_| program.connect()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    program.says("no new connections for now");
    bound(serving, Resource::Nofile, 1000);
    for client in &mut clients {
        client.reply().expect(200).body("from www\n");
    }
    assert!(number(&status, "httpd_accept_pauses_total") >= 1.0);
    drop(clients);
    said_once(program, "no new connections for now");
}

fn when_the_system_gives_no_threads_requests_are_served_all_the_same() {
    let folder = Folder::with_www();
    folder.write("www/listed/a.txt", "x");
    folder.write(
        "httpd.toml",
        format!("{CONFIG}[[location]]\npath = \"/listed/\"\nlisting = true\n"),
    );
    let (program, status) = started(&mut unprivileged(&folder, &["-c", "httpd.toml", "-w", "1"]));
    // Only its own user may do this to it.
    let id = program.serving().0.to_string();
    let prlimit = ["prlimit", "--nproc=1:1", "--pid", &id];
    let give_up: &[&str] = if rustix::process::geteuid().is_root() { &lacks::GIVE_UP } else { &[] };
    let output = output(&mut folder.command("env", &[&["setpriv"], give_up, &prlimit].concat()));
    assert!(output.status.success(), "{}", lossy(&output.stderr));
    for _ in 0..3 {
        assert!(program.get("/listed/").expect(200).text().contains("a.txt"));
        program.get("/").expect(200).body("from www\n");
    }
    assert!(number(&status, "httpd_pool_thread_failures_total") >= 3.0);
    said_once(program, "the system gives no thread to the");
}

fn a_process_that_runs_out_of_memory_is_replaced_and_the_others_wait() {
    let folder = Folder::with_www();
    folder.write("httpd.toml", CONFIG);
    let (mut program, _) = started(&mut folder.httpd(&["-c", "httpd.toml", "-w", "1"]));
    let serving = program.serving();
    let pages = fs::read_to_string(serving.path("statm")).expect("it is running");
    let pages: u64 = pages.split(' ').next().and_then(|it| it.parse().ok()).expect("a number");
    bound(serving, Resource::As, pages * 4096 + (4 << 20));
    // Bodies that wait in memory for their end.
    let head = "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 61000\r\n\r\n";
    let mut clients = Vec::new();
    until("there is no more memory", || {
        if let Ok(mut client) = Client::try_connect(program.address()) {
            let _ = client.try_send(&[head.as_bytes(), &noise(60_000)].concat());
            clients.push(client);
        }
        !serving.is_running()
    });
    let mut waiting = program.connect();
    waiting.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    program.says("was killed by signal 6");
    waiting.reply().expect(200).body("from www\n");
    drop((clients, waiting));
    said_once(program, "was killed by signal 6");
}

/// Bodies that are more than there may be in memory: all of them are stored, and who is connected already is served.
fn bodies_are_stored_although_memory_is_short(
    folder: &Folder,
    mut program: Program,
    status: &Address,
) {
    let serving = program.serving();
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut early = program.connect();
    early.send(get).reply().expect(200);
    let begin = |number| {
        let mut client = program.connect();
        let length = format!("Content-Length: {BODY_BYTES}");
        client.send(format!("PUT /{number} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n"));
        client
    };
    let mut clients: Vec<Client> = (0..BODIES).map(begin).collect();
    until("all are accepted", || {
        number(status, "httpd_connections_accepted_total") > BODIES as f64
    });
    let content = noise(BODY_BYTES);
    let (most, rest) = content.split_at(BODY_BYTES - 100);
    for client in &mut clients {
        client.send(most);
    }
    until("memory is short", || number(status, "httpd_memory_shortages_total") >= 1.0);
    let mut late = program.connect();
    late.send(get);
    early.send(get).reply().expect(200).body("from www\n");
    for client in &mut clients {
        client.send(rest);
    }
    for client in &mut clients {
        client.reply_to("PUT").expect(201);
    }
    late.reply().expect(200).body("from www\n");
    for number in 0..BODIES {
        let stored = fs::read(folder.path(format!("www/{number}"))).expect("it is stored");
        assert!(stored == content, "{number} is another");
    }
    assert_eq!(program.serving(), serving, "it was replaced");
    assert!(program.says("memory is short").contains("are in use"));
    drop((clients, early, late));
    said_once(program, "memory is short");
}

/// Together one and a half times the memory.
const BODIES: usize = 210;
const BODY_BYTES: usize = 900_000;
const LARGE_BODIES: &str = "[limits]\nbody_memory_bytes_max = \"1MiB\"\nbody_timeout = \"120s\"\n";

fn when_memory_is_short_bodies_go_to_the_disk() {
    let group = ControlGroup::of_bytes(128 << 20).expect("it can be made");
    let folder = Folder::with_www();
    folder.write("httpd.toml", format!("{CONFIG}{LARGE_BODIES}"));
    let enter = group.0.join("cgroup.procs").display().to_string();
    let script = format!("echo $$ > {enter} && exec {HTTPD} -c httpd.toml -w 1");
    let (program, status) = started(&mut folder.command("sh", &["-c", &script]));
    bodies_are_stored_although_memory_is_short(&folder, program, &status);
}

/// A control group of the test's own.
struct ControlGroup(PathBuf);

impl ControlGroup {
    fn of_bytes(bytes: u64) -> io::Result<ControlGroup> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("httpd-test-{}-{number}", std::process::id());
        let [by_kind, unified] = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"].map(Path::new);
        let (root, bound) = match by_kind.join("memory.limit_in_bytes").exists() {
            true => (by_kind, "memory.limit_in_bytes"),
            false => (unified, "memory.max"),
        };
        let group = ControlGroup(root.join(name));
        fs::create_dir(&group.0)?;
        fs::write(group.0.join(bound), bytes.to_string())?;
        Ok(group)
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // The kernel may still be at the end of the last process.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn control_groups() -> Option<String> {
    let made = ControlGroup::of_bytes(128 << 20);
    made.err().map(|error| format!("no control group can be made: {error}"))
}

fn when_the_disk_of_a_log_is_full_lines_are_lost_and_counted_and_no_request_waits() {
    let folder = Folder::with_www();
    fs::create_dir(folder.path("logs")).expect("there is room");
    let (mut program, status) = start_with(
        &folder,
        "[access_log]\nfile = \"logs/access.log\"\n",
        "mount -t tmpfs -o size=16k none logs && head -c 12k /dev/zero > logs/filler",
    );
    // More than what is left, in lines that are handed over one after the other.
    let long = "x".repeat(4000);
    until("the disk is full", || {
        program.get(&format!("/{long}")).expect(404);
        number(&status, "httpd_log_lines_dropped_total") >= 3.0
    });
    program.says("cannot write the access log");
    let inside = format!("root{}", folder.path("logs/filler").display());
    fs::remove_file(program.serving().path(&inside)).expect("it is there");
    let again = until("lines are written again", || {
        program.get("/").expect(200);
        let line =
            program.log().seen().lines().find(|it| it.contains("are lost")).map(str::to_owned);
        line.or_else(|| Some(program.says("are lost")))
    });
    assert!(again.contains("lines of the access log"), "{again}");
    said_once(program, "cannot write the access log");
}

/// A Python, and file systems of the test's own.
fn python_and_own_mounts() -> Option<String> {
    lacks::python().or_else(lacks::own_mounts)
}

const APPLICATION: &str = "def app(environ, start_response):\n    \
    n = len(environ['wsgi.input'].read())\n    \
    start_response('200 OK', [('Content-Type', 'text/plain')])\n    \
    return [b'%d\\n' % n] if environ['REQUEST_METHOD'] == 'POST' else (b'x' * 100000 for _ in range(100))\n";

fn start_with_full_temporary_directory(folder: &Folder) -> (Program, Address) {
    folder.write("app.py", APPLICATION);
    fs::create_dir(folder.path("spool")).expect("there is room");
    let location = "[[location]]\npath = \"/app\"\nwsgi = \"app:app\"\n";
    let mount = "mount -t tmpfs -o size=256k none spool && export TMPDIR=$PWD/spool";
    start_with(folder, location, mount)
}

fn when_the_temporary_directory_is_full_large_bodies_are_refused_and_small_ones_are_not() {
    let folder = Folder::with_www();
    let (program, status) = start_with_full_temporary_directory(&folder);
    let post = |bytes: usize| {
        Request::new(program.address(), "POST", "/app").content(vec![b'x'; bytes]).send()
    };
    for _ in 0..3 {
        post(1_000_000).expect(507);
        post(1000).expect(200).body("1000\n");
        post(150_000).expect(200).body("150000\n");
    }
    assert!(number(&status, "httpd_disk_failures_total") >= 3.0);
    said_once(program, "bodies of requests cannot be written to the disk: the disk is full");
}

fn when_the_temporary_directory_is_full_responses_wait_for_slow_clients() {
    let folder = Folder::with_www();
    let (mut program, status) = start_with_full_temporary_directory(&folder);
    let mut clients: Vec<Client> = (0..3).map(|_| program.connect()).collect();
    for client in &mut clients {
        client.send("GET /app HTTP/1.1\r\nHost: x\r\n\r\n").reply_head("GET").expect(200);
    }
    until("it is counted", || number(&status, "httpd_disk_failures_total") >= 1.0);
    program.says("responses cannot wait there for slow clients");
    for client in &mut clients {
        let mut bytes = 0;
        loop {
            match client.try_chunk().expect("nothing is cut").len() {
                0 => break,
                length => bytes += length,
            }
        }
        assert_eq!(bytes, 10_000_000);
    }
    drop(clients);
    said_once(program, "responses cannot wait there for slow clients");
}

fn a_root_that_is_mounted_over_or_unmounted_is_noticed() {
    let folder = Folder::with_www();
    folder.write("www/a.txt", "beneath\n");
    let (mut program, status) = start_with(
        &folder,
        "[log]\nlevel = \"info\"\n",
        "mount -t tmpfs none www && echo mounted > www/a.txt",
    );
    program.get("/a.txt").expect(200).body("mounted\n");
    let www = folder.path("www").display().to_string();
    let id = program.child.id().to_string();
    let enter = ["--target", &id, "--user", "--mount", "--preserve-credentials", "--"];
    let inside = |command: &[&str]| {
        let output = output(&mut folder.command("nsenter", &[&enter[..], command].concat()));
        assert!(output.status.success(), "{}", lossy(&output.stderr));
    };
    inside(&["umount", "--lazy", &www]);
    until("what is beneath is served", || program.get("/a.txt").expect(200).body == b"beneath\n");
    program.says("another directory is there now, and is served");
    assert!(number(&status, "httpd_root_changes_total") >= 1.0);
    inside(&["mount", "-t", "tmpfs", "none", &www]);
    until("what is mounted is served", || program.get("/a.txt").status == 404);
}

tests! {
    lacks::nothing:
        when_descriptors_run_out_connections_wait_until_there_are_some,
        a_process_that_runs_out_of_memory_is_replaced_and_the_others_wait;
    control_groups:
        when_memory_is_short_bodies_go_to_the_disk;
    lacks::unprivileged:
        when_the_system_gives_no_threads_requests_are_served_all_the_same;
    lacks::own_mounts:
        when_no_more_directories_can_be_watched_files_are_still_never_stale,
        when_the_disk_is_full_an_upload_is_refused_and_everything_else_goes_on,
        when_the_disk_of_a_log_is_full_lines_are_lost_and_counted_and_no_request_waits,
        a_root_that_is_mounted_over_or_unmounted_is_noticed;
    python_and_own_mounts:
        when_the_temporary_directory_is_full_large_bodies_are_refused_and_small_ones_are_not,
        when_the_temporary_directory_is_full_responses_wait_for_slow_clients;
}
