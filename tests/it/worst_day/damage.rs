//! Whatever is changed in a bundle or past a database's triggers, `verify` names the first thing that does not fit, and
//! never says that all is well.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use countersign::ledger::audit::verify_path;
use countersign::ledger::key::VerifierKey;
use countersign::ledger::report::{Damage, Report, Verdict};
use countersign::ledger::verify::Outside;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::Row;

use crate::witness::{cosigned, with_witness};
use crate::world::{Kind, World, labels, on_both, tell, until};

// ── bundles ─────────────────────────────────────────────────────────────────────────────────────────────

/// A log with everything in it: its folder, and what somebody outside holds of it.
struct Exported {
    root: PathBuf,
    zip: PathBuf,
    outside: Outside,
}

/// Tickets, alerts, notes, files and more than one tile, witnessed and exported.
async fn exported(w: &mut World) -> Exported {
    let (witness, key) = with_witness(w).await;
    let (ana, tool) = (w.person("ana"), w.alertmanager());
    tool.fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    let inc = ana.declares("The second", "sev3").await;
    for n in 0..260 {
        ana.notes(&inc, &format!("Note {n}.")).await.done();
    }
    for bytes in ["The first file.", "The second file."] {
        ana.files(&inc, "evidence.txt", bytes.as_bytes(), None, None).await.done();
    }
    let vkey = w.person("aud").gets("/log/vkey").await.text();
    until("the witness cosigned", async || {
        w.size().await == w.database.number("SELECT MAX(size) FROM checkpoint").await && cosigned(w, &key).await.is_some()
    })
    .await;
    w.stops().await;
    for arguments in [["export", "--all", "--folder", "--out", "bundle"].as_slice(), &["export", "--all", "--out", "bundle.zip"]] {
        // An export is an event: the log grows, and what is exported is what was signed and cosigned.
        let (code, words) = w.runs(arguments).await;
        assert_eq!(code, 0, "{words}");
    }
    witness.stop().await;
    let log = Some(VerifierKey::parse(vkey.trim()).expect("a key"));
    Exported {
        root: w.path("bundle"),
        zip: w.path("bundle.zip"),
        outside: Outside { log, witnesses: vec![key], quorum: None, anchor: None, anchor_beside: false },
    }
}

fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root).expect("a folder").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// What may be named first when this file is not what it was: itself, or the event (or other file) that it speaks of.
fn named_first(name: &str, first: &Damage) -> bool {
    let itself = first.file.as_deref() == Some(name);
    match name {
        _ if name.starts_with("log/tile/entries/") || name.starts_with("log/tile/0/") => itself || first.seq.is_some(),
        "sealed.jsonl" => itself || first.seq.is_some() || first.file.as_deref().is_some_and(|file| file.starts_with("attachments/")),
        // Without its own key nothing in the bundle is signed by the log.
        "log.vkey" => itself || first.file.as_deref() == Some("log/checkpoint"),
        _ => itself,
    }
}

#[track_caller]
fn damaged(report: &Report, name: &str, how: &str) {
    let Verdict::Damaged { first } = &report.verdict else { panic!("{name}, {how}: {report}") };
    assert!(named_first(name, first), "{name}, {how}: {report}");
    assert!(report.verdict.exit_code() == 1 && report.to_string().starts_with("Damaged"), "{report}");
}

/// How a file can be damaged as a whole.
fn ways(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let half = good.len() / 2;
    let mut ways = vec![
        ("emptied", Vec::new()),
        ("cut by its last byte", good[..good.len().saturating_sub(1)].to_vec()),
        ("cut in the middle", good[..half].to_vec()),
        ("with one byte more", [good, b"\n"].concat()),
        ("twice", good.repeat(2)),
        ("with its halves swapped", [&good[half..], &good[..half]].concat()),
    ];
    ways.retain(|(_, bytes)| bytes != good);
    ways
}

// proves: REC-12
#[test]
fn whatever_is_changed_in_a_bundle_is_named_and_nothing_else_is_needed_to_see_it() {
    tell(Kind::Sqlite, async |w: &mut World| {
        let Exported { root, zip, outside } = exported(w).await;
        for path in [&root, &zip] {
            let report = verify_path(path, &outside);
            assert!(matches!(report.verdict, Verdict::Proven { up_to } if up_to > 256), "{report}");
            assert_eq!(report.attachments, 2);
        }
        let files = files_below(&root);
        let name_of = |path: &Path| path.strip_prefix(&root).expect("a file of the bundle").display().to_string();
        for wanted in
            ["log/tile/1/", "log/tile/0/000", "log/tile/entries/000", "attachments/", "playbooks/", "manifest.note", "sealed.jsonl"]
        {
            assert!(files.iter().any(|path| name_of(path).starts_with(wanted)), "there is no {wanted} in the bundle");
        }
        for path in &files {
            let (name, good) = (name_of(path), fs::read(path).expect("a file"));
            // A byte in each eighth of it, its first and its last.
            for at in (0..8).map(|n| n * good.len() / 8).chain([good.len().saturating_sub(1)]).filter(|at| *at < good.len()) {
                let mut bad = good.clone();
                bad[at] ^= 1;
                fs::write(path, &bad).expect("a file");
                damaged(&verify_path(&root, &outside), &name, &format!("byte {at} flipped"));
            }
            for (how, bad) in ways(&good) {
                fs::write(path, &bad).expect("a file");
                damaged(&verify_path(&root, &outside), &name, how);
            }
            fs::remove_file(path).expect("a file");
            let report = verify_path(&root, &outside);
            let missed = report.damages.iter().any(|d| d.file.as_deref() == Some(&name));
            assert!(report.verdict.exit_code() == 1 && missed, "without {name}: {report}");
            fs::write(path, &good).expect("a file");
        }
        swaps(&files, &root, &outside);
        at_random(&files, &root, &zip, &outside);
        assert_eq!(verify_path(&root, &outside).verdict.exit_code(), 0, "everything was put back");
        w.database.execute("DELETE FROM outbox").await.expect("the witness has gone home");
    });
}

/// Several threads read a long log. Whichever of them comes upon a damage first, the one that stands first is named.
#[test]
fn of_two_damages_in_a_long_log_the_first_is_named_whoever_reads_it() {
    tell(Kind::Sqlite, async |w: &mut World| {
        let tool = w.alertmanager();
        for part in 0..4 {
            let names: Vec<String> = (0..400).map(|n| format!("checkout-{part}-{n}")).collect();
            let alerts: Vec<_> = names.iter().map(|name| labels("HighErrorRate", "checkout", name, "critical")).collect();
            tool.fires(&alerts).await.done();
        }
        w.signed().await;
        w.stops().await;
        let (code, words) = w.runs(&["export", "--all", "--folder", "--out", "bundle"]).await;
        assert_eq!(code, 0, "{words}");
        let root = w.path("bundle");
        let outside = Outside { log: None, witnesses: Vec::new(), quorum: None, anchor: None, anchor_beside: false };
        assert_ne!(verify_path(&root, &outside).verdict.exit_code(), 1, "it is sound");
        let tiles: Vec<PathBuf> = files_below(&root.join("log/tile/entries")).into_iter().filter(|path| path.is_file()).collect();
        assert!(tiles.len() > 5, "{tiles:?}");
        let name_of = |path: &Path| path.strip_prefix(&root).expect("a file of the bundle").display().to_string();
        let flip = |path: &Path| {
            let mut bytes = fs::read(path).expect("a file");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).expect("a file");
        };
        for (n, one) in tiles.iter().enumerate() {
            for two in &tiles[n + 1..] {
                [one, two].into_iter().for_each(|tile| flip(tile));
                let report = verify_path(&root, &outside);
                let Verdict::Damaged { first } = &report.verdict else { panic!("{}: {report}", name_of(one)) };
                let inside = first.seq.is_some_and(|seq| seq / 256 == u64::try_from(n).expect("few tiles"));
                assert!(inside || first.file.as_deref() == Some(&name_of(one)), "{} and {}: {report}", name_of(one), name_of(two));
                [one, two].into_iter().for_each(|tile| flip(tile));
            }
        }
        assert_ne!(verify_path(&root, &outside).verdict.exit_code(), 1, "everything was put back");
    });
}

/// Each file in the place of the next one.
fn swaps(files: &[PathBuf], root: &Path, outside: &Outside) {
    for pair in files.windows(2) {
        let (one, two) = (fs::read(&pair[0]).expect("a file"), fs::read(&pair[1]).expect("a file"));
        fs::write(&pair[0], &two).expect("a file");
        fs::write(&pair[1], &one).expect("a file");
        let report = verify_path(root, outside);
        assert_eq!(report.verdict.exit_code(), 1, "{} and {} swapped: {report}", pair[0].display(), pair[1].display());
        fs::write(&pair[0], &one).expect("a file");
        fs::write(&pair[1], &two).expect("a file");
    }
}

/// Bytes at random, in the folder and in the zip.
fn at_random(files: &[PathBuf], root: &Path, zip: &Path, outside: &Outside) {
    let mut runner = TestRunner::new(Config { cases: 96, failure_persistence: None, ..Config::default() });
    let folder = runner.run(&(any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1_u8..=255), |(which, at, flip)| {
        let path = &files[which.index(files.len())];
        let good = fs::read(path).expect("a file");
        let mut bad = good.clone();
        if let Some(byte) = bad.get_mut(at.index(good.len().max(1))) {
            *byte ^= flip;
        }
        fs::write(path, &bad).expect("a file");
        let report = verify_path(root, outside);
        fs::write(path, &good).expect("a file");
        prop_assert!(bad == good || report.verdict.exit_code() == 1, "{}: {}", path.display(), report);
        Ok(())
    });
    folder.unwrap_or_else(|found| panic!("{found}"));
    let good = fs::read(zip).expect("the zip");
    let bad = zip.with_extension("bad");
    let zipped =
        runner.run(&(any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1_u8..=255, any::<bool>()), |(at, to, flip, cut)| {
            let mut bytes = good.clone();
            if cut {
                bytes.truncate(at.index(good.len()));
            } else {
                bytes[at.index(good.len())] ^= flip;
                bytes[to.index(good.len())] ^= flip;
            }
            fs::write(&bad, &bytes).expect("a file");
            let report = verify_path(&bad, outside);
            // What a zip says beside its contents (times, versions) may change; what is read is then still the whole bundle.
            let sound = matches!(&report.verdict, Verdict::Proven { .. }) && report.attachments == 2 && report.sealed.0 == report.sealed.1;
            prop_assert!(matches!(report.verdict.exit_code(), 1 | 2) || (sound && !cut), "{}", report);
            Ok(())
        });
    zipped.unwrap_or_else(|found| panic!("{found}"));
}

// ── databases ───────────────────────────────────────────────────────────────────────────────────────────

/// Columns of which a verification says nothing, and why.
const SILENT: [(&str, &str); 13] = [
    ("session.", "who is signed in is no part of the record"),
    ("sign_in_link.", "nor is who may sign in"),
    ("outbox.", "nor is what is still to be told"),
    ("chat_room.", "nor is where it was told"),
    ("link_code.", "nor is a code that waits to be typed"),
    ("wrong_code.", "nor is one that was mistyped"),
    ("held_form.", "nor is what waits for its sender to be verified"),
    ("chat_trouble.", "nor what did not work there"),
    ("witnessed.", "what we cosigned of others is theirs"),
    ("dedupe.", "how a retry is answered ends with its thirty days"),
    ("repeat_pending.", "repeats that no event tells yet are counted, not recorded"),
    ("ledger_head.secret", "no event holds what it keys"),
    ("ledger_head.migration", "which programs may go on is no part of the record"),
];

/// What must be said of a change in this table.
fn word_for(column: &str) -> &'static str {
    match column.split('.').next().unwrap_or_default() {
        "event" => "event 3",
        "tile" => "tile",
        "sealed" => "event ",
        "checkpoint" => "checkpoint",
        "ledger_head" => "",
        "ticket" | "ticket_latest" => "ticket",
        "counter" => "counter",
        "alert" => "alert",
        "alert_group" => "alert group",
        "deadline" => "deadline",
        "person" => "person",
        "account" => "account",
        "adopted" => "ado",
        "playbook" => "playbook",
        "delivery" => "deliver",
        other => panic!("what is to be said of a change in {other}?"),
    }
}

/// Every column of the schema, as `table.column`, with its type.
async fn columns(w: &World) -> BTreeMap<String, String> {
    let sql = match w.database.kind {
        Kind::Sqlite => {
            "SELECT m.name || '.' || c.name || ':' || CASE c.type WHEN 'INTEGER' THEN 'bigint' ELSE lower(c.type) END
             FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> '_sqlx_migrations'"
        }
        Kind::Postgres => {
            "SELECT table_name || '.' || column_name || ':' || CASE data_type WHEN 'bytea' THEN 'blob' ELSE data_type END
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'"
        }
    };
    let split = |text: String| text.split_once(':').map(|(name, kind)| (name.to_owned(), kind.to_owned()));
    w.database.texts(sql).await.into_iter().filter_map(split).collect()
}

/// Which row of a table is changed: the fourth event, and of everything else one that a log has in the end.
fn row_of(table: &str) -> String {
    match table {
        "event" => "seq = 3".to_owned(),
        "checkpoint" => "size = (SELECT MAX(size) FROM checkpoint)".to_owned(),
        "ledger_head" => "id = 1".to_owned(),
        "tile" => "level = 0 AND n = 0".to_owned(),
        "sealed" => "seq = (SELECT MAX(seq) FROM sealed) AND name = (SELECT MAX(name) FROM sealed WHERE seq = (SELECT MAX(seq) FROM sealed))".to_owned(),
        "ticket" | "ticket_latest" => "number = 'INC-000001'".to_owned(),
        "deadline" => "ticket = (SELECT MIN(ticket) FROM deadline) AND id = (SELECT MIN(id) FROM deadline WHERE ticket = (SELECT MIN(ticket) FROM deadline))".to_owned(),
        "adopted" => "path = 'organisation.yaml'".to_owned(),
        "playbook" => "digest = (SELECT MIN(digest) FROM playbook)".to_owned(),
        "counter" => "prefix = 'INC'".to_owned(),
        "delivery" => "id = 1".to_owned(),
        other => format!("id = (SELECT MIN(id) FROM {other})"),
    }
}

/// The value as another one of its type, as SQL.
async fn changed(w: &World, column: &str, kind: &str, row: &str) -> String {
    let (table, name) = column.split_once('.').expect("table and column");
    match kind {
        "bigint" => format!("COALESCE({name}, 0) + 1"),
        "text" => format!("'X' || COALESCE({name}, '')"),
        "blob" => {
            let sql = format!("SELECT {name} FROM {table} WHERE {row}");
            let found = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(w.database.root()).await.expect("the row");
            let mut bytes: Vec<u8> = found.try_get(0).expect("bytes");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            match w.database.kind {
                Kind::Sqlite => format!("X'{}'", hex::encode(bytes)),
                Kind::Postgres => format!("'\\x{}'::bytea", hex::encode(bytes)),
            }
        }
        other => panic!("{column} is {other}"),
    }
}

async fn every_column_of_the_schema_is_part_of_the_record_or_listed_as_none(w: &mut World) {
    let inc = w.person("ana").declares("Changed", "sev3").await;
    w.links("ana", "U0ANA").await;
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    for n in 0..250 {
        w.person("ana").notes(&inc, &format!("Note {n}.")).await.done();
    }
    w.signed().await;
    w.stops().await;
    w.database.disarm().await;
    assert_eq!(w.verified().await.0, 3);
    let mut unnoticed = Vec::new();
    for (column, kind) in columns(w).await {
        if SILENT.iter().any(|(silent, _)| column.starts_with(silent)) {
            continue;
        }
        let (table, name) = column.split_once('.').expect("table and column");
        let row = row_of(table);
        let value = changed(w, &column, &kind, &row).await;
        w.database.execute(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await.expect("a copy of the table");
        // What a constraint refuses cannot be changed by anybody.
        if w.database.execute(&format!("UPDATE {table} SET {name} = {value} WHERE {row}")).await.is_ok() {
            let (code, words) = w.verified().await;
            let first = words.lines().next().unwrap_or_default();
            if !(matches!(code, 1 | 2) && first.contains(word_for(&column))) {
                unnoticed.push(format!("{column} = {value}: {code}: {first}"));
            }
        }
        w.database.execute(&format!("DELETE FROM {table}")).await.expect("all rights");
        w.database.execute(&format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await.expect("all rights");
        w.database.execute(&format!("DROP TABLE kept_{table}")).await.expect("all rights");
    }
    assert!(unnoticed.is_empty(), "changed, and not told:\n{}", unnoticed.join("\n"));
    assert_eq!(w.verified().await.0, 3, "everything was put back");
}
on_both!(every_column_of_the_schema_is_part_of_the_record_or_listed_as_none);

async fn rows_that_are_dropped_repeated_swapped_or_cut_off_are_named(w: &mut World) {
    let inc = w.person("ana").declares("Changed", "sev3").await;
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    for n in 0..250 {
        w.person("ana").notes(&inc, &format!("Note {n}.")).await.done();
    }
    let last = w.person("ana").declares("The last number", "sev3").await;
    w.signed().await;
    w.stops().await;
    w.database.disarm().await;
    let size = w.size().await;
    let opened = w.database.number(&format!("SELECT MIN(seq) FROM event WHERE ticket = '{last}'")).await;
    let swap = |one: i64, two: i64| {
        format!(
            "UPDATE event SET seq = -1, rev = -1 WHERE seq = {one}; UPDATE event SET seq = {one} WHERE seq = {two}; \
             UPDATE event SET seq = {two}, rev = (SELECT rev FROM kept_event WHERE seq = {one}) WHERE seq = -1"
        )
    };
    // The table, what is done to it, and what must be said.
    let damages: Vec<(&str, String, String)> = vec![
        ("event", "DELETE FROM event WHERE seq = 0".into(), "event 0 is missing".into()),
        ("event", "DELETE FROM event WHERE seq = 20".into(), "event 20 is missing".into()),
        ("event", format!("DELETE FROM event WHERE seq = {}", size - 1), format!("event {} is missing", size - 1)),
        ("event", format!("DELETE FROM event WHERE ticket = '{last}'"), format!("event {opened} is missing")),
        ("event", swap(30, 31), "event 30".into()),
        ("event", format!("INSERT INTO event SELECT {size}, kind, NULL, NULL, leaf, bytes FROM event WHERE seq = 5"), "events".into()),
        ("event", "UPDATE event SET bytes = (SELECT bytes FROM kept_event k WHERE k.seq = 40), leaf = (SELECT leaf FROM kept_event k WHERE k.seq = 40) WHERE seq = 41".into(), "event 41".into()),
        ("tile", "DELETE FROM tile".into(), "tile".into()),
        ("tile", "INSERT INTO tile SELECT level, n + 1, root, hashes FROM tile".into(), "full tiles".into()),
        ("sealed", format!("DELETE FROM sealed WHERE seq = {opened}"), format!("event {opened} ({last})")),
        ("sealed", "INSERT INTO sealed SELECT seq, 'more', salt, bytes FROM sealed WHERE seq = (SELECT MAX(seq) FROM sealed) LIMIT 1".into(), "event ".into()),
        ("checkpoint", "UPDATE checkpoint SET size = size + 1 WHERE size = (SELECT MIN(size) FROM checkpoint)".into(), "checkpoint".into()),
        ("ticket", format!("DELETE FROM ticket WHERE number = '{last}'"), format!("ticket {last} is missing")),
        ("ticket_latest", format!("DELETE FROM ticket_latest WHERE number = '{last}'"), format!("ticket {last} is missing")),
        ("counter", "DELETE FROM counter".into(), "counter INC".into()),
        ("deadline", "DELETE FROM deadline".into(), "deadline".into()),
        ("delivery", "DELETE FROM delivery".into(), "the database holds 0".into()),
        ("person", "DELETE FROM person WHERE id = (SELECT MIN(id) FROM person)".into(), "person".into()),
        ("alert", "DELETE FROM alert".into(), "alert".into()),
        ("ledger_head", format!("UPDATE ledger_head SET size = {}", size - 1), "".into()),
        ("ledger_head", "DELETE FROM ledger_head".into(), "no log".into()),
    ];
    for (table, damage, said) in damages {
        w.database.execute(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await.expect("a copy of the table");
        w.database.execute(&damage).await.unwrap_or_else(|error| panic!("{damage}: {error}"));
        let (code, words) = w.verified().await;
        let first = words.lines().next().unwrap_or_default();
        assert!(matches!(code, 1 | 2) && first.contains(&said), "{damage}: {code}: {words}");
        w.database.execute(&format!("DELETE FROM {table}")).await.expect("all rights");
        w.database.execute(&format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await.expect("all rights");
        w.database.execute(&format!("DROP TABLE kept_{table}")).await.expect("all rights");
    }
    assert_eq!(w.verified().await.0, 3, "everything was put back");
}
on_both!(rows_that_are_dropped_repeated_swapped_or_cut_off_are_named);

/// The whole end is cut off, and every table made to fit: only what is known outside can tell.
async fn a_log_that_was_cut_and_made_to_fit_is_told_by_what_is_known_outside(w: &mut World) {
    let ana = w.person("ana");
    ana.declares("Stays", "sev3").await;
    w.signed().await;
    w.stops().await;
    let folder = w.folder.path().to_owned();
    w.database.keeps_a_copy(&folder).await;
    w.starts().await;
    w.person("ana").declares("Cut off", "sev3").await;
    let note = w.signed().await;
    let vkey = w.person("aud").gets("/log/vkey").await.text();
    w.stops().await;
    // The perfect cut: the database as it was before.
    w.database.puts_the_copy_back(&folder).await;
    fs::write(w.path("log.vkey"), vkey).expect("a file");
    fs::write(w.path("anchor"), note).expect("a file");
    let address = w.database.address.clone();
    assert_eq!(w.verified().await.0, 3, "by itself it is consistent, and that is all that is said");
    let (code, words) = w.runs(&["verify", "--database", &address, "--key", "log.vkey", "--anchor", "anchor"]).await;
    assert!(matches!(code, 1 | 3) && words.contains("the anchor knows"), "{code}: {words}");
}
on_both!(a_log_that_was_cut_and_made_to_fit_is_told_by_what_is_known_outside);
