//! Who may approve what, however they come: judged on persons, as things stand at the click.

use serde_json::json;

use super::work::*;
use crate::ticket::approval;
use crate::ticket::bench::{Bench, HOUR, person, text};
use crate::ticket::command::{Command, Matched, Open, Receive};
use crate::ticket::decide::KindLookup;
use crate::ticket::duties::Around;
use crate::ticket::event::{Actor, Fact, Via};
use crate::ticket::inbox::{Why, compare, waiting};
use crate::ticket::number::Number;

/// What somebody did to a change, and how.
type Route = (&'static str, fn(&mut Bench) -> Number);

// proves: APR-02, APR-03
#[test]
fn nobody_approves_what_they_asked_for_wrote_or_need_by_whatever_route() {
    // `p_all` is responder, approver and system owner at once.
    let routes: [Route; 5] = [
        ("opened it", |b| {
            let raw = request(b, 48);
            let n = open(b, "p_all", "change", &raw).unwrap();
            take(b, "p_ana", &n, "submit", &json!({})).unwrap();
            n
        }),
        ("submitted it", |b| {
            let raw = request(b, 48);
            let n = open(b, "p_ana", "change", &raw).unwrap();
            take(b, "p_all", &n, "submit", &json!({})).unwrap();
            n
        }),
        ("wrote part of it", |b| {
            let raw = request(b, 48);
            let n = open(b, "p_ana", "change", &raw).unwrap();
            set(b, "p_all", &n, &json!({ "rollback_plan": "Restore yesterday's snapshot of prod-db within an hour." })).unwrap();
            take(b, "p_ana", &n, "submit", &json!({})).unwrap();
            n
        }),
        ("wrote part of it in the form of a step", |b| {
            let raw = request(b, 48);
            let n = open(b, "p_ana", "change", &raw).unwrap();
            take(b, "p_all", &n, "submit", &json!({ "title": "Even more connections" })).unwrap();
            n
        }),
        ("it is for them", |b| {
            let mut raw = request(b, 48);
            raw["category"] = json!("user-access");
            raw["requested_for"] = json!("p_all");
            let n = open(b, "p_ana", "change", &raw).unwrap();
            take(b, "p_ana", &n, "submit", &json!({})).unwrap();
            n
        }),
    ];
    for surface in ["console", "slack", "discord"] {
        for (route, make) in &routes {
            let mut b = bench("");
            let n = make(&mut b);
            take(&mut b, "p_bo", &n, "assess", &judgement("low")).unwrap();
            b.via = Via { surface: surface.into(), auth: "session".into(), credential: None };
            let refusal = say(&mut b, "p_all", &n, "approve", true).unwrap_err();
            assert!(matches!(refusal.code(), "OwnRequest" | "DutiesApart") && refusal.recorded(), "{route} at {surface}: {refusal}");
            assert_eq!(b.ticket(&n).status, "assessed");
            say(&mut b, "p_chi", &n, "approve", true).unwrap();
        }
    }
}

#[test]
fn an_approval_counts_no_longer_once_its_giver_turns_out_to_be_who_asked() {
    let mut b = bench("");
    let fields = typed(&b, "change", &request(&b, 48));
    let (intake, received_at) = ("slack".into(), b.now);
    let open = Open { kind: "change".into(), fields, response: None, occurred_at: None, intake, received_at };
    let n = b.ask(&Actor::Account { id: "a_1".into() }, &Command::Open(open)).unwrap().tickets[0].clone();
    take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap();
    take(&mut b, "p_bo", &n, "assess", &judgement("low")).unwrap();
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    b.advance(48 * HOUR);
    // Only now the account that asked is linked to the one who approved.
    b.accounts.insert("a_1".into(), "p_chi".into());
    let refusal = take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err();
    assert_eq!(refusal.code(), "ApprovalStale", "{refusal}");
    assert!(refusal.to_string().contains("who asked for it"), "{refusal}");
    let withdraw = Command::WithdrawDecision { ticket: n.clone(), transition: "approve".into(), reason: text("It was my own account.") };
    b.ask(&person("p_chi"), &withdraw).unwrap();
    assert_eq!(say(&mut b, "p_chi", &n, "approve", true).unwrap_err().code(), "OwnRequest");
    say(&mut b, "p_cho", &n, "approve", true).unwrap();
}

#[test]
fn whoever_answers_for_the_tool_that_asked_does_not_approve_it() {
    let mut b = bench("");
    let mut alert = crate::ticket::bench::matched("00000000000000aa", crate::ticket::alert::AlertStatus::Firing, None);
    let response = b.library.responses[0].clone();
    let fields = typed(&b, "change", &request(&b, 48));
    alert.matched = Some(Matched {
        response: crate::ticket::event::Pinned { name: response.name.clone(), digest: response.digest.clone() },
        kind: "change".into(),
        group: "g".into(),
        window_seconds: 7200,
        fields: fields.into(),
        seed: [5; 32],
    });
    alert.alert.source = "pager".into();
    let receive = Receive { source: "pager".into(), received_at: b.now, alerts: vec![alert], remainder: None };
    let n = b.ask(&Actor::Source { name: "pager".into() }, &Command::Receive(receive)).unwrap().tickets[0].clone();
    take(&mut b, "p_bo", &n, "submit", &json!({})).unwrap();
    take(&mut b, "p_bo", &n, "assess", &judgement("low")).unwrap();
    assert_eq!(say(&mut b, "p_chi", &n, "approve", true).unwrap_err().code(), "OwnRequest", "Chidi answers for `pager`");
    say(&mut b, "p_cho", &n, "approve", true).unwrap();
}

#[test]
fn the_next_authority_decides_when_the_systems_owner_asks() {
    let kind = "  share:\n    title: File share\n    owner: vic@example.com\n";
    let estate = ESTATE.replace("  web-shop:", &format!("{kind}  web-shop:"));
    let mut files = crate::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(estate.as_bytes());
        }
        if path == "kinds/access.yaml" {
            let text = String::from_utf8(bytes.clone()).unwrap();
            *bytes = text.replace("[owner-of-system, manager-of-subject, approver, system-owner]", "[owner-of-system]").into_bytes();
        }
    }
    let mut b = Bench::with(std::sync::Arc::new(crate::procedure::load(files).unwrap()));
    b.now = at("2026-03-02T09:00:00Z");
    let mut ask = |who: &str, subject: &str| {
        let raw = json!({
            "title": "Read the share", "system": "share", "role": "read", "requested_for": subject,
            "justification": "The quarterly report needs last year's figures from the share.",
        });
        let n = open(&mut b, who, "access", &raw).unwrap();
        let refused = |r: Result<_, crate::ticket::refusal::Refusal>| r.map(drop).map_err(|r: crate::ticket::refusal::Refusal| r.code());
        let officer = refused(say(&mut b, "p_sec", &n, "approve", true));
        let owner = refused(say(&mut b, "p_vic", &n, "approve", true));
        (officer, owner)
    };
    assert_eq!(ask("p_ana", "p_ana"), (Err("NotAllowed"), Ok(())), "the owner decides");
    assert_eq!(ask("p_vic", "p_ana"), (Ok(()), Err("OwnRequest")), "the owner asked: the next authority decides");
    assert_eq!(ask("p_ana", "p_vic"), (Ok(()), Err("OwnRequest")), "it is for the owner");
}

// proves: APR-12
#[test]
fn changing_what_was_approved_makes_it_stale_and_says_what() {
    let mut b = bench("");
    let n = approved(&mut b, "low", 24);
    b.wait(day());
    let before = b.ticket(&n).granted["approve"].digest.clone();
    set(&mut b, "p_ana", &n, &json!({ "rollback_plan": "Restore yesterday's snapshot of prod-db within an hour." })).unwrap();
    let refusal = take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err();
    let after = approval::digest(b.ticket(&n), &b.library.kinds["change"].transitions["approve"]).unwrap();
    assert_eq!((refusal.code(), refusal.recorded()), ("ApprovalStale", true));
    let sentence = refusal.sentence();
    assert!(sentence.contains("rollback plan") && sentence.contains(&before[..12]) && sentence.contains(&after[..12]), "{sentence}");
    // Approved again, the day begins anew.
    say(&mut b, "p_cho", &n, "approve", true).unwrap();
    assert_eq!(take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err().code(), "TooEarly");
}

// proves: APR-13
#[test]
fn an_approval_can_be_taken_back_until_the_work_starts() {
    let mut b = bench("");
    let n = approved(&mut b, "low", 24);
    let back = Command::WithdrawDecision { ticket: n.clone(), transition: "approve".into(), reason: text("saw it too late") };
    assert_eq!(b.ask(&person("p_cho"), &back).unwrap_err().code(), "NoDecision");
    b.ask(&person("p_chi"), &back).unwrap();
    b.wait(day());
    assert_eq!(take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err().code(), "ApprovalStale");
    say(&mut b, "p_cho", &n, "approve", true).unwrap();
    assert_eq!(take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err().code(), "TooEarly", "another approval, another day");
    let mut b = bench("");
    let n = approved(&mut b, "low", 24);
    b.wait(day());
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    let back = Command::WithdrawDecision { ticket: n, transition: "approve".into(), reason: text("too late") };
    assert_eq!(b.ask(&person("p_chi"), &back).unwrap_err().code(), "TooLateToWithdraw");
}

// proves: APR-15
#[test]
fn somebody_stands_in_between_two_dates_and_never_for_the_requester() {
    let more = "delegations:\n  - { of: chi@example.com, by: vic@example.com, from: 2026-03-02, to: \"2026-03-02T18:00:00Z\" }\n  - { of: all@example.com, by: lea@example.com, roles: [approver], from: 2026-03-01, to: 2026-04-01 }\n";
    let mut b = bench(more);
    let n = assessed(&mut b, "low", 48);
    b.now = at("2026-03-02T18:00:00Z");
    assert_eq!(say(&mut b, "p_vic", &n, "approve", true).unwrap_err().code(), "NotAllowed", "the end itself is too late");
    b.now = at("2026-03-02T17:59:59Z");
    say(&mut b, "p_vic", &n, "approve", true).unwrap();
    let Fact::ApprovalDecided { instead_of, .. } = &b.facts("ApprovalDecided")[0].fact else { unreachable!() };
    assert_eq!(instead_of.as_deref(), Some("p_chi"));
    assert_eq!(b.ticket(&n).granted["approve"].given[0].instead_of.as_deref(), Some("p_chi"));
    let raw = request(&b, 48);
    let own = open(&mut b, "p_all", "change", &raw).unwrap();
    take(&mut b, "p_ana", &own, "submit", &json!({})).unwrap();
    take(&mut b, "p_bo", &own, "assess", &judgement("low")).unwrap();
    assert_eq!(say(&mut b, "p_lea", &own, "approve", true).unwrap_err().code(), "NotAllowed", "not for whoever asked");
}

#[test]
fn somebody_and_whoever_stands_in_for_them_count_as_one_towards_a_quorum() {
    let more = format!(
        "{ESTATE}delegations:\n  - {{ of: chi@example.com, by: vic@example.com, from: 2026-03-01, to: 2026-04-01 }}\n  - {{ of: chi@example.com, by: lea@example.com, from: 2026-03-01, to: 2026-04-01 }}\n"
    );
    let two = changed(&format!("two of them {more}"), |path, text| match path {
        "organisation.yaml" => format!("{text}{more}"),
        "kinds/change.yaml" => text.replacen(
            "approver, system-owner], otherwise: [security-officer] }",
            "approver, system-owner], count: 2, otherwise: [security-officer] }",
            1,
        ),
        _ => text,
    });
    // Whoever of the three comes second: the delegate, another delegate, or the one who delegated.
    for (first, second) in [("p_chi", "p_vic"), ("p_vic", "p_lea"), ("p_vic", "p_chi")] {
        let mut b = Bench::with(std::sync::Arc::clone(&two));
        b.now = at("2026-03-02T09:00:00Z");
        let n = assessed(&mut b, "low", 48);
        say(&mut b, first, &n, "approve", true).unwrap();
        let refusal = say(&mut b, second, &n, "approve", true).unwrap_err();
        assert_eq!((refusal.code(), refusal.recorded()), ("AuthorityUsed", true), "{first}, then {second}: {refusal}");
        assert_eq!(b.ticket(&n).status, "assessed");
        say(&mut b, "p_cho", &n, "approve", true).unwrap();
        assert_eq!(b.ticket(&n).status, "approved", "another authority is what it takes");
    }
    // A no is heard from each of them.
    let mut b = Bench::with(two);
    b.now = at("2026-03-02T09:00:00Z");
    let n = assessed(&mut b, "low", 48);
    say(&mut b, "p_vic", &n, "approve", true).unwrap();
    say(&mut b, "p_chi", &n, "approve", false).unwrap();
    assert_eq!(b.ticket(&n).status, "rejected");
}

#[test]
fn an_authority_that_approved_at_one_stage_does_not_approve_the_next_one_through_somebody_else() {
    // Chi may approve by an own role, and stands in for the security officer.
    let more = "delegations:\n  - { of: sec@example.com, by: chi@example.com, from: 2026-03-01, to: 2026-04-01 }\n";
    let mut b = bench(more);
    let n = assessed(&mut b, "high", 48);
    say(&mut b, "p_cho", &n, "approve", true).unwrap();
    say(&mut b, "p_chi", &n, "approve", true).expect("in the security officer's place, whose judgement is another one");
    assert_eq!(b.ticket(&n).status, "approved");
    let given = &b.ticket(&n).granted["approve"].given;
    assert_eq!(given.iter().map(approval::authority_of).collect::<Vec<_>>(), ["p_cho", "p_sec"]);
}

// proves: APR-09
#[test]
fn whoever_holds_two_roles_that_exclude_each_other_decides_by_neither() {
    let mut b = bench("");
    let n = assessed(&mut b, "low", 48);
    let refusal = say(&mut b, "p_adm", &n, "approve", true).unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("ConflictingRoles", true));
}

// proves: APR-05
#[test]
fn one_person_alone_approves_only_where_the_organisation_declared_it_and_the_log_says_so() {
    let declared = "single_operator: { person: all@example.com, kinds: [change], why: One administrator., until: 2026-06-01 }\n";
    for (more, now, alone) in [
        ("", "2026-03-02T09:00:00Z", false),
        (declared, "2026-03-02T09:00:00Z", true),
        (declared, "2026-05-31T23:59:59Z", true),
        (declared, "2026-06-01T00:00:00Z", false),
    ] {
        let mut b = bench(more);
        b.now = at(now);
        let raw = request(&b, 48);
        let n = open(&mut b, "p_all", "change", &raw).unwrap();
        take(&mut b, "p_all", &n, "submit", &json!({})).unwrap();
        take(&mut b, "p_all", &n, "assess", &judgement("high")).unwrap();
        match say(&mut b, "p_all", &n, "approve", true) {
            Ok(_) => {
                assert!(alone, "{now}");
                let Fact::ApprovalDecided { self_approved, .. } = &b.facts("ApprovalDecided")[0].fact else { unreachable!() };
                assert!(self_approved);
                let stands = approval::standing(b.ticket(&n), &b.library.kinds["change"].transitions["approve"], &b);
                assert_eq!(stands.len(), 1, "it counts");
            }
            Err(refusal) => assert_eq!((refusal.code(), alone), ("OwnRequest", false), "{now}"),
        }
    }
    let b = bench(declared);
    let reviews: Vec<_> = b.library.organisation.estate.obligations.iter().map(|o| o.of_type.as_str()).collect();
    assert_eq!(reviews, ["single-operator"], "a monthly review comes with it");
}

#[test]
fn two_clicks_of_one_person_at_the_same_instant_count_once() {
    let mut b = bench("");
    let n = assessed(&mut b, "high", 48);
    say(&mut b, "p_sec", &n, "approve", true).map(drop).unwrap_err();
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    assert_eq!(say(&mut b, "p_chi", &n, "approve", true).unwrap_err().code(), "AlreadyDecided");
    assert_eq!(b.ticket(&n).approvals["approve"].len(), 1);
    assert_eq!(b.ticket(&n).status, "assessed");
}

// proves: APR-10
#[test]
fn no_program_and_no_scheduler_approves_anything() {
    let mut b = bench("");
    let n = assessed(&mut b, "low", 48);
    b.via = Via { surface: "api".into(), auth: "key".into(), credential: Some("k_1".into()) };
    let refusal = say(&mut b, "p_chi", &n, "approve", true).unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("NotByKey", true));
    let digest = approval::digest(b.ticket(&n), &b.library.kinds["change"].transitions["approve"]).unwrap();
    let decide = Command::Decide { ticket: n.clone(), transition: "approve".into(), approve: true, digest, reason: text("ok") };
    for actor in [Actor::Scheduler, Actor::Source { name: "pager".into() }] {
        assert_eq!(b.ask(&actor, &decide).unwrap_err().code(), "NotForYou");
    }
    assert_eq!(b.ticket(&n).status, "assessed");
}

fn waits(b: &Bench, who: &str) -> Vec<(Why, String)> {
    let Actor::Person { id, roles } = person(who) else { unreachable!() };
    let actor = Actor::Person { id, roles };
    let mut all: Vec<_> = b
        .tickets
        .values()
        .flat_map(|t| {
            let kind = b.kind(&t.kind_digest).unwrap();
            let around = Around { now: b.now, organisation: &b.library.organisation, people: b, kind, response: None };
            waiting(&around, t, &actor)
        })
        .collect();
    all.sort_by(compare);
    all.into_iter().map(|w| (w.why, w.ticket.to_string())).collect()
}

#[test]
fn an_inbox_lists_what_waits_for_one_by_deadline_and_risk() {
    let mut b = bench("");
    let later = assessed(&mut b, "low", 48);
    b.wait(HOUR);
    let risky = assessed(&mut b, "high", 48);
    let own = {
        let raw = request(&b, 48);
        let n = open(&mut b, "p_chi", "change", &raw).unwrap();
        take(&mut b, "p_chi", &n, "submit", &json!({})).unwrap();
        take(&mut b, "p_bo", &n, "assess", &judgement("low")).unwrap();
        n
    };
    let to_decide = |b: &Bench, who: &str| -> Vec<String> {
        waits(b, who).into_iter().filter(|(why, _)| *why == Why::Decide).map(|(_, n)| n).collect()
    };
    // Low risk is due within eight working hours of its assessment, high within sixteen.
    assert_eq!(to_decide(&b, "p_chi"), [later.to_string(), risky.to_string()], "never one's own: {own}");
    assert_eq!(to_decide(&b, "p_vic"), Vec::<String>::new());
    assert_eq!(to_decide(&b, "p_sec"), Vec::<String>::new(), "the second stage waits for the first");
    say(&mut b, "p_chi", &risky, "approve", true).unwrap();
    assert_eq!(to_decide(&b, "p_sec"), [risky.to_string()]);
    assert!(!to_decide(&b, "p_chi").contains(&risky.to_string()), "what is decided waits no more");
    let e = open(&mut b, "p_ana", "change", &json!({ "title": "Restart", "type": "emergency", "system": "prod-db" })).unwrap();
    let agreed = json!({ "emergency_reason": "Payments are down; every hour costs 40 orders.", "verbal_approver": "p_chi" });
    take(&mut b, "p_ana", &e, "start", &agreed).unwrap();
    assert!(waits(&b, "p_chi").contains(&(Why::Confirm, e.to_string())));
    assert!(!waits(&b, "p_cho").iter().any(|(why, _)| *why == Why::Confirm));
}
