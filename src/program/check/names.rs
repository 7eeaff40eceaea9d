//! Which names of files are suspicious in a root. Reads no file, except for what may be a key.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Why a file should not be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// It may hold secrets.
    Private,
    /// It may hold a private key, which is seen by its content.
    Key,
    /// It is a copy that somebody or some program has left behind.
    Backup,
}

/// Whether a name is suspicious.
pub(super) fn suspicion(name: &str) -> Option<Suspicion> {
    let name = name.to_ascii_lowercase();
    let begins = |all: &[&str]| all.iter().any(|it| name.starts_with(it));
    let ends = |all: &[&str]| all.iter().any(|it| name.ends_with(it) && name.len() > it.len());
    if PRIVATE_NAMES.contains(&name.as_str()) || name.starts_with(".env.") || ends(PRIVATE_ENDS) {
        return Some(Suspicion::Private);
    }
    if begins(KEY_BEGINNINGS) && !name.ends_with(".pub") || ends(KEY_ENDS) {
        return Some(Suspicion::Key);
    }
    let is_backup = ends(BACKUP_ENDS) || name.starts_with('#') && name.ends_with('#');
    is_backup.then_some(Suspicion::Backup)
}

/// Whether a directory is what a version control keeps its history in.
pub(super) fn is_history(name: &str) -> bool {
    HISTORIES.contains(&name)
}

/// Whether a file holds a private key. Public certificates have the same names.
pub(super) fn holds_private_key(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(KEY_BYTES_MAX).read_to_end(&mut start));
    let contains = |text: &[u8]| start.windows(text.len()).any(|window| window == text);
    read.is_ok() && (contains(b"PRIVATE KEY-----") || contains(b"PuTTY-User-Key-File"))
}

const HISTORIES: &[&str] = &[".git", ".svn", ".hg", ".bzr", "CVS"];

const PRIVATE_NAMES: &[&str] = &[
    ".env",
    ".htpasswd",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".bash_history",
    ".dockercfg",
    "credentials.json",
    "wp-config.php",
];

/// Dumps of databases, stores of keys and passwords.
const PRIVATE_ENDS: &[&str] = &[
    ".sql",
    ".sql.gz",
    ".sql.zst",
    ".sql.xz",
    ".sql.bz2",
    ".sql.zip",
    ".sqlite",
    ".sqlite3",
    ".htpasswd",
    ".kdbx",
    ".p12",
    ".pfx",
    ".jks",
    ".keystore",
    ".tfstate",
];

const KEY_BEGINNINGS: &[&str] = &["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"];
const KEY_ENDS: &[&str] = &[".pem", ".key", ".ppk"];

const BACKUP_ENDS: &[&str] =
    &["~", ".bak", ".backup", ".old", ".orig", ".save", ".swp", ".swo", ".rej", ".dump", ".tmp"];

/// A key stands at the beginning of its file.
const KEY_BYTES_MAX: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_keys_and_backups_are_known_by_their_names() {
        for (name, expected) in [
            (".env", Some(Suspicion::Private)),
            (".env.production", Some(Suspicion::Private)),
            ("dump.SQL", Some(Suspicion::Private)),
            ("site.sql.gz", Some(Suspicion::Private)),
            ("server.pem", Some(Suspicion::Key)),
            ("id_rsa", Some(Suspicion::Key)),
            ("id_rsa.pub", None),
            ("index.html~", Some(Suspicion::Backup)),
            ("wp-config.php.bak", Some(Suspicion::Backup)),
            ("#index.html#", Some(Suspicion::Backup)),
            (".index.html.swp", Some(Suspicion::Backup)),
            ("index.html", None),
            (".environment", None),
            ("~", None),
            (".bak", None),
            ("gold", None),
            ("keynote.md", None),
        ] {
            assert_eq!(suspicion(name), expected, "{name}");
        }
        assert!(is_history(".git") && !is_history("git"));
    }
}
