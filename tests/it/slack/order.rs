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
