//! The requests of a batch, decided one after the other in memory, as many as fit into one commit.

use std::collections::HashMap;

use super::clerk::Queued;
use super::outcome::Answers;
use super::overlay::Overlay;
use super::request::{Answer, Dedupe, Refused, Request, Unanswered};

/// Events in one commit at most; checked between requests.
const MOST_EVENTS: usize = 1000;
/// Bytes of events in one commit at most; checked between requests.
const MOST_BYTES: usize = 1 << 20;

/// What stands under a dedupe key.
#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    of: String,
    answer: Answer,
}

/// Decides the requests one after the other, as many as fit into one commit.
pub(super) fn decide_all(overlay: &mut Overlay<'_>, outcomes: &mut HashMap<String, String>, requests: &[Queued]) -> Answers {
    let mut answers = Vec::with_capacity(requests.len());
    let mut bytes = 0;
    for Queued { request, .. } in requests {
        let measured = overlay.batch.events.len();
        answers.push(one(overlay, outcomes, request));
        bytes += overlay.batch.events[measured..].iter().map(|e| e.bytes.len()).sum::<usize>();
        if overlay.batch.events.len() >= MOST_EVENTS || bytes >= MOST_BYTES {
            break;
        }
    }
    answers
}

/// One request on the overlay: a retry is answered as before, everything else has its turn.
fn one(overlay: &mut Overlay<'_>, outcomes: &mut HashMap<String, String>, request: &Request) -> Result<Answer, Unanswered> {
    if let Some(Dedupe { key, digest }) = &request.dedupe
        && let Some(kept) = outcomes.get(key).and_then(|o| serde_json::from_str::<Kept>(o).ok())
    {
        if kept.of != *digest {
            return Err(Refused::KeyReused.into());
        }
        return Ok(Answer { repeated: true, ..kept.answer });
    }
    let answer = overlay.turn(request)?;
    if let Some(Dedupe { key, digest }) = &request.dedupe {
        let kept = super::overlay::json(&Kept { of: digest.clone(), answer: answer.clone() });
        overlay.batch.dedupe.push((key.clone(), overlay.now.micros(), kept.clone()));
        outcomes.insert(key.clone(), kept);
    }
    Ok(answer)
}
