package main

import "testing"

func TestTheNewestSecretStandsFirstAndTheOneBeforeStays(t *testing.T) {
	for _, row := range []struct{ stored, secret, with, without string }{
		{"", "aa", "aa", ""},
		{"aa", "aa", "aa", ""},
		{"AA", "aa", "aa", ""},
		{"aa", "bb", "bb,aa", "aa"},
		{"bb,aa", "bb", "bb,aa", "aa"},
		{"bb,aa", "aa", "aa,bb", "bb"},
		{"bb,aa", "cc", "cc,bb", "bb,aa"},
		{" bb , aa,", "cc", "cc,bb", "bb,aa"},
	} {
		if got := withSecret(row.stored, row.secret); got != row.with {
			t.Errorf("%q with %q: %q", row.stored, row.secret, got)
		}
		if got := withoutSecret(row.stored, row.secret); got != row.without {
			t.Errorf("%q without %q: %q", row.stored, row.secret, got)
		}
	}
}
