use super::*;

fn shown(text: &str) -> String {
    Address::parse(text).unwrap().iter().map(Address::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_way_to_write_an_address() {
    assert_eq!(shown("127.0.0.1:80"), "127.0.0.1:80");
    assert_eq!(shown("[::1]:80"), "[::1]:80");
    assert_eq!(shown("::1"), "[::1]:8080");
    assert_eq!(shown("localhost:0"), "127.0.0.1:0 [::1]:0");
    assert_eq!(shown(":80"), "0.0.0.0:80 [::]:80");
    assert_eq!(shown("*:80"), "0.0.0.0:80 [::]:80");
    assert_eq!(shown("[::1]"), "[::1]:8080");
    assert_eq!(shown("localhost"), "127.0.0.1:8080 [::1]:8080");
    assert_eq!(shown("10.0.0.1"), "10.0.0.1:8080");
    assert_eq!(shown("unix:/run/x.sock"), "unix:/run/x.sock");
    assert_eq!(shown("systemd:http"), "systemd:http");
    assert_eq!(shown("systemd:httpd.socket"), "systemd:httpd.socket");
}

/// What is written, what is wrong with it, and what the error says to write.
const REFUSED: &[(&str, &str, &[&str])] = &[
    ("", "no address", &[":8080", "localhost:8080"]),
    (" :80", "spaces", &[":80"]),
    ("8080", "a port alone", &[":8080", "localhost:8080"]),
    ("8080:", "behind the port", &[":8080", "localhost:8080"]),
    ("8080:80", "two numbers", &[":80", "localhost:80"]),
    ("localhost:", "no port", &["localhost:8080"]),
    (":", "no port", &[":8080"]),
    ("[::1]:", "no port", &["[::1]:8080"]),
    ("localhost:http", "\"http\" is not a number", &[]),
    ("localhost:70000", "\"70000\" is not a number", &[]),
    ("localhost:+80", "\"+80\" is not a number", &[]),
    ("localhost:80:80", "too many colons", &["localhost:8080", "[::1]:8080"]),
    ("::1:80:", "without brackets", &["[::1:80]:8080"]),
    ("fe80::1:2:3:4:5:6:80", "without brackets", &["[fe80::1:2:3:4:5:6]:80"]),
    ("[::1", "not closed", &["[::1]:8080"]),
    ("[::1]80", "after the bracket", &["[::1]:8080"]),
    ("http://localhost:8080/", "a URL", &["localhost:8080"]),
    ("HTTP://[::1]", "a URL", &["[::1]:80"]),
    ("http://:8080", "a URL", &[":8080"]),
    ("https://:443", "a URL", &[":443"]),
    ("unix:///run/x", "a URL", &["unix:/run/x"]),
    ("fd://3", "a URL", &["localhost:8080"]),
    ("localhost:80/", "a path", &["localhost:80"]),
    ("/run/x.sock", "a path", &["unix:/run/x.sock"]),
    ("unix:", "needs the path", &["unix:/run/httpd.sock"]),
    ("systemd:", "needs the name", &["systemd:http"]),
    ("systemd:a:b", "no name", &[]),
    ("systemd:a b", "no name", &[]),
];

#[test]
fn an_error_names_what_is_wrong_and_says_what_to_write() {
    for (text, wrong, instead) in REFUSED {
        let message = Address::parse(text).expect_err(text).to_string();
        assert!(message.contains(wrong), "{text}: {message}");
        for right in *instead {
            assert!(message.contains(&format!("\"{right}\"")), "{text}: {message}");
            Address::parse(right).expect("what an error says to write is understood");
        }
    }
}

#[test]
fn https_before_an_address_means_tls() {
    let read = |text: &str| {
        let (scheme, addresses) = ListenScheme::parse(text).expect(text);
        let shown: Vec<String> = addresses.iter().map(Address::to_string).collect();
        (scheme, shown.join(" "))
    };
    for (text, scheme, expected) in [
        (":80", ListenScheme::Http, "0.0.0.0:80 [::]:80"),
        ("https://:8443", ListenScheme::Https, "0.0.0.0:8443 [::]:8443"),
        ("HTTPS://127.0.0.1:1/", ListenScheme::Https, "127.0.0.1:1"),
        ("https://localhost", ListenScheme::Https, "127.0.0.1:443 [::1]:443"),
        ("https://[::1]", ListenScheme::Https, "[::1]:443"),
        ("https://::1", ListenScheme::Https, "[::1]:443"),
        ("https://systemd:web", ListenScheme::Https, "systemd:web"),
        ("h2c://systemd:web", ListenScheme::H2c, "systemd:web"),
    ] {
        assert_eq!(read(text), (scheme, expected.to_owned()), "{text}");
    }
    for text in ["https://", "https://443", "https://unix:/x", "https://a/b", "https://a:b"] {
        assert!(ListenScheme::parse(text).is_err(), "{text}");
    }
}
