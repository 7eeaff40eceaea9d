//! A Flask site, at the root and at a mount, as its users find it.

use super::browser::Browser;
use super::server::{Folder, Server, location, sha256};
use super::sites::{self, python_of_sites};
use crate::support::noise;

/// The guest book at a path.
fn guestbook(path: &str) -> (Server, Vec<u8>) {
    let python = python_of_sites();
    let folder = Folder::new();
    let report = noise(300_000);
    let file = folder.write("report.bin", &report);
    let keys = format!(
        "python = \"{}\"\nenv = {{ FILE = \"{}\", SECRET_KEY = \"a test's\" }}",
        python.display(),
        file.display()
    );
    let config = location(path, "guestbook:app", &keys).replace("\"apps\"", "\"apps/flask_site\"");
    let mut command = folder.configured(&config);
    (Server::start(folder, &mut command), report)
}

fn a_guest_signs_and_is_known_from_then_on() {
    for mount in ["/", "/book"] {
        let (server, _) = guestbook(mount);
        let at = mount.trim_end_matches('/');
        let guest = Browser::of(&server);
        let home = guest.get(&format!("{at}/")).expect(200);
        home.shows(&format!("action=\"{at}/sign\""))
            .has_header("Content-Type: text/html; charset=utf-8");
        let signed = guest
            .post(&format!("{at}/sign"), &[("name", "Zo\u{eb} & <co>"), ("words", "h\u{e9}llo")]);
        let signed = signed.expect(200);
        assert_eq!(signed.path, format!("{at}/"), "it redirects to where the site stands");
        signed.shows("Welcome back, Zo\u{eb} &amp; &lt;co&gt;.").shows("thank you");
        guest.get(&format!("{at}/")).expect(200).shows("Welcome back").shows(": h\u{e9}llo</li>");
        // Somebody else is not she.
        let other = Browser::of(&server).get(&format!("{at}/")).expect(200);
        assert!(!other.text().contains("Welcome back"), "{}", other.text());
        guest.post(&format!("{at}/sign"), &[("words", "nameless")]).expect(400);
        let left = guest.post(&format!("{at}/leave"), &[]).expect(200);
        assert!(!left.text().contains("Welcome back"), "{}", left.text());
    }
}

fn files_go_up_and_come_down_whole() {
    let (server, report) = guestbook("/book");
    let guest = Browser::of(&server);
    for length in [10, 3_000_000] {
        let file = noise(length);
        let page = guest.upload("/book/upload", &file, &[]).expect(200);
        page.shows(&format!("\"length\":{length}")).shows(&sha256(&file));
    }
    let page = guest.get("/book/download").expect(200);
    page.has_header("Content-Disposition: attachment; filename=report.bin");
    assert!(page.content == report, "{} bytes", page.content.len());
    // Flask makes the validators and the ranges of this one.
    let part = guest.curl("/book/download", &["--range", "1000-1999"]).expect(206);
    assert!(part.content == report[1000..2000], "{:?}", part.heads);
    let etag = page.heads.lines().find_map(|line| line.trim_end().strip_prefix("ETag: "));
    let condition = format!("If-None-Match: {}", etag.expect("send_file sends one"));
    guest.curl("/book/download", &["--header", &condition]).expect(304);
    let picture = guest.get("/book/picture").expect(200);
    assert_eq!(picture.content, b"\x89PNG made in memory");
}

fn json_streams_odd_paths_and_errors_are_flasks_own() {
    let (server, _) = guestbook("/book");
    let guest = Browser::of(&server);
    let json = ["--json", "{\"numbers\": [1, 2, 39]}"];
    guest.curl("/book/api/sum", &json).expect(200).shows("{\"sum\":42}");
    guest.curl("/book/api/sum", &["--json", "{"]).expect(400);
    let counted = guest.get("/book/count?to=1000").expect(200);
    assert_eq!(counted.text().lines().count(), 1000);
    counted.has_header("Transfer-Encoding: chunked");
    let page = guest.get("/book/pages/%C3%BCber%20uns/50%25").expect(200);
    page.shows("<h1>\u{fc}ber uns/50%</h1>").shows("<p>/book/pages/%C3%BCber%20uns/50%25</p>");
    guest.get("/book/nowhere").expect(404).shows("Not Found");
    let refused = guest.get("/book/sign").expect(405);
    // Flask has them in a set.
    assert!(refused.heads.contains("Allow: ") && refused.heads.contains("POST"), "{refused:?}");
    let broken = guest.get("/book/broken").expect(500);
    assert!(!broken.text().contains("secret-of-the-application"), "{}", broken.text());
    server.logs("LookupError: secret-of-the-application");
    guest.curl("/book/", &["--head"]).expect(200);
}

tests! {
    sites::lack:
        a_guest_signs_and_is_known_from_then_on,
        files_go_up_and_come_down_whole,
        json_streams_odd_paths_and_errors_are_flasks_own;
}
