//! Every statement, by name. `$n` placeholders, BIGINT, TEXT and BLOB/BYTEA only; what both databases understand.

use super::rows::{Lookup, Rows};

/// Highest migration applied.
pub const SCHEMA_VERSION: &str = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";

/// Takes the head: the write lock on SQLite (held since BEGIN IMMEDIATE), the row lock on PostgreSQL.
pub const TAKE_HEAD: &str = "UPDATE ledger_head SET size = size WHERE id = 1 RETURNING size, frontier, last_at, schema, deliveries, origin, demo, vkey, secret, migration";
/// Looks at the head without taking it.
pub const SEE_HEAD: &str =
    "SELECT size, frontier, last_at, schema, deliveries, origin, demo, vkey, secret, migration FROM ledger_head WHERE id = 1";
/// The head's size, and the newest migration.
pub const SEE_SIZE: &str = "SELECT size, migration FROM ledger_head WHERE id = 1";
/// The first row of a new log.
pub const FOUND_HEAD: &str = "INSERT INTO ledger_head (id, size, frontier, last_at, schema, deliveries, origin, demo, vkey, secret, migration) VALUES (1, 0, $1, 0, $2, 0, $3, $4, '', $5, (SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations)) ON CONFLICT (id) DO NOTHING";
/// Moves the head.
pub const MOVE_HEAD: &str = "UPDATE ledger_head SET size = $1, frontier = $2, last_at = $3, deliveries = $4 WHERE id = 1";
/// Tells whoever takes the head that a migration was applied.
pub const RAISE_HEAD: &str = "UPDATE ledger_head SET migration = (SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations) WHERE migration < (SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations)";
/// The log goes on under another name and another key.
pub const NEW_EPOCH: &str = "UPDATE ledger_head SET origin = $1, vkey = $2 WHERE id = 1";
/// Names the log's key, once.
pub const NAME_KEY: &str = "UPDATE ledger_head SET vkey = $1 WHERE id = 1 AND vkey = ''";

/// Events from $1 (included) on, at most $2.
pub const EVENTS_FROM: &str = "SELECT seq, bytes FROM event WHERE seq >= $1 ORDER BY seq LIMIT $2";
/// Events of one kind, in order. There is no index for it: for what is asked once in a while.
pub const EVENTS_OF_KIND: &str = "SELECT seq, bytes FROM event WHERE kind = $1 ORDER BY seq";
/// The latest event of one kind.
pub const EVENT_LATEST_OF_KIND: &str = "SELECT seq, bytes FROM event WHERE kind = $1 ORDER BY seq DESC LIMIT 1";
/// Leaf hashes of a range.
pub const LEAVES: &str = "SELECT leaf FROM event WHERE seq >= $1 AND seq < $2 ORDER BY seq";
/// One ticket's events with revision above $2, at most $3.
pub const EVENTS_OF_TICKET: &str = "SELECT seq, bytes FROM event WHERE ticket = $1 AND rev > $2 ORDER BY rev LIMIT $3";
/// One event.
pub const EVENT: &str = "SELECT bytes FROM event WHERE seq = $1";
/// A full tile.
pub const TILE: &str = "SELECT hashes FROM tile WHERE level = $1 AND n = $2";
/// Roots of full tiles.
pub const TILE_ROOTS: &str = "SELECT root FROM tile WHERE level = $1 AND n >= $2 AND n < $3 ORDER BY n";
/// Sealed values of one event.
pub const SEALED_OF_EVENT: &str = "SELECT name, salt, bytes FROM sealed WHERE seq = $1 ORDER BY name";
/// Sealed values of a range of events.
pub const SEALED_FROM: &str = "SELECT seq, name, salt, bytes FROM sealed WHERE seq >= $1 AND seq < $2 ORDER BY seq, name";
/// Sealed values of one ticket's events.
pub const SEALED_OF_TICKET: &str = "SELECT s.seq, s.name, s.salt, s.bytes FROM event e JOIN sealed s ON s.seq = e.seq WHERE e.ticket = $1 AND e.rev > $2 AND e.rev <= $3 ORDER BY s.seq, s.name";

/// One ticket.
pub const TICKET: &str = "SELECT t.number, t.opened_seq, t.state, l.rev, l.seq, l.updated_at, l.attached, l.firing, l.repeats FROM ticket t JOIN ticket_latest l ON l.number = t.number WHERE t.number = $1";
/// Tickets in the order of their opening, after a position.
pub const TICKETS: &str = "SELECT t.number, t.opened_seq, t.state, l.rev, l.seq, l.updated_at, l.attached, l.firing, l.repeats FROM ticket t JOIN ticket_latest l ON l.number = t.number WHERE t.opened_seq > $1 AND ($2 = '' OR t.kind = $2) AND ($3 = '' OR t.status = $3) ORDER BY t.opened_seq LIMIT $4";
/// The same of one kind.
pub const TICKETS_OF: &str = "SELECT t.number, t.opened_seq, t.state, l.rev, l.seq, l.updated_at, l.attached, l.firing, l.repeats FROM ticket t JOIN ticket_latest l ON l.number = t.number WHERE t.kind = $1 AND t.opened_seq > $2 ORDER BY t.opened_seq LIMIT $3";
/// The same of one kind with one status, as [`TICKETS_LATEST_IN`].
pub const TICKETS_OF_IN: &str = "SELECT t.number, t.opened_seq, t.state, l.rev, l.seq, l.updated_at, l.attached, l.firing, l.repeats FROM (SELECT number, opened_seq FROM ticket WHERE kind = $1 AND status = $4 AND opened_seq > $2 ORDER BY opened_seq LIMIT $3) f JOIN ticket t ON t.number = f.number JOIN ticket_latest l ON l.number = f.number ORDER BY f.opened_seq";
/// Tickets whose work goes on, in the order of their opening, after a position.
pub const TICKETS_OPEN: &str = "SELECT t.number, t.opened_seq, t.state, l.rev, l.seq, l.updated_at, l.attached, l.firing, l.repeats FROM ticket t JOIN ticket_latest l ON l.number = t.number WHERE t.ended = 0 AND t.opened_seq > $1 ORDER BY t.opened_seq LIMIT $2";
/// Tickets whose work goes on, the latest opened first; `$1`: of this kind, of every kind when it is empty.
pub const TICKETS_OPEN_LATEST: &str = "SELECT t.number, t.opened_seq, t.state, l.rev, l.seq, l.updated_at, l.attached, l.firing, l.repeats FROM ticket t JOIN ticket_latest l ON l.number = t.number WHERE t.ended = 0 AND ($1 = '' OR t.kind = $1) ORDER BY t.opened_seq DESC LIMIT $2";
/// Tickets whose work has ended, the latest opened first, before a position.
pub const TICKETS_ENDED: &str = "SELECT t.number, t.opened_seq, t.state, l.rev, l.seq, l.updated_at, l.attached, l.firing, l.repeats FROM ticket t JOIN ticket_latest l ON l.number = t.number WHERE t.ended = 1 AND t.opened_seq < $1 ORDER BY t.opened_seq DESC LIMIT $2";
/// Tickets of one kind opened in a range of positions, the latest first.
pub const TICKETS_LATEST: &str = "SELECT t.number, t.opened_seq, t.state, l.rev, l.seq, l.updated_at, l.attached, l.firing, l.repeats FROM ticket t JOIN ticket_latest l ON l.number = t.number WHERE t.kind = $1 AND t.opened_seq >= $2 AND t.opened_seq < $3 ORDER BY t.opened_seq DESC LIMIT $4";
/// The same with one status. Which they are is read off an index alone: a status may be rare, and each row is wide.
pub const TICKETS_LATEST_IN: &str = "SELECT t.number, t.opened_seq, t.state, l.rev, l.seq, l.updated_at, l.attached, l.firing, l.repeats FROM (SELECT number, opened_seq FROM ticket WHERE kind = $1 AND status = $5 AND opened_seq >= $2 AND opened_seq < $3 ORDER BY opened_seq DESC LIMIT $4) f JOIN ticket t ON t.number = f.number JOIN ticket_latest l ON l.number = f.number ORDER BY f.opened_seq DESC";
/// How many tickets of one kind were opened in a range of positions.
pub const TICKETS_COUNT: &str = "SELECT COUNT(*) FROM ticket WHERE kind = $1 AND opened_seq >= $2 AND opened_seq < $3";
/// How many tickets of each kind and status.
pub const TICKETS_COUNTED: &str = "SELECT kind, status, COUNT(*) FROM ticket GROUP BY kind, status";
/// Highest number per prefix.
pub const COUNTERS: &str = "SELECT prefix, last FROM counter ORDER BY prefix";
/// One alert.
pub const ALERT: &str = "SELECT id, ticket, status, grp, first_seen, last_seen FROM alert WHERE id = $1";
/// Deadlines that are due.
pub const DEADLINES_DUE: &str = "SELECT ticket, id, due FROM deadline WHERE due <= $1 ORDER BY due, ticket, id LIMIT $2";
/// The next one.
pub const DEADLINE_NEXT: &str = "SELECT COALESCE(MIN(due), -1) FROM deadline";
/// Every person.
pub const PEOPLE: &str = "SELECT id, state FROM person ORDER BY id";
/// Every chat account.
pub const ACCOUNTS: &str = "SELECT id, state FROM account ORDER BY id";
/// Every adoption.
pub const ADOPTED: &str = "SELECT seq, path, digest FROM adopted ORDER BY seq, path";
/// An adopted file, by digest.
pub const PLAYBOOK: &str = "SELECT path, bytes FROM playbook WHERE digest = $1";
/// Every file that was ever adopted.
pub const PLAYBOOKS: &str = "SELECT digest, path, bytes FROM playbook ORDER BY digest";

/// One delivery.
pub const DELIVERY: &str = "SELECT source, received_at, alerts FROM delivery WHERE id = $1";
/// When a source was last heard.
pub const LAST_HEARD: &str = "SELECT received_at FROM delivery WHERE source = $1 ORDER BY id DESC LIMIT 1";
/// Repeats that are due to be told.
pub const REPEATS_DUE: &str = "SELECT id, ticket, count, first_at, last_at, first_delivery, last_delivery FROM repeat_pending WHERE due <= $1 ORDER BY due, id LIMIT $2";
/// Refusals of hours before $1.
pub const REFUSALS_BEFORE: &str =
    "SELECT person, hour, recorded, beyond FROM refusal_pending WHERE hour < $1 ORDER BY hour, person LIMIT $2";
/// Takes the pending refusals of one person and hour out.
pub const FORGET_REFUSALS: &str = "DELETE FROM refusal_pending WHERE person = $1 AND hour = $2";
/// What a process leaves: its latest commit, so that it can be found again when the connection broke, and its clocks.
pub const MARK: &str = "INSERT INTO dedupe (key, at, outcome) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE SET at = excluded.at, outcome = excluded.outcome";
/// What was left under a key.
pub const LEFT: &str = "SELECT at, outcome FROM dedupe WHERE key = $1";
/// Forgets what nobody will retry any more.
pub const FORGET_DEDUPE: &str = "DELETE FROM dedupe WHERE at < $1";

/// Who holds a session.
pub const SESSION: &str = "SELECT person, id, method, expires_at FROM session WHERE hash = $1";
/// Ends a session.
pub const END_SESSION: &str = "DELETE FROM session WHERE hash = $1";
/// Ends all sessions of one person.
pub const END_SESSIONS_OF: &str = "DELETE FROM session WHERE person = $1";
/// Forgets sessions that have run out.
pub const FORGET_SESSIONS: &str = "DELETE FROM session WHERE expires_at < $1";
/// Whose one-time link this is, while it is good.
pub const LINK: &str = "SELECT person FROM sign_in_link WHERE hash = $1 AND expires_at > $2";
/// A one-time link is used up.
pub const USE_LINK: &str = "DELETE FROM sign_in_link WHERE hash = $1";
/// Forgets one-time links that have run out.
pub const FORGET_LINKS: &str = "DELETE FROM sign_in_link WHERE expires_at < $1";

/// Whose link code this is, while it is good.
pub const LINK_CODE: &str = "SELECT person FROM link_code WHERE hash = $1 AND expires_at > $2";
/// Whose code this account has typed, while it is good.
pub const LINK_CODE_CLAIMED: &str = "SELECT person FROM link_code WHERE claimed_by = $1 AND expires_at > $2";
/// An account has typed a code; one that typed it before has it no longer.
pub const CLAIM_LINK_CODE: &str = "UPDATE link_code SET claimed_by = $1 WHERE hash = $2";
/// A person's codes are used up, or replaced.
pub const FORGET_LINK_CODES_OF: &str = "DELETE FROM link_code WHERE person = $1";
/// What this account has typed is forgotten.
pub const UNCLAIM_LINK_CODES: &str = "DELETE FROM link_code WHERE claimed_by = $1";
/// Forgets link codes that have run out.
pub const FORGET_LINK_CODES: &str = "DELETE FROM link_code WHERE expires_at < $1";
/// How many wrong codes an account has typed in an hour.
pub const WRONG_CODES: &str = "SELECT wrong FROM wrong_code WHERE account = $1 AND hour = $2";
/// Forgets wrong codes of hours before.
pub const FORGET_WRONG_CODES: &str = "DELETE FROM wrong_code WHERE hour < $1";
/// Keeps a form until its sender is linked; the same one only once.
pub const HOLD_FORM: &str = "INSERT INTO held_form (id, handle, held_at, payload) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING";
/// Forms that wait for an account to be linked, the oldest first.
pub const HELD_FORMS: &str = "SELECT id, held_at, payload FROM held_form WHERE handle = $1 AND held_at > $2 ORDER BY held_at, id";
/// Accounts for which forms wait.
pub const HELD_HANDLES: &str = "SELECT DISTINCT handle FROM held_form ORDER BY handle LIMIT 1000";
/// A form is taken up, by one process.
pub const TAKE_HELD_FORM: &str = "DELETE FROM held_form WHERE id = $1 RETURNING id";
/// Forgets forms that nobody came back for.
pub const FORGET_HELD_FORMS: &str = "DELETE FROM held_form WHERE held_at < $1";
/// Sealed values of one name among a ticket's events.
pub const SEALED_NAMED: &str =
    "SELECT s.seq, s.bytes FROM event e JOIN sealed s ON s.seq = e.seq WHERE e.ticket = $1 AND s.name = $2 ORDER BY s.seq";

/// The latest signed checkpoint.
pub const CHECKPOINT_LATEST: &str = "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1";
/// The signed checkpoint of a size.
pub const CHECKPOINT_AT: &str = "SELECT note FROM checkpoint WHERE size = $1";
/// Stores a signed checkpoint, unless there is one of that size.
pub const SAVE_CHECKPOINT: &str = "INSERT INTO checkpoint (size, note) VALUES ($1, $2) ON CONFLICT (size) DO NOTHING";
/// Adds signatures to a checkpoint; nothing happens when somebody else was quicker.
pub const COSIGN_CHECKPOINT: &str = "UPDATE checkpoint SET note = $3 WHERE size = $1 AND note = $2 RETURNING size";

/// What we last cosigned of somebody's log.
pub const WITNESSED: &str = "SELECT size, root FROM witnessed WHERE origin = $1";
/// First time that we cosign it.
pub const WITNESS_FIRST: &str =
    "INSERT INTO witnessed (origin, size, root) VALUES ($1, $2, $3) ON CONFLICT (origin) DO NOTHING RETURNING size";
/// Every later time; nothing happens when somebody else was quicker.
pub const WITNESS_NEXT: &str = "UPDATE witnessed SET size = $2, root = $3 WHERE origin = $1 AND size = $4 AND root = $5 RETURNING size";

/// Puts one entry for a channel into the outbox; a newer one for the same subject takes its place.
pub const QUEUE: &str = "INSERT INTO outbox (channel, id, queued_at, attempts, not_before, lease_until, payload) VALUES ($1, $2, $3, 0, 0, 0, $4) ON CONFLICT (channel, id) DO UPDATE SET payload = excluded.payload, not_before = 0";
/// What is due on a channel.
pub const OUTBOX_DUE: &str =
    "SELECT id, attempts, payload FROM outbox WHERE channel = $1 AND not_before <= $2 AND lease_until <= $2 ORDER BY id LIMIT 1";
/// Takes it for a while; nothing happens when another replica was quicker.
pub const OUTBOX_LEASE: &str =
    "UPDATE outbox SET lease_until = $3, attempts = attempts + 1 WHERE channel = $1 AND id = $2 AND lease_until <= $4 RETURNING payload";
/// It arrived: gone, unless something newer took its place.
pub const OUTBOX_DONE: &str = "DELETE FROM outbox WHERE channel = $1 AND id = $2 AND payload = $3 RETURNING id";
/// Something newer took its place while it was on its way: that one is due now, unless our turn ran out.
pub const OUTBOX_NEWER: &str =
    "UPDATE outbox SET lease_until = 0, attempts = 0, queued_at = $3 WHERE channel = $1 AND id = $2 AND lease_until = $4";
/// It is tried again later, by whoever is first, unless our turn ran out: then it is another's.
pub const OUTBOX_LATER: &str = "UPDATE outbox SET lease_until = 0, not_before = $3 WHERE channel = $1 AND id = $2 AND lease_until = $4";
/// Puts entries into the outbox with the commit that they tell of; a newer one for the same subject takes its place, and
/// an urgent one (`not_before` 0) goes at once.
pub const OUTBOX_ROWS: Rows = Rows::new(
    "INSERT INTO outbox (channel, id, queued_at, attempts, not_before, lease_until, payload) VALUES",
    7,
    "ON CONFLICT (channel, id) DO UPDATE SET payload = excluded.payload, not_before = CASE WHEN excluded.not_before = 0 THEN 0 ELSE outbox.not_before END",
);
/// Where a ticket stands in chat.
pub const ROOM: &str = "SELECT channel, thread, state, due FROM chat_room WHERE platform = $1 AND ticket = $2";
/// Keeps it, unless a later turn has written it.
pub const KEEP_ROOM: &str = "INSERT INTO chat_room (platform, ticket, channel, thread, state, turn, due, opened, waits) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (platform, ticket) DO UPDATE SET opened = excluded.opened, waits = excluded.waits, channel = excluded.channel, thread = excluded.thread, state = excluded.state, turn = excluded.turn, due = excluded.due WHERE chat_room.turn <= excluded.turn RETURNING turn";
/// How many tickets that were opened before still wait for their first message in a shared channel, or were not looked at
/// yet. One that waits for very long holds nobody back.
pub const ROOMS_BEFORE: &str = "SELECT COUNT(*) FROM outbox o WHERE o.channel = $1 AND o.id < $2 AND o.queued_at > $3 AND NOT EXISTS (SELECT 1 FROM chat_room r WHERE r.platform = $1 AND r.opened = o.id AND r.waits = 0)";
/// The ticket that a place in chat is about.
pub const TICKET_AT: &str = "SELECT ticket FROM chat_room WHERE platform = $1 AND channel = $2 AND thread = $3 ORDER BY ticket LIMIT 1";
/// Whether any ticket stands in a channel.
pub const ANY_ROOM_IN: &str = "SELECT ticket FROM chat_room WHERE platform = $1 AND channel = $2 LIMIT 1";
/// The places whose names begin so, in the order in which they were kept.
pub const ROOMS_NAMED: &str = "SELECT channel, thread FROM chat_room WHERE platform = $1 AND ticket LIKE $2 ORDER BY turn";
/// Tickets for which something is to be done in chat by now.
pub const ROOMS_DUE: &str = "SELECT ticket FROM chat_room WHERE platform = $1 AND due > 0 AND due <= $2 ORDER BY due LIMIT $3";
/// What does not work in chat.
pub const TROUBLES: &str = "SELECT platform, subject, since, words FROM chat_trouble ORDER BY platform, subject LIMIT $1";
/// Something does not work; since when stays.
pub const TROUBLE: &str = "INSERT INTO chat_trouble (platform, subject, since, words) VALUES ($1, $2, $3, $4) ON CONFLICT (platform, subject) DO UPDATE SET words = excluded.words";
/// It works again.
pub const NO_TROUBLE: &str = "DELETE FROM chat_trouble WHERE platform = $1 AND subject = $2";
/// How many wait, and since when.
pub const OUTBOX_STATE: &str = "SELECT COUNT(*), COALESCE(MIN(queued_at), -1) FROM outbox";

/// For `verify --database`: whole rows, with a key and every other column as text. The first page is asked for with an
/// empty key, which a row may have as well.
pub const TICKETS_ALL: &str = "SELECT number, kind, status, CAST(ended AS TEXT), CAST(opened_seq AS TEXT), state FROM ticket WHERE $1 = '' OR number > $1 ORDER BY number LIMIT $2";
/// Of every ticket, what each event changes.
pub const LATEST_ALL: &str = "SELECT number, CAST(rev AS TEXT), CAST(seq AS TEXT), CAST(updated_at AS TEXT), CAST(attached AS TEXT), CAST(firing AS TEXT), CAST(repeats AS TEXT) FROM ticket_latest WHERE $1 = '' OR number > $1 ORDER BY number LIMIT $2";
/// Every alert.
pub const ALERTS_ALL: &str = "SELECT id, ticket, status, grp, CAST(first_seen AS TEXT), CAST(last_seen AS TEXT) FROM alert WHERE $1 = '' OR id > $1 ORDER BY id LIMIT $2";
/// Every group.
pub const GROUPS_ALL: &str = "SELECT id, record FROM alert_group WHERE $1 = '' OR id > $1 ORDER BY id LIMIT $2";
/// Every person.
pub const PEOPLE_ALL: &str = "SELECT id, state FROM person WHERE $1 = '' OR id > $1 ORDER BY id LIMIT $2";
/// Every chat account.
pub const ACCOUNTS_ALL: &str = "SELECT id, state FROM account WHERE $1 = '' OR id > $1 ORDER BY id LIMIT $2";
/// Every counter.
pub const COUNTERS_ALL: &str = "SELECT prefix, CAST(last AS TEXT) FROM counter WHERE $1 = '' OR prefix > $1 ORDER BY prefix LIMIT $2";
/// Every deadline.
pub const DEADLINES_ALL: &str = "SELECT ticket || '/' || id AS place, CAST(due AS TEXT) FROM deadline WHERE $1 = '' OR ticket || '/' || id > $1 ORDER BY place LIMIT $2";
/// Every adoption.
pub const ADOPTED_ALL: &str = "SELECT CAST(seq AS TEXT) || '/' || path AS place, digest FROM adopted WHERE $1 = '' OR CAST(seq AS TEXT) || '/' || path > $1 ORDER BY place LIMIT $2";
/// Events from $1 (included) on, at most $2, with every column.
pub const EVENTS_WHOLE: &str = "SELECT seq, kind, ticket, rev, leaf, bytes FROM event WHERE seq >= $1 ORDER BY seq LIMIT $2";
/// A full tile with its root.
pub const TILE_WHOLE: &str = "SELECT root, hashes FROM tile WHERE level = $1 AND n = $2";
/// Deliveries after $1, at most $2.
pub const DELIVERIES_AFTER: &str = "SELECT id, source, received_at, alerts FROM delivery WHERE id > $1 ORDER BY id LIMIT $2";
/// Signed checkpoints over more than $1 and at most $2 events.
pub const CHECKPOINTS_BETWEEN: &str = "SELECT size, note FROM checkpoint WHERE size > $1 AND size <= $2 ORDER BY size";
/// How many events, full tiles and sealed values there are.
pub const COUNTS: &str = "SELECT (SELECT COUNT(*) FROM event), (SELECT COUNT(*) FROM tile), (SELECT COUNT(*) FROM sealed)";

/// Many-row writes.
pub const EVENT_ROWS: Rows = Rows::new("INSERT INTO event (seq, kind, ticket, rev, leaf, bytes) VALUES", 6, "");
/// Full tiles.
pub const TILE_ROWS: Rows = Rows::new("INSERT INTO tile (level, n, root, hashes) VALUES", 4, "");
/// Sealed values.
pub const SEALED_ROWS: Rows = Rows::new("INSERT INTO sealed (seq, name, salt, bytes) VALUES", 4, "");
/// Tickets, new or changed.
pub const TICKET_ROWS: Rows = Rows::new(
    "INSERT INTO ticket (number, kind, status, ended, opened_seq, state) VALUES",
    6,
    "ON CONFLICT (number) DO UPDATE SET status = excluded.status, ended = excluded.ended, state = excluded.state",
);
/// What each event changes of its ticket.
pub const LATEST_ROWS: Rows = Rows::new(
    "INSERT INTO ticket_latest (number, rev, seq, updated_at, attached, firing, repeats) VALUES",
    7,
    "ON CONFLICT (number) DO UPDATE SET rev = excluded.rev, seq = excluded.seq, updated_at = excluded.updated_at, attached = excluded.attached, firing = excluded.firing, repeats = excluded.repeats",
);
/// Counters.
pub const COUNTER_ROWS: Rows =
    Rows::new("INSERT INTO counter (prefix, last) VALUES", 2, "ON CONFLICT (prefix) DO UPDATE SET last = excluded.last");
/// Alerts.
pub const ALERT_ROWS: Rows = Rows::new(
    "INSERT INTO alert (id, ticket, status, grp, first_seen, last_seen) VALUES",
    6,
    "ON CONFLICT (id) DO UPDATE SET ticket = excluded.ticket, status = excluded.status, grp = excluded.grp, first_seen = excluded.first_seen, last_seen = excluded.last_seen",
);
/// Groups.
pub const GROUP_ROWS: Rows =
    Rows::new("INSERT INTO alert_group (id, record) VALUES", 2, "ON CONFLICT (id) DO UPDATE SET record = excluded.record");
/// Deadlines.
pub const DEADLINE_ROWS: Rows =
    Rows::new("INSERT INTO deadline (ticket, id, due) VALUES", 3, "ON CONFLICT (ticket, id) DO UPDATE SET due = excluded.due");
/// People.
pub const PERSON_ROWS: Rows =
    Rows::new("INSERT INTO person (id, state) VALUES", 2, "ON CONFLICT (id) DO UPDATE SET state = excluded.state");
/// Chat accounts.
pub const ACCOUNT_ROWS: Rows =
    Rows::new("INSERT INTO account (id, state) VALUES", 2, "ON CONFLICT (id) DO UPDATE SET state = excluded.state");
/// Codes to link a chat account with.
pub const LINK_CODE_ROWS: Rows = Rows::new("INSERT INTO link_code (hash, person, expires_at, claimed_by) VALUES", 4, "");
/// Wrong codes, counted.
pub const WRONG_CODE_ROWS: Rows = Rows::new(
    "INSERT INTO wrong_code (account, hour, wrong) VALUES",
    3,
    "ON CONFLICT (account, hour) DO UPDATE SET wrong = wrong_code.wrong + excluded.wrong",
);
/// Adopted files.
pub const ADOPTED_ROWS: Rows = Rows::new("INSERT INTO adopted (seq, path, digest) VALUES", 3, "");
/// Their bytes.
pub const PLAYBOOK_ROWS: Rows = Rows::new("INSERT INTO playbook (digest, path, bytes) VALUES", 3, "ON CONFLICT (digest) DO NOTHING");
/// Deliveries.
pub const DELIVERY_ROWS: Rows = Rows::new("INSERT INTO delivery (id, source, received_at, alerts) VALUES", 4, "");
/// Repeats that wait to be told.
pub const REPEAT_ROWS: Rows = Rows::new(
    "INSERT INTO repeat_pending (id, ticket, grp, count, first_at, last_at, first_delivery, last_delivery, due) VALUES",
    9,
    "ON CONFLICT (id) DO UPDATE SET count = repeat_pending.count + excluded.count, last_at = excluded.last_at, last_delivery = excluded.last_delivery",
);
/// Refusals that wait to be told.
pub const REFUSAL_ROWS: Rows = Rows::new(
    "INSERT INTO refusal_pending (person, hour, recorded, beyond) VALUES",
    4,
    "ON CONFLICT (person, hour) DO UPDATE SET recorded = refusal_pending.recorded + excluded.recorded, beyond = refusal_pending.beyond + excluded.beyond",
);
/// What a retry with the same key is answered.
pub const DEDUPE_ROWS: Rows = Rows::new("INSERT INTO dedupe (key, at, outcome) VALUES", 3, "");
/// Sessions.
pub const SESSION_ROWS: Rows = Rows::new("INSERT INTO session (hash, person, id, method, expires_at) VALUES", 5, "");
/// One-time links.
pub const LINK_ROWS: Rows = Rows::new("INSERT INTO sign_in_link (hash, person, expires_at) VALUES", 3, "");

/// Many-key look-ups.
pub const DEDUPES: Lookup = Lookup::new("SELECT key, outcome FROM dedupe WHERE key IN");
/// Tickets by number.
pub const TICKETS_BY_NUMBER: Lookup = Lookup::new(
    "SELECT t.number, t.opened_seq, t.state, l.rev, l.seq, l.updated_at, l.attached, l.firing, l.repeats FROM ticket t JOIN ticket_latest l ON l.number = t.number WHERE t.number IN",
);
/// Sealed values by the positions of their events.
pub const SEALED_BY_EVENT: Lookup = Lookup::new("SELECT seq, name, salt, bytes FROM sealed WHERE seq IN");
/// Alerts by id.
pub const ALERTS_BY_ID: Lookup = Lookup::new("SELECT id, ticket, status, grp, first_seen, last_seen FROM alert WHERE id IN");
/// Groups by id.
pub const GROUPS_BY_ID: Lookup = Lookup::new("SELECT id, record FROM alert_group WHERE id IN");
/// When each of these groups was last repeated, as far as no event tells yet.
pub const REPEATED_BY_GROUP: Lookup = Lookup::new("SELECT grp, last_at FROM repeat_pending WHERE grp IN");

/// Forgets tickets' deadlines before their new ones are written.
pub const FORGET_DEADLINES: Lookup = Lookup::new("DELETE FROM deadline WHERE ticket IN");
/// Takes pending repeats out.
pub const FORGET_REPEATS: Lookup = Lookup::new("DELETE FROM repeat_pending WHERE id IN");

/// Single statements, for the test that prepares each of them.
pub const ALL: &[&str] = &[
    SCHEMA_VERSION,
    TAKE_HEAD,
    SEE_HEAD,
    SEE_SIZE,
    FOUND_HEAD,
    MOVE_HEAD,
    RAISE_HEAD,
    NEW_EPOCH,
    NAME_KEY,
    EVENTS_FROM,
    EVENTS_OF_KIND,
    EVENT_LATEST_OF_KIND,
    LEAVES,
    EVENTS_OF_TICKET,
    EVENT,
    TILE,
    TILE_ROOTS,
    SEALED_OF_EVENT,
    SEALED_FROM,
    SEALED_OF_TICKET,
    TICKET,
    TICKETS,
    TICKETS_OF,
    TICKETS_OF_IN,
    TICKETS_OPEN,
    TICKETS_OPEN_LATEST,
    TICKETS_ENDED,
    TICKETS_LATEST,
    TICKETS_LATEST_IN,
    TICKETS_COUNT,
    TICKETS_COUNTED,
    COUNTERS,
    ALERT,
    DEADLINES_DUE,
    DEADLINE_NEXT,
    PEOPLE,
    ADOPTED,
    PLAYBOOK,
    PLAYBOOKS,
    DELIVERY,
    LAST_HEARD,
    REPEATS_DUE,
    MARK,
    LEFT,
    REFUSALS_BEFORE,
    FORGET_REFUSALS,
    FORGET_DEDUPE,
    SESSION,
    END_SESSION,
    END_SESSIONS_OF,
    FORGET_SESSIONS,
    LINK,
    USE_LINK,
    FORGET_LINKS,
    LINK_CODE,
    LINK_CODE_CLAIMED,
    CLAIM_LINK_CODE,
    FORGET_LINK_CODES_OF,
    UNCLAIM_LINK_CODES,
    FORGET_LINK_CODES,
    WRONG_CODES,
    FORGET_WRONG_CODES,
    HOLD_FORM,
    HELD_FORMS,
    HELD_HANDLES,
    TAKE_HELD_FORM,
    FORGET_HELD_FORMS,
    SEALED_NAMED,
    ACCOUNTS,
    CHECKPOINT_LATEST,
    CHECKPOINT_AT,
    COSIGN_CHECKPOINT,
    SAVE_CHECKPOINT,
    WITNESSED,
    WITNESS_FIRST,
    WITNESS_NEXT,
    QUEUE,
    OUTBOX_DUE,
    OUTBOX_LEASE,
    OUTBOX_NEWER,
    OUTBOX_DONE,
    OUTBOX_LATER,
    OUTBOX_STATE,
    ROOM,
    KEEP_ROOM,
    ROOMS_BEFORE,
    TICKET_AT,
    ANY_ROOM_IN,
    ROOMS_NAMED,
    ROOMS_DUE,
    TROUBLES,
    TROUBLE,
    NO_TROUBLE,
    TICKETS_ALL,
    LATEST_ALL,
    ALERTS_ALL,
    GROUPS_ALL,
    PEOPLE_ALL,
    ACCOUNTS_ALL,
    COUNTERS_ALL,
    DEADLINES_ALL,
    ADOPTED_ALL,
    EVENTS_WHOLE,
    TILE_WHOLE,
    DELIVERIES_AFTER,
    CHECKPOINTS_BETWEEN,
    COUNTS,
];
/// Many-row writes, for the same test.
pub const ALL_ROWS: &[Rows] = &[
    OUTBOX_ROWS,
    EVENT_ROWS,
    TILE_ROWS,
    SEALED_ROWS,
    TICKET_ROWS,
    LATEST_ROWS,
    COUNTER_ROWS,
    ALERT_ROWS,
    GROUP_ROWS,
    DEADLINE_ROWS,
    PERSON_ROWS,
    ACCOUNT_ROWS,
    LINK_CODE_ROWS,
    WRONG_CODE_ROWS,
    ADOPTED_ROWS,
    PLAYBOOK_ROWS,
    DELIVERY_ROWS,
    REPEAT_ROWS,
    REFUSAL_ROWS,
    DEDUPE_ROWS,
    SESSION_ROWS,
    LINK_ROWS,
];
/// Look-ups, for the same test.
pub const ALL_LOOKUPS: &[Lookup] =
    &[DEDUPES, TICKETS_BY_NUMBER, SEALED_BY_EVENT, ALERTS_BY_ID, GROUPS_BY_ID, REPEATED_BY_GROUP, FORGET_DEADLINES, FORGET_REPEATS];
