//! The house rules that the sources themselves can be asked about.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of the sources.
struct Source {
    /// Beneath `src`.
    path: PathBuf,
    floor: u8,
    /// Without its tests and comments.
    code: String,
    /// How many lines it has before its tests.
    lines: usize,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("it is UTF-8");
                let path = path.strip_prefix(&root).expect("it is beneath").to_owned();
                if !is_test(&path) {
                    found.push(Source::new(path, &text));
                }
            }
        }
    }
    assert!(found.len() > 30, "only {} sources were found", found.len());
    found
}

/// A file that its parent declares under `#[cfg(test)]`.
fn is_test(path: &Path) -> bool {
    let is_name_of_tests = |name: &std::ffi::OsStr| name == "tests" || name == "driven";
    path.with_extension("").iter().any(is_name_of_tests)
}

impl Source {
    fn new(path: PathBuf, text: &str) -> Source {
        let production =
            text.split_once("#[cfg(test)]\nmod tests {").map_or(text, |(before, _)| before);
        let code = production
            .lines()
            .map(|line| {
                let is_comment = line.trim_start().starts_with("//");
                if is_comment { "" } else { line }
            })
            .collect::<Vec<_>>()
            .join("\n");
        Source { floor: floor(&path), lines: production.lines().count(), path, code }
    }

    /// The floors' names that it mentions after `crate::`, be it in a list.
    fn mentions(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (at, _) in self.code.match_indices("crate::") {
            let rest = &self.code[at + "crate::".len()..];
            match rest.strip_prefix('{') {
                Some(list) => {
                    let end = list.find("};").unwrap_or(list.len());
                    names.extend(top_level(&list[..end]));
                }
                None => names.push(word(rest)),
            }
        }
        names
    }
}

/// The first word of each element of a list, whatever is in braces of its own.
fn top_level(list: &str) -> Vec<String> {
    let mut depth = 0;
    let mut words = vec![String::new()];
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => words.push(String::new()),
            _ => {}
        }
        if depth == 0 && character != ',' {
            words.last_mut().expect("never empty").push(character);
        }
    }
    words.iter().map(|one| word(one.trim())).collect()
}

fn word(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

const PROGRAM: u8 = 5;

/// Which floor a file is on, and a name that is imported.
fn floor(path: &Path) -> u8 {
    let first = path.iter().next().expect("a path has a beginning");
    let name = first.to_str().expect("it is UTF-8").trim_end_matches(".rs");
    floor_of(name).unwrap_or(PROGRAM)
}

fn floor_of(name: &str) -> Option<u8> {
    match name {
        "sys" => Some(0),
        "http" => Some(1),
        "files" | "wsgi" => Some(2),
        "site" => Some(3),
        "server" => Some(4),
        "config" | "program" | "main" => Some(PROGRAM),
        _ => None,
    }
}

#[track_caller]
fn nowhere(what: &str, is_allowed: impl Fn(&Source) -> bool) {
    let offenders: Vec<String> = sources()
        .iter()
        .filter(|source| !is_allowed(source) && mentions_word(&source.code, what))
        .map(|source| source.path.display().to_string())
        .collect();
    assert!(offenders.is_empty(), "{what} stands in {offenders:?}");
}

/// The whole word, not a part of another.
fn mentions_word(code: &str, what: &str) -> bool {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(what).any(|(at, _)| {
        !code[..at].chars().next_back().is_some_and(is_word)
            && (what.ends_with(':') || !code[at + what.len()..].chars().next().is_some_and(is_word))
    })
}

#[test]
fn nobody_imports_from_a_floor_above() {
    let mut climbs = Vec::new();
    for source in sources() {
        // The front door names everyone, and the fuzz targets call everyone.
        if ["lib.rs", "fuzz.rs"].iter().any(|name| source.path == Path::new(name)) {
            continue;
        }
        for name in source.mentions() {
            if floor_of(&name).is_some_and(|floor| floor > source.floor) {
                climbs.push(format!("{}: crate::{name}", source.path.display()));
            }
        }
    }
    assert!(climbs.is_empty(), "{climbs:#?}");
}

#[test]
fn a_climb_would_be_seen() {
    let see = |text: &str| Source::new(PathBuf::from("files/x.rs"), text).mentions();
    assert_eq!(see("use crate::site::Body;"), ["site"]);
    assert_eq!(see("let it = crate::server::run();"), ["server"]);
    assert_eq!(see("use crate::{http::{a, b}, site::{c}, sys};"), ["http", "site", "sys"]);
    assert_eq!(see("// crate::site is above"), [""; 0]);
    assert_eq!(see("#[cfg(test)]\nmod tests {\n use crate::site::X;"), [""; 0]);
    assert_eq!(floor(Path::new("http/h1/head.rs")), 1);
    assert_eq!(floor(Path::new("main.rs")), PROGRAM);
}

#[test]
fn no_file_is_too_long_to_be_read_in_one_go() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| source.lines > LINES_MAX)
        .map(|source| format!("{}: {} lines", source.path.display(), source.lines))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

const LINES_MAX: usize = 500;

#[test]
fn nothing_is_unsafe_or_left_to_do() {
    // As a keyword: a content security policy has `unsafe-inline`.
    for what in
        ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "todo!", "unimplemented!", "dbg!"]
    {
        nowhere(what, |_| false);
    }
}

#[test]
fn the_crate_forbids_what_is_unsafe() {
    for source in sources() {
        if ["lib.rs", "main.rs"].iter().any(|name| source.path == Path::new(name)) {
            let forbids = source.code.contains("#![forbid(unsafe_code)]");
            assert!(forbids, "{}", source.path.display());
        }
    }
}

#[test]
fn the_kernel_is_called_from_the_ground_floor_alone() {
    for what in [
        "rustix",
        "socket2",
        "use nix",
        "inotify",
        "signal_hook",
        "libc",
        "seccompiler",
        "landlock::",
    ] {
        nowhere(what, |source| source.floor == 0);
    }
}

#[test]
fn the_reactor_lives_in_the_server_alone() {
    for what in ["mio", "slab", "Slab"] {
        nowhere(what, |source| source.floor == 4);
    }
}

#[test]
fn the_command_line_and_the_file_format_stay_on_the_top_floor() {
    for what in ["clap::", "toml::", "serde::", "strsim::", "simplelog::"] {
        nowhere(what, |source| source.floor == PROGRAM);
    }
}

#[test]
fn the_meaning_of_bytes_is_found_without_a_disk_a_thread_or_a_clock() {
    for what in [
        "std::fs",
        "std::thread",
        "std::process",
        "std::env",
        "TcpStream",
        "SystemTime::now",
        "Instant",
        "log",
    ] {
        nowhere(what, |source| source.floor != 1);
    }
}

#[test]
fn which_answer_is_found_without_a_socket_or_a_thread() {
    for what in
        ["std::thread", "TcpStream", "TcpListener", "UdpSocket", "std::os::unix::net", "Instant"]
    {
        nowhere(what, |source| source.floor != 3);
    }
}

#[test]
fn every_file_says_first_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for source in sources() {
        let text = fs::read_to_string(root.join(&source.path)).expect("it is there");
        // The front page of the documentation is a file of its own.
        let says = ["//! ", "#![doc = include_str!("].iter().any(|start| text.starts_with(start));
        assert!(says, "{}", source.path.display());
    }
}
