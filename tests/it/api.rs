//! The API as programs see it: its document, its pages, its refusals.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};

use super::source::{self, Token};
use super::world::{Kind, World, labels, on_both, tell};

/// Method and path of every route that the API's router has, read off its source.
fn routes() -> BTreeSet<(String, String)> {
    let (_, text) = source::rust_files("src").into_iter().find(|(file, _)| file.ends_with("inbound/api/mod.rs")).expect("the API's router");
    let tokens: Vec<Token> = source::tokens(&text).into_iter().map(|(_, token)| token).collect();
    let mut found = BTreeSet::new();
    let mut path = String::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Text(text) if text.starts_with('/') => path.clone_from(text),
            Token::Word(word)
                if !path.is_empty()
                    && ["get", "post", "put", "patch", "delete"].contains(&word.as_str())
                    && tokens.get(at + 1) == Some(&Token::Mark("(")) =>
            {
                found.insert((word.clone(), path.clone()));
            }
            _ => {}
        }
    }
    found
}

async fn the_document_lists_every_route_and_no_other(w: &mut World) {
    // Anybody may read the document: it says what a key is for.
    let document = w.person("nil").without_pass().gets("/openapi.json").await.done();
    assert_eq!(document["openapi"], "3.1.0");
    let mut listed = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            listed.insert((method.clone(), path.clone()));
            let names: BTreeSet<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|p| p["in"] == "path")
                .filter_map(|p| p["name"].as_str())
                .collect();
            let wanted: BTreeSet<&str> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            assert_eq!(names, wanted, "{method} {path}");
            let schema = operation["requestBody"]["content"]
                .as_object()
                .into_iter()
                .flatten()
                .find_map(|(_, media)| media["schema"]["$ref"].as_str());
            if let Some(reference) = schema {
                let name = reference.strip_prefix("#/components/schemas/").expect("a schema of this document");
                assert!(document["components"]["schemas"][name].is_object(), "{method} {path}: there is no schema {name}");
            }
            assert!(operation["summary"].as_str().is_some_and(|s| !s.is_empty()));
        }
    }
    let mut routes = routes();
    assert!(routes.remove(&("get".to_owned(), "/openapi.json".to_owned())), "{routes:?}");
    assert_eq!(listed.symmetric_difference(&routes).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
    // The fields of each kind stand in it as the adopted procedure has them.
    let fields = &document["components"]["schemas"]["fields-of-incident"]["properties"];
    assert_eq!(fields["severity"]["enum"], json!(["sev1", "sev2", "sev3", "sev4"]));
    let kinds = w.person("aud").gets("/api/v1/kinds").await.done();
    assert_eq!(kinds["kinds"].as_array().map(Vec::len), Some(9));
}
on_both!(the_document_lists_every_route_and_no_other);

/// Pages through every ticket while `more` are opened, and gives the numbers as they came.
async fn paged_while_others_write(w: &World, more: usize) -> Vec<String> {
    let open = |n: usize| {
        let person = w.person(["ana", "ben", "max", "mia"][n % 4]);
        async move { drop(person.opens(json!({ "title": format!("Number {n}") })).await.done()) }
    };
    // Others open tickets, and work on those that are being read.
    let work = |n: usize| {
        let (person, inc) = (w.person("ana"), format!("ENT-{:06}", 1 + n * 49));
        async move {
            drop(person.notes(&inc, "Seen.").await.done());
            drop(person.takes("close", &inc, json!({})).await.done());
        }
    };
    let writing = async {
        tokio::join!(
            stream::iter(0..more).map(open).buffer_unordered(8).collect::<Vec<()>>(),
            stream::iter(0..more).map(work).buffer_unordered(8).collect::<Vec<()>>(),
        )
    };
    let reading = async {
        let (aud, mut after, mut seen) = (w.person("aud"), String::new(), Vec::new());
        loop {
            let page = aud.gets(&format!("/api/v1/tickets?limit=997{after}")).await.done();
            seen.extend(page["tickets"].as_array().into_iter().flatten().filter_map(|t| t["number"].as_str()).map(str::to_owned));
            match &page["next"] {
                Value::Null => return seen,
                next => after = format!("&after={next}"),
            }
        }
    };
    tokio::join!(writing, reading).1
}

// proves: EXP-04
async fn cursors_lose_and_repeat_nothing_while_others_write(w: &mut World) {
    w.seeds(10_000).await;
    let seen = paged_while_others_write(w, 200).await;
    assert!(seen.len() >= 10_000, "{}", seen.len());
    let (entries, incidents) = ((1..=10_000).map(|n| format!("ENT-{n:06}")), (1..=seen.len() - 10_000).map(|n| format!("INC-{n:06}")));
    let wanted: Vec<String> = entries.chain(incidents).collect();
    assert_eq!(seen, wanted, "in order, none lost, none twice");
}
on_both!(cursors_lose_and_repeat_nothing_while_others_write);

async fn refusals_have_one_shape_and_pages_have_bounds(w: &mut World) {
    let ana = w.person("ana");
    let inc = ana.declares("One", "sev3").await;
    for n in 0..5 {
        ana.notes(&inc, &format!("Note {n}.")).await.done();
    }
    ana.gets("/api/v1/tickets/INC-000099").await.refused("NoSuchTicket").with_status(404);
    ana.gets("/api/v1/tickets/nonsense").await.refused("NoSuchTicket").with_status(404);
    ana.gets("/api/v1/nothing").await.refused("NotFound").with_status(404);
    ana.takes("dance", &inc, json!({})).await.refused("NoSuchTransition").with_status(404);
    ana.takes("acknowlege", &inc, json!({})).await.refused("NoSuchTransition").says("“acknowledge”");
    ana.closes(&inc, "Done.").await.refused("NotAllowed").with_status(403).says("incident-manager");
    w.person("mia").closes(&inc, "Done.").await.refused("WrongStatus").with_status(409).says("What you can do:");
    let mut after = 0;
    let mut revs = Vec::new();
    loop {
        let page = ana.gets(&format!("/api/v1/tickets/{inc}/events?limit=3&after={after}")).await.done();
        revs.extend(page["events"].as_array().into_iter().flatten().filter_map(|e| e["rev"].as_i64()));
        match page["next"].as_i64() {
            Some(next) => after = next,
            None => break,
        }
    }
    let last = ana.sees(&inc).await["rev"].as_i64().expect("a revision");
    assert_eq!(revs, (1..=last).collect::<Vec<_>>());
    let open = ana.gets("/api/v1/tickets?open=true&kind=incident&status=open").await.done();
    assert_eq!(open["tickets"].as_array().map(Vec::len), Some(1));
    assert_eq!(ana.gets("/api/v1/tickets?status=closed").await.done()["tickets"], json!([]));
}
on_both!(refusals_have_one_shape_and_pages_have_bounds);

async fn a_list_asked_for_what_is_not_there_says_what_there_is(w: &mut World) {
    let ana = w.person("ana");
    let inc = ana.declares("One", "sev3").await;
    let tickets = [
        ("status=foo", "status", "Known: requested, approved, granted, revoked, closed,"),
        ("kind=incident&status=foo", "status", "Known: open, acknowledged"),
        ("kind=foo", "kind", "Known: access, change, change-model,"),
        ("kind=INCIDENT", "kind", "Known: access, change, change-model,"),
        ("open=yes", "open", "must be true or false"),
        ("limit=0", "limit", "must be a whole number from 1 to 1000"),
        ("limit=1001", "limit", "must be a whole number from 1 to 1000"),
        ("limit=many", "limit", "must be a whole number from 1 to 1000"),
        ("limit=", "limit", "must be a whole number from 1 to 1000"),
        ("after=x", "after", "no cursor of this list"),
        ("after=-2", "after", "no cursor of this list"),
        ("after=99999999999999999999", "after", "no cursor of this list"),
        ("after=1000000", "after", "no cursor of this list"),
        ("colour=red", "colour", "Known: kind, status, open, after, limit."),
        ("limit=1&limit=2", "limit", "stands here twice"),
    ];
    for (query, field, words) in tickets {
        ana.gets(&format!("/api/v1/tickets?{query}")).await.refused("BadRequest").with_status(400).says(words).about(&[field]);
    }
    let others = [
        (format!("tickets/{inc}/events?after=99"), "after", "no cursor of this list"),
        (format!("tickets/{inc}/events?after=-1"), "after", "no cursor of this list"),
        (format!("tickets/{inc}/events?limit=0"), "limit", "from 1 to 1000"),
        (format!("tickets/{inc}/events?kind=x"), "kind", "Known: after, limit."),
        (format!("tickets/{inc}/alerts?limit=1"), "limit", "Known: none."),
        (format!("tickets/{inc}?version=1"), "version", "Known: rev."),
        ("people?limit=1".to_owned(), "limit", "Known: none."),
        ("kinds?limit=1".to_owned(), "limit", "Known: none."),
        ("me?limit=1".to_owned(), "limit", "Known: none."),
    ];
    for (path, field, words) in others {
        ana.gets(&format!("/api/v1/{path}")).await.refused("BadRequest").with_status(400).says(words).about(&[field]);
    }
    ana.gets("/api/v1/tickets/INC-000009/events").await.refused("NoSuchTicket").with_status(404);
    // Whoever may not look learns no names.
    w.person("nil").gets("/api/v1/tickets?status=foo").await.refused("NotAllowed").with_status(403).about(&[]);
    let listed = ana.gets("/api/v1/tickets?open=true&kind=incident&status=open&limit=1000&after=-1").await.done();
    assert_eq!(listed["tickets"][0]["number"], json!(inc));
}
on_both!(a_list_asked_for_what_is_not_there_says_what_there_is);

/// Every write of the document, asked twice under one key; paths and bodies are those that suit the ticket as it stands.
async fn a_retry_of_any_write_is_recorded_once(w: &mut World) {
    w.alertmanager().fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    let (ana, inc) = (w.person("ana"), "INC-000001");
    let console = w.signed_in("mia").await;
    let first = ana.posts(&format!("/api/v1/tickets/{inc}/links"), json!({ "link": "caused_by", "reason": "None." })).await.done();
    let link = first["rev"].as_i64().expect("a revision");
    let writes = [
        ("/api/v1/tickets".to_owned(), json!({ "kind": "incident", "fields": { "title": "Another" } })),
        (format!("/api/v1/tickets/{inc}/escalate"), json!({ "reason": "Nobody answers." })),
        (format!("/api/v1/tickets/{inc}/escalation/acknowledge"), json!({})),
        (format!("/api/v1/tickets/{inc}/acknowledge"), json!({})),
        (format!("/api/v1/tickets/{inc}/steps"), json!({ "steps": [{ "transition": "contain", "line": "Moved." }] })),
        (format!("/api/v1/tickets/{inc}/comments"), json!({ "text": "Seen." })),
        (format!("/api/v1/tickets/{inc}/fields"), json!({ "fields": { "root_cause": "A pool." } })),
        (format!("/api/v1/tickets/{inc}/links/{link}/remove"), json!({ "reason": "Wrong." })),
        (format!("/api/v1/tickets/{inc}/links"), json!({ "link": "remediated_by", "reason": "None." })),
        (format!("/api/v1/tickets/{inc}/tasks/1"), json!({})),
        (format!("/api/v1/tickets/{inc}/evidence-waivers"), json!({ "phase": "contain", "reason": "In a log." })),
        (format!("/api/v1/tickets/{inc}/owner"), json!({ "person": "me" })),
        (format!("/api/v1/tickets/{inc}/lead"), json!({ "person": "me" })),
    ];
    for (n, (path, body)) in writes.into_iter().enumerate() {
        let person = if path.ends_with("owner") { w.person("ben") } else { ana.clone() }.under_key(&format!("try-{n}"));
        let once = person.posts(&path, body.clone()).await.done();
        let size = w.size().await;
        let again = person.posts(&path, body).await.done();
        assert_eq!((once["repeated"].clone(), again["repeated"].clone()), (json!(false), json!(true)), "{path}");
        assert_eq!((&once["events"], &once["ticket"], &once["rev"]), (&again["events"], &again["ticket"], &again["rev"]), "{path}");
        let positions: Vec<i64> = once["events"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        assert!(!positions.is_empty() && positions.iter().all(|p| *p < size), "{path}: {once}");
        assert_eq!(w.size().await, size, "{path} was recorded twice");
        person.posts(&path, json!({ "reason": "Something else." })).await.json();
    }
    let file = ana.under_key("file");
    let once = file.files(inc, "a.txt", b"a", Some("contain"), None).await.done();
    let again = file.files(inc, "a.txt", b"a", Some("contain"), None).await.done();
    assert_eq!((once["events"].clone(), json!(true)), (again["events"].clone(), again["repeated"].clone()));
    file.files(inc, "b.txt", b"b", Some("contain"), None).await.refused("KeyReused").with_status(422);
    // A refusal is refused again: nothing was recorded under its key.
    let decide = json!({ "transition": "close", "decision": "approve", "reason": "Yes.", "digest": "" });
    for _ in 0..2 {
        console.under_key("no").posts(&format!("/api/v1/tickets/{inc}/approvals"), decide.clone()).await.refused("NoApprovalNeeded");
    }
    // The transition may be left out; a program's key decides nothing, whatever it names.
    let short = json!({ "decision": "approve", "reason": "Yes.", "digest": "" });
    for body in [decide, short.clone()] {
        ana.posts(&format!("/api/v1/tickets/{inc}/approvals"), body).await.refused("NotByKey").with_status(403);
    }
    console.posts(&format!("/api/v1/tickets/{inc}/approvals"), short).await.refused("NoApprovalNeeded");
    let lea = w.person("lea");
    ana.sets(inc, json!({ "data_involved": ["personal"] })).await.done();
    let read = format!("/api/v1/tickets/{inc}/notifications/legal/acknowledge");
    let once = lea.under_key("read").posts(&read, json!({})).await.done();
    assert_eq!(once["events"], lea.under_key("read").posts(&read, json!({})).await.done()["events"]);
}
on_both!(a_retry_of_any_write_is_recorded_once);

#[test]
fn every_answer_of_the_framework_has_the_shape_of_a_refusal() {
    tell(Kind::Sqlite, async |w| {
        let ana = w.person("ana");
        let inc = ana.declares("One", "sev3").await;
        let document = ana.gets("/openapi.json").await.done();
        let codes = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().cloned().unwrap_or_default();
        assert!(codes.len() > 60 && codes.iter().all(|c| c.as_str().is_some_and(|c| c.starts_with(|c: char| c.is_ascii_uppercase()))));
        for code in ["NotAuthentic", "NoSuchSource", "NotJson", "Stale", "FieldMissing", "UnsupportedMediaType", "KeyReused"] {
            assert!(codes.contains(&json!(code)), "{code}");
        }
        // 405, wherever it is.
        let paths = [
            (reqwest::Method::DELETE, format!("/api/v1/tickets/{inc}/comments"), "POST"),
            (reqwest::Method::PUT, "/api/v1/tickets".to_owned(), "GET,HEAD,POST"),
            (reqwest::Method::GET, "/hooks/alertmanager".to_owned(), "POST"),
            (reqwest::Method::DELETE, "/v2/enqueue".to_owned(), "POST"),
            (reqwest::Method::POST, "/log/checkpoint".to_owned(), "GET,HEAD"),
            (reqwest::Method::POST, "/healthz".to_owned(), "GET,HEAD"),
            (reqwest::Method::GET, "/witness/add-checkpoint".to_owned(), "POST"),
        ];
        for (method, path, allow) in paths {
            let answer = ana.sends(method, &path, None).await;
            assert_eq!(answer.headers.get("allow").and_then(|v| v.to_str().ok()), Some(allow), "{path}");
            answer.refused("MethodNotAllowed").with_status(405);
        }
        // 413.
        let large = format!("{{\"text\": \"{}\"}}", "a".repeat(1 << 20));
        let comments = format!("/api/v1/tickets/{inc}/comments");
        ana.sends(reqwest::Method::POST, &comments, Some(large.clone().into_bytes())).await.refused("TooLarge").with_status(413);
        w.alertmanager().posts_bytes(large.into_bytes()).await.refused("TooLarge").with_status(413);
        let too_large = vec![b'a'; (25 << 20) + 1];
        ana.files(&inc, "large.bin", &too_large, None, None).await.refused("TooLarge").with_status(413);
        // 415: what is no JSON and does not say that it is. JSON is taken whatever it is called.
        let post = async |kind: &str, body: &str| {
            let request = w.client.post(format!("{}{comments}", w.base(0))).header("content-type", kind).body(body.to_owned());
            let crate::world::Pass::Key(key) = &ana.pass else { unreachable!("ana has a key") };
            crate::world::person::receive(request.bearer_auth(key), format!("ana: {kind}")).await
        };
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            post(kind, "text=Seen.").await.refused("UnsupportedMediaType").with_status(415).says("application/json");
        }
        post("application/json", "text=Seen.").await.refused("BadRequest").with_status(400);
        post("application/x-www-form-urlencoded", "{\"text\": \"Seen.\"}").await.done();
        let attachments = format!("/api/v1/tickets/{inc}/attachments");
        ana.posts(&attachments, json!({ "file": "a" })).await.refused("UnsupportedMediaType").with_status(415).says("multipart/form-data");
        assert_eq!(w.events(&inc).await.iter().filter(|e| e["kind"] == "NoteAdded").count(), 1);
    });
}

#[test]
fn a_path_that_cannot_be_read_is_refused_like_everything_else() {
    tell(Kind::Sqlite, async |w| {
        let ana = w.person("ana");
        for path in ["/api/v1/tickets?limit=many", "/api/v1/tickets?colour=red", "/api/v1/deliveries/first"] {
            let answer = ana.gets(path).await;
            assert!((400..500).contains(&answer.status), "{path}: {}", answer.status);
            answer.refused("BadRequest");
        }
        let inc = ana.declares("One", "sev3").await;
        ana.posts(&format!("/api/v1/tickets/{inc}/tasks/first"), json!({})).await.refused("BadRequest");
        let answer = ana.sends(reqwest::Method::DELETE, &format!("/api/v1/tickets/{inc}/comments"), None).await;
        assert_eq!(answer.headers.get("allow").and_then(|v| v.to_str().ok()), Some("POST"));
        answer.refused("MethodNotAllowed").with_status(405);
    });
}

async fn a_sources_token_posts_alerts_and_opens_nothing_else(w: &mut World) {
    let tool = w.alertmanager();
    tool.fires(&[labels("HighErrorRate", "checkout", "checkout-1", "critical")]).await.done();
    for path in ["/api/v1/tickets", "/api/v1/tickets/INC-000001", "/api/v1/me"] {
        let request = tool.client.get(format!("{}{path}", tool.base)).bearer_auth(super::world::BEARER);
        let answered = request.send().await.expect("an answer");
        assert_eq!(answered.status(), 403, "{path}");
        let words = answered.text().await.expect("words");
        assert!(words.contains("NotAllowed") && words.contains("/hooks/alertmanager") && !words.contains(super::world::BEARER), "{words}");
    }
}
on_both!(a_sources_token_posts_alerts_and_opens_nothing_else);
