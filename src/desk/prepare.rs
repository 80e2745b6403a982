//! Alerts on their way to the queue: matched against the response playbooks, titled, sealed. All of it is done in the
//! request's own task, so that the clerk has only to decide.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Desk;
use crate::env::{Env, Timestamp};
use crate::ledger::sealed::Sealed;
use crate::procedure::expression::Variables;
use crate::procedure::model::{Library, Response};
use crate::store::commit::Secret;
use crate::ticket::alert::Alert;
use crate::ticket::command::{Matched, MatchedAlert, Receive, Remainder};
use crate::ticket::event::Pinned;
use crate::ticket::fields;

/// Characters of a title at most.
const TITLE: usize = 200;

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
                    matched: library.and_then(|library| match_alert(self.env(), library, &snapshot.secret, &alert, json)),
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

/// What the first response playbook that takes this alert says of it. A playbook that cannot be evaluated on it is
/// passed over and logged: an alert is never lost to a slip in a playbook.
fn match_alert(env: &Env, library: &Library, secret: &Secret, alert: &Alert, json: Value) -> Option<Matched> {
    let mut variables = Variables::new();
    variables.insert("alert".to_owned(), json);
    let takes = |response: &&std::sync::Arc<Response>| {
        let Some(matches) = &response.matches else { return false };
        matches.holds(&variables).unwrap_or_else(|error| {
            tracing::warn!(playbook = response.name, %error, "a response playbook could not be evaluated on an alert");
            false
        })
    };
    let response = library.responses.iter().find(takes)?;
    let kind = library.kinds.get(&response.kind)?;
    let mut raw: BTreeMap<String, Value> = response.prefill.clone();
    if let Some(Ok(Value::String(severity))) = response.severity.as_ref().map(|s| s.value(&variables)) {
        raw.insert("severity".to_owned(), Value::String(severity));
    }
    let title = response.ticket_title.as_ref().map(|t| t.render(&variables)).unwrap_or_default();
    raw.insert("title".to_owned(), Value::String(title_of(&title, alert)));
    let mut salt = || env.bytes::<32>();
    let sealed = fields::seal(kind, library, &raw, &mut salt).or_else(|problems| {
        // What a playbook computed does not fit the field: the incident opens all the same, with the field empty.
        tracing::warn!(playbook = response.name, problems = problems.len(), "a response playbook filled in what does not fit");
        for problem in &problems {
            raw.remove(&problem.field);
        }
        fields::seal(kind, library, &raw, &mut salt)
    });
    Some(Matched {
        response: Pinned { name: response.name.clone(), digest: response.digest.clone() },
        kind: response.kind.clone(),
        group: group_of(secret, response, &variables),
        window_seconds: i64::try_from(response.window.as_secs()).unwrap_or(i64::MAX),
        fields: sealed.unwrap_or_default(),
    })
}

/// One line of at most 200 characters, never empty.
fn title_of(rendered: &str, alert: &Alert) -> String {
    let candidates = [rendered, &alert.title, &alert.rule, "An alert without a name"];
    let clean = |text: &str| -> String {
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        line.trim_matches(|c: char| c == ':' || c == '-' || c.is_whitespace()).chars().take(TITLE).collect()
    };
    candidates.iter().map(|c| clean(c)).find(|c| !c.is_empty()).unwrap_or_default()
}

/// Hex HMAC-SHA-256 over the playbook's name and the values of what it groups by: keyed, since hosts and services are few
/// enough to be guessed from a plain digest. A value that is missing groups with others that miss it.
fn group_of(secret: &Secret, response: &Response, variables: &Variables) -> String {
    let values: Vec<Value> = response.group_by.iter().map(|e| e.value(variables).unwrap_or(Value::Null)).collect();
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&secret.0) else { return String::new() };
    mac.update(response.name.as_bytes());
    mac.update(&[0]);
    mac.update(Value::Array(values).to_string().as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// A sealed text as UTF-8.
#[must_use]
pub fn text_of(sealed: &Sealed) -> String {
    String::from_utf8_lossy(&sealed.bytes).into_owned()
}
