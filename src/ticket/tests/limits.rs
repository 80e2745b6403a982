//! The limits of time on a fake clock: emergencies by three policies, freezes to the second, nights when the clocks change.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::work::*;
use crate::env::Timestamp;
use crate::procedure::{built_in, load};
use crate::ticket::bench::Bench;
use crate::ticket::duties::Around;
use crate::ticket::event::Fact;
use crate::ticket::number::Number;

const SECOND: Duration = Duration::from_secs(1);
const DEFAULT: &str = "    within: { default: 24h }\n    no_later_than: end-of-day\n";

/// The shipped playbooks in another zone, with another rule for the documentation of emergencies.
fn policy(zone: &str, rule: &str) -> Bench {
    let library = changed(&format!("{zone} {rule}"), |path, text| match path {
        "organisation.yaml" => format!("{}{ESTATE}", text.replace("zone: UTC", &format!("zone: {zone}"))),
        "kinds/change.yaml" => {
            assert!(text.contains(DEFAULT));
            text.replace(DEFAULT, rule)
        }
        _ => text,
    });
    Bench::with(library)
}

fn started(b: &mut Bench, when: &str) -> Number {
    b.now = at(when);
    let n = open(b, "p_ana", "change", &json!({ "title": "Restart", "type": "emergency", "system": "prod-db" })).unwrap();
    let agreed = json!({ "emergency_reason": "Payments are down; every hour costs 40 orders.", "verbal_approver": "p_chi" });
    take(b, "p_ana", &n, "start", &agreed).unwrap();
    n
}

/// zone, start, end of that day, the stricter of 24 hours and the end of the day
const EMERGENCIES: &[(&str, &str, &str, &str)] = &[
    ("UTC", "2026-03-02T09:00:00Z", "2026-03-03T00:00:00Z", "2026-03-03T00:00:00Z"),
    ("UTC", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", "2026-03-03T00:00:00Z"),
    ("UTC", "2026-03-02T23:59:59Z", "2026-03-03T00:00:00Z", "2026-03-03T00:00:00Z"),
    // New York: a day of 23 hours, then one of 25, where 24 hours are over first.
    ("America/New_York", "2026-03-08T01:30:00-05:00", "2026-03-09T00:00:00-04:00", "2026-03-09T00:00:00-04:00"),
    ("America/New_York", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00", "2026-11-01T23:00:00-05:00"),
    ("America/New_York", "2026-11-01T01:30:00-05:00", "2026-11-02T00:00:00-05:00", "2026-11-02T00:00:00-05:00"),
    ("Europe/Berlin", "2026-03-29T01:59:59+01:00", "2026-03-30T00:00:00+02:00", "2026-03-30T00:00:00+02:00"),
    ("Europe/Berlin", "2026-10-25T00:30:00+02:00", "2026-10-26T00:00:00+01:00", "2026-10-25T23:30:00+01:00"),
    // Lord Howe changes by half an hour.
    ("Australia/Lord_Howe", "2026-04-05T00:10:00+11:00", "2026-04-06T00:00:00+10:30", "2026-04-05T23:40:00+10:30"),
    ("Australia/Lord_Howe", "2026-10-04T01:00:00+10:30", "2026-10-05T00:00:00+11:00", "2026-10-05T00:00:00+11:00"),
    // A leap day, the day that is none, and the last evening of a year.
    ("UTC", "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z", "2028-03-01T00:00:00Z"),
    ("UTC", "2027-02-28T12:00:00Z", "2027-03-01T00:00:00Z", "2027-03-01T00:00:00Z"),
    ("America/New_York", "2026-12-31T22:00:00-05:00", "2027-01-01T00:00:00-05:00", "2027-01-01T00:00:00-05:00"),
    ("Pacific/Auckland", "2026-06-01T11:30:00Z", "2026-06-01T12:00:00Z", "2026-06-01T12:00:00Z"),
];

// proves: CHG-18
#[test]
fn emergencies_fall_due_by_three_policies_as_a_hand_made_table_says() {
    for (zone, start, end_of_day, stricter) in EMERGENCIES {
        let begun = at(start);
        let policies: [(&str, Timestamp); 3] = [
            (DEFAULT, at(stricter)),
            ("    within: { default: 24h }\n", begun.plus(Duration::from_secs(86_400))),
            ("    within: { default: 7d }\n    no_later_than: end-of-day\n", at(end_of_day)),
        ];
        for (rule, due) in policies {
            let mut b = policy(zone, rule);
            let n = started(&mut b, start);
            assert_eq!(b.ticket(&n).clocks["document"].due, due, "{zone} {start} {rule}");
            let review = &linked(&b, &n, "reviewed_by")[0];
            assert_eq!(b.ticket(review).clocks["complete"].due, begun.plus(Duration::from_secs(72 * 3600)), "{zone} {start}");
        }
    }
}

#[test]
fn an_emergency_that_is_not_written_down_in_time_is_missed_at_that_second_and_opens_an_exception() {
    let mut b = policy("UTC", DEFAULT);
    let n = started(&mut b, "2026-03-02T09:00:00Z");
    let missed = |b: &Bench, clock: &str| {
        b.facts("ClockBreached").iter().any(|e| matches!(&e.fact, Fact::ClockBreached { clock: c, .. } if c == clock))
    };
    let left = at("2026-03-03T00:00:00Z").since(b.now);
    b.advance(left - SECOND);
    assert!(!missed(&b, "document"));
    b.advance(SECOND);
    assert!(missed(&b, "document"));
    let exceptions = linked(&b, &n, "excepted_by");
    assert_eq!(b.ticket(&exceptions[0]).plain("type"), Some(&json!("late-record")));
    // Written down a second before, nothing is missed.
    let mut b = policy("UTC", DEFAULT);
    let n = started(&mut b, "2026-03-02T09:00:00Z");
    b.advance(left - SECOND);
    let mut said = request(&b, 24);
    for name in ["title", "type", "system", "window_start", "window_end"] {
        said.as_object_mut().unwrap().remove(name);
    }
    set(&mut b, "p_ana", &n, &said).unwrap();
    assert!(b.ticket(&n).clocks["document"].stopped.is_some());
    b.advance(2 * SECOND);
    assert!(!missed(&b, "document"));
}

const FREEZE: &str = "freezes:\n  year-end: { why: The books are closed., from: 2026-12-24, to: 2027-01-02, systems: [prod-db] }\n";

fn windowed(b: &mut Bench, from: &str, to: &str, system: &str) -> Result<Number, &'static str> {
    let mut raw = request(b, 24);
    raw["window_start"] = json!(from);
    raw["window_end"] = json!(to);
    raw["system"] = json!(system);
    let n = open(b, "p_ana", "change", &raw).unwrap();
    take(b, "p_ana", &n, "submit", &json!({})).map_err(|r| r.code())?;
    Ok(n)
}

// proves: FRZ-01
#[test]
fn a_window_that_touches_a_freeze_is_refused_and_one_that_ends_where_it_begins_is_not() {
    let mut b = bench(FREEZE);
    b.now = at("2026-12-20T09:00:00Z");
    assert!(windowed(&mut b, "2026-12-23T22:00:00Z", "2026-12-24T00:00:00Z", "prod-db").is_ok(), "it ends as the freeze begins");
    assert_eq!(windowed(&mut b, "2026-12-23T22:00:00Z", "2026-12-24T00:00:01Z", "prod-db"), Err("Frozen"));
    assert_eq!(windowed(&mut b, "2027-01-01T23:59:59Z", "2027-01-02T02:00:00Z", "prod-db"), Err("Frozen"), "the last second");
    assert!(windowed(&mut b, "2027-01-02T00:00:00Z", "2027-01-02T02:00:00Z", "prod-db").is_ok());
    assert!(windowed(&mut b, "2026-12-28T09:00:00Z", "2026-12-28T10:00:00Z", "web-shop").is_ok(), "another system");
    assert_eq!(windowed(&mut b, "2026-12-28T09:00:00Z", "2026-12-28T10:00:00Z", "other"), Err("Frozen"), "what names no system");
}

// proves: FRZ-02
#[test]
fn within_a_freeze_only_what_an_executive_excepted_starts() {
    let mut b = bench(FREEZE);
    b.now = at("2026-12-26T09:00:00Z");
    let mut raw = request(&b, 24);
    raw["window_end"] = json!("2026-12-30T00:00:00Z");
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    assert_eq!(take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap_err().code(), "Frozen");
    let asked = json!({
        "title": "Certificate of prod-db", "type": "freeze", "scope": "Only this change on prod-db, on 29 December.",
        "system": "prod-db", "window_start": "2026-12-27T00:00:00Z", "window_end": "2026-12-30T00:00:00Z",
        "justification": "The certificate of prod-db runs out on 30 December, within the freeze.",
        "compensation": "Two people watch; the way back was tested on staging.", "expires_at": "2026-12-30T00:00:00Z",
    });
    let e = open(&mut b, "p_ana", "exception", &asked).unwrap();
    link(&mut b, "p_ana", &n, "excepted_by", Some(&e));
    assert_eq!(take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap_err().code(), "Frozen", "asked for is not granted");
    assert_eq!(say(&mut b, "p_sec", &e, "approve", true).unwrap_err().code(), "NotAllowed");
    say(&mut b, "p_exe", &e, "approve", true).unwrap();
    take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap();
    take(&mut b, "p_bo", &n, "assess", &judgement("low")).unwrap();
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    let left = at("2026-12-29T23:59:59Z").since(b.now);
    b.advance(left);
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    b.advance(SECOND);
    assert_eq!(b.ticket(&e).status, "ended", "a second later it has ended by itself");
    let next = open(&mut b, "p_ana", "change", &json!({ "title": "One more", "type": "standard", "system": "prod-db" })).unwrap();
    link(&mut b, "p_ana", &next, "excepted_by", Some(&e));
    let refusal = take(&mut b, "p_bo", &next, "start", &json!({})).unwrap_err();
    assert!(refusal.sentence().contains("year-end") && refusal.sentence().contains("EXC-000001 is ended"), "{refusal}");
}

/// An executive's exception to the freeze at the end of the year, for prod-db on 29 December and what a test says else.
fn except(b: &mut Bench, more: &Value) -> Number {
    let mut asked = json!({
        "title": "Certificate of prod-db", "type": "freeze", "scope": "Only this change on prod-db, on 29 December.",
        "system": "prod-db", "window_start": "2026-12-29T00:00:00Z", "window_end": "2026-12-30T00:00:00Z",
        "justification": "The certificate of prod-db runs out on 30 December, within the freeze.",
        "compensation": "Two people watch; the way back was tested on staging.", "expires_at": "2026-12-31T00:00:00Z",
    });
    for (name, value) in more.as_object().unwrap() {
        asked[name] = value.clone();
    }
    open(b, "p_ana", "exception", &asked).unwrap()
}

// proves: FRZ-02
#[test]
fn an_exception_to_a_freeze_covers_its_own_system_and_window_and_nothing_else() {
    // System, window, and what is told; nothing when it is covered.
    let cases = [
        ("prod-db", "2026-12-29T09:00:00Z", "2026-12-29T11:00:00Z", ""),
        ("prod-db", "2026-12-29T22:00:00Z", "2026-12-30T00:00:00Z", ""),
        ("prod-db", "2026-12-29T22:00:00Z", "2026-12-30T00:00:01Z", "and this is Tuesday 2026-12-29 22:00:00 UTC until Wednesday"),
        ("prod-db", "2026-12-28T23:59:59Z", "2026-12-29T01:00:00Z", "EXC-000001 covers Tuesday 2026-12-29 00:00:00 UTC until Wednesday"),
        ("web-shop", "2026-12-29T09:00:00Z", "2026-12-29T11:00:00Z", "EXC-000001 covers prod-db alone, and this changes web-shop."),
        ("other", "2026-12-29T09:00:00Z", "2026-12-29T11:00:00Z", "EXC-000001 covers prod-db alone, and this names no system"),
    ];
    for (system, from, to, says) in cases {
        let mut b = bench(&FREEZE.replace("[prod-db]", "[prod-db, web-shop]"));
        b.now = at("2026-12-26T09:00:00Z");
        let e = except(&mut b, &json!({}));
        say(&mut b, "p_exe", &e, "approve", true).unwrap();
        let mut raw = request(&b, 24);
        (raw["system"], raw["window_start"], raw["window_end"]) = (json!(system), json!(from), json!(to));
        let n = open(&mut b, "p_ana", "change", &raw).unwrap();
        link(&mut b, "p_ana", &n, "excepted_by", Some(&e));
        match take(&mut b, "p_ana", &n, "submit", &json!({})) {
            Ok(_) => assert_eq!(says, "", "{system} {from} {to}"),
            Err(refusal) => {
                assert_eq!((refusal.code(), refusal.recorded()), ("Frozen", true), "{system} {from} {to}: {refusal}");
                assert!(!says.is_empty() && refusal.sentence().contains(says), "{system} {from} {to}: {refusal}");
                assert!(refusal.sentence().contains("Choose another time, or ask for an exception for"), "{refusal}");
            }
        }
    }
}

#[test]
fn an_exception_to_a_freeze_is_approved_with_the_system_and_the_window_that_it_covers() {
    let mut b = bench(FREEZE);
    b.now = at("2026-12-26T09:00:00Z");
    let lacking = |b: &mut Bench, more: &Value| {
        let e = except(b, more);
        if let Err(refusal) = say(b, "p_exe", &e, "approve", true) {
            assert_eq!(refusal.code(), "FieldMissing", "nobody agrees to what is not written");
        }
        let held = b.ticket(&e).status == "requested";
        let kind = b.library.kinds["exception"].clone();
        let around = Around { now: b.now, organisation: &b.library.organisation, people: b, kind: &kind, response: None };
        let lacks = crate::ticket::missing::missing(b.ticket(&e), &kind, None, &kind.transitions["approve"], b);
        let more = crate::ticket::conditions::missing(&around, b.ticket(&e), &kind.transitions["approve"], &|_| None);
        let words = if held { lacks.iter().chain(&more).map(|m| m.words()).collect() } else { Vec::new() };
        (held, words.join(" "))
    };
    for (more, says) in [
        (json!({ "system": null }), "system"),
        (json!({ "window_end": null }), "window end"),
        (json!({ "system": "other" }), "Name the system by its entry"),
        (json!({ "window_start": "2026-12-20T00:00:00Z", "window_end": "2026-12-24T00:00:00Z" }), "which has passed"),
        (json!({ "window_end": "2026-12-28T00:00:00Z" }), "ends before it begins"),
    ] {
        let (held, lacks) = lacking(&mut b, &more);
        assert!(held && lacks.contains(says), "{more}: {lacks}");
    }
    assert_eq!(lacking(&mut b, &json!({})), (false, String::new()));
    // A risk that is accepted has no system and no window.
    assert!(!lacking(&mut b, &json!({ "type": "risk", "system": null, "window_start": null, "window_end": null })).0);
}

/// A change that was approved before the freeze was adopted, with a window that reaches past it.
fn approved_before_the_freeze() -> (Bench, Number) {
    let mut b = bench("");
    b.now = at("2026-12-20T09:00:00Z");
    let mut raw = request(&b, 24);
    raw["window_end"] = json!("2027-01-03T00:00:00Z");
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap();
    take(&mut b, "p_bo", &n, "assess", &judgement("low")).unwrap();
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    b.library = playbooks(&format!("{ESTATE}{FREEZE}"));
    (b, n)
}

// proves: FRZ-02
#[test]
fn a_start_within_a_freeze_is_covered_from_the_first_moment_of_the_window_until_before_its_last() {
    for (now, code) in [
        ("2026-12-28T23:59:59Z", Some("Frozen")),
        ("2026-12-29T00:00:00Z", None),
        ("2026-12-29T23:59:59Z", None),
        ("2026-12-30T00:00:00Z", Some("Frozen")),
    ] {
        let (mut b, n) = approved_before_the_freeze();
        b.now = at("2026-12-28T09:00:00Z");
        let e = except(&mut b, &json!({}));
        say(&mut b, "p_exe", &e, "approve", true).unwrap();
        link(&mut b, "p_ana", &n, "excepted_by", Some(&e));
        b.now = at(now);
        assert_eq!(take(&mut b, "p_bo", &n, "start", &json!({})).map(drop).map_err(|r| r.code()).err(), code, "{now}");
    }
}

#[test]
fn a_freeze_holds_to_its_last_second_also_for_what_was_approved_before_it() {
    for (now, code) in [
        ("2026-12-23T23:59:59Z", None),
        ("2026-12-24T00:00:00Z", Some("Frozen")),
        ("2027-01-01T23:59:59Z", Some("Frozen")),
        ("2027-01-02T00:00:00Z", None),
    ] {
        let (mut b, n) = approved_before_the_freeze();
        b.now = at(now);
        let answer = take(&mut b, "p_bo", &n, "start", &json!({})).map(drop).map_err(|r| r.code());
        assert_eq!(answer.err(), code, "{now}");
    }
}

// proves: APR-14, SLA-03
#[test]
fn whoever_must_approve_is_reminded_once_at_each_point_and_not_after_the_decision() {
    let mut b = bench("");
    let n = assessed(&mut b, "low", 48);
    let points = |b: &Bench| -> Vec<i64> {
        let warned = b.facts("ClockWarned").into_iter().filter_map(|e| match &e.fact {
            Fact::ClockWarned { clock, percent, .. } if clock == "approve" => Some(*percent),
            _ => None,
        });
        warned.collect()
    };
    b.advance(Duration::from_secs(6 * 3600));
    assert_eq!(points(&b), [50, 75]);
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    b.advance(day());
    assert_eq!(points(&b), [50, 75], "none after the decision");
}

#[test]
fn a_holiday_beside_a_weekend_counts_for_nothing() {
    let calendar = "holidays: {}    # 2026-12-25: closed    2026-12-24: \"09:00-13:00\"";
    let mut files = built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            let text = String::from_utf8(bytes.clone()).unwrap();
            assert!(text.contains(calendar));
            let text = text.replace(calendar, "holidays: { 2026-12-25: closed, 2026-12-24: \"09:00-13:00\" }");
            *bytes = format!("{text}{ESTATE}").into_bytes();
        }
    }
    let mut b = Bench::with(Arc::new(load(files).unwrap()));
    b.now = at("2026-12-23T16:00:00Z");
    let raw = request(&b, 300);
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap();
    // One hour on Wednesday, four on the half day, then Friday is closed: three more on Monday morning.
    assert_eq!(b.ticket(&n).clocks["assess"].due, at("2026-12-28T12:00:00Z"));
}

#[test]
fn targets_are_said_by_risk() {
    for (level, due) in [("low", "2026-03-02T17:00:00Z"), ("high", "2026-03-03T17:00:00Z")] {
        let mut b = bench("");
        let n = assessed(&mut b, level, 48);
        assert_eq!(b.ticket(&n).clocks["approve"].due, at(due), "{level}");
    }
}

// proves: SLA-02
#[test]
fn what_came_due_while_nobody_looked_is_recorded_late_with_both_times() {
    let mut b = bench("");
    let n = assessed(&mut b, "low", 400);
    let due = b.ticket(&n).clocks["approve"].due;
    b.wait(day() * 3);
    let late = b.now;
    b.advance(Duration::ZERO);
    let breached: Vec<_> = b.facts("ClockBreached").into_iter().map(|e| (e.at, e.fact.clone())).collect();
    assert_eq!(breached.len(), 1);
    assert!(matches!(&breached[0], (at, Fact::ClockBreached { due: d, .. }) if *at == late && *d == due));
}
