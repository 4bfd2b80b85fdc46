package bridge

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// Choose reads which fields a source of a kind is to have: keys with commas between, in their own order. Keys with a plus
// or a minus before them change the usual ones; without any sign the keys are all there is. Globs stand for every
// field that they match and that is not personal; of custom attributes, for those in the cache. Nothing chosen gives nil.
func (b *Bridge) Choose(ctx context.Context, kind, choice string) ([]string, error) {
	if strings.TrimSpace(choice) == "" {
		return nil, nil
	}
	var there []Field // loaded when a glob asks for it
	keys := keysOf(Usual(kind))
	for i, term := range strings.Split(choice, ",") {
		term = strings.TrimSpace(term)
		key := strings.TrimLeft(term, "+-")
		if i == 0 && key == term {
			keys = nil
		}
		if key == "" {
			return nil, fmt.Errorf("%w: the choice of fields %q has an empty key", ErrUsage, choice)
		}
		glob := strings.ContainsAny(key, `*?[`)
		if _, err := path.Match(key, ""); err != nil {
			return nil, fmt.Errorf("%w: %q is not a glob", ErrUsage, key)
		}
		if _, ok := field(kind, key); !ok && !glob {
			return nil, fmt.Errorf("%w: %s have no field %q%s", ErrUsage, kind, key, near(kind, key))
		}
		if strings.HasPrefix(term, "-") {
			keys = slices.DeleteFunc(keys, func(one string) bool { return one == key || glob && like(key, one) })
			continue
		}
		named := []string{key}
		if glob {
			if there == nil {
				var err error
				if there, err = b.fieldsThere(ctx, kind); err != nil {
					return nil, err
				}
			}
			if named = matching(there, key); len(named) == 0 {
				return nil, fmt.Errorf("%w: no field is called like %q; personal ones are to be written out, and custom attributes have to be in the cache", ErrUsage, key)
			}
		}
		for _, key := range named {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: the choice of fields %q leaves none", ErrUsage, choice)
	}
	return keys, clash(kind, keys)
}

// fieldsThere returns all fields of a kind with the custom attributes that records in the cache have.
func (b *Bridge) fieldsThere(ctx context.Context, kind string) ([]Field, error) {
	all := Fields(kind)
	if kind != string(dixa.Conversations) {
		return all, nil
	}
	identifiers, err := b.Store.CustomAttributes(ctx)
	for _, one := range identifiers {
		all = append(all, customField(one))
	}
	return all, err
}

// matching returns the keys of the fields that a glob stands for.
func matching(there []Field, glob string) []string {
	var keys []string
	for _, f := range there {
		if !f.Personal && like(glob, f.Key) {
			keys = append(keys, f.Key)
		}
	}
	return keys
}

// like reports whether a key matches a glob, for which a slash is a character like any other.
func like(glob, key string) bool {
	flat := strings.NewReplacer("/", "\x00")
	ok, _ := path.Match(flat.Replace(glob), flat.Replace(key))
	return ok
}

// near suggests fields with a part of a key that is unknown.
func near(kind, key string) string {
	var like []string
	for _, f := range Fields(kind) {
		for part := range strings.SplitSeq(key, "_") {
			if len(part) > 3 && strings.Contains(f.Key, part) && len(like) < 4 && !slices.Contains(like, f.Key) {
				like = append(like, f.Key)
			}
		}
	}
	if like == nil {
		return ""
	}
	return "; there are " + strings.Join(like, ", ")
}

// reserved are the names that a registration uses itself.
// https://docs.plecto.com/kb/guide/en/data-model-ogjh1WAsLY/Steps/2277499
var reserved = []string{"data_source", "external_id", "reference", "date", "team", "member", "member_api_provider", "member_api_id", "member_name", "id", "employee", "created date"}

// clash reports two fields that would have one name in Plecto.
func clash(kind string, keys []string) error {
	titles := map[string]string{}
	for _, key := range keys {
		f, _ := field(kind, key)
		title := strings.ToLower(f.Title)
		if title == "" || title == "custom" || slices.Contains(reserved, title) {
			return fmt.Errorf("%w: nothing is left of the name of field %q that Plecto's formulas could use", ErrUsage, key)
		}
		if other := titles[title]; other != "" {
			return fmt.Errorf("%w: fields %q and %q would both be called %q in Plecto", ErrUsage, other, key, f.Title)
		}
		titles[title] = key
	}
	return nil
}

// PersonalOf returns those of a kind's fields that are personal, by their keys.
func PersonalOf(kind string, keys []string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		f, _ := field(kind, key)
		return !f.Personal
	})
}

// ParseChoice reads the parts of a choice of what a source of a kind is made of.
func (b *Bridge) ParseChoice(ctx context.Context, kind, fields, date, member string) (c store.Choice, err error) {
	if err := checkKind(kind); err != nil {
		return c, err
	}
	if c.Keys, err = b.Choose(ctx, kind, fields); err != nil {
		return c, err
	}
	if c.DateField = date; date == "created_at" {
		c.DateField = ""
	}
	if c.DateField != "" {
		if _, err := dateField(kind, c.DateField); err != nil {
			return c, err
		}
	}
	if c.Member = member; member == MembersOf(kind)[0] {
		c.Member = ""
	}
	if c.Member != "" && !slices.Contains(MembersOf(kind), c.Member) {
		return c, fmt.Errorf("%w: registrations of %s cannot belong to %q, only to %s", ErrUsage, kind, member, strings.Join(MembersOf(kind), ", "))
	}
	return c, nil
}

// dateField returns the field that gives the date of registrations.
func dateField(kind, key string) (Field, error) {
	f, ok := field(kind, key)
	if ok && f.Type == Time {
		return f, nil
	}
	times := []string{"created_at"}
	for _, f := range Fields(kind) {
		if f.Type == Time {
			times = append(times, f.Key)
		}
	}
	return f, fmt.Errorf("%w: %q is no time of %s; there are %s", ErrUsage, key, kind, strings.Join(times, ", "))
}

// chosen returns the fields that a source is to have.
func chosen(src store.Source) ([]Field, error) {
	if src.Keys == nil {
		return Usual(src.Kind), nil
	}
	fields := make([]Field, 0, len(src.Keys))
	for _, key := range src.Keys {
		f, ok := field(src.Kind, key)
		if !ok {
			return nil, fmt.Errorf("bridge: source %q has a field %q, which this version does not know", src.Name, key)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

func keysOf(fields []Field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.Key
	}
	return keys
}
