package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

// The names of the credentials, which are also their environment variables.
const (
	dixaToken      = "DIXA_API_TOKEN"
	plectoEmail    = "PLECTO_EMAIL"
	plectoPassword = "PLECTO_PASSWORD"
	// webhookSecret holds what Dixa signs its webhooks with: in hex, several with commas between, the newest first.
	webhookSecret = "DIXA_WEBHOOK_SECRET"
)

// credentialNames are those that are stored, in the order in which they are shown.
func credentialNames() []string {
	return []string{dixaToken, plectoEmail, plectoPassword, webhookSecret}
}

// What the receiver asks for beside the signature. They are never stored here: Dixa keeps them with the subscription.
const (
	webhookBasic = "DIXA_WEBHOOK_BASIC" // user:password
	webhookToken = "DIXA_WEBHOOK_TOKEN"
)

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
		c, err := a.given(name)
		if err != nil {
			return nil, err
		}
		if c.from == "" {
			if stored == nil {
				if stored, err = a.vault(cfg).load(ctx); err != nil {
					return nil, err
				}
			}
			c = stored[name]
		}
		if err := oneLine(name, c); err != nil {
			return nil, err
		}
		if c.from != "" {
			found[name] = c
		}
	}
	return found, nil
}

// given reads a credential from the environment, else from the file that the environment names; from is empty where
// neither is set.
func (a *app) given(name string) (credential, error) {
	if value := a.getenv(name); value != "" {
		return credential{strings.TrimSpace(value), "environment"}, nil
	}
	path := a.getenv(name + "_FILE")
	if path == "" {
		return credential{}, nil
	}
	value, err := readSecret(path)
	if err != nil {
		return credential{}, usage(fmt.Errorf("%s_FILE: %w", name, err))
	}
	return credential{value, "file " + path}, nil
}

// oneLine refuses a credential that no header could carry.
func oneLine(name string, c credential) error {
	if strings.ContainsFunc(c.value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return usagef("%s, from the %s, holds a line break or another control character", name, c.from)
	}
	return nil
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

// webhookSecrets returns what webhooks are signed with, the newest first; never none without an error.
func (a *app) webhookSecrets(ctx context.Context, cfg config) (dixa.Secrets, error) {
	found, err := a.lookup(ctx, cfg, []string{webhookSecret})
	if err != nil {
		return nil, err
	}
	c := found[webhookSecret]
	if c.value == "" {
		return nil, hinted{fmt.Errorf("%w: %s", errCredentials, webhookSecret),
			"run `dixa2plecto webhook create`, which stores it, or set the environment to the secret of the subscription in Dixa (Settings, Integrations, Webhooks)"}
	}
	secrets, err := dixa.ParseSecrets(c.value)
	if err != nil {
		return nil, usage(fmt.Errorf("%s, from the %s: %w", webhookSecret, c.from, err))
	}
	return secrets, nil
}

// webhookAuthorization returns what webhooks carry in their Authorization beside the signature; the zero value where
// nothing is asked for.
func (a *app) webhookAuthorization() (dixa.Authorization, error) {
	var given [2]credential
	for i, name := range []string{webhookBasic, webhookToken} {
		c, err := a.given(name)
		if err == nil {
			err = oneLine(name, c)
		}
		if err != nil {
			return dixa.Authorization{}, err
		}
		given[i] = c
	}
	basic, token := given[0], given[1]
	if basic.value == "" {
		return dixa.Authorization{Token: token.value}, nil
	}
	user, password, ok := strings.Cut(basic.value, ":")
	switch {
	case token.value != "":
		return dixa.Authorization{}, usagef("%s and %s exclude each other: a webhook carries one of them", webhookBasic, webhookToken)
	case !ok || user == "" || password == "":
		return dixa.Authorization{}, usagef("%s, from the %s, is not user:password", webhookBasic, basic.from)
	}
	return dixa.Authorization{Username: user, Password: password}, nil
}
