//! The section `[limits]`.

use super::errors::Errors;
use super::origin::Origin;
use super::section::SectionKey;
use crate::server::Limits;

/// The limits, and the origin of the one that is checked against another.
#[derive(Debug, Default)]
pub(super) struct LimitsSection {
    pub(super) values: Limits,
    pub(super) origin: Option<Origin>,
}

impl LimitsSection {
    pub(super) fn check(&self, errors: &mut Errors) {
        let values = &self.values;
        if values.target_bytes_max > values.head_bytes_max {
            let message = format!(
                "target_bytes_max ({}) cannot be more than head_bytes_max ({}): the target is a part of the head",
                values.target_bytes_max, values.head_bytes_max
            );
            errors.note(self.origin.unwrap_or(Origin::Default), message);
        }
    }
}

pub(super) const LIMITS: &[SectionKey<LimitsSection>] = &[
    SectionKey::new("head_timeout", |it, value, errors| {
        errors.set(&mut it.values.head_timeout, value.duration());
    }),
    SectionKey::new("handshake_timeout", |it, value, errors| {
        errors.set(&mut it.values.handshake_timeout, value.duration());
    }),
    SectionKey::new("keepalive_timeout", |it, value, errors| {
        errors.set(&mut it.values.keepalive_timeout, value.duration());
    }),
    SectionKey::new("body_timeout", |it, value, errors| {
        errors.set(&mut it.values.body_timeout, value.duration());
    }),
    SectionKey::new("body_rate_min_bytes", |it, value, errors| {
        errors.set(&mut it.values.body_rate_min_bytes, value.bytes(1));
    }),
    SectionKey::new("answer_timeout", |it, value, errors| {
        errors.set(&mut it.values.answer_timeout, value.duration());
    }),
    SectionKey::new("handler_slow_time", |it, value, errors| {
        errors.set(&mut it.values.handler_slow_time, value.duration());
    }),
    SectionKey::new("send_timeout", |it, value, errors| {
        errors.set(&mut it.values.send_timeout, value.duration());
    }),
    SectionKey::new("lingering_timeout", |it, value, errors| {
        errors.set(&mut it.values.lingering_timeout, value.duration());
    }),
    SectionKey::new("lingering_time", |it, value, errors| {
        errors.set(&mut it.values.lingering_time, value.duration());
    }),
    SectionKey::new("stop_timeout", |it, value, errors| {
        errors.set(&mut it.values.stop_timeout, value.duration());
    }),
    SectionKey::new("head_bytes_max", |it, value, errors| {
        errors.set(&mut it.values.head_bytes_max, value.bytes(1));
    }),
    SectionKey::new("target_bytes_max", |it, value, errors| {
        it.origin = Some(value.origin());
        errors.set(&mut it.values.target_bytes_max, value.bytes(1));
    }),
    SectionKey::new("header_count_max", |it, value, errors| {
        errors.set(&mut it.values.header_count_max, value.count(1));
    }),
    SectionKey::new("body_discard_bytes_max", |it, value, errors| {
        errors.set(&mut it.values.body_discard_bytes_max, value.bytes(0));
    }),
    SectionKey::new("body_memory_bytes_max", |it, value, errors| {
        errors.set(&mut it.values.body_memory_bytes_max, value.bytes(1));
    }),
    SectionKey::new("response_spool_bytes_max", |it, value, errors| {
        errors.set(&mut it.values.response_spool_bytes_max, value.bytes(0));
    }),
    SectionKey::new("handler_threads_max", |it, value, errors| {
        errors.set(&mut it.values.handler_threads_max, value.count(1));
    }),
    SectionKey::new("handler_queue_max", |it, value, errors| {
        errors.set(&mut it.values.handler_queue_max, value.count(0));
    }),
    SectionKey::new("ranges_max", |it, value, errors| {
        errors.set(&mut it.values.ranges_max, value.count(1));
    }),
    SectionKey::new("handshakes_max", |it, value, errors| {
        errors.set(&mut it.values.handshakes_max, value.count(1));
    }),
    SectionKey::new("connections_max", |it, value, errors| {
        errors.set(&mut it.values.connections_max, value.count(1));
    }),
];
