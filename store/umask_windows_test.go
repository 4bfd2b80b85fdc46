package store_test

import "testing"

func withoutUmask(*testing.T) {}
