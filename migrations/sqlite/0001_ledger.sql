-- The ledger and what is derived from it. Mirrors migrations/postgres/0001_ledger.sql.
-- Keys are positions, not hashes: rows of one commit stand side by side on disk.

CREATE TABLE ledger_head (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    size        BIGINT NOT NULL,
    frontier    BLOB NOT NULL,
    last_at     BIGINT NOT NULL,
    schema      BIGINT NOT NULL,
    deliveries  BIGINT NOT NULL,
    origin      TEXT NOT NULL,
    demo        BIGINT NOT NULL,
    vkey        TEXT NOT NULL,
    -- Keys the digests of what alerts are grouped by, so that the log alone does not let anybody guess it.
    secret      BLOB NOT NULL
);

CREATE TABLE event (
    seq     INTEGER NOT NULL PRIMARY KEY,
    kind    TEXT NOT NULL,
    ticket  TEXT,
    rev     BIGINT,
    leaf    BLOB NOT NULL,
    bytes   BLOB NOT NULL
);
CREATE UNIQUE INDEX event_of_ticket ON event (ticket, rev) WHERE ticket IS NOT NULL;

-- Full tiles only; partial ones are read off the rows below them.
CREATE TABLE tile (
    level   BIGINT NOT NULL,
    n       BIGINT NOT NULL,
    root    BLOB NOT NULL,
    hashes  BLOB NOT NULL,
    PRIMARY KEY (level, n)
) WITHOUT ROWID;

CREATE TABLE sealed (
    seq     BIGINT NOT NULL,
    name    TEXT NOT NULL,
    salt    BLOB NOT NULL,
    bytes   BLOB NOT NULL,
    PRIMARY KEY (seq, name)
) WITHOUT ROWID;

CREATE TABLE checkpoint (
    size    INTEGER NOT NULL PRIMARY KEY,
    note    TEXT NOT NULL
);

-- Projections: rebuilt from the events by `verify --database`, and equal to them.
CREATE TABLE ticket (
    number      TEXT NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL,
    status      TEXT NOT NULL,
    ended       BIGINT NOT NULL,
    opened_seq  BIGINT NOT NULL,
    rev         BIGINT NOT NULL,
    state       TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX ticket_by_opening ON ticket (kind, opened_seq);
CREATE INDEX ticket_open ON ticket (ended, opened_seq);

CREATE TABLE counter (
    prefix  TEXT NOT NULL PRIMARY KEY,
    last    BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE alert (
    id          TEXT NOT NULL PRIMARY KEY,
    ticket      TEXT,
    record      TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX alert_of_ticket ON alert (ticket);

CREATE TABLE alert_group (
    id          TEXT NOT NULL PRIMARY KEY,
    record      TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE deadline (
    ticket  TEXT NOT NULL,
    id      TEXT NOT NULL,
    due     BIGINT NOT NULL,
    PRIMARY KEY (ticket, id)
) WITHOUT ROWID;
CREATE INDEX deadline_due ON deadline (due);

CREATE TABLE person (
    id      TEXT NOT NULL PRIMARY KEY,
    state   TEXT NOT NULL
) WITHOUT ROWID;

-- Every adoption, by the position of its event; the latest counts.
CREATE TABLE adopted (
    seq     BIGINT NOT NULL,
    path    TEXT NOT NULL,
    digest  TEXT NOT NULL,
    PRIMARY KEY (seq, path)
) WITHOUT ROWID;

-- What the events speak of but do not hold.
CREATE TABLE playbook (
    digest  TEXT NOT NULL PRIMARY KEY,
    path    TEXT NOT NULL,
    bytes   BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE delivery (
    id          INTEGER NOT NULL PRIMARY KEY,
    source      TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    alerts      TEXT NOT NULL
);

CREATE INDEX delivery_of_source ON delivery (source, id);

-- Repeats that no event counts yet.
CREATE TABLE repeat_pending (
    id              TEXT NOT NULL PRIMARY KEY,
    ticket          TEXT,
    grp             TEXT NOT NULL,
    count           BIGINT NOT NULL,
    first_at        BIGINT NOT NULL,
    last_at         BIGINT NOT NULL,
    first_delivery  BIGINT NOT NULL,
    last_delivery   BIGINT NOT NULL,
    due             BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE dedupe (
    key     TEXT NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    outcome TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX dedupe_age ON dedupe (at);

CREATE INDEX repeat_of_group ON repeat_pending (grp);
CREATE INDEX repeat_due ON repeat_pending (due);

-- Not rebuilt: sessions, one-time links, outbox, what we know as somebody's witness.
CREATE TABLE session (
    hash        TEXT NOT NULL PRIMARY KEY,
    person      TEXT NOT NULL,
    id          TEXT NOT NULL,
    method      TEXT NOT NULL,
    expires_at  BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE sign_in_link (
    hash        TEXT NOT NULL PRIMARY KEY,
    person      TEXT NOT NULL,
    expires_at  BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE outbox (
    channel     TEXT NOT NULL,
    id          BIGINT NOT NULL,
    queued_at   BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    not_before  BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    payload     TEXT NOT NULL,
    PRIMARY KEY (channel, id)
) WITHOUT ROWID;

CREATE TABLE witnessed (
    origin  TEXT NOT NULL PRIMARY KEY,
    size    BIGINT NOT NULL,
    root    BLOB NOT NULL
) WITHOUT ROWID;

-- What is in the log stays in the log.
CREATE TRIGGER event_is_append_only_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER event_is_append_only_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER tile_is_append_only_update BEFORE UPDATE ON tile BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER tile_is_append_only_delete BEFORE DELETE ON tile BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER sealed_is_never_changed BEFORE UPDATE ON sealed BEGIN SELECT RAISE(ABORT, 'a sealed value is never changed'); END;
CREATE TRIGGER playbook_is_never_changed BEFORE UPDATE ON playbook BEGIN SELECT RAISE(ABORT, 'an adopted playbook is never changed'); END;
CREATE TRIGGER playbook_is_never_deleted BEFORE DELETE ON playbook BEGIN SELECT RAISE(ABORT, 'an adopted playbook is never deleted'); END;
CREATE TRIGGER delivery_is_append_only_update BEFORE UPDATE ON delivery BEGIN SELECT RAISE(ABORT, 'deliveries are append-only'); END;
CREATE TRIGGER delivery_is_append_only_delete BEFORE DELETE ON delivery BEGIN SELECT RAISE(ABORT, 'deliveries are append-only'); END;
CREATE TRIGGER adopted_is_append_only_update BEFORE UPDATE ON adopted BEGIN SELECT RAISE(ABORT, 'adoptions are append-only'); END;
CREATE TRIGGER adopted_is_append_only_delete BEFORE DELETE ON adopted BEGIN SELECT RAISE(ABORT, 'adoptions are append-only'); END;
