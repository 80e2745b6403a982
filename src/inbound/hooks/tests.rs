//! What each format's deliveries become, and how what is wrong is refused.

mod authentication;
mod hostile;
mod reading;

use std::path::Path;

use axum::http::HeaderMap;

use super::{Arrival, ParseRefusal, Parsed, parse};
use crate::config::{Config, SourceConfig};
use crate::env::Timestamp;

/// One source of each format, as a person would configure them.
const CONFIGURATION: &str = r#"
[[source]]
name = "alertmanager"
format = "alertmanager"
auth = { bearer = "sesame" }

[[source]]
name = "api"
format = "alertmanager-api"
auth = { basic = { user = "am", password = "pa:ss" } }

[[source]]
name = "grafana"
format = "grafana"
auth = { hmac = { secret = "key", header = "X-Grafana-Alerting-Signature" } }

[[source]]
name = "pager"
format = "pagerduty"
routing_key = "4f1d2c3b4a5968778695a4b3c2d1e0ff"

[[source]]
name = "doors"
format = "generic"
auth = { query = { param = "token", token = "s p" } }
[source.mapping]
each = "body.events"
alert_id = "item.id"
title = "body.site + ': ' + item.text"
rule = "'door'"
status = "item.state"
severity = "item.prio"
starts_at = "item.at"
url = "item.page"
labels = "item.tags"
annotations = { site = "body.site", missing = "item.nowhere" }
"#;

fn sources() -> Vec<SourceConfig> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    std::fs::write(&file, CONFIGURATION).unwrap();
    Config::load(Some(&file), []).unwrap().sources
}

fn source(name: &str) -> SourceConfig {
    sources().into_iter().find(|s| s.name == name).unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/alerts").join(name)).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// The moment at which all deliveries of these tests arrive.
fn now() -> Timestamp {
    at("2026-03-01T03:00:00Z")
}

fn read(name: &str, body: &[u8]) -> Result<Parsed, ParseRefusal> {
    let headers = HeaderMap::new();
    parse(&source(name), &Arrival { headers: &headers, body, now: now(), delivery: "dlv_7" })
}
