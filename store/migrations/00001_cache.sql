-- +goose Up

-- What belongs to the whole file, in one row.
CREATE TABLE cache (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    connection TEXT    NOT NULL, -- the connection's UUID, 32 hex digits
    revision   INTEGER NOT NULL  -- the newest revision given to a record
) STRICT;

-- A random UUID of version 4.
INSERT INTO cache (id, connection, revision)
VALUES (1, lower(hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2) || 'a' || substr(hex(randomblob(2)), 2) || hex(randomblob(6))), 0);

-- One conversation or message exactly as Dixa exported it. Times are Unix milliseconds.
CREATE TABLE records (
    kind       TEXT    NOT NULL, -- conversations, messages
    id         TEXT    NOT NULL, -- Dixa's id: a number for conversations, a UUID for messages
    csid       INTEGER,          -- the conversation it belongs to
    created_at INTEGER NOT NULL,
    updated_at INTEGER,          -- messages have none
    request    INTEGER NOT NULL, -- requests.id of the answer this body came with
    hash       INTEGER NOT NULL, -- xxHash64 of body
    revision   INTEGER NOT NULL, -- rises with every change of any record
    body       TEXT    NOT NULL,
    PRIMARY KEY (id, kind)
) STRICT;

-- Which records changed since?
CREATE INDEX records_by_revision ON records (kind, revision);

-- What was created when?
CREATE INDEX records_by_time ON records (kind, created_at);

-- A record that could not be taken over, with the reason; kept until it comes back whole.
CREATE TABLE aside (
    kind    TEXT    NOT NULL,
    hash    INTEGER NOT NULL, -- xxHash64 of body
    id      TEXT,             -- where one could be read
    request INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    body    BLOB    NOT NULL, -- not always UTF-8
    PRIMARY KEY (kind, hash)
) STRICT;

-- Is this record, which came whole, still set aside?
CREATE INDEX aside_by_id ON aside (kind, id) WHERE id IS NOT NULL;

-- One command's range with all its kinds.
CREATE TABLE runs (
    id          INTEGER PRIMARY KEY,
    command     TEXT    NOT NULL, -- import, sync
    kinds       TEXT    NOT NULL, -- comma separated, in order
    starts      INTEGER NOT NULL, -- first instant of the range
    ends        INTEGER NOT NULL, -- first instant after it
    open        INTEGER NOT NULL, -- 1 where the range was asked for up to now
    began_at    INTEGER NOT NULL,
    finished_at INTEGER,
    replaced_at INTEGER           -- given up for a newer run
) STRICT;

-- The spans a run asks for, one request each. Done only together with the last record of its answer.
CREATE TABLE windows (
    id      INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL REFERENCES runs (id),
    kind    TEXT    NOT NULL,
    by      TEXT    NOT NULL, -- the time Dixa filters on: created, updated
    starts  INTEGER NOT NULL,
    ends    INTEGER NOT NULL,
    done_at INTEGER,
    covers  INTEGER           -- whole up to here: ends, or when the request began if that was earlier
) STRICT;

-- What is left of a run?
CREATE INDEX windows_by_run ON windows (run);

-- Up to where sync has asked for each kind.
CREATE TABLE synced (
    kind  TEXT    PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT;

-- Plecto data sources fed from here.
CREATE TABLE sources (
    id       INTEGER PRIMARY KEY,
    name     TEXT    NOT NULL UNIQUE,
    kind     TEXT    NOT NULL,
    uuid     TEXT    NOT NULL UNIQUE,            -- Plecto's, 32 hex digits
    title    TEXT    NOT NULL,
    fields   TEXT    CHECK (json_valid(fields)), -- JSON array of the fields that Plecto shows; null where it shows none
    place    INTEGER NOT NULL,                   -- every record up to this revision has been settled
    mapping  TEXT    NOT NULL,                   -- fingerprint of the mapping that place was reached with
    accepted INTEGER NOT NULL                    -- registrations Plecto has ever accepted under that mapping
) STRICT;

-- What Plecto last said of a record's registration.
CREATE TABLE registrations (
    source    INTEGER NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    record    TEXT    NOT NULL, -- records.id
    hash      INTEGER,          -- xxHash64 of the registration last accepted
    sent_at   INTEGER,
    rejection TEXT,             -- Plecto's words; null unless rejected
    rejected  INTEGER,          -- xxHash64 of the registration refused
    PRIMARY KEY (source, record)
) STRICT;

-- Which registrations does Plecto refuse?
CREATE INDEX registrations_rejected ON registrations (source, record) WHERE rejection IS NOT NULL;

-- The people of the Dixa organisation, for messages, which name their author by e-mail only.
CREATE TABLE agents (
    id     TEXT PRIMARY KEY,
    name   TEXT NOT NULL,
    emails TEXT NOT NULL CHECK (json_valid(emails)) -- JSON array, lower case
) STRICT;

-- Every request that a budget counts. Ids are never used twice: a higher one was sent later.
CREATE TABLE requests (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    budget TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

-- How many requests of a budget still count?
CREATE INDEX requests_by_budget ON requests (budget, at);

-- Budgets that a service has told to wait.
CREATE TABLE holds (
    budget TEXT PRIMARY KEY,
    until  INTEGER NOT NULL
) STRICT;

-- +goose Down
-- A cache is not taken back: an older program refuses it in words.
SELECT 1;
