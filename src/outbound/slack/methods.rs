//! Slack's methods that we use, each as we use it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::blocks::Post;
use super::wire::{Api, Trouble};

/// Pages that are looked through at most.
const PAGES: usize = 10;
/// What our messages carry, so that one can be found again.
pub const METADATA: &str = "countersign";

/// Nothing beyond `ok`.
#[derive(Deserialize)]
pub struct Done {}

/// Who we are.
#[derive(Clone, Debug, Deserialize)]
pub struct Who {
    /// The workspace.
    pub team_id: String,
    /// The bot's user.
    pub user_id: String,
    /// The organisation of workspaces.
    #[serde(default)]
    pub enterprise_id: Option<String>,
    /// The bot, which is not its user.
    #[serde(default)]
    pub bot_id: Option<String>,
    /// The app.
    #[serde(default)]
    pub app_id: Option<String>,
}

/// A channel.
#[derive(Clone, Debug, Deserialize)]
pub struct Conversation {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Who made it.
    #[serde(default)]
    pub creator: String,
    /// Nobody can write there.
    #[serde(default)]
    pub is_archived: bool,
}

#[derive(Deserialize)]
struct InChannel {
    channel: Conversation,
}

#[derive(Deserialize)]
struct Posted {
    ts: String,
}

#[derive(Deserialize, Default)]
struct Cursor {
    #[serde(default)]
    next_cursor: String,
}

#[derive(Deserialize)]
struct Channels {
    channels: Vec<Conversation>,
    #[serde(default)]
    response_metadata: Cursor,
}

#[derive(Deserialize)]
struct Messages {
    messages: Vec<Value>,
    #[serde(default)]
    response_metadata: Cursor,
}

/// What a message is about, in its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark<'a> {
    /// The ticket.
    pub ticket: &'a str,
    /// `card`, or the event's position.
    pub what: &'a str,
}

/// Where a message goes.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The channel.
    pub channel: &'a str,
    /// The thread; empty for the channel itself.
    pub thread: &'a str,
}

impl Api {
    /// Who we are.
    ///
    /// # Errors
    /// Why Slack does not say.
    pub async fn who(&self) -> Result<Who, Trouble> {
        let mut who: Who = self.post("auth.test", &json!({})).await?;
        // Which app it belongs to, Slack says of a bot rather than of its token.
        if let (None, Some(bot)) = (&who.app_id, &who.bot_id) {
            who.app_id = match self.get::<Value>("bots.info", &[("bot", bot)]).await {
                Ok(found) => found["bot"]["app_id"].as_str().map(str::to_owned),
                Err(Trouble::Said(_)) => None,
                Err(trouble) => return Err(trouble),
            };
        }
        Ok(who)
    }

    /// Posts a message; gives its place.
    ///
    /// # Errors
    /// Why Slack did not take it.
    pub async fn say(&self, place: Place<'_>, post: &Post, mark: &Mark<'_>) -> Result<String, Trouble> {
        let mut body = json!({
            "channel": place.channel, "text": post.text, "blocks": post.blocks, "unfurl_links": false, "unfurl_media": false,
            "metadata": { "event_type": METADATA, "event_payload": { "ticket": mark.ticket, "what": mark.what } },
        });
        if !place.thread.is_empty() {
            body["thread_ts"] = json!(place.thread);
        }
        Ok(self.post::<Posted>("chat.postMessage", &body).await?.ts)
    }

    /// Puts another text into a message of ours.
    ///
    /// # Errors
    /// Why Slack did not take it.
    pub async fn change(&self, channel: &str, ts: &str, post: &Post) -> Result<(), Trouble> {
        let body = json!({ "channel": channel, "ts": ts, "text": post.text, "blocks": post.blocks });
        self.post::<Done>("chat.update", &body).await.map(drop)
    }

    /// Deletes a message of ours; it may be gone already.
    ///
    /// # Errors
    /// Why Slack did not.
    pub async fn delete(&self, channel: &str, ts: &str) -> Result<(), Trouble> {
        self.ensure("chat.delete", &json!({ "channel": channel, "ts": ts }), &["message_not_found"]).await
    }

    /// The conversation with one user.
    ///
    /// # Errors
    /// Why Slack opens none.
    pub async fn conversation_with(&self, user: &str) -> Result<String, Trouble> {
        Ok(self.post::<InChannel>("conversations.open", &json!({ "users": user })).await?.channel.id)
    }

    /// Makes a channel.
    ///
    /// # Errors
    /// Why Slack did not.
    pub async fn make_channel(&self, name: &str, private: bool) -> Result<Conversation, Trouble> {
        Ok(self.post::<InChannel>("conversations.create", &json!({ "name": name, "is_private": private })).await?.channel)
    }

    /// A channel of ours by name, archived ones as well.
    ///
    /// # Errors
    /// Why Slack does not say.
    pub async fn own_channel(&self, name: &str) -> Result<Option<Conversation>, Trouble> {
        let mut cursor = String::new();
        for _ in 0..PAGES * 10 {
            let arguments = [("types", "public_channel,private_channel"), ("limit", "200"), ("cursor", cursor.as_str())];
            let arguments = if cursor.is_empty() { &arguments[..2] } else { &arguments[..] };
            let page: Channels = self.get("users.conversations", arguments).await?;
            if let Some(found) = page.channels.into_iter().find(|channel| channel.name == name) {
                return Ok(Some(found));
            }
            cursor = page.response_metadata.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        Ok(None)
    }

    /// The message of ours that bears this mark, if it arrived after the one at `last` (empty: among the newest).
    ///
    /// # Errors
    /// Why Slack does not say.
    pub async fn find(&self, place: Place<'_>, mark: &Mark<'_>, last: &str) -> Result<Option<String>, Trouble> {
        let ours = |message: &Value| {
            let payload = &message["metadata"]["event_payload"];
            message["metadata"]["event_type"] == METADATA && payload["ticket"] == mark.ticket && payload["what"] == mark.what
        };
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let page = self.page(place, &cursor, Some(last)).await?;
            if let Some(found) = page.messages.iter().find(|message| ours(message)) {
                return Ok(found["ts"].as_str().map(str::to_owned));
            }
            cursor = page.response_metadata.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        Ok(None)
    }

    /// One page of a channel's or a thread's messages; of those after a place with what they carry.
    async fn page(&self, place: Place<'_>, cursor: &str, marked_after: Option<&str>) -> Result<Messages, Trouble> {
        let mut arguments = vec![("channel", place.channel), ("limit", "200")];
        if let Some(after) = marked_after {
            arguments.push(("include_all_metadata", "true"));
            // A thread is told from its beginning: of a long one, only what is new is looked at.
            if !after.is_empty() {
                arguments.push(("oldest", after));
            }
        }
        let method = if place.thread.is_empty() {
            "conversations.history"
        } else {
            arguments.push(("ts", place.thread));
            "conversations.replies"
        };
        if !cursor.is_empty() {
            arguments.push(("cursor", cursor));
        }
        self.get(method, &arguments).await
    }

    /// Messages of a channel or a thread, page by page until `enough`; in Slack's order.
    ///
    /// # Errors
    /// Why Slack does not say.
    pub async fn messages(&self, place: Place<'_>, enough: usize) -> Result<Vec<Value>, Trouble> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        for _ in 0..PAGES * 10 {
            let page = self.page(place, &cursor, None).await?;
            all.extend(page.messages);
            cursor = page.response_metadata.next_cursor;
            if cursor.is_empty() || all.len() >= enough {
                break;
            }
        }
        Ok(all)
    }

    /// The user of this address.
    ///
    /// # Errors
    /// Why Slack does not say.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<String>, Trouble> {
        match self.get::<Value>("users.lookupByEmail", &[("email", email)]).await {
            Ok(found) => Ok(found["user"]["id"].as_str().map(str::to_owned)),
            Err(Trouble::Said(word)) if word == "users_not_found" => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Archives a channel; it may be archived or gone already.
    ///
    /// # Errors
    /// Why Slack did not.
    pub async fn archive(&self, channel: &str) -> Result<(), Trouble> {
        self.ensure("conversations.archive", &json!({ "channel": channel }), &["already_archived", "channel_not_found"]).await
    }

    /// A method whose answer says nothing more, and whose word `fine` means that it was done before.
    ///
    /// # Errors
    /// Why Slack did not.
    pub async fn ensure(&self, method: &str, arguments: &Value, fine: &[&str]) -> Result<(), Trouble> {
        match self.post::<Done>(method, arguments).await {
            Err(Trouble::Said(word)) if fine.contains(&word.as_str()) => Ok(()),
            done => done.map(drop),
        }
    }
}
