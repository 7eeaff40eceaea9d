//! Bodies in a content coding, decoded.

use super::Reply;
use std::io::Read;

/// What a body is when it is decoded by its `Content-Encoding`, which has to be complete.
#[track_caller]
pub fn decoded(reply: &Reply) -> Vec<u8> {
    let (bytes, is_whole) = decoded_so_far(reply.value("Content-Encoding"), &reply.body);
    assert!(is_whole, "the body is cut off");
    bytes
}

/// What can be decoded of the beginning of a body, and whether that is all of it.
pub fn decoded_so_far(coding: &str, body: &[u8]) -> (Vec<u8>, bool) {
    let mut reader: Box<dyn Read + '_> = match coding {
        "" => Box::new(body),
        "zstd" => Box::new(zstd::stream::read::Decoder::new(body).expect("there is memory")),
        "br" => Box::new(brotli::Decompressor::new(body, 4096)),
        "gzip" => Box::new(flate2::read::GzDecoder::new(body)),
        other => panic!("nobody has asked for {other:?}"),
    };
    let (mut bytes, mut room) = (Vec::new(), [0; 4096]);
    loop {
        match reader.read(&mut room) {
            Ok(0) => return (bytes, true),
            Ok(count) => bytes.extend_from_slice(&room[..count]),
            Err(_) => return (bytes, false),
        }
    }
}
