//! A workbench for tests: people who ask, a log that remembers, a clock that moves when told, and one small
//! procedure made in code. It records exactly as the desk does: every event once more through `evolve`.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{NaiveTime, Weekday};
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::alert::{Alert, AlertStatus};
use super::command::{AttachEvidence, Command, FieldInput, Matched, MatchedAlert, Open, Receive, Step, Take};
use super::correlation::{self, AlertRecord, GroupRecord, Repeat};
use super::deadlines::deadlines;
use super::decide::{Context, Decision, KindLookup, PeopleView, World, decide, refused};
use super::event::{Actor, Event, Fact, Pinned, Via};
use super::evolve::{changes_latest_only, evolve};
use super::number::Number;
use super::refusal::Refusal;
use super::state::Ticket;
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;
use crate::procedure::expression::Expression;
use crate::procedure::model::{
    Approval, ApprovalStage, Ask, Calendar, Channel, Clock, ClockStart, Declare, Escalate, Field, FieldType, From, Guard, Hours, Kind,
    Library, Notify, Organisation, Owed, OwedTo, OwedWhat, Permission, Requires, Response, Role, SecondPerson, Transition,
};

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn number(n: u64) -> Number {
    Number::new("INC", n)
}

/// A sealed text. Salted by its content, so that tests are repeatable.
pub(super) fn text(words: &str) -> Sealed {
    Sealed::new([7; 32], words.as_bytes().to_vec())
}

#[derive(Clone)]
pub(super) struct Bench {
    pub library: Arc<Library>,
    pub now: Timestamp,
    pub log: Vec<Event>,
    pub tickets: BTreeMap<Number, Ticket>,
    pub alerts: BTreeMap<(String, String), AlertRecord>,
    pub groups: BTreeMap<String, GroupRecord>,
    pub repeats: Vec<Repeat>,
    pub disabled: Vec<String>,
    /// Chat accounts, and the persons that they belong to.
    pub accounts: BTreeMap<String, String>,
    pub via: Via,
    pub delivery: i64,
}

impl World for Bench {
    fn ticket(&self, number: &Number) -> Option<&Ticket> {
        self.tickets.get(number)
    }
    fn alert(&self, source: &str, fingerprint: &str) -> Option<&AlertRecord> {
        self.alerts.get(&(source.to_owned(), fingerprint.to_owned()))
    }
    fn group(&self, group: &str) -> Option<&GroupRecord> {
        self.groups.get(group)
    }
    fn repeated_at(&self, group: &str) -> Option<Timestamp> {
        self.repeats.iter().filter(|r| r.group.as_deref() == Some(group)).map(|r| r.received_at).max()
    }
    fn next_number(&self, prefix: &str) -> u64 {
        self.tickets.keys().filter(|n| n.prefix() == prefix).map(Number::count).max().unwrap_or(0) + 1
    }
}

impl KindLookup for Bench {
    fn kind(&self, digest: &str) -> Option<&Kind> {
        self.library.kinds.values().find(|k| k.digest == digest).map(AsRef::as_ref)
    }
    fn response(&self, digest: &str) -> Option<&Response> {
        self.library.responses.iter().find(|r| r.digest == digest).map(AsRef::as_ref)
    }
}

impl PeopleView for Bench {
    fn is_active(&self, person: &str) -> bool {
        person.starts_with("p_") && !self.disabled.iter().any(|d| d == person)
    }
    fn roles(&self, person: &str) -> Vec<String> {
        roles_of(person).iter().map(|r| (*r).to_owned()).collect()
    }
    fn has_email(&self, person: &str, email: &str) -> bool {
        email == format!("{}@example.com", person.trim_start_matches("p_"))
    }
    fn owners_of(&self, account: &str) -> Vec<String> {
        self.accounts.get(account).cloned().into_iter().collect()
    }
    fn holders(&self, role: &str) -> Vec<String> {
        let everybody =
            ["p_adm", "p_all", "p_ana", "p_bo", "p_chi", "p_cho", "p_dan", "p_exe", "p_lea", "p_max", "p_mia", "p_sec", "p_vic"];
        everybody.into_iter().filter(|p| self.is_active(p) && roles_of(p).contains(&role)).map(str::to_owned).collect()
    }
    fn name(&self, person: &str) -> Option<String> {
        person.strip_prefix("p_").map(|name| format!("{}{}", name[..1].to_uppercase(), &name[1..]))
    }
    fn by_email(&self, email: &str) -> Option<String> {
        email.strip_suffix("@example.com").map(|name| format!("p_{name}")).filter(|id| self.is_active(id))
    }
}

fn roles_of(person: &str) -> &'static [&'static str] {
    match person {
        "p_ana" | "p_bo" => &["responder"],
        "p_mia" | "p_max" => &["incident-manager"],
        "p_lea" => &["legal"],
        "p_vic" => &["viewer"],
        "p_chi" | "p_cho" => &["approver"],
        "p_dan" => &["system-owner"],
        "p_sec" => &["security-officer"],
        "p_exe" => &["executive"],
        "p_all" => &["responder", "approver", "system-owner"],
        "p_adm" => &["administrator", "approver"],
        _ => &[],
    }
}

/// Somebody by the name, with the roles that the name has here: `p_ana` and `p_bo` respond, `p_mia` and `p_max`
/// manage incidents, `p_lea` is in legal, `p_vic` only reads.
pub(super) fn person(id: &str) -> Actor {
    Actor::Person { id: id.to_owned(), roles: roles_of(id).iter().map(|r| (*r).to_owned()).collect() }
}

impl Bench {
    /// The small procedure, made once for all tests.
    pub fn new() -> Self {
        static SHARED: OnceLock<Arc<Library>> = OnceLock::new();
        Self::with(Arc::clone(SHARED.get_or_init(|| Arc::new(library()))))
    }

    /// The small procedure, changed for one test.
    pub fn changed(change: impl FnOnce(&mut Kind)) -> Self {
        Self::changed_in("incident", change)
    }

    /// The same, another of its kinds.
    pub fn changed_in(kind: &str, change: impl FnOnce(&mut Kind)) -> Self {
        let mut own = library();
        change(own.kinds.get_mut(kind).and_then(Arc::get_mut).unwrap());
        Self::with(Arc::new(own))
    }

    /// Any playbooks.
    pub fn with(library: Arc<Library>) -> Self {
        Self {
            library,
            now: Timestamp::parse("2026-03-02T03:00:00Z").unwrap(),
            log: Vec::new(),
            tickets: BTreeMap::new(),
            alerts: BTreeMap::new(),
            groups: BTreeMap::new(),
            repeats: Vec::new(),
            disabled: Vec::new(),
            accounts: BTreeMap::new(),
            via: Via { surface: "console".into(), auth: "session".into(), credential: None },
            delivery: 0,
        }
    }

    /// Lets time pass without anybody looking.
    pub fn wait(&mut self, by: Duration) {
        self.now = self.now.plus(by);
    }

    /// Lets time pass, firing each deadline when it comes due.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.plus(by);
        loop {
            let next = self.pending().into_iter().filter(|(_, _, at)| *at <= end).min_by_key(|(_, _, at)| *at);
            let Some((ticket, deadline, at)) = next else { break };
            self.now = self.now.max(at);
            let fired = self.ask(&Actor::Scheduler, &Command::Fire { ticket, deadline: deadline.clone(), came_due: at });
            assert!(!fired.unwrap().events.is_empty(), "{deadline} stays pending");
        }
        self.now = end;
    }

    pub fn pending(&self) -> Vec<(Number, String, Timestamp)> {
        self.tickets.values().flat_map(|t| deadlines(t).into_iter().map(|d| (t.number.clone(), d.id, d.at))).collect()
    }

    /// Asks for a decision and records what it brings; checks that replay gives what the decision saw.
    pub fn ask(&mut self, actor: &Actor, command: &Command) -> Result<Decision, Refusal> {
        let decision = {
            let ctx = Context {
                now: self.now,
                next_seq: i64::try_from(self.log.len()).unwrap(),
                actor,
                via: &self.via,
                library: &self.library,
                kinds: self,
                people: self,
                delivery: Some(self.delivery),
            };
            decide(&ctx, self, command)
        };
        match decision {
            Ok(decision) => {
                for event in &decision.events {
                    self.record(event, actor);
                }
                for (number, after) in &decision.after {
                    assert_eq!(self.tickets.get(number), Some(after), "replay and decision differ on {number}");
                }
                self.repeats.extend(decision.repeats.iter().cloned());
                Ok(decision)
            }
            Err(refusal) => {
                assert!(!refusal.sentence().is_empty() && !refusal.code().is_empty());
                if refusal.recorded() {
                    let event = refused(command, &refusal, self);
                    self.record(&event, actor);
                }
                Err(refusal)
            }
        }
    }

    pub fn record(&mut self, new: &super::event::NewEvent, actor: &Actor) {
        let seq = i64::try_from(self.log.len()).unwrap();
        let rev = new.ticket.as_ref().map(|n| self.tickets.get(n).map_or(1, |t| t.rev + 1));
        let event = new.recorded(seq, self.now, actor, &self.via, rev);
        apply(&event, &mut self.tickets, &mut self.alerts, &mut self.groups);
        self.log.push(event);
    }

    /// Everything once more from the log alone.
    pub fn assert_replay_equals_state(&self) {
        let (mut tickets, mut alerts, mut groups) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for event in &self.log {
            let json = serde_json::to_string(event).unwrap();
            let read: Event = serde_json::from_str(&json).unwrap();
            assert_eq!(*event, read);
            apply(&read, &mut tickets, &mut alerts, &mut groups);
        }
        assert_eq!(tickets, self.tickets);
        assert_eq!(alerts, self.alerts);
        assert_eq!(groups, self.groups);
    }

    pub fn open(&mut self, actor: &str, severity: &str) -> Number {
        let fields = BTreeMap::from([
            ("title".to_owned(), FieldInput::Sealed(text("db down"))),
            ("severity".to_owned(), FieldInput::Plain(json!(severity))),
        ]);
        let open =
            Open { kind: "incident".into(), fields, response: None, occurred_at: None, intake: "console".into(), received_at: self.now };
        self.ask(&person(actor), &Command::Open(open)).unwrap().tickets[0].clone()
    }

    pub fn take(&mut self, actor: &str, ticket: &Number, transition: &str) -> Result<Decision, Refusal> {
        self.step(actor, ticket, Step { transition: transition.into(), ..Step::default() })
    }

    pub fn step(&mut self, actor: &str, ticket: &Number, step: Step) -> Result<Decision, Refusal> {
        self.ask(&person(actor), &Command::Take(Take { ticket: ticket.clone(), steps: vec![step], rev: None, binding: None }))
    }

    pub fn set(&mut self, actor: &str, ticket: &Number, field: &str, value: Value) -> Result<Decision, Refusal> {
        let sealed = matches!(field, "title" | "root_cause");
        let input = if sealed { FieldInput::Sealed(text(value.as_str().unwrap())) } else { FieldInput::Plain(value) };
        let fields = BTreeMap::from([(field.to_owned(), input)]);
        self.ask(&person(actor), &Command::SetFields { ticket: ticket.clone(), fields, reason: None })
    }

    pub fn note(&mut self, actor: &str, ticket: &Number) -> Result<Decision, Refusal> {
        self.ask(&person(actor), &Command::AddNote { ticket: ticket.clone(), note: text("seen"), occurred_at: None, reason: None })
    }

    pub fn file(&mut self, actor: &str, ticket: &Number, phase: &str) -> Result<Decision, Refusal> {
        let file = AttachEvidence {
            ticket: ticket.clone(),
            name: text("log.txt"),
            sha256: text("00"),
            size: 3,
            media_type: "text/plain".into(),
            phase: Some(phase.into()),
            captured_at: None,
        };
        self.ask(&person(actor), &Command::AttachEvidence(file))
    }

    pub fn alert(&mut self, fingerprint: &str, status: AlertStatus, group: Option<&str>) -> Decision {
        self.alerts_of("am", vec![matched(fingerprint, status, group)]).unwrap()
    }

    pub fn alerts_of(&mut self, source: &str, alerts: Vec<MatchedAlert>) -> Result<Decision, Refusal> {
        self.delivery += 1;
        let receive = Receive { source: source.into(), received_at: self.now, alerts, remainder: None };
        self.ask(&Actor::Source { name: source.into() }, &Command::Receive(receive))
    }

    pub fn ticket(&self, number: &Number) -> &Ticket {
        &self.tickets[number]
    }

    pub fn facts(&self, kind: &str) -> Vec<&Event> {
        self.log.iter().filter(|e| serde_json::to_value(&e.fact).unwrap()["kind"] == kind).collect()
    }

    /// Takes an incident to `recovered`, with everything that closing needs but the fields.
    pub fn recovered(&mut self, severity: &str) -> Number {
        let n = self.open("p_ana", severity);
        for step in ["acknowledge", "contain", "eradicate", "recover"] {
            self.take("p_ana", &n, step).unwrap();
        }
        self.note("p_ana", &n).unwrap();
        self.file("p_ana", &n, "contain").unwrap();
        self.file("p_ana", &n, "eradicate").unwrap();
        let reason = Some(text("not determined"));
        let link = Command::Link { ticket: n.clone(), link: "caused_by".into(), to: None, target: None, reason };
        self.ask(&person("p_ana"), &link).unwrap();
        n
    }

    /// Fills what closing needs.
    pub fn fill(&mut self, n: &Number) {
        self.set("p_ana", n, "root_cause", json!("a full disk")).unwrap();
        self.set("p_ana", n, "data_involved", json!(["none"])).unwrap();
    }
}

fn apply(
    event: &Event,
    tickets: &mut BTreeMap<Number, Ticket>,
    alerts: &mut BTreeMap<(String, String), AlertRecord>,
    groups: &mut BTreeMap<String, GroupRecord>,
) {
    if let Some(n) = &event.ticket {
        let before = tickets.remove(n);
        let settled = before.as_ref().map(Ticket::settled);
        if let Some(after) = evolve(before, event) {
            if changes_latest_only(&event.fact) {
                assert_eq!(settled, Some(after.settled()), "{event:?} changes more than the latest");
            }
            tickets.insert(n.clone(), after);
        }
    }
    let key = correlation::alert_key(event).map(|(s, f)| (s.to_owned(), f.to_owned()));
    if let Some(key) = &key
        && let Some(after) = correlation::evolve_alert(alerts.remove(key), event)
    {
        alerts.insert(key.clone(), after);
    }
    let record = key.as_ref().and_then(|k| alerts.get(k));
    if let Some(group) = correlation::group_key(event, record)
        && let Some(after) = correlation::evolve_group(groups.remove(&group), event)
    {
        groups.insert(group, after);
    }
}

/// An alert as the response playbook `outage` matched it; `None`: nothing took it.
pub(super) fn matched(fingerprint: &str, status: AlertStatus, group: Option<&str>) -> MatchedAlert {
    let alert = Alert {
        source: "am".into(),
        fingerprint: fingerprint.into(),
        alert_id: fingerprint.into(),
        rule: "TargetDown".into(),
        status,
        title: "payments down".into(),
        description: String::new(),
        severity: "critical".into(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        starts_at: None,
        ends_at: None,
        url: String::new(),
    };
    let matched = group.map(|group| Matched {
        response: Pinned { name: "outage".into(), digest: "d-outage".into() },
        kind: "incident".into(),
        group: group.into(),
        window_seconds: 7200,
        fields: Arc::new(BTreeMap::from([
            ("title".to_owned(), FieldInput::Sealed(text("payments: down"))),
            ("severity".to_owned(), FieldInput::Plain(json!("sev1"))),
        ])),
        seed: [5; 32],
    });
    MatchedAlert { alert, sealed: text("{}"), payload_sha256: text("00"), matched }
}

fn cel(source: &str) -> Expression {
    Expression::compile(source, &["ticket", "phases", "event"]).unwrap()
}

fn field(name: &str, of: FieldType, sealed: bool, default: Option<Value>) -> (String, Field) {
    let mut label = name.replace('_', " ");
    label[..1].make_ascii_uppercase();
    (name.into(), Field { name: name.into(), label, of, help: "Help.".into(), audit: false, sealed, default, substance: None })
}

fn choices(values: &[&str]) -> IndexMap<String, String> {
    values.iter().map(|v| ((*v).to_owned(), (*v).to_owned())).collect()
}

fn from(statuses: &[&str]) -> Vec<From> {
    statuses.iter().map(|s| From { status: (*s).into(), when: None }).collect()
}

pub(super) fn step(name: &str, starts: Vec<From>, to: &str, by: &[&str]) -> Transition {
    Transition {
        name: name.into(),
        label: name.into(),
        help: "Help.".into(),
        from: starts,
        to: to.into(),
        by: by.iter().map(|r| (*r).to_owned()).collect(),
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

fn serious() -> SecondPerson {
    SecondPerson { when: Some(cel("ticket.severities_seen.exists(s, s in ['sev1', 'sev2'])")) }
}

fn transitions() -> IndexMap<String, Transition> {
    let at_work = ["open", "acknowledged", "contained", "eradicated", "recovered"];
    let skippable = |status: &str| From { status: status.into(), when: Some(cel("phases.skippable")) };
    let mut recover_from = from(&["eradicated"]);
    recover_from.extend([skippable("acknowledged"), skippable("contained")]);
    let responder = ["responder"];
    let manager = ["incident-manager"];
    let phase = |mut t: Transition| {
        t.phase = true;
        t.asks = vec![Ask::Line, Ask::When];
        t
    };
    let mut contain = phase(step("contain", from(&["acknowledged"]), "contained", &responder));
    contain.wants = vec![Owed { what: OwedWhat::Evidence(1), by: "close".into() }];
    let mut close = step("close", from(&["recovered"]), "closed", &["incident-manager", "owner"]);
    close.requires = Requires {
        fields: vec!["severity".into(), "data_involved".into(), "root_cause".into()],
        notes: 1,
        evidence: vec!["contain".into(), "eradicate".into()],
        links: IndexMap::from([("caused_by".to_owned(), true)]),
        tasks: true,
        second_person: Some(serious()),
        not: vec![Guard {
            when: cel("ticket.fields.data_involved.exists(d, d == 'unknown') && ticket.severity in ['sev1', 'sev2']"),
            says: "Say which data was involved before closing a sev1 or sev2.".into(),
        }],
        ..Requires::default()
    };
    let mut false_positive = step("false_positive", from(&["open", "acknowledged"]), "closed", &responder);
    false_positive.asks = vec![Ask::Reason];
    false_positive.requires.second_person = Some(serious());
    false_positive.sets = BTreeMap::from([("disposition".to_owned(), json!("false-positive"))]);
    let mut merge = step("merge", from(&at_work), "merged", &responder);
    merge.asks = vec![Ask::Ticket];
    merge.merges = true;
    let mut unmerge = step("unmerge", from(&["merged"]), "open", &responder);
    unmerge.unmerges = true;
    let mut reopen = step("reopen", from(&["closed"]), "acknowledged", &manager);
    reopen.asks = vec![Ask::Reason];
    reopen.reopens = true;
    let mut void = step("void", from(&at_work), "void", &["incident-manager", "responder"]);
    void.asks = vec![Ask::Reason];
    void.requires.second_person = Some(SecondPerson { when: None });
    let all = [
        step("acknowledge", from(&["open"]), "acknowledged", &responder),
        contain,
        phase(step("eradicate", from(&["contained"]), "eradicated", &responder)),
        phase(step("recover", recover_from, "recovered", &responder)),
        close,
        false_positive,
        merge,
        unmerge,
        reopen,
        void,
    ];
    all.into_iter().map(|t| (t.name.clone(), t)).collect()
}

fn clock(name: &str, starts: ClockStart, stops: &[&str], within: &[(&str, Duration)], when: Option<&str>) -> Clock {
    Clock {
        name: name.into(),
        label: name.into(),
        starts,
        stops: stops.iter().map(|s| (*s).to_owned()).collect(),
        within: within.iter().map(|(s, d)| ((*s).to_owned(), *d)).collect(),
        hours: BTreeMap::new(),
        when: when.map(cel),
        pauses: std::collections::BTreeSet::new(),
        timing: Default::default(),
    }
}

pub(super) fn incident() -> Kind {
    let clocks = [
        clock("acknowledge", ClockStart::Open, &["acknowledge"], &[("sev1", 15 * MINUTE), ("sev3", 4 * HOUR)], None),
        clock("contain", ClockStart::Open, &["contain"], &[("sev1", 4 * HOUR)], Some("phases.contain")),
        clock("close", ClockStart::Transition("recover".into()), &["close"], &[("default", 240 * HOUR)], None),
    ];
    let severities = choices(&["sev1", "sev2", "sev3", "sev4"]);
    Kind {
        name: "incident".into(),
        prefix: "INC".into(),
        title: "Incident".into(),
        purpose: "For tests.".into(),
        digest: "d-incident".into(),
        fields: IndexMap::from([
            field("title", FieldType::Line, true, None),
            field("severity", FieldType::Choice(severities), false, Some(json!("sev3"))),
            field("data_involved", FieldType::Choices(choices(&["cui", "none", "unknown"])), false, None),
            field("root_cause", FieldType::Text, true, None),
            field("disposition", FieldType::Choice(choices(&["remediated", "false-positive"])), false, None),
            field("systems_affected", FieldType::Assets, true, None),
            field("class", FieldType::Taxonomy("rsit".into()), false, None),
            field("hosts", FieldType::Number { min: 0, max: 100 }, false, None),
            field("customer_told", FieldType::Bool, false, None),
            field("noticed_at", FieldType::Time, false, None),
            field("reporter", FieldType::Person, false, None),
            field("parent", FieldType::Ticket, false, None),
        ]),
        statuses: ["open", "acknowledged", "contained", "eradicated", "recovered", "closed", "void", "merged"].map(String::from).to_vec(),
        ended: ["closed", "void", "merged"].map(String::from).into(),
        transitions: transitions(),
        declare: Declare {
            by: vec!["responder".into(), "incident-manager".into()],
            asks: vec!["title".into()],
            requires: vec!["title".into()],
            template: None,
        },
        clocks: clocks.into_iter().map(|c| (c.name.clone(), c)).collect(),
        remind: vec![50, 75],
        escalate: Some(Escalate {
            to: vec!["responder".into(), "incident-manager".into()],
            every: 15 * MINUTE,
            until: "acknowledged".into(),
            rounds: Some(1),
            again: None,
            pages: None,
        }),
        owed_to: OwedTo { who: "owner".into(), at: NaiveTime::from_hms_opt(9, 0, 0).unwrap() },
        notifies: vec![Notify {
            groups: vec!["legal".into()],
            when: cel("ticket.fields.data_involved.exists(d, d == 'cui')"),
            must_acknowledge: Some(2 * HOUR),
        }],
        opens: Vec::new(),
        channel: Channel::default(),
        retention: "Six years.".into(),
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

/// A change that two stages of people approve before it starts.
fn change() -> Kind {
    let mut start = step("start", from(&["draft"]), "implementing", &["responder"]);
    start.approval = Some(Approval {
        stages: vec![
            ApprovalStage { by: vec!["incident-manager".into()], count: 2, when: None, otherwise: Vec::new() },
            ApprovalStage { by: vec!["legal".into()], count: 1, when: None, otherwise: Vec::new() },
        ],
        of: vec!["title".into(), "risk".into()],
        on_rejection: None,
    });
    let mut done = step("finish", from(&["implementing"]), "done", &["responder"]);
    done.automatic = true;
    done.requires.notes = 1;
    let mut kind = incident();
    kind.name = "change".into();
    kind.prefix = "CHG".into();
    kind.digest = "d-change".into();
    kind.fields = IndexMap::from([
        field("title", FieldType::Line, true, None),
        field("risk", FieldType::Choice(choices(&["low", "high"])), false, None),
        field("comment", FieldType::Text, true, None),
    ]);
    kind.statuses = ["draft", "implementing", "done"].map(String::from).to_vec();
    kind.ended = ["done".to_owned()].into();
    kind.transitions = [start, done].into_iter().map(|t| (t.name.clone(), t)).collect();
    kind.declare.requires = vec!["title".into(), "risk".into()];
    kind.clocks = IndexMap::new();
    kind.notifies = Vec::new();
    kind.escalate = None;
    kind
}

fn outage() -> Response {
    Response {
        name: "outage".into(),
        title: "Outage".into(),
        kind: "incident".into(),
        digest: "d-outage".into(),
        matches: None,
        group_by: Vec::new(),
        window: 2 * HOUR,
        severity: None,
        ticket_title: None,
        prefill: BTreeMap::from([("data_involved".to_owned(), json!(["none"]))]),
        skippable: true,
        not_applicable: ["eradicate".to_owned()].into(),
        labels: BTreeMap::from([("contain".to_owned(), "Mitigated".to_owned())]),
        tasks: IndexMap::from([("acknowledged".to_owned(), vec!["Say on the status channel that we are looking".to_owned()])]),
    }
}

fn library() -> Library {
    let role = |may: &[Permission]| Role { purpose: "For tests.".into(), may: may.iter().copied().collect() };
    let work = [Permission::Read, Permission::Work];
    let day = vec![(NaiveTime::from_hms_opt(9, 0, 0).unwrap(), NaiveTime::from_hms_opt(17, 0, 0).unwrap())];
    let mut week: [Vec<(NaiveTime, NaiveTime)>; 7] = std::array::from_fn(|_| day.clone());
    for weekend in [Weekday::Sat, Weekday::Sun] {
        week[weekend.num_days_from_monday() as usize].clear();
    }
    let organisation = Organisation {
        name: "Example".into(),
        zone: chrono_tz::Europe::Berlin,
        roles: IndexMap::from([
            ("responder".to_owned(), role(&work)),
            ("incident-manager".to_owned(), role(&work)),
            ("legal".to_owned(), role(&[Permission::Read])),
            ("viewer".to_owned(), role(&[Permission::Read])),
        ]),
        calendars: BTreeMap::from([("business".to_owned(), Calendar { zone: chrono_tz::Europe::Berlin, week, holidays: BTreeMap::new() })]),
        groups: BTreeMap::from([("legal".to_owned(), vec!["legal".to_owned(), "bo@example.com".to_owned()])]),
        late_after: HOUR,
        repeats_every: 5 * MINUTE,
        archive_channels_after: Duration::from_secs(604_800),
        refusals_per_hour: 20,
        public_log: false,
        estate: Default::default(),
        digest: "d-organisation".into(),
    };
    let hours = |kind: &mut Kind| {
        if let Some(clock) = kind.clocks.get_mut("acknowledge") {
            clock.hours.insert("sev3".into(), Hours::Calendar("business".into()));
        }
    };
    let mut kinds = [incident(), change()];
    kinds.iter_mut().for_each(hours);
    Library {
        kinds: kinds.into_iter().map(|k| (k.name.clone(), Arc::new(k))).collect(),
        responses: vec![Arc::new(outage())],
        organisation: Arc::new(organisation),
        taxonomies: BTreeMap::from([("rsit".to_owned(), choices(&["availability/outage", "fraud/phishing"]))]),
        crosswalks: BTreeMap::new(),
        files: Vec::new(),
    }
}

/// What a person typed, as it stands in the log, so that tests can look for leaks.
#[test]
fn no_event_holds_plain_text_that_a_person_typed() {
    let mut b = Bench::new();
    let n = b.recovered("sev3");
    b.fill(&n);
    let log = serde_json::to_string(&b.log).unwrap();
    for typed in ["db down", "seen", "log.txt", "not determined", "a full disk"] {
        assert!(!log.contains(typed), "{typed:?} stands in the log");
    }
    assert!(matches!(b.log[0].fact, Fact::TicketOpened(_)));
}
