//! Incidents that live in a thread of a channel that others share: what is said and marked there counts as it does in a
//! channel of their own, and what is said beside the threads is nobody's.

use serde_json::{Value, json};

use super::hand::{Hand, TEAM};
use crate::world::slack::FakeSlack;
use crate::world::{World, on_both};

/// Two incidents in threads: the channel, and where their cards stand.
async fn threads(w: &mut World, notes: &str) -> (FakeSlack, String, Vec<String>) {
    let slack = FakeSlack::starts().await;
    w.settings.push_str(&format!("{}notes = \"{notes}\"\n", slack.settings()));
    w.stops().await;
    w.starts().await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    for title in ["slow search", "a typo"] {
        w.person("ana").declares(title, "sev3").await;
    }
    w.slack_is_told().await;
    let channel = slack.channel("incidents").expect("the channel of threads");
    let cards = channel.messages.iter().filter(|m| m["metadata"]["event_payload"]["what"] == "card");
    let places: Vec<String> = cards.map(|m| m["ts"].as_str().expect("a place").to_owned()).collect();
    (slack, channel.id, places)
}

fn ana<'w>(w: &'w World, slack: &FakeSlack, channel: &str) -> Hand<'w> {
    let user = slack.lock().users.values().find(|u| u.name == "ana").map(|u| u.id.clone()).expect("ana");
    Hand::of(w, slack, &user).within(channel)
}

/// A message that stands in the fake's channel, in a thread or beside them.
fn posted(slack: &FakeSlack, hand: &Hand<'_>, thread: Option<&str>, words: &str) -> Value {
    let mut state = slack.lock();
    let at = state.next_ts();
    let mut message = json!({ "type": "message", "user": hand.user, "team": TEAM, "ts": at, "text": words });
    if let Some(thread) = thread {
        message["thread_ts"] = json!(thread);
    }
    state.channels.get_mut(&hand.channel).expect("the channel").messages.push(message.clone());
    message
}

fn reaction(hand: &Hand<'_>, name: &str, message: &Value) -> Value {
    let item = json!({ "type": "message", "channel": hand.channel, "ts": message["ts"] });
    json!({ "type": "reaction_added", "user": hand.user, "reaction": name, "item": item })
}

async fn a_paperclip_in_a_thread_makes_evidence_of_that_incident(w: &mut World) {
    let (slack, channel, cards) = threads(w, "all").await;
    let ana = ana(w, &slack, &channel);
    let seen = posted(&slack, &ana, Some(&cards[1]), "the page says teh");
    let beside = posted(&slack, &ana, None, "lunch is at twelve");
    ana.told("Ev1", reaction(&ana, "paperclip", &seen)).await.text();
    ana.told("Ev2", reaction(&ana, "paperclip", &beside)).await.text();
    let files = async |number: &str| w.person("ana").sees(number).await["files"].as_array().map_or(0, Vec::len);
    assert_eq!((files("INC-000001").await, files("INC-000002").await), (0, 1), "lunch is evidence of nothing");
}
on_both!(a_paperclip_in_a_thread_makes_evidence_of_that_incident);

async fn an_emoji_in_a_thread_keeps_the_message_as_a_note_of_that_incident(w: &mut World) {
    let (slack, channel, cards) = threads(w, "reaction:memo").await;
    let ana = ana(w, &slack, &channel);
    let seen = posted(&slack, &ana, Some(&cards[1]), "Found it in the footer.");
    ana.told("Ev1", reaction(&ana, "memo", &seen)).await.text();
    let notes = w.log_of("NoteAdded").await;
    assert_eq!((notes.len(), &notes[0]["ticket"]), (1, &json!("INC-000002")));
}
on_both!(an_emoji_in_a_thread_keeps_the_message_as_a_note_of_that_incident);

async fn what_is_pinned_becomes_a_note_in_a_thread_and_nothing_else_does(w: &mut World) {
    let (slack, channel, cards) = threads(w, "pinned").await;
    let ana = ana(w, &slack, &channel);
    let seen = posted(&slack, &ana, Some(&cards[0]), "The index is half built.");
    let beside = posted(&slack, &ana, None, "lunch is at twelve");
    let mut plain = seen.clone();
    plain["channel"] = json!(channel);
    ana.told("Ev1", plain).await.text();
    assert!(w.log_of("NoteAdded").await.is_empty(), "only what is pinned");
    for (n, message) in [&seen, &seen, &beside].into_iter().enumerate() {
        let item = json!({ "type": "message", "channel": channel, "message": message });
        ana.told(&format!("Ev1{n}"), json!({ "type": "pin_added", "user": ana.user, "channel_id": channel, "item": item })).await.text();
    }
    let notes = w.events("INC-000001").await.into_iter().filter(|e| e["kind"] == "NoteAdded").collect::<Vec<_>>();
    assert_eq!(w.log_of("NoteAdded").await.len(), 1);
    assert_eq!(notes[0]["texts"]["note"], "The index is half built.");
}
on_both!(what_is_pinned_becomes_a_note_in_a_thread_and_nothing_else_does);

async fn what_is_said_beside_the_threads_is_no_tickets_note_also_before_a_card_stands(w: &mut World) {
    let (slack, channel, cards) = threads(w, "all").await;
    let ana = ana(w, &slack, &channel);
    // A third one has its place, and its card cannot be posted yet.
    (0..3).for_each(|_| slack.fails("chat.postMessage", crate::world::slack::Fault::Limited(60)));
    w.person("ana").declares("nothing yet", "sev4").await;
    crate::world::until("its place is known", async || {
        w.database.number("SELECT COUNT(*) FROM chat_room WHERE platform = 'slack' AND ticket = 'INC-000003' AND channel <> ''").await == 1
    })
    .await;
    ana.says("lunch is at twelve").await;
    assert!(w.log_of("NoteAdded").await.is_empty());
    let mut within = posted(&slack, &ana, Some(&cards[0]), "The index is half built.");
    within["channel"] = json!(channel);
    ana.told("Ev9", within).await.text();
    let notes = w.log_of("NoteAdded").await;
    assert_eq!((notes.len(), &notes[0]["ticket"]), (1, &json!("INC-000001")));
}
on_both!(what_is_said_beside_the_threads_is_no_tickets_note_also_before_a_card_stands);
