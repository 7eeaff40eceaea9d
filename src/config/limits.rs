//! The section `[limits]`.

use super::Place;
use super::section::{Faults, Key};
use crate::server::Limits;

/// The limits, and where those stand that are checked against each other.
#[derive(Debug, Default)]
pub(super) struct LimitsSection {
    pub(super) values: Limits,
    pub(super) place: Option<Place>,
}

impl LimitsSection {
    pub(super) fn check(&self, faults: &mut Faults) {
        let values = &self.values;
        if values.target_bytes_max > values.head_bytes_max {
            let message = format!(
                "target_bytes_max ({}) cannot be more than head_bytes_max ({}): the target is a part of the head",
                values.target_bytes_max, values.head_bytes_max
            );
            faults.note(self.place.unwrap_or(Place::Default), message);
        }
    }
}

pub(super) const LIMITS: &[Key<LimitsSection>] = &[
    Key::new("head_timeout", |it, value, faults| {
        faults.set(&mut it.values.head_timeout, value.duration());
    }),
    Key::new("keepalive_timeout", |it, value, faults| {
        faults.set(&mut it.values.keepalive_timeout, value.duration());
    }),
    Key::new("body_timeout", |it, value, faults| {
        faults.set(&mut it.values.body_timeout, value.duration());
    }),
    Key::new("body_rate_min_bytes", |it, value, faults| {
        faults.set(&mut it.values.body_rate_min_bytes, value.bytes(1));
    }),
    Key::new("answer_timeout", |it, value, faults| {
        faults.set(&mut it.values.answer_timeout, value.duration());
    }),
    Key::new("send_timeout", |it, value, faults| {
        faults.set(&mut it.values.send_timeout, value.duration());
    }),
    Key::new("lingering_timeout", |it, value, faults| {
        faults.set(&mut it.values.lingering_timeout, value.duration());
    }),
    Key::new("lingering_time", |it, value, faults| {
        faults.set(&mut it.values.lingering_time, value.duration());
    }),
    Key::new("stop_timeout", |it, value, faults| {
        faults.set(&mut it.values.stop_timeout, value.duration());
    }),
    Key::new("head_bytes_max", |it, value, faults| {
        faults.set(&mut it.values.head_bytes_max, value.bytes(1));
    }),
    Key::new("target_bytes_max", |it, value, faults| {
        it.place = Some(value.place());
        faults.set(&mut it.values.target_bytes_max, value.bytes(1));
    }),
    Key::new("header_count_max", |it, value, faults| {
        faults.set(&mut it.values.header_count_max, value.count(1));
    }),
    Key::new("body_discard_bytes_max", |it, value, faults| {
        faults.set(&mut it.values.body_discard_bytes_max, value.bytes(0));
    }),
    Key::new("body_memory_bytes_max", |it, value, faults| {
        faults.set(&mut it.values.body_memory_bytes_max, value.bytes(1));
    }),
    Key::new("response_spool_bytes_max", |it, value, faults| {
        faults.set(&mut it.values.response_spool_bytes_max, value.bytes(0));
    }),
    Key::new("handler_threads_max", |it, value, faults| {
        faults.set(&mut it.values.handler_threads_max, value.count(1));
    }),
    Key::new("handler_queue_max", |it, value, faults| {
        faults.set(&mut it.values.handler_queue_max, value.count(0));
    }),
    Key::new("ranges_max", |it, value, faults| {
        faults.set(&mut it.values.ranges_max, value.count(1));
    }),
    Key::new("connections_max", |it, value, faults| {
        faults.set(&mut it.values.connections_max, value.count(1));
    }),
];
