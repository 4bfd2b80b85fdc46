package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/adrg/xdg"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/plecto"
)

// A config is what flags and environment say, credentials apart.
type config struct {
	profile, db                   string
	exportsURL, apiURL, plectoURL string
	limits                        bridge.Limits
}

var profileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// config reads flags and environment; flags win.
func (a *app) config() (config, error) {
	var c config
	c.profile = cmp.Or(a.profile, a.getenv("DIXA2PLECTO_PROFILE"), "default")
	if !profileName.MatchString(c.profile) {
		return c, usagef("%q is no name for a profile: letters, digits, dots, dashes and underscores", c.profile)
	}
	c.db = cmp.Or(a.db, a.getenv("DIXA2PLECTO_DB"), filepath.Join(a.stateHome(), "dixa2plecto", c.profile+".db"))
	var err error
	if c.exportsURL, err = a.baseURL("DIXA_EXPORTS_URL", dixa.DefaultExportsURL); err != nil {
		return c, err
	}
	if c.apiURL, err = a.baseURL("DIXA_API_URL", dixa.DefaultAPIURL); err != nil {
		return c, err
	}
	if c.plectoURL, err = a.baseURL("PLECTO_URL", plecto.DefaultURL); err != nil {
		return c, err
	}
	c.limits = bridge.DefaultLimits()
	for _, one := range []struct {
		name  string
		limit *int
	}{
		{"DIXA_CONVERSATION_EXPORTS_PER_MINUTE", &c.limits.ConversationExportsPerMinute},
		{"DIXA_MESSAGE_EXPORTS_PER_MINUTE", &c.limits.MessageExportsPerMinute},
		{"DIXA_API_REQUESTS_PER_SECOND", &c.limits.DixaAPIRequestsPerSecond},
		{"PLECTO_REQUESTS_PER_HOUR", &c.limits.PlectoRequestsPerHour},
	} {
		text := strings.TrimSpace(a.getenv(one.name))
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return c, usagef("%s is %q: it takes a whole number, 0 for no limit", one.name, text)
		}
		*one.limit = n
	}
	return c, nil
}

// stateHome is where programs keep what they can make again. Without HOME, as in an empty container, it lies in the home
// that the system has for the user.
func (a *app) stateHome() string {
	u, err := user.Current()
	if runtime.GOOS == "windows" || a.getenv("HOME") != "" || a.getenv("XDG_STATE_HOME") != "" || err != nil {
		return xdg.StateHome
	}
	return filepath.Join(u.HomeDir, ".local", "state")
}

// baseURL reads an address from the environment.
func (a *app) baseURL(name, fallback string) (string, error) {
	text := strings.TrimSpace(a.getenv(name))
	if text == "" {
		return fallback, nil
	}
	address, err := parseBaseURL(text)
	if err != nil {
		return "", usage(fmt.Errorf("%s: %w", name, err))
	}
	return address, nil
}

// parseBaseURL takes https, and http to this machine only: credentials go with every request. What is wrong is said
// without repeating the address, which may hold a password.
func parseBaseURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", errors.New("it is not an address like https://host/path")
	case u.User != nil:
		return "", errors.New("it holds a user name or password, which belong in the credentials")
	case u.Scheme != "https" && u.Scheme != "http", u.Opaque != "", u.Hostname() == "":
		return "", errors.New("it is not an address like https://host/path")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("it has a query or a fragment, where only host and path make sense")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", errors.New("plain http would send the credentials in the clear; it is for this machine only (localhost, 127.0.0.0/8, [::1])")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// loopback reports whether a host is this machine, going by its spelling alone.
func loopback(host string) bool {
	if host == "localhost" || host == "::1" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && !strings.Contains(host, ":") && ip.IsLoopback()
}
