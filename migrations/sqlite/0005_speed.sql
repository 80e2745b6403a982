-- What every alert changes is written in few bytes, and apart from what it leaves alone.
-- Mirrors migrations/postgres/0005_speed.sql.

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
