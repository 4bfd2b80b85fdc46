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

// Link makes a data source that exists in Plecto a source of a kind, and asks nobody. The same link again changes
// nothing; added says whether it is new. Without a name, the first source of a kind is called like the kind, later ones
// get a number.
func (b *Bridge) Link(ctx context.Context, kind, uuid, name string) (src store.Source, added bool, err error) {
	if !slices.Contains(Kinds(), kind) {
		return src, false, fmt.Errorf("%w: there is no kind %q, only %s", ErrUsage, kind, strings.Join(Kinds(), " and "))
	}
	if uuid, err = ParseUUID(uuid); err != nil {
		return src, false, err
	}
	if name != "" && !sourceName.MatchString(name) {
		return src, false, fmt.Errorf("%w: %q is no name for a source: small letters, digits, dots, dashes and underscores", ErrUsage, name)
	}
	sources, err := b.Store.Sources(ctx)
	if err != nil {
		return src, false, err
	}
	for _, s := range sources {
		if s.UUID != uuid {
			continue
		}
		if s.Kind != kind || name != "" && name != s.Name {
			return src, false, fmt.Errorf("%w: data source %s is linked already, for %s as %q", ErrUsage, uuid, s.Kind, s.Name)
		}
		return s, false, nil
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(sources, func(s store.Source) bool { return s.Name == name })
	}
	if name == "" {
		name = kind
		for n := 2; taken(name); n++ {
			name = kind + "-" + strconv.Itoa(n)
		}
	} else if taken(name) {
		return src, false, fmt.Errorf("%w: there is a source %q already", ErrUsage, name)
	}
	src, err = b.Store.AddSource(ctx, store.Source{Name: name, Kind: kind, UUID: uuid, Title: title(kind)})
	return src, true, err
}

// title is what a source is called where Plecto has not told its own title.
func title(kind string) string { return "Dixa " + kind }
