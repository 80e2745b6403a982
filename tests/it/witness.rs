//! What stands outside the database: checkpoints that a witness cosigned, and the refusal to sign another past.

use std::fs;

use countersign::ledger::key::VerifierKey;
use countersign::ledger::note::Note;
use countersign::ledger::witness::cosigned_at;

use super::world::{Kind, World, copy, tell, until};

/// Whether the latest checkpoint carries the witness's signature.
pub async fn cosigned(w: &World, witness: &VerifierKey) -> Option<u64> {
    let note = w.signed().await;
    cosigned_at(&Note::parse(note.as_bytes()).expect("a note"), witness).ok()
}

/// A second service, which cosigns the first one's log; the key that it signs with.
pub async fn with_witness(w: &mut World) -> (countersign::cli::service::Running, VerifierKey) {
    let vkey = w.person("aud").gets("/log/vkey").await.text();
    let settings = std::mem::replace(&mut w.settings, format!("witness = {{ logs = [{{ vkey = \"{}\" }}] }}\n", vkey.trim()));
    let database = format!("sqlite:{}", w.path("witness.db").display());
    let config = w.config_at(&database, "witness");
    w.settings = settings;
    let service = w.opens(config).await.expect("the witness starts");
    let base = format!("http://{}", service.address);
    let theirs = w.client.get(format!("{base}/witness/vkey")).send().await.expect("an answer").text().await.expect("a key");
    let key = VerifierKey::parse(theirs.trim()).expect("the witness's key");
    w.stops().await;
    w.settings = format!("[log]\nwitnesses = [{{ url = \"{base}/witness\", vkey = \"{}\" }}]\n", theirs.trim());
    w.starts().await;
    (service, key)
}

#[test]
fn a_witness_cosigns_what_grows_and_never_a_fork() {
    tell(Kind::Sqlite, async |w| {
        let ana = w.person("ana");
        ana.declares("Before the witness", "sev3").await;
        let (witness, key) = with_witness(w).await;
        let ana = w.person("ana");
        ana.declares("Seen by the witness", "sev3").await;
        until("the witness cosigned", async || cosigned(w, &key).await.is_some()).await;
        assert_eq!(cosigned(w, &key).await, Some(u64::try_from(w.now().seconds()).expect("a time")));

        // Somebody copies everything, and lets the log grow on; then puts the copy back and lets it grow differently.
        w.stops().await;
        let copied = w.size().await;
        let old = w.path("old.db");
        w.database.execute(&format!("VACUUM INTO '{}'", old.display())).await.expect("a copy");
        w.starts().await;
        let ana = w.person("ana");
        let inc = ana.declares("The true one", "sev3").await;
        ana.acknowledges(&inc).await.done();
        until("the witness cosigned", async || cosigned(w, &key).await.is_some()).await;
        let known = w.size().await;
        w.stops().await;
        w.restores(&old).await;
        w.starts().await;
        let ready = w.person("aud");
        let signed_before = format!("a checkpoint over {known} events was signed before");
        until("the signer looked", async || ready.gets("/readyz").await.text().contains(&signed_before)).await;
        let trouble = ready.gets("/readyz").await.json()["trouble"].to_string();
        assert!(trouble.contains("log.checkpoint") && trouble.contains("an older copy was put back"), "{trouble}");

        // Work goes on; nothing is signed, also not once the log is longer than what was known.
        let ana = w.person("ana");
        for n in 0..5 {
            ana.declares(&format!("Another past {n}"), "sev3").await;
        }
        assert!(w.size().await > known);
        until("the signer noticed the fork", async || ready.gets("/readyz").await.text().contains("not the ones that were signed before"))
            .await;
        let signed = w.database.number("SELECT MAX(size) FROM checkpoint").await;
        assert!(signed < known, "{signed} events were signed");

        // Whoever removes the memory beside the key as well gets no signature, either: the witness is asked first.
        w.stops().await;
        fs::remove_file(w.path("log.checkpoint")).expect("the memory beside the key");
        w.starts().await;
        w.person("ana").declares("Signed by the thief", "sev3").await;
        let ready = w.person("aud");
        until("the witness was asked, and stopped the signer", async || ready.gets("/readyz").await.text().contains("has cosigned")).await;
        assert_eq!(ready.gets("/readyz").await.status, 503);
        assert_eq!(w.database.number(&format!("SELECT COUNT(*) FROM checkpoint WHERE size > {copied}")).await, 0, "a fork was signed");
        w.stops().await;
        witness.stop().await;
        w.leave_broken();
    });
}

#[test]
fn a_log_without_its_key_file_does_not_start_and_a_readable_one_is_refused() {
    tell(Kind::Sqlite, async |w| {
        w.person("ana").declares("Signed", "sev3").await;
        w.signed().await;
        w.stops().await;
        let (key, kept) = (w.path("log.key"), w.path("kept.key"));
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&key).expect("the key").permissions()) & 0o777, 0o600);
        copy(&key, &kept);
        fs::remove_file(&key).expect("the key");
        let error = w.starts_in("").await.expect_err("there is no key");
        assert!(format!("{error:#}").contains("there is no key file at"), "{error:#}");
        assert!(!key.exists(), "no second key was made");
        copy(&kept, &key);
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("everybody may read it");
        let error = w.starts_in("").await.expect_err("others may read the key");
        assert!(format!("{error:#}").contains("chmod 600"), "{error:#}");
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("for its owner alone");
        w.starts().await;
    });
}
