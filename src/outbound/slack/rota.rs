//! Whoever will be called soon and has no account linked is invited to link one, directly, before the first turn. It is an
//! invitation and no more: the address by which Slack finds them links nothing.

use std::time::Duration;

use super::Slack;
use super::deliver::PLATFORM;
use crate::card::chat;
use crate::desk::chat::{ChatError, Does, Mark, Offer, Reply};
use crate::desk::reachable::unreachable;
use crate::desk::rooms::RoomRow;
use crate::desk::{Desk, StoreError};
use crate::env::Timestamp;

/// So long before a turn its person is invited.
pub const AHEAD: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How often it is looked who that is.
const EVERY: Duration = Duration::from_secs(10 * 60);
/// Somebody who did not follow an invitation is invited again after this.
const AGAIN: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Under which name it stands who was invited.
const INVITED: &str = "slack, invited";

impl Slack {
    /// Invites whoever is to be invited, if it is time to look.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn invite_to_link(&self, desk: &Desk) -> Result<(), StoreError> {
        let now = desk.now();
        if self.pace().wait(INVITED, now).is_some() {
            return Ok(());
        }
        self.pace().hold(INVITED, now.plus(EVERY), now);
        for (person, turn) in unreachable(&desk.snapshot(), PLATFORM, now, AHEAD) {
            let before = desk.chat_room(INVITED, &person.state.id).await?.and_then(|row| Timestamp::from_micros(row.state.parse().ok()?));
            if before.is_some_and(|at| now.since(at) < AGAIN) {
                continue;
            }
            match self.invite_one_to_link(&person.email, turn, before).await {
                Ok(()) => {
                    let row = RoomRow { state: now.micros().to_string(), ..RoomRow::default() };
                    desk.keep_room(INVITED, &person.state.id, &row, now.micros()).await?;
                }
                Err(trouble) => tracing::info!(%trouble, "somebody who is on call soon could not be invited; it is tried again"),
            }
        }
        Ok(())
    }

    /// Somebody who is not in Slack is for `doctor` to name. Another replica may be inviting them as well, or one that died may
    /// have: so it is looked first whether the invitation after the one `before` stands there.
    async fn invite_one_to_link(&self, email: &str, turn: Timestamp, before: Option<Timestamp>) -> Result<(), ChatError> {
        let Some(user) = self.api.user_by_email(email).await? else { return Ok(()) };
        let address = format!("{}/auth/link", self.console);
        let button = Offer { label: "Link my account".to_owned(), does: Does::Open(address), primary: true };
        let reply = Reply { paragraphs: chat::on_call_invitation(turn), buttons: vec![button], ..Reply::default() };
        let what = format!("invitation:{}", before.map_or(0, Timestamp::micros));
        self.directly(&user, &reply, Some(&Mark { ticket: String::new(), what, again: true })).await
    }
}
