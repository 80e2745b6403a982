//! What a commit writes, as values: the rows of each table. The desk fills a [`Batch`]; `write.rs` says in which order and
//! by which statements it goes to the database.

use std::collections::BTreeMap;

/// The head of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of events.
    pub size: i64,
    /// The tree's right edge, as [`crate::ledger::merkle`] writes it.
    pub frontier: Vec<u8>,
    /// Recorded time of the last event, microseconds.
    pub last_at: i64,
    /// Version of the events' vocabulary that wrote last.
    pub schema: i64,
    /// Number of deliveries so far.
    pub deliveries: i64,
    /// The log's name.
    pub origin: String,
    /// It is a demonstration.
    pub demo: bool,
    /// The log's verifier key; empty until it was named.
    pub vkey: String,
    /// Keys digests of what could be guessed; never in the log.
    pub secret: Secret,
    /// The newest migration; a program that does not know it records nothing.
    pub migration: i64,
}

/// 32 bytes that its `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// An event's row.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Position.
    pub seq: i64,
    /// Its kind.
    pub kind: String,
    /// Its ticket.
    pub ticket: Option<String>,
    /// The ticket's revision.
    pub rev: Option<i64>,
    /// Leaf hash.
    pub leaf: [u8; 32],
    /// Canonical bytes.
    pub bytes: Vec<u8>,
}

/// A full tile's row.
#[derive(Clone, Debug)]
pub struct TileRow {
    /// Level, from 0.
    pub level: i64,
    /// Index within the level.
    pub n: i64,
    /// Tree hash of the whole tile.
    pub root: [u8; 32],
    /// 256 hashes.
    pub hashes: Vec<u8>,
}

/// A sealed value's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// The event's position.
    pub seq: i64,
    /// Name within the event.
    pub name: String,
    /// Salt.
    pub salt: Vec<u8>,
    /// Value.
    pub bytes: Vec<u8>,
}

/// A ticket's row: what lists need, and its state as JSON, without what stands in [`Latest`].
#[derive(Clone, Debug)]
pub struct TicketRow {
    /// `INC-000042`
    pub number: String,
    /// `incident`
    pub kind: String,
    /// Status.
    pub status: String,
    /// The work has ended.
    pub ended: bool,
    /// Position of its first event.
    pub opened_seq: i64,
    /// JSON.
    pub state: String,
}

/// What each event changes of its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latest {
    /// Revision.
    pub rev: i64,
    /// Position of its latest event.
    pub seq: i64,
    /// When that was recorded, microseconds.
    pub updated_at: i64,
    /// Alerts: attached, firing, repeats.
    pub alerts: (i64, i64, i64),
}

/// A ticket as it is read back.
#[derive(Clone, Debug)]
pub struct HeldTicket {
    /// Its number.
    pub number: String,
    /// Position of its first event.
    pub opened_seq: i64,
    /// JSON.
    pub state: String,
    /// What stands apart from it.
    pub latest: Latest,
}

/// What the log knows of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// `source/fingerprint`
    pub id: String,
    /// The ticket that has it.
    pub ticket: Option<String>,
    /// What its tool said last, in one word.
    pub status: String,
    /// Its correlation group.
    pub group: Option<String>,
    /// When it was first received, microseconds.
    pub first_seen: i64,
    /// When it was last received, microseconds.
    pub last_seen: i64,
}

/// A ticket's deadlines, all of them: id and when, microseconds.
pub type Deadlines = Vec<(String, i64)>;

/// An identical repeat of an alert.
#[derive(Clone, Debug)]
pub struct RepeatRow {
    /// `source/fingerprint`
    pub id: String,
    /// The ticket that has the alert.
    pub ticket: Option<String>,
    /// Its correlation group; empty when no playbook takes it.
    pub group: String,
    /// How many.
    pub count: i64,
    /// First and last, microseconds.
    pub at: (i64, i64),
    /// First and last delivery.
    pub deliveries: (i64, i64),
    /// When it will be told, microseconds.
    pub due: i64,
}

/// A delivery from a monitoring tool.
#[derive(Clone, Debug)]
pub struct DeliveryRow {
    /// Its number.
    pub id: i64,
    /// The source.
    pub source: String,
    /// Microseconds.
    pub received_at: i64,
    /// JSON: which alerts it brought.
    pub alerts: String,
}

/// A session's row.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// SHA-256 of the token, hex.
    pub hash: String,
    /// Whose.
    pub person: String,
    /// Public id.
    pub id: String,
    /// How they signed in.
    pub method: String,
    /// Microseconds.
    pub expires_at: i64,
}

/// Refusals of one person in one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusalRow {
    /// Whose.
    pub person: String,
    /// Hours since 1970.
    pub hour: i64,
    /// How many have an event of their own.
    pub recorded: i64,
    /// How many more there were.
    pub beyond: i64,
}

/// Something to be told outside, by whoever delivers to its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Who delivers it.
    pub channel: String,
    /// Its subject: a newer entry with the same one takes its place.
    pub id: i64,
    /// Microseconds.
    pub queued_at: i64,
    /// Microseconds; 0 for at once, whatever waits.
    pub not_before: i64,
    /// What the deliverer needs.
    pub payload: String,
}

/// Everything that one commit writes.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// New events, in order.
    pub events: Vec<EventRow>,
    /// Tiles that became full.
    pub tiles: Vec<TileRow>,
    /// Sealed values of the new events.
    pub sealed: Vec<SealedRow>,
    /// Tickets of which more changed than every event changes.
    pub tickets: Vec<TicketRow>,
    /// Of every ticket that changed: its number, and what each event changes.
    pub latest: Vec<(String, Latest)>,
    /// Tickets whose deadlines changed: number, and what they are now.
    pub deadlines: Vec<(String, Deadlines)>,
    /// What is to be told outside, by channel and subject: see [`Batch::tell`].
    pub outbox: BTreeMap<(String, i64), OutboxRow>,
    /// Counters that moved.
    pub counters: BTreeMap<String, i64>,
    /// Alerts that changed.
    pub alerts: Vec<AlertRow>,
    /// Groups that changed: id, record.
    pub groups: Vec<(String, String)>,
    /// People who changed: id, state.
    pub people: Vec<(String, String)>,
    /// Chat accounts that changed: id, state.
    pub accounts: Vec<(String, String)>,
    /// Files that were adopted: position of the event, path, digest.
    pub adopted: Vec<(i64, String, String)>,
    /// Their bytes: digest, path, bytes.
    pub playbooks: Vec<(String, String, Vec<u8>)>,
    /// Deliveries.
    pub deliveries: Vec<DeliveryRow>,
    /// Repeats to count, by alert.
    pub repeats: BTreeMap<String, RepeatRow>,
    /// Repeats that were told, by alert.
    pub told: Vec<String>,
    /// Refusals to count, by person and hour: with an event of their own, and beyond those.
    pub refusals: BTreeMap<(String, i64), (i64, i64)>,
    /// Refusals that were told: person and hour.
    pub refusals_told: Vec<(String, i64)>,
    /// Keys of requests, with what a retry is answered: key, microseconds, outcome.
    pub dedupe: Vec<(String, i64, String)>,
    /// What this process leaves for itself and for later ones, written with anything else: key, microseconds, words.
    pub marks: Vec<(String, i64, String)>,
    /// The log goes on under this name and this verifier key.
    pub epoch: Option<(String, String)>,
    /// Nothing is to be written but the marks: whether the disk takes anything.
    pub trial: bool,
    /// New sessions.
    pub sessions: Vec<SessionRow>,
    /// New one-time links: hash, person, microseconds.
    pub links: Vec<(String, String, i64)>,
    /// Codes to link a chat account with, each in the place of what its person had before: hash, person, microseconds.
    pub link_codes: Vec<(String, String, i64)>,
    /// Codes that an account has typed: hash, account.
    pub claimed_codes: Vec<(String, String)>,
    /// People whose codes are used up.
    pub used_codes: Vec<String>,
    /// Accounts that say that what they typed is not theirs.
    pub refused_codes: Vec<String>,
    /// Wrong codes, by account and hour.
    pub wrong_codes: BTreeMap<(String, i64), i64>,
    /// One-time links that were used: hash.
    pub used_links: Vec<String>,
    /// Sessions that end: hash.
    pub ended_sessions: Vec<String>,
    /// People whose sessions all end.
    pub ended_people: Vec<String>,
}

impl Batch {
    /// Something is to be told outside. Of one subject a commit says one thing, as the outbox does: the newer takes the
    /// older's place, and an urgent one goes at once.
    pub fn tell(&mut self, row: OutboxRow) {
        let before = self.outbox.get(&(row.channel.clone(), row.id)).map(|older| older.not_before);
        let not_before = if row.not_before == 0 { 0 } else { before.unwrap_or(row.not_before) };
        self.outbox.insert((row.channel.clone(), row.id), OutboxRow { not_before, ..row });
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.deliveries.is_empty()
            && self.told.is_empty()
            && self.refusals.is_empty()
            && self.refusals_told.is_empty()
            && self.dedupe.is_empty()
            && self.sessions.is_empty()
            && self.links.is_empty()
            && self.link_codes.is_empty()
            && self.claimed_codes.is_empty()
            && self.used_codes.is_empty()
            && self.refused_codes.is_empty()
            && self.wrong_codes.is_empty()
            && self.ended_sessions.is_empty()
            && self.ended_people.is_empty()
            && !self.trial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(queued_at: i64, not_before: i64) -> OutboxRow {
        OutboxRow { channel: "slack".to_owned(), id: 7, queued_at, not_before, payload: format!("queued at {queued_at}") }
    }

    #[test]
    fn of_one_subject_a_commit_says_the_newest_as_early_as_any_of_them_was_to_be_said() {
        for (told, not_before) in [
            (vec![row(1, 500)], 500),
            (vec![row(1, 500), row(2, 900)], 500),
            (vec![row(1, 500), row(2, 0)], 0),
            (vec![row(1, 0), row(2, 900)], 0),
        ] {
            let mut batch = Batch::default();
            let newest = told.last().unwrap().payload.clone();
            told.into_iter().for_each(|row| batch.tell(row));
            let said: Vec<&OutboxRow> = batch.outbox.values().collect();
            assert_eq!(said.len(), 1);
            assert_eq!((said[0].payload.as_str(), said[0].not_before), (newest.as_str(), not_before));
        }
    }

    #[test]
    fn two_subjects_and_two_channels_are_said_apart() {
        let mut batch = Batch::default();
        batch.tell(row(1, 0));
        batch.tell(OutboxRow { id: 8, ..row(1, 0) });
        batch.tell(OutboxRow { channel: "discord".to_owned(), ..row(1, 0) });
        assert_eq!(batch.outbox.len(), 3);
    }
}
