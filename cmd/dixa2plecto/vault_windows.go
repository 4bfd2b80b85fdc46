package main

import "io/fs"

// readableByOthers cannot be told from the mode on Windows: files in a user's profile are theirs alone.
func readableByOthers(fs.FileInfo) bool { return false }

// noKeyring is never why the keyring failed: Windows always has one.
func noKeyring(error) bool { return false }
