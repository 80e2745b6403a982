//! Grafana's unified alerting, webhook contact point (grafana.com/docs, "webhook notifier"): Alertmanager's shape
//! with links to dashboards and the values that were measured.

use serde_json::Value;

use super::alertmanager::parse_group;
use super::document::{MAX_PAIRS, MAX_VALUE, fit, text_at};
use super::{Arrival, ParseRefusal, Parsed};
use crate::config::SourceConfig;
use crate::ticket::alert::Alert;

/// What Grafana says of an alert beside its labels and annotations; kept as annotations of the same name while there is room.
const EXTRAS: [&str; 5] = ["dashboardURL", "panelURL", "silenceURL", "imageURL", "valueString"];

/// Reads a webhook of Grafana's.
///
/// # Errors
/// When it is not JSON within bounds, or has no list `alerts` of objects.
pub fn parse(source: &SourceConfig, arrival: &Arrival<'_>) -> Result<Parsed, ParseRefusal> {
    parse_group(source, arrival, "Grafana's", enrich)
}

fn enrich(item: &Value, alert: &mut Alert) {
    for name in EXTRAS {
        let room = alert.labels.len() + alert.annotations.len() < MAX_PAIRS;
        if let Some(text) = text_at(item, name).filter(|_| room) {
            alert.annotations.entry(name.to_owned()).or_insert_with(|| fit(&text, MAX_VALUE));
        }
    }
}
