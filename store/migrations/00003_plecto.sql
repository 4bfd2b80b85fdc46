-- +goose Up

-- What else belongs to a conversation? Also serves its own record, which has its id as csid.
CREATE INDEX records_by_conversation ON records (csid, kind);

-- What is covered of a kind?
CREATE INDEX windows_by_kind ON windows (kind, starts);

ALTER TABLE sources ADD COLUMN chosen TEXT CHECK (json_valid(chosen)); -- JSON array of the keys of its fields; null for the kind's usual ones
ALTER TABLE sources ADD COLUMN as_text TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(as_text)); -- JSON array of the keys that Plecto has as text alone
ALTER TABLE sources ADD COLUMN date_field TEXT NOT NULL DEFAULT ''; -- key of the time that is the registration's date; empty for that of creation
ALTER TABLE sources ADD COLUMN member TEXT NOT NULL DEFAULT '';     -- assignee, author, none; empty for the kind's usual one
ALTER TABLE sources ADD COLUMN account TEXT NOT NULL DEFAULT '';    -- fingerprint of the Plecto account it was last known in

ALTER TABLE registrations ADD COLUMN row TEXT; -- the registration last accepted, as it was sent; null where it was erased or not kept

-- People whom Plecto has been told of, with the e-mail that it merges people by.
CREATE TABLE members (
    account TEXT NOT NULL, -- fingerprint of the Plecto account
    id      TEXT NOT NULL, -- agents.id
    told_at INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT;

-- Conversations whose content is erased, with that of all that belongs to them, for good.
CREATE TABLE erased (
    csid        INTEGER PRIMARY KEY,
    asked_at    INTEGER NOT NULL,
    scrubbed_at INTEGER, -- when nothing that belongs to it had content any more
    requester   TEXT     -- erased_requesters.digest where it was erased as one of a customer's
) STRICT;

-- What of all that has content still?
CREATE INDEX erased_waiting ON erased (csid) WHERE scrubbed_at IS NULL;

-- Those that Dixa had anonymized before this program knew of it.
INSERT INTO erased (csid, asked_at)
SELECT csid, unixepoch() * 1000 FROM records
WHERE kind = 'conversations' AND csid IS NOT NULL AND json_valid(body) AND json_type(body, '$.anonymized_at') = 'integer' AND body ->> 'anonymized_at' > 0;

-- Customers whose conversations from before that moment are erased as they come. Their e-mails are not kept.
CREATE TABLE erased_requesters (
    digest   TEXT    PRIMARY KEY, -- HMAC-SHA256 of the e-mail under cache.salt
    asked_at INTEGER NOT NULL
) STRICT;

ALTER TABLE cache ADD COLUMN salt TEXT NOT NULL DEFAULT '';
UPDATE cache SET salt = lower(hex(randomblob(32)));

-- What is erased from the tables may still be in free pages and in the log, until the file is wiped.
ALTER TABLE cache ADD COLUMN removals INTEGER NOT NULL DEFAULT 0; -- rises with what is erased
ALTER TABLE cache ADD COLUMN wiped INTEGER NOT NULL DEFAULT 0;    -- removals as they were before the file was last wiped
ALTER TABLE cache ADD COLUMN wiped_at INTEGER;

-- What a verification has seen so far, so that it can go on.
CREATE TABLE verifications (
    id       INTEGER PRIMARY KEY,
    subject  TEXT    NOT NULL, -- what is compared: a source's id with what it sends, or a kind
    starts   INTEGER NOT NULL, -- first instant of the range; 0 where it has no bound
    ends     INTEGER NOT NULL, -- first instant after it; 0 where it has no bound
    began_at INTEGER NOT NULL,
    place    TEXT    NOT NULL, -- where to go on
    seen_at  INTEGER           -- when the other side had been read whole
) STRICT;

-- The ids that the other side has.
CREATE TABLE seen (
    verification INTEGER NOT NULL REFERENCES verifications (id) ON DELETE CASCADE,
    id           TEXT    NOT NULL, -- external id
    date         INTEGER NOT NULL,
    why          TEXT    NOT NULL, -- the difference; empty where there is none
    PRIMARY KEY (verification, id)
) STRICT;

-- One row per entry of the activity log. Times are UTC.
CREATE VIEW activities AS
SELECT
    id,
    csid                                                                    AS conversation,
    strftime('%Y-%m-%d %H:%M:%f', created_at / 1000.0, 'unixepoch')         AS created_at,
    coalesce(body ->> '_type', body ->> 'activityType')                     AS activity,
    body -> 'author' ->> 'id'                                               AS author_id,
    body -> 'author' ->> 'name'                                             AS author, -- an agent or a customer
    body -> 'attributes'                                                    AS attributes, -- JSON, other members for each activity
    revision,
    body
FROM records
WHERE kind = 'activities';

-- +goose Down
SELECT 1;
