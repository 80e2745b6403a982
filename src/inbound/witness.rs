//! We cosign somebody else's log (C2SP tlog-witness): `POST /witness/add-checkpoint`.
//!
//! What we cosigned last is remembered per origin, and moved in one step with the check against it: two requests at the
//! same instant cannot make us cosign two different trees.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::app::App;
use super::problem::{Problem, in_shape};
use crate::inbound::code::Code;
use crate::ledger::key::VerifierKey;
use crate::ledger::witness::{AddCheckpoint, Cosigner, WitnessRefusal};

/// What a witness needs.
pub struct Service {
    /// Signs.
    pub cosigner: Cosigner,
    /// The logs that it serves.
    pub logs: Vec<VerifierKey>,
}

/// The witness's routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/witness/add-checkpoint", post(add_checkpoint))
        .route("/witness/vkey", get(vkey))
        .layer(DefaultBodyLimit::max(64 << 10))
}

fn not_a_witness() -> Response {
    Problem::new(StatusCode::NOT_FOUND, Code::NotAWitness, "This service cosigns for nobody; [witness] in its configuration makes it.")
        .into_response()
}

async fn vkey(State(app): State<App>) -> Response {
    match &app.witness {
        Some(service) => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{}\n", service.cosigner.verifier())).into_response()
        }
        None => not_a_witness(),
    }
}

fn refuse(refusal: WitnessRefusal) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    match refusal.known_size() {
        Some(size) => (status, [(header::CONTENT_TYPE, "text/x.tlog.size")], format!("{size}\n")).into_response(),
        None => (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{refusal}\n")).into_response(),
    }
}

async fn add_checkpoint(State(app): State<App>, body: Result<Bytes, BytesRejection>) -> Response {
    let Some(service) = &app.witness else { return not_a_witness() };
    let body = match body {
        Ok(body) => body,
        Err(rejected) => return in_shape(rejected.into_response()).await,
    };
    let request = match AddCheckpoint::parse(&body) {
        Ok(request) => request,
        Err(refusal) => {
            app.desk.count_forgery("(witness)", "malformed");
            return refuse(refusal);
        }
    };
    match app.desk.cosign(&request, &service.logs).await {
        Ok(Ok(accepted)) => {
            let time = u64::try_from(app.desk.now().seconds()).unwrap_or(0);
            let line = service.cosigner.cosign(&accepted, time);
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{line}\n")).into_response()
        }
        Ok(Err(refusal)) => {
            match refusal {
                // Strangers may ask as well: counted, not logged one by one.
                WitnessRefusal::UnknownLog => app.desk.count_forgery("(witness)", "no such log"),
                WitnessRefusal::NotSigned => app.desk.count_forgery("(witness)", "not signed"),
                _ => tracing::warn!(%refusal, "a checkpoint was not cosigned"),
            }
            refuse(refusal)
        }
        Err(error) => {
            tracing::error!(%error, "a checkpoint could not be cosigned");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::NotStored, "I could not remember this checkpoint, so I did not cosign it.")
                .into_response()
        }
    }
}
