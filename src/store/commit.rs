//! One commit. The desk opens a [`Commit`], which takes the head; reads what it needs; writes a [`Batch`]
//! (`write.rs`); and commits. When `commit` has returned without an error, everything in the batch is on the disk.
//!
//! On PostgreSQL each statement is a round trip. On SQLite it is a call: the clerk has a thread of its own, and the
//! connection is used on it ([`super::file`]).

use sqlx::pool::PoolConnection;
use sqlx::{Any, Connection};

pub use super::batch::*;
use super::faults::{Moment, Plan, strike};
use super::file::File;
use super::rows::{Row, Value};
use super::transaction::Transaction;
use super::{Store, StoreError, Turn, statements as sql};

/// A transaction that holds the head.
pub struct Commit<'c> {
    pub(super) transaction: Transaction<'c>,
    pub(super) faults: Plan,
    /// Given back after the transaction has ended.
    _turn: Turn,
}

/// A connection for commits.
pub struct Writer(Connected, Plan);

enum Connected {
    File(File),
    Server(PoolConnection<Any>),
}

impl Store {
    /// A connection for commits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn writer_connection(&self) -> Result<Writer, StoreError> {
        let connected = match self.file() {
            Some(file) => Connected::File(file.connection()?),
            None => {
                let mut connection = self.writer().acquire().await?;
                // It is kept until something went wrong with it, and what went wrong must not come back with it.
                connection.close_on_drop();
                Connected::Server(connection)
            }
        };
        Ok(Writer(connected, self.faults.clone()))
    }

    /// Makes the head of a new log; nothing happens when there is one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn found(&self, origin: &str, schema: i64, frontier: &[u8], demo: bool, secret: [u8; 32]) -> Result<(), StoreError> {
        sqlx::query(sql::FOUND_HEAD)
            .bind(frontier.to_vec())
            .bind(schema)
            .bind(origin)
            .bind(i64::from(demo))
            .bind(secret.to_vec())
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Names the log's verifier key, unless it has one; then gives the one it has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn name_key(&self, vkey: &str) -> Result<(), StoreError> {
        let _turn = self.turn().await;
        sqlx::query(sql::NAME_KEY).bind(vkey).execute(self.writer()).await?;
        Ok(())
    }
}

impl Writer {
    /// Whether the database is still at the other end. A file has none.
    pub async fn answers(&mut self) -> bool {
        match &mut self.0 {
            Connected::File(_) => true,
            Connected::Server(connection) => connection.ping().await.is_ok(),
        }
    }

    /// Lets go of a connection that may be broken: nobody gets it again. A file's is kept for the next one: it has no
    /// other end that could be gone, and another connection may want room that a full disk does not have.
    pub fn discard(self, store: &Store) {
        if let (Connected::File(connection), Some(file)) = (self.0, store.file()) {
            file.keep(connection);
        }
    }

    /// Begins a transaction and takes the head; others wait.
    ///
    /// # Errors
    /// When the database does not answer, the log has no head yet, or a newer program has taken the database over.
    pub async fn begin(&mut self, store: &Store) -> Result<(Commit<'_>, Head), StoreError> {
        let faults = self.1.clone();
        strike(&faults, "begin", Moment::Before)?;
        let turn = store.turn().await;
        let begin = store.dialect().begin_writing();
        let mut transaction = match &mut self.0 {
            Connected::File(connection) => Transaction::File(connection.begin(begin)?),
            Connected::Server(connection) => Transaction::Server(connection.begin_with(begin).await?),
        };
        strike(&faults, "head", Moment::Before)?;
        let taken = transaction.read(sql::TAKE_HEAD, Vec::new()).await?;
        strike(&faults, "head", Moment::After)?;
        let head = taken.first().map(head_of).ok_or(sqlx::Error::RowNotFound)??;
        if head.migration > store.knows() {
            return Err(StoreError::Newer { found: head.migration, known: store.knows() });
        }
        Ok((Commit { transaction, faults, _turn: turn }, head))
    }
}

pub(super) fn head_of(row: &Row) -> Result<Head, StoreError> {
    Ok(Head {
        size: row.int(0)?,
        frontier: row.bytes(1)?,
        last_at: row.int(2)?,
        schema: row.int(3)?,
        deliveries: row.int(4)?,
        origin: row.text(5)?,
        demo: row.int(6)? != 0,
        vkey: row.text(7)?,
        secret: Secret(row.bytes(8)?),
        migration: row.int(9)?,
    })
}

/// A ticket's number, position, state and what stands apart.
pub(super) fn held_of(row: &Row) -> Result<HeldTicket, StoreError> {
    let latest = Latest { rev: row.int(3)?, seq: row.int(4)?, updated_at: row.int(5)?, alerts: (row.int(6)?, row.int(7)?, row.int(8)?) };
    Ok(HeldTicket { number: row.text(0)?, opened_seq: row.int(1)?, state: row.text(2)?, latest })
}

pub(super) fn alert_of(row: &Row) -> Result<AlertRow, StoreError> {
    Ok(AlertRow {
        id: row.text(0)?,
        ticket: row.opt_text(1)?,
        status: row.text(2)?,
        group: row.opt_text(3)?,
        first_seen: row.int(4)?,
        last_seen: row.int(5)?,
    })
}

fn pair(row: &Row) -> Result<(String, String), StoreError> {
    Ok((row.text(0)?, row.text(1)?))
}

impl Commit<'_> {
    /// Events from position `from` on: what another replica appended.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events_from(&mut self, from: i64, at_most: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let rows = self.transaction.read(sql::EVENTS_FROM, vec![Value::Int(from), Value::Int(at_most)]).await?;
        rows.iter().map(|row| Ok((row.int(0)?, row.bytes(1)?))).collect()
    }

    /// What retries of these keys are answered.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn dedupes(&mut self, keys: Vec<String>) -> Result<Vec<(String, String)>, StoreError> {
        self.transaction.find(sql::DEDUPES, keys).await?.iter().map(pair).collect()
    }

    /// These tickets.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tickets(&mut self, numbers: Vec<String>) -> Result<Vec<HeldTicket>, StoreError> {
        self.transaction.find(sql::TICKETS_BY_NUMBER, numbers).await?.iter().map(held_of).collect()
    }

    /// Records of these alerts (`source/fingerprint`).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn alerts(&mut self, ids: Vec<String>) -> Result<Vec<AlertRow>, StoreError> {
        self.transaction.find(sql::ALERTS_BY_ID, ids).await?.iter().map(alert_of).collect()
    }

    /// Records of these groups.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn groups(&mut self, ids: Vec<String>) -> Result<Vec<(String, String)>, StoreError> {
        self.transaction.find(sql::GROUPS_BY_ID, ids).await?.iter().map(pair).collect()
    }

    /// When each of these groups was last repeated, as far as no event tells yet: group and microseconds, perhaps
    /// several of a group.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn repeated(&mut self, groups: Vec<String>) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = self.transaction.find(sql::REPEATED_BY_GROUP, groups).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?))).collect()
    }

    /// Repeats that are due to be told by `now` (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn repeats_due(&mut self, now: i64, at_most: i64) -> Result<Vec<RepeatRow>, StoreError> {
        let rows = self.transaction.read(sql::REPEATS_DUE, vec![Value::Int(now), Value::Int(at_most)]).await?;
        rows.iter()
            .map(|row| {
                Ok(RepeatRow {
                    id: row.text(0)?,
                    ticket: row.opt_text(1)?,
                    group: String::new(),
                    count: row.int(2)?,
                    at: (row.int(3)?, row.int(4)?),
                    deliveries: (row.int(5)?, row.int(6)?),
                    due: now,
                })
            })
            .collect()
    }

    /// Refusals of hours before `hour` that no event counts yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refusals_before(&mut self, hour: i64, at_most: i64) -> Result<Vec<RefusalRow>, StoreError> {
        let rows = self.transaction.read(sql::REFUSALS_BEFORE, vec![Value::Int(hour), Value::Int(at_most)]).await?;
        rows.iter().map(refusal_of).collect()
    }

    /// Whose one-time link this is, if it is still good at `now` (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn link(&mut self, hash: &str, now: i64) -> Result<Option<String>, StoreError> {
        let rows = self.transaction.read(sql::LINK, vec![Value::Text(hash.to_owned()), Value::Int(now)]).await?;
        rows.first().map(|row| row.text(0)).transpose()
    }

    /// Whose link code this is, if it is still good at `now` (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn link_code(&mut self, hash: &str, now: i64) -> Result<Option<String>, StoreError> {
        let rows = self.transaction.read(sql::LINK_CODE, vec![Value::Text(hash.to_owned()), Value::Int(now)]).await?;
        rows.first().map(|row| row.text(0)).transpose()
    }

    /// Whose link code this account has typed, if it is still good at `now` (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claimed_code(&mut self, account: &str, now: i64) -> Result<Option<String>, StoreError> {
        let rows = self.transaction.read(sql::LINK_CODE_CLAIMED, vec![Value::Text(account.to_owned()), Value::Int(now)]).await?;
        rows.first().map(|row| row.text(0)).transpose()
    }

    /// How many wrong codes an account has typed in an hour.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn wrong_codes(&mut self, account: &str, hour: i64) -> Result<i64, StoreError> {
        let rows = self.transaction.read(sql::WRONG_CODES, vec![Value::Text(account.to_owned()), Value::Int(hour)]).await?;
        Ok(rows.first().map(|row| row.int(0)).transpose()?.unwrap_or(0))
    }

    /// The commit point: when this returns `Ok`, the disk has it. An error that loses the connection leaves the
    /// outcome unknown, and the desk looks the dedupe keys up before it answers anybody.
    ///
    /// # Errors
    /// When the database refuses or the connection is lost.
    pub async fn commit(self) -> Result<(), StoreError> {
        strike(&self.faults, "commit", Moment::Before)?;
        self.transaction.commit().await?;
        strike(&self.faults, "commit", Moment::After)
    }

    /// Nothing of it happened.
    ///
    /// # Errors
    /// When the connection is lost; then nothing of it happened, either.
    pub async fn roll_back(self) -> Result<(), StoreError> {
        self.transaction.roll_back().await
    }
}

pub(super) fn refusal_of(row: &Row) -> Result<RefusalRow, StoreError> {
    Ok(RefusalRow { person: row.text(0)?, hour: row.int(1)?, recorded: row.int(2)?, beyond: row.int(3)? })
}

pub(super) fn hash_of(bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Unreadable("a hash in the database is not 32 bytes long".to_owned()))
}
