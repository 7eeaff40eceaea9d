//! A web server: an nginx-style reactor for static files, to run or to embed.
#![forbid(unsafe_code)]

pub mod sys;

pub mod http;

pub mod files;

pub mod site;

pub mod server;

pub use files::{CacheLimits, Root, Symlinks, Types};
pub use http::{Method, Request, Status};
pub use server::{
    AccessLog, Address, Format, Handle, Limits, Running, Server, StartError, Workers,
};
pub use site::{
    Body, Desk, Dotfiles, ErrorBodies, Handler, Mapping, Methods, Response, Site, StaticFiles,
};
