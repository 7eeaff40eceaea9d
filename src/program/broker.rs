//! The broker: a process that keeps the rights which a serving process gives up, and uses them for what the
//! configuration names: it opens logs, keys and password files, and starts applications.
//!
//! It must never do more than that for its client, which may be in the hands of an attacker. It serves no requests,
//! and ends with its client.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;

use crate::config::{Config, Overrides, Source};
use crate::server::application::launch::launch;
use crate::server::{CertificateText, TlsNews};
use crate::site::Application;
use crate::sys::append::open_append;
use crate::sys::broker::{
    Answer, Request, answer, asked, give_to_group, not_yet, open_at_once, refused,
};
use crate::sys::channel::{Channel, Received};
use crate::sys::descriptors;
use crate::sys::process::{
    end_of, let_go_on, read_sealed, sealed, set_name, start_again, take_stdin,
};
use crate::sys::user::own_user;
use crate::sys::wait::wait_readable;

use super::cli::{self, Options};
use super::failure::Failure;
use super::supervisor::certificates::{packed, unpacked};
use super::supervisor::protocol::CONFIGURATION_BYTES_MAX;

/// Starts a broker for this process, with the text of its configuration and its certificates, which the files may not
/// have any more; the channel to it.
///
/// # Errors
/// When out of processes or descriptors.
pub(crate) fn start(source: &Source, config: &Config) -> io::Result<Channel> {
    let (channel, end) = Channel::pair()?;
    let limit = descriptors::started_with().unwrap_or(u64::MAX);
    let text = sealed(source.text().as_bytes())?;
    let known: Vec<TlsNews> =
        config.certificate_texts.iter().cloned().map(TlsNews::Certificate).collect();
    let certificates = packed(&known)?;
    channel.send(&limit.to_le_bytes(), &[text.as_fd(), certificates.as_fd()])?;
    // It is waited for by nobody: it ends when this process has ended.
    start_again([OsString::from(cli::BROKER)].into_iter().chain(cli::own_arguments()), end)?;
    Ok(channel)
}

/// Serves as the broker of the process that has started this one.
///
/// # Errors
/// When none has.
pub(super) fn serve(options: &Options) -> Result<(), Failure> {
    set_name(concat!(env!("CARGO_PKG_NAME"), "-broker"));
    let nobody = |error| {
        Failure::of_usage([format!("--broker is for processes that httpd starts: {error}")])
    };
    let channel = take_stdin().map(Channel::from_end).map_err(nobody)?;
    let Handed { text, certificates, limit } = take_over(&channel).map_err(nobody)?;
    descriptors::inherit((limit != u64::MAX).then_some(limit));
    // The client has loaded the same text with the same arguments.
    let overrides = Overrides { certificates, ..options.overrides.clone() };
    let config = Source::of(options.config.as_deref(), text).load(&overrides);
    let mut desk = Desk::new(options);
    desk.add(&config.map_err(Failure::of_usage)?);
    loop {
        let ends = desk.children.values().filter_map(|it| it.end.as_ref()).map(AsFd::as_fd);
        let awaited: Vec<BorrowedFd<'_>> = [channel.as_fd()].into_iter().chain(ends).collect();
        if wait_readable(&awaited, None).is_err() {
            // Out of memory for the list: its children are reaped when they are asked for.
            let _ = wait_readable(&[channel.as_fd()], None);
        }
        desk.reap();
        loop {
            let message = match channel.receive() {
                Ok(Received::Message(message)) => message,
                Ok(Received::Nothing) => break,
                Ok(Received::End) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => continue,
                Err(_) => return Ok(()),
            };
            let Some((number, request)) = asked(&message) else { continue };
            let done = desk.fulfil(request, message.descriptors);
            if answer(&channel, number, &done)
                .is_err_and(|it| it.kind() == io::ErrorKind::BrokenPipe)
            {
                return Ok(());
            }
        }
    }
}

struct Handed {
    text: String,
    certificates: Vec<CertificateText>,
    limit: u64,
}

fn take_over(channel: &Channel) -> io::Result<Handed> {
    let Received::Message(first) = channel.receive()? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let limit = first.bytes.as_slice().try_into().map_err(|_| io::ErrorKind::InvalidData)?;
    let [text, certificates] =
        first.descriptors.try_into().map_err(|_| io::ErrorKind::InvalidData)?;
    let text = String::from_utf8(read_sealed(&text, CONFIGURATION_BYTES_MAX)?)
        .map_err(|_| io::ErrorKind::InvalidData)?;
    let certificates = unpacked(certificates)?.into_iter().filter_map(|news| match news {
        TlsNews::Certificate(text) => Some(text),
        TlsNews::Tickets(_) => None,
    });
    Ok(Handed { text, certificates: certificates.collect(), limit: u64::from_le_bytes(limit) })
}

/// What it may do, and the processes that it has started.
struct Desk {
    read: BTreeSet<PathBuf>,
    append: BTreeSet<PathBuf>,
    applications: Vec<Arc<Application>>,
    /// The user of its client.
    client: u32,
    children: BTreeMap<u32, Started>,
    /// Where the configuration is read again.
    configuration: Option<PathBuf>,
    overrides: Overrides,
}

struct Started {
    child: Child,
    /// Readable once it has ended.
    end: Option<OwnedFd>,
    /// How it has ended, if it has.
    status: Option<i32>,
}

impl Desk {
    fn new(options: &Options) -> Desk {
        let configuration = options.config.as_deref();
        let configuration = configuration.and_then(|path| std::path::absolute(path).ok());
        Desk {
            read: configuration.clone().into_iter().collect(),
            append: BTreeSet::new(),
            applications: Vec::new(),
            client: own_user(),
            children: BTreeMap::new(),
            configuration,
            overrides: options.overrides.clone(),
        }
    }

    /// Allows what a configuration names. What another one named before stays allowed: its client may serve by that.
    fn add(&mut self, config: &Config) {
        self.read.extend(absolute(&config.secret_files));
        self.append.extend(absolute(&config.log_files));
        for application in config.server.applications() {
            let number = application.fingerprint();
            if self.applications.iter().all(|known| known.fingerprint() != number) {
                self.applications.push(application);
            }
        }
        if let Some(identity) = &config.rights.identity {
            self.client = identity.user;
        }
    }

    /// Reads the configuration again, whose file the operator has changed: its client does not say what stands there.
    fn renew(&mut self) -> Answer {
        let source = Source::read(self.configuration.as_deref()).map_err(io::Error::other)?;
        let config = source.load(&self.overrides).map_err(|_| io::ErrorKind::InvalidData)?;
        // What its client is does not change any more.
        let client = self.client;
        self.add(&config);
        self.client = client;
        Ok((0, Vec::new()))
    }

    fn fulfil(&mut self, request: Request, descriptors: Vec<OwnedFd>) -> Answer {
        match request {
            Request::Read(path) if self.read.contains(&path) => {
                Ok((0, vec![open_without_waiting(&path)?.into()]))
            }
            Request::Append(path) if self.append.contains(&path) => {
                Ok((0, vec![open_append(&path)?.into()]))
            }
            Request::Read(_) | Request::Append(_) => Err(refused()),
            Request::Renew => self.renew(),
            Request::Start(number) => self.start(number, descriptors),
            Request::Share(group) => self.share(group, descriptors),
            Request::Kill(id) => {
                // Fails only if it has ended.
                let _ = self.child(id)?.child.kill();
                Ok((0, Vec::new()))
            }
            Request::GoOn(id) => {
                let_go_on(&self.child(id)?.child);
                Ok((0, Vec::new()))
            }
            Request::Status(id) => {
                let status = self.child(id)?.status();
                let status = status.ok_or_else(not_yet)?;
                self.children.remove(&id);
                Ok((status as u32, Vec::new()))
            }
        }
    }

    fn child(&mut self, id: u32) -> io::Result<&mut Started> {
        self.children.get_mut(&id).ok_or_else(refused)
    }

    fn start(&mut self, number: u32, descriptors: Vec<OwnedFd>) -> Answer {
        let is_meant = |it: &&Arc<Application>| it.fingerprint() == number;
        let application = self.applications.iter().find(is_meant).ok_or_else(refused)?;
        if self.children.len() >= CHILDREN_MAX {
            return Err(refused());
        }
        let streams = <[OwnedFd; 3]>::try_from(descriptors).map_err(|_| refused())?;
        let child = launch(application, streams)?;
        let id = child.id();
        let end = end_of(&child);
        let mut started = Started { child, end, status: None };
        let handed = started.facts(id);
        if handed.is_err() {
            let _ = started.child.kill();
        }
        self.children.insert(id, started);
        Ok((id, handed?))
    }

    /// Lets an application read a file of the client: nothing that anybody else has, and under no other name.
    fn share(&self, group: u32, descriptors: Vec<OwnedFd>) -> Answer {
        let identities = self.applications.iter().filter_map(|it| it.identity.as_ref());
        let is_of_an_application = identities.map(|it| it.group).any(|known| known == group);
        let file = descriptors.into_iter().next().map(File::from).ok_or_else(refused)?;
        let facts = file.metadata()?;
        let is_private = facts.is_file() && facts.nlink() <= 1 && facts.mode() & 0o7177 == 0;
        if !is_of_an_application || !is_private || facts.uid() != self.client {
            return Err(refused());
        }
        give_to_group(group, file.as_fd())?;
        Ok((0, Vec::new()))
    }

    /// Takes the exit status of all that have ended.
    fn reap(&mut self) {
        for started in self.children.values_mut() {
            if started.status().is_some() {
                started.end = None;
            }
        }
    }
}

impl Started {
    /// What the client sees it by: proc(5) of its state and of its memory, and its end.
    fn facts(&self, id: u32) -> io::Result<Vec<OwnedFd>> {
        let of = |name: &str| File::open(format!("/proc/{id}/{name}")).map(OwnedFd::from);
        let end = self.end.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        Ok(vec![of("stat")?, of("statm")?, end.try_clone()?])
    }

    fn status(&mut self) -> Option<i32> {
        if self.status.is_none() {
            let ended = self.child.try_wait().ok().flatten();
            self.status = ended.map(ExitStatusExt::into_raw);
        }
        self.status
    }
}

/// Opening a FIFO would wait for its writer.
fn open_without_waiting(path: &Path) -> io::Result<File> {
    let file = open_at_once(path)?;
    if !file.metadata()?.is_file() {
        return Err(refused());
    }
    Ok(file)
}

/// More than any configuration has, with those that leave.
const CHILDREN_MAX: usize = 8192;

/// The absolute paths of files.
fn absolute(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    paths.iter().filter_map(|path| std::path::absolute(path).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// A desk for a configuration with a log, passwords and an application, in a folder with other files.
    fn desk(folder: &Path) -> Desk {
        let at = |name: &str| folder.join(name);
        std::fs::create_dir(at("www")).expect("it is ours");
        std::fs::write(
            at("passwords"),
            "ann:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS",
        )
        .expect("it is ours");
        std::fs::write(at("other"), "other").expect("it is ours");
        let text = "root = \"www\"\nserve_as_root = true\nauth_basic = { realm = \"r\", file = \"passwords\" }\n\
             [log]\nfile = \"log\"\n\
             [[location]]\npath = \"/a\"\nwsgi = \"a:b\"\n";
        std::fs::write(at("httpd.toml"), text).expect("it is ours");
        let mut desk = Desk {
            read: [at("httpd.toml")].into(),
            append: BTreeSet::new(),
            applications: Vec::new(),
            client: own_user(),
            children: BTreeMap::new(),
            configuration: Some(at("httpd.toml")),
            overrides: Overrides::default(),
        };
        desk.renew().expect("it is sound");
        desk
    }

    fn is_refused(answer: &Answer) -> bool {
        answer.as_ref().is_err_and(|it| it.kind() == io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn it_opens_what_the_configuration_names_and_nothing_else() {
        let folder = tempfile::tempdir().expect("there is room");
        let at = |name: &str| folder.path().join(name);
        let mut desk = desk(folder.path());
        let mut ask = |request| desk.fulfil(request, Vec::new());
        let (_, mut opened) = ask(Request::Read(at("passwords"))).expect("it is named");
        let mut text = String::new();
        File::from(opened.remove(0)).read_to_string(&mut text).expect("it is open");
        assert!(text.starts_with("ann:"));
        ask(Request::Read(at("httpd.toml"))).expect("it is read again");
        ask(Request::Append(at("log"))).expect("it is named");
        assert!(at("log").is_file(), "a missing log is made");
        for request in [
            Request::Read(at("other")),
            Request::Append(at("httpd.toml")),
            Request::Read(at("log")),
            Request::Append(at("passwords")),
            Request::Read(at("www/../passwords")),
            Request::Read("/etc/shadow".into()),
            Request::Append("/etc/passwd".into()),
            Request::Start(1),
            Request::Kill(std::process::id()),
            Request::GoOn(1),
            Request::Status(1),
            Request::Share(0),
        ] {
            assert!(is_refused(&ask(request.clone())), "{request:?}");
        }
    }

    #[test]
    fn it_learns_what_the_operator_adds_to_the_file_and_forgets_nothing() {
        let folder = tempfile::tempdir().expect("there is room");
        let at = |name: &str| folder.path().join(name);
        let mut desk = desk(folder.path());
        let mut ask = |request| desk.fulfil(request, Vec::new());
        std::fs::write(at("httpd.toml"), "root = \"www\"\nlog = { file = \"next\" }\n")
            .expect("it is ours");
        assert!(is_refused(&ask(Request::Append(at("next")))));
        ask(Request::Renew).expect("it is sound");
        ask(Request::Append(at("next"))).expect("it is named now");
        ask(Request::Append(at("log"))).expect("its client may still write to it");
        std::fs::write(at("httpd.toml"), "nonsense").expect("it is ours");
        ask(Request::Renew).expect_err("it is not sound");
        ask(Request::Append(at("next"))).expect("it stays named");
    }

    #[test]
    fn it_shares_no_file_that_its_client_has_not_made() {
        let folder = tempfile::tempdir().expect("there is room");
        let mut desk = desk(folder.path());
        let path = folder.path().join("other");
        let file = || vec![File::open(&path).expect("it is ours").into()];
        // No application has a group of its own here.
        assert!(is_refused(&desk.fulfil(Request::Share(0), file())));
        assert!(is_refused(&desk.fulfil(Request::Share(12345), file())));
    }
}
