//! What applications answer, compressed where their location says so.

use super::server::{Folder, Server};
use crate::support::coded::{decoded, decoded_so_far};
use crate::support::lacks;

fn an_application_is_compressed_only_where_its_own_location_says_so() {
    for (keys, coding) in [("", ""), ("compression = [\"br\", \"gzip\"]", "br")] {
        let server = Server::behaviours(keys);
        // In one message, and in many.
        for (target, length) in
            [("/app/sized?size=5000", 5_000), ("/app/stream?pieces=50&size=2000", 100_000)]
        {
            let ask = |method| {
                let request = server.request(method, target);
                request.header("Accept-Encoding", "gzip, deflate, br, zstd").content("").send()
            };
            let reply = ask("GET");
            reply.expect(200).header("Content-Encoding", coding);
            reply.header("Vary", if coding.is_empty() { "" } else { "Accept-Encoding" });
            assert_eq!(decoded(&reply).len(), length, "{target}");
            let plain = server.request("GET", target).content("").send();
            plain.no_header("Content-Encoding");
            assert_eq!(plain.body, decoded(&reply));
            ask("HEAD").expect(200).header("Content-Encoding", coding);
        }
        let short = server.request("GET", "/app/hello").header("Accept-Encoding", "br").send();
        short.no_header("Content-Encoding").body("hello, world\n");
    }
}

/// Not even where it stands in place of files that are.
fn an_application_inherits_no_compression() {
    let at_root = "[[location]]\npath = \"/\"\nwsgi = \"behaviours\"\nchdir = \"apps\"\n";
    for (config, flags) in [
        (format!("compression = true\n{at_root}"), &[][..]),
        ("compression = true\n".to_owned(), &["--wsgi", "behaviours"][..]),
    ] {
        let folder = Folder::new();
        let file = folder.write("httpd.toml", format!("root = \"www\"\n{config}"));
        let mut command = folder.httpd(&["-c", file.to_str().expect("it is text")]);
        let server = Server::start(folder, command.args(flags));
        let request = server.request("GET", "/sized?size=5000").content("");
        let reply = request.header("Accept-Encoding", "gzip").send();
        reply.expect(200).no_header("Content-Encoding").no_header("Vary");
    }
}

fn each_piece_that_an_application_yields_is_seen_at_once() {
    for coding in ["zstd", "br", "gzip"] {
        let server = Server::behaviours("compression = true");
        let path = server.folder.path("until");
        let mut client = server.connect();
        let target = format!("/app/patient?until={}", path.display());
        client
            .send(format!("GET {target} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {coding}\r\n\r\n"));
        client.reply_head("GET").expect(200).header("Content-Encoding", coding);
        let mut body = Vec::new();
        while decoded_so_far(coding, &body).0 != b"first\n" {
            body.extend(client.try_chunk().expect("more comes"));
        }
        std::fs::write(&path, "").expect("it is ours");
        loop {
            match client.try_chunk().expect("it ends well") {
                chunk if chunk.is_empty() => break,
                chunk => body.extend(chunk),
            }
        }
        assert_eq!(decoded_so_far(coding, &body), (b"first\nsecond\n".to_vec(), true));
    }
}

tests! {
    lacks::python:
        an_application_is_compressed_only_where_its_own_location_says_so,
        an_application_inherits_no_compression,
        each_piece_that_an_application_yields_is_seen_at_once;
}
