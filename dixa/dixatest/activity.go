package dixatest

import "time"

// activity is one element of the Dixa API's activity log. Dixa lists the types;
// what the attributes of each hold is made up here.
// https://docs.dixa.io/openapi/dixa-api
type activity struct {
	ID             string     `json:"id"`
	ConversationID int64      `json:"conversationId"`
	Timestamp      string     `json:"activityTimestamp"`
	OldType        string     `json:"activityType"` // deprecated
	Type           string     `json:"_type"`
	Author         *author    `json:"author"` // nil for what Dixa does by itself
	Attributes     attributes `json:"attributes"`

	at int64
}

// author is an agent or the customer: the log does not tell which.
type author struct {
	ID          string  `json:"id"`
	Name        *string `json:"name"`
	Email       *string `json:"email"`
	PhoneNumber *string `json:"phoneNumber"`
}

// attributes are what an activity says of itself, each those of its type.
type attributes struct {
	Type         string   `json:"_type"`
	Channel      string   `json:"channel,omitempty"`
	QueueID      string   `json:"queueId,omitempty"`
	AgentID      string   `json:"agentId,omitempty"`
	MessageID    string   `json:"messageId,omitempty"`
	TransferType string   `json:"transferType,omitempty"`
	TagID        string   `json:"tagId,omitempty"`
	TagName      string   `json:"tagName,omitempty"`
	Identifiers  []string `json:"identifiers,omitempty"`
	RatingType   string   `json:"ratingType,omitempty"`
	RatingScore  *int     `json:"ratingScore,omitempty"`
}

// zoneAgain follows the times of activities, as in the samples of Dixa's
// reference.
const zoneAgain = "[GMT]"

func timestamp(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00") + zoneAgain
}

// log adds an activity to the conversation's. Its id, as all that only activities
// need, is drawn aside.
func (s *story) log(at int64, kind string, by *author, with attributes) {
	with.Type = kind + "Attributes"
	s.activities = append(s.activities, activity{
		ID: uuid(s.aside), ConversationID: s.c.ID, Timestamp: timestamp(at), OldType: kind, Type: kind, Author: by, Attributes: with, at: at,
	})
}

// logMessages adds the activities that messages are.
func (s *story) logMessages() {
	for i := range s.messages {
		s.logMessage(&s.messages[i])
	}
}

func (s *story) logMessage(m *message) {
	kind := "MessageAddedByAgent"
	switch m.by {
	case nil:
		kind = "ConversationAutoreplySent"
	case s.customer:
		kind = "MessageAddedByCustomer"
	}
	s.log(m.CreatedAt, kind, m.by, attributes{MessageID: m.ID})
}

// logAssignment adds how a conversation that has waited since then came to its
// agent: claimed, or offered from its queue, perhaps to another one first.
func (s *story) logAssignment(since int64) {
	agent := s.agent.author
	switch waited := s.now - since; {
	case waited == 0: // it is the agent who began it
	case s.c.QueueID == nil, s.aside.IntN(100) < 35:
		s.log(s.now, "ConversationClaimed", agent, attributes{})
	default:
		offered := s.now - 1 - s.aside.Int64N(min(waited, 20_000))
		if s.aside.IntN(100) < 15 {
			other := s.staff[s.aside.IntN(len(staff))]
			before := offered - s.aside.Int64N(min(offered-since, 30_000)+1)
			answer := [...]string{"ConversationOfferRejected", "ConversationOfferTimeout"}[s.aside.IntN(2)]
			s.log(before, "ConversationOffered", nil, attributes{QueueID: *s.c.QueueID, AgentID: other.id})
			s.log(offered, answer, other.author, attributes{QueueID: *s.c.QueueID, AgentID: other.id})
		}
		with := attributes{QueueID: *s.c.QueueID, AgentID: s.agent.id}
		s.log(offered, "ConversationOffered", nil, with)
		s.log(s.now, "ConversationOfferAccepted", agent, with)
	}
	s.log(s.now, "ConversationAssigned", agent, attributes{AgentID: s.agent.id})
}
