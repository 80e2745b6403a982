//! A rolling update: under load, a program with a further migration starts beside the old one. The old one drains: it
//! records nothing more, says so, and ends; the new one goes on; nothing is lost; and the old one does not start again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use countersign::cli::service::Service;
use countersign::env::Env;
use countersign::store::Store;
use serde_json::json;
use tokio::task::JoinSet;

use super::crash::{self, Told};
use super::process::{Process, attempt, under_key};
use crate::world::{Person, World, on_both, until};

/// What the next version changes.
const NEXT: (i64, &str, &str) = (9001, "of the next version", "CREATE TABLE of_the_next_version (id BIGINT NOT NULL PRIMARY KEY)");
/// The words by which the old one says what has happened.
const NEWER: &str = "written by a newer Countersign (its schema is at 9001";

async fn the_old_program_drains_when_a_newer_one_starts_beside_it_and_nothing_is_lost(w: &mut World) {
    w.advance(Env::system().now().since(w.now())).await;
    let people = [w.person("ana"), w.person("ben")];
    let tickets = [people[0].declares("The first", "sev3").await, people[1].declares("The second", "sev3").await];
    let tool = w.alertmanager();
    w.stops().await;
    let mut old = Process::new(w, "");
    old.starts().await;
    let (told, mut work) = (Arc::new(Told::default()), JoinSet::new());
    for n in 0..8 {
        let (told, who, tool, ticket) = (Arc::clone(&told), old.person(&people[n % 2]), old.tool(&tool), tickets[n % 2].clone());
        work.spawn(async move {
            match n / 2 {
                0 => told.alerts(&tool).await,
                1 => told.notes(&who, &ticket).await,
                2 => told.tickets(&who).await,
                _ => told.files(&who, &ticket).await,
            }
        });
    }
    let lively = || told.alerts.lock().expect("the set").len() > 40 && told.notes.lock().expect("the set").len() > 40;
    until("there is load", async || lively()).await;

    let store = Store::open_as_later(&w.database.address, &[NEXT]).await.expect("the newer program migrates under load");
    let begun = Instant::now();
    let new = Service::open_on(store, w.config(""), Env::system(), false).await.expect("the newer program starts");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let new = new.start(listener).expect("it listens");
    let at_the_new = |person: &Person| Person { base: format!("http://{}", new.address), ..person.clone() };

    // The old one says 503 and why, to whoever asks and to whoever watches.
    let asked = old.person(&people[0]);
    let answer = asked.notes(&tickets[0], "To the old one.").await;
    answer.refused("NotStored").with_status(503).says(NEWER);
    let (ready, words) = old.ready().await;
    assert!(!ready && words.contains(NEWER), "{words}");
    println!("the old program was not ready any more {:?} after the migration", begun.elapsed());
    at_the_new(&people[0]).notes(&tickets[0], "To the new one.").await.done();
    until("the old one ends by itself", async || !old.runs()).await;
    assert!(begun.elapsed() > Duration::from_secs(5), "it ended before anybody could see that it was not ready");
    println!("it ended after {:?}", begun.elapsed());
    assert!(old.said().contains(NEWER), "{}", old.said());
    told.over.store(true, Ordering::Relaxed);
    while let Some(worked) = work.join_next().await {
        worked.expect("a sender does not break");
    }
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["people", "list"]] {
        let (code, words) = w.runs(arguments).await;
        assert!(code != 0 && words.contains(NEWER) && words.contains("start the newer program"), "{arguments:?}: {code}: {words}");
    }

    // Whoever does not know asks the new one, with the same key.
    let unsure = std::mem::take(&mut *told.unsure.lock().expect("the list"));
    for (ticket, key, text) in &unsure {
        let who = at_the_new(&people[usize::from(*ticket == tickets[1])]);
        let path = format!("/api/v1/tickets/{ticket}/comments");
        attempt(under_key(&who, &path, key, &json!({ "text": text })), key).await.expect("an answer").done();
        told.notes.lock().expect("the set").insert(text.clone());
    }
    new.stop().await;

    // The world's own program is the old one: it looks at the record as if the migration had never been.
    for sql in ["DELETE FROM _sqlx_migrations WHERE version = 9001", "DROP TABLE of_the_next_version"] {
        w.database.execute(sql).await.expect("somebody with all rights");
    }
    w.database.execute("UPDATE ledger_head SET migration = (SELECT MAX(version) FROM _sqlx_migrations)").await.expect("as it was");
    crash::everything_is_there(w, &told).await;
}
on_both!(the_old_program_drains_when_a_newer_one_starts_beside_it_and_nothing_is_lost);
