//! The `HTTPD_…` variables. An empty one counts as not set. Knows no flags.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::config::{Origin, Written, nearest};
use clap::error::ErrorKind;

use crate::program::flags::usage;

/// The variables, and warnings about those that are ignored.
pub(super) struct Environment {
    variables: Vec<(String, OsString)>,
    warnings: Vec<String>,
}

impl Environment {
    /// Warns of every `HTTPD_…` variable that this program does not know.
    pub(super) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
        let own = |(name, value): (OsString, OsString)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(PREFIX))?;
            (!value.is_empty()).then_some((name, value))
        };
        let mut variables: Vec<_> = variables.into_iter().filter_map(own).collect();
        variables.sort();
        let is_foreign = |name: &str, value: &OsStr| {
            !KNOWN.contains(&name) && !is_of_a_container(name) && !is_service_address(value)
        };
        let warnings = variables
            .iter()
            .filter(|(name, value)| is_foreign(name, value))
            .map(|(name, _)| unknown(name))
            .collect();
        Environment { variables, warnings }
    }

    pub(super) fn path(&self, name: &'static str) -> Option<Written<PathBuf>> {
        let value = PathBuf::from(self.value(name)?);
        Some(Written { value, origin: Origin::Given(name) })
    }

    /// # Errors
    /// When the value is not what `parse` takes.
    pub(super) fn read<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Written<T>>, clap::Error> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let text = value.to_string_lossy();
        if is_service_address(value) {
            self.warnings.push(format!(
                "{name}={text} is ignored: Kubernetes and Docker set such a variable for a service called httpd"
            ));
            return Ok(None);
        }
        match parse(&text) {
            Ok(value) => Ok(Some(Written { value, origin: Origin::Given(name) })),
            Err(message) => Err(usage(ErrorKind::ValueValidation, format!("{name} {message}"))),
        }
    }

    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings
    }

    fn value(&self, name: &str) -> Option<&OsStr> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_os_str())
    }
}

fn unknown(name: &str) -> String {
    let hint = match nearest(name, KNOWN) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the variables are {}", KNOWN.join(", ")),
    };
    format!("unknown environment variable {name} is ignored; {hint}")
}

/// What Kubernetes (and Docker with `--link`) set for a service whose name begins with `httpd`, and
/// what Apache's image, which is called `httpd`, sets for itself.
fn is_of_a_container(name: &str) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has = |pattern: &dyn Fn(&[&str]) -> bool| words.windows(2).any(pattern);
    has(&|pair| matches!(pair, ["SERVICE", "HOST" | "PORT"]))
        || has(&|pair| is_number(pair[0]) && matches!(pair[1], "TCP" | "UDP" | "SCTP"))
        || matches!(name, "HTTPD_PREFIX" | "HTTPD_VERSION" | "HTTPD_SHA256" | "HTTPD_PATCHES")
}

/// `tcp://10.0.0.1:80`
fn is_service_address(value: &OsStr) -> bool {
    let text = value.to_string_lossy();
    ["tcp://", "udp://", "sctp://"].iter().any(|scheme| text.starts_with(scheme))
}

const PREFIX: &str = "HTTPD_";

/// Every variable that this program reads.
const KNOWN: &[&str] = &[
    "HTTPD_CONFIG",
    "HTTPD_ROOT",
    "HTTPD_WSGI",
    "HTTPD_HOST",
    "HTTPD_PORT",
    "HTTPD_PROCESSES",
    "HTTPD_WORKERS",
    "HTTPD_USER",
    "HTTPD_SERVE_AS_ROOT",
    "HTTPD_LOG",
    "HTTPD_LOG_LEVEL",
    "HTTPD_ACCESS_LOG",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        Environment::new(variables).into_warnings()
    }

    #[test]
    fn an_unknown_variable_is_a_warning_with_the_nearest_name() {
        assert_eq!(
            warnings(&[("HTTPD_WORKER", "4"), ("PATH", "/bin"), ("HTTPD_ROOT", "www")]),
            ["unknown environment variable HTTPD_WORKER is ignored; did you mean HTTPD_WORKERS?"]
        );
        let far = warnings(&[("HTTPD_TLS_CERTIFICATE", "x")]);
        assert!(far.len() == 1 && far[0].contains("the variables are HTTPD_CONFIG, "), "{far:?}");
        assert!(warnings(&[("HTTPD_WORKER", "")]).is_empty(), "empty is not set");
    }

    #[test]
    fn variables_of_a_kubernetes_service_called_httpd_are_no_mistake() {
        let service = [
            ("HTTPD_SERVICE_HOST", "10.0.0.1"),
            ("HTTPD_SERVICE_PORT", "80"),
            ("HTTPD_SERVICE_PORT_HTTP", "80"),
            ("HTTPD_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("HTTPD_PORT_80_TCP_PROTO", "tcp"),
            ("HTTPD_PORT_80_TCP_PORT", "80"),
            ("HTTPD_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("HTTPD_TEST_PORT", "tcp://10.0.0.2:80"),
        ];
        assert_eq!(warnings(&service), [""; 0]);
    }

    #[test]
    fn the_address_of_a_service_is_ignored_with_a_warning_where_it_would_be_read() {
        let variables = [("HTTPD_PORT".into(), "tcp://10.0.0.1:80".into())];
        let mut environment = Environment::new(variables);
        let port = environment.read("HTTPD_PORT", |_| Err::<u16, _>("must be a port".to_owned()));
        assert!(port.expect("it is no error").is_none());
        let warnings = environment.into_warnings();
        assert!(
            warnings[0].starts_with("HTTPD_PORT=tcp://10.0.0.1:80 is ignored: Kubernetes"),
            "{warnings:?}"
        );
    }
}
