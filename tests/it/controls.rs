//! Controls that run by themselves, and what an auditor asks of approvals and roles.

use countersign::desk::request::Ask;
use countersign::people::PeopleCommand;
use serde_json::{Value, json};

use super::world::change::{assessed, decides};
use super::world::{Kind, World, hours, minutes, on_both};

/// A change that Ana asked for and Ben judged, approved by everybody who must agree.
pub async fn approved(w: &World, title: &str, level: &str) -> String {
    let chg = assessed(w, title, "other", level).await;
    decides(w, "chi", &chg).await.done();
    if level == "high" {
        decides(w, "sec", &chg).await.done();
    }
    chg
}

async fn with_controls(w: &mut World, more: &str) {
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(more.as_bytes());
        }
    }
    w.adopts(files, "Controls run by themselves.").await;
    w.hires("chi", &["approver"]).await;
    w.hires("sec", &["security-officer"]).await;
    w.tick().await;
}

async fn report(w: &World, name: &str) -> Value {
    w.person("aud").gets(&format!("/api/v1/reports/{name}")).await.done()
}

const OVERDUE: &str = "obligations:
  overdue-changes:
    title: High-risk changes past due
    cron: \"0 7 * * *\"
    check: { kind: change, when: \"has(ticket.fields.risk) && ticket.fields.risk == 'high' && ticket.overdue.size() > 0\" }
    type: overdue-change
    due: 3d
";

// proves: CHG-33
async fn each_risky_change_past_due_becomes_one_finding_however_often_one_looks(w: &mut World) {
    with_controls(w, OVERDUE).await;
    let mut risky = Vec::new();
    for title in ["Larger pool", "New balancer", "Other disk"] {
        risky.push(approved(w, title, "high").await);
    }
    let harmless = approved(w, "A label", "low").await;
    w.advance(hours(20)).await;
    let in_time = approved(w, "Still ahead", "high").await;
    let runs = w.log_of("ObligationRun").await;
    assert!(runs.iter().all(|r| r["data"]["checked"]["found"] == json!([])), "nothing is late yet: {runs:?}");
    // Their window closes on Tuesday at two, the last one's on Wednesday at ten; the check runs on Wednesday at seven.
    w.advance_to("2026-03-04T07:00:00Z").await;
    w.tick().await;
    let findings = |log: Vec<Value>| log.into_iter().filter(|e| e["data"]["ticket_kind"] == "finding").collect::<Vec<_>>();
    let opened = findings(w.log_of("TicketOpened").await);
    assert_eq!(opened.len(), 3, "{opened:?}");
    assert!(opened.iter().all(|e| e["data"]["fields"]["type"] == "overdue-change"));
    let run = w.log_of("ObligationRun").await.pop().expect("a run");
    assert_eq!((&run["data"]["checked"]["found"], run["data"]["checked"]["opened"].as_array().map(Vec::len)), (&json!(risky), Some(3)));
    for chg in &risky {
        let links = w.person("aud").sees(chg).await["links"].as_array().cloned().unwrap_or_default();
        assert_eq!(links.iter().filter(|l| l["link"] == "found_in").count(), 1, "{chg}");
    }
    for chg in [&harmless, &in_time] {
        assert!(!w.person("aud").sees(chg).await["links"].to_string().contains("found_in"), "{chg}");
    }
    // Looked at again, on the same day and on the next one; after a restart as well: nothing new.
    w.tick().await;
    w.stops().await;
    w.starts().await;
    w.person("sec").takes("settle", "FND-000001", json!({})).await.refused("FieldMissing");
    w.advance_to("2026-03-04T09:00:00Z").await;
    w.person("ben").takes("cancel", &in_time, json!({ "reason": "Not needed any more." })).await.refused("NotAllowed");
    w.person("ana").takes("cancel", &in_time, json!({ "reason": "Not needed any more." })).await.done();
    w.advance_to("2026-03-05T07:00:00Z").await;
    w.tick().await;
    assert_eq!(findings(w.log_of("TicketOpened").await).len(), 3, "a check that is run again adds none");
    let run = w.log_of("ObligationRun").await.pop().expect("another run");
    assert_eq!((&run["data"]["checked"]["found"], &run["data"]["checked"]["opened"]), (&json!(risky), &json!([])));
}
on_both!(each_risky_change_past_due_becomes_one_finding_however_often_one_looks);

const LEAVERS: &str = "systems: { logs: { title: Logs, owner: chi@example.com, roles: { read: { title: Reads, most: 90d } } } }
obligations:
  leavers:
    title: Access of somebody who has left
    cron: \"0 8 * * *\"
    check: { kind: access, when: \"ticket.status in ['approved', 'granted', 'revoked']\", left: true }
    type: left
    due: 1d
";

// proves: ACC-06
async fn access_of_somebody_who_has_left_stays_open_until_it_is_shown_to_be_gone_and_is_found_by_the_next_morning(w: &mut World) {
    with_controls(w, LEAVERS).await;
    let access = async |w: &World, subject: &str| {
        let wanted = json!({
            "title": format!("{subject} reads the logs"), "system": "logs", "role": "read", "requested_for": w.id_of(subject),
            "justification": "They look after the nightly jobs of the shop from March on.", "expires_at": w.now().plus(hours(24 * 60)).to_string(),
        });
        let acc = w.person("mia").posts("/api/v1/tickets", json!({ "kind": "access", "fields": wanted })).await.number();
        decides(w, "chi", &acc).await.done();
        w.person("ana").takes("grant", &acc, json!({ "line": "Given." })).await.done();
        acc
    };
    let (gone, stays) = (access(w, "ben").await, access(w, "max").await);
    w.advance_to("2026-03-03T08:00:00Z").await;
    w.tick().await;
    let run = w.log_of("ObligationRun").await.pop().expect("a run");
    assert_eq!((&run["data"]["checked"]["looked_at"], &run["data"]["checked"]["found"]), (&json!(2), &json!([])), "both are here");
    w.disables("ben").await;
    w.advance_to("2026-03-04T08:00:00Z").await;
    w.tick().await;
    let run = w.log_of("ObligationRun").await.pop().expect("another run");
    assert_eq!(run["data"]["checked"]["found"], json!([gone]));
    let finding = w.person("aud").sees("FND-000001").await;
    assert_eq!((&finding["fields"]["type"], &finding["links"][0]["to"]), (&json!("left"), &json!(gone)));
    // It is live until a record shows that it is gone: till then it stands in the list, as the other does.
    let open = async |w: &World| {
        let listed = w.person("aud").gets("/api/v1/tickets?kind=access&open=true").await.done();
        let mut numbers: Vec<String> =
            listed["tickets"].as_array().into_iter().flatten().filter_map(|t| t["number"].as_str().map(str::to_owned)).collect();
        numbers.sort();
        numbers
    };
    assert_eq!(open(w).await, [gone.clone(), stays.clone()]);
    w.person("ana").takes("revoke", &gone, json!({ "reason": "Ben has left." })).await.done();
    w.person("ana").takes("confirm", &gone, json!({})).await.refused("EvidenceMissing");
    assert_eq!(open(w).await, [gone.clone(), stays.clone()]);
    w.person("ana").files(&gone, "users.csv", b"account,role\nmax,read\n", Some("deprovisioning"), None).await.done();
    w.person("ana").takes("confirm", &gone, json!({})).await.done();
    assert_eq!(open(w).await, [stays]);
}
on_both!(access_of_somebody_who_has_left_stays_open_until_it_is_shown_to_be_gone_and_is_found_by_the_next_morning);

const SELF_APPROVALS: &str = "obligations:
  self-approvals: { title: Approvals by whoever asked, cron: \"0 6 * * *\", check: self-approvals, type: self-approval, due: 3d }
";

// proves: APR-08
async fn an_approval_by_whoever_asked_that_was_put_past_every_refusal_is_found_by_reading_the_log_again(w: &mut World) {
    with_controls(w, SELF_APPROVALS).await;
    let (fine, forged) = (approved(w, "Larger pool", "low").await, approved(w, "New balancer", "low").await);
    decides(w, "ana", &assessed(w, "Other disk", "other", "low").await).await.refused("OwnRequest");
    w.advance_to("2026-03-03T06:00:00Z").await;
    w.tick().await;
    // A clean run is on record, in the signed log, with how much it looked at.
    let run = w.log_of("ObligationRun").await.pop().expect("a run");
    let checked = &run["data"]["checked"];
    assert_eq!((&checked["looked_at"], &checked["found"]), (&json!(2), &json!([])));
    assert!(checked["as_of"].as_i64().is_some_and(|n| n > 0 && n <= run["seq"].as_i64().unwrap_or_default()));
    w.signed().await;
    assert_eq!(report(w, "self-approvals").await["summary"], json!({ "approvals": 2, "self_approvals": 0, "by_exception": 0 }));
    // Somebody with all rights on the database makes Chi's approval Ana's own.
    w.database.disarm().await;
    let (chi, ana) = (w.id_of("chi"), w.id_of("ana"));
    let of = format!("WHERE kind = 'ApprovalDecided' AND ticket = '{forged}'");
    let put = match w.database.kind {
        Kind::Sqlite => format!("UPDATE event SET bytes = CAST(replace(CAST(bytes AS TEXT), '{chi}', '{ana}') AS BLOB) {of}"),
        Kind::Postgres => {
            format!("UPDATE event SET bytes = convert_to(replace(convert_from(bytes, 'UTF8'), '{chi}', '{ana}'), 'UTF8') {of}")
        }
    };
    w.database.execute(&put).await.expect("all rights");
    w.advance_to("2026-03-04T06:00:00Z").await;
    w.tick().await;
    let run = w.log_of("ObligationRun").await.pop().expect("another run");
    assert_eq!(run["data"]["checked"]["found"], json!([forged]));
    let finding = w.person("aud").sees("FND-000001").await;
    assert_eq!((&finding["fields"]["type"], &finding["links"][0]["to"]), (&json!("self-approval"), &json!(forged)));
    let told = report(w, "self-approvals").await;
    assert_eq!(told["summary"], json!({ "approvals": 2, "self_approvals": 1, "by_exception": 0 }));
    assert_eq!((&told["rows"][0]["ticket"], &told["rows"][0]["person_name"]), (&json!(forged), &json!("ana")));
    assert_ne!(told["rows"][0]["ticket"], json!(fine));
    w.person("nil").gets("/api/v1/reports/self-approvals").await.refused("NotAllowed");
    // The log itself shows that it was tampered with; there is nothing left to check at the end.
    w.leave_broken();
}
on_both!(an_approval_by_whoever_asked_that_was_put_past_every_refusal_is_found_by_reading_the_log_again);

// proves: APR-04
async fn who_combines_asking_approving_and_carrying_out_is_reported_with_the_roles_that_exclude_each_other(w: &mut World) {
    with_controls(w, "conflicts: [[approver, administrator], [legal, compliance]]\n").await;
    w.hires("wendy", &["approver", "responder"]).await;
    w.hires("gone", &["approver", "administrator"]).await;
    w.disables("gone").await;
    let told = report(w, "combined-roles").await;
    let summary = &told["summary"];
    let change = &summary["matrix"]["change"];
    let has = |duty: &str, who: &str| change["may"][duty].as_array().into_iter().flatten().any(|w| w == who);
    assert!(
        has("request", "anyone")
            && has("approve", "approver")
            && has("approve", "owner-of-system")
            && has("implement", "implementer-of-system"),
        "{change}"
    );
    assert!(!has("approve", "responder"));
    assert!(change["kept_apart"].as_array().into_iter().flatten().any(|pair| *pair == json!(["request", "approve"])));
    let row =
        |name: &str, kind: &str| told["rows"].as_array().into_iter().flatten().find(|r| r["name"] == name && r["kind"] == kind).cloned();
    let wendy = row("wendy", "change").expect("she combines");
    assert_eq!(wendy["combines"], json!(["request", "approve", "implement"]));
    // No system lists who carries out its changes, so whoever responds does.
    assert_eq!((&wendy["by"]["approve"], &wendy["by"]["implement"]), (&json!(["approver"]), &json!(["implementer-of-system"])));
    assert_eq!(row("chi", "change").expect("an approver may ask as well")["combines"], json!(["request", "approve"]));
    assert_eq!(row("ben", "change").expect("a responder may ask as well")["combines"], json!(["request", "implement"]));
    assert_eq!((row("aud", "change"), row("gone", "change")), (None, None), "who may only ask, and who has left");
    let conflicts = summary["conflicts"].as_array().cloned().unwrap_or_default();
    assert_eq!(conflicts[0], json!({ "roles": ["approver", "administrator"], "held_by": [] }));
    assert_eq!(conflicts[1], json!({ "roles": ["legal", "compliance"], "held_by": ["lea"] }));
    // As roles change, so does the report.
    let roles = vec!["approver".to_owned()];
    w.operator(Ask::People(PeopleCommand::SetRoles { person: w.id_of("wendy"), roles })).await.expect("roles are set");
    let told = report(w, "combined-roles").await;
    let wendy = told["rows"].as_array().into_iter().flatten().find(|r| r["name"] == "wendy" && r["kind"] == "change").cloned();
    assert_eq!(wendy.expect("she may still ask")["combines"], json!(["request", "approve"]));
    let page = w.signed_in("aud").await.gets("/console/reports/combined-roles").await.text();
    assert!(page.contains("wendy") && page.contains("Combines"), "{page}");
}
on_both!(who_combines_asking_approving_and_carrying_out_is_reported_with_the_roles_that_exclude_each_other);

// proves: APR-11
async fn an_approval_outside_the_period_or_after_the_work_began_is_flagged_and_no_other(w: &mut World) {
    with_controls(w, "").await;
    // Approved on Monday, carried out on Tuesday; the other one approved and carried out in the next week.
    let before = approved(w, "Larger pool", "low").await;
    w.advance(hours(24)).await;
    w.person("ben").takes("start", &before, json!({})).await.done();
    w.advance_to("2026-03-09T10:00:00Z").await;
    let within = approved(w, "New balancer", "low").await;
    w.advance(hours(24)).await;
    w.person("ben").takes("start", &within, json!({})).await.done();
    let all = report(w, "approvals").await;
    assert_eq!((&all["summary"]["approvals"], &all["summary"]["flagged"]), (&json!(2), &json!(0)), "{all}");
    // From Tuesday on: the first one's work is in the period, its approval is not.
    let told = report(w, "approvals?from=2026-03-03T00:00:00Z&to=2026-04-01T00:00:00Z").await;
    let flagged: Vec<(&Value, &Value)> = told["rows"].as_array().into_iter().flatten().map(|r| (&r["ticket"], &r["why"])).collect();
    assert_eq!(flagged, [(&json!(before), &json!(["outside the period"]))]);
    assert_eq!((&told["rows"][0]["person_name"], &told["summary"]["approvals"]), (&json!("chi"), &json!(2)));
    let later = report(w, "approvals?from=2026-03-05T00:00:00Z").await;
    assert_eq!((&later["summary"]["approvals"], &later["rows"]), (&json!(1), &json!([])));
    // Emergency use is approved while it is under way: that is no approval of its beginning. A spoken one is counted.
    let urgent = json!({ "title": "Restart", "type": "emergency", "system": "other", "verbal_approver": w.id_of("chi"),
        "emergency_reason": "Payments are down; every hour costs 40 orders." });
    let urgent = w.person("ana").posts("/api/v1/tickets", json!({ "kind": "change", "fields": urgent })).await.number();
    w.person("ana").takes("start", &urgent, json!({})).await.done();
    w.advance(minutes(10)).await;
    decides(w, "chi", &urgent).await.done();
    let told = report(w, "approvals?from=2026-03-05T00:00:00Z").await;
    assert_eq!((&told["summary"]["by_word"], &told["rows"]), (&json!(1), &json!([])));
    w.person("aud").gets("/api/v1/reports/approvals?from=never").await.refused("BadRequest").about(&["from"]);
}
on_both!(an_approval_outside_the_period_or_after_the_work_began_is_flagged_and_no_other);
