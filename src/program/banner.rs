//! What the program prints when it serves: a few lines on a terminal, one line elsewhere. It is printed
//! once, and a failure to print it is ignored.

use std::io::{self, IsTerminal};
use std::iter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::Address;
use crate::server::address::ListenScheme;

use crate::program::logging;

/// What it names.
pub(super) struct Banner<'a> {
    pub addresses: &'a [Address],
    /// What is spoken at each.
    pub schemes: &'a [ListenScheme],
    pub processes: usize,
    /// In each process.
    pub workers: usize,
    pub config: Option<&'a Path>,
    pub roots: &'a [PathBuf],
    /// The certificates, if one was made for trying.
    pub certificate: Option<&'a str>,
    /// What may surprise a new user.
    pub note: Option<&'a str>,
    /// Whom the serving processes run as, if that is not who started them.
    pub user: Option<&'a str>,
    /// What the kernel keeps them from.
    pub confinement: Option<&'a str>,
    /// What each application reports of itself.
    pub applications: &'a [String],
}

/// Prints what is served where.
pub(super) fn greet(banner: &Banner<'_>) {
    if io::stdout().is_terminal() {
        logging::print(io::stdout(), banner.on_terminal());
    } else {
        logging::print(io::stderr(), banner.on_one_line());
    }
}

/// What `-t` prints when nothing is wrong.
pub(super) fn print_fine(config: Option<&Path>) {
    let name = config.map_or("(defaults)".to_owned(), |path| path.display().to_string());
    logging::print(io::stdout(), format!("configuration {name} is fine\n"));
}

/// A line of `-t` about a certificate.
pub(super) fn print_certificate(description: &str) {
    logging::print(io::stdout(), format!("certificate {description}\n"));
}

impl Banner<'_> {
    fn listening(&self) -> impl Iterator<Item = (ListenScheme, &Address)> {
        let schemes = self.schemes.iter().copied().chain(iter::repeat(ListenScheme::Http));
        schemes.zip(self.addresses)
    }

    /// Six lines, with addresses that can be clicked, and one for each application.
    fn on_terminal(&self) -> String {
        let config = self.config.map_or("none".into(), |path| path.display().to_string());
        let roots: Vec<String> = self.roots.iter().map(|it| it.display().to_string()).collect();
        let urls = |of_status| {
            let all =
                self.listening().filter(move |(it, _)| (*it == ListenScheme::Status) == of_status);
            all.map(|(scheme, it)| url(scheme, it)).collect::<Vec<String>>().join("  ")
        };
        let status = match urls(true) {
            none if none.is_empty() => none,
            some => format!("  status   {some}\n"),
        };
        let workers = match self.processes {
            1 => self.workers.to_string(),
            processes => format!("{} in each of {processes} processes", self.workers),
        };
        let root = match (&roots[..], self.applications) {
            ([], [_, ..]) => String::new(),
            _ => format!("  root     {}\n", roots.join("  ")),
        };
        let certificate =
            self.certificate.map_or(String::new(), |it| format!("  TLS      certificate {it}\n"));
        let user = self.user.map_or(String::new(), |user| format!("  user     {user}\n"));
        let confined = self.confinement.map_or(String::new(), |it| format!("  confined {it}\n"));
        let note = self.note.map_or(String::new(), |note| format!("  note     {note}\n"));
        let applications: String =
            self.applications.iter().map(|it| format!("  app      {it}\n")).collect();
        format!(
            "{NAME}\n  config   {config}\n  serving  {}\n{root}{applications}{certificate}{status}  workers  {workers}\n{user}{confined}{note}  stop     Ctrl-C\n",
            urls(false),
        )
    }

    /// One line, with the addresses as they are and the rest as `key=value`.
    fn on_one_line(&self) -> String {
        let (status, others): (Vec<_>, Vec<_>) =
            self.listening().partition(|(scheme, _)| *scheme == ListenScheme::Status);
        let addresses: Vec<String> =
            others.into_iter().map(|(scheme, it)| plain(scheme, it)).collect();
        let mut line = format!("{NAME} listening on {}", addresses.join(" "));
        for (scheme, address) in status {
            line.push_str(&format!(" status={}", plain(scheme, address)));
        }
        for root in self.roots {
            line.push_str(&format!(" root={root:?}"));
        }
        for application in self.applications {
            line.push_str(&format!(" app={application:?}"));
        }
        if let Some(config) = self.config {
            line.push_str(&format!(" config={config:?}"));
        }
        if let Some(user) = self.user {
            line.push_str(&format!(" user={user:?}"));
        }
        if let Some(confinement) = self.confinement {
            line.push_str(&format!(" confinement={confinement:?}"));
        }
        if self.processes > 1 {
            line.push_str(&format!(" processes={}", self.processes));
        }
        line.push_str(&format!(" workers={}\n", self.workers));
        line
    }
}

fn plain(scheme: ListenScheme, address: &Address) -> String {
    match address {
        Address::Tcp(address) => format!("{}{address}", prefix(scheme)),
        Address::Unix(_) | Address::Systemd(_) => address.to_string(),
    }
}

/// A URL to click: a browser cannot open a wildcard address, but the loopback address that it includes.
fn url(scheme: ListenScheme, address: &Address) -> String {
    let Address::Tcp(tcp) = address else {
        return plain(scheme, address);
    };
    let prefix = prefix(scheme);
    let loopback = match tcp.ip() {
        ip if !ip.is_unspecified() => return format!("{prefix}{tcp}"),
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
    };
    format!("{prefix}{} (and every other address)", SocketAddr::new(loopback, tcp.port()))
}

fn prefix(scheme: ListenScheme) -> &'static str {
    match scheme {
        ListenScheme::Http | ListenScheme::H2c | ListenScheme::Status => "http://",
        ListenScheme::Https => "https://",
    }
}

const NAME: &str = concat!("httpd ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    fn with_banner(addresses: &[&str], processes: usize, then: impl Fn(&Banner)) {
        let addresses: Vec<Address> =
            addresses.iter().flat_map(|it| Address::parse(it).expect(it)).collect();
        then(&Banner {
            addresses: &addresses,
            schemes: &[],
            processes,
            workers: 2,
            config: Some(Path::new("conf/httpd.toml")),
            roots: &["/srv/a b".into()],
            certificate: None,
            note: None,
            user: None,
            confinement: None,
            applications: &[],
        });
    }

    #[test]
    fn a_person_gets_six_lines_with_addresses_to_click() {
        with_banner(&["127.0.0.1:80", "0.0.0.0:81", "[::]:82"], 1, |banner| {
            let text = banner.on_terminal();
            assert_eq!(text.lines().count(), 6, "{text}");
            assert!(text.contains("http://127.0.0.1:80  "), "{text}");
            assert!(text.contains("http://127.0.0.1:81 ("), "{text}");
            assert!(text.contains("http://[::1]:82 ("), "{text}");
        });
    }

    #[test]
    fn a_program_gets_one_line_that_it_can_take_apart() {
        with_banner(&["127.0.0.1:80", "unix:/run/x.sock"], 1, |banner| {
            let expected = format!(
                "{NAME} listening on http://127.0.0.1:80 unix:/run/x.sock \
                 root=\"/srv/a b\" config=\"conf/httpd.toml\" workers=2\n"
            );
            assert_eq!(banner.on_one_line(), expected);
        });
    }

    #[test]
    fn a_terminal_shows_that_the_front_page_is_missing() {
        with_banner(&["127.0.0.1:80"], 1, |banner| {
            let banner = Banner { note: Some("/ is a 404"), ..*banner };
            assert!(
                banner.on_terminal().contains("  note     / is a 404\n"),
                "{}",
                banner.on_terminal()
            );
            assert!(!banner.on_one_line().contains("404"), "{}", banner.on_one_line());
        });
    }

    #[test]
    fn several_processes_are_known_to_both() {
        with_banner(&["127.0.0.1:80"], 4, |banner| {
            let text = banner.on_terminal();
            assert!(text.contains("  workers  2 in each of 4 processes\n"), "{text}");
            let line = banner.on_one_line();
            assert!(line.ends_with(" processes=4 workers=2\n"), "{line}");
        });
    }
}
