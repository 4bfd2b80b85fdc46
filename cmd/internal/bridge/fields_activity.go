package bridge

import (
	"cmp"
	"slices"
)

func activityFields() []Field {
	return slices.Concat(
		usual(
			taken("conversationId", "Conversation", Text, "the number of its conversation"),
			Field{Key: "activity_type", Title: "Activity", Type: Text, Definition: "what happened, in Dixa's words, for example ConversationClosed",
				value: func(s subject) any { return orNone(activityType(s.object)) }},
			Field{Key: "agent_name", Title: "Agent", Type: Text, Definition: "the agent who did it; empty where it was a customer or the system",
				value: func(s subject) any { return orNone(s.author.Name) }},
			Field{Key: "by_agent", Title: "By agent", Type: YesNo, Definition: "yes where an agent did it, no where a customer did; empty where Dixa names nobody",
				value: func(s subject) any {
					if s.inner("author") == nil {
						return nil
					}
					return s.author.ID != ""
				}},
			ofConversation("initial_channel", "Channel", Text, "the channel in which the conversation began"),
		),
		usual(usualOfConversation()...),
		[]Field{
			ofConversation("direction", "Direction", Text, "inbound where the customer began the conversation, else outbound"),
		},
		moreOfConversation(),
		personal(
			ofAuthor("author_id", "Author id", "id", "Dixa's id of who did it, agent or customer"),
			ofAuthor("author_name", "Author", "name", "who did it, agent or customer"),
			ofAuthor("author_email", "Author email", "email", "the e-mail of who did it"),
			ofAuthor("author_phone_number", "Author phone", "phoneNumber", "the phone number of who did it"),
			Field{Key: "attributes", Title: "Attributes", Type: Text, Definition: "what else Dixa tells of it, as JSON; other members for each activity",
				value: func(s subject) any {
					if v := s.object["attributes"]; v.Kind() == '{' {
						return string(v)
					}
					return nil
				}},
		),
	)
}

// activityType is what happened. The older of the two members that tell is deprecated.
func activityType(o object) string { return cmp.Or(o.text("_type"), o.text("activityType")) }

func ofAuthor(key, title, member, definition string) Field {
	return Field{Key: key, Title: title, Type: Text, Definition: definition,
		value: func(s subject) any { return orNone(s.inner("author").text(member)) }}
}
