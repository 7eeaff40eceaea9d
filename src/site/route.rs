//! From a path to a location: the longest prefix wins.

use super::Handler;

/// The locations of a site.
#[derive(Default)]
pub struct Locations {
    /// Longest prefix first, so that the first match is the answer.
    sorted: Vec<Entry>,
}

struct Entry {
    /// Without its last slash: the root is empty.
    prefix: Vec<u8>,
    handler: Box<dyn Handler>,
}

/// What was found for a path.
pub struct Found<'a> {
    pub handler: &'a dyn Handler,
    /// How much of the path the prefix covers.
    pub prefix_bytes: usize,
}

impl Locations {
    /// Adds a location, or replaces the one at the same prefix.
    pub fn insert(&mut self, prefix: &str, handler: Box<dyn Handler>) {
        let prefix = prefix.trim_end_matches('/').as_bytes().to_vec();
        self.sorted.retain(|entry| entry.prefix != prefix);
        let place = self.sorted.partition_point(|entry| entry.prefix.len() >= prefix.len());
        self.sorted.insert(place, Entry { prefix, handler });
    }

    /// The location of a decoded, normalised path.
    pub fn find(&self, path: &[u8]) -> Option<Found<'_>> {
        self.sorted
            .iter()
            .find(|entry| covers(&entry.prefix, path))
            .map(|entry| Found { handler: &*entry.handler, prefix_bytes: entry.prefix.len() })
    }
}

/// A prefix ends where a segment ends: `/a` covers `/a` and `/a/b`, not `/ab`.
fn covers(prefix: &[u8], path: &[u8]) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Request;
    use crate::site::Response;

    #[test]
    fn the_longest_prefix_wins_and_ends_at_a_segment() {
        let mut locations = Locations::default();
        for prefix in ["/", "/a", "/a/b/", "/c/"] {
            locations.insert(prefix, Box::new(|_: &Request<'_>| Response::text("")));
        }
        for (path, expected) in [
            ("/", 0),
            ("/x", 0),
            ("/a", 2),
            ("/a/", 2),
            ("/ab", 0),
            ("/a/b", 4),
            ("/a/b/c", 4),
            ("/a/bc", 2),
            ("/c", 2),
        ] {
            let found = locations.find(path.as_bytes()).map(|found| found.prefix_bytes);
            assert_eq!(found, Some(expected), "{path}");
        }
    }

    #[test]
    fn without_a_root_location_the_rest_is_nowhere() {
        let mut locations = Locations::default();
        locations.insert("/a", Box::new(|_: &Request<'_>| Response::text("")));
        assert!(locations.find(b"/b").is_none());
    }
}
