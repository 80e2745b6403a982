//! What takes one or two presses: merging, standard changes, asking again, renewing; each recorded, shown on the card, and
//! refused to whoever may not or comes too late.

use serde_json::{Value, json};

use super::forms::find_deed;
use super::hand::{Hand, button, chosen, typed, words};
use crate::world::change::decides;
use crate::world::slack::FakeSlack;
use crate::world::{World, days, on_both};

async fn in_slack<'w>(w: &'w World, slack: &FakeSlack, name: &str) -> Hand<'w> {
    let user = slack.joins(name);
    w.links(name, &user).await;
    Hand::of(w, slack, &user)
}

/// Ids of open views.
fn views(slack: &FakeSlack) -> usize {
    slack.lock().views.len()
}

async fn a_merge_that_was_pressed_or_filled_in_before_the_ticket_moved_on_merges_nothing(w: &mut World) {
    let slack = w.uses_slack().await;
    let (ana, colleague) = (in_slack(w, &slack, "ana").await, in_slack(w, &slack, "max").await);
    let ben = w.person("ben");
    let (one, two) = (ben.declares("the shop is down", "sev3").await, ben.declares("checkout is slow", "sev3").await);
    let more = ana.presses(&format!("1|{two}|!more||")).await;
    let merge = find_deed(&more, "step.merge");
    assert_eq!(ana.presses(&merge).await, Value::Null);
    let form = ana.form();
    ben.acknowledges(&two).await.done();
    // The form was open meanwhile: it says what changed, and what was typed stays.
    let filled = json!({ "other": typed(&one) });
    let answered = ana.submits(&form, filled.clone()).await;
    assert_eq!(answered["response_action"], "update", "{answered}");
    assert!(words(&answered).contains("changed while you were reading"), "{answered}");
    assert!(answered.to_string().contains(&format!("\"initial_value\":\"{one}\"")), "{answered}");
    assert_eq!(ana.w.log_of("MergedInto").await.len(), 0);
    // The button is as old: no form opens, and what changed is said.
    let opened = views(&slack);
    let told = colleague.presses(&merge).await;
    assert!(words(&told).contains("changed while you were reading") && views(&slack) == opened, "{told}");
    let codes: Vec<Value> = w.log_of("Refused").await.iter().map(|e| e["data"]["code"].clone()).collect();
    assert_eq!(codes, ["Stale", "Stale"], "both are on record");
    // Into itself, or into nothing, is said at the input.
    let mut view = answered["view"].clone();
    view["id"] = form["id"].clone();
    for wrong in [two.as_str(), "INC-000099", "everything"] {
        let answered = ana.submits(&view, json!({ "other": typed(wrong) })).await;
        assert_ne!(answered["response_action"], "clear", "{wrong}: {answered}");
        assert_eq!(w.log_of("MergedInto").await.len(), 0, "{wrong}");
    }
    // Whoever has seen what changed may go on.
    let fresh = ana.presses(&format!("1|{two}|!more||")).await;
    assert_eq!(ana.presses(&find_deed(&fresh, "step.merge")).await, Value::Null);
    let answered = ana.submits(&ana.form(), filled).await;
    assert_eq!(answered["response_action"], "clear", "{answered}");
    w.slack_is_told().await;
    assert_eq!(w.person("ana").sees(&two).await["merged_into"], json!(one));
    let shown = words(&colleague.types(&format!("/incident show {two}")).await);
    assert!(shown.contains(&one), "the card says where it lives on: {shown}");
}
on_both!(a_merge_that_was_pressed_or_filled_in_before_the_ticket_moved_on_merges_nothing);

// proves: CHG-19
async fn a_standard_change_is_two_taps_in_slack(w: &mut World) {
    w.hires("chi", &["approver"]).await;
    let slack = w.uses_slack().await;
    let (ben, nil) = (in_slack(w, &slack, "ben").await, in_slack(w, &slack, "nil").await);
    assert!(ben.hears("/change standard").await.contains("There is no model"));
    let raw = json!({
        "title": "Rotate the web certificates", "system": "other", "expires_at": w.now().plus(days(60)).to_string(),
        "description": "Run the rotation script on the two web servers and reload nginx on both.",
        "justification": "It was done twelve times without any trouble; each takes five minutes.",
        "security_impact": "None: nothing is open that was closed before.",
        "rollback_plan": "Put the old certificate back from the folder old and reload nginx.",
    });
    let model = w.person("ana").posts("/api/v1/tickets", json!({ "kind": "change-model", "fields": raw })).await.number();
    assert!(!ben.types("/change standard").await.to_string().contains(&model), "it was not approved yet");
    decides(w, "chi", &model).await.done();
    // The first tap: the model, and a line on what is done.
    let offered = ben.types("/change standard").await;
    assert_eq!(ben.presses(&button(&offered, "Rotate the web certificates")).await, Value::Null);
    let begun = ben.submits(&ben.form(), json!({ "field.title": typed("Certificates of March") })).await;
    assert!(words(&begun).contains("CHG-000001"), "{begun}");
    let chg = "CHG-000001";
    assert_eq!(w.person("ana").sees(chg).await["status"], "implementing");
    // The second: it is done. An empty phrase is answered with a good one, and nothing is taken.
    let card = ben.types(&format!("/change show {chg}")).await;
    let finish = find_deed(&card, "step.finish");
    assert_eq!(ben.presses(&finish).await, Value::Null);
    let form = ben.form();
    let told = ben.submits(&form, json!({ "field.outcome": typed("ok") })).await;
    assert!(told.to_string().contains("checkout ran an hour without errors"), "{told}");
    assert_eq!(w.person("ana").sees(chg).await["status"], "implementing");
    let good = json!({ "field.outcome": typed("Both servers show the new certificate until June; the shop answers.") });
    assert_eq!(ben.submits(&form, good).await["response_action"], "clear");
    assert_eq!(w.person("ana").sees(chg).await["status"], "closed");
    assert!(words(&ben.types(&format!("/change show {chg}")).await).contains("Closed"), "and the card says so");
    // Whoever may not work sees no model, and a press that was copied starts nothing.
    let told = words(&nil.types("/change standard").await);
    assert!(!told.contains("Rotate") && !told.contains(&model), "{told}");
    nil.presses(&button(&offered, "Rotate the web certificates")).await;
    assert_eq!(w.log_of("TicketOpened").await.len(), 2, "the model and one change");
    // A model that was ended meanwhile starts nothing either.
    w.advance(days(61)).await;
    let told = words(&ben.presses(&button(&offered, "Rotate the web certificates")).await);
    assert!(!told.is_empty() && w.log_of("TicketOpened").await.len() == 2, "{told}");
    assert_eq!(slack.violations(), Vec::<String>::new());
}
on_both!(a_standard_change_is_two_taps_in_slack);

/// Access of ana's to the logs that chi decides on.
async fn asked_for(w: &mut World, until: u64) -> String {
    w.hires("chi", &["approver"]).await;
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(b"systems: { logs: { title: Logs, owner: approver, roles: { read: { title: Reads, most: 30d } } } }\n");
        }
    }
    w.adopts(files, "The logs have an entry.").await;
    let fields = json!({
        "title": "Ana reads the logs", "system": "logs", "role": "read", "requested_for": w.id_of("ana"),
        "justification": "Ana searches the logs of the shop for the errors of last night.",
        "expires_at": w.now().plus(days(until)).to_string(),
    });
    w.person("ana").posts("/api/v1/tickets", json!({ "kind": "access", "fields": fields })).await.number()
}

async fn whoever_waits_for_a_decision_asks_again_with_one_press_and_those_who_decide_are_told_directly(w: &mut World) {
    let acc = asked_for(w, 10).await;
    let slack = w.uses_slack().await;
    let (ana, ben, chi) = (in_slack(w, &slack, "ana").await, in_slack(w, &slack, "ben").await, in_slack(w, &slack, "chi").await);
    let card = ana.types(&format!("/access show {acc}")).await;
    let nudge = button(&card, "Ask again");
    let nothing = ana.presses(&nudge).await;
    assert!(nothing.is_null() || !words(&nothing).contains("cannot"), "{nothing}");
    assert_eq!(w.log_of("Nudged").await[0]["data"]["to"], json!([w.id_of("chi")]));
    w.pages_are_sent().await;
    let direct = slack.lock().channels.values().find(|c| c.im && c.members.contains(&chi.user)).cloned().expect("chi is told");
    let asked = direct.messages.last().cloned().expect("a message");
    assert!(words(&asked).contains("ana asks you to decide on") && words(&asked).contains(&acc), "{asked}");
    let shown = chi.presses(&button(&asked, "Show")).await;
    assert!(shown.to_string().contains("decide.approve"), "one press away: {shown}");
    // Once a day, and by whoever asked for it alone.
    let again = words(&ana.presses(&nudge).await);
    assert!(again.contains("You can ask again from Tuesday"), "{again}");
    let refused = words(&ben.presses(&nudge).await);
    assert!(refused.contains("ask once more"), "{refused}");
    assert_eq!(w.log_of("Nudged").await.len(), 1);
    assert!(!words(&ana.types(&format!("/access show {acc}")).await).contains("Ask again"), "the card offers it no more today");
    chi.presses(&find_deed(&shown, "decide.approve")).await;
    let decided = chi.submits(&chi.form(), json!({ "decision": chosen("approve"), "reason": typed("She looks after the shop.") })).await;
    assert_eq!(decided["response_action"], "clear", "{decided}");
    let too_late = words(&ana.presses(&nudge).await);
    assert!(!too_late.is_empty() && w.log_of("Nudged").await.len() == 1, "{too_late}");
    assert_eq!(slack.violations(), Vec::<String>::new());
}
on_both!(whoever_waits_for_a_decision_asks_again_with_one_press_and_those_who_decide_are_told_directly);

async fn access_that_ends_soon_is_renewed_with_one_press_in_slack(w: &mut World) {
    let acc = asked_for(w, 10).await;
    decides(w, "chi", &acc).await.done();
    w.person("ben").takes("grant", &acc, json!({})).await.done();
    let slack = w.uses_slack().await;
    let (ana, nil) = (in_slack(w, &slack, "ana").await, in_slack(w, &slack, "nil").await);
    w.advance(days(9)).await;
    let card = ana.types(&format!("/access show {acc}")).await;
    let renew = find_deed(&card, "step.renew");
    // Whoever may not is refused, and nothing is asked for.
    nil.presses(&renew).await;
    assert!(w.person("aud").sees(&acc).await["fields"]["renew_until"].is_null());
    let told = ana.presses(&renew).await;
    assert!(told.is_null(), "no form, no question: {told}");
    let wanted = w.person("aud").sees(&acc).await["fields"]["renew_until"].as_str().expect("a time").to_owned();
    let waiting = words(&ana.types(&format!("/access show {acc}")).await);
    assert!(waiting.to_lowercase().contains("renew"), "the card says that it is asked for: {waiting}");
    // A second press of the same button asks for nothing new.
    let told = words(&ana.presses(&renew).await);
    assert!(told.contains("changed while you were reading"), "{told}");
    assert_eq!(w.log_of("FieldsSet").await.len(), 1);
    decides(w, "chi", &acc).await.done();
    assert_eq!(w.person("aud").sees(&acc).await["fields"]["expires_at"], wanted, "it goes on");
    assert_eq!(slack.violations(), Vec::<String>::new());
}
on_both!(access_that_ends_soon_is_renewed_with_one_press_in_slack);
