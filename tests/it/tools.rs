//! Other people's programs, as customers run them: Debian's Prometheus, Alertmanager and amtool, PagerDuty's own Python
//! library, and a verifier that is built from Go's own packages. Their configurations are in `tests/tools/`.
//!
//! The tests here show that the rig itself works, against a receiver of a few lines; the stories use it on the server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::machine::{self, Running};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name)
}

/// Writes a configuration of `tests/tools/` into `folder`, with its `@PLACES@` filled in.
fn configure(folder: &TempDir, name: &str, places: &[(&str, &str)]) -> String {
    let text = fs::read_to_string(file(name)).expect("tests/tools/ is part of the repository");
    let text = places.iter().fold(text, |text, (place, value)| text.replace(place, value));
    let path = folder.path().join(name);
    fs::write(&path, text).expect("a temporary folder can be written");
    path.display().to_string()
}

/// Prometheus with one rule, `PaymentsDown`, that fires from the start. Fields drop in order: the program before its folder.
pub struct Prometheus {
    program: Running,
    rules: PathBuf,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one that tells `alertmanager`, a host and port that speaks Alertmanager's API v2; `password` is what the user
    /// `prometheus` sends along. The first alert comes after some seconds: it looks for its Alertmanagers every five.
    pub fn start(alertmanager: &str, password: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let rules = folder.path().join("rules.yml");
        fs::copy(file("rules-firing.yml"), &rules).expect("a temporary folder can be written");
        let rules_path = rules.display().to_string();
        let places = [("@RULES@", rules_path.as_str()), ("@ALERTMANAGER@", alertmanager), ("@PASSWORD@", password)];
        let arguments = [
            format!("--config.file={}", configure(&folder, "prometheus.yml", &places)),
            format!("--storage.tsdb.path={}", folder.path().join("data").display()),
            format!("--web.listen-address=127.0.0.1:{}", machine::free_port()),
            // An alert that was sent before any Alertmanager was known is sent again soon, not after a minute.
            "--rules.alert.resend-delay=1s".to_owned(),
        ];
        let mut program = Running::start(&machine::program("prometheus", "prometheus"), &arguments);
        program.wait_for("Server is ready");
        Self { program, rules, _folder: folder }
    }

    /// All is well again: the rule yields nothing, so Prometheus resolves its alert.
    pub fn resolve(&self) {
        fs::copy(file("rules-resolved.yml"), &self.rules).expect("a temporary folder can be written");
        self.program.signal("HUP");
    }
}

/// Alertmanager that passes everything on to one webhook, at once, and repeats it every second or two while it fires.
pub struct Alertmanager {
    _program: Running,
    _folder: TempDir,
    /// Its own address, a host and port.
    pub address: String,
}

impl Alertmanager {
    /// Starts one for the webhook at `hook`, with `token` as its bearer.
    pub fn start(hook: &str, token: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = format!("127.0.0.1:{}", machine::free_port());
        let arguments = [
            format!("--config.file={}", configure(&folder, "alertmanager.yml", &[("@HOOK@", hook), ("@TOKEN@", token)])),
            format!("--storage.path={}", folder.path().join("data").display()),
            format!("--web.listen-address={address}"),
            // No cluster: it would listen beyond loopback.
            "--cluster.listen-address=".to_owned(),
        ];
        let mut program = Running::start(&machine::program("prometheus-alertmanager", "prometheus-alertmanager"), &arguments);
        program.wait_for("Listening on");
        Self { _program: program, _folder: folder, address }
    }
}

/// `amtool alert add` with the given labels (`alertname` first), as `user`, to the server at `base`; its words when it fails.
pub fn amtool(base: &str, user: &str, password: &str, labels: &[&str]) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let credentials = folder.path().join("http.yml");
    fs::write(&credentials, format!("basic_auth:\n  username: {user}\n  password: {password}\n"))
        .expect("a temporary folder can be written");
    let mut command = Command::new(machine::program("amtool", "prometheus-alertmanager"));
    command.arg(format!("--http.config.file={}", credentials.display())).arg(format!("--alertmanager.url={base}"));
    run(command.args(["alert", "add"]).args(labels)).map(drop)
}

/// PyPI's `pdpyras` sends `trigger`, `acknowledge` or `resolve` to the server at `base`; gives the dedup key of the answer,
/// or the library's error.
pub fn pagerduty(base: &str, routing_key: &str, action: &str, dedup_key: &str) -> Result<String, String> {
    let python = machine::tools().join("venv/bin/python");
    run(Command::new(python).arg(file("pagerduty.py")).args([base, routing_key, action, dedup_key])).map(|words| words.trim().to_owned())
}

fn verifier_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verifier").join(name)
}

/// Debian's Go, with Debian's own packages from their folder, without the network.
fn go(command: &mut Command) -> &mut Command {
    machine::program("go", "golang-go golang-golang-x-mod-dev");
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/go-cache");
    command.env("GO111MODULE", "off").env("GOPATH", "/usr/share/gocode").env("GOCACHE", cache)
}

/// The verifier of `tests/verifier`, built once, checks the bundle or the log in `folder` with the log's key in `vkey`;
/// with `older`, also that this earlier checkpoint is its beginning. Its words, either way.
pub fn go_verifier(folder: &Path, vkey: &Path, older: Option<&Path>) -> Result<String, String> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let verifier = BUILT.get_or_init(|| {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/verifier");
        let mut command = Command::new("go");
        run(go(&mut command).args(["build", "-o"]).arg(&program).arg(verifier_file("main.go"))).expect("the Go verifier can be built");
        program
    });
    let mut command = Command::new(verifier);
    command.arg("-key").arg(vkey);
    if let Some(older) = older {
        command.arg("-old").arg(older);
    }
    run(command.arg(folder))
}

/// `tests/verifier/run.sh`: Go and openssl accept the bundle or the log in `folder`, and refuse it with one bit of any
/// file changed. Its words, either way.
pub fn accepted_and_no_damaged_copy(folder: &Path, vkey: &Path, witness: Option<&Path>, older: Option<&Path>) -> Result<String, String> {
    machine::program("openssl", "openssl");
    let mut command = Command::new(verifier_file("run.sh"));
    // An empty word stands for a witness that there is not.
    command.arg(folder).arg(vkey).arg(witness.unwrap_or(Path::new(""))).args(older);
    run(go(&mut command))
}

fn run(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } = command.output().unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
    let words = String::from_utf8_lossy(&stdout).into_owned();
    if status.success() { Ok(words) } else { Err(format!("{status}: {words}{}", String::from_utf8_lossy(&stderr))) }
}

mod rig {
    use axum::Router;
    use axum::http::{HeaderMap, StatusCode, Uri};
    use axum::response::{IntoResponse, Json};
    use serde_json::{Value, json};
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    struct Delivery {
        path: String,
        authorization: String,
        body: Value,
    }

    /// Takes everything, answers as PagerDuty and Alertmanager do, and hands over what came.
    async fn receiver() -> (String, UnboundedReceiver<Delivery>) {
        let (sender, deliveries) = unbounded_channel();
        let answer = move |uri: Uri, headers: HeaderMap, body: String| async move {
            let authorization = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            let path = uri.path().to_owned();
            let status = if path.starts_with("/api/") { StatusCode::OK } else { StatusCode::ACCEPTED };
            let words = json!({ "status": "success", "message": "Event processed", "dedup_key": body["dedup_key"] });
            // The test may have seen enough and be gone.
            let _ = sender.send(Delivery { path, authorization, body });
            (status, Json(words)).into_response()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address").to_string();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        (address, deliveries)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn alertmanager_passes_on_what_prometheus_fires_and_resolves() {
        let (address, mut deliveries) = receiver().await;
        let alertmanager = Alertmanager::start(&format!("http://{address}/hooks/alertmanager"), "a-token");
        let prometheus = Prometheus::start(&alertmanager.address, "unused");
        let mut statuses = Vec::new();
        while statuses.last().is_none_or(|status| status != "resolved") {
            let delivery = deliveries.recv().await.expect("Alertmanager goes on");
            assert_eq!((delivery.path.as_str(), delivery.authorization.as_str()), ("/hooks/alertmanager", "Bearer a-token"));
            statuses.push(delivery.body["status"].as_str().unwrap_or_default().to_owned());
            if statuses.len() == 2 {
                prometheus.resolve();
            }
        }
        assert!(statuses.len() > 2 && statuses[..2] == ["firing", "firing"], "it fires, repeats, and resolves: {statuses:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn prometheus_amtool_and_pdpyras_speak_to_a_server_that_is_not_theirs() {
        let (address, mut deliveries) = receiver().await;
        let base = format!("http://{address}");
        assert_eq!(pagerduty(&base, "a-key", "trigger", "one").as_deref(), Ok("one"));
        assert_eq!(deliveries.recv().await.expect("a delivery").body["routing_key"], "a-key");

        amtool(&base, "ops", "a-password", &["DiskFull", "service=db"]).expect("amtool is content");
        let mut delivery = deliveries.recv().await.expect("a delivery");
        while delivery.path == "/api/v2/status" {
            delivery = deliveries.recv().await.expect("a delivery");
        }
        assert_eq!((delivery.path.as_str(), &delivery.body[0]["labels"]["alertname"]), ("/api/v2/alerts", &json!("DiskFull")));
        assert!(delivery.authorization.starts_with("Basic "));

        let _prometheus = Prometheus::start(&address, "a-password");
        let delivery = deliveries.recv().await.expect("a delivery");
        assert_eq!((delivery.path.as_str(), &delivery.body[0]["labels"]["alertname"]), ("/api/v2/alerts", &json!("PaymentsDown")));
    }

    #[test]
    fn a_server_that_is_not_there_is_said_so() {
        let base = format!("http://127.0.0.1:{}", machine::free_port());
        assert!(amtool(&base, "ops", "x", &["DiskFull"]).is_err_and(|words| words.contains("connection refused")));
    }

    #[test]
    fn the_go_verifier_refuses_what_is_no_log() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let vkey = empty.path().join("vkey");
        fs::write(&vkey, "example.invalid/log+00000000+AQ==").expect("a temporary folder can be written");
        assert!(go_verifier(empty.path(), &vkey, None).is_err_and(|words| words.contains("refused:")));
    }
}
