//! Transitions: who, from where, with what.

use serde_json::json;

use crate::ticket::bench::{Bench, HOUR, MINUTE, number, person, text};
use crate::ticket::binding::binding;
use crate::ticket::command::{Command, FieldInput, Step, Take};
use crate::ticket::event::{Actor, Fact};
use crate::ticket::missing::Missing;
use crate::ticket::refusal::Refusal;

fn reasoned(transition: &str) -> Step {
    Step { transition: transition.into(), reason: Some(text("because")), ..Step::default() }
}

#[test]
fn an_incident_is_worked_from_opening_to_closure() {
    let mut b = Bench::new();
    let n = b.recovered("sev3");
    b.fill(&n);
    b.take("p_mia", &n, "close").unwrap();
    let ticket = b.ticket(&n);
    assert_eq!((ticket.status.as_str(), ticket.ended, ticket.ended_at), ("closed", true, Some(b.now)));
    assert_eq!(ticket.owner.as_deref(), Some("p_ana"), "whoever took the first step has it");
    let steps: Vec<&str> = ticket.steps.iter().map(|s| s.transition.as_str()).collect();
    assert_eq!(steps, ["acknowledge", "contain", "eradicate", "recover", "close"]);
    b.assert_replay_equals_state();
}

// proves: INC-02, INC-08
#[test]
fn closing_names_everything_that_is_missing_and_changes_nothing() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    for step in ["acknowledge", "contain", "eradicate", "recover"] {
        b.take("p_ana", &n, step).unwrap();
    }
    let before = b.ticket(&n).clone();
    let refusal = b.take("p_mia", &n, "close").unwrap_err();
    assert_eq!(refusal.code(), "FieldMissing");
    insta::assert_snapshot!(refusal.sentence(), @"INC-000001 can close once six things are there: the data involved, the root cause, a note on what was found and done, evidence for “contain”, evidence for “eradicate”, and a “caused by” link, or the reason why there is none.");
    assert_eq!(refusal.fields().keys().collect::<Vec<_>>(), ["data_involved", "root_cause"]);
    assert_eq!(*b.ticket(&n), before);
    for field in ["data_involved", "root_cause", "severity"] {
        let mut b = Bench::new();
        let n = b.recovered("sev3");
        b.fill(&n);
        let clear = [(field.to_owned(), FieldInput::Plain(json!(null)))].into();
        let reason = Some(text("not known yet"));
        b.ask(&person("p_ana"), &Command::SetFields { ticket: n.clone(), fields: clear, reason }).unwrap();
        let Refusal::Missing { missing, .. } = b.take("p_mia", &n, "close").unwrap_err() else { panic!("not refused for {field}") };
        assert!(missing.iter().any(|m| matches!(m, Missing::Field { name, .. } if name == field)), "{field}: {missing:?}");
    }
}

#[test]
fn fields_of_the_same_form_count_for_the_same_step() {
    let mut b = Bench::new();
    let n = b.recovered("sev3");
    let fields = [
        ("root_cause".to_owned(), FieldInput::Sealed(text("a full disk"))),
        ("data_involved".to_owned(), FieldInput::Plain(json!(["none"]))),
    ];
    b.step("p_mia", &n, Step { transition: "close".into(), fields: fields.into(), ..Step::default() }).unwrap();
    assert_eq!(b.ticket(&n).status, "closed");
}

// proves: REC-03
#[test]
fn every_transition_from_every_status_is_taken_once_or_refused_and_on_record() {
    let statuses = ["open", "acknowledged", "contained", "eradicated", "recovered", "closed", "void", "merged"];
    let names: Vec<String> = Bench::new().library.kinds["incident"].transitions.keys().cloned().collect();
    let mut legal = Vec::new();
    for status in statuses {
        for name in &names {
            let mut b = Bench::new();
            let other = b.open("p_bo", "sev3");
            let n = at(&mut b, status, &other);
            let before = b.ticket(&n).clone();
            let recorded = b.facts("TransitionTaken").len();
            let manager = ["close", "reopen", "void"].contains(&name.as_str());
            let step = Step { other: Some(other.clone()), ..reasoned(name) };
            match b.step(if manager { "p_mia" } else { "p_ana" }, &n, step) {
                Ok(decision) => {
                    legal.push(format!("{status} {name} {}", b.ticket(&n).status));
                    let steps = decision.events.iter().filter(|e| matches!(e.fact, Fact::TransitionTaken(_))).count();
                    assert_eq!(steps, 1);
                    let last = b.ticket(&n).steps.last().unwrap();
                    assert_eq!((last.from.as_str(), last.transition.as_str(), last.at), (status, name.as_str(), b.now));
                }
                Err(refusal) => {
                    assert_eq!(refusal.code(), "WrongStatus", "{status} {name}: {refusal}");
                    assert_eq!(b.facts("TransitionTaken").len(), recorded);
                    assert!(matches!(b.log.last().unwrap().fact, Fact::Refused { .. }));
                    let after = b.ticket(&n);
                    assert_eq!((&after.status, &after.fields, &after.steps), (&before.status, &before.fields, &before.steps));
                }
            }
        }
    }
    insta::assert_snapshot!(legal.join("\n"));
}

fn at(b: &mut Bench, status: &str, other: &crate::ticket::number::Number) -> crate::ticket::number::Number {
    let n = b.open("p_ana", "sev3");
    match status {
        "open" => {}
        "merged" => drop(b.step("p_ana", &n, Step { other: Some(other.clone()), ..reasoned("merge") }).unwrap()),
        "void" => drop(b.step("p_mia", &n, reasoned("void")).unwrap()),
        _ => {
            let n = b.recovered("sev3");
            b.fill(&n);
            // Worked to the end, then looked at where it stood.
            let path = ["acknowledged", "contained", "eradicated", "recovered"];
            if status == "closed" {
                b.take("p_mia", &n, "close").unwrap();
                return n;
            }
            let n = b.open("p_ana", "sev3");
            for (step, reached) in ["acknowledge", "contain", "eradicate", "recover"].iter().zip(path) {
                b.take("p_ana", &n, step).unwrap();
                if reached == status {
                    break;
                }
            }
            if status == "recovered" {
                complete(b, &n);
            }
            return n;
        }
    }
    n
}

fn complete(b: &mut Bench, n: &crate::ticket::number::Number) {
    b.fill(n);
    b.note("p_ana", n).unwrap();
    b.file("p_ana", n, "contain").unwrap();
    b.file("p_ana", n, "eradicate").unwrap();
    let reason = Some(text("unknown"));
    b.ask(&person("p_ana"), &Command::Link { ticket: n.clone(), link: "caused_by".into(), to: None, target: None, reason }).unwrap();
}

#[test]
fn a_person_without_the_role_is_refused_and_the_attempt_is_on_record() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    let refusal = b.take("p_vic", &n, "acknowledge").unwrap_err();
    assert_eq!(refusal.code(), "NotAllowed");
    insta::assert_snapshot!(refusal.sentence(), @"To take “acknowledge”, one needs to be a responder. Ask one of them.");
    let Fact::Refused { command, code, transition } = &b.log.last().unwrap().fact else { panic!() };
    assert_eq!((command.as_str(), code.as_str(), transition.as_deref()), ("Take", "NotAllowed", Some("acknowledge")));
    let tool = Actor::Source { name: "am".into() };
    let take = Take { ticket: n.clone(), steps: vec![reasoned("acknowledge")], rev: None, binding: None };
    assert_eq!(b.ask(&tool, &Command::Take(take)).unwrap_err().code(), "NotForYou");
    assert_eq!(b.ticket(&n).status, "open");
}

// proves: INC-12
#[test]
fn a_sev1_is_closed_by_somebody_who_did_not_do_the_work() {
    let mut b = Bench::new();
    let n = b.recovered("sev1");
    b.fill(&n);
    let refusal = b.take("p_ana", &n, "close").unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("SecondPersonNeeded", true));
    b.take("p_mia", &n, "close").unwrap();
    let mut b = Bench::new();
    let n = b.recovered("sev3");
    b.fill(&n);
    b.take("p_ana", &n, "close").expect("the owner alone may close a sev3");
}

#[test]
fn the_form_that_closes_cannot_lower_the_severity_to_pass_without_a_second_person() {
    let mut b = Bench::new();
    let n = b.recovered("sev1");
    b.fill(&n);
    let fields = [("severity".to_owned(), FieldInput::Plain(json!("sev3")))].into();
    let refusal = b.step("p_ana", &n, Step { fields, ..reasoned("close") }).unwrap_err();
    assert_eq!(refusal.code(), "SecondPersonNeeded");
}

#[test]
fn a_refusal_in_the_log_repeats_nothing_that_somebody_typed() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    for typed in ["my password is hunter2", "ACKNOWLEDGE\u{0}", &"x".repeat(1000)] {
        let decide =
            Command::Decide { ticket: n.clone(), transition: typed.into(), approve: true, digest: String::new(), reason: text("x") };
        assert_eq!(b.ask(&Actor::Source { name: "am".into() }, &decide).unwrap_err().code(), "NotForYou");
        let Fact::Refused { transition, .. } = &b.log.last().unwrap().fact else { panic!() };
        assert_eq!(*transition, None);
    }
}

// proves: INC-16
#[test]
fn a_sev1_does_not_close_while_nobody_knows_which_data_was_involved() {
    let mut b = Bench::new();
    let n = b.recovered("sev1");
    b.set("p_ana", &n, "root_cause", json!("a full disk")).unwrap();
    b.set("p_ana", &n, "data_involved", json!(["unknown"])).unwrap();
    let refusal = b.take("p_mia", &n, "close").unwrap_err();
    assert_eq!(refusal.code(), "ConditionNotMet");
    assert_eq!(refusal.sentence(), "Say which data was involved before closing a sev1 or sev2.");
}

// proves: INC-09
#[test]
fn evidence_is_owed_after_a_phase_and_a_waiver_needs_a_reason() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    b.take("p_ana", &n, "acknowledge").unwrap();
    b.take("p_ana", &n, "contain").unwrap();
    let owed = &b.ticket(&n).owed;
    assert_eq!(owed.len(), 1);
    assert_eq!(
        (owed[0].what.as_str(), owed[0].of.as_str(), owed[0].by.as_str(), owed[0].who.as_str()),
        ("evidence", "contain", "close", "p_ana")
    );
    let waive = |reason: &str| Command::WaiveEvidence { ticket: n.clone(), phase: "contain".into(), reason: text(reason) };
    assert_eq!(b.ask(&person("p_ana"), &waive("")).unwrap_err().code(), "ReasonMissing");
    let unknown = Command::WaiveEvidence { ticket: n.clone(), phase: "acknowledge".into(), reason: text("x") };
    assert_eq!(b.ask(&person("p_ana"), &unknown).unwrap_err().code(), "NoSuchPhase");
    b.ask(&person("p_ana"), &waive("the machine is gone")).unwrap();
    assert!(b.ticket(&n).owed.is_empty());
}

#[test]
fn an_outage_skips_what_does_not_apply_and_says_so() {
    let mut b = Bench::new();
    let n = b.alert("aa", crate::ticket::alert::AlertStatus::Firing, Some("g")).tickets[0].clone();
    b.take("p_ana", &n, "acknowledge").unwrap();
    assert_eq!(b.ticket(&n).tasks.len(), 1, "the response's tasks appear on reaching the status");
    let refusal = b.take("p_ana", &n, "eradicate").unwrap_err();
    assert_eq!(refusal.code(), "NotApplicable");
    b.take("p_ana", &n, "contain").unwrap();
    b.take("p_ana", &n, "recover").expect("from contained, since the cause's removal does not apply");
    let last = b.ticket(&n).steps.last().unwrap();
    assert_eq!(last.skipped, ["eradicate"]);
    let event = b.facts("TransitionTaken").pop().unwrap();
    assert_eq!(event.playbook.as_deref(), Some("d-outage"), "the event cites the playbook that allows it");
    let Refusal::Missing { missing, .. } = b.take("p_mia", &n, "close").unwrap_err() else { panic!() };
    let phases: Vec<String> = missing.iter().filter(|m| m.code() == "EvidenceMissing").map(Missing::words).collect();
    assert_eq!(phases, ["evidence for “Mitigated”"], "in the response's own words, and only where it applies");
    assert!(missing.iter().any(|m| m.code() == "TaskOpen"));
}

#[test]
fn a_skipped_phase_that_applies_still_owes_its_evidence() {
    let mut b = Bench::new();
    let n = b.alert("aa", crate::ticket::alert::AlertStatus::Firing, Some("g")).tickets[0].clone();
    b.take("p_ana", &n, "acknowledge").unwrap();
    b.take("p_ana", &n, "recover").unwrap();
    assert_eq!(b.ticket(&n).steps.last().unwrap().skipped, ["contain", "eradicate"]);
    let Refusal::Missing { missing, .. } = b.take("p_mia", &n, "close").unwrap_err() else { panic!() };
    assert!(missing.iter().any(|m| matches!(m, Missing::Evidence { phase, .. } if phase == "contain")));
}

#[test]
fn several_steps_in_one_commit_are_checked_one_after_the_other_and_all_or_nothing() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    let steps = |names: &[&str]| names.iter().map(|s| Step { transition: (*s).into(), ..Step::default() }).collect::<Vec<_>>();
    let take = |names: &[&str]| Command::Take(Take { ticket: n.clone(), steps: steps(names), rev: None, binding: None });
    let refusal = b.ask(&person("p_ana"), &take(&["acknowledge", "contain", "recover"])).unwrap_err();
    assert_eq!(refusal.code(), "WrongStatus");
    assert_eq!(b.ticket(&n).status, "open");
    b.ask(&person("p_ana"), &take(&["acknowledge", "contain", "eradicate"])).unwrap();
    assert_eq!(b.facts("TransitionTaken").len(), 3);
    assert_eq!(b.ask(&person("p_ana"), &take(&[])).unwrap_err().code(), "BadRequest");
    assert_eq!(b.ask(&person("p_ana"), &take(&["recover"; 9])).unwrap_err().code(), "TooMany");
    assert_eq!(
        b.take("p_ana", &n, "recovr").unwrap_err().sentence(),
        "This procedure has no step called “recovr”. Did you mean “recover”?"
    );
}

#[test]
fn a_storm_leaves_a_button_fresh_and_a_change_that_it_reads_makes_it_stale() {
    let mut b = Bench::new();
    let n = b.alert("aa", crate::ticket::alert::AlertStatus::Firing, Some("g")).tickets[0].clone();
    b.take("p_ana", &n, "acknowledge").unwrap();
    let close = |b: &Bench| binding(b.ticket(&n), &b.library.kinds["incident"], &b.library.kinds["incident"].transitions["close"]);
    let bound = close(&b);
    b.alert("bb", crate::ticket::alert::AlertStatus::Firing, Some("g"));
    b.note("p_ana", &n).unwrap();
    assert_eq!(close(&b), bound);
    b.set("p_ana", &n, "root_cause", json!("a full disk")).unwrap();
    assert_ne!(close(&b), bound);
    let kind = &b.library.kinds["incident"];
    let contain = binding(b.ticket(&n), kind, &kind.transitions["contain"]);
    let press = |binding: &str, rev: Option<i64>| {
        let steps = vec![Step { transition: "contain".into(), ..Step::default() }];
        Command::Take(Take { ticket: n.clone(), steps, rev, binding: Some(binding.into()) })
    };
    let refusal = b.ask(&person("p_bo"), &press(&"0".repeat(64), None)).unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("Stale", false));
    insta::assert_snapshot!(refusal.sentence(), @"INC-000001 changed while you were reading: it is acknowledged now. Please look again.");
    assert_eq!(b.ask(&person("p_bo"), &press(&contain, Some(1))).unwrap_err().code(), "Stale");
    b.ask(&person("p_bo"), &press(&contain, None)).unwrap();
    assert_eq!(b.ask(&person("p_ana"), &press(&contain, None)).unwrap_err().code(), "Stale", "a second click on the same button");
}

// proves: REC-10
#[test]
fn after_closure_fields_are_locked_until_a_reasoned_reopening_that_leaves_both_versions() {
    let mut b = Bench::new();
    let n = b.recovered("sev1");
    b.fill(&n);
    b.take("p_mia", &n, "close").unwrap();
    let refusal = b.set("p_ana", &n, "severity", json!("sev3")).unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("Locked", true));
    let owner = Command::AssignOwner { ticket: n.clone(), person: "p_bo".into() };
    assert_eq!(b.ask(&person("p_ana"), &owner).unwrap_err().code(), "Locked");
    b.note("p_ana", &n).expect("a note changes nothing that was there");
    assert_eq!(b.take("p_mia", &n, "reopen").unwrap_err().code(), "ReasonMissing");
    b.step("p_mia", &n, reasoned("reopen")).unwrap();
    let ticket = b.ticket(&n);
    assert_eq!((ticket.status.as_str(), ticket.ended, ticket.ended_at), ("acknowledged", false, None));
    assert!(ticket.steps.iter().any(|s| s.transition == "close"), "the closure stays in the record");
    assert!(ticket.clocks.values().any(|c| c.stopped.is_none()), "clocks of the steps ahead run again");
    b.set("p_ana", &n, "root_cause", json!("the backup job")).unwrap();
}

// proves: REC-08
#[test]
fn voiding_needs_a_reason_and_a_second_person_and_leaves_the_number() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    assert_eq!(b.take("p_mia", &n, "void").unwrap_err().code(), "ReasonMissing");
    assert_eq!(b.step("p_ana", &n, reasoned("void")).unwrap_err().code(), "SecondPersonNeeded");
    b.step("p_mia", &n, reasoned("void")).unwrap();
    assert!(b.ticket(&n).ended);
    assert_eq!(b.open("p_ana", "sev3"), number(2));
}

#[test]
fn a_merge_is_told_on_both_tickets_and_can_be_taken_back() {
    let mut b = Bench::new();
    let (one, two) = (b.open("p_ana", "sev1"), b.open("p_ana", "sev1"));
    b.take("p_ana", &one, "acknowledge").unwrap();
    let merge =
        |other: Option<&crate::ticket::number::Number>| Step { transition: "merge".into(), other: other.cloned(), ..Step::default() };
    assert_eq!(b.step("p_ana", &one, merge(None)).unwrap_err().code(), "BadMerge");
    assert_eq!(b.step("p_ana", &one, merge(Some(&one))).unwrap_err().code(), "BadMerge");
    assert_eq!(b.step("p_ana", &one, merge(Some(&number(9)))).unwrap_err().code(), "NoSuchTicket");
    b.step("p_ana", &one, merge(Some(&two))).unwrap();
    assert_eq!(b.ticket(&one).merged_into, Some((two.clone(), "acknowledged".into())));
    assert_eq!(b.ticket(&two).merged_from, std::slice::from_ref(&one));
    let back = b.step("p_ana", &two, merge(Some(&one))).unwrap_err();
    assert!(back.sentence().contains("INC-000001 was itself merged; use INC-000002"), "{back}");
    assert!(!b.pending().iter().any(|(n, ..)| *n == one), "a merged ticket's clocks rest");
    b.take("p_ana", &one, "unmerge").unwrap();
    assert_eq!((b.ticket(&one).status.as_str(), &b.ticket(&one).merged_into), ("acknowledged", &None));
    assert!(b.ticket(&two).merged_from.is_empty() && !b.ticket(&one).ended);
    assert!(b.pending().iter().any(|(n, id, _)| *n == one && id == "clock:contain:due"), "and go on as they were");
    assert_eq!(b.take("p_ana", &one, "unmerge").unwrap_err().code(), "WrongStatus");
    b.assert_replay_equals_state();
}

// proves: REC-07, REC-15
#[test]
fn a_late_entry_needs_a_reason_and_the_recorded_time_stays_the_servers() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    b.wait(72 * HOUR);
    let two_days_ago = b.now.minus(48 * HOUR);
    let note = |at, reason: Option<&str>| Command::AddNote {
        ticket: n.clone(),
        note: text("seen"),
        occurred_at: Some(at),
        reason: reason.map(text),
    };
    assert_eq!(b.ask(&person("p_ana"), &note(two_days_ago, None)).unwrap_err().code(), "ReasonMissing");
    b.ask(&person("p_ana"), &note(two_days_ago, Some("was on leave"))).unwrap();
    let event = b.log.last().unwrap();
    let Fact::NoteAdded { occurred_at, late, .. } = event.fact else { panic!() };
    assert_eq!((event.at, occurred_at, late), (b.now, Some(two_days_ago), true));
    assert!(event.sealed.contains_key("reason"));
    let just_now = b.now.minus(MINUTE);
    b.ask(&person("p_ana"), &note(just_now, None)).unwrap();
    let ahead = b.now.plus(MINUTE);
    assert_eq!(b.ask(&person("p_ana"), &note(ahead, Some("x"))).unwrap_err().code(), "InTheFuture");
    let step = |at, reason: Option<&str>| Step {
        transition: "acknowledge".into(),
        occurred_at: Some(at),
        reason: reason.map(text),
        ..Step::default()
    };
    assert_eq!(b.step("p_ana", &n, step(ahead, None)).unwrap_err().code(), "InTheFuture");
    assert_eq!(b.step("p_ana", &n, step(two_days_ago, None)).unwrap_err().code(), "ReasonMissing");
    b.step("p_ana", &n, step(two_days_ago, Some("no network"))).unwrap();
    assert_eq!(b.ticket(&n).steps[0].occurred_at, Some(two_days_ago));
}

#[test]
fn somebody_who_is_not_active_cannot_be_given_a_ticket() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    b.disabled.push("p_bo".into());
    let give = |p: &str| Command::AssignOwner { ticket: n.clone(), person: p.into() };
    assert_eq!(b.ask(&person("p_ana"), &give("p_bo")).unwrap_err().code(), "NoSuchPerson");
    b.ask(&person("p_ana"), &give("p_mia")).unwrap();
    assert_eq!(b.ticket(&n).owner.as_deref(), Some("p_mia"));
    assert_eq!(b.ask(&person("p_ana"), &give("p_mia")).unwrap_err().code(), "NothingToDo");
    assert_eq!(b.ask(&person("p_vic"), &give("p_ana")).unwrap_err().code(), "NotAllowed");
}

#[test]
fn tasks_are_settled_once_and_waived_with_a_reason() {
    let mut b = Bench::new();
    let n = b.alert("aa", crate::ticket::alert::AlertStatus::Firing, Some("g")).tickets[0].clone();
    b.take("p_ana", &n, "acknowledge").unwrap();
    let settle = |task, waived: Option<&str>| Command::SettleTask { ticket: n.clone(), task, waived: waived.map(text) };
    assert_eq!(b.ask(&person("p_ana"), &settle(7, None)).unwrap_err().code(), "NoSuchTask");
    assert_eq!(b.ask(&person("p_ana"), &settle(1, Some(""))).unwrap_err().code(), "ReasonMissing");
    b.ask(&person("p_ana"), &settle(1, Some("no status channel"))).unwrap();
    assert!(b.ticket(&n).tasks[0].waived);
    assert_eq!(b.ask(&person("p_ana"), &settle(1, None)).unwrap_err().code(), "AlreadySettled");
}

#[test]
fn links_lead_somewhere_or_say_why_not() {
    let mut b = Bench::new();
    let (one, two) = (b.open("p_ana", "sev3"), b.open("p_ana", "sev3"));
    let link = |to: Option<&crate::ticket::number::Number>, reason: Option<&str>| Command::Link {
        ticket: one.clone(),
        link: "caused_by".into(),
        to: to.cloned(),
        target: None,
        reason: reason.map(text),
    };
    assert_eq!(b.ask(&person("p_ana"), &link(None, None)).unwrap_err().code(), "EmptyLink");
    assert_eq!(b.ask(&person("p_ana"), &link(Some(&one), None)).unwrap_err().code(), "BadRequest");
    assert_eq!(b.ask(&person("p_ana"), &link(Some(&number(77)), None)).unwrap_err().code(), "NoSuchTicket");
    b.ask(&person("p_ana"), &link(Some(&two), None)).unwrap();
    let id = b.ticket(&one).links[0].id;
    let unlink = |reason: &str| Command::Unlink { ticket: one.clone(), link: id, reason: text(reason) };
    assert_eq!(b.ask(&person("p_ana"), &unlink("")).unwrap_err().code(), "ReasonMissing");
    b.ask(&person("p_ana"), &unlink("wrong one")).unwrap();
    assert_eq!(b.ask(&person("p_ana"), &unlink("again")).unwrap_err().code(), "NoSuchLink");
    b.ask(&person("p_ana"), &link(None, Some("not determined"))).unwrap();
    assert!(b.ticket(&one).links[0].reason_only && b.ticket(&one).links[0].id > id);
}
