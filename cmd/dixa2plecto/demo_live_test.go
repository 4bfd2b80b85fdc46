package main

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
)

func TestTheDemoFindsWhateverDiffers(t *testing.T) {
	d, err := newDemo(time.Now().UTC(), 1, 5)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	a := &app{world: world{stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}}
	commands := append(addEachKind(), []string{"import", "--from", "-2d"}, []string{"push"})
	if err := a.demoRun(t.Context(), d, commands...); err != nil {
		t.Fatal(err)
	}
	if found, err := d.compare(time.Time{}); err != nil || found.Conversations == 0 || found.Messages == 0 || found.Activities == 0 {
		t.Fatalf("%+v %v", found, err)
	}
	differs := func(what string) {
		t.Helper()
		if _, err := d.compare(time.Time{}); err == nil {
			t.Error("not found: " + what)
		}
	}

	for _, source := range d.plecto.DataSources() {
		row := d.plecto.Registrations(source.UUID)[0]
		for _, title := range []string{"Status", "Queue", "Updated at", "Tags", "Direction", "Activity", "Conversation"} {
			value, there := row.Fields[title]
			if !there {
				continue
			}
			d.plecto.Edit(source.UUID, row.ExternalID, map[string]any{title: "2026-01-31T08:00:00+00:00"})
			differs(title + " in " + source.Title)
			d.plecto.Edit(source.UUID, row.ExternalID, map[string]any{title: value})
		}
	}

	before := d.world.Conversations()[0]
	var later map[string]any
	if err := json.Unmarshal(before, &later); err != nil {
		t.Fatal(err)
	}
	later["updated_at"] = time.Now().UnixMilli()
	text, err := json.Marshal(later)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.world.Put("conversations", text); err != nil {
		t.Fatal(err)
	}
	differs("a conversation that changed in Dixa")
	if err := d.world.Put("conversations", before); err != nil {
		t.Fatal(err)
	}
	if _, err := d.compare(time.Time{}); err != nil {
		t.Fatal(err)
	}

	// The last kind first, since the comparison ends with the first that differs.
	for i, source := range slices.Backward(d.plecto.DataSources()) {
		d.plecto.Delete(source.UUID, d.plecto.Registrations(source.UUID)[0].ExternalID)
		if _, err := d.compare(time.Time{}); err == nil || !strings.Contains(err.Error(), bridge.Kinds()[i]) {
			t.Errorf("one of %s is missing: %v", source.Title, err)
		}
	}
}
