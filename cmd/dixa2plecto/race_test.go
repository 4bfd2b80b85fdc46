//go:build race

package main_test

// raced says that the tests themselves run under the race detector.
const raced = true
