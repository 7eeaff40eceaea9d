//! A server that was started to be measured.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::{Interrupt, Process};

/// A server that accepts connections; ended when dropped.
pub struct Running {
    pub port: u16,
    process: Process,
    output: PathBuf,
}

impl Running {
    /// Starts a server on a port and waits until it accepts; what it prints goes to a file in a folder
    /// of its own.
    pub fn start(
        folder: &Path,
        timeout: Duration,
        interrupt: &Interrupt,
        command_for: impl FnOnce(u16) -> io::Result<Command>,
    ) -> Result<Running, String> {
        let port = free_port().map_err(|error| format!("no free port: {error}"))?;
        let output = folder.join("output");
        let process = command_for(port).and_then(|mut command| {
            let file = File::create(&output)?;
            command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
            // A group of its own: Ctrl-C in the terminal reaches us alone, and we end it properly.
            Process::start(command.process_group(0))
        });
        let mut process = process.map_err(|error| format!("cannot be started: {error}"))?;
        let accepts = interrupt.wait_for(timeout, || {
            if let Some(status) = process.ended() {
                return Some(Err(format!("ended at once ({status}): {}", last_words(&output))));
            }
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok().map(|_| Ok(()))
        })?;
        accepts.unwrap_or_else(|| {
            Err(format!("does not accept connections: {}", last_words(&output)))
        })?;
        Ok(Running { port, process, output })
    }

    /// All processes that serve.
    pub fn tree(&self) -> Vec<u32> {
        self.process.tree()
    }

    /// What is wrong, with the last line that it printed.
    pub fn explained(&self, problem: String) -> String {
        match last_words(&self.output) {
            words if words.is_empty() => problem,
            words => format!("{problem}; it said: {words}"),
        }
    }
}

fn last_words(output: &Path) -> String {
    let said = fs::read(output).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    last.unwrap_or_default().to_owned()
}

/// The kernel's choice; nothing holds it until the server does, which has always been soon enough.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
