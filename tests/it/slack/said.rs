//! What is said in an incident's channel becomes its timeline; what is changed or deleted there stays in the record.

use serde_json::{Value, json};
use sha2::Digest as _;

use super::hand::{Hand, TEAM};
use crate::world::slack::FakeSlack;
use crate::world::{World, minutes, on_both, until};

async fn incident(w: &mut World, notes: &str) -> (FakeSlack, String) {
    let slack = FakeSlack::starts().await;
    w.settings.push_str(&format!("{}notes = \"{notes}\"\n", slack.settings()));
    w.stops().await;
    w.starts().await;
    for name in ["ana", "ben"] {
        let user = slack.joins(name);
        w.links(name, &user).await;
    }
    w.person("ben").declares("the shop is down", "sev1").await;
    w.slack_is_told().await;
    let channel = slack.channel_like("inc-000001").id;
    (slack, channel)
}

fn hand<'w>(w: &'w World, slack: &FakeSlack, name: &str, channel: &str) -> Hand<'w> {
    let user = slack.lock().users.values().find(|u| u.name == name).map(|u| u.id.clone()).expect("somebody in the workspace");
    Hand::of(w, slack, &user).within(channel)
}

async fn notes(w: &World) -> Vec<Value> {
    w.events("INC-000001").await.into_iter().filter(|e| e["kind"] == "NoteAdded" || e["kind"] == "NoteRevised").collect()
}

fn whispers(slack: &FakeSlack) -> String {
    slack.lock().whispers.iter().map(|(_, _, message)| message.to_string()).collect()
}

async fn a_message_is_a_sealed_note_once_and_its_edits_and_deletion_keep_the_original(w: &mut World) {
    let (slack, channel) = incident(w, "all").await;
    let ana = hand(w, &slack, "ana", &channel);
    let at = ana.place();
    let message = |text: &str| json!({ "type": "message", "user": ana.user, "team": TEAM, "ts": at, "text": text });
    let mut said = message(&format!("Worker 7 hangs &amp; <@{}> knows why, see <https://grafana.example.com/d/1|the graph>", ana.user));
    said["channel"] = json!(channel);
    for _ in 0..3 {
        assert_eq!(ana.told("Ev1", said.clone()).await.status, 200);
    }
    assert_eq!(ana.told("Ev2", said.clone()).await.status, 200, "the same message under another event is the same message");
    let changed = json!({ "type": "message", "subtype": "message_changed", "channel": channel, "ts": ana.place(),
        "message": { "user": ana.user, "ts": at, "text": "Worker 7 hung", "edited": { "user": ana.user, "ts": "1772445700.0" } }, "previous_message": said });
    let unfurled =
        json!({ "type": "message", "subtype": "message_changed", "channel": channel, "message": said, "previous_message": said });
    let deleted = json!({ "type": "message", "subtype": "message_deleted", "channel": channel, "deleted_ts": at, "previous_message": message("Worker 7 hung") });
    for (id, event) in [("Ev3", &changed), ("Ev3", &changed), ("Ev4", &unfurled), ("Ev5", &deleted), ("Ev5", &deleted)] {
        assert_eq!(ana.told(id, event.clone()).await.status, 200);
    }
    let notes = notes(w).await;
    let shown: Vec<_> =
        notes.iter().map(|e| (e["kind"].as_str().unwrap_or_default(), e["texts"]["note"].as_str().unwrap_or_default())).collect();
    assert_eq!(
        shown,
        [
            ("NoteAdded", "Worker 7 hangs & @ana knows why, see https://grafana.example.com/d/1"),
            ("NoteRevised", "Worker 7 hung"),
            ("NoteRevised", "")
        ]
    );
    assert!(notes[2]["data"]["removed"] == true && notes.iter().all(|e| e["actor"]["id"] == json!(w.id_of("ana"))));
    w.slack_is_told().await;
    let posted = slack.channel_like("inc-000001").messages.iter().map(Value::to_string).collect::<String>();
    assert!(!posted.contains("Worker 7"), "what was said there is not said there once more");
    let log = w.log_of("NoteAdded").await[0].to_string();
    assert!(!log.contains("Worker") && !log.contains(&ana.user), "all of it is sealed: {log}");
}
on_both!(a_message_is_a_sealed_note_once_and_its_edits_and_deletion_keep_the_original);

async fn a_message_that_slack_delivers_late_is_visibly_late(w: &mut World) {
    let (slack, channel) = incident(w, "all").await;
    let ana = hand(w, &slack, "ana", &channel);
    let at = ana.place();
    w.advance(minutes(20)).await;
    ana.told("Ev1", json!({ "type": "message", "channel": channel, "user": ana.user, "ts": at, "text": "It began at ten." })).await.text();
    let note = notes(w).await.remove(0);
    assert_eq!(note["data"]["late"], true);
    assert!(note["data"]["occurred_at"].as_str().is_some_and(|at| at.starts_with("2026-03-02T10:0")), "{note}");
}
on_both!(a_message_that_slack_delivers_late_is_visibly_late);

async fn the_organisation_chooses_which_messages_become_notes(w: &mut World) {
    let (slack, channel) = incident(w, "reaction:memo").await;
    let ana = hand(w, &slack, "ana", &channel);
    let at = posted(&slack, &channel, &ana.user, "Restarted worker 7.");
    let message = json!({ "type": "message", "channel": channel, "user": ana.user, "ts": at, "text": "Restarted worker 7." });
    ana.told("Ev1", message).await.text();
    let react = |reaction: &str| json!({ "type": "reaction_added", "user": ana.user, "reaction": reaction, "item": { "type": "message", "channel": channel, "ts": at } });
    ana.told("Ev2", react("eyes")).await.text();
    assert!(notes(w).await.is_empty());
    ana.told("Ev3", react("memo")).await.text();
    ana.told("Ev4", react("memo")).await.text();
    assert_eq!(notes(w).await.len(), 1);
    assert!(ana.hears("/incident note Another one.").await.contains("Recorded"));
    assert_eq!(notes(w).await.len(), 2);
}
on_both!(the_organisation_chooses_which_messages_become_notes);

/// A message that stands in the fake's channel.
fn posted(slack: &FakeSlack, channel: &str, user: &str, text: &str) -> String {
    let mut state = slack.lock();
    let at = state.next_ts();
    let message = json!({ "type": "message", "user": user, "ts": at, "text": text });
    state.channels.get_mut(channel).expect("the channel").messages.push(message);
    at
}

async fn a_paperclip_makes_a_message_evidence_of_the_phase(w: &mut World) {
    let (slack, channel) = incident(w, "all").await;
    let ana = hand(w, &slack, "ana", &channel);
    w.person("ana").acknowledges("INC-000001").await.done();
    w.person("ana").contains("INC-000001", "Drained zone b.").await.done();
    let at = posted(&slack, &channel, &ana.user, "zone b is drained: 0 connections");
    let clip = json!({ "type": "reaction_added", "user": ana.user, "reaction": "paperclip", "item": { "type": "message", "channel": channel, "ts": at } });
    for id in ["Ev1", "Ev1", "Ev2"] {
        assert_eq!(ana.told(id, clip.clone()).await.status, 200);
    }
    let ticket = w.person("ana").sees("INC-000001").await;
    let files = ticket["files"].as_array().expect("files");
    assert_eq!((files.len(), &files[0]["phase"], &files[0]["media_type"]), (1, &json!("contain"), &json!("text/plain")));
}
on_both!(a_paperclip_makes_a_message_evidence_of_the_phase);

// proves: RET-13
async fn markings_are_refused_secrets_are_masked_and_the_attempt_is_on_record(w: &mut World) {
    let (slack, channel) = incident(w, "all").await;
    let ana = hand(w, &slack, "ana", &channel);
    ana.says("CUI//SP-CTI\nThe wing spar is 4 mm.").await;
    ana.says("use password: hunter2hunter2 for now, worker 7 is back").await;
    let notes = notes(w).await;
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0]["texts"]["note"], "use [credential removed] for now, worker 7 is back");
    let withheld: Vec<Value> = w.log_of("ContentWithheld").await.iter().map(|e| e["data"].clone()).collect();
    assert_eq!(
        withheld,
        [json!({ "found": ["marking"], "of": "note", "masked": false }), json!({ "found": ["credential"], "of": "note", "masked": true })]
    );
    let told = whispers(&slack);
    assert!(told.contains("a protective marking") && told.contains("please delete it here as well"), "{told}");
}
on_both!(markings_are_refused_secrets_are_masked_and_the_attempt_is_on_record);

async fn files_in_the_channel_are_fetched_and_those_with_secrets_are_not_kept(w: &mut World) {
    let (slack, channel) = incident(w, "all").await;
    let ana = hand(w, &slack, "ana", &channel);
    let file = |name: &str, bytes: &[u8]| {
        let (id, url) = slack.keeps_file(bytes);
        json!({ "id": id, "name": name, "url_private_download": url, "url_private": url, "size": bytes.len() })
    };
    let key = format!("aws_key = {}", "AKIAIOSFODNN7EXAMPLE");
    let mut huge = file("huge.bin", b"x");
    huge["size"] = json!(1_u64 << 40);
    let mut elsewhere = file("elsewhere.txt", b"x");
    elsewhere["url_private_download"] = json!("https://evil.example/x");
    let files = json!([file("worker.log", b"worker 7 hung"), file("env.txt", key.as_bytes()), huge, elsewhere]);
    let event = json!({ "type": "message", "subtype": "file_share", "channel": channel, "user": ana.user, "ts": ana.place(), "text": "the logs", "files": files });
    for _ in 0..2 {
        assert_eq!(ana.told("Ev1", event.clone()).await.status, 200);
    }
    let ticket = w.person("ana").sees("INC-000001").await;
    assert_eq!(ticket["files"].as_array().map(Vec::len), Some(1), "{ticket}");
    let told = whispers(&slack);
    assert!(told.contains("a password, key or token") && told.contains("too large") && told.contains("could not fetch"), "{told}");
}
on_both!(files_in_the_channel_are_fetched_and_those_with_secrets_are_not_kept);

async fn somebody_who_joins_without_the_right_to_read_is_told_of(w: &mut World) {
    let (slack, channel) = incident(w, "all").await;
    let nil = slack.joins("nil");
    w.links("nil", &nil).await;
    let (ana, stranger) = (hand(w, &slack, "ana", &channel), slack.joins("stranger"));
    let joined = |user: &str| json!({ "type": "member_joined_channel", "user": user, "channel": channel, "team": TEAM });
    for (id, user) in [("Ev1", ana.user.as_str()), ("Ev2", &nil), ("Ev2", &nil), ("Ev3", &stranger), ("Ev4", "UBOT")] {
        assert_eq!(ana.told(id, joined(user)).await.status, 200);
    }
    let told: Vec<Value> = w.log_of("ChannelJoined").await.iter().map(|e| e["data"]["person"].clone()).collect();
    assert_eq!(told, [json!(w.id_of("nil")), Value::Null]);
}
on_both!(somebody_who_joins_without_the_right_to_read_is_told_of);

// proves: INC-10
async fn the_transcript_is_filed_with_its_hash_when_the_work_ends(w: &mut World) {
    let (slack, channel) = incident(w, "all").await;
    let ana = hand(w, &slack, "ana", &channel);
    posted(&slack, &channel, &ana.user, "Restarted worker 7.");
    posted(&slack, &channel, &ana.user, "CUI\nThe wing drawing is on the share.");
    let asked = posted(&slack, &channel, &ana.user, "Who looks at zone b?");
    let answer = posted(&slack, &channel, &ana.user, "I do.");
    {
        let mut state = slack.lock();
        let messages = &mut state.channels.get_mut(&channel).expect("the channel").messages;
        messages.iter_mut().filter(|m| m["ts"] == answer.as_str()).for_each(|m| m["thread_ts"] = json!(asked));
    }
    // Slack fails at first.
    (0..3).for_each(|_| slack.fails("conversations.history", crate::world::slack::Fault::Broken));
    w.person("ana").acknowledges("INC-000001").await.done();
    w.readies("INC-000001", "remediated").await;
    w.person("mia").closes("INC-000001", "Fixed, and confirmed.").await.done();
    until("the transcript is filed", async || {
        // It is tried again when some time has passed.
        w.clock.advance(std::time::Duration::from_millis(500));
        !w.log_of("EvidenceAttached").await.is_empty()
    })
    .await;
    let file = w.events("INC-000001").await.into_iter().find(|e| e["kind"] == "EvidenceAttached").expect("a file");
    assert!(file["texts"]["name"].as_str().is_some_and(|name| name.starts_with("transcript-INC-000001")), "{file}");
    assert_eq!(file["actor"]["type"], "scheduler");
    let number = file["data"]["file"].as_i64().expect("a number");
    let text = w.person("ana").gets(&format!("/api/v1/tickets/INC-000001/attachments/{number}")).await;
    assert!(text.text().contains("ana: Restarted worker 7."), "{}", text.text());
    assert!(text.text().contains("ana (in a thread): I do."), "{}", text.text());
    assert!(text.text().contains("held back") && !text.text().contains("wing drawing"), "{}", text.text());
    let hash = hex::encode(sha2::Sha256::digest(&text.bytes));
    assert_eq!(file["texts"]["sha256"], hash);
    // What is changed in chat afterwards changes nothing of it.
    slack.lock().channels.get_mut(&channel).expect("the channel").messages.iter_mut().for_each(|m| m["text"] = json!("nothing happened"));
    w.slack_is_told().await;
    let bundle = w.exported().await;
    let kept = std::fs::read(bundle.join("attachments").join(&hash)).expect("the bundle has it");
    assert!(hex::encode(sha2::Sha256::digest(&kept)) == hash && kept == text.bytes);
}
on_both!(the_transcript_is_filed_with_its_hash_when_the_work_ends);

// proves: INC-10
async fn the_transcript_begins_where_the_work_began(w: &mut World) {
    let slack = w.uses_slack().await;
    let user = slack.joins("ana");
    w.links("ana", &user).await;
    w.person("ben").declares("slow search", "sev3").await;
    w.slack_is_told().await;
    let threads = slack.channel("incidents").expect("the channel of threads");
    let in_thread = posted(&slack, &threads.id, &user, "It is slow since ten.");
    {
        let mut state = slack.lock();
        let messages = &mut state.channels.get_mut(&threads.id).expect("it").messages;
        messages.iter_mut().filter(|m| m["ts"] == in_thread.as_str()).for_each(|m| m["thread_ts"] = threads.messages[0]["ts"].clone());
    }
    posted(&slack, &threads.id, &user, "Lunch is at twelve.");
    let worse = json!({ "fields": { "severity": "sev1" }, "reason": "it spreads" });
    w.person("ana").posts("/api/v1/tickets/INC-000001/fields", worse).await.done();
    w.slack_is_told().await;
    posted(&slack, &slack.channel_like("inc-000001").id, &user, "Now the shop is slow as well.");
    w.person("ana").acknowledges("INC-000001").await.done();
    w.readies("INC-000001", "remediated").await;
    w.person("mia").closes("INC-000001", "Fixed, and confirmed.").await.done();
    until("the transcript is filed", async || !w.log_of("EvidenceAttached").await.is_empty()).await;
    let file = w.events("INC-000001").await.into_iter().find(|e| e["kind"] == "EvidenceAttached").expect("a file");
    let text = w.person("ana").gets(&format!("/api/v1/tickets/INC-000001/attachments/{}", file["data"]["file"])).await.text();
    let place = |said: &str| text.find(said).unwrap_or_else(|| panic!("{said} is not in {text}"));
    assert!(place("ana (in a thread): It is slow since ten.") < place("(It went on in another place.)"), "{text}");
    assert!(place("(It went on in another place.)") < place("ana: Now the shop is slow as well."), "{text}");
    assert!(!text.contains("Lunch"), "what was said beside its thread is not of it: {text}");
}
on_both!(the_transcript_begins_where_the_work_began);

async fn the_first_page_of_the_app_shows_what_waits(w: &mut World) {
    let (slack, channel) = incident(w, "all").await;
    let (ana, nobody) = (hand(w, &slack, "ana", &channel), slack.joins("nobody"));
    for user in [&ana.user, &nobody] {
        ana.told(&format!("Ev{user}"), json!({ "type": "app_home_opened", "user": user, "tab": "home" })).await.text();
    }
    let homes = slack.lock().homes.clone();
    assert!(homes[&ana.user].to_string().contains("INC-000001"), "{}", homes[&ana.user]);
    assert!(homes[&nobody].to_string().contains("Link my account") && !homes[&nobody].to_string().contains("INC-000001"));
}
on_both!(the_first_page_of_the_app_shows_what_waits);
