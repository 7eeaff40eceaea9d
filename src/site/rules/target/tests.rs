//! What the target of a rule becomes for a request.

use super::*;

fn of(template: &str, path: &str, query: Option<&str>, captures: &[&str]) -> Option<String> {
    let target = Target::new(template, captures.len()).expect("it is sound");
    let query = query.map(str::as_bytes);
    let seen =
        Seen { path: path.as_bytes(), query, host: b"Own.example:8080", scheme: Scheme::Http };
    let location = target.of(&seen, &|number| captures[number - 1].as_bytes())?;
    Some(String::from_utf8(location).expect("a URI is ASCII"))
}

#[test]
fn variables_stand_for_parts_of_the_request() {
    for (template, expected) in [
        ("/new/$1", "/new/a%20b/c?q=1"),
        ("/n?from=$1", "/n?from=a%20b/c"),
        ("/n?x=1&$query", "/n?x=1&q=1"),
        ("/n?", "/n?"),
        ("https://$host$path", "https://own.example/old/a%20b/c?q=1"),
        ("$scheme://www.$host:81/$1#top", "http://www.own.example:81/a%20b/c?q=1#top"),
        ("https://example.org", "https://example.org/?q=1"),
        ("https://example.org#a", "https://example.org/?q=1#a"),
        ("$path/", "/old/a%20b/c/?q=1"),
        ("/a$$b", "/a$b?q=1"),
        ("/ü %20", "/%C3%BC%20%20?q=1"),
        ("/login?next=$scheme://$host$path", "/login?next=http://own.example/old/a%20b/c"),
    ] {
        let found = of(template, "/old/a b/c", Some("q=1"), &["a b/c"]);
        assert_eq!(found.as_deref(), Some(expected), "{template}");
    }
}

#[test]
fn nothing_of_a_request_makes_another_host_or_another_header() {
    for (template, capture, expected) in [
        ("/$1", "/evil.example", "/evil.example"),
        ("/$1", "//evil.example", "/evil.example"),
        ("/$1", "\\evil.example", "/%5Cevil.example"),
        ("/$1", "a\r\nSet-Cookie: b", "/a%0D%0ASet-Cookie:%20b"),
        ("/?a=$1", "b&c=d#e+f", "/?a=b%26c%3Dd%23e%2Bf"),
    ] {
        assert_eq!(of(template, "/x", None, &[capture]).as_deref(), Some(expected), "{template}");
    }
}

#[test]
fn a_redirect_to_what_was_asked_for_is_none() {
    for (template, path, query, is_one) in [
        ("$path", "/a b", None, false),
        ("/a%20b", "/a b", None, false),
        ("/a", "/a", Some("q"), false),
        ("/a?q", "/a", Some("q"), false),
        ("/a?q", "/a", None, true),
        ("http://own.example:8080/a", "/a", None, false),
        ("http://own.example/a", "/a", None, true),
        ("https://own.example:8080/a", "/a", None, true),
    ] {
        assert_eq!(of(template, path, query, &[]).is_some(), is_one, "{template} {path}");
    }
}

#[test]
fn templates_that_could_lead_anywhere_are_refused() {
    let new = |text| Target::new(text, 1);
    for text in
        ["", "new", "$1", "$host/a", "mailto:a@example.org", "javascript:alert(1)", "ftp://a/"]
    {
        assert_eq!(new(text), Err(TargetError::NoTarget), "{text}");
    }
    for text in ["//evil.example", "/\\evil.example"] {
        assert_eq!(new(text), Err(TargetError::TwoSlashes), "{text}");
    }
    for text in ["https://example.org$1", "https://example.org$query", "https://www.$1.example"] {
        assert!(matches!(new(text), Err(TargetError::InHost(_))), "{text}");
    }
    for text in
        ["https://", "https:///a", "https://u@h/", "https://a b/", "https://:80/", "https://$1/"]
    {
        assert!(
            matches!(new(text), Err(TargetError::BadHost(_) | TargetError::InHost(_))),
            "{text}"
        );
    }
    for text in ["/$", "/$0", "/$nothing", "/$hosts"] {
        assert!(matches!(new(text), Err(TargetError::UnknownVariables(_))), "{text}");
    }
    let several = ["$server_name", "$request_uri"].map(str::to_owned).to_vec();
    let text = "/$server_name$path/$request_uri?$server_name";
    assert_eq!(new(text), Err(TargetError::UnknownVariables(several)));
    assert_eq!(new("/$2"), Err(TargetError::NoCapture { used: 2, has: 1 }));
    assert_eq!(new("/a\nb"), Err(TargetError::Control));
}
