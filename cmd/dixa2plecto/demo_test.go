package main

import (
	"io"
	"testing"
	"time"
)

func TestTheDemoDoesNotNoticeMidnight(t *testing.T) {
	d, err := newDemo(time.Now().UTC().AddDate(0, 0, -1), demoDays, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	a := &app{world: world{stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}}
	if err := a.runDemo(t.Context(), d); err != nil {
		t.Error(err)
	}
}
