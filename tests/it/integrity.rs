//! What stands in the log stays as it was; a retry is recorded once; nobody acts on what they did not see.

use serde_json::json;

use super::world::{Kind, World, labels, on_both};

// proves: REC-04
async fn the_database_itself_refuses_to_change_the_log(w: &mut World) {
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    let ana = w.person("ana");
    for n in 0..260 {
        ana.notes("INC-000001", &format!("Note {n}.")).await.done();
    }
    assert!(w.database.number("SELECT COUNT(*) FROM tile").await > 0);
    // Somebody with all rights, who has not taken the triggers away.
    let mut refused = vec![
        "UPDATE event SET bytes = bytes WHERE seq = 3",
        "UPDATE event SET kind = 'Nothing'",
        "DELETE FROM event WHERE seq = 3",
        "DELETE FROM event",
        "UPDATE tile SET hashes = hashes",
        "DELETE FROM tile",
        "UPDATE sealed SET bytes = bytes",
        "UPDATE playbook SET bytes = bytes",
        "DELETE FROM playbook",
        "UPDATE delivery SET received_at = 0",
        "DELETE FROM delivery",
        "UPDATE adopted SET path = path",
        "DELETE FROM adopted",
    ];
    if w.database.kind == Kind::Postgres {
        refused.extend([
            "TRUNCATE event",
            "TRUNCATE tile",
            "TRUNCATE sealed",
            "TRUNCATE playbook",
            "TRUNCATE delivery",
            "TRUNCATE adopted",
            "TRUNCATE event, sealed CASCADE",
        ]);
    }
    for sql in refused {
        let answer = w.database.execute(sql).await;
        let words = answer.expect_err(sql);
        assert!(words.contains("append-only") || words.contains("is never"), "{sql}: {words}");
    }
}
on_both!(the_database_itself_refuses_to_change_the_log);

async fn a_retry_is_recorded_once_and_the_same_key_means_the_same_request(w: &mut World) {
    let ana = w.person("ana").under_key("from-my-script-1");
    let first = ana.opens(json!({ "title": "Once" })).await.done();
    for _ in 0..3 {
        let again = ana.opens(json!({ "title": "Once" })).await.done();
        assert_eq!((&again["ticket"], &again["events"], &again["repeated"]), (&first["ticket"], &first["events"], &json!(true)));
    }
    ana.opens(json!({ "title": "Something else" })).await.refused("KeyReused").with_status(422).says("use a new key");
    // Another person's key of the same name is another key; so is another action's.
    assert_eq!(w.person("ben").under_key("from-my-script-1").opens(json!({ "title": "Once" })).await.number(), "INC-000002");
    ana.notes("INC-000001", "Once.").await.done();
    let racers = (0..20).map(|_| {
        let ben = w.person("ben").under_key("race");
        async move { ben.notes("INC-000002", "Once, by twenty.").await.done()["events"].clone() }
    });
    let answers = futures_util::future::join_all(racers).await;
    assert!(answers.iter().all(|events| *events == answers[0]), "{answers:?}");
    assert_eq!((w.log_of("TicketOpened").await.len(), w.log_of("NoteAdded").await.len()), (2, 2));
    // A key is remembered over a restart, and a refusal uses none up.
    let mia = w.person("mia").under_key("close-1");
    mia.closes("INC-000001", "Done.").await.refused("WrongStatus");
    mia.closes("INC-000001", "Done.").await.refused("WrongStatus");
    w.stops().await;
    w.starts().await;
    let again = w.person("ana").under_key("from-my-script-1").opens(json!({ "title": "Once" })).await.done();
    assert_eq!((&again["ticket"], &again["repeated"]), (&first["ticket"], &json!(true)));
    w.person("ana").under_key(&"k".repeat(256)).opens(json!({ "title": "x" })).await.refused("BadRequest");
}
on_both!(a_retry_is_recorded_once_and_the_same_key_means_the_same_request);

async fn a_stale_button_is_refused_and_a_storm_makes_none_stale(w: &mut World) {
    let alert = |host: &str| [labels("HighErrorRate", "checkout", host, "critical")];
    w.alertmanager().fires(&alert("a")).await.done();
    let (ana, ben, mia, inc) = (w.person("ana"), w.person("ben"), w.person("mia"), "INC-000001");
    let binding = async |transition: &str| {
        let shown = ana.sees(inc).await;
        let can = shown["can"].as_array().into_iter().flatten().find(|can| can["transition"] == transition).cloned();
        can.unwrap_or_else(|| panic!("{transition} is not offered: {shown}"))["binding"].clone()
    };
    let shown = binding("acknowledge").await;
    let rev = ana.sees(inc).await["rev"].clone();
    w.alertmanager().fires(&alert("b")).await.done();
    w.alertmanager().fires(&alert("a")).await.done();
    ben.notes(inc, "Looking.").await.done();
    assert_eq!(binding("acknowledge").await, shown);
    let seen = ana.takes("acknowledge", inc, json!({ "rev": rev })).await.refused("Stale").with_status(409);
    seen.says("a note was added, and it is at revision").about(&["rev"]);
    ana.takes("acknowledge", inc, json!({ "binding": shown })).await.done();
    // The second click of two people: it was acknowledged in between.
    let late = ben.takes("acknowledge", inc, json!({ "binding": shown })).await.refused("Stale").with_status(409);
    late.says(&format!("{inc} changed while you were reading: it is acknowledged now. Please look again.")).about(&["status"]);
    // A field that the step reads changed in between.
    for (step, line) in [("contain", "a"), ("eradicate", "b"), ("recover", "c")] {
        ana.takes(step, inc, json!({ "line": line })).await.done();
    }
    let shown = binding("close").await;
    ben.sets(inc, json!({ "root_cause": "Found." })).await.done();
    ben.sets(inc, json!({ "disposition": "benign" })).await.done();
    // What changed is told: plain values as they stand now, sealed ones by name only.
    let stale = mia.takes("close", inc, json!({ "reason": "Done.", "binding": shown })).await.refused("Stale");
    let words = "changed while you were reading: the disposition is benign now, the root cause was filled in. Please look again.";
    let stale = stale.says(words).about(&["disposition", "root_cause"]);
    assert!(!stale.detail.contains("Found."), "{}", stale.detail);
    // So it is with a revision; who may not close is told nothing of it.
    let rev = ana.sees(inc).await["rev"].clone();
    ben.sets(inc, json!({ "root_cause": "Found again.", "disposition": null })).await.done();
    let stale = mia.takes("close", inc, json!({ "reason": "Done.", "rev": rev })).await.refused("Stale");
    stale.says("the disposition was taken away, the root cause was rewritten").about(&["disposition", "root_cause"]);
    w.person("nil").takes("close", inc, json!({ "reason": "Done.", "rev": rev })).await.refused("NotAllowed").about(&[]);
    // A revision that never was names nothing, and is refused all the same.
    mia.takes("close", inc, json!({ "reason": "Done.", "rev": 999 })).await.refused("Stale").says("it is recovered now").about(&[]);
}
on_both!(a_stale_button_is_refused_and_a_storm_makes_none_stale);

// proves: FIL-01, FIL-03
async fn files_come_back_byte_for_byte_and_broken_ones_are_refused(w: &mut World) {
    let (ana, inc) = (w.person("ana"), w.person("ana").declares("Files", "sev3").await);
    let large: Vec<u8> = (0..25_u32 << 20).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let files: [(&str, Vec<u8>, &str); 6] = [
        ("notes.txt", "Grüße\n".into(), "text/plain"),
        ("screen.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "image/png"),
        ("config.json", b"{\"a\": [1, 2]}".to_vec(), "application/json"),
        ("plan.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec(), "application/pdf"),
        ("logs.zip", b"PK\x03\x04rest".to_vec(), "application/zip"),
        ("memory.bin", large, "application/octet-stream"),
    ];
    for (n, (name, bytes, media)) in (1..).zip(&files) {
        ana.files(&inc, name, bytes, None, None).await.done();
        let back = ana.gets(&format!("/api/v1/tickets/{inc}/attachments/{n}")).await;
        assert_eq!(back.status, 200);
        assert!(back.bytes == *bytes, "{name} came back changed");
        let header = |what: &str| back.headers.get(what).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let digest = super::world::proof::sha256(bytes);
        assert_eq!((header("content-type").as_str(), header("x-content-sha256")), (*media, digest.clone()));
        assert!(header("content-disposition").starts_with("attachment;"));
        let shown = &ana.sees(&inc).await["files"][n - 1];
        assert_eq!((&shown["name"], &shown["sha256"], &shown["size"]), (&json!(name), &json!(digest), &json!(bytes.len())));
    }
    let size = w.size().await;
    ana.files(&inc, "empty.txt", b"", None, None).await.refused("FieldMissing").about(&["file"]);
    ana.files(&inc, "big.bin", &vec![0; (25 << 20) + 1], None, None).await.refused("TooLarge").with_status(413);
    ana.files(&inc, "a.txt", b"a", Some("dance"), None).await.refused("NoSuchPhase").with_status(404);
    ana.files(&inc, "a.txt", b"a", None, Some("yesterday")).await.refused("BadFields").about(&["captured_at"]);
    let cut = b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"cut.txt\"\r\n\r\nhalf of wh";
    let path = format!("{}/api/v1/tickets/{inc}/attachments", ana.base);
    let super::world::Pass::Key(key) = &ana.pass else { panic!("ana has a key") };
    let request = ana.client.post(path).bearer_auth(key).header("content-type", "multipart/form-data; boundary=b").body(cut.to_vec());
    super::world::person::receive(request, "an upload that broke off".to_owned()).await.refused("BadRequest").says("broke off");
    assert_eq!(w.size().await, size);
    // Only what a name may hold is kept of a name, and a changed file is noticed when it is asked for.
    ana.files(&inc, "../../etc/passwd", b"harmless", None, None).await.done();
    assert_eq!(ana.sees(&inc).await["files"][6]["name"], "passwd");
    let digest = super::world::proof::sha256(b"harmless");
    let kept = w.replica(0).app.desk.attachments().path(&digest).expect("a path");
    std::fs::write(kept, b"harmful!").expect("somebody changes it");
    ana.gets(&format!("/api/v1/tickets/{inc}/attachments/7")).await.refused("Damaged").with_status(500);
}
on_both!(files_come_back_byte_for_byte_and_broken_ones_are_refused);

/// Takes the triggers of a table away, as only somebody with all rights can.
fn disarm(kind: Kind, table: &str) -> String {
    match kind {
        Kind::Sqlite => format!("DROP TRIGGER {table}_is_append_only_update"),
        Kind::Postgres => format!("ALTER TABLE {table} DISABLE TRIGGER USER"),
    }
}

// proves: REC-01, REC-04
async fn an_altered_byte_or_row_is_named_by_verify(w: &mut World) {
    let inc = w.person("ana").declares("Altered", "sev3").await;
    w.person("ana").acknowledges(&inc).await.done();
    w.person("ana").notes(&inc, "What really happened.").await.done();
    w.signed().await;
    w.stops().await;
    let clean = w.verified().await;
    assert_eq!(clean.0, 3, "everything fits, and nothing from outside was given: {}", clean.1);

    // A projection that no event made: every row is rebuilt from the events alone, and this one differs.
    w.database
        .execute("UPDATE ticket SET state = replace(state, '\"status\":\"acknowledged\"', '\"status\":\"open\"')")
        .await
        .expect("no trigger");
    let (code, words) = w.verified().await;
    assert!(code == 1 && words.contains(&inc), "{code}: {words}");
    w.database
        .execute("UPDATE ticket SET state = replace(state, '\"status\":\"open\"', '\"status\":\"acknowledged\"')")
        .await
        .expect("no trigger");
    assert_eq!(w.verified().await.0, 3);

    // One byte of one event, past the triggers.
    let event = w.events_raw("TransitionTaken").await;
    w.database.execute(&disarm(w.database.kind, "event")).await.expect("somebody with all rights");
    let alter = match w.database.kind {
        Kind::Sqlite => {
            format!("UPDATE event SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"rev\":', '\"reV\":') AS BLOB) WHERE seq = {event}")
        }
        Kind::Postgres => format!("UPDATE event SET bytes = set_byte(bytes, 20, get_byte(bytes, 20) # 1) WHERE seq = {event}"),
    };
    w.database.execute(&alter).await.expect("somebody with all rights");
    let (code, words) = w.verified().await;
    assert!(code == 1 && words.contains(&format!("event {event}")), "{code}: {words}");
    w.leave_broken();
}
on_both!(an_altered_byte_or_row_is_named_by_verify);

async fn an_altered_note_is_named_by_verify(w: &mut World) {
    let inc = w.person("ana").declares("Altered", "sev3").await;
    w.person("ana").notes(&inc, "What really happened.").await.done();
    w.signed().await;
    w.stops().await;
    let event = w.events_raw("NoteAdded").await;
    let (disarm, alter) = match w.database.kind {
        Kind::Sqlite => (
            "DROP TRIGGER sealed_is_never_changed",
            format!("UPDATE sealed SET bytes = CAST('What never happened.' AS BLOB) WHERE seq = {event} AND name = 'note'"),
        ),
        Kind::Postgres => (
            "ALTER TABLE sealed DISABLE TRIGGER USER",
            format!("UPDATE sealed SET bytes = set_byte(bytes, 0, get_byte(bytes, 0) # 1) WHERE seq = {event} AND name = 'note'"),
        ),
    };
    w.database.execute(disarm).await.expect("somebody with all rights");
    w.database.execute(&alter).await.expect("somebody with all rights");
    let (code, words) = w.verified().await;
    assert!(code == 1 && words.contains(&format!("event {event}")) && words.contains("note"), "{code}: {words}");
    w.leave_broken();
}
on_both!(an_altered_note_is_named_by_verify);
