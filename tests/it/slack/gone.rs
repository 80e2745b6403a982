//! The app is removed from Slack, or Slack does not give what it should, for a day: that is said where people look, nothing is
//! lost, and it goes on by itself once it can.

use serde_json::{Value, json};

use super::hand::Hand;
use crate::world::slack::{FakeSlack, Fault};
use crate::world::{World, minutes, on_both, until};

async fn incident(w: &mut World) -> (FakeSlack, String) {
    let slack = w.uses_slack().await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    w.person("ana").declares("db down", "sev1").await;
    w.slack_is_told().await;
    (slack, ana)
}

async fn platform_troubles(w: &World) -> Vec<String> {
    let troubles = w.desk().chat_troubles().await.expect("looked");
    troubles.into_iter().filter(|t| t.platform == "slack" && t.subject.is_empty()).map(|t| t.words).collect()
}

async fn told(hand: &Hand<'_>, id: &str, event: Value) {
    assert_eq!(hand.told(id, event).await.status, 200);
}

/// From here on every method is refused: the app is not there any more.
fn refuses_everything(slack: &FakeSlack, word: &'static str) {
    for method in ["chat.postMessage", "chat.update", "auth.test", "pins.add", "conversations.setTopic", "conversations.invite"] {
        (0..200).for_each(|_| slack.fails(method, Fault::Says(word)));
    }
}

async fn an_app_that_is_uninstalled_is_told_of_and_everything_is_said_once_it_is_installed_again(w: &mut World) {
    let (slack, ana) = incident(w).await;
    let hand = Hand::of(w, &slack, &ana);
    refuses_everything(&slack, "account_inactive");
    told(&hand, "Ev1", json!({ "type": "app_uninstalled" })).await;
    let troubles = platform_troubles(w).await;
    assert!(
        troubles.len() == 1 && troubles[0].contains("was removed from Slack") && troubles[0].contains("Nothing is lost"),
        "{troubles:?}"
    );
    let (_, doctor) = w.runs(&["doctor"]).await;
    assert!(doctor.contains("was removed from Slack") && doctor.contains("slack.bot_token"), "{doctor}");
    let console = w.signed_in("ana").await.gets("/console/").await.text();
    assert!(console.contains("was removed from Slack"), "{console}");
    // People go on in the console meanwhile, for hours.
    for n in 0..5 {
        w.person("ana").notes("INC-000001", &format!("note {n}")).await.done();
        w.advance(minutes(60)).await;
    }
    until("Slack was asked in vain", async || {
        w.clock.advance(minutes(1));
        slack.lock().calls.iter().any(|call| call.outcome.contains("account_inactive"))
    })
    .await;
    assert_eq!(slack.said("inc-000001-db-down").iter().filter(|said| said.contains("note ")).count(), 0);
    // It is installed again: whatever waited is said, in order, and the trouble is over.
    slack.lock().faults.clear();
    w.slack_is_told().await;
    let said: Vec<String> = slack.said("inc-000001-db-down").into_iter().filter(|said| said.contains("note ")).collect();
    let expected: Vec<String> = (0..5).map(|n| format!("ana noted: note {n}")).collect();
    assert_eq!(said, expected);
    assert_eq!(platform_troubles(w).await, Vec::<String>::new());
    assert!(!w.signed_in("ana").await.gets("/console/").await.text().contains("was removed from Slack"));
}
on_both!(an_app_that_is_uninstalled_is_told_of_and_everything_is_said_once_it_is_installed_again);

async fn a_bots_token_that_is_revoked_is_told_of_and_somebodys_own_is_not(w: &mut World) {
    let (slack, ana) = incident(w).await;
    let hand = Hand::of(w, &slack, &ana);
    told(&hand, "Ev1", json!({ "type": "tokens_revoked", "tokens": { "oauth": [ana], "bot": [] } })).await;
    assert_eq!(platform_troubles(w).await, Vec::<String>::new(), "a user's token is none of ours");
    told(&hand, "Ev2", json!({ "type": "tokens_revoked", "tokens": { "oauth": [], "bot": ["UBOT"] } })).await;
    assert_eq!(platform_troubles(w).await.len(), 1);
    told(&hand, "Ev2", json!({ "type": "tokens_revoked", "tokens": { "oauth": [], "bot": ["UBOT"] } })).await;
    assert_eq!(platform_troubles(w).await.len(), 1, "told twice, it is one trouble");
    // A token that still works, or another one after a restart, ends it.
    w.person("ana").notes("INC-000001", "still here").await.done();
    w.slack_is_told().await;
    assert_eq!(platform_troubles(w).await, Vec::<String>::new());
    let hand = Hand::of(w, &slack, &ana);
    told(&hand, "Ev3", json!({ "type": "app_uninstalled" })).await;
    w.stops().await;
    w.starts().await;
    w.person("ana").notes("INC-000001", "and again").await.done();
    w.slack_is_told().await;
    assert_eq!(platform_troubles(w).await, Vec::<String>::new());
    assert_eq!(slack.said("inc-000001-db-down").iter().filter(|said| said.contains("noted:")).count(), 2, "each once");
}
on_both!(a_bots_token_that_is_revoked_is_told_of_and_somebodys_own_is_not);

// proves: INC-10
async fn a_transcript_that_slack_does_not_give_for_a_day_is_given_up_and_that_is_said(w: &mut World) {
    let (slack, _) = incident(w).await;
    (0..100).for_each(|_| slack.fails("conversations.history", Fault::Broken));
    w.person("ana").acknowledges("INC-000001").await.done();
    w.readies("INC-000001", "remediated").await;
    w.person("mia").closes("INC-000001", "Fixed, and confirmed.").await.done();
    w.slack_is_told().await;
    let troubles = async |w: &World| {
        let troubles = w.desk().chat_troubles().await.expect("looked");
        troubles.into_iter().filter(|t| t.subject == "INC-000001").map(|t| t.words).collect::<Vec<_>>()
    };
    let began = w.now();
    until("a day of tries is over", async || {
        // Not while it is looking: each pause is a quarter of an hour at most.
        if slack.asked("conversations.history") < 100 {
            assert_eq!(troubles(w).await, Vec::<String>::new(), "so long it is only tried again");
            w.clock.advance(minutes(15));
        }
        !troubles(w).await.is_empty()
    })
    .await;
    assert_eq!(slack.asked("conversations.history"), 100);
    assert!(w.now().since(began) >= crate::world::hours(22), "it took about a day: {:?}", w.now().since(began));
    let said = troubles(w).await;
    assert!(said.len() == 1 && said[0].contains("could not be read from Slack") && said[0].contains("file it here by hand"), "{said:?}");
    let page = w.signed_in("ana").await.gets("/console/c/INC-000001").await.text();
    assert!(page.contains("could not be read from Slack when the work ended"), "{page}");
    let (_, doctor) = w.runs(&["doctor"]).await;
    assert!(doctor.contains("INC-000001: What was said in this ticket's channel could not be read"), "{doctor}");
    assert_eq!(w.log_of("EvidenceAttached").await.len(), 0);
    // A start looks once more at what ended lately, and finds it.
    w.stops().await;
    w.starts().await;
    until("the transcript is filed", async || !w.log_of("EvidenceAttached").await.is_empty()).await;
}
on_both!(a_transcript_that_slack_does_not_give_for_a_day_is_given_up_and_that_is_said);
