//! Every format and every proof, over HTTP: what is believed, what is answered, and what hostile bytes get.

use serde_json::{Value, json};

use super::world::{Answered, HMAC, PASSWORD, Proof, ROUTING, World, labels, on_both};

/// What a source was answered when its delivery was stored.
fn accepted(answer: Answered) -> Value {
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.headers.get("content-type").and_then(|v| v.to_str().ok()), Some("application/json"));
    answer.json()
}

// proves: ATT-04
async fn every_format_opens_an_incident_that_says_where_it_came_from(w: &mut World) {
    let aud = w.person("aud");
    let alert = |rule: &str| [labels(rule, "", "host-1", "high")];
    assert_eq!(accepted(w.tool("alertmanager").fires(&alert("One")).await), json!({ "delivery": "1", "tickets": ["INC-000001"] }));
    assert_eq!(accepted(w.tool("am-basic").fires(&alert("Two")).await), json!({ "delivery": "2", "tickets": ["INC-000002"] }));

    // Alertmanager's API: 200 and an empty body; an alert whose end has passed is over.
    let api = w.tool("prometheus");
    let posted = json!([{ "labels": { "alertname": "Three", "severity": "high" }, "annotations": { "summary": "Three is high" },
        "startsAt": "2026-03-02T09:58:00Z", "generatorURL": "http://prometheus.example.com:9090/graph" }]);
    let answer = api.posts(posted).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    let over = json!([{ "labels": { "alertname": "Three", "severity": "high" }, "endsAt": "2026-03-02T09:59:00Z" }]);
    assert_eq!(api.posts(over).await.status, 200);
    let shown = aud.sees("INC-000003").await;
    assert_eq!((&shown["title"], &shown["status"], &shown["alerts"]["firing"]), (&json!("Three is high"), &json!("open"), &json!(0)));
    assert_eq!(aud.gets("/api/v2/status").await.done()["cluster"]["status"], "disabled");

    // PagerDuty: its own words, and a key for clients that bring none.
    let pager = w.tool("pager");
    let event = |action: &str, key: Option<&str>| {
        json!({ "routing_key": ROUTING, "event_action": action, "dedup_key": key,
            "payload": { "summary": "The backup failed", "source": "backup-1", "severity": "error" } })
    };
    let done = json!({ "status": "success", "message": "Event processed", "dedup_key": "backup/nightly" });
    assert_eq!(accepted(pager.posts(event("trigger", Some("backup/nightly"))).await), done);
    assert_eq!(accepted(pager.posts(event("acknowledge", Some("backup/nightly"))).await), done);
    assert_eq!(accepted(pager.posts(event("resolve", Some("backup/nightly"))).await), done);
    let unnamed = accepted(pager.posts(event("trigger", None)).await);
    assert!(unnamed["dedup_key"].as_str().is_some_and(|key| key.len() > 8), "{unnamed}");
    let change = w.tool("pager");
    let change = super::world::Tool { path: "/v2/change/enqueue".to_owned(), ..change };
    let told = accepted(change.posts(json!({ "routing_key": ROUTING, "payload": { "summary": "Version 14 is out" } })).await);
    assert_eq!(told, json!({ "status": "success", "message": "Change event processed" }));
    assert_eq!(aud.sees("INC-000004").await["status"], "open");

    // Grafana signs the body; the generic source maps whatever it is sent, with a signed timestamp, a token, or nothing.
    assert_eq!(accepted(w.tool("grafana").fires(&alert("Five")).await)["tickets"], json!(["INC-000005"]));
    let doors = json!({ "site": "north", "events": [
        { "id": 9_007_199_254_740_993_i64, "text": "Door open", "state": "open", "prio": "HIGH", "door": "3" },
        { "id": 8, "text": "Door open", "state": "closed", "prio": "LOW", "door": "4" },
    ] });
    assert_eq!(accepted(w.tool("doors").posts(doors).await)["tickets"], json!(["INC-000006"]));
    let kept = w.events("INC-000006").await;
    let alert_text = kept.iter().find_map(|e| e["texts"]["alert"].as_str()).expect("the alert");
    let door: Value = serde_json::from_str(alert_text).expect("JSON");
    assert_eq!((&door["alert_id"], &door["labels"]), (&json!("9007199254740993"), &json!({ "door": "3", "site": "north" })));
    let script = accepted(w.tool("script").posts(json!({ "id": "cron-1", "title": "The report failed", "severity": "low" })).await);
    assert_eq!(script["tickets"], json!(["INC-000007"]));
    assert_eq!(accepted(w.tool("lab").posts(json!({ "id": 1, "title": "Too warm" })).await)["tickets"], json!(["INC-000008"]));

    for (number, source) in
        [(1, "alertmanager"), (2, "am-basic"), (3, "prometheus"), (4, "pager"), (5, "grafana"), (6, "doors"), (7, "script"), (8, "lab")]
    {
        let ticket = format!("INC-00000{number}");
        let opened = &w.events(&ticket).await[0];
        assert_eq!(opened["actor"], json!({ "type": "source", "name": source }));
        assert_eq!((&opened["via"]["surface"], &opened["data"]["intake"]), (&json!("hook"), &json!("alert")));
        assert_eq!(opened["texts"]["ip"], "127.0.0.1");
        let key = match source {
            "am-basic" => json!("am"),
            "prometheus" => json!("prom"),
            "grafana" => json!("x-grafana-alerting-signature"),
            "doors" => json!("x-signature"),
            "script" => json!("token"),
            _ => Value::Null,
        };
        assert_eq!(opened["via"]["credential"], key, "{source}");
        assert_eq!(aud.sees(&ticket).await["fields"]["detection_source"], "alert");
    }
}
on_both!(every_format_opens_an_incident_that_says_where_it_came_from);

async fn whoever_does_not_prove_itself_changes_nothing_and_learns_nothing(w: &mut World) {
    let alert = [labels("One", "", "host-1", "high")];
    let before = (w.size().await, w.database.number("SELECT deliveries FROM ledger_head").await);
    for (source, scheme) in [
        ("alertmanager", Some("Bearer")),
        ("am-basic", Some("Basic realm=\"alerts\", charset=\"UTF-8\"")),
        ("grafana", None),
        ("doors", None),
        ("script", None),
    ] {
        let wrong = [
            Proof::Nothing,
            Proof::Bearer("wrong".into()),
            Proof::Basic("am".into(), "wrong".into()),
            Proof::Query("wrong".into()),
            Proof::Hmac { secret: "wrong".into(), header: "x-grafana-alerting-signature".into(), prefix: String::new() },
            Proof::Hmac { secret: HMAC.into(), header: "x-grafana-alerting-signature".into(), prefix: "sha1=".into() },
            Proof::Stamped { secret: "wrong".into(), at: w.now().seconds() },
            Proof::Stamped { secret: HMAC.into(), at: w.now().seconds() - 301 },
        ];
        for proof in wrong {
            let answer = w.tool(source).proving(proof).fires(&alert).await;
            assert_eq!(answer.headers.get("www-authenticate").and_then(|v| v.to_str().ok()), scheme);
            let refusal = answer.refused("NotAuthentic").with_status(401);
            assert!([HMAC, PASSWORD].iter().all(|secret| !refusal.detail.contains(secret)), "{}", refusal.detail);
        }
    }
    // Alertmanager's API says it in a text, as its own document has it.
    let answer = w.tool("prometheus").proving(Proof::Basic("prom".into(), "wrong".into())).posts(json!([])).await;
    assert!(answer.status == 401 && answer.json().as_str().is_some_and(|words| words.contains("not this source's")), "{}", answer.text());
    let pager = w.tool("pager").posts(json!({ "routing_key": "0".repeat(32), "event_action": "trigger" })).await;
    assert_eq!((pager.status, pager.json()["status"].clone()), (400, json!("invalid event")));
    let nobody = super::world::Tool { path: "/hooks/nobody".into(), ..w.alertmanager() };
    nobody.fires(&alert).await.refused("NoSuchSource").with_status(404);
    assert_eq!((w.size().await, w.database.number("SELECT deliveries FROM ledger_head").await), before);
}
on_both!(whoever_does_not_prove_itself_changes_nothing_and_learns_nothing);

/// Bytes that nobody means well with, and what they are answered.
fn hostile() -> Vec<(&'static str, Vec<u8>, u16)> {
    let webhook = |inner: &str| format!("{{\"version\":\"4\",\"status\":\"firing\",\"alerts\":[{inner}]}}").into_bytes();
    let many: Vec<String> = (0..100_000).map(|n| format!("\"l{n}\":\"v\"")).collect();
    vec![
        ("one byte too many", vec![b' '; (1 << 20) + 1], 413),
        ("nothing", Vec::new(), 400),
        ("no JSON", b"alert!".to_vec(), 400),
        ("cut off", b"{\"version\":\"4\",\"alerts\":[{".to_vec(), 400),
        ("two documents", b"{} {}".to_vec(), 400),
        ("not UTF-8", b"{\"version\":\"4\",\"alerts\":[{\"labels\":{\"alertname\":\"\xff\xfe\"}}]}".to_vec(), 400),
        ("half a character", b"{\"version\":\"4\",\"x\":\"\\ud800\"}".to_vec(), 400),
        ("very deep", vec![b'['; 500_000], 400),
        ("deep objects", "{\"a\":".repeat(1000).into_bytes(), 400),
        ("the same key twice", b"{\"version\":\"4\",\"alerts\":[],\"alerts\":[]}".to_vec(), 400),
        ("the same label twice", webhook("{\"status\":\"firing\",\"labels\":{\"a\":\"1\",\"a\":\"2\"}}"), 400),
        ("a hundred thousand labels", webhook(&format!("{{\"status\":\"firing\",\"labels\":{{{}}}}}", many.join(","))), 413),
        ("257 labels", webhook(&format!("{{\"status\":\"firing\",\"labels\":{{{}}}}}", many[..257].join(","))), 400),
        ("a number beyond numbers", b"{\"version\":\"4\",\"alerts\":[],\"truncatedAlerts\":1e999}".to_vec(), 400),
        ("a list", b"[1,2,3]".to_vec(), 400),
        ("alerts that are none", b"{\"version\":\"4\",\"alerts\":\"all\"}".to_vec(), 400),
    ]
}

async fn hostile_bytes_get_a_sentence_and_change_nothing(w: &mut World) {
    let before = (w.size().await, w.database.number("SELECT deliveries FROM ledger_head").await);
    for (what, bytes, status) in hostile() {
        let answer = w.alertmanager().posts_bytes(bytes).await;
        // A long body full of labels is too long, or has too many labels; either is an answer.
        let status = if what == "a hundred thousand labels" && answer.status == 400 { 400 } else { status };
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        let problem = answer.json();
        assert!(problem["detail"].as_str().is_some_and(|d| d.len() > 10 && d.ends_with('.')), "{what}: {problem}");
    }
    let ana = w.person("ana");
    let post = |bytes: &[u8]| ana.sends(reqwest::Method::POST, "/api/v1/tickets", Some(bytes.to_vec()));
    post(&vec![b' '; (1 << 20) + 1]).await.refused("TooLarge").with_status(413);
    let bad: [&[u8]; 9] = [
        b"{\"kind\":\"incident\",\"fields\":{\"title\":\"\xff\"}}",
        b"{\"kind\":\"incident\",\"kind\":\"incident\"}",
        b"{\"kind\":\"incident\",\"fields\":{\"title\":\"a\",\"title\":\"b\"}}",
        b"{\"kind\":\"incident\",\"colour\":\"red\"}",
        b"{\"kind\":",
        b"[]",
        b"{\"kind\":7}",
        b"{\"kind\":\"incident\",\"fields\":{\"title\":\"\\ud800\"}}",
        b"{\"kind\":\"incident\",\"fields\":{\"title\":1e999}}",
    ];
    for bytes in bad {
        post(bytes).await.refused("BadRequest").with_status(400);
    }
    post(&b"[".repeat(100_000)).await.refused("BadRequest");
    for (title, why) in [("a\0b", "NUL"), ("a\u{1b}[31mb", "an escape"), ("a\nb", "two lines"), ("a\u{202e}b", "text that runs backwards")]
    {
        let answer = ana.opens(json!({ "title": title })).await;
        assert_eq!(answer.status, 422, "{why}: {}", answer.text());
        answer.refused("BadFields").about(&["title"]);
    }
    for wrong in [
        json!({ "title": 7 }),
        json!({ "title": ["a"] }),
        json!({ "title": "x".repeat(201) }),
        json!({ "title": "a", "severity": "sev9" }),
        json!({ "title": "a", "data_involved": ["gold"] }),
        json!({ "title": "a", "nonsense": true }),
    ] {
        ana.opens(wrong).await.refused("BadFields").with_status(422);
    }
    ana.posts("/api/v1/tickets", json!({ "kind": "accident", "fields": {} })).await.refused("NoSuchKind").with_status(404);
    assert_eq!((w.size().await, w.database.number("SELECT deliveries FROM ledger_head").await), before);

    // A genuine alert is not lost over a detail: a NUL in a label becomes a mark.
    let odd = b"{\"version\":\"4\",\"status\":\"firing\",\"alerts\":[{\"status\":\"firing\",\"labels\":{\"alertname\":\"Odd\\u0000one\",\"severity\":\"high\"}}]}";
    let answer = w.alertmanager().posts_bytes(odd.to_vec()).await.done();
    assert_eq!(answer["tickets"], json!(["INC-000001"]));
    assert_eq!(ana.gets("/healthz").await.status, 200);
}
on_both!(hostile_bytes_get_a_sentence_and_change_nothing);
