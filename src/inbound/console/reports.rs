//! Reports as pages: `/console/reports`, `/console/reports/{name}`. What they say is the API's answer, whatever columns it has.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::fragments::ChannelsPart;
use super::html::Moment;
use super::reply;
use super::routes::Visitor;
use super::view_of::Look;
use super::views::{ROOT, Shell};
use super::{assets, html};
use crate::card::words::{count, humanise};
use crate::desk::query::NoView;
use crate::env::Timestamp;
use crate::evidence::report::ALL;
use crate::inbound::api::reports;
use crate::inbound::app::App;
use crate::procedure::model::Permission;
use crate::ticket::number::Number;

/// The report that stands first, and what of it is looked at first.
const FIRST: (&str, &str) = ("deployments", "unconfirmed");
/// Rows on a page; the API has the rest.
const ROWS: usize = 500;
/// Columns of a table at most.
const COLUMNS: usize = 12;
/// Days back that a report covers unless another period is asked for.
const USUAL: u32 = 91;

/// The period, as dates.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    from: Option<String>,
    to: Option<String>,
}

/// The list of reports.
struct List {
    shell: Shell,
    reports: Vec<(&'static str, String, String)>,
}

#[derive(Template)]
#[template(path = "console/reports.html")]
struct ListPage<'a> {
    shell: &'a Shell,
    channels: ChannelsPart<'a>,
    view: &'a List,
}

/// One report.
struct Report {
    shell: Shell,
    name: String,
    title: String,
    answers: String,
    /// The first and the last day; none where the report is of one moment.
    period: Option<(String, String)>,
    summary: Vec<(String, Cell)>,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
    left_out: Option<String>,
}

/// One value of an answer.
enum Cell {
    Text(String),
    Ticket(String),
    At(Timestamp),
}

#[derive(Template)]
#[template(path = "console/report.html")]
struct ReportPage<'a> {
    shell: &'a Shell,
    channels: ChannelsPart<'a>,
    view: &'a Report,
}

impl ReportPage<'_> {
    fn at(&self, at: &Timestamp) -> Moment {
        Moment { at: *at, now: self.shell.now }
    }
}

/// Every report there is, the unconfirmed changes first.
pub(super) async fn list(State(app): State<App>, Visitor(caller): Visitor, headers: HeaderMap) -> Response {
    let made = async {
        app.desk.allow(&caller.person, Permission::Read)?;
        let look = Look::new(&app, &caller.person)?;
        let mut all: Vec<(&str, String, String)> = ALL.iter().map(|(name, answers)| (*name, title(name), said(answers))).collect();
        all.sort_by_key(|(name, ..)| *name != FIRST.0);
        let view = List { shell: look.shell(&look.open().await?, None), reports: all };
        Ok(ListPage { shell: &view.shell, channels: ChannelsPart::of(&view.shell, false), view: &view }.to_string())
    };
    match made.await {
        Ok(body) => reply::html(StatusCode::OK, body),
        Err(error) => reply::no_view(&app, &headers, error),
    }
}

/// One report of a period.
pub(super) async fn show(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let Some((known, answers)) = ALL.iter().find(|(known, _)| *known == name) else {
        return reply::no_view(&app, &headers, NoView::NotFound("such report".to_owned()));
    };
    let period = (*known != "roles").then(|| period(&asked, app.desk.now()));
    let query = period.as_ref().map(|(from, to)| format!("?from={from}T00:00:00Z&to={to}T23:59:59.999999Z")).unwrap_or_default();
    let Ok(uri) = format!("/{query}").parse::<Uri>() else {
        return reply::no_view(&app, &headers, NoView::NotFound("such period".to_owned()));
    };
    let answer = match reports::report(State(app.clone()), Path(name.clone()), uri, caller.clone()).await {
        Ok(answer) => answer.0,
        Err(problem) => return reply::problem(&app, &headers, &problem),
    };
    let made = async {
        let look = Look::new(&app, &caller.person)?;
        let (columns, rows, more) = table(&answer);
        let left_out = (more > 0).then(|| format!("And {}; the API has all of them.", count(more, "more row", "more rows")));
        let summary = answer["summary"].as_object().into_iter().flatten().map(|(name, value)| (humanise(name), cell(value)));
        let summary = summary.filter(|(_, value)| !matches!(value, Cell::Text(text) if text.is_empty())).collect();
        let shell = look.shell(&look.open().await?, None);
        let view = Report { shell, title: title(&name), name, answers: said(answers), period, summary, columns, rows, left_out };
        Ok(ReportPage { shell: &view.shell, channels: ChannelsPart::of(&view.shell, false), view: &view }.to_string())
    };
    match made.await {
        Ok(body) => reply::html(StatusCode::OK, body),
        Err(error) => reply::no_view(&app, &headers, error),
    }
}

/// What a report is called on its page.
fn title(name: &str) -> String {
    if name == FIRST.0 { "Unconfirmed changes and deployments".to_owned() } else { humanise(name) }
}

/// What a report answers, without the marks that programs read.
fn said(answers: &str) -> String {
    answers.split_once(": `").map_or(answers, |(said, _)| said).to_owned()
}

/// The period that is asked for, as two days; the last three months where it is none.
fn period(asked: &Asked, now: Timestamp) -> (String, String) {
    let day = |at: Timestamp| at.utc().format("%Y-%m-%d").to_string();
    let given = |text: &Option<String>| text.clone().filter(|t| Timestamp::parse(&format!("{t}T00:00:00Z")).is_some());
    let from = given(&asked.from).unwrap_or_else(|| day(now.minus(std::time::Duration::from_secs(u64::from(USUAL) * 86_400))));
    let to = given(&asked.to).unwrap_or_else(|| day(now));
    if from > to { (to, from) } else { (from, to) }
}

/// The rows of an answer as a table, and how many are left out.
fn table(answer: &Value) -> (Vec<String>, Vec<Vec<Cell>>, i64) {
    let mut all: Vec<&Value> = answer["rows"].as_array().into_iter().flatten().collect();
    all.sort_by_key(|row| row["why"] != FIRST.1);
    let mut names: Vec<&String> = Vec::new();
    for name in all.iter().take(ROWS).filter_map(|row| row.as_object()).flat_map(|row| row.keys()) {
        if !names.contains(&name) && names.len() < COLUMNS {
            names.push(name);
        }
    }
    // Which ticket it is comes first.
    names.sort_by_key(|name| *name != "ticket");
    let rows = all.iter().take(ROWS).map(|row| names.iter().map(|name| cell(&row[name.as_str()])).collect()).collect();
    let more = i64::try_from(all.len().saturating_sub(ROWS)).unwrap_or(i64::MAX) + answer["rows_left_out"].as_i64().unwrap_or(0);
    (names.into_iter().map(|name| humanise(name)).collect(), rows, more)
}

fn cell(value: &Value) -> Cell {
    if let Some(text) = value.as_str() {
        if text.parse::<Number>().is_ok() {
            return Cell::Ticket(text.to_owned());
        }
        if let Some(at) = Timestamp::parse_canonical(text) {
            return Cell::At(at);
        }
    }
    Cell::Text(words(value))
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(all) => all.iter().map(|(name, value)| format!("{} {}", humanise(name), words(value))).collect::<Vec<_>>().join("; "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unconfirmed_changes_stand_first_and_every_column_has_its_place() {
        let answer = json!({ "rows": [
            { "ticket": "FND-000001", "why": "without", "lacks": ["NoModel", "TooEarly"], "open": true },
            { "ticket": "CHG-000002", "why": "unconfirmed", "at": "2026-11-22T03:04:05.000000Z", "times": { "p50": 3 } },
        ], "rows_left_out": 2 });
        let (columns, rows, more) = table(&answer);
        assert_eq!(columns[0], "Ticket");
        assert!(matches!(&rows[0][0], Cell::Ticket(number) if number == "CHG-000002"));
        assert!(rows[0].iter().any(|cell| matches!(cell, Cell::At(_))));
        let said: Vec<&str> =
            rows.iter().flatten().filter_map(|cell| if let Cell::Text(text) = cell { Some(text.as_str()) } else { None }).collect();
        assert!(said.contains(&"NoModel, TooEarly") && said.contains(&"yes") && said.contains(&"P50 3"), "{said:?}");
        assert_eq!(more, 2);
    }

    #[test]
    fn a_period_that_is_none_is_the_last_three_months_and_one_that_is_turned_around_is_turned_back() {
        let now = Timestamp::parse("2026-11-22T10:00:00Z").expect("a time");
        let asked = |from: &str, to: &str| Asked { from: Some(from.to_owned()), to: Some(to.to_owned()) };
        assert_eq!(period(&asked("x", "../"), now), ("2026-08-23".to_owned(), "2026-11-22".to_owned()));
        assert_eq!(period(&asked("2026-05-02", "2026-05-01"), now), ("2026-05-01".to_owned(), "2026-05-02".to_owned()));
    }
}
