//! The network between the service and PostgreSQL is cut, with or without a word: requests get 503 and nothing that is
//! not so, a retry with the same key records once, and all is well again by itself.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};

use countersign::env::Env;
use countersign::store::Dialect;

use super::process::Process;
use crate::hostile::unknown::{Wire, at_the_end_of_a_wire, titled};
use crate::world::{Kind, Person, World, labels, tell, until};

/// The longest that a request may wait for its 503.
const PATIENCE: Duration = Duration::from_secs(25);

/// Cuts the wire, asks for several things at once, and mends it.
async fn everybody_is_told(w: &World, wire: &Wire, ana: &Person, n: usize, still: bool) {
    let line = if still { &wire.still } else { &wire.down };
    let title = |k: usize| format!("Cut {n} {k}");
    line.send_replace(true);
    let started = Instant::now();
    let asks = (0..4).map(|k| async move {
        let keyed = ana.under_key(&title(k));
        keyed.opens(json!({ "title": title(k), "severity": "sev3" })).await
    });
    let tool = w.alertmanager().at(&ana.base);
    let host = format!("h-{n}");
    let fired = [labels("HighErrorRate", "shop", &host, "warning")];
    let (answers, alert) = tokio::join!(futures_util::future::join_all(asks), tool.fires(&fired));
    let waited = started.elapsed();
    println!("cut {n} ({}): told after {waited:?}", if still { "silent" } else { "down" });
    assert!(waited < PATIENCE, "nobody was told for {waited:?}");
    for answer in &answers {
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.headers.contains_key("retry-after"), "{}", answer.text());
    }
    assert_eq!(alert.status, 503, "{}", alert.text());
    let ready = ana.gets("/readyz").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (503, &json!(false)), "{}", ready.text());
    let attached = w.log_of("AlertAttached").await.len();

    line.send_replace(false);
    let mended = Instant::now();
    until("it is ready again by itself", async || ana.gets("/readyz").await.status == 200).await;
    println!("cut {n}: ready again after {:?}", mended.elapsed());
    for (k, answer) in answers.iter().enumerate() {
        // What was told "not stored" is not there; of what is unknown nobody says anything.
        let there = titled(w, &title(k)).await;
        assert!(there == 0 || answer.json()["code"] == "UnknownOutcome", "{}: recorded after all", answer.text());
        for _ in 0..2 {
            let keyed = ana.under_key(&title(k));
            let _ = keyed.opens(json!({ "title": title(k), "severity": "sev3" })).await.number();
        }
        assert_eq!(titled(w, &title(k)).await, 1, "once");
    }
    tool.fires(&fired).await.done();
    assert_eq!(w.log_of("AlertAttached").await.len(), attached + 1);
}

#[test]
fn while_the_database_is_cut_off_requests_get_503_and_all_is_well_again_by_itself() {
    tell(Kind::Postgres, async |w| {
        let (wire, address) = at_the_end_of_a_wire(w).await;
        let running = w.opens(w.config_at(&address, "")).await.expect("it opens at the end of a wire");
        let ana = Person { base: format!("http://{}", running.address), ..w.person("ana") };
        for n in 0..4 {
            everybody_is_told(w, &wire, &ana, n, n % 2 == 1).await;
        }
        running.stop().await;
    });
}

#[test]
fn a_connection_that_ended_while_nobody_asked_costs_nobody_anything() {
    tell(Kind::Postgres, async |w| {
        w.advance(Env::system().now().since(w.now())).await;
        let (tool, ana) = (w.alertmanager(), w.person("ana"));
        w.stops().await;
        let mut serve = Process::new(w, "");
        serve.starts().await;
        let (tool, ana) = (serve.tool(&tool), serve.person(&ana));
        ana.declares("Before", "sev3").await;
        for n in 0..5 {
            w.database
                .execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
                )
                .await
                .expect("somebody with all rights");
            // Longer than a connection may rest without being asked whether it is still there.
            tokio::time::sleep(Duration::from_millis(300)).await;
            let host = format!("h-{n}");
            tool.fires(&[labels("HighErrorRate", "shop", &host, "warning")]).await.done();
            ana.declares(&format!("After {n}"), "sev3").await;
        }
        serve.ends().await;
    });
}

#[test]
fn whoever_holds_the_head_and_takes_no_answer_loses_it() {
    tell(Kind::Postgres, async |w| {
        let (wire, address) = at_the_end_of_a_wire(w).await;
        let mut deaf = PgConnection::connect(&address).await.expect("a connection");
        deaf.execute(sqlx::raw_sql(Dialect::Postgres.settle())).await.expect("the settings of every connection");
        deaf.execute(sqlx::raw_sql("BEGIN; UPDATE ledger_head SET size = size")).await.expect("the head");
        // It asks for far more than fits on the way, and then nothing is carried any more: no timeout for idle transactions
        // runs, since the server is busy sending.
        wire.deaf.send_replace(true);
        let asking = tokio::spawn(async move { deaf.execute(sqlx::raw_sql("SELECT repeat('x', 100000000)")).await.map(drop) });
        until("the server waits for it to take its answer", async || {
            w.database
                .number("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'ClientWrite'")
                .await
                == 1
        })
        .await;
        let started = Instant::now();
        let ana = w.person("ana");
        until("somebody else takes the head", async || {
            let answer = ana.under_key("after-the-deaf").opens(json!({ "title": "On we go", "severity": "sev3" })).await;
            assert!(matches!(answer.status, 201 | 503), "{}", answer.text());
            assert!(started.elapsed() < PATIENCE, "the head was not free after {:?}", started.elapsed());
            answer.status == 201
        })
        .await;
        println!("the head was free again after {:?}", started.elapsed());
        wire.deaf.send_replace(false);
        asking.await.expect("the task ends").expect_err("its connection was ended");
    });
}
