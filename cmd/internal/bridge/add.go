package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// ErrTitleTaken: Plecto has a data source of that title that is not known to be the one meant.
var ErrTitleTaken = errors.New("a data source of that title is in Plecto already")

// AddOptions say what source to add.
type AddOptions struct {
	Kind   string
	Name   string // the kind, then with a number, when empty
	Title  string // of the data source; "Dixa " and the kind when empty
	Choice store.Choice
}

// Added is a source with its data source in Plecto.
type Added struct {
	Source store.Source
	// Found says that the data source was there: in the cache, or in Plecto from an earlier call that was cut off.
	Found bool
	// InCache says that the source was there too.
	InCache bool
}

// Add creates a data source in Plecto with all fields that the source is to have, since fields cannot be added later
// through the API, and remembers it as a source. Called again it finds the first: in the cache or, where that call was cut off,
// by its title in Plecto. https://docs.plecto.com/kb/guide/en/how-to-send-data-to-plectos-api-8jyWZ97bO9/Steps/2186713
func (b *Bridge) Add(ctx context.Context, o AddOptions) (Added, error) {
	var done Added
	if err := checkKind(o.Kind); err != nil {
		return done, err
	}
	if o.Title = strings.TrimSpace(o.Title); o.Title == "" {
		o.Title = title(o.Kind)
	}
	sources, err := b.Store.Sources(ctx)
	if err != nil {
		return done, err
	}
	for _, src := range sources {
		if src.Kind == o.Kind && src.Title == o.Title && (o.Name == "" || o.Name == src.Name) {
			return Added{src, true, true}, sameChoice(src, o.Choice)
		}
	}
	if o.Choice.Keys == nil { // written down, since those of another version may be others
		o.Choice.Keys = keysOf(Usual(o.Kind))
	}
	src := store.Source{Kind: o.Kind, Title: o.Title, Choice: o.Choice, Account: b.account()}
	if src.Name, err = nameFor(sources, o.Kind, o.Name); err != nil {
		return done, err
	}
	if done, err = b.create(ctx, src); err != nil {
		return done, err
	}
	for _, other := range sources {
		if other.UUID == done.Source.UUID {
			return done, fmt.Errorf("%w: data source %s (%q) is a source already, for %s as %q", ErrUsage, other.UUID, o.Title, other.Kind, other.Name)
		}
	}
	done.Source, err = b.Store.AddSource(context.WithoutCancel(ctx), done.Source)
	return done, err
}

// sameChoice refuses to take a source for one that is asked for otherwise. What is not asked for may be as it is.
func sameChoice(src store.Source, asked store.Choice) error {
	keys := src.Keys
	if keys == nil {
		keys = keysOf(Usual(src.Kind))
	}
	same := slices.Equal(slices.Sorted(slices.Values(keys)), slices.Sorted(slices.Values(asked.Keys))) // their order is not Plecto's
	if (asked.Keys == nil || same) && (asked.DateField == "" || asked.DateField == src.DateField) &&
		(asked.Member == "" || asked.Member == src.Member) {
		return nil
	}
	return fmt.Errorf("%w: source %q (%q) is there, with another choice of fields, date or member: a second one needs another --title", ErrUsage, src.Name, src.Title)
}

// create finds the data source that an earlier call has made, or makes it. A request that may or may not have succeeded
// is followed by another look.
func (b *Bridge) create(ctx context.Context, src store.Source) (Added, error) {
	fields, err := chosen(src)
	if err != nil {
		return Added{}, err
	}
	p := patience{limit: b.Patience}
	progress := func() Progress { return Progress{Flow: "sources", Name: src.Name} }
	budget := b.Limits.plectoRest()
	plain := map[plecto.Input]bool{}   // inputs that Plecto does not take
	for ours := false; ; ours = true { // what has the title after a request of this call is of its making
		found, err := b.find(ctx, src, fields, ours, progress)
		if err != nil || found.Source.UUID != "" {
			return found, err
		}
		made := plecto.NewDataSource{Title: src.Title}
		src.AsText = nil
		for _, f := range fields {
			input := inputs[f.Type]
			if plain[input] {
				input = plecto.TextInput
				src.AsText = append(src.AsText, f.Key)
			}
			made.Fields = append(made.Fields, plecto.NewField{Name: f.Title, Input: input})
		}
		if _, err := b.spend(ctx, budget, progress); err != nil {
			return Added{}, err
		}
		inFlight, done := outlive(ctx)
		shown, err := b.Plecto.CreateDataSource(inFlight, made)
		done()
		held, holdErr := b.hold(ctx, budget, err)
		switch {
		case holdErr != nil:
			return Added{}, holdErr
		case held: // and looked for once more: it may be made all the same
		case err == nil && shown.UUID != "":
			src.UUID = shown.UUID
			src.Fields = titlesOf(fields)
			return Added{Source: src}, nil
		case err == nil:
			if found, err = b.find(ctx, src, fields, true, progress); err == nil && found.Source.UUID == "" {
				err = fmt.Errorf("bridge: Plecto made the data source %q, but does not tell its UUID: look it up there, and link it", src.Title)
			}
			found.Found = false
			return found, err
		case errors.Is(err, plecto.ErrRefused):
			if !refuseInputs(plain, err) {
				return Added{}, err
			}
			b.Log.Debug("the data source is tried with more fields as text", "title", src.Title, "error", err)
		case !temporary(err) || ctx.Err() != nil:
			return Added{}, err
		default:
			wait, ok := p.failed()
			if !ok {
				return Added{}, err
			}
			b.Log.Warn("trying again", "in", wait, "error", err)
			if err := b.wait(ctx, time.Now().Add(wait), "another try", progress); err != nil {
				return Added{}, err
			}
		}
	}
}

// find looks for the data source among those that Plecto lists. One with its title is taken for it only if it is known to
// be ours, or shows all of its fields: it might be anyone's.
func (b *Bridge) find(ctx context.Context, src store.Source, fields []Field, ours bool, progress func() Progress) (Added, error) {
	p := patience{limit: b.Patience} // its own: that it can be listed does not say that it can be made
	titles := titlesOf(fields)
	var taken *plecto.DataSource
	for page, more := 1, true; more && page <= maxPages; page++ {
		var shown []plecto.DataSource
		err := b.ask(ctx, b.Limits.plectoRest(), &p, progress, func(ctx context.Context, _ ticket) (err error) {
			shown, more, err = b.Plecto.DataSources(ctx, page)
			return err
		})
		if unlisted(err) {
			b.Log.Debug("the data sources cannot be listed", "error", err)
			break
		}
		if err != nil {
			return Added{}, err
		}
		for _, d := range shown {
			if d.Title != src.Title {
				continue
			}
			if d.UUID != "" && d.Fields == nil { // a list may show less
				if one, err := b.dataSource(ctx, d.UUID, patience{}, progress); err == nil {
					d.Fields, d.Texts = one.Fields, one.Texts
				}
			}
			lacks := func(title string) bool { return !slices.Contains(d.Fields, title) }
			if d.UUID == "" || !ours && slices.ContainsFunc(titles, lacks) {
				taken = &d
				continue
			}
			src.UUID = d.UUID
			if d.Fields == nil { // as they were asked for
				src.Fields = titles
				return Added{Source: src, Found: true}, nil
			}
			src.Fields, src.AsText = d.Fields, nil
			for _, f := range fields {
				if f.Type != Text && slices.Contains(d.Texts, f.Title) {
					src.AsText = append(src.AsText, f.Key)
				}
			}
			return Added{Source: src, Found: true}, nil
		}
	}
	if taken != nil {
		return Added{}, fmt.Errorf("%w: %q (%s), which does not show the fields that it should have", ErrTitleTaken, taken.Title, taken.UUID)
	}
	return Added{}, nil
}

// inputs are the names of Plecto's types of field. Only that of text is attested; the others are Django's, which Plecto's
// public traces point to.
var inputs = map[Type]plecto.Input{Text: plecto.TextInput, Number: plecto.NumberInput, Time: plecto.DateTimeInput, YesNo: plecto.CheckboxInput}

// refuseInputs notes which types of field Plecto refuses by name or, where it names none, all but text; it reports whether
// there is something left to try.
func refuseInputs(plain map[plecto.Input]bool, refusal error) bool {
	var named, all []plecto.Input
	for _, input := range inputs {
		if input == plecto.TextInput || plain[input] {
			continue
		}
		all = append(all, input)
		if strings.Contains(refusal.Error(), string(input)) {
			named = append(named, input)
		}
	}
	if named == nil {
		named = all
	}
	for _, input := range named {
		plain[input] = true
	}
	return len(named) > 0
}

func titlesOf(fields []Field) []string {
	titles := make([]string, len(fields))
	for i, f := range fields {
		titles[i] = f.Title
	}
	return titles
}
