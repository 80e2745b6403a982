-- Refusals per person and hour that no event counts yet: how many have an event of their own, and how many beyond those.
-- Mirrors migrations/sqlite/0002_refusals.sql. Told and taken out once the hour has passed.
CREATE TABLE refusal_pending (
    person      TEXT NOT NULL,
    hour        BIGINT NOT NULL,
    recorded    BIGINT NOT NULL,
    beyond      BIGINT NOT NULL,
    PRIMARY KEY (person, hour)
);
