package bridge

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dixa2plecto/dixa2plecto/store"
)

var hex32 = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ParseUUID takes a UUID with or without dashes and returns it as Plecto shows it, 32 lower-case hex digits.
func ParseUUID(text string) (string, error) {
	uuid := strings.ToLower(strings.ReplaceAll(text, "-", ""))
	if !hex32.MatchString(uuid) {
		return "", fmt.Errorf("%w: %q is not a UUID: 32 hex digits, dashes or not", ErrUsage, text)
	}
	return uuid, nil
}

var sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// checkKind refuses what is no kind of record.
func checkKind(kind string) error {
	if !slices.Contains(Kinds(), kind) {
		return fmt.Errorf("%w: there is no kind %q, only %s", ErrUsage, kind, strings.Join(Kinds(), ", "))
	}
	return nil
}

// Link makes a data source that exists in Plecto a source of a kind, and asks nobody. The same link again replaces what was
// chosen for it, where a choice is given, and nothing else; added says whether it is new. Without a name, the first
// source of a kind is called like the kind, later ones get a number.
func (b *Bridge) Link(ctx context.Context, kind, uuid, name string, choice *store.Choice) (src store.Source, added bool, err error) {
	if err := checkKind(kind); err != nil {
		return src, false, err
	}
	if uuid, err = ParseUUID(uuid); err != nil {
		return src, false, err
	}
	if src, err = b.Linked(ctx, uuid); err != nil {
		return src, false, err
	}
	if src.ID != 0 {
		if src.Kind != kind || name != "" && name != src.Name {
			return src, false, fmt.Errorf("%w: data source %s is linked already, for %s as %q", ErrUsage, uuid, src.Kind, src.Name)
		}
		if choice != nil {
			src.Choice = *choice
			err = b.Store.Choose(ctx, src)
		}
		return src, false, err
	}
	sources, err := b.Store.Sources(ctx)
	if err != nil {
		return src, false, err
	}
	if name, err = nameFor(sources, kind, name); err != nil {
		return src, false, err
	}
	src = store.Source{Name: name, Kind: kind, UUID: uuid, Title: title(kind)}
	if choice != nil {
		src.Choice = *choice
	}
	src, err = b.Store.AddSource(ctx, src)
	return src, true, err
}

// Linked returns the source that a data source is linked as; the zero one where it is none.
func (b *Bridge) Linked(ctx context.Context, uuid string) (store.Source, error) {
	uuid, err := ParseUUID(uuid)
	if err != nil {
		return store.Source{}, err
	}
	sources, err := b.Store.Sources(ctx)
	for _, src := range sources {
		if src.UUID == uuid {
			return src, err
		}
	}
	return store.Source{}, err
}

// nameFor returns what a new source is called: its name, or the kind, with a number where that is taken.
func nameFor(sources []store.Source, kind, name string) (string, error) {
	taken := func(name string) bool {
		return slices.ContainsFunc(sources, func(s store.Source) bool { return s.Name == name })
	}
	switch {
	case name == "":
		name = kind
		for n := 2; taken(name); n++ {
			name = kind + "-" + strconv.Itoa(n)
		}
	case !sourceName.MatchString(name):
		return "", fmt.Errorf("%w: %q is no name for a source: small letters, digits, dots, dashes and underscores", ErrUsage, name)
	case taken(name):
		return "", fmt.Errorf("%w: there is a source %q already", ErrUsage, name)
	}
	return name, nil
}

// title is what a source is called where Plecto has not told its own title.
func title(kind string) string { return "Dixa " + kind }
