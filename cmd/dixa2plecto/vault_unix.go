//go:build !windows

package main

import (
	"errors"
	"io/fs"
	"runtime"

	"github.com/godbus/dbus/v5"
)

func readableByOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// noKeyring reports whether the keyring failed because the machine has none: no session bus, or nobody on it who keeps
// secrets. macOS always has one.
// https://dbus.freedesktop.org/doc/dbus-specification.html#message-bus-starting-services
func noKeyring(err error) bool {
	if runtime.GOOS == "darwin" {
		return false
	}
	if e, ok := errors.AsType[dbus.Error](err); ok {
		return e.Name == "org.freedesktop.DBus.Error.ServiceUnknown"
	}
	_, err = dbus.SessionBus()
	return err != nil
}
