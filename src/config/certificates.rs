//! Certificates: their files, and which host has which. Reads the files, so that whatever is wrong with them is reported
//! before anything starts.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::certificate_section::CertificateSection;
use super::errors::Errors;
use super::file::File;
use super::naming::Naming;
use super::origin::{Origin, Written};
use super::overrides::Overrides;
use crate::server::{Certificate, CertificateFiles, CertificateText, Tls};
use crate::site::{HostName, UnknownHost};

/// What is known of the certificates.
#[derive(Default)]
pub(super) struct ServedCertificates {
    pub(super) tls: Option<Tls>,
    /// A line for each certificate, for `-t`.
    pub(super) descriptions: Vec<String>,
    /// What stands in their files, each once.
    pub(super) texts: Vec<CertificateText>,
    /// What is said of the one that was made for trying.
    pub(super) made: Option<&'static str>,
}

/// Reads all certificates. `secured`: where an address with TLS is written, if there is one.
pub(super) fn certificates(
    file: &File,
    secured: Option<Origin>,
    overrides: &Overrides,
    base: &Path,
    errors: &mut Errors,
) -> ServedCertificates {
    let mut reader = Reader {
        base,
        known: &overrides.certificates,
        errors,
        now: SystemTime::now(),
        served: ServedCertificates::default(),
        has_failed: false,
    };
    let top = reader.group(&file.certificates, &file.naming);
    let mut hosts: Vec<(HostName, Certificate)> = Vec::new();
    for host in &file.hosts {
        let own = reader.group(&host.certificates, &host.naming);
        let is_missing = own.is_empty() && top.is_empty() && !reader.has_failed;
        if is_missing && secured.is_some() && has_any(file) {
            let message = "this host has no certificate: write its certificate and certificate_key here, or one for all hosts at the top";
            reader.errors.note(host.origin, message);
            reader.has_failed = true;
        }
        if own.is_empty() && secured.is_some() {
            reader.check_inherited(&host.naming, &top);
        }
        let own = if own.is_empty() { &top } else { &own };
        hosts.extend(pairs(&host.naming, own));
    }
    let refuses = file.unknown_host == Some(UnknownHost::Refuse);
    if refuses {
        hosts.extend(pairs(&file.naming, &top));
    }
    if secured.is_none() {
        reader.check_use(file);
    }
    let Reader { mut served, has_failed, errors, .. } = reader;
    let mut all = top.into_iter();
    let first = all.next().or_else(|| hosts.first().map(|(_, certificate)| certificate.clone()));
    let made = match (&first, overrides.tls) {
        (None, true) => {
            let made = Certificate::for_trying();
            served.made = Some(MADE);
            served.descriptions.push(MADE.to_owned());
            made.map_err(|error| {
                errors
                    .note(Origin::Given("--tls"), format!("no certificate can be made: it {error}"))
            })
            .ok()
        }
        _ => None,
    };
    match (first.or(made), secured) {
        (Some(first), _) => {
            let tls = all.fold(Tls::new(first).after_warnings(), Tls::certificate);
            let tls = hosts.into_iter().fold(tls, |tls, (name, it)| tls.host(name, it));
            served.tls = Some(if refuses { tls.refuse_unknown_hosts() } else { tls });
        }
        (None, Some(origin)) if !has_failed => errors.note(
            origin,
            "https:// needs a certificate: write certificate = \"fullchain.pem\" and certificate_key = \"privkey.pem\"; \
             without a configuration, --tls makes one for localhost",
        ),
        (None, _) => {}
    }
    served
}

/// The files of all certificates and keys.
pub(super) fn files(file: &File, base: &Path) -> Vec<PathBuf> {
    let sections = file.hosts.iter().map(|host| &host.certificates).chain([&file.certificates]);
    let written = sections.flat_map(|it| it.certificates.iter().chain(&it.keys));
    written.map(|it| base.join(&it.value)).collect()
}

/// Whether any certificate is written, at the top or in a host.
fn has_any(file: &File) -> bool {
    let hosts = file.hosts.iter().map(|host| &host.certificates);
    hosts.chain([&file.certificates]).any(|section| !section.certificates.is_empty())
}

fn pairs(naming: &Naming, certificates: &[Certificate]) -> Vec<(HostName, Certificate)> {
    let names = naming.server_names.iter().chain(&naming.canonical_host);
    let mut pairs: Vec<(HostName, Certificate)> = Vec::new();
    for name in names {
        if pairs.iter().all(|(known, _)| *known != name.value) {
            pairs.extend(certificates.iter().map(|it| (name.value.clone(), it.clone())));
        }
    }
    pairs
}

/// The names of a host that none of these certificates covers.
fn uncovered<'n>(naming: &'n Naming, group: &[Certificate]) -> Vec<&'n Written<HostName>> {
    let is_covered = |name: &&Written<HostName>| {
        // What a wildcard of a certificate covers is one label deep.
        let shown = name.value.to_string();
        let covers = |it: &Certificate| match name.value.is_wildcard() {
            true => it.names().contains(&shown),
            false => it.covers(&shown),
        };
        group.is_empty() || group.iter().any(covers)
    };
    let names = naming.server_names.iter().chain(&naming.canonical_host);
    names.filter(|name| !is_covered(name)).collect()
}

fn names_of(group: &[Certificate]) -> String {
    group.first().map(|first| first.names().join(", ")).unwrap_or_default()
}

struct Reader<'a> {
    base: &'a Path,
    /// What need not be read from its files.
    known: &'a [CertificateText],
    errors: &'a mut Errors,
    now: SystemTime,
    served: ServedCertificates,
    has_failed: bool,
}

impl Reader<'_> {
    /// The certificates of the top or of a host.
    fn group(&mut self, section: &CertificateSection, naming: &Naming) -> Vec<Certificate> {
        let CertificateSection { certificates, keys } = section;
        let (count, keys_count) = (certificates.len(), keys.len());
        if let (0, Some(key)) = (count, keys.first()) {
            self.fail(key.origin, "certificate_key needs the certificate that it belongs to");
            return Vec::new();
        }
        if let (true, Some(key)) = (keys_count != count, keys.first()) {
            let message = format!(
                "certificate_key has {keys_count} files, and certificate has {count}: write one key for each, in the same order"
            );
            self.fail(key.origin, message);
            return Vec::new();
        }
        let mut group = Vec::new();
        for (place, certificate) in certificates.iter().enumerate() {
            group.extend(self.one(certificate, keys.get(place)));
        }
        if group.len() == count {
            self.check_names(naming, &group);
        }
        group
    }

    /// One certificate. Without a key of its own, its file has the key as well.
    fn one(
        &mut self,
        written: &Written<String>,
        key: Option<&Written<String>>,
    ) -> Option<Certificate> {
        let path = self.base.join(&written.value);
        let key_path = key.map_or_else(|| path.clone(), |key| self.base.join(&key.value));
        let files = CertificateFiles { chain: path.clone(), key: key_path };
        let read = match self.known.iter().find(|it| it.files == files) {
            Some(text) => Ok(text.clone()),
            None => CertificateText::read(files),
        };
        match read.and_then(|text| Ok((text.certificate()?, text))) {
            Ok((certificate, text)) => {
                if !self.served.texts.iter().any(|it| it.files == text.files) {
                    self.served.texts.push(text);
                }
                let shown = path.display();
                let names = certificate.names().join(", ");
                let left = certificate.expires().duration_since(self.now).unwrap_or_default();
                let days = left.as_secs() / 86_400;
                self.served.descriptions.push(format!("{shown}: for {names}; {days} days left"));
                for warning in certificate.warnings(self.now) {
                    self.errors.warn(written.origin, format!("the certificate {path:?} {warning}"));
                }
                Some(certificate)
            }
            Err(error) => {
                match key {
                    Some(key) if error.is_about_key() => {
                        self.fail(key.origin, format!("certificate_key: {error}"));
                    }
                    None if error.is_about_key() && error.lacks_key() => {
                        let message = format!(
                            "certificate: {path:?} has no private key: write the file that has it as certificate_key"
                        );
                        self.fail(written.origin, message);
                    }
                    _ => self.fail(written.origin, format!("certificate: {error}")),
                }
                None
            }
        }
    }

    fn fail(&mut self, origin: Origin, message: impl Into<String>) {
        self.has_failed = true;
        self.errors.note(origin, message);
    }

    /// Warns of names that no certificate of their host covers.
    fn check_names(&mut self, naming: &Naming, group: &[Certificate]) {
        for name in uncovered(naming, group) {
            let (shown, names) = (&name.value, names_of(group));
            let message = format!("no certificate of this host covers {shown}; it covers {names}");
            self.errors.warn(name.origin, message);
        }
    }

    /// Warns of names that no certificate of the top covers, which their host inherits.
    fn check_inherited(&mut self, naming: &Naming, top: &[Certificate]) {
        for name in uncovered(naming, top) {
            let (shown, names) = (&name.value, names_of(top));
            let message = format!(
                "this host has the certificate of the top, which covers {names} and not {shown}: over HTTPS, requests for {shown} get 421; write its certificate here"
            );
            self.errors.warn(name.origin, message);
        }
    }

    /// Warns of certificates that nobody gets.
    fn check_use(&mut self, file: &File) {
        let hosts = file.hosts.iter().map(|host| &host.certificates);
        let mut all = [&file.certificates].into_iter().chain(hosts);
        if let Some(first) = all.find_map(|section| section.certificates.first()) {
            let message = "no address speaks TLS, so that nobody gets a certificate: write listen = \"https://:443\"";
            self.errors.warn(first.origin, message.to_owned());
        }
    }
}

const MADE: &str = "made in memory for localhost, for trying; browsers warn of it";
