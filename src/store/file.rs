//! The connection that commits on SQLite. It is called in place, on the clerk's own thread: a driver that hands every
//! statement to another thread and back would spend more time on that than SQLite does on the statement.
//!
//! One row a statement: SQLite then needs no journal of its own for what a statement began and could not finish, and a
//! statement that was prepared once is only given other values.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::StoreError;
use super::rows::{Lookup, Row, Rows, Value};

/// Connections at once, at most: the clerk's, and one that looks what became of a commit.
const MOST: usize = 8;
/// Statements that stay prepared: more than a commit has.
const PREPARED: usize = 96;
/// Pages of the log and of its projections that are kept in memory (KiB, negative as SQLite wants it), and how many the
/// write-ahead log holds before they are moved into the file: pages that change in every commit are then moved once
/// for many.
const ROOM: &str = "PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000;";

/// Where the file is, and a connection that nobody uses.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    settle: &'static str,
    kept: Mutex<Option<File>>,
    /// Each connection has one of them.
    places: Arc<Semaphore>,
}

impl Place {
    /// The file at `path`; `settle` is what each new connection is told.
    pub fn new(path: PathBuf, settle: &'static str) -> Self {
        Self { path, settle, kept: Mutex::default(), places: Arc::new(Semaphore::new(MOST)) }
    }

    /// The connection that was kept, or a new one.
    pub fn connection(&self) -> Result<File, StoreError> {
        if let Some(kept) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Ok(kept);
        }
        let place =
            Arc::clone(&self.places).try_acquire_owned().map_err(|_| StoreError::NotOpened("the database was closed".to_owned()))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.execute_batch(self.settle)?;
        connection.execute_batch(ROOM)?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        Ok(File { connection, _place: place })
    }

    /// What a connection like the one that commits says to this question: one row, one text.
    pub fn says(&self, asked: &'static str) -> Result<String, StoreError> {
        let file = self.connection()?;
        let said = file.connection.query_row(asked, [], |row| row.get(0));
        self.keep(file);
        Ok(said?)
    }

    /// Keeps a connection for whoever wants one next; one that is still in a transaction is closed instead.
    pub fn keep(&self, connection: File) {
        if !connection.connection.is_autocommit() {
            return;
        }
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
    }

    /// Closes the connection that is kept, and waits for those who still hold one: closing may write to the file.
    pub async fn close(&self) {
        drop(self.kept.lock().unwrap_or_else(PoisonError::into_inner).take());
        // It is never closed, so that it gives them when all have come back.
        let _all = self.places.acquire_many(u32::try_from(MOST).unwrap_or(u32::MAX)).await;
    }
}

/// A connection to the file, and its place.
#[derive(Debug)]
pub(super) struct File {
    connection: Connection,
    /// Given back once the connection is closed.
    _place: OwnedSemaphorePermit,
}

/// A transaction on it; rolled back when it is dropped.
pub(super) struct Transaction<'c>(&'c mut Connection);

impl File {
    /// Begins a transaction, with this statement.
    pub fn begin(&mut self, begin: &'static str) -> Result<Transaction<'_>, StoreError> {
        self.connection.prepare_cached(begin)?.raw_execute()?;
        Ok(Transaction(&mut self.connection))
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // After some errors (a full disk) SQLite has rolled back by itself.
        if !self.0.is_autocommit()
            && let Err(error) = self.0.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "a transaction was not rolled back; SQLite does it when the connection ends");
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Int(number) | Self::OptInt(Some(number)) => ValueRef::Integer(*number),
            Self::Text(text) | Self::OptText(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::OptInt(None) | Self::OptText(None) => ValueRef::Null,
        }))
    }
}

/// Gives the statement's parameters their values. They are named `$1`, `$2`, … and stand in that order, which a test of
/// the statements sees to; SQLite numbers them by their first appearance.
fn bind(statement: &mut CachedStatement<'_>, values: &[Value]) -> rusqlite::Result<()> {
    for (place, value) in (1..).zip(values) {
        statement.raw_bind_parameter(place, value)?;
    }
    Ok(())
}

fn rows_of(statement: &mut CachedStatement<'_>, into: &mut Vec<Row>) -> Result<(), StoreError> {
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|column| value_of(row.get_ref(column)?)).collect::<Result<_, StoreError>>()?;
        into.push(Row::File(values));
    }
    Ok(())
}

fn value_of(held: ValueRef<'_>) -> Result<Value, StoreError> {
    Ok(match held {
        ValueRef::Null => Value::OptText(None),
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => {
            Value::Text(String::from_utf8(text.to_vec()).map_err(|_| StoreError::Unreadable("a text is not UTF-8".to_owned()))?)
        }
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => return Err(StoreError::Unreadable("a number is not a whole one".to_owned())),
    })
}

impl Transaction<'_> {
    /// The rows that one statement gives.
    pub fn read(&mut self, statement: &'static str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.0.prepare_cached(statement)?;
        bind(&mut statement, values)?;
        let mut found = Vec::new();
        rows_of(&mut statement, &mut found)?;
        Ok(found)
    }

    /// The rows whose key is one of `keys`.
    pub fn find(&mut self, lookup: Lookup, keys: impl Iterator<Item = Value>) -> Result<Vec<Row>, StoreError> {
        let mut keys = keys.peekable();
        let mut found = Vec::new();
        if keys.peek().is_some() {
            let mut statement = self.0.prepare_cached(lookup.sql(1))?;
            for key in keys {
                statement.raw_bind_parameter(1, key)?;
                rows_of(&mut statement, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Runs one statement.
    pub fn run(&mut self, statement: &'static str, values: &[Value]) -> Result<(), StoreError> {
        let mut statement = self.0.prepare_cached(statement)?;
        bind(&mut statement, values)?;
        statement.raw_execute()?;
        Ok(())
    }

    /// Writes rows.
    pub fn put(&mut self, into: Rows, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        let mut statement = self.0.prepare_cached(into.sql(1))?;
        for row in rows {
            bind(&mut statement, row)?;
            statement.raw_execute()?;
        }
        Ok(())
    }

    /// Makes it happen; when it returns `Ok`, the disk has it.
    pub fn commit(self) -> Result<(), StoreError> {
        self.0.prepare_cached("COMMIT")?.raw_execute()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::statements::{self as sql, ALL_LOOKUPS, ALL_ROWS};

    /// Numbers of the parameters, in the order in which they first appear.
    fn order(statement: &str) -> Vec<usize> {
        let mut seen = Vec::new();
        for rest in statement.split('$').skip(1) {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
            let number = digits.parse().expect("a number");
            if !seen.contains(&number) {
                seen.push(number);
            }
        }
        seen
    }

    #[test]
    fn parameters_of_what_a_commit_runs_stand_in_their_order() {
        let single = [
            sql::TAKE_HEAD,
            sql::EVENTS_FROM,
            sql::REPEATS_DUE,
            sql::REFUSALS_BEFORE,
            sql::FORGET_REFUSALS,
            sql::LINK,
            sql::LINK_CODE,
            sql::LINK_CODE_CLAIMED,
            sql::CLAIM_LINK_CODE,
            sql::UNCLAIM_LINK_CODES,
            sql::FORGET_LINK_CODES_OF,
            sql::WRONG_CODES,
            sql::MARK,
            sql::END_SESSION,
            sql::END_SESSIONS_OF,
            sql::USE_LINK,
            sql::NEW_EPOCH,
            sql::MOVE_HEAD,
        ];
        let many = ALL_ROWS.iter().map(|rows| rows.sql(1)).chain(ALL_LOOKUPS.iter().map(|lookup| lookup.sql(1)));
        for statement in single.into_iter().chain(many) {
            let order = order(statement);
            assert!(order.iter().copied().eq(1..=order.len()), "{statement}");
        }
    }
}
