//! What handlers read out of a request: its query, cookies and forms, on workers and on threads.

use crate::support::wait::PATIENCE;
use crate::support::{Fixture, TestServer, noise};
use httpd::{
    Cookie, Failure, FormLimits, Method, Request, RequestError, Response, blocking, inline,
};
use std::io::{self, Read};
use std::sync::mpsc;

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=b";

/// Shows the fields and files of a form, one per line.
fn show(request: &Request<'_>) -> Result<String, RequestError> {
    let form = request.form_within(&FormLimits::default().parts_max(4))?;
    let fields = form.fields().map(|(name, value)| format!("{name}={value}\n"));
    let files = form.files().iter().map(|file| {
        let kind = file.content_type().unwrap_or("?");
        format!("{}: {} ({kind}), {} bytes\n", file.field(), file.name(), file.bytes().len())
    });
    Ok(fields.chain(files).collect())
}

/// A form with a field and a file.
fn multipart(content: &[u8]) -> Vec<u8> {
    let head = "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nä & b\r\n\
        --b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"../a.bin\"\r\n\
        Content-Type: application/x-it\r\n\r\n";
    [head.as_bytes(), content, b"\r\n--b--\r\n"].concat()
}

fn serve() -> TestServer {
    let post = &[Method::Post];
    Fixture::new()
        .handler("/worker", inline(show).methods(post))
        .handler("/thread", blocking(show).methods(post).body_bytes_max(8 << 20))
        .handler("/streamed", blocking(show).methods(post).body_bytes_max(8 << 20).streamed())
        .serve()
}

#[test]
fn a_query_comes_decoded() {
    let server = Fixture::new()
        .site(|site| {
            site.get("/all", |request| {
                let pairs = request.query_pairs().map(|(name, value)| format!("{name}={value}\n"));
                pairs.collect::<String>()
            })
            .get("/one", |request| request.query_value("q").map(|value| value.into_owned()))
        })
        .serve();
    server
        .get("/all?a=1+2&%C3%A4=%26&&b&a=%ff")
        .send()
        .expect(200)
        .body("a=1 2\nä=&\nb=\na=\u{fffd}\n");
    server.get("/all").send().expect(200).body("");
    server.get("/all?").send().expect(200).body("");
    server.get("/one?p=q&%71=1%2B1&q=2").send().expect(200).body("1+1");
    server.get("/one?Q=1").send().expect(404);
}

#[test]
fn the_first_cookie_of_a_name_counts_in_all_lines() {
    let server = Fixture::new()
        .site(|site| {
            site.get("/one", |request| request.cookie("id").map(str::to_owned)).get(
                "/all",
                |request| {
                    let all = request.cookies().map(|(name, value)| format!("{name}={value};"));
                    all.collect::<String>()
                },
            )
        })
        .serve();
    server.get("/one").header("Cookie", "a=0; id=\"1\"; id=2").send().expect(200).body("1");
    server
        .get("/one")
        .header("Cookie", "a=0")
        .header("cookie", "id=3")
        .send()
        .expect(200)
        .body("3");
    server.get("/one").header("Cookie", "=id=4; xid=5; id").send().expect(404);
    server.get("/one").send().expect(404);
    let lines = server.get("/all").header("Cookie", "a=1;b=2").header("Cookie", "\u{e4}=3; c");
    lines.send().expect(200).body("a=1;b=2;ä=3;");
}

#[test]
fn every_cookie_is_set_by_a_line() {
    let server = Fixture::new()
        .site(|site| {
            site.get("/", |_| -> Result<Response, Failure> {
                let response = Response::text("").cookie(Cookie::new("a", "1")?.secure(true));
                Ok(response.cookie(Cookie::removal("b")?))
            })
            .get("/bad", |_| -> Result<Response, Failure> {
                Ok(Response::text("").cookie(Cookie::new("a", "1\r\nX: y")?))
            })
        })
        .serve();
    let reply = server.get("/").send();
    let is_cookie = |(name, _): &&(String, String)| name == "Set-Cookie";
    let set: Vec<&str> = reply.headers.iter().filter(is_cookie).map(|(_, it)| &it[..]).collect();
    assert_eq!(
        set,
        [
            "a=1; Path=/; Secure; HttpOnly; SameSite=Lax",
            "b=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        ]
    );
    // It is the program's mistake.
    server.get("/bad").send().expect(500).no_header("Set-Cookie").no_header("X");
}

#[test]
fn forms_are_read_on_workers_and_on_threads() {
    let server = serve();
    for path in ["/worker", "/thread", "/streamed"] {
        let post = |content_type: &str, body: &[u8]| {
            server.request("POST", path).header("Content-Type", content_type).content(body).send()
        };
        post(URLENCODED, b"a=1+2&b=%C3%A4").expect(200).body("a=1 2\nb=ä\n");
        post(URLENCODED, b"").expect(200).body("");
        post(MULTIPART, &multipart(b"\r\n--\0"))
            .expect(200)
            .body("note=ä & b\nf: a.bin (application/x-it), 5 bytes\n");
        post("Multipart/Form-Data; Boundary=\"b\"", b"--b--").expect(200).body("");
    }
}

#[test]
fn a_form_that_is_kept_on_the_disk_is_read_as_well() {
    let server = serve();
    let content = noise(5_000_000);
    for path in ["/thread", "/streamed"] {
        let request = server.request("POST", path).header("Content-Type", MULTIPART);
        let reply = request.content(multipart(&content)).send();
        reply.expect(200).body("note=ä & b\nf: a.bin (application/x-it), 5000000 bytes\n");
    }
}

#[test]
fn what_is_wrong_with_a_form_is_its_response() {
    let server = serve();
    for path in ["/worker", "/thread"] {
        let mut client = server.connect();
        for (content_type, body, status, text) in [
            (MULTIPART, "--b\r\n", 400, "the form ends before its last boundary\n"),
            (MULTIPART, "--b\r\nx\r\n\r\n", 400, "no header in the head of a part\n"),
            ("multipart/form-data", "", 400, "Content-Type names no sound boundary\n"),
            (URLENCODED, "a&b&c&d&e", 413, "the form has more than 4 fields\n"),
            (
                "text/plain",
                "a=1",
                415,
                "Content-Type must be application/x-www-form-urlencoded or multipart/form-data, \
                 not text/plain\n",
            ),
            (URLENCODED, "a=1", 200, "a=1\n"),
        ] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {content_type}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            // The connection goes on.
            let reply = client.send(head).reply();
            reply.expect(status).body(text).header("Content-Type", "text/plain; charset=utf-8");
        }
        let reply = server.request("POST", path).content("a=1").send();
        reply
            .expect(415)
            .header("Accept", "application/x-www-form-urlencoded, multipart/form-data");
    }
    // Larger than what the handler takes: refused before it is asked.
    let large = "a".repeat(70_000);
    server.raw(format!(
        "POST /worker HTTP/1.1\r\nHost: h\r\nContent-Type: {URLENCODED}\r\nContent-Length: 70000\r\n\r\n{large}"
    ))
    .reply()
    .expect(413);
}

#[test]
fn a_large_file_is_read_part_by_part_while_it_arrives() {
    let (seen, sees) = mpsc::channel();
    let upload = blocking(move |request: &Request<'_>| -> Result<String, Failure> {
        let mut parts = request.multipart()?;
        let mut first = parts.next_part()?.expect("there is one");
        let note = first.read_text(100)?;
        seen.send(note).expect("the test waits");
        let mut file = parts.next_part()?.expect("there are two");
        let mut sum = 0_u64;
        let mut buffer = [0; 1000];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                count => sum += buffer[..count].iter().map(|byte| u64::from(*byte)).sum::<u64>(),
            }
        }
        Ok(sum.to_string())
    });
    let upload = upload.methods(&[Method::Post]).body_bytes_max(1 << 30).streamed();
    let server = Fixture::new().handler("/", upload).serve();
    let content = noise(3_000_000);
    let body = multipart(&content);
    let (early, late) = body.split_at(1000);
    let mut client = server.raw(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: {MULTIPART}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    client.send(early);
    // The handler has read the first part while the second one is not here yet.
    assert_eq!(sees.recv_timeout(PATIENCE).as_deref(), Ok("ä & b"));
    client.send(late);
    let sum: u64 = content.iter().map(|byte| u64::from(*byte)).sum();
    client.reply().expect(200).body(sum.to_string());
}

#[test]
fn a_form_that_breaks_off_is_an_error_with_its_reason() {
    let (seen, sees) = mpsc::channel();
    let upload = blocking(move |request: &Request<'_>| -> Result<String, RequestError> {
        seen.send("it has begun".to_owned()).expect("the test waits");
        let error = request.form().expect_err("it breaks off");
        seen.send(format!("{}: {error}", error.status().code())).expect("the test waits");
        Err(error)
    });
    let upload = upload.methods(&[Method::Post]).streamed();
    let server = Fixture::new().handler("/", upload).serve();
    for content_type in [MULTIPART, URLENCODED] {
        let mut client = server.raw(format!(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: {content_type}\r\nContent-Length: 9\r\n\r\na=1"
        ));
        assert_eq!(sees.recv_timeout(PATIENCE).as_deref(), Ok("it has begun"));
        client.finish();
        let reason = "400: the request body has broken off";
        assert_eq!(sees.recv_timeout(PATIENCE).as_deref(), Ok(reason));
    }
}

#[test]
fn what_is_wrong_with_a_request_keeps_its_status_within_other_errors() {
    let server = Fixture::new()
        .site(|site| {
            site.post("/failure", |request| -> Result<String, Failure> {
                Ok(request.form()?.required("a")?.to_owned())
            })
            .post("/io", |request| -> io::Result<String> {
                let mut parts = request.multipart()?;
                let mut file = parts.next_part()?.expect("there is one");
                io::copy(&mut file, &mut io::sink()).map(|count| count.to_string())
            })
            .post("/disk", |_| -> Result<String, RequestError> {
                Ok(std::fs::read_to_string("/nonexistent/secret")?)
            })
        })
        .serve();
    let post = |path, content_type, body: &[u8]| {
        server.request("POST", path).header("Content-Type", content_type).content(body).send()
    };
    post("/failure", URLENCODED, b"a=1").expect(200).body("1");
    post("/failure", URLENCODED, b"b=1").expect(422).body("the form has no field \"a\"\n");
    post("/failure", "text/plain", b"a=1").expect(415).has_header("Accept");
    let form = multipart(b"12345");
    post("/io", MULTIPART, &form).expect(200);
    let cut = &form[..50];
    post("/io", MULTIPART, cut).expect(400).body("the form ends before its last boundary\n");
    post("/io", URLENCODED, b"a=1").expect(415);
    // What went wrong here is not the client's business.
    let reply = post("/disk", URLENCODED, b"");
    reply.expect(500).body("the server failed to read or write\n");
}

#[cfg(feature = "json")]
mod json {
    use super::*;
    use httpd::Status;
    use serde::{Deserialize, Serialize};
    use std::collections::BTreeMap;

    #[derive(Deserialize, Serialize)]
    struct Point {
        x: i32,
        #[serde(default)]
        names: Vec<String>,
    }

    fn double(request: &Request<'_>) -> Result<Response, RequestError> {
        let point: Point = request.json()?;
        Ok(Response::json(&Point { x: 2 * point.x, ..point }).status(Status::CREATED))
    }

    #[test]
    fn json_is_read_and_written_on_workers_and_on_threads() {
        let post = &[Method::Post];
        let server = Fixture::new()
            .handler("/worker", inline(double).methods(post))
            .handler("/thread", blocking(double).methods(post).body_bytes_max(8 << 20))
            .handler("/streamed", blocking(double).methods(post).streamed())
            .serve();
        for path in ["/worker", "/thread", "/streamed"] {
            let post = |content_type: &str, body: &str| {
                server
                    .request("POST", path)
                    .header("Content-Type", content_type)
                    .content(body)
                    .send()
            };
            post("application/json", "{\"x\": 21, \"names\": [\"\\u00e4\"]}\n")
                .expect(201)
                .header("Content-Type", "application/json")
                .body("{\"x\":42,\"names\":[\"ä\"]}");
            post("application/vnd.api+json; charset=utf-8", "{\"x\": 1}").expect(201);
            for (status, body, text) in [
                (
                    400,
                    "{\"x\": 1",
                    "the body is not JSON: EOF while parsing an object at line 1 column 7\n",
                ),
                (400, "", "the body is not JSON: EOF while parsing a value at line 1 column 0\n"),
                (422, "{\"names\": []}", "missing field `x` at line 1 column 13\n"),
                (
                    422,
                    "{\n \"x\": 1,\n \"names\": [\"a\", null]}",
                    "names[1]: invalid type: null, expected a string at line 3 column 20\n",
                ),
            ] {
                post("application/json", body).expect(status).body(text);
            }
            post("text/plain", "{\"x\": 1}")
                .expect(415)
                .header("Accept", "application/json")
                .body("Content-Type must be application/json, not text/plain\n");
        }
        let names = format!("{{\"x\": 1, \"names\": [{}\"b\"]}}", "\"a\", ".repeat(1_000_000));
        let request = server.request("POST", "/thread").header("Content-Type", "application/json");
        let reply = request.content(names).send();
        assert_eq!(reply.expect(201).body.len(), 4_000_000 + "{\"x\":2,\"names\":[\"b\"]}".len());
    }

    #[test]
    fn what_cannot_be_written_as_json_is_the_programs_mistake() {
        let site =
            |site: httpd::Site| site.get("/", |_| Response::json(&BTreeMap::from([((1, 2), 3)])));
        let server = Fixture::new().site(site).serve();
        server.get("/").send().expect(500);
    }
}
