//! The lines of a review: what each says, keep, revoke or change for whoever is asked, fifty at a time; before they are
//! frozen, lists of users that are handed in.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form as Body, Multipart, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::fragments::ChannelsPart;
use super::html::Moment;
use super::reply;
use super::routes::{Visitor, number};
use super::typed::Data;
use super::view_of::{Look, Pinned};
use super::views::{LinesNote, Notice, ROOT, Shell};
use super::{assets, html};
use crate::card::words::{count, humanise};
use crate::desk::campaign::{LineView, Wanted};
use crate::desk::query::NoView;
use crate::desk::request::{Ask, Unanswered};
use crate::env::Timestamp;
use crate::inbound::api::lines as api;
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::inbound::problem::Problem;
use crate::ticket::campaign;
use crate::ticket::command::{Command, LineChoice};
use crate::ticket::duties::Around;
use crate::ticket::event::Actor;
use crate::ticket::fields;
use crate::ticket::inbox::lines_for;
use crate::ticket::lines::{Mark, Verdict};
use crate::ticket::number::Number;
use crate::ticket::offer::may;
use crate::ticket::users;

/// Lines on a page.
const PAGE: usize = 50;
/// A list with its form, in bytes.
pub(super) const MOST: usize = users::MOST_BYTES + (64 << 10);
/// Characters of a reason at most.
const MOST_REASON: usize = 2_000;

/// What stands behind the `?`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    mine: bool,
    #[serde(default)]
    open: bool,
    #[serde(default)]
    after: i64,
}

/// The page.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub(super) shell: Shell,
    pub(super) number: String,
    pub(super) title: String,
    /// How far it is, in a sentence.
    pub(super) note: String,
    pub(super) digest: Option<String>,
    pub(super) mine: bool,
    pub(super) open: bool,
    pub(super) rows: Vec<LineRow>,
    pub(super) next: Option<i64>,
    pub(super) after: i64,
    /// Before the lines are frozen.
    pub(super) gathering: Option<Gathering>,
}

/// What can be done before the lines are frozen.
#[derive(Clone, Debug)]
pub(super) struct Gathering {
    pub(super) until: Option<Timestamp>,
    /// Systems with how many users were handed in.
    pub(super) lists: Vec<(String, String)>,
    /// Systems that a list can be of.
    pub(super) systems: Vec<(String, String)>,
    pub(super) may_freeze: bool,
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct LineRow {
    pub(super) line: i64,
    pub(super) name: String,
    pub(super) what: String,
    pub(super) facts: Vec<String>,
    pub(super) flags: Vec<(&'static str, bool)>,
    pub(super) record: Option<String>,
    pub(super) stands: String,
    pub(super) open: bool,
    pub(super) asked: String,
    pub(super) follow_up: Option<String>,
    /// The reader can decide it now.
    pub(super) decide: bool,
    pub(super) chosen: String,
    pub(super) reason: String,
}

#[derive(Template)]
#[template(path = "console/lines.html")]
struct LinesPage<'a> {
    shell: &'a Shell,
    channels: ChannelsPart<'a>,
    view: &'a Lines,
}

impl LinesPage<'_> {
    fn at(&self, at: &Timestamp) -> Moment {
        Moment { at: *at, now: self.shell.now }
    }

    fn short(&self, digest: &str) -> String {
        digest.chars().take(12).collect()
    }

    fn any_to_decide(&self) -> bool {
        self.view.rows.iter().any(|row| row.decide)
    }

    fn verdicts(&self) -> [(&'static str, &'static str); 3] {
        [("keep", "Keep"), ("revoke", "Revoke"), ("change", "Change")]
    }

    fn is_chosen(&self, row: &LineRow, verdict: &str) -> bool {
        row.chosen == verdict
    }
}

/// The page as HTML.
pub(super) fn lines_page(view: &Lines) -> String {
    LinesPage { shell: &view.shell, channels: ChannelsPart::of(&view.shell, false), view }.to_string()
}

fn around<'a>(look: &'a Look<'_>, pinned: &'a Pinned) -> Around<'a> {
    Around {
        now: look.now,
        organisation: &look.library.organisation,
        people: look.snapshot.directory.as_ref(),
        kind: pinned.kind(),
        response: None,
    }
}

fn actor(look: &Look<'_>) -> Actor {
    Actor::Person { id: look.viewer.state.id.clone(), roles: look.viewer.state.roles.clone() }
}

/// What the review's own page says of its lines; none when it has none.
pub(super) fn note(look: &Look<'_>, pinned: &Pinned) -> Option<LinesNote> {
    campaign::rule(&around(look, pinned), &pinned.ticket)?;
    let mine = lines_for(&around(look, pinned), &pinned.ticket, &actor(look));
    Some(LinesNote { text: said(pinned), mine })
}

/// How far it is.
fn said(pinned: &Pinned) -> String {
    let Some(lines) = pinned.ticket.lines.as_ref().filter(|l| l.is_frozen()) else {
        return "Its lines are not frozen yet; lists of users can be handed in.".to_owned();
    };
    let total = lines.total();
    let decided = total - lines.open();
    let under_way = match lines.following.len() {
        0 => String::new(),
        n => format!(" {} under way.", count(i64::try_from(n).unwrap_or(i64::MAX), "removal is", "removals are")),
    };
    format!("{decided} of {} decided.{under_way}", count(total, "line", "lines"))
}

async fn page(look: &Look<'_>, name: &str, asked: Asked, typed: &Data, notice: Option<Notice>) -> Result<String, NoView> {
    let number = number(name)?;
    let pinned = look.ticket(&number).await?;
    campaign::rule(&around(look, &pinned), &pinned.ticket).ok_or_else(|| NoView::NotFound("such list".to_owned()))?;
    let wanted = Wanted { mine: asked.mine, open: asked.open };
    let found = look.app.desk.lines(look.viewer, &number, wanted, asked.after, PAGE + 1).await?;
    let next = found.get(PAGE).and_then(|_| found.get(PAGE - 1)).map(|l| l.line);
    let rows = found.iter().take(PAGE).map(|view| row(look, &pinned, view, typed)).collect();
    let lines = pinned.ticket.lines.clone().unwrap_or_default();
    let mut shell = look.shell(&look.open().await?, None);
    shell.notice = notice;
    Ok(lines_page(&Lines {
        shell,
        number: number.to_string(),
        title: look.scene(&pinned, |scene| scene.title()),
        note: said(&pinned),
        digest: lines.digest.clone(),
        mine: asked.mine,
        open: asked.open,
        rows,
        next,
        after: asked.after,
        gathering: (!lines.is_frozen() && !pinned.ticket.ended).then(|| gathering(look, &pinned)),
    }))
}

fn gathering(look: &Look<'_>, pinned: &Pinned) -> Gathering {
    let lines = pinned.ticket.lines.clone().unwrap_or_default();
    let kind = pinned.kind();
    let by: Vec<String> = kind.declare.by.iter().chain(kind.lines.iter().flat_map(|l| &l.otherwise)).cloned().collect();
    let scope = pinned.ticket.plain("system").and_then(serde_json::Value::as_str);
    let systems = look.library.organisation.estate.systems.iter().filter(|(name, _)| scope.is_none_or(|scope| scope == *name));
    Gathering {
        until: lines.until,
        lists: lines.lists.iter().map(|(system, list)| (system.clone(), count(list.rows, "user", "users"))).collect(),
        systems: systems.map(|(name, system)| (name.clone(), system.title.clone())).collect(),
        may_freeze: may(&actor(look), Some(&pinned.ticket), &by),
    }
}

fn row(look: &Look<'_>, pinned: &Pinned, view: &LineView, typed: &Data) -> LineRow {
    let shown = &view.shown;
    let directory = &look.snapshot.directory;
    let role = if shown.role.is_empty() { "access" } else { shown.role.as_str() };
    let mut facts = Vec::new();
    let mut fact = |what: &str, value: &str| facts.extend((!value.is_empty()).then(|| format!("{what} {value}")));
    fact("account", &shown.account);
    fact("", &shown.email);
    fact("last used", &shown.last_used);
    fact("since", &shown.since.map(|at| at.utc().format("%-d %b %Y").to_string()).unwrap_or_default());
    fact("until", &shown.until.map(|at| at.utc().format("%-d %b %Y").to_string()).unwrap_or_default());
    let asked = &view.asked.reviewer;
    LineRow {
        line: view.line,
        name: shown.name.clone(),
        what: format!("{role} on {}", shown.system),
        facts: facts.into_iter().map(|f| f.trim().to_owned()).collect(),
        flags: shown.flags.iter().map(|f| (f.words(), f.is_odd())).collect(),
        record: shown.record.as_ref().map(ToString::to_string),
        stands: view.mark.name().to_owned(),
        open: view.mark == Mark::Open,
        asked: if directory.get(asked).is_some() { directory.name_of(asked) } else { humanise(asked).to_lowercase() },
        follow_up: view.follow_up.as_ref().map(ToString::to_string),
        decide: view.mine && view.mark == Mark::Open && !pinned.ticket.ended,
        chosen: typed.one(&format!("verdict.{}", view.line)).unwrap_or_default().to_owned(),
        reason: typed.one(&format!("reason.{}", view.line)).unwrap_or_default().to_owned(),
    }
}

async fn answer(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    name: &str,
    asked: Asked,
    typed: &Data,
    refused: Option<(StatusCode, String)>,
) -> Response {
    let made = async {
        let look = Look::new(app, &caller.person)?;
        let notice = refused.as_ref().map(|(_, text)| Notice { refused: true, text: text.clone() });
        page(&look, name, asked, typed, notice).await
    };
    match made.await {
        Ok(body) => reply::html(refused.map_or(StatusCode::OK, |(status, _)| status), body),
        Err(error) => reply::no_view(app, headers, error),
    }
}

pub(super) async fn show(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    answer(&app, &caller, &headers, &name, asked, &Data::default(), None).await
}

/// What was chosen for each line; a line without a choice is left alone.
fn choices(app: &App, pairs: &[(String, String)]) -> Result<Vec<LineChoice>, String> {
    let values: BTreeMap<&str, &str> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut out = Vec::new();
    for (name, value) in &values {
        let Some(line) = name.strip_prefix("verdict.").and_then(|line| line.parse::<i64>().ok()) else { continue };
        let Some(verdict) = Verdict::named(value) else { continue };
        let reason = values.get(format!("reason.{line}").as_str()).copied().unwrap_or_default();
        let reason = fields::text(reason, MOST_REASON).map_err(|problem| format!("The reason of line {line} {problem}."))?;
        out.push(LineChoice::of(line, verdict, reason.map(|text| app.desk.seal(text))));
    }
    if out.is_empty() { Err("Choose keep, revoke or change for at least one line.".to_owned()) } else { Ok(out) }
}

pub(super) async fn decide(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(pairs): Body<Vec<(String, String)>>,
) -> Response {
    let data = Data::of(pairs.clone());
    let truth = |name: &str| data.one(name) == Some("true");
    let asked = Asked { mine: truth("mine"), open: truth("open"), after: data.one("after").and_then(|a| a.parse().ok()).unwrap_or(0) };
    let again = |status: StatusCode, text: String| answer(&app, &caller, &headers, &name, asked, &data, Some((status, text)));
    let choices = match choices(&app, &pairs) {
        Ok(choices) => choices,
        Err(text) => return again(StatusCode::UNPROCESSABLE_ENTITY, text).await,
    };
    let number = match number(&name) {
        Ok(number) => number,
        Err(error) => return reply::no_view(&app, &headers, error),
    };
    let command = Command::DecideLines { ticket: number.clone(), choices };
    let key = data.one("dedupe").filter(|key| key.len() <= 200);
    let body = serde_json::to_vec(&pairs).unwrap_or_default();
    match app.desk.ask(caller.request(Ask::Ticket(Box::new(command)), key, &format!("{number} lines"), &body)).await {
        Ok(_) => reply::done(&headers, &format!("{ROOT}/c/{number}/lines?mine={}&open={}", asked.mine, asked.open), false),
        Err(error) => {
            let text = error.to_string();
            again(Problem::from(error).status(), text).await
        }
    }
}

pub(super) async fn freeze(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(pairs): Body<Vec<(String, String)>>,
) -> Response {
    let data = Data::of(pairs);
    let made = async {
        let number = number(&name)?;
        app.desk.allow(&caller.person, crate::procedure::model::Permission::Read)?;
        Ok::<_, NoView>((app.desk.freezing(&number).await?, number))
    };
    let (command, number) = match made.await {
        Ok(made) => made,
        Err(error) => return reply::no_view(&app, &headers, error),
    };
    let key = data.one("dedupe").filter(|key| key.len() <= 200);
    match app.desk.ask(caller.request(Ask::Ticket(Box::new(command)), key, &format!("{number} freeze"), b"")).await {
        Ok(_) => reply::done(&headers, &format!("{ROOT}/c/{number}/lines"), false),
        Err(error) => refused(&app, &caller, &headers, &name, error).await,
    }
}

async fn refused(app: &App, caller: &Caller, headers: &HeaderMap, name: &str, error: Unanswered) -> Response {
    let text = error.to_string();
    answer(app, caller, headers, name, Asked::default(), &Data::default(), Some((Problem::from(error).status(), text))).await
}

/// A list of users is handed in.
pub(super) async fn users(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
    headers: HeaderMap,
    mut parts: Multipart,
) -> Response {
    let (mut system, mut key, mut bytes) = (String::new(), None, None);
    let wrong = |text: &str| (StatusCode::UNPROCESSABLE_ENTITY, text.to_owned());
    let read = async {
        while let Some(part) = parts.next_field().await.map_err(|_| ())? {
            match part.name().unwrap_or_default() {
                "file" => bytes = Some(part.bytes().await.map_err(|_| ())?),
                "system" => system = part.text().await.map_err(|_| ())?.chars().take(60).collect(),
                "dedupe" => key = Some(part.text().await.map_err(|_| ())?).filter(|key| key.len() <= 200),
                _ => {}
            }
        }
        Ok::<(), ()>(())
    };
    let typed = Data::default();
    let again = |refused| answer(&app, &caller, &headers, &name, Asked::default(), &typed, Some(refused));
    if read.await.is_err() {
        return again(wrong("That list is too large, or it broke off on the way. Nothing was kept.")).await;
    }
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return again(wrong("Please choose a file that is not empty.")).await };
    let ticket: Number = match number(&name) {
        Ok(ticket) => ticket,
        Err(error) => return reply::no_view(&app, &headers, error),
    };
    match api::hand_in(&app, &caller, &ticket, system, &bytes, key.as_deref()).await {
        Ok(_) => reply::done(&headers, &format!("{ROOT}/c/{ticket}/lines"), false),
        Err(problem) => again((problem.status(), problem.detail.clone())).await,
    }
}

/// Every line and what was decided of it, as a table to keep.
pub(super) async fn table(State(app): State<App>, Visitor(caller): Visitor, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let made = async {
        let number = number(&name)?;
        app.desk.ticket(&caller.person, &number).await?;
        Ok::<_, NoView>(number)
    };
    match made.await {
        Ok(number) => match api::table(&app, &caller, &number).await {
            Ok(bytes) => api::as_file(bytes, &number),
            Err(problem) => problem.into_response(),
        },
        Err(error) => reply::no_view(&app, &headers, error),
    }
}
