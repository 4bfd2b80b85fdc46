package bridge

import (
	"slices"
	"strings"
)

func conversationFields() []Field {
	return slices.Concat(
		usual(
			taken("status", "Status", Text, "open, pending, closed … as Dixa has it now"),
			taken("initial_channel", "Channel", Text, "the channel in which it began"),
			taken("direction", "Direction", Text, "inbound where the customer began, else outbound"),
			taken("queue_name", "Queue", Text, "the queue it is in, or was in last"),
			Field{Key: "closed", Title: "Closed", Type: YesNo, Definition: "yes while the status is closed", value: closed},
			Field{Key: "reopened", Title: "Reopened", Type: YesNo, Definition: "yes where it was closed and is not now, or the activity log tells of a reopening", value: reopened},
			ofMessages("one_touch", "One touch", YesNo, "yes where it is closed after exactly one reply; empty while it is not closed", oneTouch),
			ofMessages("first_response_seconds", "First response seconds", Number,
				"from the first inbound message to the first later outbound one, neither automated; empty without one, and where the team began",
				func(s subject) any { return s.thread.firstResponse }),
			seconds("assignment_seconds", "Assignment seconds", "created_at", "assigned_at", "from its creation to its assignment"),
			seconds("queue_seconds", "Queue seconds", "queued_at", "assigned_at", "from entering the queue to its assignment"),
			Field{Key: "close_seconds", Title: "Close seconds", Type: Number, Definition: "from its creation to the last close; empty while it is not closed", value: closeSeconds},
			ofMessages("messages_in", "Messages in", Number, "inbound messages, automated ones left out",
				func(s subject) any { return s.messages(s.thread.in) }),
			ofMessages("messages_out", "Messages out", Number, "outbound messages, automated ones left out",
				func(s subject) any { return s.messages(s.thread.out) }),
			Field{Key: "csat_score", Title: "CSAT score", Type: Number, Definition: "1 to 5: the newest rating of type CSAT (formerly stars); no other scale is mixed in",
				value: func(s subject) any { return s.csat() }},
			Field{Key: "satisfied", Title: "Satisfied", Type: YesNo, Definition: "yes where the CSAT score is 4 or 5; empty without one", value: satisfied},
			taken("queued_at", "Queued at", Time, "when it entered the queue"),
			taken("assigned_at", "Assigned at", Time, "when it was assigned"),
			taken("closed_at", "Closed at", Time, "the last close, also after a reopening"),
			taken("updated_at", "Updated at", Time, "its last change of any sort"),
			taken("last_message_created_at", "Last message at", Time, "its last message"),
			taken("total_duration", "Total duration", Number, "as Dixa counts it; the unit is not documented"),
			taken("handling_duration", "Handling duration", Number, "as Dixa counts it; the unit is not documented"),
			taken("rating_score", "Rating score", Number, "Dixa's single rating, of whatever scale"),
			taken("tags", "Tags", Text, "names of its tags, with commas between"),
			taken("originating_country", "Country", Text, "the country it came from"),
			taken("widget_name", "Widget", Text, "the chat widget it came through"),
		),
		[]Field{
			taken("queue_id", "Queue id", Text, "Dixa's id of the queue"),
			taken("assignee_id", "Assignee id", Text, "Dixa's id of the agent it is assigned to"),
			taken("assignee_name", "Assignee", Text, "the agent it is assigned to"),
			taken("widget_id", "Widget id", Text, "Dixa's id of the chat widget"),
			taken("facebook_page_id", "Facebook page id", Text, "the page it came through"),
			taken("facebook_page_name", "Facebook page", Text, "the page it came through"),
			taken("dixa_email_integration_sender_name", "Sender name", Text, "the team's name in the mailbox it came through"),
			taken("to_provisioned_phone_number_name", "Called line", Text, "the team's line that was called"),
			taken("from_provisioned_phone_number_name", "Calling line", Text, "the team's line that was called from"),
			taken("transfer_time", "Transfer time", Number, "as Dixa has it; whether a time or a duration is not documented"),
			taken("anonymized_at", "Anonymized at", Time, "when its content was removed in Dixa"),
		},
		personal(
			taken("subject", "Subject", Text, "its subject"),
			taken("requester_id", "Requester id", Text, "Dixa's id of the customer"),
			taken("requester_name", "Requester", Text, "the customer's name"),
			taken("requester_email", "Requester email", Text, "the customer's e-mail"),
			taken("requester_additional_emails", "Requester additional emails", Text, "the customer's other e-mails"),
			taken("requester_phone_number", "Requester phone", Text, "the customer's phone number"),
			taken("requester_additional_phone_numbers", "Requester additional phones", Text, "the customer's other phone numbers"),
			taken("rating_message", "Rating message", Text, "what the customer wrote with the rating"),
			taken("conversation_wrapup_notes", "Wrapup notes", Text, "the agents' notes"),
			taken("transferee_name", "Transferee", Text, "whom a call was transferred to"),
			taken("transferee_number", "Transferee number", Text, "the number a call was transferred to"),
			taken("forwarding_email", "Forwarding email", Text, "the address it was forwarded from"),
			taken("dixa_email_integration_id", "Mailbox", Text, "the address of the mailbox it came through"),
			taken("assignee_email", "Assignee email", Text, "the agent's e-mail"),
			taken("assignee_phone_number", "Assignee phone", Text, "the agent's phone number"),
			taken("to_provisioned_phone_number_id", "Called number", Text, "the number that was called"),
			taken("from_provisioned_phone_number_id", "Calling number", Text, "the number that was called from"),
		),
	)
}

// customField is a custom attribute, by Dixa's identifier of it; a list has commas between. One that is archived
// gives way to another with its identifier.
func customField(identifier string) Field {
	return Field{
		Key: customPrefix + identifier, Title: formulaSafe("Custom " + identifier), Type: Text, Definition: "the custom attribute " + identifier,
		value: func(s subject) any {
			var value any
			for one := range elements(s.object["custom_fields"]) {
				if one.text("identifier") != identifier {
					continue
				}
				if value = orNone(one.text("value")); one.yesNo("archived") != true {
					break
				}
			}
			return value
		},
	}
}

// seconds is the time between two moments of a conversation.
func seconds(key, title, from, to, definition string) Field {
	return Field{Key: key, Title: title, Type: Number, Definition: definition, value: func(s subject) any { return between(s.millis(from), s.millis(to)) }}
}

func closed(s subject) any {
	status := s.text("status")
	if status == "" {
		return nil
	}
	return strings.EqualFold(status, "closed")
}

func reopened(s subject) any {
	isClosed := closed(s)
	return s.thread.reopened || isClosed == false && s.millis("closed_at") != 0
}

func oneTouch(s subject) any {
	if out := s.messages(s.thread.out); closed(s) == true && out != nil {
		return out == int64(1)
	}
	return nil
}

func closeSeconds(s subject) any {
	if closed(s) != true {
		return nil
	}
	return between(s.millis("created_at"), s.millis("closed_at"))
}

// messages is a count of a conversation's messages: none where it has some that are not in the cache.
func (s subject) messages(n int64) any {
	if len(s.thread.turns) == 0 && s.millis("last_message_created_at") != 0 {
		return nil
	}
	return n
}

func satisfied(s subject) any {
	switch score := s.csat().(type) {
	case int64:
		return score >= 4
	case float64:
		return score >= 4
	}
	return nil
}

// csat returns the newest rating of the scale that Dixa once called stars. A score off that scale is no rating of it.
func (s subject) csat() (score any) {
	var newest int64
	for one := range elements(s.object["ratings"]) {
		kind, status := strings.ToLower(one.text("rating_type")), one.text("rating_status")
		if kind != "csat" && kind != "stars" || status != "" && !strings.EqualFold(status, "rated") {
			continue
		}
		value := one.number("rating_score")
		if value == nil || asFloat(value) < 1 || asFloat(value) > 5 {
			continue
		}
		at := one.millis("rating_rated_timestamp")
		if at == 0 {
			at = max(one.millis("rating_modified_timestamp"), one.millis("rating_created_timestamp"))
		}
		if score == nil || at >= newest {
			score, newest = value, at
		}
	}
	return score
}

func asFloat(number any) float64 {
	switch n := number.(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0
}
