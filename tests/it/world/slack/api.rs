//! The Web API's methods, each with its scope and its meaning.

use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State as Held};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde_json::{Map, Value, json};

use super::state::{Call, Fault, State};
use super::{APP_TOKEN, BOT_TOKEN, CONFIGURATION_TOKEN, FakeSlack, TRIGGER_SECONDS, limits};

/// What a method answers beyond `ok`, or Slack's word for why not.
type Answer = Result<Value, String>;

/// Method, the scopes of which one is needed, whether its arguments may be JSON, and which of them it needs.
pub const METHODS: &[(&str, &[&str], bool, &[&str])] = &[
    ("auth.test", &[], true, &[]),
    ("apps.connections.open", &[], true, &[]),
    ("apps.manifest.export", &[], true, &["app_id"]),
    ("bots.info", &["users:read"], false, &["bot"]),
    ("chat.postMessage", &["chat:write"], true, &["channel"]),
    ("chat.postEphemeral", &["chat:write"], true, &["channel", "user"]),
    ("chat.update", &["chat:write"], true, &["channel", "ts"]),
    ("chat.delete", &["chat:write"], true, &["channel", "ts"]),
    ("chat.getPermalink", &[], false, &["channel", "message_ts"]),
    ("conversations.create", &["channels:manage", "groups:write"], true, &["name"]),
    ("conversations.invite", &["channels:manage", "groups:write"], true, &["channel", "users"]),
    ("conversations.setTopic", &["channels:manage", "groups:write"], true, &["channel", "topic"]),
    ("conversations.archive", &["channels:manage", "groups:write"], true, &["channel"]),
    ("conversations.join", &["channels:join"], true, &["channel"]),
    ("conversations.open", &["im:write"], true, &["users"]),
    ("conversations.info", &["channels:read", "groups:read"], false, &["channel"]),
    ("conversations.list", &["channels:read", "groups:read"], false, &[]),
    ("conversations.members", &["channels:read", "groups:read"], false, &["channel"]),
    ("conversations.history", &["channels:history", "groups:history", "im:history"], false, &["channel"]),
    ("conversations.replies", &["channels:history", "groups:history"], false, &["channel", "ts"]),
    ("users.conversations", &["channels:read", "groups:read"], false, &[]),
    ("users.info", &["users:read"], false, &["user"]),
    ("users.list", &["users:read"], false, &[]),
    ("users.lookupByEmail", &["users:read.email"], false, &["email"]),
    ("pins.add", &["pins:write"], true, &["channel", "timestamp"]),
    ("pins.list", &["pins:read"], false, &["channel"]),
    ("pins.remove", &["pins:write"], true, &["channel", "timestamp"]),
    ("reactions.add", &["reactions:write"], true, &["channel", "timestamp", "name"]),
    ("views.open", &[], true, &["trigger_id", "view"]),
    ("views.update", &[], true, &["view"]),
    ("views.publish", &[], true, &["user_id", "view"]),
    ("files.info", &["files:read"], false, &["file"]),
];

pub fn routes(fake: FakeSlack) -> Router {
    Router::new().route("/api/{method}", any(method)).route("/files/{id}", get(file)).route("/respond/{id}", post(respond)).with_state(fake)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

async fn file(Held(fake): Held<FakeSlack>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let mut state = fake.lock();
    if let Some(fault) = state.faults.iter().position(|(only, _)| only.as_deref() == Some("download")) {
        let (_, fault) = state.faults.remove(fault).expect("it was there");
        return failing(Some(fault));
    }
    match state.files.get(&id) {
        Some(bytes) if bearer(&headers) == Some(BOT_TOKEN) => bytes.clone().into_response(),
        // Slack answers strangers with its sign-in page.
        _ => ([(header::CONTENT_TYPE, "text/html")], "<html>Sign in</html>").into_response(),
    }
}

async fn respond(Held(fake): Held<FakeSlack>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let slow = fake.lock().slow.get("respond").copied();
    if let Some(slow) = slow {
        tokio::time::sleep(slow).await;
    }
    let mut state = fake.lock();
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    if headers.contains_key(header::AUTHORIZATION) {
        state.violations.push("a token was sent to a response address".to_owned());
    }
    if let Err(why) = limits::blocks(body["blocks"].as_array().map_or(&[][..], Vec::as_slice), 50, false) {
        state.violations.push(format!("an answer: {why}"));
    }
    state.answers.push((id, body));
    "ok".into_response()
}

/// Arguments: JSON, a form, or the query.
fn arguments(name: &str, how: &Method, headers: &HeaderMap, query: Option<&str>, body: &[u8]) -> Result<(Value, bool), String> {
    let form = |bytes: &[u8]| {
        let pairs: Vec<(String, String)> = reqwest::Url::parse(&format!("http://x/?{}", String::from_utf8_lossy(bytes)))
            .map(|url| url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect())
            .unwrap_or_default();
        Value::Object(pairs.into_iter().map(|(k, v)| (k, Value::String(v))).collect::<Map<_, _>>())
    };
    if *how == Method::GET {
        return Ok((form(query.unwrap_or_default().as_bytes()), false));
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/json") {
        return serde_json::from_slice(body).map(|v| (v, true)).map_err(|e| format!("{name}: not JSON: {e}"));
    }
    Ok((form(body), false))
}

async fn method(
    Held(fake): Held<FakeSlack>,
    Path(name): Path<String>,
    how: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let (given, as_json) = match arguments(&name, &how, &headers, query.as_deref(), &body) {
        Ok(read) => read,
        Err(why) => {
            fake.lock().violations.push(why);
            return refused("invalid_json");
        }
    };
    let slow = fake.lock().slow.get(&name).copied();
    if let Some(slow) = slow {
        tokio::time::sleep(slow).await;
    }
    let (fault, answered) = happens(&fake, name, given, as_json, &headers);
    if let Some(Fault::AnsweredLate(by)) = fault {
        tokio::time::sleep(by).await;
    }
    answered
}

/// What a request does, how it goes wrong, and what is answered.
fn happens(fake: &FakeSlack, name: String, given: Value, as_json: bool, headers: &HeaderMap) -> (Option<Fault>, Response) {
    let mut state = fake.lock();
    let fault = state.fault(&name);
    let turn = u64::try_from(state.calls.len()).unwrap_or(0) + 1;
    let limited = state.limit_every > 0 && turn.is_multiple_of(state.limit_every);
    let fault = if limited { Some(Fault::Limited(1)) } else { fault };
    if let Some(Fault::Limited(_) | Fault::Broken | Fault::CutBefore | Fault::Says(_)) = fault {
        state.calls.push(Call { method: name, body: given, outcome: format!("{fault:?}") });
        return (fault, failing(fault));
    }
    let token = bearer(headers).unwrap_or_default().to_owned();
    let answer = state.answer(&name, &given, as_json, &token);
    let outcome = answer.as_ref().err().cloned().unwrap_or_else(|| "ok".to_owned());
    state.calls.push(Call { method: name, body: given, outcome });
    if fault == Some(Fault::CutAfter) {
        return (fault, failing(fault));
    }
    let answered = match answer {
        Ok(Value::Object(mut more)) => {
            more.insert("ok".to_owned(), Value::Bool(true));
            let scopes = state.scopes.iter().cloned().collect::<Vec<_>>().join(",");
            ([("x-oauth-scopes", scopes)], axum::Json(Value::Object(more))).into_response()
        }
        Ok(_) => axum::Json(json!({ "ok": true })).into_response(),
        Err(word) => refused(&word),
    };
    (fault, answered)
}

fn refused(word: &str) -> Response {
    axum::Json(json!({ "ok": false, "error": word })).into_response()
}

fn failing(fault: Option<Fault>) -> Response {
    match fault {
        Some(Fault::Limited(seconds)) => {
            let body = axum::Json(json!({ "ok": false, "error": "ratelimited" }));
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())], body).into_response()
        }
        Some(Fault::Says(word)) => refused(word),
        Some(Fault::CutBefore | Fault::CutAfter) => {
            let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut"))]);
            axum::body::Body::from_stream(broken).into_response()
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn text<'v>(given: &'v Value, key: &str) -> &'v str {
    given[key].as_str().unwrap_or_default()
}

/// What a form sends as text, JSON sends as itself.
fn nested(given: &Value, key: &str) -> Value {
    match &given[key] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    }
}

impl State {
    fn fault(&mut self, method: &str) -> Option<Fault> {
        let place = self.faults.iter().position(|(only, _)| only.as_deref().is_none_or(|only| only == method))?;
        self.faults.remove(place).map(|(_, fault)| fault)
    }

    fn answer(&mut self, name: &str, given: &Value, as_json: bool, token: &str) -> Answer {
        let Some((_, scopes, takes_json, needed)) = METHODS.iter().find(|(known, ..)| *known == name) else {
            self.violations.push(format!("{name} is not a method"));
            return Err("unknown_method".to_owned());
        };
        let wanted = match name {
            "apps.connections.open" => APP_TOKEN,
            "apps.manifest.export" => CONFIGURATION_TOKEN,
            _ => BOT_TOKEN,
        };
        if token != wanted {
            return Err(if [APP_TOKEN, BOT_TOKEN, CONFIGURATION_TOKEN].contains(&token) {
                "not_allowed_token_type"
            } else {
                "invalid_auth"
            }
            .to_owned());
        }
        if !scopes.is_empty() && !scopes.iter().any(|s| self.scopes.contains(*s)) {
            return Err("missing_scope".to_owned());
        }
        if as_json && !takes_json {
            self.violations.push(format!("{name} does not take JSON"));
            return Err("invalid_arguments".to_owned());
        }
        for key in *needed {
            if given.get(key).is_none_or(|v| v.is_null() || v == "") {
                self.violations.push(format!("{name} without {key}"));
                return Err("invalid_arguments".to_owned());
            }
        }
        match name.split_once('.').unwrap_or_default() {
            ("chat", _) => self.chat(name, given),
            ("conversations", _) => self.conversations(name, given),
            ("users", _) => self.people(name, given),
            ("pins" | "reactions", _) => self.marks(name, given),
            ("views", _) => self.shows(name, given),
            ("auth", _) => {
                let (team, bot) = (self.team.clone(), self.bot.clone());
                let mut us = json!({ "url": "https://fake.slack.com/", "team": "Fake", "user": "countersign", "team_id": team,
                                     "user_id": bot, "bot_id": "B0BOT" });
                if !self.enterprise.is_empty() {
                    us["enterprise_id"] = json!(self.enterprise);
                }
                Ok(us)
            }
            ("files", _) => self.file_info(given),
            ("bots", _) => Ok(json!({ "bot": { "id": text(given, "bot"), "name": "countersign", "app_id": "A0APP" } })),
            ("apps", "manifest.export") => Ok(json!({ "manifest": self.manifest })),
            ("apps", _) => Ok(json!({ "url": self.socket })),
            _ => Err("unknown_method".to_owned()),
        }
    }

    fn fits(&mut self, what: &str, checked: Result<(), String>, word: &str) -> Result<(), String> {
        checked.map_err(|why| {
            self.violations.push(format!("{what}: {why}"));
            word.to_owned()
        })
    }

    fn chat(&mut self, name: &str, given: &Value) -> Answer {
        let (channel, ts) = (text(given, "channel"), text(given, "ts"));
        let blocks = nested(given, "blocks");
        let blocks = blocks.as_array().cloned().unwrap_or_default();
        self.fits(name, limits::blocks(&blocks, 50, false), "invalid_blocks")?;
        if matches!(name, "chat.postMessage" | "chat.update" | "chat.postEphemeral") {
            let length = text(given, "text").chars().count();
            if length == 0 && blocks.is_empty() {
                return Err("no_text".to_owned());
            }
            if length > 40_000 {
                return Err("msg_too_long".to_owned());
            }
        }
        let bot = self.bot.clone();
        match name {
            "chat.postMessage" => {
                if channel.starts_with('U') && self.users.get(channel).is_none_or(|user| user.deleted) {
                    return Err("channel_not_found".to_owned());
                }
                let channel = if channel.starts_with('U') { self.direct(channel) } else { channel.to_owned() };
                let ts = self.next_ts();
                let mut message =
                    json!({ "type": "message", "user": bot, "bot_id": "B0BOT", "ts": ts, "text": text(given, "text"), "blocks": blocks });
                let metadata = nested(given, "metadata");
                if !metadata.is_null() {
                    message["metadata"] = metadata;
                }
                let open = self.open(&channel)?;
                if let Some(thread) = given["thread_ts"].as_str() {
                    if !open.messages.iter().any(|m| m["ts"] == thread) {
                        return Err("thread_not_found".to_owned());
                    }
                    message["thread_ts"] = json!(thread);
                }
                open.messages.push(message.clone());
                Ok(json!({ "channel": channel, "ts": ts, "message": message }))
            }
            "chat.postEphemeral" => {
                let user = text(given, "user").to_owned();
                let open = self.open(channel)?;
                if !open.members.contains(&user) {
                    return Err("user_not_in_channel".to_owned());
                }
                let said = json!({ "text": text(given, "text"), "blocks": blocks });
                self.whispers.push((channel.to_owned(), user, said));
                Ok(json!({ "message_ts": self.next_ts() }))
            }
            "chat.update" | "chat.delete" => {
                let open = self.open(channel)?;
                let place = open.messages.iter().position(|m| m["ts"] == ts).ok_or("message_not_found")?;
                if open.messages[place]["user"] != bot.as_str() {
                    return Err("cant_update_message".to_owned());
                }
                if name == "chat.delete" {
                    open.messages.remove(place);
                    return Ok(json!({ "channel": channel, "ts": ts }));
                }
                let message = &mut open.messages[place];
                message["text"] = json!(text(given, "text"));
                message["blocks"] = json!(blocks);
                message["edited"] = json!({ "user": bot, "ts": ts });
                Ok(json!({ "channel": channel, "ts": ts, "text": text(given, "text") }))
            }
            _ => Ok(
                json!({ "channel": channel, "permalink": format!("https://fake.slack.com/archives/{channel}/p{}", text(given, "message_ts")) }),
            ),
        }
    }

    fn conversations(&mut self, name: &str, given: &Value) -> Answer {
        let id = text(given, "channel").to_owned();
        let bot = self.bot.clone();
        match name {
            "conversations.create" => {
                let wanted = text(given, "name");
                let good = wanted.chars().all(|c| (c.is_alphanumeric() && !c.is_uppercase()) || "-_".contains(c));
                match () {
                    () if wanted.chars().count() > 80 => return Err("invalid_name_maxlength".to_owned()),
                    () if !good => return Err("invalid_name_specials".to_owned()),
                    () if self.channels.values().any(|c| c.name == wanted) => return Err("name_taken".to_owned()),
                    () => {}
                }
                let private = given["is_private"] == true || given["is_private"] == "true";
                let id = self.add_channel(wanted, &bot, private);
                Ok(json!({ "channel": self.channels[&id].shown(&bot) }))
            }
            "conversations.invite" => {
                let users: Vec<String> = text(given, "users").split(',').map(str::to_owned).collect();
                if users.len() > 100 {
                    return Err("too_many_users".to_owned());
                }
                if let Some(unknown) = users.iter().find(|u| !self.users.contains_key(*u)) {
                    return Err(if unknown.is_empty() { "no_user" } else { "user_not_found" }.to_owned());
                }
                let open = self.open(&id)?;
                let before = open.members.len();
                open.members.extend(users);
                if open.members.len() == before { Err("already_in_channel".to_owned()) } else { Ok(json!({ "channel": open.shown(&bot) })) }
            }
            "conversations.setTopic" => {
                if text(given, "topic").chars().count() > 250 {
                    return Err("too_long".to_owned());
                }
                let open = self.open(&id)?;
                text(given, "topic").clone_into(&mut open.topic);
                Ok(json!({ "channel": open.shown(&bot) }))
            }
            "conversations.archive" => {
                let open = self.seen(&id)?;
                if open.archived {
                    return Err("already_archived".to_owned());
                }
                open.archived = true;
                Ok(json!({}))
            }
            "conversations.join" => {
                let seen = self.seen(&id)?;
                if seen.private {
                    return Err("method_not_supported_for_channel_type".to_owned());
                }
                seen.members.insert(bot.clone());
                Ok(json!({ "channel": seen.shown(&bot) }))
            }
            "conversations.open" => {
                let user = text(given, "users").to_owned();
                if !self.users.contains_key(&user) {
                    return Err("user_not_found".to_owned());
                }
                Ok(json!({ "channel": { "id": self.direct(&user) } }))
            }
            "conversations.info" => Ok(json!({ "channel": self.seen(&id)?.shown(&bot) })),
            "conversations.members" => {
                let members = self.seen(&id)?.members.clone();
                Ok(json!({ "members": members, "response_metadata": { "next_cursor": "" } }))
            }
            "conversations.list" => Ok(self.listed(given, |_| true)),
            _ => self.history(name, given, &id),
        }
    }

    fn listed(&self, given: &Value, which: impl Fn(&super::Channel) -> bool) -> Value {
        let kinds = text(given, "types");
        let kinds = if kinds.is_empty() { "public_channel" } else { kinds };
        let of_kind = |c: &super::Channel| if c.private { kinds.contains("private_channel") } else { kinds.contains("public_channel") };
        let visible = |c: &super::Channel| !c.private || c.members.contains(&self.bot);
        let live = |c: &super::Channel| !(c.archived && text(given, "exclude_archived") == "true");
        let all: Vec<Value> = self
            .channels
            .values()
            .filter(|c| !c.im && of_kind(c) && visible(c) && live(c) && which(c))
            .map(|c| c.shown(&self.bot))
            .collect();
        let (page, next) = paged(&all, given);
        json!({ "channels": page, "response_metadata": { "next_cursor": next } })
    }

    fn history(&mut self, name: &str, given: &Value, id: &str) -> Answer {
        let bot = self.bot.clone();
        let direct = self.scopes.contains("im:history");
        let seen = self.seen(id)?;
        if seen.im && !direct {
            return Err("missing_scope".to_owned());
        }
        if !seen.members.contains(&bot) {
            return Err("not_in_channel".to_owned());
        }
        let with_metadata = text(given, "include_all_metadata") == "true" || given["include_all_metadata"] == true;
        let thread = text(given, "ts");
        let wanted = |m: &&Value| match name {
            "conversations.replies" => m["ts"] == thread || m["thread_ts"] == thread,
            _ => m.get("thread_ts").is_none() || m["thread_ts"] == m["ts"],
        };
        let mut all: Vec<Value> = seen.messages.iter().filter(wanted).cloned().collect();
        let place = |ts: &str| ts.parse::<f64>().unwrap_or_default();
        let bound = |key: &str, missing: f64| if text(given, key).is_empty() { missing } else { place(text(given, key)) };
        let (oldest, latest) = (bound("oldest", 0.0), bound("latest", f64::MAX));
        all.retain(|m| (oldest..=latest).contains(&place(m["ts"].as_str().unwrap_or_default())));
        let replies = |ts: &Value| seen.messages.iter().filter(|m| m["thread_ts"] == *ts && m["ts"] != *ts).count();
        for message in &mut all {
            let replies = replies(&message["ts"]);
            if replies > 0 {
                message["reply_count"] = json!(replies);
            }
        }
        if name == "conversations.history" {
            all.reverse();
        }
        if !with_metadata {
            all.iter_mut().filter_map(Value::as_object_mut).for_each(|m| drop(m.remove("metadata")));
        }
        if name == "conversations.replies" && all.is_empty() {
            return Err("thread_not_found".to_owned());
        }
        let (page, next) = paged(&all, given);
        Ok(json!({ "messages": page, "has_more": !next.is_empty(), "response_metadata": { "next_cursor": next } }))
    }

    fn file_info(&self, given: &Value) -> Answer {
        let id = text(given, "file");
        let bytes = self.files.get(id).ok_or("file_not_found")?;
        let url = format!("{}/files/{id}", self.base);
        Ok(
            json!({ "file": { "id": id, "name": format!("{id}.txt"), "size": bytes.len(), "url_private": url, "url_private_download": url } }),
        )
    }

    fn people(&mut self, name: &str, given: &Value) -> Answer {
        match name {
            "users.info" => Ok(json!({ "user": self.users.get(text(given, "user")).ok_or("user_not_found")?.shown() })),
            "users.lookupByEmail" => {
                let found = self.users.values().find(|user| user.email == text(given, "email"));
                Ok(json!({ "user": found.ok_or("users_not_found")?.shown() }))
            }
            "users.list" => {
                let all: Vec<Value> = self.users.values().map(super::User::shown).collect();
                let (page, next) = paged(&all, given);
                Ok(json!({ "members": page, "response_metadata": { "next_cursor": next } }))
            }
            _ => {
                let bot = self.bot.clone();
                Ok(self.listed(given, |c| c.members.contains(&bot)))
            }
        }
    }

    fn marks(&mut self, name: &str, given: &Value) -> Answer {
        let (id, ts) = (text(given, "channel").to_owned(), text(given, "timestamp").to_owned());
        if name == "pins.list" {
            let seen = self.seen(&id)?;
            let items: Vec<Value> =
                seen.pins.iter().map(|ts| json!({ "type": "message", "channel": id, "message": { "ts": ts } })).collect();
            return Ok(json!({ "items": items }));
        }
        let open = self.open(&id)?;
        if !open.messages.iter().any(|m| m["ts"] == ts.as_str()) {
            return Err("message_not_found".to_owned());
        }
        match name {
            "pins.add" if open.pins.contains(&ts) => Err("already_pinned".to_owned()),
            "pins.add" => {
                open.pins.push(ts);
                Ok(json!({}))
            }
            "pins.remove" => {
                open.pins.retain(|pinned| *pinned != ts);
                Ok(json!({}))
            }
            _ => {
                self.reactions.push((id, ts, text(given, "name").to_owned()));
                Ok(json!({}))
            }
        }
    }

    fn shows(&mut self, name: &str, given: &Value) -> Answer {
        let view = nested(given, "view");
        self.fits(name, limits::view(&view), "invalid_arguments")?;
        match name {
            "views.publish" => {
                let user = text(given, "user_id");
                if view["type"] != "home" {
                    return Err("invalid_arguments".to_owned());
                }
                self.homes.insert(user.to_owned(), view.clone());
                Ok(json!({ "view": view }))
            }
            "views.open" => {
                let opened: Instant = self.triggers.remove(text(given, "trigger_id")).ok_or("invalid_trigger_id")?;
                if opened.elapsed().as_secs() >= TRIGGER_SECONDS {
                    return Err("expired_trigger_id".to_owned());
                }
                let id = format!("V{:08}", self.next());
                Ok(json!({ "view": self.keep_view(id, view) }))
            }
            _ => {
                let id = text(given, "view_id").to_owned();
                let old = self.views.get(&id).ok_or("not_found")?;
                if given["hash"].as_str().is_some_and(|hash| old["hash"] != hash) {
                    return Err("hash_conflict".to_owned());
                }
                Ok(json!({ "view": self.keep_view(id, view) }))
            }
        }
    }

    fn keep_view(&mut self, id: String, mut view: Value) -> Value {
        let hash = format!("{}.hash", self.next());
        view["id"] = json!(id);
        view["hash"] = json!(hash);
        view["team_id"] = json!(self.team);
        self.views.insert(id, view.clone());
        view
    }
}

/// One page, and the cursor to the next one.
fn paged(all: &[Value], given: &Value) -> (Vec<Value>, String) {
    let number = |key: &str| given[key].as_u64().or_else(|| text(given, key).parse().ok()).and_then(|n| usize::try_from(n).ok());
    let from = number("cursor").unwrap_or(0);
    let limit = number("limit").unwrap_or(100).clamp(1, 999);
    let page: Vec<Value> = all.iter().skip(from).take(limit).cloned().collect();
    let next = if from + page.len() < all.len() { (from + page.len()).to_string() } else { String::new() };
    (page, next)
}
