-- Accounts on chat platforms, and how they become somebody's. Mirrors migrations/postgres/0005_accounts.sql.

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
