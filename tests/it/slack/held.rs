//! What somebody fills in who is nobody yet: notes and files are kept, marked unverified; the rest waits for them, sealed,
//! and completes however they are linked.

use serde_json::{Value, json};

use super::hand::{Hand, TEAM, button, words};
use crate::world::change::assessed;
use crate::world::slack::FakeSlack;
use crate::world::{World, on_both, until};

/// An incident of sev1 with its channel, and somebody in it whom nobody knows yet.
async fn unknown(w: &mut World, more: &str) -> (FakeSlack, Value, String) {
    let slack = FakeSlack::starts().await;
    w.settings.push_str(&format!("{}{more}", slack.settings()));
    w.stops().await;
    w.starts().await;
    let ben = slack.joins("ben");
    w.links("ben", &ben).await;
    w.person("ben").declares("the shop is down", "sev1").await;
    w.slack_is_told().await;
    let channel = slack.channel_like("inc-000001");
    (slack, channel.messages[0].clone(), channel.id)
}

fn told_directly(slack: &FakeSlack) -> String {
    slack.lock().channels.values().filter(|c| c.im).flat_map(|c| c.messages.clone()).map(|m| words(&m)).collect()
}

async fn presses_acknowledge(hand: &Hand<'_>, card: &Value) {
    let said = words(&hand.presses(&button(card, "Acknowledge")).await);
    assert!(said.contains("what you typed is kept"), "{said}");
}

async fn is_acknowledged_by(w: &World, name: &str) {
    until("what waited is done", async || w.person("ben").sees("INC-000001").await["owner"] == json!(w.id_of(name))).await;
}

async fn what_waits_is_done_once_an_administrator_links_the_account(w: &mut World) {
    let (slack, card, channel) = unknown(w, "").await;
    let user = slack.joins("ana");
    presses_acknowledge(&Hand::of(w, &slack, &user).within(&channel), &card).await;
    w.links("ana", &user).await;
    is_acknowledged_by(w, "ana").await;
    until("whoever waited is told", async || told_directly(&slack).contains("What you had filled in is recorded now")).await;
    assert_eq!(w.database.number("SELECT COUNT(*) FROM held_form").await, 0);
}
on_both!(what_waits_is_done_once_an_administrator_links_the_account);

async fn what_waits_is_done_once_an_address_says_whose_the_account_is(w: &mut World) {
    let (slack, card, channel) = unknown(w, "match_email = true\n").await;
    let user = slack.joins_as("ana", |user| user.confirmed = false);
    let ana = Hand::of(w, &slack, &user).within(&channel);
    presses_acknowledge(&ana, &card).await;
    slack.lock().users.get_mut(&user).expect("ana").confirmed = true;
    ana.told("Ev1", json!({ "type": "user_change", "user": { "id": user, "team_id": TEAM, "deleted": false } })).await.text();
    assert!(ana.hears("/countersign whoami").await.contains("ana@example.com"));
    is_acknowledged_by(w, "ana").await;
}
on_both!(what_waits_is_done_once_an_address_says_whose_the_account_is);

async fn what_waits_is_sealed_like_everything_that_people_write(w: &mut World) {
    let (slack, card, channel) = unknown(w, "").await;
    let user = slack.joins("ana");
    let ana = Hand::of(w, &slack, &user).within(&channel);
    presses_acknowledge(&ana, &card).await;
    ana.types("/incident contain Drained-zone-b").await;
    assert_eq!(w.database.number("SELECT COUNT(*) FROM held_form").await, 2);
    assert_eq!(w.database.number("SELECT COUNT(*) FROM held_form WHERE payload LIKE '%Drained%'").await, 0);
    let refused = w.log_of("Refused").await;
    assert!(refused.iter().all(|e| e["sealed"]["form"].is_string() || e["sealed"]["form"].is_object()), "{refused:?}");
    assert!(!refused.iter().any(|e| e.to_string().contains("Drained")), "only its commitment stands in the log");
}
on_both!(what_waits_is_sealed_like_everything_that_people_write);

async fn a_note_and_a_file_of_somebody_whom_nobody_verified_are_kept_and_say_so(w: &mut World) {
    let (slack, _, channel) = unknown(w, "").await;
    let user = slack.joins("ana");
    let ana = Hand::of(w, &slack, &user).within(&channel);
    let said = ana.hears("/incident note It began at ten.").await;
    assert!(said.contains("Recorded on INC-000001"), "{said}");
    ana.types("/incident evidence").await;
    let (id, url) = slack.keeps_file(b"worker 7 hung");
    let file = json!({ "value": { "files": [{ "id": id, "name": "log.txt", "url_private_download": url, "size": 13 }] } });
    let answered = ana.submits(&ana.form(), json!({ "file": file })).await;
    assert_eq!(answered["response_action"], "clear", "{answered}");
    let events = w.events("INC-000001").await;
    let of = |kind: &str| events.iter().find(|e| e["kind"] == kind).unwrap_or_else(|| panic!("no {kind}")).clone();
    assert_eq!((&of("NoteAdded")["actor"]["type"], &of("NoteAdded")["texts"]["note"]), (&json!("account"), &json!("It began at ten.")));
    assert_eq!(of("EvidenceAttached")["actor"]["type"], "account");
    w.slack_is_told().await;
    let channel = slack.channel_like("inc-000001");
    let told: Vec<String> = slack.said(&channel.name);
    assert!(told.iter().any(|t| t.contains("somebody not yet verified noted: It began at ten.")), "{told:?}");
    assert_eq!(w.database.number("SELECT COUNT(*) FROM held_form").await, 0, "nothing waits");
}
on_both!(a_note_and_a_file_of_somebody_whom_nobody_verified_are_kept_and_say_so);

async fn nobody_decides_on_what_they_were_not_shown(w: &mut World) {
    let (slack, _, channel) = unknown(w, "").await;
    w.hires("chi", &["approver"]).await;
    let change = assessed(w, "More connections for the database", "other", "low").await;
    let user = slack.joins("chi");
    let chi = Hand::of(w, &slack, &user).within(&channel);
    let answer = chi.types(&format!("/change approve {change}")).await;
    let shown = format!("{} {}", words(&answer), words(&chi.form()));
    assert!(shown.contains("/countersign link") && !shown.contains("counts for exactly what stands here"), "{shown}");
    assert_eq!(w.database.number("SELECT COUNT(*) FROM held_form").await, 0, "nothing is kept that would count later");
    w.links("chi", &user).await;
    assert!(chi.hears("/countersign whoami").await.contains("chi"));
    assert!(w.log_of("ApprovalDecided").await.is_empty());
}
on_both!(nobody_decides_on_what_they_were_not_shown);
