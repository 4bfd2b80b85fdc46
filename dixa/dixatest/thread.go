package dixatest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// thread is a story told on the wall clock, in a goroutine of its own.
type thread struct {
	*story
	traffic *Traffic
	ctx     context.Context
	// How many of the story's messages and activities the world has.
	messagesShown, activitiesShown int
}

// longestWait is how long anything takes on average at most, so that a
// conversation lives for minutes where those of a made world live for days.
const longestWait = 45 * time.Second

// Waits that no channel sets.
const (
	atOnce = 0 // the next millisecond
	soon   = 2 * time.Second
)

// unfold lets the conversation happen, from its first event to its last.
func (th *thread) unfold() {
	if !th.arrive() {
		return
	}
	if th.ch.phone {
		th.talk()
	} else {
		th.write()
	}
	th.label()
	th.close()
	th.rate()
	if !th.ch.phone && th.chance(9) {
		th.comeBack()
	}
}

// wait lets about d go by and moves the story on to the wall clock: by a
// millisecond at least, so that every change has an updated_at of its own. It
// ends the goroutine where the traffic ends meanwhile.
func (th *thread) wait(d time.Duration) {
	pause := time.Millisecond
	if d > 0 {
		pause = time.Duration(th.about(min(d, longestWait))) * time.Millisecond
	}
	before := th.now
	for th.now <= before {
		if !th.traffic.sleep(th.ctx, pause) {
			runtime.Goexit()
		}
		th.now, pause = time.Now().UnixMilli(), time.Millisecond
	}
}

// happen shows the world what has changed, then emits the events of it.
func (th *thread) happen(events ...Event) {
	th.c.UpdatedAt = th.now
	var messages, activities []row
	for ; th.messagesShown < len(th.messages); th.messagesShown++ {
		m := &th.messages[th.messagesShown]
		th.logMessage(m)
		messages = append(messages, th.messageRow(m))
	}
	for ; th.activitiesShown < len(th.activities); th.activitiesShown++ {
		activities = append(activities, th.activityRow(&th.activities[th.activitiesShown]))
	}
	th.w.change(th.conversationRow(th.c), messages, activities)
	for _, e := range events {
		e.CSID = th.c.ID
		if _, err := th.traffic.server.Emit(e); err != nil {
			panic(fmt.Sprintf("dixatest: a conversation unfolding: %v", err))
		}
	}
}

// said is what happens once the story has said something.
func (th *thread) said(also ...Event) {
	m := th.messages[len(th.messages)-1]
	th.happen(slices.Concat([]Event{{Name: "ConversationMessageAdded", MessageID: m.ID}}, also)...)
}

// arrive is how the conversation begins. It reports whether an agent takes it.
func (th *thread) arrive() bool {
	outbound := th.create()
	th.happen(Event{Name: "ConversationCreated"})
	if outbound {
		th.assign(atOnce)
		return true
	}
	switch {
	case th.ch.name == "voicemail":
		th.wait(soon)
		th.ring()
		th.said()
	case !th.ch.phone:
		th.greet()
	}
	if !th.chance(4) {
		th.wait(soon)
		th.enqueue(th.queue())
		th.happen(Event{Name: "ConversationEnqueued"})
	}
	if th.ch.live && th.chance(6) { // the customer gives up
		th.wait(th.ch.wait)
		th.shut()
		th.happen(Event{Name: "ConversationAbandoned"}, Event{Name: "ConversationClosed"})
		return false
	}
	th.assign(th.ch.wait)
	return true
}

// greet is what the customer writes first, and what answers by itself.
func (th *thread) greet() {
	if th.ch.name == "widgetchat" && th.chance(35) {
		th.wait(atOnce)
		th.offerMenu()
		th.said()
		th.wait(8 * time.Second)
		th.choose()
		th.said()
	}
	th.wait(atOnce)
	th.say("inbound", th.firstWords())
	th.said()
	if !th.ch.live && th.chance(30) {
		th.wait(soon)
		th.say("outbound", th.fill(th.words.automatic)).automate()
		th.said()
	}
}

func (th *thread) assign(after time.Duration) {
	th.wait(after)
	th.take()
	if after > atOnce {
		th.log(th.now, "ConversationClaimed", th.agent.author, attributes{})
	}
	th.log(th.now, "ConversationAssigned", th.agent.author, attributes{AgentID: th.agent.id})
	th.happen(Event{Name: "ConversationAssigned"})
}

// talk is a call, which is a message once it is over.
func (th *thread) talk() {
	began := th.now
	th.wait(longestWait)
	th.call((th.now - began + 999) / 1000)
	th.said()
}

// write is the exchange of messages.
func (th *thread) write() {
	turns := 1 + th.rng.IntN(th.ch.turns)
	for turn := range turns {
		if turn == 1 && th.chance(12) {
			th.transfer()
		}
		th.wait(th.ch.answer)
		th.say("outbound", th.answer(turn == turns-1))
		th.said()
		if turn < turns-1 || th.chance(25) {
			th.reply()
		}
	}
}

// reply is the customer's answer, until which the agent may set the conversation
// aside.
func (th *thread) reply() {
	aside := th.chance(20)
	if aside {
		th.wait(soon)
		th.c.Status = "pending"
		th.log(th.now, "ConversationPending", th.agent.author, attributes{})
		th.happen(Event{Name: "ConversationPending"})
	}
	th.wait(th.ch.reply)
	th.say("inbound", th.followUp())
	if aside {
		th.reopen()
	} else {
		th.said()
	}
}

// reopen is a message that opens the conversation again.
func (th *thread) reopen() {
	th.c.Status = "open"
	th.log(th.now, "ConversationReopened", th.customer, attributes{})
	th.said(Event{Name: "ConversationOpen"})
}

// transfer hands the conversation over to another queue and another agent.
func (th *thread) transfer() {
	th.wait(th.ch.answer)
	th.handOver()
	th.c.AssignedAt, th.c.AssigneeID, th.c.AssigneeName, th.c.AssigneeEmail, th.c.AssigneePhoneNumber = nil, nil, nil, nil, nil
	th.happen(Event{Name: "ConversationTransferred"}, Event{Name: "ConversationUnassigned"}, Event{Name: "ConversationEnqueued"})
	th.assign(th.ch.wait)
}

// label is what the agent enters.
func (th *thread) label() {
	for _, name := range [...]string{th.topic.tag, th.pick(tagNames)} {
		if !slices.Contains(th.c.Tags, name) && th.chance(55) {
			th.wait(soon)
			th.tag(name)
			th.happen(Event{Name: "ConversationTagAdded", Tag: name})
		}
	}
	if n := len(th.c.Tags); n > 0 && th.chance(8) {
		th.wait(soon)
		gone := th.c.TagsInfo[n-1]
		th.c.Tags, th.c.TagsInfo = th.c.Tags[:n-1], th.c.TagsInfo[:n-1]
		th.log(th.now, "TagRemoved", th.agent.author, attributes{TagID: gone.ID, TagName: gone.Name})
		th.happen(Event{Name: "ConversationTagRemoved", Tag: gone.Name})
	}
	if th.chance(15) {
		th.wait(soon)
		th.happen(Event{Name: "ConversationNoteAdded", Note: th.note()})
	}
	if th.chance(45) {
		th.wait(soon)
		th.enter()
		th.happen(Event{Name: "ConversationCustomAttributeUpdated"})
	}
}

func (th *thread) close() {
	th.wait(th.ch.answer)
	th.shut()
	th.happen(Event{Name: "ConversationClosed"})
}

// rate is the survey: the record learns of it with the customer's answer, and of a
// comment some time later.
func (th *thread) rate() {
	if th.ch.name == "sms" || !th.chance(30) {
		return
	}
	offered := th.now
	th.wait(longestWait)
	r := rating{
		Score: new([...]int{5, 5, 5, 5, 4, 4, 3, 2, 1}[th.rng.IntN(9)]), Type: "CSAT", Status: "Rated", Language: th.who.language,
		CreatedAt: offered, ScheduledAt: &offered, ScheduledFor: &offered, OfferedAt: &offered,
		RatedAt: new(th.now), ModifiedAt: new(th.now),
	}
	th.c.Ratings, th.c.RatingScore = append(th.c.Ratings, r), r.Score
	th.log(th.now, "ConversationRated", th.customer, attributes{RatingType: r.Type, RatingScore: r.Score})
	th.happen(Event{Name: "ConversationRated"})
	if th.chance(35) {
		th.wait(10 * time.Second)
		last := &th.c.Ratings[len(th.c.Ratings)-1]
		last.Message, last.ModifiedAt = new(th.words.verdicts[*r.Score-1]), new(th.now)
		th.c.RatingMessage = last.Message
		th.happen(Event{Name: "ConversationRated"})
	}
}

// comeBack is a customer who has something to add to a closed conversation.
func (th *thread) comeBack() {
	th.wait(longestWait)
	th.say("inbound", th.followUp())
	th.reopen()
	th.wait(th.ch.answer)
	th.say("outbound", th.answer(true))
	th.said()
	th.close()
}
