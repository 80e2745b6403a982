//! Access reviews over HTTP, on both databases: frozen, asked about, decided, done, and proven afterwards.

use countersign::ledger::audit::verify_path;
use countersign::ledger::verify::Outside;
use reqwest::Method;
use serde_json::{Value, json};

use super::world::change;
use super::world::{Answered, Person, World, days, hours, on_both};

/// Two systems with their owners, and who reports to whom.
const ESTATE: &str = "
systems:
  prod-db: { title: Orders database, owner: ora@example.com, roles: { read: { title: Read, most: 400d }, admin: { title: Everything, most: 400d, privileged: true } } }
  wiki: { title: Wiki, owner: sec@example.com }
reports_to: { ana@example.com: mia@example.com, ben@example.com: mia@example.com, mia@example.com: mia@example.com }
";

pub async fn with_systems(w: &mut World, more: &str) {
    let mut files = countersign::procedure::built_in();
    for (path, bytes) in &mut files {
        if path == "organisation.yaml" {
            bytes.extend_from_slice(ESTATE.as_bytes());
            bytes.extend_from_slice(more.as_bytes());
        }
    }
    w.adopts(files, "Two systems.").await;
    w.hires("ora", &["system-owner"]).await;
    w.hires("sec", &["security-officer"]).await;
    w.hires("exe", &["executive"]).await;
    w.hires("app", &["approver"]).await;
}

/// Decides at the console, on exactly what stands there.
pub async fn approves(w: &World, who: &str, ticket: &str) {
    change::decides(w, who, ticket).await.done();
}

/// Access that is live.
pub async fn granted(w: &World, whose: &str, role: &str) -> String {
    let way = if role == "admin" { "privileged" } else { "standard" };
    let fields = json!({
        "title": format!("{role} for {whose}"), "type": way, "system": "prod-db", "role": role, "requested_for": w.id_of(whose),
        "justification": "Runs the month-end reports from the orders database each month.", "expires_at": w.now().plus(days(300)).to_string(),
    });
    let acc = w.person("max").posts("/api/v1/tickets", json!({ "kind": "access", "fields": fields })).await.number();
    approves(w, if whose == "ora" { "app" } else { "ora" }, &acc).await;
    if role == "admin" {
        approves(w, "exe", &acc).await;
    }
    w.person("sec").takes("grant", &acc, json!({ "line": "Done." })).await.done();
    acc
}

pub async fn review(w: &World, fields: Value) -> String {
    let mut all = json!({ "title": "Who may do what", "type": "access" });
    all.as_object_mut().expect("fields").extend(fields.as_object().cloned().expect("fields"));
    w.person("sec").posts("/api/v1/tickets", json!({ "kind": "review", "fields": all })).await.number()
}

async fn lines(person: &Person, review: &str, query: &str) -> Vec<Value> {
    let shown = person.gets(&format!("/api/v1/tickets/{review}/lines{query}")).await.done();
    shown["lines"].as_array().cloned().unwrap_or_default()
}

/// The number of the line about somebody, by name.
async fn line_of(w: &World, review: &str, name: &str) -> i64 {
    let all = lines(&w.person("aud"), review, "").await;
    all.iter().find(|l| l["name"] == name).and_then(|l| l["line"].as_i64()).unwrap_or_else(|| panic!("no line of {name}: {all:?}"))
}

async fn decides(person: &Person, review: &str, line: i64, decision: &str, reason: &str) -> Answered {
    let body = json!({ "lines": [{ "line": line, "decision": decision, "reason": reason }] });
    person.posts(&format!("/api/v1/tickets/{review}/lines"), body).await
}

/// Hands in a list of a system's users.
pub async fn hands_in(w: &World, who: &str, review: &str, system: &str, users: &str) -> Answered {
    let path = format!("/api/v1/tickets/{review}/users?system={system}");
    w.person(who).sends(Method::POST, &path, Some(users.as_bytes().to_vec())).await
}

pub async fn freezes(w: &World, review: &str) {
    w.person("sec").posts(&format!("/api/v1/tickets/{review}/lines/freeze"), json!({})).await.done();
}

// proves: REV-05
async fn whoever_hands_in_a_list_decides_on_none_of_its_lines_and_a_later_list_says_what_it_replaces(w: &mut World) {
    with_systems(w, "").await;
    let (rev, mine) = (review(w, json!({})).await, "account,email,role\nsvc_old,,read\n");
    // The owner of the system hands in the list herself; somebody else another one, before the lines are frozen.
    hands_in(w, "sec", &rev, "prod-db", "account\nsvc_gone\n").await.done();
    w.hires("ori", &["responder"]).await;
    hands_in(w, "ori", &rev, "wiki", "account,email\npage,\n").await.done();
    w.advance(hours(1)).await;
    let ora_works = w.person("ora").sends(Method::POST, &format!("/api/v1/tickets/{rev}/users?system=prod-db"), Some(mine.into())).await;
    ora_works.done();
    let listed = w.log_of("UsersListed").await;
    assert_eq!(listed[0]["data"]["replaces"], Value::Null);
    assert_eq!(listed[2]["data"]["replaces"], json!({ "file": 1, "rows": 1, "by": w.id_of("sec") }));
    assert_eq!(listed[2]["actor"]["id"], json!(w.id_of("ora")));
    let story = w.signed_in("aud").await.gets(&format!("/console/c/{rev}")).await.text();
    assert!(story.contains("It (file 3) takes the place of file 1, 1 user by "), "{story}");
    assert_eq!(w.person("aud").sees(&rev).await["files"].as_array().map(Vec::len), Some(3), "what was replaced stays on file");
    freezes(w, &rev).await;
    // Ora owns prod-db, and handed in its list: the next authority is asked. The wiki's is asked as always.
    let all = lines(&w.person("aud"), &rev, "").await;
    let asked: Vec<(&str, &str, &Value)> = all
        .iter()
        .map(|l| (l["account"].as_str().unwrap_or_default(), l["reviewer"].as_str().unwrap_or_default(), &l["listed_by"]))
        .collect();
    let (sec, ora, ori) = (w.id_of("sec"), json!(w.id_of("ora")), json!(w.id_of("ori")));
    assert_eq!(asked, [("svc_old", "security-officer", &ora), ("page", sec.as_str(), &ori)]);
    let seat = w.signed_in("ora").await;
    assert_eq!(lines(&seat, &rev, "?mine=true").await, Vec::<Value>::new());
    decides(&seat, &rev, 1, "keep", "It runs each night.").await.refused("OwnList").with_status(403).says("the list that you handed in");
    assert_eq!(w.log_of("Refused").await.last().expect("on record")["data"]["code"], "OwnList");
    decides(&w.signed_in("sec").await, &rev, 1, "keep", "It runs each night.").await.done();
}
on_both!(whoever_hands_in_a_list_decides_on_none_of_its_lines_and_a_later_list_says_what_it_replaces);

async fn nobody_confirms_that_their_own_access_is_gone(w: &mut World) {
    with_systems(w, "").await;
    let acc = granted(w, "ora", "read").await;
    let ora = w.person("ora");
    ora.takes("revoke", &acc, json!({ "reason": "I read nothing there." })).await.done();
    ora.files(&acc, "gone.txt", b"role dropped", Some("deprovisioning"), None).await.done();
    let own = ora.takes("confirm", &acc, json!({})).await;
    own.refused("DutiesApart").with_status(403).says("is about you, so “Confirm that it is gone” is somebody else's to take");
    // Nor at the console, nor after having made it somebody else's.
    let seat = w.signed_in("ora").await;
    let told = seat.submits(&format!("/console/c/{acc}/do/step.confirm"), &[]).await;
    assert!(told.text().contains("somebody else"), "{}", told.text());
    ora.sets(&acc, json!({ "requested_for": w.id_of("ana") })).await.refused("Fixed");
    w.person("sec").takes("confirm", &acc, json!({})).await.done();

    // The record by which a review takes something away.
    let rev = review(w, json!({ "system": "prod-db" })).await;
    hands_in(w, "ben", &rev, "prod-db", "account,email,role\nora_adm,ora@example.com,admin\n").await.done();
    freezes(w, &rev).await;
    decides(&w.signed_in("sec").await, &rev, 1, "revoke", "Nobody asked for it here.").await.done();
    let rmv = "RMV-000001";
    ora.files(rmv, "gone.txt", b"role dropped", Some("deprovisioning"), None).await.done();
    ora.takes("confirm", rmv, json!({})).await.refused("DutiesApart");
    ora.sets(rmv, json!({ "requested_for": null })).await.refused("Fixed").says("REV-000001");
    w.person("ben")
        .sets(rmv, json!({ "type": "change" }))
        .await
        .refused("Fixed")
        .says("decided this, so it is done on RMV-000001 as it stands there");
    let codes: Vec<Value> = w.log_of("Refused").await.into_iter().map(|e| e["data"]["code"].clone()).collect();
    assert_eq!(codes, ["DutiesApart", "DutiesApart", "Fixed", "DutiesApart", "Fixed", "Fixed"], "each is on record");
    w.person("sec").takes("confirm", rmv, json!({})).await.done();
}
on_both!(nobody_confirms_that_their_own_access_is_gone);

// proves: APR-05
async fn a_single_operator_takes_what_nobody_else_can_and_the_log_says_so(w: &mut World) {
    let alone =
        "single_operator: { person: ora@example.com, kinds: [access, removal, review], why: One administrator., until: 2027-01-01 }\n";
    with_systems(w, alone).await;
    let acc = granted(w, "ora", "read").await;
    let ora = w.person("ora");
    ora.takes("revoke", &acc, json!({ "reason": "I read nothing there." })).await.done();
    ora.files(&acc, "gone.txt", b"role dropped", Some("deprovisioning"), None).await.done();
    ora.takes("confirm", &acc, json!({})).await.done();
    let taken = w.log_of("TransitionTaken").await.pop().expect("a step");
    assert_eq!((&taken["data"]["to"], &taken["data"]["alone"]), (&json!("closed"), &json!(true)));
    let told = w.signed_in("aud").await.gets(&format!("/console/c/{acc}")).await.text();
    assert!(told.contains("the single-operator exception was used"), "{told}");
    // While somebody else can decide on a line, that one does.
    let rev = review(w, json!({ "system": "prod-db" })).await;
    hands_in(w, "ora", &rev, "prod-db", "account\nsvc_a\nsvc_b\n").await.done();
    freezes(w, &rev).await;
    decides(&w.signed_in("ora").await, &rev, 1, "keep", "It runs each night.").await.refused("OwnList");
    for name in ["sec", "exe", "mia", "max"] {
        w.disables(name).await;
    }
    decides(&w.signed_in("ora").await, &rev, 1, "keep", "It runs each night.").await.done();
    assert_eq!(w.log_of("LineDecided").await.pop().expect("a decision")["data"]["alone"], true);
}
on_both!(a_single_operator_takes_what_nobody_else_can_and_the_log_says_so);

/// Shows that access is gone.
async fn confirmed(w: &World, record: &str) {
    w.person("sec").files(record, "gone.txt", b"role dropped", Some("deprovisioning"), None).await.done();
    w.person("sec").takes("confirm", record, json!({})).await.done();
}

// proves: REV-02, REV-03, REV-04, REV-05, REV-06, ACC-11
async fn a_campaign_is_frozen_decided_done_and_only_then_complete(w: &mut World) {
    with_systems(w, "").await;
    let (anas, oras) = (granted(w, "ana", "admin").await, granted(w, "ora", "read").await);
    let rev = review(w, json!({ "system": "prod-db" })).await;
    let users = "account,name,email,role,last_used\nana,Ana,ana@example.com,admin,2026-02-27\nsvc_old,Old job,,read,2024-01-01\n";
    hands_in(w, "sec", &rev, "nothing", users).await.refused("BadRequest");
    hands_in(w, "sec", &rev, "wiki", users).await.refused("BadRequest").says("another system");
    hands_in(w, "sec", &rev, "prod-db", "name\nAna\n").await.refused("BadFields").says("account");
    hands_in(w, "aud", &rev, "prod-db", users).await.refused("NotAllowed");
    hands_in(w, "ben", &rev, "prod-db", users).await.done();
    w.person("sec").takes("complete", &rev, found()).await.refused("LinkMissing");
    w.person("sec").explains_no_link(&rev, "corrected_by", "The lines say it all.").await.done();
    w.person("sec").takes("complete", &rev, found()).await.refused("LinesOpen").says("not frozen yet");
    w.person("aud").posts(&format!("/api/v1/tickets/{rev}/lines/freeze"), json!({})).await.refused("NotAllowed");
    freezes(w, &rev).await;
    w.person("sec").posts(&format!("/api/v1/tickets/{rev}/lines/freeze"), json!({})).await.refused("LinesFrozen").says("frozen already");
    hands_in(w, "sec", &rev, "prod-db", users).await.refused("LinesFrozen").with_status(409).says("Open another review for what is new");
    assert_eq!(w.log_of("Refused").await.last().expect("on record")["data"]["code"], "LinesFrozen");

    // Everything that is live here, everything in the system's list, each once: and what fits nothing says so.
    let all = lines(&w.person("aud"), &rev, "").await;
    let told: Vec<(&str, &str, Vec<&str>)> = all
        .iter()
        .map(|l| {
            let flags = l["flags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            (l["name"].as_str().unwrap_or_default(), l["record"].as_str().unwrap_or_default(), flags)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("ana", anas.as_str(), vec!["privileged"]),
            ("Old job", "", vec!["orphan", "unrecorded"]),
            ("ora", oras.as_str(), vec!["unlisted"]),
        ]
    );
    // Each leads to the record by which it was given; what nothing here ever gave is an orphan, and says so.
    let origins: Vec<&str> = all.iter().filter_map(|l| l["origin"].as_str()).collect();
    assert_eq!(origins, [anas.as_str(), "orphan", oras.as_str()]);
    let given = w.person("aud").sees(origins[0]).await;
    assert_eq!((&given["kind"], &given["fields"]["requested_for"]), (&json!("access"), &all[0]["person"]));
    let page = w.signed_in("aud").await.gets(&format!("/console/c/{rev}/lines")).await.text();
    assert!(page.contains(&format!("/console/c/{anas}")) && page.contains("orphan: never asked for here"), "{page}");
    let frozen = w.log_of("LinesFrozen").await.remove(0);
    assert_eq!((frozen["data"]["lines"].as_i64(), &frozen["data"]["from"]), (Some(3), &json!({ "access": 2, "users of prod-db": 2 })));
    let scope = &frozen["data"]["scope"];
    assert_eq!((&scope["system"], &scope["at"]), (&json!("prod-db"), &frozen["at"]));
    let sources = json!([
        { "of": "access", "count": 2, "standing": ["granted"] },
        { "of": "users", "count": 2, "system": "prod-db", "file": 1, "by": w.id_of("ben") },
    ]);
    assert_eq!(scope["sources"], sources);
    assert_eq!(&w.person("aud").gets(&format!("/api/v1/tickets/{rev}/lines")).await.done()["scope"], scope);
    let told = w.signed_in("aud").await.gets(&format!("/console/c/{rev}")).await.text();
    assert!(told.contains("prod-db alone: 2 access (granted); 2 users of prod-db (file 1, by "), "{told}");
    assert_eq!(frozen["data"]["digest"], w.person("aud").gets(&format!("/api/v1/tickets/{rev}/lines")).await.done()["digest"]);

    // Each is asked of the manager, else of the system's owner, else of the next authority: nobody of themselves.
    let (mia, ora, sec) = (w.signed_in("mia").await, w.signed_in("ora").await, w.signed_in("sec").await);
    assert_eq!(lines(&mia, &rev, "?mine=true").await.len(), 1);
    let (of_ana, of_job, of_ora) = (line_of(w, &rev, "ana").await, line_of(w, &rev, "Old job").await, line_of(w, &rev, "ora").await);
    assert_eq!(lines(&ora, &rev, "?mine=true").await[0]["line"], of_job);
    let waiting = ora.gets("/api/v1/inbox").await.done();
    assert!(waiting["waiting"].as_array().into_iter().flatten().any(|one| one["why"] == "review"), "{waiting}");
    decides(&ora, &rev, of_ora, "keep", "It is mine.").await.refused("OwnAccess").with_status(403);
    decides(&w.signed_in("max").await, &rev, of_ana, "keep", "").await.refused("NotAllowed").says("to decide (mia). Ask somebody");
    decides(&w.signed_in("ben").await, &rev, of_ana, "keep", "").await.refused("OwnList");
    decides(&w.person("mia"), &rev, of_ana, "keep", "").await.refused("NotByKey");
    decides(&mia, &rev, 4, "keep", "").await.refused("BadRequest").says("no line 4");
    decides(&mia, &rev, of_ana, "revoke", "").await.refused("ReasonMissing");
    decides(&ora, &rev, of_job, "keep", "").await.refused("ReasonMissing").says("odd");
    decides(&mia, &rev, of_ana, "keep", "").await.done();
    decides(&ora, &rev, of_job, "revoke", "Nobody knows what it does.").await.done();
    decides(&ora, &rev, of_job, "keep", "On second thoughts.").await.refused("LineDecided").with_status(409);
    decides(&sec, &rev, of_ora, "revoke", "She owns it, and reads nothing.").await.done();
    assert_eq!(w.log_of("Refused").await.iter().filter(|e| e["data"]["code"] == "OwnAccess").count(), 1);

    // What was given here is taken away by its own record, anything else by a record that is opened for it.
    assert_eq!(w.person("aud").sees(&oras).await["status"], "revoked");
    let rmv = "RMV-000001";
    let seen = w.person("aud").sees(rmv).await;
    assert_eq!((&seen["status"], &seen["fields"]["system"], &seen["links"][0]["to"]), (&json!("open"), &json!("prod-db"), &json!(rev)));
    let attested = w.person("aud").sees(&anas).await;
    assert!(
        attested["links"].as_array().into_iter().flatten().any(|l| l["link"] == "attested_in" && l["to"] == rev.as_str()),
        "{attested}"
    );
    let made = attested["links"].as_array().into_iter().flatten().find(|l| l["link"] == "attested_in").expect("the link")["id"].clone();
    let back = json!({ "reason": "It looks untidy." });
    w.person("sec").posts(&format!("/api/v1/tickets/{anas}/links/{made}/remove"), back).await.refused("LinkStays").says("relies on it");
    let forged = json!({ "link": "attested_in", "to": rev });
    w.person("sec").posts(&format!("/api/v1/tickets/{anas}/links"), forged).await.refused("BadRequest").says("only a review");
    w.person("sec").takes("complete", &rev, found()).await.refused("LinesOpen").says("No record shows yet");
    w.person("sec").takes("confirm", rmv, json!({})).await.refused("EvidenceMissing");
    // After a restart nothing of it is in anybody's memory.
    w.stops().await;
    w.starts().await;
    confirmed(w, rmv).await;
    w.person("sec").takes("complete", &rev, found()).await.refused("LinesOpen").says(&oras);
    confirmed(w, &oras).await;
    w.person("sec").takes("complete", &rev, found()).await.done();
    let stands: Vec<Value> = lines(&w.person("aud"), &rev, "").await.into_iter().map(|l| l["stands"].clone()).collect();
    assert_eq!(stands, ["kept", "revoked", "revoked"]);
    decides(&w.signed_in("mia").await, &rev, of_ana, "revoke", "Too late.").await.refused("Locked");
    let table = w.person("aud").gets(&format!("/api/v1/tickets/{rev}/lines/csv")).await.text();
    assert!(table.lines().count() == 4 && table.contains("Nobody knows what it does.") && table.contains(",orphan,"), "{table}");
}
on_both!(a_campaign_is_frozen_decided_done_and_only_then_complete);

fn found() -> Value {
    json!({ "fields": { "findings": "Two of three were not needed any more; both are gone by now.", "outcome": "improve" } })
}

// proves: REV-01
async fn a_review_comes_due_each_quarter_freezes_itself_and_what_nobody_decided_escalates(w: &mut World) {
    let each_quarter =
        "obligations:\n  access-review: { title: Quarterly access review, cron: \"0 9 1 1,4,7,10 *\", type: access, due: 14d }\n";
    with_systems(w, each_quarter).await;
    granted(w, "ana", "admin").await;
    granted(w, "ora", "admin").await;
    w.tick().await;
    w.advance_to("2026-04-01T09:00:00Z").await;
    w.tick().await;
    let rev = w.log_of("ObligationRun").await[0]["data"]["opened"].as_str().expect("its record").to_owned();
    assert_eq!(lines(&w.person("aud"), &rev, "").await, Vec::<Value>::new());
    w.advance(hours(47)).await;
    assert_eq!(w.log_of("LinesFrozen").await.len(), 0);
    w.advance(hours(1)).await;
    w.tick().await;
    assert_eq!(w.log_of("LinesFrozen").await.len(), 1, "once, however often one looks");
    assert_eq!(lines(&w.person("aud"), &rev, "").await.len(), 2);
    let of_ana = line_of(w, &rev, "ana").await;
    let sec = w.signed_in("sec").await;
    decides(&sec, &rev, of_ana, "keep", "").await.refused("NotAllowed");
    w.advance(days(12)).await;
    assert_eq!(w.log_of("ClockBreached").await.iter().filter(|e| e["ticket"] == rev.as_str()).count(), 1);
    let called = w.log_of("Escalated").await.into_iter().find(|e| e["ticket"] == rev.as_str()).expect("somebody is called");
    assert_eq!(called["data"]["to"], "incident-manager");
    decides(&w.signed_in("sec").await, &rev, of_ana, "keep", "").await.done();
    let shown = w.person("aud").gets(&format!("/api/v1/tickets/{rev}/lines?open=true")).await.done();
    assert_eq!((shown["open"].as_i64(), shown["total"].as_i64()), (Some(1), Some(2)), "decided and overdue are all that there are");
}
on_both!(a_review_comes_due_each_quarter_freezes_itself_and_what_nobody_decided_escalates);

// proves: REV-04
async fn what_was_not_done_after_all_is_decided_anew(w: &mut World) {
    with_systems(w, "").await;
    let rev = review(w, json!({})).await;
    hands_in(w, "sec", &rev, "prod-db", "account\nsvc\n").await.done();
    freezes(w, &rev).await;
    let ora = w.signed_in("ora").await;
    decides(&ora, &rev, 1, "change", "It needs to read only.").await.done();
    w.person("sec").takes("void", "RMV-000001", json!({ "reason": "The job writes as well." })).await.done();
    assert_eq!(lines(&ora, &rev, "?mine=true&open=true").await.len(), 1, "it is hers again");
    decides(&ora, &rev, 1, "keep", "The job writes as well.").await.done();
    decides(&ora, &rev, 1, "revoke", "It was switched off today.").await.done();
    assert_eq!(w.person("aud").sees("RMV-000002").await["fields"]["type"], "revoke");
}
on_both!(what_was_not_done_after_all_is_decided_anew);

// proves: REV-02, REV-07
async fn a_large_population_stays_quick_and_its_campaign_is_verified_from_outside(w: &mut World) {
    with_systems(w, "").await;
    let rev = review(w, json!({ "system": "prod-db" })).await;
    let users: String = (1..=5_000).map(|n| format!("svc_{n:04},Job {n},read\n")).collect();
    hands_in(w, "sec", &rev, "prod-db", &format!("account,name,role\n{users}")).await.done();
    freezes(w, &rev).await;
    assert_eq!(w.log_of("LinesListed").await.len(), 25, "a few events hold thousands of lines");
    let ora = w.signed_in("ora").await;
    let shown = ora.gets(&format!("/api/v1/tickets/{rev}/lines?mine=true&open=true&after=4990")).await.done();
    assert_eq!((shown["total"].as_i64(), shown["lines"].as_array().map(Vec::len)), (Some(5_000), Some(10)));
    let decided: Vec<Value> = (1..=200).map(|n| json!({ "line": n, "decision": "keep", "reason": "It runs each night." })).collect();
    ora.posts(&format!("/api/v1/tickets/{rev}/lines"), json!({ "lines": decided })).await.done();
    let many: Vec<Value> = (201..=401).map(|n| json!({ "line": n, "decision": "keep", "reason": "It runs." })).collect();
    ora.posts(&format!("/api/v1/tickets/{rev}/lines"), json!({ "lines": many })).await.refused("TooMany");
    decides(&ora, &rev, 5_000, "revoke", "Nobody knows it.").await.done();
    // What one decision rewrites is a few kilobytes, however many lines there are.
    let state = w.database.number(&format!("SELECT LENGTH(state) FROM ticket WHERE number = '{rev}'")).await;
    assert!(state < 16_000, "{state} bytes");
    w.stops().await;
    let (code, words) = w.runs(&["export", "--ticket", &rev, "--out", "review.zip"]).await;
    assert_eq!(code, 0, "{words}");
    let report = verify_path(&w.path("review.zip"), &Outside::default());
    assert_eq!(report.verdict.exit_code(), 3, "consistent, and no key from outside: {report}");
    // One line taken out of the list, and it does not fit any more.
    let (code, words) = w.runs(&["export", "--ticket", &rev, "--folder", "--out", "review"]).await;
    assert_eq!(code, 0, "{words}");
    let file = w.path("review/sealed.jsonl");
    let text = std::fs::read_to_string(&file).expect("sealed values");
    let listed = text.lines().find(|l| l.contains("\"lines\"")).expect("the listed lines").to_owned();
    std::fs::write(&file, text.replace(&listed, "")).expect("written");
    assert_eq!(verify_path(&w.path("review"), &Outside::default()).verdict.exit_code(), 1);
}
on_both!(a_large_population_stays_quick_and_its_campaign_is_verified_from_outside);
