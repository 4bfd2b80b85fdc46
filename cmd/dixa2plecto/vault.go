package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/adrg/xdg"
	"github.com/zalando/go-keyring"
)

// A vault keeps the credentials of one profile: in the system's keyring, else in a file that only its owner can read.
// A machine without a keyring is normal.
type vault struct {
	profile, path string
}

func (a *app) vault(cfg config) vault {
	return vault{cfg.profile, filepath.Join(xdg.ConfigHome, "dixa2plecto", cfg.profile+".json")}
}

const (
	keyringService = "dixa2plecto"
	// Without a desktop the keyring may wait for someone to unlock it. Whoever stores, changes or forgets credentials is
	// there to do so; a run from cron is not kept long.
	keyringReads  = 3 * time.Second
	keyringWrites = time.Minute
)

// load returns what is stored, as far as it can be read; nothing stored is no error.
func (v vault) load(ctx context.Context) (credentials, error) {
	stored, _, err := v.read(ctx, keyringReads)
	return stored, err
}

// read returns what is stored, and why the keyring, which may hold something too, could not be read.
func (v vault) read(ctx context.Context, limit time.Duration) (stored credentials, unread, err error) {
	text, err := keyringCall(ctx, limit, func() (string, error) {
		text, err := keyring.Get(keyringService, v.profile)
		if err != nil && noKeyring(err) {
			err = keyring.ErrNotFound
		}
		return text, err
	})
	if err == nil {
		stored, err = decode([]byte(text), "keyring")
		return stored, nil, err
	}
	if !errors.Is(err, keyring.ErrNotFound) {
		unread = err
	}
	stored, err = v.readFile()
	return stored, unread, err
}

func (v vault) readFile() (credentials, error) {
	info, err := os.Stat(v.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return credentials{}, nil
	case err != nil:
		return nil, fmt.Errorf("reading the stored credentials: %w", err)
	case readableByOthers(info):
		return nil, hinted{usagef("%s can be read by others", v.path), "chmod 600 " + v.path + ", and make new credentials if somebody may have read them"}
	}
	file, err := os.ReadFile(v.path)
	if err != nil {
		return nil, fmt.Errorf("reading the stored credentials: %w", err)
	}
	return decode(file, "file "+v.path)
}

func decode(text []byte, from string) (credentials, error) {
	var values map[string]string
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, hinted{fmt.Errorf("the stored credentials (%s) cannot be read", from), "run `dixa2plecto auth logout`, then `dixa2plecto auth login`"}
	}
	found := make(credentials, len(values))
	for name, value := range values {
		found[name] = credential{value, from}
	}
	return found, nil
}

// save stores credentials in place of those stored, and returns where.
func (v vault) save(ctx context.Context, c credentials) (from string, err error) {
	text, err := c.encode()
	if err != nil {
		return "", err
	}
	_, err = keyringCall(ctx, keyringWrites, func() (string, error) { return "", keyring.Set(keyringService, v.profile, string(text)) })
	switch {
	case err == nil:
		return "keyring", os.RemoveAll(v.path)
	case ctx.Err() != nil:
		return "", err
	}
	return v.saveFile(c)
}

func (v vault) saveFile(c credentials) (from string, err error) {
	text, err := c.encode()
	if err == nil {
		err = writeSecret(v.path, text)
	}
	if err != nil {
		return "", fmt.Errorf("storing the credentials: %w", err)
	}
	return "file " + v.path, nil
}

func (c credentials) encode() ([]byte, error) {
	values := make(map[string]string, len(c))
	for name, one := range c {
		values[name] = one.value
	}
	return json.Marshal(values)
}

// change stores what a function makes of one of the credentials, where that is something else; empty forgets it. It
// returns where it is stored. A keyring that cannot be read is left alone, since its one entry may hold others too: then
// the file is changed, or nothing where there is none.
func (v vault) change(ctx context.Context, name string, change func(string) string) (from string, err error) {
	stored, unread, err := v.read(ctx, keyringWrites)
	if err == nil && unread != nil && len(stored) == 0 {
		err = fmt.Errorf("reading the keyring: %w", unread)
	}
	if err != nil {
		return "", err
	}
	before := stored[name]
	switch value := change(before.value); value {
	case before.value:
		return before.from, nil
	case "":
		delete(stored, name)
	default:
		stored[name] = credential{value: value}
	}
	switch {
	case unread != nil:
		return v.saveFile(stored)
	case len(stored) == 0:
		_, err = v.clear(ctx)
		return "", err
	}
	return v.save(ctx, stored)
}

// writeSecret replaces a file whole, readable by its owner alone whatever the umask; a link in its place is replaced.
func writeSecret(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// clear forgets what is stored, and reports whether there was anything.
func (v vault) clear(ctx context.Context) (there bool, err error) {
	_, err = keyringCall(ctx, keyringWrites, func() (string, error) {
		err := keyring.Delete(keyringService, v.profile)
		if err != nil && noKeyring(err) {
			err = keyring.ErrNotFound
		}
		return "", err
	})
	there = err == nil
	if errors.Is(err, keyring.ErrNotFound) {
		err = nil
	}
	switch fileErr := os.Remove(v.path); {
	case fileErr == nil:
		there = true
	case !errors.Is(fileErr, fs.ErrNotExist):
		err = errors.Join(err, fileErr)
	}
	return there, err
}

// keyringCall asks the keyring and gives up on it after a while.
func keyringCall(ctx context.Context, limit time.Duration, call func() (string, error)) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the keyring does not answer for %s", limit))
	defer cancel()
	return unlessDone(ctx, call)
}
