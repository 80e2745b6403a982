//! The writes of one commit. The desk opens a [`Commit`], which takes the head; reads what it needs; writes a
//! [`Batch`]; and commits. When `commit` has returned without an error, everything in the batch is on the disk.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::pool::PoolConnection;
use sqlx::{Any, Connection, Row, Transaction};

use super::faults::{Moment, Plan, strike};
use super::rows::{Lookup, Rows, Value, execute};
use super::{Dialect, Store, StoreError, Turn, statements as sql};

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

/// A ticket's row: what lists need, and its state as JSON.
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
    /// Revision.
    pub rev: i64,
    /// JSON.
    pub state: String,
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
    /// Tickets that changed.
    pub tickets: Vec<TicketRow>,
    /// Tickets whose deadlines changed: number, and what they are now.
    pub deadlines: Vec<(String, Deadlines)>,
    /// What is to be told outside.
    pub outbox: Vec<OutboxRow>,
    /// Counters that moved.
    pub counters: BTreeMap<String, i64>,
    /// Alerts that changed: id, ticket, record.
    pub alerts: Vec<(String, Option<String>, String)>,
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

/// A transaction that holds the head.
pub struct Commit<'c> {
    transaction: Transaction<'c, Any>,
    faults: Plan,
    /// Given back after the transaction has ended.
    _turn: Turn,
}

/// A connection for commits.
pub struct Writer(PoolConnection<Any>, Plan);

impl Store {
    /// A connection for commits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn writer_connection(&self) -> Result<Writer, StoreError> {
        let mut connection = self.writer().acquire().await?;
        // It is kept until something went wrong with it, and what went wrong must not come back with it: after a COMMIT
        // that a full disk refused, the driver counts a transaction that SQLite has rolled back by itself, for ever.
        connection.close_on_drop();
        Ok(Writer(connection, self.faults.clone()))
    }

    /// Makes the head of a new log; nothing happens when there is one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn found(&self, origin: &str, schema: i64, frontier: &[u8], demo: bool, secret: [u8; 32]) -> Result<(), StoreError> {
        sqlx::query(sql::FOUND_HEAD)
            .bind(frontier.to_vec())
            .bind(schema)
            .bind(origin)
            .bind(i64::from(demo))
            .bind(secret.to_vec())
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Names the log's verifier key, unless it has one; then gives the one it has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn name_key(&self, vkey: &str) -> Result<(), StoreError> {
        let _turn = self.turn().await;
        sqlx::query(sql::NAME_KEY).bind(vkey).execute(self.writer()).await?;
        Ok(())
    }
}

impl Writer {
    /// Whether the database is still at the other end.
    pub async fn answers(&mut self) -> bool {
        self.0.ping().await.is_ok()
    }

    /// Lets go of a connection that may be broken: nobody gets it again. A file has no other end that could be gone, and
    /// another connection to it may want room that a full disk does not have.
    pub fn discard(mut self, store: &Store) {
        if store.dialect() == Dialect::Postgres {
            self.0.close_on_drop();
        }
    }

    /// Begins a transaction and takes the head; others wait.
    ///
    /// # Errors
    /// When the database does not answer, the log has no head yet, or a newer program has taken the database over.
    pub async fn begin(&mut self, store: &Store) -> Result<(Commit<'_>, Head), StoreError> {
        let faults = self.1.clone();
        strike(&faults, "begin", Moment::Before)?;
        let turn = store.turn().await;
        let mut transaction = self.0.begin_with(store.dialect().begin_writing()).await?;
        strike(&faults, "head", Moment::Before)?;
        let row = sqlx::query(sql::TAKE_HEAD).fetch_one(&mut *transaction).await?;
        strike(&faults, "head", Moment::After)?;
        let head = head_of(&row)?;
        if head.migration > store.knows() {
            return Err(StoreError::Newer { found: head.migration, known: store.knows() });
        }
        Ok((Commit { transaction, faults, _turn: turn }, head))
    }
}

pub(super) fn head_of(row: &AnyRow) -> Result<Head, StoreError> {
    Ok(Head {
        size: row.try_get(0)?,
        frontier: row.try_get(1)?,
        last_at: row.try_get(2)?,
        schema: row.try_get(3)?,
        deliveries: row.try_get(4)?,
        origin: row.try_get(5)?,
        demo: row.try_get::<i64, _>(6)? != 0,
        vkey: row.try_get(7)?,
        secret: Secret(row.try_get(8)?),
        migration: row.try_get(9)?,
    })
}

fn pair(row: &AnyRow) -> Result<(String, String), StoreError> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

impl Commit<'_> {
    /// Events from position `from` on: what another replica appended.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn events_from(&mut self, from: i64, at_most: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let rows = sqlx::query(sql::EVENTS_FROM).bind(from).bind(at_most).fetch_all(&mut *self.transaction).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Leaf hashes of the events in `[from, to)`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn leaves(&mut self, from: i64, to: i64) -> Result<Vec<[u8; 32]>, StoreError> {
        let rows = sqlx::query(sql::LEAVES).bind(from).bind(to).fetch_all(&mut *self.transaction).await?;
        rows.iter().map(|row| hash_of(row.try_get(0)?)).collect()
    }

    /// Roots of the full tiles in `[from, to)` of a level.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tile_roots(&mut self, level: i64, from: i64, to: i64) -> Result<Vec<[u8; 32]>, StoreError> {
        let rows = sqlx::query(sql::TILE_ROOTS).bind(level).bind(from).bind(to).fetch_all(&mut *self.transaction).await?;
        rows.iter().map(|row| hash_of(row.try_get(0)?)).collect()
    }

    /// What retries of these keys are answered.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn dedupes(&mut self, keys: Vec<String>) -> Result<Vec<(String, String)>, StoreError> {
        sql::DEDUPES.read(&mut self.transaction, keys).await?.iter().map(pair).collect()
    }

    /// States of these tickets.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tickets(&mut self, numbers: Vec<String>) -> Result<Vec<(String, String)>, StoreError> {
        sql::TICKETS_BY_NUMBER.read(&mut self.transaction, numbers).await?.iter().map(pair).collect()
    }

    /// Records of these alerts (`source/fingerprint`).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn alerts(&mut self, ids: Vec<String>) -> Result<Vec<(String, String)>, StoreError> {
        sql::ALERTS_BY_ID.read(&mut self.transaction, ids).await?.iter().map(pair).collect()
    }

    /// Records of these groups.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn groups(&mut self, ids: Vec<String>) -> Result<Vec<(String, String)>, StoreError> {
        sql::GROUPS_BY_ID.read(&mut self.transaction, ids).await?.iter().map(pair).collect()
    }

    /// When each of these groups was last repeated, as far as no event tells yet: group and microseconds, perhaps
    /// several of a group.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn repeated(&mut self, groups: Vec<String>) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sql::REPEATED_BY_GROUP.read(&mut self.transaction, groups).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Highest number per prefix.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn counters(&mut self) -> Result<BTreeMap<String, i64>, StoreError> {
        let rows = sqlx::query(sql::COUNTERS).fetch_all(&mut *self.transaction).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// Repeats that are due to be told by `now` (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn repeats_due(&mut self, now: i64, at_most: i64) -> Result<Vec<RepeatRow>, StoreError> {
        let rows = sqlx::query(sql::REPEATS_DUE).bind(now).bind(at_most).fetch_all(&mut *self.transaction).await?;
        rows.iter()
            .map(|row| {
                Ok(RepeatRow {
                    id: row.try_get(0)?,
                    ticket: row.try_get(1)?,
                    group: String::new(),
                    count: row.try_get(2)?,
                    at: (row.try_get(3)?, row.try_get(4)?),
                    deliveries: (row.try_get(5)?, row.try_get(6)?),
                    due: now,
                })
            })
            .collect()
    }

    /// Refusals of hours before `hour` that no event counts yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refusals_before(&mut self, hour: i64, at_most: i64) -> Result<Vec<RefusalRow>, StoreError> {
        let rows = sqlx::query(sql::REFUSALS_BEFORE).bind(hour).bind(at_most).fetch_all(&mut *self.transaction).await?;
        rows.iter().map(refusal_of).collect()
    }

    /// Whose one-time link this is, if it is still good at `now` (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn link(&mut self, hash: &str, now: i64) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(sql::LINK).bind(hash).bind(now).fetch_optional(&mut *self.transaction).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Whose link code this is, if it is still good at `now` (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn link_code(&mut self, hash: &str, now: i64) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(sql::LINK_CODE).bind(hash).bind(now).fetch_optional(&mut *self.transaction).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// Whose link code this account has typed, if it is still good at `now` (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claimed_code(&mut self, account: &str, now: i64) -> Result<Option<String>, StoreError> {
        let row = sqlx::query(sql::LINK_CODE_CLAIMED).bind(account).bind(now).fetch_optional(&mut *self.transaction).await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// How many wrong codes an account has typed in an hour.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn wrong_codes(&mut self, account: &str, hour: i64) -> Result<i64, StoreError> {
        let row = sqlx::query(sql::WRONG_CODES).bind(account).bind(hour).fetch_optional(&mut *self.transaction).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
    }

    /// Writes the batch and moves the head.
    ///
    /// # Errors
    /// When the database does not answer, or refuses a value.
    pub async fn write(&mut self, batch: Batch, head: &Head) -> Result<(), StoreError> {
        use Value::{Bytes, Int, OptInt, OptText, Text};
        let events = batch.events.into_iter();
        let rows = events.map(|e| vec![Int(e.seq), Text(e.kind), OptText(e.ticket), OptInt(e.rev), Bytes(e.leaf.to_vec()), Bytes(e.bytes)]);
        self.put("event", sql::EVENT_ROWS, rows.collect()).await?;
        let rows = batch.tiles.into_iter().map(|t| vec![Int(t.level), Int(t.n), Bytes(t.root.to_vec()), Bytes(t.hashes)]);
        self.put("tile", sql::TILE_ROWS, rows.collect()).await?;
        let rows = batch.sealed.into_iter().map(|s| vec![Int(s.seq), Text(s.name), Bytes(s.salt), Bytes(s.bytes)]);
        self.put("sealed", sql::SEALED_ROWS, rows.collect()).await?;
        self.write_tickets(batch.tickets, batch.deadlines).await?;
        let rows = batch.outbox.into_iter();
        let rows = rows.map(|o| vec![Text(o.channel), Int(o.id), Int(o.queued_at), Int(0), Int(o.not_before), Int(0), Text(o.payload)]);
        self.put("outbox", sql::OUTBOX_ROWS, rows.collect()).await?;
        self.put("counter", sql::COUNTER_ROWS, batch.counters.into_iter().map(|(p, n)| vec![Text(p), Int(n)]).collect()).await?;
        self.put("alert", sql::ALERT_ROWS, batch.alerts.into_iter().map(|(id, t, r)| vec![Text(id), OptText(t), Text(r)]).collect())
            .await?;
        self.put("alert_group", sql::GROUP_ROWS, batch.groups.into_iter().map(|(id, r)| vec![Text(id), Text(r)]).collect()).await?;
        self.put("person", sql::PERSON_ROWS, batch.people.into_iter().map(|(id, s)| vec![Text(id), Text(s)]).collect()).await?;
        self.put("account", sql::ACCOUNT_ROWS, batch.accounts.into_iter().map(|(id, s)| vec![Text(id), Text(s)]).collect()).await?;
        let rows = batch.adopted.into_iter().map(|(s, p, d)| vec![Int(s), Text(p), Text(d)]);
        self.put("adopted", sql::ADOPTED_ROWS, rows.collect()).await?;
        let rows = batch.playbooks.into_iter().map(|(d, p, b)| vec![Text(d), Text(p), Bytes(b)]);
        self.put("playbook", sql::PLAYBOOK_ROWS, rows.collect()).await?;
        let rows = batch.deliveries.into_iter().map(|d| vec![Int(d.id), Text(d.source), Int(d.received_at), Text(d.alerts)]);
        self.put("delivery", sql::DELIVERY_ROWS, rows.collect()).await?;
        self.take_out("repeat_pending", sql::FORGET_REPEATS, batch.told).await?;
        let rows = batch.repeats.into_values().map(|r| {
            let (first, last) = r.deliveries;
            vec![Text(r.id), OptText(r.ticket), Text(r.group), Int(r.count), Int(r.at.0), Int(r.at.1), Int(first), Int(last), Int(r.due)]
        });
        self.put("repeat_pending", sql::REPEAT_ROWS, rows.collect()).await?;
        for (person, hour) in batch.refusals_told {
            self.run("refusal_pending", sql::FORGET_REFUSALS, vec![Text(person), Int(hour)]).await?;
        }
        let rows = batch.refusals.into_iter().map(|((person, hour), (own, beyond))| vec![Text(person), Int(hour), Int(own), Int(beyond)]);
        self.put("refusal_pending", sql::REFUSAL_ROWS, rows.collect()).await?;
        self.put("dedupe", sql::DEDUPE_ROWS, batch.dedupe.into_iter().map(|(k, at, o)| vec![Text(k), Int(at), Text(o)]).collect()).await?;
        for (key, at, words) in batch.marks {
            self.run("mark", sql::MARK, vec![Text(key), Int(at), Text(words)]).await?;
        }
        for hash in batch.ended_sessions {
            self.run("session", sql::END_SESSION, vec![Text(hash)]).await?;
        }
        for hash in batch.used_links {
            self.run("sign_in_link", sql::USE_LINK, vec![Text(hash)]).await?;
        }
        for person in batch.ended_people {
            self.run("session", sql::END_SESSIONS_OF, vec![Text(person)]).await?;
        }
        let rows = batch.sessions.into_iter().map(|s| vec![Text(s.hash), Text(s.person), Text(s.id), Text(s.method), Int(s.expires_at)]);
        self.put("session", sql::SESSION_ROWS, rows.collect()).await?;
        self.put("sign_in_link", sql::LINK_ROWS, batch.links.into_iter().map(|(h, p, at)| vec![Text(h), Text(p), Int(at)]).collect())
            .await?;
        for (hash, account) in batch.claimed_codes {
            self.run("link_code", sql::UNCLAIM_LINK_CODES, vec![Text(account.clone())]).await?;
            self.run("link_code", sql::CLAIM_LINK_CODE, vec![Text(hash), Text(account)]).await?;
        }
        for account in batch.refused_codes {
            self.run("link_code", sql::UNCLAIM_LINK_CODES, vec![Text(account)]).await?;
        }
        for person in batch.used_codes.into_iter().chain(batch.link_codes.iter().map(|(_, person, _)| person.clone())).collect::<Vec<_>>() {
            self.run("link_code", sql::FORGET_LINK_CODES_OF, vec![Text(person)]).await?;
        }
        let rows = batch.link_codes.into_iter().map(|(hash, person, at)| vec![Text(hash), Text(person), Int(at), Text(String::new())]);
        self.put("link_code", sql::LINK_CODE_ROWS, rows.collect()).await?;
        let rows = batch.wrong_codes.into_iter().map(|((account, hour), n)| vec![Text(account), Int(hour), Int(n)]);
        self.put("wrong_code", sql::WRONG_CODE_ROWS, rows.collect()).await?;
        if let Some((origin, vkey)) = batch.epoch {
            self.run("new epoch", sql::NEW_EPOCH, vec![Text(origin), Text(vkey)]).await?;
        }
        let moved = vec![Int(head.size), Bytes(head.frontier.clone()), Int(head.last_at), Int(head.deliveries)];
        self.run("move head", sql::MOVE_HEAD, moved).await
    }

    /// Tickets, with their deadlines in the place of those that they had.
    async fn write_tickets(&mut self, tickets: Vec<TicketRow>, deadlines: Vec<(String, Deadlines)>) -> Result<(), StoreError> {
        use Value::{Int, Text};
        let rows = tickets.into_iter().map(|t| {
            let ended = Int(i64::from(t.ended));
            vec![Text(t.number), Text(t.kind), Text(t.status), ended, Int(t.opened_seq), Int(t.rev), Text(t.state)]
        });
        self.put("ticket", sql::TICKET_ROWS, rows.collect()).await?;
        self.take_out("deadline", sql::FORGET_DEADLINES, deadlines.iter().map(|(number, _)| number.clone()).collect()).await?;
        let rows = deadlines
            .into_iter()
            .flat_map(|(number, all)| all.into_iter().map(move |(id, at)| vec![Text(number.clone()), Text(id), Int(at)]));
        self.put("deadline", sql::DEADLINE_ROWS, rows.collect()).await
    }

    /// Rows of one table, by their keys, taken out.
    async fn take_out(&mut self, name: &'static str, statement: Lookup, keys: Vec<String>) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        strike(&self.faults, name, Moment::Before)?;
        statement.read(&mut self.transaction, keys).await?;
        strike(&self.faults, name, Moment::After)
    }

    /// Many rows of one table.
    async fn put(&mut self, name: &'static str, into: Rows, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        strike(&self.faults, name, Moment::Before)?;
        into.write(&mut self.transaction, rows).await?;
        strike(&self.faults, name, Moment::After)
    }

    /// One statement.
    async fn run(&mut self, name: &'static str, statement: &'static str, values: Vec<Value>) -> Result<(), StoreError> {
        strike(&self.faults, name, Moment::Before)?;
        execute(&mut self.transaction, statement, values).await?;
        strike(&self.faults, name, Moment::After)
    }

    /// The commit point: when this returns `Ok`, the disk has it. An error that loses the connection leaves the
    /// outcome unknown, and the desk looks the dedupe keys up before it answers anybody.
    ///
    /// # Errors
    /// When the database refuses or the connection is lost.
    pub async fn commit(self) -> Result<(), StoreError> {
        strike(&self.faults, "commit", Moment::Before)?;
        self.transaction.commit().await?;
        strike(&self.faults, "commit", Moment::After)
    }

    /// Nothing of it happened.
    ///
    /// # Errors
    /// When the connection is lost; then nothing of it happened, either.
    pub async fn roll_back(self) -> Result<(), StoreError> {
        Ok(self.transaction.rollback().await?)
    }
}

pub(super) fn refusal_of(row: &AnyRow) -> Result<RefusalRow, StoreError> {
    Ok(RefusalRow { person: row.try_get(0)?, hour: row.try_get(1)?, recorded: row.try_get(2)?, beyond: row.try_get(3)? })
}

pub(super) fn hash_of(bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Unreadable("a hash in the database is not 32 bytes long".to_owned()))
}
