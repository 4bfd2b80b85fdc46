package bridge

import (
	"fmt"
	"net/http"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// happens changes Dixa's world; of some changes no event arrives.
func (s *simulation) happens() {
	for range 1 + s.IntN(4) {
		s.happen()
	}
}

func (s *simulation) happen() {
	csid, name, message := 1+s.IntN(s.csids+1), one(s.world, "ConversationClosed", "ConversationOpen", "ConversationTransferred"), ""
	now := s.clock()
	if csid > s.csids {
		s.csids, name = csid, "ConversationCreated"
		s.facts[fmt.Sprint("conversations ", csid)] = &fact{csid: csid, created: now}
	}
	c := s.facts[fmt.Sprint("conversations ", csid)]
	c.updated, c.version = now, c.version+1
	if s.IntN(2) == 0 {
		s.messages++
		message, name = fmt.Sprint("m", s.messages), "ConversationMessageAdded"
		s.facts["messages "+message] = &fact{csid: csid, created: now, updated: now}
		s.put("messages", fmt.Sprintf(`{"id":%q,"csid":%d,"created_at":%d,"direction":"inbound","initial_channel":"email","text":"kanarie%04d"}`,
			message, csid, now.UnixMilli(), csid))
	}
	s.put("conversations", fmt.Sprintf(`{"id":%d,"created_at":%d,"updated_at":%d,"status":"open","direction":"inbound","initial_channel":"email",`+
		`"total_duration":%d,"requester_name":"kanarie%04d"}`, csid, c.created.UnixMilli(), now.UnixMilli(), c.version, csid))
	_, err := s.dixa.Emit(dixatest.Event{Name: name, CSID: int64(csid), MessageID: message})
	s.must(err)
	s.note("%s of %d, version %d, %s", name, csid, c.version, message)
	time.Sleep(time.Duration(1+s.IntN(1500)) * time.Millisecond)
}

func (s *simulation) waits() {
	d := one(s.world, time.Second, 7*time.Second, time.Minute, 3*time.Minute)
	if s.life.serve == nil {
		d *= one[time.Duration](s.world, 1, 1, 20, 60)
	}
	s.note("wait %v", d)
	time.Sleep(d)
}

// faults has the next requests of a service go wrong.
func (s *simulation) faults() {
	count := 1 + s.IntN(3)*s.IntN(3)
	if s.IntN(2) == 0 {
		f := dixatest.Fault{Endpoint: one(s.world, dixatest.ConversationExport, dixatest.MessageExport)}
		request := len(s.exports(f.Endpoint)) + 1 + s.IntN(2)
		switch s.IntN(5) {
		case 0:
			f.Do, f.Bytes = dixatest.Cut, s.Int64N(900)-1
		case 1:
			f.Do, f.Bytes = dixatest.Short, s.Int64N(900)
		case 2:
			endpoint := f.Endpoint
			f = dixatest.Page()
			f.Endpoint = endpoint
		case 3:
			f.Status = http.StatusTooManyRequests
		case 4:
			f.Status = one(s.world, 500, 502, 503)
		}
		f.Request, f.Count = request, count
		s.note("fault at Dixa's %s from %d on, %d times: action %d, status %d, bytes %d", f.Endpoint, f.Request, count, f.Do, f.Status, f.Bytes)
		s.dixa.Fault(f)
		return
	}
	f := plectotest.Fault{Endpoint: "registrations", Count: count, AfterStoring: s.IntN(2) == 0}
	if s.IntN(3) == 0 {
		f.Drop = true
	} else {
		f.Status = one(s.world, 429, 500, 502, 503)
	}
	s.note("fault at Plecto, %d times: %d, stored %v, dropped %v", count, f.Status, f.AfterStoring, f.Drop)
	s.lifts = append(s.lifts, s.plecto.Fault(f))
}

// fuses has the program be killed some exchanges from now.
func (s *simulation) fuses() {
	n := 1 + s.Int64N(12)
	s.note("killed in %d exchanges", n)
	s.life.fuse.Store(n)
}

func (s *simulation) imports() {
	r := s.first
	if s.IntN(3) > 0 {
		r.To = s.clock().Add(-time.Duration(s.IntN(3)) * time.Minute)
		r.From = r.To.Add(-time.Duration(1+s.IntN(60)) * time.Minute)
	}
	r.Restart = s.IntN(4) == 0
	if !s.imported(r) {
		s.imported(r)
	}
}

// imported reports whether a range was imported and pushed without an error, and makes sure that it is all in Plecto then.
func (s *simulation) imported(r Range) bool {
	name := fmt.Sprint(r.From, r.To)
	began, resumed := s.begun[name]
	if !resumed || r.Restart {
		began = time.Now()
	}
	s.begun[name] = began
	_, err := s.life.Import(s.life.ctx, r)
	s.note("import of %v to %v: %v", r.From.Format(time.TimeOnly), r.To.Format(time.TimeOnly), err)
	s.tolerable(err)
	if err != nil {
		return false
	}
	delete(s.begun, name)
	if !s.pushed() {
		return false
	}
	s.complete("imported and pushed", began, func(f *fact) bool { return !f.created.Before(r.From) && f.created.Before(r.To) })
	return true
}

// clock is the time as Dixa counts it.
func (s *simulation) clock() time.Time { return time.Now().Truncate(time.Millisecond) }

func (s *simulation) syncs() { s.synced() }

// synced reports whether a sync succeeded.
func (s *simulation) synced() bool {
	began := time.Now()
	_, _, err := s.life.Sync(s.life.ctx, PushOptions{})
	s.note("sync: %v", err)
	s.tolerable(err)
	if err != nil || s.life.dead.Load() {
		return false
	}
	s.complete("synced", began, func(f *fact) bool { return !f.updated.Before(s.first.To) })
	return true
}

func (s *simulation) pushes() { s.pushed() }

// pushed reports whether a push succeeded.
func (s *simulation) pushed() bool {
	_, err := s.life.Push(s.life.ctx, PushOptions{})
	s.note("push: %v", err)
	s.tolerable(err)
	return err == nil && !s.life.dead.Load()
}

// erases has a conversation erased.
func (s *simulation) erases() {
	if s.csids == 0 {
		return
	}
	csid := 1 + s.IntN(s.csids)
	_, err := s.life.Erase(s.life.ctx, Erasure{CSIDs: []int64{int64(csid)}})
	s.note("erase %d: %v", csid, err)
	s.tolerable(err)
	if err == nil {
		s.erased = append(s.erased, csid)
		s.forgotten()
	}
}
