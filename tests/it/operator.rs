//! What an operator meets at the command line: tables of people, a look at the machine, databases that do not open, and
//! a service that was started without anything.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::cli::{begun, done, json, run};
use super::machine::{Running, free_port};
use super::server;

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = fs::read_dir(folder).expect("a folder").map(name).collect();
    // SQLite's own, which come and go.
    names.retain(|name| !name.ends_with("-shm") && !name.ends_with("-wal"));
    names.sort();
    names
}

#[test]
fn a_table_of_people_is_imported_whole_or_not_at_all() {
    let home = begun();
    let at = home.path();
    let table = at.join("people.csv");
    fs::write(&table, "email,name,roles\nbo@example.com,Bo Chen,responder\nnobody,Cy,king\nbo@example.com,Bo,responder\n")
        .expect("a table");
    let refused = run(at, &["people", "import", "people.csv"]);
    assert_eq!(refused.code, 2, "{}", refused.out);
    for line in
        ["line 3: \"nobody\" is not an e-mail address", "line 3: there is no role king", "line 4: bo@example.com stands in line 2 already"]
    {
        assert!(refused.err.contains(line), "{line}: {}", refused.err);
    }
    assert_eq!(json(at, &["people", "list", "--json"]).as_array().map(Vec::len), Some(1), "nobody was added");

    fs::write(&table, "name,email,roles\r\n\"Chen, Bo\",Bo@Example.com,\"responder, auditor\"\r\nAna,ana@example.com,auditor\r\n")
        .expect("a table");
    let first = json(at, &["people", "import", "people.csv", "--json"]);
    assert_eq!((first["added"][0]["email"].as_str(), first["known"][0].as_str()), (Some("bo@example.com"), Some("ana@example.com")));
    let people = json(at, &["people", "list", "--json"]);
    let of = |email: &str| people.as_array().into_iter().flatten().find(|p| p["email"] == email).cloned().expect("somebody");
    assert_eq!(
        (&of("bo@example.com")["name"], &of("bo@example.com")["roles"]),
        (&Value::from("Chen, Bo"), &serde_json::json!(["auditor", "responder"]))
    );
    assert_eq!(of("ana@example.com")["roles"], serde_json::json!(["administrator"]), "who was there is left as they were");
    let again = done(at, &["people", "import", "people.csv"]);
    assert!(again.contains("Nobody was added") && again.contains("left as they were: bo@example.com, ana@example.com"), "{again}");
    assert!(done(at, &["people", "invite", "bo@example.com"]).contains("signs in once"));
}

#[test]
fn a_doctor_looks_and_changes_nothing() {
    let home = begun();
    let at = home.path();
    fs::remove_dir(at.join("attachments")).expect("it is empty");
    let before = names(at);
    let said = run(at, &["doctor"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("there is no folder for attachments"), "{}", said.out);
    assert_eq!(names(at), before, "nothing was made");
    let findings = json(at, &["doctor", "--json"]);
    for finding in findings["findings"].as_array().expect("a list").iter().filter(|f| f["state"] != "ok") {
        assert!(finding["to_do"].as_str().is_some_and(|to_do| !to_do.is_empty()), "{finding}");
    }
}

#[test]
fn a_doctor_finds_the_service_where_it_really_listens() {
    let home = begun();
    let at = home.path();
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = server::program();
    command.current_dir(at).args(["serve", "--listen", &address]);
    let mut program = Running::spawn(command);
    program.wait_for("listening");
    let said = run(at, &["doctor"]);
    assert!(said.out.contains(&format!("it answers at {address}")), "{}", said.out);
    drop(program);
    assert!(run(at, &["doctor"]).out.contains("nothing answers at"), "a service that ended is not taken for a running one");
}

#[test]
fn a_database_that_does_not_open_is_told_with_what_to_do() {
    let home = begun();
    let at = home.path();
    fs::write(at.join("other.txt"), "no database ".repeat(400)).expect("a file");
    let cases = [
        ("sqlite:other.txt", "is not a SQLite database"),
        ("sqlite:playbooks", "is a folder"),
        ("sqlite:no/such.db", "there is no database at"),
        ("postgres://ana:s3cret@127.0.0.1:1/x", "nothing answers at 127.0.0.1:1/x; look whether PostgreSQL runs there"),
    ];
    for (database, sentence) in cases {
        let file = at.join("other.toml");
        fs::write(&file, format!("database = {database:?}\n")).expect("a configuration");
        for command in [&["people", "list"][..], &["keys", "show"], &["doctor"]] {
            let said = run(at, &[command, &["--config", "other.toml"]].concat());
            let all = format!("{}{}", said.out, said.err);
            if database.starts_with("sqlite:no") && command[0] == "keys" {
                continue;
            }
            assert_ne!(said.code, 0, "{command:?} {all}");
            assert!(all.contains(sentence), "{command:?} on {database}: {all}");
            assert!(!all.contains("s3cret") && !all.contains("(code:"), "{all}");
        }
    }
    let said = run(at, &["verify", "--database", "postgres://ana:s3cret@127.0.0.1:1/x"]);
    assert_eq!(said.code, 2);
    assert!(said.out.contains("nothing answers at 127.0.0.1:1/x") && !said.out.contains("s3cret"), "{}", said.out);
}

#[test]
fn serving_without_anything_founds_a_log_and_says_how_to_get_in() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let at = home.path();
    let mut command = server::program();
    command.current_dir(at).args(["serve", "--listen", "127.0.0.1:0"]);
    let mut program = Running::spawn(command);
    let begins = program.wait_for("there is no configuration here");
    for words in
        ["a new log begins in countersign.db", "signed by log.key", "countersign people add EMAIL --name NAME --role administrator"]
    {
        assert!(begins.contains(words), "{words}: {begins}");
    }
    let listening = program.wait_for("listening");
    let line: Value = serde_json::from_str(&listening).expect("JSON where nobody looks");
    let address = line["fields"]["address"].as_str().expect("an address");
    assert!(listening.contains(&format!("people open http://{address}/console/")), "{listening}");
    let added = json(at, &["people", "add", "ana@example.com", "--name", "Ana", "--role", "administrator", "--json"]);
    assert!(added["link"].as_str().is_some_and(|link| link.contains("/console/sign-in#")), "{added}");
    drop(program);
    let mut command = server::program();
    command.current_dir(at).args(["serve", "--listen", "127.0.0.1:0"]);
    let mut again = Running::spawn(command);
    assert!(!again.wait_for("\"message\"").contains("a new log"), "said once");
}

#[test]
fn an_anchor_beside_the_record_proves_nothing() {
    let home = begun();
    let at = home.path();
    fs::write(at.join("our.vkey"), done(at, &["keys", "show"])).expect("a file");
    done(at, &["export", "--all", "--out", "bundle", "--folder"]);
    fs::copy(at.join("bundle/log/checkpoint"), at.join("beside")).expect("a copy");
    fs::create_dir(at.join("elsewhere")).expect("a folder");
    fs::copy(at.join("beside"), at.join("elsewhere/kept")).expect("a copy");
    let verify = |what: &[&str], anchor: &str| run(at, &[&["verify"][..], what, &["--key", "our.vkey", "--anchor", anchor]].concat());
    let database = ["--database", "sqlite:countersign.db"];
    for (what, anchor, code) in [
        (&["bundle"][..], "bundle/log/checkpoint", 3),
        (&["bundle"], "beside", 0),
        (&database, "beside", 3),
        (&database, "elsewhere/kept", 0),
    ] {
        let said = verify(what, anchor);
        assert_eq!(said.code, code, "{what:?} {anchor}: {}", said.out);
        assert_eq!(said.out.contains("the anchor lies beside the record"), code == 3, "{}", said.out);
    }
}

#[test]
fn a_witness_shows_its_own_key() {
    let home = begun();
    let at = home.path();
    let nobodys = run(at, &["keys", "show", "--witness"]);
    assert_eq!(nobodys.code, 2);
    assert!(nobodys.err.contains("nobody's witness"), "{}", nobodys.err);
    let log = done(at, &["keys", "show"]);
    let place = at.join("countersign.toml");
    let text = fs::read_to_string(&place).expect("a configuration");
    fs::write(&place, format!("{text}\n[witness]\nname = \"w.example.com/witness\"\nlogs = [{{ vkey = {:?} }}]\n", log.trim()))
        .expect("a configuration");
    let early = run(at, &["keys", "show", "--witness"]);
    assert!(early.err.contains("the first start of `serve` makes one"), "{}", early.err);
    let mut command = server::program();
    command.current_dir(at).args(["serve", "--listen", "127.0.0.1:0"]);
    let mut program = Running::spawn(command);
    program.wait_for("listening");
    let shown = done(at, &["keys", "show", "--witness"]);
    assert!(shown.starts_with("w.example.com/witness+"), "{shown}");
    assert_eq!(json(at, &["keys", "show", "--witness", "--json"])["witness_vkey"], shown.trim());
}

#[test]
fn init_writes_the_zone_and_refuses_one_that_does_not_exist() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let init = |zone: &str| {
        let arguments = ["init", "--admin-name", "Ana", "--admin-email", "ana@example.com", "--yes", "--json", "--zone", zone];
        run(home.path(), &arguments)
    };
    let wrong = init("Europe/Viena");
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("is not a time zone of the IANA list"), "{}", wrong.err);
    assert!(names(home.path()).is_empty(), "a refusal leaves nothing behind");
    let said = init("Europe/Vienna");
    assert_eq!(said.code, 0, "{}", said.err);
    let answer: Value = serde_json::from_str(&said.out).expect("--json prints JSON");
    assert_eq!(answer["zone"], "Europe/Vienna");
    let organisation = fs::read_to_string(home.path().join("playbooks/organisation.yaml")).expect("playbooks");
    assert!(organisation.contains("\nzone: Europe/Vienna\n"), "{organisation}");
}
