//! Bodies on their way in: how many bytes of them may be in memory at once, and how long one may take to arrive.
//!
//! What a request has sent counts until it is answered, since what was made of it lives as long. Nobody waits for room:
//! beyond the budget a request is told to come back, so that a flood of bodies costs what it sends and no memory.
//! Strangers (monitoring tools and witnessed logs prove themselves by what the body says) and people have a budget each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use tokio::time::Instant;

use super::code::Code;
use super::health::Metrics;
use super::problem::Problem;

/// Bytes of strangers' bodies at once: two of the largest that any source may send, a thousand of the usual ones.
pub const STRANGERS: usize = 32 << 20;
/// Bytes of people's bodies at once: five of the largest files.
pub const PEOPLE: usize = 128 << 20;
/// How long a body may take to arrive; less than a request may take altogether.
const ARRIVES: Duration = Duration::from_secs(25);

/// A budget; cheap to clone.
#[derive(Clone)]
pub struct Intake {
    held: Arc<AtomicUsize>,
    most: usize,
    metrics: Arc<Metrics>,
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Full = 1,
    Slow = 2,
}

/// What one request holds of the budget.
struct Share {
    budget: Arc<AtomicUsize>,
    most: usize,
    held: AtomicUsize,
    cut: AtomicU8,
}

#[derive(Debug, thiserror::Error)]
#[error("the body is not read to its end")]
struct NotRead;

impl Share {
    fn take(&self, bytes: usize) -> bool {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.budget.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.most
    }

    fn cut(&self, why: Cut) -> NotRead {
        self.cut.store(why as u8, Ordering::Relaxed);
        NotRead
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.fetch_sub(self.held.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl Intake {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(most: usize, metrics: Arc<Metrics>) -> Self {
        Self { held: Arc::default(), most, metrics }
    }

    fn counted(&self, body: Body, share: &Arc<Share>) -> Body {
        let until = Instant::now() + ARRIVES;
        let pieces = futures_util::stream::unfold((body.into_data_stream(), Arc::clone(share)), move |(mut body, share)| async move {
            let piece: Result<Bytes, axum::BoxError> = match tokio::time::timeout_at(until, body.next()).await {
                Err(_) => Err(share.cut(Cut::Slow).into()),
                Ok(None) => return None,
                Ok(Some(Ok(bytes))) if share.take(bytes.len()) => Ok(bytes),
                Ok(Some(Ok(_))) => Err(share.cut(Cut::Full).into()),
                Ok(Some(Err(error))) => Err(error.into()),
            };
            Some((piece, (body, share)))
        });
        Body::from_stream(pieces)
    }
}

/// Lets a request in as far as the budget goes.
pub async fn within(State(intake): State<Intake>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let share =
        Arc::new(Share { budget: Arc::clone(&intake.held), most: intake.most, held: AtomicUsize::default(), cut: AtomicU8::default() });
    let (parts, body) = request.into_parts();
    let answer = next.run(Request::from_parts(parts, intake.counted(body, &share))).await;
    let cut = share.cut.load(Ordering::Relaxed);
    // Whatever the handler made of a body that broke off: this is why it did.
    if cut == Cut::Full as u8 {
        intake.metrics.turned_away("body_budget");
        let what =
            "So much is being sent to me that I cannot take more right now. Nothing was recorded; please try again in a few seconds.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, what).into_response()
    } else if cut == Cut::Slow as u8 {
        intake.metrics.turned_away("slow_body");
        let what = format!("Your request did not arrive within {} seconds. Nothing was recorded; please send it again.", ARRIVES.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, Code::TooSlow, what).into_response()
    } else {
        answer
    }
}
