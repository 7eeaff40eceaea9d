//! What RFC 9110 and RFC 9112 demand of an origin server, over a real socket.
//!
//! `conformance.md` beside this file names for each demand the test that holds it;
//! [`table`](conformance::table) sees to it that the table and the tests stay together.

mod support;

mod conformance {
    mod changes;
    mod conditionals;
    mod connections;
    mod fields;
    mod messages;
    mod methods;
    mod origin;
    mod ranges;
    mod statuses;
    mod table;
    mod targets;
}
