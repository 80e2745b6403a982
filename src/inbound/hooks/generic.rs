//! Any JSON, mapped by the CEL expressions of the source's configuration.
//!
//! A delivery is never refused because an expression gives nothing: what cannot be mapped is kept and told in
//! [`Parsed::unmapped`] and [`Parsed::reasons`]. An alert needs an `alert_id` and a `title`; everything else may be missing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::document::{
    MAX_LINE, MAX_VALUE, check_count, fingerprint, first_title, fit, fit_line, fit_url, moment, pairs, read_json, text_of,
};
use super::{Arrival, ParseRefusal, Parsed, Reply, check_alerts};
use crate::config::{Mapping, Pairs, SourceConfig};
use crate::procedure::expression::{Expression, Variables};
use crate::ticket::alert::{Alert, AlertStatus};

/// An expression that reads both the body and the item walks the whole body for each item; this bounds
/// body × items × such expressions, in bytes. A delivery with more items than fit is refused as too large.
const MAX_WORK: usize = 16 * 1024 * 1024;

/// Reads a delivery by the source's mapping.
///
/// # Errors
/// When it is not JSON within bounds, holds more alerts than are taken at a time, or one alert has more than 256 labels and annotations.
pub fn parse(source: &SourceConfig, arrival: &Arrival<'_>) -> Result<Parsed, ParseRefusal> {
    let body = read_json(arrival.body, source.max_body)?;
    let mut parsed = Parsed::of(Reply::Hooks);
    let Some(mapping) = &source.mapping else {
        parsed.leave_out(format!("The source {} has no mapping.", source.name));
        return Ok(parsed);
    };
    let items = match items(mapping, &body) {
        Ok(items) => items,
        Err(sentence) => {
            parsed.leave_out(sentence);
            return Ok(parsed);
        }
    };
    let work_per_item = arrival.body.len().max(1) * mapping.body_readings_per_item();
    check_alerts(items.len())?;
    let most = MAX_WORK.checked_div(work_per_item).map_or(usize::MAX, |fits| fits.max(1));
    if items.len() > most {
        return Err(ParseRefusal::too_large(format!(
            "The delivery holds {} items, and its mapping reads the whole body for each; at most {most} of this size are taken at a time. Nothing was taken; send fewer at once.",
            items.len()
        )));
    }
    let mut reader = Reader::new(mapping, body);
    for (i, item) in items.into_iter().enumerate() {
        match reader.alert(source, item, i)? {
            Ok(alert) => parsed.alerts.push(alert),
            Err(sentence) => parsed.leave_out(sentence),
        }
    }
    Ok(parsed)
}

/// What each alert is read from: the elements of `each`, or the whole document.
fn items(mapping: &Mapping, body: &Value) -> Result<Vec<Value>, String> {
    let Some(each) = &mapping.each else { return Ok(vec![body.clone()]) };
    let variables = Map::from_iter([("body".to_owned(), body.clone())]);
    match each.value(&variables) {
        Ok(Value::Array(items)) => Ok(items),
        Ok(_) => Err("The mapping's each does not give a list.".into()),
        Err(why) => Err(format!("The mapping's each gives nothing: {}.", fit_line(&why.to_string()))),
    }
}

fn reads(expression: &Expression, variable: &str) -> bool {
    expression.reads().iter().any(|read| read.path.first().is_some_and(|name| name == variable))
}

impl Mapping {
    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let fields = [
            Some(&self.alert_id),
            Some(&self.title),
            self.rule.as_ref(),
            self.status.as_ref(),
            self.description.as_ref(),
            self.severity.as_ref(),
            self.starts_at.as_ref(),
            self.ends_at.as_ref(),
            self.url.as_ref(),
        ];
        let pairs = [&self.labels, &self.annotations].into_iter().flatten().flat_map(|pairs| match pairs {
            Pairs::Whole(one) => vec![one],
            Pairs::Each(each) => each.values().collect(),
        });
        fields.into_iter().flatten().chain(pairs)
    }

    /// How many expressions read the body anew for every item.
    fn body_readings_per_item(&self) -> usize {
        self.expressions().filter(|e| reads(e, "body") && reads(e, "item")).count()
    }
}

/// Evaluates a mapping's expressions on one item after another; those that read no item, only once.
struct Reader<'m> {
    mapping: &'m Mapping,
    variables: Variables,
    once: BTreeMap<&'m str, Option<Value>>,
}

impl<'m> Reader<'m> {
    fn new(mapping: &'m Mapping, body: Value) -> Self {
        let variables = Variables::from_iter([("body".to_owned(), body)]);
        let once = mapping.expressions().filter(|e| !reads(e, "item")).map(|e| (e.source(), e.value(&variables).ok())).collect();
        Self { mapping, variables, once }
    }

    fn value(&self, expression: Option<&Expression>) -> Option<Value> {
        let expression = expression?;
        let value = match self.once.get(expression.source()) {
            Some(known) => known.clone(),
            None => expression.value(&self.variables).ok(),
        };
        value.filter(|value| !value.is_null())
    }

    fn text(&self, expression: Option<&Expression>) -> Option<String> {
        self.value(expression).as_ref().and_then(text_of).filter(|text| !text.trim().is_empty())
    }

    fn pairs(&self, mapped: Option<&Pairs>, what: &str) -> Result<BTreeMap<String, String>, ParseRefusal> {
        let whole = match mapped {
            None => None,
            Some(Pairs::Whole(expression)) => self.value(Some(expression)).filter(Value::is_object),
            Some(Pairs::Each(each)) => {
                let found = each.iter().filter_map(|(name, expression)| Some((name.clone(), self.value(Some(expression))?)));
                Some(Value::Object(found.collect()))
            }
        };
        pairs(whole.as_ref(), what)
    }

    /// One alert; the inner error is why this item maps to none.
    fn alert(&mut self, source: &SourceConfig, item: Value, position: usize) -> Result<Result<Alert, String>, ParseRefusal> {
        self.variables.insert("item".to_owned(), item);
        let mapping = self.mapping;
        let what = format!("item {position}");
        let Some(alert_id) = self.text(Some(&mapping.alert_id)) else {
            return Ok(Err(format!("The mapping's alert_id gives nothing for {what}.")));
        };
        let Some(title) = self.text(Some(&mapping.title)) else {
            return Ok(Err(format!("The mapping's title gives nothing for {what}.")));
        };
        let labels = self.pairs(mapping.labels.as_ref(), &format!("{what}: labels"))?;
        let annotations = self.pairs(mapping.annotations.as_ref(), &format!("{what}: annotations"))?;
        check_count(labels.len() + annotations.len(), &what)?;
        let status = status_of(self.value(mapping.status.as_ref()).as_ref());
        let line = |expression| self.text(expression).map(|text| fit_line(&text)).unwrap_or_default();
        Ok(Ok(Alert {
            source: source.name.clone(),
            fingerprint: fingerprint(&source.name, &alert_id),
            alert_id: fit(&alert_id, MAX_LINE),
            // Playbooks group by the rule where nothing better is there: without one, each title is its own.
            rule: Some(line(mapping.rule.as_ref())).filter(|rule| !rule.is_empty()).unwrap_or_else(|| fit_line(&title)),
            status,
            title: first_title([title.as_str()]),
            description: self.text(mapping.description.as_ref()).map_or_else(String::new, |text| fit(&text, MAX_VALUE)),
            severity: line(mapping.severity.as_ref()).to_lowercase(),
            starts_at: moment(self.value(mapping.starts_at.as_ref()).as_ref()),
            ends_at: moment(self.value(mapping.ends_at.as_ref()).as_ref()).filter(|_| status == AlertStatus::Resolved),
            url: fit_url(&self.text(mapping.url.as_ref()).unwrap_or_default()),
            labels,
            annotations,
        }))
    }
}

/// Reads a state in the words that tools use. What is unknown is firing: better one alert too many.
fn status_of(value: Option<&Value>) -> AlertStatus {
    let word = match value {
        Some(Value::Bool(false)) => return AlertStatus::Resolved,
        Some(Value::String(text)) => text.trim().to_lowercase(),
        _ => return AlertStatus::Firing,
    };
    match word.as_str() {
        "resolved" | "resolve" | "ok" | "closed" | "close" | "recovered" | "recovery" | "normal" | "inactive" | "cleared" | "up"
        | "false" => AlertStatus::Resolved,
        "acknowledged" | "acknowledge" | "acked" | "ack" => AlertStatus::Acknowledged,
        _ => AlertStatus::Firing,
    }
}
