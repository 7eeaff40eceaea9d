//! How a client wants to see a listing: `?format=`, `?sort=` and `?order=`, and `Accept`.

use crate::http::HeaderName;
use crate::http::accept::preference;
use crate::site::Request;

/// In which form, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct View {
    pub(super) format: Format,
    pub(super) key: Key,
    pub(super) order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Format {
    Html,
    Json,
}

/// What the entries are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Name,
    Size,
    Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Order {
    Ascending,
    Descending,
}

impl View {
    /// What the request asks for. What it asks for in other words than these is ignored.
    pub(super) fn of(request: &Request<'_>) -> View {
        let query = request.query_bytes().unwrap_or_default();
        let format = match parameter(query, b"format") {
            Some(b"json") => Format::Json,
            Some(b"html") => Format::Html,
            _ => {
                let accept = request.as_head().joined(HeaderName::Accept);
                format(accept.as_deref())
            }
        };
        let key = match parameter(query, b"sort") {
            Some(b"size") => Key::Size,
            Some(b"time") => Key::Time,
            _ => Key::Name,
        };
        let order = match parameter(query, b"order") {
            Some(b"desc") => Order::Descending,
            _ => Order::Ascending,
        };
        View { format, key, order }
    }

    /// The query that asks for this order, as a link within a page needs it; empty for the usual one.
    pub(super) fn query(self) -> &'static str {
        match (self.key, self.order) {
            (Key::Name, Order::Ascending) => "",
            (Key::Name, Order::Descending) => "?sort=name&amp;order=desc",
            (Key::Size, Order::Ascending) => "?sort=size&amp;order=asc",
            (Key::Size, Order::Descending) => "?sort=size&amp;order=desc",
            (Key::Time, Order::Ascending) => "?sort=time&amp;order=asc",
            (Key::Time, Order::Descending) => "?sort=time&amp;order=desc",
        }
    }

    /// What a click on the title of a column leads to: the other order if it is sorted by that already, and else the
    /// order that is wanted most: names from A, the largest and the latest first.
    pub(super) fn sorted_by(self, key: Key) -> View {
        let order = match (key == self.key, self.order, key) {
            (true, Order::Ascending, _) | (false, _, Key::Size | Key::Time) => Order::Descending,
            (true, Order::Descending, _) | (false, _, Key::Name) => Order::Ascending,
        };
        View { key, order, ..self }
    }
}

/// HTML, unless the client wants JSON more.
fn format(accept: Option<&[u8]>) -> Format {
    let json = preference(accept, "application/json");
    let is_wanted = json.weight > 0 && json > preference(accept, "text/html");
    if is_wanted { Format::Json } else { Format::Html }
}

/// The value of the first parameter of this name.
fn parameter<'q>(query: &'q [u8], name: &[u8]) -> Option<&'q [u8]> {
    let mut pairs = query.split(|&byte| byte == b'&');
    pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_asks_for_json_gets_it_and_a_browser_gets_a_page() {
        for (accept, expected) in [
            ("application/json", Format::Json),
            ("application/json, text/plain, */*", Format::Json),
            ("text/html;q=0.5, application/json", Format::Json),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Html),
            ("*/*", Format::Html),
            ("text/html, application/json", Format::Html),
            ("application/json;q=0", Format::Html),
            ("image/png", Format::Html),
            ("", Format::Html),
        ] {
            assert_eq!(format(Some(accept.as_bytes())), expected, "{accept}");
        }
        assert_eq!(format(None), Format::Html);
    }

    #[test]
    fn a_parameter_is_found_by_its_whole_name() {
        assert_eq!(parameter(b"a=1&sort=size&sort=time", b"sort"), Some(&b"size"[..]));
        assert_eq!(parameter(b"resort=size&sort", b"sort"), None);
        assert_eq!(parameter(b"", b"sort"), None);
    }
}
