//! Reports as pages: `/console/reports`, `/console/reports/{name}`. What they say is what every surface says of them
//! (`inbound/reports.rs`), whatever columns it has.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::{Days, NaiveDate, NaiveTime};
use serde::Deserialize;
use serde_json::{Map, Value};

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
use crate::evidence::report::{ALL, Report};
use crate::inbound::app::App;
use crate::inbound::reports::{self, Wanted};
use crate::procedure::model::Permission;
use crate::ticket::number::Number;
use crate::ticket::period::since;

/// The report that stands first, and what of it is looked at first.
const FIRST: (&str, &str) = ("deployments", "unconfirmed");
/// Rows on a page; the API has the rest.
const ROWS: usize = 500;
/// Columns of a table at most.
const COLUMNS: usize = 12;

/// What stands behind the `?`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// A day.
    from: Option<String>,
    /// The last day.
    to: Option<String>,
    /// In place of `from`: how far back.
    since: Option<String>,
    kind: Option<String>,
}

/// The list of reports.
struct List {
    shell: Shell,
    reports: Vec<(&'static str, String, &'static str)>,
}

#[derive(Template)]
#[template(path = "console/reports.html")]
struct ListPage<'a> {
    shell: &'a Shell,
    channels: ChannelsPart<'a>,
    view: &'a List,
}

/// One report.
struct Page {
    shell: Shell,
    name: &'static str,
    title: String,
    answers: &'static str,
    /// The first and the last day, each empty where it has none; none where the report is of one moment.
    period: Option<(String, String)>,
    /// The kinds of ticket of which one can be chosen, with their names; and which one is.
    kinds: Vec<(String, String)>,
    kind: String,
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
    view: &'a Page,
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
        let mut all: Vec<(&str, String, &str)> = ALL.iter().map(|report| (report.name, title(report), report.answers)).collect();
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
    let made = async {
        let report = reports::find(&name).ok_or_else(|| NoView::NotFound("such report".to_owned()))?;
        let look = Look::new(&app, &caller.person)?;
        let view = page(&look, report, &asked).await?;
        Ok(ReportPage { shell: &view.shell, channels: ChannelsPart::of(&view.shell, false), view: &view }.to_string())
    };
    match made.await {
        Ok(body) => reply::html(StatusCode::OK, body),
        Err(error) => reply::no_view(&app, &headers, error),
    }
}

async fn page(look: &Look<'_>, report: &'static Report, asked: &Asked) -> Result<Page, NoView> {
    let takes = |what: &str| report.takes.contains(&what);
    let (from, to) = if takes("from") { period(report, asked, look.now) } else { (None, None) };
    let kind = asked.kind.clone().filter(|kind| takes("kind") && look.library.kinds.contains_key(kind));
    let until = to.and_then(|day| day.checked_add_days(Days::new(1)));
    let wanted = Wanted { from: from.and_then(midnight), to: until.and_then(midnight), kind: kind.clone(), ..Wanted::default() };
    let answer = reports::report(&look.app.desk, look.viewer, report, &wanted).await?;
    let (columns, rows, more) = table(&answer);
    let summary = answer["summary"].as_object().into_iter().flatten().map(|(name, value)| (humanise(name), cell(value)));
    let kinds = look.library.kinds.values().filter(|_| takes("kind")).map(|kind| (kind.name.clone(), kind.title.clone()));
    let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
    Ok(Page {
        shell: look.shell(&look.open().await?, None),
        name: report.name,
        title: title(report),
        answers: report.answers,
        period: takes("from").then(|| (day(from), day(to))),
        kinds: kinds.collect(),
        kind: kind.unwrap_or_default(),
        summary: summary.filter(|(_, value)| !matches!(value, Cell::Text(text) if text.is_empty())).collect(),
        columns,
        rows,
        left_out: (more > 0).then(|| format!("And {}; the API has all of them.", count(more, "more row", "more rows"))),
    })
}

/// What a report is called on its page.
fn title(report: &Report) -> String {
    if report.name == FIRST.0 { "Unconfirmed changes and deployments".to_owned() } else { humanise(report.name) }
}

/// The first and the last day that are asked for; where they say nothing that is a day, as far back as is usual.
fn period(report: &Report, asked: &Asked, now: Timestamp) -> (Option<NaiveDate>, Option<NaiveDate>) {
    let given = |text: &Option<String>| text.as_deref().and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok());
    let (from, to) = (given(&asked.from), given(&asked.to));
    // A form that is sent with its first day empty asks for all of it.
    let usual = reports::usual(report).filter(|_| asked.from.is_none());
    let back = || since(asked.since.as_deref().or(usual)?, now).map(|at| at.utc().date_naive());
    let from = from.or_else(back);
    if from.zip(to).is_some_and(|(from, to)| from > to) { (to, from) } else { (from, to) }
}

/// When a day begins, in UTC.
fn midnight(day: NaiveDate) -> Option<Timestamp> {
    Timestamp::from_micros(day.and_time(NaiveTime::MIN).and_utc().timestamp_micros())
}

/// The rows of an answer as a table, names in the place of ids, and how many are left out.
fn table(answer: &Value) -> (Vec<String>, Vec<Vec<Cell>>, i64) {
    let mut all: Vec<&Map<String, Value>> = answer["rows"].as_array().into_iter().flatten().filter_map(Value::as_object).collect();
    all.sort_by_key(|row| row.get("why").is_none_or(|why| why != FIRST.1));
    let named = |name: &str| all.iter().any(|row| row.contains_key(&format!("{name}_name")));
    let mut names: Vec<&String> = Vec::new();
    for name in all.iter().take(ROWS).flat_map(|row| row.keys()) {
        if names.len() < COLUMNS && !names.contains(&name) && !named(name) {
            names.push(name);
        }
    }
    // Which ticket it is comes first.
    names.sort_by_key(|name| *name != "ticket");
    let of = |row: &&Map<String, Value>| names.iter().map(|name| cell(row.get(*name).unwrap_or(&Value::Null))).collect();
    let rows = all.iter().take(ROWS).map(of).collect();
    let more = i64::try_from(all.len().saturating_sub(ROWS)).unwrap_or(i64::MAX) + answer["rows_left_out"].as_i64().unwrap_or(0);
    (names.iter().map(|name| humanise(name.trim_end_matches("_name"))).collect(), rows, more)
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
    Cell::Text(reports::words(value))
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
    fn people_are_named_and_not_told_by_their_ids() {
        let answer = json!({ "rows": [{ "owner": "p_1", "owner_name": "Ana", "ticket": "CHG-000001" }, { "late": 3 }] });
        let (columns, rows, more) = table(&answer);
        assert_eq!(columns, ["Ticket", "Owner", "Late"]);
        assert!(matches!((&rows[0][1], &rows[1][1]), (Cell::Text(name), Cell::Text(none)) if name == "Ana" && none.is_empty()));
        assert_eq!(more, 0);
    }

    #[test]
    fn what_is_not_finished_is_told_however_old_it_is_and_a_period_that_is_turned_around_is_turned_back() {
        let now = Timestamp::parse("2026-11-22T10:00:00Z").expect("a time");
        let of = |name: &str, from: Option<&str>, to: &str, since: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let asked = Asked { from: owned(from), to: Some(to.to_owned()), since: owned(since), kind: None };
            let (from, to) = period(reports::find(name).expect("a report"), &asked, now);
            let day = |day: Option<NaiveDate>| day.map(|day| day.to_string()).unwrap_or_default();
            (day(from), day(to))
        };
        let days = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(of("latency", None, "../", None), days("2026-05-22", ""));
        assert_eq!(of("latency", Some(""), "", None), days("", ""), "all of it was asked for");
        assert_eq!(of("latency", None, "", Some("30d")), days("2026-10-23", ""));
        assert_eq!(of("reviews", None, "", None), days("", ""));
        assert_eq!(of("reviews", Some("2026-05-02"), "2026-05-01", None), days("2026-05-01", "2026-05-02"));
        assert_eq!(midnight(NaiveDate::MAX), None, "no panic at the end of time");
    }
}
