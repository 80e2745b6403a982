//! That nobody answered says something only of those who were reached: an emergency goes on in silence once everybody who may
//! approve it was told, by whichever way, and had their time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::world::answer::Answered;
use super::world::change::decides;
use super::world::pager::FakePager;
use super::world::slack::FakeSlack;
use super::world::{World, minutes, on_both};

/// What is configured, and the service started again with it.
async fn configures(w: &mut World, settings: &str) {
    w.settings.push_str(settings);
    w.stops().await;
    w.starts().await;
}

/// Payments are down, chi and cho may approve, and an emergency change waits for either.
async fn waits(w: &mut World) -> String {
    w.hires("chi", &["approver"]).await;
    w.hires("cho", &["approver"]).await;
    let ana = w.person("ana");
    let inc = ana.declares("payments are down", "sev1").await;
    let raw = json!({ "title": "Restart the database", "type": "emergency", "system": "other" });
    let chg = ana.posts("/api/v1/tickets", json!({ "kind": "change", "fields": raw })).await.number();
    ana.posts(&format!("/api/v1/tickets/{chg}/links"), json!({ "link": "change_for", "to": inc })).await.done();
    chg
}

async fn starts(w: &World, chg: &str) -> Answered {
    let reason = json!({ "fields": { "emergency_reason": "Payments are down; every hour costs 40 orders." } });
    w.person("ana").takes("start", chg, reason).await
}

/// By which way who was reached, as the log says.
async fn reached(w: &World, chg: &str) -> BTreeSet<(String, String)> {
    let events = w.events(chg).await;
    let mut out = BTreeSet::new();
    for event in events.iter().filter(|e| e["kind"] == "GroupReached") {
        assert_eq!((&event["data"]["group"], &event["actor"]["type"]), (&json!("approvers"), &json!("scheduler")), "{event}");
        for person in event["data"]["people"].as_array().into_iter().flatten() {
            let name = ["chi", "cho"].into_iter().find(|name| json!(w.id_of(name)) == *person).unwrap_or("somebody else");
            assert!(out.insert((event["data"]["way"].as_str().unwrap_or_default().to_owned(), name.to_owned())), "twice: {event}");
        }
    }
    out
}

fn of(pairs: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    pairs.iter().map(|(way, name)| ((*way).to_owned(), (*name).to_owned())).collect()
}

// proves: CHG-17
async fn an_emergency_goes_on_in_silence_once_everybody_who_may_approve_was_told_in_slack(w: &mut World) {
    let slack = FakeSlack::starts().await;
    configures(w, &slack.settings()).await;
    let chg = waits(w).await;
    // Nobody has an account there yet: the quarter of an hour passes, and says nothing.
    w.pages_are_sent().await;
    w.advance(minutes(16)).await;
    w.tick().await;
    assert_eq!(reached(w, &chg).await, of(&[]));
    starts(w, &chg).await.refused("ApprovalMissing").says("could be reached by any way in time, so that nobody answered says nothing");
    // The next one: one of the two is told, the other has no account there.
    let user = slack.joins("chi");
    w.links("chi", &user).await;
    let chg = another(w).await;
    w.pages_are_sent().await;
    w.advance(minutes(16)).await;
    w.tick().await;
    assert_eq!(reached(w, &chg).await, of(&[("chat", "chi")]));
    starts(w, &chg).await.refused("ApprovalMissing").says("not everybody who may approve it was reached in time (cho)");
    // Cho has left: everybody who may approve was reached, and had their time.
    w.disables("cho").await;
    starts(w, &chg).await.done();
    let seen = w.person("ana").sees(&chg).await;
    assert_eq!(seen["status"], "implementing");
    assert!(w.events(&chg).await.iter().any(|e| e["kind"] == "ApprovalSpoken" && e["data"]["giver"].is_null()));
    // Who may approve is asked for the click; who asked for it is not.
    let asked = async |who: &str| {
        let waiting = w.person(who).gets("/api/v1/inbox").await.done();
        waiting["waiting"].as_array().into_iter().flatten().any(|e| e["why"] == "confirm" && e["ticket"]["number"] == json!(chg))
    };
    assert!(asked("chi").await && !asked("ana").await);
    decides(w, "chi", &chg).await.done();
    assert!(!asked("chi").await);
    w.slack_is_told().await;
    w.pages_are_sent().await;
}
on_both!(an_emergency_goes_on_in_silence_once_everybody_who_may_approve_was_told_in_slack);

/// One more change of the same sort.
async fn another(w: &World) -> String {
    let ana = w.person("ana");
    let raw = json!({ "title": "Restart the queue", "type": "emergency", "system": "other" });
    let chg = ana.posts("/api/v1/tickets", json!({ "kind": "change", "fields": raw })).await.number();
    ana.posts(&format!("/api/v1/tickets/{chg}/links"), json!({ "link": "change_for", "to": "INC-000001" })).await.done();
    chg
}

async fn where_there_is_no_chat_the_webhook_reaches_whoever_may_approve(w: &mut World) {
    let pager = FakePager::starts().await;
    // The first two tries do not get through.
    pager.lock().failures = 2;
    configures(w, &pager.webhook()).await;
    let chg = waits(w).await;
    assert_eq!(reached(w, &chg).await, of(&[]));
    w.pages_are_sent().await;
    assert_eq!(reached(w, &chg).await, of(&[("webhook", "chi"), ("webhook", "cho")]));
    let page = {
        let held = pager.lock();
        let pages: Vec<&Value> = held.pages.iter().map(|(_, page)| page).filter(|p| p["data"]["ticket"] == json!(chg)).collect();
        assert_eq!(pages.len(), 1, "{pages:?}");
        pages[0]["data"]["people"].clone()
    };
    let emails: BTreeSet<&str> = page.as_array().into_iter().flatten().filter_map(|p| p["email"].as_str()).collect();
    assert_eq!(emails, BTreeSet::from(["chi@example.com", "cho@example.com"]));
    // They have as long as everybody has, from when they were reached.
    starts(w, &chg).await.refused("ApprovalMissing");
    w.advance(minutes(16)).await;
    w.tick().await;
    starts(w, &chg).await.done();
    // Of the next one somebody says that they have seen it: that is an answer, and no silence.
    let next = another(w).await;
    w.pages_are_sent().await;
    w.person("cho").posts(&format!("/api/v1/tickets/{next}/notifications/approvers/acknowledge"), json!({})).await.done();
    w.advance(minutes(16)).await;
    w.tick().await;
    starts(w, &next).await.refused("ApprovalMissing").says("Say who agreed");
}
on_both!(where_there_is_no_chat_the_webhook_reaches_whoever_may_approve);
