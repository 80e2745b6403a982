//! What of the story needs time to pass: a call that is chased up the rota, a change that must wait for its day, an access
//! that ends by itself. The demonstration's clock runs ahead for it.

use std::time::Duration;

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use super::hand::{Answered, Hand};
use super::pipeline::Pipeline;
use super::story::{LOOK, PATIENCE, Stage};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Refused by this name, or the step did not hold.
fn refused(answer: &Answered, code: &str) -> anyhow::Result<String> {
    if answer.body["code"] != code {
        bail!("{code} was expected, and the answer was {}: {}", answer.status, answer.body);
    }
    Ok(answer.body["detail"].as_str().unwrap_or_default().to_owned())
}

impl Stage<'_> {
    /// The clock goes on, and what comes due by then happens.
    async fn pass(&self, by: Duration) -> anyhow::Result<()> {
        ensure!(self.env.clock.pass(by), "this clock cannot be told to go on");
        self.demo.service.app.desk.tick().await?;
        Ok(())
    }

    /// Waits until the log has such an event of the ticket.
    async fn happens(&self, ticket: &str, kind: &str, fits: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        for _ in 0..PATIENCE {
            let page = self.eve.get(&format!("/api/v1/tickets/{ticket}/events?limit=1000")).await?;
            let events = page["events"].as_array().cloned().unwrap_or_default();
            if let Some(event) = events.into_iter().find(|e| e["kind"] == kind && fits(e)) {
                return Ok(event);
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!("{kind} never happened on {ticket}")
    }

    /// Nobody answers the other incident: one is called after the other, until somebody has seen it.
    pub(super) async fn chase(&mut self) -> anyhow::Result<()> {
        let other = self.other.clone();
        let at = |rest: &str| format!("/api/v1/tickets/{other}/{rest}");
        let first = self.happens(&other, "Escalated", |e| e["data"]["to_tier"] == 0).await?;
        let called = self.called(&first).await?;
        self.held(format!("{other} calls {called}, who is on call, at once."));
        self.pass(6 * MINUTE).await?;
        let second = self.happens(&other, "Escalated", |e| e["data"]["to_tier"] == 1).await?;
        let called = self.called(&second).await?;
        self.held(format!("No answer for five minutes, so the call goes on to {called}."));
        self.pass(25 * MINUTE).await?;
        self.happens(&other, "ClockBreached", |e| e["data"]["clock"] == "acknowledge").await?;
        self.held("Half an hour, and nobody has taken it: that the target was missed is on record, and the call goes on and on.");
        self.chidi.does(&at("escalation/acknowledge"), &json!({})).await?;
        self.bo.does(&at("acknowledge"), &json!({})).await?;
        self.held("Chidi has seen it, and Bo takes it: nobody is called any more.");
        Ok(())
    }

    /// Who was called: the person whom the rota names, or the role.
    async fn called(&self, escalated: &Value) -> anyhow::Result<String> {
        let people = self.eve.get("/api/v1/people").await?;
        let person = &escalated["data"]["person"];
        let found = people["people"].as_array().into_iter().flatten().find(|p| !person.is_null() && p["id"] == *person);
        let role = escalated["data"]["to"].as_str().unwrap_or_default().replace('-', " ");
        Ok(found.and_then(|p| p["name"].as_str()).map_or_else(|| format!("the {role}"), str::to_owned))
    }

    /// Decides at the console, on exactly what is shown there.
    async fn decides(&self, who: &Hand, ticket: &str) -> anyhow::Result<Answered> {
        let console = who.at_the_console().await?;
        let seen = console.get(&format!("/api/v1/tickets/{ticket}")).await?;
        let can = seen["can"].as_array().into_iter().flatten();
        let digest = can.filter_map(|c| c["approval"].as_str()).next().unwrap_or_default().to_owned();
        let body = json!({ "decision": "approve", "reason": "Looked through it; the way back is short.", "digest": digest });
        console.post(&format!("/api/v1/tickets/{ticket}/approvals"), &body).await
    }

    /// A change is asked for, judged, approved by somebody else, waits for its day, and is done.
    pub(super) async fn change(&mut self) -> anyhow::Result<()> {
        let from = self.env.now().plus(24 * HOUR + 10 * MINUTE);
        let fields = json!({
            "title": "A new certificate for the payment gateway", "category": "software", "system": "web-shop", "version": "v14",
            "description": "Deploy version 14 of the web shop, which renews the gateway's client certificate by itself.",
            "justification": "The certificate expired tonight and payments failed for an hour; this keeps it from happening again.",
            "security_impact": "None: the key stays in the vault, and no port changes.",
            "rollback_plan": "The pipeline deploys version 13 again; it takes three minutes.",
            "window_start": from.to_string(), "window_end": from.plus(4 * HOUR).to_string(),
        });
        let opened = self.ana.does("/api/v1/tickets", &json!({ "kind": "change", "fields": fields })).await?;
        let change = opened["ticket"].as_str().unwrap_or_default().to_owned();
        let at = |rest: &str| format!("/api/v1/tickets/{change}/{rest}");
        self.ana.does(&at("submit"), &json!({})).await?;
        let judged = json!({ "fields": {
            "assessment": "Feasible; version 14 has run on staging for a week without errors.",
            "criticality": "medium", "exposure": "low", "rollback_complexity": "low",
        } });
        self.bo.does(&at("assess"), &judged).await?;
        self.held(format!("Ana asks for {change}, and Bo judges how risky it is."));
        let own = refused(&self.decides(&self.ana, &change).await?, "OwnRequest")?;
        self.held(format!("Ana wants to approve it herself and is refused: “{own}”"));
        let approved = self.decides(&self.dana, &change).await?;
        ensure!((200..300).contains(&approved.status), "Dana approving was answered {}: {}", approved.status, approved.body);
        self.held("Dana, who answers for the web shop, approves exactly what she was shown.");
        let early = refused(&self.bo.post(&at("start"), &json!({})).await?, "TooEarly")?;
        self.held(format!("Bo wants to start at once and is refused: “{early}”"));
        self.pass(24 * HOUR + 11 * MINUTE).await?;
        self.deploy(&change).await?;
        let shown = json!({ "fields": { "outcome": "Version 14 answers; the certificate renewed itself once." } });
        self.ana.does(&at("verify"), &shown).await?;
        let closed = self.ana.does(&at("close"), &json!({})).await?;
        ensure!(closed["status"] == "closed", "the change is {}", closed["status"]);
        self.held("Ana checks that it works, and closes it.");
        Ok(())
    }

    /// The next day the pipeline deploys it: its reports start the change, finish it, and are its proof.
    async fn deploy(&mut self, change: &str) -> anyhow::Result<()> {
        let pipeline = Pipeline::new(&format!("http://{}", self.demo.service.address), &self.demo.pipeline)?;
        for (status, stands) in [("started", "implementing"), ("succeeded", "implemented")] {
            let touched = pipeline.reports("421", status, change).await?;
            ensure!(touched == [change], "the report touched {touched:?}");
            let seen = self.eve.get(&format!("/api/v1/tickets/{change}")).await?;
            ensure!(seen["status"] == stands, "after the report {status} the change is {}", seen["status"]);
        }
        self.held("A day later the pipeline deploys it: its reports start the change, finish it, and are its proof.");
        Ok(())
    }

    /// Access is asked for, given for some hours, and ends by itself; a record shows that it is gone.
    pub(super) async fn access(&mut self) -> anyhow::Result<()> {
        let until = self.env.now().plus(6 * HOUR);
        let fields = json!({
            "title": "Read the payments of last night", "system": "payments-db", "role": "read", "requested_for": self.bo.person,
            "justification": "Bo looks up which payments failed while the certificate was expired.", "expires_at": until.to_string(),
        });
        let opened = self.bo.does("/api/v1/tickets", &json!({ "kind": "access", "fields": fields })).await?;
        let access = opened["ticket"].as_str().unwrap_or_default().to_owned();
        let at = |rest: &str| format!("/api/v1/tickets/{access}/{rest}");
        let approved = self.decides(&self.chidi, &access).await?;
        ensure!((200..300).contains(&approved.status), "Chidi approving was answered {}: {}", approved.status, approved.body);
        self.dana.does(&at("grant"), &json!({ "line": "Role granted on the database." })).await?;
        self.held(format!("Bo asks for {access} for six hours; Chidi, to whom he reports, approves, and Dana gives it."));
        self.pass(6 * HOUR + MINUTE).await?;
        self.happens(&access, "TransitionTaken", |e| e["data"]["transition"] == "revoke" && e["data"]["automatic"] == true).await?;
        self.held("Six hours later it has ended by itself.");
        let gone = self.dana.post(&at("confirm"), &json!({})).await?;
        ensure!(gone.status == 422, "confirming without a record was answered {}: {}", gone.status, gone.body);
        self.dana.files(&at("attachments"), "roles.txt", b"bo: no roles on payments-db", "deprovisioning").await?;
        let closed = self.dana.does(&at("confirm"), &json!({})).await?;
        ensure!(closed["status"] == "closed", "the access is {}", closed["status"]);
        self.held("It counts as gone only with a record of the system, which Dana files.");
        Ok(())
    }
}
