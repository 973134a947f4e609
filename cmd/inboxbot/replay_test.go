package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The bar is drawn in one line, ten times a second at most, and leaves nothing.
func TestBar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Second)
		var out bytes.Buffer
		b := &bar{w: &out}
		for n := range 1000 {
			b.show("judging", n, 1000)
			time.Sleep(time.Millisecond)
		}
		b.clear()
		if got := strings.Count(out.String(), "judging"); got != 10 {
			t.Errorf("drawn %d times in a second, want 10", got)
		}
		if !strings.Contains(out.String(), "judging  [===============               ] 500 of 1000") {
			t.Errorf("no half of it in %q", out.String())
		}
		if strings.Contains(out.String(), "\n") || !strings.HasSuffix(out.String(), "\r\x1b[K") {
			t.Errorf("something stays of %q", out.String())
		}
	})
}

func TestNoBarWithoutATerminal(t *testing.T) {
	var out bytes.Buffer
	b := newBar(&out)
	b.show("judging", 1, 2)
	b.clear()
	if out.Len() > 0 {
		t.Errorf("printed %q", out.String())
	}
}
