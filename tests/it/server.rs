//! The program as a customer runs it: the built binary, a `countersign.toml` and playbooks in a folder of its own, people
//! and keys by the command line beside the running service, and its HTTP surface.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

use super::machine::{self, Running};

/// The token of the source `alertmanager`.
pub const BEARER: &str = "a-bearer-token-for-a-test";
/// The password of the sources `prometheus` and `amtool`, whose users have the same names.
pub const PASSWORD: &str = "a-basic-password-for-a-test";
/// The routing key of the source `pagerduty`.
pub const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";

/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before looking again at what another process does.
const GLANCE: Duration = Duration::from_millis(100);

/// A running service. Fields drop in order: the program before its folder.
pub struct Server {
    program: Running,
    folder: TempDir,
    /// Host and port.
    pub address: String,
}

impl Server {
    /// Starts one with every kind of source, whose playbooks tell repeats after a second.
    pub fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"))
    }

    /// Starts one that signs its log with somebody's key.
    pub fn start_with_key(key: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::copy(key, folder.path().join("log.key")).expect("a temporary folder can be written");
        Self::start_in(folder)
    }

    fn start_in(folder: TempDir) -> Self {
        copy_playbooks(&folder.path().join("playbooks"));
        let address = format!("127.0.0.1:{}", machine::free_port());
        fs::write(folder.path().join("countersign.toml"), configuration(&address)).expect("a temporary folder can be written");
        let mut command = program();
        command.current_dir(folder.path()).arg("serve");
        let mut program = Running::spawn(command);
        program.wait_for("listening");
        Self { program, folder, address }
    }

    /// Its address as a browser writes it.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The most memory it ever had, in KiB.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.program.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
        line.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
    }

    /// Ends it as SIGTERM does; its folder stays.
    pub fn stops(&mut self) {
        self.program.signal("TERM");
        self.program.ended();
    }

    /// A file or folder of the service.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a subcommand in the service's folder, beside the running service, and gives what it prints.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.attempt(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "countersign {arguments:?}: {}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Runs a subcommand that may fail.
    pub fn attempt(&self, arguments: &[&str]) -> Output {
        program().current_dir(self.folder.path()).args(arguments).output().expect("the program can be started")
    }

    /// Adds a person with these roles, makes them an API key, and gives their way in. The first must be an administrator.
    pub async fn person(&self, email: &str, roles: &[&str]) -> Api {
        let mut arguments = vec!["people", "add", email, "--name", email];
        arguments.extend(roles.iter().flat_map(|role| ["--role", role]));
        self.run(&arguments);
        let answer: Value = serde_json::from_str(&self.run(&["people", "key", email, "--json"])).expect("--json prints JSON");
        let api = self.api(answer["secret"].as_str().expect("a new key is shown once"));
        // The running service learns from the database what the command line wrote beside it.
        until("the service knows the new key", async || (api.get("/api/v1/me").await.0 == StatusCode::OK).then_some(())).await;
        api
    }

    /// The HTTP surface with this bearer.
    pub fn api(&self, bearer: &str) -> Api {
        let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        Api { client, base: self.base(), bearer: bearer.to_owned() }
    }
}

/// Somebody's way into the HTTP surface.
pub struct Api {
    client: reqwest::Client,
    base: String,
    bearer: String,
}

impl Api {
    /// What it proves itself with.
    pub fn bearer(&self) -> &str {
        &self.bearer
    }

    /// Asks for `path`: the status and the bytes.
    pub async fn bytes(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let answer = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.bearer).send().await.expect("the service answers");
        (answer.status(), answer.bytes().await.expect("the answer arrives whole").to_vec())
    }

    /// Asks for `path`: the status and the JSON.
    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        let (status, bytes) = self.bytes(path).await;
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// Asks for `path`, which must be there.
    pub async fn look(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// Posts JSON: the status and the answer.
    pub async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let asked = self.client.post(format!("{}{path}", self.base)).bearer_auth(&self.bearer).json(body);
        let answer = asked.send().await.expect("the service answers");
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    /// All tickets.
    pub async fn tickets(&self) -> Vec<Value> {
        self.look("/api/v1/tickets?limit=1000").await["tickets"].as_array().cloned().unwrap_or_default()
    }

    /// What happened on a ticket, in order.
    pub async fn events(&self, ticket: &str) -> Vec<Value> {
        self.look(&format!("/api/v1/tickets/{ticket}/events?limit=1000")).await["events"].as_array().cloned().unwrap_or_default()
    }

    /// The data of the ticket's events of one kind.
    pub async fn facts(&self, ticket: &str, kind: &str) -> Vec<Value> {
        self.events(ticket).await.into_iter().filter(|e| e["kind"] == kind).map(|mut e| e["data"].take()).collect()
    }

    /// Every delivery that the service has taken, in order.
    pub async fn deliveries(&self) -> Vec<Value> {
        let mut found = Vec::new();
        loop {
            let (status, delivery) = self.get(&format!("/api/v1/deliveries/{}", found.len() + 1)).await;
            if status != StatusCode::OK {
                return found;
            }
            found.push(delivery);
        }
    }
}

/// Waits until `look` finds something in what other processes do, and gives it.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "this never came true: {what}");
        tokio::time::sleep(GLANCE).await;
    }
}

/// The program under test, with none of the surrounding configuration.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("COUNTERSIGN_")) {
        command.env_remove(name);
    }
    command
}

fn configuration(address: &str) -> String {
    let mut text = format!(
        "listen = \"{address}\"\ndatabase = \"sqlite:countersign.db\"\nplaybooks = \"playbooks\"\n[log]\norigin = \"test.invalid/log\"\n"
    );
    let mut source = |name: &str, format: &str, proof: &str| {
        // Writing into a string cannot fail.
        let _ = write!(text, "\n[[source]]\nname = \"{name}\"\nformat = \"{format}\"\n{proof}\n");
    };
    source("alertmanager", "alertmanager", &format!("auth = {{ bearer = \"{BEARER}\" }}"));
    for user in ["prometheus", "amtool"] {
        source(user, "alertmanager-api", &format!("auth = {{ basic = {{ user = \"{user}\", password = \"{PASSWORD}\" }} }}"));
    }
    source("pagerduty", "pagerduty", &format!("routing_key = \"{ROUTING_KEY}\""));
    text
}

/// The shipped playbooks, except that repeats are told after a second instead of ten minutes.
fn copy_playbooks(to: &Path) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks");
    for folder in ["", "kinds", "responses"] {
        fs::create_dir_all(to.join(folder)).expect("a temporary folder can be written");
        let entries = fs::read_dir(shipped.join(folder)).expect("the playbooks are part of the repository").filter_map(Result::ok);
        for file in entries.map(|entry| entry.path()).filter(|path| path.is_file()) {
            let text = fs::read_to_string(&file).expect("a playbook is text");
            let name = file.file_name().expect("a file has a name");
            let changed = text.replace("repeats_every: 10m", "repeats_every: 1s");
            fs::write(to.join(folder).join(name), changed).expect("a temporary folder can be written");
        }
    }
}
