//! PagerDuty, Events API v2 (`POST /v2/enqueue`): where a ticket stands now, under its number as `dedup_key`. Sent twice,
//! it says the same: an incident there is triggered while nobody has answered, acknowledged when somebody has, resolved
//! when the work is over.

use serde_json::{Value, json};

use super::{NotPaged, Page, Pager, Sent, judged};
use crate::config::PagerDuty as Settings;
use crate::desk::paging::PAGERDUTY;
use crate::outbound::http::{Client, HttpError, host_of};
use crate::ticket::event::Fact;

/// Characters of a summary (the API's limit is 1,024).
const SUMMARY: usize = 1_000;

/// PagerDuty.
pub struct PagerDuty {
    settings: Settings,
    console: String,
    titles: bool,
    client: Client,
}

impl PagerDuty {
    /// PagerDuty as configured; `console` is the address of our own pages. `titles`: tickets are called by
    /// their titles as well as by their numbers.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: Settings, console: &str, titles: bool) -> Result<Self, HttpError> {
        let client = Client::new(host_of(&settings.url))?;
        Ok(Self { settings, console: console.to_owned(), titles, client })
    }

    async fn post(&self, page: &Page<'_>) -> Result<Vec<String>, NotPaged> {
        let Some(body) = self.said(page) else { return Ok(Vec::new()) };
        let url = format!("{}/v2/enqueue", self.settings.url);
        let answered = self.client.post(&url, "application/json", body.to_string().into_bytes()).await?;
        judged(answered.status, &answered.body).map(|()| Vec::new())
    }

    fn said(&self, page: &Page<'_>) -> Option<Value> {
        let telling = page.telling.as_ref()?;
        // Only what was ever triggered there is known there.
        if !telling.events.iter().any(|event| matches!(event.fact, Fact::Escalated { .. })) {
            return None;
        }
        let ticket = &telling.ticket;
        let waits = ticket.escalation.as_ref().is_some_and(|e| e.acknowledged_by.is_none());
        let action = match (ticket.ended, waits) {
            (true, _) => "resolve",
            (false, true) => "trigger",
            (false, false) => "acknowledge",
        };
        let mut body = json!({
            "routing_key": self.settings.routing_key.expose(), "event_action": action, "dedup_key": ticket.number,
        });
        if action == "trigger" {
            let severity = match ticket.severity() {
                "sev1" => "critical",
                "sev2" => "error",
                "sev3" => "warning",
                _ => "info",
            };
            let title = page.title().filter(|_| self.titles).map(|title| format!(": {title}")).unwrap_or_default();
            let summary: String = format!("{} {}{title}", ticket.number, ticket.severity()).chars().take(SUMMARY).collect();
            let url = format!("{}/console/c/{}", self.console, ticket.number);
            body["payload"] = json!({ "summary": summary, "source": "countersign", "severity": severity });
            body["client"] = json!("Countersign");
            body["client_url"] = json!(url);
        }
        Some(body)
    }
}

impl Pager for PagerDuty {
    fn channel(&self) -> &'static str {
        PAGERDUTY
    }

    fn platform(&self) -> &'static str {
        "pagerduty"
    }

    fn send<'a>(&'a self, page: &'a Page<'_>) -> Sent<'a> {
        Box::pin(self.post(page))
    }
}
