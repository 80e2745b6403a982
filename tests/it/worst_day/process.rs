//! The built program as a process of its own, on a story's database: it can be killed, frozen, and started again.
//!
//! A story makes its people and tools with the in-process service first ([`World`]), stops that, and goes on with one
//! or several processes; their clock is the machine's. [`Process::person`] and [`Process::tool`] point the story's
//! people and tools at a process. While a process may die under a request, ask with [`attempt`]: no answer is an
//! answer, too.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign::env::Env;
use reqwest::RequestBuilder;

use crate::machine::free_port;
use crate::server::program;
use crate::world::{Answered, Pass, Person, Tool, World, until};

/// A `serve` that runs, or did.
pub struct Process {
    child: Option<Child>,
    folder: PathBuf,
    /// Host and port; the same after every start.
    pub address: String,
    /// Set for the process alone.
    pub variables: Vec<(String, String)>,
    client: reqwest::Client,
}

impl Process {
    /// A process on the story's database, configured as a replica in `folder` (empty for the story's own, with its key).
    /// It does not run yet.
    pub fn new(w: &World, folder: &str) -> Self {
        Self::at(w, &w.database.address, folder)
    }

    /// The same on another database.
    pub fn at(w: &World, database: &str, folder: &str) -> Self {
        w.config_at(database, folder);
        let folder = if folder.is_empty() { w.folder.path().to_owned() } else { w.path(folder) };
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { child: None, folder, address: format!("127.0.0.1:{}", free_port()), variables: Vec::new(), client }
    }

    /// Starts it, and waits until it answers.
    pub async fn starts(&mut self) {
        self.spawns();
        let address = format!("http://{}/healthz", self.address);
        until("the process answers", async || {
            assert!(self.runs(), "it ended by itself:\n{}", self.said());
            self.client.get(&address).timeout(Duration::from_secs(2)).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    /// Starts it, and waits for nothing.
    pub fn spawns(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.log()).expect("a file for what it says");
        let mut command = program();
        command
            .current_dir(&self.folder)
            .args(["--config", "countersign.toml", "serve", "--listen", &self.address])
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log);
        self.child = Some(command.spawn().expect("the program starts"));
    }

    fn log(&self) -> PathBuf {
        self.folder.join(format!("serve-{}.log", self.address.rsplit(':').next().unwrap_or_default()))
    }

    /// Everything that it said so far.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// `kill -9`: at once, whatever it is doing.
    pub fn is_killed(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it is gone");
        }
    }

    /// SIGTERM, and waits for its end.
    pub async fn ends(&mut self) {
        self.signals("TERM");
        until("the process ends", async || !self.runs()).await;
        self.child = None;
    }

    /// SIGSTOP: it stands still, and holds what it holds.
    pub fn freezes(&self) {
        self.signals("STOP");
    }

    /// SIGCONT.
    pub fn goes_on(&self) {
        self.signals("CONT");
    }

    /// Sends it a signal by name.
    pub fn signals(&self, name: &str) {
        let child = self.child.as_ref().expect("it runs");
        // The shell's own `kill`: calling the system directly would be unsafe code.
        let told = Command::new("sh").args(["-c", &format!("kill -s {name} {}", child.id())]).status().expect("a shell");
        assert!(told.success(), "SIG{name} was not sent");
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Somebody of the story, at this process.
    pub fn person(&self, person: &Person) -> Person {
        Person { base: self.base(), client: self.client.clone(), ..person.clone() }
    }

    /// A tool of the story, at this process.
    pub fn tool(&self, tool: &Tool) -> Tool {
        Tool { base: self.base(), client: self.client.clone(), ..tool.clone() }
    }

    /// What `/readyz` says: whether it is ready, and its words.
    pub async fn ready(&self) -> (bool, String) {
        match attempt(self.client.get(format!("{}/readyz", self.base())), "/readyz").await {
            Some(answer) => (answer.status == 200, answer.text()),
            None => (false, "no answer".to_owned()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = self.child.as_mut() {
            // Already gone is as good as ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends a request to a process that may die meanwhile; `None` when no whole answer came.
pub async fn attempt(request: RequestBuilder, asked: &str) -> Option<Answered> {
    let response = request.timeout(Duration::from_secs(20)).send().await.ok()?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.ok()?.to_vec();
    Some(Answered { status, headers, bytes, asked: asked.to_owned() })
}

/// Somebody's request with a body of JSON, under an `Idempotency-Key`.
pub fn under_key(person: &Person, path: &str, key: &str, body: &serde_json::Value) -> RequestBuilder {
    as_person(person, person.client.post(format!("{}{path}", person.base)).header("idempotency-key", key).json(body))
}

/// A request with somebody's API key.
pub fn as_person(person: &Person, request: RequestBuilder) -> RequestBuilder {
    let Pass::Key(key) = &person.pass else { panic!("{} has no key", person.name) };
    request.bearer_auth(key)
}

/// A moment that nobody foresees, up to `most` milliseconds from now.
pub async fn a_random_moment(most: u64) {
    let drawn = u64::from_le_bytes(Env::system().bytes()) % most.max(1);
    tokio::time::sleep(Duration::from_millis(drawn)).await;
}
