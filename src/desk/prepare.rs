//! Alerts and reports on deployments on their way to the queue: matched against the playbooks, titled, sealed. All of it is done in the
//! request's own task, so that the clerk has only to decide.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::projections::ticket_of;
use super::{Desk, DeskError};
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;
use crate::procedure::estate::DeployedTo;
use crate::procedure::rules::ModelRule;
use crate::store::commit::Secret;
use crate::ticket::alert::Alert;
use crate::ticket::command::{Deployed, MatchedAlert, Receive, Remainder};
use crate::ticket::deployment::Deployment;
use crate::ticket::number::Number;
use crate::ticket::state::Held;

/// Models of one system that are looked at for a deployment.
const MOST_MODELS: usize = 20;
/// Models that are read at a time.
const MODELS_PAGE: i64 = 500;

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

    /// Makes a report on a deployment ready for the queue; none, with the reason, when it is about nothing that matters here.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn prepare_deployment(
        &self,
        received_at: Timestamp,
        raw: &[u8],
        deployment: Deployment,
    ) -> Result<Result<Deployed, &'static str>, DeskError> {
        let snapshot = self.snapshot();
        let Some(library) = snapshot.procedures.current() else { return Ok(Err("No playbooks were adopted yet")) };
        let Some(rule) = library.kinds.values().find_map(|kind| kind.deployments.as_ref()) else {
            return Ok(Err("No procedure here takes deployments"));
        };
        let system = match library.organisation.estate.deployed_to(&deployment.repository, &deployment.environment) {
            DeployedTo::System(name) => Some(name.to_owned()),
            DeployedTo::Elsewhere => return Ok(Err("No system says that it runs in this environment")),
            DeployedTo::Unknown if deployment.transient => return Ok(Err("What is deployed there is short-lived")),
            DeployedTo::Unknown => None,
        };
        // Also for what names a ticket: it may be none of ours.
        let models = match (&rule.model, &system) {
            (Some(rule), Some(system)) => self.models(rule, system).await?,
            _ => Vec::new(),
        };
        let json = serde_json::to_string(&deployment).unwrap_or_default();
        Ok(Ok(Deployed {
            group: group_of(&snapshot.secret, &deployment),
            system,
            models,
            received_at,
            sealed: self.seal(json),
            payload_sha256: self.seal(hex::encode(Sha256::digest(raw))),
            seed: self.env().bytes(),
            deployment,
        }))
    }

    /// Models that count now and name the system in any of their fields.
    async fn models(&self, rule: &ModelRule, system: &str) -> Result<Vec<Number>, DeskError> {
        let (mut after, mut found) = (-1, Vec::new());
        while found.len() < MOST_MODELS {
            let page = self.store().tickets(after, &rule.kind, &rule.status, MODELS_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.opened_seq;
            for held in &page {
                let ticket = ticket_of(held)?;
                let names = |held: &Held| matches!(held, Held::Plain(Value::String(text)) if text == system);
                if ticket.fields.values().any(names) && found.len() < MOST_MODELS {
                    found.push(ticket.number);
                }
            }
        }
        Ok(found)
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

/// Hex HMAC-SHA-256 over the source and the tool's own identifier of the deployment: keyed, since identifiers are few enough
/// to be guessed from a plain digest.
fn group_of(secret: &Secret, deployment: &Deployment) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&secret.0) else { return String::new() };
    for part in ["deployment", &deployment.source, &deployment.repository, &deployment.id] {
        mac.update(part.as_bytes());
        mac.update(&[0]);
    }
    hex::encode(mac.finalize().into_bytes())
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
