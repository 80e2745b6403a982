//! The two databases that every story runs on: a file, and a database of its own on the throw-away server of `./test`.

use std::path::Path;

use sqlx::{AnyPool, Row};

/// Which database a story runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A database that belongs to one story.
pub struct Database {
    pub kind: Kind,
    /// As `countersign.toml` has it.
    pub address: String,
    /// Somebody with all rights, who goes around the program.
    root: AnyPool,
    name: String,
    /// The server that it is on.
    server: String,
}

fn server() -> String {
    std::env::var("COUNTERSIGN_TEST_POSTGRES")
        .expect("this test needs a PostgreSQL server in COUNTERSIGN_TEST_POSTGRES: run ./test, which starts a throw-away one")
}

async fn connect(address: &str) -> AnyPool {
    sqlx::any::install_default_drivers();
    let options = sqlx::any::AnyPoolOptions::new().max_connections(2);
    options.connect(address).await.unwrap_or_else(|error| panic!("the test's own connection to its database: {error}"))
}

impl Database {
    /// A fresh, empty one; a file lies in `folder`.
    pub async fn new(kind: Kind, folder: &Path, unique: &str) -> Self {
        match kind {
            Kind::Sqlite => Self::sqlite(&folder.join("countersign.db")).await,
            Kind::Postgres => Self::on(server(), unique).await,
        }
    }

    /// A fresh one on this PostgreSQL.
    pub async fn on(server: String, unique: &str) -> Self {
        let name = format!("story_{unique}");
        let admin = connect(&server).await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await.expect("a database of our own");
        admin.close().await;
        let (host, _) = server.rsplit_once('/').expect("the address of a server ends with a database");
        let address = format!("{host}/{name}");
        Self { kind: Kind::Postgres, root: connect(&address).await, address, name, server }
    }

    /// The file at `path`, which may be there already.
    pub async fn sqlite(path: &Path) -> Self {
        let address = format!("sqlite:{}", path.display());
        let root = connect(&format!("sqlite://{}?mode=rwc", path.display())).await;
        sqlx::raw_sql("PRAGMA busy_timeout = 10000").execute(&root).await.expect("a setting of the connection");
        Self { kind: Kind::Sqlite, address, root, name: String::new(), server: String::new() }
    }

    /// Does something around the program's back.
    pub async fn execute(&self, sql: &str) -> Result<(), String> {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&self.root).await;
        done.map(drop).map_err(|error| error.to_string())
    }

    /// The first column of what a question is answered, as text.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).fetch_all(&self.root).await;
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.iter().map(|row| row.try_get::<String, _>(0).unwrap_or_else(|error| panic!("{sql}: {error}"))).collect()
    }

    /// The first column of what a question is answered, as a number.
    pub async fn number(&self, sql: &str) -> i64 {
        let row = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).fetch_one(&self.root).await;
        row.and_then(|row| row.try_get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Takes every trigger away, as only somebody with all rights can.
    pub async fn disarm(&self) {
        let statements: Vec<String> = match self.kind {
            Kind::Sqlite => {
                let triggers = self.texts("SELECT name FROM sqlite_master WHERE type = 'trigger'").await;
                triggers.iter().map(|trigger| format!("DROP TRIGGER {trigger}")).collect()
            }
            Kind::Postgres => {
                let guarded = "SELECT DISTINCT event_object_table::text FROM information_schema.triggers";
                self.texts(guarded).await.iter().map(|table| format!("ALTER TABLE {table} DISABLE TRIGGER USER")).collect()
            }
        };
        for statement in statements {
            self.execute(&statement).await.expect("somebody with all rights");
        }
    }

    /// The connection that goes around the program.
    pub fn root(&self) -> &AnyPool {
        &self.root
    }

    /// Keeps a copy of everything as it stands; no service runs.
    pub async fn keeps_a_copy(&mut self, folder: &Path) {
        match self.kind {
            Kind::Sqlite => {
                let copy = folder.join("copy.db");
                // The last copy, if there is one, is not wanted any more.
                let _ = std::fs::remove_file(&copy);
                self.execute(&format!("VACUUM INTO '{}'", copy.display())).await.expect("a copy");
            }
            Kind::Postgres => {
                self.root.close().await;
                self.on_the_server(&[format!("CREATE DATABASE {0}_copy TEMPLATE {0}", self.name)]).await;
                self.root = connect(&self.address).await;
            }
        }
    }

    /// Puts the copy in the place of what is there; no service runs.
    pub async fn puts_the_copy_back(&mut self, folder: &Path) {
        self.root.close().await;
        match self.kind {
            Kind::Sqlite => {
                let file = self.address.trim_start_matches("sqlite:").to_owned();
                for beside in ["-wal", "-shm"] {
                    // SQLite removes them itself when the last connection closes.
                    let _ = std::fs::remove_file(format!("{file}{beside}"));
                }
                std::fs::copy(folder.join("copy.db"), &file).expect("the copy");
                *self = Self::sqlite(Path::new(&file)).await;
            }
            Kind::Postgres => {
                let name = &self.name;
                self.on_the_server(&[format!("DROP DATABASE {name} WITH (FORCE)"), format!("ALTER DATABASE {name}_copy RENAME TO {name}")])
                    .await;
                self.root = connect(&self.address).await;
            }
        }
    }

    async fn on_the_server(&self, statements: &[String]) {
        let admin = connect(&self.server).await;
        for sql in statements {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone())).execute(&admin).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
        admin.close().await;
    }

    /// Removes it from the server.
    pub async fn drop(self) {
        self.root.close().await;
        if self.kind == Kind::Postgres {
            let admin = connect(&self.server).await;
            let gone = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.name))).execute(&admin).await;
            gone.expect("the story's database can be removed");
            admin.close().await;
        }
    }
}
