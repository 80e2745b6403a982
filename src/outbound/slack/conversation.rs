//! The ticket's story, message by message in the log's order.

use std::collections::HashMap;

use serde_json::json;

use super::Slack;
use super::blocks::{self, Post};
use super::deliver::{PLATFORM, Stop, Turn};
use super::ink::Ink;
use super::room::Tail;
use crate::card::story::{Message, Tone};
use crate::card::words::Words;
use crate::ticket::event::{Event, Fact};

/// People who are called by name in one message at most.
const CALLED: usize = 20;

/// What was said in Slack stands there already, and what of it could not be kept was told to whoever said it. So was what
/// somebody was refused: it is on record, and blames nobody before everybody.
fn said_here(event: &Event) -> bool {
    if matches!(event.fact, Fact::Refused { .. }) {
        return true;
    }
    let said = match &event.fact {
        Fact::NoteAdded { .. } => event.sealed.contains_key("place"),
        Fact::NoteRevised { .. } | Fact::ContentWithheld { .. } => true,
        _ => false,
    };
    said && event.via.surface == PLATFORM
}

impl Slack {
    pub(super) async fn tell_story(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let messages = turn.telling.messages();
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
        let Some(event) = turn.telling.event(message.seq) else { return Ok(None) };
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
}

/// What is said of an event where no content is shown: where the ticket stands, and that it presses.
fn bare(turn: &Turn<'_>, ink: &Ink<'_>, event: &Event) -> Option<Post> {
    let number = &turn.telling.ticket.number;
    let words = match &event.fact {
        Fact::TransitionTaken(taken) => {
            Words::new().ticket(number).text(format!(" is now “{}”.", turn.telling.scene(|scene| scene.status_label(&taken.to))))
        }
        Fact::Escalated { .. } => Words::new().ticket(number).text(" needs somebody now."),
        Fact::ClockWarned { .. } => Words::of("Time is running out on ").ticket(number).text("."),
        Fact::ClockBreached { .. } => Words::of("A time limit of ").ticket(number).text(" has passed."),
        Fact::GroupNotified { .. } => Words::of("Please read ").ticket(number).text(" in the console."),
        _ => return None,
    };
    Some(Post { text: ink.fallback(&words), blocks: vec![ink.paragraph(&words)] })
}
