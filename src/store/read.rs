//! What pages, programs, the scheduler and the signer ask. None of it changes a ticket.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::any::AnyRow;

use super::commit::{AlertRow, Head, HeldTicket, RefusalRow, SealedRow, alert_of, hash_of, head_of, held_of};
use super::rows::{self, Lookup};
use super::{Store, StoreError, statements as sql};

/// An outbox entry that is due.
#[derive(Clone, Debug)]
pub struct Due {
    /// Its subject within the channel.
    pub id: i64,
    /// Tries so far.
    pub attempts: i64,
    /// JSON.
    pub payload: String,
    /// It is ours until then (microseconds).
    pub until: i64,
}

/// Somebody's session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Whose.
    pub person: String,
    /// Public id.
    pub id: String,
    /// How they signed in.
    pub method: String,
    /// Microseconds.
    pub expires_at: i64,
}

fn numbered(row: &AnyRow) -> Result<(i64, Vec<u8>), StoreError> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

fn sealed(row: &AnyRow) -> Result<SealedRow, StoreError> {
    Ok(SealedRow { seq: row.try_get(0)?, name: row.try_get(1)?, salt: row.try_get(2)?, bytes: row.try_get(3)? })
}

fn held(row: AnyRow) -> Result<HeldTicket, StoreError> {
    held_of(&rows::Row::Server(row))
}

fn texts(row: &AnyRow) -> Result<(String, String), StoreError> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;
/// So long (microseconds) a form waits for its sender to be linked.
pub const HELD_FOR: i64 = 24 * HOUR;

impl Store {
    /// The head, if the log was founded.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn head(&self) -> Result<Option<Head>, StoreError> {
        sqlx::query(sql::SEE_HEAD).fetch_optional(self.readers()).await?.map(|row| head_of(&rows::Row::Server(row))).transpose()
    }

    /// Number of events.
    ///
    /// # Errors
    /// When the database does not answer, or a newer program has taken it over.
    pub async fn size(&self) -> Result<i64, StoreError> {
        let row = sqlx::query(sql::SEE_SIZE).fetch_one(self.readers()).await?;
        let migration = row.try_get(1)?;
        if migration > self.knows() {
            return Err(StoreError::Newer { found: migration, known: self.knows() });
        }
        Ok(row.try_get(0)?)
    }

    /// Events from position `from` on.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events_from(&self, from: i64, at_most: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        sqlx::query(sql::EVENTS_FROM).bind(from).bind(at_most).fetch_all(self.readers()).await?.iter().map(numbered).collect()
    }

    /// One event.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn event(&self, seq: i64) -> Result<Option<Vec<u8>>, StoreError> {
        sqlx::query(sql::EVENT).bind(seq).fetch_optional(self.readers()).await?.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// A ticket's events after revision `after`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events_of(&self, ticket: &str, after: i64, at_most: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let rows = sqlx::query(sql::EVENTS_OF_TICKET).bind(ticket).bind(after).bind(at_most).fetch_all(self.readers()).await?;
        rows.iter().map(numbered).collect()
    }

    /// Sealed values of a ticket's events with revision in `(after, to]`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sealed_of(&self, ticket: &str, after: i64, to: i64) -> Result<Vec<SealedRow>, StoreError> {
        let rows = sqlx::query(sql::SEALED_OF_TICKET).bind(ticket).bind(after).bind(to).fetch_all(self.readers()).await?;
        rows.iter().map(sealed).collect()
    }

    /// Sealed values of the events in `[from, to)`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sealed_from(&self, from: i64, to: i64) -> Result<Vec<SealedRow>, StoreError> {
        sqlx::query(sql::SEALED_FROM).bind(from).bind(to).fetch_all(self.readers()).await?.iter().map(sealed).collect()
    }

    /// Sealed values of one event.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sealed_at(&self, seq: i64) -> Result<Vec<SealedRow>, StoreError> {
        let rows = sqlx::query(sql::SEALED_OF_EVENT).bind(seq).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok(SealedRow { seq, name: row.try_get(0)?, salt: row.try_get(1)?, bytes: row.try_get(2)? })).collect()
    }

    /// Sealed values of the events at these positions, read together.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sealed_of_events(&self, seqs: Vec<i64>) -> Result<Vec<SealedRow>, StoreError> {
        let mut connection = self.readers().acquire().await?;
        sql::SEALED_BY_EVENT.read(&mut connection, seqs).await?.iter().map(sealed).collect()
    }

    /// Leaf hashes of the events in `[from, to)`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn leaves(&self, from: i64, to: i64) -> Result<Vec<[u8; 32]>, StoreError> {
        let rows = sqlx::query(sql::LEAVES).bind(from).bind(to).fetch_all(self.readers()).await?;
        rows.iter().map(|row| hash_of(row.try_get(0)?)).collect()
    }

    /// A full tile's 256 hashes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tile(&self, level: i64, n: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query(sql::TILE).bind(level).bind(n).fetch_optional(self.readers()).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Roots of the full tiles in `[from, to)` of a level.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tile_roots(&self, level: i64, from: i64, to: i64) -> Result<Vec<[u8; 32]>, StoreError> {
        let rows = sqlx::query(sql::TILE_ROOTS).bind(level).bind(from).bind(to).fetch_all(self.readers()).await?;
        rows.iter().map(|row| hash_of(row.try_get(0)?)).collect()
    }

    /// A ticket.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ticket(&self, number: &str) -> Result<Option<HeldTicket>, StoreError> {
        sqlx::query(sql::TICKET).bind(number).fetch_optional(self.readers()).await?.map(held).transpose()
    }

    /// Tickets opened after position `after`; `kind` and `status` empty for all.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tickets(&self, after: i64, kind: &str, status: &str, at_most: i64) -> Result<Vec<HeldTicket>, StoreError> {
        // Each has its index; only what asks for no kind looks at everything.
        let query = match (kind, status) {
            ("", _) => sqlx::query(sql::TICKETS).bind(after).bind(kind).bind(status).bind(at_most),
            (kind, "") => sqlx::query(sql::TICKETS_OF).bind(kind).bind(after).bind(at_most),
            (kind, status) => sqlx::query(sql::TICKETS_OF_IN).bind(kind).bind(after).bind(at_most).bind(status),
        };
        query.fetch_all(self.readers()).await?.into_iter().map(held).collect()
    }

    /// Tickets whose work goes on, opened after position `after`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tickets_open(&self, after: i64, at_most: i64) -> Result<Vec<HeldTicket>, StoreError> {
        let rows = sqlx::query(sql::TICKETS_OPEN).bind(after).bind(at_most).fetch_all(self.readers()).await?;
        rows.into_iter().map(held).collect()
    }

    /// Tickets whose work goes on, the latest opened first; of one kind, or of all when it is empty.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tickets_open_latest(&self, kind: &str, at_most: i64) -> Result<Vec<HeldTicket>, StoreError> {
        let rows = sqlx::query(sql::TICKETS_OPEN_LATEST).bind(kind).bind(at_most).fetch_all(self.readers()).await?;
        rows.into_iter().map(held).collect()
    }

    /// Tickets whose work has ended, opened before position `before`, the latest opened first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tickets_ended(&self, before: i64, at_most: i64) -> Result<Vec<HeldTicket>, StoreError> {
        let rows = sqlx::query(sql::TICKETS_ENDED).bind(before).bind(at_most).fetch_all(self.readers()).await?;
        rows.into_iter().map(held).collect()
    }

    /// Tickets of one kind opened in the positions `[from, before)`, the latest opened first; `status` empty for all.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tickets_latest(
        &self,
        kind: &str,
        (from, before): (i64, i64),
        status: &str,
        at_most: i64,
    ) -> Result<Vec<HeldTicket>, StoreError> {
        let statement = if status.is_empty() { sql::TICKETS_LATEST } else { sql::TICKETS_LATEST_IN };
        let query = sqlx::query(statement).bind(kind).bind(from).bind(before).bind(at_most);
        let query = if status.is_empty() { query } else { query.bind(status) };
        query.fetch_all(self.readers()).await?.into_iter().map(held).collect()
    }

    /// How many tickets of one kind were opened in the positions `[from, before)`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tickets_count(&self, kind: &str, (from, before): (i64, i64)) -> Result<i64, StoreError> {
        Ok(sqlx::query(sql::TICKETS_COUNT).bind(kind).bind(from).bind(before).fetch_one(self.readers()).await?.try_get(0)?)
    }

    /// How many tickets of each kind and status.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tickets_counted(&self) -> Result<Vec<(String, String, i64)>, StoreError> {
        let rows = sqlx::query(sql::TICKETS_COUNTED).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }

    /// Alerts by their ids (`source/fingerprint`), in no particular order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn alerts(&self, ids: Vec<String>) -> Result<Vec<AlertRow>, StoreError> {
        let mut connection = self.readers().acquire().await?;
        sql::ALERTS_BY_ID.read(&mut connection, ids).await?.into_iter().map(|row| alert_of(&rows::Row::Server(row))).collect()
    }

    /// One alert.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn alert(&self, id: &str) -> Result<Option<AlertRow>, StoreError> {
        let row = sqlx::query(sql::ALERT).bind(id).fetch_optional(self.readers()).await?;
        row.map(|row| alert_of(&rows::Row::Server(row))).transpose()
    }

    /// Highest number per prefix.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn counters(&self) -> Result<BTreeMap<String, i64>, StoreError> {
        let rows = sqlx::query(sql::COUNTERS).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Deadlines that are due by `now` (microseconds), earliest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deadlines_due(&self, now: i64, at_most: i64) -> Result<Vec<(String, String, i64)>, StoreError> {
        let rows = sqlx::query(sql::DEADLINES_DUE).bind(now).bind(at_most).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }

    /// People: id and state, JSON.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn people(&self) -> Result<Vec<(String, String)>, StoreError> {
        sqlx::query(sql::PEOPLE).fetch_all(self.readers()).await?.iter().map(texts).collect()
    }

    /// Every adoption, oldest first: position of the event, path, digest.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn adopted(&self) -> Result<Vec<(i64, String, String)>, StoreError> {
        let rows = sqlx::query(sql::ADOPTED).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }

    /// Every file that was ever adopted: digest, path, bytes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn playbooks(&self) -> Result<Vec<(String, String, Vec<u8>)>, StoreError> {
        let rows = sqlx::query(sql::PLAYBOOKS).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }

    /// A delivery: source, microseconds, alerts as JSON.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delivery(&self, id: i64) -> Result<Option<(String, i64, String)>, StoreError> {
        let row = sqlx::query(sql::DELIVERY).bind(id).fetch_optional(self.readers()).await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).transpose()
    }

    /// When a source was last heard (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn last_heard(&self, source: &str) -> Result<Option<i64>, StoreError> {
        let row = sqlx::query(sql::LAST_HEARD).bind(source).fetch_optional(self.readers()).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Whether repeats wait to be told by `now` (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn repeats_wait(&self, now: i64) -> Result<bool, StoreError> {
        Ok(!sqlx::query(sql::REPEATS_DUE).bind(now).bind(1_i64).fetch_all(self.readers()).await?.is_empty())
    }

    /// Refusals of hours before `hour` that no event counts yet, at most so many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refusals_before(&self, hour: i64, at_most: i64) -> Result<Vec<RefusalRow>, StoreError> {
        let rows = sqlx::query(sql::REFUSALS_BEFORE).bind(hour).bind(at_most).fetch_all(self.readers()).await?;
        rows.into_iter().map(|row| super::commit::refusal_of(&rows::Row::Server(row))).collect()
    }

    /// A session by the SHA-256 of its token.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn session(&self, hash: &str) -> Result<Option<Session>, StoreError> {
        let row = sqlx::query(sql::SESSION).bind(hash).fetch_optional(self.readers()).await?;
        row.map(|row| Ok(Session { person: row.try_get(0)?, id: row.try_get(1)?, method: row.try_get(2)?, expires_at: row.try_get(3)? }))
            .transpose()
    }

    /// What retries of these keys are answered: asked after a commit whose outcome is unknown.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn dedupes(&self, keys: Vec<String>) -> Result<Vec<(String, String)>, StoreError> {
        let mut connection = self.writer().acquire().await?;
        let lookup: Lookup = sql::DEDUPES;
        lookup.read(&mut connection, keys).await?.iter().map(texts).collect()
    }

    /// The latest signed checkpoint: size and note.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn checkpoint(&self) -> Result<Option<(i64, String)>, StoreError> {
        let row = sqlx::query(sql::CHECKPOINT_LATEST).fetch_optional(self.readers()).await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    }

    /// The signed checkpoint of a size.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn checkpoint_at(&self, size: i64) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(sql::CHECKPOINT_AT).bind(size).fetch_optional(self.writer()).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Puts `more` in the place of `note`, the checkpoint of that size; `false` when somebody else was quicker.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn cosign_checkpoint(&self, size: i64, note: &str, more: &str) -> Result<bool, StoreError> {
        let _turn = self.turn().await;
        let query = sqlx::query(sql::COSIGN_CHECKPOINT).bind(size).bind(note).bind(more);
        Ok(query.fetch_optional(self.writer()).await?.is_some())
    }

    /// Keeps a signed checkpoint, unless there is one of that size.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn save_checkpoint(&self, size: i64, note: &str) -> Result<(), StoreError> {
        let _turn = self.turn().await;
        sqlx::query(sql::SAVE_CHECKPOINT).bind(size).bind(note).execute(self.writer()).await?;
        Ok(())
    }

    /// What we last cosigned of the log `origin`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn witnessed(&self, origin: &str) -> Result<Option<(i64, [u8; 32])>, StoreError> {
        let row = sqlx::query(sql::WITNESSED).bind(origin).fetch_optional(self.writer()).await?;
        row.map(|row| Ok((row.try_get(0)?, hash_of(row.try_get(1)?)?))).transpose()
    }

    /// Moves what we cosign of `origin` from `old` to `new`, in one step; `false` when somebody else was quicker.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn witness(&self, origin: &str, old: Option<(i64, [u8; 32])>, new: (i64, [u8; 32])) -> Result<bool, StoreError> {
        let _turn = self.turn().await;
        let query = match old {
            None => sqlx::query(sql::WITNESS_FIRST).bind(origin).bind(new.0).bind(new.1.to_vec()),
            Some((size, root)) => {
                sqlx::query(sql::WITNESS_NEXT).bind(origin).bind(new.0).bind(new.1.to_vec()).bind(size).bind(root.to_vec())
            }
        };
        Ok(query.fetch_optional(self.writer()).await?.is_some())
    }

    /// Queues `payload` for `channel`; a newer one with the same `id` takes its place.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn queue(&self, channel: &str, id: i64, now: i64, payload: &str) -> Result<(), StoreError> {
        let _turn = self.turn().await;
        sqlx::query(sql::QUEUE).bind(channel).bind(id).bind(now).bind(payload).execute(self.writer()).await?;
        Ok(())
    }

    /// Takes the next due entry of a channel until `until` (microseconds); none when nothing is due.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lease(&self, channel: &str, now: i64, until: i64) -> Result<Option<Due>, StoreError> {
        let Some(row) = sqlx::query(sql::OUTBOX_DUE).bind(channel).bind(now).fetch_optional(self.readers()).await? else {
            return Ok(None);
        };
        let (id, attempts): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let _turn = self.turn().await;
        let taken = sqlx::query(sql::OUTBOX_LEASE).bind(channel).bind(id).bind(until).bind(now).fetch_optional(self.writer()).await?;
        taken.map(|row| Ok(Due { id, attempts, payload: row.try_get(0)?, until })).transpose()
    }

    /// The entry arrived. If something newer took its place meanwhile, that is due at once; `now` in microseconds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delivered(&self, channel: &str, due: &Due, now: i64) -> Result<(), StoreError> {
        let _turn = self.turn().await;
        let done = sqlx::query(sql::OUTBOX_DONE).bind(channel).bind(due.id).bind(due.payload.clone());
        if done.fetch_optional(self.writer()).await?.is_none() {
            sqlx::query(sql::OUTBOX_NEWER).bind(channel).bind(due.id).bind(now).bind(due.until).execute(self.writer()).await?;
        }
        Ok(())
    }

    /// The entry is tried again at `at` (microseconds); a turn that ran out puts nothing off.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn later(&self, channel: &str, due: &Due, at: i64) -> Result<(), StoreError> {
        let _turn = self.turn().await;
        sqlx::query(sql::OUTBOX_LATER).bind(channel).bind(due.id).bind(at).bind(due.until).execute(self.writer()).await?;
        Ok(())
    }

    /// How many outbox entries wait, and since when (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn outbox(&self) -> Result<(i64, Option<i64>), StoreError> {
        let row = sqlx::query(sql::OUTBOX_STATE).fetch_one(self.readers()).await?;
        let oldest: i64 = row.try_get(1)?;
        Ok((row.try_get(0)?, (oldest >= 0).then_some(oldest)))
    }

    /// Chat accounts: id and state, JSON.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn accounts(&self) -> Result<Vec<(String, String)>, StoreError> {
        sqlx::query(sql::ACCOUNTS).fetch_all(self.readers()).await?.iter().map(texts).collect()
    }

    /// Keeps a form until its sender (`slack:T012/U345`) is linked. Under the same id only once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn hold_form(&self, id: &str, handle: &str, held_at: i64, payload: &str) -> Result<(), StoreError> {
        let _turn = self.turn().await;
        sqlx::query(sql::HOLD_FORM).bind(id).bind(handle).bind(held_at).bind(payload).execute(self.writer()).await?;
        Ok(())
    }

    /// Forms of this account that were held after `since` (microseconds): id, when, payload.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn held_forms(&self, handle: &str, since: i64) -> Result<Vec<(String, i64, String)>, StoreError> {
        let rows = sqlx::query(sql::HELD_FORMS).bind(handle).bind(since).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
    }

    /// Accounts for which forms wait.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn held_handles(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(sql::HELD_HANDLES).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Takes a held form out; `false` when somebody else has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_held_form(&self, id: &str) -> Result<bool, StoreError> {
        let _turn = self.turn().await;
        Ok(sqlx::query(sql::TAKE_HELD_FORM).bind(id).fetch_optional(self.writer()).await?.is_some())
    }

    /// Sealed values of this name among a ticket's events, in order: position and bytes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sealed_named(&self, ticket: &str, name: &str) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        sqlx::query(sql::SEALED_NAMED).bind(ticket).bind(name).fetch_all(self.readers()).await?.iter().map(numbered).collect()
    }

    /// Forgets what has run out by `now`: sessions, one-time links, and dedupe keys older than `dedupe_before` (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_expired(&self, now: i64, dedupe_before: i64) -> Result<(), StoreError> {
        let _turn = self.turn().await;
        sqlx::query(sql::FORGET_SESSIONS).bind(now).execute(self.writer()).await?;
        sqlx::query(sql::FORGET_LINKS).bind(now).execute(self.writer()).await?;
        sqlx::query(sql::FORGET_LINK_CODES).bind(now).execute(self.writer()).await?;
        sqlx::query(sql::FORGET_WRONG_CODES).bind(now / HOUR - 1).execute(self.writer()).await?;
        sqlx::query(sql::FORGET_HELD_FORMS).bind(now.saturating_sub(HELD_FOR)).execute(self.writer()).await?;
        sqlx::query(sql::FORGET_DEDUPE).bind(dedupe_before).execute(self.writer()).await?;
        Ok(())
    }

    /// `on`, or what makes commits unsafe: as a connection says it that is made like the one that commits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn durability(&self) -> Result<String, StoreError> {
        let asked = self.dialect().durability();
        match &self.file {
            Some(file) => file.says(asked),
            None => Ok(sqlx::query(asked).fetch_one(self.writer()).await?.try_get(0)?),
        }
    }

    /// Every event of one kind. The whole log is looked through.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events_of_kind(&self, kind: &str) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        sqlx::query(sql::EVENTS_OF_KIND).bind(kind).fetch_all(self.readers()).await?.iter().map(numbered).collect()
    }

    /// The latest event of one kind.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn latest_of_kind(&self, kind: &str) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        sqlx::query(sql::EVENT_LATEST_OF_KIND).bind(kind).fetch_optional(self.readers()).await?.as_ref().map(numbered).transpose()
    }

    /// What the database says that the time is, in microseconds, if it has a clock of its own.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn clock(&self) -> Result<Option<i64>, StoreError> {
        let Some(asked) = self.dialect().clock() else { return Ok(None) };
        Ok(Some(sqlx::query(asked).fetch_one(self.readers()).await?.try_get(0)?))
    }

    /// What was left under this key: microseconds and words.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mark(&self, key: &str) -> Result<Option<(i64, String)>, StoreError> {
        let row = sqlx::query(sql::LEFT).bind(key).fetch_optional(self.readers()).await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    }
}
