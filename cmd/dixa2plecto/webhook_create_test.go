package main

import "testing"

func TestTheNewestSecretStandsFirstAndThoseBeforeStay(t *testing.T) {
	for _, row := range []struct{ stored, secret, with, without string }{
		{"", "aa", "aa", ""},
		{"aa", "aa", "aa", ""},
		{"AA", "aa", "aa", ""},
		{"aa", "bb", "bb,aa", "aa"},
		{"bb,aa", "bb", "bb,aa", "aa"},
		{"bb,aa", "aa", "aa,bb", "bb"},
		{"bb,aa", "cc", "cc,bb,aa", "bb,aa"},
		{"cc,bb,aa", "bb", "bb,cc,aa", "cc,aa"},
		{" bb , aa,", "cc", "cc,bb,aa", "bb,aa"},
		{"bb,aa,BB,aa", "cc", "cc,bb,aa", "bb,aa"},
		{"10,09,08,07,06,05,04,03,02,01", "11", "11,10,09,08,07,06,05,04,03,02", "10,09,08,07,06,05,04,03,02,01"},
	} {
		if got := withSecret(row.stored, row.secret); got != row.with {
			t.Errorf("%q with %q: %q", row.stored, row.secret, got)
		}
		if got := withoutSecret(row.stored, row.secret); got != row.without {
			t.Errorf("%q without %q: %q", row.stored, row.secret, got)
		}
	}
}
