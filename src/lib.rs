//! A web server: an nginx-style reactor for static files, to run or to embed.
#![forbid(unsafe_code)]

pub mod sys;

pub mod http;

pub mod files;
