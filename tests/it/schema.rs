//! The database's shape: the same on both, forwards only, and every statement understood by both.

use std::collections::BTreeSet;

use countersign::store::statements::{ALL, ALL_LOOKUPS, ALL_ROWS, TICKETS_LATEST, TICKETS_LATEST_IN, TICKETS_OF, TICKETS_OF_IN};
use sqlx::{AssertSqlSafe, Executor as _, Row as _, SqlSafeStr as _};

use super::world::{Database, Kind, World, on_both};

async fn every_statement_is_understood(w: &mut World) {
    let mut statements: Vec<&str> = ALL.to_vec();
    for size in [1, 8, 64] {
        statements.extend(ALL_ROWS.iter().map(|rows| rows.sql(size)));
        statements.extend(ALL_LOOKUPS.iter().map(|lookup| lookup.sql(size)));
    }
    assert!(statements.len() > 100);
    for sql in statements {
        let prepared = w.database.root().prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await;
        assert!(prepared.is_ok(), "{sql}: {:?}", prepared.err());
    }
}
on_both!(every_statement_is_understood);

/// How the database would read it, with numbers and words in the places of the parameters.
async fn plan(w: &World, sql: &str, values: &[&str]) -> String {
    let filled = (1..).zip(values).fold(sql.to_owned(), |sql, (n, value)| sql.replace(&format!("${n}"), value));
    match w.database.kind {
        Kind::Sqlite => {
            let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {filled}"))).fetch_all(w.database.root()).await;
            let rows = rows.expect("a plan");
            rows.iter().map(|row| row.try_get::<String, _>(3).expect("a step")).collect::<Vec<_>>().join("\n")
        }
        Kind::Postgres => {
            // A table of a few rows is read whole, whatever indexes it has.
            let mut one = w.database.root().begin().await.expect("a transaction");
            one.execute("SET LOCAL enable_seqscan = off").await.expect("a setting");
            one.execute("SET LOCAL enable_sort = off").await.expect("a setting");
            let rows = sqlx::query(AssertSqlSafe(format!("EXPLAIN {filled}"))).fetch_all(&mut *one).await.expect("a plan");
            rows.iter().map(|row| row.try_get::<String, _>(0).expect("a step")).collect::<Vec<_>>().join("\n")
        }
    }
}

async fn lists_of_one_kind_are_read_off_an_index_in_their_order(w: &mut World) {
    let lists = [
        (TICKETS_LATEST, vec!["'change'", "25000", "90000", "51"], "ticket_by_opening"),
        (TICKETS_LATEST_IN, vec!["'change'", "25000", "90000", "51", "'closed'"], "ticket_by_status"),
        (TICKETS_OF, vec!["'change'", "25000", "500"], "ticket_by_opening"),
        (TICKETS_OF_IN, vec!["'access'", "25000", "500", "'granted'"], "ticket_by_status"),
    ];
    for (sql, values, index) in lists {
        let plan = plan(w, sql, &values).await;
        assert!(plan.contains(index), "{sql}\n{plan}");
        // With a status, what is found (a page) is put in order once more; without one, nothing is.
        let in_order = sql.contains("status") || !(plan.contains("TEMP B-TREE") || plan.contains("Sort"));
        assert!(in_order, "{sql}\n{plan}");
        let alone = w.database.kind == Kind::Postgres || !sql.contains("status") || plan.contains("COVERING INDEX");
        assert!(alone, "no row is looked at that is not on the page: {sql}\n{plan}");
        // The bounds of the period are bounds of the index, so nothing beyond them is read.
        let bound = if w.database.kind == Kind::Sqlite { "opened_seq>?" } else { "opened_seq >" };
        assert!(plan.contains(bound), "{sql}\n{plan}");
    }
}
on_both!(lists_of_one_kind_are_read_off_an_index_in_their_order);

async fn a_newer_or_an_edited_database_is_refused_with_a_sentence(w: &mut World) {
    let refused = async |w: &mut World| match w.starts_in("").await {
        Ok(()) => panic!("the service started"),
        Err(error) => format!("{error:#}"),
    };
    w.stops().await;
    let yes = if w.database.kind == Kind::Sqlite { "1" } else { "TRUE" };
    let newer = format!(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time) \
         SELECT 9999, 'of a later program', installed_on, {yes}, checksum, 0 FROM _sqlx_migrations WHERE version = 1"
    );
    w.database.execute(&newer).await.expect("a later migration");
    let words = refused(w).await;
    assert!(words.contains("newer Countersign") && words.contains("9999"), "{words}");
    w.database.execute("DELETE FROM _sqlx_migrations WHERE version = 9999").await.expect("as it was");
    let checksum = if w.database.kind == Kind::Sqlite { "x'00'" } else { "'\\x00'::bytea" };
    let keep = "ALTER TABLE _sqlx_migrations ADD COLUMN kept BYTEA";
    w.database.execute(keep).await.expect("a place for the true checksum");
    w.database
        .execute(&format!("UPDATE _sqlx_migrations SET kept = checksum, checksum = {checksum} WHERE version = 1"))
        .await
        .expect("an edit");
    let words = refused(w).await;
    assert!(words.contains("migration 1") && words.contains("edited history"), "{words}");
    w.database.execute("UPDATE _sqlx_migrations SET checksum = kept WHERE version = 1").await.expect("as it was");
    w.starts().await;
    w.person("ana").declares("All is well again", "sev3").await;
}
on_both!(a_newer_or_an_edited_database_is_refused_with_a_sentence);

/// Table and column, in lower case, as one word.
async fn columns(database: &Database) -> BTreeSet<String> {
    let sql = match database.kind {
        Kind::Sqlite => {
            "SELECT m.name || '.' || c.name || ':' || CASE c.type WHEN 'INTEGER' THEN 'bigint' ELSE lower(c.type) END || CASE c.\"notnull\" WHEN 1 THEN '' ELSE '?' END
             FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> '_sqlx_migrations'"
        }
        Kind::Postgres => {
            "SELECT table_name || '.' || column_name || ':' || CASE data_type WHEN 'bytea' THEN 'blob' ELSE data_type END || CASE is_nullable WHEN 'NO' THEN '' ELSE '?' END
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'"
        }
    };
    database.texts(sql).await.into_iter().collect()
}

#[test]
fn both_databases_have_the_same_tables_and_columns() {
    let (sender, receiver) = std::sync::mpsc::channel();
    for kind in [Kind::Sqlite, Kind::Postgres] {
        super::world::tell(kind, async |w| sender.send(columns(&w.database).await).expect("somebody listens"));
    }
    let (file, server) = (receiver.recv().expect("columns"), receiver.recv().expect("columns"));
    assert!(file.len() > 60, "{file:?}");
    assert_eq!(file.symmetric_difference(&server).collect::<Vec<_>>(), Vec::<&String>::new());
}
