//! What stops commits, or soon will: clocks that disagree, a disk that is full, a database that fails. `/readyz` says it.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use super::clockwatch::{self, ClockWatch};
use super::outcome::PATIENCE;
use super::{Desk, Ending, Inner};
use crate::env::{Env, Timestamp};
use crate::store::{Store, StoreError};

/// How long what was seen of the disks counts.
const LOOK: Duration = Duration::from_secs(3);
/// With less room than this (bytes) a disk is called full: a commit of a full batch takes more.
const FULL: u64 = 1 << 20;

/// What was seen of the disks.
#[derive(Debug, Default)]
pub struct Room {
    /// When (monotonic).
    looked: Option<Duration>,
    trouble: Vec<String>,
}

/// The watch on the clocks of a process that starts: it knows what an earlier process of this boot left.
pub(super) async fn clock_of(store: &Store, env: &Env, last_at: i64) -> Result<ClockWatch, StoreError> {
    let left = match clockwatch::key(env) {
        Some(key) => store.mark(&key).await?,
        None => None,
    };
    let left = left.and_then(|(at, words)| Some((at, clockwatch::left(&words)?)));
    let database = if env.clock.is_the_worlds() { store.clock().await?.and_then(Timestamp::from_micros) } else { None };
    let mut clocks = ClockWatch::new(env, left, database);
    clocks.learn(last_at);
    Ok(clocks)
}

impl Inner {
    /// A commit begins, at `now` on the clock that never goes back.
    pub(super) fn begins_a_commit(&self, now: Duration) {
        self.committing.store(u64::try_from(now.as_micros()).unwrap_or(u64::MAX).saturating_add(1), Ordering::Relaxed);
    }

    /// It has ended, in whichever way.
    pub(super) fn ends_a_commit(&self) {
        self.committing.store(0, Ordering::Relaxed);
    }

    /// How long the commit that is under way has taken so far.
    fn waits_for_a_commit(&self) -> Option<Duration> {
        let began = self.committing.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_micros)?;
        Some(self.env.clock.monotonic().saturating_sub(began))
    }

    pub(crate) fn clocks(&self) -> MutexGuard<'_, ClockWatch> {
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A newer program has taken the database over: this one records nothing more.
    pub(crate) fn give_way(&self, error: &StoreError) {
        let why = format!("this process ends, for {error}");
        self.fatal.send_if_modified(|ending| {
            let first = ending.is_none();
            ending.get_or_insert(Ending::Drained(why));
            first
        });
    }

    /// Why the clock stops commits, if it does.
    pub(crate) fn look_at_the_clock(&self) -> Option<String> {
        self.clocks().off(&self.env).map(clockwatch::sentence)
    }
}

impl Desk {
    /// Asks a database that has a clock of its own for it, now and then.
    pub(super) async fn hear_the_databases_clock(&self) -> Result<(), StoreError> {
        let inner = self.inner();
        let wanted = inner.clocks().wants_the_databases(&inner.env);
        if wanted && let Some(says) = inner.store.clock().await?.and_then(Timestamp::from_micros) {
            inner.clocks().hear_the_database(&inner.env, says);
        }
        Ok(())
    }

    /// Notes that a newer program has taken the database over, if that is what is wrong.
    pub(super) fn notice_a_newer(&self, error: &StoreError) {
        if matches!(error, StoreError::Newer { .. }) {
            self.inner().give_way(error);
        }
    }

    /// Whether the clock stops commits: then nothing that goes by the clock may be done, either.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.inner().look_at_the_clock().is_some()
    }

    /// Why nothing can be committed now, if so: for `/readyz`.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        if let Some(ending) = self.inner().fatal.borrow().as_ref() {
            return Some(ending.why().to_owned());
        }
        if let Some(why) = self.inner().look_at_the_clock() {
            return Some(why);
        }
        // On a file a disk that hangs is not noticed by the one who waits for it.
        if let Some(waited) = self.inner().waits_for_a_commit().filter(|waited| *waited > PATIENCE) {
            return Some(format!("a commit has been waiting for the disk for {} seconds", waited.as_secs()));
        }
        self.inner().failing.load(Ordering::Relaxed).then(|| "the latest commit could not be stored".to_owned())
    }

    /// What is wrong with the folders of the files and of the database, as of the last few seconds.
    #[must_use]
    pub fn room(&self) -> Vec<String> {
        let inner = self.inner();
        let now = inner.env.clock.monotonic();
        let mut room = inner.room.lock().unwrap_or_else(PoisonError::into_inner);
        if room.looked.is_none_or(|looked| now.saturating_sub(looked) >= LOOK) {
            let mut folders: Vec<PathBuf> = vec![inner.attachments.folder().to_owned()];
            folders.extend(inner.store.folder().map(Path::to_owned));
            room.trouble = folders.iter().filter_map(|folder| cramped(folder)).collect();
            room.looked = Some(now);
        }
        room.trouble.clone()
    }
}

/// Why nothing can be written into this folder, if so.
fn cramped(folder: &Path) -> Option<String> {
    let place = folder.display();
    if let Err(error) = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK) {
        return Some(format!("nothing can be written to {place}: {error}"));
    }
    match rustix::fs::statvfs(folder) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            (free < FULL).then(|| format!("the disk is full: {} KiB are free in {place}; make room", free >> 10))
        }
        Err(error) => Some(format!("{place} cannot be looked at: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_told_and_one_with_room_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(cramped(folder.path()), None);
        assert!(cramped(&folder.path().join("gone")).is_some_and(|said| said.starts_with("nothing can be written")));
    }
}
