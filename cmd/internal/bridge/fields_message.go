package bridge

import "slices"

func messageFields() []Field {
	return slices.Concat(
		usual(
			taken("csid", "Conversation", Text, "the number of its conversation"),
			taken("initial_channel", "Channel", Text, "the channel in which the conversation began"),
			taken("direction", "Direction", Text, "inbound from the customer, outbound to the customer"),
			taken("is_automated_message", "Automated", YesNo, "yes where no person wrote it"),
			taken("duration", "Duration", Number, "of a call or a voicemail; the unit is not documented"),
			Field{Key: "since_previous_seconds", Title: "Since previous seconds", Type: Number, messages: true,
				Definition: "since the last message of the other side, automated ones left out; empty without one",
				value:      func(s subject) any { return s.turn().sincePrevious }},
			ofMessages("first_reply", "First reply", YesNo, "yes for the message that ends the first response time",
				func(s subject) any { return s.turn().firstReply }),
			Field{Key: "agent_name", Title: "Agent", Type: Text, Definition: "the agent who wrote it, found by e-mail; empty for customers and automated messages",
				value: func(s subject) any { return orNone(s.author.Name) }},
		),
		usual(usualOfConversation()...),
		moreOfConversation(),
		personal(
			taken("text", "Text", Text, "what was written"),
			taken("author_name", "Author", Text, "who wrote it, agent or customer"),
			taken("author_email", "Author email", Text, "the e-mail of who wrote it"),
			taken("from", "From", Text, "the address it came from"),
			taken("to", "To", Text, "the addresses it went to"),
			taken("cc", "Cc", Text, "the addresses it was copied to"),
			taken("bcc", "Bcc", Text, "the addresses it was copied to unseen"),
			taken("from_phone_number", "From number", Text, "the number it came from"),
			taken("to_phone_number", "To number", Text, "the number it went to"),
			taken("attached_files", "Attached files", Text, "its attachments"),
			taken("recording_url", "Recording", Text, "link to the call's recording"),
			taken("voicemail_url", "Voicemail", Text, "link to the voicemail"),
			taken("chat_input_question", "Chat question", Text, "what the chat flow asked"),
			taken("chat_input_answer", "Chat answer", Text, "what the customer answered it"),
			taken("chat_menu_text", "Chat menu", Text, "what was chosen in the chat flow"),
			Field{Key: "form_submission", Title: "Form", Type: Text, Definition: "what was entered in the form, as JSON", value: form},
		),
	)
}

// form takes both spellings that have been seen.
func form(s subject) any {
	for _, key := range []string{"form_submission", "formSubmission"} {
		if v := s.object[key]; v.Kind() == '{' {
			return string(v)
		}
	}
	return nil
}
