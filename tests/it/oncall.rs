//! Who is called when something breaks at night, until somebody answers; and what they are told in the morning.

use countersign::desk::paging::Entry;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::world::answer::Answered;
use super::world::pager::{FakePager, PAGERDUTY_SECRET};
use super::world::person::receive;
use super::world::slack::{FakeSlack, Fault};
use super::world::{World, days, hours, labels, minutes, on_both, until};

const ROTA: &str = "on_call:
  manager: mia@example.com
  pagerduty: { PANA: ana@example.com, PNIL: nil@example.com }
  layers: { main: { people: [ana@example.com, ben@example.com], from: 2026-03-02, at: \"09:00\" } }
";

async fn has_rota(w: &mut World, rota: &str) {
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(rota.as_bytes());
        }
    }
    w.adopts(files, "Who is on call.").await;
    w.tick().await;
}

/// What is configured, and the service started again with it.
async fn configures(w: &mut World, settings: &str) {
    w.settings.push_str(settings);
    w.stops().await;
    w.starts().await;
}

async fn breaks(w: &World) -> String {
    let answer = w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    answer["tickets"][0].as_str().expect("a ticket").to_owned()
}

/// Who was called, tier by tier: place and person.
async fn called(w: &World, ticket: &str) -> Vec<(String, String)> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let names: Vec<(String, String)> = ["ana", "ben", "mia"].iter().map(|n| (w.id_of(n), (*n).to_owned())).collect();
    let name = |id: String| names.iter().find(|(of, _)| *of == id).map_or(id.clone(), |(_, name)| name.clone());
    let events = w.events(ticket).await.into_iter().filter(|e| e["kind"] == "Escalated");
    events.map(|e| (text(&e["data"]["to"]), name(text(&e["data"]["person"])))).collect()
}

fn of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(to, person)| ((*to).to_owned(), (*person).to_owned())).collect()
}

/// What somebody was told directly, the oldest first.
fn told(slack: &FakeSlack, user: &str) -> Vec<String> {
    let state = slack.lock();
    let channel = state.channels.values().find(|c| c.im && c.members.contains(user));
    channel.map(|c| c.messages.iter().map(|m| m["text"].as_str().unwrap_or_default().to_owned()).collect()).unwrap_or_default()
}

// proves: INC-20, INC-21
async fn at_three_whoever_is_on_call_is_paged_at_once_and_then_the_next_until_somebody_answers(w: &mut World) {
    let (slack, pager) = (FakeSlack::starts().await, FakePager::starts().await);
    configures(w, &format!("{}{}", pager.webhook(), slack.settings())).await;
    let mut users = std::collections::BTreeMap::new();
    for name in ["ana", "ben", "mia"] {
        let user = slack.joins(name);
        w.links(name, &user).await;
        users.insert(name, user);
    }
    has_rota(w, ROTA).await;
    w.pages_are_sent().await;
    assert_eq!(told(&slack, &users["ana"]).len(), 1, "her turn begins");
    w.advance_to("2026-03-03T03:00:00Z").await;
    // The first two pages do not get through, and are sent again.
    pager.lock().failures = 2;
    let inc = breaks(w).await;
    assert_eq!(called(w, &inc).await, of(&[("on-call", "ana")]));
    let clocks = w.person("ana").sees(&inc).await["clocks"]["acknowledge"]["due"].clone();
    assert_eq!(clocks, "2026-03-03T03:15:00.000000Z", "the clock runs");
    w.pages_are_sent().await;
    let page = told(&slack, &users["ana"]).pop().expect("a message");
    assert!(page.contains(&inc) && page.contains("needs you now"), "{page}");
    slack.channel_like("inc-000001");
    // Nobody answers: the next, the manager, the incident managers, and round again.
    for _ in 0..4 {
        w.advance(minutes(5)).await;
        w.tick().await;
    }
    let expected =
        of(&[("on-call", "ana"), ("on-call.next", "ben"), ("on-call.manager", "mia"), ("incident-manager", ""), ("on-call.next", "ben")]);
    assert_eq!(called(w, &inc).await, expected);
    w.person("nil").posts(&format!("/api/v1/tickets/{inc}/escalation/acknowledge"), json!({})).await.refused("NotAllowed");
    w.person("ben").posts(&format!("/api/v1/tickets/{inc}/escalation/acknowledge"), json!({})).await.done();
    w.advance(hours(1)).await;
    assert_eq!(called(w, &inc).await, expected, "nobody else is called");
    w.pages_are_sent().await;
    let pages = pager.lock().pages.clone();
    let tiers: Vec<i64> = pages.iter().map(|(_, page)| page["data"]["tier"].as_i64().unwrap_or(-1)).collect();
    assert_eq!(tiers, [0, 1, 2, 3, 4], "each once, although two did not get through at first");
    assert_eq!((&pages[0].1["data"]["people"][0]["email"], &pages[0].1["data"]["severity"]), (&json!("ana@example.com"), &json!("sev1")));

    // In the morning each who was woken gets one message, whatever number of incidents it was.
    let second = w.alertmanager().fires(&[labels("DiskFull", "db", "db-1", "critical")]).await.done()["tickets"][0].clone();
    w.person("ana").takes("acknowledge", second.as_str().expect("a ticket"), json!({})).await.done();
    w.person("ana").takes("contain", second.as_str().expect("a ticket"), json!({ "line": "drained it" })).await.done();
    w.pages_are_sent().await;
    let before = told(&slack, &users["ana"]).len();
    w.advance_to("2026-03-03T08:59:59Z").await;
    w.tick().await;
    assert_eq!(w.log_of("MorningTold").await.len(), 0);
    w.advance_to("2026-03-03T09:02:00Z").await;
    w.tick().await;
    // The other replica may have been quicker, and is still at it.
    until("both are to be told", async || {
        let log = w.log_of("MorningTold").await;
        ["ana", "ben"].iter().all(|person| log.iter().any(|e| e["data"]["person"] == json!(w.id_of(person))))
    })
    .await;
    w.pages_are_sent().await;
    let morning = told(&slack, &users["ana"]).split_off(before);
    assert_eq!(morning.len(), 1, "{morning:?}");
    assert!(morning[0].starts_with("You were up at night; thank you.") && morning[0].contains("owes one thing"), "{morning:?}");
    assert_eq!(told(&slack, &users["ben"]).iter().filter(|t| t.contains("up at night")).count(), 1);
    assert!(pager.lock().violations.is_empty() && slack.violations().is_empty());
    for person in ["ana", "ben"] {
        let log = w.log_of("MorningTold").await;
        assert!(log.iter().any(|e| e["data"]["person"] == json!(w.id_of(person))), "{person}: {log:?}");
    }
}
on_both!(at_three_whoever_is_on_call_is_paged_at_once_and_then_the_next_until_somebody_answers);

/// Two replicas, Slack, and ana on call with an account there.
async fn two_replicas(w: &mut World) -> (FakeSlack, String) {
    let slack = FakeSlack::starts().await;
    configures(w, &slack.settings()).await;
    w.starts().await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    (slack, ana)
}

async fn pages_wait(w: &World) -> i64 {
    w.database.number("SELECT COUNT(*) FROM outbox WHERE channel LIKE 'page:%'").await
}

async fn whoever_takes_a_page_over_looks_first_whether_it_arrived(w: &mut World) {
    let (slack, ana) = two_replicas(w).await;
    // The message arrives; the answer comes so late that the turn of whoever sent it has run out by then.
    slack.fails("chat.postMessage", Fault::AnsweredLate(std::time::Duration::from_secs(3)));
    has_rota(w, ROTA).await;
    until("it arrived", async || told(&slack, &ana).len() == 1).await;
    w.clock.advance(minutes(2));
    until("the other replica is done with it", async || pages_wait(w).await == 0).await;
    assert_eq!(slack.asked("conversations.open"), 1, "it looked in the conversation with her");
    // Whoever was too slow notes nothing over it, and nobody sends it again.
    w.advance(hours(1)).await;
    w.pages_are_sent().await;
    assert_eq!(told(&slack, &ana).len(), 1, "{:?}", told(&slack, &ana));
    assert!(slack.violations().is_empty(), "{:?}", slack.violations());
}
on_both!(whoever_takes_a_page_over_looks_first_whether_it_arrived);

async fn each_of_several_who_are_called_is_told_once_whatever_becomes_of_the_others(w: &mut World) {
    let slack = FakeSlack::starts().await;
    configures(w, &slack.settings()).await;
    let users = ["mia", "max"].map(|name| (name, slack.joins(name)));
    for (name, user) in &users {
        w.links(name, user).await;
    }
    let inc = w.person("ana").declares("Slow checkout", "sev3").await;
    w.slack_is_told().await;
    // One message gets lost on its way, the next one arrives without its answer, and Slack asks the third to wait.
    for fault in [Fault::CutBefore, Fault::CutAfter, Fault::Limited(20)] {
        slack.fails("chat.postMessage", fault);
    }
    let call = json!({ "to": "incident-manager", "reason": "Nobody knows the shop." });
    let before = w.now();
    w.person("ana").posts(&format!("/api/v1/tickets/{inc}/escalate"), call).await.done();
    assert_eq!(w.database.number("SELECT COUNT(*) FROM outbox WHERE channel = 'page:chat'").await, 2, "one entry for each");
    w.pages_are_sent().await;
    w.slack_is_told().await;
    for (name, user) in &users {
        let told = told(&slack, user);
        assert!(told.len() == 1 && told[0].contains("needs you now"), "{name}: {told:?}");
    }
    assert!(w.now().since(before) >= std::time::Duration::from_secs(20), "it waited as long as Slack asked");
    assert!(slack.violations().is_empty(), "{:?}", slack.violations());
}
on_both!(each_of_several_who_are_called_is_told_once_whatever_becomes_of_the_others);

async fn whoever_was_woken_by_many_incidents_hears_once_in_the_morning_and_every_incident_says_so(w: &mut World) {
    let slack = FakeSlack::starts().await;
    configures(w, &slack.settings()).await;
    let ana = slack.joins("ana");
    w.links("ana", &ana).await;
    has_rota(w, ROTA).await;
    w.advance_to("2026-03-03T03:00:00Z").await;
    let mut incidents = Vec::new();
    for n in 0..8 {
        let alert = labels(&format!("Broken{n}"), &format!("service-{n}"), "host-1", "critical");
        let inc = w.alertmanager().fires(&[alert]).await.done()["tickets"][0].as_str().expect("a ticket").to_owned();
        w.person("ana").acknowledges(&inc).await.done();
        incidents.push(inc);
    }
    w.pages_are_sent().await;
    w.advance_to("2026-03-03T09:00:00Z").await;
    // They come due together, and are recorded in one commit: one message is queued, not eight.
    w.tick().await;
    assert_eq!(w.log_of("MorningTold").await.len(), incidents.len());
    w.pages_are_sent().await;
    assert_eq!(told(&slack, &ana).iter().filter(|text| text.contains("up at night")).count(), 1);
}
on_both!(whoever_was_woken_by_many_incidents_hears_once_in_the_morning_and_every_incident_says_so);

/// What was said of calls that reached nobody, in the incident's channel.
fn missed(slack: &FakeSlack) -> Vec<String> {
    let said = slack.channel_like("inc-000001").messages;
    let said = said.iter().map(|m| m["text"].as_str().unwrap_or_default().trim_start_matches("▲ ").to_owned());
    said.filter(|text| text.contains("could not be told") || text.contains("nobody is that")).collect()
}

// proves: INC-20
async fn somebody_on_call_whom_chat_cannot_reach_is_on_record_and_the_next_is_called_at_once(w: &mut World) {
    let slack = FakeSlack::starts().await;
    configures(w, &slack.settings()).await;
    let (ben, mia) = (slack.joins("ben"), slack.joins("mia"));
    w.links("ben", &ben).await;
    w.links("mia", &mia).await;
    slack.lock().users.get_mut(&ben).expect("ben").deleted = true;
    has_rota(w, ROTA).await;
    let inc = breaks(w).await;
    let began = w.now();
    // Nobody linked an account for ana, and Slack closed ben's; mia has one.
    until("mia is called", async || called(w, &inc).await.len() == 3).await;
    assert!(w.now().since(began) < minutes(1), "nobody waited for an answer that could not come");
    let expected = of(&[("on-call", "ana"), ("on-call.next", "ben"), ("on-call.manager", "mia")]);
    assert_eq!(called(w, &inc).await, expected);
    w.pages_are_sent().await;
    w.slack_is_told().await;
    assert_eq!(told(&slack, &mia).len(), 1);
    let events: Vec<Value> = w.log_of("PageMissed").await.iter().map(|e| e["data"].clone()).collect();
    let event = |tier: i64, to: &str, who: &str, why: &str| json!({ "tier": tier, "to": to, "person": w.id_of(who), "platform": "slack", "why": why, "next": true });
    assert_eq!(events, [event(0, "on-call", "ana", "not_linked"), event(1, "on-call.next", "ben", "refused")]);
    assert_eq!(
        missed(&slack),
        [
            "Ana could not be told in Slack: no account there is linked. Whoever comes next is called at once.",
            "Ben could not be told in Slack: it lets me write to no account of theirs. Whoever comes next is called at once.",
        ]
    );
    let page = w.signed_in("ana").await.gets(&format!("/console/c/{inc}")).await.text();
    assert!(page.contains("could not be told in Slack: no account there is linked"), "the console shows it as well");
    // Somebody took it: nobody else is called.
    w.person("ben").acknowledges(&inc).await.done();
    w.advance(hours(1)).await;
    assert_eq!((called(w, &inc).await, w.log_of("PageMissed").await.len()), (expected, 2));
}
on_both!(somebody_on_call_whom_chat_cannot_reach_is_on_record_and_the_next_is_called_at_once);

async fn where_a_pager_calls_as_well_nobody_is_passed_over_and_that_chat_could_not_is_said(w: &mut World) {
    let (slack, pager) = (FakeSlack::starts().await, FakePager::starts().await);
    configures(w, &format!("{}{}", pager.webhook(), slack.settings())).await;
    has_rota(w, ROTA).await;
    let inc = breaks(w).await;
    until("it is on record", async || w.log_of("PageMissed").await.len() == 1).await;
    w.pages_are_sent().await;
    w.slack_is_told().await;
    assert_eq!(called(w, &inc).await, of(&[("on-call", "ana")]), "her pager has it");
    assert_eq!(missed(&slack), ["Ana could not be told in Slack: no account there is linked."]);
    assert_eq!(pager.lock().pages.len(), 1);
    // It is the same call, however often it is told; and when somebody has answered, it is no news.
    let event = w.desk().paged(&Entry { seq: w.events_raw("Escalated").await, ticket: None, person: None }).await.expect("the call");
    w.desk().page_missed(&event, "slack", "not_linked").await.expect("asked");
    assert_eq!(w.log_of("PageMissed").await.len(), 1);
    // Everybody in the rounds is called in turn, and not all of them within a moment.
    for _ in 0..12 {
        w.advance(minutes(5)).await;
    }
    w.pages_are_sent().await;
    assert!(called(w, &inc).await.len() > 5, "{:?}", called(w, &inc).await);
}
on_both!(where_a_pager_calls_as_well_nobody_is_passed_over_and_that_chat_could_not_is_said);

async fn where_nobody_can_be_reached_the_first_round_is_over_at_once_and_the_others_keep_their_time(w: &mut World) {
    let slack = FakeSlack::starts().await;
    configures(w, &slack.settings()).await;
    has_rota(w, ROTA).await;
    let inc = breaks(w).await;
    until("the first round is over", async || w.log_of("PageMissed").await.len() == 4).await;
    w.pages_are_sent().await;
    let first_round = of(&[("on-call", "ana"), ("on-call.next", "ben"), ("on-call.manager", "mia"), ("incident-manager", "")]);
    assert_eq!(called(w, &inc).await, first_round);
    let ben = slack.joins("ben");
    w.links("ben", &ben).await;
    w.advance(minutes(5)).await;
    w.pages_are_sent().await;
    assert_eq!(told(&slack, &ben).iter().filter(|text| text.contains("needs you now")).count(), 1, "whoever linked meanwhile is reached");
    w.slack_is_told().await;
    assert!(missed(&slack).iter().any(|said| said.starts_with("Incident manager could not be told")), "{:?}", missed(&slack));
}
on_both!(where_nobody_can_be_reached_the_first_round_is_over_at_once_and_the_others_keep_their_time);

async fn pagerduty_says(w: &World, secret: &str, event: &Value) -> Answered {
    let body = json!({ "event": event }).to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(body.as_bytes());
    // While a secret changes, PagerDuty signs with both.
    let signature = format!("v1={},v1={}", "00".repeat(32), hex::encode(mac.finalize().into_bytes()));
    let request = w.client.post(format!("{}/pagerduty/webhook", w.base(0))).header("x-pagerduty-signature", signature).body(body);
    receive(request, "PagerDuty".to_owned()).await
}

fn acknowledged(id: &str, agent: &str, key: &str) -> Value {
    json!({
        "id": id, "event_type": "incident.acknowledged", "resource_type": "incident", "occurred_at": "2026-03-02T10:01:00Z",
        "agent": { "html_url": "https://acme.pagerduty.com/users/P", "id": agent, "self": "https://api.pagerduty.com/users/P", "summary": "Somebody There", "type": "user_reference" },
        "client": null, "data": { "id": "Q1", "type": "incident", "number": 7, "status": "acknowledged", "incident_key": key, "title": "x" },
    })
}

async fn pagerduty_is_told_and_its_answers_count_for_people_whom_we_know_only(w: &mut World) {
    let pager = FakePager::starts().await;
    configures(w, &pager.pagerduty()).await;
    has_rota(w, ROTA).await;
    let inc = breaks(w).await;
    w.pages_are_sent().await;
    let first = pager.lock().events[0].clone();
    assert_eq!(
        (&first["event_action"], &first["dedup_key"], &first["payload"]["severity"]),
        (&json!("trigger"), &json!(inc), &json!("critical"))
    );

    // Forged, of nobody, of somebody who may not: nothing stops.
    let answer = pagerduty_says(w, "another secret", &acknowledged("E1", "PANA", &inc)).await;
    answer.refused("NotAuthentic").with_status(401).says("pagerduty_webhook_secret");
    for _ in 0..2 {
        assert_eq!(pagerduty_says(w, PAGERDUTY_SECRET, &acknowledged("E2", "PXYZ", &inc)).await.status, 202);
    }
    assert_eq!(pagerduty_says(w, PAGERDUTY_SECRET, &acknowledged("E3", "PNIL", &inc)).await.status, 202);
    assert_eq!(pagerduty_says(w, PAGERDUTY_SECRET, &acknowledged("E4", "PANA", "INC-999999")).await.status, 202);
    let marked = w.log_of("PageAnswered").await;
    assert_eq!(marked.len(), 1, "an answer that came twice is recorded once");
    assert_eq!((&marked[0]["data"]["service"], &marked[0]["actor"]["type"]), (&json!("pagerduty"), &json!("scheduler")));
    w.advance(minutes(5)).await;
    w.tick().await;
    assert_eq!(called(w, &inc).await.len(), 2, "the next one was called all the same");
    assert!(w.log_of("Refused").await.iter().any(|e| e["data"]["command"] == "AcknowledgeEscalation"), "nil may not");

    // Whose user it is says organisation.yaml; from there on it is that person's word.
    assert_eq!(pagerduty_says(w, PAGERDUTY_SECRET, &acknowledged("E5", "PANA", &inc)).await.status, 202);
    let seen = w.log_of("EscalationAcknowledged").await.remove(0);
    assert_eq!((&seen["actor"]["id"], &seen["via"]["surface"]), (&json!(w.id_of("ana")), &json!("pagerduty")));
    w.pages_are_sent().await;
    let told: Vec<_> = pager.lock().events.iter().map(|e| e["event_action"].clone()).collect();
    assert_eq!(told.last(), Some(&json!("acknowledge")), "{told:?}");
    w.person("ana").takes("false_positive", &inc, json!({ "reason": "The probe itself was broken." })).await.done();
    w.pages_are_sent().await;
    assert_eq!(pager.lock().events.last().map(|e| e["event_action"].clone()), Some(json!("resolve")));
    assert!(pager.lock().violations.is_empty(), "{:?}", pager.lock().violations);
    let everything = format!("{:?}", w.log().await);
    assert!(!everything.contains("Somebody There"), "a name from outside is sealed");
}
on_both!(pagerduty_is_told_and_its_answers_count_for_people_whom_we_know_only);

fn shift(uid: &str, summary: &str, from: &str, to: &str) -> String {
    format!("BEGIN:VEVENT\r\nUID:{uid}\r\nSUMMARY:{summary}\r\nDTSTART:{from}\r\nDTEND:{to}\r\nEND:VEVENT\r\n")
}

async fn a_calendar_says_whose_shift_it_is_and_its_last_good_copy_counts_while_it_cannot_be_fetched(w: &mut World) {
    let pager = FakePager::starts().await;
    let events = [
        shift("1", "On call: ben@example.com", "20260302T000000Z", "20260303T000000Z"),
        shift("2", "On call: Zoe from the agency", "20260303T000000Z", "20260304T000000Z"),
        shift("3", "mia (secondary)", "20260304T000000Z", "20260305T000000Z"),
    ];
    pager.lock().calendar = Some(format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", events.concat()));
    configures(w, &pager.shifts()).await;
    has_rota(w, "on_call:\n  calendar: true\n  layers: { main: { people: [ana@example.com], from: 2026-03-02 } }\n").await;
    // A calendar that is fetched before anybody adopted the rota counts from then on as well.
    until("the calendar is read", async || {
        w.clock.advance(minutes(1));
        w.desk().on_call_at(w.now()).first() == Some(&w.id_of("ben"))
    })
    .await;
    w.tick().await;
    let read = w.log_of("RotaRead").await;
    assert_eq!((read.len(), read[0]["data"]["unknown"].as_i64()), (1, Some(1)), "once, although it was fetched often");
    let inc = breaks(w).await;
    assert_eq!(called(w, &inc).await, of(&[("on-call", "ben")]));
    let trouble =
        async |w: &World| w.desk().chat_troubles().await.expect("the database").into_iter().find(|t| t.subject.is_empty()).map(|t| t.words);
    until("the unknown name is told", async || trouble(w).await.is_some_and(|words| words.contains("Zoe from the agency"))).await;

    // It cannot be fetched any more: what was read goes on counting, after a restart, too, and its age is said.
    pager.lock().calendar = None;
    until("its age is told", async || {
        w.clock.advance(minutes(1));
        trouble(w).await.is_some_and(|words| words.contains("answered 500") && words.contains("ago counts"))
    })
    .await;
    w.stops().await;
    w.starts().await;
    w.advance_to("2026-03-03T10:00:00Z").await;
    w.tick().await;
    assert_eq!(w.desk().on_call_at(w.now()).first(), Some(&w.id_of("ana")), "a shift of nobody whom we know falls to the next");
    w.advance_to("2026-03-04T10:00:00Z").await;
    w.tick().await;
    assert_eq!(w.desk().on_call_at(w.now()).first(), Some(&w.id_of("mia")));
    until("it is tried again", async || {
        w.clock.advance(minutes(1));
        trouble(w).await.is_some_and(|words| words.contains("before this start counts"))
    })
    .await;
    // Something else than a calendar changes nothing.
    pager.lock().calendar = Some("<html>Please sign in</html>".to_owned());
    until("it is told what is wrong", async || {
        w.clock.advance(minutes(1));
        trouble(w).await.is_some_and(|words| words.contains("not an RFC 5545 calendar"))
    })
    .await;
    assert_eq!(w.log_of("RotaRead").await.len(), 1);
}
on_both!(a_calendar_says_whose_shift_it_is_and_its_last_good_copy_counts_while_it_cannot_be_fetched);

async fn a_turn_changes_once_however_many_look_and_both_are_told(w: &mut World) {
    let slack = FakeSlack::starts().await;
    configures(w, &slack.settings()).await;
    w.starts().await;
    let (ana, ben) = (slack.joins("ana"), slack.joins("ben"));
    w.links("ana", &ana).await;
    w.links("ben", &ben).await;
    has_rota(w, ROTA).await;
    let inc = w.person("ana").declares("Slow checkout", "sev3").await;
    for day in 1..=8 {
        w.advance(days(1)).await;
        // A day is longer than any turn: whoever is sending when it passes would be taken for one that died.
        w.pages_are_sent().await;
        if day == 3 {
            w.stops().await;
            w.starts().await;
            w.starts().await;
        }
        w.tick().await;
    }
    let changes = w.log_of("OnCallChanged").await;
    let recorded: Vec<_> = changes.iter().map(|e| (e["data"]["from"].clone(), e["data"]["to"].clone())).collect();
    assert_eq!(recorded, [(Value::Null, json!(w.id_of("ana"))), (json!(w.id_of("ana")), json!(w.id_of("ben")))]);
    w.pages_are_sent().await;
    let begins: Vec<String> = told(&slack, &ben).into_iter().filter(|text| text.contains("on call now")).collect();
    assert_eq!(begins.len(), 1, "{begins:?}");
    assert!(
        begins[0].contains("You are on call now, until") && begins[0].contains("ana was before you") && begins[0].contains(&inc),
        "{begins:?}"
    );
    assert_eq!(told(&slack, &ana).iter().filter(|t| t.contains("Your turn on call is over. ben has it from here")).count(), 1);
    assert_eq!(w.desk().turn_ends(w.now()).map(|t| t.to_string()).as_deref(), Some("2026-03-16T09:00:00.000000Z"));
}
on_both!(a_turn_changes_once_however_many_look_and_both_are_told);

// proves: BRN-01
async fn when_disclosure_threatens_legal_compliance_and_communications_are_told_and_answer(w: &mut World) {
    let slack = FakeSlack::starts().await;
    configures(w, &slack.settings()).await;
    let lea = slack.joins("lea");
    w.links("lea", &lea).await;
    let ana = w.person("ana");
    let inc = ana.opens(json!({ "title": "Mail to the wrong customer", "severity": "sev3" })).await.number();
    assert_eq!(w.log_of("GroupNotified").await.len(), 0, "below the threshold nobody is told");
    ana.sets(&inc, json!({ "data_involved": ["personal"] })).await.done();
    ana.sets(&inc, json!({ "data_involved": ["personal", "health"] })).await.done();
    let groups: Vec<_> = w.log_of("GroupNotified").await.iter().map(|e| e["data"]["group"].clone()).collect();
    assert_eq!(groups, [json!("legal"), json!("compliance"), json!("communications")], "each once");
    w.pages_are_sent().await;
    let told = told(&slack, &lea);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|t| t.contains(&inc) && t.contains("say so by") && !t.contains("wrong customer")), "{told:?}");
    let answers = async |who: &str, group: &str| {
        w.person(who).posts(&format!("/api/v1/tickets/{inc}/notifications/{group}/acknowledge"), json!({})).await
    };
    answers("ana", "legal").await.refused("NotAllowed").with_status(403);
    for group in ["legal", "compliance"] {
        answers("lea", group).await.done();
    }
    answers("lea", "legal").await.refused("NothingToDo");
    answers("lea", "press").await.refused("NoSuchGroup");
    w.advance(hours(2)).await;
    w.tick().await;
    let (answered, overdue) = (w.log_of("NotificationAcknowledged").await, w.log_of("NotificationOverdue").await);
    assert_eq!((answered.len(), overdue.len()), (2, 1));
    assert_eq!(overdue[0]["data"]["group"], "communications", "who did not answer in time is told as well");
    answers("lea", "communications").await.done();
    assert_eq!(w.log_of("NotificationAcknowledged").await.len(), 3);
}
on_both!(when_disclosure_threatens_legal_compliance_and_communications_are_told_and_answer);

async fn whoever_is_called_by_the_rota_finds_it_among_what_waits_for_them(w: &mut World) {
    has_rota(w, ROTA).await;
    let inc = breaks(w).await;
    let calls = async |name: &str| {
        let waiting = w.person(name).gets("/api/v1/inbox").await.done();
        waiting["waiting"].as_array().into_iter().flatten().any(|one| one["ticket"]["number"] == inc.as_str() && one["why"] == "called")
    };
    let first = called(w, &inc).await.remove(0).1;
    let next = if first == "ana" { "ben" } else { "ana" };
    assert!(calls(&first).await && !calls(next).await);
    w.advance(minutes(5)).await;
    assert!(calls(next).await, "it is the next one's by now");
    w.person(next).acknowledges(&inc).await.done();
    assert!(!calls(next).await);
}
on_both!(whoever_is_called_by_the_rota_finds_it_among_what_waits_for_them);
