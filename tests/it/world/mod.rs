//! A small organisation with a running server: what stories happen in.
//!
//! A story is an `async fn(&mut World)`; [`on_both`] makes two tests of it, one on SQLite and one on PostgreSQL. People
//! and monitoring tools speak over real HTTP to a real server; the clock is the story's, and moves only when told
//! ([`World::advance`]). After every story the whole log is checked from outside ([`proof`]).
//!
//! To add a story: an `async fn` in a file beside this folder, and `on_both!(its_name);` below it.

pub mod answer;
pub mod change;
pub mod database;
pub mod pager;
pub mod person;
pub mod proof;
pub mod slack;
pub mod tool;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::cli::service::{Running, Service};
use countersign::config::Config;
use countersign::desk::request::{Answer, Ask, Request, SignIn, Unanswered, Who};
use countersign::desk::{Desk, founding};
use countersign::env::{Clock as _, Env, ManualClock, Timestamp};
use countersign::people::{PeopleCommand, secret};
use countersign::store::Store;
use countersign::store::faults::Faults;
use countersign::ticket::command::{Command, FieldInput, Open};
use countersign::ticket::event::Via;
use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

pub use answer::Answered;
pub use database::{Database, Kind};
pub use person::{Pass, Person};
pub use tool::{Proof, Tool, fingerprint, labels, webhook};

/// Makes two tests of a story: `story::sqlite` and `story::postgres`.
macro_rules! on_both {
    ($($story:ident),+ $(,)?) => {
        $(mod $story {
            #[test]
            fn sqlite() {
                crate::world::tell(crate::world::Kind::Sqlite, async |w| super::$story(w).await);
            }

            #[test]
            fn postgres() {
                crate::world::tell(crate::world::Kind::Postgres, async |w| super::$story(w).await);
            }
        })+
    };
}
pub(crate) use on_both;

/// A Monday morning: when every story begins.
pub const MONDAY: &str = "2026-03-02T10:00:00Z";

/// Who works here, and as what.
const STAFF: [(&str, &[&str]); 8] = [
    ("ada", &["administrator"]),
    ("ana", &["responder"]),
    ("ben", &["responder"]),
    ("mia", &["incident-manager"]),
    ("max", &["incident-manager", "responder"]),
    ("aud", &["auditor"]),
    ("lea", &["legal", "compliance", "communications"]),
    ("nil", &[]),
];

/// A kind of ticket without clocks, alerts or requirements.
const ENTRY: &str = "kind: entry
prefix: ENT
title: Entry
purpose: Something to find again.
fields:
  title: { type: line, help: What it is. }
statuses: [open, closed]
ended: [closed]
declare: { by: anyone, asks: [title], requires: [title] }
transitions:
  close: { from: open, to: closed, by: responder, help: It is over. }
retention: Six years.
";

/// Secrets of the sources; each unlike any other text, so that a story can look for them.
pub const BEARER: &str = "bearer-secret-a1b2c3d4";
pub const PASSWORD: &str = "basic-secret-e5f6a7b8";
pub const HMAC: &str = "hmac-secret-c9d0e1f2";
pub const QUERY: &str = "query-secret-13572468";
pub const ROUTING: &str = "4f1d2c3b4a5968778695a4b3c2d1e0ff";

/// The sources of every story.
fn sources() -> String {
    format!(
        r#"
[[source]]
name = "alertmanager"
format = "alertmanager"
auth = {{ bearer = "{BEARER}" }}

[[source]]
name = "am-basic"
format = "alertmanager"
auth = {{ basic = {{ user = "am", password = "{PASSWORD}" }} }}

[[source]]
name = "prometheus"
format = "alertmanager-api"
auth = {{ basic = {{ user = "prom", password = "{PASSWORD}" }} }}

[[source]]
name = "pager"
format = "pagerduty"
routing_key = "{ROUTING}"

[[source]]
name = "grafana"
format = "grafana"
auth = {{ hmac = {{ secret = "{HMAC}", header = "x-grafana-alerting-signature" }} }}

[[source]]
name = "doors"
format = "generic"
auth = {{ hmac = {{ secret = "{HMAC}", header = "x-signature", encoding = "base64", timestamp_header = "x-timestamp", window = "5m" }} }}
[source.mapping]
each = "body.events"
alert_id = "item.id"
title = "item.text"
rule = "'door alarm'"
status = "item.state == 'closed' ? 'resolved' : 'firing'"
severity = "item.prio"
labels = {{ door = "item.door", site = "body.site" }}

[[source]]
name = "script"
format = "generic"
auth = {{ query = {{ param = "token", token = "{QUERY}" }} }}
mapping = {{ alert_id = "body.id", title = "body.title", severity = "body.severity" }}

[[source]]
name = "pipeline"
format = "deployment"
auth = {{ bearer = "{BEARER}" }}

[[source]]
name = "lab"
format = "generic"
auth = "none"
mapping = {{ alert_id = "body.id", title = "body.title" }}
"#
    )
}

pub fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

pub fn hours(n: u64) -> Duration {
    minutes(n * 60)
}

pub fn days(n: u64) -> Duration {
    hours(n * 24)
}

/// Waits until `what` holds: bounded, and without guessing how long it takes.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..3000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("after a minute: {what} did not happen");
}

/// Somebody on the staff.
#[derive(Clone)]
struct Member {
    id: String,
    key: String,
}

/// See the module.
pub struct World {
    pub database: Database,
    pub folder: TempDir,
    pub clock: Arc<ManualClock>,
    pub client: Client,
    /// Further lines of the configuration, before the sources.
    pub settings: String,
    replicas: Vec<Running>,
    staff: BTreeMap<String, Member>,
    closed: bool,
}

/// The longest that a story is told: the year takes four minutes on a busy machine.
const LONGEST: Duration = Duration::from_secs(20 * 60);

/// Tells a story on one database, and checks the log afterwards.
///
/// With `COUNTERSIGN_LOG_LEVEL` set, the server's own log is shown as well.
pub fn tell(kind: Kind, story: impl AsyncFnOnce(&mut World)) {
    tell_on(async |folder, unique| Database::new(kind, folder, unique).await, story);
}

/// Tells a story on the database that `make` makes, given the story's folder and a name that no other has.
pub fn tell_on(make: impl AsyncFnOnce(&Path, &str) -> Database, story: impl AsyncFnOnce(&mut World)) {
    if std::env::var_os("COUNTERSIGN_LOG_LEVEL").is_some() {
        countersign::cli::logging::start("warn");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = make(folder.path(), &unique()).await;
        let mut world = World::open(folder, database).await;
        // What waits for ever is a failure of this story, not of the whole run.
        tokio::time::timeout(LONGEST, story(&mut world)).await.expect("a story ends within its time");
        world.finish().await;
    });
}

/// A text that no other story of this run has, nor one of an earlier run.
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{}_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed), hex::encode(Env::system().bytes::<4>()))
}

impl World {
    async fn open(folder: TempDir, database: Database) -> Self {
        let clock = ManualClock::at(Timestamp::parse(MONDAY).expect("a moment"));
        let client = Client::builder().no_proxy().build().expect("a client");
        let mut world =
            Self { database, folder, clock, client, settings: String::new(), replicas: Vec::new(), staff: BTreeMap::new(), closed: false };
        world.starts().await;
        for (name, roles) in STAFF {
            world.hires(name, roles).await;
        }
        world
    }

    // ── the server ──────────────────────────────────────────────────────────────────────────────────────

    /// The path of a file in the story's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The configuration of a replica; its key and whatever else a replica keeps beside the database lie in `folder`.
    pub fn config(&self, folder: &str) -> Config {
        self.config_at(&self.database.address, folder)
    }

    pub fn config_at(&self, database: &str, folder: &str) -> Config {
        let folder = if folder.is_empty() { self.folder.path().to_owned() } else { self.path(folder) };
        std::fs::create_dir_all(&folder).expect("a folder for a replica");
        let attachments = self.path("attachments");
        let text = format!(
            "database = {database:?}\nattachments = \"file:{}\"\npublic_url = \"https://countersign.example.com\"\n{}{}",
            attachments.display(),
            self.settings,
            sources(),
        );
        let file = folder.join("countersign.toml");
        std::fs::write(&file, text).expect("the configuration can be written");
        Config::load(Some(&file), []).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn env(&self) -> Env {
        Env::manual(Arc::clone(&self.clock))
    }

    /// Starts one more replica; all share the database, and the key unless it has a folder of its own.
    pub async fn starts(&mut self) {
        self.starts_in("").await.unwrap_or_else(|error| panic!("the service does not start: {error:#}"));
    }

    /// Starts one more replica with a folder of its own.
    pub async fn starts_in(&mut self, folder: &str) -> anyhow::Result<()> {
        let running = self.opens(self.config(folder)).await?;
        self.replicas.push(running);
        Ok(())
    }

    /// Starts one more replica, whose commits break as `faults` says.
    pub async fn starts_breaking(&mut self, faults: Arc<dyn Faults>) {
        let store = Store::open(&self.database.address).await.expect("the database opens").breaking(faults);
        let service = Service::open_on(store, self.config(""), self.env(), false).await.expect("the service starts");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        self.replicas.push(service.start(listener).expect("the service listens"));
    }

    /// A service of its own, which is no replica.
    pub async fn opens(&self, config: Config) -> anyhow::Result<Running> {
        let service = Service::open(config, self.env(), false).await?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        service.start(listener)
    }

    /// Puts an older copy in the place of the database's file; the service is stopped.
    pub async fn restores(&mut self, old: &Path) {
        let file = self.path("countersign.db");
        let empty = Database::sqlite(&self.path("empty.db")).await;
        std::mem::replace(&mut self.database, empty).drop().await;
        for beside in ["-wal", "-shm"] {
            // SQLite removes them itself when the last connection closes.
            let _ = std::fs::remove_file(format!("{}{beside}", file.display()));
        }
        copy(old, &file);
        self.database = Database::sqlite(&file).await;
    }

    /// From now on the service talks to a Slack of our own; it is started again for that.
    pub async fn uses_slack(&mut self) -> slack::FakeSlack {
        let fake = slack::FakeSlack::starts().await;
        self.settings.push_str(&fake.settings());
        self.stops().await;
        self.starts().await;
        fake
    }

    /// Somebody's account in Slack is theirs: an administrator says so.
    pub async fn links(&self, name: &str, user: &str) {
        self.links_in(name, "T0TEAM", user).await;
    }

    /// The same in another workspace.
    pub async fn links_in(&self, name: &str, team: &str, user: &str) {
        let handle = self.desk().seal(format!("slack:{team}/{user}"));
        let ask = PeopleCommand::LinkAccount { person: self.id_of(name), account: self.env().id("a_"), handle };
        self.operator(Ask::People(ask)).await.unwrap_or_else(|error| panic!("{name} is not linked: {error}"));
    }

    /// Time passes until Slack was told everything that waits.
    pub async fn slack_is_told(&self) {
        self.slack_is_told_in_steps_of(Duration::from_millis(500), 2_000).await;
    }

    /// The same, with so much time at a step and so many steps at most.
    pub async fn slack_is_told_in_steps_of(&self, step: Duration, most: usize) {
        for _ in 0..most {
            if self.database.number("SELECT COUNT(*) FROM outbox WHERE channel = 'slack'").await == 0 {
                return;
            }
            self.clock.advance(step);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!(
            "after all this time Slack was not told: {}",
            self.database.texts("SELECT payload FROM outbox WHERE channel = 'slack' LIMIT 3").await.join(" ")
        );
    }

    /// Waits until every page that is due was sent; what waits for its time goes on waiting.
    pub async fn pages_are_sent(&self) {
        until("every page that is due is sent", async || {
            let waits = self.database.number("SELECT COUNT(*) FROM outbox WHERE channel LIKE 'page:%'").await;
            if waits > 0 {
                self.clock.advance(Duration::from_millis(500));
            }
            waits == 0
        })
        .await;
    }

    /// Stops every replica, as SIGTERM does.
    pub async fn stops(&mut self) {
        for replica in self.replicas.drain(..) {
            replica.stop().await;
        }
    }

    pub fn replica(&self, n: usize) -> &Running {
        &self.replicas[n]
    }

    pub fn desk(&self) -> &Desk {
        &self.replicas[0].app.desk
    }

    /// Where a replica listens.
    pub fn base(&self, n: usize) -> String {
        format!("http://{}", self.replicas[n].address)
    }

    // ── time ────────────────────────────────────────────────────────────────────────────────────────────

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Time passes, and every replica's scheduler looks.
    pub async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.tick().await;
    }

    /// Time passes until this moment.
    pub async fn advance_to(&self, moment: &str) {
        let to = Timestamp::parse(moment).expect("a moment");
        assert!(to >= self.now(), "{moment} is past");
        self.advance(to.since(self.now())).await;
    }

    pub async fn tick(&self) {
        let looks = self.replicas.iter().map(|replica| replica.app.desk.tick());
        for looked in futures_util::future::join_all(looks).await {
            looked.expect("the scheduler can look");
        }
    }

    // ── people and tools ────────────────────────────────────────────────────────────────────────────────

    /// Asks as the command line does, by its first administrator.
    pub async fn operator(&self, ask: Ask) -> Result<Answer, Unanswered> {
        let first = self.staff.get("ada").map(|a| a.id.clone());
        self.desk().ask(Request::of_operator(first, ask)).await
    }

    /// Adopts playbooks, as the command line does; replicas that start later read them from a folder.
    pub async fn adopts(&mut self, files: Vec<(String, Vec<u8>)>, why: &str) {
        let folder = self.path("playbooks");
        for (path, bytes) in &files {
            let file = folder.join(path);
            std::fs::create_dir_all(file.parent().expect("a file lies in a folder")).expect("a folder can be made");
            std::fs::write(file, bytes).expect("a playbook can be written");
        }
        self.settings = format!("playbooks = \"{}\"\n{}", folder.display(), self.settings);
        let first = self.staff["ada"].id.clone();
        founding::adopt(self.desk(), Some(first), files, why).await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Adds somebody with these roles and gives them an API key.
    pub async fn hires(&mut self, name: &str, roles: &[&str]) -> Person {
        self.hires_as(name, &format!("{name}@example.com"), roles).await
    }

    /// Adds somebody with this address.
    pub async fn hires_as(&mut self, name: &str, email: &str, roles: &[&str]) -> Person {
        self.hires_called(name, name, email, roles).await
    }

    /// Adds somebody whom the story calls `name`, and everybody else `called`.
    pub async fn hires_called(&mut self, name: &str, called: &str, email: &str, roles: &[&str]) -> Person {
        let (desk, env) = (self.desk().clone(), self.env());
        let id = env.id("p_");
        let add = PeopleCommand::Add {
            id: id.clone(),
            name: desk.seal(called),
            email: desk.seal(email),
            roles: roles.iter().map(|r| (*r).to_owned()).collect(),
        };
        self.operator(Ask::People(add)).await.unwrap_or_else(|error| panic!("{name} is not added: {error}"));
        let key = env.id("");
        let minted = secret::mint_key(&env, &key);
        self.staff.entry(name.to_owned()).or_insert(Member { id: id.clone(), key: minted.shown });
        self.operator(Ask::People(PeopleCommand::IssueKey { person: id, key, sha256: minted.sha256 })).await.expect("a key is issued");
        self.person(name)
    }

    /// Somebody's id, also while the service is stopped.
    pub fn id_of(&self, name: &str) -> String {
        self.staff[name].id.clone()
    }

    /// Takes an acknowledged incident through its phases, and gives it everything that closing wants.
    pub async fn readies(&self, inc: &str, disposition: &str) {
        self.readies_but_for_the_review(inc, disposition).await;
        self.reviews(inc).await;
    }

    /// The same, but nobody has looked back yet.
    pub async fn readies_but_for_the_review(&self, inc: &str, disposition: &str) {
        let ana = self.person("ana");
        for (step, line) in [("contain", "Cut off."), ("eradicate", "Removed."), ("recover", "Back; an order went through.")] {
            ana.takes(step, inc, json!({ "line": line })).await.done();
        }
        self.answers_all(inc, disposition).await;
    }

    /// Closes a recovered incident, with everything that closing wants.
    pub async fn closes_what_recovered(&self, inc: &str, disposition: &str) {
        self.answers_all(inc, disposition).await;
        self.reviews(inc).await;
        self.person("mia").closes(inc, "Fixed, and confirmed.").await.done();
    }

    async fn answers_all(&self, inc: &str, disposition: &str) {
        let (ana, mia) = (self.person("ana"), self.person("mia"));
        ana.notes(inc, "A worker hung.").await.done();
        for phase in ["contain", "eradicate"] {
            ana.waives_evidence(inc, phase, "It is in version control.").await.done();
        }
        for link in ["caused_by", "remediated_by"] {
            ana.explains_no_link(inc, link, "It was found out on the spot.").await.done();
        }
        for task in ana.sees(inc).await["tasks"].as_array().into_iter().flatten() {
            ana.ticks(inc, task["task"].as_i64().expect("a number")).await.done();
        }
        let answers = json!({
            "class": "availability/outage", "vector": "other", "detection_source": "audit", "data_involved": ["none"],
            "systems_affected": ["checkout-1"], "reporting_duties": ["none"], "root_cause": "A worker hung.",
            "resolution": "It was restarted; ben placed an order.", "disposition": disposition,
        });
        mia.sets(inc, answers).await.done();
    }

    /// Mia completes the reviews that a ticket was given.
    pub async fn reviews(&self, ticket: &str) {
        let mia = self.person("mia");
        let seen = mia.sees(ticket).await;
        let reviews = seen["links"].as_array().into_iter().flatten().filter(|l| l["link"] == "reviewed_by");
        for review in reviews.filter_map(|l| l["to"].as_str()) {
            mia.explains_no_link(review, "corrected_by", "Nothing is to be corrected.").await.done();
            let found = json!({ "findings": "A worker hung and nobody was told; the restart took two minutes.", "outcome": "fine" });
            mia.takes("complete", review, json!({ "fields": found })).await.done();
        }
    }

    /// Every replica listens for sources that have fallen silent, as its scheduler does.
    pub async fn looks_for_silence(&self) {
        for replica in &self.replicas {
            let app = &replica.app;
            let expected = countersign::cli::service::expected(&app.config);
            app.desk.listen_for(&expected, app.started).await.expect("the desk can listen");
        }
    }

    /// Opens so many tickets, of a kind that makes one event each, straight at the desk.
    pub async fn seeds(&mut self, tickets: usize) {
        let mut files = countersign::procedure::built_in();
        files.push(("kinds/entry.yaml".to_owned(), ENTRY.as_bytes().to_vec()));
        self.adopts(files, "Entries are kept here.").await;
        self.opens_many("entry", tickets).await;
    }

    /// Opens so many tickets of a kind that wants a title only, straight at the desk.
    pub async fn opens_many(&self, kind: &str, tickets: usize) {
        let (desk, person) = (self.desk().clone(), self.id_of("ana"));
        let open = |n: usize| {
            let open = Open {
                kind: kind.to_owned(),
                fields: BTreeMap::from([("title".to_owned(), FieldInput::Sealed(desk.seal(format!("Entry {n}"))))]),
                response: None,
                occurred_at: None,
                intake: "api".to_owned(),
                received_at: desk.now(),
            };
            let via = Via { surface: "api".to_owned(), auth: "key".to_owned(), credential: None };
            let who = Who::Person { id: person.clone() };
            desk.ask(Request { who, via, ip: None, envelope: None, dedupe: None, ask: Ask::Ticket(Box::new(Command::Open(open))) })
        };
        let opened = stream::iter(0..tickets).map(open).buffer_unordered(1000).collect::<Vec<_>>().await;
        assert!(opened.iter().all(Result::is_ok), "a ticket was not opened");
    }

    /// Stops somebody.
    pub async fn disables(&self, name: &str) {
        let disable = PeopleCommand::Disable { person: self.staff[name].id.clone(), reason: self.desk().seal("They left.") };
        self.operator(Ask::People(disable)).await.expect("somebody is disabled");
    }

    pub fn person(&self, name: &str) -> Person {
        self.person_at(0, name)
    }

    /// Somebody, at one replica.
    pub fn person_at(&self, replica: usize, name: &str) -> Person {
        let member = self.staff.get(name).unwrap_or_else(|| panic!("nobody here is called {name}"));
        Person {
            name: name.to_owned(),
            id: member.id.clone(),
            pass: Pass::Key(member.key.clone()),
            base: self.base(replica),
            client: self.client.clone(),
            idempotency: None,
        }
    }

    /// Somebody at the console, signed in with a one-time link.
    pub async fn signed_in(&self, name: &str) -> Person {
        let (env, desk) = (self.env(), self.desk());
        let (link, session) = (secret::mint(&env), secret::mint(&env));
        let person = self.person(name);
        let expires_at = self.now().plus(hours(1));
        let issue = Ask::IssueLink { person: person.id.clone(), hash: link.sha256.clone(), expires_at };
        self.operator(issue).await.expect("a link is issued");
        let sign_in = SignIn {
            link: Some(link.sha256),
            person: None,
            session: session.sha256,
            session_id: env.id("s_"),
            expires_at: self.now().plus(days(1)),
        };
        desk.ask(Request::of_scheduler(Ask::SignIn(sign_in))).await.expect("somebody signs in");
        Person { pass: Pass::Session(session.shown), ..person }
    }

    /// A source's tool, at the first replica.
    pub fn tool(&self, source: &str) -> Tool {
        let (path, proof) = match source {
            "prometheus" => ("/api/v2/alerts".to_owned(), Proof::Basic("prom".into(), PASSWORD.into())),
            "pager" => ("/v2/enqueue".to_owned(), Proof::Nothing),
            "am-basic" => (format!("/hooks/{source}"), Proof::Basic("am".into(), PASSWORD.into())),
            "grafana" => {
                let header = "x-grafana-alerting-signature".to_owned();
                (format!("/hooks/{source}"), Proof::Hmac { secret: HMAC.into(), header, prefix: String::new() })
            }
            "doors" => (format!("/hooks/{source}"), Proof::Stamped { secret: HMAC.into(), at: self.now().seconds() }),
            "script" => (format!("/hooks/{source}"), Proof::Query(QUERY.into())),
            "lab" => (format!("/hooks/{source}"), Proof::Nothing),
            _ => (format!("/hooks/{source}"), Proof::Bearer(BEARER.into())),
        };
        Tool { client: self.client.clone(), base: self.base(0), path, proof }
    }

    pub fn alertmanager(&self) -> Tool {
        self.tool("alertmanager")
    }

    // ── what stands in the record ───────────────────────────────────────────────────────────────────────

    /// The test's own look at the database.
    pub async fn store(&self) -> Store {
        Store::open_existing(&self.database.address).await.expect("the database can be looked at")
    }

    /// Every event of the log.
    pub async fn log(&self) -> Vec<Value> {
        let store = self.store().await;
        let rows = store.events_from(0, i64::MAX).await.expect("events can be read");
        store.close().await;
        rows.iter().map(|(_, bytes)| serde_json::from_slice(bytes).expect("an event is JSON")).collect()
    }

    /// Events of one kind.
    pub async fn log_of(&self, kind: &str) -> Vec<Value> {
        self.log().await.into_iter().filter(|event| event["kind"] == kind).collect()
    }

    /// How many events there are.
    pub async fn size(&self) -> i64 {
        self.database.number("SELECT size FROM ledger_head").await
    }

    /// A ticket's events with their texts, over HTTP.
    pub async fn events(&self, ticket: &str) -> Vec<Value> {
        let (aud, mut after, mut events) = (self.person("aud"), 0, Vec::new());
        loop {
            let page = aud.gets(&format!("/api/v1/tickets/{ticket}/events?limit=1000&after={after}")).await.done();
            events.extend(page["events"].as_array().cloned().unwrap_or_default());
            match page["next"].as_i64() {
                Some(next) => after = next,
                None => return events,
            }
        }
    }

    /// A ticket's timeline as people would tell it: who, what, and the words.
    pub async fn said(&self, ticket: &str) -> Vec<String> {
        self.events(ticket).await.iter().map(|event| self.line(event)).collect()
    }

    fn line(&self, event: &Value) -> String {
        let who = match event["actor"]["type"].as_str() {
            Some("person") => {
                let id = event["actor"]["id"].as_str().unwrap_or_default();
                self.staff.iter().find(|(_, member)| member.id == id).map_or(id, |(name, _)| name).to_owned()
            }
            Some("source") => event["actor"]["name"].as_str().unwrap_or_default().to_owned(),
            _ => "scheduler".to_owned(),
        };
        let mut line = format!("{who}: {}", event["kind"].as_str().unwrap_or_default());
        for name in ["transition", "clock", "percent", "link", "phase", "task", "group", "code", "status", "count"] {
            match &event["data"][name] {
                Value::String(text) => line.push_str(&format!(" {text}")),
                Value::Number(number) => line.push_str(&format!(" {number}")),
                _ => {}
            }
        }
        for name in ["field.title", "note", "line", "reason", "name"] {
            if let Some(text) = event["texts"][name].as_str() {
                line.push_str(&format!(" “{text}”"));
            }
        }
        line
    }

    // ── the end ─────────────────────────────────────────────────────────────────────────────────────────

    /// Checks the whole log from outside.
    pub async fn verify_ledger(&self) {
        let store = self.store().await;
        let faults = proof::faults(&store).await;
        store.close().await;
        assert!(faults.is_empty(), "the log is not clean:\n{}", faults.join("\n"));
    }

    /// Position of the first event of one kind.
    pub async fn events_raw(&self, kind: &str) -> i64 {
        self.database.number(&format!("SELECT MIN(seq) FROM event WHERE kind = '{kind}'")).await
    }

    /// What the program's own `verify --database` ends with, and says.
    pub async fn verified(&self) -> (i32, String) {
        self.runs(&["verify", "--database", &self.database.address]).await
    }

    /// Runs the program as somebody at the command line, in the story's folder: its exit code and its words.
    pub async fn runs(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_countersign"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERSIGN_")) {
            command.env_remove(name);
        }
        command.current_dir(self.folder.path()).args(arguments).stdin(std::process::Stdio::null());
        let said = tokio::task::spawn_blocking(move || command.output()).await.expect("it runs").expect("the program starts");
        let words = [said.stdout, said.stderr].concat();
        (said.status.code().expect("it ends by itself"), String::from_utf8(words).expect("what it says is text"))
    }

    /// Stops the service and exports everything, as the command line does: the bundle's folder. What was exported verifies.
    pub async fn exported(&mut self) -> PathBuf {
        self.signed().await;
        self.stops().await;
        let (code, words) = self.runs(&["export", "--all", "--folder", "--out", "bundle"]).await;
        assert_eq!(code, 0, "{words}");
        let (code, words) = self.runs(&["verify", "bundle"]).await;
        // Consistent; nothing from outside was given that could prove more.
        assert_eq!(code, 3, "{words}");
        self.path("bundle")
    }

    /// Name and text of every sealed value that a bundle discloses.
    pub fn disclosed(&self, bundle: &Path) -> Vec<(String, String)> {
        let lines = std::fs::read_to_string(bundle.join("sealed.jsonl")).expect("the sealed values of the bundle");
        let value = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("a line is JSON");
            let bytes = STANDARD.decode(line["value"].as_str().unwrap_or_default()).expect("a value is base64");
            (line["name"].as_str().unwrap_or_default().to_owned(), String::from_utf8_lossy(&bytes).into_owned())
        };
        lines.lines().map(value).collect()
    }

    /// Waits until everything is signed.
    pub async fn signed(&self) -> String {
        until("the log is signed", async || {
            let size = self.size().await;
            self.database.number("SELECT COALESCE(MAX(size), 0) FROM checkpoint").await == size
        })
        .await;
        self.database.texts("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1").await.remove(0)
    }

    /// The story has looked at what is broken itself; there is nothing to check at its end.
    pub fn leave_broken(&mut self) {
        self.closed = true;
    }

    async fn finish(mut self) {
        if !self.closed && !self.replicas.is_empty() && self.settings.contains("[slack]") {
            self.slack_is_told().await;
        }
        if !self.closed && !self.replicas.is_empty() && (self.settings.contains("[slack]") || self.settings.contains("[on_call]")) {
            self.pages_are_sent().await;
        }
        // Time passed while they were sent, and something may have come due by then.
        if !self.closed && !self.replicas.is_empty() && self.settings.contains("[slack]") {
            self.slack_is_told().await;
        }
        self.stops().await;
        if !self.closed {
            assert_eq!(self.database.number("SELECT COUNT(*) FROM outbox").await, 0, "something was left in the outbox");
            self.verify_ledger().await;
        }
        self.database.drop().await;
    }
}

/// A copy of a file or a folder of files.
pub fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).expect("a folder can be made");
        for entry in std::fs::read_dir(from).expect("a folder can be read").filter_map(Result::ok) {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).expect("a file can be copied");
    }
}
