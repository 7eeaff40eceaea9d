//! RFC 9110 §9.3.3 to §9.3.5: changes of files, where they are switched on.

use super::origin::{Origin, expect_open, request};
use crate::support::Reply;

fn put(origin: &Origin, target: &str, headers: &[&str], content: &str) -> Reply {
    let length = format!("Content-Length: {}", content.len());
    origin.ask(request("PUT", target, &[headers, &[&length]].concat()) + content)
}

#[test]
fn a_put_is_201_where_it_made_a_file_and_204_where_it_replaced_one() {
    let origin = Origin::new();
    put(&origin, "/open/new.txt", &[], "one").expect(201).header("Location", "/open/new.txt");
    put(&origin, "/open/new.txt", &[], "two").expect(204);
    origin.get("/open/new.txt", &[]).expect(200).body("two");
}

#[test]
fn the_tag_in_the_answer_to_a_put_is_that_of_what_was_sent() {
    let origin = Origin::new();
    for content in ["one", "two\r\n", ""] {
        let tag = put(&origin, "/open/new.txt", &[], content).etag();
        assert!(tag.starts_with('"'), "it is strong: {tag}");
        assert_eq!(origin.get("/open/new.txt", &[]).body(content).etag(), tag);
    }
}

#[test]
fn a_put_of_a_part_is_400() {
    let origin = Origin::new();
    put(&origin, "/open/small.txt", &["Content-Range: bytes 0-2/6"], "SMA").expect(400);
    origin.get("/open/small.txt", &[]).expect(200).body("small\n");
}

#[test]
fn a_body_in_a_coding_is_415_and_the_response_names_those_accepted() {
    let origin = Origin::new();
    let reply = put(&origin, "/open/small.txt", &["Content-Encoding: gzip"], "zip");
    reply.expect(415).header("Accept-Encoding", "identity");
}

#[test]
fn a_put_without_a_length_is_411() {
    let origin = Origin::new();
    origin.ask(request("PUT", "/open/small.txt", &[])).expect(411);
    origin.ask("PUT /open/small.txt HTTP/1.0\r\n\r\n").expect(411);
    origin.get("/open/small.txt", &[]).expect(200).body("small\n");
}

#[test]
fn a_delete_is_204_and_then_404() {
    let origin = Origin::new();
    origin.ask(request("DELETE", "/open/small.txt", &[])).expect(204);
    origin.ask(request("DELETE", "/open/small.txt", &[])).expect(404);
    origin.get("/open/small.txt", &[]).expect(404);
}

#[test]
fn a_form_that_made_a_file_is_201_with_its_location() {
    let origin = Origin::new();
    let form = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"new.txt\"\r\n\r\n\
                it\r\n--b--\r\n";
    let length = format!("Content-Length: {}", form.len());
    let headers = ["Content-Type: multipart/form-data; boundary=b", &length];
    let reply = origin.ask(request("POST", "/open/", &headers) + form);
    reply.expect(201).header("Location", "/open/new.txt");
    origin.get("/open/new.txt", &[]).expect(200).body("it");
}

#[test]
fn a_body_of_a_type_that_is_not_accepted_is_415_and_the_response_names_the_types() {
    let origin = Origin::new();
    let headers = ["Content-Type: text/plain", "Content-Length: 2"];
    let reply = origin.ask(request("POST", "/open/", &headers) + "it");
    reply.expect(415).header("Accept", "multipart/form-data");
}

#[test]
fn no_change_is_made_whose_preconditions_are_false() {
    let origin = Origin::new();
    let date = "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT";
    for headers in [&["If-Match: \"x\""][..], &["If-None-Match: *"], &[date]] {
        put(&origin, "/open/small.txt", headers, "new").expect(412);
        origin.ask(request("DELETE", "/open/small.txt", headers)).expect(412);
    }
    put(&origin, "/open/none.txt", &["If-Match: *"], "new").expect(412);
    origin.get("/open/small.txt", &[]).expect(200).body("small\n");
    origin.get("/open/none.txt", &[]).expect(404);
}

#[test]
fn preconditions_make_no_other_error_of_a_change_that_cannot_be() {
    let origin = Origin::new();
    put(&origin, "/open/none/a.txt", &["If-Match: \"x\""], "new").expect(409);
    put(&origin, "/open/folder", &["If-Match: \"x\""], "new").expect(409);
    origin.ask(request("DELETE", "/open/none.txt", &["If-Match: \"x\""])).expect(404);
}

#[test]
fn a_client_that_got_100_gets_its_final_response() {
    let origin = Origin::new();
    let mut client = origin.connect();
    let headers = ["Content-Length: 5", "Expect: 100-continue"];
    client.send(request("PUT", "/open/new.txt", &headers));
    assert_eq!(client.interim(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("12345");
    client.reply().expect(201);
    expect_open(&mut client);
}
