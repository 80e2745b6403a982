//! A sensitive ticket in an organisation that otherwise shows content in chat: its number and status for those who may read,
//! nothing at all for everybody else, in no list, first page, form or answer.

use serde_json::{Value, json};

use super::hand::{Hand, typed, words};
use crate::world::slack::FakeSlack;
use crate::world::{World, on_both};

/// A sensitive incident and an ordinary one; whoever works, and two who may not read.
async fn two_incidents(w: &mut World) -> (FakeSlack, String, String) {
    let slack = w.uses_slack().await;
    for name in ["ben", "mia", "nil"] {
        let user = slack.joins(name);
        w.links(name, &user).await;
    }
    slack.joins("stranger");
    let ben = w.person("ben");
    let leak = json!({ "title": "the wing drawings leaked", "severity": "sev1", "data_involved": ["cui"] });
    let leak = ben.opens(leak).await.number();
    ben.acknowledges(&leak).await.done();
    ben.sets(&leak, json!({ "root_cause": "a wing folder was shared" })).await.done();
    let lift = ben.declares("the lift is stuck", "sev3").await;
    w.slack_is_told().await;
    (slack, leak, lift)
}

fn hand<'w>(w: &'w World, slack: &FakeSlack, name: &str) -> Hand<'w> {
    let user = slack.lock().users.values().find(|u| u.name == name).map(|u| u.id.clone()).expect("somebody in the workspace");
    Hand::of(w, slack, &user)
}

/// What of the sensitive incident stands in a value, title and fields.
fn content(value: &Value) -> Vec<&'static str> {
    let text = value.to_string();
    ["wing", "drawings", "leaked", "folder was shared"].into_iter().filter(|part| text.contains(part)).collect()
}

/// Everything that Slack holds and was ever sent.
fn everything(slack: &FakeSlack) -> Vec<Value> {
    let state = slack.lock();
    let said = state.channels.values().flat_map(|c| c.messages.iter().cloned());
    let named = state.channels.values().map(|c| json!([c.name, c.topic]));
    let shown = state.views.values().chain(state.homes.values()).cloned();
    let calls = state.calls.iter().map(|call| call.body.clone());
    said.chain(named).chain(shown).chain(calls).chain(state.answers.iter().map(|a| a.1.clone())).collect()
}

// proves: RET-13
async fn of_a_sensitive_ticket_the_first_page_lists_and_forms_show_its_number_and_of_others_their_title(w: &mut World) {
    let (slack, leak, lift) = two_incidents(w).await;
    let mia = hand(w, &slack, "mia");
    let ben = hand(w, &slack, "ben");
    ben.told("Ev1", json!({ "type": "app_home_opened", "user": ben.user, "tab": "home" })).await.text();
    let home = slack.lock().homes[&ben.user].clone();
    assert!(content(&home).is_empty() && words(&home).contains("the lift is stuck") && home.to_string().contains(&leak), "{home}");
    for line in ["/incident list".to_owned(), "/countersign inbox".to_owned(), format!("/incident show {leak}")] {
        let said = ben.types(&line).await;
        assert!(words(&said).contains(&leak) && content(&said).is_empty(), "{line}: {said}");
    }
    for word in ["edit", "contain", "false_positive", "assign", "merge", "evidence", "note", "escalate"] {
        ben.types(&format!("/incident {word} {leak}")).await;
        let form = ben.form();
        assert!(content(&form).is_empty(), "{word}: {form}");
    }
    mia.types(&format!("/incident close {leak}")).await;
    assert!(content(&mia.form()).is_empty(), "{}", mia.form());
    // What is typed there is recorded all the same, and what is not shown stays as it is.
    ben.types(&format!("/incident contain {leak}")).await;
    let answered = ben.submits(&ben.form(), json!({ "line": typed("The folder is closed.") })).await;
    assert_eq!(answered["response_action"], "clear", "{answered}");
    assert_eq!(w.person("ana").sees(&leak).await["fields"]["root_cause"], "a wing folder was shared");
    w.slack_is_told().await;
    let shown: Vec<Value> = everything(&slack).into_iter().filter(|value| !content(value).is_empty()).collect();
    assert_eq!(shown, Vec::<Value>::new(), "nowhere, in nothing that Slack was ever sent");
    assert!(slack.said("incidents").iter().any(|said| said.contains(&lift)), "the other one stands there");
    assert_eq!(slack.violations(), Vec::<String>::new());
}
on_both!(of_a_sensitive_ticket_the_first_page_lists_and_forms_show_its_number_and_of_others_their_title);

// proves: RET-13
async fn whoever_may_not_read_sees_nothing_of_it_neither_title_nor_field_nor_that_it_is_there(w: &mut World) {
    let (slack, leak, _) = two_incidents(w).await;
    let before = w.person("ana").sees(&leak).await;
    for (n, name) in ["nil", "stranger"].into_iter().enumerate() {
        let hand = hand(w, &slack, name);
        hand.told(&format!("Ev{n}"), json!({ "type": "app_home_opened", "user": hand.user, "tab": "home" })).await.text();
        let home = slack.lock().homes[&hand.user].clone();
        assert!(content(&home).is_empty() && !home.to_string().contains("INC-"), "{name}: {home}");
        for line in ["/incident list".to_owned(), "/countersign inbox".to_owned(), format!("/incident show {leak}")] {
            let said = hand.types(&line).await;
            assert!(content(&said).is_empty() && !words(&said).contains("acknowledged"), "{name}, {line}: {said}");
        }
        for press in ["!show", "!more", "edit", "step.contain", "owner"] {
            let told = hand.presses(&format!("1|{leak}|{press}||")).await;
            assert!(content(&told).is_empty(), "{name}, {press}: {told}");
        }
        for word in ["edit", "contain", "close", "assign"] {
            let said = hand.types(&format!("/incident {word} {leak}")).await;
            assert!(content(&said).is_empty(), "{name}, {word}: {said}");
        }
        // A form of somebody else's, sent by hand.
        let context = json!({ "t": leak, "a": "edit", "b": null, "k": format!("forged-{name}") }).to_string();
        let forged = json!({ "type": "modal", "private_metadata": context, "callback_id": "form" });
        let answered = hand.submits(&forged, json!({ "field.root_cause": typed("nothing happened") })).await;
        assert!(content(&answered).is_empty(), "{name}: {answered}");
    }
    let views: Vec<Value> = slack.lock().views.values().cloned().collect();
    assert!(views.iter().all(|view| content(view).is_empty()), "{views:?}");
    assert_eq!(w.person("ana").sees(&leak).await["fields"], before["fields"], "and nothing was changed");
}
on_both!(whoever_may_not_read_sees_nothing_of_it_neither_title_nor_field_nor_that_it_is_there);
