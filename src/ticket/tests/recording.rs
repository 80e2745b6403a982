//! What is opened, what is filed, and what the log keeps of it.

use proptest::prelude::*;
use serde_json::json;

use crate::env::Timestamp;
use crate::ticket::alert::AlertStatus::Firing;
use crate::ticket::bench::{Bench, HOUR, MINUTE, matched, number, person, text};
use crate::ticket::command::{AttachEvidence, Command, FieldInput, Open};
use crate::ticket::event::{Actor, Fact};
use crate::ticket::evolve::evolve;
use crate::ticket::state::Held;

fn open(b: &Bench, kind: &str, fields: &[(&str, FieldInput)]) -> Open {
    Open {
        kind: kind.into(),
        fields: fields.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect(),
        response: None,
        occurred_at: None,
        intake: "console".into(),
        received_at: b.now,
    }
}

// proves: REC-09
#[test]
fn numbers_have_no_gaps_even_when_opening_is_refused_in_between() {
    let mut b = Bench::new();
    for n in 1..=20 {
        let refused = b.ask(&person("p_ana"), &Command::Open(open(&b, "incident", &[]))).unwrap_err();
        assert_eq!(refused.sentence(), "This can be opened once one thing is there: the title.");
        assert_eq!(b.open("p_ana", "sev3"), number(n));
    }
    let mixed = (0..6).map(|i| matched(&format!("{i:016x}"), Firing, Some(&format!("g{i}")))).collect();
    let decision = b.alerts_of("am", mixed).unwrap();
    assert_eq!(decision.tickets, (21..=26).map(number).collect::<Vec<_>>());
}

#[test]
fn a_ticket_knows_who_opened_it_and_how_it_came_in() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    let ticket = b.ticket(&n);
    assert_eq!((ticket.opened_by.person(), ticket.intake.as_str()), (Some("p_ana"), "console"));
    assert!(matches!(ticket.fields["title"], Held::Sealed(_)));
    let Fact::TicketOpened(opened) = &b.log[0].fact else { panic!() };
    assert_eq!((opened.received_at, opened.kind_digest.as_str()), (b.now, "d-incident"));
}

#[test]
fn opening_is_refused_to_tools_to_strangers_and_for_what_does_not_exist() {
    let mut b = Bench::new();
    let title = [("title", FieldInput::Sealed(text("db down")))];
    let ask = |b: &mut Bench, who: &Actor, change: &dyn Fn(&mut Open)| {
        let mut open = open(b, "incident", &title);
        change(&mut open);
        b.ask(who, &Command::Open(open)).unwrap_err().code()
    };
    assert_eq!(ask(&mut b, &Actor::Source { name: "am".into() }, &|_| {}), "NotForYou");
    assert_eq!(ask(&mut b, &person("p_vic"), &|_| {}), "NotAllowed");
    assert_eq!(ask(&mut b, &person("p_ana"), &|o| o.kind = "earthquake".into()), "NoSuchKind");
    assert_eq!(ask(&mut b, &person("p_ana"), &|o| o.response = Some("none".into())), "NoSuchResponse");
    assert_eq!(ask(&mut b, &person("p_ana"), &|o| o.occurred_at = Some(o.received_at.plus(HOUR))), "InTheFuture");
    assert_eq!(
        ask(&mut b, &person("p_ana"), &|o| drop(o.fields.insert("parent".into(), FieldInput::Plain(json!("INC-000099"))))),
        "BadFields"
    );
    assert_eq!(
        ask(&mut b, &person("p_ana"), &|o| drop(o.fields.insert("reporter".into(), FieldInput::Plain(json!("nobody"))))),
        "BadFields"
    );
    assert!(b.tickets.is_empty());
}

#[test]
fn a_chosen_response_fills_in_what_it_knows_and_defaults_fill_the_rest() {
    let mut b = Bench::new();
    let mut open = open(&b, "incident", &[("title", FieldInput::Sealed(text("db down")))]);
    open.response = Some("outage".into());
    let n = b.ask(&person("p_ana"), &Command::Open(open)).unwrap().tickets[0].clone();
    assert_eq!(b.ticket(&n).plain("data_involved"), Some(&json!(["none"])));
    assert_eq!(b.ticket(&n).severity(), "sev3");
    assert_eq!(b.ticket(&n).response.as_ref().map(|r| r.digest.as_str()), Some("d-outage"));
}

// proves: FIL-02
#[test]
fn a_file_from_before_the_ticket_is_flagged() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    b.wait(10 * MINUTE);
    let file = |captured_at| {
        Command::AttachEvidence(AttachEvidence {
            ticket: n.clone(),
            name: text("log.txt"),
            sha256: text("00"),
            size: 3,
            media_type: "text/plain".into(),
            phase: None,
            captured_at,
        })
    };
    b.ask(&person("p_ana"), &file(Some(b.now.minus(MINUTE)))).unwrap();
    b.ask(&person("p_ana"), &file(Some(b.now.minus(HOUR)))).unwrap();
    let flags: Vec<bool> =
        b.facts("EvidenceAttached").iter().map(|e| matches!(&e.fact, Fact::EvidenceAttached(f) if f.outside_window)).collect();
    assert_eq!(flags, [false, true]);
    assert_eq!(b.ask(&person("p_ana"), &file(Some(b.now.plus(MINUTE)))).unwrap_err().code(), "InTheFuture");
    assert_eq!(b.ask(&person("p_vic"), &file(None)).unwrap_err().code(), "NotAllowed");
}

// proves: REC-11
#[test]
fn a_corrected_field_leaves_both_values_in_the_log() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    b.set("p_ana", &n, "hosts", json!(3)).unwrap();
    b.set("p_bo", &n, "hosts", json!(4)).unwrap();
    let values: Vec<(Option<&str>, i64)> = b
        .facts("FieldsSet")
        .iter()
        .map(|e| match &e.fact {
            Fact::FieldsSet { fields, .. } => (e.actor.person(), fields["hosts"].as_i64().unwrap()),
            _ => unreachable!(),
        })
        .collect();
    assert_eq!(values, [(Some("p_ana"), 3), (Some("p_bo"), 4)]);
    assert_eq!(b.set("p_bo", &n, "hosts", json!(4)).unwrap_err().code(), "NothingToDo");
}

#[test]
fn revisions_are_contiguous_and_an_event_of_another_ticket_changes_nothing() {
    let mut b = Bench::new();
    let (one, two) = (b.open("p_ana", "sev3"), b.open("p_ana", "sev3"));
    b.take("p_ana", &one, "acknowledge").unwrap();
    b.note("p_ana", &two).unwrap();
    for n in [&one, &two] {
        let revs: Vec<i64> = b.log.iter().filter(|e| e.ticket.as_ref() == Some(n)).filter_map(|e| e.rev).collect();
        assert_eq!(revs, (1..=b.ticket(n).rev).collect::<Vec<_>>());
    }
    let strange = b.log.last().unwrap();
    assert_eq!(evolve(Some(b.ticket(&one).clone()), strange).as_ref(), Some(b.ticket(&one)));
    assert_eq!(evolve(None, strange), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // proves: REC-02
    #[test]
    fn the_time_of_opening_is_the_servers_exact_and_never_the_senders(
        now in 1_700_000_000_000_000_i64..1_900_000_000_000_000,
        away in -1_000_000_000_000_000_i64..1_000_000_000_000_000,
    ) {
        let mut b = Bench::new();
        b.now = Timestamp::from_micros(now).unwrap();
        let claimed = Timestamp::from_micros(now + away).unwrap();
        let mut alert = matched("00000000000000aa", Firing, Some("g"));
        alert.alert.starts_at = Some(claimed);
        b.alerts_of("am", vec![alert]).unwrap();
        let mut by_hand = open(&b, "incident", &[("title", FieldInput::Sealed(text("db down")))]);
        by_hand.occurred_at = Some(claimed.min(b.now));
        b.ask(&person("p_ana"), &Command::Open(by_hand)).unwrap();
        let opened: Vec<_> = b.log.iter().filter(|e| matches!(e.fact, Fact::TicketOpened(_))).collect();
        prop_assert_eq!(opened.len(), 2);
        for event in opened {
            let written = serde_json::to_value(event).unwrap();
            let at = written["at"].as_str().unwrap();
            let read = chrono::DateTime::parse_from_rfc3339(at).unwrap();
            prop_assert_eq!((read.timestamp_micros(), read.offset().local_minus_utc()), (now, 0));
            prop_assert!(at.ends_with('Z') && at.split('.').nth(1).is_some_and(|f| f.len() == 7), "{at} is not exact to the microsecond");
        }
        // What was claimed stands beside it, and only there.
        let Fact::TicketOpened(claims) = &b.log.iter().rfind(|e| matches!(e.fact, Fact::TicketOpened(_))).unwrap().fact else { panic!() };
        prop_assert_eq!(claims.occurred_at, Some(claimed.min(b.now)));
    }
}
