//! The only SQL. SQLite and PostgreSQL, each statement written once.
//!
//! - [`statements`]: every statement as a named constant, prepared on both databases by a test;
//! - [`dialect`]: the few places where the two databases really differ, side by side;
//! - [`migrate`]: brings a database to this program's schema, under a lock;
//! - [`commit`]: one commit: taking the head, reading, the commit point; [`batch`]: what it writes; `write`: in which order;
//! - `transaction`: the same words on both databases; `file`: on SQLite they are calls, made in place;
//! - [`read`]: what pages and programs ask;
//! - [`room`]: where tickets stand in chat;
//! - [`whole`]: whole rows, for comparing all of them with what the events make;
//! - [`attachments`]: files, by content;
//! - [`faults`]: writes that break on purpose, for tests.
//!
//! To add a statement: name it in `statements.rs`, list it in `ALL`, call it from `commit.rs`, `write.rs` or `read.rs`; one
//! that a commit runs has its parameters in order (`file.rs` has a test of that).
//! To add a column or a table: a new pair of files under `migrations/`, never an edit of an old one.

pub mod attachments;
pub mod batch;
pub mod commit;
pub mod dialect;
pub mod faults;
mod file;
pub mod migrate;
mod opening;
pub mod read;
pub mod room;
pub mod rows;
pub mod statements;
mod transaction;
pub mod whole;
mod write;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, ConnectOptions, Connection, Executor};
use tokio::sync::{Mutex, OwnedMutexGuard};

pub use dialect::Dialect;

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It said no, or did not answer.
    #[error("the database does not answer as it should: {0}")]
    Database(#[from] sqlx::Error),
    /// The same of the connection that commits on SQLite.
    #[error("the database does not answer as it should: {0}")]
    File(#[from] rusqlite::Error),
    /// It was written by a later version.
    #[error(
        "this database was written by a newer Countersign (its schema is at {found}, this program knows up to {known}); start the newer program, or restore a copy from before the upgrade"
    )]
    Newer {
        /// Highest migration in the database.
        found: i64,
        /// Highest migration this program has.
        known: i64,
    },
    /// A migration in the database is not the one in this program.
    #[error("migration {0} in this database is not the one that this program carries; somebody edited history, so nothing was changed")]
    Edited(i64),
    /// It cannot be opened: why, and what to do.
    #[error("{0}")]
    NotOpened(String),
    /// It did not answer in time; perhaps it is cut off.
    #[error("the database did not answer in time")]
    Silent,
    /// Something in it cannot be read back.
    #[error("a stored row cannot be read: {0}")]
    Unreadable(String),
    /// A text holds NUL, which PostgreSQL cannot keep; so that both databases hold the same, neither does.
    #[error("a text holds the character NUL, which no database keeps")]
    Nul,
    /// The address is not one of a database.
    #[error("{0:?} is not a database address: write sqlite:FILE or postgres://USER@HOST/NAME")]
    Address(String),
}

impl StoreError {
    /// What SQLite says of its refusal: its extended code.
    fn sqlite(&self) -> Option<i64> {
        match self {
            Self::File(error) => error.sqlite_error().map(|e| i64::from(e.extended_code)),
            Self::Database(sqlx::Error::Database(e)) => e.code().filter(|code| code.len() != 5).and_then(|code| code.parse().ok()),
            _ => None,
        }
    }

    /// What PostgreSQL says of its refusal: SQLSTATE.
    fn state(&self) -> Option<String> {
        let Self::Database(sqlx::Error::Database(e)) = self else { return None };
        e.code().filter(|code| code.len() == 5).map(Into::into)
    }

    /// Whether a failed COMMIT surely kept nothing: PostgreSQL's classes 40 (rolled back) and 23 (constraints),
    /// SQLite's BUSY, LOCKED and CONSTRAINT. Of anything else nobody knows.
    #[must_use]
    pub fn rolled_back(&self) -> bool {
        self.state().is_some_and(|state| state.starts_with("40") || state.starts_with("23"))
            || self.sqlite().is_some_and(|code| matches!(code & 0xff, 5 | 6 | 19))
    }

    /// Whether a table is not there: PostgreSQL's 42P01, SQLite's words.
    fn no_such_table(&self) -> bool {
        let Self::Database(sqlx::Error::Database(e)) = self else { return false };
        e.code().is_some_and(|code| code == "42P01") || e.message().starts_with("no such table")
    }

    /// Whether a row was read and is not of the form that this program writes.
    #[must_use]
    pub fn malformed(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::Database(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)))
    }

    /// Whether the disk failed under the database: SQLite's I/O errors (primary code 10) when it was told to write or
    /// sync. PostgreSQL stops by itself then. No room for the index beside the write-ahead log (`IOERR_SHMSIZE`) is a
    /// full disk, not a broken one.
    #[must_use]
    pub fn disk_failed(&self) -> bool {
        self.sqlite().is_some_and(|code| code & 0xff == 10 && code != IOERR_SHMSIZE)
    }

    /// Whether the database refused because of what was in a statement, rather than because of its own state.
    #[must_use]
    pub fn refused_content(&self) -> bool {
        if matches!(self, Self::Nul | Self::Database(sqlx::Error::Encode(_))) {
            return true;
        }
        // PostgreSQL: class 21 (a statement that meets a row twice), 22 (data), 23 (constraints), 54 (limits), P0 (what a
        // trigger raises). SQLite: constraint 19 (a trigger's RAISE as well), mismatch 20, too big 18.
        self.state().is_some_and(|state| ["21", "22", "23", "54", "P0"].iter().any(|class| state.starts_with(class)))
            || self.sqlite().is_some_and(|code| matches!(code & 0xff, 18..=20))
    }
}

/// How long a connection that is given back may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// SQLite's code for an index of the write-ahead log that cannot grow.
const IOERR_SHMSIZE: i64 = 10 | (19 << 8);

/// A database.
#[derive(Clone, Debug)]
pub struct Store {
    writer: AnyPool,
    readers: AnyPool,
    dialect: Dialect,
    /// The file, if it is one.
    file: Option<Arc<file::Place>>,
    /// Where the file lies, if it is one.
    folder: Option<PathBuf>,
    faults: faults::Plan,
    turn: Arc<Mutex<()>>,
    /// Migrations that a later program has, in a test.
    later: Arc<[migrate::Later]>,
}

/// Whoever holds it is the only one of this process who writes to an SQLite file: the others wait in line, instead of
/// asking SQLite again and again whether the file is free.
type Turn = Option<OwnedMutexGuard<()>>;

/// Reads the folder-relative `sqlite:FILE` and `postgres://…` into what the driver wants.
fn address_of(database: &str) -> Result<(Dialect, String), StoreError> {
    if let Some(path) = database.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(StoreError::Address(database.to_owned()));
        }
        let escaped = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
        return Ok((Dialect::Sqlite, format!("sqlite://{escaped}")));
    }
    if database.starts_with("postgres://") || database.starts_with("postgresql://") {
        return Ok((Dialect::Postgres, database.to_owned()));
    }
    Err(StoreError::Address(database.split('@').next_back().unwrap_or_default().to_owned()))
}

/// Makes the file, for its owner only: it will hold plaintext. What stands in the way is told when it is opened.
fn make_private(path: &str) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path));
}

impl Store {
    /// Opens the database at `sqlite:FILE` or `postgres://…`, creating the file if there is none, and migrates it.
    ///
    /// # Errors
    /// When it does not answer, or was written by a newer program.
    pub async fn open(database: &str) -> Result<Self, StoreError> {
        Self::open_as_later(database, &[]).await
    }

    /// The same as a later program, which has these migrations as well: how tests ask what becomes of the programs that
    /// run already. Nothing in the product makes such a store.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_as_later(database: &str, later: &[migrate::Later]) -> Result<Self, StoreError> {
        let store = Self { later: later.into(), ..Self::connect(database, true).await? };
        migrate::run(&store).await?;
        Ok(store)
    }

    /// Opens the database to look at it: nothing is created or migrated, and a newer or older schema is refused.
    ///
    /// # Errors
    /// When it is not there, does not answer, or has another schema than this program's.
    pub async fn open_existing(database: &str) -> Result<Self, StoreError> {
        let store = Self::connect(database, false).await?;
        migrate::check(&store).await?;
        Ok(store)
    }

    async fn connect(database: &str, create: bool) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let (dialect, mut url) = address_of(database)?;
        if let (Some(path), true) = (database.strip_prefix("sqlite:"), create) {
            make_private(path.strip_prefix("//").unwrap_or(path));
        }
        if dialect == Dialect::Sqlite {
            url.push_str(if create { "?mode=rwc" } else { "?mode=rw" });
        }
        let options = AnyConnectOptions::from_str(&url)
            .map_err(|_| StoreError::Address(database.split('@').next_back().unwrap_or_default().to_owned()))?
            .disable_statement_logging();
        let settle = dialect.settle();
        let pool = |size: u32| {
            AnyPoolOptions::new().max_connections(size).acquire_timeout(Duration::from_secs(5)).after_connect(move |connection, _| {
                Box::pin(async move {
                    connection.execute(sqlx::raw_sql(settle)).await?;
                    Ok(())
                })
            })
        };
        // Whoever gave up waiting leaves a connection at whose other end perhaps nobody is, and no packet will ever say so:
        // that one is closed, instead of being waited for.
        let pool = |size: u32| match dialect {
            Dialect::Sqlite => pool(size),
            Dialect::Postgres => pool(size).after_release(|connection, _| {
                Box::pin(async move {
                    let answered = tokio::time::timeout(PATIENCE, connection.ping()).await;
                    answered.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(|()| true)
                })
            }),
        };
        // One try by itself: the pool would try again and again, and then forget why.
        opening::try_once(database, dialect, &options, settle).await?;
        let writer = pool(2).connect_with(options.clone()).await?;
        let readers = pool(6).connect_lazy_with(options);
        let path = database.strip_prefix("sqlite:").map(|path| Path::new(path.strip_prefix("//").unwrap_or(path)));
        let file = path.map(|path| Arc::new(file::Place::new(path.to_owned(), settle)));
        let folder = path.and_then(Path::parent).map(|f| if f.as_os_str().is_empty() { PathBuf::from(".") } else { f.to_owned() });
        Ok(Self { writer, readers, dialect, file, folder, faults: None, turn: Arc::default(), later: Arc::default() })
    }

    /// Which database it is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The folder that the database's file grows in, if it is a file.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The same database, with commits that break as `faults` says.
    #[must_use]
    pub fn breaking(self, faults: Arc<dyn faults::Faults>) -> Self {
        Self { faults: Some(faults), ..self }
    }

    /// The newest migration that this program knows.
    pub(crate) fn knows(&self) -> i64 {
        self.later.last().map_or_else(|| migrate::latest(self.dialect), |later| later.0)
    }

    /// Waits for the turn to write.
    pub(crate) async fn turn(&self) -> Turn {
        match self.dialect {
            Dialect::Sqlite => Some(Arc::clone(&self.turn).lock_owned().await),
            Dialect::Postgres => None,
        }
    }

    /// Whether a commit occupies the thread that makes it until it is over: on a file it does, at a server's it waits.
    #[must_use]
    pub fn commits_in_place(&self) -> bool {
        self.file.is_some()
    }

    fn file(&self) -> Option<&file::Place> {
        self.file.as_deref()
    }

    pub(crate) fn writer(&self) -> &AnyPool {
        &self.writer
    }

    pub(crate) fn readers(&self) -> &AnyPool {
        &self.readers
    }

    /// On SQLite, folds the write-ahead log into the database file, so that a copy of the one file is a copy of the
    /// record.
    pub async fn fold(&self) {
        if let Some(fold) = self.dialect.fold()
            && let Err(error) = self.writer.execute(sqlx::raw_sql(fold)).await
        {
            tracing::warn!(%error, "the write-ahead log was not folded into the database file; copy both");
        }
    }

    /// Closes every connection; waits for those who still hold one.
    pub async fn close(&self) {
        if let Some(file) = &self.file {
            file.close().await;
        }
        self.writer.close().await;
        self.readers.close().await;
    }
}
