//! Where SQLite and PostgreSQL really differ, side by side. Nothing else in the house asks which of the two it is.

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// One file; one writer at a time.
    Sqlite,
    /// A server; several replicas may share it.
    Postgres,
}

impl Dialect {
    /// What each new connection is told.
    ///
    /// SQLite: write-ahead log, and every commit waits for the disk (`synchronous=FULL`).
    /// PostgreSQL: a replica that is stopped in the middle of a commit, or cut off, loses the head within seconds, so that
    /// the others go on: also when it does not take what it asked for (`tcp_user_timeout`).
    #[must_use]
    pub fn settle(self) -> &'static str {
        match self {
            Self::Sqlite => "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;",
            Self::Postgres => {
                "SET default_transaction_isolation = 'read committed'; SET lock_timeout = '5s'; SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '5s'; SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = '10s'; SET client_min_messages = 'warning';"
            }
        }
    }

    /// Folds the write-ahead log into the database file, where there is one.
    #[must_use]
    pub fn fold(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => Some("PRAGMA wal_checkpoint(TRUNCATE)"),
            Self::Postgres => None,
        }
    }

    /// Begins a transaction that will write. On SQLite this takes the write lock at once, so that it cannot fail half-way.
    #[must_use]
    pub fn begin_writing(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// What a program that migrates does first: it is the only one, nobody commits meanwhile (it holds the head, which
    /// commits take first), and it has time. On SQLite `BEGIN IMMEDIATE` has done all of that.
    #[must_use]
    pub fn migrates_alone(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some(
                "SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(7310869124); DO $$ BEGIN IF to_regclass('ledger_head') IS NOT NULL THEN PERFORM 1 FROM ledger_head FOR UPDATE; END IF; END $$;",
            ),
        }
    }

    /// Whether commits reach the disk, as the database says itself: one row, one text.
    #[must_use]
    pub fn durability(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT CASE (SELECT synchronous FROM pragma_synchronous) WHEN 2 THEN 'on' WHEN 3 THEN 'on' ELSE 'off' END",
            Self::Postgres => {
                "SELECT CASE WHEN current_setting('fsync') = 'off' THEN 'fsync is off' WHEN current_setting('synchronous_commit') = 'off' THEN 'synchronous_commit is off' ELSE 'on' END"
            }
        }
    }

    /// What a database with a clock of its own says that the time is, in microseconds; a file has none.
    #[must_use]
    pub fn clock(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"),
        }
    }

    /// Name of the folder under `migrations/`.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}
