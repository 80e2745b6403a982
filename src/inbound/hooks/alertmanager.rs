//! Alertmanager's webhook, version 4 (prometheus.io, "webhook_config"), and what its alerts have in common with
//! Grafana's and with Alertmanager's own API.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::{
    MAX_LINE, MAX_VALUE, check_count, fingerprint, first_title, fit, fit_line, fit_url, moment, pairs, read_json, text_at,
};
use super::{Arrival, ParseRefusal, Parsed, Reply, check_alerts};
use crate::config::SourceConfig;
use crate::inbound::code::Code;
use crate::ticket::alert::{Alert, AlertStatus};

/// Reads a webhook: an object whose `alerts` each have their own status, labels and fingerprint.
///
/// # Errors
/// When it is not JSON within bounds, or has no list `alerts` of objects.
pub fn parse(source: &SourceConfig, arrival: &Arrival<'_>) -> Result<Parsed, ParseRefusal> {
    parse_group(source, arrival, "Alertmanager's", |_, _| {})
}

/// Reads a group of alerts; `enrich` adds what one tool has and the other has not.
pub(super) fn parse_group(
    source: &SourceConfig,
    arrival: &Arrival<'_>,
    whose: &str,
    enrich: impl Fn(&Value, &mut Alert),
) -> Result<Parsed, ParseRefusal> {
    let document = read_json(arrival.body, source.max_body)?;
    let Some(Value::Array(items)) = document.get("alerts") else {
        let message = format!("The body is JSON, but not {whose} webhook: it has no list \"alerts\". Check the source's format.");
        return Err(ParseRefusal::new(Code::WrongShape, message));
    };
    check_alerts(items.len())?;
    let mut alerts = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let mut alert = read_alert(source, item, &format!("alerts[{i}]"))?;
        alert.status = if text_at(item, "status").as_deref() == Some("resolved") { AlertStatus::Resolved } else { AlertStatus::Firing };
        alert.ends_at = if alert.status == AlertStatus::Resolved { moment(item.get("endsAt")) } else { None };
        enrich(item, &mut alert);
        alerts.push(alert);
    }
    // What the sender claims, held within what the record can hold.
    let truncated = document.get("truncatedAlerts").and_then(Value::as_u64).unwrap_or(0).min(u64::from(u32::MAX));
    Ok(Parsed { alerts, truncated, ..Parsed::of(Reply::Hooks) })
}

/// Reads what is the same in the webhook and in the API: labels, annotations, when it began, where it is seen.
/// Firing, until the caller says otherwise.
pub(super) fn read_alert(source: &SourceConfig, item: &Value, what: &str) -> Result<Alert, ParseRefusal> {
    if !item.is_object() {
        return Err(ParseRefusal::new(Code::WrongShape, format!("{what} is not an object.")));
    }
    let labels = pairs(item.get("labels"), &format!("{what}.labels"))?;
    let annotations = pairs(item.get("annotations"), &format!("{what}.annotations"))?;
    check_count(labels.len() + annotations.len(), what)?;
    let alert_id = text_at(item, "fingerprint").unwrap_or_else(|| label_fingerprint(item.get("labels")));
    let rule = fit_line(labels.get("alertname").map_or("", String::as_str));
    Ok(Alert {
        source: source.name.clone(),
        fingerprint: fingerprint(&source.name, &alert_id),
        alert_id: fit(&alert_id, MAX_LINE),
        title: title(&rule, &labels, &annotations),
        rule,
        status: AlertStatus::Firing,
        description: ["description", "message"].iter().find_map(|k| annotations.get(*k)).map_or_else(String::new, |t| fit(t, MAX_VALUE)),
        severity: fit_line(labels.get("severity").map_or("", String::as_str)).to_lowercase(),
        starts_at: moment(item.get("startsAt")),
        ends_at: None,
        url: fit_url(&text_at(item, "generatorURL").unwrap_or_default()),
        labels,
        annotations,
    })
}

/// The summary if somebody wrote one, otherwise the rule and where.
fn title(rule: &str, labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> String {
    let place = ["instance", "service", "job"].iter().find_map(|k| labels.get(*k));
    let from_labels = match (rule.is_empty(), place) {
        (false, Some(place)) => format!("{rule} on {place}"),
        (false, None) => rule.to_owned(),
        (true, Some(place)) => format!("An alert on {place}"),
        (true, None) => String::new(),
    };
    let written = ["summary", "title"].iter().filter_map(|k| annotations.get(*k)).map(String::as_str);
    first_title(written.chain([from_labels.as_str()]))
}

/// The fingerprint that Prometheus and Alertmanager compute (prometheus/common, `LabelSet.Fingerprint`): FNV-1a, 64
/// bits, over each label's name, 0xFF, value, 0xFF in order of the names, labels with empty values left out. So an
/// alert has the same fingerprint whether it came by webhook or by API.
pub(super) fn label_fingerprint(labels: Option<&Value>) -> String {
    const OFFSET: u64 = 14_695_981_039_346_656_037;
    const PRIME: u64 = 1_099_511_628_211;
    // A JSON object's map is sorted by bytes, as Go sorts.
    let labels = labels.and_then(Value::as_object).into_iter().flatten();
    let texts = labels.filter_map(|(name, value)| Some((name.clone(), super::document::text_of(value).filter(|v| !v.is_empty())?)));
    let hash = texts.fold(OFFSET, |hash, (name, value)| {
        let bytes = name.bytes().chain([0xff]).chain(value.bytes()).chain([0xff]);
        bytes.fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
    });
    format!("{hash:016x}")
}
