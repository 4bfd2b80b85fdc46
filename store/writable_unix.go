//go:build unix

package store

import (
	"os"
	"syscall"
)

// writable returns why a file cannot be written to.
func writable(path string) error {
	const w = 2 // W_OK
	if err := syscall.Access(path, w); err != nil {
		return &os.PathError{Op: "access", Path: path, Err: err}
	}
	return nil
}
