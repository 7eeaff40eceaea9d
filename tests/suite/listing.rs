//! A directory without an index is listed where that is switched on.

use crate::support::fixture::{HOSTILE_NAMES, set_modified};
use crate::support::{Fixture, PATIENCE, Reply, TestServer};
use httpd::{Dotfiles, Mapping, Root, StaticFiles, Symlinks, WritableRoot, WriteRules};
use serde_json::Value;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime};

/// The listing at a path, as JSON.
#[track_caller]
fn json(server: &TestServer, target: &str) -> Value {
    let reply = server.get(target).header("Accept", "application/json").send();
    parsed(reply.expect(200))
}

#[track_caller]
fn parsed(reply: &Reply) -> Value {
    reply.header("Content-Type", "application/json");
    serde_json::from_str(reply.text()).unwrap_or_else(|error| panic!("{error}: {}", reply.text()))
}

/// The names in a listing, in their order.
#[track_caller]
fn names(listing: &Value) -> Vec<String> {
    let entries = listing["entries"].as_array().expect("there are entries");
    entries.iter().map(|entry| entry["name"].as_str().expect("a name").to_owned()).collect()
}

/// The targets of all links in a page, as a browser reads them.
fn links(page: &str) -> Vec<String> {
    let after = page.split("href=\"").skip(1);
    after.map(|rest| rest.split('"').next().unwrap_or_default().replace("&amp;", "&")).collect()
}

/// The links in the rows of the table.
fn entry_links(page: &str) -> Vec<String> {
    let (_, rest) = page.split_once("<tbody>").expect("there is a table");
    links(rest.split("</table>").next().unwrap_or_default())
}

fn sorts() -> TestServer {
    let server = Fixture::new()
        .listing()
        .file("d/file10", "12345")
        .file("d/file2", "123")
        .file("d/File1", "1234")
        .file("d/z/x", "")
        .file("d/b/x", "")
        .serve();
    for (name, seconds) in [("file10", 1), ("file2", 3), ("File1", 2)] {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds);
        set_modified(&server.root().join("d").join(name), time);
    }
    server
}

#[test]
fn a_directory_without_an_index_is_listed_as_a_page() {
    let server = Fixture::new().listing().file("d/a.txt", "it").file("d/e/b.txt", "it").serve();
    let reply = server.get("/d/").send();
    reply.expect(200).header("Content-Type", "text/html; charset=utf-8");
    assert_eq!(entry_links(reply.text()), ["e/", "a.txt"]);
    assert!(reply.text().contains("1 folder · 1 file · 2 B"), "{}", reply.text());
    assert!(reply.text().contains("1994-11-06 <span>08:49</span>"), "{}", reply.text());
    assert!(!reply.text().contains("<script"), "{}", reply.text());
}

#[test]
fn it_is_off_unless_it_is_switched_on() {
    let server = Fixture::new().file("d/a.txt", "it").serve();
    server.get("/d/").send().expect(404);
    server.get("/d/?format=json").send().expect(404);
}

#[test]
fn the_index_wins_over_the_listing() {
    let server = Fixture::new().listing().file("d/index.html", "index").serve();
    server.get("/d/").send().expect(200).body("index").no_header("Vary");
    server.get("/d/?format=json").send().expect(200).body("index");
}

#[test]
fn an_index_that_appears_wins_at_once() {
    let server = Fixture::new().listing().file("d/a", "it").serve();
    server.get("/d/").send().expect(200).has_header("Vary");
    server.replace("d/index.html", "index");
    server.get("/d/").send().expect(200).body("index");
}

#[test]
fn what_is_no_directory_is_not_listed() {
    let server = Fixture::new().listing().file("a.txt", "it").serve();
    for target in ["/none/", "/a.txt/", "/none/none/", "/a.txt/none/"] {
        server.get(target).send().expect(404);
    }
    server.get("/a.txt").send().expect(200).body("it");
}

#[test]
fn a_directory_without_its_slash_is_redirected_to_its_listing() {
    let server = Fixture::new().listing().dir("d").serve();
    server.get("/d?sort=size").send().expect(301).header("Location", "/d/?sort=size");
}

#[test]
fn an_empty_directory_is_an_empty_listing() {
    let server = Fixture::new().listing().dir("d").serve();
    assert!(server.get("/d/").send().expect(200).text().contains("This folder is empty"));
    assert_eq!(names(&json(&server, "/d/")), [""; 0]);
}

#[test]
fn a_program_gets_json_with_name_type_size_and_time() {
    let server = Fixture::new().listing().file("d/a b.txt", "it").dir("d/e").serve();
    let listing = json(&server, "/d/");
    assert_eq!(listing["path"], "/d/");
    assert_eq!(listing["truncated"], false);
    let file = serde_json::json!({
        "name": "a b.txt", "url": "a%20b.txt", "type": "file", "size": 2,
        "mtime": "1994-11-06T08:49:37Z",
    });
    assert_eq!(listing["entries"][1], file);
    let folder = &listing["entries"][0];
    assert_eq!((&folder["name"], &folder["url"]), (&"e".into(), &"e/".into()));
    assert_eq!((&folder["type"], folder.get("size")), (&"directory".into(), None));
    let time = folder["mtime"].as_str().expect("a time");
    assert!(time.len() == 20 && time.starts_with("20") && time.ends_with('Z'), "{time}");
}

#[test]
fn the_format_is_chosen_by_accept_and_the_query_wins() {
    let server = Fixture::new().listing().dir("d").serve();
    let kind = |target: &str, accept: &str| {
        let reply = server.get(target).header("Accept", accept).send();
        reply.expect(200).header("Vary", "Accept").header("Cache-Control", "no-cache");
        reply.value("Content-Type").to_owned()
    };
    for (target, accept, expected) in [
        ("/d/", "application/json", "application/json"),
        ("/d/", "application/json, text/plain, */*", "application/json"),
        ("/d/", "text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("/d/", "*/*", "text/html; charset=utf-8"),
        ("/d/?format=json", "text/html", "application/json"),
        ("/d/?format=html", "application/json", "text/html; charset=utf-8"),
        ("/d/?format=yaml", "*/*", "text/html; charset=utf-8"),
    ] {
        assert_eq!(kind(target, accept), expected, "{target} {accept}");
    }
    server.get("/d/").send().expect(200).header("Content-Type", "text/html; charset=utf-8");
}

#[test]
fn names_are_sorted_as_people_count_and_folders_are_first() {
    let server = sorts();
    let sorted = |query: &str| names(&json(&server, &format!("/d/{query}"))).join(" ");
    for (query, expected) in [
        ("", "b z File1 file2 file10"),
        ("?sort=name&order=desc", "z b file10 file2 File1"),
        ("?sort=size", "b z file2 File1 file10"),
        ("?sort=size&order=desc", "b z file10 File1 file2"),
        ("?sort=colour&order=up", "b z File1 file2 file10"),
    ] {
        assert_eq!(sorted(query), expected, "{query}");
    }
    assert!(sorted("?sort=time").ends_with("file10 File1 file2"));
    assert!(sorted("?sort=time&order=desc").ends_with("file2 File1 file10"));
}

#[test]
fn a_click_on_a_title_sorts_and_another_one_reverses() {
    let server = sorts();
    let titles = |target: &str| {
        let reply = server.get(target).send();
        let text = reply.expect(200).text();
        let (_, rest) = text.split_once("<thead>").expect("there is a table");
        links(rest.split("<tbody>").next().unwrap_or_default())
    };
    let plain = titles("/d/");
    assert_eq!(plain, ["?sort=name&order=desc", "?sort=size&order=desc", "?sort=time&order=desc"]);
    let by_size = titles(&format!("/d/{}", plain[1]));
    assert_eq!(by_size, ["?", "?sort=size&order=asc", "?sort=time&order=desc"]);
    let reply = server.get("/d/?sort=size&order=desc").send();
    assert_eq!(reply.text().matches("aria-sort=descending").count(), 1);
    // The order goes along into the folders, and up again.
    assert!(links(reply.text()).contains(&"b/?sort=size&order=desc".to_owned()));
    assert!(links(reply.text()).contains(&"../?sort=size&order=desc".to_owned()));
}

#[test]
fn hostile_names_are_escaped_and_their_links_lead_there() {
    let extra: [(&[u8], &str); 6] = [
        (b"<script>alert(1)</script>", "&lt;script&gt;"),
        (b"\"><img src=x onerror=alert(1)>", "&quot;&gt;&lt;img"),
        (b"javascript:alert(1)", "javascript:alert(1)"),
        (b"&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        (b"new\nline", "new\u{240a}line"),
        (b"\xe2\x80\xaegpj.exe", "\u{fffd}gpj.exe"),
    ];
    let fixture = Fixture::new().listing();
    let fixture = HOSTILE_NAMES
        .iter()
        .fold(fixture, |fixture, (name, _)| fixture.file([b"d/", *name].concat(), name));
    // A slash separates names, so the end tag makes a folder.
    let fixture = extra
        .iter()
        .fold(fixture, |fixture, (name, _)| fixture.file([b"d/", *name].concat(), name));
    let server = fixture.serve();
    let reply = server.get("/d/").send();
    let page = reply.expect(200).text();
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>"));
    for (_, shown) in extra {
        assert!(page.contains(shown), "{shown:?} is not in {page}");
    }
    let from_page = entry_links(page);
    let listing = json(&server, "/d/");
    let entries = listing["entries"].as_array().expect("there are entries");
    let from_json: Vec<&str> =
        entries.iter().map(|entry| entry["url"].as_str().expect("a link")).collect();
    assert_eq!(from_page, from_json);
    assert_eq!(from_page.len(), HOSTILE_NAMES.len() + extra.len());
    for (link, entry) in from_page.iter().zip(entries) {
        assert!(link.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{link}");
        let is_scheme = link.find(':').is_some_and(|colon| !link[..colon].contains('/'));
        assert!(!is_scheme, "{link}");
        let target = format!("/d/{}", link.strip_prefix("./").unwrap_or(link));
        let reply = server.get(target).send();
        reply.expect(200);
        if entry["type"] == "file" {
            let name = entry["name"].as_str().expect("a name");
            assert_eq!(String::from_utf8_lossy(&reply.body), name);
        }
    }
}

#[test]
fn a_hostile_path_is_escaped_in_the_page_and_in_json() {
    let server = Fixture::new().listing().file("<b>\"&\n\u{e9}/c/a", "it").serve();
    let path = "/%3Cb%3E%22&%0A%C3%A9/c/";
    let reply = server.get(path).send();
    let page = reply.expect(200).text();
    assert!(page.contains("<title>/&lt;b&gt;&quot;&amp;\u{240a}\u{e9}/c/</title>"), "{page}");
    assert!(!page.contains("<b>"));
    assert_eq!(json(&server, path)["path"], "/<b>\"&\n\u{e9}/c/");
}

#[test]
fn a_query_is_never_reflected() {
    let server = Fixture::new().listing().file("d/a", "it").serve();
    let reply = server.get("/d/?sort=\"><script>alert(1)</script>&order='x'").send();
    assert!(!reply.expect(200).text().contains("alert"), "{}", reply.text());
}

#[test]
fn the_folders_above_are_links_and_none_lead_out_of_the_location() {
    let server = Fixture::new()
        .listing()
        .file("a/b/c/x", "it")
        .handler("/deep/files", |_: &httpd::Request<'_>| "")
        .serve();
    let way = |target: &str| {
        let reply = server.get(target).send();
        let text = reply.expect(200).text().to_owned();
        let (_, rest) = text.split_once("<h1>").expect("there is a way");
        rest.split("</h1>").next().unwrap_or_default().to_owned()
    };
    assert_eq!(links(&way("/a/b/c/")), ["../../../", "../../", "../"]);
    assert_eq!(links(&way("/")), [""; 0]);
    assert!(way("/a/b/c/").ends_with("aria-current=page>c</span>"));
}

#[test]
fn a_mounted_root_is_listed_under_its_prefix() {
    let fixture = Fixture::new().file("a/x", "it");
    let files = |fixture: &Fixture| {
        StaticFiles::new(Root::open(fixture.root()).expect("the root")).listing(true)
    };
    let (alias, whole) = (files(&fixture), files(&fixture).mapping(Mapping::Root));
    let server = fixture.handler("/mounted", alias).handler("/a", whole).serve();
    assert!(names(&json(&server, "/mounted/")).contains(&"a".to_owned()));
    assert_eq!(names(&json(&server, "/mounted/a/")), ["x"]);
    assert_eq!(names(&json(&server, "/a/")), ["x"]);
    let reply = server.get("/mounted/a/").send();
    let (_, rest) = reply.text().split_once("<h1>").expect("there is a way");
    assert!(rest.starts_with("<a class=h href=\"../\">mounted</a>"), "{rest}");
    server.get("/mounted").send().expect(301).header("Location", "/mounted/");
    server.get("/").send().expect(404);
}

#[test]
fn dotfiles_are_listed_only_where_they_are_served() {
    let serve = |dotfiles| {
        let fixture = Fixture::new().listing().dotfiles(dotfiles).file("d/.env", "secret");
        fixture.file("d/.git/config", "secret").file("d/...", "open").file("d/a", "it").serve()
    };
    let server = serve(Dotfiles::Deny);
    assert_eq!(names(&json(&server, "/d/")), ["...", "a"]);
    server.get("/d/.git/").send().expect(404);
    let server = serve(Dotfiles::Allow);
    assert_eq!(names(&json(&server, "/d/")), [".git", "...", ".env", "a"]);
    server.get("/d/.git/").send().expect(200);
}

#[test]
fn the_servers_own_temporary_files_are_never_listed() {
    let server = Fixture::new()
        .listing()
        .dotfiles(Dotfiles::Allow)
        .file("d/.httpd-upload-1", "half")
        .file("d/.HTTPD-Upload-2", "half")
        .file("d/.httpd-upload/a", "half")
        .serve();
    assert_eq!(names(&json(&server, "/d/")), [""; 0]);
    server.get("/d/.httpd-upload/").send().expect(404);
}

fn linked(symlinks: Symlinks) -> TestServer {
    Fixture::new()
        .listing()
        .symlinks(symlinks)
        .outside("secret.txt", "SECRET")
        .outside("far/secret.txt", "SECRET")
        .file("a/file.txt", "it")
        .dir("d")
        .symlink("d/to-file", "../a/file.txt")
        .symlink("d/to-folder", "../a")
        .symlink("d/out", "../../secret.txt")
        .symlink("d/out-absolute", "OUTSIDE/secret.txt")
        .symlink("d/out-folder", "../../far")
        .symlink("d/loop", "loop")
        .symlink("d/dangling", "nowhere")
        .symlink("d/README.md", "../../secret.txt")
        .symlink("to-d", "d")
        .symlink("out-folder", "../far")
        .serve()
}

#[test]
fn links_that_stay_inside_are_listed_as_what_they_lead_to() {
    let server = linked(Symlinks::Inside);
    let listing = json(&server, "/d/");
    assert_eq!(names(&listing), ["to-folder", "to-file"]);
    assert_eq!(listing["entries"][0]["type"], "directory");
    assert_eq!(
        (&listing["entries"][1]["type"], &listing["entries"][1]["size"]),
        (&"file".into(), &2.into())
    );
    assert_eq!(names(&json(&server, "/to-d/")), ["to-folder", "to-file"]);
    server.get("/out-folder/").send().expect(404);
    assert!(!server.get("/d/").send().text().contains("SECRET"));
}

#[test]
fn no_link_is_listed_where_none_is_followed() {
    let server = linked(Symlinks::Never);
    assert_eq!(names(&json(&server, "/d/")), [""; 0]);
    server.get("/to-d/").send().expect(404);
    assert!(!server.get("/d/").send().text().contains("SECRET"));
}

#[test]
fn every_link_that_leads_somewhere_is_listed_where_all_are_followed() {
    let server = linked(Symlinks::All);
    let expected = ["out-folder", "to-folder", "out", "out-absolute", "README.md", "to-file"];
    assert_eq!(names(&json(&server, "/d/")), expected);
    assert!(server.get("/d/").send().text().contains("SECRET"));
    assert_eq!(names(&json(&server, "/out-folder/")), ["secret.txt"]);
}

#[test]
fn the_link_of_each_entry_leads_to_200_under_every_policy() {
    for policy in [Symlinks::Inside, Symlinks::Never, Symlinks::All] {
        let server = linked(policy);
        for directory in ["/", "/d/", "/a/"] {
            for link in entry_links_or_none(server.get(directory).send().expect(200).text()) {
                server.get(format!("{directory}{link}")).send().expect(200);
            }
        }
    }
}

fn entry_links_or_none(page: &str) -> Vec<String> {
    if page.contains("<tbody>") { entry_links(page) } else { Vec::new() }
}

#[test]
fn what_is_neither_file_nor_folder_is_not_listed() {
    let server = Fixture::new().listing().file("d/a", "it").serve();
    let at = |name: &str| server.root().join("d").join(name);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from(0o600),
        0,
    )
    .expect("a FIFO can be made");
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
    assert_eq!(names(&json(&server, "/d/")), ["a"]);
}

#[test]
fn what_appears_changes_or_goes_is_so_in_the_next_listing() {
    let server = Fixture::new().listing().file("d/a", "it").serve();
    assert_eq!(names(&json(&server, "/d/")), ["a"]);
    for round in 0..20 {
        let name = format!("d/b{round}");
        server.replace(&name, "it");
        assert_eq!(names(&json(&server, "/d/")).len(), 2);
        std::fs::write(server.root().join(&name), "longer").expect("it can be written");
        assert_eq!(json(&server, "/d/")["entries"][1]["size"], 6);
        std::fs::remove_file(server.root().join(&name)).expect("it is there");
        assert_eq!(names(&json(&server, "/d/")), ["a"]);
    }
    std::fs::remove_dir_all(server.root().join("d")).expect("it is there");
    server.get("/d/").send().expect(404);
}

#[test]
fn what_is_stored_is_listed_at_once() {
    let fixture = Fixture::new().listing().dir("d");
    let root = Root::open(fixture.root()).expect("the root");
    let store = httpd::Store::new(WritableRoot::new(root, WriteRules::default()));
    let server = fixture.handler("/", store).serve();
    server.request("PUT", "/d/new%20one").content("it").send().expect(201);
    assert_eq!(names(&json(&server, "/d/")), ["new one"]);
    server.request("DELETE", "/d/new%20one").send().expect(204);
    assert_eq!(names(&json(&server, "/d/")), [""; 0]);
}

#[test]
fn a_client_that_has_the_listing_gets_304_until_something_changes() {
    let server = Fixture::new().listing().file("d/a", "it").serve();
    for target in ["/d/", "/d/?format=json"] {
        let reply = server.get(target).send();
        let tag = reply.expect(200).value("ETag").to_owned();
        assert!(tag.starts_with("W/\""), "{tag}");
        reply.no_header("Last-Modified");
        let again =
            |method: &str| server.request(method, target).header("If-None-Match", &tag).send();
        for method in ["GET", "HEAD"] {
            let reply = again(method);
            reply.expect(304).header("ETag", &tag).header("Vary", "Accept");
            reply.header("Cache-Control", "no-cache").no_header("Content-Type");
        }
        std::fs::write(server.root().join("d/a"), "IT").expect("it can be written");
        let reply = again("GET");
        reply.expect(200);
        assert_ne!(reply.value("ETag"), tag, "the size is the same, the time is not");
    }
}

#[test]
fn each_view_of_a_listing_has_a_tag_of_its_own() {
    let server = Fixture::new().listing().file("d/a", "it").file("e/a", "it").serve();
    let tags: std::collections::BTreeSet<String> =
        ["/d/", "/d/?format=json", "/d/?sort=size", "/d/?order=desc", "/e/"]
            .iter()
            .map(|target| server.get(target).send().expect(200).value("ETag").to_owned())
            .collect();
    assert_eq!(tags.len(), 5, "{tags:?}");
    assert_eq!(
        server.get("/d/").send().value("ETag"),
        server.get("/d/?sort=name&x=y").send().value("ETag"),
    );
}

#[test]
fn a_listing_has_no_date_and_no_ranges() {
    let server = Fixture::new().listing().file("d/a", "it").serve();
    let future = "Fri, 31 Dec 9999 23:59:59 GMT";
    server.get("/d/").header("If-Modified-Since", future).send().expect(200);
    let past = "Thu, 01 Jan 1970 00:00:00 GMT";
    server.get("/d/").header("If-Unmodified-Since", past).send().expect(200);
    server.get("/d/").header("Range", "bytes=0-9").send().expect(200).no_header("Content-Range");
    server.get("/d/").header("If-Match", "\"x\"").send().expect(412);
}

#[test]
fn head_says_what_get_would() {
    let server = Fixture::new().listing().file("d/a", "it").serve();
    for target in ["/d/", "/d/?format=json"] {
        let (get, head) = (server.get(target).send(), server.head(target).send());
        assert_eq!(head.expect(200).lasting_headers(), get.lasting_headers());
        assert!(head.body.is_empty());
    }
    server.head("/none/").send().expect(404);
    server.request("POST", "/d/").content("").send().expect(405);
}

#[test]
fn a_page_can_neither_fetch_nor_run_anything() {
    let server = Fixture::new().listing().dir("d").serve();
    let reply = server.get("/d/").send();
    reply.expect(200).header("X-Content-Type-Options", "nosniff");
    assert!(reply.value("Content-Security-Policy").starts_with("default-src 'none'; "));
    assert!(!reply.text().contains("http-equiv"));
    let outside = reply.text().replace("http://www.w3.org/2000/svg", "");
    assert!(!outside.contains("http://") && !outside.contains("https://"), "{outside}");
}

#[test]
fn a_readme_is_shown_below_as_plain_text() {
    let server = Fixture::new()
        .listing()
        .file("d/README.md", "# Title\n\n<script>alert(1)</script> & **bold**\x1b[0m\r\n")
        .file("d/README.txt", "the other")
        .file("e/readme.TXT", "small letters")
        .file("f/README.md/x", "a folder")
        .file("g/README", b"\xef\xbb\xbfnot \xff utf-8\0")
        .file("h/long/README.md", "0123456789".repeat(10_000))
        .file("h/.readme.md", "hidden")
        .serve();
    let page = |target: &str| server.get(target).send().expect(200).text().to_owned();
    let text = page("/d/");
    let shown =
        "<pre>\n# Title\n\n&lt;script&gt;alert(1)&lt;/script&gt; &amp; **bold**\u{241b}[0m\n</pre>";
    assert!(text.contains(shown), "{text}");
    assert!(!text.contains("the other"));
    assert!(page("/e/").contains("<pre>\nsmall letters</pre>"));
    assert!(!page("/f/").contains("<pre>"));
    assert!(page("/g/").contains("<pre>\nnot \u{fffd} utf-8\u{2400}</pre>"));
    assert!(!page("/h/").contains("<pre>"));
    let text = page("/h/long/");
    assert!(text.contains("the whole text</a>") && text.len() < 90_000, "{}", text.len());
    assert!(!server.get("/d/?format=json").send().text().contains("Title"));
}

#[test]
fn a_changed_readme_changes_the_tag_of_the_page() {
    let server = Fixture::new().listing().file("d/README.md", "one").serve();
    let tag = |target: &str| server.get(target).send().expect(200).value("ETag").to_owned();
    let before = tag("/d/");
    crate::support::fixture::write(&server.root().join("d/README.md"), b"two");
    assert_ne!(tag("/d/"), before, "its time and its size are the same");
}

#[test]
fn a_large_directory_is_listed_whole() {
    let server = Fixture::new().listing().dir("d").serve();
    for number in 0..3_000 {
        std::fs::write(server.root().join(format!("d/{number}.txt")), "").expect("a file");
    }
    let page = server.get("/d/").send();
    let expected: Vec<String> = (0..3_000).map(|number| format!("{number}.txt")).collect();
    assert_eq!(entry_links(page.expect(200).text()), expected);
    assert!(page.text().ends_with("</html>\n"));
    assert!(page.text().contains("3,000 files"));
    assert_eq!(names(&json(&server, "/d/")), expected);
    server.head("/d/").send().expect(200);
    let mut pipelined = server
        .raw("HEAD /d/ HTTP/1.1\r\nHost: a\r\n\r\nGET /d/?format=json HTTP/1.1\r\nHost: a\r\n\r\n");
    pipelined.reply_to("HEAD").expect(200);
    assert_eq!(names(&parsed(pipelined.reply().expect(200))), expected);
}

/// Names are bytes: each byte that a name may have, alone and between letters.
#[test]
fn every_byte_of_a_name_is_listed_and_its_link_leads_there() {
    let server = Fixture::new().listing().dir("d").serve();
    let allowed = (1..=255_u8).filter(|byte| !b"/".contains(byte));
    for byte in allowed.clone() {
        let name = [b'x', byte, b'y'];
        let path = server.root().join("d").join(std::ffi::OsStr::from_bytes(&name));
        std::fs::write(path, name).expect("a file");
    }
    let links = entry_links(server.get("/d/").send().expect(200).text());
    assert_eq!(links.len(), allowed.count());
    let mut contents: Vec<Vec<u8>> = Vec::new();
    for link in links {
        let target = format!("/d/{}", link.strip_prefix("./").unwrap_or(&link));
        contents.push(server.get(target).send().expect(200).body.clone());
    }
    contents.sort();
    contents.dedup();
    assert_eq!(contents.len(), 254);
    json(&server, "/d/");
}

/// The only thread is busy, so the listing waits for it; the only worker does not.
#[test]
fn a_thread_makes_the_listing_and_the_worker_serves_others_meanwhile() {
    let (begin, begun) = std::sync::mpsc::channel();
    let (open, opened) = std::sync::mpsc::channel::<()>();
    let opened = std::sync::Mutex::new(opened);
    let gate = httpd::blocking(move |_| {
        begin.send(()).expect("the test waits for it");
        let _ = opened.lock().expect("nobody panics with it").recv_timeout(PATIENCE);
        "through"
    });
    let server = Fixture::new()
        .listing()
        .file("d/a", "it")
        .limits(|limits| limits.handler_threads_max = 1)
        .handler("/gate", gate)
        .serve();
    let mut first = server.raw("GET /gate HTTP/1.1\r\nHost: test\r\n\r\n");
    begun.recv_timeout(PATIENCE).expect("the thread begins");
    let mut listing = server.raw("GET /d/?format=json HTTP/1.1\r\nHost: test\r\n\r\n");
    for _ in 0..3 {
        server.get("/d/a").send().expect(200).body("it");
    }
    assert!(!listing.has_news());
    open.send(()).expect("the handler waits for it");
    first.reply().expect(200).body("through");
    assert_eq!(names(&parsed(listing.reply().expect(200))), ["a"]);
}
