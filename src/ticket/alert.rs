//! An alert as every monitoring tool's format is read into, and what the log remembers of one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::env::Timestamp;

/// What the monitoring tool says the alert's state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// It is happening.
    Firing,
    /// Somebody said in the monitoring tool that they have seen it; still happening.
    Acknowledged,
    /// It is over, says the tool.
    Resolved,
}

impl AlertStatus {
    /// Every one of them.
    const ALL: [Self; 3] = [Self::Firing, Self::Acknowledged, Self::Resolved];

    /// In one word, as JSON has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// One alert, in our words, whatever tool sent it. Bounded by the parser: at most 256 labels and annotations
/// together, 8 KiB a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Name of the source in the configuration.
    pub source: String,
    /// Identifies the alert within its source for ever: lower-case hex, 16 to 64 digits. The tool's own
    /// fingerprint where it sends one in that shape, otherwise the first 32 hex digits of
    /// SHA-256(source ‖ 0x00 ‖ `alert_id`).
    pub fingerprint: String,
    /// The tool's own identifier, verbatim (a fingerprint, a `dedup_key`, an id).
    pub alert_id: String,
    /// The rule or check that fired.
    pub rule: String,
    /// Firing, acknowledged or resolved.
    pub status: AlertStatus,
    /// What it is about in one line.
    pub title: String,
    /// More words, perhaps none.
    pub description: String,
    /// Severity as the tool spells it, lower case; empty when it says none.
    pub severity: String,
    /// Labels (Prometheus's sense): what identifies the thing.
    pub labels: BTreeMap<String, String>,
    /// Annotations: words and links for people.
    pub annotations: BTreeMap<String, String>,
    /// When it began, says the tool.
    pub starts_at: Option<Timestamp>,
    /// When it ended, says the tool.
    pub ends_at: Option<Timestamp>,
    /// Where a person sees it in the tool; empty when unknown.
    pub url: String,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::procedure::ALERT_MEMBERS;

    #[test]
    fn what_expressions_may_read_of_an_alert_is_what_it_has() {
        let alert = Alert {
            source: "example".into(),
            fingerprint: "0000000000000000".into(),
            alert_id: "example".into(),
            rule: "Example".into(),
            status: AlertStatus::Firing,
            title: "Example".into(),
            description: String::new(),
            severity: "critical".into(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            starts_at: None,
            ends_at: None,
            url: String::new(),
        };
        let json = serde_json::to_value(alert).unwrap();
        let fields: BTreeSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, BTreeSet::from(ALERT_MEMBERS));
    }
}
