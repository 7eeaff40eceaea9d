//! The files of certificates are looked at, and read again when they have changed: however that was done, by renaming,
//! by writing in place, or by pointing a symlink elsewhere.
//!
//! Nobody writes two files at once, and some write one in pieces. So a change is read when the files have stayed the same
//! from one look to the next; and as long as that makes no pair, the one before it stays. It must never know who uses
//! what it finds.

use super::Tls;
use super::certificate::{Certificate, CertificateError};
use super::expiry::ExpiryWarnings;
use super::text::{CertificateText, FilesVersion};
use log::Level;
use std::time::{Duration, Instant, SystemTime};

/// The certificates of a server, as they are watched.
pub(super) struct Renewal {
    watched: Vec<Watched>,
}

struct Watched {
    /// The one in use.
    certificate: Certificate,
    warnings: ExpiryWarnings,
    /// What the last look found, if it comes from files.
    version: Option<FilesVersion>,
    change: Option<Change>,
}

/// A change of the files that is not in use.
struct Change {
    since: Instant,
    /// Whether this version was read.
    was_read: bool,
    /// Why it cannot be used, until that was logged.
    error: Option<CertificateError>,
}

impl Renewal {
    /// `has_warned`: whether the operator knows what is to say of the certificates at this time.
    pub(super) fn new(tls: &Tls, has_warned: bool, now: SystemTime) -> Renewal {
        let mut watched: Vec<Watched> = Vec::new();
        for certificate in tls.all() {
            let is_known = |it: &Watched| match (certificate.files(), it.certificate.files()) {
                (Some(files), Some(known)) => files == known,
                (None, None) => certificate.is_same(&it.certificate),
                _ => false,
            };
            if certificate.is_for_trying() || watched.iter().any(is_known) {
                continue;
            }
            let mut warnings = ExpiryWarnings::default();
            if has_warned {
                let _ = warnings.due(certificate.expires(), now);
            }
            watched.push(Watched {
                certificate: certificate.clone(),
                warnings,
                version: None,
                change: None,
            });
        }
        Renewal { watched }
    }

    /// Whether any of them comes from files.
    pub(super) fn has_files(&self) -> bool {
        self.watched.iter().any(|it| it.certificate.files().is_some())
    }

    /// Whether any of the files has changed and was not read yet.
    pub(super) fn is_changing(&self) -> bool {
        self.watched.iter().any(|it| it.change.as_ref().is_some_and(|change| !change.was_read))
    }

    /// Looks at all files. Returns what stands in those that are renewed; `say` is for the log.
    pub(super) fn look(
        &mut self,
        now: Instant,
        time: SystemTime,
        say: &mut dyn FnMut(Level, String),
    ) -> Vec<CertificateText> {
        let mut renewed = Vec::new();
        for it in &mut self.watched {
            renewed.extend(it.look(now, time, say));
            if let Some(words) = it.warnings.due(it.certificate.expires(), time) {
                say(Level::Warn, format!("{} {words}", it.certificate.described()));
            }
        }
        renewed
    }
}

impl Watched {
    fn look(
        &mut self,
        now: Instant,
        time: SystemTime,
        say: &mut dyn FnMut(Level, String),
    ) -> Option<CertificateText> {
        let files = self.certificate.files()?;
        let version = files.version();
        if self.version != Some(version) {
            // The first look is a change too: they were read before it.
            self.version = Some(version);
            self.change = Some(Change { since: now, was_read: false, error: None });
            return None;
        }
        let change = self.change.as_mut()?;
        if !change.was_read {
            let read = CertificateText::read(files.clone());
            if files.version() != version {
                // The next look sees that.
                return None;
            }
            change.was_read = true;
            match read.and_then(|text| Ok((text.certificate()?, text))) {
                Ok((certificate, _)) if certificate.is_same(&self.certificate) => {
                    self.change = None;
                    return None;
                }
                Ok((certificate, _))
                    if certificate.is_out_of_date(time)
                        && !self.certificate.is_out_of_date(time) =>
                {
                    let message = match certificate.warnings(time).first() {
                        Some(warning) => format!("{:?} {warning}", files.chain),
                        None => format!("{:?} is out of date", files.chain),
                    };
                    change.error = Some(CertificateError::of_chain(message));
                }
                Ok((certificate, text)) => {
                    self.take(certificate, time, say);
                    return Some(text);
                }
                Err(error) => change.error = Some(error),
            }
        }
        // Nothing that writes both files is that slow.
        if now.saturating_duration_since(change.since) >= PATIENCE
            && let Some(error) = change.error.take()
        {
            say(Level::Error, format!("{error}; {} stays in use", self.certificate.described()));
        }
        None
    }

    fn take(
        &mut self,
        certificate: Certificate,
        time: SystemTime,
        say: &mut dyn FnMut(Level, String),
    ) {
        let lost: Vec<String> = self
            .certificate
            .names()
            .into_iter()
            .filter(|name| !certificate.names().contains(name))
            .collect();
        self.certificate = certificate;
        self.change = None;
        let left = self.certificate.expires().duration_since(time).unwrap_or_default();
        let described = self.certificate.described();
        let days = left.as_secs() / 86_400;
        say(Level::Info, format!("{described} is renewed; {days} days left"));
        if !lost.is_empty() {
            let lost = lost.join(", ");
            say(Level::Warn, format!("{described} does not cover {lost} any more"));
        }
        for warning in self.certificate.warnings(time) {
            say(Level::Warn, format!("{described} {warning}"));
        }
        // What was just said is not said again today.
        let _ = self.warnings.due(self.certificate.expires(), time);
    }
}

/// How long a change may make no sense before it is an error.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
    use std::cell::Cell;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    struct Issued {
        chain: String,
        key: String,
    }

    fn issue(names: &[&str], until: i32) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("they are names");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        params.distinguished_name.push(DnType::CommonName, "a test");
        let key = KeyPair::generate().expect("random numbers");
        let certificate = params.self_signed(&key).expect("it is sound");
        Issued { chain: certificate.pem(), key: key.serialize_pem() }
    }

    /// A certificate that is watched.
    struct Scene {
        folder: tempfile::TempDir,
        renewal: Renewal,
        start: Instant,
        now: Duration,
        said: Vec<String>,
        puts: Cell<usize>,
    }

    impl Scene {
        fn new() -> Scene {
            let folder = tempfile::tempdir().expect("there is room");
            let mut scene = Scene {
                folder,
                renewal: Renewal { watched: Vec::new() },
                start: Instant::now(),
                now: Duration::ZERO,
                said: Vec::new(),
                puts: Cell::new(0),
            };
            scene.write(&issue(&["a.test"], 2048));
            let certificate = Certificate::read(scene.path("chain"), scene.path("key"));
            let tls = Tls::new(certificate.expect("it is sound"));
            scene.renewal = Renewal::new(&tls, true, SystemTime::now());
            assert!(scene.look_for(1).is_empty(), "nothing has changed");
            scene
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Each is one byte longer than the one before: the clock of the kernel may stand still meanwhile.
        fn put(&self, name: &str, text: &str) {
            self.puts.set(self.puts.get() + 1);
            let text = text.to_owned() + &"\n".repeat(self.puts.get());
            fs::write(self.path(name), text).expect("there is room");
        }

        fn write(&self, issued: &Issued) {
            self.put("chain", &issued.chain);
            self.put("key", &issued.key);
        }

        /// Looks for so many seconds, five times in each.
        fn look_for(&mut self, seconds: u32) -> Vec<CertificateText> {
            let mut found = Vec::new();
            for _ in 0..5 * seconds {
                self.now += SETTLING;
                let said = &mut self.said;
                found.extend(self.renewal.look(
                    self.start + self.now,
                    SystemTime::now(),
                    &mut |level, words| said.push(format!("{level} {words}")),
                ));
            }
            found
        }

        #[track_caller]
        fn renews(&mut self) {
            let found = self.look_for(1);
            assert_eq!(found.len(), 1, "{:?}", self.said);
            assert!(self.said[0].contains("is renewed"), "{:?}", self.said);
            assert!(found[0].certificate().is_ok());
            self.said.clear();
        }

        #[track_caller]
        fn keeps(&mut self, seconds: u32) {
            assert_eq!(self.look_for(seconds), []);
        }
    }

    const SETTLING: Duration = Duration::from_millis(200);

    #[test]
    fn a_pair_is_renewed_however_it_is_written() {
        let mut scene = Scene::new();
        scene.write(&issue(&["a.test"], 2048));
        scene.renews();
        // By renaming.
        let next = issue(&["a.test"], 2048);
        scene.put("new-chain", &next.chain);
        scene.put("new-key", &next.key);
        for name in ["chain", "key"] {
            fs::rename(scene.path(&format!("new-{name}")), scene.path(name)).expect("a name");
        }
        scene.renews();
        // By symlinks that point elsewhere.
        for number in 1..4 {
            let next = issue(&["a.test"], 2048);
            for (name, text) in [("chain", &next.chain), ("key", &next.key)] {
                let target = format!("{name}{number}");
                scene.put(&target, text);
                fs::remove_file(scene.path(name)).expect("it is there");
                symlink(Path::new(&target), scene.path(name)).expect("a name");
            }
            scene.renews();
        }
    }

    #[test]
    fn a_file_alone_waits_for_the_other_and_is_an_error_after_a_while() {
        let mut scene = Scene::new();
        let next = issue(&["a.test"], 2048);
        scene.put("chain", &next.chain);
        scene.keeps(4);
        assert!(scene.said.is_empty(), "{:?}", scene.said);
        scene.put("key", &next.key);
        scene.renews();
        let third = issue(&["a.test"], 2048);
        scene.put("key", &third.key);
        scene.keeps(60);
        assert_eq!(scene.said.len(), 1, "{:?}", scene.said);
        for part in ["ERROR", "key\" is not the private key", "chain\" (a.test) stays in use"] {
            assert!(scene.said[0].contains(part), "{:?}", scene.said);
        }
        scene.said.clear();
        scene.put("chain", &third.chain);
        scene.renews();
    }

    #[test]
    fn a_file_that_is_half_written_damaged_or_gone_changes_nothing() {
        let mut scene = Scene::new();
        let next = issue(&["a.test"], 2048);
        for (chain, words) in [
            (&next.chain[..next.chain.len() / 2], "is cut short"),
            ("", "is empty"),
            ("hello", "has no certificate"),
        ] {
            scene.put("chain", chain);
            scene.keeps(10);
            assert_eq!(scene.said.len(), 1, "{:?}", scene.said);
            assert!(scene.said[0].contains(words), "{:?}", scene.said);
            scene.said.clear();
        }
        fs::remove_file(scene.path("key")).expect("it is there");
        scene.put("chain", &next.chain);
        scene.keeps(10);
        assert!(scene.said[0].contains("does not exist"), "{:?}", scene.said);
        scene.said.clear();
        scene.put("key", &next.key);
        scene.renews();
    }

    #[test]
    fn one_that_has_expired_replaces_none_that_has_not() {
        let mut scene = Scene::new();
        scene.write(&issue(&["a.test"], 2021));
        scene.keeps(10);
        assert!(scene.said[0].contains("has expired"), "{:?}", scene.said);
        scene.said.clear();
        scene.write(&issue(&["b.test"], 2048));
        let found = scene.look_for(1);
        assert_eq!(found.len(), 1);
        assert!(scene.said[1].contains("does not cover a.test any more"), "{:?}", scene.said);
    }

    #[test]
    fn files_that_are_only_touched_are_no_news() {
        let mut scene = Scene::new();
        let text = fs::read(scene.path("chain")).expect("it is there");
        fs::write(scene.path("chain"), text).expect("there is room");
        scene.keeps(10);
        assert!(scene.said.is_empty(), "{:?}", scene.said);
    }
}
