package dixatest

import "time"

// channel is how a conversation comes about.
type channel struct {
	name    string // as the exports spell it
	percent int    // of all conversations
	live    bool   // only while the office is staffed
	phone   bool   // calls in place of text

	// How long it takes until an agent takes a conversation, until an agent answers
	// and until a customer does, about.
	wait, answer, reply time.Duration
	// turns is how many answers an agent gives at most.
	turns int
}

var channels = [...]channel{
	{name: "email", percent: 37, wait: 70 * time.Minute, answer: 50 * time.Minute, reply: 5 * time.Hour, turns: 3},
	{name: "widgetchat", percent: 21, live: true, wait: 50 * time.Second, answer: 45 * time.Second, reply: 40 * time.Second, turns: 6},
	{name: "pstnphone", percent: 16, live: true, phone: true, wait: 90 * time.Second, answer: time.Second, turns: 1},
	{name: "contactform", percent: 9, wait: 80 * time.Minute, answer: time.Hour, reply: 7 * time.Hour, turns: 2},
	{name: "facebookmessenger", percent: 6, wait: 20 * time.Minute, answer: 12 * time.Minute, reply: 15 * time.Minute, turns: 5},
	{name: "sms", percent: 4, wait: 15 * time.Minute, answer: 10 * time.Minute, reply: 20 * time.Minute, turns: 3},
	{name: "whatsapp", percent: 3, wait: 10 * time.Minute, answer: 8 * time.Minute, reply: 10 * time.Minute, turns: 5},
	{name: "voicemail", percent: 2, phone: true, wait: 40 * time.Minute, answer: time.Minute, turns: 1},
	{name: "callback", percent: 2, live: true, phone: true, wait: 10 * time.Minute, answer: time.Second, turns: 1},
}

// Where customers reach the organisation.
const (
	mailbox       = "help@example.com"
	teamName      = "Example Nordic"
	widgetName    = "Web shop"
	facebookPage  = "Example Nordic DK"
	lineNumber    = "+4570000100"
	lineName      = "Hovednummer"
	retiredTag    = "winter-sale"
	recordingBase = "https://files.example.com/recordings/"
	fileBase      = "https://files.example.com/attachments/"
)

var tagNames = []string{"delivery", "return", "refund", "warranty", "complaint", "b2b", "vip", retiredTag}
