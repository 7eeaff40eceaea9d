//! What rules make of the header lines of a file, kept beside these: the rules of a site do the same to the same file
//! each time. The form that HTTP/2 sends is kept there, too; so headers, these lines and the head of HTTP/2, which is
//! made of headers, import each other.
//!
//! It must never know what a rule does.

use super::h1::field_lines::FieldLines;
use super::h2::response::prepare;
use super::hpack::PreparedFields;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Names a set of rules, for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RulesId(u64);

impl Default for RulesId {
    /// One that no other set has.
    fn default() -> RulesId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        RulesId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Which rules changed some lines, and everything else that the result depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangedBy {
    pub(crate) rules: RulesId,
    /// Those of the rules that apply, a bit for each.
    pub(crate) applying: u128,
    /// What else the rules know of the request.
    pub(crate) is_fingerprinted: bool,
}

/// What some rules have made of lines.
type Changed = (ChangedBy, Arc<SharedLines>);

/// Header lines of a file, and what rules have made of them.
#[derive(Debug, Default)]
pub(crate) struct SharedLines {
    lines: FieldLines,
    /// There is room for two results, such as for two hosts that serve the same files. The rules of a third are
    /// applied each time.
    changed: [OnceLock<Box<Changed>>; 2],
    /// The lines as HTTP/2 sends them, from their first use on.
    prepared: OnceLock<Box<PreparedFields>>,
}

impl From<FieldLines> for SharedLines {
    fn from(lines: FieldLines) -> SharedLines {
        SharedLines { lines, ..SharedLines::default() }
    }
}

impl Deref for SharedLines {
    type Target = FieldLines;

    fn deref(&self) -> &FieldLines {
        &self.lines
    }
}

impl SharedLines {
    /// What these rules have made of the lines.
    pub(crate) fn changed_by(&self, by: &ChangedBy) -> Option<&Arc<SharedLines>> {
        let kept = self.changed.iter().map_while(OnceLock::get);
        kept.map(|it| &**it).find(|(its, _)| its == by).map(|(_, lines)| lines)
    }

    /// The lines as HTTP/2 sends them.
    pub(crate) fn prepared(&self) -> &PreparedFields {
        self.prepared.get_or_init(|| {
            let mut prepared = PreparedFields::default();
            prepare(&mut prepared, self.lines.fields());
            prepared.shrink();
            Box::new(prepared)
        })
    }

    /// Keeps what these rules have made of the lines, if there is room.
    pub(crate) fn keep(&self, by: ChangedBy, lines: &Arc<SharedLines>) {
        let mut kept = Box::new((by, Arc::clone(lines)));
        for place in &self.changed {
            match place.set(kept) {
                Ok(()) => return,
                Err(refused) => kept = refused,
            }
        }
    }

    /// How many bytes of memory these lines and one result take: a result has them again, and what was added. One of
    /// both has a form for HTTP/2.
    pub(crate) fn cost_bytes(&self) -> usize {
        let lines = self.lines.as_bytes().len();
        2 * (size_of::<SharedLines>() + lines) + ADDED_BYTES + lines + PREPARED_BYTES
    }
}

/// What the form for HTTP/2 takes beyond the lines: the fields that clients keep are in it twice.
const PREPARED_BYTES: usize = size_of::<PreparedFields>() + 200;

/// What rules add to the lines of a file, as a rule.
const ADDED_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sets_of_rules_are_told_apart_and_a_third_finds_no_room() {
        let shared = SharedLines::from(FieldLines::render([("ETag", "1")]));
        let by = |_| ChangedBy { rules: RulesId::default(), applying: 1, is_fingerprinted: false };
        let lines = |text: &str| Arc::new(SharedLines::from(FieldLines::render([("X", text)])));
        let sets = [(by(0), lines("0")), (by(1), lines("1")), (by(2), lines("2"))];
        for (by, lines) in &sets {
            assert!(shared.changed_by(by).is_none());
            shared.keep(*by, lines);
        }
        let found = sets.each_ref().map(|(by, _)| shared.changed_by(by).map(|it| it.as_bytes()));
        assert_eq!(found, [Some(&b"X: 0\r\n"[..]), Some(&b"X: 1\r\n"[..]), None]);
        let other = ChangedBy { applying: 2, ..sets[0].0 };
        assert!(shared.changed_by(&other).is_none(), "other rules apply");
    }
}
