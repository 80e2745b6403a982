//! What becomes of a commit that does not simply succeed: why it failed, whether it happened all the same, and how long
//! one waits for the database to say so.

use std::time::Duration;

use super::request::{Answer, Unanswered};
use super::{DeskError, Inner};
use crate::store::StoreError;

/// How long the database may take over one step of a commit: PostgreSQL itself gives up waiting for the head after five
/// seconds, and one that was cut off never answers. A file is called in place, where nobody can give up waiting: while its
/// disk hangs, `/readyz` says so, and each request is told by its own limit that nobody knows.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What the first requests of a batch are answered.
pub(super) type Answers = Vec<Result<Answer, Unanswered>>;

/// Why a batch was not recorded.
pub(super) enum Failed {
    /// Something in it cannot be decided or stored; nothing of it happened.
    Content(String),
    /// Nothing of it happened.
    NotStored(String),
    /// Nobody knows; what it is answered if it did.
    Unknown(String, Answers),
    /// The disk did not do what it was told: after a failed fsync nothing that this process believes can be trusted.
    Disk(String),
    /// A newer program has taken the database over. Nothing of it happened.
    Replaced(StoreError),
}

/// Whether this process's latest commit is in the database, which has finished with it once the head could be taken.
pub(super) async fn happened(desk: &Inner, (key, number): &(String, u64)) -> Result<bool, StoreError> {
    let mut writer = desk.store.writer_connection().await?;
    let found = match writer.begin(&desk.store).await {
        Ok((mut commit, _)) => {
            let found = commit.dedupes(vec![key.clone()]).await;
            // Only looked; nothing to keep.
            let _ = commit.roll_back().await;
            found.map(|mut found| found.pop().map(|(_, number)| number))
        }
        // It had the head, too.
        Err(StoreError::Newer { .. }) => desk.store.mark(key).await.map(|mark| mark.map(|(_, number)| number)),
        Err(error) => Err(error),
    };
    writer.discard(&desk.store);
    Ok(found? == Some(number.to_string()))
}

/// A step of a commit, before COMMIT is sent: when the database does not answer in time, nothing of it happened.
pub(super) async fn in_time<T, E: Into<Failed>>(step: impl Future<Output = Result<T, E>>) -> Result<T, Failed> {
    within(PATIENCE, step).await
}

pub(super) async fn within<T, E: Into<Failed>>(patience: Duration, step: impl Future<Output = Result<T, E>>) -> Result<T, Failed> {
    tokio::time::timeout(patience, step).await.map_err(|_| Failed::from(StoreError::Silent))?.map_err(Into::into)
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Newer { .. } => Self::Replaced(error),
            _ if error.refused_content() => Self::Content(error.to_string()),
            _ => Self::NotStored(error.to_string()),
        }
    }
}

impl From<DeskError> for Failed {
    fn from(error: DeskError) -> Self {
        Self::NotStored(error.to_string())
    }
}
