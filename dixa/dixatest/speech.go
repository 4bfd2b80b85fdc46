package dixatest

import (
	"fmt"
	"strings"
	"time"
)

// say adds a message and returns it, for the caller to finish.
func (s *story) say(direction, text string) *message {
	m := message{
		ID: uuid(s.rng), CSID: s.c.ID, CreatedAt: s.now, InitialChannel: s.ch.name, Direction: direction, Text: &text,
		To: []string{}, CC: []string{}, BCC: []string{}, AttachedFiles: []string{},
	}
	author, inbound := s.agent, direction == "inbound"
	m.by = s.agent.author
	if inbound {
		author, m.by = s.who, s.customer
	}
	m.AuthorName, m.AuthorEmail = &author.name, &author.email
	switch s.ch.name {
	case "email", "contactform":
		m.From, m.To = &s.who.email, []string{mailbox}
		if !inbound {
			m.From, m.To = new(mailbox), []string{s.who.email}
		}
		if s.chance(7) {
			m.CC = append(m.CC, "accounts@"+domains[s.who.language])
		}
		if !inbound && s.chance(2) {
			m.BCC = append(m.BCC, "archive@example.com")
		}
		if s.ch.name == "contactform" && len(s.messages) == 0 && inbound {
			m.FormSubmission = map[string]string{"name": s.who.name, "email": s.who.email, "phone": s.who.phone}
		}
	case "pstnphone", "voicemail", "callback":
		m.AuthorEmail = nil
		if !inbound {
			m.AuthorEmail = &author.email
		}
	}
	if !s.ch.phone && inbound && s.chance(8) {
		m.AttachedFiles = append(m.AttachedFiles, fmt.Sprintf("%s%s/%s", fileBase, m.ID, s.pick(s.words.files)))
	}
	s.messages = append(s.messages, m)
	s.c.LastMessageCreatedAt, s.c.UpdatedAt = new(s.now), max(s.c.UpdatedAt, s.now)
	return &s.messages[len(s.messages)-1]
}

// automate makes a message one that nobody wrote.
func (m *message) automate() {
	m.IsAutomatedMessage, m.by = true, nil
	m.AuthorName, m.AuthorEmail = new(teamName), new(mailbox)
}

func (m *message) anonymise() {
	m.Text, m.From, m.FromPhoneNumber, m.ToPhoneNumber = nil, nil, nil, nil
	m.RecordingURL, m.VoicemailURL, m.FormSubmission = nil, nil, nil
	m.ChatInputAnswer = nil
	m.To, m.CC, m.BCC, m.AttachedFiles = []string{}, []string{}, []string{}, []string{}
	if m.Direction == "inbound" {
		m.AuthorName, m.AuthorEmail = nil, nil
	}
}

// flow is the chat widget asking before a person does.
func (s *story) flow() {
	s.offerMenu()
	if s.pass(s.about(8 * time.Second)) {
		s.choose()
	}
	s.pass(s.about(10 * time.Second))
}

func (s *story) offerMenu() {
	menu := s.say("outbound", "")
	menu.automate()
	menu.Text, menu.ChatMenuText = nil, new(s.words.menu)
}

func (s *story) choose() {
	input := s.say("inbound", "")
	input.Text = nil
	input.ChatInputQuestion, input.ChatInputAnswer = new(s.words.question), new(s.topic.choice)
}

// ring is how a customer's call reaches the organisation: it waits in a queue,
// or leaves word on the answering machine.
func (s *story) ring() {
	if s.ch.name != "voicemail" {
		return
	}
	m := s.say("inbound", "")
	m.Text = nil
	m.FromPhoneNumber, m.ToPhoneNumber = &s.who.phone, new(lineNumber)
	m.Duration, m.VoicemailURL = new(8+s.rng.Int64N(80)), new(recordingBase+m.ID+".mp3")
}

// talk is a call: it has a length and no text. Some are handed on to somebody
// outside, some are followed by a message.
func (s *story) talk() {
	seconds := 20 + s.about(4*time.Minute)/1000
	started := s.now
	if !s.pass(seconds * 1000) {
		return
	}
	ended := s.now
	s.now = started
	s.call(seconds)
	s.now = ended
	s.c.UpdatedAt = ended
	if s.ch.name == "pstnphone" && s.chance(12) {
		s.c.TransfereeName, s.c.TransfereeNumber = new("Example Freight"), new("+4570000200")
		s.c.TransferTime = new(started + (ended-started)/2)
		for _, kind := range [...]string{"TransferInitiated", "TransferSuccessful"} {
			s.log(*s.c.TransferTime, kind, s.agent.author, attributes{TransferType: "External"})
		}
	}
}

// call adds the message that a call is.
func (s *story) call(seconds int64) {
	direction, from, to := "inbound", s.who.phone, lineNumber
	if s.ch.name != "pstnphone" {
		direction, from, to = "outbound", lineNumber, s.who.phone
	}
	m := s.say(direction, "")
	m.Text, m.Duration, m.RecordingURL = nil, &seconds, new(recordingBase+m.ID+".mp3")
	m.FromPhoneNumber, m.ToPhoneNumber = &from, &to
}

// firstWords are what a customer writes first.
func (s *story) firstWords() string {
	w := s.words
	switch s.ch.name {
	case "email", "contactform":
		parts := []string{w.hello, s.fill(s.pick(s.topic.problem))}
		for range s.rng.IntN(3) {
			parts = append(parts, s.fill(s.pick(w.detail)))
		}
		if s.chance(6) { // somebody who leaves nothing out
			for range 15 {
				parts = append(parts, s.fill(s.pick(w.detail)), s.fill(s.pick(s.topic.problem)))
			}
		}
		return strings.Join(append(parts, w.bye+"\n"+s.who.name), "\n\n")
	}
	return s.fill(s.pick(s.topic.problem)) + s.smile()
}

// followUp is what a customer writes later.
func (s *story) followUp() string {
	text := s.fill(s.pick(s.words.followUp))
	if s.ch.name == "email" && len(s.messages) > 0 {
		if last := s.messages[len(s.messages)-1].Text; last != nil {
			return text + "\n\n> " + strings.ReplaceAll(*last, "\n", "\n> ")
		}
	}
	return text + s.smile()
}

// answer is what an agent writes.
func (s *story) answer(last bool) string {
	w := s.words
	text := s.fill(s.pick(s.topic.answer))
	if last {
		text += " " + s.fill(s.pick(w.closing))
	}
	first, _, _ := strings.Cut(s.agent.name, " ")
	switch {
	case s.ch.name == "email" && s.chance(30):
		return "<p>" + w.hello + "</p><p>" + text + "</p><p>" + w.bye + "<br>" + first + " &amp; " + teamName + "</p>"
	case s.ch.name == "email", s.ch.name == "contactform":
		return w.hello + "\n\n" + text + "\n\n" + w.bye + "\n" + first + "\n" + teamName
	}
	return text
}

func (s *story) smile() string {
	if s.chance(15) {
		return " " + s.pick(emoji)
	}
	return ""
}

// fill puts a number and a product where a text has room for them.
func (s *story) fill(text string) string {
	if strings.Contains(text, "{order}") {
		text = strings.ReplaceAll(text, "{order}", s.orderNumber())
	}
	if strings.Contains(text, "{product}") {
		text = strings.ReplaceAll(text, "{product}", s.pick(products))
	}
	return text
}

func (s *story) orderNumber() string { return fmt.Sprintf("DK-%06d", s.rng.IntN(1_000_000)) }
