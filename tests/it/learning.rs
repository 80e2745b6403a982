//! What is learned from an incident: where it came from, what mended it, and what is done so that it does not come again.

use serde_json::{Value, json};

use super::world::{World, days, on_both};

/// The tickets that a ticket is linked to, by the link's word.
fn linked(ticket: &Value, link: &str) -> Vec<String> {
    let links = ticket["links"].as_array().into_iter().flatten();
    links.filter(|l| l["link"] == link).filter_map(|l| l["to"].as_str()).map(str::to_owned).collect()
}

async fn links(w: &World, who: &str, from: &str, link: &str, to: &str) {
    let body = json!({ "link": link, "to": to });
    w.person(who).posts(&format!("/api/v1/tickets/{from}/links"), body).await.done();
}

// proves: INC-23, RCA-01
async fn an_incident_closes_with_its_cause_and_what_mended_it_and_the_way_leads_in_both_directions(w: &mut World) {
    let (ana, mia) = (w.person("ana"), w.person("mia"));
    let change = |title: &str| json!({ "kind": "change", "fields": { "title": title, "category": "configuration", "system": "other" } });
    let before = ana.posts("/api/v1/tickets", change("Smaller pool")).await.number();
    let after = ana.posts("/api/v1/tickets", change("Larger pool")).await.number();
    let inc = ana.declares("Checkout is slow", "sev2").await;
    ana.acknowledges(&inc).await.done();
    w.readies(&inc, "remediated").await;
    let refused = async |code: &str, words: &str| {
        w.person("mia").closes(&inc, "Fixed, and confirmed.").await.refused(code).says(words);
    };
    // The analysis in words, and its category.
    for field in ["root_cause", "class"] {
        let whole = mia.sees(&inc).await["fields"][field].clone();
        mia.sets(&inc, json!({ field: null })).await.done();
        mia.closes(&inc, "Fixed.").await.refused("FieldMissing").about(&[field]);
        mia.sets(&inc, json!({ field: whole })).await.done();
    }
    // Whatever the story's helper said instead of links is taken back: a link, or a reason, but not nothing.
    let seen = ana.sees(&inc).await;
    for link in seen["links"].as_array().into_iter().flatten() {
        let word = link["link"].as_str().unwrap_or_default();
        if ["caused_by", "remediated_by"].contains(&word) {
            let path = format!("/api/v1/tickets/{inc}/links/{}/remove", link["id"]);
            ana.posts(&path, json!({ "reason": "We know more now." })).await.done();
        }
    }
    refused("LinkMissing", "caused by").await;
    links(w, "ana", &inc, "caused_by", &before).await;
    refused("LinkMissing", "remediated by").await;
    links(w, "ana", &inc, "remediated_by", &after).await;
    ana.posts(&format!("/api/v1/tickets/{inc}/links"), json!({ "link": "caused_by", "to": inc })).await.refused("BadRequest");
    ana.posts(&format!("/api/v1/tickets/{inc}/links"), json!({ "link": "caused_by", "to": before })).await.refused("NothingToDo");
    mia.closes(&inc, "Fixed, and confirmed.").await.done();
    // From the change to what it caused, and from what mended it to what it mended.
    let seen = ana.sees(&inc).await;
    assert_eq!((linked(&seen, "caused_by"), linked(&seen, "remediated_by")), (vec![before.clone()], vec![after.clone()]));
    assert_eq!(linked(&ana.sees(&before).await, "caused"), [inc.as_str()]);
    assert_eq!(linked(&ana.sees(&after).await, "remediates"), [inc.as_str()]);
}
on_both!(an_incident_closes_with_its_cause_and_what_mended_it_and_the_way_leads_in_both_directions);

async fn a_corrective_action_has_an_owner_a_day_and_somebody_elses_word_that_it_helped(w: &mut World) {
    w.hires("sec", &["security-officer"]).await;
    let (ana, sec) = (w.person("ana"), w.person("sec"));
    let inc = ana.declares("Disk full", "sev3").await;
    let act = ana
        .posts("/api/v1/tickets", json!({ "kind": "corrective-action", "fields": { "title": "Rotate logs everywhere" } }))
        .await
        .number();
    links(w, "ana", &inc, "corrected_by", &act).await;
    assert_eq!(linked(&ana.sees(&act).await, "corrects"), [inc.as_str()]);
    // Somebody takes it on, until a day ahead.
    ana.takes("start", &act, json!({})).await.refused("FieldMissing");
    let description = "Rotate logs on all hosts by the base role, and alert at 80 % of the disk.";
    let past = json!({ "fields": { "description": description, "due": w.now().minus(days(1)).to_string() } });
    ana.takes("start", &act, past).await.refused("NotInTheFuture");
    let ahead = json!({ "fields": { "description": description, "due": w.now().plus(days(10)).to_string() } });
    ana.takes("start", &act, ahead).await.done();
    assert_eq!(ana.sees(&act).await["owner"], json!(ana.id));
    sec.takes("finish", &act, json!({ "fields": { "result": "Rotation runs on all 14 hosts." } })).await.refused("NotAllowed");
    // Late is said, and taken to others.
    w.advance(days(11)).await;
    w.tick().await;
    let late = w.events(&act).await;
    assert!(late.iter().any(|e| e["kind"] == "ClockBreached") && late.iter().any(|e| e["kind"] == "Escalated"));
    let result = json!({ "fields": { "result": "Rotation runs on all 14 hosts; the alert fired in a test on 9 March." } });
    ana.takes("finish", &act, result).await.done();
    ana.takes("verify", &act, json!({ "line": "It helps." })).await.refused("DutiesApart").with_status(403);
    sec.takes("verify", &act, json!({ "line": "Looked at three hosts." })).await.done();
    let closed = ana.sees(&act).await;
    assert_eq!((&closed["status"], &closed["owner"]), (&json!("closed"), &json!(ana.id)));
    let verified = w.events(&act).await.into_iter().rfind(|e| e["kind"] == "TransitionTaken").expect("a step");
    assert_ne!(verified["actor"]["id"], closed["owner"]);
}
on_both!(a_corrective_action_has_an_owner_a_day_and_somebody_elses_word_that_it_helped);

// proves: INC-13, RCA-02
async fn a_serious_incident_is_reviewed_and_what_follows_is_tracked_or_said_to_be_nothing(w: &mut World) {
    let (ana, mia) = (w.person("ana"), w.person("mia"));
    let small = ana.declares("A typo", "sev4").await;
    ana.acknowledges(&small).await.done();
    w.readies(&small, "remediated").await;
    assert_eq!(linked(&ana.sees(&small).await, "reviewed_by"), Vec::<String>::new());
    let inc = ana.declares("Everything is down", "sev1").await;
    ana.acknowledges(&inc).await.done();
    w.readies_but_for_the_review(&inc, "remediated").await;
    let review = linked(&ana.sees(&inc).await, "reviewed_by").pop().expect("its review");
    let opened = ana.sees(&review).await;
    assert_eq!((&opened["fields"]["type"], linked(&opened, "reviews")), (&json!("post-incident"), vec![inc.clone()]));
    mia.takes("complete", &review, json!({ "fields": { "findings": "ok", "outcome": "wrong" } })).await.refused("BadFields");
    let found = json!({ "fields": { "findings": "The disk filled because log rotation was off on one host; the alert came late.", "outcome": "improve" } });
    mia.takes("complete", &review, found.clone()).await.refused("LinkMissing").says("corrected by");
    let act = ana.posts("/api/v1/tickets", json!({ "kind": "corrective-action", "fields": { "title": "Rotate logs" } })).await.number();
    links(w, "mia", &review, "corrected_by", &act).await;
    mia.takes("complete", &review, found.clone()).await.refused("RecordMissing").says("must be taken on by somebody");
    mia.closes(&inc, "Fixed.").await.refused("RecordMissing").says("post-incident review comes first");
    let taken_on = json!({ "fields": {
        "description": "Rotate logs on all hosts by the base role, and alert at 80 % of the disk.", "due": w.now().plus(days(10)).to_string(),
    } });
    ana.takes("start", &act, taken_on).await.done();
    mia.takes("complete", &review, found).await.done();
    mia.closes(&inc, "Fixed.").await.done();
    // What is open is told by incident, by whichever way it follows from it.
    let open = w.person("aud").gets("/api/v1/reports/corrective-actions").await.done();
    assert_eq!((&open["summary"]["open"], &open["summary"]["by_incident"]), (&json!(1), &json!({ inc.as_str(): 1 })), "{open}");
    let row = &open["rows"][0];
    assert_eq!((&row["ticket"], &row["of"], &row["via"]), (&json!(act), &json!([inc]), &json!([review])));
    assert_eq!((&row["accepted"], &row["owner_name"], &row["overdue"]), (&json!(true), &json!("ana"), &json!(false)));
    // Overdue ones are told: here nobody ever looked at the second.
    let second = ana.declares("Down again", "sev1").await;
    ana.acknowledges(&second).await.done();
    w.readies_but_for_the_review(&second, "remediated").await;
    let late = linked(&ana.sees(&second).await, "reviewed_by").pop().expect("its review");
    let due = ana.sees(&late).await["fields"]["due"].clone();
    assert_eq!(due, json!(w.now().plus(days(5)).to_string()), "it has a day");
    w.advance(days(6)).await;
    w.tick().await;
    let reviews = w.person("aud").gets("/api/v1/reports/reviews").await.done();
    assert_eq!(reviews["summary"], json!({ "by_status": { "completed": 1, "open": 1 }, "overdue": 1 }));
    let row = &reviews["rows"][0];
    assert_eq!(
        (&row["ticket"], &row["of"], &row["due"], &row["overdue"], &row["days_late"]),
        (&json!(late), &json!([second]), &due, &json!(true), &json!(1))
    );
    let page = w.signed_in("aud").await.gets("/console/reports/reviews").await.text();
    assert!(page.contains(&late) && page.contains("Overdue") && page.contains("Days late"), "{page}");
    assert!(w.signed_in("aud").await.gets("/console/").await.text().contains("1 day late"), "and on the board");
    // Waived: with a reason, and not by whoever leads the work.
    ana.posts(&format!("/api/v1/tickets/{second}/lead"), json!({ "person": w.id_of("mia") })).await.done();
    mia.takes("void", &late, json!({ "reason": "The same as the first." }))
        .await
        .refused("DutiesApart")
        .with_status(403)
        .says(&format!("You had a part in {second}"));
    w.person("max").takes("void", &late, json!({})).await.refused("ReasonMissing");
    mia.closes(&second, "Fixed.").await.refused("RecordMissing");
    w.person("max").takes("void", &late, json!({ "reason": "The same disk as last week, reviewed there." })).await.done();
    mia.closes(&second, "Fixed.").await.done();
    assert!(w.events(&late).await.iter().any(|e| e["kind"] == "ClockBreached" && e["data"]["clock"] == "complete"));
}
on_both!(a_serious_incident_is_reviewed_and_what_follows_is_tracked_or_said_to_be_nothing);
