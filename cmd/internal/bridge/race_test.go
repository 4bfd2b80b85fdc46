//go:build race

package bridge

// Under the race detector everything takes several times as long: what is repeated for more chances is repeated less.
const raced = true
