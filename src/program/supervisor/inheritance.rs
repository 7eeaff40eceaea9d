//! What a supervisor leaves to the program that takes its place in the same process, as text. Another version may
//! read it. Knows nothing of the descriptors that go with it but their order.
//!
//! The first line names the version. The others are a word and its values, in any order, and the last one says that
//! nothing is missing. Words that are not known are passed over: whatever must be understood raises the version. Paths
//! are percent-encoded.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use crate::program::control::Order;
use crate::server::address::{Address, ListenScheme};

/// Everything that a supervisor keeps over an upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inheritance {
    /// How many processes serve.
    pub processes: usize,
    /// In each of them.
    pub workers: usize,
    /// The limit of open descriptors that the program was started with; `None`: there was none.
    pub descriptors: Option<u64>,
    pub stop_timeout: Duration,
    /// One for each address, in order. Their sockets follow in this order.
    pub listeners: Vec<InheritedListener>,
    /// Their channels follow in this order.
    pub children: Vec<InheritedChild>,
    /// What has been counted, as lines of metrics.
    pub numbers: String,
    /// Whether the socket for commands follows behind the channels.
    pub takes_commands: bool,
    /// Commands whose senders wait. Their connections follow in this order.
    pub commands: Vec<InheritedCommand>,
    /// Whether SIGHUP came meanwhile.
    pub reload: bool,
    /// Whether SIGUSR1 came meanwhile.
    pub reopen: bool,
}

/// The sockets of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InheritedListener {
    pub sockets: usize,
    pub scheme: ListenScheme,
    /// Whether connections to it begin with a PROXY header.
    pub is_proxied: bool,
    /// As what it was asked for, if this program has bound it.
    pub asked: Option<Address>,
    /// The file of a Unix socket, which the last supervisor removes.
    pub file: Option<SocketFile>,
}

/// The file of a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SocketFile {
    pub path: PathBuf,
    /// Device and inode, if they are known.
    pub identity: Option<(u64, u64)>,
}

/// A process that serves, or has served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InheritedChild {
    pub slot: usize,
    pub id: u32,
    pub role: InheritedRole,
}

/// What a process is to do under the new supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InheritedRole {
    /// It runs the new program already.
    New,
    /// It serves until its replacement does.
    Old,
    /// It completes its requests and ends.
    Retired,
}

/// A command whose sender waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InheritedCommand {
    /// It has asked for this upgrade.
    Upgraded,
    /// It has not been carried out.
    Due(Order),
}

impl fmt::Display for Inheritance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let descriptors = self.descriptors.map_or("none".to_owned(), |limit| limit.to_string());
        let mut lines = vec![
            format!("{TITLE}{VERSION}"),
            format!("processes {}", self.processes),
            format!("workers {}", self.workers),
            format!("descriptors {descriptors}"),
            format!("stop_timeout_ms {}", self.stop_timeout.as_millis()),
        ];
        for (number, listener) in self.listeners.iter().enumerate() {
            let InheritedListener { sockets, scheme, is_proxied, asked, file } = listener;
            let start = if *is_proxied { "proxied" } else { "plain" };
            let asked = asked.as_ref().map_or("-".to_owned(), |it| encoded(&address_text(it)));
            lines.push(format!("listener {sockets} {} {start} {asked}", scheme_name(*scheme)));
            if let Some(SocketFile { path, identity }) = file {
                let (device, inode) = identity.unwrap_or_default();
                lines.push(format!("socket_file {number} {device} {inode} {}", encoded(path)));
            }
        }
        lines.extend(self.children.iter().map(|InheritedChild { slot, id, role }| {
            format!("process {slot} {id} {}", role.word())
        }));
        if !self.numbers.is_empty() {
            lines.push(format!("numbers {}", encoded(&self.numbers)));
        }
        lines.extend(self.takes_commands.then(|| "takes commands".to_owned()));
        lines.extend(self.commands.iter().map(|it| format!("command {}", it.word())));
        let pending = [(self.reload, "reload"), (self.reopen, "reopen")];
        let pending = pending.iter().filter(|(is_pending, _)| *is_pending);
        lines.extend(pending.map(|(_, word)| format!("pending {word}")));
        lines.push(LAST.to_owned());
        lines.iter().try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

impl FromStr for Inheritance {
    /// What is wrong with the text.
    type Err = String;

    fn from_str(text: &str) -> Result<Inheritance, String> {
        let mut lines = text.strip_suffix('\n').ok_or("it is cut off")?.split('\n');
        let version = lines.next().and_then(|line| line.strip_prefix(TITLE));
        if version != Some(&VERSION.to_string()) {
            return Err(match version {
                Some(version) => format!("it has version {version:?}, not {VERSION}"),
                None => "it is none".to_owned(),
            });
        }
        if lines.next_back() != Some(LAST) {
            return Err("it is cut off".to_owned());
        }
        let mut read = Unfinished::default();
        for line in lines {
            read.line(line).ok_or_else(|| format!("the line {line:?} is wrong"))?;
        }
        read.finish()
    }
}

impl Inheritance {
    /// How many descriptors go with it: those of the listeners, of the channels and of commands.
    pub(crate) fn descriptor_count(&self) -> usize {
        let listeners = self.listeners.iter().map(|it| it.sockets).sum::<usize>();
        let commands = usize::from(self.takes_commands) + self.commands.len();
        listeners + self.children.len() + commands
    }
}

/// What has been read so far.
#[derive(Default)]
struct Unfinished {
    processes: Option<usize>,
    workers: Option<usize>,
    descriptors: Option<Option<u64>>,
    stop_timeout: Option<Duration>,
    listeners: Vec<InheritedListener>,
    children: Vec<InheritedChild>,
    numbers: Option<String>,
    takes_commands: bool,
    commands: Vec<InheritedCommand>,
    reload: bool,
    reopen: bool,
}

impl Unfinished {
    fn line(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        let values: Vec<&str> = rest.split(' ').collect();
        match (word, &values[..]) {
            ("processes", [count]) => set(&mut self.processes, number(count)?),
            ("workers", [count]) => set(&mut self.workers, number(count)?),
            ("descriptors", ["none"]) => set(&mut self.descriptors, None),
            ("descriptors", [limit]) => set(&mut self.descriptors, Some(number(limit)?)),
            ("stop_timeout_ms", [time]) => {
                set(&mut self.stop_timeout, Duration::from_millis(number(time)?))
            }
            ("listener", [sockets, name, start, asked]) => {
                let scheme = SCHEMES.iter().find(|(known, _)| known == name)?.1;
                let is_proxied = match *start {
                    "proxied" => true,
                    "plain" => false,
                    _ => return None,
                };
                let asked = if *asked == "-" { None } else { Some(address(asked)?) };
                let sockets = number(sockets).filter(|count| (1..=COUNT_MAX).contains(count))?;
                let file = None;
                let listener = InheritedListener { sockets, scheme, is_proxied, asked, file };
                self.listeners.push(listener);
                Some(())
            }
            ("socket_file", [listener, device, inode, path]) => {
                let listener = self.listeners.get_mut(number::<usize>(listener)?)?;
                let identity = Some((number(device)?, number(inode)?)).filter(|it| *it != (0, 0));
                let path = PathBuf::from(OsStr::from_bytes(&decoded(path)?));
                set(&mut listener.file, SocketFile { path, identity })
            }
            ("process", [slot, id, role]) => {
                let (slot, id) = (number(slot)?, number(id)?);
                let role = InheritedRole::ALL.into_iter().find(|it| it.word() == *role)?;
                self.children.push(InheritedChild { slot, id, role });
                Some(())
            }
            ("numbers", [lines]) => {
                set(&mut self.numbers, String::from_utf8(decoded(lines)?).ok()?)
            }
            ("takes", ["commands"]) => {
                self.takes_commands = true;
                Some(())
            }
            ("command", [word]) => {
                self.commands.push(InheritedCommand::read(word)?);
                Some(())
            }
            ("pending", ["reload"]) => {
                self.reload = true;
                Some(())
            }
            ("pending", ["reopen"]) => {
                self.reopen = true;
                Some(())
            }
            (word, _) if KNOWN.contains(&word) => None,
            _ => Some(()),
        }
    }

    fn finish(self) -> Result<Inheritance, String> {
        let (Some(processes), Some(workers), Some(descriptors), Some(stop_timeout)) =
            (self.processes, self.workers, self.descriptors, self.stop_timeout)
        else {
            return Err("a line is missing".to_owned());
        };
        let counts = 1..=COUNT_MAX;
        if !counts.contains(&processes) || !counts.contains(&workers) {
            return Err(format!("{processes} processes of {workers} workers cannot be"));
        }
        if self.listeners.is_empty() {
            return Err("it names no listener".to_owned());
        }
        let is_possible = |it: &InheritedChild| {
            it.slot < processes && i32::try_from(it.id).is_ok_and(|id| id > 1)
        };
        let mut ids: Vec<u32> = self.children.iter().map(|it| it.id).collect();
        ids.sort_unstable();
        if !self.children.iter().all(is_possible) || ids.windows(2).any(|two| two[0] == two[1]) {
            return Err("it names a process that cannot be".to_owned());
        }
        Ok(Inheritance {
            processes,
            workers,
            descriptors,
            stop_timeout,
            listeners: self.listeners,
            children: self.children,
            numbers: self.numbers.unwrap_or_default(),
            takes_commands: self.takes_commands,
            commands: self.commands,
            reload: self.reload,
            reopen: self.reopen,
        })
    }
}

impl InheritedRole {
    const ALL: [InheritedRole; 3] =
        [InheritedRole::New, InheritedRole::Old, InheritedRole::Retired];

    fn word(self) -> &'static str {
        match self {
            InheritedRole::New => "new",
            InheritedRole::Old => "old",
            InheritedRole::Retired => "retired",
        }
    }
}

impl InheritedCommand {
    fn word(self) -> &'static str {
        match self {
            InheritedCommand::Upgraded => UPGRADED,
            InheritedCommand::Due(order) => order.word(),
        }
    }

    fn read(word: &str) -> Option<InheritedCommand> {
        match word {
            UPGRADED => Some(InheritedCommand::Upgraded),
            _ => Order::read(word.as_bytes()).map(InheritedCommand::Due),
        }
    }
}

/// Once, and not twice.
fn set<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

/// Digits, and nothing else.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn encoded(text: &(impl AsRef<OsStr> + ?Sized)) -> String {
    percent_encode(text.as_ref().as_bytes(), NON_ALPHANUMERIC).to_string()
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    (!bytes.is_empty() && !bytes.contains(&0)).then_some(bytes)
}

fn address_text(address: &Address) -> OsString {
    match address {
        Address::Tcp(address) => address.to_string().into(),
        Address::Unix(path) => [OsStr::new("unix:"), path.as_os_str()].into_iter().collect(),
        Address::Systemd(name) => format!("{PASSED}{name}").into(),
    }
}

fn address(text: &str) -> Option<Address> {
    let text = decoded(text)?;
    let text = OsStr::from_bytes(&text);
    match text.as_bytes().strip_prefix(b"unix:") {
        Some(path) => Some(Address::Unix(OsStr::from_bytes(path).into())),
        None if text.as_bytes().starts_with(PASSED.as_bytes()) => {
            Some(Address::Systemd(text.to_str()?.strip_prefix(PASSED)?.to_owned()))
        }
        None => Some(Address::Tcp(text.to_str()?.parse().ok()?)),
    }
}

fn scheme_name(scheme: ListenScheme) -> &'static str {
    SCHEMES.iter().find(|(_, known)| *known == scheme).map_or("http", |(name, _)| name)
}

const SCHEMES: [(&str, ListenScheme); 4] = [
    ("http", ListenScheme::Http),
    ("h2c", ListenScheme::H2c),
    ("https", ListenScheme::Https),
    ("status", ListenScheme::Status),
];

/// The version of the text that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

const TITLE: &str = "httpd supervisor ";
const LAST: &str = "that is all";
/// Before the name of a socket that a service manager has passed.
const PASSED: &str = "systemd:";

const UPGRADED: &str = "upgraded";
const KNOWN: [&str; 11] = [
    "processes",
    "workers",
    "descriptors",
    "stop_timeout_ms",
    "listener",
    "socket_file",
    "process",
    "numbers",
    "takes",
    "command",
    "pending",
];

/// More than a configuration may ask for.
const COUNT_MAX: usize = 4096;

/// No less than what the largest configuration makes of it.
pub(crate) const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests;
