//! Names that clients choose for files.
//!
//! It must never know what is on the disk.

use std::fmt;

/// Why a file may not have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameError {
    /// It is empty, as in `a/`.
    Empty,
    /// `.` or `..`.
    Dots,
    /// It holds a slash or NUL, which no file's name can.
    Impossible,
    /// It holds a control character, which no listing or log could show.
    Control,
    /// It is longer than 255 bytes, or its path than 4095.
    TooLong,
    /// It is a name of this server's own temporary files.
    Reserved,
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            NameError::Empty => "the name is empty",
            NameError::Dots => "the name is . or ..",
            NameError::Impossible => "the name holds a slash or NUL",
            NameError::Control => "the name holds a control character",
            NameError::TooLong => "the name is longer than 255 bytes, or the path than 4095",
            NameError::Reserved => "the name is reserved",
        })
    }
}

/// Checks that a file or directory may have this name.
///
/// A name may hold any bytes but control characters, and need not be UTF-8, so that every file that is
/// served can be stored again. The caller decides whether names may begin with a dot.
pub(super) fn check_name(name: &[u8]) -> Result<(), NameError> {
    match name {
        b"" => Err(NameError::Empty),
        b"." | b".." => Err(NameError::Dots),
        _ if name.contains(&b'/') || name.contains(&0) => Err(NameError::Impossible),
        _ if name.iter().any(u8::is_ascii_control) => Err(NameError::Control),
        _ if name.len() > NAME_BYTES_MAX => Err(NameError::TooLong),
        _ if is_reserved(name) => Err(NameError::Reserved),
        _ => Ok(()),
    }
}

/// Whether a path, and each of its names, is short enough for the kernel.
pub(super) fn check_length(path: &[u8]) -> Result<(), NameError> {
    let is_short = |name: &[u8]| name.len() <= NAME_BYTES_MAX;
    let fits = path.len() <= PATH_BYTES_MAX && path.split(|&byte| byte == b'/').all(is_short);
    if fits { Ok(()) } else { Err(NameError::TooLong) }
}

/// The name of the file at a path.
pub(super) fn last_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

/// The name for a form's file: the last component of the name that the client sent. Some clients send a whole
/// path, with slashes or backslashes (RFC 7578 §4.2).
///
/// # Errors
/// When a file may not have that name.
pub(crate) fn name_from_client(filename: &[u8]) -> Result<&[u8], NameError> {
    let name = filename.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
    check_name(name).map(|()| name)
}

/// The name with a number before its extension, for another file of the same name. A name that would be too
/// long is cut in front of the number.
pub(crate) fn numbered(name: &[u8], number: u32) -> Vec<u8> {
    let number = format!(" ({number})");
    let room = NAME_BYTES_MAX - number.len();
    let dot = memchr::memrchr(b'.', name).filter(|&dot| dot > 0 && name.len() - dot < room);
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let mut end = stem.len().min(room - extension.len());
    // Not within a character of UTF-8.
    while end < stem.len() && end > 0 && stem[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    [&stem[..end], number.as_bytes(), extension].concat()
}

/// Whether a name is one of this server's own temporary files, which are neither served nor listed nor
/// stored. Upper and lower case count as equal, because some file systems do not distinguish them.
pub(crate) fn is_reserved(name: &[u8]) -> bool {
    name.get(..RESERVED.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED))
}

/// All reserved names begin with this.
pub(super) const RESERVED: &[u8] = b".httpd-upload";

/// The kernel's NAME_MAX.
const NAME_BYTES_MAX: usize = 255;

/// The kernel's PATH_MAX, which counts the NUL at the end.
const PATH_BYTES_MAX: usize = 4095;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_or_show_as_something_else_are_refused() {
        for (name, error) in [
            (&b""[..], NameError::Empty),
            (b".", NameError::Dots),
            (b"..", NameError::Dots),
            (b"a/b", NameError::Impossible),
            (b"a\0", NameError::Impossible),
            (b"a\nb", NameError::Control),
            (b"\x7f", NameError::Control),
            (&[b'n'; 256], NameError::TooLong),
            (b".httpd-upload", NameError::Reserved),
            (b".httpd-upload-0123", NameError::Reserved),
            (b".HTTPD-Upload", NameError::Reserved),
        ] {
            assert_eq!(check_name(name), Err(error), "{}", name.escape_ascii());
        }
        for name in [&b"a"[..], b"...", b".a", b"a b%\"#", b"\xff\xfe", b"a\\b", &[b'n'; 255]] {
            assert_eq!(check_name(name), Ok(()), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn a_number_stands_before_the_extension_and_never_makes_a_name_too_long() {
        let (long, e) = ("n".repeat(254), "e".repeat(250));
        for (name, expected) in [
            ("image.jpg", "image (2).jpg".to_owned()),
            ("a.tar.gz", "a.tar (2).gz".to_owned()),
            ("x", "x (2)".to_owned()),
            (".x", ".x (2)".to_owned()),
            (&long, format!("{} (2)", &long[..251])),
            (&format!("{}.jpg", &long[..251]), format!("{} (2).jpg", &long[..247])),
            (&format!("{}üü.j", &long[..248]), format!("{} (2).j", &long[..248])),
            (&format!("n.{}", &e[1..]), format!("n (2).{}", &e[1..])),
            // No room is left for anything in front of these.
            (&format!("n.{e}"), format!("n.{} (2)", &e[1..])),
            (&format!("nnnn.{e}"), format!("nnnn.{} (2)", &e[4..])),
        ] {
            let numbered = numbered(name.as_bytes(), 2);
            assert_eq!(String::from_utf8_lossy(&numbered), expected);
            assert_eq!(check_name(&numbered), Ok(()));
        }
        assert_eq!(numbered(&[0xBF; 255], u32::MAX), b" (4294967295)");
    }

    #[test]
    fn of_a_path_from_a_client_the_last_component_counts() {
        for (sent, name) in [
            ("y.txt", "y.txt"),
            (r"C:\x\y.txt", "y.txt"),
            ("/etc/passwd", "passwd"),
            ("../../y", "y"),
            (r"..\..\y", "y"),
            (r"a/b\c", "c"),
            (r"a\b/c", "c"),
        ] {
            assert_eq!(name_from_client(sent.as_bytes()), Ok(name.as_bytes()), "{sent}");
        }
        for sent in ["", "/", r"C:\", "a/..", r"a\.", "a/.httpd-upload", "a\r\nb"] {
            assert!(name_from_client(sent.as_bytes()).is_err(), "{sent:?}");
        }
    }
}
