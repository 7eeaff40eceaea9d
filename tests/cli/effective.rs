//! `httpd -T`: the configuration as it takes effect.

use crate::support::{Folder, lossy};

/// What it prints, each line with single spaces.
#[track_caller]
fn show(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = folder.httpd(&[arguments, &["-T"]].concat());
    command.env("HTTPD_SERVE_AS_ROOT", "");
    let output = crate::support::output(command.envs(variables.iter().copied()));
    assert_eq!(output.status.code(), Some(0), "{}", lossy(&output.stderr));
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    lossy(&output.stdout).lines().map(line).collect()
}

fn site() -> Folder {
    let folder = Folder::with_www();
    folder.write("docs/index.html", "docs");
    folder.write(
        "httpd.toml",
        "listen = [\"127.0.0.1:8081\"]\n\
         root = \"www\"\n\
         index = [\"index.html\",\n  'start.html']  # two\n\
         types = { a = \"text/a\" }\n\
         header = [{ set = { A = \"1\" } }]\n\
         [log]\n\
         level = \"error\"\n\
         [[redirect]]\n\
         from = \"/old\"\n\
         to = \"/new\"\n\
         [[location]]\n\
         path = \"/docs/\"\n\
         alias = \"docs\"\n\
         types = { b = \"text/b\" }\n\
         [[host]]\n\
         server_name = \"example.org\"\n\
         index = \"home.html\"\n\
         [[host.location]]\n\
         path = \"/x\"\n\
         listing = true\n",
    );
    folder
}

#[test]
fn each_value_is_shown_with_where_it_comes_from() {
    let folder = site();
    let variables = [("HTTPD_PORT", "8082"), ("HTTPD_PROCESSES", "2")];
    let text = show(&folder, &["-c", "httpd.toml", "-w", "3", "-v"], &variables);
    for line in [
        "listen = [\"127.0.0.1:8082\"] # httpd.toml:1 and HTTPD_PORT\n",
        "root = \"www\" # httpd.toml:2\n",
        "index = [\"index.html\", \"start.html\"] # httpd.toml:3\n",
        "processes = 2 # HTTPD_PROCESSES\n",
        "workers = 3 # -w\n",
        "symlinks = \"inside\" # default\n",
        "header = [\n{ set = { A = \"1\" } }, # httpd.toml:6\n]\n",
        "redirect = [\n{ from = \"/old\", to = \"/new\" }, # httpd.toml:9\n]\n",
        "[log]\nlevel = \"info\" # -v\nfile = \"stderr\" # default\n",
        "[limits]\nhead_timeout = \"10s\" # default\n",
        "[[location]] # httpd.toml:12\npath = \"/docs/\" # httpd.toml:13\n\
         alias = \"docs\" # httpd.toml:14\ntypes = { b = \"text/b\" } # httpd.toml:15\n",
        "# and types of httpd.toml:5\n",
        "[[host]] # httpd.toml:16\nserver_name = \"example.org\" # httpd.toml:17\n\
         index = \"home.html\" # httpd.toml:18\nroot = \"www\" # httpd.toml:2, inherited\n",
        "index = \"home.html\" # httpd.toml:18, inherited\n",
        "# and header of httpd.toml:6\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert_eq!(text.matches("\nroot = ").count(), 3, "not beside an alias: {text}");
}

#[test]
fn without_a_file_it_shows_flags_and_defaults() {
    let folder = Folder::with_www();
    let text = show(&folder, &[], &[]);
    assert!(text.contains("root = \".\" # default\n"), "{text}");
    assert!(text.contains("listen = [\"localhost:8080\"] # default\n"), "{text}");
    let text = show(&folder, &["www", "-h", "::1", "-p", "0"], &[]);
    let root = format!("root = \"{}/www\" # DIR\n", folder.here().display());
    assert!(text.contains(&root), "{text}");
    assert!(text.contains("listen = [\"[::1]:0\"] # -h and -p\n"), "{text}");
    let text = show(&folder, &["--wsgi", "shop:app", "--threads", "2", "--timeout", "5s"], &[]);
    assert!(
        text.contains(
            "wsgi = \"shop:app\" # --wsgi\nthreads = 2 # --threads\ntimeout = \"5000ms\" # --timeout\n"
        ),
        "{text}"
    );
    assert!(text.contains("level = \"info\" # default with --wsgi\n"), "{text}");
    assert!(!text.contains("\nroot ="), "{text}");
}

/// What it prints is a configuration that means the same.
#[test]
fn its_output_is_a_configuration_again() {
    let folder = site();
    let without_places = |text: &str| -> String {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split(" # ").next().unwrap_or_default().to_owned() + "\n").collect()
    };
    let first = show(&folder, &["-c", "httpd.toml"], &[]);
    folder.write("again.toml", &first);
    let second = show(&folder, &["-c", "again.toml"], &[]);
    // The defaults are written now, and so they are inherited.
    let second: String = second
        .lines()
        .filter(|line| !line.ends_with(", inherited"))
        .map(|it| format!("{it}\n"))
        .collect();
    assert_eq!(without_places(&second), without_places(&first));
}

#[test]
fn an_application_inherits_no_compression() {
    let folder = Folder::with_www();
    let application = "[[location]]\npath = \"/app\"\nwsgi = \"app:app\"\n";
    let files = "[[location]]\npath = \"/files\"\n";
    let config = format!("root = \"www\"\ncompression = true\n{application}{files}");
    folder.write("httpd.toml", config);
    let text = show(&folder, &["-c", "httpd.toml"], &[]);
    let (_, locations) = text.split_once("wsgi = ").expect("it is shown");
    assert_eq!(locations.matches("compression = true").count(), 1, "{text}");
}

#[test]
fn errors_are_printed_instead() {
    let folder = Folder::with_www();
    folder.write("httpd.toml", "rooot = \"www\"\n");
    let output = folder.output(&["-T", "-c", "httpd.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(lossy(&output.stderr).contains("did you mean \"root\"?"));
    assert_eq!(lossy(&output.stdout), "");
}

#[test]
fn what_is_switched_off_below_is_not_shown_as_inherited() {
    let folder = Folder::with_www();
    folder.write("www/404.html", "nothing here");
    folder.write(
        "httpd.toml",
        "root = \"www\"\nerror_pages = { 404 = \"404.html\" }\ncors = { origins = \"*\" }\nindex = \"a.html\"\n\
         rewrite = [{ from = \"/x\", to = \"/y\" }]\n\
         [[location]]\npath = \"/off\"\nerror_pages = \"off\"\ncors = \"off\"\n\
         [[location]]\npath = \"/status\"\nstatus_pages = true\n",
    );
    let text = show(&folder, &["-c", "httpd.toml"], &[]);
    let (_, locations) = text.split_once("[[location]]").expect("there are two");
    let (off, status) = locations.split_once("[[location]]").expect("there are two");
    assert!(off.contains("cors = \"off\" # httpd.toml:9\n"), "{off}");
    assert!(off.contains("# and rewrite of httpd.toml:5\n"), "{off}");
    assert!(off.contains("index = \"a.html\" # httpd.toml:4, inherited\n"), "{off}");
    assert!(!off.contains("# and error_pages"), "{off}");
    // A location with the status has no files, and may not have keys about them.
    assert!(status.contains("# and error_pages of httpd.toml:2\n"), "{status}");
    assert!(!status.contains("index"), "{status}");
    folder.write("shown.toml", text);
    show(&folder, &["-c", "shown.toml"], &[]);
}
