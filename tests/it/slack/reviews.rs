//! Lines of a review in Slack: listed for whoever is asked, decided in a form, refused to everybody else.

use serde_json::{Value, json};

use super::hand::{Hand, button, chosen, typed, words};
use crate::reviews::{freezes, hands_in, review, with_systems};
use crate::world::{World, on_both};

// proves: REV-03
async fn whoever_is_asked_decides_in_chat_and_nobody_else(w: &mut World) {
    with_systems(w, "").await;
    let rev = review(w, json!({})).await;
    let list = "account,email,role\nsvc_old,,read\nora,ora@example.com,admin\n";
    hands_in(w, "sec", &rev, "prod-db", list).await.done();
    let slack = w.uses_slack().await;
    let (ora, ben) = (slack.joins("ora"), slack.joins("ben"));
    w.links("ora", &ora).await;
    w.links("ben", &ben).await;
    freezes(w, &rev).await;
    w.pages_are_sent().await;
    let told: Vec<String> = slack.lock().channels.values().filter(|c| c.im).flat_map(|c| c.messages.clone()).map(|m| words(&m)).collect();
    assert!(told.len() == 1 && told[0].contains("asks you about 1 line: keep, revoke or change each"), "{told:?}");
    let hand = |user: &str| Hand::of(w, &slack, user);
    let shown = hand(&ora).types("/review lines REV-000001").await;
    assert!(words(&shown).contains("svc_old") && words(&shown).contains("Nobody known"), "{shown}");
    assert!(!words(&shown).contains("ora: admin"), "her own line is another's: {shown}");
    let (line, press) = (1..=2)
        .find_map(|n| {
            shown["blocks"].to_string().contains(&format!("Decide line {n}")).then(|| (n, button(&shown, &format!("Decide line {n}"))))
        })
        .expect("a line of hers");
    assert_eq!(hand(&ora).presses(&press).await, Value::Null);
    let form = hand(&ora).form();
    assert!(words(&form).contains("svc_old") && words(&form).contains("prod-db"), "{form}");
    let refused = hand(&ora).submits(&form, json!({ "verdict": chosen("keep"), "reason": typed("") })).await;
    assert_eq!(refused["response_action"], "errors", "something about it is odd: {refused}");
    let done = hand(&ora).submits(&form, json!({ "verdict": chosen("revoke"), "reason": typed("Nobody knows what it does.") })).await;
    assert_eq!(done["response_action"], "clear", "{done}");
    let decided = w.log_of("LineDecided").await.remove(0);
    assert_eq!((decided["data"]["line"].as_i64(), &decided["via"]["surface"]), (Some(line), &json!("slack")));
    assert!(hand(&ora).hears("/review lines REV-000001").await.contains("No line of REV-000001 waits for you."));
    // Somebody else is shown nothing to decide, and a button that was passed on is refused.
    assert!(hand(&ben).hears("/review lines 000001").await.contains("No line"));
    let other = press.replace(&format!("line.{line}"), &format!("line.{}", 3 - line));
    hand(&ben).presses(&other).await;
    let form = hand(&ben).form();
    let refused = hand(&ben).submits(&form, json!({ "verdict": chosen("keep"), "reason": typed("Why not.") })).await;
    assert!(words(&refused).contains("another's to decide"), "{refused}");
    assert_eq!(w.log_of("LineDecided").await.len(), 1);
}
on_both!(whoever_is_asked_decides_in_chat_and_nobody_else);
