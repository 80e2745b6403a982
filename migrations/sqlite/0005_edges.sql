-- Tickets of one kind and one status, the latest opened first, without looking at those of every other status; and how many
-- there are of each. Mirrors migrations/postgres/0005_edges.sql.
CREATE INDEX ticket_by_status ON ticket (kind, status, opened_seq);
