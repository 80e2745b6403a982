//! The demonstration's monitoring tool: it posts what a real Alertmanager posts (webhook version 4), over HTTP, with its
//! bearer token, to our own address.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::env::{Env, Timestamp};

/// The source's name in the demonstration's configuration.
pub const SOURCE: &str = "alertmanager";
/// Alerts in the storm.
pub const STORM: usize = 200;
/// Alerts in one delivery.
const IN_A_DELIVERY: usize = 25;

/// What goes wrong in the storm: rule, and what it says of an instance.
const RULES: [(&str, &str); 5] = [
    ("InstanceDown", "does not answer"),
    ("HighErrorRate", "answers 38 % of requests with an error"),
    ("HighLatency", "takes 9 s for a request"),
    ("ProbeFailed", "fails its health check"),
    ("QueueBacklog", "has 12,000 payments in its queue"),
];

/// One alert: its labels and what people read.
#[derive(Clone, Debug)]
pub struct Firing {
    labels: BTreeMap<&'static str, String>,
    summary: String,
    starts_at: Timestamp,
}

/// A monitoring tool that knows where to post.
pub struct Monitor {
    client: reqwest::Client,
    url: String,
    token: String,
    env: Env,
}

/// What a delivery was answered.
#[derive(Clone, Debug, Deserialize)]
pub struct Delivered {
    /// Its number.
    pub delivery: String,
    /// The tickets that it opened or touched.
    pub tickets: Vec<String>,
}

impl Firing {
    fn of(labels: &[(&'static str, &str)], summary: impl Into<String>, starts_at: Timestamp) -> Self {
        Self { labels: labels.iter().map(|(k, v)| (*k, (*v).to_owned())).collect(), summary: summary.into(), starts_at }
    }

    /// As Prometheus and Alertmanager name it: FNV-1a (64 bits) over names and values, each followed by 0xFF, in order
    /// of names (`model.LabelsToSignature`).
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let bytes = self.labels.iter().flat_map(|(k, v)| [k.as_bytes(), &[0xFF], v.as_bytes(), &[0xFF]]);
        let hash = bytes.flatten().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        format!("{hash:016x}")
    }

    fn to_json(&self, ended: Option<Timestamp>) -> Value {
        let rule = self.labels.get("alertname").cloned().unwrap_or_default();
        json!({
            "status": if ended.is_some() { "resolved" } else { "firing" },
            "labels": self.labels,
            "annotations": { "summary": self.summary, "runbook_url": format!("https://runbooks.demo.invalid/{rule}") },
            "startsAt": self.starts_at,
            "endsAt": ended.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string()),
            "generatorURL": format!("http://prometheus.demo.invalid:9090/graph?g0.expr={rule}&g0.tab=1"),
            "fingerprint": self.fingerprint(),
        })
    }
}

/// The storm: a service goes down, and every rule fires for every instance of it.
#[must_use]
pub fn storm(at: Timestamp) -> Vec<Firing> {
    (0..STORM)
        .map(|i| {
            let (rule, says) = RULES[i % RULES.len()];
            let instance = format!("payments-api-{:02}:8443", i / RULES.len());
            let labels = [
                ("alertname", rule),
                ("cluster", "demo-1"),
                ("instance", instance.as_str()),
                ("job", "payments"),
                ("service", "payments-api"),
                ("severity", "critical"),
            ];
            Firing::of(&labels, format!("{instance} {says}"), at)
        })
        .collect()
}

/// Something else, at the same time: nobody would want it in the same incident.
#[must_use]
pub fn intrusion(at: Timestamp) -> Vec<Firing> {
    let labels =
        [("alertname", "SuspiciousLogin"), ("cluster", "demo-1"), ("host", "vault-2"), ("severity", "warning"), ("user", "backup-service")];
    vec![Firing::of(&labels, "backup-service signed in on vault-2 from a network that it never used", at)]
}

impl Monitor {
    /// A tool that posts to the service at `base`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(base: &str, token: &str, env: Env) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).no_proxy().build()?;
        Ok(Self { client, url: format!("{base}/hooks/{SOURCE}"), token: token.to_owned(), env })
    }

    /// Posts alerts, as many deliveries as they need, with a pause between them.
    ///
    /// # Errors
    /// When a delivery is not taken.
    pub async fn post(&self, alerts: &[Firing], resolved: bool, pause: Duration) -> anyhow::Result<Vec<Delivered>> {
        let mut delivered = Vec::new();
        for part in alerts.chunks(IN_A_DELIVERY) {
            if !delivered.is_empty() {
                tokio::time::sleep(pause).await;
            }
            delivered.push(self.deliver(part, resolved).await?);
        }
        Ok(delivered)
    }

    async fn deliver(&self, alerts: &[Firing], resolved: bool) -> anyhow::Result<Delivered> {
        let ended = resolved.then(|| self.env.now());
        let first = alerts.first().context("a delivery without alerts")?;
        let group: BTreeMap<_, _> = first.labels.iter().filter(|(k, _)| matches!(**k, "cluster" | "service" | "user")).collect();
        let body = json!({
            "version": "4",
            "groupKey": format!("{{}}:{}", serde_json::to_string(&group)?),
            "truncatedAlerts": 0,
            "status": if resolved { "resolved" } else { "firing" },
            "receiver": "countersign",
            "groupLabels": group,
            "commonLabels": group,
            "commonAnnotations": {},
            "externalURL": "http://alertmanager.demo.invalid:9093",
            "alerts": alerts.iter().map(|a| a.to_json(ended)).collect::<Vec<_>>(),
        });
        let answer = self.client.post(&self.url).bearer_auth(&self.token).json(&body).send().await?;
        let (status, said) = (answer.status(), answer.text().await?);
        if status.as_u16() != 202 {
            bail!("a delivery was answered {status}: {said}");
        }
        serde_json::from_str(&said).with_context(|| format!("a delivery was answered {said}"))
    }

    /// Plays the demonstration by the clock: a storm after two seconds, something else after twenty, the all-clear after
    /// a minute.
    ///
    /// # Errors
    /// When a delivery is not taken.
    pub async fn play(&self) -> anyhow::Result<()> {
        let pause = Duration::from_millis(400);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let storm = storm(self.env.now());
        self.post(&storm, false, pause).await?;
        tokio::time::sleep(Duration::from_secs(15)).await;
        self.post(&intrusion(self.env.now()), false, pause).await?;
        tokio::time::sleep(Duration::from_secs(40)).await;
        self.post(&storm, true, pause).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_alert_is_named_as_alertmanager_names_it() {
        // As a real one named what it sent.
        let labels = [
            ("alertname", "InstanceDown"),
            ("cluster", "live-corpus"),
            ("instance", "127.0.0.1:9914"),
            ("job", "canary"),
            ("severity", "critical"),
            ("team", "platform"),
        ];
        let alert = Firing::of(&labels, "", Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        assert_eq!(alert.fingerprint(), "9ec01dd17427d418");
    }

    #[test]
    fn the_storm_has_two_hundred_different_alerts() {
        let storm = storm(Timestamp::parse("2026-01-01T00:00:00Z").unwrap());
        assert_eq!(storm.iter().map(Firing::fingerprint).collect::<BTreeSet<_>>().len(), STORM);
    }
}
