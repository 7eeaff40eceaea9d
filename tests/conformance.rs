//! What RFC 9110 and RFC 9112 demand of an origin server, over a real socket.
//!
//! `conformance.md` beside this file names for each demand the test that holds it;
//! [`table`] sees to it that the table and the tests stay together.

#[path = "conformance/changes.rs"]
mod changes;
#[path = "conformance/conditionals.rs"]
mod conditionals;
#[path = "conformance/connections.rs"]
mod connections;
#[path = "conformance/fields.rs"]
mod fields;
#[path = "conformance/messages.rs"]
mod messages;
#[path = "conformance/methods.rs"]
mod methods;
#[path = "conformance/origin.rs"]
mod origin;
#[path = "conformance/ranges.rs"]
mod ranges;
#[path = "conformance/statuses.rs"]
mod statuses;
#[path = "conformance/table.rs"]
mod table;
#[path = "conformance/targets.rs"]
mod targets;
