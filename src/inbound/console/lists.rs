//! Every ticket of one kind, the latest opened first, of a period and a status: what an assessor picks from.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::fragments::ChannelsPart;
use super::html::Moment;
use super::reply;
use super::routes::Visitor;
use super::view_of::Look;
use super::views::{ROOT, Shell};
use super::{assets, html};
use crate::card::words::humanise;
use crate::desk::query::NoView;
use crate::env::Timestamp;
use crate::inbound::app::App;

/// Tickets on a page.
const PAGE: i64 = 50;
/// Periods that can be chosen, by days; 0 for all of it.
const PERIODS: [(u32, &str); 5] = [(30, "30 days"), (91, "3 months"), (183, "6 months"), (365, "12 months"), (0, "all of it")];
/// The period that is shown unless another is asked for.
const USUAL: u32 = 183;

/// What stands behind the `?`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    days: Option<u32>,
    status: Option<String>,
    before: Option<i64>,
}

/// The page.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) shell: Shell,
    pub(super) kind: String,
    pub(super) title: String,
    /// Days back, 0 for all.
    pub(super) days: u32,
    pub(super) status: String,
    pub(super) statuses: Vec<(String, String)>,
    pub(super) rows: Vec<Row>,
    pub(super) older: Option<String>,
    pub(super) further: bool,
}

/// One ticket.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) number: String,
    pub(super) title: String,
    pub(super) status: String,
    pub(super) ended: bool,
    /// What sort and how risky, in a word each.
    pub(super) tags: Vec<String>,
    pub(super) opened: Timestamp,
    pub(super) by: String,
}

#[derive(Template)]
#[template(path = "console/list.html")]
struct ListPage<'a> {
    shell: &'a Shell,
    channels: ChannelsPart<'a>,
    view: &'a List,
}

impl ListPage<'_> {
    fn at(&self, at: &Timestamp) -> Moment {
        Moment { at: *at, now: self.shell.now }
    }

    fn periods(&self) -> &'static [(u32, &'static str)] {
        &PERIODS
    }

    fn is_period(&self, days: &u32) -> bool {
        *days == self.view.days
    }
}

/// The page as HTML.
pub(super) fn list_page(view: &List) -> String {
    ListPage { shell: &view.shell, channels: ChannelsPart::of(&view.shell, false), view }.to_string()
}

/// Tickets of a kind.
pub(super) async fn list(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(kind): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let made = async {
        let look = Look::new(&app, &caller.person)?;
        let found = look.library.kinds.get(&kind).cloned().ok_or_else(|| NoView::NotFound("such kind of ticket".to_owned()))?;
        let days = asked.days.filter(|d| PERIODS.iter().any(|(days, _)| days == d)).unwrap_or(USUAL);
        let status = asked.status.filter(|s| found.statuses.contains(s)).unwrap_or_default();
        let from = match days {
            0 => 0,
            days => app.desk.position_at(&caller.person, look.now.minus(std::time::Duration::from_secs(u64::from(days) * 86_400))).await?,
        };
        let before = asked.before.unwrap_or(i64::MAX);
        let mut tickets = app.desk.tickets_latest(&caller.person, &found.name, (from, before), &status, PAGE + 1).await?;
        let more = i64::try_from(tickets.len()).is_ok_and(|n| n > PAGE);
        tickets.truncate(usize::try_from(PAGE).unwrap_or(usize::MAX));
        let older = tickets.last().filter(|_| more).map(|(seq, _)| format!("{ROOT}/list/{kind}?days={days}&status={status}&before={seq}"));
        let pinned = look.pin_all(tickets.into_iter().map(|(_, ticket)| ticket).collect()).await?;
        let rows = pinned.iter().map(|pinned| row(&look, pinned)).collect();
        let statuses = found.statuses.iter().map(|s| (s.clone(), humanise(s))).collect();
        let shell = look.shell(&look.open().await?, None);
        let title = format!("{}s", found.title);
        Ok(list_page(&List {
            shell,
            kind: found.name.clone(),
            title,
            days,
            status,
            statuses,
            rows,
            older,
            further: asked.before.is_some(),
        }))
    };
    match made.await {
        Ok(body) => reply::html(StatusCode::OK, body),
        Err(error) => reply::no_view(&app, &headers, error),
    }
}

fn row(look: &Look<'_>, pinned: &super::view_of::Pinned) -> Row {
    let ticket = &pinned.ticket;
    let word = |field: &str| ticket.plain(field).and_then(serde_json::Value::as_str).map(|w| humanise(w).to_lowercase());
    let risk = word("risk").map(|risk| format!("{risk} risk"));
    Row {
        number: ticket.number.to_string(),
        title: look.scene(pinned, |scene| scene.title()),
        status: look.scene(pinned, |scene| scene.status_label(&ticket.status)),
        ended: ticket.ended,
        tags: word("type").into_iter().chain(word("category")).chain(risk).chain(word("severity")).collect(),
        opened: ticket.opened_at,
        by: ticket.opened_by.person().map(|id| look.snapshot.directory.name_of(id)).unwrap_or_else(|| "Countersign".to_owned()),
    }
}
