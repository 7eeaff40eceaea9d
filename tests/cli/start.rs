//! Flags, environment and files; what is said of them, and how it ends.

use crate::support::client::Request;
use crate::support::program::HTTPD;
use crate::support::{Child, Folder, Program, Signal, lossy, output, until};
use httpd::Address;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

#[test]
fn help_and_version_go_to_standard_output() {
    let folder = Folder::with_www();
    for flag in ["-h", "--help"] {
        let output = folder.output(&[flag]);
        assert_eq!(output.status.code(), Some(0), "{flag}");
        let text = lossy(&output.stdout);
        for word in ["--config", "--root", "--port", "--host", "--workers", "--log", "HTTPD_ROOT"] {
            assert!(text.contains(word), "{word} is not in {text}");
        }
    }
    for flag in ["-V", "--version"] {
        let output = folder.output(&[flag]);
        assert_eq!(output.status.code(), Some(0), "{flag}");
        assert_eq!(lossy(&output.stdout), concat!("httpd ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn what_is_asked_wrongly_ends_with_2() {
    let folder = Folder::with_www();
    let table: [(&[&str], &str); 10] = [
        (&["--nonsense"], "--nonsense"),
        (&["-p", "70000"], "must be a port from 0 to 65535"),
        (&["-w", "0"], "must be \"auto\" or a number from 1"),
        (&["www", "-r", "."], "two directories to serve"),
        (&["-h", "./www"], "is a path"),
        (&["-h", "nowhere.invalid", "www"], "-h: "),
        (&["nowhere"], "httpd: cannot serve \"nowhere\": no such directory\n"),
        (&["shop:app"], "no such directory; to run an application, write --wsgi shop:app"),
        (&["8000"], "no such directory; to listen on port 8000, write -p 8000"),
        (
            &["-b", "8000", "www"],
            "write \":8000\" for everyone, or \"localhost:8000\" for this machine only",
        ),
    ];
    for (arguments, expected) in table {
        let output = folder.output(arguments);
        let text = lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}

#[test]
fn a_tested_configuration_is_fine_or_the_errors_say_why_not() {
    let folder = Folder::with_www();
    let fine = folder.write("fine.toml", "root = \"www\"\n[log]\nfile = \"made.log\"\n");
    let output = folder.output(&["-t", "-c", "fine.toml"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(lossy(&output.stdout), "configuration fine.toml is fine\n");
    assert!(fine.exists() && !folder.path("made.log").exists());

    folder.write(
        "bad.toml",
        "rooot = \"www\"\nlisten = [\"localhost:8080\"]\nworkers = 0\nroot = \"gone\"\n",
    );
    let output = folder.output(&["-t", "-c", "bad.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        lossy(&output.stderr),
        "httpd: bad.toml:1:1: unknown key \"rooot\"; did you mean \"root\"?\n\
         httpd: bad.toml:3:11: workers must be at least 1\n\
         httpd: bad.toml:4:8: cannot serve \"gone\": no such directory; set this key to the directory to serve\n"
    );
    let output = folder.output(&["-c", "gone.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        lossy(&output.stderr),
        "httpd: gone.toml: cannot read the configuration: it does not exist\n"
    );
}

#[test]
fn the_shipped_configuration_is_fine_and_serves_its_page() {
    let folder = Folder::with_www();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/httpd.toml");
    assert_eq!(folder.output(&["-t", "-c", shipped]).status.code(), Some(0));
    let serving = Program::start(&mut folder.httpd(&["-c", shipped, "-p", "0"]));
    let reply = serving.get("/");
    assert!(reply.expect(200).text().contains("<h1>It works.</h1>"), "{reply:?}");
}

#[test]
fn a_directory_is_served_on_a_free_port_to_this_machine() {
    let folder = Folder::with_www();
    let serving = Program::start(&mut folder.httpd(&["-p", "0", "www"]));
    assert!(serving.addresses().iter().all(|it| it.ip().is_loopback() && it.port() != 0));
    serving.get("/").expect(200).body("from www\n");
    assert!(serving.line.contains(&format!("root={:?}", folder.path("www"))), "{}", serving.line);
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let folder = Folder::with_www();
    for name in ["flag", "env", "file"] {
        folder.write(format!("{name}/index.html"), format!("from {name}\n"));
    }
    folder.write("httpd.toml", "listen = \"localhost:0\"\nroot = \"file\"\nworkers = 1\n");
    let serve = |arguments: &[&str], variables: &[(&str, &str)]| {
        Program::start(folder.httpd(arguments).envs(variables.iter().copied()))
    };
    let by_file = serve(&["-c", "httpd.toml"], &[]);
    by_file.get("/").expect(200).body("from file\n");
    assert!(by_file.line.contains(" workers=1\n"), "{}", by_file.line);

    let variables = [("HTTPD_CONFIG", "httpd.toml"), ("HTTPD_ROOT", "env"), ("HTTPD_WORKERS", "2")];
    let by_environment = serve(&[], &variables);
    by_environment.get("/").expect(200).body("from env\n");
    assert!(by_environment.line.contains(" workers=2\n"), "{}", by_environment.line);

    let by_flag = serve(&["-r", "flag", "-w", "3"], &variables);
    by_flag.get("/").expect(200).body("from flag\n");
    assert!(by_flag.line.contains(" workers=3\n"), "{}", by_flag.line);
}

#[test]
fn a_given_host_replaces_the_hosts_of_the_file() {
    let folder = Folder::with_www();
    folder.write("httpd.toml", "listen = [\"localhost:0\", \"unix:x.sock\"]\nroot = \"www\"\n");
    let serving = Program::start(&mut folder.httpd(&["-c", "httpd.toml", "-h", "127.0.0.2"]));
    let hosts: Vec<String> = serving.addresses().iter().map(|it| it.ip().to_string()).collect();
    assert_eq!(hosts, ["127.0.0.2"]);
    assert!(!folder.path("x.sock").exists());
}

#[test]
fn a_location_has_a_root_or_an_alias_and_types_of_its_own() {
    let folder = Folder::with_www();
    folder.write("other/sub/a.x", "under root\n");
    folder.write("doc/a.x", "under alias\n");
    folder.write(
        "httpd.toml",
        "listen = \"localhost:0\"\nroot = \"www\"\n[types]\nx = \"text/x-top\"\n\
         [[location]]\npath = \"/sub/\"\nroot = \"other\"\n\
         [[location]]\npath = \"/manual/\"\nalias = \"doc\"\ntypes = { x = \"text/x-doc\" }\n",
    );
    let serving = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let under_root = serving.get("/sub/a.x");
    under_root.expect(200).body("under root\n").header("Content-Type", "text/x-top");
    let under_alias = serving.get("/manual/a.x");
    under_alias.expect(200).body("under alias\n").header("Content-Type", "text/x-doc");
    serving.get("/").expect(200).body("from www\n");
}

#[test]
fn a_port_in_use_names_its_holder_and_ends_with_1() {
    let folder = Folder::with_www();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let output = folder.output(&["-h", "127.0.0.1", "-p", &port, "www"]);
    assert_eq!(output.status.code(), Some(1));
    let text = lossy(&output.stderr);
    let us = format!("(process {}) listens there already", std::process::id());
    assert!(text.contains(&format!("127.0.0.1:{port}: ")) && text.contains(&us), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_second_program_on_the_same_port_is_refused() {
    let folder = Folder::with_www();
    let first = Program::start(&mut folder.httpd(&["-p", "0", "www"]));
    let port = first.addresses()[0].port().to_string();
    let output = folder.output(&["-p", &port, "www"]);
    assert_eq!(output.status.code(), Some(1), "{}", lossy(&output.stderr));
    first.get("/").expect(200);
}

#[test]
fn a_copied_configuration_says_which_key_to_set() {
    let folder = Folder::with_www();
    fs::remove_dir_all(folder.path("www")).unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/conf/httpd.toml");
    folder.write("httpd.toml", fs::read(shipped).unwrap());
    let output = folder.output(&["-c", "httpd.toml"]);
    let text = lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains(
            "cannot serve \"www\": no such directory; set this key to the directory to serve"
        ),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
    let line = text.split(':').nth(2).unwrap().parse::<usize>().unwrap();
    assert!(
        fs::read_to_string(shipped).unwrap().lines().nth(line - 1).unwrap().starts_with("root = ")
    );
}

#[test]
fn diagnostics_go_to_a_file_that_others_cannot_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::with_www();
    folder.write("old.log", "kept\n");
    for name in ["new.log", "old.log"] {
        let serving = Program::start(&mut folder.httpd(&["-v", "-l", name, "-p", "0", "www"]));
        serving.signal(Signal::TERM);
        assert_eq!(serving.end(), (Some(0), String::new()));
        let text = fs::read_to_string(folder.path(name)).unwrap();
        assert!(text.contains("[INFO] stopped\n"), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }
    assert!(fs::read_to_string(folder.path("old.log")).unwrap().starts_with("kept\n"));
    let mode = fs::metadata(folder.path("new.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o137, 0, "{mode:o}");
}

#[test]
fn each_level_logs_more_than_the_one_before() {
    let folder = Folder::with_www();
    let rest = |arguments: &[&str]| {
        let all: Vec<&str> = arguments.iter().copied().chain(["-p", "0", "www"]).collect();
        let serving = Program::start(&mut folder.httpd(&all));
        serving.signal(Signal::TERM);
        serving.end().1
    };
    assert_eq!(rest(&[]), "");
    assert!(rest(&["-v"]).contains("[INFO]"));
    assert!(rest(&["-d"]).contains("[INFO]"));
}

#[test]
fn an_access_log_has_a_line_for_each_answer() {
    let folder = Folder::with_www();
    folder.write(
        "httpd.toml",
        "listen = \"localhost:0\"\nroot = \"www\"\n[access_log]\nfile = \"a.log\"\n",
    );
    let serving = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    serving.get("/");
    serving.get("/nothing");
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    let text = fs::read_to_string(folder.path("a.log")).unwrap();
    assert!(text.contains("\"GET / HTTP/1.1\" 200 "), "{text}");
    assert!(text.contains("\"GET /nothing HTTP/1.1\" 404 "), "{text}");
}

#[test]
fn a_variable_of_somebody_else_is_a_warning() {
    let folder = Folder::with_www();
    let mut command = folder.httpd(&["-h", "127.0.0.1", "-t"]);
    command.env("HTTPD_PORT", "tcp://10.0.0.1:80").env("HTTPD_WORKER", "4");
    let output = output(&mut command);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        lossy(&output.stderr),
        "httpd: warning: unknown environment variable HTTPD_WORKER is ignored; did you mean HTTPD_WORKERS?\n\
         httpd: warning: HTTPD_PORT=tcp://10.0.0.1:80 is ignored: Kubernetes and Docker set such a variable for a service called httpd\n"
    );
    let mut command = folder.httpd(&["-p", "0", "www"]);
    command.env("HTTPD_PORT", "nonsense").env("HTTPD_WORKER", "4");
    let serving = Program::start(&mut command);
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0), "a flag wins over a variable, whatever that says");
}

#[test]
fn a_suggestion_is_near_and_for_everyone() {
    let folder = Folder::with_www();
    let told = |flag: &str| {
        let output = folder.output(&[flag]);
        assert_eq!(output.status.code(), Some(2), "{flag}");
        lossy(&output.stderr)
    };
    for (flag, near) in
        [("--prot", "--port"), ("--verbos", "--verbose"), ("--procesess", "--processes")]
    {
        assert!(told(flag).contains(&format!("'{near}'")), "{}", told(flag));
    }
    for flag in ["--supervise", "--listing", "--daemon"] {
        assert!(
            !told(flag).contains("tip:") && !told(flag).contains("supervised"),
            "{}",
            told(flag)
        );
    }
}

#[test]
fn it_serves_when_nobody_reads_what_it_says() {
    let folder = Folder::with_www();
    // A closed descriptor is soon another file: what is said must not end up in that.
    let script = format!("exec {HTTPD} -d -c httpd.toml <&- >&- 2>&-");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    folder.write("httpd.toml", format!("listen = \"127.0.0.1:{port}\"\nroot = \"www\"\n"));
    let mut child = Child::spawn(&mut folder.command("sh", &["-c", &script]));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    until("it listens", || TcpStream::connect(address).is_ok());
    for _ in 0..3 {
        Request::new(&Address::Tcp(address), "GET", "/").send().expect(200).body("from www\n");
    }
    assert_eq!(fs::read(folder.path("www/index.html")).unwrap(), b"from www\n");
    child.signal(Signal::TERM);
    assert_eq!(child.ends(String::new).code(), Some(0));
}

#[test]
fn as_many_descriptors_may_be_open_as_the_system_allows() {
    let folder = Folder::with_www();
    let script = format!("ulimit -S -n 64 && exec {HTTPD} -p 0 www");
    let serving = Program::start(&mut folder.command("sh", &["-c", &script]));
    let limits = fs::read_to_string(serving.serving().path("limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers[0], numbers[1], "{line}");
    assert_ne!(numbers[0], "64", "{line}");
}

#[test]
fn it_listens_on_a_unix_socket_beside_the_file_that_names_it() {
    let folder = Folder::with_www();
    folder.write("httpd.toml", "listen = \"unix:x.sock\"\nroot = \"www\"\n");
    let serving = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let socket = Address::Unix(folder.path("x.sock"));
    Request::new(&socket, "GET", "/").send().expect(200).body("from www\n");
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0, Some(0));
    assert!(!folder.path("x.sock").exists());
}

#[test]
fn paths_of_the_file_begin_at_the_file_and_those_of_flags_here() {
    let folder = Folder::with_www();
    folder.write("etc/httpd.toml", "listen = \"localhost:0\"\nroot = \"../www\"\n");
    let serving = Program::start(&mut folder.httpd(&["-c", "etc/httpd.toml"]));
    serving.get("/").expect(200).body("from www\n");
    let serving = Program::start(&mut folder.httpd(&["-c", "etc/httpd.toml", "./www"]));
    serving.get("/").expect(200).body("from www\n");
    assert!(Path::new(&folder.path("etc")).exists());
}

#[test]
fn what_may_be_open_is_fitted_to_the_limit_of_the_system_and_said() {
    let folder = Folder::with_www();
    folder.write(
        "a.toml",
        "listen = \"localhost:0\"\nroot = \"www\"\nworkers = 1\n[limits]\nconnections_max = 5000\n",
    );
    let command = format!("ulimit -n 256 && exec {HTTPD} -c a.toml");
    let mut serving = Program::start(&mut folder.command("sh", &["-c", &command]));
    while !serving.log().seen().contains("RLIMIT_NOFILE") {
        assert!(serving.log().next_line().is_some(), "{}", serving.log().seen());
    }
    let text = serving.log().seen();
    assert!(text.contains("no more than 256 descriptors may be open"), "{text}");
    assert!(text.contains(" instead of 5000"), "{text}");
}
