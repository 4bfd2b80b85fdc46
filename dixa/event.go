package dixa

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// An Event is what a webhook tells: that something happened, and to which conversation. Dixa delivers events in no
// order, and some twice. https://docs.dixa.io/docs/webhooks/webhooks-guide
type Event struct {
	ID string // the same however often it is delivered; never empty
	// Type is the event's name in upper case with underscores, as it came; it may be one that EventNames does not list.
	// Empty where there is none that can be read.
	Type string
	At   time.Time // when it happened; zero where unknown
	CSID int64     // the conversation; 0 where the event names none
	// MessageID and MessageAt are of the message that the event is about, and when it was created; MessageID is empty for
	// other events, MessageAt zero where unknown.
	MessageID string
	MessageAt time.Time
}

// ErrNoEvent: what came is not an event.
var ErrNoEvent = errors.New("not an event")

// maxName is the most bytes that an event's id, type and message may have; all are some forty at most in Dixa's samples.
const maxName = 200

// ParseEvent reads the body of a webhook. Dixa documents the envelope, and the data of some events alone: whatever is
// missing or of another form is left empty. Without an id nothing tells an event from its repetition, so that one is
// an [ErrNoEvent]. https://docs.dixa.io/docs/webhooks/webhooks-payloads
func ParseEvent(body []byte) (Event, error) {
	body = bytes.Trim(body, " \t\r\n")
	valid := jsontext.Value(body).IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if !valid || body[0] != '{' {
		return Event{}, fmt.Errorf("dixa: %w: not a JSON object", ErrNoEvent)
	}
	var e Event
	for name, value := range members(body) {
		switch string(name) {
		case `"event_id"`:
			e.ID = short(value)
		case `"event_fqn"`:
			e.Type = short(value)
		case `"event_timestamp"`:
			e.At = instant(value)
		case `"data"`:
			e.lift(value)
		}
	}
	if e.ID == "" {
		return Event{}, fmt.Errorf("dixa: %w: no event_id of 1 to %d bytes", ErrNoEvent, maxName)
	}
	return e, nil
}

// lift takes from an event's data what it is about.
func (e *Event) lift(data jsontext.Value) {
	e.CSID, e.MessageID, e.MessageAt = 0, "", time.Time{}
	if data.Kind() != '{' {
		return
	}
	var created time.Time
	for name, value := range members(data) {
		switch string(name) {
		case `"conversation"`:
			e.CSID = csid(value)
		case `"message_id"`:
			e.MessageID = short(value)
		case `"created_at"`:
			created = instant(value)
		}
	}
	if e.MessageID != "" {
		e.MessageAt = created // of a note it would be the note's
	}
}

// csid returns the number of a conversation; 0 where it has none.
func csid(conversation jsontext.Value) (number int64) {
	if conversation.Kind() != '{' {
		return 0
	}
	for name, value := range members(conversation) {
		if string(name) == `"csid"` {
			number, _ = integer(value)
		}
	}
	return max(number, 0)
}

// short returns a string, or a number as text; nothing where it is neither, or too long to be a name.
func short(v jsontext.Value) string {
	s, err := text(v)
	if err != nil || len(s) > maxName {
		return ""
	}
	return s
}

// instant returns a time that is written in RFC 3339 or in Unix milliseconds, in UTC; zero where it is neither.
func instant(v jsontext.Value) time.Time {
	ms, err := timestamp(v)
	if err != nil {
		ms, err = moment(v)
	}
	if err != nil || ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// EventNames returns the names of all events that a webhook can be subscribed to, as the Dixa API spells them.
// https://docs.dixa.io/openapi/dixa-api/v1/webhooks/postwebhooks
func EventNames() []string {
	return []string{
		"ConversationCreated", "ConversationOpen", "ConversationPending", "ConversationPendingExpired", "ConversationClosed",
		"ConversationAbandoned", "ConversationEnqueued", "ConversationAssigned", "ConversationUnassigned",
		"ConversationTransferred", "ConversationNoteAdded", "ConversationMessageAdded",
		"ConversationMessageDeliverySent", "ConversationMessageDeliveryDelivered", "ConversationMessageDeliverySeen",
		"ConversationMessageDeliveryInfo", "ConversationMessageDeliveryFailed", "ConversationMessageDeliverySpamComplaint",
		"ConversationTagAdded", "ConversationTagRemoved", "ConversationRated", "ConversationCustomAttributeUpdated",
		"ConversationEndUserReplaced", "AgentBannedEnduser", "AgentUnbannedEnduser", "AgentBannedIp", "AgentUnbannedIp",
		"TypingStarted", "SLAEvaluationPending", "SLAEvaluationBreached", "SLAEvaluationAchieved", "SLAEvaluationVoided",
	}
}

// EventName returns the name that the Dixa API has for an event, given in either spelling and in any case:
// ConversationClosed for CONVERSATION_CLOSED.
func EventName(text string) (name string, ok bool) {
	// Without regard to underscores: where they go in a type whose name begins with SLA is not documented.
	text = strings.ReplaceAll(text, "_", "")
	for _, name := range EventNames() {
		if strings.EqualFold(text, name) {
			return name, true
		}
	}
	return "", false
}

// EventType returns the type that events of a name have: CONVERSATION_CLOSED for ConversationClosed.
func EventType(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		// A word begins at a capital after a small letter, or before one: SLA, Evaluation.
		if i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}
