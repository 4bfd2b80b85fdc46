package dixatest

import "time"

// story is one conversation as it unfolds. Every step first lets time pass; once
// that reaches the end of the world nothing further happens, and the
// conversation stays as it is.
type story struct {
	*generator
	ch       *channel
	c        *conversation
	messages []message
	who      person
	customer *author // who, as activities name them
	agent    person
	topic    *topic
	words    *phrases

	activities []activity

	now, end int64
	over     bool
}

func newStory(g *generator, b beginning) *story {
	who := g.customers[g.rng.IntN(len(g.customers))]
	words := languages[who.language]
	s := &story{
		generator: g, ch: b.channel, who: who, agent: g.agentAt(b.at), words: words,
		topic: &words.topics[g.rng.IntN(len(words.topics))], now: b.at, end: g.team.To.UnixMilli(),
	}
	s.c = &conversation{
		ID: g.csid, CreatedAt: b.at, UpdatedAt: b.at, InitialChannel: b.channel.name, Direction: "inbound", Status: "open",
		RequesterID: who.id, RequesterName: &who.name,
		RequesterAdditionalEmails: []string{}, RequesterAdditionalPhoneNumbers: []string{}, Ratings: []rating{},
		Tags: []string{}, TagsInfo: []tag{}, ConversationWrapupNotes: []string{}, CustomFields: []customField{},
	}
	s.reach()
	s.customer = &author{who.id, &who.name, s.c.RequesterEmail, s.c.RequesterPhoneNumber}
	return s
}

// reach fills in what a channel knows of the customer and of itself.
func (s *story) reach() {
	c := s.c
	switch s.ch.name {
	case "email", "contactform":
		c.RequesterEmail = &s.who.email
		c.Subject = new(s.fill(s.topic.subject))
		c.DixaEmailIntegrationID, c.DixaEmailIntegrationSenderName = new(mailbox), new(teamName)
		if s.chance(20) {
			c.ForwardingEmail = new("shop@example.com")
		}
		if s.chance(6) {
			c.RequesterAdditionalEmails = append(c.RequesterAdditionalEmails, "work."+s.who.email)
		}
	case "widgetchat":
		c.RequesterEmail = &s.who.email
		c.WidgetID, c.WidgetName = new(s.pages[widgetName]), new(widgetName)
		c.OriginatingCountry = new(map[string]string{"da": "DK", "de": "DE", "en": "GB"}[s.who.language])
	case "facebookmessenger":
		c.FacebookPageID, c.FacebookPageName = new(s.pages[facebookPage]), new(facebookPage)
	default:
		c.RequesterPhoneNumber = &s.who.phone
		c.ToProvisionedPhoneNumberID, c.ToProvisionedPhoneNumberName = new(lineNumber), new(lineName)
		if s.chance(6) {
			c.RequesterAdditionalPhoneNumbers = append(c.RequesterAdditionalPhoneNumbers, s.who.phone+"9")
		}
	}
}

// tell lets the conversation happen and adds it to the world.
func (s *story) tell() {
	outbound := s.create()
	if outbound {
		s.assign(0)
	} else {
		s.open()
	}
	if s.c.AssignedAt != nil || outbound {
		if s.ch.phone {
			s.talk()
		} else {
			s.write(outbound)
		}
		s.label()
		s.close()
		s.rate()
		s.reopen()
	} else if s.chance(50) {
		s.close() // given up by the customer, closed by a rule
	}
	s.anonymise()
	if s.c.Status == "open" && s.c.AssignedAt != nil && s.chance(30) {
		s.c.Status = "pending"
		s.log(s.c.UpdatedAt, "ConversationPending", s.agent.author, attributes{})
	}
	s.logMessages()
	s.add(s.c, s.messages, s.activities)
}

// create settles who begins the conversation: seldom the agent.
func (s *story) create() (outbound bool) {
	outbound = s.ch.name == "callback" || !s.ch.live && s.ch.name != "voicemail" && s.chance(7)
	if !outbound {
		s.log(s.now, "ConversationCreatedByCustomer", s.customer, attributes{Channel: s.ch.name})
		return false
	}
	s.c.Direction = "outbound"
	s.c.FromProvisionedPhoneNumberID, s.c.ToProvisionedPhoneNumberID = s.c.ToProvisionedPhoneNumberID, nil
	s.c.FromProvisionedPhoneNumberName, s.c.ToProvisionedPhoneNumberName = s.c.ToProvisionedPhoneNumberName, nil
	s.log(s.now, "ConversationCreatedByAgent", s.agent.author, attributes{Channel: s.ch.name})
	return true
}

// open is how a conversation begins that a customer begins: the first message,
// whatever answers by itself, the queue, and somebody who takes it.
func (s *story) open() {
	if s.ch.phone {
		s.ring()
	} else {
		if s.ch.name == "widgetchat" && s.chance(35) {
			s.flow()
		}
		s.say("inbound", s.firstWords())
		staffed := s.working(time.UnixMilli(s.now))
		if !s.ch.live && (s.ch.name == "contactform" || !staffed) && s.chance(70) && s.pass(4000) {
			s.say("outbound", s.fill(s.words.automatic)).automate()
		}
	}
	if !s.chance(4) && s.pass(1500) {
		s.enqueue(s.queue())
	}
	if !s.chance(5) {
		s.assign(s.about(s.ch.wait))
	}
}

// pass lets time go by and reports whether the world still stands.
func (s *story) pass(ms int64) bool {
	if s.over = s.over || s.now+ms >= s.end; !s.over {
		s.now += ms
	}
	return !s.over
}

// passAtWork lets time go by until an agent can act.
func (s *story) passAtWork(ms int64) bool {
	at := s.opening(time.UnixMilli(s.now + ms)).UnixMilli()
	if late := at - s.now - ms; late > 0 {
		at += s.about(20 * time.Minute)
	}
	return s.pass(at - s.now)
}

func (s *story) queue() int {
	switch {
	case s.topic.queue != 0 && s.chance(60):
		return s.topic.queue
	case s.who.language == "de":
		return 1
	case s.who.language == "en":
		return 2
	}
	return 0
}

func (s *story) enqueue(queue int) {
	s.c.QueuedAt, s.c.QueueID, s.c.QueueName = new(s.now), new(s.queueIDs[queue]), new(queueNames[queue])
	s.c.UpdatedAt = s.now
}

func (s *story) assign(after int64) {
	since := s.now
	if after > 0 && !s.passAtWork(after) {
		return
	}
	s.take()
	s.logAssignment(since)
}

// take makes the agent the assignee.
func (s *story) take() {
	a := s.agent
	s.c.AssignedAt, s.c.UpdatedAt = new(s.now), s.now
	s.c.AssigneeID, s.c.AssigneeName, s.c.AssigneeEmail, s.c.AssigneePhoneNumber = &a.id, &a.name, &a.email, &a.phone
}

// write is the exchange of messages, until nobody has anything to add.
func (s *story) write(outbound bool) {
	turns := 1 + s.rng.IntN(s.ch.turns)
	for turn := range turns {
		if turn == 1 && s.chance(12) {
			s.transfer()
		}
		if !outbound || turn > 0 {
			if !s.passAtWork(s.about(s.ch.answer)) {
				return
			}
		}
		s.say("outbound", s.answer(turn == turns-1))
		if (turn < turns-1 || s.chance(25)) && s.pass(s.about(s.ch.reply)) {
			s.say("inbound", s.followUp())
		}
	}
}

// transfer hands a conversation over to another queue and another agent.
func (s *story) transfer() {
	if s.pass(s.about(s.ch.answer)) {
		s.handOver()
		s.assign(s.about(s.ch.wait))
	}
}

// handOver is the transfer itself: another queue, and another agent to come.
func (s *story) handOver() {
	s.enqueue(3 + s.rng.IntN(2))
	with := attributes{TransferType: "Queue", QueueID: *s.c.QueueID}
	s.log(s.now, "TransferInitiated", s.agent.author, with)
	s.log(s.now, "TransferSuccessful", s.agent.author, with)
	s.log(s.now, "ConversationUnassigned", s.agent.author, attributes{AgentID: s.agent.id})
	s.agent = s.agentAt(s.c.CreatedAt)
}

func (s *story) close() {
	if s.pass(s.about(s.ch.answer)) {
		s.shut()
	}
}

// shut closes the conversation.
func (s *story) shut() {
	s.c.Status, s.c.ClosedAt, s.c.UpdatedAt = "closed", new(s.now), s.now
	s.c.TotalDuration = new((s.now - s.c.CreatedAt) / 1000)
	var by *author // nobody: a rule
	if s.c.AssignedAt != nil {
		s.c.HandlingDuration = new(min((s.now-s.c.CreatedAt)/1000, 60+s.rng.Int64N(1500)))
		by = s.agent.author
	}
	s.log(s.now, "ConversationClosed", by, attributes{})
}

// reopen has the customer come back to a closed conversation.
func (s *story) reopen() {
	if s.ch.phone || !s.chance(9) || !s.pass(s.about(40*time.Hour)) {
		return
	}
	s.say("inbound", s.followUp())
	s.c.Status = "open"
	s.log(s.now, "ConversationReopened", s.customer, attributes{})
	if s.chance(80) && s.passAtWork(s.about(s.ch.answer)) {
		s.say("outbound", s.answer(true))
		if s.chance(75) {
			s.close()
		}
	}
}

// anonymise blanks what says who somebody is and what they wrote. Dixa documents
// that content goes and the rest stays, not what the exports then show.
// https://docs.dixa.io/docs/gdpr-data-anonymisation
func (s *story) anonymise() {
	c := s.c
	if c.Status != "closed" || !s.chance(3) || !s.pass(s.about(9*24*time.Hour)) {
		return
	}
	c.AnonymizedAt, c.UpdatedAt = new(s.now), s.now
	c.RequesterName, c.RequesterEmail, c.RequesterPhoneNumber, c.Subject = nil, nil, nil, nil
	c.RequesterAdditionalEmails, c.RequesterAdditionalPhoneNumbers = []string{}, []string{}
	c.TransfereeName, c.TransfereeNumber, c.ForwardingEmail, c.RatingMessage = nil, nil, nil, nil
	c.ConversationWrapupNotes = []string{}
	for i := range c.Ratings {
		c.Ratings[i].Message = nil
	}
	for i := range c.CustomFields {
		c.CustomFields[i].Value = nil
	}
	for i := range s.messages {
		s.messages[i].anonymise()
	}
	*s.customer = author{ID: s.who.id}
}
