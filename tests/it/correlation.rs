//! Alerts and the incidents that they belong to.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::world::proof::sha256;
use super::world::{Proof, World, fingerprint, hours, labels, minutes, on_both, until, webhook};

fn storm(n: usize) -> Value {
    labels("HighErrorRate", "checkout", &format!("checkout-{n}"), "critical")
}

// proves: ALR-01, ALR-02, ALR-08
async fn a_storm_of_two_hundred_is_one_incident_and_every_alert_is_traceable(w: &mut World) {
    let tool = w.alertmanager();
    let deliveries: Vec<Vec<Value>> = (0..40).map(|d| (0..5).map(|a| storm(d * 5 + a)).collect()).collect();
    let answers = join_all(deliveries.iter().map(|alerts| tool.fires(alerts))).await;
    let mut numbers = BTreeSet::new();
    for answer in answers {
        let answer = answer.done();
        assert_eq!(answer["tickets"], json!(["INC-000001"]), "{answer}");
        numbers.insert(answer["delivery"].as_str().expect("a delivery").to_owned());
    }
    assert_eq!(numbers.len(), 40);

    // From the ticket to the alerts, and from each alert and delivery to the ticket.
    let aud = w.person("aud");
    let shown = aud.sees("INC-000001").await;
    assert_eq!(shown["alerts"], json!({ "attached": 200, "firing": 200, "repeats": 0 }));
    assert_eq!((&shown["opened_by"], &shown["severity"]), (&json!({ "type": "source", "name": "alertmanager" }), &json!("sev1")));
    let attached: Vec<Value> = w.events("INC-000001").await.into_iter().filter(|e| e["kind"] == "AlertAttached").collect();
    assert_eq!(attached.len(), 200);
    let listed = aud.gets("/api/v1/tickets/INC-000001/alerts").await.done();
    assert_eq!(listed["alerts"].as_array().map(Vec::len), Some(200));
    let bodies: Vec<String> = deliveries.iter().map(|alerts| sha256(webhook("firing", alerts).to_string().as_bytes())).collect();
    for event in &attached {
        let fingerprint = event["data"]["fingerprint"].as_str().expect("a fingerprint");
        let delivery = event["data"]["delivery"].as_i64().expect("a delivery");
        let alert: Value = serde_json::from_str(event["texts"]["alert"].as_str().expect("the alert")).expect("JSON");
        assert_eq!((&alert["alert_id"], &alert["rule"]), (&json!(fingerprint), &json!("HighErrorRate")));
        assert!(bodies.iter().any(|b| event["texts"]["payload_sha256"] == json!(b)), "the payload's digest");
        if delivery % 10 == 1 {
            let record = aud.gets(&format!("/api/v1/alerts/alertmanager/{fingerprint}")).await.done();
            assert_eq!(record["ticket"], "INC-000001");
            let brought = aud.gets(&format!("/api/v1/deliveries/{delivery}")).await.done();
            assert_eq!(brought["source"], "alertmanager");
            assert!(brought["alerts"].as_array().is_some_and(|a| a.contains(&json!([fingerprint, "firing"]))), "{brought}");
        }
    }

    // The tool says the same twice more: nothing new happened, and after a while one event an alert counts it.
    let size = w.size().await;
    for _ in 0..2 {
        w.advance(minutes(2)).await;
        for answer in join_all(deliveries[..4].iter().map(|alerts| tool.fires(alerts))).await {
            assert_eq!(answer.done()["tickets"], json!(["INC-000001"]));
        }
    }
    assert_eq!(w.size().await, size);
    w.advance(minutes(10)).await;
    let told = w.log_of("AlertRepeated").await;
    assert_eq!(told.len(), 20);
    for event in &told {
        let data = &event["data"];
        assert_eq!((&data["count"], &data["first"]), (&json!(2), &json!("2026-03-02T10:02:00.000000Z")), "{event}");
        assert_eq!(data["last"], "2026-03-02T10:04:00.000000Z");
        for (delivery, at) in [("first_delivery", "first"), ("last_delivery", "last")] {
            let brought = aud.gets(&format!("/api/v1/deliveries/{}", data[delivery])).await.done();
            assert_eq!(brought["received_at"], data[at]);
            assert!(brought["alerts"].as_array().is_some_and(|a| a.contains(&json!([data["fingerprint"], "firing"]))), "{brought}");
        }
    }
    assert_eq!(aud.sees("INC-000001").await["alerts"], json!({ "attached": 200, "firing": 200, "repeats": 40 }));
    assert_eq!(w.log_of("TicketOpened").await.len(), 1);
}
on_both!(a_storm_of_two_hundred_is_one_incident_and_every_alert_is_traceable);

async fn two_replicas_at_the_same_instant_open_one_incident_a_group(w: &mut World) {
    w.starts().await;
    let (here, there) = (w.alertmanager(), w.alertmanager().at(&w.base(1)));
    let both = (0..30).map(|n| {
        let (here, there) = (here.clone(), there.clone());
        async move {
            let alert = |host: &str| [labels("HighErrorRate", &format!("service-{n}"), host, "warning")];
            let (a, b) = (alert("a"), alert("b"));
            let (first, second) = tokio::join!(here.fires(&a), there.fires(&b));
            (first.done()["tickets"].clone(), second.done()["tickets"].clone())
        }
    });
    let answers = join_all(both).await;
    let numbers: BTreeSet<String> = answers.iter().map(|(first, _)| first[0].as_str().unwrap_or_default().to_owned()).collect();
    assert!(answers.iter().all(|(first, second)| first == second), "{answers:?}");
    assert_eq!((numbers.len(), w.log_of("TicketOpened").await.len()), (30, 30));
}
on_both!(two_replicas_at_the_same_instant_open_one_incident_a_group);

async fn a_resolve_never_closes_and_quiet_ends_the_group(w: &mut World) {
    let (tool, ana) = (w.alertmanager(), w.person("ana"));
    tool.fires(&[storm(1), storm(2)]).await.done();
    ana.acknowledges("INC-000001").await.done();
    assert_eq!(tool.resolves(&[storm(1)]).await.done()["tickets"], json!(["INC-000001"]));
    tool.resolves(&[storm(2)]).await.done();
    let shown = ana.sees("INC-000001").await;
    assert_eq!((&shown["status"], &shown["alerts"]["firing"]), (&json!("acknowledged"), &json!(0)));

    // It comes back within the window: the same incident, and the log says so.
    w.advance(minutes(30)).await;
    assert_eq!(tool.fires(&[storm(1)]).await.done()["tickets"], json!(["INC-000001"]));
    let changed: Vec<_> = w.log_of("AlertChanged").await.iter().map(|e| (e["data"]["was"].clone(), e["data"]["status"].clone())).collect();
    assert_eq!(changed.last(), Some(&(json!("resolved"), json!("firing"))), "{changed:?}");

    // A new alert of the group while it is awake, and one after two hours of quiet.
    assert_eq!(tool.fires(&[storm(3)]).await.done()["tickets"], json!(["INC-000001"]));
    tool.resolves(&[storm(1), storm(3)]).await.done();
    w.advance(hours(2) + minutes(1)).await;
    assert_eq!(tool.fires(&[storm(4)]).await.done()["tickets"], json!(["INC-000002"]));
    let linked: Vec<_> = w.events("INC-000002").await.into_iter().filter(|e| e["kind"] == "Linked").collect();
    assert_eq!(linked[0]["data"], json!({ "link": "recurrence", "to": "INC-000001", "made": true }));

    // A merge keeps every alert and note where it can be read, and can be undone.
    ana.notes("INC-000001", "Seen on two hosts.").await.done();
    ana.takes("merge", "INC-000001", json!({ "other": "INC-000002" })).await.done();
    assert_eq!(ana.sees("INC-000001").await["merged_into"], "INC-000002");
    assert_eq!(tool.fires(&[storm(5)]).await.done()["tickets"], json!(["INC-000002"]));
    assert_eq!(ana.gets("/api/v1/tickets/INC-000001/alerts").await.done()["alerts"].as_array().map(Vec::len), Some(3));
    ana.takes("unmerge", "INC-000001", json!({ "reason": "Two causes." })).await.done();
    assert_eq!(ana.sees("INC-000001").await["status"], "acknowledged");
}
on_both!(a_resolve_never_closes_and_quiet_ends_the_group);

async fn what_no_playbook_takes_is_kept_and_opens_nothing(w: &mut World) {
    let quiet = labels("BackupDone", "backup", "backup-1", "info");
    let answer = w.alertmanager().fires(std::slice::from_ref(&quiet)).await;
    assert_eq!((answer.status, answer.json()["tickets"].clone()), (202, json!([])));
    let kept = w.log_of("AlertUnmapped").await;
    assert_eq!((kept.len(), &kept[0]["data"]["fingerprint"]), (1, &json!(fingerprint(&quiet))));
    let record = w.person("aud").gets(&format!("/api/v1/alerts/alertmanager/{}", fingerprint(&quiet))).await.done();
    assert_eq!((&record["ticket"], &record["status"]), (&Value::Null, &json!("firing")));
    // Its end and its repeats are counted, and open nothing either.
    w.alertmanager().fires(std::slice::from_ref(&quiet)).await.done();
    w.alertmanager().resolves(&[quiet]).await.done();
    assert_eq!(w.log_of("TicketOpened").await.len(), 0);
}
on_both!(what_no_playbook_takes_is_kept_and_opens_nothing);

// proves: ALR-09
async fn forged_stale_and_replayed_posts_are_counted_and_never_an_event_each(w: &mut World) {
    let alert = [storm(1)];
    let (genuine, doors) = (w.alertmanager(), w.tool("doors"));
    let event = json!({ "site": "north", "events": [{ "id": "7", "text": "Door open", "state": "open", "prio": "high", "door": "3" }] });
    doors.posts(event.clone()).await.done();
    let size = w.size().await;
    let forged = genuine.proving(Proof::Bearer("guessed".into()));
    for answer in join_all((0..50).map(|_| forged.fires(&alert))).await {
        let refusal = answer.refused("NotAuthentic").with_status(401);
        assert!(!refusal.detail.contains("secret"), "{}", refusal.detail);
    }
    for _ in 0..3 {
        genuine.proving(Proof::Nothing).fires(&alert).await.refused("NotAuthentic");
    }
    w.advance(minutes(1)).await;
    // The service's own scheduler may have been quicker, and is still at it.
    until("they are counted", async || w.log_of("ForgeriesCounted").await.len() == 2).await;
    let counted = w.log_of("ForgeriesCounted").await;
    let facts: BTreeSet<_> =
        counted.iter().map(|e| (e["data"]["source"].to_string(), e["data"]["reason"].to_string(), e["data"]["count"].as_i64())).collect();
    let expected = [("\"alertmanager\"", "\"missing\"", Some(3)), ("\"alertmanager\"", "\"wrong\"", Some(50))];
    assert_eq!(facts, expected.map(|(s, r, c)| (s.to_owned(), r.to_owned(), c)).into());
    assert!(counted.iter().all(|e| e["data"]["minute"] == "2026-03-02T10:00:00.000000Z"));
    assert_eq!(w.size().await, size + 2);

    // Genuine once, kept and sent again later: too old to be believed. So is what claims to come from tomorrow.
    w.advance(minutes(6)).await;
    for _ in 0..4 {
        doors.posts(event.clone()).await.refused("NotAuthentic").says("too old");
    }
    let tomorrow = Proof::Stamped { secret: super::world::HMAC.into(), at: w.now().plus(hours(24)).seconds() };
    doors.proving(tomorrow).posts(event.clone()).await.refused("NotAuthentic").says("from the future");
    let other = Proof::Stamped { secret: "another".into(), at: w.now().seconds() };
    doors.proving(other).posts(event).await.refused("NotAuthentic");
    w.advance(minutes(1)).await;
    let stale: Vec<_> = w.log_of("ForgeriesCounted").await.into_iter().filter(|e| e["data"]["source"] == "doors").collect();
    let counts: BTreeSet<_> = stale.iter().map(|e| (e["data"]["reason"].to_string(), e["data"]["count"].as_i64())).collect();
    assert_eq!(counts, [("\"stale\"".to_owned(), Some(5)), ("\"wrong\"".to_owned(), Some(1))].into());
    assert_eq!(w.log_of("TicketOpened").await.len(), 1);
}
on_both!(forged_stale_and_replayed_posts_are_counted_and_never_an_event_each);

/// A tool that names no rule: its titles tell its alerts apart.
async fn alerts_without_a_rule_are_not_thrown_together(w: &mut World) {
    let posts = async |id: &str, title: &str| {
        let answered = w.tool("lab").posts(json!({ "id": id, "title": title })).await;
        answered.done()["tickets"][0].as_str().expect("a ticket").to_owned()
    };
    let mail = posts("u1", "mail server unreachable").await;
    let payroll = posts("u2", "payroll database down").await;
    assert_ne!(mail, payroll, "two outages");
    assert_eq!(posts("u3", "mail server unreachable").await, mail, "the same one again");
}
on_both!(alerts_without_a_rule_are_not_thrown_together);
