//! Sockets that a service manager has opened (sd_listen_fds(3)). Its part is played by a script, because they are
//! descriptors with certain numbers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use crate::support::program::{HTTPD, connect};
use crate::support::{
    Child, Folder, Lines, PATIENCE, Program, Signal, lacks, lossy, output, until,
};

/// Opens sockets, prints their ports, and starts the program with them: once, in its own process, or each time that
/// somebody connects while it does not run.
const MANAGER: &str = r#"
import os, select, signal, socket, sys
mode, names, kinds, arguments = sys.argv[1], sys.argv[2], sys.argv[3].split(), sys.argv[4:]
sockets, ports = [], []
for kind in kinds:
    word, _, rest = kind.partition("=")
    if word in ("tcp", "bound", "udp"):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if word == "udp" else socket.SOCK_STREAM)
        made.bind(("127.0.0.1", 0))
    elif word == "both":
        made = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind(("::", 0))
    elif word == "unix":
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.bind("\0" + rest[1:] if rest.startswith("@") else rest)
    elif word == "file":
        made = open("/dev/null")
    if word in ("tcp", "both", "unix"):
        made.listen(128)
    if word in ("tcp", "both"):
        ports.append(made.getsockname()[1])
    sockets.append(made)
print(*ports, flush=True)
def become():
    high = [os.dup2(it.fileno(), 100 + place) for place, it in enumerate(sockets)]
    for place, it in enumerate(high):
        os.dup2(it, 3 + place)
    os.closerange(3 + len(high), 200)
    if mode != "nothing":
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.environ.setdefault("LISTEN_FDS", str(len(high)))
        os.environ["LISTEN_FDNAMES"] = names
    os.execv(arguments[0], arguments)
if mode != "again":
    become()
def end(*_):
    if child: os.kill(child, signal.SIGTERM); os.waitpid(child, 0)
    os._exit(0)
child = 0
signal.signal(signal.SIGTERM, end)
while True:
    select.select(sockets, [], [])
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        become()
    os.waitpid(child, 0)
    child = 0
"#;

/// The service manager with these sockets: names, and what they are.
fn manager(folder: &Folder, mode: &str, names: &str, kinds: &str) -> Command {
    let mut command = folder.command("python3", &["-c", MANAGER, mode, names, kinds, HTTPD]);
    command.args(["-v", "-c", "httpd.toml"]);
    command
}

fn configure(folder: &Folder, text: &str) {
    folder.write("httpd.toml", format!("{text}root = \"www\"\n"));
}

/// Starts it, and says at which ports the sockets are.
fn start(folder: &Folder, names: &str, kinds: &str) -> (Program, Vec<SocketAddr>) {
    let mut program = Program::start(&mut manager(folder, "once", names, kinds));
    let line = Lines::of(program.child.stdout.take().expect("it is piped")).next_line();
    let ports = line.expect("it is printed");
    let address = |port: &str| SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port")));
    let addresses = ports.split_whitespace().map(address).collect();
    (program, addresses)
}

fn get(address: SocketAddr) -> String {
    ask(connect(address))
}

fn ask(mut stream: impl Read + Write) -> String {
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it is open");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("it answers");
    reply.split_once("\r\n\r\n").map_or(reply.clone(), |(_, body)| body.to_owned())
}

fn sockets_of_each_kind_are_served_by_their_names() {
    for kind in ["supervisor = false\n", "", "processes = 2\nworkers = 3\n"] {
        let folder = Folder::with_www();
        let status = "[status]\nlisten = \"systemd:watch\"\n";
        let listen = "listen = [\"systemd:web\", \"systemd:local\"]\nroot = \"www\"\n";
        folder.write("httpd.toml", format!("{kind}{listen}{status}"));
        let path = folder.path("x.sock");
        let kinds = format!("tcp unix={} tcp both", path.display());
        let (mut program, ports) = start(&folder, "web:local:watch:web", &kinds);
        // Every process and worker has them.
        for _ in 0..30 {
            assert_eq!((get(ports[0]), get(ports[2])), ("from www\n".into(), "from www\n".into()));
            assert_eq!(ask(UnixStream::connect(&path).expect("it listens")), "from www\n");
        }
        assert!(get(ports[1]).contains("<h1>httpd</h1>"), "the status");
        let own = program.process();
        assert_eq!(own.listeners_and_connections().0, 3, "no other is open: {kind}");
        program.signal(Signal::TERM);
        program.says("stopping when open requests have ended");
        assert_eq!(program.end().0, Some(0));
        assert!(path.exists(), "whoever made it removes it");
    }
}

fn a_name_that_is_not_passed_is_an_error_that_says_what_is() {
    let folder = Folder::with_www();
    for (listen, names, kinds, expected) in [
        (
            "systemd:web",
            "http:https",
            "tcp tcp",
            "has passed \"http\", \"https\", and none of this name: set FileDescriptorName=",
        ),
        (
            "systemd:web",
            "web",
            "udp",
            "descriptor 3: it is a socket for datagrams: write ListenStream=",
        ),
        (
            "systemd:web",
            "web",
            "bound",
            "descriptor 3: it does not listen: write ListenStream= and Accept=no",
        ),
        ("systemd:web", "web", "file", "descriptor 3 is no open socket"),
        ("systemd:web", "a:web", "tcp file", "descriptor 4 is no open socket"),
        (
            "https://systemd:web",
            "web",
            "unix=@httpd-test-unused",
            "it is a Unix socket, which has no TLS: write \"systemd:web\"",
        ),
    ] {
        configure(&folder, &format!("listen = \"{listen}\"\n"));
        let mut command = manager(&folder, "once", names, kinds);
        if listen.starts_with("https") {
            command.arg("--tls");
        }
        let output = output(command.stdin(Stdio::null()));
        let said = lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("cannot listen on systemd:web: ") && said.contains(expected),
            "{said}"
        );
    }
    configure(&folder, "listen = \"systemd:web\"\n");
    let nothing = output(manager(&folder, "nothing", "", "tcp").stdin(Stdio::null()));
    let said = lossy(&nothing.stderr);
    assert!(
        nothing.status.code() == Some(1) && said.contains("no service manager has passed a socket"),
        "{said}"
    );
}

fn what_nobody_asks_for_is_said_and_closed() {
    let folder = Folder::with_www();
    configure(&folder, "listen = \"systemd:web\"\n");
    let (mut program, ports) = start(&folder, "web:old:strange", "tcp tcp udp");
    assert_eq!(get(ports[0]), "from www\n");
    for name in ["old", "strange"] {
        let line = format!("listen = \"systemd:{name}\" asks for it: it is closed");
        assert!(program.log().seen().contains(&line), "{name}: {}", program.log().seen());
    }
    assert!(TcpStream::connect_timeout(&ports[1], PATIENCE).is_err(), "it is closed");
}

fn what_cannot_be_is_refused_before_anything_is_taken() {
    let folder = Folder::with_www();
    configure(&folder, "listen = \"systemd:web\"\n");
    for (count, expected) in [
        ("-1", "LISTEN_FDS=-1 is no number from 0 to 253"),
        ("two", "LISTEN_FDS=two is no number"),
        ("99999999999", "LISTEN_FDS=99999999999 is no number"),
        ("", "LISTEN_FDS= is no number"),
        ("2", "LISTEN_FDNAMES has 1 names for 2 sockets"),
    ] {
        let mut command = manager(&folder, "once", "web", "tcp");
        let output = output(command.env("LISTEN_FDS", count).stdin(Stdio::null()));
        let said = lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{count}: {said}");
        assert!(said.contains(expected), "{count}: {said}");
    }
    // More than there are, with names.
    let mut command = manager(&folder, "once", "other:web", "tcp");
    let output = output(command.env("LISTEN_FDS", "2").stdin(Stdio::null()));
    let said = lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains("descriptor 4 is no open socket"),
        "{said}"
    );
    // A variable of the process that has started this one.
    let mut command = folder.httpd(&["-c", "httpd.toml"]);
    let output = crate::support::output(command.env("LISTEN_PID", "1").env("LISTEN_FDS", "1"));
    let said = lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains("no service manager has passed"),
        "{said}"
    );
}

fn a_reload_keeps_them_and_an_upgrade_hands_them_on() {
    let folder = Folder::with_www();
    let both = "processes = 2\nlisten = [\"systemd:web\", \"systemd:more\"]\n";
    configure(&folder, both);
    let (program, ports) = start(&folder, "web:more", "tcp tcp");
    let order = |word: &str| {
        let output = folder.output(&[word, "-c", "httpd.toml"]);
        (output.status.code(), lossy(&output.stderr))
    };
    for word in ["reload", "upgrade", "reload", "upgrade", "reload"] {
        assert_eq!(order(word), (Some(0), String::new()), "{word}");
        for port in &ports {
            assert_eq!(get(*port), "from www\n");
        }
    }
    // One is given up, and cannot come back.
    configure(&folder, "processes = 2\nlisten = \"systemd:web\"\n");
    assert_eq!(order("reload").0, Some(0));
    configure(&folder, both);
    let (code, said) = order("reload");
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("cannot listen on systemd:more: ") && said.contains("restart the service"),
        "{said}"
    );
    let killed = program.process().serving();
    killed.iter().for_each(|process| process.send(Signal::KILL));
    until("others are there", || {
        let now = program.process().serving();
        now.len() == 2 && now.is_disjoint(&killed)
    });
    until("they serve", || get_now(ports[0]).is_some_and(|it| it == "from www\n"));
    program.signal(Signal::TERM);
    assert_eq!(program.end().0, Some(0));
}

fn get_now(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(std::time::Duration::from_millis(500))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).ok()?;
    reply.split_once("\r\n\r\n").map(|(_, body)| body.to_owned())
}

/// Clients that come while the server is stopped start it, and none is refused.
fn no_client_is_refused_while_the_server_is_restarted() {
    let folder = Folder::with_www();
    configure(&folder, "processes = 2\nlisten = \"systemd:web\"\n");
    let mut command = manager(&folder, "again", "web", "tcp");
    let mut child = Child::spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()));
    let line = Lines::of(child.stdout.take().expect("it is piped")).next_line().expect("a port");
    let port = line.trim().parse().expect("a port");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    for _ in 0..5 {
        // The first of them starts it.
        for _ in 0..10 {
            assert_eq!(get(address), "from www\n");
        }
        let waiting: Vec<TcpStream> = (0..20).map(|_| connect(address)).collect();
        let stopped = folder.output(&["stop", "-c", "httpd.toml"]);
        assert_eq!(stopped.status.code(), Some(0), "{}", lossy(&stopped.stderr));
        let late: Vec<TcpStream> = (0..20).map(|_| connect(address)).collect();
        for stream in late {
            assert_eq!(ask(stream), "from www\n");
        }
        drop(waiting);
    }
    let stopped = folder.output(&["stop", "-c", "httpd.toml"]);
    assert_eq!(stopped.status.code(), Some(0));
}

fn a_client_of_ipv4_is_one_at_a_socket_for_both_families() {
    let folder = Folder::with_www();
    let rule = "deny = [\"127.0.0.1\"]\n";
    configure(&folder, &format!("listen = \"systemd:web\"\naccess_log = \"a.log\"\n{rule}"));
    let (_program, ports) = start(&folder, "web", "both");
    let mut stream = connect(ports[0]);
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("it is open");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("it answers");
    assert!(reply.starts_with("HTTP/1.1 403 "), "{reply}");
    let log = || std::fs::read_to_string(folder.path("a.log")).unwrap_or_default();
    until("it is logged", || log().starts_with("127.0.0.1 - - ["));
}

tests! {
    lacks::python:
        sockets_of_each_kind_are_served_by_their_names,
        a_name_that_is_not_passed_is_an_error_that_says_what_is,
        what_nobody_asks_for_is_said_and_closed,
        what_cannot_be_is_refused_before_anything_is_taken,
        a_reload_keeps_them_and_an_upgrade_hands_them_on,
        no_client_is_refused_while_the_server_is_restarted;
    lacks::python_and_ipv6:
        a_client_of_ipv4_is_one_at_a_socket_for_both_families;
}
