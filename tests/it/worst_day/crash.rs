//! `kill -9` at any moment: what was acknowledged is there, once, and the log is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::desk::request::{Ask, Request, SignIn};
use countersign::env::{Env, Timestamp};
use countersign::people::{PeopleCommand, secret};
use countersign::store::faults::{Faults, Moment};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::process::{Process, a_random_moment, as_person, attempt, under_key};
use crate::world::proof::sha256;
use crate::world::{Person, Tool, World, labels, on_both, until, webhook};

/// How often it is killed.
const KILLS: usize = 30;
/// The longest that it lives.
const LIFE: u64 = 700;
/// How long after their opening tickets want to be acknowledged.
const LEAD: Duration = Duration::from_secs(60);

/// What the senders were told.
#[derive(Default)]
pub(super) struct Told {
    next: AtomicU64,
    pub(super) over: AtomicBool,
    /// Hosts whose alerts were acknowledged.
    pub(super) alerts: Mutex<BTreeSet<String>>,
    /// Texts of notes that were acknowledged.
    pub(super) notes: Mutex<BTreeSet<String>>,
    /// Notes of which nobody knows: ticket, key, text.
    pub(super) unsure: Mutex<Vec<(String, String, String)>>,
    /// Tickets that were acknowledged: number and title.
    tickets: Mutex<BTreeMap<String, String>>,
    /// Files that were acknowledged.
    files: Mutex<BTreeSet<String>>,
}

impl Told {
    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    pub(super) async fn alerts(&self, tool: &Tool) {
        while self.goes_on() {
            let n = self.number();
            let host = format!("host-{n}");
            let body = webhook("firing", &[labels("HighErrorRate", &format!("service-{}", n % 20), &host, "warning")]);
            let request = tool.client.post(format!("{}{}", tool.base, tool.path)).bearer_auth(crate::world::BEARER).json(&body);
            match attempt(request, "an alert").await {
                Some(answer) if answer.status == 202 => drop(self.alerts.lock().expect("the set").insert(host)),
                Some(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                None => return,
            }
        }
    }

    pub(super) async fn notes(&self, who: &Person, ticket: &str) {
        while self.goes_on() {
            let n = self.number();
            let (key, text) = (format!("note-{n}"), format!("Note number {n}."));
            let path = format!("/api/v1/tickets/{ticket}/comments");
            match attempt(under_key(who, &path, &key, &json!({ "text": text })), "a note").await {
                Some(answer) if (200..300).contains(&answer.status) => drop(self.notes.lock().expect("the set").insert(text)),
                other => {
                    self.unsure.lock().expect("the list").push((ticket.to_owned(), key, text));
                    if other.is_none() {
                        return;
                    }
                }
            }
        }
    }

    pub(super) async fn tickets(&self, who: &Person) {
        while self.goes_on() {
            let title = format!("Ticket {}", self.number());
            let body = json!({ "kind": "incident", "fields": { "title": title, "severity": "sev2" } });
            match attempt(under_key(who, "/api/v1/tickets", &title, &body), "a ticket").await {
                Some(answer) if answer.status == 201 => {
                    let number = answer.json()["ticket"].as_str().expect("a number").to_owned();
                    assert_eq!(self.tickets.lock().expect("the map").insert(number.clone(), title), None, "{number} was given out twice");
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    pub(super) async fn files(&self, who: &Person, ticket: &str) {
        while self.goes_on() {
            let bytes = format!("File {}", self.number()).repeat(500).into_bytes();
            let digest = sha256(&bytes);
            let form = Form::new().part("file", Part::bytes(bytes).file_name("file.txt"));
            let request = who.client.post(format!("{}/api/v1/tickets/{ticket}/attachments", who.base)).multipart(form);
            match attempt(as_person(who, request), "a file").await {
                Some(answer) if answer.status == 201 => drop(self.files.lock().expect("the set").insert(digest)),
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// The shipped playbooks, except that an incident must be acknowledged within a minute.
pub(super) fn hasty() -> Vec<(String, Vec<u8>)> {
    let mut files = countersign::procedure::built_in();
    let (_, incident) = files.iter_mut().find(|(path, _)| path == "kinds/incident.yaml").expect("incidents");
    let text = String::from_utf8(incident.clone()).expect("text");
    let changed = text
        .replace("within: { sev1: 15m, sev2: 30m, sev3: 4h, sev4: 8h }", "within: { default: 1m }")
        .replace("hours:  { sev1: always, sev2: always, sev3: business, sev4: business }", "hours:  { default: always }");
    assert_ne!(text, changed, "the shipped playbook has other clocks now");
    *incident = changed.into_bytes();
    files
}

/// One life of the process under load, which ends when it is killed.
async fn one_life(serve: &mut Process, told: &Arc<Told>, people: &[Person], tool: &Tool, tickets: &[String], frozen: bool) {
    serve.starts().await;
    told.over.store(false, Ordering::Relaxed);
    let mut work = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (told, tool, who) = (Arc::clone(told), serve.tool(tool), serve.person(&people[n % people.len()]));
        let ticket = tickets[n % tickets.len()].clone();
        work.spawn(async move {
            match n {
                0..4 => told.alerts(&tool).await,
                4 | 5 => told.notes(&who, &ticket).await,
                6 => told.tickets(&who).await,
                _ => told.files(&who, &ticket).await,
            }
        });
    }
    a_random_moment(LIFE).await;
    if frozen {
        // Stopped in the middle of whatever it was doing, and continued for a moment.
        serve.freezes();
        a_random_moment(LIFE / 4).await;
        serve.goes_on();
        a_random_moment(LIFE / 4).await;
    }
    serve.is_killed();
    told.over.store(true, Ordering::Relaxed);
    while let Some(worked) = work.join_next().await {
        worked.expect("a sender does not break");
    }
}

/// Every warning and every breach, each as one text.
pub(super) async fn fired(w: &World) -> Vec<(String, Value)> {
    let log = w.log().await;
    let of_clocks = log.into_iter().filter(|e| e["kind"] == "ClockBreached" || e["kind"] == "ClockWarned");
    of_clocks
        .map(|e| {
            let data = &e["data"];
            (format!("{} {} {} {} {}", e["ticket"], e["kind"], data["clock"], data["percent"], data["due"]), e)
        })
        .collect()
}

// proves: SLA-02
async fn what_was_acknowledged_survives_thirty_kills_and_no_deadline_fires_twice(w: &mut World) {
    w.adopts(hasty(), "A minute to acknowledge.").await;
    let people = [w.person("ana"), w.person("ben")];
    // From here to the end one of these comes due every second, by the machine's clock.
    w.advance(Env::system().now().since(w.now()).saturating_sub(LEAD)).await;
    let mut tickets = Vec::new();
    for n in 0..LEAD.as_secs() {
        tickets.push(people[usize::from(n % 2 == 1)].declares(&format!("Ticket {n} of before"), "sev3").await);
        w.clock.advance(Duration::from_secs(1));
    }
    let tool = w.alertmanager();
    w.stops().await;
    let mut serve = Process::new(w, "");
    let told = Arc::new(Told::default());
    for life in 0..KILLS {
        one_life(&mut serve, &told, &people, &tool, &tickets, life % 5 == 4).await;
    }

    // A deadline comes due while nobody is there.
    let waits = format!("FROM deadline WHERE id LIKE 'clock:acknowledge:%' AND due > {}", Env::system().now().micros());
    let due = Timestamp::from_micros(w.database.number(&format!("SELECT MIN(due) {waits}")).await).expect("a deadline");
    let of = w.database.texts(&format!("SELECT ticket {waits} ORDER BY due LIMIT 1")).await.remove(0);
    until("the deadline is past", async || Env::system().now() > due).await;
    let back = Env::system().now();
    serve.starts().await;
    // A warning names the moment of its breach as well: that is another deadline.
    let breach = |e: &Value| e["kind"] == "ClockBreached" && e["data"]["due"] == json!(due);
    let ours = |e: &Value| e["ticket"] == of.as_str() && (e["data"]["came_due"] == json!(due) || breach(e));
    let when = async |w: &World| fired(w).await.into_iter().filter(|(_, e)| ours(e)).map(|(_, e)| e).collect::<Vec<_>>();
    until("what came due meanwhile is recorded", async || when(w).await.len() == 1).await;

    // Whoever does not know asks again with the same key.
    let unsure = std::mem::take(&mut *told.unsure.lock().expect("the list"));
    for (ticket, key, text) in &unsure {
        let path = format!("/api/v1/tickets/{ticket}/comments");
        let answer = attempt(under_key(&ana_or_ben(&serve, &people, ticket, &tickets), &path, key, &json!({ "text": text })), key).await;
        answer.expect("an answer").done();
        told.notes.lock().expect("the set").insert(text.clone());
    }
    serve.ends().await;

    let fired = fired(w).await;
    let each: BTreeSet<&String> = fired.iter().map(|(what, _)| what).collect();
    assert_eq!(each.len(), fired.len(), "a deadline fired twice");
    let late = when(w).await;
    let recorded = late[0]["at"].as_str().and_then(Timestamp::parse).expect("a time");
    assert!(late.len() == 1 && recorded >= back && back > due, "it says both times: {late:?}");
    everything_is_there(w, &told).await;
}
on_both!(what_was_acknowledged_survives_thirty_kills_and_no_deadline_fires_twice);

/// The person who wrote on this ticket: a key is one person's.
fn ana_or_ben(serve: &Process, people: &[Person], ticket: &str, tickets: &[String]) -> Person {
    let at = tickets.iter().position(|t| t == ticket).expect("one of them");
    serve.person(&people[at % people.len()])
}

pub(super) async fn everything_is_there(w: &World, told: &Told) {
    let log = w.log().await;
    let fingerprints: BTreeSet<&str> = log
        .iter()
        .filter(|e| e["kind"] == "AlertAttached" || e["kind"] == "AlertChanged")
        .filter_map(|e| e["data"]["fingerprint"].as_str())
        .collect();
    let alerts = std::mem::take(&mut *told.alerts.lock().expect("the set"));
    for host in alerts.iter() {
        let n: u64 = host.trim_start_matches("host-").parse().expect("a number");
        let of = labels("HighErrorRate", &format!("service-{}", n % 20), host, "warning");
        assert!(fingerprints.contains(crate::world::fingerprint(&of).as_str()), "the acknowledged alert of {host} is missing");
    }
    let store = w.store().await;
    let sealed = store.sealed_from(0, i64::MAX).await.expect("sealed values");
    store.close().await;
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    for row in sealed.iter().filter(|row| row.name == "note") {
        *written.entry(String::from_utf8_lossy(&row.bytes).into_owned()).or_default() += 1;
    }
    let notes = std::mem::take(&mut *told.notes.lock().expect("the set"));
    for text in notes.iter() {
        assert_eq!(written.get(text), Some(&1), "{text}");
    }
    let tickets = std::mem::take(&mut *told.tickets.lock().expect("the map"));
    for (number, title) in tickets.iter() {
        let opened = log.iter().find(|e| e["kind"] == "TicketOpened" && e["ticket"] == number.as_str());
        let seq = opened.unwrap_or_else(|| panic!("{number} is missing"))["seq"].as_i64();
        let called = sealed.iter().find(|row| Some(row.seq) == seq && row.name == "field.title").expect("a title");
        assert_eq!(String::from_utf8_lossy(&called.bytes), *title);
    }
    let files = std::mem::take(&mut *told.files.lock().expect("the set"));
    let named: BTreeSet<String> =
        sealed.iter().filter(|r| r.name == "sha256").map(|r| String::from_utf8_lossy(&r.bytes).into_owned()).collect();
    assert!(files.iter().all(|sha256| named.contains(sha256)), "an acknowledged file is missing");
    println!("acknowledged: {} alerts, {} notes, {} tickets, {} files", alerts.len(), notes.len(), tickets.len(), files.len());
    assert!(alerts.len() > 20 && notes.len() > 20 && tickets.len() > 5 && files.len() > 5, "there was hardly any load");
    let (address, folder) = (w.database.address.clone(), w.path("attachments").display().to_string());
    let (code, words) = w.runs(&["verify", "--database", &address, "--attachments", &folder]).await;
    assert!(code == 3 && words.contains("is the same"), "{code}: {words}");
}

/// Every statement of a commit that writes the record, and the mark by which a broken commit is found again.
const STATEMENTS: [&str; 19] = [
    "begin",
    "head",
    "event",
    "tile",
    "sealed",
    "deadline",
    "ticket",
    "ticket_latest",
    "counter",
    "alert",
    "alert_group",
    "person",
    "delivery",
    "repeat_pending",
    "dedupe",
    "mark",
    "session",
    "move head",
    "commit",
];

/// Cuts the connection once, at one moment of one statement.
#[derive(Debug, Default)]
struct Cut {
    at: Mutex<Option<(&'static str, Moment)>>,
}

impl Faults for Cut {
    fn strike(&self, statement: &'static str, moment: Moment) -> Option<sqlx::Error> {
        let mut at = self.at.lock().expect("the plan");
        if *at != Some((statement, moment)) {
            return None;
        }
        *at = None;
        Some(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the story cut the connection")))
    }
}

/// What somebody was told of their request.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Recorded,
    NotRecorded,
    Unknown,
}

fn said(answer: &crate::world::Answered) -> Said {
    if (200..300).contains(&answer.status) {
        return Said::Recorded;
    }
    assert_eq!(answer.status, 503, "{}: {}", answer.asked, answer.text());
    assert!(answer.headers.contains_key("retry-after"), "{}: {}", answer.asked, answer.text());
    match answer.json()["code"].as_str() {
        Some("NotStored" | "not_stored") => Said::NotRecorded,
        Some("UnknownOutcome" | "unknown_outcome") => Said::Unknown,
        _ => panic!("{}: {}", answer.asked, answer.text()),
    }
}

/// One of everything that a commit can hold, at once. Says what became of each: alerts by fingerprint, notes by text.
async fn one_of_everything(w: &World, n: u64) -> (Vec<(String, Said)>, Vec<(String, String, Said)>) {
    let (ana, ben, tool) = (w.person("ana"), w.person("ben"), w.alertmanager());
    let alert = |service: String, host: String| {
        let tool = tool.clone();
        async move {
            let of = labels("HighErrorRate", &service, &host, "warning");
            (crate::world::fingerprint(&of), said(&tool.fires(&[of]).await))
        }
    };
    let note = |who: Person, k: u64| async move {
        let (key, text) = (format!("note-{n}-{k}"), format!("Note {n} {k}."));
        let told = said(&who.under_key(&key).notes("INC-000001", &text).await);
        (key, text, told)
    };
    let administration = async {
        let desk = w.desk();
        let (name, email) = (desk.seal(format!("Person {n}")), desk.seal(format!("person-{n}@example.com")));
        let add = PeopleCommand::Add { id: w.env().id("p_"), name, email, roles: vec!["responder".to_owned()] };
        // Whatever is answered: the log says what happened.
        let _ = w.operator(Ask::People(add)).await;
        let (link, session) = (secret::mint(&w.env()), secret::mint(&w.env()));
        let expires_at = w.now().plus(Duration::from_secs(3600));
        let issue = Ask::IssueLink { person: ana.id.clone(), hash: link.sha256.clone(), expires_at };
        let _ = w.operator(issue).await;
        let sign_in = SignIn { link: Some(link.sha256), person: None, session: session.sha256, session_id: w.env().id("s_"), expires_at };
        let _ = desk.ask(Request::of_scheduler(Ask::SignIn(sign_in))).await;
    };
    let alerts =
        futures_util::future::join_all([alert(format!("service-{n}"), "a".to_owned()), alert("service-0".to_owned(), format!("host-{n}"))]);
    // An identical repeat, which is counted, not recorded.
    let first = [labels("HighErrorRate", "service-0", "first", "warning")];
    let repeat = tool.fires(&first);
    let notes = futures_util::future::join_all((0..6).map(|k| note(if k % 2 == 0 { ana.clone() } else { ben.clone() }, k)));
    let (alerts, notes, _, ()) = tokio::join!(alerts, notes, async { said(&repeat.await) }, administration);
    (alerts, notes)
}

async fn written(w: &World) -> (BTreeSet<String>, BTreeMap<String, usize>) {
    let log = w.log().await;
    let attached = log.iter().filter(|e| e["kind"] == "AlertAttached").filter_map(|e| e["data"]["fingerprint"].as_str());
    let store = w.store().await;
    let sealed = store.sealed_from(0, i64::MAX).await.expect("sealed values");
    store.close().await;
    let mut notes: BTreeMap<String, usize> = BTreeMap::new();
    for row in sealed.iter().filter(|row| row.name == "note") {
        *notes.entry(String::from_utf8_lossy(&row.bytes).into_owned()).or_default() += 1;
    }
    (attached.map(str::to_owned).collect(), notes)
}

async fn whichever_statement_of_a_commit_is_cut_nobody_is_told_the_wrong_thing(w: &mut World) {
    w.person("ana").declares("The first", "sev3").await;
    w.alertmanager().fires(&[labels("HighErrorRate", "service-0", "first", "warning")]).await.done();
    w.stops().await;
    let cut = Arc::new(Cut::default());
    w.starts_breaking(Arc::clone(&cut) as Arc<dyn Faults>).await;
    let mut n = 0;
    for (statement, moment) in STATEMENTS.into_iter().flat_map(|s| [(s, Moment::Before), (s, Moment::After)]) {
        if (statement, moment) == ("begin", Moment::After) {
            // Nothing was done yet: the same as before taking the head.
            continue;
        }
        *cut.at.lock().expect("the plan") = Some((statement, moment));
        let mut told = (Vec::new(), Vec::new());
        // A tile is full after 256 events only.
        for _ in 0..60 {
            n += 1;
            let (alerts, notes) = one_of_everything(w, n).await;
            told.0.extend(alerts);
            told.1.extend(notes);
            if cut.at.lock().expect("the plan").is_none() {
                break;
            }
        }
        assert_eq!(*cut.at.lock().expect("the plan"), None, "{statement} was never reached");
        let unknown = told.0.iter().map(|(_, said)| said).chain(told.1.iter().map(|(.., said)| said)).filter(|s| **s == Said::Unknown);
        assert!(statement == "commit" || unknown.count() == 0, "{statement} {moment:?}: a cut before the commit leaves nothing unknown");
        let (attached, noted) = written(w).await;
        for (fingerprint, said) in &told.0 {
            match said {
                Said::Recorded => {
                    assert!(attached.contains(fingerprint), "{statement} {moment:?}: an alert that was acknowledged is missing")
                }
                Said::NotRecorded => assert!(!attached.contains(fingerprint), "{statement} {moment:?}: an alert was recorded after all"),
                Said::Unknown => {}
            }
        }
        for (key, text, said) in &told.1 {
            let times = noted.get(text).copied().unwrap_or_default();
            match said {
                Said::Recorded => assert_eq!(times, 1, "{statement} {moment:?}: {text}"),
                Said::NotRecorded => assert_eq!(times, 0, "{statement} {moment:?}: {text}"),
                Said::Unknown => panic!("{statement} {moment:?}: whoever gave a key is told what happened: {text}"),
            }
            // Asked again with the same key: recorded once, whatever was said.
            let who = if text.trim_end_matches('.').ends_with(['0', '2', '4']) { w.person("ana") } else { w.person("ben") };
            who.under_key(key).notes("INC-000001", text).await.done();
        }
        let (_, noted) = written(w).await;
        assert!(told.1.iter().all(|(_, text, _)| noted.get(text) == Some(&1)), "{statement} {moment:?}: a retry was recorded twice");
    }
    assert_eq!(w.person("aud").gets("/readyz").await.status, 200);
    w.signed().await;
    w.stops().await;
    let (code, words) = w.verified().await;
    assert!(code == 3 && words.contains("is the same"), "{code}: {words}");
}
on_both!(whichever_statement_of_a_commit_is_cut_nobody_is_told_the_wrong_thing);
