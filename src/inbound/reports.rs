//! Reports are fed here, for every surface that shows one: the API, the console, chat and the command line. What they say is
//! made in `evidence::report`.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::card::words::humanise;
use crate::desk::Desk;
use crate::desk::query::NoView;
use crate::env::Timestamp;
use crate::evidence::report::closing::{EvidenceGaps, Wrong};
use crate::evidence::report::people::{Holder, Roles, combined};
use crate::evidence::report::{ALL, Around, Found, Report, alerts, of_tickets};
use crate::people::Person;
use crate::procedure::model::Permission;
use crate::ticket::event::Event;
use crate::ticket::state::Ticket;

/// Rows read at a time.
const PAGE: i64 = 1000;
/// Reports on what is not finished: the oldest of it weighs most, so that they look at all of it.
const OF_ALL: [&str; 4] = ["corrective-actions", "deployments", "reviews", "samples"];

/// What is asked of a report.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// From when on tickets were opened, or events recorded.
    pub from: Option<Timestamp>,
    /// Until before when.
    pub to: Option<Timestamp>,
    /// At which moment; now when none.
    pub at: Option<Timestamp>,
    /// Of this role.
    pub role: Option<String>,
    /// Of this kind of ticket.
    pub kind: Option<String>,
}

/// The report of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Report> {
    ALL.iter().find(|report| report.name == name)
}

/// How far back a report looks where people read it, unless they say otherwise; none when it looks at everything.
#[must_use]
pub fn usual(report: &Report) -> Option<&'static str> {
    (report.takes.contains(&"from") && !OF_ALL.contains(&report.name)).then_some("6mo")
}

/// A value of an answer as one reads it.
#[must_use]
pub fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(all) => all.iter().map(|(name, value)| format!("{} {}", humanise(name), words(value))).collect::<Vec<_>>().join("; "),
    }
}

/// That there is no such report, and which there are.
#[must_use]
pub fn none_of_that_name() -> String {
    let names: Vec<&str> = ALL.iter().map(|report| report.name).collect();
    format!("There is no report of that name. There are: {}.", names.join(", "))
}

/// Makes a report: `summary`, `rows`, and as of which position of the log.
///
/// # Errors
/// When the person may not look, or the database does not answer.
pub async fn report(desk: &Desk, viewer: &Person, report: &Report, wanted: &Wanted) -> Result<Value, NoView> {
    desk.allow(viewer, Permission::Read)?;
    let size = desk.size().await?;
    let as_of = json!({ "position": size, "at": desk.now() });
    let feed = Feed { desk, viewer, wanted, size };
    let mut answer = match report.name {
        "combined-roles" => feed.combined()?,
        "evidence-gaps" => feed.evidence_gaps().await?,
        "intake" => {
            let mut report = alerts::Intake::default();
            feed.events(|event| (report.take(event), true).1).await?;
            report.answer()
        }
        "latency" => {
            let mut report = alerts::Latency::default();
            feed.events(|event| (report.take(event), true).1).await?;
            report.answer()
        }
        "roles" => feed.roles().await?,
        "samples" => feed.samples().await?,
        "self-approvals" => feed.self_approvals().await?,
        name => feed.tickets(name).await?,
    };
    answer["report"] = json!(report.name);
    answer["as_of"] = as_of;
    Ok(answer)
}

struct Feed<'f> {
    desk: &'f Desk,
    viewer: &'f Person,
    wanted: &'f Wanted,
    size: i64,
}

impl Feed<'_> {
    /// Feeds the log's events of the period, until `take` has enough.
    async fn events(&self, mut take: impl FnMut(&Event) -> bool) -> Result<(), NoView> {
        let mut next = match self.wanted.from {
            Some(from) => self.desk.position_at(self.viewer, from).await?,
            None => 0,
        };
        while next < self.size {
            let events = self.desk.log(self.viewer, next, PAGE.min(self.size - next)).await?;
            let Some(last) = events.last() else { return Ok(()) };
            next = last.seq + 1;
            for event in &events {
                if self.wanted.to.is_some_and(|to| event.at >= to) || !take(event) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Feeds tickets in the order of their opening: those of the period, or all.
    async fn each_ticket(&self, all: bool, mut take: impl FnMut(&Ticket)) -> Result<(), NoView> {
        let from = self.wanted.from.filter(|_| !all);
        let to = self.wanted.to.filter(|_| !all);
        let kind = self.wanted.kind.as_deref().unwrap_or_default();
        let mut after = match from {
            Some(from) => self.desk.position_at(self.viewer, from).await? - 1,
            None => -1,
        };
        loop {
            let rows = self.desk.tickets(self.viewer, after, kind, "", PAGE).await?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            for (_, ticket) in &rows {
                if to.is_some_and(|to| ticket.opened_at >= to) {
                    return Ok(());
                }
                take(ticket);
            }
        }
    }

    async fn tickets(&self, name: &str) -> Result<Value, NoView> {
        let library = self.desk.snapshot().procedures.current().cloned().ok_or(NoView::NotAllowed)?;
        let around = Around { library: &library, now: self.desk.now(), from: self.wanted.from, to: self.wanted.to };
        let mut report = of_tickets(name, &around).ok_or_else(|| NoView::NotFound(format!("report {name}")))?;
        let all = report.looks_at_all();
        self.each_ticket(all, |ticket| report.take(ticket)).await?;
        let directory = self.desk.snapshot().directory;
        Ok(report.answer(&|person| directory.name_of(person)))
    }

    async fn roles(&self) -> Result<Value, NoView> {
        let mut report = Roles::held(self.wanted.at.unwrap_or_else(|| self.desk.now()), self.wanted.role.as_deref());
        self.events(|event| report.take(event)).await?;
        let directory = self.desk.snapshot().directory;
        Ok(report.answer(|person| directory.name_of(person)))
    }

    fn combined(&self) -> Result<Value, NoView> {
        let snapshot = self.desk.snapshot();
        let library = snapshot.procedures.current().cloned().ok_or(NoView::NotAllowed)?;
        let active = snapshot.directory.iter().filter(|person| !person.state.disabled);
        let holder = |person: &Person| Holder {
            id: person.state.id.clone(),
            name: person.name.clone(),
            email: person.email.to_lowercase(),
            roles: person.state.roles.clone(),
        };
        Ok(combined(&library, &active.map(holder).collect::<Vec<_>>()))
    }

    async fn self_approvals(&self) -> Result<Value, NoView> {
        let (approvals, found) = self.desk.self_approvals(self.viewer).await?;
        let directory = self.desk.snapshot().directory;
        let slipped = found.iter().filter(|f| !f.excepted).count();
        let rows: Vec<Value> = found
            .iter()
            .map(|f| {
                let mut row = json!(f);
                row["person_name"] = json!(directory.name_of(&f.person));
                row
            })
            .collect();
        let summary = json!({ "approvals": approvals, "self_approvals": slipped, "by_exception": found.len() - slipped });
        Ok(json!({ "summary": summary, "rows": rows, "rows_left_out": 0 }))
    }

    /// Each draw that came due in the period, drawn once more; and its pack, if it is where it was put.
    async fn samples(&self) -> Result<Value, NoView> {
        let within = |at: Timestamp| self.wanted.from.is_none_or(|from| from <= at) && self.wanted.to.is_none_or(|to| at < to);
        let (mut found, mut differ, mut packs, mut missing) = (Found::default(), 0, 0, 0);
        for seen in self.desk.draws(self.viewer).await?.into_iter().filter(|seen| within(seen.due)) {
            let drawn = &seen.drawn;
            let again = self.desk.draws_again(self.viewer, drawn).await?;
            let kept = match &seen.pack {
                Some(pack) if self.is_kept(&pack.sha256, pack.size).await => "kept",
                Some(_) => "missing",
                None if drawn.pack => "not written yet",
                None => "",
            };
            differ += i64::from(!again);
            packs += i64::from(kept == "kept");
            missing += i64::from(!matches!(kept, "kept" | ""));
            found.push(json!({
                "ticket": seen.record, "of": seen.obligation, "due": seen.due, "ended_from": drawn.from, "ended_before": drawn.to,
                "population": drawn.population, "drawn": drawn.drawn, "drawn_again": if again { "the same" } else { "something else" },
                "seed": drawn.seed, "population_sha256": drawn.digest, "pack": kept,
                "pack_sha256": seen.pack.as_ref().map(|pack| &pack.sha256),
            }));
        }
        let draws = found.count();
        Ok(found.answer(json!({ "draws": draws, "drawn_differently": differ, "packs": packs, "packs_missing": missing })))
    }

    /// Whether a pack is there, as long as it was.
    async fn is_kept(&self, sha256: &str, size: i64) -> bool {
        let Ok(place) = self.desk.attachments().pack(sha256) else { return false };
        tokio::fs::metadata(place).await.is_ok_and(|there| i64::try_from(there.len()) == Ok(size))
    }

    /// Reads every file again, which only people who may export are given the time for.
    async fn evidence_gaps(&self) -> Result<Value, NoView> {
        self.desk.allow(self.viewer, Permission::Export)?;
        let mut tickets = Vec::new();
        self.each_ticket(false, |ticket| {
            if !ticket.files.is_empty() || !ticket.owed.is_empty() {
                tickets.push(ticket.clone());
            }
        })
        .await?;
        let mut report = EvidenceGaps::default();
        for ticket in &tickets {
            report.take(ticket);
            for file in &ticket.files {
                // What was redacted has no digest any more, and no bytes that could be missing.
                if let Ok((_, _, sha256)) = self.desk.file(self.viewer, &ticket.number, file.file).await {
                    report.file(ticket, file.file, self.wrong_with(&sha256).await);
                }
            }
        }
        Ok(report.answer())
    }

    async fn wrong_with(&self, sha256: &str) -> Option<Wrong> {
        let Ok(mut file) = self.desk.attachments().open_file(sha256).await else { return Some(Wrong::Missing) };
        let (mut hash, mut chunk) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut chunk).await {
                Ok(0) => break,
                Ok(n) => hash.update(&chunk[..n]),
                Err(_) => return Some(Wrong::Damaged),
            }
        }
        (hex::encode(hash.finalize()) != sha256).then_some(Wrong::Damaged)
    }
}
