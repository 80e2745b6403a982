//! Every step from every status: taken once, or refused and on record.

use serde_json::{Value, json};

use super::world::{World, hours, on_both};

const STATUSES: [&str; 8] = ["open", "acknowledged", "contained", "eradicated", "recovered", "closed", "merged", "void"];
const STEPS: [&str; 10] =
    ["acknowledge", "contain", "eradicate", "recover", "close", "false_positive", "merge", "unmerge", "reopen", "void"];

/// What the shipped procedure allows for an incident without a response playbook.
fn allowed(status: &str, step: &str) -> bool {
    let from: &[&str] = match step {
        "acknowledge" => &["open"],
        "contain" => &["acknowledged"],
        "eradicate" => &["contained"],
        "recover" => &["eradicated"],
        "close" => &["recovered"],
        "false_positive" => &["open", "acknowledged"],
        "merge" | "void" => &["open", "acknowledged", "contained", "eradicated", "recovered"],
        "unmerge" => &["merged"],
        "reopen" => &["closed"],
        _ => &[],
    };
    from.contains(&status)
}

fn arguments(step: &str, other: &str) -> Value {
    match step {
        "merge" => json!({ "other": other }),
        "acknowledge" => json!({}),
        "contain" | "eradicate" | "recover" => json!({ "line": "Done." }),
        _ => json!({ "reason": "So that every step is tried." }),
    }
}

/// Gives a recovered incident everything that closing asks for.
pub async fn complete(w: &World, ticket: &str) {
    let ana = w.person("ana");
    let fields = json!({
        "class": "availability/outage", "vector": "other", "detection_source": "report", "data_involved": ["none"],
        "systems_affected": ["none"], "reporting_duties": ["none"], "root_cause": "Found.", "resolution": "Done.", "disposition": "remediated",
    });
    ana.sets(ticket, fields).await.done();
    ana.notes(ticket, "What was found.").await.done();
    ana.waives_evidence(ticket, "contain", "It was seen on the screen.").await.done();
    ana.waives_evidence(ticket, "eradicate", "It was seen on the screen.").await.done();
    ana.explains_no_link(ticket, "caused_by", "None.").await.done();
    ana.explains_no_link(ticket, "remediated_by", "None.").await.done();
}

/// A new incident, worked as far as `status`.
async fn at(w: &World, status: &str, other: &str) -> String {
    let (ana, max) = (w.person("ana"), w.person("max"));
    let ticket = ana.declares("Something", "sev4").await;
    let way = ["acknowledge", "contain", "eradicate", "recover"];
    let last = match status {
        "open" => 0,
        "merged" | "void" | "acknowledged" => 1,
        "contained" => 2,
        "eradicated" => 3,
        _ => 4,
    };
    for step in &way[..last] {
        ana.takes(step, &ticket, arguments(step, other)).await.done();
    }
    match status {
        "recovered" => complete(w, &ticket).await,
        "closed" => {
            complete(w, &ticket).await;
            max.closes(&ticket, "Done.").await.done();
        }
        "merged" => drop(max.takes("merge", &ticket, arguments("merge", other)).await.done()),
        "void" => drop(max.takes("void", &ticket, arguments("void", other)).await.done()),
        _ => {}
    }
    assert_eq!(ana.sees(&ticket).await["status"], status);
    ticket
}

// proves: REC-03
async fn every_step_from_every_status_is_taken_once_or_refused_and_on_record(w: &mut World) {
    let max = w.person("max");
    let other = w.person("ana").declares("The other one", "sev4").await;
    for status in STATUSES {
        // One person's refusals are counted together beyond twenty an hour.
        w.advance(hours(1)).await;
        let mut still = at(w, status, &other).await;
        for step in STEPS {
            let before = max.sees(&still).await;
            let events = w.events(&still).await.len();
            let answer = max.takes(step, &still, arguments(step, &other)).await;
            let new = w.events(&still).await.split_off(events);
            let of = |kind: &str| new.iter().filter(|e| e["kind"] == kind).count();
            if allowed(status, step) {
                answer.done();
                assert_eq!((of("TransitionTaken"), of("Refused")), (1, 0), "{step} from {status}: {new:?}");
                let taken = new.iter().find(|e| e["kind"] == "TransitionTaken").expect("it was taken");
                assert_eq!((&taken["data"]["from"], &taken["data"]["transition"]), (&json!(status), &json!(step)));
                assert_eq!((&taken["actor"]["id"], &taken["data"]["to"]), (&json!(max.id), &max.sees(&still).await["status"]));
                assert!(taken["at"].as_str().is_some_and(|at| at.ends_with('Z')));
                still = at(w, status, &other).await;
            } else {
                let refusal = answer.refused("WrongStatus");
                assert!(refusal.detail.contains(&format!("is {status}")), "{}", refusal.detail);
                assert_eq!((new.len(), of("Refused")), (1, 1), "{step} from {status}: {new:?}");
                let after = max.sees(&still).await;
                for what in ["status", "fields", "steps", "owner", "ended"] {
                    assert_eq!(after[what], before[what], "{step} from {status} changed {what}");
                }
            }
        }
    }
}
on_both!(every_step_from_every_status_is_taken_once_or_refused_and_on_record);
