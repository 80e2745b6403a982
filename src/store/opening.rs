//! Why a database cannot be opened, in a sentence that says what to do. No password ever stands in it.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use sqlx::any::AnyConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::StoreError;
use super::dialect::Dialect;

/// How long the try may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens one connection, and closes it again.
///
/// # Errors
/// What stands in the way of opening `database`, and what to do.
pub(super) async fn try_once(
    database: &str,
    dialect: Dialect,
    options: &AnyConnectOptions,
    settle: &'static str,
) -> Result<(), StoreError> {
    let tried = async {
        let mut connection = options.connect().await?;
        connection.execute(sqlx::raw_sql(settle)).await?;
        connection.close().await
    };
    let outcome = tokio::time::timeout(PATIENCE, tried).await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
    outcome.map_err(|error| {
        StoreError::NotOpened(match dialect {
            Dialect::Sqlite => sqlite(database, &error),
            Dialect::Postgres => postgres(database, &error),
        })
    })
}

fn code(error: &sqlx::Error) -> String {
    error.as_database_error().and_then(|e| e.code()).map(|code| code.into_owned()).unwrap_or_default()
}

fn sqlite(database: &str, error: &sqlx::Error) -> String {
    let path = database.strip_prefix("sqlite:").unwrap_or(database);
    let path = Path::new(path.strip_prefix("//").unwrap_or(path));
    let shown = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return format!("{shown} is a folder, but the database is a file; correct `database`");
    }
    if !folder.is_dir() {
        return format!("there is no folder {} for the database; make it, or correct `database`", folder.display());
    }
    match std::fs::OpenOptions::new().read(true).write(true).open(path) {
        Err(denied) if denied.kind() == ErrorKind::PermissionDenied => {
            return format!("this user may not read and write {shown}; run as the user that owns it, or give it to this one with chown");
        }
        Err(missing) if missing.kind() == ErrorKind::NotFound => {
            return format!(
                "there is no database at {shown}, and none could be made; let this user write to {}, or correct `database`",
                folder.display()
            );
        }
        _ => {}
    }
    match code(error).as_str() {
        "26" => format!("{shown} is not a SQLite database; correct `database`, or move that file away"),
        "8" => format!("{shown} is on a disk that cannot be written; mount it for writing, or correct `database`"),
        "5" | "6" => format!("{shown} is held by another program; stop that one, then try again"),
        _ => format!("{shown} cannot be opened ({error}); look at the file and its folder {}", folder.display()),
    }
}

/// `db.example.com/countersign` of an address with user and password.
fn place(database: &str) -> &str {
    let rest = database.split_once("://").map_or(database, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split('?').next().unwrap_or_default()
}

fn postgres(database: &str, error: &sqlx::Error) -> String {
    let place = place(database);
    let name = place.split_once('/').map_or("", |(_, name)| name);
    match error {
        sqlx::Error::PoolTimedOut => {
            format!("PostgreSQL at {place} did not answer within five seconds; look whether it runs and whether a firewall is between")
        }
        sqlx::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            format!("nothing answers at {place}; look whether PostgreSQL runs there, and whether host and port in `database` are right")
        }
        sqlx::Error::Io(error) => format!("the host of {place} cannot be reached ({error}); correct `database`, or look at the network"),
        sqlx::Error::Tls(error) => {
            format!("no secure connection to {place} comes about ({error}); look at its certificate and at `sslmode`")
        }
        error => match code(error).as_str() {
            "28P01" => format!("PostgreSQL at {place} refuses the password; correct it in `database`"),
            "28000" => format!("PostgreSQL at {place} does not let this user in; correct `database`, or allow it in pg_hba.conf"),
            "3D000" => format!("there is no database {name} at {place}; make it with `createdb {name}`, or correct `database`"),
            "42501" => format!("this user may not use the database {place}; grant it, or correct `database`"),
            "53300" => format!("PostgreSQL at {place} has too many connections; raise max_connections, or stop something"),
            _ => format!("PostgreSQL at {place} cannot be used ({error}); look at its log"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    async fn said(database: &str) -> String {
        match Store::open(database).await {
            Ok(_) => panic!("{database} opens"),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_opened_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        std::fs::write(folder.path().join("text"), "not a database at all, however long one looks at it".repeat(40)).unwrap();
        assert!(said(&at("text")).await.contains("is not a SQLite database"));
        assert!(said(&at("no/such.db")).await.contains("there is no folder"));
        assert!(said(&at("")).await.contains("is a folder"));
    }

    #[tokio::test]
    async fn a_host_at_which_nobody_answers_is_told_without_the_password() {
        let said = said("postgres://ana:s3cret@127.0.0.1:1/countersign").await;
        assert!(said.starts_with("nothing answers at 127.0.0.1:1/countersign"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }

    #[test]
    fn a_place_holds_neither_user_nor_password() {
        assert_eq!(place("postgres://ana:p@ss@db.example.com:5432/x?sslmode=require"), "db.example.com:5432/x");
    }
}
