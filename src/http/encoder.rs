//! Encodes bytes in a content coding (RFC 9110 §8.4.1): all of them at once, or piece by piece as they come.
//!
//! Pure: bytes in, bytes out. It takes its time, so a thread does it. It must never know what the bytes are.

use super::Coding;
#[cfg(feature = "compression")]
use std::io::{self, Write};

/// How much time an encoding may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// About as long as sending takes: somebody waits.
    Fast,
    /// As long as it takes to become small: it is sent often.
    Best,
}

/// Encodes bytes that come piece by piece. All that was put in so far can be decoded from what came out.
#[cfg(feature = "compression")]
pub(crate) struct Encoder(Kind);

#[cfg(feature = "compression")]
enum Kind {
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Gzip(Box<flate2::write::GzEncoder<Vec<u8>>>),
}

#[cfg(feature = "compression")]
impl Encoder {
    /// An encoder at the beginning of a body.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(crate) fn new(coding: Coding) -> io::Result<Encoder> {
        Ok(Encoder(match coding {
            Coding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_FAST)?;
                encoder.window_log(WINDOW_BITS)?;
                Kind::Zstd(encoder)
            }
            Coding::Brotli => Kind::Brotli(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                BUFFER_BYTES,
                BROTLI_FAST,
                WINDOW_BITS,
            ))),
            Coding::Gzip => Kind::Gzip(Box::new(flate2::write::GzEncoder::new(
                Vec::new(),
                flate2::Compression::new(GZIP_FAST),
            ))),
        }))
    }

    /// Puts a piece in, and returns what a client needs to decode it.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(crate) fn encode(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        let writer = self.writer();
        writer.write_all(piece)?;
        writer.flush()?;
        Ok(std::mem::take(match &mut self.0 {
            Kind::Zstd(encoder) => encoder.get_mut(),
            Kind::Brotli(encoder) => encoder.get_mut(),
            Kind::Gzip(encoder) => encoder.get_mut(),
        }))
    }

    /// Puts the last piece in, which may be empty, and returns what is left.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub(crate) fn finish(mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        self.writer().write_all(piece)?;
        match self.0 {
            Kind::Zstd(encoder) => encoder.finish(),
            Kind::Brotli(encoder) => Ok(encoder.into_inner()),
            Kind::Gzip(encoder) => encoder.finish(),
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match &mut self.0 {
            Kind::Zstd(encoder) => encoder,
            Kind::Brotli(encoder) => encoder,
            Kind::Gzip(encoder) => encoder,
        }
    }
}

/// All of these bytes, encoded.
///
/// # Errors
/// If there is no memory for it.
#[cfg(feature = "compression")]
pub(crate) fn encode(bytes: &[u8], coding: Coding, effort: Effort) -> io::Result<Vec<u8>> {
    let is_fast = effort == Effort::Fast;
    match coding {
        Coding::Zstd => zstd::bulk::compress(bytes, if is_fast { ZSTD_FAST } else { ZSTD_BEST }),
        Coding::Brotli => {
            let params = brotli::enc::BrotliEncoderParams {
                quality: if is_fast { BROTLI_FAST as i32 } else { BROTLI_BEST as i32 },
                size_hint: bytes.len(),
                ..Default::default()
            };
            let room = Vec::with_capacity(bytes.len() / 4);
            let mut encoder = brotli::CompressorWriter::with_params(room, BUFFER_BYTES, &params);
            encoder.write_all(bytes)?;
            Ok(encoder.into_inner())
        }
        Coding::Gzip => {
            let level = if is_fast { GZIP_FAST } else { GZIP_BEST };
            let room = Vec::with_capacity(bytes.len() / 4);
            let mut encoder = flate2::write::GzEncoder::new(room, flate2::Compression::new(level));
            encoder.write_all(bytes)?;
            encoder.finish()
        }
    }
}

/// The same where nothing can be encoded: nobody can ask for it then.
#[cfg(not(feature = "compression"))]
mod without {
    use super::{Coding, Effort};
    use std::io;

    pub(crate) enum Encoder {}

    impl Encoder {
        pub(crate) fn new(_: Coding) -> io::Result<Encoder> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn encode(&mut self, _: &[u8]) -> io::Result<Vec<u8>> {
            match *self {}
        }

        pub(crate) fn finish(self, _: &[u8]) -> io::Result<Vec<u8>> {
            match self {}
        }
    }

    pub(crate) fn encode(_: &[u8], _: Coding, _: Effort) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(not(feature = "compression"))]
pub(crate) use without::{Encoder, encode};

// For a page of 100 KB, the fast levels take 1.1 ms (gzip), 2.8 ms (brotli) and 1.0 ms (zstd) of a CPU, and leave 33.4,
// 32.0 and 32.9 KB of it. Lower ones save less than they cost: brotli 4 and zstd 3 leave more than gzip does.
#[cfg(feature = "compression")]
const GZIP_FAST: u32 = 5;
#[cfg(feature = "compression")]
const GZIP_BEST: u32 = 9;
#[cfg(feature = "compression")]
const BROTLI_FAST: u32 = 5;
#[cfg(feature = "compression")]
const BROTLI_BEST: u32 = 11;
#[cfg(feature = "compression")]
const ZSTD_FAST: i32 = 6;
/// The highest level whose window browsers accept: 8 MiB (RFC 9659).
#[cfg(feature = "compression")]
const ZSTD_BEST: i32 = 19;

/// What an encoder of a stream looks back at, so that many streams fit into memory: 256 KiB.
#[cfg(feature = "compression")]
const WINDOW_BITS: u32 = 18;

/// How much is handed on to an encoder at a time.
#[cfg(feature = "compression")]
const BUFFER_BYTES: usize = 16 * 1024;

#[cfg(test)]
/// Words as in a language: more effort makes it smaller.
pub(crate) fn sample_text(words: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let number = state >> 40;
        format!("{:x} ", (number % 4096).isqrt() * 40_503 % 65_537)
    };
    std::iter::repeat_with(word).take(words).collect::<String>().into_bytes()
}

#[cfg(feature = "compression")]
#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// What these bytes are when they are decoded, as far as they go.
    fn decoded(bytes: &[u8], coding: Coding) -> Vec<u8> {
        let mut out = Vec::new();
        let mut room = vec![0; 4096];
        let mut reader: Box<dyn Read> = match coding {
            Coding::Zstd => {
                Box::new(zstd::stream::read::Decoder::new(bytes).expect("it is a frame"))
            }
            Coding::Brotli => Box::new(brotli::Decompressor::new(bytes, 4096)),
            Coding::Gzip => Box::new(flate2::read::GzDecoder::new(bytes)),
        };
        // At its end, a body that is not complete is an error.
        while let Ok(count @ 1..) = reader.read(&mut room) {
            out.extend_from_slice(&room[..count]);
        }
        out
    }

    #[test]
    fn what_is_encoded_can_be_decoded_and_the_best_is_smaller() {
        let text = sample_text(4_000);
        for coding in Coding::ALL {
            let [fast, best] = [Effort::Fast, Effort::Best]
                .map(|effort| encode(&text, coding, effort).expect("there is memory"));
            assert_eq!(decoded(&fast, coding), text);
            assert_eq!(decoded(&best, coding), text);
            let lengths = [best.len(), fast.len(), text.len() * 2 / 3];
            assert!(lengths.is_sorted() && best.len() < fast.len(), "{coding:?}: {lengths:?}");
            let nothing = encode(b"", coding, Effort::Fast).expect("there is memory");
            assert_eq!(decoded(&nothing, coding), b"");
        }
    }

    #[test]
    fn each_piece_can_be_decoded_as_soon_as_it_is_here() {
        for coding in Coding::ALL {
            let mut encoder = Encoder::new(coding).expect("there is memory");
            let (mut plain, mut encoded) = (Vec::new(), Vec::new());
            for piece in [&b"a"[..], b"bcd", b"", &[b'e'; 100_000], b"f\n"] {
                plain.extend_from_slice(piece);
                encoded.extend(encoder.encode(piece).expect("there is memory"));
                assert_eq!(decoded(&encoded, coding), plain, "{coding:?}");
            }
            encoded.extend(encoder.finish(b"end").expect("there is memory"));
            plain.extend_from_slice(b"end");
            assert_eq!(decoded(&encoded, coding), plain, "{coding:?}");
            let nothing = Encoder::new(coding).expect("there is memory").finish(b"");
            assert_eq!(decoded(&nothing.expect("there is memory"), coding), b"", "{coding:?}");
        }
    }
}
