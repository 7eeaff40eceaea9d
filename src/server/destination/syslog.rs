//! Messages for syslog (RFC 5424), one in each datagram: to the socket of a daemon, or over UDP (RFC 5426).

use super::datagrams::DatagramPlace;
use crate::sys::process::host_name;
use std::path::PathBuf;
use std::str::FromStr;

/// A syslog daemon, and how it is to file what comes from here.
///
/// ```
/// use httpd::{AccessLog, Facility, Format, Syslog};
/// let syslog = Syslog::at("udp://192.0.2.7:514").facility(Facility::LOCAL7).tag("www");
/// let log = AccessLog::to_syslog(syslog, Format::Combined);
/// # let _ = log;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    place: DatagramPlace,
    facility: Facility,
    tag: String,
}

impl Syslog {
    /// The daemon of this machine, at `/dev/log`.
    pub fn local() -> Syslog {
        Syslog::at(LOCAL)
    }

    /// The daemon at this path of a socket, or with `udp://` at this name or address, at port 514 unless another is
    /// written.
    pub fn at(place: &str) -> Syslog {
        let place = match place.strip_prefix("udp://") {
            Some(address) => DatagramPlace::Udp(with_port(address)),
            None => DatagramPlace::Unix(PathBuf::from(place)),
        };
        Syslog { place, facility: Facility::DAEMON, tag: TAG.to_owned() }
    }

    /// The facility. Default: `daemon`.
    pub fn facility(self, facility: Facility) -> Syslog {
        Syslog { facility, ..self }
    }

    /// The name of the program in its messages. Default: `httpd`. Spaces and other characters than visible ASCII become
    /// `_`, and 48 are taken.
    pub fn tag(self, tag: &str) -> Syslog {
        Syslog { tag: visible(tag, TAG_BYTES_MAX), ..self }
    }

    /// Where messages are sent.
    pub(crate) fn place(&self) -> DatagramPlace {
        self.place.clone()
    }

    /// What stands before the time of a message.
    pub(crate) fn before_time(&self, severity: u8) -> String {
        format!("<{}>1 ", self.facility.0 * 8 + severity.min(7))
    }

    /// What stands between the time and the text, with a kind of message.
    pub(crate) fn after_time(&self, kind: &str) -> String {
        let host = match visible(&host_name(), HOST_BYTES_MAX) {
            name if name.is_empty() => "-".to_owned(),
            name => name,
        };
        format!(" {host} {} {} {kind} - ", self.tag, std::process::id())
    }
}

fn with_port(address: &str) -> String {
    let after_brackets = address.rsplit(']').next().unwrap_or(address);
    match after_brackets.contains(':') {
        true => address.to_owned(),
        false => format!("{address}:514"),
    }
}

/// PRINTUSASCII of RFC 5424 §6.
fn visible(text: &str, bytes_max: usize) -> String {
    let visible = |it: char| if it.is_ascii_graphic() { it } else { '_' };
    text.chars().take(bytes_max).map(visible).collect()
}

/// What kind of program writes a message (RFC 5424 §6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

impl Facility {
    /// `daemon`
    pub const DAEMON: Facility = Facility(3);
    /// `local7`
    pub const LOCAL7: Facility = Facility(23);

    /// The number of the facility.
    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// All names, by number.
    pub(crate) const NAMES: [&str; 24] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2",
        "local3", "local4", "local5", "local6", "local7",
    ];
}

/// A text that is no facility.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoFacility;

impl std::fmt::Display for NoFacility {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .write_str("there is no such facility; those for servers are daemon, local0 to local7")
    }
}

impl std::error::Error for NoFacility {}

impl FromStr for Facility {
    type Err = NoFacility;

    fn from_str(name: &str) -> Result<Facility, NoFacility> {
        let number = Facility::NAMES.iter().position(|known| *known == name).ok_or(NoFacility)?;
        Ok(Facility(number as u8))
    }
}

/// How severe a message is (RFC 5424 §6.2.1), by its level here. The journal has the same numbers.
pub(crate) fn severity(level: log::Level) -> u8 {
    match level {
        log::Level::Error => 3,
        log::Level::Warn => 4,
        log::Level::Info => INFORMATIONAL,
        log::Level::Debug | log::Level::Trace => 7,
    }
}

pub(crate) const INFORMATIONAL: u8 = 6;

/// The socket of the daemon of this machine.
pub(crate) const LOCAL: &str = "/dev/log";

/// The name of this program.
pub(crate) const TAG: &str = "httpd";

const TAG_BYTES_MAX: usize = 48;
const HOST_BYTES_MAX: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_fields_of_rfc_5424() {
        let syslog = Syslog::local().facility("local7".parse().unwrap()).tag("my site é");
        let text = [syslog.before_time(4), "T".to_owned(), syslog.after_time("access")].concat();
        let fields: Vec<&str> = text.split(' ').collect();
        let pid = std::process::id().to_string();
        assert_eq!((fields[0], fields[1]), ("<188>1", "T"));
        assert_eq!(fields[3..], ["my_site__", &pid, "access", "-", ""]);
    }

    #[test]
    fn udp_has_a_usual_port() {
        for (text, place) in [
            ("udp://a", "a:514"),
            ("udp://a:5514", "a:5514"),
            ("udp://[::1]", "[::1]:514"),
            ("udp://[::1]:99", "[::1]:99"),
        ] {
            assert_eq!(Syslog::at(text).place, DatagramPlace::Udp(place.to_owned()), "{text}");
        }
    }

    #[test]
    fn facilities_go_by_their_names() {
        assert_eq!("daemon".parse(), Ok(Facility::DAEMON));
        assert_eq!("local7".parse(), Ok(Facility::LOCAL7));
        assert_eq!("local8".parse::<Facility>(), Err(NoFacility));
    }
}
