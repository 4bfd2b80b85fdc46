package dixatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// conversation is one row of the conversation export, its members in the order
// of Dixa's reference (https://docs.dixa.io/openapi/exports-api). Times are Unix
// milliseconds. Dixa does not state the unit of the two durations: seconds here.
type conversation struct {
	ID                              int64         `json:"id"`
	CreatedAt                       int64         `json:"created_at"`
	InitialChannel                  string        `json:"initial_channel"`
	RequesterID                     string        `json:"requester_id"`
	RequesterName                   *string       `json:"requester_name"`
	RequesterEmail                  *string       `json:"requester_email"`
	RequesterAdditionalEmails       []string      `json:"requester_additional_emails"`
	RequesterPhoneNumber            *string       `json:"requester_phone_number"`
	RequesterAdditionalPhoneNumbers []string      `json:"requester_additional_phone_numbers"`
	QueuedAt                        *int64        `json:"queued_at"`
	QueueID                         *string       `json:"queue_id"`
	QueueName                       *string       `json:"queue_name"`
	ClosedAt                        *int64        `json:"closed_at"`
	RatingScore                     *int          `json:"rating_score"`
	RatingMessage                   *string       `json:"rating_message"`
	Ratings                         []rating      `json:"ratings"`
	Direction                       string        `json:"direction"`
	AssignedAt                      *int64        `json:"assigned_at"`
	AssigneeID                      *string       `json:"assignee_id"`
	AssigneeName                    *string       `json:"assignee_name"`
	AssigneeEmail                   *string       `json:"assignee_email"`
	AssigneePhoneNumber             *string       `json:"assignee_phone_number"`
	ToProvisionedPhoneNumberID      *string       `json:"to_provisioned_phone_number_id"`
	ToProvisionedPhoneNumberName    *string       `json:"to_provisioned_phone_number_name"`
	TotalDuration                   *int64        `json:"total_duration"`
	HandlingDuration                *int64        `json:"handling_duration"`
	DixaEmailIntegrationID          *string       `json:"dixa_email_integration_id"`
	DixaEmailIntegrationSenderName  *string       `json:"dixa_email_integration_sender_name"`
	ForwardingEmail                 *string       `json:"forwarding_email"`
	FacebookPageID                  *string       `json:"facebook_page_id"`
	FacebookPageName                *string       `json:"facebook_page_name"`
	WidgetID                        *string       `json:"widget_id"`
	WidgetName                      *string       `json:"widget_name"`
	Tags                            []string      `json:"tags"`
	TagsInfo                        []tag         `json:"tags_info"`
	ConversationWrapupNotes         []string      `json:"conversation_wrapup_notes"`
	TransfereeName                  *string       `json:"transferee_name"`
	TransfereeNumber                *string       `json:"transferee_number"`
	TransferTime                    *int64        `json:"transfer_time"`
	OriginatingCountry              *string       `json:"originating_country"`
	Status                          string        `json:"status"`
	UpdatedAt                       int64         `json:"updated_at"`
	LastMessageCreatedAt            *int64        `json:"last_message_created_at"`
	FromProvisionedPhoneNumberID    *string       `json:"from_provisioned_phone_number_id"`
	FromProvisionedPhoneNumberName  *string       `json:"from_provisioned_phone_number_name"`
	Subject                         *string       `json:"subject"`
	AnonymizedAt                    *int64        `json:"anonymized_at"`
	CustomFields                    []customField `json:"custom_fields"`
}

type rating struct {
	Score         *int    `json:"rating_score"`
	Message       *string `json:"rating_message"`
	Type          string  `json:"rating_type"`
	Status        string  `json:"rating_status"`
	Language      string  `json:"rating_language"`
	CreatedAt     int64   `json:"rating_created_timestamp"`
	OfferedAt     *int64  `json:"rating_offered_timestamp"`
	ModifiedAt    *int64  `json:"rating_modified_timestamp"`
	RatedAt       *int64  `json:"rating_rated_timestamp"`
	ScheduledAt   *int64  `json:"rating_scheduled_timestamp"`
	ScheduledFor  *int64  `json:"rating_scheduled_for_timestamp"`
	UnscheduledAt *int64  `json:"rating_unscheduled_timestamp"`
	CancelledAt   *int64  `json:"rating_cancelled_timestamp"`
}

type tag struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Deactivated bool   `json:"is_deactivated"`
}

// customField's Value is a string, an array of strings or null.
type customField struct {
	AttributeID string `json:"attribute_id"`
	Identifier  string `json:"identifier"`
	Value       any    `json:"value"`
	DataType    string `json:"data_type"`
	Archived    bool   `json:"archived"`
}

// message is one row of the message export. Duration is in seconds.
type message struct {
	ID                 string            `json:"id"`
	CSID               int64             `json:"csid"`
	CreatedAt          int64             `json:"created_at"`
	InitialChannel     string            `json:"initial_channel"`
	AuthorName         *string           `json:"author_name"`
	AuthorEmail        *string           `json:"author_email"`
	Direction          string            `json:"direction"`
	Text               *string           `json:"text"`
	FromPhoneNumber    *string           `json:"from_phone_number"`
	ToPhoneNumber      *string           `json:"to_phone_number"`
	Duration           *int64            `json:"duration"`
	RecordingURL       *string           `json:"recording_url"`
	VoicemailURL       *string           `json:"voicemail_url"`
	To                 []string          `json:"to"`
	CC                 []string          `json:"cc"`
	BCC                []string          `json:"bcc"`
	From               *string           `json:"from"`
	AttachedFiles      []string          `json:"attached_files"`
	IsAutomatedMessage bool              `json:"is_automated_message"`
	ChatInputQuestion  *string           `json:"chat_input_question"`
	ChatInputAnswer    *string           `json:"chat_input_answer"`
	ChatMenuText       *string           `json:"chat_menu_text"`
	FormSubmission     map[string]string `json:"form_submission"`

	by *author // whoever wrote it, nil where nobody did
}

// agent is one element of the Dixa API's agent list.
type agent struct {
	ID          string   `json:"id"`
	CreatedAt   string   `json:"createdAt"`
	DisplayName string   `json:"displayName"`
	Email       string   `json:"email"`
	PhoneNumber string   `json:"phoneNumber,omitempty"`
	FirstName   string   `json:"firstName"`
	LastName    string   `json:"lastName"`
	Roles       []string `json:"roles"`
}

// row is one record as it is served, with what the filters look at. A time of 0
// is one that the record does not have.
type row struct {
	id   string
	csid int64

	created, updated, closed, lastMessage int64

	body []byte
}

// parseRow lifts from a record what the filters look at.
func parseRow(kind string, body json.RawMessage) (row, error) {
	var lifted struct {
		ID          json.RawMessage `json:"id"`
		CSID        int64           `json:"csid"`
		Created     *int64          `json:"created_at"`
		Updated     int64           `json:"updated_at"`
		Closed      int64           `json:"closed_at"`
		LastMessage int64           `json:"last_message_created_at"`
		Timestamp   string          `json:"activityTimestamp"`
	}
	if err := json.Unmarshal(body, &lifted); err != nil {
		return row{}, err
	}
	r := row{
		csid: lifted.CSID, updated: lifted.Updated, closed: lifted.Closed, lastMessage: lifted.LastMessage,
		body: bytes.Clone(body),
	}
	var err error
	if kind == "conversations" {
		err = json.Unmarshal(lifted.ID, &r.csid)
		r.id = string(lifted.ID)
	} else {
		err = json.Unmarshal(lifted.ID, &r.id)
	}
	switch {
	case err != nil:
		return row{}, fmt.Errorf("no id that suits the kind: %w", err)
	case kind == "agents":
	case kind == "activities":
		at, err := time.Parse(time.RFC3339, strings.TrimSuffix(lifted.Timestamp, zoneAgain))
		if err != nil {
			return row{}, fmt.Errorf("no activityTimestamp: %w", err)
		}
		r.created = at.UnixMilli()
	case lifted.Created == nil:
		return row{}, fmt.Errorf("no created_at")
	default:
		r.created = *lifted.Created
	}
	return r, nil
}
