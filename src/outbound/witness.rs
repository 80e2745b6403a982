//! Our checkpoints to the witnesses that cosign them (C2SP tlog-witness, the log's side).
//!
//! A witness's outbox entry says that there is a newer checkpoint; newer ones take its place. What is sent is always
//! the latest. A witness that knows another size than we believe says so with 409, and is asked again from there.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use super::http::{Client, HttpError};
use crate::desk::Desk;
use crate::desk::StoreError;
use crate::ledger::key::VerifierKey;
use crate::ledger::note::Note;
use crate::ledger::witness::{cosigned_at, parse_answer};

/// How long an entry is ours while we send it: longer than a request may take.
const LEASE: Duration = Duration::from_secs(60);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// One witness.
pub struct Witness {
    url: String,
    key: VerifierKey,
    client: Client,
    /// The size it cosigned last, as far as we know.
    knows: Mutex<u64>,
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub enum NotCosigned {
    /// No answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The witness refused.
    #[error("the witness answered {status}: {said}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The beginning of what it said.
        said: String,
    },
    /// What it sent is not its signature of this checkpoint.
    #[error("the witness's answer is not its signature of this checkpoint")]
    NotItsSignature,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing is signed yet.
    #[error("nothing is signed yet")]
    NothingSigned,
    /// The witness has cosigned what this database does not hold.
    #[error(
        "the witness {witness} has cosigned {known} events of this log, and this database does not hold them: an older copy was put back, or the log grew differently. Nothing is signed; restore the newer database. If it is lost for good, `countersign keys new-epoch` starts a new log that says so"
    )]
    KnowsAnother {
        /// Its name.
        witness: String,
        /// How many events it has cosigned.
        known: u64,
    },
}

impl Witness {
    /// A witness at `url` (without the final `/add-checkpoint`), with its verifier key.
    #[must_use]
    pub fn new(url: &str, key: VerifierKey, client: Client) -> Self {
        Self { url: format!("{}/add-checkpoint", url.trim_end_matches('/')), key, client, knows: Mutex::new(0) }
    }

    /// Its outbox channel.
    #[must_use]
    pub fn channel(key: &VerifierKey) -> String {
        format!("witness:{}", key.name())
    }

    /// Delivers what is due for this witness; `false` when nothing is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliver_once(&self, desk: &Desk) -> Result<bool, StoreError> {
        let channel = Self::channel(&self.key);
        let now = desk.now();
        let Some(due) = desk.lease(&channel, now, now.plus(LEASE)).await? else { return Ok(false) };
        match self.cosign_latest(desk).await {
            Ok(()) => desk.delivered(&channel, &due).await?,
            Err(error) => {
                if let NotCosigned::KnowsAnother { .. } = &error {
                    desk.distrust(error.to_string());
                }
                let pause =
                    Duration::from_secs(2_u64.saturating_pow(u32::try_from(due.attempts.clamp(0, 16)).unwrap_or(16))).min(LONGEST_PAUSE);
                tracing::warn!(witness = self.key.name(), %error, pause_seconds = pause.as_secs(), "a witness did not cosign; it is asked again");
                desk.later(&channel, &due, desk.now().plus(pause)).await?;
            }
        }
        Ok(true)
    }

    /// Asks what it knows, by the latest checkpoint that was signed before: when that is not what stands here, nothing is
    /// signed.
    pub async fn look(&self, desk: &Desk) {
        match self.cosign_latest(desk).await {
            Ok(()) | Err(NotCosigned::NothingSigned) => {}
            Err(error @ NotCosigned::KnowsAnother { .. }) => desk.distrust(error.to_string()),
            Err(error) => tracing::warn!(witness = self.key.name(), %error, "a witness could not be asked what it knows"),
        }
    }

    /// Has the latest checkpoint cosigned, and keeps the cosignature with it.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn cosign_latest(&self, desk: &Desk) -> Result<(), NotCosigned> {
        for _ in 0..3 {
            let old = *self.knows.lock().unwrap_or_else(PoisonError::into_inner);
            let Some((size, request)) = desk.for_witness(old).await? else {
                return Err(if old == 0 { NotCosigned::NothingSigned } else { self.knows_another(old) });
            };
            let answered = self.client.post(&self.url, "text/plain; charset=utf-8", request.to_string().into_bytes()).await?;
            match answered.status {
                200 => {
                    let note = self.signed(&request.note, &answered.body)?;
                    desk.keep_cosigned(size, &note).await?;
                    *self.knows.lock().unwrap_or_else(PoisonError::into_inner) = u64::try_from(size).unwrap_or(0);
                    return Ok(());
                }
                409 => {
                    let said = String::from_utf8_lossy(&answered.body);
                    let known: u64 = said.trim().parse().map_err(|_| refused(&answered))?;
                    if known == old {
                        // The same size with another root.
                        return Err(self.knows_another(known));
                    }
                    *self.knows.lock().unwrap_or_else(PoisonError::into_inner) = known;
                }
                // Our tree does not continue the one that it cosigned.
                422 => return Err(self.knows_another(old)),
                _ => return Err(refused(&answered)),
            }
        }
        Err(NotCosigned::NotItsSignature)
    }

    fn knows_another(&self, known: u64) -> NotCosigned {
        NotCosigned::KnowsAnother { witness: self.key.name().to_owned(), known }
    }

    fn signed(&self, note: &Note, body: &[u8]) -> Result<Note, NotCosigned> {
        for line in parse_answer(body).map_err(|_| NotCosigned::NotItsSignature)? {
            if line.claims(&self.key) {
                let mut note = note.clone();
                note.add(line);
                cosigned_at(&note, &self.key).map_err(|_| NotCosigned::NotItsSignature)?;
                return Ok(note);
            }
        }
        Err(NotCosigned::NotItsSignature)
    }
}

fn refused(answered: &super::http::Answered) -> NotCosigned {
    let said: String = String::from_utf8_lossy(&answered.body).chars().filter(|c| !c.is_control()).take(200).collect();
    NotCosigned::Refused { status: answered.status, said }
}
