//! Reports on deployments: GitHub's `deployment_status`, GitLab's deployment events, Argo CD's applications (with the body
//! `{"app": {{toJson .app}}}` in the notification's template), and a plain form for everything else:
//!
//! ```json
//! { "id": "421", "status": "started|succeeded|failed", "repository": "acme/web-shop", "environment": "production",
//!   "revision": "1a2b3c", "title": "Deploy CHG-000107", "change": "CHG-000107", "pull_request": "https://…/12",
//!   "author": "ana", "reviewers": ["bo"], "by": "pipeline", "url": "https://…", "began_at": "…", "ended_at": "…" }
//! ```
//!
//! Which of them it is, the body says. What reports nothing (a ping, a deployment that waits) is kept and comes to nothing.

use serde_json::Value;

use super::document::{fit_line, fit_url, moment, read_json, text_at};
use super::{Arrival, ParseRefusal, Parsed, Reply};
use crate::config::SourceConfig;
use crate::inbound::code::Code;
use crate::ticket::deployment::{Deployment, DeploymentState, MOST_NAMES, numbers_in};
use crate::ticket::number::Number;

/// Reviewers that are kept of one report.
const MOST_REVIEWERS: usize = 20;

/// Reads a report.
///
/// # Errors
/// When it is not JSON within bounds, or says that it is a deployment and lacks what every report has.
pub fn parse(source: &SourceConfig, arrival: &Arrival<'_>) -> Result<Parsed, ParseRefusal> {
    let body = read_json(arrival.body, source.max_body)?;
    let event = arrival.headers.get("x-github-event").and_then(|name| name.to_str().ok());
    let read = match () {
        () if !body.is_object() => return Err(wrong("The body has to be one JSON object.")),
        () if event.is_some_and(|name| name != "deployment_status") => Read::Nothing("GitHub reports something else than a deployment"),
        () if body["deployment_status"].is_object() => github(&body)?,
        () if body["object_kind"].is_string() => gitlab(&body)?,
        () if body["app"].is_object() => argo(&body["app"])?,
        () => plain(&body)?,
    };
    let mut parsed = Parsed::of(Reply::Hooks);
    match read {
        Read::Report(report) => parsed.deployments.push(report.checked(&source.name)?),
        Read::Nothing(why) => parsed.leave_out(format!("{why}; it is kept.")),
    }
    Ok(parsed)
}

/// What a body turned out to be.
enum Read {
    Report(Box<Report>),
    /// Genuine, but no news of a deployment, and why.
    Nothing(&'static str),
}

/// A report before it is held to its bounds.
#[derive(Default)]
struct Report {
    id: Option<String>,
    state: Option<DeploymentState>,
    repository: Option<String>,
    environment: Option<String>,
    transient: bool,
    revision: Option<String>,
    title: Option<String>,
    /// Texts in which tickets are named, the plainest first.
    naming: Vec<String>,
    pull_request: Option<String>,
    author: Option<String>,
    reviewers: Vec<String>,
    by: Option<String>,
    url: Option<String>,
    began_at: Option<crate::env::Timestamp>,
    ended_at: Option<crate::env::Timestamp>,
}

fn wrong(problem: impl Into<String>) -> ParseRefusal {
    ParseRefusal::new(Code::WrongShape, problem)
}

impl Report {
    fn checked(self, source: &str) -> Result<Deployment, ParseRefusal> {
        let line = |text: Option<String>| text.map(|t| fit_line(&t)).unwrap_or_default();
        let needed = |text: Option<String>, what: &str| {
            let text = line(text);
            if text.is_empty() { Err(wrong(format!("A report on a deployment says {what}; this one does not."))) } else { Ok(text) }
        };
        let state = self.state.ok_or_else(|| wrong("A report on a deployment says its status: started, succeeded or failed."))?;
        let mut names: Vec<Number> = Vec::new();
        for number in self.naming.iter().flat_map(|text| numbers_in(&fit_line(text))) {
            if names.len() < MOST_NAMES && !names.contains(&number) {
                names.push(number);
            }
        }
        let mut reviewers: Vec<String> = Vec::new();
        for reviewer in self.reviewers.iter().map(|r| fit_line(r)).filter(|r| !r.is_empty()) {
            if reviewers.len() < MOST_REVIEWERS && !reviewers.contains(&reviewer) {
                reviewers.push(reviewer);
            }
        }
        Ok(Deployment {
            source: source.to_owned(),
            id: needed(self.id, "which one it is (its id)")?,
            state,
            repository: needed(self.repository, "what is deployed (the repository)")?,
            environment: line(self.environment),
            transient: self.transient,
            revision: line(self.revision),
            title: line(self.title),
            names,
            pull_request: line(self.pull_request),
            author: line(self.author),
            reviewers,
            by: line(self.by),
            url: fit_url(&self.url.unwrap_or_default()),
            began_at: self.began_at,
            ended_at: self.ended_at.filter(|_| state != DeploymentState::Started),
        })
    }

    /// What a pipeline adds in its own object: the change, the pull request, who wrote and who reviewed it.
    fn told_by(&mut self, more: &Value) {
        for key in ["change", "changes", "ticket"] {
            self.naming.extend(texts(more.get(key)));
        }
        let pull_request = text_at(more, "pull_request").or_else(|| text_at(more, "merge_request"));
        self.pull_request = pull_request.or(self.pull_request.take());
        self.author = text_at(more, "author").or(self.author.take());
        self.reviewers.extend(texts(more.get("reviewers")));
    }
}

/// A text, or a list of texts.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().take(100).filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// The state behind a tool's word; none when it is no news yet.
fn state_of(word: &str) -> Option<DeploymentState> {
    match word.trim().to_lowercase().as_str() {
        "started" | "running" | "in_progress" | "progressing" => Some(DeploymentState::Started),
        "succeeded" | "success" | "successful" | "finished" | "deployed" => Some(DeploymentState::Succeeded),
        "failed" | "failure" | "error" | "canceled" | "cancelled" | "terminating" => Some(DeploymentState::Failed),
        _ => None,
    }
}

/// <https://docs.github.com/en/webhooks/webhook-events-and-payloads#deployment_status>
fn github(body: &Value) -> Result<Read, ParseRefusal> {
    let (status, deployment) = (&body["deployment_status"], &body["deployment"]);
    if !deployment.is_object() {
        return Err(wrong("GitHub's deployment_status comes with the deployment; this one does not."));
    }
    let Some(word) = text_at(status, "state") else { return Err(wrong("GitHub's deployment_status has a state; this one has none.")) };
    let Some(state) = state_of(&word) else { return Ok(Read::Nothing("The deployment waits, or is no longer the newest")) };
    let mut report = Report {
        id: text_at(deployment, "id"),
        state: Some(state),
        repository: text_at(&body["repository"], "full_name"),
        environment: text_at(status, "environment").or_else(|| text_at(deployment, "environment")),
        transient: deployment["transient_environment"] == true,
        revision: text_at(deployment, "sha"),
        title: text_at(deployment, "description").or_else(|| text_at(&body["workflow_run"], "display_title")),
        by: text_at(&deployment["creator"], "login"),
        url: text_at(status, "target_url").or_else(|| text_at(status, "log_url")),
        began_at: moment(deployment.get("created_at")),
        ended_at: moment(status.get("created_at")),
        ..Report::default()
    };
    if let Some(pull_request) = body["workflow_run"]["pull_requests"].get(0) {
        report.pull_request = text_at(pull_request, "html_url").or_else(|| text_at(pull_request, "number"));
    }
    // The payload is what whoever made the deployment wrote there: an object, or JSON in a text.
    match &deployment["payload"] {
        Value::String(text) => {
            if let Ok(more) = read_json(text.as_bytes(), 65_536) {
                report.told_by(&more);
            }
        }
        more => report.told_by(more),
    }
    let naming = [text_at(deployment, "description"), text_at(deployment, "ref"), text_at(status, "description")];
    let run = [text_at(&body["workflow_run"], "display_title"), text_at(&body["workflow_run"], "head_branch")];
    report.naming.extend(naming.into_iter().chain(run).flatten());
    Ok(Read::Report(Box::new(report)))
}

/// <https://docs.gitlab.com/user/project/integrations/webhook_events/#deployment-events>
fn gitlab(body: &Value) -> Result<Read, ParseRefusal> {
    if body["object_kind"] != "deployment" {
        return Ok(Read::Nothing("GitLab reports something else than a deployment"));
    }
    let Some(word) = text_at(body, "status") else { return Err(wrong("GitLab's deployment event has a status; this one has none.")) };
    let Some(state) = state_of(&word) else { return Ok(Read::Nothing("The deployment waits")) };
    let at = moment(body.get("status_changed_at"));
    let commit = text_at(body, "commit_url").and_then(|url| url.rsplit_once("/commit/").map(|(_, sha)| sha.to_owned()));
    let mut report = Report {
        id: text_at(body, "deployment_id").or_else(|| text_at(body, "deployable_id")),
        state: Some(state),
        repository: text_at(&body["project"], "path_with_namespace"),
        environment: text_at(body, "environment"),
        revision: commit.or_else(|| text_at(body, "short_sha")),
        title: text_at(body, "commit_title"),
        by: text_at(&body["user"], "username"),
        url: text_at(body, "deployable_url"),
        began_at: at.filter(|_| state == DeploymentState::Started),
        ended_at: at,
        ..Report::default()
    };
    report.naming.extend([text_at(body, "commit_title"), text_at(body, "ref")].into_iter().flatten());
    Ok(Read::Report(Box::new(report)))
}

/// <https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/>: the application, as the API server has it.
fn argo(app: &Value) -> Result<Read, ParseRefusal> {
    let (metadata, status) = (&app["metadata"], &app["status"]);
    let operation = &status["operationState"];
    let Some(name) = text_at(metadata, "name") else { return Err(wrong("Argo CD's app has a metadata.name; this one has none.")) };
    let Some(word) = text_at(operation, "phase") else { return Ok(Read::Nothing("The application was never deployed")) };
    let state = match state_of(&word) {
        Some(DeploymentState::Succeeded) if status["health"]["status"] == "Degraded" => DeploymentState::Failed,
        Some(state) => state,
        None => return Ok(Read::Nothing("The application is in no phase that says anything")),
    };
    let revision = text_at(&operation["syncResult"], "revision").or_else(|| text_at(&status["sync"], "revision"));
    let began = text_at(operation, "startedAt").unwrap_or_default();
    let namespace = text_at(&app["spec"]["destination"], "namespace");
    let mut report = Report {
        id: Some(format!("{name}@{}@{began}", revision.clone().unwrap_or_default())),
        state: Some(state),
        repository: Some(name),
        environment: namespace.or_else(|| text_at(metadata, "namespace")),
        revision,
        title: text_at(operation, "message"),
        by: text_at(&operation["operation"]["initiatedBy"], "username"),
        url: text_at(metadata, "url"),
        began_at: moment(operation.get("startedAt")),
        ended_at: moment(operation.get("finishedAt")),
        ..Report::default()
    };
    // `countersign/change: CHG-000107` as an annotation; `info` is what whoever synchronised it said.
    for (key, name) in [("change", "countersign/change"), ("pull_request", "countersign/pull-request"), ("author", "countersign/author")] {
        if let Some(text) = text_at(&metadata["annotations"], name) {
            report.told_by(&serde_json::json!({ key: text }));
        }
    }
    if let Some(reviewers) = text_at(&metadata["annotations"], "countersign/reviewers") {
        report.reviewers.extend(reviewers.split(',').map(|r| r.trim().to_owned()));
    }
    for info in operation["operation"]["info"].as_array().into_iter().flatten().take(20) {
        report.naming.extend(text_at(info, "value"));
    }
    Ok(Read::Report(Box::new(report)))
}

/// The plain form (see the module).
fn plain(body: &Value) -> Result<Read, ParseRefusal> {
    let body = if body["deployment"].is_object() { &body["deployment"] } else { body };
    let word = text_at(body, "status").or_else(|| text_at(body, "state"));
    let mut report = Report {
        id: text_at(body, "id"),
        state: word.as_deref().and_then(state_of),
        repository: text_at(body, "repository").or_else(|| text_at(body, "application")),
        environment: text_at(body, "environment"),
        transient: body["transient"] == true,
        revision: text_at(body, "revision").or_else(|| text_at(body, "version")),
        title: text_at(body, "title"),
        by: text_at(body, "by"),
        url: text_at(body, "url"),
        began_at: moment(body.get("began_at")),
        ended_at: moment(body.get("ended_at")),
        ..Report::default()
    };
    report.told_by(body);
    report.naming.extend([text_at(body, "title"), text_at(body, "ref")].into_iter().flatten());
    Ok(Read::Report(Box::new(report)))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};
    use serde_json::json;

    use super::*;
    use crate::config::{Auth, Format};
    use crate::env::Timestamp;

    fn read_with(headers: &HeaderMap, body: &Value) -> Result<Parsed, ParseRefusal> {
        let source = SourceConfig {
            name: "ci".into(),
            format: Format::Deployment,
            auth: Auth::None,
            heartbeat: None,
            routing_key: None,
            mapping: None,
            max_body: 1 << 20,
        };
        let (body, now) = (body.to_string(), Timestamp::parse("2026-03-02T10:00:00Z").unwrap());
        parse(&source, &Arrival { headers, body: body.as_bytes(), now, delivery: "d_1" })
    }

    fn read(body: &Value) -> Deployment {
        read_with(&HeaderMap::new(), body).unwrap().deployments.remove(0)
    }

    fn names(deployment: &Deployment) -> Vec<String> {
        deployment.names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn githubs_report_names_the_deployment_and_what_its_maker_wrote() {
        let body = |state: &str, payload: Value| {
            json!({
                "deployment_status": { "id": 2, "state": state, "environment": "production", "target_url": "https://ci.example.com/7", "created_at": "2026-03-02T09:59:00Z" },
                "deployment": {
                    "id": 145_988_746, "sha": "f95f852b", "ref": "chg-107-limit", "environment": "production", "description": "Raise the limit",
                    "payload": payload, "creator": { "login": "ana" }, "created_at": "2026-03-02T09:55:00Z",
                },
                "repository": { "full_name": "acme/web-shop" }, "sender": { "login": "ana" },
            })
        };
        let told =
            read(&body("success", json!({ "pull_request": "https://git.example.com/pull/12", "author": "ana", "reviewers": ["bo"] })));
        assert_eq!((told.id.as_str(), told.state, told.repository.as_str()), ("145988746", DeploymentState::Succeeded, "acme/web-shop"));
        assert_eq!((names(&told), told.is_reviewed(str::to_lowercase), told.by.as_str()), (vec!["CHG-000107".to_owned()], true, "ana"));
        assert_eq!(told.began_at.map(|at| at.to_string()).unwrap(), "2026-03-02T09:55:00.000000Z");
        let told = read(&body("in_progress", json!("{\"change\": \"CHG-000012\"}")));
        assert_eq!((told.state, told.ended_at, names(&told)[0].as_str()), (DeploymentState::Started, None, "CHG-000012"));
        assert_eq!(read(&body("error", json!("not JSON"))).state, DeploymentState::Failed);
        for waits in ["queued", "pending", "waiting", "inactive"] {
            let parsed = read_with(&HeaderMap::new(), &body(waits, json!({}))).unwrap();
            assert_eq!((parsed.deployments.len(), parsed.unmapped), (0, 1), "{waits}");
        }
        let ping = HeaderMap::from_iter([("x-github-event".parse().unwrap(), HeaderValue::from_static("ping"))]);
        let parsed = read_with(&ping, &json!({ "zen": "Keep it logically awesome." })).unwrap();
        assert_eq!((parsed.deployments.len(), parsed.unmapped), (0, 1));
    }

    #[test]
    fn gitlabs_report_and_argo_cds_application_are_read() {
        let told = read(&json!({
            "object_kind": "deployment", "status": "success", "status_changed_at": "2026-03-02 10:00:00 +0100", "deployment_id": 15, "deployable_id": 796,
            "environment": "production", "project": { "path_with_namespace": "acme/web-shop" }, "short_sha": "279484c0",
            "user": { "username": "ana" }, "commit_url": "https://git.example.com/acme/web-shop/-/commit/279484c09fbe69ed",
            "commit_title": "Merge branch 'chg-000107' into 'main'", "deployable_url": "https://git.example.com/-/jobs/796",
        }));
        assert_eq!((told.id.as_str(), told.revision.as_str(), names(&told)), ("15", "279484c09fbe69ed", vec!["CHG-000107".to_owned()]));
        let app = |phase: &str, health: &str| {
            json!({ "app": {
                "metadata": { "name": "web-shop", "namespace": "argocd", "annotations": { "countersign/change": "CHG-000107" } },
                "spec": { "destination": { "namespace": "production" } },
                "status": {
                    "health": { "status": health }, "sync": { "revision": "1a2b3c" },
                    "operationState": { "phase": phase, "startedAt": "2026-03-02T09:58:00Z", "finishedAt": "2026-03-02T09:59:00Z",
                        "syncResult": { "revision": "1a2b3c" }, "operation": { "initiatedBy": { "username": "ana" } } },
                },
            } })
        };
        let told = read(&app("Succeeded", "Healthy"));
        assert_eq!(
            (told.repository.as_str(), told.environment.as_str(), told.state),
            ("web-shop", "production", DeploymentState::Succeeded)
        );
        assert_eq!(names(&told), ["CHG-000107"]);
        assert_eq!(read(&app("Succeeded", "Degraded")).state, DeploymentState::Failed);
        assert_eq!(read(&app("Running", "Progressing")).id, told.id, "one deployment, one id");
    }

    #[test]
    fn what_is_no_report_is_refused_with_a_sentence_and_a_hostile_one_is_cut() {
        let good = json!({ "id": "421", "status": "succeeded", "repository": "acme/web-shop" });
        assert_eq!(read(&good).environment, "");
        for missing in ["id", "status", "repository"] {
            let mut body = good.clone();
            body.as_object_mut().unwrap().remove(missing);
            let refusal = read_with(&HeaderMap::new(), &body).unwrap_err();
            assert!(refusal.code == Code::WrongShape && refusal.problem.starts_with("A report on a deployment says"), "{refusal}");
        }
        for odd in [
            json!([]),
            json!(7),
            json!({}),
            json!({ "deployment_status": {} }),
            json!({ "deployment_status": {}, "deployment": {} }),
            json!({ "app": {} }),
        ] {
            assert_eq!(read_with(&HeaderMap::new(), &odd).unwrap_err().code, Code::WrongShape, "{odd}");
        }
        let long = "x".repeat(100_000);
        let told = read(&json!({
            "id": long, "status": "failed", "repository": "a\u{0}\nb", "title": long, "url": "javascript:alert(1)",
            "reviewers": vec!["r"; 1000], "change": (1..1000).map(|n| format!("CHG-{n}")).collect::<Vec<_>>(),
        }));
        assert!(told.id.len() < 1_100 && told.title.len() < 1_100 && told.url.is_empty());
        assert_eq!((told.repository.as_str(), told.reviewers.len(), told.names.len()), ("a\u{fffd} b", 1, MOST_NAMES));
    }
}
