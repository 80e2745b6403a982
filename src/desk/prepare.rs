//! Alerts on their way to the queue: matched against the response playbooks, titled, sealed. All of it is done in the
//! request's own task, so that the clerk has only to decide.

use sha2::{Digest, Sha256};

use super::Desk;
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;
use crate::ticket::alert::Alert;
use crate::ticket::command::{MatchedAlert, Receive, Remainder};

impl Desk {
    /// Makes a delivery ready for the queue.
    #[must_use]
    pub fn prepare(&self, source: &str, received_at: Timestamp, raw: &[u8], alerts: Vec<Alert>) -> Receive {
        let digest = hex::encode(Sha256::digest(raw));
        let snapshot = self.snapshot();
        let library = snapshot.procedures.current();
        let alerts = alerts
            .into_iter()
            .map(|alert| {
                let json = serde_json::to_value(&alert).unwrap_or_default();
                MatchedAlert {
                    sealed: self.seal(json.to_string()),
                    payload_sha256: self.seal(digest.clone()),
                    matched: library.and_then(|library| self.inner().matcher.matched(self.env(), library, &snapshot.secret, &alert, json)),
                    alert,
                }
            })
            .collect();
        Receive { source: source.to_owned(), received_at, alerts, remainder: None }
    }

    /// Seals what of a delivery became no alert: `unmapped` parts, and `truncated` alerts that its sender left out. The
    /// body is kept as it came, but for `key`, when it holds the sender's own credential: no record holds one.
    #[must_use]
    pub fn remainder(&self, raw: &[u8], key: Option<&str>, unmapped: u64, truncated: u64) -> Remainder {
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        Remainder {
            unmapped: count(unmapped),
            truncated: count(truncated),
            body: Sealed::new(self.env().bytes::<32>(), without(raw, key)),
            payload_sha256: self.seal(hex::encode(Sha256::digest(raw))),
        }
    }
}

/// The bytes with `key`, wherever it stands, replaced.
fn without(raw: &[u8], key: Option<&str>) -> Vec<u8> {
    match (key.filter(|k| !k.is_empty()), std::str::from_utf8(raw)) {
        (Some(key), Ok(text)) => text.replace(key, "(routing key)").into_bytes(),
        _ => raw.to_vec(),
    }
}

/// A sealed text as UTF-8.
#[must_use]
pub fn text_of(sealed: &Sealed) -> String {
    String::from_utf8_lossy(&sealed.bytes).into_owned()
}
