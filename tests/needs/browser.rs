//! The programs under `examples` as people see them: in a browser, with its own ideas of forms, cookies and events.

use super::programs::Example;
use crate::support::chromium::{Chromium, Page};
use crate::support::{Folder, lacks, own_loopback};
use serde_json::json;
use std::fs;

impl Example {
    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

fn a_browser_shows_events_as_they_come_and_connects_again() {
    let place = own_loopback();
    let example = Example::start_at(&format!("{place}:0"), "events", &[]);
    let url = example.url();
    let browser = Chromium::start();
    let page = browser.open(&url);
    let shown = "document.querySelector('output').value";
    page.until(&format!("{shown}.startsWith('number ')"));
    let first = page.evaluate(shown);
    page.until(&format!("{shown} !== {first}"));
    let address = example.address.to_string();
    // The server is gone, and another one begins at the same place: nobody reloads the page.
    drop(example);
    let _example = Example::start_at(&address, "events", &[]);
    let last = page.evaluate(shown);
    page.until(&format!("{shown} !== {last}"));
}

fn two_windows_chat() {
    let example = Example::start("chat", &[]);
    let browser = Chromium::start();
    let ann = browser.open(&example.url());
    ann.shows("(welcome)");
    let bob = browser.open(&example.url());
    bob.shows("(welcome)");
    ann.shows("(somebody comes)");
    let both = |words: &str| [&ann, &bob].iter().for_each(|page| page.shows(words));
    ann.write("input", "hello <b>Bob</b> & co.");
    ann.press_enter();
    both("hello <b>Bob</b> & co.");
    bob.write("input", "grüß dich, 安");
    bob.click("button");
    both("grüß dich, 安");
    assert_eq!(bob.evaluate("document.querySelector('input').value"), "");
    bob.close();
    ann.shows("(somebody leaves)");
}

fn a_browser_logs_in_and_out() {
    let example = Example::start("login", &[]);
    let browser = Chromium::start();
    let page = browser.open(&example.url());
    let log_in = |page: &Page<'_>, password: &str| {
        page.write("[name=name]", "ada");
        page.write("[name=password]", password);
        page.press_enter();
    };
    log_in(&page, "hopper");
    page.shows("no such name and password");
    page.go(&example.url());
    log_in(&page, "lovelace");
    page.shows("Hello ada.");
    // The form was sent by POST, and what is shown is another page.
    assert_eq!(page.evaluate("location.pathname"), "/");
    assert_eq!(page.evaluate("document.cookie"), "", "scripts do not see it");
    page.click("a");
    page.shows("Dear diary of ada,");
    // A form of a page elsewhere would not send the cookie; a link does.
    let other = browser.open(&example.url());
    other.shows("Hello ada.");
    other.click("button");
    other.until("document.querySelector('[name=password]') !== null");
    page.go(&format!("{}private/diary", example.url()));
    page.shows("log in at / first");
}

fn a_browser_sends_a_form_with_a_file() {
    let folder = Folder::new();
    let picture = folder.write("très <b> & co.jpg", "12345");
    let example = Example::start("form", &[]);
    let browser = Chromium::start();
    let page = browser.open(&example.url());
    // The browser itself refuses a form without a name.
    page.click("button");
    assert_eq!(page.evaluate("document.querySelector('form').checkValidity()"), false);
    page.write("[name=name]", "Ada & co.");
    page.write("[name=count]", "2");
    page.click("[value=red]");
    page.click("[value=blue]");
    page.choose("[type=file]", &[&picture]);
    page.click("button");
    page.shows("2 for Ada & co.");
    page.shows("colours: red, blue");
    page.shows("picture: très <b> & co.jpg of 5 bytes");
    page.go(&example.url());
    page.write("[name=name]", "Ada");
    page.write("[name=count]", "101");
    page.click("button");
    page.shows("the field \"count\": order 1 to 100");
}

fn a_browser_uploads_files() {
    let folder = Folder::new();
    let large = "0123456789".repeat(500_000);
    let paths = [("a.txt", "a"), ("größe 安.txt", &large)];
    let paths = paths.map(|(name, content)| folder.write(name, content));
    let files = folder.path("files");
    let example = Example::start("upload", &[files.to_str().expect("it is UTF-8")]);
    let browser = Chromium::start();
    let page = browser.open(&example.url());
    page.choose("[type=file]", &[&paths[0], &paths[1]]);
    page.click("button");
    page.shows("/files/a.txt");
    page.shows("/files/gr%C3%B6%C3%9Fe%20%E5%AE%89.txt");
    let stored = |name: &str| fs::read_to_string(files.join(name)).expect("it was stored");
    assert_eq!(stored("a.txt"), "a");
    assert!(stored("größe 安.txt") == large);
    page.click("button");
    page.shows("already exists");
}

fn a_browser_leaves_replaces_and_deletes_files() {
    let folder = Folder::new();
    let name = "a <b> & c.txt";
    let path = folder.write(name, "first");
    let files = folder.path("files");
    let example = Example::start("drop", &[files.to_str().expect("it is UTF-8")]);
    let browser = Chromium::start();
    let page = browser.open(&example.url());
    page.evaluate("window.confirm = () => true");
    let send = |shown: &str| {
        page.choose("[type=file]", &[&path]);
        page.click("form button");
        page.until(&format!(
            "document.querySelector('#message').textContent === {}",
            json!(format!("{name}: {shown}"))
        ));
    };
    send("stored");
    assert_eq!(page.evaluate("document.querySelector('li a').textContent"), name);
    fs::write(&path, "second").expect("the folder is the test's");
    send("replaced");
    assert_eq!(fs::read_to_string(files.join(name)).expect("it was stored"), "second");
    let text = "fetch(document.querySelector('li a').href).then(it => it.text())";
    assert_eq!(page.evaluate(text), "second");
    page.click("li button");
    page.until("document.querySelector('li') === null");
    assert!(!files.join(name).exists());
}

fn a_browser_follows_a_job() {
    let example = Example::start("progress", &[]);
    let browser = Chromium::start();
    let page = browser.open(&example.url());
    page.click("button");
    page.until("document.querySelector('progress').value > 0");
    page.until("document.querySelector('output').value === 'done'");
    assert_eq!(page.evaluate("document.querySelector('progress').value"), 100);
    // The next one has a stream of its own.
    page.click("button");
    page.until("document.querySelector('output').value === 'done'");
}

tests! {
    lacks::chromium:
        a_browser_follows_a_job,
        a_browser_leaves_replaces_and_deletes_files,
        a_browser_logs_in_and_out,
        a_browser_sends_a_form_with_a_file,
        a_browser_shows_events_as_they_come_and_connects_again,
        a_browser_uploads_files,
        two_windows_chat;
}
