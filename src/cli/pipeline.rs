//! The demonstration's pipeline: it deploys the web shop, and reports to the service as a real one does, over HTTP with its
//! own token.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::json;

use crate::desk::Desk;
use crate::people::Person;

/// The source's name in the demonstration's configuration.
pub const SOURCE: &str = "pipeline";
/// What it deploys, as `organisation.yaml` of the demonstration names it.
const REPOSITORY: &str = "acme/web-shop";
/// How often it looks for work that somebody has started.
const LOOK: Duration = Duration::from_secs(2);

/// A pipeline that knows where to report.
pub struct Pipeline {
    client: reqwest::Client,
    url: String,
    token: String,
}

#[derive(Deserialize)]
struct Reported {
    tickets: Vec<String>,
}

impl Pipeline {
    /// A pipeline that reports to the service at `base`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(base: &str, token: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).no_proxy().build()?;
        Ok(Self { client, url: format!("{base}/hooks/{SOURCE}"), token: token.to_owned() })
    }

    /// Reports on run `id`, which deploys `change`; gives the tickets that it touched.
    ///
    /// # Errors
    /// With what was answered.
    pub async fn reports(&self, id: &str, status: &str, change: &str) -> anyhow::Result<Vec<String>> {
        let body = json!({
            "id": id, "status": status, "repository": REPOSITORY, "environment": "production", "revision": "9f2c41d",
            "title": format!("{change}: version 14"), "change": change, "pull_request": "https://git.demo.invalid/acme/web-shop/pull/88",
            "author": "ana", "reviewers": ["bo"], "url": format!("https://ci.demo.invalid/runs/{id}"),
        });
        let answer = self.client.post(&self.url).bearer_auth(&self.token).json(&body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("the report on run {id} was answered {status}: {text}");
        }
        let reported: Reported = serde_json::from_str(&text).with_context(|| format!("the report was answered {text}"))?;
        Ok(reported.tickets)
    }

    /// Deploys every change of the web shop that somebody starts, for as long as it runs.
    ///
    /// # Errors
    /// With what was answered.
    pub async fn works(&self, desk: &Desk, reader: &Person) -> anyhow::Result<()> {
        let mut done: BTreeSet<String> = BTreeSet::new();
        loop {
            for (seq, ticket) in desk.tickets(reader, -1, "change", "implementing", 100).await? {
                let number = ticket.number.to_string();
                if ticket.plain("system").and_then(serde_json::Value::as_str) == Some("web-shop") && done.insert(number.clone()) {
                    let id = (400 + seq).to_string();
                    self.reports(&id, "started", &number).await?;
                    tokio::time::sleep(LOOK).await;
                    self.reports(&id, "succeeded", &number).await?;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
