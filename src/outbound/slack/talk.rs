//! One person's own interactions: forms, answers, and what Slack knows of people, messages and files. Nothing here
//! carries state; all of it may be lost.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Slack;
use super::blocks;
use super::methods::Place;
use super::view;
use super::wire::Trouble;
use crate::desk::chat::{Chat, ChatError, ChatFile, ChatMessage, ChatUser, Home, Identity, Mark, Reply, Said, Sheet};
use crate::outbound::http::{Asking, HttpError, host_of};

/// A trigger id lasts three seconds, of which some have gone by the time that we use it.
const TRIGGER: Duration = Duration::from_millis(2_500);
/// How long anything else may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// So often, and so long each time, a long reading waits when Slack asks for it.
const WAITS: usize = 5;
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Bytes of an answer at a response address that are read at most.
const ANSWER: usize = 64 << 10;

impl From<Trouble> for ChatError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Slow(pause) => Self::Busy(Some(pause)),
            Trouble::Unknown(_) => Self::Silent,
            Trouble::Said(word) => Self::Refused(word),
        }
    }
}

impl From<HttpError> for ChatError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::TooLong => Self::TooLarge,
            HttpError::Private(_) | HttpError::Address => Self::Refused("not an address of Slack".to_owned()),
            HttpError::NoAnswer(_) => Self::Silent,
        }
    }
}

#[derive(Deserialize)]
struct Viewed {
    view: ViewId,
}

#[derive(Deserialize)]
struct ViewId {
    id: String,
}

#[derive(Deserialize)]
struct Asked {
    user: User,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct User {
    id: String,
    team_id: String,
    name: String,
    real_name: String,
    deleted: bool,
    is_bot: bool,
    is_restricted: bool,
    is_ultra_restricted: bool,
    is_stranger: bool,
    is_email_confirmed: bool,
    enterprise_user: Enterprise,
    profile: Profile,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Profile {
    email: Option<String>,
    display_name: String,
}

/// Where a user stands in an organisation of workspaces (Enterprise Grid).
#[derive(Deserialize, Default)]
#[serde(default)]
struct Enterprise {
    enterprise_id: String,
}

#[derive(Deserialize)]
struct Socket {
    url: String,
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T, ChatError>>) -> Result<T, ChatError> {
    tokio::time::timeout(patience, work).await.unwrap_or(Err(ChatError::Silent))
}

fn file_of(file: &Value) -> Option<ChatFile> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Some(ChatFile {
        id: text(&file["id"])?,
        name: text(&file["name"]).unwrap_or_default(),
        url: text(&file["url_private_download"]).or_else(|| text(&file["url_private"]))?,
        size: file["size"].as_u64().unwrap_or(0),
    })
}

/// What the status of an answer outside of the Web API says.
fn refused(status: u16) -> ChatError {
    if status == 429 || status >= 500 { ChatError::Busy(None) } else { ChatError::Refused(format!("HTTP {status}")) }
}

fn message_of(message: &Value) -> ChatMessage {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let by_program = message.get("bot_id").is_some_and(|id| !id.is_null());
    let at = text(&message["ts"]).unwrap_or_default();
    ChatMessage {
        thread: text(&message["thread_ts"]).filter(|thread| *thread != at).unwrap_or_default(),
        at,
        user: text(&message["user"]).filter(|_| !by_program),
        text: text(&message["text"]).unwrap_or_default(),
        files: message["files"].as_array().into_iter().flatten().filter_map(file_of).collect(),
    }
}

impl Slack {
    /// Whether an address is one of Slack's own: where the API is, and beside slack.com what belongs to it.
    fn is_slacks(&self, url: &str) -> bool {
        let Some(host) = host_of(url).map(|host| host.to_lowercase()) else { return false };
        let api = host_of(&self.settings.api_url).unwrap_or_default().to_lowercase();
        let secure = url.starts_with("https://");
        host == api || (secure && (api == "slack.com" || api.ends_with(".slack.com")) && host.ends_with(".slack.com"))
    }

    /// Messages of a place. Whoever asks for so many is patient: where Slack asks us to wait, we do.
    async fn all(&self, place: Place<'_>, enough: usize) -> Result<Vec<Value>, ChatError> {
        for _ in 0..WAITS {
            match self.api.messages(place, enough).await {
                Err(Trouble::Slow(pause)) => tokio::time::sleep(pause.min(LONGEST_WAIT)).await,
                done => return Ok(done?),
            }
        }
        Err(ChatError::Busy(None))
    }

    /// A channel's messages, each followed by what was said in its thread.
    async fn with_replies(&self, channel: &str, all: Vec<Value>, at_most: usize) -> Result<Vec<Value>, ChatError> {
        let mut out = Vec::with_capacity(all.len());
        for message in all {
            let at = message["ts"].as_str().unwrap_or_default().to_owned();
            let answered = message["reply_count"].as_u64().unwrap_or(0) > 0 && out.len() < at_most.saturating_mul(2);
            out.push(message);
            if answered {
                let replies = self.all(Place { channel, thread: &at }, usize::MAX).await?;
                // One that was sent to the channel as well stands there already.
                let only_here = |reply: &Value| reply["ts"] != at.as_str() && reply["subtype"] != "thread_broadcast";
                out.extend(replies.into_iter().filter(only_here));
            }
        }
        Ok(out)
    }

    fn answer_of(&self, reply: &Reply) -> Value {
        let post = blocks::reply(&self.ink(self.env.now()), reply);
        json!({ "response_type": "ephemeral", "replace_original": reply.replaces, "text": post.text, "blocks": post.blocks })
    }

    async fn post<R: serde::de::DeserializeOwned + Send>(&self, method: &str, body: Value) -> Result<R, ChatError> {
        within(PATIENCE, async { Ok(self.api.post(method, &body).await?) }).await
    }
}

#[derive(Deserialize)]
struct Nothing {}

impl Chat for Slack {
    fn identity(&self) -> Said<'_, Identity> {
        Box::pin(within(PATIENCE, async {
            let who = self.myself().await?;
            Ok(Identity { team: who.team_id, enterprise: who.enterprise_id, bot_user: who.user_id, app: who.app_id })
        }))
    }

    fn open<'a>(&'a self, trigger: &'a str, sheet: &'a Sheet) -> Said<'a, String> {
        Box::pin(within(TRIGGER, async move {
            let body = json!({ "trigger_id": trigger, "view": view::view(&self.ink(self.env.now()), sheet) });
            Ok(self.api.post::<Viewed>("views.open", &body).await?.view.id)
        }))
    }

    fn update<'a>(&'a self, form: &'a str, hash: Option<&'a str>, sheet: &'a Sheet) -> Said<'a, ()> {
        Box::pin(async move {
            let mut body = json!({ "view_id": form, "view": view::view(&self.ink(self.env.now()), sheet) });
            if let Some(hash) = hash {
                body["hash"] = json!(hash);
            }
            self.post::<Nothing>("views.update", body).await.map(drop)
        })
    }

    fn rendered(&self, sheet: &Sheet) -> Value {
        view::view(&self.ink(self.env.now()), sheet)
    }

    fn worded(&self, reply: &Reply) -> Value {
        self.answer_of(reply)
    }

    fn answer<'a>(&'a self, response_url: &'a str, reply: &'a Reply) -> Said<'a, ()> {
        Box::pin(within(PATIENCE, async move {
            if !self.is_slacks(response_url) {
                return Err(HttpError::Address.into());
            }
            let body = serde_json::to_vec(&self.answer_of(reply)).map_err(|_| ChatError::Unreadable)?;
            let asking = Asking { url: response_url, body: Some(("application/json; charset=utf-8", body)), bearer: None, at_most: ANSWER };
            let answered = self.client.ask(asking).await?;
            if answered.status == 200 { Ok(()) } else { Err(refused(answered.status)) }
        }))
    }

    fn whisper<'a>(&'a self, channel: &'a str, user: &'a str, reply: &'a Reply) -> Said<'a, ()> {
        Box::pin(async move {
            let post = blocks::reply(&self.ink(self.env.now()), reply);
            let body = json!({ "channel": channel, "user": user, "text": post.text, "blocks": post.blocks });
            self.post::<Nothing>("chat.postEphemeral", body).await.map(drop)
        })
    }

    fn tell<'a>(&'a self, user: &'a str, reply: &'a Reply, mark: Option<&'a Mark>) -> Said<'a, ()> {
        Box::pin(self.directly(user, reply, mark))
    }

    fn is_gone(&self) {
        self.refused().insert(String::new());
    }

    fn publish_home<'a>(&'a self, user: &'a str, home: &'a Home) -> Said<'a, ()> {
        Box::pin(async move {
            let view = blocks::home(&self.ink(self.env.now()), home);
            self.post::<Nothing>("views.publish", json!({ "user_id": user, "view": view })).await.map(drop)
        })
    }

    fn user<'a>(&'a self, user: &'a str) -> Said<'a, ChatUser> {
        Box::pin(within(PATIENCE, async move {
            let ours = self.myself().await?;
            let found = self.api.get::<Asked>("users.info", &[("user", user)]).await?.user;
            let called = [found.profile.display_name, found.real_name, found.name].into_iter().find(|name| !name.is_empty());
            let organisation = ours.enterprise_id.unwrap_or_default();
            let in_our_organisation =
                !organisation.is_empty() && [&found.enterprise_user.enterprise_id, &found.team_id].contains(&&organisation);
            Ok(ChatUser {
                shown_as: called.unwrap_or_default(),
                guest: found.is_restricted || found.is_ultra_restricted,
                bot: found.is_bot,
                stranger: found.is_stranger || !(found.team_id == ours.team_id || in_our_organisation),
                deleted: found.deleted,
                confirmed_email: found.profile.email.filter(|email| found.is_email_confirmed && !email.is_empty()),
                user: found.id,
                team: found.team_id,
            })
        }))
    }

    fn message<'a>(&'a self, channel: &'a str, at: &'a str) -> Said<'a, Option<ChatMessage>> {
        Box::pin(within(PATIENCE, async move {
            let here = |messages: &[Value]| messages.iter().find(|m| m["ts"] == at).map(message_of);
            let exactly = [("channel", channel), ("oldest", at), ("latest", at), ("inclusive", "true"), ("limit", "1")];
            let page: Value = self.api.get("conversations.history", &exactly).await?;
            if let Some(found) = here(page["messages"].as_array().map_or(&[][..], Vec::as_slice)) {
                return Ok(Some(found));
            }
            // Within a thread it is found by its own place alone.
            match self.api.get::<Value>("conversations.replies", &[("channel", channel), ("ts", at), ("limit", "1")]).await {
                Ok(page) => Ok(here(page["messages"].as_array().map_or(&[][..], Vec::as_slice))),
                Err(Trouble::Said(word)) if word == "thread_not_found" || word == "message_not_found" => Ok(None),
                Err(trouble) => Err(trouble.into()),
            }
        }))
    }

    fn messages<'a>(&'a self, channel: &'a str, thread: Option<&'a str>, at_most: usize) -> Said<'a, Vec<ChatMessage>> {
        Box::pin(async move {
            let thread = thread.unwrap_or_default();
            // Slack gives a channel's newest first, a thread's oldest first.
            let enough = if thread.is_empty() { at_most } else { usize::MAX };
            let mut all = self.all(Place { channel, thread }, enough).await?;
            if thread.is_empty() {
                all.reverse();
                all = self.with_replies(channel, all, at_most).await?;
            }
            let from = all.len().saturating_sub(at_most);
            Ok(all.iter().skip(from).map(message_of).collect())
        })
    }

    fn file<'a>(&'a self, id: &'a str) -> Said<'a, Option<ChatFile>> {
        Box::pin(within(PATIENCE, async move {
            match self.api.get::<Value>("files.info", &[("file", id)]).await {
                Ok(found) => Ok(file_of(&found["file"])),
                Err(Trouble::Said(word)) if matches!(word.as_str(), "file_not_found" | "file_deleted") => Ok(None),
                Err(trouble) => Err(trouble.into()),
            }
        }))
    }

    fn download<'a>(&'a self, file: &'a ChatFile, at_most: usize) -> Said<'a, Bytes> {
        Box::pin(async move {
            if !self.is_slacks(&file.url) {
                return Err(HttpError::Address.into());
            }
            let token = self.settings.bot_token.expose();
            let answered = self.client.ask(Asking { url: &file.url, body: None, bearer: Some(token), at_most }).await?;
            if answered.status == 200 { Ok(answered.body.into()) } else { Err(refused(answered.status)) }
        })
    }

    fn socket(&self) -> Said<'_, String> {
        Box::pin(within(PATIENCE, async {
            let app = self.app.as_ref().ok_or_else(|| ChatError::Refused("no app_token".to_owned()))?;
            Ok(app.post::<Socket>("apps.connections.open", &json!({})).await?.url)
        }))
    }
}
