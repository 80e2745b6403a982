//! Whose an account in Slack is: how it becomes somebody's, what it may do before, and when it stops.

use serde_json::{Value, json};

use super::hand::{Hand, TEAM, button, form, genuine, words};
use crate::world::slack::FakeSlack;
use crate::world::{World, minutes, on_both, until};

/// A code from the console, freshly signed in.
pub(super) async fn code(w: &World, name: &str) -> String {
    let page = w.signed_in(name).await.submits("/auth/link", &[]).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    let from = text.find("/countersign link ").expect("the page says what to type") + "/countersign link ".len();
    text[from..from + 9].to_owned()
}

async fn links(w: &World, hand: &Hand<'_>, name: &str) {
    let shown = hand.types(&format!("/countersign link {}", code(w, name).await)).await;
    hand.presses(&button(&shown, "This is me: link it")).await;
}

fn refusals(log: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    log.iter().filter(|e| e["kind"] == "Refused").map(|e| (text(&e["data"]["command"]), text(&e["data"]["code"]))).collect()
}

async fn linking_takes_a_code_from_the_console_a_second_look_and_a_confirmation(w: &mut World) {
    let slack = w.uses_slack().await;
    let ana = Hand::of(w, &slack, &slack.joins("ana"));
    assert!(ana.hears("/countersign whoami").await.contains("I don't know yet who you are here."));
    let invited = ana.types("/countersign link").await;
    assert_eq!(
        button(&invited, "Link my account"),
        "https://countersign.example.com/auth/link",
        "the address holds nothing of the account"
    );

    let code = code(w, "ana").await;
    let shown = ana.types(&format!("/countersign link {}", code.to_lowercase())).await;
    assert!(words(&shown).contains("to *ana*") || words(&shown).contains("ana"), "{shown}");
    assert!(w.log_of("AccountLinked").await.is_empty(), "typing a code links nothing yet");
    let confirmed = ana.presses(&button(&shown, "This is me: link it")).await;
    assert!(words(&confirmed).contains("is linked to"), "{confirmed}");

    let linked = w.log_of("AccountLinked").await;
    assert_eq!((linked.len(), &linked[0]["data"]["person"], &linked[0]["data"]["method"]), (1, &json!(w.id_of("ana")), &json!("code")));
    assert_eq!(linked[0]["via"]["surface"], "slack");
    let log = w.log().await.iter().map(Value::to_string).collect::<String>();
    assert!(!log.contains(&ana.user) && !log.contains(&code), "ids are sealed, and a code stands nowhere");
    assert!(ana.hears("/countersign whoami").await.contains("ana@example.com"));
    let page = w.signed_in("ana").await.gets("/auth/link").await.text();
    assert!(page.contains(&ana.user), "the console tells the other side");
    let direct = slack.lock().channels.values().filter(|c| c.im).flat_map(|c| c.messages.clone()).map(|m| words(&m)).collect::<String>();
    assert!(direct.contains("is linked to"), "and Slack this one: {direct}");
}
on_both!(linking_takes_a_code_from_the_console_a_second_look_and_a_confirmation);

async fn a_code_that_a_stranger_sent_links_nothing_and_is_void_once_it_was_recognised(w: &mut World) {
    let slack = w.uses_slack().await;
    let (ana, other) = (Hand::of(w, &slack, &slack.joins("ana")), Hand::of(w, &slack, &slack.joins("other")));
    let from_ben = code(w, "ben").await;
    let shown = ana.types(&format!("/countersign link {from_ben}")).await;
    assert!(words(&shown).contains("ben"), "ana sees whose it is");
    let refused = ana.presses(&button(&shown, "This is not me")).await;
    assert!(words(&refused).contains("Nothing was linked"), "{refused}");
    assert!(ana.presses(&button(&shown, "This is me: link it")).await["text"].as_str().is_some_and(|t| t.contains("links nothing")));
    assert!(other.hears(&format!("/countersign link {from_ben}")).await.contains("links nothing"), "the code is void for everybody");
    assert!(w.log_of("AccountLinked").await.is_empty());
    assert!(refusals(&w.log().await).contains(&("LinkAccount".to_owned(), "SomebodyElse".to_owned())));
}
on_both!(a_code_that_a_stranger_sent_links_nothing_and_is_void_once_it_was_recognised);

async fn a_code_is_good_for_ten_minutes_once_and_for_one_account(w: &mut World) {
    let slack = w.uses_slack().await;
    let (one, two) = (Hand::of(w, &slack, &slack.joins("one")), Hand::of(w, &slack, &slack.joins("two")));
    let late = code(w, "ana").await;
    w.advance(minutes(11)).await;
    assert!(one.hears(&format!("/countersign link {late}")).await.contains("links nothing"));
    let (first, second) = (code(w, "ana").await, code(w, "ana").await);
    assert!(one.hears(&format!("/countersign link {first}")).await.contains("links nothing"), "a new code replaces the one before");
    let shown = one.types(&format!("/countersign link {second}")).await;
    one.presses(&button(&shown, "This is me: link it")).await;
    assert!(two.hears(&format!("/countersign link {second}")).await.contains("links nothing"), "it is used up");
    let bens = code(w, "ben").await;
    assert!(one.hears(&format!("/countersign link {bens}")).await.contains("ana"), "an account is one person's");
    let linked = w.log_of("AccountLinked").await;
    assert_eq!(linked.len(), 1);
    let handle = format!("slack:{TEAM}/{}", one.user);
    w.stops().await;
    let (exit, said) = w.runs(&["people", "link", "ben@example.com", &handle, "--by", "ada@example.com"]).await;
    assert!(exit != 0 && said.contains("belongs to another person"), "{said}");
    let (exit, said) =
        w.runs(&["people", "link", "ana@example.com", &handle, "--unlink", "Lost her phone.", "--by", "ada@example.com"]).await;
    assert_eq!(exit, 0, "{said}");
    let (exit, said) = w.runs(&["people", "link", "ben@example.com", &handle, "--by", "ada@example.com"]).await;
    assert!(exit == 0 && said.contains("ben"), "{said}");
}
on_both!(a_code_is_good_for_ten_minutes_once_and_for_one_account);

async fn wrong_codes_are_few_and_then_even_the_right_one_has_to_wait(w: &mut World) {
    let slack = w.uses_slack().await;
    let ana = Hand::of(w, &slack, &slack.joins("ana"));
    for n in 0..5 {
        assert!(ana.hears(&format!("/countersign link AAAA-AAA{}", n + 2)).await.contains("links nothing"));
    }
    let right = code(w, "ana").await;
    assert!(ana.hears(&format!("/countersign link {right}")).await.contains("too many wrong codes"));
    assert!(refusals(&w.log().await).contains(&("LinkAccount".to_owned(), "TooManyCodes".to_owned())));
    w.advance(minutes(61)).await;
    let right = code(w, "ana").await;
    assert!(ana.hears(&format!("/countersign link {right}")).await.contains("ana"));
}
on_both!(wrong_codes_are_few_and_then_even_the_right_one_has_to_wait);

async fn a_code_is_only_given_to_somebody_who_has_just_signed_in(w: &mut World) {
    w.uses_slack().await;
    let ana = w.signed_in("ana").await;
    w.advance(minutes(60 * 13)).await;
    let page = ana.submits("/auth/link", &[]).await;
    assert_eq!((page.status, page.text().contains("sign in again")), (403, true), "{}", page.text());
    let by_key = w.person("ana").submits("/auth/link", &[]).await;
    assert_eq!(by_key.status, 403, "a program gets none");
    assert!(w.log_of("LinkCodeIssued").await.is_empty());
}
on_both!(a_code_is_only_given_to_somebody_who_has_just_signed_in);

// proves: ATT-01
async fn somebody_who_is_nobody_yet_may_report_and_is_heard_and_the_rest_waits_for_them(w: &mut World) {
    let slack = w.uses_slack().await;
    let (ana, ben) = (Hand::of(w, &slack, &slack.joins("ana")), slack.joins("ben"));
    w.links("ben", &ben).await;
    let declared = ana.types("/incident declare sev1 the shop is down").await;
    assert!(words(&declared).contains("INC-000001"), "{declared}");
    let opened = &w.log_of("TicketOpened").await[0];
    assert_eq!((&opened["actor"]["type"], &opened["data"]["intake"]), (&json!("account"), &json!("slack")));
    assert!(opened["actor"]["id"].as_str().is_some_and(|id| id.starts_with("a_")), "no event is without somebody");
    w.slack_is_told().await;
    let channel = slack.channel_like("inc-000001");
    let here = ana.within(&channel.id);
    here.says("It began at ten.").await;
    assert!(w.said("INC-000001").await.iter().any(|line| line.contains("NoteAdded") && line.contains("It began at ten.")));

    // A button: the attempt is on record, and what was filled in is kept.
    let card = &channel.messages[0];
    let press = here.presses(&button(card, "Acknowledge")).await;
    assert!(words(&press).contains("what you typed is kept"), "{press}");
    assert_eq!(w.person("ben").sees("INC-000001").await["status"], "open");
    assert!(refusals(&w.log().await).contains(&("Take".to_owned(), "NotLinked".to_owned())));
    links(w, &here, "ana").await;
    let seen = w.person("ben").sees("INC-000001").await;
    assert_eq!((&seen["status"], &seen["owner"]), (&json!("acknowledged"), &json!(w.id_of("ana"))), "it was completed after linking");
    assert_eq!(w.database.number("SELECT COUNT(*) FROM held_form").await, 0);
}
on_both!(somebody_who_is_nobody_yet_may_report_and_is_heard_and_the_rest_waits_for_them);

async fn what_was_filled_in_before_linking_is_given_back_when_it_counts_no_more(w: &mut World) {
    let slack = w.uses_slack().await;
    let (ana, ben) = (Hand::of(w, &slack, &slack.joins("ana")), slack.joins("ben"));
    w.links("ben", &ben).await;
    let inc = w.person("ben").declares("the shop is down", "sev1").await;
    w.slack_is_told().await;
    let channel = slack.channel_like("inc-000001");
    let here = ana.within(&channel.id);
    let card = channel.messages[0].clone();
    w.person("ben").acknowledges(&inc).await.done();
    here.presses(&button(&card, "Acknowledge")).await;
    let shown = here.types(&format!("/countersign link {}", code(w, "ana").await)).await;
    let said = words(&here.presses(&button(&shown, "This is me: link it")).await);
    assert!(said.contains("is not recorded") && said.contains("changed while you were reading"), "{said}");
    assert_eq!(w.person("ben").sees(&inc).await["owner"], json!(w.id_of("ben")));
}
on_both!(what_was_filled_in_before_linking_is_given_back_when_it_counts_no_more);

async fn an_account_stops_with_its_person_and_when_slack_deactivates_it(w: &mut World) {
    let slack = w.uses_slack().await;
    let (ana, ben) = (Hand::of(w, &slack, &slack.joins("ana")), Hand::of(w, &slack, &slack.joins("ben")));
    w.links("ana", &ana.user).await;
    w.links("ben", &ben.user).await;
    let inc = w.person("mia").declares("the shop is down", "sev1").await;
    w.slack_is_told().await;
    let channel = slack.channel_like("inc-000001");
    let acknowledge = button(&channel.messages[0], "Acknowledge");
    w.disables("ana").await;
    ana.presses(&acknowledge).await;
    assert!(ana.hears("/incident declare another").await.contains("not one of an active person"));
    assert!(refusals(&w.log().await).contains(&("Open".to_owned(), "NotAPerson".to_owned())), "{:?}", refusals(&w.log().await));
    assert_eq!(w.person("mia").sees(&inc).await["status"], "open");

    let gone = json!({ "type": "user_change", "user": { "id": ben.user, "team_id": TEAM, "deleted": true } });
    slack.lock().users.get_mut(&ben.user).expect("ben").deleted = true;
    assert_eq!(ben.told("Ev1", gone.clone()).await.status, 200);
    assert_eq!(ben.told("Ev1", gone).await.status, 200);
    let stopped = w.log_of("AccountUnlinked").await;
    assert_eq!((stopped.len(), &stopped[0]["data"]["why"], &stopped[0]["actor"]["type"]), (1, &json!("deactivated"), &json!("scheduler")));
    assert!(words(&ben.presses(&acknowledge).await).contains("deactivated"));
    assert_eq!(w.person("mia").sees(&inc).await["status"], "open");
}
on_both!(an_account_stops_with_its_person_and_when_slack_deactivates_it);

async fn guests_programs_and_users_of_elsewhere_are_refused_and_that_is_recorded(w: &mut World) {
    let slack = w.uses_slack().await;
    let guest = Hand::of(w, &slack, &slack.joins_as("guest", |user| user.guest = true));
    let robot = Hand::of(w, &slack, &slack.joins_as("robot", |user| user.bot = true));
    let elsewhere = Hand::of(w, &slack, &slack.joins_as("elsewhere", |user| user.team = "T0OTHER".to_owned()));
    for (hand, says) in [(&guest, "Guests of this workspace"), (&robot, "Programs cannot"), (&elsewhere, "another workspace")] {
        assert!(hand.hears("/incident declare let me in").await.contains(says));
    }
    let codes: Vec<String> = refusals(&w.log().await).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["GuestAccount", "BotAccount", "OtherWorkspace"]);
    assert!(w.log_of("TicketOpened").await.is_empty());
}
on_both!(guests_programs_and_users_of_elsewhere_are_refused_and_that_is_recorded);

async fn a_genuine_request_from_another_team_is_refused_and_counted(w: &mut World) {
    let slack = w.uses_slack().await;
    let body = form(&[("team_id", "T0OTHER"), ("user_id", "U1"), ("command", "/incident"), ("text", "declare x"), ("trigger_id", "1.2")]);
    let answered = genuine(w, "/slack/commands", &body).await;
    assert!(answered.text().contains("not the one that I belong to"), "{}", answered.text());
    assert!(w.log_of("TicketOpened").await.is_empty() && w.log_of("AccountSeen").await.is_empty());
    w.advance(minutes(2)).await;
    until("it is counted", async || !w.log_of("ForgeriesCounted").await.is_empty()).await;
    assert_eq!(w.log_of("ForgeriesCounted").await[0]["data"]["reason"], "another team");
    assert_eq!(slack.violations(), Vec::<String>::new());
}
on_both!(a_genuine_request_from_another_team_is_refused_and_counted);

async fn an_address_says_whose_an_account_is_where_that_is_allowed_and_never_of_one_who_approves(w: &mut World) {
    let slack = matching(w).await;
    let ana = Hand::of(w, &slack, &slack.joins("ana"));
    assert!(ana.hears("/countersign whoami").await.contains("ana@example.com"));
    let ada = Hand::of(w, &slack, &slack.joins("ada"));
    assert!(ada.hears("/countersign whoami").await.contains("I don't know yet"), "she administers");
    let ben = Hand::of(w, &slack, &slack.joins_as("ben", |user| user.confirmed = false));
    assert!(ben.hears("/countersign whoami").await.contains("I don't know yet"), "nobody confirmed that address");
    let linked = w.log_of("AccountLinked").await;
    assert_eq!((linked.len(), &linked[0]["data"]["method"]), (1, &json!("email")));
}
on_both!(an_address_says_whose_an_account_is_where_that_is_allowed_and_never_of_one_who_approves);

async fn matching(w: &mut World) -> FakeSlack {
    let slack = FakeSlack::starts().await;
    w.settings.push_str(&format!("{}match_email = true\n", slack.settings()));
    w.stops().await;
    w.starts().await;
    slack
}

// proves: ATT-08
async fn whoever_calls_themselves_like_an_approver_is_not_one(w: &mut World) {
    let slack = w.uses_slack().await;
    let (mia, imposter) = (slack.joins("mia"), Hand::of(w, &slack, &slack.joins("imposter")));
    w.links("mia", &mia).await;
    slack.lock().users.get_mut(&imposter.user).expect("somebody").name = "mia".to_owned();
    let inc = w.person("ana").declares("the shop is down", "sev1").await;
    w.slack_is_told().await;
    let here = imposter.within(&slack.channel_like("inc-000001").id);
    let said = here.hears("/incident void It was nothing.").await;
    assert!(said.contains("I don't know yet who you are"), "{said}");
    assert_eq!(w.person("ana").sees(&inc).await["status"], "open");
    assert!(refusals(&w.log().await).iter().any(|(_, code)| code == "NotLinked"));
}
on_both!(whoever_calls_themselves_like_an_approver_is_not_one);

async fn a_reporter_who_is_linked_later_is_still_the_one_who_opened_it(w: &mut World) {
    let slack = w.uses_slack().await;
    let max = Hand::of(w, &slack, &slack.joins("max"));
    max.types("/incident declare sev1 the shop is down").await;
    w.links("max", &max.user).await;
    let form = max.types("/incident false_positive INC-000001 It was a drill.").await;
    assert!(words(&form).contains("somebody else must take"), "sev1 wants a second person: {form}");
    assert_eq!(w.person("mia").sees("INC-000001").await["status"], "open");
}
on_both!(a_reporter_who_is_linked_later_is_still_the_one_who_opened_it);

async fn guests_and_users_of_elsewhere_are_heard_where_the_organisation_allows_it(w: &mut World) {
    let slack = FakeSlack::starts().await;
    w.settings.push_str(&format!("{}allow_guests = true\nallow_external = true\n", slack.settings()));
    w.stops().await;
    w.starts().await;
    let guest = Hand::of(w, &slack, &slack.joins_as("guest", |user| user.guest = true));
    assert!(guest.hears("/incident declare the lift is stuck").await.contains("INC-000001"));
    // One user is one account, whether a payload says their workspace or not.
    let external = slack.joins_as("ana", |user| user.team = "T0OTHER".to_owned());
    w.links_in("ana", "T0OTHER", &external).await;
    let ana = Hand::of(w, &slack, &external);
    assert!(ana.hears("/countersign whoami").await.contains("ana@example.com"), "a command does not say it");
    let mut pressed =
        ana.payload("block_actions", json!({ "actions": [{ "type": "button", "action_id": "x", "value": "1|INC-000001|!show||" }] }));
    pressed["user"]["team_id"] = json!("T0OTHER");
    let before = slack.lock().answers.len();
    assert_eq!(ana.interacts(pressed).await.status, 200);
    until("it is answered", async || slack.lock().answers.len() > before).await;
    assert!(words(&slack.lock().answers[before].1).contains("the lift is stuck"), "a click does");
    assert_eq!(w.log_of("AccountSeen").await.len(), 2, "the guest, and ana once");
}
on_both!(guests_and_users_of_elsewhere_are_heard_where_the_organisation_allows_it);

async fn members_of_another_workspace_of_the_same_organisation_are_no_strangers(w: &mut World) {
    let slack = FakeSlack::starts().await;
    slack.lock().enterprise = "E0ORG".to_owned();
    w.settings.push_str(&slack.settings());
    w.stops().await;
    w.starts().await;
    let colleague = slack.joins_as("ana", |user| (user.team, user.enterprise) = ("T0SISTER".to_owned(), "E0ORG".to_owned()));
    let stranger = slack.joins_as("stranger", |user| (user.team, user.enterprise) = ("T0ELSE".to_owned(), "E0ELSE".to_owned()));
    w.links("ana", &colleague).await;
    let ana = Hand::of(w, &slack, &colleague);
    assert!(ana.hears("/countersign whoami").await.contains("ana@example.com"));
    let mut pressed = ana.payload("block_actions", json!({ "actions": [{ "type": "button", "action_id": "x", "value": "1||!link||" }] }));
    pressed["user"]["team_id"] = json!("T0SISTER");
    assert_eq!(ana.interacts(pressed).await.status, 200);
    assert!(Hand::of(w, &slack, &stranger).hears("/incident declare let me in").await.contains("another workspace"));
    let codes: Vec<String> = refusals(&w.log().await).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["OtherWorkspace"], "one of them is of elsewhere");
}
on_both!(members_of_another_workspace_of_the_same_organisation_are_no_strangers);

async fn whoever_is_on_call_soon_is_invited_to_link_and_doctor_names_them(w: &mut World) {
    let mut files = countersign::procedure::built_in();
    let organisation = files.iter_mut().find(|(path, _)| path == "organisation.yaml").expect("the organisation");
    organisation.1.extend_from_slice(
        b"\non_call:\n  layers:\n    main: { people: [ana@example.com, ben@example.com], from: 2026-03-02, at: \"09:00\" }\n",
    );
    w.adopts(files, "A rota.").await;
    let slack = w.uses_slack().await;
    let (ana, ben) = (slack.joins("ana"), slack.joins("ben"));
    w.links("ben", &ben).await;
    let direct = |user: &str| {
        let state = slack.lock();
        let to = state.channels.values().filter(|c| c.im && c.members.contains(user));
        to.flat_map(|c| c.messages.clone()).collect::<Vec<_>>()
    };
    until("ana is invited", async || !direct(&ana).is_empty()).await;
    let invitation = direct(&ana).remove(0);
    assert!(words(&invitation).contains("You are on call from"), "{invitation}");
    assert_eq!(button(&invitation, "Link my account"), "https://countersign.example.com/auth/link");
    let (_, said) = w.runs(&["doctor"]).await;
    assert!(said.contains("on call within a week, and without an account in Slack: ana@example.com"), "{said}");
    assert!(w.log_of("AccountLinked").await.len() == 1, "an address links nobody");
    w.advance(minutes(60)).await;
    w.advance(minutes(60)).await;
    assert_eq!((direct(&ana).len(), direct(&ben).len()), (1, 0), "once, and nobody who is linked");
}
on_both!(whoever_is_on_call_soon_is_invited_to_link_and_doctor_names_them);
