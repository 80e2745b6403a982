//! A change as somebody fills it in, and the way to its approval.

use countersign::env::Timestamp;
use serde_json::{Value, json};

use super::{Answered, World, hours};

/// What the form of a change holds, for a window of this system.
pub fn described(title: &str, system: &str, from: Timestamp, to: Timestamp) -> Value {
    json!({
        "title": title, "category": "configuration", "system": system,
        "description": "Raise the connection limit of prod-db from 100 to 200 in postgresql.conf and reload it.",
        "justification": "Checkout fails at peak since all 100 connections are taken; sales asked on 3 March.",
        "security_impact": "None: the port stays closed to the internet, no controlled information moves.",
        "rollback_plan": "Restore the saved postgresql.conf and reload; takes two minutes.",
        "window_start": from.to_string(), "window_end": to.to_string(),
    })
}

/// The same, for four hours from this time tomorrow on.
pub fn tomorrow(w: &World, title: &str, system: &str) -> Value {
    let from = w.now().plus(hours(24));
    described(title, system, from, from.plus(hours(4)))
}

/// A change that Ana asked for and Ben judged.
pub async fn assessed(w: &World, title: &str, system: &str, level: &str) -> String {
    let ana = w.person("ana");
    let chg = ana.posts("/api/v1/tickets", json!({ "kind": "change", "fields": tomorrow(w, title, system) })).await.number();
    ana.takes("submit", &chg, json!({})).await.done();
    let judged = json!({ "fields": {
        "assessment": "Feasible; tested on staging yesterday, memory suffices for 200 connections.",
        "criticality": level, "exposure": level, "rollback_complexity": level,
    } });
    w.person("ben").takes("assess", &chg, judged).await.done();
    chg
}

/// Somebody approves at the console, on exactly what stands there.
pub async fn decides(w: &World, who: &str, ticket: &str) -> Answered {
    let person = w.signed_in(who).await;
    let seen = person.sees(ticket).await;
    let can = seen["can"].as_array().into_iter().flatten();
    let digest = can.filter_map(|c| c["approval"].as_str()).next().unwrap_or_default().to_owned();
    let body = json!({ "decision": "approve", "reason": "Looked at it.", "digest": digest });
    person.posts(&format!("/api/v1/tickets/{ticket}/approvals"), body).await
}
