//! Where tickets stand in chat, and what does not work there: state of what was sent, which no event holds.

use sqlx::Row;

use super::{Store, StoreError, statements as sql};

/// Where a ticket stands on a chat platform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomRow {
    /// The platform's id of the channel; empty while there is none.
    pub channel: String,
    /// The thread in it; empty for a channel of its own.
    pub thread: String,
    /// The deliverer's own notes, JSON.
    pub state: String,
    /// When something is to be done there by itself, microseconds; 0 for never.
    pub due: i64,
    /// Position of the ticket's opening.
    pub opened: i64,
    /// Its first message in a channel that it shares with others is still to come.
    pub waits: bool,
}

/// Something that does not work in chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TroubleRow {
    /// `slack`, `discord`.
    pub platform: String,
    /// A ticket, or empty for the platform as a whole.
    pub subject: String,
    /// Microseconds.
    pub since: i64,
    /// What is wrong, and what to do.
    pub words: String,
}

impl Store {
    /// Where a ticket stands; none before anything was sent.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn room(&self, platform: &str, ticket: &str) -> Result<Option<RoomRow>, StoreError> {
        let row = sqlx::query(sql::ROOM).bind(platform).bind(ticket).fetch_optional(self.readers()).await?;
        row.map(|row| {
            Ok(RoomRow {
                channel: row.try_get(0)?,
                thread: row.try_get(1)?,
                state: row.try_get(2)?,
                due: row.try_get(3)?,
                ..RoomRow::default()
            })
        })
        .transpose()
    }

    /// Keeps where a ticket stands, by the turn that ends at `turn` (microseconds); `false` when a later turn has begun.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_room(&self, platform: &str, ticket: &str, room: &RoomRow, turn: i64) -> Result<bool, StoreError> {
        let _turn = self.turn().await;
        let query = sqlx::query(sql::KEEP_ROOM).bind(platform).bind(ticket).bind(room.channel.clone()).bind(room.thread.clone());
        let query = query.bind(room.state.clone()).bind(turn).bind(room.due).bind(room.opened).bind(i64::from(room.waits));
        Ok(query.fetch_optional(self.writer()).await?.is_some())
    }

    /// Whether a ticket that was opened before `opened`, and queued after `since` (microseconds), still waits for its first
    /// message in a shared channel.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rooms_before(&self, platform: &str, opened: i64, since: i64) -> Result<bool, StoreError> {
        let row = sqlx::query(sql::ROOMS_BEFORE).bind(platform).bind(opened).bind(since).fetch_one(self.readers()).await?;
        Ok(row.try_get::<i64, _>(0)? > 0)
    }

    /// The ticket that is talked about in a channel, or in a thread of it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ticket_at(&self, platform: &str, channel: &str, thread: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(sql::TICKET_AT).bind(platform).bind(channel).bind(thread).fetch_optional(self.readers()).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Whether any ticket stands in a channel.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn any_room_in(&self, platform: &str, channel: &str) -> Result<bool, StoreError> {
        Ok(sqlx::query(sql::ANY_ROOM_IN).bind(platform).bind(channel).fetch_optional(self.readers()).await?.is_some())
    }

    /// Channel and thread of the places whose names begin with `beginning`, in the order in which they were kept.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rooms_named(&self, platform: &str, beginning: &str) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query(sql::ROOMS_NAMED).bind(platform).bind(format!("{beginning}%")).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Tickets for which something is to be done in chat by `now` (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rooms_due(&self, platform: &str, now: i64, at_most: i64) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(sql::ROOMS_DUE).bind(platform).bind(now).bind(at_most).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// What does not work in chat.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn troubles(&self, at_most: i64) -> Result<Vec<TroubleRow>, StoreError> {
        let rows = sqlx::query(sql::TROUBLES).bind(at_most).fetch_all(self.readers()).await?;
        let read = |row: &sqlx::any::AnyRow| {
            Ok(TroubleRow { platform: row.try_get(0)?, subject: row.try_get(1)?, since: row.try_get(2)?, words: row.try_get(3)? })
        };
        rows.iter().map(read).collect()
    }

    /// Something does not work (`words`), or works again (none); `now` in microseconds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn trouble(&self, platform: &str, subject: &str, now: i64, words: Option<&str>) -> Result<(), StoreError> {
        let _turn = self.turn().await;
        match words {
            Some(words) => sqlx::query(sql::TROUBLE).bind(platform).bind(subject).bind(now).bind(words).execute(self.writer()).await?,
            None => sqlx::query(sql::NO_TROUBLE).bind(platform).bind(subject).execute(self.writer()).await?,
        };
        Ok(())
    }
}
