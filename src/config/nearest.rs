//! Finds the word that was meant where one is misspelt.

/// The known word with the fewest typing errors, if they are few for its length.
#[must_use]
pub(crate) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let strokes = |key: &str| strsim::damerau_levenshtein(name, key);
    let near = known.iter().copied().min_by_key(|key| strokes(key))?;
    (strokes(near) <= near.len().div_ceil(3)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_for_a_misspelt_key_names_the_nearest_one() {
        let known = ["listen", "root", "index", "workers", "limits"];
        let table = [
            ("rooot", Some("root")),
            ("Root", Some("root")),
            ("lisetn", Some("listen")),
            ("worker", Some("workers")),
            ("limit", Some("limits")),
            ("banana", None),
            ("", None),
        ];
        for (name, expected) in table {
            assert_eq!(nearest(name, &known), expected, "{name:?}");
        }
    }
}
