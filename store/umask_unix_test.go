//go:build unix

package store_test

import (
	"syscall"
	"testing"
)

// withoutUmask lets a test see the modes that are asked for.
func withoutUmask(t *testing.T) {
	old := syscall.Umask(0)
	t.Cleanup(func() { syscall.Umask(old) })
}
