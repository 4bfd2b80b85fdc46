//go:build race

package dixa_test

// Under the race detector everything takes several times as long: what is repeated for more chances is repeated less.
const raced = true
