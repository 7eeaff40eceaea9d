//! Several hosts in one configuration.

use crate::support::client::Request;
use crate::support::{Folder, Program, lossy, output};

#[test]
fn hosts_share_what_the_top_says_and_have_the_rest_for_themselves() {
    let folder = Folder::with_www();
    folder.write("www/page.txt", "of the top");
    folder.write("example/page.txt", "of example.org");
    folder.write("example/default.htm", "front page of example.org");
    folder.write("doc/a.webapp", "a manual");
    folder.write(
        "httpd.toml",
        "listen = \"127.0.0.1:0\"\nroot = \"www\"\nunknown_host = \"refuse\"\nserver_name = \"localhost\"\n\
         types = { webapp = \"application/x-webapp\" }\n\
         [[host]]\nserver_name = [\"example.org\", \"*.example.org\"]\ncanonical_host = \"example.org\"\n\
         root = \"example\"\nindex = \"default.htm\"\n\
         [[host.location]]\npath = \"/manual\"\nalias = \"doc\"\n\
         [[host]]\nserver_name = \"other.org\"\n\
         [[location]]\npath = \"/doc\"\nalias = \"doc\"\n",
    );
    let program = Program::start(&mut folder.httpd(&["-c", "httpd.toml"]));
    let get =
        |host: &str, target: &str| Request::new(program.address(), "GET", target).host(host).send();
    get("localhost", "/page.txt").expect(200).body("of the top");
    get("localhost", "/doc/a.webapp").expect(200);
    get("example.org", "/page.txt").expect(200).body("of example.org");
    get("example.org", "/").expect(200).body("front page of example.org");
    get("example.org", "/doc/a.webapp").expect(404);
    get("example.org", "/manual/a.webapp")
        .expect(200)
        .header("Content-Type", "application/x-webapp");
    get("www.example.org", "/page.txt")
        .expect(301)
        .header("Location", "http://example.org/page.txt");
    get("other.org", "/page.txt").expect(200).body("of the top");
    get("unknown.org", "/page.txt").expect(421);
}

#[test]
fn hosts_that_cannot_be_meant_are_refused_all_at_once() {
    let folder = Folder::with_www();
    folder.write(
        "httpd.toml",
        "root = \"www\"\nserver_name = \"A.org\"\ncanonical_host = \"*.a.org\"\n\
         [[host]]\nserver_name = [\"a.org\", \"http://b.org/\"]\n\
         [[host]]\nroot = \"www\"\n\
         [[host]]\nserver_name = \".c.org\"\nroot = \"nowhere\"\n",
    );
    let output = output(&mut folder.httpd(&["-t", "-c", "httpd.toml"]));
    let text = lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for line in [
        "httpd: httpd.toml:3:18: canonical_host must be one name, without *",
        "httpd: httpd.toml:5:16: another host has the name a.org already",
        "httpd: httpd.toml:5:25: server_name \"http://b.org/\": it is a URL or a path; write the name of the host alone",
        "httpd: httpd.toml:6:1: this host needs a server_name",
        "httpd: httpd.toml:9:15: server_name \".c.org\": write both names instead",
        "httpd: httpd.toml:10:8: cannot serve \"nowhere\": no such directory",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}
