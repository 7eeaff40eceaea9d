//! The flags of the commands to a server that runs, such as `httpd reload`. A directory of such a name is served by
//! `httpd ./reload`.

use super::control::Order;
use super::flags::Flags;
use clap::{CommandFactory, FromArgMatches, Parser};
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Debug, Parser)]
#[command(disable_help_flag = true)]
struct OrderFlags {
    /// The configuration that the server was started with
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print this help and exit
    #[arg(short, long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// What the first argument orders, if it is one of these words.
pub(super) fn given(arguments: &[OsString]) -> Result<Option<(Flags, Order)>, clap::Error> {
    let word = arguments.get(1).map(|it| it.as_encoded_bytes());
    let Some(order) = word.and_then(Order::read) else { return Ok(None) };
    let matches = command(order).try_get_matches_from(arguments.iter().skip(1))?;
    let OrderFlags { config, .. } = OrderFlags::from_arg_matches(&matches)?;
    Ok(Some((Flags::of(None, None, config), order)))
}

fn command(order: Order) -> clap::Command {
    let (name, (about, more, status)) = match order {
        Order::Reload => ("httpd reload", RELOAD),
        Order::Reopen => ("httpd reopen", REOPEN),
        Order::Upgrade => ("httpd upgrade", UPGRADE),
        Order::Stop => ("httpd stop", STOP),
    };
    let example = format!("Examples:\n  {name} -c /etc/httpd.toml\n\nExit status: {status}");
    let about_all = format!("{about}.\n\n{more} {WHICH}");
    OrderFlags::command()
        .name(name)
        .bin_name(name)
        .about(about)
        .long_about(about_all)
        .after_help(example)
}

/// What it does, how, and its exit status.
const RELOAD: (&str, &str, &str) = (
    "Have the server that runs with this configuration read it again, and wait until it serves by it",
    "No connection is touched. If anything is wrong with the configuration, the server goes on with the old one, and \
     the errors are printed.",
    "0 if the server serves by the new configuration, 1 if no such server runs, 2 if there are errors.",
);
const REOPEN: (&str, &str, &str) = (
    "Have the server that runs with this configuration open its logs again, and wait until all of its processes have",
    "For after the files were moved away. A log that cannot be opened goes on in the file that was there before, and \
     the reason is printed.",
    "0 if all logs are open again, 1 if one is not or no such server runs.",
);
const UPGRADE: (&str, &str, &str) = (
    "Have the server that runs with this configuration change to the program that is now at its path, and wait until \
     that serves",
    "No connection is refused, and requests under way end as they began. If the new program cannot serve, the old one \
     goes on, and the reason is printed.",
    "0 if the new program serves, 1 if it does not or no such server runs.",
);
const STOP: (&str, &str, &str) = (
    "Stop the server that runs with this configuration when open requests have ended, and wait until it has",
    "Requests have stop_timeout to end.",
    "0 if it has stopped, 1 if requests were cut short or no such server runs.",
);
const WHICH: &str =
    "Without FILE, it is the server that was started in this directory without one.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_word_orders() {
        Order::ALL.into_iter().for_each(|order| command(order).debug_assert());
        let given = |arguments: &[&str]| {
            given(&["httpd"].iter().chain(arguments).map(OsString::from).collect::<Vec<_>>())
        };
        for arguments in [&[][..], &["./reload"], &["-v", "reload"], &["--reload"], &["restart"]] {
            assert!(given(arguments).expect("it is no error").is_none(), "{arguments:?}");
        }
        for order in Order::ALL {
            let (_, given_order) =
                given(&[order.word(), "-c", "x"]).expect("sound").expect("an order");
            assert_eq!(given_order, order);
            assert_eq!(given(&[order.word(), "now"]).expect_err("of what?").exit_code(), 2);
            let help = given(&[order.word(), "--help"]).expect_err("it is printed");
            let (text, usage) = (help.to_string(), format!("Usage: httpd {order} [OPTIONS]"));
            assert!(help.exit_code() == 0 && text.contains(&usage), "{text}");
        }
    }
}
