//! Changes, access and exceptions worked in Slack alone: everybody hears what waits for them, by a direct message, and answers
//! it there.

use serde_json::{Value, json};

use super::hand::{Hand, button, chosen, typed, words};
use crate::reviews::{granted, with_systems};
use crate::world::slack::FakeSlack;
use crate::world::{World, days, hours, minutes, on_both};

/// Slack with accounts for these people.
async fn linked(w: &mut World, names: &[&str]) -> FakeSlack {
    let slack = w.uses_slack().await;
    for name in names {
        let user = slack.joins(name);
        w.links(name, &user).await;
    }
    slack
}

fn user(slack: &FakeSlack, name: &str) -> String {
    slack.lock().users.values().find(|u| u.name == name).map(|u| u.id.clone()).expect("somebody in the workspace")
}

fn hand<'w>(w: &'w World, slack: &FakeSlack, name: &str) -> Hand<'w> {
    Hand::of(w, slack, &user(slack, name))
}

/// What somebody was told directly, the oldest first.
async fn told(w: &World, slack: &FakeSlack, name: &str) -> Vec<Value> {
    w.pages_are_sent().await;
    let of = user(slack, name);
    slack.lock().channels.values().filter(|c| c.im && c.members.contains(&of)).flat_map(|c| c.messages.clone()).collect()
}

/// The latest of it.
async fn hears(w: &World, slack: &FakeSlack, name: &str) -> Value {
    told(w, slack, name).await.pop().unwrap_or_else(|| panic!("{name} was told nothing"))
}

fn at(moment: countersign::env::Timestamp) -> Value {
    json!({ "value": { "type": "datetimepicker", "selected_date_time": moment.seconds() } })
}

/// Presses the button of a message, and decides in the form that opens.
async fn decides(by: &Hand<'_>, message: &Value, label: &str, decision: &str, why: &str) {
    assert_eq!(by.presses(&button(message, label)).await, Value::Null);
    let done = by.submits(&by.form(), json!({ "decision": chosen(decision), "reason": typed(why) })).await;
    assert_eq!(done["response_action"], "clear", "{done}");
}

/// A change of ana's that ben has judged, all of it in Slack.
async fn assessed(w: &World, slack: &FakeSlack) -> String {
    let (ana, ben) = (hand(w, slack, "ana"), hand(w, slack, "ben"));
    ana.types("/change request").await;
    let opened = ana.submits(&ana.form(), json!({ "field.title": typed("More connections"), "field.type": chosen("normal") })).await;
    assert!(words(&opened).contains("CHG-000001"), "{opened}");
    ana.types("/change submit CHG-000001").await;
    let from = w.now().plus(hours(25));
    let described = json!({
        "field.category": chosen("configuration"), "field.system": chosen("other"),
        "field.description": typed("Raise the connection limit of prod-db from 100 to 200 in postgresql.conf and reload it."),
        "field.justification": typed("Checkout fails at peak since all 100 connections are taken; sales asked on 3 March."),
        "field.security_impact": typed("None: the port stays closed to the internet, no controlled information moves."),
        "field.rollback_plan": typed("Restore the saved postgresql.conf and reload; takes two minutes."),
        "field.window_start": at(from), "field.window_end": at(from.plus(hours(4))),
    });
    let submitted = ana.submits(&ana.form(), described).await;
    assert_eq!(submitted["response_action"], "clear", "{submitted}");
    ben.types("/change assess CHG-000001").await;
    let judged = json!({
        "field.assessment": typed("Feasible; tested on staging yesterday, memory suffices for 200 connections."),
        "field.criticality": chosen("low"), "field.exposure": chosen("low"), "field.rollback_complexity": chosen("low"),
    });
    assert_eq!(ben.submits(&ben.form(), judged).await["response_action"], "clear");
    "CHG-000001".to_owned()
}

async fn a_change_goes_from_its_request_to_its_start_in_direct_messages_alone(w: &mut World) {
    w.hires("chi", &["approver"]).await;
    w.hires("una", &["approver"]).await;
    let slack = linked(w, &["ana", "ben", "chi"]).await;
    let chg = assessed(w, &slack).await;
    let asked = hears(w, &slack, "chi").await;
    assert!(words(&asked).contains("CHG-000001 “More connections” needs your decision: approve. ana asked for it; it is due"), "{asked}");
    assert_eq!((told(w, &slack, "ana").await.len(), told(w, &slack, "ben").await.len()), (0, 0), "nobody hears what they did themselves");
    // Who has no account there hears nothing, and that is noted.
    let noted = w.desk().chat_troubles().await.expect("asked");
    assert!(noted.iter().any(|t| t.words.starts_with("una has no linked account in chat")), "{noted:?}");
    // Half of the time has gone: those who can decide are reminded, nobody else.
    w.advance(hours(4)).await;
    w.tick().await;
    let reminded = hears(w, &slack, "chi").await;
    assert!(words(&reminded).contains("left to approve CHG-000001"), "{reminded}");
    assert_eq!(told(w, &slack, "ana").await.len(), 0);
    let chi = hand(w, &slack, "chi");
    decides(&chi, &reminded, "Approve or reject", "approve", "Looked at it.").await;
    let decided = hears(w, &slack, "ana").await;
    assert!(words(&decided).contains("chi approved CHG-000001 “More connections”. It is approved now."), "{decided}");
    let so_far = told(w, &slack, "chi").await.len();
    // Everything once, also after a restart.
    w.stops().await;
    w.starts().await;
    w.tick().await;
    assert_eq!((told(w, &slack, "chi").await.len(), told(w, &slack, "ana").await.len()), (so_far, 1));
    let (chi, ben) = (hand(w, &slack, "chi"), hand(w, &slack, "ben"));
    assert!(ben.hears(&format!("/change start {chg}")).await.contains("may start on"), "too early");
    w.advance(hours(24)).await;
    assert!(ben.hears(&format!("/change start {chg}")).await.contains("Recorded on CHG-000001."));
    assert_eq!(w.person("ana").sees(&chg).await["status"], "implementing");
    // It is too late to take the word back, and said so; nothing more waits.
    assert!(chi.hears(&format!("/change withdraw {chg} I changed my mind.")).await.contains("started"), "too late");
    assert!(chi.hears("/countersign inbox").await.contains("Nothing waits for you."));
    assert_eq!(slack.violations(), Vec::<String>::new());
}
on_both!(a_change_goes_from_its_request_to_its_start_in_direct_messages_alone);

// proves: APR-14
async fn a_decision_is_taken_back_in_slack_and_console_until_it_was_relied_on(w: &mut World) {
    w.hires("chi", &["approver"]).await;
    let slack = linked(w, &["ana", "ben", "chi"]).await;
    let chg = assessed(w, &slack).await;
    let chi = hand(w, &slack, "chi");
    assert!(chi.hears(&format!("/change withdraw {chg} No.")).await.contains("no decision"), "there is none yet");
    decides(&chi, &hears(w, &slack, "chi").await, "Approve or reject", "approve", "Looked at it.").await;
    let page = w.signed_in("chi").await.gets(&format!("/console/c/{chg}")).await.text();
    assert!(page.contains("Take back my decision: Approve"), "{page}");
    assert!(chi.hears(&format!("/change withdraw {chg} The window is too short.")).await.contains("Recorded on"));
    assert_eq!(w.log_of("ApprovalWithdrawn").await[0]["via"]["surface"], "slack");
    let told = hears(w, &slack, "ana").await;
    assert!(words(&told).contains("chi took back the decision on “Approve” of CHG-000001"), "{told}");
    w.advance(hours(26)).await;
    w.tick().await;
    let ben = hand(w, &slack, "ben");
    assert!(!ben.hears(&format!("/change start {chg}")).await.contains("Recorded"), "nothing stands any more");
}
on_both!(a_decision_is_taken_back_in_slack_and_console_until_it_was_relied_on);

// proves: APR-14
async fn access_that_ends_is_told_renewed_by_its_word_and_decided_by_the_same_one(w: &mut World) {
    with_systems(w, "").await;
    let slack = linked(w, &["ana", "ora", "sec"]).await;
    let acc = granted(w, "ana", "read").await;
    let given = hears(w, &slack, "ana").await;
    assert!(words(&given).contains(&format!("{acc} “read for ana” is granted now, by sec.")), "{given}");
    w.advance(days(299)).await;
    w.tick().await;
    let ends = hears(w, &slack, "ana").await;
    assert!(words(&ends).contains("ends by itself") && words(&ends).contains("one press asks for it"), "{ends}");
    let ana = hand(w, &slack, "ana");
    let inbox = ana.types("/countersign inbox").await;
    assert!(words(&inbox).contains("your access ends"), "{inbox}");
    assert!(button(&inbox, &format!("Renew {acc}")).contains("step.renew"));
    let listed = w.person("ana").gets("/api/v1/inbox").await.done();
    assert_eq!((&listed["ending"][0]["ticket"], &listed["ending"][0]["renewal_asked"]), (&json!(acc), &json!(false)));
    // The word asks for it; whoever decides is told, and the same word decides.
    // With a word on why, in one line; without, in one press.
    assert!(ana.hears(&format!("/access renew {acc} Ana runs the month-end reports for good now.")).await.contains("Recorded on"));
    assert_eq!(w.person("ana").sees(&acc).await["fields"]["renew_reason"], "Ana runs the month-end reports for good now.");
    assert!(w.person("ana").sees(&acc).await["fields"]["renew_until"].is_string());
    let asked = hears(w, &slack, "ora").await;
    assert!(words(&asked).contains("needs your decision: renew"), "{asked}");
    let ora = hand(w, &slack, "ora");
    ora.types(&format!("/access renew {acc}")).await;
    let form = ora.form();
    assert!(words(&form).contains("It needs the approval of"), "{form}");
    assert_eq!(
        ora.submits(&form, json!({ "decision": chosen("approve"), "reason": typed("She still needs it.") })).await["response_action"],
        "clear"
    );
    assert!(words(&hears(w, &slack, "ana").await).contains("ora approved “Renew”"));
    assert_eq!(w.person("ana").sees(&acc).await["status"], "granted");
}
on_both!(access_that_ends_is_told_renewed_by_its_word_and_decided_by_the_same_one);

async fn a_spoken_approval_is_confirmed_from_the_message_that_asks_its_giver(w: &mut World) {
    w.hires("chi", &["approver"]).await;
    let slack = linked(w, &["ana", "chi"]).await;
    let inc = w.person("ana").declares("payments are down", "sev1").await;
    let asked = json!({ "fields": { "title": "Restart the database", "verbal_approver": w.id_of("chi") } });
    w.person("ana").posts(&format!("/api/v1/tickets/{inc}/offers/emergency-change"), asked).await.done();
    let chi = hand(w, &slack, "chi");
    let messages = told(w, &slack, "chi").await;
    let asks = messages.iter().find(|m| words(m).contains("says that you agreed. Was it so?")).unwrap_or_else(|| panic!("{messages:?}"));
    decides(&chi, asks, "Approve or reject", "approve", "Yes, on the phone.").await;
    assert_eq!(w.person("ana").sees("CHG-000001").await["spoken"]["confirmed"], true);
    let heard = told(w, &slack, "ana").await;
    assert!(heard.iter().any(|m| words(m).contains("chi confirmed having agreed to CHG-000001")), "{heard:?}");
}
on_both!(a_spoken_approval_is_confirmed_from_the_message_that_asks_its_giver);

async fn an_exception_a_model_a_measure_and_a_finding_are_opened_and_linked_from_slack(w: &mut World) {
    with_systems(w, "").await;
    let slack = linked(w, &["ana", "exe"]).await;
    let (ana, exe) = (hand(w, &slack, "ana"), hand(w, &slack, "exe"));
    let offered = ana.types("/countersign new").await;
    for kind in ["exception", "change model", "corrective action", "finding"] {
        button(&offered, &format!("New {kind}"));
    }
    let opened = ana.hears("/corrective-action request Alert on the connection limit").await;
    assert!(opened.contains("ACT-000001"), "{opened}");
    let opened = ana.hears("/exception request Year end").await;
    assert!(opened.contains("EXC-000001"), "{opened}");
    ana.types("/exception edit EXC-000001").await;
    let filled = json!({
        "field.type": chosen("freeze"),
        "field.system": chosen("prod-db"),
        "field.window_start": at(w.now().plus(hours(1))), "field.window_end": at(w.now().plus(days(2))),
        "field.scope": typed("The connection limit of the orders database, this once."),
        "field.justification": typed("Sales lose money each hour while all connections are taken."),
        "field.compensation": typed("Two people watch the database for two hours afterwards."),
        "field.expires_at": at(w.now().plus(days(3))),
    });
    assert_eq!(ana.submits(&ana.form(), filled).await["response_action"], "clear");
    let asked = hears(w, &slack, "exe").await;
    decides(&exe, &asked, "Approve or reject", "approve", "This once.").await;
    let seen = w.person("ana").sees("EXC-000001").await;
    assert_eq!(seen["status"], "active", "{seen}");
    ana.types("/change request").await;
    ana.submits(&ana.form(), json!({ "field.title": typed("More connections"), "field.type": chosen("normal") })).await;
    assert!(ana.hears("/change link CHG-000001 excepted_by EXC-000001").await.contains("Recorded on CHG-000001."));
    let link = w.person("ana").sees("CHG-000001").await["links"][0].clone();
    assert_eq!((&link["link"], &link["to"]), (&json!("excepted_by"), &json!("EXC-000001")));
    assert_eq!(slack.violations(), Vec::<String>::new());
}
on_both!(an_exception_a_model_a_measure_and_a_finding_are_opened_and_linked_from_slack);

// proves: FRZ-03
async fn a_freeze_is_told_before_a_change_runs_into_it_and_the_refusal_offers_a_link(w: &mut World) {
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(b"freezes: { audit: { why: The auditors are here., from: 2026-03-01, to: 2026-03-22 } }\n");
        }
    }
    w.adopts(files, "The auditors come.").await;
    let slack = linked(w, &["ana", "ben"]).await;
    let ana = hand(w, &slack, "ana");
    for line in ["/change freezes", "/countersign freezes"] {
        let said = ana.hears(line).await;
        assert!(said.contains("Nothing is changed from") && said.contains("“audit”: The auditors are here."), "{said}");
    }
    ana.types("/change request").await;
    let form = words(&ana.form());
    assert!(form.contains("“audit”: The auditors are here."), "{form}");
    ana.submits(&ana.form(), json!({ "field.title": typed("Certificates"), "field.type": chosen("standard") })).await;
    // A standard change is started at once: what it lacks is said, with the way to give it.
    let shown = ana.types("/change start CHG-000001").await;
    assert!(words(&shown).contains("Link one (modelled_by)") && words(&shown).contains("“audit”"), "{shown}");
    assert_eq!(ana.presses(&button(&shown, "Link")).await, Value::Null);
    let choices = ana.form().to_string();
    assert!(choices.contains("modelled_by") && choices.contains("excepted_by") && choices.contains("change_for"), "{choices}");
    // The console says the same before anything is typed.
    let console = w.signed_in("ana").await;
    let form = console.gets("/console/c/CHG-000001/form/step.start").await.text();
    assert!(form.contains("a change model that is live, linked as “modelled by”") && form.contains("link.modelled_by"), "{form}");
    let declare = console.gets("/console/declare/change").await.text();
    assert!(declare.contains("The auditors are here."), "{declare}");
}
on_both!(a_freeze_is_told_before_a_change_runs_into_it_and_the_refusal_offers_a_link);

async fn the_latest_stands_in_every_list_whatever_lies_there_for_long(w: &mut World) {
    w.hires("chi", &["approver"]).await;
    w.opens_many("change", 230).await;
    let slack = linked(w, &["ana", "ben", "chi"]).await;
    let ana = hand(w, &slack, "ana");
    let opened = ana.types("/incident declare sev1 payments are down").await;
    assert!(words(&opened).contains("INC-000001"), "{opened}");
    assert!(ana.hears("/incident list").await.contains("INC-000001"));
    let asked = json!({ "kind": "change", "fields": { "title": "The latest of all", "type": "normal" } });
    let chg = w.person("ben").posts("/api/v1/tickets", asked).await.number();
    assert!(ana.hears("/change list").await.contains(&chg), "{chg}");
    let board = w.signed_in("ana").await.gets("/console/").await.text();
    assert!(board.contains("INC-000001"), "a new sev1 behind many others stands on the board");
    // One inbox: Slack lists what the API lists, in the same order.
    let listed = w.person("ana").gets("/api/v1/inbox").await.done();
    assert_eq!((&listed["waiting"][0]["why"], &listed["waiting"][0]["ticket"]["number"]), (&json!("nobodys"), &json!("INC-000001")));
    let inbox = ana.hears("/countersign inbox").await;
    assert!(inbox.contains("INC-000001") && inbox.contains("Nobody has it yet"), "{inbox}");
    w.advance(minutes(1)).await;
}
on_both!(the_latest_stands_in_every_list_whatever_lies_there_for_long);
