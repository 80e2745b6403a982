//! Deployments over HTTP: a pipeline reports, and what nobody approved shows.

use serde_json::{Value, json};

use super::world::change;
use super::world::{Answered, Tool, World, days, hours, minutes, on_both};

const SYSTEMS: &[u8] = b"systems:
  web-shop:
    title: Web shop
    owner: chi@example.com
    deployments: [acme/web-shop@production]
";

/// The organisation has a system that says from where it is deployed, and people who approve.
async fn organised(w: &mut World) {
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(SYSTEMS);
        }
    }
    w.adopts(files, "Our web shop is deployed by a pipeline.").await;
    w.hires("chi", &["approver"]).await;
    w.hires("cho", &["approver"]).await;
}

fn report(id: &str, status: &str, more: Value) -> Value {
    let mut body = json!({ "id": id, "status": status, "repository": "Acme/Web-Shop", "environment": "production", "revision": "1a2b3c" });
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    body
}

fn tickets(answer: Answered) -> Vec<String> {
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["tickets"].as_array().expect("tickets").iter().map(|t| t.as_str().expect("a number").to_owned()).collect()
}

async fn tells(pipeline: &Tool, id: &str, status: &str, more: Value) -> Vec<String> {
    tickets(pipeline.posts(report(id, status, more)).await)
}

/// Decides at the console, on exactly what stands there.
async fn approves(w: &World, who: &str, ticket: &str) {
    change::decides(w, who, ticket).await.done();
}

/// A change of the web shop, approved, with a window that opens in 24 hours.
async fn approved(w: &World) -> String {
    let from = w.now().plus(hours(24));
    let fields = json!({
        "title": "New search", "category": "software", "system": "web-shop", "version": "v14",
        "description": "Deploy version 14 of web-shop with the new search, by the pipeline.",
        "justification": "Customers find nothing; marketing asked for the new search on 3 March.",
        "security_impact": "None: the search reads public articles only.", "rollback_plan": "The pipeline deploys version 13; three minutes.",
        "window_start": from.to_string(), "window_end": from.plus(hours(4)).to_string(),
    });
    let ana = w.person("ana");
    let chg = ana.posts("/api/v1/tickets", json!({ "kind": "change", "fields": fields })).await.number();
    ana.takes("submit", &chg, json!({})).await.done();
    let judged = json!({ "assessment": "Feasible; tested on staging yesterday, all is well.", "criticality": "low", "exposure": "low", "rollback_complexity": "low" });
    w.person("ben").takes("assess", &chg, json!({ "fields": judged })).await.done();
    approves(w, "chi", &chg).await;
    chg
}

/// A model that covers reviewed deployments of the web shop.
async fn modelled(w: &World) -> String {
    let fields = json!({
        "title": "Deploy web-shop", "system": "web-shop", "expires_at": w.now().plus(days(60)).to_string(),
        "description": "Deploy a merged and reviewed pull request of web-shop with the pipeline, between 08:00 and 16:00.",
        "justification": "Forty such deployments went well since January; each alone is of low risk.",
        "security_impact": "None: nothing is open that was closed before.",
        "rollback_plan": "The pipeline deploys the version before; three minutes.",
    });
    let model = w.person("ana").posts("/api/v1/tickets", json!({ "kind": "change-model", "fields": fields })).await.number();
    approves(w, "chi", &model).await;
    model
}

async fn listed(w: &World) -> Value {
    w.person("aud").gets("/api/v1/reports/deployments").await.done()
}

/// Why each row is listed, and of which ticket.
fn rows(report: &Value) -> Vec<(String, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    report["rows"].as_array().into_iter().flatten().map(|row| (text(row, "ticket"), text(row, "why"))).collect()
}

// proves: CHG-23, CHG-27
async fn a_deployment_confirms_its_change_once_and_one_without_any_is_a_finding(w: &mut World) {
    organised(w).await;
    let pipeline = w.tool("pipeline");
    let chg = approved(w).await;
    // Too early: nobody's approval covers it yet.
    let early = tells(&pipeline, "1", "started", json!({ "change": chg })).await;
    assert_eq!(early, ["FND-000001", chg.as_str()]);
    let finding = w.person("aud").sees("FND-000001").await;
    assert_eq!((&finding["fields"]["type"], &finding["fields"]["system"]), (&json!("deployment-outside-change"), &json!("web-shop")));
    assert_eq!(finding["links"][0]["to"], chg.as_str());
    w.advance(hours(25)).await;
    assert_eq!(tells(&pipeline, "2", "started", json!({ "title": format!("{chg}: new search") })).await, std::slice::from_ref(&chg));
    w.advance(minutes(5)).await;
    let ended = json!({ "title": format!("{chg}: new search"), "pull_request": "https://git.example.com/pull/12", "author": "ana", "reviewers": ["bo"] });
    assert_eq!(tells(&pipeline, "2", "succeeded", ended.clone()).await, std::slice::from_ref(&chg));
    let size = w.size().await;
    for _ in 0..3 {
        assert_eq!(tells(&pipeline, "2", "succeeded", ended.clone()).await, std::slice::from_ref(&chg));
    }
    assert_eq!(w.size().await, size, "retries record nothing");
    let seen = w.person("aud").sees(&chg).await;
    assert_eq!(seen["status"], "implemented");
    let told = w.events(&chg).await;
    let last = told.iter().rev().find(|e| e["kind"] == "DeploymentSeen").expect("the report");
    let body: Value = serde_json::from_str(last["texts"]["deployment"].as_str().expect("its text")).expect("JSON");
    assert_eq!((&body["author"], &body["reviewers"], &body["revision"]), (&json!("ana"), &json!(["bo"]), &json!("1a2b3c")));
    assert_eq!(last["actor"], json!({ "type": "source", "name": "pipeline" }));
    // The report is the proof that the category asks for.
    let outcome = json!({ "fields": { "outcome": "Search answers in 40 ms; ten searches were tried." } });
    w.person("ben").takes("verify", &chg, outcome).await.done();
    // No number, no model: a finding; and one that named nobody's number as well.
    assert_eq!(tells(&pipeline, "3", "succeeded", json!({})).await, ["FND-000002"]);
    assert_eq!(tells(&pipeline, "4", "succeeded", json!({ "change": "CHG-999999" })).await, ["FND-000003"]);
    let report = listed(w).await;
    let summary = json!({ "deployments": 4, "by_approval": 1, "by_model": 0, "without": 3, "changes_unconfirmed": 0, "changes_failed": 0 });
    assert_eq!(report["summary"], summary);
    let without = |n: u32| (format!("FND-00000{n}"), "without".to_owned());
    assert_eq!(rows(&report), [without(1), without(2), without(3)]);
    // A finding is settled with an explanation, and with what follows from it or a reason.
    let explained = json!({ "fields": { "explanation": "The pipeline was started by hand; its button asks for the number now." } });
    w.hires("sec", &["security-officer"]).await;
    let sec = w.person("sec");
    sec.takes("settle", "FND-000002", explained.clone()).await.refused("LinkMissing");
    sec.explains_no_link("FND-000002", "corrected_by", "The button was changed at once.").await.done();
    sec.takes("settle", "FND-000002", explained).await.done();
}
on_both!(a_deployment_confirms_its_change_once_and_one_without_any_is_a_finding);

// proves: CHG-19, APR-10
async fn a_live_model_lets_a_reviewed_deployment_open_start_and_finish_its_own_change(w: &mut World) {
    organised(w).await;
    let pipeline = w.tool("pipeline");
    let model = modelled(w).await;
    let reviewed =
        json!({ "title": "Faster search", "pull_request": "https://git.example.com/pull/12", "author": "ana", "reviewers": ["bo"] });
    let opened = tells(&pipeline, "41", "started", reviewed.clone()).await;
    let chg = opened[0].clone();
    assert!(chg.starts_with("CHG-") && opened.contains(&model), "{opened:?}");
    assert_eq!(w.person("aud").sees(&chg).await["status"], "implementing");
    // A restart in between: the next report still finds its change.
    w.stops().await;
    w.starts().await;
    let pipeline = w.tool("pipeline");
    assert_eq!(tells(&pipeline, "41", "succeeded", reviewed.clone()).await, std::slice::from_ref(&chg));
    let seen = w.person("aud").sees(&chg).await;
    assert_eq!((&seen["status"], &seen["fields"]["type"]), (&json!("implemented"), &json!("standard")));
    assert!(
        seen["fields"]["description"]
            .as_str()
            .is_some_and(|d| d.contains("Author: ana (as reported, unverified)") && d.contains("Reviewed by: bo (as reported, unverified)")),
        "{seen}"
    );
    assert!(w.log_of("ApprovalDecided").await.iter().all(|e| e["ticket"] == model.as_str()), "a tool approves nothing");
    let ben = w.person("ben");
    ben.takes("verify", &chg, json!({})).await.done();
    ben.takes("close", &chg, json!({})).await.done();
    // Its own author as the only reviewer; and what is deployed nowhere that matters.
    let own = json!({ "pull_request": "https://git.example.com/pull/13", "author": "ana", "reviewers": ["ana"] });
    assert_eq!(tells(&pipeline, "42", "succeeded", own).await[0], "FND-000001");
    let staging = json!({ "environment": "staging", "id": "43" });
    assert_eq!(tells(&pipeline, "43", "succeeded", staging).await, Vec::<String>::new());
    let report = listed(w).await;
    assert_eq!((&report["summary"]["by_model"], &report["summary"]["without"]), (&json!(1), &json!(1)));
    assert_eq!(w.log_of("DeliveryKept").await.len(), 1, "kept, and nothing comes of it");
}
on_both!(a_live_model_lets_a_reviewed_deployment_open_start_and_finish_its_own_change);

async fn who_wrote_and_who_reviewed_is_verified_where_the_login_is_somebodys_and_one_person_is_no_reviewer_of_their_own(w: &mut World) {
    organised(w).await;
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(SYSTEMS);
            bytes.extend_from_slice(b"logins: { ana-gh: ana@example.com, pipeline/ana-work: ana@example.com, bo-gh: ben@example.com, gone: left@example.com }\n");
        }
    }
    w.adopts(files, "Whose the logins are.").await;
    let pipeline = w.tool("pipeline");
    modelled(w).await;
    let by = |author: &str, reviewers: &[&str]| json!({ "pull_request": "https://git.example.com/pull/12", "author": author, "reviewers": reviewers });
    // One person under two logins, under an address, and in other letters: nobody has reviewed it.
    for (n, reviewer) in ["ana-work", "@Ana-GH", "ANA@example.com", " ana-gh "].iter().enumerate() {
        let told = tells(&pipeline, &format!("5{n}"), "succeeded", by("ana-gh", &[reviewer])).await;
        assert!(told[0].starts_with("FND-"), "{reviewer}: {told:?}");
        let seen = w.person("aud").sees(&told[0]).await;
        assert!(seen["fields"]["description"].as_str().is_some_and(|d| d.contains("somebody other than its author")), "{seen}");
    }
    let chg = tells(&pipeline, "60", "succeeded", by("ana-gh", &["bo-gh", "stranger", "gone"])).await[0].clone();
    let seen = w.person("aud").sees(&chg).await;
    let description = seen["fields"]["description"].as_str().unwrap_or_default();
    assert!(description.contains("Author: ana-gh (ana@example.com, verified)"), "{description}");
    let reviewers = "bo-gh (ben@example.com, verified), stranger (as reported, unverified), gone (as reported, unverified)";
    assert!(description.contains(reviewers), "{description}");
    let event = w.log_of("DeploymentSeen").await.pop().expect("a report");
    assert_eq!(event["data"]["people"], json!({ "author": w.id_of("ana"), "reviewers": [w.id_of("ben"), null, null] }));
    let told = w.signed_in("aud").await.gets(&format!("/console/c/{chg}")).await.text();
    assert!(told.contains("by ana (ana-gh, verified)") && told.contains("stranger (as reported, unverified)"), "{told}");
    // A model may want both to be people whom we know.
    let strict = json!({
        "title": "Deploy web-shop, known people only", "system": "web-shop", "expires_at": w.now().plus(days(60)).to_string(),
        "deployed_when": "verified",
        "description": "Deploy a merged and reviewed pull request of web-shop with the pipeline, between 08:00 and 16:00.",
        "justification": "Forty such deployments went well since January; each alone is of low risk.",
        "security_impact": "None: nothing is open that was closed before.",
        "rollback_plan": "The pipeline deploys the version before; three minutes.",
    });
    let ana = w.person("ana");
    w.hires("own", &["system-owner"]).await;
    w.person("own").takes("retire", "MOD-000001", json!({ "reason": "Known people only, from now on." })).await.done();
    let model = ana.posts("/api/v1/tickets", json!({ "kind": "change-model", "fields": strict })).await.number();
    approves(w, "chi", &model).await;
    let unknown = tells(&pipeline, "70", "succeeded", by("ana-gh", &["stranger"])).await;
    assert!(unknown[0].starts_with("FND-"), "{unknown:?}");
    let known = tells(&pipeline, "71", "succeeded", by("ana-gh", &["bo-gh"])).await;
    assert!(known[0].starts_with("CHG-"), "{known:?}");
}
on_both!(who_wrote_and_who_reviewed_is_verified_where_the_login_is_somebodys_and_one_person_is_no_reviewer_of_their_own);

// proves: CHG-27
async fn a_change_that_no_deployment_ever_confirmed_is_listed(w: &mut World) {
    organised(w).await;
    let chg = approved(w).await;
    w.advance(hours(25)).await;
    for step in ["start", "finish"] {
        w.person("ben").takes(step, &chg, json!({})).await.done();
    }
    assert_eq!(rows(&listed(w).await), [(chg.clone(), "unconfirmed".to_owned())]);
    assert_eq!(tells(&w.tool("pipeline"), "9", "failed", json!({ "change": chg })).await, std::slice::from_ref(&chg));
    assert_eq!(rows(&listed(w).await), [(chg.clone(), "failed".to_owned()), (chg.clone(), "unconfirmed".to_owned())]);
    // The console shows the same, the unconfirmed ones first; and every other report in the same way.
    let aud = w.signed_in("aud").await;
    let page = aud.gets("/console/reports/deployments").await.text();
    let cell = |what: &str| page.find(&format!("<td>{what}</td>")).unwrap_or_else(|| panic!("no {what} in {page}"));
    assert!(cell("unconfirmed") < cell("failed") && page.contains(&format!("<a href=\"/console/c/{chg}\">{chg}</a>")), "{page}");
    let all = aud.gets("/console/reports").await.text();
    let (first, other) = (all.find("reports/deployments"), all.find("reports/dispositions"));
    assert!(first.is_some() && first < other, "{all}");
    for report in countersign::evidence::report::ALL {
        let name = report.name;
        assert_eq!(aud.gets(&format!("/console/reports/{name}?from=2026-01-01&to=2026-12-31")).await.status, 200, "{name}");
    }
    assert!(aud.gets("/console/list/change").await.text().contains("/console/reports/deployments"));
    assert_eq!(aud.gets("/console/reports/nothing").await.status, 404);
    assert_eq!(w.signed_in("nil").await.gets("/console/reports/deployments").await.status, 403);
    assert_eq!(tells(&w.tool("pipeline"), "9", "succeeded", json!({ "change": chg })).await, std::slice::from_ref(&chg));
    assert_eq!(rows(&listed(w).await), []);
}
on_both!(a_change_that_no_deployment_ever_confirmed_is_listed);

async fn hostile_reports_are_refused_with_a_sentence_and_change_nothing(w: &mut World) {
    organised(w).await;
    let pipeline = w.tool("pipeline");
    let size = w.size().await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let bodies: [(&[u8], &str); 6] = [
        (b"", "NotJson"),
        (b"{", "NotJson"),
        (b"[]", "WrongShape"),
        (b"{}", "WrongShape"),
        (br#"{"id":"1","id":"2"}"#, "RepeatedKey"),
        (deep.as_bytes(), "TooDeep"),
    ];
    for (body, code) in bodies {
        let answer = pipeline.posts_bytes(body.to_vec()).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some(code)), "{}", answer.text());
        assert!(answer.json()["detail"].as_str().is_some_and(|d| d.len() > 20));
    }
    let huge = pipeline.posts_bytes(vec![b'x'; 2 << 20]).await;
    assert_eq!(huge.status, 413);
    assert_eq!(w.size().await, size, "nothing was recorded");
    let nobody = Tool { proof: super::world::Proof::Nothing, ..pipeline.clone() };
    assert_eq!(nobody.posts(report("1", "succeeded", json!({}))).await.status, 401);
    assert!(w.log_of("DeploymentSeen").await.is_empty());
    // Long and odd, but a report: cut, kept, and shown as text.
    let odd = json!({ "title": "<script>\u{202e}\u{0}".repeat(5_000), "reviewers": vec!["x"; 5_000], "author": "\n" });
    assert_eq!(tells(&pipeline, &"9".repeat(9_000), "succeeded", odd).await, ["FND-000001"]);
    w.person("aud").gets("/api/v1/tickets/FND-000001/events").await.done();
}
on_both!(hostile_reports_are_refused_with_a_sentence_and_change_nothing);
