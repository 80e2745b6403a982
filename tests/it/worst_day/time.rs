//! Clocks that are wrong: the log's time never runs backwards, and a wild clock writes nothing until somebody with the
//! right to say so says that it is right.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use countersign::cli::service::{Running, Service};
use countersign::desk::request::{Ask, Request, Unanswered};
use countersign::env::{Clock, Env, Timestamp};
use serde_json::Value;

use crate::world::{Kind, Person, World, days, hours, on_both, tell};

fn micros(by: Duration) -> i64 {
    by.as_micros().try_into().expect("a step")
}

/// Whether the times of the log run on.
async fn times_run_on(w: &World) {
    let log = w.log().await;
    let times: Vec<&str> = log.iter().filter_map(|e| e["at"].as_str()).collect();
    assert!(times.len() == log.len() && times.windows(2).all(|pair| pair[0] <= pair[1]), "{times:?}");
}

/// What `/readyz` is troubled by.
async fn trouble(who: &Person) -> String {
    let ready = who.gets("/readyz").await;
    let trouble = ready.json()["trouble"].to_string();
    assert_eq!(ready.status == 200, trouble == "[]", "{trouble}");
    trouble
}

async fn a_clock_that_jumps_back_and_forth_stops_commits_each_time_until_it_is_confirmed(w: &mut World) {
    let ana = w.person("ana");
    let inc = ana.declares("Before", "sev3").await;
    for (n, step) in
        [micros(hours(3)), -micros(hours(5)), micros(days(2)), -micros(days(1)), 61_000_000, -61_000_000].into_iter().enumerate()
    {
        w.tick().await;
        let size = w.size().await;
        w.clock.step(step);
        // It is told before anybody asks for anything.
        assert!(trouble(&ana).await.contains("the system clock is"), "step {n}");
        let held = ana.notes(&inc, "By a wild clock.").await;
        assert!(held.headers.contains_key("retry-after"));
        held.refused("Held").with_status(503).says("--confirm-clock");
        w.tick().await;
        assert_eq!(w.size().await, size, "step {n} wrote something");
        w.operator(Ask::ConfirmClock).await.expect("an administrator confirms");
        ana.notes(&inc, &format!("After step {n}.")).await.done();
        assert_eq!(trouble(&ana).await, "[]");
    }
    w.clock.step(59_000_000);
    ana.notes(&inc, "Less than a minute is no jump.").await.done();
    assert_eq!(w.log_of("ClockStepConfirmed").await.len(), 6);
    times_run_on(w).await;
}
on_both!(a_clock_that_jumps_back_and_forth_stops_commits_each_time_until_it_is_confirmed);

async fn a_wild_clock_forgets_no_key_and_no_session_and_a_clock_set_right_goes_on_by_itself(w: &mut World) {
    let ana = w.person("ana").under_key("before-the-jump");
    let inc = w.person("ana").declares("Before", "sev3").await;
    ana.notes(&inc, "Once.").await.done();
    let session = w.signed_in("ben").await;
    w.clock.step(micros(days(400)));
    w.tick().await;
    w.tick().await;
    w.clock.step(-micros(days(400)));
    w.tick().await;
    assert_eq!(trouble(&ana).await, "[]", "nobody had to confirm anything");
    assert_eq!(ana.notes(&inc, "Once.").await.done()["repeated"], true, "the key was forgotten");
    session.gets("/api/v1/me").await.done();
    assert_eq!(w.log_of("NoteAdded").await.len(), 1);
}
on_both!(a_wild_clock_forgets_no_key_and_no_session_and_a_clock_set_right_goes_on_by_itself);

async fn a_jump_while_nobody_was_there_is_seen_at_the_next_start(w: &mut World) {
    let inc = w.person("ana").declares("Before", "sev3").await;
    w.stops().await;
    w.clock.advance(hours(9));
    w.starts().await;
    w.person("ana").notes(&inc, "A night without a service is no jump.").await.done();
    w.stops().await;
    // Forward: the log's last event says nothing against it.
    w.clock.step(micros(days(30)));
    w.starts().await;
    let ana = w.person("ana");
    assert!(trouble(&ana).await.contains("2592000 seconds away from where it should be"), "{}", trouble(&ana).await);
    ana.notes(&inc, "A month later?").await.refused("Held");
    w.operator(Ask::ConfirmClock).await.expect("an administrator confirms");
    ana.notes(&inc, "It is right.").await.done();
    w.stops().await;
    w.clock.advance(hours(1));
    w.starts().await;
    w.person("ana").notes(&inc, "What was confirmed stays confirmed.").await.done();
    times_run_on(w).await;
}
on_both!(a_jump_while_nobody_was_there_is_seen_at_the_next_start);

/// The machine's clock, wrong by so many microseconds from its start; its boot is nobody else's.
struct Wrong {
    truth: Arc<dyn Clock>,
    by: AtomicI64,
}

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.truth.now().micros() + self.by.load(Ordering::SeqCst)).expect("a time")
    }

    fn monotonic(&self) -> Duration {
        self.truth.monotonic()
    }

    fn boot(&self) -> Option<String> {
        Some("another-machine".to_owned())
    }
}

async fn serves(w: &World, env: Env) -> Running {
    let service = Service::open(w.config(""), env, false).await.expect("the service starts");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    service.start(listener).expect("it listens")
}

fn there(person: &Person, at: &Running) -> Person {
    Person { base: format!("http://{}", at.address), ..person.clone() }
}

/// The replica with the wrong clock writes nothing, and neither confirming the good one's clock nor its own events change
/// that; the good one goes on. Once its clock is set right it goes on as well.
async fn beside_a_good_one(w: &mut World, by: i64) {
    let ana = w.person("ana");
    let ada = w.person("ada");
    w.stops().await;
    let good = serves(w, Env::system()).await;
    let wrong = Arc::new(Wrong { truth: Env::system().clock, by: AtomicI64::new(by) });
    let bad = serves(w, Env { clock: wrong.clone(), ..Env::system() }).await;
    let (at_good, at_bad) = (there(&ana, &good), there(&ana, &bad));
    let inc = at_good.declares("At the good one", "sev3").await;
    assert!(trouble(&at_bad).await.contains("away from the database server's"), "{}", trouble(&at_bad).await);
    at_bad.notes(&inc, "From the wrong time.").await.refused("Held").with_status(503).says("the database server's");
    at_good.notes(&inc, "The good one goes on.").await.done();
    assert_eq!(trouble(&at_good).await, "[]");

    let confirm = || Request::of_operator(Some(ada.id.clone()), Ask::ConfirmClock);
    good.app.desk.ask(confirm()).await.expect("the good one's clock is confirmed");
    bad.app.desk.tick().await.expect("it looks");
    assert!(matches!(bad.app.desk.ask(Request::of_scheduler(Ask::TellRepeats)).await, Err(Unanswered::Held(_))));
    at_bad.notes(&inc, "Still from the wrong time.").await.refused("Held");

    // Somebody sets the wrong clock right; nobody need confirm that.
    wrong.by.store(0, Ordering::SeqCst);
    at_bad.notes(&inc, "From the right time.").await.done();
    at_good.notes(&inc, "Together.").await.done();
    assert_eq!((trouble(&at_good).await, trouble(&at_bad).await), ("[]".to_owned(), "[]".to_owned()));
    bad.stop().await;
    good.stop().await;
    let latest = w.log().await.iter().filter_map(|e: &Value| e["at"].as_str().and_then(Timestamp::parse)).max();
    assert!(latest.is_some_and(|at| at <= Env::system().now()), "the log was not poisoned");
    times_run_on(w).await;
}

#[test]
fn a_replica_whose_clock_is_hours_ahead_writes_nothing_and_the_good_one_goes_on() {
    tell(Kind::Postgres, async |w| beside_a_good_one(w, micros(hours(7))).await);
}

#[test]
fn a_replica_whose_clock_is_hours_behind_writes_nothing_and_the_good_one_goes_on() {
    tell(Kind::Postgres, async |w| beside_a_good_one(w, -micros(hours(7))).await);
}
