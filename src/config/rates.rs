//! The keys for how much one client may ask for, and how fast it gets it. They mean the same at the top, in a host and
//! in a location. Where an inner scope sets one, that replaces the outer one; a scope that inherits a rate shares its
//! counts.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::origin::LocatedError;
use super::section::{Holds, SectionKey};
use super::value::Value;
use crate::site::PaceRule;
use crate::site::rules::admission::Rates;
use crate::site::rules::connections::ConnectionsPerClient;
use crate::site::rules::request_rate::RequestRate;

/// What a scope says of rates; empty where nothing was written.
#[derive(Debug, Default)]
pub(super) struct RatesSection {
    rate: Option<Setting<Rate>>,
    burst: Option<NonZeroU32>,
    /// What both come to: the locations that inherit it count together.
    requests: OnceLock<Arc<RequestRate>>,
    connections: Option<Setting<Arc<ConnectionsPerClient>>>,
    limit_rate: Option<Setting<NonZeroU64>>,
    limit_rate_after: Option<u64>,
}

/// So many requests in such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    count: NonZeroU32,
    time: Duration,
}

/// A value, or that there is no bound.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Setting<T> {
    Off,
    On(T),
}

impl<T> Setting<T> {
    fn value(&self) -> Option<&T> {
        match self {
            Setting::Off => None,
            Setting::On(value) => Some(value),
        }
    }
}

/// The keys that may be set at the top, in a host and in a location, whatever responds there.
pub(super) fn keys<T: Holds<RatesSection>>() -> [SectionKey<T>; 5] {
    [
        SectionKey::new("request_rate", |it: &mut T, value, errors| {
            errors.set(&mut it.held().rate, setting(value, read_rate).map(Some));
        }),
        SectionKey::new("request_burst", |it, value, errors| {
            errors.set(&mut it.held().burst, count(value).map(Some));
        }),
        SectionKey::new("connections_per_client", |it, value, errors| {
            let read = setting(value, |value| {
                Ok(Arc::new(ConnectionsPerClient::new(count(value)?.get())))
            });
            errors.set(&mut it.held().connections, read.map(Some));
        }),
        SectionKey::new("limit_rate", |it, value, errors| {
            let read = setting(value, |value| {
                let bytes = NonZeroU64::new(value.bytes(1)?);
                bytes.ok_or_else(|| value.error("must be at least 1"))
            });
            errors.set(&mut it.held().limit_rate, read.map(Some));
        }),
        SectionKey::new("limit_rate_after", |it, value, errors| {
            errors.set(&mut it.held().limit_rate_after, value.bytes(0).map(Some));
        }),
    ]
}

fn setting<T>(
    value: Value<'_>,
    read: impl FnOnce(Value<'_>) -> Result<T, LocatedError>,
) -> Result<Setting<T>, LocatedError> {
    Ok(value.unless_off(read)?.map_or(Setting::Off, Setting::On))
}

fn count(value: Value<'_>) -> Result<NonZeroU32, LocatedError> {
    let count = NonZeroU32::new(value.count(1)?);
    count.ok_or_else(|| value.error("must be at least 1"))
}

fn read_rate(value: Value<'_>) -> Result<Rate, LocatedError> {
    let Ok(text) = value.text() else { return Err(value.mismatch(A_RATE)) };
    parse_rate(text).ok_or_else(|| value.error(format_args!("must be {A_RATE}, not {text:?}")))
}

/// `"10/s"`, `"30/m"` or `"1000/h"`; `"10r/s"`, as nginx writes it, is the same.
fn parse_rate(text: &str) -> Option<Rate> {
    let (count, unit) = text.split_once('/')?;
    let digits = count.strip_suffix('r').unwrap_or(count);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let count = digits.parse().ok().filter(|_| is_number)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    Some(Rate { count, time: Duration::from_secs(seconds) })
}

impl RatesSection {
    /// Whether it says anything of how many requests a client may send.
    fn is_about_requests(&self) -> bool {
        self.rate.is_some() || self.burst.is_some()
    }

    pub(super) fn has_rate(&self) -> bool {
        self.rate.is_some()
    }

    pub(super) fn has_burst(&self) -> bool {
        self.burst.is_some()
    }

    pub(super) fn has_limit_rate(&self) -> bool {
        self.limit_rate.is_some()
    }

    pub(super) fn has_limit_rate_after(&self) -> bool {
        self.limit_rate_after.is_some_and(|it| it > 0)
    }
}

/// What scopes come to, by what each says of it, the innermost first; the first that sets a key wins.
pub(super) fn compile(all: &[&RatesSection]) -> Rates {
    let connections = all.iter().find_map(|it| it.connections.as_ref());
    let limit_rate = all.iter().find_map(|it| it.limit_rate.as_ref());
    let after = all.iter().find_map(|it| it.limit_rate_after);
    Rates {
        requests: requests(all),
        connections: connections.and_then(Setting::value).cloned(),
        pace: limit_rate.and_then(Setting::value).map(|&bytes_per_second| PaceRule {
            bytes_per_second,
            after_bytes: after.unwrap_or(0),
        }),
    }
}

/// The counts belong to the innermost scope that says something of them. Without a burst, as many requests may come at
/// once as the rate counts.
fn requests(all: &[&RatesSection]) -> Option<Arc<RequestRate>> {
    let owner = all.iter().find(|it| it.is_about_requests())?;
    let rate = all.iter().find_map(|it| it.rate.as_ref())?.value()?;
    let burst = all.iter().find_map(|it| it.burst).unwrap_or(rate.count);
    let made = || Arc::new(RequestRate::new(rate.count.get(), rate.time, burst.get()));
    Some(Arc::clone(owner.requests.get_or_init(made)))
}

const A_RATE: &str = "a rate such as \"10/s\", \"30/m\" or \"1000/h\", or \"off\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        let rate = |count, seconds| {
            let count = NonZeroU32::new(count).expect("it is not 0");
            Some(Rate { count, time: Duration::from_secs(seconds) })
        };
        for (text, expected) in [
            ("10/s", rate(10, 1)),
            ("10r/s", rate(10, 1)),
            ("30/m", rate(30, 60)),
            ("1000/h", rate(1000, 3600)),
            ("0/s", None),
            ("/s", None),
            ("r/s", None),
            ("10", None),
            ("10/", None),
            ("10/d", None),
            ("+1/s", None),
            ("1.5/s", None),
            ("10 /s", None),
            ("10rr/s", None),
            ("99999999999/s", None),
        ] {
            assert_eq!(parse_rate(text), expected, "{text:?}");
        }
    }
}
