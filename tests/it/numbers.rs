//! Numbers without gaps, whoever asks at once and whatever is refused in between.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::json;

use super::world::{Kind, World, on_both};

/// A trigger that makes the database itself refuse one sealed value, in the middle of the commit.
fn poison(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => {
            "CREATE TRIGGER poison BEFORE INSERT ON sealed WHEN NEW.bytes = CAST('poison' AS BLOB) BEGIN SELECT RAISE(ABORT, 'poison'); END"
        }
        Kind::Postgres => {
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = '23514'; END $$;
             CREATE TRIGGER poison BEFORE INSERT ON sealed FOR EACH ROW WHEN (NEW.bytes = 'poison'::bytea) EXECUTE FUNCTION poison();"
        }
    }
}

// proves: REC-09
async fn a_thousand_at_once_and_the_numbers_have_no_gap(w: &mut World) {
    w.database.execute(poison(w.database.kind)).await.expect("a trigger");
    let people: Vec<_> = ["ana", "ben", "max", "mia"].map(|name| w.person(name)).into();
    let answers: Vec<(usize, u16, serde_json::Value)> = stream::iter(0..1000)
        .map(|n| {
            let person = people[n % people.len()].clone();
            async move {
                let answer = match (n % 10, n % 400) {
                    // Four ways of being refused: by the form, by the procedure, by nobody's key, and by the database.
                    (0, _) => person.opens(json!({ "title": "x".repeat(500) })).await,
                    (1, _) => person.opens(json!({ "severity": "sev3" })).await,
                    (2, _) => person.without_pass().opens(json!({ "title": "Whoever" })).await,
                    (3, 103) => person.opens(json!({ "title": "poison" })).await,
                    _ => person.opens(json!({ "title": format!("Number {n}") })).await,
                };
                (n, answer.status, answer.json())
            }
        })
        .buffer_unordered(100)
        .collect()
        .await;
    let mut numbers = BTreeSet::new();
    for (n, status, answer) in &answers {
        let expected = match (n % 10, n % 400) {
            (0 | 1, _) | (3, 103) => 422,
            (2, _) => 401,
            _ => 201,
        };
        assert_eq!(*status, expected, "request {n}: {answer}");
        if expected == 201 {
            assert!(numbers.insert(answer["ticket"].as_str().expect("a number").to_owned()), "{answer} twice");
        } else if n % 10 == 3 {
            assert_eq!(answer["code"], "Unfit");
        }
    }
    let wanted: BTreeSet<String> = (1..=697).map(|n| format!("INC-{n:06}")).collect();
    assert_eq!(numbers, wanted);
    assert_eq!(w.log_of("TicketOpened").await.len(), 697);
    assert_eq!(w.person("aud").gets("/readyz").await.status, 200, "poisoned requests do not stop the service");
    let manifest = std::fs::read_to_string(w.exported().await.join("manifest.json")).expect("the bundle's manifest");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    let whole = &manifest["completeness"]["incident"];
    assert_eq!((&whole["count"], &whole["gaps"]), (&json!(697), &json!(0)), "{}", manifest["completeness"]);
}
on_both!(a_thousand_at_once_and_the_numbers_have_no_gap);
