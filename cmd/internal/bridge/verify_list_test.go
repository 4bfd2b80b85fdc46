package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// reshape changes the rows of each page of registrations between Plecto and whoever reads them.
func (r *rig) reshape(change func(query url.Values, rows []any) []any) {
	hc := &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
		resp, err := r.http.Transport.RoundTrip(req)
		if err != nil || req.Method != http.MethodGet || !strings.Contains(req.URL.Path, "registrations") {
			return resp, err
		}
		defer resp.Body.Close()
		var body any
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
			return nil, err
		}
		if page, enveloped := body.(map[string]any); enveloped && page["results"] != nil {
			rows := page["results"].([]any)
			before := len(rows)
			rows = change(req.URL.Query(), rows)
			page["results"], page["count"] = rows, page["count"].(float64)+float64(len(rows)-before)
		} else if rows, bare := body.([]any); bare {
			body = change(req.URL.Query(), rows)
		}
		changed, err := json.Marshal(body)
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(changed)), int64(len(changed))
		return resp, err
	})}
	r.Plecto = plecto.New(plecto.Config{Email: "push@example.com", Password: "secret", URL: "http://plecto.example.com", HTTP: hc})
}

// unnamed takes the external ids from rows.
func unnamed(rows []any) []any {
	for _, row := range rows {
		delete(row.(map[string]any), "external_id")
		delete(row.(map[string]any), "reference")
	}
	return rows
}

func TestRowsWithoutExternalIDsCannotBeCompared(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("messages")
		r.cache(messages(0, 250)...)
		r.pushed()
		r.reshape(func(_ url.Values, rows []any) []any { return unnamed(rows) })
		before := len(r.reads())
		v, err := r.Verify(r.Context(), VerifyOptions{Repair: true})
		if err == nil || !strings.Contains(err.Error(), "no external id") {
			r.Errorf("%d differences, and the error is %v", len(v.Differences), err)
		}
		r.equal("requests", len(r.reads())-before, 1)
		r.reshape(func(_ url.Values, rows []any) []any { return rows })
		r.equal("differences", r.differences(VerifyOptions{}), map[string]string{})
	})
}

func TestTheOneRowThatWasAskedForNeedsNoExternalID(t *testing.T) {
	bubble(t, func(r *rig) {
		r.plecto.Behaviour.Lists = plectotest.ListsBare
		src := r.link("messages")
		r.cache(messages(0, 250)...)
		r.pushed()
		r.plecto.Edit(src.UUID, "m0002", map[string]any{"Direction": "sideways"})
		r.reshape(func(query url.Values, rows []any) []any {
			if query.Has("external_id") {
				return unnamed(rows)
			}
			if query.Get("page") == "" {
				return rows[3:] // which the list has left out
			}
			return rows
		})
		r.equal("differences", r.differences(VerifyOptions{}), map[string]string{"messages m0002": WhyEdited})
	})
}

func TestFieldsThatPlectoNeverShowsAreNoDifference(t *testing.T) {
	bubble(t, func(r *rig) {
		r.plecto.Behaviour.HideFields = true // and keys that it does not know are ignored
		src := r.link("messages", plectotest.Field{Name: "Conversation"}, plectotest.Field{Name: "Channel"})
		r.cache(messages(0, 250)...)
		r.pushed()
		r.equal("differences", r.differences(VerifyOptions{}), map[string]string{})
		r.plecto.Edit(src.UUID, "m0007", map[string]any{"Channel": "fax"})
		r.equal("after an edit", r.differences(VerifyOptions{}), map[string]string{"messages m0007": WhyEdited})
	})
}

func TestARowThatLacksWhatALaterOneShowsWasChanged(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		src := r.link("messages")
		all := messages(0, 300)
		all[1], all[250] = message(1, `,"duration":5`), message(250, `,"duration":5`)
		r.cache(all...)
		r.pushed()
		r.reshape(func(_ url.Values, rows []any) []any { // an empty value is not shown at all
			for _, row := range rows {
				for title, value := range row.(map[string]any) {
					if value == nil {
						delete(row.(map[string]any), title)
					}
				}
			}
			return rows
		})
		r.equal("differences", r.differences(VerifyOptions{}), map[string]string{})
		fields, err := chosen(src)
		r.must(err)
		for _, f := range fields {
			if f.Key == "duration" {
				r.plecto.Edit(src.UUID, "m0001", map[string]any{f.Title: nil})
			}
		}
		want := map[string]string{"messages m0001": WhyEdited}
		r.equal("after a value was removed", r.differences(VerifyOptions{}), want)
		lift := r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: len(r.posts()) + 3, Count: -1, Status: 503})
		if _, err := r.Verify(r.Context(), VerifyOptions{}); !Temporary(err) {
			r.Errorf("the error is %v", err)
		}
		lift()
		r.equal("when it was stopped between", r.differences(VerifyOptions{}), want)
	})
}

func TestRowsThatTheListLeavesOutCostNoMoreThanAnotherList(t *testing.T) {
	t.Parallel()
	span := store.Span{From: start, To: hour(800)}
	for name, row := range map[string]struct {
		behaviour plectotest.Behaviour
		span      store.Span
		emptied   bool
		most      int // requests
	}{
		"bounds about the writing":          {plectotest.Behaviour{FilterByWritten: true}, span, false, 1 + 7},
		"emptied":                           {plectotest.Behaviour{}, store.Span{}, true, 1},
		"emptied, with bounds":              {plectotest.Behaviour{}, span, true, 2},
		"emptied, and nothing is counted":   {plectotest.Behaviour{Lists: plectotest.ListsBare}, store.Span{}, true, 2},
		"emptied, counted not, with bounds": {plectotest.Behaviour{Lists: plectotest.ListsBare}, span, true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				row.behaviour.RegistrationsPerHour, row.behaviour.RequestsPerHour = -1, -1
				r.plecto.Behaviour = row.behaviour
				src := r.link("messages")
				r.cache(messages(0, 700)...)
				r.pushed()
				want := map[string]string{}
				for n := range 700 {
					if id := fmt.Sprintf("m%04d", n); row.emptied || n == 7 {
						r.plecto.Delete(src.UUID, id)
						want["messages "+id] = WhyDeleted
					}
				}
				var told []string
				said := 0
				v := r.verify(VerifyOptions{Span: row.span, Price: func(prices []Price) {
					told, said = append(told, prices[0].Why), said+prices[0].Requests
				}})
				r.sameDifferences("the differences", r.told(v), want)
				if v.Requests > row.most {
					r.Errorf("it made %d requests, %d at most are needed", v.Requests, row.most)
				}
				if again := v.Requests > 1; len(told) > 1 != again || again && (told[0] != "" || told[1] == "" || said < v.Requests) {
					r.Errorf("for %d requests it said %d: %q", v.Requests, said, told)
				}
			})
		})
	}
}

func TestARowMadeByHandNeitherEndsTheListNorIsTold(t *testing.T) {
	t.Parallel()
	for name, lists := range map[string]plectotest.Lists{"in an envelope": plectotest.ListsMixed, "bare": plectotest.ListsBare, "without pages": plectotest.ListsWhole} {
		for uuid, byHand := range map[string]map[string]any{
			"with a UUID":    {"uuid": strings.Repeat("ab", 16), "date": "2000-01-02T00:00:00Z", "external_id": nil},
			"without a UUID": {"date": "2000-01-02T00:00:00Z"},
		} {
			t.Run(name+", "+uuid, func(t *testing.T) {
				bubble(t, func(r *rig) {
					r.plecto.Behaviour.Lists = lists
					r.link("messages")
					r.cache(messages(0, 350)...)
					r.pushed()
					r.reshape(func(query url.Values, rows []any) []any {
						if len(rows) > 0 && !query.Has("external_id") {
							rows = append([]any{byHand}, rows...)
						}
						return rows
					})
					v := r.verify(VerifyOptions{})
					r.equal("differences", v.Differences, []Difference(nil))
					if v.Requests > 5 {
						r.Errorf("%d requests were made", v.Requests)
					}
				})
			})
		}
	}
}

func TestWhatIsPushedWhileVerifyReadsIsNoDifference(t *testing.T) {
	t.Parallel()
	for name, lists := range map[string]plectotest.Lists{"counted": plectotest.ListsMixed, "bare": plectotest.ListsBare} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.plecto.Behaviour.Lists = lists
				src := r.link("messages")
				r.cache(messages(0, 300)...)
				r.pushed()
				r.plecto.Edit(src.UUID, "m0001", map[string]any{"Direction": "sideways"})
				r.plecto.Edit(src.UUID, "m0002", map[string]any{"Direction": "sideways"})
				r.plecto.Delete(src.UUID, "m0003")
				r.cache(message(4, `,"duration":1`)) // pending when its page is read
				time.Sleep(time.Second)
				r.reshape(func(query url.Values, rows []any) []any {
					if query.Get("page") == "2" { // read by Plecto, and not by the comparison yet
						time.Sleep(time.Second)
						r.cache(message(2, `,"duration":5`), message(150, `,"duration":5`), message(250, `,"duration":5`), message(400, ""))
						r.pushed()
						r.plecto.Edit(src.UUID, "m0250", map[string]any{"Direction": "sideways"})
						r.cache(message(160, `,"duration":5`)) // and is pending at the end
					}
					return rows
				})
				v, err := r.Verify(r.Context(), VerifyOptions{})
				if !errors.Is(err, ErrDifferences) {
					r.Errorf("the error is %v", err)
				}
				r.sameDifferences("the differences", r.told(v), map[string]string{
					"messages m0001": WhyEdited, "messages m0003": WhyDeleted, "messages m0160": WhyPending,
					"messages m0250": WhyEdited,
				})
				for _, d := range v.Days {
					if d.Day == hour(150).Format(time.DateOnly) || d.Day == hour(400).Format(time.DateOnly) {
						r.equal("Plecto's count on "+d.Day, d.Plecto, d.Cache)
					}
				}
			})
		})
	}
}

// readings are the ways in which Plecto may answer what is read, by name.
var readings = map[string]plectotest.Behaviour{
	"as is":                           {},
	"values in an object":             {RowsNested: true},
	"values hidden":                   {HideValues: true},
	"values as text":                  {StringValues: true},
	"nothing as an empty text":        {NullsAsEmpty: true},
	"all of that":                     {RowsNested: true, StringValues: true, NullsAsEmpty: true, DatesNaive: true, Lists: plectotest.ListsBare, FilterExclusive: true},
	"dates in UTC, without saying so": {DatesNaive: true},
	"dates in Copenhagen":             {DatesNaive: true, NaiveZone: zone("Europe/Copenhagen")},
	"dates in Kathmandu":              {DatesNaive: true, NaiveZone: zone("Asia/Kathmandu")},
	"dates in Los Angeles":            {DatesNaive: true, NaiveZone: zone("America/Los_Angeles")},
	"every list in an envelope":       {Lists: plectotest.ListsEnveloped},
	"bare lists":                      {Lists: plectotest.ListsBare},
	"bare lists without pages":        {Lists: plectotest.ListsWhole},
	"one row a page":                  {PageSize: 1},
	"seven rows a page":               {PageSize: 7},
	"seven rows a page, bare":         {PageSize: 7, Lists: plectotest.ListsBare},
	"bounds not included":             {FilterExclusive: true},
	"bounds about the writing":        {FilterByWritten: true},
	"bounds ignored":                  {FilterIgnored: true},
}

func TestVerifyReadsRowsHoweverPlectoShowsThem(t *testing.T) {
	t.Parallel()
	for name, behaviour := range some(readings) {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				behaviour.RegistrationsPerHour, behaviour.RequestsPerHour = -1, -1
				r.plecto.Behaviour = behaviour
				messages := r.atWork(5, 2)[1]
				all := r.plecto.Registrations(messages.UUID)
				span := store.Span{From: start.Add(day), To: start.Add(4 * day)}
				var inside []plectotest.Registration
				for _, reg := range all {
					if !reg.Date.Before(span.From) && reg.Date.Before(span.To) {
						inside = append(inside, reg)
					}
				}
				for _, o := range []VerifyOptions{{}, {Span: span}, {Zone: zone("Pacific/Auckland")}} {
					v := r.verify(o)
					r.equal("differences after a push", r.told(v), map[string]string{})
					for _, d := range v.Days {
						r.equal("Plecto's count of "+d.Name+" on "+d.Day, d.Plecto, d.Cache)
					}
				}

				want := map[string]string{}
				deleted, moved, changed := inside[0], inside[1], inside[2]
				r.plecto.Delete(messages.UUID, deleted.ExternalID)
				r.plecto.Edit(messages.UUID, moved.ExternalID, map[string]any{"date": moved.Date.Add(50 * time.Hour).Format(time.RFC3339)})
				want["messages "+deleted.ExternalID], want["messages "+moved.ExternalID] = WhyDeleted, WhyEdited
				r.plecto.Edit(messages.UUID, changed.ExternalID, map[string]any{"Direction": "sideways"})
				if !behaviour.HideValues {
					want["messages "+changed.ExternalID] = WhyEdited
				}
				r.sameDifferences("without a span", r.differences(VerifyOptions{}), want)
				r.sameDifferences("in a span", r.differences(VerifyOptions{Span: span}), want)
			})
		})
	}
}
