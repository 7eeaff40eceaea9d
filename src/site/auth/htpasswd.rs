//! The file of names and passwords that Apache's `htpasswd` writes.
//!
//! It must never know what the passwords are for.

use std::collections::HashMap;
use std::fmt;

/// The names of a file, and the hashes of their passwords.
#[derive(Debug, Default)]
pub(super) struct Passwords {
    /// For each name, the place of its hash in the list.
    names: HashMap<Box<[u8]>, usize>,
    hashes: Vec<Hash>,
    /// What is wrong with the first line that cannot be used.
    pub(super) first_error: Option<PasswordLineError>,
}

/// The hash of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Bcrypt(String),
    Sha512(String),
    Argon2(String),
}

/// What is wrong with a line of a file of passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordLineError {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) why: String,
    /// Further lines that cannot be used: the first of them, and how many there are.
    others: Vec<usize>,
    others_count: usize,
}

impl fmt::Display for PasswordLineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)?;
        if self.others.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = self.others.iter().map(usize::to_string).collect();
        let more = self.others_count - self.others.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        write!(f, " (nor can these lines be used: {}{more})", lines.join(", "))
    }
}

impl std::error::Error for PasswordLineError {}

impl Passwords {
    /// Reads a file. Lines that cannot be used are left out.
    pub(super) fn parse(text: &[u8]) -> Passwords {
        let mut passwords = Passwords::default();
        for (place, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match entry(line) {
                Ok((name, hash)) => {
                    // As in Apache's, the first line of a name counts.
                    passwords.names.entry(name.into()).or_insert_with(|| {
                        passwords.hashes.push(hash);
                        passwords.hashes.len() - 1
                    });
                }
                Err(why) => {
                    passwords.note(place + 1, why);
                }
            }
        }
        passwords
    }

    /// A line cannot be used, for this reason.
    fn note(&mut self, line: usize, why: &str) {
        match &mut self.first_error {
            None => {
                let (others, others_count) = (Vec::new(), 0);
                let why = why.to_owned();
                self.first_error = Some(PasswordLineError { line, why, others, others_count });
            }
            Some(first) => {
                first.others_count += 1;
                if first.others.len() < OTHERS_MAX {
                    first.others.push(line);
                }
            }
        }
    }

    /// Whether nobody can get in.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether somebody of this name has this password. For a name that is not in the file, the hash of another one is
    /// compared, so that it takes as long. `stand_in` chooses that one, always the same: it is a hash of the name that no
    /// client can compute.
    pub(super) fn verify(&self, name: &[u8], password: &[u8], stand_in: u64) -> bool {
        let known = self.names.get(name).copied();
        let count = self.hashes.len().max(1) as u64;
        let place = known.unwrap_or((stand_in % count) as usize);
        let is_right = self.hashes.get(place).is_some_and(|hash| hash.verify(password));
        is_right && known.is_some()
    }
}

/// Whether a name and a password can be right at all: longer ones would cost much to compare.
pub(super) fn may_be_right(name: &[u8], password: &[u8]) -> bool {
    // SHA-512-crypt takes time by the square of the length.
    name.len() <= BYTES_MAX && password.len() <= BYTES_MAX
}

fn entry(line: &[u8]) -> Result<(&[u8], Hash), &'static str> {
    let colon = line
        .iter()
        .position(|&byte| byte == b':')
        .ok_or("it has no colon; write name:hash, as `htpasswd -B` does")?;
    let (name, hash) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() {
        return Err("there is no name before the colon");
    }
    // Further fields are comments.
    let hash = hash.split(|&byte| byte == b':').next().unwrap_or_default();
    let hash = std::str::from_utf8(hash).map_err(|_| "its hash is no text")?.to_owned();
    let is = |prefixes: &[&str]| prefixes.iter().any(|prefix| hash.starts_with(prefix));
    const BROKEN: &str = "its hash is cut off or damaged; make a new one with `htpasswd -B`";
    if is(&["$2a$", "$2b$", "$2y$"]) {
        let parts = hash.parse::<bcrypt::HashParts>();
        let is_whole = parts.is_ok_and(|parts| (4..=31).contains(&parts.get_cost()));
        return if is_whole { Ok((name, Hash::Bcrypt(hash))) } else { Err(BROKEN) };
    }
    if is(&["$6$"]) {
        let digest = hash.rsplit('$').next().unwrap_or_default();
        let is_whole = digest.len() == SHA512_DIGITS && hash.split('$').count() >= 4;
        return if is_whole { Ok((name, Hash::Sha512(hash))) } else { Err(BROKEN) };
    }
    if is(&["$argon2id$", "$argon2i$", "$argon2d$"]) {
        let is_whole = argon2::PasswordHash::new(&hash).is_ok_and(|it| it.hash.is_some());
        return if is_whole { Ok((name, Hash::Argon2(hash))) } else { Err(BROKEN) };
    }
    Err(if is(&["$apr1$", "$1$"]) {
        "its hash is MD5, which is broken quickly; make a new one with `htpasswd -B`"
    } else if is(&["{SHA}", "{SSHA}"]) {
        "its hash is SHA-1 without a cost, which is broken quickly; make a new one with `htpasswd -B`"
    } else if is(&["$5$"]) {
        "its hash is SHA-256-crypt, which is not supported; make a new one with `htpasswd -B`"
    } else if is(&["$"]) {
        "its hash is of a kind that is not supported; make a new one with `htpasswd -B`"
    } else {
        "its password is in plain text, or in DES; make a hash with `htpasswd -B`"
    })
}

impl Hash {
    fn verify(&self, password: &[u8]) -> bool {
        match self {
            Hash::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Hash::Sha512(hash) => {
                // What is no text is wrong, and takes as long.
                let text = String::from_utf8_lossy(password);
                let is_right = sha_crypt::sha512_check(&text, hash).is_ok();
                is_right && text.as_bytes() == password
            }
            Hash::Argon2(hash) => {
                use argon2::PasswordVerifier;
                argon2::PasswordHash::new(hash).is_ok_and(|hash| {
                    argon2::Argon2::default().verify_password(password, &hash).is_ok()
                })
            }
        }
    }
}

/// A longer name or password is never right.
const BYTES_MAX: usize = 512;

/// The length of what follows the salt of a SHA-512-crypt hash.
const SHA512_DIGITS: usize = 86;

/// How many further lines an error names.
const OTHERS_MAX: usize = 8;

/// What is read of any file has a hash for each name, and an error names a line of the file and none of its hashes.
#[cfg(any(all(test, feature = "cli"), feature = "fuzzing"))]
pub fn fuzz_passwords(bytes: &[u8]) {
    let passwords = Passwords::parse(bytes);
    assert_eq!(passwords.names.len(), passwords.hashes.len());
    for (name, &place) in &passwords.names {
        assert!(!name.is_empty() && !name.contains(&b':') && place < passwords.hashes.len());
    }
    if let Some(error) = &passwords.first_error {
        assert!((1..=bytes.len()).contains(&error.line));
        let text = error.to_string();
        assert!(text.len() < 400 && !text.chars().any(char::is_control));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `htpasswd -nbBC 5`; the password is `secret`.
    const BCRYPT: &str = "$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS";

    /// Made by `openssl passwd -6 -salt saltsalt`.
    const SHA512: &str = "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1";

    #[test]
    fn every_kind_of_hash_knows_its_password_and_no_other() {
        use argon2::password_hash::{PasswordHasher, SaltString};
        let salt = SaltString::from_b64("c2FsdHNhbHQ").expect("it is base64");
        let argon2 = argon2::Argon2::default().hash_password(b"secret", &salt);
        let argon2 = argon2.expect("it can be computed").to_string();
        let text = format!("ann:{BCRYPT}\nbob:{SHA512}\ncleo:{argon2}\n");
        let passwords = Passwords::parse(text.as_bytes());
        assert_eq!(passwords.first_error, None);
        for name in ["ann", "bob", "cleo"] {
            assert!(passwords.verify(name.as_bytes(), b"secret", 0), "{name}");
            assert!(!passwords.verify(name.as_bytes(), b"Secret", 0), "{name}");
            assert!(!passwords.verify(name.as_bytes(), b"", 0), "{name}");
        }
        // Whomever a name that is not there stands in for.
        for stand_in in [0, 1, 2, 3, u64::MAX] {
            assert!(!passwords.verify(b"dora", b"secret", stand_in));
            assert!(!passwords.verify(b"", b"", stand_in));
        }
        assert!(!passwords.verify(b"bob", b"secret\xff", 0));
        assert!(!Passwords::default().verify(b"ann", b"secret", 7));
    }

    #[test]
    fn a_name_that_is_not_there_stands_for_the_same_one_each_time_and_each_is_stood_for() {
        let weak = BCRYPT.replace("$05$", "$04$");
        let text = format!("ann:{BCRYPT}\nbob:{weak}\n");
        let passwords = Passwords::parse(text.as_bytes());
        let timed = |stand_in| {
            let began = std::time::Instant::now();
            (0..4).for_each(|_| assert!(!passwords.verify(b"dora", b"x", stand_in)));
            began.elapsed()
        };
        // Cost 5 takes twice as long as cost 4: what runs beside may disturb some of the tries.
        let is_seen = (0..50).any(|_| timed(2) > timed(1) * 3 / 2 && timed(4) > timed(3) * 3 / 2);
        assert!(is_seen);
    }

    #[test]
    fn a_name_or_a_password_that_is_too_long_to_be_one_costs_nothing() {
        let (fit, long) = ("a".repeat(512), "a".repeat(513));
        assert!(may_be_right(fit.as_bytes(), fit.as_bytes()));
        assert!(!may_be_right(b"ann", long.as_bytes()) && !may_be_right(long.as_bytes(), b"x"));
    }

    #[test]
    fn the_first_line_of_a_name_counts_and_comments_do_not() {
        let text = format!("# people\n\nann:{BCRYPT}\r\nann:{SHA512}\nbob:{BCRYPT}:a comment\n");
        let passwords = Passwords::parse(text.as_bytes());
        assert_eq!(passwords.first_error, None);
        assert_eq!((passwords.names.len(), passwords.hashes.len()), (2, 2));
        for name in [&b"ann"[..], b"bob"] {
            let hash = &passwords.hashes[passwords.names[name]];
            assert_eq!(*hash, Hash::Bcrypt(BCRYPT.to_owned()));
        }
    }

    #[test]
    fn a_hash_that_is_broken_quickly_is_refused_with_what_to_do() {
        for (line, why) in [
            ("a:$apr1$x$y", "MD5"),
            ("a:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1"),
            ("a:secret", "plain text"),
            ("a:$5$x$y", "SHA-256-crypt"),
            ("a", "no colon"),
            (":x", "no name"),
            ("a:$2y$05$.Srvu63YahulshWE1V2XWeNvqQH3GCB", "cut off"),
            ("a:$2y$99$.Srvu63YahulshWE1V2XWeNvqQH3GCBif4CgURLpC/gOy7pMjahfS", "cut off"),
            ("a:$6$saltsalt", "cut off"),
            ("a:$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ", "cut off"),
        ] {
            let text = format!("ann:{BCRYPT}\n{line}\n");
            let passwords = Passwords::parse(text.as_bytes());
            let error = passwords.first_error.expect("it is reported");
            assert_eq!((error.line, passwords.hashes.len()), (2, 1));
            assert!(error.why.contains(why), "{error}");
        }
    }

    #[test]
    fn all_lines_that_cannot_be_used_are_named_at_once() {
        let text = format!("ann:{BCRYPT}\nbob:secret\n# no line\ncarl:secret\ndora\n");
        let error = Passwords::parse(text.as_bytes()).first_error.expect("it is reported");
        let told = error.to_string();
        assert!(told.starts_with("line 2: its password is in plain text"), "{told}");
        assert!(told.ends_with(" (nor can these lines be used: 4, 5)"), "{told}");
        let many = Passwords::parse("a:b\n".repeat(30).as_bytes()).first_error;
        let told = many.expect("it is reported").to_string();
        assert!(told.ends_with("used: 2, 3, 4, 5, 6, 7, 8, 9 and 21 more)"), "{told}");
    }
}
