package dixatest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"
)

// cast is who and what an organisation's conversations are made of.
type cast struct {
	staff     []person // the one who left is the last
	customers []person
	queueIDs  [len(queueNames)]string
	tags      map[string]tag
	fields    map[string]string // ids of custom fields, by identifier
	pages     map[string]string // ids of widgets, pages and lines, by name
}

func newCast(rng *rand.Rand, customers int) *cast {
	c := &cast{staff: newStaff(rng), customers: newCustomers(rng, customers), tags: map[string]tag{}}
	for i := range c.queueIDs {
		c.queueIDs[i] = uuid(rng)
	}
	for _, name := range tagNames {
		c.tags[name] = tag{ID: uuid(rng), Name: name, Deactivated: name == retiredTag}
	}
	c.fields = newIDs(rng, "order_number", "products", "legacy_segment")
	c.pages = newIDs(rng, widgetName, facebookPage)
	return c
}

func newIDs(rng *rand.Rand, names ...string) map[string]string {
	ids := map[string]string{}
	for _, name := range names {
		ids[name] = uuid(rng)
	}
	return ids
}

// person is somebody in a conversation.
type person struct {
	id, name, email, phone string
	language               string  // of customers
	author                 *author // of agents: as activities name them
}

// firstNames and lastNames are common ones, combined at random: nobody is meant.
var (
	firstNames = [...]string{
		"Søren", "Mette", "Åse", "Jørgen", "Kirsten", "Rasmus", "Freja", "Bjørn", "Ida", "Aksel",
		"Jürgen", "Käthe", "Björn", "Anja", "Lukas", "Heike", "Jonas", "Emma", "Oliver", "Grace",
	}
	lastNames = [...]string{
		"Ørsted", "Kjærgård", "Møller", "Bæk", "Lindqvist", "Åberg", "Nørgaard", "Holm", "Weiß", "Krüger",
		"Schäfer", "Böhm", "Vogel", "Hartmann", "Whitfield", "Ashdown", "O'Malley", "Penrose", "Dahl", "Strand",
	}
	staff = [...]string{
		"Anne Sejer", "Bo Lykke", "Cille Frost", "Dorte Æbelø", "Emil Skov", "Frauke Jäger",
		"Gustav Ravn", "Hanna Groß", "Imogen Hale", "Jens Ågård", "Karla Busch", "Liam Thorne",
	}
)

// leaver answers conversations in the first half of a world and is gone from the
// list of agents since.
const leaver = "Mogens Fjord"

// domains are those of customers, by language.
var domains = map[string]string{"da": "example.dk", "de": "example.de", "en": "example.com"}

// queueNames are where conversations wait: one for each language, then two for topics.
var queueNames = [...]string{"Kundeservice", "Kundendienst", "Customer care", "Faktura og betaling", "Returns & repairs"}

// address makes the local part of a mail address of a name.
func address(name string) string {
	spelled := strings.NewReplacer("æ", "ae", "ø", "oe", "å", "aa", "ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", " ", ".").
		Replace(strings.ToLower(name))
	return strings.Map(func(r rune) rune {
		if r != '.' && !unicode.IsLetter(r) {
			return -1
		}
		return r
	}, spelled)
}

// uuid draws a random UUID.
func uuid(rng *rand.Rand) string {
	return string(appendUUID(make([]byte, 0, 36), rng.Uint64(), rng.Uint64()))
}

func newStaff(rng *rand.Rand) []person {
	people := make([]person, 0, len(staff)+1)
	for i, name := range append(staff[:], leaver) {
		p := person{id: uuid(rng), name: name, email: address(name) + "@support.example.com", phone: fmt.Sprintf("+45700001%02d", i)}
		p.author = &author{p.id, &p.name, &p.email, &p.phone}
		people = append(people, p)
	}
	return people
}

func newCustomers(rng *rand.Rand, n int) []person {
	people := make([]person, n)
	for i := range people {
		name := firstNames[rng.IntN(len(firstNames))] + " " + lastNames[rng.IntN(len(lastNames))]
		language := [...]string{"da", "da", "da", "de", "en"}[rng.IntN(5)]
		prefix := map[string]string{"da": "+45", "de": "+49", "en": "+44"}[language]
		people[i] = person{
			id: uuid(rng), name: name, language: language,
			email: fmt.Sprintf("%s%d@%s", address(name), i, domains[language]),
			phone: fmt.Sprintf("%s7%07d", prefix, rng.IntN(10_000_000)),
		}
	}
	return people
}
