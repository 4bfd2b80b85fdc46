package main

import "io/fs"

// readableByOthers cannot be told from the mode on Windows: files in a user's profile are theirs alone.
func readableByOthers(fs.FileInfo) bool { return false }
