//! The workspace that the fake keeps: users, channels, messages, pins, views, files, and how it misbehaves on demand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use serde_json::{Value, json};

/// Somebody in the workspace.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub name: String,
    pub team: String,
    pub email: String,
    pub confirmed: bool,
    pub guest: bool,
    pub bot: bool,
    pub deleted: bool,
    /// The organisation of workspaces that they belong to; empty for none.
    pub enterprise: String,
}

/// A channel, private or not.
#[derive(Clone, Debug)]
pub struct Channel {
    pub id: String,
    pub name: String,
    pub creator: String,
    pub private: bool,
    pub archived: bool,
    /// A conversation with one person.
    pub im: bool,
    pub topic: String,
    pub members: BTreeSet<String>,
    pub pins: Vec<String>,
    /// In the order in which they came; each as `conversations.history` gives it.
    pub messages: Vec<Value>,
}

/// How the next requests go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 with this `Retry-After`, in seconds; nothing happens.
    Limited(u64),
    /// 500, and nothing happened.
    Broken,
    /// It happened, and then the connection is cut.
    CutAfter,
    /// It happened, and the answer comes this much later.
    AnsweredLate(std::time::Duration),
    /// The connection is cut, and nothing happened.
    CutBefore,
    /// `ok: false` with this word.
    Says(&'static str),
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub body: Value,
    /// What it was answered: `ok`, or the error.
    pub outcome: String,
}

/// Everything.
#[derive(Debug)]
pub struct State {
    pub team: String,
    pub bot: String,
    pub scopes: BTreeSet<String>,
    pub users: BTreeMap<String, User>,
    pub channels: BTreeMap<String, Channel>,
    pub views: BTreeMap<String, Value>,
    pub homes: BTreeMap<String, Value>,
    pub files: BTreeMap<String, Vec<u8>>,
    pub reactions: Vec<(String, String, String)>,
    /// Only the named user sees these: channel, user, message.
    pub whispers: Vec<(String, String, Value)>,
    /// What was posted at response addresses.
    pub answers: Vec<(String, Value)>,
    pub triggers: BTreeMap<String, Instant>,
    /// Faults that wait: the method they are for, if for one.
    pub faults: VecDeque<(Option<String>, Fault)>,
    /// Every so many-th request is answered 429; 2 is every other one.
    pub limit_every: u64,
    pub calls: Vec<Call>,
    /// What Slack would have refused for its shape, or never offered at all.
    pub violations: Vec<String>,
    pub counter: u64,
    /// Where the next socket is opened.
    pub socket: String,
    /// Methods that are slow, and by how much.
    pub slow: BTreeMap<String, std::time::Duration>,
    /// Where this Slack is.
    pub base: String,
    /// The app's manifest, as it was pasted and changed since.
    pub manifest: Value,
    /// The organisation of workspaces that the team belongs to; empty for none.
    pub enterprise: String,
}

impl State {
    pub fn new() -> Self {
        let scopes = [
            "app_mentions:read",
            "channels:history",
            "channels:join",
            "channels:manage",
            "channels:read",
            "chat:write",
            "commands",
            "files:read",
            "files:write",
            "groups:history",
            "groups:read",
            "groups:write",
            "im:history",
            "im:read",
            "im:write",
            "metadata.message:read",
            "pins:read",
            "pins:write",
            "reactions:read",
            "reactions:write",
            "users:read",
            "users:read.email",
        ];
        let bot = User {
            id: "UBOT".into(),
            name: "countersign".into(),
            team: "T0TEAM".into(),
            email: String::new(),
            confirmed: false,
            guest: false,
            bot: true,
            deleted: false,
            enterprise: String::new(),
        };
        Self {
            team: bot.team.clone(),
            bot: bot.id.clone(),
            scopes: scopes.map(str::to_owned).into(),
            users: [(bot.id.clone(), bot)].into(),
            channels: BTreeMap::new(),
            views: BTreeMap::new(),
            homes: BTreeMap::new(),
            files: BTreeMap::new(),
            reactions: Vec::new(),
            whispers: Vec::new(),
            answers: Vec::new(),
            triggers: BTreeMap::new(),
            faults: VecDeque::new(),
            limit_every: 0,
            calls: Vec::new(),
            violations: Vec::new(),
            socket: "wss://127.0.0.1:1/none".to_owned(),
            slow: BTreeMap::new(),
            base: String::new(),
            manifest: Value::Null,
            enterprise: String::new(),
            counter: 0,
        }
    }

    pub fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// The next message's place: it grows with every message.
    pub fn next_ts(&mut self) -> String {
        let n = self.next();
        format!("{}.{n:06}", 1_772_445_600 + n)
    }

    pub fn add_channel(&mut self, name: &str, creator: &str, private: bool) -> String {
        let id = format!("{}{:08}", if private { 'G' } else { 'C' }, self.next());
        let channel = Channel {
            id: id.clone(),
            name: name.to_owned(),
            creator: creator.to_owned(),
            private,
            archived: false,
            im: false,
            topic: String::new(),
            members: [creator.to_owned()].into(),
            pins: Vec::new(),
            messages: Vec::new(),
        };
        self.channels.insert(id.clone(), channel);
        id
    }

    /// The conversation with one person.
    pub fn direct(&mut self, user: &str) -> String {
        if let Some(found) = self.channels.values().find(|c| c.im && c.members.contains(user)) {
            return found.id.clone();
        }
        let id = format!("D{:08}", self.next());
        let members = [user.to_owned(), self.bot.clone()].into();
        let channel = Channel {
            id: id.clone(),
            name: String::new(),
            creator: self.bot.clone(),
            private: true,
            archived: false,
            im: true,
            topic: String::new(),
            members,
            pins: Vec::new(),
            messages: Vec::new(),
        };
        self.channels.insert(id.clone(), channel);
        id
    }

    /// A channel by id, as the bot sees it.
    pub fn seen(&mut self, id: &str) -> Result<&mut Channel, &'static str> {
        let bot = self.bot.clone();
        let channel = self.channels.get_mut(id).ok_or("channel_not_found")?;
        // A private channel that one is not in does not exist for one.
        if channel.private && !channel.members.contains(&bot) { Err("channel_not_found") } else { Ok(channel) }
    }

    /// A channel that the bot may write to.
    pub fn open(&mut self, id: &str) -> Result<&mut Channel, &'static str> {
        let bot = self.bot.clone();
        let channel = self.seen(id)?;
        match () {
            () if channel.archived => Err("is_archived"),
            () if !channel.members.contains(&bot) => Err("not_in_channel"),
            () => Ok(channel),
        }
    }
}

impl Channel {
    pub fn shown(&self, bot: &str) -> Value {
        json!({
            "id": self.id, "name": self.name, "creator": self.creator, "created": 1_772_445_600, "is_channel": !self.private,
            "is_group": self.private, "is_im": self.im, "is_mpim": false, "is_private": self.private, "is_archived": self.archived,
            "is_member": self.members.contains(bot), "is_general": false, "is_shared": false, "is_ext_shared": false,
            "topic": { "value": self.topic, "creator": bot, "last_set": 0 }, "purpose": { "value": "", "creator": "", "last_set": 0 },
            "num_members": self.members.len(),
        })
    }
}

impl User {
    pub fn shown(&self) -> Value {
        let mut shown = json!({
            "id": self.id, "team_id": self.team, "name": self.name, "real_name": self.name, "deleted": self.deleted, "is_bot": self.bot,
            "is_restricted": self.guest, "is_ultra_restricted": false, "is_app_user": false,
            "is_stranger": self.team != "T0TEAM" && self.enterprise.is_empty(),
            "is_email_confirmed": self.confirmed, "updated": 0,
            "profile": { "email": self.email, "real_name": self.name, "display_name": self.name, "team": self.team },
        });
        if !self.enterprise.is_empty() {
            shown["enterprise_user"] = json!({ "id": self.id, "enterprise_id": self.enterprise, "teams": [self.team] });
        }
        shown
    }
}
