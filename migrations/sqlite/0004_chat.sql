-- Where tickets stand in chat, and what does not work there. Mirrors migrations/postgres/0004_chat.sql.
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
