//! The table of fields that everybody knows (RFC 7541 appendix A).

/// How many there are. Indexes begin with 1.
pub(super) const COUNT: usize = ENTRIES.len();

/// The field with this index.
pub(super) fn get(index: usize) -> Option<(&'static [u8], &'static [u8])> {
    let (name, value) = ENTRIES.get(index.checked_sub(1)?)?;
    Some((name.as_bytes(), value.as_bytes()))
}

/// What the table has of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Name and value, with this index.
    Field(usize),
    /// The name, with this index.
    Name(usize),
    Nothing,
}

impl Known {
    /// The index of the name, or 0.
    pub(super) fn name_index(self) -> usize {
        match self {
            Known::Field(index) | Known::Name(index) => index,
            Known::Nothing => 0,
        }
    }
}

/// Finds a field whose name is in lower case.
pub(super) fn find(name: &[u8], value: &[u8]) -> Known {
    let Some(&[from, to]) = BY_LENGTH.get(name.len()) else {
        return Known::Nothing;
    };
    let of_length = &ORDER[usize::from(from)..usize::from(to)];
    let Some(&first) = of_length.iter().find(|&&at| ENTRIES[usize::from(at)].0.as_bytes() == name)
    else {
        return Known::Nothing;
    };
    let first = usize::from(first);
    let with_name = ENTRIES[first..].iter().take_while(|(it, _)| it.as_bytes() == name);
    match with_name.zip(first + 1..).find(|((_, known), _)| known.as_bytes() == value) {
        Some((_, index)) if !value.is_empty() => Known::Field(index),
        _ => Known::Name(first + 1),
    }
}

const ENTRIES: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The length of the longest name.
const NAME_BYTES_MAX: usize = "access-control-allow-origin".len();

/// The places of all fields, sorted by the lengths of their names.
const ORDER: [u8; COUNT] = {
    let mut order = [0; COUNT];
    let mut count = 0;
    let mut length = 0;
    while length <= NAME_BYTES_MAX {
        let mut at = 0;
        while at < COUNT {
            if ENTRIES[at].0.len() == length {
                order[count] = at as u8;
                count += 1;
            }
            at += 1;
        }
        length += 1;
    }
    assert!(count == COUNT);
    order
};

/// From where to where in [`ORDER`] the names of each length are.
const BY_LENGTH: [[u8; 2]; NAME_BYTES_MAX + 1] = {
    let mut bounds = [[0; 2]; NAME_BYTES_MAX + 1];
    let mut place = 0;
    let mut length = 0;
    while length <= NAME_BYTES_MAX {
        let from = place;
        while place < COUNT && ENTRIES[ORDER[place] as usize].0.len() == length {
            place += 1;
        }
        bounds[length] = [from as u8, place as u8];
        length += 1;
    }
    bounds
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_index_and_the_other_way_round() {
        for index in 1..=COUNT {
            let (name, value) = get(index).expect("it is there");
            match value {
                b"" => assert_eq!(find(name, b""), Known::Name(index)),
                _ => assert_eq!(find(name, value), Known::Field(index)),
            }
            let by_name = find(name, b"another");
            assert!(matches!(by_name, Known::Name(first) if get(first).unwrap().0 == name));
        }
        assert_eq!((get(0), get(COUNT + 1)), (None, None));
    }

    #[test]
    fn other_names_are_not_found() {
        for name in ["", "x", "Date", "dates", "access-control-allow-origins", &"n".repeat(300)] {
            assert_eq!(find(name.as_bytes(), b""), Known::Nothing, "{name}");
        }
    }
}
