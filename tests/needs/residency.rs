//! What the kernel says about which pages of a file it has in memory. Some file systems do not let it.

use crate::support::{Fixture, lacks, noise};
use std::fs::File;
use std::io::Write;

const LENGTH: usize = 60_000_000;

fn a_file_that_grows_while_it_is_sent_keeps_its_first_length() {
    let server = Fixture::new().file("large.bin", noise(LENGTH)).serve();
    let mut client = server.raw("GET /large.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    client.reply_head("GET").expect(200);
    let mut content = client.read(100_000).expect("content comes");
    let path = server.root().join("large.bin");
    let mut file = File::options().append(true).open(path).expect("it is there");
    file.write_all(&[b'#'; 1000]).expect("there is room");
    content.extend(client.finish().rest().0);
    assert!(content == noise(LENGTH), "{} bytes came", content.len());
    let reply = server.head("/large.bin").send();
    reply.expect(200).header("Content-Length", &(LENGTH + 1000).to_string());
}

tests! {
    lacks::residency: a_file_that_grows_while_it_is_sent_keeps_its_first_length,
}
