//! A Django project with its admin, its database and its static files, as its users find it.

use super::browser::Browser;
use super::server::{Folder, Server, location, sha256};
use super::sites::{self, python_of_sites};
use crate::support::noise;
use std::path::Path;
use std::process::Command;

/// The project, migrated, with one superuser, its static files collected and served by the server.
fn project() -> (Server, Vec<u8>) {
    let python = python_of_sites();
    let folder = Folder::new();
    let report = noise(300_000);
    let file = folder.write("report.bin", &report);
    manage(&python, &folder, &["migrate", "--verbosity=0"]);
    manage(&python, &folder, &["collectstatic", "--no-input", "--verbosity=0"]);
    manage(
        &python,
        &folder,
        &["createsuperuser", "--no-input", "--username=zoe", "--email=z@example.org"],
    );
    let keys = format!(
        "python = \"{}\"\nenv = {{ FILE = \"{}\" }}\nprocesses = 1\nthreads = 4",
        python.display(),
        file.display()
    );
    let config = location("/", "site_wsgi", &keys).replace("\"apps\"", "\"apps/django_site\"")
        + "[[location]]\npath = \"/static\"\nalias = \"apps/django_site/static\"\n";
    let mut command = folder.configured(&config);
    (Server::start(folder, &mut command), report)
}

fn manage(python: &Path, folder: &Folder, arguments: &[&str]) {
    let output = Command::new(python)
        .arg("manage.py")
        .args(arguments)
        .current_dir(folder.path("apps/django_site"))
        .env("DJANGO_SUPERUSER_PASSWORD", "a test's")
        .output()
        .expect("there is a Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn a_django_project_is_used_as_it_is() {
    let (server, report) = project();
    let visitor = Browser::of(&server);

    // A form with its token, and a session in the database.
    let home = visitor.get("/").expect(200);
    home.shows("<p>0 by you</p>").shows("href=\"/static/pages.css\"");
    let token = home.field("csrfmiddlewaretoken");
    let noted =
        visitor.post("/", &[("csrfmiddlewaretoken", &token), ("words", "\u{fc}ber <b>uns</b>")]);
    noted.expect(200).shows("<p>1 by you</p>").shows("<li>\u{fc}ber &lt;b&gt;uns&lt;/b&gt;</li>");
    visitor.post("/", &[("words", "without a token")]).expect(403);
    Browser::of(&server).get("/").expect(200).shows("<p>0 by you</p>");

    // Its static files come from the server, with all that it does for files.
    visitor
        .get("/static/pages.css")
        .expect(200)
        .shows("darkslategray")
        .has_header("Content-Type: text/css");
    visitor.get("/static/admin/css/base.css").expect(200);
    visitor.curl("/static/admin/css/base.css", &["--range", "0-9"]).expect(206);
    visitor.get("/static/nothing.css").expect(404);

    for length in [10, 3_000_000] {
        let file = noise(length);
        let token = visitor.get("/").field("csrfmiddlewaretoken");
        let page = visitor.upload("/upload", &file, &[("csrfmiddlewaretoken", &token)]).expect(200);
        page.shows(&format!("\"length\": {length}")).shows(&sha256(&file));
    }
    let counted = visitor.get("/count?to=1000").expect(200);
    assert_eq!(counted.text().lines().count(), 1000);
    let page = visitor.get("/download").expect(200);
    page.has_header("Content-Disposition: attachment; filename=\"report.bin\"");
    assert!(page.content == report, "{} bytes", page.content.len());

    let broken = visitor.get("/broken").expect(500);
    assert!(!broken.text().contains("secret-of-the-application"), "{}", broken.text());
    server.logs("LookupError: secret-of-the-application");
    visitor.get("/nowhere").expect(404);
    visitor.curl("/", &["--head"]).expect(200);
    let home = visitor.get("/admin").expect(200);
    assert_eq!(home.path, "/admin/login/?next=/admin/", "it redirects to what it says it is");
}

fn the_admin_can_be_used() {
    let (server, _) = project();
    let admin = Browser::of(&server);
    let token = admin.get("/admin/login/").expect(200).field("csrfmiddlewaretoken");
    let wrong =
        [("csrfmiddlewaretoken", token.as_str()), ("username", "zoe"), ("password", "guessed")];
    admin.post("/admin/login/", &wrong).expect(200).shows("Please enter the correct username");
    let token = admin.get("/admin/login/").field("csrfmiddlewaretoken");
    let right = [
        ("csrfmiddlewaretoken", token.as_str()),
        ("username", "zoe"),
        ("password", "a test's"),
        ("next", "/admin/auth/user/"),
    ];
    let users = admin.post("/admin/login/?next=/admin/auth/user/", &right).expect(200);
    assert_eq!(users.path, "/admin/auth/user/");
    users.shows("z@example.org").shows("/static/admin/css/base.css");
    let token = admin.get("/admin/auth/user/add/").expect(200).field("csrfmiddlewaretoken");
    let added = [
        ("csrfmiddlewaretoken", token.as_str()),
        ("username", "yvonne"),
        ("usable_password", "true"),
        ("password1", "a long enough one"),
        ("password2", "a long enough one"),
    ];
    admin.post("/admin/auth/user/add/", &added).expect(200).shows("was added successfully");
    admin.get("/admin/auth/user/").expect(200).shows("yvonne");
}

tests! {
    sites::lack:
        a_django_project_is_used_as_it_is,
        the_admin_can_be_used;
}
