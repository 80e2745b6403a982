//! What can be said of one event without those before it: so several threads read ahead of the one that judges.

use super::canonical::NotCanonical;
use super::envelope::{Envelope, Outline};
use crate::env::Timestamp;

/// An event that was read: where its members stand, and what of them needs no other event.
#[derive(Clone, Debug)]
pub struct Reading(Result<Found, NotCanonical>);

#[derive(Clone, Debug)]
struct Found {
    outline: Outline,
    at: Option<Timestamp>,
    sealed: Option<u64>,
}

/// What was read, beside the event's own bytes.
pub(super) struct Alone<'a> {
    /// The event.
    pub event: Envelope<'a>,
    /// When it was recorded, if that is a time in the one form that it has.
    pub at: Option<Timestamp>,
    /// How many commitments it holds, if these are commitments.
    pub sealed: Option<u64>,
}

impl Reading {
    /// Reads an event's bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Envelope::parse(bytes).map(|event| Found {
            // One moment has one form, so that a text comparison says the same as a comparison of times.
            at: event.at.text().and_then(|text| Timestamp::parse_canonical(&text)),
            sealed: sealed_in(&event),
            outline: event.outline(bytes),
        }))
    }

    /// What was read of these bytes.
    ///
    /// # Errors
    /// Why they are not an event's; [`NotCanonical::OtherBytes`] as well when others were read.
    pub(super) fn of_these(self, bytes: &[u8]) -> Result<Alone<'_>, NotCanonical> {
        let Found { outline, at, sealed } = self.0?;
        let event = outline.envelope(bytes).ok_or(NotCanonical::OtherBytes)?;
        Ok(Alone { event, at, sealed })
    }
}

/// How many commitments an event holds; `None` when something else stands there.
fn sealed_in(event: &Envelope<'_>) -> Option<u64> {
    if let Some(count) = event.sealed.raw().and_then(commitments_at_a_glance) {
        return Some(count);
    }
    let sealed = event.commitments()?;
    sealed.iter().all(|(_, commitment)| is_commitment(commitment.as_bytes())).then_some(sealed.len() as u64)
}

/// The number of commitments in the canonical text of an object that holds nothing else, under names without escapes;
/// `None` where that cannot be told at a glance.
fn commitments_at_a_glance(object: &str) -> Option<u64> {
    let (mut rest, mut count) = (object.as_bytes().strip_prefix(b"{")?, 0);
    if rest == b"}" {
        return Some(0);
    }
    loop {
        rest = rest.strip_prefix(b"\"")?;
        let name = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let (commitment, after) = rest.get(name..)?.strip_prefix(b"\":\"")?.split_at_checked(64)?;
        rest = after.strip_prefix(b"\"")?;
        count += 1;
        match (is_commitment(commitment), rest.split_first()?) {
            (true, (b',', more)) => rest = more,
            (true, (b'}', [])) => return Some(count),
            _ => return None,
        }
    }
}

/// Whether this is a SHA-256 in hexadecimal. All bytes are looked at, since that is quicker than stopping at the first.
fn is_commitment(text: &[u8]) -> bool {
    text.len() == 64 && text.iter().fold(true, |fits, byte| fits & byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::canonical::to_canonical;
    use super::*;

    #[test]
    fn commitments_are_counted_the_same_at_a_glance_and_one_by_one() {
        let digest = "0a".repeat(32);
        for (sealed, count) in [
            (json!({}), Some(0)),
            (json!({"note": digest}), Some(1)),
            (json!({"note": digest, "title": digest, "a\"b": digest}), Some(3)),
            (json!({"é": digest, "": digest}), Some(2)),
            (json!({"note": digest, "title": "0a"}), None),
            (json!({"note": format!("{}g", &digest[1..])}), None),
            (json!({"note": [digest]}), None),
            (json!([digest]), None),
            (json!(digest), None),
        ] {
            let bytes = to_canonical(&json!({"sealed": sealed})).unwrap();
            assert_eq!(sealed_in(&Envelope::parse(&bytes).unwrap()), count, "{sealed}");
        }
    }
}
