//! What an assessor reads: the way of one ticket on one screen, and what is promised.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::assets;
use super::fragments::ChannelsPart;
use super::html::{self, Sentence};
use super::reply;
use super::routes::{Visitor, number};
use super::view_of::Look;
use super::views::{ROOT, Shell};
use crate::card::trace;
use crate::card::words::Words;
use crate::desk::query::NoView;
use crate::inbound::app::App;
use crate::procedure::targets::{render, targets};

/// The page: sentences, then a list under its heading.
#[derive(Clone, Debug, Default)]
struct Record {
    title: String,
    lines: Vec<Words>,
    heading: &'static str,
    list: Vec<String>,
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

async fn shown(app: &App, visitor: &Visitor, headers: &HeaderMap, made: impl AsyncFnOnce(&Look<'_>) -> Result<Record, NoView>) -> Response {
    let page = async {
        let look = Look::new(app, &visitor.0.person)?;
        let view = made(&look).await?;
        let shell = look.shell(&look.open().await?, None);
        Ok::<_, NoView>(RecordPage { shell: &shell, channels: ChannelsPart::of(&shell, false), view: &view }.to_string())
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

/// A page of policy, made from the procedure that counts.
pub(super) async fn policy(State(app): State<App>, visitor: Visitor, Path(kind): Path<String>, headers: HeaderMap) -> Response {
    shown(&app, &visitor, &headers, async |look| {
        app.desk.allow(look.viewer, crate::procedure::model::Permission::Read)?;
        let page =
            crate::procedure::policy::policy(&look.library, &kind).ok_or_else(|| NoView::NotFound("kind of that name".to_owned()))?;
        let made = format!("Made from the playbooks that count now: procedure {}, organisation {}.", page.procedure, page.organisation);
        let lines = vec![Words::of(made), Words::of(format!("Its version is {}; what counts changes only with it.", page.version))];
        let list = page.lines.iter().map(|line| line.trim_start_matches(['#', '-', ' ']).to_owned()).collect();
        Ok(Record { title: page.title, lines, heading: "Policy", list })
    })
    .await
}

/// What is promised.
pub(super) async fn promised(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Response {
    shown(&app, &visitor, &headers, async |look| {
        app.desk.allow(look.viewer, crate::procedure::model::Permission::Read)?;
        let list = targets(&look.library).iter().map(render).collect();
        let lines = vec![Words::of(
            "Every target of every clock, as the procedures that count now say it. Each line reads back to the same values.",
        )];
        Ok(Record { title: "Targets".to_owned(), lines, heading: "Target", list })
    })
    .await
}
