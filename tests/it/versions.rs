//! Every version of a ticket can be looked at, and two of them compared.

use serde_json::{Value, json};

use super::world::{World, labels, minutes, on_both};

/// Name, before, after and who: what a difference says, in short.
fn short(diff: &Value) -> Vec<(String, Value, Value, Vec<String>)> {
    let one = |change: &Value| {
        let by = change["by"].as_array().into_iter().flatten();
        let by = by.map(|t| t["actor"]["id"].as_str().or(t["actor"]["name"].as_str()).unwrap_or("scheduler").to_owned()).collect();
        (change["field"].as_str().unwrap_or_default().to_owned(), change["before"].clone(), change["after"].clone(), by)
    };
    diff["changes"].as_array().into_iter().flatten().map(one).collect()
}

// proves: REC-19
async fn every_version_is_addressable_and_a_diff_lists_exactly_what_changed(w: &mut World) {
    let (ana, ben, mia, aud) = (w.person("ana"), w.person("ben"), w.person("mia"), w.person("aud"));
    let inc = &ana.declares("Mail is slow", "sev3").await;
    let rev = async || aud.sees(inc).await["rev"].as_i64().expect("a revision");
    let mut seen = vec![aud.sees(inc).await];
    let opened = rev().await;
    w.advance(minutes(1)).await;
    ben.sets(inc, json!({ "root_cause": "A full queue.", "class": "availability/outage" })).await.done();
    seen.push(aud.sees(inc).await);
    ana.notes(inc, "The queue grows.").await.done();
    let noted = rev().await;
    ana.acknowledges(inc).await.done();
    seen.push(aud.sees(inc).await);
    mia.sets(inc, json!({ "root_cause": "A full disk.", "class": null })).await.done();
    ben.sets(inc, json!({ "title": "Mail is down" })).await.done();
    ben.sets(inc, json!({ "title": "Mail is slow" })).await.done();
    ben.sets(inc, json!({ "title": "Mail is slow" })).await.refused("NothingToDo");
    seen.push(aud.sees(inc).await);

    // Each version is what was seen when it was the latest, under either address.
    for was in &seen {
        let at = was["rev"].as_i64().expect("a revision");
        let version = aud.gets(&format!("/api/v1/tickets/{inc}?rev={at}")).await.done();
        for (name, value) in version.as_object().into_iter().flatten() {
            assert_eq!(value, &was[name], "{name} of {inc}@{at}");
        }
        assert_eq!(aud.gets(&format!("/api/v1/tickets/{inc}@{at}")).await.done(), version);
        assert!(version.get("can").is_none(), "nothing can be done to what was");
    }

    let diff = async |from: i64, to: i64| {
        let answer = aud.gets(&format!("/api/v1/tickets/{inc}/diff?from={from}&to={to}")).await.done();
        (short(&answer), answer)
    };
    let is = |name: &str, before: Value, after: Value, by: &[&str]| {
        (name.to_owned(), before, after, by.iter().map(|p| (*p).to_owned()).collect::<Vec<String>>())
    };
    let (ben_id, mia_id, ana_id) = (ben.id.as_str(), mia.id.as_str(), ana.id.as_str());
    let (filled, whole) = diff(opened, noted).await;
    let null = Value::Null;
    assert_eq!(
        filled,
        [
            is("class", null.clone(), json!("availability/outage"), &[ben_id]),
            is("root_cause", null.clone(), json!("A full queue."), &[ben_id]),
        ],
    );
    assert_eq!(whole["changes"][0]["by"][0]["at"], json!(w.now()), "{whole}");
    // Two people wrote the cause; the class came and went, and the title is what it was.
    let (all, whole) = diff(opened, rev().await).await;
    assert_eq!(
        all,
        [
            is("root_cause", null.clone(), json!("A full disk."), &[ben_id, mia_id]),
            is("owner", null, json!(ana.id), &[ana_id]),
            is("status", json!("open"), json!("acknowledged"), &[ana_id]),
        ],
        "{whole}"
    );
    assert_eq!(diff(noted, noted).await.0, []);
    let latest = aud.gets(&format!("/api/v1/tickets/{inc}/diff")).await.done();
    assert_eq!((latest["from"].clone(), latest["to"].clone()), (json!(1), json!(rev().await)));

    // What never was is refused, and so is who may not look.
    aud.gets(&format!("/api/v1/tickets/{inc}?rev=99")).await.refused("NotFound").says("its revisions are 1 to").with_status(404);
    aud.gets(&format!("/api/v1/tickets/{inc}@0")).await.refused("NotFound");
    aud.gets(&format!("/api/v1/tickets/{inc}@x")).await.refused("BadRequest").about(&["rev"]);
    aud.gets(&format!("/api/v1/tickets/{inc}@3?rev=4")).await.refused("BadRequest").about(&["rev"]);
    aud.gets(&format!("/api/v1/tickets/{inc}/diff?from=3&to=2")).await.refused("BadRequest").about(&["from"]);
    aud.gets(&format!("/api/v1/tickets/{inc}/diff?from=1&to=99")).await.refused("NotFound");
    aud.gets("/api/v1/tickets/INC-000009/diff").await.refused("NoSuchTicket").with_status(404);
    w.person("nil").gets(&format!("/api/v1/tickets/{inc}/diff")).await.refused("NotAllowed");
    w.person("nil").gets(&format!("/api/v1/tickets/{inc}@1")).await.refused("NotAllowed");
}
on_both!(every_version_is_addressable_and_a_diff_lists_exactly_what_changed);

async fn a_diff_across_a_storm_names_the_tool_and_the_people(w: &mut World) {
    let alert = |host: String| labels("HighErrorRate", "checkout", &host, "critical");
    for n in 0..30 {
        w.alertmanager().fires(&[alert(format!("host-{n}"))]).await.done();
    }
    let ana = w.person("ana");
    ana.acknowledges("INC-000001").await.done();
    let diff = ana.gets("/api/v1/tickets/INC-000001/diff").await.done();
    let changed: Vec<String> = short(&diff).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(changed, ["owner", "status"]);
}
on_both!(a_diff_across_a_storm_names_the_tool_and_the_people);

// proves: INC-06
async fn an_incident_is_told_from_its_opening_to_its_end_in_the_order_in_which_it_happened(w: &mut World) {
    let (ana, mia) = (w.person("ana"), w.person("mia"));
    let inc = &ana.declares("Files are being encrypted", "sev2").await;
    w.advance(minutes(5)).await;
    // No phase is passed over: what is not contained is neither removed, nor recovered, nor closed.
    ana.eradicates(inc, "Wiped.").await.refused("WrongStatus");
    ana.acknowledges(inc).await.done();
    ana.eradicates(inc, "Wiped.").await.refused("WrongStatus");
    ana.recovers(inc, "Back.").await.refused("WrongStatus");
    mia.closes(inc, "Done.").await.refused("WrongStatus");
    w.advance(minutes(5)).await;
    ana.posts(&format!("/api/v1/tickets/{inc}/escalate"), json!({ "reason": "It spreads." })).await.done();
    w.person("max").posts(&format!("/api/v1/tickets/{inc}/escalation/acknowledge"), json!({})).await.done();
    w.advance(minutes(20)).await;
    // It was cut off at 10:20, and written down ten minutes later.
    ana.takes("contain", inc, json!({ "line": "The switch is off.", "occurred_at": "2026-03-02T10:20:00Z" })).await.done();
    w.advance(minutes(30)).await;
    ana.eradicates(inc, "Wiped.").await.done();
    w.advance(minutes(60)).await;
    ana.recovers(inc, "Restored from Sunday; ben opened his files.").await.done();
    w.closes_what_recovered(inc, "remediated").await;

    let told = w.person("aud").gets(&format!("/api/v1/tickets/{inc}/timeline")).await.done();
    let of = |moment: &Value| {
        let time = |name: &str| moment[name].as_str().unwrap_or_default()[11..16].to_owned();
        (moment["what"].as_str().unwrap_or_default().to_owned(), time("occurred_at"), time("recorded_at"))
    };
    let moments: Vec<(String, String, String)> = told["moments"].as_array().into_iter().flatten().map(of).collect();
    let is = |what: &str, occurred: &str, recorded: &str| (what.to_owned(), occurred.to_owned(), recorded.to_owned());
    assert_eq!(
        moments,
        [
            is("opened", "10:00", "10:00"),
            is("acknowledged", "10:05", "10:05"),
            is("escalated", "10:10", "10:10"),
            is("contained", "10:20", "10:30"),
            is("eradicated", "11:00", "11:00"),
            is("recovered", "12:00", "12:00"),
            is("closed", "12:00", "12:00"),
        ]
    );
    assert_eq!((&told["moments"][2]["tier"], &told["in_order"]), (&json!(1), &json!(true)));
    let phases: Vec<&Value> = told["moments"].as_array().into_iter().flatten().filter(|m| m["phase"] == true).map(|m| &m["what"]).collect();
    assert_eq!(phases, ["contained", "eradicated", "recovered"]);
    assert_eq!(
        told["seconds_to"],
        json!({ "acknowledged": 300, "contained": 1200, "eradicated": 3600, "recovered": 7200, "closed": 7200 })
    );
    w.person("nil").gets(&format!("/api/v1/tickets/{inc}/timeline")).await.refused("NotAllowed");
}
on_both!(an_incident_is_told_from_its_opening_to_its_end_in_the_order_in_which_it_happened);
