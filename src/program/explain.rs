//! `httpd explain`: what a site makes of a request, and why. The site is asked by the code that serves; this only
//! prints. It serves nothing.

use super::cli::Options;
use super::failure::Failure;
use super::questions::Question;
use super::{load, write_out};
use crate::config::{Config, Document, PlaceFiles, Source};
use crate::files::sibling;
use crate::http::{Coding, RequestHead, Scheme, Status};
use crate::server::asker::{Asked, Asker, head_on_the_wire};
use crate::server::in_process::RequestBuilder;
use crate::server::tls::HostCover;
use crate::site::Mapping;
use crate::site::explained::{Explained, WrittenAt};
use log::{LevelFilter, Log, Metadata, Record};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Prints what becomes of a request.
pub(super) fn explain(options: &Options, question: &Question) -> Result<(), Failure> {
    let (source, config) = load(options)?;
    let notes = Notes::default();
    if log::set_boxed_logger(Box::new(notes.clone())).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
    let document = source.document();
    let mut page = Page { source: &source, document, config: &config, text: String::new() };
    page.answer(question, &notes);
    write_out(&page.text);
    Ok(())
}

/// What is printed.
struct Page<'a> {
    source: &'a Source,
    document: Document,
    config: &'a Config,
    text: String,
}

impl Page<'_> {
    fn answer(&mut self, question: &Question, notes: &Notes) {
        let default = self.config.names.first().cloned().flatten();
        let host = question.host.clone().or(default).unwrap_or_else(|| "localhost".to_owned());
        let scheme = if question.is_https { Scheme::Https } else { Scheme::Http };
        let Question { method, target, client, .. } = question;
        let what = format!("{method} {}://{host}{target}", scheme.as_str());
        self.line("request", &what, &format!("from {client}"));

        let mut request =
            RequestBuilder::new(method, target).peer(SocketAddr::new(*client, 0)).scheme(scheme);
        if !question.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Host")) {
            request = request.header("Host", &host);
        }
        if !question.is_https
            && let Some(address) = self.config.server.plain_address(port_of(&host))
        {
            request = request.listener(address);
        }
        if question.is_https && self.is_refused(&host, question) {
            return;
        }
        let plain = request.clone();
        for (name, value) in &question.headers {
            request = request.header(name, value);
        }
        let mut asker = Asker::new();
        let proxies = self.config.server.proxies().cloned().unwrap_or_default();
        request.with_head_behind(&proxies, |head| match head {
            Ok(head) => {
                self.client(head, *client, scheme);
                self.explain(&mut asker, head, &plain, notes);
            }
            Err(status) => {
                self.line("refused", &format!("with {status}: it is no request"), "");
            }
        });
    }

    /// Whether the certificate of the connection is in the way.
    fn is_refused(&mut self, authority: &str, question: &Question) -> bool {
        let Some(tls) = self.config.server.certificates() else { return false };
        let is_host = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("Host");
        let named = question.headers.iter().find(is_host).map(|(_, value)| value.as_str());
        let (what, key) = match tls.judge(authority, named.unwrap_or(authority).as_bytes()) {
            HostCover::Covered => return false,
            HostCover::NotCovered => {
                ("with 421 Misdirected Request: no certificate covers this host", "certificate")
            }
            HostCover::NoCertificate => {
                ("in the TLS handshake: no host goes by this name", "unknown_host")
            }
        };
        let at = self.at(self.document.place_of(None, None, key));
        self.line("refused", what, &at);
        true
    }

    fn explain(
        &mut self,
        asker: &mut Asker,
        head: &RequestHead<'_>,
        plain: &RequestBuilder,
        notes: &Notes,
    ) {
        let site = self.config.server.site();
        let asked = asker.ask(site, head, Vec::new());
        let explained = site.explain(&asked.route, head, &asked.response);
        self.way(&explained);
        self.file(asker, &asked, plain);
        for note in notes.take() {
            self.line("note", &note, "");
        }
        self.text.push('\n');
        if asked.is_forwarded {
            self.text.push_str("The application answers; it is not asked here.\n");
            return;
        }
        let head = head_on_the_wire(&asked.response);
        let _ = write!(self.text, "{}", String::from_utf8_lossy(&head).replace("\r\n", "\n"));
    }

    /// Who the client is, where a trusted proxy says so.
    fn client(&mut self, head: &RequestHead<'_>, proxy: IpAddr, scheme: Scheme) {
        let client = head.peer().map(|address| address.ip());
        if client != Some(proxy) || head.scheme() != scheme {
            let client = client.map_or("unknown".to_owned(), |it| it.to_string());
            let text = format!("{client} over {}, as the proxy says", head.scheme().as_str());
            let at = self.at(self.document.place_of(None, None, "trusted_proxies"));
            self.line("client", &text, &at);
        }
    }

    /// The host, the location, and the rules on the way.
    fn way(&mut self, explained: &Explained) {
        let Explained { host, location, reasons } = explained;
        let misdirected = location.is_none() && reasons.iter().any(|it| it.written == NO_HOST);
        if !misdirected {
            let name = |place: usize| self.config.names.get(place).cloned().flatten();
            let (text, at) = match host {
                Some(place) => {
                    let name = name(place + 1).unwrap_or_default();
                    (name, self.document.place_of_host(*place))
                }
                None => ("the default host".to_owned(), None),
            };
            let at = self.at(at);
            self.line("host", &text, &at);
            match location {
                None => self.line("location", "none covers this path", ""),
                Some(path) => self.location(*host, path),
            }
        }
        for reason in reasons {
            let at = match reason.written {
                WrittenAt::Byte(at) => Some(at),
                WrittenAt::Key(key) => self.document.place_of(*host, location.as_deref(), key),
                WrittenAt::Nowhere => None,
            };
            let at = self.at(at);
            self.line("rule", &reason.what, &at);
        }
    }

    fn location(&mut self, host: Option<usize>, path: &str) {
        let shown = if path.is_empty() { "/" } else { path };
        let written = self.document.place_of_location(host, path);
        let (shown, at) = written.map_or((shown, None), |(at, written)| (written, Some(at)));
        let (shown, at) = (shown.to_owned(), self.at(at));
        self.line("location", &shown, &at);
        let key = |name| self.document.place_of(host, Some(path), name);
        let is_here = |it: &&crate::config::Place| {
            it.host == host && it.path.trim_end_matches('/') == path.trim_end_matches('/')
        };
        let place = self.config.places.iter().find(is_here);
        match place.map(|place| &place.files) {
            Some(Some(PlaceFiles { root, mapping, .. })) => {
                let (how, name) = match mapping {
                    Mapping::Alias => (" (without the path of the location)", "alias"),
                    Mapping::Root => ("", "root"),
                };
                let at = self.at(key(name));
                self.line("serves", &format!("files below {}{how}", root.path().display()), &at);
            }
            _ if key("wsgi").is_some() => {
                let at = self.at(key("wsgi"));
                self.line("serves", "an application", &at);
            }
            _ => {}
        }
    }

    /// The file that is sent, and its variant.
    fn file(&mut self, asker: &mut Asker, asked: &Asked, plain: &RequestBuilder) {
        let roots = || self.config.places.iter().filter_map(|it| Some(&it.files.as_ref()?.root));
        let sent = asker.file_of(&asked.response, roots());
        let coding = asked.response.headers.value("Content-Encoding").map(<[u8]>::to_owned);
        let has_no_body = matches!(
            asked.response.status,
            Status::NOT_MODIFIED | Status::PRECONDITION_FAILED | Status::RANGE_NOT_SATISFIABLE
        );
        let site = self.config.server.site();
        let file = match (coding.is_some() || has_no_body).then_some(()) {
            None => sent.clone(),
            Some(()) => plain.with_head(|head| {
                let whole = asker.ask(site, head.ok()?, Vec::new());
                asker.file_of(&whole.response, roots())
            }),
        };
        let is_error = asked.response.status >= Status::BAD_REQUEST && !has_no_body;
        let Some(file) = file.filter(|_| !is_error) else { return };
        let siblings = self.unfit_siblings(&file);
        self.line("file", &file.display().to_string(), "");
        if let Some(coding) = coding {
            let coding = String::from_utf8_lossy(&coding).into_owned();
            let sent = sent.map_or("compressed by the server".to_owned(), shown);
            self.line("variant", &format!("{coding}: {sent}"), "");
        }
        for (path, flaw) in siblings {
            self.line("not sent", &format!("{}: {flaw}", path.display()), "");
        }
    }

    /// The encoded siblings of a file that are not fit to be sent, where siblings are sent at all.
    fn unfit_siblings(&self, file: &Path) -> Vec<(PathBuf, &'static str)> {
        let mut files = self.config.places.iter().filter_map(|it| it.files.as_ref());
        if !files.any(|it| it.precompressed && file.starts_with(it.root.path())) {
            return Vec::new();
        }
        let flaw = |coding: Coding| {
            let mut name = file.as_os_str().to_owned();
            name.push(sibling::suffix(coding));
            let path = PathBuf::from(name);
            sibling::flaw_at(&path, file).map(|flaw| (path, flaw))
        };
        Coding::ALL.into_iter().filter_map(flaw).collect()
    }

    fn at(&self, at: Option<usize>) -> String {
        at.map_or(String::new(), |at| self.source.line_of(at))
    }

    fn line(&mut self, label: &str, text: &str, place: &str) {
        let line = format!("{label:<9} {text:<54} {place}");
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

/// The port of an authority without TLS.
fn port_of(authority: &str) -> u16 {
    let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.unwrap_or(80)
}

fn shown(path: PathBuf) -> String {
    path.display().to_string()
}

/// What the site logs while it is asked: why a file is not served, for example.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Log for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let note = record.args().to_string().replace(" (logged once)", "");
        if notes.len() < NOTES_MAX && !notes.contains(&note) {
            notes.push(note);
        }
    }

    fn flush(&self) {}
}

/// Where it is written that unknown hosts are refused.
const NO_HOST: WrittenAt = WrittenAt::Key("unknown_host");

/// A request causes few lines.
const NOTES_MAX: usize = 20;
