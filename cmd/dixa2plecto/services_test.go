package main

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// services are the simulated Dixa and the simulated Plecto of one script, behind one listener and each under a path.
type services struct {
	http   *httptest.Server
	trap   *httptest.Server   // another host, which nobody has reason to ask
	other  *plectotest.Server // another account of Plecto, in which the same UUIDs are given out
	world  *dixatest.World
	dixa   *dixatest.Server
	plecto *plectotest.Server
	lifts  []func() // of Plecto's faults
	shown  map[string]int

	mu     sync.Mutex
	caught []string          // by the trap
	poison map[string]string // by external id, what Plecto says of the row
}

type servicesKey struct{}

// The credentials look like nothing else, and need escaping in a URL and in base64 alike.
const (
	secretToken    = "kanarie+token/4711="
	secretEmail    = "kanarie+api@example.com"
	secretPassword = "kanarie&pass word/42"
)

func newServices() *services {
	s := &services{world: &dixatest.World{}, shown: map[string]int{}, poison: map[string]string{}}
	s.dixa = &dixatest.Server{World: s.world, Token: secretToken, Behaviour: dixatest.Behaviour{
		ConversationExportsPerMinute: -1, MessageExportsPerMinute: -1, APIRequestsPerSecond: -1,
	}}
	s.plecto = &plectotest.Server{Email: secretEmail, Password: secretPassword, Refuse: s.refuse, Behaviour: plectotest.Behaviour{
		RegistrationsPerHour: -1, RequestsPerHour: -1,
	}}
	s.other = &plectotest.Server{Behaviour: s.plecto.Behaviour}
	mux := http.NewServeMux()
	mux.Handle("/elsewhere/plecto/", http.StripPrefix("/elsewhere/plecto", s.other))
	mux.Handle("/behind/dixa/", http.StripPrefix("/behind/dixa", s.dixa))
	mux.Handle("/behind/plecto/", http.StripPrefix("/behind/plecto", s.plecto))
	s.http = httptest.NewServer(mux)
	s.trap = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.caught = append(s.caught, r.Method+" "+r.URL.Path)
	}))
	return s
}

func (s *services) close() {
	for _, h := range []*httptest.Server{s.http, s.trap} {
		h.CloseClientConnections()
		h.Close()
	}
}

// env is the environment of a script: both services, nothing of the machine's own settings, and budgets lifted.
func (s *services) env(work string) map[string]string {
	return map[string]string{
		"DIXA_EXPORTS_URL":                     s.http.URL + "/behind/dixa/v1",
		"DIXA_API_URL":                         s.http.URL + "/behind/dixa/v1",
		"PLECTO_URL":                           s.http.URL + "/behind/plecto",
		"ELSEWHERE":                            s.http.URL + "/elsewhere/plecto",
		"TRAP":                                 s.trap.URL,
		"BASIC":                                basicSecret(),
		"HOSTILE":                              "\r::error::\x1b[31m\u202e",
		"DIXA_API_TOKEN":                       secretToken,
		"PLECTO_EMAIL":                         secretEmail,
		"PLECTO_PASSWORD":                      secretPassword,
		"DIXA_CONVERSATION_EXPORTS_PER_MINUTE": "0",
		"DIXA_MESSAGE_EXPORTS_PER_MINUTE":      "0",
		"DIXA_API_REQUESTS_PER_SECOND":         "0",
		"PLECTO_REQUESTS_PER_HOUR":             "0",
		"DIXA2PLECTO_DB":                       filepath.Join(work, "cache.db"),
		"HOME":                                 filepath.Join(work, "home"),
		"XDG_CONFIG_HOME":                      filepath.Join(work, "config"),
		"XDG_STATE_HOME":                       filepath.Join(work, "state"),
		// No keyring: what is stored goes to a file.
		"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + filepath.Join(work, "no-bus"),
	}
}

func basicSecret() string {
	return base64.StdEncoding.EncodeToString([]byte(secretEmail + ":" + secretPassword))
}

// secretSpellings are the secrets as they stand, escaped for a URL and for JSON, and as Basic authentication sends them.
func secretSpellings() []string {
	all := []string{basicSecret()}
	for _, secret := range []string{secretToken, secretPassword} {
		quoted, _ := json.Marshal(secret)
		all = append(all, secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`))
	}
	return all
}

func (s *services) refuse(row map[string]any) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, _ := row["external_id"].(string)
	if words, ok := s.poison[id]; ok {
		return words
	}
	return s.poison["all"]
}

func servicesOf(ts *testscript.TestScript) *services { return ts.Value(servicesKey{}).(*services) }

// simulatedWorld fills Dixa with a team's work: world DAY DAYS [CONVERSATIONS-A-DAY]. DAY is as in --from.
func simulatedWorld(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && (len(args) == 2 || len(args) == 3), "world DAY DAYS [CONVERSATIONS-A-DAY]")
	from, _, err := parseWhen(args[0], time.Now(), time.UTC)
	ts.Check(err)
	team := dixatest.Team{Seed: 1, From: from, To: startOfDay(from, number(ts, args[1])), ConversationsPerDay: 5}
	if len(args) == 3 {
		team.ConversationsPerDay = number(ts, args[2])
	}
	made, s := dixatest.NewWorld(team), servicesOf(ts)
	for kind, records := range map[string][]json.RawMessage{
		"agents": made.Agents(), "conversations": made.Conversations(), "messages": made.Messages(),
	} {
		for _, r := range records {
			ts.Check(s.world.Put(kind, r))
		}
	}
}

// crowd fills Dixa with closed conversations 1 to N, one a second from noon of a day: crowd N DAY
func crowd(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 2, "crowd N DAY")
	day, _, err := parseWhen(args[1], time.Now(), time.UTC)
	ts.Check(err)
	for i := range number(ts, args[0]) {
		at := day.Add(12*time.Hour + time.Duration(i)*time.Second).UnixMilli()
		record := fmt.Sprintf(`{"id":%d,"created_at":%d,"updated_at":%d,"status":"closed","queue_name":"Returns"}`, i+1, at, at)
		ts.Check(servicesOf(ts).world.Put("conversations", json.RawMessage(record)))
	}
}

// put adds records to Dixa or replaces those with the same id: put KIND FILE, a record a line. NOW in it is the present in
// milliseconds.
func put(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 2, "put conversations|messages|agents FILE")
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	for line := range strings.Lines(strings.ReplaceAll(ts.ReadFile(args[1]), "NOW", now)) {
		ts.Check(servicesOf(ts).world.Put(args[0], json.RawMessage(line)))
	}
}

// behave makes Plecto act otherwise than it would: behave SETTING...
func behave(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) > 0, "behave SETTING...")
	s := servicesOf(ts)
	b := &s.plecto.Behaviour
	for _, setting := range args {
		name, value, _ := strings.Cut(setting, "=")
		switch name {
		case "refuse-inputs":
			b.RefuseInputs = strings.Split(value, ",")
		case "unnamed-refusals":
			b.InputRefusal = plectotest.InputUnnamed
		case "created-empty":
			b.Created = plectotest.CreatedEmpty
		case "created-id":
			b.Created = plectotest.CreatedID
		case "hide-fields":
			b.HideFields = true
		case "forbid-datasources":
			b.ForbidDataSources = true
		case "forbid-members":
			b.ForbidMembers = true
		case "forbid-members-list":
			b.ForbidMembersList = true
		case "hide-accounts":
			b.HideAccounts = true
		default:
			ts.Fatalf("there is no setting %q", name)
		}
	}
	s.plecto.Requests() // whose lock puts the settings before what is asked from now on
}

// requests prints what a service was asked since the last time, a line each, sorted by endpoint:
// requests dixa|plecto|trap. Bounds of exports are instants; of Plecto's rows there is the number.
func requests(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 1, "requests dixa|plecto|trap")
	s := servicesOf(ts)
	var lines []string
	switch args[0] {
	case "dixa":
		for _, r := range s.dixa.Requests() {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s", r.Endpoint, bounds(r.Query)))+fmt.Sprintf(" %d", r.Status))
		}
	case "plecto":
		for _, r := range s.plecto.Requests() {
			lines = append(lines, fmt.Sprintf("%s %s %d %d", r.Method, r.Endpoint, r.Rows, r.Status))
		}
	case "trap":
		s.mu.Lock()
		lines = s.caught
		s.mu.Unlock()
	default:
		ts.Fatalf("there is no service %q", args[0])
	}
	fresh := slices.Clone(lines[s.shown[args[0]]:])
	s.shown[args[0]] = len(lines)
	slices.SortStableFunc(fresh, func(a, b string) int { return strings.Compare(strings.Fields(a)[0], strings.Fields(b)[0]) })
	printLines(ts, fresh)
}

// arrives waits for the n-th request to an endpoint of a service: arrives dixa|plecto ENDPOINT N
func arrives(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) == 3, "arrives dixa|plecto ENDPOINT N")
	s := servicesOf(ts)
	reached := s.dixa.Reached
	if args[0] == "plecto" {
		reached = s.plecto.Reached
	}
	select {
	case <-reached(args[1], number(ts, args[2])):
	case <-time.After(30 * time.Second):
		ts.Fatalf("still waiting for it")
	}
}

// bounds writes the filters of an export as times.
func bounds(query string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return query
	}
	var text []string
	for name, v := range values {
		if ms, err := strconv.ParseInt(v[0], 10, 64); err == nil && ms > 1e12 {
			text = append(text, name+" "+time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z"))
		}
	}
	slices.Sort(text)
	return strings.Join(text, " ")
}

// fault makes something go wrong: fault [FLAGS] dixa|plecto
func fault(ts *testscript.TestScript, neg bool, args []string) {
	f := flag.NewFlagSet("fault", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	endpoint := f.String("endpoint", "", "")
	request := f.Int("request", 0, "the first request it strikes: each in Dixa, the next in Plecto when 0")
	count := f.Int("count", 0, "how many in a row, all when negative")
	status := f.Int("status", 0, "the answer")
	body := f.String("body", "", "of the answer")
	location := f.String("location", "", "of a redirect")
	retry := f.String("retry-after", "", "")
	cut := f.Int64("cut", 0, "bytes after which Dixa's answer is cut")
	insert := f.String("insert", "", "one more element in Dixa's answer")
	stall := f.Bool("stall", false, "no answer")
	drop := f.Bool("drop", false, "Plecto cuts the connection")
	after := f.Bool("after", false, "Plecto has done what was asked before")
	ts.Check(f.Parse(args))
	takes(ts, !neg && f.NArg() == 1, "fault [FLAGS] dixa|plecto")
	header := http.Header{}
	for name, value := range map[string]string{"Location": *location, "Retry-After": *retry} {
		if value != "" {
			header.Set(name, value)
		}
	}
	s := servicesOf(ts)
	if f.Arg(0) == "plecto" {
		s.lifts = append(s.lifts, s.plecto.Fault(plectotest.Fault{
			Endpoint: *endpoint, Request: *request, Count: *count, Status: *status, Header: header, Body: *body,
			Stall: *stall, Drop: *drop, AfterStoring: *after,
		}))
		return
	}
	one := dixatest.Fault{Endpoint: *endpoint, Request: *request, Count: *count, Status: *status, Header: header, Body: *body}
	switch {
	case *cut > 0:
		one.Do, one.Bytes = dixatest.Cut, *cut
	case *insert != "":
		one.Do, one.Body = dixatest.Insert, *insert
	case *stall:
		one.Do, one.Bytes = dixatest.Stall, -1
	}
	s.dixa.Fault(one)
}

// heal ends all that fault and poison began, of both services or of one: heal [dixa|plecto]
func heal(ts *testscript.TestScript, neg bool, args []string) {
	takes(ts, !neg && len(args) <= 1, "heal [dixa|plecto]")
	s := servicesOf(ts)
	if !slices.Contains(args, "plecto") {
		s.dixa.Heal()
	}
	if slices.Contains(args, "dixa") {
		return
	}
	for _, lift := range s.lifts {
		lift()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.poison)
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}
