//! What people send, before it is sealed.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::ticket::bench::Bench;
use crate::ticket::command::{FieldInput, Fields};
use crate::ticket::fields::{FieldProblem, MAX_LINE, MAX_TEXT, check, fitted, seal, text};

fn send(field: &str, value: Value) -> Result<Fields, Vec<FieldProblem>> {
    let b = Bench::new();
    let kind = &b.library.kinds["incident"];
    let sealed = seal(kind, &b.library, &BTreeMap::from([(field.to_owned(), value)]), &mut || [9; 32])?;
    check(kind, &b.library, &sealed).expect("what was sealed stands the second check");
    Ok(sealed)
}

fn stored(field: &str, value: Value) -> String {
    match &send(field, value).unwrap()[field] {
        FieldInput::Plain(value) => value.to_string(),
        FieldInput::Sealed(sealed) => format!("sealed {}", String::from_utf8_lossy(&sealed.bytes)),
    }
}

fn refused(field: &str, value: Value) -> String {
    let problems = send(field, value).unwrap_err();
    assert_eq!(problems.len(), 1);
    problems[0].sentence()
}

#[test]
fn values_are_read_as_people_write_them_and_stored_in_one_way() {
    assert_eq!(stored("title", json!("  db down \r\n")), "sealed db down");
    assert_eq!(stored("root_cause", json!("one\r\ntwo")), "sealed one\ntwo");
    assert_eq!(stored("severity", json!(" sev1 ")), "\"sev1\"");
    assert_eq!(stored("data_involved", json!(["none", "cui", "cui"])), "[\"cui\",\"none\"]");
    assert_eq!(stored("data_involved", json!("cui, none")), "[\"cui\",\"none\"]");
    assert_eq!(stored("systems_affected", json!("db-2\ndb-1")), "sealed [\"db-1\",\"db-2\"]");
    assert_eq!(stored("class", json!("fraud/phishing")), "\"fraud/phishing\"");
    assert_eq!(stored("hosts", json!("7")), "7");
    assert_eq!(stored("customer_told", json!("yes")), "true");
    assert_eq!(stored("noticed_at", json!("2026-03-01T04:00:00+01:00")), "\"2026-03-01T03:00:00.000000Z\"");
    assert_eq!(stored("parent", json!("inc-7")), "\"INC-000007\"");
    assert_eq!(stored("reporter", json!("p_ana")), "\"p_ana\"");
}

#[test]
fn an_empty_value_clears_its_field() {
    for (field, value) in [
        ("title", json!("  ")),
        ("severity", json!(null)),
        ("data_involved", json!([])),
        ("data_involved", json!(" , ")),
        ("systems_affected", json!(",,")),
    ] {
        assert_eq!(stored(field, value), "null", "{field}");
    }
}

#[test]
fn what_cannot_stand_is_told_in_words_that_help() {
    assert_eq!(refused("severity", json!("sev9")), "Severity has no such choice; did you mean “sev1”?");
    assert_eq!(refused("severity", json!("catastrophe")), "Severity must be one of sev1, sev2, sev3, sev4.");
    assert_eq!(refused("class", json!("phishing")), "Class has no such choice; did you mean “fraud/phishing”?");
    assert_eq!(refused("title", json!("a\nb")), "Title must be one line.");
    assert_eq!(refused("title", json!("x".repeat(201))), "Title is too long: at most 200 characters.");
    assert_eq!(refused("root_cause", json!("x".repeat(MAX_TEXT + 1))), "Root cause is too long: at most 10000 characters.");
    assert_eq!(refused("title", json!("a\u{0}b")), "Title holds characters that cannot be seen; please type it again.");
    assert_eq!(refused("title", json!("abc\u{202e}txt.exe")), "Title holds characters that cannot be seen; please type it again.");
    assert_eq!(refused("hosts", json!(101)), "Hosts must be a whole number from 0 to 100.");
    assert_eq!(refused("hosts", json!(1.5)), "Hosts must be a whole number from 0 to 100.");
    assert_eq!(refused("noticed_at", json!("yesterday")), "Noticed at must be a time with its zone, such as 2026-03-01T03:04:00Z.");
    assert_eq!(refused("systems_affected", json!(["none", "db-1"])), "Systems affected is either “none” or a list of systems, not both.");
    assert_eq!(refused("systems_affected", json!(vec!["x"; 51])), "Systems affected holds too many: at most 50.");
    assert_eq!(refused("severty", json!("sev1")), "“severty” is not a field of this kind; did you mean “severity”?");
    assert_eq!(refused("title", json!({"a": 1})), "Title must be text.");
}

#[test]
fn a_value_from_another_version_of_the_procedure_is_looked_at_again() {
    let b = Bench::new();
    let kind = &b.library.kinds["incident"];
    let problem = |name: &str, input: FieldInput| {
        check(kind, &b.library, &BTreeMap::from([(name.to_owned(), input)])).unwrap_err()[0].problem.clone()
    };
    assert_eq!(problem("title", FieldInput::Plain(json!("plain"))), "must be sealed; please send it again");
    assert_eq!(problem("severity", FieldInput::Sealed(crate::ticket::bench::text("sev1"))), "is not sealed any more; please send it again");
    assert_eq!(problem("data_involved", FieldInput::Plain(json!(["none", "cui"]))), "is not in its canonical form; please send it again");
    assert_eq!(problem("title", FieldInput::Sealed(crate::ticket::bench::text(""))), "is empty; please leave it out");
    assert_eq!(problem("gone", FieldInput::Plain(json!(1))), "is not a field of this kind");
}

#[test]
fn a_tools_title_always_fits() {
    assert_eq!(fitted(" db\n down\u{0}\u{202e} "), "db down");
    let cut = fitted(&"ä".repeat(5_000));
    assert_eq!((cut.chars().count(), cut.ends_with('…')), (MAX_LINE, true));
    assert_eq!(stored("title", json!(cut)), format!("sealed {cut}"));
}

#[test]
fn free_text_is_bounded_before_it_is_copied() {
    assert_eq!(text(" a ", 10), Ok(Some("a".into())));
    assert_eq!(text(" \n ", 10), Ok(None));
    assert!(text(&"x".repeat(1_000_000), 10).is_err());
}

proptest! {
    #[test]
    fn whatever_is_sent_is_stored_canonically_or_refused(value in any_json()) {
        for field in Bench::new().library.kinds["incident"].fields.keys() {
            if let Err(problems) = send(field, value.clone()) {
                prop_assert!(!problems[0].sentence().is_empty());
            }
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "(sev[1-4]|none|cui|yes|INC-[0-9]{1,3}| |,){0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..3).prop_map(|m| json!(m)),
        ]
    })
}
