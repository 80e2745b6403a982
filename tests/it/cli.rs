//! The command line as people use it: the built program, its words, its exit codes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

use super::machine::free_port;

/// What a command said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs the program in `folder`, with nothing of ours in its environment and nobody to ask.
pub fn run(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERSIGN_")) {
        command.env_remove(name);
    }
    let Output { status, stdout, stderr } =
        command.current_dir(folder).args(arguments).stdin(Stdio::null()).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what it says is text");
    Said { code: status.code().expect("it ends by itself"), out: text(stdout), err: text(stderr) }
}

/// Runs a command that has to succeed, and gives what it printed.
pub fn done(folder: &Path, arguments: &[&str]) -> String {
    let said = run(folder, arguments);
    assert_eq!(said.code, 0, "{arguments:?} said {}{}", said.out, said.err);
    said.out
}

pub fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&done(folder, arguments)).expect("--json prints JSON")
}

const INIT: [&str; 10] = [
    "init",
    "--profile",
    "soc2",
    "--admin-name",
    "Ana Moreau",
    "--admin-email",
    "ana@example.com",
    "--public-url",
    "https://countersign.example.com",
    "--yes",
];

/// A folder in which `init` has run. Nobody else on this machine is at the address that it names.
pub fn begun() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    done(folder.path(), &INIT);
    let configuration = folder.path().join("countersign.toml");
    let text = fs::read_to_string(&configuration).expect("a configuration");
    fs::write(configuration, text.replace("127.0.0.1:8080", &format!("127.0.0.1:{}", free_port()))).expect("a configuration");
    folder
}

#[test]
fn a_service_is_begun_checked_peopled_exported_and_verified() {
    let home = begun();
    let at = home.path();
    let added = json(at, &["people", "add", "Eve@Example.com", "--name", "Eve", "--role", "auditor", "--json"]);
    assert_eq!(added["email"], "eve@example.com");
    assert!(added["link"].as_str().expect("a link").starts_with("https://countersign.example.com/"), "{added}");
    let people = json(at, &["people", "list", "--json"]);
    assert_eq!(people.as_array().expect("a list").len(), 2);
    let doctor = json(at, &["doctor", "--json"]);
    assert_eq!(doctor["ok"], true, "{doctor}");
    let vkey = done(at, &["keys", "show"]);
    assert!(vkey.starts_with("countersign.example.com/log+"), "{vkey}");
    fs::write(at.join("our.vkey"), &vkey).expect("a file");
    let exported = json(at, &["export", "--all", "--by", "eve@example.com", "--out", "bundle", "--folder", "--json"]);
    assert_eq!(exported["position"], 6, "the log, its playbooks, and two people with a link each");
    let consistent = run(at, &["verify", "bundle", "--key", "our.vkey"]);
    assert_eq!(consistent.code, 3, "{}", consistent.out);
    assert!(!consistent.out.contains("demonstration"), "{}", consistent.out);
    fs::copy(at.join("bundle/log/checkpoint"), at.join("kept")).expect("a copy");
    let proven = run(at, &["verify", "bundle", "--key", "our.vkey", "--anchor", "kept"]);
    assert_eq!(proven.code, 0, "{}", proven.out);
    let database = run(at, &["verify", "--database", "sqlite:countersign.db", "--attachments", "attachments", "--key", "our.vkey"]);
    assert_eq!(database.code, 3, "{}", database.out);
    assert!(database.out.contains("rebuilt from the events, and is the same"), "{}", database.out);
    fs::write(at.join("bundle/people.csv"), "person\r\n").expect("a file");
    let damaged = run(at, &["verify", "bundle", "--key", "our.vkey", "--anchor", "kept"]);
    assert_eq!(damaged.code, 1, "{}", damaged.out);
    assert!(damaged.out.contains("people.csv"), "{}", damaged.out);
}

#[test]
fn wrong_usage_ends_with_2_and_a_sentence_that_says_what_to_do() {
    let home = begun();
    let cases: [(&[&str], &str); 13] = [
        (&["init", "--dir", "new"], "--profile, --admin-name, --admin-email must be given"),
        (&["init", "--profile", "iso", "--admin-name", "A", "--admin-email", "a@example.com"], "there are cmmc, small-team, soc2"),
        (&["init", "--profile", "soc2", "--admin-name", "A", "--admin-email", "nobody", "--dir", "new"], "is not an e-mail address"),
        (&["people", "add", "bo@example.com", "--name", "Bo", "--role", "king"], "there is no role king; organisation.yaml has"),
        (&["people", "key", "bo@example.com"], "I know nobody by bo@example.com"),
        (&["people", "disable", "ana@example.com", "--why", "left"], "the last person who may administer"),
        (&["people", "list", "--config", "none.toml"], "run `countersign init` to make one"),
        (&["playbooks", "adopt", "--why", " "], "say why"),
        (&["playbooks", "show", "party"], "there is no kind party; there are access, change, change-model,"),
        (&["export", "--out", "x.zip"], "say what to export: --all"),
        (&["export", "--out", "x.zip", "--ticket", "INC-000007"], "there is no ticket INC-000007; nothing was exported"),
        (&["export", "--out", "x.zip", "--all", "--by", "bo@example.com"], "I know nobody by bo@example.com"),
        (&["verify", "countersign.toml", "--quorum", "1"], "--witness"),
    ];
    for (arguments, sentence) in cases {
        let said = run(home.path(), arguments);
        assert_eq!(said.code, 2, "{arguments:?} said {}{}", said.out, said.err);
        assert!(said.err.contains(sentence), "{arguments:?} should say {sentence:?}, but said {}", said.err);
    }
    assert!(!home.path().join("x.zip").exists() && !home.path().join("new").exists(), "a refusal leaves nothing behind");
    let unreadable = run(home.path(), &["verify", "nowhere.zip"]);
    assert_eq!(unreadable.code, 2, "{}", unreadable.out);
}

#[test]
fn init_and_export_overwrite_nothing() {
    let home = begun();
    let before = fs::read(home.path().join("countersign.toml")).expect("a configuration");
    let said = run(home.path(), &INIT);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("Nothing is ever overwritten"), "{}", said.err);
    assert_eq!(fs::read(home.path().join("countersign.toml")).expect("a configuration"), before);
    fs::write(home.path().join("taken.zip"), "mine").expect("a file");
    let said = run(home.path(), &["export", "--all", "--out", "taken.zip"]);
    assert_eq!(said.code, 2);
    assert_eq!(fs::read_to_string(home.path().join("taken.zip")).expect("a file"), "mine");
}

#[cfg(unix)]
#[test]
fn secrets_that_init_makes_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = begun();
    for (name, wanted) in [("log.key", 0o600), ("secrets/alertmanager.token", 0o600), ("secrets", 0o700), ("attachments", 0o700)] {
        let mode = fs::metadata(home.path().join(name)).expect(name).permissions().mode() & 0o777;
        assert_eq!(mode, wanted, "{name} has mode {mode:o}");
    }
}

#[test]
fn a_log_never_gets_a_second_key() {
    let home = begun();
    let at = home.path();
    let own = done(at, &["keys", "show"]);
    fs::rename(at.join("log.key"), at.join("log.key.away")).expect("the key is moved away");
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["keys", "init"], &["export", "--all", "--out", "x.zip"]] {
        let said = run(at, arguments);
        assert_eq!(said.code, 2, "{arguments:?} said {}{}", said.out, said.err);
        assert!(said.err.contains(own.trim()) && said.err.contains("never gets a second key"), "{arguments:?} said {}", said.err);
        assert!(!at.join("log.key").exists(), "{arguments:?} made a second key");
    }
    assert_eq!(done(at, &["keys", "show"]), own, "the log itself knows its key");
    let doctor = run(at, &["doctor"]);
    assert_eq!(doctor.code, 1);
    assert!(doctor.out.contains("FAIL  key"), "{}", doctor.out);
    let other = begun();
    fs::copy(other.path().join("log.key"), at.join("log.key")).expect("another log's key");
    let refused = run(at, &["export", "--all", "--out", "x.zip"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("is signed by the key"), "{}", refused.err);
    assert!(!at.join("x.zip").exists());
}

#[test]
fn playbooks_are_checked_with_their_places_adopted_and_only_then_served() {
    let home = begun();
    let at = home.path();
    assert!(done(at, &["playbooks", "check"]).contains("nothing to correct"));
    assert!(done(at, &["playbooks", "show", "incident"]).contains("Incident"));
    let place = at.join("playbooks/organisation.yaml");
    let text = fs::read_to_string(&place).expect("a playbook");
    fs::write(&place, text.replace("public_log: false", "public_log: perhaps")).expect("a playbook");
    let found = run(at, &["playbooks", "check"]);
    assert_eq!(found.code, 1, "{}", found.out);
    let line = found.out.lines().next().expect("a finding");
    assert!(line.starts_with("playbooks/organisation.yaml:") && line.split(':').count() >= 4, "{line}");
    fs::write(&place, text.replace("late_after: ", "late_after: 1")).expect("a playbook");
    let refused = run(at, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("organisation.yaml differs"), "{}", refused.err);
    assert!(run(at, &["doctor"]).out.contains("FAIL  playbooks"));
    assert!(done(at, &["playbooks", "adopt", "--why", "Longer nights"]).contains("organisation.yaml differs"));
    assert!(done(at, &["playbooks", "adopt", "--why", "Again"]).contains("nothing was recorded"));
    assert_eq!(run(at, &["doctor"]).code, 0);
}

#[test]
fn several_administrators_have_to_say_who_they_are() {
    let home = begun();
    let at = home.path();
    done(at, &["people", "add", "fay@example.com", "--name", "Fay", "--role", "administrator"]);
    let said = run(at, &["people", "add", "bo@example.com", "--name", "Bo", "--role", "responder"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("--by EMAIL"), "{}", said.err);
    let as_bo = ["people", "add", "bo@example.com", "--name", "Bo", "--role", "responder", "--by", "fay@example.com"];
    done(at, &as_bo);
    let said = run(at, &["people", "add", "x@example.com", "--name", "X", "--role", "responder", "--by", "bo@example.com"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("may administer"), "{}", said.err);
}

#[tokio::test]
async fn a_projection_that_no_event_made_is_found_in_the_database() {
    let home = begun();
    let database = home.path().join("countersign.db");
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&format!("sqlite://{}", database.display())).await.expect("the database opens");
    sqlx::raw_sql("UPDATE person SET state = replace(state, 'administrator', 'auditor')").execute(&mut connection).await.expect("a change");
    connection.close().await.expect("it closes");
    let said = run(home.path(), &["verify", "--database", "sqlite:countersign.db"]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("in the database is not what its events make it"), "{}", said.out);
}

#[test]
fn the_story_plays_by_itself_proves_itself_and_stays_a_demonstration() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let at = home.path();
    let story = run(at, &["demo", "--script", "--data", "d"]);
    assert_eq!(story.code, 0, "{}{}", story.out, story.err);
    let keys = ["--key", "d/log.vkey", "--witness", "d/witness.vkey"];
    let proven = run(at, &[&["verify", "d/bundle.zip"][..], &keys].concat());
    assert_eq!(proven.code, 0, "{}", proven.out);
    assert!(proven.out.contains("(demonstration)"), "{}", proven.out);
    let database = run(at, &[&["verify", "--database", "sqlite:d/countersign.db", "--attachments", "d/attachments"][..], &keys].concat());
    assert!(matches!(database.code, 0 | 3), "{}", database.out);
    let configuration: PathBuf = at.join("real.toml");
    fs::write(&configuration, "database = \"sqlite:d/countersign.db\"\n[log]\nkey = \"d/log.key\"\n").expect("a file");
    let refused = run(at, &["serve", "--config", "real.toml", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("a demonstration never becomes a record"), "{}", refused.err);
    let again = run(at, &["demo", "--script", "--data", "d"]);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("empty folder"), "{}", again.err);
}
