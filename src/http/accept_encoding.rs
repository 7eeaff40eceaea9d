//! Which content coding a client gets, by its `Accept-Encoding` (RFC 9110 §12.5.3).

use super::weight::{self, WEIGHT_MAX};

/// A content coding that a representation may have (RFC 9110 §8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coding {
    /// `zstd` (RFC 8878).
    Zstd,
    /// `br` (RFC 7932).
    Brotli,
    /// `gzip` (RFC 1952).
    Gzip,
}

impl Coding {
    /// All of them, in the order in which this server prefers them.
    pub(crate) const ALL: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

    /// As it stands in `Content-Encoding`.
    pub(crate) fn token(self) -> &'static str {
        match self {
            Coding::Zstd => "zstd",
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
        }
    }

    /// Names are case-insensitive, and `x-gzip` is the same as `gzip` (RFC 9110 §8.4.1.3).
    fn recognise(name: &[u8]) -> Option<Coding> {
        let is = |token: &str| name.eq_ignore_ascii_case(token.as_bytes());
        match name.len() {
            2 if is("br") => Some(Coding::Brotli),
            4 if is("gzip") => Some(Coding::Gzip),
            4 if is("zstd") => Some(Coding::Zstd),
            6 if is("x-gzip") => Some(Coding::Gzip),
            _ => None,
        }
    }
}

/// How much a client likes each coding, in thousandths. What it does not accept has the weight 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AcceptedCodings {
    /// In the order of [`Coding::ALL`].
    codings: [u16; Coding::ALL.len()],
    /// 0 also where the client says nothing of it: then every coding that it accepts is better.
    identity: u16,
}

impl AcceptedCodings {
    /// A client that says nothing, or accepts nothing, gets what is not encoded.
    pub(crate) const NONE: AcceptedCodings =
        AcceptedCodings { codings: [0; Coding::ALL.len()], identity: 0 };

    /// Those that this header states. An element that breaks the grammar counts as a refusal of its coding, and
    /// of several for one coding the one with the lowest weight counts: then no client gets what it cannot read.
    pub(crate) fn of(accept_encoding: &[u8]) -> AcceptedCodings {
        let usual = USUAL.iter().find(|(value, _)| *value == accept_encoding);
        usual.map_or_else(|| AcceptedCodings::parse(accept_encoding), |(_, codings)| *codings)
    }

    fn parse(accept_encoding: &[u8]) -> AcceptedCodings {
        let mut codings = [None; Coding::ALL.len()];
        let (mut identity, mut others) = (None, None);
        // No element holds a quoted string, so each comma ends one.
        for element in accept_encoding.split(|&byte| byte == b',') {
            let element = element.trim_ascii();
            // They are too short for a search of many bytes at once.
            let (name, weight) = match element.iter().position(|&byte| byte == b';') {
                None => (element, WEIGHT_MAX),
                Some(end) => (element[..end].trim_ascii_end(), stated_weight(&element[end + 1..])),
            };
            let slot = match Coding::recognise(name) {
                Some(coding) => &mut codings[coding as usize],
                None if name == b"*" => &mut others,
                None if name.eq_ignore_ascii_case(b"identity") => &mut identity,
                None => continue,
            };
            *slot = Some(slot.unwrap_or(WEIGHT_MAX).min(weight));
        }
        let others = others.unwrap_or(0);
        AcceptedCodings {
            codings: codings.map(|weight| weight.unwrap_or(others)),
            identity: identity.unwrap_or(others),
        }
    }

    /// The coding to send among those that are there; `None` is identity. The client's weights decide, and
    /// among equals the order of [`Coding::ALL`].
    ///
    /// Identity is always there, and is sent where nothing is acceptable, even if it is not either: the RFC
    /// allows that, and clients can do more with it than with 406.
    pub(crate) fn choose(&self, is_there: impl Fn(Coding) -> bool) -> Option<Coding> {
        self.choose_among(Coding::ALL.into_iter().filter(|&coding| is_there(coding)))
    }

    /// The same among these, of which the first wins among equals.
    pub(crate) fn choose_among(&self, codings: impl Iterator<Item = Coding>) -> Option<Coding> {
        let mut best = (None, self.identity);
        for coding in codings {
            let weight = self.weight(coding);
            let is_better = weight > best.1 || best.0.is_none() && weight == best.1;
            if weight > 0 && is_better {
                best = (Some(coding), weight);
            }
        }
        best.0
    }

    /// How much the client likes this coding, in thousandths; 0 if it does not accept it.
    pub(crate) fn weight(&self, coding: Coding) -> u16 {
        self.codings[coding as usize]
    }
}

/// The weight that the parameters of an element state; 0 for one that is broken.
fn stated_weight(parameters: &[u8]) -> u16 {
    weight::of_parameter(parameters.trim_ascii()).flatten().unwrap_or(0)
}

/// What nearly all browsers send, and what it means.
const USUAL: [(&[u8], AcceptedCodings); 3] = [
    (b"gzip, deflate, br, zstd", AcceptedCodings { codings: [WEIGHT_MAX; 3], identity: 0 }),
    (b"gzip, deflate, br", AcceptedCodings { codings: [0, WEIGHT_MAX, WEIGHT_MAX], identity: 0 }),
    (b"gzip, deflate", AcceptedCodings { codings: [0, 0, WEIGHT_MAX], identity: 0 }),
];

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip, Zstd};
    use super::*;

    fn chosen(value: &str, there: &[Coding]) -> Option<Coding> {
        AcceptedCodings::of(value.as_bytes()).choose(|coding| there.contains(&coding))
    }

    #[test]
    fn the_heaviest_coding_that_is_there_is_sent() {
        for (value, expected) in [
            ("gzip", Some(Gzip)),
            ("GZip", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("br", Some(Brotli)),
            ("zstd", Some(Zstd)),
            ("gzip, deflate, br, zstd", Some(Zstd)),
            ("gzip, deflate, br", Some(Brotli)),
            ("gzip, deflate", Some(Gzip)),
            ("deflate, compress", None),
            ("gzip;q=0.9, br;q=0.8, zstd;q=0.1", Some(Gzip)),
            ("gzip;q=0.001, br;q=0.002", Some(Brotli)),
            ("br;q=0.80, gzip ; Q=0.801", Some(Gzip)),
            ("br;q=1.000,gzip;q=1.", Some(Brotli)),
            ("br;q=0.5, *", Some(Zstd)),
            ("*", Some(Zstd)),
            ("*;q=0.1", Some(Zstd)),
            ("zstd;q=0, *", Some(Brotli)),
            ("zstd;q=0, br;q=0, gzip;q=0, *", None),
            ("", None),
            (" , ,, ", None),
            ("identity", None),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.5", Some(Gzip)),
            ("identity;q=0.5, gzip", Some(Gzip)),
            ("gzip;q=0.5, *;q=0.7, zstd;q=0, br;q=0", None),
            ("gzip;q=0.5, *;q=0", Some(Gzip)),
            ("identity;q=0, gzip;q=0.1", Some(Gzip)),
            ("identity;q=0", None),
            ("*;q=0", None),
        ] {
            assert_eq!(chosen(value, &Coding::ALL), expected, "{value}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_sent() {
        assert_eq!(chosen("gzip;q=0.5, br, zstd", &[Gzip]), Some(Gzip));
        assert_eq!(chosen("zstd, br;q=0.5, gzip;q=0.6", &[Gzip, Brotli]), Some(Gzip));
        assert_eq!(chosen("br", &[Gzip, Zstd]), None);
        assert_eq!(chosen("identity;q=0, br", &[]), None);
    }

    #[test]
    fn what_breaks_the_grammar_counts_as_a_refusal() {
        for value in [
            "gzip;q=0",
            "gzip;q=0.",
            "gzip;q=0.000",
            "gzip;q=",
            "gzip;q",
            "gzip;",
            "gzip;q=2",
            "gzip;q=1.1",
            "gzip;q=1.0000",
            "gzip;q=0.0001",
            "gzip;q=0.9999",
            "gzip;q=.9",
            "gzip;q=-1",
            "gzip;q=+0.9",
            "gzip;q=1e0",
            "gzip;q=0,9x",
            "gzip;q= 0.9",
            "gzip;q =0.9",
            "gzip;q=0.9;q=1",
            "gzip;level=9",
            "gzip;q=\"0.9\"",
            "\"gzip\"",
            "gzip br",
            "gzip=1",
            "gzipp",
            "x-gzi",
            "gzip;q=0, gzip",
            "gzip, gzip;q=0",
            "gzip, x-gzip;q=0",
            "gzip, *;q=0, gzip;q=nan",
            "\"gzip",
            "g\u{17f}ip",
        ] {
            assert_eq!(chosen(value, &Coding::ALL), None, "{value}");
        }
    }

    #[test]
    fn one_broken_element_leaves_the_others_alone() {
        assert_eq!(chosen("zstd;q=x, gzip;q=0.2, br;q=0.1", &Coding::ALL), Some(Gzip));
        assert_eq!(chosen("zstd;q=x, *;q=0.2", &Coding::ALL), Some(Brotli));
    }

    #[test]
    fn a_client_that_says_nothing_gets_what_is_not_encoded() {
        assert_eq!(AcceptedCodings::NONE.choose(|_| true), None);
        assert_eq!(AcceptedCodings::NONE, AcceptedCodings::of(b""));
    }

    #[test]
    fn what_is_usual_means_what_is_written() {
        for (value, codings) in USUAL {
            assert_eq!(AcceptedCodings::parse(value), codings, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn a_coding_is_its_place_in_the_order_of_preference() {
        assert_eq!(Coding::ALL.map(|coding| coding as usize), [0, 1, 2]);
    }
}
