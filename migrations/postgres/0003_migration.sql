-- The newest migration, in the head itself: whoever takes the head knows at once whether a newer program has taken over.
-- Mirrors migrations/sqlite/0003_migration.sql.
ALTER TABLE ledger_head ADD COLUMN migration BIGINT NOT NULL DEFAULT 0;
