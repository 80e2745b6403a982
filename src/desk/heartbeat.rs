//! A monitoring tool that falls silent is an alert of ours: it goes the way of every alert, by the response playbooks,
//! and ends when the tool is heard again.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Desk;
use super::overlay::alert_id;
use super::request::{Ask, Request, Who};
use crate::env::Timestamp;
use crate::store::StoreError;
use crate::ticket::alert::{Alert, AlertStatus};
use crate::ticket::command::Command;
use crate::ticket::event::Via;

/// The source that such an alert comes from.
pub const SOURCE: &str = "countersign";

/// How often a source is expected to be heard.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The source.
    pub source: String,
    /// At least so often.
    pub every: Duration,
}

fn fingerprint(source: &str) -> String {
    let digest = <sha2::Sha256 as sha2::Digest>::digest(format!("{SOURCE}\0heartbeat\0{source}"));
    hex::encode(&digest[..16])
}

impl Desk {
    /// Opens an alert for each source that was not heard for longer than expected (since `started`, when it never was),
    /// and ends it once the source is heard again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn listen_for(&self, expected: &[Expected], started: Timestamp) -> Result<(), StoreError> {
        for Expected { source, every } in expected {
            let heard = self.store().last_heard(source).await?.and_then(Timestamp::from_micros).unwrap_or(started);
            let silent = self.now().since(heard) > *every;
            let fingerprint = fingerprint(source);
            let known = self.store().alert(&alert_id(SOURCE, &fingerprint)).await?;
            let firing = known.is_some_and(|row| row.status == AlertStatus::Firing.name());
            if silent != firing {
                let status = if silent { AlertStatus::Firing } else { AlertStatus::Resolved };
                self.tell_silence(source, &fingerprint, status, heard).await;
            }
        }
        Ok(())
    }

    async fn tell_silence(&self, source: &str, fingerprint: &str, status: AlertStatus, heard: Timestamp) {
        let labels = BTreeMap::from([("alertname".to_owned(), "SourceSilent".to_owned()), ("source".to_owned(), source.to_owned())]);
        let alert = Alert {
            source: SOURCE.to_owned(),
            fingerprint: fingerprint.to_owned(),
            alert_id: format!("heartbeat/{source}"),
            rule: "SourceSilent".to_owned(),
            status,
            title: format!("{source} has fallen silent"),
            description: format!("Nothing was heard from the source {source} since {heard}. Alerts may be getting lost."),
            severity: "high".to_owned(),
            labels,
            annotations: BTreeMap::new(),
            starts_at: Some(heard),
            ends_at: None,
            url: String::new(),
        };
        let receive = self.prepare(SOURCE, self.now(), alert.description.clone().as_bytes(), vec![alert]);
        let request = Request {
            who: Who::Source { name: SOURCE.to_owned() },
            via: Via { surface: "tick".to_owned(), auth: "internal".to_owned(), credential: None },
            ip: None,
            envelope: None,
            dedupe: None,
            ask: Ask::Ticket(Box::new(Command::Receive(receive))),
        };
        if let Err(error) = self.ask(request).await {
            tracing::warn!(%error, source, "a silent source could not be recorded; it is tried again");
        }
    }
}
