//! Names and passwords that a part of a site asks for (RFC 7617).
//!
//! It must never know what is protected.

mod htpasswd;
mod remembered;
mod turns;

pub use htpasswd::PasswordLineError;
#[cfg(any(all(test, feature = "cli"), feature = "fuzzing"))]
pub use htpasswd::fuzz_passwords;

use super::Response;
use super::permit::{Checked, Permit};
use super::refused::Refused;
use super::rules::client_key::ClientKey;
use super::status::Refusal;
use crate::files::RereadFile;
use crate::http::{Cancellation, RequestHead, Status, basic};
use htpasswd::Passwords;
use remembered::{Key, Remembered};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use turns::{Turn, Turns, Whose};

/// Lets only those in who have a name and a password in a file, as Apache's `htpasswd` writes it: for
/// [`Site::around`](crate::Site::around).
///
/// The hashes may be bcrypt, SHA-512-crypt and Argon2. They are compared on a thread of the pool, a few at a time.
/// Clients that have sent wrong passwords wait behind those that have not, and where too many wait, further ones are
/// answered with 503. A password that was right is remembered for a minute, as a keyed hash; a wrong one is answered
/// after half a second. The file is read again when it has changed.
///
/// A client sends its password with every request, so it needs a connection that nobody else can read.
///
/// ```no_run
/// use httpd::{BasicAuth, Root, Site, StaticFiles};
/// let staff = BasicAuth::new("staff", "/etc/httpd/staff.htpasswd")?;
/// let site = Site::new()
///     .at("/", StaticFiles::new(Root::open("public")?))
///     .around("/staff", move |request, next| staff.check(request, next));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct BasicAuth {
    inner: Arc<AuthInner>,
}

struct AuthInner {
    challenge: String,
    file: RereadFile<Passwords>,
    remembered: Remembered,
    turns: Arc<Turns>,
    /// By which a name that is not in the file stands for one that is.
    stand_ins: RandomState,
    /// Whether the file cannot be read, which is logged once.
    is_unreadable: AtomicBool,
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BasicAuth").field("file", &self.inner.file.path()).finish_non_exhaustive()
    }
}

impl BasicAuth {
    /// Asks for the names and passwords in a file. The realm is what browsers show.
    ///
    /// # Errors
    /// If the file cannot be read. Lines that cannot be used are left out, and reported in the log.
    pub fn new(realm: &str, file: impl AsRef<Path>) -> io::Result<BasicAuth> {
        let realm: String = realm.chars().filter(|it| !it.is_control()).collect();
        let realm = realm.replace('\\', "\\\\").replace('"', "\\\"");
        let inner = AuthInner {
            challenge: format!("Basic realm=\"{realm}\", charset=\"UTF-8\""),
            file: RereadFile::new(file.as_ref())?,
            remembered: Remembered::default(),
            turns: Turns::new(COMPARING_MAX),
            stand_ins: RandomState::new(),
            is_unreadable: AtomicBool::new(false),
        };
        inner.passwords()?;
        Ok(BasicAuth { inner: Arc::new(inner) })
    }

    /// What is wrong with the file, if anything is.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn first_error(&self) -> io::Result<Option<PasswordLineError>> {
        Ok(self.inner.passwords()?.first_error.clone())
    }

    /// Whether a client with this `Authorization` may go on. The log names the request, if there is one.
    pub(super) fn ask(
        &self,
        authorization: Option<&[u8]>,
        client: Option<SocketAddr>,
        request: Option<&RequestHead<'_>>,
    ) -> Permit {
        let Some((name, password)) = authorization.and_then(basic::credentials) else {
            return Permit::Refused(Box::new(self.inner.refusal()));
        };
        let key = match htpasswd::may_be_right(&name, &password) {
            true => Some(self.inner.remembered.key(&name, &password)),
            false => None,
        };
        if key.is_some_and(|key| self.inner.remembered.is_right(key)) {
            return Permit::Granted;
        }
        let mut attempt = Attempt {
            auth: Arc::clone(&self.inner),
            client: ClientKey::of(client),
            name: Refused::named(client, request),
            credentials: key.map(|key| Credentials { name, password, key }),
            turn: None,
            passwords: None,
            refusal: None,
        };
        Permit::Check(Box::new(move |cancellation| attempt.go_on(cancellation)))
    }
}

/// A name and a password that are compared.
struct Attempt {
    auth: Arc<AuthInner>,
    client: ClientKey,
    /// Its client and request, for the log.
    name: Refused,
    /// `None` if they are too long to be right.
    credentials: Option<Credentials>,
    turn: Option<Turn>,
    /// What the file said when this began.
    passwords: Option<Arc<Passwords>>,
    /// What the client gets after a while.
    refusal: Option<Response>,
}

struct Credentials {
    name: Vec<u8>,
    password: Vec<u8>,
    key: Key,
}

impl Attempt {
    /// Compares the password when it is its turn. A refusal is answered later, when no turn and no thread waits for it.
    fn go_on(&mut self, cancellation: &Cancellation) -> Checked {
        if let Some(refusal) = self.refusal.take() {
            return Checked::Refused(Box::new(refusal));
        }
        if cancellation.is_cancelled() {
            return Checked::Refused(Box::new(self.auth.refusal()));
        }
        let auth = Arc::clone(&self.auth);
        let Some(Credentials { name, password, key }) = &self.credentials else {
            return self.wrong(" (too long to be compared)");
        };
        // Another request may have brought the same meanwhile.
        if auth.remembered.is_right(*key) {
            return Checked::Passed;
        }
        let passwords = match self.passwords.take().map_or_else(|| auth.passwords(), Ok) {
            Ok(passwords) => self.passwords.insert(passwords),
            Err(error) => return auth.unreadable(&error),
        };
        if passwords.is_empty() || auth.remembered.is_wrong(*key, passwords) {
            return self.wrong(" (the same again)");
        }
        let turn = match self.turn.take().or_else(|| auth.turns.enter(self.client)) {
            Some(turn) => self.turn.insert(turn),
            None => return self.busy(),
        };
        match turn.ask() {
            Whose::Yours => {}
            Whose::Others(pause) => return Checked::Later(pause),
            Whose::Nobodys => return self.busy(),
        }
        // It may have changed while this waited.
        let passwords = match auth.passwords() {
            Ok(passwords) => passwords,
            Err(error) => return auth.unreadable(&error),
        };
        if passwords.verify(name, password, auth.stand_ins.hash_one(name)) {
            auth.remembered.note_right(*key);
            return Checked::Passed;
        }
        auth.remembered.note_wrong(*key, &passwords);
        self.wrong("")
    }

    fn wrong(&mut self, why: &str) -> Checked {
        let name = self.credentials.as_ref().map_or(&b""[..], |it| &it.name);
        let name = String::from_utf8_lossy(&name[..name.len().min(SHOWN_BYTES_MAX)]);
        log::info!("{}: wrong name or password for {name:?}{why}; answered 401", self.name);
        self.auth.turns.note_failure(self.client);
        let refusal = self.auth.refusal();
        self.refuse_later(refusal)
    }

    /// Too many passwords wait to be compared.
    fn busy(&mut self) -> Checked {
        Refusal::PasswordsBusy.note();
        if self.auth.turns.warns() {
            let path = self.auth.file.path().display();
            log::warn!(
                "too many passwords wait to be compared with {path}; answered 503 (logged once a minute)"
            );
        }
        self.refuse_later(Response::busy())
    }

    fn refuse_later(&mut self, refusal: Response) -> Checked {
        self.refusal = Some(refusal);
        self.turn = None;
        Checked::Later(REFUSAL_PAUSE)
    }
}

impl AuthInner {
    fn passwords(&self) -> io::Result<Arc<Passwords>> {
        let passwords = self.file.current(|text| {
            let passwords = Passwords::parse(text);
            if let Some(error) = &passwords.first_error {
                log::warn!(
                    "{}: {error}; what cannot be used is left out",
                    self.file.path().display()
                );
            }
            passwords
        })?;
        self.is_unreadable.store(false, Ordering::Relaxed);
        Ok(passwords)
    }

    /// RFC 9110 §15.5.2.
    fn refusal(&self) -> Response {
        Response::new(Status::UNAUTHORIZED).header("WWW-Authenticate", &self.challenge)
    }

    fn unreadable(&self, error: &io::Error) -> Checked {
        if !self.is_unreadable.swap(true, Ordering::Relaxed) {
            let path = self.file.path().display();
            log::error!(
                "cannot read the passwords in {path}: {error}; answered 500 until it can be read (logged once)"
            );
        }
        Checked::Refused(Box::new(Response::new(Status::INTERNAL_SERVER_ERROR)))
    }
}

/// How many passwords of a file are compared at a time, so that guessing leaves threads and CPU to others.
const COMPARING_MAX: usize = 2;

/// How long a refusal waits before it is answered.
const REFUSAL_PAUSE: Duration = Duration::from_millis(500);

/// How much of a name the log shows.
const SHOWN_BYTES_MAX: usize = 64;
