//! What the README says of the configuration.

use super::super::file;
use super::shipped_text;
use std::collections::BTreeSet;

const README: &str = include_str!("../../../README.md");

/// The rows of the tables of keys: their cells.
fn rows() -> Vec<Vec<&'static str>> {
    let from = README.find("\n## Configuration\n").expect("there is such a chapter");
    let rows = README[from..].lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn words(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(',').map(|word| word.trim().trim_matches('`'))
}

#[test]
fn the_readme_lists_every_key_and_no_others() {
    let listed: BTreeSet<&str> = rows().iter().flat_map(|row| words(row[0])).collect();
    let sections = file::sections();
    // The tables themselves are named in the text.
    // `status` is a key of redirects, too.
    let is_table = |key: &str| {
        key == "location"
            || key != "status" && sections.iter().any(|it| it.title.trim_matches(['[', ']']) == key)
    };
    let known: BTreeSet<&str> =
        sections.iter().flat_map(|it| it.keys.iter().copied()).filter(|it| !is_table(it)).collect();
    assert_eq!(listed, known);
    for section in sections.iter().filter(|it| !it.title.is_empty()) {
        assert!(README.contains(section.title), "{} is not in README.md", section.title);
    }
}

#[test]
fn the_readme_says_where_each_key_stands_and_its_default() {
    let sections = file::sections();
    let has = |title: &str, key: &str| {
        let mut found = sections.iter().filter(|it| it.title == title);
        found.any(|it| it.keys.contains(&key))
    };
    let defaults = shipped_text();
    let default = |key: &str| {
        let top = defaults.lines().take_while(|line| *line != "[log]");
        let mut values = top.filter_map(|line| line.split_once(" = "));
        let (_, value) = values.find(|(name, _)| *name == key)?;
        Some(value.split(" #").next().unwrap_or_default().trim().to_owned())
    };
    let (mut places, mut values) = (0, 0);
    for row in rows().iter().filter(|row| row.len() == 4) {
        for key in words(row[0]) {
            let titles: Vec<&str> = match row[1] {
                "with `wsgi`" => vec!["[[location]]"],
                text => words(text)
                    .map(|place| match place {
                        "top" => "",
                        "host" => "[[host]]",
                        "location" => "[[location]]",
                        section => section,
                    })
                    .collect(),
            };
            for title in &titles {
                assert!(has(title, key), "{key} is not a key of {title:?}");
                places += 1;
            }
            // A key that means the same everywhere is said to be at the top and in a location.
            if has("", key) && has("[[location]]", key) && titles.contains(&"") {
                let is_of_both = titles.contains(&"[[location]]") || key == "processes";
                assert!(is_of_both, "{key} stands in a location, too");
            }
            if let (true, Some(value)) = (titles.contains(&""), default(key)) {
                let said = row[3].split(", ").next().unwrap_or_default().trim_matches('`');
                let said = if row[3].starts_with("`[") { row[3].trim_matches('`') } else { said };
                let is_path = key == "root";
                let is_same =
                    said.trim_matches('"') == value.trim_matches(['[', ']', '"']) || said == value;
                assert!(is_path || is_same, "{key}: {said} in README.md, {value} in httpd.toml");
                values += 1;
            }
        }
    }
    assert!(places > 70 && values > 15, "{places} {values}");
}

/// The shipped file shows the defaults, as another test demands.
#[test]
fn the_readme_gives_the_defaults_of_all_limits() {
    let text = shipped_text();
    let mut compared = 0;
    for section in ["[limits]", "[cache]"] {
        let lines = text.lines().skip_while(|line| *line != section).skip(1);
        for line in lines.take_while(|line| !line.starts_with('[')) {
            let Some((key, rest)) = line.split_once(" = ").filter(|_| !line.starts_with('#'))
            else {
                continue;
            };
            let value = rest.split('#').next().unwrap_or_default().trim().trim_matches('"');
            let rows = rows();
            let row = rows.iter().find(|row| words(row[0]).any(|it| it == key));
            let row = row.unwrap_or_else(|| panic!("{key} is in the README"));
            let place = words(row[0]).position(|it| it == key).expect("it is in this row");
            // As in "30 s, 500" and "10,000 (lowered …".
            let cell = row[1].split(" (").next().unwrap_or_default();
            let said = cell.split(", ").nth(place).unwrap_or_default().replace([' ', ','], "");
            assert_eq!(said, value, "{key}");
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}
