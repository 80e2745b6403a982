//! The app's own page: what waits, worked from there. Slack gives no address for answers to what is pressed on it or in a
//! window, so they stand in a window, and the page is shown as it is now.

use serde_json::{Value, json};

use super::hand::{Hand, TEAM, button, chosen, genuine, typed, words};
use crate::world::slack::{FakeSlack, Fault};
use crate::world::{World, minutes, on_both, until};

/// An incident of sev1 that nobody has, and ana with the app's own page in front of her.
async fn opened<'w>(w: &'w World, slack: &FakeSlack) -> (Hand<'w>, Value) {
    let user = slack.joins("ana");
    w.links("ana", &user).await;
    w.person("ben").declares("the shop is down", "sev1").await;
    let ana = Hand::of(w, slack, &user);
    ana.told("EvHome", json!({ "type": "app_home_opened", "user": user, "tab": "home" })).await.text();
    let page = home(slack, &ana);
    (ana, page)
}

fn home(slack: &FakeSlack, hand: &Hand<'_>) -> Value {
    slack.lock().homes[&hand.user].clone()
}

async fn what_is_pressed_on_the_apps_own_page_is_answered_in_a_window_and_the_page_is_shown_anew(w: &mut World) {
    let slack = w.uses_slack().await;
    let (ana, page) = opened(w, &slack).await;
    let acknowledge = button(&page, "Acknowledge");
    ana.presses_on(&page, &acknowledge).await;
    assert_eq!(w.person("ana").sees("INC-000001").await["owner"], json!(w.id_of("ana")));
    let now = home(&slack, &ana);
    assert!(!now.to_string().contains("step.acknowledge") && now.to_string().contains("step.contain"), "{now}");
    // The page of somebody who did not look again: what changed is said, and nothing happens.
    ana.presses_on(&page, &acknowledge).await;
    assert!(words(&ana.form()).contains("changed while you were reading"), "{}", ana.form());
    // "Show" in that window shows the card in the same window.
    let window = ana.form();
    ana.presses_on(&window, &button(&window, "Show")).await;
    assert!(ana.form()["id"] == window["id"] && words(&ana.form()).contains("Acknowledged"), "{}", ana.form());
    // "More…" opens a window, and the form that is chosen there takes its place.
    ana.presses_on(&now, &button(&now, "More…")).await;
    let more = ana.form();
    assert!(words(&more).contains("What else you can do with"), "{more}");
    ana.presses_on(&more, &button(&more, "Add a note")).await;
    let form = ana.form();
    assert!(form["id"] == more["id"] && form.get("submit").is_some(), "{form}");
    assert_eq!(ana.submits(&form, json!({ "note": typed("Worker 7 hangs.") })).await["response_action"], "clear");
    assert!(w.said("INC-000001").await.iter().any(|line| line.contains("Worker 7 hangs.")));
    assert_eq!(slack.violations(), Vec::<String>::new());
}
on_both!(what_is_pressed_on_the_apps_own_page_is_answered_in_a_window_and_the_page_is_shown_anew);

async fn a_form_from_the_apps_own_page_shows_it_anew_once_it_was_sent(w: &mut World) {
    let slack = w.uses_slack().await;
    let (ana, page) = opened(w, &slack).await;
    assert!(!words(&page).contains("the lift is stuck"), "{page}");
    ana.presses_on(&page, &button(&page, "New incident")).await;
    let sent = json!({ "field.title": typed("the lift is stuck"), "field.severity": chosen("sev3") });
    let answered = ana.submits(&ana.form(), sent).await;
    assert!(words(&answered).contains("INC-000002"), "{answered}");
    until("the page is shown anew", async || words(&home(&slack, &ana)).contains("the lift is stuck")).await;
    // From a channel, nobody's page is shown anew.
    let shown = slack.done("views.publish");
    ana.types("/incident note INC-000001").await;
    ana.submits(&ana.form(), json!({ "note": typed("Looking.") })).await;
    assert_eq!(slack.done("views.publish"), shown);
}
on_both!(a_form_from_the_apps_own_page_shows_it_anew_once_it_was_sent);

async fn an_answer_for_which_no_window_opens_is_said_directly(w: &mut World) {
    let slack = w.uses_slack().await;
    let (ana, page) = opened(w, &slack).await;
    w.person("ben").acknowledges("INC-000001").await.done();
    slack.fails("views.open", Fault::Broken);
    ana.presses_on(&page, &button(&page, "Acknowledge")).await;
    let direct = slack.lock().channels.values().filter(|c| c.im).flat_map(|c| c.messages.clone()).map(|m| words(&m)).collect::<String>();
    assert!(direct.contains("changed while you were reading"), "{direct}");
}
on_both!(an_answer_for_which_no_window_opens_is_said_directly);

async fn a_genuine_request_of_another_app_is_refused_and_counted(w: &mut World) {
    let slack = w.uses_slack().await;
    let ana = Hand::of(w, &slack, &slack.joins("ana"));
    w.links("ana", &ana.user).await;
    let typed = |app: &str| format!("{}&api_app_id={app}", ana.command("/incident declare the shop is down", &slack.trigger()));
    let answered = genuine(w, "/slack/commands", &typed("A0OTHER")).await;
    assert!(answered.text().contains("not the one that I belong to"), "{}", answered.text());
    let event = json!({ "type": "event_callback", "team_id": TEAM, "api_app_id": "A0OTHER", "event_id": "Ev1",
                        "event": { "type": "app_home_opened", "user": ana.user, "tab": "home" } });
    assert_eq!(genuine(w, "/slack/events", &event.to_string()).await.status, 200);
    assert!(w.log_of("TicketOpened").await.is_empty() && slack.lock().homes.is_empty());
    w.advance(minutes(2)).await;
    until("they are counted", async || !w.log_of("ForgeriesCounted").await.is_empty()).await;
    assert_eq!(w.log_of("ForgeriesCounted").await[0]["data"]["count"], 2);
    assert!(genuine(w, "/slack/commands", &typed("A0APP")).await.text().contains("INC-000001"), "our own is heard");
}
on_both!(a_genuine_request_of_another_app_is_refused_and_counted);
