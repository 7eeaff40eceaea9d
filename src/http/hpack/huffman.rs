//! The Huffman code of strings (RFC 7541 §5.2, appendix B).
//!
//! The code is canonical: codes of one length ascend with their symbols, and follow those of the lengths before. So
//! the lengths say everything, and all tables are made of them when this is compiled.

use super::HpackError;

/// Appends what these bytes stand for.
///
/// # Errors
/// If there is an EOS in them, or their last bits are no padding: fewer than eight ones.
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) -> Result<(), HpackError> {
    // The shortest code has five bits.
    out.reserve(input.len() * 8 / 5 + 1);
    let mut rest = input;
    // The next bits, from the uppermost on, and how many there are. Zeros follow.
    let (mut bits, mut count) = (0_u64, 0_u32);
    loop {
        if let Some((word, after)) = rest.split_first_chunk::<4>() {
            bits |= u64::from(u32::from_be_bytes(*word)) << (32 - count);
            count += 32;
            rest = after;
        } else {
            for &byte in rest {
                bits |= u64::from(byte) << (56 - count);
                count += 8;
            }
            rest = &[];
        }
        if count < BITS_MAX {
            break;
        }
        while count >= BITS_MAX {
            let (symbol, length) = first(bits).ok_or(EOS)?;
            out.push(symbol);
            bits <<= length;
            count -= length;
        }
    }
    while let Some((symbol, length)) = first(bits)
        && length <= count
    {
        out.push(symbol);
        bits <<= length;
        count -= length;
    }
    let padding = if count == 0 { 0 } else { u64::MAX << (64 - count) };
    if count < 8 && bits == padding { Ok(()) } else { Err(HpackError("bad padding of a string")) }
}

/// The symbol of the first code, and the length of that. `None`: it is EOS.
#[inline]
fn first(bits: u64) -> Option<(u8, u32)> {
    let [symbol, length] = SHORT[(bits >> (64 - SHORT_BITS)) as usize].to_be_bytes();
    if length != 0 {
        return Some((symbol, u32::from(length)));
    }
    let window = (bits >> 32) as u32;
    let length = (SHORT_BITS + 1..=BITS_MAX).find(|&length| window < ENDS[length as usize])?;
    let code = window >> (32 - length);
    let place = code - FIRSTS[length as usize] + u32::from(PLACES[length as usize]);
    SORTED.get(place as usize).map(|&symbol| (symbol, length))
}

/// How many bytes these are once they are encoded.
pub(super) fn encoded_length(bytes: &[u8]) -> usize {
    let bits: usize = bytes.iter().map(|&byte| usize::from(LENGTHS[usize::from(byte)])).sum();
    bits.div_ceil(8)
}

/// Appends these bytes, encoded.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let (mut bits, mut count) = (0_u64, 0_u32);
    for &byte in bytes {
        let length = u32::from(LENGTHS[usize::from(byte)]);
        bits = bits << length | u64::from(CODES[usize::from(byte)]);
        count += length;
        if count >= 32 {
            count -= 32;
            out.extend_from_slice(&((bits >> count) as u32).to_be_bytes());
        }
    }
    // Ones up to the end of the last byte, which are the beginning of EOS.
    let padding = count.next_multiple_of(8) - count;
    bits = bits << padding | ((1 << padding) - 1);
    count += padding;
    while count > 0 {
        count -= 8;
        out.push((bits >> count) as u8);
    }
}

const EOS: HpackError = HpackError("EOS in a string");

/// The length of the longest codes, EOS among them.
const BITS_MAX: u32 = 30;

/// Codes up to this length are found in one table. All that are usual in headers are that short.
const SHORT_BITS: u32 = 10;

/// How long the code of each symbol is. EOS has 30 bits.
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// The code of each symbol, in its lowermost bits.
const CODES: [u32; 256] = {
    let mut codes = [0; 256];
    let mut code = 0;
    let mut length = 1;
    while length <= BITS_MAX {
        let mut symbol = 0;
        while symbol < 256 {
            if LENGTHS[symbol] as u32 == length {
                codes[symbol] = code;
                code += 1;
            }
            symbol += 1;
        }
        code <<= 1;
        length += 1;
    }
    codes
};

/// By the first bits: the symbol of the short code that they begin with, and its length; 0 for a longer one.
static SHORT: [u16; 1 << SHORT_BITS] = {
    let mut table = [0; 1 << SHORT_BITS];
    let mut symbol = 0;
    while symbol < 256 {
        let length = LENGTHS[symbol] as u32;
        if length <= SHORT_BITS {
            let free = SHORT_BITS - length;
            let begin = (CODES[symbol] << free) as usize;
            let mut place = begin;
            while place < begin + (1 << free) {
                table[place] = (symbol as u16) << 8 | length as u16;
                place += 1;
            }
        }
        symbol += 1;
    }
    table
};

/// The symbols in the order of their codes.
static SORTED: [u8; 256] = {
    let mut sorted = [0; 256];
    let mut place = 0;
    let mut length = 1;
    while length <= BITS_MAX {
        let mut symbol = 0;
        while symbol < 256 {
            if LENGTHS[symbol] as u32 == length {
                sorted[place] = symbol as u8;
                place += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    sorted
};

/// For each length: the first code, where its symbol is in [`SORTED`], and what the first 32 bits are below if they
/// begin with a code that is no longer.
const BY_LENGTH: [(u32, u8, u32); BITS_MAX as usize + 1] = {
    let mut table = [(0, 0, 0); BITS_MAX as usize + 1];
    let (mut code, mut place) = (0_u32, 0);
    let mut length = 1;
    while length <= BITS_MAX {
        let first = code;
        let first_place = place;
        let mut symbol = 0;
        while symbol < 256 {
            if LENGTHS[symbol] as u32 == length {
                code += 1;
                place += 1;
            }
            symbol += 1;
        }
        table[length as usize] = (first, first_place as u8, code << (32 - length));
        code <<= 1;
        length += 1;
    }
    table
};

static FIRSTS: [u32; BITS_MAX as usize + 1] = {
    let mut firsts = [0; BITS_MAX as usize + 1];
    let mut length = 0;
    while length < firsts.len() {
        firsts[length] = BY_LENGTH[length].0;
        length += 1;
    }
    firsts
};

static PLACES: [u8; BITS_MAX as usize + 1] = {
    let mut places = [0; BITS_MAX as usize + 1];
    let mut length = 0;
    while length < places.len() {
        places[length] = BY_LENGTH[length].1;
        length += 1;
    }
    places
};

static ENDS: [u32; BITS_MAX as usize + 1] = {
    let mut ends = [0; BITS_MAX as usize + 1];
    let mut length = 0;
    while length < ends.len() {
        ends[length] = BY_LENGTH[length].2;
        length += 1;
    }
    ends
};

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(input: &[u8]) -> Result<Vec<u8>, HpackError> {
        let mut out = Vec::new();
        decode(input, &mut out).map(|()| out)
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (symbol, code, length) in [
            (0, 0x1ff8, 13),
            (b'\n', 0x3fff_fffc, 30),
            (b' ', 0x14, 6),
            (b'0', 0, 5),
            (b'<', 0x7ffc, 15),
            (b'\\', 0x7fff0, 19),
            (b'~', 0x1ffd, 13),
            (128, 0xfffe6, 20),
            (254, 0x7ff_fff0, 27),
            (249, 0xfff_fffe, 28),
            (255, 0x3ff_ffee, 26),
        ] {
            let place = usize::from(symbol);
            assert_eq!((CODES[place], LENGTHS[place]), (code, length), "{symbol}");
        }
    }

    #[test]
    fn every_symbol_survives_at_every_place_of_a_byte() {
        for symbol in 0..=255 {
            for before in 0..8 {
                let text = [&b"0".repeat(before), &[symbol][..], b"a"].concat();
                let mut out = Vec::new();
                encode(&text, &mut out);
                assert_eq!(out.len(), encoded_length(&text));
                assert_eq!(decoded(&out), Ok(text));
            }
        }
    }

    #[test]
    fn long_strings_survive() {
        for length in 0..600 {
            let text: Vec<u8> = (0..length).map(|number| (number * number / 7) as u8).collect();
            let mut out = Vec::new();
            encode(&text, &mut out);
            assert_eq!(decoded(&out), Ok(text));
        }
    }

    #[test]
    fn padding_is_fewer_than_eight_ones() {
        // `0` has five zeros.
        assert_eq!(decoded(&[0b0000_0111]), Ok(b"0".to_vec()));
        for bad in [0b0000_0110, 0b0000_0011, 0b0000_0101] {
            assert!(decoded(&[bad]).is_err(), "{bad:b}");
        }
        assert!(decoded(&[0b0000_0111, 0xff]).is_err(), "eleven ones");
        assert!(decoded(&[0xff]).is_err(), "eight ones");
        assert_eq!(decoded(b""), Ok(Vec::new()));
    }

    #[test]
    fn eos_is_refused_wherever_it_stands() {
        assert!(decoded(&[0xff; 4]).is_err());
        assert!(decoded(&[0xff; 40]).is_err());
        for before in 0..20 {
            let mut bits = "00000".repeat(before) + &"1".repeat(30);
            bits += &"1".repeat(bits.len().next_multiple_of(8) - bits.len());
            let bytes: Vec<u8> = bits
                .as_bytes()
                .chunks(8)
                .map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | (bit - b'0')))
                .collect();
            assert!(decoded(&bytes).is_err(), "{before}");
        }
    }
}
