//! Clients that other people wrote, over TLS.

use crate::support::secured::{Authority, Kind};
use crate::support::{Fixture, Folder, TestServer, lacks, lossy, noise, output};
use httpd::Tls;
use std::fs;
use std::process::{Command, Stdio};

/// A server with certificates of two kinds, and the file of their authority.
fn serve() -> (TestServer, String) {
    let authority = Authority::new();
    let issue =
        |kind| authority.issue_with(&["localhost", "127.0.0.1"], kind, |_| {}).certificate();
    let server = Fixture::new()
        .file("a.txt", "it")
        .file("large.bin", noise(3_000_000))
        .workers(2)
        .tls(Tls::new(issue(Kind::Ecdsa)).certificate(issue(Kind::Rsa)))
        .serve();
    let file = server.root().join("../authority.pem");
    fs::write(&file, authority.pem()).expect("there is room");
    (server, file.to_str().expect("it is UTF-8").to_owned())
}

/// Runs a shell command with the port and the file of the authority; what it prints, errors too.
#[track_caller]
fn shell(server: &TestServer, authority: &str, command: &str) -> (bool, String) {
    let port = server.port().to_string();
    let mut shell = Command::new("sh");
    shell.args(["-c", command, "sh", &port, authority]).stdin(Stdio::null());
    let output = output(&mut shell);
    (output.status.success(), lossy(&output.stdout) + &lossy(&output.stderr))
}

#[track_caller]
fn succeeds(command: &str) -> String {
    let (server, authority) = serve();
    let (is_fine, said) = shell(&server, &authority, command);
    assert!(is_fine, "{command}: {said}");
    said
}

fn curl_reads_over_both_versions_and_reuses_its_connection() {
    for version in ["--tlsv1.2 --tls-max 1.2", "--tlsv1.3"] {
        let said = succeeds(&format!(
            "curl -sS --noproxy '*' --max-time 20 --cacert $2 {version} -w '%{{num_connects}}' \
             https://localhost:$1/a.txt https://localhost:$1/a.txt"
        ));
        assert_eq!(said, "it1it0", "{version}");
    }
}

fn curl_speaks_http_2() {
    let (server, authority) = serve();
    let file = server.root().join("../downloaded");
    let command = format!(
        "curl -sS --http2 --noproxy '*' --max-time 20 --cacert $2 -w '%{{http_version}} %{{http_code}} %{{num_connects}}\\n' \
         https://localhost:$1/a.txt -o {0} https://localhost:$1/large.bin -o {0}; \
         curl -sS --http2 --noproxy '*' --max-time 20 --cacert $2 -o {0}.other -w '%{{http_code}}' \
         -H 'Host: other.example' https://localhost:$1/a.txt",
        file.display()
    );
    let (is_fine, said) = shell(&server, &authority, &command);
    assert!(is_fine, "{said}");
    assert_eq!(said, "2 200 1\n2 200 0\n421");
    assert!(fs::read(file).expect("it is there") == noise(3_000_000));
}

fn curl_downloads_a_large_file() {
    let (server, authority) = serve();
    let file = server.root().join("../downloaded");
    let command = format!(
        "curl -sS --noproxy '*' --max-time 20 --cacert $2 -o {} https://127.0.0.1:$1/large.bin",
        file.display()
    );
    let (is_fine, said) = shell(&server, &authority, &command);
    assert!(is_fine, "{said}");
    assert!(fs::read(file).expect("it is there") == noise(3_000_000));
}

fn curl_does_not_trust_a_server_of_another_authority() {
    let (server, _) = serve();
    let (is_fine, said) =
        shell(&server, "", "curl -sS --noproxy '*' --max-time 20 https://localhost:$1/a.txt");
    assert!(!is_fine && said.contains("certificate"), "{said}");
}

/// What `openssl s_client` says of a handshake.
fn s_client(arguments: &str) -> (bool, String) {
    let (server, authority) = serve();
    let command = format!(
        "printf 'GET /a.txt HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' | timeout 20 openssl s_client -ign_eof \
         -connect 127.0.0.1:$1 -servername localhost -CAfile $2 -verify_return_error {arguments} 2>&1"
    );
    let (_, said) = shell(&server, &authority, &command);
    (said.contains("HTTP/1.1 200 OK"), said)
}

fn openssl_agrees_on_safe_suites_only() {
    for (arguments, is_agreed) in [
        ("-tls1_3", true),
        ("-tls1_2", true),
        ("-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256", true),
        ("-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", true),
        ("-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384", true),
        ("-tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305", true),
        ("-tls1_2 -cipher AES128-GCM-SHA256:@SECLEVEL=0", false),
        ("-tls1_2 -cipher ECDHE-RSA-AES128-SHA:@SECLEVEL=0", false),
        ("-tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", false),
        ("-tls1_1 -cipher ALL:@SECLEVEL=0", false),
        ("-tls1 -cipher ALL:@SECLEVEL=0", false),
        ("-sigalgs rsa_pss_rsae_sha256", true),
        ("-groups P-256", true),
        ("-groups P-384", true),
        ("-alpn imap", false),
    ] {
        let (is_fine, said) = s_client(arguments);
        assert_eq!(is_fine, is_agreed, "{arguments}: {said}");
    }
}

fn openssl_finds_neither_renegotiation_nor_compression_nor_early_data() {
    let (_, said) = s_client("-tls1_2 -comp");
    assert!(said.contains("Compression: NONE"), "{said}");
    let (_, said) = s_client("-tls1_3");
    assert!(said.contains("Max Early Data: 0"), "{said}");
    // "R" asks for a renegotiation.
    let (server, authority) = serve();
    let command = "(echo R; sleep 1; echo) | timeout 20 openssl s_client -tls1_2 -connect 127.0.0.1:$1 -servername localhost -CAfile $2 2>&1";
    let (_, said) = shell(&server, &authority, command);
    assert!(said.contains("no renegotiation") || said.contains(":error:"), "{said}");
}

fn openssl_resumes_its_session() {
    for version in ["-tls1_2", "-tls1_3"] {
        let said = succeeds(&format!(
            "get() {{ printf 'GET /a.txt HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' | timeout 20 openssl s_client -ign_eof {version} \
             -connect 127.0.0.1:$1 -servername localhost -CAfile $2 $3 $4 2>&1; }}; \
             session=$(mktemp); get $1 $2 -sess_out $session; get $1 $2 -sess_in $session; rm $session"
        ));
        assert!(said.contains("Reused, TLSv1."), "{version}: {said}");
        assert!(said.contains("New, TLSv1."), "{version}: {said}");
    }
}

fn openssl_reconnects_to_any_worker_with_the_session_that_it_has() {
    let (server, authority) = serve();
    let command = "timeout 30 openssl s_client -no_tls1_3 -reconnect -connect 127.0.0.1:$1 -servername localhost \
                   -CAfile $2 < /dev/null 2>&1";
    let (_, said) = shell(&server, &authority, command);
    assert_eq!(said.matches("Reused, TLSv1.2").count(), 5, "{said}");
    assert_eq!(said.matches("New, TLSv1.2").count(), 1, "{said}");
}

fn openssl_finds_the_server_by_odd_names_and_by_none() {
    for (arguments, is_fine) in [
        ("-noservername", true),
        ("-servername LOCALHOST", true),
        ("-servername localhost.", true),
        ("-servername nobody.test", true),
        ("-servername 127.0.0.1", true),
        ("-servername xn--tst-jma.test", true),
        // The client sees by the random that TLS 1.3 is spoken.
        ("-fallback_scsv -no_tls1_3", false),
        ("-tls1_3 -groups P-521:P-256", true),
        ("-legacy_renegotiation -tls1_2", true),
        ("-status", true),
        ("-split_send_frag 512 -max_send_frag 512", true),
    ] {
        let (server, authority) = serve();
        let command = format!(
            "printf 'GET /a.txt HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' | timeout 20 openssl s_client -ign_eof \
             -connect 127.0.0.1:$1 -CAfile $2 -verify_return_error {arguments} 2>&1"
        );
        let (_, said) = shell(&server, &authority, &command);
        let got = said.contains("HTTP/1.1 200 OK") || said.contains("HTTP/1.1 421");
        assert_eq!(got, is_fine, "{arguments}: {said}");
    }
}

fn gnutls_resumes_its_session() {
    for priority in ["NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"] {
        let said = succeeds(&format!(
            "(printf 'GET /a.txt HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n'; sleep 1) | \
             timeout 20 gnutls-cli --priority {priority} -r --x509cafile $2 -p $1 localhost 2>&1"
        ));
        assert!(said.contains("This is a resumed session"), "{priority}: {said}");
    }
}

fn go_holds_conversations_in_both_versions_of_both_and_resumes() {
    let program = r#"
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	pem, _ := os.ReadFile(os.Args[2])
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cache := tls.NewLRUClientSessionCache(10)
		for round := 0; round < 4; round++ {
			config := &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version, ClientSessionCache: cache}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: round%2 == 1}}
			for _, path := range []string{"a.txt", "large.bin"} {
				reply, err := client.Get("https://localhost:" + os.Args[1] + "/" + path)
				if err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				body, err := io.ReadAll(reply.Body)
				if err != nil || path == "a.txt" && !bytes.Equal(body, []byte("it")) || path == "large.bin" && len(body) != 3000000 {
					fmt.Println(path, len(body), err)
					os.Exit(1)
				}
				fmt.Println(reply.TLS.Version == version, reply.Proto, reply.TLS.DidResume)
			}
			client.CloseIdleConnections()
		}
	}
}
"#;
    let folder = Folder::new();
    let source = folder.write("main.go", program);
    let (server, authority) = serve();
    let mut go = Command::new("go");
    go.arg("run").arg(source).args([&server.port().to_string(), &authority]);
    go.env("GOCACHE", folder.path("cache")).env("GO111MODULE", "off").stdin(Stdio::null());
    let output = output(&mut go);
    let said = lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", lossy(&output.stderr));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 16, "{said}");
    for (number, line) in lines.iter().enumerate() {
        let protocol = if number / 2 % 2 == 1 { "HTTP/2.0" } else { "HTTP/1.1" };
        // The first connection of each version has no session.
        let is_resumed = number % 8 >= 2;
        assert_eq!(*line, format!("true {protocol} {is_resumed}"), "line {number} of\n{said}");
    }
}

fn python_holds_a_conversation_and_takes_leave() {
    let script = r#"
import http.client, socket, ssl, sys
port, authority = int(sys.argv[1]), sys.argv[2]
context = ssl.create_default_context(cafile=authority)
it = http.client.HTTPSConnection("localhost", port, context=context, timeout=20)
for _ in range(3):
    it.request("GET", "/a.txt")
    assert it.getresponse().read() == b"it"
    it.request("GET", "/large.bin")
    assert len(it.getresponse().read()) == 3000000
plain = socket.create_connection(("127.0.0.1", port), 20)
tls = context.wrap_socket(plain, server_hostname="localhost")
tls.sendall(b"GET /a.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
said = b""
while True:
    more = tls.recv(10000)
    if not more:
        break
    said += more
assert said.endswith(b"\r\n\r\nit"), said
tls.unwrap()
print("fine")
"#;
    let (server, authority) = serve();
    let mut python = Command::new("python3");
    python.args(["-c", script, &server.port().to_string(), &authority]).stdin(Stdio::null());
    let output = output(&mut python);
    assert_eq!(lossy(&output.stdout).trim(), "fine", "{}", lossy(&output.stderr));
}

fn gnutls_reads_a_file() {
    let said = succeeds(
        "printf 'GET /a.txt HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' | timeout 20 gnutls-cli --x509cafile $2 -p $1 localhost",
    );
    assert!(said.contains("200 OK"), "{said}");
}

tests! {
    lacks::curl:
        curl_reads_over_both_versions_and_reuses_its_connection,
        curl_downloads_a_large_file,
        curl_does_not_trust_a_server_of_another_authority;
    lacks::curl_with_http_2:
        curl_speaks_http_2;
    lacks::openssl:
        openssl_agrees_on_safe_suites_only,
        openssl_finds_neither_renegotiation_nor_compression_nor_early_data,
        openssl_resumes_its_session,
        openssl_reconnects_to_any_worker_with_the_session_that_it_has,
        openssl_finds_the_server_by_odd_names_and_by_none;
    lacks::python:
        python_holds_a_conversation_and_takes_leave;
    lacks::gnutls:
        gnutls_reads_a_file,
        gnutls_resumes_its_session;
    lacks::go:
        go_holds_conversations_in_both_versions_of_both_and_resumes;
}
