//! A browser over HTTP/2 and TLS.

use crate::support::chromium::Chromium;
use crate::support::secured::Authority;
use crate::support::{Fixture, TestServer, lacks, noise, writable};
use httpd::Tls;
use std::fs;

/// A page with so many files beside it: styles and scripts that hold up its rendering, and pictures.
const FILES: usize = 200;

fn serve() -> TestServer {
    let certificate = Authority::new().issue(&["localhost"]).certificate();
    // One transparent pixel; what follows it is not looked at.
    const GIF: &[u8] =
        b"GIF89a\x01\0\x01\0\x80\x01\0\0\0\0\xff\xff\xff\x21\xf9\x04\x01\0\0\x01\0\x2c\0\0\0\0\
        \x01\0\x01\0\0\x02\x02\x4c\x01\0\x3b";
    let mut page = "<!doctype html><title>page</title>".to_owned();
    let mut fixture = Fixture::new().file("a.txt", "it").file("large.bin", noise(3_000_000));
    for number in 0..FILES {
        let (name, tag, content) = match number % 40 {
            0 => ("css", "<link rel=stylesheet href=", ".a { color: red }\n".repeat(1500)),
            1 => ("js", "<script src=", "window.count = (window.count || 0) + 1;\n".to_owned()),
            _ => ("gif", "<img src=", String::new()),
        };
        let end = if name == "js" { "></script>" } else { ">" };
        page += &format!("{tag}{number}.{name}{end}");
        let content = match name {
            "gif" => [GIF, &noise(3000)].concat(),
            _ => content.into_bytes(),
        };
        fixture = fixture.file(format!("{number}.{name}"), content);
    }
    let fixture = fixture.file("index.html", page);
    let store = writable::store(&fixture, |_| {});
    fixture.handler("/store", store).tls(Tls::new(certificate)).serve()
}

fn browser() -> Chromium {
    Chromium::start_with(&["--ignore-certificate-errors"])
}

fn url(server: &TestServer) -> String {
    format!("https://localhost:{}/", server.port())
}

fn a_page_with_200_files_is_shown() {
    let server = serve();
    let browser = browser();
    let page = browser.open(&url(&server));
    let files = "performance.getEntriesByType('resource')";
    page.until(&format!("{files}.length === {FILES}"));
    assert_eq!(page.evaluate(&format!("{files}.every(it => it.nextHopProtocol === 'h2')")), true);
    assert_eq!(page.evaluate("window.count"), FILES / 40);
    let shown = "[...document.images].every(it => it.complete && it.naturalWidth === 1)";
    page.until(shown);
    // They are in no cache now, and come over the connection that is there.
    page.evaluate("performance.clearResourceTimings()");
    let again = format!(
        "Promise.all([...Array({FILES}).keys()].map(it => fetch('/a.txt?' + it).then(it => it.text())))\
         .then(all => all.every(it => it === 'it'))"
    );
    assert_eq!(page.evaluate(&again), true);
}

fn files_are_sent_and_fetched() {
    let server = serve();
    let browser = browser();
    let page = browser.open(&url(&server));
    let fetched = "fetch('/large.bin').then(it => it.arrayBuffer()).then(it => {\
                   const bytes = new Uint8Array(it); let sum = 0;\
                   for (const byte of bytes) sum = (sum * 31 + byte) % 1000003; return [bytes.length, sum]; })";
    let sum =
        noise(3_000_000).iter().fold(0, |sum, byte| (sum * 31 + u64::from(*byte)) % 1_000_003);
    assert_eq!(page.evaluate(fetched), serde_json::json!([3_000_000, sum]));
    let sent = "fetch('/store/sent', { method: 'PUT', body: new Uint8Array(5000000).fill(7) }).then(it => it.status)";
    assert_eq!(page.evaluate(sent), 201);
    let stored = fs::read(server.root().join("sent")).expect("it is there");
    assert!(stored == [7; 5_000_000]);
    // The answer to an upload that is refused comes before its end.
    let refused =
        "fetch('/a.txt', { method: 'PUT', body: new Uint8Array(20000000) }).then(it => it.status)";
    assert_eq!(page.evaluate(refused), 413);
    assert_eq!(page.evaluate("fetch('/a.txt').then(it => it.text())"), "it");
}

tests! {
    lacks::chromium:
        a_page_with_200_files_is_shown,
        files_are_sent_and_fetched;
}
