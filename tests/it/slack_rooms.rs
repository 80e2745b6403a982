//! What Slack is told: a channel or a thread for each incident, its live card, its story in the log's order, who is
//! invited; and what happens when Slack limits, loses, refuses, or is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::slack::hand::{Hand, genuine};
use super::world::slack::{CONFIGURATION_TOKEN, FakeSlack, Fault};
use super::world::{World, days, labels, minutes, on_both};

/// Whose account in Slack is whose.
async fn staffed(w: &mut World) -> FakeSlack {
    let slack = w.uses_slack().await;
    for name in ["ana", "ben", "mia", "nil"] {
        let user = slack.joins(name);
        w.links(name, &user).await;
    }
    slack
}

fn user(slack: &FakeSlack, name: &str) -> String {
    slack.lock().users.values().find(|u| u.name == name).map(|u| u.id.clone()).expect("somebody in the workspace")
}

fn header(message: &Value) -> &str {
    message["blocks"][0]["text"]["text"].as_str().unwrap_or_default()
}

fn well_formed(slack: &FakeSlack) {
    assert_eq!(slack.violations(), Vec::<String>::new());
}

async fn a_serious_incident_has_a_private_channel_with_a_pinned_card_a_topic_and_those_who_work_on_it(w: &mut World) {
    let slack = staffed(w).await;
    let inc = w.person("ana").declares("payments-api is DOWN", "sev1").await;
    w.slack_is_told().await;
    let channel = slack.channel("inc-000001-payments-api-is-down").expect("the channel");
    assert!(channel.private && !channel.archived);
    assert_eq!(channel.topic, "sev1 · Open · payments-api is DOWN");
    let card = &channel.messages[0];
    assert_eq!(channel.pins, [card["ts"].as_str().expect("a place")]);
    assert_eq!(header(card), "INC-000001 · sev1 · payments-api is DOWN");
    let members: Vec<&String> = channel.members.iter().collect();
    for (name, comes) in [("ana", true), ("ben", true), ("nil", false)] {
        assert_eq!(members.contains(&&user(&slack, name)), comes, "{name}");
    }
    let opened = w.log_of("ChannelOpened").await;
    assert_eq!((opened.len(), &opened[0]["data"]), (1, &json!({ "platform": "slack", "own": true })));
    assert!(!opened[0].to_string().contains(&channel.id), "the platform's id is sealed");

    w.person("ana").acknowledges(&inc).await.done();
    w.slack_is_told().await;
    let channel = slack.channel("inc-000001-payments-api-is-down").expect("the channel");
    assert_eq!(channel.topic, "sev1 · Acknowledged · payments-api is DOWN");
    assert!(channel.messages[0]["text"].as_str().is_some_and(|t| t.contains("ana has it")), "{}", channel.messages[0]["text"]);
    let said = slack.said(&channel.name);
    assert_eq!(said[1..], ["Leadership should know of this.", "ana has it (10:00 UTC). Contain by 14:00 UTC."], "the start is on the card");
    assert_eq!(slack.done("conversations.create"), 1);
    well_formed(&slack);
}
on_both!(a_serious_incident_has_a_private_channel_with_a_pinned_card_a_topic_and_those_who_work_on_it);

async fn a_limited_incident_has_a_thread_in_the_channel_of_threads(w: &mut World) {
    let slack = staffed(w).await;
    let ana = w.person("ana");
    let (one, two) = (ana.declares("slow search", "sev3").await, ana.declares("a typo", "sev4").await);
    ana.notes(&one, "Looking at the index.").await.done();
    w.slack_is_told().await;
    let channel = slack.channel("incidents").expect("it is made");
    let parents: Vec<&Value> = channel.messages.iter().filter(|m| m.get("thread_ts").is_none()).collect();
    assert_eq!(
        parents.iter().map(|m| header(m)).collect::<Vec<_>>(),
        [format!("{one} · sev3 · slow search"), format!("{two} · sev4 · a typo")]
    );
    let replies: Vec<&Value> = channel.messages.iter().filter(|m| m.get("thread_ts").is_some()).collect();
    assert_eq!(replies.len(), 1);
    assert_eq!((&replies[0]["thread_ts"], replies[0]["text"].as_str()), (&parents[0]["ts"], Some("ana noted: Looking at the index.")));
    assert!(channel.pins.is_empty());
    assert!(channel.members.contains(&user(&slack, "ben")) && !channel.members.contains(&user(&slack, "nil")), "who may work, comes");
    assert_eq!(slack.done("conversations.invite"), 1, "once, not once a ticket");
    let place = parents[0]["ts"].as_str().expect("a place");
    let found = w.desk().ticket_at("slack", &channel.id, place).await.expect("looked");
    assert_eq!(found.map(|n| n.to_string()), Some(one));
    well_formed(&slack);
}
on_both!(a_limited_incident_has_a_thread_in_the_channel_of_threads);

async fn an_incident_that_gets_worse_moves_to_a_channel_of_its_own(w: &mut World) {
    let slack = staffed(w).await;
    let ana = w.person("ana");
    let inc = ana.declares("slow search", "sev3").await;
    w.slack_is_told().await;
    let path = format!("/api/v1/tickets/{inc}/fields");
    ana.posts(&path, json!({ "fields": { "severity": "sev1" }, "reason": "it spreads" })).await.done();
    w.slack_is_told().await;
    assert!(slack.channel("inc-000001-slow-search").is_some());
    let old = slack.said("incidents");
    assert_eq!(old, ["INC-000001 goes on elsewhere; those who work on it were invited there."]);
    well_formed(&slack);
}
on_both!(an_incident_that_gets_worse_moves_to_a_channel_of_its_own);

async fn a_ticket_that_becomes_sensitive_goes_on_in_a_new_channel_without_content(w: &mut World) {
    let slack = staffed(w).await;
    let ana = w.person("ana");
    let inc = ana.declares("drawings leaked", "sev1").await;
    ana.notes(&inc, "The folder was open to everybody.").await.done();
    w.slack_is_told().await;
    ana.sets(&inc, json!({ "data_involved": ["cui"] })).await.done();
    ana.notes(&inc, "It held the wing drawings.").await.done();
    ana.acknowledges(&inc).await.done();
    w.slack_is_told().await;
    let old = slack.channel("inc-000001-drawings-leaked").expect("the first channel");
    assert!(old.archived, "what showed content is closed");
    let new = slack.channel("inc-000001").expect("the second channel");
    let all = serde_json::to_string(&(&new.messages, &new.topic)).expect("JSON");
    assert!(!all.contains("drawings") && !all.contains("wing"), "{all}");
    assert_eq!(new.topic, "sev1 · Acknowledged · INC-000001");
    assert!(new.members.contains(&user(&slack, "ana")));
    well_formed(&slack);
}
on_both!(a_ticket_that_becomes_sensitive_goes_on_in_a_new_channel_without_content);

async fn a_limited_incident_that_becomes_sensitive_leaves_the_channel_that_others_share(w: &mut World) {
    let slack = staffed(w).await;
    let ana = w.person("ana");
    let inc = ana.declares("drawings leaked", "sev3").await;
    ana.notes(&inc, "The folder with the drawings was open to everybody.").await.done();
    ana.acknowledges(&inc).await.done();
    let beside = ana.declares("a typo", "sev4").await;
    ana.notes(&beside, "It says teh.").await.done();
    w.slack_is_told().await;
    let thread = slack.channel("incidents").expect("the channel").messages[0]["ts"].clone();
    {
        let mut state = slack.lock();
        let at = state.next_ts();
        let said = json!({ "type": "message", "user": "U1", "ts": at, "thread_ts": thread, "text": "Who has the folder?" });
        state.channels.values_mut().find(|c| c.name == "incidents").expect("it").messages.push(said);
    }
    // Slack is busy while it is taken back.
    slack.fails("chat.delete", Fault::Limited(1));
    slack.fails("chat.delete", Fault::CutAfter);
    ana.sets(&inc, json!({ "data_involved": ["cui"] })).await.done();
    w.slack_is_told().await;
    let new = slack.channel("inc-000001").expect("a channel of its own");
    assert!(!serde_json::to_string(&new.messages).expect("JSON").contains("drawings"));
    let left = "INC-000001 goes on elsewhere; those who work on it were invited there. I took my messages out of this thread. What you wrote here, please delete yourself.";
    let said = slack.said("incidents");
    assert!(said.len() == 4 && said[0] == left && said.contains(&"Who has the folder?".to_owned()), "{said:?}");
    assert!(said.contains(&"ana noted: It says teh.".to_owned()), "the other thread is as it was: {said:?}");
    well_formed(&slack);
}
on_both!(a_limited_incident_that_becomes_sensitive_leaves_the_channel_that_others_share);

async fn an_archiving_that_slack_refuses_is_not_recorded_and_is_tried_again(w: &mut World) {
    let slack = staffed(w).await;
    let ana = w.person("ana");
    let inc = ana.declares("nothing, it turns out", "sev2").await;
    w.slack_is_told().await;
    w.person("ben").takes("false_positive", &inc, json!({ "reason": "a test of the sensor" })).await.done();
    w.slack_is_told().await;
    slack.fails("conversations.archive", Fault::Says("restricted_action"));
    w.advance(days(8)).await;
    super::world::until("Slack refused", async || slack.asked("conversations.archive") == 1).await;
    w.slack_is_told().await;
    assert!(w.log_of("ChannelArchived").await.is_empty(), "it did not happen");
    w.advance(std::time::Duration::from_secs(2 * 3600)).await;
    super::world::until("the channel is archived", async || w.log_of("ChannelArchived").await.len() == 1).await;
    assert!(slack.channel("inc-000001-nothing-it-turns-out").expect("the channel").archived);
}
on_both!(an_archiving_that_slack_refuses_is_not_recorded_and_is_tried_again);

async fn a_channel_is_archived_a_week_after_the_incident_ended(w: &mut World) {
    let slack = staffed(w).await;
    let ana = w.person("ana");
    let inc = ana.declares("nothing, it turns out", "sev2").await;
    w.slack_is_told().await;
    w.person("ben").takes("false_positive", &inc, json!({ "reason": "a test of the sensor" })).await.done();
    w.slack_is_told().await;
    let name = "inc-000001-nothing-it-turns-out";
    w.advance(days(6)).await;
    w.slack_is_told().await;
    assert!(!slack.channel(name).expect("the channel").archived);
    w.advance(days(1)).await;
    super::world::until("the channel is archived", async || slack.channel(name).is_some_and(|c| c.archived)).await;
    w.slack_is_told().await;
    assert_eq!(w.log_of("ChannelArchived").await.len(), 1);
    well_formed(&slack);
}
on_both!(a_channel_is_archived_a_week_after_the_incident_ended);

async fn the_organisation_says_when_channels_are_archived(w: &mut World) {
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            let text = String::from_utf8(std::mem::take(bytes)).expect("text");
            assert!(text.contains("archive_channels_after: 7d"));
            *bytes = text.replace("archive_channels_after: 7d", "archive_channels_after: 2d").into_bytes();
        }
    }
    w.adopts(files, "Channels are closed sooner.").await;
    let slack = staffed(w).await;
    let inc = w.person("ana").declares("nothing, it turns out", "sev2").await;
    w.slack_is_told().await;
    w.person("ben").takes("false_positive", &inc, json!({ "reason": "a test of the sensor" })).await.done();
    w.slack_is_told().await;
    let name = "inc-000001-nothing-it-turns-out";
    w.advance(days(1)).await;
    w.slack_is_told().await;
    assert!(!slack.channel(name).expect("the channel").archived);
    w.advance(days(1)).await;
    super::world::until("the channel is archived", async || slack.channel(name).is_some_and(|c| c.archived)).await;
    w.slack_is_told().await;
    assert_eq!(w.log_of("ChannelArchived").await.len(), 1);
}
on_both!(the_organisation_says_when_channels_are_archived);

async fn a_storm_is_one_message_that_grows(w: &mut World) {
    let slack = staffed(w).await;
    let tool = w.alertmanager();
    for n in 0..40 {
        tool.fires(&[labels("HighErrorRate", "api", &format!("api-{n}"), "critical")]).await.done();
    }
    w.slack_is_told().await;
    let channel = slack.channel_like("inc-000001");
    let alerts: Vec<String> = slack.said(&channel.name).into_iter().filter(|t| t.contains("alert")).collect();
    assert_eq!(alerts, ["40 alerts from alertmanager since 10:00 UTC."], "the tool's alerts are one message");
    assert!(channel.messages[0]["blocks"].to_string().contains("40 alerts from alertmanager since"), "and one line of the card");
    assert!(slack.done("chat.update") <= 12, "{} refreshes", slack.done("chat.update"));
    well_formed(&slack);
}
on_both!(a_storm_is_one_message_that_grows);

async fn a_message_whose_answer_was_cut_off_is_said_once(w: &mut World) {
    let slack = staffed(w).await;
    for fault in [Fault::CutAfter, Fault::Broken, Fault::CutBefore, Fault::Limited(2)] {
        slack.fails("chat.postMessage", fault);
    }
    slack.fails("conversations.create", Fault::CutAfter);
    let ana = w.person("ana");
    let inc = ana.declares("db down", "sev1").await;
    for n in 1..=4 {
        slack.fails("chat.postMessage", if n % 2 == 0 { Fault::CutAfter } else { Fault::CutBefore });
        ana.notes(&inc, &format!("note {n}")).await.done();
    }
    w.slack_is_told().await;
    let said = slack.said("inc-000001-db-down");
    assert_eq!(
        said[1..],
        ["Leadership should know of this.", "ana noted: note 1", "ana noted: note 2", "ana noted: note 3", "ana noted: note 4"]
    );
    assert_eq!(slack.lock().channels.values().filter(|c| c.name.starts_with("inc-")).count(), 1, "nor is a channel made twice");
    well_formed(&slack);
}
on_both!(a_message_whose_answer_was_cut_off_is_said_once);

async fn a_name_that_is_taken_gets_a_number(w: &mut World) {
    let slack = staffed(w).await;
    slack.has_channel("inc-000001-db-down", true);
    w.person("ana").declares("db down", "sev1").await;
    w.slack_is_told().await;
    assert!(slack.channel("inc-000001-db-down-2").is_some());
    assert!(slack.said("inc-000001-db-down").is_empty(), "somebody else's channel is left alone");
}
on_both!(a_name_that_is_taken_gets_a_number);

async fn where_every_name_is_taken_a_thread_will_do_and_that_is_said(w: &mut World) {
    let slack = staffed(w).await;
    for nth in 1..=9 {
        let end = if nth == 1 { String::new() } else { format!("-{nth}") };
        slack.has_channel(&format!("inc-000001-db-down{end}"), true);
    }
    w.person("ana").declares("db down", "sev1").await;
    w.slack_is_told().await;
    assert!(slack.said("incidents").iter().any(|said| said.contains("db down")), "{:?}", slack.said("incidents"));
    let troubles = w.desk().chat_troubles().await.expect("looked");
    assert!(troubles.iter().any(|t| t.subject == "INC-000001" && t.words.contains("is taken in Slack")), "{troubles:?}");
    let card = slack.channel("incidents").expect("the channel").messages[0].to_string();
    assert!(card.contains("is taken in Slack; it has a thread instead"), "{card}");
    well_formed(&slack);
}
on_both!(where_every_name_is_taken_a_thread_will_do_and_that_is_said);

async fn a_channel_that_was_made_under_its_second_name_is_not_made_again(w: &mut World) {
    let slack = staffed(w).await;
    slack.has_channel("inc-000001-db-down", true);
    // The first name is taken; the second is made, and its answer is lost.
    slack.fails("conversations.create", Fault::Says("name_taken"));
    slack.fails("conversations.create", Fault::CutAfter);
    w.person("ana").declares("db down", "sev1").await;
    w.slack_is_told().await;
    let ours: Vec<String> = {
        let state = slack.lock();
        state.channels.values().filter(|c| c.creator == "UBOT" && c.name.starts_with("inc-")).map(|c| c.name.clone()).collect()
    };
    assert_eq!(ours, ["inc-000001-db-down-2"]);
    assert!(slack.said("inc-000001-db-down-2").len() > 1);
    well_formed(&slack);
}
on_both!(a_channel_that_was_made_under_its_second_name_is_not_made_again);

async fn a_channel_that_slack_refused_is_asked_for_again_later(w: &mut World) {
    let slack = staffed(w).await;
    slack.fails("conversations.create", Fault::Says("restricted_action"));
    w.person("ana").declares("db down", "sev1").await;
    w.slack_is_told().await;
    assert!(slack.channel("inc-000001-db-down").is_none() && !slack.said("incidents").is_empty(), "a thread for now");
    let troubles = w.desk().chat_troubles().await.expect("looked");
    assert!(troubles.iter().any(|t| t.words.contains("tried again in an hour")), "{troubles:?}");
    w.advance(minutes(61)).await;
    super::world::until("it has its channel", async || {
        w.clock.advance(std::time::Duration::from_secs(1));
        slack.channel("inc-000001-db-down").is_some()
    })
    .await;
    w.slack_is_told().await;
    assert!(w.desk().chat_troubles().await.expect("looked").is_empty(), "and nothing is wrong any more");
    well_formed(&slack);
}
on_both!(a_channel_that_slack_refused_is_asked_for_again_later);

async fn a_message_in_a_long_thread_is_found_again_by_what_is_new_there(w: &mut World) {
    let slack = staffed(w).await;
    let ana = w.person("ana");
    let inc = ana.declares("slow search", "sev3").await;
    w.slack_is_told().await;
    let card = {
        let mut state = slack.lock();
        let channel = state.channels.values().find(|c| c.name == "incidents").map(|c| c.id.clone()).expect("the channel");
        let card = state.channels[&channel].messages[0]["ts"].clone();
        // People talk a lot.
        for n in 0..2_100 {
            let at = state.next_ts();
            let said = json!({ "type": "message", "user": "U1", "ts": at, "thread_ts": card, "text": format!("talk {n}") });
            state.channels.get_mut(&channel).expect("it").messages.push(said);
        }
        card
    };
    ana.notes(&inc, "the first of ours").await.done();
    w.slack_is_told().await;
    slack.fails("chat.postMessage", Fault::CutAfter);
    ana.notes(&inc, "the index is rebuilt").await.done();
    w.slack_is_told().await;
    let said: Vec<String> = slack.said("incidents").into_iter().filter(|t| t.contains("index is rebuilt")).collect();
    assert_eq!(said.len(), 1, "it is not said twice, however much was said before: {card}");
}
on_both!(a_message_in_a_long_thread_is_found_again_by_what_is_new_there);

async fn a_message_that_slack_never_takes_is_not_tried_without_end(w: &mut World) {
    let slack = staffed(w).await;
    let ana = w.person("ana");
    let inc = ana.declares("db down", "sev1").await;
    w.slack_is_told().await;
    (0..500).for_each(|_| slack.fails("chat.postMessage", Fault::Says("invalid_blocks")));
    let before = slack.asked("chat.postMessage");
    ana.notes(&inc, "odd").await.done();
    for _ in 0..120 {
        w.clock.advance(std::time::Duration::from_secs(1));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let tried = slack.asked("chat.postMessage") - before;
    assert!((2..=8).contains(&tried), "{tried} requests in two minutes");
    let troubles = w.desk().chat_troubles().await.expect("looked");
    assert!(troubles.iter().any(|t| t.subject == inc && t.words.contains("does not take")), "{troubles:?}");
    slack.lock().faults.clear();
    w.slack_is_told().await;
    assert!(slack.said("inc-000001-db-down").contains(&"ana noted: odd".to_owned()));
}
on_both!(a_message_that_slack_never_takes_is_not_tried_without_end);

async fn each_refusal_of_slacks_has_its_remedy(w: &mut World) {
    let slack = staffed(w).await;
    let ana = w.person("ana");
    let inc = ana.declares("db down", "sev1").await;
    w.slack_is_told().await;
    // Somebody archives the channel while the work goes on.
    slack.lock().channels.values_mut().for_each(|c| c.archived |= c.name == "inc-000001-db-down");
    ana.notes(&inc, "still at it").await.done();
    w.slack_is_told().await;
    let second = slack.channel("inc-000001-db-down-2").expect("a new channel");
    assert!(slack.said(&second.name).contains(&"ana noted: still at it".to_owned()));
    // Somebody deletes the card.
    slack.lock().channels.get_mut(&second.id).expect("it").messages.remove(0);
    ana.acknowledges(&inc).await.done();
    w.slack_is_told().await;
    let second = slack.channel(&second.name).expect("it");
    let cards: Vec<&Value> = second.messages.iter().filter(|m| m["metadata"]["event_payload"]["what"] == "card").collect();
    assert_eq!(cards.len(), 1, "the card is there again");
    assert!(second.pins.contains(&cards[0]["ts"].as_str().expect("a place").to_owned()), "and pinned");
    // The bot is thrown out of it.
    slack.lock().channels.get_mut(&second.id).expect("it").members.remove("UBOT");
    ana.notes(&inc, "where is everybody").await.done();
    w.slack_is_told().await;
    assert!(slack.said("inc-000001-db-down-3").contains(&"ana noted: where is everybody".to_owned()));
    well_formed(&slack);
}
on_both!(each_refusal_of_slacks_has_its_remedy);

async fn the_channel_of_threads_is_joined_and_where_it_is_closed_that_is_said_until_it_is_open_again(w: &mut World) {
    let slack = FakeSlack::starts().await;
    let ops = slack.has_channel("ops", false);
    w.settings.push_str(&format!("{}channel = \"{ops}\"\n", slack.settings()));
    w.stops().await;
    w.starts().await;
    let ana = w.person("ana");
    // The app is not in it: `not_in_channel`.
    let inc = ana.declares("slow search", "sev3").await;
    w.slack_is_told().await;
    assert!(
        slack.done("conversations.join") == 1 && slack.said("ops").iter().any(|said| said.contains("slow search")),
        "{:?}",
        slack.said("ops")
    );
    // Somebody archives it.
    slack.lock().channels.get_mut(&ops).expect("it").archived = true;
    ana.notes(&inc, "The index is half built.").await.done();
    let troubles = async || w.desk().chat_troubles().await.expect("looked").into_iter().map(|t| t.words).collect::<Vec<_>>();
    super::world::until("that is said", async || {
        w.clock.advance(Duration::from_millis(500));
        troubles().await.iter().any(|words| words.contains("is archived, gone, or does not have the app in it"))
    })
    .await;
    let (_, doctor) = w.runs(&["doctor"]).await;
    assert!(doctor.contains("Invite the app there"), "{doctor}");
    slack.lock().channels.get_mut(&ops).expect("it").archived = false;
    w.slack_is_told().await;
    assert!(slack.said("ops").contains(&"ana noted: The index is half built.".to_owned()), "{:?}", slack.said("ops"));
    assert_eq!(troubles().await, Vec::<String>::new());
    well_formed(&slack);
}
on_both!(the_channel_of_threads_is_joined_and_where_it_is_closed_that_is_said_until_it_is_open_again);

async fn what_only_a_person_can_mend_is_said_and_nothing_is_lost(w: &mut World) {
    let slack = staffed(w).await;
    let ana = w.person("ana");
    slack.lock().scopes.remove("pins:write");
    let inc = ana.declares("db down", "sev1").await;
    w.slack_is_told().await;
    let troubles = w.desk().chat_troubles().await.expect("looked");
    assert!(troubles.iter().any(|t| t.words.contains("may not do pins.add") && t.words.contains("slack-manifest.yaml")), "{troubles:?}");
    let on_its_card = |slack: &FakeSlack| slack.channel("inc-000001-db-down").expect("it").messages[0].to_string();
    assert!(on_its_card(&slack).contains("▲ The card could not be pinned in Slack (missing_scope)."), "{}", on_its_card(&slack));
    ana.acknowledges(&inc).await.done();
    w.slack_is_told().await;
    assert!(on_its_card(&slack).contains("could not be pinned"), "as long as it is so");
    slack.lock().scopes.insert("pins:write".to_owned());
    ana.notes(&inc, "The app has its scope.").await.done();
    w.slack_is_told().await;
    assert!(!on_its_card(&slack).contains("could not be pinned"), "and no longer");
    assert_eq!(slack.channel("inc-000001-db-down").expect("it").pins.len(), 1);
    let refuse = |word| (0..3).for_each(|_| slack.fails("chat.postMessage", Fault::Says(word)));
    refuse("token_revoked");
    ana.notes(&inc, "said while the token is bad").await.done();
    super::world::until("the bad token is noticed", async || {
        w.clock.advance(std::time::Duration::from_millis(500));
        let troubles = w.desk().chat_troubles().await.expect("looked");
        troubles.iter().any(|t| t.subject.is_empty() && t.words.contains("slack.bot_token"))
    })
    .await;
    w.slack_is_told().await;
    assert!(slack.said("inc-000001-db-down").contains(&"ana noted: said while the token is bad".to_owned()));
    assert!(w.desk().chat_troubles().await.expect("looked").iter().all(|t| !t.subject.is_empty()), "the token is good again");
}
on_both!(what_only_a_person_can_mend_is_said_and_nothing_is_lost);

async fn a_stranger_s_title_calls_nobody(w: &mut World) {
    let slack = staffed(w).await;
    w.person("ana").declares("<!channel> & <https://evil.example|click>", "sev1").await;
    w.slack_is_told().await;
    let channel = slack.channel_like("inc-000001");
    let text = channel.messages[0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;"), "{text}");
    assert!(!channel.topic.contains('<'), "{}", channel.topic);
    assert!(slack.lock().calls.iter().all(|c| c.body.get("link_names").is_none()), "names in a text are nobody's");
    let marked_up: Vec<String> = channel.messages.iter().map(|m| m["blocks"].to_string()).filter(|b| b.contains("mrkdwn")).collect();
    assert_eq!(marked_up, Vec::<String>::new(), "no block is parsed for mark-up");
}
on_both!(a_stranger_s_title_calls_nobody);

async fn whoever_is_called_is_invited_and_named(w: &mut World) {
    let slack = staffed(w).await;
    let inc = w.person("ana").declares("db down", "sev1").await;
    w.slack_is_told().await;
    w.advance(minutes(16)).await;
    w.slack_is_told().await;
    let channel = slack.channel_like("inc-000001");
    let said = slack.said(&channel.name).join("\n");
    assert!(said.contains("ran out"), "{said}");
    let called: Vec<Value> = w.events(&inc).await.into_iter().filter(|e| e["kind"] == "Escalated").collect();
    assert!(!called.is_empty() && said.contains("is being called now"), "{said}");
    well_formed(&slack);
}
on_both!(whoever_is_called_is_invited_and_named);

/// What each of our messages in a channel is about, in the channel's order: ticket, and `card` or the event's position.
fn marks(slack: &FakeSlack) -> Vec<(String, Vec<(String, String)>)> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let of = |m: &Value| {
        let payload = &m["metadata"]["event_payload"];
        payload.is_object().then(|| (text(&payload["ticket"]), text(&payload["what"])))
    };
    let state = slack.lock();
    state.channels.values().map(|c| (c.name.clone(), c.messages.iter().filter_map(of).collect())).collect()
}

/// Nothing stands there twice, and each ticket's messages stand in the order of the log.
fn told_once_and_in_order(slack: &FakeSlack) {
    let mut seen = BTreeSet::new();
    for (channel, marks) in marks(slack) {
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for (ticket, what) in &marks {
            assert!(seen.insert((channel.clone(), ticket.clone(), what.clone())), "{channel} says {what} of {ticket} twice");
            let place: i64 = what.parse().unwrap_or(-1);
            assert!(last.get(ticket.as_str()).is_none_or(|before| *before < place), "{channel}: {ticket} {what} is out of order");
            last.insert(ticket, place);
        }
    }
}

async fn a_storm_ends_with_every_card_true_while_slack_limits_every_other_request(w: &mut World) {
    let slack = staffed(w).await;
    slack.limits_every(2);
    let tool = w.alertmanager();
    let storm: Vec<Vec<Value>> = (0..400)
        .map(|d: usize| {
            let service = format!("svc-{:03}", d % 200);
            let severity = if d.is_multiple_of(2) { "critical" } else { "warning" };
            (0..5).map(|a| labels("HighErrorRate", &service, &format!("host-{d}-{a}"), severity)).collect()
        })
        .collect();
    let ana = Hand::of(w, &slack, &user(&slack, "ana"));
    let mut slowest = Duration::ZERO;
    for (n, some) in storm.chunks(20).enumerate() {
        let alerts = join_all(some.iter().map(|alerts| tool.fires(alerts)));
        // Somebody works meanwhile: Slack waits three seconds for an answer.
        let command = ana.command(&format!("/incident note INC-000001 Looking, {n}."), &slack.trigger());
        let typed = async {
            let began = Instant::now();
            let answered = genuine(w, "/slack/commands", &command).await;
            (answered.status, began.elapsed())
        };
        let (answers, (status, took)) = tokio::join!(alerts, typed);
        answers.into_iter().for_each(|answer| drop(answer.done()));
        assert!(status == 200 && (n == 0 || took < Duration::from_secs(3)), "{status} after {took:?}");
        slowest = slowest.max(took);
    }
    println!("the slowest answer to a command in the storm: {slowest:?}");
    assert_eq!(w.log_of("NoteAdded").await.len(), 20, "each of them is on record");
    w.slack_is_told_in_steps_of(std::time::Duration::from_millis(100), 30_000).await;
    let (asked, took) = {
        let state = slack.lock();
        (state.calls.len(), state.calls.iter().filter(|c| c.outcome == "ok").count())
    };
    println!("2,000 alerts over 200 incidents: {asked} requests to Slack, {took} of them taken: {} an incident", took / 200);
    told_once_and_in_order(&slack);
    let cards: Vec<Value> = {
        let state = slack.lock();
        let all = state.channels.values().flat_map(|c| c.messages.iter());
        all.filter(|m| m["metadata"]["event_payload"]["what"] == "card").cloned().collect()
    };
    assert_eq!(cards.len(), 200);
    for card in &cards {
        assert!(card["blocks"].to_string().contains("10 alerts from alertmanager since"), "{card}");
    }
    let parents: Vec<(String, String)> =
        marks(&slack).into_iter().filter(|(c, _)| c == "incidents").flat_map(|(_, m)| m).filter(|(_, what)| what == "card").collect();
    assert!(parents.is_sorted(), "threads stand in the order in which they were opened: {parents:?}");
    assert!(took / 200 <= 20 && asked / 200 <= 45, "{asked} requests, {took} taken");
    well_formed(&slack);
    // Whoever is on call is called again and again by all of them, and that is to come to an end.
    slack.limits_every(0);
}

mod a_storm_ends_with_every_card_true_while_slack_limits_every_other_request {
    #[test]
    fn sqlite() {
        crate::world::tell(crate::world::Kind::Sqlite, async |w| {
            super::a_storm_ends_with_every_card_true_while_slack_limits_every_other_request(w).await;
        });
    }
}

async fn what_happens_while_slack_is_down_is_said_when_it_is_back(w: &mut World) {
    let slack = staffed(w).await;
    (0..12).for_each(|n| slack.fails_next(if n % 2 == 0 { Fault::Broken } else { Fault::CutBefore }));
    let ana = w.person("ana");
    let inc = ana.declares("db down", "sev1").await;
    ana.acknowledges(&inc).await.done();
    ana.notes(&inc, "while Slack was away").await.done();
    w.slack_is_told().await;
    let said = slack.said("inc-000001-db-down");
    assert_eq!(said[2..], ["ana has it (10:00 UTC). Contain by 14:00 UTC.", "ana noted: while Slack was away"]);
    told_once_and_in_order(&slack);
    assert!(slack.asked("conversations.create") < 14, "it is not hammered while it is down");
    well_formed(&slack);
}
on_both!(what_happens_while_slack_is_down_is_said_when_it_is_back);

// proves: RET-13
async fn what_bears_a_marking_or_a_secret_stays_out_of_slack(w: &mut World) {
    let slack = staffed(w).await;
    let ana = w.person("ana");
    let inc = ana.declares("db down", "sev1").await;
    ana.notes(&inc, "CUI//SP-CTI\nthe wing drawings").await.done();
    ana.notes(&inc, "I set the password: hunter2hunter2 again").await.done();
    w.slack_is_told().await;
    let all = serde_json::to_string(&slack.channel_like("inc-000001").messages).expect("JSON");
    assert!(!all.contains("wing drawings") && !all.contains("hunter2"), "{all}");
}
on_both!(what_bears_a_marking_or_a_secret_stays_out_of_slack);

async fn doctor_and_the_console_say_what_does_not_work_in_slack(w: &mut World) {
    let slack = staffed(w).await;
    let (_, said) = w.runs(&["doctor"]).await;
    assert!(said.contains("the bot token is good: user UBOT in the workspace T0TEAM"), "{said}");
    assert!(said.contains("the app has every scope of deploy/slack-manifest.yaml"), "{said}");
    assert!(said.contains("no account in Slack is linked for max@example.com"), "{said}");
    slack.lock().scopes.remove("pins:write");
    w.person("ana").declares("db down", "sev1").await;
    w.slack_is_told().await;
    let (code, said) = w.runs(&["doctor"]).await;
    assert!(code == 1 && said.contains("the app lacks pins:write"), "{said}");
    assert!(said.contains("may not do pins.add"), "{said}");
    let page = w.signed_in("ana").await.gets("/console/").await.text();
    assert!(page.contains("may not do pins.add"), "the console says it as well");
    // Somebody took a command out of the app's manifest, and an event.
    let (_, said) = w.runs(&["doctor"]).await;
    assert!(said.contains("its commands and events were not compared"), "{said}");
    w.settings.push_str(&format!("configuration_token = \"{CONFIGURATION_TOKEN}\"\n"));
    w.stops().await;
    w.starts().await;
    slack.lock().manifest = json!({
        "features": { "slash_commands": [{ "command": "/incident", "url": "https://elsewhere.example.com/", "should_escape": true }] },
        "settings": { "event_subscriptions": { "bot_events": ["message.channels"] }, "interactivity": { "is_enabled": true } },
    });
    let (_, said) = w.runs(&["doctor"]).await;
    for differs in ["the command /change is missing", "the event user_change is missing", "the command /incident is not posted to"] {
        assert!(said.contains(differs), "{said}");
    }
    slack.fails("apps.manifest.export", Fault::Says("token_expired"));
    let (_, said) = w.runs(&["doctor"]).await;
    assert!(said.contains("the app's manifest cannot be read") && said.contains("twelve hours"), "{said}");
    slack.fails("auth.test", Fault::Says("account_inactive"));
    let (_, said) = w.runs(&["doctor"]).await;
    assert!(said.contains("Slack does not take the bot token (account_inactive)"), "{said}");
}
on_both!(doctor_and_the_console_say_what_does_not_work_in_slack);
