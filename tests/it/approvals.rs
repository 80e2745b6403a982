//! Approvals over HTTP, with a procedure that needs some: who decides is who is verified, and what they were shown.

use countersign::desk::request::Ask;
use countersign::people::PeopleCommand;
use serde_json::{Value, json};

use super::world::{Person, World, days, on_both};

/// A procedure that asks for an approval.
pub const PERMIT: &str = "kind: permit
prefix: PRM
title: Permit
purpose: Something is allowed once others have said so.
fields:
  title: { type: line, help: What is to be allowed. }
  scope: { type: choice, of: [small, large], default: small, audit: true, help: How much of it. }
  remark: { type: line, help: Anything else. }
statuses: [requested, granted]
ended: [granted]
declare: { by: anyone, asks: [title, scope], requires: [title] }
transitions:
  grant:
    from: requested
    to: granted
    by: responder
    help: It is allowed from now on.
    approval: { of: [title, scope], stages: [{ by: incident-manager }] }
retention: Six years.
";

/// Adopts the procedure, opens a permit, and gives its number.
async fn permit(w: &mut World) -> String {
    let mut files = countersign::procedure::built_in();
    files.push(("kinds/permit.yaml".to_owned(), PERMIT.as_bytes().to_vec()));
    w.adopts(files, "Permits are asked for here.").await;
    let body = json!({ "kind": "permit", "fields": { "title": "Open the side door" } });
    w.person("ana").posts("/api/v1/tickets", body).await.number()
}

/// The digest of what an approver is shown now.
async fn shown(w: &World, ticket: &str) -> String {
    w.person("aud").sees(ticket).await["can"][0]["approval"].as_str().expect("a digest").to_owned()
}

async fn decides(person: &Person, ticket: &str, digest: &str) -> super::world::Answered {
    let body = json!({ "transition": "grant", "decision": "approve", "reason": "It is needed.", "digest": digest });
    person.posts(&format!("/api/v1/tickets/{ticket}/approvals"), body).await
}

// proves: ATT-08
async fn a_name_like_an_approvers_approves_nothing(w: &mut World) {
    let ticket = permit(w).await;
    let digest = shown(w, &ticket).await;
    w.hires_called("double", "mia", "mia@elsewhere.example.com", &["responder"]).await;
    let (double, mia) = (w.signed_in("double").await, w.signed_in("mia").await);
    let (me, her) = (double.gets("/api/v1/me").await.done(), mia.gets("/api/v1/me").await.done());
    assert_eq!(me["name"], her["name"]);
    decides(&double, &ticket, &digest).await.refused("NotAllowed").with_status(403);
    let refused = w.log_of("Refused").await;
    assert_eq!((refused.len(), &refused[0]["actor"]["id"]), (1, &json!(double.id)));
    w.person("ana").takes("grant", &ticket, json!({})).await.refused("ApprovalMissing");
    decides(&mia, &ticket, &digest).await.done();
    let given = w.log_of("ApprovalDecided").await.remove(0);
    assert_eq!((&given["actor"]["id"], &given["via"]["auth"]), (&json!(mia.id), &json!("session")));
    w.person("ana").takes("grant", &ticket, json!({})).await.done();
}
on_both!(a_name_like_an_approvers_approves_nothing);

async fn what_changed_since_an_approver_looked_is_told(w: &mut World) {
    let ticket = permit(w).await;
    let (ana, mia) = (w.person("ana"), w.signed_in("mia").await);
    let old = shown(w, &ticket).await;
    ana.sets(&ticket, json!({ "remark": "Soon, please." })).await.done();
    assert_eq!(shown(w, &ticket).await, old, "nobody approves a remark");
    ana.sets(&ticket, json!({ "scope": "large", "title": "Open both side doors" })).await.done();
    let words = format!("{ticket} changed while you were reading: the scope is large now, the title was rewritten. Please look again.");
    decides(&mia, &ticket, &old).await.refused("Stale").with_status(409).says(&words).about(&["scope", "title"]);
    // A digest of nothing that ever stood here tells no more than where it stands.
    decides(&mia, &ticket, &"0".repeat(64)).await.refused("Stale").says("it is requested now").about(&[]);
    // By key, by the one who asked, and without the role: refused before anything is told.
    decides(&w.person("mia"), &ticket, &old).await.refused("NotByKey").about(&[]);
    decides(&w.signed_in("ana").await, &ticket, &old).await.refused("OwnRequest").about(&[]);
    decides(&w.signed_in("ben").await, &ticket, &old).await.refused("NotAllowed").about(&[]);
    let now = shown(w, &ticket).await;
    decides(&mia, &ticket, &now).await.done();
    decides(&mia, &ticket, &now).await.refused("AlreadyDecided");
}
on_both!(what_changed_since_an_approver_looked_is_told);

/// Names of those who held the role at a moment.
async fn holders(w: &World, role: &str, at: &str) -> Vec<String> {
    let told = w.person("aud").gets(&format!("/api/v1/reports/roles?role={role}&at={at}")).await.done();
    let rows = told["rows"].as_array().into_iter().flatten();
    let mut names: Vec<String> = rows.map(|r| r["name"].as_str().unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

// proves: ATT-10
async fn who_held_a_role_on_a_past_day_is_known_and_an_approval_shows_it(w: &mut World) {
    let ticket = permit(w).await;
    let mia = w.signed_in("mia").await;
    decides(&mia, &ticket, &shown(w, &ticket).await).await.done();
    w.advance(days(10)).await;
    for (name, roles) in [("mia", "responder"), ("ben", "incident-manager")] {
        let change = PeopleCommand::SetRoles { person: w.id_of(name), roles: vec![roles.to_owned()] };
        w.operator(Ask::People(change)).await.expect("roles change");
    }
    w.advance(days(10)).await;
    w.disables("max").await;
    w.advance(days(1)).await;
    assert_eq!(holders(w, "incident-manager", "2026-03-07T12:00:00Z").await, ["max", "mia"]);
    assert_eq!(holders(w, "incident-manager", "2026-03-17T12:00:00Z").await, ["ben", "max"]);
    assert_eq!(holders(w, "incident-manager", "2026-03-23T09:00:00Z").await, ["ben"]);
    assert_eq!(holders(w, "incident-manager", "2026-03-01T00:00:00Z").await, Vec::<String>::new());
    // Her approval shows her, and the role that she held then.
    let given = &w.person("aud").sees(&ticket).await["approvals"]["grant"][0];
    assert_eq!((&given["person"], &given["roles"]), (&json!(mia.id), &json!(["incident-manager"])));
    assert_ne!(given["at"], Value::Null);
}
on_both!(who_held_a_role_on_a_past_day_is_known_and_an_approval_shows_it);
