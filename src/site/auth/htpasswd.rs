//! The file of names and passwords that Apache's `htpasswd` writes.
//!
//! It must never know what the passwords are for.

use std::collections::HashMap;
use std::fmt;

/// The names of a file, and the hashes of their passwords.
#[derive(Debug, Default)]
pub(super) struct Passwords {
    hashes: HashMap<Box<[u8]>, Hash>,
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
}

impl fmt::Display for PasswordLineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
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
                    passwords.hashes.entry(name.into()).or_insert(hash);
                }
                Err(why) => {
                    let error = PasswordLineError { line: place + 1, why: why.to_owned() };
                    passwords.first_error.get_or_insert(error);
                }
            }
        }
        passwords
    }

    /// Whether somebody of this name has this password. It takes as long for a name that is not there, if there is any.
    pub(super) fn verify(&self, name: &[u8], password: &[u8]) -> bool {
        // SHA-512-crypt takes time by the square of the length.
        if password.len() > PASSWORD_BYTES_MAX {
            return false;
        }
        match self.hashes.get(name) {
            Some(hash) => hash.verify(password),
            None => {
                if let Some(other) = self.hashes.values().next() {
                    other.verify(password);
                }
                false
            }
        }
    }
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
    if is(&["$2a$", "$2b$", "$2y$"]) {
        return Ok((name, Hash::Bcrypt(hash)));
    }
    if is(&["$6$"]) {
        return Ok((name, Hash::Sha512(hash)));
    }
    if is(&["$argon2id$", "$argon2i$", "$argon2d$"]) {
        return Ok((name, Hash::Argon2(hash)));
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
            Hash::Sha512(hash) => std::str::from_utf8(password)
                .is_ok_and(|password| sha_crypt::sha512_check(password, hash).is_ok()),
            Hash::Argon2(hash) => {
                use argon2::PasswordVerifier;
                argon2::PasswordHash::new(hash).is_ok_and(|hash| {
                    argon2::Argon2::default().verify_password(password, &hash).is_ok()
                })
            }
        }
    }
}

/// No longer password is right.
const PASSWORD_BYTES_MAX: usize = 512;

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
            assert!(passwords.verify(name.as_bytes(), b"secret"), "{name}");
            assert!(!passwords.verify(name.as_bytes(), b"Secret"), "{name}");
            assert!(!passwords.verify(name.as_bytes(), b""), "{name}");
        }
        assert!(!passwords.verify(b"dora", b"secret"));
        assert!(!passwords.verify(b"", b""));
    }

    #[test]
    fn a_password_that_is_too_long_to_be_one_is_wrong_and_costs_nothing() {
        let long = "a".repeat(513);
        let hash = sha_crypt::sha512_simple(&long, &sha_crypt::Sha512Params::default());
        let hash = hash.expect("it can be computed");
        let passwords = Passwords::parse(format!("ann:{hash}\n").as_bytes());
        assert_eq!(passwords.first_error, None);
        assert!(!passwords.verify(b"ann", long.as_bytes()));
    }

    #[test]
    fn the_first_line_of_a_name_counts_and_comments_do_not() {
        let text = format!("# people\n\nann:{BCRYPT}\r\nann:{BCRYPT}x\nbob:{BCRYPT}:a comment\n");
        let passwords = Passwords::parse(text.as_bytes());
        assert_eq!(passwords.first_error, None);
        assert_eq!(passwords.hashes.len(), 2);
        assert_eq!(passwords.hashes[&b"ann"[..]], Hash::Bcrypt(BCRYPT.to_owned()));
        assert_eq!(passwords.hashes[&b"bob"[..]], Hash::Bcrypt(BCRYPT.to_owned()));
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
        ] {
            let text = format!("ann:{BCRYPT}\n{line}\n");
            let passwords = Passwords::parse(text.as_bytes());
            let error = passwords.first_error.expect("it is reported");
            assert_eq!((error.line, passwords.hashes.len()), (2, 1));
            assert!(error.why.contains(why), "{error}");
        }
    }
}
