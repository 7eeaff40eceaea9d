//! A program with a configuration: `cargo run --example configured -- settings.json`, where `settings.json` is
//!
//! ```json
//! {
//!     "listen": ["localhost:8080"],
//!     "root": "public",
//!     "greeting": "hello",
//!     "handler_threads_max": 8,
//!     "stop_seconds": 5
//! }
//! ```
//!
//! Everything but `root` may be left out. The environment wins over the file: `SERVICE_LISTEN=:8081`, for example in a
//! container. What is wrong is reported with its line and column before anything is served, and the exit status is 2.
//!
//! The file is JSON because serde_json is here already; with the crates toml or serde_yaml, only one line differs.

use httpd::{Limits, Root, Running, Server, Site, StaticFiles};
use serde::Deserialize;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default = "Settings::usual_listen")]
    listen: Vec<String>,
    root: PathBuf,
    #[serde(default)]
    greeting: String,
    handler_threads_max: Option<usize>,
    stop_seconds: Option<u64>,
}

impl Settings {
    fn usual_listen() -> Vec<String> {
        vec!["localhost:8080".to_owned()]
    }

    /// Those of a file, and of the environment.
    fn read(path: &Path) -> Result<Settings, Box<dyn Error>> {
        let text = std::fs::read_to_string(path)?;
        let mut settings: Settings = serde_json::from_str(&text)?;
        // As configuration files do it: relative to the file, wherever the program is started.
        settings.root = path.parent().unwrap_or(Path::new("")).join(&settings.root);
        if let Ok(listen) = std::env::var("SERVICE_LISTEN") {
            settings.listen = listen.split_whitespace().map(str::to_owned).collect();
        }
        Ok(settings)
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        if let Some(threads) = self.handler_threads_max {
            limits = limits.handler_threads_max(threads);
        }
        if let Some(seconds) = self.stop_seconds {
            limits = limits.stop_timeout(Duration::from_secs(seconds));
        }
        limits
    }

    /// Starts what they say.
    fn start(&self) -> Result<Running, Box<dyn Error>> {
        let greeting = self.greeting.clone();
        let site = Site::new()
            .at("/", StaticFiles::new(Root::open(&self.root)?))
            .get("/greeting", move |_| greeting.clone());
        let server = Server::new(site).limits(self.limits());
        let server = self.listen.iter().fold(server, |server, address| server.listen(address));
        Ok(server.start()?)
    }
}

fn main() -> ExitCode {
    let path = std::env::args().nth(1).unwrap_or_else(|| "settings.json".to_owned());
    let started = Settings::read(Path::new(&path)).and_then(|settings| settings.start());
    match started {
        Ok(server) => {
            println!("http://{}/", server.addresses()[0]);
            server.wait();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{path}: {error}");
            ExitCode::from(2)
        }
    }
}
