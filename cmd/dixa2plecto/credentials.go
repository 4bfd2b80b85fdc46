package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// The names of the credentials, which are also their environment variables.
const (
	dixaToken      = "DIXA_API_TOKEN"
	plectoEmail    = "PLECTO_EMAIL"
	plectoPassword = "PLECTO_PASSWORD"
)

// credentialNames are all of them in the order in which they are shown.
func credentialNames() []string { return []string{dixaToken, plectoEmail, plectoPassword} }

// A credential is a secret and where it came from.
type credential struct {
	value string
	from  string // for people; empty where it is not set
}

// credentials holds them by name.
type credentials map[string]credential

// String keeps them out of messages.
func (credentials) String() string { return "***" }

// lookup reads each credential from the environment, else from the file that the environment names, else from what
// `auth login` stored.
func (a *app) lookup(ctx context.Context, cfg config, names []string) (credentials, error) {
	found := make(credentials)
	var stored credentials
	for _, name := range names {
		if value := a.getenv(name); value != "" {
			found[name] = credential{strings.TrimSpace(value), "environment"}
			continue
		}
		if path := a.getenv(name + "_FILE"); path != "" {
			value, err := readSecret(path)
			if err != nil {
				return nil, usage(fmt.Errorf("%s_FILE: %w", name, err))
			}
			found[name] = credential{value, "file " + path}
			continue
		}
		if stored == nil {
			var err error
			if stored, err = a.vault(cfg).load(ctx); err != nil {
				return nil, err
			}
		}
		if c := stored[name]; c.value != "" {
			found[name] = c
		}
	}
	for name, c := range found {
		if strings.ContainsFunc(c.value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, usagef("%s, from the %s, holds a line break or another control character", name, c.from)
		}
	}
	return found, nil
}

// readSecret reads a file that holds one secret.
func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = fmt.Errorf("%s: %w", pe.Path, pe.Err)
		}
		return "", err
	}
	return strings.TrimSpace(string(text)), nil
}

// credentials returns what a command needs of them, or says which are missing and where to get them.
func (a *app) credentials(ctx context.Context, cfg config, needs need) (credentials, error) {
	var names []string
	if needs&needDixa != 0 {
		names = append(names, dixaToken)
	}
	if needs&needPlecto != 0 {
		names = append(names, plectoEmail, plectoPassword)
	}
	found, err := a.lookup(ctx, cfg, names)
	if err != nil {
		return nil, err
	}
	var lacks []string
	for _, name := range names {
		if found[name].value == "" {
			lacks = append(lacks, name)
		}
	}
	if len(lacks) == 0 {
		return found, nil
	}
	return nil, missingCredentials(lacks)
}

func missingCredentials(lacks []string) error {
	hint := "run `dixa2plecto auth login`, or set the environment"
	if lacks[0] == dixaToken {
		hint += "; an administrator makes the token in Dixa under Settings, Integrations, API Tokens"
	}
	if lacks[len(lacks)-1] != dixaToken {
		hint += "; for Plecto take the login of an employee made for this program"
	}
	return hinted{fmt.Errorf("%w: %s", errCredentials, strings.Join(lacks, ", ")), hint}
}
