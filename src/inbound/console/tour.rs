//! What to try in a demonstration: a few steps, each one sentence, and buttons that let time pass.

use std::time::Duration;

use askama::Template;
use axum::extract::{Form as Body, State};
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
use crate::desk::query::NoView;
use crate::inbound::app::App;

/// How many hours a button lets pass, and what it says.
const JUMPS: [(u64, &str); 3] = [(1, "An hour passes"), (6, "Six hours pass"), (25, "A day passes")];

#[derive(Template)]
#[template(path = "console/tour.html")]
struct TourPage<'a> {
    shell: &'a Shell,
    channels: ChannelsPart<'a>,
}

impl TourPage<'_> {
    fn now(&self) -> Moment {
        Moment { at: self.shell.now, now: self.shell.now }
    }

    fn jumps(&self) -> &'static [(u64, &'static str)] {
        &JUMPS
    }
}

/// The page as HTML.
pub(super) fn tour_page(shell: &Shell) -> String {
    TourPage { shell, channels: ChannelsPart::of(shell, false) }.to_string()
}

fn elsewhere() -> NoView {
    NoView::NotFound("such page".to_owned())
}

/// What to try.
pub(super) async fn show(State(app): State<App>, Visitor(caller): Visitor, headers: HeaderMap) -> Response {
    let made = async {
        if !app.demo {
            return Err(elsewhere());
        }
        let look = Look::new(&app, &caller.person)?;
        let open = if look.app.desk.allow(look.viewer, crate::procedure::model::Permission::Read).is_ok() {
            look.open().await?
        } else {
            Vec::new()
        };
        Ok(tour_page(&look.shell(&open, None)))
    };
    match made.await {
        Ok(body) => reply::html(StatusCode::OK, body),
        Err(error) => reply::no_view(&app, &headers, error),
    }
}

/// What a button of the page sends.
#[derive(Debug, Deserialize)]
pub(super) struct Jump {
    hours: u64,
}

/// Time passes; only in a demonstration, where the clock can be told to.
pub(super) async fn pass(State(app): State<App>, Visitor(_): Visitor, headers: HeaderMap, Body(jump): Body<Jump>) -> Response {
    let known = app.demo && JUMPS.iter().any(|(hours, _)| *hours == jump.hours);
    if !known || !app.desk.env().clock.pass(Duration::from_secs(jump.hours * 3_600)) {
        return reply::no_view(&app, &headers, elsewhere());
    }
    if let Err(error) = app.desk.tick().await {
        tracing::warn!(%error, "what came due is looked at again in a moment");
    }
    reply::done(&headers, &format!("{ROOT}/try"), true)
}
