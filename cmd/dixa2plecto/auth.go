package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
)

func (a *app) authCommand() *cobra.Command {
	c := &cobra.Command{Use: "auth", Short: "Store and check the credentials",
		Example: `  dixa2plecto auth login
  dixa2plecto auth status`}
	return a.group(c, a.authLoginCommand(), a.authStatusCommand(), a.authLogoutCommand())
}

func (a *app) authLoginCommand() *cobra.Command {
	var email string
	var withToken, withPassword bool
	c := a.command(&cobra.Command{
		Use:   "login",
		Short: "Ask for the credentials, check and store them",
		Long: `Ask for the Dixa token and the Plecto login, check them against both services,
and store them in the system's keyring, else in a file that only you can read.

--with-token and --with-password read from standard input instead, a line each
and in that order.`,
		Example: `  dixa2plecto auth login
  pass show dixa | dixa2plecto auth login --with-token
  printf '%s\n' "$TOKEN" "$PASSWORD" | dixa2plecto auth login --with-token --with-password --email plecto-api@example.com`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error {
		return noProgress(ctx, a.login(ctx, email, withToken, withPassword))
	})
	c.Flags().StringVar(&email, "email", "", "e-mail of the Plecto employee")
	c.Flags().BoolVar(&withToken, "with-token", false, "read the Dixa token from standard input")
	c.Flags().BoolVar(&withPassword, "with-password", false, "read the Plecto password from standard input")
	return c
}

func (a *app) login(ctx context.Context, email string, withToken, withPassword bool) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	given, err := a.askCredentials(ctx, email, withToken, withPassword)
	if err != nil {
		return err
	}
	v := a.vault(cfg)
	creds, err := v.load(ctx)
	if err != nil {
		return err
	}
	for name, value := range given {
		creds[name] = credential{value: value}
	}
	if (creds[plectoEmail].value == "") != (creds[plectoPassword].value == "") {
		return usagef("Plecto takes an e-mail and a password together: give both --email and the password")
	}
	checks, organization := a.check(ctx, cfg, creds)
	for _, c := range checks {
		if c.Err != nil {
			return fmt.Errorf("%w; nothing was stored", c.Err)
		}
	}
	from, err := v.save(ctx, creds)
	if err != nil {
		return err
	}
	return a.result(struct {
		OK           bool          `json:"ok"`
		Organization string        `json:"organization,omitempty"`
		Stored       string        `json:"stored"`
		Services     []serviceJSON `json:"services"`
	}{true, organization, from, answers(checks)}, func() error {
		if organization != "" {
			fmt.Fprintf(a.stdout, "Connected to %s.\n", plain(organization))
		}
		for _, c := range checks {
			if c.Skipped != "" {
				fmt.Fprintf(a.stdout, "%s was not asked: %s.\n", c.Service, plain(c.Skipped))
			}
		}
		_, err := fmt.Fprintf(a.stdout, "Stored in the %s.\n", plain(from))
		return err
	})
}

// noProgress says what to do about trouble in a command that makes none to be kept.
func noProgress(ctx context.Context, err error) error {
	_, knows := errors.AsType[hinted](err)
	switch {
	case err != nil && ctx.Err() != nil:
		return hinted{context.Cause(ctx), ""}
	case !knows && exitCode(err) == exitTemporary:
		return hinted{err, "try again later"}
	}
	return err
}

// check asks the services that there are credentials for. The requests count in the budgets where there is a cache.
func (a *app) check(ctx context.Context, cfg config, creds credentials) ([]bridge.Check, string) {
	log := a.logger(a.stderr)
	b := &bridge.Bridge{Limits: cfg.limits, Log: log}
	if s, err := openExisting(ctx, cfg.db); err == nil {
		defer s.Close()
		b.Store = s
	}
	var needs need
	if creds[dixaToken].value != "" {
		needs |= needDixa
	}
	if creds[plectoPassword].value != "" && creds[plectoEmail].value != "" {
		needs |= needPlecto
	}
	b.Dixa, b.Plecto = a.clients(cfg, creds, needs, usualPatience, log)
	return b.Check(ctx)
}

func (a *app) authStatusCommand() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "status",
		Short: "Show what is set, where from, and whether each service accepts it",
		Example: `  dixa2plecto auth status
  dixa2plecto auth status --json`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error { return noProgress(ctx, a.authStatus(ctx)) })
}

type credentialJSON struct {
	Name string `json:"name"`
	Set  bool   `json:"set"`
	From string `json:"from,omitempty"`
}

type serviceJSON struct {
	Service  string `json:"service"`
	Accepted bool   `json:"accepted"`
	Error    string `json:"error,omitempty"`
	Skipped  string `json:"skipped,omitempty"`
}

func answers(checks []bridge.Check) []serviceJSON {
	all := make([]serviceJSON, 0, len(checks))
	for _, c := range checks {
		s := serviceJSON{Service: c.Service, Accepted: c.OK, Skipped: c.Skipped}
		if c.Err != nil {
			s.Error = message(c.Err)
		}
		all = append(all, s)
	}
	return all
}

func (a *app) authStatus(ctx context.Context) error {
	cfg, err := a.config()
	if err != nil {
		return err
	}
	creds, err := a.lookup(ctx, cfg, credentialNames())
	if err != nil {
		return err
	}
	checks, organization := a.check(ctx, cfg, creds)
	doc := struct {
		OK           bool             `json:"ok"`
		Profile      string           `json:"profile"`
		Organization string           `json:"organization,omitempty"`
		Credentials  []credentialJSON `json:"credentials"`
		Services     []serviceJSON    `json:"services"`
	}{Profile: cfg.profile, Organization: organization, Services: answers(checks)}
	var lacks []string
	for _, name := range credentialNames() {
		c := creds[name]
		doc.Credentials = append(doc.Credentials, credentialJSON{name, c.value != "", c.from})
		if c.value == "" && name != webhookSecret { // which only those who receive webhooks need
			lacks = append(lacks, name)
		}
	}
	var failed error
	for _, c := range checks {
		failed = errors.Join(failed, c.Err)
	}
	if len(lacks) > 0 {
		failed = errors.Join(missingCredentials(lacks), failed)
	}
	doc.OK = failed == nil
	err = a.result(doc, func() error {
		t := table{header: []string{"CREDENTIAL", "VALUE", "FROM"}}
		for _, c := range doc.Credentials {
			value := "not set"
			if c.Set {
				value = "***"
			}
			t.add(c.Name, value, c.From)
		}
		if err := t.print(a.stdout); err != nil || len(checks) == 0 {
			return err
		}
		fmt.Fprintln(a.stdout)
		t = table{header: []string{"SERVICE", "ANSWER"}}
		for _, s := range doc.Services {
			switch {
			case s.Accepted && s.Service == "Dixa API":
				t.add(s.Service, "accepts them: "+organization)
			case s.Accepted:
				t.add(s.Service, "accepts them")
			case s.Skipped != "":
				t.add(s.Service, "not asked: "+s.Skipped)
			default:
				t.add(s.Service, s.Error)
			}
		}
		return t.print(a.stdout)
	})
	return errors.Join(failed, err)
}

func (a *app) authLogoutCommand() *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "logout",
		Short: "Forget the stored credentials",
		Example: `  dixa2plecto auth logout
  dixa2plecto auth logout --profile nordic`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, _ []string) error {
		cfg, err := a.config()
		if err != nil {
			return err
		}
		there, err := a.vault(cfg).clear(ctx)
		if err != nil {
			return noProgress(ctx, fmt.Errorf("forgetting the credentials: %w", err))
		}
		return a.result(struct {
			OK      bool `json:"ok"`
			Removed bool `json:"removed"`
		}{true, there}, func() error {
			text := "Nothing was stored."
			if there {
				text = "The stored credentials are removed."
			}
			_, err := fmt.Fprintln(a.stdout, text)
			return err
		})
	})
}
