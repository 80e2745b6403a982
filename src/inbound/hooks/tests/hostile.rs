//! Deliveries that are wrong, absurd or malicious: a clear answer, and no genuine alert lost over a detail.

use proptest::prelude::*;
use serde_json::json;

use super::{fixture, read, source};
use crate::inbound::code::Code;
use crate::inbound::hooks::document::{fingerprint, fit, moment};
use crate::inbound::hooks::{MAX_ALERTS, ParseRefusal, Parsed};

const NAMES: [&str; 5] = ["alertmanager", "api", "grafana", "pager", "doors"];

fn one(alert: &serde_json::Value) -> Result<Parsed, ParseRefusal> {
    read("alertmanager", json!({ "alerts": [alert] }).to_string().as_bytes())
}

#[test]
fn what_is_not_a_delivery_is_refused_with_a_name() {
    for (body, code) in [
        (&b"{"[..], Code::NotJson),
        (b"", Code::NotJson),
        (b"{} {}", Code::NotJson),
        (b"\"\xff\"", Code::NotUtf8),
        (br#"{"alerts":[],"alerts":[]}"#, Code::RepeatedKey),
        (br#"{"alerts":[{"labels":{"a":"1","a":"2"}}]}"#, Code::RepeatedKey),
        (br#"{"alerts":["\ud800"]}"#, Code::NotJson),
        (br"{}", Code::WrongShape),
        (br#"{"alerts":{}}"#, Code::WrongShape),
        (br#"{"alerts":[7]}"#, Code::WrongShape),
        (br#"{"alerts":[{"labels":[]}]}"#, Code::WrongShape),
    ] {
        let refusal = read("alertmanager", body).unwrap_err();
        assert_eq!((refusal.code, refusal.status.as_u16()), (code, 400), "{}", String::from_utf8_lossy(body));
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(read("alertmanager", deep.as_bytes()).unwrap_err().code, Code::TooDeep);
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let limit = source("pager").max_body;
    assert_eq!(limit, 512 * 1024);
    let refusal = read("pager", &vec![b' '; limit + 1]).unwrap_err();
    assert_eq!((refusal.status.as_u16(), refusal.code), (413, Code::TooLarge));
    assert_eq!(read("pager", &vec![b' '; limit]).unwrap_err().code, Code::NotJson);
}

#[test]
fn json_counts_whatever_it_is_called_and_a_byte_order_mark_does_not_hurt() {
    let mut body = vec![0xef, 0xbb, 0xbf];
    body.extend(fixture("alertmanager.json"));
    assert_eq!(read("alertmanager", &body).unwrap().alerts.len(), 2);
}

#[test]
fn a_hundred_thousand_labels_are_refused_in_one_sentence() {
    let labels: String = (0..100_000).map(|i| format!("\"{i:x}\":0,")).collect();
    let body = format!("{{\"alerts\":[{{\"labels\":{{{}}}}}]}}", labels.trim_end_matches(','));
    let refusal = read("alertmanager", body.as_bytes()).unwrap_err();
    assert_eq!(refusal.problem, "alerts[0].labels has 100000 entries; an alert has at most 256 labels and annotations together.");
    let zeros = format!("[{}0]", "0,".repeat(250_000));
    assert_eq!(read("alertmanager", zeros.as_bytes()).unwrap_err().code, Code::TooManyValues);
}

#[test]
fn labels_and_annotations_are_counted_together() {
    let pairs = |n: usize| (0..n).map(|i| (format!("n{i}"), json!("x"))).collect::<serde_json::Map<_, _>>();
    assert_eq!(one(&json!({"labels": pairs(128), "annotations": pairs(128)})).unwrap().alerts.len(), 1);
    assert_eq!(one(&json!({"labels": pairs(128), "annotations": pairs(129)})).unwrap_err().code, Code::TooManyLabels);
}

#[test]
fn a_name_over_a_kibibyte_is_refused_and_shown_by_its_beginning() {
    let refusal = one(&json!({"labels": {"é".repeat(600): "x"}})).unwrap_err();
    assert_eq!(refusal.code, Code::NameTooLong);
    assert!(refusal.problem.len() < 200 && refusal.problem.contains("1200 bytes"), "{}", refusal.problem);
}

#[test]
fn a_storm_is_taken_whole_or_refused_and_what_the_sender_left_out_is_counted() {
    let mut alerts: Vec<_> = (0..MAX_ALERTS).map(|i| json!({"labels": {"n": i}})).collect();
    let parsed = read("alertmanager", json!({"alerts": alerts, "truncatedAlerts": 3}).to_string().as_bytes()).unwrap();
    assert_eq!((parsed.alerts.len(), parsed.truncated), (MAX_ALERTS, 3));
    let prints: std::collections::BTreeSet<_> = parsed.alerts.iter().map(|a| &a.fingerprint).collect();
    assert_eq!(prints.len(), MAX_ALERTS, "each is told from each other");
    alerts.push(json!({"labels": {"n": MAX_ALERTS}}));
    for (source, body) in [("alertmanager", json!({ "alerts": alerts })), ("api", json!(alerts))] {
        let refusal = read(source, body.to_string().as_bytes()).unwrap_err();
        assert_eq!((refusal.status.as_u16(), refusal.code), (413, Code::TooLarge));
        assert!(refusal.problem.contains("5001 alerts; at most 5000"), "{refusal}");
    }
    let events = json!({"site": "x", "events": vec![json!({"id": 1, "text": "t"}); MAX_ALERTS + 1]});
    assert_eq!(read("doors", events.to_string().as_bytes()).unwrap_err().status.as_u16(), 413);
}

#[test]
fn a_long_text_is_cut_and_says_so_rather_than_lost() {
    let parsed =
        one(&json!({"labels": {"alertname": "A"}, "annotations": {"description": "é".repeat(8000), "summary": "s\n".repeat(4000)}}))
            .unwrap();
    let alert = &parsed.alerts[0];
    assert!(alert.annotations["description"].ends_with("é… (cut, 16000 bytes)"));
    assert!(alert.annotations["description"].len() <= 8 * 1024 + 32);
    assert!(alert.title.len() <= 1024 + 32 && !alert.title.contains('\n'));
    assert_eq!(fit("abc", 3), "abc");
}

#[test]
fn odd_values_become_text_that_the_record_can_hold() {
    let parsed =
        one(&json!({"labels": {"nul": "a\u{0}b", "n": 18_446_744_073_709_551_615_u64, "t": true, "none": null, "o": {"k": [1]}}})).unwrap();
    let labels = &parsed.alerts[0].labels;
    assert_eq!((labels["nul"].as_str(), labels["n"].as_str(), labels["t"].as_str()), ("a\u{fffd}b", "18446744073709551615", "true"));
    assert_eq!((labels["o"].as_str(), labels.contains_key("none")), ("{\"k\":[1]}", false));
    let claimed = read("alertmanager", br#"{"alerts":[],"truncatedAlerts":18446744073709551615}"#).unwrap();
    assert!(claimed.truncated < 1 << 53);
    let negative = read("alertmanager", br#"{"alerts":[],"truncatedAlerts":-1}"#).unwrap();
    assert_eq!(negative.truncated, 0);
}

#[test]
fn absurd_dates_are_left_out() {
    for wrong in [
        json!("0001-01-01T00:00:00Z"),
        json!("1969-12-31T23:59:59Z"),
        json!("+12026-01-01T00:00:00Z"),
        json!("2026-02-30T00:00:00Z"),
        json!("yesterday"),
        json!(""),
        json!("9".repeat(10_000)),
        json!(0),
        json!(-5),
        json!(9_007_199_254_740_993_i64),
        json!(1e300),
        json!(null),
        json!([]),
    ] {
        assert_eq!(moment(Some(&wrong)), None, "{wrong}");
    }
    let second = moment(Some(&json!("2026-03-01T03:00:00Z")));
    for same in [json!("2026-03-01T04:00:00.000+0100"), json!(1_772_334_000), json!(1_772_334_000_000_i64), json!(1_772_334_000.0)] {
        assert_eq!(moment(Some(&same)), second, "{same}");
    }
    // An end that cannot be meant leaves the alert firing.
    let parsed = read("api", br#"[{"labels":{"a":"b"},"endsAt":"1066-10-14T09:00:00Z"}]"#).unwrap();
    assert_eq!(parsed.alerts[0].ends_at, None);
}

#[test]
fn only_web_addresses_are_links() {
    for wrong in ["javascript:alert(1)", "data:text/html,x", "ftp://x", "https://a b", "https://a\nb"] {
        assert_eq!(one(&json!({"generatorURL": wrong})).unwrap().alerts[0].url, "", "{wrong}");
    }
}

#[test]
fn an_alert_of_nothing_but_control_characters_still_has_a_title_and_an_id() {
    let trigger = json!({"routing_key": "4f1d2c3b4a5968778695a4b3c2d1e0ff", "event_action": "trigger", "dedup_key": "\u{1}",
        "payload": {"summary": "\u{1}", "source": "\u{1}", "severity": "info"}});
    for parsed in [
        read("pager", trigger.to_string().as_bytes()).unwrap(),
        one(&json!({"fingerprint": "\u{1}", "annotations": {"summary": "\u{1}"}})).unwrap(),
        read("doors", json!({"site": "", "events": [{"id": "\u{1}", "text": ""}]}).to_string().as_bytes()).unwrap(),
    ] {
        assert!(!parsed.alerts[0].alert_id.is_empty() && !parsed.alerts[0].title.is_empty(), "{parsed:?}");
    }
}

#[test]
fn a_fingerprint_is_the_tools_own_only_in_its_proper_shape() {
    assert_eq!(fingerprint("s", "0123456789abcdef"), "0123456789abcdef");
    for other in ["0123456789ABCDEF", "abc", "", "x", &"0".repeat(65)] {
        let made = fingerprint("s", other);
        assert_eq!(made.len(), 32);
        assert_ne!(made, fingerprint("t", other), "another source's alert of the same name is another alert");
    }
}

#[test]
fn a_mapping_that_reads_the_body_for_every_item_is_held_to_a_bound() {
    let body = |n| json!({"site": "x", "events": vec![json!({"id": 1, "text": "t", "pad": "p".repeat(900)}); n]}).to_string();
    let refusal = read("doors", body(1000).as_bytes()).unwrap_err();
    assert_eq!(refusal.status.as_u16(), 413, "{refusal}");
    assert_eq!(read("doors", body(20).as_bytes()).unwrap().alerts.len(), 20);
}

#[test]
fn refusals_never_repeat_what_an_alert_says() {
    for body in [&br#"{"hunter22":1,"hunter22":2}"#[..], b"hunter22", br#"{"alerts":["hunter22"]}"#] {
        let refusal = read("alertmanager", body).unwrap_err();
        assert!(!refusal.problem.contains("hunter22"), "{}", refusal.problem);
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        ".{0,20}".prop_map(|s| json!(s)),
        Just(json!("trigger")),
        Just(json!("4f1d2c3b4a5968778695a4b3c2d1e0ff")),
        Just(json!("2026-03-01T03:00:00Z")),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop::sample::select(vec![
            "alerts",
            "events",
            "labels",
            "annotations",
            "startsAt",
            "endsAt",
            "fingerprint",
            "status",
            "routing_key",
            "event_action",
            "dedup_key",
            "payload",
            "summary",
            "source",
            "severity",
            "custom_details",
            "links",
            "href",
            "id",
            "text",
            "state",
            "at",
            "tags",
            "site",
            "timestamp",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::Array),
            prop::collection::vec((key, inner), 0..8).prop_map(|pairs| pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_make_a_parser_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        for name in NAMES {
            if let Err(refusal) = read(name, &body) {
                prop_assert!(refusal.status.is_client_error() && !refusal.problem.is_empty());
            }
        }
    }

    #[test]
    fn no_json_makes_a_parser_panic_or_leave_its_bounds(value in any_json()) {
        for body in [value.to_string(), json!({"alerts": [value]}).to_string(), json!({"events": [value], "site": "s"}).to_string()] {
            for name in NAMES {
                let Ok(parsed) = read(name, body.as_bytes()) else { continue };
                for alert in parsed.alerts {
                    prop_assert!((16..=64).contains(&alert.fingerprint.len()));
                    prop_assert!(!alert.title.is_empty() && !alert.alert_id.is_empty());
                    prop_assert!(!alert.title.contains('\0') && alert.labels.values().all(|v| !v.contains('\0')));
                }
            }
        }
    }
}
