//! Names and passwords that a part of a site asks for (RFC 7617).
//!
//! It must never know what is protected.

mod htpasswd;

pub use htpasswd::PasswordLineError;

use super::around::{Checked, Next, Outcome};
use super::{Request, Response};
use crate::files::RereadFile;
use crate::http::{HeaderName, Status, basic};
use htpasswd::Passwords;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Lets only those in who have a name and a password in a file, as Apache's `htpasswd` writes it: for
/// [`Site::around`](crate::Site::around).
///
/// The hashes may be bcrypt, SHA-512-crypt and Argon2. They are compared on a thread of the pool, a few at a time. A
/// password that was right is remembered for a minute, as a keyed hash; a wrong one is answered after half a second.
/// The file is read again when it has changed.
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
    /// How many passwords are compared now.
    comparing: AtomicUsize,
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
            comparing: AtomicUsize::new(0),
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

    /// Lets a request go on if it has a name and its password.
    pub fn check(&self, request: &Request<'_>, next: Next) -> Outcome {
        let credentials = request.as_head().first(HeaderName::Authorization);
        let Some((name, password)) = credentials.and_then(basic::credentials) else {
            return self.inner.refusal().into();
        };
        let key = self.inner.remembered.key(&name, &password);
        if self.inner.remembered.has(key) {
            return next.run();
        }
        let inner = Arc::clone(&self.inner);
        let mut is_wrong = false;
        next.checked(move |_| {
            if is_wrong {
                return Checked::Refused(Box::new(inner.refusal()));
            }
            let Some(_turn) = Turn::take(&inner.comparing) else {
                return Checked::Later(TURN_PAUSE);
            };
            match inner.passwords() {
                Ok(passwords) if passwords.verify(&name, &password) => {
                    inner.remembered.add(key);
                    Checked::Passed
                }
                Ok(_) => {
                    log::info!("wrong name or password for {:?}", String::from_utf8_lossy(&name));
                    is_wrong = true;
                    Checked::Later(WRONG_PAUSE)
                }
                Err(error) => {
                    let path = inner.file.path().display();
                    log::error!("cannot read the passwords in {path}: {error}; answered 500");
                    Checked::Refused(Box::new(Response::new(Status::INTERNAL_SERVER_ERROR)))
                }
            }
        })
    }
}

impl AuthInner {
    fn passwords(&self) -> io::Result<Arc<Passwords>> {
        self.file.current(|text| {
            let passwords = Passwords::parse(text);
            if let Some(error) = &passwords.first_error {
                log::warn!("{}: {error}; the line is left out", self.file.path().display());
            }
            passwords
        })
    }

    /// RFC 9110 §15.5.2.
    fn refusal(&self) -> Response {
        Response::new(Status::UNAUTHORIZED).header("WWW-Authenticate", &self.challenge)
    }
}

/// One of the few comparisons that may run at a time, so that guessing leaves threads and CPU to others.
struct Turn<'a>(&'a AtomicUsize);

impl Turn<'_> {
    fn take(comparing: &AtomicUsize) -> Option<Turn<'_>> {
        if comparing.fetch_add(1, Ordering::Relaxed) < COMPARING_MAX {
            return Some(Turn(comparing));
        }
        comparing.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Names and passwords that were right, as keyed hashes that nobody outside this process can compute.
#[derive(Default)]
struct Remembered {
    keys: [RandomState; 2],
    until: Mutex<HashMap<[u64; 2], SystemTime>>,
}

impl Remembered {
    fn key(&self, name: &[u8], password: &[u8]) -> [u64; 2] {
        [0, 1].map(|place: usize| self.keys[place].hash_one((name, password)))
    }

    fn has(&self, key: [u64; 2]) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        // A clock that was set back makes nobody remembered for longer.
        until
            .get(&key)
            .is_some_and(|until| until.duration_since(now).is_ok_and(|left| left <= REMEMBERED))
    }

    fn add(&self, key: [u64; 2]) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        if until.len() >= REMEMBERED_MAX {
            until.retain(|_, until| *until > now);
        }
        if until.len() < REMEMBERED_MAX {
            until.insert(key, now + REMEMBERED);
        }
    }
}

/// A password that was removed from the file is good for so long.
const REMEMBERED: Duration = Duration::from_secs(60);

/// So many are remembered at a time.
const REMEMBERED_MAX: usize = 10_000;

/// How long a wrong password waits for its answer.
const WRONG_PAUSE: Duration = Duration::from_millis(500);

/// How long a comparison waits for others.
const TURN_PAUSE: Duration = Duration::from_millis(20);

/// How many passwords of a file are compared at a time.
const COMPARING_MAX: usize = 2;
