//! What is refused, to whom, wherever they ask: it says what to do instead, and is on record.

use serde_json::{Value, json};

use super::reviews::{approves, granted, with_systems};
use super::slack::hand::{Hand, words};
use super::world::change::{assessed, tomorrow};
use super::world::{World, days, on_both};

fn request(w: &World, system: &str) -> Value {
    json!({ "kind": "change", "fields": tomorrow(w, "More connections for the database", system) })
}

/// The latest refusal on record: its code, and where it was asked.
async fn on_record(w: &World) -> (String, String) {
    let last = w.log_of("Refused").await.pop().expect("a refusal");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&last["data"]["code"]), text(&last["via"]["surface"]))
}

fn told(code: &str, surface: &str) -> (String, String) {
    (code.to_owned(), surface.to_owned())
}

// proves: APR-03
async fn a_refusal_says_what_to_do_and_is_on_record_by_api_console_and_slack(w: &mut World) {
    with_systems(w, "").await;
    let slack = w.uses_slack().await;
    let user = slack.joins("ana");
    w.links("ana", &user).await;
    let chg = assessed(w, "More connections for the database", "prod-db", "low").await;
    // A step that is another's, and an own request.
    let aud = w.person("aud");
    aud.takes("start", &chg, json!({})).await.refused("NotAllowed").says("one needs to be").says("Ask one of them");
    assert_eq!(on_record(w).await, told("NotAllowed", "api"));
    let seen = w.person("ana").sees(&chg).await;
    let digest = seen["can"].as_array().into_iter().flatten().filter_map(|c| c["approval"].as_str()).next().expect("it waits").to_owned();
    let own = json!({ "decision": "approve", "reason": "I want it.", "digest": digest });
    let seat = w.signed_in("ana").await;
    seat.posts(&format!("/api/v1/tickets/{chg}/approvals"), own).await.refused("OwnRequest").says("somebody else must approve it");
    assert_eq!(on_record(w).await.0, "OwnRequest");
    // What is not approved, or not yet to begin, says what is lacking, or until when.
    w.person("ben").takes("start", &chg, json!({})).await.refused("WrongStatus").says("What you can do");
    approves(w, "ora", &chg).await;
    let early = w.person("ben").takes("start", &chg, json!({})).await;
    early.refused("TooEarly").says("may start on Tuesday 2026-03-03").says("The window opens on");
    assert_eq!(on_record(w).await, told("TooEarly", "api"));
    let page = w.signed_in("ben").await.submits(&format!("/console/c/{chg}/do/step.start"), &[]).await;
    assert!(page.text().contains("may start on Tuesday"), "{}", page.text());
    assert_eq!(on_record(w).await, told("TooEarly", "console"));
    let said = Hand::of(w, &slack, &user).hears(&format!("/change start {chg}")).await;
    assert!(said.contains("may start on Tuesday"), "{said}");
    assert_eq!(on_record(w).await, told("TooEarly", "slack"));
    // Access: given before anybody approved it; and what has ended is locked.
    let fields = json!({
        "title": "Ana reads", "system": "prod-db", "role": "read", "requested_for": w.id_of("ana"),
        "justification": "Runs the month-end reports from the orders database each month.", "expires_at": w.now().plus(days(30)).to_string(),
    });
    let acc = w.person("max").posts("/api/v1/tickets", json!({ "kind": "access", "fields": fields })).await.number();
    w.person("max").takes("grant", &acc, json!({})).await.refused("WrongStatus").says("What you can do");
    assert_eq!(on_record(w).await, told("WrongStatus", "api"));
    w.person("max").takes("void", &acc, json!({ "reason": "A slip of the hand." })).await.done();
    let locked = w.person("sec").sets(&acc, json!({ "role": "admin" })).await;
    locked.refused("Locked").says("a note can still be added");
    assert_eq!(on_record(w).await, told("Locked", "api"));
}
on_both!(a_refusal_says_what_to_do_and_is_on_record_by_api_console_and_slack);

// proves: FRZ-02
async fn an_exception_to_a_freeze_lets_its_own_system_pass_and_no_other(w: &mut World) {
    let frozen = "freezes: { audit: { why: The auditors are here., from: 2026-03-03, to: 2026-03-06 } }\n";
    with_systems(w, frozen).await;
    let ana = w.person("ana");
    let chg = ana.posts("/api/v1/tickets", request(w, "prod-db")).await.number();
    let other = ana.posts("/api/v1/tickets", request(w, "wiki")).await.number();
    ana.takes("submit", &chg, json!({})).await.refused("Frozen").says("that an executive approved, for prod-db and this time");
    let asked = json!({ "kind": "exception", "fields": {
        "title": "Connections of prod-db", "type": "freeze", "scope": "Only this change on prod-db, on 3 March.",
        "system": "prod-db", "window_start": "2026-03-03T09:00:00Z", "window_end": "2026-03-03T18:00:00Z",
        "justification": "Checkout fails at peak while the auditors are here; it cannot wait for a week.",
        "compensation": "Two people watch; the way back was tested on staging.", "expires_at": "2026-03-05T00:00:00Z",
    } });
    let exc = ana.posts("/api/v1/tickets", asked).await.number();
    for number in [&chg, &other] {
        ana.posts(&format!("/api/v1/tickets/{number}/links"), json!({ "link": "excepted_by", "to": exc })).await.done();
    }
    ana.takes("submit", &chg, json!({})).await.refused("Frozen").says("EXC-000001 is requested, so it covers nothing now.");
    approves(w, "exe", &exc).await;
    ana.takes("submit", &chg, json!({})).await.done();
    let refused = ana.takes("submit", &other, json!({})).await;
    refused.refused("Frozen").says("EXC-000001 covers prod-db alone, and this changes wiki.").says("ask for an exception for wiki");
    assert_eq!(on_record(w).await, told("Frozen", "api"));
    // At another time it covers the same system no more.
    let later = json!({ "window_start": "2026-03-04T10:00:00Z", "window_end": "2026-03-04T12:00:00Z" });
    ana.sets(&chg, later).await.done();
    let judged = json!({ "assessment": "Feasible; tested on staging yesterday, all is well.", "criticality": "low", "exposure": "low", "rollback_complexity": "low" });
    w.person("ben").takes("assess", &chg, json!({ "fields": judged })).await.done();
    approves(w, "ora", &chg).await;
    assert_eq!(ana.sees(&chg).await["status"], "assessed", "it waits for another time, or another exception");
}
on_both!(an_exception_to_a_freeze_lets_its_own_system_pass_and_no_other);

async fn a_link_of_the_procedure_stays_by_api_and_console_and_a_persons_goes(w: &mut World) {
    with_systems(w, "").await;
    let ana = w.person("ana");
    let inc = ana.declares("payments are down", "sev1").await;
    let asked = json!({ "fields": { "title": "Restart the database", "verbal_approver": w.id_of("app") } });
    let opened = ana.posts(&format!("/api/v1/tickets/{inc}/offers/emergency-change"), asked).await.done();
    let chg = opened["tickets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .find(|t| t.starts_with("CHG-"))
        .expect("it")
        .to_owned();
    ana.posts(&format!("/api/v1/tickets/{chg}/links"), json!({ "link": "related", "to": inc })).await.done();
    let links = ana.sees(&chg).await["links"].as_array().cloned().expect("links");
    let id = |word: &str| links.iter().find(|l| l["link"] == word).unwrap_or_else(|| panic!("no {word}: {links:?}"))["id"].clone();
    let reason = json!({ "reason": "It looks untidy." });
    for word in ["reviewed_by", "change_for"] {
        let refused = ana.posts(&format!("/api/v1/tickets/{chg}/links/{}/remove", id(word)), reason.clone()).await;
        refused.refused("LinkStays").with_status(409).says("relies on it, so it stays").says("say so in a note");
        assert_eq!(on_record(w).await, told("LinkStays", "api"));
    }
    // The console offers no button for it, and refuses one that was made by hand.
    let seat = w.signed_in("ana").await;
    let page = seat.gets(&format!("/console/c/{chg}")).await.text();
    assert!(page.contains(&format!("/form/unlink.{}", id("related"))), "{page}");
    assert!(!page.contains(&format!("/form/unlink.{}\"", id("reviewed_by"))), "{page}");
    let forced = seat.submits(&format!("/console/c/{chg}/do/unlink.{}", id("reviewed_by")), &[("reason", "It looks untidy.")]).await;
    assert!(forced.status >= 400, "{}", forced.text());
    ana.posts(&format!("/api/v1/tickets/{chg}/links/{}/remove", id("related")), reason).await.done();
    assert!(ana.sees(&inc).await["links"].as_array().into_iter().flatten().all(|l| l["link"] != "related"), "on both sides");
}
on_both!(a_link_of_the_procedure_stays_by_api_and_console_and_a_persons_goes);

/// What somebody was asked directly in Slack.
fn direct(slack: &super::world::slack::FakeSlack, user: &str) -> Vec<String> {
    let state = slack.lock();
    let channel = state.channels.values().find(|c| c.im && c.members.contains(user));
    let all = channel.map(|c| c.messages.iter().map(words).collect::<Vec<_>>()).unwrap_or_default();
    // Whoever is called beside, since time runs out, is told so as well.
    all.into_iter().filter(|text| text.contains("asks you to decide")).collect()
}

async fn whoever_is_waited_for_is_asked_once_more_by_direct_message_once_a_day(w: &mut World) {
    with_systems(w, "").await;
    let slack = w.uses_slack().await;
    let (ana, ora, app) = (slack.joins("ana"), slack.joins("ora"), slack.joins("app"));
    for (name, user) in [("ana", &ana), ("ora", &ora), ("app", &app)] {
        w.links(name, user).await;
    }
    let fields = json!({
        "title": "Ana reads", "system": "prod-db", "role": "read", "requested_for": w.id_of("ana"),
        "justification": "Runs the month-end reports from the orders database each month.", "expires_at": w.now().plus(days(30)).to_string(),
    });
    let seat = w.signed_in("ana").await;
    let acc = seat.posts("/api/v1/tickets", json!({ "kind": "access", "fields": fields })).await.number();
    w.pages_are_sent().await;
    assert!(direct(&slack, &ora).is_empty(), "to ask once is no nudge");
    let hand = || Hand::of(w, &slack, &ana);
    let said = hand().hears(&format!("/access nudge {acc}")).await;
    assert!(!said.contains("already"), "{said}");
    w.pages_are_sent().await;
    for user in [&ora, &app] {
        let told = direct(&slack, user);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("asks you to decide on “Approve” of") && told[0].contains(&acc), "{told:?}");
        assert!(told[0].contains("It has waited for you since") && told[0].contains("Show"), "{told:?}");
    }
    assert!(direct(&slack, &ana).is_empty());
    // Once a day, whichever way it is asked.
    let again = hand().hears(&format!("/access nudge {acc}")).await;
    assert!(again.contains("You can ask again from Tuesday"), "{again}");
    seat.posts(&format!("/api/v1/tickets/{acc}/nudge"), json!({})).await.refused("NudgedLately");
    w.pages_are_sent().await;
    assert_eq!((direct(&slack, &ora).len(), w.log_of("Nudged").await.len()), (1, 1));
    // The next day by the API. Whoever has decided before the message goes out is not asked.
    w.advance(days(1)).await;
    w.person("ana").posts(&format!("/api/v1/tickets/{acc}/nudge"), json!({})).await.done();
    w.pages_are_sent().await;
    assert_eq!((direct(&slack, &ora).len(), direct(&slack, &app).len()), (2, 2));
    approves(w, "ora", &acc).await;
    w.person("ana").posts(&format!("/api/v1/tickets/{acc}/nudge"), json!({})).await.refused("NothingToNudge");
    assert!(slack.violations().is_empty(), "{:?}", slack.violations());
}
on_both!(whoever_is_waited_for_is_asked_once_more_by_direct_message_once_a_day);

async fn a_save_of_another_field_leaves_a_time_with_seconds_as_it_stands(w: &mut World) {
    with_systems(w, "").await;
    w.advance(std::time::Duration::from_millis(41_123)).await;
    let acc = granted(w, "ana", "read").await;
    let before = w.person("ana").sees(&acc).await["fields"].clone();
    let text = |name: &str| before[name].as_str().unwrap_or_default().to_owned();
    let ends = text("expires_at");
    assert!(!ends.ends_with("00.000000Z"), "it has seconds: {ends}");
    // The form shows minutes, and sends back every field.
    let seat = w.signed_in("max").await;
    let mut typed: Vec<(String, String)> =
        ["title", "type", "system", "role", "requested_for", "justification"].map(|name| (format!("field.{name}"), text(name))).to_vec();
    typed.push(("field.expires_at".to_owned(), ends[..16].to_owned()));
    typed.push(("field.revocation".to_owned(), "Drop the role on prod-db, and end its sessions.".to_owned()));
    let saved = async |typed: &[(String, String)]| {
        let pairs: Vec<(&str, &str)> = typed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        seat.submits(&format!("/console/c/{acc}/do/edit"), &pairs).await
    };
    let answer = saved(&typed).await;
    assert!(answer.status < 400, "{}", answer.text());
    let after = w.person("ana").sees(&acc).await["fields"].clone();
    assert_eq!((&after["expires_at"], &after["justification"]), (&json!(ends), &before["justification"]));
    assert_eq!(after["revocation"], "Drop the role on prod-db, and end its sessions.");
    assert!(w.log_of("Refused").await.is_empty(), "nobody tried anything");
    // Another minute is another time, to which nobody agreed.
    typed[6].1 = "2026-12-01T10:00".to_owned();
    let answer = saved(&typed).await;
    assert!(answer.status >= 400 && answer.text().contains("people agreed to this as it stands"), "{}", answer.text());
}
on_both!(a_save_of_another_field_leaves_a_time_with_seconds_as_it_stands);
