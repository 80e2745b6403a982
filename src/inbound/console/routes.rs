//! The console's addresses, and its pages that only look.

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use serde::Deserialize;

use super::render::{desk_page, ended_page, people_page, timeline_page};
use super::view_of::{LATEST, Look};
use super::views::{Desk, Ended, Entry, Notice, People, PersonLine, ROOT, Room, Timeline};
use super::{act, assets, calendar, evidence, inbox, lines, link, lists, record, reply, reports, session, stream, tour};
use crate::card::words::humanise;
use crate::desk::news::NEWS;
use crate::desk::query::NoView;
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::inbound::stand_ins;
use crate::procedure::model::Permission;
use crate::ticket::event::{Actor, Event};
use crate::ticket::number::Number;

/// Ended tickets that the board shows, and a page of their own list.
pub(super) const LATELY: i64 = 10;
const ENDED_PAGE: i64 = 50;

/// What a form without a file may hold.
const FORM: usize = 256 << 10;

/// The console's routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/console/") }))
        .route("/console", get(|| async { Redirect::to("/console/") }))
        .route("/console/", get(incidents))
        .route("/console/c/{number}", get(channel))
        .route("/console/c/{number}/timeline", get(timeline))
        .route("/console/c/{number}/form/{action}", get(act::show))
        .route("/console/c/{number}/do/{action}", post(act::take))
        .route("/console/declare", get(act::show_declare))
        .route("/console/declare/{kind}", get(act::show_declare_kind).post(act::declare))
        .route("/console/ended", get(ended))
        .route("/console/inbox", get(inbox::inbox))
        .route("/console/list/{kind}", get(lists::list))
        .route("/console/reports", get(reports::list))
        .route("/console/reports/{name}", get(reports::show))
        .route("/console/c/{number}/lines", get(lines::show).post(lines::decide))
        .route("/console/c/{number}/lines.csv", get(lines::table))
        .route("/console/c/{number}/lines/freeze", post(lines::freeze))
        .route("/console/c/{number}/trace", get(record::traced))
        .route("/console/targets", get(record::promised))
        .route("/console/policies/{kind}", get(record::policy))
        .route("/console/try", get(tour::show))
        .route("/console/try/pass", post(tour::pass))
        .route("/console/people", get(people))
        .route("/console/calendar", get(calendar::page).post(calendar::make))
        .route("/console/calendar/stop", post(calendar::stop))
        .route("/console/sign-in", get(session::page).post(session::sign_in))
        .route("/console/be", post(session::be))
        .route("/auth/link", get(link::page).post(link::give))
        .route("/auth/unlink", post(link::take_back))
        .route("/console/sign-out", post(session::sign_out))
        .layer(DefaultBodyLimit::max(FORM))
        .route("/console/c/{number}/do/evidence", post(evidence::file).layer(DefaultBodyLimit::max(evidence::MOST)))
        .route("/console/c/{number}/lines/users", post(lines::users).layer(DefaultBodyLimit::max(lines::MOST)))
        .route("/console/c/{number}/files/{file}", get(evidence::download))
        .route("/console/{*nothing}", any(nothing_here))
        .route("/console/stream", get(stream::stream))
        .route("/console/assets/{name}", get(asset))
}

/// A signed-in reader of the console; anybody else gets the page to sign in.
pub(super) struct Visitor(pub(super) Caller);

impl FromRequestParts<App> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        match Caller::from_request_parts(parts, app).await {
            Ok(caller) => Ok(Self(caller)),
            Err(problem) => Err(reply::problem(app, &parts.headers, &problem)),
        }
    }
}

/// A number as an address holds it.
pub(super) fn number(text: &str) -> Result<Number, NoView> {
    text.parse().map_err(|_| NoView::NotFound("such ticket".to_owned()))
}

async fn asset(Path(name): Path<String>) -> Response {
    let Some(asset) = assets::find(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, asset.bytes).into_response()
}

fn page(app: &App, headers: &HeaderMap, made: Result<String, NoView>) -> Response {
    match made {
        Ok(body) => reply::html(StatusCode::OK, body),
        Err(error) => reply::no_view(app, headers, error),
    }
}

/// No page stands at this address.
async fn nothing_here(State(app): State<App>, headers: HeaderMap) -> Response {
    reply::no_view(&app, &headers, NoView::NotFound("such page".to_owned()))
}

async fn incidents(State(app): State<App>, Visitor(caller): Visitor, headers: HeaderMap) -> Response {
    let may = |permission| app.desk.allow(&caller.person, permission).is_ok();
    if !may(Permission::Read)
        && may(Permission::Administer)
        && let Ok(look) = Look::new(&app, &caller.person)
    {
        return reply::only_administers(&look);
    }
    let made = async {
        let look = Look::new(&app, &caller.person)?;
        let open = look.open().await?;
        let mut shell = look.shell(&open, None);
        shell.notice = chat_notice(&app, "").await;
        let (ended, _) = look.ended(LATEST, LATELY).await?;
        Ok(desk_page(&Desk { shell, room: Room::Incidents { open, ended } }))
    };
    page(&app, &headers, made.await)
}

/// What does not work in chat for a ticket, or (with an empty number) for the platform as a whole. A database that does
/// not answer shows itself elsewhere on the page.
async fn chat_notice(app: &App, number: &str) -> Option<Notice> {
    app.chat.as_ref()?;
    let troubles = app.desk.chat_troubles().await.ok()?;
    let of_ticket = |subject: &str| subject.parse::<Number>().is_ok();
    // Of those who are not linked yet, `doctor` tells.
    let mut troubles = troubles.into_iter().filter(|t| t.platform != NEWS);
    let mine = troubles.find(|t| if number.is_empty() { !of_ticket(&t.subject) } else { t.subject == number });
    mine.map(|trouble| Notice { refused: true, text: trouble.words })
}

/// Where the reader stands in the list of ended tickets.
#[derive(Deserialize)]
struct Cursor {
    before: Option<i64>,
}

async fn ended(State(app): State<App>, Visitor(caller): Visitor, Query(cursor): Query<Cursor>, headers: HeaderMap) -> Response {
    let made = async {
        let look = Look::new(&app, &caller.person)?;
        let (tickets, older) = look.ended(cursor.before.unwrap_or(LATEST), ENDED_PAGE).await?;
        let older = older.map(|before| format!("{ROOT}/ended?before={before}"));
        let shell = look.shell(&look.open().await?, None);
        Ok(ended_page(&Ended { shell, tickets, older, further: cursor.before.is_some() }))
    };
    page(&app, &headers, made.await)
}

async fn channel(State(app): State<App>, Visitor(caller): Visitor, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let made = async {
        let look = Look::new(&app, &caller.person)?;
        let pinned = look.ticket(&number(&name)?).await?;
        let (card, messages) = (look.card(&pinned), look.conversation(&pinned).await?);
        let mut shell = look.shell(&look.open().await?, Some(&card));
        shell.notice = chat_notice(&app, &card.number).await;
        let may_write = app.desk.allow(&caller.person, Permission::Work).is_ok();
        Ok(desk_page(&Desk { shell, room: Room::Ticket { card: Box::new(card), messages, may_write, lines: lines::note(&look, &pinned) } }))
    };
    page(&app, &headers, made.await)
}

async fn timeline(State(app): State<App>, Visitor(caller): Visitor, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let made = async {
        let look = Look::new(&app, &caller.person)?;
        let pinned = look.ticket(&number(&name)?).await?;
        let card = look.card(&pinned);
        let (events, texts) = look.history(&pinned.ticket.number).await?;
        let messages = look.story(&pinned, &texts, |story| story.timeline(&events));
        let name = |id: &str| look.snapshot.directory.name_of(id);
        let entries = messages.into_iter().zip(&events).map(|(message, event)| entry(message, event, &name)).collect();
        let shell = look.shell(&look.open().await?, Some(&card));
        Ok(timeline_page(&Timeline { shell, number: card.number, title: card.title, entries }))
    };
    page(&app, &headers, made.await)
}

fn entry(message: crate::card::story::Message, event: &Event, name: &dyn Fn(&str) -> String) -> Entry {
    let who = match &event.actor {
        Actor::Person { id, roles } => format!("{} ({})", name(id), roles.join(", ")),
        Actor::Source { name } => name.clone(),
        Actor::Account { .. } => "somebody not yet verified".to_owned(),
        Actor::Scheduler => "Countersign".to_owned(),
    };
    // The name under which the event stands in the log.
    let kind = serde_json::to_value(&event.fact).ok().and_then(|fact| fact.get("kind")?.as_str().map(str::to_owned));
    Entry { message, kind: kind.unwrap_or_default(), by: format!("{who}, {}", humanise(&event.via.surface).to_lowercase()) }
}

async fn people(State(app): State<App>, Visitor(caller): Visitor, headers: HeaderMap) -> Response {
    let made = async {
        let reads = app.desk.allow(&caller.person, Permission::Read);
        reads.as_ref().map_or_else(|_| app.desk.allow(&caller.person, Permission::Administer), |()| Ok(()))?;
        let look = Look::new(&app, &caller.person)?;
        let open = if reads.is_ok() { look.open().await? } else { Vec::new() };
        let mut people: Vec<PersonLine> = look
            .snapshot
            .directory
            .iter()
            .map(|person| PersonLine {
                name: person.name.clone(),
                email: person.email.clone(),
                roles: person.state.roles.iter().map(|role| role.replace('-', " ")).collect(),
                disabled: person.state.disabled,
                stand_ins: stand_ins::of(&look, &person.email, false),
            })
            .collect();
        people.sort_by(|a, b| (a.disabled, &a.name).cmp(&(b.disabled, &b.name)));
        Ok(people_page(&People { shell: look.shell(&open, None), people }))
    };
    page(&app, &headers, made.await)
}
