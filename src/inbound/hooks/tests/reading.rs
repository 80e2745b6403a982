//! Genuine deliveries, format by format.

use serde_json::json;

use super::{at, fixture, now, read, source, sources};
use crate::config::Format;
use crate::inbound::code::Code;
use crate::inbound::hooks::reply::{no_such_source, not_stored, refused, too_large};
use crate::inbound::hooks::{Arrival, Reply, alertmanager_api, formats, pagerduty};
use crate::ticket::alert::AlertStatus::{Acknowledged, Firing, Resolved};

// proves: ALR-01
#[test]
fn an_alertmanager_webhook_gives_each_alert_its_own_state_rule_id_and_fingerprint() {
    let parsed = read("alertmanager", &fixture("alertmanager.json")).unwrap();
    let [first, second] = parsed.alerts.as_slice() else { panic!("two alerts") };
    assert_eq!((first.source.as_str(), first.rule.as_str(), first.severity.as_str()), ("alertmanager", "DiskAlmostFull", "warning"));
    assert_eq!((first.fingerprint.as_str(), first.alert_id.as_str(), first.status), ("aabbccdd00112233", "aabbccdd00112233", Firing));
    assert_eq!((first.title.as_str(), first.description.as_str()), ("db1 has 4 % of disk left", "At this rate it is full at 03:40."));
    assert_eq!((first.starts_at, first.ends_at), (Some(at("2026-03-01T02:58:11Z")), None));
    assert_eq!(first.url, "http://prometheus.example.com:9090/graph?g0.expr=disk_free");
    assert_eq!(first.labels["severity"], "Warning");
    assert_eq!((second.title.as_str(), second.status), ("DiskAlmostFull on db2.example.com:9100", Resolved));
    assert_eq!(second.ends_at, Some(at("2026-03-01T02:57:00Z")));
    assert_eq!(parsed.truncated, 2);
}

#[test]
fn over_alertmanagers_api_a_future_end_is_firing_and_a_past_one_resolved() {
    let parsed = read("api", &fixture("alertmanager-api.json")).unwrap();
    let [mail, print, by_hand] = parsed.alerts.as_slice() else { panic!("three alerts") };
    assert_eq!((mail.status, mail.ends_at), (Firing, None));
    assert_eq!((print.status, print.ends_at), (Resolved, Some(at("2026-03-01T02:59:00Z"))));
    assert_eq!((by_hand.status, by_hand.starts_at, by_hand.title.as_str()), (Firing, None, "ByHand"));
    assert_eq!(mail.fingerprint.len(), 16);
    assert_ne!(mail.fingerprint, print.fingerprint);
    let answer = parsed.reply.accepted("dlv_7", &[]);
    assert_eq!((answer.status.as_u16(), answer.body), (200, None));
}

#[test]
fn an_alert_without_a_fingerprint_gets_the_one_that_prometheus_computes() {
    // FNV-1a over a, 0xFF, b, 0xFF; computed apart from this program. Order and empty values do not matter.
    let one = read("api", br#"[{"labels":{"a":"b"}}]"#).unwrap().alerts.remove(0);
    assert_eq!(one.fingerprint, "d2b371819297f98a");
    let same = read("api", br#"[{"labels":{"z":"","a":"b"}}]"#).unwrap().alerts.remove(0);
    assert_eq!(same.fingerprint, one.fingerprint);
    let none = read("api", br#"[{"labels":{}}]"#).unwrap().alerts.remove(0);
    assert_eq!((none.fingerprint.as_str(), none.title.as_str()), ("cbf29ce484222325", "An alert without a name"));
}

#[test]
fn the_status_that_amtool_asks_for_has_what_the_api_requires() {
    let status = alertmanager_api::status(now());
    assert_eq!(status["cluster"]["status"], "disabled");
    assert_eq!(status["uptime"], "2026-03-01T03:00:00.000000Z");
    for field in ["branch", "buildDate", "buildUser", "goVersion", "revision", "version"] {
        assert!(status["versionInfo"][field].is_string(), "{field}");
    }
    assert!(status["config"]["original"].is_string());
}

#[test]
fn a_grafana_webhook_keeps_the_links_and_values_beside_the_annotations() {
    let parsed = read("grafana", &fixture("grafana.json")).unwrap();
    let alert = &parsed.alerts[0];
    assert_eq!(
        (alert.fingerprint.as_str(), alert.rule.as_str(), alert.title.as_str()),
        ("1122334455667788", "Latency", "Latency on checkout")
    );
    assert_eq!((alert.description.as_str(), alert.severity.as_str()), ("p99 is over two seconds", ""));
    assert_eq!(alert.starts_at, Some(now()));
    assert_eq!(alert.annotations["dashboardURL"], "https://grafana.example.com/d/shop");
    assert_eq!(alert.annotations["valueString"], "[ var='A' labels={} value=2.31 ]");
    assert!(!alert.annotations.contains_key("panelURL"));
}

// proves: ALR-01
#[test]
fn a_pagerduty_trigger_becomes_one_alert_with_its_details() {
    let parsed = read("pager", &fixture("pagerduty-trigger.json")).unwrap();
    let alert = &parsed.alerts[0];
    assert_eq!((alert.status, alert.alert_id.as_str(), alert.fingerprint.len()), (Firing, "backup/nightly", 32));
    assert_eq!(
        (alert.title.as_str(), alert.rule.as_str(), alert.severity.as_str()),
        ("The nightly backup failed", "backup failed", "error")
    );
    assert_eq!(alert.starts_at, Some(at("2026-03-01T02:30:00.25Z")));
    assert_eq!(alert.url, "https://backup.example.com/runs/88");
    assert_eq!((alert.labels["source"].as_str(), alert.labels["component"].as_str()), ("backup1.example.com", "pg_dump"));
    assert_eq!((alert.annotations["exit"].as_str(), alert.annotations["hosts"].as_str()), ("1", "[\"db1\",\"db2\"]"));
    assert_eq!(alert.annotations["link 1"], "Runbook https://wiki.example.com/backup");
    assert!(!alert.annotations.contains_key("link 2"), "a script is no link");
    let answer = parsed.reply.accepted("dlv_7", &[]);
    assert_eq!(answer.status.as_u16(), 202);
    assert_eq!(answer.body.unwrap(), json!({"status": "success", "message": "Event processed", "dedup_key": "backup/nightly"}));
}

#[test]
fn pagerdutys_resolve_and_acknowledge_speak_of_the_alert_that_was_triggered() {
    let triggered = read("pager", &fixture("pagerduty-trigger.json")).unwrap().alerts.remove(0);
    let resolved = read("pager", &fixture("pagerduty-resolve.json")).unwrap().alerts.remove(0);
    assert_eq!((resolved.status, &resolved.fingerprint), (Resolved, &triggered.fingerprint));
    let body = String::from_utf8(fixture("pagerduty-resolve.json")).unwrap().replace("resolve", "acknowledge");
    let acknowledged = read("pager", body.as_bytes()).unwrap().alerts.remove(0);
    assert_eq!((acknowledged.status, acknowledged.fingerprint), (Acknowledged, triggered.fingerprint));
}

#[test]
fn a_trigger_without_a_key_gets_one_and_is_told_it() {
    let body = br#"{"routing_key":"4f1d2c3b4a5968778695a4b3c2d1e0ff","event_action":"trigger","payload":{"summary":"s","source":"x","severity":"info"}}"#;
    let parsed = read("pager", body).unwrap();
    assert_eq!(parsed.alerts[0].alert_id, "dlv_7");
    assert_eq!(parsed.reply, Reply::PagerDuty { dedup_key: "dlv_7".into() });
}

#[test]
fn a_pagerduty_event_finds_its_source_by_its_routing_key_alone() {
    let sources = sources();
    let (source, verified) = pagerduty::source_for(&sources, &fixture("pagerduty-trigger.json")).unwrap();
    assert_eq!((source.name.as_str(), verified.method), ("pager", "routing_key"));
    let stranger = pagerduty::source_for(&sources, br#"{"routing_key":"ffff","event_action":"trigger"}"#).unwrap_err();
    assert_eq!(stranger.code, Code::UnknownRoutingKey);
    let answer = refused(Format::PagerDuty, &stranger);
    assert_eq!(answer.status.as_u16(), 400);
    let body = json!({"status": "invalid event", "message": "Event object is invalid", "errors": ["Invalid routing key"]});
    assert_eq!(answer.body.unwrap(), body);
    // The same event at /hooks/{source} has to name that source's key as well.
    assert_eq!(read("pager", br#"{"routing_key":"ffff","event_action":"trigger"}"#).unwrap_err().code, Code::UnknownRoutingKey);
}

#[test]
fn an_invalid_pagerduty_event_is_told_everything_that_is_wrong() {
    let key = "\"routing_key\":\"4f1d2c3b4a5968778695a4b3c2d1e0ff\"";
    let errors = |rest: &str| read("pager", format!("{{{key}{rest}}}").as_bytes()).unwrap_err().errors;
    assert_eq!(errors(""), ["'event_action' is missing or blank"]);
    assert_eq!(errors(",\"event_action\":\"shout\"").len(), 1);
    assert_eq!(errors(",\"event_action\":\"resolve\""), ["'dedup_key' is missing or blank"]);
    assert_eq!(errors(",\"event_action\":\"trigger\""), ["'payload' is missing or blank"]);
    assert_eq!(
        errors(",\"event_action\":\"trigger\",\"payload\":{\"severity\":\"bad\"}"),
        [
            "'payload.summary' is missing or blank",
            "'payload.source' is missing or blank",
            "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"
        ]
    );
    let long = "k".repeat(256);
    assert_eq!(
        errors(&format!(",\"event_action\":\"resolve\",\"dedup_key\":\"{long}\"")),
        ["'dedup_key' is too long (maximum is 255 characters)"]
    );
    assert_eq!(read("pager", b"{}").unwrap_err().errors, ["'routing_key' is missing or blank"]);
    assert_eq!(read("pager", b"[]").unwrap_err().errors, ["The event has to be a JSON object"]);
    assert_eq!(read("pager", b"{").unwrap_err().errors.len(), 1);
}

#[test]
fn a_change_event_is_kept_and_opens_nothing() {
    let (source, headers) = (source("pager"), axum::http::HeaderMap::new());
    let read = |name| pagerduty::parse_change(&source, &Arrival { headers: &headers, body: &fixture(name), now: now(), delivery: "dlv_7" });
    let parsed = read("pagerduty-change.json").unwrap();
    assert!(parsed.alerts.is_empty());
    let answer = parsed.reply.accepted("dlv_7", &[]);
    assert_eq!((answer.status.as_u16(), answer.body.unwrap()["status"].clone()), (202, json!("success")));
    let refusal = read("pagerduty-resolve.json").unwrap_err();
    assert_eq!(refusal.errors, ["'payload.summary' is missing or blank"]);
}

#[test]
fn a_mapping_reads_any_json_and_keeps_what_it_cannot_map() {
    let parsed = read("doors", &fixture("generic.json")).unwrap();
    let [open, closed] = parsed.alerts.as_slice() else { panic!("two alerts: {parsed:?}") };
    assert_eq!((open.alert_id.as_str(), open.title.as_str(), open.rule.as_str()), ("71", "north: Door open", "door"));
    assert_eq!((open.status, open.severity.as_str(), open.starts_at), (Firing, "high", Some(at("2026-03-01T03:00:00Z"))));
    assert_eq!((open.labels["door"].as_str(), open.labels["floor"].as_str()), ("3", "2"));
    assert_eq!((open.annotations["site"].as_str(), open.annotations.len()), ("north", 1));
    assert_eq!(open.url, "https://doors.example.com/71");
    assert_eq!((closed.status, closed.url.as_str(), closed.fingerprint.len()), (Resolved, "", 32));
    assert_eq!((parsed.unmapped, parsed.reasons.as_slice()), (1, &["The mapping's alert_id gives nothing for item 2.".to_owned()][..]));
}

#[test]
fn a_genuine_event_that_maps_to_nothing_is_no_refusal() {
    let parsed = read("doors", br#"{"hello":"world"}"#).unwrap();
    assert!(parsed.alerts.is_empty());
    assert!(parsed.unmapped == 1 && parsed.reasons[0].starts_with("The mapping's each gives nothing"), "{:?}", parsed.reasons);
    let answer = parsed.reply.accepted("dlv_7", &[]);
    assert_eq!((answer.status.as_u16(), answer.body.unwrap()), (202, json!({"delivery": "dlv_7", "tickets": []})));
}

#[test]
fn hooks_are_answered_with_the_delivery_and_its_tickets() {
    let answer = Reply::Hooks.accepted("dlv_7", &["INC-1".parse().unwrap()]);
    assert_eq!(answer.body.unwrap(), json!({"delivery": "dlv_7", "tickets": ["INC-000001"]}));
}

#[test]
fn what_goes_wrong_is_said_in_each_apis_own_words() {
    let refusal = read("alertmanager", b"nonsense").unwrap_err();
    let hooks = refused(Format::Alertmanager, &refusal);
    assert_eq!(hooks.headers, [("content-type", "application/problem+json".to_owned())]);
    assert_eq!((hooks.status.as_u16(), hooks.body.unwrap()["code"].clone()), (400, json!("NotJson")));
    assert!(refused(Format::AlertmanagerApi, &refusal).body.unwrap().is_string());
    assert_eq!(no_such_source().status.as_u16(), 404);
    for format in Format::ALL {
        let later = not_stored(format);
        assert_eq!(later.status.as_u16(), 503);
        assert!(later.headers.iter().any(|(name, _)| *name == "retry-after"), "{format:?}");
        assert_eq!(too_large(format, 10).status.as_u16(), 413);
    }
    assert_eq!(too_large(Format::PagerDuty, 10).body.unwrap()["errors"].as_array().unwrap().len(), 1);
}

#[test]
fn every_format_has_a_name_and_a_line() {
    let all = formats();
    assert_eq!(
        all.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["alertmanager", "alertmanager-api", "grafana-unified", "pagerduty", "generic", "deployment"]
    );
    assert!(all.iter().all(|(_, line)| line.len() > 20 && !line.contains('\n')));
}
