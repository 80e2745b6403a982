//! Slack, outward: what is said there, and what one person's own interaction is answered with.
//!
//! - [`wire`]: slack-morphism over our own outgoing client; [`methods`]: the methods that we use;
//! - [`ink`]: words within Slack's limits; [`blocks`]: cards, messages, answers; [`view`]: forms;
//! - [`deliver`]: an outbox entry's turn, which goes through `place`, `say` (the card, and each message), `channel` (pin, topic,
//!   members), `conversation` (the story) and `ending`; [`room`]: what we know of a ticket's place;
//!   `rota`: who is invited to link an account before being called;
//!   `invited`: who belongs there; `remedy`: what Slack's refusals mean; `pace`: how fast we may speak;
//! - [`check`]: what `doctor` asks;
//! - `talk`: [`Chat`](crate::desk::chat::Chat), for one person's own interactions; `direct`: what is said to one person
//!   directly, once.
//!
//! To show something new in Slack: its value belongs to [`crate::card`], its blocks here, within the limits that each
//! file names, and `tests/it/world/slack` refuses what Slack would refuse.

pub mod blocks;
mod channel;
pub mod check;
mod conversation;
pub mod deliver;
mod direct;
mod ending;
pub mod ink;
mod invited;
pub mod methods;
mod pace;
mod place;
mod remedy;
pub mod room;
pub mod rota;
mod say;
mod talk;
pub mod view;
pub mod wire;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::http::{Client, HttpError, host_of};
use crate::config::Slack as Settings;
use crate::desk::rooms::{Position, RoomRow};
use crate::desk::{Desk, StoreError};
use crate::env::Env;
use deliver::{PLATFORM, Stop, Turn};
use methods::Who;
use pace::Pace;
use wire::{Api, Trouble};

/// The channel in which tickets have threads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fixed {
    /// Its id.
    id: String,
    /// What the configuration calls it.
    name: String,
    /// We made it, so we bring in those who work; whom somebody else's channel is for, they decide.
    ours: bool,
}

/// One workspace, as the configured app sees it.
pub struct Slack {
    api: Api,
    /// With the app's own token, for Socket Mode.
    app: Option<Api>,
    client: Client,
    settings: Settings,
    /// The console's address.
    console: String,
    env: Env,
    who: Mutex<Option<Who>>,
    pace: Mutex<Pace>,
    /// Methods that Slack lets us not use, and the empty name for the token itself.
    refused: Mutex<BTreeSet<String>>,
    begun: AtomicBool,
    /// The channel of threads, once it is known.
    fixed: tokio::sync::Mutex<Option<Fixed>>,
    /// Up to where each ticket's events were read: not again from the beginning.
    read: Mutex<HashMap<String, Arc<Position>>>,
    /// Users who were invited there.
    brought: Mutex<BTreeSet<String>>,
}

impl Slack {
    /// The workspace that the configuration names. `console`: the address of our own pages.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: Settings, console: &str, env: Env) -> Result<Self, HttpError> {
        let client = Client::new(host_of(&settings.api_url))?;
        let api = Api::new(client.clone(), &settings.api_url, &settings.bot_token);
        let app = settings.app_token.as_ref().map(|token| Api::new(client.clone(), &settings.api_url, token));
        Ok(Self {
            api,
            app,
            client,
            settings,
            console: console.to_owned(),
            env,
            who: Mutex::default(),
            pace: Mutex::default(),
            refused: Mutex::default(),
            begun: AtomicBool::new(false),
            fixed: tokio::sync::Mutex::default(),
            read: Mutex::default(),
            brought: Mutex::default(),
        })
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> MutexGuard<'_, HashMap<String, Arc<Position>>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn brought(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.brought.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who we are; asked once.
    async fn myself(&self) -> Result<Who, Trouble> {
        if let Some(who) = self.who.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(who);
        }
        let who = self.api.who().await?;
        *self.who.lock().unwrap_or_else(PoisonError::into_inner) = Some(who.clone());
        Ok(who)
    }

    async fn who(&self, turn: &Turn<'_>) -> Result<Who, Stop> {
        self.asks(turn, "auth.test", self.myself()).await?.map_err(|word| Stop::Silent(format!("auth.test: {word}")))
    }

    /// The channel in which tickets have threads: as configured by id, found by name, or made.
    async fn fixed_channel(&self, turn: &mut Turn<'_>) -> Result<Fixed, Stop> {
        let name = self.settings.channel.clone();
        if name.starts_with(['C', 'G']) && name.len() >= 9 && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
            return Ok(Fixed { id: name.clone(), name, ours: false });
        }
        let mut fixed = self.fixed.lock().await;
        if let Some(known) = fixed.clone() {
            return Ok(known);
        }
        let row = turn.desk.chat_room(PLATFORM, "").await?;
        let known = row.and_then(|row| serde_json::from_str::<Fixed>(&row.state).ok()).filter(|known| known.name == name);
        if let Some(known) = known {
            *fixed = Some(known.clone());
            return Ok(known);
        }
        let bot = self.who(turn).await?.user_id;
        let found = self.asks(turn, "users.conversations", self.api.own_channel(&name)).await?;
        let channel = match found {
            Ok(Some(channel)) if !channel.is_archived => channel,
            Ok(Some(_)) | Err(_) => return Err(self.mend_place(turn, "channel_not_found").await),
            Ok(None) => match self.asks(turn, "conversations.create", self.api.make_channel(&name, true)).await? {
                Ok(channel) => channel,
                Err(_) => return Err(self.mend_place(turn, "not_in_the_fixed_channel").await),
            },
        };
        let known = Fixed { ours: channel.creator == bot, id: channel.id, name };
        let state = serde_json::to_string(&known).unwrap_or_default();
        let row = RoomRow { channel: known.id.clone(), state, ..RoomRow::default() };
        turn.desk.keep_room(PLATFORM, "", &row, turn.desk.now().micros()).await?;
        *fixed = Some(known.clone());
        Ok(known)
    }

    /// The channel of threads is not there any more: it is looked for again.
    async fn forget_fixed(&self, desk: &Desk) -> Result<(), StoreError> {
        if let Ok(mut fixed) = self.fixed.try_lock() {
            *fixed = None;
        }
        desk.keep_room(PLATFORM, "", &RoomRow::default(), desk.now().micros()).await.map(drop)
    }
}
