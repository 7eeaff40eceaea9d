use super::*;

fn addresses_of(listen: &[&str], host: Option<&str>, port: Option<u16>) -> Vec<String> {
    let written =
        |it: &&str| Listen::from(Written { value: it.to_string(), origin: Origin::File(0) });
    let given = Origin::Given("-h");
    let overrides = Overrides {
        host: host.map(|it| Written { value: it.to_owned(), origin: given }),
        port: port.map(|value| Written { value, origin: given }),
        ..Overrides::default()
    };
    let mut errors = Errors::default();
    let written = Some(listen.iter().map(written).collect());
    let result = addresses(written, &overrides, Path::new("/etc"), &mut errors);
    assert!(errors.list.is_empty(), "{errors:?}");
    result.addresses.into_iter().map(|it| it.address.value).collect()
}

#[test]
fn without_flags_the_file_is_taken_at_its_word() {
    let listen = ["localhost:8080", "unix:run/x.sock", ":80"];
    assert_eq!(
        addresses_of(&listen, None, None),
        ["localhost:8080", "unix:/etc/run/x.sock", ":80"]
    );
}

#[test]
fn a_port_alone_keeps_the_hosts_and_leaves_the_unix_sockets() {
    let listen = ["localhost:8080", "[::2]:80", "127.0.0.3:81", "unix:/run/x.sock"];
    assert_eq!(
        addresses_of(&listen, None, Some(9000)),
        ["localhost:9000", "[::2]:9000", "127.0.0.3:9000"]
    );
    assert_eq!(addresses_of(&[":80"], None, Some(9000)), [":9000"]);
    assert_eq!(addresses_of(&["*:80"], None, Some(9000)), ["*:9000"]);
}

#[test]
fn what_is_spoken_at_an_address_stays_with_it() {
    let listen = ["h2c://localhost:8080", "h2c://[::2]:81", ":82"];
    assert_eq!(addresses_of(&listen, None, None), listen);
    assert_eq!(
        addresses_of(&listen, None, Some(9000)),
        ["h2c://localhost:9000", "h2c://[::2]:9000", ":9000"]
    );
    assert_eq!(addresses_of(&listen[..1], Some("::1"), None), ["h2c://[::1]:8080"]);
}

#[test]
fn where_addresses_become_one_it_speaks_tls_if_any_of_them_does() {
    let listen = ["127.0.0.1:80", "https://127.0.0.1:443", "h2c://127.0.0.1:81"];
    assert_eq!(addresses_of(&listen, None, Some(9000)), ["https://127.0.0.1:9000"]);
    // Each gets a free port of its own.
    let free = ["127.0.0.1:0", "https://127.0.0.1:0", "h2c://127.0.0.1:0"];
    assert_eq!(addresses_of(&listen, None, Some(0)), free);
}

#[test]
fn addresses_are_local_if_nobody_else_can_connect() {
    let are_local = |listen: &[&str]| {
        let written =
            |it: &&str| Listen::from(Written { value: it.to_string(), origin: Origin::File(0) });
        let addresses = listen.iter().map(written).collect();
        ListenAddresses { addresses, secured: None }.are_local()
    };
    assert!(are_local(&["localhost:80", "https://127.0.0.3:443", "[::1]:80", "unix:/a"]));
    for open in [":80", "0.0.0.0:80", "[::]:80", "192.0.2.1:80", "https://:443"] {
        assert!(!are_local(&["localhost:80", open]), "{open}");
    }
}

#[test]
fn a_host_alone_keeps_the_ports() {
    let listen = ["localhost:8080", "127.0.0.3:8080", ":81"];
    assert_eq!(addresses_of(&listen, Some("::1"), None), ["[::1]:8080", "[::1]:81"]);
}

#[test]
fn host_and_port_are_the_whole_word() {
    let listen = ["localhost:8080", ":81"];
    assert_eq!(addresses_of(&listen, Some("0.0.0.0"), Some(9000)), ["0.0.0.0:9000"]);
    assert_eq!(addresses_of(&["unix:/x"], Some("[::1]"), None), ["[::1]:8080"]);
}
