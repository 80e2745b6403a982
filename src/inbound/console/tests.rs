//! The console over its real router, on a demonstration's desk: a person declares, works and closes an incident as a
//! browser would, with and without the script.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request as Http, StatusCode, header};
use tower::ServiceExt as _;

use crate::config::Config;
use crate::desk::Desk;
use crate::desk::founding::{self, Founding};
use crate::desk::request::{Ask, Request};
use crate::env::Env;
use crate::inbound::{App, router};
use crate::people::PeopleCommand;

struct Browser {
    router: Router,
    desk: Desk,
    cookie: String,
    script: bool,
    _folder: tempfile::TempDir,
}

struct Page {
    status: StatusCode,
    location: Option<String>,
    cookie: Option<String>,
    text: String,
}

async fn add(desk: &Desk, by: Option<&str>, id: &str, name: &str, roles: &[&str]) {
    let email = format!("{}@example.com", id.trim_start_matches("p_"));
    let roles = roles.iter().map(|r| (*r).to_owned()).collect();
    let command = PeopleCommand::Add { id: id.to_owned(), name: desk.seal(name), email: desk.seal(email), roles };
    desk.ask(Request::of_operator(by.map(str::to_owned), Ask::People(command))).await.expect("added");
}

impl Browser {
    async fn open() -> Self {
        let browser = Self::found(crate::procedure::built_in()).await;
        add(&browser.desk, None, "p_dana", "Dana Okafor", &["administrator", "incident-manager", "responder"]).await;
        add(&browser.desk, Some("p_dana"), "p_ana", "Ana Lima", &["responder"]).await;
        browser
    }

    /// A desk under these playbooks, with nobody in it.
    async fn found(playbooks: Vec<(String, Vec<u8>)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let founding = Founding { origin: "demo.invalid/log".into(), demo: true, playbooks, own: false };
        let desk = founding::open_in(folder.path(), Env::system(), founding).await.expect("a desk");
        let config = Config::load(None, []).expect("defaults");
        let router = router(App::new(desk.clone(), Arc::new(config), None, None, true));
        Self { router, desk, cookie: String::new(), script: false, _folder: folder }
    }

    async fn send(&self, request: axum::http::request::Builder, body: Body) -> Page {
        let request = request.header(header::HOST, "desk.test").header(header::COOKIE, &self.cookie);
        let request = if self.script { request.header("x-fragment", "1") } else { request };
        let response = self.router.clone().oneshot(request.body(body).expect("a request")).await.expect("an answer");
        let text_of = |name: header::HeaderName| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (status, location, cookie) = (response.status(), text_of(header::LOCATION), text_of(header::SET_COOKIE));
        let bytes = axum::body::to_bytes(response.into_body(), 8 << 20).await.expect("a body");
        Page { status, location, cookie, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    async fn get(&self, path: &str) -> Page {
        self.send(Http::get(path), Body::empty()).await
    }

    async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Page {
        let encode = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
        let body: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let request =
            Http::post(path).header(header::ORIGIN, "http://desk.test").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, Body::from(body.join("&"))).await
    }

    async fn upload(&self, path: &str, phase: &str, text: &str) -> Page {
        let part =
            |name: &str, more: &str, text: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{text}\r\n");
        let body = format!("{}{}--b--\r\n", part("phase", "", phase), part("file", "; filename=\"drain.log\"", text));
        let request =
            Http::post(path).header(header::ORIGIN, "http://desk.test").header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
        self.send(request, Body::from(body)).await
    }

    async fn be(&mut self, person: &str) {
        let page = self.post("/console/be", &[("person", person)]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        self.cookie = page.cookie.expect("a cookie").split(';').next().expect("a pair").to_owned();
    }

    async fn declare(&self) -> String {
        let page = self.post("/console/declare/incident", &[("field.title", "payments-api is <down>"), ("field.severity", "sev3")]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        page.location.expect("the new channel")
    }
}

mod deeds;

#[tokio::test]
async fn nobody_who_is_not_signed_in_sees_anything() {
    let browser = Browser::open().await;
    for path in ["/console/", "/console/c/INC-000001", "/console/people", "/console/ended", "/console/c/INC-000001/files/1"] {
        let page = browser.get(path).await;
        assert_eq!((page.status, page.location.as_deref()), (StatusCode::SEE_OTHER, Some("/console/sign-in")), "{path}");
    }
    let page = browser.get("/console/sign-in").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("Who would you like to be?"), "{}", page.text);
    let posted = browser.post("/console/c/INC-000001/do/step.acknowledge", &[]).await;
    assert_eq!((posted.status, posted.location.as_deref()), (StatusCode::SEE_OTHER, Some("/console/sign-in")));
    let stream = browser.send(Http::get("/console/stream").header(header::ACCEPT, "text/event-stream"), Body::empty()).await;
    assert_eq!(stream.status, StatusCode::UNAUTHORIZED, "an open page is told, not led away");
}

#[tokio::test]
async fn another_sites_page_cannot_act_or_sign_anybody_in() {
    let mut browser = Browser::open().await;
    browser.be("p_ana").await;
    let channel = browser.declare().await;
    for path in [format!("{channel}/do/step.acknowledge"), "/console/be".to_owned(), "/console/sign-out".to_owned()] {
        let foreign = Http::post(&path)
            .header(header::ORIGIN, "https://evil.example")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        assert_eq!(browser.send(foreign, Body::from("person=p_dana")).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(browser.get(&channel).await.text.contains("Nobody has it yet"));
}

#[tokio::test]
async fn a_double_click_is_recorded_once() {
    let mut browser = Browser::open().await;
    browser.be("p_ana").await;
    let channel = browser.declare().await;
    for _ in 0..2 {
        let page = browser.post(&format!("{channel}/do/note"), &[("dedupe", "k1"), ("note", "seen twice?")]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    }
    let page = browser.get(&channel).await;
    assert_eq!(page.text.matches("seen twice?").count(), 1);
    assert!(page.text.contains("payments-api is &#60;down&#62;"), "a hostile title is text");
}

#[tokio::test]
async fn a_person_works_an_incident_to_the_end_without_the_script() {
    let mut browser = Browser::open().await;
    browser.be("p_ana").await;
    let channel = browser.declare().await;
    for (step, pairs) in [("acknowledge", vec![]), ("contain", vec![("line", "drained zone b")])] {
        let page = browser.post(&format!("{channel}/do/step.{step}"), &pairs).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{step}: {}", page.text);
    }
    let page = browser.upload(&format!("{channel}/do/evidence"), "contain", "zone b: drained").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    let page = browser.get(&channel).await;
    assert!(page.text.contains("Ana Lima") && page.text.contains("drained zone b") && page.text.contains("drain.log"), "{}", page.text);
    assert_eq!(browser.get(&format!("{channel}/files/1")).await.text, "zone b: drained");
    for step in ["eradicate", "recover"] {
        let page = browser.post(&format!("{channel}/do/step.{step}"), &[("line", "done")]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{step}: {}", page.text);
    }
    let page = browser.post(&format!("{channel}/do/step.close"), &[("field.root_cause", "A full disk.")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text.contains("A full disk.") && page.text.contains("Please fill in: class."), "what was typed is kept: {}", page.text);
    let timeline = browser.get(&format!("{channel}/timeline")).await;
    assert!(
        timeline.text.contains("TransitionTaken") && timeline.text.contains("NoteAdded") == timeline.text.contains("note"),
        "the record"
    );
}

#[tokio::test]
async fn the_script_gets_parts_and_sentences_instead_of_pages() {
    let mut browser = Browser::open().await;
    browser.be("p_ana").await;
    let channel = browser.declare().await;
    browser.script = true;
    let form = browser.get(&format!("{channel}/form/step.false_positive")).await;
    assert!(form.text.trim_start().starts_with("<form"), "{}", form.text);
    let refused = browser.post(&format!("{channel}/do/step.false_positive"), &[("reason", " ")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("id=\"f-reason-error\""), "{}", refused.text);
    let stale = browser.post(&format!("{channel}/do/step.acknowledge"), &[("binding", &"0".repeat(64))]).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert!(stale.text.contains("changed while you were reading"), "{}", stale.text);
    assert_eq!(browser.post(&format!("{channel}/do/step.acknowledge"), &[]).await.status, StatusCode::NO_CONTENT);
    for wrong in ["/console/c/INC-999999/form/edit", "/console/c/INC-000001/form/nonsense", "/console/c/nonsense/form/edit"] {
        assert_eq!(browser.get(wrong).await.status, StatusCode::NOT_FOUND, "{wrong}");
    }
}

#[tokio::test]
async fn a_person_who_is_stopped_is_out_at_once() {
    let mut browser = Browser::open().await;
    browser.be("p_ana").await;
    let disable = PeopleCommand::Disable { person: "p_ana".into(), reason: browser.desk.seal("left") };
    browser.desk.ask(Request::of_operator(Some("p_dana".into()), Ask::People(disable))).await.expect("disabled");
    assert_eq!(browser.get("/console/").await.location.as_deref(), Some("/console/sign-in"));
}

#[tokio::test]
async fn somebody_who_only_administers_is_told_what_to_do_and_finds_the_people() {
    let mut browser = Browser::found(crate::procedure::built_in_profile("cmmc").expect("a profile")).await;
    add(&browser.desk, None, "p_dana", "Dana Okafor", &["administrator"]).await;
    browser.be("p_dana").await;
    let page = browser.get("/console/").await;
    assert_eq!(page.status, StatusCode::OK);
    for words in ["<h1>Dana Okafor</h1>", "Your role, administrator, works no tickets", "--role responder", "/console/people", "Sign out"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    let people = browser.get("/console/people").await;
    assert_eq!(people.status, StatusCode::OK);
    assert!(people.text.contains("dana@example.com") && !people.text.contains("data-stream") && !people.text.contains("/console/declare"));
    assert_eq!(browser.get("/console/c/INC-000001").await.status, StatusCode::FORBIDDEN, "tickets stay closed to them");
}

#[tokio::test]
async fn an_address_without_a_page_answers_with_a_page_and_a_way_back_and_out() {
    let mut browser = Browser::open().await;
    browser.be("p_ana").await;
    for path in ["/console/nothing", "/console/c/INC-000001/no/such", "/console/c/INC-000099"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.text.contains("<h1>Not found</h1>") && page.text.contains("Back to the desk"), "{path}: {}", page.text);
        assert!(page.text.contains("/console/sign-out"), "{path}");
    }
}

#[tokio::test]
async fn an_open_page_hears_what_others_do() {
    use futures_util::StreamExt as _;
    let mut browser = Browser::open().await;
    browser.be("p_ana").await;
    let channel = browser.declare().await;
    let number = channel.rsplit('/').next().expect("a number").to_owned();
    let seen = browser.desk.snapshot().size - 1;
    let request = Http::get(format!("/console/stream?channel={number}&after={seen}")).header(header::COOKIE, &browser.cookie);
    let response = browser.router.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("a stream");
    let mut stream = response.into_body().into_data_stream();
    browser.be("p_dana").await;
    browser.post(&format!("{channel}/do/note"), &[("note", "hello from Dana")]).await;
    let mut heard = String::new();
    while !(heard.contains("hello from Dana") && heard.contains("\"into\":\"messages\"")) {
        let piece = tokio::time::timeout(std::time::Duration::from_secs(20), stream.next()).await.expect("in time");
        heard.push_str(&String::from_utf8_lossy(&piece.expect("open").expect("a piece")));
    }
    assert!(heard.contains("\"id\":\"card\"") && heard.contains("\"id\":\"channels\""), "{heard}");
}
