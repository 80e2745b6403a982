//! The steps of a turn: the place, the card, pin and topic, who is invited, the story, and the end.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::Slack;
use super::blocks::{self, Post};
use super::deliver::{PLATFORM, Stop, Turn};
use super::ink::{Ink, clip};
use super::methods::{Mark, Place};
use super::pace;
use super::room::{Left, TOPIC, Tail, channel_name};
use crate::card::live;
use crate::card::story::{Message, Tone};
use crate::card::words::Words;
use crate::env::Timestamp;
use crate::ticket::command::RoomNews;
use crate::ticket::event::{Event, Fact};

/// Names that are tried for a channel.
const NAMES: u32 = 9;
/// Users in one invitation at most; one by one, after one of them was refused.
const INVITED: usize = 100;
/// People who are called by name in one message at most.
const CALLED: usize = 20;
/// Between two tries for a ticket's place in the order of a channel.
const NEXT: Duration = Duration::from_millis(600);
/// So long a ticket that cannot be told holds back those that were opened after it.
const HELD_BACK: Duration = Duration::from_secs(60 * 60);
/// How soon an archiving that Slack refused is tried again.
const TRIED_AGAIN: Duration = Duration::from_secs(60 * 60);

/// What was said in Slack stands there already, and what of it could not be kept was told to whoever said it.
fn said_here(event: &Event) -> bool {
    let said = match &event.fact {
        Fact::NoteAdded { .. } => event.sealed.contains_key("place"),
        Fact::NoteRevised { .. } | Fact::ContentWithheld { .. } => true,
        _ => false,
    };
    said && event.via.surface == PLATFORM
}

impl Slack {
    pub(super) fn ink(&self, now: Timestamp) -> Ink<'_> {
        Ink { console: &self.console, now }
    }

    // ── the place ───────────────────────────────────────────────────────────────────────────────────────

    /// A channel of its own or a thread, by severity; another one when the ticket became worse, or sensitive.
    pub(super) async fn find_place(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let (ticket, kind) = (&turn.telling.ticket, &turn.telling.kind);
        let severity = turn.telling.scene(|scene| scene.severity()).map(|s| s.name).unwrap_or_default();
        // What is sensitive does not stand in a channel that others share, however limited it is.
        let by_severity = kind.channel.own.get(&severity).copied().unwrap_or(false);
        let wants_own = (by_severity || turn.telling.scene(|scene| scene.is_sensitive())) && !ticket.ended;
        if !turn.room.channel.is_empty() && !ticket.ended {
            let worse = wants_own && !turn.room.own && !turn.room.no_own;
            if worse || (turn.bare && !turn.room.bare) || turn.room.archived {
                turn.desk.keep_left(PLATFORM, &turn.number, &turn.room.channel, &turn.room.thread).await?;
                turn.room.leave(false);
            }
        }
        if !turn.room.channel.is_empty() {
            return Ok(());
        }
        turn.room.bare = turn.bare;
        // Whoever gets a channel of its own holds back nobody who gets a thread.
        turn.room.placed |= wants_own;
        if wants_own && !turn.room.no_own && self.open_channel(turn).await? {
            return turn.keep().await;
        }
        let fixed = self.fixed_channel(turn).await?;
        (turn.room.channel, turn.room.own, turn.room.brings) = (fixed.id, false, fixed.ours);
        turn.keep().await
    }

    /// A channel of the ticket's own; `false` when Slack lets us have none.
    async fn open_channel(&self, turn: &mut Turn<'_>) -> Result<bool, Stop> {
        let title = (!turn.bare).then(|| turn.telling.scene(|scene| scene.title()));
        let private = turn.telling.kind.channel.private;
        for nth in 1..=NAMES {
            let name = channel_name(&turn.number, title.as_deref(), nth + turn.room.lost);
            let sending = format!("channel:{name}");
            let resuming = turn.room.sending == sending;
            turn.room.sending = sending;
            turn.keep().await?;
            let made = self.asks(turn, "conversations.create", self.api.make_channel(&name, private)).await?;
            let taken = made.as_ref().err().is_some_and(|word| word == "name_taken");
            let made = match made {
                Err(_) if taken && resuming => self.ours(turn, &name).await?,
                other => other,
            };
            match made {
                Ok(channel) => {
                    (turn.room.channel, turn.room.name, turn.room.own) = (channel.id, name, true);
                    turn.room.sending.clear();
                    return Ok(true);
                }
                Err(_) if taken => {}
                Err(word) => {
                    let words = format!(
                        "Slack did not make a channel for this ticket ({word}); it has a thread in {} instead.",
                        self.settings.channel
                    );
                    self.ticket_trouble(turn, &words).await?;
                    break;
                }
            }
        }
        turn.room.no_own = true;
        turn.room.sending.clear();
        Ok(false)
    }

    /// The channel of this name, if it is the one that we had under way.
    async fn ours(&self, turn: &Turn<'_>, name: &str) -> Result<Result<super::methods::Conversation, String>, Stop> {
        let bot = self.who(turn).await?.user_id;
        let found = self.asks(turn, "users.conversations", self.api.own_channel(name)).await?;
        Ok(match found {
            Ok(Some(channel)) if channel.creator == bot && !channel.is_archived => Ok(channel),
            _ => Err("name_taken".to_owned()),
        })
    }

    // ── the card ────────────────────────────────────────────────────────────────────────────────────────

    pub(super) async fn show_card(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let ink = self.ink(turn.now);
        let card = turn.telling.scene(live::card);
        let post = if turn.bare { blocks::bare_card(&ink, &card) } else { blocks::card(&ink, &card) };
        let digest = hex::encode(Sha256::digest(format!("{}{}", post.text, json!(post.blocks))));
        if turn.room.card.is_empty() {
            self.in_order(turn).await?;
            let ts = self.say(turn, "card", &post).await?;
            if !turn.room.own {
                turn.room.thread.clone_from(&ts);
            }
            turn.room.card = ts;
            turn.room.placed = true;
        } else if turn.room.shown != digest {
            let asked = self.asks(turn, "chat.update", self.api.change(&turn.room.channel, &turn.room.card, &post)).await?;
            if let Err(word) = asked {
                return Err(self.mend_place(turn, &word).await);
            }
        } else {
            return Ok(());
        }
        turn.room.shown = digest;
        turn.keep().await
    }

    /// In the channel of threads, tickets stand in the order in which they were opened.
    async fn in_order(&self, turn: &Turn<'_>) -> Result<(), Stop> {
        if turn.room.own || turn.room.placed {
            return Ok(());
        }
        let others_first = turn.desk.others_first(PLATFORM, &turn.telling.ticket, turn.now.minus(HELD_BACK)).await?;
        if others_first { Err(Stop::Wait(turn.now.plus(NEXT))) } else { Ok(()) }
    }

    /// Posts a message, once: what was under way before is looked for first.
    async fn say(&self, turn: &mut Turn<'_>, what: &str, post: &Post) -> Result<String, Stop> {
        let (channel, thread) = (turn.room.channel.clone(), turn.room.thread.clone());
        let place = Place { channel: &channel, thread: if what == "card" { "" } else { &thread } };
        let (number, key) = (turn.number.clone(), pace::say(&channel));
        let mark = Mark { ticket: &number, what };
        if turn.room.sending == what {
            let found = self.asks(turn, "conversations.history", self.api.find(place, &mark)).await?;
            match found {
                Ok(Some(ts)) => {
                    turn.room.sending.clear();
                    return Ok(ts);
                }
                Ok(None) => {}
                Err(word) => return Err(self.mend_place(turn, &word).await),
            }
        }
        if let Some(until) = self.pace().wait(&key, turn.now) {
            return Err(Stop::Wait(until));
        }
        what.clone_into(&mut turn.room.sending);
        turn.keep().await?;
        let said = self.asks(turn, &key, self.api.say(place, post, &mark)).await;
        if !matches!(said, Err(Stop::Silent(_))) {
            turn.room.sending.clear();
        }
        match said {
            Ok(Ok(ts)) => {
                self.pace().said(&channel, turn.desk.now());
                Ok(ts)
            }
            Ok(Err(word))
                if matches!(word.as_str(), "invalid_blocks" | "invalid_blocks_format" | "msg_too_long" | "msg_blocks_too_long") =>
            {
                tracing::error!(ticket = turn.number, word, "Slack did not take the blocks of a message; its text is sent alone");
                let bare = Post { text: clip(&post.text, 2_000), blocks: Vec::new() };
                self.asks(turn, &key, self.api.say(place, &bare, &mark)).await?.map_err(|_| Stop::Wait(turn.desk.now().plus(NEXT)))
            }
            Ok(Err(word)) => Err(self.mend_place(turn, &word).await),
            Err(stop) => {
                // Nothing is under way when Slack asks us to wait; that is kept, so that nobody looks for it.
                if matches!(stop, Stop::Wait(_)) {
                    turn.keep().await?;
                }
                Err(stop)
            }
        }
    }

    // ── a channel of its own ────────────────────────────────────────────────────────────────────────────

    pub(super) async fn pin_card(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        if turn.room.pinned {
            return Ok(());
        }
        let arguments = json!({ "channel": turn.room.channel, "timestamp": turn.room.card });
        self.tries(turn, "pins.add", &arguments, &["already_pinned"], "The card could not be pinned in Slack").await?;
        turn.room.pinned = true;
        turn.keep().await
    }

    pub(super) async fn set_topic(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let card = turn.telling.scene(live::card);
        let severity = card.severity.as_ref().map_or_else(String::new, |s| format!("{} · ", s.name));
        let about = if turn.bare { &card.number } else { &card.title };
        let topic = clip(&format!("{severity}{} · {about}", card.status), TOPIC);
        if turn.room.topic == topic {
            return Ok(());
        }
        let arguments = json!({ "channel": turn.room.channel, "topic": super::ink::escaped(&topic) });
        self.tries(turn, "conversations.setTopic", &arguments, &[], "The channel's topic could not be set in Slack").await?;
        turn.room.topic = topic;
        turn.keep().await
    }

    /// A step that the rest does not wait for: what Slack says against it is noted.
    async fn tries(
        &self,
        turn: &mut Turn<'_>,
        method: &str,
        arguments: &serde_json::Value,
        fine: &[&str],
        failed: &str,
    ) -> Result<(), Stop> {
        match self.asks(turn, method, self.api.ensure(method, arguments, fine)).await? {
            Ok(()) => Ok(()),
            Err(word) if matches!(word.as_str(), "channel_not_found" | "is_archived" | "not_in_channel") => {
                Err(self.mend_place(turn, &word).await)
            }
            Err(word) => self.ticket_trouble(turn, &format!("{failed} ({word}).")).await,
        }
    }

    /// Invites those who work on it and were not invited yet.
    pub(super) async fn invite(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let team = self.who(turn).await?.team_id;
        let wanted = super::invited::users(&turn.telling, &team);
        let shared = !turn.room.own;
        let here = |user: &String| turn.room.invited.contains(user) || (shared && self.brought().contains(user));
        let fresh: Vec<String> = wanted.into_iter().filter(|user| !here(user)).collect();
        for some in fresh.chunks(INVITED) {
            let refused = !self.invite_all(turn, some).await?;
            if refused && some.len() > 1 {
                // One of them cannot come; the others still can.
                for one in some {
                    self.invite_one(turn, one).await?;
                }
            } else if refused {
                self.not_invited(turn).await?;
            }
            if shared {
                self.brought().extend(some.iter().cloned());
            }
            turn.room.invited.extend(some.iter().cloned());
            turn.keep().await?;
        }
        Ok(())
    }

    async fn invite_one(&self, turn: &mut Turn<'_>, user: &str) -> Result<(), Stop> {
        let came = self.invite_all(turn, std::slice::from_ref(&user.to_owned())).await?;
        if came { Ok(()) } else { self.not_invited(turn).await }
    }

    async fn not_invited(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        self.ticket_trouble(turn, "Somebody who works on this could not be invited to its channel in Slack. Invite them there by hand.")
            .await
    }

    async fn invite_all(&self, turn: &mut Turn<'_>, users: &[String]) -> Result<bool, Stop> {
        let arguments = json!({ "channel": turn.room.channel, "users": users.join(",") });
        match self.asks(turn, "conversations.invite", self.api.ensure("conversations.invite", &arguments, &["already_in_channel"])).await? {
            Ok(()) => Ok(true),
            Err(word) if matches!(word.as_str(), "channel_not_found" | "is_archived" | "not_in_channel") => {
                Err(self.mend_place(turn, &word).await)
            }
            Err(_) => Ok(false),
        }
    }

    /// The log says that the ticket has a place in chat.
    pub(super) async fn record_opening(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        if turn.room.recorded == turn.room.channel {
            return Ok(());
        }
        let news = RoomNews::Opened { platform: PLATFORM.to_owned(), own: turn.room.own };
        let told = turn.desk.tell_room(&turn.telling.ticket.number, news, &turn.room.channel).await;
        told.map_err(|error| Stop::Silent(error.to_string()))?;
        turn.room.recorded.clone_from(&turn.room.channel);
        turn.keep().await
    }

    // ── the story ───────────────────────────────────────────────────────────────────────────────────────

    pub(super) async fn tell_story(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let messages = turn.telling.story(|story, events| story.conversation(events));
        let revs: HashMap<i64, i64> = turn.telling.events.iter().filter_map(|event| Some((event.seq, event.rev?))).collect();
        for message in &messages {
            let rev_of = |seq: i64| revs.get(&seq).copied().unwrap_or(0);
            let (first, last) = (rev_of(message.seq), rev_of(message.last));
            if last <= turn.room.told {
                continue;
            }
            let grown =
                turn.room.tail.as_ref().filter(|tail| tail.seq == message.seq && first <= turn.room.told).map(|tail| tail.ts.clone());
            let gathers = matches!(message.said.tone, Tone::Alert | Tone::AllClear);
            match (self.worded(turn, message).await?, grown) {
                (None, _) => {}
                (Some(post), Some(ts)) => {
                    match self.asks(turn, "chat.update", self.api.change(&turn.room.channel, &ts, &post)).await? {
                        Ok(()) => {}
                        Err(word) if matches!(word.as_str(), "channel_not_found" | "is_archived" | "not_in_channel") => {
                            return Err(self.mend_place(turn, &word).await);
                        }
                        // Somebody took the message away: the card has the numbers, and what comes from here is a new one.
                        Err(_) => turn.room.tail = None,
                    }
                }
                (Some(post), None) => {
                    let ts = self.say(turn, &message.seq.to_string(), &post).await?;
                    turn.room.tail = gathers.then_some(Tail { ts, seq: message.seq });
                }
            }
            turn.room.told = last;
            turn.keep().await?;
        }
        turn.room.told = turn.telling.ticket.rev;
        Ok(())
    }

    /// A message as this place shows it; none where the card says it already, or no content is shown.
    async fn worded(&self, turn: &Turn<'_>, message: &Message) -> Result<Option<Post>, Stop> {
        let Some(event) = turn.telling.events.iter().find(|e| e.seq == message.seq) else { return Ok(None) };
        if matches!(event.fact, Fact::TicketOpened(_)) || said_here(event) {
            return Ok(None);
        }
        let ink = self.ink(turn.now);
        let post = if turn.bare { bare(turn, &ink, event) } else { Some(blocks::message(&ink, message)) };
        let Some(mut post) = post else { return Ok(None) };
        let team = self.who(turn).await?.team_id;
        let called = super::invited::called(&turn.telling, event, &team);
        if !called.is_empty() {
            let elements: Vec<_> = called.iter().take(CALLED).map(|user| json!({ "type": "user", "user_id": user })).collect();
            post.blocks.push(json!({ "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": elements }] }));
            let names: Vec<String> = called.iter().take(CALLED).map(|user| format!("<@{user}>")).collect();
            post.text = format!("{} {}", names.join(" "), post.text);
        }
        Ok(Some(post))
    }

    // ── the end ─────────────────────────────────────────────────────────────────────────────────────────

    /// The place that the ticket left says so, and is closed.
    pub(super) async fn leave_old_place(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let Some(Left { channel, card, own }) = turn.room.left.clone() else { return Ok(()) };
        let words = Words::new().ticket(&turn.telling.ticket.number).text(" goes on elsewhere; those who work on it were invited there.");
        let ink = self.ink(turn.now);
        let post = Post { text: ink.fallback(&words), blocks: vec![ink.paragraph(&words)] };
        if !card.is_empty() {
            // It may be gone by now, which says it as well.
            let _ = self.asks(turn, "chat.update", self.api.change(&channel, &card, &post)).await?;
        }
        if own && let Err(word) = self.asks(turn, "conversations.archive", self.api.archive(&channel)).await? {
            self.ticket_trouble(turn, &format!("The channel that this ticket left could not be archived in Slack ({word}).")).await?;
        }
        turn.room.left = None;
        turn.keep().await
    }

    /// The channel is archived some time after the ticket ended.
    pub(super) async fn archive_in_time(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let after = turn.telling.kind.channel.archive_after.filter(|_| turn.room.own && !turn.room.archived);
        let (Some(after), Some(ended)) = (after, turn.telling.ticket.ended_at.filter(|_| turn.telling.ticket.ended)) else {
            turn.room.due = 0;
            return Ok(());
        };
        let at = ended.plus(after);
        if turn.now < at {
            turn.room.due = at.micros();
            return Ok(());
        }
        if let Err(word) = self.asks(turn, "conversations.archive", self.api.archive(&turn.room.channel)).await? {
            // Only what happened is recorded; it is tried again.
            self.ticket_trouble(turn, &format!("The channel of this ticket could not be archived in Slack ({word}).")).await?;
            turn.room.due = turn.now.plus(TRIED_AGAIN).micros();
            return Ok(());
        }
        let news = RoomNews::Archived { platform: PLATFORM.to_owned() };
        let told = turn.desk.tell_room(&turn.telling.ticket.number, news, &turn.room.channel).await;
        told.map_err(|error| Stop::Silent(error.to_string()))?;
        (turn.room.archived, turn.room.due) = (true, 0);
        Ok(())
    }
}

/// What is said of an event where no content is shown: where the ticket stands, and that it presses.
fn bare(turn: &Turn<'_>, ink: &Ink<'_>, event: &Event) -> Option<Post> {
    let number = &turn.telling.ticket.number;
    let words = match &event.fact {
        Fact::TransitionTaken(taken) => {
            Words::new().ticket(number).text(format!(" is now “{}”.", turn.telling.scene(|scene| scene.status_label(&taken.to))))
        }
        Fact::ClockBreached { .. } | Fact::ClockWarned { .. } | Fact::Escalated { .. } | Fact::GroupNotified { .. } => {
            Words::new().ticket(number).text(" needs somebody now.")
        }
        _ => return None,
    };
    Some(Post { text: ink.fallback(&words), blocks: vec![ink.paragraph(&words)] })
}
