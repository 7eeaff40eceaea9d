//! The flags of the programs within the program: `httpd check` and `httpd explain`. They ask about a configuration and
//! serve nothing. A directory of such a name is served by `httpd ./check`.

use super::flags::Flags;
use clap::Parser;
use clap::error::ErrorKind;
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

/// A request that somebody asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) method: String,
    pub(crate) is_https: bool,
    /// With a port, if one was written. `None`: that of a client that does not care.
    pub(crate) host: Option<String>,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Whose request it is.
    pub(crate) client: IpAddr,
}

/// Look at a site before it serves: at its configuration, and at the files that it would serve.
///
/// Finds files that should not be served (.git, .env, private keys, backups), files that the server may not read,
/// outdated compressed files, symbolic links that lead out of the root, names that differ only in case, redirects that
/// can never match, and redirects that lead to a 404. It serves nothing and changes nothing.
#[derive(Debug, Parser)]
#[command(name = "httpd check", disable_help_flag = true, after_help = AFTER_CHECK)]
struct CheckFlags {
    /// The directory to look at, in place of the root of the configuration
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Read the configuration from FILE
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The same as DIR
    #[arg(short, long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// Print this help and exit
    #[arg(short, long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// Print what a site would answer to a request, and why, without serving.
///
/// Prints the host, the location and the rules that the request meets, each with its line in the configuration, the
/// file that is sent, and the head of the response.
#[derive(Debug, Parser)]
#[command(name = "httpd explain", disable_help_flag = true, after_help = AFTER_EXPLAIN)]
struct ExplainFlags {
    /// The request: a URL or a path, after a method if that is not GET
    #[arg(value_name = "[METHOD] URL", required = true, num_args = 1..=2)]
    request: Vec<String>,

    /// Read the configuration from FILE
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The directory to serve, in place of the root of the configuration
    #[arg(short, long, value_name = "DIR")]
    root: Option<PathBuf>,

    /// A header of the request, such as 'Accept-Encoding: br'; may be repeated
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    headers: Vec<String>,

    /// The address of the client
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    from: IpAddr,

    /// Print this help and exit
    #[arg(short, long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// What the first argument asks for, if that is one of these words, with the flags of the server that it brings along.
pub(super) fn asked(
    arguments: &[OsString],
) -> Result<Option<(Flags, Option<Question>)>, clap::Error> {
    let Some(word) = arguments.get(1) else { return Ok(None) };
    let own = arguments.iter().skip(1);
    if word == CHECK {
        let flags = CheckFlags::try_parse_from(own)?;
        let CheckFlags { directory, config, root, .. } = flags;
        return Ok(Some((Flags::of(directory, root, config), None)));
    }
    if word == EXPLAIN {
        let flags = ExplainFlags::try_parse_from(own)?;
        let question = question(&flags)?;
        let ExplainFlags { config, root, .. } = flags;
        return Ok(Some((Flags::of(None, root, config), Some(question))));
    }
    Ok(None)
}

fn question(flags: &ExplainFlags) -> Result<Question, clap::Error> {
    let (method, url) = match &flags.request[..] {
        [method, url] => (method.as_str(), url.as_str()),
        [url] => ("GET", url.as_str()),
        _ => return Err(wrong("write a method and a URL")),
    };
    if method.is_empty() || !method.bytes().all(crate::http::header::is_token) {
        return Err(wrong(format!(
            "{method:?} is no method; write the method first, then the URL"
        )));
    }
    let has_host = !url.starts_with('/') && url.contains("://");
    let (is_https, rest) = match url.split_once("://").filter(|_| has_host) {
        Some(("https", rest)) => (true, rest),
        Some(("http", rest)) => (false, rest),
        Some(_) => return Err(wrong(format!("the URL {url:?} is neither http nor https"))),
        None => (false, url),
    };
    let (host, target) = match rest.find(['/', '?', '#']) {
        _ if !has_host && !rest.starts_with('/') => {
            return Err(wrong(format!(
                "{url:?} is no URL; write a path (\"/{url}\") or a whole one (\"http://{url}\")"
            )));
        }
        Some(end) => rest.split_at(end),
        None => (rest, ""),
    };
    if has_host && host.is_empty() {
        return Err(wrong(format!("the URL {url:?} names no host")));
    }
    // As browsers do it: a fragment is not sent, and what no URL holds is encoded.
    let target = target.split('#').next().unwrap_or_default();
    let slash = if target.starts_with('/') { "" } else { "/" };
    let target = percent_encode(target.as_bytes(), NOT_IN_A_URL);
    let mut headers = Vec::new();
    for header in &flags.headers {
        let (name, value) = header.split_once(':').unwrap_or((header, ""));
        let is_name = !name.is_empty() && name.bytes().all(crate::http::header::is_token);
        if !is_name || !header.contains(':') || header.contains(['\r', '\n', '\0']) {
            return Err(wrong(format!("-H {header:?} is no header; write -H 'Name: value'")));
        }
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Question {
        method: method.to_owned(),
        is_https,
        host: has_host.then(|| host.to_owned()),
        target: format!("{slash}{target}"),
        headers,
        client: flags.from,
    })
}

fn wrong(message: impl Into<String>) -> clap::Error {
    use clap::CommandFactory;
    ExplainFlags::command().error(ErrorKind::ValueValidation, message.into())
}

/// The words.
pub(super) const CHECK: &str = "check";
pub(super) const EXPLAIN: &str = "explain";

/// What a browser encodes.
const NOT_IN_A_URL: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

const AFTER_CHECK: &str = "\
Examples:
  httpd check                      look at the current directory
  httpd check ./public             look at ./public
  httpd check -c /etc/httpd.toml   look at everything that this configuration serves
  sudo -u www-data httpd check -c /etc/httpd.toml
                                   the same as the user that serves: which files may it read?

Exit status: 0 if there is nothing to report, 1 if there are warnings only, 2 if there are errors.";

const AFTER_EXPLAIN: &str = "\
Examples:
  httpd explain -c /etc/httpd.toml https://example.org/docs/
  httpd explain -c /etc/httpd.toml HEAD /app.js -H 'Accept-Encoding: br, gzip'
  httpd explain -c /etc/httpd.toml /private/ --from 203.0.113.7

Exit status: 0 if there is an answer, whatever its status; 2 if the configuration has errors.";

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(arguments: &[&str]) -> Result<Option<(Flags, Option<Question>)>, clap::Error> {
        let arguments: Vec<_> = ["httpd"].iter().chain(arguments).map(OsString::from).collect();
        asked(&arguments)
    }

    fn question_of(arguments: &[&str]) -> Question {
        let arguments = [&["explain"], arguments].concat();
        ask(&arguments).expect("it is a question").expect("it is asked").1.expect("of a request")
    }

    #[test]
    fn only_the_first_word_asks() {
        use clap::CommandFactory;
        CheckFlags::command().debug_assert();
        ExplainFlags::command().debug_assert();
        for arguments in [&[][..], &["./check"], &["-v", "check"], &["-r", "explain"], &["checks"]]
        {
            assert!(ask(arguments).expect("it is no error").is_none(), "{arguments:?}");
        }
        let (flags, question) = ask(&["check", "www"]).expect("sound").expect("asked");
        assert_eq!((flags.directory, question), (Some("www".into()), None));
        for help in [["check", "--help"], ["explain", "-h"]] {
            let help = ask(&help).expect_err("help is no way to go on");
            assert_eq!(help.kind(), ErrorKind::DisplayHelp);
        }
    }

    #[test]
    fn a_url_is_read_as_a_browser_reads_it() {
        for (url, host, target, is_https) in [
            ("https://example.org", Some("example.org"), "/", true),
            ("http://h:81/a?b#c", Some("h:81"), "/a?b", false),
            ("http://h?q", Some("h"), "/?q", false),
            ("/a b/\u{e4}", None, "/a%20b/%C3%A4", false),
            ("/a%20b", None, "/a%20b", false),
            ("/http://x", None, "/http://x", false),
        ] {
            let question = question_of(&[url]);
            let found = (question.host.as_deref(), question.target.as_str(), question.is_https);
            assert_eq!(found, (host, target, is_https), "{url}");
            assert_eq!(question.method, "GET");
        }
        let question = question_of(&["PUT", "/x", "-H", "A: b:c", "--from", "::1"]);
        assert_eq!(question.method, "PUT");
        assert_eq!(question.headers, [("A".to_owned(), "b:c".to_owned())]);
        assert_eq!(question.client.to_string(), "::1");
    }

    #[test]
    fn what_is_no_request_is_refused_with_what_to_write() {
        for (arguments, expected) in [
            (&["example.org/a"][..], "write a path"),
            (&["ftp://x/"], "neither http nor https"),
            (&["http:///a"], "names no host"),
            (&["G T", "/"], "is no method"),
            (&["/", "-H", "x"], "write -H 'Name: value'"),
            (&["/", "-H", "a b: c"], "write -H 'Name: value'"),
        ] {
            let error = ask(&[&["explain"], arguments].concat()).expect_err(expected);
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
        assert_eq!(ask(&["explain"]).expect_err("of what?").exit_code(), 2);
    }
}
