package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be a process of the chaos tests, and inboxbot
// itself when a script runs it.
func TestMain(m *testing.M) {
	if code, ran := chaosChild(); ran {
		os.Exit(code)
	}
	testscript.Main(m, map[string]func(){"inboxbot": main})
}
