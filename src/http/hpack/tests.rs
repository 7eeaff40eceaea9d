//! The examples of RFC 7541 appendix C, and that what is encoded is decoded again.

use super::{Decoder, Encoder, HpackError, Indexing, TABLE_BYTES_USUAL};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, HpackError> {
    let mut fields = Vec::new();
    let each = |name: &[u8], value: &[u8]| fields.push((name.to_vec(), value.to_vec()));
    decoder.decode(block, &mut Vec::new(), each)?;
    Ok(fields)
}

fn owned(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect()
}

fn encode(encoder: &mut Encoder, fields: &Fields, indexing: Indexing) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.begin(&mut out);
    for (name, value) in fields {
        encoder.field(&mut out, name, value, indexing);
    }
    out
}

const REQUESTS: [&[(&str, &str)]; 3] = [
    &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")],
    &[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
        ("cache-control", "no-cache"),
    ],
    &[
        (":method", "GET"),
        (":scheme", "https"),
        (":path", "/index.html"),
        (":authority", "www.example.com"),
        ("custom-key", "custom-value"),
    ],
];

const RESPONSES: [&[(&str, &str)]; 3] = [
    &[
        (":status", "302"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    &[
        (":status", "307"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ],
    &[
        (":status", "200"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        ("location", "https://www.example.com"),
        ("content-encoding", "gzip"),
        ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ],
];

/// C.3 and C.4.
const REQUEST_BLOCKS: [[&str; 3]; 2] = [
    [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ],
    [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ],
];

/// C.5 and C.6.
const RESPONSE_BLOCKS: [[&str; 3]; 2] = [
    [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a \
         3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 \
         677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 \
         553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
    ],
    [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e \
         919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 \
         821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed \
         4ee5 b106 3d50 07",
    ],
];

#[test]
fn the_fields_of_the_rfc_are_read_one_by_one() {
    for (block, name, value) in [
        (
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            "custom-key",
            "custom-header",
        ),
        ("040c 2f73 616d 706c 652f 7061 7468", ":path", "/sample/path"),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password", "secret"),
        ("82", ":method", "GET"),
    ] {
        let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
        assert_eq!(decode(&mut decoder, &hex(block)), Ok(owned(&[(name, value)])));
        let is_kept = decode(&mut decoder, &[0xbe]).is_ok();
        assert_eq!(is_kept, value == "custom-header", "{name}");
    }
}

#[test]
fn the_requests_and_responses_of_the_rfc_are_read() {
    for blocks in REQUEST_BLOCKS {
        let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
        for (block, fields) in blocks.iter().zip(REQUESTS) {
            assert_eq!(decode(&mut decoder, &hex(block)), Ok(owned(fields)));
        }
    }
    for blocks in RESPONSE_BLOCKS {
        let mut decoder = Decoder::new(256);
        for (block, fields) in blocks.iter().zip(RESPONSES) {
            assert_eq!(decode(&mut decoder, &hex(block)), Ok(owned(fields)));
        }
    }
}

#[test]
fn the_requests_and_responses_of_the_rfc_are_written() {
    let mut encoder = Encoder::new(TABLE_BYTES_USUAL);
    for (block, fields) in REQUEST_BLOCKS[1].iter().zip(REQUESTS) {
        assert_eq!(encode(&mut encoder, &owned(fields), Indexing::Kept), hex(block));
    }
    let mut encoder = Encoder::new(256);
    for (block, fields) in RESPONSE_BLOCKS[1].iter().zip(RESPONSES) {
        assert_eq!(encode(&mut encoder, &owned(fields), Indexing::Kept), hex(block));
    }
}

#[test]
fn a_block_that_is_cut_anywhere_is_broken_or_ends_between_two_fields() {
    for blocks in REQUEST_BLOCKS {
        let mut before: Vec<Vec<u8>> = Vec::new();
        for (block, fields) in blocks.iter().zip(REQUESTS) {
            let block = hex(block);
            for cut in 0..block.len() {
                let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
                for earlier in &before {
                    decode(&mut decoder, earlier).expect("it is whole");
                }
                if let Ok(some) = decode(&mut decoder, &block[..cut]) {
                    assert_eq!(some, owned(&fields[..some.len()]), "{cut}");
                }
            }
            before.push(block);
        }
    }
}

#[test]
fn an_index_that_names_no_field_is_refused() {
    for block in ["80", "be", "ff00", "7f 00 00", "0f 30 00", "ff ff ff ff 7f", "00", "40 01 61"] {
        let decoded = decode(&mut Decoder::new(TABLE_BYTES_USUAL), &hex(block));
        assert!(decoded.is_err(), "{block}: {decoded:?}");
    }
}

#[test]
fn the_size_of_the_table_changes_at_the_beginning_of_a_block_only_and_within_bounds() {
    let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
    assert!(decode(&mut decoder, &hex("400161 0162")).is_ok());
    assert!(decode(&mut decoder, &hex("be")).is_ok());
    assert_eq!(decode(&mut decoder, &hex("20 3fe11f be")), Err(HpackError("an index of no field")));
    for (block, is_taken) in [
        ("3fe11f 82", true),
        ("3fe21f 82", false),
        ("20 3fe11f", true),
        ("20 20 20", false),
        ("82 20", false),
        ("", true),
    ] {
        let decoded = decode(&mut Decoder::new(TABLE_BYTES_USUAL), &hex(block));
        assert_eq!(decoded.is_ok(), is_taken, "{block}: {decoded:?}");
    }
}

#[test]
fn a_client_with_a_smaller_table_is_told_the_smallest_and_the_last_size() {
    let mut encoder = Encoder::new(TABLE_BYTES_USUAL);
    encoder.bound(100_000);
    assert_eq!(encode(&mut encoder, &Fields::new(), Indexing::Kept), b"", "4096 is enough");
    encoder.bound(0);
    encoder.bound(64);
    assert_eq!(encode(&mut encoder, &Fields::new(), Indexing::Kept), hex("20 3f21"));
    encoder.bound(4096);
    assert_eq!(encode(&mut encoder, &Fields::new(), Indexing::Kept), hex("3fe11f"));
    encoder.bound(0);
    let field = owned(&[("x-field", "value")]);
    let block = encode(&mut encoder, &field, Indexing::Kept);
    let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
    assert_eq!(decode(&mut decoder, &block), Ok(field));
    assert!(decode(&mut decoder, &[0xbe]).is_err(), "nothing is kept in no room");
}

#[test]
fn a_secret_is_never_kept() {
    let mut encoder = Encoder::new(TABLE_BYTES_USUAL);
    let field = owned(&[("set-cookie", "session=1")]);
    let first = encode(&mut encoder, &field, Indexing::Never);
    assert_eq!(first[0] & 0xf0, 0x10);
    assert_eq!(encode(&mut encoder, &field, Indexing::Never), first);
    let known = encode(&mut encoder, &owned(&[(":method", "GET")]), Indexing::Never);
    assert_eq!(known[0] & 0xf0, 0x10, "not even a field of the static table is named by its index");
}

/// Random lists, by a sequence of numbers that is always the same.
#[test]
fn what_is_encoded_is_decoded_again() {
    let mut seed: u64 = 7;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let names = ["date", "etag", "x-a", "cache-control", ":status", "x-longer-name", "set-cookie"];
    for _ in 0..200 {
        let size = [0, 40, 100, 256, 4096][random(5)];
        let mut encoder = Encoder::new(size);
        let mut decoder = Decoder::new(TABLE_BYTES_USUAL);
        decode(&mut decoder, &resized(size)).expect("it is within bounds");
        for _ in 0..20 {
            if random(4) == 0 {
                encoder.bound(random(5000));
                if random(2) == 0 {
                    encoder.bound(random(200));
                }
            }
            let mut out = Vec::new();
            encoder.begin(&mut out);
            let mut expected = Vec::new();
            for _ in 0..random(12) {
                let name = names[random(names.len())].as_bytes().to_vec();
                let length = [0, 1, 5, 30, 300][random(5)];
                let value: Vec<u8> = match random(3) {
                    0 => b"200".to_vec(),
                    1 => vec![b'a' + random(3) as u8; length],
                    _ => (0..length).map(|_| random(256) as u8).collect(),
                };
                let indexing = [Indexing::Kept, Indexing::NotKept, Indexing::Never][random(3)];
                encoder.field(&mut out, &name, &value, indexing);
                expected.push((name, value));
            }
            assert_eq!(decode(&mut decoder, &out), Ok(expected));
        }
    }
}

/// A block that gives the table this size.
fn resized(size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    super::integer::write(&mut out, 0x20, 5, size);
    out
}
