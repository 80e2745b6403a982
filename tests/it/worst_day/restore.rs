//! An older copy of the database is put back. Nothing is signed over it; what is lost can be restored, or be given up in
//! the open: the log goes on as a new epoch whose first event names what was lost.

use std::fs;

use countersign::env::Env;
use countersign::ledger::key::VerifierKey;
use countersign::ledger::manifest::Manifest;
use serde_json::{Value, json};

use crate::witness::{cosigned, with_witness};
use crate::world::{Kind, Person, World, copy, on_both, tell, until};

/// The log grows, a copy of its database is kept, and it grows on: the number of events of the copy, and of all that was
/// signed.
async fn loses_what_came_after_a_copy(w: &mut World) -> (i64, i64) {
    w.person("ana").declares("In the copy", "sev3").await;
    w.signed().await;
    w.stops().await;
    let copied = w.size().await;
    let folder = w.folder.path().to_owned();
    w.database.keeps_a_copy(&folder).await;
    w.starts().await;
    let lost = w.person("ana").declares("Lost", "sev3").await;
    w.person("ana").acknowledges(&lost).await.done();
    w.signed().await;
    let known = w.size().await;
    w.stops().await;
    w.database.puts_the_copy_back(&folder).await;
    (copied, known)
}

/// The command line goes by the machine's clock, and the story's has to follow what it wrote.
fn follows_the_machines_clock(w: &World) {
    w.clock.advance(Env::system().now().since(w.now()));
}

async fn trouble(who: &Person) -> String {
    who.gets("/readyz").await.json()["trouble"].to_string()
}

async fn newest_signed(w: &World) -> i64 {
    w.database.number("SELECT MAX(size) FROM checkpoint").await
}

async fn an_older_copy_is_not_signed_until_its_loss_is_recorded_as_a_new_epoch(w: &mut World) {
    let (copied, known) = loses_what_came_after_a_copy(w).await;
    w.starts().await;
    let ana = w.person("ana");
    until("the signer looked", async || ana.gets("/readyz").await.status == 503).await;
    let said = trouble(&ana).await;
    assert!(said.contains(&format!("holds {copied} events, but a checkpoint over {known} events was signed before")), "{said}");
    assert!(said.contains("log.checkpoint") && said.contains("keys new-epoch"), "{said}");
    // People go on working, and grow the log past what was known.
    for n in 0..4 {
        ana.declares(&format!("Another past {n}"), "sev3").await;
    }
    assert!(w.size().await > known);
    until("the signer noticed", async || trouble(&ana).await.contains("not the ones that were signed before")).await;
    assert!(newest_signed(w).await <= copied);
    w.stops().await;
    let (code, words) = w.runs(&["keys", "new-epoch", "--why", " ", "--by", "ada@example.com"]).await;
    assert!(code == 2 && words.contains("say why"), "{code}: {words}");
    let (code, words) = w.runs(&["keys", "new-epoch", "--why", "x", "--by", "ana@example.com"]).await;
    assert!(code == 2 && words.contains("no role that may administer"), "{code}: {words}");
    let old_key = fs::read(w.path("log.key")).expect("the key");
    let opened = w.size().await;

    let (code, words) = w.runs(&["keys", "new-epoch", "--why", "The newer disk burnt down.", "--by", "ada@example.com"]).await;
    assert_eq!(code, 0, "{words}");
    assert!(words.contains("goes on as countersign.example.com/log/2") && words.contains("Give the new key"), "{words}");
    assert_eq!(fs::read(w.path("log.epoch-1.key")).expect("the old key is kept"), old_key);
    let event = w.log_of("EpochOpened").await.remove(0);
    let data = &event["data"];
    // The command line may have recorded the refused attempt before.
    assert!(event["seq"].as_i64() >= Some(opened) && event["actor"]["type"] == "person", "{event}");
    assert_eq!(
        (&data["lost_size"], &data["known_by"], &data["old_origin"]),
        (&json!(known), &json!("checkpoint"), &json!("countersign.example.com/log"))
    );
    let (code, words) = w.runs(&["keys", "new-epoch", "--why", "Once more.", "--by", "ada@example.com"]).await;
    assert!(code == 2 && words.contains("nothing was lost"), "{code}: {words}");

    follows_the_machines_clock(w);
    w.starts().await;
    let ana = w.person("ana");
    ana.declares("In the new epoch", "sev3").await;
    let note = w.signed().await;
    assert!(note.starts_with("countersign.example.com/log/2\n"), "{note}");
    until("it is ready", async || ana.gets("/readyz").await.status == 200).await;
    w.stops().await;
    let seq = event["seq"].as_i64().expect("a position");
    let says = format!(
        "With event {seq} this log begins a new epoch, countersign.example.com/log/2, after a loss: under countersign.example.com/log {known} events were signed"
    );
    let (code, words) = w.verified().await;
    assert!(code == 3 && words.contains(&says) && words.contains("is the same"), "{code}: {words}");
    a_bundle_says_so(w, &says).await;

    // Somebody who only has the old key is told which one to ask for.
    let old = countersign::ledger::note::Signer::parse(&String::from_utf8(old_key).expect("text")).expect("a key");
    fs::write(w.path("old.vkey"), old.verifier().to_string()).expect("a file");
    let address = w.database.address.clone();
    let (code, words) = w.runs(&["verify", "--database", &address, "--key", "old.vkey"]).await;
    assert!(
        code == 2 && words.contains("began a new epoch") && words.contains("Give the key of countersign.example.com/log/2"),
        "{code}: {words}"
    );
}
on_both!(an_older_copy_is_not_signed_until_its_loss_is_recorded_as_a_new_epoch);

async fn a_bundle_says_so(w: &World, says: &str) {
    let (code, words) = w.runs(&["export", "--all", "--folder", "--out", "bundle"]).await;
    assert_eq!(code, 0, "{words}");
    let (code, words) = w.runs(&["verify", "bundle"]).await;
    assert!(code == 3 && words.contains(says), "{code}: {words}");
    let manifest: Manifest = serde_json::from_slice(&fs::read(w.path("bundle/manifest.json")).expect("a manifest")).expect("a manifest");
    assert_eq!(manifest.origin, "countersign.example.com/log/2");
    let keys: Value = serde_json::from_slice(&fs::read(w.path("bundle/log-keys.json")).expect("keys")).expect("JSON");
    let names: Vec<&str> = keys.as_array().into_iter().flatten().filter_map(|k| k["vkey"].as_str()?.split('+').next()).collect();
    assert_eq!(names, ["countersign.example.com/log", "countersign.example.com/log/2"]);
    let (code, words) = w.runs(&["verify", "bundle", "--json"]).await;
    let report: Value = serde_json::from_str(&words).expect("JSON");
    assert!(code == 3 && report["epochs"][0]["old_origin"] == "countersign.example.com/log", "{words}");
}

async fn a_new_epoch_that_was_broken_off_is_finished_by_the_same_command(w: &mut World) {
    loses_what_came_after_a_copy(w).await;
    let (old_key, memory) = (w.path("kept.key"), w.path("kept.checkpoint"));
    copy(&w.path("log.key"), &old_key);
    copy(&w.path("log.checkpoint"), &memory);
    let arguments = ["keys", "new-epoch", "--why", "The newer disk burnt down.", "--by", "ada@example.com"];
    let (code, words) = w.runs(&arguments).await;
    assert_eq!(code, 0, "{words}");
    // As it was just after the commit: the new key beside the old one, nothing signed.
    fs::rename(w.path("log.key"), w.path("log.key.next")).expect("the new key");
    copy(&old_key, &w.path("log.key"));
    copy(&memory, &w.path("log.checkpoint"));
    fs::remove_file(w.path("log.epoch-1.key")).expect("the old key's copy");
    w.database.execute("DELETE FROM checkpoint WHERE note LIKE 'countersign.example.com/log/2%'").await.expect("nothing was signed");
    let (code, words) = w.verified().await;
    assert!(code == 2 && words.contains("nothing was signed under that name yet"), "{code}: {words}");
    follows_the_machines_clock(w);
    w.starts().await;
    let ana = w.person("ana");
    until("the signer looked", async || trouble(&ana).await.contains("after `countersign keys new-epoch`, restart")).await;
    w.stops().await;
    let (code, words) = w.runs(&arguments).await;
    assert!(code == 0 && words.contains("countersign.example.com/log/2"), "{code}: {words}");
    assert_eq!(w.log_of("EpochOpened").await.len(), 1, "it is recorded once");
    assert!(!w.path("log.key.next").exists() && w.path("log.epoch-1.key").exists());
    w.starts().await;
    w.person("ana").declares("In the new epoch", "sev3").await;
    w.signed().await;
    w.stops().await;
    let (code, words) = w.verified().await;
    assert!(code == 3 && words.contains("begins a new epoch"), "{code}: {words}");
}
on_both!(a_new_epoch_that_was_broken_off_is_finished_by_the_same_command);

async fn a_log_that_lost_nothing_has_no_new_epoch(w: &mut World) {
    w.person("ana").declares("All is well", "sev3").await;
    w.signed().await;
    w.stops().await;
    let (code, words) = w.runs(&["keys", "new-epoch", "--why", "A fresh start.", "--by", "ada@example.com"]).await;
    assert!(code == 2 && words.contains("nothing was lost"), "{code}: {words}");
    assert!(w.log_of("EpochOpened").await.is_empty() && !w.path("log.key.next").exists());
    // Somebody who changed what was signed has not lost it.
    let cut = "DELETE FROM checkpoint WHERE size < (SELECT MAX(size) FROM checkpoint)";
    w.database.execute(cut).await.expect("somebody with all rights");
    w.database.execute("UPDATE ledger_head SET size = size - 1").await.expect("somebody with all rights");
    let (code, words) = w.runs(&["keys", "new-epoch", "--why", "A fresh start.", "--by", "ada@example.com"]).await;
    assert_ne!(code, 0, "{words}");
    w.database.execute("UPDATE ledger_head SET size = size + 1").await.expect("as it was");
}
on_both!(a_log_that_lost_nothing_has_no_new_epoch);

async fn a_memory_that_is_not_the_logs_own_stops_the_signer_and_says_what_to_do(w: &mut World) {
    w.person("ana").declares("Signed", "sev3").await;
    w.signed().await;
    w.stops().await;
    let good = fs::read(w.path("log.checkpoint")).expect("the memory");
    for bad in [Vec::new(), vec![0xff, 0xfe, 0x00], good[..good.len() - 9].to_vec(), b"another.example/log\n3\nAAAA\n".to_vec()] {
        fs::write(w.path("log.checkpoint"), &bad).expect("a damaged file");
        w.starts().await;
        let ana = w.person("ana");
        ana.declares("Not signed", "sev3").await;
        until("the signer looked", async || trouble(&ana).await.contains("is not a checkpoint of this log")).await;
        assert_eq!(fs::read(w.path("log.checkpoint")).expect("the memory"), bad, "it was written over");
        w.stops().await;
    }
    fs::write(w.path("log.checkpoint"), good).expect("the memory");
    w.starts().await;
    w.signed().await;
}
on_both!(a_memory_that_is_not_the_logs_own_stops_the_signer_and_says_what_to_do);

#[test]
fn a_witness_alone_knows_what_was_lost_and_cosigns_the_new_epoch_once_it_has_its_key() {
    tell(Kind::Sqlite, async |w: &mut World| {
        let (witness, key) = with_witness(w).await;
        let database = format!("sqlite:{}", w.path("witness.db").display());
        w.person("ana").declares("In the copy", "sev3").await;
        until("the witness cosigned", async || cosigned(w, &key).await.is_some()).await;
        w.stops().await;
        let (folder, copied) = (w.folder.path().to_owned(), w.size().await);
        w.database.keeps_a_copy(&folder).await;
        w.starts().await;
        w.person("ana").declares("Lost", "sev3").await;
        until("the witness cosigned", async || cosigned(w, &key).await.is_some()).await;
        let known = w.size().await;
        w.stops().await;
        w.database.puts_the_copy_back(&folder).await;
        // A new machine: the key came from a safe, and nothing beside it remembers.
        fs::remove_file(w.path("log.checkpoint")).expect("the memory beside the key");
        w.starts().await;
        let ana = w.person("ana");
        ana.declares("On the new machine", "sev3").await;
        until("the witness told", async || trouble(&ana).await.contains(&format!("has cosigned {known} events"))).await;
        assert_eq!(newest_signed(w).await, copied, "nothing was signed before the witness was asked");
        w.stops().await;

        let (code, words) = w.runs(&["keys", "new-epoch", "--why", "The newer disk burnt down.", "--by", "ada@example.com"]).await;
        assert_eq!(code, 0, "{words}");
        let event = w.log_of("EpochOpened").await.remove(0);
        let by = event["data"]["known_by"].as_str().unwrap_or_default();
        assert!(by.starts_with("witness ") && event["data"]["lost_size"] == known, "{event}");
        let new_key = words.lines().find(|line| line.starts_with("countersign.example.com/log/2+")).expect("the new key").to_owned();

        follows_the_machines_clock(w);
        // The witness's operator adds the new key.
        let at = witness.address;
        witness.stop().await;
        let logs = format!("witness = {{ logs = [{{ vkey = \"{new_key}\" }}] }}\n");
        let ours = std::mem::replace(&mut w.settings, logs);
        let config = w.config_at(&database, "witness");
        w.settings = ours;
        let service = countersign::cli::service::Service::open(config, w.env(), false).await.expect("the witness starts");
        let witness = service.start(tokio::net::TcpListener::bind(at).await.expect("its port")).expect("the witness listens");
        w.starts().await;
        w.person("ana").declares("In the new epoch", "sev3").await;
        until("the witness cosigned", async || cosigned(w, &key).await.is_some()).await;
        w.stops().await;
        until("the last was cosigned", async || w.database.number("SELECT COUNT(*) FROM outbox").await == 0).await;
        proven(w, &new_key, &key).await;
        witness.stop().await;
    });
}

async fn proven(w: &World, new_key: &str, witness: &VerifierKey) {
    fs::write(w.path("new.vkey"), new_key).expect("a file");
    fs::write(w.path("witness.vkey"), witness.to_string()).expect("a file");
    let address = w.database.address.clone();
    let (code, words) = w.runs(&["verify", "--database", &address, "--key", "new.vkey", "--witness", "witness.vkey"]).await;
    assert!(code == 0 && words.starts_with("Proven") && words.contains("begins a new epoch"), "{code}: {words}");
}

#[test]
fn of_what_is_not_witnessed_yet_the_first_line_and_the_remark_count_alike() {
    tell(Kind::Sqlite, async |w: &mut World| {
        let (witness, key) = with_witness(w).await;
        let ana = w.person("ana");
        let inc = ana.declares("Witnessed", "sev3").await;
        until("the witness cosigned", async || cosigned(w, &key).await.is_some()).await;
        let seen = w.size().await;
        let vkey = w.person("aud").gets("/log/vkey").await.text();
        w.stops().await;
        witness.stop().await;
        w.starts().await;
        let ana = w.person("ana");
        ana.acknowledges(&inc).await.done();
        ana.notes(&inc, "Nobody outside saw this.").await.done();
        w.signed().await;
        w.stops().await;
        fs::write(w.path("log.vkey"), vkey).expect("a file");
        fs::write(w.path("witness.vkey"), key.to_string()).expect("a file");
        let newer = w.size().await - seen;
        let address = w.database.address.clone();
        let (code, words) = w.runs(&["verify", "--database", &address, "--key", "log.vkey", "--witness", "witness.vkey"]).await;
        assert!(code == 0 && words.starts_with(&format!("Proven: the first {seen} events are complete and unchanged.")), "{code}: {words}");
        assert!(words.contains(&format!("The {newer} newer events are consistent, but not yet witnessed.")), "{words}");
        assert!(words.contains(&format!("log countersign.example.com/log, {seen} events")), "{words}");
        w.database.execute("DELETE FROM outbox").await.expect("the witness is gone");
    });
}
