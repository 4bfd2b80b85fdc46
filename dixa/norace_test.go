//go:build !race

package dixa_test

const raced = false
