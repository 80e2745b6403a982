//! What Slack has not signed: refused and counted, one by one in memory, never one by one in the log.

use serde_json::{Value, json};

use super::hand::{Hand, form, posts, signature};
use crate::world::slack::SIGNING_SECRET;
use crate::world::{World, minutes, on_both, until};

async fn forged_old_and_altered_requests_are_refused_and_counted(w: &mut World) {
    let slack = w.uses_slack().await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    let hand = Hand::of(w, &slack, &ana);
    let body = hand.command("/incident declare the shop is down", "17.fake");
    let now = w.now().seconds();
    let good = |at: i64| signature(SIGNING_SECRET, at, &body);
    for (why, at, proof) in [
        ("another secret", now, signature("another-secret", now, &body)),
        ("another body", now, signature(SIGNING_SECRET, now, &format!("{body}x"))),
        ("another time", now + 1, good(now)),
        ("too old", now - 301, good(now - 301)),
        ("too far ahead", now + 301, good(now + 301)),
        ("no signature at all", now, "v0=".to_owned()),
        ("something else", now, "\u{20}".to_owned()),
    ] {
        for path in ["/slack/commands", "/slack/interactions", "/slack/events"] {
            let refusal = posts(w, path, &body, (at, &proof)).await.refused("NotAuthentic");
            assert_eq!(refusal.status, 401, "{why} at {path}");
        }
    }
    assert!(w.log_of("TicketOpened").await.is_empty());
    w.advance(minutes(2)).await;
    until("they are counted", async || w.log_of("ForgeriesCounted").await.len() >= 3).await;
    let counted = w.log_of("ForgeriesCounted").await;
    let of =
        |reason: &str| counted.iter().filter(|e| e["data"]["reason"] == reason).filter_map(|e| e["data"]["count"].as_i64()).sum::<i64>();
    assert_eq!((of("wrong"), of("stale"), of("malformed")), (12, 6, 3), "{counted:#?}");
    assert!(counted.iter().all(|e| e["data"]["source"] == "(slack)"));
    assert_eq!(posts(w, "/slack/commands", &body, (w.now().seconds(), &good(w.now().seconds()))).await.status, 200);
}
on_both!(forged_old_and_altered_requests_are_refused_and_counted);

async fn a_replayed_request_is_answered_and_recorded_once(w: &mut World) {
    let slack = w.uses_slack().await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    let body = Hand::of(w, &slack, &ana).command("/incident declare the shop is down", "17.fake");
    let at = w.now().seconds();
    let proof = signature(SIGNING_SECRET, at, &body);
    for _ in 0..3 {
        assert_eq!(posts(w, "/slack/commands", &body, (at, &proof)).await.status, 200);
    }
    assert_eq!(w.log_of("TicketOpened").await.len(), 1);
}
on_both!(a_replayed_request_is_answered_and_recorded_once);

async fn slack_is_told_its_challenge_and_what_is_unknown_fails_nothing(w: &mut World) {
    let slack = w.uses_slack().await;
    let hand = Hand::of(w, &slack, "U1");
    let asked = json!({ "type": "url_verification", "challenge": "3eZbrw1aB" }).to_string();
    let at = w.now().seconds();
    let answered = posts(w, "/slack/events", &asked, (at, &signature(SIGNING_SECRET, at, &asked))).await;
    assert_eq!((answered.status, answered.text().as_str()), (200, "3eZbrw1aB"));
    for event in [json!({ "type": "huddle_invented_tomorrow", "deep": [{ "x": null }] }), Value::Null, json!([]), json!({ "type": 7 })] {
        assert_eq!(hand.told("Ev1", event.clone()).await.status, 200, "{event}");
    }
    let interactions = ["{\"type\":\"workflow_step_edit\"}", "{\"type\":\"block_actions\",\"actions\":[]}", "{}", "[]", "7"];
    for payload in interactions {
        let body = form(&[("payload", payload)]);
        assert_eq!(posts(w, "/slack/interactions", &body, (at, &signature(SIGNING_SECRET, at, &body))).await.status, 200, "{payload}");
    }
    for (path, body) in [("/slack/interactions", "payload=not-json"), ("/slack/interactions", "x=1"), ("/slack/events", "{\"half\":")] {
        assert_eq!(posts(w, path, body, (at, &signature(SIGNING_SECRET, at, body))).await.status, 400, "{body}");
    }
    let huge = format!("payload={}", "x".repeat(2 << 20));
    assert_eq!(posts(w, "/slack/interactions", &huge, (at, &signature(SIGNING_SECRET, at, &huge))).await.status, 413);
}
on_both!(slack_is_told_its_challenge_and_what_is_unknown_fails_nothing);

async fn without_slack_in_the_configuration_nothing_is_there(w: &mut World) {
    let answered = posts(w, "/slack/commands", "text=x", (w.now().seconds(), "v0=00")).await;
    assert_eq!(answered.status, 404);
    w.advance(minutes(2)).await;
    assert!(w.log_of("ForgeriesCounted").await.is_empty());
}
on_both!(without_slack_in_the_configuration_nothing_is_there);
