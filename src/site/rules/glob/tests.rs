//! Which paths a pattern matches, and what it captures.

use super::*;

fn captured(glob: &str, path: &str) -> Option<Vec<String>> {
    let glob = Glob::new(glob).expect("it is one");
    let captures = glob.captures(path.as_bytes())?;
    Some((1..).map_while(|it| captures.get(it)).map(|it| path[it].to_owned()).collect())
}

#[test]
fn wildcards_capture_what_they_stand_for() {
    for (glob, path, expected) in [
        ("/old", "/old", Some(&[][..])),
        ("/old", "/old/", None),
        ("/old/*", "/old/a/b", Some(&["a/b"][..])),
        ("/old/*", "/old/", Some(&[""])),
        ("/old/*", "/old", None),
        ("/old/*", "/older", None),
        ("/*", "/", Some(&[""])),
        ("/*", "/a/b", Some(&["a/b"])),
        ("/old*", "/older", Some(&["er"])),
        ("/old*", "/old/er", None),
        ("/a/*/c", "/a/b/c", Some(&["b"])),
        ("/a/*/c", "/a/b/b/c", None),
        ("/a/**/c", "/a/b/b/c", Some(&["b/b"])),
        ("/*/*/x.html", "/a/b/x.html", Some(&["a", "b"])),
        ("/**/d*g/h", "/a/dg/x/dog/h", Some(&["a/dg/x", "o"])),
        ("/**.php", "/a/b.php", Some(&["a/b"])),
        ("/**a*b/*", "/aab/c/aXb/d", Some(&["", "a", "c/aXb/d"])),
        ("/?/x", "/a/x", Some(&["a"])),
        ("/?/x", "//x", None),
        ("*.css", "/a/b.css", Some(&["b"])),
        ("*.css", "/b.css/x", None),
        ("/*-*.html", "/2026-01-02.html", Some(&["2026", "01-02"])),
        ("/a*", "/a", Some(&[""])),
    ] {
        let found = captured(glob, path);
        let found = found.as_ref().map(|it| it.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), expected, "{glob} {path}");
    }
}

/// Compared with a matcher that tries everything.
#[test]
fn every_short_pattern_matches_what_it_should() {
    fn slow(tokens: &[Token], path: &[u8]) -> bool {
        match tokens.split_first() {
            None => path.is_empty(),
            Some((Token::Text(text), rest)) => {
                path.strip_prefix(&**text).is_some_and(|after| slow(rest, after))
            }
            Some((Token::One, rest)) => {
                path.first().is_some_and(|&it| it != b'/') && slow(rest, &path[1..])
            }
            Some((kind, rest)) => (0..=path.len()).any(|end| {
                let fits = matches!(kind, Token::Rest) || !path[..end].contains(&b'/');
                fits && slow(rest, &path[end..])
            }),
        }
    }
    const PIECES: [&str; 6] = ["/", "a", "b", "*", "**", "?"];
    let mut compared = 0;
    for number in 0..PIECES.len().pow(4) {
        let glob: String = (0..4).map(|it| PIECES[number / PIECES.len().pow(it) % 6]).collect();
        let Ok(glob) = Glob::new(&format!("/{glob}")) else { continue };
        for number in 0..3_usize.pow(6) {
            let path: String =
                (0..6).map(|it| ["/", "a", "b"][number / 3_usize.pow(it) % 3]).collect();
            let path = format!("/{path}");
            let expected = slow(&glob.tokens, path.as_bytes());
            assert_eq!(glob.matches(path.as_bytes()), expected, "{glob:?} {path}");
            compared += 1;
        }
    }
    assert!(compared > 100_000, "{compared}");
}

#[test]
fn what_matches_nothing_or_means_something_else_elsewhere_is_refused() {
    for (text, error) in [
        ("", GlobError::NotFromTheRoot),
        ("a/b", GlobError::NotFromTheRoot),
        ("/a//b", GlobError::NoPath),
        ("/../b", GlobError::NoPath),
        ("/a?b=c", GlobError::Query),
        ("/a#b", GlobError::Query),
        ("/a/[bc]", GlobError::Unsupported('[')),
        ("/{a}", GlobError::Unsupported('{')),
        ("/*/*/*/*/*/*/*/*/*/*", GlobError::TooManyWildcards),
    ] {
        assert_eq!(Glob::new(text), Err(error), "{text}");
    }
}

#[test]
fn one_pattern_covers_another() {
    for (one, other, covers) in [
        ("/old/*", "/old/a/*", true),
        ("/old/*", "/old/*", true),
        ("/*.php", "/*.php", true),
        ("/**", "/a*", true),
        ("/old/*", "/old*", false),
        ("/old/a", "/old/*", false),
        ("/*.php", "/a*.php", false),
        ("/**", "*.css", false),
    ] {
        let [one, other] = [one, other].map(|it| Glob::new(it).expect("it is one"));
        assert_eq!(one.covers(&other), covers, "{one:?} {other:?}");
    }
}

#[test]
fn a_pattern_may_match_below_a_path() {
    for (glob, prefix, may) in [
        ("/a/*", "", true),
        ("/a/*", "/a", true),
        ("/a/b", "/a", true),
        ("/*", "/a", true),
        ("*.css", "/a", true),
        ("/b/*", "/a", false),
        ("/ab", "/a", false),
        ("/a", "/a/b", false),
    ] {
        let pattern = Glob::new(glob).expect("it is one");
        assert_eq!(pattern.may_match_below(prefix.as_bytes()), may, "{glob} {prefix}");
    }
}

#[test]
fn a_sample_matches() {
    for glob in ["/a", "/a/*", "/*/b/**/c?", "*.css"] {
        let glob = Glob::new(glob).expect("it is one");
        assert!(glob.matches(&glob.sample()), "{glob:?}");
    }
}
