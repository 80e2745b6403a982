//! `/openapi.json`: the API in OpenAPI 3.1, made from the routes below and from the adopted procedures, so that the
//! fields and transitions it lists are those that count now. `tests/it` holds it against the router.

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};

use crate::inbound::app::App;
use crate::procedure::model::{Field, FieldType, Kind, Library};

/// One operation: method, path, what it does, name of its body's schema (empty for none).
pub type Operation = (&'static str, &'static str, &'static str, &'static str);

/// Every operation of the API.
pub const OPERATIONS: &[Operation] = &[
    ("get", "/api/v1/me", "Who you are and what you may do", ""),
    (
        "get",
        "/api/v1/inbox",
        "What waits for you: decisions, spoken approvals to confirm, what is owed, by deadline and risk; and your access that ends soon",
        "",
    ),
    ("get", "/api/v1/kinds", "The kinds of ticket: fields with their help texts, statuses, transitions", ""),
    ("get", "/api/v1/people", "The directory", ""),
    ("get", "/api/v1/freezes", "When nothing is changed: the freezes of the last month and the next thirteen", ""),
    (
        "post",
        "/api/v1/calendar",
        "A new address at which your calendar finds freezes and planned changes; the one before it stops",
        "Empty",
    ),
    ("post", "/api/v1/calendar/stop", "The address of your calendar stops", "Empty"),
    (
        "get",
        "/api/v1/tickets",
        "Tickets in the order of their opening; `kind`, `status`, `open=true`, `after` (the `next` of the page before), `limit`",
        "",
    ),
    ("post", "/api/v1/tickets", "Open a ticket by hand", "Open"),
    ("get", "/api/v1/tickets/{number}", "One ticket, and what can be done next; with `rev` (or as `INC-000042@3`) that version of it", ""),
    (
        "get",
        "/api/v1/tickets/{number}/diff",
        "Exactly the fields that differ between the versions `from` (1 unless given) and `to` (the latest), and who changed them when",
        "",
    ),
    (
        "get",
        "/api/v1/tickets/{number}/timeline",
        "What happened to it in the order in which it happened, with both times, and the seconds to each status",
        "",
    ),
    (
        "get",
        "/api/v1/events",
        "Events of the whole log: `from`, `to`, `kind`, `actor` (a person's id or a source's name), `after` (the `next` of the page before; a page may be empty and still have one), `limit`",
        "",
    ),
    (
        "get",
        "/api/v1/tickets/{number}/trace",
        "Its way from the request to the proof, part by part as its procedure divides it: who, what and when; what is missing",
        "",
    ),
    ("get", "/api/v1/targets", "What is promised: every target of every clock, as values and as lines that read back to them", ""),
    ("get", "/api/v1/policies/{kind}", "A page of policy, made from the procedure of this kind that counts, with its version", ""),
    ("get", "/api/v1/reports", "The reports that there are", ""),
    (
        "get",
        "/api/v1/reports/{report}",
        "A report; what each takes, the list of reports says: `from` and `to` (mostly when tickets were opened), of `roles` also `at` and `role`, of `log` also `kind` and `since`",
        "",
    ),
    ("get", "/api/v1/tickets/{number}/events", "Its events, oldest first; `after` a revision, `limit`", ""),
    ("get", "/api/v1/tickets/{number}/alerts", "Its alerts", ""),
    ("post", "/api/v1/tickets/{number}/{transition}", "Take a transition of its procedure", "Step"),
    ("post", "/api/v1/tickets/{number}/steps", "Take several transitions in one commit, each its own event", "Steps"),
    ("post", "/api/v1/tickets/{number}/comments", "Add a note", "Comment"),
    ("post", "/api/v1/tickets/{number}/fields", "Set or correct fields", "Fields"),
    (
        "post",
        "/api/v1/tickets/{number}/attachments",
        "File evidence: multipart/form-data with `file`, and perhaps `phase` and `captured_at`",
        "Upload",
    ),
    ("get", "/api/v1/tickets/{number}/attachments/{file}", "A file, byte for byte", ""),
    ("post", "/api/v1/tickets/{number}/links", "Link to another ticket, to an address outside, or say why there is no link", "Link"),
    ("post", "/api/v1/tickets/{number}/links/{link}/remove", "Take a link back", "Reason"),
    (
        "post",
        "/api/v1/tickets/{number}/approvals",
        "Approve, reject, or withdraw: in a console session or chat only, API keys are refused",
        "Approval",
    ),
    ("post", "/api/v1/tickets/{number}/tasks/{task}", "Tick off a task, or waive it with a reason", "Task"),
    ("post", "/api/v1/tickets/{number}/evidence-waivers", "Waive a phase's evidence with a reason", "Waiver"),
    ("post", "/api/v1/tickets/{number}/offers/{offer}", "Open a record that the ticket offers, linked; its first step is taken", "Offer"),
    ("post", "/api/v1/tickets/{number}/nudge", "Ask those who can decide once more; whoever asked for it may, once a day", "Empty"),
    ("post", "/api/v1/tickets/{number}/owner", "Make somebody (or `me`) the owner", "Person"),
    ("post", "/api/v1/tickets/{number}/lead", "Make somebody (or `me`) the lead", "Person"),
    ("post", "/api/v1/tickets/{number}/escalate", "Call the next tier, or a role", "Escalate"),
    ("post", "/api/v1/tickets/{number}/escalation/acknowledge", "Say that you have seen the escalation", "Empty"),
    ("post", "/api/v1/tickets/{number}/notifications/{group}/acknowledge", "Say, for a notified group, that you have read it", "Empty"),
    (
        "post",
        "/api/v1/tickets/{number}/users",
        "Hand in a list of a system's users for an access review: the CSV as the body, `system` behind the `?`",
        "Csv",
    ),
    ("post", "/api/v1/tickets/{number}/lines/freeze", "Freeze the lines of a review, and ask everybody about theirs", "Empty"),
    (
        "get",
        "/api/v1/tickets/{number}/lines",
        "The lines of a review; `mine=true` those you are asked about, `open=true` those that nobody decided, `after`, `limit`",
        "",
    ),
    (
        "post",
        "/api/v1/tickets/{number}/lines",
        "Decide lines of a review, all or none: in a console session or chat only, API keys are refused",
        "Lines",
    ),
    ("get", "/api/v1/tickets/{number}/lines/csv", "The lines of a review and what was decided of each, as CSV", ""),
    ("get", "/api/v1/alerts/{source}/{fingerprint}", "Which ticket has this alert", ""),
    ("get", "/api/v1/deliveries/{delivery}", "What one delivery brought", ""),
];

pub(super) async fn document(State(app): State<App>) -> Json<Value> {
    let snapshot = app.desk.snapshot();
    Json(render(snapshot.procedures.current().map(AsRef::as_ref)))
}

/// The document, for the procedures that count now.
#[must_use]
pub fn render(library: Option<&Library>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for (method, path, summary, body) in OPERATIONS {
        let entry = paths.entry((*path).to_owned()).or_insert_with(|| json!({}));
        entry[*method] = operation(method, path, summary, body);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Countersign",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The desk for programs. Writes accept an Idempotency-Key: a retry with the same key is recorded once, and the same key with another body is refused. What was answered 200 or 201 is on the disk.",
        },
        "security": [{ "key": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": { "type": "http", "scheme": "bearer", "description": "An API key of a person: `countersign people key EMAIL`" },
                "session": { "type": "apiKey", "in": "cookie", "name": crate::inbound::caller::COOKIE },
            },
            "schemas": schemas(library),
        },
    })
}

/// What may stand behind the `?`: name and type.
fn asked(path: &str) -> &'static [(&'static str, &'static str)] {
    match path {
        "/api/v1/tickets" => &[("kind", "string"), ("status", "string"), ("open", "boolean"), ("after", "integer"), ("limit", "integer")],
        "/api/v1/tickets/{number}" => &[("rev", "integer")],
        "/api/v1/events" => {
            &[("from", "string"), ("to", "string"), ("kind", "string"), ("actor", "string"), ("after", "integer"), ("limit", "integer")]
        }
        "/api/v1/reports/{report}" => {
            &[("from", "string"), ("to", "string"), ("at", "string"), ("role", "string"), ("kind", "string"), ("since", "string")]
        }
        "/api/v1/tickets/{number}/diff" => &[("from", "integer"), ("to", "integer")],
        "/api/v1/tickets/{number}/events" => &[("after", "integer"), ("limit", "integer")],
        "/api/v1/tickets/{number}/lines" => &[("mine", "boolean"), ("open", "boolean"), ("after", "integer"), ("limit", "integer")],
        "/api/v1/tickets/{number}/users" => &[("system", "string")],
        _ => &[],
    }
}

fn operation(method: &str, path: &str, summary: &str, body: &str) -> Value {
    let mut parameters: Vec<Value> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if method == "post" {
        parameters.push(json!({ "name": "Idempotency-Key", "in": "header", "schema": { "type": "string", "maxLength": 255 } }));
    }
    if method == "get" || body == "Csv" {
        parameters.extend(asked(path).iter().map(|(name, kind)| json!({ "name": name, "in": "query", "schema": { "type": kind } })));
    }
    let done = if matches!(path, "/api/v1/tickets" | "/api/v1/tickets/{number}/attachments" | "/api/v1/tickets/{number}/users")
        && method == "post"
    {
        "201"
    } else {
        "200"
    };
    let problem = json!({ "description": "Refused", "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } } });
    let answer = if method == "post" { json!({ "schema": { "$ref": "#/components/schemas/Recorded" } }) } else { json!({}) };
    let mut operation = json!({
        "summary": summary,
        "parameters": parameters,
        "responses": { done: { "description": "Done", "content": { "application/json": answer } }, "default": problem },
    });
    if !body.is_empty() {
        let media = match body {
            "Upload" => "multipart/form-data",
            "Csv" => "text/csv",
            _ => "application/json",
        };
        operation["requestBody"] = json!({ "content": { media: { "schema": { "$ref": format!("#/components/schemas/{body}") } } } });
    }
    operation
}

fn object(members: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> = members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn schemas(library: Option<&Library>) -> Value {
    let text = || json!({ "type": "string" });
    let time = || json!({ "type": "string", "format": "date-time" });
    let whole = || json!({ "type": "integer" });
    let fields = || json!({ "type": "object", "description": "Field names and values; /api/v1/kinds says which" });
    let step = [("fields", fields()), ("line", text()), ("reason", text()), ("other", text()), ("occurred_at", time())];
    let mut named: Vec<(&str, Value)> = vec![("transition", text())];
    named.extend(step.iter().cloned());
    let mut one = step.to_vec();
    one.extend([("rev", whole()), ("binding", text())]);
    let mut all = json!({
        "Open": object(&[("kind", text()), ("fields", fields()), ("response", text()), ("occurred_at", time())], &["kind"]),
        "Step": object(&one, &[]),
        "Steps": object(&[("steps", json!({ "type": "array", "items": object(&named, &["transition"]) })), ("rev", whole()), ("binding", text())], &["steps"]),
        "Comment": object(&[("text", text()), ("occurred_at", time()), ("reason", text())], &["text"]),
        "Fields": object(&[("fields", fields()), ("reason", text())], &["fields"]),
        "Upload": object(&[("file", json!({ "type": "string", "format": "binary" })), ("phase", text()), ("captured_at", time())], &["file"]),
        "Csv": { "type": "string", "description": "Columns account (needed), name, email, role, last_used, privileged; the first line names them" },
        "Lines": object(&[("lines", json!({ "type": "array", "items": object(&[("line", whole()), ("decision", json!({ "enum": ["keep", "revoke", "change"] })), ("reason", text())], &["line", "decision"]) }))], &["lines"]),
        "Link": object(&[("link", text()), ("to", text()), ("target", text()), ("reason", text())], &["link"]),
        "Reason": object(&[("reason", text())], &["reason"]),
        "Approval": object(&[("transition", text()), ("decision", json!({ "enum": ["approve", "reject", "withdraw"] })), ("reason", text()), ("digest", text())], &["decision", "reason"]),
        "Task": object(&[("waived_because", text())], &[]),
        "Waiver": object(&[("phase", text()), ("reason", text())], &["phase", "reason"]),
        "Person": object(&[("person", text())], &["person"]),
        "Escalate": object(&[("to", text()), ("reason", text())], &["reason"]),
        "Offer": object(&[("fields", fields())], &[]),
        "Empty": object(&[], &[]),
        "Recorded": { "type": "object", "properties": {
            "ticket": { "type": ["string", "null"] }, "status": { "type": ["string", "null"] }, "rev": { "type": ["integer", "null"] },
            "events": { "type": "array", "items": whole(), "description": "Positions in the log of what was recorded" }, "tickets": { "type": "array", "items": text() },
            "repeated": { "type": "boolean", "description": "This was a retry of what was recorded before" } } },
        "Problem": { "type": "object", "description": "RFC 9457", "properties": {
            "type": text(), "title": text(), "status": whole(),
            "code": { "enum": crate::inbound::code::all(), "description": "The refusal's name" },
            "detail": { "type": "string", "description": "What to do" },
            "fields": { "type": "array", "items": object(&[("field", text()), ("problem", text())], &["field", "problem"]) } } },
    });
    for kind in library.into_iter().flat_map(|l| l.kinds.values()) {
        all[format!("fields-of-{}", kind.name)] = fields_of(kind);
    }
    all
}

fn fields_of(kind: &Kind) -> Value {
    let properties: Map<String, Value> = kind.fields.values().map(|f| (f.name.clone(), field(f))).collect();
    json!({ "type": "object", "description": kind.purpose, "properties": properties })
}

fn field(field: &Field) -> Value {
    let choices = |of: &indexmap::IndexMap<String, String>| of.keys().cloned().collect::<Vec<_>>();
    let mut schema = match &field.of {
        FieldType::Line => json!({ "type": "string", "maxLength": 200 }),
        FieldType::Text => json!({ "type": "string", "maxLength": 10_000 }),
        FieldType::Choice(of) => json!({ "enum": choices(of) }),
        FieldType::Choices(of) => json!({ "type": "array", "items": { "enum": choices(of) } }),
        FieldType::Taxonomy(list) => json!({ "type": "string", "x-taxonomy": list }),
        FieldType::Assets => json!({ "type": "array", "items": { "type": "string" }, "maxItems": 50 }),
        FieldType::Number { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        FieldType::Bool => json!({ "type": "boolean" }),
        FieldType::Time => json!({ "type": "string", "format": "date-time" }),
        FieldType::Word => json!({ "type": "string", "maxLength": 60 }),
        FieldType::Person | FieldType::Ticket | FieldType::System => json!({ "type": "string" }),
    };
    schema["title"] = json!(field.label);
    schema["description"] = json!(field.help);
    schema["x-audit"] = json!(field.audit);
    schema["x-sealed"] = json!(field.sealed);
    schema
}

/// A kind as `/api/v1/kinds` shows it.
#[must_use]
pub fn kind(kind: &Kind) -> Value {
    let transitions: Vec<Value> = kind
        .transitions
        .values()
        .map(|t| {
            let from: Vec<&str> = t.from.iter().map(|f| f.status.as_str()).collect();
            json!({ "transition": t.name, "label": t.label, "help": t.help, "from": from, "to": t.to, "by": t.by })
        })
        .collect();
    let offers: Vec<Value> = kind
        .offers
        .values()
        .map(|o| json!({ "offer": o.name, "label": o.label, "help": o.help, "kind": o.kind, "asks": o.asks, "requires": o.requires }))
        .collect();
    json!({
        "kind": kind.name, "prefix": kind.prefix, "title": kind.title, "purpose": kind.purpose, "digest": kind.digest,
        "statuses": kind.statuses, "ended": kind.ended, "fields": fields_of(kind)["properties"], "transitions": transitions, "offers": offers,
        "declare": { "asks": kind.declare.asks, "requires": kind.declare.requires, "by": kind.declare.by },
    })
}
