//! What hostile bytes are fed to: one function a parser. Each takes any bytes, and panics when a promise is broken: a
//! parser panics by itself, lets something through that the record cannot hold, or refuses without a sentence.
//!
//! `tests/fuzz/run` feeds them with what a fuzzer thinks of, the stories with what is kept in `tests/fuzz/seeds`.
//! To add one: a function, its line in [`TARGETS`], and a folder of seeds of the same name.

#[path = "door.rs"]
mod door;

use std::io::Write as _;
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue};
use countersign::config::{Config, SourceConfig};
use countersign::env::Timestamp;
use countersign::inbound::console::typed;
use countersign::inbound::hooks::auth::{source_by_credential, verify_source};
use countersign::inbound::hooks::{Arrival, MAX_ALERTS, ParseRefusal, Parsed, document, pagerduty, parse};
use countersign::ledger::audit::verify_path;
use countersign::ledger::canonical::{parse_event, to_canonical};
use countersign::ledger::checkpoint::Checkpoint;
use countersign::ledger::disclosed::Disclosed;
use countersign::ledger::key::VerifierKey;
use countersign::ledger::merkle::Frontier;
use countersign::ledger::note::{Note, Signer};
use countersign::ledger::proof::Receipt;
use countersign::ledger::tile::{Tile, decode_entries, decode_hashes};
use countersign::ledger::verify::Outside;
use countersign::ledger::witness::{AddCheckpoint, parse_answer};
use countersign::procedure;
use countersign::procedure::expression::{Expression, Template, Variables};
use countersign::procedure::ics;
use countersign::procedure::model::Library;
use countersign::ticket::deployment::MOST_NAMES;
use countersign::ticket::number::Number;
use countersign::ticket::{fields, media};
use serde_json::Value;

/// A function that is fed.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 19] = [
    ("alertmanager", |bytes| delivery("alertmanager", bytes)),
    ("alertmanager-api", |bytes| delivery("prometheus", bytes)),
    ("grafana", |bytes| delivery("grafana", bytes)),
    ("pagerduty", pagerduty_event),
    ("generic", |bytes| delivery("doors", bytes)),
    ("deployment", |bytes| delivery("pipeline", bytes)),
    ("credentials", credentials),
    ("mapping", mapping),
    ("expression", expression),
    ("playbook", playbook),
    ("config", config),
    ("calendar", calendar),
    ("bundle", bundle),
    ("note", note),
    ("witness", witness),
    ("tile", tile),
    ("event", event),
    ("text", text),
    ("door", door::knock),
];

const CONFIGURATION: &str = r#"
[[source]]
name = "alertmanager"
format = "alertmanager"
auth = { bearer = "sesame" }

[[source]]
name = "prometheus"
format = "alertmanager-api"
auth = { basic = { user = "am", password = "pa:ss" } }

[[source]]
name = "grafana"
format = "grafana"
auth = { hmac = { secret = "key", header = "x-signature", timestamp_header = "x-timestamp", window = "5m" } }

[[source]]
name = "pager"
format = "pagerduty"
routing_key = "4f1d2c3b4a5968778695a4b3c2d1e0ff"

[[source]]
name = "pipeline"
format = "deployment"
auth = { bearer = "sesame" }

[[source]]
name = "doors"
format = "generic"
auth = { query = { param = "token", token = "s p" } }
[source.mapping]
each = "body.events"
alert_id = "item.id"
title = "body.site + ': ' + item.text"
rule = "'door'"
status = "item.state"
severity = "item.prio"
starts_at = "item.at"
url = "item.page"
labels = "item.tags"
annotations = { site = "body.site", missing = "item.nowhere" }
"#;

static SOURCES: LazyLock<Vec<SourceConfig>> = LazyLock::new(|| read_config(CONFIGURATION.as_bytes()).expect("it is sound").sources);

fn read_config(bytes: &[u8]) -> Result<Config, countersign::config::ConfigErrors> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("a temporary file can be written");
    Config::load(Some(file.path()), [])
}

fn now() -> Timestamp {
    Timestamp::parse("2026-03-01T03:00:00Z").expect("a moment")
}

fn source(name: &str) -> &'static SourceConfig {
    SOURCES.iter().find(|s| s.name == name).expect("it is configured")
}

fn arrival<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Arrival<'a> {
    Arrival { headers, body, now: now(), delivery: "dlv_7" }
}

// ── webhooks ──────────────────────────────────────────────────────────────────────────────────────────────────

fn delivery(name: &str, bytes: &[u8]) {
    let headers = HeaderMap::new();
    fit_for_the_record(parse(source(name), &arrival(&headers, bytes)));
}

fn pagerduty_event(bytes: &[u8]) {
    let headers = HeaderMap::new();
    let _ = pagerduty::source_for(&SOURCES, bytes);
    fit_for_the_record(pagerduty::parse_change(source("pager"), &arrival(&headers, bytes)));
    delivery("pager", bytes);
}

fn fit_for_the_record(read: Result<Parsed, ParseRefusal>) {
    let parsed = match read {
        Ok(parsed) => parsed,
        Err(refusal) => {
            assert!(refusal.status.is_client_error(), "{refusal:?}");
            assert!((10..2000).contains(&refusal.problem.len()), "a sentence: {refusal:?}");
            return;
        }
    };
    assert!(parsed.alerts.len() <= MAX_ALERTS && parsed.reasons.len() <= 8);
    for deployment in &parsed.deployments {
        assert!(!deployment.id.is_empty() && !deployment.repository.is_empty() && deployment.names.len() <= MOST_NAMES);
        let value = serde_json::to_value(deployment).expect("a report is JSON");
        to_canonical(&value).expect("a report is fit for the record");
        assert!(!holds_nul(&value) && value.to_string().len() < 64 << 10, "{value}");
    }
    for alert in &parsed.alerts {
        assert!((16..=64).contains(&alert.fingerprint.len()) && !alert.title.is_empty() && !alert.alert_id.is_empty());
        assert!(alert.labels.len() + alert.annotations.len() <= document::MAX_PAIRS);
        let value = serde_json::to_value(alert).expect("an alert is JSON");
        to_canonical(&value).expect("an alert is fit for the record");
        assert!(!holds_nul(&value), "{value}");
        let mut variables = Variables::new();
        variables.insert("alert".to_owned(), value);
        for response in &SHIPPED.responses {
            // May be an error, never a panic.
            let _ = response.matches.as_ref().map(|m| m.holds(&variables));
            let _ = response.severity.as_ref().map(|s| s.value(&variables));
            let _ = response.ticket_title.as_ref().map(|t| t.render(&variables));
        }
    }
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(entries) => entries.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

/// A header or a query, a line each, then the body.
fn credentials(bytes: &[u8]) {
    let mut lines = bytes.splitn(5, |b| *b == b'\n');
    let mut headers = HeaderMap::new();
    for name in ["authorization", "x-signature", "x-timestamp"] {
        if let Some(value) = lines.next().and_then(|line| HeaderValue::from_bytes(line).ok()) {
            headers.append(name, value);
        }
    }
    let query = lines.next().map(|line| String::from_utf8_lossy(line).into_owned());
    let body = lines.next().unwrap_or_default();
    for source in SOURCES.iter() {
        let _ = verify_source(&source.auth, &headers, query.as_deref(), body, now());
        let _ = source_by_credential(&SOURCES, source.format, &headers, query.as_deref(), body, now());
    }
}

// ── expressions, playbooks, configuration ─────────────────────────────────────────────────────────────────────

static SHIPPED: LazyLock<Library> = LazyLock::new(|| procedure::load(procedure::built_in()).expect("the shipped playbooks are sound"));

/// A line that is an expression, then the JSON that it sees.
fn halves(bytes: &[u8]) -> (String, Value) {
    let at = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at(at);
    (String::from_utf8_lossy(line).into_owned(), document::read_json(rest, 1 << 20).unwrap_or(Value::Null))
}

fn expression(bytes: &[u8]) {
    let (source, value) = halves(bytes);
    let mut variables = Variables::new();
    variables.insert("body".to_owned(), value);
    match Expression::compile(&source, &["body"]) {
        Ok(compiled) => {
            if let Ok(value) = compiled.value(&variables) {
                serde_json::to_string(&value).expect("a value is JSON");
            }
            let _ = compiled.holds(&variables);
        }
        Err(error) => assert!(!error.message.is_empty() && error.line >= 1),
    }
    if let Ok(template) = Template::compile(&source, &["body"]) {
        let _ = template.render(&variables);
    }
}

/// An expression as a configuration's mapping, on a delivery.
fn mapping(bytes: &[u8]) {
    let at = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    let (line, body) = bytes.split_at(at);
    let line = serde_json::to_string(&String::from_utf8_lossy(line)).expect("a text is JSON");
    let text = format!(
        "[[source]]\nname = \"lab\"\nformat = \"generic\"\nauth = \"none\"\n[source.mapping]\neach = {line}\nalert_id = \"item\"\ntitle = \"item.title\"\nlabels = {line}\n"
    );
    if let Ok(config) = read_config(text.as_bytes()) {
        let headers = HeaderMap::new();
        fit_for_the_record(parse(&config.sources[0], &arrival(&headers, body)));
    }
}

/// A line with the path of a file of the playbooks, then its text; the other files are the shipped ones.
fn playbook(bytes: &[u8]) {
    let at = bytes.iter().position(|b| *b == b'\n').unwrap_or(bytes.len());
    let (path, text) = bytes.split_at(at);
    let path = String::from_utf8_lossy(path).into_owned();
    let mut files = procedure::built_in();
    files.retain(|(known, _)| *known != path);
    files.push((path.clone(), text.to_vec()));
    match procedure::load(files) {
        Ok(library) => {
            for name in library.kinds.keys() {
                assert!(procedure::render::render_kind(&library, name).is_some_and(|text| !text.is_empty()));
            }
        }
        Err(findings) => {
            assert!(!findings.is_empty(), "{path}");
            assert!(findings.iter().all(|f| f.line >= 1 && f.column >= 1 && !f.message.is_empty()), "{findings:?}");
        }
    }
}

fn config(bytes: &[u8]) {
    if let Err(errors) = read_config(bytes) {
        assert!(!errors.problems.is_empty() && !errors.to_string().is_empty());
    }
}

// ── what is handed out and comes back ─────────────────────────────────────────────────────────────────────────

fn bundle(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("a temporary file can be written");
    let report = verify_path(file.path(), &Outside::default());
    assert!(!report.to_string().is_empty());
    serde_json::to_string(&report).expect("a report is JSON");
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::from_seed("log.invalid/a", &[7; 32]).expect("a key"));

fn note(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(Note::parse(note.to_string().as_bytes()).expect("it was a note"), note);
        let _ = Checkpoint::of_note(&note, SIGNER.verifier());
    }
    if let Ok(checkpoint) = Checkpoint::parse(&text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(receipt) = Receipt::parse(bytes) {
        assert_eq!(receipt.to_string().as_bytes(), bytes);
        let _ = receipt.verify(b"entry", SIGNER.verifier());
    }
    let _ = (VerifierKey::parse(&text), Signer::parse(&text), Disclosed::parse(bytes));
}

/// A calendar from outside: bounded, in order, within its stretch; and what is written of it reads back.
fn calendar(bytes: &[u8]) {
    let here = countersign::procedure::ics::MAX_SLOTS;
    let within = (now(), now().plus(std::time::Duration::from_secs(60 * 86_400)));
    for within in [None, Some(within)] {
        match ics::read(bytes, chrono_tz::Europe::Berlin, within) {
            Ok(read) => {
                assert!(read.slots.len() <= here && read.slots.is_sorted_by_key(|s| s.starts));
                for slot in &read.slots {
                    assert!(slot.starts < slot.ends && !slot.name.chars().any(char::is_control));
                    assert!(within.is_none_or(|(from, to)| slot.starts < to && slot.ends > from));
                }
                let entry = |slot: &ics::Slot| ics::Entry {
                    uid: "1".to_owned(),
                    name: slot.name.clone(),
                    about: slot.about.clone(),
                    categories: slot.categories.clone(),
                    url: None,
                    starts: slot.starts,
                    ends: slot.ends,
                };
                let entries: Vec<_> = read.slots.iter().take(10).map(entry).collect();
                let written = ics::write("Again", &entries, now());
                let again = ics::read(written.as_bytes(), chrono_tz::UTC, None).expect("our own calendar reads");
                assert!(again.slots.len() <= entries.len());
            }
            Err(why) => assert!(!why.to_string().is_empty()),
        }
    }
}

fn witness(bytes: &[u8]) {
    match AddCheckpoint::parse(bytes) {
        Ok(request) => {
            assert_eq!(request.to_string().as_bytes(), bytes);
            for known in [None, Some((0, countersign::ledger::merkle::Hash::empty()))] {
                let _ = countersign::ledger::witness::judge(known, &request, &[SIGNER.verifier().clone()]);
            }
        }
        Err(refusal) => assert!((400..500).contains(&refusal.status()) && !refusal.to_string().is_empty()),
    }
    let _ = parse_answer(bytes);
}

fn tile(bytes: &[u8]) {
    if let Some(tile) = std::str::from_utf8(bytes).ok().and_then(Tile::parse) {
        assert_eq!(tile.path().as_bytes(), bytes);
    }
    if let Ok(frontier) = Frontier::from_bytes(bytes) {
        assert_eq!(frontier.to_bytes(), bytes);
    }
    for width in [1, 3, 256] {
        let _ = (decode_entries(bytes, width), decode_hashes(bytes, width));
    }
}

fn event(bytes: &[u8]) {
    if let Ok(value) = parse_event(bytes) {
        assert_eq!(to_canonical(&value).expect("it was canonical"), bytes);
    }
    let _ = serde_json::from_slice::<countersign::ticket::event::Event>(bytes);
    if let Ok(value) = document::read_json(bytes, 1 << 20) {
        let _ = document::moment(Some(&value));
        let _ = to_canonical(&value);
    }
}

/// Small texts that people and tools write: times, numbers of tickets, file types, field values.
fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = (Timestamp::parse(&text), typed::read_time(&text), media::sniff(bytes), document::fit_url(&text));
    // People may write inc-42; what is written of it then reads back as the same.
    if let Ok(number) = text.parse::<Number>() {
        assert_eq!(number.to_string().parse(), Ok(number));
    }
    let line = document::fit_line(&text);
    assert!(!line.chars().any(char::is_control) && line.len() <= document::MAX_LINE + 40);
    let _ = (fields::text(&text, 200), fields::fitted(&text));
    let _ = document::moment(Some(&Value::String(text.into_owned())));
}
