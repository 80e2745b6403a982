//! The API as programs see it: its document, its pages, its refusals.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};

use super::source::{self, Token};
use super::world::{Kind, World, on_both, tell};

/// Method and path of every route that the API's router has, read off its source.
fn routes() -> BTreeSet<(String, String)> {
    let (_, text) = source::rust_files("src").into_iter().find(|(file, _)| file.ends_with("inbound/api/mod.rs")).expect("the API's router");
    let tokens: Vec<Token> = source::tokens(&text).into_iter().map(|(_, token)| token).collect();
    let mut found = BTreeSet::new();
    let mut path = String::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Text(text) if text.starts_with('/') => path.clone_from(text),
            Token::Word(word) if ["get", "post", "put", "patch", "delete"].contains(&word.as_str()) && tokens.get(at + 1) == Some(&Token::Mark("(")) => {
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
            let names: BTreeSet<&str> = operation["parameters"].as_array().into_iter().flatten().filter(|p| p["in"] == "path").filter_map(|p| p["name"].as_str()).collect();
            let wanted: BTreeSet<&str> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            assert_eq!(names, wanted, "{method} {path}");
            let schema = operation["requestBody"]["content"].as_object().into_iter().flatten().find_map(|(_, media)| media["schema"]["$ref"].as_str());
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
    assert_eq!(kinds["kinds"].as_array().map(Vec::len), Some(1));
}
on_both!(the_document_lists_every_route_and_no_other);

/// Pages through every ticket while `more` are opened, and gives the numbers as they came.
async fn paged_while_others_write(w: &World, tickets: usize, more: usize) -> Vec<String> {
    let open = |n: usize| {
        let person = w.person(["ana", "ben", "max", "mia"][n % 4]);
        async move { drop(person.opens(json!({ "title": format!("Number {n}") })).await.done()) }
    };
    stream::iter(0..tickets).map(open).buffer_unordered(64).collect::<Vec<()>>().await;
    let writing = stream::iter(0..more).map(open).buffer_unordered(8).collect::<Vec<()>>();
    let reading = async {
        let (aud, mut after, mut seen) = (w.person("aud"), String::new(), Vec::new());
        loop {
            let page = aud.gets(&format!("/api/v1/tickets?limit=97{after}")).await.done();
            seen.extend(page["tickets"].as_array().into_iter().flatten().filter_map(|t| t["number"].as_str()).map(str::to_owned));
            match &page["next"] {
                Value::Null => return seen,
                next => after = format!("&after={next}"),
            }
        }
    };
    tokio::join!(writing, reading).1
}

async fn cursors_lose_and_repeat_nothing_while_others_write(w: &mut World) {
    let seen = paged_while_others_write(w, 1000, 100).await;
    let wanted: Vec<String> = (1..=seen.len()).map(|n| format!("INC-{n:06}")).collect();
    assert!(seen.len() >= 1000);
    assert_eq!(seen, wanted, "in order, none lost, none twice");
}
on_both!(cursors_lose_and_repeat_nothing_while_others_write);

async fn refusals_have_one_shape_and_pages_have_bounds(w: &mut World) {
    let ana = w.person("ana");
    let inc = ana.declares("One", "sev3").await;
    for n in 0..5 {
        ana.notes(&inc, &format!("Note {n}.")).await.done();
    }
    ana.gets("/api/v1/tickets/INC-000099").await.refused("NotFound").with_status(404);
    ana.gets("/api/v1/tickets/nonsense").await.refused("NoSuchTicket").with_status(404);
    ana.gets("/api/v1/nothing").await.refused("NotFound").with_status(404);
    ana.takes("dance", &inc, json!({})).await.refused("NoSuchTransition").with_status(404);
    ana.takes("acknowlege", &inc, json!({})).await.refused("NoSuchTransition").says("“acknowledge”");
    ana.closes(&inc, "Done.").await.refused("NotAllowed").with_status(403).says("incident-manager");
    w.person("mia").closes(&inc, "Done.").await.refused("WrongStatus").with_status(409).says("What you can do:");
    for limit in ["0", "1001", "-1"] {
        ana.gets(&format!("/api/v1/tickets?limit={limit}")).await.refused("BadRequest").with_status(400);
    }
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
    });
}
