//! Somebody with Slack in front of them: every command, click, form and message reaches the service as Slack would send
//! it, signed.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::world::World;
use crate::world::answer::Answered;
use crate::world::person::receive;
use crate::world::slack::{FakeSlack, SIGNING_SECRET};

/// The workspace of the fake.
pub const TEAM: &str = "T0TEAM";

/// See the module.
pub struct Hand<'w> {
    pub w: &'w World,
    pub slack: FakeSlack,
    /// `U…`
    pub user: String,
    /// Where commands are typed.
    pub channel: String,
}

/// Slack's signature of a body, by any secret and at any moment.
pub fn signature(secret: &str, at: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(format!("v0:{at}:{body}").as_bytes());
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// A form as Slack posts it.
pub fn form(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

/// Posts a body with these proofs.
pub async fn posts(w: &World, path: &str, body: &str, proof: (i64, &str)) -> Answered {
    let (at, signature) = proof;
    let kind = if body.starts_with('{') { "application/json" } else { "application/x-www-form-urlencoded" };
    let request = w.client.post(format!("{}{path}", w.base(0))).header("content-type", kind);
    let request = request.header("x-slack-request-timestamp", at.to_string()).header("x-slack-signature", signature);
    receive(request.body(body.to_owned()), format!("Slack: POST {path}")).await
}

/// Posts a body as Slack does.
pub async fn genuine(w: &World, path: &str, body: &str) -> Answered {
    let at = w.now().seconds();
    posts(w, path, body, (at, &signature(SIGNING_SECRET, at, body))).await
}

/// Every text in a value, in order.
fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(text) = map.get("text").and_then(Value::as_str) {
                out.push(text.to_owned());
            }
            map.iter().filter(|(name, _)| *name != "text" || value["text"].is_object()).for_each(|(_, value)| texts(value, out));
        }
        Value::Array(all) => all.iter().for_each(|value| texts(value, out)),
        _ => {}
    }
}

/// Everything that a message or a view says, in one text.
pub fn words(value: &Value) -> String {
    let mut out = Vec::new();
    texts(value, &mut out);
    out.join(" ")
}

/// The value of the button that says this.
#[track_caller]
pub fn button(value: &Value, label: &str) -> String {
    fn find(value: &Value, label: &str) -> Option<String> {
        if value["type"] == "button" && value["text"]["text"] == label {
            return value["value"].as_str().or_else(|| value["url"].as_str()).map(str::to_owned);
        }
        match value {
            Value::Object(map) => map.values().find_map(|value| find(value, label)),
            Value::Array(all) => all.iter().find_map(|value| find(value, label)),
            _ => None,
        }
    }
    find(value, label).unwrap_or_else(|| panic!("no button says {label:?} in {value}"))
}

/// An input of a form with one text.
pub fn typed(text: &str) -> Value {
    json!({ "value": { "type": "plain_text_input", "value": text } })
}

/// A choice of a form.
pub fn chosen(value: &str) -> Value {
    json!({ "value": { "type": "static_select", "selected_option": { "value": value } } })
}

impl<'w> Hand<'w> {
    pub fn of(w: &'w World, slack: &FakeSlack, user: &str) -> Self {
        Self { w, slack: slack.clone(), user: user.to_owned(), channel: "C0GENERAL".to_owned() }
    }

    /// The same hand in this channel.
    pub fn within(&self, channel: &str) -> Self {
        Self { w: self.w, slack: self.slack.clone(), user: self.user.clone(), channel: channel.to_owned() }
    }

    /// Types a command: `/incident declare the database is down`.
    pub async fn types(&self, line: &str) -> Value {
        let (before, views) = {
            let state = self.slack.lock();
            (state.answers.len(), state.views.clone())
        };
        let body = self.command(line, &self.slack.trigger());
        let answered = genuine(self.w, "/slack/commands", &body).await;
        assert_eq!(answered.status, 200, "{line}: {}", answered.text());
        self.settled().await;
        // Whoever is told that it takes a moment reads what came of it, as people do.
        if answered.text().contains("still saving")
            && let Some((_, late)) = self.slack.lock().answers.get(before..).and_then(<[_]>::last)
        {
            return late.clone();
        }
        if !answered.bytes.is_empty() {
            return answered.json();
        }
        // Where looking something up took a moment, a window stood there by then, and what is no form is said in it.
        let state = self.slack.lock();
        let said = state.views.iter().find(|(id, view)| views.get(*id) != Some(view) && view["title"]["text"] == "Countersign");
        said.map_or(Value::Null, |(_, view)| view.clone())
    }

    /// What is answered to a command, in words.
    pub async fn hears(&self, line: &str) -> String {
        words(&self.types(line).await)
    }

    /// A command as Slack posts it.
    pub fn command(&self, line: &str, trigger: &str) -> String {
        let (command, text) = line.split_once(' ').unwrap_or((line, ""));
        form(&[
            ("team_id", TEAM),
            ("user_id", &self.user),
            ("user_name", "whatever-i-like"),
            ("channel_id", &self.channel),
            ("command", command),
            ("text", text),
            ("trigger_id", trigger),
            ("response_url", &self.slack.response_url()),
            ("api_app_id", ""),
        ])
        .replace("&api_app_id=", "")
    }

    pub async fn interacts(&self, payload: Value) -> Answered {
        let body = form(&[("payload", &payload.to_string())]);
        genuine(self.w, "/slack/interactions", &body).await
    }

    /// Waits until everything is said that is said after Slack was answered.
    async fn settled(&self) {
        self.w.replica(0).app.talk.after.settled().await;
    }

    pub fn payload(&self, kind: &str, rest: Value) -> Value {
        let mut payload = json!({
            "type": kind, "team": { "id": TEAM }, "user": { "id": self.user, "team_id": TEAM, "name": "whatever-i-like" },
            "trigger_id": self.slack.trigger(), "channel": { "id": self.channel },
            "response_url": self.slack.response_url(),
        });
        for (name, value) in rest.as_object().cloned().unwrap_or_default() {
            payload[name] = value;
        }
        payload
    }

    /// Presses a button that carries this, and hears what is said only to them; nothing is null.
    pub async fn presses(&self, value: &str) -> Value {
        let before = self.slack.lock().answers.len();
        let payload = self.payload("block_actions", json!({ "actions": [{ "type": "button", "action_id": "x", "value": value }] }));
        let answered = self.interacts(payload).await;
        assert_eq!(answered.status, 200, "{}", answered.text());
        self.settled().await;
        let answers = self.slack.lock().answers.clone();
        answers.get(before).map_or(Value::Null, |(_, answer)| answer.clone())
    }

    /// Presses a button on the app's own page, or in a window: Slack gives no address for answers there.
    pub async fn presses_on(&self, view: &Value, value: &str) {
        let mut view = view.clone();
        if view["id"].is_null() {
            view["id"] = json!("VHOME");
        }
        let container = json!({ "type": "view", "view_id": view["id"] });
        let actions = json!([{ "type": "button", "action_id": "x", "value": value }]);
        let mut payload = self.payload("block_actions", json!({ "actions": actions, "view": view, "container": container }));
        for only_in_channels in ["response_url", "channel"] {
            payload.as_object_mut().expect("an object").remove(only_in_channels);
        }
        let answered = self.interacts(payload).await;
        assert_eq!((answered.status, answered.text().as_str()), (200, ""));
        self.settled().await;
    }

    /// The form that was opened or changed last.
    pub fn form(&self) -> Value {
        let state = self.slack.lock();
        state.views.values().max_by_key(|view| view["id"].as_str().unwrap_or_default().to_owned()).cloned().expect("a form was opened")
    }

    /// Sends a form with these inputs; what Slack is told to do with it.
    pub async fn submits(&self, view: &Value, values: Value) -> Value {
        let answered = self.sends("view_submission", view, values).await;
        assert_eq!(answered.status, 200, "{}", answered.text());
        answered.json()
    }

    pub async fn sends(&self, kind: &str, view: &Value, values: Value) -> Answered {
        let mut view = view.clone();
        view["state"] = json!({ "values": values });
        let rest = if kind == "view_submission" {
            json!({ "view": view })
        } else {
            json!({ "view": view, "actions": [{ "action_id": "save", "value": "save" }] })
        };
        let answered = self.interacts(self.payload(kind, rest)).await;
        self.settled().await;
        answered
    }

    /// Slack tells of something.
    pub async fn told(&self, id: &str, event: Value) -> Answered {
        let body = json!({ "type": "event_callback", "team_id": TEAM, "event_id": id, "event": event }).to_string();
        let answered = genuine(self.w, "/slack/events", &body).await;
        self.settled().await;
        answered
    }

    /// Says something in the channel; where it stands.
    pub async fn says(&self, text: &str) -> String {
        let at = self.place();
        let event = json!({ "type": "message", "channel": self.channel, "user": self.user, "team": TEAM, "ts": at, "text": text });
        let answered = self.told(&format!("Ev{}", at.replace('.', "")), event).await;
        assert_eq!(answered.status, 200, "{}", answered.text());
        at
    }

    /// A place for a message of now, like no other.
    pub fn place(&self) -> String {
        let n = self.slack.lock().next();
        format!("{}.{:06}", self.w.now().seconds(), n)
    }
}
