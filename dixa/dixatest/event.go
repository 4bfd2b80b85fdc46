package dixatest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// eventNames are those that a subscription may list.
// https://docs.dixa.io/openapi/dixa-api
var eventNames = [...]string{
	"ConversationCreated", "ConversationOpen", "ConversationPending", "ConversationPendingExpired", "ConversationClosed",
	"ConversationAbandoned", "ConversationEnqueued", "ConversationAssigned", "ConversationUnassigned", "ConversationTransferred",
	"ConversationNoteAdded", "ConversationMessageAdded",
	"ConversationMessageDeliverySent", "ConversationMessageDeliveryDelivered", "ConversationMessageDeliverySeen",
	"ConversationMessageDeliveryInfo", "ConversationMessageDeliveryFailed", "ConversationMessageDeliverySpamComplaint",
	"ConversationTagAdded", "ConversationTagRemoved", "ConversationRated", "ConversationCustomAttributeUpdated",
	"ConversationEndUserReplaced", "AgentBannedEnduser", "AgentUnbannedEnduser", "AgentBannedIp", "AgentUnbannedIp", "TypingStarted",
	"SLAEvaluationPending", "SLAEvaluationBreached", "SLAEvaluationAchieved", "SLAEvaluationVoided",
}

// Event is something that happens, for Emit. What it says of a conversation and
// of a message is what the world holds of them at that moment.
type Event struct {
	// Name is one of those that Dixa's API allows for subscriptions, such as
	// ConversationClosed.
	Name string
	// CSID is the conversation. 0 is for events that concern none.
	CSID int64
	// MessageID is the message of an event about one. Empty stands for the
	// conversation's newest.
	MessageID string
	// Tag is the name of the tag that was added or removed.
	Tag string
	// Note is the text of the note that was added.
	Note string
}

// event is the body of a delivery. https://docs.dixa.io/docs/webhooks
type event struct {
	ID           string         `json:"event_id"`
	Type         string         `json:"event_fqn"`
	Version      string         `json:"event_version"`
	Timestamp    string         `json:"event_timestamp"`
	Organization named          `json:"organization"`
	Data         map[string]any `json:"data"`
}

type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// eventConversation is a conversation as webhooks spell it.
type eventConversation struct {
	CSID         int64   `json:"csid"`
	Channel      string  `json:"channel"`
	Status       string  `json:"status"`
	Direction    string  `json:"direction"`
	Queue        *named  `json:"queue"`
	ContactPoint *string `json:"contact_point"`
	Requester    *user   `json:"requester"`
	Assignee     *user   `json:"assignee"`
	Subject      *string `json:"subject"`
	Tags         []tag   `json:"tags"`
	CreatedAt    string  `json:"created_at"`
}

type user struct {
	ID    string   `json:"id"`
	Name  *string  `json:"name"`
	Email *string  `json:"email"`
	Phone *string  `json:"phone"`
	Roles []string `json:"roles"`
	Type  string   `json:"user_type,omitempty"`
}

// teller makes the bodies of events from what a world holds.
type teller struct {
	world *World
	old   bool // users as in 2023
	now   time.Time
}

func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// upperSnake spells a name as webhooks do: SLAEvaluationBreached is
// SLA_EVALUATION_BREACHED.
func upperSnake(name string) string {
	letters := []rune(name)
	var b strings.Builder
	for i, letter := range letters {
		if i > 0 && unicode.IsUpper(letter) {
			inside := i+1 < len(letters) && unicode.IsLower(letters[i+1])
			if unicode.IsLower(letters[i-1]) || inside {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToUpper(letter))
	}
	return b.String()
}

// tell returns the body of an event.
func (t teller) tell(id string, e Event) ([]byte, error) {
	if !slices.Contains(eventNames[:], e.Name) {
		return nil, fmt.Errorf("dixatest: telling of an event: unknown name %q", e.Name)
	}
	data, err := t.data(e)
	if err != nil {
		return nil, fmt.Errorf("dixatest: telling of %s: %w", e.Name, err)
	}
	return json.Marshal(event{
		ID: id, Type: upperSnake(e.Name), Version: "1", Timestamp: isoTime(t.now),
		Organization: named{organizationID, teamName}, Data: data,
	})
}

// data is what an event says. Where Dixa's documentation does not cover an event,
// the members besides the conversation are made up.
func (t teller) data(e Event) (map[string]any, error) {
	var c conversation
	data := map[string]any{}
	if e.CSID != 0 {
		if err := t.world.conversation(e.CSID, &c); err != nil {
			return nil, err
		}
		data["conversation"] = t.conversation(&c)
	}
	switch e.Name {
	case "ConversationAssigned", "ConversationUnassigned":
		data["agent"] = t.assignee(&c)
	case "ConversationAbandoned", "ConversationTransferred":
		data["queue"] = queueOf(&c)
	case "ConversationNoteAdded":
		data["note_id"], data["text"], data["created_at"], data["author"] = newUUID(), e.Note, isoTime(t.now), t.assignee(&c)
	case "ConversationTagAdded", "ConversationTagRemoved":
		data["tag"], data["author"] = e.Tag, t.assignee(&c)
	case "ConversationRated":
		data["agent"], data["score"], data["comment"], data["type"] = t.assignee(&c), c.RatingScore, c.RatingMessage, "Csat"
	case "ConversationCustomAttributeUpdated":
		data["custom_attributes"] = c.CustomFields
	case "ConversationMessageAdded":
		return data, t.message(data, &c, e)
	case "AgentBannedEnduser", "AgentUnbannedEnduser":
		data["end_user"] = t.user("Contact", c.RequesterID, c.RequesterName, c.RequesterEmail, c.RequesterPhoneNumber)
	case "AgentBannedIp", "AgentUnbannedIp":
		data["ip"] = "192.0.2.1"
	}
	if strings.HasPrefix(e.Name, "ConversationMessageDelivery") {
		data["message_id"] = e.MessageID
	}
	return data, nil
}

// message adds to data what an event says of a message.
func (t teller) message(data map[string]any, c *conversation, e Event) error {
	var m message
	if err := t.world.message(c.ID, e.MessageID, &m); err != nil {
		return err
	}
	attachments := []map[string]string{}
	for _, file := range m.AttachedFiles {
		attachments = append(attachments, map[string]string{"url": file, "name": file[strings.LastIndexByte(file, '/')+1:]})
	}
	content := map[string]any{"text": m.Text, "content_type": nil, "original_content_url": nil, "processed_content_url": nil}
	if m.InitialChannel == "email" {
		content["original_content_url"] = "/private/" + organizationID + "/email_original_data/" + m.ID
	}
	data["author"] = t.author(c, &m)
	data["created_at"] = isoTime(time.UnixMilli(m.CreatedAt))
	data["message_id"], data["text"], data["direction"] = m.ID, m.Text, strings.ToLower(m.Direction)
	data["channel"], data["content"], data["attachments"], data["external_id"] = eventChannel(m.InitialChannel), content, attachments, nil
	return nil
}

// author is who wrote a message, of which the export gives the name and address
// alone. One that nobody wrote is the organisation's.
func (t teller) author(c *conversation, m *message) *user {
	if strings.EqualFold(m.Direction, "inbound") {
		return t.user("Contact", c.RequesterID, c.RequesterName, c.RequesterEmail, c.RequesterPhoneNumber)
	}
	if a, ok := t.world.agentWithEmail(m.AuthorEmail); ok {
		return t.user("Member", a.ID, &a.DisplayName, &a.Email, &a.PhoneNumber)
	}
	return t.user("Member", organizationID, m.AuthorName, m.AuthorEmail, nil)
}

func (t teller) conversation(c *conversation) eventConversation {
	told := eventConversation{
		CSID: c.ID, Channel: eventChannel(c.InitialChannel), Status: strings.ToUpper(c.Status), Direction: strings.ToUpper(c.Direction),
		Queue: queueOf(c), Requester: t.user("Contact", c.RequesterID, c.RequesterName, c.RequesterEmail, c.RequesterPhoneNumber),
		Assignee: t.assignee(c), Subject: c.Subject, Tags: []tag{}, CreatedAt: isoTime(time.UnixMilli(c.CreatedAt)),
	}
	told.Tags = append(told.Tags, c.TagsInfo...)
	for _, point := range [...]*string{c.DixaEmailIntegrationID, c.ToProvisionedPhoneNumberID, c.FromProvisionedPhoneNumberID, c.WidgetID, c.FacebookPageID} {
		if told.ContactPoint == nil {
			told.ContactPoint = point
		}
	}
	return told
}

func (t teller) assignee(c *conversation) *user {
	if c.AssigneeID == nil {
		return nil
	}
	return t.user("Member", *c.AssigneeID, c.AssigneeName, c.AssigneeEmail, c.AssigneePhoneNumber)
}

func (t teller) user(kind, id string, name, email, phone *string) *user {
	u := &user{ID: id, Name: name, Email: email, Phone: phone, Roles: []string{}, Type: kind}
	if t.old {
		u.Type, u.Roles = "", []string{map[string]string{"Contact": "Enduser", "Member": "Agent"}[kind]}
	}
	return u
}

func queueOf(c *conversation) *named {
	if c.QueueID == nil {
		return nil
	}
	queue := &named{ID: *c.QueueID}
	if c.QueueName != nil {
		queue.Name = *c.QueueName
	}
	return queue
}

// twoWords are the channels of more than one word, which the exports write as one.
var twoWords = map[string]string{
	"contactform": "CONTACT_FORM", "facebookmessenger": "FACEBOOK_MESSENGER", "pstnphone": "PSTN_PHONE",
	"whatsapp": "WHATS_APP", "widgetchat": "WIDGET_CHAT",
}

func eventChannel(name string) string {
	if spelled, ok := twoWords[name]; ok {
		return spelled
	}
	return strings.ToUpper(name)
}
