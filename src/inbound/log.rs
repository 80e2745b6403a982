//! The log for anybody who may read it, as C2SP tlog-tiles: `/log/checkpoint`, `/log/tile/…`. Its entries are sealed.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::app::App;
use super::caller::Caller;
use super::code::Code;
use super::problem::Problem;
use crate::desk::query::NoView;
use crate::ledger::tile::{Tile, TileKind};
use crate::procedure::model::Permission;

/// The log's routes.
pub fn routes() -> Router<App> {
    Router::new().route("/log/checkpoint", get(checkpoint)).route("/log/tile/{*path}", get(tile)).route("/log/vkey", get(vkey))
}

/// Lets through who may read the log: everybody when it is public, otherwise people who may export.
async fn admit(app: &App, caller: Result<Caller, Problem>) -> Result<(), Problem> {
    let snapshot = app.desk.snapshot();
    let public = app.config.log.public || snapshot.procedures.current().is_some_and(|l| l.organisation.public_log);
    if public {
        return Ok(());
    }
    Ok(app.desk.allow(&caller?.person, Permission::Export)?)
}

async fn checkpoint(State(app): State<App>, headers: axum::http::HeaderMap) -> Result<Response, Problem> {
    admit(&app, Caller::of(&app, &Method::GET, &headers, None).await).await?;
    match app.desk.checkpoint().await.map_err(NoView::Store)? {
        Some((_, note)) => {
            Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], note).into_response())
        }
        None => Err(Problem::new(StatusCode::NOT_FOUND, Code::NotFound, "No checkpoint was signed yet; try again in a few seconds.")),
    }
}

async fn vkey(State(app): State<App>, headers: axum::http::HeaderMap) -> Result<Response, Problem> {
    admit(&app, Caller::of(&app, &Method::GET, &headers, None).await).await?;
    match app.desk.signing().vkey {
        Some(vkey) => Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{vkey}\n")).into_response()),
        None => Err(Problem::new(StatusCode::NOT_FOUND, Code::NotFound, "This process signs nothing.")),
    }
}

async fn tile(State(app): State<App>, Path(path): Path<String>, headers: axum::http::HeaderMap) -> Result<Response, Problem> {
    admit(&app, Caller::of(&app, &Method::GET, &headers, None).await).await?;
    let missing = || Problem::new(StatusCode::NOT_FOUND, Code::NotFound, "The log has no such tile.");
    let tile = Tile::parse(&format!("tile/{path}")).ok_or_else(missing)?;
    let bytes = app.desk.tile(tile).await.map_err(NoView::Store)?.ok_or_else(missing)?;
    // What is under a signed checkpoint never changes, partial tiles included: their width is in their name.
    let cache = if tile.kind == TileKind::Entries { "private, max-age=31536000, immutable" } else { "max-age=31536000, immutable" };
    Ok(([(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, cache)], bytes).into_response())
}
