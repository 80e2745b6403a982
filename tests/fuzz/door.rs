//! The whole HTTP surface, in this process: a request line, headers, an empty line, a body. Whatever it is, the answer is
//! never a fault of ours, and a refusal by the API is a sentence in the shape of RFC 9457.

use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, Method, Request};
use countersign::cli::service::Service;
use countersign::config::Config;
use countersign::desk::Desk;
use countersign::desk::request::{Ask, Request as Asked};
use countersign::env::Env;
use countersign::inbound::router;
use countersign::people::{PeopleCommand, secret};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// What stands for a responder's API key in a header.
const KEY: &str = "KEY";

struct Door {
    runtime: Runtime,
    routes: Router,
    key: String,
    _folder: tempfile::TempDir,
}

static DOOR: LazyLock<Door> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // In memory, where the machine has such a folder: what is looked for is not the disk.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder");
    let file = folder.path().join("countersign.toml");
    let text = format!("database = \"sqlite:countersign.db\"\nattachments = \"file:attachments\"\n{}", super::CONFIGURATION);
    std::fs::write(&file, text).expect("a temporary folder can be written");
    let config = Config::load(Some(&file), []).expect("it is sound");
    let (routes, key) = runtime.block_on(async {
        let service = Service::open(config, Env::system(), false).await.expect("the service opens");
        let key = hires(&service.app.desk).await;
        (router(service.app), key)
    });
    Door { runtime, routes, key, _folder: folder }
});

async fn hires(desk: &Desk) -> String {
    let env = Env::system();
    let (id, key) = (env.id("p_"), env.id(""));
    let roles = ["administrator", "responder", "incident-manager"].map(str::to_owned).to_vec();
    let add = PeopleCommand::Add { id: id.clone(), name: desk.seal("ada"), email: desk.seal("ada@example.com"), roles };
    desk.ask(Asked::of_operator(None, Ask::People(add))).await.expect("the first administrator");
    let minted = secret::mint_key(&env, &key);
    let issue = PeopleCommand::IssueKey { person: id.clone(), key, sha256: minted.sha256 };
    desk.ask(Asked::of_operator(Some(id), Ask::People(issue))).await.expect("a key");
    minted.shown
}

fn request(bytes: &[u8], key: &str) -> Option<Request<Body>> {
    let (head, body) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &[][..]),
    };
    let mut lines = head.split(|b| *b == b'\n');
    let line = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = line.split_once(' ')?;
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).ok()?).uri(target);
    for line in lines {
        let at = line.iter().position(|b| *b == b':')?;
        let value = String::from_utf8_lossy(&line[at + 1..]).trim().replace(KEY, key);
        request = request.header(HeaderName::from_bytes(&line[..at]).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    request.body(Body::from(body.to_vec())).ok()
}

/// One request, and its answer.
pub fn knock(bytes: &[u8]) {
    let door = &*DOOR;
    let Some(request) = request(bytes, &door.key) else { return };
    let path = request.uri().path().to_owned();
    if path.starts_with("/console/events") || path.ends_with("/stream") {
        // Answers for as long as somebody listens.
        return;
    }
    door.runtime.block_on(async {
        let answer = door.routes.clone().oneshot(request).await.expect("a router always answers");
        let (parts, body) = answer.into_parts();
        assert!(parts.status.as_u16() < 500, "{path} was answered {}", parts.status);
        let events = parts.headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if events {
            return;
        }
        let bytes = to_bytes(body, 64 << 20).await.expect("an answer ends");
        if parts.status.as_u16() >= 400 && path.starts_with("/api/v1/") {
            let kind = parts.headers.get("content-type").map(|kind| kind.as_bytes().to_vec()).unwrap_or_default();
            assert_eq!(kind, b"application/problem+json", "{path} was answered {}", parts.status);
            let problem: serde_json::Value = serde_json::from_slice(&bytes).expect("a problem is JSON");
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 9), "{problem}");
        }
    });
}
