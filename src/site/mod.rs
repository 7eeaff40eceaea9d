//! Floor 3: which response a request gets.
//!
//! A [`Site`] holds the locations and their handlers and takes the whole decision in order. It
//! must never know a socket, a thread or how a response travels.

#[cfg(feature = "cli")]
mod access;
mod answering;
pub(crate) mod application;
mod around;
#[cfg(feature = "passwords")]
mod auth;
mod broadcast;
mod building;
mod change;
pub(crate) mod dotfiles;
pub(crate) mod encoded;
pub(crate) mod error_page;
mod events;
#[cfg(feature = "cli")]
pub(crate) mod explained;
pub(crate) mod fallback;
mod file_response;
mod form;
pub(crate) mod form_upload;
pub(crate) mod function;
mod gate;
#[cfg(feature = "passwords")]
mod guard;
mod handed_over;
pub(crate) mod handler;
#[cfg(feature = "cli")]
pub(crate) mod host_files;
mod host_name;
mod hosts;
mod into_response;
mod job;
pub(crate) mod listing;
mod location;
mod locations;
pub(crate) mod mapping;
mod methods;
pub(crate) mod multipart;
mod networks;
mod open_error;
mod pattern;
mod permit;
pub(crate) mod pipe;
mod proxies;
mod recorded;
pub(crate) mod redirect;
mod redirect_page;
mod refused;
pub(crate) mod request;
pub(crate) mod request_at_hand;
pub(crate) mod request_body;
pub(crate) mod response;
mod rewrite;
pub(crate) mod rewritten;
pub(crate) mod route;
pub(crate) mod rules;
pub(crate) mod static_files;
pub(crate) mod status;
pub(crate) mod store;
mod store_rules;
pub(crate) mod stream;
mod take;
mod values;
mod way;
#[cfg(not(feature = "json"))]
mod without_json;
pub(crate) mod wsgi;

#[cfg(feature = "cli")]
pub(crate) use access::{Access, Auth, OtherPaths};
pub(crate) use application::{Application, Reload, WrittenRights};
pub use around::{Next, Outcome};
#[cfg(any(all(test, feature = "cli"), feature = "fuzzing"))]
pub use auth::fuzz_passwords;
#[cfg(feature = "passwords")]
pub use auth::{BasicAuth, PasswordLineError};
pub use broadcast::{Broadcast, SlowListener};
pub use building::Site;
pub(crate) use change::not_written;
pub use dotfiles::Dotfiles;
pub use error_page::ErrorBodies;
pub use events::{Event, Events};
pub use form::{Form, FormFile, FormLimits, FormPart, FormParts};
pub use form_upload::{FormUpload, OnConflict};
pub use function::{Blocking, Inline, blocking, inline};
pub use handler::{Answer, Backend, Context, Handler};
pub(crate) use handler::{Decision, Forward, Freshness};
pub use host_name::{HostName, HostNameError};
pub use hosts::UnknownHost;
pub use into_response::{Failure, IntoResponse};
pub(crate) use job::{Job, Worked};
pub use location::Location;
pub use mapping::Mapping;
pub use methods::Methods;
pub(crate) use networks::Network;
pub use networks::NetworkError;
#[cfg(feature = "cli")]
pub(crate) use networks::Networks;
pub use pipe::BodyWriter;
pub(crate) use proxies::TrustedProxies;
pub use request::Request;
pub use request_body::{BodyPolicy, RequestBody};
pub(crate) use request_body::{BodyStore, BodyUse};
pub use response::Response;
pub(crate) use response::{Body, Deferred};
pub(crate) use rewritten::Leading;
pub(crate) use route::Route;
pub(crate) use rules::admission::{Counted, PaceRule, Terms};
pub(crate) use rules::connections::UnderWay;
pub use static_files::StaticFiles;
pub(crate) use status::StatusNames;
#[doc(hidden)]
pub use status::StatusSocket;
pub use status::{Metrics, StatusPages};
pub use store::Store;
pub use stream::{Gone, Sender, TrySendError};
pub(crate) use take::{take_answer, take_passed};
pub use wsgi::Wsgi;
