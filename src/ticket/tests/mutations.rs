//! Would anybody notice? A rule of a shipped procedure is taken out, somebody does what it forbade, and what no record may
//! show ([`unsound`]) must show. With the rule in its place, the same presses come to nothing.

use serde_json::{Value, json};

use super::sound::unsound;
use super::walks::{Press, full, press};
use super::work::*;
use crate::procedure::{built_in, load};
use crate::ticket::bench::Bench;
use crate::ticket::number::Number;

use Press::{Approve, Hours, Settle, Take};

/// A rule that is taken out of a file, and somebody who goes where it stood.
struct Mutation {
    /// What is missing then.
    rule: &'static str,
    file: &'static str,
    /// Every text that is replaced, and by what.
    edits: &'static [(&'static str, &'static str)],
    attack: fn(&mut Bench) -> Number,
}

/// What the organisation has beside the systems of all tests.
const FREEZE: &str = "freezes: { audit: { why: The auditors are here., from: 2026-03-03, to: 2026-03-05, systems: [prod-db] } }\n";

fn go(b: &mut Bench, n: &Number, presses: &[Press]) {
    for pressed in presses {
        // Whatever is refused is refused; the next one is tried all the same.
        press(b, n, pressed);
    }
}

fn taken(who: &'static str, steps: &[&str]) -> Vec<Press> {
    steps.iter().map(|step| Take(who, (*step).to_owned())).collect()
}

fn yes(who: &'static str, step: &str) -> Press {
    Approve(who, step.to_owned())
}

/// A change of this sort, asked for by Ana, with its proof.
fn change(b: &mut Bench, kind: &str, risk: &str) -> Number {
    let mut raw = full(b, kind, risk);
    raw["verbal_approver"] = json!("p_chi");
    changed_by(b, &raw)
}

fn changed_by(b: &mut Bench, raw: &Value) -> Number {
    let n = open(b, "p_ana", "change", raw).unwrap();
    file(b, "p_bo", &n, "before");
    file(b, "p_bo", &n, "after");
    n
}

/// Access for Bo that Ana asks for.
fn access(b: &mut Bench, way: &str, role: &str) -> Number {
    let raw = json!({
        "title": "Bo reads prod-db", "type": way, "system": "prod-db", "role": role, "requested_for": "p_bo",
        "justification": "Bo joins the payroll team on 1 December and runs the month-end reports from prod-db.",
        "expires_at": b.now.plus(day() * 10).to_string(),
    });
    open(b, "p_ana", "access", &raw).unwrap()
}

fn exception(b: &mut Bench, of_type: &str) -> Number {
    let raw = json!({
        "title": "Port 8443 stays open", "type": of_type, "scope": "Only the load balancer, until it is replaced.",
        "justification": "The new load balancer arrives in May; the old one cannot close it.",
        "compensation": "The firewall lets in our two offices only.", "expires_at": b.now.plus(day() * 5).to_string(),
    });
    open(b, "p_ana", "exception", &raw).unwrap()
}

/// A normal change that was approved and is due to start in 26 hours.
fn ready(b: &mut Bench, risk: &str) -> Number {
    let n = change(b, "normal", risk);
    go(b, &n, &taken("p_ana", &["submit"]));
    go(b, &n, &taken("p_bo", &["assess"]));
    go(b, &n, &[yes("p_chi", "approve"), yes("p_sec", "approve")]);
    n
}

/// An emergency to its end, by two persons.
fn emergency(b: &mut Bench, n: &Number, confirmed: bool, reviewed: bool) {
    go(b, n, &taken("p_bo", &["start"]));
    if confirmed {
        go(b, n, &[yes("p_chi", "approve")]);
    }
    go(b, n, &taken("p_bo", &["finish"]));
    go(b, n, &taken("p_ana", &["verify"]));
    if reviewed {
        go(b, n, &[Settle]);
    }
    go(b, n, &taken("p_ana", &["close"]));
}

/// What is refused is refused; the next thing is tried all the same.
fn tries(b: &mut Bench, who: &str, n: &Number, raw: &Value) {
    drop(set(b, who, n, raw));
}

/// Emergency use by Bo, that began.
fn in_use(b: &mut Bench) -> Number {
    let raw = json!({
        "title": "Emergency on prod-db", "type": "break-glass", "system": "prod-db", "role": "read", "requested_for": "p_bo",
        "justification": "Payments hang; a blocking query must be killed on prod-db now.",
        "expires_at": b.now.plus(crate::ticket::bench::HOUR * 4).to_string(),
    });
    let n = open(b, "p_bo", "access", &raw).unwrap();
    go(b, &n, &taken("p_bo", &["grant"]));
    n
}

const UNFROZEN: &str =
    "      unfrozen: { system: system, window: [window_start, window_end], when: \"ticket.fields.type != 'emergency'\" }\n";
const SECOND_STAGE: &str = "        - { by: [security-officer, executive], when: \"ticket.fields.type == 'privileged'\" }\n";

const MUTATIONS: &[Mutation] = &[
    Mutation {
        rule: "what is carried out is carried out in its window",
        file: "kinds/change.yaml",
        edits: &[("      window: { from: window_start, to: window_end, must: be-open, when: \"ticket.fields.type == 'normal'\" }\n", "")],
        attack: |b| {
            let n = ready(b, "low");
            go(b, &n, &[Hours(25)]);
            go(b, &n, &taken("p_bo", &["start"]));
            n
        },
    },
    Mutation {
        rule: "a day lies between approval and start",
        file: "kinds/change.yaml",
        edits: &[(", lead: 24h", "")],
        attack: |b| {
            let mut raw = full(b, "normal", "low");
            raw["window_start"] = json!(b.now.plus(crate::ticket::bench::HOUR).to_string());
            let n = changed_by(b, &raw);
            go(b, &n, &taken("p_ana", &["submit"]));
            go(b, &n, &taken("p_bo", &["assess"]));
            go(b, &n, &[yes("p_chi", "approve"), Hours(2)]);
            go(b, &n, &taken("p_bo", &["start"]));
            n
        },
    },
    Mutation {
        rule: "whoever assesses a risky change does not approve it",
        file: "kinds/change.yaml",
        edits: &[("  - { duties: [assess, approve], when: \"'high' in ticket.levels_seen.risk\" }\n", "")],
        attack: |b| {
            let n = change(b, "normal", "high");
            go(b, &n, &taken("p_ana", &["submit"]));
            go(b, &n, &taken("p_chi", &["assess"]));
            go(b, &n, &[yes("p_chi", "approve"), yes("p_sec", "approve")]);
            n
        },
    },
    Mutation {
        rule: "whoever carries it out does not verify it",
        file: "kinds/change.yaml",
        edits: &[(
            "  - { duties: [finish, verify], when: \"ticket.fields.type == 'emergency' || 'high' in ticket.levels_seen.risk\" }\n",
            "",
        )],
        attack: |b| {
            let n = ready(b, "high");
            go(b, &n, &[Hours(27)]);
            go(b, &n, &taken("p_bo", &["start", "finish", "verify"]));
            n
        },
    },
    Mutation {
        rule: "whoever submits it does not approve it",
        file: "kinds/change.yaml",
        edits: &[("  - { duties: [submit, approve] }\n", "")],
        attack: |b| {
            let n = change(b, "normal", "low");
            go(b, &n, &taken("p_dan", &["submit"]));
            go(b, &n, &taken("p_bo", &["assess"]));
            go(b, &n, &[yes("p_dan", "approve")]);
            n
        },
    },
    Mutation {
        rule: "nothing starts in a freeze",
        file: "kinds/change.yaml",
        edits: &[
            (UNFROZEN, ""),
            (
                "    requires:\n      unfrozen: { system: system, window: [window_start, window_end], when: \"ticket.fields.type != 'emergency'\" }\n",
                "",
            ),
            ("      unfrozen: { system: system, when: \"ticket.fields.type != 'emergency'\" }\n", ""),
        ],
        attack: |b| {
            let n = ready(b, "low");
            go(b, &n, &[Hours(27)]);
            go(b, &n, &taken("p_bo", &["start"]));
            n
        },
    },
    Mutation {
        rule: "an emergency is reviewed before it is closed",
        file: "kinds/change.yaml",
        edits: &[(
            "      linked:\n        - link: reviewed_by\n          kind: review\n          standing: [completed]\n          own: true\n          when: \"ticket.fields.type == 'emergency' || 'high' in ticket.levels_seen.risk\"\n          says: Its review must be completed first; it stands under the links.\n",
            "",
        )],
        attack: |b| {
            let n = change(b, "emergency", "low");
            emergency(b, &n, true, false);
            n
        },
    },
    Mutation {
        rule: "a spoken approval is confirmed before it is closed",
        file: "kinds/change.yaml",
        edits: &[("      confirmed: { or: [spoken-approval, no-answer] }\n", "")],
        attack: |b| {
            let n = change(b, "emergency", "low");
            emergency(b, &n, false, true);
            n
        },
    },
    Mutation {
        rule: "an emergency is written down before it is closed",
        file: "kinds/change.yaml",
        edits: &[(
            "      also:\n        - when: \"ticket.fields.type != 'standard'\"\n          fields: [category, description, justification, security_impact, rollback_plan, criticality, exposure, rollback_complexity]\n",
            "",
        )],
        attack: |b| {
            let mut raw = full(b, "emergency", "low");
            raw["verbal_approver"] = json!("p_chi");
            raw["rollback_plan"] = Value::Null;
            let n = changed_by(b, &raw);
            emergency(b, &n, true, true);
            n
        },
    },
    Mutation {
        rule: "somebody says how it was checked",
        file: "kinds/change.yaml",
        edits: &[("    requires:\n      fields: [outcome]\n", "    requires:\n")],
        attack: |b| {
            let mut raw = full(b, "emergency", "low");
            raw["verbal_approver"] = json!("p_chi");
            raw["outcome"] = Value::Null;
            let n = changed_by(b, &raw);
            emergency(b, &n, true, true);
            n
        },
    },
    Mutation {
        rule: "access is given once it is approved",
        file: "kinds/access.yaml",
        edits: &[
            ("    from: [approved, \"requested if ticket.fields.type == 'break-glass'\"]\n", "    from: [approved, requested]\n"),
            ("      approved: { by: approve, when: \"ticket.fields.type != 'break-glass'\" }\n", ""),
        ],
        attack: |b| {
            let n = access(b, "standard", "read");
            go(b, &n, &taken("p_dan", &["grant"]));
            n
        },
    },
    Mutation {
        rule: "privileged access is approved twice",
        file: "kinds/access.yaml",
        edits: &[(SECOND_STAGE, "")],
        attack: |b| {
            let n = access(b, "privileged", "admin");
            go(b, &n, &[yes("p_chi", "approve")]);
            go(b, &n, &taken("p_dan", &["grant"]));
            n
        },
    },
    Mutation {
        rule: "whoever approves privileged access does not give it",
        file: "kinds/access.yaml",
        edits: &[("  - { duties: [approve, grant], when: \"ticket.fields.type == 'privileged'\" }\n", "")],
        attack: |b| {
            let n = access(b, "privileged", "admin");
            go(b, &n, &[yes("p_dan", "approve"), yes("p_sec", "approve")]);
            go(b, &n, &taken("p_dan", &["grant"]));
            n
        },
    },
    Mutation {
        rule: "nobody confirms that their own access is gone",
        file: "kinds/access.yaml",
        edits: &[("  - { duties: [subject, confirm] }\n", "")],
        attack: |b| {
            let n = access(b, "standard", "read");
            file(b, "p_bo", &n, "deprovisioning");
            go(b, &n, &[yes("p_chi", "approve")]);
            go(b, &n, &taken("p_dan", &["grant", "revoke"]));
            go(b, &n, &taken("p_bo", &["confirm"]));
            n
        },
    },
    Mutation {
        rule: "a record shows that access is gone",
        file: "kinds/access.yaml",
        edits: &[("      evidence: [deprovisioning]\n", "")],
        attack: |b| {
            let n = access(b, "standard", "read");
            go(b, &n, &[yes("p_chi", "approve")]);
            go(b, &n, &taken("p_dan", &["grant", "revoke", "confirm"]));
            n
        },
    },
    Mutation {
        rule: "nobody confirms that what a review took from them is gone",
        file: "kinds/removal.yaml",
        edits: &[("  - { duties: [subject, confirm] }\n", "")],
        attack: |b| {
            let raw = json!({ "title": "Take away: admin on prod-db", "type": "revoke", "system": "prod-db", "requested_for": "p_bo" });
            let n = open(b, "p_dan", "removal", &raw).unwrap();
            file(b, "p_bo", &n, "deprovisioning");
            go(b, &n, &taken("p_bo", &["confirm"]));
            n
        },
    },
    Mutation {
        rule: "a record shows that what a review took is gone",
        file: "kinds/removal.yaml",
        edits: &[("    requires:\n      evidence: [deprovisioning]\n", "")],
        attack: |b| {
            let raw = json!({ "title": "Take away: admin on prod-db", "type": "revoke", "system": "prod-db" });
            let n = open(b, "p_dan", "removal", &raw).unwrap();
            go(b, &n, &taken("p_bo", &["confirm"]));
            n
        },
    },
    Mutation {
        rule: "somebody else verifies a corrective action",
        file: "kinds/corrective-action.yaml",
        edits: &[("separate:\n  - { duties: [owner, verify] }\n  - { duties: [finish, verify] }\n", "")],
        attack: |b| {
            let raw = json!({
                "title": "Rotate logs", "due": b.now.plus(day() * 30).to_string(),
                "description": "Rotate logs on all hosts by the base role, and alert at 80 % of the disk.",
                "result": "Rotation runs on all 14 hosts; the alert fired in a test on 9 March.",
            });
            let n = open(b, "p_ana", "corrective-action", &raw).unwrap();
            go(b, &n, &taken("p_ana", &["start", "finish", "verify"]));
            n
        },
    },
    Mutation {
        rule: "an executive accepts a risk",
        file: "kinds/exception.yaml",
        edits: &[
            ("        - { by: [executive], when: \"ticket.fields.type in ['freeze', 'risk']\" }\n", ""),
            (", when: \"!(ticket.fields.type in ['freeze', 'risk'])\" }", " }"),
        ],
        attack: |b| {
            let n = exception(b, "risk");
            go(b, &n, &[yes("p_sec", "approve")]);
            n
        },
    },
    Mutation {
        rule: "an exception to a freeze names what it covers",
        file: "kinds/exception.yaml",
        edits: &[
            ("      also: { when: \"ticket.fields.type == 'freeze'\", fields: [system, window_start, window_end] }\n", ""),
            ("      window: { from: window_start, to: window_end, must: end-ahead, when: \"ticket.fields.type == 'freeze'\" }\n", ""),
        ],
        attack: |b| {
            let n = exception(b, "freeze");
            go(b, &n, &[yes("p_exe", "approve")]);
            n
        },
    },
    Mutation {
        rule: "what follows from a finding is said",
        file: "kinds/finding.yaml",
        edits: &[("      links: { corrected_by: or_reason }\n", "")],
        attack: |b| {
            let raw = json!({
                "title": "Deployed by hand", "description": "Deployment 7 of web-shop names no change.", "system": "prod-db",
                "explanation": "Ana deployed the fix by hand at night; its change was opened the next morning.",
            });
            let n = open(b, "p_ana", "finding", &raw).unwrap();
            go(b, &n, &taken("p_sec", &["settle"]));
            n
        },
    },
    Mutation {
        rule: "a review says what was found",
        file: "kinds/review.yaml",
        edits: &[("      fields: [findings, outcome]\n", "")],
        attack: |b| {
            let n = open(b, "p_ana", "review", &json!({ "title": "Look back" })).unwrap();
            link(b, "p_ana", &n, "corrected_by", None);
            go(b, &n, &taken("p_sec", &["complete"]));
            n
        },
    },
    Mutation {
        rule: "what began as an emergency stays one",
        file: "kinds/change.yaml",
        edits: &[("    fixes: [type, system, verbal_approver]\n", "")],
        attack: |b| {
            let n = change(b, "emergency", "low");
            go(b, &n, &taken("p_bo", &["start"]));
            tries(b, "p_bo", &n, &json!({ "type": "normal" }));
            n
        },
    },
    Mutation {
        rule: "what began as emergency use stays that",
        file: "kinds/access.yaml",
        edits: &[("    fixes: [type, system, role, requested_for]\n", "")],
        attack: |b| {
            let n = in_use(b);
            tries(b, "p_bo", &n, &json!({ "type": "standard" }));
            n
        },
    },
    Mutation {
        rule: "what was done in emergency use is on file",
        file: "kinds/access.yaml",
        edits: &[("      also:\n        - { when: \"ticket.fields.type == 'break-glass'\", evidence: [activity] }\n", "")],
        attack: |b| {
            let n = in_use(b);
            go(b, &n, &[yes("p_dan", "endorse")]);
            file(b, "p_bo", &n, "deprovisioning");
            go(b, &n, &taken("p_bo", &["revoke"]));
            go(b, &n, &[Settle]);
            go(b, &n, &taken("p_ana", &["confirm"]));
            n
        },
    },
    Mutation {
        rule: "a risk that was judged high is approved twice, however the answers are changed",
        file: "kinds/change.yaml",
        edits: &[(
            "        - { by: [security-officer, executive], when: \"'high' in ticket.levels_seen.risk\" }\n",
            "        - { by: [security-officer, executive], when: \"has(ticket.fields.risk) && ticket.fields.risk == 'high'\" }\n",
        )],
        attack: |b| {
            let n = change(b, "normal", "high");
            go(b, &n, &taken("p_ana", &["submit"]));
            go(b, &n, &taken("p_bo", &["assess"]));
            tries(b, "p_dan", &n, &json!({ "criticality": "low", "exposure": "low", "rollback_complexity": "low" }));
            go(b, &n, &[yes("p_dan", "approve")]);
            n
        },
    },
    Mutation {
        rule: "only whom its system lists carries out a change",
        file: "kinds/change.yaml",
        edits: &[(
            "    to: implementing\n    by: [implementer-of-system]\n",
            "    to: implementing\n    by: [implementer-of-system, responder]\n",
        )],
        attack: |b| {
            let mut raw = full(b, "emergency", "low");
            (raw["verbal_approver"], raw["system"]) = (json!("p_chi"), json!("web-shop"));
            let n = changed_by(b, &raw);
            go(b, &n, &taken("p_ana", &["start"]));
            n
        },
    },
    Mutation {
        rule: "the review of one emergency closes no other",
        file: "kinds/change.yaml",
        edits: &[(
            "          own: true\n          when: \"ticket.fields.type == 'emergency' ||",
            "          when: \"ticket.fields.type == 'emergency' ||",
        )],
        attack: |b| {
            let (one, other) = (change(b, "emergency", "low"), change(b, "emergency", "low"));
            emergency(b, &one, true, true);
            let reviewed = linked(b, &one, "reviewed_by").remove(0);
            go(b, &other, &taken("p_bo", &["start"]));
            go(b, &other, &[yes("p_chi", "approve")]);
            go(b, &other, &taken("p_bo", &["finish"]));
            go(b, &other, &taken("p_ana", &["verify"]));
            // Its own one is voided, which is no review of it.
            let own = linked(b, &other, "reviewed_by").remove(0);
            go(b, &own, &taken("p_mia", &["void"]));
            link(b, "p_ana", &other, "reviewed_by", Some(&reviewed));
            go(b, &other, &taken("p_ana", &["close"]));
            other
        },
    },
    Mutation {
        rule: "nobody looks back on what they had a part in",
        file: "kinds/review.yaml",
        edits: &[("  - { duties: [reviewed, complete] }\n", "")],
        attack: |b| {
            let n = ready(b, "high");
            go(b, &n, &[Hours(27)]);
            go(b, &n, &taken("p_bo", &["start", "finish"]));
            let looked = linked(b, &n, "reviewed_by").remove(0);
            link(b, "p_sec", &looked, "corrected_by", None);
            tries(b, "p_sec", &looked, &json!({ "findings": "It went as planned; the window was long enough.", "outcome": "fine" }));
            go(b, &looked, &taken("p_sec", &["complete"]));
            looked
        },
    },
];

/// The shipped files, one of them changed.
fn without(mutation: &Mutation) -> Vec<(String, Vec<u8>)> {
    let mut files = built_in();
    for (path, bytes) in &mut files {
        let mut text = String::from_utf8(bytes.clone()).unwrap();
        if path == "organisation.yaml" {
            text.push_str(ESTATE);
            text.push_str(more(mutation));
        }
        if path == mutation.file {
            for (from, to) in mutation.edits {
                // A rule that stands there no more is no mutation: the edits are looked at again.
                assert!(text.contains(from), "{}: {from}", mutation.rule);
                text = text.replacen(from, to, 1);
            }
        }
        *bytes = text.into_bytes();
    }
    files
}

fn more(mutation: &Mutation) -> &'static str {
    if mutation.rule.contains("freeze") { FREEZE } else { "" }
}

/// What an attack comes to.
fn attacked(mut b: Bench, mutation: &Mutation) -> Option<String> {
    b.now = at("2026-03-02T09:00:00Z");
    let n = (mutation.attack)(&mut b);
    unsound(&b, &n)
}

#[test]
fn every_rule_that_is_taken_out_of_a_procedure_is_missed() {
    for mutation in MUTATIONS {
        let held = attacked(Bench::with(playbooks(&format!("{ESTATE}{}", more(mutation)))), mutation);
        assert_eq!(held, None, "as shipped: {}", mutation.rule);
        // Either the file is refused as it is read, or what comes of it is found.
        let Ok(library) = load(without(mutation)) else { continue };
        let found = attacked(Bench::with(std::sync::Arc::new(library)), mutation);
        assert!(found.is_some(), "nobody misses it: {}", mutation.rule);
    }
}

#[test]
fn that_nobody_approves_an_own_request_needs_no_rule_of_a_procedure() {
    for kind in ["change", "access", "exception", "change-model"] {
        let library = changed(&format!("anybody approves {kind}"), |path, text| {
            let rule = "  - { duties: [request, approve] }\n";
            match path {
                "organisation.yaml" => format!("{text}{ESTATE}"),
                path if *path == format!("kinds/{kind}.yaml") => {
                    assert!(text.contains(rule), "{path}");
                    // Where it was the only one, nothing is kept apart any more.
                    text.replace(&format!("separate:\n{rule}\n"), "").replace(rule, "")
                }
                _ => text,
            }
        });
        let mut b = Bench::with(library);
        b.now = at("2026-03-02T09:00:00Z");
        let n = match kind {
            "change" => {
                let raw = full(&b, "normal", "low");
                let n = open(&mut b, "p_all", "change", &raw).unwrap();
                go(&mut b, &n, &taken("p_bo", &["submit", "assess"]));
                n
            }
            "access" => {
                let raw = json!({
                    "title": "I read prod-db", "system": "prod-db", "role": "read", "requested_for": "p_bo",
                    "justification": "Bo joins the payroll team on 1 December and runs the month-end reports from prod-db.",
                    "expires_at": b.now.plus(day() * 10).to_string(),
                });
                open(&mut b, "p_all", "access", &raw).unwrap()
            }
            "exception" => {
                let n = exception(&mut b, "control");
                set(&mut b, "p_sec", &n, &json!({ "scope": "Every load balancer there is, for ever and always." })).unwrap();
                n
            }
            _ => {
                let raw = json!({
                    "title": "Deploy web-shop", "system": "prod-db", "expires_at": b.now.plus(day() * 5).to_string(),
                    "description": "Deploy a merged and reviewed pull request of web-shop with the pipeline, between 08:00 and 16:00.",
                    "justification": "Forty such deployments went well since January; each alone is of low risk.",
                    "rollback_plan": "The pipeline deploys the version before; three minutes.", "security_impact": "None: the port stays closed to the internet.",
                });
                open(&mut b, "p_all", "change-model", &raw).unwrap()
            }
        };
        let who = if kind == "exception" { "p_sec" } else { "p_all" };
        let refused = say(&mut b, who, &n, "approve", true).unwrap_err();
        assert_eq!((refused.code(), refused.recorded()), ("OwnRequest", true), "{kind}");
    }
}
