//! A year of a hundred people and many tickets on two replicas that are stopped and started at random: every deadline
//! fires once, at its time (or when somebody is there again), none after what stopped it, and no obligation is forgotten.
//!
//! The clock goes from one due moment to the next, so nothing that is checked is left out. What happened is drawn from a
//! fixed seed, and judged from the log alone.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use countersign::env::Timestamp;
use serde_json::{Value, json};

use crate::world::{Kind, World, days, hours, minutes, tell};

/// Tickets that are opened at a time.
const AT_ONCE: usize = 40;
const PEOPLE: usize = 100;
const RESTARTS: usize = 8;

const WEEKLY: &str = "obligations:\n  control-test: { title: Test of a control, cron: \"0 9 * * 1\", type: control-test, due: 3d }\n";

/// How often tickets are opened: four times, unless COUNTERSIGN_YEAR says of how many tickets the year is; a thousand take a while.
fn batches() -> usize {
    let tickets = std::env::var("COUNTERSIGN_YEAR").ok().and_then(|n| n.parse::<usize>().ok());
    tickets.map_or(4, |tickets| tickets.div_ceil(AT_ONCE).max(1))
}

/// Marsaglia's xorshift: the same year each time.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What somebody does.
#[derive(Clone, Debug)]
enum Deed {
    Opens(usize),
    Takes(&'static str, String),
    Stop,
    Start,
}

struct Year {
    plan: BTreeMap<(Timestamp, usize), Deed>,
    count: usize,
    dice: Dice,
    people: Vec<String>,
    /// When nobody was there.
    gaps: Vec<(Timestamp, Timestamp)>,
}

impl Year {
    fn at(&mut self, moment: Timestamp, deed: Deed) {
        self.count += 1;
        self.plan.insert((moment, self.count), deed);
    }

    fn drawn(w: &World, end: Duration, people: Vec<String>) -> Self {
        let mut year = Self { plan: BTreeMap::new(), count: 0, dice: Dice(0x2545_F491_4F6C_DD1D), people, gaps: Vec::new() };
        let (begin, whole) = (w.now(), end.as_secs() / 60);
        for _ in 0..batches() {
            let moment = begin.plus(minutes(year.dice.up_to(whole - 20 * 24 * 60)));
            year.at(moment, Deed::Opens(AT_ONCE));
        }
        for n in 0..RESTARTS {
            // One in each part of the year, so that they do not overlap.
            let part = whole / u64::try_from(RESTARTS).expect("a number");
            let from = begin.plus(minutes(part * u64::try_from(n).expect("a number") + year.dice.up_to(part / 2)));
            let to = from.plus(minutes(1 + year.dice.up_to(36 * 60)));
            year.at(from, Deed::Stop);
            year.at(to, Deed::Start);
        }
        year
    }

    /// What becomes of a ticket: seen early, late or never, worked on or not, and in the end taken back.
    fn fate(&mut self, now: Timestamp, ticket: &str) {
        let seen = now.plus(minutes(1 + self.dice.up_to(600)));
        match self.dice.up_to(10) {
            0..6 => self.at(seen, Deed::Takes("acknowledge", ticket.to_owned())),
            6..8 => {
                self.at(seen, Deed::Takes("acknowledge", ticket.to_owned()));
                let after = seen.plus(minutes(1 + self.dice.up_to(900)));
                self.at(after, Deed::Takes("contain", ticket.to_owned()));
            }
            _ => {}
        }
        let end = now.plus(hours(26)).plus(minutes(self.dice.up_to(8 * 24 * 60)));
        self.at(end, Deed::Takes("void", ticket.to_owned()));
    }

    async fn does(&mut self, w: &mut World, deed: Deed) {
        match deed {
            Deed::Opens(n) => {
                let now = w.now();
                for turn in 0..n {
                    let severity = ["sev1", "sev2", "sev3", "sev4"][usize::try_from(self.dice.up_to(4)).expect("a number")];
                    let who = self.people[usize::try_from(self.dice.up_to(99)).expect("a number")].clone();
                    let ticket = w.person_at(turn % 2, &who).declares("Something broke", severity).await;
                    self.fate(now, &ticket);
                }
            }
            Deed::Takes(step, ticket) => {
                let who = if step == "void" {
                    "mia".to_owned()
                } else {
                    self.people[usize::try_from(self.dice.up_to(99)).expect("a number")].clone()
                };
                let body = match step {
                    "void" => json!({ "reason": "A drill." }),
                    "contain" => json!({ "line": "Done." }),
                    _ => json!({}),
                };
                let replica = usize::try_from(self.dice.up_to(2)).expect("a number");
                // Who is told that it is not known whether something was saved asks again under the same key.
                let keyed = w.person_at(replica, &who).under_key(&format!("{step}-{ticket}"));
                let mut answer = keyed.takes(step, &ticket, body.clone()).await;
                for _ in 0..4 {
                    if answer.status == 503 {
                        answer = keyed.takes(step, &ticket, body.clone()).await;
                    }
                }
                answer.done();
            }
            Deed::Stop => {
                w.stops().await;
                self.gaps.push((w.now(), w.now()));
            }
            Deed::Start => {
                self.gaps.last_mut().expect("it was stopped").1 = w.now();
                w.starts().await;
                w.starts().await;
                w.tick().await;
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.gaps.last().is_some_and(|(from, to)| from == to)
    }

    /// Whether what came due at `due` was rightly recorded at `at`: at once, or when somebody was there again.
    fn in_time(&self, due: Timestamp, at: Timestamp) -> bool {
        due == at || self.gaps.iter().any(|(from, to)| *from <= due && due <= *to && at == *to)
    }
}

/// What the log says of one clock so far.
#[derive(Default)]
struct Running {
    due: Option<Timestamp>,
    reminders: BTreeMap<i64, Timestamp>,
    runs: bool,
    breached: bool,
}

fn moment(value: &Value) -> Timestamp {
    value.as_str().and_then(Timestamp::parse).unwrap_or_else(|| panic!("{value} is no moment"))
}

/// Every clock fired what it had to, once, and nothing after it stopped.
fn judge_clocks(year: &Year, log: &[Value], end: Timestamp) -> (usize, usize) {
    let mut clocks: HashMap<(String, String), Running> = HashMap::new();
    let (mut warned, mut breached) = (0, 0);
    for event in log {
        let (kind, data) = (event["kind"].as_str().unwrap_or_default(), &event["data"]);
        let (Some(ticket), Some(clock)) = (event["ticket"].as_str(), data["clock"].as_str()) else { continue };
        let at = moment(&event["at"]);
        let state = clocks.entry((ticket.to_owned(), clock.to_owned())).or_default();
        match kind {
            "ClockStarted" | "ClockRetargeted" | "ClockResumed" => {
                let reminders = data["reminders"].as_array().into_iter().flatten();
                state.reminders = reminders.map(|r| (r["percent"].as_i64().unwrap_or_default(), moment(&r["at"]))).collect();
                (state.due, state.runs) = (Some(moment(&data["due"])), true);
            }
            "ClockWarned" => {
                warned += 1;
                let percent = data["percent"].as_i64().unwrap_or_default();
                assert!(state.runs, "reminded after it had stopped: {event}");
                let due = state.reminders.remove(&percent).unwrap_or_else(|| panic!("reminded twice: {event}"));
                assert_eq!(moment(&data["came_due"]), due, "{event}");
                assert!(year.in_time(due, at), "due at {due}: {event}");
            }
            "ClockBreached" => {
                breached += 1;
                let due = state.due.expect("it was started");
                assert!(state.runs && !state.breached && moment(&data["due"]) == due, "{event}");
                assert!(year.in_time(due, at), "due at {due}: {event}");
                state.breached = true;
            }
            "ClockStopped" => {
                assert!(state.reminders.values().all(|due| *due >= at), "{ticket} {clock}: a reminder was forgotten before {at}");
                assert_eq!(data["late"], json!(state.breached), "{event}");
                state.runs = false;
            }
            _ => {}
        }
    }
    for ((ticket, clock), state) in clocks.iter().filter(|(_, state)| state.runs) {
        assert!(state.reminders.values().all(|due| *due > end), "{ticket} {clock}: a reminder was forgotten");
        assert!(state.breached || state.due.is_some_and(|due| due > end), "{ticket} {clock}: a breach was forgotten");
    }
    (warned, breached)
}

/// Whoever is called is called at its time, one tier after the other, and nobody once the ticket is at rest.
fn judge_calls(year: &Year, log: &[Value]) -> usize {
    let mut next: HashMap<&str, (Option<Timestamp>, i64)> = HashMap::new();
    let mut calls = 0;
    for event in log {
        let Some(ticket) = event["ticket"].as_str() else { continue };
        match event["kind"].as_str() {
            Some("Escalated") => {
                calls += 1;
                let (from, to) = (event["data"]["from_tier"].as_i64(), event["data"]["to_tier"].as_i64().unwrap_or_default());
                if let Some((due, tier)) = next.get(ticket)
                    && from != Some(0)
                {
                    assert!(year.in_time(due.expect("another tier"), moment(&event["at"])) && from == Some(*tier), "{event}");
                }
                let after = &event["data"]["next"];
                next.insert(ticket, (if after.is_null() { None } else { Some(moment(after)) }, to));
            }
            Some("TransitionTaken") if event["data"]["ended"] == true => {
                next.insert(ticket, (None, -1));
            }
            _ => {}
        }
    }
    calls
}

/// Each week has its run, or the record that it was missed.
fn judge_obligations(log: &[Value], end: Timestamp) {
    let of = |kind: &str| log.iter().filter(|e| e["kind"] == kind).map(|e| moment(&e["data"]["due"])).collect::<Vec<_>>();
    let began = log.iter().find(|e| e["kind"] == "ObligationBegan").map(|e| moment(&e["data"]["from"])).expect("it began");
    let mut recorded: Vec<Timestamp> = of("ObligationRun").into_iter().chain(of("ObligationMissed")).collect();
    recorded.sort_unstable();
    let mut expected = Vec::new();
    // Mondays at nine; the year begins on one, at ten.
    let mut week = began.minus(hours(1)).plus(days(7));
    while week <= end {
        expected.push(week);
        week = week.plus(days(7));
    }
    assert_eq!(recorded, expected);
}

#[test]
fn in_a_year_of_restarts_every_deadline_fires_once_at_its_time_and_no_obligation_is_forgotten() {
    tell(Kind::Postgres, async |w| {
        let started = std::time::Instant::now();
        let mut files = countersign::procedure::built_in();
        for (path, bytes) in &mut files {
            if path == "organisation.yaml" {
                bytes.extend_from_slice(WEEKLY.as_bytes());
            }
        }
        w.adopts(files, "Controls are tested each week.").await;
        let mut people = Vec::new();
        for n in 0..PEOPLE {
            let name = format!("r{n}");
            w.hires(&name, &["responder"]).await;
            people.push(name);
        }
        w.stops().await;
        w.starts().await;
        w.starts().await;
        w.tick().await;
        let end = w.now().plus(days(365));
        let mut year = Year::drawn(w, days(365), people);
        let mut looks = 0;
        while w.now() < end {
            let planned = year.plan.keys().next().map_or(end, |(at, _)| *at);
            let due = w.database.number("SELECT COALESCE(MIN(due), -1) FROM deadline").await;
            let due = Timestamp::from_micros(due).filter(|due| !year.is_stopped() && *due > w.now() && due.micros() >= 0);
            // An obligation has no row: Monday at nine is looked at in any case.
            let monday = Some(next_monday(w.now())).filter(|_| !year.is_stopped());
            let next = [Some(planned.max(w.now())), due, monday, Some(end)].into_iter().flatten().min().expect("the end at least");
            w.clock.advance(next.since(w.now()));
            // Where nothing can be due, nobody has to be told to look; the replicas look by themselves all the time.
            if [due, monday].into_iter().flatten().any(|at| at <= w.now()) {
                looks += 1;
                w.tick().await;
            }
            while let Some(entry) = year.plan.first_entry().filter(|entry| entry.key().0 <= w.now()) {
                let deed = entry.remove();
                if year.is_stopped() && !matches!(deed, Deed::Start) {
                    // People come back when the service does.
                    let back = year.plan.iter().find(|(_, deed)| matches!(deed, Deed::Start)).map_or(end, |((at, _), _)| *at);
                    year.at(back.plus(minutes(1)), deed);
                } else {
                    year.does(w, deed).await;
                }
            }
        }
        w.tick().await;
        let log = w.log().await;
        let tickets = log.iter().filter(|e| e["kind"] == "TicketOpened" && e["data"]["ticket_kind"] == "incident").count();
        assert_eq!(tickets, AT_ONCE * batches());
        let (warned, breached) = judge_clocks(&year, &log, end);
        let calls = judge_calls(&year, &log);
        judge_obligations(&log, end);
        assert!(
            warned > 40 * batches() && breached > 12 * batches() && calls > 20 * batches(),
            "{warned} reminders, {breached} breaches, {calls} calls: too few to judge by"
        );
        println!(
            "a year in {:?}: {} events, {warned} reminders, {breached} breaches, {calls} calls, {looks} looks, {} restarts",
            started.elapsed(),
            log.len(),
            year.gaps.len()
        );
    });
}

/// The next Monday, nine o'clock in UTC.
fn next_monday(now: Timestamp) -> Timestamp {
    // 5 January 1970 was a Monday.
    const WEEK: i64 = 7 * 86_400_000_000;
    const FIRST: i64 = (4 * 24 + 9) * 3_600_000_000;
    let weeks = (now.micros() - FIRST).div_euclid(WEEK) + 1;
    Timestamp::from_micros(FIRST + weeks * WEEK).expect("a moment")
}
