//! The life of an incident, told by the people who work it.

use serde_json::{Value, json};

use super::world::{World, days, labels, minutes, on_both};

/// What closing wants to know, beside what a story already said.
fn answers() -> Value {
    json!({
        "class": "availability/outage",
        "vector": "other",
        "detection_source": "alert",
        "data_involved": ["none"],
        "systems_affected": ["checkout-1"],
        "reporting_duties": ["none"],
        "root_cause": "The connection pool was smaller than the number of workers.",
        "resolution": "The pool was enlarged; ben placed an order and it went through.",
        "disposition": "remediated",
    })
}

/// Names of what a ticket's `transition` still lacks.
fn lacks(ticket: &Value, transition: &str) -> Vec<String> {
    let can = ticket["can"].as_array().into_iter().flatten().find(|can| can["transition"] == transition);
    let missing = can.map(|can| can["missing"].as_array().cloned().unwrap_or_default()).unwrap_or_default();
    missing.iter().map(|m| m["field"].as_str().or(m["code"].as_str()).unwrap_or_default().to_owned()).collect()
}

// proves: INC-01, INC-02, INC-08, INC-11, INC-12, INC-16, INC-17, ALR-03
async fn an_incident_closes_only_when_everything_is_there(w: &mut World) {
    let delivered = w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    assert_eq!(delivered["tickets"], json!(["INC-000001"]));
    let inc = "INC-000001";
    let (ana, mia, max) = (w.person("ana"), w.person("mia"), w.person("max"));

    ana.acknowledges(inc).await.done();
    w.advance(minutes(5)).await;
    ana.contains(inc, "Traffic moved to the other region.").await.done();
    w.advance(minutes(20)).await;
    ana.eradicates(inc, "The pool is larger now.").await.done();
    w.advance(minutes(10)).await;
    ana.recovers(inc, "Orders go through again.").await.done();

    // Everything that is owed is asked for in turn, and each refusal names what it is.
    let shown = mia.sees(inc).await;
    assert_eq!(shown["status"], "recovered");
    let owed: Vec<&str> = shown["owed"].as_array().into_iter().flatten().filter_map(|o| o["of"].as_str()).collect();
    assert!(["contain", "eradicate", "root_cause", "disposition"].iter().all(|o| owed.contains(o)), "{owed:?}");
    let given: Vec<String> = lacks(&shown, "close");
    for field in ["systems_affected", "reporting_duties", "root_cause", "resolution", "disposition"] {
        assert!(given.iter().any(|g| g == field), "{field} is not among {given:?}");
        mia.closes(inc, "Done.").await.refused("FieldMissing").with_status(422);
    }
    mia.sets(inc, answers()).await.done();
    for field in answers().as_object().into_iter().flatten().map(|(name, _)| name) {
        let whole = ana.sees(inc).await["fields"][field].clone();
        mia.sets(inc, json!({ field: null })).await.done();
        let refusal = mia.closes(inc, "Done.").await.refused("FieldMissing").about(&[field]);
        assert!(refusal.detail.starts_with(&format!("{inc} can close once")), "{}", refusal.detail);
        mia.sets(inc, json!({ field: whole })).await.done();
    }

    // No system at all is an answer, but it has to be said, and by itself.
    mia.sets(inc, json!({ "systems_affected": ["none", "checkout-1"] })).await.refused("BadFields").about(&["systems_affected"]);
    mia.sets(inc, json!({ "systems_affected": [] })).await.done();
    mia.closes(inc, "Done.").await.refused("FieldMissing").about(&["systems_affected"]);
    mia.sets(inc, json!({ "systems_affected": ["none"] })).await.done();

    // The same gate stands behind every surface.
    let sentence = mia.closes(inc, "Done.").await.refused("NoteMissing").says("a note on what was found and done").detail;
    let at_console = w.signed_in("mia").await;
    assert_eq!(at_console.closes(inc, "Done.").await.refused("NoteMissing").detail, sentence);
    let form = at_console.submits(&format!("/console/c/{inc}/do/step.close"), &[("reason", "Done.")]).await;
    assert!(form.status >= 400 && form.text().contains("a note on what was found and done"), "{} {}", form.status, form.text());
    assert_eq!(mia.sees(inc).await["status"], "recovered");
    ana.notes(inc, "The pool had 10 connections for 40 workers.").await.done();
    mia.closes(inc, "Done.").await.refused("EvidenceMissing").says("evidence for “Mitigated”");
    ana.files(inc, "traffic.txt", b"region b: 100 %\n", Some("contain"), None).await.done();
    mia.closes(inc, "Done.").await.refused("EvidenceMissing").says("evidence for “Cause removed”");
    ana.waives_evidence(inc, "eradicate", "The change is in version control, commit 1f2e3d.").await.done();
    mia.closes(inc, "Done.").await.refused("LinkMissing").says("caused by");
    ana.explains_no_link(inc, "caused_by", "The pool was always this small.").await.done();
    mia.closes(inc, "Done.").await.refused("LinkMissing").says("remediated by");
    ana.explains_no_link(inc, "remediated_by", "It was fixed on the spot.").await.done();
    let tasks = ana.sees(inc).await["tasks"].as_array().cloned().unwrap_or_default();
    assert_eq!(tasks.len(), 4, "{tasks:?}");
    for task in &tasks {
        mia.closes(inc, "Done.").await.refused("TaskOpen").says(task["text"].as_str().unwrap_or_default());
        let number = task["task"].as_i64().unwrap_or_default();
        if number == 1 {
            ana.waives_task(inc, number, "There is no status page for this service.").await.done();
        } else {
            ana.ticks(inc, number).await.done();
        }
    }

    // What the fields say together must make sense, and serious incidents close under four eyes.
    mia.sets(inc, json!({ "data_involved": ["unknown"] })).await.done();
    mia.closes(inc, "Done.").await.refused("ConditionNotMet").says("Say which data was involved");
    mia.sets(inc, json!({ "data_involved": ["none"], "reporting_duties": ["undecided"] })).await.done();
    mia.closes(inc, "Done.").await.refused("ConditionNotMet").says("Decide whom we must tell");
    mia.sets(inc, json!({ "reporting_duties": ["none"] })).await.done();
    mia.closes(inc, "Done.").await.refused("RecordMissing").says("Its post-incident review comes first");
    w.reviews(inc).await;
    ana.closes(inc, "Done.").await.refused("SecondPersonNeeded").says("somebody else must").with_status(403);
    mia.takes("close", inc, json!({})).await.refused("ReasonMissing").about(&["reason"]);
    let closed = mia.closes(inc, "Fixed, and confirmed by an order.").await.done();
    assert_eq!(closed["status"], "closed");

    // Closed is closed, on every surface, until it is reopened; both versions stay.
    max.sets(inc, json!({ "root_cause": "Another one." })).await.refused("Locked").with_status(409);
    max.sets(inc, json!({ "severity": "sev4" })).await.refused("Locked");
    w.signed_in("max").await.sets(inc, json!({ "severity": "sev4" })).await.refused("Locked");
    ana.notes(inc, "The provider wrote back.").await.done();
    ana.takes("reopen", inc, json!({ "reason": "It is back." })).await.refused("NotAllowed").with_status(403);
    max.takes("reopen", inc, json!({})).await.refused("ReasonMissing");
    max.takes("reopen", inc, json!({ "reason": "The cause was another one." })).await.done();
    max.sets(inc, json!({ "root_cause": "A leak of connections." })).await.done();
    let said = w.said(inc).await;
    for words in [
        "alertmanager: TicketOpened",
        "ana: TransitionTaken acknowledge",
        "ana: TransitionTaken contain “Traffic moved to the other region.”",
        "mia: TransitionTaken close “Fixed, and confirmed by an order.”",
        "max: Refused Locked",
        "max: TransitionTaken reopen “The cause was another one.”",
    ] {
        assert!(said.iter().any(|line| line.contains(words)), "nothing says {words:?}:\n{}", said.join("\n"));
    }
    let causes: Vec<Value> = w.events(inc).await.iter().map(|e| e["texts"]["field.root_cause"].clone()).filter(|t| !t.is_null()).collect();
    assert_eq!(causes.first(), Some(&answers()["root_cause"]));
    assert_eq!(causes.last(), Some(&json!("A leak of connections.")));
    // It was contained five minutes after it was opened, and the record says so.
    let contained = w.events(inc).await.into_iter().find(|e| e["kind"] == "ClockStopped" && e["data"]["clock"] == "contain");
    assert_eq!(contained.expect("the clock stopped")["data"], json!({ "clock": "contain", "elapsed_seconds": 300, "late": false }));
    // Whoever is handed the record reads the justification in it.
    let bundle = w.exported().await;
    assert!(w.disclosed(&bundle).contains(&("reason".to_owned(), "Fixed, and confirmed by an order.".to_owned())));
}
on_both!(an_incident_closes_only_when_everything_is_there);

// proves: REC-08
async fn a_voided_incident_keeps_its_number_and_its_reason(w: &mut World) {
    let (ana, mia) = (w.person("ana"), w.person("mia"));
    let first = mia.declares("A slip of the hand", "sev3").await;
    let second = ana.declares("A real one", "sev3").await;
    assert_eq!((first.as_str(), second.as_str()), ("INC-000001", "INC-000002"));
    mia.takes("void", &first, json!({ "reason": "Never happened." })).await.refused("SecondPersonNeeded");
    w.person("max").takes("void", &first, json!({ "reason": "Opened by a slip." })).await.done();
    let listed = w.person("aud").gets("/api/v1/tickets").await.done();
    let rows: Vec<_> = listed["tickets"].as_array().into_iter().flatten().map(|t| (t["number"].clone(), t["status"].clone())).collect();
    assert_eq!(rows, [(json!("INC-000001"), json!("void")), (json!("INC-000002"), json!("open"))]);
    assert!(w.said(&first).await.contains(&"max: TransitionTaken void “Opened by a slip.”".to_owned()));
    ana.notes(&first, "Seen.").await.done();
    w.advance(days(1)).await;
}
on_both!(a_voided_incident_keeps_its_number_and_its_reason);
