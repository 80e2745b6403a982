//! One event of every kind, byte for byte: the shape that every reader of the log relies on, for ever.
//!
//! A line here never changes. A new kind of event adds its line; a new field (with a default) keeps the old line
//! readable and adds a second one beside it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::env::Timestamp;
use crate::ledger::sealed::Commitment;
use crate::ticket::alert::AlertStatus;
use crate::ticket::bench::number;
use crate::ticket::deployment::DeploymentState;
use crate::ticket::event::{
    Actor, AdoptedFile, AlertSeen, ApprovedAs, Brought, Checked, DeployedBy, DeploymentSeen, Drawn, EpochOpened, Event, EvidenceAttached,
    Fact, NewTask, OwedItem, Pack, Pinned, Reminder, Shift, TicketOpened, TransitionTaken, Via,
};
use crate::ticket::lines::{LineAsked, LinesScope, LinesSource, ListReplaced, Verdict};

fn at() -> Timestamp {
    Timestamp::parse("2026-03-01T02:04:00.000001Z").unwrap()
}

fn seen() -> AlertSeen {
    AlertSeen {
        source: "alertmanager".into(),
        fingerprint: "00000000000000aa".into(),
        status: AlertStatus::Firing,
        was: Some(AlertStatus::Resolved),
        delivery: 7,
        fired_at: Some(at()),
        ended_at: None,
        received_at: at(),
        group: Some("ab".into()),
        after_end: false,
    }
}

fn owed() -> OwedItem {
    OwedItem { what: "evidence".into(), of: "contain".into(), by: "close".into(), who: "p_1".into(), due: at(), count: 1 }
}

fn log_and_people() -> Vec<Fact> {
    let (person, key) = ("p_1".to_owned(), "k_1".to_owned());
    vec![
        Fact::LogOpened { origin: "example.com/log".into(), demo: true, schema: 1 },
        Fact::EpochOpened(EpochOpened {
            origin: "example.com/log/2".into(),
            vkey: "example.com/log/2+00000000+AQ".into(),
            old_origin: "example.com/log".into(),
            old_vkey: "example.com/log+00000000+AQ".into(),
            lost_size: 57,
            lost_root: Some("4bNX".into()),
            known_by: "checkpoint".into(),
        }),
        Fact::PlaybooksAdopted { files: vec![AdoptedFile { path: "organisation.yaml".into(), digest: "cd".into() }] },
        Fact::ForgeriesCounted { source: "am".into(), reason: "signature".into(), minute: at(), count: 3 },
        Fact::RefusalsCounted { person: person.clone(), hour: at(), count: 3 },
        Fact::Exported { digest: "ef".into(), position: 9, tickets: 2 },
        Fact::ClockStepConfirmed { before: at(), after: at() },
        Fact::PersonAdded { person: person.clone(), roles: vec!["responder".into()] },
        Fact::RolesChanged { person: person.clone(), roles: vec![] },
        Fact::PersonDisabled { person: person.clone() },
        Fact::KeyIssued { person: person.clone(), key: key.clone(), sha256: "5f".repeat(32), opens: None },
        Fact::KeyRevoked { person: person.clone(), key },
        Fact::LinkIssued { person: person.clone(), link: "a1".repeat(32), expires_at: at() },
        Fact::SignedIn { person: person.clone(), session: "s_1".into(), method: "link".into(), link: Some("a1".repeat(32)) },
        Fact::AccountSeen { account: "a_1".into(), platform: "slack".into() },
        Fact::AccountLinked { account: "a_1".into(), person: person.clone(), method: "code".into() },
        Fact::AccountUnlinked { account: "a_1".into(), person: person.clone(), why: "deactivated".into() },
        Fact::LinkCodeIssued { person, expires_at: at() },
        Fact::OnCallChanged { from: None, to: Some("p_1".into()) },
        Fact::RotaRead { shifts: vec![Shift { person: "p_1".into(), from: at(), to: at() }], unknown: 1 },
        Fact::ObligationBegan { obligation: "access-review".into(), from: at() },
        Fact::ObligationRun { obligation: "access-review".into(), due: at(), opened: Some(number(3)), checked: None, drawn: None },
        Fact::PackWritten(Pack { sha256: "5f".repeat(32), size: 4096, manifest: "a1".repeat(32), position: 9, tickets: 2 }),
        Fact::ObligationMissed { obligation: "access-review".into(), due: at() },
    ]
}

fn opened_and_taken() -> Vec<Fact> {
    let task = NewTask { task: 1, on: "open".into(), text: "Look".into() };
    vec![
        Fact::TicketOpened(TicketOpened {
            ticket_kind: "incident".into(),
            status: "open".into(),
            kind_digest: "01".into(),
            response: Some(Pinned { name: "outage".into(), digest: "02".into() }),
            fields: BTreeMap::from([("severity".into(), json!("sev1"))]),
            sealed_fields: vec!["title".into()],
            tasks: vec![task.clone()],
            group: Some("ab".into()),
            window_seconds: 7200,
            occurred_at: Some(at()),
            intake: "alert".into(),
            received_at: at(),
        }),
        Fact::TransitionTaken(TransitionTaken {
            transition: "contain".into(),
            from: "acknowledged".into(),
            to: "contained".into(),
            fields: BTreeMap::from([("hosts".into(), json!(3))]),
            sealed_fields: vec!["root_cause".into()],
            tasks: vec![task],
            owed: vec![owed()],
            phase: true,
            skipped: vec!["eradicate".into()],
            occurred_at: Some(at()),
            late: true,
            automatic: false,
            ended: false,
            alone: false,
            authored: false,
            approved: None,
            levels: BTreeMap::new(),
        }),
    ]
}

fn on_tickets() -> Vec<Fact> {
    let group = || "legal".to_owned();
    vec![
        Fact::FieldsSet {
            fields: BTreeMap::from([("hosts".into(), json!(null))]),
            sealed_fields: vec!["title".into()],
            authored: false,
            asks: None,
        },
        Fact::NoteAdded { note: 1, occurred_at: Some(at()), late: false },
        Fact::NoteRevised { note: 1, removed: true, edited_at: None, superseded: false },
        Fact::ContentWithheld { found: vec!["card".into()], of: "note".into(), masked: true },
        Fact::ChannelOpened { platform: "slack".into(), own: true },
        Fact::ChannelArchived { platform: "slack".into() },
        Fact::ChannelJoined { person: Some("p_1".into()) },
        Fact::EvidenceAttached(EvidenceAttached {
            file: 1,
            size: 3,
            media_type: "text/plain".into(),
            phase: Some("contain".into()),
            captured_at: None,
            outside_window: false,
        }),
        Fact::Nudged { transition: "approve".into(), to: vec!["p_1".into()] },
        Fact::TaskSettled { task: 1, waived: true },
        Fact::EvidenceWaived { phase: "contain".into() },
        Fact::OwnerAssigned { person: "p_1".into() },
        Fact::LeadAssigned { person: "p_1".into() },
        Fact::Linked { link: "caused_by".into(), to: Some(number(2)), made: false },
        Fact::Unlinked { link: 4 },
        Fact::MergedInto { into: number(2), from_status: "open".into() },
        Fact::MergeReceived {
            from: number(1),
            brought: Brought {
                severities: ["sev1".into(), "sev3".into()].into(),
                phases_by: ["p_1".into()].into(),
                opened_by: ["p_2".into()].into(),
            },
        },
        Fact::MergeUndone { other: number(2) },
        Fact::Escalated {
            clock: Some("acknowledge".into()),
            from_tier: 0,
            to_tier: 1,
            to: "on-call.next".into(),
            next: Some(at()),
            person: None,
            morning: None,
        },
        Fact::EscalationAcknowledged { tier: 1, morning: None, next: None },
        Fact::PageAnswered { service: "pagerduty".into(), answer: "acknowledged".into() },
        Fact::PageMissed {
            tier: 0,
            to: "on-call".into(),
            person: Some("p_1".into()),
            platform: "slack".into(),
            why: "not_linked".into(),
            next: true,
        },
        Fact::MorningTold { person: "p_1".into(), came_due: at() },
        Fact::GroupNotified { group: group(), due: Some(at()) },
        Fact::GroupReached { group: group(), way: "chat".into(), people: vec!["p_1".into()] },
        Fact::NotificationAcknowledged { group: group() },
        Fact::NotificationOverdue { group: group(), due: at() },
        Fact::OwedReminded { owed: vec![owed()], came_due: at() },
        Fact::ApprovalDecided {
            transition: "start".into(),
            stage: 0,
            approved: true,
            digest: "03".into(),
            instead_of: None,
            self_approved: false,
        },
        Fact::ApprovalWithdrawn { transition: "start".into() },
        Fact::ApprovalSpoken { transition: "approve".into(), giver: Some("p_1".into()), digest: "03".into() },
        Fact::SpokenApprovalAnswered { transition: "approve".into(), confirmed: true, digest: "03".into(), self_approved: false },
        Fact::Refused { command: "Take".into(), code: "NotAllowed".into(), transition: Some("close".into()) },
    ]
}

fn lines() -> Vec<Fact> {
    let asked = LineAsked { reviewer: "p_1".into(), subject: Some("p_2".into()), record: Some(number(3)), flagged: true, giver: None };
    let plain = LineAsked { reviewer: "security-officer".into(), subject: None, record: None, flagged: false, giver: None };
    vec![
        Fact::LinesGathering { until: at() },
        Fact::UsersListed { system: "prod-db".into(), rows: 2, file: 1, replaces: None },
        Fact::LinesListed { first: 1, lines: vec![asked, plain] },
        Fact::LinesFrozen { lines: 2, from: BTreeMap::from([("access".into(), 1)]), as_of: 9, digest: "03".into(), scope: None },
        Fact::LineDecided { line: 1, verdict: Verdict::Revoke, reviewer: "p_1".into(), follow_up: Some(number(3)), alone: false },
        Fact::LineSettled { line: 1, record: number(3), done: true, reviewer: "p_1".into() },
    ]
}

fn alerts_and_clocks() -> Vec<Fact> {
    let clock = || "contain".to_owned();
    let reminders = || vec![Reminder { percent: 50, at: at() }];
    vec![
        Fact::AlertAttached(seen()),
        Fact::AlertRepeated {
            source: "am".into(),
            fingerprint: "aa".into(),
            count: 2,
            first: at(),
            last: at(),
            first_delivery: 1,
            last_delivery: 2,
        },
        Fact::AlertChanged(seen()),
        Fact::AlertUnmapped(seen()),
        Fact::DeliveryKept { source: "doors".into(), delivery: 7, unmapped: 2, truncated: 12, received_at: at() },
        Fact::DeploymentSeen(DeploymentSeen {
            source: "pipeline".into(),
            deployment: "ab".into(),
            state: DeploymentState::Succeeded,
            system: Some("web-shop".into()),
            cover: "approval".into(),
            lacks: vec!["TooEarly".into()],
            drives: true,
            proof: Some("deployment-report".into()),
            began_at: Some(at()),
            ended_at: None,
            people: None,
            delivery: 7,
            received_at: at(),
        }),
        Fact::ClockStarted { clock: clock(), due: at(), reminders: reminders() },
        Fact::ClockRetargeted { clock: clock(), due: at(), reminders: reminders() },
        Fact::ClockPaused { clock: clock() },
        Fact::ClockResumed { clock: clock(), due: at(), reminders: reminders() },
        Fact::ClockStopped { clock: clock(), elapsed_seconds: 60, late: false },
        Fact::ClockWarned { clock: clock(), percent: 50, due: at(), came_due: at() },
        Fact::ClockBreached { clock: clock(), due: at(), owner: Some("p_1".into()) },
    ]
}

fn recorded(seq: i64, fact: Fact) -> Event {
    Event {
        v: 1,
        seq,
        at: at(),
        fact,
        ticket: Some(number(1)),
        rev: Some(seq + 1),
        actor: Actor::Person { id: "p_1".into(), roles: vec!["responder".into()] },
        via: Via { surface: "console".into(), auth: "session".into(), credential: Some("s_1".into()) },
        cause: None,
        playbook: Some("01".into()),
        sealed: BTreeMap::from([("note".to_owned(), Commitment([0xab; 32]))]),
    }
}

#[test]
fn every_kind_of_event_keeps_its_bytes() {
    let facts = [log_and_people(), opened_and_taken(), on_tickets(), alerts_and_clocks(), lines()].concat();
    let mut lines = Vec::new();
    for (seq, fact) in (0..).zip(facts) {
        let event = recorded(seq, fact);
        let bytes = serde_json_canonicalizer::to_vec(&event).unwrap();
        assert_eq!(serde_json::from_slice::<Event>(&bytes).unwrap(), event);
        // The envelope is the same everywhere; it stands whole on the first line only.
        let whole: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        lines.push(if seq == 0 {
            text
        } else {
            assert_eq!(whole["kind"], event.fact.kind());
            format!("{} {}", whole["kind"].as_str().unwrap(), serde_json_canonicalizer::to_string(&whole["data"]).unwrap())
        });
    }
    insta::assert_snapshot!(lines.join("\n"));
}

/// Fields that were added to a kind later: the line above still reads, and this one says what is written since.
fn with_what_was_added() -> Vec<Fact> {
    let Some(Fact::TransitionTaken(taken)) = opened_and_taken().pop() else { unreachable!("a step") };
    let fields = BTreeMap::from([("risk".to_owned(), json!({ "value": "low" }))]);
    let approved = Some(ApprovedAs { digest: "03".into(), fields });
    let listed = LineAsked { reviewer: "p_1".into(), subject: None, record: None, flagged: false, giver: Some("p_2".into()) };
    let records = LinesSource { of: "access".into(), count: 3, standing: vec!["granted".into()], system: None, file: None, by: None };
    let users = LinesSource {
        of: "users".into(),
        count: 2,
        standing: Vec::new(),
        system: Some("prod-db".into()),
        file: Some(2),
        by: Some("p_1".into()),
    };
    let scope = LinesScope { system: Some("prod-db".into()), at: at(), sources: vec![records, users] };
    let seen = alerts_and_clocks().into_iter().find_map(|fact| match fact {
        Fact::DeploymentSeen(seen) => Some(seen),
        _ => None,
    });
    let deployment = seen.expect("a deployment");
    let people = DeployedBy { author: Some("p_1".into()), reviewers: vec![None, Some("p_2".into())] };
    vec![
        Fact::TransitionTaken(TransitionTaken {
            authored: true,
            approved,
            levels: [("risk".into(), "low".into())].into(),
            ..taken.clone()
        }),
        Fact::TransitionTaken(TransitionTaken { alone: true, ..taken }),
        Fact::Linked { link: "reviewed_by".into(), to: Some(number(2)), made: true },
        Fact::UsersListed {
            system: "prod-db".into(),
            rows: 2,
            file: 2,
            replaces: Some(ListReplaced { file: 1, rows: 3, by: "p_1".into() }),
        },
        Fact::LinesListed { first: 1, lines: vec![listed] },
        Fact::LinesFrozen { lines: 1, from: BTreeMap::new(), as_of: 9, digest: "03".into(), scope: Some(scope) },
        Fact::LineDecided { line: 1, verdict: Verdict::Keep, reviewer: "p_1".into(), follow_up: None, alone: true },
        Fact::DeploymentSeen(DeploymentSeen { people: Some(people), ..deployment }),
        Fact::FieldsSet { fields: BTreeMap::new(), sealed_fields: vec!["title".into()], authored: true, asks: Some("renew".into()) },
        Fact::NoteRevised { note: 1, removed: false, edited_at: Some(at()), superseded: true },
        Fact::Escalated {
            clock: None,
            from_tier: 0,
            to_tier: 1,
            to: "on-call".into(),
            next: None,
            person: Some("p_1".into()),
            morning: None,
        },
        Fact::Escalated {
            clock: None,
            from_tier: 0,
            to_tier: 0,
            to: "on-call".into(),
            next: Some(at()),
            person: Some("p_1".into()),
            morning: Some(at()),
        },
        Fact::EscalationAcknowledged { tier: 0, morning: Some(at()), next: Some(at()) },
        Fact::KeyIssued { person: "p_1".into(), key: "c_1".into(), sha256: "5f".repeat(32), opens: Some("calendar".into()) },
        Fact::ApprovalDecided {
            transition: "approve".into(),
            stage: 0,
            approved: true,
            digest: "03".into(),
            instead_of: Some("p_2".into()),
            self_approved: true,
        },
        Fact::ObligationRun {
            obligation: "overdue-changes".into(),
            due: at(),
            opened: None,
            checked: Some(Checked { looked_at: 7, as_of: 9, found: vec![number(3)], opened: vec![number(4)] }),
            drawn: None,
        },
        Fact::ObligationRun {
            obligation: "quality-check".into(),
            due: at(),
            opened: Some(number(3)),
            checked: None,
            drawn: Some(Drawn {
                kinds: vec!["change".into()],
                standing: vec!["closed".into()],
                from: at(),
                to: at(),
                as_of: 9,
                population: 7,
                digest: "5f".repeat(32),
                seed: "a1".repeat(16),
                size: 1,
                drawn: vec![number(4)],
                pack: true,
            }),
        },
    ]
}

#[test]
fn what_was_added_to_a_kind_of_event_keeps_its_bytes_too() {
    let lines = with_what_was_added().into_iter().map(|fact| {
        let event = recorded(0, fact);
        let bytes = serde_json_canonicalizer::to_vec(&event).unwrap();
        assert_eq!(serde_json::from_slice::<Event>(&bytes).unwrap(), event);
        let whole: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        format!("{} {}", whole["kind"].as_str().unwrap(), serde_json_canonicalizer::to_string(&whole["data"]).unwrap())
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn no_kind_of_event_is_left_out() {
    let facts = [log_and_people(), opened_and_taken(), on_tickets(), alerts_and_clocks(), lines()].concat();
    let covered: std::collections::BTreeSet<_> = facts.iter().map(|f| format!("{:?}", std::mem::discriminant(f))).collect();
    assert_eq!(covered.len(), facts.len(), "each once");
    // The variants as they are written: a new one makes this fail until it has its golden line.
    let source = include_str!("../fact.rs");
    let body = source.split("pub enum Fact {").nth(1).and_then(|s| s.split("\n}\n").next()).unwrap();
    let variants = body.lines().filter(|l| l.starts_with("    ") && l.as_bytes()[4].is_ascii_uppercase()).count();
    assert_eq!(facts.len(), variants);
}

#[test]
fn events_from_before_a_field_was_added_can_still_be_read() {
    let old = r#"{"kind":"Escalated","data":{"clock":null,"from_tier":0,"to_tier":1,"to":"on-call"}}"#;
    let Fact::Escalated { next: None, .. } = serde_json::from_str(old).unwrap() else { panic!() };
    let old = r#"{"kind":"MergeReceived","data":{"from":"INC-000001"}}"#;
    assert_eq!(serde_json::from_str::<Fact>(old).unwrap(), Fact::MergeReceived { from: number(1), brought: Brought::default() });
    let old = r#"{"what":"field","of":"class","by":"close","who":"p_1","due":"2026-03-01T02:04:00.000000Z"}"#;
    assert_eq!(serde_json::from_str::<OwedItem>(old).unwrap().count, 1);
}
