package bridge

import (
	"strings"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

// A Field is one field of a kind's registrations. Titles are free of the characters that mean something in Plecto's
// formulas, which name fields by their title. https://docs.plecto.com/kb/guide/en/advanced-formula-editor-NV8HuQfo0Z/Steps/2288411
type Field struct {
	Key   string // Dixa's name for it, or this program's
	Title string // its name in Plecto
	Type  Type
	// From says in a few words what it is made of.
	From  string
	value func(object) any
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

// Fields returns the fields of a kind, in the order in which they are sent. Nothing personal of customers is among them.
func Fields(kind string) []Field {
	if kind == string(dixa.Messages) {
		return []Field{
			taken("csid", "Conversation", Text),
			taken("initial_channel", "Channel", Text),
			taken("direction", "Direction", Text),
			taken("is_automated_message", "Automated", YesNo),
			taken("duration", "Duration", Number),
		}
	}
	return []Field{
		taken("status", "Status", Text),
		taken("initial_channel", "Channel", Text),
		taken("direction", "Direction", Text),
		taken("queue_name", "Queue", Text),
		{Key: "closed", Title: "Closed", Type: YesNo, From: "status is closed", value: closed},
		taken("queued_at", "Queued at", Time),
		taken("assigned_at", "Assigned at", Time),
		taken("closed_at", "Closed at", Time),
		taken("updated_at", "Updated at", Time),
		taken("last_message_created_at", "Last message at", Time),
		taken("total_duration", "Total duration", Number),
		taken("handling_duration", "Handling duration", Number),
		taken("rating_score", "Rating score", Number),
		taken("tags", "Tags", Text),
		taken("originating_country", "Country", Text),
		taken("widget_name", "Widget", Text),
	}
}

// taken is a field that Dixa gives as it is.
func taken(key, title string, t Type) Field {
	f := Field{Key: key, Title: title, Type: t, From: key}
	switch t {
	case Text:
		f.value = func(o object) any { return orNone(o.text(key)) }
	case Number:
		f.value = func(o object) any { return o.number(key) }
	case Time:
		f.value = func(o object) any { return o.time(key) }
	case YesNo:
		f.value = func(o object) any { return o.yesNo(key) }
	}
	return f
}

func closed(o object) any {
	status := o.text("status")
	if status == "" {
		return nil
	}
	return strings.EqualFold(status, "closed")
}

// orNone turns an empty text into no value.
func orNone(text string) any {
	if text == "" {
		return nil
	}
	return text
}
