-- The computed fields of conversations and messages, made from the cache alone: one row for each conversation in
-- computed_conversations, one for each message in computed_messages. The columns have the names of the fields; 1 is
-- yes, 0 is no, and null is no value. The cache stays as it is. With the sqlite3 shell, 3.38 or newer:
--
--   sqlite3 -readonly -box CACHE.db '.read computed.sql' 'SELECT * FROM computed_conversations LIMIT 20'

-- The messages with the direction in which they count: null for automated ones and those with another direction or none.
CREATE TEMP VIEW directed_messages AS
SELECT
    id,
    csid,
    created_at,
    CASE WHEN coalesce(lower(body ->> 'is_automated_message'), 'no') NOT IN ('1', 'true', 'yes')
        THEN CASE lower(body ->> 'direction') WHEN 'inbound' THEN 'in' WHEN 'outbound' THEN 'out' END
    END AS direction
FROM main.records
WHERE kind = 'messages';

-- The stretches of time of which all messages are in the cache, apart from each other: from starts, up to ends.
CREATE TEMP VIEW covered_messages AS
WITH done AS (
    SELECT starts, covers, max(covers) OVER (ORDER BY starts, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before, id
    FROM main.windows
    WHERE kind = 'messages' AND covers > starts
),
islands AS (
    SELECT starts, covers, sum(before IS NULL OR before < starts) OVER (ORDER BY starts, id ROWS UNBOUNDED PRECEDING) AS island
    FROM done
)
SELECT
    min(starts) AS starts,
    -- Messages and conversations are not asked for at one moment: a last stretch that is kept up to the present counts
    -- five minutes further.
    max(covers) + iif(island = (SELECT max(island) FROM islands)
        AND (SELECT until FROM main.synced WHERE kind = 'messages') <= max(covers), 5 * 60 * 1000, 0) AS ends
FROM islands
GROUP BY island;

-- Conversations of which messages may be missing: no stretch reaches from their creation to their last message.
CREATE TEMP VIEW half_conversations AS
SELECT csid
FROM main.records AS c
WHERE kind = 'conversations' AND NOT EXISTS (
    SELECT 1 FROM covered_messages AS s
    WHERE s.starts <= c.created_at AND c.created_at < s.ends AND coalesce(c.body ->> 'last_message_created_at' + 0, 0) < s.ends
);

-- Conversations that the team began, as Dixa has it.
CREATE TEMP VIEW outbound_conversations AS
SELECT csid FROM main.records WHERE kind = 'conversations' AND lower(body ->> 'direction') = 'outbound';

CREATE TEMP VIEW computed_messages AS
WITH times AS (
    SELECT
        id,
        csid,
        created_at,
        direction,
        -- Of two at the same moment the question comes before the answer.
        max(created_at) FILTER (WHERE direction = 'in')  OVER (conversation ORDER BY created_at RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS last_in,
        max(created_at) FILTER (WHERE direction = 'out') OVER (conversation ORDER BY created_at RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS last_out,
        min(created_at) FILTER (WHERE direction = 'in')  OVER conversation AS first_in,
        min(created_at) FILTER (WHERE direction = 'out') OVER conversation AS first_out,
        row_number() OVER (PARTITION BY coalesce(csid, id), direction ORDER BY created_at, id) AS number
    FROM directed_messages
    WINDOW conversation AS (PARTITION BY coalesce(csid, id)) -- one that names no conversation stands alone
),
timed AS (
    SELECT
        *,
        CASE direction WHEN 'in' THEN last_out WHEN 'out' THEN last_in END AS previous,
        coalesce(csid IN (SELECT csid FROM half_conversations), 0)         AS half
    FROM times
)
SELECT
    id,
    -- Of half a conversation, another message may have been between them.
    iif(NOT half OR EXISTS (SELECT 1 FROM covered_messages AS s WHERE s.starts <= previous AND created_at < s.ends),
        created_at - previous, NULL) / 1000 AS since_previous_seconds,
    -- Where something went out before anything came in, the team began, whatever Dixa has.
    iif(half, NULL, coalesce(direction = 'out' AND number = 1 AND first_out >= first_in, 0)
        AND NOT EXISTS (SELECT 1 FROM outbound_conversations AS o WHERE o.csid = timed.csid)) AS first_reply
FROM timed;

-- What a conversation's messages come to.
CREATE TEMP VIEW counted_messages AS
SELECT
    csid,
    count(*) FILTER (WHERE direction = 'in')          AS messages_in,
    count(*) FILTER (WHERE direction = 'out')         AS messages_out,
    min(created_at) FILTER (WHERE direction = 'in')   AS first_in,
    min(created_at) FILTER (WHERE direction = 'out')  AS first_out
FROM directed_messages
WHERE csid IS NOT NULL
GROUP BY csid;

-- The newest rating of the scale from 1 to 5.
CREATE TEMP VIEW csat AS
WITH ratings AS (
    SELECT
        r.id,
        each.key AS position,
        each.value ->> 'rating_score' AS score,
        coalesce(
            nullif(each.value ->> 'rating_rated_timestamp' + 0, 0),
            max(coalesce(each.value ->> 'rating_modified_timestamp' + 0, 0), coalesce(each.value ->> 'rating_created_timestamp' + 0, 0))
        ) AS at
    FROM main.records AS r, json_each(r.body, '$.ratings') AS each
    WHERE r.kind = 'conversations'
      AND json_type(r.body, '$.ratings') = 'array'
      AND each.type = 'object'
      AND lower(each.value ->> 'rating_type') IN ('csat', 'stars')
      AND coalesce(lower(each.value ->> 'rating_status'), '') IN ('rated', '')
      AND CAST(each.value ->> 'rating_score' AS REAL) BETWEEN 1 AND 5
)
SELECT id, score + 0 AS score
FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER BY at DESC, position DESC) AS newest FROM ratings)
WHERE newest = 1;

CREATE TEMP VIEW computed_conversations AS
WITH told AS (
    SELECT
        id,
        csid,
        nullif(lower(body ->> 'status'), '') = 'closed'       AS closed,
        nullif(body ->> 'created_at' + 0, 0)                  AS created_at,
        nullif(body ->> 'queued_at' + 0, 0)                   AS queued_at,
        nullif(body ->> 'assigned_at' + 0, 0)                 AS assigned_at,
        nullif(body ->> 'closed_at' + 0, 0)                   AS closed_at,
        csid IN (SELECT csid FROM half_conversations)         AS half,
        -- Where it has messages and the cache has none, how many there are is not known.
        nullif(body ->> 'last_message_created_at' + 0, 0) IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM main.records AS m WHERE m.kind = 'messages' AND m.csid = c.csid) AS none,
        EXISTS (
            SELECT 1 FROM main.records AS a
            WHERE a.kind = 'activities' AND a.csid = c.csid
              AND lower(coalesce(nullif(a.body ->> '_type', ''), a.body ->> 'activityType')) = 'conversationreopened'
        ) AS reopening
    FROM main.records AS c
    WHERE kind = 'conversations'
),
counted AS (
    SELECT
        t.*,
        iif(t.half OR t.none, NULL, coalesce(n.messages_in, 0))  AS messages_in,
        iif(t.half OR t.none, NULL, coalesce(n.messages_out, 0)) AS messages_out,
        iif(NOT t.half AND n.first_out >= n.first_in AND NOT EXISTS (SELECT 1 FROM outbound_conversations AS o WHERE o.csid = t.csid), n.first_out - n.first_in, NULL) AS first_response
    FROM told AS t
    LEFT JOIN counted_messages AS n ON n.csid = t.csid
)
SELECT
    c.id,
    c.first_response / 1000                                                                    AS first_response_seconds,
    iif(c.assigned_at >= c.created_at, CAST(c.assigned_at - c.created_at AS INTEGER) / 1000, NULL) AS assignment_seconds,
    iif(c.assigned_at >= c.queued_at, CAST(c.assigned_at - c.queued_at AS INTEGER) / 1000, NULL)   AS queue_seconds,
    iif(c.closed AND c.closed_at >= c.created_at, CAST(c.closed_at - c.created_at AS INTEGER) / 1000, NULL) AS close_seconds,
    c.messages_in,
    c.messages_out,
    iif(c.closed, c.messages_out = 1, NULL)                                                    AS one_touch,
    c.reopening OR coalesce(NOT c.closed AND c.closed_at IS NOT NULL, 0)                       AS reopened,
    c.closed,
    csat.score                                                                                 AS csat_score,
    csat.score >= 4                                                                            AS satisfied
FROM counted AS c
LEFT JOIN csat ON csat.id = c.id;
