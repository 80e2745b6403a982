//! A service that is killed while it tells Slack: what was on its way is neither lost nor said twice, in channels and to
//! people directly.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::process::{Process, a_random_moment, attempt, under_key};
use crate::world::slack::Fault;
use crate::world::{World, on_both};

/// How often it is killed.
const KILLS: usize = 30;
/// The longest that it lives, in milliseconds.
const LIFE: u64 = 900;

/// The turns of the one that was killed are over: nobody waits the minute and a half for that.
async fn no_turn_stands(w: &World) {
    let waiting = "UPDATE outbox SET lease_until = 0, not_before = 0 WHERE channel = 'slack' OR channel LIKE 'page:%'";
    w.database.execute(waiting).await.expect("the outbox");
}

async fn thirty_kills_while_slack_is_told_lose_and_double_nothing(w: &mut World) {
    let slack = w.uses_slack().await;
    let here = w.person("ana");
    let tickets = [here.declares("killed again", "sev1").await, here.declares("in a thread", "sev3").await];
    // Two people are called directly each time.
    let called = ["mia", "max"].map(|name| slack.joins(name));
    for (name, user) in ["mia", "max"].iter().zip(&called) {
        w.links(name, user).await;
    }
    w.stops().await;
    let mut process = Process::new(w, "");
    let mut noted: Vec<String> = Vec::new();
    for n in 0..KILLS {
        process.starts().await;
        let ana = process.person(&here);
        // Now and then the answer gets lost as well.
        if n % 3 == 0 {
            slack.fails("chat.postMessage", Fault::CutAfter);
        }
        for ticket in &tickets {
            let text = format!("note {n} on {ticket}");
            let path = format!("/api/v1/tickets/{ticket}/comments");
            let answer = attempt(under_key(&ana, &path, &text, &json!({ "text": text })), "a note").await.expect("an answer");
            assert!(answer.status < 300, "{}", answer.text());
            noted.push(text);
        }
        let (path, text) = (format!("/api/v1/tickets/{}/escalate", tickets[1]), format!("call {n}"));
        let call = json!({ "to": "incident-manager", "reason": text });
        assert!(attempt(under_key(&ana, &path, &text, &call), "a call").await.expect("an answer").status < 300);
        a_random_moment(LIFE).await;
        process.is_killed();
        no_turn_stands(w).await;
    }
    process.starts().await;
    for _ in 0..600 {
        if w.database.number("SELECT COUNT(*) FROM outbox WHERE channel = 'slack' OR channel LIKE 'page:%'").await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    process.ends().await;
    w.starts().await;
    let said: Vec<Value> = slack.lock().channels.values().flat_map(|c| c.messages.clone()).collect();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for message in &said {
        *times.entry(message["text"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    for text in &noted {
        assert_eq!(times.get(&format!("ana noted: {text}")), Some(&1), "{text}: {times:?}");
    }
    // Ana called them each time; nobody took the first incident, so that the clock called them as well.
    let calls = w.log_of("Escalated").await.iter().filter(|e| e["data"]["to"] == "incident-manager").count();
    assert!(calls >= KILLS, "{calls} calls");
    for user in &called {
        let direct = slack.lock().channels.values().find(|c| c.im && c.members.contains(user)).cloned().expect("a conversation");
        let what = |m: &Value| m["metadata"]["event_payload"]["what"].as_str().unwrap_or_default().to_owned();
        let (news, told): (Vec<String>, Vec<String>) = direct.messages.iter().map(what).partition(|what| what.starts_with("news-"));
        let once = |told: &[String]| told.iter().collect::<BTreeSet<_>>().len();
        assert_eq!((told.len(), once(&told)), (calls, calls), "each call reached each of them, once");
        assert_eq!(once(&news), news.len(), "what else concerns them as well");
    }
    let cards = said.iter().filter(|m| m["metadata"]["event_payload"]["what"] == "card").count();
    assert_eq!((cards, slack.violations()), (2, Vec::new()));
    println!("{KILLS} kills: {} messages, each once; {} requests", said.len(), slack.lock().calls.len());
}
on_both!(thirty_kills_while_slack_is_told_lose_and_double_nothing);
