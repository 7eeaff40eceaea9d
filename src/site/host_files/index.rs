//! Which of many rules a path can be one of, without comparing it with all of them.
//!
//! Rules for one path are found by that path. The others are found by the directory that their text begins with: a
//! request looks up the directories of its path, as many as any rule has, and is compared with the rules found there.
//! It must never know what rules do.

use super::pattern::PathPattern;
use std::collections::HashMap;

/// The numbers of rules, by what they can match.
#[derive(Debug, Default)]
pub(super) struct Index {
    exact: HashMap<Box<[u8]>, Vec<u32>>,
    /// By a directory with its slash, of at most [`DEPTH_MAX`] names.
    below: HashMap<Box<[u8]>, Vec<u32>>,
    /// How many slashes the longest of these directories has.
    depth: usize,
}

impl Index {
    /// Adds a rule behind the others.
    ///
    /// # Errors
    /// When too many can match the same paths.
    pub(super) fn add(&mut self, number: u32, pattern: &PathPattern) -> Result<(), String> {
        let (numbers, what) = match pattern.as_path() {
            Some(path) => (self.exact.entry(path.into()).or_default(), "are for this path"),
            None => {
                let (key, depth) = directory(pattern.beginning());
                self.depth = self.depth.max(depth);
                let numbers = self.below.entry(key.into()).or_default();
                (numbers, "with a wildcard begin with the same directory")
            }
        };
        if numbers.len() >= RULES_AT_A_PLACE_MAX {
            return Err(format!("{RULES_AT_A_PLACE_MAX} rules {what} already, which is the most"));
        }
        numbers.push(number);
        Ok(())
    }

    /// The rules that can match a path, in their order.
    pub(super) fn candidates(&self, path: &[u8]) -> Candidates<'_> {
        let mut candidates = Candidates { lists: [&[]; DEPTH_MAX + 2], count: 0 };
        candidates.push(self.exact.get(path));
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        for (at, _) in slashes.take(self.depth) {
            candidates.push(self.below.get(&path[..=at]));
        }
        candidates
    }
}

/// Lists of numbers, each in order, that are gone through together.
pub(super) struct Candidates<'i> {
    lists: [&'i [u32]; DEPTH_MAX + 2],
    count: usize,
}

impl<'i> Candidates<'i> {
    fn push(&mut self, list: Option<&'i Vec<u32>>) {
        if let (Some(list), Some(place)) = (list, self.lists.get_mut(self.count)) {
            *place = list;
            self.count += 1;
        }
    }
}

impl Iterator for Candidates<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let lists = self.lists[..self.count].iter_mut();
        let list = lists.filter(|list| !list.is_empty()).min_by_key(|list| list[0])?;
        let (first, rest) = list.split_first()?;
        *list = rest;
        Some(*first)
    }
}

/// The directory that a text begins with, and how many slashes it has, at most [`DEPTH_MAX`].
fn directory(text: &[u8]) -> (&[u8], usize) {
    let slashes = text.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let (mut end, mut depth) = (0, 0);
    for (at, _) in slashes.take(DEPTH_MAX) {
        (end, depth) = (at + 1, depth + 1);
    }
    (&text[..end], depth)
}

/// How many directories of a path are looked up.
const DEPTH_MAX: usize = 16;

/// How many rules a path is compared with for each of its directories.
const RULES_AT_A_PLACE_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn index(patterns: &[&str]) -> (Index, Vec<PathPattern>) {
        let mut index = Index::default();
        let read = |text: &&str| PathPattern::parse(text).expect("it is one");
        let patterns: Vec<_> = patterns.iter().map(read).collect();
        for (number, pattern) in patterns.iter().enumerate() {
            index.add(number as u32, pattern).expect("there is room");
        }
        (index, patterns)
    }

    /// Compared with a search through all of them.
    #[test]
    fn every_rule_that_matches_is_among_the_candidates_in_the_order_written() {
        let deep = format!("{}/*", "/d".repeat(40));
        let texts = [
            "/*", "/a", "/a/*", "/a/b", "/a/:x", "/:x/b", "/a*", "/a/b/c/*", "/b/c", "/a/b", &deep,
            "/",
        ];
        let (index, patterns) = index(&texts);
        let long = format!("{}/x", "/d".repeat(40));
        for path in ["/", "/a", "/a/", "/a/b", "/a/b/c/d", "/b/c", "/ab", "/x/b", "/a/c", &long] {
            let matching =
                |number: &u32| patterns[*number as usize].captures(path.as_bytes()).is_some();
            let found: Vec<u32> = index.candidates(path.as_bytes()).filter(matching).collect();
            let all: Vec<u32> = (0..patterns.len() as u32).filter(matching).collect();
            assert_eq!(found, all, "{path}");
        }
    }

    #[test]
    fn among_very_many_rules_a_path_is_compared_with_few() {
        let exact: Vec<String> = (0..9_000).map(|it| format!("/old/{it}")).collect();
        let below: Vec<String> = (0..1_000).map(|it| format!("/dir{it}/*")).collect();
        let all: Vec<&str> = exact.iter().chain(&below).map(String::as_str).collect();
        let (index, _) = index(&all);
        for path in ["/old/77", "/dir77/a/b", "/none", "/old/none"] {
            assert!(index.candidates(path.as_bytes()).count() <= 1, "{path}");
        }
    }

    #[test]
    fn rules_that_would_all_have_to_be_compared_are_refused_beyond_a_bound() {
        let mut index = Index::default();
        let read = |text: String| PathPattern::parse(&text).expect("it is one");
        let added = (0..300).filter(|it| index.add(*it, &read(format!("/:a/{it}"))).is_ok());
        assert_eq!(added.count(), RULES_AT_A_PLACE_MAX);
        assert!(index.add(300, &read("/a/:b".to_owned())).is_ok(), "elsewhere there is room");
    }
}
