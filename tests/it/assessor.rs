//! What an assessor asks for on the day: the log of changes, one change from end to end, what is promised; on every surface.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use countersign::env::Timestamp;
use countersign::procedure::targets;
use serde_json::{Value, json};

use super::controls::approved;
use super::slack::hand::Hand;
use super::world::change::assessed;
use super::world::slack::FakeSlack;
use super::world::{World, days, hours, on_both};

/// Ana's hand in Slack.
async fn in_slack(w: &mut World) -> (FakeSlack, String) {
    let slack = w.uses_slack().await;
    let user = slack.joins("ana");
    w.links("ana", &user).await;
    (slack, user)
}

/// Changes in the ledger from a moment on, counted in its events.
async fn opened_since(w: &World, from: countersign::env::Timestamp) -> usize {
    let opened = w.log_of("TicketOpened").await;
    opened.iter().filter(|e| e["data"]["ticket_kind"] == "change" && e["at"].as_str() >= Some(from.to_string().as_str())).count()
}

// proves: CHG-29
async fn the_log_of_changes_counts_what_the_ledger_counts_on_every_surface(w: &mut World) {
    let (slack, user) = in_slack(w).await;
    let many: usize = std::env::var("COUNTERSIGN_CHANGES").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    w.opens_many("change", many / 3).await;
    w.opens_many("exception", 5).await;
    w.advance(days(200)).await;
    w.opens_many("change", many - many / 3).await;
    w.person("ana").declares("No change at all", "sev4").await;
    let six_months_ago = countersign::ticket::period::since("6mo", w.now()).expect("a length");
    let direct = opened_since(w, six_months_ago).await;
    assert_eq!(direct, many - many / 3);
    let begun = Instant::now();
    let told = w.person("aud").gets("/api/v1/reports/log?kind=change&since=6mo").await.done();
    let took = begun.elapsed();
    println!("{many} changes, {direct} of six months: {took:?}");
    // A figure of the load run (`COUNTERSIGN_CHANGES`), which nothing else runs beside; a story among others measures nothing.
    assert!(many < 50_000 || took < Duration::from_secs(5), "{took:?}");
    assert_eq!(told["summary"]["count"], json!(direct));
    let left_out = usize::try_from(told["rows_left_out"].as_u64().expect("a number")).expect("a size");
    let numbers: BTreeSet<&str> = told["rows"].as_array().into_iter().flatten().filter_map(|r| r["ticket"].as_str()).collect();
    assert_eq!(numbers.len() + left_out, direct, "each once");
    assert!(numbers.iter().all(|n| n.starts_with("CHG-")));
    let row = &told["rows"][0];
    assert_eq!((&row["type"], &row["status"], &row["opened_by_name"]), (&json!("normal"), &json!("draft"), &json!("ana")));
    let all = w.person("aud").gets("/api/v1/reports/log?kind=change").await.done();
    assert_eq!(all["summary"]["count"], json!(many));
    for (asked, field) in [("kind=chnage", "kind"), ("since=soon", "since"), ("since=-1d", "since"), ("role=x", "role")] {
        w.person("aud").gets(&format!("/api/v1/reports/log?{asked}")).await.refused("BadRequest").about(&[field]);
    }
    w.person("nil").gets("/api/v1/reports/log").await.refused("NotAllowed");
    // In chat, counted in the same way, with the latest few.
    let ana = Hand::of(w, &slack, &user);
    let said = ana.hears("/change log --since 6mo").await;
    assert!(said.contains(&format!("{direct} changes")) && said.contains(&format!("CHG-{many:06}")), "{said}");
    assert!(ana.hears("/change log").await.contains(&format!("{direct} changes")), "six months unless another time is said");
    assert!(ana.hears("/change log --since 1y").await.contains(&format!("{many} changes")));
    assert!(ana.hears("/change log --since soon").await.contains("How far back?"));
    // A report in chat: what it counts, the first tickets that it names, and the page that has all of them.
    assert!(ana.hears("/countersign report").await.contains("service-restored"));
    let said = ana.hears("/countersign report log").await;
    assert!(said.contains(&format!("{} rows to look at: CHG-{:06}", direct + 1, many / 3 + 1)), "with the incident: {said}");
    assert!(
        said.contains("and others.") && ana.types("/countersign report log").await.to_string().contains("/console/reports/log"),
        "{said}"
    );
    assert!(ana.hears("/countersign report log --since 30d").await.contains("Since"));
    assert!(ana.hears("/countersign report log --since soon").await.contains("How far back?"));
    assert!(ana.hears("/countersign report roles --since 1y").await.contains("takes no period"));
    assert!(ana.hears("/countersign report weather").await.contains("There are: approvals"));
    let nil = slack.joins("nil");
    w.links("nil", &nil).await;
    assert!(!Hand::of(w, &slack, &nil).hears("/countersign report log").await.contains("CHG-"), "whoever may not read hears nothing");
    let page = w.signed_in("aud").await.gets("/console/reports/log?kind=change").await.text();
    assert!(page.contains(&format!("CHG-{many:06}")) || many > 500, "{page}");
    // At the command line, and in what is handed out.
    let day = six_months_ago.to_string()[..10].to_owned();
    let arguments = ["report", "log", "--kind", "change", "--since", &day, "--by", "aud@example.com", "--json"];
    let (code, words) = w.runs(&arguments).await;
    let told: Value = serde_json::from_str(&words).unwrap_or_else(|_| panic!("{words}"));
    assert_eq!((code, &told["summary"]["count"]), (0, &json!(direct)));
    let (code, words) = w.runs(&["report", "log", "--since", "soon", "--by", "aud@example.com"]).await;
    assert!(code == 2 && words.contains("is no time"), "{words}");
    let (code, words) = w.runs(&["report", "weather"]).await;
    assert!(code == 2 && words.contains("There are: approvals"), "{words}");
    if many <= 1_000 {
        w.signed().await;
        w.stops().await;
        let export = ["export", "--kind", "change", "--from", &day, "--by", "aud@example.com", "--folder", "--out", "log"];
        let (code, words) = w.runs(&export).await;
        assert_eq!(code, 0, "{words}");
        let tickets = std::fs::read_to_string(w.path("log/tickets.jsonl")).expect("the tickets");
        // What was still open then belongs to the period as well.
        assert_eq!(tickets.lines().count(), many, "every change on which work went on");
    }
}
on_both!(the_log_of_changes_counts_what_the_ledger_counts_on_every_surface);

// proves: CHG-30
async fn one_change_is_followed_on_one_screen_wherever_one_asks(w: &mut World) {
    w.hires("chi", &["approver"]).await;
    let (slack, user) = in_slack(w).await;
    let chg = approved(w, "Larger pool", "low").await;
    w.advance(hours(24)).await;
    let ben = w.person("ben");
    for step in ["start", "finish"] {
        ben.takes(step, &chg, json!({})).await.done();
    }
    let (code, words_so_far) = w.runs(&["trace", &chg, "--by", "aud@example.com"]).await;
    assert!(code == 1 && words_so_far.contains("Nothing is recorded yet of: verification."), "{words_so_far}");
    for proof in ["before", "after"] {
        ben.files(&chg, "limit.txt", b"max_connections", Some(proof), None).await.done();
    }
    let outcome = json!({ "fields": { "outcome": "The limit shows 200; checkout ran an hour without errors." } });
    w.person("ana").takes("verify", &chg, outcome).await.done();
    w.person("ana").takes("close", &chg, json!({})).await.done();
    let told = w.person("aud").gets(&format!("/api/v1/tickets/{chg}/trace")).await.done();
    assert_eq!((&told["complete"], &told["in_order"], &told["lacks"]), (&json!(true), &json!(true), &json!([])), "{told}");
    let way: Vec<(&str, &str, &str)> = told["entries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|e| {
            (
                e["part"].as_str().unwrap_or_default(),
                e["step"].as_str().or(e["proof"].as_str()).unwrap_or_default(),
                e["name"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        way,
        [
            ("request", "", "ana"),
            ("request", "submit", "ana"),
            ("request", "assess", "ben"),
            ("approval", "approve", "chi"),
            // The step follows from it by itself.
            ("approval", "approve", ""),
            ("implementation", "start", "ben"),
            ("implementation", "finish", "ben"),
            ("verification", "verify", "ana"),
            ("verification", "close", "ana"),
            ("verification", "before", "ben"),
            ("verification", "after", "ben"),
        ]
    );
    assert!(told["entries"].as_array().into_iter().flatten().all(|e| e["at"].is_string()));
    let wanted =
        ["ana asked for it", "chi approved", "ben, “Start”", "ben showed: how it stands now", "Every part is there, in its order."];
    let page = w.signed_in("aud").await.gets(&format!("/console/c/{chg}/trace")).await.text();
    let plain = page.replace("<b>", "").replace("</b>", "");
    let ana = Hand::of(w, &slack, &user);
    let (by_house, by_kind) = (ana.hears(&format!("/countersign trace {chg}")).await, ana.hears(&format!("/change trace {chg}")).await);
    let (code, at_the_line) = w.runs(&["trace", &chg, "--by", "aud@example.com"]).await;
    assert_eq!(code, 0, "{at_the_line}");
    for what in wanted {
        assert!(at_the_line.contains(what), "{what}: {at_the_line}");
        let unmarked = |text: &str| text.replace(['*', '_'], "").replace("  ", " ");
        assert!(unmarked(&by_house).contains(what) && unmarked(&by_kind).contains(what), "{what}: {by_house}");
    }
    for name in ["chi", "ben", "Every part is there"] {
        assert!(plain.contains(name), "{name}: {plain}");
    }
    // What is not done is said to be missing; what has no parts is no way to follow; who may not read learns nothing.
    let half = assessed(w, "New balancer", "other", "low").await;
    let told = w.person("aud").gets(&format!("/api/v1/tickets/{half}/trace")).await.done();
    assert_eq!((&told["complete"], &told["lacks"]), (&json!(false), &json!(["approval", "implementation", "verification"])));
    let inc = w.person("ana").declares("Down", "sev3").await;
    w.person("aud").gets(&format!("/api/v1/tickets/{inc}/trace")).await.refused("NotFound");
    assert!(ana.hears(&format!("/countersign trace {inc}")).await.contains("has no parts to follow"));
    assert!(ana.hears("/countersign trace").await.contains("Which ticket?"));
    w.person("nil").gets(&format!("/api/v1/tickets/{chg}/trace")).await.refused("NotAllowed");
}
on_both!(one_change_is_followed_on_one_screen_wherever_one_asks);

// proves: SLA-01
async fn what_is_promised_reads_back_to_what_counts_in_chat_on_the_web_and_at_the_command_line(w: &mut World) {
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "kinds/incident.yaml" {
            let text = String::from_utf8(bytes.clone()).expect("text").replace("sev1: 15m, sev2: 30m", "sev1: 10m, sev2: 1h30m");
            *bytes = text.into_bytes();
        }
    }
    w.adopts(files.clone(), "We promise more now.").await;
    let (slack, user) = in_slack(w).await;
    let library = countersign::procedure::load(files).unwrap_or_else(|_| panic!("the playbooks load"));
    let live = targets::targets(&library);
    let read = |text: &str| -> Vec<targets::Target> { text.lines().filter_map(targets::parse).collect() };
    let told = w.person("aud").gets("/api/v1/targets").await.done();
    let lines: Vec<&str> = told["lines"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(read(&lines.join("\n")), live);
    assert_eq!(told["procedures"]["incident"], json!(library.kinds["incident"].digest), "as of which version");
    let ten = json!({ "kind": "incident", "clock": "acknowledge", "level": "sev1", "due": { "within": { "seconds": 600, "hours": null } }, "end_of_day": false });
    assert!(told["targets"].as_array().into_iter().flatten().any(|t| *t == ten), "{told}");
    // The page, without its marks.
    let page = w.signed_in("aud").await.gets("/console/targets").await.text();
    let cells: Vec<&str> = page.split("<td>").skip(1).filter_map(|cell| cell.split("</td>").next()).collect();
    assert_eq!(read(&cells.join("\n")), live);
    let ana = Hand::of(w, &slack, &user);
    let said = ana.types("/countersign sla incident").await;
    let of_incidents: Vec<&targets::Target> = live.iter().filter(|t| t.kind == "incident").collect();
    let plain = said["text"].as_str().unwrap_or_default();
    assert_eq!(read(plain).iter().collect::<Vec<_>>(), of_incidents, "{said}");
    assert!(ana.hears("/countersign sla weather").await.contains("Nothing is promised of that"));
    let (code, printed) = w.runs(&["playbooks", "targets"]).await;
    assert_eq!((code, read(&printed)), (0, live), "{printed}");
    // What was published once is held against what counts now.
    std::fs::write(w.path("published.txt"), &printed).expect("written");
    assert_eq!(w.runs(&["playbooks", "targets", "--compare", "published.txt"]).await.0, 0);
    std::fs::write(w.path("published.txt"), printed.replace("acknowledge sev1: 10m", "acknowledge sev1: 15m")).expect("written");
    let (code, words) = w.runs(&["playbooks", "targets", "--compare", "published.txt"]).await;
    assert!(code == 1 && words.contains("published, and not so: incident acknowledge sev1: 15m"), "{words}");
    w.person("nil").gets("/api/v1/targets").await.refused("NotAllowed");
}
on_both!(what_is_promised_reads_back_to_what_counts_in_chat_on_the_web_and_at_the_command_line);

// proves: CHG-31
async fn the_policy_is_a_page_made_from_what_counts_and_what_changes_is_shown_when_it_is_adopted(w: &mut World) {
    let files = countersign::procedure::built_in();
    w.adopts(files.clone(), "Our policy as it was signed off.").await;
    let library = countersign::procedure::load(files.clone()).unwrap_or_else(|_| panic!("the playbooks load"));
    let told = w.person("aud").gets("/api/v1/policies/change").await.done();
    let lines: Vec<&str> = told["lines"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(told["procedure"], json!(library.kinds["change"].digest), "versioned by the digest of what was adopted");
    assert!(lines.contains(&"- “Start” comes at least 1d after “Approve”, while `ticket.fields.type == 'normal'`."), "{lines:?}");
    let (code, printed) = w.runs(&["playbooks", "policy"]).await;
    assert_eq!(code, 0, "{printed}");
    assert!(lines.iter().all(|line| printed.lines().any(|l| l == *line)), "the same at the command line: {printed}");
    assert!(printed.contains(told["version"].as_str().expect("a version")));
    assert_eq!(w.runs(&["playbooks", "policy"]).await.1, printed, "made again, it is the same");
    let page = w.signed_in("aud").await.gets("/console/policies/change").await.text();
    assert!(page.contains("Who approves it") && page.contains("comes at least 1d after"), "{page}");
    std::fs::write(w.path("signed.txt"), &printed).expect("written");
    assert_eq!(w.runs(&["playbooks", "policy", "--compare", "signed.txt"]).await.0, 0);
    // Somebody adopts another lead: the page says so, and is no longer what was signed off.
    let other = files.into_iter().map(|(path, bytes)| {
        let text = String::from_utf8(bytes).expect("text");
        (path, text.replace("lead: 24h", "lead: 48h").into_bytes())
    });
    w.adopts(other.collect(), "Two days are needed now.").await;
    let (code, words) = w.runs(&["playbooks", "policy", "playbooks", "--compare", "signed.txt"]).await;
    assert!(
        code == 1 && words.contains("no longer: - “Start” comes at least 1d") && words.contains("new: - “Start” comes at least 2d"),
        "{words}"
    );
    assert_eq!(words.lines().count(), 2, "{words}");
    let now = w.person("aud").gets("/api/v1/policies/change").await.done();
    assert_ne!((&now["version"], &now["procedure"]), (&told["version"], &told["procedure"]));
    w.person("aud").gets("/api/v1/policies/weather").await.refused("NotFound");
    w.person("nil").gets("/api/v1/policies/change").await.refused("NotAllowed");
}
on_both!(the_policy_is_a_page_made_from_what_counts_and_what_changes_is_shown_when_it_is_adopted);

// proves: CHG-07
async fn a_thousand_changes_asked_for_at_once_have_each_its_own_number_without_a_gap(w: &mut World) {
    w.opens_many("change", 1_000).await;
    let opened = w.log_of("TicketOpened").await;
    let numbers: BTreeSet<&str> = opened.iter().filter_map(|e| e["ticket"].as_str()).collect();
    let wanted: Vec<String> = (1..=1_000).map(|n| format!("CHG-{n:06}")).collect();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), wanted);
    // The number came with the event that opened it: as its first revision.
    assert!(opened.len() == 1_000 && opened.iter().all(|e| e["rev"] == 1));
    assert_eq!(
        w.person("ana").posts("/api/v1/tickets", json!({ "kind": "change", "fields": { "title": "One more" } })).await.number(),
        "CHG-001001"
    );
}
on_both!(a_thousand_changes_asked_for_at_once_have_each_its_own_number_without_a_gap);

// proves: BGL-02
async fn emergency_use_is_asked_for_in_one_command_and_recorded_and_told_at_once(w: &mut World) {
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(b"systems: { prod-db: { title: Orders, owner: ora@example.com, roles: { admin: { title: All, most: 8h, privileged: true } }, break_glass: 4h } }\n");
        }
    }
    w.adopts(files, "Emergency use is allowed there.").await;
    w.hires("ora", &["system-owner"]).await;
    w.hires("sec", &["security-officer"]).await;
    let (slack, user) = in_slack(w).await;
    let ana = Hand::of(w, &slack, &user);
    ana.types("/breakglass kill the blocking query").await;
    let form = ana.form();
    let shown = form.to_string();
    assert!(shown.contains("kill the blocking query") && shown.contains("\"initial_option\"") && shown.contains("break-glass"), "{shown}");
    let why = "Payments hang; a blocking query must be killed on prod-db now.";
    let until = w.now().plus(hours(2)).to_string();
    let fields = json!({
        "title": "Kill the blocking query", "type": "break-glass", "system": "prod-db", "role": "admin", "requested_for": w.id_of("ana"),
        "justification": why, "expires_at": until,
    });
    let person = w.person("ana");
    let mut nothing_said = fields.clone();
    nothing_said["justification"] = json!(null);
    person
        .posts("/api/v1/tickets", json!({ "kind": "access", "fields": nothing_said }))
        .await
        .refused("FieldMissing")
        .about(&["justification"]);
    let mut too_long = fields.clone();
    too_long["expires_at"] = json!(w.now().plus(hours(5)).to_string());
    person.posts("/api/v1/tickets", json!({ "kind": "access", "fields": too_long })).await.refused("NotOffered");
    let asked = w.now();
    let acc = person.posts("/api/v1/tickets", json!({ "kind": "access", "fields": fields })).await.number();
    w.person("sec").takes("grant", &acc, json!({ "line": "Given." })).await.done();
    // Reason, scope and start stand in the record; whoever answers for security heard of it in the same commit.
    let events = w.events(&acc).await;
    let opened = &events[0];
    assert_eq!((&opened["data"]["fields"]["system"], &opened["data"]["fields"]["role"]), (&json!("prod-db"), &json!("admin")));
    assert_eq!(opened["texts"]["field.justification"], json!(why));
    let granted = events.iter().find(|e| e["data"]["transition"] == "grant").expect("it began");
    let at = |event: &Value| Timestamp::parse(event["at"].as_str().expect("a moment")).expect("a moment");
    assert!([opened, granted].iter().all(|event| at(event).since(asked) < Duration::from_secs(1)), "recorded as it was asked for");
    let told: Vec<(&Value, &Value)> =
        events.iter().filter(|e| e["kind"] == "GroupNotified").map(|e| (&e["data"]["group"], &e["at"])).collect();
    assert_eq!(told, [(&json!("approvers"), &granted["at"]), (&json!("security"), &granted["at"])]);
    let waits = w.person("sec").gets(&format!("/api/v1/tickets/{acc}")).await.done()["notified"]["security"].clone();
    assert!(waits["acknowledged_by"].is_null() && !waits["due"].is_null(), "{waits}");
    w.person("sec").posts(&format!("/api/v1/tickets/{acc}/notifications/security/acknowledge"), json!({})).await.done();
}
on_both!(emergency_use_is_asked_for_in_one_command_and_recorded_and_told_at_once);
