//! What is said of each kind of fact.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::*;
use crate::card::samples::{ana, at, event, kind, known, number, response, source, taxonomies};
use crate::env::Timestamp;
use crate::ticket::alert::AlertStatus;
use crate::ticket::event::{Actor, AdoptedFile, AlertSeen, Brought, EpochOpened, NewTask, OwedItem, TicketOpened, TransitionTaken};
use crate::ticket::number::Number;

/// Tells the events in order, one line each, as `INC-000042` at the sample moment.
fn told(events: &[Event]) -> String {
    let (kind, response, taxonomies) = (kind(), response(), taxonomies());
    let story = Story { kind: Some(&kind), response: Some(&response), taxonomies: &taxonomies, known: known() };
    let mut out = String::new();
    for message in story.timeline(events) {
        let body = message.said.body.map_or_else(String::new, |body| format!(" [{}]", body.replace('\n', " / ")));
        let _ = writeln!(out, "{}{body}", message.said.text.plain(chrono_tz::UTC, at("09:00")));
    }
    out
}

fn by_ana(fact: Fact, sealed: &[&str]) -> Event {
    event(60, "03:31", ana(), fact, sealed)
}

fn alert(status: AlertStatus) -> AlertSeen {
    let (source, fingerprint) = ("alertmanager".to_owned(), "00".repeat(8));
    AlertSeen {
        source,
        fingerprint,
        status,
        delivery: 1,
        fired_at: None,
        ended_at: None,
        received_at: at("03:02"),
        group: None,
        after_end: false,
        was: None,
    }
}

fn taken(transition: &str, from: &str, to: &str) -> TransitionTaken {
    TransitionTaken {
        transition: transition.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        fields: BTreeMap::new(),
        sealed_fields: Vec::new(),
        tasks: Vec::new(),
        owed: Vec::new(),
        phase: matches!(transition, "contain" | "eradicate" | "recover"),
        skipped: Vec::new(),
        occurred_at: None,
        late: false,
        automatic: false,
        ended: to == "closed",
        alone: false,
        authored: false,
        approved: None,
        levels: BTreeMap::new(),
    }
}

fn owed_evidence() -> OwedItem {
    let (what, of, by, who) = ("evidence".to_owned(), "contain".to_owned(), "close".to_owned(), "p_ana".to_owned());
    OwedItem { what, of, by, who, count: 1, due: at("09:00") }
}

fn opening() -> Event {
    let opened = TicketOpened {
        ticket_kind: "incident".into(),
        status: "open".into(),
        kind_digest: String::new(),
        response: None,
        fields: [("severity".to_owned(), json!("sev1"))].into_iter().collect(),
        sealed_fields: vec!["title".into()],
        tasks: vec![NewTask { task: 1, on: "open".into(), text: "Check the last deployments".into() }],
        group: None,
        window_seconds: 7200,
        occurred_at: None,
        intake: "alert".into(),
        received_at: at("03:02"),
    };
    event(10, "03:02", source(), Fact::TicketOpened(opened), &["field.title"])
}

#[test]
fn steps_say_who_when_what_was_done_and_what_comes_next() {
    let clock = |seq, name: &str, due| {
        event(seq, "03:02", source(), Fact::ClockStarted { clock: name.into(), due: at(due), reminders: vec![] }, &[])
    };
    let stopped = Event {
        cause: Some(20),
        ..event(21, "03:04", ana(), Fact::ClockStopped { clock: "acknowledge".into(), elapsed_seconds: 120, late: false }, &[])
    };
    let owed = vec![owed_evidence()];
    let events = [
        opening(),
        clock(11, "acknowledge", "03:17"),
        clock(12, "contain", "07:02"),
        event(20, "03:04", ana(), Fact::TransitionTaken(taken("acknowledge", "open", "acknowledged")), &[]),
        stopped,
        event(
            30,
            "03:31",
            ana(),
            Fact::TransitionTaken(TransitionTaken {
                occurred_at: Some(at("03:20")),
                late: true,
                owed,
                ..taken("contain", "acknowledged", "contained")
            }),
            &["line"],
        ),
        event(31, "03:31", ana(), Fact::ClockStopped { clock: "contain".into(), elapsed_seconds: 1_740, late: false }, &[]),
        event(
            40,
            "04:10",
            ana(),
            Fact::TransitionTaken(TransitionTaken { skipped: vec!["eradicate".into()], ..taken("recover", "contained", "recovered") }),
            &[],
        ),
        event(50, "08:10", ana(), Fact::TransitionTaken(TransitionTaken { automatic: true, ..taken("close", "recovered", "closed") }), &[]),
        event(51, "08:20", ana(), Fact::TransitionTaken(taken("reopen", "closed", "acknowledged")), &["reason"]),
        event(52, "08:30", ana(), Fact::TransitionTaken(taken("false_positive", "acknowledged", "closed")), &["reason"]),
    ];
    insta::assert_snapshot!(told(&events), @r#"
    INC-000042 · sev1 · payments-api is down. Opened by alertmanager.
    Acknowledge by 03:17.
    “Mitigated” is due by 07:02.
    Acknowledged at 03:04 by Ana Lima. “Mitigated” is due by 07:02.
    Acknowledge: in time, after 2 min.
    Mitigated at 03:20 by Ana Lima, recorded 03:31: “drained zone b”. Needed before “Close”: evidence. This is a late entry.
    Mitigated: in time, after 29 min.
    Restored at 04:10 by Ana Lima. Passed over: Cause removed.
    Closed at 08:10 by Ana Lima. Nothing was missing any more, so it happened by itself.
    Reopened at 08:20 by Ana Lima: “it was a drill”.
    Closed as “False alarm” at 08:30 by Ana Lima: “it was a drill”.
    "#);
}

#[test]
fn work_on_a_ticket_reads_as_people_would_say_it() {
    let fields = [
        ("severity".to_owned(), json!("sev2")),
        ("class".to_owned(), json!("availability/outage")),
        ("data_involved".to_owned(), json!(null)),
    ];
    let evidence = EvidenceAttached {
        file: 1,
        size: 14_200,
        media_type: "text/plain".into(),
        phase: Some("contain".into()),
        captured_at: None,
        outside_window: true,
    };
    let events = [
        opening(),
        by_ana(
            Fact::FieldsSet { fields: fields.into_iter().collect(), sealed_fields: vec!["root_cause".into()], authored: false, asks: None },
            &["field.root_cause"],
        ),
        by_ana(Fact::NoteAdded { note: 1, occurred_at: Some(at("03:10")), late: true }, &["note", "reason"]),
        by_ana(Fact::EvidenceAttached(evidence), &["name", "sha256"]),
        by_ana(Fact::TaskSettled { task: 1, waived: false }, &[]),
        by_ana(Fact::TaskSettled { task: 1, waived: true }, &["reason"]),
        by_ana(Fact::EvidenceWaived { phase: "contain".into() }, &["reason"]),
        by_ana(Fact::OwnerAssigned { person: "p_ana".into() }, &[]),
        by_ana(Fact::LeadAssigned { person: "p_bo".into() }, &[]),
        by_ana(Fact::Linked { link: "caused_by".into(), to: Some(Number::new("CHG", 107)), made: false }, &[]),
        by_ana(Fact::Linked { link: "dashboard".into(), to: None, made: false }, &["target"]),
        by_ana(Fact::Linked { link: "caused_by".into(), to: None, made: false }, &["reason"]),
        by_ana(Fact::Unlinked { link: 2 }, &["reason"]),
        by_ana(Fact::MergedInto { into: Number::new("INC", 7), from_status: "open".into() }, &[]),
        by_ana(Fact::MergeReceived { from: Number::new("INC", 8), brought: Brought::default() }, &[]),
        by_ana(Fact::MergeUndone { other: Number::new("INC", 8) }, &[]),
        by_ana(
            Fact::ApprovalDecided {
                transition: "close".into(),
                stage: 0,
                approved: true,
                digest: String::new(),
                instead_of: None,
                self_approved: false,
            },
            &["reason"],
        ),
        by_ana(Fact::ApprovalWithdrawn { transition: "close".into() }, &["reason"]),
        by_ana(Fact::Refused { command: "take".into(), code: "FieldMissing".into(), transition: Some("close".into()) }, &[]),
    ];
    insta::assert_snapshot!(told(&events), @r#"
    INC-000042 · sev1 · payments-api is down. Opened by alertmanager.
    Ana Lima set class to “Availability: outage”, severity to “sev2” and root cause, and cleared data involved.
    A late entry: “it was a drill”. [Error rate is falling. / Zone b looks healthy again.]
    Ana Lima filed “zone-b-drain.log” (14 kB, text/plain) as evidence for “Mitigated”. It was captured before this began.
    Ana Lima did “Check the last deployments”.
    Ana Lima set aside “Check the last deployments”: “it was a drill”.
    Ana Lima says that there is no evidence for “Mitigated”: “it was a drill”.
    Ana Lima is the owner now.
    Ana Lima made Bo Chen the lead.
    Ana Lima linked CHG-000107 as “caused by”.
    Ana Lima linked, as “dashboard”, “https://status.example.com/1”.
    Ana Lima says why there is no link “caused by”: “it was a drill”.
    Ana Lima took link 2 back: “it was a drill”.
    Ana Lima merged this into INC-000007; it lives on there.
    INC-000008 was merged into this one by Ana Lima.
    Ana Lima took the merge with INC-000008 back.
    Ana Lima approved “Close” at 03:31: “it was a drill”.
    Ana Lima took back the decision on “Close”: “it was a drill”.
    Ana Lima tried “Close” and was refused (field missing).
    "#);
}

#[test]
fn alerts_clocks_and_calls_say_what_presses() {
    let tick = |fact| event(60, "03:17", Actor::Scheduler, fact, &[]);
    let acknowledge = || "acknowledge".to_owned();
    let (first, last) = (at("03:02"), at("03:30"));
    let (source_name, fingerprint) = ("alertmanager".to_owned(), String::new());
    let events = [
        opening(),
        event(60, "03:02", source(), Fact::AlertAttached(alert(AlertStatus::Firing)), &["alert"]),
        event(
            60,
            "03:30",
            source(),
            Fact::AlertRepeated { source: source_name, fingerprint, count: 12, first, last, first_delivery: 1, last_delivery: 9 },
            &[],
        ),
        event(60, "03:30", source(), Fact::AlertChanged(alert(AlertStatus::Resolved)), &["alert"]),
        event(60, "03:30", source(), Fact::AlertUnmapped(alert(AlertStatus::Firing)), &["alert"]),
        event(
            60,
            "03:30",
            source(),
            Fact::DeliveryKept { source: "doors".into(), delivery: 7, unmapped: 2, truncated: 12, received_at: first },
            &["body", "payload_sha256"],
        ),
        event(60, "03:02", source(), Fact::ClockStarted { clock: acknowledge(), due: at("03:17"), reminders: vec![] }, &[]),
        tick(Fact::ClockWarned { clock: acknowledge(), percent: 75, due: at("03:17"), came_due: at("03:13") }),
        tick(Fact::ClockBreached { clock: acknowledge(), due: at("03:17"), owner: None }),
        tick(Fact::ClockRetargeted { clock: acknowledge(), due: at("03:32"), reminders: vec![] }),
        tick(Fact::ClockStopped { clock: acknowledge(), elapsed_seconds: 1_900, late: true }),
        tick(Fact::Escalated {
            clock: Some(acknowledge()),
            from_tier: 0,
            to_tier: 1,
            to: "p_bo".into(),
            next: None,
            person: None,
            morning: None,
        }),
        tick(Fact::Escalated {
            clock: Some(acknowledge()),
            from_tier: 1,
            to_tier: 2,
            to: "incident-manager".into(),
            next: None,
            person: None,
            morning: None,
        }),
        by_ana(
            Fact::Escalated { clock: None, from_tier: 0, to_tier: 1, to: "on-call".into(), next: None, person: None, morning: None },
            &["reason"],
        ),
        by_ana(Fact::EscalationAcknowledged { tier: 1, morning: None, next: None }, &[]),
        tick(Fact::MorningTold { person: "p_bo".into(), came_due: at("09:00") }),
        tick(Fact::GroupNotified { group: "legal".into(), due: Some(at("05:17")) }),
        tick(Fact::GroupNotified { group: "communications".into(), due: None }),
        by_ana(Fact::NotificationAcknowledged { group: "legal".into() }, &[]),
        tick(Fact::NotificationOverdue { group: "legal".into(), due: at("05:17") }),
        tick(Fact::OwedReminded { owed: vec![owed_evidence()], came_due: at("08:00") }),
        tick(Fact::ClockPaused { clock: acknowledge() }),
        tick(Fact::ClockResumed { clock: acknowledge(), due: at("03:40"), reminders: vec![] }),
    ];
    insta::assert_snapshot!(told(&events), @r#"
    INC-000042 · sev1 · payments-api is down. Opened by alertmanager.
    Alert from alertmanager: “High error rate on payments-api”.
    The same alert came 12 more times between 03:02 and 03:30.
    alertmanager says that “High error rate on payments-api” is over.
    Alert from alertmanager: “High error rate on payments-api”. No response playbook takes it, so nothing was opened.
    Delivery 7 from doors is kept as it came: 2 parts of it became no alert and its sender left out 12 alerts.
    Acknowledge by 03:17.
    4 min left to acknowledge INC-000042.
    The time of 15 min to acknowledge INC-000042 ran out at 03:17.
    The severity changed, and with it the time: acknowledge by 03:32.
    Acknowledge: late, after 31 min.
    Bo Chen is being called now (tier 1).
    Incident manager is being called now (tier 2).
    Ana Lima called on call (tier 1): “it was a drill”.
    Ana Lima has seen it.
    Bo Chen was up at night, and is told what is owed.
    Legal must read this, and say so by 05:17.
    Communications should know of this.
    Ana Lima has read it for legal.
    Legal has not said by 05:17 that they have read it.
    INC-000042 still needs one thing before “Close”: evidence for “Mitigated”.
    The time to acknowledge stands still.
    The time to acknowledge counts again: by 03:40.
    "#);
}

#[test]
fn the_log_and_the_directory_speak_plainly() {
    let at_three = || Timestamp::parse("2026-11-22T03:00:00Z").expect("a time");
    let bo = || "p_bo".to_owned();
    let roles = |of: &[&str]| of.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>();
    let outside = |fact, sealed: &[&str]| Event { ticket: None, rev: None, ..by_ana(fact, sealed) };
    let events = [
        outside(Fact::LogOpened { origin: "demo.invalid/log".into(), demo: true, schema: 1 }, &[]),
        outside(
            Fact::EpochOpened(EpochOpened {
                origin: "example.com/log/2".into(),
                vkey: String::new(),
                old_origin: "example.com/log".into(),
                old_vkey: String::new(),
                lost_size: 57,
                lost_root: None,
                known_by: "checkpoint".into(),
            }),
            &["reason"],
        ),
        outside(
            Fact::PlaybooksAdopted { files: vec![AdoptedFile { path: "kinds/incident.yaml".into(), digest: String::new() }] },
            &["why"],
        ),
        outside(Fact::ForgeriesCounted { source: "grafana".into(), reason: "bad_signature".into(), minute: at_three(), count: 3 }, &[]),
        outside(Fact::RefusalsCounted { person: bo(), hour: at_three(), count: 12 }, &[]),
        outside(Fact::Exported { digest: String::new(), position: 1_204, tickets: 1 }, &["query"]),
        outside(Fact::ClockStepConfirmed { before: at_three(), after: at("05:00") }, &[]),
        outside(Fact::PersonAdded { person: bo(), roles: roles(&["incident-manager", "responder"]) }, &["name", "email"]),
        outside(Fact::RolesChanged { person: bo(), roles: roles(&[]) }, &[]),
        outside(Fact::PersonDisabled { person: bo() }, &["reason"]),
        outside(Fact::OnCallChanged { from: Some(bo()), to: None }, &[]),
        outside(Fact::KeyIssued { person: bo(), key: "k_1".into(), sha256: String::new(), opens: None }, &[]),
        outside(Fact::KeyRevoked { person: bo(), key: "k_1".into() }, &[]),
        outside(Fact::SignedIn { person: bo(), session: String::new(), method: "one_time_link".into(), link: None }, &[]),
    ];
    insta::assert_snapshot!(told(&events), @r#"
    The log “demo.invalid/log” was opened. It is a demonstration: nothing in it is real.
    Ana Lima opened the log anew as “example.com/log/2”, because a checkpoint of “example.com/log” over 57 events is known that this database does not continue: “it was a drill”.
    Ana Lima adopted 1 playbook file: “first adoption”.
    3 requests to grafana in the minute of 03:00 could not be authenticated (bad signature). Nothing was taken from them.
    12 further refusals of Bo Chen in the hour from 03:00.
    Ana Lima exported 1 ticket, up to position 1204 of the log: “all of 2026”.
    Ana Lima confirmed that the clock is right after its step from 03:00 to 05:00.
    Ana Lima added Bo Chen, as incident manager and responder.
    Ana Lima changed the roles of Bo Chen to no role.
    Ana Lima disabled Bo Chen, whose accounts stopped at once: “it was a drill”.
    Nobody is on call now.
    Ana Lima issued the key k_1 to Bo Chen.
    Ana Lima revoked the key k_1 of Bo Chen.
    Bo Chen signed in (one time link).
    "#);
}

#[test]
fn a_sentence_never_carries_more_than_one_line_of_hostile_text() {
    let hostile = format!("<script>\u{202E}\n{}", "x".repeat(9_000));
    let plaintext = |_: i64, _: &str| Some(hostile.clone());
    let taxonomies = taxonomies();
    let known = crate::card::scene::Known { plaintext: &plaintext, ..known() };
    let story = Story { kind: None, response: None, taxonomies: &taxonomies, known };
    let message = &story.timeline(&[opening()])[0];
    let text = message.said.text.plain(chrono_tz::UTC, at("09:00"));
    assert!(text.starts_with(&format!("{} · sev1 · <script> xxx", number())), "the words are kept, for the surface to escape");
    assert!(text.chars().count() < 260 && !text.contains(['\n', '\u{202E}']));
}
