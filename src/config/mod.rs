//! Makes a server of what the operator wrote. Flags win over the environment, the environment over the
//! file, the file over the defaults. Knows nothing of how flags are parsed, and starts nothing.
//!
//! The text is parsed once; then `file` reads its shape, and `assemble` its meaning. Neither stops at the
//! first error: `Source::load` reports all of them, in the order of the file.
//!
//! The files import in one direction, from below: `origin`, `value`, `errors` and `section` know no key. A file for each
//! group of keys (`access`, `rules`, `logs` and others) has its shape, and what it means on its own. `scope`, `location`,
//! `hosts` and `file` put these together. What takes several groups to decide (`scope_rules`, `certificates`, `site`)
//! imports `file`, and `assemble` and `load` import all.

mod access;
mod access_logs;
mod application;
mod assemble;
mod certificate_section;
mod certificates;
mod compression;
mod counts;
mod document;
mod effective;
mod errors;
mod file;
mod foreign;
mod handlers;
mod hosts;
mod limits;
mod listen;
mod load;
mod location;
mod logs;
mod lookup;
mod methods;
mod naming;
mod nearest;
mod origin;
mod overrides;
mod places;
mod rates;
mod reach;
mod request_id;
mod responses;
mod rights;
mod roots;
mod rules;
mod scope;
mod scope_rules;
mod section;
mod site;
mod source;
mod status;
mod unknown_keys;
mod value;
mod without_effect;
mod writing;

pub(crate) use application::THREADS_MAX;
pub(crate) use assemble::Config;
pub(crate) use counts::{parse_processes, parse_workers};
pub(crate) use document::Document;
pub(crate) use logs::{LEVELS, Log};
pub(crate) use nearest::nearest;
pub(crate) use origin::{Origin, Written};
pub(crate) use overrides::{Overrides, Terminal};
pub(crate) use places::{Place, PlaceFiles};
pub(crate) use rights::Rights;
pub(crate) use source::Source;
pub(crate) use value::parse_timeout;

#[cfg(test)]
mod tests;
