//! Where chat shows numbers, status and links only, it shows nothing else: to nobody, in no list, form or answer.

use serde_json::{Value, json};

use super::hand::{Hand, button, typed, words};
use crate::reviews::{freezes, hands_in, review, with_systems};
use crate::world::change::assessed;
use crate::world::slack::FakeSlack;
use crate::world::{World, on_both};

/// An organisation that wants no content in chat, and an incident with some.
async fn sparing(w: &mut World) -> (FakeSlack, String) {
    let slack = FakeSlack::starts().await;
    w.settings.push_str(&format!("{}minimal_content = true\n", slack.settings()));
    w.stops().await;
    w.starts().await;
    for name in ["ana", "ben", "mia"] {
        let user = slack.joins(name);
        w.links(name, &user).await;
    }
    let inc = w.person("ben").declares("the wing drawings leaked", "sev1").await;
    w.person("ben").acknowledges(&inc).await.done();
    w.readies_but_for_the_review(&inc, "remediated").await;
    w.slack_is_told().await;
    (slack, inc)
}

fn hand<'w>(w: &'w World, slack: &FakeSlack, name: &str) -> Hand<'w> {
    let user = slack.lock().users.values().find(|u| u.name == name).map(|u| u.id.clone()).expect("somebody in the workspace");
    Hand::of(w, slack, &user)
}

/// Content of the incident that stands in a value.
fn content(value: &Value) -> Vec<&'static str> {
    let text = value.to_string();
    ["wing", "drawings", "leaked", "root_cause\":", "ben has it"].into_iter().filter(|part| text.contains(part)).collect()
}

// proves: RET-13
async fn an_organisation_that_wants_no_content_in_chat_finds_none_there(w: &mut World) {
    let (slack, inc) = sparing(w).await;
    let mia = hand(w, &slack, "mia");
    for line in [format!("/incident show {inc}"), "/incident list".to_owned(), "/countersign inbox".to_owned()] {
        // What waits is its owner's.
        let reader = if line.ends_with("inbox") { hand(w, &slack, "ben") } else { hand(w, &slack, "mia") };
        let said = reader.types(&line).await;
        assert_eq!(content(&said), Vec::<&str>::new(), "{line}: {said}");
        assert!(words(&said).contains("-000001"), "{line}: {said}");
    }
    let ben = hand(w, &slack, "ben");
    ben.told("Ev1", json!({ "type": "app_home_opened", "user": ben.user, "tab": "home" })).await.text();
    let home = slack.lock().homes[&ben.user].clone();
    assert!(content(&home).is_empty() && home.to_string().contains("-000001"), "{home}");
    let cause = w.person("ana").sees(&inc).await["fields"]["root_cause"].clone();
    for line in ["close", "edit", "assign"] {
        mia.types(&format!("/incident {line} {inc}")).await;
        let form = mia.form();
        assert_eq!(content(&form), Vec::<&str>::new(), "{line}: {form}");
        assert!(!form.to_string().contains(cause.as_str().unwrap_or("no cause")), "{line}: {form}");
    }
    w.reviews(&inc).await;
    mia.types(&format!("/incident close {inc}")).await;
    let answered = mia.submits(&mia.form(), json!({ "reason": typed("Fixed, and confirmed.") })).await;
    assert_eq!(answered["response_action"], "clear", "what is not shown stays as it is: {answered}");
    let closed = w.person("ana").sees(&inc).await;
    assert_eq!((&closed["status"], &closed["fields"]["root_cause"]), (&json!("closed"), &cause));
    let all: Vec<Value> = {
        let state = slack.lock();
        let said = state.channels.values().flat_map(|c| c.messages.iter().cloned());
        said.chain(state.views.values().cloned())
            .chain(state.homes.values().cloned())
            .chain(state.answers.iter().map(|a| a.1.clone()))
            .collect()
    };
    let shown: Vec<&Value> = all.iter().filter(|value| !content(value).is_empty()).collect();
    assert_eq!(shown, Vec::<&Value>::new());
    assert_eq!(slack.violations(), Vec::<String>::new());
}
on_both!(an_organisation_that_wants_no_content_in_chat_finds_none_there);

async fn a_stale_button_says_that_something_changed_and_not_what(w: &mut World) {
    let (slack, inc) = sparing(w).await;
    let mia = hand(w, &slack, "mia");
    mia.types(&format!("/incident close {inc}")).await;
    let form = mia.form();
    w.person("mia").sets(&inc, json!({ "root_cause": "a wing nut" })).await.done();
    let answered = mia.submits(&form, json!({ "reason": typed("Fixed, and confirmed.") })).await;
    assert!(answered.to_string().contains("changed while you were reading") && content(&answered).is_empty(), "{answered}");
}
on_both!(a_stale_button_says_that_something_changed_and_not_what);

// proves: APR-02
async fn what_is_approved_is_read_in_the_console_where_chat_does_not_show_it(w: &mut World) {
    w.hires("chi", &["approver"]).await;
    let (slack, _) = sparing(w).await;
    let user = slack.joins("chi");
    w.links("chi", &user).await;
    let change = assessed(w, "More connections for the database", "other", "low").await;
    let chi = hand(w, &slack, "chi");
    chi.types(&format!("/change approve {change}")).await;
    let form = chi.form();
    assert!(form.get("submit").is_none(), "nothing is decided there: {form}");
    let address = button(&form, "Read and decide");
    assert!(address.ends_with(&format!("/console/c/{change}/form/decide.approve")), "{address}");
    assert!(!form.to_string().contains("connection"), "{form}");
}
on_both!(what_is_approved_is_read_in_the_console_where_chat_does_not_show_it);

async fn lines_of_a_review_are_read_and_decided_in_the_console(w: &mut World) {
    with_systems(w, "").await;
    let rev = review(w, json!({})).await;
    hands_in(w, "sec", &rev, "prod-db", "account,email,role\nsvc_old,,read\n").await.done();
    freezes(w, &rev).await;
    let (slack, _) = sparing(w).await;
    let ora = slack.joins("ora");
    w.links("ora", &ora).await;
    let shown = Hand::of(w, &slack, &ora).hears("/review lines REV-000001").await;
    assert!(shown.contains("decide in the console") && !shown.contains("svc_old") && !shown.contains("Decide line"), "{shown}");
}
on_both!(lines_of_a_review_are_read_and_decided_in_the_console);
