//! Whole rows, every column of them: what a verification compares with what the events make.

use sqlx::Row;

use super::commit::{DeliveryRow, EventRow, hash_of};
use super::{Store, StoreError, statements as sql};

/// Tables that the events make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Projection {
    /// `ticket`, by number: kind, status, ended, position of the opening, state.
    Tickets,
    /// `ticket_latest`, by number: revision, position, when, alerts attached, firing and repeated.
    Latest,
    /// `alert`, by id: ticket, status, group, first and last seen.
    Alerts,
    /// `alert_group`, by id: record.
    Groups,
    /// `person`, by id: state.
    People,
    /// `account`, by id: state.
    Accounts,
    /// `counter`, by prefix: the highest number.
    Counters,
    /// `deadline`, by `TICKET/ID`: microseconds.
    Deadlines,
    /// `adopted`, by `SEQ/PATH`: digest.
    Adopted,
}

impl Projection {
    fn statement(self) -> &'static str {
        match self {
            Self::Tickets => sql::TICKETS_ALL,
            Self::Latest => sql::LATEST_ALL,
            Self::Alerts => sql::ALERTS_ALL,
            Self::Groups => sql::GROUPS_ALL,
            Self::People => sql::PEOPLE_ALL,
            Self::Accounts => sql::ACCOUNTS_ALL,
            Self::Counters => sql::COUNTERS_ALL,
            Self::Deadlines => sql::DEADLINES_ALL,
            Self::Adopted => sql::ADOPTED_ALL,
        }
    }
}

/// A row's columns but the key, as text; `None` where NULL stands.
pub type Columns = Vec<Option<String>>;

/// How many rows there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Events.
    pub events: i64,
    /// Full tiles.
    pub tiles: i64,
    /// Sealed values.
    pub sealed: i64,
}

impl Store {
    /// One page of a projection, in the order of its keys after `after`; the first page is the one after an empty key.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn projection(&self, which: Projection, after: &str, at_most: i64) -> Result<Vec<(String, Columns)>, StoreError> {
        let rows = sqlx::query(which.statement()).bind(after).bind(at_most).fetch_all(self.readers()).await?;
        rows.iter()
            .map(|row| {
                let columns = (1..row.len()).map(|column| row.try_get(column)).collect::<Result<Columns, sqlx::Error>>()?;
                Ok((row.try_get(0)?, columns))
            })
            .collect()
    }

    /// Events from position `from` on, with every column.
    ///
    /// # Errors
    /// When the database does not answer, or a leaf is not a hash.
    pub async fn event_rows(&self, from: i64, at_most: i64) -> Result<Vec<EventRow>, StoreError> {
        let rows = sqlx::query(sql::EVENTS_WHOLE).bind(from).bind(at_most).fetch_all(self.readers()).await?;
        rows.iter()
            .map(|row| {
                Ok(EventRow {
                    seq: row.try_get(0)?,
                    kind: row.try_get(1)?,
                    ticket: row.try_get(2)?,
                    rev: row.try_get(3)?,
                    leaf: hash_of(row.try_get(4)?)?,
                    bytes: row.try_get(5)?,
                })
            })
            .collect()
    }

    /// A full tile: its root and its 256 hashes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn whole_tile(&self, level: i64, n: i64) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreError> {
        let row = sqlx::query(sql::TILE_WHOLE).bind(level).bind(n).fetch_optional(self.readers()).await?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    }

    /// Deliveries after `after`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliveries_after(&self, after: i64, at_most: i64) -> Result<Vec<DeliveryRow>, StoreError> {
        let rows = sqlx::query(sql::DELIVERIES_AFTER).bind(after).bind(at_most).fetch_all(self.readers()).await?;
        rows.iter()
            .map(|row| {
                let (id, source, received_at, alerts) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
                Ok(DeliveryRow { id, source, received_at, alerts })
            })
            .collect()
    }

    /// Signed checkpoints over more than `after` and at most `to` events: size and note.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn checkpoints_between(&self, after: i64, to: i64) -> Result<Vec<(i64, String)>, StoreError> {
        let rows = sqlx::query(sql::CHECKPOINTS_BETWEEN).bind(after).bind(to).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// How many events, full tiles and sealed values there are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let row = sqlx::query(sql::COUNTS).fetch_one(self.readers()).await?;
        Ok(Counts { events: row.try_get(0)?, tiles: row.try_get(1)?, sealed: row.try_get(2)? })
    }
}
