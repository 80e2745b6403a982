-- Two things. First: what every alert changes is written in few bytes, and apart from what it leaves alone. Second: where
-- tickets stand in chat, and whose accounts speak there. Mirrors migrations/postgres/0004_alerts_and_chat.sql.

-- An alert's record in columns. The alerts of a ticket are found by its events: an index of its own would be one more
-- page of the disk for each alert.
DROP INDEX alert_of_ticket;
ALTER TABLE alert RENAME TO alert_before;
CREATE TABLE alert (
    id          TEXT NOT NULL PRIMARY KEY,
    ticket      TEXT,
    status      TEXT NOT NULL,
    grp         TEXT,
    first_seen  BIGINT NOT NULL,
    last_seen   BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO alert (id, ticket, status, grp, first_seen, last_seen)
    SELECT id, ticket, json_extract(record, '$.status'), json_extract(record, '$.group'),
        CAST(strftime('%s', substr(json_extract(record, '$.first_seen'), 1, 19)) AS INTEGER) * 1000000
            + CAST(substr(json_extract(record, '$.first_seen'), 21, 6) AS INTEGER),
        CAST(strftime('%s', substr(json_extract(record, '$.last_seen'), 1, 19)) AS INTEGER) * 1000000
            + CAST(substr(json_extract(record, '$.last_seen'), 21, 6) AS INTEGER)
    FROM alert_before ORDER BY id;
DROP TABLE alert_before;

-- What each event changes of its ticket. In the state beside it these members stand at their beginning.
CREATE TABLE ticket_latest (
    number      TEXT NOT NULL PRIMARY KEY,
    rev         BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    attached    BIGINT NOT NULL,
    firing      BIGINT NOT NULL,
    repeats     BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO ticket_latest (number, rev, seq, updated_at, attached, firing, repeats)
    SELECT number, rev, json_extract(state, '$.seq'),
        CAST(strftime('%s', substr(json_extract(state, '$.updated_at'), 1, 19)) AS INTEGER) * 1000000
            + CAST(substr(json_extract(state, '$.updated_at'), 21, 6) AS INTEGER),
        json_extract(state, '$.alerts.attached'), json_extract(state, '$.alerts.firing'), json_extract(state, '$.alerts.repeats')
    FROM ticket ORDER BY number;
UPDATE ticket SET state = json_set(state, '$.rev', 0, '$.seq', 0, '$.updated_at', json_extract(state, '$.opened_at'),
    '$.alerts.attached', 0, '$.alerts.firing', 0, '$.alerts.repeats', 0);
ALTER TABLE ticket DROP COLUMN rev;

-- Where tickets stand in chat, and what does not work there.
-- Not rebuilt: it is what was sent, as far as we know. What people did stands in the events.

CREATE TABLE chat_room (
    platform    TEXT NOT NULL,
    -- Empty for the channel that tickets have threads in.
    ticket      TEXT NOT NULL,
    -- Position of the ticket's opening, as in the outbox.
    opened      BIGINT NOT NULL,
    -- 1 until its first message stands in the channel that it shares with others: they come in the order of their opening.
    waits       BIGINT NOT NULL,
    channel     TEXT NOT NULL,
    thread      TEXT NOT NULL,
    state       TEXT NOT NULL,
    -- Whose turn wrote it: a turn that ran out writes nothing over a later one.
    turn        BIGINT NOT NULL,
    -- When something is to be done there without anything having happened; 0 for never.
    due         BIGINT NOT NULL,
    PRIMARY KEY (platform, ticket)
) WITHOUT ROWID;
CREATE INDEX chat_room_place ON chat_room (platform, channel, thread);
CREATE INDEX chat_room_opened ON chat_room (platform, opened);
CREATE INDEX chat_room_due ON chat_room (platform, due) WHERE due > 0;

CREATE TABLE chat_trouble (
    platform    TEXT NOT NULL,
    -- A ticket, or empty for the platform as a whole.
    subject     TEXT NOT NULL,
    since       BIGINT NOT NULL,
    words       TEXT NOT NULL,
    PRIMARY KEY (platform, subject)
) WITHOUT ROWID;

-- A projection, as `person` is.
CREATE TABLE account (
    id      TEXT NOT NULL PRIMARY KEY,
    state   TEXT NOT NULL
) WITHOUT ROWID;

-- Not rebuilt: codes that wait to be typed, wrong ones by account and hour, forms that wait for their sender.
CREATE TABLE link_code (
    hash        TEXT NOT NULL PRIMARY KEY,
    person      TEXT NOT NULL,
    expires_at  BIGINT NOT NULL,
    claimed_by  TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE wrong_code (
    account TEXT NOT NULL,
    hour    BIGINT NOT NULL,
    wrong   BIGINT NOT NULL,
    PRIMARY KEY (account, hour)
) WITHOUT ROWID;

CREATE TABLE held_form (
    id      TEXT NOT NULL PRIMARY KEY,
    handle  TEXT NOT NULL,
    held_at BIGINT NOT NULL,
    payload TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX held_form_of_handle ON held_form (handle);
