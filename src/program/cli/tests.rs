//! What the command line is understood to say.

use super::*;
use log::LevelFilter;

fn read(line: &str, variables: &[(&str, &str)]) -> Result<Options, clap::Error> {
    let arguments = ["httpd"].into_iter().chain(line.split_whitespace()).map(OsString::from);
    parse(arguments, variables.iter().map(|(name, value)| (name.into(), value.into())))
}

fn root_of(options: &Options) -> Option<&str> {
    options.overrides.root.as_ref().and_then(|it| it.value.to_str())
}

#[test]
fn the_flags_are_what_clap_expects_of_itself() {
    Flags::command().debug_assert();
}

#[test]
fn nothing_said_leaves_everything_to_the_file() {
    let options = read("", &[]).expect("nothing is wrong with nothing");
    let expected = Options {
        mode: Mode::Serve,
        config: None,
        overrides: Overrides::default(),
        warnings: Vec::new(),
    };
    assert_eq!(options, expected);
}

#[test]
fn a_directory_is_a_word_or_a_flag_but_not_two() {
    for line in ["public", "-r public", "--root public", "public -r public"] {
        let options = read(line, &[]).expect(line);
        assert_eq!(root_of(&options), Some("public"), "{line}");
    }
    let error = read("public -r other", &[]).expect_err("they differ");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("two directories to serve"), "{error}");
}

#[test]
fn h_alone_helps_and_with_a_word_it_is_the_host() {
    for line in ["-h", "--help", "-p 80 -h"] {
        let help = read(line, &[]).expect_err("help is no way to go on");
        assert_eq!((help.exit_code(), help.kind()), (0, ErrorKind::DisplayHelp), "{line}");
        assert!(help.to_string().contains("httpd -c /etc/httpd.toml"), "{help}");
    }
    let options = read("-h ::1 public", &[]).expect("a host and a directory");
    assert_eq!(options.overrides.host.map(|it| it.value).as_deref(), Some("::1"));
    for line in ["-h ./public", "-h localhost:80", "-h http://localhost"] {
        assert_eq!(read(line, &[]).expect_err(line).exit_code(), 2, "{line}");
    }
}

#[test]
fn a_flag_wins_over_the_environment() {
    let variables = [
        ("HTTPD_ROOT", "env"),
        ("HTTPD_PORT", "1"),
        ("HTTPD_HOST", "::1"),
        ("HTTPD_PROCESSES", "4"),
        ("HTTPD_WORKERS", "3"),
        ("HTTPD_LOG_LEVEL", "warn"),
        ("HTTPD_CONFIG", "env.toml"),
        ("HTTPD_LOG", "env.log"),
    ];
    let by_environment = read("", &variables).expect("all are sensible");
    assert_eq!(root_of(&by_environment), Some("env"));
    assert_eq!(by_environment.overrides.port.as_ref().map(|it| it.value), Some(1));
    let overrides = &by_environment.overrides;
    assert_eq!(overrides.processes.as_ref().map(|it| it.value.get()), Some(4));
    assert_eq!(overrides.level.as_ref().map(|it| it.value), Some(LevelFilter::Warn));
    assert_eq!(by_environment.config, Some("env.toml".into()));

    let by_flag = read("-r flag -p 2 -d -P 5 -w auto -c flag.toml", &variables).expect("sensible");
    assert_eq!(root_of(&by_flag), Some("flag"));
    assert_eq!(by_flag.overrides.port.as_ref().map(|it| it.value), Some(2));
    let overrides = &by_flag.overrides;
    assert_eq!(overrides.processes.as_ref().map(|it| it.value.get()), Some(5));
    assert_eq!(overrides.workers.as_ref().map(|it| it.value), Some(crate::Workers::Auto));
    assert_eq!(overrides.level.as_ref().map(|it| it.value), Some(LevelFilter::Debug));
    assert_eq!(by_flag.config, Some("flag.toml".into()));
}

#[test]
fn a_variable_that_cannot_be_is_named() {
    let table = [
        ("HTTPD_PORT", "70000", "HTTPD_PORT must be a port from 0 to 65535, not \"70000\""),
        ("HTTPD_PROCESSES", "0", "HTTPD_PROCESSES must be a number from 1 to 256"),
        ("HTTPD_WORKERS", "0", "HTTPD_WORKERS must be \"auto\" or a number from 1 to 1024"),
        ("HTTPD_LOG_LEVEL", "loud", "HTTPD_LOG_LEVEL must be one of error, warn, info"),
    ];
    for (name, value, expected) in table {
        let error = read("", &[(name, value)]).expect_err(name);
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_variable_set_to_nothing_is_not_set() {
    let options = read("", &[("HTTPD_PORT", ""), ("HTTPD_ROOT", "")]).expect("nothing set");
    assert_eq!(options.overrides, Overrides::default());
}
