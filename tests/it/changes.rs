//! Changes over HTTP, on both databases: asked for, judged, refused too early, done, reviewed, closed; and what comes due
//! again and again, once however many look.

use serde_json::{Value, json};

use super::world::change::{decides, tomorrow};
use super::world::{Answered, World, days, hours, on_both};

async fn a_risky_change_walks_from_its_request_to_its_review(w: &mut World) {
    w.hires("chi", &["approver"]).await;
    w.hires("sec", &["security-officer"]).await;
    let ana = w.person("ana");
    let chg = ana
        .posts("/api/v1/tickets", json!({ "kind": "change", "fields": tomorrow(w, "More connections for the database", "other") }))
        .await
        .number();
    ana.takes("submit", &chg, json!({})).await.done();
    let judged = json!({ "fields": {
        "assessment": "Feasible; tested on staging yesterday, memory suffices for 200 connections.",
        "criticality": "high", "exposure": "high", "rollback_complexity": "low",
    } });
    w.person("ben").takes("assess", &chg, judged).await.done();
    assert_eq!(ana.sees(&chg).await["fields"]["risk"], "high");
    decides(w, "ana", &chg).await.refused("OwnRequest").with_status(403);
    let waiting = w.person("chi").gets("/api/v1/inbox").await.done();
    assert_eq!(
        (waiting["waiting"][0]["why"].as_str(), waiting["waiting"][0]["ticket"]["number"].as_str()),
        (Some("decide"), Some(chg.as_str()))
    );
    decides(w, "chi", &chg).await.done();
    decides(w, "sec", &chg).await.done();
    assert_eq!(ana.sees(&chg).await["status"], "approved");
    w.person("ben").takes("start", &chg, json!({})).await.refused("TooEarly");
    w.advance(hours(24)).await;
    w.person("ben").takes("start", &chg, json!({})).await.done();
    w.person("ben").takes("finish", &chg, json!({})).await.done();
    let review = ana.sees(&chg).await["links"][0]["to"].as_str().expect("its review").to_owned();
    assert_eq!(ana.sees(&review).await["links"][0]["to"], chg.as_str(), "the way back");
    for proof in ["before", "after"] {
        ana.files(&chg, "limit.txt", b"max_connections", Some(proof), None).await.done();
    }
    let outcome = json!({ "fields": { "outcome": "The limit shows 200; checkout ran an hour without errors." } });
    w.person("ben").takes("verify", &chg, outcome.clone()).await.refused("DutiesApart").with_status(403);
    ana.takes("verify", &chg, outcome).await.done();
    // After a restart neither ticket is in anybody's memory; the decision looks at the review all the same.
    w.stops().await;
    w.starts().await;
    let ana = w.person("ana");
    ana.takes("close", &chg, json!({})).await.refused("RecordMissing");
    let reason = json!({ "link": "corrected_by", "reason": "Nothing is to be corrected." });
    w.person("mia").posts(&format!("/api/v1/tickets/{review}/links"), reason).await.done();
    let found = json!({ "fields": { "findings": "It went as planned; the window was long enough.", "outcome": "fine" } });
    w.person("sec").takes("complete", &review, found.clone()).await.refused("DutiesApart").says("You had a part in CHG-000001");
    w.person("mia").takes("complete", &review, found).await.done();
    w.stops().await;
    w.starts().await;
    w.person("ana").takes("close", &chg, json!({})).await.done();
    assert_eq!(w.log_of("TransitionTaken").await.last().expect("a step")["data"]["to"], "closed");
}
on_both!(a_risky_change_walks_from_its_request_to_its_review);

// proves: SLA-10
async fn what_comes_due_again_and_again_opens_its_record_and_what_was_missed_is_one_too(w: &mut World) {
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(
                b"obligations:\n  control-test: { title: Test of a control, cron: \"0 9 * * *\", type: control-test, due: 7d }\n",
            );
        }
    }
    w.adopts(files, "Controls are tested each day.").await;
    w.tick().await;
    assert_eq!(w.log_of("ObligationBegan").await.len(), 1);
    w.advance(days(1)).await;
    w.tick().await;
    w.tick().await;
    let runs = w.log_of("ObligationRun").await;
    assert_eq!(runs.len(), 1, "once, however often one looks");
    let opened = runs[0]["data"]["opened"].as_str().expect("its record").to_owned();
    assert_eq!(w.person("aud").sees(&opened).await["fields"]["type"], "control-test");
    w.stops().await;
    w.advance(days(3)).await;
    w.starts().await;
    w.tick().await;
    assert_eq!((w.log_of("ObligationRun").await.len(), w.log_of("ObligationMissed").await.len()), (2, 2), "the last is made up for");
}
on_both!(what_comes_due_again_and_again_opens_its_record_and_what_was_missed_is_one_too);

/// The console took what was sent.
fn went(answer: Answered) {
    assert!(answer.status < 400, "{}", answer.text());
}

/// The change among the tickets that an answer names.
fn change_in(answer: &Value) -> String {
    let tickets = answer["tickets"].as_array().into_iter().flatten().filter_map(Value::as_str);
    tickets.into_iter().find(|t| t.starts_with("CHG-")).expect("a change").to_owned()
}

// proves: CHG-17
async fn an_incident_offers_an_emergency_change_by_api_and_console(w: &mut World) {
    w.hires("chi", &["approver"]).await;
    let (ana, chi) = (w.person("ana"), w.id_of("chi"));
    let inc = ana.declares("payments are down", "sev1").await;
    let offer = format!("/api/v1/tickets/{inc}/offers/emergency-change");
    ana.posts(&offer, json!({ "fields": { "verbal_approver": chi } })).await.refused("FieldMissing").about(&["title"]);
    let own = json!({ "fields": { "title": "Restart the database", "verbal_approver": w.id_of("ana") } });
    ana.posts(&offer, own).await.refused("ApprovalMissing").says("Whoever asks for it or starts it cannot be the one who agreed");
    let asked = json!({ "fields": { "title": "Restart the database", "verbal_approver": chi } });
    let chg = change_in(&ana.posts(&offer, asked).await.done());
    let seen = ana.sees(&chg).await;
    assert_eq!((&seen["status"], &seen["fields"]["type"]), (&json!("implementing"), &json!("emergency")));
    assert_eq!(seen["fields"]["emergency_reason"], format!("It is part of the work on {inc}, which cannot wait."));
    // The giver's own click, at the console.
    let waiting = w.person("chi").gets("/api/v1/inbox").await.done();
    assert_eq!(waiting["waiting"][0]["why"], "confirm");
    decides(w, "ana", &chg).await.refused("NotAllowed");
    decides(w, "chi", &chg).await.done();
    // The console offers the same, with two inputs.
    let at_console = w.signed_in("ana").await;
    let form = at_console.gets(&format!("/console/c/{inc}/form/offer.emergency-change")).await.text();
    assert!(form.contains("field.title") && form.contains("field.verbal_approver") && !form.contains("field.rollback_plan"), "{form}");
    let typed = [("field.title", "Restart the queue"), ("field.verbal_approver", chi.as_str())];
    went(at_console.submits(&format!("/console/c/{inc}/do/offer.emergency-change"), &typed).await);
    assert_eq!(ana.sees("CHG-000002").await["status"], "implementing");
}
on_both!(an_incident_offers_an_emergency_change_by_api_and_console);

// proves: CHG-19
async fn a_standard_change_is_two_taps_at_the_console(w: &mut World) {
    w.hires("chi", &["approver"]).await;
    let ana = w.person("ana");
    let raw = json!({
        "title": "Rotate the web certificates", "system": "other", "expires_at": w.now().plus(days(60)).to_string(),
        "description": "Run the rotation script on the two web servers and reload nginx on both.",
        "justification": "It was done twelve times without any trouble; each takes five minutes.",
        "security_impact": "None: nothing is open that was closed before.",
        "rollback_plan": "Put the old certificate back from the folder old and reload nginx.",
    });
    let model = ana.posts("/api/v1/tickets", json!({ "kind": "change-model", "fields": raw })).await.number();
    decides(w, "chi", &model).await.done();
    let ben = w.signed_in("ben").await;
    went(ben.submits(&format!("/console/c/{model}/do/offer.standard-change"), &[("field.title", "Certificates of March")]).await);
    let chg = "CHG-000001";
    assert_eq!(ana.sees(chg).await["status"], "implementing");
    let form = ben.gets(&format!("/console/c/{chg}/form/step.finish")).await.text();
    assert!(form.contains("Done and verified") && form.contains("field.outcome"), "{form}");
    // An empty phrase is answered with a good one, and nothing is taken.
    let told = ben.submits(&format!("/console/c/{chg}/do/step.finish"), &[("field.outcome", "ok")]).await;
    assert!(told.text().contains("checkout ran an hour without errors"), "{}", told.text());
    assert_eq!(ana.sees(chg).await["status"], "implementing");
    let outcome = [("field.outcome", "Both servers show the new certificate until June; the shop answers.")];
    went(ben.submits(&format!("/console/c/{chg}/do/step.finish"), &outcome).await);
    assert_eq!(ana.sees(chg).await["status"], "closed");
}
on_both!(a_standard_change_is_two_taps_at_the_console);

async fn access_waits_for_named_people_is_asked_for_once_a_day_and_renewed_in_one_tap(w: &mut World) {
    w.hires("chi", &["approver"]).await;
    let ana = w.signed_in("ana").await;
    let fields = json!({
        "title": "Ana reads the logs", "system": "other", "role": "read", "requested_for": w.id_of("ana"),
        "justification": "Ana searches the logs of the shop for the errors of last night.", "expires_at": w.now().plus(days(10)).to_string(),
    });
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(b"systems: { logs: { title: Logs, owner: approver, roles: { read: { title: Reads, most: 30d } } } }\n");
        }
    }
    w.adopts(files, "The logs have an entry.").await;
    let mut named = fields.clone();
    named["system"] = json!("logs");
    let acc = ana.posts("/api/v1/tickets", json!({ "kind": "access", "fields": named })).await.number();
    let page = ana.gets(&format!("/console/c/{acc}")).await.text();
    assert!(page.contains("It waits for") && page.contains("Ask again"), "{page}");
    went(ana.submits(&format!("/console/c/{acc}/do/nudge"), &[]).await);
    assert_eq!(w.log_of("Nudged").await[0]["data"]["to"], json!([w.id_of("chi")]));
    ana.posts(&format!("/api/v1/tickets/{acc}/nudge"), json!({}))
        .await
        .refused("NudgedLately")
        .with_status(409)
        .says("You can ask again from Tuesday");
    w.person("ben").posts(&format!("/api/v1/tickets/{acc}/nudge"), json!({})).await.refused("NotAllowed");
    decides(w, "chi", &acc).await.done();
    w.person("ben").takes("grant", &acc, json!({})).await.done();
    ana.posts(&format!("/api/v1/tickets/{acc}/nudge"), json!({})).await.refused("NothingToNudge");
    w.advance(days(9)).await;
    let ana = w.signed_in("ana").await;
    let page = ana.gets(&format!("/console/c/{acc}")).await.text();
    assert!(page.contains("Renew") && page.contains("Renew, saying why"), "{page}");
    let form = ana.gets(&format!("/console/c/{acc}/form/step.renew")).await.text();
    assert!(form.contains("Why it is needed longer"), "{form}");
    went(ana.submits(&format!("/console/c/{acc}/do/step.renew"), &[]).await);
    let wanted = ana.sees(&acc).await["fields"]["renew_until"].as_str().expect("a time").to_owned();
    decides(w, "chi", &acc).await.done();
    assert_eq!(ana.sees(&acc).await["fields"]["expires_at"], wanted);
    assert_eq!(ana.sees(&acc).await["status"], "granted");
}
on_both!(access_waits_for_named_people_is_asked_for_once_a_day_and_renewed_in_one_tap);
