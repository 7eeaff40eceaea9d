//! Holds `conformance.md` against the sources: each row names tests that exist, or says why there
//! is none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const ROWS_MIN: usize = 150;

/// In the order of the table.
const RFCS: [&str; 5] = ["9110", "9112", "9113", "7541", "9218"];

/// One demand of the table.
struct Row {
    line: usize,
    section: String,
    level: String,
    demand: String,
    held_by: HeldBy,
}

enum HeldBy {
    Tests(Vec<String>),
    Reason(String),
}

#[test]
fn every_demand_is_held_by_a_test_or_says_why_not() {
    let tests = Tests::of_project();
    let faults: Vec<String> = rows()
        .iter()
        .flat_map(|row| {
            let faults = match &row.held_by {
                HeldBy::Tests(names) if names.is_empty() => vec!["neither test nor reason".into()],
                HeldBy::Tests(names) => tests.missing(names),
                HeldBy::Reason(reason) if reason.len() < 10 => vec!["no real reason".into()],
                HeldBy::Reason(_) => Vec::new(),
            };
            faults.into_iter().map(|fault| format!("line {}: {fault}", row.line))
        })
        .collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_table_is_whole_and_in_order() {
    let rows = rows();
    assert!(rows.len() >= ROWS_MIN, "only {} rows", rows.len());
    let mut seen = BTreeSet::new();
    let mut last = (0, Vec::new());
    for row in &rows {
        let line = row.line;
        let levels = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"];
        assert!(levels.contains(&row.level.as_str()), "line {line}: {}", row.level);
        assert!(row.demand.len() > 10, "line {line}: {:?}", row.demand);
        assert!(seen.insert((&row.section, &row.demand)), "line {line} stands twice");
        let place = place(&row.section).unwrap_or_else(|| panic!("line {line}: {}", row.section));
        assert!(place >= last, "line {line}: {} stands too late", row.section);
        last = place;
    }
}

#[test]
fn every_test_in_here_holds_a_demand() {
    let held: BTreeSet<String> = rows()
        .into_iter()
        .flat_map(|row| match row.held_by {
            HeldBy::Tests(names) => names,
            HeldBy::Reason(_) => Vec::new(),
        })
        .collect();
    let idle: Vec<String> = Tests::of_project()
        .found
        .into_keys()
        .filter(|name| name.starts_with("conformance::") && !name.starts_with("conformance::table"))
        .filter(|name| !held.contains(name))
        .collect();
    assert!(idle.is_empty(), "the table does not name\n{}", idle.join("\n"));
}

#[test]
fn names_of_tests_are_found_as_the_compiler_sees_them() {
    let tests = Tests::of_project();
    for name in [
        "http::h1::head::tests::a_later_minor_version_counts_as_1_1",
        "server::wire::plain::tests::a_short_read_ends_reading_until_the_next_edge",
        "server::driven::files::a_file_that_shrinks_while_it_is_sent_is_broken_off",
        "conformance::table::names_of_tests_are_found_as_the_compiler_sees_them",
    ] {
        assert!(tests.found.contains_key(name), "{name}");
    }
    let missing = tests.missing(&["conformance::table::no_such".to_owned()]);
    assert_eq!(missing, ["no test conformance::table::no_such"]);
}

/// `9110 §13.2.2` as numbers, to sort by.
fn place(section: &str) -> Option<(usize, Vec<u32>)> {
    let (rfc, numbers) = section.split_once(" §")?;
    let numbers: Option<Vec<u32>> = numbers.split('.').map(|number| number.parse().ok()).collect();
    let rfc = RFCS.iter().position(|it| *it == rfc)?;
    Some((rfc, numbers?))
}

fn rows() -> Vec<Row> {
    let table = fs::read_to_string(manifest().join("tests/conformance.md")).expect("it is there");
    table
        .lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with("| 9") || line.starts_with("| 7"))
        .map(|(index, line)| row(index + 1, line))
        .collect()
}

fn row(line: usize, text: &str) -> Row {
    let cells: Vec<&str> = text.trim_matches('|').split('|').map(str::trim).collect();
    let [section, level, demand, held_by] = cells[..] else {
        panic!("line {line} has {} cells", cells.len());
    };
    let reason = ["does not apply: ", "stricter: ", "departs: "]
        .iter()
        .find_map(|kind| held_by.strip_prefix(kind));
    Row {
        line,
        section: section.to_owned(),
        level: level.to_owned(),
        demand: demand.to_owned(),
        held_by: match reason {
            Some(reason) => HeldBy::Reason(reason.to_owned()),
            None => HeldBy::Tests(quoted(held_by)),
        },
    }
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The tests of the project by their path, and whether each of them runs.
struct Tests {
    found: BTreeMap<String, Runs>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    Always,
    OnlyWhenAskedFor,
}

impl Tests {
    fn of_project() -> Tests {
        let mut tests = Tests { found: BTreeMap::new() };
        for top in ["src", "tests"] {
            let top = manifest().join(top);
            for file in sources(&top) {
                let relative = file.strip_prefix(&top).expect("it was found there");
                let text = fs::read_to_string(&file).expect("a source is UTF-8");
                tests.read(module(relative), &text);
            }
        }
        tests
    }

    /// Reads one file line by line. It relies on the layout that rustfmt gives: what opens a
    /// module and what closes it stand equally far to the right.
    fn read(&mut self, module: Vec<String>, text: &str) {
        let mut path = module;
        let mut open: Vec<usize> = Vec::new();
        let mut attributes: Vec<&str> = Vec::new();
        for line in text.lines() {
            let indent = line.len() - line.trim_start().len();
            let line = line.trim();
            if line.starts_with("#[") {
                attributes.push(line);
            } else if let Some(name) = word_after(line, "mod ").filter(|_| line.ends_with('{')) {
                path.push(name);
                open.push(indent);
                attributes.clear();
            } else if let Some(name) = word_after(line, "fn ") {
                if attributes.contains(&"#[test]") {
                    let ignored = attributes.iter().any(|one| one.starts_with("#[ignore"));
                    let runs = if ignored { Runs::OnlyWhenAskedFor } else { Runs::Always };
                    self.found.insert([&path[..], &[name]].concat().join("::"), runs);
                }
                attributes.clear();
            } else if line == "}" && open.last() == Some(&indent) {
                open.pop();
                path.pop();
            } else if !line.starts_with("//") {
                attributes.clear();
            }
        }
    }

    fn missing(&self, names: &[String]) -> Vec<String> {
        names
            .iter()
            .filter_map(|name| match self.found.get(name) {
                Some(Runs::Always) => None,
                Some(Runs::OnlyWhenAskedFor) => Some(format!("{name} is ignored")),
                None => Some(format!("no test {name}")),
            })
            .collect()
    }
}

fn word_after(line: &str, keyword: &str) -> Option<String> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let rest = line.strip_prefix(keyword)?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    Some(rest[..end.unwrap_or(rest.len())].to_owned())
}

/// `http/h1/head.rs` is `http::h1::head`, and `suite/main.rs` is `suite`.
fn module(file: &Path) -> Vec<String> {
    let mut path: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|last| ["lib", "main", "mod"].contains(&last.as_str())) {
        path.pop();
    }
    path
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("it is a folder") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn manifest() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
