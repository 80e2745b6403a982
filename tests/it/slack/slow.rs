//! A database that takes its time: Slack is answered within its three seconds, and told what came of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use countersign::store::faults::{Faults, Moment};
use serde_json::json;

use super::hand::{Hand, button, genuine, typed, words};
use crate::world::slack::FakeSlack;
use crate::world::{World, on_both};

/// One commit takes four seconds, once it is asked for.
#[derive(Debug, Default)]
struct Slow(AtomicBool);

impl Faults for Slow {
    fn strike(&self, statement: &'static str, moment: Moment) -> Option<sqlx::Error> {
        if statement == "commit" && moment == Moment::Before && self.0.swap(false, Ordering::SeqCst) {
            // Everybody else goes on meanwhile.
            tokio::task::block_in_place(|| std::thread::sleep(Duration::from_secs(4)));
        }
        None
    }
}

async fn slow(w: &mut World) -> (FakeSlack, Arc<Slow>, String) {
    let slack = w.uses_slack().await;
    w.stops().await;
    let plan = Arc::new(Slow::default());
    w.starts_breaking(Arc::clone(&plan) as Arc<dyn Faults>).await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    w.person("ben").declares("the shop is down", "sev1").await;
    w.slack_is_told().await;
    // What Slack says of her is known by then.
    Hand::of(w, &slack, &ana).types("/countersign whoami").await;
    (slack, plan, ana)
}

async fn a_slow_commit_is_answered_in_time_and_once_more_when_it_is_done(w: &mut World) {
    let (slack, plan, ana) = slow(w).await;
    let channel = slack.channel_like("inc-000001");
    let ana = Hand::of(w, &slack, &ana).within(&channel.id);
    let began = Instant::now();
    plan.0.store(true, Ordering::SeqCst);
    let value = button(&channel.messages[0], "Acknowledge");
    let pressed = ana.payload("block_actions", json!({ "actions": [{ "type": "button", "action_id": "x", "value": value }] }));
    assert_eq!(ana.interacts(pressed).await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    w.replica(0).app.talk.after.settled().await;
    let answers: Vec<String> = slack.lock().answers.iter().map(|(_, said)| words(said)).collect();
    assert!(answers.len() == 2 && answers[0].contains("still saving") && answers[1].contains("saved now"), "{answers:?}");
    assert_eq!(w.person("ben").sees("INC-000001").await["owner"], json!(w.id_of("ana")));

    // A command: the same.
    plan.0.store(true, Ordering::SeqCst);
    let began = Instant::now();
    let answered = genuine(w, "/slack/commands", &ana.command("/incident note Looking.", &slack.trigger())).await;
    assert!(began.elapsed() < Duration::from_secs(3) && answered.text().contains("still saving"), "{}", answered.text());
    w.replica(0).app.talk.after.settled().await;
    let last = slack.lock().answers.last().map(|(_, said)| words(said)).unwrap_or_default();
    assert!(last.contains("Recorded on"), "{last}");

    // A form stays open with everything in it, and sent again it is recorded once.
    ana.types("/incident contain").await;
    let form = ana.form();
    plan.0.store(true, Ordering::SeqCst);
    let first = ana.submits(&form, json!({ "line": typed("Drained zone b.") })).await;
    assert!(first["response_action"] == "errors" && first.to_string().contains("still saving"), "{first}");
    assert_eq!(ana.submits(&form, json!({ "line": typed("Drained zone b.") })).await["response_action"], "clear");
    let taken = w.events("INC-000001").await.into_iter().filter(|e| e["data"]["transition"] == "contain").count();
    assert_eq!(taken, 1);

    // An event is not acknowledged, comes again, and is recorded once.
    plan.0.store(true, Ordering::SeqCst);
    let event = json!({ "type": "message", "channel": ana.channel, "user": ana.user, "ts": ana.place(), "text": "It is back." });
    assert_eq!(ana.told("Ev1", event.clone()).await.status, 503);
    assert_eq!(ana.told("Ev1", event).await.status, 200);
    let heard = w.events("INC-000001").await.into_iter().filter(|e| e["texts"]["note"] == "It is back.").count();
    assert_eq!(heard, 1);
}
on_both!(a_slow_commit_is_answered_in_time_and_once_more_when_it_is_done);

async fn an_answer_that_slack_takes_slowly_holds_up_no_acknowledgement(w: &mut World) {
    let (slack, _, ana) = slow(w).await;
    slack.lock().slow.insert("respond".to_owned(), Duration::from_secs(2));
    let ana = Hand::of(w, &slack, &ana);
    let show = "1|INC-000001|!show||";
    let pressed = ana.payload("block_actions", json!({ "actions": [{ "type": "button", "action_id": "x", "value": show }] }));
    let began = Instant::now();
    assert_eq!(ana.interacts(pressed).await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    w.replica(0).app.talk.after.settled().await;
    assert!(words(&slack.lock().answers.last().expect("an answer").1).contains("INC-000001"));
}
on_both!(an_answer_that_slack_takes_slowly_holds_up_no_acknowledgement);
