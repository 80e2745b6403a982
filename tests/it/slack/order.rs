//! Slack tells in any order, and of places that a ticket has left: nothing that was said, changed or taken away is lost.

use serde_json::{Value, json};

use super::hand::{Hand, TEAM};
use crate::world::slack::FakeSlack;
use crate::world::{World, on_both};

async fn incident(w: &mut World) -> (FakeSlack, String) {
    let slack = w.uses_slack().await;
    for name in ["ana", "ben"] {
        let user = slack.joins(name);
        w.links(name, &user).await;
    }
    w.person("ben").declares("drawings leaked", "sev1").await;
    w.slack_is_told().await;
    let channel = slack.channel_like("inc-000001").id;
    (slack, channel)
}

fn ana<'w>(w: &'w World, slack: &FakeSlack, channel: &str) -> Hand<'w> {
    let user = slack.lock().users.values().find(|u| u.name == "ana").map(|u| u.id.clone()).expect("ana");
    Hand::of(w, slack, &user).within(channel)
}

/// What the record holds of what was said: kind and words.
async fn notes(w: &World) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = w.events("INC-000001").await;
    let said = events.iter().filter(|e| matches!(e["kind"].as_str(), Some("NoteAdded" | "NoteRevised")));
    said.map(|e| (text(&e["kind"]), text(&e["texts"]["note"]))).collect()
}

fn said(kind: &str, words: &str) -> (String, String) {
    (kind.to_owned(), words.to_owned())
}

fn message(hand: &Hand<'_>, at: &str, words: &str) -> Value {
    json!({ "type": "message", "channel": hand.channel, "user": hand.user, "team": TEAM, "ts": at, "text": words })
}

/// The event of a change, as Slack sends it.
fn changed(hand: &Hand<'_>, at: &str, from: &str, to: &str, edited: &str) -> Value {
    let mut now = message(hand, at, to);
    now["edited"] = json!({ "user": hand.user, "ts": edited });
    json!({ "type": "message", "subtype": "message_changed", "channel": hand.channel, "message": now,
            "previous_message": message(hand, at, from) })
}

fn deleted(hand: &Hand<'_>, at: &str, words: &str) -> Value {
    json!({ "type": "message", "subtype": "message_deleted", "channel": hand.channel, "deleted_ts": at,
            "previous_message": message(hand, at, words) })
}

async fn a_change_and_a_deletion_that_come_before_their_message_lose_nothing(w: &mut World) {
    let (slack, channel) = incident(w).await;
    let ana = ana(w, &slack, &channel);
    let (one, two) = (ana.place(), ana.place());
    ana.told("Ev1", changed(&ana, &one, "worker 7 hangs", "worker 8 hangs", "1772445700.0")).await.text();
    ana.told("Ev2", message(&ana, &one, "worker 7 hangs")).await.text();
    ana.told("Ev3", deleted(&ana, &two, "I pulled the plug")).await.text();
    ana.told("Ev4", message(&ana, &two, "I pulled the plug")).await.text();
    let told = notes(w).await;
    assert_eq!(
        told,
        [
            said("NoteAdded", "worker 7 hangs"),
            said("NoteRevised", "worker 8 hangs"),
            said("NoteAdded", "I pulled the plug"),
            said("NoteRevised", ""),
        ],
        "what it was comes first, and the message that comes late is known already"
    );
}
on_both!(a_change_and_a_deletion_that_come_before_their_message_lose_nothing);

// proves: RET-13
async fn what_is_changed_so_that_it_may_be_kept_is_kept_and_the_other_way_round_is_told(w: &mut World) {
    let (slack, channel) = incident(w).await;
    let ana = ana(w, &slack, &channel);
    let (one, two) = (ana.place(), ana.place());
    let marked = "CUI//SP-CTI\nThe wing spar is 4 mm.";
    ana.told("Ev1", message(&ana, &one, marked)).await.text();
    assert_eq!(notes(w).await, []);
    ana.told("Ev2", changed(&ana, &one, marked, "The drawing is on the share.", "1772445700.0")).await.text();
    ana.told("Ev3", message(&ana, &two, "The lot is 12.")).await.text();
    ana.told("Ev4", changed(&ana, &two, "The lot is 12.", "CUI//SP-CTI\nThe lot is 12.", "1772445701.0")).await.text();
    let told = notes(w).await;
    assert_eq!(told[..2], [said("NoteAdded", "The drawing is on the share."), said("NoteAdded", "The lot is 12.")]);
    assert!(told.len() == 3 && told[2].0 == "NoteRevised" && told[2].1.contains("not kept"), "{told:?}");
    assert_eq!(w.log_of("ContentWithheld").await.len(), 2, "each attempt is on record, once");
    let bytes = if w.database.kind == crate::world::Kind::Sqlite { "CAST(bytes AS TEXT)" } else { "convert_from(bytes, 'UTF8')" };
    assert_eq!(w.database.number(&format!("SELECT COUNT(*) FROM sealed WHERE {bytes} LIKE '%wing spar%'")).await, 0);
}
on_both!(what_is_changed_so_that_it_may_be_kept_is_kept_and_the_other_way_round_is_told);

async fn what_is_changed_where_the_ticket_was_before_is_of_that_ticket(w: &mut World) {
    let (slack, channel) = incident(w).await;
    let ana = ana(w, &slack, &channel);
    let at = ana.says("The folder was open to all.").await;
    w.person("ben").sets("INC-000001", json!({ "data_involved": ["cui"] })).await.done();
    w.slack_is_told().await;
    assert!(slack.channel("inc-000001").is_some_and(|new| new.id != channel), "it goes on elsewhere");
    ana.told("Ev2", changed(&ana, &at, "The folder was open to all.", "The folder was open to the team.", "1772445700.0")).await.text();
    ana.told("Ev3", deleted(&ana, &at, "The folder was open to the team.")).await.text();
    let told = notes(w).await;
    assert_eq!(told[1..], [said("NoteRevised", "The folder was open to the team."), said("NoteRevised", "")]);
}
on_both!(what_is_changed_where_the_ticket_was_before_is_of_that_ticket);

async fn changes_of_one_message_that_come_in_the_wrong_order_leave_its_last_words_standing(w: &mut World) {
    let (slack, channel) = incident(w).await;
    let ana = ana(w, &slack, &channel);
    let at = ana.place();
    let seconds: i64 = at.split('.').next().and_then(|s| s.parse().ok()).expect("a time");
    w.advance(crate::world::minutes(2)).await;
    let edit = |n: i64| format!("{}.000000", seconds + n);
    // Sent: the message, three changes, one of them twice. Told: the second change first, the message last.
    let first = changed(&ana, &at, "zone a is down", "zone b is down", &edit(10));
    let second = changed(&ana, &at, "zone b is down", "zone c is down", &edit(20));
    let third = changed(&ana, &at, "zone c is down", "zone c is slow", &edit(30));
    for (id, event) in [("Ev3", &second), ("Ev2", &first), ("Ev2", &first), ("Ev4", &third), ("Ev3b", &second)] {
        assert_eq!(ana.told(id, event.clone()).await.status, 200);
    }
    ana.told("Ev1", message(&ana, &at, "zone a is down")).await.text();
    ana.told("Ev1", message(&ana, &at, "zone a is down")).await.text();
    let told = notes(w).await;
    assert_eq!(
        told,
        [
            said("NoteAdded", "zone b is down"),
            said("NoteRevised", "zone c is down"),
            said("NoteRevised", "zone b is down"),
            said("NoteRevised", "zone c is slow"),
            said("NoteRevised", "zone a is down"),
        ],
        "everything is on record, once"
    );
    let revised: Vec<(Value, Value)> =
        w.log_of("NoteRevised").await.iter().map(|e| (e["data"]["edited_at"].clone(), e["data"]["superseded"].clone())).collect();
    let stands: Vec<bool> = revised.iter().map(|(_, superseded)| *superseded != json!(true)).collect();
    assert_eq!(stands, [true, false, true, false], "of those that came late it is said that they do not stand");
    assert!(revised.iter().all(|(at, _)| at.as_str().is_some_and(|at| at.starts_with("2026-03-02T10:0"))), "{revised:?}");
    // What is taken away is gone, whatever change is told of afterwards.
    let mut gone = deleted(&ana, &at, "zone c is slow");
    gone["event_ts"] = json!(edit(50));
    ana.told("Ev6", gone).await.text();
    ana.told("Ev5", changed(&ana, &at, "zone c is slow", "zone c is back", &edit(40))).await.text();
    let late = w.log_of("NoteRevised").await.pop().expect("the last change");
    assert_eq!((&late["data"]["superseded"], &late["data"]["removed"]), (&json!(true), &json!(false)));
    let page = w.signed_in("ben").await.gets("/console/c/INC-000001").await.text();
    assert!(page.contains("before the change that stands"), "{page}");
}
on_both!(changes_of_one_message_that_come_in_the_wrong_order_leave_its_last_words_standing);
