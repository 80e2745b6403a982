//! Debian's Prometheus, Alertmanager and amtool, and PagerDuty's own library, pointed at the running service: an alert
//! becomes an incident, its repeats are counted, and its end is recorded without closing anything.

use serde_json::{Value, json};

use super::server::{Api, BEARER, PASSWORD, ROUTING_KEY, Server, until};
use super::tools::{Alertmanager, Prometheus, amtool, pagerduty};

/// Somebody who reads everything.
async fn reader(server: &Server) -> Api {
    server.person("ana@example.com", &["administrator", "incident-manager", "responder"]).await
}

/// Waits for a ticket whose title has these words, and gives it whole.
async fn incident(api: &Api, words: &str) -> Value {
    let found =
        until(words, async || api.tickets().await.into_iter().find(|t| t["title"].as_str().is_some_and(|title| title.contains(words))));
    let number = found.await["number"].as_str().expect("a ticket has a number").to_owned();
    api.look(&format!("/api/v1/tickets/{number}")).await
}

/// Waits until the alert's end stands on the ticket, and gives the event's data.
async fn resolved(api: &Api, ticket: &str) -> Value {
    until("the end of the alert is recorded", async || {
        api.facts(ticket, "AlertChanged").await.into_iter().find(|change| change["status"] == "resolved")
    })
    .await
}

/// How often the alert came again, as told on the ticket.
async fn told(api: &Api, ticket: &str) -> i64 {
    api.facts(ticket, "AlertRepeated").await.iter().filter_map(|r| r["count"].as_i64()).sum()
}

fn number(ticket: &Value) -> &str {
    ticket["number"].as_str().expect("a ticket has a number")
}

// proves: ALR-01, ALR-02, ALR-08
#[tokio::test(flavor = "multi_thread")]
async fn what_prometheus_fires_is_an_incident_until_people_close_it() {
    let server = Server::start();
    let api = reader(&server).await;
    let alertmanager = Alertmanager::start(&format!("{}/hooks/alertmanager", server.base()), BEARER);
    let prometheus = Prometheus::start(&alertmanager.address, "unused");

    let ticket = incident(&api, "payments-api does not answer").await;
    let number = number(&ticket);
    assert_eq!((number, &ticket["status"], &ticket["intake"]), ("INC-000001", &json!("open"), &json!("alert")));
    assert_eq!((&ticket["severity"], &ticket["opened_by"]["name"]), (&json!("sev1"), &json!("alertmanager")));

    // Alertmanager's own name for the alert leads to the incident, and the incident's to Alertmanager's.
    let theirs: Value = reqwest::get(format!("http://{}/api/v2/alerts", alertmanager.address))
        .await
        .expect("Alertmanager answers")
        .json()
        .await
        .expect("Alertmanager speaks JSON");
    let fingerprint = theirs[0]["fingerprint"].as_str().expect("Alertmanager has the alert");
    let attached = api.facts(number, "AlertAttached").await;
    let [first] = attached.as_slice() else { panic!("one alert, attached once: {attached:?}") };
    assert_eq!((&first["fingerprint"], &first["source"]), (&json!(fingerprint), &json!("alertmanager")));
    let listed = api.look(&format!("/api/v1/tickets/{number}/alerts")).await;
    assert_eq!(listed["alerts"][0]["id"], format!("alertmanager/{fingerprint}"));
    let back = api.look(&format!("/api/v1/alerts/alertmanager/{fingerprint}")).await;
    assert_eq!(back["ticket"], number);
    let delivery = api.look(&format!("/api/v1/deliveries/{}", first["delivery"])).await;
    assert_eq!((&delivery["source"], &delivery["alerts"][0][0]), (&json!("alertmanager"), &json!(fingerprint)));

    // What comes again is counted, and not one event each.
    until("repeats are told", async || (told(&api, number).await >= 2).then_some(())).await;
    let ended = {
        prometheus.resolve();
        resolved(&api, number).await
    };
    assert_eq!((&ended["fingerprint"], &ended["was"], &ended["after_end"]), (&json!(fingerprint), &json!("firing"), &json!(false)));
    let after = api.look(&format!("/api/v1/tickets/{number}")).await;
    assert_eq!((&after["status"], &after["ended"]), (&json!("open"), &json!(false)));
    assert_eq!(api.tickets().await.len(), 1, "one incident, whatever came again");

    // Every delivery can be found: the first, the repeats that were counted, and the end.
    until("every firing delivery is the first or a counted repeat", async || {
        let deliveries = api.deliveries().await;
        assert!(deliveries.iter().all(|d| d["alerts"][0][0] == fingerprint), "every delivery names the alert: {deliveries:?}");
        let firing = deliveries.iter().filter(|d| d["alerts"][0][1] == "firing").count();
        let counted = api.facts(number, "AlertRepeated").await;
        let ours = |r: &&Value| r["last_delivery"].as_i64() < ended["delivery"].as_i64();
        let repeats: i64 = counted.iter().filter(ours).filter_map(|r| r["count"].as_i64()).sum();
        (i64::try_from(firing).ok() == Some(repeats + 1)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_without_an_alertmanager_opens_an_incident_too() {
    let server = Server::start();
    let api = reader(&server).await;
    let prometheus = Prometheus::start(&server.address, PASSWORD);
    let ticket = incident(&api, "payments-api does not answer").await;
    assert_eq!(ticket["opened_by"]["name"], "prometheus");
    until("repeats are told", async || (told(&api, number(&ticket)).await >= 1).then_some(())).await;
    prometheus.resolve();
    assert_eq!(resolved(&api, number(&ticket)).await["source"], "prometheus");
    assert_eq!(api.look(&format!("/api/v1/tickets/{}", number(&ticket))).await["ended"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn amtool_adds_an_alert_and_a_stranger_with_amtool_does_not() {
    let server = Server::start();
    let api = reader(&server).await;
    let labels = ["DiskFull", "service=orders-db", "severity=warning"];
    let refused = amtool(&server.base(), "amtool", "not-the-password", &labels);
    let words = refused.expect_err("a wrong password is refused");
    assert!(words.contains("401"), "{words}");
    assert!(api.tickets().await.is_empty(), "and opens nothing");

    amtool(&server.base(), "amtool", PASSWORD, &labels).expect("amtool is content");
    let ticket = incident(&api, "orders-db").await;
    assert_eq!(ticket["opened_by"]["name"], "amtool");
    amtool(&server.base(), "amtool", PASSWORD, &labels).expect("amtool is content");
    until("the second one is a repeat", async || (told(&api, number(&ticket)).await == 1).then_some(())).await;
    assert_eq!(api.tickets().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pdpyras_triggers_acknowledges_and_resolves() {
    let server = Server::start();
    let api = reader(&server).await;
    let send = |action: &str| pagerduty(&server.base(), ROUTING_KEY, action, "payments-7");
    assert!(pagerduty(&server.base(), "not-the-routing-key", "trigger", "payments-7").is_err(), "a wrong key is refused");
    assert!(api.tickets().await.is_empty(), "and opens nothing");

    assert_eq!(send("trigger").as_deref(), Ok("payments-7"));
    let ticket = incident(&api, "payments-api does not answer").await;
    let number = number(&ticket);
    assert_eq!(send("trigger").as_deref(), Ok("payments-7"));
    until("the second trigger is a repeat", async || (told(&api, number).await == 1).then_some(())).await;

    assert_eq!(send("acknowledge").as_deref(), Ok("payments-7"));
    assert_eq!(send("resolve").as_deref(), Ok("payments-7"));
    let ended = resolved(&api, number).await;
    let statuses: Vec<Value> = api.facts(number, "AlertChanged").await.into_iter().map(|mut c| c["status"].take()).collect();
    assert_eq!(statuses, ["acknowledged", "resolved"]);
    assert_eq!(ended["was"], "acknowledged");
    // Acknowledging over there is no person's acknowledgement here, and resolving over there closes nothing.
    assert_eq!(api.look(&format!("/api/v1/tickets/{number}")).await["status"], "open");

    // A key that nothing is open for is accepted, as PagerDuty does, and opens nothing.
    assert_eq!(pagerduty(&server.base(), ROUTING_KEY, "resolve", "unheard-of").as_deref(), Ok("unheard-of"));
    assert_eq!(api.tickets().await.len(), 1);
}
