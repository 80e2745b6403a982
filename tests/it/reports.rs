//! Reports: what people ask over many tickets, answered from the record.

use serde_json::{Value, json};

use super::world::{World, days, fingerprint, labels, minutes, on_both, until};

/// Fires one alert of a service.
async fn fires(w: &World, service: &str) -> String {
    let alert = labels("HighErrorRate", service, &format!("{service}-1"), "critical");
    let answer = w.alertmanager().fires(&[alert]).await.done();
    answer["tickets"][0].as_str().expect("a ticket").to_owned()
}

async fn resolves(w: &World, service: &str) {
    let alert = labels("HighErrorRate", service, &format!("{service}-1"), "critical");
    w.alertmanager().resolves(&[alert]).await.done();
}

async fn report(w: &World, name: &str) -> Value {
    w.person("aud").gets(&format!("/api/v1/reports/{name}")).await.done()
}

/// Of each row, the ticket and one more member.
fn rows(report: &Value, member: &str) -> Vec<(String, Value)> {
    let rows = report["rows"].as_array().into_iter().flatten();
    rows.map(|r| (r["ticket"].as_str().unwrap_or_default().to_owned(), r[member].clone())).collect()
}

async fn false_alarm(w: &World, inc: &str) {
    let ana = w.person("ana");
    ana.acknowledges(inc).await.done();
    ana.takes("false_positive", inc, json!({ "reason": "The probe was wrong." })).await.done();
}

// proves: ALR-04, INC-24
async fn every_closed_alert_says_what_it_was_and_every_end_who_confirmed_it(w: &mut World) {
    let (ana, mia) = (w.person("ana"), w.person("mia"));
    let noise = fires(w, "search").await;
    false_alarm(w, &noise).await;
    for (service, disposition) in [("checkout", "remediated"), ("mail", "benign")] {
        let inc = fires(w, service).await;
        ana.acknowledges(&inc).await.done();
        w.readies(&inc, disposition).await;
        // Without it, nothing closes.
        mia.sets(&inc, json!({ "disposition": null })).await.done();
        mia.closes(&inc, "Done.").await.refused("FieldMissing").about(&["disposition"]);
        mia.sets(&inc, json!({ "disposition": disposition })).await.done();
        mia.closes(&inc, "Done.").await.done();
    }
    fires(w, "billing").await;
    let by_hand = ben_declares_a_false_alarm(w).await;
    let told = report(w, "dispositions").await;
    assert_eq!(
        told["summary"],
        json!({ "closed": 3, "by_disposition": { "false-positive": 1, "remediated": 1, "benign": 1 }, "without": 0 }),
    );
    let told = report(w, "service-restored").await;
    assert_eq!((&told["summary"], &told["rows"]), (&json!({ "confirmed": 2, "waived_with_reason": 2, "neither": 0 }), &json!([])));
    // Who confirmed it is a person, named in the event; who waived it said why.
    for inc in ["INC-000002", "INC-000003"] {
        let events = w.events(inc).await;
        let recovered = events.iter().find(|e| e["data"]["to"] == "recovered").expect("it recovered");
        assert_eq!((&recovered["actor"]["id"], &recovered["texts"]["line"]), (&json!(ana.id), &json!("Back; an order went through.")));
    }
    for inc in [noise, by_hand] {
        let events = w.events(&inc).await;
        let waived = events.iter().find(|e| e["data"]["transition"] == "false_positive").expect("it was false");
        assert!(waived["texts"]["reason"].as_str().is_some_and(|r| !r.is_empty()));
    }
}
on_both!(every_closed_alert_says_what_it_was_and_every_end_who_confirmed_it);

async fn ben_declares_a_false_alarm(w: &World) -> String {
    let inc = w.person("ben").declares("Odd noise", "sev4").await;
    false_alarm(w, &inc).await;
    inc
}

// proves: ALR-05
async fn how_long_alerts_took_is_known_to_the_millisecond_and_late_ones_are_told(w: &mut World) {
    // Alerts of this world began at 09:58; it is ten o'clock.
    let ana = w.person("ana");
    let first = fires(w, "checkout").await;
    w.advance(minutes(5)).await;
    ana.acknowledges(&first).await.done();
    w.advance(minutes(15)).await;
    let second = fires(w, "mail").await;
    w.advance(minutes(10)).await;
    ana.acknowledges(&second).await.done();
    ana.contains(&second, "Held back.").await.done();
    let told = report(w, "latency").await;
    let two = |p50: i64, p90: i64| json!({ "count": 2, "p50": p50, "p90": p90, "p99": p90, "max": p90 });
    let summary = &told["summary"];
    assert_eq!(summary["alert_fired_to_received_ms"], two(120_000, 1_320_000), "{told}");
    assert_eq!(summary["received_to_ticket_created_ms"], two(0, 0));
    assert_eq!(summary["ticket_created_to_acknowledged_ms"], two(300_000, 600_000));
    let late = &told["rows"];
    let alert = labels("HighErrorRate", "mail", "mail-1", "critical");
    assert_eq!(rows(&told, "delay_seconds"), [(second.clone(), json!(1320))]);
    assert_eq!(late[0]["fingerprint"], json!(fingerprint(&alert)));
    assert_eq!((&late[0]["alert_fired_at"], &late[0]["received_at"]), (&at("09:58"), &at("10:20")));
    assert_eq!(late[0]["ticket_created_at"], at("10:20"));
    // A period holds what was recorded in it.
    let later = w.person("aud").gets("/api/v1/reports/latency?from=2026-03-02T10:10:00Z").await.done();
    assert_eq!(later["summary"]["alert_fired_to_received_ms"]["count"], 1);
    let earlier = w.person("aud").gets("/api/v1/reports/latency?to=2026-03-02T10:10:00Z").await.done();
    assert_eq!((&earlier["summary"]["late_deliveries"], &earlier["rows"]), (&json!(0), &json!([])));
}
on_both!(how_long_alerts_took_is_known_to_the_millisecond_and_late_ones_are_told);

fn at(time: &str) -> Value {
    json!(format!("2026-03-02T{time}:00.000000Z"))
}

// proves: ALR-06
async fn what_the_tools_say_and_what_we_say_is_held_against_each_other(w: &mut World) {
    let ana = w.person("ana");
    let still_firing = fires(w, "a").await;
    false_alarm(w, &still_firing).await;
    let over = fires(w, "b").await;
    ana.acknowledges(&over).await.done();
    resolves(w, "b").await;
    fires(w, "c").await;
    let agreed = fires(w, "d").await;
    resolves(w, "d").await;
    false_alarm(w, &agreed).await;
    ana.declares("No alert at all", "sev3").await;
    let told = report(w, "mismatches").await;
    assert_eq!(told["summary"], json!({ "closed_while_firing": 1, "open_while_resolved": 1 }));
    assert_eq!(rows(&told, "mismatch"), [(still_firing, json!("closed while firing")), (over.clone(), json!("open while resolved"))]);
    ana.takes("false_positive", &over, json!({ "reason": "It went away by itself." })).await.done();
    resolves(w, "a").await;
    assert_eq!(report(w, "mismatches").await["rows"], json!([]));
}
on_both!(what_the_tools_say_and_what_we_say_is_held_against_each_other);

// proves: REC-14
async fn whatever_way_it_came_in_the_record_says_so_and_what_came_late_is_told(w: &mut World) {
    let ana = w.person("ana");
    let console = w.signed_in("ben").await;
    let alert = fires(w, "checkout").await;
    let by_key = ana.declares("Just now", "sev3").await;
    let answer = console.submits("/console/declare/incident", &[("field.title", "From the desk"), ("field.severity", "sev4")]).await;
    assert!(answer.status < 400, "{}", answer.text());
    let by_form = "INC-000003";
    // Told by telephone an hour ago, and written down now.
    let body = json!({ "kind": "incident", "fields": { "title": "Told on the telephone" }, "occurred_at": "2026-03-02T09:00:00Z" });
    let late = ana.posts("/api/v1/tickets", body).await.number();
    w.advance(minutes(20)).await;
    let late_alert = fires(w, "mail").await;
    for (ticket, intake) in [(&alert, "alert"), (&by_key, "api"), (&by_form.to_owned(), "console"), (&late, "api"), (&late_alert, "alert")]
    {
        let opened = w.events(ticket).await.remove(0);
        assert_eq!((&opened["kind"], &opened["data"]["intake"]), (&json!("TicketOpened"), &json!(intake)), "{ticket}");
        // The story's clock stood still between the two: it was recorded as it came.
        assert_eq!(opened["data"]["received_at"], opened["at"], "{ticket}");
    }
    let told = report(w, "intake").await;
    assert_eq!(told["summary"]["opened_by_channel"], json!({ "alert": 2, "api": 2, "console": 1 }));
    assert_eq!(rows(&told, "delay_seconds"), [(late, json!(3600)), (late_alert, json!(1320))]);
    assert_eq!(told["rows"][0]["intake"], "api");
}
on_both!(whatever_way_it_came_in_the_record_says_so_and_what_came_late_is_told);

// proves: INC-22
async fn an_incident_without_any_alert_or_reason_is_found(w: &mut World) {
    let ana = w.person("ana");
    fires(w, "checkout").await;
    let bare = ana.declares("Nobody knows how", "sev3").await;
    let explained = ana.declares("Somebody called", "sev3").await;
    ana.explains_no_link(&explained, "alert", "A customer called before any alarm.").await.done();
    let pointed = ana.declares("Seen on a wall", "sev3").await;
    for (link, target) in [
        ("alert", "https://monitoring.example.com/alerts/7"),
        ("dashboard", "https://monitoring.example.com/d/checkout"),
        ("dr_test", "DR-2026-1"),
        ("change", "CHG-41 of the old system"),
        ("vuln", "CVE-2026-0001"),
    ] {
        ana.posts(&format!("/api/v1/tickets/{pointed}/links"), json!({ "link": link, "target": target })).await.done();
    }
    let told = report(w, "unlinked").await;
    assert_eq!(rows(&told, "status"), [(bare.clone(), json!("open"))]);
    assert_eq!(
        told["summary"],
        json!({
            "incidents": 4, "without_alert_or_reason": 1,
            "links": { "alert": 1, "dashboard": 1, "dr_test": 1, "change": 1, "vuln": 1 },
        }),
    );
    ana.explains_no_link(&bare, "alert", "Found by chance.").await.done();
    assert_eq!(report(w, "unlinked").await["rows"], json!([]));
}
on_both!(an_incident_without_any_alert_or_reason_is_found);

/// Where a file of the attachments' store lies that holds these bytes.
fn stored(w: &World, bytes: &[u8]) -> std::path::PathBuf {
    let mut folders = vec![w.path("attachments")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if std::fs::read(entry.path()).expect("a file") == bytes {
                return entry.path();
            }
        }
    }
    panic!("nothing holds these bytes");
}

// proves: FIL-11
async fn missing_evidence_and_damaged_files_are_listed_and_nothing_else(w: &mut World) {
    let ana = w.person("ana");
    let whole = fires(w, "whole").await;
    let gaps = fires(w, "gaps").await;
    for inc in [&whole, &gaps] {
        ana.acknowledges(inc).await.done();
        ana.contains(inc, "Held.").await.done();
        ana.eradicates(inc, "Gone.").await.done();
        ana.files(inc, &format!("{inc}.txt"), inc.as_bytes(), Some("contain"), None).await.done();
    }
    ana.waives_evidence(&whole, "eradicate", "It is in version control.").await.done();
    for text in ["kept", "to be lost", "to be changed"] {
        ana.files(&gaps, "notes.txt", text.as_bytes(), None, None).await.done();
    }
    let before = report(w, "evidence-gaps").await;
    assert_eq!(rows(&before, "gap"), [(gaps.clone(), json!("evidence is owed"))]);
    assert_eq!((&before["rows"][0]["phase"], &before["summary"]["files_read"]), (&json!("eradicate"), &json!(5)));
    std::fs::remove_file(stored(w, b"to be lost")).expect("a file is lost");
    let changed = stored(w, b"to be changed");
    let mut permissions = std::fs::metadata(&changed).expect("a file").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    std::fs::set_permissions(&changed, permissions).expect("a file can be made writable");
    std::fs::write(&changed, b"to be changeD").expect("a file is changed");
    let told = report(w, "evidence-gaps").await;
    let found = [json!("evidence is owed"), json!("the file is missing"), json!("the file is damaged")].map(|gap| (gaps.clone(), gap));
    assert_eq!(rows(&told, "gap"), found);
    assert_eq!((&told["rows"][1]["file"], &told["rows"][2]["file"]), (&json!(3), &json!(4)));
    w.person("ana").gets("/api/v1/reports/evidence-gaps").await.refused("NotAllowed").with_status(403);
}
on_both!(missing_evidence_and_damaged_files_are_listed_and_nothing_else);

async fn a_report_that_is_not_there_names_those_that_are(w: &mut World) {
    let aud = w.person("aud");
    let listed = aud.gets("/api/v1/reports").await.done();
    let names: Vec<&str> = listed["reports"].as_array().into_iter().flatten().filter_map(|r| r["report"].as_str()).collect();
    assert_eq!(names.len(), 16, "{names:?}");
    for name in &names {
        let told = report(w, name).await;
        assert_eq!((&told["report"], &told["as_of"]["position"]), (&json!(name), &json!(w.size().await)));
        assert!(told["summary"].is_object() && told["rows"].is_array(), "{told}");
    }
    aud.gets("/api/v1/reports/weather")
        .await
        .refused("NotFound")
        .with_status(404)
        .says("There are: approvals, combined-roles, corrective-actions, deployments, dispositions, evidence-gaps");
    aud.gets("/api/v1/reports/intake?from=yesterday").await.refused("BadRequest").about(&["from"]);
    aud.gets("/api/v1/reports/intake?from=2026-03-03T00:00:00Z&to=2026-03-02T00:00:00Z").await.refused("BadRequest").about(&["from"]);
    aud.gets("/api/v1/reports/intake?at=2026-03-03T00:00:00Z").await.refused("BadRequest").about(&["at"]).says("Known: from, to.");
    aud.gets("/api/v1/reports/roles?at=2030-01-01T00:00:00Z").await.refused("BadRequest").about(&["at"]).says("future");
    w.person("nil").gets("/api/v1/reports/intake").await.refused("NotAllowed");
}
on_both!(a_report_that_is_not_there_names_those_that_are);

// proves: REC-16
async fn what_happened_six_years_ago_is_found(w: &mut World) {
    let ana = w.person("ana");
    let old = ana.declares("Long ago", "sev4").await;
    w.advance(minutes(7)).await;
    ana.notes(&old, "The cable was cut.").await.done();
    ana.takes("false_positive", &old, json!({ "reason": "A drill." })).await.done();
    w.advance(days(6 * 365 + 1)).await;
    let new: Vec<String> = (0..3).map(|n| format!("Nowadays {n}")).collect();
    for title in &new {
        let inc = ana.declares(title, "sev4").await;
        w.person("mia").takes("void", &inc, json!({ "reason": "A drill." })).await.done();
    }
    let aud = w.person("aud");
    let day = "from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z";
    let found = aud.gets(&format!("/api/v1/events?{day}&kind=TransitionTaken&actor={}", ana.id)).await.done();
    let history = aud.gets(&format!("/api/v1/tickets/{old}/events")).await.done();
    assert_eq!(found["events"].as_array().map(Vec::len), Some(1), "{found}");
    let event = &found["events"][0];
    assert_eq!((&event["ticket"], &event["data"]["transition"], &event["at"]), (&json!(old), &json!("false_positive"), &at("10:07")));
    assert_eq!(found["next"], Value::Null);
    let noted = history["events"].as_array().into_iter().flatten().find(|e| e["kind"] == "NoteAdded").cloned();
    assert_eq!(noted.expect("the note")["texts"]["note"], "The cable was cut.");
    assert!(w.now().seconds() - 6 * 365 * 86_400 > countersign::env::Timestamp::parse("2026-03-02T10:00:00Z").expect("a time").seconds());
    // In pages, each event once.
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = aud.gets(&format!("/api/v1/events?kind=TicketOpened&limit=2{after}")).await.done();
        all.extend(page["events"].as_array().into_iter().flatten().map(|e| e["ticket"].clone()));
        match &page["next"] {
            Value::Null => break,
            next => after = format!("&after={next}"),
        }
    }
    assert_eq!(all, (1..=4).map(|n| json!(format!("INC-{n:06}"))).collect::<Vec<_>>());
    aud.gets("/api/v1/events?status=open").await.refused("BadRequest").says("Known: from, to, kind, actor, after, limit.");
    w.person("nil").gets("/api/v1/events").await.refused("NotAllowed");
}
on_both!(what_happened_six_years_ago_is_found);

// proves: ALR-10
async fn a_tool_that_falls_silent_becomes_an_incident_and_its_return_is_recorded(w: &mut World) {
    let pulse = "[[source]]\nname = \"pulse\"\nformat = \"generic\"\nauth = \"none\"\nheartbeat = \"10m\"\n\
                 mapping = { alert_id = \"body.id\", title = \"body.title\", severity = \"body.severity\" }\n";
    w.settings = format!("{pulse}{}", w.settings);
    w.stops().await;
    w.starts().await;
    let tool = super::world::Tool { path: "/hooks/pulse".to_owned(), ..w.tool("lab") };
    let beat = json!({ "id": "pulse", "title": "Still here", "severity": "info" });
    tool.posts(beat.clone()).await.done();
    w.advance(minutes(9)).await;
    tool.posts(beat.clone()).await.done();
    w.advance(minutes(9)).await;
    w.looks_for_silence().await;
    assert_eq!(w.log_of("TicketOpened").await, Vec::<Value>::new(), "it was heard nine minutes ago");
    w.advance(minutes(2)).await;
    w.looks_for_silence().await;
    until("the silence is an incident", async || !w.log_of("TicketOpened").await.is_empty()).await;
    let aud = w.person("aud");
    let shown = aud.sees("INC-000001").await;
    assert_eq!((&shown["title"], &shown["alerts"]["firing"]), (&json!("pulse has fallen silent"), &json!(1)));
    assert!(!shown["clocks"]["acknowledge"]["due"].is_null());
    tool.posts(beat).await.done();
    w.looks_for_silence().await;
    until("it is heard again", async || aud.sees("INC-000001").await["alerts"]["firing"] == 0).await;
    assert_eq!(w.log_of("TicketOpened").await.len(), 1, "one silence, one incident");
}
on_both!(a_tool_that_falls_silent_becomes_an_incident_and_its_return_is_recorded);
