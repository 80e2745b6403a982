//! What an assessor reads: the way of one ticket on one screen, reports over many, and what is promised.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::assets;
use super::fragments::ChannelsPart;
use super::html::{self, Sentence};
use super::reply;
use super::routes::{Visitor, number};
use super::view_of::Look;
use super::views::{ROOT, Shell};
use crate::card::trace;
use crate::card::words::{Words, humanise};
use crate::desk::query::NoView;
use crate::env::Timestamp;
use crate::evidence::report::ALL;
use crate::inbound::app::App;
use crate::inbound::reports::{self, Wanted};
use crate::procedure::targets::{render, targets};
use crate::ticket::number::Number;
use crate::ticket::period::since;

/// Rows that a page shows; the API tells all of them.
const MOST: usize = 500;
/// How far back a register looks unless something else is asked.
const USUAL: &str = "6mo";

/// The page: sentences, then a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) title: String,
    pub(super) lines: Vec<Words>,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// One cell of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    /// Where it leads.
    pub(super) to: Option<String>,
}

#[derive(Template)]
#[template(path = "console/record.html")]
struct RecordPage<'a> {
    shell: &'a Shell,
    channels: ChannelsPart<'a>,
    view: &'a Record,
}

impl RecordPage<'_> {
    fn said<'w>(&self, words: &'w Words) -> Sentence<'w> {
        Sentence { words, now: self.shell.now }
    }
}

/// The page as HTML.
pub(super) fn record_page(shell: &Shell, view: &Record) -> String {
    RecordPage { shell, channels: ChannelsPart::of(shell, false), view }.to_string()
}

fn cell(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), to: None }
}

/// A value of a report as one reads it.
fn told(value: &Value) -> Cell {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => match Timestamp::parse_canonical(text) {
            Some(at) => at.utc().format("%Y-%m-%d %H:%M UTC").to_string(),
            None => text.clone(),
        },
        Value::Array(items) => items.iter().map(|item| told(item).text).collect::<Vec<_>>().join(", "),
        Value::Object(members) => members.iter().map(|(name, v)| format!("{name}: {}", told(v).text)).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    };
    let to = text.parse::<Number>().is_ok().then(|| format!("{ROOT}/c/{text}"));
    Cell { text, to }
}

/// A report's rows as a table: every member that a row has, names in the place of ids.
fn table(rows: &[Value]) -> (Vec<String>, Vec<Vec<Cell>>) {
    let rows: Vec<&Map<String, Value>> = rows.iter().filter_map(Value::as_object).collect();
    let named = |name: &str| rows.iter().any(|row| row.contains_key(&format!("{name}_name")));
    let mut names: Vec<&String> = Vec::new();
    for name in rows.iter().flat_map(|row| row.keys()) {
        if !names.contains(&name) && !named(name) {
            names.push(name);
        }
    }
    names.sort_by_key(|name| *name != "ticket");
    let cells = rows.iter().take(MOST).map(|row| names.iter().map(|name| row.get(*name).map_or_else(|| cell(""), told)).collect());
    (names.iter().map(|name| humanise(name.trim_end_matches("_name"))).collect(), cells.collect())
}

async fn shown(app: &App, visitor: &Visitor, headers: &HeaderMap, made: impl AsyncFnOnce(&Look<'_>) -> Result<Record, NoView>) -> Response {
    let page = async {
        let look = Look::new(app, &visitor.0.person)?;
        let view = made(&look).await?;
        let shell = look.shell(&look.open().await?, None);
        Ok::<_, NoView>(record_page(&shell, &view))
    };
    match page.await {
        Ok(body) => reply::html(StatusCode::OK, body),
        Err(error) => reply::no_view(app, headers, error),
    }
}

/// The way of one ticket.
pub(super) async fn traced(State(app): State<App>, visitor: Visitor, Path(name): Path<String>, headers: HeaderMap) -> Response {
    shown(&app, &visitor, &headers, async |look| {
        let pinned = look.ticket(&number(&name)?).await?;
        let nothing = || NoView::NotFound(format!("way of {name} to follow: its procedure names no parts"));
        let way = crate::ticket::trace::trace(&pinned.ticket, pinned.kind()).ok_or_else(nothing)?;
        let lines = look.scene(&pinned, |scene| trace::lines(&way, scene.kind, &scene.known));
        let title = format!("Trace of {}: {}", pinned.ticket.number, look.scene(&pinned, |scene| scene.title()));
        Ok(Record { title, lines, ..Record::default() })
    })
    .await
}

/// What is promised.
pub(super) async fn promised(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Response {
    shown(&app, &visitor, &headers, async |look| {
        app.desk.allow(look.viewer, crate::procedure::model::Permission::Read)?;
        let rows = targets(&look.library).iter().map(|target| vec![cell(render(target))]).collect();
        let lines = vec![Words::of(
            "Every target of every clock, as the procedures that count now say it. Each line reads back to the same values.",
        )];
        Ok(Record { title: "Targets".to_owned(), lines, columns: vec!["Target".to_owned()], rows })
    })
    .await
}

/// The reports that there are.
pub(super) async fn list(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Response {
    shown(&app, &visitor, &headers, async |look| {
        app.desk.allow(look.viewer, crate::procedure::model::Permission::Read)?;
        let row = |report: &crate::evidence::report::Report| {
            vec![Cell { text: report.name.to_owned(), to: Some(format!("{ROOT}/reports/{}", report.name)) }, cell(report.answers)]
        };
        let columns = ["Report", "Answers"].map(str::to_owned).to_vec();
        Ok(Record { title: "Reports".to_owned(), columns, rows: ALL.iter().map(row).collect(), ..Record::default() })
    })
    .await
}

/// What stands behind the `?`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    since: Option<String>,
    kind: Option<String>,
}

/// One report.
pub(super) async fn report(
    State(app): State<App>,
    visitor: Visitor,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    shown(&app, &visitor, &headers, async |look| {
        let found = reports::find(&name).ok_or_else(|| NoView::NotFound("such report".to_owned()))?;
        let takes = |what: &str| found.takes.contains(&what);
        let back = asked.since.as_deref().or(takes("since").then_some(USUAL));
        let from = back.filter(|_| takes("from")).and_then(|text| since(text, look.now));
        let kind = asked.kind.filter(|kind| takes("kind") && look.library.kinds.contains_key(kind));
        let answer = reports::report(&app.desk, look.viewer, found, &Wanted { from, kind, ..Wanted::default() }).await?;
        let rows = answer["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut lines = vec![Words::of(format!("{}.", found.answers))];
        if let Some(from) = from {
            lines.push(Words::of("Since ").time(from).text("."));
        }
        lines.extend(
            answer["summary"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| Words::of(format!("{}: ", humanise(name))).strong(told(value).text)),
        );
        if rows.len() > MOST {
            lines.push(Words::of(format!("The first {MOST} of {} are shown; the API and the command line tell all.", rows.len())));
        }
        let (columns, rows) = table(rows);
        Ok(Record { title: humanise(found.name), lines, columns, rows })
    })
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::table;

    #[test]
    fn a_row_names_people_and_leads_to_tickets() {
        let rows = [
            json!({ "owner": "p_1", "owner_name": "Ana", "ticket": "CHG-000001", "due": "2026-03-02T10:00:00.000000Z" }),
            json!({ "late": 3 }),
        ];
        let (columns, cells) = table(&rows);
        assert_eq!(columns, ["Ticket", "Due", "Owner", "Late"]);
        let texts: Vec<&str> = cells[0].iter().map(|c| c.text.as_str()).collect();
        assert_eq!(texts, ["CHG-000001", "2026-03-02 10:00 UTC", "Ana", ""]);
        assert_eq!(cells[0][0].to.as_deref(), Some("/console/c/CHG-000001"));
    }
}
