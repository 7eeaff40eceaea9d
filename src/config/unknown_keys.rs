//! Explains keys that their section does not have: where such a key belongs, or what was probably meant.

use super::errors::Errors;
use super::foreign;
use super::nearest::nearest;
use super::section::Section;

/// Adds an error for each unknown key. `sections` are all that there are.
pub(super) fn explain(sections: &[Section], errors: &mut Errors) {
    for unknown in std::mem::take(&mut errors.unknown) {
        let message = explanation(unknown.section, &unknown.name, sections, errors);
        errors.note(unknown.origin, message);
    }
}

/// Guesses what was meant: the same key in another section, this server's key for that of another server,
/// or a key of this section with a similar name. The first is a common slip in TOML, where a key after a
/// `[header]` belongs to that section.
fn explanation(title: &str, name: &str, sections: &[Section], errors: &mut Errors) -> String {
    let here = sections.iter().find(|section| section.title == title);
    let known = here.map_or(&[][..], |section| &section.keys[..]);
    let is_table = sections.iter().any(|section| section.title.trim_matches(['[', ']']) == name);
    let has_it = |section: &&Section| section.keys.contains(&name);
    // A key that is the name of a table, too, is rather a key of another section than the table.
    let elsewhere = |section: &&Section| has_it(section) && !section.title.is_empty();
    let elsewhere = sections.iter().find(elsewhere).filter(|_| is_table);
    let home = elsewhere.or_else(|| sections.iter().find(has_it));
    let hint = match (home, foreign::answer(name), nearest(name, known)) {
        (Some(home), _, _) if home.title.is_empty() => {
            "; it belongs at the top of the file, before the first [section]".to_owned()
        }
        (Some(home), _, _) => format!("; it belongs in {}", home.title),
        (None, Some(answer), _) => format!(": {answer}"),
        (None, None, Some(near)) => format!("; did you mean \"{near}\"?"),
        (None, None, None) => {
            errors.puzzling.extend(here.map(|section| section.title));
            String::new()
        }
    };
    let place = if title.is_empty() { String::new() } else { format!(" in {title}") };
    format!("unknown key {name:?}{place}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::sections;
    use std::collections::BTreeSet;

    #[test]
    fn the_error_for_a_key_in_the_wrong_section_names_the_right_one() {
        let (sections, mut errors) = (sections(), Errors::default());
        assert_eq!(
            explanation("", "head_timeout", &sections, &mut errors),
            "unknown key \"head_timeout\"; it belongs in [limits]"
        );
        assert_eq!(
            explanation("[log]", "listen", &sections, &mut errors),
            "unknown key \"listen\" in [log]; it belongs at the top of the file, before the first [section]"
        );
        assert!(errors.puzzling.is_empty());
        assert_eq!(
            explanation("[log]", "colour", &sections, &mut errors),
            "unknown key \"colour\" in [log]"
        );
        assert_eq!(errors.puzzling, BTreeSet::from(["[log]"]));
    }

    #[test]
    fn a_key_of_another_server_is_answered() {
        let (sections, mut errors) = (sections(), Errors::default());
        for (name, expected) in [
            ("tls", "write listen = [\"https://:443\"]"),
            (
                "gzip",
                "write compression = [\"zstd\", \"br\", \"gzip\"]; precompressed = true sends",
            ),
            ("gzip_types", "write compression_types = "),
            ("gzip_comp_level", "there are no levels to set"),
            ("gzip_static", "write precompressed = true"),
            ("autoindex", "write listing = true"),
            ("vhost", "write [[host]] with a server_name"),
            ("proxy_pass", "this server is no proxy yet"),
            ("redirects", "write [[redirect]] with from"),
            ("run_as", "write user = "),
            ("bind", "write listen = "),
            ("worker_connections", "write connections_max in [limits]"),
            ("DocumentRoot", "write root = "),
            ("max-requests", "write requests_max beside wsgi"),
        ] {
            for section in ["", "[[location]]", "[limits]"] {
                let told = explanation(section, name, &sections, &mut errors);
                assert!(told.contains(expected), "{told}");
            }
        }
        assert!(errors.puzzling.is_empty());
    }
}
