//! Brings a database to this program's schema: under a lock, forwards only, and never over edited history.

use std::borrow::Cow;

use include_dir::{Dir, include_dir};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection, Row, SqlSafeStr};

use super::{Dialect, Store, StoreError, statements};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/migrations");

/// The migrations of this program for `dialect`, oldest first.
fn migrations(dialect: Dialect) -> Vec<Migration> {
    let mut found: Vec<Migration> = FILES
        .get_dir(dialect.folder())
        .into_iter()
        .flat_map(Dir::files)
        .filter_map(|file| {
            let (version, name) = file.path().file_stem()?.to_str()?.split_once('_')?;
            let sql = file.contents_utf8()?;
            Some(Migration::new(version.parse().ok()?, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false))
        })
        .collect();
    found.sort_by_key(|m| m.version);
    found
}

/// The highest migration that this program has.
#[must_use]
pub fn latest(dialect: Dialect) -> i64 {
    migrations(dialect).last().map_or(0, |m| m.version)
}

fn explain(error: MigrateError, found: i64, dialect: Dialect) -> StoreError {
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => StoreError::Newer { found, known: latest(dialect) },
        MigrateError::VersionMismatch(version) => StoreError::Edited(version),
        MigrateError::Execute(e) => StoreError::Database(e),
        other => StoreError::Unreadable(other.to_string()),
    }
}

/// Applies what is missing. Two programs that start at once wait for each other: on SQLite the whole run is one
/// write transaction, on PostgreSQL it holds an advisory lock.
pub(super) async fn run(store: &Store) -> Result<(), StoreError> {
    let dialect = store.dialect();
    let migrator = Migrator::with_migrations(migrations(dialect));
    let mut connection = store.writer().acquire().await?;
    let outcome = match dialect {
        Dialect::Sqlite => {
            let mut transaction = connection.begin_with(dialect.begin_writing()).await?;
            let outcome = migrator.run_direct(None, &mut *transaction, false).await;
            if outcome.is_ok() {
                transaction.commit().await?;
            }
            outcome
        }
        Dialect::Postgres => migrator.run_direct(None, &mut *connection, false).await,
    };
    drop(connection);
    match outcome {
        Ok(()) => Ok(()),
        Err(error) => Err(explain(error, version(store).await.unwrap_or(0), dialect)),
    }
}

/// Refuses a database whose schema is not this program's.
pub(super) async fn check(store: &Store) -> Result<(), StoreError> {
    let known = latest(store.dialect());
    let found = match version(store).await {
        Err(error) if error.no_such_table() => {
            return Err(StoreError::Unreadable("it holds no log yet; start `countersign serve` once, which makes one".to_owned()));
        }
        found => found?,
    };
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(StoreError::Newer { found, known }),
        std::cmp::Ordering::Less => Err(StoreError::Unreadable(format!(
            "its schema is at {found} and this program wants {known}; start `countersign serve` once to upgrade it"
        ))),
    }
}

async fn version(store: &Store) -> Result<i64, StoreError> {
    Ok(sqlx::query(statements::SCHEMA_VERSION).fetch_one(store.writer()).await?.try_get(0)?)
}
