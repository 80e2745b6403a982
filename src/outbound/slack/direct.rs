//! What is said to one person directly, each thing once: a message that may have arrived already is looked for by its mark
//! before it is said again, in the same way as in a channel.

use std::time::Duration;

use serde_json::json;

use super::Slack;
use super::blocks::{self, Post};
use super::methods::{self, Place};
use super::pace;
use super::wire::Trouble;
use crate::desk::chat::{ChatError, Mark, Reply};

/// How long each request may take.
const PATIENCE: Duration = Duration::from_secs(8);

impl Slack {
    /// Says something to a user, unless it was said.
    pub(super) async fn directly(&self, user: &str, reply: &Reply, mark: Option<&Mark>) -> Result<(), ChatError> {
        let now = self.env.now();
        let post = blocks::reply(&self.ink(now), reply);
        let Some(mark) = mark else {
            let body = json!({ "channel": user, "text": post.text, "blocks": post.blocks, "unfurl_links": false, "unfurl_media": false });
            return in_time(self.api.post::<methods::Done>("chat.postMessage", &body)).await.map(drop);
        };
        let known = methods::Mark { ticket: &mark.ticket, what: &mark.what };
        let key = pace::say(user);
        if let Some(until) = self.pace().wait(&key, now) {
            return Err(ChatError::Busy(Some(until.since(now))));
        }
        if mark.again && in_time(self.was_said(user, &known)).await? {
            return Ok(());
        }
        let said = match in_time(self.api.say(Place { channel: user, thread: "" }, &post, &known)).await {
            // It is told without its looks rather than not at all.
            Err(ChatError::Refused(word)) if word.starts_with("invalid_blocks") || word.starts_with("msg_") => {
                tracing::error!(word, "Slack did not take the blocks of a message to one person; its text is sent alone");
                let bare = Post { text: post.text, blocks: Vec::new() };
                in_time(self.api.say(Place { channel: user, thread: "" }, &bare, &known)).await
            }
            said => said,
        };
        let now = self.env.now();
        match &said {
            Ok(_) => self.pace().said(user, now),
            Err(ChatError::Busy(Some(pause))) => self.pace().hold(&key, now.plus(*pause), now),
            Err(_) => {}
        }
        said.map(drop)
    }

    /// Whether a message that bears the mark stands in the conversation with a user. Where the app may not look, it is said
    /// once too often rather than never.
    async fn was_said(&self, user: &str, mark: &methods::Mark<'_>) -> Result<bool, Trouble> {
        let looked = async {
            let channel = self.api.conversation_with(user).await?;
            self.api.find(Place { channel: &channel, thread: "" }, mark, "").await
        };
        match looked.await {
            Ok(found) => Ok(found.is_some()),
            Err(Trouble::Said(word)) => {
                tracing::warn!(word, "it could not be looked up whether a message to one person arrived; it is sent again");
                Ok(false)
            }
            Err(trouble) => Err(trouble),
        }
    }
}

async fn in_time<T>(request: impl Future<Output = Result<T, Trouble>>) -> Result<T, ChatError> {
    match tokio::time::timeout(PATIENCE, request).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(ChatError::Silent),
    }
}
