//! Server-sent events: while a page is open, the parts that changed.
//!
//! The stream waits for the log to grow, gathers for a moment (a storm is one update), and sends fragments. It looks
//! at the session each time: a person who was stopped sees nothing more.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event as Sse, KeepAlive, Sse as Stream};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::sync::watch;

use super::cards::Cards;
use super::fragments::Fragment;
use super::routes::{LATELY, Visitor};
use super::view_of::{LATEST, Look};
use crate::desk::query::NoView;
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::ticket::number::Number;

/// How long changes gather before they are sent.
const GATHER: Duration = Duration::from_millis(200);
/// A page that saw nothing newer than so many events ago is loaded anew.
const TOO_OLD: i64 = 5_000;

/// Where the page stands.
#[derive(Deserialize)]
pub(super) struct From {
    channel: Option<String>,
    after: Option<i64>,
}

/// One open page.
struct Page {
    app: App,
    caller: Caller,
    channel: Option<Number>,
    seen: i64,
    sizes: watch::Receiver<i64>,
    stopping: watch::Receiver<bool>,
    over: bool,
    cards: Cards,
    /// What the lists last showed.
    shown: Vec<(String, i64)>,
}

/// `GET /console/stream?channel=INC-000042&after=59`
pub(super) async fn stream(State(app): State<App>, Visitor(caller): Visitor, Query(from): Query<From>) -> Response {
    let sizes = app.desk.sizes();
    let stopping = app.stopping.subscribe();
    let channel = from.channel.and_then(|number| number.parse().ok());
    let page = Page {
        app,
        caller,
        channel,
        seen: from.after.unwrap_or(-1),
        sizes,
        stopping,
        over: false,
        cards: Cards::default(),
        shown: Vec::new(),
    };
    let updates = futures_util::stream::unfold(page, next).flat_map(futures_util::stream::iter);
    Stream::new(updates).keep_alive(KeepAlive::default()).into_response()
}

/// What changed since the page last heard something.
async fn next(mut page: Page) -> Option<(Vec<Result<Sse, Infallible>>, Page)> {
    if page.over {
        return None;
    }
    while page.app.desk.snapshot().size - 1 <= page.seen {
        tokio::select! {
            grown = page.sizes.changed() => grown.ok()?,
            _ = page.stopping.wait_for(|stop| *stop) => return None,
        }
    }
    tokio::time::sleep(GATHER).await;
    let latest = page.app.desk.snapshot().size - 1;
    let good = match &page.caller.session {
        Some(hash) => page.app.desk.session(hash).await.is_ok_and(|found| found.is_some()),
        None => page.app.desk.snapshot().directory.active(&page.caller.person.state.id).is_some(),
    };
    if !good || latest - page.seen > TOO_OLD {
        page.over = true;
        return Some((vec![Ok(Sse::default().event("reload").data("again"))], page));
    }
    let fragments = match fragments(&mut page).await {
        Ok(fragments) => fragments,
        Err(error) => {
            tracing::warn!(%error, "an open page could not be brought up to date; it asks again");
            return None;
        }
    };
    page.seen = latest;
    let id = latest.to_string();
    let sent = fragments.iter().filter_map(|fragment| Sse::default().event("fragment").id(&id).json_data(fragment).ok());
    Some((sent.map(Ok).collect(), page))
}

async fn fragments(page: &mut Page) -> Result<Vec<Fragment>, NoView> {
    let look = Look::new(&page.app, &page.caller.person)?;
    let key = page.app.desk.env().id("");
    let open = page.cards.open(&look).await?;
    let mut out = Vec::new();
    let Some(number) = &page.channel else {
        let (ended, _) = look.ended(LATEST, LATELY).await?;
        let ended_now = ended.iter().map(|link| (link.number.clone(), link.seq));
        let shown: Vec<_> = open.iter().map(|card| (card.number.clone(), card.seq)).chain(ended_now).collect();
        if shown != page.shown {
            out.extend([Fragment::channels(&look.shell(&open, None)), Fragment::incidents(&open, &ended, &key, look.now)]);
            page.shown = shown;
        }
        return Ok(out);
    };
    let pinned = look.ticket(number).await?;
    let card = look.card(&pinned);
    let shown: Vec<_> = open.iter().chain([&card]).map(|card| (card.number.clone(), card.seq)).collect();
    if shown != page.shown {
        out.push(Fragment::channels(&look.shell(&open, Some(&card))));
        page.shown = shown;
    }
    if card.seq > page.seen {
        out.extend([Fragment::card(&card, &key, look.now), Fragment::known(&card, &key, look.now)]);
        let told = look.conversation(&pinned).await?;
        out.extend(told.iter().filter(|m| m.last > page.seen).map(|m| Fragment::message(m, &card.number, look.now)));
    }
    Ok(out)
}
