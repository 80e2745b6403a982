//! When nothing is changed, from a calendar file; and the calendar that people subscribe to.

use countersign::env::Timestamp;
use serde_json::{Value, json};

use super::world::change::described;
use super::world::{Pass, World, days, hours, on_both};

const MONTH_END: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Test//EN\r\nBEGIN:VEVENT\r\nUID:month-end\r\nSUMMARY:Month-end\r\nDESCRIPTION:The books close.\r\nCATEGORIES:orders\r\nDTSTART;VALUE=DATE:20260131\r\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

async fn adopts_freezes(w: &mut World) {
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(
                b"systems: { orders: { title: Orders, owner: approver }, wiki: { title: Wiki, owner: approver } }\nfreezes: { audit: { why: The auditors are here., from: 2026-03-20, to: 2026-03-22 } }\n",
            );
        }
    }
    files.push(("freezes.ics".to_owned(), MONTH_END.as_bytes().to_vec()));
    w.adopts(files, "The calendar of this year's freezes.").await;
}

fn request(system: &str, from: Timestamp, to: Timestamp) -> Value {
    json!({ "kind": "change", "fields": described("More connections for the database", system, from, to) })
}

// proves: FRZ-01
async fn a_change_on_a_frozen_system_is_refused_to_the_second_and_another_is_not(w: &mut World) {
    adopts_freezes(w).await;
    let ana = w.person("ana");
    let at = |moment: &str| Timestamp::parse(moment).expect("a moment");
    let submits = async |system: &str, from: &str, to: &str| {
        let chg = ana.posts("/api/v1/tickets", request(system, at(from), at(to))).await.number();
        ana.takes("submit", &chg, json!({})).await
    };
    let frozen = submits("orders", "2026-03-31T23:59:59Z", "2026-04-01T04:00:00Z").await;
    frozen.refused("Frozen").says("“Month-end”: The books close").says("exception of type freeze that an executive approved");
    submits("orders", "2026-04-01T00:00:00Z", "2026-04-01T04:00:00Z").await.done();
    submits("wiki", "2026-03-31T10:00:00Z", "2026-03-31T12:00:00Z").await.done();
    submits("wiki", "2026-03-20T10:00:00Z", "2026-03-20T12:00:00Z").await.refused("Frozen").says("“audit”");
    let told = ana.gets("/api/v1/freezes").await.done();
    let told: Vec<_> = told["freezes"].as_array().into_iter().flatten().take(4).map(|f| (f["name"].clone(), f["from"].clone())).collect();
    let of = |name: &str, from: &str| (json!(name), json!(format!("{from}T00:00:00.000000Z")));
    assert_eq!(
        told,
        [of("Month-end", "2026-01-31"), of("Month-end", "2026-02-28"), of("audit", "2026-03-20"), of("Month-end", "2026-03-31")]
    );
    w.person("nil").gets("/api/v1/freezes").await.refused("NotAllowed").with_status(403);
    // A calendar that cannot be read is not adopted.
    let broken = vec![("freezes.ics".to_owned(), b"BEGIN:VCARD\r\nEND:VCARD\r\n".to_vec())];
    assert!(countersign::procedure::load([countersign::procedure::built_in(), broken].concat()).is_err());
}
on_both!(a_change_on_a_frozen_system_is_refused_to_the_second_and_another_is_not);

// proves: FRZ-03
async fn a_calendar_subscribes_to_freezes_and_planned_changes_by_a_secret_address_that_can_be_stopped(w: &mut World) {
    adopts_freezes(w).await;
    let ana = w.person("ana");
    let from = w.now().plus(hours(48));
    let chg = ana.posts("/api/v1/tickets", request("wiki", from, from.plus(hours(2)))).await.number();
    let draft = ana.posts("/api/v1/tickets", request("wiki", from, from.plus(hours(2)))).await.number();
    ana.takes("submit", &chg, json!({})).await.done();

    let address = ana.posts("/api/v1/calendar", json!({})).await.done()["address"].as_str().expect("an address").to_owned();
    let path = address.strip_prefix("https://countersign.example.com").expect("our own address").to_owned();
    // Whoever fetches it is signed in nowhere.
    let mut client = ana.clone();
    client.pass = Pass::Nothing;
    let fetched = client.gets(&path).await;
    assert_eq!((fetched.status, fetched.headers["content-type"].to_str().ok()), (200, Some("text/calendar; charset=utf-8")));
    // Another program's parser understands it.
    let calendar: icalendar::Calendar = fetched.text().parse().expect("RFC 5545");
    use icalendar::Component as _;
    let mut shown: Vec<(String, String)> = Vec::new();
    for event in calendar.iter().filter_map(icalendar::CalendarComponent::as_event) {
        let start = event.get_start();
        let Some(icalendar::DatePerhapsTime::DateTime(icalendar::CalendarDateTime::Utc(start))) = start else { panic!("{start:?}") };
        shown.push((event.get_summary().unwrap_or_default().to_owned(), start.to_rfc3339()));
    }
    assert!(shown.contains(&("Freeze: Month-end".to_owned(), "2026-03-31T00:00:00+00:00".to_owned())), "{shown:?}");
    assert!(shown.contains(&("Freeze: audit".to_owned(), "2026-03-20T00:00:00+00:00".to_owned())), "{shown:?}");
    assert!(shown.contains(&(format!("{chg}: normal change on wiki (submitted)"), "2026-03-04T10:00:00+00:00".to_owned())), "{shown:?}");
    let text = fetched.text();
    assert!(!text.contains(&draft) && !text.contains("More connections"), "neither drafts nor titles leave the house: {text}");

    // The secret opens nothing else, and an API key opens no calendar.
    let secret = path.trim_start_matches("/calendar/").trim_end_matches(".ics").to_owned();
    let mut thief = ana.clone();
    thief.pass = Pass::Key(secret);
    thief.gets("/api/v1/me").await.refused("NotAuthentic").with_status(401);
    let Pass::Key(key) = &ana.pass else { panic!("ana has a key") };
    client.gets(&format!("/calendar/{key}.ics")).await.refused("NotFound").with_status(404);
    assert!(
        !format!("{:?}", w.log().await).contains(path.rsplit('_').next().expect("a secret").trim_end_matches(".ics")),
        "no event holds it"
    );

    // A new address ends the one before it; and a stopped one opens nothing, nor that of somebody who left.
    let second = ana.posts("/api/v1/calendar", json!({})).await.done()["address"].as_str().expect("an address").to_owned();
    let second = second.strip_prefix("https://countersign.example.com").expect("our own address").to_owned();
    client.gets(&path).await.refused("NotFound").says("was stopped");
    assert_eq!(client.gets(&second).await.status, 200);
    assert_eq!(ana.posts("/api/v1/calendar/stop", json!({})).await.status, 204);
    client.gets(&second).await.refused("NotFound");
    let of_ben = w.person("ben").posts("/api/v1/calendar", json!({})).await.done()["address"].as_str().expect("an address").to_owned();
    let of_ben = of_ben.strip_prefix("https://countersign.example.com").expect("our own address").to_owned();
    assert_eq!(client.gets(&of_ben).await.status, 200);
    w.disables("ben").await;
    client.gets(&of_ben).await.refused("NotFound");
    // At the console, too: what is frozen, and an address for whoever asks.
    let mia = w.signed_in("mia").await;
    let page = mia.gets("/console/calendar").await.text();
    assert!(page.contains("Month-end") && page.contains("The books close.") && page.contains("orders"), "{page}");
    let made = mia.submits("/console/calendar", &[]).await.text();
    let of_mia =
        made.split("https://countersign.example.com").nth(1).and_then(|rest| rest.split('<').next()).expect("an address").to_owned();
    assert_eq!(client.gets(&of_mia).await.status, 200, "{of_mia}");
    mia.submits("/console/calendar/stop", &[]).await.text();
    client.gets(&of_mia).await.refused("NotFound");
    let nobody = w.signed_in("nil").await.submits("/console/calendar", &[]).await;
    assert!(nobody.status == 403 && !nobody.text().contains("/calendar/cs_"), "{}", nobody.text());
    // Guesses are counted, not recorded one by one.
    w.advance(days(1)).await;
    let forged = w.log_of("ForgeriesCounted").await;
    assert!(forged.iter().any(|e| e["data"]["source"] == "calendar"), "{forged:?}");
}
on_both!(a_calendar_subscribes_to_freezes_and_planned_changes_by_a_secret_address_that_can_be_stopped);
