//! What is handed out, and to whom.

use std::collections::BTreeMap;
use std::path::Path;

use countersign::env::Timestamp;
use serde_json::{Value, json};

use super::world::proof::sha256;
use super::world::{World, labels, minutes, on_both};

/// Every file below a folder, by its path.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder").filter_map(Result::ok) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(folder).expect("below it").display().to_string();
                files.insert(name, std::fs::read(entry.path()).expect("a file"));
            }
        }
    }
    files
}

// proves: EXP-05
async fn a_second_export_of_an_unchanged_record_is_the_same_to_the_byte(w: &mut World) {
    let ana = w.person("ana");
    let inc = ana.declares("Kept", "sev3").await;
    ana.files(&inc, "a.txt", b"evidence", Some("contain"), None).await.done();
    // Over, so that no clock of it runs on.
    w.person("mia").takes("void", &inc, json!({ "reason": "A drill." })).await.done();
    let first = files(&w.exported().await);
    // The export itself was recorded, and signed by the running service; that changes nothing of what is exported.
    for again in ["second", "third"] {
        w.starts().await;
        w.signed().await;
        w.stops().await;
        let (code, words) = w.runs(&["export", "--all", "--folder", "--out", again]).await;
        assert_eq!(code, 0, "{words}");
        assert!(files(&w.path(again)) == first, "the {again} export differs");
    }
    assert_eq!(w.log_of("Exported").await.len(), 3, "each is on record all the same");
    // Once something happened, the difference is just that. The command line recorded by the real clock.
    let latest = w.log().await.pop().and_then(|event| Timestamp::parse(event["at"].as_str()?)).expect("a time");
    w.clock.advance(latest.since(w.now()) + minutes(1));
    w.starts().await;
    w.person("ana").notes(&inc, "One more thing.").await.done();
    w.signed().await;
    w.stops().await;
    let (code, words) = w.runs(&["export", "--all", "--folder", "--out", "later"]).await;
    assert_eq!(code, 0, "{words}");
    let later = files(&w.path("later"));
    for name in ["attachments", "playbooks"] {
        let of = |files: &BTreeMap<String, Vec<u8>>| files.clone().into_iter().filter(|(n, _)| n.starts_with(name)).collect::<Vec<_>>();
        assert!(of(&later) == of(&first), "{name} did not change");
    }
    assert!(later["sealed.jsonl"].starts_with(&first["sealed.jsonl"]), "what was there before stands there as before");
    assert_ne!(later["manifest.json"], first["manifest.json"]);
}
on_both!(a_second_export_of_an_unchanged_record_is_the_same_to_the_byte);

// proves: EXP-07
async fn only_who_may_export_does_and_each_time_is_on_record(w: &mut World) {
    w.person("ana").declares("Private", "sev3").await;
    w.signed().await;
    w.stops().await;
    for (name, why) in [
        ("ana", "ana@example.com has no role that may export"),
        ("lea@example.com", ""),
        ("nil", "nil@example.com has no role that may export"),
    ] {
        let by = if name.contains('@') { name.to_owned() } else { format!("{name}@example.com") };
        let (code, words) = w.runs(&["export", "--all", "--out", &format!("{name}.zip"), "--by", &by]).await;
        // Of lea's roles, compliance exports; the others may not.
        if name.starts_with("lea") {
            assert_eq!(code, 0, "{words}");
            continue;
        }
        assert!(code != 0 && words.contains(why), "{name}: {code} {words}");
        assert!(!w.path(&format!("{name}.zip")).exists(), "{name} got a bundle");
    }
    let recorded = w.log_of("Exported").await;
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0]["actor"]["id"], json!(w.id_of("lea")));
    assert_eq!(recorded[0]["data"]["tickets"], 1);
}
on_both!(only_who_may_export_does_and_each_time_is_on_record);

// proves: INC-03, INC-14
async fn an_export_names_the_procedure_how_far_it_was_followed_and_where_not(w: &mut World) {
    let (ana, mia) = (w.person("ana"), w.person("mia"));
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    let inc = "INC-000001";
    ana.acknowledges(inc).await.done();
    for (step, line) in [("contain", "Held."), ("eradicate", "Gone."), ("recover", "Back.")] {
        ana.takes(step, inc, json!({ "line": line })).await.done();
    }
    ana.ticks(inc, 1).await.done();
    ana.waives_task(inc, 2, "There is no status page.").await.done();
    ana.ticks(inc, 3).await.done();
    ana.waives_evidence(inc, "eradicate", "It is in version control.").await.done();
    let by_hand = mia.declares("Somebody called", "sev3").await;
    let bundle = w.exported().await;
    let lines = std::fs::read_to_string(bundle.join("tickets.jsonl")).expect("the tickets of the bundle");
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
    let row = rows.iter().find(|row| row["number"] == inc).expect("the incident");
    let followed = &row["followed"];
    let digest = followed["procedure"].as_str().expect("a digest");
    let procedure = std::fs::read(bundle.join(format!("playbooks/{digest}.yaml"))).expect("the procedure is in the bundle");
    assert_eq!(sha256(&procedure), digest);
    assert!(String::from_utf8_lossy(&procedure).contains("kind: incident"));
    assert_eq!(followed["response"]["name"], "outage");
    let response = followed["response"]["digest"].as_str().expect("a digest");
    assert!(bundle.join(format!("playbooks/{response}.yaml")).exists());
    // Four tasks: two done, one waived, one open.
    assert_eq!((&followed["tasks"], &followed["done"], &followed["waived"]), (&json!(4), &json!(2), &json!(1)), "{followed}");
    assert_eq!((&followed["completion_percent"], &row["completion_percent"]), (&json!(50), &json!(50)));
    let deviations: Vec<(&str, &str)> = followed["deviations"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|d| (d["what"].as_str().unwrap_or_default(), d["of"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(deviations.len(), 2, "{deviations:?}");
    assert_eq!((deviations[0].0, deviations[1]), ("task waived", ("evidence waived", "eradicate")));
    let disclosed = w.disclosed(&bundle);
    for reason in ["There is no status page.", "It is in version control."] {
        assert!(disclosed.contains(&("reason".to_owned(), reason.to_owned())), "{reason} is not in the bundle");
    }
    let table = std::fs::read_to_string(bundle.join("tickets.csv")).expect("the table");
    assert!(table.lines().next().is_some_and(|head| head.contains("kind_digest,completion_percent")), "{table}");

    // Whatever way it came in, it says how it came to light.
    let incidents = rows.iter().filter(|row| row["kind"] == "incident");
    let detected: Vec<(&Value, &Value)> = incidents.map(|row| (&row["number"], &row["fields"]["detection_source"])).collect();
    assert_eq!(detected, [(&json!(inc), &json!("alert")), (&json!(by_hand), &json!("report"))]);
}
on_both!(an_export_names_the_procedure_how_far_it_was_followed_and_where_not);
