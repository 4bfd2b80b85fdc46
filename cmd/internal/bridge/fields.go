package bridge

import (
	"slices"
	"strings"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

// A Field is one field of a kind's registrations. Titles are free of the characters that mean something in Plecto's
// formulas, which name fields by their title. https://docs.plecto.com/kb/guide/en/advanced-formula-editor-NV8HuQfo0Z/Steps/2288411
type Field struct {
	Key   string // Dixa's name for it, or this program's
	Title string // its name in Plecto
	Type  Type
	// Definition says in one line what it is made of.
	Definition string
	// Usual says that it is sent where no other fields are chosen.
	Usual bool
	// Personal says that it may tell of a customer, or of anybody more than a name: it is sent only when its key is
	// written out.
	Personal bool

	value func(subject) any
	// messages says that it is made of the messages of a conversation, as far as the cache covers them.
	messages bool
}

// Type is what a field's values are.
type Type string

// The types there are. Times go to Plecto in UTC.
const (
	Text   Type = "text"
	Number Type = "number"
	Time   Type = "time"
	YesNo  Type = "yes/no"
)

// Fields returns all fields of a kind but custom attributes, in the order in which they are sent.
func Fields(kind string) []Field {
	switch kind {
	case string(dixa.Messages):
		return messageFields()
	case string(dixa.Activities):
		return activityFields()
	}
	return conversationFields()
}

// Usual returns the fields of a kind that are sent where no others are chosen. Nothing personal is among them.
func Usual(kind string) []Field {
	return slices.DeleteFunc(Fields(kind), func(f Field) bool { return !f.Usual })
}

// customPrefix is what the keys of custom attributes begin with, before Dixa's identifier.
const customPrefix = "custom:"

// field returns the field of a kind with a key; any custom attribute is one of conversations.
func field(kind, key string) (f Field, ok bool) {
	if identifier, custom := strings.CutPrefix(key, customPrefix); custom && identifier != "" && kind == string(dixa.Conversations) {
		return customField(identifier), true
	}
	all := Fields(kind)
	if i := slices.IndexFunc(all, func(f Field) bool { return f.Key == key }); i >= 0 {
		return all[i], true
	}
	return f, false
}

// usual makes fields ones that are sent where no others are chosen.
func usual(fields ...Field) []Field {
	for i := range fields {
		fields[i].Usual = true
	}
	return fields
}

// personal makes fields ones that are sent only when they are named.
func personal(fields ...Field) []Field {
	for i := range fields {
		fields[i].Personal = true
	}
	return fields
}

// taken is a field that Dixa gives as it is, in the record itself.
func taken(key, title string, t Type, definition string) Field {
	return Field{Key: key, Title: title, Type: t, Definition: definition, value: func(s subject) any { return s.typed(key, t) }}
}

// ofConversation is a field of the conversation that a record belongs to; it is empty while that is not in the cache.
func ofConversation(key, title string, t Type, definition string) Field {
	return Field{Key: key, Title: title, Type: t, Definition: definition, value: func(s subject) any { return s.thread.conversation.typed(key, t) }}
}

// ofMessages is a field that all messages of a conversation make together; it is empty while the cache has not all of them.
func ofMessages(key, title string, t Type, definition string, value func(subject) any) Field {
	return Field{Key: key, Title: title, Type: t, Definition: definition, messages: true, value: func(s subject) any {
		if !s.thread.whole {
			return nil
		}
		return value(s)
	}}
}

// usualOfConversation and moreOfConversation are what messages and activities alike take from their conversation, since
// Plecto does not join.
func usualOfConversation() []Field {
	return []Field{
		ofConversation("queue_name", "Queue", Text, "the conversation's queue"),
		ofConversation("status", "Status", Text, "the conversation's status"),
		ofConversation("assignee_name", "Assignee", Text, "the agent the conversation is assigned to"),
	}
}

func moreOfConversation() []Field {
	return []Field{
		ofConversation("assignee_id", "Assignee id", Text, "Dixa's id of the agent the conversation is assigned to"),
		ofConversation("queue_id", "Queue id", Text, "Dixa's id of the conversation's queue"),
		ofConversation("tags", "Tags", Text, "the conversation's tags, with commas between"),
	}
}

// orNone turns an empty text into no value.
func orNone(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// formulaSafe takes from a title what means something in Plecto's formulas, or shows nothing.
func formulaSafe(title string) string {
	return strings.Join(strings.FieldsFunc(title, func(r rune) bool { return strings.ContainsRune("_,()\"=.", r) || r <= ' ' || r == 0x7f }), " ")
}
