-- +goose Up

-- The webhook events that the receiver has answered for, once each. Nothing of what they say of customers is kept.
CREATE TABLE events (
    mark        INTEGER PRIMARY KEY AUTOINCREMENT, -- rises in the order in which they came
    id          TEXT    NOT NULL UNIQUE,           -- Dixa's event_id
    type        TEXT    NOT NULL,                  -- Dixa's event_fqn
    csid        INTEGER,                           -- the conversation it names
    at          INTEGER,                           -- when it happened, in Dixa's words
    received_at INTEGER NOT NULL
) STRICT;

-- Which came last, and which are old?
CREATE INDEX events_by_time ON events (received_at);

-- What is known to have changed: first to be fetched, then to be pushed.
CREATE TABLE stale (
    part       TEXT    NOT NULL, -- conversations, messages, activities: to be fetched; registrations: to be pushed
    csid       INTEGER NOT NULL,
    item       TEXT    NOT NULL, -- messages: the message that was added; registrations: sources.id; else empty
    since      INTEGER NOT NULL, -- when the oldest event was received that nothing was fetched for yet
    newest     INTEGER NOT NULL, -- when the newest was
    changed_at INTEGER NOT NULL, -- what is fetched has to be as new as this; 0 where any will do
    mark       INTEGER NOT NULL, -- events.mark of the newest, or more where it is to be pushed
    fetched    INTEGER NOT NULL DEFAULT 0, -- 1 where it came, if not as new as the event perhaps, and is only asked for again
    wait       INTEGER NOT NULL DEFAULT 0, -- the last wait for another try, in milliseconds
    next_at    INTEGER NOT NULL DEFAULT 0, -- not to be tried before; another event is tried at once
    PRIMARY KEY (part, csid, item)
) STRICT;

-- What is to be tried by now, and when is the next?
CREATE INDEX stale_by_next ON stale (part, next_at);

ALTER TABLE cache ADD COLUMN serving INTEGER NOT NULL DEFAULT 0; -- 1 from the start of the receiver to its orderly end
ALTER TABLE cache ADD COLUMN alive_at INTEGER;                   -- when the receiver last said that it is alive
ALTER TABLE cache ADD COLUMN applied_at INTEGER;                 -- when what an event told of was last fetched
ALTER TABLE cache ADD COLUMN pushed_at INTEGER;                  -- when that was last settled with Plecto
ALTER TABLE cache ADD COLUMN refreshed_at INTEGER;               -- when the receiver last caught up with what was never delivered

ALTER TABLE requests ADD COLUMN live INTEGER NOT NULL DEFAULT 0; -- 1 for what events asked for

-- How much does a backfill use beside that?
CREATE INDEX requests_by_lane ON requests (budget, live, at);

ALTER TABLE sources ADD COLUMN marks INTEGER NOT NULL DEFAULT 0; -- rises whenever Plecto's word on registrations is written down

-- +goose Down
SELECT 1;
