package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"
)

func TestOnlyAKeyringThatAnswersHoldsNothing(t *testing.T) {
	locked := dbus.Error{Name: "org.freedesktop.Secret.Error.IsLocked"}
	for _, row := range []struct {
		name   string
		answer error
		file   bool // something is stored there
		there  bool
		fails  bool
	}{
		{"nothing in it", keyring.ErrNotFound, false, false, false},
		{"nothing in it, but in the file", keyring.ErrNotFound, true, true, false},
		{"no keyring on the bus", dbus.Error{Name: "org.freedesktop.DBus.Error.ServiceUnknown"}, false, false, false},
		{"a locked keyring", locked, false, false, true},
		{"a locked keyring and something in the file", locked, true, true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			keyring.MockInitWithError(row.answer)
			v := vault{"default", filepath.Join(t.TempDir(), "default.json")}
			if row.file {
				if err := os.WriteFile(v.path, []byte("{}"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			there, err := v.clear(t.Context())
			_, fileErr := os.Stat(v.path)
			if there != row.there || (err != nil) != row.fails || fileErr == nil {
				t.Errorf("there: %v, %v; the file: %v", there, err, fileErr)
			}
		})
	}
}

func TestAKeyringThatDoesNotAnswerIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := make(chan struct{})
		defer close(silent)
		call := func() (string, error) { <-silent; return "", nil }
		began := time.Now()
		if _, err := keyringCall(t.Context(), keyringWrites, call); err == nil || time.Since(began) != time.Minute {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		stopped := errors.New("stopped")
		ctx, stop := context.WithCancelCause(t.Context())
		stop(stopped)
		if _, err := keyringCall(ctx, keyringWrites, call); !errors.Is(err, stopped) {
			t.Error(err)
		}
	})
}

func TestTheVaultReplacesNothingThatItCouldNotRead(t *testing.T) {
	locked := dbus.Error{Name: "org.freedesktop.Secret.Error.IsLocked"}
	const held = `{"DIXA_API_TOKEN":"example"}`
	newer := func(before string) string {
		// Whoever sits there unlocks it meanwhile.
		keyring.MockInit()
		if err := keyring.Set(keyringService, "default", held); err != nil {
			t.Fatal(err)
		}
		return "0123"
	}
	for name, file := range map[string]string{"no file": "", "a file": `{"PLECTO_EMAIL":"plecto-api@example.com"}`} {
		t.Run(name, func(t *testing.T) {
			keyring.MockInitWithError(locked)
			v := vault{"default", filepath.Join(t.TempDir(), "default.json")}
			if file != "" {
				if err := os.WriteFile(v.path, []byte(file), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			from, err := v.change(t.Context(), webhookSecret, newer)
			if file == "" {
				if _, ok := errors.AsType[dbus.Error](err); !ok || from != "" {
					t.Errorf("stored in %q, %v", from, err)
				}
				if _, err := os.Stat(v.path); err == nil {
					t.Error("there is a file")
				}
				return
			}
			if err != nil || from != "file "+v.path {
				t.Errorf("stored in %q, %v", from, err)
			}
			if text, err := keyring.Get(keyringService, "default"); err != nil || text != held {
				t.Errorf("the keyring holds %q, %v", text, err)
			}
			stored, err := v.readFile()
			if err != nil || stored[plectoEmail].value != "plecto-api@example.com" || stored[webhookSecret].value != "0123" {
				t.Errorf("%d in the file, %v", len(stored), err)
			}
		})
	}
}

func TestTheVaultKeepsWhatIsNotChanged(t *testing.T) {
	keyring.MockInitWithError(dbus.Error{Name: "org.freedesktop.DBus.Error.ServiceUnknown"})
	v := vault{"default", filepath.Join(t.TempDir(), "default.json")}
	change := func(name, value string) {
		t.Helper()
		if _, err := v.change(t.Context(), name, func(string) string { return value }); err != nil {
			t.Fatal(err)
		}
	}
	change(webhookSecret, "")
	if _, err := os.Stat(v.path); err == nil {
		t.Error("nothing was to be stored")
	}
	change(dixaToken, "example")
	change(webhookSecret, "0123")
	if stored, err := v.load(t.Context()); err != nil || stored[dixaToken].value != "example" || stored[webhookSecret].value != "0123" {
		t.Errorf("%v, %v", len(stored), err)
	}
	change(dixaToken, "")
	change(webhookSecret, "")
	if _, err := os.Stat(v.path); err == nil {
		t.Error("it holds nothing, and is there")
	}
}
