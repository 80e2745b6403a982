//! People: who may do what, how they stop, and what is kept of their secrets.

use std::fs;

use serde_json::{Value, json};

use countersign::desk::request::Ask;
use countersign::people::PeopleCommand;

use super::world::{HMAC, Kind, PASSWORD, Pass, World, copy, days, hours, labels, on_both, tell};

// proves: ATT-09
async fn somebody_who_is_disabled_stops_at_once_and_stays_in_the_record(w: &mut World) {
    let (ana, ana_at_console) = (w.person("ana"), w.signed_in("ana").await);
    let inc = ana.declares("By ana", "sev3").await;
    ana_at_console.acknowledges(&inc).await.done();
    w.disables("ana").await;
    ana.gets("/api/v1/me").await.refused("NotAuthentic").with_status(401);
    ana.notes(&inc, "One more.").await.refused("NotAuthentic");
    ana_at_console.gets("/api/v1/me").await.refused("SignedOut").with_status(401);
    ana_at_console.notes(&inc, "One more.").await.refused("SignedOut");
    // Nothing is handed to her any more, and what she did stays hers.
    let ben = w.person("ben");
    ben.posts(&format!("/api/v1/tickets/{inc}/owner"), json!({ "person": ana.id })).await.refused("NoSuchPerson");
    assert!(w.said(&inc).await.contains(&"ana: TransitionTaken acknowledge".to_owned()));
    let people = ben.gets("/api/v1/people").await.done();
    let listed = people["people"].as_array().into_iter().flatten().find(|p| p["id"] == ana.id.as_str()).cloned().expect("ana is listed");
    assert_eq!((&listed["name"], &listed["disabled"]), (&json!("ana"), &json!(true)));
    // Her id is never given again.
    let again = PeopleCommand::Add {
        id: ana.id.clone(),
        name: w.desk().seal("somebody else"),
        email: w.desk().seal("else@example.com"),
        roles: vec!["administrator".into()],
    };
    assert!(w.operator(Ask::People(again)).await.is_err(), "an id is never given again");
}
on_both!(somebody_who_is_disabled_stops_at_once_and_stays_in_the_record);

// proves: ATT-01
async fn a_key_that_is_wrong_revoked_or_nobodys_opens_nothing(w: &mut World) {
    let ana = w.person("ana");
    let Pass::Key(key) = ana.pass.clone() else { panic!("ana has a key") };
    let with = |pass: Pass| super::world::Person { pass, ..ana.clone() };
    let id = key.split('_').nth(1).expect("a key has an id").to_owned();
    let swapped = format!("cs_{id}_{}", "A".repeat(43));
    for wrong in [swapped.as_str(), "cs_nobody_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "Bearer", "cs_", &key[..key.len() - 1]] {
        with(Pass::Key(wrong.to_owned())).gets("/api/v1/me").await.refused("NotAuthentic").with_status(401);
    }
    with(Pass::Nothing).gets("/api/v1/me").await.refused("NotAuthentic");
    with(Pass::Session("guessed".into())).gets("/api/v1/me").await.refused("SignedOut");
    w.operator(Ask::People(PeopleCommand::RevokeKey { key: id })).await.expect("a key is revoked");
    ana.gets("/api/v1/me").await.refused("NotAuthentic");
    // A session runs out by itself, and a page elsewhere cannot use one.
    let ben = w.signed_in("ben").await;
    assert_eq!(ben.gets("/api/v1/me").await.done()["name"], "ben");
    let address = format!("{}/api/v1/tickets", ben.base);
    let Pass::Session(token) = &ben.pass else { panic!("ben has a session") };
    let foreign =
        ben.client.post(address).header("cookie", format!("countersign_session={token}")).header("origin", "https://evil.example");
    let answer = super::world::person::receive(foreign.body("{\"kind\":\"incident\"}"), "another page".to_owned()).await;
    answer.refused("ForeignPage").with_status(403);
    w.advance(days(1)).await;
    ben.gets("/api/v1/me").await.refused("SignedOut");
    // Each attempt is on record, counted, and named for what it was.
    let counted = w.log_of("ForgeriesCounted").await;
    let of = |source: &str, reason: &str| {
        let ours = counted.iter().filter(|e| e["data"]["source"] == source && e["data"]["reason"] == reason);
        ours.filter_map(|e| e["data"]["count"].as_i64()).sum::<i64>()
    };
    assert_eq!((of("api", "wrong key"), of("console", "foreign page")), (6, 1), "{counted:?}");
}
on_both!(a_key_that_is_wrong_revoked_or_nobodys_opens_nothing);

/// Every operation of the API, as the document lists it, with its path filled in.
async fn operations(w: &World, ticket: &str) -> Vec<(String, String)> {
    let document = w.person("aud").gets("/openapi.json").await.done();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        let filled = path
            .replace("{number}", ticket)
            .replace("{transition}", "acknowledge")
            .replace("{file}", "1")
            .replace("{link}", "1")
            .replace("{task}", "1")
            .replace("{group}", "leadership")
            .replace("{offer}", "emergency-change")
            .replace("/users", "/users?system=prod-db")
            .replace("{source}", "alertmanager")
            .replace("{fingerprint}", "00112233445566778899")
            .replace("{delivery}", "1");
        found.extend(methods.as_object().into_iter().flatten().map(|(method, _)| (method.clone(), filled.clone())));
    }
    found
}

fn body_for(path: &str) -> Value {
    let last = path.rsplit('/').next().unwrap_or_default();
    match last {
        "tickets" => json!({ "kind": "incident", "fields": {} }),
        "steps" => json!({ "steps": [{ "transition": "acknowledge" }] }),
        "comments" => json!({ "text": "Hello." }),
        "fields" => json!({ "fields": { "severity": "sev4" } }),
        "links" => json!({ "link": "caused_by", "reason": "None." }),
        "remove" | "escalate" => json!({ "reason": "Because." }),
        "approvals" => json!({ "transition": "close", "decision": "approve", "reason": "Yes.", "digest": "00" }),
        "evidence-waivers" => json!({ "phase": "contain", "reason": "None." }),
        "lines" => json!({ "lines": [{ "line": 1, "decision": "keep" }] }),
        "emergency-change" => json!({ "fields": {} }),
        "owner" | "lead" => json!({ "person": "me" }),
        _ => json!({}),
    }
}

async fn without_a_role_and_without_a_key_every_door_is_closed(w: &mut World) {
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    let inc = "INC-000001";
    w.person("ana").files(inc, "a.txt", b"evidence", None, None).await.done();
    let operations = operations(w, inc).await;
    assert!(operations.len() >= 26, "{operations:?}");
    let (nil, nobody) = (w.person("nil"), w.person("nil").without_pass());
    let before = nil_sees(w, inc).await;
    for (method, path) in &operations {
        let send = async |person: &super::world::Person| {
            if path.ends_with("/attachments") {
                person.files(inc, "a.txt", b"evidence", None, None).await
            } else {
                let body = (method == "post").then(|| body_for(path).to_string().into_bytes());
                person.sends(method.to_uppercase().parse().expect("a method"), path, body).await
            }
        };
        send(&nobody).await.refused("NotAuthentic").with_status(401);
        let answer = send(&nil).await;
        match (method.as_str(), path.as_str()) {
            // Who one is may be asked by anybody who is somebody, and anybody may report an incident (this one says nothing).
            ("get", "/api/v1/me") => assert_eq!(answer.done()["may"], json!([])),
            ("post", "/api/v1/tickets") => drop(answer.refused("FieldMissing").about(&["title"])),
            _ => assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text()),
        }
    }
    assert_eq!(nil_sees(w, inc).await, before, "something changed");
    for path in ["/log/checkpoint", "/log/vkey", "/log/tile/0/000.p/1"] {
        assert_eq!(nil.gets(path).await.status, 403, "{path}");
        assert_eq!(nobody.gets(path).await.status, 401, "{path}");
        assert_eq!(w.person("ana").gets(path).await.status, 403, "{path}: exporting is not working");
    }
}
on_both!(without_a_role_and_without_a_key_every_door_is_closed);

/// The ticket without its count of refused attempts.
async fn nil_sees(w: &World, ticket: &str) -> Value {
    let mut shown = w.person("aud").sees(ticket).await;
    for moving in ["rev", "updated_at"] {
        shown[moving] = Value::Null;
    }
    shown
}

// proves: REC-06
async fn nothing_removes_a_note_whoever_asks_and_however(w: &mut World) {
    let inc = w.person("ana").declares("Noted", "sev3").await;
    w.person("ana").notes(&inc, "This stays.").await.done();
    let operations = operations(w, &inc).await;
    assert!(operations.iter().all(|(method, _)| method == "get" || method == "post"), "{operations:?}");
    for name in ["ada", "ana", "mia", "max", "aud", "lea"] {
        let person = w.person(name);
        for (_, path) in &operations {
            for method in ["DELETE", "PUT", "PATCH"] {
                let answer = person.sends(method.parse().expect("a method"), path, Some(b"{}".to_vec())).await;
                assert!(matches!(answer.status, 404 | 405), "{name}: {method} {path}: {}", answer.status);
            }
        }
        for word in ["delete", "remove", "comments/1/remove", "notes/1/remove", "redact", "edit"] {
            let answer = person.posts(&format!("/api/v1/tickets/{inc}/{word}"), json!({})).await;
            assert!(answer.status >= 400, "{name}: {word}: {}", answer.status);
        }
    }
    assert!(w.said(&inc).await.iter().any(|line| line.ends_with("“This stays.”")));
}
on_both!(nothing_removes_a_note_whoever_asks_and_however);

/// Whatever must stand nowhere, and what stands among the sealed values only.
const SEALED: [&str; 6] = [
    "Zebulon Quuxington",
    "zebulon@quux.example",
    "Wombats in the basement",
    "They chewed the cable",
    "chewed-cable.txt",
    "host-of-wombats",
];

async fn tell_secrets(w: &mut World) {
    let zeb = w.hires_as("Zebulon Quuxington", "zebulon@quux.example", &["responder", "incident-manager"]).await;
    let inc = zeb.declares(SEALED[2], "sev3").await;
    zeb.notes(&inc, SEALED[3]).await.done();
    zeb.files(&inc, SEALED[4], b"They chewed the cable, says the log.", None, None).await.done();
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", SEALED[5], "critical")]).await.done();
    zeb.under_key("retry-1").notes(&inc, SEALED[3]).await.done();
    w.advance(hours(1)).await;
}

#[test]
fn secrets_stand_nowhere_and_plaintext_only_among_the_sealed_values_in_a_file() {
    tell(Kind::Sqlite, async |w| {
        tell_secrets(w).await;
        let Pass::Key(key) = w.person("ana").pass else { panic!("ana has a key") };
        let Pass::Session(session) = w.signed_in("ana").await.pass else { panic!("ana has a session") };
        w.stops().await;
        let whole = w.path("whole.db");
        w.database.execute(&format!("VACUUM INTO '{}'", whole.display())).await.expect("a copy");
        let holds = |bytes: &[u8], needle: &str| bytes.windows(needle.len()).any(|part| part == needle.as_bytes());
        let bytes = fs::read(&whole).expect("the copy");
        let secret = key.splitn(3, '_').nth(2).expect("a secret").to_owned();
        for needle in [secret.as_str(), session.as_str(), PASSWORD, HMAC] {
            assert!(!holds(&bytes, needle), "a secret stands in the database");
        }
        assert!(SEALED.iter().all(|needle| holds(&bytes, needle)), "the sealed values are there");
        let without = w.path("without.db");
        copy(&whole, &without);
        let copied = super::world::Database::sqlite(&without).await;
        copied.execute("DROP TABLE sealed; VACUUM;").await.expect("the copy without its sealed values");
        copied.drop().await;
        let bytes = fs::read(&without).expect("the copy");
        for needle in SEALED {
            assert!(!holds(&bytes, needle), "{needle:?} stands outside the sealed values");
        }
    });
}

#[test]
fn secrets_stand_nowhere_and_plaintext_only_among_the_sealed_values_on_a_server() {
    tell(Kind::Postgres, async |w| {
        tell_secrets(w).await;
        let Pass::Key(key) = w.person("ana").pass else { panic!("ana has a key") };
        let tables = w.database.texts("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'").await;
        assert!(tables.len() > 15, "{tables:?}");
        let secret = key.splitn(3, '_').nth(2).expect("a secret").to_owned();
        for table in &tables {
            // Bytes are shown in hex.
            let rows = w.database.texts(&format!("SELECT t::text FROM {table} t")).await.join("\n");
            let holds = |needle: &str| rows.contains(needle) || rows.contains(&hex::encode(needle));
            assert!([secret.as_str(), PASSWORD, HMAC].iter().all(|needle| !holds(needle)), "a secret stands in {table}");
            for needle in SEALED {
                assert_eq!(holds(needle), table == "sealed", "{needle:?} in {table}");
            }
        }
    });
}

/// The name of the bundle's only, partial tile of entries.
fn last_partial(bundle: &std::path::Path) -> std::ffi::OsString {
    let mut files = fs::read_dir(bundle.join("log/tile/entries/000.p")).expect("a partial tile");
    files.next().expect("one of them").expect("a file").file_name()
}

// proves: REC-07, REC-15, FIL-02
async fn what_is_written_late_says_so(w: &mut World) {
    let ana = w.person("ana");
    let inc = ana.declares("Late", "sev3").await;
    w.advance(days(3)).await;
    let two_days_ago = "2026-03-03T10:00:00Z";
    let note = |reason: Option<&str>, at: &str| json!({ "text": "Called the provider.", "occurred_at": at, "reason": reason });
    let path = format!("/api/v1/tickets/{inc}/comments");
    ana.posts(&path, note(None, two_days_ago)).await.refused("ReasonMissing").about(&["reason"]).says("late entry");
    ana.posts(&path, note(None, "2026-03-09T10:00:00Z")).await.refused("InTheFuture").with_status(422);
    ana.posts(&path, note(Some("I was on the road."), two_days_ago)).await.done();
    ana.posts(&path, note(None, "2026-03-05T09:55:00Z")).await.done();
    let notes: Vec<Value> = w.events(&inc).await.into_iter().filter(|e| e["kind"] == "NoteAdded").collect();
    let told: Vec<_> = notes
        .iter()
        .map(|e| (e["at"].clone(), e["data"]["occurred_at"].clone(), e["data"]["late"].clone(), e["texts"]["reason"].clone()))
        .collect();
    let now = json!("2026-03-05T10:00:00.000000Z");
    let expected = [
        (now.clone(), json!("2026-03-03T10:00:00.000000Z"), json!(true), json!("I was on the road.")),
        (now, json!("2026-03-05T09:55:00.000000Z"), json!(false), Value::Null),
    ];
    assert_eq!(told, expected);
    ana.files(&inc, "old.log", b"older than the incident", None, Some("2026-03-01T00:00:00Z")).await.done();
    let filed = w.events(&inc).await.pop().expect("an event");
    assert_eq!((&filed["kind"], &filed["data"]["outside_window"]), (&json!("EvidenceAttached"), &json!(true)));
    let bundle = w.exported().await;
    assert!(w.disclosed(&bundle).contains(&("reason".to_owned(), "I was on the road.".to_owned())));
    let entries = fs::read(bundle.join("log/tile/entries/000.p").join(last_partial(&bundle))).expect("the log of the bundle");
    assert!(String::from_utf8_lossy(&entries).contains("\"late\":true"), "the flag is not in the export");
}
on_both!(what_is_written_late_says_so);
