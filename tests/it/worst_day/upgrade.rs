//! A database that an earlier program wrote opens, migrates, verifies, and goes on. Each earlier migration state has a
//! fixture: the rows that a program of that state wrote, as SQL text for both databases, with the key of its log.
//!
//! The newest state's is made anew in every run, and read back. Whoever adds migration N+1 keeps that of state N first:
//! `COUNTERSIGN_KEEP_FIXTURE=1 cargo test --test it sqlite -- a_database_of_every_earlier_state`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Row, SqlSafeStr as _};

use crate::world::proof::sha256;
use crate::world::{Kind, Pass, Person, World, labels, on_both};

/// What the fixtures' file holds.
const FILE: &[u8] = b"What was filed before the upgrade.\n";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/upgrade")
}

fn migrations(kind: Kind) -> Vec<(i64, PathBuf)> {
    let folder = if kind == Kind::Sqlite { "migrations/sqlite" } else { "migrations/postgres" };
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("the migrations");
    let mut found: Vec<(i64, PathBuf)> = entries
        .filter_map(Result::ok)
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name.split('_').next().and_then(|n| n.parse().ok()).expect("a number"), entry.path())
        })
        .collect();
    found.sort();
    found
}

/// The tables of the record, as they stand in the file.
async fn tables(w: &World) -> Vec<String> {
    let sql = match w.database.kind {
        Kind::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
        Kind::Postgres => "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name",
    };
    w.database.texts(sql).await
}

/// One SQL value; bytes between marks that each database's form is put in for.
fn literal(row: &sqlx::any::AnyRow, column: usize) -> String {
    if let Ok(number) = row.try_get::<Option<i64>, _>(column) {
        return number.map_or("NULL".to_owned(), |n| n.to_string());
    }
    if let Ok(text) = row.try_get::<Option<String>, _>(column) {
        return text.map_or("NULL".to_owned(), |t| format!("'{}'", t.replace('\'', "''")));
    }
    let bytes: Vec<u8> = row.try_get(column).expect("bytes");
    format!("@bytes {}@", hex::encode(bytes))
}

/// What a program of this state writes: the rows of a short story, with the key of its log and the key of its person.
async fn written_by_this_program(w: &mut World) -> String {
    let ana = w.person("ana");
    let inc = ana.declares("Before the upgrade", "sev3").await;
    ana.acknowledges(&inc).await.done();
    ana.under_key("before-the-upgrade").notes(&inc, "Written before the upgrade.").await.done();
    ana.files(&inc, "evidence.txt", FILE, None, None).await.done();
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    w.signed().await;
    let Pass::Key(pass) = &ana.pass else { panic!("ana has a key") };
    let key = fs::read_to_string(w.path("log.key")).expect("the log's key");
    let mut text = format!("-- ana {} {pass}\n-- key {}\n", ana.id, key.trim());
    w.stops().await;
    for table in tables(w).await.into_iter().filter(|table| table != "_sqlx_migrations") {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT * FROM {table}"))).fetch_all(w.database.root()).await.expect("rows");
        for row in rows {
            let values: Vec<String> = (0..row.len()).map(|column| literal(&row, column)).collect();
            // Writing into a string cannot fail.
            let _ = writeln!(text, "INSERT INTO {table} VALUES ({});", values.join(", "));
        }
    }
    text
}

/// The database as a program of this state left it, with its key and its file; nothing else is there.
async fn as_it_was(w: &World, state: i64, text: &str) {
    match w.database.kind {
        Kind::Postgres => w.database.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.expect("an empty database"),
        Kind::Sqlite => {
            for table in tables(w).await {
                w.database.execute(&format!("DROP TABLE {table}")).await.expect("an empty database");
            }
        }
    }
    let of_the_time = migrations(w.database.kind).into_iter().filter(|(n, _)| *n <= state);
    let migrations = of_the_time.map(|(n, path)| {
        let sql = fs::read_to_string(&path).expect("a migration");
        let name = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.split_once('_')).expect("a name").1.to_owned();
        Migration::new(n, Cow::Owned(name), MigrationType::Simple, sqlx::AssertSqlSafe(sql).into_sql_str(), false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    let mut connection = w.database.root().acquire().await.expect("a connection");
    migrator.run_direct(None, &mut *connection, false).await.expect("the migrations of that time");
    drop(connection);
    let (before, after) = if w.database.kind == Kind::Sqlite { ("X'", "'") } else { ("'\\x", "'::bytea") };
    // A text may go on over several lines.
    for line in text.split("\nINSERT INTO ").skip(1).map(|rest| format!("INSERT INTO {rest}")) {
        let pieces: Vec<String> = line
            .split("@bytes ")
            .enumerate()
            .map(|(n, piece)| if n == 0 { piece.to_owned() } else { format!("{before}{}", piece.replacen('@', after, 1)) })
            .collect();
        w.database.execute(&pieces.concat()).await.unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let line =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("-- {name} "))).expect("a line of the fixture").to_owned();
    fs::write(w.path("log.key"), line("key")).expect("the key");
    // The memory of another log than this one.
    let _ = fs::remove_file(w.path("log.checkpoint"));
    let digest = sha256(FILE);
    let shelf = w.path("attachments").join(&digest[..2]);
    fs::create_dir_all(&shelf).expect("a folder");
    fs::write(shelf.join(digest), FILE).expect("the file");
}

async fn a_database_of_every_earlier_state_opens_migrates_verifies_and_goes_on(w: &mut World) {
    let newest = migrations(w.database.kind).pop().expect("a migration").0;
    let fixture = |state: i64| fixtures().join(format!("{state:04}.sql"));
    let now = written_by_this_program(w).await;
    if w.database.kind == Kind::Sqlite && std::env::var_os("COUNTERSIGN_KEEP_FIXTURE").is_some() {
        fs::write(fixture(newest), &now).expect("the fixture");
    }
    let earlier = (1..newest).map(|state| {
        let file = fixture(state);
        let text = fs::read_to_string(&file);
        (state, text.unwrap_or_else(|error| panic!("{}: {error}; the head of this file says how it is made", file.display())))
    });
    for (state, text) in earlier.chain([(newest, now)]) {
        as_it_was(w, state, &text).await;
        let size = w.size().await;
        let mut ana = text.lines().find_map(|line| line.strip_prefix("-- ana ")).expect("ana").split(' ').map(str::to_owned);
        let (id, pass) = (ana.next().expect("an id"), ana.next().expect("a key"));

        w.starts().await;
        let ana = Person { name: "ana".into(), id, pass: Pass::Key(pass), base: w.base(0), client: w.client.clone(), idempotency: None };
        assert_eq!(w.size().await, size, "an upgrade records nothing by itself");
        let seen = ana.sees("INC-000001").await;
        assert_eq!((&seen["status"], &seen["files"][0]["sha256"]), (&json!("acknowledged"), &json!(sha256(FILE))), "{seen}");
        let file = ana.gets("/api/v1/tickets/INC-000001/attachments/1").await;
        assert_eq!((file.status, file.bytes.as_slice()), (200, FILE));
        // A retry from before the upgrade is known, a repeat is counted, and numbers go on.
        let again = ana.under_key("before-the-upgrade").notes("INC-000001", "Written before the upgrade.").await.done();
        assert_eq!(again["repeated"], true, "{again}");
        w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
        assert_eq!(ana.declares("After the upgrade", "sev3").await, "INC-000003");
        w.signed().await;
        w.stops().await;
        let (address, folder) = (w.database.address.clone(), w.path("attachments").display().to_string());
        let (code, words) = w.runs(&["verify", "--database", &address, "--attachments", &folder]).await;
        assert!(code == 3 && words.contains("is the same") && words.contains("1 files"), "{state}: {code}: {words}");
    }

    // A database of a later program is left as it is, whoever looks.
    let yes = if w.database.kind == Kind::Sqlite { "1" } else { "TRUE" };
    let later = format!(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) \
         SELECT 9999, 'of a later program', installed_on, {yes}, checksum, 0 FROM _sqlx_migrations WHERE version = 1"
    );
    w.database.execute(&later).await.expect("a later migration");
    let address = w.database.address.clone();
    for arguments in
        [&["verify", "--database", &address][..], &["serve", "--listen", "127.0.0.1:0"], &["export", "--all", "--out", "x.zip"]]
    {
        let (code, words) = w.runs(arguments).await;
        assert!(code == 2 && words.contains("written by a newer Countersign (its schema is at 9999"), "{arguments:?}: {code}: {words}");
    }
    w.database.execute("DELETE FROM _sqlx_migrations WHERE version = 9999").await.expect("as it was");
}
on_both!(a_database_of_every_earlier_state_opens_migrates_verifies_and_goes_on);
