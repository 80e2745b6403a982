-- Two things. First: what every alert changes is written in few bytes, and apart from what it leaves alone. Second: where
-- tickets stand in chat, and whose accounts speak there. Mirrors migrations/sqlite/0004_alerts_and_chat.sql.

-- An alert's record in columns. The alerts of a ticket are found by its events: an index of its own would be one more
-- page of the disk for each alert.
DROP INDEX alert_of_ticket;
ALTER TABLE alert ADD COLUMN status TEXT;
ALTER TABLE alert ADD COLUMN grp TEXT;
ALTER TABLE alert ADD COLUMN first_seen BIGINT;
ALTER TABLE alert ADD COLUMN last_seen BIGINT;
UPDATE alert SET status = record::json ->> 'status', grp = record::json ->> 'group',
    first_seen = CAST(EXTRACT(EPOCH FROM (record::json ->> 'first_seen')::timestamptz) * 1000000 AS BIGINT),
    last_seen = CAST(EXTRACT(EPOCH FROM (record::json ->> 'last_seen')::timestamptz) * 1000000 AS BIGINT);
ALTER TABLE alert ALTER COLUMN status SET NOT NULL;
ALTER TABLE alert ALTER COLUMN first_seen SET NOT NULL;
ALTER TABLE alert ALTER COLUMN last_seen SET NOT NULL;
ALTER TABLE alert DROP COLUMN record;

-- What each event changes of its ticket. In the state beside it these members stand at their beginning.
CREATE TABLE ticket_latest (
    number      TEXT NOT NULL PRIMARY KEY,
    rev         BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    attached    BIGINT NOT NULL,
    firing      BIGINT NOT NULL,
    repeats     BIGINT NOT NULL
);
INSERT INTO ticket_latest (number, rev, seq, updated_at, attached, firing, repeats)
    SELECT number, rev, (state::json ->> 'seq')::BIGINT,
        CAST(EXTRACT(EPOCH FROM (state::json ->> 'updated_at')::timestamptz) * 1000000 AS BIGINT),
        (state::json -> 'alerts' ->> 'attached')::BIGINT, (state::json -> 'alerts' ->> 'firing')::BIGINT,
        (state::json -> 'alerts' ->> 'repeats')::BIGINT
    FROM ticket;
-- The state keeps the order of its members, which no operator on JSON here does. Inside a text a quote has a backslash
-- before it, so that none of these patterns fits there.
UPDATE ticket SET state =
    regexp_replace(
        regexp_replace(
            regexp_replace(state, ',"rev":\d+,"seq":\d+,"opened_seq":', ',"rev":0,"seq":0,"opened_seq":'),
            ',"updated_at":"[^"]*"', ',"updated_at":"' || (state::json ->> 'opened_at') || '"'),
        ',"alerts":\{"attached":\d+,"firing":\d+,"repeats":\d+\}', ',"alerts":{"attached":0,"firing":0,"repeats":0}');
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
);
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
);

-- A projection, as `person` is.
CREATE TABLE account (
    id      TEXT NOT NULL PRIMARY KEY,
    state   TEXT NOT NULL
);

-- Not rebuilt: codes that wait to be typed, wrong ones by account and hour, forms that wait for their sender.
CREATE TABLE link_code (
    hash        TEXT NOT NULL PRIMARY KEY,
    person      TEXT NOT NULL,
    expires_at  BIGINT NOT NULL,
    claimed_by  TEXT NOT NULL
);

CREATE TABLE wrong_code (
    account TEXT NOT NULL,
    hour    BIGINT NOT NULL,
    wrong   BIGINT NOT NULL,
    PRIMARY KEY (account, hour)
);

CREATE TABLE held_form (
    id      TEXT NOT NULL PRIMARY KEY,
    handle  TEXT NOT NULL,
    held_at BIGINT NOT NULL,
    payload TEXT NOT NULL
);
CREATE INDEX held_form_of_handle ON held_form (handle);
