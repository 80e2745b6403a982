//! Statements over many rows, in a few fixed sizes, so that the database prepares each text once.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row as _};

use super::StoreError;

/// Rows a statement takes at most; then the next smaller sizes for the rest.
const SIZES: [usize; 5] = [128, 32, 8, 2, 1];
/// Keys that a look-up takes: the smallest size that holds them all, filled up with the last one.
const KEYS: [usize; 5] = [1, 4, 16, 64, 256];

/// One value of a row.
#[derive(Clone, Debug)]
pub enum Value {
    /// BIGINT
    Int(i64),
    /// BIGINT or NULL
    OptInt(Option<i64>),
    /// TEXT
    Text(String),
    /// TEXT or NULL
    OptText(Option<String>),
    /// BLOB / BYTEA
    Bytes(Vec<u8>),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// A row that was read, column by column.
pub enum Row {
    /// By the driver that serves both databases.
    Server(AnyRow),
    /// On the connection that commits on SQLite.
    File(Vec<Value>),
}

impl Row {
    /// BIGINT
    pub(super) fn int(&self, column: usize) -> Result<i64, StoreError> {
        match self {
            Self::Server(row) => Ok(row.try_get(column)?),
            Self::File(values) => match values.get(column) {
                Some(Value::Int(number)) => Ok(*number),
                _ => Err(other_than("a whole number")),
            },
        }
    }

    /// TEXT
    pub(super) fn text(&self, column: usize) -> Result<String, StoreError> {
        self.opt_text(column)?.ok_or_else(|| other_than("a text"))
    }

    /// TEXT or NULL
    pub(super) fn opt_text(&self, column: usize) -> Result<Option<String>, StoreError> {
        match self {
            Self::Server(row) => Ok(row.try_get(column)?),
            Self::File(values) => match values.get(column) {
                Some(Value::Text(text)) => Ok(Some(text.clone())),
                Some(Value::OptText(None)) => Ok(None),
                _ => Err(other_than("a text")),
            },
        }
    }

    /// BLOB / BYTEA
    pub(super) fn bytes(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        match self {
            Self::Server(row) => Ok(row.try_get(column)?),
            Self::File(values) => match values.get(column) {
                Some(Value::Bytes(bytes)) => Ok(bytes.clone()),
                _ => Err(other_than("bytes")),
            },
        }
    }
}

fn other_than(what: &str) -> StoreError {
    StoreError::Unreadable(format!("a column holds something other than {what}"))
}

/// `INSERT … VALUES (…), (…) <then>`
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    insert: &'static str,
    columns: usize,
    then: &'static str,
}

/// `SELECT … WHERE key IN (…)`, or `DELETE`
#[derive(Clone, Copy, Debug)]
pub struct Lookup {
    select: &'static str,
}

/// Texts made so far. They are few (five sizes a statement) and live as long as the program.
static TEXTS: LazyLock<Mutex<HashMap<(&'static str, usize), &'static str>>> = LazyLock::new(Mutex::default);

fn text(key: &'static str, size: usize, make: impl FnOnce() -> String) -> &'static str {
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    texts.entry((key, size)).or_insert_with(|| Box::leak(make().into_boxed_str()))
}

fn bind(query: Query<'_, Any, AnyArguments>, value: Value) -> Query<'_, Any, AnyArguments> {
    match value {
        Value::Int(v) => query.bind(v),
        Value::OptInt(v) => query.bind(v),
        Value::Text(v) => query.bind(v),
        Value::OptText(v) => query.bind(v),
        Value::Bytes(v) => query.bind(v),
    }
}

/// Runs one statement with these values.
pub(super) async fn execute(connection: &mut AnyConnection, statement: &'static str, values: Vec<Value>) -> Result<(), StoreError> {
    values.into_iter().fold(sqlx::query(statement), bind).execute(connection).await?;
    Ok(())
}

/// The rows that one statement gives.
pub(super) async fn fetch(connection: &mut AnyConnection, statement: &'static str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
    let rows = values.into_iter().fold(sqlx::query(statement), bind).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Row::Server).collect())
}

impl Rows {
    pub(super) const fn new(insert: &'static str, columns: usize, then: &'static str) -> Self {
        Self { insert, columns, then }
    }

    /// The statement for `size` rows.
    #[must_use]
    pub fn sql(self, size: usize) -> &'static str {
        text(self.insert, size, || {
            let row = |r: usize| {
                let places: Vec<String> = (1..=self.columns).map(|c| format!("${}", r * self.columns + c)).collect();
                format!("({})", places.join(", "))
            };
            let all: Vec<String> = (0..size).map(row).collect();
            format!("{} {} {}", self.insert, all.join(", "), self.then)
        })
    }

    /// Writes `rows`, each with as many values as there are columns.
    pub(super) async fn write(self, connection: &mut AnyConnection, mut rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
        for size in SIZES {
            while rows.len() >= size {
                let rest = rows.split_off(size);
                let mut query = sqlx::query(AssertSqlSafe(self.sql(size)));
                for value in rows.into_iter().flatten() {
                    query = bind(query, value);
                }
                query.execute(&mut *connection).await?;
                rows = rest;
            }
        }
        Ok(())
    }
}

impl Lookup {
    pub(super) const fn new(select: &'static str) -> Self {
        Self { select }
    }

    /// The statement for `size` keys.
    #[must_use]
    pub fn sql(self, size: usize) -> &'static str {
        text(self.select, size, || {
            let places: Vec<String> = (1..=size).map(|n| format!("${n}")).collect();
            format!("{} ({})", self.select, places.join(", "))
        })
    }

    /// The rows whose key is one of `keys`.
    pub(super) async fn read<K: Into<Value>>(self, connection: &mut AnyConnection, keys: Vec<K>) -> Result<Vec<AnyRow>, StoreError> {
        let keys: Vec<Value> = keys.into_iter().map(Into::into).collect();
        let mut found = Vec::new();
        for keys in keys.chunks(KEYS[KEYS.len() - 1]) {
            let size = KEYS.into_iter().find(|size| keys.len() <= *size).unwrap_or(keys.len());
            let mut query = sqlx::query(AssertSqlSafe(self.sql(size)));
            for key in keys.iter().chain(std::iter::repeat(&keys[keys.len() - 1])).take(size) {
                query = bind(query, key.clone());
            }
            found.extend(query.fetch_all(&mut *connection).await?);
        }
        Ok(found)
    }
}
