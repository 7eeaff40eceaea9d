//! HTTPS as an operator sets it up.

use crate::support::client::Request;
use crate::support::configured::errors_of;
use crate::support::process::Process;
use crate::support::secured::{Authority, Kind, try_secured};
use crate::support::{Client, Folder, Program, Signal, lossy, output, own_loopback, until};
use httpd::Certificate;
use rustls::HandshakeKind;
use std::io::{Read, Write};
use std::sync::Arc;

/// What is wrong with a configuration, with certificates of every kind beside it.
#[track_caller]
fn errors(config: &str) -> Vec<String> {
    errors_of(&folder(), config)
}

fn folder() -> Folder {
    let folder = Folder::with_www();
    let root = Authority::new();
    root.issue(&["example.org", "www.example.org"]).write(&folder, "cert.pem", "key.pem");
    root.issue(&["other.org"]).write(&folder, "other.pem", "other.key");
    let intermediate = root.intermediate();
    let issued = intermediate.issue_with(&["example.org"], Kind::Ecdsa, |params| {
        // As public authorities say where the certificate of the issuer is (RFC 5280 §4.2.2.1).
        let url = b"http://ca.test/i";
        let mut access = vec![0x30, 0x1c, 0x30, 0x1a];
        access.extend([0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02]);
        access.extend([0x86, url.len() as u8]);
        access.extend(url);
        access[1] = access.len() as u8 - 2;
        access[3] = access.len() as u8 - 4;
        let id = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
        params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(id, access));
    });
    issued.write(&folder, "leaf.pem", "leaf.key");
    let middle = intermediate.pem();
    folder.write("full.pem", format!("{}{middle}", issued.chain));
    folder.write("turned.pem", format!("{middle}{}", issued.chain));
    folder.write("gap.pem", format!("{}{}", issued.chain, Authority::new().pem()));
    folder.write("late.pem", format!("{}{}{middle}", issued.chain, root.pem()));
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    folder.write("encrypted.key", encrypted);
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    folder.write("encrypted-before.key", old);
    folder.write("empty.pem", "");
    folder.write("text.pem", "not a certificate\n");
    folder.write("damaged.pem", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    folder.write("der.pem", b"\x30\x82\x01\x00");
    folder.write("der.key", b"\x30\x81\x87\x02\x01\x00");
    folder.write("both.pfx", b"\x30\x82\x09\xd1\x02\x01\x03\x30");
    let wide = "-----BEGIN".encode_utf16().flat_map(u16::to_le_bytes);
    folder.write("wide.pem", [0xff, 0xfe].into_iter().chain(wide).collect::<Vec<u8>>());
    let as_kind = |kind: &str| issued.chain.replace("CERTIFICATE", kind);
    folder.write("ssh.key", as_kind("OPENSSH PRIVATE KEY"));
    folder.write("public.key", as_kind("PUBLIC KEY"));
    folder.write("trusted.pem", as_kind("TRUSTED CERTIFICATE"));
    folder.write("request.pem", as_kind("CERTIFICATE REQUEST"));
    folder.write("cut.pem", &issued.chain[..issued.chain.len() / 2]);
    let damaged = issued.chain.replacen("MI", "M*", 1);
    folder.write("second-damaged.pem", format!("{}{damaged}", root.issue(&["example.org"]).chain));
    folder
}

/// The error for these files.
#[track_caller]
fn error(certificate: &str, key: &str) -> String {
    let config = format!(
        "listen = \"https://:8443\"\nroot = \"www\"\ncertificate = \"{certificate}\"\ncertificate_key = \"{key}\"\n"
    );
    let errors = errors(&config);
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors[0].clone()
}

#[test]
fn the_error_for_a_certificate_names_the_place_and_says_what_to_do() {
    for (certificate, key, place, words) in [
        (
            "nowhere.pem",
            "key.pem",
            "3:15: certificate: cannot read \"nowhere.pem\"",
            "does not exist",
        ),
        (
            "key.pem",
            "key.pem",
            "3:15: certificate: \"key.pem\" has a private key",
            "it belongs in certificate_key",
        ),
        ("empty.pem", "key.pem", "3:15: certificate: \"empty.pem\" is empty", "a certificate"),
        ("text.pem", "key.pem", "3:15: certificate: \"text.pem\" has no certificate", "BEGIN"),
        ("damaged.pem", "key.pem", "3:15: certificate: \"damaged.pem\" is damaged", ""),
        (
            "der.pem",
            "key.pem",
            "3:15: certificate: \"der.pem\" is in DER",
            "openssl x509 -inform der",
        ),
        (
            "both.pfx",
            "key.pem",
            "3:15: certificate: \"both.pfx\" is in PKCS #12",
            "openssl pkcs12 -in FILE",
        ),
        (
            "wide.pem",
            "key.pem",
            "3:15: certificate: \"wide.pem\" is in UTF-16",
            "save it as plain text",
        ),
        (
            "trusted.pem",
            "key.pem",
            "3:15: certificate: \"trusted.pem\" has a certificate in a form",
            "openssl x509",
        ),
        (
            "request.pem",
            "key.pem",
            "3:15: certificate: \"request.pem\" has a certificate request",
            "still to sign",
        ),
        (
            "cut.pem",
            "key.pem",
            "3:15: certificate: \"cut.pem\" is cut short",
            "line 1 has no -----END",
        ),
        (
            "second-damaged.pem",
            "key.pem",
            "3:15: certificate: \"second-damaged.pem\" is damaged",
            "from line ",
        ),
        (
            "cert.pem",
            "der.key",
            "4:19: certificate_key: \"der.key\" is in DER",
            "openssl pkey -inform der",
        ),
        ("cert.pem", "ssh.key", "4:19: certificate_key: \"ssh.key\" has a key of SSH", ""),
        ("cert.pem", "public.key", "4:19: certificate_key: \"public.key\" has a public key", ""),
        ("cert.pem", "both.pfx", "4:19: certificate_key: \"both.pfx\" is in PKCS #12", "-nocerts"),
        (
            "cert.pem",
            "nowhere.key",
            "4:19: certificate_key: cannot read \"nowhere.key\"",
            "does not exist",
        ),
        (
            "cert.pem",
            "cert.pem",
            "4:19: certificate_key: \"cert.pem\" has a certificate",
            "it belongs in certificate",
        ),
        (
            "cert.pem",
            "encrypted.key",
            "4:19: certificate_key: \"encrypted.key\" is encrypted",
            "openssl pkey",
        ),
        (
            "cert.pem",
            "encrypted-before.key",
            "4:19: certificate_key: \"encrypted-before.key\" is encrypted",
            "openssl pkey",
        ),
        (
            "cert.pem",
            "other.key",
            "4:19: certificate_key: \"other.key\" is not the private key of this certificate",
            "",
        ),
        (
            "turned.pem",
            "leaf.key",
            "3:15: certificate: \"turned.pem\" has its certificates in the wrong order",
            "number 2, which must come first",
        ),
        (
            "late.pem",
            "leaf.key",
            "3:15: certificate: \"late.pem\" has its certificates in the wrong order",
            "an intermediate authority",
        ),
        (
            "gap.pem",
            "leaf.key",
            "3:15: certificate: \"gap.pem\" has a gap",
            "an intermediate authority",
        ),
        (
            "leaf.pem",
            "leaf.key",
            "3:15: certificate: \"leaf.pem\" lacks the certificate of its issuer",
            "fullchain.pem",
        ),
    ] {
        let error = error(certificate, key);
        assert!(error.starts_with(&format!("c.toml:{place}")), "{error}");
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn the_error_for_https_without_a_certificate_says_what_to_write() {
    let errors_at = |config: &str| errors(config).join("\n");
    let missing = errors_at("root = \"www\"\nlisten = [\":8080\", \"https://:8443\"]\n");
    assert!(
        missing.starts_with("c.toml:2:20: https:// needs a certificate: write certificate = "),
        "{missing}"
    );
    let pair = "certificate = \"cert.pem\"\ncertificate_key = \"key.pem\"\n";
    let host = errors_at(&format!(
        "root = \"www\"\nlisten = \"https://:8443\"\n[[host]]\nserver_name = \"example.org\"\n{pair}\
         [[host]]\nserver_name = \"other.org\"\n"
    ));
    assert!(host.starts_with("c.toml:7:1: this host has no certificate"), "{host}");
    let key = errors_at("root = \"www\"\ncertificate_key = \"key.pem\"\n");
    assert_eq!(key, "c.toml:2:19: certificate_key needs the certificate that it belongs to");
    let counts = errors_at(
        "root = \"www\"\ncertificate = [\"cert.pem\", \"other.pem\"]\ncertificate_key = \"key.pem\"\n",
    );
    assert!(
        counts.starts_with("c.toml:3:19: certificate_key has 1 files, and certificate has 2"),
        "{counts}"
    );
    let alone = errors_at("root = \"www\"\ncertificate = \"cert.pem\"\n");
    assert!(
        alone.starts_with("c.toml:2:15: certificate: \"cert.pem\" has no private key: write"),
        "{alone}"
    );
    let unix = errors_at("root = \"www\"\nlisten = \"https://unix:/x\"\n");
    assert!(unix.contains("a Unix socket has no TLS; write \"unix:/x\""), "{unix}");
}

#[test]
fn a_test_of_the_configuration_tells_what_the_certificates_are_for() {
    let folder = folder();
    let authority = Authority::new();
    let soon = authority.issue_with(&["soon.org"], Kind::Ecdsa, |params| {
        params.not_after = std::time::SystemTime::now()
            .checked_add(std::time::Duration::from_secs(5 * 86_400 + 3600))
            .expect("a time")
            .into();
    });
    soon.write(&folder, "soon.pem", "soon.key");
    let gone = authority.issue_with(&["gone.org"], Kind::Ecdsa, |params| {
        params.not_after = rcgen::date_time_ymd(2025, 1, 1);
    });
    gone.write(&folder, "gone.pem", "gone.key");
    folder.write(
        "c.toml",
        "listen = \"https://:8443\"\nroot = \"www\"\nserver_name = [\"example.org\", \"sub.example.org\"]\n\
         certificate = \"cert.pem\"\ncertificate_key = \"key.pem\"\n\
         [[host]]\nserver_name = \"soon.org\"\ncertificate = \"soon.pem\"\ncertificate_key = \"soon.key\"\n\
         [[host]]\nserver_name = \"gone.org\"\ncertificate = \"gone.pem\"\ncertificate_key = \"gone.key\"\n",
    );
    let output = output(&mut folder.httpd(&["-t", "-c", "c.toml"]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let (out, warnings) = (lossy(&output.stdout), lossy(&output.stderr));
    assert!(out.contains("certificate cert.pem: for example.org, www.example.org; "), "{out}");
    assert!(out.contains("certificate soon.pem: for soon.org; 5 days left"), "{out}");
    for warning in [
        "no certificate of this host covers sub.example.org; it covers example.org, www.example.org",
        "the certificate \"soon.pem\" expires in 5 days: renew it",
        "the certificate \"gone.pem\" has expired",
        "the certificate \"cert.pem\" comes without that of its issuer, \"the authority of the tests\"",
    ] {
        assert!(warnings.contains(warning), "{warning}\n{warnings}");
    }
}

#[test]
fn certificates_that_do_not_fit_what_is_served_are_warned_of() {
    let folder = folder();
    let warnings = |listen: &str| {
        folder.write(
            "c.toml",
            format!(
                "listen = {listen:?}\nroot = \"www\"\ncertificate = \"cert.pem\"\ncertificate_key = \"key.pem\"\n\
                 [[host]]\nserver_name = [\"www.example.org\", \"new.example.net\"]\n\
                 [[host]]\nserver_name = \"other.org\"\ncertificate = \"other.pem\"\ncertificate_key = \"other.key\"\n"
            ),
        );
        let output = output(&mut folder.httpd(&["-t", "-c", "c.toml"]));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        lossy(&output.stderr)
    };
    let secured = warnings("https://:8443");
    assert!(
        secured.contains(
            "c.toml:6:35: this host has the certificate of the top, which covers example.org, www.example.org and not new.example.net"
        ),
        "{secured}"
    );
    assert!(
        !secured.contains("not www.example.org") && !secured.contains("other.org"),
        "{secured}"
    );
    let plain = warnings(":8080");
    assert!(plain.contains("c.toml:3:15: no address speaks TLS"), "{plain}");
    assert!(!plain.contains("new.example.net"), "{plain}");
}

#[test]
fn a_redirect_to_https_where_every_request_has_it_is_warned_of() {
    let folder = folder();
    let warnings = |listen: &str, arguments: &[&str]| {
        folder.write(
            "c.toml",
            format!(
                "listen = {listen}\nroot = \"www\"\ncertificate = \"cert.pem\"\ncertificate_key = \"key.pem\"\n\
                 redirect_https = true\nhsts = \"1h\"\n"
            ),
        );
        let output = output(&mut folder.httpd(&[&["-t", "-c", "c.toml"], arguments].concat()));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        lossy(&output.stderr)
    };
    let alone = warnings("\"https://:8443\"", &[]);
    let expected = "c.toml:5:18: redirect_https has no effect: every address speaks TLS";
    assert!(alone.contains(expected), "{alone}");
    for (listen, arguments) in [
        ("[\":8080\", \"https://:8443\"]", &[][..]),
        ("[\":8080\", \"https://:8443\"]", &["-p", "8081"]),
    ] {
        let text = warnings(listen, arguments);
        assert!(!text.contains("has no effect"), "{text}");
    }
}

#[test]
fn hosts_have_their_certificates_and_share_that_of_the_top() {
    let folder = Folder::with_www();
    let authority = Authority::new();
    authority.issue(&["top.org", "shared.org"]).write(&folder, "top.pem", "top.key");
    let own = authority.issue(&["own.org", "*.own.org"]);
    folder.write("own/both.pem", format!("{}{}", own.key, own.chain));
    folder.write("own/www/a.txt", "own");
    folder.write("www/a.txt", "top");
    folder.write(
        "httpd.toml",
        "listen = [\"127.0.0.1:0\", \"https://127.0.0.1:0\"]\nroot = \"www\"\n\
         certificate = \"top.pem\"\ncertificate_key = \"top.key\"\n\
         [[host]]\nserver_name = \"shared.org\"\n\
         [[host]]\nserver_name = [\"own.org\", \"*.own.org\"]\nroot = \"own/www\"\ncertificate = \"own/both.pem\"\n",
    );
    let program = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    assert!(
        program.line.contains("http://127.0.0.1:") && program.line.contains(" https://127.0.0.1:"),
        "{}",
        program.line
    );
    let secured = httpd::Address::Tcp(program.addresses()[1]);
    let config = Arc::new(authority.client());
    for (host, body) in
        [("top.org", "top"), ("shared.org", "top"), ("own.org", "own"), ("a.own.org", "own")]
    {
        let mut client = Client::secured(&secured, &config, host);
        client
            .send(format!("GET /a.txt HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .reply()
            .expect(200)
            .body(body);
    }
    program.get("/a.txt").expect(200).body("top");
}

#[test]
fn requests_without_tls_are_redirected_and_browsers_are_told_to_stay() {
    let folder = Folder::with_www();
    let authority = Authority::new();
    authority.issue(&["test", "loose.org"]).write(&folder, "cert.pem", "key.pem");
    folder.write("www/a b.txt", "it");
    folder.write("www/.well-known/acme-challenge/token", "proof");
    let here = own_loopback();
    folder.write(
        "httpd.toml",
        format!(
            "listen = [\"{here}:8080\", \"https://{here}:8443\"]\nroot = \"www\"\nredirect_https = true\nhsts = \"365d\"\n\
             certificate = \"cert.pem\"\ncertificate_key = \"key.pem\"\n\
             [[location]]\npath = \"/loose\"\nalias = \"www\"\nredirect_https = false\nhsts = \"1h\"\n\
             [[host]]\nserver_name = \"loose.org\"\nredirect_https = false\n"
        ),
    );
    let program = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let redirected = program.get("/a%20b.txt?x=1");
    redirected.expect(308).header("Location", "https://test/a%20b.txt?x=1");
    redirected.no_header("Strict-Transport-Security");
    program.get("/none").expect(308);
    program.get("/.well-known/acme-challenge/token").expect(200).body("proof");
    program.get("/loose/a%20b.txt").expect(200).no_header("Strict-Transport-Security");
    let mut client = program.connect();
    for (host, location) in [
        // Port 80 is mapped to this one, so 443 is mapped to that with TLS.
        ("a", "https://a/"),
        ("a:80", "https://a/"),
        ("a:8080", "https://a:8443/"),
        ("[::1]:8080", "https://[::1]:8443/"),
        ("[::1]", "https://[::1]/"),
    ] {
        client.send(format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"));
        client.reply().expect(308).header("Location", location);
    }
    client.send("GET /a%20b.txt HTTP/1.1\r\nHost: loose.org\r\n\r\n").reply().expect(200);
    client.send("GET / HTTP/1.0\r\n\r\n").reply().expect(400);
    let secured = httpd::Address::Tcp(program.addresses()[1]);
    let config = Arc::new(authority.client());
    let mut client = Client::secured(&secured, &config, "test");
    for (target, status, age) in [
        ("/a%20b.txt", 200, "max-age=31536000"),
        ("/none", 404, "max-age=31536000"),
        ("/loose/a%20b.txt", 200, "max-age=3600"),
    ] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n"));
        client.reply().expect(status).header("Strict-Transport-Security", age);
    }
}

#[test]
fn a_redirect_to_a_port_that_the_system_chooses_names_that_port() {
    let folder = Folder::with_www();
    let authority = Authority::new();
    authority.issue(&["test"]).write(&folder, "cert.pem", "key.pem");
    folder.write(
        "httpd.toml",
        "listen = [\"127.0.0.1:0\", \"https://127.0.0.1:0\"]\nroot = \"www\"\nredirect_https = true\n\
         certificate = \"cert.pem\"\ncertificate_key = \"key.pem\"\n",
    );
    let program = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let [plain, secured] = program.addresses()[..] else { panic!("{:?}", program.addresses()) };
    let asked = |host: &str| Request::new(program.address(), "GET", "/a").host(host).send();
    let location = format!("https://test:{}/a", secured.port());
    asked(&format!("test:{}", plain.port())).expect(308).header("Location", &location);
    asked("test").expect(308).header("Location", "https://test/a");
}

#[test]
fn another_name_without_tls_leads_to_the_canonical_one_with_tls_in_one_step() {
    let folder = Folder::with_www();
    let authority = Authority::new();
    authority
        .issue(&["a.org", "*.a.org", "strict.org", "*.strict.org"])
        .write(&folder, "cert.pem", "key.pem");
    folder.write("www/.well-known/acme-challenge/token", "proof");
    let here = own_loopback();
    folder.write(
        "httpd.toml",
        format!(
            "listen = [\"{here}:8080\", \"https://{here}:8443\"]\nroot = \"www\"\nredirect_https = true\n\
             certificate = \"cert.pem\"\ncertificate_key = \"key.pem\"\n\
             [[host]]\nserver_name = [\"a.org\", \"www.a.org\"]\ncanonical_host = \"a.org\"\n\
             [[host.location]]\npath = \"/loose\"\nredirect_https = false\n\
             [[host]]\nserver_name = [\"strict.org\", \"www.strict.org\"]\ncanonical_host = \"www.strict.org\"\n\
             hsts = \"365d\"\n"
        ),
    );
    let program = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let plain = |method: &str, target: &str, host: &str| {
        Request::new(program.address(), method, target).host(host).send()
    };
    for (host, target, status, location) in [
        ("www.a.org", "/x%20y?z=1", 308, "https://a.org/x%20y?z=1"),
        ("www.a.org:8080", "/", 308, "https://a.org:8443/"),
        ("a.org", "/", 308, "https://a.org/"),
        ("www.a.org:8080", "/loose", 301, "http://a.org:8080/loose"),
        // An authority follows it, and asks without TLS.
        (
            "www.a.org",
            "/.well-known/acme-challenge/token",
            301,
            "http://a.org/.well-known/acme-challenge/token",
        ),
        // Each name takes HSTS for itself first.
        ("strict.org", "/x", 308, "https://strict.org/x"),
        ("www.strict.org", "/x", 308, "https://www.strict.org/x"),
    ] {
        plain("GET", target, host).expect(status).header("Location", location);
    }
    plain("POST", "/x", "www.a.org").expect(308).header("Location", "https://a.org/x");
    let secured = httpd::Address::Tcp(program.addresses()[1]);
    let config = Arc::new(authority.client());
    for (host, location) in
        [("www.a.org:8443", "https://a.org:8443/x"), ("strict.org", "https://www.strict.org/x")]
    {
        let mut client = Client::secured(&secured, &config, host.split(':').next().unwrap_or(host));
        client.send(format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let reply = client.reply();
        reply.expect(301).header("Location", location);
        match host.starts_with("strict") {
            true => reply.header("Strict-Transport-Security", "max-age=31536000"),
            false => reply.no_header("Strict-Transport-Security"),
        };
    }
}

#[test]
fn a_redirect_to_https_needs_an_address_with_tls() {
    let errors = errors("root = \"www\"\nredirect_https = true\nhsts = \"long\"\n");
    assert!(
        errors[0].starts_with("c.toml:2:18: redirect_https needs an address with TLS"),
        "{errors:?}"
    );
    assert_eq!(
        errors[1],
        "c.toml:3:8: hsts must be a number of days such as \"365d\", or a time such as \"1h\", not \"long\""
    );
}

#[test]
fn several_processes_have_the_same_certificate() {
    let folder = Folder::with_www();
    let authority = Authority::new();
    authority.issue(&["test"]).write(&folder, "cert.pem", "key.pem");
    folder.write("www/a.txt", "it");
    folder.write(
        "httpd.toml",
        "listen = \"https://127.0.0.1:0\"\nroot = \"www\"\nprocesses = 2\nworkers = 1\n\
         certificate = \"cert.pem\"\ncertificate_key = \"key.pem\"\n",
    );
    let program = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let config = Arc::new(authority.client());
    for _ in 0..20 {
        let mut client = Client::secured(program.address(), &config, "test");
        client.send("GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n").reply().expect(200).body("it");
    }
}

#[test]
fn tls_can_be_tried_without_any_certificate() {
    let folder = Folder::with_www();
    folder.write("www/a.txt", "it");
    let program =
        Program::start(&mut folder.httpd(&["--tls", "-h", "127.0.0.1", "-p", "0", "www"]));
    assert!(program.line.contains(" listening on https://127.0.0.1:"), "{}", program.line);
    // Nobody trusts it.
    let config = Arc::new(Authority::new().client());
    let refused = crate::support::secured::try_secured(program.address(), &config, "localhost");
    assert!(refused.map(|_| ()).unwrap_err().to_string().contains("UnknownIssuer"));
    let names = Certificate::for_trying().expect("the system has random numbers").names();
    assert_eq!(names, ["localhost", "*.localhost", "127.0.0.1", "::1"]);
    let output = output(&mut folder.httpd(&["--tls", "-P", "2", "-t", "www"]));
    assert_eq!(output.status.code(), Some(2));
    let text = lossy(&output.stderr);
    assert!(text.contains("--tls: each process would make its own certificate"), "{text}");
}

/// A client that resumes nothing, so that it sees the certificate each time.
fn forgetful(authority: &Authority) -> Arc<rustls::ClientConfig> {
    let mut client = authority.client();
    client.resumption = rustls::client::Resumption::disabled();
    Arc::new(client)
}

#[test]
fn certificates_are_renewed_in_all_processes_and_a_bad_one_is_named() {
    let folder = Folder::with_www();
    let authority = Authority::new();
    authority.issue(&["test"]).write(&folder, "cert.pem", "key.pem");
    folder.write(
        "httpd.toml",
        "listen = \"https://127.0.0.1:0\"\nroot = \"www\"\nprocesses = 2\nworkers = 1\n\
         certificate = \"cert.pem\"\ncertificate_key = \"key.pem\"\n",
    );
    let mut program = Program::start(&mut folder.httpd(&["-v", "-c", "httpd.toml"]));
    let address = program.address().clone();
    let client = forgetful(&authority);
    let shown = || {
        let stream = try_secured(&address, &client, "test").expect("it shakes hands");
        stream.conn.peer_certificates().expect("it shows one")[0].clone().into_owned()
    };
    let renewed = authority.issue(&["test"]);
    renewed.write(&folder, "new.pem", "new.key");
    for (new, name) in [("new.key", "key.pem"), ("new.pem", "cert.pem")] {
        std::fs::rename(folder.path(new), folder.path(name)).expect("a name");
    }
    program.says("certificate \"cert.pem\" (test) is renewed");
    // Connections go to either process.
    until("both processes show it", || (0..16).all(|_| shown() == renewed.certificate_der()));
    folder.write("key.pem", authority.issue(&["test"]).key);
    let said = program.says("stays in use");
    assert!(said.contains("\"key.pem\" is not the private key of this certificate"), "{said}");
    assert_eq!(shown(), renewed.certificate_der());
    // A process that starts now gets the pair that was good.
    replace_one(&mut program);
    for _ in 0..16 {
        assert_eq!(shown(), renewed.certificate_der());
    }
}

/// Kills one of the processes, and waits for the one that replaces it.
fn replace_one(program: &mut Program) {
    let children = Process(program.child.id()).children();
    children.first().expect("there are several").send(Signal::KILL);
    program.says(" serves");
}

#[test]
fn sessions_are_resumed_by_any_process_also_by_one_that_replaces_another() {
    let folder = Folder::with_www();
    folder.write("www/a.txt", "it");
    let authority = Authority::new();
    authority.issue(&["test"]).write(&folder, "cert.pem", "key.pem");
    folder.write(
        "httpd.toml",
        "listen = \"https://127.0.0.1:0\"\nroot = \"www\"\nprocesses = 3\nworkers = 1\n\
         certificate = \"cert.pem\"\ncertificate_key = \"key.pem\"\n",
    );
    let mut program = Program::start(&mut folder.httpd(&["-v", "-c", "httpd.toml"]));
    let address = program.address().clone();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let client = Arc::new(authority.client_with(&[version]));
        let kind = || {
            let mut stream = try_secured(&address, &client, "test").expect("it agrees");
            let request = b"GET /a.txt HTTP/1.1\r\nHost: test\r\n\r\n";
            stream.write_all(request).expect("it reads");
            // Tickets of TLS 1.3 come before the response.
            stream.read_exact(&mut [0; 15]).expect("it answers");
            stream.conn.handshake_kind()
        };
        assert_eq!(kind(), Some(HandshakeKind::Full));
        for _ in 0..20 {
            assert_eq!(kind(), Some(HandshakeKind::Resumed), "{version:?}");
        }
        replace_one(&mut program);
        for _ in 0..20 {
            assert_eq!(kind(), Some(HandshakeKind::Resumed), "{version:?}, with a new process");
        }
    }
}
