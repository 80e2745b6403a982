//! Buttons and forms: bound to what they showed, filled in a moment after they opened, and never losing what was typed.

use serde_json::{Value, json};

use super::hand::{Hand, button, chosen, typed, words};
use crate::approvals::PERMIT;
use crate::world::slack::FakeSlack;
use crate::world::{World, labels, on_both};

/// An incident of sev1 with its channel, and ana in it.
async fn opened(w: &mut World) -> (FakeSlack, String, Value) {
    let slack = w.uses_slack().await;
    for name in ["ana", "ben", "mia"] {
        let user = slack.joins(name);
        w.links(name, &user).await;
    }
    w.person("ben").declares("the shop is down", "sev1").await;
    w.slack_is_told().await;
    let channel = slack.channel_like("inc-000001");
    let card = channel.messages[0].clone();
    (slack, channel.id, card)
}

fn hand<'w>(w: &'w World, slack: &FakeSlack, name: &str, channel: &str) -> Hand<'w> {
    let user = slack.lock().users.values().find(|u| u.name == name).map(|u| u.id.clone()).expect("somebody in the workspace");
    Hand::of(w, slack, &user).within(channel)
}

async fn one_click_acknowledges_and_the_second_one_is_told_that_it_is_done(w: &mut World) {
    let (slack, channel, card) = opened(w).await;
    let (ana, ben) = (hand(w, &slack, "ana", &channel), hand(w, &slack, "ben", &channel));
    let acknowledge = button(&card, "Acknowledge");
    assert_eq!(ana.presses(&acknowledge).await, Value::Null, "the card says the rest");
    assert_eq!(w.person("ana").sees("INC-000001").await["owner"], json!(w.id_of("ana")));
    let told = ben.presses(&acknowledge).await;
    assert!(words(&told).contains("changed while you were reading"), "{told}");
    assert!(button(&told, "Show").contains("INC-000001"));
    let codes: Vec<Value> = w.log_of("Refused").await.iter().map(|e| e["data"]["code"].clone()).collect();
    assert_eq!(codes, ["Stale"], "that somebody pressed an old button is on record");
}
on_both!(one_click_acknowledges_and_the_second_one_is_told_that_it_is_done);

async fn alerts_and_notes_make_no_button_stale(w: &mut World) {
    let (slack, channel, card) = opened(w).await;
    let ana = hand(w, &slack, "ana", &channel);
    w.person("ben").notes("INC-000001", "Looking.").await.done();
    ana.says("Me too.").await;
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    assert_eq!(ana.presses(&button(&card, "Acknowledge")).await, Value::Null);
}
on_both!(alerts_and_notes_make_no_button_stale);

async fn a_button_of_another_ticket_does_nothing_and_is_on_record(w: &mut World) {
    let (slack, channel, card) = opened(w).await;
    w.person("ben").declares("another thing", "sev3").await;
    let ana = hand(w, &slack, "ana", &channel);
    let forged = button(&card, "Acknowledge").replace("INC-000001", "INC-000002");
    let told = ana.presses(&forged).await;
    assert!(words(&told).contains("INC-000002 changed"), "{told}");
    for number in ["INC-000001", "INC-000002"] {
        assert_eq!(w.person("ana").sees(number).await["status"], "open");
    }
    assert_eq!(w.log_of("Refused").await[0]["ticket"], "INC-000002");
    assert_eq!(ana.presses("1|INC-000001|rm -rf|open|").await, Value::Null, "what is no button of ours is nothing");
}
on_both!(a_button_of_another_ticket_does_nothing_and_is_on_record);

async fn a_phase_asks_when_it_happened_and_both_times_are_recorded(w: &mut World) {
    let (slack, channel, card) = opened(w).await;
    let ana = hand(w, &slack, "ana", &channel);
    ana.presses(&button(&card, "Acknowledge")).await;
    let shown = ana.types("/incident show INC-000001").await;
    let contain = shown["blocks"].to_string();
    assert!(contain.contains("step.contain"), "{shown}");
    let value = find_deed(&shown, "step.contain");
    assert_eq!(ana.presses(&value).await, Value::Null);
    let form = ana.form();
    assert_eq!(form["title"]["type"], "plain_text");
    let answered = ana.submits(&form, json!({ "line": typed("Drained zone b."), "occurred_at": chosen("10") })).await;
    assert_eq!(answered["response_action"], "clear");
    let taken = w.events("INC-000001").await.into_iter().find(|e| e["data"]["transition"] == "contain").expect("it was taken");
    assert!(taken["data"]["occurred_at"].as_str().is_some_and(|at| at.starts_with("2026-03-02T09:5")), "{taken}");
    assert_eq!(taken["data"]["late"], false);
    assert!(taken["at"].as_str().is_some_and(|at| at.starts_with("2026-03-02T10:")), "{taken}");
    assert_eq!(taken["texts"]["line"], "Drained zone b.");
    assert_eq!(slack.violations(), Vec::<String>::new());
}
on_both!(a_phase_asks_when_it_happened_and_both_times_are_recorded);

// proves: APR-02
async fn a_button_to_approve_that_moved_on_says_what_changed_and_opens_nothing(w: &mut World) {
    let mut files = countersign::procedure::built_in();
    files.push(("kinds/permit.yaml".to_owned(), PERMIT.as_bytes().to_vec()));
    w.adopts(files, "Permits are asked for here.").await;
    let slack = w.uses_slack().await;
    let mia = slack.joins("mia");
    w.links("mia", &mia).await;
    let body = json!({ "kind": "permit", "fields": { "title": "Open the side door" } });
    let permit = w.person("ana").posts("/api/v1/tickets", body).await.number();
    let mia = Hand::of(w, &slack, &mia);
    let shown = mia.types(&format!("/permit show {permit}")).await;
    w.person("ana").sets(&permit, json!({ "scope": "large" })).await.done();
    let told = words(&mia.presses(&find_deed(&shown, "decide.grant")).await);
    assert!(told.contains("changed while you were reading: the scope is large now"), "{told}");
    assert!(slack.lock().views.is_empty(), "no form was opened");
    assert!(w.log_of("ApprovalDecided").await.is_empty());
    let refused = w.log_of("Refused").await;
    assert_eq!((refused.len(), &refused[0]["data"]["code"]), (1, &json!("Stale")));
    let fresh = mia.types(&format!("/permit show {permit}")).await;
    assert_eq!(mia.presses(&find_deed(&fresh, "decide.grant")).await, Value::Null);
    let answered = mia.submits(&mia.form(), json!({ "decision": chosen("approve"), "reason": typed("It is needed.") })).await;
    assert_eq!(answered["response_action"], "clear", "{answered}");
    assert_eq!(w.log_of("ApprovalDecided").await.len(), 1);
}
on_both!(a_button_to_approve_that_moved_on_says_what_changed_and_opens_nothing);

async fn ten_minutes_ago_sent_again_a_minute_later_is_the_same_form(w: &mut World) {
    let (slack, channel, card) = opened(w).await;
    let ana = hand(w, &slack, "ana", &channel);
    ana.presses(&button(&card, "Acknowledge")).await;
    ana.types("/incident contain").await;
    let form = ana.form();
    let filled = json!({ "line": typed("Drained zone b."), "occurred_at": chosen("10") });
    assert_eq!(ana.submits(&form, filled.clone()).await["response_action"], "clear");
    w.advance(crate::world::minutes(1)).await;
    assert_eq!(ana.submits(&form, filled).await["response_action"], "clear", "it is the same press");
    let taken = w.events("INC-000001").await.into_iter().filter(|e| e["data"]["transition"] == "contain").collect::<Vec<_>>();
    assert_eq!(taken.len(), 1);
    let other = ana.submits(&form, json!({ "line": typed("Something else."), "occurred_at": chosen("10") })).await;
    assert!(words(&other).contains("was recorded when you sent it before"), "{other}");
}
on_both!(ten_minutes_ago_sent_again_a_minute_later_is_the_same_form);

async fn a_form_opens_at_once_also_while_slack_is_asked_who_it_is(w: &mut World) {
    let (slack, channel, card) = opened(w).await;
    let ana = hand(w, &slack, "ana", &channel);
    slack.lock().slow.insert("users.info".to_owned(), std::time::Duration::from_millis(1_200));
    assert_eq!(ana.types("/incident declare").await, Value::Null);
    let (opened, asked) = {
        let state = slack.lock();
        let place = |method: &str| state.calls.iter().rposition(|c| c.method == method).expect("it was asked");
        (place("views.open"), place("users.info"))
    };
    assert!(opened < asked, "the window stood before it was known who opens it");
    assert!(ana.form().to_string().contains("field.title"), "and its content followed: {}", ana.form());
    // What turns out to be no form is said where the window is.
    let ben = hand(w, &slack, "ben", &channel);
    assert_eq!(ben.presses(&button(&card, "Acknowledge")).await, Value::Null);
    assert!(words(&ben.form()).contains("saved now"), "{}", ben.form());
    assert_eq!(w.person("ana").sees("INC-000001").await["status"], "acknowledged");
}
on_both!(a_form_opens_at_once_also_while_slack_is_asked_who_it_is);

/// The value of the button that does this.
pub fn find_deed(value: &Value, deed: &str) -> String {
    fn find(value: &Value, deed: &str) -> Option<String> {
        if let Some(held) = value["value"].as_str().filter(|held| held.contains(deed)) {
            return Some(held.to_owned());
        }
        match value {
            Value::Object(map) => map.values().find_map(|value| find(value, deed)),
            Value::Array(all) => all.iter().find_map(|value| find(value, deed)),
            _ => None,
        }
    }
    find(value, deed).unwrap_or_else(|| panic!("nothing does {deed} in {value}"))
}

async fn a_command_without_arguments_opens_the_form_and_what_is_wrong_stands_at_its_input(w: &mut World) {
    let (slack, channel, _) = opened(w).await;
    let ana = hand(w, &slack, "ana", &channel);
    assert_eq!(ana.types("/incident declare").await, Value::Null);
    let form = ana.form();
    let answered = ana.submits(&form, json!({ "field.title": typed(""), "field.severity": chosen("sev3") })).await;
    assert_eq!(answered["response_action"], "errors", "{answered}");
    assert!(answered["errors"]["field.title"].as_str().is_some_and(|e| !e.is_empty()), "{answered}");
    let answered = ana.submits(&form, json!({ "field.title": typed("a card 4111 1111 1111 1111 leaked") })).await;
    assert!(answered["errors"]["field.title"].as_str().is_some_and(|e| e.contains("a payment card number")), "{answered}");
    let answered = ana.submits(&form, json!({ "field.title": typed("the lift is stuck"), "field.severity": chosen("sev4") })).await;
    assert_eq!(answered["response_action"], "update");
    assert!(words(&answered).contains("INC-000002"), "{answered}");
    let again = ana.submits(&form, json!({ "field.title": typed("the lift is stuck"), "field.severity": chosen("sev4") })).await;
    assert!(words(&again).contains("INC-000002"), "a form that is sent twice is recorded once: {again}");
    assert_eq!(w.log_of("TicketOpened").await.len(), 2);
    let note = ana.types("/incident note").await;
    assert_eq!(note, Value::Null);
    let answered = ana.submits(&ana.form(), json!({ "note": typed(" ") })).await;
    assert!(answered["errors"]["note"].is_string(), "{answered}");
}
on_both!(a_command_without_arguments_opens_the_form_and_what_is_wrong_stands_at_its_input);

async fn a_form_that_was_open_while_the_ticket_moved_on_says_so_and_keeps_what_was_typed(w: &mut World) {
    let (slack, channel, card) = opened(w).await;
    let ana = hand(w, &slack, "ana", &channel);
    assert_eq!(ana.presses(&button(&card, "False alarm")).await, Value::Null);
    let form = ana.form();
    w.person("ben").acknowledges("INC-000001").await.done();
    let answered = ana.submits(&form, json!({ "reason": typed("It was a drill.") })).await;
    assert_eq!(answered["response_action"], "update");
    assert!(words(&answered).contains("changed while you were reading") && answered.to_string().contains("It was a drill."), "{answered}");
    assert_eq!(w.person("ana").sees("INC-000001").await["status"], "acknowledged", "nothing happened");
    let mut view = answered["view"].clone();
    view["id"] = form["id"].clone();
    let answered = ana.submits(&view, json!({ "reason": typed("It was a drill.") })).await;
    assert_eq!(answered["response_action"], "clear", "whoever has seen what changed may go on: {answered}");
    assert_eq!(w.person("ana").sees("INC-000001").await["status"], "closed");
}
on_both!(a_form_that_was_open_while_the_ticket_moved_on_says_so_and_keeps_what_was_typed);

async fn fields_are_kept_without_taking_the_step_and_what_slack_does_not_show_stays(w: &mut World) {
    let (slack, channel, card) = opened(w).await;
    let ana = hand(w, &slack, "ana", &channel);
    ana.presses(&button(&card, "Acknowledge")).await;
    w.readies("INC-000001", "remediated").await;
    let cause = w.person("ana").sees("INC-000001").await["fields"]["root_cause"].clone();
    let mia = hand(w, &slack, "mia", &channel);
    mia.types("/incident close").await;
    let form = mia.form();
    let answered = mia
        .sends("block_actions", &form, json!({ "field.data_involved": { "value": { "selected_options": [{ "value": "card" }] } } }))
        .await;
    assert_eq!(answered.status, 200);
    let ticket = w.person("ana").sees("INC-000001").await;
    assert_eq!((&ticket["status"], &ticket["fields"]["data_involved"]), (&json!("recovered"), &json!(["card"])));
    assert_eq!(ticket["fields"]["root_cause"], cause, "an input that was not shown is not cleared");
    assert!(words(&mia.form()).contains("is saved. The ticket stands where it stood"), "{}", mia.form());
}
on_both!(fields_are_kept_without_taking_the_step_and_what_slack_does_not_show_stays);

async fn a_trigger_that_ran_out_and_a_slack_that_fails_lose_nothing_that_was_recorded(w: &mut World) {
    let (slack, channel, _) = opened(w).await;
    let ana = hand(w, &slack, "ana", &channel);
    let stale = super::hand::genuine(w, "/slack/commands", &ana.command("/incident declare", &slack.stale_trigger())).await;
    assert!(stale.text().contains("too long for Slack"), "{}", stale.text());
    slack.fails("views.open", crate::world::slack::Fault::Broken);
    assert!(ana.hears("/incident declare").await.contains("too long for Slack"));
    assert_eq!(w.log_of("TicketOpened").await.len(), 1);
}
on_both!(a_trigger_that_ran_out_and_a_slack_that_fails_lose_nothing_that_was_recorded);

async fn a_file_in_a_form_is_fetched_hashed_and_kept_and_a_marked_one_is_not(w: &mut World) {
    let (slack, channel, _) = opened(w).await;
    let ana = hand(w, &slack, "ana", &channel);
    let file = |name: &str, bytes: &[u8]| {
        let (id, url) = slack.keeps_file(bytes);
        json!({ "value": { "files": [{ "id": id, "name": name, "url_private_download": url, "size": bytes.len() }] } })
    };
    ana.types("/incident evidence").await;
    let form = ana.form();
    let bad = ana.submits(&form, json!({ "file": file("plan.txt", b"CUI//SP-CTI\nthe wing") })).await;
    assert!(bad["errors"]["file"].as_str().is_some_and(|e| e.contains("a protective marking")), "{bad}");
    let good = ana.submits(&form, json!({ "file": file("log.txt", b"worker 7 hung"), "phase": chosen("contain") })).await;
    assert_eq!(good["response_action"], "clear", "{good}");
    let ticket = w.person("ana").sees("INC-000001").await;
    let files = ticket["files"].as_array().expect("files");
    assert_eq!((files.len(), &files[0]["media_type"], &files[0]["phase"]), (1, &json!("text/plain"), &json!("contain")));
    assert_eq!(w.log_of("ContentWithheld").await[0]["data"], json!({ "found": ["marking"], "of": "file", "masked": false }));
}
on_both!(a_file_in_a_form_is_fetched_hashed_and_kept_and_a_marked_one_is_not);

async fn an_incidents_card_offers_an_emergency_change_with_two_inputs_and_says_which_one_was_opened(w: &mut World) {
    let (slack, channel, card) = opened(w).await;
    w.hires("chi", &["approver"]).await;
    let ana = hand(w, &slack, "ana", &channel);
    assert_eq!(ana.presses(&button(&card, "Emergency change")).await, Value::Null);
    let form = ana.form();
    let inputs: Vec<&str> =
        form["blocks"].as_array().into_iter().flatten().filter(|b| b["type"] == "input").filter_map(|b| b["block_id"].as_str()).collect();
    assert_eq!(inputs, ["field.title", "field.verbal_approver"]);
    let own = json!({ "field.title": typed("Restart the database"), "field.verbal_approver": chosen(&w.id_of("ana")) });
    let told = ana.submits(&form, own).await;
    assert!(words(&told).contains("Whoever asks for it or starts it cannot be the one who agreed"), "{told}");
    assert!(w.log_of("TicketOpened").await.len() == 1, "nothing is opened half");
    let agreed = json!({ "field.title": typed("Restart the database"), "field.verbal_approver": chosen(&w.id_of("chi")) });
    let told = ana.submits(&ana.form(), agreed).await;
    assert!(words(&told).contains("CHG-000001"), "{told}");
    assert_eq!(w.person("ana").sees("CHG-000001").await["status"], "implementing");
}
on_both!(an_incidents_card_offers_an_emergency_change_with_two_inputs_and_says_which_one_was_opened);

async fn a_long_list_is_searched_by_what_is_typed(w: &mut World) {
    let (slack, channel, _) = opened(w).await;
    let ana = hand(w, &slack, "ana", &channel);
    ana.types("/incident assign").await;
    let found = async |typed: &str| {
        let rest = json!({ "view": ana.form(), "block_id": "person", "action_id": "value", "value": typed });
        let answered = ana.interacts(ana.payload("block_suggestion", rest)).await;
        assert_eq!(answered.status, 200, "{}", answered.text());
        let options = answered.json()["options"].as_array().cloned().expect("options");
        options.iter().map(|o| o["text"]["text"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("AN").await, ["ana"]);
    assert_eq!(found("zzz").await, Vec::<String>::new());
    let answered = ana.submits(&ana.form(), json!({ "person": chosen(&w.id_of("ben")) })).await;
    assert_eq!(answered["response_action"], "clear", "{answered}");
    assert_eq!(w.person("ana").sees("INC-000001").await["owner"], json!(w.id_of("ben")));
}
on_both!(a_long_list_is_searched_by_what_is_typed);
