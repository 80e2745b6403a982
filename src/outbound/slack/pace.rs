//! How fast we may speak: about one message a second in a channel, and not at all while Slack asks us to wait
//! (<https://docs.slack.dev/apis/web-api/rate-limits>).

use std::collections::HashMap;
use std::time::Duration;

use crate::env::Timestamp;

/// Between two messages in one channel.
const APART: Duration = Duration::from_millis(1_100);

/// What waits, and until when. The empty name stands for everything.
#[derive(Debug, Default)]
pub(super) struct Pace {
    until: HashMap<String, Timestamp>,
}

impl Pace {
    /// Until when `what` waits, if it does.
    pub(super) fn wait(&self, what: &str, now: Timestamp) -> Option<Timestamp> {
        [self.until.get(""), self.until.get(what)].into_iter().flatten().copied().filter(|until| *until > now).max()
    }

    /// `what` waits until then.
    pub(super) fn hold(&mut self, what: &str, until: Timestamp, now: Timestamp) {
        if self.until.len() > 4_096 {
            self.until.retain(|_, until| *until > now);
        }
        let held = self.until.entry(what.to_owned()).or_insert(until);
        *held = (*held).max(until);
    }

    /// Something was said in a channel.
    pub(super) fn said(&mut self, channel: &str, now: Timestamp) {
        self.hold(&say(channel), now.plus(APART), now);
    }
}

/// Posting in a channel, which has a limit of its own.
pub(super) fn say(channel: &str) -> String {
    format!("chat.postMessage:{channel}")
}
