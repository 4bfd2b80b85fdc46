-- +goose Up

-- For people with a SQL prompt. Times are UTC; a column is null where Dixa gave nothing.

-- One row per conversation.
CREATE VIEW conversations AS
SELECT
    CAST(id AS INTEGER)                                                                          AS id,
    strftime('%Y-%m-%d %H:%M:%f', created_at / 1000.0, 'unixepoch')                              AS created_at,
    strftime('%Y-%m-%d %H:%M:%f', updated_at / 1000.0, 'unixepoch')                              AS updated_at,
    strftime('%Y-%m-%d %H:%M:%f', nullif(body ->> 'queued_at' + 0, 0) / 1000.0, 'unixepoch')     AS queued_at,
    strftime('%Y-%m-%d %H:%M:%f', nullif(body ->> 'assigned_at' + 0, 0) / 1000.0, 'unixepoch')   AS assigned_at,
    strftime('%Y-%m-%d %H:%M:%f', nullif(body ->> 'closed_at' + 0, 0) / 1000.0, 'unixepoch')     AS closed_at, -- of the last close, also after a reopening
    strftime('%Y-%m-%d %H:%M:%f', nullif(body ->> 'anonymized_at' + 0, 0) / 1000.0, 'unixepoch') AS anonymized_at,
    body ->> 'status'            AS status,
    body ->> 'direction'         AS direction,
    body ->> 'initial_channel'   AS channel,
    body ->> 'queue_name'        AS queue,
    body ->> 'assignee_id'       AS assignee_id,
    body ->> 'assignee_name'     AS assignee,
    body ->> 'requester_id'      AS requester_id,
    body ->> 'subject'           AS subject,
    body ->> 'total_duration'    AS total_duration,    -- Dixa does not document the unit
    body ->> 'handling_duration' AS handling_duration, -- Dixa does not document the unit
    body ->> 'rating_score'      AS rating_score,
    body ->> 'tags'              AS tags,              -- JSON array of names
    revision,
    body
FROM records
WHERE kind = 'conversations';

-- One row per message.
CREATE VIEW messages AS
SELECT
    id,
    csid                                                            AS conversation,
    strftime('%Y-%m-%d %H:%M:%f', created_at / 1000.0, 'unixepoch') AS created_at,
    body ->> 'direction'            AS direction,
    body ->> 'initial_channel'      AS channel,
    body ->> 'author_name'          AS author,
    body ->> 'author_email'         AS author_email,
    body ->> 'is_automated_message' AS automated,         -- 1 or 0
    body ->> 'duration'             AS duration,          -- of a call or voicemail; Dixa does not document the unit
    body ->> 'text'                 AS text,
    revision,
    body
FROM records
WHERE kind = 'messages';

-- +goose Down
SELECT 1;
