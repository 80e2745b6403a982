//! Changes over HTTP, on both databases: asked for, judged, refused too early, done, reviewed, closed; and what comes due
//! again and again, once however many look.

use serde_json::{Value, json};

use super::world::{World, days, hours, on_both};

fn request(w: &World) -> Value {
    let from = w.now().plus(hours(24));
    json!({
        "title": "More connections for the database", "category": "configuration", "system": "other",
        "description": "Raise the connection limit of prod-db from 100 to 200 in postgresql.conf and reload it.",
        "justification": "Checkout fails at peak since all 100 connections are taken; sales asked on 3 March.",
        "security_impact": "None: the port stays closed to the internet, no controlled information moves.",
        "rollback_plan": "Restore the saved postgresql.conf and reload; takes two minutes.",
        "window_start": from.to_string(), "window_end": from.plus(hours(4)).to_string(),
    })
}

/// Decides at the console, on exactly what stands there.
async fn decides(w: &World, who: &str, ticket: &str) -> super::world::Answered {
    let person = w.signed_in(who).await;
    let seen = person.sees(ticket).await;
    let can = seen["can"].as_array().into_iter().flatten();
    let digest = can.filter_map(|c| c["approval"].as_str()).next().unwrap_or_default().to_owned();
    let body = json!({ "decision": "approve", "reason": "Looked at it.", "digest": digest });
    person.posts(&format!("/api/v1/tickets/{ticket}/approvals"), body).await
}

async fn a_risky_change_walks_from_its_request_to_its_review(w: &mut World) {
    w.hires("chi", &["approver"]).await;
    w.hires("sec", &["security-officer"]).await;
    let ana = w.person("ana");
    let chg = ana.posts("/api/v1/tickets", json!({ "kind": "change", "fields": request(w) })).await.number();
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
    w.person("sec").posts(&format!("/api/v1/tickets/{review}/links"), reason).await.done();
    let found = json!({ "fields": { "findings": "It went as planned; the window was long enough.", "outcome": "fine" } });
    w.person("sec").takes("complete", &review, found).await.done();
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
