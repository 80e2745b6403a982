//! Payloads that real tools sent, or that their documentation shows, from the folder named by `COUNTERSIGN_SHARED`
//! (its `alerts/`). They are third parties' and do not stand in this repository.

#![cfg(feature = "shared-payloads")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot read its payload has failed")]

use std::fs;
use std::path::PathBuf;

use axum::http::HeaderMap;
use countersign::config::{Config, SourceConfig};
use countersign::env::Timestamp;
use countersign::inbound::hooks::auth::verify_source;
use countersign::inbound::hooks::{Arrival, Parsed, Reply, pagerduty, parse};
use countersign::ticket::alert::AlertStatus::{Acknowledged, Firing, Resolved};
use countersign::ticket::deployment::DeploymentState;

fn folder() -> PathBuf {
    let shared = std::env::var_os("COUNTERSIGN_SHARED").expect("COUNTERSIGN_SHARED has to name the folder of shared payloads");
    PathBuf::from(shared).join("alerts")
}

fn payload(path: &str) -> Vec<u8> {
    fs::read(folder().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The headers as they were captured beside the payload.
fn captured_headers(path: &str) -> HeaderMap {
    let text = String::from_utf8(payload(&path.replace(".json", ".source.txt"))).unwrap();
    let lines = text.lines().skip_while(|line| !line.starts_with("POST ")).skip(1);
    let pairs = lines.filter_map(|line| line.split_once(": "));
    pairs.map(|(name, value)| (name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

fn source(format: &str, rest: &str) -> SourceConfig {
    let variables = [("NAME", "real"), ("FORMAT", format)].map(|(k, v)| (format!("COUNTERSIGN_SOURCE__0__{k}"), v.to_owned()));
    let rest = rest.split_once('=').map(|(k, v)| (format!("COUNTERSIGN_SOURCE__0__{k}"), v.to_owned()));
    Config::load(None, variables.into_iter().chain(rest)).unwrap().sources.remove(0)
}

fn read(source: &SourceConfig, body: &[u8], now: &str) -> Parsed {
    let headers = HeaderMap::new();
    parse(source, &Arrival { headers: &headers, body, now: Timestamp::parse(now).unwrap(), delivery: "dlv_1" }).unwrap()
}

#[test]
fn what_github_and_gitlab_report_of_deployments_is_read() {
    let source = source("deployment", "AUTH=none");
    let github = read(&source, &payload("github/deployment_status.json"), "2019-05-15T15:21:00Z").deployments.remove(0);
    assert_eq!((github.id.as_str(), github.repository.as_str()), ("145988746", "Codertocat/Hello-World"));
    assert_eq!((github.environment.as_str(), github.state), ("production", DeploymentState::Succeeded));
    let gitlab = read(&source, &payload("gitlab/deployment.json"), "2021-04-28T20:00:00Z").deployments.remove(0);
    assert_eq!((gitlab.id.as_str(), gitlab.repository.as_str()), ("796", "root/test-deployment-webhooks"));
    assert_eq!((gitlab.revision.as_str(), gitlab.title.as_str()), ("279484c09fbe69ededfced8c1bb6e6d24616b468", "Add new file"));
}

const PAGERDUTY_KEY: &str = "ROUTING_KEY=0123456789abcdef0123456789abcdef";

#[test]
fn a_live_alertmanager_webhook_fires_and_resolves_under_one_fingerprint() {
    let source = source("alertmanager", "AUTH=none");
    let firing = read(&source, &payload("alertmanager/live-firing.json"), "2026-11-21T22:06:46Z");
    let seen: Vec<_> = firing.alerts.iter().map(|a| (a.fingerprint.as_str(), a.status, a.title.as_str())).collect();
    assert_eq!(
        seen,
        [("9ec01dd17427d418", Firing, "Instance 127.0.0.1:9914 down"), ("c3514bfb17b531d3", Firing, "Instance 127.0.0.1:9915 down")]
    );
    assert!(
        firing
            .alerts
            .iter()
            .all(|a| a.rule == "InstanceDown" && a.severity == "critical" && a.ends_at.is_none() && a.url.starts_with("http://"))
    );
    let resolved = read(&source, &payload("alertmanager/live-resolved.json"), "2026-11-21T22:08:01Z");
    assert_eq!((resolved.alerts[0].fingerprint.as_str(), resolved.alerts[0].status), ("c3514bfb17b531d3", Resolved));
    assert_eq!(resolved.alerts[0].ends_at, Timestamp::parse("2026-11-21T22:07:59.487Z"));
}

#[test]
fn live_credentials_are_believed_as_they_were_sent() {
    let now = Timestamp::parse("2026-11-21T22:08:01Z").unwrap();
    for (path, rest) in [
        ("alertmanager/live-firing-bearer.json", "AUTH__BEARER=sekrit-token"),
        ("alertmanager/live-resolved-basicauth.json", "AUTH={ basic = { user = \"am\", password = \"pw\" } }"),
    ] {
        let source = source("alertmanager", rest);
        assert!(verify_source(&source.auth, &captured_headers(path), None, &payload(path), now).is_ok(), "{path}");
    }
}

#[test]
fn prometheus_and_alertmanager_name_the_same_alert_alike() {
    let source = source("alertmanager-api", "AUTH=none");
    let firing = read(&source, &payload("alertmanager-api-v2/live-prometheus-firing.json"), "2026-11-21T22:06:45Z");
    let seen: Vec<_> = firing.alerts.iter().map(|a| (a.fingerprint.as_str(), a.status, a.ends_at)).collect();
    assert_eq!(seen, [("c3514bfb17b531d3", Firing, None), ("9ec01dd17427d418", Firing, None)]);
    let resolved = read(&source, &payload("alertmanager-api-v2/live-prometheus-resolved.json"), "2026-11-21T22:07:40Z");
    assert_eq!((resolved.alerts[0].fingerprint.as_str(), resolved.alerts[0].status), ("9ec01dd17427d418", Resolved));
}

#[test]
fn grafanas_documented_webhook_is_read() {
    let parsed = read(&source("grafana", "AUTH=none"), &payload("grafana-unified/doc-webhook.json"), "2021-10-12T08:00:00Z");
    let seen: Vec<_> = parsed.alerts.iter().map(|a| (a.fingerprint.as_str(), a.status, a.rule.as_str())).collect();
    assert_eq!(seen, [("c6eadffa33fcdf37", Firing, "High memory usage"), ("bc97ff14869b13e3", Firing, "High CPU usage")]);
    assert_eq!(parsed.alerts[0].starts_at, Timestamp::parse("2021-10-12T07:51:03.157076Z"));
    assert!(parsed.alerts[0].annotations["silenceURL"].starts_with("https://play.grafana.org/"));
}

#[test]
fn what_pagerdutys_clients_send_is_read() {
    let source = source("pagerduty", PAGERDUTY_KEY);
    let mut seen = Vec::new();
    let mut names: Vec<_> =
        fs::read_dir(folder().join("pagerduty-events-v2")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names.iter().filter(|n| n.starts_with("live-") && n.ends_with(".json")) {
        let body = payload(&format!("pagerduty-events-v2/{name}"));
        let (found, _) = pagerduty::source_for(std::slice::from_ref(&source), &body).unwrap();
        let parsed = read(found, &body, "2026-11-21T22:16:07Z");
        let alert = &parsed.alerts[0];
        assert!(matches!(&parsed.reply, Reply::PagerDuty { dedup_key } if *dedup_key == alert.alert_id));
        let expected = match name.rsplit_once('-').map_or("", |(_, end)| end) {
            "acknowledge.json" => Acknowledged,
            "resolve.json" => Resolved,
            _ => Firing,
        };
        assert_eq!(alert.status, expected, "{name}");
        seen.push((name.clone(), alert.fingerprint.clone()));
    }
    assert!(seen.len() >= 7, "{seen:?}");
    let of = |name: &str| seen.iter().find(|(n, _)| n == name).map(|(_, print)| print.clone()).unwrap();
    assert_eq!(of("live-alertmanager-trigger.json"), of("live-alertmanager-resolve.json"));
    assert_eq!(of("live-alertmanager-trigger.json"), "28266c2258d31427debb6a4a31462de367604625f06d5bc5860f3bfff93700b8");
    assert_eq!(of("live-pypi-pagerduty-trigger.json"), of("live-pypi-pagerduty-resolve.json"));
    assert_ne!(of("live-pypi-pagerduty-trigger.json"), of("live-pypi-pdpyras-trigger.json"));
}

#[test]
fn what_pagerdutys_documentation_shows_is_read() {
    let sample = source("pagerduty", "ROUTING_KEY=samplekeyhere");
    // The page's example begins with a comment, which no client sends.
    let text = String::from_utf8(payload("pagerduty-events-v2/doc-trigger.json")).unwrap();
    let trigger = read(&sample, text.split_once("*/").unwrap().1.as_bytes(), "2015-07-17T08:43:00Z");
    assert_eq!(trigger.alerts[0].starts_at, Timestamp::parse("2015-07-17T08:42:58.315Z"));
    assert_eq!(trigger.alerts[0].annotations["load avg"], "0.75");
    let here = source("pagerduty", "ROUTING_KEY=routingkeyhere");
    for (name, status) in [("doc-acknowledge.json", Acknowledged), ("doc-resolve.json", Resolved)] {
        let parsed = read(&here, &payload(&format!("pagerduty-events-v2/{name}")), "2015-07-17T08:43:00Z");
        assert_eq!((parsed.alerts[0].status, parsed.alerts[0].alert_id.as_str()), (status, "dedupkeyhere"));
    }
    let (headers, body) = (HeaderMap::new(), payload("pagerduty-events-v2/doc-change-event.json"));
    let now = Timestamp::parse("2020-07-17T08:43:00Z").unwrap();
    let change = pagerduty::parse_change(&sample, &Arrival { headers: &headers, body: &body, now, delivery: "dlv_1" }).unwrap();
    assert_eq!(change.reply, Reply::PagerDutyChange);
}
