//! Forms, cookies and JSON as other people's clients send them.

use crate::support::{Fixture, Folder, TestServer, lacks, lossy, noise, output};
use httpd::{Cookie, Failure, Method, Request, Response, blocking};
use std::process::{Command, Stdio};

/// Shows what is in a form, counts what is in its files, and counts visits in a cookie.
fn serve() -> TestServer {
    let form = blocking(|request: &Request<'_>| -> Result<String, Failure> {
        let form = request.form()?;
        let fields = form.fields().map(|(name, value)| format!("{name}={value}\n"));
        let files = form.files().iter().map(|file| {
            let sum: u64 = file.bytes().iter().map(|byte| u64::from(*byte)).sum();
            format!("{} {} {sum}\n", file.name(), file.content_type().unwrap_or("?"))
        });
        Ok(fields.chain(files).collect())
    });
    Fixture::new()
        .handler("/form", form.methods(&[Method::Post]).body_bytes_max(8 << 20))
        .site(|site| {
            site.get("/search", |request| {
                let pairs = request.query_pairs().map(|(name, value)| format!("{name}={value}\n"));
                pairs.collect::<String>()
            })
            .get("/visits", |request| -> Result<Response, Failure> {
                let visits =
                    request.cookie("visits").and_then(|it| it.parse().ok()).unwrap_or(0) + 1;
                let response = Response::text(format!("{visits}\n"));
                Ok(response.cookie(Cookie::new("visits", visits.to_string())?))
            })
            .get("/forget", |_| -> Result<Response, Failure> {
                Ok(Response::text("").cookie(Cookie::removal("visits")?))
            })
        })
        .serve()
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) -> String {
    let output = output(Command::new(program).args(arguments).stdin(Stdio::null()));
    assert!(output.status.success(), "{program} {arguments:?}: {}", lossy(&output.stderr));
    lossy(&output.stdout)
}

#[track_caller]
fn curl(server: &TestServer, arguments: &[&str], path: &str) -> String {
    let url = format!("http://{}{path}", server.address());
    run("curl", &[&["-sS", "--noproxy", "*", "--max-time", "20"], arguments, &[&url]].concat())
}

fn sum(content: &[u8]) -> u64 {
    content.iter().map(|byte| u64::from(*byte)).sum()
}

fn curl_sends_forms_of_both_kinds() {
    let server = serve();
    let arguments = ["-d", "a=1", "--data-urlencode", "b=ä & ö=\n", "-d", "c"];
    assert_eq!(curl(&server, &arguments, "/form"), "a=1\nb=ä & ö=\n\nc=\n");
    let folder = Folder::new();
    let content = noise(3_000_000);
    let large = folder.write("la\"r;ge.bin", &content);
    let file = format!("f=@\"{}\"", large.display().to_string().replace('"', "\\\""));
    let arguments =
        ["-F", "note=ä \"b\"", "-F", &file, "-F", "t=x;filename=../e.txt;type=text/html"];
    let shown = curl(&server, &arguments, "/form");
    let expected = format!(
        "note=ä \"b\"\nla\"r;ge.bin application/octet-stream {}\ne.txt text/html 120\n",
        sum(&content)
    );
    assert_eq!(shown.replace("%22", "\""), expected);
    let shown = curl(&server, &["-G", "--data-urlencode", "q=a+b &c"], "/search?p=1");
    assert_eq!(shown, "p=1\nq=a+b &c\n");
}

fn curl_keeps_and_forgets_a_cookie() {
    let server = serve();
    let folder = Folder::new();
    let jar = folder.path("jar").display().to_string();
    let with_jar = ["-b", &jar[..], "-c", &jar[..]];
    for visits in ["1\n", "2\n", "3\n"] {
        assert_eq!(curl(&server, &with_jar, "/visits"), visits);
    }
    curl(&server, &with_jar, "/forget");
    assert_eq!(curl(&server, &with_jar, "/visits"), "1\n");
}

fn python_sends_forms_and_keeps_cookies() {
    let server = serve();
    let script = r#"
import http.client, http.cookiejar, sys, urllib.parse, urllib.request
base = "http://" + sys.argv[1]
jar = http.cookiejar.CookieJar()
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar))
def ask(path, data=None, **headers):
    request = urllib.request.Request(base + path, data, headers)
    return opener.open(request, timeout=20).read().decode()

pairs = [("a b", "1+1=2&3"), ("ä", "€ 😀"), ("empty", ""), ("a b", "%zz")]
encoded = urllib.parse.urlencode(pairs)
shown = "".join(f"{name}={value}\n" for name, value in pairs)
assert ask("/form", encoded.encode()) == shown
assert ask("/search?" + encoded) == shown

assert [ask("/visits") for _ in range(3)] == ["1\n", "2\n", "3\n"]
[cookie] = jar
assert (cookie.name, cookie.value, cookie.path) == ("visits", "3", "/"), cookie
assert cookie.has_nonstandard_attr("HttpOnly") and cookie.get_nonstandard_attr("SameSite") == "Lax"
ask("/forget")
assert not list(jar) and ask("/visits") == "1\n"

# A form with a file, in chunks of unknown number.
def body():
    for piece in [b"--b\r\nContent-Disposition: form-data; name=t\r\n\r\nx\r", b"\n--",
                  b"b\r\nContent-Disposition: form-data; name=f; filename=g\r\n\r\n", b"\1" * 100000,
                  b"\r\n--b-", b"-\r\n"]:
        yield piece
connection = http.client.HTTPConnection(sys.argv[1], timeout=20)
connection.request("POST", "/form", body(), {"Content-Type": "multipart/form-data; boundary=b"})
response = connection.getresponse()
assert (response.status, response.read()) == (200, b"t=x\ng ? 100000\n")
connection.request("POST", "/form", b"x", {"Content-Type": "text/plain"})
response = connection.getresponse()
assert response.status == 415 and b"multipart/form-data" in response.read()
print("fine")
"#;
    let said = run("python3", &["-c", script, &server.address().to_string()]);
    assert_eq!(said.trim(), "fine");
}

tests! {
    lacks::curl:
        curl_keeps_and_forgets_a_cookie,
        curl_sends_forms_of_both_kinds;
    lacks::python:
        python_sends_forms_and_keeps_cookies;
}
