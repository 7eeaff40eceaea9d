//! The flags of the commands to a server that runs, such as `httpd reload`. A directory of such a name is served by
//! `httpd ./reload`.

use super::cli::{Flags, Mode};
use super::control::Order;
use clap::Parser;
use std::ffi::OsString;
use std::path::PathBuf;

/// Have the server that runs with this configuration read it again, and wait until it serves by it.
///
/// No connection is touched. If anything is wrong with the configuration, the server goes on with the old one, and the
/// errors are printed. Without FILE, it is the server that was started in this directory without one.
#[derive(Debug, Parser)]
#[command(name = "httpd reload", disable_help_flag = true, after_help = AFTER_RELOAD)]
struct ReloadFlags {
    /// The configuration that the server was started with
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print this help and exit
    #[arg(short, long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// What the first argument orders, if it is one of these words.
pub(super) fn given(arguments: &[OsString]) -> Result<Option<(Flags, Mode)>, clap::Error> {
    if arguments.get(1).is_none_or(|word| word != RELOAD) {
        return Ok(None);
    }
    let ReloadFlags { config, .. } = ReloadFlags::try_parse_from(arguments.iter().skip(1))?;
    Ok(Some((Flags::of(None, None, config), Mode::Command(Order::Reload))))
}

const RELOAD: &str = "reload";

const AFTER_RELOAD: &str = "\
Examples:
  httpd reload -c /etc/httpd.toml

Exit status: 0 if the server serves by the new configuration, 1 if no such server runs, 2 if there are errors.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_word_orders() {
        use clap::CommandFactory;
        ReloadFlags::command().debug_assert();
        let given = |arguments: &[&str]| {
            given(&["httpd"].iter().chain(arguments).map(OsString::from).collect::<Vec<_>>())
        };
        for arguments in [&[][..], &["./reload"], &["-v", "reload"], &["--reload"]] {
            assert!(given(arguments).expect("it is no error").is_none(), "{arguments:?}");
        }
        let (_, mode) = given(&["reload", "-c", "x"]).expect("sound").expect("an order");
        assert_eq!(mode, Mode::Command(Order::Reload));
        assert_eq!(given(&["reload", "now"]).expect_err("of what?").exit_code(), 2);
    }
}
