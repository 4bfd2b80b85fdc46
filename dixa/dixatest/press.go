package dixatest

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strconv"
)

// press prints rows fast: what does not change is ready-made JSON, texts are
// stretches of one long text that is escaped beforehand.
type press struct {
	seed      uint64
	buf       []byte // the row printed last
	text      []byte // sentences, as they stand within a JSON string
	sentences []int  // where each begins in text
	people    []printed
}

// printed is a person as JSON strings, quotes included.
type printed struct{ id, name, email string }

// longestText is how many sentences a text has at most.
const longestText = 80

func newPress(seed uint64) *press {
	p := &press{seed: seed}
	rng := rand.New(rand.NewPCG(seed, 0xb01c))
	for _, who := range append(newStaff(rng), newCustomers(rng, 243)...) {
		p.people = append(p.people, printed{string(quoted(who.id)), string(quoted(who.name)), string(quoted(who.email))})
	}
	var texts []string
	for _, language := range [...]string{"da", "de", "en"} {
		words := languages[language]
		texts = append(texts, words.detail...)
		for _, topic := range words.topics {
			texts = append(texts, topic.problem...)
			texts = append(texts, topic.answer...)
		}
	}
	for range 512 {
		sentence := quoted(texts[rng.IntN(len(texts))])
		p.sentences = append(p.sentences, len(p.text))
		p.text = append(append(p.text, sentence[1:len(sentence)-1]...), `\n`...)
	}
	return p
}

// quoted returns text as a JSON string, without the escapes that only HTML needs.
func quoted(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic("dixatest: encoding a text: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// words returns between 1 and longestText sentences: most texts are short.
func (p *press) words(h uint64) []byte {
	n := 1 + int(h%12)
	if h>>8%64 == 0 {
		n += int(h >> 16 % (longestText - 12))
	}
	first := int(h >> 32 % uint64(len(p.sentences)-n))
	return p.text[p.sentences[first] : p.sentences[first+n]-len(`\n`)]
}

func (p *press) message(i int, r row) {
	h := mix(p.seed, uint64(i)*4)
	direction, author := "inbound", &p.people[len(staff)+1+int(mix(p.seed, uint64(r.csid))%243)]
	if i%2 == 1 {
		direction, author = "outbound", &p.people[int(h>>48)%len(staff)]
	}
	b := append(p.buf[:0], `{"id":"`...)
	b = appendUUID(b, mix(p.seed, uint64(i)*4+1), mix(p.seed, uint64(i)*4+2))
	b = strconv.AppendInt(append(b, `","csid":`...), r.csid, 10)
	b = strconv.AppendInt(append(b, `,"created_at":`...), r.created, 10)
	b = append(append(b, `,"initial_channel":"email","author_name":`...), author.name...)
	b = append(append(b, `,"author_email":`...), author.email...)
	b = append(append(b, `,"direction":"`...), direction...)
	b = append(append(b, `","text":"`...), p.words(h)...)
	b = append(b, `","from_phone_number":null,"to_phone_number":null,"duration":null,"recording_url":null,"voicemail_url":null,`+
		`"to":["`+mailbox+`"],"cc":[],"bcc":[],"from":`...)
	b = append(b, author.email...)
	b = append(b, `,"attached_files":[],"is_automated_message":false,"chat_input_question":null,"chat_input_answer":null,`+
		`"chat_menu_text":null,"form_submission":null}`...)
	p.buf = b
}

func (p *press) conversation(i int, r row) {
	h := mix(p.seed+1, uint64(i))
	who, agent := &p.people[len(staff)+1+int(mix(p.seed, uint64(r.csid))%243)], &p.people[int(h>>48)%len(staff)]
	at := func(b []byte, key string, ms int64) []byte {
		return strconv.AppendInt(append(b, key...), ms, 10)
	}
	b := at(p.buf[:0], `{"id":`, r.csid)
	b = at(b, `,"created_at":`, r.created)
	b = append(append(b, `,"initial_channel":"email","requester_id":`...), who.id...)
	b = append(append(b, `,"requester_name":`...), who.name...)
	b = append(append(b, `,"requester_email":`...), who.email...)
	b = append(b, `,"requester_additional_emails":[],"requester_phone_number":null,"requester_additional_phone_numbers":[],`...)
	b = at(b, `"queued_at":`, min(r.created+1500, r.updated))
	b = append(b, `,"queue_id":"2b1f0c52-6d0e-4a53-9d0f-1c1f7c1a0001","queue_name":"Customer care"`...)
	b = at(b, `,"closed_at":`, r.closed)
	b = append(b, `,"rating_score":null,"rating_message":null,"ratings":[],"direction":"inbound"`...)
	b = at(b, `,"assigned_at":`, (r.created+r.lastMessage)/2)
	b = append(append(b, `,"assignee_id":`...), agent.id...)
	b = append(append(b, `,"assignee_name":`...), agent.name...)
	b = append(append(b, `,"assignee_email":`...), agent.email...)
	b = append(b, `,"assignee_phone_number":null,"to_provisioned_phone_number_id":null,"to_provisioned_phone_number_name":null`...)
	b = at(b, `,"total_duration":`, (r.closed-r.created)/1000)
	b = at(b, `,"handling_duration":`, (r.closed-r.created)/3000)
	b = append(b, `,"dixa_email_integration_id":"`+mailbox+`","dixa_email_integration_sender_name":"`+teamName+`",`+
		`"forwarding_email":null,"facebook_page_id":null,"facebook_page_name":null,"widget_id":null,"widget_name":null,`+
		`"tags":["delivery"],"tags_info":[{"id":"2b1f0c52-6d0e-4a53-9d0f-1c1f7c1a0002","name":"delivery","is_deactivated":false}],`+
		`"conversation_wrapup_notes":[],"transferee_name":null,"transferee_number":null,"transfer_time":null,`+
		`"originating_country":null,"status":"closed"`...)
	b = at(b, `,"updated_at":`, r.updated)
	b = at(b, `,"last_message_created_at":`, r.lastMessage)
	b = append(b, `,"from_provisioned_phone_number_id":null,"from_provisioned_phone_number_name":null,"subject":"`...)
	one := int(h % uint64(len(p.sentences)-1))
	b = append(b, p.text[p.sentences[one]:p.sentences[one+1]-len(`\n`)]...)
	p.buf = append(b, `","anonymized_at":null,"custom_fields":[]}`...)
}

// appendUUID appends a version 4 UUID made of two numbers.
func appendUUID(b []byte, hi, lo uint64) []byte {
	const digits = "0123456789abcdef"
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(3<<62) | 2<<62
	for i := range 32 {
		switch i {
		case 8, 12, 16, 20:
			b = append(b, '-')
		}
		word := hi
		if i >= 16 {
			word = lo
		}
		b = append(b, digits[word>>(60-4*(i%16))&15])
	}
	return b
}
