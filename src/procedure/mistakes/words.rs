//! Mistakes in the words of changes and access, and in what an organisation has.

use super::{ORGANISATION, findings, folder};

/// A change with most of the words that speak of duties, approvals, times and other records.
const CHANGE: &str = "kind: change
prefix: CHG
title: Change
purpose: Something is changed.
fields:
  title: { type: line, help: What is changed. }
  urgent: { type: bool, default: false, help: Whether it is. }
  who: { type: person, help: For whom. }
  giver: { type: person, help: Who agreed. }
  system: { type: system, help: Which system. }
  role: { type: word, help: Which role. }
  begins: { type: time, help: From when on. }
  ends: { type: time, help: Until when. }
  plan: { type: text, substance: { words: 3, example: Restore the saved file. }, help: How. }
  size: { type: choice, of: [small, large], help: How large. }
  risk: { type: choice, of: [low, high], help: Follows. }
scores: [{ sets: risk, of: { size: { small: 1, large: 5 } }, levels: { low: 0, high: 3 } }]
subject: who
separate: [{ duties: [request, approve] }]
proofs: { photo: A photo }
lines: { of: incident, standing: [closed], takes: close, reviewers: [owner-of-system, manager], otherwise: [manager], opens: incident }
deployments:
  system: system
  start: begin
  finish: stop
  proof: photo
  model: { kind: incident, status: closed, link: modelled_by, opens: { size: small } }
  finding: { kind: incident, without: none, outside: other, due: 3d }
offers:
  incident: { label: Open an incident, help: It broke., kind: incident, link: caused, asks: [title, class], requires: [title], sets: { severity: sev1 }, says: { cause: \"It is {ticket.number}.\" }, copies: [risk], takes: start, once: class }
statuses: [draft, approved, working, done]
ended: [done]
declare: { by: anyone, asks: [title], requires: [title], template: { system: system, role: role, until: ends } }
transitions:
  approve:
    from: [draft, \"approved if ticket.stale\"]
    to: approved
    by: responder
    automatic: true
    help: All agree.
    approval: { of: [title, plan], stages: [{ by: [owner-of-system, manager], when: \"ticket.fields.urgent\", otherwise: [responder] }], on_rejection: stop }
  begin:
    from: [approved, \"draft if ticket.fields.urgent\"]
    to: working
    by: [implementer-of-system, requester]
    help: It begins.
    verbal: { of: approve, giver: giver, when: \"ticket.fields.urgent\", silence: { of: legal, link: change_for, severities: [sev1] } }
    requires:
      also: [{ when: \"ticket.fields.urgent\", fields: [plan] }]
      approved: { by: approve, lead: 24h }
      window: { from: begins, to: ends, must: be-open }
      unfrozen: { system: system, window: [begins, ends] }
      lines: settled
      linked: { link: reviewed_by, kind: incident, standing: [closed], says: Review it. }
      ahead: ends
      confirmed: true
  stop: { from: [draft, working], to: done, by: responder, moves: { begins: ends }, help: It ends., requires: { evidence: photo }, then: { steps: [begin], label: All at once } }
clocks:
  write: { starts: begin, stops: stop, by: risk, within: { default: 24h }, no_later_than: end-of-day, filled: [plan] }
  expiry: { starts: approve, stops: stop, at: ends, takes: stop, remind_before: [1d] }
retention: Six years.
";

fn with_change(from: &str, to: &str) -> Vec<(String, Vec<u8>)> {
    assert!(CHANGE.contains(from), "{from}");
    let mut folder = folder();
    folder.push(("kinds/change.yaml".to_owned(), CHANGE.replacen(from, to, 1).into_bytes()));
    folder
}

#[test]
fn the_words_of_changes_and_access_are_told_with_their_places() {
    assert_eq!(findings(with_change("Change", "Change")), []);
    let told = |from: &str, to: &str, at: &str, says: &str| {
        let text = CHANGE.replacen(from, to, 1);
        let offset = text.find(at).unwrap_or_else(|| panic!("{at} does not stand there"));
        let line = text[..offset].matches('\n').count() + 1;
        let found = findings(with_change(from, to));
        assert!(found.iter().any(|f| f.line == line && f.file == "kinds/change.yaml" && f.message.contains(says)), "{says}: {found:?}");
    };
    told("subject: who", "subject: title", "subject: title", "`title` must be of type person");
    told("duties: [request, approve]", "duties: [request]", "duties: [request]", "Two duties at least");
    told(
        "duties: [request, approve]",
        "duties: [request, aprove]",
        "duties: [request, aprove]",
        "`aprove` is not a transition of this kind; did you mean `approve`?",
    );
    told("large: 5", "lagre: 5", "lagre: 5", "`lagre` is not a value of `size`.");
    told("large: 5 }", "}", "size: { small: 1, }", "The points for `large` are missing.");
    told("high: 3", "high: 0", "high: 0", "Levels begin with more points");
    told("words: 3, example: Restore the saved file.", "words: 9, example: Fix it.", "words: 9", "The example would itself be refused");
    told("by: approve, lead", "by: begin, lead", "by: begin", "`begin` is not a transition of this kind that needs approval");
    told("must: be-open", "must: open", "must: open", "`open` is none of `lie-ahead`, `be-open` and `end-ahead`.");
    told("from: begins, to: ends, must", "from: title, to: ends, must", "from: title", "`title` must be of type time");
    told("window: [begins, ends]", "window: [begins]", "window: [begins]", "A window has two fields");
    told("standing: [closed]", "standing: [clsoed]", "clsoed", "`clsoed` is not a status of that kind; did you mean `closed`?");
    told("lines: settled", "lines: done", "lines: done", "Write `settled`, or leave `lines` out.");
    told("reviewers: [owner-of-system, manager]", "reviewers: [owner-of-systme]", "owner-of-systme", "`owner-of-systme` is not a role");
    told("takes: close, reviewers", "reviewers", "lines: { of", "`lines` lacks `takes`");
    told("standing: [closed]", "standing: [clsoed]", "clsoed", "`clsoed` is not a status of that kind; did you mean `closed`?");
    told("evidence: photo", "evidence: phtoo", "phtoo", "`phtoo` is not a phase of this kind; did you mean `photo`?");
    told("giver: giver", "giver: plan", "giver: plan", "`plan` must be of type person");
    told("of: legal", "of: legla", "of: legla", "`legla` is not a group of organisation.yaml; did you mean `legal`?");
    told("on_rejection: stop", "on_rejection: stpo", "stpo", "`stpo` is not a transition of this kind; did you mean `stop`?");
    told("at: ends, takes", "at: ends, within: { default: 1h }, takes", "within: { default: 1h }", "`at` holds the target already");
    told("no_later_than: end-of-day", "no_later_than: noon", "no_later_than: noon", "Write `end-of-day`");
    told("by: risk, within", "by: title, within", "by: title", "`title` must be of type choice");
    told("proofs: { photo: A photo }", "proofs: { photo: A photo, begin: Begun }", "begin: Begun", "`begin` is a transition already");
    told("start: begin", "start: bgein", "start: bgein", "`bgein` is not a transition of this kind; did you mean `begin`?");
    told("system: system\n  start", "system: title\n  start", "system: title\n  start", "`title` must be of type system to stand here.");
    told("status: closed, link", "status: clsoed, link", "clsoed", "`clsoed` is not a status of that kind; did you mean `closed`?");
    told("opens: { size: small }", "opens: { size: tiny }", "size: tiny", "`tiny` is not a value of `size`.");
    told("opens: { size: small }", "opens: { plan: small }", "plan: small", "`plan` must be of type choice");
    told("outside: other, ", "", "finding: {", "lacks `outside`");
    told(
        "asks: [title, class], requires",
        "asks: [title, calss], requires",
        "calss",
        "`calss` is not a field of that kind; did you mean `class`?",
    );
    told("requires: [title], sets", "requires: [title, data], sets", "requires: [title, data]", "`data` is required but not asked for");
    told("takes: start, once", "takes: strat, once", "strat", "`strat` is not a transition of that kind; did you mean `start`?");
    told("copies: [risk]", "copies: [rsik]", "rsik", "`rsik` is not a field of this kind; did you mean `risk`?");
    told("steps: [begin], label", "steps: [bgein], label", "bgein", "`bgein` is not a transition of this kind");
    told("ticket.stale", "ticket.satle", "ticket.satle", "`satle` is not part of a ticket; did you mean `stale`?");
}

#[test]
fn what_an_organisation_has_is_told_with_its_place() {
    let told = |more: &str, at: &str, says: &str| {
        let mut folder = folder();
        let text = format!("{ORGANISATION}{more}");
        let line = text[..text.find(at).unwrap()].matches('\n').count() + 1;
        folder[0].1 = text.into_bytes();
        let found = findings(folder);
        assert!(found.iter().any(|f| f.line == line && f.file == "organisation.yaml" && f.message.contains(says)), "{says}: {found:?}");
    };
    told("systems: { db: { title: Database } }\n", "systems:", "System `db` lacks `owner`");
    told("systems: { db: { title: Database, owner: mananger } }\n", "mananger", "`mananger` is not a role; did you mean `manager`?");
    told("systems: { db: { title: D, owner: manager, deployments: [\"a b\"] } }\n", "a b", "`a b` is not a repository; write it like");
    told("systems: { db: { title: D, owner: manager, deployments: \"acme/shop@\" } }\n", "acme", "`acme/shop@` is not a repository");
    told("systems: { other: { title: Other, owner: manager } }\n", "systems:", "`other` means something already");
    told("reports_to: { a@example.com: somebody }\n", "somebody", "`somebody` is not an e-mail address.");
    told("conflicts: [[manager, manager]]\n", "conflicts", "A conflict is between two different roles");
    told("delegations: [{ of: a@x.org, by: b@x.org, from: 2026-02-01, to: 2026-01-01 }]\n", "delegations", "It ends before it begins.");
    told("freezes: { x: { why: Y., from: tomorrow, to: 2026-01-01 } }\n", "tomorrow", "`tomorrow` is neither a day like");
    told(
        "freezes: { x: { why: Y., from: 2026-01-01, to: 2026-01-02, systems: [db] } }\n",
        "[db]",
        "`db` is not a system of organisation.yaml",
    );
    told("obligations: { x: { title: T, cron: daily, type: qa, due: 7d } }\n", "daily", "`daily` is not a schedule");
    told("on_call: { layers: { main: { people: [], from: 2026-01-01 } } }\n", "on_call", "Nobody takes turns in layer `main`");
}
