//! The kinds of work: what is requested, and how long the right answer is.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// One kind of work, in the order of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Work {
    /// 13 bytes from the application
    Hello,
    /// 100 KB in one piece from the application
    Page,
    /// A 955 KB file by wsgi.file_wrapper
    File,
}

impl Work {
    pub const ALL: [Work; 3] = [Work::Hello, Work::Page, Work::File];

    /// As `--only` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Work::Hello => "hello",
            Work::Page => "page",
            Work::File => "file",
        }
    }

    pub fn target(self) -> &'static str {
        match self {
            Work::Hello => "/hello",
            Work::Page => "/page",
            Work::File => "/file",
        }
    }

    /// Of the content.
    pub fn bytes(self) -> usize {
        match self {
            Work::Hello => 13,
            Work::Page => 100_016,
            Work::File => FILE_BYTES,
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Work::Hello => "13 B from the application",
            Work::Page => "100,016 B from the application",
            Work::File => "954,824 B file by wsgi.file_wrapper",
        })
    }
}

/// Writes the file that the application sends.
pub fn write_file(path: &Path) -> io::Result<()> {
    let bytes = b"0123456789abcdefghijklmnopqrstuvwxyz.\n".iter().copied().cycle();
    fs::write(path, bytes.take(FILE_BYTES).collect::<Vec<u8>>())
}

/// Its name.
pub const FILE: &str = "955k.bin";
const FILE_BYTES: usize = 954_824;
