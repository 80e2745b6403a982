//! The console's inbox and lists over HTTP: what waits, what is other than last time, decided in place; and every change of
//! a period.

use serde_json::json;

use super::reviews::{freezes, granted, hands_in, review, with_systems};
use super::world::{World, days, hours, on_both};

async fn asks(w: &World, who: &str, role: &str, until: &str) -> String {
    let fields = json!({
        "title": format!("{role} for {who}"), "system": "prod-db", "role": role, "requested_for": w.id_of(who),
        "justification": "Runs the month-end reports from the orders database each month.", "expires_at": until,
    });
    w.person(who).posts("/api/v1/tickets", json!({ "kind": "access", "fields": fields })).await.number()
}

/// The value of a hidden input of the form that is sent to `action`.
fn hidden(page: &str, action: &str, name: &str) -> String {
    let form = page
        .split("<form ")
        .find(|form| form.contains(&format!("action=\"{action}\"")))
        .unwrap_or_else(|| panic!("no form to {action} in {page}"));
    let at = form.find(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no {name} in {form}")) + name.len() + 15;
    form[at..].split('"').next().unwrap_or_default().to_owned()
}

async fn what_waits_is_decided_in_place_knowing_what_is_other_than_last_time(w: &mut World) {
    with_systems(w, "").await;
    let first = granted(w, "ana", "read").await;
    let acc = asks(w, "ben", "read", &w.now().plus(days(30)).to_string()).await;
    let ora = w.signed_in("ora").await;
    let page = ora.gets("/console/inbox").await.text();
    assert!(page.contains(&acc) && page.contains("Needs your decision"), "{page}");
    assert!(page.contains(&format!("Other than in <a href=\"/console/c/{first}\">{first}</a>")), "{page}");
    assert!(page.contains("Whose access it is: ben (it was ana)") || page.contains("ben (it was ana)"), "{page}");
    let to = format!("/console/c/{acc}/do/decide.approve");
    let (binding, dedupe) = (hidden(&page, &to, "binding"), hidden(&page, &to, "dedupe"));
    let sent = |decision: &'static str, binding: String, dedupe: String| {
        vec![
            ("decision", decision.to_owned()),
            ("reason", "He runs them from now on.".to_owned()),
            ("binding", binding),
            ("dedupe", dedupe),
            ("back", "inbox".to_owned()),
        ]
    };
    let send = async |fields: Vec<(&str, String)>| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        ora.submits(&to, &fields).await
    };
    // Bound to what was shown: something else that was approved is refused, and what was typed stays.
    let stale = send(sent("approve", "0".repeat(64), "other".into())).await;
    assert_eq!(stale.status, 409, "{}", stale.text());
    assert_eq!(send(sent("approve", binding, dedupe)).await.status, 200);
    assert_eq!(w.person("aud").sees(&acc).await["status"], "approved");
    assert!(!ora.gets("/console/inbox").await.text().contains(&to), "it waits no more");
    // Whoever asked for it finds nothing of it there.
    let own = asks(w, "ora", "read", &w.now().plus(days(2)).to_string()).await;
    assert!(!ora.gets("/console/inbox").await.text().contains(&format!("/c/{own}/do/decide")));
    assert_eq!(w.person("nil").gets("/console/inbox").await.status, 403, "default deny");
}
on_both!(what_waits_is_decided_in_place_knowing_what_is_other_than_last_time);

async fn access_that_ends_soon_is_renewed_with_one_press(w: &mut World) {
    with_systems(w, "").await;
    let acc = asks(w, "ana", "read", &w.now().plus(days(3)).to_string()).await;
    super::reviews::approves(w, "ora", &acc).await;
    w.person("sec").takes("grant", &acc, json!({ "line": "Done." })).await.done();
    w.advance(hours(1)).await;
    let ana = w.signed_in("ana").await;
    let page = ana.gets("/console/inbox").await.text();
    let to = format!("/console/c/{acc}/do/step.renew");
    let renewed = ana.submits(&to, &[("dedupe", &hidden(&page, &to, "dedupe")), ("back", "inbox")]).await;
    assert_eq!(renewed.status, 200);
    let seen = w.person("aud").sees(&acc).await;
    let until = seen["fields"]["renew_until"].clone();
    assert!(seen["status"] == "granted" && until.as_str() > seen["fields"]["expires_at"].as_str(), "{seen}");
    assert!(ana.gets("/console/inbox").await.text().contains("Renewal asked for"));
    super::reviews::approves(w, "ora", &acc).await;
    assert_eq!(w.person("aud").sees(&acc).await["fields"]["expires_at"], until, "it goes on");
}
on_both!(access_that_ends_soon_is_renewed_with_one_press);

async fn every_change_of_a_period_and_a_status_is_listed(w: &mut World) {
    let ana = w.person("ana");
    let opens = async |title: &str| ana.posts("/api/v1/tickets", json!({ "kind": "change", "fields": { "title": title } })).await.number();
    let old = opens("An old change").await;
    w.advance(days(200)).await;
    let new = opens("A new change").await;
    let gone = opens("A change that is not wanted").await;
    ana.takes("cancel", &gone, json!({ "reason": "Not wanted any more." })).await.done();
    let aud = w.signed_in("aud").await;
    let page = async |query: &str| aud.gets(&format!("/console/list/change{query}")).await.text();
    let (usual, all, cancelled) = (page("").await, page("?days=0").await, page("?days=365&status=cancelled").await);
    let has = |page: &str, number: &str| page.contains(&format!("{number}</span> <span class=\"row-title\">"));
    let row = |page: &str, number: &str| page.find(&format!("{number}</span> <span class=\"row-title\">"));
    assert!(has(&usual, &new) && has(&usual, &gone) && !has(&usual, &old), "six months unless asked otherwise: {usual}");
    assert!(has(&all, &old) && has(&all, &new));
    assert!(has(&cancelled, &gone) && !has(&cancelled, &new));
    assert!(row(&usual, &gone) < row(&usual, &new), "the latest first");
    assert_eq!(aud.gets("/console/list/nothing").await.status, 404);
    assert_eq!(w.signed_in("nil").await.gets("/console/list/change").await.status, 403);
}
on_both!(every_change_of_a_period_and_a_status_is_listed);

/// With COUNTERSIGN_CHANGES=50000 and `--nocapture` it says how long the server takes for the page.
async fn a_long_list_of_changes_is_read_a_page_at_a_time(w: &mut World) {
    let many: usize = std::env::var("COUNTERSIGN_CHANGES").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    w.opens_many("change", many / 2).await;
    w.advance(days(200)).await;
    w.opens_many("change", many / 2).await;
    let aud = w.signed_in("aud").await;
    let mut took = Vec::new();
    for _ in 0..5 {
        let began = std::time::Instant::now();
        assert!(aud.gets("/console/list/change?days=183").await.text().contains("Older"));
        took.push(began.elapsed());
    }
    took.sort();
    println!("{many} changes, {} on the page of six months: {:?} in the middle of five", many / 2, took[2]);
    assert!(many < 50_000 || took[2].as_millis() < 200, "{took:?}");
    let (mut next, mut seen) = (Some("/console/list/change?days=183".to_owned()), std::collections::BTreeSet::new());
    while let Some(path) = next.filter(|_| seen.len() < 1_000) {
        let page = aud.gets(&path).await.text();
        for row in page.split("<li><a href=\"/console/c/").skip(1).filter(|row| row.contains("row-title")) {
            assert!(seen.insert(row[..10].to_owned()), "{} stands there twice", &row[..10]);
        }
        next = page
            .split("href=\"")
            .skip(1)
            .find(|h| h.contains("before="))
            .map(|h| h.split('"').next().unwrap_or_default().replace("&amp;", "&").replace("&#38;", "&"));
    }
    assert_eq!(seen.len(), (many / 2).min(1_000), "each once, and none of the older ones");
}
on_both!(a_long_list_of_changes_is_read_a_page_at_a_time);

async fn the_lines_of_a_review_are_decided_on_their_page_without_a_script(w: &mut World) {
    with_systems(w, "").await;
    let rev = review(w, json!({})).await;
    let to = format!("/console/c/{rev}/lines");
    let sec = w.signed_in("sec").await;
    assert!(sec.gets(&to).await.text().contains("No list was handed in yet."));
    hands_in(w, "sec", &rev, "prod-db", "account,name\nsvc_a,Job A\nsvc_b,<script>alert(1)</script>\n").await.done();
    freezes(w, &rev).await;
    let ora = w.signed_in("ora").await;
    assert!(ora.gets(&format!("/console/c/{rev}")).await.text().contains("Decide on yours"));
    let page = ora.gets(&format!("{to}?mine=true&open=true")).await.text();
    assert!(page.contains("Job A") && !page.contains("<script>alert"), "{page}");
    let dedupe = hidden(&page, &to, "dedupe");
    let empty = ora.submits(&to, &[("dedupe", "x")]).await;
    assert!(empty.status == 422 && empty.text().contains("Choose keep, revoke or change"), "{}", empty.text());
    let refused =
        ora.submits(&to, &[("dedupe", "y"), ("verdict.1", "keep"), ("verdict.2", "revoke"), ("reason.2", "Gone since May")]).await;
    assert!(refused.status == 422 && refused.text().contains("Gone since May"), "what was typed stays: {}", refused.text());
    assert_eq!(w.log_of("LineDecided").await.len(), 0, "all or none");
    let both = [
        ("dedupe", dedupe.as_str()),
        ("verdict.1", "keep"),
        ("reason.1", "It runs each night"),
        ("verdict.2", "revoke"),
        ("reason.2", "Gone since May"),
    ];
    for _ in 0..2 {
        assert_eq!(ora.submits(&to, &both).await.status, 200);
    }
    assert_eq!(w.log_of("LineDecided").await.len(), 2, "sent twice, recorded once");
    assert!(ora.gets(&format!("{to}?mine=true&open=true")).await.text().contains("Nothing of yours is left to decide."));
    let table = ora.gets(&format!("{to}.csv")).await;
    assert!(table.headers["content-type"].to_str().is_ok_and(|t| t.starts_with("text/csv")) && table.text().contains("Gone since May"));
}
on_both!(the_lines_of_a_review_are_decided_on_their_page_without_a_script);

async fn who_stands_in_for_whom_is_shown_as_long_as_it_counts(w: &mut World) {
    let more = format!(
        "delegations: [{{ of: ora@example.com, by: ben@example.com, roles: [system-owner], from: \"{}\", to: \"{}\" }}]\n",
        w.now(),
        w.now().plus(days(7))
    );
    with_systems(w, &more).await;
    let people = w.signed_in("aud").await.gets("/console/people").await.text();
    assert!(
        people.contains("ben</b> stands in as system owner until") || people.contains("ben</span> stands in as system owner until"),
        "{people}"
    );
    let inbox = w.signed_in("ora").await.gets("/console/inbox").await.text();
    assert!(inbox.contains("stands in for you as system owner until"), "{inbox}");
    let inbox = w.signed_in("ben").await.gets("/console/inbox").await.text();
    assert!(inbox.contains("You stand in for"), "{inbox}");
    w.advance(days(8)).await;
    assert!(!w.signed_in("aud").await.gets("/console/people").await.text().contains("stands in as"), "it is over");
}
on_both!(who_stands_in_for_whom_is_shown_as_long_as_it_counts);
