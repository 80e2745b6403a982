//! Files that Slack does not hand over at once: they are asked for again, and one that never comes is told of.

use serde_json::{Value, json};

use super::hand::Hand;
use crate::world::slack::{FakeSlack, Fault};
use crate::world::{World, minutes, on_both, until};

async fn incident(w: &mut World) -> (FakeSlack, String, String) {
    let slack = w.uses_slack().await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    w.person("ana").declares("the shop is down", "sev1").await;
    w.slack_is_told().await;
    let channel = slack.channel_like("inc-000001").id;
    (slack, ana, channel)
}

async fn sends(hand: &Hand<'_>) {
    let bytes = b"worker 7 hung";
    let (id, url) = hand.slack.keeps_file(bytes);
    let file = json!({ "id": id, "name": "worker.log", "url_private_download": url, "size": bytes.len() });
    let event = json!({ "type": "message", "subtype": "file_share", "channel": hand.channel, "user": hand.user, "ts": hand.place(),
                        "text": "the logs", "files": [file] });
    assert_eq!(hand.told("Ev1", event).await.status, 200);
}

async fn files(w: &World) -> usize {
    w.person("ana").sees("INC-000001").await["files"].as_array().map_or(0, Vec::len)
}

async fn a_file_that_slack_does_not_hand_over_at_once_is_fetched_later_and_filed_once(w: &mut World) {
    let (slack, ana, channel) = incident(w).await;
    for fault in [Fault::Broken, Fault::CutBefore, Fault::Limited(1)] {
        slack.fails("download", fault);
    }
    sends(&Hand::of(w, &slack, &ana).within(&channel)).await;
    assert_eq!(files(w).await, 0);
    assert_eq!(w.database.number("SELECT COUNT(*) FROM outbox WHERE channel = 'slack-files'").await, 1, "it is owed");
    assert_eq!(w.database.number("SELECT COUNT(*) FROM outbox WHERE payload LIKE '%worker.log%'").await, 0, "by reference");
    until("it is filed", async || {
        w.clock.advance(minutes(1));
        files(w).await == 1
    })
    .await;
    until("nothing is owed", async || w.database.number("SELECT COUNT(*) FROM outbox WHERE channel = 'slack-files'").await == 0).await;
    let filed = w.events("INC-000001").await.into_iter().find(|e| e["kind"] == "EvidenceAttached").expect("it");
    assert_eq!(filed["actor"]["id"], json!(w.id_of("ana")));
    assert!(slack.lock().whispers.is_empty(), "nobody was bothered");
}
on_both!(a_file_that_slack_does_not_hand_over_at_once_is_fetched_later_and_filed_once);

async fn a_file_that_never_comes_is_told_to_its_sender_and_on_the_tickets_page(w: &mut World) {
    let (slack, ana, channel) = incident(w).await;
    (0..40).for_each(|_| slack.fails("download", Fault::Broken));
    sends(&Hand::of(w, &slack, &ana).within(&channel)).await;
    until("it is given up", async || {
        w.clock.advance(minutes(15));
        w.database.number("SELECT COUNT(*) FROM outbox WHERE channel = 'slack-files'").await == 0
    })
    .await;
    assert_eq!(files(w).await, 0);
    let troubles = w.desk().chat_troubles().await.expect("looked");
    assert!(troubles.iter().any(|t| t.subject == "INC-000001" && t.words.contains("could not be fetched")), "{troubles:?}");
    let page = w.signed_in("ana").await.gets("/console/c/INC-000001").await.text();
    assert!(page.contains("could not be fetched"));
    until("its sender is told", async || {
        let whispers: Vec<Value> = slack.lock().whispers.iter().map(|(_, _, said)| said.clone()).collect();
        whispers.iter().any(|said| said.to_string().contains("did not hand over the file"))
    })
    .await;
}
on_both!(a_file_that_never_comes_is_told_to_its_sender_and_on_the_tickets_page);
