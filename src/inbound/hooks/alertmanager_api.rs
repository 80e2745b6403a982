//! Alertmanager's own API, version 2 (its openapi.yaml), as Prometheus and amtool speak it: `POST /api/v2/alerts`
//! and `GET /api/v2/status`.

use serde_json::{Value, json};

use super::alertmanager::read_alert;
use super::document::{moment, read_json};
use super::{Arrival, ParseRefusal, Parsed, Reply, check_alerts};
use crate::config::SourceConfig;
use crate::env::Timestamp;
use crate::inbound::code::Code;
use crate::ticket::alert::AlertStatus;

/// Reads a list of alerts. An `endsAt` in the future, or none, is firing; in the past, resolved.
///
/// # Errors
/// When it is not JSON within bounds, or not a list of objects.
pub fn parse(source: &SourceConfig, arrival: &Arrival<'_>) -> Result<Parsed, ParseRefusal> {
    let Value::Array(items) = read_json(arrival.body, source.max_body)? else {
        return Err(ParseRefusal::new(Code::WrongShape, "The body is JSON, but Alertmanager's API takes a list of alerts."));
    };
    check_alerts(items.len())?;
    let mut alerts = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let mut alert = read_alert(source, item, &format!("[{i}]"))?;
        alert.ends_at = moment(item.get("endsAt")).filter(|end| *end <= arrival.now);
        if alert.ends_at.is_some() {
            alert.status = AlertStatus::Resolved;
        }
        alerts.push(alert);
    }
    Ok(Parsed { alerts, ..Parsed::of(Reply::AlertmanagerApi) })
}

/// The answer to `GET /api/v2/status`, which amtool asks first; `started` is when this process did.
/// Its fields are those that the API requires.
#[must_use]
pub fn status(started: Timestamp) -> Value {
    json!({
        "cluster": { "name": "", "status": "disabled", "peers": [] },
        "config": { "original": "" },
        "uptime": started,
        "versionInfo": {
            "branch": "", "buildDate": "", "buildUser": "", "goVersion": "", "revision": "",
            "version": concat!("countersign-", env!("CARGO_PKG_VERSION")),
        },
    })
}
