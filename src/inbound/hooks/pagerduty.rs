//! PagerDuty's Events API v2, inbound (developer.pagerduty.com, "Send an Alert Event"): whatever can page PagerDuty
//! can page us, by changing the address it posts to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::auth::{Verified, same};
use super::document::{
    MAX_LINE, MAX_PAIRS, MAX_VALUE, fingerprint, first_title, fit, fit_line, fit_url, moment, read_json, text_at, text_of,
};
use super::{Arrival, ParseRefusal, Parsed, Reply};
use crate::config::{Format, MAX_BODY_PAGERDUTY, SourceConfig};
use crate::inbound::code::Code;
use crate::ticket::alert::{Alert, AlertStatus};

/// PagerDuty's limit on a `dedup_key`, in characters.
const MAX_DEDUP_KEY: usize = 255;

/// Finds the source whose `routing_key` the body holds, looking at every one in constant time.
///
/// # Errors
/// When the body is no event, or the key is missing or nobody's. The code `unknown_routing_key` is a failed
/// authentication and is to be counted as one.
pub fn source_for<'c>(sources: &'c [SourceConfig], body: &[u8]) -> Result<(&'c SourceConfig, Verified), ParseRefusal> {
    let pagerduty = || sources.iter().filter(|s| s.format == Format::PagerDuty);
    let limit = pagerduty().map(|s| s.max_body).max().unwrap_or(MAX_BODY_PAGERDUTY);
    let event = read_event(body, limit)?;
    let sent = text_at(&event, "routing_key").ok_or_else(|| invalid(vec!["'routing_key' is missing or blank".into()]))?;
    let mut found = None;
    for source in pagerduty() {
        if holds_key(source, &sent) {
            found = Some(source);
        }
    }
    let source = found.ok_or_else(unknown_key)?;
    Ok((source, Verified { method: "routing_key", credential: String::new() }))
}

/// Reads `POST /v2/enqueue`.
///
/// # Errors
/// When it is no event, names another routing key, or lacks what its action needs; `errors` tells each.
pub fn parse(source: &SourceConfig, arrival: &Arrival<'_>) -> Result<Parsed, ParseRefusal> {
    let event = own_event(source, arrival)?;
    let status = match text_at(&event, "event_action").as_deref() {
        Some("trigger") => Ok(AlertStatus::Firing),
        Some("acknowledge") => Ok(AlertStatus::Acknowledged),
        Some("resolve") => Ok(AlertStatus::Resolved),
        None => Err("'event_action' is missing or blank".to_owned()),
        Some(_) => Err("'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge', 'resolve')".to_owned()),
    };
    let sent_key = text_at(&event, "dedup_key");
    let mut errors: Vec<String> = status.as_ref().err().cloned().into_iter().collect();
    match (&status, &sent_key) {
        (_, Some(key)) if key.chars().count() > MAX_DEDUP_KEY => {
            errors.push(format!("'dedup_key' is too long (maximum is {MAX_DEDUP_KEY} characters)"));
        }
        (Ok(AlertStatus::Acknowledged | AlertStatus::Resolved), None) => errors.push("'dedup_key' is missing or blank".into()),
        _ => {}
    }
    if status == Ok(AlertStatus::Firing) {
        errors.extend(trigger_errors(event.get("payload")));
    }
    let (Ok(status), true) = (status, errors.is_empty()) else { return Err(invalid(errors)) };
    let dedup_key = sent_key.unwrap_or_else(|| arrival.delivery.to_owned());
    let alert = read_alert(source, &event, status, &dedup_key);
    Ok(Parsed { alerts: vec![alert], ..Parsed::of(Reply::PagerDuty { dedup_key }) })
}

/// Reads `POST /v2/change/enqueue`: kept, and mapped to no alert.
///
/// # Errors
/// When it is no event, names another routing key, or has no summary.
pub fn parse_change(source: &SourceConfig, arrival: &Arrival<'_>) -> Result<Parsed, ParseRefusal> {
    let event = own_event(source, arrival)?;
    if event.get("payload").and_then(|p| text_at(p, "summary")).is_none() {
        return Err(invalid(vec!["'payload.summary' is missing or blank".into()]));
    }
    let reasons = vec!["A change event of PagerDuty's; it is kept and opens nothing.".to_owned()];
    Ok(Parsed { unmapped: 1, reasons, ..Parsed::of(Reply::PagerDutyChange) })
}

fn read_event(body: &[u8], limit: usize) -> Result<Value, ParseRefusal> {
    let event = read_json(body, limit).map_err(|refusal| ParseRefusal { errors: vec![refusal.problem.clone()], ..refusal })?;
    if event.is_object() { Ok(event) } else { Err(invalid(vec!["The event has to be a JSON object".into()])) }
}

/// The event, once its routing key is known to be this source's: `/hooks/{source}` takes events as well.
fn own_event(source: &SourceConfig, arrival: &Arrival<'_>) -> Result<Value, ParseRefusal> {
    let event = read_event(arrival.body, source.max_body)?;
    match text_at(&event, "routing_key") {
        None => Err(invalid(vec!["'routing_key' is missing or blank".into()])),
        Some(key) if holds_key(source, &key) => Ok(event),
        Some(_) => Err(unknown_key()),
    }
}

fn holds_key(source: &SourceConfig, sent: &str) -> bool {
    source.routing_key.as_ref().is_some_and(|key| same(sent.as_bytes(), key.expose().as_bytes()).into())
}

fn unknown_key() -> ParseRefusal {
    ParseRefusal { code: Code::UnknownRoutingKey, ..invalid(vec!["Invalid routing key".into()]) }
}

fn invalid(errors: Vec<String>) -> ParseRefusal {
    ParseRefusal { errors, ..ParseRefusal::new(Code::InvalidEvent, "Event object is invalid") }
}

fn trigger_errors(payload: Option<&Value>) -> Vec<String> {
    let Some(payload) = payload.filter(|p| p.is_object()) else { return vec!["'payload' is missing or blank".into()] };
    let mut errors: Vec<String> = ["summary", "source", "severity"]
        .into_iter()
        .filter(|key| text_at(payload, key).is_none())
        .map(|key| format!("'payload.{key}' is missing or blank"))
        .collect();
    if let Some(severity) = text_at(payload, "severity")
        && !["critical", "warning", "error", "info"].contains(&severity.as_str())
    {
        errors.push("'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')".into());
    }
    errors
}

fn read_alert(source: &SourceConfig, event: &Value, status: AlertStatus, dedup_key: &str) -> Alert {
    let payload = event.get("payload").unwrap_or(&Value::Null);
    let line = |key: &str| text_at(payload, key).map(|text| fit_line(&text)).unwrap_or_default();
    let labels: BTreeMap<String, String> = ["source", "component", "group", "class"]
        .into_iter()
        .map(|key| (key.to_owned(), line(key)))
        .filter(|(_, v)| !v.is_empty())
        .collect();
    let annotations = read_annotations(event, payload, MAX_PAIRS - labels.len());
    let summary = text_at(payload, "summary").unwrap_or_default();
    let client = text_at(event, "client").map(|text| fit_line(&text)).unwrap_or_default();
    let at = moment(payload.get("timestamp"));
    Alert {
        source: source.name.clone(),
        fingerprint: fingerprint(&source.name, dedup_key),
        alert_id: fit(dedup_key, MAX_LINE),
        rule: [line("class"), client, line("source"), line("summary")].into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
        status,
        title: first_title([summary.as_str(), dedup_key]),
        description: text_at(payload, "custom_details")
            .filter(|_| payload.get("custom_details").is_some_and(Value::is_string))
            .map_or_else(String::new, |text| fit(&text, MAX_VALUE)),
        severity: line("severity").to_lowercase(),
        labels,
        annotations,
        starts_at: at.filter(|_| status == AlertStatus::Firing),
        ends_at: at.filter(|_| status == AlertStatus::Resolved),
        url: fit_url(&text_at(event, "client_url").unwrap_or_default()),
    }
}

/// The client, custom details and links, as many as there is `room` for; what does not fit is counted in one more.
fn read_annotations(event: &Value, payload: &Value, room: usize) -> BTreeMap<String, String> {
    let mut found: Vec<(String, String)> = text_at(event, "client").map(|client| ("client".to_owned(), client)).into_iter().collect();
    let details = payload.get("custom_details").and_then(Value::as_object).into_iter().flatten();
    found.extend(details.filter_map(|(name, value)| Some((name.clone(), text_of(value)?))));
    let links = event.get("links").and_then(Value::as_array).into_iter().flatten();
    found.extend(links.enumerate().filter_map(|(i, link)| {
        let href = fit_url(&text_at(link, "href")?);
        let text = text_at(link, "text").unwrap_or_default();
        (!href.is_empty()).then(|| (format!("link {}", i + 1), format!("{text} {href}").trim().to_owned()))
    }));
    let left_out = found.len().saturating_sub(room);
    let keep = if left_out == 0 { found.len() } else { room - 1 };
    let mut annotations: BTreeMap<String, String> =
        found.into_iter().take(keep).map(|(name, text)| (fit_line(&name), fit(&text, MAX_VALUE))).collect();
    if left_out > 0 {
        annotations.insert("left out".to_owned(), format!("{} more details", left_out + 1));
    }
    annotations
}
