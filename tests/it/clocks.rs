//! What time does, on a clock that moves only when told.

use serde_json::{Value, json};

use super::world::{Kind, World, days, labels, minutes, on_both, tell};

/// Of these events, those about one clock: kind, percent, when it came due, when it was recorded.
async fn of_clock(w: &World, ticket: &str, clock: &str) -> Vec<(String, Value, String)> {
    let events = w.events(ticket).await;
    let ours = events
        .iter()
        .filter(|e| e["data"]["clock"] == clock && ["ClockWarned", "ClockBreached", "ClockStopped"].iter().any(|kind| e["kind"] == *kind));
    ours.map(|e| {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        (text(&e["kind"]), e["data"]["percent"].clone(), text(&e["at"]))
    })
    .collect()
}

fn at(time: &str) -> String {
    format!("2026-03-02T{time}:00.000000Z")
}

fn warned(percent: i64, time: &str) -> (String, Value, String) {
    ("ClockWarned".to_owned(), json!(percent), at(time))
}

// proves: SLA-04
async fn reminders_come_once_each_and_a_breach_is_an_event_at_its_minute(w: &mut World) {
    // Monday, ten o'clock; four working hours until somebody must have acknowledged a sev3.
    let ana = w.person("ana");
    let late = ana.declares("Late", "sev3").await;
    let taken = ana.declares("Taken in time", "sev3").await;
    assert_eq!(ana.sees(&late).await["clocks"]["acknowledge"]["due"], json!(at("14:00")));
    let mut expected = Vec::new();
    for (to, percent) in
        [("11:59", None), ("12:00", Some(50)), ("12:30", None), ("13:00", Some(75)), ("13:35", None), ("13:36", Some(90)), ("13:59", None)]
    {
        w.advance_to(&format!("2026-03-02T{to}:00Z")).await;
        w.tick().await;
        expected.extend(percent.map(|p| warned(p, to)));
        assert_eq!(of_clock(w, &late, "acknowledge").await, expected, "at {to}");
        if to == "12:30" {
            ana.acknowledges(&taken).await.done();
            // A restart forgets and repeats nothing.
            w.stops().await;
            w.starts().await;
        }
    }
    w.advance(minutes(1)).await;
    w.tick().await;
    expected.push(("ClockBreached".to_owned(), Value::Null, at("14:00")));
    assert_eq!(of_clock(w, &late, "acknowledge").await, expected);
    let breach = w.log_of("ClockBreached").await.remove(0);
    assert_eq!((&breach["data"]["due"], &breach["actor"]["type"]), (&json!(at("14:00")), &json!("scheduler")));
    let metrics = w.person("aud").gets("/metrics").await.text();
    let counted = metrics.lines().find(|line| line.contains("breaches_total")).unwrap_or_default().to_owned();
    assert!(counted.ends_with(" 1"), "{counted:?} in\n{metrics}");

    // What was taken in time was reminded once, and never again.
    let stopped = of_clock(w, &taken, "acknowledge").await;
    assert_eq!(stopped, [warned(50, "12:00"), ("ClockStopped".to_owned(), Value::Null, at("12:30"))]);
    w.person("ana").acknowledges(&late).await.done();
    let last = w.events(&late).await.into_iter().rfind(|e| e["data"]["clock"] == "acknowledge").expect("events");
    assert_eq!(
        (&last["kind"], &last["data"]["late"], &last["data"]["elapsed_seconds"]),
        (&json!("ClockStopped"), &json!(true), &json!(14_400))
    );
}
on_both!(reminders_come_once_each_and_a_breach_is_an_event_at_its_minute);

// proves: INC-05, INC-07
async fn nobody_answers_and_the_next_tier_is_called_until_somebody_does(w: &mut World) {
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    let inc = "INC-000001";
    let called = async |w: &World| -> Vec<(i64, i64, String, String)> {
        let events = w.events(inc).await.into_iter().filter(|e| e["kind"] == "Escalated");
        events
            .map(|e| {
                let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
                (
                    e["data"]["from_tier"].as_i64().unwrap_or(-1),
                    e["data"]["to_tier"].as_i64().unwrap_or(-1),
                    text(&e["data"]["to"]),
                    text(&e["at"]),
                )
            })
            .collect()
    };
    w.advance(minutes(14)).await;
    assert_eq!(called(w).await, []);
    w.advance(minutes(1)).await;
    // Without a rota nobody stands behind its places: they are passed over.
    let first = (0, 3, "incident-manager".to_owned(), at("10:15"));
    assert_eq!(called(w).await, std::slice::from_ref(&first));
    w.advance(minutes(14)).await;
    assert_eq!(called(w).await.len(), 1);
    w.advance(minutes(1)).await;
    let second = (3, 6, "incident-manager".to_owned(), at("10:30"));
    assert_eq!(called(w).await, [first.clone(), second.clone()]);
    assert_eq!(w.person("aud").sees(inc).await["owner"], Value::Null, "it is called because nobody has it");
    let answer = w.person("nil").posts(&format!("/api/v1/tickets/{inc}/escalation/acknowledge"), json!({})).await;
    answer.refused("NotAllowed").with_status(403);
    w.person("mia").posts(&format!("/api/v1/tickets/{inc}/escalation/acknowledge"), json!({})).await.done();
    w.advance(minutes(40)).await;
    assert_eq!(called(w).await, [first, second]);
    // A person calls somebody as well, saying why; and that is answered, too.
    let ana = w.person("ana");
    ana.acknowledges(inc).await.done();
    assert_eq!(ana.sees(inc).await["owner"], json!(ana.id), "whoever presses the button has it");
    ana.posts(&format!("/api/v1/tickets/{inc}/escalate"), json!({})).await.refused("FieldMissing").about(&["reason"]);
    ana.posts(&format!("/api/v1/tickets/{inc}/escalate"), json!({ "reason": "I need the database's owner." })).await.done();
    w.person("max").posts(&format!("/api/v1/tickets/{inc}/escalation/acknowledge"), json!({})).await.done();
    let by_hand = w.events(inc).await.into_iter().rfind(|e| e["kind"] == "Escalated").expect("an escalation");
    assert_eq!((&by_hand["actor"]["id"], &by_hand["texts"]["reason"]), (&json!(ana.id), &json!("I need the database's owner.")));
    assert_eq!((&by_hand["data"]["from_tier"], &by_hand["data"]["to_tier"]), (&json!(0), &json!(1)));
    assert_eq!(w.log_of("EscalationAcknowledged").await.len(), 2);
}
on_both!(nobody_answers_and_the_next_tier_is_called_until_somebody_does);

async fn working_hours_pass_over_nights_weekends_and_holidays(w: &mut World) {
    // Thursday is a holiday and Friday half a day, by a calendar that an administrator adopted.
    let files = countersign::procedure::built_in().into_iter().map(|(path, bytes)| {
        let text = String::from_utf8(bytes).expect("playbooks are text");
        let holidays = "holidays: { 2026-03-05: closed, 2026-03-06: \"09:00-13:00\" }";
        (path, text.replace("holidays: {}", holidays).into_bytes())
    });
    w.adopts(files.collect(), "The holidays of this year.").await;
    let ana = w.person("ana");
    w.advance_to("2026-03-04T16:00:00Z").await;
    let due = |ticket: Value, clock: &str| ticket["clocks"][clock]["due"].as_str().unwrap_or_default().to_owned();
    // Wednesday 16:00: one hour today, none on Thursday, four on Friday, the rest on Monday.
    let slow = ana.declares("Slow", "sev4").await;
    assert_eq!(due(ana.sees(&slow).await, "acknowledge"), "2026-03-09T12:00:00.000000Z");
    // A sev1 counts every hour.
    let bad = ana.declares("Bad", "sev1").await;
    assert_eq!(due(ana.sees(&bad).await, "acknowledge"), "2026-03-04T16:15:00.000000Z");
    // Declared at night: the morning begins it.
    w.advance_to("2026-03-06T22:00:00Z").await;
    let night = ana.declares("At night", "sev3").await;
    assert_eq!(due(ana.sees(&night).await, "acknowledge"), "2026-03-09T13:00:00.000000Z");
    w.advance_to("2026-03-09T12:00:00Z").await;
    let breached: Vec<_> = of_clock(w, &slow, "acknowledge").await.into_iter().filter(|(kind, ..)| kind == "ClockBreached").collect();
    assert_eq!(breached.iter().map(|(_, _, at)| at.as_str()).collect::<Vec<_>>(), ["2026-03-09T12:00:00.000000Z"]);
}
on_both!(working_hours_pass_over_nights_weekends_and_holidays);

async fn what_came_due_while_nobody_was_there_is_recorded_with_both_times(w: &mut World) {
    let ana = w.person("ana");
    let inc = ana.declares("Before the power went", "sev3").await;
    w.stops().await;
    w.clock.advance(days(1));
    w.starts().await;
    w.tick().await;
    w.tick().await;
    let caught: Vec<_> = w
        .events(&inc)
        .await
        .into_iter()
        .filter(|e| e["data"]["clock"] == "acknowledge" && (e["kind"] == "ClockWarned" || e["kind"] == "ClockBreached"))
        .collect();
    let told: Vec<_> = caught.iter().map(|e| (e["kind"].clone(), e["data"]["came_due"].clone(), e["data"]["due"].clone())).collect();
    let due = json!(at("14:00"));
    let expected = [
        (json!("ClockWarned"), json!(at("12:00")), due.clone()),
        (json!("ClockWarned"), json!(at("13:00")), due.clone()),
        (json!("ClockWarned"), json!(at("13:36")), due.clone()),
        (json!("ClockBreached"), Value::Null, due),
    ];
    assert_eq!(told, expected);
    assert!(caught.iter().all(|e| e["at"].as_str().is_some_and(|at| at.starts_with("2026-03-03T10:00"))), "{caught:?}");
}
on_both!(what_came_due_while_nobody_was_there_is_recorded_with_both_times);

async fn two_replicas_look_at_the_same_clock_and_it_fires_once(w: &mut World) {
    w.starts().await;
    w.starts().await;
    let ana = w.person("ana");
    for n in 0..10 {
        ana.declares(&format!("Number {n}"), "sev1").await;
    }
    for _ in 0..4 {
        w.advance(minutes(5)).await;
        w.tick().await;
    }
    let percents = |events: &[Value], percent: i64| {
        events.iter().filter(|e| e["data"]["clock"] == "acknowledge" && e["data"]["percent"] == percent).count()
    };
    let (warned, breached) = (w.log_of("ClockWarned").await, w.log_of("ClockBreached").await);
    assert_eq!([50, 75, 90].map(|p| percents(&warned, p)), [10, 10, 10]);
    assert_eq!((breached.len(), w.log_of("Escalated").await.len()), (10, 10));
}
on_both!(two_replicas_look_at_the_same_clock_and_it_fires_once);

#[test]
fn a_clock_that_jumps_stops_commits_until_an_administrator_says_that_it_is_right() {
    tell(Kind::Sqlite, async |w| {
        let ana = w.person("ana");
        let inc = ana.declares("Before the jump", "sev3").await;
        let size = w.size().await;
        w.clock.step(days(400).as_micros().try_into().expect("a step"));
        ana.notes(&inc, "In the future?").await.refused("Held").with_status(503).says("seconds away from where it should be");
        assert_eq!(w.size().await, size);
        let ready = ana.gets("/readyz").await;
        assert!(ready.status == 503 && ready.text().contains("seconds away"), "{}", ready.text());
        let confirm = countersign::desk::request::Ask::ConfirmClock;
        w.operator(confirm).await.expect("an administrator confirms");
        ana.notes(&inc, "It is right.").await.done();
        assert_eq!(w.log_of("ClockStepConfirmed").await.len(), 1);
    });
}
