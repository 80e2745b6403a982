//! Much of the same, from outside and from inside: memory and the log stay bounded, genuine requests are served meanwhile, and
//! the counts stand in the record.

use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};

use crate::server::Server;
use crate::world::{Database, Kind, Proof, World, hours, labels, minutes, on_both, webhook};

/// How many times, unless COUNTERSIGN_FLOOD says otherwise: a million takes a while.
fn times(usual: usize) -> usize {
    std::env::var("COUNTERSIGN_FLOOD").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

fn sum(events: &[Value]) -> i64 {
    events.iter().filter_map(|e| e["data"]["count"].as_i64()).sum()
}

async fn bytes_of_log(w: &World) -> i64 {
    w.database.number("SELECT CAST(COALESCE(SUM(LENGTH(bytes)), 0) AS BIGINT) FROM event").await
}

async fn forged_requests_are_counted_per_source_reason_and_minute(w: &mut World) {
    let (size, before) = (w.size().await, bytes_of_log(w).await);
    let forgeries = stream::iter(0..1200).map(|n| {
        let tool = match n % 4 {
            0 => w.alertmanager().proving(Proof::Bearer(format!("guess-{n}"))),
            1 => w.tool("grafana").proving(Proof::Nothing),
            2 => w.tool("doors").proving(Proof::Stamped { secret: format!("guess-{n}"), at: 0 }),
            _ => w.tool("script").proving(Proof::Query(format!("guess-{n}"))),
        };
        async move { tool.posts(webhook("firing", &[labels("Forged", "x", "y", "critical")])).await.status }
    });
    let statuses: Vec<u16> = forgeries.buffer_unordered(32).collect().await;
    assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
    // Sessions, keys and sources that nobody has are counted as well.
    let stranger = w.person("ana").without_pass();
    for n in 0..30 {
        let path = format!("{}/hooks/source-{n}", stranger.base);
        let answered = stranger.client.post(path).body("{}").send().await.expect("an answer");
        assert_eq!(answered.status(), 404);
    }
    assert_eq!(w.size().await, size, "nothing yet: the minute runs");
    // A restart in between loses nothing that it could tell.
    w.stops().await;
    w.starts().await;
    w.advance(minutes(1)).await;
    let counted = w.log_of("ForgeriesCounted").await;
    assert_eq!(sum(&counted), 1230, "{counted:?}");
    let mut sources: Vec<&str> = counted.iter().filter_map(|e| e["data"]["source"].as_str()).collect();
    sources.sort_unstable();
    assert_eq!(sources, ["(unknown)", "alertmanager", "doors", "grafana", "script"]);
    let (events, bytes) = (w.size().await - size, bytes_of_log(w).await - before);
    println!("1,230 forged requests within a minute: {events} events, {bytes} bytes; at most that each minute");
    assert!(events <= 5 && bytes < 5000);
    assert!(w.log_of("TicketOpened").await.is_empty());
}
on_both!(forged_requests_are_counted_per_source_reason_and_minute);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_forged_signatures_costs_no_memory_and_keeps_nobody_waiting() {
    let mut server = Server::start();
    let ada = server.person("ada@example.com", &["administrator", "responder"]).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let address = format!("{}/hooks/alertmanager", server.base());
    let body = webhook("firing", &[labels("Forged", "x", "y", "critical")]).to_string();
    let forge = async |n: usize| {
        let guess = client.post(&address).bearer_auth(format!("guess-{n}")).body(body.clone());
        guess.send().await.expect("an answer").status().as_u16()
    };
    for n in 0..500 {
        assert_eq!(forge(n).await, 401);
    }
    let (before, count, started) = (server.memory(), times(10_000), Instant::now());
    let flood = async {
        let statuses = stream::iter(0..count).map(forge).buffer_unordered(32);
        statuses.filter(|status| std::future::ready(*status != 401)).count().await
    };
    let mut slowest = std::time::Duration::ZERO;
    let genuine = async {
        for n in 0..25 {
            let asked = Instant::now();
            let (status, _) = ada
                .post("/api/v1/tickets", &json!({ "kind": "incident", "fields": { "title": format!("Real {n}"), "severity": "sev3" } }))
                .await;
            assert_eq!(status.as_u16(), 201);
            slowest = slowest.max(asked.elapsed());
        }
    };
    let (others, ()) = tokio::join!(flood, genuine);
    assert_eq!(others, 0, "every forged request is refused");
    let (seconds, after) = (started.elapsed().as_secs_f64(), server.memory());
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let rate = count as f64 / seconds;
    println!(
        "{count} forged requests in {seconds:.1} s ({rate:.0}/s); memory at most {before} KiB before, {after} KiB after; a person's click {slowest:?} at most"
    );
    assert!(after < before + 32 * 1024, "{before} KiB before, {after} KiB after");
    server.stops();
    let database = Database::sqlite(&server.path("countersign.db")).await;
    let told = database.texts("SELECT CAST(bytes AS TEXT) FROM event WHERE kind = 'ForgeriesCounted'").await;
    let told: Vec<Value> = told.iter().map(|event| serde_json::from_str(event).expect("an event is JSON")).collect();
    let wrong: Vec<Value> = told.into_iter().filter(|e| e["data"]["source"] == "alertmanager").collect();
    assert_eq!(sum(&wrong), i64::try_from(count + 500).expect("a number"), "{wrong:?}");
    assert!(wrong.len() <= 2 + usize::try_from(started.elapsed().as_secs() / 60).expect("minutes"), "one each minute: {wrong:?}");
}

async fn repeats_of_one_alert_are_a_number(w: &mut World) {
    let fired = [labels("HighErrorRate", "shop", "h-1", "warning")];
    w.alertmanager().fires(&fired).await.done();
    let (size, before, count) = (w.size().await, bytes_of_log(w).await, 1000);
    let flood = stream::iter(0..count).map(|_| {
        let (tool, fired) = (w.alertmanager(), fired.clone());
        async move { drop(tool.fires(&fired).await.done()) }
    });
    flood.buffer_unordered(32).collect::<Vec<()>>().await;
    assert_eq!(w.size().await, size, "no event while the interval runs");
    w.person("ana").declares("Genuine", "sev3").await;
    w.advance(hours(1)).await;
    let repeated = w.log_of("AlertRepeated").await;
    assert_eq!((repeated.len(), sum(&repeated)), (1, count));
    assert_eq!(w.database.number("SELECT COUNT(*) FROM delivery").await, count + 1);
    let deliveries = w.database.number("SELECT CAST(SUM(LENGTH(source) + LENGTH(alerts) + 16) AS BIGINT) FROM delivery").await;
    println!(
        "{count} repeats of one alert: {} bytes of events (one each ten minutes, six an hour), {} bytes a delivery beside the log",
        bytes_of_log(w).await - before,
        deliveries / (count + 1)
    );
}
on_both!(repeats_of_one_alert_are_a_number);

async fn one_person_s_refusals_are_bounded_whatever_restarts_or_fails(w: &mut World) {
    let inc = w.person("ana").declares("Not for everybody", "sev3").await;
    w.starts().await;
    let before = bytes_of_log(w).await;
    let mut refused = 0;
    // Two replicas, each asked often.
    for n in 0..60 {
        w.person_at(n % 2, "aud").notes(&inc, "Let me.").await.refused("NotAllowed").with_status(403);
        refused += 1;
    }
    assert_eq!(w.log_of("Refused").await.len(), 20);
    // Commits that fail forget nothing.
    let break_it = match w.database.kind {
        Kind::Sqlite => "CREATE TRIGGER broken BEFORE UPDATE ON refusal_pending BEGIN SELECT RAISE(ABORT, 'broken'); END",
        Kind::Postgres => {
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$; CREATE TRIGGER broken BEFORE UPDATE ON refusal_pending FOR EACH ROW EXECUTE FUNCTION broken()"
        }
    };
    w.database.execute(break_it).await.expect("a trigger");
    for _ in 0..5 {
        w.person("aud").notes(&inc, "Let me.").await.refused("Unfit");
    }
    let mend = if w.database.kind == Kind::Sqlite { "DROP TRIGGER broken" } else { "DROP TRIGGER broken ON refusal_pending" };
    w.database.execute(mend).await.expect("as it was");
    // Neither does a restart.
    w.stops().await;
    w.starts().await;
    for _ in 0..40 {
        w.person("aud").notes(&inc, "Let me.").await.refused("NotAllowed");
        refused += 1;
    }
    assert_eq!(w.log_of("Refused").await.len(), 20, "no second helping");
    assert!(w.log_of("RefusalsCounted").await.is_empty(), "the hour runs");
    println!("{refused} refusals of one person within the hour: 21 events, {} bytes", bytes_of_log(w).await - before);
    // Stopped over the end of the hour: told all the same, once.
    w.stops().await;
    w.clock.advance(hours(1));
    w.starts().await;
    w.tick().await;
    w.tick().await;
    let counted = w.log_of("RefusalsCounted").await;
    assert_eq!((counted.len(), sum(&counted)), (1, refused - 20), "{counted:?}");
    assert_eq!(counted[0]["data"]["person"], w.person("aud").id.as_str());
    // The next hour begins anew.
    w.person("aud").notes(&inc, "Let me.").await.refused("NotAllowed");
    assert_eq!(w.log_of("Refused").await.len(), 21);
}
on_both!(one_person_s_refusals_are_bounded_whatever_restarts_or_fails);

async fn a_file_that_is_refused_unread_is_on_the_record(w: &mut World) {
    let inc = w.person("ana").declares("Files", "sev3").await;
    let aud = w.person("aud");
    aud.files(&inc, "proof.txt", &vec![b'x'; 100_000], None, None).await.refused("NotAllowed").with_status(403);
    let at_console = w.signed_in("aud").await;
    let form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(vec![b'x'; 1000]).file_name("proof.txt"));
    let crate::world::Pass::Session(token) = &at_console.pass else { panic!("aud is signed in") };
    let asked = at_console.client.post(format!("{}/console/c/{inc}/do/evidence", at_console.base)).multipart(form);
    let answered = asked.header("cookie", format!("countersign_session={token}")).send().await.expect("an answer");
    assert_eq!(answered.status(), 403);
    let refused = w.log_of("Refused").await;
    assert_eq!(refused.len(), 2, "{refused:?}");
    for event in refused {
        assert_eq!((&event["data"]["command"], &event["data"]["code"]), (&json!("AttachEvidence"), &json!("NotAllowed")));
        assert_eq!((&event["ticket"], &event["actor"]["id"]), (&json!(inc), &json!(aud.id)));
    }
    let kept = std::fs::read_dir(w.path("attachments")).expect("the folder of files").filter_map(Result::ok);
    assert!(kept.filter(|entry| entry.path().is_file()).count() == 0, "nothing was kept");
}
on_both!(a_file_that_is_refused_unread_is_on_the_record);
