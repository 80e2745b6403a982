//! Brings a database to this program's schema: under a lock, forwards only, and never over edited history.
//!
//! **Rolling updates.** The program that migrates holds the head meanwhile and leaves the migration's number in it; an older
//! program that takes the head next finds a number that it does not know, and drains: it records nothing more (503 and a
//! sentence, `/readyz` red) and ends a few seconds later. Whether an older program could go on beside a migration is not
//! judged, since whoever judges wrongly damages a record; and a start of the older program is refused.

use std::borrow::Cow;

use include_dir::{Dir, include_dir};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection, Executor, Row, SqlSafeStr};

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

fn explain(error: MigrateError, found: i64, store: &Store) -> StoreError {
    match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => StoreError::Newer { found, known: store.knows() },
        MigrateError::VersionMismatch(version) => StoreError::Edited(version),
        MigrateError::Execute(e) => StoreError::Database(e),
        other => StoreError::Unreadable(other.to_string()),
    }
}

/// A migration of a later program: number, name, SQL.
pub type Later = (i64, &'static str, &'static str);

/// Applies what is missing, all of it in one transaction that holds the head. Two programs that start at once wait for
/// each other.
pub(super) async fn run(store: &Store) -> Result<(), StoreError> {
    let dialect = store.dialect();
    let mut all = migrations(dialect);
    all.extend(
        store.later.iter().map(|&(n, name, sql)| Migration::new(n, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)),
    );
    let mut migrator = Migrator::with_migrations(all);
    // The transaction's own lock lasts until what it did is there for all to see.
    migrator.set_locking(false);
    let mut connection = store.writer().acquire().await?;
    let mut transaction = connection.begin_with(dialect.begin_writing()).await?;
    if let Some(alone) = dialect.migrates_alone() {
        transaction.execute(sqlx::raw_sql(alone)).await?;
    }
    match migrator.run_direct(None, &mut *transaction, false).await {
        Ok(()) => {
            sqlx::query(statements::RAISE_HEAD).execute(&mut *transaction).await?;
            Ok(transaction.commit().await?)
        }
        Err(error) => {
            transaction.rollback().await?;
            drop(connection);
            Err(explain(error, version(store).await.unwrap_or(0), store))
        }
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
