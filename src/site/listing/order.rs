//! The order of entries: folders first, and names as people count them, `file2` before `file10`.

use super::view::{Key, Order};
use crate::files::Entry;
use std::cmp::{Ordering, Reverse};

/// Sorts entries. Folders have no size: by size, they stand in the order of their names.
pub(super) fn sort(entries: &mut [Entry], key: Key, order: Order) {
    let by_name = |one: &Entry, other: &Entry| natural(&one.name, &other.name);
    let directed = |ordering: Ordering| match order {
        Order::Ascending => ordering,
        Order::Descending => ordering.reverse(),
    };
    entries.sort_unstable_by(|one, other| {
        let folders_first = || Reverse(one.is_directory).cmp(&Reverse(other.is_directory));
        folders_first().then_with(|| match key {
            Key::Name => directed(by_name(one, other)),
            Key::Size if one.is_directory => by_name(one, other),
            Key::Size => {
                directed(one.size_bytes.cmp(&other.size_bytes)).then_with(|| by_name(one, other))
            }
            Key::Time => {
                directed(one.modified.cmp(&other.modified)).then_with(|| by_name(one, other))
            }
        })
    });
}

/// Compares names: a run of digits by the number that it is, letters of ASCII in any case. Names that are equal in this
/// way are compared byte for byte, so that their order is always the same.
fn natural(one: &[u8], other: &[u8]) -> Ordering {
    let (mut a, mut b) = (one, other);
    while let (Some(&x), Some(&y)) = (a.first(), b.first()) {
        let ordering = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (take_number(&mut a), take_number(&mut b));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            (a, b) = (&a[1..], &b[1..]);
            x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase())
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    a.len().cmp(&b.len()).then_with(|| one.cmp(other))
}

/// The digits at the beginning, without leading zeros.
fn take_number<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    let zeros = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::Timestamp;

    #[test]
    fn names_are_in_the_order_in_which_people_count() {
        let mut names = [
            "file10",
            "File2",
            "file1",
            "file02",
            "file2",
            "a",
            "B",
            "file",
            "10",
            "9",
            "v1.10",
            "v1.9",
            "x99999999999999999999999999998",
            "x99999999999999999999999999999",
            "x3",
        ];
        names.sort_by(|one, other| natural(one.as_bytes(), other.as_bytes()));
        let expected = [
            "9",
            "10",
            "a",
            "B",
            "file",
            "file1",
            "File2",
            "file02",
            "file2",
            "file10",
            "v1.9",
            "v1.10",
            "x3",
            "x99999999999999999999999999998",
            "x99999999999999999999999999999",
        ];
        assert_eq!(names, expected);
    }

    /// Sorting panics or goes astray where this fails.
    #[test]
    fn the_order_of_names_is_total() {
        const PIECES: [&str; 8] = ["0", "1", "01", "10", "a", "A", "-", "\u{e4}"];
        let names: Vec<String> = (0..8_usize.pow(3))
            .map(|number| (0..3).map(|place| PIECES[number / 8_usize.pow(place) % 8]).collect())
            .collect();
        let compare =
            |one: usize, other: usize| natural(names[one].as_bytes(), names[other].as_bytes());
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by(|&one, &other| compare(one, other));
        for (place, &one) in order.iter().enumerate() {
            for &other in &order[place..] {
                assert_ne!(compare(one, other), Ordering::Greater);
                assert_ne!(compare(other, one), Ordering::Less);
                let is_equal = compare(one, other) == Ordering::Equal;
                assert_eq!(is_equal, names[one] == names[other]);
            }
        }
    }

    #[test]
    fn folders_are_first_in_every_order() {
        let entry = |name: &str, is_directory, size_bytes, seconds| Entry {
            name: name.as_bytes().into(),
            is_directory,
            size_bytes,
            modified: Timestamp { seconds, nanoseconds: 0 },
        };
        let sorted = |key, order| {
            let mut entries = [
                entry("b", false, 1, 3),
                entry("a", false, 2, 1),
                entry("c", false, 2, 2),
                entry("y", true, 50, 9),
                entry("x", true, 99, 4),
            ];
            sort(&mut entries, key, order);
            entries.map(|entry| String::from_utf8_lossy(&entry.name).into_owned()).concat()
        };
        assert_eq!(sorted(Key::Name, Order::Ascending), "xyabc");
        assert_eq!(sorted(Key::Name, Order::Descending), "yxcba");
        assert_eq!(sorted(Key::Size, Order::Ascending), "xybac");
        assert_eq!(sorted(Key::Size, Order::Descending), "xyacb");
        assert_eq!(sorted(Key::Time, Order::Ascending), "xyacb");
        assert_eq!(sorted(Key::Time, Order::Descending), "yxbca");
    }
}
