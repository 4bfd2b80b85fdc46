package bridge

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// An erasedSet is what the fetchers of a run know of what is erased.
type erasedSet struct {
	mu    sync.Mutex
	known store.Erased
}

// has reports whether a record belongs to a conversation that is erased or was written by a customer who is, whoever's the
// conversation is. Of one that cannot be read it suffices that it names either.
func (e *erasedSet) has(r dixa.Record) bool {
	if r.Bad != "" {
		return e.named(r.Body)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.known.Conversation(r.CSID) || e.known.Requester(normal(r.AuthorEmail), r.CreatedAt) && !outbound(r)
}

// outbound reports whether a record is a message to a customer, and its author thus none, though they may be elsewhere.
func outbound(r dixa.Record) bool {
	o, err := parse(string(r.Body))
	return err == nil && o.is("direction", "outbound")
}

// named reports whether an element that cannot be read names something erased. When it was created is not known: as long
// ago as can be.
func (e *erasedSet) named(body []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(numbers(body), e.known.Conversation) ||
		e.known.Requesters() && slices.ContainsFunc(emailsIn(body), func(email string) bool { return e.known.Requester(email, 0) })
}

// learn reports whether a conversation is to be erased, since Dixa has anonymized it or its customer was erased, and
// remembers that.
func (e *erasedSet) learn(conversation dixa.Record) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	erase := conversation.CSID != 0 && (conversation.AnonymizedAt != 0 || slices.ContainsFunc(e.emails(conversation), func(email string) bool {
		return e.known.Requester(email, conversation.CreatedAt)
	}))
	if erase {
		e.known.Add(conversation.CSID)
	}
	return erase
}

// emails returns those of a conversation's customer; nothing while no customer is erased.
func (e *erasedSet) emails(conversation dixa.Record) []string {
	if !e.known.Requesters() {
		return nil
	}
	all := []string{normal(conversation.RequesterEmail)}
	if o, err := parse(string(conversation.Body)); err == nil {
		for v := range elementsOf(o["requester_additional_emails"]) {
			all = append(all, normal(textOf(v)))
		}
	}
	return all
}

// numbers returns those of the conversations that an element names which could not be read.
func numbers(body []byte) (csids []int64) {
	o, err := parse(string(body))
	if err != nil {
		return nil
	}
	for _, key := range []string{"id", "csid", "conversationId"} {
		whole, _, _ := strings.Cut(o.text(key), ".")
		if csid, err := strconv.ParseInt(whole, 10, 64); err == nil {
			csids = append(csids, csid)
		}
	}
	return csids
}

// emailLike finds in a text what may be an e-mail, without the punctuation around it.
var emailLike = regexp.MustCompile(`[^\s"<>()\[\]\\,;:@]+@[\pL\pN.-]*[\pL\pN]`)

// emailsIn returns the e-mails in all texts of an element that could not be read.
func emailsIn(body []byte) (emails []string) {
	dec := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			return emails
		}
		for _, one := range emailLike.FindAllString(token.String(), -1) {
			emails = append(emails, normal(one))
		}
	}
}
