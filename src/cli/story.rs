//! `demo --script`: the whole story, told through the public HTTP surface, then exported and verified with keys that came
//! from outside the bundle. Every step is a sentence, and holds or ends the story.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use super::demo::Demo;
use super::hand::Hand;
use super::monitor::{self, Firing, Monitor, STORM};
use super::selection::Wanted;
use super::{export, people, say};
use crate::env::Env;
use crate::ledger::audit::verify_path;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::key::VerifierKey;
use crate::ledger::report::Verdict;
use crate::ledger::verify::Outside;
use crate::ledger::witness::cosigned_at;

/// How long the witness may take to cosign.
pub(super) const PATIENCE: u32 = 120;
/// Between two looks.
pub(super) const LOOK: Duration = Duration::from_millis(250);

/// Everybody who acts, and what they act on.
pub(super) struct Stage<'a> {
    pub(super) demo: &'a Demo,
    data: &'a Path,
    pub(super) env: &'a Env,
    monitor: Monitor,
    pub(super) ana: Hand,
    pub(super) bo: Hand,
    pub(super) chidi: Hand,
    pub(super) dana: Hand,
    pub(super) eve: Hand,
    storm: Vec<Firing>,
    /// The incident's number, once it is there.
    incident: String,
    /// The number of the incident about something else.
    pub(super) other: String,
    told: usize,
}

/// Tells the story; `false` when a step did not hold, which is said.
pub async fn tell(demo: &Demo, data: &Path, env: &Env) -> bool {
    say::line("This is a demonstration of Countersign: nothing in it is evidence of anything.");
    let told = async {
        let mut stage = Stage::set(demo, data, env).await.context("setting the stage")?;
        stage.storm().await?;
        stage.work().await?;
        stage.close().await?;
        stage.chase().await?;
        stage.change().await?;
        stage.access().await?;
        stage.prove().await
    };
    match told.await {
        Ok(()) => {
            say::line(format!("Every step held. Left in {}: bundle.zip, log.vkey, witness.vkey.", data.display()));
            true
        }
        Err(error) => {
            say::aside(format!("This step did not hold: {error:#}"));
            false
        }
    }
}

impl<'a> Stage<'a> {
    async fn set(demo: &'a Demo, data: &'a Path, env: &'a Env) -> anyhow::Result<Self> {
        let base = format!("http://{}", demo.service.address);
        let desk = &demo.service.app.desk;
        let by_email = |email: &str| {
            let snapshot = desk.snapshot();
            snapshot.directory.by_email(email).map(|p| p.state.id.clone()).with_context(|| format!("{email} is not in the directory"))
        };
        let administrator = by_email("fay@demo.invalid")?;
        let mut hands = Vec::new();
        for name in ["Ana", "Bo", "Chidi", "Dana", "Eve"] {
            let person = by_email(&format!("{}@demo.invalid", name.to_lowercase()))?;
            let (_, key) = people::make_key(desk, Some(administrator.clone()), &person).await?;
            hands.push(Hand::new(name, person, &base, key)?);
        }
        let [ana, bo, chidi, dana, eve] = <[Hand; 5]>::try_from(hands).map_err(|_| anyhow::anyhow!("five people were expected"))?;
        let monitor = Monitor::new(&base, &demo.token, env.clone())?;
        let storm = monitor::storm(env.now());
        Ok(Self { demo, data, env, monitor, ana, bo, chidi, dana, eve, storm, incident: String::new(), other: String::new(), told: 0 })
    }

    /// Says that a step held.
    pub(super) fn held(&mut self, sentence: impl AsRef<str>) {
        self.told += 1;
        say::line(format!("{:>3}. {}", self.told, sentence.as_ref()));
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/tickets/{}{rest}", self.incident)
    }

    async fn incident(&self) -> anyhow::Result<Value> {
        self.eve.get(&self.path("")).await
    }

    /// The storm becomes one incident, and everything else another one.
    async fn storm(&mut self) -> anyhow::Result<()> {
        let delivered = self.monitor.post(&self.storm, false, Duration::ZERO).await.context("the storm")?;
        let touched: BTreeSet<&String> = delivered.iter().flat_map(|d| &d.tickets).collect();
        ensure!(touched.len() == 1, "the storm should be one incident, but it is {touched:?}");
        self.incident = touched.into_iter().next().cloned().unwrap_or_default();
        self.held(format!(
            "A monitoring tool posts {STORM} alerts in {} deliveries; they become one incident, {}.",
            delivered.len(),
            self.incident
        ));
        let alerts = self.eve.get(&self.path("/alerts")).await?;
        let alerts = alerts["alerts"].as_array().cloned().unwrap_or_default();
        ensure!(alerts.len() == STORM, "{} of {STORM} alerts are on {}", alerts.len(), self.incident);
        for alert in &alerts {
            let id = alert["id"].as_str().unwrap_or_default();
            let record = self.eve.get(&format!("/api/v1/alerts/{id}")).await?;
            ensure!(record["ticket"] == json!(self.incident), "the alert {id} leads to {}", record["ticket"]);
        }
        for delivery in &delivered {
            let kept = self.eve.get(&format!("/api/v1/deliveries/{}", delivery.delivery)).await?;
            let brought = kept["alerts"].as_array().map_or(0, Vec::len);
            ensure!(brought == STORM / delivered.len(), "the delivery {} is kept with {brought} alerts", delivery.delivery);
        }
        self.named_in_the_record().await?;
        self.held(format!("Each of the {STORM} can be traced, from the alert to {} and back to its delivery.", self.incident));
        self.monitor.post(&self.storm[..25], false, Duration::ZERO).await.context("the repeat")?;
        let other = self.monitor.post(&monitor::intrusion(self.env.now()), false, Duration::ZERO).await.context("the other alert")?;
        let tickets = self.eve.get("/api/v1/tickets?kind=incident").await?;
        let numbers: Vec<&str> = tickets["tickets"].as_array().into_iter().flatten().filter_map(|t| t["number"].as_str()).collect();
        ensure!(numbers.len() == 2, "two incidents were expected, there are {numbers:?}");
        let other = other.iter().flat_map(|d| &d.tickets).next().cloned().unwrap_or_default();
        ensure!(other != self.incident && numbers.contains(&other.as_str()), "the other alert became {other:?}");
        self.held(format!("A repeated delivery opens nothing; an alert about something else opens {other}."));
        self.other = other;
        Ok(())
    }

    /// Every alert that was posted stands in the record under the name that the tool gave it, once, with its delivery.
    async fn named_in_the_record(&self) -> anyhow::Result<()> {
        let (mut named, mut after) = (Vec::new(), 0);
        loop {
            let page = self.eve.get(&self.path(&format!("/events?after={after}&limit=200"))).await?;
            for event in page["events"].as_array().into_iter().flatten().filter(|e| e["kind"] == "AlertAttached") {
                let told: Value = serde_json::from_str(event["texts"]["alert"].as_str().unwrap_or_default()).unwrap_or_default();
                ensure!(event["data"]["delivery"].as_i64().is_some_and(|d| d > 0), "an alert names no delivery: {event}");
                named.extend(told["alert_id"].as_str().map(str::to_owned));
            }
            match page["next"].as_i64() {
                Some(next) if next > after => after = next,
                _ => break,
            }
        }
        let posted: BTreeSet<String> = self.storm.iter().map(Firing::fingerprint).collect();
        ensure!(
            named.len() == STORM && named.into_iter().collect::<BTreeSet<_>>() == posted,
            "the record names other alerts than were posted"
        );
        Ok(())
    }

    /// Ana works the incident until service is back.
    async fn work(&mut self) -> anyhow::Result<()> {
        let ana = self.ana.clone();
        ana.does(&self.path("/acknowledge"), &json!({})).await?;
        let ticket = self.incident().await?;
        ensure!(ticket["owner"] == json!(ana.person), "the owner is {}", ticket["owner"]);
        self.held("Ana acknowledges it with one click; it is hers.");
        let note = "All of zone b. The certificate of the payment gateway's client expired at 03:00.";
        ana.does(&self.path("/comments"), &json!({ "text": note })).await?;
        self.held("She writes down what she found.");
        let content = b"$ openssl x509 -noout -enddate -in gateway.pem\nnotAfter=Nov 22 03:00:00 2026 GMT\n";
        ana.files(&self.path("/attachments"), "enddate.txt", content, "contain").await?;
        let back = self.eve.bytes(&self.path("/attachments/1")).await?;
        ensure!(back == content, "the file came back different");
        self.held("She files the proof; an auditor reads back the same bytes.");
        self.step("contain", "Traffic goes through zone a", "contained").await?;
        let renewed = b"serial=7A01 notAfter=Nov 22 03:40:00 2027 GMT\n";
        ana.files(&self.path("/attachments"), "renewed.txt", renewed, "eradicate").await?;
        self.step("eradicate", "A new certificate is in place, and it renews by itself now", "eradicated").await?;
        self.step("recover", "Zone b answers again; the cashiers confirmed it", "recovered").await?;
        self.held("Contained, cause removed, back to normal: each with one line.");
        self.monitor.post(&self.storm, true, Duration::ZERO).await.context("the all-clear")?;
        let ticket = self.incident().await?;
        ensure!(ticket["alerts"]["firing"] == json!(0), "alerts still fire: {}", ticket["alerts"]);
        ensure!(ticket["status"] == "recovered", "the all-clear moved it to {}", ticket["status"]);
        self.held("The alerts resolve: it is on record, and closes nothing by itself.");
        Ok(())
    }

    async fn step(&self, transition: &str, line: &str, status: &str) -> anyhow::Result<()> {
        let answer = self.ana.does(&self.path(&format!("/{transition}")), &json!({ "line": line })).await?;
        ensure!(answer["status"] == status, "after {transition} it is {}", answer["status"]);
        Ok(())
    }

    /// Closure is refused until everything is there, and to the one who did the work.
    async fn close(&mut self) -> anyhow::Result<()> {
        let (ana, chidi) = (self.ana.clone(), self.chidi.clone());
        let closing = json!({ "reason": "Looked through with Ana; nothing is open." });
        let refused = chidi.post(&self.path("/close"), &closing).await?;
        let named = refused.body["fields"].as_array().into_iter().flatten().any(|f| f["field"] == "root_cause");
        if refused.status != 422 || !named {
            bail!("closing without a root cause was answered {}: {}", refused.status, refused.body);
        }
        ensure!(self.incident().await?["status"] == "recovered", "a refused closure changed the incident");
        self.held(format!("Chidi wants to close it and is refused: “{}”", refused.body["detail"].as_str().unwrap_or_default()));
        let fields = json!({
            "systems_affected": ["payments-api", "payment gateway client"],
            "reporting_duties": ["none"],
            "root_cause": "The client certificate was renewed by hand, and nobody was reminded.",
            "resolution": "A new certificate, renewed by the platform from now on. The cashiers confirmed normal service at 03:47.",
            "disposition": "remediated",
        });
        ana.does(&self.path("/fields"), &json!({ "fields": fields })).await?;
        for (link, reason) in [("caused_by", "No change caused it: a date passed."), ("remediated_by", "Done within the incident.")] {
            ana.does(&self.path("/links"), &json!({ "link": link, "reason": reason })).await?;
        }
        let ticket = self.incident().await?;
        for task in ticket["tasks"].as_array().into_iter().flatten() {
            ana.does(&self.path(&format!("/tasks/{}", task["task"])), &json!({})).await?;
        }
        self.look_back(&ticket).await?;
        self.held("Ana fills in what was owed, and ticks off the playbook's tasks; Dana completes the post-incident review.");
        let own = ana.post(&self.path("/close"), &closing).await?;
        if own.status != 403 {
            bail!("Ana closing her own work was answered {}: {}", own.status, own.body);
        }
        let closed = chidi.does(&self.path("/close"), &closing).await?;
        ensure!(closed["status"] == "closed", "after closing it is {}", closed["status"]);
        self.held("Ana may not close her own sev1; Chidi, a second person, looks through it and closes it.");
        Ok(())
    }

    /// A sev1 is not closed before it was looked back on.
    async fn look_back(&self, ticket: &Value) -> anyhow::Result<()> {
        let review = ticket["links"].as_array().into_iter().flatten().find(|l| l["link"] == "reviewed_by");
        let review = review.and_then(|l| l["to"].as_str()).context("the incident has no post-incident review")?;
        let at = |rest: &str| format!("/api/v1/tickets/{review}/{rest}");
        let none = json!({ "link": "corrected_by", "reason": "The certificate renews by itself from now on." });
        self.dana.does(&at("links"), &none).await?;
        let found = json!({ "fields": {
            "findings": "A certificate was renewed by hand, and no reminder existed; the alarm came within a minute.", "outcome": "improve",
        } });
        self.dana.does(&at("complete"), &found).await?;
        Ok(())
    }

    /// The record is cosigned, exported, and proven from outside.
    async fn prove(&mut self) -> anyhow::Result<()> {
        let log = self.eve.text("/log/vkey").await?;
        let witness_address = format!("http://{}/witness/vkey", self.demo.witness.address);
        let asked = reqwest::Client::builder().timeout(Duration::from_secs(10)).no_proxy().build()?;
        let witness = asked.get(&witness_address).send().await?.error_for_status()?.text().await?;
        let (log_key, witness_key) = (VerifierKey::parse(&log)?, VerifierKey::parse(&witness)?);
        let size = self.cosigned(&log_key, &witness_key).await?;
        self.held(format!("A second instance, the witness, has cosigned the log of {size} events."));
        let bundle = self.data.join("bundle.zip");
        let exported = export::export(&self.demo.config, self.env, Some("eve@demo.invalid"), &Wanted::everything(), &bundle, false).await?;
        ensure!(exported.witnesses.len() == 1, "the witness did not cosign the export: {:?}", exported.troubles);
        std::fs::write(self.data.join("log.vkey"), &log)?;
        std::fs::write(self.data.join("witness.vkey"), &witness)?;
        self.held(format!("Eve, the auditor, exports everything: {} tickets, {} files.", exported.written.tickets, exported.written.files));
        let outside = Outside { log: Some(log_key), witnesses: vec![witness_key], quorum: None, ..Outside::default() };
        let path = bundle.clone();
        let report = tokio::task::spawn_blocking(move || verify_path(&path, &outside)).await?;
        ensure!(matches!(report.verdict, Verdict::Proven { .. }), "the bundle is not proven: {report}");
        ensure!(report.demonstration, "the bundle does not say that it is a demonstration");
        self.held("The bundle verifies, with the log's and the witness's keys from outside it:");
        say::line(report.to_string().lines().map(|line| format!("       {line}")).collect::<Vec<_>>().join("\n"));
        Ok(())
    }

    /// Waits until the whole log is under a checkpoint that the witness cosigned.
    async fn cosigned(&self, log: &VerifierKey, witness: &VerifierKey) -> anyhow::Result<u64> {
        for _ in 0..PATIENCE {
            let events = self.demo.service.app.desk.size().await?;
            let note = self.eve.text("/log/checkpoint").await?;
            let (checkpoint, note) = Checkpoint::open(note.as_bytes(), log)?;
            if i64::try_from(checkpoint.size)? == events && cosigned_at(&note, witness).is_ok() {
                return Ok(checkpoint.size);
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!("the witness did not cosign within {} s", (LOOK * PATIENCE).as_secs())
    }
}
