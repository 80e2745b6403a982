//! A transaction on either database, by the same four words: read, find, put, take out.

use sqlx::Any;

use super::StoreError;
use super::file;
use super::rows::{Lookup, Row, Rows, Value, execute, fetch};

/// A transaction that is open; when it is dropped, nothing of it happened.
pub(super) enum Transaction<'c> {
    /// On a file, in place.
    File(file::Transaction<'c>),
    /// At a server's.
    Server(sqlx::Transaction<'c, Any>),
}

impl Transaction<'_> {
    /// The rows that one statement gives.
    pub async fn read(&mut self, statement: &'static str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::File(file) => file.read(statement, &values),
            Self::Server(server) => fetch(server, statement, values).await,
        }
    }

    /// The rows whose key is one of `keys`.
    pub async fn find<K: Into<Value>>(&mut self, lookup: Lookup, keys: Vec<K>) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::File(file) => file.find(lookup, keys.into_iter().map(Into::into)),
            Self::Server(server) => Ok(lookup.read(server, keys).await?.into_iter().map(Row::Server).collect()),
        }
    }

    /// Runs one statement.
    pub async fn run(&mut self, statement: &'static str, values: Vec<Value>) -> Result<(), StoreError> {
        match self {
            Self::File(file) => file.run(statement, &values),
            Self::Server(server) => execute(server, statement, values).await,
        }
    }

    /// Writes rows, each with as many values as there are columns.
    pub async fn put(&mut self, into: Rows, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
        let nul = |value: &Value| matches!(value, Value::Text(text) | Value::OptText(Some(text)) if text.contains('\0'));
        if rows.iter().flatten().any(nul) {
            return Err(StoreError::Nul);
        }
        match self {
            Self::File(file) => file.put(into, &rows),
            Self::Server(server) => into.write(server, rows).await,
        }
    }

    /// Takes the rows with these keys out.
    pub async fn take_out(&mut self, lookup: Lookup, keys: Vec<String>) -> Result<(), StoreError> {
        self.find(lookup, keys).await.map(drop)
    }

    /// Makes it happen: see [`super::commit::Commit::commit`].
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::File(file) => file.commit(),
            Self::Server(server) => Ok(server.commit().await?),
        }
    }

    /// Nothing of it happened.
    pub async fn roll_back(self) -> Result<(), StoreError> {
        match self {
            Self::File(file) => {
                drop(file);
                Ok(())
            }
            Self::Server(server) => Ok(server.rollback().await?),
        }
    }
}
