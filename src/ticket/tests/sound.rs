//! What no record may ever show, said here once more and apart from the playbooks: whoever drops a rule from a procedure is
//! found out by this, not by the rule that is gone.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::work::{at, linked};
use crate::env::Timestamp;
use crate::ticket::approval;
use crate::ticket::bench::Bench;
use crate::ticket::decide::KindLookup;
use crate::ticket::duties::{Around, requesters};
use crate::ticket::event::Actor;
use crate::ticket::number::Number;
use crate::ticket::state::{StepTaken, Ticket};

const DAY: Duration = Duration::from_secs(86_400);

/// What is wrong with a ticket, the first thing that is found; none when all is well.
pub(super) fn unsound(b: &Bench, n: &Number) -> Option<String> {
    let seen = Seen { b, t: b.ticket(n) };
    let own = seen.own_request();
    own.or_else(|| match seen.t.kind.as_str() {
        "change" => seen.change(),
        "incident" => seen.incident(),
        "access" => seen.access(),
        "removal" => seen.removal(),
        "corrective-action" => seen.action(),
        "exception" => seen.exception(),
        "change-model" => seen.model(),
        "finding" => seen.closed_with("settled", &["explanation"], Some("corrected_by")),
        "review" => seen.review(),
        _ => None,
    })
}

struct Seen<'b> {
    b: &'b Bench,
    t: &'b Ticket,
}

impl Seen<'_> {
    fn last(&self, step: &str) -> Option<&StepTaken> {
        self.t.steps.iter().rev().find(|s| s.transition == step)
    }

    fn at(&self, step: &str) -> Option<Timestamp> {
        self.last(step).map(|s| s.at)
    }

    /// Persons who took a step, at any time.
    fn took(&self, step: &str) -> BTreeSet<&str> {
        self.t.steps.iter().filter(|s| s.transition == step).filter_map(|s| s.by.person()).collect()
    }

    /// Persons on whose approval a step was taken.
    fn approved(&self, step: &str) -> BTreeSet<&str> {
        self.t.granted.get(step).into_iter().flat_map(|g| &g.given).filter(|a| a.approved).map(|a| a.person.as_str()).collect()
    }

    fn is(&self, field: &str, value: &str) -> bool {
        self.t.plain(field).and_then(Value::as_str) == Some(value)
    }

    fn time(&self, field: &str) -> Option<Timestamp> {
        self.t.plain(field).and_then(Value::as_str).and_then(Timestamp::parse)
    }

    fn subject(&self) -> Option<&str> {
        self.t.plain("requested_for").and_then(Value::as_str)
    }

    fn empty(&self, fields: &[&str]) -> Option<String> {
        let gap = fields.iter().find(|f| !self.t.fields.contains_key(**f))?;
        Some(format!("{} is {} without {gap}", self.t.number, self.t.status))
    }

    fn says(&self, wrong: bool, what: &str) -> Option<String> {
        wrong.then(|| format!("{}: {what}", self.t.number))
    }

    /// Two steps that one person took.
    fn same_hand(&self, one: &str, other: &str) -> Option<String> {
        let both = self.took(one).intersection(&self.took(other)).next().map(|p| (*p).to_owned())?;
        Some(format!("{}: {both} took both {one} and {other}", self.t.number))
    }

    /// The other record stands in one of these statuses.
    fn has_record(&self, link: &str, kind: &str, standing: &[&str]) -> bool {
        let records = linked(self.b, &self.t.number, link);
        records.iter().map(|n| self.b.ticket(n)).any(|t| t.kind == kind && standing.contains(&t.status.as_str()))
    }

    /// The same, of records that were opened for this ticket: it was the first to be linked to them.
    fn has_own(&self, link: &str, kind: &str, standing: &[&str]) -> bool {
        let first = |t: &&Ticket| {
            let word = crate::ticket::links::inverse(link);
            t.links.iter().find(|l| l.link == word).is_some_and(|l| l.to.as_ref() == Some(&self.t.number))
        };
        let records = linked(self.b, &self.t.number, link);
        let mut own = records.iter().map(|n| self.b.ticket(n)).filter(first);
        own.any(|t| t.kind == kind && standing.contains(&t.status.as_str()))
    }

    /// Whether the risk was ever judged to be high.
    fn high(&self) -> bool {
        self.is("risk", "high") || self.t.levels.get("risk").is_some_and(|levels| levels.contains("high"))
    }

    fn own_request(&self) -> Option<String> {
        let kind = self.b.kind(&self.t.kind_digest).expect("its procedure");
        let around = Around { now: self.b.now, organisation: &self.b.library.organisation, people: self.b, kind, response: None };
        let asked_by = requesters(&around, self.t);
        let given = self.t.approvals.values().flatten().chain(self.t.granted.values().flat_map(|g| &g.given));
        let own = given.filter(|a| a.approved).find(|a| asked_by.contains(&a.person))?;
        Some(format!("{}: {} approved an own request", self.t.number, own.person))
    }

    fn change(&self) -> Option<String> {
        self.in_order().or_else(|| self.started()).or_else(|| self.apart()).or_else(|| self.closed())
    }

    /// created ≤ assessed ≤ approved < started ≤ finished ≤ verified ≤ closed.
    fn in_order(&self) -> Option<String> {
        let mut before = ("opening", self.t.opened_at);
        for step in ["assess", "approve", "start", "finish", "verify", "close"] {
            let Some(at) = self.at(step) else { continue };
            if before.1 > at {
                return Some(format!("{}: {} at {} is after {step} at {at}", self.t.number, before.0, before.1));
            }
            before = (step, at);
        }
        None
    }

    fn started(&self) -> Option<String> {
        let started = self.at("start")?;
        let system = self.t.plain("system").and_then(Value::as_str).and_then(|name| self.b.library.organisation.estate.systems.get(name));
        let lists = |person: &str| {
            let email = format!("{}@example.com", person.trim_start_matches("p_"));
            system.is_none_or(|s| s.implementers.is_empty() || s.implementers.contains(&email))
        };
        if self.took("start").iter().any(|person| !lists(person)) {
            return self.says(true, "somebody started it whom its system does not list");
        }
        let by_model = self.has_record("modelled_by", "change-model", &["live", "retired"]);
        let excused = self.t.spoken.is_some() && !linked(self.b, &self.t.number, "reviewed_by").is_empty();
        if !self.is("type", "normal") {
            let covered = (self.is("type", "emergency") && excused) || (self.is("type", "standard") && by_model);
            return self.says(!covered && self.at("approve").is_none(), "it started, and nothing covers that");
        }
        let (Some(assessed), Some(approved)) = (self.at("assess"), self.at("approve")) else {
            return self.says(true, "it started without having been assessed and approved");
        };
        let open = self.time("window_start").zip(self.time("window_end")).is_some_and(|(from, to)| from <= started && started < to);
        let frozen = self
            .b
            .library
            .organisation
            .estate
            .freezes
            .iter()
            .any(|f| f.covers(started, started, self.t.plain("system").and_then(Value::as_str)));
        self.says(assessed > approved || approved >= started, "it was not assessed, then approved, then started")
            .or_else(|| self.says(started.since(approved) < DAY, "it started less than a day after its approval"))
            .or_else(|| self.says(!open, "it started outside its window"))
            .or_else(|| self.says(frozen && !self.has_record("excepted_by", "exception", &["active", "ended"]), "it started in a freeze"))
            .or_else(|| self.says(self.approved("approve").is_empty(), "nobody approved it"))
    }

    fn apart(&self) -> Option<String> {
        let high = self.high();
        let approvers = self.approved("approve");
        let both = |step: &str| self.took(step).iter().any(|person| approvers.contains(person));
        self.says(both("submit"), "somebody submitted and approved it")
            .or_else(|| self.says(high && both("assess"), "somebody assessed and approved it"))
            // A risk that was raised since makes the approval stale; nothing starts on that.
            .or_else(|| {
                self.says(high && approvers.len() == 1 && (self.at("start").is_some() || self.stands()), "one approval is not enough")
            })
            .or_else(|| if high || self.is("type", "emergency") { self.same_hand("finish", "verify") } else { None })
    }

    /// What was approved is what stands there now.
    fn stands(&self) -> bool {
        let kind = self.b.kind(&self.t.kind_digest).expect("its procedure");
        let now = kind.transitions.get("approve").and_then(|approve| approval::digest(self.t, approve));
        self.t.granted.get("approve").is_some_and(|granted| now.as_ref() == Some(&granted.digest))
    }

    fn closed(&self) -> Option<String> {
        let (emergency, standard) = (self.is("type", "emergency"), self.is("type", "standard"));
        let verified = self.at("verify").is_some() && self.t.status != "rolled_back";
        let told = if verified { self.empty(&["outcome"]) } else { None };
        if told.is_some() || self.t.status != "closed" {
            return told;
        }
        if let Some(step) = ["start", "finish", "verify"].into_iter().find(|s| self.at(s).is_none()) {
            return self.says(true, &format!("it was closed without {step}"));
        }
        let written = ["category", "description", "justification", "security_impact", "rollback_plan"];
        let judged = ["criticality", "exposure", "rollback_complexity"];
        let proved = ["before", "after"].iter().all(|proof| self.t.evidence_of(proof) > 0);
        let reviewed = self.has_own("reviewed_by", "review", &["completed"]);
        let confirmed = self.t.spoken.as_ref().is_none_or(|s| s.confirmed == Some(true));
        let excepted = self.has_own("excepted_by", "exception", &["active", "ended"]);
        let told = if standard { None } else { self.empty(&written).or_else(|| self.empty(&judged)) };
        told.or_else(|| self.says(!standard && self.is("category", "configuration") && !proved, "it was closed without its proof"))
            .or_else(|| self.says((emergency || self.high()) && !reviewed, "it was closed without its review"))
            .or_else(|| self.says(!confirmed && !excepted, "it was closed on a word that nobody confirmed"))
    }

    fn access(&self) -> Option<String> {
        let broken = self.is("type", "break-glass");
        let approvers = self.approved("approve");
        let privileged = self.is("type", "privileged");
        let granted = self.took("grant");
        let given = self.at("grant").is_some();
        let told = self
            .says(given && !broken && approvers.is_empty(), "it was given, and nobody approved it")
            .or_else(|| self.says(given && privileged && approvers.len() < 2, "one approval is not enough"))
            .or_else(|| self.says(privileged && granted.iter().any(|p| approvers.contains(p)), "one person approved and gave it"))
            .or_else(|| self.says(granted.iter().any(|p| self.approved("endorse").contains(p)), "one person gave and endorsed it"))
            .or_else(|| self.says(granted.iter().any(|p| self.approved("endorse_late").contains(p)), "one person gave and endorsed it"))
            .or_else(|| self.says(self.at("renew").is_some() && self.approved("renew").is_empty(), "it was renewed unapproved"));
        let late = self.time("expires_at").is_some_and(|end| self.t.status == "granted" && end < self.b.now);
        let told = told.or_else(|| self.says(late, "its end has passed, and it is still there"));
        if told.is_some() || self.t.status != "closed" {
            return told;
        }
        let endorsed = self.at("endorse").is_some() || self.at("endorse_late").is_some();
        let excepted = self.has_own("excepted_by", "exception", &["active", "ended"]);
        let reviewed = self.has_own("reviewed_by", "review", &["completed"]);
        let told = self.t.evidence_of("activity") > 0;
        self.gone()
            .or_else(|| self.says(broken && !(reviewed && (endorsed || excepted)), "emergency use was closed unjudged"))
            .or_else(|| self.says(broken && !told, "nothing shows what was done in emergency use"))
    }

    /// What is said to be gone is shown to be, by somebody else than whose it was.
    fn gone(&self) -> Option<String> {
        let own = self.subject().is_some_and(|subject| self.took("confirm").contains(subject));
        self.says(own, "somebody confirmed that their own access is gone")
            .or_else(|| self.says(self.t.evidence_of("deprovisioning") == 0, "no record shows that it is gone"))
    }

    fn removal(&self) -> Option<String> {
        let own = self.subject().is_some_and(|subject| self.took("void").contains(subject));
        let told = self.says(own, "somebody said of their own access that it need not go");
        if self.t.status == "closed" { told.or_else(|| self.gone()) } else { told }
    }

    fn action(&self) -> Option<String> {
        if self.t.status != "closed" {
            return None;
        }
        let owner = self.t.owner.as_deref().is_some_and(|owner| self.took("verify").contains(owner));
        self.says(owner, "its owner verified it")
            .or_else(|| self.same_hand("finish", "verify"))
            .or_else(|| self.empty(&["description", "due", "result"]))
    }

    fn exception(&self) -> Option<String> {
        if !["active", "ended"].contains(&self.t.status.as_str()) {
            return None;
        }
        let needs = if self.is("type", "freeze") { &["system", "window_start", "window_end"][..] } else { &[] };
        let by_executive = self.approved("approve").contains("p_exe");
        let sealed = ["freeze", "risk"].iter().any(|of| self.is("type", of));
        self.says(sealed && !by_executive, "no executive accepted it")
            .or_else(|| self.says(self.approved("approve").is_empty(), "nobody accepted it"))
            .or_else(|| self.empty(&["scope", "justification", "compensation", "expires_at"]))
            .or_else(|| self.empty(needs))
            .or_else(|| self.says(self.t.status == "active" && self.time("expires_at") < Some(self.b.now), "its end has passed"))
    }

    fn model(&self) -> Option<String> {
        let live = self.t.status == "live";
        self.says(live && self.approved("approve").is_empty(), "nobody approved it")
            .or_else(|| self.says(live && self.time("expires_at") < Some(self.b.now), "its end has passed"))
    }

    /// Whoever ends a serious one took no phase of it, and it says and shows everything when it is closed.
    fn incident(&self) -> Option<String> {
        if !self.t.ended {
            return None;
        }
        let end = self.t.steps.last()?;
        let serious = self.t.severities_seen().iter().any(|severity| ["sev1", "sev2"].contains(severity));
        let own = self.t.steps.iter().any(|s| s.phase && s.by == end.by);
        let told = match end.transition.as_str() {
            "close" => {
                let reviewed = self.has_record("reviewed_by", "review", &["completed", "void"]);
                let proved = ["contain", "eradicate"].iter().all(|phase| self.t.evidence_of(phase) > 0);
                let linked = |word: &str| self.t.links.iter().any(|l| l.link == word);
                self.empty(&["class", "severity", "vector", "detection_source", "data_involved", "systems_affected", "root_cause"])
                    .or_else(|| self.empty(&["reporting_duties", "resolution", "disposition"]))
                    .or_else(|| self.says(!proved, "it was closed without its evidence"))
                    .or_else(|| self.says(self.t.notes == 0, "it was closed without a note"))
                    .or_else(|| self.says(!linked("caused_by") || !linked("remediated_by"), "nothing says why it happened"))
                    .or_else(|| self.says(serious && !reviewed, "it was closed without its review"))
            }
            "merge" => self.says(self.t.merged_into.is_none(), "it was merged into nothing"),
            "false_positive" => {
                let worked_on = self.t.steps.iter().any(|s| s.phase);
                self.says(serious && !worked_on && self.t.opened_by == end.by, "whoever opened it called it false")
            }
            _ => None,
        };
        told.or_else(|| self.says(serious && own && end.transition != "merge", "whoever worked on it ended it"))
    }

    /// Nobody ended it who had taken a step of what it reviews by then, or approved one.
    fn review(&self) -> Option<String> {
        let ends = |s: &&StepTaken| ["complete", "void"].contains(&s.transition.as_str());
        let own = self.t.steps.iter().filter(ends).any(|end| {
            let reviewed = linked(self.b, &self.t.number, "reviews");
            reviewed.iter().map(|n| self.b.ticket(n)).any(|of| {
                let before: Vec<&StepTaken> = of.steps.iter().filter(|s| s.seq < end.seq).collect();
                let took = before.iter().any(|s| s.by.person().is_some() && s.by.person() == end.by.person());
                let given = before.iter().filter_map(|s| of.granted.get(&s.transition)).flat_map(|g| &g.given);
                took || given.into_iter().any(|a| a.approved && Some(a.person.as_str()) == end.by.person())
            })
        });
        let told = self.says(own, "somebody looked back on what they had a part in");
        told.or_else(|| self.closed_with("completed", &["findings", "outcome"], Some("corrected_by")))
    }

    fn closed_with(&self, status: &str, fields: &[&str], link: Option<&str>) -> Option<String> {
        if self.t.status != status {
            return None;
        }
        let follows = link.is_none_or(|link| self.t.links.iter().any(|l| l.link == link));
        self.empty(fields).or_else(|| self.says(!follows, "nothing says what follows from it"))
    }
}

/// A ticket that nobody could have made: what is wrong with it is found.
#[test]
fn what_is_wrong_is_found_wherever_it_comes_from() {
    let mut b = super::work::bench("");
    let raw = super::work::request(&b, 26);
    let n = super::work::open(&mut b, "p_ana", "change", &raw).unwrap();
    assert_eq!(unsound(&b, &n), None);
    let ticket = b.tickets.get_mut(&n).unwrap();
    let by = Actor::Person { id: "p_bo".into(), roles: vec!["responder".into()] };
    ticket.steps.push(StepTaken {
        transition: "start".into(),
        from: "draft".into(),
        to: "implementing".into(),
        by,
        at: at("2026-03-02T09:00:00Z"),
        occurred_at: None,
        phase: false,
        skipped: Vec::new(),
        seq: 1,
    });
    assert!(unsound(&b, &n).unwrap().contains("without having been assessed and approved"));
    b.tickets.get_mut(&n).unwrap().fields.insert("type".into(), crate::ticket::state::Held::Plain(json!("standard")));
    assert!(unsound(&b, &n).unwrap().contains("nothing covers that"));
}
