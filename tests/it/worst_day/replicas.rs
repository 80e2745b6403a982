//! Several processes on one PostgreSQL, of which one after the other is killed or frozen, also while it holds the head,
//! while the database crashes in between: the others go on within seconds, and the record is one gapless order in which
//! everything that was acknowledged stands once.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use countersign::env::Env;
use serde_json::json;
use tokio::task::JoinSet;

use super::cluster::Cluster;
use super::crash::{self, Told};
use super::process::{Process, a_random_moment, attempt, under_key};
use crate::world::{Database, Person, Tool, World, tell_on, until};

/// How long after their opening tickets want to be acknowledged.
const LEAD: u64 = 60;
/// The longest that the others may pause when one is killed or frozen. PostgreSQL takes the head away from a transaction
/// that does nothing after five seconds.
const PAUSE: Duration = Duration::from_secs(15);

/// When a replica was last told that something is recorded.
#[derive(Clone, Copy)]
struct Pulse {
    /// It lives, and so does the database.
    counts: bool,
    last: Instant,
    longest: Duration,
}

/// The replicas' pulses.
type Pulses = Arc<Mutex<Vec<Pulse>>>;

/// Asks one replica for one thing after the other, and notes how long nothing was recorded.
async fn feels(told: Arc<Told>, pulses: Pulses, n: usize, who: Person, ticket: String) {
    let mut asked = 0;
    while told.goes_on() {
        asked += 1;
        let (key, text) = (format!("pulse-{n}-{asked}-{ticket}"), format!("Pulse {asked} of {n} on {ticket}."));
        let request = under_key(&who, &format!("/api/v1/tickets/{ticket}/comments"), &key, &json!({ "text": text }));
        match attempt(request, "a pulse").await {
            Some(answer) if answer.status == 200 || answer.status == 201 => {
                let mut pulses = pulses.lock().expect("the pulses");
                let pulse = &mut pulses[n];
                if pulse.counts {
                    pulse.longest = pulse.longest.max(pulse.last.elapsed());
                }
                pulse.last = Instant::now();
                drop(pulses);
                told.notes.lock().expect("the set").insert(text);
            }
            _ => told.unsure.lock().expect("the list").push((ticket.clone(), key, text)),
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Everybody who asks one replica; whoever gets no answer asks again.
fn load(work: &mut JoinSet<()>, told: &Arc<Told>, people: &[Person], tool: &Tool, tickets: &[String]) {
    for sender in 0..4 {
        let (told, who, tool, ticket) = (Arc::clone(told), people[sender % 2].clone(), tool.clone(), tickets[sender % 2].clone());
        work.spawn(async move {
            while told.goes_on() {
                match sender {
                    0 => told.alerts(&tool).await,
                    1 => told.tickets(&who).await,
                    2 => told.files(&who, &ticket).await,
                    _ => told.notes(&who, &ticket).await,
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }
}

/// The replicas, and what is done to them.
struct Replicas<'a> {
    w: &'a World,
    serves: Vec<Process>,
    pulses: Pulses,
    /// How often one was frozen while it held the head.
    held: usize,
}

impl Replicas<'_> {
    /// Whether a replica counts; its pause is measured from now on.
    fn counts(&self, n: usize, counts: bool) {
        let pulse = &mut self.pulses.lock().expect("the pulses")[n];
        (pulse.counts, pulse.last) = (counts, Instant::now());
    }

    async fn is_killed(&mut self, n: usize) {
        self.counts(n, false);
        self.serves[n].is_killed();
        a_random_moment(1500).await;
        self.serves[n].starts().await;
        self.counts(n, true);
    }

    async fn is_frozen(&mut self, n: usize) {
        self.counts(n, false);
        self.serves[n].freezes();
        a_random_moment(4000).await;
        self.serves[n].goes_on();
        self.counts(n, true);
    }

    /// Whether replica `n` is in a transaction that holds the head.
    async fn holds_the_head(&self, n: usize) -> bool {
        let holds = format!(
            "SELECT COUNT(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.relation = 'ledger_head'::regclass \
             AND l.mode = 'RowExclusiveLock' AND a.application_name = 'replica-{n}' AND a.state = 'idle in transaction'"
        );
        self.w.database.number(&holds).await > 0
    }

    /// Freezes a replica at a moment at which it holds the head, until the others go on.
    async fn is_frozen_with_the_head(&mut self, n: usize) {
        self.counts(n, false);
        let caught = async {
            for _ in 0..400 {
                self.serves[n].freezes();
                // What it sent before is done by then; what stays in a transaction is frozen in it.
                tokio::time::sleep(Duration::from_millis(15)).await;
                if self.holds_the_head(n).await {
                    return true;
                }
                self.serves[n].goes_on();
                a_random_moment(30).await;
            }
            false
        };
        assert!(caught.await, "replica {n} was never seen in a transaction");
        self.held += 1;
        until("PostgreSQL takes the head away from it", async || !self.holds_the_head(n).await).await;
        let before = self.w.size().await;
        until("the others go on while it is frozen", async || self.w.size().await > before).await;
        self.serves[n].goes_on();
        self.counts(n, true);
    }

    /// The database crashes, or is restarted; then everybody finds it again.
    async fn database_restarts(&self, cluster: &Cluster, how: &str) {
        (0..self.serves.len()).for_each(|n| self.counts(n, false));
        cluster.stops(how);
        a_random_moment(1000).await;
        cluster.starts();
        (0..self.serves.len()).for_each(|n| self.counts(n, true));
    }
}

/// The replica's configuration and key, in a folder of its own.
fn replica(w: &World, n: usize) -> Process {
    let folder = format!("replica-{n}");
    let serve = Process::at(w, &format!("{}?application_name=replica-{n}", w.database.address), &folder);
    std::fs::copy(w.path("log.key"), w.path(&folder).join("log.key")).expect("the log's key");
    serve
}

async fn one_after_the_other(w: &mut World, cluster: &Cluster, count: usize) {
    w.adopts(crash::hasty(), "A minute to acknowledge.").await;
    let people = [w.person("ana"), w.person("ben")];
    w.advance(Env::system().now().since(w.now()).saturating_sub(Duration::from_secs(LEAD))).await;
    let mut tickets = Vec::new();
    for n in 0..LEAD {
        tickets.push(people[usize::from(n % 2 == 1)].declares(&format!("Ticket {n} of before"), "sev3").await);
        w.clock.advance(Duration::from_secs(1));
    }
    let tool = w.alertmanager();
    w.stops().await;

    let told = Arc::new(Told::default());
    let pulse = Pulse { counts: true, last: Instant::now(), longest: Duration::ZERO };
    let serves = (0..count).map(|n| replica(w, n)).collect();
    let mut all = Replicas { w, serves, pulses: Arc::new(Mutex::new(vec![pulse; count])), held: 0 };
    let mut work = JoinSet::new();
    for n in 0..count {
        all.serves[n].starts().await;
        all.counts(n, true);
        let serve = &all.serves[n];
        let here = [serve.person(&people[0]), serve.person(&people[1])];
        load(&mut work, &told, &here, &serve.tool(&tool), &tickets);
        work.spawn(feels(Arc::clone(&told), Arc::clone(&all.pulses), n, here[0].clone(), tickets[2].clone()));
    }
    for round in 0..2 {
        for n in 0..count {
            all.is_killed(n).await;
            a_random_moment(1000).await;
            all.is_frozen((n + 1) % count).await;
            a_random_moment(1000).await;
        }
        all.database_restarts(cluster, if round == 0 { "fast" } else { "immediate" }).await;
        a_random_moment(2000).await;
        all.is_frozen_with_the_head(round % count).await;
    }
    let waiting = format!("SELECT COUNT(*) FROM deadline WHERE id LIKE 'clock:acknowledge:%' AND due < {}", Env::system().now().micros());
    until("what came due is recorded", async || all.w.database.number(&waiting).await == 0).await;
    told.over.store(true, Ordering::Relaxed);
    while let Some(worked) = work.join_next().await {
        worked.expect("a sender does not break");
    }

    let unsure = std::mem::take(&mut *told.unsure.lock().expect("the list"));
    for (ticket, key, text) in &unsure {
        let who = all.serves[0].person(&people[tickets.iter().position(|t| t == ticket).expect("one of them") % 2]);
        let path = format!("/api/v1/tickets/{ticket}/comments");
        attempt(under_key(&who, &path, key, &json!({ "text": text })), key).await.expect("an answer").done();
        told.notes.lock().expect("the set").insert(text.clone());
    }
    for serve in &mut all.serves {
        assert!(serve.runs(), "a replica ended by itself:\n{}", serve.said());
        serve.ends().await;
    }
    let longest = all.pulses.lock().expect("the pulses").iter().map(|pulse| pulse.longest).max().unwrap_or_default();
    println!("{count} replicas: the longest pause of the others was {longest:?}; {} requests without an answer", unsure.len());
    assert!(longest < PAUSE, "the others paused for {longest:?}");
    assert_eq!(all.held, 2);

    let fired = crash::fired(w).await;
    let each: BTreeSet<&String> = fired.iter().map(|(what, _)| what).collect();
    assert_eq!(each.len(), fired.len(), "a deadline fired twice");
    let breached: BTreeSet<&str> =
        fired.iter().filter(|(_, e)| e["kind"] == "ClockBreached").filter_map(|(_, e)| e["ticket"].as_str()).collect();
    assert!(breached.len() > 20, "hardly anything came due: {}", breached.len());
    let opened = w.log_of("TicketOpened").await;
    let numbers: Vec<&str> = opened.iter().filter_map(|e| e["ticket"].as_str()).collect();
    let gapless: Vec<String> = (1..=numbers.len()).map(|n| format!("INC-{n:06}")).collect();
    assert_eq!(numbers, gapless, "the numbers have gaps, or another order than the log");
    crash::everything_is_there(w, &told).await;
}

fn on_a_cluster_of_its_own(count: usize) {
    let cluster = Cluster::new();
    let server = cluster.address.clone();
    tell_on(async |_, unique| Database::on(server, unique).await, async |w| one_after_the_other(w, &cluster, count).await);
}

#[test]
fn two_replicas_of_which_one_is_always_killed_or_frozen_lose_nothing_and_go_on() {
    on_a_cluster_of_its_own(2);
}

#[test]
fn three_replicas_of_which_one_is_always_killed_or_frozen_lose_nothing_and_go_on() {
    on_a_cluster_of_its_own(3);
}
