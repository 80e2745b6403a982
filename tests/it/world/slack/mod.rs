//! A Slack of our own, on loopback: it keeps channels, messages, pins and views, refuses what Slack refuses, and
//! misbehaves on demand. Stories look at what stands in it; nothing of the product is mocked.
//!
//! To let it do one more method: its name, scope and whether it takes JSON in [`api::METHODS`], its meaning in `api`.

pub mod api;
pub mod limits;
pub mod state;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;

pub use state::{Channel, Fault, State, User};

/// What the app presents; each unlike any other text, so that a story can look for it in logs and databases.
pub const BOT_TOKEN: &str = "xoxb-fake-24681357";
pub const APP_TOKEN: &str = "xapp-fake-97531864";
pub const CONFIGURATION_TOKEN: &str = "xoxe.xoxp-fake-11223344";
pub const SIGNING_SECRET: &str = "signing-secret-86429753";
/// How long a trigger id lasts, in seconds.
pub const TRIGGER_SECONDS: u64 = 3;

/// See the module.
#[derive(Clone)]
pub struct FakeSlack {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl FakeSlack {
    /// A workspace with nobody in it but the bot.
    pub async fn starts() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let fake = Self { address, state: Arc::new(Mutex::new(State::new())) };
        fake.lock().base = format!("http://{address}");
        let routes = api::routes(fake.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        fake
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn api_url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// `[slack]` of the configuration, so that the service talks to this one and hears from it over HTTP.
    pub fn settings(&self) -> String {
        format!("[slack]\nbot_token = \"{BOT_TOKEN}\"\nsigning_secret = \"{SIGNING_SECRET}\"\napi_url = \"{}\"\n", self.api_url())
    }

    // ── the workspace ───────────────────────────────────────────────────────────────────────────────────

    /// Somebody joins the workspace: a full member with a confirmed address.
    pub fn joins(&self, name: &str) -> String {
        self.joins_as(name, |_| {})
    }

    /// The same, as `change` makes them.
    pub fn joins_as(&self, name: &str, change: impl FnOnce(&mut User)) -> String {
        let mut state = self.lock();
        let id = format!("U{:08}", state.next());
        let mut user = User {
            id: id.clone(),
            name: name.to_owned(),
            team: state.team.clone(),
            email: format!("{name}@example.com"),
            confirmed: true,
            guest: false,
            bot: false,
            deleted: false,
            enterprise: String::new(),
        };
        change(&mut user);
        state.users.insert(id.clone(), user);
        id
    }

    /// A channel that somebody else made, without the bot.
    pub fn has_channel(&self, name: &str, private: bool) -> String {
        self.lock().add_channel(name, "UOTHER", private)
    }

    /// A trigger id, as a command or a click brings it. It lasts three seconds and is good once.
    pub fn trigger(&self) -> String {
        let mut state = self.lock();
        let id = format!("{}.fake", state.next());
        state.triggers.insert(id.clone(), Instant::now());
        id
    }

    /// A trigger id that has run out.
    pub fn stale_trigger(&self) -> String {
        let id = self.trigger();
        let past = Instant::now().checked_sub(std::time::Duration::from_secs(TRIGGER_SECONDS + 1));
        self.lock().triggers.insert(id.clone(), past.expect("the machine runs for some seconds"));
        id
    }

    /// Where answers to an interaction are posted.
    pub fn response_url(&self) -> String {
        format!("http://{}/respond/{}", self.address, self.lock().next())
    }

    /// A file as Slack keeps it; the address needs the bot's token.
    pub fn keeps_file(&self, bytes: &[u8]) -> (String, String) {
        let mut state = self.lock();
        let id = format!("F{:08}", state.next());
        state.files.insert(id.clone(), bytes.to_vec());
        let url = format!("http://{}/files/{id}", self.address);
        (id, url)
    }

    // ── misbehaving ─────────────────────────────────────────────────────────────────────────────────────

    /// The next request goes wrong.
    pub fn fails_next(&self, fault: Fault) {
        self.lock().faults.push_back((None, fault));
    }

    /// The next request of this method goes wrong.
    pub fn fails(&self, method: &str, fault: Fault) {
        self.lock().faults.push_back((Some(method.to_owned()), fault));
    }

    /// Every so many-th request is answered 429.
    pub fn limits_every(&self, every: u64) {
        self.lock().limit_every = every;
    }

    // ── looking ─────────────────────────────────────────────────────────────────────────────────────────

    pub fn channel(&self, name: &str) -> Option<Channel> {
        self.lock().channels.values().find(|c| c.name == name).cloned()
    }

    /// The one channel whose name begins so.
    pub fn channel_like(&self, beginning: &str) -> Channel {
        let found: Vec<Channel> = self.lock().channels.values().filter(|c| c.name.starts_with(beginning)).cloned().collect();
        assert_eq!(found.len(), 1, "channels that begin with {beginning}: {:?}", found.iter().map(|c| &c.name).collect::<Vec<_>>());
        found.into_iter().next().expect("one")
    }

    /// Texts of a channel's messages, the oldest first.
    pub fn said(&self, name: &str) -> Vec<String> {
        let text = |m: &Value| m["text"].as_str().unwrap_or_default().to_owned();
        self.channel(name).map(|c| c.messages.iter().map(text).collect()).unwrap_or_default()
    }

    /// How often a method did what it was asked.
    pub fn done(&self, method: &str) -> usize {
        self.lock().calls.iter().filter(|c| c.method == method && c.outcome == "ok").count()
    }

    /// How often a method was asked, whatever came of it.
    pub fn asked(&self, method: &str) -> usize {
        self.lock().calls.iter().filter(|c| c.method == method).count()
    }

    /// What the service sent that Slack never takes.
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }
}
