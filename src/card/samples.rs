//! An incident procedure, a response and a ticket for tests, small but with every feature that cards show.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::scene::{Known, Scene, Taxonomies};
use crate::env::Timestamp;
use crate::ledger::sealed::Commitment;
use crate::procedure::expression::Expression;
use crate::procedure::model::{
    Ask, Channel, Clock, ClockStart, Declare, Field, FieldType, From, Hours, Kind, Organisation, Owed, OwedTo, OwedWhat, Permission,
    Requires, Response, Role, SecondPerson, Transition,
};
use crate::ticket::decide::PeopleView;
use crate::ticket::event::{Actor, Event, Fact, OwedItem, Pinned, Via};
use crate::ticket::number::Number;
use crate::ticket::state::{AlertCount, ClockState, File, Held, SealedRef, StepTaken, Task, Ticket};

pub(crate) fn at(clock: &str) -> Timestamp {
    Timestamp::parse(&format!("2026-11-22T{clock}:00Z")).expect("a time")
}

pub(crate) fn number() -> Number {
    Number::new("INC", 42)
}

pub(crate) fn name(id: &str) -> Option<String> {
    let names = [("p_ana", "Ana Lima"), ("p_bo", "Bo Chen"), ("p_dana", "Dana Okafor"), ("p_chidi", "Chidi Eze")];
    names.iter().find(|(person, _)| *person == id).map(|(_, name)| (*name).to_owned())
}

pub(crate) fn plaintext(seq: i64, name: &str) -> Option<String> {
    let text = match (seq, name) {
        (10, "field.title") => "payments-api is down",
        (_, "alert") => r#"{"title":"High error rate on payments-api"}"#,
        (_, "name") => "zone-b-drain.log",
        (_, "note") => "Error rate is falling.\nZone b looks healthy again.",
        (_, "line") => "drained zone b",
        (_, "reason") => "it was a drill",
        (_, "why") => "first adoption",
        (_, "query") => "all of 2026",
        (_, "target") => "https://status.example.com/1",
        _ => return None,
    };
    Some(text.to_owned())
}

pub(crate) fn known() -> Known<'static> {
    Known { name: &name, plaintext: &plaintext }
}

fn map(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn field(name: &str, label: &str, of: FieldType, help: &str, audit: bool) -> (String, Field) {
    let sealed = matches!(of, FieldType::Line | FieldType::Text | FieldType::Assets);
    let (label, help) = (label.to_owned(), help.to_owned());
    (
        name.to_owned(),
        Field {
            name: name.to_owned(),
            label,
            of,
            help,
            audit,
            sealed,
            default: (name == "severity").then(|| json!("sev3")),
            substance: None,
        },
    )
}

fn step(name: &str, label: &str, from: &[&str], to: &str) -> Transition {
    Transition {
        name: name.to_owned(),
        label: label.to_owned(),
        help: format!("{label}: what that means."),
        from: from.iter().map(|s| From { status: (*s).to_owned(), when: None }).collect(),
        to: to.to_owned(),
        by: vec!["responder".to_owned()],
        asks: Vec::new(),
        requires: Requires::default(),
        wants: Vec::new(),
        sets: BTreeMap::new(),
        stops: Vec::new(),
        says: None,
        approval: None,
        fresh_auth: false,
        automatic: false,
        phase: false,
        merges: false,
        reopens: false,
        unmerges: false,
        verbal: None,
        proposes: false,
        moves: Vec::new(),
        fixes: Vec::new(),
        then: None,
    }
}

fn phase(name: &str, label: &str, from: &[&str], to: &str) -> Transition {
    Transition { phase: true, asks: vec![Ask::Line, Ask::When], ..step(name, label, from, to) }
}

fn transitions() -> IndexMap<String, Transition> {
    let owes_evidence = vec![Owed { what: OwedWhat::Evidence(1), by: "close".to_owned() }];
    let open = ["open", "acknowledged", "contained", "eradicated", "recovered"];
    let required = ["class", "severity", "data_involved", "systems_affected", "root_cause"].map(str::to_owned).to_vec();
    let skip = Expression::compile("phases.skippable", &["phases"]).expect("CEL");
    let mut recover = phase("recover", "Back to normal", &["eradicated"], "recovered");
    recover.from.push(From { status: "acknowledged".to_owned(), when: Some(skip) });
    let all = [
        Transition { says: None, ..step("acknowledge", "Acknowledge", &["open"], "acknowledged") },
        Transition { wants: owes_evidence, ..phase("contain", "Contained", &["acknowledged"], "contained") },
        phase("eradicate", "Cause removed", &["contained"], "eradicated"),
        recover,
        Transition {
            requires: Requires {
                fields: required,
                notes: 1,
                evidence: vec!["contain".to_owned()],
                links: [("caused_by".to_owned(), true)].into_iter().collect(),
                tasks: true,
                second_person: Some(SecondPerson { when: None }),
                not: Vec::new(),
                ..Requires::default()
            },
            asks: vec![Ask::Reason],
            ..step("close", "Close", &["recovered"], "closed")
        },
        Transition {
            asks: vec![Ask::Reason],
            sets: [("disposition".to_owned(), json!("false-positive"))].into_iter().collect(),
            ..step("false_positive", "False alarm", &["open", "acknowledged"], "closed")
        },
        Transition { asks: vec![Ask::Ticket], merges: true, ..step("merge", "Merge", &open, "merged") },
        Transition { asks: vec![Ask::Reason], reopens: true, ..step("reopen", "Reopen", &["closed"], "acknowledged") },
        Transition { asks: vec![Ask::Reason], ..step("void", "Void", &open, "void") },
    ];
    all.into_iter().map(|t| (t.name.clone(), t)).collect()
}

pub(crate) fn kind() -> Kind {
    let severities = map(&[
        ("sev1", "sev1: customers or CUI at stake now"),
        ("sev2", "sev2: serious"),
        ("sev3", "sev3: limited"),
        ("sev4", "sev4: no effect yet"),
    ]);
    let data = map(&[
        ("cui", "CUI"),
        ("personal", "Personal data"),
        ("card", "Card data"),
        ("credentials", "Credentials"),
        ("none", "None"),
        ("unknown", "Not known yet"),
    ]);
    let clock = |name: &str, label: &str| {
        let clock = Clock {
            name: name.to_owned(),
            label: label.to_owned(),
            starts: ClockStart::Open,
            stops: vec![if name == "resolve" { "recover" } else { name }.to_owned()],
            within: [("sev1".to_owned(), Duration::from_secs(900))].into_iter().collect(),
            hours: [("default".to_owned(), Hours::Always)].into_iter().collect(),
            when: None,
            pauses: BTreeSet::new(),
            timing: Default::default(),
        };
        (name.to_owned(), clock)
    };
    Kind {
        name: "incident".to_owned(),
        prefix: "INC".to_owned(),
        title: "Incident".to_owned(),
        purpose: "Something broke, leaked or was attacked. Detect, contain, remove the cause, restore, learn.".to_owned(),
        digest: "00".repeat(32),
        fields: [
            field("title", "Title", FieldType::Line, "What is wrong, in words a colleague understands at 3 a.m.", false),
            field(
                "severity",
                "Severity",
                FieldType::Choice(severities),
                "sev1: customers or CUI at stake now. sev2: serious, a workaround exists.",
                true,
            ),
            field("class", "Class", FieldType::Taxonomy("rsit".to_owned()), "The closest match; it can be corrected until closure.", true),
            field("data_involved", "Data involved", FieldType::Choices(data), "Every kind of data that could have been touched.", true),
            field("systems_affected", "Systems affected", FieldType::Assets, "One name per line; “none” is an answer.", true),
            field("root_cause", "Root cause", FieldType::Text, "Why it happened, not what happened. If unknown: what was ruled out.", true),
        ]
        .into_iter()
        .collect(),
        statuses: ["open", "acknowledged", "contained", "eradicated", "recovered", "closed", "void", "merged"].map(str::to_owned).to_vec(),
        ended: ["closed", "void", "merged"].map(str::to_owned).into_iter().collect(),
        transitions: transitions(),
        declare: Declare {
            by: vec!["anyone".to_owned()],
            asks: ["title", "severity"].map(str::to_owned).to_vec(),
            requires: vec!["title".to_owned()],
            template: None,
        },
        clocks: [clock("acknowledge", "acknowledge"), clock("contain", "contain"), clock("resolve", "resolve")].into_iter().collect(),
        remind: vec![50, 75, 90],
        escalate: None,
        owed_to: OwedTo { who: "owner".to_owned(), at: chrono::NaiveTime::MIN },
        notifies: Vec::new(),
        opens: Vec::new(),
        channel: Channel::default(),
        retention: "6 years".to_owned(),
        matrix: None,
        scores: Vec::new(),
        lines: None,
        trace: IndexMap::new(),
        proofs: IndexMap::new(),
        subject: None,
        separate: Vec::new(),
        deployments: None,
        offers: IndexMap::new(),
    }
}

pub(crate) fn response() -> Response {
    Response {
        name: "outage".to_owned(),
        title: "Outage".to_owned(),
        kind: "incident".to_owned(),
        digest: "11".repeat(32),
        matches: None,
        group_by: Vec::new(),
        window: Duration::from_secs(7200),
        severity: None,
        ticket_title: None,
        prefill: BTreeMap::new(),
        skippable: true,
        not_applicable: BTreeSet::new(),
        labels: [("contain", "Mitigated"), ("recover", "Restored")].map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect(),
        tasks: IndexMap::new(),
    }
}

pub(crate) fn taxonomies() -> Taxonomies {
    let rsit = map(&[("availability/outage", "Availability: outage"), ("malicious-code/ransomware", "Malicious code: ransomware")]);
    [("rsit".to_owned(), rsit)].into_iter().collect()
}

pub(crate) fn organisation() -> Organisation {
    let role = Role { purpose: "Works incidents.".to_owned(), may: BTreeSet::from([Permission::Read, Permission::Work]) };
    Organisation {
        name: "Example Ltd".to_owned(),
        zone: chrono_tz::UTC,
        roles: ["responder", "incident-manager"].map(|r| (r.to_owned(), role.clone())).into_iter().collect(),
        calendars: BTreeMap::new(),
        groups: BTreeMap::new(),
        late_after: Duration::from_secs(900),
        repeats_every: Duration::from_secs(300),
        archive_channels_after: Duration::from_secs(604_800),
        refusals_per_hour: 20,
        public_log: false,
        estate: Default::default(),
        digest: String::new(),
    }
}

pub(crate) fn ana() -> Actor {
    Actor::Person { id: "p_ana".to_owned(), roles: vec!["responder".to_owned()] }
}

pub(crate) fn source() -> Actor {
    Actor::Source { name: "alertmanager".to_owned() }
}

fn clock(due: &str) -> ClockState {
    ClockState { started: at("03:02"), due: at(due), reminders: Vec::new(), stopped: None, breached: false, paused: None }
}

/// Opened by a storm at 03:02, nobody has it.
pub(crate) fn opened() -> Ticket {
    let title = SealedRef { seq: 10, name: "field.title".to_owned(), commitment: Commitment([0; 32]) };
    let fields = [("title".to_owned(), Held::Sealed(title)), ("severity".to_owned(), Held::Plain(Value::String("sev1".to_owned())))];
    Ticket {
        number: number(),
        kind: "incident".to_owned(),
        kind_digest: String::new(),
        response: Some(Pinned { name: "outage".to_owned(), digest: String::new() }),
        status: "open".to_owned(),
        ended: false,
        rev: 41,
        seq: 51,
        opened_seq: 10,
        opened_at: at("03:02"),
        updated_at: at("03:03"),
        ended_at: None,
        opened_by: source(),
        intake: "alert".to_owned(),
        fields: fields.into_iter().collect(),
        owner: None,
        owners: BTreeSet::new(),
        lead: None,
        steps: Vec::new(),
        notes: 0,
        files: Vec::new(),
        evidence_waived: BTreeSet::new(),
        tasks: vec![Task {
            task: 1,
            on: "open".to_owned(),
            text: "Check the last deployments".to_owned(),
            settled_by: None,
            waived: false,
        }],
        links: Vec::new(),
        clocks: [
            ("acknowledge".to_owned(), clock("03:17")),
            ("contain".to_owned(), clock("07:02")),
            ("resolve".to_owned(), clock("11:02")),
        ]
        .into_iter()
        .collect(),
        woken: std::collections::BTreeMap::new(),
        revised: std::collections::BTreeMap::new(),
        owed: Vec::new(),
        approvals: BTreeMap::new(),
        escalation: None,
        notified: BTreeMap::new(),
        alerts: AlertCount { attached: 37, firing: 37, repeats: 0 },
        severities: BTreeSet::default(),
        levels: BTreeMap::new(),
        severity_changes: BTreeSet::default(),
        brought: BTreeMap::default(),
        merged_from: Vec::new(),
        merged_into: None,
        granted: BTreeMap::new(),
        authors: BTreeSet::new(),
        spoken: None,
        nudged: None,
        deployments: Vec::new(),
        lines: None,
    }
}

fn taken(transition: &str, from: &str, to: &str, when: &str, phase: bool) -> StepTaken {
    let (transition, from, to) = (transition.to_owned(), from.to_owned(), to.to_owned());
    StepTaken { transition, from, to, by: ana(), at: at(when), occurred_at: None, phase, skipped: Vec::new(), seq: 60 }
}

/// Ana acknowledged at 03:04 and mitigated at 03:31; evidence is owed.
pub(crate) fn contained() -> Ticket {
    let mut ticket = opened();
    ticket.status = "contained".to_owned();
    ticket.owner = Some("p_ana".to_owned());
    ticket.steps =
        vec![taken("acknowledge", "open", "acknowledged", "03:04", false), taken("contain", "acknowledged", "contained", "03:31", true)];
    for (name, stopped) in [("acknowledge", "03:04"), ("contain", "03:31")] {
        if let Some(clock) = ticket.clocks.get_mut(name) {
            clock.stopped = Some(at(stopped));
        }
    }
    let (what, of, by, who) = ("evidence".to_owned(), "contain".to_owned(), "close".to_owned(), "p_ana".to_owned());
    ticket.owed = vec![OwedItem { what, of, by, who, count: 1, due: Timestamp::parse("2026-11-23T08:00:00Z").expect("a time") }];
    ticket.alerts.firing = 4;
    ticket
}

/// As [`contained`], then restored, with one file that is evidence of nothing in particular.
pub(crate) fn recovered() -> Ticket {
    let mut ticket = contained();
    ticket.status = "recovered".to_owned();
    ticket.steps.push(taken("recover", "contained", "recovered", "04:10", true));
    let file = File { file: 1, seq: 70, size: 14_200, media_type: "text/plain".to_owned(), phase: None, at: at("04:11"), by: ana() };
    ticket.files = vec![file];
    ticket
}

/// A directory in which everybody is active and holds no role.
pub(crate) struct Everybody;

impl PeopleView for Everybody {
    fn is_active(&self, _: &str) -> bool {
        true
    }

    fn roles(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn has_email(&self, _: &str, _: &str) -> bool {
        false
    }
}

pub(crate) struct Stage {
    pub(crate) kind: Kind,
    pub(crate) response: Response,
    pub(crate) taxonomies: Taxonomies,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { kind: kind(), response: response(), taxonomies: taxonomies() }
    }

    pub(crate) fn scene<'a>(&'a self, ticket: &'a Ticket, now: Timestamp) -> Scene<'a> {
        Scene::new(ticket, (&self.kind, Some(&self.response), &self.taxonomies), known(), &Everybody, now)
    }
}

/// An event by `actor` on the sample ticket, with a commitment under each name in `sealed`.
pub(crate) fn event(seq: i64, when: &str, actor: Actor, fact: Fact, sealed: &[&str]) -> Event {
    Event {
        v: 1,
        seq,
        at: at(when),
        fact,
        ticket: Some(number()),
        rev: Some(seq),
        actor,
        via: Via { surface: "console".to_owned(), auth: "session".to_owned(), credential: None },
        cause: None,
        playbook: None,
        sealed: sealed.iter().map(|name| ((*name).to_owned(), Commitment([0; 32]))).collect(),
    }
}
