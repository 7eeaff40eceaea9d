//! The configuration that comes with the program.

use super::*;
use crate::files::CacheLimits;
use crate::server::Limits;
use crate::server::destination::Destination;

#[test]
fn the_shipped_file_shows_every_key_in_its_section() {
    let text = shipped_text();
    let mut shown = std::collections::HashSet::new();
    let mut section = String::new();
    for line in text.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if line.starts_with('[') {
            section = line.to_owned();
            shown.insert((String::new(), line.trim_matches(['[', ']']).to_owned()));
        } else if let Some((key, _)) = line.split_once(" = ") {
            shown.insert((section.clone(), key.to_owned()));
        }
    }
    // What a host shares with the top is shown there.
    let top = file::sections().remove(0).keys;
    for section in file::sections() {
        for key in section.keys {
            let place =
                if section.title == "[[host]]" && top.contains(&key) { "" } else { section.title };
            let wanted = (place.to_owned(), key.to_owned());
            assert!(shown.contains(&wanted), "{wanted:?} is not in conf/httpd.toml");
        }
    }
}

#[test]
fn the_shipped_file_says_the_defaults() {
    let (file, errors) = File::read(&shipped_text());
    assert_eq!(errors.list, []);
    assert_eq!(file.limits.values, Limits::default());
    assert_eq!(file.cache, CacheLimits::default());
    assert_eq!(file.processes, Some(NonZeroUsize::MIN));
    assert_eq!(file.supervisor.map(|it| it.value), Some(true));
    assert_eq!(file.workers, Some(Workers::default()));
    assert_eq!(file.error_bodies, Some(Default::default()));
    assert_eq!(file.scope.symlinks, Some(Default::default()));
    assert_eq!(file.scope.dotfiles, Some(crate::site::Dotfiles::Deny));
    assert_eq!(file.scope.listing, Some(false));
    assert_eq!(file.scope.index, Some(vec![lookup::INDEX.to_owned()]));
    assert_eq!(file.scope.precompressed, Some(false));
    let (said, silent) = (writing::Rules::of([&file.scope].into_iter()), scope::Scope::default());
    assert_eq!(said, writing::Rules::of([&silent].into_iter()));
    let listen: Vec<String> =
        file.listen.into_iter().flatten().map(|it| it.address.value).collect();
    assert_eq!(listen, [listen::LISTEN]);
    let config =
        load(Some(&shipped()), &Overrides::default()).unwrap_or_else(|it| panic!("{it:?}"));
    assert_eq!(config.log, Log { level: LevelFilter::Warn, destination: Destination::Stderr });
    assert!(config.roots[0].ends_with("conf/www"), "{:?}", config.roots);
}

#[test]
fn what_the_shipped_file_only_shows_is_valid_too() {
    let is_example = |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase() || c == '[');
    let uncommented: Vec<&str> = shipped_text()
        .leak()
        .lines()
        .map(|line| line.strip_prefix('#').filter(|it| is_example(it)).unwrap_or(line))
        .collect();
    let (file, errors) = File::read(&uncommented.join("\n"));
    assert_eq!(errors.list, []);
    assert_eq!(file.locations.len(), 5);
    assert_eq!(file.scope.charset.as_deref(), Some("utf-8"));
    assert_eq!(file.scope.types.len(), 1);
}
